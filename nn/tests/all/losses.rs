//! Losses against PyTorch's numbers: values, gradients, products with the Hessian.

use crate::fixture::{Fixture, assert_near};
use tress_autograd::check::{forward_over_reverse, reverse_over_reverse};
use tress_autograd::{Arrange, Eager, Outline, Tape, Value, check};
use tress_nn::data::Dataset;
use tress_nn::loss::{BinaryCrossEntropy, Focal, Huber, Loss, Mae, Mse, Over};
use tress_nn::{CrossEntropy, Error, Labels, cross_entropy, mse};
use tress_tensor::{Float, Shape, Tensor};

/// The loss of a case as a program of the predictions.
struct Case<'f> {
    all: &'f Fixture,
    name: &'f str,
}

impl Case<'_> {
    fn loss<V: Value>(&self, x: &V) -> V {
        let part = |part: &str| format!("{}.{part}", self.name);
        if self.all.has(&part("labels")) {
            let labels = Labels::new(self.all.labels(&part("labels")), x.shape()[1]).unwrap();
            let mut loss = CrossEntropy::new();
            if self.all.has(&part("smoothing")) {
                loss = loss.smoothing(self.all.number(&part("smoothing"))).unwrap();
            }
            if self.all.has(&part("weight")) {
                loss = loss.weights(&self.all.tensor::<f64>(&part("weight")).to_vec()).unwrap();
            }
            let over = if self.name.ends_with("_sum") { Over::sum() } else { Over::mean() };
            return loss.over(x, &labels, &over);
        }
        let target = x.lift(self.all.tensor(&part("target")));
        match self.name {
            "cross_entropy_targets" => CrossEntropy::new().loss(x, &target),
            "mse" => mse(x, &target),
            "l1" => Mae.loss(x, &target),
            "huber" => Huber::new(1.0).unwrap().loss(x, &target),
            "bce" => BinaryCrossEntropy::new().loss(x, &target),
            other => panic!("a loss that is not known: {other}"),
        }
    }
}

impl check::Program for Case<'_> {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        self.loss(&xs[0])
    }
}

fn compare<T: Float>(tolerance: f64) -> usize {
    let all = Fixture::read("losses");
    for name in all.cases() {
        let case = Case { all: &all, name };
        let x = all.tensor::<T>(&format!("{name}.x"));
        let tape = Tape::new();
        let leaf = tape.var(x.clone());
        let loss = case.loss(&leaf);
        let expected = |part: &str| all.tensor::<f64>(&format!("{name}.{part}"));
        assert_near(&format!("{name}.value"), &loss.tensor().unwrap(), &expected("value"), tolerance);
        let gradient = &loss.gradients(&[leaf]).unwrap()[0];
        assert_near(&format!("{name}.grad"), gradient.tensor().unwrap(), &expected("grad"), tolerance);

        let eager = case.loss(&Eager::new(x));
        assert_eq!(eager.tensor().unwrap(), &loss.tensor().unwrap(), "{name}: eager and recorded");
        let outline = case.loss(&Outline::<T>::new(leaf.shape()));
        assert_eq!(outline.inferred().unwrap(), Shape::SCALAR);
    }
    all.cases().len()
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    assert_eq!(compare::<f64>(1e-10), 10);
    assert_eq!(compare::<f32>(1e-5), 10);
}

#[test]
fn products_with_the_hessian_are_those_of_pytorch() {
    let all = Fixture::read("losses");
    for name in all.cases() {
        let case = Case { all: &all, name };
        let tensor = |part: &str| all.tensor::<f64>(&format!("{name}.{part}"));
        let (x, v, one) = ([tensor("x")], [tensor("v")], Tensor::scalar(1.0));
        for product in [forward_over_reverse, reverse_over_reverse] {
            let hv = product(&case, &x, &v, &one).unwrap();
            assert_near(&format!("{name}.hv"), hv[0].tensor().unwrap(), &tensor("hv"), 1e-10);
        }
    }
}

#[test]
fn reductions_agree() {
    let logits = Eager::new(Tensor::new([3, 2], &[0.5f64, -1.0, 2.0, 0.25, 0.0, 0.0]).unwrap());
    let labels = Labels::new([1, 0, 1], 2).unwrap();
    let weighted = CrossEntropy::new().smoothing(0.2).unwrap().weights(&[2.0, 0.75]).unwrap();
    let one_by_one = weighted.over(&logits, &labels, &Over::each());
    assert_eq!(**one_by_one.tensor().unwrap().shape(), [3]);
    let sum: f64 = one_by_one.tensor().unwrap().to_vec().iter().sum();
    let found = weighted.over(&logits, &labels, &Over::sum()).item().unwrap();
    assert!((found - sum).abs() < 1e-14);
    let found = weighted.loss(&logits, &labels).item().unwrap();
    assert!((found - sum / 3.5).abs() < 1e-14, "divided by the weights of the labels, not by their number");

    let plain = cross_entropy(&logits, &labels).item().unwrap();
    let lines = logits.reshape([3, 1, 2]);
    let each = CrossEntropy::new().over(&lines, &labels, &Over::each());
    assert_eq!(**each.tensor().unwrap().shape(), [3, 1]);
    assert_eq!(cross_entropy(&lines, &labels).item().unwrap(), plain);
}

#[test]
fn labels_are_checked() {
    let error = Labels::new([0, 3, 12, 9], 10).unwrap_err();
    assert_eq!(error, Error::Label { index: 2, label: 12, classes: 10 });
    assert_eq!(error.to_string(), "label 12 at index 2 is not one of the 10 classes 0 to 9");
    assert!(Labels::new([0], 0).is_err());
    // As many places as 32 bits have not are no matter for a column of a data set, nor for a loss that needs none.
    let words = Labels::new((0..100_000).map(|i| i % 50_000), 50_000).unwrap();
    let logits = Outline::<f32>::new(Shape::new(&[100_000, 50_000]).unwrap());
    assert!(cross_entropy(&logits, &words).inferred().is_ok());
    let focal = Focal::new(2.0).unwrap().loss(&logits, &words);
    let mistake = focal.inferred().unwrap_err().error.to_string();
    assert!(mistake.contains("must fit 32 bits, of one batch; take fewer labels at a time"), "{mistake}");
    let data = Dataset::<f32>::new().labels_each("words", 50, words).unwrap();
    let few = data.rows(&[1999, 0]).unwrap();
    let logits = Outline::<f32>::new(Shape::new(&[100, 50_000]).unwrap());
    assert!(Focal::new(2.0).unwrap().loss(&logits, few.labels_of("words").unwrap()).inferred().is_ok());
    assert!(Labels::new([], 0).unwrap().is_empty());
}

#[test]
fn wrong_shapes_are_mistakes_at_the_line_of_the_call() {
    let labels = Labels::new([1, 0, 1], 2).unwrap();
    let weighted = CrossEntropy::new().weights(&[1.0, 2.0, 3.0]).unwrap();
    let value = |shape: [usize; 2]| Eager::new(Tensor::<f32>::zeros(shape).unwrap());
    let huber = Huber::new(1.0).unwrap();
    let short = Over::mean().weights(&Eager::new(Tensor::vector(&[1.0f32, 2.0])));
    let wide = Over::mean().mask(&value([1, 3]));
    let here = line!();
    let mistakes = [
        (cross_entropy(&value([3, 4]), &labels), 2, "cross_entropy: [3, 4] x [3, 2]"),
        (cross_entropy(&value([4, 2]), &labels), 3, "cross_entropy: [4, 2] x [3, 2]"),
        (weighted.loss(&value([3, 2]), &labels), 4, "cross_entropy: [3, 2] x [3]"),
        (mse(&value([3, 1]), &value([3, 3])), 5, "mse: [3, 1] x [3, 3]"),
        (huber.loss(&value([3, 1]), &value([1, 3])), 6, "huber: [3, 1] x [1, 3]"),
        (huber.over(&value([3, 1]), &value([3, 1]), &short), 7, "huber: [2] x [3, 1]"),
        (Mse.over(&value([3, 1]), &value([3, 1]), &wide), 8, "mse: [1, 3] x [3, 1]"),
    ];
    for (loss, line, text) in mistakes {
        let mistake = loss.item().unwrap_err();
        assert_eq!(mistake.place.line(), here + line);
        assert!(mistake.to_string().starts_with(text), "{mistake}");
    }
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    assert!(CrossEntropy::new().smoothing(1.5).is_err());
    assert!(CrossEntropy::new().smoothing(f64::NAN).is_err());
    assert!(CrossEntropy::new().weights(&[1.0, -1.0]).is_err());
    assert!(CrossEntropy::new().weights(&[1.0, f64::INFINITY]).is_err());
}
