//! A program in whole numbers of eight bits, calibrated on samples.
//!
//! Weights are symmetric, with one scale for each output channel; activations have a scale and a zero that follow from the
//! least and the largest number that the samples gave there, 0 included. The kernels, and the papers, are in
//! [`planned::quantised`].

use super::plan::{Call, Plan};
use super::program::{Program, Weight};
use super::run::Memory;
use crate::Error;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::planned::quantised::{self, Finish, Scale};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Window, planned};

/// What the bytes of a value stand for: `scale (q - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// What one step is worth.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero: i8,
}

impl Range {
    /// The range of numbers between `low` and `high`; it always has 0.
    fn between(low: f32, high: f32) -> Self {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        let scale = match (high - low) / 255.0 {
            0.0 => 1.0,
            // Not 0 for numbers too small to be divided by 255.
            scale => (scale as f32).max(f32::MIN_POSITIVE),
        };
        let zero = libm::round(-128.0 - low / f64::from(scale)).clamp(-128.0, 127.0) as i8;
        Self { scale, zero }
    }

    /// The byte nearest to a number.
    pub fn byte(self, x: f32) -> i8 {
        libm::round(f64::from(x) / f64::from(self.scale) + f64::from(self.zero)).clamp(-128.0, 127.0) as i8
    }

    /// What a byte stands for.
    pub fn number(self, q: i8) -> f32 {
        (i32::from(q) - i32::from(self.zero)) as f32 * self.scale
    }
}

/// What a call does to bytes; the place of everything is in the call of the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum ByteCall {
    /// A product or a convolution: rows of weights, a bias and a scale for each output channel, the byte for 0 in the result
    /// and the least byte of it, and how windows lie with the groups, the byte for 0 in the operand and the room for a column.
    Layer {
        /// A row for each output channel.
        weight: Vec<i8>,
        /// One for each output channel; with what the zero of the operand adds.
        bias: Vec<i32>,
        /// One for each output channel.
        scale: Vec<Scale>,
        /// The byte for 0 in the result.
        zero: i8,
        /// The least byte of the result.
        low: i8,
        /// Windows, groups, the byte for 0 in the operand, and the length of a column; `None` for a product.
        lying: Option<(Window, usize, i8, usize)>,
    },
    /// The largest in each window.
    MaxPool(Window),
    /// The mean of each window: the zeros of operand and result, and the scale of a sum.
    MeanPool(Window, [i8; 2], Scale),
    /// The sums of runs: the zeros of operand and result, and the scale of a sum.
    Sums([i8; 2], Scale),
    /// A function by its table; where it lies, if that is said.
    Lookup(Box<[i8; 256]>, bool),
    /// A sum: the zeros of both operands and of the result, and the scales of the operands.
    Add([i8; 3], [Scale; 2]),
    /// A product of two numbers: the zeros, and the scale.
    Multiply([i8; 3], Scale),
    /// Values end to end, each with the zeros and the scale that take it to that of the whole.
    Concat(Vec<([i8; 2], Scale)>),
    /// A value as it is, to an output.
    Copy,
}

/// A program in whole numbers: its plan, what each call does to bytes, and what the bytes of each value stand for.
#[derive(Clone, Debug)]
pub struct Quantised {
    program: Program,
    plan: Plan,
    calls: Vec<ByteCall>,
    ranges: Vec<Range>,
}

impl Program {
    /// The program in whole numbers of eight bits, calibrated on `samples`: for each sample, the numbers of each input.
    ///
    /// # Errors
    /// No samples, samples that are not finite or do not fit, or an operation that has no kernel of eight bits.
    pub fn quantise<'a, S: AsRef<[&'a [f32]]>>(
        &self,
        samples: impl IntoIterator<Item = S>,
    ) -> Result<Quantised, Error> {
        let program = self.split();
        let plan = program.plan()?;
        let ranges = program.calibrated(&plan, samples)?;
        let mut calls = Vec::with_capacity(plan.calls().len());
        for (number, placed) in plan.calls().iter().enumerate() {
            let from: Vec<Range> = placed.from.iter().map(|&(value, _)| ranges[value]).collect();
            match byte_call(&program, &placed.call, &from, ranges[placed.to.0], placed) {
                Ok(call) => calls.push(call),
                Err(why) => return Err(Error::Device { why: format!("call {number}: {why}") }),
            }
        }
        Ok(Quantised { program, plan, calls, ranges })
    }

    /// The range of each value over all samples. A maximum, and a value under another shape, have that of their operand.
    fn calibrated<'a, S: AsRef<[&'a [f32]]>>(
        &self,
        plan: &Plan,
        samples: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Range>, Error> {
        let first = self.inputs.len();
        let mut bounds = alloc::vec![(0.0f32, 0.0f32); first + self.steps.len()];
        let mut count = 0;
        for sample in samples {
            let sample = sample.as_ref();
            let mut wild = None;
            let mut widen = |value: usize, numbers: &[f32]| {
                let (low, high) = &mut bounds[value];
                for &x in numbers {
                    if !x.is_finite() {
                        wild.get_or_insert((value, x));
                    }
                    (*low, *high) = (low.min(x), high.max(x));
                }
            };
            self.check_inputs(sample)?;
            sample.iter().enumerate().for_each(|(value, numbers)| widen(value, numbers));
            self.run_by(plan, sample, &mut widen)?;
            if let Some((value, x)) = wild {
                let what = match value.checked_sub(first) {
                    None => format!("input `{}`", self.inputs[value].name),
                    Some(step) => format!("step {step} (`{}`)", self.steps[step].op.name()),
                };
                return Err(Error::Device {
                    why: format!(
                        "{x} in {what} for sample {count}: bytes are calibrated on numbers that are finite"
                    ),
                });
            }
            count += 1;
        }
        if count == 0 {
            return Err(Error::Device {
                why: "bytes have no scale without samples to calibrate them on".into(),
            });
        }
        let mut ranges: Vec<Range> = bounds.iter().map(|&(low, high)| Range::between(low, high)).collect();
        for (at, step) in self.steps.iter().enumerate() {
            use tress_autograd::Op;
            if let (Op::MaxPool(..) | Op::Reshape(_) | Op::Stop, Some(operand)) =
                (&step.op, step.values().next())
            {
                ranges[first + at] = ranges[operand];
            }
        }
        Ok(ranges)
    }
}

fn byte_call(
    program: &Program,
    call: &Call,
    from: &[Range],
    to: Range,
    placed: &super::Placed,
) -> Result<ByteCall, String> {
    let factor = |i: usize| f64::from(from[i].scale) / f64::from(to.scale);
    let zeros = |i: usize| [from[i].zero, to.zero];
    let bias = |bias: &Option<usize>| bias.map(|weight| &program.weights()[weight]);
    Ok(match call {
        Call::Dense { weight, bias: b, n, activation } => {
            let Weight { numbers, .. } = &program.weights()[*weight];
            let k = numbers.len() / (*n).max(1);
            let at = |o: usize, i: usize| numbers[i * n + o];
            layer([*n, k], at, bias(b), [from[0], to], *activation == Some(Map::Relu), None)?
        }
        Call::Conv { weight, bias: b, window, groups, column, activation } => {
            let Weight { numbers, shape, .. } = &program.weights()[*weight];
            let at = |o: usize, i: usize| numbers[o * column + i];
            let lying = Some((*window, *groups, from[0].zero, *column));
            layer([shape[0], *column], at, bias(b), [from[0], to], *activation == Some(Map::Relu), lying)?
        }
        Call::MaxPool(window) => ByteCall::MaxPool(*window),
        Call::MeanPool(window) => {
            let count = (window.kernel[0] * window.kernel[1]) as f64;
            ByteCall::MeanPool(*window, zeros(0), Scale::of(factor(0) / count))
        }
        Call::Sums => ByteCall::Sums(zeros(0), Scale::of(factor(0))),
        Call::Map(map, in_place) => {
            let byte = |q: i8| to.byte(map.f(from[0].number(q)));
            let table = core::array::from_fn(|i| byte((i as i32 - 128) as i8));
            ByteCall::Lookup(Box::new(table), *in_place)
        }
        Call::Zip(zip @ (Zip::Add | Zip::Sub)) => {
            let sign = if *zip == Zip::Sub { -1.0 } else { 1.0 };
            // One step of an operand may be worth many of the result, where two large values nearly cancel. Beyond 2^13 any
            // difference is out of the result's range, and both get smaller together, so that nothing exceeds 32 bits.
            let shrink = (8192.0 / factor(0).max(factor(1))).min(1.0);
            let scales = [factor(0), sign * factor(1)].map(|factor| Scale::of(shrink * factor));
            ByteCall::Add([from[0].zero, from[1].zero, to.zero], scales)
        }
        Call::Zip(Zip::Mul) => {
            let scale = Scale::of(factor(0) * f64::from(from[1].scale));
            ByteCall::Multiply([from[0].zero, from[1].zero, to.zero], scale)
        }
        Call::Concat => {
            ByteCall::Concat((0..placed.from.len()).map(|i| (zeros(i), Scale::of(factor(i)))).collect())
        }
        Call::Copy => ByteCall::Copy,
        Call::Product { .. }
        | Call::MapGrad(_)
        | Call::Expand
        | Call::LogSumExp(_)
        | Call::LogSumExpGrad(_) => {
            return Err("a step of learning has no kernel of eight bits".into());
        }
        Call::Softmax(_) | Call::LogSoftmax(_) => {
            return Err(
                "softmax has no kernel of eight bits; give the scores, of which the largest is the same"
                    .into(),
            );
        }
        Call::RowNorm { .. } => {
            return Err(
                "layer norm and RMS norm have no kernel of eight bits; keep them as floats, or train \
                        with batch norm, which becomes part of the layer before"
                    .into(),
            );
        }
        Call::Zip(zip) => return Err(format!("`{}` has no kernel of eight bits", zip.name())),
    })
}

/// The most numbers under one output whose products with bytes add up to 32 bits, beside a bias of half of them.
const LONGEST: usize = 1 << 15;

/// A layer whose weight of output `o` and input `i` is `at(o, i)`.
fn layer(
    [outputs, inputs]: [usize; 2],
    at: impl Fn(usize, usize) -> f32,
    bias: Option<&Weight>,
    [from, to]: [Range; 2],
    relu: bool,
    lying: Option<(Window, usize, i8, usize)>,
) -> Result<ByteCall, String> {
    if inputs > LONGEST {
        return Err(format!(
            "{inputs} numbers under one output: their sum may exceed 32 bits, which holds for {LONGEST} at most; pool or split before"
        ));
    }
    let (mut weight, mut biases, mut scales) = (Vec::with_capacity(outputs * inputs), Vec::new(), Vec::new());
    for o in 0..outputs {
        let bias = bias.map_or(0.0, |bias| f64::from(bias.numbers[o]));
        let largest = (0..inputs).fold(0.0f32, |largest, i| largest.max(at(o, i).abs()));
        // Of a channel whose weights are next to nothing the bias is what counts: a scale so small that the bias had no room in
        // 30 bits, or that it were nothing beside that of the result, would lose it.
        let least = (bias.abs() / f64::from(1u32 << 29)).max(f64::from(to.scale) / f64::from(1u32 << 31));
        let scale = (f64::from(largest) / 127.0).max(least / f64::from(from.scale));
        let mut sum = 0i64;
        for i in 0..inputs {
            let q = libm::round(f64::from(at(o, i)) / scale) as i8;
            sum += i64::from(q);
            weight.push(q);
        }
        let both = scale * f64::from(from.scale);
        let whole = libm::round(bias / both) as i64 - i64::from(from.zero) * sum;
        biases.push(whole as i32);
        scales.push(Scale::of(both / f64::from(to.scale)));
    }
    let low = if relu { to.zero } else { -128 };
    Ok(ByteCall::Layer { weight, bias: biases, scale: scales, zero: to.zero, low, lying })
}

impl Quantised {
    /// The program that was quantised: as it was recorded, but for activations, which are steps of their own.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where each value lies; by bytes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What each call of the plan does.
    pub fn calls(&self) -> &[ByteCall] {
        &self.calls
    }

    /// What the bytes of a value stand for.
    ///
    /// # Panics
    /// If there is no value of this number.
    pub fn range(&self, value: usize) -> Range {
        self.ranges[value]
    }

    /// The outputs for one sample, in bytes: with the kernels of a device, in whole numbers alone.
    ///
    /// # Errors
    /// Another number of inputs, or inputs of other lengths.
    pub fn run(&self, inputs: &[&[i8]]) -> Result<Vec<Vec<i8>>, Error> {
        self.program.check_inputs(inputs)?;
        let mut memory = Memory::new(&self.program, &self.plan, inputs);
        for (placed, call) in self.plan.calls().iter().zip(&self.calls) {
            let from: Vec<Vec<i8>> =
                placed.from.iter().map(|(_, place)| memory.read(place).into_owned()).collect();
            compute(call, &from, memory.write(&placed.to.1));
        }
        Ok(memory.outputs)
    }

    /// As [`run`](Quantised::run), from and to numbers.
    ///
    /// # Errors
    /// As there.
    pub fn run_numbers(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, Error> {
        self.program.check_inputs(inputs)?;
        let bytes: Vec<Vec<i8>> = inputs
            .iter()
            .enumerate()
            .map(|(value, numbers)| numbers.iter().map(|&x| self.ranges[value].byte(x)).collect())
            .collect();
        let outputs = self.run(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let number = |(bytes, (_, value)): (&Vec<i8>, &(_, usize))| {
            bytes.iter().map(|&q| self.ranges[*value].number(q)).collect()
        };
        Ok(outputs.iter().zip(&self.program.outputs).map(number).collect())
    }
}

fn compute(call: &ByteCall, from: &[Vec<i8>], y: &mut [i8]) {
    let Some(x) = from.first() else { return };
    match call {
        ByteCall::Layer { weight, bias, scale, zero, low, lying } => {
            let finish = Finish { bias, scale, zero: *zero, low: *low };
            match lying {
                None => quantised::dense(x, weight, &finish, y),
                Some((window, groups, from, column)) => {
                    let mut column = alloc::vec![0; *column];
                    let settings = [*groups as i32, i32::from(*from)];
                    quantised::conv2d(x, window, settings, weight, &finish, &mut column, y);
                }
            }
        }
        ByteCall::MaxPool(window) => planned::max_pool(x, window, y),
        ByteCall::MeanPool(window, zeros, scale) => quantised::mean_pool(x, window, *zeros, *scale, y),
        ByteCall::Sums(zeros, scale) => quantised::sums(x, *zeros, *scale, y),
        ByteCall::Lookup(table, _) => quantised::lookup(x, table, y),
        ByteCall::Add(zeros, scales) => quantised::add([x, &from[from.len() - 1]], *zeros, *scales, y),
        ByteCall::Multiply(zeros, scale) => {
            quantised::multiply([x, &from[from.len() - 1]], *zeros, *scale, y)
        }
        ByteCall::Concat(parts) => {
            let mut rest = y;
            for (x, (zeros, scale)) in from.iter().zip(parts) {
                let (part, after) = rest.split_at_mut(x.len());
                quantised::rescale(x, *zeros, *scale, part);
                rest = after;
            }
        }
        ByteCall::Copy => y.copy_from_slice(x),
    }
}
