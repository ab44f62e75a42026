//! Single layers in training: forward, and the gradients of all parameters and of the input for a cotangent of random numbers.

use super::{Run, Workload, numbers, weights};
use tress::nn::layer::Step;
use tress::nn::{BatchNorm, LayerNorm, Recurrent, Upsample};
use tress::prelude::*;
use tress::tensor::Tensor;

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
    let is_norm = matches!(workload.op.as_str(), "layer_batchnorm" | "layer_layernorm");
    let entries: Vec<_> = params.entries().filter(|entry| entry.is_trained()).cloned().collect();
    for (seed, entry) in (11..).zip(entries) {
        let begun = weights(entry.shape(), last, seed);
        let is_gain = is_norm && entry.name().ends_with("weight");
        params.set(entry.name(), &if is_gain { begun.map(Map::Offset(1.0)) } else { begun }).ok()?;
    }
    let (x, mut tape) = (numbers(&shape, 1), Tape::new());
    let y = layer.apply(&params.eager(), &Eager::new(x.clone()));
    let cotangent = Eager::new(numbers(y.tensor().ok()?.shape(), 2));
    Some(Run::new(move || {
        let given = {
            let bound = params.on(&tape).training(1);
            let x = tape.var(x.clone());
            let y = layer.apply(&bound, &x);
            let mut wanted = vec![x];
            wanted.extend_from_slice(bound.leaves().values());
            let cotangents = tape.cotangents(&[(y, cotangent.clone())], &wanted, &[]).expect("no mistake");
            let y = y.tensor().expect("no mistake");
            let cotangents = cotangents.into_iter().flatten().map(|cotangent| cotangent.tensor().cloned());
            [Ok(y)].into_iter().chain(cotangents).collect::<Result<Vec<Tensor>, _>>().expect("no mistake")
        };
        tape.reset();
        given
    }))
}
