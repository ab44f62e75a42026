//! Soft parameter sharing: a trunk for each task, and a penalty on how far they are from each other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::{Pointwise, Reduce, Value};
use tress_nn::{Bound, Handle, Layer, Params, Scope, Sequential};
use tress_tensor::Float;

use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// K trunks of one build, drawn to each other by `strength sum_{a < b} |theta_a - theta_b|^2` (L. Duong, T. Cohn, S. Bird
/// & P. Cook, "Low resource dependency parsing: cross-lingual parameter sharing in a neural network parser", ACL 2015,
/// for two tasks; the sum over pairs is K times the spread around the mean of T. Evgeniou & M. Pontil,
/// "Regularized multi-task learning", KDD 2004).
///
/// Strength 0 is K separate networks; a large one is hard sharing. The penalty is in
/// [`Features::penalty`]: add its gradient with [`penalise`](super::penalise).
///
/// Parameters are declared as `<path>.task<k>.*`.
#[derive(Clone, Debug)]
pub struct SoftSharing<L = Sequential> {
    trunks: Vec<L>,
    /// The K places of each parameter.
    tied: Vec<Vec<Handle>>,
    strength: f64,
}

impl<L: Layer> SoftSharing<L> {
    /// Builds one trunk for each of so many tasks; `build` declares the parameters of one, the same for all.
    ///
    /// # Errors
    /// No task or more than 32, a strength that is negative or not finite, what `build` refuses, or trunks that differ
    /// in their parameters.
    pub fn new<T: Float>(
        params: &mut Params<T>,
        path: &str,
        tasks: usize,
        strength: f64,
        mut build: impl FnMut(&mut Scope<'_, T>) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        check_tasks(tasks)?;
        if !(strength >= 0.0 && strength.is_finite()) {
            return Err(Error::Setting { what: "the strength of soft sharing is finite and from 0 up" });
        }
        let paths: Vec<String> = (0..tasks).map(|task| format!("{path}.task{task}")).collect();
        let mut trunks = Vec::with_capacity(tasks);
        for path in &paths {
            trunks.push(build(&mut params.scope(path))?);
        }
        // Parameters belong together that have one name behind the path of their task.
        let own = |path: &String| -> Vec<(String, Handle)> {
            let inside = params.entries().filter(|entry| entry.is_trained() && entry.is_in(path));
            inside.map(|entry| (String::from(&entry.name()[path.len()..]), entry.handle())).collect()
        };
        let all: Vec<_> = paths.iter().map(own).collect();
        let mut tied = Vec::with_capacity(all[0].len());
        for (i, (name, first)) in all[0].iter().enumerate() {
            let places: Vec<Handle> = all
                .iter()
                .filter_map(|own| own.get(i).filter(|(other, _)| other == name))
                .map(|(_, handle)| *handle)
                .filter(|handle| handle.shape() == first.shape())
                .collect();
            tied.push(places);
        }
        if all.iter().any(|own| own.len() != tied.len()) || tied.iter().any(|places| places.len() != tasks) {
            return Err(Error::Setting { what: "softly shared trunks have the same parameters" });
        }
        Ok(Self { trunks, tied, strength })
    }

    /// The penalty: a single number.
    #[track_caller]
    fn penalty<V: Value>(&self, bound: &Bound<V>, x: &V) -> Option<V> {
        let tasks = self.trunks.len();
        if self.strength == 0.0 || tasks == 1 {
            return None;
        }
        let mut total: Option<V> = None;
        for places in &self.tied {
            let mut values = Vec::with_capacity(tasks);
            for place in places {
                values.push(bound.fetch(place, x));
            }
            let mut sum = values[0].clone();
            for value in &values[1..] {
                sum = sum + value.clone();
            }
            let mean = sum.scale(1.0 / tasks as f64);
            for value in values {
                let apart = (value - mean.clone()).square().sum_all();
                total = Some(match total {
                    Some(total) => total + apart,
                    None => apart,
                });
            }
        }
        total.map(|total| total.scale(self.strength * tasks as f64))
    }
}

impl<L: Layer> Architecture for SoftSharing<L> {
    fn tasks(&self) -> usize {
        self.trunks.len()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut tasks = Vec::with_capacity(self.trunks.len());
        for trunk in &self.trunks {
            tasks.push(trunk.apply(bound, x));
        }
        Features::new(tasks).with_penalty(self.penalty(bound, x))
    }
}
