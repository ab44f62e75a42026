//! Parameters, layers, losses and optimisers on top of [`tress_autograd`].
//!
//! All numbers of a model lie in one block, [`Params`]. Layers are plain data that name places of it: they hold neither
//! numbers nor a type of number, so one model runs on every kind of value. What runs it is chosen where the parameters
//! are *bound*:
//!
//! | | parameters are | the model then |
//! |---|---|---|
//! | [`params.on(&tape)`](Params::on) | leaves of a tape | can be differentiated |
//! | [`params.eager()`](Params::eager) | tensors | computes, and records nothing |
//! | [`params.outline()`](Params::outline) | shapes | is checked before any work is done |
//! | [`params.bind(..)`](Params::bind) | what you make of them | runs on any other kind |
//!
//! A [`gradient`](Gradient::gradient) is a block of the same layout, so an [`Optimiser`] takes one pass over two blocks,
//! [`mod@file`] writes one, and weights in flash are used [where they lie](Params::from_static).
//!
//! A wrong shape in a model is neither a panic nor a `?`: the call that asks for a result reports the layer, both shapes,
//! what to do, and the line of the model. Everything random (first numbers, dropout, shuffles) follows from seeds and is
//! the same on every target.
//!
//! | family | layers |
//! |---|---|
//! | dense | [`Dense`], [`Bilinear`], [`Embedding`] |
//! | convolution | [`Conv1d`], [`Conv2d`], [`ConvTranspose1d`], [`ConvTranspose2d`], [`SeparableConv1d`], [`SeparableConv2d`] |
//! | pooling | [`MaxPool1d`], [`MaxPool2d`], [`MeanPool1d`], [`MeanPool2d`], [`GlobalMaxPool`], [`GlobalMeanPool`]; to a size: [`AdaptiveMaxPool2d`], [`AdaptiveMeanPool2d`] and their forms for sequences |
//! | norms | [`BatchNorm`], [`LayerNorm`], [`RmsNorm`], [`GroupNorm`], [`InstanceNorm`] |
//! | dropout | [`Dropout`], [`SpatialDropout`] |
//! | sequences | [`Recurrent`] (simple, GRU, LSTM) and its [`Ending`], [`MultiHeadAttention`], [`EncoderBlock`], [`Sinusoidal`], [`Rotary`], with [`Lengths`] and [`AttentionMask`] |
//! | shapes | [`Flatten`], [`Reshape`], [`Permute`], [`LastStep`], [`Upsample`], [`Upsample1d`], [`Pad1d`], [`Pad2d`] |
//! | composition | [`Sequential`], [`Residual`], or a struct of your own that is a [`Layer`] |
//! | activations | every function by name ([`Map`](tress_tensor::pointwise::Map)), [`Activation`], [`Prelu`] |
//!
//! Running a model changes nothing. What moves in training beside the trained parameters, such as the running statistics of
//! batch norm, comes out of the bound parameters as [`Renewed`] state.
//!
//! The crate builds without `std`; then the features of the crates below choose where mathematics comes from.
//!
//! # A network in thirty lines
//!
//! Two dense layers learn the exclusive or:
//!
//! ```
//! use tress_autograd::{Tape, Value};
//! use tress_nn::{Adam, Bound, Dense, Gradient, Labels, Layer, Optimiser, Params, cross_entropy, metric};
//! use tress_tensor::{Tensor, pointwise::Map};
//!
//! struct Network {
//!     hidden: Dense,
//!     output: Dense,
//! }
//!
//! impl Layer for Network {
//!     fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
//!         self.output.apply(bound, &self.hidden.apply(bound, x))
//!     }
//! }
//!
//! let mut params = Params::<f32>::new(7);
//! let network = Network {
//!     hidden: Dense::new(&mut params.scope("hidden"), 2, 16)?.activation(Map::Tanh),
//!     output: Dense::new(&mut params.scope("output"), 16, 2)?,
//! };
//! let x = Tensor::new([4, 2], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
//! let labels = Labels::new([0, 1, 1, 0], 2)?;
//!
//! let mut optimiser = Adam::new(0.05);
//! let mut tape = Tape::new();
//! for _ in 0..100 {
//!     let bound = params.on(&tape);
//!     let loss = cross_entropy(&network.apply(&bound, &tape.var(x.clone())), &labels);
//!     let gradient = loss.gradient(&bound)?;
//!     tape.reset(); // lets go of the parameters, so that the step changes them in place
//!     optimiser.step(&mut params, &gradient)?;
//! }
//!
//! let logits = network.apply(&params.eager(), &x.into());
//! assert_eq!(metric::correct(logits.tensor()?, &labels)?, 4);
//! # Ok::<(), tress_nn::Error>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod data;
pub mod device;
mod error;
pub mod file;
mod init;
pub mod layer;
pub mod loss;
pub mod metric;
pub mod model;
pub mod onnx;
pub mod optim;
mod params;
mod pattern;
mod random;
pub mod search;
pub mod train;

pub use data::{Batches, shuffle};
pub use error::Error;
pub use init::Init;
pub use layer::{
    Activation, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool1d, AdaptiveMeanPool2d, AttentionMask,
    BatchNorm, Bilinear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dense, Dropout, Embedding,
    EncoderBlock, Ending, Flatten, GlobalMaxPool, GlobalMeanPool, GroupNorm, InstanceNorm, LastStep, Layer,
    LayerNorm, Lengths, MaxPool1d, MaxPool2d, MeanPool1d, MeanPool2d, MultiHeadAttention, Pad1d, Pad2d,
    PaddingMode, Permute, Prelu, Recurrent, Reshape, Residual, RmsNorm, Rotary, SeparableConv1d,
    SeparableConv2d, Sequential, Sinusoidal, SpatialDropout, Upsample, Upsample1d,
};
pub use loss::{CrossEntropy, Labels, Loss, Over, cross_entropy, mse};
pub use optim::{Adam, Lion, Optimiser, RmsProp, Schedule, Sgd};
pub use params::{Bound, Covered, Entry, Gradient, Handle, Leaves, Mode, Params, Renewed, Scope, Statistics};
pub use random::{Random, mix};
