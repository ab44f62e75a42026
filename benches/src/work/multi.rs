//! The LeNet of MultiMNIST (36x36) with K heads: steps along the sum of the losses, and balanced ones.
//!
//! What other engines do by hand ("loop") or by a library ("autojac", "autogram") is one thing here, so each of their
//! balanced workloads is answered by the same step.

use super::{Run, Workload, labels, numbers, start};
use tress::mtl::balance::{Mgda, PcGrad, UpGrad};
use tress::prelude::*;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    run(workload.size("b")?, workload.size("tasks")?, workload.word("method")?)
}

/// Convolutions 5x5 to 10 and 20 channels, each pooled by two and rectified, and a dense layer to 50 features.
pub(super) fn trunk(params: &mut Params<f32>, flat: usize) -> Sequential {
    let mut conv =
        |name: &str, from, to| Conv2d::new(&mut params.scope(name), from, to, [5, 5]).expect("a layer");
    let (first, second) = (conv("conv1", 1, 10), conv("conv2", 10, 20));
    let pool = || MaxPool2d::new([2, 2]);
    let dense = Dense::new(&mut params.scope("dense"), flat, 50).expect("a layer").activation(Map::Relu);
    let images =
        Sequential::new().then(first).then(pool()).then(Map::Relu).then(second).then(pool()).then(Map::Relu);
    images.then(Flatten).then(dense)
}

pub(super) fn run(batch: usize, tasks: usize, method: &str) -> Option<Run> {
    let mut method: Box<dyn Weighting> = match method.rsplit('_').next()? {
        "sum" => Box::new(Equal::sum()),
        "pcgrad" => Box::new(PcGrad::new(1)),
        "mgda" => Box::new(Mgda::new()),
        "upgrad" => Box::new(UpGrad::new()),
        _ => return None,
    };
    let mut params = Params::<f32>::new(1);
    let trunk = trunk(&mut params, 720);
    let heads: Vec<Sequential> = (0..tasks)
        .map(|k| {
            let mut dense = |name: &str, outputs| {
                Dense::new(&mut params.scope(&format!("task{k}.{name}")), 50, outputs).expect("a layer")
            };
            Sequential::new().then(dense("a", 50).activation(Map::Relu)).then(dense("b", 10))
        })
        .collect();
    start(&mut params, (11..14).chain(20..));
    let (x, labels) = (numbers(&[batch, 1, 36, 36], 1), labels(batch));
    let (mut adam, mut tape) = (Adam::new(1e-3), Tape::new());
    Some(Run::new(move || {
        let step = {
            let bound = params.on(&tape);
            let features = trunk.apply(&bound, &tape.var(x.clone()));
            let losses: Vec<_> =
                heads.iter().map(|head| cross_entropy(&head.apply(&bound, &features), &labels)).collect();
            balanced(&losses, &[features], &bound, &params, &mut *method).expect("a step")
        };
        tape.reset();
        adam.step(&mut params, &step.gradient).expect("a step");
        step.losses.iter().sum::<f64>() as f32
    }))
}
