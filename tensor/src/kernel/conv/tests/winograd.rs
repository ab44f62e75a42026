//! What Winograd's algorithm costs in accuracy, in each of its roles.

use super::*;

/// The error of Winograd's algorithm as its module states it, also where numbers of one tile or window differ by orders of
/// magnitude, and its average where they are alike. The input gradient is a forward convolution with flipped windows, and has
/// its bound.
#[test]
fn winograds_error_is_bounded() {
    at_each_level_with_lanes(|| {
        for role in [Role::Forward, Role::InputGrad] {
            for (channels, of_x, of_w, alike) in [
                (16, SAME, SAME, true),
                (64, SAME, SAME, true),
                (256, SAME, SAME, true),
                (64, RECTIFIED, SAME, true),
                (64, SOME_LARGE, SAME, false),
                (64, SAME, TOP_ROW_LARGE, false),
                (64, ODD_ROWS_ZERO, TOP_ROW_LARGE, false),
            ] {
                errors_of_images(role, channels, of_x, of_w, alike);
            }
        }
    });
}

/// The gradient of the weights: an element's error is measured against the sum over tiles of the largest `|x|` that the tile sees
/// times the largest `|dy|` in it. No error found was larger than one rounding of that sum.
#[test]
fn winograds_error_of_weights_is_bounded() {
    at_each_level_with_lanes(|| {
        for (samples, of_x, of_dy, alike) in [
            (1, SAME, SAME, true),
            (5, SAME, SAME, true),
            (3, RECTIFIED, SAME, true),
            (3, SOME_LARGE, SAME, false),
            (3, SAME, SOME_LARGE, false),
            (3, ODD_ROWS_ZERO, SOME_LARGE, false),
        ] {
            errors_of_weights(samples, of_x, of_dy, alike);
        }
    });
}

fn at_each_level_with_lanes(check: impl Fn()) {
    crate::simd::at_each_level(|level| {
        if level != crate::simd::Level::Scalar {
            check();
        }
    });
}

const HIGH: usize = 20;
const WIDE: usize = 34;

/// What is done to number `i` of an operand.
type Change = fn(usize, &mut f32);
const SAME: Change = |_, _| {};
const SOME_LARGE: Change = |i, x| *x *= if i % 7 == 0 { 1_048_576.0 } else { 1.0 };
const RECTIFIED: Change = |_, x| *x = x.max(0.0);
const ODD_ROWS_ZERO: Change = |i, x| *x *= (i / WIDE % 2) as f32;
const TOP_ROW_LARGE: Change = |i, w| *w *= if i % 9 < 3 { 1_048_576.0 } else { 1.0 };

fn changed(len: usize, seed: u64, change: Change) -> Vec<f32> {
    let mut numbers = noise::<f32>(len, seed);
    numbers.iter_mut().enumerate().for_each(|(i, x)| change(i, x));
    numbers
}

fn window() -> Window {
    Window::new([HIGH, WIDE], [3, 3]).pad([[1, 1], [1, 1]])
}

fn largest(numbers: impl Iterator<Item = f32>) -> f64 {
    f64::from(numbers.fold(0.0f32, |a, x| a.max(x.abs())))
}

/// The largest number of a plane that the tile with the pixel `[i, j]` sees.
fn seen(plane: &[f32], [i, j]: [usize; 2]) -> f64 {
    let beside = |at: usize, size: usize| (at / 2 * 2).saturating_sub(1)..(at / 2 * 2 + 3).min(size);
    let rows = beside(i, HIGH).flat_map(|r| beside(j, WIDE).map(move |s| r * WIDE + s));
    largest(rows.map(|at| plane[at]))
}

/// Errors in roundings of what they are measured against.
#[derive(Default)]
struct Errors {
    worst: f64,
    squares: f64,
    of_definition: f64,
}

impl Errors {
    fn add(&mut self, [got, defined]: [f32; 2], exact: f64, scale: f64) {
        let roundings = |x: f32| (f64::from(x) - exact).abs() / (scale * f64::from(f32::EPSILON));
        assert!(got.is_finite() && scale > 0.0);
        self.worst = self.worst.max(roundings(got));
        self.squares += roundings(got).powi(2);
        self.of_definition += roundings(defined).powi(2);
    }

    fn hold(self, what: &str, worst: f64, times: Option<f64>) {
        let Self { worst: found, squares, of_definition } = self;
        let found_times = (squares / of_definition).sqrt();
        std::eprintln!("{what}: at most {found:.2} roundings; {found_times:.2} times the definition's");
        assert!(found < worst, "{found} roundings, {what}");
        assert!(
            times.is_none_or(|times| found_times < times),
            "{found_times} times the error of the definition, {what}"
        );
    }
}

/// The two roles that take an image to an image.
#[derive(Clone, Copy, Debug)]
enum Role {
    Forward,
    InputGrad,
}

/// Of images of `channels` planes, which become 16.
fn errors_of_images(role: Role, channels: usize, of_x: Change, of_w: Change, alike: bool) {
    let outputs = 16;
    let forward = conv(window(), [1, channels, outputs], 1);
    let x = changed(forward.x_len(), 1, of_x);
    let w = changed(forward.w_len(), 2, of_w);
    let (mut y, mut exact) = (vec![f32::NAN; forward.y_len()], vec![0.0; forward.y_len()]);
    match role {
        Role::Forward => {
            assert!(goes_by_winograd::<f32>(&forward));
            conv_forward(&forward, &x, &w, &mut y, None, None);
        }
        Role::InputGrad => {
            // The convolution whose cotangent `x` is: its windows are ours from the last tap to the first, and it takes 16 planes.
            let transposed = conv(window(), [1, outputs, channels], 1);
            assert!(goes_by_winograd::<f32>(&transposed));
            let from = |i: usize| {
                let (channel, output, tap) = (i / (9 * outputs), i / 9 % outputs, i % 9);
                w[(output * channels + channel) * 9 + 8 - tap]
            };
            let w: Vec<f32> = (0..w.len()).map(from).collect();
            conv_input_grad(&transposed, &w, &x, &mut y);
        }
    }
    let mut defined = vec![0.0; y.len()];
    let by_definition = forward::Forward {
        conv: &forward,
        x: &x,
        w: &w,
        flipped: false,
        y: &mut defined,
        bias: None,
        activation: None,
    };
    f32::dispatch(ByDefinition(by_definition));
    terms(&forward, |i, j, k| exact[k] += f64::from(x[i]) * f64::from(w[j]));
    let windows: Vec<f64> = w.chunks(9).map(|window| largest(window.iter().copied())).collect();
    let mut errors = Errors::default();
    for k in 0..y.len() {
        let (output, pixel) = (k / (HIGH * WIDE), [k / WIDE % HIGH, k % WIDE]);
        let planes = x.chunks(HIGH * WIDE).zip(&windows[output * channels..]);
        let scale = planes.map(|(plane, window)| seen(plane, pixel) * window).sum();
        errors.add([y[k], defined[k]], exact[k], scale);
    }
    errors.hold(&std::format!("{role:?} of {channels} channels"), 2.0, alike.then_some(3.0));
}

fn errors_of_weights(samples: usize, of_x: Change, of_dy: Change, alike: bool) {
    let (channels, outputs) = (16, 17);
    let conv = conv(window(), [samples, channels, outputs], 1);
    assert!(goes_by_winograd::<f32>(&conv));
    let (x, dy) = (changed(conv.x_len(), 1, of_x), changed(conv.y_len(), 2, of_dy));
    let (mut dw, mut defined) = (vec![f32::NAN; conv.w_len()], vec![f32::NAN; conv.w_len()]);
    conv_weight_grad(&conv, 1, &x, &dy, &mut dw);
    let by_definition = weight_grad::WeightGrad { conv: &conv, stack: 1, x: &x, dy: &dy, dw: &mut defined };
    f32::dispatch(ByDefinition(by_definition));
    let mut exact = vec![0.0; dw.len()];
    terms(&conv, |i, j, k| exact[j] += f64::from(x[i]) * f64::from(dy[k]));
    // Of each tile of each plane: the largest number that it sees of x, and the largest in it of dy.
    let tiles = || (0..HIGH).step_by(2).flat_map(|i| (0..WIDE).step_by(2).map(move |j| [i, j]));
    let of_x: Vec<Vec<f64>> =
        x.chunks(HIGH * WIDE).map(|plane| tiles().map(|tile| seen(plane, tile)).collect()).collect();
    let in_dy: Vec<Vec<f64>> = (dy.chunks(HIGH * WIDE))
        .map(|plane| {
            let inside = |[i, j]: [usize; 2]| [0, 1, WIDE, WIDE + 1].map(|next| plane[i * WIDE + j + next]);
            tiles().map(|tile| largest(inside(tile).into_iter())).collect()
        })
        .collect();
    let mut errors = Errors::default();
    for (window, at) in (0..dw.len()).map(|at| (at / 9, at)) {
        let (output, channel) = (window / channels, window % channels);
        let scale = (0..samples)
            .flat_map(|n| of_x[n * channels + channel].iter().zip(&in_dy[n * outputs + output]))
            .map(|(x, dy)| x * dy)
            .sum();
        errors.add([dw[at], defined[at]], exact[at], scale);
    }
    errors.hold(&std::format!("weights from {samples} samples"), 1.0, alike.then_some(4.0));
}

impl crate::simd::Kernel<f32> for ByDefinition<weight_grad::WeightGrad<'_, f32>> {
    type Output = ();
    fn run<I: crate::simd::Lanes<f32>>(self, isa: I) {
        self.0.by_definition(isa);
    }
}
