//! Layers of this crate that take several values, to be wired by name.

use super::Join;
use crate::Bound;
use crate::layer::{AttentionMask, Bilinear, EncoderBlock, Ending, Layer, MultiHeadAttention, Recurrent};
use tress_autograd::{Arrange, Pointwise, Value};
use tress_tensor::{Element, Error, Tensor};

/// The pairs of two values: `[.., left]` and `[.., right]`.
impl Join for Bilinear {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        match xs {
            [a, b] => self.apply(bound, a, b),
            _ => not_as_many(xs, "bilinear", "it takes two values, [.., left] and [.., right]"),
        }
    }
}

/// Queries `[N, T, width]` and a memory `[N, S, memory]`, and perhaps what counts of the memory: `[N, S]`, not 0 where a step
/// does, or its lengths `[N]`.
impl Join for MultiHeadAttention {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        let mask = AttentionMask::new();
        match xs {
            [x, memory] => self.attend(bound, x, memory, &mask),
            [x, memory, said] => self.attend_where(bound, x, memory, &mask, &counts(memory, said)),
            _ => not_as_many(
                xs,
                "attention",
                "it takes queries, a memory, and perhaps what counts of that, [N, S] or lengths [N]",
            ),
        }
    }
}

/// Sequences `[N, T, width]`, and what counts of them: `[N, T]`, not 0 where a step does, or their lengths `[N]`.
impl Join for EncoderBlock {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        match xs {
            [x] => self.apply(bound, x),
            [x, said] => self.run_where(bound, x, &AttentionMask::new(), &counts(x, said)),
            _ => not_as_many(xs, "encoder", SEQUENCES),
        }
    }
}

/// Sequences `[N, T, inputs]`, and what counts of them: `[N, T]`, not 0 where a step does, or their lengths `[N]`.
impl Join for Recurrent {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        match xs {
            [x] => self.apply(bound, x),
            [x, said] => self.run_where(bound, x, None, &counts(x, said)).0,
            _ => not_as_many(xs, "recurrent", SEQUENCES),
        }
    }
}

/// As a [`Recurrent`] layer, but what it ends with: `[N, directions hidden]`.
impl Join for Ending {
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V {
        match xs {
            [x] => self.apply(bound, x),
            [x, said] => self.run_where(bound, x, &counts(x, said)),
            _ => not_as_many(xs, "recurrent", SEQUENCES),
        }
    }
}

const SEQUENCES: &str = "it takes sequences, and perhaps what counts of them, [N, T] or lengths [N]";

fn not_as_many<V: Value>(xs: &[V], op: &'static str, why: &'static str) -> V {
    xs[0].fail(Error::Setting { op, why })
}

/// 1 for each step of `x [N, T, ..]` that counts and 0 for padding, from what is said of that: lengths `[N]`, or numbers
/// `[N, T]` that are not 0. Anything else is for the layer to refuse.
fn counts<V: Value>(x: &V, said: &V) -> V {
    match (x.shape().get(1), said.shape().rank()) {
        (Some(&steps), 1) => {
            let places = Tensor::from_fn([1, steps], |i| V::Elem::from_f64(i[1] as f64));
            match places {
                Ok(places) => said.stop().unsqueeze(1).greater(x.lift(places)),
                Err(error) => x.fail(error),
            }
        }
        _ => said.stop().not_equal(said.constant(0.0)),
    }
}
