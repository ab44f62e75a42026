//! The data sets: reading IDX files, finding them, and composing two-item images from them.

pub mod digits;
pub mod embedded;
pub mod idx;
pub mod multimnist;
pub mod splitmix;

pub use digits::Digits;
pub use embedded::{Library, Origin};
pub use multimnist::{Composites, Source, Split};
