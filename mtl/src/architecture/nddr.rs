//! NDDR-CNN: the features of all tasks side by side, reduced for each task by a 1 x 1 convolution.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Fused, Value};
use tress_nn::{Bound, Handle, Init, Layer, Scope, Sequential};
use tress_tensor::{Float, Tensor, Window};

use super::columns::Columns;
use super::{Architecture, Features};
use crate::error::{Error, Result};

/// K columns; behind each stage, task `k` goes on with `W_k [x_1; ..; x_K]`, the channels of all tasks side by side under
/// a 1 x 1 convolution (Y. Gao, J. Ma, M. Zhao, W. Liu & A. L. Yuille, "NDDR-CNN: layerwise feature fusing in multi-task
/// CNNs by neural discriminative dimensionality reduction", CVPR 2019). Features `[N, C]` count as pictures
/// of one pixel.
///
/// `W_k` begins diagonal: `alpha` for a task's own channels, `beta` for the same channels of the others,
/// 0.9 and 0.1 / (K - 1). What is stored, `nddr<s>.task<k> [C, K C]`, is what was **learned on top of that start**, so
/// weight decay draws the layer back to it. The paper's batch normalisation is left to the stages.
///
/// Parameters are declared as `task<k>.stage<s>.*` and `nddr<s>.task<k>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Nddr<L = Sequential> {
    columns: Columns<L>,
    /// Stage by stage, one matrix for each task.
    reductions: Vec<Vec<Handle>>,
    alpha: f64,
}

impl<L: Layer> Nddr<L> {
    /// One stage for each of `channels`, which has as many channels as said there (axis 1 of what its layer gives).
    /// `build(scope, stage)` declares a layer, the same for all tasks.
    ///
    /// # Errors
    /// No task or more than 32, no stage, or what `build` refuses.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        channels: &[usize],
        build: impl FnMut(&mut Scope<'_, T>, usize) -> core::result::Result<L, tress_nn::Error>,
    ) -> Result<Self> {
        let columns = Columns::new(scope, tasks, channels.len(), build)?;
        let mut reductions = Vec::with_capacity(channels.len());
        for (stage, &channels) in channels.iter().enumerate() {
            let mut scope = scope.scope(&format!("nddr{stage}"));
            let mut each = Vec::with_capacity(tasks);
            for task in 0..tasks {
                let shape = [channels, tasks.saturating_mul(channels)];
                each.push(scope.parameter(&format!("task{task}"), shape, Init::Zeros)?);
            }
            reductions.push(each);
        }
        Ok(Self { columns, reductions, alpha: 0.9 })
    }

    /// With another weight for a task's own channels, and `(1 - alpha) / (K - 1)` for those of the others; 1 begins with
    /// separate networks.
    ///
    /// # Errors
    /// A weight that is not finite.
    pub fn alpha(self, alpha: f64) -> Result<Self> {
        match alpha.is_finite() {
            true => Ok(Self { alpha, ..self }),
            false => Err(Error::Setting { what: "alpha of NDDR is finite" }),
        }
    }

    /// The diagonal that `W_k` begins with, `[C, K C]`.
    fn start<T: Float>(
        &self,
        task: usize,
        channels: usize,
    ) -> core::result::Result<Tensor<T>, tress_tensor::Error> {
        let tasks = self.columns.tasks();
        let own = if tasks == 1 { 1.0 } else { self.alpha };
        let beta = (1.0 - self.alpha) / tasks.saturating_sub(1).max(1) as f64;
        let mut start = Tensor::zeros([channels, tasks * channels])?;
        let numbers = start.make_mut();
        for channel in 0..channels {
            for other in 0..tasks {
                let weight = if other == task { own } else { beta };
                numbers[channel * tasks * channels + other * channels + channel] = T::from_f64(weight);
            }
        }
        Ok(start)
    }

    #[track_caller]
    fn reduce<V: Value>(&self, bound: &Bound<V>, handle: &Handle, task: usize, all: &V) -> V {
        let channels = handle.shape()[0];
        let start = match self.start(task, channels) {
            Ok(start) => start,
            Err(error) => return all.fail(error),
        };
        let weight = bound.fetch(handle, all) + all.lift(start);
        let shape = all.shape();
        match shape[..] {
            [_, _, height, width] => {
                let weight = weight.unsqueeze(2).unsqueeze(3);
                all.conv2d(weight, None, Window::new([height, width], [1, 1]), 1, None)
            }
            [_, _] => all.matmul(weight.transpose(0, 1)),
            _ => {
                let why = "features are [N, C] or [N, C, H, W]";
                all.fail(tress_tensor::Error::Unfit { op: "nddr", shape, why })
            }
        }
    }
}

impl<L: Layer> Architecture for Nddr<L> {
    fn tasks(&self) -> usize {
        self.columns.tasks()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let mut xs = alloc::vec![x.clone(); self.columns.tasks()];
        for (stage, handles) in self.reductions.iter().enumerate() {
            let ys = self.columns.apply(stage, bound, &xs);
            let all = ys[0].concat(1, &ys[1..]);
            for (task, (x, handle)) in xs.iter_mut().zip(handles).enumerate() {
                *x = self.reduce(bound, handle, task, &all);
            }
        }
        Features::new(xs)
    }
}
