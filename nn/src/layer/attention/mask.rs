//! What attention may look at.

use crate::Error as Refused;
use crate::layer::Lengths;
use tress_autograd::{Fused, Pointwise, Value};
use tress_tensor::{Element, Error, Shape, Tensor};

/// Which steps of the memory a query may look at: all of them, unless told otherwise. What is said adds up.
///
/// A query that may look at nothing finds zeros.
#[derive(Clone, Debug, Default)]
pub struct AttentionMask {
    lengths: Option<Lengths>,
    causal: bool,
    allowed: Option<Tensor<u32>>,
}

/// Added to a score that must not count: its exponential is 0 beside that of any score, and the sum is finite.
const NEVER: f64 = -1e30;

impl AttentionMask {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The steps of the memory that count: not those beyond the length of a sequence.
    pub fn lengths(self, lengths: &Lengths) -> Self {
        Self { lengths: Some(lengths.clone()), ..self }
    }

    /// No query looks at what comes later: query `t` looks at the steps up to `t`.
    pub fn causal(self) -> Self {
        Self { causal: true, ..self }
    }

    /// What is not 0: `[T, S]` for all sequences, or `[N, T, S]`.
    ///
    /// # Errors
    /// It has neither two axes nor three.
    pub fn allowed(self, allowed: &Tensor<u32>) -> Result<Self, Refused> {
        match allowed.shape().rank() {
            2 | 3 => Ok(Self { allowed: Some(allowed.contiguous()), ..self }),
            _ => {
                let why = "what is allowed is [T, S], or [N, T, S]";
                Err(Refused::Setting { of: "attention mask", why })
            }
        }
    }

    /// The mask for `n` sequences of `t` queries over `s` steps, as constants beside `like`; `None` where all counts. With
    /// what counts by a value, it comes as 1 and 0 as well.
    #[track_caller]
    pub(super) fn of<V: Value>(
        &self,
        op: &'static str,
        like: &V,
        [n, t, s]: [usize; 3],
        causal: bool,
        by_value: bool,
    ) -> Result<Option<Mask<V>>, Error> {
        let causal = causal || self.causal;
        if !causal && self.lengths.is_none() && self.allowed.is_none() {
            return Ok(None);
        }
        if let Some(lengths) = &self.lengths {
            lengths.fit(op, &Shape::named(op, &[n, s])?)?;
        }
        let allowed =
            self.allowed.as_ref().map(|allowed| (allowed.as_slice().unwrap_or_default(), allowed.shape()));
        let each = allowed.is_some_and(|(_, shape)| shape.rank() == 3);
        if let Some((_, left)) = allowed {
            let right = if each { Shape::named(op, &[n, t, s])? } else { Shape::named(op, &[t, s])? };
            if *left != right {
                let why = "what is allowed must be [T, S] or [N, T, S]";
                return Err(Error::Mismatch { op, left: *left, right, why, lengths: None });
            }
        }
        let counts = |sample: usize, query: usize, step: usize| {
            let sequence = if each { sample * t } else { 0 };
            let known = self.lengths.as_ref().is_none_or(|lengths| step < lengths.as_slice()[sample]);
            let earlier = !causal || step <= query;
            known && earlier && allowed.is_none_or(|(numbers, _)| numbers[(sequence + query) * s + step] != 0)
        };
        // Only as large as what was said needs.
        let samples = if each || self.lengths.is_some() { n } else { 1 };
        let queries = if causal || allowed.is_some() { t } else { 1 };
        let score = |i: &[usize]| V::Elem::from_f64(if counts(i[0], i[2], i[3]) { 0.0 } else { NEVER });
        let scores = like.lift(Tensor::from_fn([samples, 1, queries, s], score)?);
        let sees = |i: &[usize]| (0..s).any(|step| counts(i[0], i[2], step));
        // Lengths are at least 1 and a step is not later than itself, so only what is allowed can leave a query nothing.
        let sees = match allowed {
            Some(_) => {
                let number = |i: &[usize]| V::Elem::from_f64(f64::from(sees(i)));
                Some(like.lift(Tensor::from_fn([samples, 1, queries, 1], number)?))
            }
            None => None,
        };
        let open = match by_value {
            true => {
                let number = |i: &[usize]| V::Elem::from_f64(f64::from(counts(i[0], i[2], i[3])));
                Some(like.lift(Tensor::from_fn([samples, 1, queries, s], number)?))
            }
            false => None,
        };
        Ok(Some(Mask { scores, sees, open }))
    }
}

/// A mask as constants: what is added to scores, whether each query sees anything, and what it sees.
pub(super) struct Mask<V> {
    scores: V,
    sees: Option<V>,
    open: Option<V>,
}

/// The weights of the mean, where besides a mask the numbers `counts [N, 1, 1, S]`, 1 or 0, say what counts.
#[track_caller]
pub(super) fn counted<V: Value>(mask: Option<&Mask<V>>, scores: V, counts: &V) -> V {
    let scores = scores + counts.offset(-1.0).scale(-NEVER);
    // Where a query sees nothing, all scores are as low and the weights are no zeros by themselves.
    let (weights, seen) = match mask {
        Some(mask) => ((scores + mask.scores.clone()).softmax(), mask.open.as_ref()),
        None => (scores.softmax(), None),
    };
    match seen {
        Some(open) => weights * (counts.clone() * open.clone()),
        None => weights * counts.clone(),
    }
}

impl<V: Value> Mask<V> {
    /// The weights of the mean.
    #[track_caller]
    pub(super) fn softmax(&self, scores: V) -> V {
        let weights = (scores + self.scores.clone()).softmax();
        match &self.sees {
            Some(sees) => weights * sees.clone(),
            None => weights,
        }
    }
}
