//! The closed set of operations.
//!
//! It is closed under transposition: the reverse rule of every operation is written in operations of this set, so a
//! gradient is an ordinary program that can be differentiated again. To add one, follow what the compiler lists: the
//! arms in [`infer`](Op::infer), `eval`, `vjp` and `name`.

mod eval;
mod flow;
mod infer;
mod known;
mod settings;
mod shared;

use crate::procedure::Custom;
pub use flow::{Flow, NonDifferentiable};
pub use known::Operation;
pub use settings::Settings;
pub(crate) use shared::Shared;
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Axes, Error, Shape, Tensor, Window};

pub use tress_tensor::{RowNorm, Solve, Sort, System};

/// An operation with its settings; the operands come separately.
///
/// `[..]` names shapes, `g` a cotangent of the result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    // Pointwise: operands of one shape. Broadcasting is an `Expand` that the front end puts in.
    /// `f(x)`.
    Map(Map),
    /// `(kept, g) -> g f'(kept)`: the reverse and the forward rule of `Map` in one pass; see `Map::keep`.
    MapGrad(Map),
    /// `f(a, b)`.
    Zip(Zip),
    /// `(condition, a, b)`: `a` where the condition is not zero, else `b`.
    Select,
    /// `x`, as a constant: no gradient flows.
    Stop,

    // Layout: views, and their transposes.
    /// The axes in another order.
    Permute(Order),
    /// The same elements under another shape.
    Reshape(Shape),
    /// Axes of length 1 repeated, and new ones put in front.
    Expand(Shape),
    /// Part of an axis.
    Slice(Slice),
    /// Zeros with the operand at the places that [`Slice`] would take from an axis of length `len`: its transpose.
    Unslice(Slice, usize),
    /// An axis run backwards.
    Flip(usize),
    /// Any number of operands end to end along an axis.
    Concat(usize),

    // Reductions: the axes vanish.
    /// The sum along axes.
    Sum(Axes),
    /// The largest along axes; of equal ones each gets its share of the gradient.
    Max(Axes),
    /// The smallest along axes; of equal ones each gets its share of the gradient.
    Min(Axes),
    /// The sum of all up to each element along an axis, or from each on if the flag is set: the transpose.
    RunningSum(usize, bool),

    // Multilinear.
    /// `a [.., m, k]`, `b [.., k, n]` -> `[.., m, n]`.
    Product(Product),
    /// One of the three partial evaluations of the convolution form.
    Conv(Conv),

    // Systems of linear equations, for `[.., n, n]`.
    /// `(a, b [.., n, m]) -> x` with `a x = b`.
    Solve(Solve),
    /// The lower triangular `l` with `l l^T = a`; reads the lower triangle of `a` alone.
    Cholesky,
    /// The logarithm of the determinant's absolute value.
    LogDet,
    /// The sign of the determinant.
    SignDet,

    // Windows.
    /// The largest in each window, and its linear companions.
    MaxPool(Window, Pick),
    /// The mean of each window, or its transpose.
    MeanPool(Window, Role),

    /// The first numbers of the sorted last axis, and the linear companions.
    Sort(Sort, Pick),

    // Indices.
    /// `x[index]` along an axis: the axis becomes the axes of the index.
    Gather(usize, Index),
    /// The transpose of `Gather` on an axis of length `len`: adds what has the same index.
    Scatter(usize, Index, usize),

    // Fused, along the last axis.
    /// `exp(x) / sum exp(x)`.
    Softmax,
    /// `x - ln sum exp(x)`.
    LogSoftmax,
    /// `(y, g) -> y (g - sum g y)`: the reverse rule of `Softmax`, by its output.
    SoftmaxGrad,
    /// `(y, g) -> g - exp(y) sum g`: the reverse rule of `LogSoftmax`, by its output.
    LogSoftmaxGrad,

    /// `ln sum exp(x)`, with labels less `x[label]`: the cross entropy of each row.
    LogSumExp(Option<Index>),
    /// `(x, g) -> g softmax(x)`, with labels less `g` at the label: the reverse rule of `LogSumExp`.
    LogSumExpGrad(Option<Index>),
    /// `(x, weight?, bias?)`: layer norm or RMS norm.
    RowNorm(RowNorm),
    /// `(x, g, weight?)`: the reverse rule of `RowNorm` for `x`; linear in `g` and `weight`, without which it is symmetric.
    RowNormGrad(RowNorm),
    /// `(x, g)`: the reverse rule of `RowNorm` for its weight; linear in `g`.
    RowNormWeight(RowNorm),
    /// An operation that is defined outside of this crate.
    Custom(Custom),

    /// Zero with probability `rate`, else `x / (1 - rate)`; which ones follows from the seed and the place alone.
    Dropout(Dropout),
}

/// A permutation of axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    axes: [u8; Shape::MAX_RANK],
    rank: u8,
}

impl Order {
    /// Axis `i` of the result is axis `axes[i]` of the operand.
    ///
    /// # Errors
    /// Not a permutation.
    pub fn new(axes: &[usize]) -> Result<Self, Error> {
        let lengths = Shape::named("permute", &[1; Shape::MAX_RANK][..axes.len().min(Shape::MAX_RANK)])?;
        tress_tensor::Layout::contiguous(lengths).permute(axes)?;
        let mut order = Self { axes: [0; Shape::MAX_RANK], rank: axes.len() as u8 };
        for (to, &from) in order.axes.iter_mut().zip(axes) {
            *to = from as u8;
        }
        Ok(order)
    }

    /// The axes of the operand, in the order of the result.
    pub fn axes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.axes[..self.rank as usize].iter().map(|&axis| axis as usize)
    }

    /// The permutation that undoes this one.
    pub fn inverse(&self) -> Self {
        let mut inverse = *self;
        for (to, from) in self.axes().enumerate() {
            inverse.axes[from] = to as u8;
        }
        inverse
    }

    /// The same permutation behind a new first axis that stays in front.
    ///
    /// # Errors
    /// Too many axes.
    pub fn behind_one(&self) -> Result<Self, Error> {
        let mut axes = [0; Shape::MAX_RANK + 1];
        for (to, from) in self.axes().enumerate() {
            axes[to + 1] = from + 1;
        }
        Self::new(&axes[..=self.rank as usize])
    }
}

/// Every `step`-th index of `axis` from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first index.
    pub start: usize,
    /// One past the last index.
    pub end: usize,
    /// The step; at least 1.
    pub step: usize,
}

/// What a product does before and after multiplying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Product {
    /// Whether the last two axes of each operand are to be read exchanged.
    pub transposed: [bool; 2],
    /// What is done to the result while it is still in registers.
    pub epilogue: Epilogue,
}

/// A bias to add and a function to apply, in the same pass as the multilinear operation before them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Epilogue {
    /// Whether a third operand is added: one number for each column of a product, each channel of a convolution.
    pub bias: bool,
    /// The function applied last; only those whose derivative needs the output alone (`Keep::Output`).
    pub activation: Option<Map>,
}

impl Epilogue {
    /// Nothing.
    pub const NONE: Epilogue = Epilogue { bias: false, activation: None };
}

/// A two-dimensional convolution (cross-correlation, as in every framework of the field): images `[N, C, H, W]`, weights
/// `[O, C / groups, kh, kw]`, result `[N, O, oh, ow]`.
///
/// It is one trilinear form `T(x, w, y) = sum x[n, c, p s + r d - pad] w[o, c, r] y[n, o, p]` of images, weights and
/// results; each role fixes two of the three and gives the third.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// How the kernel lies over the image.
    pub window: Window,
    /// Into how many independent parts the channels fall.
    pub groups: usize,
    /// What is given, and what comes out.
    pub role: ConvRole,
    /// For the forward role only.
    pub epilogue: Epilogue,
}

impl Conv {
    /// The name as programs and messages print it.
    pub fn name(&self) -> &'static str {
        match self.role {
            ConvRole::Output => "conv2d",
            ConvRole::Image => "conv2d_image",
            ConvRole::Weight => "conv2d_weight",
        }
    }
}

/// Which operand of the convolution form comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvRole {
    /// `(x, w) -> y`.
    Output,
    /// `(w, y) -> x`: the gradient of the image, also known as transposed convolution.
    Image,
    /// `(x, y) -> w`: the gradient of the weights.
    Weight,
}

/// Elements picked by their size (the first maximum of each window, the order of a row), or a linear map that goes by
/// their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// `x -> y`: the elements picked.
    Output,
    /// `(x, g)`: puts each `g` at the place of its element in `x`, adding where several have the same.
    Scatter,
    /// `(x, t)`: takes from `t` the elements at the places of those picked from `x`.
    Gather,
}

/// A linear map or its transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The map itself.
    Output,
    /// The transpose.
    Transpose,
}

/// Whole numbers that pick elements along an axis.
///
/// Counted, so that the operations that hold one stay small.
#[derive(Clone, Debug)]
pub struct Index(Shared<Places>);

#[derive(Debug)]
struct Places {
    places: Tensor<u32>,
    largest: Option<u32>,
}

impl Index {
    /// An index of any shape.
    pub fn new(places: &Tensor<u32>) -> Self {
        let places = places.contiguous();
        let largest = places.as_slice().and_then(|all| all.iter().max().copied());
        Self(Shared::new(Places { places, largest }))
    }

    /// The places.
    pub fn places(&self) -> &Tensor<u32> {
        &self.0.places
    }

    /// The same index `k` times along a new first axis.
    ///
    /// # Errors
    /// Too many axes or elements.
    pub fn repeated(&self, k: usize) -> Result<Self, Error> {
        let places = self.places();
        Ok(Self::new(&places.expand(places.shape().insert(0, k)?)?))
    }

    /// The largest place, if there is any.
    pub fn largest(&self) -> Option<u32> {
        self.0.largest
    }
}

/// The settings of dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The probability of a zero, in `0.0..1.0`.
    pub rate: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Op {
    /// The name as programs and messages print it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Map(map) => map.name(),
            Op::MapGrad(_) => "map_grad",
            Op::Zip(zip) => zip.name(),
            Op::Select => "select",
            Op::Stop => "stop",
            Op::Permute(_) => "permute",
            Op::Reshape(_) => "reshape",
            Op::Expand(_) => "expand",
            Op::Slice(_) => "slice",
            Op::Unslice(..) => "unslice",
            Op::Flip(_) => "flip",
            Op::Concat(_) => "concat",
            Op::Sum(_) => "sum",
            Op::Max(_) => "max_along",
            Op::Min(_) => "min_along",
            Op::RunningSum(..) => "running_sum",
            Op::Product(_) => "matmul",
            Op::Conv(conv) => conv.name(),
            Op::Solve(_) => "solve",
            Op::Cholesky => "cholesky",
            Op::LogDet => "log_det",
            Op::SignDet => "sign_det",
            Op::MaxPool(_, Pick::Output) => "max_pool",
            Op::MaxPool(_, Pick::Scatter) => "max_pool_scatter",
            Op::MaxPool(_, Pick::Gather) => "max_pool_gather",
            Op::MeanPool(_, Role::Output) => "mean_pool",
            Op::MeanPool(_, Role::Transpose) => "mean_pool_transpose",
            Op::Sort(_, Pick::Output) => "sort",
            Op::Sort(_, Pick::Scatter) => "sort_scatter",
            Op::Sort(_, Pick::Gather) => "sort_gather",
            Op::Gather(..) => "gather",
            Op::Scatter(..) => "scatter",
            Op::Softmax => "softmax",
            Op::LogSoftmax => "log_softmax",
            Op::SoftmaxGrad => "softmax_grad",
            Op::LogSoftmaxGrad => "log_softmax_grad",
            Op::LogSumExp(None) => "log_sum_exp",
            Op::LogSumExp(Some(_)) => "cross_entropy",
            Op::LogSumExpGrad(None) => "log_sum_exp_grad",
            Op::LogSumExpGrad(Some(_)) => "cross_entropy_grad",
            Op::RowNorm(RowNorm { centred: true, .. }) => "layer_norm",
            Op::RowNorm(RowNorm { centred: false, .. }) => "rms_norm",
            Op::RowNormGrad(RowNorm { centred: true, .. }) => "layer_norm_grad",
            Op::RowNormGrad(RowNorm { centred: false, .. }) => "rms_norm_grad",
            Op::RowNormWeight(RowNorm { centred: true, .. }) => "layer_norm_weight",
            Op::RowNormWeight(RowNorm { centred: false, .. }) => "rms_norm_weight",
            Op::Custom(custom) => custom.op().name(),
            Op::Dropout(_) => "dropout",
        }
    }

    /// What the operation does after its multilinear part, if it has such a part.
    pub(crate) fn epilogue(&self) -> Epilogue {
        match self {
            Op::Product(product) => product.epilogue,
            Op::Conv(conv) => conv.epilogue,
            _ => Epilogue::NONE,
        }
    }

    /// The operation without its epilogue.
    pub(crate) fn bare(&self) -> Op {
        match self {
            Op::Product(product) => Op::Product(Product { epilogue: Epilogue::NONE, ..*product }),
            Op::Conv(conv) => Op::Conv(Conv { epilogue: Epilogue::NONE, ..*conv }),
            other => other.clone(),
        }
    }

    /// The same choice of elements in another role.
    pub(crate) fn picking(&self, role: Pick) -> Op {
        match self {
            Op::MaxPool(window, _) => Op::MaxPool(*window, role),
            Op::Sort(sort, _) => Op::Sort(*sort, role),
            other => other.clone(),
        }
    }
}
