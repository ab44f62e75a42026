//! The cases of `layers_*.txt`: each a layer with the settings of its name, and the numbers of the fixture.

use crate::fixture::Fixture;
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Value, check};
use tress_nn::layer::{Carried, Manner, Step};
use tress_nn::*;
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor};

/// The files, and how many cases there are in each.
pub(crate) const FILES: [(&str, usize); 7] = [
    ("layers_windows", 25),
    ("layers_rows", 27),
    ("layers_recurrent", 8),
    ("layers_recurrent_deep", 2),
    ("layers_attention", 10),
    ("layers_padding", 24),
    ("layers_bare", 16),
];

/// A layer, and how it is applied.
enum Net {
    Step(Step),
    Bilinear(Bilinear),
    LookUp(Embedding),
    Scores(Embedding),
    Recurrent(Recurrent, Option<Lengths>),
    Attention(Box<MultiHeadAttention>, AttentionMask),
    Biased(Box<MultiHeadAttention>),
    Encoder(Box<EncoderBlock>, AttentionMask),
}

impl<S: Into<Step>> From<S> for Net {
    fn from(layer: S) -> Self {
        Net::Step(layer.into())
    }
}

/// A case, as a program of its inputs and then its parameters.
pub(crate) struct Case<'f, T: Float> {
    pub(crate) all: &'f Fixture,
    pub(crate) name: &'f str,
    pub(crate) params: Params<T>,
    pub(crate) training: bool,
    inputs: usize,
    net: Net,
}

impl<'f, T: Float> Case<'f, T> {
    pub(crate) fn new(all: &'f Fixture, name: &'f str) -> Self {
        let mut params = Params::new(1);
        let net = net(name, &mut params.root()).unwrap();
        let names: Vec<(String, bool)> =
            params.entries().map(|entry| (entry.name().to_string(), entry.is_trained())).collect();
        for (entry, trained) in names {
            let block = format!("{name}.{}.{entry}", if trained { "p" } else { "s" });
            params.set(&entry, &all.tensor(&block)).unwrap();
        }
        let inputs = (0..3).take_while(|i| all.has(&format!("{name}.x{i}"))).count();
        let training = name.starts_with("batch_norm") && !name.ends_with("evaluation");
        Self { all, name, params, training, inputs, net }
    }

    /// For each operand the block of a kind: `d` for `NAME.d.x0`, nothing for `NAME.x0`.
    pub(crate) fn blocks<U: Float>(&self, kind: &str) -> Vec<Tensor<U>> {
        let inputs = (0..self.inputs).map(|i| format!("x{i}"));
        let trained = self.params.entries().filter(|entry| entry.is_trained());
        let parameters = trained.map(|entry| format!("p.{}", entry.name()));
        let name = |part: String| format!("{}{kind}.{part}", self.name);
        inputs.chain(parameters).map(|part| self.all.tensor(&name(part))).collect()
    }

    pub(crate) fn block<U: Float>(&self, part: &str) -> Tensor<U> {
        self.all.tensor(&format!("{}.{part}", self.name))
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.all.has(&format!("{}.{part}", self.name))
    }

    /// The parameters among the operands `xs`, bound in the mode of the case.
    pub(crate) fn bound<V: Value<Elem = T>>(&self, xs: &[V]) -> Bound<V> {
        let mut parameters = xs[self.inputs..].iter();
        let bound = self.params.bind(|entry, numbers| match entry.is_trained() {
            true => parameters.next().unwrap().clone(),
            false => xs[0].lift(numbers),
        });
        if self.training { bound.training(3) } else { bound }
    }

    pub(crate) fn output<V: Value<Elem = T>>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        match &self.net {
            Net::Step(step) => step.apply(bound, &xs[0]),
            Net::Bilinear(layer) => layer.apply(bound, &xs[0], &xs[1]),
            Net::LookUp(layer) => {
                let index = self.all.tensor::<u32>(&format!("{}.index", self.name));
                layer.look_up(bound, &Index::new(&index)).unwrap()
            }
            Net::Scores(layer) => layer.scores(bound, &xs[0]),
            Net::Recurrent(layer, lengths) => {
                let start = xs[1..self.inputs].first().map(|hidden| Carried {
                    hidden: hidden.clone(),
                    memory: xs[2..self.inputs].first().cloned(),
                });
                let (outputs, end) = layer.run(bound, &xs[0], start.as_ref(), lengths.as_ref());
                let flat = |x: &V| x.reshape([x.shape().len()]);
                let ends: Vec<V> = std::iter::once(&end.hidden).chain(&end.memory).map(flat).collect();
                flat(&outputs).concat(0, &ends)
            }
            Net::Attention(layer, mask) => {
                layer.attend(bound, &xs[0], if self.inputs == 2 { &xs[1] } else { &xs[0] }, mask)
            }
            Net::Biased(layer) => layer.attend_biased(bound, &xs[0], &xs[0], &AttentionMask::new(), &xs[1]),
            Net::Encoder(block, mask) => block.run(bound, &xs[0], mask),
        }
    }
}

impl check::Program for Case<'_, f64> {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        self.output(&self.bound(xs), xs)
    }
}

/// The mode that a case is named after.
fn mode(name: &str) -> PaddingMode {
    match name.rsplit('_').next() {
        Some("reflect") => PaddingMode::Reflect,
        Some("replicate") => PaddingMode::Replicate,
        _ => PaddingMode::Circular,
    }
}

/// What is added to the scores of each head and pair of steps: the less the further away, twice as much in the second head;
/// perhaps the first step does not look at the last.
fn far(heads: usize, hidden: bool) -> Tensor<f64> {
    let score = |i: &[usize]| match hidden && (i[1] == 1 || heads == 1) && (i[2], i[3]) == (0, 2) {
        true => f64::NEG_INFINITY,
        false => -0.5 * (i[1] + 1) as f64 * i[2].abs_diff(i[3]) as f64,
    };
    Tensor::from_fn([1, heads, 3, 3], score).unwrap()
}

fn net<T: Float>(name: &str, s: &mut Scope<'_, T>) -> Result<Net, Error> {
    let attention = || MultiHeadAttention::builder(4, 2);
    let padded = || Lengths::new([2, 3], 3).unwrap();
    Ok(match name {
        "conv1d" => Conv1d::builder(2, 3, [3]).stride([2]).padding([[1, 1]]).build(s)?.into(),
        "conv1d_causal" => {
            let conv = Conv1d::builder(4, 2, [2]).groups(2).dilation([2]).causal().without_bias();
            conv.build(s)?.into()
        }
        "conv2d" => {
            let conv = Conv2d::builder(4, 2, [3, 2]).stride([2, 1]).padding([[1, 1], [0, 0]]);
            conv.dilation([1, 2]).groups(2).activation(Map::Tanh).build(s)?.into()
        }
        "conv_transpose1d" => {
            let conv = ConvTranspose1d::builder(3, 2, [3]).stride([2]).padding([[1, 1]]);
            conv.output_padding([1]).build(s)?.into()
        }
        "conv_transpose2d" => {
            let conv = ConvTranspose2d::builder(2, 2, [3, 2]).stride([2, 1]).padding([[1, 1], [0, 0]]);
            conv.output_padding([1, 0]).build(s)?.into()
        }
        "conv_transpose2d_groups" => {
            let conv = ConvTranspose2d::builder(4, 2, [2, 2]).groups(2).dilation([2, 2]);
            conv.without_bias().build(s)?.into()
        }
        "separable_conv1d" => SeparableConv1d::builder(3, 2, [3]).stride([2]).without_bias().build(s)?.into(),
        "separable_conv2d" => SeparableConv2d::builder(2, 3, [3, 3]).multiplier(2).same().build(s)?.into(),
        "max_pool1d" => MaxPool1d::new([3]).stride([2]).padding([[1, 1]]).into(),
        "mean_pool1d" => MeanPool1d::new([3]).stride([2]).padding([[1, 1]]).without_padding_counted().into(),
        "global_mean_pool" | "global_mean_pool_sequences" => GlobalMeanPool.into(),
        "global_max_pool" => GlobalMaxPool.into(),
        "adaptive_mean_pool2d" => AdaptiveMeanPool2d::new([3, 2]).into(),
        "adaptive_mean_pool2d_even" => AdaptiveMeanPool2d::new([5, 1]).into(),
        "adaptive_max_pool2d" => AdaptiveMaxPool2d::new([3, 2]).into(),
        "adaptive_max_pool2d_even" => AdaptiveMaxPool2d::new([1, 7]).into(),
        "adaptive_mean_pool1d" => AdaptiveMeanPool1d::new([4]).into(),
        "adaptive_max_pool1d" => AdaptiveMaxPool1d::new([4]).into(),
        "upsample_nearest" => Upsample::nearest([2, 3])?.into(),
        "upsample_nearest_to" => Upsample::to([5, 7], Manner::Nearest)?.into(),
        "upsample_bilinear" => Upsample::bilinear([2, 3])?.into(),
        "upsample_bilinear_to" => Upsample::to([5, 7], Manner::Bilinear)?.into(),
        "upsample_bilinear_corners" => Upsample::to([5, 7], Manner::BilinearCorners)?.into(),
        "upsample_bilinear_one" => Upsample::to([1, 2], Manner::BilinearCorners)?.into(),

        "pad1d_reflect" | "pad1d_replicate" | "pad1d_circular" => Pad1d::new([[2, 3]], mode(name)).into(),
        "pad2d_reflect" | "pad2d_replicate" | "pad2d_circular" => {
            Pad2d::new([[1, 2], [2, 0]], mode(name)).into()
        }
        "pad2d_constant" => Pad2d::new([[2, 1], [1, 0]], PaddingMode::Constant(0.75)).into(),
        "conv2d_reflect" | "conv2d_replicate" | "conv2d_circular" => {
            let conv = Conv2d::builder(2, 2, [3, 2]).stride([2, 1]).padding([[2, 1], [1, 2]]);
            conv.padding_mode(mode(name)).build(s)?.into()
        }
        "conv1d_reflect" => {
            let conv = Conv1d::builder(4, 2, [3]).groups(2).dilation([2]).same().without_bias();
            conv.padding_mode(PaddingMode::Reflect).build(s)?.into()
        }
        "separable_conv2d_circular" => {
            let conv = SeparableConv2d::builder(2, 3, [3, 3]).same();
            conv.padding_mode(PaddingMode::Circular).build(s)?.into()
        }
        "max_pool1d_ceil" | "max_pool1d_ceil_short" => MaxPool1d::new([3]).stride([2]).ceil().into(),
        "max_pool1d_ceil_behind" => MaxPool1d::new([2]).stride([3]).padding([[1, 1]]).ceil().into(),
        "max_pool2d_ceil" => {
            let pool = MaxPool2d::new([3, 2]).stride([2, 3]).padding([[1, 1], [0, 0]]);
            pool.dilation([1, 2]).ceil().into()
        }
        "mean_pool1d_ceil" => MeanPool1d::new([3]).stride([2]).padding([[1, 1]]).ceil().into(),
        "mean_pool2d_ceil" => MeanPool2d::new([3, 2]).stride([2, 2]).padding([[1, 1], [0, 0]]).ceil().into(),
        "mean_pool2d_ceil_inside" => {
            let pool = MeanPool2d::new([3, 2]).stride([2, 2]).padding([[1, 1]; 2]);
            pool.without_padding_counted().ceil().into()
        }

        "upsample1d_nearest" => Upsample1d::nearest(3)?.into(),
        "upsample1d_linear" => Upsample1d::to(7, Manner::Bilinear)?.into(),
        "upsample1d_corners" => Upsample1d::to(7, Manner::BilinearCorners)?.into(),
        "reshape" => Reshape::new([2, 3])?.into(),
        "permute" => Permute::new([0, 2, 1])?.into(),

        "layer_norm_plain" => LayerNorm::without_parameters([4])?.into(),
        "layer_norm_plain_2" => LayerNorm::without_parameters([3, 2])?.into(),
        "layer_norm_without_bias" => LayerNorm::without_bias(s, [3, 2])?.into(),
        "rms_norm_plain" => RmsNorm::without_parameters([5])?.into(),
        "group_norm_plain" => GroupNorm::without_parameters(2, 4)?.into(),
        "group_norm_without_bias" => GroupNorm::without_bias(s, 2, 4)?.into(),
        "instance_norm_affine" => InstanceNorm::with_parameters(s, 2)?.into(),
        "batch_norm_plain" | "batch_norm_plain_evaluation" => BatchNorm::without_parameters(s, 2)?.into(),
        "batch_norm_without_bias" | "batch_norm_without_bias_evaluation" => {
            BatchNorm::without_bias(s, 2)?.into()
        }
        "dense" => Dense::builder(4, 2).activation(Map::Gelu).build(s)?.into(),
        "bilinear" => Net::Bilinear(Bilinear::new(s, 2, 4, 3)?),
        "batch_norm" => BatchNorm::new(s, 3)?.into(),
        "batch_norm_sequences" | "batch_norm_images" | "batch_norm_evaluation" => {
            BatchNorm::new(s, 2)?.into()
        }
        "layer_norm" => LayerNorm::new(s, [4])?.into(),
        "layer_norm_2" => LayerNorm::new(s, [3, 2])?.epsilon(0.01).into(),
        "rms_norm" => RmsNorm::new(s, [5])?.into(),
        "rms_norm_2" => RmsNorm::new(s, [2, 3])?.epsilon(0.01).into(),
        "group_norm" => GroupNorm::new(s, 2, 4)?.into(),
        "instance_norm" => InstanceNorm::new().into(),
        "prelu" => Prelu::new(s, 3)?.into(),
        "prelu_one" => Prelu::new(s, 1)?.into(),
        "softmax" => Activation::Softmax.into(),
        "log_softmax" => Activation::LogSoftmax.into(),
        "log_sigmoid" => Activation::LogSigmoid.into(),
        "softsign" => Activation::Softsign.into(),
        "selu" => Activation::Selu.into(),
        "mish" => Activation::Mish.into(),
        "glu" => Activation::Glu.into(),
        "swiglu" => Activation::SwiGlu.into(),
        "hard_sigmoid" => Activation::HardSigmoid.into(),
        "hard_swish" => Activation::HardSwish.into(),
        "embedding" => Net::LookUp(Embedding::new(s, 4, 3)?.padding(1)?),
        "embedding_frozen" => Net::LookUp(Embedding::new(s, 4, 3)?.stored_padding(1)?),
        "embedding_scores" => Net::Scores(Embedding::new(s, 4, 3)?),

        "rnn" => Net::Recurrent(Recurrent::simple(2, 3).build(s)?, None),
        "rnn_relu" => Net::Recurrent(Recurrent::simple(2, 3).activation(Map::Relu).build(s)?, None),
        "gru" => Net::Recurrent(Recurrent::gru(2, 3).build(s)?, None),
        "gru_two_layers" => {
            let gru = Recurrent::gru(2, 3).layers(2).both_ways().build(s)?;
            Net::Recurrent(gru, Some(Lengths::new([2, 4, 1], 4)?))
        }
        "rnn_two_layers" => Net::Recurrent(Recurrent::simple(2, 3).layers(2).build(s)?, None),
        "rnn_without_bias" => Net::Recurrent(Recurrent::simple(2, 3).without_bias().build(s)?, None),
        "gru_without_bias" => Net::Recurrent(Recurrent::gru(2, 3).without_bias().build(s)?, None),
        "lstm_without_bias" => Net::Recurrent(Recurrent::lstm(2, 3).without_bias().build(s)?, None),
        "lstm" => Net::Recurrent(Recurrent::lstm(2, 3).build(s)?, None),
        "lstm_both_ways" => {
            let lstm = Recurrent::lstm(2, 3).both_ways().build(s)?;
            Net::Recurrent(lstm, Some(Lengths::new([3, 1, 4], 4)?))
        }

        "attention_added" | "attention_added_heads" | "attention_added_causal" => {
            let (scores, causal) = match name {
                "attention_added" => (far(1, true).reshape([3, 3]).unwrap(), false),
                "attention_added_heads" => (far(2, true), false),
                _ => (far(1, false).reshape([1, 3, 3]).unwrap(), true),
            };
            let mask = AttentionMask::new().added(&scores)?;
            let mask = if causal { mask.causal() } else { mask };
            Net::Attention(Box::new(attention().without_bias().build(s)?), mask)
        }
        "attention_biased" => Net::Biased(Box::new(attention().without_bias().build(s)?)),
        "encoder_without_bias" => {
            let block = EncoderBlock::builder(4, 2, 3).without_bias().build(s)?;
            Net::Encoder(Box::new(block), AttentionMask::new())
        }
        "attention" => Net::Attention(Box::new(attention().build(s)?), AttentionMask::new()),
        "attention_without_bias" => {
            Net::Attention(Box::new(attention().without_bias().build(s)?), AttentionMask::new())
        }
        "attention_causal" => Net::Attention(Box::new(attention().causal().build(s)?), AttentionMask::new()),
        "attention_padded" => {
            Net::Attention(Box::new(attention().build(s)?), AttentionMask::new().causal().lengths(&padded()))
        }
        "attention_rotary" => Net::Attention(
            Box::new(attention().rotary(Rotary::new()).build(s)?),
            AttentionMask::new().causal(),
        ),
        "attention_cross" => Net::Attention(Box::new(attention().memory(3).build(s)?), AttentionMask::new()),
        "encoder" | "encoder_after" => {
            let block = EncoderBlock::builder(4, 2, 3);
            let block = if name == "encoder" { block } else { block.norms_after() };
            Net::Encoder(Box::new(block.build(s)?), AttentionMask::new().lengths(&padded()))
        }
        "sinusoidal" => Sinusoidal.into(),
        "rotary" => Rotary::new().into(),
        other => panic!("a case that is not known: {other}"),
    })
}
