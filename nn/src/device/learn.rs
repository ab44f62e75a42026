//! Learning from one sample: the sweep of a program, as a program.
//!
//! A reverse sweep is a program of the same operations. So a step of learning is recorded like anything else, on symbols, and
//! laid out in an arena beforehand: a device that learns links the kernels of its own sweep and no rule of any other.

use super::program::{Operand, Port, Program};
use crate::Error;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::{Op, Outline, Pointwise, Reduce, Symbol, Tape, Value, Var};
use tress_tensor::Shape;

/// What the outputs of a program are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// The truth itself: the mean of squares.
    Squares,
    /// Scores of classes, of which the truth has 1 at one and 0 elsewhere: cross entropy.
    Classes,
}

impl Program {
    /// One step of learning from one sample by gradient descent, as a program: of products, functions, sums and changes of shape.
    ///
    /// Its inputs are those of the program, the truth of each output, the rate `[1]`, and the weights in their order; its
    /// outputs are the loss of each output `[]`, and what is to be added to each weight for the sum of the losses.
    ///
    /// # Errors
    /// A step whose reverse rule has an operation that devices have no kernel for, such as a convolution's.
    pub fn learning(&self, objective: Objective) -> Result<Self, Error> {
        self.learning_of(objective, |_| true)
    }

    /// As [`learning`](Program::learning), of the weights alone whose names `learns` says: those of a head, say. The others are
    /// inputs as before, without an output; nothing is computed backwards for them.
    ///
    /// # Errors
    /// As there, or no weight learns.
    pub fn learning_of(&self, objective: Objective, learns: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let mut inputs = self.inputs.clone();
        for (name, value) in &self.outputs {
            let shape = self.shape(*value).unwrap_or(Shape::SCALAR);
            inputs.push(Port { name: format!("{name} truth"), shape });
        }
        inputs.push(Port { name: "rate".into(), shape: Shape::new(&[1])? });
        let port = |weight: &super::Weight| Port { name: weight.name.clone(), shape: weight.shape };
        inputs.extend(self.weights.iter().map(port));

        let outer = Tape::<Outline>::new();
        let leaves: Vec<Symbol<'_>> =
            inputs.iter().map(|port| outer.leaf(Outline::new(port.shape))).collect();
        let inner = Tape::<Symbol<'_>>::new();
        let vars: Vec<Var<'_, Symbol<'_>>> = leaves.iter().map(|leaf| inner.leaf(*leaf)).collect();
        let (first, truths) = (self.inputs.len(), self.outputs.len());
        let weights = &vars[first + truths + 1..];
        let mut values = vars[..first].to_vec();
        for step in &self.steps {
            let operand = |operand: &Operand| match *operand {
                Operand::Value(value) => values[value],
                Operand::Weight(weight) => weights[weight],
            };
            let operands: Vec<_> = step.operands.iter().map(operand).collect();
            values.push(Value::apply(step.op.clone(), &operands.iter().collect::<Vec<_>>()));
        }
        let mut losses = Vec::with_capacity(truths);
        for (output, (_, value)) in self.outputs.iter().enumerate() {
            let (y, truth) = (values[*value], vars[first + output]);
            losses.push(match objective {
                Objective::Squares => (y - truth).square().mean_all(),
                Objective::Classes => {
                    let all = <Var<'_, Symbol<'_>> as Value>::apply(Op::LogSumExp(None), &[&y]);
                    all.sum_all() - (y * truth).sum_all()
                }
            });
        }
        let Some(total) = losses.iter().copied().reduce(|a, b| a + b) else {
            return Err(Error::Device { why: "a program without outputs has nothing to learn".into() });
        };
        // Downhill: the cotangent of the loss is minus the rate.
        let downhill = leaves[first + truths].scale(-1.0).sum_all();
        let chosen: Vec<usize> =
            (0..self.weights.len()).filter(|&weight| learns(&self.weights[weight].name)).collect();
        if chosen.is_empty() {
            let names: Vec<&str> = self.weights.iter().map(|weight| weight.name.as_str()).collect();
            let why = match names.is_empty() {
                true => "no weight is to learn; the program has none".into(),
                false => format!("no weight is to learn; there are {}", names.join(", ")),
            };
            return Err(Error::Device { why });
        }
        let learnt: Vec<_> = chosen.iter().map(|&weight| weights[weight]).collect();
        let updates = total.pull(downhill, &learnt)?;

        let mut named: Vec<(String, usize)> = Vec::new();
        for ((name, _), loss) in self.outputs.iter().zip(&losses) {
            named.extend(loss.value()?.index().map(|index| (format!("{name} loss"), index)));
        }
        for (&weight, update) in chosen.iter().zip(&updates) {
            let weight = &self.weights[weight];
            named.extend(update.index().map(|index| (format!("{} update", weight.name), index)));
        }
        if let Some(mistake) = outer.mistake() {
            return Err(mistake.into());
        }
        let count = inputs.len();
        let mut program =
            Self { inputs, steps: Vec::new(), outputs: Vec::new(), weights: Vec::new(), learning: true };
        let outputs: Vec<(&str, usize)> = named.iter().map(|(name, index)| (name.as_str(), *index)).collect();
        program.take(&outer, &outputs, |_, index| Ok((index < count).then_some(Operand::Value(index))))?;
        Ok(program)
    }
}
