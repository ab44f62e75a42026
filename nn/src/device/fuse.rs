//! Functions of one number moved into the layer before them, and out of it again.

use super::program::{Operand, Program, Step};
use alloc::vec::Vec;
use tress_autograd::Op;
use tress_autograd::op::Pick;
use tress_tensor::pointwise::{Keep, Map};

/// The activation of an operation that can have one.
fn activation(op: &mut Op) -> Option<&mut Option<Map>> {
    match op {
        Op::Product(product) => Some(&mut product.epilogue.activation),
        Op::Conv(conv) => Some(&mut conv.epilogue.activation),
        _ => None,
    }
}

impl Program {
    /// With functions that follow a layer alone in the pass of that layer; `relu` also past a maximum, with which it can
    /// change places. No bit of a result changes.
    pub(super) fn fused(mut self) -> Self {
        let first = self.inputs.len();
        let mut at = 0;
        while at < self.steps.len() {
            let Op::Map(map) = self.steps[at].op else {
                at += 1;
                continue;
            };
            let uses = self.uses();
            let mut before = self.steps[at].values().next();
            if map == Map::Relu
                && let Some(pool) = before.and_then(|value| value.checked_sub(first))
                && let Op::MaxPool(_, Pick::Output) = self.steps[pool].op
                && uses[first + pool] == 1
            {
                before = self.steps[pool].values().next();
            }
            let layer = before.filter(|&value| uses[value] == 1).and_then(|value| value.checked_sub(first));
            let slot = layer.and_then(|layer| activation(&mut self.steps[layer].op));
            match slot {
                Some(slot) if slot.is_none() && map.keep() == Keep::Output => {
                    *slot = Some(map);
                    self.bypass(at);
                }
                _ => at += 1,
            }
        }
        self
    }

    /// Takes out a step of one operand: what looked at its value looks at the operand instead.
    pub(super) fn bypass(&mut self, at: usize) {
        let gone = self.inputs.len() + at;
        let operand = self.steps[at].values().next().unwrap_or(gone);
        self.steps.remove(at);
        let moved = |value: usize| match value {
            value if value == gone => operand,
            value if value > gone => value - 1,
            value => value,
        };
        for operand in self.steps.iter_mut().flat_map(|step| &mut step.operands) {
            if let Operand::Value(value) = operand {
                *value = moved(*value);
            }
        }
        self.outputs.iter_mut().for_each(|(_, value)| *value = moved(*value));
    }

    /// With every activation but `relu` as a step of its own, as bytes have it: they have a table for such a function.
    pub fn split(&self) -> Self {
        let first = self.inputs.len();
        let mut program = Self { steps: Vec::new(), ..self.clone() };
        let mut numbers: Vec<usize> = (0..first).collect();
        for step in &self.steps {
            let mut step = step.clone();
            for operand in &mut step.operands {
                if let Operand::Value(value) = operand {
                    *value = numbers[*value];
                }
            }
            let map = activation(&mut step.op).and_then(|slot| match slot {
                None | Some(Map::Relu) => None,
                Some(_) => slot.take(),
            });
            let shape = step.shape;
            program.steps.push(step);
            if let Some(map) = map {
                let before = Operand::Value(first + program.steps.len() - 1);
                program.steps.push(Step { op: Op::Map(map), operands: alloc::vec![before], shape });
            }
            numbers.push(first + program.steps.len() - 1);
        }
        program.outputs.iter_mut().for_each(|(_, value)| *value = numbers[*value]);
        program
    }
}
