//! Where pictures come from: the sets built into the program, or a folder that the user names.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tress_readers::idx;

use super::digits::Digits;
use super::multimnist::Split;
use crate::error::Error;

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Handwritten digits.
    Mnist,
    /// Clothes.
    Fashion,
}

/// A set built into the program: the names and the bytes of its two files.
struct BuiltIn {
    images: (&'static str, &'static [u8]),
    labels: (&'static str, &'static [u8]),
}

/// Takes the files of one set from `data/` into the program, so that a run needs neither a download nor a working folder.
macro_rules! built_in {
    ($set:literal) => {
        BuiltIn {
            images: (
                concat!("built-in ", $set, "-images"),
                include_bytes!(concat!("../../../data/", $set, "-images-idx3-ubyte.gz")),
            ),
            labels: (
                concat!("built-in ", $set, "-labels"),
                include_bytes!(concat!("../../../data/", $set, "-labels-idx1-ubyte.gz")),
            ),
        }
    };
}

static MNIST_TRAIN: BuiltIn = built_in!("mnist-train5k");
static MNIST_TEST: BuiltIn = built_in!("mnist-test1k");
static FASHION_TRAIN: BuiltIn = built_in!("fashion-train5k");
static FASHION_TEST: BuiltIn = built_in!("fashion-test1k");

/// Where to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Library {
    /// The pictures inside the program: 5 000 for training and 1 000 for testing of each origin.
    BuiltIn,
    /// A folder of IDX files.
    Folder(PathBuf),
}

impl Library {
    /// The folder, where there is one.
    pub fn of(folder: Option<&Path>) -> Self {
        folder.map_or(Self::BuiltIn, |folder| Self::Folder(folder.to_owned()))
    }

    /// The pictures of one origin and split.
    ///
    /// In a folder the images are looked for as `mnist-train-images-idx3-ubyte` (test: `mnist-t10k-...`, clothes:
    /// `fashion-...`), under the names of the built-in files (`mnist-train5k-...`), and where downloaders leave them
    /// (`MNIST/raw/train-...`), each plain or with `.gz`; the labels beside the images.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where no such file exists (the names tried are listed), or the files are not whole, or do not fit
    /// together.
    pub fn digits(&self, origin: Origin, split: Split) -> Result<Digits, Error> {
        match self {
            Library::BuiltIn => {
                let set = match (origin, split) {
                    (Origin::Mnist, Split::Train) => &MNIST_TRAIN,
                    (Origin::Mnist, Split::Test) => &MNIST_TEST,
                    (Origin::Fashion, Split::Train) => &FASHION_TRAIN,
                    (Origin::Fashion, Split::Test) => &FASHION_TEST,
                };
                let images = idx::parse(set.images.0, set.images.1, 3)?;
                let labels = idx::parse(set.labels.0, set.labels.1, 1)?;
                Digits::new(images, set.images.0, labels, set.labels.0)
            }
            Library::Folder(folder) => from_folder(folder, origin, split),
        }
    }
}

/// The beginnings of the file names of one set, the likeliest first.
fn beginnings(origin: Origin, split: Split) -> [&'static str; 3] {
    match (origin, split) {
        (Origin::Mnist, Split::Train) => ["mnist-train", "mnist-train5k", "MNIST/raw/train"],
        (Origin::Mnist, Split::Test) => ["mnist-t10k", "mnist-test1k", "MNIST/raw/t10k"],
        (Origin::Fashion, Split::Train) => ["fashion-train", "fashion-train5k", "FashionMNIST/raw/train"],
        (Origin::Fashion, Split::Test) => ["fashion-t10k", "fashion-test1k", "FashionMNIST/raw/t10k"],
    }
}

fn from_folder(folder: &Path, origin: Origin, split: Split) -> Result<Digits, Error> {
    if !folder.is_dir() {
        let trouble = if folder.exists() { "is not a folder" } else { "does not exist" };
        return Err(Error::data(
            folder.display().to_string(),
            format!(
                "{trouble}; give --data-dir a folder of IDX files, or leave it out for the built-in pictures"
            ),
        ));
    }
    let beginnings = beginnings(origin, split);
    let found =
        beginnings.iter().find_map(|start| Some((start, existing(folder, start, "images-idx3-ubyte")?)));
    let Some((start, images_path)) = found else {
        return Err(missing(folder, &beginnings, "images-idx3-ubyte"));
    };
    let Some(labels_path) = existing(folder, start, "labels-idx1-ubyte") else {
        return Err(missing(folder, &[start], "labels-idx1-ubyte"));
    };
    let images = idx::read(&images_path, 3)?;
    let labels = idx::read(&labels_path, 1)?;
    Digits::new(images, &images_path.display().to_string(), labels, &labels_path.display().to_string())
}

fn existing(folder: &Path, start: &str, end: &str) -> Option<PathBuf> {
    ["", ".gz"].iter().map(|zipped| folder.join(format!("{start}-{end}{zipped}"))).find(|path| path.exists())
}

fn missing(folder: &Path, starts: &[&str], end: &str) -> Error {
    let names: Vec<String> = starts.iter().map(|start| format!("{start}-{end}[.gz]")).collect();
    Error::data(folder.display().to_string(), format!("holds none of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Library, Origin};
    use crate::data::multimnist::Split;

    #[test]
    fn built_in_sets_hold_as_many_of_each_class_as_promised() {
        for origin in [Origin::Mnist, Origin::Fashion] {
            for (split, each) in [(Split::Train, 500), (Split::Test, 100)] {
                let digits = Library::BuiltIn.digits(origin, split).unwrap();
                let mut counts = [0; 10];
                for i in 0..digits.len() {
                    counts[usize::from(digits.label(i))] += 1;
                }
                assert_eq!(counts, [each; 10], "{origin:?} {split:?}");
            }
        }
    }
}
