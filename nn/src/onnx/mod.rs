//! Models as ONNX files, for other runtimes to run.
//!
//! ONNX (<https://onnx.ai>) is a graph of operators in a protocol buffer. [`Export`] records what a model computes in
//! evaluation mode, as a [`Symbol`](tress_autograd::Symbol) records it, and writes every operation as operators of
//! opset 17. Parameters become initialisers under their names; inputs and outputs keep theirs. Numbers are written as
//! `f32`, whatever the model computes with.
//!
//! The number of samples stays open: the program is recorded for batches of three sizes, and each length in it is found
//! to be fixed or to grow evenly with them. Where it does neither, an error says at which line, and
//! [`fixed_batch`](Export::fixed_batch) exports for one size. [`Lengths`](crate::Lengths) are numbers of one batch, and so
//! constants of a file for that batch: to give them to the exported model, let it have an input of ones and zeros, and use
//! [`attend_where`](crate::MultiHeadAttention::attend_where), [`EncoderBlock::run_where`](crate::EncoderBlock::run_where)
//! or [`Recurrent::run_where`](crate::Recurrent::run_where).
//!
//! The steps of sequences are open as well in a model that takes sequences of [any
//! length](crate::model::Node::any_length): the program is recorded for fewer and for more steps, too. Tables of positions and masks stand
//! in the file for as many steps as were declared, and are cut where it runs, so that longer sequences than those are none for
//! it. A recurrent layer is written step by step, and so for one length, [`fixed_length`](Export::fixed_length), as are windows
//! with a stride over steps: declare the longest sequence that is to come, pad shorter ones, and say by an input what counts.
//!
//! ```
//! use tress_nn::model::{Model, Wiring};
//! use tress_nn::onnx::Export;
//! use tress_nn::{Conv2d, Dense, Flatten, Params};
//! use tress_tensor::pointwise::Map;
//!
//! let mut params = Params::<f32>::new(1);
//! let wiring = Wiring::new(&mut params);
//! let image = wiring.input("image", [1, 8, 8]);
//! let hidden = image.layer("conv", |s| Ok(Conv2d::new(s, 1, 4, [3, 3])?.activation(Map::Relu))).apply(Flatten);
//! let class = hidden.layer("class", |s| Dense::new(s, hidden.width(), 10));
//! let model = Model::new(&[image], &[("class", class)])?;
//! let bytes = Export::new("digits").model(&model, &params)?;
//! // With `std`: tress_nn::file::write_atomic("digits.onnx", &bytes)?;
//! # assert!(bytes.len() > 4 * params.len());
//! # Ok::<(), tress_nn::Error>(())
//! ```
//!
//! And one for sentences of up to 32 words, whose file has the axes N and T open:
//!
//! ```
//! # use tress_autograd::Arrange;
//! # use tress_nn::model::{Model, Wiring};
//! # use tress_nn::onnx::Export;
//! # use tress_nn::{Dense, Embedding, EncoderBlock, Params, Sinusoidal};
//! let mut params = Params::<f32>::new(1);
//! let wiring = Wiring::new(&mut params);
//! let (words, length) = (wiring.index("words", [32], 1000).any_length(), wiring.input("length", []));
//! let rows = words.look_up("table", |s| Embedding::new(s, 1000, 16)).apply(Sinusoidal);
//! let block = wiring.join("block", &[rows, length], |s| EncoderBlock::builder(16, 4, 32).build(s));
//! let first = wiring.lambda("first", &[block], |xs| xs[0].at(1, 0));
//! let model = Model::new(&[words, length], &[("class", first.layer("class", |s| Dense::new(s, 16, 2)))])?;
//! let bytes = Export::new("sentences").model(&model, &params)?;
//! # assert!([b'N', b'T'].iter().all(|&name| bytes.windows(3).any(|bytes| bytes == [0x12, 0x01, name])));
//! # Ok::<(), tress_nn::Error>(())
//! ```

mod constants;
mod ops;
mod pointwise;
mod program;
mod proto;
mod windows;
mod writer;

pub use program::Recorded;

use crate::model::{Extent, Held, Model, PROBES, Point, Sizes};
use crate::{Bound, Error, Params, Random};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::panic::Location;
use ops::Writing;
use program::Program;
use proto::Attribute;
use tress_autograd::op::Index;
use tress_tensor::{Float, Shape, Tensor};
use writer::{Item, Writer};

/// What cannot be exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The operation.
    pub op: String,
    /// Why not, and what to do.
    pub why: &'static str,
    /// The line that asked for it.
    pub place: &'static Location<'static>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, why, place } = self;
        write!(f, "{op} cannot be exported to ONNX: {why} ({}:{})", place.file(), place.line())
    }
}

impl core::error::Error for Fault {}

fn fault(op: &str, why: &'static str, place: &'static Location<'static>) -> Error {
    Error::Onnx(Fault { op: String::from(op), why, place })
}

/// The settings of an export.
#[derive(Clone, Debug)]
pub struct Export {
    name: String,
    batch: Option<usize>,
    fixed_length: bool,
}

impl Export {
    /// The version of the set of operators, of 2022: the first with layer normalisation, and one that runtimes have.
    pub const OPSET: i64 = 17;
    /// The version of the format that came with it.
    pub const IR: i64 = 8;

    /// An export with an open number of samples, under the name of the graph.
    pub fn new(name: &str) -> Self {
        Self { name: String::from(name), batch: None, fixed_length: false }
    }

    /// For so many samples and no other number.
    pub fn fixed_batch(self, samples: usize) -> Self {
        Self { batch: Some(samples), ..self }
    }

    /// For sequences of the length that they are declared with, also where a model takes those of
    /// [any length](crate::model::Node::any_length).
    pub fn fixed_length(self) -> Self {
        Self { fixed_length: true, ..self }
    }

    /// A model, in evaluation mode.
    ///
    /// # Errors
    /// An operation that ONNX has not, or whose shapes do not grow evenly with the number of samples, with its name and its
    /// line; parameters of another model; a parameter that has the name of an input or output; more than 2 GiB.
    #[track_caller]
    pub fn model<T: Float>(&self, model: &Model, params: &Params<T>) -> Result<Vec<u8>, Error> {
        let outputs: Vec<&str> = model.outputs().map(|(name, _)| name).collect();
        let place = Location::caller();
        let open = if self.fixed_length { None } else { model.open_length() };
        let longest = match open {
            None => None,
            Some(Ok(longest)) if longest > 2 => Some(longest),
            Some(found) => {
                let why = match found {
                    Ok(_) => {
                        "sequences of any length are to be declared with at least three steps; or export with `fixed_length`"
                    }
                    Err(()) => {
                        "its sequences of any length are declared with several; declare them alike, or export with `fixed_length`"
                    }
                };
                return Err(fault("model", why, place));
            }
        };
        let mut points = self.points(longest);
        if let Some(longest) = longest {
            // Far off, so that what falls in steps is told from what is fixed; a model need not take sequences that short.
            let far = [longest / 2, longest.saturating_mul(2).saturating_add(1)];
            let samples = points[0].0;
            let taken = far.into_iter().filter(|&steps| model.takes_steps(params, steps));
            points.extend(taken.map(|steps| (samples, steps)));
        }
        let mut inputs = Vec::with_capacity(model.inputs().len());
        for (((name, declared), rows), any_length) in model.inputs().zip(model.counts()).zip(model.opens()) {
            let sizes = if any_length && longest.is_some() {
                declared.with_extent(1, Extent::STEPS)
            } else {
                declared
            };
            let index = rows.map(|rows| drawn(&points, &sizes, rows, inputs.len())).transpose()?;
            inputs.push(Input { name, sizes, index });
        }
        self.write(params, &inputs, &outputs, place, &points, |which, bound, xs| {
            let held = xs.iter().zip(&inputs).map(|(&x, input)| match &input.index {
                Some(index) => Held::Index(index[which].clone(), Some(x)),
                None => Held::Value(x),
            });
            model.evaluate(bound, &held.collect::<Vec<_>>())
        })
    }

    /// A program that is no [`Model`]: a closure over layers, from inputs to outputs in the order of their names. Inputs are
    /// names and the shapes of one sample, without the axis of the batch.
    ///
    /// ```
    /// use tress_autograd::Fused;
    /// use tress_nn::onnx::Export;
    /// use tress_nn::{Dense, Layer, Params};
    /// let mut params = Params::<f32>::new(1);
    /// let dense = Dense::new(&mut params.scope("dense"), 4, 3)?;
    /// let bytes = Export::new("classes").program(&params, &[("x", &[4])], &["classes"], |bound, xs| {
    ///     vec![dense.apply(bound, &xs[0]).softmax()]
    /// })?;
    /// # assert!(!bytes.is_empty());
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`model`](Export::model), the first mistake of the program, or another number of results than names.
    #[track_caller]
    pub fn program<T: Float>(
        &self,
        params: &Params<T>,
        inputs: &[(&str, &[usize])],
        outputs: &[&str],
        program: impl for<'t> Fn(&Bound<Recorded<'t, T>>, &[Recorded<'t, T>]) -> Vec<Recorded<'t, T>>,
    ) -> Result<Vec<u8>, Error> {
        let place = Location::caller();
        let mut sized = Vec::with_capacity(inputs.len());
        for (name, sample) in inputs {
            let sizes = Sizes::of_samples(&Shape::new(sample)?)?;
            sized.push(Input { name, sizes, index: None });
        }
        self.write(params, &sized, outputs, place, &self.points(None), |_, bound, xs| Ok(program(bound, xs)))
    }

    /// What a program is recorded for: three numbers of samples, and fewer steps than `longest`
    /// for two of them.
    fn points(&self, longest: Option<usize>) -> Vec<Point> {
        let batches = self.batch.map_or(PROBES, |batch| [batch; 3]);
        let steps = longest.unwrap_or(0);
        let mut points: Vec<Point> = batches.iter().map(|&batch| (batch, steps)).collect();
        if longest.is_some() {
            points.extend([(batches[0], steps - 1), (batches[1], steps - 2), (batches[0], steps - 2)]);
        }
        points
    }

    fn write<T: Float>(
        &self,
        params: &Params<T>,
        inputs: &[Input<'_>],
        outputs: &[&str],
        place: &'static Location<'static>,
        points: &[Point],
        record: impl for<'t> Fn(
            usize,
            &Bound<Recorded<'t, T>>,
            &[Recorded<'t, T>],
        ) -> Result<Vec<Recorded<'t, T>>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let sizes: Vec<Sizes> = match self.batch {
            None => inputs.iter().map(|input| input.sizes).collect(),
            Some(batch) => {
                inputs.iter().map(|input| input.sizes.with_samples(batch)).collect::<Result<_, _>>()?
            }
        };
        let program = Program::record(params, &sizes, points, record)?;
        if program.outputs.len() != outputs.len() {
            return Err(fault("program", "as many results are wanted as outputs have names", place));
        }
        let mut writer = Writer::default();
        for (input, sizes) in inputs.iter().zip(&sizes) {
            taken(&mut writer, input.name, place)?;
            let kind = if input.index.is_some() { proto::INT64 } else { proto::FLOAT };
            writer.input(input.name, kind, sizes);
        }
        let indices = inputs.iter().filter_map(|input| Some((input.name, input.index.as_deref()?))).collect();
        for name in outputs {
            taken(&mut writer, name, place)?;
        }
        let entries: Vec<_> = params.entries().collect();
        for entry in &entries {
            taken(&mut writer, entry.name(), place)?;
        }
        let points = points.to_vec();
        let mut writing = Writing { writer: &mut writer, points, indices, elem: PhantomData::<T> };
        let names = writing.program(&program, |writer, index, sizes| {
            let name = match entries.get(index) {
                Some(entry) => {
                    // The name is one of the parameters, so it is found.
                    if let Ok(numbers) = params.tensor(entry.name()) {
                        ops::parameter(writer, entry.name(), &numbers);
                    }
                    String::from(entry.name())
                }
                None => {
                    let input = &inputs[index - entries.len()];
                    // As numbers, for what compares them.
                    match input.index {
                        Some(_) => {
                            writer.node("Cast", &[input.name], &[("to", Attribute::Int(proto::FLOAT))])
                        }
                        None => String::from(input.name),
                    }
                }
            };
            Item { name, sizes: *sizes }
        })?;
        for ((name, value), &index) in outputs.iter().zip(&names).zip(&program.outputs) {
            writer.output(name, value, &program.steps[index].sizes);
        }
        writer.finish(self)
    }
}

/// An input to be written, and what it is recorded with if it is an index.
struct Input<'a> {
    name: &'a str,
    sizes: Sizes,
    index: Option<Vec<Index>>,
}

/// Indices to record with, for each point: drawn, so that they are not taken for others.
fn drawn(points: &[Point], sizes: &Sizes, rows: usize, number: usize) -> Result<Vec<Index>, Error> {
    let mut random = Random::new(number as u64);
    let mut drawn = Vec::with_capacity(points.len());
    for &point in points {
        let place = |_: &[usize]| random.below(rows.max(1) as u64) as u32;
        drawn.push(Index::new(&Tensor::from_fn(sizes.at_point(point)?, place)?));
    }
    Ok(drawn)
}

/// Takes a name, which must be free.
fn taken(writer: &mut Writer, name: &str, place: &'static Location<'static>) -> Result<(), Error> {
    match writer.take(name) {
        true => Ok(()),
        false => {
            let why =
                "inputs, outputs and parameters need different names; rename one of those that have this one";
            Err(fault(name, why, place))
        }
    }
}
