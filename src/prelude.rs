//! What the author of a model needs, in one line: `use tress::prelude::*;`.
//!
//! The traits [`Pointwise`], [`Arrange`], [`Reduce`], [`Scan`], [`Matrix`], [`Windows`] and [`Fused`] are what every kind of
//! value can do beyond `+ - * /`.
//! Left out on purpose: errors (each crate has its own, and `?` into a `Box<dyn Error>` takes them all), and whatever
//! only extends the library, such as [`Op`](crate::autograd::Op).

pub use crate::tensor::pointwise::{Map, Zip};
pub use crate::tensor::{Axes, Shape, Tensor, Window};

pub use crate::autograd::transform::{
    Held, Nested, checkpoint, custom_vjp, grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize,
    value_and_grad, vjp, vmap, vmap_axes,
};
pub use crate::autograd::{
    Arrange, Dual, Eager, Fused, Matrix, Outline, Pointwise, Reduce, Scan, Sliding, Stacked, Symbol, Tape,
    Value, Var, Windows, einsum,
};

pub use crate::nn::{
    Activation, Adam, AttentionMask, BatchNorm, Batches, Bound, Conv1d, Conv2d, ConvTranspose2d,
    CrossEntropy, Dense, Dropout, Embedding, EncoderBlock, Flatten, GlobalMeanPool, Gradient, Init, Labels,
    Layer, LayerNorm, Lengths, Loss, MaxPool2d, MeanPool2d, MultiHeadAttention, Optimiser, Over, Params,
    Recurrent, Residual, RmsNorm, Schedule, Scope, Sequential, Sgd, SpatialDropout, Upsample, cross_entropy,
    mse,
};

pub use crate::nn::model::{Model, Wiring};

pub use crate::mtl::architecture::{Architecture, Features};
pub use crate::mtl::balance::{Equal, Method, Mgda, PcGrad, Uncertainty, Weighting};
pub use crate::mtl::measure::{Better, delta_m};
pub use crate::mtl::network::{Input, Network, Objective, Score, Targets, Task, lenet};
pub use crate::mtl::sharing::cut;
pub use crate::mtl::sweep::{Balanced, balanced};
