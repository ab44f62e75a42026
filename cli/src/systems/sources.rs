//! The check sum of what a system is made of: by it, results that an earlier form of it has left are known.

use super::ALL;

/// What the example of each system reads.
const SOURCES: [(&str, &str); ALL.len()] = [
    ("architectures", include_str!("../../../examples/architectures.rs")),
    ("census", include_str!("../../../examples/census.rs")),
    ("counts_and_contents", include_str!("../../../examples/counts_and_contents.rs")),
    ("detection", include_str!("../../../examples/detection.rs")),
    ("ensembles", include_str!("../../../examples/ensembles.rs")),
    ("few_shot", include_str!("../../../examples/few_shot.rs")),
    ("leaves", include_str!("../../../examples/leaves.rs")),
    ("merged_tasks", include_str!("../../../examples/merged_tasks.rs")),
    ("meta_learning", include_str!("../../../examples/meta_learning.rs")),
    ("mixed_kinds", include_str!("../../../examples/mixed_kinds.rs")),
    ("missing_labels", include_str!("../../../examples/missing_labels.rs")),
    ("places", include_str!("../../../examples/places.rs")),
    ("preferences", include_str!("../../../examples/preferences.rs")),
    ("text", include_str!("../../../examples/text.rs")),
    ("three_inputs", include_str!("../../../examples/three_inputs.rs")),
    ("whole_path", include_str!("../../../examples/whole_path.rs")),
];

/// What examples share reads, each by its name; all of them have the first.
const SHARED: [(&str, &str); 7] = [
    ("mod", include_str!("../../../examples/common/mod.rs")),
    ("answers", include_str!("../../../examples/common/answers.rs")),
    ("detector", include_str!("../../../examples/common/detector.rs")),
    ("episodes", include_str!("../../../examples/common/episodes.rs")),
    ("leaf_tasks", include_str!("../../../examples/common/leaf_tasks.rs")),
    ("table", include_str!("../../../examples/common/table.rs")),
    ("tagging", include_str!("../../../examples/common/tagging.rs")),
];

/// A reader of data: its file, the names by which examples take what it has, and what it reads.
type Reader = (&'static str, &'static [&'static str], &'static str);

/// The readers of data.
const READERS: [Reader; 11] = [
    ("census", &["Census"], include_str!("../data/census.rs")),
    ("digits", &["Digits"], include_str!("../data/digits.rs")),
    ("embedded", &["Library", "Origin"], include_str!("../data/embedded.rs")),
    ("flare", &["Flares"], include_str!("../data/flare.rs")),
    ("leaves", &["Leaves"], include_str!("../data/leaves.rs")),
    ("meats", &["Meats"], include_str!("../data/meats.rs")),
    ("multimnist", &["Composites", "Source", "Split"], include_str!("../data/multimnist.rs")),
    ("scenes", &["Scenes"], include_str!("../data/scenes.rs")),
    ("sentences", &["Sentences"], include_str!("../data/sentences.rs")),
    ("splitmix", &["SplitMix64"], include_str!("../data/splitmix.rs")),
    ("twenty", &["Twenty"], include_str!("../data/twenty.rs")),
];

/// The names that a text takes from `tress_cli::data`.
fn taken(text: &'static str) -> impl Iterator<Item = &'static str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split("tress_cli::data::").skip(1).flat_map(move |after| {
        let end = after.find(|c: char| !is_word(c) && !":{}, \n".contains(c)).unwrap_or(after.len());
        after[..end].split(move |c| !is_word(c))
    })
}

/// What a system is made of, each part by its name: its example, what it takes from those that are shared, and the readers of its
/// data without their tests. None for a name that no system has.
fn parts(name: &str) -> Vec<(&'static str, &'static str)> {
    let Some(&(_, own)) = SOURCES.iter().find(|(other, _)| *other == name) else { return Vec::new() };
    let names = |text: &str, shared: &str| shared == "mod" || text.contains(&format!("{shared}::"));
    // Those that the example names, those that they name, and so on.
    let mut is_shared = SHARED.map(|(shared, _)| names(own, shared));
    for _step in SHARED {
        is_shared = std::array::from_fn(|i| {
            let through = |(&(_, text), &is_there): (&(&str, &str), &bool)| {
                is_there && text.contains(&format!("{}::", SHARED[i].0))
            };
            is_shared[i] || SHARED[1..].iter().zip(&is_shared[1..]).any(through)
        });
    }
    let shared = SHARED.into_iter().zip(is_shared).filter_map(|(part, is_shared)| is_shared.then_some(part));
    let mut parts: Vec<_> = [("example", own)].into_iter().chain(shared).collect();
    let words: Vec<&str> = parts.iter().flat_map(|(_, text)| taken(text)).collect();
    let is_taken = |(file, names, _): &Reader| words.iter().any(|word| word == file || names.contains(word));
    let mut readers: Vec<&Reader> = READERS.iter().filter(|reader| is_taken(reader)).collect();
    let mut at = 0;
    while let Some((_, _, text)) = readers.get(at) {
        for reader in &READERS {
            let is_known = readers.iter().any(|(file, ..)| *file == reader.0);
            if !is_known && text.contains(&format!("\nuse super::{}::", reader.0)) {
                readers.push(reader);
            }
        }
        at += 1;
    }
    let without_tests = |text: &'static str| text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    parts.extend(readers.into_iter().map(|(file, _, text)| (*file, without_tests(text))));
    parts
}

/// A check sum of [what a system is made of](parts). 0 for a name that none has.
pub(super) fn sources(name: &str) -> u32 {
    sum(&parts(name))
}

fn sum(parts: &[(&str, &str)]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    parts.iter().for_each(|(_, text)| sum.update(text.as_bytes()));
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::{ALL, READERS, SHARED, parts, sources, sum};

    #[test]
    fn every_system_has_sources_of_its_own() {
        let all = ALL.map(|system| sources(system.name));
        assert!((1..all.len()).all(|i| all[i] != 0 && !all[..i].contains(&all[i])), "{all:?}");
        assert_eq!(sources("no system"), 0);
    }

    /// Whichever part changes, if only by a letter, the sum is another.
    #[test]
    fn a_change_of_a_data_reader_is_seen() {
        let names = |system: &str| parts(system).iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let few_shot =
            ["example", "mod", "episodes", "embedded", "multimnist", "twenty", "digits", "splitmix"];
        assert_eq!(names("few_shot"), few_shot, "also those that readers read through");
        assert_eq!(
            names("census"),
            ["example", "mod", "table", "census", "embedded", "digits", "multimnist", "splitmix"]
        );
        assert!(names("detection").contains(&"scenes") && names("text").contains(&"sentences"));
        assert_eq!(
            names("meta_learning"),
            ["example", "mod", "episodes"],
            "its waves are made by the library"
        );
        for place in 0..few_shot.len() {
            let mut changed = parts("few_shot");
            let text = format!("{} ", changed[place].1);
            changed[place].1 = text.leak();
            assert_ne!(sum(&changed), sources("few_shot"), "{}", few_shot[place]);
        }
        // Tests of a reader are no part of what it reads.
        assert!(parts("few_shot")[3..].iter().all(|(_, text)| !text.contains("#[test]") && text.len() > 500));
    }

    /// No file of readers or of what examples share is forgotten, and every system with data that the program brings has a reader.
    #[test]
    fn every_file_is_listed() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let files = |folder: &str| {
            let entries = std::fs::read_dir(format!("{root}/{folder}")).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            names.sort();
            names
        };
        let mut readers: Vec<&str> = READERS.iter().map(|reader| reader.0).chain(["mod"]).collect();
        readers.sort_unstable();
        assert_eq!(files("cli/src/data"), readers);
        let mut shared = SHARED.map(|(name, _)| name);
        shared.sort_unstable();
        assert_eq!(files("examples/common"), shared);
        for system in ALL.iter().filter(|system| system.name != "meta_learning") {
            let has = |reader: &str| parts(system.name).iter().any(|(name, _)| *name == reader);
            assert!(READERS.iter().any(|reader| has(reader.0)), "{}", system.name);
        }
    }
}
