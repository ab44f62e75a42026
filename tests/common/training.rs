//! A two-task LeNet with dropout under Adam, on made-up images: what the tests of whole training runs train.

use tress::autograd::Tape;
use tress::mtl::architecture::Features;
use tress::mtl::balance::{Balance, Method, Observation, Observes, Weighting};
use tress::mtl::network::{Network, Objective, Targets, lenet};
use tress::mtl::solve::CrossGramian;
use tress::mtl::sweep::{self, Balanced};
use tress::nn::{Adam, Dropout, Labels, Layer, Optimiser, Params, Random, mix};
use tress::tensor::Tensor;

/// Made-up images and their classes for two tasks.
pub(crate) struct Samples {
    pixels: Vec<f32>,
    targets: [Targets; 2],
}

const PIXELS: usize = 28 * 28;

impl Samples {
    /// `count` images of noise.
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let pixels = (0..count * PIXELS).map(|_| random.normal() as f32).collect();
        let mut labels = || {
            let classes: Vec<u32> = (0..count).map(|_| random.below(10) as u32).collect();
            Targets::Classes(Labels::new(classes, 10).unwrap())
        };
        Self { pixels, targets: [labels(), labels()] }
    }

    /// Images `[N, 1, 28, 28]` and targets, in tensors that are made anew as for each step of a real run.
    fn batch(&self, samples: &[usize]) -> (Tensor, Vec<Targets>) {
        let mut images = Tensor::zeros([samples.len(), 1, 28, 28]).unwrap();
        for (image, &sample) in images.make_mut().chunks_exact_mut(PIXELS).zip(samples) {
            image.copy_from_slice(&self.pixels[sample * PIXELS..][..PIXELS]);
        }
        (images, self.targets.iter().map(|targets| targets.of(samples).unwrap()).collect())
    }
}

/// A network, its optimiser and its balancing.
pub(crate) struct Learner {
    pub(crate) params: Params,
    network: Network,
    dropout: Dropout,
    adam: Adam,
    tape: Tape,
    balance: Balance,
    seed: u64,
    steps: u64,
}

impl Learner {
    pub(crate) fn new(method: Method, seed: u64) -> Self {
        let mut params = Params::new(seed);
        let classes = Objective::Classes(10);
        let network = lenet(&mut params, &[("left", classes), ("right", classes)]).unwrap();
        let dropout = Dropout::new(&mut params.scope("dropout"), 0.3).unwrap();
        let balance = method.build(2, seed, 0.01).unwrap();
        let mut adam = Adam::new(2e-3);
        adam.prepare(&params).unwrap();
        Self { params, network, dropout, adam, tape: Tape::new(), balance, seed, steps: 0 }
    }

    /// One step of training.
    pub(crate) fn step(&mut self, all: &Samples, samples: &[usize]) -> Balanced {
        let (images, targets) = all.batch(samples);
        // What the method is told matters to no test here; that it is told something does to the method.
        match self.balance.observes() {
            Observes::Products => {
                let products = CrossGramian::between(2, &[1.0, 0.5], &[1.0, -0.5]).unwrap();
                self.balance.observe(Observation::Products(&products)).unwrap();
            }
            Observes::Slopes => self.balance.observe(Observation::Slopes(&[0.5, -0.5])).unwrap(),
            _ => {}
        }
        let balanced = {
            let bound = self.params.on(&self.tape).training(mix(self.seed, self.steps));
            let images = self.tape.var(images);
            let features = self.network.features(&bound, &[("input", &images)]).unwrap();
            // One mask for both tasks: what is dropped is shared, and the features of both begin behind it.
            let trunk = self.dropout.apply(&bound, &features.tasks()[0]);
            let outputs = self.network.outputs(&bound, &Features::shared(&trunk, 2));
            let losses = self.network.losses(&outputs, &targets).unwrap();
            sweep::balanced(&losses, &[trunk], &bound, &self.params, &mut self.balance).unwrap()
        };
        self.tape.reset();
        self.adam.step(&mut self.params, &balanced.gradient).unwrap();
        self.steps += 1;
        if self.balance.observes() == Observes::LossesAfter {
            self.balance.observe(Observation::LossesAfter(&balanced.losses)).unwrap();
        }
        balanced
    }
}
