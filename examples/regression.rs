//! How much fat a piece of meat has, from its infrared spectrum: a table, a split, a ridge as the floor, a network.
//!
//! `cargo run --release --example regression`

use tress::nn::Error;
use tress::nn::data::{Dataset, Split, Standard};
use tress::nn::train::{OnTape, Problem, Step, TapeLoss, Trainer};
use tress::prelude::*;
use tress_readers::{Column, Schema};

struct Fat {
    model: Sequential,
    train: Dataset,
}

impl Problem for Fat {
    type Batch = Dataset;

    fn order(&self, epoch: u64) -> Result<Batches, Error> {
        Ok(Batches::new(self.train.len(), 32)?.shuffled(1, epoch))
    }

    fn batch(&self, _: u64, rows: &[usize]) -> Result<Dataset, Error> {
        self.train.rows(rows)
    }

    fn loss<'t>(&self, tape: &'t Tape, bound: &OnTape<'t>, batch: &Dataset, _: &mut Step) -> TapeLoss<'t> {
        let found = self.model.apply(bound, &tape.var(batch.tensor("spectrum")?.clone()));
        Ok(mse(&found, &tape.var(batch.tensor("fat")?.clone())))
    }
}

/// The ridge regression of centred targets: `(X^T X + penalty I)^-1 X^T y`.
fn solved(x: &Tensor, y: &Tensor, penalty: f32) -> Result<Tensor, Error> {
    let (x, y) = (Eager::new(x.clone()), Eager::new(y.clone()));
    let diagonal = Eager::new(Tensor::from_fn([100; 2], |i| if i[0] == i[1] { penalty } else { 0.0 })?);
    Ok((x.transpose(0, 1).matmul(&x) + diagonal).solve(x.transpose(0, 1).matmul(y)).tensor()?.clone())
}

/// Prints the root mean squared error on samples that no model has seen.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let names: Vec<String> = (1..=100).map(|i| format!("x_{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["fat"]).collect();
    let schema = Schema::new(names.iter().map(|name| Column::number(name))).ignore_rest();
    let table = schema.parse("meats", include_bytes!("../data/tecator-meats.csv.gz"))?;
    let spectra: Tensor = table.tensor(&names[..100])?;
    // Each by its own mean and deviation: how thick the sample was does not matter (Barnes et al. 1989).
    let spectra = Eager::new(spectra).layer_norm(None, None, 1e-9).tensor()?.clone();
    let data = Dataset::new().numbers("spectrum", spectra)?.numbers("fat", table.tensor(&["fat"])?)?;
    let parts = Split::random(data.len(), [0.65, 0.15, 0.2], 1)?.of(&data)?;
    let (x, y) = (Standard::fit(&parts.train, "spectrum")?, Standard::fit(&parts.train, "fat")?);
    let scaled = |part: &Dataset| y.dataset(&x.dataset(part, "spectrum")?, "fat");
    let (train, valid, test) = (scaled(&parts.train)?, scaled(&parts.valid)?, scaled(&parts.test)?);
    let error = |part: &Dataset, found: &Tensor| -> Result<f64, Error> {
        let differences = mse(&y.invert(found)?.into(), &y.invert(part.tensor("fat")?)?.into());
        Ok(f64::from(Eager::item(&differences)?).sqrt())
    };
    let mean = error(&test, &Tensor::zeros([test.len(), 1])?)?; // of the training part, which is 0
    let (mut least, mut ridge) = (f64::INFINITY, 0.0);
    for penalty in [1e-3, 1e-2, 1e-1, 1.0] {
        let line = solved(train.tensor("spectrum")?, train.tensor("fat")?, penalty)?;
        let of = |part: &Dataset| error(part, &part.tensor("spectrum")?.matmul(&line)?);
        (least, ridge) = if of(&valid)? < least { (of(&valid)?, of(&test)?) } else { (least, ridge) };
    }
    let mut params = Params::new(1);
    let model = Sequential::new()
        .then(Dense::new(&mut params.scope("first"), 100, 32)?.activation(Map::Tanh))
        .then(Dense::new(&mut params.scope("second"), 32, 32)?.activation(Map::Tanh))
        .then(Dense::new(&mut params.scope("fat"), 32, 1)?);
    let fat = Fat { model, train };
    let mut trainer = Trainer::new(params, Adam::decoupled(0.0, 0.01), 300, 1);
    trainer = trainer.schedule(Schedule::cosine(0.003, 0.0, 300 * 5)?);
    trainer.run(&fat, &mut [])?;
    let found = fat.model.apply(&trainer.params.eager(), &test.tensor("spectrum")?.clone().into());
    let network = error(&test, found.tensor()?)?;
    println!("held-out error in percent of fat: network {network:.2}, ridge {ridge:.2}, mean {mean:.2}");
    assert!(network < 0.8 * ridge && ridge < 0.3 * mean);
    Ok(())
}
