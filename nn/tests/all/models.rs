//! Models with names against the same networks written by hand.

use tress_autograd::{Arrange, Dual, Eager, Outline, Pointwise, Reduce, Stacked, Tape, Value};
use tress_nn::file::{load, save};
use tress_nn::model::{Join, Model, Wiring};
use tress_nn::{
    BatchNorm, Bound, Conv2d, Dense, Dropout, Flatten, GlobalMeanPool, Gradient, Layer, LayerNorm, Params,
    Random,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Element, Float, Tensor};

pub(crate) fn numbers<T: Float>(random: &mut Random, shape: &[usize]) -> Tensor<T> {
    Tensor::from_fn(shape, |_| T::from_f64(random.normal())).unwrap()
}

/// Three inputs of unlike shapes, a layer in two places, branches that are added, multiplied and joined, and two heads.
fn by_name<T: Float>(params: &mut Params<T>) -> Model {
    let wiring = Wiring::new(params);
    let image = wiring.input("image", [1, 8, 8]);
    let thumb = wiring.input("thumb", [1, 4, 4]);
    let vector = wiring.input("vector", [5]);
    let stem =
        image.layer("stem", |s| Ok(Conv2d::builder(1, 4, [3, 3]).same().build(s)?.activation(Map::Relu)));
    let left = stem.layer("left", |s| Conv2d::builder(4, 6, [3, 3]).stride([2, 2]).build(s));
    let right = stem.layer("right", |s| Conv2d::builder(4, 6, [3, 3]).stride([2, 2]).without_bias().build(s));
    let gate = (left + right).apply(Map::Sigmoid);
    let seen = (gate * left).apply(GlobalMeanPool);
    let small = thumb.apply(Flatten).layer("small", |s| Dense::new(s, 16, 5)).apply(Map::Tanh);
    let tower = wiring.unit("tower", |s| Dense::new(s, 5, 3));
    let told = wiring.average("told", &[vector.through(tower), small.through(tower)]);
    let all = wiring.concat("all", &[seen, told]);
    let rest = all.apply(Dropout::new(&mut Params::<T>::new(0).scope("drop"), 0.25).unwrap());
    let class = rest.layer("class", |s| Dense::new(s, all.width(), 4));
    let size = rest.layer("size", |s| Dense::new(s, 9, 1));
    Model::new(&[image, thumb, vector], &[("class", class), ("size", size)]).unwrap()
}

/// The same by hand.
pub(crate) struct ByHand {
    stem: Conv2d,
    left: Conv2d,
    right: Conv2d,
    small: Dense,
    tower: Dense,
    dropout: Dropout,
    class: Dense,
    size: Dense,
}

impl ByHand {
    pub(crate) fn new<T: Float>(params: &mut Params<T>) -> Self {
        let root = params;
        Self {
            stem: Conv2d::builder(1, 4, [3, 3])
                .same()
                .build(&mut root.scope("stem"))
                .unwrap()
                .activation(Map::Relu),
            left: Conv2d::builder(4, 6, [3, 3]).stride([2, 2]).build(&mut root.scope("left")).unwrap(),
            right: Conv2d::builder(4, 6, [3, 3])
                .stride([2, 2])
                .without_bias()
                .build(&mut root.scope("right"))
                .unwrap(),
            small: Dense::new(&mut root.scope("small"), 16, 5).unwrap(),
            tower: Dense::new(&mut root.scope("tower"), 5, 3).unwrap(),
            dropout: Dropout::new(&mut Params::<T>::new(0).scope("drop"), 0.25).unwrap(),
            class: Dense::new(&mut root.scope("class"), 9, 4).unwrap(),
            size: Dense::new(&mut root.scope("size"), 9, 1).unwrap(),
        }
    }

    pub(crate) fn run<V: Value>(&self, bound: &Bound<V>, [image, thumb, vector]: [&V; 3]) -> [V; 2] {
        let stem = self.stem.apply(bound, image);
        let left = self.left.apply(bound, &stem);
        let gate = (left.clone() + self.right.apply(bound, &stem)).sigmoid();
        let seen = (gate * left).mean(&[2, 3]);
        let small = self.small.apply(bound, &thumb.flatten(1)).tanh();
        let told = (self.tower.apply(bound, vector) + self.tower.apply(bound, &small)).scale(0.5);
        let rest = self.dropout.apply(bound, &seen.concat(1, &[told]));
        [self.class.apply(bound, &rest), self.size.apply(bound, &rest)]
    }
}

pub(crate) fn both<T: Float>() -> (Params<T>, Model, ByHand) {
    let (mut params, mut others) = (Params::new(5), Params::new(5));
    let (model, hand) = (by_name(&mut params), ByHand::new(&mut others));
    let names =
        |params: &Params<T>| params.entries().map(|entry| entry.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&params), names(&others), "parameters are named after the layers");
    assert_eq!(params.block(), others.block());
    (params, model, hand)
}

pub(crate) fn inputs<T: Float>(samples: usize) -> [Tensor<T>; 3] {
    let mut random = Random::new(8);
    [[samples, 1, 8, 8].to_vec(), [samples, 1, 4, 4].to_vec(), [samples, 5].to_vec()]
        .map(|shape| numbers(&mut random, &shape))
}

pub(crate) fn given<V>([image, thumb, vector]: [&V; 3]) -> [(&'static str, &V); 3] {
    [("vector", vector), ("image", image), ("thumb", thumb)] // in any order
}

fn agrees<T: Float>() {
    let (params, model, hand) = both::<T>();
    let inputs = inputs::<T>(3);

    let xs = inputs.clone().map(Eager::new);
    for bound in [params.eager(), params.eager().training(7)] {
        let found = model.run(&bound, &given(xs.each_ref())).unwrap();
        let expected = hand.run(&bound, xs.each_ref());
        for ((name, found), expected) in found.iter().zip(expected) {
            assert_eq!(found.tensor().unwrap(), expected.tensor().unwrap(), "{name}");
        }
    }

    // Recorded, and its gradient.
    let tape = Tape::new();
    let bound = params.on(&tape).training(7);
    let xs = inputs.clone().map(|x| tape.var(x));
    let loss = |[class, size]: [_; 2]| -> tress_autograd::Var<'_, Eager<T>> {
        tress_autograd::Var::square(&class).sum_all() + size.sum_all()
    };
    let found = model.run(&bound, &given(xs.each_ref())).unwrap();
    let found = loss([found["class"], found["size"]]).gradient(&bound).unwrap();
    assert_eq!(found, loss(hand.run(&bound, xs.each_ref())).gradient(&bound).unwrap());
    assert!(found.to_vec().iter().any(|&x| x != T::ZERO));

    // With tangents.
    let dual = |x: &Tensor<T>| Dual::new(Eager::new(x.clone()), Eager::new(x.clone()));
    let bound = params.bind(|_, numbers| dual(&numbers));
    let xs = inputs.each_ref().map(dual);
    let found = model.run(&bound, &given(xs.each_ref())).unwrap();
    for (found, expected) in found.into_values().iter().zip(hand.run(&bound, xs.each_ref())) {
        assert_eq!(found.tangent_or_zeros().tensor().unwrap(), expected.tangent_or_zeros().tensor().unwrap());
    }

    // Two at once.
    let stacked = |x: &Tensor<T>| {
        let other = Eager::new(x.clone()).scale(0.5);
        Stacked::from_rows(&Eager::new(x.clone()), &[other])
    };
    let bound = params.bind(|_, numbers| Stacked::Shared(Eager::new(numbers)));
    let xs = inputs.each_ref().map(stacked);
    let found = model.run(&bound, &given(xs.each_ref())).unwrap();
    for (found, expected) in found.into_values().iter().zip(hand.run(&bound, xs.each_ref())) {
        assert_eq!(found.each(2).tensor().unwrap(), expected.each(2).tensor().unwrap());
    }

    // Shapes alone, for a batch of another size.
    let xs = inputs.each_ref().map(|x| Outline::<T>::new(x.shape().with(0, 11).unwrap()));
    let found = model.run(&params.outline(), &given(xs.each_ref())).unwrap();
    for ((_, sizes), (_, found)) in model.outputs().zip(found.iter()) {
        assert_eq!(sizes.at(11), Ok(found.inferred().unwrap()));
    }
}

#[test]
fn a_model_is_the_network_by_hand_bit_for_bit_on_every_kind_of_value() {
    agrees::<f32>();
}

#[test]
fn a_model_is_saved_and_loaded_by_its_names() {
    let (params, model, _) = both::<f32>();
    let mut others = Params::new(99);
    by_name(&mut others);
    assert_ne!(params.block(), others.block());
    load(&mut others, &save(&params)).unwrap();
    let xs = inputs(2).map(Eager::new);
    let run = |params: &Params<f32>| {
        let found = model.run(&params.eager(), &given(xs.each_ref())).unwrap();
        found["class"].tensor().unwrap().clone()
    };
    assert_eq!(run(&params), run(&others));
}

/// A layer of one's own: a residual block.
struct Residual {
    inner: Dense,
    norm: LayerNorm,
}

impl Layer for Residual {
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        // A constant with numbers that differ, so that the tracing must keep them.
        let ramp = Tensor::from_fn([4], |i| V::Elem::from_f64(0.1 * i[0] as f64));
        let y = x.clone() + self.inner.apply(bound, x).gelu() * x.lift(ramp.unwrap());
        self.norm.apply(bound, &y)
    }
}

/// A layer of one's own with two operands.
struct Bilinear(Dense);

impl Join for Bilinear {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        self.0.apply(bound, &xs[0]) * xs[1].clone()
    }
}

fn own_layers<T: Float>() {
    let mut params = Params::<T>::new(3);
    let declare = |scope: &mut tress_nn::Scope<'_, T>| {
        let inner = Dense::new(&mut scope.scope("inner"), 4, 4)?;
        Ok(Residual { inner, norm: LayerNorm::new(&mut scope.scope("norm"), [4])? })
    };
    let wiring = Wiring::new(&mut params);
    let (a, b) = (wiring.input("a", [4]), wiring.input("b", [4]));
    let twice = wiring.custom_unit("block", declare);
    let (x, y) = (a.through(twice), b.custom("other", declare).through(twice));
    let z = wiring.join("bilinear", &[x, y], |s| Ok(Bilinear(Dense::new(s, 4, 4)?)));
    let z = wiring.lambda("distance", &[z, a], |xs| (&xs[0] - &xs[1]).abs().scale(1.0 / 3.0));
    let model = Model::new(&[a, b], &[("z", z)]).unwrap();
    assert_eq!(model.summary(&params).unwrap().parameters() as usize, params.len());

    let mut others = Params::<T>::new(3);
    let block = declare(&mut others.scope("block")).unwrap();
    let other = declare(&mut others.scope("other")).unwrap();
    let bilinear = Bilinear(Dense::new(&mut others.scope("bilinear"), 4, 4).unwrap());
    let mut random = Random::new(2);
    let [a, b]: [Tensor<T>; 2] = [numbers(&mut random, &[5, 4]), numbers(&mut random, &[5, 4])];

    let tape = Tape::new();
    let bound = params.on(&tape);
    let (a, b) = (tape.var(a), tape.var(b));
    let found = model.run(&bound, &[("a", &a), ("b", &b)]).unwrap()["z"];
    let (x, y) = (block.apply(&bound, &a), block.apply(&bound, &other.apply(&bound, &b)));
    let expected = (bilinear.join(&bound, &[x, y]) - a).abs().scale(1.0 / 3.0);
    assert_eq!(found.tensor().unwrap(), expected.tensor().unwrap());
    let gradients = [found, expected].map(|y| y.square().sum_all().gradient(&bound).unwrap());
    assert_eq!(gradients[0], gradients[1]);
}

#[test]
fn layers_and_functions_of_ones_own_are_the_same_bit_for_bit() {
    own_layers::<f32>();
}

/// Batch norm inside of a layer of one's own, which is traced.
struct Normed(BatchNorm);

impl Layer for Normed {
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        self.0.apply(bound, x)
    }
}

#[test]
fn state_that_is_renewed_in_training_comes_out_of_traced_layers_too() {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [3]);
    let norm = wiring.custom_unit("norm", |s| Ok(Normed(BatchNorm::new(s, 3)?)));
    // Twice: the second time goes on from what the first one set aside.
    let y = x.through(norm).apply(Map::Exp).through(norm);
    let model = Model::new(&[x], &[("y", y)]).unwrap();
    let mut others = Params::<f32>::new(1);
    let by_hand = BatchNorm::new(&mut others.scope("norm"), 3).unwrap();

    let x = Eager::new(numbers(&mut Random::new(4), &[6, 3]));
    let (bound, hand) = (params.eager().training(1), others.eager().training(1));
    let found = model.run(&bound, &[("x", &x)]).unwrap();
    let expected = by_hand.apply(&hand, &by_hand.apply(&hand, &x).exp());
    assert_eq!(found["y"].tensor().unwrap(), expected.tensor().unwrap());
    let (found, expected) = (bound.renewed().unwrap(), hand.renewed().unwrap());
    params.renew(&found).unwrap();
    others.renew(&expected).unwrap();
    assert_eq!(params.block(), others.block());
    assert_ne!(params.tensor("norm.running_mean").unwrap().to_vec(), [0.0; 3]);
}

#[test]
fn a_model_is_a_layer() {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [3]);
    let trunk = Model::new(&[x], &[("h", x.layer("h", |s| Dense::new(s, 3, 2)))]).unwrap();
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [3]);
    let y = x.custom("trunk", |_| Ok(trunk.clone())).layer("y", |s| Dense::new(s, 2, 2));
    let whole = Model::new(&[x], &[("y", y)]).unwrap();
    let x = Eager::new(Tensor::from_fn([4, 3], |i| i[0] as f32 - i[1] as f32).unwrap());
    assert_eq!(**whole.apply(&params.eager(), &x).tensor().unwrap().shape(), [4, 2]);

    let (params, model, _) = both::<f32>();
    let mistake = model.apply(&params.eager(), &x).tensor().unwrap_err().to_string();
    assert!(mistake.contains("`run` takes and gives them by name"), "{mistake}");
}
