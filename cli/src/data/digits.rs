//! Labelled 28x28 pictures of ten classes: handwritten digits, or clothes in the same format.

use tress_readers::Idx;

use crate::error::Error;

/// The side of a picture, in pixels.
pub const SIDE: usize = 28;

/// The pixels of a picture.
pub const PIXELS: usize = SIDE * SIDE;

/// The number of classes.
pub const CLASSES: usize = 10;

/// Labelled pictures: `n` of 28x28 grey bytes, and `n` labels below ten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Digits {
    /// Puts pictures and labels together; the two names stand for their files in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where the pictures are not 28x28, there are none, their number differs from that of the labels, or
    /// a label is ten or more (the file, the index and the value are named).
    pub fn new(images: Idx, images_name: &str, labels: Idx, labels_name: &str) -> Result<Digits, Error> {
        let [count, rows, columns] = images.shape[..] else {
            return Err(Error::data(
                images_name,
                format!("has shape {:?} where [n, 28, 28] is needed", images.shape),
            ));
        };
        if (rows, columns) != (SIDE, SIDE) {
            return Err(Error::data(
                images_name,
                format!("holds pictures of {rows}x{columns} pixels; {SIDE}x{SIDE} are needed"),
            ));
        }
        if count == 0 {
            return Err(Error::data(images_name, "holds no pictures; give a file with at least one"));
        }
        if labels.data.len() != count {
            return Err(Error::data(
                labels_name,
                format!(
                    "holds {} labels for the {count} pictures of {images_name}; use files that belong together",
                    labels.data.len()
                ),
            ));
        }
        if let Some((index, &value)) =
            labels.data.iter().enumerate().find(|&(_, &l)| usize::from(l) >= CLASSES)
        {
            return Err(Error::data(
                labels_name,
                format!("label {index} is {value}; labels run from 0 to {}", CLASSES - 1),
            ));
        }
        Ok(Digits { images: images.data, labels: labels.data })
    }

    /// The pictures without the last `held`, and these: the one part to learn from, the other to choose settings on. Both
    /// have at least one picture where there are two.
    pub fn hold_out(mut self, held: usize) -> (Digits, Digits) {
        let kept = self.len().saturating_sub(held.max(1)).max(1);
        let labels = self.labels.split_off(kept);
        let images = self.images.split_off(kept * PIXELS);
        (self, Digits { images, labels })
    }

    /// The number of pictures; at least one.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Always false: a set without pictures cannot be made.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of picture `i`, row by row: 784 bytes, 0 is background.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`Digits::len`], as indexing a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * PIXELS..][..PIXELS]
    }

    /// The class of picture `i`, below ten.
    ///
    /// # Panics
    ///
    /// Where `i` is not below [`Digits::len`], as indexing a slice does.
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }
}

#[cfg(test)]
mod tests {
    use super::{Digits, Idx};

    fn refusal(shape: [usize; 3], labels: &[u8]) -> String {
        let images = Idx { shape: shape.to_vec(), data: vec![0; shape.iter().product()] };
        let labels = Idx { shape: vec![labels.len()], data: labels.to_vec() };
        Digits::new(images, "i", labels, "l").unwrap_err().to_string()
    }

    #[test]
    fn every_mismatch_is_named() {
        assert_eq!(refusal([2, 28, 27], &[0, 1]), "i: holds pictures of 28x27 pixels; 28x28 are needed");
        assert_eq!(refusal([0, 28, 28], &[]), "i: holds no pictures; give a file with at least one");
        assert_eq!(
            refusal([2, 28, 28], &[0]),
            "l: holds 1 labels for the 2 pictures of i; use files that belong together"
        );
        assert_eq!(refusal([2, 28, 28], &[9, 10]), "l: label 1 is 10; labels run from 0 to 9");
    }
}
