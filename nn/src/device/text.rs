//! A program as JSON in the header of a safetensors file, and back.

use super::fold::MADE;
use super::program::{Operand, Port, Program, Weight};
use crate::file::json::{Reader, quote};
use crate::file::{self, Archive, FileError};
use crate::{Error, Params};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use tress_autograd::Op;
use tress_autograd::op::{Conv, ConvRole, Epilogue, Pick, Product, Role, RowNorm};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, Shape, Window};

/// The name of the text in the header.
const KEY: &str = "tress.program";

/// What the text begins with, and the only version that there is.
const FORMAT: (&str, usize) = ("tress-program", 1);

impl Program {
    /// The program and its weights as a safetensors file.
    pub fn save(&self) -> Vec<u8> {
        let mut params = Params::<f32>::new(0);
        for weight in &self.weights {
            // The names come from a model, or from a file that was checked.
            let _ = params.root().parameter(&weight.name, weight.shape, crate::Init::Zeros);
        }
        let numbers: Vec<f32> =
            self.weights.iter().flat_map(|weight| weight.numbers.iter().copied()).collect();
        let _ = params.set_block(&tress_tensor::Tensor::vector(&numbers));
        self.save_beside(&params)
    }

    /// All of `params`, among which are those of the program, as a safetensors file with the program in its header.
    pub fn save_beside(&self, params: &Params<f32>) -> Vec<u8> {
        let is_made =
            |weight: &&Weight| weight.name.starts_with(MADE) && params.entry(&weight.name).is_none();
        let made: Vec<&Weight> = self.weights.iter().filter(is_made).collect();
        if made.is_empty() {
            return file::save_with(params, &[(KEY, &self.json())]);
        }
        // A copy of the model's, with those that the program has made behind them.
        let mut all = Params::<f32>::new(0);
        let mut numbers = params.block().to_vec();
        for entry in params.entries() {
            let _ = all.root().parameter(entry.name(), *entry.shape(), crate::Init::Zeros);
        }
        for weight in made {
            let _ = all.root().parameter(&weight.name, weight.shape, crate::Init::Zeros);
            numbers.extend(&weight.numbers);
        }
        let _ = all.set_block(&tress_tensor::Tensor::vector(&numbers));
        file::save_with(&all, &[(KEY, &self.json())])
    }

    /// The program in a safetensors file, with its weights.
    ///
    /// # Errors
    /// The bytes are no such file, or have no program; a program that makes no sense, or whose weights are not there.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let archive = Archive::read(bytes)?;
        let text = archive.metadata().find(|(key, _)| *key == KEY);
        let Some((_, text)) = text else {
            let why = "the file has weights, but does not say what they belong to; \
                       write it with `device::Program::save_beside`";
            return Err(Error::Device { why: why.to_owned() });
        };
        Self::parse(text, &archive)
    }

    /// The program as JSON, without the numbers of its weights.
    pub fn json(&self) -> String {
        let mut out = format!("{{\"format\":\"{}\",\"version\":{},\"inputs\":[", FORMAT.0, FORMAT.1);
        for (i, input) in self.inputs.iter().enumerate() {
            out.push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
            quote(&input.name, &mut out);
            list(",\"shape\":", &input.shape, &mut out);
            out.push('}');
        }
        out.push_str("],\"steps\":[");
        for (i, step) in self.steps.iter().enumerate() {
            out.push_str(if i == 0 { "{\"op\":" } else { ",{\"op\":" });
            let (name, settings, map) = described(&step.op);
            let epsilon = if let Op::RowNorm(norm) = step.op { Some(norm.epsilon) } else { None };
            quote(name, &mut out);
            list(",\"of\":", &step.values().collect::<Vec<_>>(), &mut out);
            let weights: Vec<&str> =
                step.weights().map(|weight| self.weights[weight].name.as_str()).collect();
            for (i, weight) in weights.iter().enumerate() {
                out.push_str(if i == 0 { ",\"weights\":[" } else { "," });
                quote(weight, &mut out);
            }
            out.push_str(if weights.is_empty() { "" } else { "]" });
            if !settings.is_empty() {
                list(",\"settings\":", &settings, &mut out);
            }
            if let Some(map) = map {
                out.push_str(",\"map\":");
                quote(&spelt(map), &mut out);
            }
            if let Some(epsilon) = epsilon {
                let _ = write!(out, ",\"epsilon\":\"{epsilon:?}\"");
            }
            out.push('}');
        }
        out.push_str("],\"outputs\":[");
        for (i, (name, value)) in self.outputs.iter().enumerate() {
            out.push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
            quote(name, &mut out);
            let _ = write!(out, ",\"value\":{value}}}");
        }
        out.push_str("]}");
        out
    }

    fn parse(text: &str, archive: &Archive<'_>) -> Result<Self, Error> {
        let mut raw = Raw::default();
        raw.read(&mut Reader::new(text.as_bytes())).map_err(Error::File)?;
        if (raw.format.as_str(), raw.version) != FORMAT {
            let why = format!("`{}` version {} is not known; {} is", raw.format, raw.version, FORMAT.1);
            return Err(Error::Device { why });
        }
        let mut inputs = Vec::with_capacity(raw.inputs.len());
        for Entry { name, numbers, .. } in raw.inputs {
            inputs.push(Port { name, shape: Shape::new(&numbers)? });
        }
        let mut program = Self::new(inputs)?;
        for (at, step) in raw.steps.iter().enumerate() {
            let wrong = |why: &str| Error::Device { why: format!("step {at} (`{}`): {why}", step.name) };
            let mut operands: Vec<Operand> = step.of.iter().map(|&value| Operand::Value(value)).collect();
            let shape = step.of.first().and_then(|&value| program.shape(value));
            let shape = shape.ok_or_else(|| wrong("it names a value that is not there"))?;
            let op = operation(step, &shape)
                .ok_or_else(|| wrong("no such operation, or not with these settings"))?;
            for name in &step.weights {
                operands.push(Operand::Weight(program.weight(name, archive)?));
            }
            program.push(op, operands)?;
        }
        for Entry { name, value, .. } in &raw.outputs {
            program.output(name, *value)?;
        }
        Ok(program)
    }

    /// The number of a weight, taken from the file if no step before had it.
    fn weight(&mut self, name: &str, archive: &Archive<'_>) -> Result<usize, Error> {
        if let Some(found) = self.weights.iter().position(|weight| weight.name == name) {
            return Ok(found);
        }
        let Some(item) = archive.get(name) else {
            return Err(Error::Device {
                why: format!("the file has no weight `{name}`, but its program needs it"),
            });
        };
        self.weights.push(Weight {
            name: name.to_owned(),
            shape: Shape::new(item.shape())?,
            numbers: item.numbers(),
        });
        Ok(self.weights.len() - 1)
    }
}

fn list(key: &str, numbers: &[usize], out: &mut String) {
    out.push_str(key);
    out.push('[');
    for (i, number) in numbers.iter().enumerate() {
        let _ = write!(out, "{}{number}", if i == 0 { "" } else { "," });
    }
    out.push(']');
}

/// The name, the whole numbers and the function that an operation is written with.
fn described(op: &Op) -> (&'static str, Vec<usize>, Option<Map>) {
    let lying = |window: &Window| {
        let Window { input, kernel, stride, pad, dilation } = window;
        [&input[..], kernel, stride, &pad[0], &pad[1], dilation].concat()
    };
    let none = Vec::new();
    match op {
        Op::Map(map) => ("map", none, Some(*map)),
        Op::Product(product) => (op.name(), none, product.epilogue.activation),
        Op::Conv(conv) => {
            (op.name(), [&lying(&conv.window)[..], &[conv.groups]].concat(), conv.epilogue.activation)
        }
        Op::MaxPool(window, _) | Op::MeanPool(window, _) => (op.name(), lying(window), None),
        Op::Reshape(shape) => (op.name(), shape.to_vec(), None),
        Op::Sum(axes) => (op.name(), axes.iter().collect(), None),
        Op::Concat(axis) => (op.name(), alloc::vec![*axis], None),
        _ => (op.name(), none, None),
    }
}

/// The operation that a step describes; `shape` is that of its first operand.
fn operation(step: &Entry, shape: &Shape) -> Option<Op> {
    let activation = match &step.map {
        Some(text) => Some(read_map(text)?),
        None => None,
    };
    let lying = || match step.numbers[..] {
        [h, w, kh, kw, sh, sw, top, bottom, left, right, dh, dw, ..] => Some(Window {
            input: [h, w],
            kernel: [kh, kw],
            stride: [sh, sw],
            pad: [[top, bottom], [left, right]],
            dilation: [dh, dw],
        }),
        _ => None,
    };
    let epilogue = Epilogue { bias: step.weights.len() > 1, activation };
    Some(match step.name.as_str() {
        "map" => Op::Map(activation?),
        "matmul" => Op::Product(Product { epilogue, ..Product::default() }),
        "conv2d" => {
            let groups = *step.numbers.get(12)?;
            Op::Conv(Conv { window: lying()?, groups, role: ConvRole::Output, epilogue })
        }
        "max_pool" => Op::MaxPool(lying()?, Pick::Output),
        "mean_pool" => Op::MeanPool(lying()?, Role::Output),
        "reshape" => Op::Reshape(Shape::new(&step.numbers).ok()?),
        "stop" => Op::Stop,
        "sum" => Op::Sum(Axes::of("sum", &step.numbers, shape).ok()?),
        "concat" => Op::Concat(*step.numbers.first()?),
        "softmax" => Op::Softmax,
        "log_softmax" => Op::LogSoftmax,
        "layer_norm" | "rms_norm" => {
            let epsilon: f64 = step.epsilon.as_ref()?.parse().ok()?;
            let norm = RowNorm { epsilon, centred: step.name == "layer_norm" };
            (epsilon >= 0.0 && epsilon.is_finite()).then_some(Op::RowNorm(norm))?
        }
        name => Op::Zip(Zip::ALL.iter().copied().find(|zip| zip.name() == name)?),
    })
}

/// The name of a function, and its numbers, so that they come back to the last bit.
fn spelt(map: Map) -> String {
    let mut text = map.name().to_string();
    let numbers: &[f64] = match &map {
        Map::Scale(c) | Map::Offset(c) | Map::Power(c) | Map::LeakyRelu(c) | Map::Elu(c) => &[*c],
        Map::Clamp(low, high) => &[*low, *high],
        _ => &[],
    };
    for number in numbers {
        let _ = write!(text, " {number:?}");
    }
    text
}

fn read_map(text: &str) -> Option<Map> {
    let mut words = text.split(' ');
    let name = words.next()?;
    let numbers = words.map(|word| word.parse().ok()).collect::<Option<Vec<f64>>>()?;
    let found = Map::ALL.iter().copied().find(|map| map.name() == name)?;
    Some(match (found, &numbers[..]) {
        (Map::Scale(_), &[c]) => Map::Scale(c),
        (Map::Offset(_), &[c]) => Map::Offset(c),
        (Map::Power(_), &[c]) => Map::Power(c),
        (Map::LeakyRelu(_), &[c]) => Map::LeakyRelu(c),
        (Map::Elu(_), &[c]) => Map::Elu(c),
        (Map::Clamp(..), &[low, high]) => Map::Clamp(low, high),
        (
            Map::Scale(_) | Map::Offset(_) | Map::Power(_) | Map::LeakyRelu(_) | Map::Elu(_) | Map::Clamp(..),
            _,
        ) => {
            return None;
        }
        (map, []) => map,
        _ => return None,
    })
}

/// The text as it stands, before anything in it is believed.
#[derive(Default)]
struct Raw {
    format: String,
    version: usize,
    inputs: Vec<Entry>,
    steps: Vec<Entry>,
    outputs: Vec<Entry>,
}

/// An input, a step or an output.
#[derive(Default)]
struct Entry {
    name: String,
    of: Vec<usize>,
    weights: Vec<String>,
    numbers: Vec<usize>,
    map: Option<String>,
    epsilon: Option<String>,
    value: usize,
}

impl Raw {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), FileError> {
        reader.expect(b'{', "an object is expected")?;
        let mut first = true;
        while reader.goes_on(b'}', first)? {
            first = false;
            let key = reader.string()?;
            reader.expect(b':', "a colon is expected")?;
            match key.as_str() {
                "format" => self.format = reader.string()?,
                "version" => self.version = reader.number()?,
                "inputs" => self.inputs = entries(reader)?,
                "steps" => self.steps = entries(reader)?,
                "outputs" => self.outputs = entries(reader)?,
                _ => {
                    return reader
                        .wrong("a program has `format`, `version`, `inputs`, `steps` and `outputs` only");
                }
            }
        }
        reader.end()
    }
}

fn entries(reader: &mut Reader<'_>) -> Result<Vec<Entry>, FileError> {
    reader.expect(b'[', "a list is expected")?;
    let mut entries = Vec::new();
    while reader.goes_on(b']', entries.is_empty())? {
        let mut entry = Entry::default();
        reader.expect(b'{', "an object is expected")?;
        let mut first = true;
        while reader.goes_on(b'}', first)? {
            first = false;
            let key = reader.string()?;
            reader.expect(b':', "a colon is expected")?;
            match key.as_str() {
                "name" | "op" => entry.name = reader.string()?,
                "shape" | "settings" => entry.numbers = reader.numbers()?,
                "of" => entry.of = reader.numbers()?,
                "map" => entry.map = Some(reader.string()?),
                "epsilon" => entry.epsilon = Some(reader.string()?),
                "value" => entry.value = reader.number()?,
                "weights" => {
                    reader.expect(b'[', "a list is expected")?;
                    while reader.goes_on(b']', entry.weights.is_empty())? {
                        entry.weights.push(reader.string()?);
                    }
                }
                _ => return reader.wrong("an input, a step or an output has no such key"),
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}
