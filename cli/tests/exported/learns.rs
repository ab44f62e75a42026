//! The network of learns as floats, written by `tress export`; to be written again, not to be changed.
#![no_std]
#![forbid(unsafe_code)]
#![allow(clippy::all)]

#[allow(unused_imports)] // not every network has windows and functions
use tress_tensor::{Window, planned, pointwise::{Function, Zip, map}};

/// The bytes that an evaluation needs, but for its outputs and a few words of stack.
pub const ARENA: usize = size_of::<Arena>();

/// Multiplications with an addition in one evaluation.
pub const MULTIPLY_ADDS: usize = 40;

/// The memory of an evaluation; what it holds before does not matter.
#[repr(C, align(8))]
pub struct Arena {
    values: [f32; 4],
    column: [f32; 0],
}

impl Arena {
    /// Zeros.
    pub const fn new() -> Self {
        Self { values: [0.0; 4], column: [0.0; 0] }
    }
}

const _: () = assert!(ARENA == 16, "as it was planned");

/// The weights that learn, as they are at first, one behind the other.
pub static WEIGHTS: [f32; 51] = [
    0.25587416, -0.35971114, -0.21039605, 0.2809796, 0.240131, 0.07042766, -0.07372754, 0.22302411, 0.36105537,
    -0.45477793, 0.24608645, 0.5105246, -0.2173346, -0.24195205, -0.0061055343, 0.2566619, -0.29305005, 0.41540864,
    -0.442967, -0.37774515, -0.45018214, 0.05226374, 0.31470114, -0.26154733, -0.14992702, 0.13117456, -0.05547776,
    -0.34153777, 0.36393806, 0.27583036, -0.1616348, -0.34035504, -0.062162332, -0.26983842, 0.40726838, -0.028011596,
    -0.39375824, -0.07678719, 0.13902955, 0.18453552, -0.40638548, -0.34671578, 0.42286003, 0.4701616, -0.47960228,
    -0.03435116, 0.45502597, 0.015033173, -0.45810437, 0.018780617, -0.09368738,
];

/// An input of an example; linked only where it is looked at.
pub static EXAMPLE_RATE_: [f32; 3] = [
    -1.0, -0.7109375, -0.421875,
];

/// An output of an example; linked only where it is looked at.
pub static EXAMPLE_WEIGHTS_: [f32; 2] = [
    -0.25580055, -0.13278589,
];

/// An output of an example; linked only where it is looked at.
pub static EXAMPLE_UPDATES_: [f32; 5] = [
    0.4768203, 0.053645674, -0.9243536, 0.14909585, -0.04245906,
];

/// Evaluates one sample.
///
/// * `rate_`: [1, 3]
/// * `weights_`: [1, 2], written
/// * `updates_`: [1, 5], written
#[allow(unused_variables, unused_mut)]
pub fn infer(
    arena: &mut Arena,
    weights: &[f32; 51],
    rate_: &[f32; 3],
    weights_: &mut [f32; 2],
    updates_: &mut [f32; 5],
) {
    let Arena { values: t_values, column: t_column } = arena;
    {
        let (t_p0, _) = t_values.split_at_mut(4);
        planned::dense(&rate_[..], &weights[0..12], &weights[12..16], 4, &mut *t_p0, t_f0);
    }
    {
        let (t_p0, _) = t_values.split_at_mut(4);
        planned::dense(&*t_p0, &weights[16..24], &weights[24..26], 2, &mut weights_[..], t_f1);
    }
    {
        let (t_p0, _) = t_values.split_at_mut(4);
        planned::dense(&*t_p0, &weights[26..46], &weights[46..51], 5, &mut updates_[..], t_f1);
    }
}


/// The bytes that a step of learning needs, but for weights, updates and a few words of stack.
pub const LEARNING_ARENA: usize = size_of::<LearningArena>();

const _: () = assert!(LEARNING_ARENA == 96, "as it was planned");

/// The memory of a step; what it holds before does not matter.
#[repr(C, align(8))]
pub struct LearningArena {
    values: [f32; 23],
    column: [f32; 0],
}

impl LearningArena {
    /// Zeros.
    pub const fn new() -> Self {
        Self { values: [0.0; 23], column: [0.0; 0] }
    }
}

/// Learns from one sample by gradient descent: changes the weights, which begin as [`WEIGHTS`], by what it
/// leaves in `updates`; gives the loss of each output before the step.
#[allow(unused_variables, unused_mut)]
pub fn learn(
    arena: &mut LearningArena,
    weights: &mut [f32; 51],
    updates: &mut [f32; 51],
    rate_: &[f32; 3],
    weights_truth: &[f32; 2],
    updates_truth: &[f32; 5],
    rate: f32,
) -> [f32; 2] {
    let LearningArena { values: t_values, column: t_column } = arena;
    let (rate, mut losses) = ([rate], [0.0; 2]);
    {
        let (_, t_rest) = t_values.split_at_mut(15);
        let (t_p0, _) = t_rest.split_at_mut(4);
        planned::product(&rate_[..], &weights[0..12][..], [1, 3, 4], [false, false], &weights[12..16][..], &mut *t_p0, t_f0);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(15);
        let (t_p0, t_rest) = t_rest.split_at_mut(4);
        let (t_p1, _) = t_rest.split_at_mut(2);
        planned::product(&*t_p0, &weights[16..24][..], [1, 4, 2], [false, false], &weights[24..26][..], &mut *t_p1, t_f1);
    }
    {
        let (t_p1, t_rest) = t_values.split_at_mut(5);
        let (_, t_rest) = t_rest.split_at_mut(10);
        let (t_p0, _) = t_rest.split_at_mut(4);
        planned::product(&*t_p0, &weights[26..46][..], [1, 4, 5], [false, false], &weights[46..51][..], &mut *t_p1, t_f1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(13);
        let (t_p0, _) = t_rest.split_at_mut(2);
        planned::log_sum_exp(&*t_p0, 2, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::sums(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(2);
        let (_, t_rest) = t_rest.split_at_mut(12);
        let (t_p0, _) = t_rest.split_at_mut(2);
        planned::zip(Zip::Mul, &*t_p0, &weights_truth[..], &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(2);
        let (_, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::sums(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(7);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::zip(Zip::Sub, &*t_p0, &*t_p1, &mut losses[0..1][..]);
    }
    {
        let (t_p0, t_rest) = t_values.split_at_mut(5);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::log_sum_exp(&*t_p0, 5, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(4);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::sums(&*t_p0, &mut *t_p1);
    }
    {
        let (t_p0, t_rest) = t_values.split_at_mut(5);
        let (t_p1, _) = t_rest.split_at_mut(5);
        planned::zip(Zip::Mul, &*t_p0, &updates_truth[..], &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(5);
        let (_, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::sums(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(10);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::zip(Zip::Sub, &*t_p0, &*t_p1, &mut losses[1..2][..]);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::map(&rate[..], &mut *t_p0, t_f2);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(15);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::sums(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(10);
        let (t_p1, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(10);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::map(&*t_p0, &mut *t_p1, t_f3);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(5);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::expand(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(5);
        let (t_p1, _) = t_rest.split_at_mut(5);
        planned::zip(Zip::Mul, &*t_p0, &updates_truth[..], &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(21);
        let (t_p0, t_rest) = t_rest.split_at_mut(1);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::expand(&*t_p0, &mut *t_p1);
    }
    {
        let (t_p0, t_rest) = t_values.split_at_mut(5);
        let (t_p2, t_rest) = t_rest.split_at_mut(5);
        let (_, t_rest) = t_rest.split_at_mut(12);
        let (t_p1, _) = t_rest.split_at_mut(1);
        planned::log_sum_exp_grad(&*t_p0, &*t_p1, 5, &mut *t_p2);
    }
    {
        let (t_p2, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(5);
        let (t_p0, _) = t_rest.split_at_mut(5);
        planned::zip(Zip::Add, &*t_p0, &*t_p1, &mut *t_p2);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(7);
        let (t_p1, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(13);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::map(&*t_p0, &mut *t_p1, t_f3);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(2);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::expand(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p0, t_rest) = t_rest.split_at_mut(2);
        let (t_p1, _) = t_rest.split_at_mut(2);
        planned::zip(Zip::Mul, &*t_p0, &weights_truth[..], &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(9);
        let (t_p1, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(11);
        let (t_p0, _) = t_rest.split_at_mut(1);
        planned::expand(&*t_p0, &mut *t_p1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p2, t_rest) = t_rest.split_at_mut(2);
        let (_, t_rest) = t_rest.split_at_mut(2);
        let (t_p1, t_rest) = t_rest.split_at_mut(1);
        let (_, t_rest) = t_rest.split_at_mut(9);
        let (t_p0, _) = t_rest.split_at_mut(2);
        planned::log_sum_exp_grad(&*t_p0, &*t_p1, 2, &mut *t_p2);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(2);
        let (t_p0, t_rest) = t_rest.split_at_mut(2);
        let (_, t_rest) = t_rest.split_at_mut(4);
        let (t_p2, _) = t_rest.split_at_mut(2);
        planned::zip(Zip::Add, &*t_p0, &*t_p1, &mut *t_p2);
    }
    {
        let (t_p0, t_rest) = t_values.split_at_mut(5);
        let (t_p1, _) = t_rest.split_at_mut(4);
        planned::product(&*t_p0, &weights[26..46][..], [1, 5, 4], [false, true], &[], &mut *t_p1, t_f1);
    }
    {
        let (t_p1, t_rest) = t_values.split_at_mut(5);
        let (_, t_rest) = t_rest.split_at_mut(10);
        let (t_p0, _) = t_rest.split_at_mut(4);
        planned::product(&*t_p0, &*t_p1, [4, 1, 5], [true, false], &[], &mut updates[26..46][..], t_f1);
    }
    {
        let (t_p0, _) = t_values.split_at_mut(5);
        planned::sums(&*t_p0, &mut updates[46..51][..]);
    }
    {
        let (t_p1, t_rest) = t_values.split_at_mut(4);
        let (_, t_rest) = t_rest.split_at_mut(9);
        let (t_p0, _) = t_rest.split_at_mut(2);
        planned::product(&*t_p0, &weights[16..24][..], [1, 2, 4], [false, true], &[], &mut *t_p1, t_f1);
    }
    {
        let (t_p1, t_rest) = t_values.split_at_mut(4);
        let (_, t_rest) = t_rest.split_at_mut(1);
        let (t_p0, t_rest) = t_rest.split_at_mut(4);
        let (t_p2, _) = t_rest.split_at_mut(4);
        planned::zip(Zip::Add, &*t_p0, &*t_p1, &mut *t_p2);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(13);
        let (t_p1, t_rest) = t_rest.split_at_mut(2);
        let (t_p0, _) = t_rest.split_at_mut(4);
        planned::product(&*t_p0, &*t_p1, [4, 1, 2], [true, false], &[], &mut updates[16..24][..], t_f1);
    }
    {
        let (_, t_rest) = t_values.split_at_mut(13);
        let (t_p0, _) = t_rest.split_at_mut(2);
        planned::sums(&*t_p0, &mut updates[24..26][..]);
    }
    {
        let (t_p2, t_rest) = t_values.split_at_mut(4);
        let (_, t_rest) = t_rest.split_at_mut(5);
        let (t_p1, t_rest) = t_rest.split_at_mut(4);
        let (_, t_rest) = t_rest.split_at_mut(2);
        let (t_p0, _) = t_rest.split_at_mut(4);
        planned::map_grad(&*t_p0, &*t_p1, &mut *t_p2, t_f4);
    }
    {
        let (t_p0, _) = t_values.split_at_mut(4);
        planned::product(&rate_[..], &*t_p0, [3, 1, 4], [true, false], &[], &mut updates[0..12][..], t_f1);
    }
    {
        let (t_p0, _) = t_values.split_at_mut(4);
        planned::sums(&*t_p0, &mut updates[12..16][..]);
    }

    weights.iter_mut().zip(&*updates).for_each(|(weight, update)| *weight += update);
    losses
}

#[inline]
fn t_f0(x: f32) -> f32 {
    map::Tanh {}.f(x)
}

#[inline]
fn t_f1(x: f32) -> f32 {
    x
}

#[inline]
fn t_f2(x: f32) -> f32 {
    map::Scale { c: -1.0 }.f(x)
}

#[inline]
fn t_f3(x: f32) -> f32 {
    map::Neg {}.f(x)
}

#[inline]
fn t_f4(x: f32) -> f32 {
    map::Tanh {}.df(x)
}
