//! The function that learns, of an exported crate.

use std::fmt::Write;

use tress::nn::device::{Objective, Plan, Program};

use super::call::{Form, Names};
use super::fit::device;
use super::rust::{Block, Functions, Writer};
use crate::error::Error;

/// A step of learning of a program, and which of the program's weights it changes.
pub(super) struct Learning {
    pub(super) program: Program,
    pub(super) plan: Plan,
    /// For each weight.
    pub(super) learns: Vec<bool>,
}

impl Learning {
    /// A step for the weights of `scope`, or for all.
    ///
    /// # Errors
    /// [`Error::Device`] for a network that devices do not learn, or a scope that has no weight.
    pub(super) fn of(program: &Program, objective: Objective, scope: Option<&str>) -> Result<Self, Error> {
        let inside = |name: &str| {
            scope.is_none_or(|scope| {
                name.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let learns = program.weights().iter().map(|weight| inside(&weight.name)).collect();
        let step = program.learning_of(objective, inside).map_err(device)?;
        let plan = step.plan().map_err(device)?;
        Ok(Self { program: step, plan, learns })
    }

    /// Bytes of RAM besides the arena: the weights that learn, and as many updates.
    pub(super) fn beside(&self, program: &Program) -> usize {
        let learnt = program.weights().iter().zip(&self.learns).filter(|(_, learns)| **learns);
        8 * learnt.map(|(weight, _)| weight.numbers.len()).sum::<usize>()
    }
}

/// The arena and the function of one step.
pub(super) fn source(names: &Names, block: Block, learning: &Learning, functions: &mut Functions) -> String {
    let Learning { program, plan, .. } = learning;
    let numbers = block.numbers[0];
    let updates = block.changing().map(|weight| {
        let range = block.range(weight);
        format!("updates[{}..{}]", range.start, range.end)
    });
    let truths = &names.truths;
    let weights: Vec<String> = (0..learning.learns.len()).map(|weight| block.text(weight)).collect();
    let inputs = [&names.inputs[..], truths, &["rate".to_owned()], &weights].concat();
    let losses = (0..truths.len()).map(|loss| format!("losses[{loss}..{}]", loss + 1));
    let outputs = losses.chain(updates).collect();
    let writer = Writer::new(Form::Floats(program, plan), inputs, outputs, block.clone(), functions);
    let body = writer.float_calls();

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
    let ports = names.inputs.iter().chain(truths).zip(program.inputs());
    for (name, port) in ports {
        let _ = writeln!(out, "    {name}: &[f32; {}],", port.shape.len());
    }
    let _ = writeln!(out, "    rate: f32,\n) -> [f32; {}] {{", truths.len());
    let _ = writeln!(out, "    let LearningArena {{ values: t_values, column: t_column }} = arena;");
    let _ = writeln!(out, "    let (rate, mut losses) = ([rate], [0.0; {}]);\n{body}", truths.len());
    let _ = writeln!(
        out,
        "    weights.iter_mut().zip(&*updates).for_each(|(weight, update)| *weight += update);\n    losses\n}}"
    );
    out
}
