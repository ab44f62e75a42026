//! More models that are exported: padding, windows that are cut off, norms without parameters, layers of several values.

use crate::onnx_cases::{Case, layer};
use tress_autograd::{Arrange, Value};
use tress_nn::Bound;
use tress_nn::layer::*;
use tress_nn::model::{Join, Model};
use tress_tensor::Tensor;

/// More layers: padding with other things than zeros, windows that are cut off, norms and blocks without parameters.
pub(crate) fn more_layers() -> Vec<Case> {
    vec![
        layer("conv2d_reflect", &[2, 5, 4], |s| {
            let conv = Conv2d::builder(2, 3, [3, 3]).stride([2, 1]).same();
            conv.padding_mode(PaddingMode::Reflect).build(s)
        }),
        layer("conv1d_replicate", &[2, 5], |s| {
            Conv1d::builder(2, 3, [3]).causal().padding_mode(PaddingMode::Replicate).build(s)
        }),
        layer("pad1d", &[2, 4], |_| Ok(Pad1d::new([[3, 1]], PaddingMode::Constant(-0.5)))),
        layer("pad2d", &[2, 3, 4], |_| Ok(Pad2d::new([[1, 2], [2, 0]], PaddingMode::Circular))),
        layer("max_pool2d_ceil", &[2, 6, 7], |_| {
            Ok(MaxPool2d::new([3, 2]).stride([2, 3]).padding([[1, 1], [0, 0]]).ceil())
        }),
        layer("mean_pool2d_ceil", &[2, 6, 5], |_| {
            Ok(MeanPool2d::new([3, 2]).stride([2, 2]).padding([[1, 1], [0, 0]]).ceil())
        }),
        layer("batch_norm_plain", &[3, 4], |s| BatchNorm::without_parameters(s, 3)),
        layer("layer_norm_plain", &[2, 4], |_| LayerNorm::without_parameters([4])),
        layer("layer_norm_without_bias", &[2, 4], |s| LayerNorm::without_bias(s, [4])),
        layer("rms_norm_plain", &[3, 4], |_| RmsNorm::without_parameters([4])),
        layer("instance_norm_affine", &[3, 4], |s| InstanceNorm::with_parameters(s, 3)),
        layer("encoder_without_bias", &[3, 4], |s| EncoderBlock::builder(4, 2, 8).without_bias().build(s)),
        layer("upsample1d", &[2, 3], |_| Upsample1d::linear(3)),
        layer("reshape", &[6], |_| Reshape::new([2, 3])),
        layer("permute", &[2, 3], |_| Permute::new([0, 2, 1])),
        layer("ending", &[3, 2], |s| Ok(Recurrent::gru(2, 3).layers(2).both_ways().build(s)?.ending())),
        joins(),
    ]
}

/// Layers of several values, with lengths as an input; and attention with numbers that are added to its scores.
fn joins() -> Case {
    struct Biased(MultiHeadAttention);

    impl Join for Biased {
        fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
            let far = Tensor::from_fn([2, 3], |i| i[0] as f32 / 2.0 - i[1] as f32).unwrap();
            let mask = AttentionMask::new().added(&far).unwrap();
            self.0.attend_biased(bound, &xs[0], &xs[1], &mask, &xs[2].unsqueeze(1))
        }
    }

    Case::scaled("joins", 1.5, |w| {
        let (words, length) = (w.input("words", [3, 4]), w.input("length", []));
        let (query, bias) = (w.input("query", [2, 4]), w.input("bias", [2, 3]));
        let read = w.join("read", &[words, length], |s| Recurrent::gru(4, 3).build(s));
        let last =
            w.join("last", &[words, length], |s| Ok(Recurrent::lstm(4, 3).both_ways().build(s)?.ending()));
        let found = w.join("found", &[query, words, length], |s| MultiHeadAttention::builder(4, 2).build(s));
        let biased = w.join("biased", &[query, words, bias], |s| {
            Ok(Biased(MultiHeadAttention::builder(4, 2).build(s)?))
        });
        let pairs = w.join("pairs", &[query, found], |s| Bilinear::new(s, 4, 4, 3));
        let outputs =
            [("read", read), ("last", last), ("found", found), ("biased", biased), ("pairs", pairs)];
        Model::new(&[words, length, query, bias], &outputs)
    })
}
