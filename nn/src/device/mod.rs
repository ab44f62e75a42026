//! Networks for devices: recorded once, laid out in memory beforehand, evaluated without an allocator, as floats or as bytes.
//!
//! | | |
//! |---|---|
//! | [`Program`] | what a network does to one sample, recorded from [`Symbol`](tress_autograd::Symbol)s, with its weights |
//! | [`Plan`] | where each value lies: one arena for all, offsets and size known before anything runs |
//! | [`Quantised`] | the same in whole numbers of eight bits, calibrated on samples |
//! | [`Program::learning`] | a step of learning, as a program again |
//!
//! A program is saved beside the weights that it belongs to, as a text in the header of a safetensors file. So whoever has
//! the file can say what the network needs on a device, write it as source, or run it, without the code that built it.
//!
//! The kernels are those of [`tress_tensor::planned`]: floats keep the bits of the scalar path.
//!
//! ```
//! use tress_nn::device::Program;
//! use tress_nn::{Dense, Layer, Params, Sequential};
//! use tress_tensor::pointwise::Map;
//!
//! let mut params = Params::<f32>::new(1);
//! let model = Sequential::new()
//!     .then(Dense::new(&mut params.scope("first"), 1, 16)?.activation(Map::Relu))
//!     .then(Dense::new(&mut params.scope("second"), 16, 16)?.activation(Map::Relu))
//!     .then(Dense::new(&mut params.scope("third"), 16, 1)?);
//! let program = Program::record(&params, &[("x", &[1, 1])], |bound, xs| {
//!     Ok(vec![("y".to_string(), model.apply(bound, &xs[0]))])
//! })?;
//! let plan = program.plan()?;
//! assert_eq!(plan.multiply_adds(), 16 + 256 + 16);
//! assert_eq!(plan.arena::<f32>(), 4 * 32); // two layers of sixteen numbers at a time
//! assert_eq!(plan.arena::<i8>(), 32);
//!
//! let y = program.run(&[&[0.5]])?;
//! assert_eq!(y[0].len(), 1);
//!
//! let file = program.save();
//! assert_eq!(Program::read(&file)?.run(&[&[0.5]])?, y);
//! # Ok::<(), tress_nn::Error>(())
//! ```

mod fold;
mod fuse;
mod learn;
mod plan;
mod program;
mod quantise;
mod record;
mod run;
mod text;

pub(crate) use fold::MADE;
pub use learn::Objective;
pub use plan::{Call, Place, Placed, Plan};
pub use program::{Operand, Port, Program, Step, Weight};
pub use quantise::{ByteCall, Quantised, Range};
