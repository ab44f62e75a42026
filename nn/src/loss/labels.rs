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
    /// The place of each label in the logits `[N, classes]` read as one line.
    places: Index,
}

impl Labels {
    /// Labels below `classes`.
    ///
    /// # Errors
    /// A label that is not; or labels times classes are beyond 32 bits.
    pub fn new(labels: impl IntoIterator<Item = u32>, classes: usize) -> Result<Self, Error> {
        let labels: Vec<u32> = labels.into_iter().collect();
        if let Some((index, &label)) =
            labels.iter().enumerate().find(|&(_, &label)| label as usize >= classes)
        {
            return Err(Error::Label { index, label, classes });
        }
        let end = labels.len().checked_mul(classes).filter(|&end| u32::try_from(end).is_ok());
        if end.is_none() {
            return Err(Error::Setting { of: "labels", why: "labels times classes must fit 32 bits" });
        }
        let places: Vec<u32> =
            labels.iter().enumerate().map(|(row, &label)| (row * classes) as u32 + label).collect();
        Ok(Self { labels, classes, places: Index::new(&Tensor::vector(&places)) })
    }

    /// The labels.
    pub fn as_slice(&self) -> &[u32] {
        &self.labels
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub(super) fn places(&self) -> &Index {
        &self.places
    }
}
