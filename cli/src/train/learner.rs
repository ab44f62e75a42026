//! One network and its training.

use std::time::Instant;

use tress::autograd::Eager;
use tress::mtl::Error as MtlError;
use tress::mtl::balance::{Balance, Equal, Fixed, Kept, Observation, PerGroup, Weighting};
use tress::mtl::network::{Objective, Score, lenet};
use tress::mtl::sweep::layer_ends;
use tress::nn::optim::Schedule;
use tress::nn::{Adam, Batches, Optimiser, Params, device::Program, metric, mix};

use super::model::Model;
use super::samples::Samples;
use super::told::drawn;
use super::{diverged, training};
use crate::data::Source;
use crate::error::Error;
use crate::history::{EpochMetrics, History, Sample, TaskMetrics};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run_folder::RunFolder;
use crate::settings::{Pairs, Place, Settings};

/// How many pictures are judged at once.
const TEST_BATCH: usize = 500;

/// Refuses batches of two sizes, of so many samples in all, where the method keeps numbers for each element of the features:
/// it could not go on at the first batch that is smaller.
pub(super) fn check_batches(settings: &Settings, samples: usize) -> Result<(), Error> {
    let batch = settings.batch;
    // Fewer samples than a batch takes are one batch, of one size in every epoch.
    if settings.place != Place::Features || settings.weights.is_some() || samples < batch {
        return Ok(());
    }
    let method = settings.balance.0.build(2, settings.seed, settings.lr).map_err(training)?;
    if samples.is_multiple_of(batch) || !method.kept().contains(&Kept::Rows) {
        return Ok(());
    }
    let divisor = (1..=batch).rev().find(|&size| samples.is_multiple_of(size)).unwrap_or(1);
    Err(Error::Usage(format!(
        "--balance {} with --place features needs batches of one size, and the last of {samples} samples by {batch} has {}; \
         choose --samples {} or --batch {divisor}",
        settings.balance.name(),
        samples % batch,
        samples / batch * batch,
    )))
}

/// What the settings balance the two tasks by.
fn chosen(settings: &Settings, params: &Params) -> Result<Box<dyn Weighting>, Error> {
    if let Some(weights) = settings.weights {
        return Ok(Box::new(Fixed::new(&weights).map_err(training)?));
    }
    let build = |seed: u64| settings.balance.0.build(2, seed, settings.lr).map_err(training);
    if settings.place != Place::Layers {
        return Ok(Box::new(build(settings.seed)?));
    }
    let ends = layer_ends(params).map_err(training)?;
    let layers = (0..ends.len()).map(|layer| build(mix(settings.seed, layer as u64)));
    let layers: Vec<Balance> = layers.collect::<Result<_, _>>()?;
    Ok(Box::new(PerGroup::new(&ends, |layer| layers[layer].clone()).map_err(training)?))
}

/// A network for some of the tasks, its optimiser and its balancing.
pub(super) struct Learner<'s> {
    settings: &'s Settings,
    model: String,
    /// Which tasks of the set it learns.
    tasks: Vec<usize>,
    trained: Model,
}

impl<'s> Learner<'s> {
    /// A network for some tasks; where there are several, balanced as the settings say.
    pub(super) fn new(settings: &'s Settings, model: &str, tasks: &[usize]) -> Result<Self, Error> {
        let mut params = Params::new(settings.seed);
        let names = settings.set.tasks();
        let heads: Vec<(&str, Objective)> =
            tasks.iter().map(|&task| (names[task], Objective::Classes(10))).collect();
        let network = lenet(&mut params, &heads).map_err(training)?;
        let is_joint = tasks.len() > 1;
        let balance = if is_joint { chosen(settings, &params)? } else { Box::new(Equal::sum()) };
        let trained = Model::new(params, network, Adam::new(settings.lr), balance)?;
        let at_features = is_joint && settings.place == Place::Features;
        let trained = if at_features { trained.at_features() } else { trained };
        Ok(Self { settings, model: model.to_owned(), tasks: tasks.to_vec(), trained })
    }

    /// Trains for all epochs, and writes each down as it ends.
    pub(super) fn train(
        &mut self,
        source: &Source,
        test: &Samples,
        interrupt: &Interrupt,
        folder: &mut RunFolder,
        progress: &mut Progress,
    ) -> Result<History, Error> {
        let settings = self.settings;
        let began = Instant::now();
        let batches = source.count().div_ceil(settings.batch);
        progress.begin(&self.model, settings.epochs, batches);
        let schedule =
            Schedule::cosine(settings.lr, 0.0, (settings.epochs * batches) as u64).map_err(training)?;
        let mut history = History {
            model: self.model.clone(),
            parameters: self.trained.params.len(),
            seconds: 0.0,
            epochs: Vec::new(),
        };
        let mut fixed = None;
        for epoch in 1..=settings.epochs {
            let started = Instant::now();
            let samples = match (settings.pairs, fixed.take()) {
                (Pairs::Fresh, _) => Samples::new(source.composites(settings.seed, epoch as u64))?,
                (Pairs::Fixed, Some(samples)) => samples,
                (Pairs::Fixed, None) => Samples::new(source.composites(settings.seed, 0))?,
            };
            let order = Batches::new(samples.len(), settings.batch).map_err(training)?;
            let mut sums = vec![(0.0, 0.0); self.tasks.len()];
            for (i, batch) in order.shuffled(settings.seed, epoch as u64).iter().enumerate() {
                interrupt.check(|| {
                    format!(
                        "in epoch {epoch} of the {} network; {} keeps the epochs before it",
                        self.model,
                        folder.path().display()
                    )
                })?;
                let step = (epoch - 1) * batches + i;
                self.trained.adam.set_rate(schedule.rate(step as u64));
                let losses = self
                    .step(&samples, batch, step)
                    .map_err(|e| self.during(epoch, &format!("batch {}", i + 1), e))?;
                for (sum, (loss, weight)) in sums.iter_mut().zip(losses) {
                    *sum = (sum.0 + loss * batch.len() as f64, sum.1 + weight * batch.len() as f64);
                }
                progress.batch();
            }
            self.trained.balance.observe(Observation::EpochEnd).map_err(training)?;
            let scores = self.judge(test).map_err(|e| self.during(epoch, "test", e))?;
            let all = samples.len() as f64;
            let names = settings.set.tasks();
            let task = |(&task, (sum, score)): (&usize, (&(f64, f64), &Score))| TaskMetrics {
                task: names[task].to_owned(),
                train_loss: sum.0 / all,
                test_loss: score.loss(),
                test_accuracy: score.metric(),
                weight: (self.tasks.len() > 1).then_some(sum.1 / all),
            };
            let tasks = self.tasks.iter().zip(sums.iter().zip(&scores)).map(task).collect();
            let seconds = started.elapsed().as_secs_f64();
            let metrics = EpochMetrics { model: self.model.clone(), epoch, seconds, tasks };
            folder.append(&metrics)?;
            progress.epoch(&metrics);
            history.epochs.push(metrics);
            fixed = (settings.pairs == Pairs::Fixed).then_some(samples);
        }
        history.seconds = began.elapsed().as_secs_f64();
        progress.end(history.seconds);
        Ok(history)
    }

    /// One step; gives the loss and the weight of each task.
    fn step(&mut self, samples: &Samples, batch: &[usize], step: usize) -> Result<Vec<(f64, f64)>, Error> {
        let (input, targets) = (samples.images(batch)?, samples.targets(&self.tasks, batch)?);
        let seed = mix(self.settings.seed, step as u64);
        self.trained.tell((&input, &targets), seed, |number| {
            let rows = drawn(samples.len(), batch.len(), mix(seed, number));
            Ok((samples.images(&rows)?, samples.targets(&self.tasks, &rows)?))
        })?;
        self.trained.step(input, &targets, seed, None)
    }

    /// Loss and accuracy of each task over all samples.
    fn judge(&self, test: &Samples) -> Result<Vec<Score>, Error> {
        let mut scores = vec![Score::default(); self.tasks.len()];
        let all: Vec<usize> = (0..test.len()).collect();
        for batch in all.chunks(TEST_BATCH) {
            let outputs = self.outputs(test, batch)?;
            let targets = test.targets(&self.tasks, batch)?;
            let judged =
                self.trained.network.tasks().iter().zip(outputs.iter().zip(&targets)).zip(&mut scores);
            for ((task, (output, target)), score) in judged {
                score.add(&task.score(output.tensor().map_err(training)?, target).map_err(training)?);
            }
        }
        // The last step of an epoch may have broken what no later step will notice.
        match scores.iter().position(|score| !score.loss().is_finite()) {
            Some(index) => Err(diverged(MtlError::NotFinite { what: "test losses", index })),
            None => Ok(scores),
        }
    }

    /// The error with the place in the training where it came up.
    fn during(&self, epoch: usize, part: &str, error: Error) -> Error {
        match error {
            Error::Training(text) => {
                Error::Training(format!("{} network, epoch {epoch}, {part}: {text}", self.model))
            }
            other => other,
        }
    }

    fn outputs(&self, test: &Samples, batch: &[usize]) -> Result<Vec<Eager>, Error> {
        self.trained.outputs(test.images(batch)?)
    }

    /// The first test pictures, with what the network says of them.
    pub(super) fn answers(&self, test: &Samples, count: usize) -> Result<Vec<Sample>, Error> {
        let shown: Vec<usize> = (0..count.min(test.len())).collect();
        let outputs = self.outputs(test, &shown)?;
        let mut answers = Vec::with_capacity(outputs.len());
        for output in &outputs {
            answers.push(metric::argmax(output.tensor().map_err(training)?));
        }
        let pictures = test.pictures();
        let sample = |i: usize| {
            let mut image = [0; crate::data::digits::PIXELS];
            image.copy_from_slice(pictures.image(i));
            let answer =
                answers.iter().map(|classes| classes[i].map_or(u8::MAX, |class| class as u8)).collect();
            Sample { image, truth: vec![pictures.left[i], pictures.right[i]], answer }
        };
        Ok(shown.into_iter().map(sample).collect())
    }

    /// All parameters as a file, with the network itself in it: what `tress fit` and `tress export` read.
    pub(super) fn weights(&self) -> Result<Vec<u8>, Error> {
        let shape = [1, 1, crate::data::digits::SIDE, crate::data::digits::SIDE];
        let program = Program::record(&self.trained.params, &[("input", &shape)], |bound, xs| {
            let refused = |e: MtlError| tress::nn::Error::Device { why: e.to_string() };
            let features = self.trained.network.features(bound, &[("input", &xs[0])]).map_err(refused)?;
            let outputs = self.trained.network.outputs(bound, &features);
            Ok(self.trained.network.tasks().iter().map(|task| task.name().to_owned()).zip(outputs).collect())
        });
        Ok(program.map_err(training)?.save_beside(&self.trained.params))
    }
}
