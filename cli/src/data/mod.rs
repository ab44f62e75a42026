//! The data sets: finding the files of pictures, composing two-item images and scenes from them; tables of people, leaves,
//! meats and flares; sentences.

pub mod census;
pub mod digits;
pub mod embedded;
pub mod flare;
pub mod leaves;
pub mod meats;
pub mod multimnist;
pub mod scenes;
pub mod sentences;
pub mod splitmix;
pub mod twenty;

pub use census::Census;
pub use digits::Digits;
pub use embedded::{Library, Origin};
pub use flare::Flares;
pub use leaves::Leaves;
pub use meats::Meats;
pub use multimnist::{Composites, Source, Split};
pub use scenes::Scenes;
pub use sentences::Sentences;
pub use twenty::Twenty;
