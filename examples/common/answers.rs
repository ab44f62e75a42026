//! Two data sets with several classes to tell of each sample, for several examples.

use super::table::classified;
use super::{Outcome, answers, commonest, right, rows, share};
use tress::mtl::merge::{RandomSets, Rare};
use tress::nn::data::Dataset;
use tress::nn::metric::Calibration;
use tress::prelude::*;
use tress_cli::data::leaves::CLASSES;
use tress_cli::data::{Leaves, Library, Source, Split, multimnist::Set};
use tress_cli::systems::Rows;

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

    /// The tasks in disjoint sets of so many, and the combinations of each that occur `least` times or more as its classes.
    pub fn sets(&self, of: usize, least: usize, rare: Rare) -> Outcome<RandomSets> {
        let known: Vec<&[u32]> = self.answers[0].iter().map(|of| &of[..]).collect();
        Ok(RandomSets::disjoint(&known, &self.sizes, of, least, rare, 1)?)
    }

    /// All pairs of tasks.
    pub fn pairs(&self, least: usize, rare: Rare) -> Outcome<RandomSets> {
        let (known, tasks): (Vec<&[u32]>, _) =
            (self.answers[0].iter().map(|of| &of[..]).collect(), self.sizes.len());
        Ok(RandomSets::overlapping(&known, &self.sizes, 2, tasks * (tasks - 1) / 2, least, rare, 1)?)
    }

    /// What a logistic regression for each task says of the test samples, learnt from those training samples of which
    /// `known(task, sample)` holds.
    pub fn linear(&self, known: impl Fn(usize, usize) -> bool) -> Outcome<Vec<Vec<u32>>> {
        let mut said = Vec::new();
        for (task, (answers, &classes)) in self.answers[0].iter().zip(&self.sizes).enumerate() {
            let of: Vec<usize> = (0..answers.len()).filter(|&sample| known(task, sample)).collect();
            let truth: Vec<u32> = of.iter().map(|&sample| answers[sample]).collect();
            said.push(classified([&rows(&self.inputs[0], &of)?, &self.inputs[1]], &truth, classes)?);
        }
        Ok(said)
    }

    /// Answers to all tasks that are looked up from those to one of them: what goes with them most often.
    pub fn looked_up(&self, from: usize, said: &[u32]) -> Vec<Vec<u32>> {
        let [key, size] = [&self.answers[0][from], &vec![0; self.sizes[from]]];
        let table = |(answers, &classes): (&Vec<u32>, &usize)| {
            let mut counts = vec![vec![0_usize; classes]; size.len()];
            key.iter().zip(answers).for_each(|(&key, &answer)| counts[key as usize][answer as usize] += 1);
            let commonest = |of: &Vec<usize>| (0..classes).max_by_key(|&class| of[class]).unwrap_or(0) as u32;
            counts.iter().map(commonest).collect::<Vec<u32>>()
        };
        let tables = self.answers[0].iter().zip(&self.sizes).map(table);
        tables.map(|table| said.iter().map(|&answer| table[answer as usize]).collect()).collect()
    }

    /// The accuracy of answers to each task of the test.
    pub fn each(&self, found: &[Vec<u32>]) -> Vec<f64> {
        let mut scores = self.scores(found);
        scores.truncate(found.len());
        scores
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

/// The answers to each task, by the probabilities that were given to the merged classes of each set. One set over all tasks answers
/// with its likeliest combination, several with the sums of what they give to each answer.
pub fn unmerged(sets: &RandomSets, said: &[Tensor]) -> Outcome<Vec<Vec<u32>>> {
    if let [merged] = sets.merged() {
        let classes = answers(&said[0]);
        let rows: Vec<&[u32]> = classes.iter().filter_map(|&class| merged.decode(class as usize)).collect();
        return Ok((0..merged.tasks()).map(|task| rows.iter().map(|row| row[task]).collect()).collect());
    }
    Ok(sets.marginals(said)?.iter().map(answers).collect())
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

/// What is to be beaten in each task of the leaves: the commonest class, a logistic regression, and one for the species alone, from
/// which the other answers are looked up: all leaves of a species have the same.
pub fn baselines(known: &Dataset, asked: &Dataset) -> Outcome<Rows> {
    let part = |of: &Dataset| -> Outcome<(Tensor, Vec<Vec<u32>>)> {
        let answers = CLASSES.iter().map(|task| Ok(of.labels_of(task)?.as_slice().to_vec()));
        Ok((of.tensor("features")?.clone(), answers.collect::<Outcome<_>>()?))
    };
    let ((x, truth), (test, answers)) = (part(known)?, part(asked)?);
    let sizes = CLASSES.iter().map(|task| Ok(known.labels_of(task)?.classes())).collect::<Outcome<_>>()?;
    let data = Data { inputs: [x, test], answers: [truth, answers], sizes };
    let said = data.linear(|_, _| true)?;
    let mut floors = data.floors();
    floors.truncate(CLASSES.len());
    Ok(vec![
        ("commonest class".into(), floors),
        ("logistic".into(), data.each(&said)),
        ("species, then look-up".into(), data.each(&data.looked_up(0, &said[0]))),
    ])
}

/// The accuracy of each of the tasks `of` on a part, by a model with a head for each.
pub fn accuracies(model: &(Params, Vec<Sequential>), part: &Dataset, of: &[&str]) -> Outcome<Vec<f64>> {
    let ((params, heads), x) = (model, Eager::new(part.tensor("features")?.clone()));
    let mut found = Vec::new();
    for (head, task) in heads.iter().zip(of) {
        let said = answers(head.apply(&params.eager(), &x).tensor()?);
        found.push(right(&said, part.labels_of(task)?.as_slice()));
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
