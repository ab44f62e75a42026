//! Groups of parameters: which of them an optimiser changes, how fast, and on which of them weight decay acts.

use crate::pattern::Pattern;
use crate::{Entry, Error, Params};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use tress_tensor::{Float, Tensor};

/// Exceptions by name, for groups of parameters.
///
/// A pattern is a whole name or a scope (`trunk`), the end of a name (`.bias`), or has stars: `trunk.*.weight`, where `*`
/// stands for any one part between dots and `**` for any number of them. Later rules win over earlier ones. A pattern that
/// fits no parameter is an error in the first step: a name that is misspelt would train what should be frozen.
///
/// ```
/// use tress_nn::optim::Rules;
/// use tress_nn::{Adam, Dense, Params};
/// let mut params = Params::<f32>::new(1);
/// Dense::new(&mut params.scope("trunk"), 2, 3)?;
/// Dense::new(&mut params.scope("head"), 3, 1)?;
/// let rules = Rules::new().freeze("**").train("head").rate("head.weight", 0.1).without_decay(".bias");
/// let optimiser = Adam::<f32>::decoupled(1e-3, 0.01).rules(rules);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    rules: Vec<(Pattern, Change)>,
}

/// What a rule says of its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Trains(bool),
    Decay(f64),
    Rate(f64),
}

/// What the rules say of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tuning {
    /// The rate is that of the optimiser times this.
    pub(super) factor: f64,
    /// Another weight decay than that of the optimiser.
    pub(super) decay: Option<f64>,
}

impl Rules {
    /// No exceptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parameters that are not changed. A [`Trainer`](crate::train::Trainer) does no work for their gradients, and runs their
    /// layers in evaluation mode, as [`Params::freeze`] does for every loop.
    pub fn freeze(self, pattern: &str) -> Self {
        self.with(pattern, Change::Trains(false))
    }

    /// Parameters that are changed after all, although an earlier rule freezes them.
    pub fn train(self, pattern: &str) -> Self {
        self.with(pattern, Change::Trains(true))
    }

    /// Parameters without weight decay.
    pub fn without_decay(self, pattern: &str) -> Self {
        self.decay(pattern, 0.0)
    }

    /// Parameters with another weight decay than that of the optimiser.
    pub fn decay(self, pattern: &str, decay: f64) -> Self {
        self.with(pattern, Change::Decay(decay))
    }

    /// Parameters whose learning rate is `factor` times that of the optimiser, also while a schedule changes that.
    pub fn rate(self, pattern: &str, factor: f64) -> Self {
        self.with(pattern, Change::Rate(factor))
    }

    fn with(mut self, pattern: &str, change: Change) -> Self {
        self.rules.push((Pattern::new(pattern), change));
        self
    }

    /// Whether there are rules that only freeze or train, with no rates and decays.
    pub(super) fn only_freeze(&self) -> bool {
        self.rules.iter().all(|(_, change)| matches!(change, Change::Trains(_)))
    }

    /// Whether no rule freezes anything.
    pub(crate) fn freeze_nothing(&self) -> bool {
        !self.rules.iter().any(|(_, change)| *change == Change::Trains(false))
    }

    /// Whether what has this name is frozen: a parameter, state, or a layer by the path of its scope.
    pub(crate) fn freezes(&self, name: &str) -> bool {
        let said = self.rules.iter().rev().find_map(|(pattern, change)| match change {
            Change::Trains(yes) if pattern.matches(name) => Some(*yes),
            _ => None,
        });
        said == Some(false)
    }

    /// Whether a parameter is changed.
    pub fn trains(&self, entry: &Entry) -> bool {
        entry.is_trained() && self.tuning(entry).is_some()
    }

    /// Sets the gradient of frozen parameters to zero, so that they have no part in its norm, and it does not matter whether
    /// it is finite there.
    pub fn mask<T: Float>(&self, params: &Params<T>, gradient: &mut Tensor<T>) {
        if self.freeze_nothing() {
            return;
        }
        for entry in params.entries().filter(|entry| !self.trains(entry)) {
            if let Some(frozen) = gradient.make_mut().get_mut(entry.range()) {
                frozen.fill(T::ZERO);
            }
        }
    }

    /// What the rules say of a parameter; `None`: it is frozen.
    fn tuning(&self, entry: &Entry) -> Option<Tuning> {
        let (mut trains, mut tuning) = (true, Tuning { factor: 1.0, decay: None });
        for (_, change) in self.rules.iter().filter(|(pattern, _)| pattern.matches(entry.name())) {
            match *change {
                Change::Trains(yes) => trains = yes,
                Change::Decay(decay) => tuning.decay = Some(decay),
                Change::Rate(factor) => tuning.factor = factor,
            }
        }
        trains.then_some(tuning)
    }

    /// The parts of the block to pass over, as few as possible, with what the rules say of each.
    pub(super) fn runs<T: Float>(&self, params: &Params<T>) -> Result<Vec<(Range<usize>, Tuning)>, Error> {
        for (pattern, change) in &self.rules {
            if !params.entries().any(|entry| pattern.matches(entry.name())) {
                return Err(Error::Unknown { name: String::from(pattern.text()) });
            }
            if let Change::Decay(number) | Change::Rate(number) = change
                && !(number.is_finite() && *number >= 0.0)
            {
                let why = "rates and decays of groups must be finite and not negative";
                return Err(Error::Setting { of: "rules", why });
            }
        }
        let tuning = |entry: &Entry| if entry.is_trained() { self.tuning(entry) } else { None };
        Ok(params.runs(tuning).collect())
    }
}
