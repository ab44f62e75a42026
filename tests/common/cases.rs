//! The table of operations and shapes that `tests/all/table.rs` runs over, empty and large ones among them.

use tress::autograd::Op;
use tress::autograd::op::*;
use tress::tensor::pointwise::{Map, Zip};
use tress::tensor::{Axes, Shape, Tensor, Window};

/// An operation and the shapes of its operands.
pub(crate) type Case = (Op, Vec<Vec<usize>>);

/// Cases as they are written down.
#[derive(Default)]
struct Table(Vec<Case>);

impl Table {
    fn add(&mut self, op: Op, shapes: &[&[usize]]) {
        self.0.push((op, shapes.iter().map(|shape| shape.to_vec()).collect()));
    }
}

fn shape(lengths: &[usize]) -> Shape {
    Shape::new(lengths).unwrap()
}

/// Shapes for operations that take any: a scalar, empty ones, some that no vector divides, one for several threads.
const ANY: [&[usize]; 7] = [&[], &[0], &[3, 0, 2], &[1], &[5, 7, 3], &[33, 67], &[3, 211, 173]];

pub(crate) fn pointwise() -> Vec<Case> {
    let mut table = Table::default();
    for any in ANY {
        for &map in Map::ALL {
            table.add(Op::Map(map), &[any]);
            table.add(Op::MapGrad(map), &[any, any]);
        }
        for &zip in Zip::ALL {
            table.add(Op::Zip(zip), &[any, any]);
        }
        table.add(Op::Select, &[any, any, any]);
        table.add(Op::Stop, &[any]);
        table.add(Op::Dropout(Dropout { rate: 0.4, seed: 7 }), &[any]);
    }
    table.0
}

pub(crate) fn arrangement() -> Vec<Case> {
    let mut table = Table::default();
    let slice = |axis, start, end, step| Slice { axis, start, end, step };
    table.add(Op::Permute(Order::new(&[]).unwrap()), &[&[]]);
    for x in [[2, 3, 4], [0, 3, 4], [57, 43, 61]] {
        let [a, b, c] = x;
        table.add(Op::Permute(Order::new(&[2, 0, 1]).unwrap()), &[&x]);
        table.add(Op::Reshape(shape(&[c, a * b])), &[&x]);
        table.add(Op::Expand(shape(&[2, a, b, c])), &[&[a, 1, c]]);
        table.add(Op::Slice(slice(1, 1, b, 2)), &[&x]);
        table.add(Op::Slice(slice(2, 1, 1, 1)), &[&x]);
        table.add(Op::Unslice(slice(1, 1, 3 * b, 3), 3 * b), &[&x]);
        table.add(Op::Flip(1), &[&x]);
        table.add(Op::Concat(1), &[&x, &[a, 1, c], &[a, 0, c], &[a, 2, c]]);
    }
    table.add(Op::Reshape(shape(&[])), &[&[1, 1]]);
    table.add(Op::Expand(shape(&[2, 3])), &[&[]]);
    table.add(Op::Concat(0), &[&[2]]);
    table.0
}

pub(crate) fn reductions() -> Vec<Case> {
    let mut table = Table::default();
    for x in [[2, 3, 4], [9, 1, 21], [53, 41, 70], [3, 130, 211]] {
        for axes in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2], &[]] {
            let axes = Axes::of("case", axes, &shape(&x)).unwrap();
            table.add(Op::Sum(axes), &[&x]);
            table.add(Op::Max(axes), &[&x]);
            table.add(Op::Min(axes), &[&x]);
        }
        for axis in 0..3 {
            table.add(Op::RunningSum(axis, false), &[&x]);
            table.add(Op::RunningSum(axis, true), &[&x]);
        }
    }
    let empty = shape(&[3, 0, 2]);
    for axes in [&[0][..], &[1], &[0, 1, 2]] {
        table.add(Op::Sum(Axes::of("case", axes, &empty).unwrap()), &[&empty]);
    }
    table.add(Op::Max(Axes::of("case", &[2], &empty).unwrap()), &[&empty]);
    table.add(Op::Sum(Axes::all(&Shape::SCALAR)), &[&[]]);
    for x in [&[4][..], &[0, 4], &[3, 0], &[1, 1], &[3, 2, 4], &[7, 33], &[700, 130]] {
        table.add(Op::Softmax, &[x]);
        table.add(Op::LogSoftmax, &[x]);
        table.add(Op::SoftmaxGrad, &[x, x]);
        table.add(Op::LogSoftmaxGrad, &[x, x]);
        let (rows, width) = (&x[..x.len() - 1], x[x.len() - 1]);
        table.add(Op::LogSumExp(None), &[x]);
        table.add(Op::LogSumExpGrad(None), &[x, rows]);
        if width > 0 {
            let labels = Some(index(rows, width));
            table.add(Op::LogSumExp(labels.clone()), &[x]);
            table.add(Op::LogSumExpGrad(labels), &[x, rows]);
        }
        for centred in [false, true] {
            let norm = RowNorm { epsilon: 0.1, centred };
            table.add(Op::RowNorm(norm), &[x]);
            table.add(Op::RowNorm(norm), &[x, &[width]]);
            table.add(Op::RowNorm(norm), &[x, &[width], &[width]]);
            table.add(Op::RowNormGrad(norm), &[x, x]);
            table.add(Op::RowNormGrad(norm), &[x, x, &[width]]);
            table.add(Op::RowNormWeight(norm), &[x, x]);
        }
        for (descending, keep) in [(false, width), (true, width), (true, width.div_ceil(3)), (false, 0)] {
            let sort = Sort { descending, keep };
            table.add(Op::Sort(sort, Pick::Output), &[x]);
            table.add(Op::Sort(sort, Pick::Scatter), &[x, &[rows, &[keep]].concat()]);
            table.add(Op::Sort(sort, Pick::Gather), &[x, x]);
        }
    }
    table.0
}

/// Stacks of systems; the tests see to it that they are not near singular ones.
pub(crate) fn systems() -> Vec<Case> {
    let mut table = Table::default();
    for [count, n, m] in [[1, 1, 1], [3, 4, 2], [0, 3, 2], [3, 0, 2], [3, 2, 0], [70, 9, 5], [2, 33, 40]] {
        let (a, b) = ([count, n, n], [count, n, m]);
        for transposed in [false, true] {
            let triangle = |lower, unit| System::Triangular { lower, unit };
            for system in
                [System::General, triangle(false, false), triangle(true, false), triangle(true, true)]
            {
                table.add(Op::Solve(Solve { system, transposed }), &[&a, &b]);
            }
        }
        for op in [Op::Cholesky, Op::LogDet, Op::SignDet] {
            table.add(op, &[&a]);
        }
    }
    table.0
}

pub(crate) fn products() -> Vec<Case> {
    let mut table = Table::default();
    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
        for [m, k, n] in [
            [1, 1, 1],
            [3, 4, 2],
            [17, 33, 19],
            [0, 4, 2],
            [3, 0, 2],
            [3, 4, 0],
            [1, 300, 70],
            [130, 257, 70],
        ] {
            let a = if transposed[0] { [k, m] } else { [m, k] };
            let b = if transposed[1] { [n, k] } else { [k, n] };
            table.add(Op::Product(Product { transposed, epilogue: Epilogue::NONE }), &[&a, &b]);
            let epilogue = Epilogue { bias: true, activation: Some(Map::Tanh) };
            table.add(Op::Product(Product { transposed, epilogue }), &[&a, &b, &[n]]);
            let epilogue = Epilogue { bias: false, activation: Some(Map::Relu) };
            table.add(Op::Product(Product { transposed, epilogue }), &[&a, &b]);
            for batch in [0, 3] {
                let batched = |x: [usize; 2]| [batch, x[0], x[1]];
                let bare = Product { transposed, epilogue: Epilogue::NONE };
                table.add(Op::Product(bare), &[&batched(a), &batched(b)]);
            }
        }
    }
    table.0
}

pub(crate) fn windows() -> Vec<Case> {
    let mut table = Table::default();
    let convolved = [
        Window::new([4, 5], [2, 3]),
        Window::new([5, 5], [3, 3]).pad([[1, 1], [1, 1]]),
        Window::new([6, 5], [3, 2]).stride([2, 3]).pad([[1, 0], [0, 1]]),
        Window::new([6, 6], [2, 2]).dilation([2, 3]).pad([[1, 1], [0, 0]]),
        Window::new([20, 17], [5, 5]),
        Window::new([9, 9], [1, 1]),
    ];
    for window in convolved {
        let [oh, ow] = window.output("case").unwrap();
        let ([h, w], [kh, kw]) = (window.input, window.kernel);
        for (n, groups, c, o) in
            [(2, 1, 2, 3), (2, 2, 4, 2), (2, 2, 2, 2), (0, 1, 2, 3), (9, 1, 16, 20), (5, 12, 12, 12)]
        {
            let (x, weights, y) = ([n, c, h, w], [o, c / groups, kh, kw], [n, o, oh, ow]);
            let conv = |role| Conv { window, groups, role, epilogue: Epilogue::NONE };
            table.add(Op::Conv(conv(ConvRole::Output)), &[&x, &weights]);
            table.add(Op::Conv(conv(ConvRole::Image)), &[&weights, &y]);
            table.add(Op::Conv(conv(ConvRole::Weight)), &[&x, &y]);
            let epilogue = Epilogue { bias: true, activation: Some(Map::Sigmoid) };
            table.add(Op::Conv(Conv { epilogue, ..conv(ConvRole::Output) }), &[&x, &weights, &[o]]);
        }
    }
    let pooled = [
        Window::new([4, 6], [2, 2]).stride([2, 2]),
        Window::new([5, 5], [3, 3]).stride([2, 2]).pad([[1, 1], [1, 1]]),
        Window::new([5, 4], [2, 3]),
        Window::new([28, 30], [2, 2]).stride([2, 2]),
    ];
    for window in pooled {
        let [oh, ow] = window.output("case").unwrap();
        for [n, c] in [[2, 2], [0, 2], [2, 0], [9, 20]] {
            let (x, y) = ([n, c, window.input[0], window.input[1]], [n, c, oh, ow]);
            table.add(Op::MaxPool(window, Pick::Output), &[&x]);
            table.add(Op::MaxPool(window, Pick::Scatter), &[&x, &y]);
            table.add(Op::MaxPool(window, Pick::Gather), &[&x, &x]);
            table.add(Op::MeanPool(window, Role::Output), &[&x]);
            table.add(Op::MeanPool(window, Role::Transpose), &[&y]);
        }
    }
    table.0
}

fn index(lengths: &[usize], below: usize) -> Index {
    let mut place = 0;
    let places = Tensor::from_fn(lengths, |_| {
        place = (place * 7 + 5) % below;
        place as u32
    });
    Index::new(&places.unwrap())
}

pub(crate) fn indices() -> Vec<Case> {
    let mut table = Table::default();
    for (lengths, below, inner) in [
        (&[2, 2][..], 3, 2),
        (&[0], 3, 2),
        (&[4], 3, 0),
        (&[], 5, 3),
        (&[40, 50], 311, 23),
        (&[70_001], 10, 1),
    ] {
        let picked = [&[2], lengths, &[inner]].concat();
        table.add(Op::Gather(1, index(lengths, below)), &[&[2, below, inner]]);
        table.add(Op::Scatter(1, index(lengths, below), below), &[&picked]);
    }
    table.0
}
