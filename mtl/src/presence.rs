//! Steps in which some tasks are absent: no label in the batch, or a batch of another task's data set.
//!
//! What balancing sees is the set of the tasks that are present. An absent task has no loss, no row in the Gramian and
//! no weight; it is not a task with loss zero, which would be a different thing to nearly every method (a row of zeros
//! *is* the shortest combination of MGDA). Of the features it is only asked that they be [cut](crate::sharing::cut) as
//! if all tasks were there: give it the outputs, not the losses.
//!
//! A method with state has learned it for the K tasks that it was made for, in their order. [`Partial`] keeps that state for
//! each task, and gives it to a method for those that are present.
//!
//! Where each data set has one task, a step has one task. Methods that look at gradients give its gradient as it is, but for
//! their scale. Methods that weigh tasks against each other (FAMO, MoDo, SDMGrad, MoCo, ExcessMTL, DWA, GradNorm) have nothing
//! to weigh: no step shifts weight from one task to another, and their shares stay what they were. Only what a method learns of
//! a task by itself goes on: the log-variances of uncertainty weighting, the factors of IMTL-L, the weights of Auto-lambda. To
//! let such methods balance, draw batches of several tasks.

use alloc::vec::Vec;

use tress_autograd::{Eager, Var};
use tress_nn::{Bound, Params};
use tress_tensor::Float;

use crate::balance::{Kept, Observation, Weighting, kept};
use crate::error::{Error, Result, check_finite, check_length, check_tasks};
use crate::solve::Gramian;
use crate::sweep::{Balanced, balanced};

/// Which of K tasks take part in a step; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    tasks: usize,
    /// Rising.
    present: Vec<usize>,
}

impl Presence {
    /// The tasks that have something, such as a loss; `None` if none has.
    ///
    /// # Errors
    /// No task or more than 32.
    pub fn of<L>(given: &[Option<L>]) -> Result<Option<Self>> {
        check_tasks(given.len())?;
        let present: Vec<usize> = (0..given.len()).filter(|&task| given[task].is_some()).collect();
        Ok((!present.is_empty()).then_some(Self { tasks: given.len(), present }))
    }

    /// The number of tasks K, present or not.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// The present tasks, rising.
    pub fn present(&self) -> &[usize] {
        &self.present
    }

    /// Whether all are.
    pub fn is_whole(&self) -> bool {
        self.present.len() == self.tasks
    }

    /// One bit a task: which set it is.
    fn mask(&self) -> u32 {
        self.present.iter().fold(0, |mask, task| mask | 1 << task)
    }

    /// What belongs to the present tasks, of K things.
    ///
    /// # Errors
    /// Another number of things than of tasks.
    pub fn select<I: Clone>(&self, all: &[I]) -> Result<Vec<I>> {
        check_length("things of all tasks", self.tasks, all.len())?;
        Ok(self.present.iter().map(|&task| all[task].clone()).collect())
    }

    /// The rows and columns of the present tasks.
    ///
    /// # Errors
    /// The Gramian of another number of tasks.
    pub fn gramian(&self, whole: &Gramian) -> Result<Gramian> {
        check_length("tasks of the Gramian", self.tasks, whole.tasks())?;
        let entries = self.present.iter().flat_map(|&i| self.present.iter().map(move |&j| whole.at(i, j)));
        Gramian::new(self.present.len(), &entries.collect::<Vec<_>>())
    }

    /// Numbers of the present tasks, each in the place of its task among all K.
    ///
    /// # Errors
    /// Another number of numbers than of present tasks.
    pub fn spread(&self, values: &[f64]) -> Result<Vec<Option<f64>>> {
        check_length("numbers of present tasks", self.present.len(), values.len())?;
        let mut all = alloc::vec![None; self.tasks];
        self.present.iter().zip(values).for_each(|(&task, &value)| all[task] = Some(value));
        Ok(all)
    }
}

/// A balancing method that serves any of K tasks, each with what was learned for it.
///
/// One method is at work at a time, made for the tasks that are present. When others come to be present, its state goes back
/// to those that it belongs to ([`Weighting::kept`]), and the next method begins with theirs: a task that is absent keeps its
/// log-variance, its mean losses, its averaged gradient, until it is there again. Shares, which sum to one, keep their sum
/// among the present tasks. What belongs to no task, such as a number of steps, goes on.
///
/// A method that does not say whose its state is ([`ParetoMtl`](crate::balance::ParetoMtl), whose sectors are other ones for other tasks;
/// [`PerGroup`](crate::balance::PerGroup)) has a state for each set of tasks, which goes on when that set comes again.
///
/// ```
/// use tress_mtl::balance::{Uncertainty, Weighting};
/// use tress_mtl::presence::{Partial, Presence};
///
/// let mut methods = Partial::new(3, |tasks: &[usize]| Uncertainty::new(tasks.len(), 0.1))?;
/// let [first, last] = [[true, true, false], [false, true, true]].map(|there| there.map(|there| there.then_some(())));
/// methods.method(&Presence::of(&first)?.unwrap())?.weights(&[2.0, 0.1], None)?;
/// let learned = methods.method(&Presence::of(&last)?.unwrap())?.log_variances().to_vec();
/// assert!(learned[0] < 0.0 && learned[1] == 0.0); // the task in both goes on, the new one begins
/// # Ok::<(), tress_mtl::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Partial<M, F> {
    tasks: usize,
    make: F,
    /// What the state of all tasks is made of; `None` where a state belongs to a set of tasks.
    kept: Option<&'static [Kept]>,
    /// The state of all tasks, without what the method at work has learned since.
    whole: Vec<f64>,
    /// The states of sets of tasks, by mask, rising; where a state belongs to a set.
    sets: Vec<(u32, Vec<f64>)>,
    /// The method at work, and for whom.
    at_work: Option<(Presence, M)>,
}

impl<M: Weighting, F: Fn(&[usize]) -> Result<M>> Partial<M, F> {
    /// A method for K tasks; `make` is given those that are present and makes a method for as many, in its first state.
    ///
    /// # Errors
    /// No task or more than 32; what `make` refuses for all of them.
    pub fn new(tasks: usize, make: F) -> Result<Self> {
        check_tasks(tasks)?;
        let all: Vec<usize> = (0..tasks).collect();
        let method = make(&all)?;
        let whole = method.save();
        let kept = kept::fits(method.kept(), tasks, whole.len()).then_some(method.kept());
        let whole = if kept.is_some() { whole } else { Vec::new() };
        Ok(Self { tasks, make, kept, whole, sets: Vec::new(), at_work: None })
    }

    /// The method for the present tasks.
    ///
    /// # Errors
    /// A presence of another number of tasks; what `make` refuses. Nothing is changed then.
    pub fn method(&mut self, presence: &Presence) -> Result<&mut M> {
        check_length("tasks", self.tasks, presence.tasks())?;
        if self.at_work.as_ref().is_none_or(|(of, _)| of != presence) {
            let mut method = (self.make)(presence.present())?;
            let (whole, sets) = self.brought_back()?;
            if let Some(kept) = self.kept {
                method.restore(&kept::of_some(kept, self.tasks, &whole, presence.present())?)?;
            } else if let Ok(place) = sets.binary_search_by_key(&presence.mask(), |(of, _)| *of) {
                method.restore(&sets[place].1)?;
            }
            (self.whole, self.sets) = (whole, sets);
            self.at_work = Some((presence.clone(), method));
        }
        match &mut self.at_work {
            Some((_, method)) => Ok(method),
            None => Err(Error::State { what: "no method is at work" }),
        }
    }

    /// The states of all, with what the method at work has learned.
    #[allow(clippy::type_complexity)]
    fn brought_back(&self) -> Result<(Vec<f64>, Vec<(u32, Vec<f64>)>)> {
        let (mut whole, mut sets) = (self.whole.clone(), self.sets.clone());
        if let Some((presence, method)) = &self.at_work {
            let state = method.save();
            if let Some(kept) = self.kept {
                whole = kept::with_some(kept, self.tasks, &whole, presence.present(), &state)?;
            } else {
                match sets.binary_search_by_key(&presence.mask(), |(of, _)| *of) {
                    Ok(place) => sets[place].1 = state,
                    Err(place) => sets.insert(place, (presence.mask(), state)),
                }
            }
        }
        Ok((whole, sets))
    }

    /// Tells of the end of an epoch, which is that of all tasks, present in the last step or not.
    ///
    /// # Errors
    /// As [`Weighting::observe`]; nothing is changed then.
    pub fn end_epoch(&mut self) -> Result<()> {
        let (mut whole, mut sets) = self.brought_back()?;
        let told = |present: &[usize], state: &mut Vec<f64>| -> Result<()> {
            let mut method = (self.make)(present)?;
            method.restore(state)?;
            method.observe(Observation::EpochEnd)?;
            *state = method.save();
            Ok(())
        };
        if self.kept.is_some() {
            told(&(0..self.tasks).collect::<Vec<_>>(), &mut whole)?;
        }
        for (mask, state) in &mut sets {
            told(&self.members(*mask), state)?;
        }
        (self.whole, self.sets, self.at_work) = (whole, sets, None);
        Ok(())
    }

    /// The tasks of a mask.
    fn members(&self, mask: u32) -> Vec<usize> {
        (0..self.tasks).filter(|task| mask >> task & 1 == 1).collect()
    }

    /// The state of all tasks; or, where a state belongs to a set of tasks, for each set its mask, the length of its state,
    /// and that state.
    ///
    /// # Errors
    /// A method whose state is not made of the parts that it names.
    pub fn save(&self) -> Result<Vec<f64>> {
        let (mut state, sets) = self.brought_back()?;
        for (mask, own) in sets {
            state.extend([f64::from(mask), own.len() as f64]);
            state.extend(own);
        }
        Ok(state)
    }

    /// Takes back what [`save`](Partial::save) gave.
    ///
    /// # Errors
    /// State that `save` cannot give; nothing is changed then.
    pub fn restore(&mut self, state: &[f64]) -> Result<()> {
        check_finite("state", state)?;
        if self.kept.is_some() {
            (self.make)(&(0..self.tasks).collect::<Vec<_>>())?.restore(state)?;
            (self.whole, self.at_work) = (state.to_vec(), None);
            return Ok(());
        }
        let wrong = |what| Err(Error::State { what });
        let (mut rest, mut sets) = (state, Vec::<(u32, Vec<f64>)>::new());
        while let [mask, len, others @ ..] = rest {
            let (bits, count) = (*mask as u32, *len as usize);
            let all = u32::MAX >> (32 - self.tasks as u32);
            if f64::from(bits) != *mask || bits == 0 || bits & !all != 0 {
                return wrong("a set is not one of the tasks");
            }
            if sets.last().is_some_and(|(before, _)| *before >= bits) {
                return wrong("the sets of tasks do not rise");
            }
            if count as f64 != *len || count > others.len() {
                return wrong("the state of a set is cut short");
            }
            (self.make)(&self.members(bits))?.restore(&others[..count])?;
            sets.push((bits, others[..count].to_vec()));
            rest = &others[count..];
        }
        if !rest.is_empty() {
            return wrong("the state of a set is cut short");
        }
        (self.sets, self.at_work) = (sets, None);
        Ok(())
    }
}

/// Balances the losses of the tasks that are present, as [`balanced`] does for all: who is present, and the result, whose
/// losses, weights and Gramian are theirs in rising order. `None` if no task is present: then there is no step to take.
///
/// `features` are the [cut](crate::sharing::cut) of all K outputs. The parameters of absent heads get zeros.
///
/// # Errors
/// As [`balanced`], and as [`Partial::method`].
pub fn balanced_present<'t, T: Float, M: Weighting, F: Fn(&[usize]) -> Result<M>>(
    losses: &[Option<Var<'t, Eager<T>>>],
    features: &[Var<'t, Eager<T>>],
    bound: &Bound<Var<'t, Eager<T>>>,
    params: &Params<T>,
    methods: &mut Partial<M, F>,
) -> Result<Option<(Presence, Balanced<T>)>> {
    let Some(presence) = Presence::of(losses)? else { return Ok(None) };
    let present: Vec<_> = losses.iter().flatten().copied().collect();
    let step = balanced(&present, features, bound, params, methods.method(&presence)?)?;
    Ok(Some((presence, step)))
}
