//! Transposed convolution layers: from few places to many.

use super::{Settings, common_settings, fits, named};
use crate::layer::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Pointwise, Sliding, Value, Windows};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Shape};

const NAMES: [&str; 2] = ["conv_transpose1d", "conv_transpose2d"];

/// The transpose of a convolution over `D` axes, as a layer: see [`ConvTranspose1d`] and [`ConvTranspose2d`].
///
/// Along each axis, of length `n`, the result has the length
/// `(n - 1) stride + dilation (kernel - 1) + 1 - padding + output padding`. Its parameters are
/// `weight [inputs, outputs / groups, kernel ..]` and `bias [outputs]`, both uniform in
/// `±1 / sqrt(outputs / groups times the taps of a window)`, as PyTorch's are, unless [built](ConvTranspose::builder)
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvTranspose<const D: usize> {
    weight: Handle,
    bias: Option<Handle>,
    sliding: Sliding<D>,
    output_pad: [usize; D],
    groups: usize,
    activation: Option<Map>,
}

/// Spreads sequences: `[N, inputs, L]` to `[N, outputs, l]`.
pub type ConvTranspose1d = ConvTranspose<1>;

/// Spreads images: `[N, inputs, H, W]` to `[N, outputs, oh, ow]`.
///
/// ```
/// use tress_autograd::Outline;
/// use tress_nn::{ConvTranspose2d, Layer, Params};
/// use tress_tensor::Shape;
///
/// let mut params = Params::<f32>::new(0);
/// let wider = ConvTranspose2d::builder(8, 4, [2, 2]).stride([2, 2]).build(&mut params.root())?;
/// let image = Outline::new(Shape::new(&[5, 8, 16, 16])?);
/// assert_eq!(*wider.apply(&params.outline(), &image).inferred()?, [5, 4, 32, 32]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
pub type ConvTranspose2d = ConvTranspose<2>;

impl<const D: usize> ConvTranspose<D> {
    /// The settings of a layer: dense windows, step 1, nothing cut off; with bias and without activation.
    pub fn builder(inputs: usize, outputs: usize, kernel: [usize; D]) -> ConvTransposeBuilder<D> {
        let settings = Settings::new(inputs, outputs, kernel);
        ConvTransposeBuilder { settings, output_pad: [0; D], activation: None }
    }

    /// With a function after it.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// The weights, `[inputs, outputs / groups, kernel ..]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> Option<Handle> {
        self.bias
    }

    /// Steps, padding and dilation of the convolution that this is the transpose of.
    pub fn sliding(&self) -> Sliding<D> {
        self.sliding
    }

    /// How much longer than the shortest possible the result is.
    pub fn output_padding(&self) -> [usize; D] {
        self.output_pad
    }

    /// Into how many independent parts the channels fall.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The function after it.
    pub fn activation_map(&self) -> Option<Map> {
        self.activation
    }
}

macro_rules! spreads {
    ($d:literal, $method:ident) => {
        impl Layer for ConvTranspose<$d> {
            #[track_caller]
            fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
                let (shape, own) = (x.shape(), *self.weight.shape());
                if let Err(error) = fits::<$d>(NAMES[$d - 1], &shape, &own, own[0]) {
                    return x.fail(error);
                }
                let weight = bound.fetch(&self.weight, x);
                let bias = bound.fetch_some(self.bias.as_ref(), x);
                let y = x.$method(weight, bias.as_ref(), self.sliding, self.output_pad, self.groups);
                match self.activation {
                    Some(map) => y.map(map),
                    None => y,
                }
            }
        }
    };
}

spreads!(1, conv_transpose1d);
spreads!(2, conv_transpose2d);

/// The settings of a [`ConvTranspose`] layer.
#[derive(Clone, Copy, Debug)]
pub struct ConvTransposeBuilder<const D: usize> {
    settings: Settings<D>,
    output_pad: [usize; D],
    activation: Option<Map>,
}

impl<const D: usize> ConvTransposeBuilder<D> {
    common_settings!();

    /// What is cut off before and after each axis: `[[top, bottom], [left, right]]` for images.
    pub fn padding(mut self, pad: [[usize; 2]; D]) -> Self {
        self.settings.sliding.pad = pad;
        self
    }

    /// How much longer than the shortest possible the result is along each axis; below the stride. A convolution with a
    /// stride makes several lengths one, so its transpose has to be told.
    pub fn output_padding(self, output_pad: [usize; D]) -> Self {
        Self { output_pad, ..self }
    }

    /// Into how many independent parts the channels fall.
    pub fn groups(mut self, groups: usize) -> Self {
        self.settings.groups = groups;
        self
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// Channels that do not fall into the groups, a window without size or step, output padding that is not below the
    /// stride, `weight` or `bias` that exist in this scope, or a shape that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<ConvTranspose<D>, Error>
    where
        ConvTranspose<D>: Layer,
    {
        let Self { settings, output_pad, activation } = self;
        let of = named::<D>(NAMES);
        settings.check(of)?;
        if output_pad.iter().zip(settings.sliding.stride).any(|(&pad, stride)| pad >= stride) {
            return Err(Error::Setting { of, why: "the output padding must be below the stride" });
        }
        let Settings { inputs, outputs, sliding, groups, init, bias, .. } = settings;
        let weight: Shape = settings.weight(inputs, outputs / groups)?;
        // PyTorch takes the second axis of the weights for what flows in.
        let fans = |init: Init| Settings { inputs: outputs, outputs: inputs, ..settings }.fans(init);
        let weight = scope.parameter("weight", weight, fans(init))?;
        let bias = bias.map(|init| scope.parameter("bias", [outputs], fans(init))).transpose()?;
        Ok(ConvTranspose { weight, bias, sliding, output_pad, groups, activation })
    }
}
