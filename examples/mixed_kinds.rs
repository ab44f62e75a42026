//! Tasks of three kinds on one trunk: a class, numbers, and groups that nobody has labelled.
//!
//! Pictures of digits and clothes. The first head says whether a picture is a digit; the second gives its pixels back from ten
//! numbers; the third looks for twenty groups of such ten numbers. How well these agree with the twenty classes, which no head
//! is told, is measured by NMI and the adjusted Rand index. `cargo run --release --example mixed_kinds`

mod common;

use common::table::{classified, reconstructed};
use common::{Outcome, agreement, answers, commonest, explained, labels, right, rows, train};
use tress::mtl::cluster::SoftClusters;
use tress::nn::Random;
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
    linear: "linear",
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
    let (kinds, flat, width) = (known.kinds(), known.rows()?, 10); // the width of what all heads see
    let mut params = Params::new(run.seed);
    let trunk = common::answers::trunk(&mut params, &inputs)?;
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
    let told = right(&answers(digit.apply(&bound, &x).tensor()?), &asked.kinds());
    let given = explained(pixels.apply(&bound, &x).tensor()?, &asked.rows()?)?;
    let [nmi, ari] = agreement(&asked.labels, &answers(groups.apply(&bound, &x).tensor()?))?;
    Ok([told, given, nmi, ari])
}

fn run(run: &Run<'_>) -> Outcome<Rows> {
    let known = Twenty::read(&Library::BuiltIn, Split::Train)?.take(run.pick(5_000, 1_500));
    let asked = Twenty::read(&Library::BuiltIn, Split::Test)?;
    let mut params = Params::new(run.seed);
    let groups = SoftClusters::new(&mut params.scope("groups"), 20, 784)?;
    let (x, truth) = (known.rows()?, asked.rows()?);
    let plain = groups.start(&mut params, &x, run.seed)?.predict(&truth)?; // k-means, the best of five
    let plain = agreement(&asked.labels, &plain)?;
    let mut random = Random::new(run.seed);
    let chance: Vec<u32> = asked.labels.iter().map(|_| random.below(20) as u32).collect();
    let [nmi, ari] = agreement(&asked.labels, &chance)?;
    let [class, pixels] = [network(run, [true, false, false])?, network(run, [false, true, false])?];
    let (known, asked) = (known.kinds(), asked.kinds());
    let told = right(&classified([&x, &truth], &known, 2)?, &asked);
    let part = |components| explained(&reconstructed([&x, &truth], components)?, &truth);
    let groups = network(run, [false, true, true])?; // groups of what a picture can be given back from
    Ok(vec![
        ("at random".into(), vec![commonest(&known, &asked), part(0)?, nmi, ari]),
        ("linear".into(), vec![told, part(10)?, plain[0], plain[1]]),
        ("single tasks".into(), vec![class[0], pixels[1], groups[2], groups[3]]),
        ("two heads, then k-means".into(), network(run, [true, true, false])?.into()),
        ("joint".into(), network(run, [true; 3])?.into()),
    ])
}

fn main() -> Outcome<()> {
    SYSTEM.main()
}
