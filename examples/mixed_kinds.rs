//! Tasks of three kinds on one trunk: a class, numbers, and groups that nobody has labelled.
//!
//! Pictures of digits and clothes. The first head says whether a picture is a digit; the second gives its pixels back from ten
//! numbers; the third looks for twenty groups of such ten numbers. How well these agree with the twenty classes, which no head
//! is told, is measured by normalised mutual information and the adjusted Rand index.
//!
//! `cargo run --release --example mixed_kinds`

mod common;

use common::{Outcome, agreement, answers, labels, rows, share, train};
use tress::mtl::cluster::SoftClusters;
use tress::nn::Random;
use tress::nn::metric::Regression;
use tress::prelude::*;
use tress_cli::data::{Library, Split, Twenty};
use tress_cli::systems::{Rows, Run, System, number, percent};

/// The system, as `tress train --system mixed_kinds` runs it.
pub const SYSTEM: System = System {
    name: "mixed_kinds",
    title: "A class, pixels and groups",
    data: "digits and clothes",
    columns: &[
        percent("digit or not").headline(),
        percent("variance of pixels").headline(),
        number("NMI", 3).higher().headline(),
        number("ARI", 3).higher(),
    ],
    floor: "at random",
    alone: "single tasks",
    tress: "joint",
    run,
};

/// The three heads that are wanted on one trunk: a column each, and two for groups. These are those of k-means on what the trunk
/// makes of the training pictures, the best of five; with their loss, k-means is their start, and without it their end.
fn network(run: &Run<'_>, wanted: [bool; 3]) -> Outcome<[f64; 4]> {
    let (count, [before, with]) = run.pick((5_000, [6, 6]), (1_500, [8, 3]));
    let known = Twenty::read(&Library::BuiltIn, Split::Train)?.take(count);
    let asked = Twenty::read(&Library::BuiltIn, Split::Test)?;
    let (inputs, test) = (known.images()?, asked.images()?);
    let kind = |all: &Twenty| all.labels.iter().map(|label| label / 10).collect::<Vec<u32>>();
    let (kinds, test_kinds, width) = (kind(&known), kind(&asked), 10); // the width of what all heads see
    let (flat, flat_test) = (known.rows()?, asked.rows()?);
    let mut params = Params::new(run.seed);
    let lenet = lenet(&mut params, &[("unused", Objective::Classes(2))])?;
    let trunk = lenet.architecture().trunk().clone();
    let trunk = trunk.then(Dense::new(&mut params.scope("narrow"), 50, width)?);
    let digit = Dense::new(&mut params.scope("digit"), width, 2)?;
    let pixels = Sequential::new()
        .then(Dense::new(&mut params.scope("pixels1"), width, 128)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("pixels2"), 128, 784)?);
    let groups = SoftClusters::new(&mut params.scope("groups"), 20, width)?;

    let features = |params: &Params, inputs: &Tensor| -> Outcome<Tensor> {
        Ok(trunk.apply(&params.eager(), &Eager::new(inputs.clone())).tensor()?.clone())
    };
    // What the third head is to become; nothing at first.
    let target = std::cell::RefCell::new(None::<Tensor>);
    let train_for = |params: &mut Params, epochs: u64, seed: u64| {
        train(params, (inputs.shape()[0], epochs, 0.003, seed), |tape, bound, batch| {
            let x = trunk.apply(bound, &tape.var(rows(&inputs, batch)?));
            let mut sum = tape.var(Tensor::scalar(0.0));
            if wanted[0] {
                sum = sum + cross_entropy(&digit.apply(bound, &x), &labels(&kinds, batch, 2)?);
            }
            if wanted[1] {
                sum = sum + mse(&pixels.apply(bound, &x), &tape.var(rows(&flat, batch)?)).scale(20.0);
            }
            if let Some(target) = &*target.borrow() {
                sum = sum + SoftClusters::loss(&groups.apply(bound, &x), &rows(target, batch)?).scale(0.1);
            }
            Ok(sum)
        })
    };
    train_for(&mut params, before, run.seed)?;
    for epoch in 0..=with {
        let found = features(&params, &inputs)?;
        if epoch == if wanted[2] { 0 } else { with } {
            groups.start(&mut params, &found, run.seed)?;
        }
        if wanted[2] {
            let soft = groups.probabilities(&params.eager(), &found)?;
            *target.borrow_mut() = Some(SoftClusters::target(&soft)?);
        }
        train_for(&mut params, u64::from(epoch < with), run.seed + 1 + epoch)?;
    }
    let (bound, x) = (params.eager(), Eager::new(features(&params, &test)?));
    let (told, mut explained) = (answers(digit.apply(&bound, &x).tensor()?), Regression::new());
    let (said, all) = (pixels.apply(&bound, &x), [flat_test.len()]); // one target: some pixels never vary
    explained.add(said.reshape(all).tensor()?, &flat_test.reshape(all)?)?;
    let known = [share(told.len(), |i| told[i] == test_kinds[i]), explained.r2().unwrap_or(f64::NAN)];
    let [nmi, ari] = agreement(&asked.labels, &answers(groups.apply(&bound, &x).tensor()?))?;
    Ok([known[0], known[1], nmi, ari])
}

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let known = Twenty::read(&Library::BuiltIn, Split::Train)?.take(run.pick(5_000, 1_500));
    let asked = Twenty::read(&Library::BuiltIn, Split::Test)?;
    let mut params = Params::new(run.seed);
    let groups = SoftClusters::new(&mut params.scope("groups"), 20, 784)?;
    let plain = groups.start(&mut params, &known.rows()?, run.seed)?; // k-means, the best of five
    let [raw_nmi, raw_ari] = agreement(&asked.labels, &plain.predict(&asked.rows()?)?)?;
    let mut random = Random::new(run.seed);
    let chance: Vec<u32> = asked.labels.iter().map(|_| random.below(20) as u32).collect();
    let [nmi, ari] = agreement(&asked.labels, &chance)?;
    let [class, pixels] = [network(run, [true, false, false])?, network(run, [false, true, false])?];
    Ok(vec![
        ("at random".into(), vec![0.5, 0.0, nmi, ari]),
        ("single tasks".into(), vec![class[0], pixels[1], raw_nmi, raw_ari]),
        ("two heads, then k-means".into(), network(run, [true, true, false])?.into()),
        ("joint".into(), network(run, [true; 3])?.into()),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
