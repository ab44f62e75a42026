//! One method for each group of parameters: balancing per layer or per block instead of over the whole trunk.

use alloc::vec::Vec;

use super::panel::Part;
use super::{Heads, Needs, Observation, Observes, Panel, Weighting, Weights};
use crate::error::{Error, Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// A method of its own for each of several groups of parameters, which follow one another in the block.
///
/// Gradients that agree over the whole trunk may conflict in one layer. The groups of Z. Wang et al., "Gradient vaccine",
/// ICLR 2021, section 3.2, are layers: `PerGroup` of [`GradVac`](super::GradVac). Each group looks at its own part of
/// the Jacobian alone, and keeps state of its own.
///
/// **Scale.** That of the method, in each group. The weights that come back, for logs and heads, are the mean over the
/// groups in which some task has a gradient: a group without shared parameters, such as the layer of a head
/// ([`layer_ends`](crate::sweep::layer_ends) names every layer), has no say. Where no group has a gradient it is the mean
/// over all. It needs what its methods need: where they look at Gramians, the Jacobian is not formed.
#[derive(Clone, Debug, PartialEq)]
pub struct PerGroup<W> {
    ends: Vec<usize>,
    methods: Vec<W>,
}

impl<W: Weighting + Clone> PerGroup<W> {
    /// Groups that end before the given places: `[3, 10]` is `0..3` and `3..10` of 10 parameters. `make` is called
    /// with the number of each group.
    ///
    /// # Errors
    /// When there is no group, an end is not beyond the one before, or a method needs the losses alone (which are the
    /// same for every group).
    pub fn new(ends: &[usize], make: impl FnMut(usize) -> W) -> Result<Self> {
        let grows =
            ends.first().is_some_and(|&first| first > 0) && ends.windows(2).all(|pair| pair[0] < pair[1]);
        if !grows {
            return Err(Error::Setting { what: "groups end at growing places above 0" });
        }
        let methods: Vec<W> = (0..ends.len()).map(make).collect();
        if methods.iter().any(|method| method.needs() == Needs::Losses) {
            return Err(Error::Setting {
                what: "a method that looks at losses alone is the same for every group",
            });
        }
        Ok(Self { ends: ends.to_vec(), methods })
    }

    /// The method of each group.
    #[must_use]
    pub fn methods(&self) -> &[W] {
        &self.methods
    }
}

impl<W: Weighting + Clone> Weighting for PerGroup<W> {
    fn name(&self) -> &'static str {
        self.methods[0].name()
    }

    fn needs(&self) -> Needs {
        self.methods.iter().map(Weighting::needs).max().unwrap_or(Needs::Gramian)
    }

    fn heads(&self) -> Heads {
        self.methods[0].heads()
    }

    fn weights(&mut self, _losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        Err(Error::MissingJacobian { method: self.name() })
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_tasks(losses.len())?;
        check_length("parameters in groups", panel.width(), self.ends.last().copied().unwrap_or(0))?;
        // A group that refuses must leave those before it as they were.
        let mut moved = self.methods.clone();
        // Sums over the groups with a gradient, over those without, and how many there are of each.
        let mut sums = [[0.0; MAX_TASKS]; 2];
        let mut counts = [0.0; 2];
        let mut first = 0;
        for (method, &end) in moved.iter_mut().zip(&self.ends) {
            let width = end - first;
            let gramian = panel.gramian_in(first, width)?;
            let is_empty = (0..gramian.tasks()).all(|task| gramian.norm(task) == 0.0);
            let part = &mut Part { whole: &mut *panel, first, width, gramian: &gramian };
            let weights = method.direction(losses, part)?;
            let kind = usize::from(is_empty);
            sums[kind].iter_mut().zip(weights.iter()).for_each(|(sum, w)| *sum += w);
            counts[kind] += 1.0;
            first = end;
        }
        self.methods = moved;
        let kind = usize::from(counts[0] == 0.0);
        let mean = sums[kind].map(|sum| sum / counts[kind]);
        Weights::new(&mean[..losses.len()])
    }

    /// The mean of what the methods hold: which groups will have a gradient is not known before the step.
    fn held(&self) -> Option<Weights> {
        let mut sums = [0.0; MAX_TASKS];
        let mut tasks = 0;
        for method in &self.methods {
            let held = method.held()?;
            sums.iter_mut().zip(held.iter()).for_each(|(sum, w)| *sum += w);
            tasks = held.len();
        }
        let mean = sums.map(|sum| sum / self.methods.len() as f64);
        Weights::new(&mean[..tasks]).ok()
    }

    fn observes(&self) -> Observes {
        self.methods[0].observes()
    }

    fn observe(&mut self, seen: Observation<'_>) -> Result<()> {
        self.methods.iter_mut().try_for_each(|method| method.observe(seen))
    }

    /// For each group the length of its state, and its state.
    fn save(&self) -> Vec<f64> {
        let mut state = Vec::new();
        for method in &self.methods {
            let own = method.save();
            state.push(own.len() as f64);
            state.extend(own);
        }
        state
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        let wrong = Error::State { what: "it does not hold one part for each group" };
        let mut restored = self.methods.clone();
        let mut rest = state;
        for method in &mut restored {
            let (&length, behind) = rest.split_first().ok_or_else(|| wrong.clone())?;
            if !(length >= 0.0 && length <= behind.len() as f64) {
                return Err(wrong);
            }
            let (own, behind) = behind.split_at(length as usize);
            method.restore(own)?;
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(wrong);
        }
        self.methods = restored;
        Ok(())
    }
}
