//! Class numbers that are known to be classes.

use crate::Error;
use alloc::vec::Vec;
use tress_autograd::op::Index;
use tress_tensor::Tensor;

/// The right class of each sample, checked once when they are made.
#[derive(Clone, Debug)]
pub struct Labels {
    labels: Vec<u32>,
    classes: usize,
    /// How many labels a sample has.
    entries: usize,
    /// Whether each sample counts; empty if all do.
    kept: Vec<bool>,
    /// The label of each row, `[N]`; of one that does not count, class 0.
    rows: Index,
}

impl Labels {
    /// Labels below `classes`.
    ///
    /// # Errors
    /// A label that is not.
    pub fn new(labels: impl IntoIterator<Item = u32>, classes: usize) -> Result<Self, Error> {
        Self::checked(labels.into_iter().collect(), classes, Vec::new())
    }

    /// Labels below `classes`, and the label `ignored`, which may be any number: samples with it count neither in losses
    /// nor in metrics.
    ///
    /// # Errors
    /// As [`new`](Labels::new), of the other labels; or there are no classes.
    pub fn with_ignored(
        labels: impl IntoIterator<Item = u32>,
        classes: usize,
        ignored: u32,
    ) -> Result<Self, Error> {
        let labels: Vec<u32> = labels.into_iter().collect();
        if classes == 0 {
            return Err(Error::Setting { of: "labels", why: "there must be at least one class" });
        }
        let kept = labels.iter().map(|&label| label != ignored).collect();
        Self::checked(labels, classes, kept)
    }

    fn checked(labels: Vec<u32>, classes: usize, kept: Vec<bool>) -> Result<Self, Error> {
        let counts = |row: usize| kept.get(row).copied().unwrap_or(true);
        if let Some((index, &label)) =
            labels.iter().enumerate().find(|&(row, &label)| counts(row) && label as usize >= classes)
        {
            return Err(Error::Label { index, label, classes });
        }
        let known = |(row, &label): (usize, &u32)| if counts(row) { label } else { 0 };
        let rows: Vec<u32> = labels.iter().enumerate().map(known).collect();
        let rows = Index::new(&Tensor::vector(&rows));
        Ok(Self { labels, classes, entries: 1, kept, rows })
    }

    /// With so many labels a sample, as a column of a data set has them.
    pub(crate) fn each(self, entries: usize) -> Self {
        Self { entries, ..self }
    }

    /// How many labels each sample has: 1, but for a column of [several](crate::data::Dataset::labels_each).
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// That there is one label for each sample, so that samples can be told apart by it.
    pub(crate) fn expect_one_each(&self, of: &'static str) -> Result<(), Error> {
        match self.entries {
            1 => Ok(()),
            _ => {
                let why = "each sample has several labels, and there is no one class to sort it by; give one label for each \
                           sample, such as the rarest that it has";
                Err(Error::Setting { of, why })
            }
        }
    }

    /// The labels as they were given, ignored ones included.
    pub fn as_slice(&self) -> &[u32] {
        &self.labels
    }

    /// The class of each sample; `None` where it is ignored.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<usize>> + '_ {
        let class = |(row, &label): (usize, &u32)| self.counts(row).then_some(label as usize);
        self.labels.iter().enumerate().map(class)
    }

    /// Whether a sample counts.
    pub fn counts(&self, row: usize) -> bool {
        self.kept.get(row).copied().unwrap_or(true)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of labels, ignored ones included.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label of each row, as an index.
    pub(super) fn rows(&self) -> &Index {
        &self.rows
    }

    /// The place of each label in the logits `[N, classes]` read as one line; of one that does not count, that of class 0.
    /// `None` if there are more such places than 32 bits can tell apart.
    pub(super) fn places(&self) -> Option<Index> {
        let classes = self.classes;
        self.labels.len().checked_mul(classes).filter(|&end| u32::try_from(end).is_ok())?;
        let place = |(row, label): (usize, u32)| (row * classes) as u32 + label;
        let places: Vec<u32> = self.rows.places().to_vec().into_iter().enumerate().map(place).collect();
        Some(Index::new(&Tensor::vector(&places)))
    }

    /// Whether each sample counts; `None` if all do.
    pub(super) fn kept_rows(&self) -> Option<&[bool]> {
        self.kept.contains(&false).then_some(&self.kept)
    }
}
