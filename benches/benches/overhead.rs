//! What an operation costs beside its arithmetic, with `criterion`: chains on few numbers, recorded and swept.
//!
//! `cargo bench -p tress-benches --bench overhead` prints operations a second (forward and reverse together), which part of the time
//! the machine needs at least for the room of two results an operation and for two calls, and before that the memory of an
//! entry of the tape.

mod timed;

use criterion::{Criterion, Throughput, criterion_group};
use std::hint::black_box;
use tress::autograd::{Eager, Pointwise, Reduce, Tape, Var};
use tress::tensor::Tensor;

/// Operations of a chain.
const OPERATIONS: u64 = 10_000;

/// A link of a chain: one operation with an operand that stays the same, or with a number in the operation itself.
type Link = for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>;

const LINKS: [(&str, Link); 3] =
    [("x * m", |x, m| x * m), ("x + m", |x, m| x + m), ("x.tanh()", |x, _| x.tanh())];

fn record<'t>(tape: &'t Tape, start: &Tensor, link: Link) -> (Var<'t>, Var<'t>) {
    let (first, m) = (tape.var(start.clone()), tape.var(start.clone()));
    ((0..OPERATIONS).fold(first, |x, _| link(x, m)), first)
}

fn chains(c: &mut Criterion) {
    let mut group = c.benchmark_group("overhead");
    group.throughput(Throughput::Elements(OPERATIONS));
    for len in [1usize, 16] {
        let start: Tensor = Tensor::full([len], 0.999).map(|x| x.contiguous()).expect("a shape that fits");
        let mut tape = Tape::<Eager>::new();
        record(&tape, &start, LINKS[0].1);
        println!("{len} numbers: {}", tape.memory());
        tape.reset();
        for (name, link) in LINKS {
            let least = timed::machine().results(2.0 * OPERATIONS as f64);
            timed::timed(
                &mut group,
                format!("{name} on {len} numbers, forward and reverse"),
                Some(least),
                || {
                    let (last, first) = record(&tape, &start, link);
                    black_box(last.sum_all().gradients(&[first]).expect("a gradient"));
                    tape.reset();
                },
            );
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = chains
}

fn main() -> std::process::ExitCode {
    timed::run(benches)
}
