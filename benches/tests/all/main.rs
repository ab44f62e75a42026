//! All tests of the benches in one program: what is timed is right, and the document has what was measured.

mod outcomes;
mod tables;
