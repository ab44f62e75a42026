//! A network as one header of C99: weights, a static arena, and a function.

use std::fmt::Write;

use tress::nn::device::{ByteCall, Call, Place, Placed};
use tress::tensor::Window;
use tress::tensor::planned::{self, quantised::Scale};
use tress::tensor::pointwise::{Map, Zip};

use super::call::{Form, Names, WRITTEN, byte_example, float_example, lines, texts};
use crate::error::Error;

/// The header; `name` is an identifier and goes in front of everything.
///
/// # Errors
///
/// [`Error::Device`] for a function that has no counterpart in C99.
pub(super) fn header(title: &str, name: &str, form: Form<'_>) -> Result<String, Error> {
    let names = Names::of(form.program(), &format!("{name}_"));
    let mut writer = Writer { form, name, names, statics: String::new(), body: String::new() };
    match form {
        Form::Floats(program, plan) => {
            let numbers: Vec<f32> =
                program.weights().iter().flat_map(|weight| weight.numbers.iter().copied()).collect();
            // An array has at least one element in C, and pools and functions have no weights.
            if !numbers.is_empty() {
                let text = lines(&numbers, |&number| literal(number));
                let _ = writeln!(writer.statics, "static const float {name}_weights[] = {{\n{text}\n}};\n");
            }
            for placed in plan.calls() {
                writer.float_call(placed)?;
            }
        }
        Form::Bytes(quantised) => {
            for (at, (placed, call)) in quantised.plan().calls().iter().zip(quantised.calls()).enumerate() {
                writer.byte_call(at, placed, call);
            }
        }
    }
    writer.text(title)
}

struct Writer<'a> {
    form: Form<'a>,
    name: &'a str,
    names: Names,
    statics: String,
    body: String,
}

impl Writer<'_> {
    fn text(self, title: &str) -> Result<String, Error> {
        let Self { form, name, names, statics, body } = self;
        let (program, plan) = (form.program(), form.plan());
        let upper = name.to_uppercase();
        let (number, kernels) = match form {
            Form::Floats(..) => ("float", include_str!("floats.h")),
            Form::Bytes(_) => ("int8_t", include_str!("bytes.h")),
        };
        let mut out = format!("/* {title}, {WRITTEN}. C99; include it once. */\n");
        let _ = writeln!(
            out,
            "#ifndef {upper}_H\n#define {upper}_H\n\n#include <limits.h>\n#include <math.h>\n#include <stdint.h>\n\
             #include <string.h>\n\n#if INT_MAX < 2147483647\n#error \"this header needs an int of 32 bits\"\n#endif\n"
        );
        if let Form::Bytes(_) = form {
            let _ = writeln!(
                out,
                "/* Cortex-M with the DSP extension multiplies two pairs of bytes at a time, which gives the same bits; unless\n   \
                 {upper}_NO_DSP is defined beforehand. */\n#if !defined({upper}_NO_DSP) && defined(__ARM_FEATURE_DSP) && \
                 defined(__ARM_FEATURE_SIMD32) \\\n    && (defined(__clang__) || __GNUC__ >= 10)\n#include <arm_acle.h>\n\
                 #define {upper}_DSP\n#endif\n"
            );
        }
        let _ = writeln!(
            out,
            "/* What stands before the arena: define it beforehand to place the arena in a section of your own. */\n\
             #ifndef {upper}_PLACE\n#define {upper}_PLACE\n#endif\n"
        );
        let _ = writeln!(
            out,
            "/* The bytes that an evaluation needs, but for its outputs and a few words of stack. */"
        );
        let _ = writeln!(out, "#define {upper}_ARENA {}\n", form.arena());
        let _ = writeln!(out, "/* Multiplications with an addition in one evaluation. */");
        let _ = writeln!(out, "#define {upper}_MULTIPLY_ADDS {}\n", plan.multiply_adds());
        let len = |value: usize| program.shape(value).map_or(0, |shape| shape.len());
        let inputs = names.inputs.iter().enumerate().map(|(value, text)| (text, value));
        let outputs = names.outputs.iter().zip(program.outputs()).map(|(text, (_, value))| (text, *value));
        for (text, value) in inputs.clone().chain(outputs.clone()) {
            let port = format!("{upper}_{}", text.to_uppercase());
            let shape = program.shape(value).map_or(String::new(), |shape| shape.to_string());
            let _ = writeln!(
                out,
                "/* {shape}, the last axis running fastest */\n#define {port}_LENGTH {}",
                len(value)
            );
            if let Form::Bytes(quantised) = form {
                let range = quantised.range(value);
                let _ = writeln!(out, "/* A byte q stands for SCALE * (q - ZERO). */");
                let _ = writeln!(
                    out,
                    "#define {port}_SCALE {}\n#define {port}_ZERO ({})",
                    literal(range.scale),
                    range.zero
                );
            }
        }
        out.push('\n');
        let longest = planned::LONGEST_CHAIN.to_string();
        out.push_str(
            &kernels
                .replace("@LONGEST", &longest)
                .replace("@RUN", &planned::RUN.to_string())
                .replace("@UPPER", &upper)
                .replace('@', name),
        );
        out.push('\n');
        out.push_str(&statics);
        // An array has at least one element in C.
        let arena =
            [("values", plan.values()), ("column", plan.column())].map(|(part, len)| (part, len > 0, len));
        for (part, _, len) in arena.iter().filter(|part| part.1) {
            let _ = writeln!(out, "{upper}_PLACE static {number} {name}_{part}[{len}];");
        }
        out.push('\n');
        let inputs = inputs.map(|(text, _)| format!("const {number} *{text}"));
        let arguments: Vec<String> =
            inputs.chain(outputs.map(|(text, _)| format!("{number} *{text}"))).collect();
        let _ = writeln!(out, "/* Evaluates one sample; not to be called by two threads at a time. */");
        let _ = writeln!(out, "static inline void {name}_infer({})\n{{", arguments.join(", "));
        for (part, ..) in arena.iter().filter(|part| part.1) {
            let _ = writeln!(out, "    {number} *t_{part} = {name}_{part};");
        }
        let _ = writeln!(out, "{body}}}\n");
        let [inputs, outputs] = match form {
            Form::Floats(program, plan) => {
                float_example(program, plan)?.map(|each| texts(&each, |x| literal(*x)))
            }
            Form::Bytes(quantised) => byte_example(quantised)?.map(|each| texts(&each, i8::to_string)),
        };
        let _ = writeln!(
            out,
            "/* An example and what comes of it on the machine that wrote this. */\n#ifdef {upper}_EXAMPLE"
        );
        for (port, texts) in names.inputs.iter().chain(&names.outputs).zip(inputs.iter().chain(&outputs)) {
            let list = lines(texts, Clone::clone);
            let _ = writeln!(out, "static const {number} {name}_example_{port}[] = {{\n{list}\n}};");
        }
        out.push_str("#endif\n\n#endif\n");
        Ok(out)
    }

    fn at(&self, place: &Place) -> String {
        match place {
            Place::Input(number) => self.names.inputs[*number].clone(),
            Place::Output(number) => self.names.outputs[*number].clone(),
            Place::Arena(range) => format!("t_values + {}", range.start),
        }
    }

    fn weight(&self, weight: usize) -> String {
        let weights = self.form.program().weights();
        let start: usize = weights[..weight].iter().map(|weight| weight.numbers.len()).sum();
        format!("{}_weights + {start}", self.name)
    }

    fn len(&self, value: usize) -> usize {
        self.form.program().shape(value).map_or(0, |shape| shape.len())
    }

    /// The two arrays that say how windows lie, as statics of the block; `outputs` of all groups.
    fn lying(&mut self, placed: &Placed, window: &Window, groups: usize, outputs: Option<usize>) {
        let Window { input, kernel, stride, pad, dilation } = window;
        let plane = (input[0] * input[1]).max(1);
        let channels = self.len(placed.from[0].0) / plane / groups;
        let outputs = outputs.map_or(channels, |outputs| outputs / groups);
        let [high, wide] = window.output("export").unwrap_or([0, 0]); // it was inferred before
        let numbers = [&input[..], kernel, stride, &pad[0], &pad[1], dilation].concat();
        let text: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let _ = writeln!(self.body, "        static const int t_window[] = {{ {} }};", text.join(", "));
        let _ = writeln!(
            self.body,
            "        static const int t_size[] = {{ {channels}, {outputs}, {groups}, {high}, {wide} }};"
        );
    }

    fn float_call(&mut self, placed: &Placed) -> Result<(), Error> {
        let name = self.name;
        let from: Vec<String> = placed.from.iter().map(|(_, place)| self.at(place)).collect();
        let (x, y) = (from[0].clone(), self.at(&placed.to.1));
        let (x_len, y_len) = (self.len(placed.from[0].0), self.len(placed.to.0));
        let bias =
            |writer: &Self, bias: &Option<usize>| bias.map_or("0".to_owned(), |bias| writer.weight(bias));
        self.body.push_str("    {\n");
        let mut after = None;
        let text = match &placed.call {
            Call::Dense { weight, bias: b, n, activation } => {
                after = *activation;
                let m = y_len / (*n).max(1);
                let k = x_len / m.max(1);
                format!("{name}_dense({x}, {m}, {k}, {}, {}, {n}, {y});", self.weight(*weight), bias(self, b))
            }
            Call::Conv { weight, bias: b, window, groups, activation, .. } => {
                after = *activation;
                let outputs = self.form.program().weights()[*weight].shape[0];
                self.lying(placed, window, *groups, Some(outputs));
                format!(
                    "{name}_conv2d({x}, t_window, t_size, {}, {}, t_column, {y});",
                    self.weight(*weight),
                    bias(self, b)
                )
            }
            Call::MaxPool(window) => {
                self.lying(placed, window, 1, None);
                format!("{name}_max_pool({x}, t_window, t_size, {y});")
            }
            Call::MeanPool(window) => {
                self.lying(placed, window, 1, None);
                format!("{name}_mean_pool({x}, t_window, t_size, {y});")
            }
            Call::Sums => {
                let run = x_len / y_len.max(1);
                format!(
                    "int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++)\n            ({y})[t_i] = {name}_sum({x} + t_i * {run}, {run});"
                )
            }
            Call::Map(map, _) => format!(
                "int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++) {{\n            float t_x = ({x})[t_i];\n            \
                 ({y})[t_i] = {};\n        }}",
                function(*map)?
            ),
            Call::Zip(zip) => {
                let (a, b) = ("t_a", "t_b");
                let value = match zip {
                    Zip::Add => format!("{a} + {b}"),
                    Zip::Sub => format!("{a} - {b}"),
                    Zip::Mul => format!("{a} * {b}"),
                    Zip::Div => format!("{a} / {b}"),
                    Zip::Max => format!("{a} >= {b} ? {a} : {b} > {a} ? {b} : {a} + {b}"),
                    Zip::Min => format!("{b} >= {a} ? {a} : {a} > {b} ? {b} : {a} + {b}"),
                    other => return Err(Error::Device(format!("`{}` cannot be written as C", other.name()))),
                };
                format!(
                    "int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++) {{\n            float t_a = ({x})[t_i], t_b = ({})[t_i];\n            \
                     ({y})[t_i] = {value};\n        }}",
                    from[from.len() - 1]
                )
            }
            Call::Product { .. }
            | Call::MapGrad(_)
            | Call::Expand
            | Call::LogSumExp(_)
            | Call::LogSumExpGrad(_) => {
                return Err(Error::Device("a step of learning is written as Rust alone".to_owned()));
            }
            Call::Softmax(n) => format!("{name}_softmax({x}, {}, {n}, {y});", y_len / (*n).max(1)),
            Call::LogSoftmax(n) => format!("{name}_log_softmax({x}, {}, {n}, {y});", y_len / (*n).max(1)),
            Call::RowNorm { weight, bias: b, n, norm } => {
                let rows = y_len / (*n).max(1);
                let (w, b, epsilon) = (bias(self, weight), bias(self, b), literal(norm.epsilon as f32));
                format!(
                    "{name}_row_norm({x}, {rows}, {n}, {epsilon}, {}, {w}, {b}, {y});",
                    u8::from(norm.centred)
                )
            }
            Call::Concat => self.joined(placed, &from, &y, |_, x, y, len| {
                format!("memcpy({y}, {x}, {len} * sizeof(float));")
            }),
            Call::Copy => format!("memcpy({y}, {x}, {y_len} * sizeof(float));"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
        if let Some(map) = after {
            let f = function(map)?;
            let _ = writeln!(
                self.body,
                "    {{\n        int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++) {{\n            float t_x = ({y})[t_i];\n            \
                 ({y})[t_i] = {f};\n        }}\n    }}"
            );
        }
        Ok(())
    }

    fn byte_call(&mut self, at: usize, placed: &Placed, call: &ByteCall) {
        let name = self.name;
        let from: Vec<String> = placed.from.iter().map(|(_, place)| self.at(place)).collect();
        let (x, y) = (from[0].clone(), self.at(&placed.to.1));
        let (x_len, y_len) = (self.len(placed.from[0].0), self.len(placed.to.0));
        self.body.push_str("    {\n");
        let text = match call {
            ByteCall::Layer { weight, bias, scale, zero, low, lying } => {
                let (w, b, s) = (
                    lines(weight, |number| number.to_string()),
                    lines(bias, |number| number.to_string()),
                    lines(scale, braces),
                );
                let _ = writeln!(self.statics, "static const int8_t {name}_weight_{at}[] = {{\n{w}\n}};\n");
                let _ = writeln!(self.statics, "static const int32_t {name}_bias_{at}[] = {{\n{b}\n}};\n");
                let _ =
                    writeln!(self.statics, "static const {name}_scale {name}_scale_{at}[] = {{\n{s}\n}};\n");
                let data = format!("{name}_bias_{at}, {name}_scale_{at}");
                match lying {
                    None => {
                        let (n, k) = (bias.len(), weight.len() / bias.len().max(1));
                        let m = y_len / n.max(1);
                        format!(
                            "int t_i;\n        for (t_i = 0; t_i < {m}; t_i++)\n            \
                             {name}_rows({name}_weight_{at}, {x} + t_i * {k}, {k}, {data}, {n}, {zero}, {low}, {y} + t_i * {n}, 1);"
                        )
                    }
                    Some((window, groups, zero_from, _)) => {
                        self.lying(placed, window, *groups, Some(bias.len()));
                        format!(
                            "{name}_conv2d({x}, t_window, t_size, {zero_from}, {name}_weight_{at}, {data}, {zero}, {low}, t_column, {y});"
                        )
                    }
                }
            }
            ByteCall::MaxPool(window) => {
                self.lying(placed, window, 1, None);
                format!(
                    "{name}_scale t_none = {{ 0, 0 }};\n        {name}_pool({x}, t_window, t_size, 0, 0, 0, t_none, {y});"
                )
            }
            ByteCall::MeanPool(window, [a, b], scale) => {
                self.lying(placed, window, 1, None);
                let scale = braces(scale);
                format!(
                    "{name}_scale t_scale = {scale};\n        {name}_pool({x}, t_window, t_size, 1, {a}, {b}, t_scale, {y});"
                )
            }
            ByteCall::Sums([a, b], scale) => {
                let (run, scale) = (x_len / y_len.max(1), braces(scale));
                format!(
                    "{name}_scale t_scale = {scale};\n        int t_i, t_j;\n        for (t_i = 0; t_i < {y_len}; t_i++) {{\n            \
                     int32_t t_sum = 0;\n            for (t_j = 0; t_j < {run}; t_j++)\n                \
                     t_sum += ({x})[t_i * {run} + t_j] - ({a});\n            \
                     ({y})[t_i] = {name}_held({name}_apply(t_scale, t_sum), {b}, -128);\n        }}"
                )
            }
            ByteCall::Lookup(table, _) => {
                let text = lines(&table[..], |number| number.to_string());
                let _ = writeln!(self.statics, "static const int8_t {name}_table_{at}[] = {{\n{text}\n}};\n");
                format!(
                    "int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++)\n            ({y})[t_i] = {name}_table_{at}[({x})[t_i] + 128];"
                )
            }
            ByteCall::Add([a, b, c], [first, second]) => {
                let (last, first, second) = (&from[from.len() - 1], braces(first), braces(second));
                format!(
                    "{name}_scale t_first = {first}, t_second = {second};\n        int t_i;\n        \
                     for (t_i = 0; t_i < {y_len}; t_i++) {{\n            \
                     int32_t t_a = {name}_apply(t_first, (({x})[t_i] - ({a})) * 256);\n            \
                     int32_t t_b = {name}_apply(t_second, (({last})[t_i] - ({b})) * 256);\n            \
                     ({y})[t_i] = {name}_held((t_a + t_b + 128) >> 8, {c}, -128);\n        }}"
                )
            }
            ByteCall::Multiply([a, b, c], scale) => {
                let (last, scale) = (&from[from.len() - 1], braces(scale));
                format!(
                    "{name}_scale t_scale = {scale};\n        int t_i;\n        for (t_i = 0; t_i < {y_len}; t_i++)\n            \
                     ({y})[t_i] = {name}_held({name}_apply(t_scale, (({x})[t_i] - ({a})) * (({last})[t_i] - ({b}))), {c}, -128);"
                )
            }
            ByteCall::Concat(parts) => {
                let text = self.joined(placed, &from, &y, |i, x, y, len| {
                    let ([a, b], scale) = parts[i];
                    format!(
                        "{{\n            {name}_scale t_scale = {};\n            for (t_i = 0; t_i < {len}; t_i++)\n                \
                         ({y})[t_i] = {name}_held({name}_apply(t_scale, ({x})[t_i] - ({a})), {b}, -128);\n        }}",
                        braces(&scale)
                    )
                });
                format!("int t_i;\n        {text}")
            }
            ByteCall::Copy => format!("memcpy({y}, {x}, {y_len});"),
        };
        let _ = writeln!(self.body, "        {text}\n    }}");
    }

    /// Values end to end: `part` writes one of them to its place in the result.
    fn joined(
        &self,
        placed: &Placed,
        from: &[String],
        y: &str,
        part: impl Fn(usize, &str, &str, usize) -> String,
    ) -> String {
        let mut text = String::new();
        let mut start = 0;
        for (i, (value, _)) in placed.from.iter().enumerate() {
            let len = self.len(*value);
            let line = part(i, &from[i], &format!("{y} + {start}"), len);
            let _ = write!(text, "{}{line}", if i == 0 { "" } else { "\n        " });
            start += len;
        }
        text
    }
}

fn braces(scale: &Scale) -> String {
    format!("{{ {}, {} }}", scale.multiplier, scale.shift)
}

/// A number of C that is this one to the last bit.
fn literal(number: f32) -> String {
    match number {
        _ if number.is_nan() => "NAN".to_owned(),
        _ if number.is_infinite() => if number > 0.0 { "INFINITY" } else { "-INFINITY" }.to_owned(),
        _ => format!("{number:?}f"),
    }
}

/// The functions of C that [`function`] and the kernels call: no argument may have such a name.
pub(super) const CALLED: &str = " ceilf coshf cosf erff exp2f expf expm1f fabsf floorf log1pf logf memcpy powf rintf sinf sinhf \
                                 sqrtf tanhf ";

/// A function of `t_x` in C.
fn function(map: Map) -> Result<String, Error> {
    let c = |c: f64| literal(c as f32);
    Ok(match map {
        Map::Neg => "-X".to_owned(),
        Map::Scale(a) => format!("X * {}", c(a)),
        Map::Offset(a) => format!("X + {}", c(a)),
        Map::Abs => "fabsf(X)".to_owned(),
        Map::Floor => "floorf(X)".to_owned(),
        Map::Ceil => "ceilf(X)".to_owned(),
        Map::Round => "rintf(X)".to_owned(),
        Map::Step => "X > 0.0f ? 1.0f : 0.0f".to_owned(),
        Map::Square => "X * X".to_owned(),
        Map::Sqrt => "sqrtf(X)".to_owned(),
        Map::Rsqrt => "1.0f / sqrtf(X)".to_owned(),
        Map::Recip => "1.0f / X".to_owned(),
        Map::Power(p) => format!("powf(X, {})", c(p)),
        Map::Exp => "expf(X)".to_owned(),
        Map::Exp2 => "exp2f(X)".to_owned(),
        Map::ExpM1 => "expm1f(X)".to_owned(),
        Map::Ln => "logf(X)".to_owned(),
        Map::Ln1p => "log1pf(X)".to_owned(),
        Map::Sin => "sinf(X)".to_owned(),
        Map::Cos => "cosf(X)".to_owned(),
        Map::Tanh => "tanhf(X)".to_owned(),
        Map::Sinh => "sinhf(X)".to_owned(),
        Map::Cosh => "coshf(X)".to_owned(),
        Map::Erf => "erff(X)".to_owned(),
        Map::Sigmoid => "1.0f / (1.0f + expf(-X))".to_owned(),
        Map::Softplus => "(0.0f >= X ? 0.0f : X) + log1pf(expf(-fabsf(X)))".to_owned(),
        Map::Silu => "X / (1.0f + expf(-X))".to_owned(),
        Map::Gelu => "X * (0.5f * (1.0f + erff(X * 0.70710678f)))".to_owned(),
        Map::GeluTanh => "0.5f * X * (1.0f + tanhf(0.79788456f * (X + 0.044715f * X * X * X)))".to_owned(),
        Map::Relu => "0.0f >= X ? 0.0f : X".to_owned(),
        Map::LeakyRelu(slope) => format!("X > 0.0f ? X : X * {}", c(slope)),
        Map::Elu(a) => format!("X > 0.0f ? X : expm1f(X) * {}", c(a)),
        Map::Clamp(low, high) => {
            format!("{low} > X ? {low} : X > {high} ? {high} : X", low = c(low), high = c(high))
        }
        other => {
            return Err(Error::Device(format!("`{}` cannot be written as C; it can as Rust", other.name())));
        }
    }
    .replace('X', "t_x"))
}

#[cfg(test)]
mod tests {
    use tress::tensor::pointwise::Map;

    use super::{CALLED, function};

    #[test]
    fn no_argument_hides_a_function_that_is_called() {
        let bodies = Map::ALL.iter().filter_map(|map| function(*map).ok());
        let kernels = [include_str!("floats.h"), include_str!("bytes.h")].map(str::to_owned);
        let mut found = 0;
        for text in bodies.chain(kernels) {
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_(@".contains(c));
            let calls = words.clone().filter_map(|word| word.split_once('('));
            let _ = words.next();
            for (name, _) in calls.filter(|(name, _)| name.ends_with('f') && !name.contains(['@', '_'])) {
                if ["if", "sizeof"].contains(&name) {
                    continue;
                }
                found += 1;
                assert!(CALLED.contains(&format!(" {name} ")), "`{name}` is called, but not kept for C");
            }
        }
        assert!(found > 20, "{found}");
    }
}
