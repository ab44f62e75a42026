//! Every architecture learns two tasks of a known relation.

use crate::known::{numbers, tanh};
use tress_autograd::Tape;
use tress_mtl::architecture::{
    Architecture, Branching, Cgc, CrossStitch, DSelect, Film, Gate, HardSharing, Hierarchy, Mmoe, Nddr, Node,
    Ple, Routing, Sluice, SoftSharing, penalise,
};
use tress_mtl::balance::Equal;
use tress_mtl::{sharing, sweep};
use tress_nn::{Adam, Dense, Layer, Optimiser, Params, Scope, mse};
use tress_tensor::Tensor;

/// Two tasks with the relation `second = 0.8 first + 0.6 other`: what an architecture can share, and what it cannot.
fn learned(name: &str, params: &mut Params<f64>, architecture: &impl Architecture, width: usize) -> [f64; 2] {
    let heads: Vec<Dense> =
        (0..2).map(|k| Dense::new(&mut params.scope(&format!("head{k}")), width, 1).unwrap()).collect();
    let x = numbers(&[96, 4]);
    let first = |i: usize| (1.5 * x[[i, 0]] - x[[i, 1]]).sin();
    let other = |i: usize| (x[[i, 2]] + 0.5 * x[[i, 3]]).sin();
    let truth = [
        Tensor::from_fn([96, 1], |i| first(i[0])).unwrap(),
        Tensor::from_fn([96, 1], |i| 0.8 * first(i[0]) + 0.6 * other(i[0])).unwrap(),
    ];
    let mut adam = Adam::new(0.02);
    let mut tape = Tape::new();
    let mut last = [0.0; 2];
    for step in 0..250 {
        let gradient = {
            let bound = params.on(&tape).training(step);
            let features = architecture.features(&bound, &tape.var(x.clone()));
            let losses: Vec<_> = (0..2)
                .map(|k| mse(&heads[k].apply(&bound, &features.tasks()[k]), &tape.var(truth[k].clone())))
                .collect();
            let cut = sharing::cut(&losses, &bound).unwrap();
            let step = sweep::balanced(&losses, &cut, &bound, params, &mut Equal::sum()).unwrap();
            last = [step.losses[0], step.losses[1]];
            let mut gradient = step.gradient;
            if let Some(penalty) = features.penalty() {
                penalise(&mut gradient, penalty, &bound).unwrap();
            }
            gradient
        };
        tape.reset();
        adam.step(params, &gradient).unwrap();
    }
    println!("{name:14} {:.5} {:.5}", last[0], last[1]);
    last
}

#[test]
fn every_architecture_learns_two_related_tasks() {
    let mut results = Vec::new();
    let mut run = |name: &str, build: &dyn Fn(&mut Params<f64>, &str) -> [f64; 2]| {
        results.push((name.to_owned(), build(&mut Params::new(11), name)));
    };
    let wide = |s: &mut Scope<'_, f64>| tanh(s, 4, 12);
    let stages = |s: &mut Scope<'_, f64>, stage: usize| tanh(s, [4, 12][stage], 12);
    run("hard", &|p, n| {
        let trunk = wide(&mut p.scope("trunk")).unwrap();
        learned(n, p, &HardSharing::new(trunk, 2).unwrap(), 12)
    });
    run("soft", &|p, n| {
        let soft = SoftSharing::new(p, "soft", 2, 1e-4, wide).unwrap();
        learned(n, p, &soft, 12)
    });
    run("cross-stitch", &|p, n| {
        let stitch = CrossStitch::new(&mut p.root(), 2, &[12, 12], stages).unwrap();
        learned(n, p, &stitch, 12)
    });
    run("sluice", &|p, n| {
        let sluice = Sluice::new(&mut p.root(), 2, 4, 6, 2, 1e-4).unwrap();
        learned(n, p, &sluice, 12)
    });
    run("nddr", &|p, n| {
        let nddr = Nddr::new(&mut p.root(), 2, &[12, 12], stages).unwrap();
        learned(n, p, &nddr, 12)
    });
    run("mmoe", &|p, n| {
        let mmoe = Mmoe::new(&mut p.root(), 2, 3, 4, wide).unwrap();
        learned(n, p, &mmoe, 12)
    });
    run("cgc", &|p, n| {
        let cgc = Cgc::new(&mut p.root(), 2, 1, 1, 4, wide).unwrap();
        learned(n, p, &cgc, 12)
    });
    run("ple", &|p, n| {
        let ple = Ple::new(&mut p.root(), 2, 1, 1, &[4, 12], stages).unwrap();
        learned(n, p, &ple, 12)
    });
    run("dselect", &|p, n| {
        let experts = (0..4).map(|i| wide(&mut p.scope(&format!("expert{i}"))).unwrap()).collect();
        let gate = |k: usize, p: &mut Params<f64>| {
            Gate::dselect(DSelect::new(&mut p.scope(&format!("gate{k}")), 4, 2, Routing::Static).unwrap())
        };
        let gates = vec![gate(0, p), gate(1, p)];
        learned(n, p, &Mmoe::of(experts, gates).unwrap(), 12)
    });
    run("branching", &|p, n| {
        let tree = Branching::new(&mut p.root(), 2, &[2, 2], stages).unwrap();
        learned(n, p, &tree.fixed(vec![vec![0, 1], vec![0, 1]]).unwrap(), 12)
    });
    run("film", &|p, n| {
        let stages =
            vec![(wide(&mut p.scope("a")).unwrap(), 12), (tanh(&mut p.scope("b"), 12, 12).unwrap(), 12)];
        let film = Film::embedded(&mut p.root(), 2, stages, 2).unwrap();
        learned(n, p, &film, 12)
    });
    run("hierarchy", &|p, n| {
        let trunk = wide(&mut p.scope("trunk")).unwrap();
        let nodes = vec![
            Node { layers: tanh(&mut p.scope("low"), 12, 12).unwrap(), below: vec![] },
            Node { layers: tanh(&mut p.scope("high"), 24, 12).unwrap(), below: vec![0] },
        ];
        learned(n, p, &Hierarchy::new(trunk, nodes).unwrap(), 12)
    });
    // The targets have variances of about 0.5; a linear model leaves 0.03.
    for (name, [first, second]) in &results {
        assert!(*first < 0.02 && *second < 0.02, "{name}: {first} and {second} of {results:?}");
    }
}
