//! Crates that `tress export` writes, as they were written once: the text must be the same today, and what it computes the same as the
//! program, to the last bit. `TRESS_WRITE=1 cargo test -p tress-cli exported` writes them anew.

use std::fs;
use std::path::Path;

use tress::nn::Random;
use tress::nn::device::{Objective, Program};
use tress::prelude::*;

use crate::devices::{Place, program, quantised, sample, write_samples};

// The attributes at the head of a crate mean nothing to a module, and the text is not to be formatted.
#[allow(unused_attributes, dead_code, unreachable_pub)]
#[path = "../exported/bytes.rs"]
#[rustfmt::skip]
mod bytes;
#[allow(unused_attributes, dead_code, unreachable_pub)]
#[path = "../exported/floats.rs"]
#[rustfmt::skip]
mod floats;
#[allow(unused_attributes, dead_code, unreachable_pub)]
#[path = "../exported/learns.rs"]
#[rustfmt::skip]
mod learns;

/// Exports, and compares the text with the file, or writes it.
fn same_text(place: &Place, what: &str, name: &str) {
    place.fine(&format!("export {what} --rust {name}"));
    let text = place.read(&format!("{name}/src/lib.rs"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/exported/{name}.rs"));
    if std::env::var_os("TRESS_WRITE").is_some_and(|wanted| !wanted.is_empty()) {
        fs::write(&file, &text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == kept, "{} is no longer what is written; TRESS_WRITE=1 writes it anew", file.display());
}

#[test]
fn floats_are_computed_as_by_the_program() {
    let place = Place::new("exported-floats");
    let program = program(true);
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    same_text(&place, "net.safetensors", "floats");
    let mut arena = floats::Arena::new();
    for seed in 0..3 {
        let [x, t] = sample(seed);
        let (mut y, mut class, mut int, mut dense) = ([0.0; 3], [0.0; 2], [0.0; 36], [0.0; 2]);
        let inputs = (x.as_slice().try_into().unwrap(), t.as_slice().try_into().unwrap());
        floats::infer(&mut arena, inputs.0, inputs.1, &mut y, &mut class, &mut int, &mut dense);
        let found = [&y[..], &class, &int, &dense].concat();
        let expected = program.run(&[&x, &t]).unwrap().concat();
        assert!(
            found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()),
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn bytes_are_computed_as_by_the_program() {
    let place = Place::new("exported-bytes");
    let program = program(true);
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    write_samples(&place);
    same_text(&place, "net.safetensors --int8 --calibrate samples.npz", "bytes");
    let quantised = quantised(&program);
    let mut arena = bytes::Arena::new();
    for seed in 0..3 {
        let [x, t] = sample(seed);
        let x: Vec<i8> = x.iter().map(|&x| bytes::byte(x, bytes::RANGE_WINDOW)).collect();
        let t: Vec<i8> = t.iter().map(|&t| quantised.range(1).byte(t)).collect();
        let (mut y, mut class, mut int, mut dense) = ([0; 3], [0; 2], [0; 36], [0; 2]);
        let inputs = (x.as_slice().try_into().unwrap(), t.as_slice().try_into().unwrap());
        bytes::infer(&mut arena, inputs.0, inputs.1, &mut y, &mut class, &mut int, &mut dense);
        assert_eq!([&y[..], &class, &int, &dense].concat(), quantised.run(&[&x, &t]).unwrap().concat());
    }
}

#[test]
fn a_step_of_learning_is_that_of_the_program() {
    let place = Place::new("exported-learns");
    let mut params = Params::<f32>::new(5);
    let trunk = Dense::new(&mut params.scope("trunk"), 3, 4).unwrap().activation(Map::Tanh);
    let heads = [2, 5].map(|n| Dense::new(&mut params.scope(["two", "five"][n / 5]), 4, n).unwrap());
    let network = Program::record(&params, &[("rate", &[1, 3])], |bound, xs| {
        let y = trunk.apply(bound, &xs[0]);
        // Names that the function has for itself.
        Ok(vec![
            ("weights".to_owned(), heads[0].apply(bound, &y)),
            ("updates".to_owned(), heads[1].apply(bound, &y)),
        ])
    })
    .unwrap();
    fs::write(place.0.join("net.safetensors"), network.save()).unwrap();
    same_text(&place, "net.safetensors --learn classes", "learns");
    let step = network.learning(Objective::Classes).unwrap();
    let mut arena = learns::LearningArena::new();
    let (mut weights, mut updates) = (learns::WEIGHTS, [0.0; learns::WEIGHTS.len()]);
    let mut random = Random::new(1);
    let mut first = 0.0;
    for time in 0..200 {
        let x = [0; 3].map(|_| random.normal() as f32);
        // Two questions about the sample: whether its first number is above 0, and which of five ranges its second is in.
        let two = if x[0] > 0.0 { [0.0, 1.0] } else { [1.0, 0.0] };
        let mut five = [0.0; 5];
        five[(x[1] * 1.5 + 2.5).clamp(0.0, 4.0) as usize] = 1.0;
        let mut inputs = vec![x.to_vec(), two.to_vec(), five.to_vec(), vec![0.1]];
        let mut start = 0;
        for weight in network.weights() {
            inputs.push(weights[start..start + weight.numbers.len()].to_vec());
            start += weight.numbers.len();
        }
        let expected = step.run(&inputs.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        let losses = learns::learn(&mut arena, &mut weights, &mut updates, &x, &two, &five, 0.1);
        let found: Vec<f32> = losses.iter().chain(&updates).copied().collect();
        assert_eq!(found, expected.concat(), "step {time}");
        if time < 20 {
            first += losses[0] + losses[1]
        }
        if time >= 180 {
            first -= losses[0] + losses[1]
        }
    }
    assert!(first > 10.0, "the losses of twenty steps fell by {first}");
}
