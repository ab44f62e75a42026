//! Functions, windows, scales and numbers as Rust spells them.

use tress::tensor::Window;
use tress::tensor::planned::quantised::Scale;
use tress::tensor::pointwise::Map;

/// The body of a function of `x`: as a type, so that no other function is linked.
pub(super) fn body(map: Option<Map>) -> String {
    let settings = match map {
        None => return "x".to_owned(),
        Some(Map::Scale(c) | Map::Offset(c) | Map::Elu(c)) => format!(" c: {} ", wide(c)),
        Some(Map::Power(p)) => format!(" p: {} ", wide(p)),
        Some(Map::LeakyRelu(slope)) => format!(" slope: {} ", wide(slope)),
        Some(Map::Clamp(low, high)) => format!(" low: {}, high: {} ", wide(low), wide(high)),
        Some(_) => String::new(),
    };
    let text = map.map_or(String::new(), |map| format!("{map:?}"));
    format!("map::{} {{{settings}}}.f(x)", text.split('(').next().unwrap_or_default())
}

pub(super) fn spelt(window: &Window) -> String {
    let Window { input, kernel, stride, pad, dilation } = window;
    format!(
        "Window {{ input: {input:?}, kernel: {kernel:?}, stride: {stride:?}, pad: {pad:?}, dilation: {dilation:?} }}"
    )
}

pub(super) fn scale_text(scale: &Scale) -> String {
    format!("Scale {{ multiplier: {}, shift: {} }}", scale.multiplier, scale.shift)
}

/// A number of Rust that is this one to the last bit.
pub(super) fn literal(number: f32) -> String {
    named("f32", format!("{number:?}"))
}

/// As [`literal`], in double precision.
fn wide(number: f64) -> String {
    named("f64", format!("{number:?}"))
}

/// What `Debug` prints, as Rust reads it.
fn named(kind: &str, text: String) -> String {
    match text.as_str() {
        "NaN" => format!("{kind}::NAN"),
        "inf" => format!("{kind}::INFINITY"),
        "-inf" => format!("{kind}::NEG_INFINITY"),
        _ => text,
    }
}
