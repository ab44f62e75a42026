//! All tests of the readers in one program.

mod npz;
mod pictures;
mod tables;
