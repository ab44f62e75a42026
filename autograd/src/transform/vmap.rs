//! `vmap`: a function of one sample, run on all samples of a batch in one go.

use super::reverse::or_wrong;
use super::tree::{Tree, leaves, refill};
use crate::Mistake;
use crate::kinds::Stacked;
use crate::value::{Arrange, Value};
use alloc::vec::Vec;
use tress_tensor::Error;

/// `f` for each index of the first axis of every argument; the results are stacked in front (`jax.vmap(f)(xs)`).
///
/// The function sees one sample, without that axis. There is no loop where an operation has a way to take all samples at
/// once, which most have.
///
/// ```
/// use tress_autograd::{Fused, Reduce, transform::vmap};
/// use tress_tensor::Tensor;
///
/// let rows = Tensor::new([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let lengths = vmap(|row| (&row * &row).sum_all(), &rows);
/// assert_eq!(lengths.tensor()?.to_vec(), [14.0, 77.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// As [`grad`](super::grad).
#[track_caller]
pub fn vmap<X: Tree>(f: impl FnOnce(X::Of<Stacked<X::Leaf>>) -> Stacked<X::Leaf>, xs: X) -> X::Leaf {
    let in_axes = xs.map_leaves(&mut |_, _| Some(0));
    vmap_axes(f, in_axes, 0, xs)
}

/// `f` for each index of one axis of the arguments (`jax.vmap(f, in_axes, out_axis)(xs)`).
///
/// `in_axes` has the structure of `xs`: the axis to go along, or `None` for an argument that all share. The results are
/// stacked along `out_axis`.
///
/// ```
/// use tress_autograd::{Fused, Reduce, transform::vmap_axes};
/// use tress_tensor::Tensor;
///
/// // Each column of x times one matrix that all share; the results are columns again.
/// let w = Tensor::new([2, 2], &[1.0, 2.0, 3.0, 4.0])?;
/// let x = Tensor::new([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let y = vmap_axes(|(w, x)| (w * x).sum(&[1]), (None, Some(1)), 1, (&w, &x));
/// assert_eq!(y.tensor()?, &w.matmul(&x)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The mistakes of this call: an axis that an argument does not have, axes of different lengths, no axis at all.
///
/// # Panics
/// As [`grad`](super::grad).
#[track_caller]
pub fn vmap_axes<X: Tree>(
    f: impl FnOnce(X::Of<Stacked<X::Leaf>>) -> Stacked<X::Leaf>,
    in_axes: X::Of<Option<usize>>,
    out_axis: usize,
    xs: X,
) -> X::Leaf {
    let values = leaves(&xs).0;
    let mut axes = Vec::with_capacity(values.len());
    X::visit_leaves(&in_axes, &mut |axis| axes.push(*axis));
    let (stacked, k) = match in_front(&values, &axes) {
        Ok(stacked) => stacked,
        Err(mistake) => return or_wrong(Err(mistake), &values),
    };
    let y = f(refill(&xs, stacked));
    if let Some(mistake) = y.mistake() {
        return or_wrong(Err(mistake), &values);
    }
    let rank = y.shape().rank();
    let all = y.each(k);
    if out_axis > rank {
        return all.fail(Error::Axis { op: "vmap", axis: out_axis, shape: all.shape() });
    }
    let mut order: Vec<usize> = (1..=rank).collect();
    order.insert(out_axis, 0);
    if out_axis == 0 { all } else { all.permute(&order) }
}

/// The arguments with the axis to go along in front, and its length.
#[track_caller]
fn in_front<V: Value>(values: &[V], axes: &[Option<usize>]) -> Result<(Vec<Stacked<V>>, usize), Mistake> {
    values.iter().find_map(V::mistake).map_or(Ok(()), Err)?;
    let setting = |why| Error::Setting { op: "vmap", why };
    if axes.len() != values.len() {
        return Err(Mistake::here(setting("one axis, or none, is wanted for each argument")));
    }
    let mut k = None;
    let mut stacked = Vec::with_capacity(values.len());
    for (x, axis) in values.iter().zip(axes) {
        let Some(axis) = *axis else {
            stacked.push(Stacked::Shared(x.clone()));
            continue;
        };
        let shape = x.shape();
        let Some(&length) = shape.get(axis) else {
            return Err(Mistake::here(Error::Axis { op: "vmap", axis, shape }));
        };
        if let Some(first) = k.filter(|&first| first != length) {
            let why = "the axes to go along must have one length; they have";
            let (left, right) = (values[0].shape(), shape);
            return Err(Mistake::here(Error::Mismatch {
                op: "vmap",
                left,
                right,
                why,
                lengths: Some((first, length)),
            }));
        }
        k = Some(length);
        let mut order: Vec<usize> = (0..shape.rank()).filter(|&other| other != axis).collect();
        order.insert(0, axis);
        stacked.push(Stacked::Each(if axis == 0 { x.clone() } else { x.permute(&order) }));
    }
    match k {
        Some(0) => {
            Err(Mistake::here(setting("the axis to go along has length 0: there is no sample to run")))
        }
        Some(k) => Ok((stacked, k)),
        None => Err(Mistake::here(setting("at least one argument needs an axis to go along"))),
    }
}
