//! All tests of autodiff in one program: one is built and linked in a fraction of the time that many take.

mod common;
mod composites;
mod expression;
mod locate;
mod loud;
mod matrices;
mod orders;
mod procedures;
mod rules;
mod show;
mod sums;
mod tape;
mod transforms;
mod windows;
