//! Solar flares: ten properties of 1 066 regions of sunspots, and how many flares of three strengths followed within a day.

use tress::tensor::Tensor;
use tress_readers::Table;

use crate::error::Error;

static FLARES: &[u8] = include_bytes!("../../../data/solar-flare.csv");

/// What is counted, from common to rare.
pub const TASKS: [&str; 3] = ["c-class-flares", "m-class-flares", "x-class-flares"];

/// Regions and the flares that followed.
#[derive(Debug, Clone)]
pub struct Flares {
    /// `[N, inputs]`: one-hot categories.
    pub features: Tensor,
    /// `[N, 1]` of counts for each task.
    pub counts: [Tensor; 3],
}

impl Flares {
    /// The 1 066 regions inside the program.
    ///
    /// # Errors
    /// [`Error::Data`] where the file is damaged, which tests rule out for the one inside the program.
    pub fn built_in() -> Result<Self, Error> {
        let table = Table::parse("built-in solar-flare", FLARES, ',')?;
        let failed = |e: &dyn std::fmt::Display| Error::data("built-in solar-flare", e.to_string());
        // Every property is a code; the categories are properties of the source, not fitted to rows.
        let mut hot: Vec<Vec<bool>> = Vec::new();
        for name in table.columns().iter().filter(|name| !TASKS.contains(&&***name)) {
            let fields: Vec<&str> = table.column(name)?.collect();
            let mut codes = fields.clone();
            codes.sort_unstable();
            codes.dedup();
            hot.extend(codes.iter().map(|code| fields.iter().map(|field| field == code).collect()));
        }
        let features = Tensor::from_fn([table.len(), hot.len()], |i| f32::from(u8::from(hot[i[1]][i[0]])));
        let counts = |task: &str| {
            let numbers: Vec<f32> = table.numbers(task)?.into_iter().map(|x| x as f32).collect();
            Tensor::new([numbers.len(), 1], &numbers).map_err(|e| failed(&e))
        };
        let [common, medium, rare] = TASKS;
        Ok(Self {
            features: features.map_err(|e| failed(&e))?,
            counts: [counts(common)?, counts(medium)?, counts(rare)?],
        })
    }

    /// The number of regions.
    pub fn len(&self) -> usize {
        self.features.shape()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Flares;

    #[test]
    fn counts_are_rare_and_each_property_has_one_category() {
        let flares = Flares::built_in().unwrap();
        assert_eq!(flares.len(), 1066);
        let width = flares.features.shape()[1];
        for row in flares.features.to_vec().chunks_exact(width) {
            assert_eq!(row.iter().sum::<f32>(), 10.0);
        }
        let sums = flares.counts.each_ref().map(|counts| counts.to_vec().iter().sum::<f32>());
        assert!(sums[0] > sums[1] && sums[1] > sums[2] && sums[2] > 0.0, "{sums:?}");
    }
}
