//! Both programs as text, one numbered line an entry: `%3` is a forward value, `^3` a line of the sweep.

use super::Explanation;
use crate::op::Flow;
use crate::tape::{Entry, Line};
use crate::value::Value;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Where the remarks begin.
const COLUMN: usize = 44;

impl<V: Value> fmt::Display for Explanation<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "forward")?;
        for entry in &self.entries {
            self.forward(f, entry)?;
        }
        writeln!(f, "\nbackward, from %{} to {}", self.result, list(self.wanted.iter(), "%"))?;
        let lines: Vec<Entry<V>> = self.adjoint.program().entries().collect();
        self.backward(f, &lines[0], Line::Seed)?;
        for (of, own) in self.rules(&lines).iter().enumerate().rev() {
            self.rule(f, of, &lines, own)?;
        }
        writeln!(f, "\ncotangents")?;
        for &wanted in &self.wanted {
            let shape = self.entries[wanted].value.shape();
            match self.adjoint.cotangent(wanted) {
                Some(line) => writeln!(f, "%{wanted} {shape}: ^{line}")?,
                None => writeln!(f, "%{wanted} {shape}: none")?,
            }
        }
        let kept = self.entries.iter().filter(|entry| !self.adjoint.kept_for(entry.index).is_empty());
        let (count, numbers) =
            kept.fold((0, 0), |(count, numbers), entry| (count + 1, numbers + entry.value.shape().len()));
        write!(f, "\nthe sweep looks at {count} of {} values, {numbers} numbers", self.entries.len())
    }
}

impl<V: Value> Explanation<V> {
    fn forward(&self, f: &mut fmt::Formatter<'_>, entry: &Entry<V>) -> fmt::Result {
        let mut line = String::new();
        write!(line, "{entry}")?;
        if self.wanted.contains(&entry.index) {
            line.push_str(", wanted");
        }
        write!(f, "{line:COLUMN$} ")?;
        match self.adjoint.kept_for(entry.index) {
            [] => f.write_str("not kept")?,
            rules => write!(f, "kept for the rule of {}", list(rules.iter(), "%"))?,
        }
        if let Some(op) = &entry.op {
            for (i, operand) in entry.operands.iter().enumerate() {
                match op.flow(i) {
                    Flow::Constant(reason) => write!(f, "; no gradient to %{operand}: {reason}")?,
                    Flow::NonDifferentiable(none) => {
                        write!(f, "; no gradient to %{operand}: {}", none.reason)?
                    }
                    Flow::Linear | Flow::Rule => {}
                }
            }
        }
        writeln!(f, "  ({}:{})", entry.place.file(), entry.place.line())
    }

    /// For each forward entry, the lines that its rule recorded, and the sums that came of them.
    fn rules(&self, lines: &[Entry<V>]) -> Vec<Vec<usize>> {
        let mut rules = alloc::vec![Vec::new(); self.entries.len()];
        for entry in lines {
            let of = match self.adjoint.lines()[entry.index] {
                Line::Rule(of) => Some(of),
                Line::Sum(at) => {
                    let last = entry.operands.last();
                    let arrived = self.adjoint.contributions(at).iter().rfind(|c| Some(&c.line) == last);
                    arrived.map(|contribution| contribution.from)
                }
                Line::Seed | Line::Value(_) => None,
            };
            if let Some(rule) = of.and_then(|of| rules.get_mut(of)) {
                rule.push(entry.index);
            }
        }
        rules
    }

    /// What one rule did: `rule of %5 mul, from ^3`, its lines, and what it passed on as it came.
    fn rule(&self, f: &mut fmt::Formatter<'_>, of: usize, lines: &[Entry<V>], own: &[usize]) -> fmt::Result {
        let mut passed = String::new();
        let mut operands = self.entries[of].operands.clone();
        operands.dedup();
        for operand in operands {
            for contribution in self.adjoint.contributions(operand).iter().filter(|c| c.from == of) {
                if self.adjoint.lines()[contribution.line] != Line::Rule(of) {
                    let comma = if passed.is_empty() { "" } else { ", " };
                    write!(passed, "{comma}^{} for %{operand}", contribution.line)?;
                }
            }
        }
        if own.is_empty() && passed.is_empty() {
            return Ok(());
        }
        write!(f, "rule of %{of} {}", self.entries[of].name())?;
        if let Some(g) = self.adjoint.cotangent(of) {
            write!(f, ", from ^{g}")?;
        }
        match passed.is_empty() {
            true => writeln!(f)?,
            false => writeln!(f, ": {passed}, as it came")?,
        }
        own.iter().try_for_each(|&line| self.backward(f, &lines[line], self.adjoint.lines()[line]))
    }

    fn backward(&self, f: &mut fmt::Formatter<'_>, entry: &Entry<V>, line: Line) -> fmt::Result {
        let index = entry.index;
        let mut text = String::new();
        write!(text, "  ^{index} {} = ", entry.value.shape())?;
        match line {
            Line::Value(_) => return Ok(()), // it is named by its own number wherever it is used
            Line::Seed => text.push_str("ones"),
            Line::Rule(_) | Line::Sum(_) if entry.is_leaf() => text.push_str("constant"),
            Line::Rule(_) | Line::Sum(_) => text.push_str(&entry.described()),
        }
        for &operand in &entry.operands {
            match self.adjoint.lines()[operand] {
                Line::Value(forward) => write!(text, " %{forward}")?,
                _ => write!(text, " ^{operand}")?,
            }
        }
        let mut remark = String::new();
        match line {
            Line::Seed => remark.push_str("the seed"),
            Line::Sum(at) => {
                write!(remark, "sum at %{at}: ")?;
                let arrived = self.adjoint.contributions(at).iter().filter(|c| c.line < index);
                for (i, contribution) in arrived.enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(remark, "{comma}^{} from %{}", contribution.line, contribution.from)?;
                }
            }
            Line::Rule(of) => {
                for &operand in &self.entries[of].operands {
                    let given =
                        self.adjoint.contributions(operand).iter().any(|c| c.from == of && c.line == index);
                    if given && !remark.ends_with(&alloc::format!("%{operand}")) {
                        write!(remark, "{}%{operand}", if remark.is_empty() { "for " } else { ", " })?;
                    }
                }
            }
            Line::Value(_) => {}
        }
        match remark.is_empty() {
            true => writeln!(f, "{text}"),
            false => writeln!(f, "{text:COLUMN$} {remark}"),
        }
    }
}

/// `%1, %2, %5`.
fn list<'a>(numbers: impl Iterator<Item = &'a usize>, sign: &str) -> String {
    let mut text = String::new();
    for number in numbers {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{sign}{number}");
    }
    text
}
