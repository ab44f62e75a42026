//! The systems that the surveys of multi-task learning name. Each is one example of the repository, and a preset of the
//! program: the file in `examples/` is compiled here as it stands.
//!
//! | | runs |
//! |---|---|
//! | `cargo run --release --example NAME` | three seeds, and prints their table |
//! | `tress train --system NAME` | one seed, and leaves a folder |
//! | `tress compare --system NAME` | three seeds, each a file, so that it goes on where it stopped; and leaves a folder |
//! | `tress systems` | nothing: it lists them, or puts what was found into one table |

mod run;
mod sources;
mod summary;
mod system;

#[path = "../../../examples/architectures.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod architectures;
#[path = "../../../examples/census.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)] // a program of its own
mod census;
#[path = "../../../examples/counts_and_contents.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod counts_and_contents;
#[path = "../../../examples/detection.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod detection;
#[path = "../../../examples/ensembles.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod ensembles;
#[path = "../../../examples/few_shot.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod few_shot;
#[path = "../../../examples/leaves.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod leaves;
#[path = "../../../examples/merged_tasks.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod merged_tasks;
#[path = "../../../examples/meta_learning.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod meta_learning;
#[path = "../../../examples/missing_labels.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod missing_labels;
#[path = "../../../examples/mixed_kinds.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod mixed_kinds;
#[path = "../../../examples/places.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod places;
#[path = "../../../examples/preferences.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod preferences;
#[path = "../../../examples/text.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod text;
#[path = "../../../examples/three_inputs.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod three_inputs;
#[path = "../../../examples/whole_path.rs"]
#[allow(unreachable_pub, dead_code, clippy::duplicate_mod)]
mod whole_path;

pub use run::{Preset, SystemSettings, run};
pub use summary::{SystemsArgs, list};
pub use system::{Better, Column, Rows, Run, Size, System, area, error, number, percent};
pub use three_inputs::without_feature_layers;

/// Every system, in the order in which the documents have them.
pub const ALL: [&System; 16] = [
    &detection::SYSTEM,
    &three_inputs::SYSTEM,
    &ensembles::SYSTEM,
    &merged_tasks::SYSTEM,
    &meta_learning::SYSTEM,
    &few_shot::SYSTEM,
    &mixed_kinds::SYSTEM,
    &text::SYSTEM,
    &census::SYSTEM,
    &leaves::SYSTEM,
    &counts_and_contents::SYSTEM,
    &whole_path::SYSTEM,
    &architectures::SYSTEM,
    &places::SYSTEM,
    &missing_labels::SYSTEM,
    &preferences::SYSTEM,
];

/// The system of that name.
pub fn named(name: &str) -> Option<&'static System> {
    ALL.into_iter().find(|system| system.name == name)
}
