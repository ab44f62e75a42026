//! Models with names: wrong wirings, and what is given to a model that does not take it.

use crate::models::{both, inputs, numbers};
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Eager, Fused};
use tress_nn::model::{Model, Node, Wiring};
use tress_nn::{Conv2d, Dense, Dropout, Embedding, Error, LastStep, Layer, Params, Random};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

/// The message of a wiring, and the text of the place where it went wrong.
#[track_caller]
fn wrong(wire: impl FnOnce(&Wiring<'_>) -> Result<Model, Error>, texts: &[&str]) {
    let mut params = Params::<f32>::new(1);
    let message = wire(&Wiring::new(&mut params)).unwrap_err().to_string();
    for text in texts.iter().chain(&["model_mistakes.rs:"]) {
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
