//! Two data sets with several classes to tell of each sample, for several examples.

use super::{Outcome, answers, commonest, share};
use tress::mtl::merge::Powerset;
use tress::nn::data::Dataset;
use tress::nn::metric::Calibration;
use tress::prelude::*;
use tress_cli::data::leaves::CLASSES;
use tress_cli::data::{Leaves, Library, Source, Split, multimnist::Set};

/// Inputs and answers (one list a task) of training and test samples, and how many classes each task has.
pub struct Data {
    pub inputs: [Tensor; 2],
    pub answers: [Vec<Vec<u32>>; 2],
    pub sizes: Vec<usize>,
}

/// Apex, base and shape of leaves.
pub fn leaves() -> Outcome<Data> {
    let all = Leaves::built_in()?;
    let (train, test) = all.split(1400, 1);
    let answers = [&train, &test].map(|rows| all.answers(rows).split_off(1)); // without the species
    Ok(Data {
        inputs: [all.inputs(&train, &train)?, all.inputs(&test, &train)?],
        answers,
        sizes: vec![9, 6, 5],
    })
}

/// Left and right digits.
pub fn digits(count: usize) -> Outcome<Data> {
    let source = |split| Source::read(&Library::BuiltIn, Set::MultiMnist, split);
    composites(&source(Split::Train)?.with_count(count), &source(Split::Test)?)
}

/// Left and right digits beside those of the test, and beside validation samples, which are made of training digits that no
/// training sample has.
pub fn digits_held_out(count: usize) -> Outcome<[Data; 2]> {
    let source = |split| Source::read(&Library::BuiltIn, Set::MultiMnist, split);
    let (known, held) = source(Split::Train)?.hold_out()?;
    let known = known.with_count(count);
    Ok([composites(&known, &source(Split::Test)?)?, composites(&known, &held)?])
}

fn composites(known: &Source, asked: &Source) -> Outcome<Data> {
    let [known, asked] = [known, asked].map(|source| source.composites(1, 0));
    let answers = [known.answers(), asked.answers()];
    Ok(Data { inputs: [known.inputs()?, asked.inputs()?], answers, sizes: vec![10, 10] })
}

impl Data {
    /// One of the tasks alone.
    pub fn only(&self, task: usize) -> Self {
        let answers = [0, 1].map(|part: usize| vec![self.answers[part][task].clone()]);
        Self { inputs: self.inputs.clone(), answers, sizes: vec![self.sizes[task]] }
    }

    /// The accuracy of answers to each task of the test, and the share of samples with all of them right.
    pub fn scores(&self, found: &[Vec<u32>]) -> Vec<f64> {
        let (samples, tasks) = (found[0].len(), 0..found.len());
        let right = |task: usize, i: usize| found[task][i] == self.answers[1][task][i];
        let all = share(samples, |i| tasks.clone().all(|task| right(task, i)));
        tasks.clone().map(|task| share(samples, |i| right(task, i))).chain([all]).collect()
    }

    /// How often the commonest answer of each task is right, and the commonest combination of all.
    pub fn floors(&self) -> Vec<f64> {
        let one = |task: usize| commonest(&self.answers[0][task], &self.answers[1][task]);
        let [known, asked] = [0, 1].map(|part: usize| {
            let of = |sample: usize| {
                let digits = self.answers[part].iter().zip(&self.sizes);
                digits.fold(0, |number, (answers, &size)| number * size as u32 + answers[sample])
            };
            (0..self.answers[part][0].len()).map(of).collect::<Vec<u32>>()
        });
        (0..self.sizes.len()).map(one).chain([commonest(&known, &asked)]).collect()
    }
}

/// The answers to each task that merged classes stand for.
pub fn decoded(merged: &Powerset, classes: &[u32]) -> Vec<Vec<u32>> {
    let rows: Vec<&[u32]> = classes.iter().filter_map(|&class| merged.decode(class as usize)).collect();
    (0..merged.tasks()).map(|task| rows.iter().map(|row| row[task]).collect()).collect()
}

/// The expected calibration error of probabilities, in 15 bins.
pub fn calibration_error(p: &Tensor, truth: &[u32], classes: usize) -> Outcome<f64> {
    let mut calibration = Calibration::new(15)?;
    calibration.add(p, &Labels::new(truth.iter().copied(), classes)?)?;
    Ok(calibration.expected().unwrap_or(f64::NAN))
}

/// Leaves as columns of one data set: features, and the labels of the four tasks with classes.
pub fn leaf_columns() -> Outcome<Dataset> {
    let all = Leaves::built_in()?;
    let mut data = Dataset::new().numbers("features", all.features.clone())?;
    let every: Vec<usize> = (0..all.len()).collect();
    for ((task, labels), names) in CLASSES.iter().zip(all.answers(&every)).zip(&all.names) {
        data = data.labels(task, Labels::new(labels, names.len())?)?;
    }
    Ok(data)
}

/// The accuracy of each of the tasks `of` on a part, by a model with a head for each.
pub fn accuracies(model: &(Params, Vec<Sequential>), part: &Dataset, of: &[&str]) -> Outcome<Vec<f64>> {
    let ((params, heads), x) = (model, Eager::new(part.tensor("features")?.clone()));
    let mut found = Vec::new();
    for (head, task) in heads.iter().zip(of) {
        let said = answers(head.apply(&params.eager(), &x).tensor()?);
        let truth = part.labels_of(task)?.as_slice();
        found.push(share(truth.len(), |i| said[i] == truth[i]));
    }
    Ok(found)
}

/// A trunk to 50 features: dense for rows of numbers, that of LeNet for pictures.
pub fn trunk(params: &mut Params, inputs: &Tensor) -> Outcome<Sequential> {
    Ok(match inputs.shape()[..] {
        [_, width] => {
            let dense = Dense::new(&mut params.scope("trunk"), width, 50)?;
            Sequential::new().then(dense.activation(Map::Relu))
        }
        _ => lenet(params, &[("unused", Objective::Classes(2))])?.architecture().trunk().clone(),
    })
}
