//! Data sets from files: IDX, tables as text, npz, and folders of pictures.
//!
//! | | reads | gives |
//! |---|---|---|
//! | [`idx`] | IDX of bytes, plain or gzip (MNIST and its kin) | a tensor of bytes, labels |
//! | [`Schema`] | tables as CSV or TSV, plain or gzip, columns by kind | numbers, codes of categories, labels, features |
//! | [`Table`] | the same, as text | fields by row and column |
//! | [`npz`] | npz whose members are deflated | the members, for tensors and models |
//! | [`Folder`] | a folder of PNG, PPM, PGM, PBM pictures, one folder inside it for each class | a tensor of pictures, labels |
//!
//! Single npy files, npz that is stored as it is and safetensors need no other crate and are in
//! [`tress_nn::file`]. What is read here goes into a [`Dataset`](tress_nn::data::Dataset).
//!
//! Files are not trusted. Nothing that a header says is believed before it is held against the size of the file, and
//! what is wrong is an [`Error`] that names the file, the place in it and what to do.

#![forbid(unsafe_code)]

mod error;
pub mod idx;
pub mod npz;
mod order;
mod pictures;
mod records;
mod schema;
mod table;
mod whole;

pub use error::{Error, Result};
pub use idx::Idx;
pub use pictures::{Channels, Folder, Picture, Pictures, picture};
pub use records::Records;
pub use schema::{Column, Missing, Schema};
pub use table::Table;
