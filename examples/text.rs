//! Parts of speech and named entities of Japanese sentences, by one encoder and two heads.
//!
//! Words, and their first and last characters, are embedded; a network of gated recurrent units reads them in both directions.
//! One network for both tasks beside one for each; the floor is the tag that each word has most often. How much dropout is
//! chosen on validation sentences. Sentences of an article stay together: parts are cut from the text in its order.
//!
//! `cargo run --release --example text`

mod common;

use common::tagging::{PADDING, Prepared, floor, judge, padded};
use common::{Outcome, answers, best_of, train};
use tress::autograd::op::Index;
use tress::nn::{Embedding, Recurrent};
use tress::prelude::*;
use tress_cli::data::Sentences;
use tress_cli::systems::{Rows, Run, System, percent};

/// One encoder and the heads that are wanted; the tags of the other head are all of number 0.
fn network(
    all: &Sentences,
    known: &[usize],
    asked: &[usize],
    tasks: [bool; 2],
    (epochs, drop, seed): (u64, f64, u64),
) -> Outcome<[f64; 3]> {
    let (words, mut params) = (Prepared::new(all, known), Params::new(seed));
    let mut tables = Vec::new();
    for (name, (rows, width)) in
        ["word", "first", "last"].iter().zip(words.sizes.into_iter().zip([48, 24, 24]))
    {
        tables.push(Embedding::with_init(&mut params.scope(name), rows, width, Init::Normal(0.3))?);
    }
    let dropout = Dropout::new(&mut params.scope("dropout"), drop)?;
    let encoder = Recurrent::gru(96, 48).both_ways().build(&mut params.scope("encoder"))?;
    let truth = [(&all.parts, all.part_names.len()), (&all.tags, all.tag_names.len())];
    let mut heads = Vec::new();
    for (name, (_, classes)) in ["part", "entity"].iter().zip(truth) {
        heads.push(Dense::new(&mut params.scope(name), 96, classes)?);
    }
    // One row a word, filled-up places included.
    fn encode<V: Value<Elem = f32>>(
        (tables, dropout, encoder): (&[Embedding], &Dropout, &Recurrent),
        bound: &Bound<V>,
        words: &Prepared,
        of: &[usize],
    ) -> Outcome<V> {
        let mut seen = Vec::new();
        for (table, column) in tables.iter().zip(&words.columns) {
            seen.push(table.look_up(bound, &Index::new(&padded(column, of, 0)?.0))?);
        }
        let lengths = padded(&words.columns[0], of, 0)?.1;
        let seen = dropout.apply(bound, &seen[0].concat(2, &seen[1..]));
        let read = dropout.apply(bound, &encoder.run(bound, &seen, None, Some(&lengths)).0);
        let shape = read.shape();
        Ok(read.reshape([shape[0] * shape[1], shape[2]]))
    }
    let layers = (&tables[..], &dropout, &encoder);
    train(&mut params, (known.len(), epochs, 0.01, seed), |tape, bound, batch| {
        let batch: Vec<usize> = batch.iter().map(|&i| known[i]).collect();
        let read = encode(layers, bound, &words, &batch)?;
        let mut sum = tape.var(Tensor::scalar(0.0));
        for ((head, (truth, classes)), _) in heads.iter().zip(truth).zip(tasks).filter(|(_, wanted)| *wanted)
        {
            let labels = padded(truth, &batch, PADDING)?.0.to_vec();
            sum = sum
                + cross_entropy(&head.apply(bound, &read), &Labels::with_ignored(labels, classes, PADDING)?);
        }
        Ok(sum)
    })?;
    let (bound, mut found) = (params.eager(), [Vec::new(), Vec::new()]);
    let read = encode(layers, &bound, &words, asked)?;
    let steps = read.shape()[0] / asked.len();
    for (found, head) in found.iter_mut().zip(&heads) {
        let tags = answers(head.apply(&bound, &read).tensor()?);
        found.extend(tags.chunks(steps).zip(asked).map(|(tags, &i)| tags[..all.words[i].len()].to_vec()));
    }
    Ok(judge(all, asked, &found))
}

/// The system, as `tress train --system text` runs it.
pub const SYSTEM: System = System {
    name: "text",
    title: "Parts of speech and named entities",
    data: "500 Japanese sentences",
    columns: &[percent("parts").headline(), percent("entity tags"), percent("F1 of entities").headline()],
    floor: "commonest tag",
    linear: "",
    alone: "single tasks",
    tress: "joint",
    run,
};

/// The last fifth of the text is for the test, and the fifth before it for validation; once a setting is chosen, all that comes
/// before the test is learned from.
fn run(run: &Run<'_>) -> Outcome<Rows> {
    let all = Sentences::built_in()?;
    let part = |from: usize, to: usize| (all.len() * from / 5..all.len() * to / 5).collect::<Vec<usize>>();
    let (known, held, both, asked) = (part(0, 3), part(3, 4), part(0, 4), part(4, 5));
    let settings = run.pick(&[(12, 0.3), (12, 0.5)][..], &[(20, 0.3)]);
    let best = |tasks: [bool; 2]| -> Outcome<[f64; 3]> {
        let (epochs, drop) = best_of(settings, |(epochs, drop)| {
            let found = network(&all, &known, &held, tasks, (epochs, drop, run.seed))?;
            // What a network does not learn takes no part in the choice.
            Ok(found[0] * f64::from(tasks[0]) + found[2] * f64::from(tasks[1]))
        })?;
        network(&all, &both, &asked, tasks, (epochs, drop, run.seed))
    };
    let (parts, tags) = (best([true, false])?, best([false, true])?);
    Ok(vec![
        ("commonest tag".into(), floor(&all, &both, &asked).into()),
        ("single tasks".into(), vec![parts[0], tags[1], tags[2]]),
        ("joint".into(), best([true; 2])?.into()),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
