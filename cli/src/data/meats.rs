//! Meats (Tecator): near-infrared spectra of 215 pieces of meat, and how much water, fat and protein is in each.

use tress::tensor::Tensor;
use tress_readers::Table;

use crate::error::Error;

static MEATS: &[u8] = include_bytes!("../../../data/tecator-meats.csv.gz");

/// What is asked of each piece, in percent.
pub const TASKS: [&str; 3] = ["water", "fat", "protein"];

/// Spectra and contents.
#[derive(Debug, Clone)]
pub struct Meats {
    /// `[N, 100]`: absorbance at 100 wavelengths, each spectrum less its own mean, which depends on how finely the meat was
    /// chopped.
    pub spectra: Tensor,
    /// `[N, 1]` for each task.
    pub contents: [Tensor; 3],
}

impl Meats {
    /// The 215 pieces inside the program.
    ///
    /// # Errors
    /// [`Error::Data`] where the file is damaged, which tests rule out for the one inside the program.
    pub fn built_in() -> Result<Self, Error> {
        let table = Table::parse("built-in tecator-meats", MEATS, ',')?;
        let failed = |e: &dyn std::fmt::Display| Error::data("built-in tecator-meats", e.to_string());
        let columns: Vec<Vec<f64>> =
            (1..=100).map(|i| table.numbers(&format!("x_{i:03}"))).collect::<Result<_, _>>()?;
        let mean = |row: usize| columns.iter().map(|column| column[row]).sum::<f64>() / 100.0;
        let means: Vec<f64> = (0..table.len()).map(mean).collect();
        let spectra = Tensor::from_fn([table.len(), 100], |i| (columns[i[1]][i[0]] - means[i[0]]) as f32);
        let content = |task: &str| {
            let numbers: Vec<f32> = table.numbers(task)?.into_iter().map(|x| x as f32).collect();
            Tensor::new([numbers.len(), 1], &numbers).map_err(|e| failed(&e))
        };
        let [water, fat, protein] = TASKS;
        Ok(Self {
            spectra: spectra.map_err(|e| failed(&e))?,
            contents: [content(water)?, content(fat)?, content(protein)?],
        })
    }

    /// The number of pieces.
    pub fn len(&self) -> usize {
        self.spectra.shape()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Meats;

    #[test]
    fn contents_are_percentages_and_spectra_are_centred() {
        let meats = Meats::built_in().unwrap();
        assert_eq!((meats.len(), meats.spectra.shape()[1]), (215, 100));
        for row in 0..215 {
            let sum: f32 = (0..100).map(|i| meats.spectra[[row, i]]).sum();
            assert!(sum.abs() < 1e-3);
            let all: f32 = meats.contents.iter().map(|content| content[[row, 0]]).sum();
            assert!((90.0..105.0).contains(&all), "water, fat and protein are nearly all of it: {all}");
        }
    }
}
