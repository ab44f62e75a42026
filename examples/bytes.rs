//! What whole numbers of eight bits cost: networks for the data sets of the program, as floats and as bytes.
//!
//! Each network is trained, recorded as a program for devices, calibrated on 200 training samples, and judged by the test
//! samples in both forms, with the kernels that a device has.
//!
//! `cargo run --example bytes` (`embedded/accuracy` holds the table in docs/embedded.md against it)

mod common;

use std::fmt;

use common::{Outcome, labels, rows, train};
use tress::nn::BatchNorm;
use tress::nn::device::{Program, Quantised};
use tress::nn::loss::{BinaryCrossEntropy, Loss};
use tress::nn::metric::Ranking;
use tress::prelude::*;
use tress_cli::data::multimnist::Set;
use tress_cli::data::{Census, Leaves, Library, Meats, Origin, Source, Split, census::Group, meats};

/// A trunk that all tasks share, and a dense head for each.
struct Network {
    trunk: Sequential,
    heads: Vec<Dense>,
}

impl Network {
    /// Two convolutions with batch norm, which becomes part of them, and a dense layer.
    fn of_pictures(params: &mut Params, tasks: usize) -> Outcome<Self> {
        let trunk = Sequential::new()
            .then(Conv2d::new(&mut params.scope("first"), 1, 8, [5, 5])?)
            .then(BatchNorm::new(&mut params.scope("norm"), 8)?)
            .then(Map::Relu)
            .then(MaxPool2d::new([2, 2]))
            .then(Conv2d::new(&mut params.scope("second"), 8, 16, [5, 5])?.activation(Map::Relu))
            .then(MaxPool2d::new([2, 2]))
            .then(Flatten)
            .then(Dense::new(&mut params.scope("third"), 256, 32)?.activation(Map::Relu));
        Self::with_heads(params, trunk, 32, &vec![10; tasks])
    }

    /// Two dense layers.
    fn of_rows(params: &mut Params, inputs: usize, outputs: &[usize]) -> Outcome<Self> {
        let trunk = Sequential::new()
            .then(Dense::new(&mut params.scope("first"), inputs, 64)?.activation(Map::Relu))
            .then(Dense::new(&mut params.scope("second"), 64, 32)?.activation(Map::Relu));
        Self::with_heads(params, trunk, 32, outputs)
    }

    fn with_heads(params: &mut Params, trunk: Sequential, width: usize, outputs: &[usize]) -> Outcome<Self> {
        let head = |(task, &outputs)| Dense::new(&mut params.scope(&format!("head{task}")), width, outputs);
        let heads = outputs.iter().enumerate().map(head).collect::<Result<_, _>>()?;
        Ok(Self { trunk, heads })
    }

    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> Vec<V> {
        let features = self.trunk.apply(bound, x);
        self.heads.iter().map(|head| head.apply(bound, &features)).collect()
    }

    /// What both forms answer to the test samples.
    fn answers(&self, params: &Params, known: &Tensor, test: &Tensor) -> Outcome<[Vec<Tensor>; 2]> {
        let mut shape = test.shape().to_vec();
        shape[0] = 1;
        let program = Program::record(params, &[("x", &shape)], |bound, xs| {
            Ok(self.apply(bound, &xs[0]).into_iter().enumerate().map(|(i, y)| (format!("y{i}"), y)).collect())
        })?;
        let len: usize = shape.iter().product();
        let known = known.to_vec();
        let bytes: Quantised = program.quantise(known.chunks_exact(len).take(200).map(|sample| [sample]))?;
        let plan = program.plan()?;
        let mut forms = [vec![Vec::new(); self.heads.len()], vec![Vec::new(); self.heads.len()]];
        for sample in test.to_vec().chunks_exact(len) {
            let both = [program.run_by(&plan, &[sample], |_, _| ())?, bytes.run_numbers(&[sample])?];
            for (form, outputs) in forms.iter_mut().zip(both) {
                form.iter_mut().zip(outputs).for_each(|(all, y)| all.extend(y));
            }
        }
        let samples = test.shape()[0];
        let [floats, bytes] = forms.map(|form| {
            form.iter().map(|all| Tensor::new([samples, all.len() / samples.max(1)], all)).collect()
        });
        let (floats, bytes): (Result<_, _>, Result<_, _>) = (floats, bytes);
        Ok([floats?, bytes?])
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    data: &'static str,
    what: String,
    /// What is measured, of floats.
    pub floats: f64,
    /// The same, of bytes.
    pub bytes: f64,
    /// Samples that both give the same answer, in percent.
    pub same: Option<f64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { data, what, floats, bytes, same } = self;
        let same = same.map_or(String::new(), |same| format!("{same:.2} %"));
        write!(f, "| {data} | {what} | {floats:.2} | {bytes:.2} | {same} |")
    }
}

/// Rows of right answers in percent, one for each task.
fn shares(
    data: &'static str,
    tasks: &[&str],
    [floats, bytes]: &[Vec<Tensor>; 2],
    truth: &[Vec<u32>],
) -> Vec<Row> {
    let of = |(i, task): (usize, &&str)| {
        let (a, b) = (common::answers(&floats[i]), common::answers(&bytes[i]));
        let right = |answers: &[u32]| 100.0 * common::share(answers.len(), |n| answers[n] == truth[i][n]);
        let same = 100.0 * common::share(a.len(), |n| a[n] == b[n]);
        let what = format!("{task}, right in percent");
        Row { data, what, floats: right(&a), bytes: right(&b), same: Some(same) }
    };
    tasks.iter().enumerate().map(of).collect()
}

/// Pictures `[N, 1, 28, 28]` with a digit for each task, for training and for the test.
fn pictures(
    data: &'static str,
    tasks: &[&str],
    parts: [(Tensor, Vec<Vec<u32>>); 2],
    epochs: u64,
) -> Outcome<Vec<Row>> {
    let [(known, truth), (test, answers)] = parts;
    let mut params = Params::new(1);
    let network = Network::of_pictures(&mut params, tasks.len())?;
    train(&mut params, (known.shape()[0], epochs, 0.003, 1), |tape, bound, batch| {
        let mut sum = tape.var(Tensor::scalar(0.0));
        for (y, truth) in network.apply(bound, &tape.var(rows(&known, batch)?)).iter().zip(&truth) {
            sum = sum + cross_entropy(y, &labels(truth, batch, 10)?);
        }
        Ok(sum)
    })?;
    Ok(shares(data, tasks, &network.answers(&params, &known, &test)?, &answers))
}

fn single(data: &'static str, origin: Origin, epochs: u64) -> Outcome<Vec<Row>> {
    let part = |split| -> Outcome<(Tensor, Vec<Vec<u32>>)> {
        let all = Library::BuiltIn.digits(origin, split)?;
        let pixels: Vec<f32> =
            (0..all.len()).flat_map(|i| all.image(i)).map(|&x| f32::from(x) / 255.0).collect();
        let truth = (0..all.len()).map(|i| all.label(i).into()).collect();
        Ok((Tensor::new([all.len(), 1, 28, 28], &pixels)?, vec![truth]))
    };
    pictures(data, &["class"], [part(Split::Train)?, part(Split::Test)?], epochs)
}

fn pairs(set: Set, count: usize, epochs: u64) -> Outcome<Vec<Row>> {
    let known = Source::read(&Library::BuiltIn, set, Split::Train)?.draw(count, 1);
    let test = Source::read(&Library::BuiltIn, set, Split::Test)?.composites(1, 0);
    let parts = [(known.inputs()?, known.answers()), (test.inputs()?, test.answers())];
    pictures(set.title(), &set.tasks(), parts, epochs)
}

fn census(epochs: u64) -> Outcome<Vec<Row>> {
    let census = Census::built_in(Group::Income)?;
    let mut params = Params::new(1);
    let network = Network::of_rows(&mut params, census.train.shape()[1], &[1, 1])?;
    train(&mut params, (census.train.shape()[0], epochs, 0.001, 1), |tape, bound, batch| {
        let mut sum = tape.var(Tensor::scalar(0.0));
        let x = tape.var(rows(&census.train, batch)?);
        for (y, truth) in network.apply(bound, &x).iter().zip(&census.train_truth) {
            sum = sum + BinaryCrossEntropy::new().loss(y, &tape.var(rows(truth, batch)?));
        }
        Ok(sum)
    })?;
    let [floats, bytes] = network.answers(&params, &census.train, &census.test)?;
    let of = |(task, name): (usize, _)| {
        let yes: Vec<bool> = census.test_truth[task].to_vec().iter().map(|&truth| truth > 0.5).collect();
        let area = |scores: &Tensor| -> Outcome<f64> {
            let mut ranking = Ranking::new();
            ranking.add(scores, &yes)?;
            Ok(100.0 * ranking.area().unwrap_or(f64::NAN))
        };
        let same = floats[task].to_vec().into_iter().zip(bytes[task].to_vec());
        let same = 100.0 * same.filter(|(a, b)| (*a > 0.0) == (*b > 0.0)).count() as f64 / yes.len() as f64;
        let what = format!("{name}, area under the curve in percent");
        let (floats, bytes) = (area(&floats[task])?, area(&bytes[task])?);
        Ok(Row { data: "Census-Income", what, floats, bytes, same: Some(same) })
    };
    census.tasks.iter().enumerate().map(of).collect()
}

/// Four tasks about leaves, a row for each.
pub fn leaves(epochs: u64) -> Outcome<Vec<Row>> {
    let leaves = Leaves::built_in()?;
    let (known, test) = leaves.split(1500, 1);
    let [x, test_x] = [leaves.inputs(&known, &known)?, leaves.inputs(&test, &known)?];
    let (truth, answers) = (leaves.answers(&known), leaves.answers(&test));
    let outputs: Vec<usize> = leaves.names.iter().map(Vec::len).collect();
    let mut params = Params::new(1);
    let network = Network::of_rows(&mut params, x.shape()[1], &outputs)?;
    train(&mut params, (known.len(), epochs, 0.003, 1), |tape, bound, batch| {
        let mut sum = tape.var(Tensor::scalar(0.0));
        let outputs = network.apply(bound, &tape.var(rows(&x, batch)?)).into_iter().zip(&outputs);
        for ((y, &classes), truth) in outputs.zip(&truth) {
            sum = sum + cross_entropy(&y, &labels(truth, batch, classes)?);
        }
        Ok(sum)
    })?;
    let tasks = tress_cli::data::leaves::CLASSES;
    Ok(shares("Leaves", &tasks, &network.answers(&params, &x, &test_x)?, &answers))
}

/// Three contents of meat, a row for each.
pub fn contents(epochs: u64) -> Outcome<Vec<Row>> {
    let all = Meats::built_in()?;
    let table = common::table::Table::new(&all.spectra, all.contents, |row| row >= 172)?;
    let [x, test_x] = table.inputs.each_ref().map(|x| x.tensor().cloned());
    let [y, truth] = table.answers.each_ref().map(|y| y.tensor().cloned());
    let (x, test_x, y, truth) = (x?, test_x?, y?, truth?);
    let mut params = Params::new(1);
    let network = Network::of_rows(&mut params, x.shape()[1], &[3])?;
    train(&mut params, (x.shape()[0], epochs, 0.003, 1), |tape, bound, batch| {
        let found = network.apply(bound, &tape.var(rows(&x, batch)?));
        Ok(mse(&found[0].scale(10.0), &tape.var(rows(&y, batch)?)))
    })?;
    let [floats, bytes] = network.answers(&params, &x, &test_x)?;
    let of = |(task, name): (usize, _)| {
        let error = |found: &Tensor| {
            let squares =
                (0..truth.shape()[0]).map(|i| f64::from(10.0 * found[[i, task]] - truth[[i, task]]).powi(2));
            (squares.sum::<f64>() / truth.shape()[0] as f64).sqrt()
        };
        let what = format!("{name}, root of the mean square error");
        Row { data: "Meats", what, floats: error(&floats[0]), bytes: error(&bytes[0]), same: None }
    };
    Ok(meats::TASKS.iter().enumerate().map(of).collect())
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    println!("| data | what | floats | bytes | the same answer |\n|---|---|---|---|---|");
    let print = |rows: Vec<Row>| rows.iter().for_each(|row| println!("{row}"));
    print(single("MNIST", Origin::Mnist, 8)?);
    print(single("Fashion", Origin::Fashion, 8)?);
    for set in [Set::MultiMnist, Set::Fashion, Set::MnistFashion] {
        print(pairs(set, 10_000, 12)?);
    }
    print(census(2)?);
    print(leaves(60)?);
    print(contents(400)?);
    Ok(())
}
