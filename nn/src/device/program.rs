//! A program: inputs by name, a list of operations that a device has kernels for, outputs by name, and the weights.

use crate::Error;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::Op;
use tress_autograd::op::{Conv, ConvRole, Epilogue, Pick, Product, Role};
use tress_tensor::{Axes, Shape, Window};

/// What a network does to one sample: a list of operations, each on values before it and on weights.
///
/// Values are numbered: the inputs first, then what each step gives. Shapes keep their first axis, of length 1.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) inputs: Vec<Port>,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<(String, usize)>,
    pub(super) weights: Vec<Weight>,
    /// Whether it is a step of learning: all that it looks at is values then, and more operations are allowed.
    pub(super) learning: bool,
}

/// A named input.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its shape, the first axis being 1.
    pub shape: Shape,
}

/// Numbers that do not change: a parameter, or state.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Its name in the model.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its numbers, row-major.
    pub numbers: Vec<f32>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// What it is done to.
    pub operands: Vec<Operand>,
    /// The shape of the result.
    pub shape: Shape,
}

/// An operand of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The value of this number.
    Value(usize),
    /// The weight of this number.
    Weight(usize),
}

impl Step {
    /// The values among the operands.
    pub fn values(&self) -> impl Iterator<Item = usize> + '_ {
        self.operands.iter().filter_map(|operand| match operand {
            Operand::Value(value) => Some(*value),
            Operand::Weight(_) => None,
        })
    }

    /// The weights among the operands.
    pub fn weights(&self) -> impl Iterator<Item = usize> + '_ {
        self.operands.iter().filter_map(|operand| match operand {
            Operand::Weight(weight) => Some(*weight),
            Operand::Value(_) => None,
        })
    }
}

/// More steps than any network of a device has: laying values out takes the square of their number.
const MOST_STEPS: usize = 1 << 14;

impl Program {
    /// An empty program with these inputs.
    ///
    /// # Errors
    /// A name that comes twice, a shape whose first axis is not 1, or one without numbers.
    pub(super) fn new(inputs: Vec<Port>) -> Result<Self, Error> {
        for (i, input) in inputs.iter().enumerate() {
            if input.shape.first() != Some(&1) {
                let why =
                    format!("input `{}` has shape {}: a device takes one sample", input.name, input.shape);
                return Err(Error::Device { why: why + ", so the first axis must be 1" });
            }
            if input.shape.contains(&0) {
                let why = format!("input `{}` has shape {}, which has no numbers", input.name, input.shape);
                return Err(Error::Device { why });
            }
            if inputs[..i].iter().any(|other| other.name == input.name) {
                return Err(Error::Device { why: format!("two inputs are called `{}`", input.name) });
            }
        }
        Ok(Self { inputs, steps: Vec::new(), outputs: Vec::new(), weights: Vec::new(), learning: false })
    }

    /// Appends an operation; gives the number of its value.
    ///
    /// # Errors
    /// An operation that devices have no kernel for, operands that are not there, shapes that do not fit or have no numbers, windows
    /// beyond what 32 bits can say, or more steps than can be laid out.
    pub(super) fn push(&mut self, op: Op, operands: Vec<Operand>) -> Result<usize, Error> {
        let mut shapes = Vec::with_capacity(operands.len());
        for operand in &operands {
            shapes.push(match *operand {
                Operand::Value(value) => self.shape(value),
                Operand::Weight(weight) => self.weights.get(weight).map(|weight| weight.shape),
            });
        }
        let Some(shapes) = shapes.into_iter().collect::<Option<Vec<_>>>() else {
            let why = format!("step {} (`{}`) names a value that is not there", self.steps.len(), op.name());
            return Err(Error::Device { why });
        };
        let refuse = |why: &str| {
            Err(Error::Device { why: format!("step {} (`{}`): {why}", self.steps.len(), op.name()) })
        };
        if self.steps.len() == MOST_STEPS {
            return refuse(&format!("a program has {MOST_STEPS} steps at most"));
        }
        let shape = op.infer(&shapes)?;
        if shape.contains(&0) || shapes.iter().any(|shape| shape.contains(&0)) {
            return refuse("a value or a weight without numbers");
        }
        if let Op::Conv(Conv { window, .. }) | Op::MaxPool(window, _) | Op::MeanPool(window, _) = &op
            && !addressable(window)
        {
            return refuse("the numbers of its window are too large for a device of 32 bits");
        }
        let why = match self.learning {
            true => unlearnt(&op, &shapes),
            false => unsupported(&op, &operands, &shapes),
        };
        if let Some(why) = why {
            return refuse(why);
        }
        self.steps.push(Step { op, operands, shape });
        Ok(self.inputs.len() + self.steps.len() - 1)
    }

    /// Names a value as an output.
    ///
    /// # Errors
    /// A name that comes twice, or a value that is not there.
    pub(super) fn output(&mut self, name: &str, value: usize) -> Result<(), Error> {
        if self.outputs.iter().any(|(other, _)| other == name) {
            return Err(Error::Device { why: format!("two outputs are called `{name}`") });
        }
        if self.shape(value).is_none() {
            return Err(Error::Device { why: format!("output `{name}` is a value that is not there") });
        }
        self.outputs.push((name.to_owned(), value));
        Ok(())
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The operations, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The outputs: names, and the numbers of their values.
    pub fn outputs(&self) -> &[(String, usize)] {
        &self.outputs
    }

    /// The weights that steps look at.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The shape of a value; `None` if there is none of this number.
    pub fn shape(&self, value: usize) -> Option<Shape> {
        match value.checked_sub(self.inputs.len()) {
            None => Some(self.inputs[value].shape),
            Some(step) => self.steps.get(step).map(|step| step.shape),
        }
    }

    /// The number of numbers in a value; 0 if there is none of this number.
    pub(super) fn len_of(&self, value: usize) -> usize {
        self.shape(value).map_or(0, |shape| shape.len())
    }

    /// How many steps and outputs look at each value.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = alloc::vec![0; self.inputs.len() + self.steps.len()];
        self.steps.iter().flat_map(Step::values).for_each(|value| uses[value] += 1);
        self.outputs.iter().for_each(|&(_, value)| uses[value] += 1);
        uses
    }
}

/// Whether every place that a window meets, in the padded image, can be said in 32 bits.
fn addressable(window: &Window) -> bool {
    let Window { input, kernel, stride, pad, dilation } = window;
    let fits = |n: usize| n <= i32::MAX as usize;
    (0..2).all(|axis| {
        let padded = pad[axis].iter().fold(input[axis], |sum, &pad| sum.saturating_add(pad));
        fits(padded) && [kernel, stride, dilation].iter().all(|numbers| fits(numbers[axis]))
    })
}

/// Why devices have no kernel for an operation whose shapes fit; `None` if they have one.
fn unsupported(op: &Op, operands: &[Operand], shapes: &[Shape]) -> Option<&'static str> {
    let only_first = || match operands {
        [Operand::Value(_), weights @ ..] => weights.iter().all(|x| matches!(x, Operand::Weight(_))),
        _ => false,
    };
    let values = || operands.iter().all(|x| matches!(x, Operand::Value(_)));
    let of_values =
        "a device does this to values, not to weights; compute what depends on weights alone beforehand";
    match op {
        Op::Product(Product { transposed: [false, false], .. })
            if shapes[0].rank() == 2 && shapes[1].rank() == 2 =>
        {
            (!only_first()).then_some("a device multiplies a value by weights, and adds a bias that is one")
        }
        Op::Product(_) => Some("a device multiplies a matrix `[m, k]` by weights `[k, n]` as they lie"),
        Op::Conv(Conv { role: ConvRole::Output, .. }) if shapes[0][0] != 1 => {
            Some("a device convolves one image")
        }
        Op::Conv(Conv { role: ConvRole::Output, .. }) => {
            (!only_first()).then_some("a device convolves a value with weights, and adds a bias that is one")
        }
        Op::MaxPool(_, Pick::Output)
        | Op::MeanPool(_, Role::Output)
        | Op::Map(_)
        | Op::Reshape(_)
        | Op::Stop => (!values()).then_some(of_values),
        Op::RowNorm(_) => (!only_first()).then_some("a device normalises a value, by weights and a bias"),
        Op::Softmax | Op::LogSoftmax | Op::Zip(_) => (!values()).then_some(of_values),
        Op::Sum(axes) => {
            (!(values() && runs(*axes, &shapes[0]))).then_some("a device sums over the last axes of a value")
        }
        Op::Concat(axis) => {
            let flat = shapes[0][..*axis].iter().all(|&length| length == 1);
            (!(values() && flat))
                .then_some("a device puts values end to end along their first axis that is not 1")
        }
        _ => Some(
            "devices have no kernel for it; record the part of the model before it, and do this elsewhere",
        ),
    }
}

/// Whether what is summed up are runs of neighbours: no axis behind one that is summed stays, but for those of length 1.
fn runs(axes: Axes, shape: &Shape) -> bool {
    let summed =
        (0..shape.rank()).find(|&axis| axes.contains(axis) && shape[axis] > 1).unwrap_or(shape.rank());
    (summed..shape.rank()).all(|axis| axes.contains(axis) || shape[axis] == 1)
}

/// As [`unsupported`], for a step of learning, in which everything is a value.
fn unlearnt(op: &Op, shapes: &[Shape]) -> Option<&'static str> {
    match op {
        Op::Product(Product { transposed, epilogue }) => {
            let plain = *epilogue == Epilogue::NONE || *transposed == [false, false];
            let flat = shapes[0].rank() == 2 && shapes[1].rank() == 2;
            (!(plain && flat)).then_some("a device multiplies matrices here")
        }
        Op::Map(_) | Op::MapGrad(_) | Op::Zip(_) | Op::Reshape(_) | Op::Stop => None,
        Op::LogSumExp(None) | Op::LogSumExpGrad(None) => None,
        Op::Expand(shape) => {
            let one = shapes[0].len() == 1 || shapes[0].len() == shape.len();
            (!one).then_some("a device repeats a single number only")
        }
        Op::Sum(axes) => (!runs(*axes, &shapes[0])).then_some("a device sums over the last axes of a value"),
        _ => Some("devices have no kernel for it; they learn dense layers"),
    }
}
