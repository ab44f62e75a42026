//! What the writers of source have in common: identifiers, and a network as floats or as bytes.

use tress::nn::device::{Place, Plan, Program, Quantised};

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
}

/// Words that Rust or C keep for themselves, or that the written source uses.
const TAKEN: &str = " as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop match \
    mod move mut pub ref return self static struct super trait true try type unsafe use where while abstract become box do final \
    macro override priv typeof unsized virtual yield auto case char default double float goto inline int long register restrict \
    short signed sizeof switch typedef union unsigned void volatile arena values column ";

impl Names {
    pub(super) fn of(program: &Program) -> Self {
        let mut used: Vec<String> = Vec::new();
        let mut fresh = |name: &str| {
            let mut name = identifier(name);
            while used.contains(&name) || TAKEN.contains(&format!(" {name} ")) {
                name.push('_');
            }
            used.push(name.clone());
            name
        };
        let inputs = program.inputs().iter().map(|input| fresh(&input.name)).collect();
        let outputs = program.outputs().iter().map(|(name, _)| fresh(name)).collect();
        Self { inputs, outputs }
    }
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
