//! The overlap of boxes.

use super::{Loss, Terms, refuse, unfit};
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::Error;

/// Keeps quotients of empty boxes finite.
const TINY: f64 = 1e-7;

/// One minus intersection over union, for each pair of boxes `[.., 4]`: corners `x1, y1, x2, y2` with `x1 <= x2` and
/// `y1 <= y2`; losses `[..]`. A box that is turned over (`x1 > x2` or `y1 > y2`, as a network may predict) is empty, and its
/// loss is 1 at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Iou {
    generalised: bool,
}

impl Iou {
    /// Plain: boxes that do not touch have the loss 1, whose gradient is 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Generalised (Rezatofighi et al. 2019, "Generalized intersection over union", algorithm 1): the part of the smallest
    /// enclosing box that neither fills is added, so that boxes apart are drawn together, and the corners of one that is
    /// turned over as well.
    pub fn generalised() -> Self {
        Self { generalised: true }
    }
}

impl<V: Value> Loss<V> for Iou {
    const NAME: &'static str = "iou";

    #[track_caller]
    fn terms(&self, x: &V, target: &V) -> Terms<V> {
        let (name, shape) = (<Self as Loss<V>>::NAME, x.shape());
        refuse!(unfit(name, x, target));
        if shape.last() != Some(&4) {
            let why = "boxes are [.., 4]: x1, y1, x2, y2";
            return x.fail(Error::Unfit { op: name, shape, why }).into();
        }
        let last = shape.rank() - 1;
        let corner = |boxes: &V, i| boxes.at(last, i);
        let [a, b] = [x, target].map(|boxes| [0, 1, 2, 3].map(|i| corner(boxes, i)));
        // Without the ramps, two negative sides would make an area.
        let area =
            |[x1, y1, x2, y2]: &[V; 4]| (x2.clone() - x1.clone()).relu() * (y2.clone() - y1.clone()).relu();
        let side = |low: usize| {
            let (start, end) = (a[low].maximum(&b[low]), a[low + 2].minimum(&b[low + 2]));
            (end - start).relu()
        };
        let shared = side(0) * side(1);
        let union = area(&a) + area(&b) - shared.clone();
        let overlap = shared / union.offset(TINY);
        if !self.generalised {
            return (-overlap).offset(1.0).into();
        }
        // Of all corners, also where they are the wrong way round.
        let first = |low: usize| a[low].minimum(&a[low + 2]).minimum(b[low].minimum(&b[low + 2]));
        let last = |low: usize| a[low].maximum(&a[low + 2]).maximum(b[low].maximum(&b[low + 2]));
        let around = [first(0), first(1), last(0), last(1)];
        let around = area(&around);
        let empty = (around.clone() - union) / around.offset(TINY);
        ((-overlap).offset(1.0) + empty).into()
    }
}
