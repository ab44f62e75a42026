//! Windows of one tap that leave no pixel out: `y[n] = w x[n]`, a product a sample as the numbers lie.

use super::Conv;
use crate::kernel::product::loops::{Loops, Panels, Source};
use crate::kernel::product::operand::{Matrix, Strided};
use crate::kernel::product::plan::turned_is_cheaper;
use crate::kernel::product::target::{ColumnMajor, Disjoint, RowMajor};
use crate::kernel::product::{Activation, Bias, Epilogue};
use crate::simd::{Lanes, Vector};
use crate::{Float, parallel};

/// The operands, whose sizes have been checked. Forward `w` is the weights; for the gradient of the input `x` is the cotangent,
/// and the matrices of `w` are read transposed.
pub(super) struct Pointwise<'a, T> {
    pub(super) conv: &'a Conv,
    pub(super) x: &'a [T],
    pub(super) w: &'a [T],
    pub(super) transposed: bool,
    pub(super) y: &'a mut [T],
    pub(super) bias: Option<&'a [T]>,
    pub(super) activation: Option<Activation>,
}

impl<T: Float> Pointwise<'_, T> {
    #[inline(never)]
    pub(super) fn run<I: Lanes<T>>(self, isa: I) {
        let Self { conv, x, w, transposed, y, bias, activation } = self;
        let (samples, groups, pixels) = (conv.samples, conv.groups, conv.pixels());
        let sides = [conv.outputs_each(), conv.channels_each()];
        let [rows, depth] = if transposed { [sides[1], sides[0]] } else { sides };
        if y.is_empty() {
            return;
        }
        let y = Disjoint(y.as_mut_ptr());
        let width = I::TILE.1 * I::V::LANES;
        // A task is a run of pieces; a piece is some pixels of one sample. Samples are cut only where there are too few of them.
        let wanted = super::tasks(conv);
        let parts = wanted.div_ceil(samples).min(pixels.div_ceil(width)).max(1);
        let pieces = samples * parts;
        let tasks = wanted.min(pieces);
        for g in 0..groups {
            let w = Matrix::row_major(&w[g * rows * depth..][..rows * depth], sides[0], sides[1]);
            let w = if transposed { w.transposed() } else { w };
            let image = |sample: usize| {
                let image = &x[(sample * groups + g) * depth * pixels..][..depth * pixels];
                Matrix::row_major(image, depth, pixels)
            };
            // Each number is the same chain of multiply-adds either way.
            let turned = turned_is_cheaper::<T, I>(isa, &w, &image(0));
            let panels = match turned {
                true => Panels::of_columns(isa, &w.by_rows(), rows, depth),
                false => Panels::of_rows(isa, &w.by_rows(), rows, depth),
            };
            let bias = bias.map(|bias| &bias[g * rows..][..rows]);
            let epilogue = &Epilogue {
                bias: bias.map_or(Bias::None, if turned { Bias::Row } else { Bias::Column }),
                activation,
                ..Epilogue::PLAIN
            };
            parallel::for_each(tasks, |task| {
                for piece in pieces * task / tasks..pieces * (task + 1) / tasks {
                    let (sample, part) = (piece / parts, piece % parts);
                    let cut = |part: usize| (pixels.div_ceil(width) * part / parts * width).min(pixels);
                    let columns = cut(part)..cut(part + 1);
                    let x = &image(sample).by_columns();
                    let y = y.at((sample * groups + g) * rows * pixels);
                    let (x, w) = (Source::Far(x), Source::Packed::<T, Strided<'_, T>>(&panels));
                    // SAFETY: the rectangles of different tasks do not overlap; each lies in its sample of y, whose length was
                    // checked, and operands and bias have the sizes that they were made with.
                    unsafe {
                        if turned {
                            let c = &ColumnMajor { c: y, column_stride: pixels, epilogue };
                            Loops { a: x, b: w, c, depth }.run(isa, columns, 0..rows);
                        } else {
                            let c = &RowMajor { c: y, row_stride: pixels, apart: 0, epilogue };
                            Loops { a: w, b: x, c, depth }.run(isa, 0..rows, columns);
                        }
                    }
                }
            });
        }
    }
}
