//! What depends on weights alone, computed when a program is recorded; scales and shifts of channels moved into the layer before.
//!
//! A batch normalisation that evaluates is a number to multiply and one to add for each channel, both from weights and state.
//! They become a convolution of one tap for each channel, or, where a layer comes right before, part of its weights (Jacob et
//! al., CVPR 2018, section 3.2).

use super::program::{Operand, Program, Step, Weight};
use crate::Error;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::op::{Conv, ConvRole, Epilogue, Product};
use tress_autograd::{Eager, Op, Value};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Shape, Tensor, Window};

/// What the names of weights that a program has made itself begin with: a number follows. They lie in the file of the program, and
/// belong to no model.
pub(crate) const MADE: &str = "tress.program.";

/// An operand while a tape is read: a weight may stand for itself, repeated to another shape.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) operand: Operand,
    pub(super) wide: Option<Shape>,
}

impl From<Operand> for Found {
    fn from(operand: Operand) -> Self {
        Self { operand, wide: None }
    }
}

impl Program {
    /// As [`push`](Program::push), for operands of which some, or all, may be weights.
    pub(super) fn push_found(&mut self, op: &Op, mut found: Vec<Found>) -> Result<Found, Error> {
        let is_weight = |found: &Found| matches!(found.operand, Operand::Weight(_));
        if self.learning || !found.iter().any(is_weight) {
            return Ok(self.value_of(op.clone(), &found)?.into());
        }
        if let (Op::Expand(shape), [only]) = (op, &found[..]) {
            return Ok(Found { wide: Some(*shape), ..*only });
        }
        if let (Op::Zip(zip), [a, b]) = (op, &found[..])
            && is_weight(a) != is_weight(b)
            && let Some(value) = self.by_channel(*zip, *a, *b)?
        {
            return Ok(value.into());
        }
        for found in &mut found {
            if let Found { operand: Operand::Weight(weight), wide: Some(shape) } = *found {
                found.operand = self.made(Op::Expand(shape), &[weight])?;
                found.wide = None;
            }
        }
        let weights: Option<Vec<usize>> = found
            .iter()
            .map(|found| if let Operand::Weight(weight) = found.operand { Some(weight) } else { None })
            .collect();
        match weights {
            Some(weights) => Ok(self.made(op.clone(), &weights)?.into()),
            None => Ok(self.value_of(op.clone(), &found)?.into()),
        }
    }

    fn value_of(&mut self, op: Op, found: &[Found]) -> Result<Operand, Error> {
        Ok(Operand::Value(self.push(op, found.iter().map(|found| found.operand).collect())?))
    }

    /// What an operation makes of weights, as a weight.
    fn made(&mut self, op: Op, weights: &[usize]) -> Result<Operand, Error> {
        let tensor = |&weight: &usize| {
            let Weight { shape, numbers, .. } = &self.weights[weight];
            Ok(Eager::new(Tensor::new(*shape, numbers)?))
        };
        let operands = weights.iter().map(tensor).collect::<Result<Vec<_>, Error>>()?;
        let result = <Eager as Value>::apply(op, &operands.iter().collect::<Vec<_>>());
        let result = result.tensor()?;
        Ok(Operand::Weight(self.make(*result.shape(), result.to_vec())))
    }

    fn make(&mut self, shape: Shape, numbers: Vec<f32>) -> usize {
        self.weights.push(Weight { name: String::from(MADE), shape, numbers });
        self.weights.len() - 1
    }

    /// A function of two numbers, one of them a weight, as a convolution of one tap for each channel; `None` where it is none.
    fn by_channel(&mut self, zip: Zip, a: Found, b: Found) -> Result<Option<Operand>, Error> {
        let (value, weight, wide, turned) = match (a, b) {
            (
                Found { operand: Operand::Value(value), .. },
                Found { operand: Operand::Weight(weight), wide },
            ) => (value, weight, wide, false),
            (
                Found { operand: Operand::Weight(weight), wide },
                Found { operand: Operand::Value(value), .. },
            ) => (value, weight, wide, true),
            _ => return Ok(None),
        };
        let Some(shape) = self.shape(value) else { return Ok(None) };
        if wide.unwrap_or(self.weights[weight].shape) != shape {
            return Ok(None); // the error is that of the operation
        }
        if let [number] = self.weights[weight].numbers[..] {
            let c = f64::from(number);
            let maps = match (zip, turned) {
                (Zip::Add, _) => [Some(Map::Offset(c)), None],
                (Zip::Sub, false) => [Some(Map::Offset(-c)), None],
                (Zip::Sub, true) => [Some(Map::Scale(-1.0)), Some(Map::Offset(c))],
                (Zip::Mul, _) => [Some(Map::Scale(c)), None],
                (Zip::Div, false) => [Some(Map::Scale(1.0 / c)), None],
                _ => return Ok(None),
            };
            let mut operand = Operand::Value(value);
            for map in maps.into_iter().flatten() {
                operand = Operand::Value(self.push(Op::Map(map), alloc::vec![operand])?);
            }
            return Ok(Some(operand));
        }
        // The value as `[channels, rest]`, with one number of the weight for each channel.
        let channels_of = |weight: &Weight| {
            let before = shape.rank() - weight.shape.rank().min(shape.rank());
            let own = |axis: usize| axis.checked_sub(before).map_or(1, |axis| weight.shape[axis]);
            let last = (0..shape.rank()).rev().find(|&axis| own(axis) != 1)?;
            let fits = (0..=last).all(|axis| own(axis) == shape[axis]);
            fits.then(|| (weight.numbers.len(), shape[last + 1..].iter().product::<usize>()))
        };
        let (channels, rest) = match channels_of(&self.weights[weight]) {
            Some(found) => found,
            None => (shape.len(), 1),
        };
        let numbers = match channels_of(&self.weights[weight]) {
            Some(_) => self.weights[weight].numbers.clone(),
            None => {
                let Operand::Weight(all) = self.made(Op::Expand(shape), &[weight])? else { return Ok(None) };
                self.weights[all].numbers.clone()
            }
        };
        let each = |f: &dyn Fn(f32) -> f32| numbers.iter().map(|&x| f(x)).collect::<Vec<f32>>();
        let (scale, shift) = match (zip, turned) {
            (Zip::Add, _) => (each(&|_| 1.0), Some(numbers)),
            (Zip::Sub, false) => (each(&|_| 1.0), Some(each(&|x| -x))),
            (Zip::Sub, true) => (each(&|_| -1.0), Some(numbers)),
            (Zip::Mul, _) => (numbers, None),
            (Zip::Div, false) => (each(&|x| 1.0 / x), None),
            _ => return Ok(None),
        };
        let image = Shape::new(&[1, channels, rest, 1])?;
        let scale = Operand::Weight(self.make(Shape::new(&[channels, 1, 1, 1])?, scale));
        let epilogue = Epilogue { bias: shift.is_some(), ..Epilogue::NONE };
        let window = Window::new([rest, 1], [1, 1]);
        let conv = Op::Conv(Conv { window, groups: channels, role: ConvRole::Output, epilogue });
        let flat = Operand::Value(self.push(Op::Reshape(image), alloc::vec![Operand::Value(value)])?);
        let mut operands = alloc::vec![flat, scale];
        if let Some(shift) = shift {
            operands.push(Operand::Weight(self.make(Shape::new(&[channels])?, shift)));
        }
        let made = Operand::Value(self.push(conv, operands)?);
        Ok(Some(Operand::Value(self.push(Op::Reshape(shape), alloc::vec![made])?)))
    }

    /// With scales and shifts of channels in the weights of the layer before them, and no weight that nothing looks at.
    pub(super) fn folded(mut self) -> Self {
        let mut at = 0;
        while at < self.steps.len() {
            match self.layer_before(at) {
                Some(layer) => {
                    self.fold(at, layer);
                    self.bypass(at);
                }
                None => at += 1,
            }
        }
        self.plain_shapes();
        let mut numbers: Vec<Option<usize>> = alloc::vec![None; self.weights.len()];
        let (mut kept, mut made) = (Vec::new(), 0);
        for operand in self.steps.iter_mut().flat_map(|step| &mut step.operands) {
            let Operand::Weight(weight) = operand else { continue };
            let number = *numbers[*weight].get_or_insert_with(|| {
                let mut weight = self.weights[*weight].clone();
                if weight.name == MADE {
                    weight.name = format!("{MADE}{made}");
                    made += 1;
                }
                kept.push(weight);
                kept.len() - 1
            });
            *weight = number;
        }
        self.weights = kept;
        self
    }

    /// With no change of shape right after another, and none that changes nothing.
    fn plain_shapes(&mut self) {
        let first = self.inputs.len();
        let is_reshape = |step: &Step| matches!(step.op, Op::Reshape(_));
        let mut at = 0;
        while at < self.steps.len() {
            if is_reshape(&self.steps[at]) {
                let before = |program: &Self| {
                    program.steps[at]
                        .values()
                        .next()?
                        .checked_sub(first)
                        .filter(|&step| is_reshape(&program.steps[step]))
                };
                while let Some(step) = before(self) {
                    self.steps[at].operands = self.steps[step].operands.clone();
                }
                let operand = self.steps[at].values().next().and_then(|value| self.shape(value));
                if operand == Some(self.steps[at].shape) {
                    self.bypass(at);
                    continue;
                }
            }
            at += 1;
        }
        // What nobody looks at now.
        for at in (0..self.steps.len()).rev() {
            if is_reshape(&self.steps[at]) && self.uses()[first + at] == 0 {
                self.bypass(at);
            }
        }
    }

    /// The layer whose channels step `at` scales and shifts, if that is all it does and nobody else looks at the layer.
    fn layer_before(&self, at: usize) -> Option<usize> {
        let first = self.inputs.len();
        let Op::Conv(Conv { window, groups, .. }) = self.steps[at].op else { return None };
        let weight = self.weights.get(self.steps[at].weights().next()?)?;
        let alone = window == Window::new(window.input, [1, 1]) && weight.shape[..] == [groups, 1, 1, 1];
        if !alone || weight.name != MADE {
            return None;
        }
        let uses = self.uses();
        let mut value = self.steps[at].values().next()?;
        loop {
            let step = value.checked_sub(first).filter(|_| uses[value] == 1)?;
            let (Step { op, shape, .. }, outputs) = (&self.steps[step], groups);
            match op {
                Op::Reshape(_) => value = self.steps[step].values().next()?,
                Op::Product(Product { epilogue, .. }) => {
                    let fits = epilogue.activation.is_none() && shape[..] == [1, outputs];
                    return fits.then_some(step);
                }
                Op::Conv(Conv { epilogue, .. }) => {
                    let fits = epilogue.activation.is_none() && shape[1] == outputs;
                    return fits.then_some(step);
                }
                _ => return None,
            }
        }
    }

    /// Scales and shifts the weights of `layer` as step `at` does its channels.
    fn fold(&mut self, at: usize, layer: usize) {
        let numbers = |program: &Self, at: usize, number: usize| {
            let weight = program.steps[at].weights().nth(number)?;
            Some(program.weights[weight].numbers.clone())
        };
        let Some(scale) = numbers(self, at, 0) else { return };
        let channels = scale.len();
        let shift = numbers(self, at, 1);
        let Some(weight) = self.steps[layer].weights().next() else { return };
        let Weight { shape, numbers: mut scaled, .. } = self.weights[weight].clone();
        let is_product = matches!(self.steps[layer].op, Op::Product(_));
        let each = (scaled.len() / channels.max(1)).max(1);
        for (i, number) in scaled.iter_mut().enumerate() {
            *number *= scale[if is_product { i % channels } else { i / each }];
        }
        let old = numbers(self, layer, 1);
        let moved = |c: usize| {
            let old = old.as_ref().map_or(0.0, |old| old[c]);
            old * scale[c] + shift.as_ref().map_or(0.0, |shift| shift[c])
        };
        let bias = (old.is_some() || shift.is_some()).then(|| (0..channels).map(moved).collect::<Vec<f32>>());
        let weight = Operand::Weight(self.make(shape, scaled));
        let mut operands: Vec<Operand> = self.steps[layer].values().map(Operand::Value).collect();
        operands.push(weight);
        if let (Some(bias), Ok(shape)) = (bias, Shape::new(&[channels])) {
            operands.push(Operand::Weight(self.make(shape, bias)));
        }
        let has_bias = operands.len() > 2;
        let step = &mut self.steps[layer];
        step.operands = operands;
        if let Op::Product(Product { epilogue, .. }) | Op::Conv(Conv { epilogue, .. }) = &mut step.op {
            epilogue.bias = has_bias;
        }
    }
}
