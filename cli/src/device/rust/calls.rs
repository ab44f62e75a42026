//! The calls of kernels that an evaluation consists of, one block of Rust each.

use std::fmt::Write;

use tress::nn::device::{ByteCall, Call, Place, Placed};
use tress::tensor::pointwise::Map;

use super::super::call::{LOCAL, in_arena, lines};
use super::Writer;
use super::spelt::{body, literal, scale_text, spelt};

impl Writer<'_> {
    fn function(&mut self, map: Option<Map>) -> String {
        self.functions.named(body(map))
    }

    fn slope(&mut self, map: Map) -> String {
        self.functions.named(body(Some(map)).replace(".f(", ".df("))
    }

    fn weight(&self, weight: usize) -> String {
        format!("&{}", self.block.text(weight))
    }

    fn bias(&self, bias: Option<usize>) -> String {
        bias.map_or("&[]".to_owned(), |bias| self.weight(bias))
    }

    /// Opens the block of a call: the parts of the arena that it looks at and writes, under the names `a`, `b`, .. and `y`.
    /// Gives the operands and the result as text.
    fn open(&mut self, placed: &Placed) -> (Vec<String>, String) {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let mut part = |place: &Place| {
            let range = in_arena(place)?;
            let number = ranges.iter().position(|other| *other == range).unwrap_or_else(|| {
                ranges.push(range);
                ranges.len() - 1
            });
            Some(format!("{LOCAL}p{number}"))
        };
        let from: Vec<String> = placed
            .from
            .iter()
            .map(|(_, place)| match place {
                Place::Input(number) => format!("&{}[..]", self.inputs[*number]),
                Place::Output(number) => format!("&{}[..]", self.outputs[*number]),
                Place::Arena(_) => part(place).map_or(String::new(), |part| format!("&*{part}")),
            })
            .collect();
        let to = match &placed.to.1 {
            Place::Output(number) => format!("&mut {}[..]", self.outputs[*number]),
            place => part(place).map_or(String::new(), |part| format!("&mut *{part}")),
        };
        self.body.push_str("    {\n");
        if !ranges.is_empty() {
            // At places that the compiler knows, so that no check is left of them: what finds that a list of ranges is disjoint
            // takes more room than the call of a kernel.
            let mut order: Vec<usize> = (0..ranges.len()).collect();
            order.sort_unstable_by_key(|&number| ranges[number]);
            let (mut at, mut rest) = (0, "t_values");
            let count = order.len();
            for (n, number) in order.into_iter().enumerate() {
                let (start, end) = ranges[number];
                let after = if n + 1 < count { "t_rest" } else { "_" };
                if start > at {
                    let _ =
                        writeln!(self.body, "        let (_, t_rest) = {rest}.split_at_mut({});", start - at);
                    rest = "t_rest";
                }
                let _ = writeln!(
                    self.body,
                    "        let ({LOCAL}p{number}, {after}) = {rest}.split_at_mut({});",
                    end - start
                );
                (at, rest) = (end, "t_rest");
            }
        }
        (from, to)
    }

    pub(super) fn float_call(&mut self, placed: &Placed) {
        let (from, y) = self.open(placed);
        let x = from.first().cloned().unwrap_or_default();
        let text = match &placed.call {
            Call::Dense { weight, bias, n, activation } => {
                let (w, b, f) = (self.weight(*weight), self.bias(*bias), self.function(*activation));
                format!("planned::dense({x}, {w}, {b}, {n}, {y}, {f});")
            }
            Call::Conv { weight, bias, window, groups, column, activation } => {
                let (w, b, f) = (self.weight(*weight), self.bias(*bias), self.function(*activation));
                let window = spelt(window);
                format!(
                    "planned::conv2d({x}, &{window}, {groups}, {w}, {b}, &mut t_column[..{column}], {y}, {f});"
                )
            }
            Call::Product { transposed, lengths, bias, activation } => {
                let bias = if *bias { from[2].as_str() } else { "&[]" };
                let (w, f) = (&from[1], self.function(*activation));
                format!("planned::product({x}, {w}, {lengths:?}, {transposed:?}, {bias}, {y}, {f});")
            }
            Call::MapGrad(map) => format!("planned::map_grad({x}, {}, {y}, {});", from[1], self.slope(*map)),
            Call::Expand => format!("planned::expand({x}, {y});"),
            Call::LogSumExp(n) => format!("planned::log_sum_exp({x}, {n}, {y});"),
            Call::LogSumExpGrad(n) => format!("planned::log_sum_exp_grad({x}, {}, {n}, {y});", from[1]),
            Call::MaxPool(window) => format!("planned::max_pool({x}, &{}, {y});", spelt(window)),
            Call::MeanPool(window) => format!("planned::mean_pool({x}, &{}, {y});", spelt(window)),
            Call::Sums => format!("planned::sums({x}, {y});"),
            Call::Map(map, true) => format!("planned::map_in_place({y}, {});", self.function(Some(*map))),
            Call::Map(map, false) => format!("planned::map({x}, {y}, {});", self.function(Some(*map))),
            Call::Zip(zip) => format!("planned::zip(Zip::{zip:?}, {x}, {}, {y});", from[from.len() - 1]),
            Call::Softmax(n) => format!("planned::softmax({x}, {n}, {y});"),
            Call::LogSoftmax(n) => format!("planned::log_softmax({x}, {n}, {y});"),
            Call::RowNorm { weight, bias, n, norm } => {
                let (w, b) = (self.bias(*weight), self.bias(*bias));
                format!(
                    "planned::row_norm({x}, {n}, ({}, {}), [{w}, {b}], {y});",
                    literal(norm.epsilon as f32),
                    norm.centred
                )
            }
            Call::Concat => self.joined(placed, &from, &y, |_, x, y| format!("({y}).copy_from_slice({x});")),
            Call::Copy => format!("({y}).copy_from_slice({x});"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
    }

    pub(super) fn byte_call(&mut self, at: usize, placed: &Placed, call: &ByteCall) {
        let (from, y) = self.open(placed);
        let x = from.first().cloned().unwrap_or_default();
        let text = match call {
            ByteCall::Layer { weight, bias, scale, zero, low, lying } => {
                let finish =
                    format!("&Finish {{ bias: &BIAS_{at}, scale: &SCALE_{at}, zero: {zero}, low: {low} }}");
                let (w, b, s) = (
                    lines(weight, |number| number.to_string()),
                    lines(bias, |number| number.to_string()),
                    lines(scale, scale_text),
                );
                let _ = writeln!(self.statics, "static WEIGHT_{at}: [i8; {}] = [\n{w}\n];\n", weight.len());
                let _ = writeln!(self.statics, "static BIAS_{at}: [i32; {}] = [\n{b}\n];\n", bias.len());
                let _ = writeln!(self.statics, "static SCALE_{at}: [Scale; {}] = [\n{s}\n];\n", scale.len());
                match lying {
                    None => format!("quantised::dense({x}, &WEIGHT_{at}, {finish}, {y});"),
                    Some((window, groups, zero, column)) => format!(
                        "quantised::conv2d({x}, &{}, [{groups}, {zero}], &WEIGHT_{at}, {finish}, &mut t_column[..{column}], {y});",
                        spelt(window)
                    ),
                }
            }
            ByteCall::MaxPool(window) => format!("planned::max_pool({x}, &{}, {y});", spelt(window)),
            ByteCall::MeanPool(window, zeros, scale) => {
                format!(
                    "quantised::mean_pool({x}, &{}, {zeros:?}, {}, {y});",
                    spelt(window),
                    scale_text(scale)
                )
            }
            ByteCall::Sums(zeros, scale) => {
                format!("quantised::sums({x}, {zeros:?}, {}, {y});", scale_text(scale))
            }
            ByteCall::Lookup(table, in_place) => {
                let text = lines(&table[..], |number| number.to_string());
                let _ = writeln!(self.statics, "static TABLE_{at}: [i8; 256] = [\n{text}\n];\n");
                match in_place {
                    true => format!("quantised::lookup_in_place({y}, &TABLE_{at});"),
                    false => format!("quantised::lookup({x}, &TABLE_{at}, {y});"),
                }
            }
            ByteCall::Add(zeros, [a, b]) => {
                let (scales, last) =
                    (format!("[{}, {}]", scale_text(a), scale_text(b)), &from[from.len() - 1]);
                format!("quantised::add([{x}, {last}], {zeros:?}, {scales}, {y});")
            }
            ByteCall::Multiply(zeros, scale) => {
                format!(
                    "quantised::multiply([{x}, {}], {zeros:?}, {}, {y});",
                    from[from.len() - 1],
                    scale_text(scale)
                )
            }
            ByteCall::Concat(parts) => self.joined(placed, &from, &y, |i, x, y| {
                let (zeros, scale) = parts[i];
                format!("quantised::rescale({x}, {zeros:?}, {}, {y});", scale_text(&scale))
            }),
            ByteCall::Copy => format!("({y}).copy_from_slice({x});"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
    }

    /// Values end to end: `part` writes one of them to its slice of the result.
    fn joined(
        &self,
        placed: &Placed,
        from: &[String],
        y: &str,
        part: impl Fn(usize, &str, &str) -> String,
    ) -> String {
        let mut text = format!("let t_y = {y};");
        let mut start = 0;
        for (i, (value, _)) in placed.from.iter().enumerate() {
            let len = self.form.program().shape(*value).map_or(0, |shape| shape.len());
            let _ = write!(
                text,
                "\n        {}",
                part(i, &from[i], &format!("&mut t_y[{start}..{}]", start + len))
            );
            start += len;
        }
        text
    }
}
