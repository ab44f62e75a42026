//! Strided tensors with handwritten SIMD and rayon kernels.
//!
//! Essay to come.
#![cfg_attr(not(feature = "std"), no_std)]
extern crate alloc;

mod axes;
mod element;
mod error;
mod geometry;
pub mod kernel;
mod layout;
pub mod parallel;
pub mod pointwise;
mod shape;
pub mod simd;
pub mod storage;
mod tensor;
mod view;

pub use axes::Axes;
pub use element::{Element, Float};
pub use error::Error;
pub use geometry::Window;
pub use layout::Layout;
pub use shape::{IntoShape, Shape};
pub use storage::pool;
pub use tensor::Tensor;
