//! The loop.

use super::again::{Gathered, Taken};
use super::callback::{Callback, Epoch, Flow};
use super::{Problem, Step};
use crate::data::prefetched;
use crate::optim::{Average, Clip, Plateau, Schedule, clip};
use crate::params::Kept;
use crate::{Error, Gradient, Optimiser, Params, Random, Statistics, mix};
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::{Eager, Tape};
use tress_tensor::Float;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All epochs are done.
    Finished,
    /// A callback ended it.
    Stopped,
}

/// A training run: parameters, optimiser, and all that goes on between them.
///
/// Settings are given once, before the first step. What the steps make of it (parameters, moments, averages, rates, random
/// numbers, the place in the epoch) is what a [`checkpoint`](Trainer::checkpoint) holds. A trainer with the same settings
/// that is restored from one goes on to the same bits.
pub struct Trainer<T: Float, O: Optimiser<T>> {
    /// The parameters that are trained.
    pub params: Params<T>,
    /// The optimiser.
    pub optimiser: O,
    pub(super) epochs: u64,
    pub(super) seed: u64,
    pub(super) schedule: Option<Schedule>,
    pub(super) plateau: Option<(String, Plateau)>,
    pub(super) average: Option<Average<T>>,
    when: When,
    clip: Option<Clip>,
    accumulate: u64,
    ahead: usize,
    #[cfg(feature = "std")]
    pub(super) file: Option<(std::path::PathBuf, u64)>,
    pub(super) random: Random,
    pub(super) at: Place,
    /// Sum of the losses of this epoch times the sizes of their batches, and the sum of those.
    pub(super) loss: [f64; 2],
    pub(super) tape: Tape<Eager<T>>,
    /// The state of the model before the batches of a step.
    kept: Kept<T>,
}

/// When the average is updated: first after `start`, then after each `every`.
#[derive(Clone, Copy, Debug)]
struct When {
    start: u64,
    every: u64,
    /// Of epochs; otherwise of steps.
    epochs: bool,
}

impl When {
    fn is_due(self, steps: u64, epochs: Option<u64>) -> bool {
        let count = if self.epochs { epochs } else { Some(steps) };
        count.is_some_and(|count| count >= self.start && (count - self.start).is_multiple_of(self.every))
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Whole epochs.
    pub(super) epoch: u64,
    /// Batches of this epoch that a step was taken for.
    pub(super) batch: u64,
    /// Steps of the optimiser.
    pub(super) step: u64,
    pub(super) stopped: bool,
}

impl<T: Float, O: Optimiser<T>> Trainer<T, O> {
    /// Trains these parameters with this optimiser for so many epochs; everything random follows from the seed.
    pub fn new(params: Params<T>, optimiser: O, epochs: u64, seed: u64) -> Self {
        Self {
            params,
            optimiser,
            epochs,
            seed,
            schedule: None,
            plateau: None,
            average: None,
            when: When { start: 1, every: 1, epochs: false },
            clip: None,
            accumulate: 1,
            ahead: 0,
            #[cfg(feature = "std")]
            file: None,
            random: Random::new(mix(seed, 1)),
            at: Place::default(),
            loss: [0.0; 2],
            tape: Tape::new(),
            kept: Kept::default(),
        }
    }

    /// The learning rate of each step of the optimiser.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), plateau: None, ..self }
    }

    /// A learning rate that falls when a figure (`"loss"`, or one of [`Problem::judge`]) no longer gets better.
    pub fn plateau(self, figure: &str, plateau: Plateau) -> Self {
        Self { schedule: None, plateau: Some((String::from(figure), plateau)), ..self }
    }

    /// Averages the parameters after each step. From the first update on, figures are those of the average.
    pub fn average(self, average: Average<T>) -> Self {
        self.average_steps(average, 1, 1)
    }

    /// Averages the parameters first after `start` steps, and then after each `every` more.
    pub fn average_steps(self, average: Average<T>, start: u64, every: u64) -> Self {
        let when = When { start, every: every.max(1), epochs: false };
        Self { average: Some(average), when, ..self }
    }

    /// Averages the parameters first after `start` epochs, and then after each `every` more: with [`Average::equal`] it is
    /// stochastic weight averaging.
    ///
    /// ```
    /// # use tress_nn::{Params, Sgd, optim::{Average, Schedule}, train::Trainer};
    /// # let params = Params::<f32>::new(1);
    /// // The last quarter of the training, with a rate that falls no further.
    /// let rate = Schedule::cosine(0.1, 0.05, 75 * 40)?;
    /// let trainer = Trainer::new(params, Sgd::new(0.1), 100, 1).schedule(rate);
    /// let mut trainer = trainer.average_epochs(Average::equal(), 75, 1);
    /// // trainer.run(&problem, &mut [])?;
    /// // trainer.take_average()?;
    /// // trainer.retake_statistics(&problem)?;
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    pub fn average_epochs(self, average: Average<T>, start: u64, every: u64) -> Self {
        let when = When { start, every: every.max(1), epochs: true };
        Self { average: Some(average), when, ..self }
    }

    /// Holds gradients in bounds, before each step: `Clip::Norm(1.0)`, say. Not for an optimiser that looks at the loss in
    /// several places, as [`Lbfgs`](crate::optim::Lbfgs) does: it compares slopes, which are to be those of the loss.
    pub fn clip(self, clip: Clip) -> Self {
        Self { clip: Some(clip), ..self }
    }

    /// Takes one step for the mean gradient of so many batches in a row, or of as many as an epoch has left; 1 at least.
    pub fn accumulate(self, batches: u64) -> Self {
        Self { accumulate: batches.max(1), ..self }
    }

    /// Makes so many batches ahead on a thread of their own: [`prefetched`]. It changes the time, never the result.
    pub fn prefetch(self, batches: usize) -> Self {
        Self { ahead: batches, ..self }
    }

    /// Stores a [`checkpoint`](Trainer::checkpoint) in this file after each `every` steps of the optimiser, and after each
    /// epoch. At any moment the file is there whole.
    #[cfg(feature = "std")]
    pub fn checkpoints(self, path: impl Into<std::path::PathBuf>, every: u64) -> Self {
        Self { file: Some((path.into(), every.max(1))), ..self }
    }

    /// The epoch that comes next, or is under way.
    pub fn epoch(&self) -> u64 {
        self.at.epoch
    }

    /// How many steps the optimiser has taken.
    pub fn steps(&self) -> u64 {
        self.at.step
    }

    /// The average of the parameters, if there is one.
    pub fn averaged(&self) -> Option<&Average<T>> {
        self.average.as_ref()
    }

    /// Puts the average in the place of the parameters, at the end of training. Running means of the model are still those
    /// of the last parameters: see [`retake_statistics`](Trainer::retake_statistics).
    ///
    /// # Errors
    /// There is no average, or no step was taken.
    pub fn take_average(&mut self) -> Result<(), Error> {
        match &mut self.average {
            Some(average) => average.swap(&mut self.params),
            None => Err(Error::Setting { of: "trainer", why: "no average was asked for" }),
        }
    }

    /// Takes running means of the model again, with the parameters as they are: the mean of what they are in the batches of
    /// the last epoch, in training mode. It is for averaged parameters, as the means have followed those before the
    /// averaging. What is frozen stays as it is.
    ///
    /// # Errors
    /// What the problem reports, a mistake of the model, or means that are not finite; then nothing is changed.
    pub fn retake_statistics<P: Problem<T>>(&mut self, problem: &P) -> Result<(), Error> {
        let (mut statistics, mut random) = (Statistics::new(), Random::new(mix(self.seed, 2)));
        // One that the problem has seen: it may know of no others.
        let (mut tape, epoch) = (Tape::new(), self.at.epoch.saturating_sub(1));
        for (i, rows) in problem.order(epoch)?.iter().enumerate() {
            let batch = problem.batch(epoch, rows)?;
            let seed = mix(mix(self.seed, epoch), i as u64);
            let mut step = Step { epoch, batch: i as u64, rows, seed, random: &mut random };
            let bound = self.params.on(&tape).frozen_by(self.optimiser.groups(), &self.params);
            let bound = bound.training(seed).afresh();
            problem.loss(&tape, &bound, &batch, &mut step)?.item()?;
            statistics.add(&bound.renewed()?);
            drop(bound);
            tape.reset();
        }
        statistics.write(&mut self.params)
    }

    /// Lets a run that a callback has stopped go on, as after a change of mind: `run` alone would end at once again, also
    /// after a checkpoint was restored.
    pub fn go_on(&mut self) {
        self.at.stopped = false;
    }

    /// Trains until all epochs are done or a callback stops it, from wherever it is.
    ///
    /// # Errors
    /// What the problem or a callback reports, a mistake of the model, an epoch without batches, a loss that is not finite
    /// (with its epoch, its batch and the first row of that), a name that two callbacks or two figures have, or a checkpoint that cannot be
    /// written. Of a step that failed nothing is left, so that another run goes on where it began.
    pub fn run<P: Problem<T>>(
        &mut self,
        problem: &P,
        callbacks: &mut [&mut dyn Callback<T>],
    ) -> Result<Ended, Error> {
        Self::told_apart(callbacks)?;
        if self.clip.is_some() && self.optimiser.evaluates() {
            let why =
                "this optimiser compares slopes of the loss, which clipping would change; train without it";
            return Err(Error::Setting { of: "trainer", why });
        }
        self.optimiser.prepare(&self.params)?;
        if let Some((_, plateau)) = &self.plateau {
            self.optimiser.set_rate(plateau.rate());
        }
        while self.at.epoch < self.epochs && !self.at.stopped {
            if self.average.as_ref().is_some_and(Average::is_swapped) {
                let why = "the average is in the place of the parameters; call `take_average` again to go on";
                return Err(Error::Setting { of: "trainer", why });
            }
            let (epoch, had) = (self.at.epoch, self.at.batch as usize);
            let batches = problem.order(epoch)?;
            if batches.is_empty() {
                let why = alloc::format!(
                    "epoch {epoch} has no batch: are there fewer samples than one takes, and an incomplete one is dropped?"
                );
                return Err(Error::State { why });
            }
            if had > batches.len() {
                let why =
                    alloc::format!("{had} batches of epoch {epoch} were done, which has {}", batches.len());
                return Err(Error::State { why });
            }
            let make = |(i, rows)| Ok::<_, Error>((i, rows, problem.batch(epoch, rows)?));
            let todo = batches.iter().enumerate().skip(had);
            let count = batches.len();
            prefetched(todo, self.ahead, make, |made| self.steps_of(problem, made, count, callbacks))?;
            if self.at.stopped {
                break;
            }
            self.end_epoch(problem, callbacks)?;
        }
        Ok(if self.at.stopped { Ended::Stopped } else { Ended::Finished })
    }

    /// The steps that are left of an epoch.
    fn steps_of<P: Problem<T>>(
        &mut self,
        problem: &P,
        made: &mut dyn Iterator<Item = Result<(usize, &[usize], P::Batch), Error>>,
        count: usize,
        callbacks: &mut [&mut dyn Callback<T>],
    ) -> Result<(), Error> {
        let (mut step, mut before) = (Gathered::default(), (self.random.clone(), self.loss));
        for item in made {
            if step.batches == 0 {
                before = (self.random.clone(), self.loss);
                self.kept.take(&self.params);
            }
            let value = match item.and_then(|made| self.step_of(problem, made, count, &mut step)) {
                Ok(Some((value, batches))) => {
                    step = Gathered::default();
                    self.at.batch = batches;
                    value
                }
                Ok(None) => continue,
                Err(error) => {
                    // Back to where the batches of this step began: they will come again.
                    self.tape.reset();
                    self.kept.put_back(&mut self.params);
                    (self.random, self.loss) = before;
                    return Err(error);
                }
            };
            self.at.step += 1;
            let epochs = (self.at.batch == count as u64).then_some(self.at.epoch + 1);
            if let Some(average) = &mut self.average
                && self.when.is_due(self.at.step, epochs)
            {
                average.update(&self.params)?;
            }
            for callback in callbacks.iter_mut() {
                self.at.stopped |= callback.after_step(self.at.step, value, &self.params)? == Flow::Stop;
            }
            self.store(callbacks, false)?;
            if self.at.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Takes one batch in, and steps if it is the last one of a step: then the loss of the batch, and how many batches of
    /// the epoch are done.
    fn step_of<'b, P: Problem<T>>(
        &mut self,
        problem: &P,
        (i, rows, batch): (usize, &'b [usize], P::Batch),
        count: usize,
        gathered: &mut Gathered<'b, T, P::Batch>,
    ) -> Result<Option<(f64, u64)>, Error> {
        let (epoch, seed) = (self.at.epoch, mix(mix(self.seed, self.at.epoch), i as u64));
        let random = self.random.clone();
        let wild = |what| Error::Diverged { what, epoch, batch: i as u64, row: rows.first().copied() };
        let mut step = Step { epoch, batch: i as u64, rows, seed, random: &mut self.random };
        let (value, mut gradient, renewed) = {
            let bound = self.params.on(&self.tape).frozen_by(self.optimiser.groups(), &self.params);
            let bound = bound.training(seed);
            let loss = problem.loss(&self.tape, &bound, &batch, &mut step)?;
            (loss.item()?.to_f64(), loss.gradient(&bound)?, bound.renewed()?)
        };
        self.tape.reset(); // lets go of the parameters, so that the step changes them in place
        if !value.is_finite() {
            return Err(wild("loss"));
        }
        // A finite loss may have a gradient that is not: before it is in the parameters, and in the checkpoint.
        if !clip::norm(&gradient).is_finite() {
            return Err(wild("gradient"));
        }
        self.params.renew(&renewed)?;
        let size = rows.len() as f64;
        self.loss = [self.loss[0] + value * size, self.loss[1] + size];
        gathered.count(value, size);
        let evaluates = self.optimiser.evaluates();
        if evaluates {
            gathered.taken.push(Taken { batch, rows, number: i as u64, seed, random });
        }
        if self.accumulate > 1 {
            gathered.sum.add(&gradient, size)?;
            if gathered.batches < self.accumulate && i + 1 < count {
                return Ok(None);
            }
            gradient = gathered.sum.take()?;
        }
        if let Some(clip) = self.clip {
            clip.apply(&mut gradient, &self.params)?;
        }
        if let Some(schedule) = &self.schedule {
            self.optimiser.set_rate(schedule.rate(self.at.step));
        }
        match evaluates {
            false => self.optimiser.step(&mut self.params, &gradient)?,
            true => self.search(problem, gathered, &gradient)?,
        }
        Ok(Some((value, i as u64 + 1)))
    }

    /// Figures, callbacks and checkpoint at the end of an epoch.
    fn end_epoch<P: Problem<T>>(
        &mut self,
        problem: &P,
        callbacks: &mut [&mut dyn Callback<T>],
    ) -> Result<(), Error> {
        let mut average = self.average.as_mut().filter(|average| average.updates() > 0);
        if let Some(average) = &mut average {
            average.swap(&mut self.params)?;
        }
        let judged = problem.judge(&self.params).and_then(named_once);
        let mut figures: Vec<(String, f64)> =
            alloc::vec![(String::from("loss"), self.loss[0] / self.loss[1])];
        if let Ok(judged) = &judged {
            figures.extend(judged.iter().cloned());
        }
        let ended = Epoch { epoch: self.at.epoch, epochs: self.epochs, rate: self.optimiser.rate(), figures };
        let mut flows = Ok(false);
        if judged.is_ok() {
            for callback in callbacks.iter_mut() {
                flows = match (flows, callback.after_epoch(&ended, &self.params)) {
                    (Ok(stop), Ok(flow)) => Ok(stop | (flow == Flow::Stop)),
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
            }
        }
        // Back before anything may end the run, so that no error leaves the average in the place of the parameters.
        if let Some(average) = average {
            average.swap(&mut self.params)?;
        }
        judged?;
        let figure = |(name, _): &(String, _)| ended.figure(name).ok_or_else(|| ended.lacks(name));
        let watched = self.plateau.as_ref().map(figure);
        if let (Some((_, plateau)), Some(Ok(value))) = (&mut self.plateau, &watched) {
            self.optimiser.set_rate(plateau.observe(*value));
        }
        // Everybody was told of the epoch, so that it is over, and not told again after a failure.
        (self.at.epoch, self.at.batch, self.loss) = (self.at.epoch + 1, 0, [0.0; 2]);
        self.at.stopped |= flows?;
        watched.transpose()?;
        self.store(callbacks, true)
    }
}

/// Figures that can be told from each other, and from the loss of the training.
fn named_once(judged: Vec<(String, f64)>) -> Result<Vec<(String, f64)>, Error> {
    for (i, (name, _)) in judged.iter().enumerate() {
        if name == "loss" || judged[..i].iter().any(|(other, _)| other == name) {
            let why = alloc::format!(
                "the problem is judged by `{name}`, a name that is taken: that of the training is `loss`; say `valid.loss`"
            );
            return Err(Error::State { why });
        }
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use super::super::{OnTape, Problem, Step, TapeLoss, Trainer};
    use crate::data::Batches;
    use crate::{Error, Handle, Init, Params, Sgd};
    use tress_autograd::{Pointwise, Reduce, Tape};

    /// `1 / w` for a `w` so small that the loss is finite and its slope is not.
    struct Steep(Handle);

    impl Problem for Steep {
        type Batch = ();

        fn order(&self, _: u64) -> Result<Batches, Error> {
            Batches::new(1, 1)
        }

        fn batch(&self, _: u64, _: &[usize]) -> Result<(), Error> {
            Ok(())
        }

        fn loss<'t>(&self, _: &'t Tape, bound: &OnTape<'t>, (): &(), _: &mut Step) -> TapeLoss<'t> {
            Ok(bound[self.0].recip().sum_all())
        }
    }

    #[test]
    fn a_finite_loss_with_an_infinite_gradient_leaves_the_parameters_alone() {
        let mut params = Params::<f32>::new(1);
        let w = params.root().parameter("w", [1], Init::Zeros).unwrap();
        params.block_mut()[0] = 1e-30;
        let mut trainer = Trainer::new(params, Sgd::new(0.1), 1, 1);
        let stopped = trainer.run(&Steep(w), &mut []);
        assert_eq!(
            stopped.unwrap_err(),
            Error::Diverged { what: "gradient", epoch: 0, batch: 0, row: Some(0) }
        );
        assert_eq!(trainer.params.block().item().unwrap(), 1e-30);
    }
}
