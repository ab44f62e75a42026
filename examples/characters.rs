//! The next character of a text, guessed by an embedding and a recurrent network; the text is this project's own.
//!
//! `cargo run --release --example characters`

use std::collections::BTreeSet;
use tress::autograd::op::Index;
use tress::nn::train::{OnTape, Problem, Progress, Step, TapeLoss, Trainer};
use tress::nn::{Error, data::Dataset, optim::Clip};
use tress::prelude::*;

const LENGTH: usize = 32; // of a piece that is read, in characters

struct Reader {
    letters: Embedding,
    rest: Sequential,
    known: Dataset,
}

/// The pieces of a text that begin at every `step`-th character, and what follows each character of them.
fn pieces(text: &[u32], step: usize, letters: usize) -> Result<Dataset, Error> {
    let starts: Vec<usize> = (0..text.len() - LENGTH).step_by(step).collect();
    let codes = Tensor::from_fn([starts.len(), LENGTH], |i| text[starts[i[0]] + i[1]])?;
    let next = starts.iter().flat_map(|&at| &text[at + 1..][..LENGTH]).copied();
    Dataset::new().integers("codes", codes)?.labels_each("next", LENGTH, Labels::new(next, letters)?)
}

impl Reader {
    /// The mean loss over pieces of a text.
    fn mean<V: Value>(&self, bound: &Bound<V>, pieces: &Dataset) -> Result<V, Error> {
        let letters = self.letters.look_up(bound, &Index::new(pieces.integers_of("codes")?))?;
        Ok(cross_entropy(&self.rest.apply(bound, &letters), pieces.labels_of("next")?))
    }
}

impl Problem for Reader {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        let starts = Batches::new(self.known.len(), 16)?.shuffled(1, epoch);
        Batches::of(starts.iter().take(50).flatten().copied(), 16)
    }

    fn batch(&self, _: u64, starts: &[usize]) -> Result<Dataset, Error> {
        self.known.rows(starts)
    }

    fn loss<'t>(&self, _: &'t Tape, bound: &OnTape<'t>, pieces: &Dataset, _: &mut Step) -> TapeLoss<'t> {
        self.mean(bound, pieces)
    }
}

/// The mean loss of guessing from one character before, by how often pairs occur in the text that is known.
fn pairs(known: &[u32], text: &[u32], count: usize) -> f64 {
    let mut seen = vec![vec![0.1; count]; count];
    known.windows(2).for_each(|pair| seen[pair[0] as usize][pair[1] as usize] += 1.0);
    let row = |pair: &[u32]| seen[pair[0] as usize].iter().sum::<f64>();
    let loss = |pair: &[u32]| f64::ln(row(pair) / seen[pair[0] as usize][pair[1] as usize]);
    text.windows(2).map(loss).sum::<f64>() / (text.len() - 1) as f64
}

/// Trains on nine tenths of the text, and says how well the rest is guessed.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = include_str!("../ARCHITECTURE.md");
    let (known, mut params) = (BTreeSet::from_iter(text.chars()), Params::new(1));
    let mut text: Vec<u32> = text.chars().map(|c| known.range(..c).count() as u32).collect();
    let held_out = text.split_off(text.len() / 10 * 9);
    let letters = Embedding::new(&mut params.scope("letters"), known.len(), 32)?;
    let rest = Sequential::new().then(Recurrent::gru(32, 96).build(&mut params.scope("gru"))?);
    let rest = rest.then(Dense::new(&mut params.scope("output"), 96, known.len())?);
    let reader = Reader { letters, rest, known: pieces(&text, 1, known.len())? };
    let schedule = Schedule::cosine(0.01, 0.0005, 4 * 50)?;
    let mut trainer = Trainer::new(params, Adam::new(0.01), 4, 1).schedule(schedule).clip(Clip::Norm(1.0));
    trainer.run(&reader, &mut [&mut Progress::new(|line| println!("{line}"))])?;
    let (asked, pairs) = (pieces(&held_out, LENGTH, known.len())?, pairs(&text, &held_out, known.len()));
    let loss = f64::from(reader.mean(&trainer.params.eager(), &asked)?.item()?);
    println!("nats for each held-out character: {loss:.3}; from the one before alone {pairs:.3}");
    assert!(loss < pairs - 0.2, "it looks further back than one character");
    Ok(())
}
