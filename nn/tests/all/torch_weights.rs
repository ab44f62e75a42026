//! The weights of PyTorch's modules, loaded from what `state_dict` and safetensors wrote: the layers compute the same.

use tress_autograd::Eager;
use tress_autograd::op::Index;
use tress_nn::file::{Loader, Npz};
use tress_nn::layer::{
    BatchNorm, Bilinear, Conv1d, Conv2d, ConvTranspose2d, Dense, Embedding, EncoderBlock, GroupNorm, Layer,
    LayerNorm, MultiHeadAttention, Prelu, Recurrent,
};
use tress_nn::{Error, Params};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The layers of the fixture, each under a name of its own.
struct All {
    dense: Dense,
    square: Dense,
    conv1d: Conv1d,
    conv2d: Conv2d,
    transposed: ConvTranspose2d,
    batch_norm: BatchNorm,
    layer_norm: LayerNorm,
    group_norm: GroupNorm,
    prelu: Prelu,
    bilinear: Bilinear,
    embedding: Embedding,
    rnn: Recurrent,
    gru: Recurrent,
    lstm: Recurrent,
    attention: MultiHeadAttention,
    block: EncoderBlock,
}

impl All {
    fn new<T: Float>(params: &mut Params<T>) -> Result<Self, Error> {
        let mut root = params.scope("net");
        Ok(Self {
            dense: Dense::new(&mut root.scope("dense"), 4, 3)?,
            square: Dense::new(&mut root.scope("square"), 4, 4)?,
            conv1d: Conv1d::builder(4, 6, [3])
                .stride([2])
                .padding([[1, 1]])
                .groups(2)
                .build(&mut root.scope("conv1d"))?,
            conv2d: Conv2d::builder(2, 3, [3, 2]).dilation([1, 2]).build(&mut root.scope("conv2d"))?,
            transposed: ConvTranspose2d::builder(2, 4, [3, 3])
                .stride([2, 2])
                .padding([[1, 1], [1, 1]])
                .output_padding([1, 1])
                .groups(2)
                .build(&mut root.scope("transposed"))?,
            batch_norm: BatchNorm::new(&mut root.scope("batch_norm"), 3)?,
            layer_norm: LayerNorm::new(&mut root.scope("layer_norm"), [4])?,
            group_norm: GroupNorm::new(&mut root.scope("group_norm"), 2, 4)?,
            prelu: Prelu::new(&mut root.scope("prelu"), 3)?,
            bilinear: Bilinear::new(&mut root.scope("bilinear"), 4, 3, 2)?,
            embedding: Embedding::new(&mut root.scope("embedding"), 5, 4)?,
            rnn: Recurrent::simple(4, 3).build(&mut root.scope("rnn"))?,
            gru: Recurrent::gru(4, 3).layers(2).both_ways().build(&mut root.scope("gru"))?,
            lstm: Recurrent::lstm(4, 3).layers(2).both_ways().build(&mut root.scope("lstm"))?,
            attention: MultiHeadAttention::builder(4, 2).build(&mut root.scope("attention"))?,
            block: EncoderBlock::builder(4, 2, 8).activation(Map::Gelu).build(&mut root.scope("block"))?,
        })
    }
}

fn loader() -> Loader {
    Loader::new()
        .torch_linear("net.dense", "linear")
        .torch_linear("net.square", "square")
        .torch_recurrent("net.rnn", "rnn", 1, false)
        .torch_recurrent("net.gru", "gru", 2, true)
        .torch_recurrent("net.lstm", "lstm", 2, true)
        .torch_attention("net.attention", "attention")
        .torch_encoder_block("net.block", "block")
        .ignore("**.num_batches_tracked")
        .scope("net", "")
}

fn computes_the_same<T: Float>(tolerance: f64) {
    let mut params = Params::<T>::new(1);
    let all = All::new(&mut params).unwrap();
    let report = loader().safetensors(&mut params, &fixture("torch.safetensors")).unwrap();
    assert!(report.is_complete(), "{report}");
    let bytes = fixture("torch_outputs.npz");
    let outputs = Npz::read(&bytes).unwrap();
    let value = |name: &str| Eager::new(outputs.tensor::<T>(name).unwrap());
    let bound = params.eager();
    let check = |name: &str, found: Eager<T>| {
        let expected: Tensor<f64> = outputs.tensor(&format!("{name}.y")).unwrap();
        crate::fixture::assert_near(name, found.tensor().unwrap(), &expected, tolerance);
    };
    check("linear", all.dense.apply(&bound, &value("linear.x")));
    check("square", all.square.apply(&bound, &value("square.x")));
    check("conv1d", all.conv1d.apply(&bound, &value("conv1d.x")));
    check("conv2d", all.conv2d.apply(&bound, &value("conv2d.x")));
    check("transposed", all.transposed.apply(&bound, &value("transposed.x")));
    check("batch_norm", all.batch_norm.apply(&bound, &value("batch_norm.x")));
    check("layer_norm", all.layer_norm.apply(&bound, &value("layer_norm.x")));
    check("group_norm", all.group_norm.apply(&bound, &value("group_norm.x")));
    check("prelu", all.prelu.apply(&bound, &value("prelu.x")));
    check("bilinear", all.bilinear.apply(&bound, &value("bilinear.x"), &value("bilinear.b")));
    let index = Index::new(&outputs.tensor::<u32>("embedding.x").unwrap());
    check("embedding", all.embedding.look_up(&bound, &index).unwrap());
    check("rnn", all.rnn.apply(&bound, &value("rnn.x")));
    check("gru", all.gru.apply(&bound, &value("gru.x")));
    check("lstm", all.lstm.apply(&bound, &value("lstm.x")));
    check("attention", all.attention.apply(&bound, &value("attention.x")));
    check("block", all.block.apply(&bound, &value("block.x")));
}

#[test]
fn a_state_dict_gives_the_outputs_of_its_modules() {
    computes_the_same::<f32>(1e-5);
    computes_the_same::<f64>(1e-5);
}

#[test]
fn what_a_state_dict_lacks_or_has_too_much_is_reported() {
    let bytes = fixture("torch.safetensors");
    let mut params = Params::<f32>::new(1);
    All::new(&mut params).unwrap();
    Dense::new(&mut params.scope("head"), 3, 1).unwrap();
    let before = params.block();

    // Strictly nothing is changed; leniently what fits is filled, and the rest is said.
    let error = loader().safetensors(&mut params, &bytes).unwrap_err().to_string();
    assert!(error.contains("`head.weight` is missing; `head.bias` is missing"), "{error}");
    assert_eq!(params.block(), before);
    let strict = Loader::new().scope("net", "").safetensors(&mut params, &bytes).unwrap_err().to_string();
    for text in [
        "`net.dense.weight` is missing",
        "`net.gru.layer0.forward.weight_input` is missing",
        "`batch_norm.num_batches_tracked` is not in the model",
        "`attention.in_proj_weight` is not in the model",
    ] {
        assert!(strict.contains(text), "`{text}` is not in: {strict}");
    }
    let report = loader().lenient().safetensors(&mut params, &bytes).unwrap();
    assert_eq!(report.missing, ["head.weight", "head.bias"]);
    assert!(report.extra.is_empty() && report.misshapen.is_empty(), "{report}");
    assert_ne!(params.tensor("net.block.attention.key.weight").unwrap().to_vec(), before.to_vec()[..16]);

    // A part of another height, and one that does not exist.
    let mut other = Params::<f32>::new(1);
    MultiHeadAttention::builder(6, 2).build(&mut other.scope("attention")).unwrap();
    let only = Loader::new().torch_attention("attention", "attention").lenient();
    let report = only.safetensors(&mut other, &bytes).unwrap();
    assert_eq!(report.misshapen.len(), 8);
    let (wide, found) = (&report.misshapen[0].expected, &report.misshapen[0].found);
    assert_eq!((&wide[..], &found[..]), (&[18, 6][..], &[12, 4][..]));
    let part = Loader::new().part("attention.query.bias", "attention.in_proj_bias", 3, 3);
    assert!(part.safetensors(&mut other, &bytes).is_err());
    let unknown =
        Loader::new().rename("attention.query.shift", "x").safetensors(&mut other, &bytes).unwrap_err();
    assert_eq!(unknown, Error::Unknown { name: "attention.query.shift".into() });
}
