//! The sizes of a convolution, and the three functions that users call.

use super::forward::Forward;
use super::input_grad::InputGrad;
use super::stage::SLACK;
use super::weight_grad::WeightGrad;
use crate::kernel::product::Activation;
use crate::{Error, Float, Shape, Window};

/// The sizes of one convolution; what holds for them has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub(super) window: Window,
    pub(super) output: [usize; 2],
    pub(super) samples: usize,
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
}

impl Conv {
    /// A convolution of `x [samples, channels, H, W]` with `w [outputs, channels / groups, kh, kw]`.
    ///
    /// # Errors
    /// If the window does not fit (see [`Window::output`]), the channels or outputs cannot be cut into `groups`, or the
    /// padded image is too large to count.
    pub fn new(
        window: Window,
        [samples, channels, outputs]: [usize; 3],
        groups: usize,
        op: &'static str,
    ) -> Result<Self, Error> {
        let output = window.output(op)?;
        if groups == 0 || channels % groups != 0 || outputs % groups != 0 {
            return Err(Error::Setting { op, why: "groups must divide the channels and the outputs" });
        }
        let conv = Self { window, output, samples, channels, outputs, groups };
        // Offsets on a stage are kept in 32 bits.
        if conv.stage_len().is_none_or(|len| u32::try_from(len).is_err()) {
            return Err(Error::Setting { op, why: "the padded image is too large" });
        }
        // The numbers of all three operands can be counted, so that no product of sizes below overflows.
        for (outer, [high, wide]) in [
            ([samples, channels], window.input),
            ([outputs, channels], window.kernel),
            ([samples, outputs], output),
        ] {
            Shape::named(op, &[outer[0], outer[1], high, wide])?;
        }
        Ok(conv)
    }

    /// An upper bound of the numbers on a stage, if it can be counted at all.
    fn stage_len(&self) -> Option<usize> {
        let Window { input, pad, stride, .. } = self.window;
        let [high, wide] = [0, 1].map(|axis| input[axis] + pad[axis][0] + pad[axis][1]);
        // A row and a column more where tiles are to be whole, or phases equally long.
        let (high, wide) = (high.checked_add(1)?, wide.checked_add(stride[1])?);
        wide.checked_mul(high)?.checked_mul(self.channels_each().max(1))?.checked_add(SLACK)
    }

    /// The height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        self.output
    }

    /// The numbers in `x`.
    pub fn x_len(&self) -> usize {
        self.samples * self.channels * self.image()
    }

    /// The numbers in `w`.
    pub fn w_len(&self) -> usize {
        self.outputs * self.depth()
    }

    /// The numbers in `y`.
    pub fn y_len(&self) -> usize {
        self.samples * self.outputs * self.pixels()
    }

    pub(super) fn channels_each(&self) -> usize {
        self.channels / self.groups
    }

    pub(super) fn outputs_each(&self) -> usize {
        self.outputs / self.groups
    }

    /// Numbers in one channel of one sample.
    pub(super) fn image(&self) -> usize {
        self.window.input[0] * self.window.input[1]
    }

    /// Numbers in one output channel of one sample.
    pub(super) fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Taps of one channel.
    pub(super) fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Taps of all channels that one output sees.
    pub(super) fn depth(&self) -> usize {
        self.channels_each() * self.taps()
    }

    /// Whether every output pixel sees just the pixel in its place: then the convolution is a product as it stands.
    pub(super) fn is_pointwise(&self) -> bool {
        let Window { kernel, stride, pad, .. } = self.window;
        kernel == [1, 1] && stride == [1, 1] && pad == [[0; 2]; 2]
    }
}

/// `y = activation(conv(x, w) + bias)`, with one bias an output channel.
///
/// # Panics
/// If a slice does not have as many numbers as the sizes say: shapes are checked long before.
pub fn conv_forward<T: Float>(
    conv: &Conv,
    x: &[T],
    w: &[T],
    y: &mut [T],
    bias: Option<&[T]>,
    activation: Option<Activation>,
) {
    assert_eq!([x.len(), w.len(), y.len()], [conv.x_len(), conv.w_len(), conv.y_len()]);
    assert!(bias.is_none_or(|bias| bias.len() == conv.outputs), "one bias an output channel");
    T::conv_forward(Forward { conv, x, w, flipped: false, y, bias, activation });
}

/// `dx`, the cotangent of `x`, from `w` and the cotangent `dy` of `y`.
///
/// # Panics
/// If a slice does not have as many numbers as the sizes say: shapes are checked long before.
pub fn conv_input_grad<T: Float>(conv: &Conv, w: &[T], dy: &[T], dx: &mut [T]) {
    assert_eq!([dx.len(), w.len(), dy.len()], [conv.x_len(), conv.w_len(), conv.y_len()]);
    if dy.is_empty() {
        return dx.fill(T::ZERO); // no outputs, or no samples
    }
    T::conv_input_grad(InputGrad { conv, w, dy, dx });
}

/// `dw`, the cotangent of `w`, from `x` and the cotangent `dy` of `y`; or K of them, `[K, ..]`, from K cotangents of one `x`,
/// which is gathered once for all: the same bits as one after the other.
///
/// # Panics
/// If a slice does not have as many numbers as the sizes say: shapes are checked long before.
pub fn conv_weight_grad<T: Float>(conv: &Conv, stack: usize, x: &[T], dy: &[T], dw: &mut [T]) {
    let stacked = |len: usize| stack.checked_mul(len).expect("K cotangents that can be counted");
    assert_eq!([x.len(), dw.len(), dy.len()], [conv.x_len(), stacked(conv.w_len()), stacked(conv.y_len())]);
    T::conv_weight_grad(WeightGrad { conv, stack, x, dy, dw });
}

/// The convolutions of one type of number, compiled in this crate and not again in each crate that convolves.
pub trait Convolutions: Sized {
    #[doc(hidden)]
    fn conv_forward(role: Forward<'_, Self>);
    #[doc(hidden)]
    fn conv_input_grad(role: InputGrad<'_, Self>);
    #[doc(hidden)]
    fn conv_weight_grad(role: WeightGrad<'_, Self>);
}

macro_rules! convolutions {
    ($($t:ident)*) => {$(
        impl Convolutions for $t {
            fn conv_forward(role: Forward<'_, $t>) {
                $t::dispatch(role)
            }
            fn conv_input_grad(role: InputGrad<'_, $t>) {
                $t::dispatch(role)
            }
            fn conv_weight_grad(role: WeightGrad<'_, $t>) {
                $t::dispatch(role)
            }
        }
    )*};
}
convolutions!(f32 f64);
