//! What is wired so far: every value is checked when it is wired, and the first mistake is kept.

use super::flaw::{Cause, Flaw, Named};
use super::sizes::PROBES;
use super::unit::{Unit, Work};
use super::{Joint, Part, Sizes};
use crate::{Error, Params, Scope};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::panic::Location;
use tress_autograd::{Mistake, Outline};
use tress_tensor::{Float, Shape};

pub(super) type Place = &'static Location<'static>;

/// The index of what stands for a mistake.
pub(super) const NOWHERE: usize = usize::MAX;

#[derive(Default)]
pub(super) struct State {
    pub(super) joints: Vec<Joint>,
    pub(super) units: Vec<Unit>,
    pub(super) flaw: Option<Flaw>,
}

/// A wiring without the lifetime of its parameters.
pub(super) trait Board<T: Float> {
    fn state(&self) -> &RefCell<State>;
    /// Runs `f` with the parameters; not if they are in use.
    fn with(&self, f: &mut dyn FnMut(&mut Params<T>));
}

impl State {
    fn is_taken(&self, name: &str) -> bool {
        self.joints.iter().any(|joint| joint.name == name) || self.units.iter().any(|unit| unit.name == name)
    }

    fn check_name(&self, what: &'static str, name: &str) -> Result<(), Cause> {
        let name = String::from(name);
        match name.split('.').any(str::is_empty) {
            true => Err(Cause::Name { what, name }),
            false if self.is_taken(&name) => Err(Cause::Twice { what, name }),
            false => Ok(()),
        }
    }

    /// `name`, or with a number behind it that makes it a new one.
    fn fresh(&self, name: &str) -> String {
        let numbered = |i: usize| if i == 1 { String::from(name) } else { format!("{name}_{i}") };
        // One of more names than there are is free.
        (1..).map(numbered).find(|name| !self.is_taken(name)).unwrap_or_default()
    }

    pub(super) fn named(&self, index: usize) -> Named {
        (self.joints[index].name.clone(), self.joints[index].sizes)
    }

    fn push(&mut self, name: String, part: Part, from: Vec<usize>, sizes: Sizes) -> usize {
        self.joints.push(Joint { name, part, from, sizes, any_length: false });
        self.joints.len() - 1
    }
}

impl<T: Float> dyn Board<T> + '_ {
    /// Keeps the first mistake.
    pub(super) fn fail(&self, cause: Cause, place: Place) -> usize {
        self.state().borrow_mut().flaw.get_or_insert(Flaw { cause, place });
        NOWHERE
    }

    fn settle(&self, found: Result<usize, Cause>, place: Place) -> usize {
        found.unwrap_or_else(|cause| self.fail(cause, place))
    }

    fn has_failed(&self) -> bool {
        self.state().borrow().flaw.is_some()
    }

    /// An input of samples of one shape.
    pub(super) fn input(
        &self,
        name: &str,
        sample: Result<Shape, tress_tensor::Error>,
        place: Place,
    ) -> usize {
        let found = (|| {
            let mut state = self.state().borrow_mut();
            state.check_name("input", name)?;
            let sizes = sample.and_then(|sample| Sizes::of_samples(&sample));
            let sizes = sizes.map_err(|error| declaration(name, error.into()))?;
            Ok(state.push(name.to_string(), Part::Input, Vec::new(), sizes))
        })();
        self.settle(found, place)
    }

    /// An input of whole numbers below `rows`.
    pub(super) fn index(
        &self,
        name: &str,
        sample: Result<Shape, tress_tensor::Error>,
        rows: usize,
        place: Place,
    ) -> usize {
        let index = self.input(name, sample, place);
        if let Some(joint) = self.state().borrow_mut().joints.get_mut(index) {
            joint.part = Part::Index(rows);
        }
        index
    }

    /// Lets axis 1 of an input have any length.
    pub(super) fn any_length(&self, index: usize, place: Place) -> usize {
        if self.has_failed() || index == NOWHERE {
            return NOWHERE;
        }
        let found = {
            let mut state = self.state().borrow_mut();
            let named = state.named(index);
            let joint = &mut state.joints[index];
            match joint.part.is_input() && joint.sizes.rank() > 1 {
                true => {
                    joint.any_length = true;
                    Ok(index)
                }
                false => Err(Cause::NoSteps { value: named }),
            }
        };
        self.settle(found, place)
    }

    /// A new unit, with parameters in the scope of its name.
    pub(super) fn declare(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<Work, Error>,
        place: Place,
    ) -> usize {
        if self.has_failed() {
            return NOWHERE;
        }
        let checked = self.state().borrow().check_name("layer", name);
        if let Err(cause) = checked {
            return self.fail(cause, place);
        }
        let (mut declare, mut declared) = (Some(declare), None);
        self.with(&mut |params| {
            let before = params.entries().len();
            let work = declare.take().map(|declare| declare(&mut params.scope(name)));
            declared = work.map(|work| (work, before..params.entries().len()));
        });
        match declared {
            None => self.fail(Cause::Nested, place),
            Some((Err(error), _)) => self.fail(declaration(name, error), place),
            Some((Ok(work), entries)) => {
                let mut state = self.state().borrow_mut();
                state.units.push(Unit { name: String::from(name), work, entries });
                state.units.len() - 1
            }
        }
    }

    /// A unit that is named after what it is.
    pub(super) fn nameless(&self, work: Work) -> usize {
        let mut state = self.state().borrow_mut();
        let name = state.fresh(&snake(&work.kind()));
        state.units.push(Unit { name, work, entries: 0..0 });
        state.units.len() - 1
    }

    /// What a unit makes of values.
    pub(super) fn pass(&self, unit: usize, from: Result<Vec<usize>, Cause>, place: Place) -> usize {
        if self.has_failed() || unit == NOWHERE {
            return NOWHERE;
        }
        let found = from.and_then(|from| {
            let mut sizes = None;
            self.with(&mut |params| sizes = Some(self.look(params, unit, &from)));
            let sizes = sizes.unwrap_or(Err(Cause::Nested))?;
            let mut state = self.state().borrow_mut();
            let (name, uses) = {
                let uses = |joint: &&Joint| matches!(joint.part, Part::Unit(other) if other == unit);
                (&state.units[unit].name, state.joints.iter().filter(uses).count())
            };
            let name = if uses == 0 { name.clone() } else { format!("{name} ({})", uses + 1) };
            Ok(state.push(name, Part::Unit(unit), from, sizes))
        });
        self.settle(found, place)
    }

    /// The shape of the result of a unit, from batches of three sizes.
    fn look(&self, params: &Params<T>, unit: usize, from: &[usize]) -> Result<Sizes, Cause> {
        let state = self.state().borrow();
        let Unit { name, work, .. } = &state.units[unit];
        for &x in from {
            let wrong = |why| Err(Cause::Index { layer: name.clone(), input: state.named(x), why });
            match (work, state.joints[x].part) {
                (Work::Table(table), Part::Index(rows)) => {
                    if table.weight().shape()[0] < rows {
                        return wrong(
                            "the table has fewer rows than the index counts things; make it as long",
                        );
                    }
                    return Sizes::of_rows(&state.joints[x].sizes, table.weight().shape()[1])
                        .map_err(|error| declaration(name, error.into()));
                }
                (Work::Table(_), _) => {
                    return wrong("only an index can be looked up; declare the input by `Wiring::index`");
                }
                (_, Part::Index(_)) => return wrong(NO_VALUE),
                _ => {}
            }
        }
        let bound = params.outline();
        let mut shapes = [Shape::SCALAR; 3];
        for (shape, &batch) in shapes.iter_mut().zip(&PROBES) {
            let mut xs = Vec::with_capacity(from.len());
            for &x in from {
                let shape = state.joints[x].sizes.at(batch);
                xs.push(Outline::<T>::new(shape.map_err(|error| declaration(name, error.into()))?));
            }
            let y = work.apply(&bound, &xs.iter().collect::<Vec<_>>());
            *shape = y.inferred().map_err(|mistake| {
                let (kind, ranks) = (work.kind(), xs.iter().map(|x| tress_autograd::Value::shape(x).rank()));
                let advice = advice(&kind, ranks.max().unwrap_or(0), &mistake);
                let inputs = from.iter().map(|&x| state.named(x)).collect();
                let line = matches!(work, Work::Traced(..)).then_some(mistake.place);
                Cause::Layer { layer: name.clone(), kind, inputs, error: mistake.error, line, advice }
            })?;
        }
        Sizes::seen(&shapes).ok_or_else(|| Cause::Batch { layer: name.clone(), shapes })
    }

    /// Several values as one; without a name, it is named after what it does.
    pub(super) fn merge(
        &self,
        name: Option<&str>,
        part: Part,
        from: Result<Vec<usize>, Cause>,
        place: Place,
    ) -> usize {
        if self.has_failed() {
            return NOWHERE;
        }
        let found = from.and_then(|from| {
            let mut state = self.state().borrow_mut();
            let name = match name {
                Some(name) => state.check_name("layer", name).map(|()| String::from(name))?,
                None => state.fresh(part.kind()),
            };
            let sizes = merged(&state, &name, &part, &from)?;
            Ok(state.push(name, part, from, sizes))
        });
        self.settle(found, place)
    }
}

const NO_VALUE: &str = "it is an index, and no number that a layer could compute with; look it up in a table first, \
                        by `look_up` with an `Embedding`";

/// The shape of several values as one.
fn merged(state: &State, name: &str, part: &Part, from: &[usize]) -> Result<Sizes, Cause> {
    let first = &state.joints[from[0]].sizes;
    for &other in from {
        let sizes = &state.joints[other].sizes;
        let (left, right) = (state.named(from[0]), state.named(other));
        match *part {
            _ if matches!(state.joints[other].part, Part::Index(_)) => {
                return Err(Cause::Index { layer: String::from(name), input: right, why: NO_VALUE });
            }
            Part::Concat(axis) if axis == 0 || axis >= first.rank() || !first.agree_but(sizes, axis) => {
                return Err(Cause::Concat { layer: String::from(name), axis, left, right });
            }
            Part::Fold(_) | Part::Average if !first.broadcasts(sizes) => {
                return Err(Cause::Merge { layer: String::from(name), kind: part.kind(), left, right });
            }
            _ => {}
        }
    }
    let mut shapes = [Shape::SCALAR; 3];
    for (shape, &batch) in shapes.iter_mut().zip(&PROBES) {
        let shapes = from.iter().map(|&x| state.joints[x].sizes.at(batch)).collect::<Result<Vec<_>, _>>();
        let xs: Vec<Outline> =
            shapes.map_err(|error| declaration(name, error.into()))?.into_iter().map(Outline::new).collect();
        let y = part.merge(&xs.iter().collect::<Vec<_>>());
        *shape = y.inferred().map_err(|mistake| declaration(name, mistake.into()))?;
    }
    Sizes::seen(&shapes).ok_or_else(|| Cause::Batch { layer: String::from(name), shapes })
}

fn declaration(layer: &str, error: Error) -> Cause {
    Cause::Declaration { layer: String::from(layer), error: error.into() }
}

/// What to do about a layer that cannot take what it is given, by what it is and how many axes that has.
fn advice(kind: &str, rank: usize, mistake: &Mistake) -> &'static str {
    let images =
        matches!(mistake.error, tress_tensor::Error::Unfit { why, .. } if why.contains("N, C, H, W"));
    match (kind, rank) {
        ("Dense", 3..) => {
            "it multiplies the last axis with its weights: put `Flatten` or a global pool before it, or declare it \
             for as many inputs as the last axis is long"
        }
        ("Dense", _) => "declare it for as many inputs as the last axis is long",
        _ if images => "it takes images, [N, channels, height, width]: wire it before `Flatten`, or reshape",
        _ => {
            "declare the layer for this shape, or put one before it that brings the value to the shape it takes"
        }
    }
}

/// `MaxPool2d` as `max_pool2d`.
fn snake(kind: &str) -> String {
    let mut name = String::new();
    for (i, c) in kind.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}
