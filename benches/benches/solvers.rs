//! What the exact solvers and the methods on top of them cost, for 2 to 32 tasks.
//!
//! The Gramians are those of random rows that lean to one side, of which about a third of the pairs conflict.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tress::mtl::balance::Method;
use tress::mtl::balance::Weighting;
use tress::mtl::solve::{Eigen, Gramian, dual_cone, fair_share, min_norm, onto_simplex, worst_case};
use tress::nn::Random;

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

fn solvers(c: &mut Criterion) {
    let mut group = c.benchmark_group("solvers");
    for tasks in TASKS {
        let gramian = gramian(tasks);
        let mean = vec![1.0 / tasks as f64; tasks];
        let mut bench = |name: &str, run: &dyn Fn(&Gramian)| {
            group.bench_with_input(BenchmarkId::new(name, tasks), &gramian, |b, g| {
                b.iter(|| run(black_box(g)))
            });
        };
        bench("min norm", &|g| drop(black_box(min_norm(g))));
        bench("dual cone", &|g| drop(black_box(dual_cone(g, &mean))));
        bench("fair share", &|g| drop(black_box(fair_share(g, 1.0))));
        bench("worst case", &|g| drop(black_box(worst_case(g, 0.5))));
        bench("eigenvalues", &|g| {
            black_box(Eigen::of_products(g));
        });
        bench("onto simplex", &|g| {
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
            group.bench_function(BenchmarkId::new(method.name(), tasks), |b| {
                b.iter(|| balance.weights(black_box(&losses), Some(black_box(&gramian))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, solvers, methods);
criterion_main!(benches);
