//! The two-dimensional convolution layer.

use super::Layer;
use crate::{Bound, Error, Handle, Init, Scope};
use tress_autograd::{Fused, Value};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Shape, Window};

/// Slides windows over images: `[N, inputs, H, W]` to `[N, outputs, oh, ow]`, with bias and activation in the same pass.
///
/// As everywhere in the field it is a cross-correlation: the kernel is not flipped. Its parameters are
/// `weight [outputs, inputs / groups, kh, kw]` and `bias [outputs]`, both uniform in `±1 / sqrt(inputs / groups kh kw)`
/// unless [built](Conv2d::builder) otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d {
    weight: Handle,
    bias: Option<Handle>,
    /// The size of the image is filled in when the layer is applied.
    window: Window,
    groups: usize,
    activation: Option<Map>,
}

impl Conv2d {
    /// Dense windows of `kernel` pixels at every place, without padding; with bias and without activation.
    ///
    /// # Errors
    /// `weight` or `bias` exist in this scope, or the shape is too large.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
    ) -> Result<Self, Error> {
        Self::builder(inputs, outputs, kernel).build(scope)
    }

    /// The settings of a layer.
    pub fn builder(inputs: usize, outputs: usize, kernel: [usize; 2]) -> Conv2dBuilder {
        Conv2dBuilder {
            inputs,
            outputs,
            window: Window::new([0, 0], kernel),
            groups: 1,
            init: Init::FanIn,
            bias: Some(Init::FanIn),
            activation: None,
        }
    }

    /// With a function after it, in the same pass where that is possible.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// The weights, `[outputs, inputs / groups, kh, kw]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> Option<Handle> {
        self.bias
    }
}

impl Layer for Conv2d {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let window = match over(self.window, "conv2d", &x.shape()) {
            Ok(window) => window,
            Err(error) => return x.fail(error),
        };
        let weight = bound.fetch(&self.weight, x);
        let bias = bound.fetch_some(self.bias.as_ref(), x);
        x.conv2d(weight, bias.as_ref(), window, self.groups, self.activation)
    }
}

/// A window over images of the size that `x [N, C, H, W]` has.
pub(super) fn over(window: Window, op: &'static str, x: &Shape) -> Result<Window, tress_tensor::Error> {
    match x[..] {
        [_, _, height, width] => Ok(Window { input: [height, width], ..window }),
        _ => Err(tress_tensor::Error::Unfit { op, shape: *x, why: "four axes are wanted: N, C, H, W" }),
    }
}

/// The settings of a [`Conv2d`] layer.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dBuilder {
    inputs: usize,
    outputs: usize,
    window: Window,
    groups: usize,
    init: Init,
    bias: Option<Init>,
    activation: Option<Map>,
}

impl Conv2dBuilder {
    /// Steps between windows, along height and width.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        Self { window: self.window.stride(stride), ..self }
    }

    /// Zeros around the image: `[[top, bottom], [left, right]]`.
    pub fn padding(self, pad: [[usize; 2]; 2]) -> Self {
        Self { window: self.window.pad(pad), ..self }
    }

    /// As many zeros around the image as keep its size at stride 1; of an odd number, one more after than before. To be
    /// called after [`dilation`](Conv2dBuilder::dilation).
    pub fn same(self) -> Self {
        let around = |axis: usize| {
            let total = self.window.kernel[axis].saturating_sub(1).saturating_mul(self.window.dilation[axis]);
            [total / 2, total - total / 2]
        };
        self.padding([around(0), around(1)])
    }

    /// Distance between the taps of a window.
    pub fn dilation(self, dilation: [usize; 2]) -> Self {
        Self { window: self.window.dilation(dilation), ..self }
    }

    /// Into how many independent parts the channels fall; as many as inputs is a depthwise convolution.
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// How the weights start.
    pub fn init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// How the bias starts; [`Init::FanIn`] goes by the fans of the weights.
    pub fn bias_init(self, init: Init) -> Self {
        Self { bias: Some(init), ..self }
    }

    /// Without a bias.
    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// With a function after it, in the same pass where that is possible.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// Channels that do not fall into the groups, a window without size or step, `weight` or `bias` that exist in this
    /// scope, or a shape that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<Conv2d, Error> {
        let Self { inputs, outputs, window, groups, init, bias, activation } = self;
        let wrong = |why| Err(Error::Setting { of: "conv2d", why });
        if groups == 0 || inputs % groups != 0 || outputs % groups != 0 {
            return wrong("the channels before and after must be multiples of the groups");
        }
        let sizes = [window.kernel, window.stride, window.dilation];
        if sizes.iter().flatten().any(|&size| size == 0) {
            return wrong("kernel, stride and dilation must be at least 1");
        }
        let [height, width] = window.kernel;
        let taps = height.saturating_mul(width);
        let fans = |init: Init| {
            init.for_fans((inputs / groups).saturating_mul(taps), (outputs / groups).saturating_mul(taps))
        };
        let weight = scope.parameter("weight", [outputs, inputs / groups, height, width], fans(init))?;
        let bias = bias.map(|init| scope.parameter("bias", [outputs], fans(init))).transpose()?;
        Ok(Conv2d { weight, bias, window, groups, activation })
    }
}
