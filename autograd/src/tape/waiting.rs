//! The cotangents that have arrived at entries whose turn has not come: the only place where they are added.
//!
//! Some sums are not taken summand by summand. The transposes of slices of one entry are blocks of zeros with a part in each:
//! they are put together where they do not overlap. And the gradients of one matrix in several products of few rows are one
//! product of all the rows. That is what a program unrolled in time is made of: its steps are slices of one tensor, and use
//! one matrix.

use crate::op::{Op, Product, Slice};
use crate::value::{Arrange, Value};
use alloc::vec::Vec;
use core::cell::Cell;
use tress_tensor::pointwise::Zip;
use tress_tensor::{Element, Tensor};

/// No cotangent has arrived.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Most programs have few cotangents waiting at a time, whatever their length: a place is used again as soon as it is free.
pub(super) struct Waiting<C> {
    places: Vec<Arrived<C>>,
    free: Vec<u32>,
    /// Right operands of several products: their entries, how often they were used, and copies that lie transposed.
    turned: Vec<(u32, u32, Option<C>)>,
}

/// What has arrived at one entry: all that is here is to be added.
struct Arrived<C> {
    sum: Option<C>,
    /// Cotangents of slices along one axis, of the length given.
    parts: Vec<(Slice, C)>,
    length: usize,
    /// `(a, b)` for `a^T b`, and how many such products there were.
    products: Vec<[C; 2]>,
    seen: u32,
}

impl<C> Arrived<C> {
    fn nothing() -> Self {
        Self { sum: None, parts: Vec::new(), length: 0, products: Vec::new(), seen: 0 }
    }
}

impl<C: Value> Waiting<C> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), turned: Vec::new() }
    }

    fn at(&mut self, slot: &Cell<u32>) -> &mut Arrived<C> {
        if slot.get() == NOWHERE {
            slot.set(self.free.pop().unwrap_or_else(|| {
                self.places.push(Arrived::nothing());
                self.places.len() as u32 - 1
            }));
        }
        &mut self.places[slot.get() as usize]
    }

    /// A cotangent of the whole entry.
    pub(super) fn add(&mut self, slot: &Cell<u32>, cotangent: C) {
        self.at(slot).add(cotangent);
    }

    /// A cotangent `g` of a slice of the entry, whose axis has length `length`.
    pub(super) fn add_part(&mut self, slot: &Cell<u32>, slice: Slice, length: usize, g: C) {
        let place = self.at(slot);
        if place.parts.first().is_some_and(|(other, _)| other.axis != slice.axis) {
            place.join();
        }
        place.length = length;
        place.parts.push((slice, g));
    }

    /// The cotangent of the right operand of a product `a b`, or `a b^T` where it is `transposed`, from the cotangent `g` of
    /// the product.
    pub(super) fn add_product(&mut self, slot: &Cell<u32>, a: &C, g: &C, transposed: bool) {
        let [left, right] = if transposed { [g, a] } else { [a, g] };
        let place = self.at(slot);
        place.seen += 1;
        // The first is taken at once, as nobody knows of another. Later ones wait if copying their operands takes less
        // time than adding one more matrix to the sum.
        let (rows, [m, n]) = (left.shape()[0], [left.shape()[1], right.shape()[1]]);
        if place.seen > 1 && rows.saturating_mul(m + n) < m.saturating_mul(n) {
            place.products.push([left.clone(), right.clone()]);
        } else {
            place.add(times([true, false], left, right));
        }
    }

    /// The cotangent `g b^T` of the left operand of a product with `b`, or `g b` where `b` is `transposed`. Products read a
    /// transposed operand slower, so from the third with the same `b` on they are given a copy of it that is not.
    pub(super) fn times_turned(&mut self, g: &C, entry: u32, b: &C, transposed: bool) -> C {
        if transposed {
            return times([false, false], g, b);
        }
        let place = match self.turned.iter().rposition(|&(other, ..)| other == entry) {
            Some(place) => place,
            None => {
                self.turned.push((entry, 0, None));
                self.turned.len() - 1
            }
        };
        let (_, uses, copy) = &mut self.turned[place];
        *uses += 1;
        if *uses < 3 {
            return times([false, true], g, b);
        }
        let copy = copy.get_or_insert_with(|| {
            C::apply(Op::Concat(0), &[&b.permute(&[1, 0])]) // which, of one operand, is a copy
        });
        times([false, false], g, copy)
    }

    /// The sum of all that has arrived, which stays.
    pub(super) fn get(&mut self, slot: &Cell<u32>) -> Option<C> {
        let place = self.places.get_mut(slot.get() as usize)?;
        place.settle();
        place.sum.clone()
    }

    /// The sum of all that has arrived, which goes.
    pub(super) fn take(&mut self, slot: &Cell<u32>) -> Option<C> {
        let index = slot.replace(NOWHERE);
        let place = self.places.get_mut(index as usize)?;
        place.settle();
        self.free.push(index);
        place.seen = 0;
        place.sum.take()
    }
}

impl<C: Value> Arrived<C> {
    fn add(&mut self, cotangent: C) {
        match &mut self.sum {
            Some(sum) => *sum = C::apply(Op::Zip(Zip::Add), &[sum, &cotangent]),
            nothing => *nothing = Some(cotangent),
        }
    }

    fn settle(&mut self) {
        if !self.parts.is_empty() {
            self.join();
        }
        if !self.products.is_empty() {
            self.multiply();
        }
    }

    /// Adds all parts: as many as lie side by side in one block.
    fn join(&mut self) {
        let mut parts = core::mem::take(&mut self.parts);
        in_order(&mut parts);
        while !parts.is_empty() {
            let (mut side_by_side, mut others) = (Vec::with_capacity(parts.len()), Vec::new());
            let mut end = 0;
            for (slice, g) in parts.drain(..) {
                if slice.start < end {
                    others.push((slice, g));
                } else {
                    end = slice.end;
                    side_by_side.push((slice, g));
                }
            }
            let whole = block(&side_by_side, self.length);
            self.add(whole);
            parts = others;
        }
        parts.clear();
        self.parts = parts;
    }

    /// Adds all products as one: rows of the operands one behind the other are the same sums.
    fn multiply(&mut self) {
        let joined = |i: usize| {
            let rows: Vec<&C> = self.products.iter().map(|pair| &pair[i]).collect();
            match rows[..] {
                [one] => one.clone(),
                _ => C::apply(Op::Concat(0), &rows),
            }
        };
        let sum = times([true, false], &joined(0), &joined(1));
        self.products.clear();
        self.add(sum);
    }
}

/// Puts parts in the order of their places, equal ones in that of their arrival.
fn in_order<C>(parts: &mut [(Slice, C)]) {
    if cfg!(all(not(feature = "std"), target_os = "none", target_pointer_width = "32")) {
        return insert(parts);
    }
    parts.sort_by_key(|(slice, _)| slice.start);
}

/// As [`in_order`], one after the other: for microcontrollers, where parts are few, and sorting takes 4 KB of flash.
fn insert<C>(parts: &mut [(Slice, C)]) {
    for i in 1..parts.len() {
        let mut at = i;
        while at > 0 && parts[at - 1].0.start > parts[at].0.start {
            parts.swap(at - 1, at);
            at -= 1;
        }
    }
}

fn times<C: Value>(transposed: [bool; 2], a: &C, b: &C) -> C {
    C::apply(Op::Product(Product { transposed, ..Product::default() }), &[a, b])
}

/// Parts of an axis of length `length` that do not overlap, in rising order, and zeros between.
fn block<C: Value>(parts: &[(Slice, C)], length: usize) -> C {
    match parts {
        [(slice, g)] if g.shape()[slice.axis] == length => return g.clone(),
        [(slice, g)] => return C::apply(Op::Unslice(*slice, length), &[g]),
        _ => {}
    }
    let (first, axis) = (&parts[0].1, parts[0].0.axis);
    let mut all: Vec<C> = Vec::with_capacity(2 * parts.len() + 1);
    let mut end = 0;
    let zero = <C::Elem as Element>::from_f64(0.0);
    let zeros_to = |start: usize, end: usize, all: &mut Vec<C>| {
        if start > end {
            let zeros = first.shape().with(axis, start - end).and_then(|shape| Tensor::full(shape, zero));
            all.push(zeros.map_or_else(|error| first.fail(error), |zeros| first.lift(zeros)));
        }
    };
    for (slice, g) in parts {
        zeros_to(slice.start, end, &mut all);
        all.push(g.clone());
        end = slice.end;
    }
    zeros_to(length, end, &mut all);
    C::apply(Op::Concat(axis), &all.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways to sort keep parts of one place in the order of their arrival.
    #[test]
    fn parts_inserted_are_in_the_order_of_parts_sorted() {
        for count in 0..40 {
            let part = |i: usize| (Slice { axis: 0, start: i * 7 % 11, end: 20, step: 1 }, i);
            let (mut inserted, mut sorted): (Vec<_>, Vec<_>) =
                ((0..count).map(part).collect(), (0..count).map(part).collect());
            insert(&mut inserted);
            sorted.sort_by_key(|(slice, _)| slice.start);
            assert!(inserted.iter().map(|part| part.1).eq(sorted.iter().map(|part| part.1)), "{count} parts");
        }
    }
}
