//! Models with names: against the same networks written by hand, wrong wirings, random wirings, and counts by hand.

use tress_autograd::op::Index;
use tress_autograd::{Arrange, Dual, Eager, Fused, Outline, Pointwise, Reduce, Stacked, Tape, Value};
use tress_nn::file::{load, save};
use tress_nn::model::{Join, Model, Node, Summary, Wiring};
use tress_nn::{
    BatchNorm, Bound, Conv2d, Dense, Dropout, Embedding, Error, Flatten, GlobalMeanPool, Gradient, LastStep,
    Layer, LayerNorm, MaxPool2d, Params, Random, Sequential,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Element, Float, Shape, Tensor};

fn numbers<T: Float>(random: &mut Random, shape: &[usize]) -> Tensor<T> {
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
struct ByHand {
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
    fn new<T: Float>(params: &mut Params<T>) -> Self {
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

    fn run<V: Value>(&self, bound: &Bound<V>, [image, thumb, vector]: [&V; 3]) -> [V; 2] {
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

fn both<T: Float>() -> (Params<T>, Model, ByHand) {
    let (mut params, mut others) = (Params::new(5), Params::new(5));
    let (model, hand) = (by_name(&mut params), ByHand::new(&mut others));
    let names =
        |params: &Params<T>| params.entries().map(|entry| entry.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&params), names(&others), "parameters are named after the layers");
    assert_eq!(params.block(), others.block());
    (params, model, hand)
}

fn inputs<T: Float>(samples: usize) -> [Tensor<T>; 3] {
    let mut random = Random::new(8);
    [[samples, 1, 8, 8].to_vec(), [samples, 1, 4, 4].to_vec(), [samples, 5].to_vec()]
        .map(|shape| numbers(&mut random, &shape))
}

fn given<V>([image, thumb, vector]: [&V; 3]) -> [(&'static str, &V); 3] {
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

/// The message of a wiring, and the text of the place where it went wrong.
#[track_caller]
fn wrong(wire: impl FnOnce(&Wiring<'_>) -> Result<Model, Error>, texts: &[&str]) {
    let mut params = Params::<f32>::new(1);
    let message = wire(&Wiring::new(&mut params)).unwrap_err().to_string();
    for text in texts.iter().chain(&["models.rs:"]) {
        assert!(message.contains(text), "`{text}` is not in: {message}");
    }
}

#[test]
fn wrong_wirings_are_named_before_any_work() {
    wrong(
        |w| {
            let (image, facts) = (w.input("image", [1, 8, 8]), w.input("facts", [20]));
            let both = w.concat("both", &[image, facts]);
            let late = both.layer("late", |s| Dense::new(s, 3, 3));
            Model::new(&[image, facts], &[("y", late)])
        },
        &[
            "layer `both` (concat) cannot put `image` [N, 1, 8, 8] and `facts` [N, 20] side by side",
            "longer along axis 1, so all other axes must be equal",
            "give each input layers of its own",
            "`Flatten` and `Dense`",
        ],
    );
    wrong(
        |w| {
            let (a, b) = (w.input("a", [2, 8]), w.input("b", [2, 7]));
            Model::new(&[a, b], &[("y", w.concat_along("ends", 0, &[a, b]))])
        },
        &["layer `ends` (concat)"],
    );
    wrong(
        |w| {
            let (a, b) = (w.input("a", [8]), w.input("b", [7]));
            Model::new(&[a, b], &[("y", a + b)])
        },
        &["layer `add` (add) cannot take `a` [N, 8] and `b` [N, 7]", "the axes must be equal, or 1"],
    );
    wrong(
        |w| {
            let x = w.input("x", [1, 8, 8]);
            Model::new(&[x], &[("y", x.layer("hidden", |s| Dense::new(s, 64, 10)))])
        },
        &[
            "layer `hidden` (Dense) cannot take `x` [N, 1, 8, 8]: of two samples, dense: [2, 1, 8, 8] x [64, 10]: ",
            "8 and 64 differ",
            "put `Flatten` or a global pool before it",
        ],
    );
    wrong(
        |w| {
            let x = w.input("x", [64]);
            Model::new(&[x], &[("y", x.layer("conv", |s| Conv2d::new(s, 1, 2, [3, 3])))])
        },
        &["layer `conv` (Conv2d) cannot take `x` [N, 64]", "wire it before `Flatten`"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            let y = x.layer("a", |s| Dense::new(s, 4, 4)).layer("a", |s| Dense::new(s, 4, 4));
            Model::new(&[x], &[("y", y)])
        },
        &["layer `a` is declared twice", "wire one `unit` to several places"],
    );
    wrong(
        |w| {
            let (x, z) = (w.input("x", [4]), w.input("x", [4]));
            Model::new(&[x, z], &[("y", x + z)])
        },
        &["input `x` is declared twice"],
    );
    wrong(|w| Model::new(&[], &[("y", w.input("x", [4]))]), &["inputs of a model: at least one"]);
    wrong(|w| Model::new(&[w.input("x", [4])], &[]), &["outputs of a model: at least one"]);
    wrong(
        |w| {
            let (x, z) = (w.input("x", [4]), w.input("unused", [4]));
            Model::new(&[x, z], &[("y", x.apply(Map::Relu))])
        },
        &["no output depends on input `unused`"],
    );
    wrong(
        |w| {
            let (x, z) = (w.input("x", [4]), w.input("z", [4]));
            Model::new(&[x], &[("y", x + z)])
        },
        &["output `y` needs input `z`, which the model does not list"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            let h = x.apply(Map::Relu);
            Model::new(&[h], &[("y", h.apply(Map::Tanh))])
        },
        &["`relu` comes out of a layer and is no input"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            Model::new(&[x], &[("y", x), ("y", x.apply(Map::Relu))])
        },
        &["output `y` is declared twice"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            Model::new(&[x], &[("y", x.layer("drop", |s| Dropout::new(s, 1.5)))])
        },
        &["layer `drop` cannot be declared: dropout: the rate"],
    );
    wrong(
        |w| {
            let x = w.input("", [4]);
            Model::new(&[x], &[("y", x)])
        },
        &["`` cannot be the name of input"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            let z = w.lambda("gram", &[x], |xs| {
                let all = xs[0].flatten(0);
                all.unsqueeze(1).matmul(all.unsqueeze(0)).flatten(0)
            });
            Model::new(&[x], &[("y", z)])
        },
        &["layer `gram`: batches of 2, 3 and 5 samples give", "grow by as much with each sample"],
    );
    wrong(
        |w| {
            let words = w.index("words", [4], 9);
            Model::new(&[words], &[("y", words.layer("dense", |s| Dense::new(s, 4, 2)))])
        },
        &["layer `dense` cannot take `words` [N, 4]: it is an index", "look it up in a table first"],
    );
    wrong(
        |w| {
            let x = w.input("x", [4]);
            Model::new(&[x], &[("y", x.look_up("table", |s| Embedding::new(s, 4, 2)))])
        },
        &["layer `table` cannot take `x` [N, 4]: only an index can be looked up"],
    );
    wrong(
        |w| {
            let words = w.index("words", [4], 9);
            Model::new(&[words], &[("y", words.look_up("table", |s| Embedding::new(s, 8, 2)))])
        },
        &["layer `table`", "fewer rows than the index counts things"],
    );
    wrong(
        |w| {
            let (x, words) = (w.input("x", [4]), w.index("words", [4], 9));
            Model::new(&[x, words], &[("y", w.concat("both", &[x, words]))])
        },
        &["layer `both` cannot take `words`"],
    );
    let mut elsewhere = Params::<f32>::new(1);
    let other = Wiring::new(&mut elsewhere);
    let stranger = other.input("stranger", [4]);
    // Two wirings of one life, so that the compiler lets a value of one reach the other.
    fn mixed<'w>(w: &'w Wiring<'_>, stranger: Node<'w>) -> Result<Model, Error> {
        let x = w.input("x", [4]);
        Model::new(&[x], &[("y", w.add("sum", &[x, stranger]))])
    }
    let mut params = Params::<f32>::new(1);
    let message = mixed(&Wiring::new(&mut params), stranger).unwrap_err().to_string();
    assert!(message.contains("a value belongs to another wiring"), "{message}");
}

#[test]
fn what_is_given_must_be_what_the_inputs_take() {
    let (params, model, _) = both::<f32>();
    let bound = params.eager();
    let xs = inputs::<f32>(3).map(Eager::new);
    let [image, thumb, vector] = xs.each_ref();
    let wrong = |given: &[(&str, &Eager)]| model.run(&bound, given).unwrap_err().to_string();
    for (message, text) in [
        (
            wrong(&[("image", image), ("thumb", thumb)]),
            "input `vector` is not given; the inputs are `image`, `thumb`",
        ),
        (wrong(&[("image", image), ("sound", thumb)]), "input `sound` is given, but the model has none"),
        (
            wrong(&[("image", image), ("thumb", thumb), ("vector", vector), ("thumb", thumb)]),
            "input `thumb` is given twice",
        ),
        (
            wrong(&[("image", thumb), ("thumb", thumb), ("vector", vector)]),
            "input `image` is [N, 1, 8, 8], but a value of shape [3, 1, 4, 4] is given",
        ),
        (
            wrong(&[("image", image), ("thumb", thumb), ("vector", &vector.slice(0, 0..2))]),
            "input `image` has 3 samples and input `vector` has 2",
        ),
    ] {
        assert!(message.contains(text), "`{text}` is not in: {message}");
    }
    // A mistake that was made before is handed on.
    let failed = vector.matmul(vector);
    let message = wrong(&[("image", image), ("thumb", thumb), ("vector", &failed)]);
    assert!(message.starts_with("matmul: [3, 5] x [3, 5]"), "{message}");
}

#[test]
fn an_index_is_looked_up_and_checked() {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let (x, words) = (wiring.input("x", [4]), wiring.index("words", [3], 6));
    let rows = words.look_up("table", |s| Embedding::new(s, 6, 4)?.padding(5));
    let all = wiring.concat("all", &[rows.apply(LastStep), x]);
    let model = Model::new(&[words, x], &[("y", all.layer("score", |s| Dense::new(s, 8, 2)))]).unwrap();

    let mut others = Params::<f32>::new(1);
    let table = Embedding::new(&mut others.scope("table"), 6, 4).unwrap().padding(5).unwrap();
    let score = Dense::new(&mut others.scope("score"), 8, 2).unwrap();
    let x = Eager::new(numbers(&mut Random::new(2), &[2, 4]));
    let words = Index::new(&Tensor::new([2, 3], &[0, 1, 4, 3, 2, 5]).unwrap());
    let bound = params.eager();
    let found = model.run_with(&bound, &[("x", &x)], &[("words", &words)]).unwrap();
    let last = table.look_up(&bound, &words).unwrap().at(1, 2);
    let expected = score.apply(&bound, &last.concat(1, &[&x]));
    assert_eq!(found["y"].tensor().unwrap(), expected.tensor().unwrap());
    let summary = model.summary(&params).unwrap();
    assert_eq!(
        (summary.row("table").unwrap().parameters, summary.row("words").unwrap().activations),
        (24, 12)
    );

    let wrong = |given: &[(&str, &Eager)], indices: &[(&str, &Index)]| {
        model.run_with(&bound, given, indices).unwrap_err().to_string()
    };
    let large = Index::new(&Tensor::new([2, 3], &[0, 1, 6, 3, 2, 5]).unwrap());
    let message = wrong(&[("x", &x)], &[("words", &large)]);
    assert!(message.contains("input `words` holds 6, but it counts 6 things, from 0 to 5"), "{message}");
    let message = wrong(&[("x", &x), ("words", &x)], &[]);
    assert!(message.contains("input `words` is an index, and is given to `run_with` as one"), "{message}");
    let message = wrong(&[], &[("words", &words), ("x", &words)]);
    assert!(message.contains("input `x` takes a value, and no index"), "{message}");
}

/// A random wiring of vectors and images, and what it was wired from.
fn random_model(random: &mut Random, params: &mut Params<f32>) -> Option<Model> {
    let wiring = Wiring::new(params);
    let mut all: Vec<Node<'_>> = Vec::new();
    let inputs = 1 + random.below(3) as usize;
    for i in 0..inputs {
        let name = format!("input{i}");
        all.push(match random.below(2) {
            0 => wiring.input(&name, [1 + random.below(6) as usize]),
            _ => wiring.input(&name, [1 + random.below(3) as usize, 6, 7]),
        });
    }
    let units: Vec<_> = (0..2).map(|i| wiring.unit(&format!("shared{i}"), |s| Dense::new(s, 4, 4))).collect();
    for step in 0..3 + random.below(12) {
        let (x, name) = (all[random.below(all.len() as u64) as usize], format!("layer{step}"));
        let sizes = x.sizes().unwrap();
        let image = sizes.rank() == 4;
        let outputs = 1 + random.below(5) as usize;
        let like: Vec<Node<'_>> =
            all.iter().copied().filter(|y| y.sizes().unwrap().to_string() == sizes.to_string()).collect();
        all.push(match random.below(10) {
            0 | 1 if image && sizes.len(2).unwrap() >= 3 && sizes.len(3).unwrap() >= 3 => {
                x.layer(&name, |s| Conv2d::new(s, x.channels(), outputs, [3, 3]))
            }
            2 if image => x.apply(GlobalMeanPool),
            3 => x.apply(Flatten),
            4 => x.apply(Map::Tanh),
            5 => wiring.add(&name, &like),
            6 => wiring.concat(&name, &like),
            7 => wiring.lambda(&name, &like, |xs| xs[0].square() + xs[xs.len() - 1].sin()),
            8 if x.width() == 4 => x.through(units[random.below(2) as usize]),
            _ => x.layer(&name, |s| Dense::new(s, x.width(), outputs)),
        });
    }
    // Some of the values that nothing comes after, as outputs; inputs that lead to none are left out.
    let outputs = [all[all.len() - 1], all[all.len() - 2]];
    let named = [("last", outputs[0]), ("other", outputs[1])];
    for mask in (1..1usize << inputs).rev() {
        let some: Vec<Node<'_>> = (0..inputs).filter(|i| mask >> i & 1 == 1).map(|i| all[i]).collect();
        if let Ok(model) = Model::new(&some, &named) {
            return Some(model);
        }
    }
    None
}

#[test]
fn random_wirings_have_the_shapes_and_the_numbers_that_they_say() {
    let mut random = Random::new(21);
    for case in 0..60 {
        let mut params = Params::new(case);
        let model = random_model(&mut random, &mut params).expect("some inputs fit the outputs");
        let batch = 1 + random.below(4) as usize;
        let xs: Vec<(String, Eager)> = model
            .inputs()
            .map(|(name, sizes)| {
                (name.to_string(), Eager::new(numbers(&mut random, &sizes.at(batch).unwrap())))
            })
            .collect();
        let given: Vec<(&str, &Eager)> = xs.iter().map(|(name, x)| (name.as_str(), x)).collect();
        let found = model.run(&params.eager(), &given).unwrap();
        for ((name, sizes), (_, found)) in model.outputs().zip(found.iter()) {
            assert_eq!(sizes.at(batch).as_ref(), Ok(found.tensor().unwrap().shape()), "case {case}: {name}");
        }
        // The table counts what leads to the outputs, each parameter once.
        let tape = Tape::new();
        let bound = params.on(&tape);
        let xs: Vec<_> =
            xs.iter().map(|(name, x)| (name.as_str(), tape.var(x.tensor().unwrap().clone()))).collect();
        let given: Vec<_> = xs.iter().map(|(name, x)| (*name, x)).collect();
        let found = model.run(&bound, &given).unwrap();
        let targets: Vec<_> = found.iter().map(|(_, y)| *y).collect();
        let depends =
            |leaf: &_| tape.depends(&targets, std::slice::from_ref(leaf), &[]).unwrap().iter().any(|x| *x);
        let used: usize = params
            .entries()
            .filter(|e| depends(bound.get(&e.handle()).unwrap()))
            .map(|e| e.shape().len())
            .sum();
        let summary = model.summary(&params).unwrap();
        assert_eq!(summary.parameters() as usize, used, "case {case}\n{summary}");
        assert!(model.drawing(&params).unwrap().svg().ends_with("</svg>\n"));
    }
}

#[test]
fn multiply_adds_and_memory_are_those_counted_by_hand() {
    let (params, model, _) = both::<f32>();
    let summary = model.summary(&params).unwrap();
    // Outputs times the weights that each one sees.
    for (name, count) in [
        ("stem", 4 * 8 * 8 * (3 * 3)),
        ("left", 6 * 3 * 3 * (4 * 3 * 3)),
        ("right", 6 * 3 * 3 * (4 * 3 * 3)),
        ("small", 16 * 5),
        ("tower", 5 * 3),
        ("tower (2)", 5 * 3),
        ("class", 9 * 4),
        ("size", 9),
        ("multiply", 0),
    ] {
        assert_eq!(summary.row(name).unwrap().multiply_adds, count, "{name}\n{summary}");
    }
    for (name, count) in
        [("stem", 40), ("left", 222), ("right", 216), ("tower", 18), ("tower (2)", 0), ("class", 40)]
    {
        assert_eq!(summary.row(name).unwrap().parameters, count, "{name}\n{summary}");
    }
    assert_eq!(summary.parameters() as usize, params.len());
    assert_eq!(summary.row("flatten").unwrap().activations, 0, "a view");
    assert_eq!(summary.row("image").unwrap().activations, 256);
    let ten = model.summary_of(&params, 10).unwrap();
    assert_eq!(ten.multiply_adds(), 10 * summary.multiply_adds());

    // What a tape really keeps: the numbers of all buffers that its entries look at, beside parameters and constants.
    let tape = Tape::new();
    let bound = params.on(&tape);
    let xs = inputs::<f32>(10).map(|x| tape.var(x));
    model.run(&bound, &given(xs.each_ref())).unwrap();
    let (mut buffers, mut kept) = (std::collections::BTreeSet::new(), 0);
    for entry in tape.entries() {
        let tensor = entry.value.tensor().unwrap();
        let is_input = xs.iter().any(|x| x.index() == Some(entry.index));
        let is_new = tensor.memory().is_none_or(|(address, _)| buffers.insert(address));
        if is_new && (is_input || !entry.is_leaf()) {
            kept += 4 * tensor.len() as u64;
        }
    }
    assert_eq!(ten.activations(), kept, "{ten}");
}

#[test]
fn the_table_is_aligned_and_closures_have_one_too() {
    let (params, model, _) = both::<f32>();
    let text = model.summary(&params).unwrap().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("layer") && lines[0].ends_with("activations"), "{text}");
    let column = lines[0].find("output").unwrap();
    for line in &lines[2..lines.len() - 4] {
        assert_eq!(&line[column..column + 2], "[N", "{text}");
    }
    assert!(text.contains("parameters: 631 trained, 2.5 KiB as f32\nmultiply-adds: "), "{text}");
    println!("{text}");

    let hand = {
        let mut others = Params::<f32>::new(5);
        ByHand::new(&mut others)
    };
    let xs = inputs::<f32>(1).map(|x| *x.shape());
    let named: Vec<(&str, Shape)> = ["image", "thumb", "vector"].into_iter().zip(xs).collect();
    let program =
        Summary::of_program(&params, &named, |bound, xs| hand.run(bound, [&xs[0], &xs[1], &xs[2]]).to_vec())
            .unwrap();
    let summary = model.summary(&params).unwrap();
    assert_eq!(program.multiply_adds(), summary.multiply_adds());
    assert_eq!(program.parameters(), summary.parameters());
    assert_eq!(program.activations(), summary.activations());
    println!("{program}");
    assert!(program.drawing().mermaid().contains("--> "));
    let failed = Summary::of_program(&params, &named, |_, xs| vec![xs[0].matmul(xs[2])]).unwrap_err();
    assert!(failed.to_string().starts_with("matmul: [1, 1, 8, 8] x [1, 1, 1, 5]"), "{failed}");
}

#[test]
fn drawings_show_names_shapes_and_arrows() {
    let (params, model, _) = both::<f32>();
    let drawing = model.drawing(&params).unwrap();
    let (mermaid, dot, svg) = (drawing.mermaid(), drawing.dot(), drawing.svg());
    assert!(mermaid.starts_with("flowchart TD\n  n0([\"image<br/>input<br/>[N, 1, 8, 8]\"])"), "{mermaid}");
    assert!(
        dot.contains("[label=\"stem\\nConv2d, 40 parameters\\n[N, 4, 8, 8]\", shape=box, style=bold];"),
        "{dot}"
    );
    // Each arrow once in each: both branches from the stem, both places of the tower, both heads.
    let arrows = mermaid.matches(" --> ").count();
    assert_eq!((dot.matches(" -> ").count(), svg.matches("marker-end").count()), (arrows, arrows));
    assert_eq!(
        svg.matches("<rect").count(),
        1 + mermaid.lines().count() - 1 - arrows,
        "a box each, and the ground"
    );
    assert!(svg.contains(">tower (2)</text>") && svg.contains(">[N, 6, 3, 3]</text>"), "{svg}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    // The last stroke of an arrow has a length, or its tip would point anywhere.
    for path in svg.lines().filter_map(|line| line.strip_prefix("<path d=\"")) {
        let path = path.split('"').next().unwrap();
        let points: Vec<&str> = path.split(['M', 'L', 'C']).collect();
        let [.., before, last] = points[..] else { continue };
        assert!(!before.ends_with(last), "{path}");
    }
    if let Ok(folder) = std::env::var("TRESS_DRAWINGS") {
        std::fs::write(format!("{folder}/model.svg"), &svg).unwrap();
    }
}

#[test]
fn layers_without_a_scope_count_by_what_they_use() {
    let mut params = Params::<f32>::new(1);
    let own = Sequential::new().then(Dense::new(&mut params.scope("own"), 4, 3).unwrap()).then(Map::Relu);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [1, 6, 6]);
    let y = x.apply(MaxPool2d::new([3, 3])).apply(Flatten).apply(own);
    let model = Model::new(&[x], &[("y", y)]).unwrap();
    let summary = model.summary(&params).unwrap();
    assert_eq!(summary.row("sequential").unwrap().parameters, 15, "{summary}");
}
