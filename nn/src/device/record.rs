//! Recording: a model run on symbols, and what it did taken off the tape.

use super::fold::Found;
use super::program::{Operand, Port, Program, Weight};
use crate::{Bound, Error, Params};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tress_autograd::{Outline, Symbol, Tape};
use tress_tensor::Shape;

impl Program {
    /// Records what `model` does to inputs of these names and shapes, whose first axis is 1; it gives its outputs by name.
    /// Nothing is computed.
    ///
    /// # Errors
    /// The first mistake of the model with its place; an operation that devices have no kernel for, with its place; numbers
    /// that the model puts in as constants, or an output that is none of its values.
    pub fn record<F>(params: &Params<f32>, inputs: &[(&str, &[usize])], model: F) -> Result<Self, Error>
    where
        F: for<'t> FnOnce(&Bound<Symbol<'t>>, &[Symbol<'t>]) -> Result<Vec<(String, Symbol<'t>)>, Error>,
    {
        let mut ports = Vec::with_capacity(inputs.len());
        for &(name, shape) in inputs {
            ports.push(Port { name: name.to_owned(), shape: Shape::new(shape)? });
        }
        let mut program = Program::new(ports)?;
        let tape = Tape::<Outline>::new();
        let bound = params.bind(|_, numbers| tape.leaf(Outline::new(*numbers.shape())));
        let symbols: Vec<_> = program.inputs.iter().map(|port| tape.leaf(Outline::new(port.shape))).collect();
        let outputs = model(&bound, &symbols)?;
        if let Some(mistake) = tape.mistake() {
            return Err(mistake.into());
        }
        let mut named = Vec::with_capacity(outputs.len());
        for (name, symbol) in &outputs {
            match symbol.index().filter(|_| core::ptr::eq(symbol.tape(), &tape)) {
                Some(index) => named.push((name.as_str(), index)),
                None => {
                    return Err(Error::Device {
                        why: format!("output `{name}` was not computed from the inputs"),
                    });
                }
            }
        }
        let parameters: Vec<_> = params.entries().collect();
        let inputs = program.inputs.len();
        program.take(&tape, &named, |program, index| {
            let Some(parameter) = parameters.get(index) else {
                let input = index - parameters.len();
                return Ok((input < inputs).then_some(Operand::Value(input)));
            };
            let numbers = params.tensor(parameter.name())?.to_vec();
            let (name, shape) = (parameter.name().to_owned(), *parameter.shape());
            program.weights.push(Weight { name, shape, numbers });
            Ok(Some(Operand::Weight(program.weights.len() - 1)))
        })?;
        Ok(program.folded().fused())
    }

    /// Takes what the outputs need off the tape; `leaf` says what a leaf is, if it is anything.
    pub(super) fn take(
        &mut self,
        tape: &Tape<Outline>,
        outputs: &[(&str, usize)],
        mut leaf: impl FnMut(&mut Self, usize) -> Result<Option<Operand>, Error>,
    ) -> Result<(), Error> {
        let entries: Vec<_> = tape.entries().collect();
        let mut needed = alloc::vec![false; entries.len()];
        outputs.iter().for_each(|&(_, index)| needed[index] = true);
        for entry in entries.iter().rev() {
            if needed[entry.index] {
                entry.operands.iter().for_each(|&x| needed[x] = true);
            }
        }
        let learning = self.learning;
        let mut found: Vec<Option<Found>> = alloc::vec![None; entries.len()];
        for entry in entries.iter().filter(|entry| needed[entry.index]) {
            let place = || format!("{}:{}", entry.place.file(), entry.place.line());
            found[entry.index] = match &entry.op {
                Some(op) => {
                    let operands = entry.operands.iter().filter_map(|&x| found[x]).collect();
                    let placed = |error: Error| {
                        let why = match error {
                            Error::Device { why } => why,
                            other => other.to_string(),
                        };
                        // The lines of a step of learning are those of this library.
                        let why = if learning { why } else { format!("{why} (recorded at {})", place()) };
                        Error::Device { why }
                    };
                    Some(self.push_found(op, operands).map_err(placed)?)
                }
                None => match leaf(self, entry.index)? {
                    Some(operand) => Some(operand.into()),
                    None => {
                        let why = "the model puts in numbers that are neither inputs nor parameters";
                        let why = format!("{why} (recorded at {}); declare them as state", place());
                        return Err(Error::Device { why });
                    }
                },
            };
        }
        for &(name, index) in outputs {
            match found[index] {
                Some(Found { operand: Operand::Value(value), .. }) => self.output(name, value)?,
                _ => return Err(Error::Device { why: format!("output `{name}` is a parameter") }),
            }
        }
        Ok(())
    }
}
