//! What layers promise beside their numbers: running statistics, padding that has no influence, mistakes that say what to do.

use tress_autograd::op::Index;
use tress_autograd::{Arrange, Eager, Outline, Pointwise, Reduce, Stacked, Tape, Value};
use tress_nn::layer::{Carried, Manner, Step};
use tress_nn::*;
use tress_tensor::pointwise::Map;
use tress_tensor::{Shape, Tensor};

pub(crate) fn random<const N: usize>(shape: [usize; N], seed: u64) -> Tensor<f64> {
    let mut random = Random::new(seed);
    Tensor::from_fn(shape, |_| random.normal()).unwrap()
}

pub(crate) fn numbers(x: &Eager<f64>) -> Vec<f64> {
    x.tensor().unwrap().to_vec()
}

/// `x` with NaN in the last step of every sequence.
fn spoilt(x: &Tensor<f64>, from: usize) -> Tensor<f64> {
    Tensor::from_fn(*x.shape(), |i| if i[1] >= from { 1e3 } else { x[[i[0], i[1], i[2]]] }).unwrap()
}

#[test]
fn running_statistics_move_once_for_each_time_a_layer_is_applied_in_training() {
    let mut params = Params::<f64>::new(0);
    let norm = BatchNorm::new(&mut params.root(), 2).unwrap();
    let x = random([6, 2], 1);
    let mean = numbers(&Eager::new(x.clone()).mean(&[0]));
    let tape = Tape::new();
    let leaf = tape.var(x.clone());

    let evaluated = params.on(&tape);
    norm.apply(&evaluated, &leaf);
    assert!(evaluated.renewed().unwrap().is_empty(), "evaluation leaves them alone");

    let bound = params.on(&tape).training(0);
    let y = norm.apply(&bound, &leaf);
    let before = params.block().to_vec();
    let loss = y.square().sum_all();
    // Any number of sweeps is still one step.
    for _ in 0..3 {
        loss.gradient(&bound).unwrap();
        y.pull_stacked(Eager::new(random([4, 6, 2], 2)), bound.leaves().values()).unwrap();
    }
    assert_eq!(bound.renewed().unwrap().len(), 2);
    assert_eq!(params.block().to_vec(), before, "running a model changes nothing");
    params.renew(&bound.renewed().unwrap()).unwrap();
    let near = |found: &[f64], factor: f64| {
        found.iter().zip(&mean).all(|(found, mean)| (found - factor * mean).abs() < 1e-12)
    };
    assert!(near(&params.tensor("running_mean").unwrap().to_vec(), 0.1));

    // Applied twice in one step, the second time goes on from the first.
    let bound = params.eager().training(0);
    norm.apply(&bound, &Eager::new(x.clone()));
    norm.apply(&bound, &Eager::new(x));
    params.renew(&bound.renewed().unwrap()).unwrap();
    assert!(near(&params.tensor("running_mean").unwrap().to_vec(), 1.0 - 0.9f64.powi(3)));
    let gradient = loss.gradient(&params.on(&tape)).unwrap();
    let state = params.entry("running_mean").unwrap().range();
    assert!(gradient.to_vec()[state].iter().all(|&g| g == 0.0), "state has no gradient");
}

#[test]
fn renewed_state_goes_into_its_own_model_only() {
    let mut params = Params::<f64>::new(0);
    let norm = BatchNorm::new(&mut params.root(), 2).unwrap();
    let bound = params.eager().training(0);
    norm.apply(&bound, &Eager::new(random([3, 2], 1)));
    let renewed = bound.renewed().unwrap();
    let mut other = Params::<f64>::new(0);
    BatchNorm::new(&mut other.scope("far"), 3).unwrap();
    let before = other.block().to_vec();
    assert!(other.renew(&renewed).is_err());
    assert_eq!(other.block().to_vec(), before);

    let bound = params.eager();
    bound.renew(&norm.weight().unwrap(), Eager::new(Tensor::zeros([2]).unwrap()));
    assert!(params.renew(&bound.renewed().unwrap()).is_err(), "a trained parameter");
    let bound = params.eager();
    bound.renew(&norm.running()[0], Eager::new(Tensor::zeros([3]).unwrap()));
    assert!(params.renew(&bound.renewed().unwrap()).is_err(), "another shape");
    let bound = params.eager();
    bound.renew(&norm.running()[0], Eager::new(Tensor::zeros([2]).unwrap()).reshape([7]));
    assert!(bound.renewed().is_err(), "a mistake");
}

#[test]
fn a_batch_of_one_number_a_channel_is_refused_in_training_only() {
    let mut params = Params::<f64>::new(0);
    let norm = BatchNorm::new(&mut params.root(), 2).unwrap();
    let x = Eager::new(random([1, 2], 1));
    assert!(norm.apply(&params.eager(), &x).tensor().is_ok());
    let message = norm.apply(&params.eager().training(0), &x).tensor().unwrap_err().to_string();
    assert!(
        message.starts_with("batch_norm: [1, 2]: in training, a channel needs at least two"),
        "{message}"
    );
    for momentum in [-0.1, 1.1, f64::NAN] {
        assert!(norm.momentum(momentum).is_err());
    }
}

#[test]
fn statistics_of_stacked_batches_are_those_of_each() {
    let mut params = Params::<f64>::new(0);
    let norm = BatchNorm::new(&mut params.root(), 2).unwrap();
    let (a, b) = (random([5, 2], 1), random([5, 2], 2));
    let bound = params.bind(|_, numbers| Stacked::Shared(Eager::new(numbers))).training(0);
    let both = norm.apply(&bound, &Stacked::from_rows(&Eager::new(a.clone()), &[Eager::new(b.clone())]));
    let each = both.each(2);
    for (k, x) in [a, b].into_iter().enumerate() {
        let alone = norm.apply(&params.eager().training(0), &Eager::new(x));
        assert_eq!(each.tensor().unwrap().at(0, k).unwrap(), *alone.tensor().unwrap());
    }
}

#[test]
fn what_lies_beyond_the_length_of_a_sequence_has_no_influence() {
    let x = random([3, 5, 4], 3);
    let other = spoilt(&x, 2);
    let lengths = Lengths::new([2, 1, 2], 5).unwrap();
    let mut params = Params::<f64>::new(0);
    let mut root = params.root();
    let gru = Recurrent::gru(4, 3).layers(2).both_ways().build(&mut root.scope("gru")).unwrap();
    let lstm = Recurrent::lstm(4, 3).both_ways().build(&mut root.scope("lstm")).unwrap();
    let block = EncoderBlock::builder(4, 2, 6).build(&mut root.scope("block")).unwrap();
    let bound = params.eager();
    for layer in [&gru, &lstm] {
        let [(one, end), (two, other_end)] =
            [&x, &other].map(|x| layer.run(&bound, &Eager::new(x.clone()), None, Some(&lengths)));
        assert_eq!(numbers(&one), numbers(&two));
        assert_eq!(numbers(&end.hidden), numbers(&other_end.hidden));
        assert!(numbers(&one.slice(1, 2..5)).iter().all(|&y| y == 0.0));
        // And it is what the shorter sequences alone would give.
        let short = Eager::new(x.slice(1, 0, 2, 1).unwrap());
        let (alone, _) = layer.run(&bound, &short, None, Some(&Lengths::new([2, 1, 2], 2).unwrap()));
        assert_eq!(numbers(&alone), numbers(&one.slice(1, 0..2)));
    }
    let mask = AttentionMask::new().lengths(&lengths);
    let [one, two] = [&x, &other].map(|x| block.run(&bound, &Eager::new(x.clone()), &mask));
    assert_eq!(numbers(&one.slice(1, 0..2)), numbers(&two.slice(1, 0..2)));
}

#[test]
fn a_causal_block_does_not_look_ahead_and_neither_does_a_causal_convolution() {
    let mut params = Params::<f64>::new(0);
    let mut root = params.root();
    let block =
        EncoderBlock::builder(4, 2, 6).causal().rotary(Rotary::new()).build(&mut root.scope("b")).unwrap();
    let conv = Conv1d::builder(4, 3, [3]).causal().dilation([2]).build(&mut root.scope("c")).unwrap();
    let (x, bound) = (random([2, 6, 4], 3), params.eager());
    let [one, two] = [x.clone(), spoilt(&x, 3)].map(|x| block.apply(&bound, &Eager::new(x)));
    assert_eq!(numbers(&one.slice(1, 0..3)), numbers(&two.slice(1, 0..3)));
    assert_ne!(numbers(&one.slice(1, 3..4)), numbers(&two.slice(1, 3..4)));
    let [one, two] =
        [x.clone(), spoilt(&x, 3)].map(|x| conv.apply(&bound, &Eager::new(x.transpose(1, 2).unwrap())));
    assert_eq!(one.shape()[..], [2, 3, 6]);
    assert_eq!(numbers(&one.slice(2, 0..3)), numbers(&two.slice(2, 0..3)));
    assert_ne!(numbers(&one.slice(2, 3..4)), numbers(&two.slice(2, 3..4)));
}

#[test]
fn a_query_that_may_look_at_nothing_finds_zeros() {
    let mut params = Params::<f64>::new(0);
    let attention = MultiHeadAttention::builder(4, 2).build(&mut params.root()).unwrap();
    let x = Eager::new(random([1, 2, 4], 3));
    let allowed = Tensor::new([2, 2], &[1u32, 1, 0, 0]).unwrap();
    let mask = AttentionMask::new().allowed(&allowed).unwrap();
    let y = attention.attend(&params.eager(), &x, &x, &mask);
    let bias = params.tensor("output.bias").unwrap().to_vec();
    assert_eq!(numbers(&y.at(1, 1)), bias, "nothing but the bias of the last layer");
    let plain = attention.apply(&params.eager(), &x);
    assert_eq!(numbers(&y.at(1, 0)), numbers(&plain.at(1, 0)), "what looks at all is as without a mask");
    assert!(AttentionMask::new().allowed(&Tensor::zeros([2]).unwrap()).is_err());
    let y = attention.attend(
        &params.eager(),
        &x,
        &x,
        &AttentionMask::new().allowed(&Tensor::zeros([3, 2]).unwrap()).unwrap(),
    );
    let message = y.tensor().unwrap_err().to_string();
    assert!(message.starts_with("attention: [3, 2] x [2, 2]: what is allowed must be"), "{message}");
}

#[test]
fn a_sequence_in_two_pieces_is_the_sequence() {
    let mut params = Params::<f64>::new(0);
    for (i, builder) in
        [Recurrent::simple(3, 4), Recurrent::gru(3, 4), Recurrent::lstm(3, 4)].into_iter().enumerate()
    {
        let layer = builder.layers(2).build(&mut params.scope(&format!("layer{i}"))).unwrap();
        let (x, bound) = (Eager::new(random([2, 5, 3], 3)), params.eager());
        let (whole, end) = layer.run(&bound, &x, None, None);
        let (first, between) = layer.run(&bound, &x.slice(1, 0..2), None, None);
        let (second, other_end) = layer.run(&bound, &x.slice(1, 2..5), Some(&between), None);
        assert_eq!(numbers(&whole), numbers(&first.concat(1, &[second])));
        assert_eq!(numbers(&end.hidden), numbers(&other_end.hidden));
        assert_eq!(end.memory.as_ref().map(numbers), other_end.memory.as_ref().map(numbers));
    }
}

#[test]
fn positions_of_rotary_products_are_relative() {
    let rotary = Rotary::new().base(50.0).unwrap();
    let turned = |x: &Tensor<f64>, step| {
        let x = Eager::new(x.reshape([1, 6]).unwrap());
        rotary.from_step(&x, step)
    };
    let (q, k) = (random([6], 1), random([6], 2));
    let product = |a, b| (turned(&q, a) * turned(&k, b)).sum_all().item().unwrap();
    assert!((product(0, 3) - product(40, 43)).abs() < 1e-12);
    assert!((product(0, 3) - product(0, 4)).abs() > 1e-3);
    assert!(Rotary::new().base(1.0).is_err());
    // Step by step is as good as each by itself.
    let x = Eager::new(Tensor::full([2000, 6], 1.0).unwrap());
    let last = numbers(&rotary.from_step(&x, 0).at(0, 1999));
    let alone = numbers(&turned(&Tensor::full([6], 1.0).unwrap(), 1999));
    assert!(last.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-11), "{last:?} {alone:?}");
}

#[test]
fn padding_of_an_embedding_is_zeros_without_gradient_and_an_index_that_is_no_row_a_mistake() {
    let mut params = Params::<f64>::new(0);
    let table = Embedding::new(&mut params.root(), 3, 2).unwrap().padding(0).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let rows = table.look_up(&bound, &Index::new(&Tensor::vector(&[0, 2, 2]))).unwrap();
    assert_eq!(rows.tensor().unwrap().to_vec()[..2], [0.0, 0.0]);
    let gradient = rows.sum_all().gradient(&bound).unwrap().to_vec();
    assert_eq!(gradient, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    let wrong = table.look_up(&params.eager(), &Index::new(&Tensor::vector(&[3]))).unwrap();
    let message = wrong.tensor().unwrap_err().to_string();
    assert!(
        message.starts_with("embedding: 3..4 reaches outside of axis 0, which has length 3"),
        "{message}"
    );
    assert!(Embedding::new(&mut params.scope("other"), 3, 2).unwrap().padding(3).is_err());
    assert!(table.look_up(&Params::<f64>::new(0).eager(), &Index::new(&Tensor::vector(&[0]))).is_err());
}

#[test]
fn kinks_are_those_of_the_conventions() {
    let mut params = Params::<f64>::new(0);
    let prelu = Prelu::new(&mut params.root(), 1).unwrap();
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[-2.0, 0.0, 2.0]));
    let slopes = prelu.apply(&params.on(&tape), &x).sum_all().gradients(&[x]).unwrap();
    assert_eq!(numbers(&slopes[0]), [0.25, 0.25, 1.0], "at 0 the slope of the left side");

    // Parts 0..2, 1..4 and 3..5 of five equal numbers: the first of each part, and nothing for its repeated last place.
    let equal = tape.var(Tensor::full([1, 1, 5], 3.0).unwrap());
    let pooled = AdaptiveMaxPool1d::new([3]).apply(&params.on(&tape), &equal);
    let found = pooled.sum_all().gradients(&[equal]).unwrap();
    assert_eq!(numbers(&found[0]), [1.0, 1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn dropout_between_layers_and_in_blocks_follows_from_the_seed_alone() {
    let mut params = Params::<f64>::new(0);
    let mut root = params.root();
    let gru = Recurrent::gru(4, 4).layers(3).dropout(0.5).build(&mut root.scope("gru")).unwrap();
    let block = EncoderBlock::builder(4, 2, 6).dropout(0.5).build(&mut root.scope("block")).unwrap();
    let x = Eager::new(random([2, 3, 4], 3));
    for layer in [Step::from(gru), Step::from(block)] {
        let run = |bound: &Bound<Eager<f64>>| numbers(&layer.apply(bound, &x));
        let at = |seed| run(&params.eager().training(seed));
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
        assert_ne!(at(1), run(&params.eager()));
        assert_eq!(run(&params.eager()), run(&params.eager()));
    }
}

/// One layer of each kind.
pub(crate) fn all_layers(root: &mut Scope<'_, f64>) -> Vec<(&'static str, Step)> {
    let residual = Dense::new(&mut root.scope("residual"), 7, 6).unwrap();
    vec![
        ("dense", Dense::new(&mut root.scope("dense"), 2, 3).unwrap().into()),
        ("conv1d", Conv1d::new(&mut root.scope("conv1"), 2, 3, [1]).unwrap().into()),
        ("conv2d", Conv2d::new(&mut root.scope("conv2"), 2, 3, [1, 1]).unwrap().into()),
        (
            "conv_transpose1d",
            ConvTranspose1d::builder(2, 3, [1]).build(&mut root.scope("t1")).unwrap().into(),
        ),
        (
            "conv_transpose2d",
            ConvTranspose2d::builder(2, 3, [1, 1]).build(&mut root.scope("t2")).unwrap().into(),
        ),
        (
            "separable_conv1d",
            SeparableConv1d::builder(2, 3, [1]).build(&mut root.scope("s1")).unwrap().into(),
        ),
        (
            "separable_conv2d",
            SeparableConv2d::builder(2, 3, [1, 1]).build(&mut root.scope("s2")).unwrap().into(),
        ),
        ("max_pool1d", MaxPool1d::new([2]).into()),
        ("max_pool2d", MaxPool2d::new([2, 2]).into()),
        ("mean_pool1d", MeanPool1d::new([2]).into()),
        ("mean_pool2d", MeanPool2d::new([2, 2]).into()),
        ("global_max_pool", GlobalMaxPool.into()),
        ("global_mean_pool", GlobalMeanPool.into()),
        ("adaptive_max_pool1d", AdaptiveMaxPool1d::new([2]).into()),
        ("adaptive_max_pool2d", AdaptiveMaxPool2d::new([2, 2]).into()),
        ("adaptive_mean_pool1d", AdaptiveMeanPool1d::new([2]).into()),
        ("adaptive_mean_pool2d", AdaptiveMeanPool2d::new([2, 2]).into()),
        ("batch_norm", BatchNorm::new(&mut root.scope("batch"), 3).unwrap().into()),
        ("layer_norm", LayerNorm::new(&mut root.scope("layer"), [4]).unwrap().into()),
        ("rms_norm", RmsNorm::new(&mut root.scope("rms"), [4]).unwrap().into()),
        ("group_norm", GroupNorm::new(&mut root.scope("group"), 2, 4).unwrap().into()),
        ("instance_norm", InstanceNorm::new().into()),
        ("spatial_dropout", SpatialDropout::new(&mut root.scope("drop"), 0.5).unwrap().into()),
        ("upsample", Upsample::nearest([2, 2]).unwrap().into()),
        ("upsample1d", Upsample1d::linear(2).unwrap().into()),
        ("reshape", Reshape::new([8]).unwrap().into()),
        ("permute", Permute::new([0, 7, 1, 2, 3, 4, 5, 6]).unwrap().into()),
        ("pad1d", Pad1d::new([[1, 0]], PaddingMode::Zeros).into()),
        ("pad2d", Pad2d::new([[1, 0], [0, 1]], PaddingMode::Reflect).into()),
        ("gru", Recurrent::gru(2, 3).build(&mut root.scope("ending")).unwrap().ending().into()),
        ("rnn", Recurrent::simple(2, 3).build(&mut root.scope("rnn")).unwrap().into()),
        ("gru", Recurrent::gru(2, 3).build(&mut root.scope("gru")).unwrap().into()),
        ("lstm", Recurrent::lstm(2, 3).build(&mut root.scope("lstm")).unwrap().into()),
        ("attention", MultiHeadAttention::builder(4, 2).build(&mut root.scope("heads")).unwrap().into()),
        ("encoder", EncoderBlock::builder(4, 2, 3).build(&mut root.scope("block")).unwrap().into()),
        ("residual", Residual::new(residual).into()),
        ("rotary", Rotary::new().into()),
        ("glu", Activation::Glu.into()),
        ("prelu", Prelu::new(&mut root.scope("prelu"), 3).unwrap().into()),
        ("max_pool2d", Sequential::new().then(Flatten).then(MaxPool2d::new([2, 2])).into()),
    ]
}

#[test]
fn a_wrong_shape_names_the_layer_and_the_shape_at_the_line_where_it_is_applied() {
    let mut params = Params::<f64>::new(0);
    let layers = all_layers(&mut params.root());
    let bound = params.eager().training(1);
    let outlines = params.outline().training(1);
    for (name, layer) in layers {
        let (line, y) = (line!(), layer.apply(&bound, &Tensor::zeros([5, 7]).unwrap().into()));
        let mistake = y.tensor().unwrap_err();
        assert_eq!((mistake.place.file(), mistake.place.line()), (file!(), line), "{layer:?}: {mistake}");
        let message = mistake.to_string();
        assert!(message.starts_with(&format!("{name}: [5, 7]")), "{message}");
        let outline = layer.apply(&outlines, &Outline::new(Shape::new(&[5, 7]).unwrap()));
        assert_eq!(outline.inferred().unwrap_err().error, mistake.error);

        // A mistake that was made before stays the first.
        let before = Eager::new(Tensor::<f64>::zeros([5, 7]).unwrap()).reshape([4]);
        assert_eq!(layer.apply(&bound, &before).tensor().unwrap_err(), before.tensor().unwrap_err());
    }
}

#[test]
fn a_fix_is_named_where_numbers_differ() {
    let mut params = Params::<f64>::new(0);
    let mut root = params.root();
    let conv = Conv2d::new(&mut root.scope("conv"), 3, 4, [5, 5]).unwrap();
    let norm = BatchNorm::new(&mut root.scope("norm"), 3).unwrap();
    let gru = Recurrent::gru(3, 4).build(&mut root.scope("gru")).unwrap();
    let pool = MaxPool2d::new([4, 4]);
    let message = |layer: &Step, shape: &[usize]| {
        let y = layer.apply(&params.outline(), &Outline::new(Shape::new(shape).unwrap()));
        let message = y.inferred().unwrap_err().to_string();
        message.split(" (").next().unwrap().to_string()
    };
    for (layer, shape, expected) in [
        (
            conv.into(),
            &[2, 1, 8, 8][..],
            "conv2d: [2, 1, 8, 8] x [4, 3, 5, 5]: give the layer as many inputs as the input has channels; 1 and 3 differ",
        ),
        (
            conv.into(),
            &[2, 3, 4, 4],
            "conv2d: [2, 3, 4, 4] x [4, 3, 5, 5]: the window is larger than the padded input: pad more, or take a smaller kernel",
        ),
        (
            norm.into(),
            &[2, 4],
            "batch_norm: [2, 4] x [3]: give the layer as many channels as the input has; 4 and 3 differ",
        ),
        (
            Step::from(gru),
            &[2, 5, 4],
            "gru: [2, 5, 4] x [3, 12]: give the layer as many inputs as each step has numbers; 4 and 3 differ",
        ),
        (
            pool.into(),
            &[2, 3, 3, 8],
            "max_pool2d: [2, 3, 3, 8] x [4, 4]: a window is larger than the padded input: pad more, or pool less",
        ),
    ] {
        assert_eq!(message(&layer, shape), expected);
    }
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let mut params = Params::<f64>::new(0);
    let s = &mut params.root();
    assert!(Conv1d::builder(4, 4, [0]).build(s).is_err());
    assert!(Conv1d::builder(4, 6, [3]).groups(4).build(s).is_err());
    assert!(ConvTranspose2d::builder(4, 4, [2, 2]).output_padding([1, 0]).build(s).is_err());
    assert!(ConvTranspose2d::builder(4, 3, [2, 2]).groups(2).build(s).is_err());
    assert!(SeparableConv2d::builder(4, 4, [2, 2]).multiplier(0).build(s).is_err());
    assert!(GroupNorm::new(s, 3, 4).is_err() && GroupNorm::new(s, 0, 4).is_err());
    assert!(RmsNorm::new(s, [0; 0]).is_err());
    assert!(Upsample1d::nearest(0).is_err() && Upsample1d::to(0, Manner::Nearest).is_err());
    assert!(Permute::new([0, 2]).is_err() && Permute::new([0, 0, 1]).is_err());
    assert!(Upsample::nearest([0, 1]).is_err() && Upsample::to([1, 0], Manner::Bilinear).is_err());
    assert!(Recurrent::gru(2, 0).build(s).is_err() && Recurrent::gru(2, 3).layers(0).build(s).is_err());
    assert!(Recurrent::gru(2, 3).layers(2).dropout(1.0).build(&mut s.scope("dropped")).is_err());
    assert!(MultiHeadAttention::builder(6, 4).build(s).is_err());
    assert!(MultiHeadAttention::builder(6, 0).build(s).is_err());
    assert!(
        MultiHeadAttention::builder(6, 2).rotary(Rotary::new()).build(s).is_err(),
        "heads of three numbers"
    );
    for lengths in [[0, 2], [1, 4]] {
        assert!(Lengths::new(lengths, 3).is_err());
    }
    let gru = Recurrent::gru(2, 3).build(&mut s.scope("gru")).unwrap();
    let x = Eager::new(random([2, 4, 2], 1));
    let bound = params.eager();
    let message =
        |lengths: &Lengths| gru.run(&bound, &x, None, Some(lengths)).0.tensor().unwrap_err().to_string();
    let wrong = message(&Lengths::new([1, 2], 3).unwrap());
    assert!(wrong.starts_with("gru: [2, 4, 2] x [2, 3]: one length for each sequence"), "{wrong}");
    let start = |hidden, memory| Carried { hidden: Eager::new(hidden), memory };
    for start in [
        start(random([1, 3, 3], 1), None),
        start(random([2, 2, 3], 1), None),
        start(random([1, 2, 3], 1), Some(Eager::new(random([1, 2, 3], 1)))),
    ] {
        assert!(gru.run(&bound, &x, Some(&start), None).0.tensor().is_err());
    }
}

#[test]
fn a_network_of_many_layers_learns_to_tell_sequences_apart() {
    // Whether there are more ones than minus ones: a convolution, a norm, a GRU and a dense layer.
    let mut params = Params::<f64>::new(3);
    let mut root = params.root();
    let model = Sequential::new()
        .then(Conv1d::builder(1, 4, [3]).same().without_bias().build(&mut root.scope("conv")).unwrap())
        .then(BatchNorm::new(&mut root.scope("norm"), 4).unwrap())
        .then(Map::Tanh);
    let gru = Recurrent::gru(4, 6).build(&mut root.scope("gru")).unwrap();
    let head = Dense::new(&mut root.scope("head"), 6, 2).unwrap();
    let mut random = Random::new(5);
    let x = Tensor::from_fn([64, 1, 7], |_| if random.uniform() < 0.5 { 1.0 } else { -1.0 }).unwrap();
    let sums = numbers(&Eager::new(x.clone()).sum(&[1, 2]));
    let labels = Labels::new(sums.iter().map(|&sum| (sum > 0.0) as u32), 2).unwrap();
    fn logits<V: Value>(model: &Sequential, gru: &Recurrent, head: &Dense, bound: &Bound<V>, x: &V) -> V {
        let steps = model.apply(bound, x).transpose(1, 2);
        head.apply(bound, &gru.apply(bound, &steps).at(1, 6))
    }
    let (mut tape, mut adam) = (Tape::new(), Adam::new(0.03));
    for step in 0..60 {
        let bound = params.on(&tape).training(step);
        let loss = cross_entropy(&logits(&model, &gru, &head, &bound, &tape.var(x.clone())), &labels);
        let (gradient, renewed) = (loss.gradient(&bound).unwrap(), bound.renewed().unwrap());
        tape.reset();
        adam.step(&mut params, &gradient).unwrap();
        params.renew(&renewed).unwrap();
    }
    let found = logits(&model, &gru, &head, &params.eager(), &Eager::new(x));
    let right = metric::correct(found.tensor().unwrap(), &labels).unwrap();
    assert!(right >= 62, "{right} of 64, with the running statistics");
}
