//! Why no gradient has come to a wanted entry: nothing leads there, somebody stopped it, or an operation lost it.

use super::{Record, Tape, Var};
use crate::Mistake;
use crate::op::{Flow, NonDifferentiable, Op};
use crate::value::Value;
use alloc::vec::Vec;
use tress_tensor::Error;

/// Why a wanted entry has no cotangent.
pub(super) enum Lost {
    /// No seed was computed from it; the last entry that was.
    Unreached(Option<usize>),
    /// Every way goes through operands that pass no gradient on. Of those that nobody has stopped, the first such entry,
    /// which operand it is, and why it has no derivative.
    Cut(usize, usize, NonDifferentiable),
    /// Somebody has stopped every way: the first entry that passes no gradient on, and why.
    Stopped(usize, &'static str),
    /// The rules of the operations on the way gave zero, as that of the derivative of `relu` does.
    Zero,
}

/// The part of a program between seeds and wanted entries.
pub(super) struct Ways<'a, V> {
    record: &'a Record<V>,
    /// Entries that no way passes through.
    closed: Vec<bool>,
    seeds: Vec<bool>,
}

impl<'a, V: Value> Ways<'a, V> {
    pub(super) fn new(
        record: &'a Record<V>,
        seeds: impl Iterator<Item = usize>,
        cut: impl Iterator<Item = usize>,
    ) -> Self {
        let mut ways = Self { record, closed: alloc::vec![false; record.nodes.len()], seeds: Vec::new() };
        ways.seeds = ways.closed.clone();
        cut.for_each(|index| ways.closed[index] = true);
        seeds.for_each(|index| ways.seeds[index] = true);
        ways
    }

    /// What the operation of an entry does to the gradient of its operand `i`.
    fn flow(&self, index: usize, i: usize) -> Flow {
        self.record.op(index).map_or(Flow::Rule, |op| op.flow(i))
    }

    /// The entries that seeds were computed from, by operands of which `open` is true.
    fn above_seeds(&self, open: impl Fn(&Flow) -> bool) -> Vec<bool> {
        let mut reached = self.seeds.clone();
        for index in (0..reached.len()).rev().filter(|&index| !self.closed[index]) {
            for (i, &x) in self.record.operands(index).iter().enumerate() {
                if reached[index] && open(&self.flow(index, i)) {
                    reached[x as usize] = true;
                }
            }
        }
        reached
    }

    /// The entries that were computed from `from`, by operands of which `open` is true.
    fn below(&self, from: usize, open: impl Fn(&Flow) -> bool) -> Vec<bool> {
        let mut reached = alloc::vec![false; self.closed.len()];
        reached[from] = true;
        for index in from + 1..reached.len() {
            let mut operands = self.record.operands(index).iter().enumerate();
            reached[index] = !self.closed[index]
                && operands.any(|(i, &x)| reached[x as usize] && open(&self.flow(index, i)));
        }
        reached
    }

    /// Why `wanted`, to which no cotangent came, has none.
    pub(super) fn lost(&self, wanted: usize) -> Lost {
        let meets_seed = |reached: &[bool]| reached.iter().zip(&self.seeds).any(|(&a, &b)| a && b);
        let anyhow = self.below(wanted, |_| true);
        if !meets_seed(&anyhow) {
            return Lost::Unreached(anyhow.iter().rposition(|&below| below).filter(|&last| last != wanted));
        }
        let by_rules = self.below(wanted, Flow::passes);
        if meets_seed(&by_rules) {
            return Lost::Zero;
        }
        // The first entry that blocks a way from here, among those from which a way of `open` operands leads on to a seed.
        let first_block = |open: fn(&Flow) -> bool| {
            let onward = self.above_seeds(open);
            let blocks = |index: usize| {
                let mut operands = self.record.operands(index).iter().enumerate();
                let flow = |(i, &x): (usize, &u32)| by_rules[x as usize].then(|| (i, self.flow(index, i)));
                operands.find_map(|operand| flow(operand).filter(|(_, flow)| !flow.passes() && open(flow)))
            };
            let entries = (wanted + 1..onward.len()).filter(|&index| onward[index] && !self.closed[index]);
            entries.into_iter().find_map(|index| blocks(index).map(|(i, flow)| (index, i, flow)))
        };
        // A way that somebody stopped is none: it counts only where there is no other.
        let lost = first_block(|flow| !matches!(flow, Flow::Constant(_)));
        match lost.or_else(|| first_block(|_| true).map(|(at, i, flow)| (at, i, flow.meant()))) {
            Some((at, i, Flow::NonDifferentiable(none))) => Lost::Cut(at, i, none),
            Some((at, _, Flow::Constant(why))) => Lost::Stopped(at, why),
            _ => Lost::Zero,
        }
    }
}

impl<V: Value> Tape<V> {
    /// An error if some wanted entry got no cotangent because operations without a derivative have lost it.
    pub(super) fn none_is_lost<C>(
        &self,
        seeds: &[(Var<'_, V>, C)],
        wanted: &[Var<'_, V>],
        cut: &[Var<'_, V>],
        found: &[Option<C>],
    ) -> Result<(), Mistake> {
        if found.iter().all(Option::is_some) {
            return Ok(());
        }
        let record = self.record.borrow();
        let index = |var: &Var<'_, V>| var.index as usize;
        let ways = Ways::new(&record, seeds.iter().map(|(var, _)| index(var)), cut.iter().map(index));
        let above = ways.above_seeds(|_| true);
        let missing =
            wanted.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(var, _)| index(var));
        for wanted in missing.filter(|&wanted| above[wanted]) {
            if let Lost::Cut(at, operand, none) = ways.lost(wanted) {
                let op = record.op(at);
                // Of a program that is one entry, the line inside.
                let inside = match op.as_deref() {
                    Some(Op::Custom(custom)) => custom.op().body().and_then(|body| body.loses(operand)),
                    _ => None,
                };
                let here = || (op.as_deref().map_or("leaf", Op::name), record.nodes[at].place);
                let (op, place) = inside.unwrap_or_else(here);
                let error = Error::Lost { op, entry: wanted, why: none.reason, instead: none.instead };
                return Err(Mistake { error, place });
            }
        }
        Ok(())
    }
}
