//! `grad`, `value_and_grad`, `vjp` and `linearize`: a function recorded at a point, and swept.

use super::recording::Recording;
use super::traced::Traced;
use super::tree::{Tree, leaves, refill};
use crate::Mistake;
use crate::kinds::Stacked;
use crate::tape::Tape;
use crate::value::{Pointwise, Value};
use alloc::vec::Vec;
use tress_tensor::Error;

/// The gradient of a function to a single number, with respect to each of its arguments (`jax.grad(f)(xs)`).
///
/// Mistakes are in the values that come out: of the function, with the line of the operation; a result that is not a
/// single number, with the line of this call.
///
/// ```
/// use tress_autograd::{Fused, Pointwise, Reduce, transform::{Held, grad}};
/// use tress_tensor::Tensor;
///
/// let w = Tensor::new([2, 1], &[0.5, -0.25])?;
/// let x = Tensor::new([3, 2], &[1.0, 2.0, 0.0, 1.0, -1.0, 3.0])?;
/// let loss = grad(|(w, x)| x.matmul(w).square().sum_all(), (&w, Held(&x)));
/// let by_hand = x.transpose(0, 1)?.matmul(&x.matmul(&w)?)?.to_vec().iter().map(|g| 2.0 * g).collect::<Vec<f64>>();
/// assert_eq!(loss.0.tensor()?.to_vec(), by_hand);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `xs` has no values at all, such as an empty list: there would be none to report a mistake with.
#[track_caller]
pub fn grad<X: Tree>(f: impl FnOnce(X::Of<Traced<X::Leaf>>) -> Traced<X::Leaf>, xs: X) -> X::Of<X::Leaf> {
    value_and_grad(f, xs).1
}

/// The value of a function to a single number, and its gradient (`jax.value_and_grad(f)(xs)`).
///
/// ```
/// use tress_autograd::{Pointwise, Reduce, transform::value_and_grad};
/// use tress_tensor::Tensor;
///
/// let x = Tensor::vector(&[1.0f64, -2.0]);
/// let (value, gradient) = value_and_grad(|x| x.square().sum_all(), &x);
/// assert_eq!(value.item()?, 5.0);
/// assert_eq!(gradient.tensor()?.to_vec(), [2.0, -4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// As [`grad`].
#[track_caller]
pub fn value_and_grad<X: Tree>(
    f: impl FnOnce(X::Of<Traced<X::Leaf>>) -> Traced<X::Leaf>,
    xs: X,
) -> (X::Leaf, X::Of<X::Leaf>) {
    let (values, moves) = leaves(&xs);
    let recording = Recording::new(&xs, values.clone(), &moves, f);
    let gradients = recording.gradients();
    let value = gradients.as_ref().map_or_else(|mistake| Err(*mistake), |_| recording.value());
    (or_wrong(value, &values), all_or_wrong(&xs, gradients, &values))
}

/// The value of a function, and its derivative there as a linear map that is pulled back through, as often as wanted
/// (`jax.vjp(f, xs)`).
///
/// ```
/// use tress_autograd::{Pointwise, transform::vjp};
/// use tress_tensor::Tensor;
///
/// let x = Tensor::vector(&[0.0f64, 0.5]);
/// let (y, pullback) = vjp(|x| x.sin(), &x);
/// assert_eq!(y.tensor()?.to_vec()[0], 0.0);
/// for scale in [1.0, 3.0] {
///     let pulled = pullback.pull(Tensor::full([2], scale)?);
///     assert_eq!(pulled.tensor()?.to_vec(), [scale, scale * 0.5f64.cos()]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// As [`grad`].
#[track_caller]
pub fn vjp<X: Tree>(
    f: impl FnOnce(X::Of<Traced<X::Leaf>>) -> Traced<X::Leaf>,
    xs: X,
) -> (X::Leaf, Linear<X>) {
    let (values, moves) = leaves(&xs);
    let recording = Recording::new(&xs, values.clone(), &moves, f);
    let value = or_wrong(recording.value(), &values);
    (value.clone(), Linear { recording, xs, value })
}

/// The value of a function, and its derivative there as a linear map that tangents are pushed through, as often as
/// wanted, without running the function again (`jax.linearize(f, xs)`). It is [`vjp`] by another name: the map goes both
/// ways.
///
/// ```
/// use tress_autograd::{Pointwise, transform::linearize};
/// use tress_tensor::Tensor;
///
/// let x = Tensor::vector(&[0.0f64, 0.5]);
/// let (_, derivative) = linearize(|x| x.sin(), &x);
/// assert_eq!(derivative.push(Tensor::full([2], 1.0)?).tensor()?.to_vec(), [1.0, 0.5f64.cos()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// As [`grad`].
#[track_caller]
pub fn linearize<X: Tree>(
    f: impl FnOnce(X::Of<Traced<X::Leaf>>) -> Traced<X::Leaf>,
    xs: X,
) -> (X::Leaf, Linear<X>) {
    vjp(f, xs)
}

/// The derivative `J` of a function at a point, as a linear map: what was recorded there, to go along forwards or
/// backwards.
pub struct Linear<X: Tree> {
    pub(super) recording: Recording<X::Leaf>,
    pub(super) xs: X,
    pub(super) value: X::Leaf,
}

impl<X: Tree> Linear<X> {
    /// `J^T g`: the cotangent of each argument from one of the result, of its shape. Arguments that are held, or that
    /// the result does not depend on, get zeros.
    #[track_caller]
    pub fn pull(&self, g: impl Into<X::Leaf>) -> X::Of<X::Leaf> {
        all_or_wrong(&self.xs, self.recording.pull(g.into()), &leaves(&self.xs).0)
    }

    /// `J^T g` for K cotangents `[K, ..]` in one sweep: each result is `[K, ..]`.
    #[track_caller]
    pub fn pull_stacked(&self, g: impl Into<X::Leaf>) -> X::Of<X::Leaf> {
        all_or_wrong(&self.xs, self.recording.pull_stacked(g.into()), &leaves(&self.xs).0)
    }

    /// `J t`: the tangent of the result from one for each argument, of its shape and in its order; those of arguments
    /// that are held count for nothing.
    #[track_caller]
    pub fn push(&self, ts: impl Tree<Leaf = X::Leaf>) -> X::Leaf {
        let tangents = match tangents(&self.xs, &ts, "push", |_, shape| Ok(shape)) {
            Ok(tangents) => tangents,
            Err(mistake) => return self.value.wrong(mistake),
        };
        match self.recording.push(tangents, |value| value) {
            Ok(tangent) => tangent.unwrap_or_else(|| self.value.constant(0.0)),
            Err(mistake) => self.value.wrong(mistake),
        }
    }

    /// `J t` for K tangents at once, each `[K, ..]`: the result is `[K, ..]`.
    #[track_caller]
    pub fn push_stacked(&self, ts: impl Tree<Leaf = X::Leaf>) -> X::Leaf {
        let mut k = None;
        let stacked = |t: &X::Leaf, shape: tress_tensor::Shape| {
            let rows = *k.get_or_insert(t.shape().first().copied().unwrap_or(0));
            shape.insert(0, rows)
        };
        let tangents = match tangents(&self.xs, &ts, "push_stacked", stacked) {
            Ok(tangents) => tangents,
            Err(mistake) => return self.value.wrong(mistake),
        };
        let k = tangents.iter().flatten().next().map(|t| t.shape().first().copied().unwrap_or(0));
        if k == Some(0) {
            let why = "a stack of no tangents: at least one is wanted, along a first axis";
            return self.value.fail(Error::Setting { op: "push_stacked", why });
        }
        let k = k.unwrap_or(1);
        let tangents = tangents.into_iter().map(|t| t.map(Stacked::Each)).collect();
        match self.recording.push(tangents, Stacked::Shared) {
            Ok(Some(tangent)) => tangent.each(k),
            Ok(None) => Stacked::Shared(self.value.constant(0.0)).each(k),
            Err(mistake) => self.value.wrong(mistake),
        }
    }

    /// What was recorded, to look at: it can be printed, explained and checked as any tape.
    pub fn tape(&self) -> &Tape<X::Leaf> {
        self.recording.tape()
    }
}

/// Tangents in the order of the arguments, `None` for those that are held; each of the shape that `shape` says.
#[track_caller]
pub(super) fn tangents<X: Tree, T: Tree<Leaf = X::Leaf>>(
    xs: &X,
    ts: &T,
    op: &'static str,
    mut shape: impl FnMut(&X::Leaf, tress_tensor::Shape) -> Result<tress_tensor::Shape, Error>,
) -> Result<Vec<Option<X::Leaf>>, Mistake> {
    let (values, moves) = leaves(xs);
    let tangents = leaves(ts).0;
    if tangents.len() != values.len() {
        return Err(Mistake::here(Error::Setting { op, why: "one tangent is wanted for each argument" }));
    }
    let mut all = Vec::with_capacity(values.len());
    for ((x, t), moves) in values.iter().zip(tangents).zip(moves) {
        if let Some(mistake) = x.mistake().or(t.mistake()) {
            return Err(mistake);
        }
        if !moves {
            all.push(None);
            continue;
        }
        match shape(&t, x.shape()) {
            Ok(wanted) if wanted == t.shape() => all.push(Some(t)),
            Ok(wanted) => {
                let why = "a tangent must have the shape of its argument";
                let (left, right) = (wanted, t.shape());
                return Err(Mistake::here(Error::Mismatch { op, left, right, why, lengths: None }));
            }
            Err(error) => return Err(Mistake::here(error)),
        }
    }
    Ok(all)
}

/// A value, or one that stands for the mistake.
#[track_caller]
pub(super) fn or_wrong<V: Value>(value: Result<V, Mistake>, values: &[V]) -> V {
    match (value, values.first()) {
        (Ok(value), _) => value,
        (Err(mistake), Some(first)) => first.wrong(mistake),
        (Err(mistake), None) => panic!("no arguments at all: {mistake}"),
    }
}

/// The structure of `xs` with these values, or with as many that stand for the mistake.
pub(super) fn all_or_wrong<X: Tree>(
    xs: &X,
    found: Result<Vec<X::Leaf>, Mistake>,
    values: &[X::Leaf],
) -> X::Of<X::Leaf> {
    let found = found.unwrap_or_else(|mistake| values.iter().map(|value| value.wrong(mistake)).collect());
    refill(xs, found)
}
