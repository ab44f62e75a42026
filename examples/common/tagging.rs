//! Sentences as numbers, and how well they are tagged.

use super::Outcome;
use std::collections::BTreeMap;
use tress::nn::Lengths;
use tress::prelude::*;
use tress_cli::data::{Sentences, sentences::entities};

/// What fills sentences up; no tag has this number.
pub const PADDING: u32 = 99;

/// Sentences as three lists of numbers: words, first and last characters; 0 is what training does not know.
pub struct Prepared {
    pub columns: [Vec<Vec<u32>>; 3],
    pub sizes: [usize; 3],
}

impl Prepared {
    pub fn new(all: &Sentences, known: &[usize]) -> Self {
        let words = all.vocabulary(known, 2);
        let ends = |word: &str| [word.chars().next(), word.chars().last()];
        let mut letters: Vec<char> =
            known.iter().flat_map(|&i| &all.words[i]).flat_map(|w| ends(w)).flatten().collect();
        letters.sort_unstable();
        letters.dedup();
        let letter =
            |c: Option<char>| c.and_then(|c| letters.binary_search(&c).ok()).map_or(0, |at| at as u32 + 1);
        let column =
            |of: &dyn Fn(&String) -> u32| all.words.iter().map(|s| s.iter().map(of).collect()).collect();
        let columns = [
            column(&|word| words.get(word).copied().unwrap_or(0)),
            column(&|word| letter(ends(word)[0])),
            column(&|word| letter(ends(word)[1])),
        ];
        Self { columns, sizes: [words.len() + 1, letters.len() + 1, letters.len() + 1] }
    }
}

/// Rows of numbers, filled up to the longest.
pub fn padded(rows: &[Vec<u32>], of: &[usize], with: u32) -> Outcome<(Tensor<u32>, Lengths)> {
    let steps = of.iter().map(|&i| rows[i].len()).max().unwrap_or(0);
    let row =
        |&i: &usize| rows[i].iter().copied().chain(std::iter::repeat(with)).take(steps).collect::<Vec<_>>();
    let numbers: Vec<u32> = of.iter().flat_map(row).collect();
    Ok((Tensor::new([of.len(), steps], &numbers)?, Lengths::new(of.iter().map(|&i| rows[i].len()), steps)?))
}

/// Accuracy of parts of speech, accuracy of entity tags, and F1 of whole entities, of tags for test sentences.
pub fn judge(all: &Sentences, asked: &[usize], found: &[Vec<Vec<u32>>; 2]) -> [f64; 3] {
    let share = |truth: &[Vec<u32>], found: &[Vec<u32>]| {
        let pairs = || asked.iter().zip(found).flat_map(|(&i, found)| truth[i].iter().zip(found));
        pairs().filter(|(a, b)| a == b).count() as f64 / pairs().count() as f64
    };
    let (mut both, mut there, mut said) = (0, 0, 0);
    for (&i, found) in asked.iter().zip(&found[1]) {
        let names =
            |tags: &[u32]| tags.iter().map(|&tag| all.tag_names[tag as usize].as_str()).collect::<Vec<_>>();
        let (truth, found) = (names(&all.tags[i]), names(found));
        let (truth, found) = (entities(&truth), entities(&found));
        both += found.iter().filter(|entity| truth.contains(entity)).count();
        (there, said) = (there + truth.len(), said + found.len());
    }
    [
        share(&all.parts, &found[0]),
        share(&all.tags, &found[1]),
        2.0 * both as f64 / (there + said).max(1) as f64,
    ]
}

/// The tag that each word has most often in the sentences known, and for words that are not the commonest of all.
pub fn floor(all: &Sentences, known: &[usize], asked: &[usize]) -> [f64; 3] {
    let tags = [&all.parts, &all.tags].map(|tags| {
        let mut counts: BTreeMap<&str, BTreeMap<u32, usize>> = BTreeMap::new();
        for &i in known {
            for (word, &tag) in all.words[i].iter().zip(&tags[i]) {
                *counts.entry(word).or_default().entry(tag).or_default() += 1;
                *counts.entry("").or_default().entry(tag).or_default() += 1;
            }
        }
        let best =
            |of: &BTreeMap<u32, usize>| of.iter().max_by_key(|(_, count)| **count).map_or(0, |(tag, _)| *tag);
        let tag = |word: &String| counts.get(word.as_str()).or(counts.get("")).map_or(0, best);
        asked.iter().map(|&i| all.words[i].iter().map(tag).collect()).collect()
    });
    judge(all, asked, &tags)
}
