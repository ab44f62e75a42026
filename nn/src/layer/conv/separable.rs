//! Depthwise-separable convolution layers.

use super::{Conv, ConvBuilder, Fitted, Settings, common_settings, fits, named};
use crate::layer::{Layer, PaddingMode};
use crate::{Bound, Error, Init, Scope};
use tress_autograd::Value;
use tress_tensor::Float;
use tress_tensor::pointwise::Map;

const NAMES: [&str; 2] = ["separable_conv1d", "separable_conv2d"];

/// A convolution of each channel by itself, and then one of single places across all channels (Chollet 2017, "Xception:
/// deep learning with depthwise separable convolutions"): `kernel + outputs` multiplications a place and channel instead
/// of `kernel times outputs`.
///
/// Its parameters are those of a [`Conv`] in `depthwise`, which has no bias, and of one in `pointwise`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeparableConv<const D: usize> {
    depthwise: Conv<D>,
    pointwise: Conv<D>,
}

/// Sequences: `[N, inputs, L]` to `[N, outputs, l]`.
pub type SeparableConv1d = SeparableConv<1>;

/// Images: `[N, inputs, H, W]` to `[N, outputs, oh, ow]`.
///
/// ```
/// use tress_nn::{Params, SeparableConv2d};
///
/// let mut params = Params::<f32>::new(0);
/// SeparableConv2d::builder(32, 64, [3, 3]).same().build(&mut params.root())?;
/// let names: Vec<&str> = params.entries().map(|entry| entry.name()).collect();
/// assert_eq!(names, ["depthwise.weight", "pointwise.weight", "pointwise.bias"]);
/// assert_eq!(params.len(), 32 * 9 + 32 * 64 + 64);
/// # Ok::<(), tress_nn::Error>(())
/// ```
pub type SeparableConv2d = SeparableConv<2>;

impl<const D: usize> SeparableConv<D> {
    /// The settings of a layer: dense windows at every place, without padding; with bias and without activation.
    pub fn builder(inputs: usize, outputs: usize, kernel: [usize; D]) -> SeparableConvBuilder<D> {
        let settings = Settings::new(inputs, outputs, kernel);
        SeparableConvBuilder { settings, multiplier: 1, activation: None }
    }

    /// The convolution of each channel by itself.
    pub fn depthwise(&self) -> &Conv<D> {
        &self.depthwise
    }

    /// The convolution of single places.
    pub fn pointwise(&self) -> &Conv<D> {
        &self.pointwise
    }
}

impl<const D: usize> Layer for SeparableConv<D>
where
    Conv<D>: Layer,
{
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (own, groups) = (*self.depthwise.weight().shape(), self.depthwise.groups());
        if let Err(error) = fits::<D>(named::<D>(NAMES), &x.shape(), &own, groups) {
            return x.fail(error);
        }
        self.pointwise.apply(bound, &self.depthwise.apply(bound, x))
    }
}

/// The settings of a [`SeparableConv`] layer; those of windows are for the depthwise part, the others for the pointwise.
#[derive(Clone, Copy, Debug)]
pub struct SeparableConvBuilder<const D: usize> {
    settings: Settings<D>,
    multiplier: usize,
    activation: Option<Map>,
}

impl<const D: usize> SeparableConvBuilder<D> {
    common_settings!();

    /// Zeros before and after each axis: `[[top, bottom], [left, right]]` for images.
    pub fn padding(mut self, pad: [[usize; 2]; D]) -> Self {
        (self.settings.sliding.pad, self.settings.fitted) = (pad, None);
        self
    }

    /// As [`ConvBuilder::same`].
    pub fn same(mut self) -> Self {
        self.settings.fitted = Some(Fitted::Same);
        self
    }

    /// What stands where it is padded, in place of zeros.
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// How many results the depthwise part has for each channel; 1 unless set.
    pub fn multiplier(self, multiplier: usize) -> Self {
        Self { multiplier, ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// A window without size or step, a multiplier of 0, `depthwise` or `pointwise` that exist in this scope, or a shape
    /// that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<SeparableConv<D>, Error>
    where
        Conv<D>: Layer,
    {
        let Self { settings, multiplier, activation } = self;
        let of = named::<D>(NAMES);
        settings.check(of)?;
        if multiplier == 0 {
            return Err(Error::Setting { of, why: "each channel needs at least one result" });
        }
        let Settings { inputs, outputs, init, bias, .. } = settings;
        let between = inputs.saturating_mul(multiplier);
        let depthwise = Settings { outputs: between, groups: inputs.max(1), bias: None, ..settings };
        let pointwise = Settings { init, bias, ..Settings::new(between, outputs, [1; D]) };
        Ok(SeparableConv {
            depthwise: ConvBuilder::of(depthwise, None).build(&mut scope.scope("depthwise"))?,
            pointwise: ConvBuilder::of(pointwise, activation).build(&mut scope.scope("pointwise"))?,
        })
    }
}
