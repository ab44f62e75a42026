//! Pointwise functions, reductions, normalisation, pooling and passes over blocks, on one thread at each level, beside
//! what copying the same memory costs.
//!
//! A plain program: each figure is the fastest of many runs.

use std::hint::black_box;
use std::time::{Duration, Instant};
use tress_tensor::block::{self, Adam};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::simd::at_each_level;
use tress_tensor::{Axes, Tensor, Window, parallel};

/// Microseconds of the fastest run of `work` within a third of a second.
fn fastest<R>(mut work: impl FnMut() -> R) -> f64 {
    black_box(work());
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(300) {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e6
}

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
    let turned = square.transpose(0, 1).expect("two axes");
    let rows = logits.as_slice().expect("dense");
    let adam = Adam { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, decoupled: true };
    let mut state = [rows[..500_000].to_vec(), vec![0.0; 500_000], vec![0.0; 500_000]];

    parallel::with_threads(1, || {
        at_each_level(|level| {
            println!("{level}, microseconds on one thread");
            let line = |what: &str, time: f64| println!("  {what:<40} {time:>10.1}");
            line("copy 1e6", fastest(|| large.to_vec()));
            for map in [Map::Neg, Map::Exp, Map::Tanh, Map::Sigmoid, Map::Ln, Map::Erf, Map::Sin] {
                line(&format!("{} 1e5", map.name()), fastest(|| small.map(map)));
            }
            line("add 1e6", fastest(|| large.zip(Zip::Add, &other)));
            line("sum 1e6", fastest(|| large.sum(Axes::all(large.shape()))));
            line("sum of rows 1000 x 1000", fastest(|| square.sum(Axes::NONE.and(1))));
            line("sum of columns 1000 x 1000", fastest(|| square.sum(Axes::NONE.and(0))));
            line("sum of columns 100000 x 10", fastest(|| tall.sum(Axes::NONE.and(0))));
            line("transpose 1000 x 1000", fastest(|| turned.contiguous()));
            line("softmax 4096 x 1024", fastest(|| logits.softmax()));
            line("log_softmax 4096 x 1024", fastest(|| logits.log_softmax()));
            line("max_pool 2 x 2, 256 x 10 x 24 x 24", fastest(|| images.max_pool(window)));
            line("max_pool_scatter", fastest(|| images.max_pool_scatter(&cotangent, window)));
            line("mean_pool", fastest(|| images.mean_pool(window)));
            line("dropout 1e6", fastest(|| large.dropout(0.5, 1)));
            line("norm 4194304", fastest(|| block::norm(rows)));
            let mut gramian = [0.0; 64];
            line("gram 8 x 524288", fastest(|| block::gram(rows, 8, &mut gramian)));
            let [p, m, v] = &mut state;
            line("adam 5e5", fastest(|| block::adam(&adam, 7, p, &rows[..500_000], m, v)));
        });
    });
}
