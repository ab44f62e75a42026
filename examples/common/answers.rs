//! Two data sets with several classes to tell of each sample, for several examples.

use super::Outcome;
use tress::prelude::*;
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
    let (train, test) = (source(Split::Train)?.with_count(count), source(Split::Test)?);
    let [train, test] = [train, test].map(|source| source.composites(1, 0));
    let answers = [train.answers(), test.answers()];
    Ok(Data { inputs: [train.inputs()?, test.inputs()?], answers, sizes: vec![10, 10] })
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
