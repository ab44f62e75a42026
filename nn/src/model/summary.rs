//! The table of a model: layers, shapes, parameters, multiply-adds, memory.

use super::cost::{Cost, costs};
use super::{Held, Joint, Model, Part};
use crate::{Bound, Error, Params};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use tress_autograd::op::Index;
use tress_autograd::{Entry, Outline, Symbol, Tape, Value};
use tress_tensor::{Float, Shape, Tensor};

/// What a model consists of, line by line, for a batch of some size; its `Display` writes a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    rows: Vec<Row>,
    batch: Option<usize>,
    /// The name of the type of numbers, and the bytes of one.
    elem: (&'static str, u64),
}

/// A line of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of the input or the layer; of a program, the scope of the parameters that are used.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// What other lines call it: its name, or the number of the operation.
    pub label: String,
    /// What it takes, by label.
    pub from: Vec<String>,
    /// The shape of its result; N stands for the number of samples.
    pub shape: String,
    /// The numbers of its parameters. Those of a layer in several places count where it stands first.
    pub parameters: u64,
    /// How many of these are [frozen](Params::freeze).
    pub frozen: u64,
    /// The numbers that are stored and not trained.
    pub state: u64,
    /// The multiply-adds of products and convolutions.
    pub multiply_adds: u64,
    /// Bytes of what a tape keeps of it for the sweep; views of other values take none.
    pub activations: u64,
}

impl Model {
    /// The table of this model for one sample.
    ///
    /// # Errors
    /// Parameters of another model.
    pub fn summary<T: Float>(&self, params: &Params<T>) -> Result<Summary, Error> {
        self.summary_of(params, 1)
    }

    /// The table of this model for a batch of `batch` samples.
    ///
    /// # Errors
    /// Parameters of another model, or a batch of a size that overflows.
    pub fn summary_of<T: Float>(&self, params: &Params<T>, batch: usize) -> Result<Summary, Error> {
        let tape = Tape::new();
        let bound = params.bind(|_, numbers| tape.leaf(Outline::<T>::new(*numbers.shape())));
        let mut values: Vec<Held<Symbol<'_, T>>> = Vec::with_capacity(self.joints.len());
        let mut ends = Vec::with_capacity(self.joints.len());
        for joint in &self.joints {
            let y = match joint.part {
                Part::Input => Held::Value(tape.leaf(Outline::new(joint.sizes.at(batch)?))),
                Part::Index(_) => Held::Index(Index::new(&Tensor::zeros(joint.sizes.at(batch)?)?), None),
                _ => {
                    let xs: Vec<_> = joint.from.iter().map(|&x| &values[x]).collect();
                    let y = self.join(joint, &bound, &xs)?;
                    y.value()?;
                    Held::Value(y)
                }
            };
            values.push(y);
            ends.push(tape.len());
        }
        let entries: Vec<_> = tape.entries().collect();
        let costs = costs(&entries);
        let mut counted = BTreeSet::new();
        let mut start = bound.values().len();
        let mut rows = Vec::with_capacity(self.joints.len());
        for (joint, end) in self.joints.iter().zip(ends) {
            let mut row = self.row(joint);
            let mut used = used(&entries[start..end], bound.values().len());
            if let Part::Unit(unit) = joint.part {
                used.extend(self.units[unit].entries.clone());
            }
            count(&mut row, params, used, &mut counted);
            let sum = |what: fn(&Cost) -> u64| costs[start..end].iter().map(what).sum::<u64>();
            row.multiply_adds = sum(|cost| cost.multiply_adds);
            row.activations = sum(|cost| cost.numbers) * size_of::<T>() as u64;
            let held = |size: usize| Ok::<_, Error>(joint.sizes.at(batch)?.len() as u64 * size as u64);
            match joint.part {
                Part::Input => row.activations = held(size_of::<T>())?,
                Part::Index(_) => row.activations = held(size_of::<u32>())?,
                _ => {}
            }
            rows.push(row);
            start = end;
        }
        Ok(Summary { rows, batch: Some(batch), elem: (T::NAME, size_of::<T>() as u64) })
    }

    fn row(&self, joint: &Joint) -> Row {
        Row {
            name: joint.name.clone(),
            kind: self.kind(joint),
            label: joint.name.clone(),
            from: joint.from.iter().map(|&x| self.joints[x].name.clone()).collect(),
            shape: joint.sizes.to_string(),
            parameters: 0,
            frozen: 0,
            state: 0,
            multiply_adds: 0,
            activations: 0,
        }
    }

    pub(super) fn kind(&self, joint: &Joint) -> String {
        match joint.part {
            Part::Unit(unit) => self.units[unit].work.kind(),
            part => String::from(part.kind()),
        }
    }
}

impl Summary {
    /// The table of a program that is no [`Model`], such as a closure over layers: a line for each operation, named after
    /// the parameters that it uses. Inputs are names and whole shapes, that of the batch included.
    ///
    /// ```
    /// use tress_autograd::Pointwise;
    /// use tress_nn::model::Summary;
    /// use tress_nn::{Dense, Layer, Params};
    /// use tress_tensor::Shape;
    /// let mut params = Params::<f32>::new(1);
    /// let hidden = Dense::new(&mut params.scope("hidden"), 3, 4)?;
    /// let x = Shape::new(&[5, 3])?;
    /// let summary = Summary::of_program(&params, &[("x", x)], |bound, xs| {
    ///     vec![hidden.apply(bound, &xs[0]).tanh()]
    /// })?;
    /// assert_eq!(summary.multiply_adds(), 5 * 3 * 4);
    /// assert_eq!(summary.rows()[1].name, "hidden");
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake of the program.
    pub fn of_program<T: Float>(
        params: &Params<T>,
        inputs: &[(&str, Shape)],
        program: impl for<'t> FnOnce(&Bound<Symbol<'t, T>>, &[Symbol<'t, T>]) -> Vec<Symbol<'t, T>>,
    ) -> Result<Self, Error> {
        let tape = Tape::new();
        let bound = params.bind(|_, numbers| tape.leaf(Outline::<T>::new(*numbers.shape())));
        let xs: Vec<_> = inputs.iter().map(|(_, shape)| tape.leaf(Outline::new(*shape))).collect();
        program(&bound, &xs).iter().try_for_each(|y| y.value().map(|_| ()))?;
        tape.mistake().map_or(Ok(()), Err)?;
        let entries: Vec<_> = tape.entries().collect();
        let (costs, first) = (costs(&entries), bound.values().len());
        let names: Vec<&str> = params.entries().map(|entry| entry.name()).collect();
        let mut counted = BTreeSet::new();
        let mut rows: Vec<Row> = Vec::new();
        // What a line calls an entry.
        let called = |x: usize| match x {
            x if x < first => String::from(names[x]),
            x if x < first + inputs.len() => String::from(inputs[x - first].0),
            x => format!("%{x}"),
        };
        let is_line = |x: usize| x >= first && (!entries[x].is_leaf() || x < first + inputs.len());
        for entry in &entries[first..] {
            let index = entry.index;
            let input = inputs.get(index - first);
            if !is_line(index) {
                continue; // a constant
            }
            let used = used(core::slice::from_ref(entry), first);
            let scope = used.first().and_then(|&x| names[x].rsplit_once('.')).map(|(scope, _)| scope);
            let mut row = Row {
                name: scope.map_or_else(|| called(index), String::from),
                kind: String::from(if input.is_some() { "input" } else { entry.name() }),
                label: called(index),
                from: entry.operands.iter().filter(|&&x| is_line(x)).map(|&x| called(x)).collect(),
                shape: entry.value.shape().to_string(),
                parameters: 0,
                frozen: 0,
                state: 0,
                multiply_adds: costs[index].multiply_adds,
                activations: costs[index].numbers * size_of::<T>() as u64,
            };
            if let Some((_, shape)) = input {
                row.activations = shape.len() as u64 * size_of::<T>() as u64;
            }
            count(&mut row, params, used, &mut counted);
            rows.push(row);
        }
        Ok(Self { rows, batch: None, elem: (T::NAME, size_of::<T>() as u64) })
    }

    /// The lines.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The line of this name; of several, the first.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// All numbers of parameters.
    pub fn parameters(&self) -> u64 {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// How many of these are [frozen](Params::freeze).
    pub fn frozen(&self) -> u64 {
        self.rows.iter().map(|row| row.frozen).sum()
    }

    /// All numbers that are stored and not trained.
    pub fn state(&self) -> u64 {
        self.rows.iter().map(|row| row.state).sum()
    }

    /// The multiply-adds of products and convolutions.
    pub fn multiply_adds(&self) -> u64 {
        self.rows.iter().map(|row| row.multiply_adds).sum()
    }

    /// Bytes of what a tape keeps for the sweep, the inputs included. An eager run needs less.
    pub fn activations(&self) -> u64 {
        self.rows.iter().map(|row| row.activations).sum()
    }
}

/// The entries of parameters, the first `params` of a tape, that some entries look at.
fn used<V>(entries: &[Entry<V>], params: usize) -> Vec<usize> {
    entries.iter().flat_map(|entry| entry.operands.iter().copied()).filter(|&x| x < params).collect()
}

/// Counts parameters that are not counted yet.
fn count<T: Float>(row: &mut Row, params: &Params<T>, used: Vec<usize>, counted: &mut BTreeSet<usize>) {
    for index in used {
        if counted.insert(index)
            && let Some(entry) = params.entries().nth(index)
        {
            let to = if entry.is_state() { &mut row.state } else { &mut row.parameters };
            let numbers = entry.shape().len() as u64;
            *to += numbers;
            row.frozen += if entry.is_frozen() && !entry.is_state() { numbers } else { 0 };
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["layer", "kind", "from", "output", "parameters", "multiply-adds", "activations"];
        let lines: Vec<[String; 7]> = self.rows.iter().map(cells).collect();
        let mut widths = header.map(|title| title.chars().count());
        for line in &lines {
            (widths.iter_mut().zip(line))
                .for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
        }
        let write = |f: &mut fmt::Formatter<'_>, cells: [&str; 7]| {
            let mut line = String::new();
            for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
                // Texts begin in one column, numbers end in one.
                let cell = if i < 4 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
                line.push_str(if i == 0 { "" } else { "  " });
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end())
        };
        write(f, header)?;
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * 6);
        writeln!(f, "{rule}")?;
        for line in &lines {
            write(f, line.each_ref().map(String::as_str))?;
        }
        writeln!(f, "{rule}")?;
        let (elem, size) = self.elem;
        let stored = self.parameters() + self.state();
        write!(f, "parameters: {} trained", grouped(self.parameters() - self.frozen()))?;
        if self.frozen() > 0 {
            write!(f, ", {} frozen", grouped(self.frozen()))?;
        }
        if self.state() > 0 {
            write!(f, ", {} state", grouped(self.state()))?;
        }
        writeln!(f, ", {} as {elem}", bytes(stored * size))?;
        let of = match self.batch {
            Some(1) => String::from("for one sample"),
            Some(batch) => format!("for {batch} samples"),
            None => String::from("for the inputs above"),
        };
        writeln!(f, "multiply-adds: {} {of}", grouped(self.multiply_adds()))?;
        writeln!(f, "activations: {} {of}, as a tape keeps them for the sweep", bytes(self.activations()))
    }
}

fn cells(row: &Row) -> [String; 7] {
    let some = |number: u64| if number == 0 { String::new() } else { grouped(number) };
    let parameters = match (row.parameters, row.state) {
        (parameters, 0) => some(parameters),
        (parameters, state) => format!("{} + {}", grouped(parameters), grouped(state)),
    };
    let activations = if row.activations == 0 { String::from("view") } else { bytes(row.activations) };
    let (name, kind, from, shape) =
        (row.name.clone(), row.kind.clone(), row.from.join(", "), row.shape.clone());
    [name, kind, from, shape, parameters, some(row.multiply_adds), activations]
}

/// `12345` as `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12345` as `12.1 KiB`.
fn bytes(number: u64) -> String {
    let (mut size, mut unit) = (number as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size >= 1024.0 {
            (size, unit) = (size / 1024.0, larger);
        }
    }
    if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") }
}
