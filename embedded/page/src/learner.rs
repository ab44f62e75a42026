//! The network of the page: exported by `tress export --learn`, trained sample by sample in memory that was laid out before.

use crate::data::{Digits, PIXELS};
use alloc::boxed::Box;
use alloc::vec::Vec;
use net::{Arena, LearningArena, WEIGHTS};
use tress_nn::Random;

/// Samples of one step, over which losses are averaged.
const STEP: usize = 32;
const TESTED: usize = 256;

/// The rate falls as `RATE / (1 + step / HALF)`.
const RATE: f32 = 0.01;
const HALF: f32 = 1500.0;

/// Numbers of each weight and bias, and how many inputs they look at.
const PARTS: [(usize, usize); 6] =
    [(PIXELS * HIDDEN, PIXELS), (HIDDEN, PIXELS), (10 * HIDDEN, HIDDEN), (10, HIDDEN), (10 * HIDDEN, HIDDEN), (10, HIDDEN)];
const HIDDEN: usize = 64;
const NUMBERS: usize = WEIGHTS.len();

const _: () = {
    let (mut sum, mut i) = (0, 0);
    while i < PARTS.len() {
        sum += PARTS[i].0;
        i += 1;
    }
    assert!(sum == NUMBERS, "embedded/page/build exports another network");
};

/// A network under training, and the test pictures that it was last wrong about.
pub struct Learner {
    digits: Digits,
    random: Random,
    weights: Box<[f32; NUMBERS]>,
    updates: Box<[f32; NUMBERS]>,
    arena: Box<Arena>,
    learning: Box<LearningArena>,
    losses: [f32; 2],
    right: [f32; 2],
    steps: u32,
    wrong: Vec<u8>,
}

/// A picture as the network looks at it: mean and deviation of the grey as in every training on these digits.
fn seen(picture: &[u8; PIXELS]) -> [f32; PIXELS] {
    picture.map(|shade| (f32::from(shade) / 15.0 - 0.1307) / 0.3081)
}

impl Learner {
    /// A network of its own for this seed; `None` if the bytes are no digits.
    pub fn new(bytes: &[u8], seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let mut numbers = Vec::with_capacity(NUMBERS);
        for (count, inputs) in PARTS {
            // Uniform in one over the root of the inputs, as dense layers begin.
            let bound = 1.0 / libm::sqrtf(inputs as f32);
            numbers.extend((0..count).map(|_| bound * (2.0 * random.uniform() as f32 - 1.0)));
        }
        Some(Self {
            digits: Digits::read(bytes)?,
            random,
            weights: numbers.into_boxed_slice().try_into().ok()?,
            updates: alloc::vec![0.0; NUMBERS].into_boxed_slice().try_into().ok()?,
            arena: Box::new(Arena::new()),
            learning: Box::new(LearningArena::new()),
            losses: [f32::NAN; 2],
            right: [f32::NAN; 2],
            steps: 0,
            wrong: Vec::new(),
        })
    }

    /// One step: so many pictures, each new.
    pub fn step(&mut self) {
        let rate = RATE / (1.0 + self.steps as f32 / HALF);
        self.losses = [0.0; 2];
        let mut picture = [0; PIXELS];
        for _ in 0..STEP {
            let truth = self.digits.compose(&mut self.random, false, &mut picture);
            let [left, right] = truth.map(|label| core::array::from_fn(|class| f32::from(class == usize::from(label))));
            let Self { learning, weights, updates, .. } = self;
            let losses = net::learn(learning, weights, updates, &seen(&picture), &left, &right, rate);
            self.losses.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss / STEP as f32);
        }
        self.steps += 1;
    }

    /// Looks at the test pictures, the same each time: how many are taken for something else.
    pub fn test(&mut self) -> u32 {
        let mut random = Random::new(1);
        let mut picture = [0; PIXELS];
        let mut hits = [0u32; 2];
        self.wrong.clear();
        for _ in 0..TESTED {
            let truth = self.digits.compose(&mut random, true, &mut picture);
            let [mut left, mut right] = [[0.0; 10]; 2];
            net::infer(&mut self.arena, &self.weights, &seen(&picture), &mut left, &mut right);
            let answer = [largest(&left), largest(&right)];
            hits.iter_mut().zip(truth.iter().zip(&answer)).for_each(|(hits, (a, b))| *hits += u32::from(a == b));
            if truth != answer {
                self.wrong.extend_from_slice(&picture);
                self.wrong.extend(truth.iter().chain(&answer));
            }
        }
        self.right = hits.map(|hits| hits as f32 / TESTED as f32);
        (self.wrong.len() / (PIXELS + 4)) as u32
    }

    /// See [`figure`](crate::figure).
    pub fn figures(&self) -> [f32; 6] {
        let ([a, b], [c, d]) = (self.losses, self.right);
        [a, b, c, d, self.steps as f32, NUMBERS as f32]
    }

    /// See [`wrong`](crate::wrong).
    pub fn wrong(&self, which: usize) -> Option<&[u8]> {
        self.wrong.chunks_exact(PIXELS + 4).nth(which)
    }
}

fn largest(scores: &[f32; 10]) -> u8 {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = i;
        }
    }
    best as u8
}
