//! The training loop: what it does in which order, and that it goes on to the same bits after any interruption.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tress_autograd::{Pointwise, Reduce, Tape};
use tress_nn::data::{Batches, Dataset};
use tress_nn::file::Checkpoint;
use tress_nn::optim::{Average, Clip, Plateau, Rules};
use tress_nn::train::{
    Better, Callback, EarlyStop, EarlyStopping, Ended, Epoch, Flow, History, OnTape, Problem, Progress, Step,
    TapeLoss, Trainer,
};
use tress_nn::{
    Adam, BatchNorm, Dense, Dropout, Error, Handle, Init, Layer, Optimiser, Params, Random, Schedule,
    Sequential, Sgd, mse,
};
use tress_tensor::{Tensor, parallel, pointwise::Map};

/// A small network, with noise, dropout and batch norm perhaps, that learns a product.
pub(crate) struct Product {
    model: Sequential,
    data: Dataset,
    size: usize,
    noise: f32,
}

pub(crate) fn product(size: usize, noise: f32) -> (Params<f32>, Product) {
    let mut params = Params::new(3);
    let mut model =
        Sequential::new().then(Dense::new(&mut params.scope("hidden"), 2, 16).unwrap().activation(Map::Tanh));
    if noise > 0.0 {
        // What a step renews besides the parameters, and what acts in training only.
        model = model
            .then(BatchNorm::new(&mut params.scope("norm"), 16).unwrap())
            .then(Dropout::new(&mut params.scope("dropout"), 0.1).unwrap());
    }
    model = model.then(Dense::new(&mut params.scope("output"), 16, 1).unwrap());
    let x = Tensor::from_fn([60, 2], |i| ((i[0] * 2 + i[1]) as f32 * 0.37).sin()).unwrap();
    let y = Tensor::from_fn([60, 1], |i| x[[i[0], 0]] * x[[i[0], 1]]).unwrap();
    let data = Dataset::new().numbers("x", x).unwrap().numbers("y", y).unwrap();
    (params, Product { model, data, size, noise })
}

impl Problem for Product {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        Ok(Batches::new(self.data.len(), self.size)?.shuffled(1, epoch))
    }

    fn batch(&self, _: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.data.rows(rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, step: &mut Step) -> TapeLoss<'t> {
        let mut x = batch.tensor("x")?.clone();
        x.make_mut().iter_mut().for_each(|x| *x += self.noise * step.random.normal() as f32);
        let found = self.model.apply(bound, &tape.var(x));
        Ok(mse(&found, &tape.var(batch.tensor("y")?.clone())))
    }

    fn judge(&self, params: &Params) -> Result<Vec<(String, f64)>, Error> {
        let found = self.model.apply(&params.eager(), &self.data.tensor("x")?.clone().into());
        let error = mse(&found, &self.data.tensor("y")?.clone().into()).item()?;
        Ok(vec![("valid.mse".to_owned(), f64::from(error))])
    }
}

const EPOCHS: u64 = 12;

type Run = Trainer<f32, Adam>;

fn callbacks() -> (History, EarlyStop) {
    (History::new(), EarlyStop::new("valid.mse", EarlyStopping::new(Better::Lower, 5, 0.0).unwrap()))
}

fn trainer(params: Params<f32>, path: &Path) -> Run {
    Trainer::new(params, Adam::new(0.01), EPOCHS, 7)
        .schedule(Schedule::cosine(0.03, 0.001, EPOCHS * 4).unwrap().after_warm_up(3))
        .average(Average::exponential(0.8).unwrap())
        .accumulate(2)
        .clip(Clip::Norm(0.5))
        .prefetch(2)
        .checkpoints(path, 1)
}

/// All bits that a run leaves: parameters, their average, the best ones, and the figures of all epochs.
fn bits(run: &Run, history: &History, stop: &EarlyStop) -> Vec<u64> {
    let mut best = run.params.clone();
    stop.take_best(&mut best).unwrap();
    let blocks = [run.params.block(), run.averaged().unwrap().block().unwrap().clone(), best.block()];
    let numbers = blocks.iter().flat_map(|block| block.to_vec()).map(|x| u64::from(x.to_bits()));
    numbers.chain(history.epochs().iter().flatten().map(|(_, value)| value.to_bits())).collect()
}

/// Goes on from what is at the path, or begins, and ends.
fn train(path: &Path) -> Vec<u64> {
    let (params, problem) = product(8, 0.05);
    let mut run = trainer(params, path);
    let (mut history, mut stop) = callbacks();
    run.resume(&mut [&mut history, &mut stop]).unwrap();
    run.run(&problem, &mut [&mut history, &mut stop]).unwrap();
    assert_eq!(history.of("loss").len(), history.epochs().len());
    let running = run.params.entries().find(|entry| !entry.is_trained()).unwrap().name();
    assert_ne!(
        run.params.tensor(running).unwrap(),
        product(8, 0.05).0.tensor(running).unwrap(),
        "it was renewed"
    );
    bits(&run, &history, &stop)
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tress-train-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CHILD: &str = "TRESS_TEST_TRAINING";

/// No test by itself: the run that the next test starts and kills.
#[test]
fn child_that_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        train(Path::new(&path));
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_bits() {
    let folder = Folder::new("killed");
    let began = Instant::now();
    let whole = train(&folder.0.join("whole"));
    let run = began.elapsed().max(Duration::from_millis(20));
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut killed, mut midway, mut tries) = (0, 0, 0);
    while killed < 20 || midway < 5 {
        tries += 1;
        assert!(tries < 400, "the child ends before it can be killed");
        let path = folder.0.join(format!("{tries}"));
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "training::child_that_is_killed"]).env(CHILD, &path);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Moments spread over the run, every second time over what comes after the first checkpoint.
        while tries % 2 == 0 && !path.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(run.mul_f64(random.uniform()));
        if child.try_wait().unwrap().is_some() {
            continue;
        }
        child.kill().unwrap(); // SIGKILL: nothing is tidied up
        child.wait().unwrap();
        killed += 1;
        if let Ok(found) = Checkpoint::<f32>::load(&path) {
            midway += u32::from(found.state_of("trainer").unwrap().count("batch") != Ok(0));
        }
        assert!(train(&path) == whole, "killed for the {killed}th time, it ended elsewhere");
    }
}

/// Fails after a step, as a disk that is full would.
struct FailAt(u64);

impl Callback for FailAt {
    fn name(&self) -> &str {
        "fail"
    }

    fn after_step(&mut self, step: u64, _: f64, _: &Params) -> Result<Flow, Error> {
        match step == self.0 {
            true => Err(Error::NotFinite { what: "this test" }),
            false => Ok(Flow::Go),
        }
    }
}

#[test]
fn a_run_goes_on_from_every_step_to_the_same_bits() {
    let folder = Folder::new("steps");
    let (whole, path) = (train(&folder.0.join("whole")), folder.0.join("failed"));
    for step in (1..EPOCHS * 4).step_by(3) {
        let (params, problem) = product(8, 0.05);
        let mut run = trainer(params, &path);
        let (mut history, mut stop) = callbacks();
        run.run(&problem, &mut [&mut history, &mut stop, &mut FailAt(step)]).unwrap_err();
        assert!(train(&path) == whole, "from step {step}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn threads_and_batches_made_ahead_change_no_bit() {
    let course = |threads, ahead| {
        parallel::with_threads(threads, || {
            let (params, problem) = product(8, 0.05);
            let mut run = Trainer::new(params, Adam::new(0.01), 3, 7).prefetch(ahead);
            run.run(&problem, &mut []).unwrap();
            run.params.block()
        })
    };
    let one = course(1, 0);
    for (threads, ahead) in [(1, 3), (2, 0), (3, 1)] {
        assert_eq!(course(threads, ahead), one, "{threads} threads, {ahead} ahead");
    }
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let course = |size, accumulate| {
        let (params, problem) = product(size, 0.0);
        let mut run = Trainer::new(params, Sgd::new(0.1), 4, 7).accumulate(accumulate);
        run.run(&problem, &mut []).unwrap();
        (run.steps(), run.params.block().to_vec())
    };
    // 60 rows: batches of 24, 24 and 12; or of 12, two at a time and the last alone.
    let ((steps, large), (same, small)) = (course(24, 1), course(12, 2));
    assert_eq!((steps, same), (12, 12));
    assert!(large.iter().zip(&small).all(|(a, b)| (a - b).abs() < 1e-5), "but for rounding");
    assert_ne!(course(12, 1).1, small);
}

#[test]
fn figures_lines_and_early_stops() {
    let (params, problem) = product(60, 0.0);
    let first = problem.judge(&params).unwrap()[0].1;
    let mut lines = Vec::new();
    let mut progress = Progress::new(|line: &str| lines.push(line.to_owned()));
    // A rate that makes things worse after a while, so that it stops.
    let schedule = Schedule::exponential(0.005, 1.3);
    let mut run = Trainer::new(params, Adam::new(1.0), 200, 7).schedule(schedule);
    let (mut history, mut stop) = callbacks();
    let ended = run.run(&problem, &mut [&mut history, &mut stop, &mut progress]).unwrap();
    assert_eq!(ended, Ended::Stopped);
    let course = history.of("valid.mse");
    let best = course.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((stop.best(), course.iter().position(|&x| x == best)), (Some(best), Some(course.len() - 6)));
    assert!(best < 0.8 * first && course.len() < 200);
    let mut params = run.params.clone();
    stop.take_best(&mut params).unwrap();
    assert_eq!(problem.judge(&params).unwrap()[0].1, best);
    // The loss is that of the parameters before the step: of the first ones in the first epoch.
    assert!((history.of("loss")[0] - first).abs() < 1e-6);
    let rate = 0.005 * 1.3f64.powi(course.len() as i32 - 1);
    assert!((run.optimiser.rate() / rate - 1.0).abs() < 1e-12, "the schedule, step by step");
    assert_eq!(lines.len(), course.len());
    assert!(
        lines[0].starts_with("epoch 1/200  loss 0.") && lines[0].contains("  valid.mse 0."),
        "{}",
        lines[0]
    );

    // What has stopped stays so, also when it is stored.
    let (_, fresh) = product(60, 0.0);
    let stored = run.checkpoint(&[&mut history, &mut stop]);
    let (params, _) = product(60, 0.0);
    let mut again = Trainer::new(params, Adam::new(1.0), 200, 7);
    let (mut history, mut stop) = callbacks();
    again.restore(&stored, &mut [&mut history, &mut stop]).unwrap();
    assert_eq!((again.run(&fresh, &mut []), again.steps()), (Ok(Ended::Stopped), run.steps()));
    assert_eq!((history.of("valid.mse"), stop.best()), (course, Some(best)));
}

#[test]
fn averages_are_judged_and_rates_fall_on_plateaus() {
    struct Watch(Vec<(f64, f64)>);

    impl Callback for Watch {
        fn name(&self) -> &str {
            "watch"
        }

        fn after_epoch(&mut self, epoch: &Epoch, _: &Params) -> Result<Flow, Error> {
            self.0.push((epoch.figure("valid.mse").unwrap(), epoch.rate));
            Ok(Flow::Go)
        }
    }

    let (params, problem) = product(20, 0.0);
    let rate = 1e-12; // nothing gets better
    let mut run = Trainer::new(params, Sgd::new(0.0), 6, 7)
        .plateau("valid.mse", Plateau::new(rate).patience(1).factor(0.5).unwrap())
        .average(Average::equal());
    let mut watch = Watch(Vec::new());
    run.run(&problem, &mut [&mut watch]).unwrap();
    let rates: Vec<f64> = watch.0.iter().map(|(_, at)| at / rate).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);

    let (params, problem) = product(20, 0.0);
    let mut run = Trainer::new(params, Sgd::new(0.5), 3, 7).average(Average::equal());
    let mut watch = Watch(Vec::new());
    run.run(&problem, &mut [&mut watch]).unwrap();
    let last = problem.judge(&run.params).unwrap()[0].1;
    run.take_average().unwrap();
    let averaged = problem.judge(&run.params).unwrap()[0].1;
    assert_eq!(watch.0[2].0, averaged);
    assert_ne!(averaged, last);
}

#[test]
fn what_goes_wrong_is_said() {
    let (params, problem) = product(20, 0.0);
    let mut run = Trainer::new(params, Sgd::new(1e20), 50, 7);
    let error = run.run(&problem, &mut []).unwrap_err().to_string();
    // One step leads so far that the square of the second batch's error is beyond the range of an `f32`.
    let first = problem.order(0).unwrap().iter().nth(1).unwrap()[0];
    let place =
        format!("of batch 1 of epoch 0, whose first row is {first}, is infinite or not a number; lower the");
    assert!(error.starts_with(&format!("the loss {place}")), "{error}");

    let (params, problem) = product(20, 0.0);
    let mut stop = EarlyStop::new("acc", EarlyStopping::new(Better::Higher, 1, 0.0).unwrap());
    let error = Trainer::new(params, Sgd::new(0.1), 1, 7).run(&problem, &mut [&mut stop]).unwrap_err();
    assert!(error.to_string().contains("no figure `acc`; there are [\"loss\", \"valid.mse\"]"), "{error}");

    let run = |seed| Trainer::new(product(20, 0.0).0, Sgd::new(0.1), 2, seed);
    let stored = run(7).checkpoint(&[]);
    let error = run(8).restore(&stored, &mut []).unwrap_err().to_string();
    assert!(error.contains("of a run with seed 7, not 8"), "{error}");
    let mut averaging = run(7).average(Average::equal());
    assert!(averaging.restore(&stored, &mut []).unwrap_err().to_string().contains("no state `average`"));
    let mut other = Trainer::new(product(20, 0.0).0, Adam::new(0.1), 2, 7);
    assert!(other.restore(&stored, &mut []).is_err(), "another optimiser");
    assert!(run(7).resume(&mut []).unwrap_err().to_string().contains("call `checkpoints`"));
    assert!(run(7).take_average().is_err());
    let mut early =
        run(7).checkpoints(std::env::temp_dir().join(format!("tress-none-{}", std::process::id())), 1);
    assert_eq!(early.resume(&mut []), Ok(false), "there is no file yet");
}

#[test]
fn gradients_of_frozen_parameters_do_not_count_in_a_clip() {
    // The frozen layer's gradient is far larger than the other's, and then not finite at all.
    for huge in [1e6, f32::INFINITY] {
        let moved = |clip: Option<Clip>| {
            let mut params = Params::<f32>::new(1);
            let frozen = params.root().parameter("frozen", [1], Init::Zeros).unwrap();
            let trained = params.root().parameter("trained", [1], Init::Zeros).unwrap();
            let optimiser = Sgd::new(0.1).rules(Rules::new().freeze("frozen"));
            let mut run = Trainer::new(params, optimiser, 1, 1);
            if let Some(clip) = clip {
                run = run.clip(clip);
            }
            run.run(&Sloped { frozen, trained, huge }, &mut []).unwrap();
            run.params.block().to_vec()
        };
        assert_eq!(moved(None), [0.0, -0.2], "{huge}");
        assert_eq!(moved(Some(Clip::Value(0.5))), [0.0, -0.05], "{huge}");
        let clipped = moved(Some(Clip::Norm(1.0)));
        assert!(clipped[0] == 0.0 && (clipped[1] + 0.1).abs() < 1e-6, "{huge}: {clipped:?}");
    }
}

/// `huge * frozen + 2 * trained`, at zero.
struct Sloped {
    frozen: Handle,
    trained: Handle,
    huge: f32,
}

impl Problem for Sloped {
    type Batch = ();

    fn order(&self, _: u64) -> Result<Batches, Error> {
        Batches::new(1, 1)
    }

    fn batch(&self, _: u64, _: &[usize]) -> Result<(), Error> {
        Ok(())
    }

    fn loss<'t>(&self, _: &'t Tape, bound: &OnTape<'t>, (): &(), _: &mut Step) -> TapeLoss<'t> {
        let frozen = match self.huge.is_finite() {
            true => bound[self.frozen].scale(f64::from(self.huge)),
            false => bound[self.frozen].sqrt(), // a slope without end at a value of zero
        };
        Ok((frozen + bound[self.trained].scale(2.0)).sum_all())
    }
}

#[test]
fn two_rules_that_stop_early_remember_each_their_own() {
    let rule = |better| EarlyStopping::new(better, 50, 0.0).unwrap();
    let (params, problem) = product(8, 0.0);
    let mut run = Trainer::new(params.clone(), Sgd::new(0.05), 4, 1);
    let mut low = EarlyStop::new("loss", rule(Better::Lower));
    let mut high = EarlyStop::new("valid.mse", rule(Better::Higher));
    run.run(&problem, &mut [&mut low, &mut high]).unwrap();
    let found = run.checkpoint(&[&mut low, &mut high]);

    let mut again = Trainer::new(params.clone(), Sgd::new(0.05), 4, 1);
    let mut other =
        [EarlyStop::new("loss", rule(Better::Lower)), EarlyStop::new("valid.mse", rule(Better::Higher))];
    let [a, b] = &mut other;
    again.restore(&found, &mut [a, b]).unwrap();
    assert_eq!([other[0].best(), other[1].best()], [low.best(), high.best()]);
    assert_ne!(low.best(), high.best());

    // Of one name they are refused before any work.
    let mut twice =
        [EarlyStop::new("loss", rule(Better::Lower)), EarlyStop::new("loss", rule(Better::Higher))];
    let mut run = Trainer::new(params, Sgd::new(0.05), 4, 1);
    let [a, b] = &mut twice;
    let refused = run.run(&problem, &mut [a, b]).unwrap_err().to_string();
    assert!(refused.contains("early stop of loss") && run.steps() == 0, "{refused}");
    let [a, b] = twice;
    assert!(run.run(&problem, &mut [&mut a.named("low"), &mut b.named("high")]).is_ok());
}

/// Judged by what it is told to say, in batches that are never whole.
struct Said(Product, &'static [&'static str], bool);

impl Problem for Said {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        match self.2 {
            true => self.0.order(epoch),
            false => Ok(Batches::new(3, 4)?.drop_last()),
        }
    }

    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.0.batch(epoch, rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, step: &mut Step) -> TapeLoss<'t> {
        self.0.loss(tape, bound, batch, step)
    }

    fn judge(&self, _: &Params) -> Result<Vec<(String, f64)>, Error> {
        Ok(self.1.iter().map(|name| ((*name).to_owned(), 0.5)).collect())
    }
}

#[test]
fn figures_of_one_name_and_epochs_without_a_batch_are_refused() {
    let run = |names, whole| {
        let (params, problem) = product(8, 0.0);
        Trainer::new(params, Sgd::new(0.05), 1, 1).run(&Said(problem, names, whole), &mut [])
    };
    assert_eq!(run(&["valid.loss", "accuracy"], true), Ok(Ended::Finished));
    for names in [&["loss"][..], &["accuracy", "accuracy"]] {
        let refused = run(names, true).unwrap_err().to_string();
        assert!(refused.contains(names[0]) && refused.contains("valid.loss"), "{refused}");
    }
    let refused = run(&[], false).unwrap_err().to_string();
    assert!(refused.contains("no batch"), "{refused}");
}

/// Stops after the first epoch.
struct Once;

impl Callback for Once {
    fn name(&self) -> &str {
        "once"
    }

    fn after_epoch(&mut self, epoch: &Epoch, _: &Params) -> Result<Flow, Error> {
        Ok(if epoch.epoch == 0 { Flow::Stop } else { Flow::Go })
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_when_asked() {
    let (params, problem) = product(8, 0.0);
    let mut run = Trainer::new(params, Sgd::new(0.05), 3, 1);
    assert_eq!(run.run(&problem, &mut [&mut Once]), Ok(Ended::Stopped));
    assert_eq!((run.run(&problem, &mut []), run.epoch()), (Ok(Ended::Stopped), 1));
    run.go_on();
    assert_eq!((run.run(&problem, &mut []), run.epoch()), (Ok(Ended::Finished), 3));
}
