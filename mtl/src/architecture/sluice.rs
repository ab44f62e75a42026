//! Sluice networks: layers in subspaces, mixed between tasks and between depths.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Fused, Pointwise, Reduce, Value};
use tress_nn::{Bound, Dense, Init, Layer, Scope};
use tress_tensor::Float;
use tress_tensor::pointwise::Map;

use super::stitch::Stitch;
use super::{Architecture, Features};
use crate::error::{Error, Result, check_tasks};

/// K columns of dense layers whose outputs fall into two subspaces each. `alpha` mixes the 2 K subspaces behind every
/// layer; `beta` mixes the layers of a task into what its head is given; a penalty holds the two subspaces of a task
/// orthogonal, `sum_m |G_m1^T G_m2|_F^2` (S. Ruder, J. Bingel, I. Augenstein & A. Søgaard, "Latent multi-task
/// architecture learning", AAAI 2019).
///
/// `beta` begins with 0.9 on the last layer, and the rest is shared out, as in the authors' program with its scheme
/// `imbalanced`. So does `alpha` on its diagonal: each subspace begins as its own, which is that scheme for one
/// subspace. For two, that program's rows 0.05, 0.95, 0.05, 0.95 make the two subspaces of a task the same from the
/// start, and are not taken over.
///
/// Parameters are declared as `task<k>.layer<l>.space<s>.*`, `alpha<l>.{own<i>, other<i>}` and `beta<k>.{last, before}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sluice {
    /// Layer by layer, for each task its two subspaces.
    layers: Vec<Vec<[Dense; 2]>>,
    alphas: Vec<Stitch>,
    /// For each task the weight of the last layer, and those of the layers before it.
    betas: Vec<(tress_nn::Handle, Option<tress_nn::Handle>)>,
    strength: f64,
}

impl Sluice {
    /// Samples `[N, inputs]`; `depth` layers of two subspaces with `width` numbers each, tanh behind them. The features
    /// of a task are `[N, 2 width]`. The penalty has the given strength; 0 is none.
    ///
    /// # Errors
    /// No task or more than 32, no layer, or a strength that is negative or not finite.
    pub fn new<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        inputs: usize,
        width: usize,
        depth: usize,
        strength: f64,
    ) -> Result<Self> {
        check_tasks(tasks)?;
        if depth == 0 || !(strength >= 0.0 && strength.is_finite()) {
            let what = "a sluice network has at least one layer, and a finite strength from 0 up";
            return Err(Error::Setting { what });
        }
        let mut layers: Vec<Vec<[Dense; 2]>> = alloc::vec![Vec::with_capacity(tasks); depth];
        for task in 0..tasks {
            for (l, layer) in layers.iter_mut().enumerate() {
                let mut place = scope.scope(&format!("task{task}.layer{l}"));
                let before = if l == 0 { inputs } else { width.saturating_mul(2) };
                let first = Dense::new(&mut place.scope("space0"), before, width)?;
                let second = Dense::new(&mut place.scope("space1"), before, width)?;
                layer.push([first.activation(Map::Tanh), second.activation(Map::Tanh)]);
            }
        }
        let mut alphas = Vec::with_capacity(depth);
        for l in 0..depth {
            alphas.push(Stitch::new(&mut scope.scope(&format!("alpha{l}")), 2 * tasks, 1, 0.9)?);
        }
        let mut betas = Vec::with_capacity(tasks);
        for task in 0..tasks {
            let mut place = scope.scope(&format!("beta{task}"));
            let last = place.parameter("last", [1], Init::Constant(if depth == 1 { 1.0 } else { 0.9 }))?;
            let before = match depth - 1 {
                0 => None,
                n => Some(place.parameter("before", [n], Init::Constant(0.1 / n as f64))?),
            };
            betas.push((last, before));
        }
        Ok(Self { layers, alphas, betas, strength })
    }

    /// `sum |G_1^T G_2|_F^2` over tasks and layers: the columns of the two weight matrices `[inputs, width]` against each
    /// other.
    #[track_caller]
    fn penalty<V: Value>(&self, bound: &Bound<V>, x: &V) -> Option<V> {
        if self.strength == 0.0 {
            return None;
        }
        let mut total: Option<V> = None;
        for [first, second] in self.layers.iter().flatten() {
            let (a, b) = (bound.fetch(&first.weight(), x), bound.fetch(&second.weight(), x));
            let overlap = a.transpose(0, 1).matmul(b).square().sum_all();
            total = Some(match total {
                Some(total) => total + overlap,
                None => overlap,
            });
        }
        total.map(|total| total.scale(self.strength))
    }
}

impl Architecture for Sluice {
    fn tasks(&self) -> usize {
        self.betas.len()
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        let (tasks, depth) = (self.betas.len(), self.layers.len());
        let mut inputs = alloc::vec![x.clone(); tasks];
        let mut features: Vec<Option<V>> = alloc::vec![None; tasks];
        for (l, (layer, alpha)) in self.layers.iter().zip(&self.alphas).enumerate() {
            let mut spaces = Vec::with_capacity(2 * tasks);
            for (pair, x) in layer.iter().zip(&inputs) {
                spaces.push(pair[0].apply(bound, x));
                spaces.push(pair[1].apply(bound, x));
            }
            let mixed = alpha.apply(bound, &spaces);
            for (task, (last, before)) in self.betas.iter().enumerate() {
                let both = mixed[2 * task].concat(1, &mixed[2 * task + 1..2 * task + 2]);
                let beta = match before {
                    Some(before) if l + 1 < depth => bound.fetch(before, x).slice(0, l..l + 1),
                    _ => bound.fetch(last, x),
                };
                let share = beta * both.clone();
                features[task] = Some(match features[task].take() {
                    Some(sum) => sum + share,
                    None => share,
                });
                inputs[task] = both;
            }
        }
        Features::new(features.into_iter().flatten().collect()).with_penalty(self.penalty(bound, x))
    }
}
