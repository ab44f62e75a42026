//! What a step of a gated recurrent network does with the products of its weights, number by number, and the gradient of that.

use super::Real;
use super::map::sigmoid;
use crate::{Error, Shape};

/// What follows the products in one step of a recurrent network, as one operation; see
/// [`Tensor::gates`](crate::Tensor::gates).
///
/// With `N` samples and `H` hidden numbers, `a` and `b` the products of the input and of the hidden numbers with their weights,
/// biases included. Each has a part for each letter, in the order of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gates {
    /// `(a [N, 4 H], b [N, 4 H], c [N, H])` to `[2, N, H]`: `h'` and `c'` of `i, f, o = sigmoid(a + b)`, `g = tanh(a + b)`,
    /// `c' = f c + i g`, `h' = o tanh(c')`. Parts: `i`, `f`, `g`, `o`.
    Lstm,
    /// Those and the cotangent `[2, N, H]` of the result, to the cotangents of `a + b` and of `c`, one behind the other in
    /// `[5 N H]`.
    LstmGrad,
    /// `(a [N, 3 H], b [N, 3 H], h [N, H])` to `h' [N, H]`: `r, z = sigmoid(a + b)`, `n = tanh(a + r b)`,
    /// `h' = z (h - n) + n`. Parts: `r`, `z`, `n`.
    Gru,
    /// Those and the cotangent `[N, H]` of the result, to the cotangents of `a`, `b` and `h`, one behind the other in `[7 N H]`.
    GruGrad,
}

impl Gates {
    /// The name as programs and messages print it.
    pub fn name(self) -> &'static str {
        match self {
            Gates::Lstm => "lstm_gates",
            Gates::LstmGrad => "lstm_gates_grad",
            Gates::Gru => "gru_gates",
            Gates::GruGrad => "gru_gates_grad",
        }
    }

    /// The parts of the products.
    pub fn parts(self) -> usize {
        match self {
            Gates::Lstm | Gates::LstmGrad => 4,
            Gates::Gru | Gates::GruGrad => 3,
        }
    }

    /// The shapes of the operands for `samples` samples and `hidden` hidden numbers: the first three or four of them.
    ///
    /// # Errors
    /// A shape is too large.
    pub fn operands(self, samples: usize, hidden: usize) -> Result<([Shape; 4], usize), Error> {
        let shape = |lengths: &[usize]| Shape::named(self.name(), lengths);
        let product = shape(&[samples, hidden.saturating_mul(self.parts())])?;
        let carried = shape(&[samples, hidden])?;
        let (g, count) = match self {
            Gates::Lstm | Gates::Gru => (carried, 3),
            Gates::LstmGrad => (shape(&[2, samples, hidden])?, 4),
            Gates::GruGrad => (carried, 4),
        };
        Ok(([product, product, carried, g], count))
    }

    /// The shape of the result for operands of these shapes.
    ///
    /// # Errors
    /// The operands are not those that [`Gates`] says.
    pub fn infer(self, xs: &[Shape]) -> Result<Shape, Error> {
        let op = self.name();
        let [samples, hidden] = match xs.get(2).map(|x| &x[..]) {
            Some(&[samples, hidden]) => [samples, hidden],
            _ => return Err(Error::Setting { op, why: "the third operand is to be [samples, hidden]" }),
        };
        let (wanted, count) = self.operands(samples, hidden)?;
        if xs.len() != count {
            return Err(Error::Setting { op, why: "another number of operands is wanted" });
        }
        xs.iter().zip(&wanted).try_for_each(|(x, wanted)| x.agree(wanted, op))?;
        let len = samples.saturating_mul(hidden);
        match self {
            Gates::Lstm => Shape::named(op, &[2, samples, hidden]),
            Gates::LstmGrad => Shape::named(op, &[len.saturating_mul(5)]),
            Gates::Gru => Ok(xs[2]),
            Gates::GruGrad => Shape::named(op, &[len.saturating_mul(7)]),
        }
    }
}

/// [`Gates::Lstm`]: the parts of `a`, those of `b`, and `c`, to `h'` and `c'`.
#[inline(always)]
pub fn lstm<R: Real>(x: [R; 9]) -> [R; 2] {
    let [a_i, a_f, a_g, a_o, b_i, b_f, b_g, b_o, c] = x;
    let new = sigmoid(a_i + b_i) * (a_g + b_g).tanh();
    let memory = sigmoid(a_f + b_f) * c + new;
    [sigmoid(a_o + b_o) * memory.clone().tanh(), memory]
}

/// [`Gates::LstmGrad`]: the operands of [`lstm`] and the cotangents of its results, to those of the parts and of `c`.
///
/// The gates are computed anew: in registers that takes less time than to fetch them.
#[inline(always)]
pub fn lstm_grad<R: Real>(x: [R; 11]) -> [R; 5] {
    let [a_i, a_f, a_g, a_o, b_i, b_f, b_g, b_o, c, g_hidden, g_memory] = x;
    // (Not by `map` of arrays, which is compiled apart from the loop and its instruction set.)
    let (i, f, o) = (sigmoid(a_i + b_i), sigmoid(a_f + b_f), sigmoid(a_o + b_o));
    let new = (a_g + b_g).tanh();
    let out = (f.clone() * c.clone() + i.clone() * new.clone()).tanh();
    let g = g_memory + g_hidden.clone() * o.clone() * of_tanh(out.clone());
    [
        g.clone() * new.clone() * of_sigmoid(i.clone()),
        g.clone() * c * of_sigmoid(f.clone()),
        g.clone() * i * of_tanh(new),
        g_hidden * out * of_sigmoid(o),
        g * f,
    ]
}

/// [`Gates::Gru`]: the parts of `a`, those of `b`, and `h`, to `h'`.
#[inline(always)]
pub fn gru<R: Real>(x: [R; 7]) -> [R; 1] {
    let [a_r, a_z, a_n, b_r, b_z, b_n, hidden] = x;
    let new = (a_n + sigmoid(a_r + b_r) * b_n).tanh();
    [sigmoid(a_z + b_z) * (hidden - new.clone()) + new]
}

/// [`Gates::GruGrad`]: the operands of [`gru`] and the cotangent of its result, to those of the parts of `a`, the parts of `b`,
/// and `h`.
#[inline(always)]
pub fn gru_grad<R: Real>(x: [R; 8]) -> [R; 7] {
    let [a_r, a_z, a_n, b_r, b_z, b_n, hidden, g] = x;
    let (reset, keep) = (sigmoid(a_r + b_r), sigmoid(a_z + b_z));
    let new = (a_n + reset.clone() * b_n.clone()).tanh();
    let kept = g.clone() * keep.clone();
    let g_new = (g.clone() - kept.clone()) * of_tanh(new.clone());
    let g_keep = g * (hidden - new) * of_sigmoid(keep);
    let g_reset = g_new.clone() * b_n * of_sigmoid(reset.clone());
    [g_reset.clone(), g_keep.clone(), g_new.clone(), g_reset, g_keep, g_new * reset, kept]
}

/// The slope of the hyperbolic tangent where it is `y`.
#[inline(always)]
fn of_tanh<R: Real>(y: R) -> R {
    y.of(1.0) - y.clone() * y
}

/// The slope of the logistic function where it is `y`.
#[inline(always)]
fn of_sigmoid<R: Real>(y: R) -> R {
    y.clone() * (y.of(1.0) - y)
}
