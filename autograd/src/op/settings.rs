//! The settings of an operation as programs print them behind its name: `sum(axis 0)`, `scale(0.5)`.

use super::{Conv, Epilogue, Op, Pick, Product, RowNorm, Slice, Solve, Sort, System};
use alloc::format;
use alloc::string::String;
use core::fmt::{self, Write};
use tress_tensor::pointwise::Map;
use tress_tensor::{Axes, Window};

/// Prints the settings of an operation in brackets, and nothing for one that has none or whose settings are the shape of its
/// result.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(&'a Op);

impl Op {
    /// The settings, to be printed behind the [`name`](Op::name).
    ///
    /// ```
    /// use tress_autograd::Op;
    /// use tress_autograd::op::Slice;
    ///
    /// let slice = Op::Slice(Slice { axis: 1, start: 0, end: 6, step: 2 });
    /// assert_eq!(format!("{}{}", slice.name(), slice.settings()), "slice(axis 1, 0..6 by 2)");
    /// assert_eq!(Op::Softmax.settings().to_string(), "");
    /// ```
    pub fn settings(&self) -> Settings<'_> {
        Settings(self)
    }
}

impl Settings<'_> {
    /// The settings without brackets; empty where there are none.
    pub fn bare(&self) -> String {
        text(self.0)
    }
}

impl fmt::Display for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = text(self.0);
        if text.is_empty() { Ok(()) } else { write!(f, "({text})") }
    }
}

fn text(op: &Op) -> String {
    match op {
        Op::Map(map) => numbers(map),
        Op::MapGrad(map) => match numbers(map) {
            none if none.is_empty() => map.name().into(),
            some => format!("{} {some}", map.name()),
        },
        Op::Permute(order) => list(order.axes()),
        Op::Slice(slice) => places(slice),
        Op::Unslice(slice, len) => format!("{} of {len}", places(slice)),
        Op::Flip(axis) | Op::Concat(axis) | Op::Gather(axis, _) | Op::Scatter(axis, ..) => {
            format!("axis {axis}")
        }
        Op::RunningSum(axis, false) => format!("axis {axis}"),
        Op::RunningSum(axis, true) => format!("axis {axis}, from the end"),
        Op::Sum(axes) | Op::Max(axes) | Op::Min(axes) => along(axes),
        Op::Product(product) => multiplied(product),
        Op::Conv(conv) => convolved(conv),
        Op::Solve(solve) => solved(solve),
        Op::MaxPool(window, _) | Op::MeanPool(window, _) => {
            let [height, width] = window.kernel;
            joined(&[format!("{height} x {width}"), slid(window)])
        }
        Op::Sort(Sort { descending, keep }, Pick::Output | Pick::Scatter | Pick::Gather) => {
            format!("{}, the first {keep}", if *descending { "falling" } else { "rising" })
        }
        Op::RowNorm(RowNorm { epsilon, .. })
        | Op::RowNormGrad(RowNorm { epsilon, .. })
        | Op::RowNormWeight(RowNorm { epsilon, .. }) => format!("epsilon {epsilon}"),
        Op::Dropout(dropout) => format!("{}, seed {}", dropout.rate, dropout.seed),
        Op::Zip(_) | Op::Select | Op::Stop | Op::Reshape(_) | Op::Expand(_) => String::new(),
        Op::Cholesky | Op::LogDet | Op::SignDet | Op::Custom(_) => String::new(),
        Op::Softmax | Op::LogSoftmax | Op::SoftmaxGrad | Op::LogSoftmaxGrad => String::new(),
        Op::LogSumExp(_) | Op::LogSumExpGrad(_) => String::new(),
    }
}

/// The numbers of a function, as they stand in its name: `-1.0, 1.0` of `Clamp(-1.0, 1.0)`.
fn numbers(map: &Map) -> String {
    let all = format!("{map:?}");
    all.split_once('(').map_or_else(String::new, |(_, numbers)| numbers.trim_end_matches(')').into())
}

fn list(all: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for number in all {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{number}", if text.is_empty() { "" } else { ", " });
    }
    text
}

fn along(axes: &Axes) -> String {
    match axes.iter().count() {
        0 => String::new(),
        1 => format!("axis {}", list(axes.iter())),
        _ => format!("axes {}", list(axes.iter())),
    }
}

fn places(slice: &Slice) -> String {
    let Slice { axis, start, end, step } = slice;
    let by = if *step == 1 { String::new() } else { format!(" by {step}") };
    format!("axis {axis}, {start}..{end}{by}")
}

/// What there is to say, with commas between.
fn joined(parts: &[String]) -> String {
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        text.push_str(if text.is_empty() { "" } else { ", " });
        text.push_str(part);
    }
    text
}

fn multiplied(product: &Product) -> String {
    let transposed = match product.transposed {
        [false, false] => "",
        [true, false] => "left transposed",
        [false, true] => "right transposed",
        [true, true] => "both transposed",
    };
    joined(&[transposed.into(), after(&product.epilogue)])
}

/// What follows the multilinear part: `plus bias, tanh`.
fn after(epilogue: &Epilogue) -> String {
    let bias = if epilogue.bias { "plus bias" } else { "" };
    joined(&[bias.into(), epilogue.activation.map_or_else(String::new, |map| map.name().into())])
}

fn convolved(conv: &Conv) -> String {
    let groups = if conv.groups == 1 { String::new() } else { format!("{} groups", conv.groups) };
    joined(&[slid(&conv.window), groups, after(&conv.epilogue)])
}

/// How a window slides, as far as it is not step by step over a bare image.
fn slid(window: &Window) -> String {
    let pair = |name: &str, [height, width]: [usize; 2], usual: usize| match [height, width] {
        both if both == [usual; 2] => String::new(),
        [height, width] => format!("{name} {height} x {width}"),
    };
    let pad = match window.pad {
        [[0, 0], [0, 0]] => String::new(),
        [[top, bottom], [left, right]] => format!("padding {top} {bottom} x {left} {right}"),
    };
    joined(&[pair("stride", window.stride, 1), pad, pair("dilation", window.dilation, 1)])
}

fn solved(solve: &Solve) -> String {
    let system = match solve.system {
        System::General => "",
        System::Triangular { lower: true, unit: false } => "lower triangle",
        System::Triangular { lower: false, unit: false } => "upper triangle",
        System::Triangular { lower: true, unit: true } => "lower triangle, diagonal 1",
        System::Triangular { lower: false, unit: true } => "upper triangle, diagonal 1",
    };
    joined(&[system.into(), if solve.transposed { "transposed" } else { "" }.into()])
}
