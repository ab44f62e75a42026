//! The operations of a program as nodes of ONNX.

use super::fault;
use super::program::{Program, Recorded, Step, What};
use super::proto::Attribute::{Float as Number, Int, Ints};
use super::proto::{self};
use super::windows::pool;
use super::writer::{Item, Writer, single};
use crate::Error;
use crate::model::{Extent, Point, Sizes};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::op::{ConvRole, Epilogue, Index, Op, Pick, Product, Role, RowNorm, Slice};
use tress_tensor::{Float, Shape, Tensor};

/// Why an operation of a gradient is refused.
const GRADIENT: &str = "it is part of a gradient, and has no counterpart in ONNX; export what the model computes, not a \
                        sweep of it";
const LOSS: &str = "it is a loss, and has no counterpart in ONNX; export the values that go into it";

/// A program being written.
pub(super) struct Writing<'a, T: Float> {
    pub(super) writer: &'a mut Writer,
    /// What it is recorded for: the numbers of samples and of steps.
    pub(super) points: Vec<Point>,
    /// The inputs that are indices: their names, and what they are recorded with.
    pub(super) indices: Vec<(&'a str, &'a [Index])>,
    /// The type of numbers; they are written as `f32`.
    pub(super) elem: core::marker::PhantomData<T>,
}

/// What a step is made from.
pub(super) struct Operands<'a> {
    items: Vec<&'a Item>,
    /// The shapes that they stand for.
    pub(super) sizes: Vec<Sizes>,
}

impl<'a, T: Float> Writing<'a, T> {
    /// Writes what leads to the outputs; `arguments` are the first values, as far as they are known.
    pub(super) fn program(
        &mut self,
        program: &Program<T>,
        mut arguments: impl FnMut(&mut Writer, usize, &Sizes) -> Item,
    ) -> Result<Vec<String>, Error> {
        let steps = &program.steps;
        let mut needed = alloc::vec![false; steps.len()];
        program.outputs.iter().for_each(|&output| needed[output] = true);
        for (index, step) in steps.iter().enumerate().rev() {
            if needed[index] {
                step.operands.iter().for_each(|&x| needed[x] = true);
            }
        }
        let mut items: BTreeMap<usize, Item> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate().filter(|(index, _)| needed[*index]) {
            let item = match &step.what {
                What::Argument => arguments(self.writer, index, &step.sizes),
                What::Constant(constants) => {
                    // Named by the first line that uses it: where it was made may be inside of the engine.
                    let user = steps.iter().find(|other| other.operands.contains(&index));
                    self.constant(constants, step, user.map_or(step.place, |user| user.place))?
                }
                What::Op(ops) => {
                    let operands = Operands {
                        items: step.operands.iter().filter_map(|x| items.get(x)).collect(),
                        sizes: step.operands.iter().map(|&x| steps[x].sizes).collect(),
                    };
                    self.op(ops, &operands, step)?
                }
            };
            items.insert(index, item);
        }
        let full = |(index, item): (usize, &Item)| self.writer.full(item, &steps[index].sizes);
        Ok(program.outputs.iter().filter_map(|&index| Some((index, items.get(&index)?))).map(full).collect())
    }

    fn op(&mut self, ops: &[Op], xs: &Operands<'_>, step: &Step<T>) -> Result<Item, Error> {
        let refused = |why| Err(fault(ops[0].name(), why, step.place));
        // What a node is told must not hang on the number of steps; places that a slice takes are lengths of the graph.
        let told = ops[0].settings().bare();
        if self.points.len() > 3
            && !matches!(ops[0], Op::Slice(_) | Op::Unslice(..))
            && ops.iter().any(|op| op.settings().bare() != told)
        {
            return match self.over_steps(ops, xs.items[0]) {
                Some(name) => Ok(Item { name, sizes: xs.items[0].sizes }),
                None => refused("its settings depend on the number of steps; export with `fixed_length`"),
            };
        }
        if self.falls_between(ops, xs, step)? {
            return refused(
                "it takes one of several along an axis whose length depends on the number of samples or steps, so that the \
                 length of its result falls in steps; export with `fixed_batch` or `fixed_length`",
            );
        }
        let unknown =
            "it has no counterpart in this export; compute it otherwise, or after the exported model";
        let sizes = step.sizes;
        // Operations that keep the shape may be given what is repeated later.
        let item = |name| Ok(Item { name, sizes });
        match &ops[0] {
            Op::Map(map) => match self.writer.map(*map, &xs.items[0].name) {
                Some(name) => Ok(Item { name, sizes: xs.items[0].sizes }),
                None => refused(unknown),
            },
            Op::Zip(zip) => {
                let both = broadcast(&[xs.items[0], xs.items[1]], sizes.rank());
                match self.writer.zip(*zip, &xs.items[0].name, &xs.items[1].name) {
                    Some(name) => Ok(Item { name, sizes: both }),
                    None => refused(unknown),
                }
            }
            Op::Select => {
                let all = broadcast(&xs.items, sizes.rank());
                let [c, a, b] = [0, 1, 2].map(|i| xs.items[i].name.as_str());
                Ok(Item { name: self.writer.select(c, a, b), sizes: all })
            }
            Op::Stop => Ok(xs.items[0].clone()),
            // Nodes that take two values repeat axes by themselves, so this waits until one needs it.
            Op::Expand(_) => Ok(xs.items[0].clone()),
            Op::Concat(axis) => {
                let all = xs.full(self.writer);
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                if *axis == 0 && xs.sizes.iter().all(|sizes| sizes.extent(0) == Extent::of(1)) {
                    return item(self.writer.stack(&all));
                }
                item(self.writer.node("Concat", &all, &[("axis", Int(*axis as i64))]))
            }
            Op::Product(product) => self.product(product, xs, &sizes),
            Op::Conv(conv) => match conv.role {
                ConvRole::Weight => refused(GRADIENT),
                _ => item(self.conv(conv, xs)),
            },
            Op::RowNorm(norm) => item(self.row_norm(norm, xs)),
            Op::Custom(custom) => {
                let has_body = |op: &Op| matches!(op, Op::Custom(custom) if custom.op().body().is_some());
                match ops.iter().all(has_body) {
                    true => self.body(ops, xs, step),
                    false => {
                        let _ = custom;
                        refused(
                            "it is defined outside of the engine, and only its author knows what it computes",
                        )
                    }
                }
            }
            Op::MapGrad(_)
            | Op::SoftmaxGrad
            | Op::LogSoftmaxGrad
            | Op::LogSumExpGrad(_)
            | Op::RowNormGrad(_)
            | Op::RowNormWeight(_)
            | Op::Scatter(..)
            | Op::MaxPool(_, Pick::Scatter | Pick::Gather)
            | Op::MeanPool(_, Role::Transpose)
            | Op::Sort(_, Pick::Scatter) => refused(GRADIENT),
            Op::LogSumExp(Some(_)) => refused(LOSS),
            Op::Dropout(_) => {
                refused("it is random; export in evaluation mode, where dropout layers do nothing")
            }
            _ => {
                let all = xs.full(self.writer);
                match self.simple(ops, &all, xs, &sizes, step)? {
                    Some(name) => item(name),
                    None => refused(unknown),
                }
            }
        }
    }

    /// Whether windows with a stride, or a slice with a step, go over an open axis, so that the length of the result is a
    /// quotient that is rounded; it may look fixed at the few points where it is seen.
    fn falls_between(&self, ops: &[Op], xs: &Operands<'_>, step: &Step<T>) -> Result<bool, Error> {
        let window = match &ops[0] {
            Op::MaxPool(window, Pick::Output) | Op::MeanPool(window, Role::Output) => window,
            Op::Conv(conv) if conv.role == ConvRole::Output => &conv.window,
            Op::Slice(slice) | Op::Unslice(slice, _) if slice.step > 1 => {
                let (start, end) = self.ends(ops, step)?;
                return Ok(!end.less(start).parts_into(slice.step));
            }
            _ => return Ok(false),
        };
        let image = &xs.sizes[0];
        Ok([0, 1].iter().any(|&axis| !image.extent(2 + axis).parts_into(window.stride[axis])))
    }

    /// An operation that needs its operands in full.
    fn simple(
        &mut self,
        ops: &[Op],
        all: &[String],
        xs: &Operands<'_>,
        sizes: &Sizes,
        step: &Step<T>,
    ) -> Result<Option<String>, Error> {
        let (w, x, rank) = (&mut *self.writer, all[0].as_str(), xs.sizes[0].rank());
        Ok(Some(match &ops[0] {
            Op::Permute(order) => {
                let order = order.axes().map(|axis| axis as i64).collect();
                w.node("Transpose", &[x], &[("perm", Ints(order))])
            }
            Op::Reshape(_) => w.reshape_from(x, &xs.sizes[0], sizes),
            Op::Slice(slice) => {
                let (start, end) = self.ends(ops, step)?;
                let w = &mut *self.writer;
                if slice.axis == 0
                    && !start.is_open()
                    && sizes.extent(0) == Extent::of(1)
                    && let Some(row) = w.row(x, slice.start)
                {
                    return Ok(Some(row));
                }
                let (start, end) = (w.lengths(&[start]), w.lengths(&[end]));
                let (axis, step) = (w.list(&[slice.axis as i64]), w.list(&[slice.step as i64]));
                w.node("Slice", &[x, &start, &end, &axis, &step], &[])
            }
            Op::Unslice(slice, _) => {
                let (start, _) = self.ends(ops, step)?;
                self.unslice(slice, start, x, &xs.sizes[0], sizes)
            }
            Op::Flip(axis) => {
                let (start, end) = (w.list(&[-1]), w.list(&[-i64::MAX]));
                let (axis, step) = (w.list(&[*axis as i64]), w.list(&[-1]));
                w.node("Slice", &[x, &start, &end, &axis, &step], &[])
            }
            Op::Sum(axes) | Op::Max(axes) | Op::Min(axes) if axes.is_empty() => w.one("Identity", x),
            Op::Sum(axes) => {
                let axes = w.list(&axes.iter().map(|axis| axis as i64).collect::<Vec<_>>());
                w.node("ReduceSum", &[x, &axes], &[("keepdims", Int(0))])
            }
            Op::Max(axes) | Op::Min(axes) => {
                let operator = if matches!(ops[0], Op::Max(_)) { "ReduceMax" } else { "ReduceMin" };
                let axes = axes.iter().map(|axis| axis as i64).collect();
                w.node(operator, &[x], &[("axes", Ints(axes)), ("keepdims", Int(0))])
            }
            Op::RunningSum(axis, reversed) => {
                let axis = w.whole(&[], core::iter::once(*axis as i64));
                w.node("CumSum", &[x, &axis], &[("reverse", Int(i64::from(*reversed)))])
            }
            Op::LogDet => {
                let det = w.one("Det", x);
                let size = w.one("Abs", &det);
                w.one("Log", &size)
            }
            Op::SignDet => {
                let det = w.one("Det", x);
                w.one("Sign", &det)
            }
            Op::MaxPool(window, Pick::Output) => w.node("MaxPool", &[x], &pool(window)),
            Op::MeanPool(window, Role::Output) => self.mean_pool(window, x, &xs.sizes[0]),
            Op::Sort(sort, role) => {
                let [values, places] = w.top_k(x, sort.keep, sort.descending);
                match role {
                    Pick::Gather => {
                        w.node("GatherElements", &[&all[1], &places], &[("axis", Int(rank as i64 - 1))])
                    }
                    _ => values,
                }
            }
            Op::Gather(axis, index) => {
                if let Some(name) = self.input_index(ops) {
                    return Ok(Some(self.writer.node("Gather", &[x, name], &[("axis", Int(*axis as i64))])));
                }
                let same = ops.iter().all(|op| match op {
                    Op::Gather(_, other) => other.places() == index.places(),
                    _ => false,
                });
                if !same {
                    let why = "its index depends on the number of samples or steps; export with `fixed_batch` or `fixed_length`";
                    return Err(fault("gather", why, step.place));
                }
                let (w, places) = (&mut *self.writer, index.places());
                let places = w.whole(places.shape(), places.to_vec().into_iter().map(i64::from));
                w.node("Gather", &[x, &places], &[("axis", Int(*axis as i64))])
            }
            Op::Softmax => w.node("Softmax", &[x], &[("axis", Int(-1))]),
            Op::LogSoftmax => w.node("LogSoftmax", &[x], &[("axis", Int(-1))]),
            Op::LogSumExp(None) => {
                w.node("ReduceLogSumExp", &[x], &[("axes", Ints([-1].into())), ("keepdims", Int(0))])
            }
            _ => return Ok(None),
        }))
    }

    /// The input that an operation picks by, if it is one.
    fn input_index(&self, ops: &[Op]) -> Option<&'a str> {
        let picks_by = |index: &[Index]| {
            ops.iter().zip(index).all(|(op, index)| match op {
                Op::Gather(_, other) => other.places() == index.places(),
                _ => false,
            })
        };
        self.indices.iter().find(|(_, index)| picks_by(index)).map(|(name, _)| *name)
    }

    /// Where a slice starts and ends.
    fn ends(&self, ops: &[Op], step: &Step<T>) -> Result<(Extent, Extent), Error> {
        let ends = ops.iter().map(|op| match op {
            Op::Slice(slice) | Op::Unslice(slice, _) => [slice.start, slice.end],
            _ => [0, 0],
        });
        let shapes: Vec<Shape> = ends.map(|ends| Shape::new(&ends).unwrap_or(Shape::SCALAR)).collect();
        match Sizes::seen_at(&self.points, &shapes) {
            Some(sizes) => Ok((sizes.extent(0), sizes.extent(1))),
            None => {
                let why = "where it cuts does not grow evenly with the number of samples or steps; export with `fixed_batch` or \
                           `fixed_length`";
                Err(fault(ops[0].name(), why, step.place))
            }
        }
    }

    /// Zeros around a value, and between its elements where the step is not 1.
    fn unslice(&mut self, slice: &Slice, start: Extent, x: &str, from: &Sizes, to: &Sizes) -> String {
        let (axis, rank) = (slice.axis, from.rank());
        let w = &mut *self.writer;
        let (mut x, mut length) = (String::from(x), from.extent(axis));
        if slice.step > 1 {
            // Each element becomes a run of itself and zeros.
            let mut lengths: Vec<Extent> = (0..rank).map(|i| from.extent(i)).collect();
            lengths.insert(axis + 1, Extent::ONE);
            let shape = w.lengths(&lengths);
            x = w.node("Reshape", &[&x, &shape], &[]);
            let mut pads = alloc::vec![Extent::of(0); 2 * (rank + 1)];
            pads[rank + 1 + axis + 1] = Extent::of(slice.step as isize - 1);
            let pads = w.lengths(&pads);
            x = w.node("Pad", &[&x, &pads], &[]);
            length = length.times(slice.step as isize);
            lengths.remove(axis + 1);
            lengths[axis] = length;
            let shape = w.lengths(&lengths);
            x = w.node("Reshape", &[&x, &shape], &[]);
        }
        let mut pads = alloc::vec![Extent::of(0); 2 * rank];
        pads[axis] = start;
        pads[rank + axis] = to.extent(axis).less(start).less(length);
        let pads = w.lengths(&pads);
        w.node("Pad", &[&x, &pads], &[])
    }

    fn product(&mut self, product: &Product, xs: &Operands<'_>, sizes: &Sizes) -> Result<Item, Error> {
        let rank = sizes.rank();
        let all = xs.full(self.writer);
        let w = &mut *self.writer;
        let Epilogue { bias, activation } = product.epilogue;
        let [ta, tb] = product.transposed;
        let mut y = if rank == 2 {
            let operands: Vec<&str> = all.iter().map(String::as_str).collect();
            let turned = [("transA", Int(i64::from(ta))), ("transB", Int(i64::from(tb)))];
            w.node("Gemm", &operands, &turned)
        } else {
            let mut order: Vec<i64> = (0..rank as i64).collect();
            order.swap(rank - 2, rank - 1);
            let mut turned = |x: &str, turned: bool| match turned {
                true => w.node("Transpose", &[x], &[("perm", Ints(order.clone()))]),
                false => String::from(x),
            };
            let (a, b) = (turned(&all[0], ta), turned(&all[1], tb));
            let y = w.node("MatMul", &[&a, &b], &[]);
            if bias { w.node("Add", &[&y, &all[2]], &[]) } else { y }
        };
        if let Some(map) = activation {
            y = w.map(map, &y).unwrap_or(y);
        }
        Ok(Item { name: y, sizes: *sizes })
    }

    fn row_norm(&mut self, norm: &RowNorm, xs: &Operands<'_>) -> String {
        let all = xs.full(self.writer);
        let w = &mut *self.writer;
        let x = all[0].as_str();
        if norm.centred {
            let weight = match (all.get(1), xs.sizes[0].len(xs.sizes[0].rank() - 1)) {
                (Some(weight), _) => weight.clone(),
                (None, length) => {
                    let ones = alloc::vec![1.0f32; length.unwrap_or(1)];
                    w.tensor(&Tensor::vector(&ones))
                }
            };
            let mut operands = alloc::vec![x, weight.as_str()];
            operands.extend(all.get(2).map(String::as_str));
            let settings = [("axis", Int(-1)), ("epsilon", Number(norm.epsilon as f32))];
            return w.node("LayerNormalization", &operands, &settings);
        }
        let square = w.node("Mul", &[x, x], &[]);
        let mean = w.node("ReduceMean", &[&square], &[("axes", Ints([-1].into())), ("keepdims", Int(1))]);
        let safe = w.with("Add", &mean, norm.epsilon);
        let root = w.one("Sqrt", &safe);
        let mut y = w.node("Div", &[x, &root], &[]);
        if let Some(weight) = all.get(1) {
            y = w.node("Mul", &[&y, weight], &[]);
        }
        if let Some(bias) = all.get(2) {
            y = w.node("Add", &[&y, bias], &[]);
        }
        y
    }

    /// An operation that is a program is written as that.
    fn body(&mut self, ops: &[Op], xs: &Operands<'_>, step: &Step<T>) -> Result<Item, Error> {
        let mut operands: Vec<Vec<Shape>> = Vec::with_capacity(self.points.len());
        for &point in &self.points {
            operands.push(xs.sizes.iter().map(|sizes| sizes.at_point(point)).collect::<Result<_, _>>()?);
        }
        fn run<'t, T: Float>(op: &Op, xs: &[Recorded<'t, T>]) -> Vec<Recorded<'t, T>> {
            let Op::Custom(custom) = op else { return Vec::new() };
            let Some(body) = custom.op().body() else { return Vec::new() };
            body.run(&xs.iter().collect::<Vec<_>>()).into_iter().flatten().take(1).collect()
        }
        let inside = Program::<T>::inside(&operands, &self.points, |which, xs| run(&ops[which], xs))?;
        let items: Vec<Item> = xs.items.iter().copied().cloned().collect();
        let names = self.program(&inside, |_, index, _| items[index].clone())?;
        match names.into_iter().next() {
            Some(name) => Ok(Item { name, sizes: step.sizes }),
            None => Err(fault(ops[0].name(), "it has no result", step.place)),
        }
    }
}

impl Operands<'_> {
    /// The operands in the shapes that they stand for.
    pub(super) fn full(&self, writer: &mut Writer) -> Vec<String> {
        self.items.iter().zip(&self.sizes).map(|(item, sizes)| writer.full(item, sizes)).collect()
    }
}

/// The shape of several values together, by broadcasting.
fn broadcast(items: &[&Item], rank: usize) -> Sizes {
    let all = items.iter().map(|item| item.sizes.raised(rank));
    all.reduce(|a, b| a.broadcast(&b)).unwrap_or_else(|| items[0].sizes)
}

/// The bytes of a parameter as they stand in the file.
pub(super) fn parameter<T: Float>(writer: &mut Writer, name: &str, numbers: &Tensor<T>) {
    writer.initialiser(name, proto::FLOAT, numbers.shape(), &single(numbers));
}
