//! All tests of the program in one program: one is built and linked in a fraction of the time that many take.

mod compare;
mod devices;
mod exported;
mod folders;
mod page;
mod place;
mod systems;
mod tables;
mod training;
mod tune;
mod wrong_input;
