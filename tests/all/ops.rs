//! Every operation against PyTorch and JAX: value, gradient and Hessian-vector product, in `f64` to 1e-10 and in `f32` to
//! 1e-5, for operands that lie in memory in every way.

use crate::fixture::{Fixture, assert_near};
use tress::autograd::op::{Index, Solve, System};
use tress::autograd::{
    Arrange, Dual, Eager, Fused, Matrix, Pointwise, Reduce, Scan, Sliding, Tape, Value, Windows, einsum,
};
use tress::tensor::{Float, Tensor, Window};

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Dense,
    /// The axes in falling order.
    Transposed,
    /// Every second number of a longer last axis.
    Sliced,
    /// All axes run backwards.
    Flipped,
    /// One row for the whole first axis; for operands whose rows are equal, else dense.
    Expanded,
}

const LIES: [Lie; 5] = [Lie::Dense, Lie::Transposed, Lie::Sliced, Lie::Flipped, Lie::Expanded];

impl Lie {
    fn lay<T: Float>(self, x: &Tensor<T>) -> Tensor<T> {
        let rank = x.rank();
        let flip = |x: &Tensor<T>| (0..rank).fold(x.clone(), |x, axis| x.flip(axis).unwrap());
        let backwards: Vec<usize> = (0..rank).rev().collect();
        let laid = match self {
            Lie::Transposed => x.permute(&backwards).unwrap().contiguous().permute(&backwards).unwrap(),
            Lie::Sliced if rank > 0 => {
                let last = x.shape()[rank - 1];
                let gaps = Tensor::full(*x.shape(), T::from_f64(f64::NAN)).unwrap().unsqueeze(rank).unwrap();
                let pairs = Tensor::concat(&[&gaps, &x.unsqueeze(rank).unwrap()], rank).unwrap();
                let wide = pairs.reshape(x.shape().with(rank - 1, 2 * last).unwrap()).unwrap();
                wide.slice(rank - 1, 1, 2 * last, 2).unwrap()
            }
            Lie::Flipped => flip(&flip(x).contiguous()),
            Lie::Expanded if rank > 0 => {
                let row = x.slice(0, 0, 1, 1).unwrap().contiguous().expand(*x.shape()).unwrap();
                if row == *x { row } else { x.clone() }
            }
            Lie::Dense | Lie::Sliced | Lie::Expanded => x.clone(),
        };
        assert!(laid == *x, "{self:?} changed the numbers");
        laid
    }
}

/// The axes at the end of a name: `sum_02` sums along 0 and 2.
fn axes(op: &str) -> Vec<usize> {
    let digits = op.rsplit('_').next().unwrap();
    digits.bytes().map(|digit| usize::from(digit - b'0')).collect()
}

/// What `make_ops.py` calls `op`, on values of any kind.
fn run<V: Value>(op: &str, xs: &[V]) -> V {
    let x = &xs[0];
    match op {
        "sum_02" => x.sum(&axes(op)),
        "mean_1" => x.mean(&axes(op)),
        "max_12" => x.max(&axes(op)),
        "min_0" => x.min(&axes(op)),
        "prod_1" => x.prod(&axes(op)),
        "log_sum_exp_2" | "log_sum_exp_01" => x.log_sum_exp(&axes(op)),
        "variance_12" => x.variance(&axes(op), 1),
        "variance0_0" => x.variance(&axes(op), 0),
        "std_2" => x.std(&axes(op), 1),
        "norm1_1" => x.norm(&axes(op), 1.0),
        "norm2_1" => x.norm(&axes(op), 2.0),
        "norm3_1" => x.norm(&axes(op), 3.0),
        "norminf_1" => x.norm(&axes(op), f64::INFINITY),
        "argmax_1" => x.argmax(1),
        "argmin_0" => x.argmin(0),
        "argsort_1" => x.argsort(1, false),
        "cumsum_1" => x.cumsum(1),
        "cumprod_1" => x.cumprod(1),
        "cummax_1" => x.cummax(1),
        "sort_1" => x.sort(1, false),
        "sort_falling_0" => x.sort(0, true),
        "top_k_1" => x.top_k(1, 2),
        "softmax" => x.softmax(),
        "softmax_along_0" => x.softmax_along(0),
        "log_softmax" => x.log_softmax(),
        "cross_entropy" => x.cross_entropy(&index(&[2, 0, 1, 2])),
        "layer_norm" => x.layer_norm(Some(&xs[1]), Some(&xs[2]), 0.01),
        "layer_norm_bare" => x.layer_norm(None, None, 0.01),
        "rms_norm" => x.rms_norm(Some(&xs[1]), 0.01),
        "group_norm_2" => x.group_norm(2, Some(&xs[1]), Some(&xs[2]), 0.01),
        "batch_norm" => x.batch_norm(Some(&xs[1]), Some(&xs[2]), 0.01),
        _ => arranged(op, xs),
    }
}

fn arranged<V: Value>(op: &str, xs: &[V]) -> V {
    let x = &xs[0];
    let picks = Tensor::new([2, 3], &[0, 2, 1, 1, 1, 0]).unwrap();
    match op {
        "permute" => x.permute(&[2, 0, 1]),
        "reshape" => x.reshape([4, 6]),
        "expand" => x.expand([2, 3, 4]),
        "slice" => {
            // Indices 1 and 3: every second of 1 to 4.
            let last = x.slice(2, 1..4);
            last.slice(2, 0..1).concat(2, &[last.slice(2, 2..3)])
        }
        "flip" => x.flip(1),
        "concat" => x.concat(1, &[&xs[1], x]),
        "stack" => x.stack(1, &[&xs[1]]),
        "pad" => x.pad(&[(0, 2), (1, 0)], 0.0),
        "pad_filled" => x.pad(&[(0, 2), (1, 0)], -1.5),
        "split" => x.split(1, &[1, 3])[1].clone(),
        "roll" => x.roll(1, -1),
        "tile" => x.tile(&[2, 3]),
        "repeat" => x.repeat(1, 2),
        "move_axis" => x.move_axis(0, 2),
        "gather" => x.gather(1, &index(&[2, 0, 2, 1])),
        "scatter" => V::apply(tress::autograd::Op::Scatter(1, index(&[2, 0, 2, 1]), 3), &[x]),
        "embedding" => x.embedding(&Index::new(&picks)),
        "take_along" => x.take_along(1, &picks),
        "one_hot" => x.clone() * x.one_hot(&index(&[2, 0, 2, 1]), 3),
        "tril" => x.tril(1),
        "triu" => x.triu(-1),
        "diagonal" => x.diagonal(1),
        "diag_embed" => x.diag_embed(-1),
        "trace" => x.trace(),
        _ => multiplied(op, xs),
    }
}

/// `x + 4 I`.
fn steady<V: Value>(x: &V) -> V {
    let rows = x.shape().rank() - 2;
    let four = |i: &[usize]| {
        if i[0] == i[1] { <V::Elem as tress::tensor::Element>::from_f64(4.0) } else { V::Elem::ZERO }
    };
    x.clone() + x.lift(Tensor::from_fn(&x.shape()[rows..], four).unwrap())
}

fn multiplied<V: Value>(op: &str, xs: &[V]) -> V {
    let x = &xs[0];
    let last = x.shape().rank().max(2);
    match op {
        "matmul" => x.matmul(&xs[1]),
        "matmul_transposed" => x.transpose(last - 2, last - 1).matmul(xs[1].transpose(last - 2, last - 1)),
        "einsum_0" => einsum("ij,jk->ik", x, &[&xs[1]]),
        "einsum_1" => einsum("bij,bjk->bki", x, &[&xs[1]]),
        "einsum_2" => einsum("iji->j", x, &[]),
        "einsum_3" => einsum("ab,bc,cd->ad", x, &[&xs[1], &xs[2]]),
        "einsum_4" => einsum("...i,...i->...", x, &[&xs[1]]),
        "einsum_5" => einsum("i,j->", x, &[&xs[1]]),
        "solve" => steady(x).solve(&xs[1]),
        "inverse" => steady(x).inverse(),
        "log_det" => steady(x).log_det(),
        "det" => steady(x).det(),
        "sign_det" => x.sign_det(),
        "cholesky" => steady(x).matmul(steady(x).transpose(last - 2, last - 1)).cholesky(),
        triangular if triangular.starts_with("solve_") => {
            let is = |word: &str| triangular.split('_').any(|part| part == word);
            let system = System::Triangular { lower: is("lower"), unit: is("unit") };
            steady(x).solve_triangular(&xs[1], Solve { system, transposed: is("transposed") })
        }
        _ => slid(op, xs),
    }
}

fn slid<V: Value>(op: &str, xs: &[V]) -> V {
    let (x, shape) = (&xs[0], xs[0].shape());
    let bias = xs.get(2);
    let one = Sliding::<1>::new();
    let two = Sliding::<2>::new();
    let over = |sliding: Sliding<2>, kernel: [usize; 2]| sliding.over([shape[2], shape[3]], kernel);
    let pool = || -> Window { over(two.stride([1, 2]).pad([[1, 1], [0, 0]]), [2, 3]) };
    match op {
        "conv1d" | "conv1d_bare" => x.conv1d(&xs[1], bias, one.stride([2]).pad([[2, 1]]).dilation([2]), 2),
        "conv2d" | "conv2d_bare" => {
            let kernel = [xs[1].shape()[2], xs[1].shape()[3]];
            let sliding = two.stride([1, 2]).pad([[0, 2], [1, 0]]).dilation([2, 1]);
            x.conv2d(&xs[1], bias, over(sliding, kernel), 1, None)
        }
        "conv2d_depthwise" => x.conv2d(&xs[1], bias, over(two.pad([[1, 1], [1, 1]]), [3, 3]), 3, None),
        "conv2d_groups" => {
            let kernel = [xs[1].shape()[2], xs[1].shape()[3]];
            x.conv2d(&xs[1], bias, over(two.stride([2, 1]).pad([[1, 1], [0, 0]]), kernel), 2, None)
        }
        "conv_transpose1d" => x.conv_transpose1d(&xs[1], bias, one.stride([2]).pad([[1, 1]]), [1], 1),
        "conv_transpose2d" => {
            let sliding = two.stride([2, 1]).pad([[1, 1], [0, 0]]).dilation([1, 2]);
            x.conv_transpose2d(&xs[1], bias, sliding, [1, 0], 2)
        }
        "max_pool1d" => x.max_pool1d(3, one.stride([2]).pad([[1, 1]])),
        "max_pool" => x.max_pool(pool()),
        "max_pool_overlapping" => x.max_pool(over(two.stride([1, 2]), [3, 2])),
        "mean_pool1d" => x.mean_pool1d(3, one.stride([2]).pad([[1, 1]])),
        "mean_pool" => x.mean_pool(pool()),
        "mean_pool_inside" => x.mean_pool_inside(Window { pad: [[1, 1], [1, 1]], ..pool() }),
        "global_mean_pool" => x.global_mean_pool(),
        "global_max_pool" => x.global_max_pool(),
        _ => pointwise(op, xs),
    }
}

fn pointwise<V: Value>(op: &str, xs: &[V]) -> V {
    let x = &xs[0];
    match op {
        "neg" => -x.clone(),
        "abs" => x.abs(),
        "square" => x.square(),
        "sqrt" => x.sqrt(),
        "rsqrt" => x.rsqrt(),
        "recip" => x.recip(),
        "power" => x.powf(2.5),
        "exp" => x.exp(),
        "exp2" => x.exp2(),
        "exp_m1" => x.exp_m1(),
        "ln" => x.ln(),
        "ln_1p" => x.ln_1p(),
        "log2" => x.log2(),
        "log10" => x.log10(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "sinh" => x.sinh(),
        "cosh" => x.cosh(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "log_sigmoid" => x.log_sigmoid(),
        "softplus" => x.softplus(),
        "silu" => x.silu(),
        "erf" => x.erf(),
        "gelu" => x.gelu(),
        "gelu_tanh" => x.gelu_tanh(),
        "relu" => x.relu(),
        "leaky_relu" => x.leaky_relu(0.1),
        "elu" => x.elu(1.5),
        "clamp" => x.clamp(-0.5, 0.75),
        "sign" => x.sign(),
        "floor" => x.floor(),
        "ceil" => x.ceil(),
        "round" => x.round(),
        "is_nan" => x.is_nan(),
        "is_finite" => x.is_finite(),
        "add" => x.clone() + xs[1].clone(),
        "sub" => x.clone() - xs[1].clone(),
        "mul" => x.clone() * xs[1].clone(),
        "div" => x.clone() / xs[1].clone(),
        "maximum" => x.maximum(&xs[1]),
        "minimum" => x.minimum(&xs[1]),
        "pow" => x.pow(&xs[1]),
        "select" => x.stop().greater(x.constant(0.0)).select(&xs[1], &xs[2]),
        "masked_fill" => x.masked_fill(xs[1].stop().greater(xs[1].constant(0.0)), 7.0),
        "greater" => x.greater(&xs[1]),
        "greater_equal" => x.greater_equal(&xs[1]),
        "less" => x.less(&xs[1]),
        "less_equal" => x.less_equal(&xs[1]),
        "equal" => x.equal(&xs[1]),
        "not_equal" => x.not_equal(&xs[1]),
        _ => panic!("{op} is in the fixture and not in the test"),
    }
}

fn index(places: &[u32]) -> Index {
    Index::new(&Tensor::vector(places))
}

/// Value, gradient and Hessian-vector product of one case, for operands that lie in one way.
fn compare<T: Float>(all: &Fixture, case: &str, turn: usize, tolerance: f64) {
    let op = case.split(':').next().unwrap();
    let count = (0..).take_while(|n| all.has(&format!("{case}.x{n}"))).count();
    let at = |n: usize| LIES[(turn + n) % LIES.len()];
    let what = |part: &str| format!("{case}.{part} in {}, operands {:?} and on", T::NAME, at(0));
    // Single precision starts from rounded numbers: what it makes of them is compared with what the exact ones give.
    let block = |part: &str, n: usize| at(n).lay(&all.tensor::<T>(&format!("{case}.{part}{n}")));
    let xs: Vec<Tensor<T>> = (0..count).map(|n| block("x", n)).collect();

    let eager = run(op, &xs.iter().cloned().map(Eager::new).collect::<Vec<_>>());
    let near = |part: &str, found: &Eager<T>| {
        let found = found.tensor().unwrap_or_else(|mistake| panic!("{}: {mistake}", what(part)));
        let expected: Tensor<f64> = all.tensor(&format!("{case}.{part}"));
        // Relative to the numbers; to the largest of them where they are below 1, all zeros exactly.
        let largest = expected.to_vec().iter().fold(f64::MIN_POSITIVE, |largest, x| x.abs().max(largest));
        assert_near(&what(part), found, &expected, tolerance * largest.min(1.0))
    };
    near("y", &eager);
    if !all.has(&format!("{case}.g")) {
        return;
    }
    // A reverse sweep of values that carry tangents: the gradient, and its derivative along the directions.
    let tape = Tape::new();
    let dual = |n: usize| Dual::new(Eager::new(xs[n].clone()), Eager::new(block("t", n)));
    let leaves: Vec<_> = (0..count).map(|n| tape.leaf(dual(n))).collect();
    let y = run(op, &leaves);
    near("y", &y.value().unwrap().primal);
    let g = at(1).lay(&all.tensor::<T>(&format!("{case}.g")));
    let pulled = y.pull(Dual::constant(Eager::new(g)), &leaves).unwrap();
    for (n, pulled) in pulled.iter().enumerate() {
        near(&format!("d{n}"), &pulled.primal);
        near(&format!("h{n}"), &pulled.tangent_or_zeros());
    }
}

fn file(name: &str, least: usize) {
    let all = Fixture::read(name);
    let cases = all.cases();
    assert!(cases.len() >= least, "{name} has {} cases", cases.len());
    for case in cases {
        for turn in 0..LIES.len() {
            compare::<f64>(&all, case, turn, 1e-10);
            compare::<f32>(&all, case, turn, 1e-5);
        }
    }
}

#[test]
fn functions_of_numbers() {
    file("ops_pointwise", 120);
}

#[test]
fn reductions_and_orders() {
    file("ops_reduce", 50);
}

#[test]
fn rows() {
    file("ops_rows", 20);
}

#[test]
fn arrangements() {
    file("ops_arrange", 40);
}

#[test]
fn products_and_systems() {
    file("ops_matrix", 42);
}

#[test]
fn windows() {
    file("ops_windows", 15);
}
