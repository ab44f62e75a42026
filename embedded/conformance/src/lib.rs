//! One program that trains and evaluates the same network on every machine that Tress runs on.
//!
//! [`machine`] is what differs between them: how a program starts and ends, where it writes, how it counts time, and where
//! its heap lies. The programs in `bin` are the same text everywhere.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod fence;
pub mod machine;
pub mod network;
pub mod print;
pub mod training;
