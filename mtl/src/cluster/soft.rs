//! Soft assignment to learnt centroids, and the loss that sharpens it.

use alloc::vec::Vec;

use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Value};
use tress_nn::loss::{Kl, Loss};
use tress_nn::{Bound, Handle, Init, Layer, Params, Scope};
use tress_tensor::{Float, Tensor};

use super::KMeans;
use crate::error::{Error, Result};

/// Centroids as parameters `[clusters, d]`, and the assignment of embeddings to them by Student's t distribution (Xie,
/// Girshick & Farhadi 2016, equation 1):
///
/// ```text
/// q_ij ~ (1 + |z_i - c_j|^2 / a)^(-(a + 1) / 2)        a: degrees of freedom, 1 in the paper
/// ```
///
/// As a layer it takes embeddings `[N, d]` to `ln q`, `[N, clusters]`: the head of a clustering task. Its loss is
/// [`loss`](SoftClusters::loss) with a [`target`](SoftClusters::target) made of its own assignments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftClusters {
    centroids: Handle,
    freedom: f64,
}

impl SoftClusters {
    /// Declares centroids, normal numbers until they are [started](SoftClusters::start).
    ///
    /// # Errors
    /// `centroids` exists in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, clusters: usize, width: usize) -> Result<Self> {
        let centroids = scope.parameter("centroids", [clusters, width], Init::Normal(1.0))?;
        Ok(Self { centroids, freedom: 1.0 })
    }

    /// With other degrees of freedom.
    ///
    /// # Errors
    /// A number that is not finite and above zero.
    pub fn freedom(self, freedom: f64) -> Result<Self> {
        match freedom.is_finite() && freedom > 0.0 {
            true => Ok(Self { freedom, ..self }),
            false => Err(Error::Setting { what: "degrees of freedom are a number above 0" }),
        }
    }

    /// The centroids.
    pub fn centroids(&self) -> Handle {
        self.centroids
    }

    /// Sets the centroids to those of k-means on embeddings `[N, d]`, the best of five runs.
    ///
    /// # Errors
    /// As [`KMeans::fit`]; parameters of another model; embeddings of another width.
    pub fn start<T: Float>(
        &self,
        params: &mut Params<T>,
        embeddings: &Tensor<T>,
        seed: u64,
    ) -> Result<KMeans> {
        let clusters = self.centroids.shape()[0];
        let mut best: Option<KMeans> = None;
        for run in 0..5 {
            let fitted = KMeans::fit(embeddings, clusters, tress_nn::mix(seed, run), 100)?;
            if best.as_ref().is_none_or(|best| fitted.inertia() < best.inertia()) {
                best = Some(fitted);
            }
        }
        let name = params.entries().find(|entry| entry.handle() == self.centroids);
        let name = name.map(|entry| alloc::string::String::from(entry.name()));
        let (Some(name), Some(best)) = (name, best) else {
            return Err(Error::Setting {
                what: "the centroids are a parameter of the model that is started",
            });
        };
        params.set(&name, &best.centroids()?)?;
        Ok(best)
    }

    /// The assignments `q [N, clusters]` of embeddings `[N, d]`.
    ///
    /// # Errors
    /// The first mistake, such as embeddings of another width.
    pub fn probabilities<T: Float>(
        &self,
        bound: &Bound<Eager<T>>,
        embeddings: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        Ok(self.apply(bound, &Eager::new(embeddings.clone())).exp().tensor()?.clone())
    }

    /// The target distribution `p [N, clusters]` of assignments `q` (equation 3): `q^2` over the size of each cluster, `f_j =
    /// sum_i q_ij`, with rows of sum one. It is surer than `q`, and holds large clusters back.
    ///
    /// # Errors
    /// Assignments that are not `[N, clusters]`, or none.
    pub fn target<T: Float>(assignments: &Tensor<T>) -> Result<Tensor<T>> {
        let [samples, clusters] = assignments.shape()[..] else {
            return Err(Error::Setting { what: "assignments are [N, clusters]" });
        };
        let q: Vec<f64> = assignments.to_vec().iter().map(|q| q.to_f64()).collect();
        let mut sizes = alloc::vec![0.0; clusters];
        for row in q.chunks_exact(clusters.max(1)) {
            sizes.iter_mut().zip(row).for_each(|(size, q)| *size += q);
        }
        let mut target = Vec::with_capacity(q.len());
        for row in q.chunks_exact(clusters.max(1)) {
            let sharp: Vec<f64> = row
                .iter()
                .zip(&sizes)
                .map(|(q, size)| if *size > 0.0 { q * q / size } else { 0.0 })
                .collect();
            let total: f64 = sharp.iter().sum();
            target.extend(sharp.iter().map(|p| T::from_f64(if total > 0.0 { p / total } else { 0.0 })));
        }
        Ok(Tensor::new([samples, clusters], &target)?)
    }

    /// The loss of `ln q [N, clusters]` (equation 2): the divergence `KL(P | Q)` from a target, the mean over the samples.
    #[track_caller]
    pub fn loss<V: Value>(logarithms: &V, target: &Tensor<V::Elem>) -> V {
        Kl::new().loss(logarithms, &logarithms.lift(target.clone()))
    }
}

impl Layer for SoftClusters {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let centroids = bound.fetch(&self.centroids, x);
        // [N, 1, d] - [clusters, d]: differences, not products, so that near points lose no digits.
        let distances = (x.unsqueeze(1) - centroids).square().sum(&[2]);
        let kernel = distances.scale(1.0 / self.freedom).ln_1p().scale(-(self.freedom + 1.0) / 2.0);
        kernel.log_softmax()
    }
}
