//! Parameters averaged over steps.

use super::State;
use crate::{Error, Params};
use tress_tensor::{Float, Tensor, block};

/// The average of the parameters over steps, which is often better than the last of them.
///
/// State of the model that is not trained (running means) is not averaged: the average has the latest. After stochastic
/// weight averaging such statistics should be taken again, with the averaged parameters: [`Statistics`](crate::Statistics).
///
/// ```
/// use tress_nn::optim::{Average, Optimiser};
/// use tress_nn::{Dense, Params, Sgd};
/// use tress_tensor::Tensor;
/// let mut params = Params::<f32>::new(1);
/// Dense::new(&mut params.root(), 2, 2)?;
/// let (mut sgd, mut average) = (Sgd::new(0.1), Average::exponential(0.99)?);
/// for _ in 0..10 {
///     sgd.step(&mut params, &Tensor::full([6], 1.0)?)?;
///     average.update(&params)?;
/// }
/// average.swap(&mut params)?; // now the model has the average ..
/// average.swap(&mut params)?; // .. and now the last parameters again
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Average<T: Float = f32> {
    /// How much of the average stays in each update; `None`: as much as makes all updates count alike.
    keep: Option<f64>,
    updates: u64,
    block: Option<Tensor<T>>,
    swapped: bool,
}

impl<T: Float> Average<T> {
    /// The exponential moving average: `a = keep a + (1 - keep) p`, from the first parameters on (Polyak & Juditsky 1992;
    /// Tarvainen & Valpola 2017, "Mean teachers are better role models", equation 2).
    ///
    /// # Errors
    /// `keep` is not in `0.0..1.0`.
    pub fn exponential(keep: f64) -> Result<Self, Error> {
        match (0.0..1.0).contains(&keep) {
            true => Ok(Self { keep: Some(keep), ..Self::equal() }),
            false => Err(Error::Setting { of: "average", why: "what stays must be at least 0 and below 1" }),
        }
    }

    /// The mean of all updates (Izmailov et al. 2018, "Averaging weights leads to wider optima and better
    /// generalization", algorithm 1): stochastic weight averaging, updated once an epoch late in training.
    pub fn equal() -> Self {
        Self { keep: None, updates: 0, block: None, swapped: false }
    }

    /// Takes the parameters in.
    ///
    /// # Errors
    /// Another number of parameters than before, or the average is [swapped](Average::swap) with the parameters.
    pub fn update(&mut self, params: &Params<T>) -> Result<(), Error> {
        if self.swapped {
            return Err(Error::Setting { of: "average", why: "swap the parameters back before an update" });
        }
        let now = params.block().contiguous();
        match &mut self.block {
            Some(average) => {
                params.expect_block("average", average)?;
                let part = match self.keep {
                    Some(keep) => 1.0 - keep,
                    None => 1.0 / (self.updates + 1) as f64,
                };
                let (average, now) = (average.make_mut(), now.as_slice().unwrap_or_default());
                for (range, trained) in params.runs(|entry| Some(entry.is_trained())) {
                    match trained {
                        true => block::draw_near(part, &now[range.clone()], &mut average[range]),
                        false => average[range.clone()].copy_from_slice(&now[range]),
                    }
                }
            }
            slot => {
                // A copy of its own: a shared one would make the next step of the optimiser copy all parameters.
                let mut copy = Tensor::zeros([params.len()])?;
                copy.make_mut().copy_from_slice(now.as_slice().unwrap_or_default());
                *slot = Some(copy);
            }
        }
        self.updates = self.updates.saturating_add(1);
        Ok(())
    }

    /// The average `[P]`; `None` before the first update. While swapped, the parameters.
    pub fn block(&self) -> Option<&Tensor<T>> {
        self.block.as_ref()
    }

    /// How often it was updated.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Exchanges average and parameters, without copying: once before an evaluation, once after it.
    ///
    /// # Errors
    /// There was no update yet, or the model has another number of parameters.
    pub fn swap(&mut self, params: &mut Params<T>) -> Result<(), Error> {
        let Some(average) = &mut self.block else {
            return Err(Error::Setting { of: "average", why: "there is no average before the first update" });
        };
        let now = params.block();
        params.set_block(average)?;
        *average = now;
        self.swapped = !self.swapped;
        Ok(())
    }

    /// Whether it is in the place of the parameters, and they in its own.
    pub fn is_swapped(&self) -> bool {
        self.swapped
    }

    /// All that the updates have made, to be stored.
    pub fn state(&self) -> State<T> {
        let state = State::new("average").with_count("updates", self.updates);
        let state = state.with_count("swapped", self.swapped as u64);
        match &self.block {
            Some(block) => state.with_block("average", block.clone()),
            None => state,
        }
    }

    /// Goes on where [`state`](Average::state) was taken.
    ///
    /// # Errors
    /// It is a state of something else, or of another number of parameters; then nothing is changed.
    pub fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("average")?;
        let (updates, swapped) = (state.count("updates")?, state.count("swapped")? != 0);
        let block = state.block("average");
        if let Some(block) = block {
            params.expect_block("average", block)?;
        }
        (self.updates, self.swapped, self.block) = (updates, swapped, block.cloned());
        Ok(())
    }
}
