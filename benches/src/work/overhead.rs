//! What an operation costs beside its arithmetic: recorded and swept on tensors of a few numbers.

use super::{Run, Workload, numbers};
use std::hint::black_box;
use tress::autograd::{Eager, Reduce, Tape};
use tress::tensor::Tensor;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    match workload.op.as_str() {
        "tiny_add" => Some(tiny_add(workload.size("n")?, workload.size("reps")?)),
        "tiny_add_nograd" => Some(tiny_add_nograd(workload.size("n")?, workload.size("reps")?)),
        "scalar_chain" => Some(chain(workload.size("n").unwrap_or(1), workload.size("ops")?)),
        _ => None,
    }
}

/// The results that a run makes one after the other: one an operation, and in its sweep the cotangent.
pub(super) fn results(workload: &Workload) -> Option<f64> {
    let count = |name: &str| workload.size(name).map(|count| count as f64);
    match workload.op.as_str() {
        "tiny_add" | "tiny_add_nograd" => count("reps"),
        "scalar_chain" => Some(2.0 * count("ops")?),
        _ => None,
    }
}

/// Recorded additions of `n` numbers, none of them swept.
fn tiny_add(n: usize, repeats: usize) -> Run {
    let (a, b, mut tape) = (numbers(&[n], 1), numbers(&[n], 2), Tape::new());
    Run::new(move || {
        let (x, y) = (tape.var(a.clone()), tape.var(b.clone()));
        for _ in 1..repeats {
            black_box(x + y);
        }
        let sum = (x + y).tensor().expect("a sum");
        tape.reset();
        sum
    })
}

/// Additions of `n` numbers that nothing records.
fn tiny_add_nograd(n: usize, repeats: usize) -> Run {
    let (x, y) = (Eager::new(numbers(&[n], 1)), Eager::new(numbers(&[n], 2)));
    Run::new(move || {
        for _ in 1..repeats {
            black_box(&x + &y);
        }
        (&x + &y).tensor().expect("a sum").clone()
    })
}

/// `x = x m + c` over and over, and the gradient of the result at the first `x`.
fn chain(n: usize, operations: usize) -> Run {
    let constant = |value| Tensor::full([n], value).expect("a few numbers");
    let (a, m, c, mut tape) = (numbers(&[n], 1), constant(0.999), constant(0.001), Tape::new());
    Run::new(move || {
        let (first, m, c) = (tape.var(a.clone()), tape.var(m.clone()), tape.var(c.clone()));
        let mut x = first;
        for _ in 0..operations / 2 {
            x = x * m + c;
        }
        let gradients = x.sum_all().gradients(&[first]).expect("a gradient");
        tape.reset();
        gradients[0].tensor().expect("a gradient").clone()
    })
}
