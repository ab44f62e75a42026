//! A network as the source of a crate without std.

mod calls;
mod spelt;

use std::fmt::Write;

use tress::nn::device::Program;

use super::call::{Form, LOCAL, Names, WRITTEN, byte_example, float_example, lines, texts};
use super::learn::{self, Learning};
use crate::error::Error;
use spelt::literal;

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
}
