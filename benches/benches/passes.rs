//! Pointwise functions, reductions, normalisation, pooling and passes over blocks, on one thread at each level: microseconds,
//! and which part of them the machine needs at least to move what is read and written once.
//!
//! `cargo bench -p tress-benches --bench passes -- NAME ..` runs the lines whose name contains one of the words.
//!
//! A plain program: each figure is the fastest of many runs.

use std::hint::black_box;
use tress_benches::{fastest, limits::Limits};
use tress_tensor::block::{self, Adam};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::simd::at_each_level;
use tress_tensor::{Axes, Tensor, Window, parallel};

fn tensor(lengths: &[usize]) -> Tensor {
    let mut i = 0.0f32;
    let wave = |_: &[usize]| {
        i += 0.37;
        4.0 * i.sin()
    };
    Tensor::from_fn(lengths, wave).expect("a bench names good shapes")
}

fn main() {
    let (small, large, other) = (tensor(&[100_000]), tensor(&[1_000_000]), tensor(&[1_000_000]));
    let (logits, square, tall) = (tensor(&[4096, 1024]), tensor(&[1000, 1000]), tensor(&[100_000, 10]));
    let (images, cotangent) = (tensor(&[256, 10, 24, 24]), tensor(&[256, 10, 12, 12]));
    let window = Window::new([24, 24], [2, 2]).stride([2, 2]);
    let (stem, overlapping) = (tensor(&[4, 64, 56, 56]), Window::new([56, 56], [3, 3]).stride([2, 2]));
    let (huge, matrix) = (tensor(&[10_000_000]), tensor(&[4096, 4096]));
    // `cargo bench` adds an argument of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let turned = square.transpose(0, 1).expect("two axes");
    let rows = logits.as_slice().expect("dense");
    let adam = Adam { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, decoupled: true };
    let mut state = [rows[..500_000].to_vec(), vec![0.0; 500_000], vec![0.0; 500_000]];

    parallel::with_threads(1, || {
        at_each_level(|level| {
            let limits = Limits::measure(1);
            println!(
                "{level}, microseconds on one thread, and the part of them that moving the numbers takes at least"
            );
            // Numbers: all that are read and written, of four bytes.
            let line = |what: &str, numbers: usize, work: &mut dyn FnMut()| {
                if words.is_empty() || words.iter().any(|word| what.contains(word.as_str())) {
                    let [seconds] = fastest([work]);
                    let (least, place) =
                        limits.least(None, Some(4.0 * numbers as f64)).expect("bytes have a limit");
                    println!(
                        "  {what:<40} {:>10.1} {:>4.0} % {place}",
                        seconds * 1e6,
                        100.0 * least / seconds
                    );
                }
            };
            line("copy 1e6", 2_000_000, &mut || _ = black_box(large.to_vec()));
            for map in [Map::Neg, Map::Exp, Map::Tanh, Map::Sigmoid, Map::Ln, Map::Erf, Map::Gelu, Map::Sin] {
                line(&format!("{} 1e5", map.name()), 200_000, &mut || _ = black_box(small.map(map)));
            }
            line("add 1e6", 3_000_000, &mut || _ = black_box(large.zip(Zip::Add, &other)));
            line("add 1e7", 30_000_000, &mut || _ = black_box(huge.zip(Zip::Add, &huge)));
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
            line("softmax 4096 x 1024", 2 * logits.len(), &mut || _ = black_box(logits.softmax()));
            line("log_softmax 4096 x 1024", 2 * logits.len(), &mut || _ = black_box(logits.log_softmax()));
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
            line("dropout 1e6", 2 * large.len(), &mut || _ = black_box(large.dropout(0.5, 1)));
            line("norm 4194304", rows.len(), &mut || _ = black_box(block::norm(rows)));
            let mut gramian = [0.0; 64];
            line("gram 8 x 524288", rows.len(), &mut || block::gram(rows, 8, &mut gramian));
            let [p, m, v] = &mut state;
            line("adam 5e5", 7 * 500_000, &mut || block::adam(&adam, 7, p, &rows[..500_000], m, v));
        });
    });
}
