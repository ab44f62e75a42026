//! Random programs over many operations: the same for the same seed.

use tress_autograd::op::*;
use tress_autograd::{Arrange, Eager, Fused, Op, Pointwise, Reduce, Tape, Value, Var};
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Tensor, Window};

type Number = Eager<f64>;

/// xorshift64* (Vigna 2016).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.below(2); // the first number of neighbouring seeds is much alike
        random
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn number(&mut self) -> f64 {
        let size = 0.1 + 0.9 * self.below(1 << 30) as f64 / (1u64 << 30) as f64;
        if self.below(2) == 0 { size } else { -size }
    }

    /// Numbers between -1 and 1; now and then multiples of a half, so that there are zeros and equals.
    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor<f64> {
        let coarse = self.below(5) == 0;
        let draw = |number: f64| if coarse { (2.0 * number).round() / 2.0 } else { number };
        Tensor::from_fn(shape, |_| draw(self.number())).unwrap()
    }
}

/// The number of kinds of step.
pub(crate) const STEPS: usize = 34;

/// A tape of about `length` steps from matrices to matrices, with step `must` among them.
pub(crate) fn random_tape(seed: u64, length: usize, must: usize) -> Tape<Number> {
    let random = &mut Random::new(seed);
    let tape = Tape::new();
    {
        let (rows, columns) = (2 + random.below(4), 2 + random.below(4));
        let mut x = tape.var(random.tensor(&[rows, columns]));
        let at = random.below(length);
        for i in 0..length {
            let step = if i == at { must } else { random.below(STEPS) };
            x = take(&tape, x, step, random);
            let largest = x.tensor().unwrap().to_vec().iter().fold(0.0f64, |a, b| a.max(b.abs()));
            if largest > 4.0 {
                x = x.scale(0.7 / largest);
            }
        }
        x.square().sum_all();
    }
    tape
}

/// One step from a matrix to a matrix of two to seven rows and columns.
fn take<'t>(tape: &'t Tape<Number>, x: Var<'t, Number>, step: usize, random: &mut Random) -> Var<'t, Number> {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let leaf = |random: &mut Random, shape: &[usize]| tape.var(random.tensor(shape));
    let apply = |op: Op, xs: &[&Var<'t, Number>]| Var::apply(op, xs);
    let places = |random: &mut Random, count: usize, below: usize| {
        // At least one place comes twice.
        let mut places: Vec<u32> = (0..count).map(|_| random.below(below) as u32).collect();
        places[0] = places[count - 1];
        Index::new(&Tensor::vector(&places))
    };
    match step {
        0 => x.matmul(leaf(random, &[columns, columns])),
        1 => {
            let product = Product { transposed: [false, true], epilogue: Epilogue::NONE };
            apply(Op::Product(product), &[&x, &leaf(random, &[3, columns])])
        }
        2 => x + leaf(random, &[columns]),
        3 => x * leaf(random, &[rows, columns]),
        4 => x / leaf(random, &[rows, columns]).abs().offset(0.5),
        5 => leaf(random, &[rows, columns]) - x,
        6 => x.tanh(),
        7 => x.exp(),
        8 => x.relu(),
        9 => x.softmax(),
        10 => x.log_softmax(),
        11 => x - x.max(&[1]).unsqueeze(1),
        12 => x * x.sum(&[0]),
        13 => x - x.mean_keep(&[1]),
        14 => x.gather(0, &places(random, 3 + rows.min(3), rows)),
        15 => {
            let part = x.slice(1, 1..columns);
            part.concat(0, &[part * leaf(random, &[1]), leaf(random, &[1, columns - 1])])
                .slice(0, 1..4)
                .concat(1, &[leaf(random, &[3, 2])])
        }
        16 => x.reshape([rows, columns, 1]).permute(&[2, 0, 1]).reshape([rows, columns]).transpose(0, 1),
        17 => x.flip(random.below(2)),
        18 => {
            let window = Window::new([rows, columns], [2, 2]).pad([[1, 1], [0, 1]]);
            x.reshape([1, 1, rows, columns]).max_pool(window).reshape([rows + 1, columns]).slice(0, 0..rows)
        }
        19 => {
            let window = Window::new([rows, columns], [2, 2]).pad([[1, 0], [0, 1]]);
            x.reshape([1, 1, rows, columns]).mean_pool(window).reshape([rows, columns])
        }
        20 => {
            let (w, bias) = (leaf(random, &[2, 1, 2, 2]), leaf(random, &[2]));
            let window = Window::new([rows, columns], [2, 2]).pad([[1, 0], [0, 1]]);
            let y = x.reshape([1, 1, rows, columns]).conv2d(w, Some(&bias), window, 1, None);
            y.reshape([2, rows, columns]).sum(&[0])
        }
        21 => {
            let unslice = Slice { axis: 0, start: 1, end: 1 + rows, step: 1 };
            apply(Op::Unslice(unslice, rows + 2), &[&x]).slice(0, 0..rows.min(5))
        }
        22 => x.maximum(leaf(random, &[rows, columns])),
        23 => leaf(random, &[rows, columns]).greater(x.constant(0.0)).select(x, x.square()),
        24 => x.abs().offset(0.2).sqrt(),
        25 => x.abs().offset(0.2).ln(),
        26 => apply(Op::Scatter(0, places(random, rows, 3), 3), &[&x]),
        27 => x.sum(&[1]).unsqueeze(1).expand([rows, columns]) * x,
        28 => apply(Op::SoftmaxGrad, &[&leaf(random, &[rows, columns]), &x]),
        29 => {
            let bias = leaf(random, &[4]);
            x.affine(leaf(random, &[columns, 4]), Some(&bias), Some(Map::Tanh))
        }
        30 => x.dropout(0.4, random.below(1000) as u64),
        31 => apply(Op::Zip(Zip::Min), &[&x, &leaf(random, &[rows, columns])]),
        32 => {
            let map = Map::ALL[random.below(Map::ALL.len())];
            // A function may have no value below zero; more than one would grow beyond all bounds.
            if x.tensor().unwrap().map(map).to_vec().iter().all(|y| y.abs() < 50.0) {
                x.map(map)
            } else {
                x.abs().offset(0.3).map(map)
            }
        }
        _ => x
            .relu()
            .reshape([1, 1, rows, columns])
            .max_pool(Window::new([rows, columns], [2, 2]))
            .flatten(2)
            .reshape([rows - 1, columns - 1])
            .concat(0, &[leaf(random, &[2, columns - 1])])
            .concat(1, &[leaf(random, &[rows + 1, 1])])
            .slice(0, 0..rows.min(5)),
    }
}
