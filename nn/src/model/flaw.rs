//! What can be wrong with the wiring of a model, and with what it is given: each names the layer, the shapes and the cure.

use super::Sizes;
use crate::Error;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;
use tress_tensor::Shape;

/// A name and the shape behind it.
pub(super) type Named = (String, Sizes);

/// The first mistake in the wiring of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    /// What is wrong.
    pub cause: Cause,
    /// The line that asked for it.
    pub place: &'static Location<'static>,
}

/// What is wrong with the wiring of a model, or with what it is given.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A layer that could not be declared.
    Declaration {
        /// The layer.
        layer: String,
        /// Why not.
        error: Box<Error>,
    },
    /// A layer that cannot take what it is wired to.
    Layer {
        /// The layer.
        layer: String,
        /// What it is.
        kind: String,
        /// What it is wired to.
        inputs: Vec<Named>,
        /// What is wrong for a batch of two samples.
        error: tress_tensor::Error,
        /// The line of the layer's own code, if it is one of the user's.
        line: Option<&'static Location<'static>>,
        /// What to do.
        advice: &'static str,
    },
    /// A layer that fits sequences of the declared length alone, in a model for sequences of any length.
    Length {
        /// The layer.
        layer: String,
        /// What is wrong for one step more, and two samples.
        error: tress_tensor::Error,
    },
    /// What is to have any length is no input with an axis of steps.
    NoSteps {
        /// The value.
        value: Named,
    },
    /// A layer whose result has axes that do not follow from the number of samples.
    Batch {
        /// The layer.
        layer: String,
        /// The shapes of its results for batches of 2, 3 and 5.
        shapes: [Shape; 3],
    },
    /// Values of unlike shapes that are to be put side by side.
    Concat {
        /// The layer.
        layer: String,
        /// The axis.
        axis: usize,
        /// The first value.
        left: Named,
        /// The one that does not fit it.
        right: Named,
    },
    /// Values of unlike shapes that are to be added, multiplied or compared.
    Merge {
        /// The layer.
        layer: String,
        /// What it does with them.
        kind: &'static str,
        /// The first value.
        left: Named,
        /// The one that does not fit it.
        right: Named,
    },
    /// An index where a value is wanted, or the other way round.
    Index {
        /// The layer.
        layer: String,
        /// What it is wired to.
        input: Named,
        /// What to do.
        why: &'static str,
    },
    /// A name that is used twice.
    Twice {
        /// What has it: an input, a layer, an output.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An empty name, or one with an empty part between dots.
    Name {
        /// What has it.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A list without anything in it.
    Empty {
        /// What was asked for.
        of: &'static str,
    },
    /// A value of another wiring.
    Foreign,
    /// A layer, or a model, that is wired while another is being declared.
    Nested,
    /// A value that is listed as an input of the model but comes out of a layer.
    NoInput {
        /// The layer.
        layer: String,
    },
    /// An input of the model that no output depends on.
    Unused {
        /// The input.
        input: String,
    },
    /// An output that needs an input that the model does not list.
    Missing {
        /// The output.
        output: String,
        /// The input.
        input: String,
    },
    /// A value is given under a name that no input has, or twice, or an input is not given.
    Given {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
        /// The names of the inputs.
        inputs: Vec<String>,
    },
    /// A value of another shape than its input.
    Shape {
        /// The input and its shape.
        input: Named,
        /// Whether axis 1 may have any length.
        any_length: bool,
        /// The shape of the value.
        found: Shape,
    },
    /// A place that is not below the number of things that an index counts.
    Place {
        /// The input.
        input: String,
        /// The place.
        place: u32,
        /// The number of things.
        rows: usize,
    },
    /// Inputs of different numbers of samples.
    Samples {
        /// An input, and how many samples it has.
        left: (String, usize),
        /// Another one.
        right: (String, usize),
    },
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        Error::Model(Box::new(flaw))
    }
}

fn list(f: &mut fmt::Formatter<'_>, inputs: &[Named]) -> fmt::Result {
    for (i, (name, sizes)) in inputs.iter().enumerate() {
        write!(f, "{}`{name}` {sizes}", if i == 0 { "" } else { ", " })?;
    }
    Ok(())
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Declaration { layer, error } => write!(f, "layer `{layer}` cannot be declared: {error}"),
            Cause::Layer { layer, kind, inputs, error, line, advice } => {
                write!(f, "layer `{layer}` ({kind}) cannot take ")?;
                list(f, inputs)?;
                write!(f, ": of two samples, {error}")?;
                if let Some(line) = line {
                    write!(f, " ({}:{})", line.file(), line.line())?;
                }
                write!(f, "; {advice}")
            }
            Cause::Length { layer, error } => {
                write!(f, "layer `{layer}` does not fit sequences of any length: {error}; ")?;
                f.write_str("pool them, take the last step or an ending before it, or leave `any_length` out")
            }
            Cause::NoSteps { value: (name, sizes) } => {
                write!(
                    f,
                    "`{name}` {sizes} is no input of sequences, [N, T, ..], that could have any length; "
                )?;
                f.write_str("say it of an input, when it is declared")
            }
            Cause::Batch { layer, shapes: [a, b, c] } => {
                write!(f, "layer `{layer}`: batches of 2, 3 and 5 samples give {a}, {b} and {c}: ")?;
                f.write_str("the axes of a result must be fixed, or grow by as much with each sample; ")?;
                f.write_str("let the layer take sizes from its operand, and none from elsewhere")
            }
            Cause::Concat { layer, axis, left: (left, a), right: (right, b) } => {
                write!(
                    f,
                    "layer `{layer}` (concat) cannot put `{left}` {a} and `{right}` {b} side by side: "
                )?;
                write!(
                    f,
                    "they become one value that is longer along axis {axis}, so all other axes must be "
                )?;
                f.write_str(
                    "equal; give each input layers of its own that bring it to [N, features], such as ",
                )?;
                f.write_str(
                    "`Flatten` and `Dense`, or convolutions to one height and width, and concatenate those",
                )
            }
            Cause::Merge { layer, kind, left: (left, a), right: (right, b) } => {
                write!(
                    f,
                    "layer `{layer}` ({kind}) cannot take `{left}` {a} and `{right}` {b}: it goes element "
                )?;
                f.write_str(
                    "by element, so the axes must be equal, or 1 in one of the two; bring both to one ",
                )?;
                f.write_str("shape with a layer before it, such as a dense layer or a 1x1 convolution")
            }
            Cause::Index { layer, input: (name, sizes), why } => {
                write!(f, "layer `{layer}` cannot take `{name}` {sizes}: {why}")
            }
            Cause::Twice { what, name } => {
                write!(f, "{what} `{name}` is declared twice; give each a name of its own")?;
                match *what {
                    "layer" => f.write_str(", or wire one `unit` to several places to share its parameters"),
                    _ => Ok(()),
                }
            }
            Cause::Name { what, name } => {
                write!(f, "`{name}` cannot be the name of {what}: no part between dots may be empty")
            }
            Cause::Empty { of } => write!(f, "{of}: at least one is wanted"),
            Cause::Foreign => f.write_str("a value belongs to another wiring; wire a model in one go"),
            Cause::Nested => {
                f.write_str("while a layer is declared, nothing can be wired; declare one after the other")
            }
            Cause::NoInput { layer } => {
                write!(f, "`{layer}` comes out of a layer and is no input; list what `Wiring::input` gave")
            }
            Cause::Unused { input } => {
                write!(f, "no output depends on input `{input}`; wire it to one, or leave it out of the list")
            }
            Cause::Missing { output, input } => {
                write!(f, "output `{output}` needs input `{input}`, which the model does not list; add it")
            }
            Cause::Given { name, why, inputs } => {
                write!(f, "input `{name}` {why}; the inputs are")?;
                inputs
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, name)| write!(f, "{}`{name}`", if i == 0 { " " } else { ", " }))
            }
            Cause::Shape { input: (name, sizes), any_length, found } => {
                write!(f, "input `{name}` is {sizes}, but a value of shape {found} is given; ")?;
                f.write_str(match any_length {
                    true => "the first axis counts samples, the second at least one step, the others must be as declared",
                    false => "the first axis counts samples, the others must be as declared",
                })
            }
            Cause::Place { input, place, rows } => {
                write!(f, "input `{input}` holds {place}, but it counts {rows} things, from 0 to ")?;
                write!(f, "{}", rows.saturating_sub(1))
            }
            Cause::Samples { left: (left, a), right: (right, b) } => {
                write!(
                    f,
                    "input `{left}` has {a} samples and input `{right}` has {b}; give all inputs of each sample"
                )
            }
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.cause, self.place.file(), self.place.line())
    }
}

impl core::error::Error for Flaw {}
