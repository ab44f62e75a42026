//! Properties of kernels: whatever sizes, layouts and special numbers are drawn, what comes out is what a naive definition in
//! double precision says, to a stated bound, and has the same bits on any number of threads.
//!
//! As part of the tests the cases are always the same, so that nobody's change fails for another's case.
//! `PROPTEST_CASES=20000 cargo test -p tress --test all kernels::` is a long run, of new cases each time. A failure prints the
//! smallest case that was found and the command that draws it again.

mod convolutions;
mod layouts;
mod places;
mod pools;
mod products;
mod reductions;
mod rows;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use std::hash::{BuildHasher, RandomState};
use tress::tensor::parallel::with_threads;
use tress::tensor::{Float, Tensor, Window};

use crate::level;

pub(crate) type Outcome = Result<(), TestCaseError>;
/// What one case computes, by name.
pub(crate) type Results<T> = Vec<(&'static str, Tensor<T>)>;

/// Multiply-adds (or as much) that the definition may take for one result: of more, some places of the result are checked.
const CHECKED: usize = 300_000;

/// Runs `test` on `cases` drawn cases, or as many as `PROPTEST_CASES` says. Each has a seed of its own, so that one case can be
/// drawn again alone.
pub(crate) fn check<S: Strategy>(name: &str, cases: u64, strategy: S, test: impl Fn(&S::Value) -> Outcome) {
    let config = ProptestConfig::default();
    let long = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if long { u64::from(config.cases) } else { cases };
    let first = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random if long => RandomState::new().hash_one(name) >> 16,
        RngSeed::Random => 0,
    };
    for seed in first..first + cases {
        let config = ProptestConfig {
            cases: 1,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters: 2000,
            max_shrink_time: 60_000,
            ..config.clone()
        };
        let outcome = TestRunner::new(config).run(&strategy, |case| {
            let _level = level::stays();
            test(&case)
        });
        if let Err(failure) = outcome {
            let (why, case) = match failure {
                TestError::Fail(why, case) => (why.to_string(), format!("{case:?}")),
                TestError::Abort(why) => (why.to_string(), String::from("none")),
            };
            panic!(
                "{why}\nthe smallest case: {case}\nonce more: PROPTEST_RNG_SEED={seed} PROPTEST_CASES=1 cargo test -p tress --test all kernels::{name}"
            );
        }
    }
}

/// What lies in the tensors of a case.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    seed: u64,
    /// Whole eighths: then sums of products are exact in any order.
    pub(crate) exact: bool,
    /// One number that is not finite: in which operand, how far along it (in parts of 65 536), and the number.
    pub(crate) special: Option<(usize, usize, f64)>,
}

pub(crate) fn numbers() -> impl Strategy<Value = Numbers> {
    let value = proptest::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let special = proptest::option::weighted(0.4, (0..3usize, 0..1usize << 16, value));
    let seed = 0..1u64 << 32;
    (seed, any::<bool>(), special).prop_map(|(seed, exact, special)| Numbers { seed, exact, special })
}

impl Numbers {
    /// Number `i` of an operand: between -1 and 1.
    fn at(&self, operand: usize, i: usize) -> f64 {
        // SplitMix64 (Steele, Lea & Flood 2014).
        let mut z = self.seed.wrapping_add(
            ((operand as u64) << 40).wrapping_add(i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        );
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let x = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        if self.exact { (x * 8.0).round() / 8.0 } else { x }
    }

    /// A whole number below `below`.
    pub(crate) fn whole(&self, operand: usize, i: usize, below: usize) -> usize {
        let part = Self { exact: false, ..self.clone() }.at(operand, i);
        (((part + 1.0) / 2.0 * below as f64) as usize).min(below.saturating_sub(1))
    }

    /// A dense operand, with the special number where it belongs to this one.
    pub(crate) fn tensor<T: Float>(&self, operand: usize, shape: &[usize]) -> Tensor<T> {
        let len: usize = shape.iter().product();
        let special = self.special.filter(|&(which, ..)| which == operand);
        let special = special.map(|(_, place, value)| ((place * len) >> 16, value));
        let value = |i| match special {
            Some((place, value)) if place == i => value,
            _ => self.at(operand, i),
        };
        let numbers: Vec<T> = (0..len).map(|i| T::from_f64(value(i))).collect();
        Tensor::new(shape, &numbers).unwrap()
    }

    /// An operand that lies as `lie` says.
    pub(crate) fn laid<T: Float>(&self, operand: usize, shape: &[usize], lie: &Lie) -> Tensor<T> {
        let rank = shape.len();
        let axis = |i: usize| lie.axes[i % lie.axes.len()];
        let long = |i: usize| match (axis(i), shape[i]) {
            (_, 0) => 0,
            (Axis { repeated: true, .. }, _) => 1,
            (Axis { step, margin, .. }, len) => (len - 1) * step + 1 + 2 * margin,
        };
        let mut order: Vec<usize> = (0..rank).collect();
        order.rotate_left(lie.turned % rank.max(1));
        if lie.swapped && rank > 1 {
            order.swap(rank - 2, rank - 1);
        }
        let stored: Vec<usize> = order.iter().map(|&i| long(i)).collect();
        let back: Vec<usize> = (0..rank).map(|i| order.iter().position(|&j| j == i).unwrap()).collect();
        let mut x = self.tensor::<T>(operand, &stored).permute(&back).unwrap();
        for (i, &len) in shape.iter().enumerate() {
            let Axis { step, margin, backwards, repeated } = axis(i);
            if !repeated && len > 0 {
                x = x.slice(i, margin, margin + (len - 1) * step + 1, step).unwrap();
                x = if backwards { x.flip(i).unwrap() } else { x };
            }
        }
        x.expand(shape).unwrap()
    }
}

/// How an operand lies in memory.
#[derive(Clone, Debug)]
pub(crate) struct Lie {
    /// By how many places its axes are turned round, and whether the last two are exchanged after that.
    turned: usize,
    swapped: bool,
    axes: Vec<Axis>,
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    step: usize,
    /// What is cut off at either end.
    margin: usize,
    backwards: bool,
    repeated: bool,
}

pub(crate) fn lie() -> impl Strategy<Value = Lie> {
    let plain = Axis { step: 1, margin: 0, backwards: false, repeated: false };
    let parts = (
        prop_oneof![4 => Just(1usize), 1 => 2..4usize],
        0..3usize,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let axis = parts.prop_map(|(step, margin, backwards, some, all)| Axis {
        step,
        margin,
        backwards,
        repeated: some && all,
    });
    prop_oneof![
        3 => any::<bool>().prop_map(move |swapped| Lie { turned: 0, swapped, axes: vec![plain] }),
        2 => (0..4usize, any::<bool>(), proptest::collection::vec(axis, 4))
            .prop_map(|(turned, swapped, axes)| Lie { turned, swapped, axes }),
    ]
}

/// What `compute` gives on one thread, once `threads` of them have given the same bits.
pub(crate) fn on_any_threads<T: Float>(
    threads: usize,
    compute: impl Fn() -> Results<T> + Send + Sync,
) -> Result<Results<T>, TestCaseError> {
    let (one, many) = (with_threads(1, &compute), with_threads(threads, &compute));
    for ((name, one), (_, many)) in one.iter().zip(&many) {
        same_bits(&format!("{name} on 1 and on {threads} threads"), one, many)?;
    }
    Ok(one)
}

pub(crate) fn same_bits<T: Float>(what: &str, a: &Tensor<T>, b: &Tensor<T>) -> Outcome {
    prop_assert_eq!(a.shape(), b.shape(), "{}", what);
    for (i, (a, b)) in a.to_vec().into_iter().zip(b.to_vec()).enumerate() {
        let (a, b) = (a.to_f64(), b.to_f64());
        // Which NaN comes out follows from the order of operands that the compiler chose.
        prop_assert!(
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
            "{what}: {a:e} and {b:e} at {i}"
        );
    }
    Ok(())
}

/// Numbers as the definition reads them.
pub(crate) fn doubles<T: Float>(x: &Tensor<T>) -> Vec<f64> {
    x.to_vec().into_iter().map(|x| x.to_f64()).collect()
}

/// Sees that `y` is what the definition says: `at` gives for a place in row-major order the value, and what rounding may change,
/// in units of the last place at one (NaN: no matter what). What is finite by the definition must be, and what is not must not be. `cost` is what the
/// definition takes for one number.
pub(crate) fn agrees<T: Float>(
    what: &str,
    y: &Tensor<T>,
    cost: usize,
    at: impl Fn(usize) -> (f64, f64),
) -> Outcome {
    let every = (y.len().saturating_mul(cost.max(1)) / CHECKED).max(1) | 1;
    let epsilon = T::EPSILON.to_f64();
    let values = y.to_vec();
    for i in (every / 2..y.len()).step_by(every) {
        let (wanted, slack) = at(i);
        let found = values[i].to_f64();
        if slack.is_nan() && wanted.is_finite() {
            continue;
        }
        prop_assert_eq!(wanted.is_finite(), found.is_finite(), "{} at {}: {} for {}", what, i, found, wanted);
        if wanted.is_finite() {
            let bound = slack * epsilon;
            prop_assert!(
                (found - wanted).abs() <= bound,
                "{what} at {i}: {found} for {wanted}, {bound:e} allowed"
            );
        }
    }
    Ok(())
}

/// The index at a place in row-major order.
pub(crate) fn index<const N: usize>(mut place: usize, shape: &[usize]) -> [usize; N] {
    let mut index = [0; N];
    for axis in (0..N).rev() {
        index[axis] = place % shape[axis];
        place /= shape[axis];
    }
    index
}

/// Halves the largest of some sizes until `work` of them is at most `most`.
pub(crate) fn fitted<const N: usize>(
    mut sizes: [usize; N],
    most: usize,
    work: impl Fn(&[usize; N]) -> usize,
) -> [usize; N] {
    while work(&sizes) > most {
        let largest = (0..N).max_by_key(|&i| sizes[i]).unwrap();
        sizes[largest] /= 2;
    }
    sizes
}

/// Mostly few, and sometimes many.
pub(crate) fn size(few: usize, many: usize) -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..2usize, 6 => 1..few + 1, 3 => 1..many + 1]
}

/// Windows of any kind that fit their image.
pub(crate) fn windows() -> impl Strategy<Value = Window> {
    let pair = |values: std::ops::Range<usize>| (values.clone(), values).prop_map(|(a, b)| [a, b]);
    let side = prop_oneof![2 => 1..12usize, 3 => 1..41usize];
    let square = prop_oneof![3 => Just(3usize), 3 => 1..8usize];
    let kernel =
        (square, 1..8usize, 0..4u8).prop_map(|(a, b, other)| if other == 0 { [a, b] } else { [a, a] });
    let stride = prop_oneof![4 => Just([1, 1]), 3 => Just([2, 2]), 2 => pair(1..4)];
    let dilation = prop_oneof![4 => Just([1, 1]), 1 => pair(1..4)];
    let pad = prop_oneof![
        2 => Just([[0; 2]; 2]), 2 => Just([[1; 2]; 2]), 2 => (pair(0..4), pair(0..4)).prop_map(|(a, b)| [a, b])
    ];
    ((side.clone(), side), kernel, stride, dilation, pad).prop_map(
        |((h, w), kernel, stride, dilation, pad)| {
            let mut window = Window { input: [h, w], kernel, stride, dilation, pad };
            for axis in 0..2 {
                let padded = window.input[axis] + pad[axis][0] + pad[axis][1];
                window.kernel[axis] = window.kernel[axis].min(padded);
                if (window.kernel[axis] - 1) * window.dilation[axis] >= padded {
                    window.dilation[axis] = 1;
                }
            }
            window
        },
    )
}
