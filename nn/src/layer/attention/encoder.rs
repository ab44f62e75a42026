//! The encoder block of transformers.

use super::{AttentionMask, MultiHeadAttention, MultiHeadAttentionBuilder};
use crate::layer::{Dense, Dropout, Layer, LayerNorm, Rotary};
use crate::{Bound, Error, Scope};
use tress_autograd::Value;
use tress_tensor::Float;
use tress_tensor::pointwise::Map;

/// Attention and two dense layers, each with a norm and a way around it (Vaswani et al. 2017, "Attention is all you need",
/// section 3.1): `[N, T, width]` to the same shape.
///
/// ```text
/// x = x + attention(norm1(x))        or, with the norms after:    x = norm1(x + attention(x))
/// x = x + dense(norm2(x))                                         x = norm2(x + dense(x))
/// ```
///
/// The norms come first unless [told otherwise](EncoderBlockBuilder::norms_after), which trains without a warm-up (Xiong et
/// al. 2020, "On layer normalization in the transformer architecture"). With [`causal`](EncoderBlockBuilder::causal) it is
/// a block of a language model.
///
/// Its parameters are those of the layers in `attention`, `norm1`, `norm2`, `widen` and `narrow`.
///
/// ```
/// use tress_autograd::Eager;
/// use tress_nn::{EncoderBlock, Layer, Params, Sequential, Sinusoidal};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(0);
/// let mut model = Sequential::new().then(Sinusoidal);
/// for i in 0..2 {
///     model = model.then(EncoderBlock::builder(16, 4, 64).build(&mut params.scope(&format!("block{i}")))?);
/// }
/// let x = Eager::new(Tensor::full([3, 10, 16], 0.5)?);
/// assert_eq!(**model.apply(&params.eager(), &x).tensor()?.shape(), [3, 10, 16]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderBlock {
    attention: MultiHeadAttention,
    norms: [LayerNorm; 2],
    widen: Dense,
    narrow: Dense,
    norms_first: bool,
    dropout: Option<[Dropout; 3]>,
}

impl EncoderBlock {
    /// The settings of a block: `width` numbers a step, `heads` heads, `hidden` numbers between the two dense layers, the
    /// exact GELU as activation, no dropout, the norms first.
    pub fn builder(width: usize, heads: usize, hidden: usize) -> EncoderBlockBuilder {
        EncoderBlockBuilder {
            attention: MultiHeadAttention::builder(width, heads),
            hidden,
            activation: Map::Gelu,
            norms_first: true,
            dropout: 0.0,
            biased: true,
        }
    }

    /// The attention.
    pub fn attention(&self) -> &MultiHeadAttention {
        &self.attention
    }

    /// The two norms.
    pub fn norms(&self) -> [&LayerNorm; 2] {
        [&self.norms[0], &self.norms[1]]
    }

    /// The two dense layers.
    pub fn dense(&self) -> [&Dense; 2] {
        [&self.widen, &self.narrow]
    }

    /// Whether the norms come first.
    pub fn norms_first(&self) -> bool {
        self.norms_first
    }

    /// The result for `x [N, T, width]`, with attention where the mask lets it look.
    #[track_caller]
    pub fn run<V: Value>(&self, bound: &Bound<V>, x: &V, mask: &AttentionMask) -> V {
        self.run_if(bound, x, mask, None)
    }

    /// As [`run`](EncoderBlock::run), with the steps that count as a value, `counts [N, T]`: see
    /// [`attend_where`](MultiHeadAttention::attend_where).
    #[track_caller]
    pub fn run_where<V: Value>(&self, bound: &Bound<V>, x: &V, mask: &AttentionMask, counts: &V) -> V {
        self.run_if(bound, x, mask, Some(counts))
    }

    #[track_caller]
    fn run_if<V: Value>(&self, bound: &Bound<V>, x: &V, mask: &AttentionMask, counts: Option<&V>) -> V {
        let (shape, [first, second]) = (x.shape(), &self.norms);
        if let Err(error) = self.attention.fit("encoder", &shape, &shape) {
            return x.fail(error);
        }
        if self.norms_first {
            let inside = first.apply(bound, x);
            let found = self.attention.attend_to(bound, &inside, &inside, mask, counts, None);
            let x = x.clone() + self.dropped(bound, 0, found);
            return self.wide(bound, &second.apply(bound, &x)) + x;
        }
        let found = self.attention.attend_to(bound, x, x, mask, counts, None);
        let x = first.apply(bound, &(x.clone() + self.dropped(bound, 0, found)));
        second.apply(bound, &(self.wide(bound, &x) + x.clone()))
    }

    #[track_caller]
    fn wide<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let hidden = self.dropped(bound, 1, self.widen.apply(bound, x));
        self.dropped(bound, 2, self.narrow.apply(bound, &hidden))
    }

    #[track_caller]
    fn dropped<V: Value>(&self, bound: &Bound<V>, at: usize, x: V) -> V {
        match &self.dropout {
            Some(dropout) => dropout[at].apply(bound, &x),
            None => x,
        }
    }
}

impl Layer for EncoderBlock {
    #[track_caller]
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        self.run(bound, x, &AttentionMask::new())
    }
}

/// The settings of an [`EncoderBlock`].
#[derive(Clone, Copy, Debug)]
pub struct EncoderBlockBuilder {
    attention: MultiHeadAttentionBuilder,
    hidden: usize,
    activation: Map,
    norms_first: bool,
    dropout: f64,
    biased: bool,
}

impl EncoderBlockBuilder {
    /// Another function between the two dense layers.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: map, ..self }
    }

    /// The norms after attention and dense layers, as in the first paper.
    pub fn norms_after(self) -> Self {
        Self { norms_first: false, ..self }
    }

    /// No step looks at later ones.
    pub fn causal(self) -> Self {
        Self { attention: self.attention.causal(), ..self }
    }

    /// Queries and keys are turned by their positions.
    pub fn rotary(self, rotary: Rotary) -> Self {
        Self { attention: self.attention.rotary(rotary), ..self }
    }

    /// Without biases: in attention, in the norms, and in the dense layers.
    pub fn without_bias(self) -> Self {
        Self { attention: self.attention.without_bias(), biased: false, ..self }
    }

    /// Dropout in training: of the weights of attention, of what it finds, and after each dense layer.
    pub fn dropout(self, rate: f64) -> Self {
        Self { dropout: rate, attention: self.attention.dropout(rate), ..self }
    }

    /// Declares the parameters.
    ///
    /// # Errors
    /// A width that does not fall into the heads, a rate that is not in `0.0..1.0`, names that exist in this scope, or a
    /// shape that is too large.
    pub fn build<T: Float>(self, scope: &mut Scope<'_, T>) -> Result<EncoderBlock, Error> {
        let Self { attention, hidden, activation, norms_first, dropout: rate, biased } = self;
        let width = attention.width;
        let norm = |scope: &mut Scope<'_, T>| match biased {
            true => LayerNorm::new(scope, [width]),
            false => LayerNorm::without_bias(scope, [width]),
        };
        let dense = |scope: &mut Scope<'_, T>, inputs, outputs| {
            let dense = Dense::builder(inputs, outputs);
            if biased { dense } else { dense.without_bias() }.build(scope)
        };
        Ok(EncoderBlock {
            attention: attention.build(&mut scope.scope("attention"))?,
            norms: [norm(&mut scope.scope("norm1"))?, norm(&mut scope.scope("norm2"))?],
            widen: dense(&mut scope.scope("widen"), width, hidden)?.activation(activation),
            narrow: dense(&mut scope.scope("narrow"), hidden, width)?,
            norms_first,
            dropout: match rate == 0.0 {
                true => None,
                false => {
                    Some([Dropout::new(scope, rate)?, Dropout::new(scope, rate)?, Dropout::new(scope, rate)?])
                }
            },
        })
    }
}
