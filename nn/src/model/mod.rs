//! Models with named inputs and outputs, wired from layers and checked before any work.
//!
//! A [`Wiring`] is where values are named and layers are put between them; [`Model::new`] takes what lies between inputs
//! and outputs. The axis of the batch is open; the other lengths are as declared, but for sequences of [any
//! length](Node::any_length). Of those that are padded, an input says [what counts](Join). What runs the model is chosen where its parameters are bound, as for
//! every [`Layer`].
//!
//! ```
//! use tress_autograd::Eager;
//! use tress_nn::model::{Model, Wiring};
//! use tress_nn::{Conv2d, Dense, Flatten, MaxPool2d, Params};
//! use tress_tensor::{Tensor, pointwise::Map};
//!
//! let mut params = Params::<f32>::new(1);
//! let wiring = Wiring::new(&mut params);
//! let image = wiring.input("image", [1, 8, 8]);
//! let facts = wiring.input("facts", [5]);
//! let seen = image
//!     .layer("conv", |scope| Ok(Conv2d::new(scope, 1, 4, [3, 3])?.activation(Map::Relu)))
//!     .apply(MaxPool2d::new([2, 2]))
//!     .apply(Flatten);
//! let told = facts.layer("told", |scope| Dense::new(scope, 5, 12));
//! let both = wiring.concat("both", &[seen, told]);
//! let class = both.layer("class", |scope| Dense::new(scope, both.width(), 10));
//! let size = both.layer("size", |scope| Dense::new(scope, both.width(), 1));
//! let model = Model::new(&[image, facts], &[("class", class), ("size", size)])?;
//!
//! let x = [Eager::new(Tensor::zeros([7, 1, 8, 8])?), Eager::new(Tensor::zeros([7, 5])?)];
//! let found = model.run(&params.eager(), &[("image", &x[0]), ("facts", &x[1])])?;
//! assert_eq!(**found["class"].tensor()?.shape(), [7, 10]);
//! println!("{}", model.summary(&params)?);
//! # Ok::<(), tress_nn::Error>(())
//! ```
//!
//! Inputs of unlike shapes cannot be put side by side, and the error says what to do about it:
//!
//! ```
//! # use tress_nn::model::{Model, Wiring};
//! # use tress_nn::Params;
//! let mut params = Params::<f32>::new(1);
//! let wiring = Wiring::new(&mut params);
//! let (image, facts) = (wiring.input("image", [1, 8, 8]), wiring.input("facts", [5]));
//! let both = wiring.concat("both", &[image, facts]);
//! let error = Model::new(&[image, facts], &[("both", both)]).unwrap_err().to_string();
//! assert!(error.starts_with(
//!     "layer `both` (concat) cannot put `image` [N, 1, 8, 8] and `facts` [N, 5] side by side"
//! ));
//! assert!(error.contains("give each input layers of its own"));
//! ```

mod board;
mod cost;
mod drawing;
mod flaw;
mod joins;
mod layout;
mod length;
mod outputs;
mod sizes;
mod summary;
mod svg;
mod unit;
mod wiring;

pub use cost::multiply_adds;
pub use drawing::Drawing;
pub use flaw::{Cause, Flaw};
pub use outputs::Outputs;
pub use sizes::Sizes;
pub(crate) use sizes::{Extent, PROBES, Point, SAMPLES};
pub use summary::{Row, Summary};
pub use unit::{Join, Wire};
pub use wiring::{Node, Shared, Wiring};

use crate::layer::Layer;
use crate::{Bound, Error};
use alloc::string::String;
use alloc::vec::Vec;
use core::panic::Location;
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::Float;
use tress_tensor::pointwise::Zip;
use unit::{Unit, Work};

/// Named inputs, layers between them, and named outputs.
///
/// Plain data, as layers are: it holds handles and no numbers, and runs on every kind of value.
#[derive(Clone, Debug)]
pub struct Model {
    /// Each one behind those that it is made from.
    joints: Vec<Joint>,
    units: Vec<Unit>,
    inputs: Vec<usize>,
    outputs: Vec<(String, usize)>,
}

/// A value of a model, and where it comes from.
#[derive(Clone, Debug)]
struct Joint {
    name: String,
    part: Part,
    from: Vec<usize>,
    sizes: Sizes,
    /// Whether axis 1 may have another length than `sizes` says.
    any_length: bool,
}

/// What gives a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Input,
    /// An input of whole numbers below this one.
    Index(usize),
    /// A layer, by its number.
    Unit(usize),
    Concat(usize),
    Fold(Zip),
    Average,
}

impl Part {
    fn kind(&self) -> &'static str {
        match self {
            Part::Input => "input",
            Part::Index(_) => "index",
            Part::Unit(_) => "layer",
            Part::Concat(_) => "concat",
            Part::Fold(Zip::Add) => "add",
            Part::Fold(Zip::Sub) => "subtract",
            Part::Fold(Zip::Mul) => "multiply",
            Part::Fold(Zip::Max) => "maximum",
            Part::Fold(Zip::Min) => "minimum",
            Part::Fold(zip) => zip.name(),
            Part::Average => "average",
        }
    }

    fn is_input(&self) -> bool {
        matches!(self, Part::Input | Part::Index(_))
    }

    /// Several values as one.
    #[track_caller]
    fn merge<V: Value>(&self, xs: &[&V]) -> V {
        let mut y = xs[0].clone();
        let zip = match *self {
            Part::Concat(axis) => return y.concat(axis, &xs[1..]),
            Part::Fold(zip) => zip,
            _ => Zip::Add,
        };
        for x in &xs[1..] {
            y = y.zip(zip, *x);
        }
        if *self == Part::Average { y.scale(1.0 / xs.len() as f64) } else { y }
    }
}

impl Model {
    /// The part of a wiring that lies between inputs and outputs. Several models may be taken from one wiring, such as a
    /// trunk and all of it with a head.
    ///
    /// # Errors
    /// The first mistake of the wiring, with the name of its layer, the shapes and what to do; no input or no output; an
    /// input that comes out of a layer, or that no output depends on; an output that needs an input which is not listed;
    /// a name that is used twice; a layer that sequences of [any length](Node::any_length) do not fit.
    #[track_caller]
    pub fn new<'w, T: Float>(inputs: &[Node<'w, T>], outputs: &[(&str, Node<'w, T>)]) -> Result<Self, Error> {
        let place = Location::caller();
        let wrong = |cause| Err(Error::from(Flaw { cause, place }));
        let all: Vec<Node<'w, T>> =
            inputs.iter().copied().chain(outputs.iter().map(|(_, node)| *node)).collect();
        if inputs.is_empty() || outputs.is_empty() {
            let flaw = all.first().and_then(|node| node.board.state().borrow().flaw.clone());
            let of = if inputs.is_empty() { "inputs of a model" } else { "outputs of a model" };
            return flaw.map_or_else(|| wrong(Cause::Empty { of }), |flaw| Err(flaw.into()));
        }
        let board = all[0].board;
        let state = board.state().borrow();
        if let Some(flaw) = &state.flaw {
            return Err(flaw.clone().into());
        }
        if let Err(cause) = wiring::indices(board, &all) {
            return wrong(cause);
        }
        for (i, (name, _)) in outputs.iter().enumerate() {
            if outputs[..i].iter().any(|(other, _)| other == name) {
                return wrong(Cause::Twice { what: "output", name: String::from(*name) });
            }
        }
        for (i, input) in inputs.iter().enumerate() {
            let Joint { name, part, .. } = &state.joints[input.index];
            if !part.is_input() {
                return wrong(Cause::NoInput { layer: name.clone() });
            }
            if inputs[..i].iter().any(|other| other.index == input.index) {
                return wrong(Cause::Twice { what: "input", name: name.clone() });
            }
        }
        let mut needed = alloc::vec![false; state.joints.len()];
        for (output, node) in outputs {
            if matches!(state.joints[node.index].part, Part::Index(_)) {
                let (layer, input) = (String::from(*output), state.named(node.index));
                return wrong(Cause::Index {
                    layer,
                    input,
                    why: "an output is a value, and this is an index",
                });
            }
            let leads = leading_to(&state.joints, node.index);
            let missing = |&i: &usize| {
                leads[i] && state.joints[i].part.is_input() && inputs.iter().all(|input| input.index != i)
            };
            if let Some(input) = (0..leads.len()).find(missing) {
                let (output, input) = (String::from(*output), state.joints[input].name.clone());
                return wrong(Cause::Missing { output, input });
            }
            needed.iter_mut().zip(leads).for_each(|(needed, leads)| *needed |= leads);
        }
        if let Some(input) = inputs.iter().find(|input| !needed[input.index]) {
            return wrong(Cause::Unused { input: state.joints[input.index].name.clone() });
        }
        let model = Self::part_of(&state.joints, &state.units, &needed, inputs, outputs);
        // Not run where another layer is being declared: then nothing was wired.
        let mut checked = Ok(());
        board.with(&mut |params| checked = model.check_length(params));
        match checked {
            Ok(()) => Ok(model),
            Err(cause) => wrong(cause),
        }
    }

    fn part_of<T: Float>(
        joints: &[Joint],
        units: &[Unit],
        needed: &[bool],
        inputs: &[Node<'_, T>],
        outputs: &[(&str, Node<'_, T>)],
    ) -> Self {
        // The new number of each joint and of each unit that stays.
        let mut numbers = alloc::vec![0; joints.len()];
        let mut unit_numbers: Vec<Option<usize>> = alloc::vec![None; units.len()];
        let (mut kept, mut kept_units): (Vec<Joint>, Vec<Unit>) = (Vec::new(), Vec::new());
        for (i, joint) in joints.iter().enumerate().filter(|(i, _)| needed[*i]) {
            numbers[i] = kept.len();
            let part = match joint.part {
                Part::Unit(unit) => Part::Unit(*unit_numbers[unit].get_or_insert_with(|| {
                    kept_units.push(units[unit].clone());
                    kept_units.len() - 1
                })),
                other => other,
            };
            let from = joint.from.iter().map(|&x| numbers[x]).collect();
            let (sizes, any_length) = (joint.sizes, joint.any_length);
            kept.push(Joint { name: joint.name.clone(), part, from, sizes, any_length });
        }
        Self {
            joints: kept,
            units: kept_units,
            inputs: inputs.iter().map(|input| numbers[input.index]).collect(),
            outputs: outputs.iter().map(|(name, node)| (String::from(*name), numbers[node.index])).collect(),
        }
    }

    /// The inputs: names and shapes.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, Sizes)> {
        self.inputs.iter().map(|&i| (self.joints[i].name.as_str(), self.joints[i].sizes))
    }

    /// The length that the inputs of sequences of any length were declared with, if they agree in it.
    pub(crate) fn open_length(&self) -> Option<Result<usize, ()>> {
        let open = self.inputs.iter().map(|&i| &self.joints[i]).filter(|joint| joint.any_length);
        let mut lengths = open.filter_map(|joint| joint.sizes.len(1));
        let first = lengths.next()?;
        Some(if lengths.all(|other| other == first) { Ok(first) } else { Err(()) })
    }

    /// For each input, whether its sequences may have any length.
    pub(crate) fn opens(&self) -> impl ExactSizeIterator<Item = bool> {
        self.inputs.iter().map(|&i| self.joints[i].any_length)
    }

    /// For each input, below which number it counts if it is an index.
    pub(crate) fn counts(&self) -> impl ExactSizeIterator<Item = Option<usize>> {
        self.inputs.iter().map(|&i| match self.joints[i].part {
            Part::Index(rows) => Some(rows),
            _ => None,
        })
    }

    /// The outputs: names and shapes.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = (&str, Sizes)> {
        self.outputs.iter().map(|(name, i)| (name.as_str(), self.joints[*i].sizes))
    }

    /// The outputs for a value of each input, by name and in any order. A value of the model that nothing needs any more
    /// is let go of, so that an eager run holds a few at a time.
    ///
    /// # Errors
    /// A name that no input has, one that is given twice or not at all, a value of another shape, or inputs of different
    /// numbers of samples. What a layer gets wrong is a mistake in the outputs.
    #[track_caller]
    pub fn run<V: Value>(&self, bound: &Bound<V>, given: &[(&str, &V)]) -> Result<Outputs<V>, Error> {
        self.run_with(bound, given, &[])
    }

    /// As [`run`](Model::run), with an index for each input that is one.
    ///
    /// # Errors
    /// As there, or an index that holds a number which its input does not count.
    #[track_caller]
    pub fn run_with<V: Value>(
        &self,
        bound: &Bound<V>,
        given: &[(&str, &V)],
        indices: &[(&str, &Index)],
    ) -> Result<Outputs<V>, Error> {
        let values = self.sorted(given, indices)?;
        let mut found = self.evaluate(bound, &values)?.into_iter();
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for (name, _) in &self.outputs {
            outputs.extend(found.next().map(|value| (name.clone(), value))); // as many as there are names
        }
        Ok(Outputs::new(outputs))
    }

    /// What is given, in the order of the inputs.
    #[track_caller]
    fn sorted<V: Value>(
        &self,
        given: &[(&str, &V)],
        indices: &[(&str, &Index)],
    ) -> Result<Vec<Held<V>>, Error> {
        let place = Location::caller();
        let wrong = |cause| Err(Error::from(Flaw { cause, place }));
        let not = |name: &str, why| {
            let inputs = self.inputs().map(|(name, _)| String::from(name)).collect();
            wrong(Cause::Given { name: String::from(name), why, inputs })
        };
        let values = given.iter().map(|&(name, value)| (name, Held::Value(value.clone())));
        let all = values.chain(indices.iter().map(|&(name, index)| (name, Held::Index(index.clone(), None))));
        let all: Vec<(&str, Held<V>)> = all.collect();
        if let Some((name, _)) = all.iter().find(|(name, _)| self.inputs().all(|(input, _)| input != *name)) {
            return not(name, "is given, but the model has none of this name");
        }
        let mut held = Vec::with_capacity(self.inputs.len());
        let mut samples: Option<(String, usize)> = None;
        for &input in &self.inputs {
            let Joint { name, part, sizes, any_length, .. } = &self.joints[input];
            let mut found = all.iter().filter(|(other, _)| other == name);
            let Some((_, value)) = found.next() else { return not(name, "is not given") };
            if found.next().is_some() {
                return not(name, "is given twice");
            }
            let shape = match (value, part) {
                (Held::Value(value), Part::Input) => match value.mistake() {
                    Some(mistake) => return Err(mistake.into()),
                    None => value.shape(),
                },
                (Held::Index(index, _), &Part::Index(rows)) => {
                    if let Some(place) = index.largest().filter(|&largest| largest as usize >= rows) {
                        return wrong(Cause::Place { input: name.clone(), place, rows });
                    }
                    *index.places().shape()
                }
                (_, Part::Index(_)) => return not(name, "is an index, and is given to `run_with` as one"),
                _ => return not(name, "takes a value, and no index"),
            };
            let count = shape.first().copied().unwrap_or(0);
            let wanted = match shape.get(1) {
                Some(&steps) if *any_length && steps > 0 => sizes.with(1, steps),
                _ => *sizes,
            };
            if wanted.at(count) != Ok(shape) {
                let input = (name.clone(), *sizes);
                return wrong(Cause::Shape { input, any_length: *any_length, found: shape });
            }
            let own = (name.clone(), count);
            match &samples {
                Some(left) if left.1 != count => {
                    return wrong(Cause::Samples { left: left.clone(), right: own });
                }
                _ => samples = samples.or(Some(own)),
            }
            held.push(value.clone());
        }
        Ok(held)
    }

    /// The outputs for what the inputs hold, in their order.
    #[track_caller]
    pub(crate) fn evaluate<V: Value>(&self, bound: &Bound<V>, inputs: &[Held<V>]) -> Result<Vec<V>, Error> {
        // For each value, one more than the last joint that takes it; outputs stay.
        let mut ends = alloc::vec![0; self.joints.len()];
        for (i, joint) in self.joints.iter().enumerate() {
            joint.from.iter().for_each(|&x| ends[x] = i + 1);
        }
        self.outputs.iter().for_each(|(_, output)| ends[*output] = usize::MAX);
        let mut values: Vec<Option<Held<V>>> = alloc::vec![None; self.joints.len()];
        for (input, value) in self.inputs.iter().zip(inputs) {
            values[*input] = Some(value.clone());
        }
        for (i, joint) in self.joints.iter().enumerate() {
            if joint.part.is_input() {
                continue;
            }
            // Whatever a joint takes comes before it and is there: `ends` has kept it.
            let xs: Vec<&Held<V>> = joint.from.iter().filter_map(|&x| values[x].as_ref()).collect();
            let y = self.join(joint, bound, &xs)?;
            values[i] = Some(Held::Value(y));
            joint.from.iter().filter(|&&x| ends[x] == i + 1).for_each(|&x| values[x] = None);
        }
        // Wiring sees to it that no output is an index.
        let value = |index: usize| values[index].as_ref().and_then(Held::value).cloned();
        Ok(self.outputs.iter().filter_map(|(_, output)| value(*output)).collect())
    }

    /// What a joint that is no input makes of its operands.
    #[track_caller]
    fn join<V: Value>(&self, joint: &Joint, bound: &Bound<V>, xs: &[&Held<V>]) -> Result<V, Error> {
        let work = match joint.part {
            Part::Unit(unit) => Some(&self.units[unit].work),
            _ => None,
        };
        if let (Some(Work::Table(table)), [Held::Index(index, numbers), ..]) = (work, xs) {
            return unit::look_up(table, bound, index, numbers.as_ref());
        }
        let xs: Vec<&V> = xs.iter().filter_map(|x| x.value()).collect();
        Ok(match work {
            Some(work) => work.apply(bound, &xs),
            None => joint.part.merge(&xs),
        })
    }
}

/// What an input holds while a model runs.
#[derive(Clone, Debug)]
pub(crate) enum Held<V> {
    Value(V),
    /// An index, and the same as numbers where these are wanted.
    Index(Index, Option<V>),
}

impl<V> Held<V> {
    fn value(&self) -> Option<&V> {
        match self {
            Held::Value(value) => Some(value),
            Held::Index(..) => None,
        }
    }
}

/// Which joints a joint is made from, itself included.
fn leading_to(joints: &[Joint], end: usize) -> Vec<bool> {
    let mut leads = alloc::vec![false; joints.len()];
    leads[end] = true;
    for i in (0..=end).rev().filter(|&i| i < joints.len()) {
        if leads[i] {
            joints[i].from.iter().for_each(|&x| leads[x] = true);
        }
    }
    leads
}

/// A model with one input and one output is a layer: a trunk of another model, say.
impl Layer for Model {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        match (&self.inputs[..], self.outputs.len()) {
            (&[input], 1) if self.joints[input].part == Part::Input => {
                let found = self.evaluate(bound, &[Held::Value(x.clone())]);
                found.ok().and_then(|mut found| found.pop()).unwrap_or_else(|| x.clone())
            }
            _ => {
                let why =
                    "a model of several inputs or outputs is no layer; `run` takes and gives them by name";
                x.fail(tress_tensor::Error::Setting { op: "model", why })
            }
        }
    }
}
