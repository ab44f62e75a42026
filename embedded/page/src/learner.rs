//! The network of the page, and its training.

use crate::data::{CANVAS, Digits, PIXELS};
use alloc::vec::Vec;
use tress_autograd::{Eager, Tape, Value};
use tress_conformance::training::Failure;
use tress_mtl::balance::{Equal, Mgda};
use tress_mtl::sweep;
use tress_nn::{
    Adam, Bound, Conv2d, Dense, Flatten, Labels, Layer, MaxPool2d, Optimiser, Params, Random, cross_entropy,
};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

const BATCH: usize = 32;
const TESTED: usize = 256;
const RATE: f64 = 0.003;

/// A convolution and a dense layer that both tasks share, and a head for each.
struct Network {
    conv: Conv2d,
    dense: Dense,
    heads: [Dense; 2],
}

impl Network {
    fn new(params: &mut Params) -> Result<Self, Failure> {
        const HALF: usize = (CANVAS - 4) / 2;
        Ok(Self {
            conv: Conv2d::new(&mut params.scope("conv"), 1, 8, [5, 5])?.activation(Map::Relu),
            dense: Dense::new(&mut params.scope("dense"), 8 * HALF * HALF, 48)?.activation(Map::Relu),
            heads: [Dense::new(&mut params.scope("left"), 48, 10)?, Dense::new(&mut params.scope("right"), 48, 10)?],
        })
    }

    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let y = MaxPool2d::new([2, 2]).apply(bound, &self.conv.apply(bound, x));
        self.dense.apply(bound, &Flatten.apply(bound, &y))
    }
}

/// A network under training, and the test pictures that it was last wrong about.
pub struct Learner {
    digits: Digits,
    random: Random,
    params: Params,
    network: Network,
    tape: Tape,
    adam: Adam,
    mgda: Option<Mgda>,
    losses: [f32; 2],
    weights: [f32; 2],
    right: [f32; 2],
    steps: u32,
    wrong: Vec<u8>,
}

/// Pictures, and the labels of both tasks.
struct Batch {
    pictures: Vec<u8>,
    images: Tensor,
    truth: [Vec<u32>; 2],
}

impl Batch {
    fn draw(digits: &Digits, random: &mut Random, count: usize, testing: bool) -> Result<Self, Failure> {
        let mut pictures = alloc::vec![0; count * PIXELS];
        let mut truth = [Vec::with_capacity(count), Vec::with_capacity(count)];
        for picture in pictures.chunks_exact_mut(PIXELS) {
            let both = digits.compose(random, testing, picture);
            truth.iter_mut().zip(both).for_each(|(truth, label)| truth.push(u32::from(label)));
        }
        // Mean and deviation of the grey, as in every training on these digits.
        let shade = |&shade: &u8| (f32::from(shade) / 15.0 - 0.1307) / 0.3081;
        let numbers: Vec<f32> = pictures.iter().map(shade).collect();
        let images = Tensor::new([count, 1, CANVAS, CANVAS], &numbers)?;
        Ok(Self { pictures, images, truth })
    }
}

impl Learner {
    /// A network of its own for this seed.
    pub fn new(bytes: &[u8], seed: u64, mgda: bool) -> Result<Self, Failure> {
        let digits = Digits::read(bytes).ok_or(Failure::Refused)?;
        let mut params = Params::new(seed);
        let network = Network::new(&mut params)?;
        Ok(Self {
            digits,
            random: Random::new(seed),
            params,
            network,
            tape: Tape::new(),
            adam: Adam::new(RATE),
            mgda: mgda.then(Mgda::new),
            losses: [f32::NAN; 2],
            weights: [f32::NAN; 2],
            right: [f32::NAN; 2],
            steps: 0,
            wrong: Vec::new(),
        })
    }

    /// One step of training on pictures that are new each time.
    pub fn step(&mut self) -> Result<(), Failure> {
        let Batch { images, truth, .. } = Batch::draw(&self.digits, &mut self.random, BATCH, false)?;
        let balanced = {
            let bound = self.params.on(&self.tape);
            let features = self.network.features(&bound, &self.tape.var(images));
            let mut losses = Vec::with_capacity(2);
            for (head, labels) in self.network.heads.iter().zip(truth) {
                losses.push(cross_entropy(&head.apply(&bound, &features), &Labels::new(labels, 10)?));
            }
            match &mut self.mgda {
                Some(mgda) => sweep::balanced(&losses, &[features], &bound, &self.params, mgda)?,
                None => sweep::balanced(&losses, &[features], &bound, &self.params, &mut Equal::sum())?,
            }
        };
        self.tape.reset();
        self.adam.step(&mut self.params, &balanced.gradient)?;
        for task in 0..2 {
            self.losses[task] = balanced.losses[task] as f32;
            self.weights[task] = balanced.weights[task] as f32;
        }
        self.steps += 1;
        Ok(())
    }

    /// Looks at the test pictures, the same each time: how many are taken for something else.
    pub fn test(&mut self) -> Result<u32, Failure> {
        let Batch { pictures, images, truth } = Batch::draw(&self.digits, &mut Random::new(1), TESTED, true)?;
        let bound = self.params.eager();
        let features = self.network.features(&bound, &Eager::new(images));
        let mut answers = Vec::with_capacity(2);
        for (task, head) in self.network.heads.iter().enumerate() {
            let scores = head.apply(&bound, &features).tensor()?.to_vec();
            let of_one: Vec<u32> = scores.chunks_exact(10).map(largest).collect();
            let hits = of_one.iter().zip(&truth[task]).filter(|(a, b)| a == b).count();
            self.right[task] = hits as f32 / TESTED as f32;
            answers.push(of_one);
        }
        self.wrong.clear();
        for (i, picture) in pictures.chunks_exact(PIXELS).enumerate() {
            let [truth, answer] = [[truth[0][i], truth[1][i]], [answers[0][i], answers[1][i]]];
            if truth != answer {
                self.wrong.extend_from_slice(picture);
                self.wrong.extend(truth.iter().chain(&answer).map(|&label| label as u8));
            }
        }
        Ok((self.wrong.len() / (PIXELS + 4)) as u32)
    }

    /// See [`figure`](crate::figure).
    pub fn figures(&self) -> [f32; 8] {
        let ([a, b], [c, d], [e, f]) = (self.losses, self.right, self.weights);
        [a, b, c, d, e, f, self.steps as f32, self.params.len() as f32]
    }

    /// See [`wrong`](crate::wrong).
    pub fn wrong(&self, which: usize) -> Option<&[u8]> {
        self.wrong.chunks_exact(PIXELS + 4).nth(which)
    }
}

fn largest(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = i;
        }
    }
    best as u32
}
