//! All tests across crates that need no process of their own, in one program: it is built and linked in a fraction of the
//! time that many take.

mod components;
mod documents;
mod examples;
mod kernels;
mod level;
mod ops;
mod random_programs;
mod systems;
mod table;
mod tape_json;
mod torch;

#[path = "../common/cases.rs"]
mod cases;
#[path = "../common/fixture.rs"]
mod fixture;
