//! Strided tensors with handwritten SIMD and rayon kernels.
//!
//! # A tensor is a buffer and a layout
//!
//! A [`Tensor`] shares a reference-counted buffer with all its views; a [`Layout`] says where in it the elements lie:
//! a shape, a **signed** stride for each axis, an offset. Permuting, slicing with steps, flipping, expanding, taking
//! windows and most reshaping change the layout alone. Writing copies first if anyone else can see the numbers. Buffers
//! come from a [`pool`] and go back to it, so that work that repeats itself asks the system for no memory.
//!
//! # How a kernel comes about
//!
//! 1. The method of [`Tensor`] checks shapes. Nothing after it can fail, so kernels have no error paths.
//! 2. Layouts are coalesced into one plan of as few loops as possible; the innermost runs over memory in order.
//! 3. The plan is cut at boundaries that depend on sizes alone, and the pieces are shared out to threads
//!    ([`parallel`]). Each piece writes its own part of the result, so the bits do not depend on their number.
//! 4. Inside of a piece, [`simd`] picks the instruction set, once, and runs the kernel there. One source serves all:
//!    it is written against lanes, of which a plain `f32` has one.
//!
//! What a pointwise function computes is written once as well, in [`pointwise`]: `f` beside its derivative `df`, over
//! anything that behaves as a real number. With lanes it is a kernel, with `f64` the reference of the tests, and the
//! autograd crate runs the same text on recorded terms to differentiate a derivative.
//!
//! # Features
//!
//! `std` and `rayon` are on by default. Without `std` the crate needs `alloc` only: one thread, no pool, the same
//! results. `libm` takes elementary functions of `f64` from that crate even where the system has its own, so that
//! their last bits are the same everywhere; those of `f32` always are, as they are our own.
//!
//! # Example
//!
//! ```
//! use tress_tensor::{Axes, Tensor};
//! use tress_tensor::pointwise::{Map, Zip};
//!
//! let a = Tensor::from_fn([2, 3], |i| (3 * i[0] + i[1]) as f32)?; // [[0, 1, 2], [3, 4, 5]]
//! let columns = a.transpose(0, 1)?; // a view: no number moves
//! assert_eq!(columns.to_vec(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
//! assert!(columns.shares_memory(&a));
//!
//! let gram = a.matmul(&columns)?; // reads the view where it lies
//! assert_eq!(gram.to_vec(), [5.0, 14.0, 14.0, 50.0]);
//!
//! let centred = a.zip(Zip::Sub, &a.map(Map::Scale(0.5)))?;
//! assert_eq!(centred.sum(Axes::all(a.shape()))?.item()?, 7.5);
//!
//! let error = a.matmul(&a).unwrap_err();
//! assert_eq!(error.to_string(), "matmul: [2, 3] x [2, 3]: inner lengths 3 and 2 differ");
//! # Ok::<(), tress_tensor::Error>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // but for the three folders below that say otherwise
extern crate alloc;

mod axes;
pub mod block;
mod element;
mod error;
mod geometry;
#[allow(unsafe_code)]
pub mod kernel;
mod layout;
pub mod parallel;
pub mod pointwise;
mod shape;
#[allow(unsafe_code)]
pub mod simd;
#[allow(unsafe_code)]
pub mod storage;
mod tensor;
mod view;
mod walk;

/// Whether this is a microcontroller, where flash and memory are scarcer than time: a target of 32 bits without an operating
/// system, and without `std`. What has two ways to the same bits takes the one of less code there.
pub(crate) const SMALL: bool =
    cfg!(all(not(feature = "std"), target_os = "none", target_pointer_width = "32"));

pub use axes::Axes;
pub use element::{Element, Float};
pub use error::Error;
pub use geometry::Window;
pub use kernel::matrix::{Solve, System};
pub use kernel::planned;
pub use kernel::row_norm::RowNorm;
pub use kernel::sort::Sort;
pub use layout::Layout;
pub use shape::{IntoShape, Shape};
pub use storage::pool;
pub use tensor::Tensor;
