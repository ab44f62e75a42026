//! What code a network links at most, before anything is built: each kernel once, each function once, once more each pair of a
//! kernel and a function that it applies, and every call.
//!
//! Products, convolutions, pools, norms, softmax and the functions `tanh` and `relu` were measured in programs that were built for
//! boards (`embedded/run`, which fails where one takes more than is said here); what no such program has is estimated on the high
//! side.

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
}

/// A kernel, or some that are linked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kernel {
    Dense,
    Conv,
    /// With those of windows of 3 x 3 and of one tap, which bytes have.
    ByteConv,
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
            // Values are put end to end one by one.
            self.calls += if matches!(placed.call, Call::Concat) { placed.from.len() } else { 1 };
        }
        self
    }

    /// A program of bytes, where functions are tables.
    pub(super) fn bytes(plan: &Plan) -> Self {
        let mut code = Self::default().floats(plan);
        code.functions.clear();
        code.applied.clear();
        if code.kernels.remove(&Kernel::Conv) {
            code.kernels.insert(Kernel::ByteConv);
        }
        code
    }

    /// Bytes of flash at most, with the start of the program.
    pub(super) fn most(&self, target: Target) -> usize {
        let soft = target.is_soft();
        let pick = |hard: usize, software: usize| if soft { software } else { hard };
        let kernels = self.kernels.iter().map(|kernel| match kernel {
            Kernel::Conv => pick(1500, 2000),
            Kernel::ByteConv => pick(2500, 3200),
            Kernel::Exponentials => pick(1500, 3000),
            Kernel::RowNorm => pick(1200, 1800),
            _ => pick(1100, 1500),
        });
        // Of two functions that differ in their numbers each has its own code.
        let functions = self.functions.iter().map(|name| match is_simple(name) {
            true => pick(200, 400),
            false => pick(2000, 3500),
        });
        START[usize::from(soft)]
            + kernels.sum::<usize>()
            + functions.sum::<usize>()
            + self.applied.len() * pick(160, 220)
            + self.calls * CALL[usize::from(soft)]
    }
}

/// Bytes of the start of a program and of what it does around a network, with floating-point instructions and without.
const START: [usize; 2] = [2500, 4500];

/// Bytes of a call: where its operands and its result lie, and the loop over rows. A dense layer of a chain of forty took 262 on the
/// M4.
const CALL: [usize; 2] = [360, 480];

/// Whether a function, as [`spelt`], is a few instructions.
fn is_simple(name: &str) -> bool {
    let name = name.split(['(', '\'']).next().unwrap_or_default();
    let simple = [
        "",
        "Neg",
        "Scale",
        "Offset",
        "Abs",
        "Step",
        "Square",
        "Recip",
        "Relu",
        "LeakyRelu",
        "Clamp",
        "Floor",
        "Ceil",
        "Round",
    ];
    simple.contains(&name)
}

/// A function, and whether it is its slope, as text; that which changes nothing is empty.
fn spelt(map: Option<Map>, slope: bool) -> String {
    match map {
        None => String::new(),
        Some(map) => format!("{map:?}{}", if slope { "'" } else { "" }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::untrained::named;
    use super::{Code, Target};

    #[test]
    fn every_call_counts_and_a_function_once() {
        let most = |name: &str| {
            let program = named(name).unwrap().unwrap();
            Code::default().floats(&program.plan().unwrap()).most(Target::M4)
        };
        let deep = |depth: usize, function: &str| {
            format!("dense:4,{}4/{function}:y=1", format!("4/{function},").repeat(depth - 1))
        };
        assert_eq!(most(&deep(9, "tanh")) - most(&deep(4, "tanh")), 5 * super::CALL[0]);
        assert!(most(&deep(9, "tanh")) > most(&deep(9, "relu")));
        // What a program of forty layers of tanh took on the M4, with nothing around it.
        assert!(most(&deep(40, "tanh")) > 12_144);
    }
}
