//! What is measured: a [`Workload`] names it and says how much work it is, and one file a group makes it ready to run.

mod conv;
mod elem;
mod gemm;
mod layer;
mod multi;
mod outcome;
mod overhead;
mod train;

use crate::limits::{Least, Limits, longer};
use crate::memory::Way;
use serde_json::Value;
use std::hint::black_box;
use tress::nn::{Labels, Params};
use tress::tensor::{Float, Tensor};

pub use outcome::{Outcome, number};

/// What is timed, made ready: call it for one run of the workload.
pub struct Run(Box<Step>);

/// One run; asked for its numbers, it hands them out.
type Step = dyn FnMut(Option<&mut Vec<f32>>);

impl Run {
    /// Times `f`, and the end of what it gives.
    fn new<T: Given>(mut f: impl FnMut() -> T + 'static) -> Self {
        Self(Box::new(move |asked| {
            let given = black_box(f());
            if let Some(asked) = asked {
                *asked = given.numbers();
            }
        }))
    }

    /// One run, as it is timed.
    pub fn once(&mut self) {
        (self.0)(None);
    }

    /// One run, and the numbers that it makes, row by row: of several tensors one after the other, of a training step the
    /// loss, of what happens in place none.
    pub fn numbers(&mut self) -> Vec<f32> {
        let mut numbers = Vec::new();
        (self.0)(Some(&mut numbers));
        numbers
    }
}

/// What a run gives.
trait Given {
    /// Its numbers.
    fn numbers(&self) -> Vec<f32>;
}

impl Given for () {
    fn numbers(&self) -> Vec<f32> {
        Vec::new()
    }
}

impl Given for f32 {
    fn numbers(&self) -> Vec<f32> {
        vec![*self]
    }
}

impl<T: Float> Given for Tensor<T> {
    fn numbers(&self) -> Vec<f32> {
        self.to_vec().into_iter().map(|x| x.to_f64() as f32).collect()
    }
}

impl Given for Vec<Tensor> {
    fn numbers(&self) -> Vec<f32> {
        self.iter().flat_map(Given::numbers).collect()
    }
}

/// One workload: what to do, on what sizes, and how much work that is.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is called; `group/..`.
    pub id: String,
    /// The group: the file here that makes it.
    pub group: String,
    /// What is done, by the name of the group's file.
    pub op: String,
    /// Sizes and choices, by name.
    pub settings: Value,
    /// Floating-point operations of one run.
    pub flops: Option<f64>,
    /// Bytes that have to be read and written at least.
    pub bytes: Option<f64>,
    /// Samples, or operations of a program.
    pub samples: Option<f64>,
}

impl Workload {
    /// The work, its inputs made.
    ///
    /// # Errors
    /// Nothing here does what the workload asks for.
    pub fn make(&self) -> Result<Run, String> {
        let made = match self.group.as_str() {
            "conv" => conv::make(self),
            "elem" => elem::make(self),
            "gemm" => gemm::make(self),
            "layer" => layer::make(self),
            "mtl" => multi::make(self),
            "overhead" => overhead::make(self),
            "train" => train::make(self),
            _ => None,
        };
        made.ok_or_else(|| format!("{} is not implemented", self.op))
    }

    /// The least seconds of one run at the limits of a machine, and which limit that is; `None` where nothing was counted.
    pub fn least(&self, limits: &Limits) -> Option<Least> {
        let beyond = match self.group.as_str() {
            "elem" => elem::formula(self).and_then(|(formula, each)| limits.units::<f32>(formula, each)),
            "overhead" => overhead::results(self).map(|count| limits.results(count)),
            _ => None,
        };
        let roof = match (self.bytes.zip(elem::changed(self)), self.is_double()) {
            (Some((bytes, part)), _) => Some(limits.moved(bytes, part * bytes, Way::InPlace)),
            (None, true) => limits.least_f64(self.flops, self.bytes),
            (None, false) => limits.least(self.flops, self.bytes),
        };
        longer(roof, beyond)
    }

    /// Workloads as `benches/peers/workloads.json` has them.
    ///
    /// # Errors
    /// An entry lacks its name, its group or what is to be done.
    pub fn read(list: &Value) -> Result<Vec<Self>, String> {
        let word = |entry: &Value, name: &str| {
            let found = entry.get(name).and_then(Value::as_str).map(String::from);
            found.ok_or_else(|| format!("an entry without {name}"))
        };
        let workload = |entry: &Value| {
            Ok(Self {
                id: word(entry, "id")?,
                group: word(entry, "group")?,
                op: word(entry, "op")?,
                settings: entry.get("p").cloned().unwrap_or_default(),
                flops: entry.get("flops").and_then(Value::as_f64),
                bytes: entry.get("bytes").and_then(Value::as_f64),
                samples: entry.get("samples").and_then(Value::as_f64),
            })
        };
        list.as_array().ok_or("a list of workloads is wanted")?.iter().map(workload).collect()
    }

    /// A size by name; `None` if the file does not give it.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.settings.get(name)?.as_u64().map(|size| size as usize)
    }

    /// Several sizes by name.
    pub fn sizes<const N: usize>(&self, names: [&str; N]) -> Option<[usize; N]> {
        let mut sizes = [0; N];
        for (size, name) in sizes.iter_mut().zip(names) {
            *size = self.size(name)?;
        }
        Some(sizes)
    }

    /// Whether its numbers are `f64`.
    fn is_double(&self) -> bool {
        self.word("t") == Some("f64")
    }

    /// The bytes that it lies in: those that it reads and those that it writes, but for an optimiser, which writes where it reads.
    pub fn footprint(&self) -> Option<f64> {
        Some(self.bytes? * elem::changed(self).unwrap_or(1.0))
    }

    /// A choice by name.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_str()
    }
}

/// The numbers of a seed, see [`number`], row by row.
pub(crate) fn numbers(shape: &[usize], seed: u32) -> Tensor {
    tensor(shape, seed, |x| x)
}

fn tensor(shape: &[usize], seed: u32, change: impl Fn(f32) -> f32) -> Tensor {
    let mut place = 0;
    let draw = |_: &[usize]| {
        place += 1;
        change(number(place - 1, seed))
    };
    Tensor::from_fn(shape, draw).expect("workloads have shapes that fit")
}

/// Starting weights that other engines can have too: the numbers of `seed` over the root of how many inputs an output sees.
pub(crate) fn weights(shape: &[usize], inputs: usize, seed: u32) -> Tensor {
    let scale = (1.0 / (inputs as f64).sqrt()) as f32;
    tensor(shape, seed, |x| x * scale)
}

/// Each layer's weight from the next seed: those of products and convolutions as [`weights`], of norms 1 and half of the
/// numbers; biases are 0.
fn start(params: &mut Params<f32>, seeds: impl IntoIterator<Item = u32>) {
    let mut seeds = seeds.into_iter();
    let entries: Vec<(String, Vec<usize>)> =
        params.entries().map(|entry| (entry.name().to_owned(), entry.shape().to_vec())).collect();
    for (name, shape) in entries {
        let mut seed = || seeds.next().expect("a seed for each layer");
        let begun = match shape[..] {
            _ if name.ends_with("bias") => tensor(&shape, 0, |_| 0.0),
            [inputs, _] => weights(&shape, inputs, seed()),
            [_, ref rest @ ..] if !rest.is_empty() => weights(&shape, rest.iter().product(), seed()),
            _ => tensor(&shape, seed(), |x| 1.0 + 0.5 * x),
        };
        params.set(&name, &begun).expect("a tensor of the parameter's shape");
    }
}

/// Labels of ten classes, in turn.
pub(crate) fn labels(count: usize) -> Labels {
    Labels::new((0..count as u32).map(|i| i % 10), 10).expect("labels below ten")
}
