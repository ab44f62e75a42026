//! What a recorded program costs: multiply-adds of its operations, and the numbers that a tape keeps of it.

use alloc::vec::Vec;
use tress_autograd::op::{ConvRole, Op};
use tress_autograd::{Entry, Outline, Tape, Value};
use tress_tensor::{Layout, Shape};

/// The multiply-adds of an operation: those of products and convolutions, which are all that counts in a network. A
/// convolution has one for each weight that an output sees, the padding included.
///
/// ```
/// use tress_autograd::op::{Op, Product};
/// use tress_nn::model::multiply_adds;
/// use tress_tensor::Shape;
/// let [x, w, y] = [[4, 3], [3, 5], [4, 5]].map(|lengths| Shape::new(&lengths).unwrap());
/// assert_eq!(multiply_adds(&Op::Product(Product::default()), &[x, w], &y), 4 * 3 * 5);
/// ```
pub fn multiply_adds(op: &Op, operands: &[Shape], result: &Shape) -> u64 {
    let len = |shape: &Shape| shape.len() as u64;
    match (op, operands) {
        (Op::Product(product), [a, ..]) => {
            let inner = if product.transposed[0] { a.rank().checked_sub(2) } else { a.rank().checked_sub(1) };
            len(result) * inner.map_or(0, |axis| a[axis] as u64)
        }
        (Op::Conv(conv), [a, b, ..]) => {
            // Each number of the result side goes with all weights of its output channel.
            let (weights, side) = match conv.role {
                ConvRole::Output => (b, result),
                ConvRole::Image => (a, b),
                ConvRole::Weight => (result, b),
            };
            len(side) * (len(weights) / (weights.first().copied().unwrap_or(1).max(1) as u64))
        }
        (Op::Custom(custom), _) => match custom.op().body() {
            Some(body) => {
                let tape = Tape::<Outline>::new();
                let xs: Vec<_> = operands.iter().map(|&shape| tape.leaf(Outline::new(shape))).collect();
                body.run(&xs.iter().collect::<Vec<_>>());
                costs(&tape.entries().collect::<Vec<_>>()).iter().map(|cost| cost.multiply_adds).sum()
            }
            None => 0,
        },
        _ => 0,
    }
}

/// What an entry costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) multiply_adds: u64,
    /// The numbers that its value keeps in memory of its own: none, if it is a view of another.
    pub(super) numbers: u64,
}

/// What each entry of a tape costs. Leaves cost nothing.
pub(super) fn costs<V: Value>(entries: &[Entry<V>]) -> Vec<Cost> {
    let shapes: Vec<Shape> = entries.iter().map(|entry| entry.value.shape()).collect();
    let mut layouts: Vec<Layout> = Vec::with_capacity(entries.len());
    let mut costs = Vec::with_capacity(entries.len());
    for (entry, shape) in entries.iter().zip(&shapes) {
        let Some(op) = &entry.op else {
            layouts.push(Layout::contiguous(*shape));
            costs.push(Cost::default());
            continue;
        };
        let operands: Vec<Shape> = entry.operands.iter().map(|&x| shapes[x]).collect();
        let view = view(op, &layouts[entry.operands[0]]);
        layouts.push(view.unwrap_or(Layout::contiguous(*shape)));
        costs.push(Cost {
            multiply_adds: multiply_adds(op, &operands, shape),
            numbers: if view.is_some() { 0 } else { shape.len() as u64 },
        });
    }
    costs
}

/// How an operation that moves nothing lays its result over its operand.
fn view(op: &Op, x: &Layout) -> Option<Layout> {
    match op {
        Op::Stop => Some(*x),
        Op::Permute(order) => x.permute(&order.axes().collect::<Vec<_>>()).ok(),
        Op::Reshape(shape) => x.reshape(*shape).ok().flatten(),
        Op::Expand(shape) => x.expand(*shape).ok(),
        Op::Slice(slice) => x.slice(slice.axis, slice.start, slice.end, slice.step).ok(),
        Op::Flip(axis) => x.flip(*axis).ok(),
        _ => None,
    }
}
