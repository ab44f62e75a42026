//! Every layer and operation that has a case of its own (`onnx_cases`): a device computes what the model does, or says what it has
//! no kernel for.

use crate::fixture::assert_near;
use crate::onnx_cases::{Case, cases};
use tress_autograd::{Eager, Symbol};
use tress_nn::device::Program;
use tress_nn::{Bound, Error};
use tress_tensor::Tensor;

/// The cases that devices have no kernel for: what goes along a sequence, changes the order of axes, looks up, or is no layer.
const REFUSED: &str = "mean_pool2d_inside conv_transpose1d conv_transpose2d_settings global_max_pool adaptive_max_pool2d \
    adaptive_max_pool1d adaptive_mean_pool2d adaptive_mean_pool1d last_step upsample_nearest upsample_bilinear \
    upsample_corners upsample_shrink rnn gru lstm sinusoidal rotary attention attention_causal encoder_block \
    encoder_block_after activations bilinear counted open_signal conv2d_reflect conv1d_replicate pad1d pad2d \
    mean_pool2d_ceil encoder_without_bias upsample1d permute ending joins conv1d conv_transpose2d \
    conv_transpose1d softmax log_sum_exp rms_norm rms_norm_bias batch_statistics matmul_rows einsum permute \
    slice unslice unslice_short halves pad flip roll tile_repeat split_stack reductions cumsum cummax sort \
    sort_gather argmax gather select constants determinant triangle zip checkpointed";

fn record(case: &Case) -> Result<Program, Error> {
    let shapes: Vec<(&str, Vec<usize>)> =
        case.model.inputs().map(|(name, sizes)| (name, sizes.at(1).unwrap().to_vec())).collect();
    let ports: Vec<(&str, &[usize])> = shapes.iter().map(|(name, shape)| (*name, &shape[..])).collect();
    fn outputs<'t>(
        case: &Case,
        bound: &Bound<Symbol<'t>>,
        xs: &[Symbol<'t>],
    ) -> Result<Vec<(String, Symbol<'t>)>, Error> {
        let given: Vec<(&str, &Symbol<'t>)> = case.model.inputs().map(|(name, _)| name).zip(xs).collect();
        Ok(case.model.run(bound, &given)?.iter().map(|(name, y)| (name.to_owned(), *y)).collect())
    }
    Program::record(&case.params, &ports, |bound, xs| outputs(case, bound, xs))
}

/// The first sample through the model and through the program.
fn compare(case: &Case, program: &Program) {
    let first: Vec<(&str, Tensor<f32>)> =
        case.inputs.iter().map(|(name, x)| (name.as_str(), x.slice(0, 0, 1, 1).unwrap())).collect();
    let values: Vec<(&str, Eager)> = first.iter().map(|(name, x)| (*name, Eager::new(x.clone()))).collect();
    let given: Vec<(&str, &Eager)> = values.iter().map(|(name, x)| (*name, x)).collect();
    let expected = case.model.run(&case.params.eager(), &given).unwrap();
    let numbers: Vec<Vec<f32>> = first.iter().map(|(_, x)| x.to_vec()).collect();
    let found = program.run(&numbers.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    for ((name, y), found) in expected.iter().zip(found) {
        let y = y.tensor().unwrap();
        let found = Tensor::new(*y.shape(), &found).unwrap();
        assert_near(&format!("{}.{name}", case.name), &found, &y.cast::<f64>(), 1e-5);
    }
}

#[test]
fn each_layer_runs_on_devices_or_is_refused_with_its_operation() {
    let (mut run, mut refused) = (0, Vec::new());
    for case in cases().into_iter().flat_map(|(_, cases)| cases).filter(|case| case.indices.is_empty()) {
        match record(&case) {
            Ok(program) => {
                compare(&case, &program);
                run += 1;
            }
            Err(error) => {
                let said = error.to_string();
                let helps = ["kernel", "a device", "neither inputs nor parameters"];
                assert!(helps.iter().any(|help| said.contains(help)), "{}: {said}", case.name);
                refused.push(case.name);
            }
        }
    }
    assert_eq!(refused.join(" "), REFUSED, "what runs and what does not has changed");
    assert!(run >= 41, "{run} cases run");
}
