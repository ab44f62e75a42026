//! What becomes of the gradient of an input on its way back through a procedure.

use super::{Procedure, Step};
use crate::op::{Flow, Op};
use alloc::vec::Vec;
use core::panic::Location;

/// How a value depends on the input that is asked about.
#[derive(Clone, Copy)]
enum Way {
    /// By operands that all pass a gradient on.
    Open,
    /// By others only. What the first of them says, and where it is: its step, and which operand of that.
    Blocked(Flow, usize, usize),
}

impl Way {
    /// The way on through operand `operand` of a step.
    fn through(self, flow: Flow, step: usize, operand: usize) -> Self {
        match self {
            Way::Open if flow.passes() => self,
            // What is lost on a way that is stopped later was not wanted there.
            Way::Blocked(Flow::NonDifferentiable(_), ..) if !matches!(flow, Flow::Constant(_)) => self,
            Way::Blocked(Flow::Constant(_), ..) => self,
            _ => Way::Blocked(flow, step, operand),
        }
    }

    /// Of several ways an open one counts, and before one that is stopped one that loses something.
    fn rank(&self) -> usize {
        match self {
            Way::Open => 0,
            Way::Blocked(Flow::Constant(_), ..) => 2,
            Way::Blocked(..) => 1,
        }
    }
}

impl Procedure {
    /// For each input, what becomes of its gradient in the first result: as for the operands of one operation.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let flow = |input: usize| match self.way(input) {
            None => Flow::Constant("the result is not computed from it"),
            Some(Way::Open) => Flow::Rule,
            Some(Way::Blocked(flow, ..)) => flow,
        };
        (0..self.inputs.len()).map(flow).collect()
    }

    /// The operation that loses the gradient of an input, and its line, if one does.
    pub(crate) fn loses(&self, input: usize) -> Option<(&'static str, &'static Location<'static>)> {
        let Way::Blocked(_, step, operand) = self.way(input)? else { return None };
        let Step::Apply(op, _, place) = &self.steps[step] else { return None };
        let inside = match op {
            Op::Custom(custom) => custom.op().body().and_then(|body| body.loses(operand)),
            _ => None,
        };
        Some(inside.unwrap_or((op.name(), *place)))
    }

    fn way(&self, input: usize) -> Option<Way> {
        let mut ways: Vec<Option<Way>> = alloc::vec![None; self.inputs.len()];
        ways[input] = Some(Way::Open);
        for (number, step) in self.steps.iter().enumerate() {
            let on = |(operand, &x): (usize, &usize)| match step {
                Step::Apply(op, ..) => ways[x].map(|way| way.through(op.flow(operand), number, operand)),
                Step::Constant(_) => None,
            };
            let best = step.operands().iter().enumerate().filter_map(on).min_by_key(Way::rank);
            ways.push(best);
        }
        ways[(*self.outputs.first()?)?]
    }
}
