//! Whole training steps with Adam: a perceptron, a LeNet, a LeNet for several tasks, a transformer block.

use super::multi;
use super::{Run, Workload, labels, numbers, start};
use tress::prelude::*;
use tress::tensor::Tensor;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    let batch = workload.size("b")?;
    match workload.op.as_str() {
        "train_mlp" => Some(perceptron(batch)),
        "train_lenet" => Some(lenet(batch)),
        "train_multimnist" => multi::run(batch, workload.size("tasks")?, "sum"),
        "train_transformer" => {
            let [d, heads, seq, ff] = workload.sizes(["d", "heads", "seq", "ff"])?;
            Some(transformer(batch, [d, heads, seq, ff]))
        }
        _ => None,
    }
}

/// A step of Adam along the gradient of the loss of `x`, which is recorded anew for each step.
fn steps(
    mut params: Params<f32>,
    x: Tensor,
    loss: impl for<'t> Fn(Var<'t>, &Bound<Var<'t>>) -> Var<'t> + 'static,
) -> Run {
    let (mut adam, mut tape) = (Adam::new(1e-3), Tape::new());
    Run::new(move || {
        let (loss, gradient) = {
            let bound = params.on(&tape);
            let loss = loss(tape.var(x.clone()), &bound);
            (loss.item().expect("a loss"), loss.gradient(&bound).expect("a gradient"))
        };
        tape.reset();
        adam.step(&mut params, &gradient).expect("a step");
        loss
    })
}

fn dense(params: &mut Params<f32>, name: &str, inputs: usize, outputs: usize) -> Dense {
    Dense::new(&mut params.scope(name), inputs, outputs).expect("a layer")
}

/// 784-512-256-10.
fn perceptron(batch: usize) -> Run {
    let mut params = Params::new(1);
    let model = Sequential::new()
        .then(dense(&mut params, "a", 784, 512).activation(Map::Relu))
        .then(dense(&mut params, "b", 512, 256).activation(Map::Relu))
        .then(dense(&mut params, "c", 256, 10));
    start(&mut params, 11..);
    let (x, labels) = (numbers(&[batch, 784], 1), labels(batch));
    steps(params, x, move |x, bound| cross_entropy(&model.apply(bound, &x), &labels))
}

/// Two convolutions and two dense layers on 28x28.
fn lenet(batch: usize) -> Run {
    let mut params = Params::new(1);
    let model = multi::trunk(&mut params, 320).then(dense(&mut params, "head", 50, 10));
    start(&mut params, 11..);
    let (x, labels) = (numbers(&[batch, 1, 28, 28], 1), labels(batch));
    steps(params, x, move |x, bound| cross_entropy(&model.apply(bound, &x), &labels))
}

/// Attention with `heads` heads and a perceptron, each added to its input and normalised; the loss is the mean square.
fn transformer(batch: usize, [d, heads, seq, ff]: [usize; 4]) -> Run {
    let mut params = Params::new(1);
    let (qkv, out) = (dense(&mut params, "qkv", d, 3 * d), dense(&mut params, "out", d, d));
    let (up, down) =
        (dense(&mut params, "up", d, ff).activation(Map::Gelu), dense(&mut params, "down", ff, d));
    let mut norm = |name: &str| LayerNorm::new(&mut params.scope(name), [d]).expect("a layer");
    let norms = [norm("norm1"), norm("norm2")];
    start(&mut params, 11..);
    let x = numbers(&[batch, seq, d], 1);
    steps(params, x, move |x, bound| {
        let parts = qkv.apply(bound, &x).reshape([batch, seq, 3, heads, d / heads]).permute(&[2, 0, 3, 1, 4]);
        let (q, k, v) = (parts.at(0, 0), parts.at(0, 1), parts.at(0, 2));
        let scores = q.matmul(k.permute(&[0, 1, 3, 2])).scale(1.0 / ((d / heads) as f64).sqrt()).softmax();
        let mixed = scores.matmul(v).permute(&[0, 2, 1, 3]).reshape([batch, seq, d]);
        let x = norms[0].apply(bound, &(x + out.apply(bound, &mixed)));
        let y = norms[1].apply(bound, &(x + down.apply(bound, &up.apply(bound, &x))));
        y.square().mean_all()
    })
}
