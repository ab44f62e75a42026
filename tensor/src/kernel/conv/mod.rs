//! Two-dimensional convolution (cross-correlation, as in all networks) as one trilinear form with three roles.
//!
//! With `x [N, C, H, W]`, `w [O, C/groups, kh, kw]` and `y [N, O, h, w]` the form is
//!
//! `T(x, w, y) = sum x[n, c, p * stride + r * dilation - pad] w[o, c, r] y[n, o, p]`
//!
//! and its three partial derivatives are the three functions here: [`conv_forward`] (by y), [`conv_input_grad`] (by x)
//! and [`conv_weight_grad`] (by w).
//!
//! Each is a product. A sample is first laid on a *stage*: padded, and its rows split by the phase of
//! the stride, so that the number under tap r of pixel p lies at `taps[r] + pixels[p]`, and neighbouring pixels lie side
//! by side. The forward role *gathers* its right operand from there while it is packed, the weight gradient gathers the
//! same operand turned, and the input gradient, being the transpose, *folds* the tiles of its product back onto a stage;
//! where the stride is 1 and the image keeps most of its size it is a forward convolution with flipped weights instead.
//! No matrix of columns is ever stored.
//!
//! Samples of few pixels are one product together (`together`, `weights_together`): their pixels are its columns or, in the weight
//! gradient, its steps.
//!
//! With few channels packing costs as much as multiplying. Then the forward role reads registers of pixels off the stage
//! (`direct`), with the sums of the product; and the weight gradient has its lanes along the pixels (`correlate`).
//!
//! Windows of 3 x 3 at step 1 over many channels are convolved by Winograd's algorithm (`winograd`), with less than half of the
//! multiplications: the forward role, the weight gradient, and the input gradient where it is a forward convolution.
//!
//! Depthwise convolutions are no products, and have loops of their own in every role (`depthwise`): 3 x 3 windows row by row, at a step
//! of one (`three`) and of two (`two`), read where the image lies where that can be done, and all others from a stage, the input gradient
//! by the phases of the step (`phases`).
//!
//! # The order of sums
//!
//! Samples do not meet in y and dx, so those do not depend on N. An element of dw is summed over pixels (or tiles) within a
//! sample, or some samples of few pixels, over the samples of a chunk, and over chunks, in order (with lanes along the pixels: each
//! lane over some samples, and then the lanes). K cotangents of one image are summed as each of them would be alone. Threads change no bit.

mod correlate;
mod depthwise;
mod direct;
mod flip;
mod forward;
mod gather;
mod input_grad;
mod pointwise;
mod roles;
mod stage;
mod three;
mod together;
mod weight_grad;
mod weights_together;
mod winograd;

#[cfg(test)]
mod tests;

pub(crate) use roles::Convolutions;
pub use roles::{Conv, conv_forward, conv_input_grad, conv_weight_grad};

/// How many tasks a convolution is worth: some a thread, so that no thread waits long for the last, but none of less than
/// four microseconds of one core, of which handing it over takes about one.
fn tasks(conv: &Conv) -> usize {
    const WORTH_A_TASK: usize = 1 << 19;
    let threads = crate::parallel::threads();
    if threads == 1 {
        return 1;
    }
    let work = conv.y_len().saturating_mul(conv.depth());
    (work / WORTH_A_TASK).clamp(1, 4 * threads)
}
