//! Gflop/s of products and convolutions beside `matrixmultiply` and beside what the core can do at most, in one run.
//!
//! A plain program rather than a statistical harness: each figure is the best of many short runs on one thread, which is
//! what tells kernels apart on a machine that does other things as well.

use std::hint::black_box;
use std::time::{Duration, Instant};
use tress_tensor::kernel::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use tress_tensor::kernel::product::{Epilogue, Matrix, product};
use tress_tensor::pointwise::Real;
use tress_tensor::simd::{Kernel, Lanes, Vector};
use tress_tensor::{Float, Window, parallel};

/// Seconds that this thread has had a core for, as the system counts them (on Linux, every few milliseconds).
fn on_core(begin: Instant) -> f64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos: Option<f64> = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| begin.elapsed().as_secs_f64(), |nanos| nanos * 1e-9)
}

/// Seconds of one call: of the fastest of many short runs, or the mean time on the core where one call takes long enough
/// that the system would give the core to other programs meanwhile.
fn fastest(mut run: impl FnMut()) -> f64 {
    run();
    let begin = Instant::now();
    run();
    let one = begin.elapsed();
    if one > Duration::from_millis(3) {
        let (start, calls) = (on_core(begin), 30);
        (0..calls).for_each(|_| run());
        return (on_core(begin) - start) / f64::from(calls);
    }
    let calls = (Duration::from_micros(50).as_nanos() / one.as_nanos().max(1) + 1) as u32;
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        (0..calls).for_each(|_| run());
        best = best.min(start.elapsed() / calls);
    }
    best.as_secs_f64()
}

/// Twelve chains of multiply-adds that never leave the registers.
struct Peak;

impl Kernel<f32> for Peak {
    type Output = f64;
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, isa: I) -> f64 {
        let (mut sums, factor) = ([isa.splat(1.0); 12], isa.splat(black_box(0.999)));
        for _ in 0..10_000 {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, factor);
            }
        }
        black_box(sums.into_iter().fold(isa.splat(0.0), |a, b| a + b).sum());
        (10_000 * 12 * I::V::LANES * 2) as f64
    }
}

fn noise(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

fn products() {
    println!("{:>22} {:>9} {:>15}", "product, f32", "Gflop/s", "matrixmultiply");
    for ([m, k, n], left, right) in [
        ([1024, 1024, 1024], false, false),
        ([256, 256, 256], false, false),
        ([128, 128, 128], false, false),
        ([64, 64, 64], false, false),
        ([32, 32, 32], false, false),
        ([10, 10, 10], false, false),
        ([256, 512, 10], false, false),
        ([64, 512, 784], false, true),
        ([512, 256, 10], true, false),
        ([256, 320, 50], false, false),
        ([256, 50, 320], false, true),
        ([320, 256, 50], true, false),
        ([256, 10, 50], false, true),
        ([1, 512, 512], false, false),
        ([512, 512, 1], false, false),
    ] {
        let (a, b, mut c) = (noise(m * k), noise(k * n), vec![0.0; m * n]);
        let strides = |turned, rows, cols| if turned { [1, rows as isize] } else { [cols as isize, 1] };
        let ([ar, ac], [br, bc]) = (strides(left, m, k), strides(right, k, n));
        let flops = (2 * m * k * n) as f64 * 1e-9;
        let ours = fastest(|| {
            let a = Matrix::new(&a, 0, [m, k], [ar, ac]);
            let b = Matrix::new(&b, 0, [k, n], [br, bc]);
            product(a, b, black_box(&mut c), n, &Epilogue::PLAIN);
        });
        let theirs = fastest(|| {
            // SAFETY: the three matrices lie inside their vectors.
            unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    ar,
                    ac,
                    b.as_ptr(),
                    br,
                    bc,
                    0.0,
                    black_box(c.as_mut_ptr()),
                    n as isize,
                    1,
                );
            }
        });
        let name = format!("{m}x{k}{} {k}x{n}{}", ["", "'"][left as usize], ["", "'"][right as usize]);
        println!("{name:>22} {:9.1} {:15.1}", flops / ours, flops / theirs);
    }
}

fn convolutions() {
    println!("{:>30} {:>9} {:>9} {:>9}", "convolution, f32: Gflop/s", "forward", "dx", "dw");
    let pad = [[1, 1], [1, 1]];
    let image = |side| Window::new([side, side], [3, 3]).pad(pad);
    for (name, window, sizes, groups) in [
        ("256x1x28x28, 10 of 5x5", Window::new([28, 28], [5, 5]), [256, 1, 10], 1),
        ("256x10x12x12, 20 of 5x5", Window::new([12, 12], [5, 5]), [256, 10, 20], 1),
        ("16x64x14x14, 64 of 3x3", image(14), [16, 64, 64], 1),
        ("8x64x28x28, 64 of 3x3", image(28), [8, 64, 64], 1),
        ("2x64x56x56, 64 of 3x3", image(56), [2, 64, 64], 1),
        ("16x64x28x28, 64 of 3x3 / 2", image(28).stride([2, 2]), [16, 64, 64], 1),
        ("32x64x14x14, 128 of 1x1", Window::new([14, 14], [1, 1]), [32, 64, 128], 1),
        ("16x64x28x28, depthwise 3x3", image(28), [16, 64, 64], 64),
    ] {
        let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") else { continue };
        let (x, w, dy) = (noise(conv.x_len()), noise(conv.w_len()), noise(conv.y_len()));
        let (mut y, mut dx, mut dw) =
            (vec![0.0; conv.y_len()], vec![0.0; conv.x_len()], vec![0.0; conv.w_len()]);
        let taps = conv.w_len() / sizes[2];
        let flops = (2 * conv.y_len() * taps) as f64 * 1e-9;
        let forward = fastest(|| conv_forward(&conv, &x, &w, black_box(&mut y), None, None));
        let input = fastest(|| conv_input_grad(&conv, &w, &dy, black_box(&mut dx)));
        let weight = fastest(|| conv_weight_grad(&conv, &x, &dy, black_box(&mut dw)));
        println!("{name:>30} {:9.1} {:9.1} {:9.1}", flops / forward, flops / input, flops / weight);
    }
}

fn main() {
    parallel::with_threads(1, || {
        let mut flops = 0.0;
        let seconds = fastest(|| flops = f32::dispatch(Peak));
        println!("peak of one core: {:.1} Gflop/s", flops * 1e-9 / seconds);
        products();
        convolutions();
    });
}
