//! Training one cell, from its start or from where an earlier run of the program stopped.

use std::time::Instant;

use tress::mtl::balance::Observation;
use tress::nn::optim::Schedule;
use tress::nn::{Adam, Batches, Optimiser, Params, mix};

use super::Budget;
use super::cell::{Cell, Kind};
use super::examples::{Examples, Judge};
use super::folder::StudyFolder;
use super::record::{Epoch, Judged, Layer, Record};
use super::resume::Halfway;
use super::subject::Material;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::train::{Model, Watch, drawn, training};

/// How many samples are judged at once.
const JUDGED_AT_ONCE: usize = 500;

/// In how many steps of an epoch the task gradients are looked at.
const WATCHED: usize = 8;

/// A cell in training.
struct Trainer<'a> {
    material: &'a Material,
    budget: &'a Budget,
    cell: &'a Cell,
    tasks: Vec<usize>,
    model: Model,
    record: Record,
}

/// Trains a cell for the whole budget and judges it. A loss that runs away is a result of its own: the record says so.
///
/// After each epoch all that the rest depends on is written down, so that a run which is cut short goes on from there,
/// to the same bits.
///
/// # Errors
/// [`Error::Interrupted`] after Ctrl-C, [`Error::Write`] where the folder cannot be written, [`Error::Training`] for what is
/// wrong with the set-up rather than with a step.
pub(super) fn train(
    material: &Material,
    budget: &Budget,
    cell: &Cell,
    folder: &StudyFolder,
    interrupt: &Interrupt,
) -> Result<Record, Error> {
    let mut trainer = trained(material, budget, cell, budget.epochs, folder, interrupt)?;
    if trainer.record.failed.is_none() {
        match trainer.judge(&material.test) {
            Ok(test) => trainer.record.test = test,
            Err(why) => trainer.record.failed = Some(why.to_string()),
        }
    }
    Ok(trainer.record)
}

/// Trains a cell for the first `epochs` of its budget, from where it is, and leaves it there. The test part is not looked at.
///
/// # Errors
/// As [`train`].
pub(super) fn advance(
    material: &Material,
    budget: &Budget,
    cell: &Cell,
    epochs: usize,
    folder: &StudyFolder,
    interrupt: &Interrupt,
) -> Result<Record, Error> {
    Ok(trained(material, budget, cell, epochs, folder, interrupt)?.record)
}

fn trained<'a>(
    material: &'a Material,
    budget: &'a Budget,
    cell: &'a Cell,
    epochs: usize,
    folder: &StudyFolder,
    interrupt: &Interrupt,
) -> Result<Trainer<'a>, Error> {
    let mut trainer = Trainer::new(material, budget, cell)?;
    if let Some(halfway) = folder.halfway(cell) {
        trainer.go_on(&halfway)?;
    }
    while trainer.record.epochs.len() < epochs && trainer.record.failed.is_none() {
        let started = Instant::now();
        let outcome = trainer.epoch(interrupt);
        trainer.record.seconds += started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                let halfway = trainer.halfway()?;
                interrupt.writing(|| folder.keep(cell, &halfway))?;
            }
            Err(Error::Training(why)) => trainer.record.failed = Some(why),
            Err(other) => return Err(other),
        }
    }
    Ok(trainer)
}

impl<'a> Trainer<'a> {
    fn new(material: &'a Material, budget: &'a Budget, cell: &'a Cell) -> Result<Self, Error> {
        let tasks = cell.tasks(material.questions().len());
        let mut params = Params::new(cell.seed);
        let network = material.network(&mut params, &tasks, &cell.recipe)?;
        let record = Record {
            cell: cell.name(),
            tasks: tasks.clone(),
            parameters: params.len(),
            steps: 0,
            seconds: 0.0,
            epochs: Vec::new(),
            test: Vec::new(),
            failed: None,
        };
        let adam = match cell.recipe.decay {
            0.0 => Adam::new(cell.rate),
            decay => Adam::decoupled(cell.rate, decay),
        };
        let model = Model::new(params, network, adam, cell.balance(tasks.len())?)?;
        Ok(Self { material, budget, cell, tasks, model, record })
    }

    fn epoch(&mut self, interrupt: &Interrupt) -> Result<(), Error> {
        let (material, seed) = (self.material, self.cell.seed);
        let number = self.record.epochs.len() as u64 + 1;
        let batch_size = self.cell.recipe.batch.unwrap_or(self.budget.batch);
        let steps = material.samples().div_ceil(batch_size);
        let all = (self.budget.epochs * steps) as u64;
        let schedule = Schedule::cosine(self.cell.rate, 0.0, all).map_err(training)?;
        let mut watch = match (&self.cell.kind, self.tasks.len()) {
            (Kind::Single(_), _) | (_, 1) => None,
            (_, count) => Some(Watch::new(&self.model.params, count)?),
        };
        let stride = steps.div_ceil(WATCHED);
        let (train_loss, weights) = material.with_epoch(seed, number, |examples| {
            let order = Batches::new(examples.len(), batch_size).map_err(training)?;
            let mut sums = vec![(0.0, 0.0); self.tasks.len()];
            for (i, batch) in order.shuffled(seed, number).iter().enumerate() {
                interrupt.check(|| {
                    let cell = self.cell.name();
                    format!("in epoch {number} of {cell}; the same command goes on from the epoch before")
                })?;
                self.model.adam.set_rate(schedule.rate(self.record.steps));
                let (input, targets) = (examples.input(batch)?, examples.targets(&self.tasks, batch)?);
                let watch = watch.as_mut().filter(|_| i % stride == 0);
                let step_seed = mix(seed, self.record.steps);
                self.model.tell((&input, &targets), step_seed, |number| {
                    let rows = drawn(examples.len(), batch.len(), mix(step_seed, number));
                    Ok((examples.input(&rows)?, examples.targets(&self.tasks, &rows)?))
                })?;
                let losses = self.model.step(input, &targets, step_seed, watch)?;
                for (sum, (loss, weight)) in sums.iter_mut().zip(losses) {
                    *sum = (sum.0 + loss * batch.len() as f64, sum.1 + weight * batch.len() as f64);
                }
                self.record.steps += 1;
            }
            let all = examples.len() as f64;
            Ok(sums.iter().map(|(loss, weight)| (loss / all, weight / all)).unzip())
        })?;
        self.model.balance.observe(Observation::EpochEnd).map_err(training)?;
        let validation = self.judge(&material.validation)?;
        let layers = watch.map_or_else(Vec::new, |watch| Layer::all(&watch.conflicts, self.tasks.len()));
        self.record.epochs.push(Epoch { train_loss, weights, validation, layers });
        Ok(())
    }

    /// Each task over all of some samples.
    fn judge(&self, examples: &Examples) -> Result<Vec<Judged>, Error> {
        let questions = self.material.questions();
        let mut judges: Vec<Judge> = self.tasks.iter().map(|&task| Judge::new(&questions[task])).collect();
        let all: Vec<usize> = (0..examples.len()).collect();
        for batch in all.chunks(JUDGED_AT_ONCE) {
            let outputs = self.model.outputs(examples.input(batch)?)?;
            let targets = examples.targets(&self.tasks, batch)?;
            for (judge, (output, target)) in judges.iter_mut().zip(outputs.iter().zip(&targets)) {
                judge.add(output.tensor().map_err(training)?, target)?;
            }
        }
        let judged: Vec<Judged> =
            judges.iter().map(Judge::result).map(|(loss, metric)| Judged { loss, metric }).collect();
        // The last step of an epoch may have broken what no later step will notice.
        match judged.iter().all(|judged| judged.loss.is_finite() && judged.metric.is_finite()) {
            true => Ok(judged),
            false => Err(Error::Training("a loss or a metric is not a finite number".to_owned())),
        }
    }

    fn halfway(&self) -> Result<Halfway, Error> {
        Halfway::of(&self.record, &self.model.params, self.model.adam.state(), self.model.balance.save())
    }

    fn go_on(&mut self, halfway: &Halfway) -> Result<(), Error> {
        self.record = halfway.record().clone();
        halfway.restore(&mut self.model.params, &mut self.model.adam, &mut *self.model.balance)
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use tress::nn::file;

    use super::Trainer;
    use crate::data::Library;
    use crate::interrupt::Interrupt;
    use crate::settings::Balance;
    use crate::study::{Budget, Cell, Family, Halfway, Kind, Recipe, Subject};

    /// Every kind of cell there is, with five tasks.
    fn cells() -> Vec<Cell> {
        let ray = |heavy: usize| (0..5).map(|k| if k == heavy { 0.4 } else { 0.15 }).collect();
        let rays: Vec<Vec<f64>> = (0..5).map(ray).collect();
        let mut kinds: Vec<Kind> = Balance::value_variants().iter().map(|&b| Kind::Method(b)).collect();
        kinds.extend([Kind::Single(3), Kind::Fixed(vec![0.5, 1.0, 1.5, 1.0, 1.0])]);
        kinds.extend(Family::value_variants().iter().map(|&family| Kind::Preference {
            family,
            rays: rays.clone(),
            chosen: 1,
        }));
        kinds.push(Kind::Set("cagrad".parse().map(Balance).unwrap(), vec![("c", 0.3)]));
        let mut cells: Vec<Cell> = kinds.into_iter().map(|kind| Cell::new(kind, 0.003, 5)).collect();
        let recipe = Recipe { batch: Some(200), decay: 0.1, width: 0.5, dropout: 0.2 };
        cells.push(Cell { recipe, ..Cell::new(Kind::Method(Balance::EQUAL), 0.003, 5) });
        cells
    }

    #[test]
    fn every_cell_goes_on_to_the_same_bits() {
        let material = Subject::Leaves.read(&Library::BuiltIn, None).unwrap();
        let budget = Budget { epochs: 3, batch: 140 };
        let never = Interrupt::default();
        let mut names: Vec<String> = Vec::new();
        for cell in cells() {
            let mut whole = Trainer::new(&material, &budget, &cell).unwrap();
            let mut bytes = Vec::new();
            for _ in 0..3 {
                whole.epoch(&never).unwrap();
                bytes.push(whole.halfway().unwrap().to_bytes().unwrap());
            }
            for stop in [0, 1] {
                let mut rest = Trainer::new(&material, &budget, &cell).unwrap();
                rest.go_on(&Halfway::from_bytes(&bytes[stop]).unwrap()).unwrap();
                while rest.record.epochs.len() < 3 {
                    rest.epoch(&never).unwrap();
                }
                let name = cell.name();
                assert_eq!(rest.record, whole.record, "{name} from epoch {stop}");
                assert_eq!(
                    file::save(&rest.model.params),
                    file::save(&whole.model.params),
                    "{name} from epoch {stop}"
                );
                assert_eq!(rest.model.balance.save(), whole.model.balance.save(), "{name} from epoch {stop}");
            }
            names.push(cell.name());
        }
        assert!(names.len() >= 35 && (1..names.len()).all(|i| !names[..i].contains(&names[i])), "{names:?}");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let material = Subject::Leaves.read(&Library::BuiltIn, None).unwrap();
        let budget = Budget { epochs: 2, batch: 560 };
        let cell = Cell::new(Kind::Method("moco".parse().map(Balance).unwrap()), 0.003, 5);
        let mut trainer = Trainer::new(&material, &budget, &cell).unwrap();
        trainer.epoch(&Interrupt::default()).unwrap();
        let bytes = trainer.halfway().unwrap().to_bytes().unwrap();
        assert!(Halfway::from_bytes(&bytes).is_some());
        for cut in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(Halfway::from_bytes(&bytes[..cut]).is_none(), "{cut} bytes");
        }
        for place in [0, 7, 9, bytes.len() / 2, bytes.len() - 3] {
            let mut wrong = bytes.clone();
            wrong[place] ^= 0x55;
            assert!(Halfway::from_bytes(&wrong).is_none(), "byte {place}");
        }
    }
}
