//! Constants of a program: the same for any number of samples, and perhaps for fewer steps the first of those for more.

use super::fault;
use super::ops::Writing;
use super::program::Step;
use super::proto::{self, Attribute::Int};
use super::writer::Item;
use crate::Error;
use crate::model::{Extent, Sizes};
use alloc::string::String;
use alloc::vec::Vec;
use core::panic::Location;
use tress_autograd::op::Op;
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Shape, Tensor};

impl<T: Float> Writing<'_, T> {
    /// A constant: along axes where it is the same it is kept once. So it may have been made for any number of samples.
    pub(super) fn constant(
        &mut self,
        constants: &[Tensor<T>],
        step: &Step<T>,
        place: &'static Location<'static>,
    ) -> Result<Item, Error> {
        let mut all = constants.iter().map(|constant| folded(constant, |_| true));
        let Some(kept) = all.next() else { return Err(fault("constant", "it has no numbers", place)) };
        let mut sizes = step.sizes;
        for axis in 0..kept.rank() {
            if kept.shape()[axis] == 1 {
                sizes = sizes.with(axis, 1);
            }
        }
        if all.any(|other| other != kept) {
            if let Some(item) = self.beginning(constants, step) {
                return Ok(item);
            }
            let why = "its numbers depend on the number of samples or steps; make them an input (a mask: `attend_where`, \
                       `run_where`), or export with `fixed_batch` or `fixed_length`";
            return Err(fault("constant", why, place));
        }
        Ok(Item { name: self.writer.tensor(&kept), sizes })
    }

    /// A constant whose numbers for fewer steps are the first ones of those for the most, such as a table of positions: that is
    /// kept, and cut where the graph knows how many steps there are.
    fn beginning(&mut self, constants: &[Tensor<T>], step: &Step<T>) -> Option<Item> {
        let is_steps = |axis: usize| step.sizes.extent(axis) == Extent::STEPS;
        let whole = folded(constants.first()?, |axis| !is_steps(axis));
        let along: Vec<usize> = (0..whole.rank()).filter(|&axis| is_steps(axis)).collect();
        let most = self.points.first()?.1;
        // It stands in the file for as many steps as were declared, and says nothing of more.
        for (constant, (_, steps)) in
            constants.iter().zip(&self.points).filter(|(_, (_, steps))| *steps <= most)
        {
            let mut part = whole.clone();
            for &axis in &along {
                part = part.slice(axis, 0, *steps, 1).ok()?;
            }
            if along.is_empty() || folded(constant, |axis| !is_steps(axis)) != part {
                return None;
            }
        }
        let mut sizes = step.sizes;
        for axis in (0..whole.rank()).filter(|&axis| !is_steps(axis) && whole.shape()[axis] == 1) {
            sizes = sizes.with(axis, 1);
        }
        let w = &mut *self.writer;
        let (table, axes) = (w.tensor(&whole), along.iter().map(|&axis| axis as i64).collect::<Vec<_>>());
        let (starts, ends) =
            (w.list(&alloc::vec![0; along.len()]), w.lengths(&alloc::vec![Extent::STEPS; along.len()]));
        let axes = w.list(&axes);
        Some(Item { name: w.node("Slice", &[&table, &starts, &ends, &axes], &[]), sizes })
    }

    /// `x` over a length that depends on the number of steps, if that is what the operations have in common: a mean.
    pub(super) fn over_steps(&mut self, ops: &[Op], x: &Item) -> Option<String> {
        let mut counts = Vec::with_capacity(ops.len());
        for op in ops {
            let Op::Map(Map::Scale(scale)) = op else { return None };
            let count = libm::round(1.0 / scale);
            if !(1.0..1e9).contains(&count) || (count * scale - 1.0).abs() > 1e-12 {
                return None;
            }
            counts.push(Shape::new(&[count as usize]).ok()?);
        }
        let count = Sizes::seen_at(&self.points, &counts)?.extent(0);
        let w = &mut *self.writer;
        let count = w.lengths(&[count]);
        let count = w.node("Cast", &[&count], &[("to", Int(proto::FLOAT))]);
        (x.sizes.rank() > 0).then(|| w.node("Div", &[&x.name, &count], &[]))
    }
}

/// A constant, cut to length 1 along each axis where it is the same, of those that may be cut.
fn folded<T: Float>(x: &Tensor<T>, may: impl Fn(usize) -> bool) -> Tensor<T> {
    let mut kept = x.clone();
    for axis in 0..x.rank() {
        let length = kept.shape()[axis];
        if length < 2 || !may(axis) {
            continue;
        }
        let Ok(first) = kept.slice(axis, 0, 1, 1) else { continue };
        let same = kept.layout().strides()[axis] == 0
            || (1..length).all(|i| kept.slice(axis, i, i + 1, 1).is_ok_and(|other| other == first));
        if same {
            kept = first;
        }
    }
    kept
}
