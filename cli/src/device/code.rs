//! What code a network links, before anything is built, between two bounds: the start of a program, each kernel once, each function
//! once, and every call.
//!
//! The numbers come from the least programs around sixty-five networks as `tress export --rust` wrote them, built for size for each
//! kind of processor: one row of equations for each, solved by least squares of the relative error. `embedded/run` builds such
//! programs for the networks of docs/embedded.md and fails where one lies outside of its bounds.

use std::collections::{BTreeMap, BTreeSet};

use tress::nn::device::{Call, Placed, Plan, Program};
use tress::tensor::planned::LONGEST_CHAIN;
use tress::tensor::pointwise::Map;

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

/// Bytes of the software for quotients and exponentials.
const DIVISION: usize = 900;

/// Bytes of the start of a program.
const START: usize = 450;

/// Of windows of bytes of several sizes the compiler may keep the kernel of one tap, whether there are such windows or not.
const KEPT: usize = 830;

/// From the estimate to the bounds, in percent and bytes: as near as all that was measured allows (`tests::MEASURED`).
const LEAST: [usize; 2] = [82, 0];
const MOST: [usize; 2] = [123, 110];

/// A function, or its slope.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Function {
    map: Map,
    slope: bool,
}

impl Function {
    /// What makes it another one: its name, its numbers, and whether it is the slope.
    fn spelt(self) -> String {
        format!("{:?}{}", self.map, if self.slope { "'" } else { "" })
    }

    /// Bytes with floating-point instructions and without: what a program with it took more than one with `-x`. Without them, but for
    /// what [`Function::divides`] links.
    fn bytes(self) -> [usize; 2] {
        use Map::{
            Ceil, Cos, Cosh, Elu, Erf, Exp, Exp2, ExpM1, Floor, Gelu, GeluTanh, Ln, Ln1p, Power, Rsqrt,
            Sigmoid, Silu, Sin, Sinh, Softplus, Sqrt, Tanh,
        };
        let of = match self.map {
            Floor | Ceil => [90, 160],
            Sqrt => [450, 520],
            Rsqrt => [460, 500],
            Exp | Exp2 => [250, 600],
            ExpM1 | Elu(_) => [280, 700],
            Ln => [330, 500],
            Ln1p => [420, 800],
            // Their argument is taken to a turn in double precision.
            Sin | Cos => [9440, 9010],
            Sinh | Cosh => [460, 700],
            Tanh => [220, 100],
            Sigmoid => [260, 160],
            Softplus => [690, 1250],
            Silu => [280, 160],
            Erf => [540, 900],
            Gelu => [360, 650],
            GeluTanh => [300, 200],
            Power(_) => [700, 1500],
            _ => [0, 0],
        };
        // Some slopes follow from the function's value alone, and all others compute something like the function again.
        match (self.slope, self.map) {
            (true, Exp | Exp2 | ExpM1 | Tanh | Sigmoid | Sqrt | Rsqrt) => [30, 60],
            (true, Gelu | GeluTanh | Silu) => [700, 400],
            _ => of,
        }
    }

    /// Whether it is a quotient, or one of exponentials: software for those is linked once.
    fn divides(self) -> bool {
        use Map::{GeluTanh, Recip, Rsqrt, Sigmoid, Silu, Tanh};
        matches!(self.map, Tanh | Sigmoid | Silu | GeluTanh | Recip | Rsqrt)
    }
}

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
        measured += self.functions.values().map(|function| function.bytes()[soft]).sum::<usize>();
        if soft == 1 && self.functions.values().any(|function| function.divides()) {
            measured += DIVISION;
        }
        measured += self.applied.len() * [40, 136][soft];
        let kept = self.columns.len() > 1 && !self.pieces.contains_key(&Piece::ByteOne);
        [LEAST, MOST].map(|[percent, more]| {
            let most = percent > 100;
            let guessed = if most { 2 * guessed } else { guessed / 4 };
            measured * percent / 100 + guessed + more + if most && kept { KEPT } else { 0 }
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

    #[test]
    fn what_was_measured_lies_within_the_bounds_and_they_are_narrow() {
        let deep = format!("dense:4,{}4/tanh:y=1", "4/tanh,".repeat(39));
        for (name, form, taken) in MEASURED {
            let name = name.replace("DEEP", &deep);
            let program = named(&name).unwrap().unwrap();
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
                // What is no part of every program: a few bytes of each, and a kernel that may be there or not.
                let kept = if form == "bytes" && code.columns.len() > 1 { super::KEPT } else { 0 };
                assert!(least <= taken && taken <= most, "{name} {form} {target:?}: {least} {taken} {most}");
                assert!(
                    2 * (most - 110 - kept) <= 3 * taken,
                    "{name} {form} {target:?}: {taken} is far below {most}"
                );
            }
        }
    }

    /// What was measured: the bytes of code, with the start of the program, on an M4, an M3 and an M0.
    const MEASURED: [(&str, &str, [usize; 3]); 61] = [
        ("dense:1,16,16:y=1", "floats", [1020, 2028, 2248]),
        ("dense:4:y=1", "floats", [532, 1424, 1664]),
        ("dense:4:y=8", "floats", [884, 1804, 1992]),
        ("dense:4,4:y=1", "floats", [908, 1912, 2116]),
        ("dense:4,4,4:y=1", "floats", [932, 1936, 2152]),
        ("dense:4:a=1,b=1", "floats", [616, 1488, 1736]),
        ("dense:3,7,5:y=3", "floats", [1072, 2096, 2284]),
        ("dense:784,32:y=10", "floats", [1528, 2536, 3172]),
        ("dense:2,16:sum=1,product=1", "floats", [1060, 2068, 2284]),
        ("dense:16,16:a=1,b=2,c=3,d=10", "floats", [1404, 2420, 2608]),
        (
            "dense:4,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu:y=1",
            "floats",
            [1156, 2164, 2444],
        ),
        ("DEEP", "floats", [2232, 4052, 4684]),
        ("dense:4,4:y=4/softmax", "floats", [1184, 3092, 3320]),
        ("dense:4,4:y=4/softmax,z=3/softmax", "floats", [1476, 3428, 4060]),
        ("conv:1x8x8,2x3x3:y=1", "floats", [2288, 3304, 3940]),
        ("conv:1x8x8,2x3x3,2x3x3:y=1", "floats", [2552, 3560, 4220]),
        ("conv:1x8x8,2x3x3,2x5x5/2,3x1x1:y=1", "floats", [3004, 4016, 4724]),
        ("conv:1x16x16,2x3x3,3x3x3,4x3x3,5x3x3,6x3x3:y=1", "floats", [2756, 3776, 4468]),
        ("conv:1x8x8,2x3x3,pool2:y=1", "floats", [2788, 3864, 4524]),
        ("conv:1x16x16,2x3x3,pool2,2x3x3,pool2:y=1", "floats", [3700, 4824, 5504]),
        ("conv:2x8x8,pool2:y=1", "floats", [1220, 2244, 2924]),
        ("conv:2x8x8,mean2:y=1", "floats", [1180, 2080, 2720]),
        ("conv:2x8x8,pool2,mean2:y=1", "floats", [2052, 3096, 3740]),
        ("conv:2x16x16,pool2,pool2,pool2:y=1", "floats", [1740, 2744, 3456]),
        ("conv:2x16x16,mean2,mean2,mean2:y=1", "floats", [1760, 3128, 3860]),
        ("conv:2x8x8,norm:y=1", "floats", [1388, 2796, 3116]),
        ("conv:2x8x8,rms:y=1", "floats", [1316, 2672, 2988]),
        ("conv:2x8x8,norm,rms:y=1", "floats", [1476, 2864, 3176]),
        ("conv:2x16x16,pool2,mean2,norm,rms:y=4/softmax", "floats", [4088, 6072, 6716]),
        ("conv:16x12x12,dw3x3:y=1", "floats", [2448, 3432, 4096]),
        ("lenet", "floats", [4844, 6032, 6744]),
        (
            "conv:3x16x16,8x3x3/2,dw3x3,12x1x1,dw3x3,16x1x1,dw3x3,24x1x1,dw3x3,32x1x1,mean4:y=10",
            "floats",
            [4292, 5392, 6008],
        ),
        ("dense:1,16,16:y=1", "bytes", [1558, 1206, 1706]),
        ("dense:4:y=1", "bytes", [1363, 1027, 1555]),
        ("dense:4,4:y=1", "bytes", [1487, 1131, 1647]),
        ("dense:16,16:a=1,b=2,c=3,d=10", "bytes", [1864, 1508, 1924]),
        (
            "dense:4,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu:y=1",
            "bytes",
            [1943, 1587, 2055],
        ),
        (
            "dense:4,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh:y=1",
            "bytes",
            [2823, 2467, 2847],
        ),
        ("dense:4,4/tanh,4/sigmoid,4/relu,4/gelu:y=1", "bytes", [1719, 1363, 1859]),
        ("conv:1x8x8,2x3x3:y=1", "bytes", [3321, 2961, 3585]),
        ("conv:1x8x8,2x3x3,2x3x3:y=1", "bytes", [4333, 3961, 4613]),
        ("conv:1x8x8,2x3x3,2x5x5/2,3x1x1:y=1", "bytes", [6507, 6167, 6847]),
        ("conv:1x16x16,2x3x3,3x3x3,4x3x3,5x3x3,6x3x3:y=1", "bytes", [4873, 4525, 5053]),
        ("conv:1x16x16,2x3x3,pool2,2x3x3,pool2:y=1", "bytes", [7249, 6901, 7557]),
        ("conv:2x8x8,pool2:y=1", "bytes", [2039, 1703, 2235]),
        ("conv:2x8x8,mean2:y=1", "bytes", [2007, 1675, 2231]),
        ("conv:2x8x8,pool2,mean2:y=1", "bytes", [2867, 2535, 3067]),
        ("conv:16x12x12,dw3x3:y=1", "bytes", [3339, 2967, 3579]),
        ("conv:3x16x16,4x1x1,6x1x1,8x1x1:y=1", "bytes", [4351, 3991, 4507]),
        ("conv:1x16x16,2x1x1,1x1x1:y=1", "bytes", [4279, 3915, 4447]),
        ("conv:1x49x40,8x10x8/2:word=4", "bytes", [3008, 2648, 3160]),
        (
            "conv:3x16x16,8x3x3/2,dw3x3,12x1x1,dw3x3,16x1x1,dw3x3,24x1x1,dw3x3,32x1x1,mean4:y=10",
            "bytes",
            [7678, 7270, 7778],
        ),
        ("dense:1,16,16:y=1", "learning", [3264, 4372, 4848]),
        ("dense:4:y=1", "learning", [852, 1704, 1916]),
        ("dense:4,4:y=1", "learning", [2616, 3696, 4084]),
        ("dense:4:a=1,b=1", "learning", [1028, 1872, 2096]),
        ("dense:2,16:sum=1,product=1", "learning", [2988, 4084, 4536]),
        ("dense:16,16:a=1,b=2,c=3,d=10", "learning", [4456, 5628, 6104]),
        (
            "dense:4,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu,4/relu:y=1",
            "learning",
            [4512, 5592, 6336],
        ),
        (
            "dense:4,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh,4/tanh:y=1",
            "learning",
            [6216, 8332, 9260],
        ),
        ("dense:4,4/tanh,4/sigmoid,4/relu,4/gelu:y=1", "learning", [5420, 7236, 7636]),
    ];

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
