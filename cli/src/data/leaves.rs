//! Leaves (Flavia): 50 shape, texture and colour features, and nine questions about each leaf: mixed tasks.
//!
//! Species, apex, base and shape are choices among several classes, the five kinds of edge yes or no. The features are
//! those of J. Lakshika and T. Talagala, "Computer-aided interpretable features for leaf image classification",
//! arXiv:2106.08077, 2021.

use tress::mtl::network::Targets;
use tress::nn::data::{Standard, Train};
use tress::nn::{Labels, shuffle};
use tress::tensor::Tensor;
use tress_readers::Table;

use crate::error::Error;

static LEAVES: &[u8] = include_bytes!("../../../data/flavia-leaf.csv.gz");

/// The tasks with classes, by their columns.
pub const CLASSES: [&str; 4] = ["species", "apex", "base", "shape"];

/// The questions of yes or no, by their columns, which stand together as one task.
pub const EDGES: [&str; 5] = ["denate_edge", "lobed_edge", "smooth_edge", "toothed_edge", "undulate_edge"];

/// Leaves with their truth.
#[derive(Debug, Clone)]
pub struct Leaves {
    /// `[N, 50]`, in the units of the source.
    pub features: Tensor,
    /// The names of the classes of each task with classes, sorted.
    pub names: Vec<Vec<String>>,
    /// The truth of the four tasks with classes, and then of the edges, `[N, 5]`.
    pub targets: Vec<Targets>,
}

impl Leaves {
    /// The 1 907 leaves inside the program.
    ///
    /// # Errors
    /// [`Error::Data`] where the file is damaged, which tests rule out for the one inside the program.
    pub fn built_in() -> Result<Self, Error> {
        Self::new(&Table::parse("built-in flavia-leaf", LEAVES, ',')?)
    }

    /// From a table.
    ///
    /// # Errors
    /// [`Error::Data`] where a column is missing, a feature is no number, or an edge neither yes nor no.
    pub fn new(table: &Table) -> Result<Self, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::data(table.name(), e.to_string());
        let is_feature = |name: &String| !CLASSES.contains(&&**name) && !EDGES.contains(&&**name);
        let columns: Vec<Vec<f64>> = table
            .columns()
            .iter()
            .filter(|name| is_feature(name))
            .map(|name| table.numbers(name))
            .collect::<Result<_, _>>()?;
        let features = Tensor::from_fn([table.len(), columns.len()], |i| columns[i[1]][i[0]] as f32);
        let (mut names, mut targets) = (Vec::new(), Vec::new());
        for task in CLASSES {
            let mut classes: Vec<String> = table.column(task)?.map(str::to_owned).collect();
            classes.sort_unstable();
            classes.dedup();
            let label =
                |field: &str| classes.iter().position(|class| class == field).unwrap_or_default() as u32;
            let labels = table.column(task)?.map(label).collect::<Vec<u32>>();
            targets.push(Targets::Classes(Labels::new(labels, classes.len()).map_err(|e| failed(&e))?));
            names.push(classes);
        }
        let mut edges = Vec::new();
        for edge in EDGES {
            let bit = |(row, field): (usize, &str)| match field {
                "yes" => Ok(1.0),
                "no" => Ok(0.0),
                other => {
                    let row = row + 1;
                    Err(Error::data(
                        table.name(),
                        format!("has `{other}` in row {row}, column `{edge}`, not yes or no"),
                    ))
                }
            };
            edges.push(table.column(edge)?.enumerate().map(bit).collect::<Result<Vec<f32>, _>>()?);
        }
        let edges = Tensor::from_fn([table.len(), EDGES.len()], |i| edges[i[1]][i[0]]);
        targets.push(Targets::Numbers(edges.map_err(|e| failed(&e))?));
        Ok(Self { features: features.map_err(|e| failed(&e))?, names, targets })
    }

    /// The number of leaves.
    pub fn len(&self) -> usize {
        self.features.shape()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Training and test rows: the first `train` of a random order, and the rest.
    pub fn split(&self, train: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut order, seed);
        let test = order.split_off(train.min(self.len()));
        (order, test)
    }

    /// The classes of some leaves: a list for each task with classes.
    ///
    /// # Panics
    /// Where a row is none, as indexing a slice does.
    pub fn answers(&self, rows: &[usize]) -> Vec<Vec<u32>> {
        let labels = self.targets.iter().filter_map(|targets| match targets {
            Targets::Classes(labels) => Some(labels.as_slice()),
            Targets::Numbers(_) => None,
        });
        labels.map(|labels| rows.iter().map(|&row| labels[row]).collect()).collect()
    }

    /// The features of some leaves, standardised by those of `train`.
    ///
    /// # Errors
    /// [`Error::Data`] where a row is none.
    pub fn inputs(&self, rows: &[usize], train: &[usize]) -> Result<Tensor, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::data("leaves", e.to_string());
        let width = self.features.shape()[1];
        if rows.iter().chain(train).any(|&row| row >= self.len()) {
            return Err(Error::data(
                "leaves",
                format!("have {} rows, and no others can be taken", self.len()),
            ));
        }
        let pick = |rows: &[usize]| {
            Tensor::from_fn([rows.len(), width], |i| self.features[[rows[i[0]], i[1]]])
                .map_err(|e| failed(&e))
        };
        let standard = Standard::of(&Train::declared(pick(train)?)).map_err(|e| failed(&e))?;
        standard.apply(&pick(rows)?).map_err(|e| failed(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::Leaves;
    use tress::mtl::network::Targets;

    #[test]
    fn the_tasks_are_those_of_the_data() {
        let leaves = Leaves::built_in().unwrap();
        assert_eq!((leaves.len(), leaves.features.shape()[1]), (1907, 50));
        assert_eq!(leaves.names.iter().map(Vec::len).collect::<Vec<_>>(), [32, 9, 6, 5]);
        let Targets::Numbers(edges) = &leaves.targets[4] else { panic!("bits") };
        let yes: Vec<f32> = (0..5).map(|edge| edges.to_vec().iter().skip(edge).step_by(5).sum()).collect();
        assert_eq!(yes, [65.0, 270.0, 1256.0, 415.0, 62.0]);
        let (train, test) = leaves.split(1400, 1);
        assert_eq!((train.len(), test.len()), (1400, 507));
        assert!(leaves.inputs(&[5000], &train).is_err());
        assert!(leaves.inputs(&test, &train).unwrap().to_vec().iter().all(|x| x.is_finite()));
    }
}
