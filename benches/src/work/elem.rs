//! Passes over memory: pointwise functions, a transposing copy, sums, softmax, pooling.

use super::{Run, Workload, numbers};
use std::hint::black_box;
use tress::tensor::pointwise::{Map, Zip};
use tress::tensor::{Axes, RowNorm, Window};

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
            Some(Box::new(move || drop(black_box(x.contiguous()))))
        }
        "sum_axis" => {
            let [n, axis] = workload.sizes(["n", "axis"])?;
            let x = numbers(&[n, n], 1);
            let axes = Axes::of("sum", &[axis], x.shape()).ok()?;
            Some(Box::new(move || drop(black_box(x.sum(axes).expect("a sum")))))
        }
        "softmax" => {
            let x = numbers(&workload.sizes(["r", "c"])?, 1);
            Some(Box::new(move || drop(black_box(x.softmax().expect("a softmax")))))
        }
        "layernorm" => {
            let [rows, columns] = workload.sizes(["r", "c"])?;
            let (x, weight, bias) =
                (numbers(&[rows, columns], 1), numbers(&[columns], 2), numbers(&[columns], 3));
            let norm = RowNorm { centred: true, epsilon: 1e-5 };
            Some(Box::new(move || {
                drop(black_box(x.row_norm(norm, Some(&weight), Some(&bias)).expect("a norm")))
            }))
        }
        "maxpool" => {
            let [n, c, h, w] = workload.sizes(["n", "c", "h", "w"])?;
            let (x, window) = (numbers(&[n, c, h, w], 1), Window::new([h, w], [2, 2]).stride([2, 2]));
            Some(Box::new(move || drop(black_box(x.max_pool(window).expect("a maximum")))))
        }
        _ => None,
    }
}

fn zip(workload: &Workload, zip: Zip) -> Option<Run> {
    let n = workload.size("n")?;
    let (x, y) = (numbers(&[n], 1), numbers(&[n], 2));
    Some(Box::new(move || drop(black_box(x.zip(zip, &y).expect("equal shapes")))))
}

fn map(workload: &Workload, map: Map) -> Option<Run> {
    let x = numbers(&[workload.size("n")?], 1);
    Some(Box::new(move || drop(black_box(x.map(map)))))
}
