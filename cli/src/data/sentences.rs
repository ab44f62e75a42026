//! Japanese sentences (Hironsan): 500 of them, each word with its part of speech and as part of a named entity or not.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::error::{Error, plain};

static SENTENCES: &[u8] = include_bytes!("../../../data/hironsan-pos-ner.tsv.gz");

/// Sentences as numbers: of words, of parts of speech, and of entity tags.
#[derive(Debug, Clone)]
pub struct Sentences {
    /// The words of each sentence.
    pub words: Vec<Vec<String>>,
    /// The part of speech of each word.
    pub parts: Vec<Vec<u32>>,
    /// The entity tag of each word, in the scheme IOB2: `B-LOC` begins a place, `I-LOC` goes on with it, `O` is none.
    pub tags: Vec<Vec<u32>>,
    /// The names of the parts of speech, sorted.
    pub part_names: Vec<String>,
    /// The names of the tags, sorted.
    pub tag_names: Vec<String>,
}

impl Sentences {
    /// The sentences inside the program, in their order.
    ///
    /// # Errors
    /// [`Error::Data`] where the file is damaged, which tests rule out for the one inside the program.
    pub fn built_in() -> Result<Self, Error> {
        let name = "built-in hironsan-pos-ner";
        let mut text = String::new();
        GzDecoder::new(SENTENCES)
            .take(1 << 26)
            .read_to_string(&mut text)
            .map_err(|e| Error::data(name, format!("is no whole gzip text ({})", plain(&e))))?;
        Self::parse(name, &text)
    }

    /// From lines of word, part of speech, kind of it, and entity tag, separated by tabulators; an empty line ends a
    /// sentence.
    ///
    /// # Errors
    /// [`Error::Data`] where a line has another number of fields, or there is no sentence.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let mut rows: Vec<Vec<[&str; 3]>> = vec![Vec::new()];
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() {
                rows.push(Vec::new());
                continue;
            }
            let fields: Vec<&str> = line.split('\t').collect();
            let [word, part, _, tag] = fields[..] else {
                let found = fields.len();
                return Err(Error::data(name, format!("has {found} fields in line {}, not 4", number + 1)));
            };
            rows.last_mut().into_iter().for_each(|row| row.push([word, part, tag]));
        }
        rows.retain(|row| !row.is_empty());
        if rows.is_empty() {
            return Err(Error::data(name, "has no sentence"));
        }
        let names = |field: usize| {
            let mut names: Vec<String> = rows.iter().flatten().map(|row| row[field].to_owned()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let (part_names, tag_names) = (names(1), names(2));
        let codes = |field: usize, names: &[String]| -> Vec<Vec<u32>> {
            let code = |name: &str| names.partition_point(|other| other.as_str() < name) as u32;
            rows.iter().map(|row| row.iter().map(|word| code(word[field])).collect()).collect()
        };
        Ok(Self {
            words: rows.iter().map(|row| row.iter().map(|word| word[0].to_owned()).collect()).collect(),
            parts: codes(1, &part_names),
            tags: codes(2, &tag_names),
            part_names,
            tag_names,
        })
    }

    /// The number of sentences.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The numbers of the words that occur `least` times or more in the sentences `of` (those to be trained on), from 1 up
    /// in alphabetical order; all others are 0.
    pub fn vocabulary(&self, of: &[usize], least: usize) -> BTreeMap<String, u32> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for word in of.iter().filter_map(|&sentence| self.words.get(sentence)).flatten() {
            *counts.entry(word).or_insert(0) += 1;
        }
        let frequent = counts.into_iter().filter(|(_, count)| *count >= least);
        frequent.zip(1..).map(|((word, _), number)| (word.to_owned(), number)).collect()
    }
}

/// The entities of a row of IOB2 tags: kind, first word, and the word after the last. An `I-` that follows no entity of its
/// kind begins one, as the scorer of the CoNLL shared tasks has it.
pub fn entities<'a>(tags: &[&'a str]) -> Vec<(&'a str, usize, usize)> {
    let mut found: Vec<(&str, usize, usize)> = Vec::new();
    for (at, tag) in tags.iter().enumerate() {
        let Some((place, kind)) = tag.split_once('-') else { continue };
        match found.last_mut() {
            Some((last, _, end)) if place == "I" && *last == kind && *end == at => *end = at + 1,
            _ => found.push((kind, at, at + 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Sentences, entities};

    #[test]
    fn the_sentences_are_those_of_the_corpus() {
        let all = Sentences::built_in().unwrap();
        let words: usize = all.words.iter().map(Vec::len).sum();
        assert_eq!((all.len(), words), (500, 15_520));
        assert_eq!((all.part_names.len(), all.tag_names.len()), (11, 17));
        let name = |tag: &u32| all.tag_names[*tag as usize].as_str();
        let first: Vec<&str> = all.tags[0].iter().map(name).collect();
        assert_eq!(entities(&first)[..2], [("DAT", 0, 6), ("LOC", 7, 11)]);
        let known = all.vocabulary(&(0..400).collect::<Vec<_>>(), 2);
        assert!(known.values().copied().eq(1..=known.len() as u32));
        assert!(all.vocabulary(&[0], 1).len() < known.len());
    }

    #[test]
    fn entities_begin_and_end_where_their_tags_say() {
        let tags = ["I-A", "B-A", "I-A", "I-B", "O", "I-B", "B-B", "B-B"];
        let expected = [("A", 0, 1), ("A", 1, 3), ("B", 3, 4), ("B", 5, 6), ("B", 6, 7), ("B", 7, 8)];
        assert_eq!(entities(&tags), expected);
        assert!(Sentences::parse("t", "a\tb\tc\n").is_err() && Sentences::parse("t", "\n\n").is_err());
    }
}
