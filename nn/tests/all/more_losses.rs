//! Every loss against PyTorch: values, gradients in all its operands, Hessian-vector products, weights and masks; and
//! what weights and masks mean.

use crate::fixture::{Fixture, assert_near};
use tress_autograd::check::{self, forward_over_reverse, reverse_over_reverse};
use tress_autograd::{Dual, Eager, Outline, Reduce, Stacked, Tape, Value, Var};
use tress_nn::loss::*;
use tress_tensor::{Element, Float, Shape, Tensor};

/// The files, and how many cases there are in each; in the second, classes lie along axis 1.
const FILES: [(&str, usize); 2] = [("more_losses", 36), ("image_losses", 5)];

/// A loss of a fixture as a program of its operands.
struct Case<'f> {
    file: &'f str,
    all: &'f Fixture,
    name: &'f str,
    weighted: bool,
}

impl Case<'_> {
    fn constant<V: Value>(&self, like: &V, part: &str) -> V {
        like.lift(self.all.tensor(&format!("{}.{part}", self.name)))
    }

    fn labels(&self) -> Labels {
        let part = |part: &str| format!("{}.{part}", self.name);
        match self.all.has(&part("labels")) {
            true => Labels::new(self.all.labels(&part("labels")), 3).unwrap(),
            false => Labels::with_ignored(self.all.labels(&part("ignored")), 3, 7).unwrap(),
        }
    }

    fn loss<V: Value>(&self, xs: &[V], over: &Over<V>) -> V {
        let x = &xs[0];
        let target = || self.constant(x, "target");
        let together = || [xs[1].clone(), self.constant(x, "together")];
        let three = &[0.5, 1.0, 2.0];
        let entropy = CrossEntropy::new;
        let (focal, labels) = (|gamma| Focal::new(gamma).unwrap(), || self.labels());
        if self.file == "image_losses" {
            return match self.name {
                "entropy" => entropy().along(1).over(x, &labels(), over),
                "entropy_ignore_weight_smooth" => {
                    let entropy = entropy().weights(three).unwrap().smoothing(0.1).unwrap();
                    entropy.along(1).over(x, &labels(), over)
                }
                "entropy_soft_weight_smooth" => {
                    let entropy = entropy().weights(three).unwrap().smoothing(0.2).unwrap();
                    entropy.along(1).over(x, &target(), over)
                }
                "focal_classes" => focal(2.0).along(1).over(x, &labels(), over),
                "focal_classes_weight" => {
                    focal(0.5).weights(three).unwrap().along(1).over(x, &labels(), over)
                }
                other => panic!("a loss that is not known: {other}"),
            };
        }
        match self.name {
            "mse" => Mse.over(x, &target(), over),
            "mae" => Mae.over(x, &target(), over),
            "huber" => Huber::new(0.75).unwrap().over(x, &target(), over),
            "log_cosh" => LogCosh.over(x, &target(), over),
            "entropy" | "entropy_ignore" => entropy().over(x, &self.labels(), over),
            "entropy_weight_smooth" => {
                entropy().weights(three).unwrap().smoothing(0.2).unwrap().over(x, &self.labels(), over)
            }
            "entropy_ignore_weight_smooth" => {
                entropy().weights(three).unwrap().smoothing(0.1).unwrap().over(x, &self.labels(), over)
            }
            "entropy_soft" => entropy().over(x, &target(), over),
            "entropy_soft_weight_smooth" => {
                entropy().weights(three).unwrap().smoothing(0.2).unwrap().over(x, &target(), over)
            }
            "binary" => BinaryCrossEntropy::new().over(x, &target(), over),
            "binary_positive" => BinaryCrossEntropy::new().positive(three).unwrap().over(x, &target(), over),
            "focal" => Focal::new(2.0).unwrap().over(x, &target(), over),
            "focal_alpha" => Focal::new(1.5).unwrap().alpha(0.25).unwrap().over(x, &target(), over),
            "focal_classes" => Focal::new(2.0).unwrap().over(x, &self.labels(), over),
            "focal_classes_weight" => {
                Focal::new(0.5).unwrap().weights(three).unwrap().over(x, &self.labels(), over)
            }
            "hinge" => Hinge::new().over(x, &target(), over),
            "hinge_squared" => Hinge::new().margin(0.5).unwrap().squared().over(x, &target(), over),
            "hinge_classes" => Hinge::new().over(x, &self.labels(), over),
            "hinge_classes_squared" => {
                Hinge::new().margin(0.5).unwrap().squared().over(x, &self.labels(), over)
            }
            "kl" => Kl::new().over(x, &target(), over),
            "kl_logarithms" => Kl::of_logarithms().over(x, &xs[1], over),
            "poisson" => Poisson::new().over(x, &target(), over),
            "poisson_whole" => Poisson::new().whole().over(x, &target(), over),
            "poisson_rates" => Poisson::of_rates().over(x, &target(), over),
            "gaussian" => Gaussian::new().over(x, &[xs[1].clone(), xs[2].clone()], over),
            "gaussian_whole" => Gaussian::new().whole().over(x, &[xs[1].clone(), xs[2].clone()], over),
            "cosine" => Cosine::new().over(x, &together(), over),
            "cosine_margin" => Cosine::new().margin(0.25).unwrap().over(x, &together(), over),
            "contrastive" => Contrastive::new(3.0).unwrap().over(x, &together(), over),
            "triplet" => Triplet::new(1.0).unwrap().over(x, &[xs[1].clone(), xs[2].clone()], over),
            "triplet_swap" => {
                Triplet::new(2.0).unwrap().swap().over(x, &[xs[1].clone(), xs[2].clone()], over)
            }
            "iou" => Iou::new().over(x, &xs[1], over),
            "iou_generalised" => Iou::generalised().over(x, &xs[1], over),
            "dice" => Dice::new().over(x, &target(), over),
            "dice_squared" => Dice::new().smoothing(0.5).unwrap().squared().over(x, &target(), over),
            other => panic!("a loss that is not known: {other}"),
        }
    }

    fn over<V: Value>(&self, like: &V) -> Over<V> {
        match self.weighted {
            true => {
                let constant = |name| like.lift(self.all.tensor(name));
                Over::mean().weights(&constant("all.weights")).mask(&constant("all.mask"))
            }
            false => Over::mean(),
        }
    }

    /// The operands that gradients are asked of, and another block for each.
    fn blocks<T: Element>(&self, prefix: &str) -> Vec<Tensor<T>> {
        let names = (0..3).map(|k| format!("{}.{prefix}{k}", self.name));
        names.filter(|name| self.all.has(name)).map(|name| self.all.tensor(&name)).collect()
    }
}

impl check::Program for Case<'_> {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        self.loss(xs, &self.over(&xs[0]))
    }
}

fn each_case(mut test: impl FnMut(Case<'_>)) {
    for (file, count) in FILES {
        let all = &Fixture::read(file);
        let names: Vec<&str> = all.cases().into_iter().filter(|&name| name != "all").collect();
        assert_eq!(names.len(), count, "{file}");
        for name in names {
            test(Case { file, all, name, weighted: false });
        }
    }
}

fn compare<T: Float>(tolerance: f64) {
    each_case(|case| {
        let Case { name, all, .. } = case;
        let expected = |part: &str| all.tensor::<f64>(&format!("{name}.{part}"));
        let tape = Tape::new();
        let leaves: Vec<Var<'_, Eager<T>>> =
            case.blocks("x").into_iter().map(|x| tape.leaf(Eager::new(x))).collect();
        let each = case.loss(&leaves, &Over::each());
        assert_near(&format!("{name}.each"), &each.tensor().unwrap(), &expected("each"), tolerance);
        let sum: f64 = expected("each").to_vec().iter().sum();
        let found = case.loss(&leaves, &Over::sum()).item().unwrap().to_f64();
        assert!((found - sum).abs() <= 4.0 * tolerance * sum.abs().max(1.0), "{name}: {found}, sum {sum}");

        let value = case.loss(&leaves, &Over::mean());
        assert_near(&format!("{name}.value"), &value.tensor().unwrap(), &expected("value"), tolerance);
        for (k, gradient) in value.gradients(&leaves).unwrap().iter().enumerate() {
            let what = format!("grad{k}");
            assert_near(&format!("{name}.{what}"), gradient.tensor().unwrap(), &expected(&what), tolerance);
        }

        let case = Case { weighted: true, ..case };
        let value = case.loss(&leaves, &case.over(&leaves[0]));
        assert_near(&format!("{name}.weighted"), &value.tensor().unwrap(), &expected("weighted"), tolerance);
        let gradient = &value.gradients(&leaves[..1]).unwrap()[0];
        let what = format!("{name}.wgrad0");
        assert_near(&what, gradient.tensor().unwrap(), &expected("wgrad0"), tolerance);
    });
}

#[test]
fn boxes_that_are_turned_over_are_no_match() {
    // A unit box, and one whose corners enclose as much the wrong way round: a product of two negative sides is no area.
    let target = Tensor::new([3, 4], &[[0.0f64, 0.0, 1.0, 1.0]; 3].concat()).unwrap();
    let turned = [[2.0, 2.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [0.7, 0.1, 0.2, 0.9]].concat();
    for (loss, draws) in [(Iou::new(), false), (Iou::generalised(), true)] {
        let mut boxes = Tensor::new([3, 4], &turned).unwrap();
        for step in 0..400 {
            let tape = Tape::new();
            let x = tape.var(boxes.clone());
            let losses = loss.over(&x, &x.lift(target.clone()), &Over::each());
            if step == 0 {
                let numbers = losses.tensor().unwrap().to_vec();
                assert!(numbers.iter().all(|&loss| loss >= 1.0), "{numbers:?}");
            }
            let slope = losses.sum_all().gradients(&[x]).unwrap();
            let slope = slope[0].tensor().unwrap().clone();
            boxes.make_mut().iter_mut().zip(slope.to_vec()).for_each(|(x, g)| *x -= 0.01 * g);
        }
        let last = loss.over(&Eager::new(boxes), &Eager::new(target.clone()), &Over::each());
        let last = last.tensor().unwrap().to_vec();
        assert_eq!(last[0] < 1.0, draws, "a box beside is drawn in, turned round and all: {last:?}");
    }
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    compare::<f64>(1e-10);
    compare::<f32>(2e-5);
}

#[test]
fn products_with_the_hessian_are_those_of_pytorch() {
    each_case(|case| {
        let (xs, vs, expected) = (case.blocks("x"), case.blocks("v"), case.blocks::<f64>("hv"));
        for product in [forward_over_reverse, reverse_over_reverse] {
            let hv = product(&case, &xs, &vs, &Tensor::scalar(1.0)).unwrap();
            for (k, expected) in expected.iter().enumerate() {
                let what = format!("{}.hv{k}", case.name);
                assert_near(&what, hv[k].tensor().unwrap(), expected, 1e-10);
            }
        }
    });
}

#[test]
fn every_kind_of_value_gives_the_same_losses() {
    each_case(|case| {
        let case = Case { weighted: true, ..case };
        let xs: Vec<Eager<f64>> = case.blocks("x").into_iter().map(Eager::new).collect();
        let directions: Vec<Eager<f64>> = case.blocks("v").into_iter().map(Eager::new).collect();
        let loss = |xs: &[Eager<f64>]| case.loss(xs, &case.over(&xs[0])).item().unwrap();
        let plain = loss(&xs);

        let moving: Vec<_> =
            xs.iter().zip(&directions).map(|(x, v)| Dual::new(x.clone(), v.clone())).collect();
        let dual = case.loss(&moving, &case.over(&moving[0]));
        assert_eq!(dual.primal.item().unwrap(), plain, "{}", case.name);

        let outlines: Vec<_> = xs.iter().map(|x| Outline::<f64>::new(x.shape())).collect();
        let outline = case.loss(&outlines, &case.over(&outlines[0])).inferred().unwrap();
        assert_eq!(outline, Shape::SCALAR, "{}", case.name);

        // Two samples at once: the first as it is, the second moved a little.
        let moved: Vec<Eager<f64>> = xs
            .iter()
            .zip(&directions)
            .map(|(x, v)| {
                let sum: Vec<f64> = x
                    .tensor()
                    .unwrap()
                    .to_vec()
                    .iter()
                    .zip(v.tensor().unwrap().to_vec())
                    .map(|(x, v)| x + 1e-3 * v)
                    .collect();
                Eager::new(Tensor::new(x.shape(), &sum).unwrap())
            })
            .collect();
        let stacks: Vec<_> =
            xs.iter().zip(&moved).map(|(a, b)| Stacked::from_rows(a, std::slice::from_ref(b))).collect();
        let both = case.loss(&stacks, &case.over(&stacks[0])).each(2);
        assert_eq!(both.tensor().unwrap().to_vec(), [plain, loss(&moved)], "{}", case.name);
    });
}

#[test]
fn nothing_that_counts_is_zero_with_zero_gradients_whatever_stands_there() {
    each_case(|case| {
        let tape = Tape::new();
        let hostile = |x: &Tensor<f64>| Tensor::full(*x.shape(), f64::NAN).unwrap();
        let leaves: Vec<_> = case.blocks("x").iter().map(|x| tape.var(hostile(x))).collect();
        let none = leaves[0].lift(Tensor::zeros([5]).unwrap());
        for over in [Over::mean().mask(&none), Over::sum().mask(&none)] {
            let loss = case.loss(&leaves, &over);
            assert_eq!(loss.item().unwrap(), 0.0, "{}", case.name);
            for gradient in loss.gradients(&leaves).unwrap() {
                let numbers = gradient.tensor().unwrap().to_vec();
                assert!(numbers.iter().all(|&g| g == 0.0), "{}: {numbers:?}", case.name);
            }
        }
        let weights = leaves[0].lift(Tensor::zeros([5]).unwrap());
        let fresh: Vec<_> = case.blocks("x").into_iter().map(|x| tape.var(x)).collect();
        let loss = case.loss(&fresh, &Over::mean().weights(&weights));
        assert_eq!(loss.item().unwrap(), 0.0, "{}: no weight at all", case.name);
    });
}

#[test]
fn what_is_masked_has_no_influence_on_the_rest() {
    each_case(|case| {
        // Rows 1 and 4 are masked, and hold infinities.
        let spoilt: Vec<Eager<f64>> = case
            .blocks("x")
            .iter()
            .map(|x: &Tensor<f64>| {
                let numbers = x.to_vec();
                let row = numbers.len() / 5;
                let spoil = |(i, &x): (usize, &f64)| if matches!(i / row, 1 | 4) { f64::INFINITY } else { x };
                Eager::new(
                    Tensor::new(*x.shape(), &numbers.iter().enumerate().map(spoil).collect::<Vec<_>>())
                        .unwrap(),
                )
            })
            .collect();
        let mask = spoilt[0].lift(case.all.tensor("all.mask"));
        let weights = spoilt[0].lift(case.all.tensor("all.weights"));
        let loss = case.loss(&spoilt, &Over::mean().weights(&weights).mask(&mask)).item().unwrap();
        let expected = case.all.number(&format!("{}.weighted", case.name));
        assert!((loss - expected).abs() <= 1e-10 * expected.abs().max(1.0), "{}: {loss}", case.name);
        let each = case.loss(&spoilt, &Over::each().mask(&mask));
        let numbers = each.tensor().unwrap().to_vec();
        assert!(numbers.iter().all(|x| x.is_finite()), "{}: {numbers:?}", case.name);
    });
}

#[test]
fn gradients_flow_into_weights() {
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[1.0f64, 3.0]));
    let weights = tape.var(Tensor::vector(&[1.0, 3.0]));
    let loss = Mse.over(&x, &x.constant_zero(), &Over::mean().weights(&weights));
    // (w0 + 9 w1) / (w0 + w1) = 7; its derivatives are (1 - 7) / 4 and (9 - 7) / 4.
    assert_eq!(loss.item().unwrap(), 7.0);
    assert_eq!(loss.gradients(&[weights]).unwrap()[0].tensor().unwrap().to_vec(), [-1.5, 0.5]);
}

trait ConstantZero {
    fn constant_zero(&self) -> Self;
}

impl<V: Value> ConstantZero for V {
    fn constant_zero(&self) -> Self {
        self.lift(Tensor::zeros(self.shape()).unwrap())
    }
}

#[test]
fn extreme_numbers_stay_finite() {
    let tape = Tape::new();
    let large = [1e4f32, -1e4, 80.0, -80.0, 0.0];
    let x = tape.var(Tensor::new([5, 1], &large).unwrap());
    for sign in [1.0, -1.0] {
        let target = x.lift(Tensor::full([5, 1], sign).unwrap());
        let yes = x.lift(Tensor::full([5, 1], (sign + 1.0) / 2.0).unwrap());
        let losses = [
            LogCosh.loss(&x, &target),
            BinaryCrossEntropy::new().positive(&[3.0]).unwrap().loss(&x, &yes),
            Focal::new(0.5).unwrap().loss(&x, &yes),
            Focal::new(0.0).unwrap().loss(&x, &yes),
            Cosine::new().loss(&x.constant_zero(), &[x, target.sum(&[1])]),
            Contrastive::new(1.0).unwrap().loss(&x, &[x, yes.sum(&[1])]),
            Triplet::new(1.0).unwrap().loss(&x, &[x, x]),
        ];
        for (i, loss) in losses.iter().enumerate() {
            assert!(loss.item().unwrap().is_finite(), "{i}: {:?}", loss.item());
            let gradient = loss.gradients(&[x]).unwrap()[0].tensor().unwrap().to_vec();
            assert!(gradient.iter().all(|g| g.is_finite()), "{i}: {gradient:?}");
        }
    }
    // Certain to all digits, and an exponent whose power has an infinite slope at 0.
    let sure = tape.var(Tensor::new([2, 2], &[100.0f32, -100.0, -100.0, 100.0]).unwrap());
    for labels in [[0, 1], [1, 0]] {
        let loss = Focal::new(0.5).unwrap().loss(&sure, &Labels::new(labels, 2).unwrap());
        assert!(loss.item().unwrap().is_finite());
        let gradient = loss.gradients(&[sure]).unwrap()[0].tensor().unwrap().to_vec();
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }
}

#[test]
fn small_distances_keep_their_digits() {
    for d in [1e-3f32, -3e-4, 0.02] {
        let x = Eager::new(Tensor::scalar(d));
        let loss = LogCosh.loss(&x, &x.constant_zero()).item().unwrap() as f64;
        let exact = (d as f64).powi(2) / 2.0 - (d as f64).powi(4) / 12.0;
        assert!((loss / exact - 1.0).abs() < 1e-6, "{d}: {loss} for {exact}");
    }
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    assert!(Huber::new(-1.0).is_err() && Huber::new(f64::NAN).is_err());
    assert!(Focal::new(-0.5).is_err() && Focal::new(2.0).unwrap().alpha(1.5).is_err());
    assert!(BinaryCrossEntropy::new().positive(&[f64::INFINITY]).is_err());
    assert!(Hinge::new().margin(f64::NAN).is_err() && Gaussian::new().floor(-1.0).is_err());
    assert!(Cosine::new().margin(2.0).is_err() && Contrastive::new(-1.0).is_err());
    assert!(Triplet::new(f64::INFINITY).is_err() && Dice::new().smoothing(0.0).is_err());

    let x = Eager::new(Tensor::<f32>::zeros([2, 3]).unwrap());
    let labels = Labels::new([0, 1], 3).unwrap();
    let wrong = [
        Focal::new(1.0).unwrap().alpha(0.5).unwrap().loss(&x, &labels),
        Focal::new(1.0).unwrap().weights(&[1.0; 3]).unwrap().loss(&x, &x),
        BinaryCrossEntropy::new().positive(&[1.0; 2]).unwrap().loss(&x, &x),
        CrossEntropy::new().weights(&[1.0; 2]).unwrap().loss(&x, &x),
        Iou::new().loss(&x, &x),
        Cosine::new().loss(&x, &[x.clone(), x.clone()]),
        Dice::new().loss(&x.sum(&[0]), &x.sum(&[0])),
        Kl::new().loss(&x.sum_all(), &x.sum_all()),
    ];
    for (i, loss) in wrong.iter().enumerate() {
        assert!(loss.item().is_err(), "{i}");
    }
}

#[test]
fn ignored_labels_are_named_only_where_they_count() {
    let labels = Labels::with_ignored([1, 255, 0], 2, 255).unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), [Some(1), None, Some(0)]);
    assert!(Labels::with_ignored([1, 254], 2, 255).is_err());
    assert!(Labels::with_ignored([255], 0, 255).is_err());
    let all = Labels::with_ignored([9, 9], 2, 9).unwrap();
    let x = Eager::new(Tensor::<f32>::zeros([2, 2]).unwrap());
    assert_eq!(cross_entropy(&x, &all).item().unwrap(), 0.0);
}

#[test]
fn classes_along_an_axis_that_does_not_fit_are_refused() {
    let x = Eager::new(Tensor::<f32>::zeros([2, 3, 4, 5]).unwrap());
    let labels = |count: usize, classes| Labels::new(vec![0; count], classes).unwrap();
    let loss = |axis, labels: &Labels| CrossEntropy::new().along(axis).loss(&x, labels).item();
    assert!(loss(1, &labels(40, 3)).is_ok() && loss(3, &labels(24, 5)).is_ok());
    for (axis, labels) in [(1, labels(40, 5)), (1, labels(24, 3)), (4, labels(40, 3)), (0, labels(60, 3))] {
        let error = loss(axis, &labels).unwrap_err().to_string();
        assert!(error.starts_with("cross_entropy"), "{error}");
    }
    assert!(CrossEntropy::new().along(4).loss(&x, &x).item().is_err());
    assert!(Along::new(Kl::new(), 1).loss(&x, &x).item().is_ok(), "any loss of rows");
}
