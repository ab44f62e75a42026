//! How windows lie over an image: the geometry that convolution and pooling share.

use crate::{Error, Shape};

/// Windows over the two last axes of `[N, C, H, W]`: sizes in pixels, for height and then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the image.
    pub input: [usize; 2],
    /// Height and width of a window, before dilation.
    pub kernel: [usize; 2],
    /// Steps between windows.
    pub stride: [usize; 2],
    /// Pixels added before and after each axis: zeros for a convolution and a mean, nothing for a maximum.
    pub pad: [[usize; 2]; 2],
    /// Distance between neighbouring taps of a window; 1 is dense.
    pub dilation: [usize; 2],
}

impl Window {
    /// Dense windows, step 1, no padding.
    pub fn new(input: [usize; 2], kernel: [usize; 2]) -> Self {
        Self { input, kernel, stride: [1, 1], pad: [[0, 0], [0, 0]], dilation: [1, 1] }
    }

    /// With another step.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        Self { stride, ..self }
    }

    /// With padding: `[[top, bottom], [left, right]]`.
    pub fn pad(self, pad: [[usize; 2]; 2]) -> Self {
        Self { pad, ..self }
    }

    /// With taps apart.
    pub fn dilation(self, dilation: [usize; 2]) -> Self {
        Self { dilation, ..self }
    }

    /// The number of windows along height and width.
    ///
    /// # Errors
    /// A kernel, step or dilation of 0, or a window larger than the padded image.
    pub fn output(&self, op: &'static str) -> Result<[usize; 2], Error> {
        let mut output = [0; 2];
        for axis in 0..2 {
            if self.kernel[axis] == 0 || self.stride[axis] == 0 || self.dilation[axis] == 0 {
                return Err(Error::Setting { op, why: "kernel, stride and dilation must be at least 1" });
            }
            let reach =
                (self.kernel[axis] - 1).checked_mul(self.dilation[axis]).and_then(|r| r.checked_add(1));
            let [before, after] = self.pad[axis];
            let padded = self.input[axis].checked_add(before).and_then(|n| n.checked_add(after));
            output[axis] = match (reach, padded) {
                (Some(reach), Some(padded)) if reach <= padded => (padded - reach) / self.stride[axis] + 1,
                _ => {
                    let left = Shape::new(&self.input).unwrap_or(Shape::SCALAR);
                    let right = Shape::new(&self.kernel).unwrap_or(Shape::SCALAR);
                    let why = "the window is larger than the padded image";
                    return Err(Error::Mismatch { op, left, right, why, lengths: None });
                }
            };
        }
        Ok(output)
    }

    /// As [`output`](Window::output), for windows that something is to be found in: a window wholly in the padding would
    /// have no maximum, and the mean of nothing.
    ///
    /// # Errors
    /// As there, or a window wholly in the padding.
    pub fn pooling(&self, op: &'static str) -> Result<[usize; 2], Error> {
        let output = self.output(op)?;
        for axis in 0..2 {
            let image = self.pad[axis][0]..self.pad[axis][0] + self.input[axis];
            let tap = |window: usize, r: usize| window * self.stride[axis] + r * self.dilation[axis];
            let inside = |window: usize| (0..self.kernel[axis]).any(|r| image.contains(&tap(window, r)));
            // An image that is no shorter than a step from tap to tap is missed from before it or from behind alone.
            let every = match self.input[axis] >= self.dilation[axis] {
                true => tap(0, self.kernel[axis] - 1) >= image.start && tap(output[axis] - 1, 0) < image.end,
                false => (0..output[axis]).all(inside),
            };
            if !every {
                return Err(Error::Setting { op, why: "a window lies wholly in the padding; pad less" });
            }
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_windows() {
        assert_eq!(Window::new([28, 28], [5, 5]).output("conv"), Ok([24, 24]));
        let same = Window::new([7, 9], [3, 3]).pad([[1, 1], [1, 1]]);
        assert_eq!(same.output("conv"), Ok([7, 9]));
        assert_eq!(same.stride([2, 2]).output("conv"), Ok([4, 5]));
        assert_eq!(same.dilation([2, 3]).output("conv"), Ok([5, 5]));
        assert!(Window::new([4, 4], [5, 5]).output("conv").is_err());
        let padded = Window::new([4, 4], [2, 2]).pad([[1, 1], [0, 0]]);
        assert_eq!(padded.pooling("pool"), Ok([5, 3]));
        assert!(padded.dilation([5, 1]).pooling("pool").is_err(), "taps before and after the image");
        assert!(padded.pad([[2, 0], [0, 0]]).pooling("pool").is_err());
        assert!(padded.pad([[0, 2], [0, 0]]).pooling("pool").is_err());
        assert!(
            Window::new([usize::MAX, 1], [1, 1]).pooling("pool").is_ok(),
            "without a look at each window"
        );
        assert!(Window::new([4, 4], [0, 1]).output("conv").is_err());
        assert!(Window::new([4, 4], [usize::MAX, 1]).dilation([2, 1]).output("conv").is_err());
    }
}
