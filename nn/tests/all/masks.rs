//! Steps that count by a value: what lengths give as numbers of the program, an input of the model can say as well.

use tress_autograd::{Arrange, Eager, Pointwise, Reduce, Tape};
use tress_nn::layer::{Carried, RecurrentBuilder};
use tress_nn::{AttentionMask, EncoderBlock, Lengths, MultiHeadAttention, Params, Random, Recurrent};
use tress_tensor::{Shape, Tensor};

const LENGTHS: [usize; 3] = [2, 4, 1];

fn random<const N: usize>(shape: [usize; N], seed: u64) -> Tensor<f64> {
    let mut random = Random::new(seed);
    Tensor::from_fn(shape, |_| random.normal()).unwrap()
}

fn lengths() -> Lengths {
    Lengths::new(LENGTHS, 4).unwrap()
}

/// 1 where a step counts.
fn counts() -> Tensor<f64> {
    Tensor::from_fn([3, 4], |i| f64::from(i[1] < LENGTHS[i[0]])).unwrap()
}

#[test]
fn recurrent_layers_pass_over_steps_that_do_not_count() {
    let kinds: [RecurrentBuilder; 3] = [Recurrent::simple(2, 3), Recurrent::gru(2, 3), Recurrent::lstm(2, 3)];
    for (i, kind) in kinds.into_iter().enumerate() {
        let mut params = Params::<f64>::new(1);
        let net = kind.layers(2).both_ways().build(&mut params.root()).unwrap();
        let x = random([3, 4, 2], 5);
        let start = || Carried {
            hidden: Eager::new(random([4, 3, 3], 6)),
            memory: (i == 2).then(|| Eager::new(random([4, 3, 3], 7))),
        };
        let (bound, at) = (params.eager(), Eager::new(x.clone()));
        let (known, ends) = net.run(&bound, &at, Some(&start()), Some(&lengths()));
        let (found, last) = net.run_where(&bound, &at, Some(&start()), &Eager::new(counts()));
        assert_eq!(found.tensor().unwrap(), known.tensor().unwrap());
        assert_eq!(last.hidden.tensor().unwrap(), ends.hidden.tensor().unwrap());
        assert_eq!(last.memory.is_some(), i == 2);

        // Steps in between as well: it is as if they were not there.
        let holes = Tensor::from_fn([3, 4], |i| f64::from(i[1] != 1)).unwrap();
        let without = Tensor::from_fn([3, 3, 2], |i| x[[i[0], i[1] + usize::from(i[1] > 0), i[2]]]).unwrap();
        let (_, last) = net.run_where(&bound, &at, None, &Eager::new(holes));
        let (_, ends) = net.run(&bound, &Eager::new(without), None, None);
        assert_eq!(last.hidden.tensor().unwrap(), ends.hidden.tensor().unwrap());

        let tape = Tape::new();
        let (bound, x, c) = (params.on(&tape), tape.var(x), tape.var(counts()));
        let (y, _) = net.run_where(&bound, &x, None, &c);
        let slope = y.square().sum_all().gradients(&[x]).unwrap();
        let slope = slope[0].tensor().unwrap();
        for (n, t) in (0..3).flat_map(|n| (0..4).map(move |t| (n, t))) {
            assert_eq!(slope[[n, t, 0]] != 0.0, t < LENGTHS[n], "sequence {n}, step {t}");
        }
    }
}

#[test]
fn attention_looks_at_what_counts_and_is_allowed() {
    let mut params = Params::<f64>::new(1);
    let attention = MultiHeadAttention::builder(4, 2).build(&mut params.scope("attention")).unwrap();
    let block = EncoderBlock::builder(4, 2, 6).build(&mut params.scope("block")).unwrap();
    let bound = params.eager();
    let (x, c) = (Eager::new(random([3, 4, 4], 5)), Eager::new(counts()));
    let allowed = Tensor::from_fn([4, 4], |i| u32::from(i[0] != 2 || i[1] == 3)).unwrap();
    for mask in
        [AttentionMask::new(), AttentionMask::new().causal(), AttentionMask::new().allowed(&allowed).unwrap()]
    {
        let both = mask.clone().lengths(&lengths());
        let known = attention.attend(&bound, &x, &x, &both);
        let found = attention.attend_where(&bound, &x, &x, &mask, &c);
        assert_eq!(found.tensor().unwrap(), known.tensor().unwrap(), "{mask:?}");
        let known = block.run(&bound, &x, &both);
        assert_eq!(block.run_where(&bound, &x, &mask, &c).tensor().unwrap(), known.tensor().unwrap());
    }
    // Where a query sees nothing, what it finds is nothing, and the past stays the past: the first step does not count.
    let late = Eager::new(Tensor::from_fn([3, 4], |i| f64::from(i[1] > 0)).unwrap());
    let found = attention.attend_where(&bound, &x, &x, &AttentionMask::new().causal(), &late);
    let bias = params.tensor("attention.output.bias").unwrap();
    let found = found.tensor().unwrap();
    for i in 0..4 {
        assert_eq!(found[[1, 0, i]], bias[[i]]);
        assert_ne!(found[[1, 1, i]], bias[[i]]);
    }
}

#[test]
fn no_gradient_comes_from_padding_or_goes_to_what_counts() {
    let mut params = Params::<f64>::new(1);
    let block = EncoderBlock::builder(4, 2, 6).build(&mut params.root()).unwrap();
    let tape = Tape::new();
    let (bound, x, c) = (params.on(&tape), tape.var(random([3, 4, 4], 5)), tape.var(counts()));
    // Of the first step alone, which looks at all others.
    let y = block.run_where(&bound, &x, &AttentionMask::new(), &c).slice(1, 0..1);
    let loss = y.square().sum_all();
    let slope = loss.gradients(&[x]).unwrap();
    let slope = slope[0].tensor().unwrap();
    for (n, t) in (0..3).flat_map(|n| (0..4).map(move |t| (n, t))) {
        assert_eq!(slope[[n, t, 0]] != 0.0, t < LENGTHS[n], "sequence {n}, step {t}");
    }
    assert!(
        loss.gradients(&[c]).is_err()
            || loss.gradients(&[c]).unwrap()[0].tensor().unwrap().to_vec() == [0.0; 12]
    );
}

#[test]
fn counts_of_another_shape_are_named() {
    let mut params = Params::<f64>::new(1);
    let attention = MultiHeadAttention::builder(4, 2).build(&mut params.scope("a")).unwrap();
    let net = Recurrent::gru(4, 3).build(&mut params.scope("b")).unwrap();
    let (bound, x) = (params.eager(), Eager::new(random([3, 4, 4], 5)));
    for shape in [Shape::new(&[3, 3]).unwrap(), Shape::new(&[4]).unwrap(), Shape::new(&[3, 4, 1]).unwrap()] {
        let c = Eager::new(Tensor::zeros(shape).unwrap());
        let one = attention.attend_where(&bound, &x, &x, &AttentionMask::new(), &c);
        let (two, _) = net.run_where(&bound, &x, None, &c);
        for wrong in [one, two] {
            let error = wrong.tensor().unwrap_err().to_string();
            assert!(error.contains("what counts must be [N, T]") && error.contains("masks.rs"), "{error}");
        }
    }
}
