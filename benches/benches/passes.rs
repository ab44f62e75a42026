//! Pointwise functions, reductions, normalisation, pooling and passes over blocks, on one thread at each level: microseconds,
//! and which part of them the machine needs at least: to move what is read and written once or, where a function takes longer than
//! that, for its formula on numbers that never leave the registers (`units`, measured: `benches/src/units.rs`). For softmax and entropies that is
//! one exponential a number, for Adam a root and two quotients.
//!
//! `cargo bench -p tress-benches --bench passes -- NAME ..` runs the lines whose name contains one of the words; with `--threads 2`
//! on two threads.
//!
//! A plain program: each figure is the fastest of many runs.

use std::cell::RefCell;
use std::hint::black_box;
use std::process::ExitCode;
use tress_benches::limits::{Least, Limits, longer};
use tress_benches::memory::Way;
use tress_benches::words::{self, Words};
use tress_benches::{fastest, units::Formula};
use tress_tensor::block::{self, Adagrad, Adam, Lion, RmsProp, Sgd};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::simd::at_each_level;
use tress_tensor::{Axes, Float, RowNorm, Solve, Sort, System, Tensor, Window, parallel};

fn tensor<T: Float>(lengths: &[usize]) -> Tensor<T> {
    let mut i = 0.0f32;
    let wave = |_: &[usize]| {
        i += 0.37;
        T::from_f64(4.0 * f64::from(i.sin()))
    };
    Tensor::from_fn(lengths, wave).expect("a bench names good shapes")
}

/// Whole numbers below `len` in no order.
fn places(count: usize, len: usize) -> Tensor<u32> {
    Tensor::from_fn([count], |i| (i[0] as u64 * 2_654_435_761 % len as u64) as u32).expect("a row")
}

fn main() -> ExitCode {
    words::run(true, |words| run(&words))
}

fn run(words: &Words) -> Result<(), String> {
    let threads = words.threads.unwrap_or(1);
    let (small, large, other) =
        (tensor::<f32>(&[100_000]), tensor::<f32>(&[1_000_000]), tensor(&[1_000_000]));
    let (logits, square, tall) =
        (tensor::<f32>(&[4096, 1024]), tensor::<f32>(&[1000, 1000]), tensor::<f32>(&[100_000, 10]));
    let (images, cotangent) = (tensor::<f32>(&[256, 10, 24, 24]), tensor(&[256, 10, 12, 12]));
    let window = Window::new([24, 24], [2, 2]).stride([2, 2]);
    let (stem, overlapping) = (tensor::<f32>(&[4, 64, 56, 56]), Window::new([56, 56], [3, 3]).stride([2, 2]));
    let (huge, matrix) = (tensor::<f32>(&[10_000_000]), tensor::<f32>(&[4096, 4096]));
    let (classes, few) = (places(4096, 1024), tensor::<f32>(&[4096, 10]));
    let short = [3, 10, 33, 100, 300].map(|wide| (tensor::<f32>(&[4096, wide]), wide));
    let (ten, each) = (places(4096, 10), tensor::<f32>(&[4096]));
    let (table, words_at) = (tensor::<f32>(&[10_000, 64]), places(20_000, 10_000));
    let (embedded, scattered) = (tensor::<f32>(&[20_000, 64]), places(1_000_000, 1_000_000));
    let (doubles, double_rows) = (tensor::<f64>(&[100_000]), tensor::<f64>(&[4096, 512]));
    let whole = places(1_000_000, 1_000_000);
    let (scores, mask) = (tensor::<f32>(&[32, 4, 64, 64]), tensor::<f32>(&[1, 1, 64, 64]));
    let mask = mask.expand([32, 4, 64, 64]).expect("an axis of one is repeated");
    let turned = square.transpose(0, 1).expect("two axes");
    let rows = logits.as_slice().expect("dense");
    let adam = Adam { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, decoupled: true };
    let sgd = |momentum| Sgd { rate: 1e-9, momentum, dampening: 0.0, decay: 1e-4, nesterov: false };
    let rms = RmsProp { rate: 1e-9, smoothing: 0.99, epsilon: 1e-8, decay: 0.0, momentum: 0.0 };
    let adagrad = Adagrad { rate: 1e-9, epsilon: 1e-10, decay: 0.0 };
    let lion = Lion { rate: 1e-9, betas: [0.9, 0.99], decay: 0.0 };
    let general = Solve { system: System::General, transposed: false };
    let other_logits = tensor::<f32>(&[4096, 1024]);
    let other_rows = other_logits.as_slice().expect("dense");
    let mut state = [rows[..500_000].to_vec(), vec![0.0; 500_000], vec![0.0; 500_000]];
    let mut far = [huge.to_vec(), vec![0.0; 10_000_000], vec![0.0; 10_000_000]];

    let (plane, planes) = (tensor::<f32>(&[1, 1, 2048, 2048]), tensor::<f32>(&[1, 3, 1024, 1024]));
    let [large_window, larger_window] =
        [1024, 2048].map(|side| Window::new([side; 2], [2, 2]).stride([2, 2]));
    let half = tensor::<f32>(&[1, 1, 1024, 1024]);
    let row = large.reshape([1, 1_000_000]).expect("as many numbers");
    let row_labels = places(1, 1_000_000);
    let (tokens, two) = (tensor::<f32>(&[100_000, 64]), places(100_000, 2));
    let deep = [tensor::<f32>(&[100_000, 10]), tensor::<f32>(&[100_000, 10])];
    let deep_turned = deep[0].transpose(0, 1).expect("two axes");
    let (line_of, column_of) = (tensor::<f32>(&[1, 10_000_000]), tensor::<f32>(&[10_000_000, 1]));
    let (points, three) = (tensor::<f32>(&[65_536, 3]), tensor::<f32>(&[3]));
    let (ten_bias, flipped) = (tensor::<f32>(&[10]), square.flip(1).expect("an axis"));
    let second = tensor::<f32>(&[1000, 2000]).slice(1, 0, 2000, 2).expect("a slice");
    let column = |rows, columns| {
        let column = tensor::<f32>(&[rows, 1]).expand([rows, columns]);
        column.expect("a column is repeated")
    };
    let (tall_column, square_column) = (column(100_000, 10), column(1000, 1000));
    let strip = square.slice(1, 7, 107, 1).expect("columns that there are");
    let three = three.expand([65_536, 3]).expect("a row is repeated");
    let ten_bias = ten_bias.expand([100_000, 10]).expect("a row is repeated");
    let norm = RowNorm { centred: true, epsilon: 1e-5 };

    // Positive definite: a product of a matrix with itself turned, and the diagonal raised.
    let systems = [(4usize, 4096usize), (16, 512), (64, 32), (256, 1)].map(|(n, count)| {
        let square = tensor::<f32>(&[count, n, n]);
        let turned = square.transpose(1, 2).expect("three axes");
        let own = Tensor::from_fn([n, n], |at| if at[0] == at[1] { 16.0 * n as f32 } else { 0.0 });
        let own = own.expect("a square").expand([count, n, n]).expect("a matrix is repeated");
        let matrix = square.matmul(&turned).and_then(|product| product.zip(Zip::Add, &own));
        (n, count, matrix.expect("squares"), tensor::<f32>(&[count, n, 1]))
    });
    let eighths: Vec<Tensor> =
        (0..8).map(|i| square.slice(1, 125 * i, 125 * (i + 1), 1).expect("columns").contiguous()).collect();
    let eighths: Vec<&Tensor> = eighths.iter().collect();

    // All lines: measured under the limits of a machine, or without those only named.
    let mut lines = |limits: Option<&Limits>| {
        let names = RefCell::new(Vec::new());
        {
            // The time of so many bytes in a footprint, and of what else may bind.
            let bounded = |what: &str,
                           [bytes, footprint]: [usize; 2],
                           units: &dyn Fn(&Limits) -> Option<Least>,
                           work: &mut dyn FnMut()| {
                let Some(limits) = limits else { return names.borrow_mut().push(what.to_owned()) };
                if !words.names.has(what) {
                    return;
                }
                let [seconds] = fastest([work]);
                let way = if bytes == footprint { Way::Apart } else { Way::InPlace };
                let moved = limits.moved(bytes as f64, footprint as f64, way);
                let (least, bound) = longer(Some(moved), units(limits)).expect("bytes have a limit");
                println!("  {what:<40} {:>10.1} {:>4.0} % {bound}", seconds * 1e6, 100.0 * least / seconds);
            };
            // Numbers: all that are read and written, of four bytes; a double counts for two.
            let bound_line =
                |what: &str,
                 numbers: usize,
                 units: &dyn Fn(&Limits) -> Option<Least>,
                 work: &mut dyn FnMut()| { bounded(what, [4 * numbers; 2], units, work) };
            let line = |what: &str, numbers: usize, work: &mut dyn FnMut()| {
                bound_line(what, numbers, &|_| None, work)
            };
            // A function of so many numbers beside moving them.
            let units =
                |what: &str, numbers: usize, formula: Formula, count: usize, work: &mut dyn FnMut()| {
                    bound_line(what, numbers, &|limits| limits.units::<f32>(formula, count as f64), work);
                };
            // A step of an optimiser: parameters and moments are changed where they lie, the gradient is read.
            let step = |what: &str,
                        moments: usize,
                        formula: Option<Formula>,
                        count: usize,
                        work: &mut dyn FnMut()| {
                let needed = |limits: &Limits| limits.units::<f32>(formula?, count as f64);
                let bytes = [3 + 2 * moments, 2 + moments].map(|numbers| 4 * numbers * count);
                bounded(what, bytes, &needed, work);
            };
            let exp = Formula::Map(Map::Exp);
            line("copy 1e6", 2_000_000, &mut || _ = black_box(large.to_vec()));
            let maps = [Map::Neg, Map::Exp, Map::Tanh, Map::Sigmoid, Map::Ln, Map::Erf, Map::Gelu, Map::Sin];
            for map in maps.into_iter().chain([Map::Power(2.5)]) {
                let what = format!("{} 1e5", map.name());
                units(&what, 200_000, Formula::Map(map), 100_000, &mut || _ = black_box(small.map(map)));
            }
            line("add 1e6", 3_000_000, &mut || _ = black_box(large.zip(Zip::Add, &other)));
            line("add 1e7", 20_000_000, &mut || _ = black_box(huge.zip(Zip::Add, &huge)));
            line("sum of rows 4096 x 4096", matrix.len(), &mut || {
                _ = black_box(matrix.sum(Axes::NONE.and(1)))
            });
            line("sum of columns 4096 x 4096", matrix.len(), &mut || {
                _ = black_box(matrix.sum(Axes::NONE.and(0)))
            });
            line("sum 1e6", large.len(), &mut || _ = black_box(large.sum(Axes::all(large.shape()))));
            line("sum of rows 1000 x 1000", square.len(), &mut || {
                _ = black_box(square.sum(Axes::NONE.and(1)))
            });
            line("sum of columns 1000 x 1000", square.len(), &mut || {
                _ = black_box(square.sum(Axes::NONE.and(0)))
            });
            line("sum of columns 100000 x 10", tall.len(), &mut || {
                _ = black_box(tall.sum(Axes::NONE.and(0)))
            });
            line("transpose 1000 x 1000", 2 * square.len(), &mut || _ = black_box(turned.contiguous()));
            units("softmax 4096 x 1024", 2 * logits.len(), exp, logits.len(), &mut || {
                _ = black_box(logits.softmax())
            });
            units("log_softmax 4096 x 1024", 2 * logits.len(), exp, logits.len(), &mut || {
                _ = black_box(logits.log_softmax())
            });
            line("max_pool 2 x 2, 256 x 10 x 24 x 24", images.len() + cotangent.len(), &mut || {
                _ = black_box(images.max_pool(window))
            });
            line("max_pool 3 x 3 / 2, 4 x 64 x 56 x 56", stem.len() * 5 / 4, &mut || {
                _ = black_box(stem.max_pool(overlapping))
            });
            line("mean_pool 3 x 3 / 2, 4 x 64 x 56 x 56", stem.len() * 5 / 4, &mut || {
                _ = black_box(stem.mean_pool(overlapping))
            });
            line("max_pool_scatter", 2 * images.len() + cotangent.len(), &mut || {
                _ = black_box(images.max_pool_scatter(&cotangent, window))
            });
            line("mean_pool", images.len() + cotangent.len(), &mut || {
                _ = black_box(images.mean_pool(window))
            });
            line("mean_pool_transpose", images.len() + cotangent.len(), &mut || {
                _ = black_box(cotangent.mean_pool_transpose(window))
            });
            line("dropout 1e6", 2 * large.len(), &mut || _ = black_box(large.dropout(0.5, 1)));
            line("mask added 32 x 4 x 64 x 64", 2 * scores.len(), &mut || {
                _ = black_box(scores.zip(Zip::Add, &mask))
            });
            units("softmax 32 x 4 x 64 x 64", 2 * scores.len(), exp, scores.len(), &mut || {
                _ = black_box(scores.softmax())
            });
            line("select 1e6", 3 * large.len(), &mut || _ = black_box(other.select(&large, &other)));
            units("cross_entropy 4096 x 1024", logits.len(), exp, logits.len(), &mut || {
                _ = black_box(logits.log_sum_exp(Some(&classes)))
            });
            units("cross_entropy_grad 4096 x 1024", 2 * logits.len(), exp, logits.len(), &mut || {
                _ = black_box(logits.log_sum_exp_grad(&each, Some(&classes)))
            });
            units("cross_entropy 4096 x 10", few.len(), exp, few.len(), &mut || {
                _ = black_box(few.log_sum_exp(Some(&ten)))
            });
            units("cross_entropy_grad 4096 x 10", 2 * few.len(), exp, few.len(), &mut || {
                _ = black_box(few.log_sum_exp_grad(&each, Some(&ten)))
            });
            line("layer_norm 4096 x 1024", 2 * logits.len(), &mut || {
                _ = black_box(logits.row_norm(RowNorm { centred: true, epsilon: 1e-5 }, None, None))
            });
            line("gather 20000 of 10000 x 64", 2 * embedded.len(), &mut || {
                _ = black_box(table.gather(0, &words_at))
            });
            line("scatter 20000 to 10000 x 64", embedded.len() + table.len(), &mut || {
                _ = black_box(embedded.scatter(0, &words_at, 10_000))
            });
            line("gather 1e6 of 1e6", 3 * large.len(), &mut || _ = black_box(large.gather(0, &scattered)));
            line("scatter 1e6 to 1e6", 3 * large.len(), &mut || {
                _ = black_box(large.scatter(0, &scattered, 1_000_000))
            });
            line("cast f32 to f64 1e6", 3 * large.len(), &mut || _ = black_box(large.cast::<f64>()));
            line("cast f64 to f32 2e6", 3 * double_rows.len(), &mut || {
                _ = black_box(double_rows.cast::<f32>())
            });
            line("cast u32 to f32 1e6", 2 * large.len(), &mut || _ = black_box(whole.cast::<f32>()));
            line("cast f32 to u32 1e6", 2 * large.len(), &mut || _ = black_box(large.cast::<u32>()));
            line("cast f32 to u8 1e6", large.len() * 5 / 4, &mut || _ = black_box(large.cast::<u8>()));
            line("cast f32 to i32 1e6", 2 * large.len(), &mut || _ = black_box(large.cast::<i32>()));
            line("argmax of rows 4096 x 1024", logits.len(), &mut || _ = black_box(logits.argmax(1)));
            line("argmax of columns 4096 x 1024", logits.len(), &mut || _ = black_box(logits.argmax(0)));
            for (rows, wide) in &short {
                let what = format!("argmax of rows {} x {wide}", rows.len() / wide);
                line(&what, rows.len(), &mut || _ = black_box(rows.argmax(1)));
            }
            line("argmin of columns 100000 x 10", tall.len(), &mut || _ = black_box(tall.argmin(0)));
            line("flip 1000 x 1000", 2 * square.len(), &mut || _ = black_box(flipped.contiguous()));
            line("add of a flip 1000 x 1000", 3 * square.len(), &mut || {
                _ = black_box(square.zip(Zip::Add, &flipped))
            });
            line("layout: add of a transpose 1000 x 1000", 3 * square.len(), &mut || {
                _ = black_box(square.zip(Zip::Add, &turned))
            });
            line("layout: relu of a transpose 1000 x 1000", 2 * square.len(), &mut || {
                _ = black_box(turned.map(Map::Relu))
            });
            line("layout: mul by a column 100000 x 10", 2 * tall.len(), &mut || {
                _ = black_box(tall.zip(Zip::Mul, &tall_column))
            });
            line("layout: mul by a column 1000 x 1000", 2 * square.len(), &mut || {
                _ = black_box(square.zip(Zip::Mul, &square_column))
            });
            line("layout: relu of a strip 1000 x 100", 2 * strip.len(), &mut || {
                _ = black_box(strip.map(Map::Relu))
            });
            line("every second of 1000 x 2000", 2 * square.len(), &mut || _ = black_box(second.contiguous()));
            units(
                "tanh of every second of 1000 x 2000",
                2 * square.len(),
                Formula::Map(Map::Tanh),
                square.len(),
                &mut || _ = black_box(second.map(Map::Tanh)),
            );
            line("add of a row 65536 x 3", 2 * points.len(), &mut || {
                _ = black_box(points.zip(Zip::Add, &three))
            });
            line("add of a row 100000 x 10", 2 * tall.len(), &mut || {
                _ = black_box(tall.zip(Zip::Add, &ten_bias))
            });
            // Work that is one large piece, to be shared by threads.
            line("large: max_pool 1 x 1 x 2048 x 2048", plane.len() * 5 / 4, &mut || {
                _ = black_box(plane.max_pool(larger_window))
            });
            line("large: max_pool 1 x 3 x 1024 x 1024", planes.len() * 5 / 4, &mut || {
                _ = black_box(planes.max_pool(large_window))
            });
            line("large: max_pool_scatter 1 x 1 x 2048 x 2048", plane.len() * 9 / 4, &mut || {
                _ = black_box(plane.max_pool_scatter(&half, larger_window))
            });
            units("large: softmax 1 x 1e6", 2 * row.len(), exp, row.len(), &mut || {
                _ = black_box(row.softmax())
            });
            units("large: log_softmax 1 x 1e6", 2 * row.len(), exp, row.len(), &mut || {
                _ = black_box(row.log_softmax())
            });
            units("large: cross_entropy 1 x 1e6", row.len(), exp, row.len(), &mut || {
                _ = black_box(row.log_sum_exp(Some(&row_labels)))
            });
            line("large: layer_norm 1 x 1e6", 2 * row.len(), &mut || {
                _ = black_box(row.row_norm(norm, None, None))
            });
            line("large: cumsum of columns 4096 x 4096", 2 * matrix.len(), &mut || {
                _ = black_box(matrix.running_sum(0, false))
            });
            line("large: scatter 100000 to 2 x 64", tokens.len(), &mut || {
                _ = black_box(tokens.scatter(0, &two, 2))
            });
            line("large: product 10 x 1e5 x 10", 2 * deep[0].len(), &mut || {
                _ = black_box(deep_turned.matmul(&deep[1]))
            });
            line("large: product 1 x 1e7 x 1", 2 * line_of.len(), &mut || {
                _ = black_box(line_of.matmul(&column_of))
            });
            line("sort 1e6", 2 * large.len(), &mut || {
                _ = black_box(large.sort(Sort { descending: false, keep: large.len() }))
            });
            line("sort 4096 x 1024", 2 * logits.len(), &mut || {
                _ = black_box(logits.sort(Sort { descending: false, keep: 1024 }))
            });
            line("first 8 of 4096 x 1024", logits.len(), &mut || {
                _ = black_box(logits.sort(Sort { descending: true, keep: 8 }))
            });
            for map in [Map::Neg, Map::Exp, Map::Tanh, Map::Ln, Map::Erf, Map::Sin] {
                let needed = |limits: &Limits| limits.units::<f64>(Formula::Map(map), doubles.len() as f64);
                bound_line(&format!("f64 {} 1e5", map.name()), 4 * doubles.len(), &needed, &mut || {
                    _ = black_box(doubles.map(map))
                });
            }
            line("f64 add 2e6", 4 * double_rows.len(), &mut || {
                _ = black_box(double_rows.zip(Zip::Add, &double_rows))
            });
            let needed = |limits: &Limits| limits.units::<f64>(exp, double_rows.len() as f64);
            bound_line("f64 softmax 4096 x 512", 4 * double_rows.len(), &needed, &mut || {
                _ = black_box(double_rows.softmax())
            });
            for (n, count, matrix, side) in &systems {
                // Multiplications of an elimination and of a factor, both counted twice, for the addition.
                let (n3, reads) = ((count * n * n * n) as f64, matrix.len());
                let flops = |flops: f64| move |limits: &Limits| limits.least(Some(flops), None);
                bound_line(
                    &format!("solve {count} of {n} x {n}"),
                    reads,
                    &flops(n3 * 2.0 / 3.0),
                    &mut || _ = black_box(matrix.solve(side, general)),
                );
                bound_line(
                    &format!("cholesky {count} of {n} x {n}"),
                    2 * reads,
                    &flops(n3 / 3.0),
                    &mut || _ = black_box(matrix.cholesky()),
                );
                bound_line(
                    &format!("log_det {count} of {n} x {n}"),
                    reads,
                    &flops(n3 * 2.0 / 3.0),
                    &mut || _ = black_box(matrix.log_det()),
                );
            }
            line("concat of 8 along columns, 1000 x 1000", 2 * square.len(), &mut || {
                _ = black_box(Tensor::concat(&eighths, 1))
            });
            line("concat of 8 along rows, 8 x 1000 x 125", 2 * square.len(), &mut || {
                _ = black_box(Tensor::concat(&eighths, 0))
            });
            line("unslice of 1000 x 125 to 1000 x 1000", square.len() * 9 / 8, &mut || {
                _ = black_box(eighths[3].unslice(1, 375, 500, 1, 1000))
            });
            line("rms_norm 4096 x 1024", 2 * logits.len(), &mut || {
                _ = black_box(logits.row_norm(RowNorm { centred: false, epsilon: 1e-5 }, None, None))
            });
            line("dot 4194304", 2 * rows.len(), &mut || _ = black_box(block::dot(rows, other_rows)));
            line("norm 4194304", rows.len(), &mut || _ = black_box(block::norm(rows)));
            let mut gramian = [0.0; 64];
            // Every row with every row not before it, in double precision, so at half the peak.
            let needed = |limits: &Limits| limits.least(Some(2.0 * 2.0 * 36.0 * 524_288.0), None);
            bound_line("gram 8 x 524288", rows.len(), &needed, &mut || block::gram(rows, 8, &mut gramian));
            let [p, m, v] = &mut state;
            step("sgd 5e5", 0, None, 500_000, &mut || block::sgd(&sgd(0.0), p, &rows[..500_000], &mut []));
            step("sgd with momentum 5e5", 1, None, 500_000, &mut || {
                block::sgd(&sgd(0.9), p, &rows[..500_000], m)
            });
            step("adam 5e5", 2, Some(Formula::Corrected), 500_000, &mut || {
                block::adam(&adam, 7, p, &rows[..500_000], m, v)
            });
            step("rmsprop 5e5", 1, Some(Formula::Scaled), 500_000, &mut || {
                block::rmsprop(&rms, p, &rows[..500_000], v, &mut [], &mut [])
            });
            step("adagrad 5e5", 1, Some(Formula::Scaled), 500_000, &mut || {
                block::adagrad(&adagrad, p, &rows[..500_000], v)
            });
            step("lion 5e5", 1, None, 500_000, &mut || block::lion(&lion, p, &rows[..500_000], m));
            let ([p, m, v], g) = (&mut far, huge.as_slice().expect("dense"));
            step("sgd with momentum 1e7", 1, None, 10_000_000, &mut || block::sgd(&sgd(0.9), p, g, m));
            step("adam 1e7", 2, Some(Formula::Corrected), 10_000_000, &mut || {
                block::adam(&adam, 7, p, g, m, v)
            });
            step("rmsprop 1e7", 1, Some(Formula::Scaled), 10_000_000, &mut || {
                block::rmsprop(&rms, p, g, v, &mut [], &mut [])
            });
            step("adagrad 1e7", 1, Some(Formula::Scaled), 10_000_000, &mut || {
                block::adagrad(&adagrad, p, g, v)
            });
            step("lion 1e7", 1, None, 10_000_000, &mut || block::lion(&lion, p, g, m));
            for (name, count) in [("5e5", 500_000), ("1e7", 10_000_000)] {
                step(&format!("add_scaled {name}"), 0, None, count, &mut || {
                    block::add_scaled(1e-3, &g[..count], &mut p[..count])
                });
                step(&format!("draw_near {name}"), 0, None, count, &mut || {
                    block::draw_near(0.25, &g[..count], &mut p[..count])
                });
            }
            for (map, name) in [(Map::Relu, "relu"), (Map::Tanh, "tanh"), (Map::Gelu, "gelu")] {
                line(&format!("map_grad of {name} 1e6"), 3 * large.len(), &mut || {
                    _ = black_box(Tensor::map_grad(map, &large, &other))
                });
            }
            line("softmax_grad 4096 x 1024", 3 * logits.len(), &mut || {
                _ = black_box(logits.softmax_grad(&other_logits))
            });
            units("log_softmax_grad 4096 x 1024", 3 * logits.len(), exp, logits.len(), &mut || {
                _ = black_box(logits.log_softmax_grad(&other_logits))
            });
            for (name, axis) in [("rows", 1), ("columns", 0)] {
                line(&format!("max of {name} 4096 x 4096"), matrix.len(), &mut || {
                    _ = black_box(matrix.max(Axes::NONE.and(axis)))
                });
                line(&format!("cumsum of {name} 4096 x 1024"), 2 * logits.len(), &mut || {
                    _ = black_box(logits.running_sum(axis, false))
                });
            }
        }
        names.into_inner()
    };
    let all = lines(None);
    words.names.known("line", all.iter().map(String::as_str))?;
    parallel::with_threads(threads, || {
        at_each_level(|level| {
            println!(
                "{level}, microseconds on {threads} thread(s), and the part of them that the machine's limit allows"
            );
            lines(Some(&Limits::measure(threads)));
        });
    });
    Ok(())
}
