//! The value that is K values at once: K cotangents in one sweep.

use crate::Mistake;
use crate::op::{Conv, ConvRole, Epilogue, Op, Pick, Product, Slice};
use crate::value::{Arrange, Pointwise, Value, operators};
use alloc::vec::Vec;
use core::panic::Location;
use tress_tensor::{Error, Shape, Tensor};

/// One value that all K share, or K values along a first axis of length K.
///
/// Every operation has the right meaning: it acts on each of the K by itself. For the operations that matter there is
/// a fast arm that does all K in one operation (with the same bits, as kernels add in an order that does not depend on
/// how much they are given); the others are done one by one.
#[derive(Clone, Debug)]
pub enum Stacked<V> {
    /// The same for all K.
    Shared(V),
    /// `[K, ..]`: one for each.
    Each(V),
}

use Stacked::{Each, Shared};

impl<V: Value> Stacked<V> {
    /// The K values, a shared one repeated.
    pub fn each(&self, k: usize) -> V {
        match self {
            Each(v) => v.clone(),
            Shared(v) => repeat(v, k),
        }
    }

    /// Values of one shape, one behind the other.
    #[track_caller]
    pub fn from_rows(first: &V, others: &[V]) -> Self {
        Each(first.stack(0, others))
    }

    /// The number of values, where there are several.
    fn count(&self) -> Option<usize> {
        match self {
            Each(v) => v.shape().first().copied(),
            Shared(_) => None,
        }
    }

    /// The value of row `i`.
    #[track_caller]
    fn row(&self, i: usize) -> V {
        match self {
            Each(v) => v.at(0, i),
            Shared(v) => v.clone(),
        }
    }

    fn inside(&self) -> &V {
        match self {
            Each(v) | Shared(v) => v,
        }
    }
}

impl<V: Value> Value for Stacked<V> {
    type Elem = V::Elem;

    #[track_caller]
    fn apply(op: Op, xs: &[&Self]) -> Self {
        if let Some(failed) = xs.iter().find(|x| x.mistake().is_some()) {
            return Shared(failed.inside().clone());
        }
        // The gate, for one of the K: past it nothing fails, and a mistake names the operation that was asked for.
        let shapes: Vec<Shape> = xs.iter().map(|x| x.shape()).collect();
        if let Err(error) = op.infer(&shapes) {
            return xs[0].fail(error);
        }
        let Some(k) = xs.iter().find_map(|x| x.count()) else {
            return Shared(V::apply(op, &xs.iter().map(|x| x.inside()).collect::<Vec<_>>()));
        };
        Each(together(&op, xs, k).unwrap_or_else(|| one_by_one(&op, xs, k)))
    }

    fn apply_at(op: Op, xs: &[&Self], place: &'static Location<'static>) -> Self {
        if let Some(failed) = xs.iter().find(|x| x.mistake().is_some()) {
            return Shared(failed.inside().clone());
        }
        let shapes: Vec<Shape> = xs.iter().map(|x| x.shape()).collect();
        match op.infer(&shapes) {
            Err(error) => xs[0].wrong(Mistake { error, place }),
            Ok(_) if xs.iter().all(|x| x.count().is_none()) => {
                Shared(V::apply_at(op, &xs.iter().map(|x| x.inside()).collect::<Vec<_>>(), place))
            }
            Ok(_) => Self::apply(op, xs),
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Shared(v) => v.shape(),
            Each(v) => v.shape().remove(0).unwrap_or(Shape::SCALAR),
        }
    }

    fn lift(&self, constant: Tensor<V::Elem>) -> Self {
        Shared(self.inside().lift(constant))
    }

    fn mistake(&self) -> Option<Mistake> {
        self.inside().mistake()
    }

    fn wrong(&self, mistake: Mistake) -> Self {
        Shared(self.inside().wrong(mistake))
    }
}

operators!([V: Value] Stacked<V>);

/// The meaning of every operation: row by row.
#[track_caller]
fn one_by_one<V: Value>(op: &Op, xs: &[&Stacked<V>], k: usize) -> V {
    let row = |i: usize| {
        let rows: Vec<V> = xs.iter().map(|x| x.row(i)).collect();
        V::apply(op.clone(), &rows.iter().collect::<Vec<_>>())
    };
    let first = row(0);
    let others: Vec<V> = (1..k).map(row).collect();
    first.stack(0, &others)
}

/// All rows in one operation, where there is a way: the operation moved behind the new first axis.
#[track_caller]
fn together<V: Value>(op: &Op, xs: &[&Stacked<V>], k: usize) -> Option<V> {
    if k == 0 {
        return Some(xs[0].inside().fail(Error::Setting { op: op.name(), why: "a stack of no values" }));
    }
    if let Some(all) = V::on_stack(op, xs) {
        return Some(all);
    }
    let x = xs[0];
    let alone = |op: Op| Some(V::apply(op, &[x.inside()]));
    match op {
        Op::Map(_) | Op::Stop | Op::Softmax | Op::LogSoftmax => alone(op.clone()),
        Op::Cholesky | Op::LogDet | Op::SignDet | Op::LogSumExp(None) => alone(op.clone()),
        Op::Sort(_, Pick::Output) => alone(op.clone()),
        // Pointwise, along the last axis, or for each matrix: shared operands are repeated, which costs no memory.
        Op::Zip(_)
        | Op::MapGrad(_)
        | Op::Select
        | Op::SoftmaxGrad
        | Op::LogSoftmaxGrad
        | Op::LogSumExpGrad(None)
        | Op::Sort(..)
        | Op::Solve(_) => {
            let all: Vec<V> = xs.iter().map(|x| x.each(k)).collect();
            Some(V::apply(op.clone(), &all.iter().collect::<Vec<_>>()))
        }
        Op::Concat(axis) => {
            let all: Vec<V> = xs.iter().map(|x| x.each(k)).collect();
            Some(V::apply(Op::Concat(axis + 1), &all.iter().collect::<Vec<_>>()))
        }
        Op::Permute(order) => alone(Op::Permute(order.behind_one().ok()?)),
        Op::Reshape(shape) => alone(Op::Reshape(shape.insert(0, k).ok()?)),
        Op::Expand(shape) => {
            // New axes go between K and the old ones.
            let (from, to) = (x.shape(), shape.insert(0, k).ok()?);
            let mut aligned = to;
            for axis in 1..to.rank() {
                let front = to.rank() - from.rank();
                aligned = aligned.with(axis, if axis < front { 1 } else { from[axis - front] }).ok()?;
            }
            Some(V::apply(Op::Expand(to), &[&x.inside().reshape(aligned)]))
        }
        Op::Slice(slice) => alone(Op::Slice(behind(slice))),
        Op::Unslice(slice, len) => alone(Op::Unslice(behind(slice), *len)),
        Op::Flip(axis) => alone(Op::Flip(axis + 1)),
        Op::Sum(axes) => alone(Op::Sum(axes.behind_one())),
        Op::Max(axes) => alone(Op::Max(axes.behind_one())),
        Op::Min(axes) => alone(Op::Min(axes.behind_one())),
        Op::RunningSum(axis, reversed) => alone(Op::RunningSum(axis + 1, *reversed)),
        Op::LogSumExp(Some(labels)) => alone(Op::LogSumExp(Some(labels.repeated(k).ok()?))),
        Op::LogSumExpGrad(Some(labels)) => {
            let op = Op::LogSumExpGrad(Some(labels.repeated(k).ok()?));
            Some(V::apply(op, &[&x.each(k), &xs[1].each(k)]))
        }
        // Weight and bias are for all rows alike, so they cannot be K different ones.
        Op::RowNormGrad(_) if xs.get(2).is_some_and(|x| matches!(x, Each(_))) => None,
        Op::RowNormGrad(_) => {
            let mut all = alloc::vec![x.each(k), xs[1].each(k)];
            all.extend(xs.get(2).map(|weight| weight.row(0)));
            Some(V::apply(op.clone(), &all.iter().collect::<Vec<_>>()))
        }
        Op::RowNormWeight(_) => None, // a sum over rows, which are those of one
        Op::RowNorm(_) if xs[1..].iter().any(|x| matches!(x, Each(_))) => None,
        Op::RowNorm(_) => {
            let all: Vec<V> = core::iter::once(x.each(k)).chain(xs[1..].iter().map(|x| x.row(0))).collect();
            Some(V::apply(op.clone(), &all.iter().collect::<Vec<_>>()))
        }
        Op::Gather(axis, index) => alone(Op::Gather(axis + 1, index.clone())),
        Op::Scatter(axis, index, len) => alone(Op::Scatter(axis + 1, index.clone(), *len)),
        Op::MeanPool(..) => unfold(&V::apply(op.clone(), &[&fold(x.inside())?]), k),
        Op::MaxPool(..) => {
            let all: Option<Vec<V>> = xs.iter().map(|x| fold(&x.each(k))).collect();
            unfold(&V::apply(op.clone(), &all?.iter().collect::<Vec<_>>()), k)
        }
        Op::Product(product) => multiply(product, xs, k),
        Op::Conv(conv) => convolve(conv, xs, k),
        Op::Custom(custom) if custom.op().is_pointwise() => {
            let all: Vec<V> = xs.iter().map(|x| x.each(k)).collect();
            Some(V::apply(op.clone(), &all.iter().collect::<Vec<_>>()))
        }
        Op::Custom(custom) => {
            let y = custom.op().body()?.run(xs).into_iter().next()??;
            Some(y.each(k))
        }
        Op::Dropout(_) => {
            // The mask depends on the place in one value: one mask for all K.
            let ones = x.inside().lift(Tensor::full(x.shape(), tress_tensor::Float::ONE).ok()?);
            let kept = V::apply(op.clone(), &[&ones]);
            // Chosen and not multiplied: of an infinity that is dropped stays 0, not NaN.
            Some(kept.select(x.inside().clone() * kept.clone(), x.inside().constant(0.0)))
        }
    }
}

fn multiply<V: Value>(product: &Product, xs: &[&Stacked<V>], k: usize) -> Option<V> {
    let (a, b) = (xs[0], xs[1]);
    let op = Op::Product(*product);
    match (a, b) {
        // K stacks of rows against one matrix: one product of K m rows. The bias is shared by the rows as well.
        (Each(rows), Shared(_)) if b.shape().rank() == 2 && !product.transposed[0] => {
            let third = xs.get(2);
            if matches!(third, Some(Each(_))) {
                return None;
            }
            let shape = rows.shape();
            let tall = rows.reshape([k * shape[1], shape[2]]);
            let mut operands: Vec<&V> = alloc::vec![&tall, b.inside()];
            operands.extend(third.map(|bias| bias.inside()));
            let y = V::apply(op, &operands);
            Some(y.reshape([k, shape[1], y.shape()[1]]))
        }
        // One more batch axis; a shared operand is repeated there without being copied.
        _ if product.epilogue == Epilogue::NONE => Some(V::apply(op, &[&a.each(k), &b.each(k)])),
        _ => None,
    }
}

fn convolve<V: Value>(conv: &Conv, xs: &[&Stacked<V>], k: usize) -> Option<V> {
    let op = |window| Op::Conv(Conv { window, ..*conv });
    let third: Option<&V> = match xs.get(2) {
        Some(Each(_)) => return None,
        Some(Shared(bias)) => Some(bias),
        None => None,
    };
    match (conv.role, xs[0], xs[1]) {
        // K is folded into the samples wherever the weights are shared.
        (ConvRole::Output, Each(x), Shared(w)) => {
            let folded = fold(x)?;
            let operands: Vec<&V> = [&folded, w].into_iter().chain(third).collect();
            unfold(&V::apply(op(conv.window), &operands), k)
        }
        (ConvRole::Image, Shared(w), Each(y)) => unfold(&V::apply(op(conv.window), &[w, &fold(y)?]), k),
        _ => None,
    }
}

/// `[K, N, ..]` as `[K N, ..]`.
fn fold<V: Value>(x: &V) -> Option<V> {
    let shape = x.shape();
    let folded = shape.remove(0).ok()?.with(0, shape[0] * shape.get(1)?).ok()?;
    Some(x.reshape(folded))
}

/// `[K N, ..]` as `[K, N, ..]`.
fn unfold<V: Value>(x: &V, k: usize) -> Option<V> {
    let shape = x.shape();
    let unfolded = shape.with(0, shape.first()? / k).ok()?.insert(0, k).ok()?;
    Some(x.reshape(unfolded))
}

fn repeat<V: Value>(v: &V, k: usize) -> V {
    match v.shape().insert(0, k) {
        Ok(shape) => v.expand(shape),
        Err(error) => v.fail(error),
    }
}

fn behind(slice: &Slice) -> Slice {
    Slice { axis: slice.axis + 1, ..*slice }
}
