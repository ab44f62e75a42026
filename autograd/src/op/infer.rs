//! The one gate for user error: the shape of a result, or what is wrong with the operands.

use super::{Conv, ConvRole, Epilogue, Op, Pick, Product, Role};
use tress_tensor::pointwise::Keep;
use tress_tensor::{Error, Layout, Shape, Window};

/// What is wrong with too few operands, or too many.
pub(super) const OPERANDS: &str = "the number of operands is not the operation's";

impl Op {
    /// The shape of the result for operands of these shapes.
    ///
    /// # Errors
    /// The operands do not fit the operation; the message names it, the shapes, and what differs. What passes this gate
    /// does not fail later.
    pub fn infer(&self, xs: &[Shape]) -> Result<Shape, Error> {
        let op = self.name();
        self.result(op, xs).map_err(|error| error.named(op))
    }

    fn result(&self, op: &'static str, xs: &[Shape]) -> Result<Shape, Error> {
        let operands = match self {
            Op::Zip(_) | Op::MapGrad(_) | Op::SoftmaxGrad | Op::LogSoftmaxGrad => 2,
            Op::Select => 3,
            Op::Concat(_) | Op::Custom(_) => xs.len().max(1),
            Op::Product(_) | Op::Conv(_) => 2 + self.epilogue().bias as usize,
            Op::MaxPool(_, Pick::Scatter | Pick::Gather) | Op::Sort(_, Pick::Scatter | Pick::Gather) => 2,
            Op::Solve(_) | Op::LogSumExpGrad(_) | Op::RowNormWeight(_) => 2,
            Op::RowNormGrad(_) => xs.len().clamp(2, 3),
            Op::RowNorm(_) => xs.len().clamp(1, 3),
            _ => 1,
        };
        if xs.len() != operands {
            return Err(Error::Setting { op, why: OPERANDS });
        }
        let x = &xs[0];
        match self {
            Op::Map(_) | Op::Stop => Ok(*x),
            Op::Zip(_) | Op::MapGrad(_) | Op::Select => {
                xs[1..].iter().try_for_each(|other| same(op, x, other))?;
                Ok(*x)
            }
            Op::Permute(order) => {
                let mut axes = [0; Shape::MAX_RANK];
                order.axes().enumerate().for_each(|(to, from)| axes[to] = from);
                Ok(*Layout::contiguous(*x).permute(&axes[..order.axes().len()])?.shape())
            }
            Op::Reshape(shape) => {
                Layout::contiguous(*x).reshape(*shape)?;
                Ok(*shape)
            }
            Op::Expand(shape) => Ok(*Layout::contiguous(*x).expand(*shape)?.shape()),
            Op::Slice(s) => Ok(*Layout::contiguous(*x).slice(s.axis, s.start, s.end, s.step)?.shape()),
            Op::Unslice(s, len) => {
                let whole = x.with(s.axis, *len)?;
                let part = Layout::contiguous(whole).slice(s.axis, s.start, s.end, s.step)?;
                same(op, x, part.shape())?;
                Ok(whole)
            }
            Op::Flip(axis) => Ok(*Layout::contiguous(*x).flip(*axis)?.shape()),
            Op::Concat(axis) => concat(op, *axis, xs),
            Op::Sum(axes) => axes.remove_from(op, x),
            Op::Max(axes) | Op::Min(axes) => {
                if axes.iter().any(|axis| x.get(axis) == Some(&0)) {
                    return Err(Error::Unfit {
                        op,
                        shape: *x,
                        why: "nothing has no extreme: an axis is empty",
                    });
                }
                axes.remove_from(op, x)
            }
            Op::RunningSum(axis, _) => match axis < &x.rank() {
                true => Ok(*x),
                false => Err(Error::Axis { op, axis: *axis, shape: *x }),
            },
            Op::Solve(_) => {
                let right = &xs[1];
                let front = square(op, x)? + 1;
                if right.rank() != x.rank() || right[..front] != x[..front] {
                    let why = "all axes but the last must be equal";
                    return Err(Error::Mismatch { op, left: *x, right: *right, why, lengths: None });
                }
                Ok(*right)
            }
            Op::Cholesky => square(op, x).map(|_| *x),
            Op::LogDet | Op::SignDet => Shape::named(op, &x[..square(op, x)?]),
            Op::Product(product) => infer_product(op, product, xs),
            Op::Conv(conv) => infer_conv(op, conv, xs),
            Op::MaxPool(window, Pick::Output) => pooled(op, window, x),
            Op::MaxPool(window, Pick::Scatter) => {
                same(op, &pooled(op, window, x)?, &xs[1])?;
                Ok(*x)
            }
            Op::MaxPool(window, Pick::Gather) => {
                same(op, x, &xs[1])?;
                pooled(op, window, x)
            }
            Op::MeanPool(window, Role::Output) => pooled(op, window, x),
            Op::MeanPool(window, Role::Transpose) => {
                let image = image_of(op, x)?.with(2, window.input[0])?.with(3, window.input[1])?;
                same(op, x, &pooled(op, window, &image)?)?;
                Ok(image)
            }
            Op::Sort(sort, role) => {
                let sorted = x.with(row(op, x)?, sort.keep)?;
                if sort.keep > x[x.rank() - 1] {
                    let (axis, len) = (x.rank() - 1, x[x.rank() - 1]);
                    return Err(Error::Range { op, axis, start: 0, end: sort.keep, len });
                }
                match role {
                    Pick::Output => Ok(sorted),
                    Pick::Scatter => same(op, &sorted, &xs[1]).map(|()| *x),
                    Pick::Gather => same(op, x, &xs[1]).map(|()| sorted),
                }
            }
            Op::Gather(axis, index) => {
                let len = *x.get(*axis).ok_or(Error::Axis { op, axis: *axis, shape: *x })?;
                index_fits(op, *axis, index.largest(), len)?;
                splice(op, x, *axis, 1, index.places().shape())
            }
            Op::Scatter(axis, index, len) => {
                index_fits(op, *axis, index.largest(), *len)?;
                let places = index.places().shape();
                if x.get(*axis..*axis + places.rank()) != Some(&**places) {
                    let why = "the operand must have the axes of the index at its axis";
                    return Err(Error::Mismatch { op, left: *x, right: *places, why, lengths: None });
                }
                splice(op, x, *axis, places.rank(), &Shape::named(op, &[*len])?)
            }
            Op::Softmax | Op::LogSoftmax | Op::SoftmaxGrad | Op::LogSoftmaxGrad => {
                xs[1..].iter().try_for_each(|other| same(op, x, other))?;
                row(op, x).map(|_| *x)
            }
            Op::LogSumExp(labels) | Op::LogSumExpGrad(labels) => {
                let axis = row(op, x)?;
                let rows = x.remove(axis)?;
                if let Some(labels) = labels {
                    same(op, &rows, labels.places().shape())?;
                    index_fits(op, axis, labels.largest(), x[axis])?;
                }
                match xs.get(1) {
                    Some(g) => same(op, &rows, g).map(|()| *x),
                    None => Ok(rows),
                }
            }
            Op::RowNorm(_) => {
                let own = Shape::named(op, &[x[row(op, x)?]])?;
                xs[1..].iter().try_for_each(|other| same(op, &own, other))?;
                Ok(*x)
            }
            Op::RowNormGrad(_) | Op::RowNormWeight(_) => {
                same(op, x, &xs[1])?;
                let own = Shape::named(op, &[x[row(op, x)?]])?;
                xs.get(2).map_or(Ok(()), |weight| same(op, &own, weight))?;
                Ok(if matches!(self, Op::RowNormGrad(_)) { *x } else { own })
            }
            Op::Custom(custom) => custom.op().infer(xs),
            Op::Dropout(dropout) => {
                if !(0.0..1.0).contains(&dropout.rate) {
                    return Err(Error::Setting { op, why: "the rate must be at least 0 and below 1" });
                }
                Ok(*x)
            }
        }
    }
}

fn same(op: &'static str, left: &Shape, right: &Shape) -> Result<(), Error> {
    left.agree(right, op)
}

/// The last axis.
fn row(op: &'static str, x: &Shape) -> Result<usize, Error> {
    match x.rank() {
        0 => Err(Error::Unfit { op, shape: *x, why: "at least one axis is wanted" }),
        rank => Ok(rank - 1),
    }
}

/// The number of axes before the two of a square matrix.
fn square(op: &'static str, x: &Shape) -> Result<usize, Error> {
    match x[..] {
        [.., n, m] if n == m => Ok(x.rank() - 2),
        _ => Err(Error::Unfit { op, shape: *x, why: "square matrices are wanted in the last two axes" }),
    }
}

fn concat(op: &'static str, axis: usize, xs: &[Shape]) -> Result<Shape, Error> {
    let first = &xs[0];
    let mut total = 0usize;
    for x in xs {
        let len = *x.get(axis).ok_or(Error::Axis { op, axis, shape: *x })?;
        // All other axes must agree; the messages for that are those of `same`.
        same(op, &first.with(axis, len)?, x).map_err(|error| match error {
            Error::Mismatch { why, lengths, .. } => {
                Error::Mismatch { op, left: *first, right: *x, why, lengths }
            }
            other => other,
        })?;
        total = total.checked_add(len).ok_or(Error::TooLarge { op, shape: *x })?;
    }
    first.with(axis, total)
}

fn infer_product(op: &'static str, product: &Product, xs: &[Shape]) -> Result<Shape, Error> {
    let (a, b) = (&xs[0], &xs[1]);
    if let Some(shape) = [a, b].into_iter().find(|x| x.rank() < 2) {
        return Err(Error::Unfit { op, shape: *shape, why: "at least two axes are wanted" });
    }
    let matrix = |x: &Shape, transposed: bool| {
        let (rows, columns) = (x[x.rank() - 2], x[x.rank() - 1]);
        if transposed { (columns, rows) } else { (rows, columns) }
    };
    let (m, k) = matrix(a, product.transposed[0]);
    let (k_right, n) = matrix(b, product.transposed[1]);
    if k != k_right {
        let (why, lengths) = ("inner lengths", Some((k, k_right)));
        return Err(Error::Mismatch { op, left: *a, right: *b, why, lengths });
    }
    let batch = a.rank() - 2;
    if a.rank() != b.rank() || a[..batch] != b[..batch] {
        let why = "the axes before the last two must be equal";
        return Err(Error::Mismatch { op, left: *a, right: *b, why, lengths: None });
    }
    epilogue(op, &product.epilogue, xs, n)?;
    a.with(batch, m)?.with(batch + 1, n)
}

/// Checks the bias, if there is one, and that the activation can be undone from its output.
fn epilogue(op: &'static str, epilogue: &Epilogue, xs: &[Shape], channels: usize) -> Result<(), Error> {
    if let (true, Some(bias)) = (epilogue.bias, xs.get(2)) {
        same(op, bias, &Shape::named(op, &[channels])?)?;
    }
    epilogue_fits(op, epilogue)
}

/// Whether the activation can be undone from its output.
#[inline]
pub(super) fn epilogue_fits(op: &'static str, epilogue: &Epilogue) -> Result<(), Error> {
    match epilogue.activation {
        Some(map) if map.keep() != Keep::Output => {
            let why = "only activations whose derivative needs the output alone can be fused";
            Err(Error::Setting { op, why })
        }
        _ => Ok(()),
    }
}

fn image_of(op: &'static str, x: &Shape) -> Result<Shape, Error> {
    match x.rank() {
        4 => Ok(*x),
        _ => Err(Error::Unfit { op, shape: *x, why: "four axes are wanted: N, C, H, W" }),
    }
}

fn pooled(op: &'static str, window: &Window, x: &Shape) -> Result<Shape, Error> {
    let x = image_of(op, x)?;
    if x[2..] != window.input {
        let (left, right) = (x, Shape::named(op, &window.input)?);
        let why = "the image is not of the size that the window was made for";
        return Err(Error::Mismatch { op, left, right, why, lengths: None });
    }
    let [h, w] = window.pooling(op)?;
    x.with(2, h)?.with(3, w)
}

pub(super) fn infer_conv(op: &'static str, conv: &Conv, xs: &[Shape]) -> Result<Shape, Error> {
    let Conv { window, groups, role, .. } = conv;
    let (groups, [oh, ow]) = (*groups, window.output(op)?);
    if groups == 0 {
        return Err(Error::Setting { op, why: "there must be at least one group" });
    }
    let (left, right) = (image_of(op, &xs[0])?, image_of(op, &xs[1])?);
    let mismatch = |why, lengths| Error::Mismatch { op, left, right, why, lengths };
    let fits = |why, a: usize, b: usize| if a == b { Ok(()) } else { Err(mismatch(why, Some((a, b)))) };
    let size = |why, x: &Shape, [h, w]: [usize; 2]| {
        fits(why, x[2], h)?;
        fits(why, x[3], w)
    };
    match role {
        ConvRole::Output => {
            size("sizes of the image", &left, window.input)?;
            size("sizes of the kernel", &right, window.kernel)?;
            fits("channels", left[1], right[1].saturating_mul(groups))?;
            fits("output channels and a multiple of the groups", right[0], right[0] / groups * groups)?;
            epilogue(op, &conv.epilogue, xs, right[0])?;
            Shape::named(op, &[left[0], right[0], oh, ow])
        }
        ConvRole::Image => {
            size("sizes of the kernel", &left, window.kernel)?;
            size("sizes of the result", &right, [oh, ow])?;
            fits("output channels", left[0], right[1])?;
            fits("output channels and a multiple of the groups", left[0], left[0] / groups * groups)?;
            Shape::named(op, &[right[0], left[1].saturating_mul(groups), window.input[0], window.input[1]])
        }
        ConvRole::Weight => {
            size("sizes of the image", &left, window.input)?;
            size("sizes of the result", &right, [oh, ow])?;
            fits("samples", left[0], right[0])?;
            fits("channels and a multiple of the groups", left[1], left[1] / groups * groups)?;
            fits("output channels and a multiple of the groups", right[1], right[1] / groups * groups)?;
            Shape::named(op, &[right[1], left[1] / groups, window.kernel[0], window.kernel[1]])
        }
    }
}

fn index_fits(op: &'static str, axis: usize, largest: Option<u32>, len: usize) -> Result<(), Error> {
    match largest {
        Some(largest) if largest as usize >= len => {
            let start = largest as usize;
            Err(Error::Range { op, axis, start, end: start.saturating_add(1), len })
        }
        _ => Ok(()),
    }
}

/// `x` with `count` axes from `axis` on replaced by the axes of `middle`.
fn splice(op: &'static str, x: &Shape, axis: usize, count: usize, middle: &Shape) -> Result<Shape, Error> {
    let rank = x.rank() - count + middle.rank();
    if rank > Shape::MAX_RANK {
        return Err(Error::Rank { op, rank });
    }
    let mut lengths = [0; Shape::MAX_RANK];
    lengths[..axis].copy_from_slice(&x[..axis]);
    lengths[axis..axis + middle.rank()].copy_from_slice(middle);
    lengths[axis + middle.rank()..rank].copy_from_slice(&x[axis + count..]);
    Shape::named(op, &lengths[..rank])
}
