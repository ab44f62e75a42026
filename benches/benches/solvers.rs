//! What the exact solvers and the methods on top of them cost, for 2 to 32 tasks.
//!
//! The Gramians are those of random rows that lean to one side, of which about a third of the pairs conflict. A solver needs at
//! least one Cholesky factor, whose columns wait for each other (`chain`: a root, a quotient and a multiply-add each); what
//! solves nothing reads the Gramian once. How many factors it takes is up to the numbers: what is beyond
//! the limit are steps of the active set.

mod timed;

use std::hint::black_box;
use std::sync::OnceLock;

use criterion::{Criterion, criterion_group};
use tress::mtl::balance::Method;
use tress::mtl::balance::Weighting;
use tress::mtl::solve::{Eigen, Gramian, dual_cone, fair_share, min_norm, onto_simplex, worst_case};
use tress::nn::Random;
use tress_benches::limits::{self, Least, longer};

const TASKS: [usize; 4] = [2, 8, 20, 32];

/// Rows of 64 normal numbers around 0.06, of lengths within a factor of ten.
fn gramian(tasks: usize) -> Gramian {
    let mut random = Random::new(tasks as u64);
    let mut rows = Vec::with_capacity(tasks * 64);
    for _ in 0..tasks {
        let length = 10f64.powf(random.uniform());
        rows.extend((0..64).map(|_| length * (random.normal() + 0.06)));
    }
    Gramian::from_rows(tasks, &rows).expect("finite rows")
}

/// Reading a Gramian.
fn read(tasks: usize) -> Option<Least> {
    timed::machine().least(None, Some(8.0 * (tasks * tasks) as f64))
}

/// What a solver for so many tasks cannot do without.
fn least(tasks: usize) -> Option<Least> {
    static LINK: OnceLock<f64> = OnceLock::new();
    let link = LINK.get_or_init(limits::link);
    longer(read(tasks), Some((tasks as f64 * link, "chain")))
}

/// Whether the weights of a method are those of a system or a program to be solved.
fn solves(method: Method) -> bool {
    !matches!(method, Method::Equal | Method::PcGrad | Method::GradVac)
}

fn solvers(c: &mut Criterion) {
    let mut group = c.benchmark_group("solvers");
    for tasks in TASKS {
        let gramian = gramian(tasks);
        let mean = vec![1.0 / tasks as f64; tasks];
        let mut bench = |name: &str, run: &dyn Fn(&Gramian)| {
            timed::timed(&mut group, format!("{name}/{tasks}"), least(tasks), || run(black_box(&gramian)));
        };
        bench("min norm", &|g| drop(black_box(min_norm(g))));
        bench("dual cone", &|g| drop(black_box(dual_cone(g, &mean))));
        bench("fair share", &|g| drop(black_box(fair_share(g, 1.0))));
        bench("worst case", &|g| drop(black_box(worst_case(g, 0.5))));
        bench("eigenvalues", &|g| {
            black_box(Eigen::of_products(g));
        });
        // No more than a sorted row, and its sums: read and written once.
        let row_only = timed::machine().least(None, Some(16.0 * tasks as f64));
        timed::timed(&mut group, format!("onto simplex/{tasks}"), row_only, || {
            let g = black_box(&gramian);
            let mut row: Vec<f64> = g.row(0).to_vec();
            onto_simplex(black_box(&mut row));
        });
    }
    group.finish();
}

fn methods(c: &mut Criterion) {
    let mut group = c.benchmark_group("weights");
    let chosen = [
        Method::Equal,
        Method::Mgda,
        Method::PcGrad,
        Method::GradVac,
        Method::CaGrad,
        Method::ImtlG,
        Method::Nash,
        Method::FairGrad,
        Method::Aligned,
        Method::UpGrad,
        Method::DualProj,
        Method::ConFig,
    ];
    for tasks in TASKS {
        let gramian = gramian(tasks);
        let losses = vec![1.0; tasks];
        for method in chosen {
            let mut balance = method.build(tasks, 1, 0.01).expect("up to 32 tasks");
            let least = if solves(method) { least(tasks) } else { read(tasks) };
            timed::timed(&mut group, format!("{}/{tasks}", method.name()), least, || {
                _ = black_box(balance.weights(black_box(&losses), Some(black_box(&gramian))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, solvers, methods);

fn main() -> std::process::ExitCode {
    timed::run(benches)
}
