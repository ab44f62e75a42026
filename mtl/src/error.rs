//! What can go wrong in this crate: mistakes in what the caller passed, each named with its place and its cure.

use alloc::string::String;
use core::fmt;

use tress_tensor::Shape;

use crate::balance::Method;
use crate::solve::MAX_TASKS;

/// A mistake in what was passed to this crate. Tasks, metrics, rows, pictures and objects are counted from
/// zero.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// There must be between one and [`MAX_TASKS`] tasks.
    TaskCount {
        /// The number of tasks that was asked for.
        found: usize,
    },
    /// A slice has the wrong length.
    Length {
        /// What the slice holds.
        what: &'static str,
        /// The length that was needed.
        expected: usize,
        /// The length that it has.
        found: usize,
    },
    /// A number is infinite, not a number, or so large that its square would be.
    NotFinite {
        /// What the number is.
        what: &'static str,
        /// Where it stands in its slice.
        index: usize,
    },
    /// A matrix cannot be the Gramian of any rows: it is not symmetric, has a negative diagonal, or has an entry
    /// larger than the product of the two norms (Cauchy and Schwarz).
    NotGramian {
        /// The row of the entry that shows it.
        row: usize,
        /// The column of that entry.
        column: usize,
    },
    /// A weighting that needs the Gramian of the task gradients was called without it.
    MissingGramian {
        /// The name of the weighting.
        method: &'static str,
    },
    /// A loss is negative, and the weighting is defined for losses from zero up only.
    NegativeLoss {
        /// The name of the weighting.
        method: &'static str,
        /// The task whose loss it is.
        task: usize,
    },
    /// A method that needs the task gradients element by element was asked for weights alone.
    MissingJacobian {
        /// The name of the method.
        method: &'static str,
    },
    /// The task gradients have another length than at the first step, and the method keeps numbers for each element.
    GradientWidth {
        /// The length at the first step.
        expected: usize,
        /// The length now.
        found: usize,
    },
    /// A step was taken, and the method was not told what it needs before the next one.
    Unobserved {
        /// The name of the method.
        method: &'static str,
        /// What it has to be told.
        what: &'static str,
    },
    /// A loss is outside of the range for which the method is defined.
    LossRange {
        /// The name of the method.
        method: &'static str,
        /// The task whose loss it is.
        task: usize,
        /// The range.
        range: &'static str,
    },
    /// A method was told something that it does not look at.
    NotObserved {
        /// The name of the method.
        method: &'static str,
        /// What it was told.
        what: &'static str,
    },
    /// No weighting has this name.
    UnknownMethod {
        /// The name that was asked for.
        name: String,
    },
    /// A setting is outside the range in which it means something.
    Setting {
        /// The setting, and its range.
        what: &'static str,
    },
    /// Saved state does not belong to this object.
    State {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A baseline is zero or negative, so that no change relative to it has a meaning.
    Baseline {
        /// The metric whose baseline it is.
        metric: usize,
    },
    /// A shared parameter reaches a loss around the features, where balancing would not see it.
    Around {
        /// The name of the parameter.
        parameter: String,
    },
    /// A network has no input of this name, or is not given one that it has.
    Input {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two inputs whose features cannot be put side by side.
    Fusion {
        /// The name and the shape of the first.
        left: (String, Shape),
        /// The name and the shape of the second.
        right: (String, Shape),
    },
    /// The box or the class of an object that is to be found.
    Object {
        /// The picture that it is in.
        picture: usize,
        /// Its place among the objects of the picture.
        object: usize,
        /// What is wrong with it, and what it could be.
        why: String,
    },
    /// A class that episodes are to be drawn of.
    Class {
        /// The class.
        class: u32,
        /// What is wrong with it.
        why: String,
    },
    /// The targets of a task are of another kind than the task.
    Target {
        /// The name of the task.
        task: String,
        /// What its targets would have to be.
        why: &'static str,
    },
    /// A network or its data, further down.
    Network(tress_nn::Error),
}

impl From<tress_nn::Error> for Error {
    fn from(error: tress_nn::Error) -> Self {
        Error::Network(error)
    }
}

impl From<tress_autograd::Mistake> for Error {
    fn from(mistake: tress_autograd::Mistake) -> Self {
        Error::Network(mistake.into())
    }
}

impl From<tress_tensor::Error> for Error {
    fn from(error: tress_tensor::Error) -> Self {
        Error::Network(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TaskCount { found } => {
                write!(f, "{found} tasks were given; there must be between 1 and {MAX_TASKS}")
            }
            Error::Length { what, expected, found } => {
                write!(f, "{what}: {expected} values are needed, {found} were given")
            }
            Error::NotFinite { what, index } => {
                write!(
                    f,
                    "{what}: value {index} is infinite, not a number or too large; lower the learning rate "
                )?;
                write!(f, "or look for the step at which it grew")
            }
            Error::NotGramian { row, column } => {
                write!(f, "entry ({row}, {column}) cannot belong to a Gramian J J^T of task gradients; ")?;
                write!(f, "pass a symmetric K x K matrix of their inner products")
            }
            Error::MissingGramian { method } => {
                write!(f, "`{method}` needs the Gramian of the task gradients; pass Some(&gramian)")
            }
            Error::NegativeLoss { method, task } => {
                write!(
                    f,
                    "the loss of task {task} is negative, and `{method}` is defined for losses from 0 up; "
                )?;
                write!(f, "use another method or shift the loss")
            }
            Error::MissingJacobian { method } => {
                write!(
                    f,
                    "`{method}` works on the task gradients themselves; call `direction` with their rows"
                )
            }
            Error::LossRange { method, task, range } => {
                write!(
                    f,
                    "the loss of task {task} is out of range: `{method}` is defined for losses {range}; "
                )?;
                write!(f, "use another method or shift the loss")
            }
            Error::GradientWidth { expected, found } => {
                write!(f, "the task gradients have {found} elements and had {expected} at the first step; ")?;
                write!(
                    f,
                    "a method that keeps state for each element needs batches of one size when it balances at "
                )?;
                write!(f, "features: leave the smaller last batch out, by `Batches::drop_last`")
            }
            Error::Unobserved { method, what } => {
                write!(
                    f,
                    "`{method}` was not told {what} since the last step, so its weights would stay as they "
                )?;
                write!(f, "are for ever; call `observe` once for each step, as `observes` asks for it")
            }
            Error::NotObserved { method, what } => {
                write!(f, "`{method}` does not look at {what}; ask `observes` what it takes")
            }
            Error::UnknownMethod { name } => {
                write!(f, "no balancing method is called `{name}`; choose one of ")?;
                for (i, method) in Method::ALL.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{method}")?;
                }
                Ok(())
            }
            Error::Setting { what } => write!(f, "setting out of range: {what}"),
            Error::State { what } => write!(f, "the saved state does not fit: {what}"),
            Error::Baseline { metric } => {
                write!(
                    f,
                    "the baseline of metric {metric} is zero or negative; a change relative to it has no "
                )?;
                write!(f, "meaning, so leave the metric out or measure it on a positive scale")
            }
            Error::Around { parameter } => {
                write!(f, "`{parameter}` is shared, but also reaches a loss around the features; ")?;
                write!(f, "count what the loss looks at there among the features")
            }
            Error::Input { name, why } => write!(f, "input `{name}`: {why}"),
            Error::Fusion { left, right } => {
                write!(f, "inputs `{}` {} and `{}` {} ", left.0, left.1, right.0, right.1)?;
                write!(
                    f,
                    "cannot be put side by side along axis 1, as their other axes differ; give each feature "
                )?;
                write!(
                    f,
                    "layers of its own that end in the same axes, for example Flatten and Dense for [N, F]"
                )
            }
            Error::Object { picture, object, why } => write!(f, "object {object} of picture {picture} {why}"),
            Error::Class { class, why } => write!(f, "class {class} {why}"),
            Error::Target { task, why } => write!(f, "task `{task}`: {why}"),
            Error::Network(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

/// A result of this crate.
pub type Result<T> = core::result::Result<T, Error>;

/// Checks that `found` is a possible number of tasks.
pub(crate) fn check_tasks(found: usize) -> Result<()> {
    if (1..=MAX_TASKS).contains(&found) { Ok(()) } else { Err(Error::TaskCount { found }) }
}

/// Checks that a slice has the length that is needed.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// Checks that every value of a slice is finite.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NotFinite { what, index }),
        None => Ok(()),
    }
}
