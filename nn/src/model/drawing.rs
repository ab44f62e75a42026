//! The picture of a model: what is in it, and as text for Mermaid and Graphviz.

use super::layout::{Graph, Placed};
use super::summary::grouped;
use super::{Model, Part, Summary, svg};
use crate::{Error, Params};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use tress_autograd::show::{dot_text, mermaid_text};
use tress_tensor::Float;

/// A graph of boxes with a few lines of text each: [`mermaid`](Drawing::mermaid) and [`dot`](Drawing::dot) leave the
/// layout to a program, [`svg`](Drawing::svg) is a picture as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) boxes: Vec<Card>,
    /// From and to, by number; from is the smaller.
    pub(super) arrows: Vec<(usize, usize)>,
}

/// A box.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    pub(super) lines: Vec<String>,
    pub(super) look: Look,
}

/// What a box stands for, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Input,
    /// A layer with parameters.
    Layer,
    /// What has no parameters.
    Plain,
    /// Several values become one.
    Merge,
    Output,
}

impl Model {
    /// The picture of this model: inputs, layers with shapes and numbers of parameters, outputs.
    ///
    /// # Errors
    /// Parameters of another model.
    pub fn drawing<T: Float>(&self, params: &Params<T>) -> Result<Drawing, Error> {
        let summary = self.summary(params)?;
        let mut drawing = Drawing { boxes: Vec::new(), arrows: Vec::new() };
        for (i, (joint, row)) in self.joints.iter().zip(summary.rows()).enumerate() {
            let numbers = row.parameters + row.state;
            let look = match joint.part {
                Part::Input | Part::Index(_) => Look::Input,
                Part::Unit(_) if joint.from.len() == 1 && numbers > 0 => Look::Layer,
                Part::Unit(unit) if !self.units[unit].entries.is_empty() => Look::Layer,
                Part::Unit(_) if joint.from.len() == 1 => Look::Plain,
                _ => Look::Merge,
            };
            let mut lines = Vec::from([row.name.clone()]);
            lines.push(match numbers {
                0 => row.kind.clone(),
                _ => format!("{}, {} parameters", row.kind, grouped(numbers)),
            });
            lines.push(row.shape.clone());
            drawing.boxes.push(Card { lines, look });
            drawing.arrows.extend(joint.from.iter().map(|&x| (x, i)));
        }
        for (name, from) in &self.outputs {
            drawing
                .boxes
                .push(Card { lines: [name.clone(), String::from("output")].into(), look: Look::Output });
            drawing.arrows.push((*from, drawing.boxes.len() - 1));
        }
        Ok(drawing)
    }
}

impl Summary {
    /// The picture of what the table describes: a box for each line.
    pub fn drawing(&self) -> Drawing {
        let mut drawing = Drawing { boxes: Vec::new(), arrows: Vec::new() };
        // What later lines call a line: an input by its name, an operation by its number.
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, row) in self.rows().iter().enumerate() {
            let count = row.parameters + row.state;
            let look = match (row.kind.as_str(), count, row.from.len()) {
                ("input", ..) => Look::Input,
                (_, 1.., _) => Look::Layer,
                (.., 2..) => Look::Merge,
                _ => Look::Plain,
            };
            let mut lines = Vec::from([row.name.clone(), row.kind.clone(), row.shape.clone()]);
            if count > 0 {
                lines[1] = format!("{}, {} parameters", row.kind, grouped(count));
            }
            drawing.boxes.push(Card { lines, look });
            drawing.arrows.extend(row.from.iter().filter_map(|from| Some((*numbers.get(from.as_str())?, i))));
            numbers.insert(&row.label, i);
        }
        drawing
    }
}

impl Drawing {
    /// A flowchart for [Mermaid](https://mermaid.js.org), which many pages render from text.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for (i, Card { lines, look }) in self.boxes.iter().enumerate() {
            let (open, close) = match look {
                Look::Input => ("([", "])"),
                Look::Layer | Look::Plain => ("[", "]"),
                Look::Merge => ("(", ")"),
                Look::Output => ("{{", "}}"),
            };
            let label: Vec<String> = lines.iter().map(|line| mermaid_text(line)).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "  n{i}{open}\"{}\"{close}", label.join("<br/>"));
        }
        for (from, to) in &self.arrows {
            let _ = writeln!(text, "  n{from} --> n{to}");
        }
        text
    }

    /// A graph for [Graphviz](https://graphviz.org): `dot -Tsvg`.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph model {\n  node [fontname=\"monospace\"];\n");
        for (i, Card { lines, look }) in self.boxes.iter().enumerate() {
            let shape = match look {
                Look::Input => "shape=box, style=rounded",
                Look::Layer => "shape=box, style=bold",
                Look::Plain => "shape=box",
                Look::Merge => "shape=ellipse",
                Look::Output => "shape=hexagon",
            };
            let label: Vec<String> = lines.iter().map(|line| dot_text(line)).collect();
            let _ = writeln!(text, "  n{i} [label=\"{}\", {shape}];", label.join("\\n"));
        }
        for (from, to) in &self.arrows {
            let _ = writeln!(text, "  n{from} -> n{to};");
        }
        text.push_str("}\n");
        text
    }

    /// A picture: an SVG file that needs nothing else.
    pub fn svg(&self) -> String {
        svg::write(self, &self.placed())
    }

    /// Where the boxes lie.
    pub(super) fn placed(&self) -> Placed {
        let sizes = self.boxes.iter().map(svg::size).collect();
        Graph { sizes, arrows: self.arrows.clone() }.place()
    }
}
