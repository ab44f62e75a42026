//! Clustering as a task: groups that nobody has labelled, found while the other heads are trained.
//!
//! * [`KMeans`]: k-means with the start of k-means++.
//! * [`SoftClusters`]: centroids that are parameters, soft assignment to them, and the loss that sharpens it.
//!
//! The usual course (J. Xie, R. Girshick & A. Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016):
//! train the trunk on other tasks for a while; [start](SoftClusters::start) the centroids by k-means on its features; then
//! train on, with the clustering loss among the others, and take a new [target](SoftClusters::target) now and then.
//!
//! ```
//! use tress_autograd::{Eager, Tape};
//! use tress_mtl::cluster::SoftClusters;
//! use tress_nn::{Gradient, Layer, Params};
//! use tress_tensor::Tensor;
//!
//! let points = Tensor::new([4, 1], &[0.0f32, 0.2, 3.0, 3.4])?;
//! let mut params = Params::new(1);
//! let clusters = SoftClusters::new(&mut params.scope("groups"), 2, 1)?;
//! clusters.start(&mut params, &points, 7)?;
//!
//! let soft = clusters.probabilities(&params.eager(), &points)?;
//! let target = SoftClusters::target(&soft)?;
//! let tape = Tape::new();
//! let bound = params.on(&tape);
//! let loss = SoftClusters::loss(&clusters.apply(&bound, &tape.var(points)), &target);
//! assert!(loss.gradient(&bound)?.to_vec().iter().any(|slope| *slope != 0.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod k_means;
mod soft;

pub use k_means::KMeans;
pub use soft::SoftClusters;
