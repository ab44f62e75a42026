//! Small layers and comparisons that tests of architectures at known settings share.

use tress_autograd::{Eager, Fused, Pointwise};
use tress_mtl::architecture::{Architecture, Features};
use tress_nn::{Dense, Params, Scope};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

pub(crate) fn numbers(shape: &[usize]) -> Tensor<f64> {
    let mut count = 0.7f64;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 0.618_033_988_749_895).fract() * 2.0 - 1.0
    })
    .unwrap()
}

pub(crate) fn tanh(scope: &mut Scope<'_, f64>, from: usize, to: usize) -> Result<Dense, tress_nn::Error> {
    Ok(Dense::new(scope, from, to)?.activation(Map::Tanh))
}

pub(crate) fn features(
    architecture: &impl Architecture,
    params: &Params<f64>,
    x: &Tensor<f64>,
) -> Features<Eager<f64>> {
    architecture.features(&params.eager(), &Eager::new(x.clone()))
}

pub(crate) fn value(x: &Eager<f64>) -> Vec<f64> {
    x.tensor().unwrap().to_vec()
}

#[track_caller]
pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{a} and {b}");
    }
}

/// What a dense tanh layer of this name gives for `x`.
pub(crate) fn layer(params: &Params<f64>, name: &str, x: &Eager<f64>) -> Eager<f64> {
    let tensor = |last: &str| Eager::new(params.tensor(&format!("{name}.{last}")).unwrap());
    (x.matmul(tensor("weight")) + tensor("bias")).tanh()
}
