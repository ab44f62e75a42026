//! Handwritten digits: from IDX files to a held-out test, with a small convolutional network.
//!
//! `cargo run --release --example mnist`

use tress::nn::data::{Augment, Dataset};
use tress::nn::train::{OnTape, Problem, Progress, Step, TapeLoss, Trainer};
use tress::nn::{Error, metric};
use tress::prelude::*;
use tress_readers::idx;

/// The pictures `[N, 1, 28, 28]` and their digits, of one of the two parts in this repository.
macro_rules! digits {
    ($part:literal) => {{
        let images = include_bytes!(concat!("../data/mnist-", $part, "-images-idx3-ubyte.gz"));
        let labels = include_bytes!(concat!("../data/mnist-", $part, "-labels-idx1-ubyte.gz"));
        let images = idx::parse("images", images, 3)?.shares()?.unsqueeze(1)?;
        Dataset::new()
            .numbers("image", images)?
            .labels("digit", idx::parse("labels", labels, 1)?.labels(10)?)?
    }};
}

struct Digits {
    model: Sequential,
    train: Dataset,
    augment: Augment,
}

impl Digits {
    /// The share of digits that are named rightly.
    fn accuracy(&self, params: &Params, part: &Dataset) -> Result<f64, Error> {
        let mut right = 0;
        for rows in Batches::new(part.len(), 250)?.iter() {
            let batch = part.rows(rows)?;
            let logits = self.model.apply(&params.eager(), &batch.tensor("image")?.clone().into());
            right += metric::correct(logits.tensor()?, batch.labels_of("digit")?)?;
        }
        Ok(right as f64 / part.len() as f64)
    }
}

impl Problem for Digits {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        Batches::new(self.train.len(), 50)?.stratified(self.train.labels_of("digit")?, 1, epoch)
    }

    fn batch(&self, epoch: u64, rows: &[usize]) -> Result<Dataset, Error> {
        let batch = self.train.rows(rows)?;
        let moved = self.augment.apply(batch.tensor("image")?, rows, epoch)?;
        batch.replaced("image", moved)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, _: &mut Step) -> TapeLoss<'t> {
        let logits = self.model.apply(bound, &tape.var(batch.tensor("image")?.clone()));
        Ok(cross_entropy(&logits, batch.labels_of("digit")?))
    }
}

/// Trains for three epochs, and looks at the test once.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (train, test, mut params) = (digits!("train5k"), digits!("test1k"), Params::new(1));
    let model = Sequential::new()
        .then(Conv2d::new(&mut params.scope("first"), 1, 8, [5, 5])?.activation(Map::Relu))
        .then(MaxPool2d::new([2, 2]))
        .then(Conv2d::new(&mut params.scope("second"), 8, 16, [5, 5])?.activation(Map::Relu))
        .then(MaxPool2d::new([2, 2]))
        .then(Flatten)
        .then(Dense::new(&mut params.scope("output"), 256, 10)?);
    let digits = Digits { model, train, augment: Augment::new(1).shift(1) };
    let mut trainer = Trainer::new(params, Adam::new(0.0), 3, 1);
    trainer = trainer.schedule(Schedule::one_cycle(0.006, 3 * 100)?).prefetch(2);
    trainer.run(&digits, &mut [&mut Progress::new(|line| println!("{line}"))])?;
    let accuracy = digits.accuracy(&trainer.params, &test)?;
    println!("{:.1} % of {} test digits are named rightly", 100.0 * accuracy, test.len());
    assert!(accuracy > 0.94, "{accuracy}");
    Ok(())
}
