//! The models that are exported: each layer, each operation, a whole network.

use tress_autograd::op::{Index, Op, RowNorm, Slice, Sort};
use tress_autograd::{
    Arrange, Eager, Fused, Matrix, Pointwise, Reduce, Scan, Sliding, Value, Windows, einsum,
};
use tress_nn::layer::{
    Activation, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool1d, AdaptiveMeanPool2d, AttentionMask,
    BatchNorm, Bilinear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dense, Dropout, Embedding,
    EncoderBlock, Flatten, GlobalMaxPool, GlobalMeanPool, GroupNorm, InstanceNorm, LastStep, LayerNorm,
    Manner, MaxPool1d, MaxPool2d, MeanPool1d, MeanPool2d, MultiHeadAttention, Prelu, Recurrent, Residual,
    RmsNorm, Rotary, SeparableConv1d, SeparableConv2d, Sequential, Sinusoidal, SpatialDropout, Step,
    Upsample,
};
use tress_nn::model::{Join, Model, Wire, Wiring};
use tress_nn::onnx::Export;
use tress_nn::{Bound, Error, Params, Random};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Tensor, Window};

const SAMPLES: usize = 3;

/// The inputs whose sequences may have any length, beside indices, and how many steps of them are another length.
const OPEN: [&str; 2] = ["signal", "other"];
const SHORT: usize = 4;

/// A model, numbers for its inputs, and its file.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) model: Model,
    pub(crate) params: Params<f32>,
    pub(crate) inputs: Vec<(String, Tensor<f32>)>,
    /// Those that are indices.
    pub(crate) indices: Vec<(String, Index)>,
    pub(crate) bytes: Vec<u8>,
    /// The kind of layer that it is about, if it is about one.
    pub(crate) kind: Option<String>,
}

impl Case {
    fn new(name: &'static str, wire: impl FnOnce(&Wiring<'_>) -> Result<Model, Error>) -> Self {
        Self::scaled(name, 1.0, wire)
    }

    /// Inputs are normal with this standard deviation.
    pub(crate) fn scaled(
        name: &'static str,
        scale: f64,
        wire: impl FnOnce(&Wiring<'_>) -> Result<Model, Error>,
    ) -> Self {
        Self::with(name, scale, Vec::new(), wire)
    }

    pub(crate) fn with(
        name: &'static str,
        scale: f64,
        indices: Vec<(String, Index)>,
        wire: impl FnOnce(&Wiring<'_>) -> Result<Model, Error>,
    ) -> Self {
        let mut params = Params::<f32>::new(1);
        let model = wire(&Wiring::new(&mut params)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // No parameter stays at the 0 or 1 that it starts with; variances stay positive.
        let mut random = Random::new(2);
        let names: Vec<String> = params.entries().map(|entry| entry.name().to_owned()).collect();
        for name in names {
            let drawn = |random: &mut Random| 0.4 * random.normal() as f32;
            let number = |_: &[usize]| match name.ends_with("var") {
                true => 0.5 + drawn(&mut random).abs(),
                false => drawn(&mut random),
            };
            let shape = *params.tensor(&name).unwrap().shape();
            params.set(&name, &Tensor::from_fn(shape, number).unwrap()).unwrap();
        }
        let inputs: Vec<(String, Tensor<f32>)> = model
            .inputs()
            .filter(|(name, _)| indices.iter().all(|(index, _)| index != name))
            .map(|(name, sizes)| {
                let number = |_: &[usize]| (scale * random.normal()) as f32;
                (name.to_owned(), Tensor::from_fn(sizes.at(SAMPLES).unwrap(), number).unwrap())
            })
            .collect();
        let bytes =
            Export::new(name).model(&model, &params).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, model, params, inputs, indices, bytes, kind: None }
    }

    /// What the model gives for the first steps of its sequences, if they may have any length.
    pub(crate) fn run_shorter(&self) -> Option<Vec<(String, Tensor<f32>)>> {
        if !self.name.starts_with("open_") {
            return None;
        }
        let (mut inputs, mut indices) = (self.inputs.clone(), self.indices.clone());
        for (_, x) in inputs.iter_mut().filter(|(name, _)| OPEN.contains(&name.as_str())) {
            *x = x.slice(1, 0, SHORT, 1).unwrap();
        }
        for (_, index) in &mut indices {
            *index = Index::new(&index.places().slice(1, 0, SHORT, 1).unwrap());
        }
        Some(self.run_for(&inputs, &indices))
    }

    pub(crate) fn run(&self) -> Vec<(String, Tensor<f32>)> {
        self.run_for(&self.inputs, &self.indices)
    }

    fn run_for(
        &self,
        inputs: &[(String, Tensor<f32>)],
        indices: &[(String, Index)],
    ) -> Vec<(String, Tensor<f32>)> {
        let values: Vec<(&str, Eager)> =
            inputs.iter().map(|(name, x)| (name.as_str(), Eager::new(x.clone()))).collect();
        let given: Vec<(&str, &Eager)> = values.iter().map(|(name, x)| (*name, x)).collect();
        let indices: Vec<(&str, &Index)> =
            indices.iter().map(|(name, index)| (name.as_str(), index)).collect();
        let found = self.model.run_with(&self.params.eager(), &given, &indices).unwrap();
        found.iter().map(|(name, y)| (name.to_owned(), y.tensor().unwrap().clone())).collect()
    }
}

/// A function of one input as a model.
fn function(
    name: &'static str,
    scale: f64,
    sample: &[usize],
    f: impl Fn(&Wire) -> Wire + Send + Sync + 'static,
) -> Case {
    Case::scaled(name, scale, |w| {
        let x = w.input("x", sample);
        Model::new(&[x], &[("y", w.lambda("f", &[x], move |xs| f(&xs[0])))])
    })
}

/// A model of one layer.
pub(crate) fn layer<L: Into<Step>>(
    name: &'static str,
    sample: &[usize],
    declare: impl FnOnce(&mut tress_nn::Scope<'_>) -> Result<L, Error>,
) -> Case {
    let mut kind = None;
    let case = Case::new(name, |w| {
        let x = w.input("x", sample);
        let layer = |scope: &mut tress_nn::Scope<'_>| {
            let layer: Step = declare(scope)?.into();
            kind = Some(kind_of(&layer));
            Ok(layer)
        };
        Model::new(&[x], &[("y", x.layer("layer", layer))])
    });
    Case { kind, ..case }
}

/// `Dense` of `Dense(Dense { .. })`.
pub(crate) fn kind_of(layer: &Step) -> String {
    format!("{layer:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect()
}

/// A whole network: images, a vector, a layer in two places, branches, two heads.
fn network() -> Case {
    Case::new("network", |w| {
        let (image, thumb, vector) =
            (w.input("image", [1, 8, 8]), w.input("thumb", [1, 4, 4]), w.input("vector", [5]));
        let stem = image.layer("stem", |s| Ok(Conv2d::new(s, 1, 4, [3, 3])?.activation(Map::Relu)));
        let left = stem.layer("left", |s| Conv2d::builder(4, 4, [3, 3]).same().build(s));
        let seen = (stem + left).apply(MaxPool2d::new([2, 2])).apply(Flatten);
        let small = thumb.apply(Flatten).layer("small", |s| Dense::new(s, 16, 5)).apply(Map::Tanh);
        let tower = w.unit("tower", |s| Dense::new(s, 5, 3));
        let told = w.average("told", &[vector.through(tower), small.through(tower)]);
        let all = w.concat("all", &[seen, told]);
        let class = all.layer("class", |s| Dense::new(s, all.width(), 4));
        let class = w.lambda("probability", &[class], |xs| xs[0].softmax());
        let size = all.layer("size", |s| Dense::new(s, all.width(), 1));
        // An output that is an input, and one value under two names.
        Model::new(
            &[image, thumb, vector],
            &[("class", class), ("size", size), ("again", size), ("same", vector)],
        )
    })
}

fn layers() -> Vec<Case> {
    vec![
        layer("dense", &[3], |s| Dense::new(s, 3, 4)),
        layer("dense_rows", &[2, 3], |s| {
            Ok(Dense::builder(3, 4).without_bias().build(s)?.activation(Map::Gelu))
        }),
        layer("dense_fused", &[3], |s| Ok(Dense::new(s, 3, 4)?.activation(Map::Sigmoid))),
        layer("conv2d", &[2, 6, 5], |s| Conv2d::new(s, 2, 3, [3, 2])),
        layer("conv2d_settings", &[4, 7, 6], |s| {
            let conv =
                Conv2d::builder(4, 6, [3, 2]).stride([2, 1]).padding([[2, 0], [1, 3]]).dilation([1, 2]);
            Ok(conv.groups(2).build(s)?.activation(Map::Tanh))
        }),
        layer("conv2d_depthwise", &[3, 5, 5], |s| Conv2d::builder(3, 6, [3, 3]).groups(3).same().build(s)),
        layer("max_pool2d", &[2, 6, 7], |_| {
            Ok(MaxPool2d::new([3, 2]).stride([2, 1]).padding([[1, 1], [0, 1]]))
        }),
        layer("max_pool2d_dilated", &[2, 6, 7], |_| {
            Ok(MaxPool2d::new([2, 2]).stride([1, 1]).dilation([2, 3]))
        }),
        layer("mean_pool2d", &[2, 6, 7], |_| {
            Ok(MeanPool2d::new([3, 2]).stride([2, 1]).padding([[1, 1], [0, 1]]))
        }),
        layer("mean_pool2d_inside", &[2, 5, 6], |_| {
            Ok(MeanPool2d::new([3, 3]).stride([2, 2]).padding([[1, 1], [1, 1]]).without_padding_counted())
        }),
        layer("global_mean_pool", &[3, 4, 5], |_| Ok(GlobalMeanPool)),
        layer("layer_norm", &[2, 3, 4], |s| LayerNorm::new(s, [3, 4])),
        layer("dropout", &[4], |s| Dropout::new(s, 0.5)),
        layer("spatial_dropout", &[2, 3, 3], |s| SpatialDropout::new(s, 0.5)),
        layer("flatten", &[2, 3], |_| Ok(Flatten)),
        layer("flatten_scalars", &[], |_| Ok(Flatten)),
        layer("conv1d_causal", &[2, 7], |s| {
            Conv1d::builder(2, 4, [3]).dilation([2]).causal().groups(2).build(s)
        }),
        layer("conv_transpose1d", &[2, 4], |s| {
            ConvTranspose1d::builder(2, 3, [3]).stride([2]).padding([[1, 1]]).build(s)
        }),
        layer("conv_transpose2d_settings", &[4, 3, 4], |s| {
            let conv = ConvTranspose2d::builder(4, 6, [3, 2]).stride([2, 3]).padding([[1, 0], [0, 1]]);
            Ok(conv.output_padding([1, 2]).groups(2).build(s)?.activation(Map::Relu))
        }),
        layer("separable_conv1d", &[2, 7], |s| SeparableConv1d::builder(2, 3, [3]).build(s)),
        layer("separable_conv2d", &[2, 6, 5], |s| {
            SeparableConv2d::builder(2, 3, [3, 3]).multiplier(2).same().build(s)
        }),
        layer("max_pool1d", &[2, 7], |_| Ok(MaxPool1d::new([3]).stride([2]).padding([[1, 1]]))),
        layer("mean_pool1d", &[2, 7], |_| Ok(MeanPool1d::new([3]).stride([2]).padding([[1, 1]]))),
        layer("global_max_pool", &[3, 4, 5], |_| Ok(GlobalMaxPool)),
        layer("adaptive_max_pool2d", &[2, 5, 7], |_| Ok(AdaptiveMaxPool2d::new([2, 3]))),
        layer("adaptive_max_pool1d", &[2, 7], |_| Ok(AdaptiveMaxPool1d::new([3]))),
        layer("adaptive_mean_pool2d", &[2, 5, 7], |_| Ok(AdaptiveMeanPool2d::new([2, 3]))),
        layer("adaptive_mean_pool1d", &[2, 7], |_| Ok(AdaptiveMeanPool1d::new([3]))),
        layer("batch_norm", &[3, 4, 2], |s| BatchNorm::new(s, 3)),
        layer("group_norm_affine", &[4, 3], |s| GroupNorm::new(s, 2, 4)),
        layer("instance_norm", &[3, 4, 2], |_| Ok(InstanceNorm::new())),
        layer("rms_norm_layer", &[3, 4], |s| RmsNorm::new(s, [4])),
        layer("last_step", &[3, 4], |_| Ok(LastStep)),
        layer("residual", &[2, 4, 4], |s| {
            let inside = Conv2d::builder(2, 3, [3, 3]).same().build(&mut s.scope("inside"))?;
            Ok(Residual::new(inside).shortcut(Conv2d::new(&mut s.scope("around"), 2, 3, [1, 1])?))
        }),
        layer("upsample_nearest", &[2, 3, 2], |_| Upsample::nearest([2, 3])),
        layer("upsample_bilinear", &[2, 3, 2], |_| Upsample::bilinear([2, 3])),
        layer("upsample_corners", &[2, 3, 2], |_| Upsample::to([5, 4], Manner::BilinearCorners)),
        layer("upsample_shrink", &[1, 5, 4], |_| Upsample::to([3, 2], Manner::Nearest)),
        layer("rnn", &[3, 2], |s| Recurrent::simple(2, 3).activation(Map::Relu).build(s)),
        layer("gru", &[3, 2], |s| Recurrent::gru(2, 3).layers(2).both_ways().build(s)),
        layer("lstm", &[3, 2], |s| Recurrent::lstm(2, 3).layers(2).both_ways().dropout(0.5).build(s)),
        layer("sinusoidal", &[3, 4], |_| Ok(Sinusoidal)),
        layer("rotary", &[3, 4], |_| Ok(Rotary::new())),
        layer("attention", &[3, 4], |s| MultiHeadAttention::builder(4, 2).build(s)),
        layer("attention_causal", &[3, 4], |s| {
            MultiHeadAttention::builder(4, 2).causal().rotary(Rotary::new()).build(s)
        }),
        layer("encoder_block", &[3, 4], |s| EncoderBlock::builder(4, 2, 8).dropout(0.1).build(s)),
        layer("encoder_block_after", &[3, 4], |s| {
            EncoderBlock::builder(4, 2, 8).norms_after().causal().activation(Map::Relu).build(s)
        }),
        layer("prelu", &[3, 2], |s| Prelu::new(s, 3)),
        activations(),
        joined("bilinear"),
        layer("sequential", &[1, 6, 6], |s| {
            let conv = Conv2d::new(&mut s.scope("conv"), 1, 2, [3, 3])?.activation(Map::Relu);
            let dense = Dense::new(&mut s.scope("dense"), 8, 3)?;
            Ok(Sequential::new().then(conv).then(MaxPool2d::new([2, 2])).then(Flatten).then(dense))
        }),
    ]
}

/// Words that are looked up: a table with a padding, and one that two inputs share.
fn embedding() -> Case {
    let index = |name: &str, numbers: &[u32]| {
        (name.to_owned(), Index::new(&Tensor::new([SAMPLES, numbers.len() / SAMPLES], numbers).unwrap()))
    };
    let indices =
        vec![index("words", &[4, 0, 2, 3, 3, 0]), index("left", &[1, 0, 2]), index("right", &[2, 2, 0])];
    Case::with("embedding", 1.0, indices, |w| {
        let words = w.index("words", [2], 5);
        let (left, right) = (w.index("left", [1], 3), w.index("right", [1], 3));
        let rows = words.look_up("table", |s| Embedding::new(s, 5, 4)?.padding(3));
        let stored = words.look_up("stored", |s| Embedding::new(s, 5, 2)?.stored_padding(3));
        let shared = w.table("shared", |s| Embedding::new(s, 3, 4));
        let all = w.concat("all", &[rows, left.through(shared), right.through(shared)]);
        let read = all.layer("read", |s| Recurrent::gru(4, 3).build(s)).apply(LastStep);
        Model::new(&[words, left, right], &[("rows", rows), ("read", read), ("stored", stored)])
    })
}

/// Every activation that is a layer, one behind the other.
fn activations() -> Case {
    Case::new("activations", |w| {
        let x = w.input("x", [4]);
        let all = [
            Activation::Softmax,
            Activation::LogSoftmax,
            Activation::LogSigmoid,
            Activation::Softsign,
            Activation::Selu,
            Activation::Mish,
            Activation::HardSigmoid,
            Activation::HardSwish,
            Activation::Glu,
            Activation::SwiGlu,
        ];
        let all = all.map(|activation| x.apply(activation));
        Model::new(&[x], &[("y", w.concat("all", &all))])
    })
}

/// Layers with two operands: a bilinear one, and attention to a memory of its own with steps that may not be seen.
struct Pair {
    bilinear: Bilinear,
    attention: MultiHeadAttention,
}

impl Join for Pair {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        let mask = AttentionMask::new().allowed(&Tensor::new([2, 3], &[1, 0, 1, 1, 1, 0]).unwrap()).unwrap();
        let found = self.attention.attend(bound, &xs[0], &xs[1], &mask);
        self.bilinear.apply(bound, &found.flatten(1), &xs[1].flatten(1))
    }
}

fn joined(name: &'static str) -> Case {
    Case::new(name, |w| {
        let (a, b) = (w.input("a", [2, 4]), w.input("b", [3, 6]));
        let pair = w.join("pair", &[a, b], |s| {
            let attention = MultiHeadAttention::builder(4, 2).memory(6).build(&mut s.scope("attention"))?;
            Ok(Pair { bilinear: Bilinear::new(&mut s.scope("bilinear"), 8, 18, 3)?, attention })
        });
        Model::new(&[a, b], &[("y", pair)])
    })
}

/// Layers over sequences, of which an input says what counts.
struct Counted {
    lstm: Recurrent,
    block: EncoderBlock,
}

impl Join for Counted {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        let counts = xs[1].greater(xs[1].constant(0.0));
        let (read, _) = self.lstm.run_where(bound, &xs[0], None, &counts);
        self.block.run_where(bound, &read, &AttentionMask::new().causal(), &counts)
    }
}

fn counted() -> Case {
    Case::new("counted", |w| {
        let (x, counts) = (w.input("x", [4, 2]), w.input("counts", [4]));
        let y = w.join("net", &[x, counts], |s| {
            let lstm = Recurrent::lstm(2, 3).both_ways().without_bias().build(&mut s.scope("lstm"))?;
            Ok(Counted { lstm, block: EncoderBlock::builder(6, 2, 5).build(&mut s.scope("block"))? })
        });
        Model::new(&[x, counts], &[("y", y)])
    })
}

/// Operations that layers may be made of.
fn operations() -> Vec<Case> {
    let window = |image: [usize; 2], kernel: [usize; 2]| Window::new(image, kernel);
    vec![
        function("conv1d", 1.0, &[2, 7], |x| {
            let w =
                x.lift(Tensor::from_fn([3, 2, 3], |i| (i[0] + 2 * i[1]) as f64 / 4.0 - i[2] as f64).unwrap());
            x.conv1d(&w, None, Sliding::new().stride([2]).pad([[1, 2]]), 1)
        }),
        function("conv_transpose2d", 1.0, &[2, 3, 4], |x| {
            let w = Tensor::from_fn([2, 3, 3, 2], |i| (i[0] + 2 * i[1] + i[3]) as f64 / 4.0 - i[2] as f64)
                .unwrap();
            let bias = x.lift(Tensor::vector(&[0.5, -1.0, 2.0, 0.25, 1.0, -0.5]));
            let sliding = Sliding::new().stride([2, 3]).pad([[1, 0], [0, 1]]).dilation([1, 2]);
            x.conv_transpose2d(x.lift(w), Some(&bias), sliding, [1, 2], 2)
        }),
        function("conv_transpose1d", 1.0, &[2, 4], |x| {
            let w = Tensor::from_fn([2, 3, 3], |i| (i[0] + 2 * i[1]) as f64 / 4.0 - i[2] as f64).unwrap();
            x.conv_transpose1d(x.lift(w), None, Sliding::new().stride([2]), [1], 1)
        }),
        function("mean_pool_dilated", 1.0, &[2, 6, 6], move |x| {
            x.mean_pool(window([6, 6], [2, 3]).dilation([2, 2]).pad([[1, 0], [0, 1]]))
        }),
        function("softmax", 2.0, &[3, 4], |x| x.softmax_along(1)),
        function("log_softmax", 2.0, &[3, 4], |x| x.log_softmax()),
        function("log_sum_exp", 2.0, &[3, 4], |x| x.log_sum_exp(&[2])),
        function("layer_norm_rows", 2.0, &[3, 4], |x| x.layer_norm(None, None, 1e-5)),
        function("rms_norm", 2.0, &[3, 4], |x| {
            x.rms_norm(Some(&x.lift(Tensor::vector(&[0.5, -1.0, 2.0, 0.25]))), 1e-5)
        }),
        function("rms_norm_bias", 2.0, &[4], |x| {
            let [weight, bias] =
                [[0.5, -1.0, 2.0, 0.25], [1.0, 2.0, 3.0, 4.0]].map(|w| x.lift(Tensor::vector(&w)));
            Value::apply(Op::RowNorm(RowNorm { epsilon: 1e-3, centred: false }), &[x, &weight, &bias])
        }),
        function("group_norm", 2.0, &[4, 3, 2], |x| x.group_norm(2, None, None, 1e-5)),
        // Over the batch: shapes in which the number of samples is not the first axis.
        function("batch_statistics", 2.0, &[3, 2], |x| x.batch_norm(None, None, 1e-5)),
        function("matmul_rows", 1.0, &[2, 3, 4], |x| x.matmul(x.transpose(2, 3))),
        function("einsum", 1.0, &[3, 4], |x| einsum("nij,nik->njk", x, &[x])),
        function("permute", 1.0, &[2, 3], |x| x.permute(&[2, 0, 1]).flatten(1)),
        function("slice", 1.0, &[5, 3], |x| {
            Value::apply(Op::Slice(Slice { axis: 1, start: 1, end: 5, step: 2 }), &[x])
        }),
        function("unslice", 1.0, &[2, 3], |x| {
            Value::apply(Op::Unslice(Slice { axis: 1, start: 1, end: 5, step: 3 }, 6), &[x])
        }),
        function("unslice_short", 1.0, &[2, 3], |x| {
            Value::apply(Op::Unslice(Slice { axis: 1, start: 0, end: 4, step: 3 }, 4), &[x])
        }),
        // Cuts that go by the number of samples.
        function("halves", 1.0, &[3], |x| {
            let n = x.shape()[0];
            x.concat(0, &[x]).slice(0, n..2 * n)
        }),
        function("pad", 1.0, &[2, 3], |x| {
            x.pad(&[(0, 0), (1, 0), (2, 1)], 0.0).pad(&[(0, 0), (0, 1), (0, 0)], -3.0)
        }),
        function("flip", 1.0, &[2, 3], |x| x.flip(2)),
        function("roll", 1.0, &[5], |x| x.roll(1, 2)),
        function("tile_repeat", 1.0, &[2, 3], |x| x.tile(&[1, 2, 1]).repeat(2, 2)),
        function("split_stack", 1.0, &[5], |x| {
            let parts = x.split(1, &[2, 2, 1]);
            parts[0].stack(1, &[&parts[1]])
        }),
        function("reductions", 1.0, &[3, 4], |x| {
            x.max(&[1]) - x.min(&[1])
                + x.variance(&[1], 1) * x.norm(&[1], 2.0)
                + x.prod(&[1])
                + x.mean_keep(&[1, 2]).squeeze(2)
        }),
        function("cumsum", 1.0, &[4, 2], |x| x.cumsum(1) + x.flip(1).cumsum(1).flip(1)),
        function("cummax", 1.0, &[5], |x| x.cummax(1)),
        function("sort", 1.0, &[5], |x| x.top_k(1, 3).concat(1, &[x.sort(1, false)])),
        function("sort_gather", 1.0, &[5], |x| {
            let sort = Sort { descending: true, keep: 2 };
            Value::apply(Op::Sort(sort, tress_autograd::op::Pick::Gather), &[x, &x.square()])
        }),
        function("argmax", 1.0, &[3, 5], |x| x.argmax(2) + x.argmin(2)),
        function("gather", 1.0, &[5, 2], |x| {
            x.gather(1, &Index::new(&Tensor::new([2, 2], &[4, 0, 1, 1]).unwrap()))
        }),
        function("select", 1.0, &[5], |x| {
            x.greater(x.constant(0.0)).select(x.exp(), x.constant(-1.0))
                + x.masked_fill(x.less(x.constant(0.5)), 2.0)
        }),
        function("constants", 1.0, &[3, 2], |x| {
            // One of each sample, one for all, and a state that begins with zeros and goes through a product.
            let ramp = x.lift(Tensor::from_fn([3, 2], |i| (2 * i[0] + i[1]) as f64).unwrap());
            let n = x.shape()[0];
            let zeros = x.lift(Tensor::zeros([n, 3]).unwrap());
            let w = x.lift(Tensor::from_fn([3, 2], |i| i[0] as f64 - i[1] as f64).unwrap());
            x.clone() * ramp + (zeros.matmul(&w) + x.constant(2.0).at(1, 0)).unsqueeze(1)
        }),
        function("determinant", 1.0, &[3, 3], |x| x.det() + x.log_det()),
        function("triangle", 1.0, &[3, 3], |x| x.tril(0).trace() + x.triu(1).sum(&[1, 2])),
        function("zip", 1.0, &[8], |x| {
            let other = x.roll(1, 3).scale(0.5);
            let all = Zip::ALL.iter().map(|&zip| x.zip(zip, &other));
            all.reduce(|a, b| a + b).unwrap().concat(1, &[x.greater_equal(x.flip(1)), x.equal(x)])
        }),
        function("checkpointed", 1.0, &[3], |x| {
            tress_autograd::transform::checkpoint(|x: Wire| (x.tanh() * x.square()).sum_keep(&[1]), x.clone())
        }),
    ]
}

/// Every function of one number, where it is defined: on positive numbers, squared and a little more.
fn functions() -> Vec<Case> {
    let positive =
        |map: &Map| matches!(map, Map::Sqrt | Map::Rsqrt | Map::Recip | Map::Ln | Map::Ln1p | Map::Power(_));
    let (on, off): (Vec<Map>, Vec<Map>) = Map::ALL.iter().partition(|map| positive(map));
    let all = |maps: Vec<Map>, x: &Wire| {
        maps[1..].iter().fold(x.map(maps[0]), |all, map| all.concat(1, &[x.map(*map)]))
    };
    vec![
        function("positive_functions", 1.0, &[3], move |x| all(on.clone(), &x.square().offset(0.1))),
        function("functions", 1.5, &[3], move |x| all(off.clone(), x)),
    ]
}

/// The cases by the names of their fixtures.
pub(crate) fn cases() -> [(&'static str, Vec<Case>); 3] {
    let (mut layers, mut operations) = (layers(), operations());
    layers.extend([network(), embedding(), counted()]);
    operations.extend(functions());
    [("layers", layers), ("more_layers", crate::onnx_more_cases::more_layers()), ("operations", operations)]
}
