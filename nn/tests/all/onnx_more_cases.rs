//! More models that are exported: padding, windows that are cut off, norms without parameters, layers of several values.

use crate::onnx_cases::{Case, layer};
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Reduce, Value};
use tress_nn::Bound;
use tress_nn::layer::*;
use tress_nn::model::{Join, Model};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

/// Networks over sequences of any length: positions, masks, means; and convolutions of signals.
fn open_lengths() -> Vec<Case> {
    let words =
        |n: usize| Index::new(&Tensor::from_fn([n, 6], |i| ((i[0] * 6 + i[1]) * 5 % 9) as u32).unwrap());
    let text = Case::with("open_text", 2.0, vec![("words".to_owned(), words(3))], |w| {
        let (words, length) = (w.index("words", [6], 9).any_length(), w.input("length", []));
        let rows = words.look_up("table", |s| Embedding::new(s, 9, 4)?.padding(2)).apply(Sinusoidal);
        let block = w.join("block", &[rows, length], |s| {
            EncoderBlock::builder(4, 2, 6).causal().rotary(Rotary::new()).build(s)
        });
        let steps = block.layer("tags", |s| Dense::new(s, 4, 3));
        let mean = w.lambda("mean", &[steps], |xs| xs[0].mean(&[1]));
        Model::new(&[words, length], &[("steps", steps), ("mean", mean)])
    });
    let signal = Case::scaled("open_signal", 1.0, |w| {
        let (signal, other) = (w.input("signal", [8, 2]).any_length(), w.input("other", [8, 4]).any_length());
        let seen = signal.apply(Permute::new([0, 2, 1]).unwrap()).layer("wide", |s| {
            Conv1d::builder(2, 4, [3]).same().padding_mode(PaddingMode::Replicate).build(s)
        });
        let cut = seen.layer("cut", |s| Conv1d::new(s, 4, 4, [3])).apply(Map::Tanh);
        let back = cut.apply(Pad1d::new([[1, 1]], PaddingMode::Zeros));
        let steps = back.apply(Permute::new([0, 2, 1]).unwrap());
        let both = w.concat_along("both", 2, &[steps, other]);
        let attended =
            both.layer("attention", |s| MultiHeadAttention::builder(8, 2).build(s)).apply(LastStep);
        let pooled = w.concat("pooled", &[back.apply(GlobalMaxPool), cut.apply(GlobalMeanPool), attended]);
        Model::new(&[signal, other], &[("pooled", pooled), ("both", both)])
    });
    vec![text, signal]
}

/// More layers: padding with other things than zeros, windows that are cut off, norms and blocks without parameters.
pub(crate) fn more_layers() -> Vec<Case> {
    let mut cases = open_lengths();
    cases.extend([
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
    ]);
    cases
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
