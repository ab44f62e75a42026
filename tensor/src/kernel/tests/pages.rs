//! No kernel reads or writes beyond its slices: operands end where a page begins that nobody may touch, or begin where
//! such a page ends. A register too many would end the test by a segmentation fault.

mod layouts;
mod planned;
mod products;

use super::super::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use super::super::product::Activation;
use super::super::row_norm::channels;
use super::super::stretch::STRETCH;
use super::super::*;
use super::*;
use crate::pointwise::{Gates, Map, Zip};
use crate::storage::pool::fence::{self, pages};
use crate::{Axes, Window};

/// Numbers between two pages that may not be touched, right behind the first or right before the second.
struct Fenced<T> {
    end: *mut u8,
    data: *mut T,
    len: usize,
}

impl<T: Copy> Fenced<T> {
    fn new(values: &[T], at_end: bool) -> Self {
        let bytes = size_of_val(values);
        let end = pages::open(bytes);
        let data = end.wrapping_sub(if at_end { bytes } else { pages::room(bytes) }).cast::<T>();
        // SAFETY: the numbers lie in the memory that has just been opened.
        unsafe { data.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
        Self { end, data, len: values.len() }
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
        // SAFETY: opened in `new` for so many numbers.
        unsafe { pages::close(self.end, self.len * size_of::<T>()) };
    }
}

/// Runs `work(operands, result)` on fenced copies of both kinds, and holds the results against that on plain slices. What the
/// kernel takes from the pool meanwhile is fenced as well.
fn fenced<T: Float>(operands: &[&[T]], result: usize, what: &str, work: impl Fn(&[&[T]], &mut [T])) {
    fenced_from(operands, &numbers::<T>(result, 9), what, bits, work);
}

/// The same for numbers of any kind, whose results begin as `plain` and are compared by what `seen` makes of them.
fn fenced_from<T: Copy, S: PartialEq + core::fmt::Debug>(
    operands: &[&[T]],
    plain: &[T],
    what: &str,
    seen: impl Fn(&[T]) -> S,
    work: impl Fn(&[&[T]], &mut [T]),
) {
    let mut expected = plain.to_vec();
    work(operands, &mut expected);
    for at_end in [true, false] {
        let copies: Vec<Fenced<T>> = operands.iter().map(|values| Fenced::new(values, at_end)).collect();
        let mut got = Fenced::new(plain, at_end);
        fence::with(|| work(&copies.iter().map(Fenced::all).collect::<Vec<_>>(), got.all_mut()));
        assert_eq!(seen(got.all()), seen(&expected), "{what}, at the end: {at_end}");
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
    let (width, norm) = (1024, row_norm::RowNorm { epsilon: 1e-3, centred: true });
    let x = &x[..len / width * width];
    let layout = &Layout::contiguous(shape(&[len / width, width]));
    fenced(&[x], x.len(), "large row_norm", |x, out| {
        row_norm::row_norm(norm, view(x[0], layout), None, None, width, out);
    });
    fenced(&[x], x.len(), "the gradient of large row_norm", |x, out| {
        row_norm::row_norm_grad(norm, view(x[0], layout), view(x[0], layout), None, width, out);
    });
}

fn rows<T: Float>() {
    // The long ones are cut into stretches, whose last is long, short, or a single number.
    let long = [STRETCH + 4467, STRETCH + 15, STRETCH + 1];
    for (width, count) in LENGTHS.map(|width| (width, 6)).into_iter().chain(long.map(|width| (width, 2))) {
        let layout = &Layout::contiguous(shape(&[count, width]));
        let turned = &layout.transpose(0, 1).unwrap();
        let (x, g) = (numbers::<T>(count * width, 1), numbers::<T>(count * width, 2));
        for fold in [reduce::Fold::Sum, reduce::Fold::Max, reduce::Fold::Min] {
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
        let w = numbers::<T>(width, 3);
        let norms = [true, false].map(|centred| row_norm::RowNorm { epsilon: 1e-3, centred });
        for norm in norms {
            fenced(&[&x, &w, &w], x.len(), "row_norm", |x, out| {
                row_norm::row_norm(norm, view(x[0], layout), Some(x[1]), Some(x[2]), width, out);
            });
            fenced(&[&x, &g, &w], x.len(), "row_norm_grad", |x, out| {
                row_norm::row_norm_grad(norm, view(x[0], layout), view(x[1], layout), Some(x[2]), width, out);
            });
            fenced(&[&x, &g], width, "row_norm_weight", |x, out| {
                row_norm::row_norm_weight(norm, view(x[0], layout), view(x[1], layout), width, out);
            });
        }
        let labels: Vec<u32> = (0..count as u32).map(|row| (row * 7 + 3) % width as u32).collect();
        for labels in [None, Some(&labels[..])] {
            fenced(&[&x], count, "log_sum_exp", |x, out| {
                softmax::log_sum_exp(view(x[0], layout), labels, width, out)
            });
            fenced(&[&x, &g[..count]], x.len(), "the gradient of log_sum_exp", |x, out| {
                softmax::log_sum_exp_grad(view(x[0], layout), labels, x[1], width, out);
            });
        }
        fenced(&[&x], x.len(), "dropout", |x, out| dropout::dropout(view(x[0], layout), 0.3, 7, out));
        // What does not lie densely is copied, to the result or to a block of the pool.
        fenced(&[&x, &g, &w[..1]], x.len(), "rows that lie transposed", |x, out| {
            let (w, norm) = (&[x[2][0]].repeat(count), norms[0]);
            softmax::normalise_grad(
                softmax::Normal::Softmax,
                view(x[0], turned),
                view(x[1], turned),
                count,
                out,
            );
            row_norm::row_norm_grad(norm, view(x[0], turned), view(x[1], turned), Some(w), count, out);
            row_norm::row_norm_weight(norm, view(x[0], turned), view(x[1], turned), count, &mut out[..count]);
            softmax::log_sum_exp(view(x[0], turned), None, count, &mut out[..width]);
        });
        fenced(&[&x], x.len(), "a copy", |x, out| copy::copy(view(x[0], turned), out));
        // As many rows of as many numbers, each of which is gathered from all of the memory.
        let apart = &Layout::contiguous(shape(&[width, count])).transpose(0, 1).unwrap();
        fenced(&[&x, &g, &w], x.len(), "rows that lie apart", |x, out| {
            let (y, g, w) = (view(x[0], apart), view(x[1], apart), Some(x[2]));
            softmax::normalise(softmax::Normal::LogSoftmax, view(x[0], apart), width, out);
            softmax::normalise_grad(softmax::Normal::Softmax, y, g, width, out);
            softmax::log_sum_exp_grad(view(x[0], apart), None, &x[1][..count], width, out);
            for norm in norms {
                row_norm::row_norm(norm, y, w, None, width, out);
                row_norm::row_norm_grad(norm, y, view(x[1], apart), w, width, out);
                row_norm::row_norm_weight(norm, y, view(x[1], apart), width, &mut out[..width]);
            }
        });
    }
    // Both axes long enough to be turned in registers.
    for [high, wide] in [[4, 5], [17, 33], [40, 16]] {
        let layout = &Layout::contiguous(shape(&[high, wide])).transpose(0, 1).unwrap();
        fenced(&[&numbers::<T>(high * wide, 1)], high * wide, "a transpose", |x, out| {
            copy::copy(view(x[0], layout), out);
        });
    }
}

/// Channels of batches, whose planes the registers of each level end in.
fn channels<T: Float>() {
    for inner in LENGTHS {
        let planes = channels::Planes { samples: 3, channels: 2, inner };
        let (x, g) = (numbers::<T>(6 * inner, 1), numbers::<T>(6 * inner, 2));
        let w = numbers::<T>(2, 3);
        fenced(&[&x, &w], x.len(), "channel_norm", |x, out| {
            channels::channel_norm(1e-3, x[0], [Some(x[1]), Some(x[1])], planes, out);
        });
        fenced(&[&x, &g, &w], x.len(), "channel_norm_grad", |x, out| {
            channels::channel_norm_grad(1e-3, x[0], x[1], Some(x[2]), planes, out);
        });
        fenced(&[&x, &g], 4, "channel_norm_sums", |x, out| {
            channels::channel_norm_sums(1e-3, x[0], x[1], planes, out);
        });
        fenced(&[&x], 4, "channel_moments", |x, out| channels::channel_moments(x[0], planes, out));
    }
}

/// Gates of recurrent networks, whose rows the registers of each level end in.
fn recurrent<T: Float>() {
    for hidden in LENGTHS {
        for gates in [Gates::Lstm, Gates::LstmGrad, Gates::Gru, Gates::GruGrad] {
            let (shapes, count) = gates.operands(2, hidden).unwrap();
            let x: Vec<Vec<T>> = (0..count).map(|i| numbers(shapes[i].len(), i)).collect();
            let x: Vec<&[T]> = x.iter().map(Vec::as_slice).collect();
            let len = gates.infer(&shapes[..count]).unwrap().len();
            fenced(&x, len, gates.name(), |x, out| super::super::gates::gates(gates, x, [2, hidden], out));
        }
    }
}

/// Places of extremes: of rows, of columns, and of axes that are cut into chunks.
fn extremes<T: Float>() {
    for len in LENGTHS.into_iter().chain([4]) {
        for (outer, inner) in [(1, 1), (2, 1), (37, 1), (2, 3), (3, 16), (2, 33), (1, 300)] {
            extremes_of::<T>([outer, len, inner]);
        }
    }
    for sizes in [[1, 70_001, 1], [2, 1400, 67], [1, 300, 259]] {
        extremes_of::<T>(sizes);
    }
}

fn extremes_of<T: Float>([outer, len, inner]: [usize; 3]) {
    let x = numbers::<T>(outer * len * inner, 1);
    for largest in [true, false] {
        fenced(&[&x], outer * inner, "the place of an extreme", |x, out| {
            for at_end in [true, false] {
                let mut places = Fenced::new(&vec![0u32; out.len()], at_end);
                extreme::extreme(largest, x[0], len, inner, places.all_mut());
                out.iter_mut().zip(places.all()).for_each(|(out, &at)| *out = T::from_f64(f64::from(at)));
            }
        });
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
        // Windows of one tap: full registers and not, and more outputs or channels than pixels, which go turned.
        (Window::new([4, 5], [1, 1]), [2, 3, 18], 1),
        (Window::new([7, 7], [1, 1]), [2, 70, 3], 1),
        (Window::new([1, 3], [1, 1]), [2, 37, 35], 1),
        (Window::new([17, 1], [1, 1]), [2, 60, 14], 2),
        (Window::new([4, 8], [1, 1]), [1, 33, 18], 3),
        (Window::new([7, 5], [1, 1]).stride([2, 1]), [2, 5, 9], 1),
        (Window::new([9, 17], [3, 3]).pad(pad), [1, 4, 4], 4),
        (Window::new([9, 17], [3, 3]).stride([2, 2]), [1, 4, 4], 4),
        // Depthwise in steps: whole registers, every kind of padding, more windows than one, several outputs a channel.
        (Window::new([9, 70], [3, 3]).pad(pad).stride([2, 2]), [2, 3, 3], 3),
        (Window::new([9, 70], [3, 3]).pad([[0, 1], [0, 1]]).stride([2, 2]), [2, 3, 3], 3),
        (Window::new([10, 71], [3, 3]).pad([[1, 0], [1, 0]]).stride([2, 2]), [1, 3, 3], 3),
        (Window::new([9, 37], [5, 5]).pad([[2, 2], [2, 2]]).stride([2, 2]), [2, 3, 3], 3),
        (Window::new([11, 40], [3, 3]).pad(pad).stride([2, 3]), [2, 3, 6], 3),
        // Winograd's tiles, whole and cut.
        (Window::new([20, 21], [3, 3]).pad(pad), [2, 16, 17], 1),
        (Window::new([22, 23], [3, 3]), [1, 34, 32], 2),
    ] {
        let conv = Conv::new(window, sizes, groups, "conv2d").unwrap();
        let x = numbers::<T>(conv.x_len(), 1);
        let w = numbers::<T>(conv.w_len(), 2);
        let dy = numbers::<T>(conv.y_len(), 3);
        fenced(&[&x, &w], dy.len(), "a convolution", |x, y| conv_forward(&conv, x[0], x[1], y, None, None));
        let bias = numbers::<T>(sizes[2], 4);
        for activation in [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Sigmoid)] {
            fenced(&[&x, &w, &bias], dy.len(), "a convolution with a bias", |x, y| {
                conv_forward(&conv, x[0], x[1], y, Some(x[2]), activation);
            });
        }
        fenced(&[&w, &dy], x.len(), "an input gradient", |x, dx| conv_input_grad(&conv, x[0], x[1], dx));
        fenced(&[&x, &dy], w.len(), "a weight gradient", |x, dw| conv_weight_grad(&conv, 1, x[0], x[1], dw));
        let stack = numbers::<T>(3 * dy.len(), 5);
        fenced(&[&x, &stack], 3 * w.len(), "weight gradients of a stack", |x, dw| {
            conv_weight_grad(&conv, 3, x[0], x[1], dw);
        });
    }
    for window in [
        Window::new([6, 9], [2, 2]).stride([2, 2]),
        Window::new([7, 37], [3, 3]).stride([2, 2]).pad(pad),
        Window::new([7, 9], [2, 3]),
        Window::new([7, 9], [2, 2]).stride([3, 3]),
        // Planes that are cut into bands.
        Window::new([132, 259], [2, 2]).stride([2, 2]),
        Window::new([131, 262], [3, 3]).stride([2, 2]).pad(pad),
        Window::new([130, 257], [3, 2]).dilation([5, 2]),
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

fn places<T: Float>() {
    let (len, index) = (5, [4, 0, 0, 2, 4, 1, 3]);
    for inner in LENGTHS {
        let layout = &Layout::contiguous(shape(&[2, len, inner]));
        let (x, g) = (numbers::<T>(2 * len * inner, 1), numbers::<T>(2 * index.len() * inner, 2));
        fenced(&[&x], g.len(), "gather", |x, out| index::gather(x[0], &index, len, inner, out));
        fenced(&[&g], x.len(), "scatter_add", |g, out| index::scatter_add(g[0], &index, len, inner, out));
        // As many rows as a sum of blocks takes, the last of them short.
        let many: Vec<u32> = (0..2100).map(|k| index[k % index.len()]).collect();
        let g = numbers::<T>(2 * many.len() * inner, 3);
        fenced(&[&g], x.len(), "scatter_add by blocks", |g, out| {
            index::scatter_add(g[0], &many, len, inner, out);
        });
        for reversed in [false, true] {
            fenced(&[&x], x.len(), "running_sum", |x, out| {
                cumulative::running_sum(view(x[0], layout), reversed, len, inner, out);
            });
        }
        // A row of `inner` numbers.
        for keep in [1, inner] {
            let (sort, rows) = (sort::Sort { descending: keep == 1, keep }, 2 * len);
            fenced(&[&x], rows * keep, "sort_gather", |x, out| {
                sort::sort_gather(sort, x[0], x[0], inner, out)
            });
            fenced(&[&x, &x[..rows * keep]], x.len(), "sort_scatter", |x, out| {
                sort::sort_scatter(sort, x[0], x[1], inner, out)
            });
        }
        fenced(&[&x], 1, "cast", |x, out| {
            let mut wide = Fenced::new(&[0.0; 2 * 5 * 67][..x[0].len()], true);
            copy::cast(view(x[0], layout), wide.all_mut());
            out[0] = T::from_f64(wide.all().iter().sum());
        });
    }
}

/// Steps of optimisers, each of whose blocks is the last before the page in turn; inner products; small systems.
fn blocks<T: Float>() {
    let settings = optim::Adam { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-8, decay: 0.1, decoupled: true };
    let sgd = optim::Sgd { rate: 0.1, momentum: 0.9, dampening: 0.1, decay: 0.1, nesterov: true };
    let rms = optim::RmsProp { rate: 0.1, smoothing: 0.9, epsilon: 1e-8, decay: 0.1, momentum: 0.9 };
    let adagrad = optim::Adagrad { rate: 0.1, epsilon: 1e-10, decay: 0.1 };
    let lion = optim::Lion { rate: 0.1, betas: [0.9, 0.99], decay: 0.1 };
    for len in LENGTHS {
        let g = numbers::<T>(len, 1);
        for turn in 0..4 {
            fenced(&[&g], 4 * len, "steps of optimisers", |g, out| {
                let mut blocks: Vec<&mut [T]> = out.chunks_exact_mut(len).collect();
                blocks.rotate_left(turn);
                let [p, a, b, c] = &mut blocks[..] else { unreachable!() };
                optim::adam(&settings, 3, p, g[0], a, b);
                optim::sgd(&sgd, p, g[0], c);
                optim::rmsprop(&rms, p, g[0], a, b, c);
                optim::sgd(&optim::Sgd { momentum: 0.0, ..sgd }, p, g[0], &mut []);
                optim::rmsprop(&optim::RmsProp { momentum: 0.0, ..rms }, p, g[0], a, &mut [], &mut []);
                a.iter_mut().for_each(|sum| *sum = sum.abs());
                optim::adagrad(&adagrad, p, g[0], a);
                optim::lion(&lion, p, g[0], b);
                optim::add_scaled(-0.3, g[0], c);
                optim::draw_near(0.25, g[0], p);
            });
        }
        for rows in 1..6 {
            let x = numbers::<T>(rows * len, 2);
            fenced(&[&x], 1, "inner products", |x, out| {
                let mut gram = Fenced::new(&[0.0; 25][..rows * rows], true);
                gram::gram(x[0], rows, gram.all_mut());
                let dot = gram::dot(&x[0][..len], &x[0][x[0].len() - len..]);
                out[0] = T::from_f64(gram.all().iter().sum::<f64>() + dot);
            });
        }
        let n = len.min(17);
        let (a, b) = (numbers::<T>(2 * n * n, 3), numbers::<T>(2 * n * 3, 4));
        for system in [matrix::System::General, matrix::System::Triangular { lower: true, unit: false }] {
            for transposed in [false, true] {
                let solve = matrix::Solve { system, transposed };
                fenced(&[&a, &b], b.len(), "solve", |x, out| matrix::solve(solve, x[0], x[1], n, 3, out));
            }
        }
        fenced(&[&a], a.len(), "cholesky", |a, out| matrix::cholesky(a[0], n, out));
        fenced(&[&a], 2, "determinant", |a, out| matrix::determinant(a[0], n, false, out));
    }
}

#[test]
fn nothing_beyond_the_slices_is_touched() {
    fn all<T: Float>() {
        pointwise::<T>();
        rows::<T>();
        channels::<T>();
        recurrent::<T>();
        extremes::<T>();
        layouts::lying::<T>();
        layouts::repeated::<T>();
        products::alone::<T>();
        products::batched::<T>();
        windows::<T>();
        places::<T>();
        blocks::<T>();
    }
    // Blocks are fenced for one thread, which is to do all the work.
    at_each_level(|_| {
        parallel::with_threads(1, || {
            all::<f32>();
            all::<f64>();
            large();
            layouts::conversions();
            planned::floats();
            planned::bytes();
        });
    });
}
