//! L-BFGS in the training loop: an optimiser that looks at the loss of a step in several places.

use crate::training::{Product, product};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tress_autograd::{Eager, Pointwise, Reduce, Tape, Value};
use tress_nn::data::{Batches, Dataset};
use tress_nn::optim::{Clip, Lbfgs, Rules};
use tress_nn::train::{OnTape, Problem, Step, TapeLoss, Trainer};
use tress_nn::{Dense, Error, Gradient, Labels, Layer, Mode, Optimiser, Params, cross_entropy};
use tress_tensor::Tensor;

/// Logistic regression with a little decay, which has one optimum.
struct Regression {
    layer: Dense,
    data: Dataset<f64>,
    size: usize,
}

fn regression(size: usize) -> (Params<f64>, Regression) {
    let mut params = Params::new(2);
    let layer = Dense::new(&mut params.scope("layer"), 3, 3).unwrap();
    let x = Tensor::from_fn([30, 3], |i| ((i[0] * 7 + i[1] * 5) as f64 * 0.61).sin()).unwrap();
    let labels = Labels::new((0..30u32).map(|i| (i * i + i / 4) % 3), 3).unwrap();
    let data = Dataset::new().numbers("x", x).unwrap().labels("y", labels).unwrap();
    (params, Regression { layer, data, size })
}

impl Regression {
    fn loss_of<V: Value<Elem = f64>>(&self, bound: &tress_nn::Bound<V>, x: &V, labels: &Labels) -> V {
        let decay = bound[self.layer.weight()].square().sum_all().scale(0.05);
        cross_entropy(&self.layer.apply(bound, x), labels) + decay
    }
}

impl Problem<f64> for Regression {
    type Batch = Dataset<f64>;

    fn order(&self, _: u64) -> Result<Batches, Error> {
        Batches::new(self.data.len(), self.size)
    }

    fn batch(&self, _: u64, rows: &[usize]) -> Result<Dataset<f64>, Error> {
        self.data.rows(rows)
    }

    fn loss<'t>(
        &self,
        tape: &'t Tape<Eager<f64>>,
        bound: &OnTape<'t, f64>,
        batch: &Dataset<f64>,
        _: &mut Step<'_>,
    ) -> TapeLoss<'t, f64> {
        Ok(self.loss_of(bound, &tape.var(batch.tensor("x")?.clone()), batch.labels_of("y")?))
    }
}

fn search() -> Lbfgs<f64> {
    Lbfgs::new().iterations(4).tolerances(1e-9, 1e-15)
}

#[test]
fn a_run_is_the_optimiser_by_hand_and_ends_in_the_optimum() {
    let (mut params, problem) = regression(30);
    let mut run = Trainer::new(params.clone(), search(), 12, 1);
    run.run(&problem, &mut []).unwrap();

    let mut by_hand = search();
    let all = |params: &Params<f64>| {
        let tape = Tape::new();
        let bound = params.on(&tape);
        let (x, labels) = (tape.var(problem.data.tensor("x")?.clone()), problem.data.labels_of("y")?);
        Ok::<_, Error>(problem.loss_of(&bound, &x, labels).value_and_gradient(&bound)?)
    };
    for _ in 0..12 {
        by_hand.step(&mut params, all).unwrap();
    }
    assert_eq!(run.params.block(), params.block(), "bit for bit");
    assert_eq!(run.optimiser.evaluations(), by_hand.evaluations());
    let (_, slope) = all(&run.params).unwrap();
    assert!(slope.to_vec().iter().all(|g| g.abs() < 1e-6), "no way leads down from here: {slope:?}");

    // The same function in batches of 12, 12 and 6, which one step takes together.
    let (params, parts) = regression(12);
    let mut other = Trainer::new(params, search(), 12, 1).accumulate(3);
    other.run(&parts, &mut []).unwrap();
    assert_eq!(other.steps(), 12);
    let near = |(a, b): (f64, &f64)| (a - b).abs() < 1e-6;
    assert!(other.params.block().to_vec().into_iter().zip(&run.params.block().to_vec()).all(near));
}

#[test]
fn every_look_of_a_step_sees_the_same_noise_and_the_run_goes_on_to_the_same_bits() {
    // Dropout, noise from the stream of the run, and batch norm, whose statistics move once a step.
    let course = |epochs: &[u64]| {
        let (params, problem) = product(30, 0.05);
        let fresh = |epochs| Trainer::new(product(30, 0.05).0, Lbfgs::new().iterations(3), epochs, 7);
        let mut run = Trainer::new(params, Lbfgs::new().iterations(3), epochs[0], 7);
        run.run(&problem, &mut []).unwrap();
        for &more in &epochs[1..] {
            let stored = run.checkpoint(&[]);
            run = fresh(more);
            run.restore(&stored, &mut []).unwrap();
            run.run(&problem, &mut []).unwrap();
        }
        (run.params.block(), run.optimiser.evaluations())
    };
    let whole = course(&[6]);
    assert_eq!(course(&[1, 2, 6]), whole);
    assert!(whole.1 > 2 * 6 * 2, "several looks a step: {}", whole.1);

    let (params, inner) = product(30, 0.05);
    let problem = Looks { inner, seen: Mutex::default() };
    Trainer::new(params, Lbfgs::new().iterations(3), 3, 7).run(&problem, &mut []).unwrap();
    let mut seen = problem.seen.into_inner().unwrap();
    let all = seen.len();
    seen.dedup();
    assert!(all > 12 && seen.len() == 6, "one seed and one stream for each of six steps: {seen:?}");
    seen.sort_unstable_by_key(|look| look[1]);
    seen.dedup_by_key(|look| look[1]);
    assert_eq!(seen.len(), 6, "and another stream for each step");
}

/// Notes the seed of each look, that of its dropout, and what comes next in the stream of the run.
struct Looks {
    inner: Product,
    seen: Mutex<Vec<[u64; 2]>>,
}

impl Problem for Looks {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        self.inner.order(epoch)
    }

    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.inner.batch(epoch, rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, step: &mut Step) -> TapeLoss<'t> {
        let next = step.random.clone().uniform().to_bits();
        assert_eq!(bound.mode(), Mode::Training { seed: step.seed });
        self.seen.lock().unwrap().push([step.seed, next]);
        self.inner.loss(tape, bound, batch, step)
    }
}

/// Whose loss cannot be had at one of the looks.
struct FailsAt {
    inner: Regression,
    look: AtomicU64,
}

impl Problem<f64> for FailsAt {
    type Batch = Dataset<f64>;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        self.inner.order(epoch)
    }

    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Dataset<f64>, Error> {
        self.inner.batch(epoch, rows)
    }

    fn loss<'t>(
        &self,
        tape: &'t Tape<Eager<f64>>,
        bound: &OnTape<'t, f64>,
        batch: &Dataset<f64>,
        step: &mut Step<'_>,
    ) -> TapeLoss<'t, f64> {
        match self.look.fetch_sub(1, Relaxed) {
            0 => Err(Error::NotFinite { what: "this test" }),
            _ => self.inner.loss(tape, bound, batch, step),
        }
    }
}

#[test]
fn a_look_that_fails_leaves_the_run_as_it_was() {
    let run_of = |look| {
        let (params, inner) = regression(30);
        let problem = FailsAt { inner, look: AtomicU64::new(look) };
        let mut run = Trainer::new(params, Lbfgs::new().iterations(3), 5, 1);
        let mut failed = 0;
        while run.run(&problem, &mut []).is_err() {
            failed += 1;
        }
        (failed, run.params.block(), run.optimiser.state())
    };
    let (none, whole, state) = run_of(u64::MAX);
    assert_eq!(none, 0);
    for look in 0..14 {
        assert_eq!(run_of(look), (1, whole.clone(), state.clone()), "look {look}");
    }
}

#[test]
fn groups_are_frozen_and_what_makes_no_sense_is_refused() {
    let (params, problem) = regression(30);
    let before = params.tensor("layer.bias").unwrap();
    let rules = Rules::new().freeze("**").train("layer.weight");
    let mut run = Trainer::new(params.clone(), Lbfgs::new().rules(rules), 2, 1);
    run.run(&problem, &mut []).unwrap();
    assert_eq!(run.params.tensor("layer.bias").unwrap(), before);
    assert_ne!(run.params.tensor("layer.weight").unwrap(), params.tensor("layer.weight").unwrap());

    let refused = |run: &mut Trainer<f64, Lbfgs<f64>>| run.run(&problem, &mut []).unwrap_err().to_string();
    let clipped = refused(&mut Trainer::new(params.clone(), Lbfgs::new(), 2, 1).clip(Clip::Norm(1.0)));
    assert!(clipped.contains("compares slopes of the loss"), "{clipped}");
    let paced = Lbfgs::new().rules(Rules::new().rate("layer", 0.1));
    let paced = refused(&mut Trainer::new(params.clone(), paced, 2, 1));
    assert!(paced.contains("frozen or trained"), "{paced}");
    let (mut alone, gradient) = (params.clone(), Tensor::zeros([params.len()]).unwrap());
    let error = Optimiser::step(&mut Lbfgs::new(), &mut alone, &gradient).unwrap_err().to_string();
    assert!(error.contains("`step_with`") && alone.block() == params.block(), "{error}");
}
