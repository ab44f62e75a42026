//! What the training loop does to gradients and parameters besides the step: clipping, averages, running means taken again;
//! and that a step that fails leaves nothing behind.

use crate::fixture::{Fixture, assert_near};
use crate::training::{Product, product};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tress_autograd::{Eager, Pointwise, Reduce, Tape};
use tress_nn::data::{Batches, Dataset};
use tress_nn::optim::{Average, Clip};
use tress_nn::train::{Callback, Flow, History, OnTape, Problem, Step, TapeLoss, Trainer};
use tress_nn::{Adam, BatchNorm, Dense, Error, Init, Layer, Params, Sequential, Sgd, Statistics};
use tress_tensor::{Tensor, pointwise::Map};

/// All parameters after each step.
struct Course(Vec<Vec<f32>>);

impl Callback for Course {
    fn name(&self) -> &str {
        "course"
    }

    fn after_step(&mut self, _: u64, _: f64, params: &Params) -> Result<Flow, Error> {
        self.0.push(params.block().to_vec());
        Ok(Flow::Go)
    }
}

#[test]
fn gradients_are_clipped_in_each_of_three_ways() {
    let moved = |clip: Option<Clip>| {
        let (params, problem) = product(60, 0.0);
        let before = params.block().to_vec();
        let mut run = Trainer::new(params.clone(), Sgd::new(1.0), 1, 7);
        run = match clip {
            Some(clip) => run.clip(clip),
            None => run,
        };
        run.run(&problem, &mut []).unwrap();
        let step: Vec<f64> =
            before.iter().zip(run.params.block().to_vec()).map(|(a, b)| f64::from(a - b)).collect();
        (step, params)
    };
    let (plain, params) = moved(None);
    let norm = |xs: &[f64]| xs.iter().map(|x| x * x).sum::<f64>().sqrt();
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let largest = plain.iter().fold(0.0f64, |most, x| most.max(x.abs()));

    let (by_value, _) = moved(Some(Clip::Value(largest / 3.0)));
    let held: Vec<f64> = plain.iter().map(|x| x.clamp(-largest / 3.0, largest / 3.0)).collect();
    assert!(near(&by_value, &held) && !near(&by_value, &plain));

    let (by_norm, _) = moved(Some(Clip::Norm(norm(&plain) / 2.0)));
    assert!(near(&by_norm, &plain.iter().map(|x| x / 2.0).collect::<Vec<_>>()));

    // The output layer has one unit: [16, 1].
    let (adaptive, _) = moved(Some(Clip::Adaptive(1e-3)));
    let entry = params.entry("output.weight").unwrap();
    let weights: Vec<f64> =
        params.tensor(entry.name()).unwrap().to_vec().into_iter().map(f64::from).collect();
    let ratio = norm(&adaptive[entry.range()]) / norm(&weights);
    assert!((ratio - 1e-3).abs() < 1e-5, "{ratio}");

    for clip in [Clip::Norm(0.0), Clip::Value(f64::NAN), Clip::Adaptive(-1.0)] {
        let (params, problem) = product(60, 0.0);
        let before = params.block();
        let mut run = Trainer::new(params, Sgd::new(1.0), 1, 7).clip(clip);
        let error = run.run(&problem, &mut []).unwrap_err().to_string();
        assert!(error.contains("must be above 0") && run.params.block() == before, "{error}");
    }
}

#[test]
fn averages_begin_late_and_take_every_so_many() {
    // Three batches an epoch, six epochs.
    let course = |average: fn(Trainer<f32, Sgd>) -> Trainer<f32, Sgd>| {
        let (params, problem) = product(20, 0.0);
        let mut run = average(Trainer::new(params, Sgd::new(0.2), 6, 7));
        let mut course = Course(Vec::new());
        run.run(&problem, &mut [&mut course]).unwrap();
        let average = run.averaged().unwrap();
        (course.0, average.updates(), average.block().map(Tensor::to_vec))
    };
    let mean = |course: &[Vec<f32>], steps: &[usize]| -> Vec<f64> {
        let of = |i: usize| {
            steps.iter().map(|&step| f64::from(course[step - 1][i])).sum::<f64>() / steps.len() as f64
        };
        (0..course[0].len()).map(of).collect()
    };
    let near = |found: Option<Vec<f32>>, wanted: Vec<f64>| {
        found.unwrap().iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6)
    };
    let (steps, updates, found) = course(|run| run.average_epochs(Average::equal(), 2, 2));
    assert!(updates == 3 && near(found, mean(&steps, &[6, 12, 18])), "after epochs 2, 4 and 6");
    let (steps, updates, found) = course(|run| run.average_steps(Average::equal(), 10, 4));
    assert!(updates == 3 && near(found, mean(&steps, &[10, 14, 18])));
    let (steps, updates, found) = course(|run| run.average(Average::equal()));
    assert!(updates == 18 && near(found, mean(&steps, &(1..=18).collect::<Vec<_>>())));
    let (_, updates, found) = course(|run| run.average_epochs(Average::equal(), 7, 1));
    assert_eq!((updates, found), (0, None));
}

#[test]
fn what_is_averaged_is_not_trained_on() {
    let (params, problem) = product(20, 0.0);
    let mut run = Trainer::new(params, Sgd::new(0.2), 2, 7).average_steps(Average::equal(), 1, 3);
    run.run(&problem, &mut [&mut Course(Vec::new())]).unwrap();
    run.take_average().unwrap();
    let stored = run.checkpoint(&[]);
    let mut longer = Trainer::new(product(20, 0.0).0, Sgd::new(0.2), 3, 7).average(Average::equal());
    longer.restore(&stored, &mut []).unwrap();
    let before = longer.params.block();
    let error = longer.run(&problem, &mut []).unwrap_err().to_string();
    assert!(error.contains("the average is in the place of the parameters"), "{error}");
    assert_eq!(longer.params.block(), before);
    longer.take_average().unwrap();
    longer.run(&problem, &mut []).unwrap();
}

/// One layer of batch norm, in front of which is a scale, so that statistics depend on a parameter.
struct Scaled {
    norm: BatchNorm,
    scale: tress_nn::Handle,
    data: Dataset,
}

impl Problem for Scaled {
    type Batch = Dataset;

    fn order(&self, _: u64) -> Result<Batches, Error> {
        Batches::new(self.data.len(), 4)
    }

    fn batch(&self, _: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.data.rows(rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, _: &mut Step) -> TapeLoss<'t> {
        let x = tape.var(batch.tensor("x")?.clone()) * bound[self.scale];
        // Twice, so that each batch renews its statistics twice.
        let y = self.norm.apply(bound, &self.norm.apply(bound, &x).scale(0.5));
        Ok(y.square().sum_all())
    }
}

#[test]
fn running_means_are_taken_again_with_the_averaged_parameters() {
    let mut params = Params::<f32>::new(1);
    let scale = params.root().parameter("scale", [2], Init::Constant(3.0)).unwrap();
    let norm = BatchNorm::new(&mut params.scope("norm"), 2).unwrap();
    let x = Tensor::from_fn([12, 2], |i| ((i[0] * 5 + i[1] * 3) % 7) as f32 - 1.5).unwrap();
    let problem = Scaled { norm, scale, data: Dataset::new().numbers("x", x.clone()).unwrap() };
    // What is there before, not a number even, leaves no trace.
    params.set("norm.running_mean", &Tensor::vector(&[f32::NAN, f32::INFINITY])).unwrap();
    let trained = params.tensor("scale").unwrap();
    let mut run = Trainer::new(params, Sgd::new(0.1), 1, 7);
    run.retake_statistics(&problem).unwrap();

    // By hand: over three batches of four, and in each the layer's input both times.
    let (mut means, mut variances) = ([0.0f64; 2], [0.0f64; 2]);
    for batch in 0..3 {
        for channel in 0..2 {
            let mut numbers: Vec<f64> =
                (0..4).map(|row| 3.0 * f64::from(x[[batch * 4 + row, channel]])).collect();
            for _ in 0..2 {
                let mean = numbers.iter().sum::<f64>() / 4.0;
                let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
                means[channel] += mean / 6.0;
                variances[channel] += squares / 3.0 / 6.0;
                let spread = (squares / 4.0 + 1e-5).sqrt();
                numbers.iter_mut().for_each(|x| *x = 0.5 * (*x - mean) / spread);
            }
        }
    }
    for (name, wanted) in [("norm.running_mean", means), ("norm.running_var", variances)] {
        let found = run.params.tensor(name).unwrap().to_vec();
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(
                (f64::from(*found) - wanted).abs() < 1e-5 * wanted.abs().max(1.0),
                "{name}: {found}, {wanted}"
            );
        }
    }
    assert_eq!(run.params.tensor("scale").unwrap(), trained, "nothing is trained");
    let bits = run.params.block();
    run.retake_statistics(&problem).unwrap();
    assert_eq!(run.params.block(), bits, "the same again");

    // Without such state there is nothing to do, and what is not finite is refused.
    let (params, plain) = product(20, 0.0);
    let mut other = Trainer::new(params.clone(), Sgd::new(0.1), 1, 7);
    other.retake_statistics(&plain).unwrap();
    assert_eq!(other.params.block(), params.block());
    run.params.set("scale", &Tensor::vector(&[f32::INFINITY, 1.0])).unwrap();
    let before = run.params.block().to_vec();
    assert!(run.retake_statistics(&problem).is_err());
    assert_eq!(run.params.block().to_vec()[2..], before[2..]);
    assert!(Statistics::new().is_empty());
}

/// A network with two batch norms, over batches of a fixture.
struct TwoNorms {
    model: Sequential,
    batches: Vec<Tensor<f64>>,
}

impl Problem<f64> for TwoNorms {
    type Batch = Tensor<f64>;

    fn order(&self, _: u64) -> Result<Batches, Error> {
        Batches::new(self.batches.len(), 1)
    }

    fn batch(&self, _: u64, rows: &[usize]) -> Result<Tensor<f64>, Error> {
        Ok(self.batches[rows[0]].clone())
    }

    fn loss<'t>(
        &self,
        tape: &'t Tape<Eager<f64>>,
        bound: &OnTape<'t, f64>,
        batch: &Tensor<f64>,
        _: &mut Step<'_>,
    ) -> TapeLoss<'t, f64> {
        Ok(self.model.apply(bound, &tape.var(batch.clone())).square().sum_all())
    }
}

#[test]
fn statistics_that_are_taken_again_are_those_of_pytorch() {
    let all = Fixture::read("statistics");
    let mut params = Params::<f64>::new(1);
    let model = Sequential::new()
        .then(Dense::new(&mut params.scope("first"), 2, 3).unwrap())
        .then(BatchNorm::new(&mut params.scope("norm1"), 3).unwrap())
        .then(Map::Tanh)
        .then(Dense::new(&mut params.scope("second"), 3, 2).unwrap())
        .then(BatchNorm::new(&mut params.scope("norm2"), 2).unwrap());
    let names = |params: &Params<f64>, state: bool| -> Vec<String> {
        let such = params.entries().filter(|entry| entry.is_state() == state);
        such.map(|entry| entry.name().to_owned()).collect()
    };
    for name in names(&params, false) {
        params.set(&name, &all.tensor(&format!("p.{name}"))).unwrap();
    }
    let batches = (0..3).map(|k| all.tensor(&format!("batch{k}"))).collect();
    let mut run = Trainer::new(params, Sgd::new(0.1), 1, 1);
    run.retake_statistics(&TwoNorms { model, batches }).unwrap();
    let states = names(&run.params, true);
    assert_eq!(states.len(), 4);
    for name in states {
        let found = run.params.tensor(&name).unwrap();
        assert_near(&name, &found, &all.tensor(&format!("s.{name}")), 1e-12);
    }
}

/// A problem whose loss fails once, at one batch of the second epoch.
struct FailsOnce {
    inner: Product,
    batch: u64,
    failed: AtomicBool,
}

impl Problem for FailsOnce {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        self.inner.order(epoch)
    }

    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.inner.batch(epoch, rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, step: &mut Step) -> TapeLoss<'t> {
        let at = (step.epoch, step.batch);
        let loss = self.inner.loss(tape, bound, batch, step)?;
        match at == (1, self.batch) && !self.failed.swap(true, Relaxed) {
            true => Err(Error::NotFinite { what: "this test" }),
            false => Ok(loss),
        }
    }
}

#[test]
fn a_step_that_fails_half_way_leaves_nothing_behind() {
    // Noise and dropout, batch norm, and three batches for each step: 60 rows are 8 batches, and so 3 steps.
    let course = |fails_at: u64| {
        let (params, inner) = product(8, 0.05);
        let problem = FailsOnce { inner, batch: fails_at, failed: AtomicBool::new(false) };
        let mut run = Trainer::new(params, Adam::new(0.01), 3, 7).accumulate(3);
        let mut history = History::new();
        let mut failures = 0;
        while run.run(&problem, &mut [&mut history]).is_err() {
            failures += 1;
            assert!(failures < 3);
        }
        (failures, run.steps(), run.params.block().to_vec(), history.of("loss"))
    };
    let whole = course(99);
    assert_eq!((whole.0, whole.1), (0, 9));
    for batch in 0..8 {
        let again = course(batch);
        assert_eq!((again.0, again.1), (1, 9));
        assert!(again.2 == whole.2, "parameters and running means, batch {batch}");
        assert_eq!(again.3, whole.3, "the loss of each epoch counts each batch once, batch {batch}");
    }
}

/// Fails after the first epoch, once.
struct FailsAfterEpoch(bool);

impl Callback for FailsAfterEpoch {
    fn name(&self) -> &str {
        "fails"
    }

    fn after_epoch(&mut self, _: &tress_nn::train::Epoch, _: &Params) -> Result<Flow, Error> {
        match std::mem::replace(&mut self.0, true) {
            false => Err(Error::NotFinite { what: "this test" }),
            true => Ok(Flow::Go),
        }
    }
}

#[test]
fn an_epoch_is_told_once_even_if_a_callback_fails() {
    let (params, problem) = product(20, 0.0);
    let mut run = Trainer::new(params, Sgd::new(0.1), 3, 7);
    let (mut history, mut fails) = (History::new(), FailsAfterEpoch(false));
    assert!(run.run(&problem, &mut [&mut history, &mut fails]).is_err());
    run.run(&problem, &mut [&mut history, &mut fails]).unwrap();
    assert_eq!((history.epochs().len(), run.steps()), (3, 9));
}
