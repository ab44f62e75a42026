//! Each kernel against a plain definition, on many layouts, at every level, on one thread and on three.

use super::*;
use crate::pointwise::{Keep, Map, Zip};
use crate::simd::at_each_level;
use crate::view::View;
use crate::{Axes, Element, Float, Layout, Shape, Window, parallel};
use alloc::vec::Vec;

/// Numbers with a layout: what the tables of cases are made of.
struct Case<T> {
    name: &'static str,
    data: Vec<T>,
    layout: Layout,
}

impl<T: Element> Case<T> {
    fn view(&self) -> View<'_, T> {
        View::new(&self.data, &self.layout)
    }

    fn len(&self) -> usize {
        self.layout.len()
    }

    /// The elements in row-major order, one by one.
    fn elements(&self) -> Vec<T> {
        indices(self.layout.shape()).map(|index| self.data[self.layout.place(&index).unwrap()]).collect()
    }
}

impl<T: Float> Case<T> {
    /// The same layout over absolute values.
    fn sizes(&self) -> Self {
        Self { name: self.name, data: self.data.iter().map(|&x| x.abs()).collect(), layout: self.layout }
    }
}

/// All indices of a shape in row-major order.
fn indices(shape: &Shape) -> impl Iterator<Item = Vec<usize>> + use<> {
    let lengths = shape.to_vec();
    (0..shape.len()).map(move |mut number| {
        let mut index = lengths.clone();
        for axis in (0..lengths.len()).rev() {
            index[axis] = number % lengths[axis];
            number /= lengths[axis];
        }
        index
    })
}

fn shape(lengths: &[usize]) -> Shape {
    Shape::new(lengths).unwrap()
}

/// Numbers between -3 and 3 that do not repeat soon.
fn numbers<T: Float>(len: usize, seed: usize) -> Vec<T> {
    (0..len)
        .map(|i| {
            let x = ((i * 7919 + seed * 104_729 + 17) % 6_007) as f64 / 1001.0 - 3.0;
            T::from_f64(x)
        })
        .collect()
}

/// Layouts of every kind, with sizes around the edges of registers, blocks and pieces. `salt` makes other numbers.
fn cases<T: Float>(salt: usize) -> Vec<Case<T>> {
    let mut cases = Vec::new();
    let mut push = |name, data: Vec<T>, layout: Layout| {
        View::new(&data, &layout);
        cases.push(Case { name, data, layout });
    };
    let dense = |lengths: &[usize]| Layout::contiguous(shape(lengths));
    for len in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 255, 257, 1000] {
        push("a row", numbers(len, salt), dense(&[len]));
    }
    push("a scalar", numbers(1, salt), dense(&[]));
    push("two pieces and a bit", numbers(2 * PIECE + 3, salt), dense(&[2 * PIECE + 3]));
    push("rows", numbers(12 * 37, salt), dense(&[12, 37]));
    push("transposed", numbers(12 * 37, salt), dense(&[37, 12]).transpose(0, 1).unwrap());
    push("transposed, long", numbers(300 * 290, salt), dense(&[290, 300]).transpose(0, 1).unwrap());
    push("permuted", numbers(5 * 6 * 7 * 8, salt), dense(&[5, 6, 7, 8]).permute(&[2, 0, 3, 1]).unwrap());
    push("swapped behind", numbers(3 * 40 * 50, salt), dense(&[3, 40, 50]).transpose(1, 2).unwrap());
    push("every third", numbers(600, salt), dense(&[2, 300]).slice(1, 1, 299, 3).unwrap());
    push("rows cut", numbers(20 * 30, salt), dense(&[20, 30]).slice(1, 3, 20, 1).unwrap());
    push("flipped", numbers(9 * 70, salt), dense(&[9, 70]).flip(1).unwrap());
    push(
        "flipped and transposed",
        numbers(20 * 70, salt),
        dense(&[20, 70]).flip(0).unwrap().transpose(0, 1).unwrap(),
    );
    push("a row expanded", numbers(19, salt), dense(&[19]).expand(shape(&[31, 19])).unwrap());
    push("a column expanded", numbers(31, salt), dense(&[31, 1]).expand(shape(&[31, 400])).unwrap());
    push("one number expanded", numbers(1, salt), dense(&[]).expand(shape(&[3, 400])).unwrap());
    push("empty", numbers(0, salt), dense(&[3, 0, 2]));
    push("windows", numbers(40, salt), dense(&[40]).windows(0, 5, 2).unwrap());
    push("from the middle", numbers(100, salt), dense(&[10, 10]).slice(0, 4, 9, 1).unwrap());
    cases
}

/// Runs `check` at each level with one thread and with three.
fn everywhere(mut check: impl FnMut() + Send) {
    at_each_level(|_| {
        parallel::with_threads(1, &mut check);
        parallel::with_threads(3, &mut check);
    });
}

fn close<T: Float>(got: &[T], expected: &[T], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
        let (g, e) = (g.to_f64(), e.to_f64());
        let same = g == e || (g.is_nan() && e.is_nan()) || (g - e).abs() <= tolerance * (1.0 + e.abs());
        assert!(same, "{what}: element {i} is {g}, not {e}");
    }
}

/// A sentinel, so that an element that is not written is seen.
fn unwritten<T: Float>(len: usize) -> Vec<T> {
    [T::from_f64(-7777.0)].repeat(len)
}

fn bits<T: Float>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn maps_are_their_definitions<T: Float>(tolerance: f64) {
    let (cases, others) = (cases::<T>(1), cases::<T>(2));
    everywhere(|| {
        for &map in Map::ALL {
            for (x, g) in cases.iter().zip(&others).filter(|(x, _)| x.len() < 1000 || map == Map::Exp) {
                let what = alloc::format!("{} of {}", map.name(), x.name);
                let elements = x.elements();
                let expected: Vec<T> = elements.iter().map(|&x| map.f(x)).collect();
                let mut out = unwritten(x.len());
                super::map::map(map, x.view(), &mut out);
                close(&out, &expected, tolerance, &what);

                let mut in_place = elements.clone();
                super::map::map_in_place(map, &mut in_place);
                assert_eq!(bits(&in_place), bits(&out), "{what} in place");

                let kept = if map.keep() == Keep::Output { &expected } else { &elements };
                let layout = Layout::contiguous(*x.layout.shape());
                let df: Vec<T> = g.elements().iter().zip(kept).map(|(&g, &kept)| g * map.df(kept)).collect();
                let mut out = unwritten(x.len());
                super::map::map_grad(map, View::new(kept, &layout), g.view(), &mut out);
                close(&out, &df, tolerance, &alloc::format!("gradient of {what}"));
            }
        }
    });
}

#[test]
fn maps_of_singles_are_their_definitions() {
    maps_are_their_definitions::<f32>(2e-6);
}

#[test]
fn maps_of_doubles_are_their_definitions() {
    maps_are_their_definitions::<f64>(1e-14);
}

#[test]
fn nan_and_infinities_pass_through_maps() {
    let x: Vec<f32> =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1.0].repeat(7).into_iter().skip(1).collect();
    let layout = Layout::contiguous(shape(&[x.len()]));
    everywhere(|| {
        for map in [
            Map::Relu,
            Map::Tanh,
            Map::Sigmoid,
            Map::Abs,
            Map::Clamp(-2.0, 2.0),
            Map::Exp,
            Map::Ln,
            Map::Gelu,
        ] {
            let mut out = unwritten(x.len());
            super::map::map(map, View::new(&x, &layout), &mut out);
            let expected: Vec<f32> = x.iter().map(|&x| map.f(x as f64) as f32).collect();
            close(&out, &expected, 2e-6, map.name());
        }
    });
}

#[test]
fn zips_are_their_definitions() {
    fn check<T: Float>() {
        let (left, right, other) = (cases::<T>(3), cases::<T>(4), cases::<T>(5));
        everywhere(|| {
            for &zip in Zip::ALL {
                for ((a, b), c) in left.iter().zip(&right).zip(&other) {
                    let what = alloc::format!("{} of {}", zip.name(), a.name);
                    // The second operand is dense in one round and laid out as the first in the other.
                    let layout = Layout::contiguous(*a.layout.shape());
                    let dense: Vec<T> = c.elements();
                    for second in [b.view(), View::new(&dense, &layout)] {
                        let b: Vec<T> = indices(a.layout.shape())
                            .map(|i| second.data()[second.layout().place(&i).unwrap()])
                            .collect();
                        let expected: Vec<T> =
                            a.elements().iter().zip(&b).map(|(&a, &b)| zip.f(a, b)).collect();
                        let mut out = unwritten(a.len());
                        super::zip::zip(zip, a.view(), second, &mut out);
                        assert_eq!(bits(&out), bits(&expected), "{what}");
                        let mut onto = a.elements();
                        super::zip::zip_in_place(zip, &mut onto, second);
                        assert_eq!(bits(&onto), bits(&expected), "{what} in place");
                    }
                }
            }
        });
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn selection_keeps_the_other_branch_out() {
    let (a, b) = (cases::<f32>(6), cases::<f32>(7));
    everywhere(|| {
        for (a, b) in a.iter().zip(&b) {
            let layout = Layout::contiguous(*a.layout.shape());
            let mask: Vec<f32> = (0..a.len()).map(|i| [0.0, 1.0, -0.0, f32::NAN, -3.0][i % 5]).collect();
            let poisoned: Vec<f32> = b
                .elements()
                .iter()
                .zip(&mask)
                .map(|(&b, &mask)| if mask == 0.0 { b } else { f32::NAN })
                .collect();
            let mut out = unwritten(a.len());
            let view = View::new(&mask, &layout);
            super::select::select(view, a.view(), View::new(&poisoned, &layout), &mut out);
            let expected: Vec<f32> = (a.elements().iter().zip(&poisoned).zip(&mask))
                .map(|((&a, &b), &mask)| if mask != 0.0 { a } else { b })
                .collect();
            assert_eq!(bits(&out), bits(&expected), "{}", a.name);
        }
    });
}

#[test]
fn copies_keep_every_element() {
    let cases = cases::<f32>(8);
    everywhere(|| {
        for x in &cases {
            let mut out = unwritten(x.len());
            super::copy::copy(x.view(), &mut out);
            assert_eq!(bits(&out), bits(&x.elements()), "{}", x.name);

            let mut wide = unwritten::<f64>(x.len());
            super::copy::cast(x.view(), &mut wide);
            let expected: Vec<f64> = x.elements().iter().map(|&x| x as f64).collect();
            assert_eq!(wide, expected, "{}", x.name);
        }
    });
    let mixed = [-1.5f32, 0.0, 3.7, 300.0, f32::NAN, -0.0];
    let layout = Layout::contiguous(shape(&[6]));
    let view = View::new(&mixed, &layout);
    let (mut bytes, mut truths, mut whole) = ([9u8; 6], [false; 6], [9i32; 6]);
    super::copy::cast(view, &mut bytes);
    super::copy::cast(view, &mut truths);
    super::copy::cast(view, &mut whole);
    assert_eq!(bytes, [0, 0, 3, 255, 0, 0]);
    assert_eq!(truths, [true, false, true, true, true, false]);
    assert_eq!(whole, [-1, 0, 3, 300, 0, 0]);
}

#[test]
fn placing_puts_each_element_where_it_belongs() {
    let target = Layout::contiguous(shape(&[4, 6, 5]));
    let to = target.slice(1, 1, 6, 2).unwrap().flip(2).unwrap();
    let x = Case {
        name: "transposed",
        data: numbers::<f32>(4 * 3 * 5, 9),
        layout: Layout::contiguous(shape(&[5, 3, 4])).transpose(0, 2).unwrap(),
    };
    let mut out = unwritten::<f32>(target.len());
    super::copy::place(x.view(), &mut out, &to);
    let mut expected = unwritten::<f32>(target.len());
    for index in indices(to.shape()) {
        expected[to.place(&index).unwrap()] = x.data[x.layout.place(&index).unwrap()];
    }
    assert_eq!(out, expected);
}

/// Sums over each set of axes, in double precision.
fn folded<T: Float>(x: &Case<T>, axes: Axes, fold: reduce::Fold) -> Vec<f64> {
    let kept = axes.remove_from("sum", x.layout.shape()).unwrap();
    let start = match fold {
        reduce::Fold::Sum => 0.0,
        reduce::Fold::Max => f64::NEG_INFINITY,
        reduce::Fold::Min => f64::INFINITY,
    };
    let mut out = [start].repeat(kept.len());
    let layout = Layout::contiguous(kept);
    for index in indices(x.layout.shape()) {
        let value = x.data[x.layout.place(&index).unwrap()].to_f64();
        let rest: Vec<usize> =
            index.iter().enumerate().filter(|(axis, _)| !axes.contains(*axis)).map(|(_, &i)| i).collect();
        let slot = &mut out[layout.place(&rest).unwrap()];
        *slot = match fold {
            reduce::Fold::Sum => *slot + value,
            _ if value.is_nan() || slot.is_nan() => f64::NAN,
            reduce::Fold::Max => slot.max(value),
            reduce::Fold::Min => slot.min(value),
        };
    }
    out
}

#[test]
fn reductions_are_their_definitions_and_the_same_for_every_layout() {
    fn check<T: Float>(tolerance: f64) {
        let mut cases = cases::<T>(10);
        cases.push(Case {
            name: "long rows",
            data: numbers(3 * 40_000, 11),
            layout: Layout::contiguous(shape(&[3, 40_000])),
        });
        cases.push(Case {
            name: "many rows",
            data: numbers(9_000 * 5, 12),
            layout: Layout::contiguous(shape(&[9_000, 5])),
        });
        cases.push(Case {
            name: "images",
            data: numbers(6 * 3 * 10 * 9, 13),
            layout: Layout::contiguous(shape(&[6, 3, 10, 9])),
        });
        let mut with_nan = numbers::<T>(20 * 70, 14);
        with_nan[333] = T::from_f64(f64::NAN);
        with_nan[777] = T::INFINITY;
        cases.push(Case { name: "with NaN", data: with_nan, layout: Layout::contiguous(shape(&[20, 70])) });
        everywhere(|| {
            for x in &cases {
                for set in 0u8..1 << x.layout.rank() {
                    let list: Vec<usize> =
                        (0..x.layout.rank()).filter(|&axis| set >> axis & 1 == 1).collect();
                    let axes = Axes::of("sum", &list, x.layout.shape()).unwrap();
                    for fold in [reduce::Fold::Sum, reduce::Fold::Max, reduce::Fold::Min] {
                        let what = alloc::format!("{fold:?} of {} over {axes:?}", x.name);
                        let expected = folded(x, axes, fold);
                        let mut out = unwritten::<T>(expected.len());
                        reduce::reduce(fold, x.view(), axes, &mut out);
                        // A sum is as accurate as the numbers in it are large.
                        let sizes = folded(&x.sizes(), axes, fold);
                        for ((&got, &exact), &size) in out.iter().zip(&expected).zip(&sizes) {
                            let (got, bound) = (
                                got.to_f64(),
                                if fold == reduce::Fold::Sum { tolerance * (size + 1.0) } else { 0.0 },
                            );
                            let same = got == exact
                                || (got.is_nan() && exact.is_nan())
                                || (got - exact).abs() <= bound;
                            assert!(same, "{what}: {got}, not {exact}");
                        }

                        let dense = x.elements();
                        let layout = Layout::contiguous(*x.layout.shape());
                        let mut again = unwritten::<T>(expected.len());
                        reduce::reduce(fold, View::new(&dense, &layout), axes, &mut again);
                        assert_eq!(bits(&out), bits(&again), "{what}: a view and its dense copy");
                    }
                }
            }
        });
    }
    check::<f32>(2e-6);
    check::<f64>(1e-13);
}

#[test]
fn reductions_do_not_see_threads_nor_a_stack_around_them() {
    let lengths = [3, 5_000, 7, 4];
    let data = numbers::<f32>(3 * 5_000 * 7 * 4, 15);
    at_each_level(|_| {
        for inner in [&[1][..], &[0], &[2], &[0, 2], &[1, 2], &[0, 1, 2]] {
            let stack = Layout::contiguous(shape(&lengths));
            let behind: Vec<usize> = inner.iter().map(|axis| axis + 1).collect();
            let axes = Axes::of("sum", &behind, stack.shape()).unwrap();
            let len = axes.remove_from("sum", stack.shape()).unwrap().len();
            let run = |threads| {
                let mut out = unwritten(len);
                parallel::with_threads(threads, || {
                    reduce::reduce(reduce::Fold::Sum, View::new(&data, &stack), axes, &mut out)
                });
                bits(&out)
            };
            let together = run(1);
            assert_eq!(together, run(2), "over {behind:?}");
            assert_eq!(together, run(5), "over {behind:?}");

            let one = Layout::contiguous(shape(&lengths[1..]));
            let axes = Axes::of("sum", inner, one.shape()).unwrap();
            let mut alone = Vec::new();
            for data in data.chunks(one.len()) {
                let mut out = unwritten(len / lengths[0]);
                reduce::reduce(reduce::Fold::Sum, View::new(data, &one), axes, &mut out);
                alone.extend(bits(&out));
            }
            assert_eq!(together, alone, "over {behind:?}");
        }
    });
}

#[test]
fn softmax_is_its_definition() {
    fn check<T: Float>(tolerance: f64) {
        everywhere(|| {
            for width in [1, 2, 3, 7, 8, 10, 16, 17, 31, 32, 33, 100, 1000] {
                let rows = 5;
                let dense = Layout::contiguous(shape(&[rows, width]));
                let turned = Layout::contiguous(shape(&[width, rows])).transpose(0, 1).unwrap();
                let mut data = numbers::<T>(rows * width, width);
                data[0] = T::from_f64(80.0); // exp of it is near the end of the range
                let g = numbers::<T>(rows * width, width + 1);
                for layout in [dense, turned] {
                    let x = Case { name: "x", data: data.clone(), layout };
                    let g = Case { name: "g", data: g.clone(), layout };
                    let (elements, cotangents) = (x.elements(), g.elements());
                    let (mut soft, mut log, mut sums) = (Vec::new(), Vec::new(), Vec::new());
                    let (mut soft_grad, mut log_grad) = (Vec::new(), Vec::new());
                    for (x, g) in elements.chunks(width).zip(cotangents.chunks(width)) {
                        let (x, g): (Vec<f64>, Vec<f64>) =
                            x.iter().zip(g).map(|(x, g)| (x.to_f64(), g.to_f64())).unzip();
                        let sum: f64 = x.iter().map(|x| x.exp()).sum();
                        let y: Vec<f64> = x.iter().map(|x| x.exp() / sum).collect();
                        let gy: f64 = g.iter().zip(&y).map(|(g, y)| g * y).sum();
                        let g_sum: f64 = g.iter().sum();
                        sums.push(T::from_f64(sum.ln()));
                        soft.extend(y.iter().map(|&y| T::from_f64(y)));
                        log.extend(x.iter().map(|x| T::from_f64(x - sum.ln())));
                        soft_grad.extend(g.iter().zip(&y).map(|(g, y)| T::from_f64(y * (g - gy))));
                        log_grad.extend(g.iter().zip(&y).map(|(g, y)| T::from_f64(g - y * g_sum)));
                    }
                    let what = alloc::format!("width {width}");
                    let mut out = unwritten(x.len());
                    softmax::normalise(softmax::Normal::Softmax, x.view(), width, &mut out);
                    close(&out, &soft, tolerance, &what);
                    let y = out.clone();
                    softmax::normalise_grad(
                        softmax::Normal::Softmax,
                        View::new(&y, &dense),
                        g.view(),
                        width,
                        &mut out,
                    );
                    close(&out, &soft_grad, 10.0 * tolerance, &what);
                    softmax::normalise(softmax::Normal::LogSoftmax, x.view(), width, &mut out);
                    close(&out, &log, tolerance, &what);
                    let y = out.clone();
                    softmax::normalise_grad(
                        softmax::Normal::LogSoftmax,
                        View::new(&y, &dense),
                        g.view(),
                        width,
                        &mut out,
                    );
                    close(&out, &log_grad, 30.0 * tolerance, &what);
                    let mut out = unwritten(rows);
                    softmax::log_sum_exp(x.view(), width, &mut out);
                    close(&out, &sums, tolerance, &what);
                }
            }
        });
    }
    check::<f32>(2e-6);
    check::<f64>(1e-13);
}

#[test]
fn softmax_survives_large_numbers_and_reports_nan() {
    let layout = Layout::contiguous(shape(&[4, 3]));
    let inf = f32::INFINITY;
    let x = [1e30, 1e30, -1e30, -inf, 0.0, -inf, f32::NAN, 0.0, 1.0, -inf, -inf, -inf];
    everywhere(|| {
        let mut out = [9.0f32; 12];
        softmax::normalise(softmax::Normal::Softmax, View::new(&x, &layout), 3, &mut out);
        assert_eq!(out[..6], [0.5, 0.5, 0.0, 0.0, 1.0, 0.0]);
        assert!(out[6..].iter().all(|y| y.is_nan()), "{out:?}");
        softmax::normalise(softmax::Normal::LogSoftmax, View::new(&x, &layout), 3, &mut out);
        assert_eq!(out[3..6], [-inf, 0.0, -inf]);
        let mut sums = [9.0f32; 4];
        softmax::log_sum_exp(View::new(&x, &layout), 3, &mut sums);
        assert!(sums[0] == 1e30 && sums[1] == 0.0 && sums[2].is_nan() && sums[3] == -inf, "{sums:?}");
    });
}

/// The windows that the tests of pooling run over.
fn windows() -> Vec<Window> {
    let mut windows = Vec::new();
    for input in [[2, 2], [4, 6], [5, 7], [24, 24], [9, 33]] {
        windows.push(Window::new(input, [2, 2]).stride([2, 2]));
        windows.push(Window::new(input, [2, 1]).stride([1, 2]));
    }
    windows.push(Window::new([7, 9], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]));
    windows.push(Window::new([7, 9], [3, 2]).stride([1, 3]).dilation([2, 3]).pad([[2, 0], [0, 2]]));
    windows.push(Window::new([5, 5], [2, 2]).stride([2, 2]).pad([[0, 1], [0, 1]]));
    windows.push(Window::new([6, 4], [2, 2]).stride([2, 2]).pad([[0, 1], [0, 1]]));
    windows.push(Window::new([3, 3], [5, 5]).stride([2, 1]).pad([[3, 3], [4, 2]]));
    windows
}

/// For each window of one plane, the places in the image that it covers.
fn covered(window: &Window) -> Vec<Vec<usize>> {
    let output = window.output("pool").unwrap();
    let mut all = Vec::new();
    for p in 0..output[0] {
        for q in 0..output[1] {
            let mut places = Vec::new();
            for r in 0..window.kernel[0] {
                for s in 0..window.kernel[1] {
                    let h = (p * window.stride[0] + r * window.dilation[0]).checked_sub(window.pad[0][0]);
                    let w = (q * window.stride[1] + s * window.dilation[1]).checked_sub(window.pad[1][0]);
                    if let (Some(h), Some(w)) = (h, w)
                        && h < window.input[0]
                        && w < window.input[1]
                    {
                        places.push(h * window.input[1] + w);
                    }
                }
            }
            all.push(places);
        }
    }
    all
}

#[test]
fn pooling_is_its_definition() {
    for window in windows() {
        let output = window.output("pool").unwrap();
        let (input_len, output_len) = (window.input[0] * window.input[1], output[0] * output[1]);
        let planes = 1 + 40_000 / input_len; // more than one task
        // Few different values, so that windows have ties; and a NaN here and there.
        let mut x: Vec<f32> = (0..planes * input_len).map(|i| ((i * 7919) % 5) as f32).collect();
        x.iter_mut().step_by(97).for_each(|x| *x = f32::NAN);
        let tangent = numbers::<f32>(x.len(), 16);
        let g = numbers::<f32>(planes * output_len, 17);
        let covered = covered(&window);
        let (mut gathered, mut maxima, mut scattered) = (Vec::new(), Vec::new(), [0.0f32].repeat(x.len()));
        let (mut means, mut spread) = (Vec::new(), [0.0f32].repeat(x.len()));
        let size = (window.kernel[0] * window.kernel[1]) as f32;
        for plane in 0..planes {
            for (n, places) in covered.iter().enumerate() {
                let at = |place: usize| plane * input_len + place;
                let mut best: Option<usize> = None;
                for &place in places {
                    let better = best.is_none_or(|best| {
                        x[at(place)] > x[at(best)] || (x[at(place)].is_nan() && !x[at(best)].is_nan())
                    });
                    best = if better { Some(place) } else { best };
                }
                maxima.push(best.map_or(f32::NEG_INFINITY, |best| x[at(best)]));
                gathered.push(best.map_or(f32::NEG_INFINITY, |best| tangent[at(best)]));
                if let Some(best) = best {
                    scattered[at(best)] += g[plane * output_len + n];
                }
                means.push(places.iter().map(|&place| tangent[at(place)]).sum::<f32>() / size);
                for &place in places {
                    spread[at(place)] += g[plane * output_len + n] / size;
                }
            }
        }
        everywhere(|| {
            let what = alloc::format!("{window:?}");
            let mut out = unwritten(planes * output_len);
            pool::max_pool_gather(&x, &x, &window, output, &mut out);
            close(&out, &maxima, 0.0, &what);
            pool::max_pool_gather(&x, &tangent, &window, output, &mut out);
            close(&out, &gathered, 0.0, &what);
            pool::mean_pool(&tangent, &window, output, &mut out);
            close(&out, &means, 1e-6, &what);
            let mut out = unwritten(x.len());
            pool::max_pool_scatter(&x, &g, &window, output, &mut out);
            close(&out, &scattered, 0.0, &what);
            pool::mean_pool_transpose(&g, &window, output, &mut out);
            close(&out, &spread, 1e-6, &what);
        });
    }
}

#[test]
fn gathering_and_scattering_are_transposes() {
    let (outer, len, inner) = (3, 50, 21);
    let index: Vec<u32> = (0..700).map(|i| (i * i % 47) as u32).collect(); // 47..50 get nothing
    let x = numbers::<f32>(outer * len * inner, 18);
    let g = numbers::<f32>(outer * index.len() * inner, 19);
    let mut rows = Vec::new();
    let mut sums = [0.0f32].repeat(x.len());
    for o in 0..outer {
        for (k, &at) in index.iter().enumerate() {
            for i in 0..inner {
                let place = (o * len + at as usize) * inner + i;
                rows.push(x[place]);
                sums[place] += g[(o * index.len() + k) * inner + i];
            }
        }
    }
    everywhere(|| {
        let mut out = unwritten(rows.len());
        super::index::gather(&x, &index, len, inner, &mut out);
        assert_eq!(out, rows);
        let mut out = unwritten(x.len());
        super::index::scatter_add(&g, &index, len, inner, &mut out);
        assert_eq!(out, sums);
    });
    let mut out = [9.0f32; 3];
    super::index::scatter_add(&[], &[], 3, 1, &mut out);
    assert_eq!(out, [0.0; 3]);
}

#[test]
fn dropout_drops_the_stated_share_and_nothing_else() {
    let len = 3 * PIECE + 5;
    let x = numbers::<f32>(len, 20);
    let layout = Layout::contiguous(shape(&[len]));
    let turned = Case {
        name: "turned",
        data: numbers::<f32>(300 * 200, 21),
        layout: Layout::contiguous(shape(&[300, 200])).transpose(0, 1).unwrap(),
    };
    for rate in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let mut first: Option<Vec<f32>> = None;
        everywhere(|| {
            let mut out = unwritten(len);
            dropout::dropout(View::new(&x, &layout), rate, 42, &mut out);
            let scale = (1.0 / (1.0 - rate)) as f32;
            let kept = out.iter().zip(&x).filter(|(y, x)| **y == **x * scale && **x != 0.0).count();
            let dropped = out.iter().filter(|y| **y == 0.0).count();
            assert!(
                kept + dropped >= len && (rate > 0.0 || kept + 20 >= len),
                "rate {rate}: {kept} and {dropped}"
            );
            // Six standard deviations of a binomial.
            let width = 6.0 * (len as f64 * rate * (1.0 - rate)).sqrt() + 60.0;
            assert!(
                (dropped as f64 - rate * len as f64).abs() <= width,
                "rate {rate}: {dropped} of {len} dropped"
            );
            assert_eq!(*first.get_or_insert_with(|| out.clone()), out, "the same at every level");

            let mut other = unwritten(len);
            dropout::dropout(View::new(&x, &layout), rate, 43, &mut other);
            assert!(rate == 0.0 || rate == 1.0 || other != out, "the seed matters");

            let (mut strided, mut dense) = (unwritten(turned.len()), unwritten(turned.len()));
            dropout::dropout(turned.view(), rate, 1, &mut strided);
            let (elements, dense_layout) = (turned.elements(), Layout::contiguous(*turned.layout.shape()));
            dropout::dropout(View::new(&elements, &dense_layout), rate, 1, &mut dense);
            assert_eq!(strided, dense);
        });
    }
}

#[test]
fn neighbours_and_seeds_drop_independently() {
    let len = 1 << 16;
    let ones = [1.0f32].repeat(len);
    let layout = Layout::contiguous(shape(&[len]));
    let mask = |seed| {
        let mut out = unwritten::<f32>(len);
        dropout::dropout(View::new(&ones, &layout), 0.5, seed, &mut out);
        out.iter().map(|&y| if y > 0.0 { 1.0 } else { -1.0 }).collect::<Vec<f64>>()
    };
    let a = mask(7);
    let correlation =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    for lag in [1, 2, 3, 16, 100, 4096] {
        assert!(correlation(&a[lag..], &a).abs() < 0.025, "lag {lag}");
    }
    for seed in [8, 6, 7 ^ 1 << 32, 7 << 1, 1007] {
        assert!(correlation(&a, &mask(seed)).abs() < 0.025, "seeds 7 and {seed}");
    }
}

#[test]
fn inner_products_are_accurate_and_do_not_see_threads() {
    let (count, len) = (3, 100_003);
    let rows = numbers::<f32>(count * len, 22);
    let row = |i: usize| &rows[i * len..(i + 1) * len];
    let exact =
        |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(&a, &b)| a as f64 * b as f64).sum::<f64>();
    at_each_level(|_| {
        let run = |threads| {
            parallel::with_threads(threads, || {
                let mut out = [9.0; 9];
                gram::gram(&rows, count, &mut out);
                (out, gram::dot(row(0), row(1)), crate::block::norm(row(2)))
            })
        };
        let (out, dot, norm) = run(1);
        assert_eq!((out, dot, norm), run(4));
        for i in 0..count {
            for j in 0..count {
                assert!((out[i * count + j] - exact(i, j)).abs() < 1e-9 * exact(i, i).max(1.0), "{i}, {j}");
            }
        }
        assert!((dot - exact(0, 1)).abs() < 1e-9 * exact(0, 0));
        assert!((norm - exact(2, 2).sqrt()).abs() < 1e-9 * norm);
    });
    let mut none: [f64; 0] = [];
    gram::gram::<f32>(&[], 0, &mut none);
    let mut empty_rows = [9.0; 4];
    gram::gram::<f32>(&[], 2, &mut empty_rows);
    assert_eq!(empty_rows, [0.0; 4]);
    assert_eq!(gram::dot::<f64>(&[], &[]), 0.0);
}

#[test]
fn optimisers_follow_their_definitions() {
    use crate::block::{Adam, Sgd, adam, sgd};
    let len = PIECE + 37;
    let start = numbers::<f64>(len, 23);
    let gradient = |step: u64| numbers::<f64>(len, 100 + step as usize);
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let settings = Sgd { rate: 0.1, momentum, decay: 0.01, nesterov };
        everywhere(|| {
            let (mut p, mut v) = (start.clone(), [0.0].repeat(len));
            let (mut expected, mut velocity) = (start.clone(), [0.0].repeat(len));
            for step in 1..4 {
                sgd(&settings, &mut p, &gradient(step), &mut v);
                for (i, g) in gradient(step).into_iter().enumerate() {
                    let g = g + 0.01 * expected[i];
                    velocity[i] = momentum * velocity[i] + g;
                    expected[i] -= 0.1 * if nesterov { g + momentum * velocity[i] } else { velocity[i] };
                }
            }
            close(&p, &expected, 1e-14, "sgd");
        });
    }
    for decoupled in [false, true] {
        let settings = Adam { rate: 0.01, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.1, decoupled };
        everywhere(|| {
            let (mut p, mut m, mut v) = (start.clone(), [0.0].repeat(len), [0.0].repeat(len));
            let (mut expected, mut first, mut second) = (start.clone(), [0.0].repeat(len), [0.0].repeat(len));
            for step in 1..4u64 {
                adam(&settings, step, &mut p, &gradient(step), &mut m, &mut v);
                for (i, mut g) in gradient(step).into_iter().enumerate() {
                    if decoupled {
                        expected[i] *= 1.0 - 0.01 * 0.1;
                    } else {
                        g += 0.1 * expected[i];
                    }
                    first[i] = 0.9 * first[i] + 0.1 * g;
                    second[i] = 0.999 * second[i] + 0.001 * g * g;
                    let m = first[i] / (1.0 - 0.9f64.powi(step as i32));
                    let v: f64 = second[i] / (1.0 - 0.999f64.powi(step as i32));
                    expected[i] -= 0.01 * m / (v.sqrt() + 1e-8);
                }
            }
            close(&p, &expected, 1e-12, "adam");
        });
    }
}
