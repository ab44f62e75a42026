//! Multi-task learning: one network, several losses, and what to do when they disagree.
//!
//! K tasks that share parameters give K gradients for the same numbers. Adding them up is one answer; it lets the task
//! with the largest loss decide, and a gradient that points against the others is simply outvoted. The methods in
//! [`balance`] answer differently, nearly all in one form: from the K losses, and for many from the K x K **Gramian** of
//! inner products of the task gradients, each computes K weights `w`; the network then moves along
//! `d = w_0 g_0 + .. + w_{K-1} g_{K-1}`. The Gramian of a million parameters and two tasks is three numbers, so a method
//! costs next to nothing once the gradients are there.
//!
//! * [`balance::loss`]: methods that weigh losses, from plain sums to FAMO.
//! * [`balance::gradient`]: methods that look at gradients, from MGDA to UPGrad.
//!
//! [`balance`] begins with a table of all of them, with what each needs and on which scale it answers.
//!
//! [`solve`] holds the exact solvers behind them, in `f64` and without heap.
//!
//! Around the balancing:
//!
//! * [`architecture`] says what tasks share: from one trunk to experts, attention and learned trees; [`network`] adds
//!   named inputs, heads, losses and metrics.
//! * [`sharing`] reads off the tape which parameters are shared, and [`sweep`] takes the balanced step.
//! * [`data`] and [`presence`] take data as it comes: missing labels, absent tasks, data sets of their own.
//! * [`merge`] makes one task of several and takes it apart; [`ensemble`] makes one answer of several models.
//! * [`meta`] learns to learn: MAML and its kin, prototypical networks.
//! * [`detect`] finds objects on a grid; [`cluster`] finds groups that nobody has labelled.
//! * [`measure`] holds the figures by which a multi-task model is judged against its single-task baselines, over seeds.
//!
//! Two gradients at an obtuse angle, `(-4, 1, 1)` and `(6, 1, 1)`, balanced by MGDA:
//!
//! ```
//! use tress_mtl::balance::{Mgda, Weighting};
//! use tress_mtl::solve::Gramian;
//!
//! let gramian = Gramian::new(2, &[18.0, -22.0, -22.0, 38.0])?;
//! assert_eq!(gramian.conflicts(), 1);
//!
//! let losses = [0.7, 1.2];
//! let w = Mgda::new().weights(&losses, Some(&gramian))?;
//! assert!((w[0] - 0.6).abs() < 1e-12 && (w[1] - 0.4).abs() < 1e-12);
//!
//! // Both losses fall along d = (0, 1, 1), and equally fast.
//! let mut falls = [0.0; 2];
//! gramian.along(&w, &mut falls)?;
//! assert!(falls.iter().all(|fall| (fall - 2.0).abs() < 1e-12));
//! # Ok::<(), tress_mtl::Error>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod architecture;
pub mod balance;
pub mod cluster;
pub mod data;
pub mod detect;
pub mod ensemble;
mod error;
pub mod measure;
pub mod merge;
pub mod meta;
pub mod network;
pub mod presence;
pub mod sharing;
pub mod solve;
pub mod sweep;

pub use error::{Error, Result};
