//! What the writers of source have in common: identifiers, and a network as floats or as bytes.

use tress::nn::device::{Place, Plan, Program, Quantised};

use super::c;
use super::fit::device;
use crate::error::Error;

/// What is written.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// As floats.
    Floats(&'a Program, &'a Plan),
    /// As bytes.
    Bytes(&'a Quantised),
}

impl<'a> Form<'a> {
    pub(super) fn program(self) -> &'a Program {
        match self {
            Form::Floats(program, _) => program,
            Form::Bytes(quantised) => quantised.program(),
        }
    }

    pub(super) fn plan(self) -> &'a Plan {
        match self {
            Form::Floats(_, plan) => plan,
            Form::Bytes(quantised) => quantised.plan(),
        }
    }

    /// Bytes of the arena.
    pub(super) fn arena(self) -> usize {
        match self {
            Form::Floats(_, plan) => plan.arena::<f32>(),
            Form::Bytes(quantised) => quantised.plan().arena::<i8>(),
        }
    }
}

/// The names that a function's arguments have: those of inputs and outputs, as identifiers, each once.
pub(super) struct Names {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    /// What the outputs are to become, where the network learns.
    pub(super) truths: Vec<String>,
}

/// Words that Rust, C or C++ keep for themselves, names that compilers of C define, and what a function that learns has besides
/// inputs and truths.
const TAKEN: &str = " as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop match \
    mod move mut pub ref return self static struct super trait true try type unsafe use where while abstract become box do final \
    macro override priv typeof unsized virtual yield auto case char default double float goto inline int long register restrict \
    short signed sizeof switch typedef union unsigned void volatile alignas alignof bool constexpr nullptr static_assert \
    thread_local typeof_unqual and and_eq asm bitand bitor catch class co_await co_return co_yield compl concept const_cast \
    consteval constinit decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not not_eq operator or \
    or_eq private protected public reinterpret_cast requires static_cast template this throw typeid typename using wchar_t \
    char8_t char16_t char32_t xor xor_eq main i8 u8 i32 f32 usize arena weights updates rate losses \
    int8_t int32_t int64_t uint8_t linux unix i386 mips sparc sun ";

/// Whether a name is one of those words.
pub(super) fn is_word(name: &str) -> bool {
    let word = format!(" {name} ");
    TAKEN.contains(&word) || c::CALLED.contains(&word)
}

/// What files of this program say of themselves in their first line: only such files are replaced.
pub(super) const WRITTEN: &str = "written by `tress export`; to be written again, not to be changed";

/// What local names of the written source begin with: no argument does.
pub(super) const LOCAL: &str = "t_";

impl Names {
    /// `prefix` is in front of what else the source defines; empty where nothing is.
    pub(super) fn of(program: &Program, prefix: &str) -> Self {
        let mut used: Vec<String> = Vec::new();
        let mut fresh = |name: &str| {
            let mut name = identifier(name);
            if name.starts_with(LOCAL) || !prefix.is_empty() && name.starts_with(prefix) {
                name.insert(0, 'x');
            }
            while used.contains(&name) || is_word(&name) {
                name.push('_');
            }
            used.push(name.clone());
            name
        };
        let inputs = program.inputs().iter().map(|input| fresh(&input.name)).collect();
        let outputs: Vec<String> = program.outputs().iter().map(|(name, _)| fresh(name)).collect();
        let truths = program.outputs().iter().map(|(name, _)| fresh(&format!("{name}_truth"))).collect();
        Self { inputs, outputs, truths }
    }
}

/// An example of every input that all outputs are finite for, if one of these is: numbers between -1 and 1, or above 0.
pub(super) fn float_example(program: &Program, plan: &Plan) -> Result<[Vec<Vec<f32>>; 2], Error> {
    let wave = |i: usize| (i * 37 % 256) as f32;
    let tries = [|x: f32| x / 128.0 - 1.0, |x: f32| (x + 1.0) / 128.0];
    let mut last = Default::default();
    for of in tries {
        let inputs: Vec<Vec<f32>> = program
            .inputs()
            .iter()
            .map(|input| (0..input.shape.len()).map(|i| of(wave(i))).collect())
            .collect();
        let slices: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let outputs = program.run_by(plan, &slices, |_, _| ()).map_err(device)?;
        let finite = outputs.iter().flatten().all(|y| y.is_finite());
        last = [inputs, outputs];
        if finite {
            break;
        }
    }
    Ok(last)
}

/// An example of every input, and the outputs for it.
pub(super) fn byte_example(quantised: &Quantised) -> Result<[Vec<Vec<i8>>; 2], Error> {
    let numbers = |len: usize| (0..len).map(|i| (i * 37 % 256) as u8 as i8).collect();
    let inputs: Vec<Vec<i8>> =
        quantised.program().inputs().iter().map(|input| numbers(input.shape.len())).collect();
    let slices: Vec<&[i8]> = inputs.iter().map(Vec::as_slice).collect();
    let outputs = quantised.run(&slices).map_err(device)?;
    Ok([inputs, outputs])
}

/// A name as an identifier of Rust and of C: small letters, digits and underscores, with a letter in front.
pub(super) fn identifier(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    match name.as_bytes().first() {
        Some(b'a'..=b'z') => name,
        _ => format!("x{name}"),
    }
}

/// Numbers with commas between them, in lines of some length.
pub(super) fn lines<T>(numbers: &[T], write: impl Fn(&T) -> String) -> String {
    let mut out = String::new();
    let mut line = String::from("   ");
    for number in numbers {
        let text = write(number);
        if line.len() + text.len() + 2 > 120 {
            out.push_str(&line);
            out.push('\n');
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(&text);
        line.push(',');
    }
    out.push_str(&line);
    out
}

/// Each number of each value as text.
pub(super) fn texts<T>(values: &[Vec<T>], write: impl Fn(&T) -> String) -> Vec<Vec<String>> {
    values.iter().map(|numbers| numbers.iter().map(&write).collect()).collect()
}

/// The first number of a place in the arena and one past its last.
pub(super) fn in_arena(place: &Place) -> Option<(usize, usize)> {
    match place {
        Place::Arena(range) => Some((range.start, range.end)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{identifier, lines};

    #[test]
    fn names_become_identifiers() {
        for (name, expected) in
            [("left", "left"), ("Left Eye", "left_eye"), ("2nd", "x2nd"), ("", "x"), ("größe", "gr__e")]
        {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn long_lists_are_broken_into_lines() {
        let text = lines(&[1234567; 100], |number: &i32| number.to_string());
        assert!(text.lines().all(|line| line.len() <= 120) && text.lines().count() > 5);
        assert_eq!(text.matches("1234567").count(), 100);
    }
}
