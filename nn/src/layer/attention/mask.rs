//! What attention may look at.

use crate::Error as Refused;
use crate::layer::Lengths;
use tress_autograd::{Fused, Pointwise, Value};
use tress_tensor::{Element, Error, Float, Shape, Tensor};

/// Which steps of the memory a query may look at: all of them, unless told otherwise. What is said adds up.
///
/// A query that may look at nothing finds zeros.
#[derive(Clone, Debug, Default)]
pub struct AttentionMask {
    lengths: Option<Lengths>,
    causal: bool,
    allowed: Option<Tensor<u32>>,
    /// `[N or 1, heads or 1, T, S]`.
    added: Option<Tensor<f64>>,
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

    /// Numbers that are added to the scores, before the softmax (a mask of floats elsewhere): `[T, S]` for all, `[N, T, S]`,
    /// or `[N, heads, T, S]`, where N and heads may be 1. What is minus infinity is not looked at. They are constants;
    /// [`attend_biased`](super::MultiHeadAttention::attend_biased) takes a value, such as learned biases.
    ///
    /// ```
    /// use tress_nn::{AttentionMask, MultiHeadAttention, Params};
    /// use tress_tensor::Tensor;
    /// // Steps count the less the further away they are, in the second head four times as fast (Press, Smith & Lewis 2022,
    /// // "Train short, test long", figure 3).
    /// let slopes = [0.25f32, 1.0];
    /// let far = Tensor::from_fn([1, 2, 5, 5], |i| -slopes[i[1]] * i[2].abs_diff(i[3]) as f32)?;
    /// let mask = AttentionMask::new().causal().added(&far)?;
    /// let mut params = Params::<f32>::new(0);
    /// let attention = MultiHeadAttention::builder(8, 2).build(&mut params.root())?;
    /// let x = Tensor::full([3, 5, 8], 0.5)?.into();
    /// assert!(attention.attend(&params.eager(), &x, &x, &mask).tensor().is_ok());
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Another number of axes, or what is neither finite nor minus infinity.
    pub fn added<T: Float>(self, scores: &Tensor<T>) -> Result<Self, Refused> {
        let wrong = |why| Err(Refused::Setting { of: "attention mask", why });
        let shape = match scores.shape()[..] {
            [t, s] => [1, 1, t, s],
            [n, t, s] => [n, 1, t, s],
            [n, heads, t, s] => [n, heads, t, s],
            _ => return wrong("what is added is [T, S], [N, T, S] or [N, heads, T, S]"),
        };
        let numbers: alloc::vec::Vec<f64> = scores.to_vec().into_iter().map(Element::to_f64).collect();
        if numbers.iter().any(|number| number.is_nan() || *number == f64::INFINITY) {
            return wrong(
                "what is added must be finite, or minus infinity where a step is not to be looked at",
            );
        }
        Ok(Self { added: Some(Tensor::new(shape, &numbers)?), ..self })
    }

    /// The mask for `n` sequences and `heads` heads of `t` queries over `s` steps, as constants beside `like`; `None` where all counts. With
    /// what counts by a value, it comes as 1 and 0 as well.
    #[track_caller]
    pub(super) fn of<V: Value>(
        &self,
        op: &'static str,
        like: &V,
        [n, heads, t, s]: [usize; 4],
        causal: bool,
        by_value: bool,
    ) -> Result<Option<Mask<V>>, Error> {
        let causal = causal || self.causal;
        if !causal && self.lengths.is_none() && self.allowed.is_none() && self.added.is_none() {
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
        let added = self.added.as_ref().map(|added| (added.as_slice().unwrap_or_default(), *added.shape()));
        if let Some((_, left)) = added {
            let right = Shape::named(op, &[n, heads, t, s])?;
            let fits = |axis: usize| left[axis] == right[axis] || (axis < 2 && left[axis] == 1);
            if !(0..4).all(fits) {
                let why = "what is added must be [T, S], [N, T, S] or [N, heads, T, S]";
                return Err(Error::Mismatch { op, left, right, why, lengths: None });
            }
        }
        // What is added to a score; nothing where there is nothing.
        let more = |i: &[usize]| {
            let Some((numbers, shape)) = added else { return 0.0 };
            let (sample, head) = (if shape[0] == 1 { 0 } else { i[0] }, if shape[1] == 1 { 0 } else { i[1] });
            numbers[((sample * shape[1] + head) * t + i[2]) * s + i[3]]
        };
        let counts = |i: &[usize]| {
            let [sample, query, step] = [i[0], i[2], i[3]];
            let sequence = if each { sample * t } else { 0 };
            let known = self.lengths.as_ref().is_none_or(|lengths| step < lengths.as_slice()[sample]);
            let earlier = !causal || step <= query;
            let open = allowed.is_none_or(|(numbers, _)| numbers[(sequence + query) * s + step] != 0);
            known && earlier && open && more(i) > NEVER
        };
        // Only as large as what was said needs.
        let spread = added.map_or([1, 1], |(_, shape)| [shape[0], shape[1]]);
        let samples = if each || self.lengths.is_some() { n } else { spread[0] };
        let queries = if causal || allowed.is_some() || added.is_some() { t } else { 1 };
        let size = [samples, spread[1], queries, s];
        let score = |i: &[usize]| V::Elem::from_f64(if counts(i) { more(i) } else { NEVER });
        let scores = like.lift(Tensor::from_fn(size, score)?);
        let sees = |i: &[usize]| (0..s).any(|step| counts(&[i[0], i[1], i[2], step]));
        // Lengths are at least 1 and a step is not later than itself, so only what is allowed, or added without end, can leave
        // a query nothing.
        let may_see_nothing =
            allowed.is_some() || added.is_some_and(|(numbers, _)| numbers.iter().any(|&x| x <= NEVER));
        let sees = match may_see_nothing {
            true => {
                let number = |i: &[usize]| V::Elem::from_f64(f64::from(sees(i)));
                Some(like.lift(Tensor::from_fn([samples, spread[1], queries, 1], number)?))
            }
            false => None,
        };
        let open = match by_value {
            true => {
                let number = |i: &[usize]| V::Elem::from_f64(f64::from(counts(i)));
                Some(like.lift(Tensor::from_fn(size, number)?))
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
