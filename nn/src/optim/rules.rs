//! Which parameters an optimiser changes, and on which of them weight decay acts.

use crate::{Entry, Params};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use tress_tensor::Float;

/// Exceptions by name. A pattern is a whole name or a scope (`trunk`), or, if it begins with a dot, the end of a name
/// (`.bias`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    frozen: Vec<String>,
    undecayed: Vec<String>,
}

impl Rules {
    /// No exceptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parameters that are not changed.
    pub fn freeze(mut self, pattern: &str) -> Self {
        self.frozen.push(String::from(pattern));
        self
    }

    /// Parameters without weight decay.
    pub fn without_decay(mut self, pattern: &str) -> Self {
        self.undecayed.push(String::from(pattern));
        self
    }

    /// Whether a parameter is changed.
    pub fn trains(&self, entry: &Entry) -> bool {
        entry.is_trained() && !any(&self.frozen, entry)
    }

    /// Whether weight decay acts on a parameter.
    pub fn decays(&self, entry: &Entry) -> bool {
        !any(&self.undecayed, entry)
    }

    /// The parts of the block to pass over, and whether weight decay acts there.
    pub(super) fn runs<T: Float>(&self, params: &Params<T>) -> Vec<(Range<usize>, bool)> {
        params.runs(|entry| self.trains(entry).then(|| self.decays(entry))).collect()
    }
}

fn any(patterns: &[String], entry: &Entry) -> bool {
    patterns.iter().any(|pattern| match pattern.starts_with('.') {
        true => entry.name().ends_with(pattern.as_str()),
        false => entry.is_in(pattern),
    })
}
