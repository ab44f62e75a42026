//! Layers of this crate that take several values, wired by name in a model.

use tress_autograd::op::Index;
use tress_autograd::{Arrange, Eager};
use tress_nn::model::{Model, Wiring};
use tress_nn::{
    AttentionMask, Bilinear, Conv1d, Dense, Embedding, EncoderBlock, Error, Flatten, GlobalMaxPool,
    GlobalMeanPool, Lengths, MaxPool1d, MultiHeadAttention, Params, Permute, Recurrent, Sinusoidal,
};
use tress_tensor::Tensor;

#[test]
fn layers_of_several_values_are_wired_by_name() {
    let mut params = Params::<f64>::new(1);
    let wiring = Wiring::new(&mut params);
    let (words, length) = (wiring.input("words", [5, 6]), wiring.input("length", []));
    let (counts, query) = (wiring.input("counts", [5]), wiring.input("query", [2, 4]));
    let (mut pairs, mut cross, mut gru, mut end, mut block) = (None, None, None, None, None);
    let paired = wiring.join("pairs", &[query, query], |s| {
        let layer = Bilinear::new(s, 4, 4, 3)?;
        pairs = Some(layer);
        Ok(layer)
    });
    let found = wiring.join("cross", &[query, words, length], |s| {
        let layer = MultiHeadAttention::builder(4, 2).memory(6).build(s)?;
        cross = Some(layer);
        Ok(layer)
    });
    let read = wiring.join("gru", &[words, length], |s| {
        let layer = Recurrent::gru(6, 3).both_ways().build(s)?;
        gru = Some(layer.clone());
        Ok(layer)
    });
    let last = wiring.join("end", &[words, counts], |s| {
        let layer = Recurrent::lstm(6, 3).layers(2).build(s)?;
        end = Some(layer.clone());
        Ok(layer.ending())
    });
    let seen = wiring.join("block", &[words, counts], |s| {
        let layer = EncoderBlock::builder(6, 2, 4).build(s)?;
        block = Some(layer);
        Ok(layer)
    });
    let outputs = [("paired", paired), ("found", found), ("read", read), ("last", last), ("seen", seen)];
    let model = Model::new(&[words, length, counts, query], &outputs).unwrap();
    let shapes: Vec<String> = model.outputs().map(|(_, sizes)| sizes.to_string()).collect();
    assert_eq!(shapes, ["[N, 2, 3]", "[N, 2, 4]", "[N, 5, 6]", "[N, 3]", "[N, 5, 6]"]);

    let normal = |shape: &[usize], seed| {
        let mut random = tress_nn::Random::new(seed);
        Eager::new(Tensor::from_fn(shape, |_| random.normal()).unwrap())
    };
    let (x, q) = (normal(&[3, 5, 6], 1), normal(&[3, 2, 4], 2));
    let lengths = Lengths::new([5, 2, 3], 5).unwrap();
    let said = Eager::new(Tensor::vector(&[5.0, 2.0, 3.0]));
    let kept = Eager::new(lengths.mask(&x).tensor().unwrap().clone());
    let bound = params.eager();
    let given = [("words", &x), ("length", &said), ("counts", &kept), ("query", &q)];
    let found = model.run(&bound, &given).unwrap();
    let same = |name: &str, expected: &Eager<f64>| {
        assert_eq!(found[name].tensor().unwrap(), expected.tensor().unwrap(), "{name}");
    };
    same("paired", &pairs.unwrap().apply(&bound, &q, &q));
    let mask = AttentionMask::new().lengths(&lengths);
    same("found", &cross.unwrap().attend(&bound, &q, &x, &mask));
    same("read", &gru.unwrap().run(&bound, &x, None, Some(&lengths)).0);
    same("last", &end.unwrap().run(&bound, &x, None, Some(&lengths)).1.hidden.at(0, 1));
    same("seen", &block.unwrap().run(&bound, &x, &mask));

    // Another number of values is named where it is wired.
    let mut params = Params::<f64>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [4]);
    let wrong = wiring.join("pairs", &[x], |s| Bilinear::new(s, 4, 4, 3));
    let error = Model::new(&[x], &[("y", wrong)]).unwrap_err().to_string();
    assert!(error.contains("`pairs`") && error.contains("it takes two values"), "{error}");
}

#[test]
fn a_model_for_sequences_of_any_length_takes_them() {
    let mut params = Params::<f64>::new(1);
    let wiring = Wiring::new(&mut params);
    let words = wiring.index("words", [6], 9).any_length();
    let (signal, length) = (wiring.input("signal", [2, 7]), wiring.input("length", []));
    let rows = words.look_up("table", |s| Embedding::new(s, 9, 4)).apply(Sinusoidal);
    let block = wiring.join("block", &[rows, length], |s| EncoderBlock::builder(4, 2, 6).build(s));
    let told = block.apply(Permute::new([0, 2, 1]).unwrap()).apply(GlobalMeanPool);
    let seen = signal.layer("conv", |s| Conv1d::new(s, 2, 4, [3])).apply(GlobalMaxPool);
    let model = Model::new(&[words, signal, length], &[("y", told + seen)]).unwrap();
    let run = |words: &Tensor<u32>, length: usize, n: usize| {
        let (signal, length) = (
            Eager::new(Tensor::zeros([n, 2, 7]).unwrap()),
            Eager::new(Tensor::full([n], length as f64).unwrap()),
        );
        let given = [("signal", &signal), ("length", &length)];
        let found = model.run_with(&params.eager(), &given, &[("words", &Index::new(words))]);
        found.map(|found| found["y"].tensor().unwrap().clone())
    };
    for steps in [1, 5, 6, 40] {
        let words = Tensor::from_fn([3, steps], |i| ((i[0] * 5 + i[1]) % 9) as u32).unwrap();
        assert_eq!(**run(&words, steps, 3).unwrap().shape(), [3, 4]);
    }
    // Another number of samples, no step at all, and another length where none was said.
    let none = run(&Tensor::zeros([3, 0]).unwrap(), 1, 3).unwrap_err().to_string();
    assert!(none.contains("`words` is [N, 6]") && none.contains("at least one step"), "{none}");
    assert!(run(&Tensor::zeros([2, 5]).unwrap(), 1, 3).is_err());
    let longer = Eager::new(Tensor::zeros([3, 2, 8]).unwrap());
    let length = Eager::new(Tensor::full([3], 1.0).unwrap());
    let words = Index::new(&Tensor::zeros([3, 6]).unwrap());
    let given = [("signal", &longer), ("length", &length)];
    let error = model.run_with(&params.eager(), &given, &[("words", &words)]).unwrap_err().to_string();
    assert!(error.contains("`signal` is [N, 2, 7]") && error.contains("must be as declared"), "{error}");
}

#[test]
fn what_hangs_on_the_length_of_sequences_is_named_before_any_work() {
    let message = |wire: &dyn Fn(&Wiring<'_, f64>) -> Result<Model, Error>| {
        let mut params = Params::<f64>::new(1);
        wire(&Wiring::new(&mut params)).unwrap_err().to_string()
    };
    let flat = message(&|wiring| {
        let x = wiring.input("x", [5, 3]).any_length();
        let y = x.apply(Flatten).layer("class", |s| Dense::new(s, 15, 2));
        Model::new(&[x], &[("y", y)])
    });
    assert!(flat.starts_with("layer `class` does not fit sequences of any length: dense: [2, 18]"), "{flat}");
    assert!(flat.contains("or leave `any_length` out"), "{flat}");
    // One step more has as many windows as were declared; two more have not.
    let pooled = message(&|wiring| {
        let x = wiring.input("x", [6, 3]).any_length();
        let pooled = x.apply(Permute::new([0, 2, 1]).unwrap()).apply(MaxPool1d::new([2])).apply(Flatten);
        let y = pooled.layer("class", |s| Dense::new(s, 9, 2));
        Model::new(&[x], &[("y", y)])
    });
    assert!(
        pooled.starts_with("layer `class` does not fit sequences of any length: dense: [2, 18]"),
        "{pooled}"
    );
    // It is the inputs that are asked, and those of the model alone.
    let between = message(&|wiring| {
        let x = wiring.input("x", [5, 3]);
        let y = x.layer("dense", |s| Dense::new(s, 3, 2)).any_length();
        Model::new(&[x], &[("y", y)])
    });
    assert!(between.starts_with("`dense` [N, 5, 2] is no input of sequences"), "{between}");
    let scalar = message(&|wiring| {
        let x = wiring.input("x", []).any_length();
        Model::new(&[x], &[("y", x)])
    });
    assert!(scalar.starts_with("`x` [N] is no input of sequences"), "{scalar}");
    let mut params = Params::<f64>::new(1);
    let wiring = Wiring::new(&mut params);
    let (x, other) = (wiring.input("x", [5, 3]).any_length(), wiring.input("other", [4]));
    let class = x.apply(Flatten).layer("class", |s| Dense::new(s, 15, 2));
    let sum = wiring.add("sum", &[class, other.layer("more", |s| Dense::new(s, 4, 2))]);
    assert!(Model::new(&[x, other], &[("y", sum)]).is_err());
    let more = other.layer("again", |s| Dense::new(s, 4, 2));
    assert!(Model::new(&[other], &[("y", more)]).is_ok(), "the rest of the wiring is no matter");
}
