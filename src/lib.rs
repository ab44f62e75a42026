//! Tensors, reverse-mode autodiff, neural networks and multi-task learning, in Rust from the ground up.
//!
//! # Four crates, one direction
//!
//! | module | what it is | depends on |
//! |---|---|---|
//! | [`tensor`] | strided tensors, their kernels, the memory that they live in | |
//! | [`autograd`] | a closed set of operations, their rules, the kinds of value that run them | [`tensor`] |
//! | [`nn`] | parameters, layers, losses, optimisers | [`autograd`] |
//! | [`mtl`] | networks for several tasks, and the balancing of their gradients | [`nn`] |
//!
//! Each is a crate of its own with an essay at its root. This one re-exports them, and its [`prelude`] brings what the
//! author of a model needs.
//!
//! # Three ideas to read the code by
//!
//! **A model is written once and run by different values.** Layers and losses are generic over
//! [`Value`](autograd::Value). With [`Eager`](autograd::Eager) they compute; with [`Var`](autograd::Var) they also record
//! themselves on a [`Tape`](autograd::Tape), which is swept backwards for a gradient; with [`Dual`](autograd::Dual) they
//! carry a derivative forwards; with [`Outline`](autograd::Outline) they work out shapes and nothing else. The kinds nest,
//! so that a gradient can be differentiated again.
//!
//! **Mistakes are values.** A wrong shape in a model needs no `?` and does not panic: the first mistake is kept with its
//! line in the source, and the call that asks for a number reports it.
//!
//! **Numbers live in one block.** [`Params`](nn::Params) holds all numbers of a model; layers hold places in it. A gradient
//! is a block of the same layout, an optimiser step is one pass, and the gradients of K losses are the K rows of a matrix.
//!
//! # Features
//!
//! `std` and `rayon` (threads) are on by default. Without them the four crates need `alloc` only and give the same results on
//! one thread. `libm` takes the elementary functions of `f64` from the crate of that name even where the system has its
//! own, for the same last bits everywhere.
//!
//! # Two tasks, one trunk, one balanced step
//!
//! ```
//! use tress::prelude::*;
//!
//! // Eight features shared by two heads: which of three classes, and one real number.
//! let mut params = Params::<f32>::new(7);
//! let trunk = Sequential::new().then(Dense::new(&mut params.scope("trunk"), 4, 8)?.activation(Map::Tanh));
//! let kind = Sequential::new().then(Dense::new(&mut params.scope("kind"), 8, 3)?);
//! let size = Sequential::new().then(Dense::new(&mut params.scope("size"), 8, 1)?);
//! let tasks = vec![Task::new("kind", Objective::Classes(3), kind), Task::new("size", Objective::Numbers(1), size)];
//! let network = Network::single_input(trunk, tasks)?;
//!
//! // Six samples and their truth.
//! let samples = Tensor::from_fn([6, 4], |i| ((5 * i[0] + 3 * i[1]) % 7) as f32 / 3.0 - 1.0)?;
//! let sizes = Tensor::from_fn([6, 1], |i| i[0] as f32 / 6.0)?;
//! let targets = [Targets::Classes(Labels::new([0, 1, 2, 0, 1, 2], 3)?), Targets::Numbers(sizes)];
//!
//! let (mut tape, mut adam, mut method) = (Tape::new(), Adam::new(0.01), PcGrad::new(7));
//! let mut losses = Vec::new();
//! for _ in 0..2 {
//!     let bound = params.on(&tape); // the parameters, as leaves of the tape
//!     let features = network.features(&bound, &[("input", &tape.var(samples.clone()))])?;
//!     let each = network.losses(&network.outputs(&bound, &features), &targets)?;
//!     // What the tasks share is read off the tape and ends at `cut`. Each head is swept once, the trunk once for both
//!     // tasks; PCGrad weighs the two gradients that meet there.
//!     let step = balanced(&each, &cut(&each, &bound)?, &bound, &params, &mut method)?;
//!     tape.reset();
//!     adam.step(&mut params, &step.gradient)?;
//!     losses.push(step.losses);
//! }
//! assert!(losses[1][0] < losses[0][0] && losses[1][1] < losses[0][1], "one step made both tasks better");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

pub use tress_autograd as autograd;
pub use tress_mtl as mtl;
pub use tress_nn as nn;
pub use tress_tensor as tensor;

pub mod prelude;

// The code in these pages is compiled and run by `cargo test`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../ARCHITECTURE.md")]
struct Architecture;

#[cfg(doctest)]
#[doc = include_str!("../CONTRIBUTING.md")]
struct Contributing;

#[cfg(doctest)]
#[doc = include_str!("../docs/conventions.md")]
struct Conventions;

#[cfg(doctest)]
#[doc = include_str!("../docs/data.md")]
struct Data;

#[cfg(doctest)]
#[doc = include_str!("../docs/embedded.md")]
struct Embedded;

#[cfg(doctest)]
#[doc = include_str!("../docs/tape-json.md")]
struct TapeJson;
