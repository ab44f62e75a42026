//! Running a program on this machine with the kernels, and in the arena, that a device has.

use super::plan::{Call, Place, Plan};
use super::program::Program;
use crate::Error;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use tress_tensor::planned;

impl Program {
    /// The outputs for one sample, as a device computes them: with the kernels of [`planned`], in an arena of the size that
    /// the plan says.
    ///
    /// # Errors
    /// Another number of inputs, or inputs of other lengths.
    pub fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, Error> {
        self.run_by(&self.plan()?, inputs, |_, _| ())
    }

    /// As [`run`](Program::run), by a plan that was made before; `seen` is shown each value as it is made.
    ///
    /// # Errors
    /// As [`run`](Program::run).
    pub fn run_by(
        &self,
        plan: &Plan,
        inputs: &[&[f32]],
        mut seen: impl FnMut(usize, &[f32]),
    ) -> Result<Vec<Vec<f32>>, Error> {
        self.check_inputs(inputs)?;
        let mut memory = Memory::new(self, plan, inputs);
        for placed in plan.calls() {
            // Operands are copied out, so that nothing here depends on what may be borrowed together; that a plan lets no
            // value overlap another that is still needed shows in the numbers.
            let from: Vec<Vec<f32>> =
                placed.from.iter().map(|(_, place)| memory.read(place).into_owned()).collect();
            let (value, place) = &placed.to;
            let to = memory.write(place);
            self.compute(&placed.call, &from, to);
            seen(*value, to);
        }
        Ok(memory.outputs)
    }

    pub(super) fn check_inputs<T>(&self, inputs: &[&[T]]) -> Result<(), Error> {
        if inputs.len() != self.inputs.len() {
            let why = format!("{} inputs are given, {} are wanted", inputs.len(), self.inputs.len());
            return Err(Error::Device { why });
        }
        for (port, input) in self.inputs.iter().zip(inputs) {
            if input.len() != port.shape.len() {
                let (found, shape) = (input.len(), port.shape);
                let why = format!("input `{}` has {found} numbers, but its shape is {shape}", port.name);
                return Err(Error::Device { why });
            }
        }
        Ok(())
    }

    fn compute(&self, call: &Call, from: &[Vec<f32>], y: &mut [f32]) {
        let numbers = |weight: &usize| &self.weights[*weight].numbers[..];
        let bias = |bias: &Option<usize>| bias.as_ref().map_or(&[][..], numbers);
        let Some(x) = from.first() else { return };
        match call {
            Call::Dense { weight, bias: b, n, activation } => {
                planned::dense(x, numbers(weight), bias(b), *n, y, |x| activation.map_or(x, |map| map.f(x)));
            }
            Call::Conv { weight, bias: b, window, groups, column, activation } => {
                let mut column = alloc::vec![0.0; *column];
                let f = |x| activation.map_or(x, |map| map.f(x));
                planned::conv2d(x, window, *groups, numbers(weight), bias(b), &mut column, y, f);
            }
            Call::Product { transposed, lengths, bias, activation } => {
                let bias = if *bias { &from[2][..] } else { &[] };
                planned::product(x, &from[1], *lengths, *transposed, bias, y, |x| {
                    activation.map_or(x, |map| map.f(x))
                });
            }
            Call::MapGrad(map) => planned::map_grad(x, &from[1], y, |kept| map.df(kept)),
            Call::Expand => planned::expand(x, y),
            Call::LogSumExp(n) => planned::log_sum_exp(x, *n, y),
            Call::LogSumExpGrad(n) => planned::log_sum_exp_grad(x, &from[1], *n, y),
            Call::MaxPool(window) => planned::max_pool(x, window, y),
            Call::MeanPool(window) => planned::mean_pool(x, window, y),
            Call::Sums => planned::sums(x, y),
            Call::Map(map, _) => planned::map(x, y, |x| map.f(x)),
            Call::Zip(zip) => planned::zip(*zip, x, &from[from.len() - 1], y),
            Call::Softmax(n) => planned::softmax(x, *n, y),
            Call::LogSoftmax(n) => planned::log_softmax(x, *n, y),
            Call::RowNorm { weight, bias: b, n, norm } => {
                let own = [bias(weight), bias(b)];
                planned::row_norm(x, *n, (norm.epsilon as f32, norm.centred), own, y);
            }
            Call::Concat => y.iter_mut().zip(from.iter().flatten()).for_each(|(y, x)| *y = *x),
            Call::Copy => y.copy_from_slice(x),
        }
    }
}

/// Inputs, arena and outputs of one evaluation.
pub(super) struct Memory<'a, T> {
    inputs: &'a [&'a [T]],
    arena: Vec<T>,
    pub(super) outputs: Vec<Vec<T>>,
}

impl<'a, T: Copy + Default> Memory<'a, T> {
    pub(super) fn new(program: &Program, plan: &Plan, inputs: &'a [&'a [T]]) -> Self {
        let output = |(_, value): &(_, usize)| alloc::vec![T::default(); program.len_of(*value)];
        let outputs = program.outputs.iter().map(output).collect();
        Self { inputs, arena: alloc::vec![T::default(); plan.values()], outputs }
    }

    pub(super) fn read(&self, place: &Place) -> Cow<'_, [T]> {
        Cow::Borrowed(match place {
            Place::Input(number) => self.inputs[*number],
            Place::Arena(range) => &self.arena[range.clone()],
            Place::Output(number) => &self.outputs[*number],
        })
    }

    pub(super) fn write(&mut self, place: &Place) -> &mut [T] {
        match place {
            Place::Input(_) => &mut [],
            Place::Arena(range) => &mut self.arena[range.clone()],
            Place::Output(number) => &mut self.outputs[*number],
        }
    }
}
