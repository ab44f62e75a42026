//! The convolution layers of sequences and images.

use super::{Fitted, Settings, common_settings, fits, named};
use crate::layer::{Layer, PaddingMode};
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Arrange, Fused, Sliding, Value};
use tress_tensor::pointwise::Map;
use tress_tensor::{Error as Wrong, Float, Shape, Window};

const NAMES: [&str; 2] = ["conv1d", "conv2d"];

/// Slides windows over `D` axes, with bias and activation in the same pass: see [`Conv1d`] and [`Conv2d`].
///
/// As everywhere in the field it is a cross-correlation: the kernel is not flipped. Its parameters are
/// `weight [outputs, inputs / groups, kernel ..]` and `bias [outputs]`, both uniform in
/// `±1 / sqrt(inputs / groups times the taps of a window)` unless [built](Conv::builder) otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv<const D: usize> {
    weight: Handle,
    bias: Option<Handle>,
    sliding: Sliding<D>,
    mode: PaddingMode,
    kernel: [usize; D],
    groups: usize,
    activation: Option<Map>,
}

/// Slides windows over sequences: `[N, inputs, L]` to `[N, outputs, l]`.
pub type Conv1d = Conv<1>;

/// Slides windows over images: `[N, inputs, H, W]` to `[N, outputs, oh, ow]`.
///
/// ```
/// use tress_autograd::Outline;
/// use tress_nn::{Conv2d, Layer, Params};
/// use tress_tensor::Shape;
///
/// let mut params = Params::<f32>::new(0);
/// let conv = Conv2d::builder(3, 8, [3, 3]).stride([2, 2]).padding([[1, 1]; 2]).build(&mut params.root())?;
/// let image = Outline::new(Shape::new(&[5, 3, 32, 32])?);
/// assert_eq!(*conv.apply(&params.outline(), &image).inferred()?, [5, 8, 16, 16]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
pub type Conv2d = Conv<2>;

impl<const D: usize> Conv<D> {
    /// Dense windows of `kernel` places at every place, without padding; with bias and without activation.
    ///
    /// # Errors
    /// As [`ConvBuilder::build`].
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        inputs: usize,
        outputs: usize,
        kernel: [usize; D],
    ) -> Result<Self, Error>
    where
        Self: Layer,
    {
        Self::builder(inputs, outputs, kernel).build(scope)
    }

    /// The settings of a layer: dense windows of `kernel` places at every place, without padding; with bias and without
    /// activation.
    pub fn builder(inputs: usize, outputs: usize, kernel: [usize; D]) -> ConvBuilder<D> {
        ConvBuilder { settings: Settings::new(inputs, outputs, kernel), activation: None }
    }

    /// With a function after it, in the same pass where that is possible.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// The weights, `[outputs, inputs / groups, kernel ..]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> Option<Handle> {
        self.bias
    }

    /// The length of a window along each axis, before dilation.
    pub fn kernel(&self) -> [usize; D] {
        self.kernel
    }

    /// Steps, padding and dilation.
    pub fn sliding(&self) -> Sliding<D> {
        self.sliding
    }

    /// What stands where it is padded.
    pub fn padding_mode(&self) -> PaddingMode {
        self.mode
    }

    /// `x` with its padding, where that is no matter of zeros, and how windows slide over it then.
    #[track_caller]
    fn padded<V: Value>(&self, op: &'static str, x: &V) -> (V, Sliding<D>) {
        match self.mode {
            PaddingMode::Zeros => (x.clone(), self.sliding),
            mode => (mode.around(op, x, self.sliding.pad), self.sliding.pad([[0, 0]; D])),
        }
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

impl Layer for Conv<1> {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (shape, own) = (x.shape(), *self.weight.shape());
        if let Err(error) = fits::<1>(NAMES[0], &shape, &own, own[1] * self.groups) {
            return x.fail(error);
        }
        let (x, sliding) = self.padded(NAMES[0], x);
        let shape = x.shape();
        if shape.rank() != 3 {
            return x; // a mistake
        }
        // A sequence is an image of one row.
        let Sliding { stride: [stride], pad: [pad], dilation: [dilation] } = sliding;
        let window = Window::new([1, shape[2]], [1, self.kernel[0]]);
        let window = window.stride([1, stride]).pad([[0, 0], pad]).dilation([1, dilation]);
        if let Err(error) = reaches(NAMES[0], &window, &shape, &own) {
            return x.fail(error);
        }
        let weight = bound.fetch(&self.weight, &x).unsqueeze(2);
        let bias = bound.fetch_some(self.bias.as_ref(), &x);
        x.unsqueeze(2).conv2d(weight, bias.as_ref(), window, self.groups, self.activation).squeeze(2)
    }
}

impl Layer for Conv<2> {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (shape, own) = (x.shape(), *self.weight.shape());
        if let Err(error) = fits::<2>(NAMES[1], &shape, &own, own[1] * self.groups) {
            return x.fail(error);
        }
        let (x, sliding) = self.padded(NAMES[1], x);
        let shape = x.shape();
        if shape.rank() != 4 {
            return x; // a mistake
        }
        let window = sliding.over([shape[2], shape[3]], self.kernel);
        if let Err(error) = reaches(NAMES[1], &window, &shape, &own) {
            return x.fail(error);
        }
        let weight = bound.fetch(&self.weight, &x);
        let bias = bound.fetch_some(self.bias.as_ref(), &x);
        x.conv2d(weight, bias.as_ref(), window, self.groups, self.activation)
    }
}

/// That there is room for a window.
fn reaches(op: &'static str, window: &Window, x: &Shape, weight: &Shape) -> Result<(), Wrong> {
    let why = "the window is larger than the padded input: pad more, or take a smaller kernel";
    let larger = |_| Wrong::Mismatch { op, left: *x, right: *weight, why, lengths: None };
    window.output(op).map(|_| ()).map_err(larger)
}

/// The settings of a [`Conv`] layer.
#[derive(Clone, Copy, Debug)]
pub struct ConvBuilder<const D: usize> {
    settings: Settings<D>,
    activation: Option<Map>,
}

impl<const D: usize> ConvBuilder<D> {
    common_settings!();

    pub(super) fn of(settings: Settings<D>, activation: Option<Map>) -> Self {
        Self { settings, activation }
    }

    /// Zeros before and after each axis: `[[top, bottom], [left, right]]` for images. (Or what a
    /// [mode](ConvBuilder::padding_mode) puts there.)
    pub fn padding(mut self, pad: [[usize; 2]; D]) -> Self {
        (self.settings.sliding.pad, self.settings.fitted) = (pad, None);
        self
    }

    /// As many zeros around as keep the lengths of the axes at stride 1; of an odd number, one more after than before. At
    /// other strides there are as many, as in PyTorch with half the kernel as padding; Keras and TensorFlow put fewer before
    /// there, which [`padding`](ConvBuilder::padding) says: of 3 x 3 at stride 2 over even lengths, `[[0, 1], [0, 1]]`.
    pub fn same(mut self) -> Self {
        self.settings.fitted = Some(Fitted::Same);
        self
    }

    /// As many zeros as keep the lengths of the axes at stride 1, all of them before, so that no output looks at what comes
    /// later: a causal convolution.
    pub fn causal(mut self) -> Self {
        self.settings.fitted = Some(Fitted::Causal);
        self
    }

    /// What stands where it is padded, in place of zeros.
    pub fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Into how many independent parts the channels fall; as many as inputs is a depthwise convolution.
    pub fn groups(mut self, groups: usize) -> Self {
        self.settings.groups = groups;
        self
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// Channels that do not fall into the groups, a window without size or step, `weight` or `bias` that exist in this
    /// scope, or a shape that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<Conv<D>, Error>
    where
        Conv<D>: Layer,
    {
        let Self { settings, activation } = self;
        settings.check(named::<D>(NAMES))?;
        let Settings { inputs, outputs, kernel, groups, init, bias, mode, .. } = settings;
        let sliding = settings.sliding();
        let weight = settings.weight(outputs, inputs / groups)?;
        let weight = scope.parameter("weight", weight, settings.fans(init))?;
        let bias = bias.map(|init| scope.parameter("bias", [outputs], settings.fans(init))).transpose()?;
        Ok(Conv { weight, bias, sliding, mode, kernel, groups, activation })
    }
}
