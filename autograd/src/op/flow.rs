//! What an operation does to the gradient of each of its operands: none is left without an answer.

use super::{Epilogue, Op, Pick};
use tress_tensor::pointwise::{Map, Zip};

/// How a result depends on one operand, as far as derivatives go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Linear, with the other operands as they are: the operation itself, on the tangent, is the forward rule.
    Linear,
    /// A rule of its own gives the cotangent (which may be zero somewhere, as that of `relu` is).
    Rule,
    /// Constant by definition: whoever writes the operation asks for that. The text says in what way.
    Constant(&'static str),
    /// The derivative is zero wherever there is one, which is hardly what a model means.
    NonDifferentiable(NonDifferentiable),
}

impl Flow {
    /// Whether a cotangent can come through.
    pub fn passes(&self) -> bool {
        matches!(self, Flow::Linear | Flow::Rule)
    }

    /// The same on a way that somebody has stopped: that no gradient flows is then meant.
    pub(crate) fn meant(self) -> Self {
        match self {
            Flow::NonDifferentiable(none) => Flow::Constant(none.reason),
            other => other,
        }
    }
}

/// Why an operation has no gradient, and what has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonDifferentiable {
    /// Why no gradient flows.
    pub reason: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

impl Op {
    /// What becomes of the gradient of operand `i`.
    ///
    /// A sweep that would lose a wanted gradient to a [`NonDifferentiable`](Flow::NonDifferentiable) operation, and to no
    /// other, fails and names the operation: see [`Tape::sweep`](crate::Tape::sweep).
    pub fn flow(&self, i: usize) -> Flow {
        use Flow::{Constant, Linear, Rule};
        let linear_in = |operand: usize| if i == operand { Linear } else { Rule };
        match self {
            Op::Map(Map::Neg | Map::Scale(_)) => Linear,
            Op::Map(Map::Sign) => none("sign is piecewise constant", "tanh(k x), a smooth sign"),
            Op::Map(Map::Step) => none("step is piecewise constant", "sigmoid(k x), a smooth step"),
            Op::Map(Map::Floor | Map::Ceil | Map::Round) => {
                none("a rounded number is piecewise constant", "x + (round(x) - x).stop(), straight through")
            }
            Op::Map(Map::IsNan | Map::IsFinite) => none(
                "a question is piecewise constant",
                "select(question, a, b) with differentiable branches",
            ),
            Op::Map(_) => Rule,
            Op::MapGrad(_) => linear_in(1),
            Op::Zip(zip) => match (zip, i) {
                (Zip::Mul, _) | (Zip::Div, 0) => Linear,
                (Zip::Add | Zip::Sub | Zip::Div | Zip::Max | Zip::Min, _) => Rule,
                (Zip::Greater | Zip::GreaterEqual | Zip::Equal, _) => none(
                    "a comparison is piecewise constant",
                    "select(condition, a, b) with differentiable branches, or sigmoid(k (a - b))",
                ),
                // `Zip` may grow: a function that nobody has thought about here is loud.
                _ => none("it has no rule", "functions that have one"),
            },
            Op::Select if i == 0 => Constant("the condition only chooses"),
            Op::Stop => Constant("stopped"),
            Op::MaxPool(_, Pick::Scatter | Pick::Gather) | Op::Sort(_, Pick::Scatter | Pick::Gather) => {
                match i {
                    0 => Constant("it only says which elements are picked"),
                    _ => Linear,
                }
            }
            Op::SignDet => none("the sign of a determinant is piecewise constant", "log_det, or det"),
            Op::Product(product) if product.epilogue == Epilogue::NONE => Linear,
            Op::Conv(conv) if conv.epilogue == Epilogue::NONE => Linear,
            Op::Permute(_) | Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) | Op::Unslice(..) => Linear,
            Op::Flip(_) | Op::Sum(_) | Op::MeanPool(..) | Op::Gather(..) | Op::Scatter(..) => Linear,
            Op::Dropout(_) | Op::RunningSum(..) => Linear,
            Op::SoftmaxGrad | Op::LogSoftmaxGrad | Op::LogSumExpGrad(_) | Op::RowNormWeight(_) => {
                linear_in(1)
            }
            Op::RowNormGrad(_) if i == 2 => Linear,
            Op::RowNormGrad(_) => linear_in(1),
            Op::Solve(_) => linear_in(1),
            Op::Select | Op::Concat(_) | Op::Max(_) | Op::Min(_) => Rule,
            Op::MaxPool(_, Pick::Output) | Op::Sort(_, Pick::Output) => Rule,
            Op::Custom(custom) => custom.op().flow(i),
            Op::Product(_) | Op::Conv(_) | Op::Softmax | Op::LogSoftmax => Rule,
            Op::LogSumExp(_) | Op::RowNorm(_) | Op::Cholesky | Op::LogDet => Rule,
        }
    }
}

fn none(reason: &'static str, instead: &'static str) -> Flow {
    Flow::NonDifferentiable(NonDifferentiable { reason, instead })
}
