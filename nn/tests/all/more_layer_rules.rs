//! What layers promise beside their numbers: scores that are added, endings of sequences, padding, second derivatives of what
//! picks and weighs.

use crate::layer_rules::{numbers, random};
use tress_autograd::{Arrange, Eager, Pointwise, Value, check};
use tress_nn::layer::{Manner, Step};
use tress_nn::*;
use tress_tensor::Tensor;

#[test]
fn what_is_added_to_scores_is_looked_at_before_and_kept_from_the_rest() {
    let mut params = Params::<f64>::new(0);
    let attention = MultiHeadAttention::builder(4, 2).build(&mut params.root()).unwrap();
    let (x, bound) = (Eager::new(random([2, 3, 4], 3)), params.eager());
    let plain = |mask: AttentionMask| numbers(&attention.attend(&bound, &x, &x, &mask));
    let added = |scores: &Tensor<f64>| AttentionMask::new().added(scores);
    // Minus infinity is what is not allowed, for one sequence or for all; a query that sees nothing finds zeros.
    let never = |i: &[usize]| if i[1] > i[0] { f64::NEG_INFINITY } else { 0.0 };
    let causal = Tensor::from_fn([3, 3], never).unwrap();
    assert_eq!(plain(added(&causal).unwrap()), plain(AttentionMask::new().causal()));
    let nothing = Tensor::full([3, 3], f64::NEG_INFINITY).unwrap();
    let closed = AttentionMask::new().allowed(&Tensor::zeros([3, 3]).unwrap()).unwrap();
    assert_eq!(plain(added(&nothing).unwrap()), plain(closed));
    // As a value it is the same, and beside what counts by a value as well.
    let scores = random([2, 2, 3, 3], 9);
    let value =
        attention.attend_biased(&bound, &x, &x, &AttentionMask::new().causal(), &Eager::new(scores.clone()));
    let mask = added(&scores).unwrap().causal();
    assert_eq!(numbers(&value), plain(mask.clone()));
    let counts = Eager::new(Tensor::from_fn([2, 3], |i| f64::from(i[0] == 0 || i[1] < 2)).unwrap());
    let counted = attention.attend_where(&bound, &x, &x, &mask, &counts);
    assert_eq!(numbers(&counted), plain(mask.lengths(&Lengths::new([3, 2], 3).unwrap())));

    for shape in [&[3][..], &[1, 1, 1, 3, 3]] {
        assert!(added(&Tensor::zeros(shape).unwrap()).is_err());
    }
    for number in [f64::NAN, f64::INFINITY] {
        assert!(added(&Tensor::full([3, 3], number).unwrap()).is_err());
    }
    for shape in [&[3, 2][..], &[3, 3, 3], &[2, 3, 3, 3]] {
        let y = attention.attend(&bound, &x, &x, &added(&Tensor::zeros(shape).unwrap()).unwrap());
        let message = y.tensor().unwrap_err().to_string();
        assert!(
            message.starts_with("attention: [") && message.contains("[2, 2, 3, 3]: what is added"),
            "{message}"
        );
    }
    let y = attention.attend_biased(&bound, &x, &x, &AttentionMask::new(), &Eager::new(random([3, 3], 1)));
    let message = y.tensor().unwrap_err().to_string();
    assert!(
        message.starts_with("attention: [3, 3] x [2, 2, 3, 3]: what is added to the scores"),
        "{message}"
    );
}

#[test]
fn an_ending_is_what_the_last_layer_ends_with() {
    let (x, counts) =
        (Eager::new(random([3, 5, 2], 3)), Tensor::from_fn([3, 5], |i| f64::from(i[1] < 2 + i[0])));
    for (i, ways) in [(0, 1), (1, 2)] {
        let mut params = Params::<f64>::new(0);
        let builder = Recurrent::lstm(2, 3).layers(2);
        let builder = if ways == 2 { builder.both_ways() } else { builder };
        let lstm = builder.build(&mut params.root()).unwrap();
        let (bound, ending) = (params.eager(), lstm.clone().ending());
        let (outputs, end) = lstm.run(&bound, &x, None, None);
        let last = ending.apply(&bound, &x);
        assert_eq!(last.shape()[..], [3, 3 * ways]);
        assert_eq!(numbers(&last.slice(1, 0..3)), numbers(&outputs.at(1, 4).slice(1, 0..3)));
        if ways == 2 {
            assert_eq!(numbers(&last.slice(1, 3..6)), numbers(&outputs.at(1, 0).slice(1, 3..6)), "{i}");
        }
        assert_ne!(numbers(&end.hidden.at(0, 0)), numbers(&last.slice(1, 0..3)), "not the first layer");
        let lengths = Lengths::new([2, 3, 4], 5).unwrap();
        let (_, end) = lstm.run(&bound, &x, None, Some(&lengths));
        let shorter = ending.run_where(&bound, &x, &Eager::new(counts.clone().unwrap()));
        assert_eq!(numbers(&shorter.slice(1, 0..3)), numbers(&end.hidden.at(0, ways)));
    }
}

#[test]
fn padding_that_reaches_too_far_is_refused() {
    let bound = Params::<f64>::new(0).eager();
    let x = Eager::new(random([1, 1, 3], 1));
    for (mode, most) in [(PaddingMode::Reflect, 2), (PaddingMode::Circular, 3), (PaddingMode::Replicate, 9)] {
        let padded = |pad: [usize; 2]| Pad1d::new([pad], mode).apply(&bound, &x);
        assert_eq!(padded([most, most]).shape()[..], [1, 1, 3 + 2 * most]);
        assert_eq!(numbers(&padded([0, 0])), numbers(&x));
        if most < 9 {
            for pad in [[most + 1, 0], [0, most + 1]] {
                let message = padded(pad).tensor().unwrap_err().to_string();
                assert!(message.starts_with("pad1d: [1, 1, 3]: what is"), "{message}");
            }
        }
    }
    let nothing = Eager::new(Tensor::<f64>::zeros([1, 1, 0]).unwrap());
    for mode in [PaddingMode::Reflect, PaddingMode::Circular, PaddingMode::Replicate] {
        assert!(Pad1d::new([[1, 1]], mode).apply(&bound, &nothing).tensor().is_err());
    }
    let mut params = Params::<f64>::new(0);
    let conv = Conv2d::builder(1, 1, [3, 3]).padding([[3, 0], [0, 0]]).padding_mode(PaddingMode::Reflect);
    let conv = conv.build(&mut params.root()).unwrap();
    let message =
        conv.apply(&params.eager(), &Eager::new(random([1, 1, 3, 3], 1))).tensor().unwrap_err().to_string();
    assert!(message.starts_with("conv2d: [1, 1, 3, 3]: what is mirrored"), "{message}");
}

#[test]
fn layers_that_pick_and_weigh_have_second_derivatives() {
    // Between two bent functions, so that the Hessian is not zero; numbers apart, so that no maximum changes hands.
    struct Bent(Step);

    impl check::Program for Bent {
        fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
            let x = xs[0].tanh() * xs[0].clone();
            self.0
                .apply(&Params::<f64>::new(0).eager().map(|_, _| xs[0].clone()), &x)
                .square()
                .offset(1.0)
                .ln()
        }
    }

    let apart = |shape: &[usize]| {
        let mut places: Vec<usize> = (0..shape.iter().product()).collect();
        shuffle(&mut places, 4);
        let numbers: Vec<f64> = places.into_iter().map(|place| 0.11 * place as f64 - 1.3).collect();
        Tensor::new(shape, &numbers).unwrap()
    };
    let (image, sequence) = (apart(&[1, 2, 5, 4]), apart(&[2, 2, 7]));
    let images: Vec<Step> = vec![
        AdaptiveMeanPool2d::new([3, 3]).into(),
        AdaptiveMaxPool2d::new([2, 3]).into(),
        GlobalMaxPool.into(),
        GlobalMeanPool.into(),
        MaxPool2d::new([2, 3]).stride([2, 2]).ceil().into(),
        MeanPool2d::new([2, 3]).padding([[1, 0], [1, 1]]).without_padding_counted().ceil().into(),
        Upsample::nearest([2, 1]).unwrap().into(),
        Upsample::to([3, 7], Manner::Nearest).unwrap().into(),
        Upsample::bilinear([1, 2]).unwrap().into(),
        Upsample::to([3, 6], Manner::BilinearCorners).unwrap().into(),
        Pad2d::new([[2, 1], [0, 2]], PaddingMode::Reflect).into(),
    ];
    let sequences: Vec<Step> = vec![
        AdaptiveMeanPool1d::new([3]).into(),
        AdaptiveMaxPool1d::new([4]).into(),
        GlobalMaxPool.into(),
        MaxPool1d::new([3]).stride([2]).padding([[1, 1]]).into(),
        MeanPool1d::new([3]).stride([2]).ceil().into(),
        Pad1d::new([[3, 4]], PaddingMode::Circular).into(),
        Upsample1d::linear(2).unwrap().into(),
    ];
    let all = images.into_iter().map(|layer| (layer, &image));
    for (layer, x) in all.chain(sequences.into_iter().map(|layer| (layer, &sequence))) {
        let name = format!("{layer:?}");
        let found = check::second_order(&Bent(layer), std::slice::from_ref(x), 1);
        found.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}
