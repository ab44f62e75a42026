//! What can be compared on: data in three parts, its tasks, and a network that is usual for it.
//!
//! Networks learn from the **training** part. Settings are chosen on the **validation** part, which is cut out of the
//! training data; the **test** part is looked at once, by networks that are finished.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tress::mtl::network::{Network, Objective, Targets, Task, lenet_of};
use tress::nn::{Dense, Dropout, Params, Sequential};
use tress::tensor::pointwise::Map;

use super::cell::Recipe;
use super::examples::Examples;
use crate::data::census::Group;
use crate::data::leaves::CLASSES;
use crate::data::{Census, Leaves, Library, Source, Split, multimnist};
use crate::error::Error;
use crate::train::{Samples, training};

/// A set of tasks to compare methods on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Subject {
    /// A digit on the left and a digit on the right; accuracies
    #[value(name = "multimnist")]
    #[serde(rename = "multimnist")]
    MultiMnist,
    /// A piece of clothing on the left and one on the right; accuracies
    #[value(name = "fashion")]
    #[serde(rename = "fashion")]
    Fashion,
    /// A digit on the left and a piece of clothing on the right; accuracies
    #[value(name = "mnist+fashion")]
    #[serde(rename = "mnist+fashion")]
    MnistFashion,
    /// Census-Income: an income above 50 000 dollars, never married; areas under the ROC curve
    #[value(name = "census")]
    #[serde(rename = "census")]
    Income,
    /// Census-Income: a college degree, never married; areas under the ROC curve
    #[value(name = "census-education")]
    #[serde(rename = "census-education")]
    Education,
    /// Leaves: species, apex, base, shape, and five kinds of edge; accuracies
    #[value(name = "leaves")]
    #[serde(rename = "leaves")]
    Leaves,
}

/// How a task is judged; higher is better for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Metric {
    /// The share of right answers.
    Accuracy,
    /// The area under the ROC curve: how often a yes is ranked above a no.
    Area,
}

impl Metric {
    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::Area => "AUC",
        }
    }
}

/// A task of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its name, for people and for parameters.
    pub(crate) name: &'static str,
    /// What is asked of its head.
    pub(crate) objective: Objective,
    /// How it is judged.
    pub(crate) metric: Metric,
}

/// The usual budget of a subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    /// Passes over the training part.
    pub(crate) epochs: usize,
    /// Samples in a step.
    pub(crate) batch: usize,
    /// The highest learning rate.
    pub(crate) rate: f64,
}

impl Subject {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Subject::MultiMnist => "multimnist",
            Subject::Fashion => "fashion",
            Subject::MnistFashion => "mnist+fashion",
            Subject::Income => "census",
            Subject::Education => "census-education",
            Subject::Leaves => "leaves",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Subject::Income => "Census-Income, income",
            Subject::Education => "Census-Income, education",
            Subject::Leaves => "Leaves",
            _ => self.pictures().map_or("", multimnist::Set::title),
        }
    }

    /// The two-picture set, where it is one.
    pub fn pictures(self) -> Option<multimnist::Set> {
        match self {
            Subject::MultiMnist => Some(multimnist::Set::MultiMnist),
            Subject::Fashion => Some(multimnist::Set::Fashion),
            Subject::MnistFashion => Some(multimnist::Set::MnistFashion),
            _ => None,
        }
    }

    /// The budget that every network gets where the user names none. Chosen on the validation part, for equal weights.
    pub(crate) fn usual(self) -> Usual {
        match self {
            Subject::Income | Subject::Education => Usual { epochs: 8, batch: 128, rate: 0.001 },
            Subject::Leaves => Usual { epochs: 60, batch: 32, rate: 0.003 },
            _ => Usual { epochs: 12, batch: 64, rate: 0.003 },
        }
    }

    /// Reads the data; `samples` is the number of pictures in an epoch, where pictures are composed.
    ///
    /// # Errors
    /// [`Error::Data`] for files that are missing or damaged; [`Error::Usage`] for a choice that the subject has not.
    pub(crate) fn read(self, library: &Library, samples: Option<usize>) -> Result<Material, Error> {
        match self {
            Subject::Income => Material::of_census(library, Group::Income, samples),
            Subject::Education => Material::of_census(library, Group::Education, samples),
            Subject::Leaves => Material::of_leaves(library, samples),
            _ => {
                let set = self.pictures().unwrap_or(multimnist::Set::MultiMnist);
                Material::of_pictures(library, set, samples)
            }
        }?
        .checked()
    }
}

/// The training part: drawn anew for each epoch, or the same rows in all.
#[derive(Debug)]
enum Training {
    Composed(Source),
    Rows(Examples),
}

/// The three parts of a subject, and its tasks.
#[derive(Debug)]
pub(crate) struct Material {
    questions: Vec<Question>,
    training: Training,
    /// To choose settings on.
    pub(crate) validation: Examples,
    /// To be looked at once.
    pub(crate) test: Examples,
}

impl Material {
    fn of_pictures(library: &Library, set: multimnist::Set, samples: Option<usize>) -> Result<Self, Error> {
        let (train, held) = Source::read(library, set, Split::Train)?.hold_out()?;
        let train = match samples {
            Some(count) => train.with_count(count),
            None => train,
        };
        let test = Source::read(library, set, Split::Test)?;
        let question = |name| Question { name, objective: Objective::Classes(10), metric: Metric::Accuracy };
        Ok(Self {
            questions: set.tasks().map(question).into(),
            training: Training::Composed(train),
            validation: pictures(held.composites(0, 0))?,
            test: pictures(test.composites(0, 0))?,
        })
    }

    fn of_census(library: &Library, group: Group, samples: Option<usize>) -> Result<Self, Error> {
        no_samples(samples)?;
        let (census, held, held_truth) = Census::hold_out(library, group)?;
        let question = |name| Question { name, objective: Objective::Bits(1), metric: Metric::Area };
        let rows =
            |inputs, truth: [_; 2]| Examples::Rows { inputs, targets: truth.map(Targets::Numbers).into() };
        Ok(Self {
            questions: census.tasks.map(question).into(),
            training: Training::Rows(rows(census.train, census.train_truth)),
            validation: rows(held, held_truth),
            test: rows(census.test, census.test_truth),
        })
    }

    fn of_leaves(library: &Library, samples: Option<usize>) -> Result<Self, Error> {
        no_samples(samples)?;
        if *library != Library::BuiltIn {
            return Err(Error::Usage("leaves are built in as a whole; leave out --data-dir".to_owned()));
        }
        let leaves = Leaves::built_in()?;
        // The split that is usual for this set, the same in every run; a fifth of its first part is held out.
        let (mut train, test) = leaves.split(1400, 1);
        let held = train.split_off(train.len() - train.len() / 5);
        let part = |rows: &[usize]| -> Result<Examples, Error> {
            let targets = leaves.targets.iter().map(|t| t.of(rows).map_err(training));
            Ok(Examples::Rows {
                inputs: leaves.inputs(rows, &train)?,
                targets: targets.collect::<Result<_, _>>()?,
            })
        };
        let classes = CLASSES.iter().zip(&leaves.names).map(|(&name, names)| Question {
            name,
            objective: Objective::Classes(names.len()),
            metric: Metric::Accuracy,
        });
        let edge = Question { name: "edge", objective: Objective::Bits(5), metric: Metric::Accuracy };
        Ok(Self {
            questions: classes.chain([edge]).collect(),
            training: Training::Rows(part(&train)?),
            validation: part(&held)?,
            test: part(&test)?,
        })
    }

    /// As it is, once it is seen that every part has one answer to every question for each of its samples, of the kind that
    /// the question asks for: what is out of step is found before any training.
    ///
    /// # Errors
    /// [`Error::Data`] with the part and the question.
    fn checked(self) -> Result<Self, Error> {
        let training = match &self.training {
            Training::Rows(rows) => Some(("training", rows)),
            Training::Composed(_) => None, // composed of pictures that carry their labels
        };
        for (part, examples) in
            training.into_iter().chain([("validation", &self.validation), ("test", &self.test)])
        {
            let Examples::Rows { inputs, targets } = examples else { continue };
            let (rows, wrong) =
                (inputs.shape()[0], |trouble: String| Error::data(format!("the {part} part"), trouble));
            if targets.len() != self.questions.len() {
                let (found, wanted) = (targets.len(), self.questions.len());
                return Err(wrong(format!("has answers to {found} questions, not to {wanted}")));
            }
            for (question, target) in self.questions.iter().zip(targets) {
                let (found, fits) = match (target, question.objective) {
                    (Targets::Classes(labels), Objective::Classes(classes)) => {
                        (labels.len(), labels.classes() == classes)
                    }
                    (Targets::Numbers(truth), Objective::Bits(width) | Objective::Numbers(width)) => {
                        (truth.shape()[0], truth.shape()[1..] == [width])
                    }
                    _ => (rows, false),
                };
                if found != rows || !fits {
                    let name = question.name;
                    let trouble = match fits {
                        true => format!(
                            "has {rows} samples and {found} answers to `{name}`; are the rows of one file missing?"
                        ),
                        false => format!("answers `{name}` by something else than {:?}", question.objective),
                    };
                    return Err(wrong(trouble));
                }
            }
        }
        Ok(self)
    }

    /// The tasks.
    pub(crate) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The number of samples in an epoch.
    pub(crate) fn samples(&self) -> usize {
        match &self.training {
            Training::Composed(source) => source.count(),
            Training::Rows(rows) => rows.len(),
        }
    }

    /// Does `work` with the samples of an epoch, counted from 1.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn with_epoch<R>(
        &self,
        seed: u64,
        epoch: u64,
        work: impl FnOnce(&Examples) -> Result<R, Error>,
    ) -> Result<R, Error> {
        match &self.training {
            Training::Composed(source) => work(&pictures(source.composites(seed, epoch))?),
            Training::Rows(rows) => work(rows),
        }
    }

    /// The network for some of the tasks, its parameters drawn by `params`: a LeNet for pictures; for tables a trunk of two
    /// dense layers under heads of two. A network for one task has the same trunk.
    ///
    /// # Errors
    /// [`Error::Training`] for parameters that cannot be made.
    pub(crate) fn network(
        &self,
        params: &mut Params,
        tasks: &[usize],
        recipe: &Recipe,
    ) -> Result<Network, Error> {
        let heads: Vec<(&str, Objective)> =
            tasks.iter().map(|&task| (self.questions[task].name, self.questions[task].objective)).collect();
        match &self.validation {
            Examples::Pictures(_) => lenet_of(params, &heads, recipe.width, recipe.dropout).map_err(training),
            Examples::Rows { inputs, .. } => {
                let wide = match self.questions[0].metric {
                    Metric::Area => [64, 32, 16],
                    Metric::Accuracy => [64, 64, 32],
                };
                let wide = wide.map(|width: usize| ((width as f64 * recipe.width).round() as usize).max(1));
                dense(params, inputs.shape()[1], wide, recipe.dropout, &heads).map_err(training)
            }
        }
    }
}

/// A trunk `width -> a -> b` under heads `b -> c -> outputs`, all rectified, with dropout of the features.
fn dense(
    params: &mut Params,
    width: usize,
    [a, b, c]: [usize; 3],
    dropout: f64,
    tasks: &[(&str, Objective)],
) -> Result<Network, tress::mtl::Error> {
    let layer = |params: &mut Params, name: &str, from, to| {
        Ok::<Dense, tress::mtl::Error>(Dense::new(&mut params.scope(name), from, to)?.activation(Map::Relu))
    };
    let mut trunk = Sequential::new().then(layer(params, "trunk.dense1", width, a)?);
    trunk = trunk.then(layer(params, "trunk.dense2", a, b)?);
    if dropout > 0.0 {
        trunk = trunk.then(Dropout::new(&mut params.scope("trunk.dropout"), dropout)?);
    }
    let mut heads = Vec::with_capacity(tasks.len());
    for &(name, objective) in tasks {
        let (Objective::Classes(outputs) | Objective::Numbers(outputs) | Objective::Bits(outputs)) =
            objective;
        let hidden = layer(params, &format!("{name}.dense1"), b, c)?;
        let last = Dense::new(&mut params.scope(&format!("{name}.dense2")), c, outputs)?;
        heads.push(Task::new(name, objective, Sequential::new().then(hidden).then(last)));
    }
    Network::single_input(trunk, heads)
}

fn pictures(drawn: multimnist::Composites) -> Result<Examples, Error> {
    Ok(Examples::Pictures(Box::new(Samples::new(drawn)?)))
}

fn no_samples(samples: Option<usize>) -> Result<(), Error> {
    match samples {
        None => Ok(()),
        Some(_) => Err(Error::Usage(
            "--samples is for sets that are composed of pictures; this one has the rows it has".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Examples, Material, Subject, Training};
    use crate::data::Library;

    #[test]
    fn answers_that_are_out_of_step_are_found_before_any_training() {
        let read = || Subject::Leaves.read(&Library::BuiltIn, None).unwrap();
        let damaged = |damage: &dyn Fn(&mut Material)| {
            let mut material = read();
            damage(&mut material);
            material.checked().unwrap_err().to_string()
        };
        let fewer = damaged(&|material| {
            let Examples::Rows { inputs, targets } = &mut material.test else { panic!("rows") };
            targets[1] = targets[1].of(&(0..inputs.shape()[0] - 1).collect::<Vec<_>>()).unwrap();
        });
        assert!(fewer.contains("the test part: has 507 samples and 506 answers to `apex`"), "{fewer}");
        let swapped = damaged(&|material| {
            let Training::Rows(Examples::Rows { targets, .. }) = &mut material.training else {
                panic!("rows")
            };
            targets.swap(0, 3);
        });
        assert!(swapped.contains("the training part: answers `species` by something else"), "{swapped}");
        let one_less = damaged(&|material| {
            let Examples::Rows { targets, .. } = &mut material.validation else { panic!("rows") };
            targets.pop();
        });
        assert!(one_less.contains("the validation part: has answers to 4 questions, not to 5"), "{one_less}");
    }
}
