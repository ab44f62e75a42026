//! The reverse sweep: a loop from the last entry to the first. Cotangents are added in `waiting.rs` and nowhere else.

use super::waiting::{NOWHERE, Waiting};
use super::{Record, Tape, Var};
use crate::Mistake;
use crate::kinds::Stacked;
use crate::op::Op;
use crate::rule;
use crate::value::{Pointwise, Value};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cell::Cell;
use core::ops::RangeInclusive;
use tress_tensor::{Error, Shape};

/// What a sweep notes about an entry.
#[derive(Clone)]
pub(super) struct Mark {
    /// It is wanted, or lies on a way to a wanted entry: nobody else's cotangent is computed.
    leads: bool,
    /// Cotangents go on from it to its operands.
    goes_on: bool,
    /// Its cotangent is asked for, and so must stay.
    wanted: bool,
    /// Cotangents arrive at it and go no further.
    cut: bool,
    /// Where its cotangent waits.
    slot: Cell<u32>,
}

impl Mark {
    fn blank() -> Self {
        Self { leads: false, goes_on: false, wanted: false, cut: false, slot: Cell::new(NOWHERE) }
    }
}

/// A step of a sweep, as it is seen from outside: coverage looks for what went wrong on the way.
pub(super) struct Step<'a, C> {
    /// The entry whose rule has given a cotangent, and the entry that it is for.
    pub(super) from: usize,
    pub(super) to: usize,
    /// The cotangent of the entry, and what the rule made of it.
    pub(super) g: &'a C,
    pub(super) cotangent: &'a C,
}

/// Nobody looks on.
fn unseen<C>() -> Option<impl FnMut(Step<'_, C>)> {
    None::<fn(Step<'_, C>)>
}

impl<V: Value> Tape<V> {
    /// Pulls cotangents of `seeds` back to the entries `wanted`.
    ///
    /// The cotangents are of any kind `C` that the recorded values can be raised to: [`Stacked`] for K at once. For the
    /// kind of the recorded values there is [`cotangents`](Tape::cotangents). Entries that no wanted one depends on are
    /// not visited. A wanted entry that no seed depends on gets `None`.
    ///
    /// Cotangents arrive at the entries of `cut`, and do not pass through them: to sweep a part of a program, name what
    /// bounds it there and among the wanted ones.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape; a cotangent that is not of the shape of its seed; a
    /// wanted entry that seeds depend on, but only by operations without a derivative (see [`Flow`](crate::op::Flow)): the
    /// message names the operation, its line, and what to write instead. Ways that somebody has [stopped] do not count. And
    /// a mistake that `raise` makes, such as recording on this very tape.
    ///
    /// [stopped]: crate::Pointwise::stop
    #[track_caller]
    pub fn sweep<C: Value<Elem = V::Elem>>(
        &self,
        seeds: &[(Var<'_, V>, C)],
        wanted: &[Var<'_, V>],
        cut: &[Var<'_, V>],
        raise: impl Fn(&V) -> C,
    ) -> Result<Vec<Option<C>>, Mistake> {
        self.checked()?;
        // Rules go by shapes, and a mistake has none: so one that `raise` makes is found before they are asked.
        if let Some(mistake) = self.record.borrow().nodes.last().and_then(|node| raise(&node.value).mistake())
        {
            return Err(mistake);
        }
        let found = self.swept(seeds, wanted, cut, |value| Cow::Owned(raise(value)), unseen())?;
        self.none_is_lost(seeds, wanted, cut, &found)?;
        Ok(found)
    }

    /// As [`sweep`](Tape::sweep), with cotangents of the kind of the recorded values: one gradient.
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn cotangents(
        &self,
        seeds: &[(Var<'_, V>, V)],
        wanted: &[Var<'_, V>],
        cut: &[Var<'_, V>],
    ) -> Result<Vec<Option<V>>, Mistake> {
        let found = self.swept(seeds, wanted, cut, |value| Cow::Borrowed(value), unseen())?;
        self.none_is_lost(seeds, wanted, cut, &found)?;
        Ok(found)
    }

    /// As [`cotangents`](Tape::cotangents), silent about what is lost: for a program that is swept before anybody has said
    /// which gradients are wanted.
    #[track_caller]
    pub(crate) fn flowing(
        &self,
        seeds: &[(Var<'_, V>, V)],
        wanted: &[Var<'_, V>],
    ) -> Result<Vec<Option<V>>, Mistake> {
        self.swept(seeds, wanted, &[], |value| Cow::Borrowed(value), unseen())
    }

    /// As [`sweep`](Tape::sweep), silent about what is lost. Where there is `seen`, it is told of every cotangent that a rule
    /// gives, and these are added one by one as they come; else several may become one first: see [`Waiting`].
    #[track_caller]
    pub(super) fn swept<C: Value<Elem = V::Elem>>(
        &self,
        seeds: &[(Var<'_, V>, C)],
        wanted: &[Var<'_, V>],
        cut: &[Var<'_, V>],
        raise: impl for<'a> Fn(&'a V) -> Cow<'a, C>,
        seen: Option<impl FnMut(Step<'_, C>)>,
    ) -> Result<Vec<Option<C>>, Mistake> {
        self.checked()?;
        let record = self.record.borrow();
        if seeds.iter().map(|(var, _)| var).chain(wanted).chain(cut).any(|var| !var.is_on(self)) {
            return Err(Mistake::here(Error::Setting { op: "sweep", why: "a variable of another tape" }));
        }
        for (var, cotangent) in seeds {
            let (left, right) = (record.nodes[var.index as usize].value.shape(), cotangent.shape());
            if left != right {
                let why = "the cotangent must have the shape of the result";
                return Err(Mistake::here(Error::Mismatch { op: "sweep", left, right, why, lengths: None }));
            }
        }
        let first = wanted.iter().map(|var| var.index).min();
        let last = seeds.iter().map(|(var, _)| var.index).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let range = first as usize..=last as usize;

        let mut marks = self.marks.take();
        mark(&mut marks, &record, &range, wanted, cut);
        let mut waiting = Waiting::new();
        for (var, cotangent) in seeds.iter().filter(|(var, _)| range.contains(&(var.index as usize))) {
            waiting.add(&marks[(var.index - first) as usize].slot, cotangent.clone());
        }
        pull_all(&record, range, &marks, &mut waiting, raise, seen);
        let slot = |var: &Var<'_, V>| marks.get((var.index - first) as usize).map(|mark| &mark.slot);
        let found: Vec<_> = wanted.iter().map(|var| waiting.get(slot(var)?)).collect();
        self.marks.set(marks);
        // A rule makes no mistakes, but for one that was handed in from outside.
        found.iter().flatten().find_map(C::mistake).map_or(Ok(found), Err)
    }
}

/// Notes for each entry of `range` whether it leads to a wanted one.
fn mark<V: Value>(
    marks: &mut Vec<Mark>,
    record: &Record<V>,
    range: &RangeInclusive<usize>,
    wanted: &[Var<'_, V>],
    cut: &[Var<'_, V>],
) {
    let first = *range.start();
    marks.clear();
    marks.resize((range.end() + 1).saturating_sub(first), Mark::blank());
    let inside = |var: &&Var<'_, V>| range.contains(&(var.index as usize));
    for var in wanted.iter().filter(inside) {
        let mark = &mut marks[var.index as usize - first];
        (mark.leads, mark.wanted) = (true, true);
    }
    cut.iter().filter(inside).for_each(|var| marks[var.index as usize - first].cut = true);
    for index in range.clone() {
        let leads = |&x: &u32| x as usize >= first && marks[x as usize - first].leads;
        let goes_on = !marks[index - first].cut && record.operands(index).iter().any(leads);
        marks[index - first].goes_on = goes_on;
        marks[index - first].leads |= goes_on;
    }
}

/// The sweep itself. Falling index: when an entry has its turn, every cotangent for it has arrived.
fn pull_all<V: Value, C: Value<Elem = V::Elem>>(
    record: &Record<V>,
    range: RangeInclusive<usize>,
    marks: &[Mark],
    waiting: &mut Waiting<C>,
    raise: impl for<'a> Fn(&'a V) -> Cow<'a, C>,
    mut seen: Option<impl FnMut(Step<'_, C>)>,
) {
    let first = *range.start();
    for index in range.rev() {
        let mark = &marks[index - first];
        if !mark.goes_on {
            continue;
        }
        let g = match mark.wanted {
            true => waiting.get(&mark.slot),
            false => waiting.take(&mark.slot), // its memory is free as soon as the rules are done
        };
        let Some(g) = g else { continue };
        let Some(op) = record.op(index) else { continue };
        let operands = record.operands(index);
        let operand = |i: usize| (*operands.get(i)? as usize).checked_sub(first).map(|x| &marks[x]);
        let wanted = |i: usize| operand(i).is_some_and(|mark| mark.leads);
        let value = |x: u32| raise(&record.nodes[x as usize].value);
        if seen.is_none() {
            let slot = |i: usize| operand(i).filter(|mark| mark.leads).map(|mark| &mark.slot);
            match (&*op, operands) {
                (Op::Slice(slice), [x]) if slice.step == 1 => {
                    let len = record.nodes[*x as usize].value.shape()[slice.axis];
                    slot(0).into_iter().for_each(|slot| waiting.add_part(slot, *slice, len, g.clone()));
                    continue;
                }
                (Op::Product(product), [a, b, ..]) if !product.transposed[0] && g.shape().rank() == 2 => {
                    let inside = rule::through_activation(&op, &*value(index as u32), &g);
                    let g = inside.as_ref().unwrap_or(&g);
                    if let Some(left) = slot(0) {
                        let cotangent = waiting.times_turned(g, *b, &*value(*b), product.transposed[1]);
                        waiting.add(left, cotangent);
                    }
                    if let Some(right) = slot(1) {
                        waiting.add_product(right, &*value(*a), g, product.transposed[1]);
                    }
                    if let Some(bias) = slot(2) {
                        waiting.add(bias, rule::columns(g));
                    }
                    continue;
                }
                _ => {}
            }
        }
        let mut give = |i: usize, cotangent: C| {
            if let Some(mark) = operand(i) {
                if let Some(seen) = &mut seen {
                    seen(Step { from: index, to: operands[i] as usize, g: &g, cotangent: &cotangent });
                }
                waiting.add(&mark.slot, cotangent);
            }
        };
        let y = raise(&record.nodes[index].value);
        // No list on the heap for the few operands that most operations have.
        match *operands {
            [a] => rule::pull(&op, &[&*value(a)], &y, &g, &wanted, &mut give),
            [a, b] => rule::pull(&op, &[&*value(a), &*value(b)], &y, &g, &wanted, &mut give),
            _ => {
                let xs: Vec<Cow<'_, C>> = operands.iter().map(|&x| value(x)).collect();
                rule::pull(&op, &xs.iter().map(|x| &**x).collect::<Vec<_>>(), &y, &g, &wanted, &mut give);
            }
        }
    }
}

impl<'t, V: Value> Var<'t, V> {
    /// The gradient of this scalar with respect to each of `wanted`; zeros where it does not depend on one.
    ///
    /// # Errors
    /// The first mistake on the tape; the value is not a single number; a variable of another tape.
    #[track_caller]
    pub fn gradients(&self, wanted: &[Var<'t, V>]) -> Result<Vec<V>, Mistake> {
        let value = self.value()?;
        if value.shape() != Shape::SCALAR {
            let why = "a gradient is that of a single number; sum or average first, or pull a cotangent back";
            return Err(Mistake::here(Error::Unfit { op: "gradient", shape: value.shape(), why }));
        }
        self.pull(value.constant(1.0), wanted)
    }

    /// The cotangents of `wanted` for the cotangent `g` of this value; zeros where it does not depend on one.
    ///
    /// # Errors
    /// The first mistake on the tape; `g` has another shape; a variable of another tape.
    #[track_caller]
    pub fn pull(&self, g: V, wanted: &[Var<'t, V>]) -> Result<Vec<V>, Mistake> {
        let found = self.tape.cotangents(&[(*self, g)], wanted, &[])?;
        let zeros = |var: &Var<'t, V>| Ok(var.value()?.constant(0.0));
        wanted.iter().zip(found).map(|(var, found)| found.map_or_else(|| zeros(var), Ok)).collect()
    }

    /// As [`pull`](Var::pull) for K cotangents `g [K, ..]` in one sweep; each result is `[K, ..]`.
    ///
    /// # Errors
    /// The first mistake on the tape; `g` has another shape; a variable of another tape.
    #[track_caller]
    pub fn pull_stacked(&self, g: V, wanted: &[Var<'t, V>]) -> Result<Vec<V>, Mistake> {
        let k = g.shape().first().copied().unwrap_or(0);
        if k == 0 {
            let why = "a stack of no cotangents: at least one is wanted, along a first axis";
            return Err(Mistake::here(Error::Setting { op: "pull_stacked", why }));
        }
        let raise = |v: &V| Stacked::Shared(v.clone());
        let found = self.tape.sweep(&[(*self, Stacked::Each(g))], wanted, &[], raise)?;
        let zeros = |var: &Var<'t, V>| Ok(Stacked::Shared(var.value()?.constant(0.0)));
        let all = wanted.iter().zip(found);
        all.map(|(var, found)| Ok(found.map_or_else(|| zeros(var), Ok)?.each(k))).collect()
    }
}

impl<V: Value> Tape<V> {
    /// For each entry of `upon`, whether any of `results` was computed from it by a way that does not pass through one
    /// of `cut`. This is how shared parameters are told from those of one head: by the program itself.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape.
    #[track_caller]
    pub fn depends(
        &self,
        results: &[Var<'_, V>],
        upon: &[Var<'_, V>],
        cut: &[Var<'_, V>],
    ) -> Result<Vec<bool>, Mistake> {
        self.checked()?;
        if results.iter().chain(upon).chain(cut).any(|var| !var.is_on(self)) {
            return Err(Mistake::here(Error::Setting { op: "depends", why: "a variable of another tape" }));
        }
        let record = self.record.borrow();
        let mut reached = alloc::vec![false; record.nodes.len()];
        let mut closed = reached.clone();
        cut.iter().for_each(|var| closed[var.index as usize] = true);
        results.iter().for_each(|var| reached[var.index as usize] = true);
        for index in (0..reached.len()).rev() {
            if reached[index] && !closed[index] {
                record.operands(index).iter().for_each(|&x| reached[x as usize] = true);
            }
        }
        Ok(upon.iter().map(|var| reached[var.index as usize]).collect())
    }
}
