//! All tests of the benches in one program: what is timed is right, the document has what was measured, and requests are answered.

mod outcomes;
mod requests;
mod tables;
