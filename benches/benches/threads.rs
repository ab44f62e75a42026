//! Where several threads begin to win: kernels on sizes around what one task takes, on one thread and on two (`--threads N`: on N).
//!
//! `cargo bench -p tress-benches --bench threads -- [--threads N] NAME ..` runs the kernels whose name contains one of the words. The constant `TASK` of a
//! kernel is right where two tasks take less time on two threads than on one and half as many would not by much; to look below it,
//! lower it. Wall time, the shortest of many samples in turns, at the best level that there is; at real-time priority (`chrt -f 1`, which
//! needs root; else when nothing else runs) where other programs want the cores.

use std::hint::black_box;
use std::process::ExitCode;
use tress_benches::{timing, words};
use tress_tensor::block::{self, Adam, Sgd};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, RowNorm, Solve, Sort, System, Tensor, Window, parallel};

fn tensor(lengths: &[usize]) -> Tensor {
    let mut i = 0.0f32;
    let wave = |_: &[usize]| {
        i += 0.37;
        4.0 * i.sin()
    };
    Tensor::from_fn(lengths, wave).expect("a bench names good shapes")
}

/// Whole numbers below `len` in no order.
fn places(count: usize, len: usize) -> Tensor<u32> {
    Tensor::from_fn([count], |i| (i[0] as u64 * 2_654_435_761 % len as u64) as u32).expect("a row")
}

/// Seconds on one thread and on several, the shortest of samples in turns.
fn both(several: usize, run: &mut (dyn FnMut() + Send)) -> [f64; 2] {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..6 {
        for (threads, best) in [1, several].into_iter().zip(&mut best) {
            let seconds = parallel::with_threads(threads, || timing::measure(&mut *run, 0.02)[0]);
            *best = best.min(seconds);
        }
    }
    best
}

/// A kernel made ready for about so many numbers.
type Make = fn(usize) -> Box<dyn FnMut() + Send>;

/// Square planes of 64 x 64, so many that they have `count` numbers.
fn planes(count: usize) -> Tensor {
    tensor(&[count.div_ceil(4096), 1, 64, 64])
}

fn run<R: 'static>(mut f: impl FnMut() -> R + Send + 'static) -> Box<dyn FnMut() + Send> {
    Box::new(move || _ = black_box(f()))
}

/// Each kernel with the numbers that one of its tasks takes.
const KERNELS: [(&str, usize, Make); 20] = [
    ("relu", 15, |n| {
        let x = tensor(&[n]);
        run(move || x.map(Map::Relu))
    }),
    ("tanh", 15, |n| {
        let x = tensor(&[n]);
        run(move || x.map(Map::Tanh))
    }),
    ("add", 15, |n| {
        let (x, y) = (tensor(&[n]), tensor(&[n]));
        run(move || x.zip(Zip::Add, &y))
    }),
    ("descent with momentum", 15, |n| {
        let (mut p, g, mut v) = (tensor(&[n]).to_vec(), tensor(&[n]).to_vec(), vec![0.0; n]);
        let sgd = Sgd { rate: 1e-9, momentum: 0.9, dampening: 0.0, decay: 1e-4, nesterov: false };
        run(move || block::sgd(&sgd, &mut p, &g, &mut v))
    }),
    ("Adam", 15, |n| {
        let (mut p, g) = (tensor(&[n]).to_vec(), tensor(&[n]).to_vec());
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
        let adam = Adam { rate: 1e-9, betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, decoupled: true };
        run(move || block::adam(&adam, 7, &mut p, &g, &mut m, &mut v))
    }),
    ("convolution 16 x 8 x 8 of 3 x 3 (multiply-adds)", 19, |n| {
        let each = 16 * 16 * 9 * 64;
        let (x, w) = (tensor(&[n.div_ceil(each), 16, 8, 8]), tensor(&[16, 16, 3, 3]));
        let window = Window::new([8, 8], [3, 3]).pad([[1, 1], [1, 1]]);
        run(move || x.conv2d(&w, None, window, 1, None))
    }),
    ("softmax of rows of 64", 14, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.softmax())
    }),
    ("layer norm of rows of 64", 14, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.row_norm(RowNorm { centred: true, epsilon: 1e-5 }, None, None))
    }),
    ("sums of rows of 64", 15, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.sum(Axes::NONE.and(1)))
    }),
    ("sums of 64 columns", 15, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.sum(Axes::NONE.and(0)))
    }),
    ("sort of rows of 64", 12, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.sort(Sort { descending: false, keep: 64 }))
    }),
    ("gather of rows of 64", 16, |n| {
        let (x, at) = (tensor(&[1000, 64]), places(n / 64, 1000));
        run(move || x.gather(0, &at))
    }),
    ("scatter of rows of 64", 16, |n| {
        let (x, at) = (tensor(&[n / 64, 64]), places(n / 64, n / 64));
        run(move || x.scatter(0, &at, n / 64))
    }),
    ("systems of 16 x 16 (multiplications)", 14, |n| {
        let count = n.div_ceil(16 * 16 * 17);
        let (a, b) = (tensor(&[count, 16, 16]), tensor(&[count, 16, 1]));
        run(move || a.solve(&b, Solve { system: System::General, transposed: false }))
    }),
    ("maxima of 2 x 2", 15, |n| {
        let x = planes(n);
        run(move || x.max_pool(Window::new([64, 64], [2, 2]).stride([2, 2])))
    }),
    ("maxima of 3 x 3 at a step of 2", 15, |n| {
        let x = planes(n);
        run(move || x.max_pool(Window::new([64, 64], [3, 3]).stride([2, 2])))
    }),
    ("places of maxima of rows of 64", 14, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.argmax(1))
    }),
    ("running sums of rows of 64", 14, |n| {
        let x = tensor(&[n / 64, 64]);
        run(move || x.running_sum(1, false))
    }),
    ("Gramian of 4 rows", 15, |n| {
        let x = tensor(&[4, n]);
        let mut out = [0.0; 16];
        run(move || block::gram(x.as_slice().expect("dense"), 4, &mut out))
    }),
    ("product 10 x k x 10 (numbers of one operand)", 15, |n| {
        let (a, b) = (tensor(&[10, n / 10]), tensor(&[n / 10, 10]));
        run(move || a.matmul(&b))
    }),
];

fn main() -> ExitCode {
    words::run(true, |words| {
        words.names.known("kernel", KERNELS.iter().map(|(name, ..)| *name))?;
        let threads = words.threads.unwrap_or(2);
        // As many sizes as it takes for each thread to have two tasks.
        let last = 3 + threads.div_ceil(2).next_power_of_two().ilog2() as usize;
        println!(
            "{:<46} {:>8} {:>12} {:>12} {:>6}",
            "microseconds",
            "numbers",
            "1 thread",
            format!("{threads} threads"),
            "ratio"
        );
        for (name, task, make) in KERNELS.into_iter().filter(|(name, ..)| words.names.has(name)) {
            for size in task - 1..=task + last {
                let mut work = make(1 << size);
                let [one, several] = both(threads, &mut *work);
                println!(
                    "{name:<46} {:>8} {:>12.2} {:>12.2} {:>6.2}{}",
                    1usize << size,
                    one * 1e6,
                    several * 1e6,
                    one / several,
                    if size == task + 1 { "  two tasks" } else { "" }
                );
            }
        }
        Ok(())
    })
}
