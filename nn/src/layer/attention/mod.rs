//! Attention: several heads, masks, and the encoder block of transformers.

mod encoder;
mod mask;

pub use encoder::{EncoderBlock, EncoderBlockBuilder};
pub use mask::AttentionMask;

use super::{Dense, Dropout, Layer, Rotary};
use crate::{Bound, Error, Scope};
use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_tensor::{Error as Wrong, Float, Shape};

/// Attention of several heads (Vaswani et al. 2017, "Attention is all you need", section 3.2.2): queries `[N, T, width]` and
/// a memory `[N, S, memory]` to `[N, T, width]`, each query a mean of the values of the memory, weighted by the softmax of
/// its products with the keys over the root of their length.
///
/// Its parameters are those of [`Dense`] layers in `query`, `key`, `value` and `output`. As a [`Layer`] it attends to its
/// own input.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{AttentionMask, Layer, Lengths, MultiHeadAttention, Params};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(0);
/// let attention = MultiHeadAttention::builder(8, 2).build(&mut params.root())?;
/// let x = Eager::new(Tensor::full([2, 5, 8], 0.5)?);
/// assert_eq!(**attention.apply(&params.eager(), &x).tensor()?.shape(), [2, 5, 8]);
///
/// // The second sequence has three steps, and no step looks at later ones.
/// let mask = AttentionMask::new().lengths(&Lengths::new([5, 3], 5)?).causal();
/// let y = attention.attend(&params.eager(), &x, &x, &mask);
/// assert_eq!(**y.tensor()?.shape(), [2, 5, 8]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiHeadAttention {
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
    heads: usize,
    causal: bool,
    rotary: Option<Rotary>,
    dropout: Option<Dropout>,
}

impl MultiHeadAttention {
    /// The settings of a layer: `width` numbers a step, of which each head has an equal part.
    pub fn builder(width: usize, heads: usize) -> MultiHeadAttentionBuilder {
        MultiHeadAttentionBuilder {
            width,
            memory: width,
            heads,
            causal: false,
            rotary: None,
            dropout: 0.0,
            biased: true,
        }
    }

    /// The number of heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Whether no step looks at later ones, whatever the mask says.
    pub fn is_causal(&self) -> bool {
        self.causal
    }

    /// What turns queries and keys by their positions.
    pub fn rotary(&self) -> Option<Rotary> {
        self.rotary
    }

    /// The layers that make queries, keys and values, and the one after the heads.
    pub fn projections(&self) -> [&Dense; 4] {
        [&self.query, &self.key, &self.value, &self.output]
    }

    /// What `x [N, T, width]` finds in `memory [N, S, memory]` where the mask lets it look.
    #[track_caller]
    pub fn attend<V: Value>(&self, bound: &Bound<V>, x: &V, memory: &V, mask: &AttentionMask) -> V {
        self.attend_to(bound, x, memory, mask, None, None)
    }

    /// As [`attend`](MultiHeadAttention::attend), but which steps of the memory count is a value: `counts [N, S]`, 1 for a
    /// step that counts and 0 for padding. So the lengths of sequences can be an input of a model, and it exports to ONNX
    /// with an open number of samples. No gradient flows to `counts`.
    #[track_caller]
    pub fn attend_where<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        memory: &V,
        mask: &AttentionMask,
        counts: &V,
    ) -> V {
        self.attend_to(bound, x, memory, mask, Some(counts), None)
    }

    /// As [`attend`](MultiHeadAttention::attend), with a value that is added to the scores, such as learned biases of relative
    /// positions: `[N, heads, T, S]`, where each axis may have the length 1. Gradients flow to it.
    #[track_caller]
    pub fn attend_biased<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        memory: &V,
        mask: &AttentionMask,
        added: &V,
    ) -> V {
        self.attend_to(bound, x, memory, mask, None, Some(added))
    }

    #[track_caller]
    fn attend_to<V: Value>(
        &self,
        bound: &Bound<V>,
        x: &V,
        memory: &V,
        mask: &AttentionMask,
        counts: Option<&V>,
        added: Option<&V>,
    ) -> V {
        let (op, shape, other) = ("attention", x.shape(), memory.shape());
        if let Err(error) = self.fit(op, &shape, &other) {
            return match memory.mistake() {
                Some(mistake) => x.wrong(mistake),
                None => x.fail(error),
            };
        }
        if let Some(counts) = counts
            && let Err(error) = super::lengths::fit_counts(op, counts, &other)
        {
            return x.fail(error);
        }
        let queries = self.split(&self.query.apply(bound, x));
        let (keys, values) = (self.key.apply(bound, memory), self.value.apply(bound, memory));
        let (keys, values) = (self.split(&keys), self.split(&values));
        let (queries, keys) = match &self.rotary {
            Some(rotary) => (rotary.apply(bound, &queries), rotary.apply(bound, &keys)),
            None => (queries, keys),
        };
        let each = (shape[2] / self.heads) as f64;
        let mut scores = queries.scale(1.0 / libm::sqrt(each)).matmul(keys.transpose(2, 3));
        let size = [shape[0], self.heads, shape[1], other[1]];
        if let Some(added) = added {
            let left = added.shape();
            if left.rank() != 4 || (0..4).any(|axis| left[axis] != size[axis] && left[axis] != 1) {
                return match (added.mistake(), Shape::named(op, &size)) {
                    (Some(mistake), _) => x.wrong(mistake),
                    (None, Ok(right)) => {
                        let why = "what is added to the scores must be [N, heads, T, S], each of them or 1";
                        x.fail(Wrong::Mismatch { op, left, right, why, lengths: None })
                    }
                    (None, Err(error)) => x.fail(error),
                };
            }
            scores = scores + added.clone();
        }
        let mask = match mask.of(op, x, size, self.causal, counts.is_some()) {
            Ok(mask) => mask,
            Err(error) => return x.fail(error),
        };
        let mut weights = match (&mask, counts) {
            (mask, Some(counts)) => {
                let counts = counts.stop().reshape([other[0], 1, 1, other[1]]);
                mask::counted(mask.as_ref(), scores, &counts)
            }
            (Some(mask), None) => mask.softmax(scores),
            (None, None) => scores.softmax(),
        };
        if let Some(dropout) = &self.dropout {
            weights = dropout.apply(bound, &weights);
        }
        let heads = weights.matmul(values).permute(&[0, 2, 1, 3]);
        self.output.apply(bound, &heads.reshape(shape))
    }

    /// `[N, T, width]` as `[N, heads, T, width / heads]`: a view.
    #[track_caller]
    fn split<V: Value>(&self, x: &V) -> V {
        match x.shape()[..] {
            [n, steps, width] => x.reshape([n, steps, self.heads, width / self.heads]).permute(&[0, 2, 1, 3]),
            _ => x.clone(), // a mistake
        }
    }

    fn fit(&self, op: &'static str, x: &Shape, memory: &Shape) -> Result<(), Wrong> {
        let why = "sequences are [N, T, width]";
        for shape in [x, memory] {
            if shape.rank() != 3 {
                return Err(Wrong::Unfit { op, shape: *shape, why });
            }
        }
        for (shape, layer) in [(x, &self.query), (memory, &self.key)] {
            super::dense::ends(op, shape, layer.weight().shape(), layer.weight().shape()[0])?;
        }
        let (left, right, why) = (*x, *memory, "both must have as many sequences");
        if x[0] != memory[0] {
            return Err(Wrong::Mismatch { op, left, right, why, lengths: Some((x[0], memory[0])) });
        }
        match memory[1] {
            0 => Err(Wrong::Unfit { op, shape: right, why: "there must be a step to attend to" }),
            _ => Ok(()),
        }
    }
}

impl Layer for MultiHeadAttention {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        self.attend(bound, x, x, &AttentionMask::new())
    }
}

/// The settings of a [`MultiHeadAttention`] layer.
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttentionBuilder {
    width: usize,
    memory: usize,
    heads: usize,
    causal: bool,
    rotary: Option<Rotary>,
    dropout: f64,
    biased: bool,
}

impl MultiHeadAttentionBuilder {
    /// Another width of what is attended to.
    pub fn memory(self, memory: usize) -> Self {
        Self { memory, ..self }
    }

    /// No step looks at later ones.
    pub fn causal(self) -> Self {
        Self { causal: true, ..self }
    }

    /// Queries and keys are turned by their positions.
    pub fn rotary(self, rotary: Rotary) -> Self {
        Self { rotary: Some(rotary), ..self }
    }

    /// Without biases in the four dense layers.
    pub fn without_bias(self) -> Self {
        Self { biased: false, ..self }
    }

    /// Dropout of the weights of the mean, in training.
    pub fn dropout(self, rate: f64) -> Self {
        Self { dropout: rate, ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// A width that does not fall into the heads (into pairs in each, with rotary positions), a rate that is not in
    /// `0.0..1.0`, names that exist in this scope, or a shape that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<MultiHeadAttention, Error> {
        let Self { width, memory, heads, causal, rotary, dropout, biased } = self;
        let parts = heads.saturating_mul(if rotary.is_some() { 2 } else { 1 });
        if width == 0 || parts == 0 || !width.is_multiple_of(parts) {
            let why = "the width must fall into the heads, and each head into pairs for rotary positions";
            return Err(Error::Setting { of: "attention", why });
        }
        let dense = |scope: &mut Scope<'_, T>, inputs| {
            let dense = Dense::builder(inputs, width);
            if biased { dense } else { dense.without_bias() }.build(scope)
        };
        Ok(MultiHeadAttention {
            query: dense(&mut scope.scope("query"), width)?,
            key: dense(&mut scope.scope("key"), memory)?,
            value: dense(&mut scope.scope("value"), memory)?,
            output: dense(&mut scope.scope("output"), width)?,
            heads,
            causal,
            rotary,
            dropout: if dropout == 0.0 { None } else { Some(Dropout::new(scope, dropout)?) },
        })
    }
}
