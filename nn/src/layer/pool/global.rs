//! Pooling of whole sequences and images.

use crate::Bound;
use crate::layer::Layer;
use tress_autograd::{Value, Windows};
use tress_tensor::{Error, Shape};

/// The mean of each channel: `[N, C, ..]` to `[N, C]` (Lin, Chen & Yan 2014, "Network in network", section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalMeanPool;

impl Layer for GlobalMeanPool {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match with_places("global_mean_pool", &x.shape()) {
            Ok(()) => x.global_mean_pool(),
            Err(error) => x.fail(error),
        }
    }
}

/// The largest of each channel: `[N, C, ..]` to `[N, C]`. Equal ones share the gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalMaxPool;

impl Layer for GlobalMaxPool {
    #[track_caller]
    fn apply<V: Value>(&self, _: &Bound<V>, x: &V) -> V {
        match with_places("global_max_pool", &x.shape()) {
            Ok(()) => x.global_max_pool(),
            Err(error) => x.fail(error),
        }
    }
}

/// That there are axes after the channels.
fn with_places(op: &'static str, x: &Shape) -> Result<(), Error> {
    let why = "at least three axes are wanted: N, C, and those to pool";
    if x.rank() > 2 { Ok(()) } else { Err(Error::Unfit { op, shape: *x, why }) }
}
