//! The reverse sweep: a loop from the last entry to the first, the only place where cotangents are added.

use super::{Tape, Var};
use crate::Mistake;
use crate::kinds::Stacked;
use crate::op::Op;
use crate::rule;
use crate::value::{Pointwise, Value};
use alloc::vec::Vec;
use tress_tensor::pointwise::Zip;
use tress_tensor::{Error, Shape};

impl<V: Value> Tape<V> {
    /// Pulls cotangents of `seeds` back to the entries `wanted`.
    ///
    /// The cotangents are of any kind `C` that the recorded values can be raised to: the same kind for one gradient,
    /// [`Stacked`] for K at once. Entries that no wanted one depends on are not visited. A wanted entry that no seed
    /// depends on gets `None`.
    ///
    /// Cotangents arrive at the entries of `cut`, and do not pass through them: to sweep a part of a program, name what
    /// bounds it there and among the wanted ones.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape; a cotangent that is not of the shape of its seed.
    #[track_caller]
    pub fn sweep<C: Value<Elem = V::Elem>>(
        &self,
        seeds: &[(Var<'_, V>, C)],
        wanted: &[Var<'_, V>],
        cut: &[Var<'_, V>],
        raise: impl Fn(&V) -> C,
    ) -> Result<Vec<Option<C>>, Mistake> {
        self.checked()?;
        let record = self.record.borrow();
        let here = |error| Mistake::here(error);
        for var in seeds.iter().map(|(var, _)| var).chain(wanted).chain(cut) {
            if !var.is_on(self) {
                return Err(here(Error::Setting { op: "sweep", why: "a variable of another tape" }));
            }
        }
        for (var, cotangent) in seeds {
            let (left, right) = (record.nodes[var.index as usize].value.shape(), cotangent.shape());
            if left != right {
                let why = "the cotangent must have the shape of the result";
                return Err(here(Error::Mismatch { op: "sweep", left, right, why, lengths: None }));
            }
        }
        let (Some(first), Some(last)) =
            (wanted.iter().map(|var| var.index).min(), seeds.iter().map(|(var, _)| var.index).max())
        else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let (first, last) = (first as usize, last as usize);
        if first > last {
            return Ok(wanted.iter().map(|_| None).collect());
        }

        // Who lies on a way to a wanted entry? Nobody else's cotangent is computed.
        let mut leads = alloc::vec![false; last + 1 - first];
        let mut is_wanted = leads.clone();
        for var in wanted.iter().filter(|var| var.index as usize <= last) {
            leads[var.index as usize - first] = true;
            is_wanted[var.index as usize - first] = true;
        }
        let mut is_cut = alloc::vec![false; last + 1 - first];
        let inside = |var: &&Var<'_, V>| (first..=last).contains(&(var.index as usize));
        cut.iter().filter(inside).for_each(|var| is_cut[var.index as usize - first] = true);
        for index in (first..=last).filter(|index| !is_cut[index - first]) {
            let through =
                record.operands(index).iter().any(|&x| x as usize >= first && leads[x as usize - first]);
            leads[index - first] |= through;
        }

        let mut cotangents: Vec<Option<C>> = (first..=last).map(|_| None).collect();
        for (var, cotangent) in seeds {
            if var.index as usize >= first {
                add(&mut cotangents[var.index as usize - first], cotangent.clone());
            }
        }
        for index in (first..=last).rev() {
            let node = &record.nodes[index];
            let operands = record.operands(index);
            let leads_on = |x: u32| x as usize >= first && leads[x as usize - first];
            let goes_on = !is_cut[index - first] && operands.iter().any(|&x| leads_on(x));
            let Some(op) = node.op.as_ref().filter(|_| goes_on) else { continue };
            let g = match is_wanted[index - first] {
                true => cotangents[index - first].clone(),
                false => cotangents[index - first].take(), // its memory is free as soon as the rules are done
            };
            let Some(g) = g else { continue };
            let y = raise(&node.value);
            let raised: Vec<C> = operands.iter().map(|&x| raise(&record.nodes[x as usize].value)).collect();
            let xs: Vec<&C> = raised.iter().collect();
            let g = rule::through_activation(op, &y, &g).unwrap_or(g);
            for (i, &x) in operands.iter().enumerate() {
                if leads_on(x)
                    && let Some(cotangent) = rule::vjp(op, &xs, &y, &g, i)
                {
                    add(&mut cotangents[x as usize - first], cotangent);
                }
            }
        }
        Ok(wanted.iter().map(|var| cotangents.get(var.index as usize - first).cloned().flatten()).collect())
    }
}

fn add<C: Value>(slot: &mut Option<C>, cotangent: C) {
    *slot = Some(match slot.take() {
        None => cotangent,
        Some(sum) => C::apply(Op::Zip(Zip::Add), &[&sum, &cotangent]),
    });
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
        let found = self.tape.sweep(&[(*self, g)], wanted, &[], V::clone)?;
        wanted.iter().zip(found).map(|(var, found)| Ok(found.unwrap_or(var.value()?.constant(0.0)))).collect()
    }

    /// As [`pull`](Var::pull) for K cotangents `g [K, ..]` in one sweep; each result is `[K, ..]`.
    ///
    /// # Errors
    /// The first mistake on the tape; `g` has another shape; a variable of another tape.
    #[track_caller]
    pub fn pull_stacked(&self, g: V, wanted: &[Var<'t, V>]) -> Result<Vec<V>, Mistake> {
        let k = g.shape().first().copied().unwrap_or(0);
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
