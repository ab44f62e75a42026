//! Where the K gradients are compared: over all shared parameters, part by part, or at the features.

use alloc::vec::Vec;

use tress_autograd::{Eager, Value};
use tress_nn::{Bound, Entry, Params};
use tress_tensor::{Float, Tensor};

use super::{Balanced, Parted, Recorded};
use crate::balance::{Needs, Rows, Weighting};
use crate::error::{Error, Result};
use crate::solve::Gramian;

/// Balances K scalar losses by their gradients at the features, and sweeps the trunk with the one cotangent that comes
/// out: an upper bound of the problem at the parameters, for the price of a plain step (MGDA-UB: Sener & Koltun 2018,
/// section 3.3; GradDrop: Chen et al. 2020, section 3.1, is defined there).
///
/// The features of a batch grow with its size. [`MoCo`](crate::balance::MoCo), [`DbMtl`](crate::balance::DbMtl) and
/// [`ExcessMtl`](crate::balance::ExcessMtl) keep numbers for each element of the gradients from step to step, so all
/// batches must be of one size here: leave a smaller last one out
/// ([`Batches::drop_last`](tress_nn::Batches::drop_last)). Even then, an element is a place in the batch and not a sample, so
/// averages mix samples.
///
/// [`Balanced::gramian`] holds the inner products of the K cotangents.
///
/// # Errors
/// As [`balanced`](super::balanced); [`Error::GradientWidth`] for a batch of another size under such a method.
pub fn balanced_at_features<'t, T: Float>(
    losses: &[Recorded<'t, T>],
    features: &[Recorded<'t, T>],
    bound: &Bound<Recorded<'t, T>>,
    params: &Params<T>,
    method: &mut (impl Weighting + ?Sized),
) -> Result<Balanced<T>> {
    let parted = Parted::sweep(losses, features, bound, params)?;
    let values = parted.values(losses)?;
    let (weights, gramian, trunk) = if method.needs() == Needs::Losses {
        let weights = method.weights(&values, None)?;
        (weights, None, parted.combined(&weights)?)
    } else {
        let rows = parted.cotangents()?;
        let width = rows.shape()[1];
        let numbers = rows.as_slice().unwrap_or_default();
        let gramian = Gramian::from_rows(values.len(), numbers)?;
        let mut direction = Tensor::zeros([width])?;
        let weights =
            method.direction(&values, &mut Rows::new(values.len(), numbers, direction.make_mut())?)?;
        (weights, Some(gramian), parted.pull(&direction)?)
    };
    parted.finish(method.heads(), values, weights, gramian, trunk)
}

impl<'t, T: Float> Parted<'_, 't, T> {
    /// The K cotangents, of all features end to end: `[K, F]`.
    fn cotangents(&self) -> Result<Tensor<T>> {
        let lengths: Vec<usize> = self.features.iter().map(|feature| feature.shape().len()).collect();
        let width = lengths.iter().sum::<usize>();
        let mut rows = Tensor::zeros([self.heads.len(), width])?;
        let numbers = rows.make_mut();
        for (k, head) in self.heads.iter().enumerate() {
            let mut start = k * width;
            for (cotangent, len) in head.cotangents.iter().zip(&lengths) {
                if let Some(cotangent) = cotangent {
                    let dense = cotangent.tensor()?.contiguous();
                    numbers[start..start + len].copy_from_slice(dense.as_slice().unwrap_or_default());
                }
                start += len;
            }
        }
        Ok(rows)
    }

    /// The gradient of the shared parameters for one cotangent of all features, end to end.
    fn pull(&self, cotangent: &Tensor<T>) -> Result<Tensor<T>> {
        let mut seeds = Vec::with_capacity(self.features.len());
        let mut start = 0;
        for feature in self.features {
            let shape = feature.shape();
            let part = cotangent.slice(0, start, start + shape.len(), 1)?.reshape(shape)?;
            seeds.push((*feature, Eager::new(part)));
            start += shape.len();
        }
        self.trunk(&seeds)
    }
}

/// Where each layer ends in the block: what [`PerGroup`](crate::balance::PerGroup) takes to balance layer by layer. A
/// layer is a run of parameters whose names agree up to the last dot.
///
/// # Errors
/// There are no parameters.
///
/// ```
/// use tress_mtl::balance::{Mgda, PerGroup};
/// use tress_mtl::sweep::layer_ends;
/// use tress_nn::{Dense, Params};
///
/// let mut params = Params::<f32>::new(1);
/// Dense::new(&mut params.scope("trunk.a"), 3, 4)?;
/// Dense::new(&mut params.scope("trunk.b"), 4, 2)?;
/// assert_eq!(layer_ends(&params)?, [16, 26]);
/// let method = PerGroup::new(&layer_ends(&params)?, |_| Mgda)?;
/// assert_eq!(method.methods().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layer_ends<T: Float>(params: &Params<T>) -> Result<Vec<usize>> {
    let layer = |entry: &Entry| {
        let name = entry.name();
        Some(alloc::string::String::from(name.rsplit_once('.').map_or(name, |(layer, _)| layer)))
    };
    ends(params, params.runs(layer).map(|(range, _)| range.end))
}

/// As [`layer_ends`] for blocks of one's own: each path, such as `trunk.stage1`, is a block, and what lies between two
/// of them is one as well.
///
/// # Errors
/// A path that no parameter has, or whose parameters do not follow one another.
pub fn block_ends<T: Float>(params: &Params<T>, paths: &[&str]) -> Result<Vec<usize>> {
    let mut bounds = Vec::with_capacity(2 * paths.len());
    for path in paths {
        let range = params.range_of(path)?;
        bounds.extend([range.start, range.end]);
    }
    ends(params, bounds.into_iter())
}

fn ends<T: Float>(params: &Params<T>, bounds: impl Iterator<Item = usize>) -> Result<Vec<usize>> {
    if params.is_empty() {
        return Err(Error::Setting { what: "a network to balance has parameters" });
    }
    let mut ends: Vec<usize> = bounds.filter(|&end| end > 0).chain([params.len()]).collect();
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}
