//! A network as the source of a crate without std.

use std::fmt::Write;

use tress::nn::device::{ByteCall, Call, Place, Placed, Program};
use tress::tensor::Window;
use tress::tensor::planned::quantised::Scale;
use tress::tensor::pointwise::Map;

use super::call::{Form, LOCAL, Names, WRITTEN, byte_example, float_example, in_arena, lines, texts};
use super::learn::{self, Learning};
use crate::error::Error;

/// `Cargo.toml` of the crate; the library is at a path, or one of its version.
pub(super) fn manifest(name: &str, library: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let library = match library {
        Some(path) => format!("{{ path = {path:?}, default-features = false }}"),
        None => format!("{{ version = \"{version}\", default-features = false }}"),
    };
    format!(
        "# The crate {name}, {WRITTEN}.\n[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         # The kernels; nothing else is needed, and no allocator.\n[dependencies]\ntress-tensor = {library}\n"
    )
}

/// `src/lib.rs` of the crate.
///
/// # Errors
/// [`Error::Device`] if the example cannot be computed.
pub(super) fn source(title: &str, form: Form<'_>, learning: Option<&Learning>) -> Result<String, Error> {
    let names = Names::of(form.program(), "");
    let block = Block::of(form.program(), learning.map(|learning| &learning.learns[..]));
    let mut functions = Functions::default();
    let writer =
        Writer::new(form, names.inputs.clone(), names.outputs.clone(), block.clone(), &mut functions);
    let mut text = writer.crate_text(title, &names)?;
    if let Some(learning) = learning {
        text.push('\n');
        text.push_str(&learn::source(&names, block, learning, &mut functions));
    }
    text.push_str(&functions.text());
    Ok(text)
}

/// The functions of one number that calls name, each written once: a kernel that applies one is then there once for it, and not
/// once for each call, as it would be with a closure for each.
#[derive(Default)]
pub(super) struct Functions(Vec<String>);

impl Functions {
    /// The name of the function with this body.
    fn named(&mut self, body: String) -> String {
        let at = self.0.iter().position(|other| *other == body).unwrap_or_else(|| {
            self.0.push(body);
            self.0.len() - 1
        });
        format!("{LOCAL}f{at}")
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (at, body) in self.0.iter().enumerate() {
            let _ = write!(out, "\n#[inline]\nfn {LOCAL}f{at}(x: f32) -> f32 {{\n    {body}\n}}\n");
        }
        out
    }
}

/// Where the weights of a program of floats lie: in the block that is an argument because it changes, or in a static one.
#[derive(Clone)]
pub(super) struct Block {
    /// For each weight whether it changes, where it starts in its block, and its length.
    places: Vec<(bool, usize, usize)>,
    /// The numbers of both blocks: those that change, and the others.
    pub(super) numbers: [usize; 2],
}

impl Block {
    fn of(program: &Program, learns: Option<&[bool]>) -> Self {
        let (mut places, mut numbers) = (Vec::new(), [0; 2]);
        for (weight, of) in program.weights().iter().enumerate() {
            let changes = learns.is_some_and(|learns| learns[weight]);
            let start = &mut numbers[usize::from(!changes)];
            places.push((changes, *start, of.numbers.len()));
            *start += of.numbers.len();
        }
        Self { places, numbers }
    }

    /// A weight as text, without a reference.
    pub(super) fn text(&self, weight: usize) -> String {
        let (changes, start, len) = self.places[weight];
        let block = match (changes, self.numbers[0]) {
            (true, _) => "weights",
            (false, 0) => "WEIGHTS",
            (false, _) => "FIXED",
        };
        format!("{block}[{start}..{}]", start + len)
    }

    /// The weights that change, by number.
    pub(super) fn changing(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.places.len()).filter(|&weight| self.places[weight].0)
    }

    /// Where a weight lies in its block.
    pub(super) fn range(&self, weight: usize) -> std::ops::Range<usize> {
        let (_, start, len) = self.places[weight];
        start..start + len
    }
}

pub(super) struct Writer<'a> {
    form: Form<'a>,
    /// Where inputs and outputs lie: names, or parts of arrays.
    inputs: Vec<String>,
    outputs: Vec<String>,
    block: Block,
    functions: &'a mut Functions,
    statics: String,
    body: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        form: Form<'a>,
        inputs: Vec<String>,
        outputs: Vec<String>,
        block: Block,
        functions: &'a mut Functions,
    ) -> Self {
        Self { form, inputs, outputs, block, functions, statics: String::new(), body: String::new() }
    }

    /// The calls of a program of floats, one block each.
    pub(super) fn float_calls(mut self) -> String {
        self.form.plan().calls().iter().for_each(|placed| self.float_call(placed));
        self.body
    }

    fn number(&self) -> &'static str {
        match self.form {
            Form::Floats(..) => "f32",
            Form::Bytes(_) => "i8",
        }
    }

    fn crate_text(mut self, title: &str, names: &Names) -> Result<String, Error> {
        let (program, plan, number) = (self.form.program(), self.form.plan(), self.number());
        match self.form {
            Form::Floats(program, plan) => {
                self.weights(program);
                plan.calls().iter().for_each(|placed| self.float_call(placed));
            }
            Form::Bytes(quantised) => {
                let calls = quantised.plan().calls().iter().zip(quantised.calls());
                calls.enumerate().for_each(|(at, (placed, call))| self.byte_call(at, placed, call));
            }
        }
        let mut out = format!(
            "//! {title}, {WRITTEN}.\n#![no_std]\n#![forbid(unsafe_code)]\n#![allow(clippy::all)]\n\n"
        );
        let floats = matches!(self.form, Form::Floats(..));
        out.push_str(if floats {
            "#[allow(unused_imports)] // not every network has windows and functions\n\
             use tress_tensor::{Window, planned, pointwise::{Function, Zip, map}};\n\n"
        } else {
            "#[allow(unused_imports)] // not every network has windows and scales\n\
             use tress_tensor::{Window, planned::{self, quantised::{self, Finish, Scale}}};\n\n"
        });
        let _ = writeln!(
            out,
            "/// The bytes that an evaluation needs, but for its outputs and a few words of stack."
        );
        let _ = writeln!(out, "pub const ARENA: usize = size_of::<Arena>();\n");
        let _ = writeln!(out, "/// Multiplications with an addition in one evaluation.");
        let _ = writeln!(out, "pub const MULTIPLY_ADDS: usize = {};\n", plan.multiply_adds());
        let (values, column) = (plan.values(), plan.column());
        let _ = writeln!(
            out,
            "/// The memory of an evaluation; what it holds before does not matter.\n#[repr(C, align(8))]"
        );
        let _ = writeln!(
            out,
            "pub struct Arena {{\n    values: [{number}; {values}],\n    column: [{number}; {column}],\n}}\n"
        );
        let zero = if floats { "0.0" } else { "0" };
        let _ = writeln!(out, "impl Arena {{\n    /// Zeros.\n    pub const fn new() -> Self {{");
        let _ = writeln!(
            out,
            "        Self {{ values: [{zero}; {values}], column: [{zero}; {column}] }}\n    }}\n}}\n"
        );
        let _ =
            writeln!(out, "const _: () = assert!(ARENA == {}, \"as it was planned\");\n", self.form.arena());
        if let Form::Bytes(quantised) = self.form {
            let inputs = names.inputs.iter().enumerate().map(|(value, name)| (name, value));
            let outputs =
                names.outputs.iter().zip(program.outputs()).map(|(name, (_, value))| (name, *value));
            for (name, value) in inputs.chain(outputs) {
                let range = quantised.range(value);
                let _ = writeln!(out, "/// What a byte `q` of `{name}` stands for: `scale * (q - zero)`.");
                let _ = writeln!(
                    out,
                    "pub const RANGE_{}: (f32, i8) = ({:?}, {});\n",
                    name.to_uppercase(),
                    range.scale,
                    range.zero
                );
            }
            out.push_str(
                "/// The byte nearest to a number, for one of the pairs above.\npub fn byte(x: f32, (scale, zero): (f32, i8)) -> i8 {\n    \
                 let q = x / scale + zero as f32;\n    (q + if q < 0.0 { -0.5 } else { 0.5 }) as i8\n}\n\n",
            );
        }
        out.push_str(&self.statics);
        out.push_str(&self.example(names)?);
        let shape = |value: usize| program.shape(value).map_or(String::new(), |shape| shape.to_string());
        let _ = writeln!(out, "/// Evaluates one sample.\n///");
        for (value, name) in names.inputs.iter().enumerate() {
            let _ = writeln!(out, "/// * `{name}`: {}", shape(value));
        }
        for (name, (_, value)) in names.outputs.iter().zip(program.outputs()) {
            let _ = writeln!(out, "/// * `{name}`: {}, written", shape(*value));
        }
        let len = |value: usize| program.shape(value).map_or(0, |shape| shape.len());
        let _ =
            writeln!(out, "#[allow(unused_variables, unused_mut)]\npub fn infer(\n    arena: &mut Arena,");
        if self.block.numbers[0] > 0 {
            let _ = writeln!(out, "    weights: &[f32; {}],", self.block.numbers[0]);
        }
        for (value, name) in names.inputs.iter().enumerate() {
            let _ = writeln!(out, "    {name}: &[{number}; {}],", len(value));
        }
        for (name, (_, value)) in names.outputs.iter().zip(program.outputs()) {
            let _ = writeln!(out, "    {name}: &mut [{number}; {}],", len(*value));
        }
        let _ = writeln!(
            out,
            ") {{\n    let Arena {{ values: t_values, column: t_column }} = arena;\n{}}}\n",
            self.body
        );
        Ok(out)
    }

    /// An input and the outputs for it, as this machine has them: a device is held against them to the last bit.
    fn example(&self, names: &Names) -> Result<String, Error> {
        let mut out = String::new();
        let number = self.number();
        let mut add = |what: &str, names: &[String], texts: Vec<Vec<String>>| {
            for (name, texts) in names.iter().zip(texts) {
                let (upper, list) = (name.to_uppercase(), lines(&texts, Clone::clone));
                let _ = writeln!(out, "/// {what} of an example; linked only where it is looked at.");
                let _ = writeln!(
                    out,
                    "pub static EXAMPLE_{upper}: [{number}; {}] = [\n{list}\n];\n",
                    texts.len()
                );
            }
        };
        let [inputs, outputs] = match self.form {
            Form::Floats(program, plan) => {
                float_example(program, plan)?.map(|each| texts(&each, |x| literal(*x)))
            }
            Form::Bytes(quantised) => byte_example(quantised)?.map(|each| texts(&each, i8::to_string)),
        };
        add("An input", &names.inputs, inputs);
        add("An output", &names.outputs, outputs);
        Ok(out)
    }

    /// All weights as one block.
    fn weights(&mut self, program: &Program) {
        let mut blocks = [Vec::new(), Vec::new()];
        for (weight, &(changes, ..)) in program.weights().iter().zip(&self.block.places) {
            blocks[usize::from(!changes)].extend(weight.numbers.iter().copied());
        }
        let [changing, others] = blocks;
        let learns = !changing.is_empty();
        let mut add = |about: &str, name: &str, numbers: &[f32]| {
            let text = lines(numbers, |number| literal(*number));
            let _ = writeln!(self.statics, "/// {about}, one behind the other.");
            let _ = writeln!(self.statics, "{name}: [f32; {}] = [\n{text}\n];\n", numbers.len());
        };
        if learns {
            add("The weights that learn, as they are at first", "pub static WEIGHTS", &changing);
        }
        if !others.is_empty() || !learns {
            let name = if learns { "static FIXED" } else { "static WEIGHTS" };
            add(if learns { "The weights that stay" } else { "All weights" }, name, &others);
        }
    }

    fn function(&mut self, map: Option<Map>) -> String {
        self.functions.named(body(map))
    }

    fn slope(&mut self, map: Map) -> String {
        self.functions.named(body(Some(map)).replace(".f(", ".df("))
    }

    fn weight(&self, weight: usize) -> String {
        format!("&{}", self.block.text(weight))
    }

    fn bias(&self, bias: Option<usize>) -> String {
        bias.map_or("&[]".to_owned(), |bias| self.weight(bias))
    }

    /// Opens the block of a call: the parts of the arena that it looks at and writes, under the names `a`, `b`, .. and `y`.
    /// Gives the operands and the result as text.
    fn open(&mut self, placed: &Placed) -> (Vec<String>, String) {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let mut part = |place: &Place| {
            let range = in_arena(place)?;
            let number = ranges.iter().position(|other| *other == range).unwrap_or_else(|| {
                ranges.push(range);
                ranges.len() - 1
            });
            Some(format!("{LOCAL}p{number}"))
        };
        let from: Vec<String> = placed
            .from
            .iter()
            .map(|(_, place)| match place {
                Place::Input(number) => format!("&{}[..]", self.inputs[*number]),
                Place::Output(number) => format!("&{}[..]", self.outputs[*number]),
                Place::Arena(_) => part(place).map_or(String::new(), |part| format!("&*{part}")),
            })
            .collect();
        let to = match &placed.to.1 {
            Place::Output(number) => format!("&mut {}[..]", self.outputs[*number]),
            place => part(place).map_or(String::new(), |part| format!("&mut *{part}")),
        };
        self.body.push_str("    {\n");
        if !ranges.is_empty() {
            // At places that the compiler knows, so that no check is left of them: what finds that a list of ranges is disjoint
            // takes more room than the call of a kernel.
            let mut order: Vec<usize> = (0..ranges.len()).collect();
            order.sort_unstable_by_key(|&number| ranges[number]);
            let (mut at, mut rest) = (0, "t_values");
            let count = order.len();
            for (n, number) in order.into_iter().enumerate() {
                let (start, end) = ranges[number];
                let after = if n + 1 < count { "t_rest" } else { "_" };
                if start > at {
                    let _ =
                        writeln!(self.body, "        let (_, t_rest) = {rest}.split_at_mut({});", start - at);
                    rest = "t_rest";
                }
                let _ = writeln!(
                    self.body,
                    "        let ({LOCAL}p{number}, {after}) = {rest}.split_at_mut({});",
                    end - start
                );
                (at, rest) = (end, "t_rest");
            }
        }
        (from, to)
    }

    fn float_call(&mut self, placed: &Placed) {
        let (from, y) = self.open(placed);
        let x = from.first().cloned().unwrap_or_default();
        let text = match &placed.call {
            Call::Dense { weight, bias, n, activation } => {
                let (w, b, f) = (self.weight(*weight), self.bias(*bias), self.function(*activation));
                format!("planned::dense({x}, {w}, {b}, {n}, {y}, {f});")
            }
            Call::Conv { weight, bias, window, groups, column, activation } => {
                let (w, b, f) = (self.weight(*weight), self.bias(*bias), self.function(*activation));
                let window = spelt(window);
                format!(
                    "planned::conv2d({x}, &{window}, {groups}, {w}, {b}, &mut t_column[..{column}], {y}, {f});"
                )
            }
            Call::Product { transposed, lengths, bias, activation } => {
                let bias = if *bias { from[2].as_str() } else { "&[]" };
                let (w, f) = (&from[1], self.function(*activation));
                format!("planned::product({x}, {w}, {lengths:?}, {transposed:?}, {bias}, {y}, {f});")
            }
            Call::MapGrad(map) => format!("planned::map_grad({x}, {}, {y}, {});", from[1], self.slope(*map)),
            Call::Expand => format!("planned::expand({x}, {y});"),
            Call::LogSumExp(n) => format!("planned::log_sum_exp({x}, {n}, {y});"),
            Call::LogSumExpGrad(n) => format!("planned::log_sum_exp_grad({x}, {}, {n}, {y});", from[1]),
            Call::MaxPool(window) => format!("planned::max_pool({x}, &{}, {y});", spelt(window)),
            Call::MeanPool(window) => format!("planned::mean_pool({x}, &{}, {y});", spelt(window)),
            Call::Sums => format!("planned::sums({x}, {y});"),
            Call::Map(map, true) => format!("planned::map_in_place({y}, {});", self.function(Some(*map))),
            Call::Map(map, false) => format!("planned::map({x}, {y}, {});", self.function(Some(*map))),
            Call::Zip(zip) => format!("planned::zip(Zip::{zip:?}, {x}, {}, {y});", from[from.len() - 1]),
            Call::Softmax(n) => format!("planned::softmax({x}, {n}, {y});"),
            Call::LogSoftmax(n) => format!("planned::log_softmax({x}, {n}, {y});"),
            Call::RowNorm { weight, bias, n, norm } => {
                let (w, b) = (self.bias(*weight), self.bias(*bias));
                format!(
                    "planned::row_norm({x}, {n}, ({}, {}), [{w}, {b}], {y});",
                    literal(norm.epsilon as f32),
                    norm.centred
                )
            }
            Call::Concat => self.joined(placed, &from, &y, |_, x, y| format!("({y}).copy_from_slice({x});")),
            Call::Copy => format!("({y}).copy_from_slice({x});"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
    }

    fn byte_call(&mut self, at: usize, placed: &Placed, call: &ByteCall) {
        let (from, y) = self.open(placed);
        let x = from.first().cloned().unwrap_or_default();
        let text = match call {
            ByteCall::Layer { weight, bias, scale, zero, low, lying } => {
                let finish =
                    format!("&Finish {{ bias: &BIAS_{at}, scale: &SCALE_{at}, zero: {zero}, low: {low} }}");
                let (w, b, s) = (
                    lines(weight, |number| number.to_string()),
                    lines(bias, |number| number.to_string()),
                    lines(scale, scale_text),
                );
                let _ = writeln!(self.statics, "static WEIGHT_{at}: [i8; {}] = [\n{w}\n];\n", weight.len());
                let _ = writeln!(self.statics, "static BIAS_{at}: [i32; {}] = [\n{b}\n];\n", bias.len());
                let _ = writeln!(self.statics, "static SCALE_{at}: [Scale; {}] = [\n{s}\n];\n", scale.len());
                match lying {
                    None => format!("quantised::dense({x}, &WEIGHT_{at}, {finish}, {y});"),
                    Some((window, groups, zero, column)) => format!(
                        "quantised::conv2d({x}, &{}, [{groups}, {zero}], &WEIGHT_{at}, {finish}, &mut t_column[..{column}], {y});",
                        spelt(window)
                    ),
                }
            }
            ByteCall::MaxPool(window) => format!("planned::max_pool({x}, &{}, {y});", spelt(window)),
            ByteCall::MeanPool(window, zeros, scale) => {
                format!(
                    "quantised::mean_pool({x}, &{}, {zeros:?}, {}, {y});",
                    spelt(window),
                    scale_text(scale)
                )
            }
            ByteCall::Sums(zeros, scale) => {
                format!("quantised::sums({x}, {zeros:?}, {}, {y});", scale_text(scale))
            }
            ByteCall::Lookup(table, in_place) => {
                let text = lines(&table[..], |number| number.to_string());
                let _ = writeln!(self.statics, "static TABLE_{at}: [i8; 256] = [\n{text}\n];\n");
                match in_place {
                    true => format!("quantised::lookup_in_place({y}, &TABLE_{at});"),
                    false => format!("quantised::lookup({x}, &TABLE_{at}, {y});"),
                }
            }
            ByteCall::Add(zeros, [a, b]) => {
                let (scales, last) =
                    (format!("[{}, {}]", scale_text(a), scale_text(b)), &from[from.len() - 1]);
                format!("quantised::add([{x}, {last}], {zeros:?}, {scales}, {y});")
            }
            ByteCall::Multiply(zeros, scale) => {
                format!(
                    "quantised::multiply([{x}, {}], {zeros:?}, {}, {y});",
                    from[from.len() - 1],
                    scale_text(scale)
                )
            }
            ByteCall::Concat(parts) => self.joined(placed, &from, &y, |i, x, y| {
                let (zeros, scale) = parts[i];
                format!("quantised::rescale({x}, {zeros:?}, {}, {y});", scale_text(&scale))
            }),
            ByteCall::Copy => format!("({y}).copy_from_slice({x});"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
    }

    /// Values end to end: `part` writes one of them to its slice of the result.
    fn joined(
        &self,
        placed: &Placed,
        from: &[String],
        y: &str,
        part: impl Fn(usize, &str, &str) -> String,
    ) -> String {
        let mut text = format!("let t_y = {y};");
        let mut start = 0;
        for (i, (value, _)) in placed.from.iter().enumerate() {
            let len = self.form.program().shape(*value).map_or(0, |shape| shape.len());
            let _ = write!(
                text,
                "\n        {}",
                part(i, &from[i], &format!("&mut t_y[{start}..{}]", start + len))
            );
            start += len;
        }
        text
    }
}

/// The body of a function of `x`: as a type, so that no other function is linked.
fn body(map: Option<Map>) -> String {
    let settings = match map {
        None => return "x".to_owned(),
        Some(Map::Scale(c) | Map::Offset(c) | Map::Elu(c)) => format!(" c: {} ", wide(c)),
        Some(Map::Power(p)) => format!(" p: {} ", wide(p)),
        Some(Map::LeakyRelu(slope)) => format!(" slope: {} ", wide(slope)),
        Some(Map::Clamp(low, high)) => format!(" low: {}, high: {} ", wide(low), wide(high)),
        Some(_) => String::new(),
    };
    let text = map.map_or(String::new(), |map| format!("{map:?}"));
    format!("map::{} {{{settings}}}.f(x)", text.split('(').next().unwrap_or_default())
}

fn spelt(window: &Window) -> String {
    let Window { input, kernel, stride, pad, dilation } = window;
    format!(
        "Window {{ input: {input:?}, kernel: {kernel:?}, stride: {stride:?}, pad: {pad:?}, dilation: {dilation:?} }}"
    )
}

fn scale_text(scale: &Scale) -> String {
    format!("Scale {{ multiplier: {}, shift: {} }}", scale.multiplier, scale.shift)
}

/// A number of Rust that is this one to the last bit.
fn literal(number: f32) -> String {
    named("f32", format!("{number:?}"))
}

/// As [`literal`], in double precision.
fn wide(number: f64) -> String {
    named("f64", format!("{number:?}"))
}

/// What `Debug` prints, as Rust reads it.
fn named(kind: &str, text: String) -> String {
    match text.as_str() {
        "NaN" => format!("{kind}::NAN"),
        "inf" => format!("{kind}::INFINITY"),
        "-inf" => format!("{kind}::NEG_INFINITY"),
        _ => text,
    }
}
