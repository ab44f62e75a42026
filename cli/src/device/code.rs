//! What code a network links at most, before anything is built: each kernel once, each function once, once more each pair of a
//! kernel and a function that it applies, and every call.
//!
//! The numbers are of programs that were built for boards (`embedded/run`, which fails where one takes more than is said here).

use std::collections::BTreeSet;

use tress::nn::device::{Call, Plan};
use tress::tensor::pointwise::Map;

use super::target::Target;

/// What was counted of a program.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Code {
    kernels: BTreeSet<Kernel>,
    /// What kernels apply, by name; a function with other numbers is another one.
    functions: BTreeSet<String>,
    applied: BTreeSet<(Kernel, String)>,
    calls: usize,
    bytes: bool,
}

/// A kernel, or some that are linked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kernel {
    Dense,
    Conv,
    /// Outer products and those of a sweep.
    Product,
    MaxPool,
    MeanPool,
    Map,
    Slope,
    Zip,
    /// Softmax and what is like it.
    Exponentials,
    RowNorm,
    Sums,
    Copy,
}

impl Code {
    /// Adds a program of floats.
    pub(super) fn floats(mut self, plan: &Plan) -> Self {
        for placed in plan.calls() {
            let (kernel, function) = match &placed.call {
                Call::Dense { activation, .. } => (Kernel::Dense, Some(spelt(*activation, false))),
                Call::Conv { activation, .. } => (Kernel::Conv, Some(spelt(*activation, false))),
                Call::Product { activation, .. } => (Kernel::Product, Some(spelt(*activation, false))),
                Call::Map(map, _) => (Kernel::Map, Some(spelt(Some(*map), false))),
                Call::MapGrad(map) => (Kernel::Slope, Some(spelt(Some(*map), true))),
                // Compiled anew for each call.
                Call::Zip(zip) => (Kernel::Zip, Some(format!("{zip:?} {}", self.calls))),
                Call::MaxPool(_) => (Kernel::MaxPool, None),
                Call::MeanPool(_) => (Kernel::MeanPool, None),
                Call::Softmax(_) | Call::LogSoftmax(_) | Call::LogSumExp(_) | Call::LogSumExpGrad(_) => {
                    (Kernel::Exponentials, None)
                }
                Call::RowNorm { .. } => (Kernel::RowNorm, None),
                Call::Sums | Call::Expand => (Kernel::Sums, None),
                Call::Concat | Call::Copy => (Kernel::Copy, None),
            };
            self.kernels.insert(kernel);
            if let Some(function) = function {
                if kernel != Kernel::Zip {
                    self.functions.insert(function.clone());
                }
                self.applied.insert((kernel, function));
            }
            self.calls += placed.from.len().max(1);
        }
        self
    }

    /// A program of bytes, where functions are tables.
    pub(super) fn bytes(plan: &Plan) -> Self {
        let mut code = Self { bytes: true, ..Self::default() }.floats(plan);
        code.functions.clear();
        code.applied.clear();
        code
    }

    /// Bytes of flash at most, with the start of the program.
    pub(super) fn most(&self, target: Target) -> usize {
        let soft = target.is_soft();
        let pick = |hard: usize, software: usize| if soft { software } else { hard };
        let kernels = self.kernels.iter().map(|kernel| match (kernel, self.bytes) {
            (Kernel::Dense, false) => pick(1100, 1300),
            _ => pick(1000, 1500),
        });
        let functions = self.functions.iter().map(|name| if name.is_empty() { 0 } else { pick(900, 1500) });
        pick(1500, 4000)
            + kernels.sum::<usize>()
            + functions.sum::<usize>()
            + self.applied.len() * pick(160, 200)
            + self.calls * pick(128, 128)
    }
}

/// A function, and whether it is its slope, as text; that which changes nothing is empty.
fn spelt(map: Option<Map>, slope: bool) -> String {
    match map {
        None => String::new(),
        Some(map) => format!("{map:?}{}", if slope { "'" } else { "" }),
    }
}
