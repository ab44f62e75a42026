//! Printing a tensor: nested brackets, long axes shortened in the middle.

use super::Tensor;
use crate::{Element, Shape};
use core::fmt;

/// Axes longer than this are printed as their first and last few numbers.
const LONG: usize = 8;
/// How many numbers of a long axis are printed at each end.
const ENDS: usize = 3;

impl<T: Element> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut index = [0; Shape::MAX_RANK];
        self.show_axis(f, 0, &mut index)
    }
}

impl<T: Element> Tensor<T> {
    fn show_axis(
        &self,
        f: &mut fmt::Formatter<'_>,
        axis: usize,
        index: &mut [usize; Shape::MAX_RANK],
    ) -> fmt::Result {
        let rank = self.rank();
        if axis == rank {
            return match self.get(&index[..rank]) {
                Some(value) => fmt::Display::fmt(&value, f), // honours `{:.3}`
                None => Ok(()),
            };
        }
        let length = self.shape()[axis];
        f.write_str("[")?;
        for i in 0..length {
            if length > LONG && i == ENDS {
                f.write_str(", ..")?;
            }
            if length > LONG && (ENDS..length - ENDS).contains(&i) {
                continue;
            }
            if i > 0 {
                f.write_str(",")?;
                if axis + 1 == rank {
                    f.write_str(" ")?;
                } else {
                    f.write_str("\n")?;
                    (0..=axis).try_for_each(|_| f.write_str(" "))?;
                }
            }
            index[axis] = i;
            self.show_axis(f, axis + 1, index)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn brackets_nest_and_long_axes_are_shortened() {
        let t = Tensor::new([2, 2], &[1.0f32, 2.0, 3.5, 4.0]).unwrap();
        assert_eq!(format!("{t}"), "[[1, 2],\n [3.5, 4]]");
        assert_eq!(format!("{t:.1}"), "[[1.0, 2.0],\n [3.5, 4.0]]");
        let line = Tensor::from_fn([100], |i| i[0] as i32).unwrap();
        assert_eq!(format!("{line}"), "[0, 1, 2, .., 97, 98, 99]");
        assert_eq!(format!("{:?}", Tensor::scalar(true)), "Tensor<bool> [] true");
    }
}
