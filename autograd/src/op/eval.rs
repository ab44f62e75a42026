//! What each operation computes, on tensors.

use super::{Conv, ConvRole, Index, Op, Pick, Product, Role, Slice};
use alloc::vec::Vec;
use tress_tensor::{Error, Float, Shape, Tensor};

impl Op {
    /// The result of the operation.
    ///
    /// # Errors
    /// The operands do not pass [`infer`](Op::infer), which is asked first.
    pub fn eval<T: Float>(&self, xs: &[&Tensor<T>]) -> Result<Tensor<T>, Error> {
        // The whole gate of a pointwise operation is that the shapes are equal, and the tensor's own method is that gate.
        match (self, xs) {
            (Op::Map(map), [x]) => return Ok(x.map(*map)),
            (Op::MapGrad(map), [kept, g]) => return Tensor::map_grad(*map, kept, g),
            (Op::Zip(zip), [a, b]) => return a.zip(*zip, b),
            _ => {}
        }
        let shape = match xs {
            [a] => self.infer(&[*a.shape()])?,
            [a, b] => self.infer(&[*a.shape(), *b.shape()])?,
            _ => self.infer(&xs.iter().map(|x| *x.shape()).collect::<Vec<Shape>>())?,
        };
        let x = xs[0];
        match self {
            Op::Map(map) => Ok(x.map(*map)),
            Op::MapGrad(map) => Tensor::map_grad(*map, x, xs[1]),
            Op::Zip(zip) => x.zip(*zip, xs[1]),
            Op::Select => x.select(xs[1], xs[2]),
            Op::Stop => Ok(x.clone()),

            Op::Permute(order) => {
                let mut axes = [0; Shape::MAX_RANK];
                order.axes().enumerate().for_each(|(to, from)| axes[to] = from);
                x.permute(&axes[..x.rank()])
            }
            Op::Reshape(shape) => x.reshape(*shape),
            Op::Expand(shape) => x.expand(*shape),
            Op::Slice(Slice { axis, start, end, step }) => x.slice(*axis, *start, *end, *step),
            Op::Unslice(Slice { axis, start, end, step }, len) => x.unslice(*axis, *start, *end, *step, *len),
            Op::Flip(axis) => x.flip(*axis),
            Op::Concat(axis) => Tensor::concat(xs, *axis),

            Op::Sum(axes) => x.sum(*axes),
            Op::Max(axes) => x.max(*axes),
            Op::Min(axes) => x.min(*axes),
            Op::RunningSum(axis, reversed) => x.running_sum(*axis, *reversed),

            Op::Product(Product { transposed, epilogue }) => {
                x.product(xs[1], *transposed, xs.get(2).copied(), epilogue.activation)
            }
            Op::Conv(Conv { window, groups, role, epilogue }) => match role {
                ConvRole::Output => {
                    x.conv2d(xs[1], xs.get(2).copied(), *window, *groups, epilogue.activation)
                }
                ConvRole::Image => x.conv2d_image(xs[1], *window, *groups),
                ConvRole::Weight => x.conv2d_weight(xs[1], *window, *groups),
            },

            Op::Solve(solve) => x.solve(xs[1], *solve),
            Op::Cholesky => x.cholesky(),
            Op::LogDet => x.log_det(),
            Op::SignDet => x.sign_det(),

            Op::MaxPool(window, Pick::Output) => x.max_pool(*window),
            Op::MaxPool(window, Pick::Scatter) => x.max_pool_scatter(xs[1], *window),
            Op::MaxPool(window, Pick::Gather) => x.max_pool_gather(xs[1], *window),
            Op::MeanPool(window, Role::Output) => x.mean_pool(*window),
            Op::MeanPool(window, Role::Transpose) => x.mean_pool_transpose(*window),

            Op::Sort(sort, Pick::Output) => x.sort(*sort),
            Op::Sort(sort, Pick::Scatter) => x.sort_scatter(xs[1], *sort),
            Op::Sort(sort, Pick::Gather) => x.sort_gather(xs[1], *sort),

            Op::Gather(axis, index) => x.gather(*axis, index.places()),
            Op::Scatter(axis, index, len) => x.scatter(*axis, index.places(), *len),

            Op::Softmax => x.softmax(),
            Op::LogSoftmax => x.log_softmax(),
            Op::SoftmaxGrad => x.softmax_grad(xs[1]),
            Op::LogSoftmaxGrad => x.log_softmax_grad(xs[1]),

            Op::LogSumExp(labels) => x.log_sum_exp(labels.as_ref().map(Index::places)),
            Op::LogSumExpGrad(labels) => x.log_sum_exp_grad(xs[1], labels.as_ref().map(Index::places)),
            Op::RowNorm(norm) => x.row_norm(*norm, xs.get(1).copied(), xs.get(2).copied()),
            Op::RowNormGrad(norm) => x.row_norm_grad(*norm, xs[1], xs.get(2).copied()),
            Op::RowNormWeight(norm) => x.row_norm_weight(*norm, xs[1]),

            Op::Custom(custom) => custom.eval(xs, shape),
            Op::Dropout(dropout) => x.dropout(dropout.rate, dropout.seed),
        }
    }
}
