//! Several models for one task: how their answers are combined, and whether it was worth it.
//!
//! The *members* of an ensemble give predictions for the same samples: probabilities `[N, classes]`, or numbers `[N, d]`.
//! Members are networks of their own, or heads of their own on one trunk (S. Lee et al., "Why M heads are better than one",
//! 2015), which are just tasks of one [`Network`](crate::network::Network). With several tasks each has its own
//! combination.
//!
//! | | fitted on | by |
//! |---|---|---|
//! | [`soft_vote`], [`hard_vote`] | nothing, or weights that are given | |
//! | [`weights_by_squares`] | validation samples | the smallest squared error, exactly |
//! | [`weights_by_likelihood`] | validation samples | the smallest log loss, with a bound on what is missing |
//! | [`Stacking`] | validation samples | a linear model on top of all answers |
//!
//! Weights and models are fitted on samples that the members were not trained on, or they reward whoever learned the
//! training data by heart. [`disagreement`] and [`diversity`] say how different the members are, and
//! [`Calibration`](tress_nn::metric::Calibration) whether their probabilities, and those of the ensemble, are honest.
//!
//! ```
//! use tress_mtl::ensemble::{disagreement, hard_vote, soft_vote, weights_by_likelihood};
//! use tress_nn::Labels;
//! use tress_tensor::Tensor;
//!
//! let sure = Tensor::new([3, 2], &[0.9f64, 0.1, 0.2, 0.8, 0.7, 0.3])?;
//! let wrong = Tensor::new([3, 2], &[0.1f64, 0.9, 0.4, 0.6, 0.6, 0.4])?;
//! let members = [sure, wrong];
//! let fitted = weights_by_likelihood(&members, &Labels::new([0, 1, 0], 2)?)?;
//! assert!(fitted.weights[0] > 0.99, "the second says nothing that the first does not know better");
//! assert_eq!(hard_vote(&[soft_vote(&members, None)?], None)?, [0, 1, 0], "of equal ones the first");
//! assert!((disagreement(&members)? - 1.0 / 3.0).abs() < 1e-15);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod diversity;
mod stacking;
mod vote;
mod weights;

pub use diversity::{disagreement, diversity};
pub use stacking::Stacking;
pub use vote::{hard_vote, soft_vote};
pub use weights::{Fitted, weights_by_likelihood, weights_by_squares};

use tress_tensor::{Float, Tensor};

use crate::error::{Error, Result, check_tasks};

/// Checks that members, one to 32 of them, are predictions `[N, width]` of one shape; gives that shape.
fn check_members<T: Float>(members: &[Tensor<T>]) -> Result<[usize; 2]> {
    check_tasks(members.len())?;
    let [samples, width] = members[0].shape()[..] else {
        return Err(Error::Setting { what: "predictions of members are [N, classes] or [N, numbers]" });
    };
    match members.iter().all(|member| member.shape() == members[0].shape()) && width > 0 {
        true => Ok([samples, width]),
        false => Err(Error::Setting { what: "members predict the same classes of the same samples" }),
    }
}
