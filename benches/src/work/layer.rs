//! Single layers in training: forward, and the gradients of all parameters and of the input for a cotangent of ones.

use super::{Run, Workload, numbers};
use tress::nn::layer::Step;
use tress::nn::{BatchNorm, LayerNorm, Recurrent, Upsample};
use tress::prelude::*;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    let shape: Vec<usize> = workload
        .settings
        .get("shape")?
        .as_array()?
        .iter()
        .filter_map(|n| Some(n.as_u64()? as usize))
        .collect();
    let (first, last) = (*shape.get(1)?, *shape.last()?);
    let mut params = Params::<f32>::new(1);
    let root = &mut params.root();
    let layer: Step = match workload.op.as_str() {
        "layer_gru" => Recurrent::gru(last, last).build(root).ok()?.into(),
        "layer_lstm" => Recurrent::lstm(last, last).build(root).ok()?.into(),
        "layer_batchnorm" => BatchNorm::new(root, first).ok()?.into(),
        "layer_layernorm" => LayerNorm::new(root, [last]).ok()?.into(),
        "layer_upsample" => Upsample::bilinear([2, 2]).ok()?.into(),
        _ => return None,
    };
    let (x, mut tape) = (numbers(&shape, 1), Tape::new());
    let y = layer.apply(&params.eager(), &Eager::new(x.clone()));
    // Numbers of their own, as a cotangent has in a model, and not one number repeated.
    let ones = Eager::new(numbers(y.tensor().ok()?.shape(), 2).map(Map::Scale(0.0)).map(Map::Offset(1.0)));
    Some(Box::new(move || {
        {
            let bound = params.on(&tape).training(1);
            let x = tape.var(x.clone());
            let y = layer.apply(&bound, &x);
            let mut wanted = vec![x];
            wanted.extend_from_slice(bound.leaves().values());
            std::hint::black_box(tape.cotangents(&[(y, ones.clone())], &wanted, &[]).expect("no mistake"));
        }
        tape.reset();
    }))
}
