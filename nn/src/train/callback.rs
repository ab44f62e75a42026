//! What happens between steps and epochs.

use super::{EarlyStopping, Verdict};
use crate::optim::State;
use crate::{Error, Params};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Go,
    /// It ends here.
    Stop,
}

/// What an epoch has come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// Its number, from 0.
    pub epoch: u64,
    /// How many there will be.
    pub epochs: u64,
    /// The learning rate of its last step.
    pub rate: f64,
    /// First `loss`, the mean loss of the training samples while they were trained on; then what the problem was judged by.
    pub figures: Vec<(String, f64)>,
}

impl Epoch {
    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    /// That there is no such figure.
    pub(super) fn lacks(&self, name: &str) -> Error {
        let names: Vec<&str> = self.figures.iter().map(|(name, _)| name.as_str()).collect();
        Error::State { why: format!("there is no figure `{name}`; there are {names:?}") }
    }
}

/// Something that is told how training goes, and may end it.
pub trait Callback<T: Float = f32> {
    /// The name of what it stores in a checkpoint: another one for each callback of a run that stores something.
    fn name(&self) -> &str;

    /// After a step of the optimiser: the number of steps, the loss of the batch, the parameters.
    ///
    /// # Errors
    /// Whatever shall end the run as a failure.
    fn after_step(&mut self, _step: u64, _loss: f64, _params: &Params<T>) -> Result<Flow, Error> {
        Ok(Flow::Go)
    }

    /// After an epoch; the parameters are averaged if the trainer averages.
    ///
    /// # Errors
    /// Whatever shall end the run as a failure.
    fn after_epoch(&mut self, _epoch: &Epoch, _params: &Params<T>) -> Result<Flow, Error> {
        Ok(Flow::Go)
    }

    /// What a checkpoint keeps of it; `None` if it remembers nothing.
    fn state(&self) -> Option<State<T>> {
        None
    }

    /// Goes on where [`state`](Callback::state) was taken.
    ///
    /// # Errors
    /// The state is of something else.
    fn restore(&mut self, _state: &State<T>) -> Result<(), Error> {
        Ok(())
    }
}

/// One line an epoch, handed to a function:
/// `Progress::new(|line| println!("{line}"))`.
#[derive(Clone, Debug)]
pub struct Progress<F>(F);

impl<F: FnMut(&str)> Progress<F> {
    /// Hands lines to `show`.
    pub fn new(show: F) -> Self {
        Self(show)
    }
}

impl<T: Float, F: FnMut(&str)> Callback<T> for Progress<F> {
    fn name(&self) -> &str {
        "progress"
    }

    fn after_epoch(&mut self, epoch: &Epoch, _: &Params<T>) -> Result<Flow, Error> {
        let mut line = format!("epoch {}/{}", epoch.epoch + 1, epoch.epochs);
        for (name, value) in &epoch.figures {
            line.push_str(&format!("  {name} {value:.4}"));
        }
        line.push_str(&format!("  rate {:.2e}", epoch.rate));
        (self.0)(&line);
        Ok(Flow::Go)
    }
}

/// The figures of all epochs so far, those before a checkpoint included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    epochs: Vec<Vec<(String, f64)>>,
}

impl History {
    /// Of no epoch yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The figures of each epoch.
    pub fn epochs(&self) -> &[Vec<(String, f64)>] {
        &self.epochs
    }

    /// One figure through all epochs that have it.
    pub fn of(&self, name: &str) -> Vec<f64> {
        let found = self.epochs.iter().filter_map(|figures| figures.iter().find(|(other, _)| other == name));
        found.map(|(_, value)| *value).collect()
    }
}

impl<T: Float> Callback<T> for History {
    fn name(&self) -> &str {
        "history"
    }

    fn after_epoch(&mut self, epoch: &Epoch, _: &Params<T>) -> Result<Flow, Error> {
        self.epochs.push(epoch.figures.clone());
        Ok(Flow::Go)
    }

    fn state(&self) -> Option<State<T>> {
        let mut state = State::new("history").with_count("epochs", self.epochs.len() as u64);
        for (epoch, figures) in self.epochs.iter().enumerate() {
            for (name, value) in figures {
                state = state.with_number(&format!("{epoch}/{name}"), *value);
            }
        }
        Some(state)
    }

    fn restore(&mut self, state: &State<T>) -> Result<(), Error> {
        state.expect("history")?;
        let mut epochs: Vec<Vec<(String, f64)>> = Vec::new();
        for (name, value) in state.numbers() {
            let parts =
                name.split_once('/').and_then(|(epoch, name)| Some((epoch.parse::<usize>().ok()?, name)));
            // Figures are stored epoch by epoch, so each is of the last one or of the next.
            let Some((epoch, name)) = parts.filter(|(epoch, _)| *epoch <= epochs.len()) else {
                return Err(Error::State { why: format!("`{name}` is no figure of an epoch") });
            };
            if epoch == epochs.len() {
                epochs.push(Vec::new());
            }
            epochs[epoch].push((String::from(name), value));
        }
        if epochs.len() as u64 != state.count("epochs")? {
            return Err(Error::State { why: String::from("the history lacks an epoch") });
        }
        self.epochs = epochs;
        Ok(())
    }
}

/// Ends training when a figure no longer gets better, and keeps the parameters that were best.
#[derive(Clone, Debug)]
pub struct EarlyStop<T: Float = f32> {
    name: String,
    figure: String,
    rule: EarlyStopping,
    best: Option<Tensor<T>>,
}

impl<T: Float> EarlyStop<T> {
    /// Watches a figure: `"loss"`, or one of [`Problem::judge`](super::Problem::judge).
    pub fn new(figure: &str, rule: EarlyStopping) -> Self {
        Self { name: format!("early stop of {figure}"), figure: String::from(figure), rule, best: None }
    }

    /// Under another name in a checkpoint, where two watch one figure.
    pub fn named(self, name: &str) -> Self {
        Self { name: String::from(name), ..self }
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.rule.best()
    }

    /// Puts the best parameters in the place of those that training ended with.
    ///
    /// # Errors
    /// No epoch has ended yet, or the parameters are of another model.
    pub fn take_best(&self, params: &mut Params<T>) -> Result<(), Error> {
        match &self.best {
            Some(best) => params.set_block(best),
            None => Err(Error::Setting { of: "early stop", why: "no epoch has given a figure yet" }),
        }
    }
}

impl<T: Float> Callback<T> for EarlyStop<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn after_epoch(&mut self, epoch: &Epoch, params: &Params<T>) -> Result<Flow, Error> {
        let value = epoch.figure(&self.figure).ok_or_else(|| epoch.lacks(&self.figure))?;
        match self.rule.measure(value) {
            Verdict::Best => {
                // A copy of its own: a shared one would make the next step copy all parameters.
                let mut copy = Tensor::zeros([params.len()])?;
                crate::params::copy(&params.block(), copy.make_mut());
                self.best = Some(copy);
                Ok(Flow::Go)
            }
            Verdict::Waiting(_) => Ok(Flow::Go),
            Verdict::Stopped => Ok(Flow::Stop),
        }
    }

    fn state(&self) -> Option<State<T>> {
        let saved = self.rule.save();
        let state = State::new("early stop").with_number("best", saved[0]).with_number("waited", saved[1]);
        Some(match &self.best {
            Some(best) => state.with_block("parameters", best.clone()),
            None => state,
        })
    }

    fn restore(&mut self, state: &State<T>) -> Result<(), Error> {
        state.expect("early stop")?;
        self.rule.restore(&[state.number("best")?, state.number("waited")?])?;
        self.best = state.block("parameters").cloned();
        Ok(())
    }
}
