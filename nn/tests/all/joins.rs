//! Layers of this crate that take several values, wired by name in a model.

use tress_autograd::{Arrange, Eager};
use tress_nn::model::{Model, Wiring};
use tress_nn::{AttentionMask, Bilinear, EncoderBlock, Lengths, MultiHeadAttention, Params, Recurrent};
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
