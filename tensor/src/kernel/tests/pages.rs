//! No kernel reads or writes beyond its slices: operands end where a page begins that nobody may touch, or begin where
//! such a page ends. A register too many would end the test by a segmentation fault.

use super::super::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use super::super::product::{Epilogue, Matrix, product};
use super::super::*;
use super::*;
use crate::pointwise::{Map, Zip};
use crate::{Axes, Window};
use core::ffi::{c_int, c_void};

// The standard library links the system's; there is no need of a crate for three functions.
unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        rights: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, len: usize, rights: c_int) -> c_int;
    fn munmap(at: *mut c_void, len: usize) -> c_int;
}

/// A page of the largest size in use.
const PAGE: usize = 1 << 16;
const NOTHING: c_int = 0;
const READ_AND_WRITE: c_int = 3;
/// Private and anonymous, on Linux.
const FRESH: c_int = 0x22;

/// Numbers between two pages that may not be touched, right behind the first or right before the second.
struct Fenced<T> {
    base: *mut c_void,
    bytes: usize,
    data: *mut T,
    len: usize,
}

impl<T: Copy> Fenced<T> {
    fn new(values: &[T], at_end: bool) -> Self {
        let room = size_of_val(values).next_multiple_of(PAGE).max(PAGE);
        let bytes = room + 2 * PAGE;
        // SAFETY: fresh memory, of which the middle is opened before it is written; the numbers lie in the middle.
        unsafe {
            let base = mmap(core::ptr::null_mut(), bytes, NOTHING, FRESH, -1, 0);
            assert!(base as isize != -1, "the system has no memory to give");
            let middle = base.cast::<u8>().add(PAGE);
            assert_eq!(mprotect(middle.cast(), room, READ_AND_WRITE), 0);
            let data = middle.add(if at_end { room - size_of_val(values) } else { 0 }).cast::<T>();
            data.copy_from_nonoverlapping(values.as_ptr(), values.len());
            Self { base, bytes, data, len: values.len() }
        }
    }

    fn all(&self) -> &[T] {
        // SAFETY: written in `new`, and alive as long as `self`.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }

    fn all_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and nobody else has it.
        unsafe { core::slice::from_raw_parts_mut(self.data, self.len) }
    }
}

impl<T> Drop for Fenced<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`.
        unsafe { munmap(self.base, self.bytes) };
    }
}

/// Runs `work(operands, result)` on fenced copies of both kinds, and holds the results against that on plain slices.
fn fenced<T: Float>(operands: &[&[T]], result: usize, what: &str, work: impl Fn(&[&[T]], &mut [T])) {
    let plain = numbers::<T>(result, 9);
    let mut expected = plain.clone();
    work(operands, &mut expected);
    for at_end in [true, false] {
        let copies: Vec<Fenced<T>> = operands.iter().map(|values| Fenced::new(values, at_end)).collect();
        let mut got = Fenced::new(&plain, at_end);
        work(&copies.iter().map(Fenced::all).collect::<Vec<_>>(), got.all_mut());
        assert_eq!(bits(got.all()), bits(&expected), "{what}, at the end: {at_end}");
    }
}

/// Lengths around the edges of the registers of every instruction set.
const LENGTHS: [usize; 12] = [1, 2, 3, 5, 8, 9, 15, 16, 17, 31, 33, 67];

fn view<'a, T>(data: &'a [T], layout: &'a Layout) -> View<'a, T> {
    View::new(data, layout)
}

fn pointwise<T: Float>() {
    for len in LENGTHS {
        let layout = &Layout::contiguous(shape(&[len]));
        let (x, y, z) = (numbers::<T>(len, 1), numbers::<T>(len, 2), numbers::<T>(len, 3));
        for &map in Map::ALL {
            fenced(&[&x], len, map.name(), |x, out| map::map(map, view(x[0], layout), out));
            fenced(&[&x, &y], len, map.name(), |x, out| {
                map::map_grad(map, view(x[0], layout), view(x[1], layout), out);
            });
        }
        fenced::<T>(&[], len, "a map in place", |_, out| map::map_in_place(Map::Exp, out));
        for &zip in Zip::ALL {
            fenced(&[&x, &y], len, zip.name(), |x, out| {
                zip::zip(zip, view(x[0], layout), view(x[1], layout), out);
            });
            fenced(&[&y], len, zip.name(), |y, out| zip::zip_in_place(zip, out, view(y[0], layout)));
        }
        fenced(&[&x, &y, &z], len, "select", |x, out| {
            select::select(view(x[0], layout), view(x[1], layout), view(x[2], layout), out);
        });
    }
}

/// Results that are written past the caches, at the end of their page and at its start.
fn large() {
    let len = STREAM / size_of::<f32>() + 5;
    let layout = &Layout::contiguous(shape(&[len]));
    let x = numbers::<f32>(len, 1);
    fenced(&[&x], len, "a large map", |x, out| map::map(Map::Relu, view(x[0], layout), out));
    fenced(&[&x], len, "a large zip", |x, out| {
        zip::zip(Zip::Add, view(x[0], layout), view(x[0], layout), out);
    });
}

fn rows<T: Float>() {
    for width in LENGTHS {
        let count = 6;
        let layout = &Layout::contiguous(shape(&[count, width]));
        let turned = &layout.transpose(0, 1).unwrap();
        let (x, g) = (numbers::<T>(count * width, 1), numbers::<T>(count * width, 2));
        for fold in [reduce::Fold::Sum, reduce::Fold::Max] {
            for (axis, len) in [(0, width), (1, count)] {
                fenced(&[&x], len, "reduce", |x, out| {
                    reduce::reduce(fold, view(x[0], layout), Axes::NONE.and(axis), out);
                });
            }
        }
        for normal in [softmax::Normal::Softmax, softmax::Normal::LogSoftmax] {
            fenced(&[&x], x.len(), "softmax", |x, out| {
                softmax::normalise(normal, view(x[0], layout), width, out);
            });
            fenced(&[&x, &g], x.len(), "the gradient of softmax", |x, out| {
                softmax::normalise_grad(normal, view(x[0], layout), view(x[1], layout), width, out);
            });
        }
        let norm = row_norm::RowNorm { epsilon: 1e-3, centred: true };
        let w = numbers::<T>(width, 3);
        fenced(&[&x, &w, &w], x.len(), "row_norm", |x, out| {
            row_norm::row_norm(norm, view(x[0], layout), Some(x[1]), Some(x[2]), width, out);
        });
        fenced(&[&x, &g, &w], x.len(), "row_norm_grad", |x, out| {
            row_norm::row_norm_grad(norm, view(x[0], layout), view(x[1], layout), Some(x[2]), width, out);
        });
        fenced(&[&x, &g], width, "row_norm_weight", |x, out| {
            row_norm::row_norm_weight(norm, view(x[0], layout), view(x[1], layout), width, out);
        });
        fenced(&[&x], count, "log_sum_exp", |x, out| {
            softmax::log_sum_exp(view(x[0], layout), None, width, out)
        });
        fenced(&[&x], x.len(), "a copy", |x, out| copy::copy(view(x[0], turned), out));
    }
    // Both axes long enough to be turned in registers.
    for [high, wide] in [[4, 5], [17, 33], [40, 16]] {
        let layout = &Layout::contiguous(shape(&[high, wide])).transpose(0, 1).unwrap();
        fenced(&[&numbers::<T>(high * wide, 1)], high * wide, "a transpose", |x, out| {
            copy::copy(view(x[0], layout), out);
        });
    }
}

fn products<T: Float>() {
    for [m, k, n] in
        [[1, 5, 7], [1, 40, 67], [3, 17, 33], [13, 20, 31], [26, 230, 5], [30, 33, 70], [5, 9, 1]]
    {
        let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
        fn of<T: Float>(data: &[T], turned: bool, rows: usize, columns: usize) -> Matrix<'_, T> {
            let strides = if turned { [1, rows as isize] } else { [columns as isize, 1] };
            Matrix::new(data, 0, [rows, columns], strides)
        }
        for (left, right) in [(false, false), (true, false), (false, true), (true, true)] {
            for epilogue in [Epilogue::PLAIN, Epilogue::ADD] {
                fenced(&[&a, &b], m * n, &format!("{m} x {k} x {n}, {left}, {right}"), |x, out| {
                    product(of(x[0], left, m, k), of(x[1], right, k, n), out, n, &epilogue);
                });
            }
        }
    }
}

fn windows<T: Float>() {
    let pad = [[1, 1], [1, 1]];
    for (window, sizes, groups) in [
        (Window::new([7, 7], [5, 5]), [2, 1, 3], 1),
        (Window::new([9, 6], [3, 3]).pad(pad), [2, 3, 5], 1),
        (Window::new([16, 16], [5, 5]), [2, 3, 4], 1),
        (Window::new([9, 17], [3, 3]), [2, 3, 3], 3),
        (Window::new([9, 32], [3, 3]).pad(pad), [2, 3, 3], 3),
        // Enough pixels for registers to lie along them in every role: full ones, and the last of a plane not.
        (Window::new([20, 20], [5, 5]), [2, 2, 7], 1),
        (Window::new([19, 21], [3, 3]).pad(pad), [2, 3, 8], 1),
        (Window::new([17, 20], [2, 4]), [3, 2, 6], 2),
        (Window::new([9, 7], [3, 3]).pad(pad).stride([2, 2]), [2, 3, 5], 1),
        (Window::new([4, 5], [1, 1]), [2, 3, 18], 1),
        (Window::new([9, 17], [3, 3]).pad(pad), [1, 4, 4], 4),
        (Window::new([9, 17], [3, 3]).stride([2, 2]), [1, 4, 4], 4),
        // Winograd's tiles, whole and cut.
        (Window::new([20, 21], [3, 3]).pad(pad), [2, 16, 17], 1),
        (Window::new([22, 23], [3, 3]), [1, 34, 32], 2),
    ] {
        let conv = Conv::new(window, sizes, groups, "conv2d").unwrap();
        let x = numbers::<T>(conv.x_len(), 1);
        let w = numbers::<T>(conv.w_len(), 2);
        let dy = numbers::<T>(conv.y_len(), 3);
        fenced(&[&x, &w], dy.len(), "a convolution", |x, y| conv_forward(&conv, x[0], x[1], y, None, None));
        fenced(&[&w, &dy], x.len(), "an input gradient", |x, dx| conv_input_grad(&conv, x[0], x[1], dx));
        fenced(&[&x, &dy], w.len(), "a weight gradient", |x, dw| conv_weight_grad(&conv, 1, x[0], x[1], dw));
    }
    for window in [
        Window::new([6, 9], [2, 2]).stride([2, 2]),
        Window::new([7, 37], [3, 3]).stride([2, 2]).pad(pad),
        Window::new([7, 9], [2, 3]),
        Window::new([7, 9], [2, 2]).stride([3, 3]),
    ] {
        let output = window.output("pool").unwrap();
        let (input, count) = (2 * window.input[0] * window.input[1], 2 * output[0] * output[1]);
        let (x, g) = (numbers::<T>(input, 1), numbers::<T>(count, 2));
        fenced(&[&x], count, "max_pool", |x, out| {
            pool::max_pool_gather(x[0], x[0], &window, output, out);
        });
        fenced(&[&x, &g], input, "max_pool_scatter", |x, out| {
            pool::max_pool_scatter(x[0], x[1], &window, output, out);
        });
        fenced(&[&x], count, "mean_pool", |x, out| pool::mean_pool(x[0], &window, output, out));
        fenced(&[&g], input, "mean_pool_transpose", |g, out| {
            pool::mean_pool_transpose(g[0], &window, output, out);
        });
    }
}

#[test]
fn nothing_beyond_the_slices_is_touched() {
    at_each_level(|_| {
        pointwise::<f32>();
        pointwise::<f64>();
        rows::<f32>();
        rows::<f64>();
        products::<f32>();
        products::<f64>();
        windows::<f32>();
        windows::<f64>();
        large();
    });
}
