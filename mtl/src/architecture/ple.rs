//! Progressive layered extraction: customised gate control on several levels.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Scope, Sequential};
use tress_tensor::Float;

use super::cgc::Level;
use super::{Architecture, Features};
use crate::error::{Error, Result};

/// Levels of experts, own and shared. On level `j`, task `k` goes on with `g^{k,j} = w^{k,j}(g^{k,j-1}) S^{k,j}` (H. Tang
/// et al., RecSys 2020). For the shared experts of the next level, a **shared gate** mixes the experts of all
/// tasks and the shared ones; the last level has none, as no level follows. One level is
/// [`Cgc`](super::Cgc).
///
/// Parameters are declared as `level<j>.task<k>.{expert<i>.*, gate.weight}` and `level<j>.shared.*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ple<L = Sequential> {
    levels: Vec<Level<L>>,
}

impl<L: Layer> Ple<L> {
    /// One level for each of `widths`, which is how many numbers a sample has where it enters the level: the inputs,
    /// then what the experts of the level before give. `build(scope, level)` declares an expert.
    ///
    /// # Errors
    /// No task or more than 32, no level, no expert, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        own: usize,
        shared: usize,
        widths: &[usize],
        mut build: impl FnMut(&mut Scope<'_, T>, usize) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        if widths.is_empty() {
            return Err(Error::Setting { what: "there is at least one level of experts" });
        }
        let mut levels = Vec::with_capacity(widths.len());
        for (j, &width) in widths.iter().enumerate() {
            let mut place = scope.scope(&format!("level{j}"));
            let more = j + 1 < widths.len();
            levels.push(Level::new(&mut place, tasks, own, shared, width, more, |scope| build(scope, j))?);
        }
        Ok(Self { levels })
    }
}

impl<L: Layer> Architecture for Ple<L> {
    fn tasks(&self) -> usize {
        self.levels[0].tasks()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut tasks = alloc::vec![x.clone(); self.tasks()];
        let mut shared = x.clone();
        let mut gates = Vec::new();
        for level in &self.levels {
            let (next, common, weights) = level.apply(bound, &tasks, &shared);
            tasks = next;
            gates.extend(weights);
            if let Some(common) = common {
                shared = common;
            }
        }
        Features::new(tasks).with_gates(gates)
    }
}
