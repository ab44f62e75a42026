//! Both programs as `tape.json`, for viewers; `docs/tape-json.md` describes every field.

use super::Explanation;
use crate::kinds::Eager;
use crate::op::Flow;
use crate::tape::{Entry, Line};
use core::fmt;
use tress_tensor::{Element, Float, Tensor};

/// How many numbers of a tensor are written out.
const NUMBERS: usize = 64;

/// A tape as JSON: its `Display` writes it, on one line, numbers as the shortest text that reads back as the same number.
#[derive(Clone, Copy)]
pub struct Json<'a, T: Float>(&'a Explanation<Eager<T>>);

impl<T: Float> Explanation<Eager<T>> {
    /// Both programs with their numbers, in the format `tress-tape`, version 1.
    pub fn json(&self) -> Json<'_, T> {
        Json(self)
    }
}

impl<T: Float> fmt::Display for Json<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0;
        write!(f, "{{\"format\":\"tress-tape\",\"version\":1,\"elem\":\"{}\"", T::NAME)?;
        write!(f, ",\"result\":{},\"wanted\":", all.result)?;
        numbers(f, &all.wanted)?;
        f.write_str(",\"forward\":")?;
        array(f, all.entries.iter(), |f, entry| self.forward(f, entry))?;
        f.write_str(",\"backward\":")?;
        array(f, all.adjoint.program().entries(), |f, entry| self.backward(f, &entry))?;
        f.write_str("}")
    }
}

impl<T: Float> Json<'_, T> {
    fn forward(&self, f: &mut fmt::Formatter<'_>, entry: &Entry<Eager<T>>) -> fmt::Result {
        let adjoint = &self.0.adjoint;
        common(f, entry)?;
        f.write_str(",\"place\":{\"file\":")?;
        string(f, entry.place.file())?;
        write!(f, ",\"line\":{},\"column\":{}}}", entry.place.line(), entry.place.column())?;
        f.write_str(",\"kept_for\":")?;
        numbers(f, adjoint.kept_for(entry.index))?;
        f.write_str(",\"no_gradient\":")?;
        let flows = entry.op.iter().flat_map(|op| (0..entry.operands.len()).map(|i| (i, op.flow(i))));
        let none = flows.filter_map(|(i, flow)| match flow {
            Flow::Constant(reason) => Some((i, reason)),
            Flow::NonDifferentiable(none) => Some((i, none.reason)),
            Flow::Linear | Flow::Rule => None,
        });
        array(f, none, |f, (operand, reason)| {
            write!(f, "{{\"operand\":{operand},\"reason\":")?;
            string(f, reason)?;
            f.write_str("}")
        })?;
        f.write_str(",\"value\":")?;
        tensor(f, &entry.value)?;
        f.write_str(",\"cotangent\":")?;
        match adjoint.cotangent(entry.index) {
            Some(line) => write!(f, "{line}")?,
            None => f.write_str("null")?,
        }
        f.write_str(",\"contributions\":")?;
        array(f, adjoint.contributions(entry.index).iter(), |f, contribution| {
            write!(f, "{{\"from\":{},\"line\":{}}}", contribution.from, contribution.line)
        })?;
        f.write_str("}")
    }

    fn backward(&self, f: &mut fmt::Formatter<'_>, entry: &Entry<Eager<T>>) -> fmt::Result {
        common(f, entry)?;
        match self.0.adjoint.lines()[entry.index] {
            Line::Seed => f.write_str(",\"role\":\"seed\",\"of\":null")?,
            Line::Value(forward) => write!(f, ",\"role\":\"value\",\"of\":{forward}")?,
            Line::Rule(of) => write!(f, ",\"role\":\"rule\",\"of\":{of}")?,
            Line::Sum(at) => write!(f, ",\"role\":\"sum\",\"of\":{at}")?,
        }
        f.write_str(",\"value\":")?;
        match self.0.adjoint.lines()[entry.index] {
            Line::Value(_) => f.write_str("null")?, // it stands in the forward program
            _ => tensor(f, &entry.value)?,
        }
        f.write_str("}")
    }
}

/// The fields that both programs have; the object is left open.
fn common<T: Float>(f: &mut fmt::Formatter<'_>, entry: &Entry<Eager<T>>) -> fmt::Result {
    write!(f, "{{\"index\":{},\"op\":", entry.index)?;
    string(f, entry.name())?;
    f.write_str(",\"settings\":")?;
    match &entry.op {
        Some(op) => string(f, &op.settings().bare())?,
        None => string(f, "")?,
    }
    f.write_str(",\"operands\":")?;
    numbers(f, &entry.operands)
}

/// The first numbers, and what can be said of all.
fn tensor<T: Float>(f: &mut fmt::Formatter<'_>, value: &Eager<T>) -> fmt::Result {
    let Ok(tensor) = value.tensor() else { return f.write_str("null") };
    let Summary { least, largest, sum, nan, infinite } = Summary::of(tensor);
    let (count, known) = (tensor.len(), tensor.len() - nan);
    f.write_str("{\"shape\":")?;
    numbers(f, tensor.shape())?;
    write!(f, ",\"count\":{count},\"nan\":{nan},\"infinite\":{infinite}")?;
    for (name, number) in [("min", least), ("max", largest)] {
        write!(f, ",\"{name}\":")?;
        match number {
            Some(number) => float(f, number)?,
            None => f.write_str("null")?,
        }
    }
    f.write_str(",\"mean\":")?;
    match known {
        0 => f.write_str("null")?,
        _ => float(f, sum / known as f64)?,
    }
    f.write_str(",\"numbers\":")?;
    let first = tensor.to_vec();
    array(f, first.iter().take(NUMBERS), |f, number| float(f, *number))?;
    f.write_str("}")
}

/// What can be said of all numbers that are not NaN.
struct Summary<T> {
    least: Option<T>,
    largest: Option<T>,
    sum: f64,
    nan: usize,
    infinite: usize,
}

impl<T: Float> Summary<T> {
    fn of(tensor: &Tensor<T>) -> Self {
        let mut all = Self { least: None, largest: None, sum: 0.0, nan: 0, infinite: 0 };
        for number in tensor.to_vec() {
            let wide = number.to_f64();
            if wide.is_nan() {
                all.nan += 1;
                continue;
            }
            all.infinite += wide.is_infinite() as usize;
            all.sum += wide;
            all.least = Some(all.least.filter(|least| *least <= number).unwrap_or(number));
            all.largest = Some(all.largest.filter(|largest| *largest >= number).unwrap_or(number));
        }
        all
    }
}

/// A number as the shortest text that reads back as the same one. JSON has no word for those that are not finite: they are
/// the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.
fn float<T: Element>(f: &mut fmt::Formatter<'_>, number: T) -> fmt::Result {
    let wide = number.to_f64();
    if wide.is_nan() {
        f.write_str("\"NaN\"")
    } else if wide.is_infinite() {
        f.write_str(if wide > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" })
    } else {
        write!(f, "{number:?}")
    }
}

fn numbers(f: &mut fmt::Formatter<'_>, list: &[usize]) -> fmt::Result {
    array(f, list.iter(), |f, number| write!(f, "{number}"))
}

fn array<I>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = I>,
    mut item: impl FnMut(&mut fmt::Formatter<'_>, I) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (i, each) in items.enumerate() {
        f.write_str(if i == 0 { "" } else { "," })?;
        item(f, each)?;
    }
    f.write_str("]")
}

fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if (c as u32) < 0x20 => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
