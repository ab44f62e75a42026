//! The adjoint program: a sweep that is recorded, so that it can be looked at like any other program.

use super::{Tape, Var};
use crate::Mistake;
use crate::value::{Pointwise, Value};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cell::RefCell;

/// What a sweep did, as a program of its own: its leaves are the seed and those recorded values that a rule looks at.
///
/// It is made by the sweep itself, with cotangents that record, and not by another account of the rules. So it is a tape
/// like any other: it can be printed, checked, and differentiated again.
pub struct Adjoint<V: Value> {
    program: Tape<V>,
    lines: Vec<Line>,
    /// What is known of each forward entry.
    forward: Vec<Arrived>,
}

#[derive(Clone, Default)]
struct Arrived {
    cotangent: Option<usize>,
    contributions: Vec<Contribution>,
    kept_for: Vec<usize>,
}

/// What an entry of the adjoint program is. Numbers are those of forward entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The cotangent that the sweep starts with: ones, in the shape of the result.
    Seed,
    /// A value of the forward program.
    Value(usize),
    /// Part of the reverse rule of an entry.
    Rule(usize),
    /// The sum of two cotangents that arrived at an entry.
    Sum(usize),
}

/// A cotangent that a rule has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The forward entry whose rule it comes from.
    pub from: usize,
    /// The forward entry that it is for.
    pub to: usize,
    /// The entry of the adjoint program that holds it.
    pub line: usize,
}

impl<V: Value> Adjoint<V> {
    /// The recorded sweep.
    pub fn program(&self) -> &Tape<V> {
        &self.program
    }

    /// What each entry of the program is.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// For a forward entry, the entry of the program that holds its cotangent; `None` where none arrived.
    pub fn cotangent(&self, forward: usize) -> Option<usize> {
        self.forward.get(forward)?.cotangent
    }

    /// What arrived at a forward entry, in the order in which the sweep added it up.
    pub fn contributions(&self, forward: usize) -> &[Contribution] {
        self.forward.get(forward).map_or(&[], |arrived| &arrived.contributions)
    }

    /// The forward entries whose reverse rules look at the value of a forward entry: what it is kept for.
    pub fn kept_for(&self, forward: usize) -> &[usize] {
        self.forward.get(forward).map_or(&[], |arrived| &arrived.kept_for)
    }
}

/// A contribution as the sweep hands it over.
struct Handed {
    contribution: Contribution,
    /// How many lines there were then. If something had arrived before, the next one is the sum.
    lines: usize,
    adds: bool,
}

impl<'t, V: Value> Var<'t, V> {
    /// Sweeps from this result, a cotangent of ones, to the entries `wanted`, and records what the sweep does. Silent about
    /// cotangents that are lost on the way.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape.
    #[track_caller]
    pub fn adjoint(&self, wanted: &[Var<'t, V>]) -> Result<Adjoint<V>, Mistake> {
        let value = self.value()?;
        let program = Tape::new();
        let record = self.tape.record.borrow();
        let mut forward = alloc::vec![Arrived::default(); record.nodes.len()];
        // The leaf that stands for a recorded value. The sweep hands out values, and their order in memory is that of the
        // entries.
        let leaves: RefCell<Vec<Option<Var<'_, V>>>> = RefCell::new(alloc::vec![None; forward.len()]);
        let mut handed: Vec<Handed> = Vec::new();
        {
            let seed = program.leaf(value.constant(1.0));
            let stand_in = |value: &V| {
                let sought = core::ptr::from_ref(value).addr();
                let index =
                    record.nodes.partition_point(|node| core::ptr::from_ref(&node.value).addr() < sought);
                match leaves.borrow_mut().get_mut(index) {
                    Some(leaf) => *leaf.get_or_insert_with(|| program.leaf(value.clone())),
                    None => program.leaf(value.clone()),
                }
            };
            let seen = |step: super::sweep::Step<'_, Var<'_, V>>| {
                let (from, to) = (step.from, step.to);
                forward[from].cotangent = step.g.index();
                let Some(line) = step.cotangent.index() else { return };
                let contribution = Contribution { from, to, line };
                let adds = !forward[to].contributions.is_empty();
                forward[to].contributions.push(contribution);
                handed.push(Handed { contribution, lines: program.len(), adds });
            };
            let seeds = [(*self, seed)];
            let found =
                self.tape.swept(&seeds, wanted, &[], |value| Cow::Owned(stand_in(value)), Some(seen))?;
            for (var, found) in wanted.iter().zip(&found) {
                forward[var.index as usize].cotangent = found.as_ref().and_then(Var::index);
            }
        }
        drop(record);
        if let Some(mistake) = program.mistake() {
            return Err(mistake);
        }

        let mut lines: Vec<Option<Line>> = alloc::vec![None; program.len()];
        lines[0] = Some(Line::Seed);
        for (index, leaf) in leaves.into_inner().into_iter().enumerate() {
            if let Some(line) = leaf.and_then(|leaf| leaf.index()) {
                lines[line] = Some(Line::Value(index));
            }
        }
        for Handed { contribution, lines: next, .. } in handed.iter().filter(|handed| handed.adds) {
            if let Some(line) = lines.get_mut(*next) {
                *line = Some(Line::Sum(contribution.to));
            }
        }
        // Whatever is left was recorded by the rule that handed over the next contribution.
        let of = |index: usize| {
            let next = handed.partition_point(|handed| handed.lines <= index);
            handed.get(next).or(handed.last()).map_or(0, |handed| handed.contribution.from)
        };
        let lines: Vec<Line> = lines
            .into_iter()
            .enumerate()
            .map(|(index, line)| line.unwrap_or_else(|| Line::Rule(of(index))))
            .collect();
        for entry in program.entries() {
            let Line::Rule(of) = lines[entry.index] else { continue };
            for operand in entry.operands {
                if let Line::Value(kept) = lines[operand]
                    && forward[kept].kept_for.last() != Some(&of)
                {
                    forward[kept].kept_for.push(of);
                }
            }
        }
        Ok(Adjoint { program, lines, forward })
    }
}
