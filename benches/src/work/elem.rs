//! Passes over memory: pointwise functions, a transposing copy, sums, softmax, cross entropy, pooling, steps of optimisers.

use super::{Run, Workload, numbers};
use crate::units::Formula;
use std::hint::black_box;
use tress::tensor::block::{self, Adagrad, Adam, Lion, RmsProp, Sgd};
use tress::tensor::pointwise::{Map, Zip};
use tress::tensor::{Axes, RowNorm, Tensor, Window};

pub(super) fn make(workload: &Workload) -> Option<Run> {
    match workload.op.as_str() {
        "add" => zip(workload, Zip::Add),
        "mul" => zip(workload, Zip::Mul),
        "relu" => map(workload, Map::Relu),
        "tanh" => map(workload, Map::Tanh),
        "exp" => map(workload, Map::Exp),
        "gelu" => map(workload, Map::Gelu),
        "transpose_copy" => {
            let n = workload.size("n")?;
            let x = numbers(&[n, n], 1).transpose(0, 1).ok()?;
            Some(Run::new(move || x.contiguous()))
        }
        "sum_axis" => {
            let [n, axis] = workload.sizes(["n", "axis"])?;
            let x = numbers(&[n, n], 1);
            let axes = Axes::of("sum", &[axis], x.shape()).ok()?;
            Some(Run::new(move || x.sum(axes).expect("a sum")))
        }
        "softmax" => {
            let x = numbers(&workload.sizes(["r", "c"])?, 1);
            Some(Run::new(move || x.softmax().expect("a softmax")))
        }
        "layernorm" => {
            let [rows, columns] = workload.sizes(["r", "c"])?;
            let (x, weight, bias) =
                (numbers(&[rows, columns], 1), numbers(&[columns], 3), numbers(&[columns], 4));
            let norm = RowNorm { centred: true, epsilon: 1e-5 };
            Some(Run::new(move || x.row_norm(norm, Some(&weight), Some(&bias)).expect("a norm")))
        }
        "maxpool" | "maxpool_grad" | "meanpool" | "meanpool_grad" => pool(workload),
        "cross_entropy" => {
            let (x, labels) = (numbers(&workload.sizes(["r", "c"])?, 1), classes(workload)?);
            Some(Run::new(move || x.log_sum_exp(Some(&labels)).expect("a loss a row")))
        }
        "cross_entropy_grad" => {
            let (x, labels) = (numbers(&workload.sizes(["r", "c"])?, 1), classes(workload)?);
            let g = numbers(&[workload.size("r")?], 2);
            Some(Run::new(move || x.log_sum_exp_grad(&g, Some(&labels)).expect("a gradient")))
        }
        _ => step(workload),
    }
}

/// The formula that a pass works out for each number where that may take longer than moving them, and for how many.
pub(super) fn formula(workload: &Workload) -> Option<(Formula, f64)> {
    let map = match workload.op.as_str() {
        "tanh" => Formula::Map(Map::Tanh),
        "exp" | "softmax" | "cross_entropy" | "cross_entropy_grad" => Formula::Map(Map::Exp),
        "gelu" => Formula::Map(Map::Gelu),
        "rmsprop" | "adagrad" => Formula::Scaled,
        "adam" => Formula::Corrected,
        _ => return None,
    };
    let numbers = match workload.sizes(["r", "c"]) {
        Some([rows, columns]) => rows * columns,
        None => workload.size("n")?,
    };
    Some((map, numbers as f64))
}

/// Of what changes numbers where they lie, which part of the bytes that are read or written are numbers of their own: parameters
/// and moments are counted twice, the gradient once.
pub(super) fn changed(workload: &Workload) -> Option<f64> {
    let moments = match workload.op.as_str() {
        "sgd" => 0.0,
        "sgd_momentum" | "lion" | "adagrad" | "rmsprop" => 1.0,
        "adam" => 2.0,
        _ => return None,
    };
    Some((2.0 + moments) / (3.0 + 2.0 * moments))
}

fn pool(workload: &Workload) -> Option<Run> {
    let [n, c, h, w] = workload.sizes(["n", "c", "h", "w"])?;
    let (x, window) = (numbers(&[n, c, h, w], 1), Window::new([h, w], [2, 2]).stride([2, 2]));
    let g = numbers(&[n, c, h / 2, w / 2], 2);
    Some(match workload.op.as_str() {
        "maxpool" => Run::new(move || x.max_pool(window).expect("a maximum")),
        "maxpool_grad" => Run::new(move || x.max_pool_scatter(&g, window).expect("a gradient")),
        "meanpool" => Run::new(move || x.mean_pool(window).expect("a mean")),
        _ => Run::new(move || g.mean_pool_transpose(window).expect("a gradient")),
    })
}

/// A class for each row.
fn classes(workload: &Workload) -> Option<Tensor<u32>> {
    let [rows, columns] = workload.sizes(["r", "c"])?;
    Tensor::from_fn([rows], |i| (i[0] * 7 % columns) as u32).ok()
}

/// A step of an optimiser over a block of parameters, its gradient and its moments. The rate is 0, so that numbers stay as they
/// are however often it runs: the arithmetic is the same.
fn step(workload: &Workload) -> Option<Run> {
    let n = workload.size("n")?;
    let block = |seed| numbers(&[n], seed).to_vec();
    let (mut p, g, mut m, mut v) = (block(1), block(2), vec![0.0; n], vec![0.0; n]);
    let sgd = |momentum| Sgd { rate: 0.0, momentum, dampening: 0.0, decay: 1e-4, nesterov: false };
    let rms = RmsProp { rate: 0.0, smoothing: 0.99, epsilon: 1e-8, decay: 0.0, momentum: 0.0 };
    let adam = Adam { rate: 0.0, betas: [0.9, 0.999], epsilon: 1e-8, decay: 1e-2, decoupled: true };
    let (adagrad, lion) = (
        Adagrad { rate: 0.0, epsilon: 1e-10, decay: 0.0 },
        Lion { rate: 0.0, betas: [0.9, 0.99], decay: 0.0 },
    );
    Some(match workload.op.as_str() {
        "sgd" => Run::new(move || block::sgd(&sgd(0.0), black_box(&mut p), &g, &mut [])),
        "sgd_momentum" => Run::new(move || block::sgd(&sgd(0.9), black_box(&mut p), &g, &mut m)),
        "adam" => Run::new(move || block::adam(&adam, 7, black_box(&mut p), &g, &mut m, &mut v)),
        "rmsprop" => Run::new(move || block::rmsprop(&rms, black_box(&mut p), &g, &mut m, &mut [], &mut [])),
        "adagrad" => Run::new(move || block::adagrad(&adagrad, black_box(&mut p), &g, &mut m)),
        "lion" => Run::new(move || block::lion(&lion, black_box(&mut p), &g, &mut m)),
        _ => return None,
    })
}

fn zip(workload: &Workload, zip: Zip) -> Option<Run> {
    let n = workload.size("n")?;
    let (x, y) = (numbers(&[n], 1), numbers(&[n], 2));
    Some(Run::new(move || x.zip(zip, &y).expect("equal shapes")))
}

fn map(workload: &Workload, map: Map) -> Option<Run> {
    let x = numbers(&[workload.size("n")?], 1);
    Some(Run::new(move || x.map(map)))
}
