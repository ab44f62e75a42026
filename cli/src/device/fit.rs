//! `tress fit`: what a network takes of a device, before anything is built for it.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use tress::nn::device::{Call, Objective, Plan, Program};
use tress::tensor::pointwise::Zip;

use super::code::Code;
use super::learn::Learning;
use super::model::Model;
use super::target::Target;
use crate::error::{Error, shown};
use crate::progress::say;

/// What `tress fit` is asked.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(
    after_help = "Of each form it says `fits`, where the most that it may take of flash and of RAM is there; `may not fit`, \
    where only the least is: build it to know; or `too little flash` or `RAM`. Exit status, by the better of floats and bytes, or \
    with --learn by learning: 0 it fits, 3 it may not fit, 1 it does not fit, or an error such as a file that is missing, 2 a \
    command line that makes no sense."
)]
pub struct FitArgs {
    /// The folder of a run, a safetensors file with a program in it, or a network without weights yet: lenet,
    /// dense:INPUTS,WIDTH[/FUNCTION],..:NAME=OUTPUTS,.., or
    /// conv:CxHxW,OUTPUTSxHxW[/STEP],dwHxW[/STEP],poolN,meanN,norm,rms,..:NAME=OUTPUTS,..; an output may be OUTPUTS/softmax
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// The kind of device
    #[arg(long, value_enum, default_value_t = Target::M4, value_name = "TARGET")]
    pub target: Target,
    /// Flash of the device, such as 64K, in place of that of the usual part
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub flash: Option<usize>,
    /// RAM of the device
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub ram: Option<usize>,
    /// The network is to learn on the device: that must fit
    #[arg(long)]
    pub learn: bool,
}

/// A number of bytes, with K or M for 1024 of them or 1024 of those.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1024),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1024 * 1024),
        _ => (text, 1),
    };
    match digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit)) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("a number of bytes above 0 is needed, such as 16384, 16K or 1M".to_owned()),
    }
}

/// What a network takes as numbers of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Needs {
    /// Bytes of weights in flash.
    pub(super) weights: usize,
    /// Bytes of the arena.
    pub(super) arena: usize,
    /// Bytes of weights that learn and of their updates; none without learning.
    pub(super) beside: usize,
    /// Bytes of inputs and outputs, which lie outside of the arena.
    pub(super) ports: usize,
    /// What code takes, at least and at most.
    pub(super) code: [usize; 2],
}

/// What is said of a network: the better comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Even the least that it may take is too much.
    No,
    /// The flash or the RAM lies between the bounds.
    Perhaps,
    /// The most that it may take fits.
    Yes,
}

impl Needs {
    /// Bytes of flash, at least and at most.
    fn flash(&self) -> [usize; 2] {
        self.code.map(|code| self.weights.saturating_add(code))
    }

    /// Bytes of RAM, at least and at most: inputs can be constants, and outputs lie in what the stack takes at least.
    fn ram(&self) -> [usize; 2] {
        let known = self.arena.saturating_add(self.beside);
        let [least, most] = Target::STACK;
        [known.saturating_add(least), known.saturating_add(self.ports).saturating_add(most)]
    }

    /// Whether this much memory is enough, and in words.
    fn verdict(&self, flash: usize, ram: usize) -> (Verdict, String) {
        let ([least, most], [least_ram, most_ram]) = (self.flash(), self.ram());
        let lacks = [(least > flash, "flash"), (least_ram > ram, "RAM")];
        let lacking: Vec<&str> = lacks.iter().filter(|lack| lack.0).map(|lack| lack.1).collect();
        if !lacking.is_empty() {
            (Verdict::No, format!("too little {}", lacking.join(" and ")))
        } else if most > flash || most_ram > ram {
            (Verdict::Perhaps, "may not fit".to_owned())
        } else {
            (Verdict::Yes, "fits".to_owned())
        }
    }
}

/// The needs as floats.
pub(super) fn as_floats(program: &Program, plan: &Plan, target: Target) -> Needs {
    let numbers: usize = program.weights().iter().map(|weight| weight.numbers.len()).sum();
    Needs {
        weights: 4 * numbers,
        arena: plan.arena::<f32>(),
        beside: 0,
        ports: 4 * ports(program),
        code: Code::floats(program, plan).bounds(target),
    }
}

/// The needs as bytes: each weight one, with a bias of four and a scale of eight for each output channel, and a table for
/// each function but `relu`.
pub(super) fn as_bytes(program: &Program, target: Target) -> Result<Needs, Error> {
    let plan = program.split().plan().map_err(device)?;
    let of = |weight: usize| program.weights()[weight].numbers.len();
    let weights = plan.calls().iter().map(|placed| match &placed.call {
        Call::Dense { weight, n, .. } => of(*weight) + 12 * n,
        Call::Conv { weight, .. } => of(*weight) + 12 * program.weights()[*weight].shape[0],
        Call::Map(..) => 256,
        _ => 0,
    });
    Ok(Needs {
        weights: weights.sum(),
        arena: plan.arena::<i8>(),
        beside: 0,
        ports: ports(program),
        code: Code::bytes(program, &plan).bounds(target),
    })
}

/// The needs of learning: what is evaluated and a step, in one program, with the weights as they are at first in flash, and in RAM
/// those that learn, as many updates, inputs, truths and losses.
pub(super) fn as_learning(program: &Program, plan: &Plan, learning: &Learning, target: Target) -> Needs {
    let evaluated = as_floats(program, plan, target);
    let truths: usize =
        ports(program) - program.inputs().iter().map(|input| input.shape.len()).sum::<usize>();
    let losses = program.outputs().len();
    Needs {
        // One program evaluates and learns, at different times.
        arena: evaluated.arena + learning.plan.arena::<f32>(),
        beside: learning.beside(program),
        ports: evaluated.ports + 4 * (truths + losses),
        code: Code::learning(program, plan, (&learning.program, &learning.plan)).bounds(target),
        ..evaluated
    }
}

/// Numbers of all inputs and outputs.
fn ports(program: &Program) -> usize {
    let outputs = program.outputs().iter().filter_map(|(_, value)| program.shape(*value));
    let shapes = program.inputs().iter().map(|input| input.shape).chain(outputs);
    shapes.map(|shape| shape.len()).sum()
}

/// Why a network has no form in bytes; `None` if it has one.
fn without_bytes(plan: &Plan) -> Option<&'static str> {
    let lacking = |placed: &tress::nn::device::Placed| match placed.call {
        Call::Softmax(_) | Call::LogSoftmax(_) => Some("softmax has no kernel of bytes; give the scores"),
        Call::RowNorm { .. } => Some("layer norm has no kernel of bytes; batch norm needs none"),
        Call::Zip(Zip::Add | Zip::Sub | Zip::Mul) => None,
        Call::Zip(_) => Some("a function of two numbers has no kernel of bytes"),
        _ => None,
    };
    plan.calls().iter().find_map(lacking)
}

/// An error of the library.
pub(super) fn device(error: tress::nn::Error) -> Error {
    Error::Device(error.to_string())
}

/// Prints what a network takes, and whether that fits.
///
/// # Errors
///
/// [`Error::Data`] for a file that cannot be read, [`Error::Device`] where it fits neither as floats nor as bytes, and
/// [`Error::Unsure`] where the memory lies between the bounds of the form that takes least.
pub fn fit(args: &FitArgs) -> Result<(), Error> {
    let model = Model::read(&args.model)?;
    let (text, verdict) = report(&model.program, args)?;
    say(text.trim_end());
    let name = args.target.name();
    match verdict {
        Verdict::Yes => Ok(()),
        Verdict::Perhaps => Err(Error::Unsure(format!(
            "it may not fit {name}: the memory lies between the bounds; export it and look at what the build takes"
        ))),
        Verdict::No if args.learn => {
            Err(Error::Device(format!("it does not fit {name} where it is to learn")))
        }
        Verdict::No => Err(Error::Device(format!("it does not fit {name}, neither as floats nor as bytes"))),
    }
}

/// The report, and what is said of the form that fits best.
pub(super) fn report(program: &Program, args: &FitArgs) -> Result<(String, Verdict), Error> {
    let plan = program.plan().map_err(device)?;
    let [flash, ram] = args.target.memory();
    let (flash, ram) = (args.flash.unwrap_or(flash), args.ram.unwrap_or(ram));
    let mut out = String::new();
    let target = args.target;
    let _ = writeln!(out, "{} ({}): {flash} bytes of flash, {ram} of RAM", target.name(), target.triple());
    for input in program.inputs() {
        let _ = writeln!(out, "input {} {}", shown(&input.name), input.shape);
    }
    for (name, value) in program.outputs() {
        let shape = program.shape(*value).map_or(String::new(), |shape| shape.to_string());
        let _ = writeln!(out, "output {} {shape}", shown(name));
    }
    let _ = writeln!(out, "{} multiply-adds\n", plan.multiply_adds());
    let row = ["", "weights", "flash from", "flash up to", "arena", "in, out", "RAM from", "RAM up to", ""];
    let mut line = |row: [String; 9]| {
        let [name, figures @ .., verdict] = row;
        let [a, b, c, d, e, f, g] = figures;
        let _ = writeln!(out, "{name:<9}{a:>8}{b:>12}{c:>13}{d:>10}{e:>9}{f:>10}{g:>11}  {verdict}");
    };
    line(row.map(str::to_owned));
    let learning = Learning::of(program, Objective::Squares, None);
    let refused = without_bytes(&plan);
    let mut rows = vec![
        ("floats", as_floats(program, &plan, target), None),
        ("bytes", as_bytes(program, target)?, refused.map(str::to_owned)),
    ];
    match &learning {
        Ok(learning) => rows.push(("learning", as_learning(program, &plan, learning, target), None)),
        Err(error) if args.learn => return Err(Error::Device(error.to_string())),
        Err(_) => {}
    }
    let mut best = Verdict::No;
    for (name, needs, refused) in rows {
        let (verdict, words) = needs.verdict(flash, ram);
        if refused.is_none() && (name == "learning") == args.learn {
            best = best.max(verdict);
        }
        let words = refused.unwrap_or(words);
        let ([least, most], [least_ram, most_ram]) = (needs.flash(), needs.ram());
        let ports = needs.ports + needs.beside;
        let figures = [needs.weights, least, most, needs.arena, ports, least_ram, most_ram];
        let [a, b, c, d, e, f, g] = figures.map(|figure| figure.to_string());
        line([name.to_owned(), a, b, c, d, e, f, g, words]);
    }
    if let Ok(learning) = learning {
        let (arena, beside) = (learning.plan.arena::<f32>(), learning.beside(program));
        let _ = writeln!(
            out,
            "\nA step of learning: arena {arena}, weights and updates {beside}, {} multiply-adds. The row has room to evaluate as well.",
            learning.plan.multiply_adds()
        );
    }
    let _ = write!(
        out,
        "\nThe arena is exact. Flash is that of the crate that `tress export --rust` writes, built for size, in the least program \
         around it; its bounds come from what was measured of kernels, functions and calls. {} bytes of RAM at least and {} at most \
         are for the stack. `embedded/run` holds all of them against the networks that it builds, and `embedded/bounds` against others.",
        Target::STACK[0],
        Target::STACK[1]
    );
    Ok((out, best))
}
