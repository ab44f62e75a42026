//! All architectures: shapes without work, derivatives, what is shared, one sweep for K tasks, memory of a start.

use crate::common::{Visit, all, numbers};
use tress_autograd::check::{self, Program};
use tress_autograd::{Arrange, Eager, Outline, Pointwise, Reduce, Tape, Value, Var};
use tress_mtl::architecture::{Architecture, penalise};
use tress_mtl::balance::{Equal, Mgda};
use tress_mtl::{sharing, sweep};
use tress_nn::{Bound, Gradient, Params};
use tress_tensor::Tensor;

/// A loss for each task that looks at every number of its features.
fn losses<V: Value>(architecture: &impl Architecture, bound: &Bound<V>, x: &V) -> (Vec<V>, Option<V>) {
    let features = architecture.features(bound, x);
    let loss = |(k, f): (usize, &V)| {
        let slope: Tensor<V::Elem> = numbers(&f.shape());
        (f.clone() * f.lift(slope)).offset(0.2 * k as f64).square().mean_all()
    };
    (features.tasks().iter().enumerate().map(loss).collect(), features.penalty().cloned())
}

struct Shapes;

impl Visit<f32> for Shapes {
    fn visit<A: Architecture>(&mut self, name: &str, params: &mut Params, architecture: &A, x: Tensor) {
        let outline = architecture.features(&params.outline(), &Outline::new(*x.shape()));
        let eager = architecture.features(&params.eager(), &Eager::new(x.clone()));
        assert_eq!(outline.tasks().len(), architecture.tasks(), "{name}");
        for (outline, eager) in outline.tasks().iter().zip(eager.tasks()) {
            let found = *eager.tensor().unwrap_or_else(|e| panic!("{name}: {e}")).shape();
            assert_eq!(outline.inferred().unwrap(), found, "{name}");
            assert_eq!(found[0], x.shape()[0], "{name}: one row a sample");
        }
        assert_eq!(outline.gates().len(), eager.gates().len());
        assert_eq!(outline.penalty().is_some(), eager.penalty().is_some());
        if let Some(penalty) = eager.penalty() {
            assert!(penalty.item().unwrap() > 0.0, "{name}");
        }
        // What does not fit is a mistake with a line of this file or of the architecture, and no panic.
        for wrong in [vec![], vec![4], vec![4, 9], vec![4, 3, 3], vec![2, 9, 4, 4], vec![0, 0]] {
            let wrong = architecture
                .features(&params.outline(), &Outline::new(tress_tensor::Shape::new(&wrong).unwrap()));
            assert!(wrong.tasks().iter().all(|f| f.inferred().is_err()), "{name}");
        }
    }
}

#[test]
fn shapes_are_inferred_before_any_work() {
    all(&mut Shapes);
}

/// The sum of all losses and the penalty, as a function of the input and all parameters.
struct Whole<'a, A> {
    architecture: &'a A,
    params: &'a Params<f64>,
}

impl<A: Architecture> Program for Whole<'_, A> {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let mut next = 0;
        let bound = self.params.eager().map(|_, _| {
            next += 1;
            xs[next].clone()
        });
        let (losses, penalty) = losses(self.architecture, &bound.training(3), &xs[0]);
        let sum = losses.into_iter().enumerate().map(|(k, loss)| loss.scale(1.0 + k as f64));
        sum.chain(penalty).reduce(|a, b| a + b).unwrap()
    }
}

struct Derivatives;

impl Visit<f64> for Derivatives {
    fn visit<A: Architecture>(
        &mut self,
        name: &str,
        params: &mut Params<f64>,
        architecture: &A,
        x: Tensor<f64>,
    ) {
        let parameters = params.entries().map(|entry| params.tensor(entry.name()).unwrap());
        let xs: Vec<_> = [x].into_iter().chain(parameters).collect();
        let program = Whole { architecture, params };
        check::second_order(&program, &xs, 1).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

#[test]
fn derivatives_agree_with_differences_to_second_order() {
    all(&mut Derivatives);
}

struct Sharing;

impl Visit<f64> for Sharing {
    fn visit<A: Architecture>(
        &mut self,
        name: &str,
        params: &mut Params<f64>,
        architecture: &A,
        x: Tensor<f64>,
    ) {
        let tape = Tape::new();
        let bound = params.on(&tape).training(3);
        let (losses, penalty) = losses(architecture, &bound, &tape.var(x));
        let tasks_of = sharing::tasks_of(&losses, &bound, params).unwrap();
        let cut = sharing::cut(&losses, &bound).unwrap();

        // A parameter has a gradient from the tasks that are said to learn it, and from no other.
        let alone: Vec<Vec<f64>> =
            losses.iter().map(|loss| loss.gradient(&bound).unwrap().to_vec()).collect();
        for (entry, (named, tasks)) in params.entries().zip(&tasks_of) {
            assert_eq!(entry.name(), named);
            for (task, gradient) in alone.iter().enumerate() {
                let moves = gradient[entry.range()].iter().any(|g| *g != 0.0);
                assert_eq!(moves, tasks.contains(&task), "{name}: {named} and task {task}");
            }
        }

        // Shared is what two or more tasks learn, and what the sweep takes for shared.
        let shared: Vec<&str> =
            tasks_of.iter().filter(|(_, tasks)| tasks.len() > 1).map(|(name, _)| name.as_str()).collect();
        let found = sweep::shared_names(&losses, &cut, &bound, params).unwrap();
        assert_eq!(found, shared, "{name}");
        assert_eq!(shared.is_empty(), name == "soft", "{name}");

        // The sum of the losses, by way of the cut and without.
        let near = |found: &[f64], expected: &[f64], what: &str| {
            let size = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-14 * (1.0 + size), "{name}: {what}: {a} and {b}");
            }
        };
        let sum: Vec<f64> = (0..params.len()).map(|p| alone.iter().map(|g| g[p]).sum()).collect();
        let step = sweep::balanced(&losses, &cut, &bound, params, &mut Equal::sum()).unwrap();
        near(&step.gradient.to_vec(), &sum, "sum");

        // K cotangents in one sweep have the bits of K sweeps, and are the plain gradients.
        let together = sweep::shared_jacobian(&losses, &cut, &bound, params).unwrap();
        for (k, loss) in losses.iter().enumerate() {
            let one = sweep::shared_jacobian(&[*loss], &cut, &bound, params).unwrap();
            let row = together.at(0, k).unwrap().to_vec();
            assert_eq!(row, one.to_vec(), "{name}: row {k}");
            for (entry, (_, tasks)) in
                params.entries().zip(&tasks_of).filter(|(_, (_, tasks))| tasks.len() > 1)
            {
                let _ = tasks;
                near(&row[entry.range()], &alone[k][entry.range()], entry.name());
            }
        }

        // A method that looks at the Gramian makes no task worse along what is shared.
        let step = sweep::balanced(&losses, &cut, &bound, params, &mut Mgda::new()).unwrap();
        let direction = step.gradient.to_vec();
        let trace = step.gramian.as_ref().unwrap().trace();
        for k in 0..losses.len() {
            let row = together.at(0, k).unwrap().to_vec();
            let along: f64 = row.iter().zip(&direction).map(|(a, b)| a * b).sum();
            assert!(along >= -1e-12 * trace, "{name}: task {k} gets worse by {along}");
        }

        // A penalty is added afterwards, and is no task.
        if let Some(penalty) = penalty {
            let mut gradient = step.gradient.clone();
            let value = penalise(&mut gradient, &penalty, &bound).unwrap();
            assert_eq!(value, penalty.item().unwrap());
            let own = penalty.gradient(&bound).unwrap().to_vec();
            let expected: Vec<f64> = direction.iter().zip(&own).map(|(a, b)| a + b).collect();
            assert_eq!(gradient.to_vec(), expected, "{name}");
            assert!(own.iter().any(|g| *g != 0.0));
        }
    }
}

#[test]
fn what_is_shared_is_read_off_the_tape_and_swept_once() {
    all(&mut Sharing);
}

#[test]
fn the_cut_is_where_heads_gates_and_attention_begin() {
    struct Count(Vec<(String, usize)>);
    impl Visit<f32> for Count {
        fn visit<A: Architecture>(&mut self, name: &str, params: &mut Params, architecture: &A, x: Tensor) {
            let tape = Tape::new();
            let bound = params.on(&tape).training(3);
            let (losses, _) = losses(architecture, &bound, &tape.var(x));
            self.0.push((name.into(), sharing::cut(&losses, &bound).unwrap().len()));
        }
    }
    let mut count = Count(Vec::new());
    all(&mut count);
    let expected = [
        ("hard", 1),
        ("soft", 0),
        ("cross-stitch", 3),             // the last outputs of three columns
        ("cross-stitch of pictures", 2), // of two
        ("mmoe", 1),                     // the stack of experts
        ("cgc", 1),                      // the stack of shared experts
        ("mtan", 4),                     // u and p of two blocks
        ("hierarchy", 3),                // the trunk, and the two tasks that feed others
    ];
    for (name, entries) in expected {
        assert!(count.0.contains(&(name.into(), entries)), "{name}: {entries} in {:?}", count.0);
    }
}

#[test]
fn a_loss_may_look_at_parameters_and_at_other_losses() {
    // f = w x; the second loss contains the first, and a penalty on w of its own.
    let mut params = Params::<f64>::new(1);
    params.scope("w").parameter("value", [1, 1], tress_nn::Init::Constant(0.7)).unwrap();
    params.scope("v").parameter("value", [1, 1], tress_nn::Init::Constant(0.5)).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let [w, v]: [Var<'_, Eager<f64>>; 2] = bound.values().copied().collect::<Vec<_>>().try_into().unwrap();
    let x = tape.var(Tensor::new([1, 1], &[1.5]).unwrap());
    let first = (w * x).square().sum_all();
    let second = first + (v * x).sum_all() + w.square().sum_all();
    let cut = sharing::cut(&[first, second], &bound).unwrap();
    assert_eq!(sweep::shared_names(&[first, second], &cut, &bound, &params).unwrap(), ["w.value"]);
    let jacobian = sweep::shared_jacobian(&[first, second], &cut, &bound, &params).unwrap();
    let slope = 2.0 * 0.7 * 1.5 * 1.5;
    for (found, expected) in jacobian.to_vec().iter().zip([slope, 0.0, slope + 1.4, 0.0]) {
        assert!((found - expected).abs() < 1e-15, "{found} and {expected}");
    }
    // A loss that only shared entries look at is where its own sweep begins and ends.
    let between = first.square();
    let losses = [first, between + (v * x).sum_all(), between.scale(2.0)];
    let ends = sharing::cut(&losses, &bound).unwrap();
    let jacobian = sweep::shared_jacobian(&losses, &ends, &bound, &params).unwrap();
    let value = first.item().unwrap();
    let expected = [slope, 0.0, 2.0 * value * slope, 0.0, 4.0 * value * slope, 0.0];
    for (found, expected) in jacobian.to_vec().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-14, "{found} and {expected}");
    }
    // The input leads to no parameter, and is not among the entries.
    assert!(cut.iter().all(|entry| entry.index() != x.index()));
    assert!(sharing::cut::<f64>(&[], &bound).is_err());
    let other = Tape::new();
    assert!(sharing::cut(&[first, other.var(Tensor::scalar(1.0))], &bound).is_err());
    assert_eq!(x.reshape([1]).shape().rank(), 1);
}
