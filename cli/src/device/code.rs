//! What code a network links, before anything is built, between two bounds: the start of a program, each kernel once, each function
//! once, and every call.
//!
//! The numbers come from the least programs around networks as `tress export --rust` wrote them, built for size for each kind of
//! processor (`measured.txt`). `embedded/bounds` builds such programs around networks that are not in that list, and `embedded/run`
//! those around the networks of docs/embedded.md; both fail where one lies outside of its bounds.

use std::collections::{BTreeMap, BTreeSet};

use tress::nn::device::{Call, Placed, Plan, Program};
use tress::tensor::planned::LONGEST_CHAIN;

use super::functions::{Function, Shared};
use super::target::Target;

/// What was counted of a program.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Code {
    pieces: BTreeMap<Piece, usize>,
    /// What is applied, as [`Function::spelt`]: a function with other numbers is another one, and a slope as well.
    functions: BTreeMap<String, Function>,
    /// By kernels that have their own code for each function.
    applied: BTreeSet<(Piece, String)>,
    /// How many numbers lie under a window of bytes: the kernels of a network that has one kind of windows are made for it.
    columns: BTreeSet<usize>,
    /// Whether there are windows of bytes without a kernel of their own.
    any_windows: bool,
}

/// What calls count, apart: a kernel or some that are linked together, or a way in which one is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Products of floats by a row, and those of four columns at a time, and in more than one chain.
    Dense,
    Fours,
    Chains,
    Conv,
    MaxPool,
    MeanPool,
    /// Softmax and what is like it.
    Exponentials,
    RowNorm,
    /// Functions of one number by themselves.
    Map,
    Zip,
    Sums,
    Copy,
    /// What a step of learning has besides: products of a sweep, and those with an operand whose axes are exchanged.
    Product,
    Strided,
    LogSumExp,
    /// Copies of the weights.
    Learning,
    ByteDense,
    /// Windows of bytes, and those of nine taps and of one.
    ByteConv,
    ByteNine,
    ByteOne,
    ByteMaxPool,
    ByteMeanPool,
    ByteLookup,
    /// What adds, multiplies, sums up and puts end to end.
    ByteOthers,
}

/// Bytes of a piece on one kind of processor: of its code, of what is added when there is more than one call, of a call.
type Bytes = [usize; 3];

impl Piece {
    /// On processors with floating-point instructions, on an M3, and on an M0; and whether it was measured, or put on the high side.
    fn bytes(self) -> ([Bytes; 3], bool) {
        match self {
            Piece::Dense => ([[60, 0, 28], [938, 0, 26], [1216, 0, 34]], true),
            Piece::Fours => ([[387, 0, 0], [448, 0, 0], [357, 0, 0]], true),
            Piece::Chains => ([[397, 0, 0], [341, 0, 0], [600, 0, 0]], true),
            Piece::Conv => ([[1523, 399, 45], [1546, 397, 56], [1766, 461, 42]], true),
            Piece::MaxPool => ([[730, 468, 0], [844, 472, 0], [1090, 509, 0]], true),
            Piece::MeanPool => ([[642, 338, 81], [707, 891, 39], [997, 1096, 22]], true),
            Piece::Exponentials => ([[137, 130, 94], [1080, 287, 6], [1089, 709, 0]], true),
            Piece::RowNorm => ([[710, 86, 102], [1216, 48, 101], [1261, 36, 88]], true),
            Piece::Map => ([[0, 0, 46], [0, 0, 33], [0, 0, 9]], true),
            Piece::Zip => ([[0, 0, 55], [0, 0, 74], [0, 0, 87]], true),
            Piece::Sums => ([[280, 0, 40], [600, 0, 40], [700, 0, 40]], false),
            Piece::Copy => ([[300, 0, 60], [300, 0, 60], [300, 0, 60]], false),
            Piece::Product => ([[0, 0, 42], [0, 0, 44], [0, 0, 49]], true),
            Piece::Strided => ([[494, 0, 0], [489, 0, 0], [527, 0, 0]], true),
            Piece::LogSumExp => ([[1118, 0, 0], [1843, 0, 0], [1784, 0, 0]], true),
            Piece::Learning => ([[1206, 0, 0], [1185, 0, 0], [1450, 0, 0]], true),
            Piece::ByteDense => ([[794, 183, 52], [477, 141, 53], [985, 154, 46]], true),
            Piece::ByteConv => ([[1244, 961, 193], [1222, 964, 197], [1230, 1011, 160]], true),
            Piece::ByteNine => ([[765, 0, 0], [721, 0, 0], [895, 0, 0]], true),
            Piece::ByteOne => ([[615, 0, 0], [573, 0, 0], [643, 0, 0]], true),
            Piece::ByteMaxPool => ([[868, 0, 0], [834, 0, 0], [881, 0, 0]], true),
            Piece::ByteMeanPool => ([[623, 0, 100], [615, 0, 100], [652, 0, 100]], true),
            Piece::ByteLookup => ([[0, 0, 15], [0, 0, 14], [0, 0, 15]], true),
            Piece::ByteOthers => ([[400, 0, 100], [400, 0, 100], [450, 0, 110]], false),
        }
    }
}

/// Bytes of the start of a program.
const START: usize = 450;

/// Of windows of bytes of several sizes the compiler may keep all kernels for those that have none of their own.
const KEPT: usize = 1200;

/// From the estimate to the bounds, in percent and bytes: as near as all that was measured allows (`measured.txt`).
const LEAST: [usize; 2] = [82, 0];
const MOST: [usize; 2] = [123, 110];

impl Code {
    /// A program of floats.
    pub(super) fn floats(program: &Program, plan: &Plan) -> Self {
        let mut code = Self::default();
        code.add(program, plan, false);
        code
    }

    /// A program of floats and a step of its learning.
    pub(super) fn learning(program: &Program, plan: &Plan, (step, step_plan): (&Program, &Plan)) -> Self {
        let mut code = Self::floats(program, plan);
        code.add(step, step_plan, true);
        // So few weights are copied one by one.
        if program.weights().iter().map(|weight| weight.numbers.len()).sum::<usize>() > 16 {
            code.has(Piece::Learning);
        }
        code
    }

    /// A program of bytes, where functions are tables.
    pub(super) fn bytes(program: &Program, plan: &Plan) -> Self {
        let mut code = Self::default();
        for placed in plan.calls() {
            let piece = match &placed.call {
                Call::Dense { .. } => Piece::ByteDense,
                Call::Conv { weight, window, groups, column, .. } => {
                    code.columns.insert(*column);
                    let outputs = program.weights()[*weight].shape[0] / groups;
                    if *column == 9 && window.kernel == [3, 3] {
                        code.has(Piece::ByteNine);
                    } else if window.kernel == [1, 1] && (*column).min(outputs) < FEW {
                        code.has(Piece::ByteOne);
                    } else {
                        code.any_windows = true;
                    }
                    Piece::ByteConv
                }
                Call::Map(..) => Piece::ByteLookup,
                Call::MaxPool(_) => Piece::ByteMaxPool,
                Call::MeanPool(_) => Piece::ByteMeanPool,
                _ => Piece::ByteOthers,
            };
            code.calls(piece, placed);
        }
        code
    }

    /// Calls of an evaluation, or of a sweep, whose sums are in the price of learning.
    fn add(&mut self, program: &Program, plan: &Plan, is_sweep: bool) {
        for placed in plan.calls() {
            let (piece, function) = match &placed.call {
                Call::Dense { weight, n, activation, .. } => {
                    self.columns_of(program.weights()[*weight].numbers.len() / (*n).max(1), *n);
                    (Piece::Dense, *activation)
                }
                Call::Conv { activation, .. } => (Piece::Conv, *activation),
                Call::Product { transposed, lengths: [m, k, n], activation, .. } => {
                    match (k, m, transposed) {
                        (1, ..) => {}
                        (_, 1, [_, false]) => self.columns_of(*k, *n),
                        _ => self.has(Piece::Strided),
                    }
                    (Piece::Product, *activation)
                }
                Call::Map(map, _) => (Piece::Map, Some(*map)),
                Call::MapGrad(map) => {
                    self.functions.insert(
                        Function { map: *map, slope: true }.spelt(),
                        Function { map: *map, slope: true },
                    );
                    continue;
                }
                Call::Zip(_) => (Piece::Zip, None),
                Call::MaxPool(_) => (Piece::MaxPool, None),
                Call::MeanPool(_) => (Piece::MeanPool, None),
                Call::Softmax(_) | Call::LogSoftmax(_) => (Piece::Exponentials, None),
                Call::LogSumExp(_) | Call::LogSumExpGrad(_) => (Piece::LogSumExp, None),
                Call::RowNorm { .. } => (Piece::RowNorm, None),
                Call::Sums | Call::Expand if is_sweep => continue,
                Call::Sums | Call::Expand => (Piece::Sums, None),
                Call::Concat | Call::Copy => (Piece::Copy, None),
            };
            if let Some(map) = function {
                let function = Function { map, slope: false };
                self.functions.insert(function.spelt(), function);
                if piece != Piece::Map {
                    self.applied.insert((piece, function.spelt()));
                }
            }
            self.calls(piece, placed);
        }
    }

    fn has(&mut self, piece: Piece) {
        self.pieces.entry(piece).or_insert(1);
    }

    /// A call; values are put end to end one by one.
    fn calls(&mut self, piece: Piece, placed: &Placed) {
        let calls = if matches!(placed.call, Call::Concat) { placed.from.len() } else { 1 };
        *self.pieces.entry(piece).or_default() += calls;
    }

    /// A row of `k` numbers by `n` columns.
    fn columns_of(&mut self, k: usize, n: usize) {
        if n >= 4 {
            self.has(Piece::Fours);
        }
        if k > LONGEST_CHAIN {
            self.has(Piece::Chains);
        }
    }

    /// Bytes of kernels of windows that may be there or not.
    fn kept(&self) -> usize {
        if self.columns.len() > 1 && self.any_windows { KEPT } else { 0 }
    }

    /// Bytes of flash at least and at most, with the start of the program.
    pub(super) fn bounds(&self, target: Target) -> [usize; 2] {
        let class = target.class();
        let soft = usize::from(target.is_soft());
        let (mut measured, mut guessed) = (START, 0);
        for (piece, &calls) in &self.pieces {
            let (bytes, is_measured) = piece.bytes();
            let [one, more, each] = bytes[class];
            let bytes = one + if calls > 1 { more } else { 0 } + calls * each;
            *if is_measured { &mut measured } else { &mut guessed } += bytes;
        }
        let mut shared = BTreeSet::new();
        for function in self.functions.values().filter(|function| function.is_measured()) {
            let (own, of) = function.bytes();
            measured += own[soft];
            shared.extend(of);
        }
        measured += shared.iter().map(|shared: &Shared| shared.bytes()[soft]).sum::<usize>();
        // Nothing at least, and twice its price at most, as if nobody shared with it.
        let foreign = |function: &Function| {
            let (own, of) = function.bytes();
            own[soft] + of.iter().map(|shared| shared.bytes()[soft]).sum::<usize>()
        };
        let unknown: usize =
            self.functions.values().filter(|function| !function.is_measured()).map(foreign).sum();
        measured += self.applied.len() * [40, 136][soft];
        let kept = self.kept();
        [LEAST, MOST].map(|[percent, more]| {
            let most = percent > 100;
            let others = if most { 2 * (guessed + unknown) + kept } else { guessed / 4 };
            measured * percent / 100 + others + more
        })
    }
}

/// For as many outputs or channels windows of one tap are gathered (`tensor/src/kernel/planned/one.rs`).
const FEW: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::learn::Learning;
    use super::super::untrained::named;
    use super::{Code, Target};
    use tress::nn::device::Objective;

    /// A form and a network, and the bytes of code, with the start of the program, on an M4, an M3 and an M0.
    fn measured() -> impl Iterator<Item = (&'static str, &'static str, [usize; 3])> {
        include_str!("measured.txt").lines().filter(|line| !line.starts_with('#')).map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [form, name, taken @ ..] = &words[..] else { panic!("{line}") };
            let taken: Vec<usize> = taken.iter().map(|bytes| bytes.parse().unwrap()).collect();
            (*form, *name, taken.try_into().unwrap())
        })
    }

    #[test]
    fn what_was_measured_lies_within_the_bounds_and_they_are_narrow() {
        let mut outside = Vec::new();
        for (form, name, taken) in measured() {
            let program = named(name).unwrap().unwrap();
            let plan = program.plan().unwrap();
            let code = match form {
                "floats" => Code::floats(&program, &plan),
                "bytes" => Code::bytes(&program, &program.split().plan().unwrap()),
                _ => {
                    let step = Learning::of(&program, Objective::Squares, None).unwrap();
                    Code::learning(&program, &plan, (&step.program, &step.plan))
                }
            };
            for (target, taken) in [Target::M4, Target::M3, Target::M0].into_iter().zip(taken) {
                let [least, most] = code.bounds(target);
                // But for what is no part of every program: a few bytes of each, and kernels that may be there or not.
                let wide = 2 * (most - 110 - code.kept()) > 3 * taken;
                if least > taken || taken > most || wide {
                    outside.push(format!("{form} {name} {target:?}: {least} {taken} {most}"));
                }
            }
        }
        assert!(outside.is_empty(), "{}", outside.join("\n"));
    }

    #[test]
    fn the_documents_say_how_many_were_measured() {
        let said = format!("{} such programs", measured().count());
        assert!(include_str!("../../../docs/embedded.md").contains(&said), "docs/embedded.md: {said}");
    }

    #[test]
    fn every_call_counts_and_a_function_once() {
        let most = |name: &str| {
            let program = named(name).unwrap().unwrap();
            Code::floats(&program, &program.plan().unwrap()).bounds(Target::M4)[1]
        };
        let deep = |depth: usize, function: &str| {
            format!("dense:4,{}4/{function}:y=1", format!("4/{function},").repeat(depth - 1))
        };
        assert_eq!(most(&deep(9, "tanh")) - most(&deep(4, "tanh")), 172, "five calls");
        assert!(most(&deep(9, "tanh")) > most(&deep(9, "relu")));
        assert!(most("dense:4,4/tanh,4/relu:y=1") > most("dense:4,4/tanh,4/tanh:y=1"));
    }
}
