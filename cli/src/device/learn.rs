//! The function that learns, of an exported crate.

use std::fmt::Write;

use tress::nn::device::{Plan, Program};

use super::call::{Form, Names};
use super::rust::Writer;

/// The arena and the function of one step, by the program `learning` of a step of `program`.
pub(super) fn source(names: &Names, program: &Program, learning: &Program, plan: &Plan) -> String {
    let numbers: usize = program.weights().iter().map(|weight| weight.numbers.len()).sum();
    let parts = |block: &str| {
        let mut start = 0;
        let part = |weight: &tress::nn::device::Weight| {
            let from = start;
            start += weight.numbers.len();
            format!("{block}[{from}..{start}]")
        };
        program.weights().iter().map(part).collect::<Vec<_>>()
    };
    let truths: Vec<String> = names.outputs.iter().map(|name| format!("{name}_truth")).collect();
    let inputs = [&names.inputs[..], &truths, &["rate".to_owned()], &parts("weights")].concat();
    let losses = (0..truths.len()).map(|loss| format!("losses[{loss}..{}]", loss + 1));
    let outputs = losses.chain(parts("updates")).collect();
    let body = Writer::new(Form::Floats(learning, plan), inputs, outputs, true).float_calls();

    let (values, column) = (plan.values(), plan.column());
    let mut out = String::new();
    let _ = writeln!(
        out,
        "/// The bytes that a step of learning needs, but for weights, updates and a few words of stack."
    );
    let _ = writeln!(out, "pub const LEARNING_ARENA: usize = size_of::<LearningArena>();\n");
    let _ = writeln!(
        out,
        "const _: () = assert!(LEARNING_ARENA == {}, \"as it was planned\");\n",
        plan.arena::<f32>()
    );
    let _ = writeln!(
        out,
        "/// The memory of a step; what it holds before does not matter.\n#[repr(C, align(8))]"
    );
    let _ = writeln!(
        out,
        "pub struct LearningArena {{\n    values: [f32; {values}],\n    column: [f32; {column}],\n}}\n"
    );
    let _ = writeln!(out, "impl LearningArena {{\n    /// Zeros.\n    pub const fn new() -> Self {{");
    let _ =
        writeln!(out, "        Self {{ values: [0.0; {values}], column: [0.0; {column}] }}\n    }}\n}}\n");
    let _ = writeln!(
        out,
        "/// Learns from one sample by gradient descent: changes the weights, which begin as [`WEIGHTS`], by what it"
    );
    let _ = writeln!(out, "/// leaves in `updates`; gives the loss of each output before the step.");
    let _ = writeln!(
        out,
        "#[allow(unused_variables, unused_mut)]\npub fn learn(\n    arena: &mut LearningArena,"
    );
    let _ = writeln!(out, "    weights: &mut [f32; {numbers}],\n    updates: &mut [f32; {numbers}],");
    let ports = names.inputs.iter().chain(&truths).zip(learning.inputs());
    for (name, port) in ports {
        let _ = writeln!(out, "    {name}: &[f32; {}],", port.shape.len());
    }
    let _ = writeln!(out, "    rate: f32,\n) -> [f32; {}] {{", truths.len());
    let _ = writeln!(out, "    let LearningArena {{ values, column }} = arena;");
    let _ = writeln!(out, "    let (rate, mut losses) = ([rate], [0.0; {}]);\n{body}", truths.len());
    let _ = writeln!(
        out,
        "    weights.iter_mut().zip(&*updates).for_each(|(weight, update)| *weight += update);\n    losses\n}}"
    );
    out
}
