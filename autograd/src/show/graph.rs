//! Both programs as pictures: text for Mermaid and for Graphviz.

use super::Explanation;
use crate::tape::Line;
use crate::value::Value;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt::{self, Write};

/// A picture as text: its `Display` writes it.
///
/// Leaves, wanted leaves, operations, the result and lines of the sweep differ in shape, so that the picture can be read
/// without colours. Solid arrows are operands; dashed ones lead from a value that is kept to the rule that looks at it.
#[derive(Clone, Copy)]
pub struct Graph<'a, V: Value> {
    explanation: &'a Explanation<V>,
    language: Language,
    backward: bool,
    fold: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Language {
    Mermaid,
    Dot,
}

/// What a node is, which decides how it looks.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Leaf,
    Wanted,
    Operation,
    Result,
    Backward,
    Folded,
}

/// A node by its name in the picture: a forward entry, a line of the sweep, or what stands for those folded away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Forward(usize),
    Backward(usize),
    MoreForward,
    MoreBackward,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Forward(index) => write!(f, "f{index}"),
            Node::Backward(index) => write!(f, "b{index}"),
            Node::MoreForward => f.write_str("f_more"),
            Node::MoreBackward => f.write_str("b_more"),
        }
    }
}

impl<'a, V: Value> Graph<'a, V> {
    pub(super) fn mermaid(explanation: &'a Explanation<V>) -> Self {
        Self { explanation, language: Language::Mermaid, backward: true, fold: usize::MAX }
    }

    pub(super) fn dot(explanation: &'a Explanation<V>) -> Self {
        Self { language: Language::Dot, ..Self::mermaid(explanation) }
    }

    /// The forward program alone.
    pub fn forward_only(self) -> Self {
        Self { backward: false, ..self }
    }

    /// Of a program of more than `entries`, the middle as one node, together with its part of the sweep.
    pub fn fold(self, entries: usize) -> Self {
        Self { fold: entries, ..self }
    }

    fn is_folded(&self, forward: usize) -> bool {
        let count = self.explanation.entries.len();
        let first = self.fold.div_ceil(2);
        count > self.fold
            && (first..count - self.fold / 2).contains(&forward)
            && forward != self.explanation.result
    }

    fn forward(&self, index: usize) -> Node {
        if self.is_folded(index) { Node::MoreForward } else { Node::Forward(index) }
    }

    fn line(&self, index: usize) -> Node {
        match self.explanation.adjoint.lines()[index] {
            Line::Value(forward) => self.forward(forward),
            Line::Rule(of) | Line::Sum(of) if self.is_folded(of) => Node::MoreBackward,
            _ => Node::Backward(index),
        }
    }

    fn node(&self, f: &mut fmt::Formatter<'_>, node: Node, lines: &[&str], look: Look) -> fmt::Result {
        let (escape, between): (fn(&str) -> String, _) = match self.language {
            Language::Mermaid => (mermaid_text, "<br/>"),
            Language::Dot => (dot_text, "\\n"),
        };
        let mut label = String::new();
        for (i, line) in lines.iter().filter(|line| !line.is_empty()).enumerate() {
            label.push_str(if i == 0 { "" } else { between });
            label.push_str(&escape(line));
        }
        match (self.language, look) {
            (Language::Mermaid, Look::Leaf) => writeln!(f, "  {node}([\"{label}\"])"),
            (Language::Mermaid, Look::Wanted) => writeln!(f, "  {node}[[\"{label}\"]]"),
            (Language::Mermaid, Look::Result) => writeln!(f, "  {node}{{{{\"{label}\"}}}}"),
            (Language::Mermaid, Look::Backward) => writeln!(f, "  {node}(\"{label}\")"),
            (Language::Mermaid, _) => writeln!(f, "  {node}[\"{label}\"]"),
            (Language::Dot, look) => {
                let shape = match look {
                    Look::Leaf => "shape=ellipse",
                    Look::Wanted => "shape=ellipse, peripheries=2, style=bold",
                    Look::Operation => "shape=box",
                    Look::Result => "shape=hexagon, style=bold",
                    Look::Backward => "shape=box, style=\"rounded,dashed\"",
                    Look::Folded => "shape=plaintext",
                };
                writeln!(f, "  {node} [label=\"{label}\", {shape}];")
            }
        }
    }

    fn forward_nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.explanation;
        let folded = (0..all.entries.len()).filter(|&index| self.is_folded(index)).count();
        for entry in all.entries.iter().filter(|entry| !self.is_folded(entry.index)) {
            let look = match entry.index {
                index if index == all.result => Look::Result,
                index if all.wanted.contains(&index) => Look::Wanted,
                _ if entry.is_leaf() => Look::Leaf,
                _ => Look::Operation,
            };
            let name = alloc::format!("%{} {}", entry.index, entry.described());
            let file = entry.place.file().rsplit(['/', '\\']).next().unwrap_or_default();
            let place = alloc::format!("{file}:{}", entry.place.line());
            let shape = alloc::format!("{}", entry.value.shape());
            self.node(f, Node::Forward(entry.index), &[&name, &shape, &place], look)?;
        }
        match folded {
            0 => Ok(()),
            _ => {
                self.node(f, Node::MoreForward, &[&alloc::format!("... {folded} entries ...")], Look::Folded)
            }
        }
    }

    fn backward_nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adjoint = &self.explanation.adjoint;
        let mut folded = 0;
        for entry in adjoint.program().entries() {
            match self.line(entry.index) {
                Node::MoreBackward => folded += 1,
                node @ Node::Backward(index) => {
                    let (name, of) = match adjoint.lines()[index] {
                        Line::Seed => (alloc::format!("^{index} ones"), String::new()),
                        Line::Sum(at) => (alloc::format!("^{index} add"), alloc::format!("sum at %{at}")),
                        Line::Rule(of) | Line::Value(of) => {
                            let name = if entry.is_leaf() { "constant".into() } else { entry.described() };
                            (alloc::format!("^{index} {name}"), alloc::format!("rule of %{of}"))
                        }
                    };
                    self.node(
                        f,
                        node,
                        &[&name, &alloc::format!("{}", entry.value.shape()), &of],
                        Look::Backward,
                    )?;
                }
                _ => {}
            }
        }
        match folded {
            0 => Ok(()),
            _ => self.node(f, Node::MoreBackward, &[&alloc::format!("... {folded} lines ...")], Look::Folded),
        }
    }

    /// All arrows, each once: from, to, and whether it is dashed.
    fn arrows(&self) -> BTreeSet<(Node, Node, bool)> {
        let mut arrows = BTreeSet::new();
        for entry in &self.explanation.entries {
            for &operand in &entry.operands {
                arrows.insert((self.forward(operand), self.forward(entry.index), false));
            }
        }
        if self.backward {
            for entry in self.explanation.adjoint.program().entries() {
                for &operand in &entry.operands {
                    let kept = matches!(self.explanation.adjoint.lines()[operand], Line::Value(_));
                    arrows.insert((self.line(operand), self.line(entry.index), kept));
                }
            }
        }
        arrows.into_iter().filter(|(from, to, _)| from != to).collect()
    }
}

impl<V: Value> fmt::Display for Graph<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::Mermaid => {
                writeln!(f, "flowchart TD")?;
                self.forward_nodes(f)?;
                if self.backward {
                    writeln!(f, "  subgraph sweep")?;
                    self.backward_nodes(f)?;
                    writeln!(f, "  end")?;
                }
                for (from, to, dashed) in self.arrows() {
                    writeln!(f, "  {from} {} {to}", if dashed { "-.->" } else { "-->" })?;
                }
                Ok(())
            }
            Language::Dot => {
                writeln!(f, "digraph tape {{\n  node [fontname=\"monospace\"];")?;
                self.forward_nodes(f)?;
                if self.backward {
                    writeln!(f, "  subgraph cluster_sweep {{\n  label=\"sweep\";")?;
                    self.backward_nodes(f)?;
                    writeln!(f, "  }}")?;
                }
                for (from, to, dashed) in self.arrows() {
                    writeln!(f, "  {from} -> {to}{};", if dashed { " [style=dashed]" } else { "" })?;
                }
                writeln!(f, "}}")
            }
        }
    }
}

/// Text for a quoted label of Mermaid: its entities are `#name;` or `#number;`.
pub fn mermaid_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '#' | '&' | ';' | '`' => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "#{};", c as u32);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text for a quoted label of Graphviz.
pub fn dot_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(mermaid_text("a\"b<#>;`&\n"), "a#34;b#60;#35;#62;#59;#96;#38; ");
        assert_eq!(dot_text("a\"b\\n\t"), "a\\\"b\\\\n ");
    }
}
