//! Cross-stitch networks: a column of layers for each task, and linear mixtures between them.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::Value;
use tress_nn::{Bound, Layer, Scope, Sequential};
use tress_tensor::Float;

use super::columns::Columns;
use super::stitch::Stitch;
use super::{Architecture, Features};
use crate::error::{Error, Result};

/// K columns; behind each stage, the activations of task `a` become `x~_a = sum_b alpha_ab x_b` (I. Misra, A.
/// Shrivastava, A. Gupta & M. Hebert, "Cross-stitch networks for multi-task learning", CVPR 2016).
///
/// Each channel has an `alpha` of its own. `alpha` begins with 0.9 on the diagonal and 0.1 off it, as in the paper;
/// for more than two tasks the 0.1 is shared out, so that rows sum to one. The paper trains `alpha` at 100 to 1000
/// times the learning rate of the columns.
///
/// Parameters are declared as `task<k>.stage<s>.*` and `stitch<s>.{own<k>, other<k>}`.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossStitch<L = Sequential> {
    columns: Columns<L>,
    units: Vec<Stitch>,
}

impl<L: Layer> CrossStitch<L> {
    /// One stage for each of `channels`, which has as many channels as said there (axis 1 of what its layer gives); 1
    /// makes one weight for all channels. `build(scope, stage)` declares a layer, the same for all tasks.
    ///
    /// # Errors
    /// No task or more than 32, no stage, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        channels: &[usize],
        build: impl FnMut(&mut Scope<'_, T>, usize) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        Self::starting_at(scope, tasks, channels, 0.9, build)
    }

    /// With another first number on the diagonal of `alpha`; 1 begins with separate networks.
    ///
    /// # Errors
    /// As [`new`](CrossStitch::new); a number that is not finite.
    pub fn starting_at<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        channels: &[usize],
        own: f64,
        build: impl FnMut(&mut Scope<'_, T>, usize) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        if channels.contains(&0) {
            return Err(Error::Setting { what: "a cross-stitch unit has at least one channel" });
        }
        let columns = Columns::new(scope, tasks, channels.len(), build)?;
        let mut units = Vec::with_capacity(channels.len());
        for (stage, &channels) in channels.iter().enumerate() {
            units.push(Stitch::new(&mut scope.scope(&format!("stitch{stage}")), tasks, channels, own)?);
        }
        Ok(Self { columns, units })
    }
}

impl<L: Layer> Architecture for CrossStitch<L> {
    fn tasks(&self) -> usize {
        self.columns.tasks()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut xs = alloc::vec![x.clone(); self.columns.tasks()];
        for (stage, unit) in self.units.iter().enumerate() {
            xs = unit.apply(bound, &self.columns.apply(stage, bound, &xs));
        }
        Features::new(xs)
    }
}
