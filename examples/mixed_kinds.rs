//! Tasks of three kinds on one trunk: a class, numbers, and groups that nobody has labelled.
//!
//! Pictures of digits and clothes. The first head says whether a picture is a digit; the second gives its pixels back from ten
//! numbers; the third looks for twenty groups of such ten numbers. How well these agree with the twenty classes, which no head
//! is told, is measured by normalised mutual information and the adjusted Rand index.
//!
//! `cargo run --release --example mixed_kinds`

mod common;

use common::{Outcome, answers, labels, rows, share, train};
use tress::mtl::cluster::{KMeans, SoftClusters};
use tress::nn::metric::{Clusters, Regression};
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty};

/// The width of the features that all three heads see.
const WIDTH: usize = 10;

/// What is reported of the test pictures.
#[derive(Debug)]
pub(crate) struct Report {
    /// The share of pictures told right as a digit or not.
    pub(crate) accuracy: f64,
    /// The part of the variance of the pixels that is explained.
    pub(crate) explained: f64,
    /// NMI and ARI of groups and classes: k-means on pixels, k-means on the features, soft groups after sharpening.
    pub(crate) agreement: [[f64; 2]; 3],
}

fn agreement(classes: &[u32], groups: &[u32]) -> Outcome<[f64; 2]> {
    let mut metric = Clusters::new();
    metric.add(classes, groups)?;
    Ok([metric.nmi().unwrap_or(f64::NAN), metric.ari().unwrap_or(f64::NAN)])
}

/// Trains on `count` pictures for so many epochs without the groups and then with them.
pub(crate) fn run(count: usize, [before, with]: [u64; 2]) -> Outcome<Report> {
    let known = Twenty::read(&Library::BuiltIn, Split::Train)?.take(count);
    let asked = Twenty::read(&Library::BuiltIn, Split::Test)?;
    let (inputs, test) = (known.images()?, asked.images()?);
    let kind = |all: &Twenty| all.labels.iter().map(|label| label / 10).collect::<Vec<u32>>();
    let (kinds, test_kinds) = (kind(&known), kind(&asked));
    let flat = inputs.reshape([inputs.shape()[0], 784])?;
    let flat_test = test.reshape([test.shape()[0], 784])?;

    let mut params = Params::new(1);
    let lenet = lenet(&mut params, &[("unused", Objective::Classes(2))])?;
    let narrow = Dense::new(&mut params.scope("narrow"), 50, WIDTH)?;
    let trunk = lenet.architecture().trunk().clone().then(narrow);
    let digit = Dense::new(&mut params.scope("digit"), WIDTH, 2)?;
    let pixels = Sequential::new()
        .then(Dense::new(&mut params.scope("pixels1"), WIDTH, 128)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("pixels2"), 128, 784)?);
    let groups = SoftClusters::new(&mut params.scope("groups"), 20, WIDTH)?;

    let features = |params: &Params, inputs: &Tensor| -> Outcome<Tensor> {
        Ok(trunk.apply(&params.eager(), &Eager::new(inputs.clone())).tensor()?.clone())
    };
    // What the third head is to become; nothing at first.
    let target = std::cell::RefCell::new(None::<Tensor>);
    let train_for = |params: &mut Params, epochs: u64, seed: u64| {
        train(params, (inputs.shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
            let x = trunk.apply(bound, &tape.var(rows(&inputs, batch)?));
            let of_kind = cross_entropy(&digit.apply(bound, &x), &labels(&kinds, batch, 2)?);
            let of_pixels = mse(&pixels.apply(bound, &x), &tape.var(rows(&flat, batch)?));
            let known = of_kind + of_pixels.scale(20.0);
            Ok(match &*target.borrow() {
                Some(target) => {
                    known + SoftClusters::loss(&groups.apply(bound, &x), &rows(target, batch)?).scale(0.1)
                }
                None => known,
            })
        })
    };
    train_for(&mut params, before, 1)?;
    let plain = KMeans::fit(&features(&params, &test)?, 20, 1, 100)?;
    let found = features(&params, &inputs)?;
    groups.start(&mut params, &found, 1)?;
    for epoch in 0..with {
        let soft = groups.probabilities(&params.eager(), &features(&params, &inputs)?)?;
        *target.borrow_mut() = Some(SoftClusters::target(&soft)?);
        train_for(&mut params, 1, 2 + epoch)?;
    }

    let raw = KMeans::fit(&flat_test, 20, 1, 30)?;
    let (bound, x) = (params.eager(), Eager::new(features(&params, &test)?));
    let told = answers(digit.apply(&bound, &x).tensor()?);
    let mut explained = Regression::new();
    explained.add(pixels.apply(&bound, &x).tensor()?, &flat_test)?;
    let soft = answers(groups.apply(&bound, &x).tensor()?);
    let all = [raw.assignment(), plain.assignment(), &soft].map(|groups| agreement(&asked.labels, groups));
    let [raw, plain, soft] = all;
    Ok(Report {
        accuracy: share(told.len(), |i| told[i] == test_kinds[i]),
        explained: explained.r2().unwrap_or(f64::NAN),
        agreement: [raw?, plain?, soft?],
    })
}

/// At the size of the table in the documents.
pub fn main() -> Outcome<()> {
    let report = run(10_000, [10, 10])?;
    println!(
        "digit or not: {:.2} %; pixels: {:.3} of their variance",
        100.0 * report.accuracy,
        report.explained
    );
    for (name, [nmi, ari]) in
        ["k-means on pixels", "k-means on features", "soft groups"].iter().zip(report.agreement)
    {
        println!("{name:<20} NMI {nmi:.3}  ARI {ari:.3}");
    }
    Ok(())
}
