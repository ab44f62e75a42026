//! The data sets: finding the files of pictures, composing two-item images from them; tables of people and of leaves.

pub mod census;
pub mod digits;
pub mod embedded;
pub mod leaves;
pub mod multimnist;
pub mod splitmix;

pub use census::Census;
pub use digits::Digits;
pub use embedded::{Library, Origin};
pub use leaves::Leaves;
pub use multimnist::{Composites, Source, Split};
