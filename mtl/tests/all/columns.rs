//! Architectures of one column a task, at settings where they are something known: soft sharing, cross-stitch, NDDR, sluice.

use crate::known::{assert_near, features, layer, numbers, tanh, value};
use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Tape};
use tress_mtl::architecture::{Architecture, CrossStitch, Nddr, Sluice, SoftSharing, penalise};
use tress_mtl::balance::Equal;
use tress_mtl::{sharing, sweep};
use tress_nn::{Adam, Conv2d, Dense, Optimiser, Params, Scope};
use tress_tensor::Tensor;

#[test]
fn columns_that_mix_nothing_are_separate_networks() {
    let x = numbers(&[4, 5]);
    for nddr in [false, true] {
        let mut params = Params::new(2);
        let build = |s: &mut Scope<'_, f64>, stage| tanh(s, [5, 4][stage], [4, 3][stage]);
        let found = if nddr {
            let nddr = Nddr::new(&mut params.root(), 3, &[4, 3], build).unwrap().alpha(1.0).unwrap();
            assert_eq!(params.len(), 3 * (5 * 4 + 4 + 4 * 3 + 3) + 3 * (4 * 12 + 3 * 9));
            features(&nddr, &params, &x)
        } else {
            let stitch = CrossStitch::starting_at(&mut params.root(), 3, &[4, 3], 1.0, build).unwrap();
            assert_eq!(params.len(), 3 * (5 * 4 + 4 + 4 * 3 + 3) + 9 * (4 + 3));
            features(&stitch, &params, &x)
        };
        for (task, features) in found.tasks().iter().enumerate() {
            let first = layer(&params, &format!("task{task}.stage0"), &Eager::new(x.clone()));
            let second = layer(&params, &format!("task{task}.stage1"), &first);
            assert_near(&value(features), &value(&second), 1e-15);
        }
    }
}

/// The features of all tasks of a network whose type is forgotten.
type Run = dyn Fn(&Params<f64>, &Tensor<f64>) -> Vec<Vec<f64>>;

#[test]
fn columns_begin_with_nine_tenths_of_themselves() {
    // One linear stage whose column k gives the constant 10^k.
    for (tasks, nddr) in [(2, false), (3, false), (2, true), (3, true)] {
        let mut params = Params::new(2);
        let build = |s: &mut Scope<'_, f64>, _| Dense::new(s, 1, 2);
        let build_all = |params: &mut Params<f64>| -> Box<Run> {
            if nddr {
                let nddr = Nddr::new(&mut params.root(), tasks, &[2], build).unwrap();
                Box::new(move |p, x| features(&nddr, p, x).tasks().iter().map(value).collect())
            } else {
                let stitch = CrossStitch::new(&mut params.root(), tasks, &[2], build).unwrap();
                Box::new(move |p, x| features(&stitch, p, x).tasks().iter().map(value).collect())
            }
        };
        let run = build_all(&mut params);
        for task in 0..tasks {
            let name = format!("task{task}.stage0");
            params.set(&format!("{name}.weight"), &Tensor::zeros([1, 2]).unwrap()).unwrap();
            let constant = 10f64.powi(task as i32);
            params.set(&format!("{name}.bias"), &Tensor::full([2], constant).unwrap()).unwrap();
        }
        let sum: f64 = (0..tasks).map(|k| 10f64.powi(k as i32)).sum();
        for (task, found) in run(&params, &numbers(&[1, 1])).into_iter().enumerate() {
            let own = 10f64.powi(task as i32);
            let expected = 0.9 * own + 0.1 / (tasks - 1) as f64 * (sum - own);
            assert_near(&found, &[expected; 2], 1e-12);
        }
    }
}

#[test]
fn nddr_of_pictures_is_that_of_every_pixel() {
    let mut params = Params::new(4);
    let build = |s: &mut Scope<'_, f64>, _| Conv2d::new(s, 2, 3, [1, 1]);
    let nddr = Nddr::new(&mut params.root(), 2, &[3], build).unwrap();
    let noise = numbers(&[params.len()]).to_vec();
    params.block_mut().iter_mut().zip(noise).for_each(|(x, noise)| *x += noise);
    let picture = numbers(&[2, 2, 3, 4]);
    let whole = features(&nddr, &params, &picture);
    for (n, h, w) in [(0, 0, 0), (1, 2, 3), (0, 1, 2)] {
        let pixel = Tensor::from_fn([1, 2, 1, 1], |i| picture[[n, i[1], h, w]]).unwrap();
        let alone = features(&nddr, &params, &pixel);
        for task in 0..2 {
            let there = whole.tasks()[task].tensor().unwrap();
            let expected: Vec<f64> = (0..3).map(|c| there[[n, c, h, w]]).collect();
            assert_near(&value(&alone.tasks()[task]), &expected, 1e-14);
        }
    }
}

#[test]
fn softly_shared_trunks_are_apart_and_the_penalty_is_the_sum_over_pairs() {
    let mut params = Params::new(3);
    let soft = SoftSharing::new(&mut params, "soft", 3, 0.25, |s| tanh(s, 5, 4)).unwrap();
    let x = numbers(&[2, 5]);
    let found = features(&soft, &params, &x);
    let mut expected = 0.0;
    for a in 0..3 {
        let own = layer(&params, &format!("soft.task{a}"), &Eager::new(x.clone()));
        assert_eq!(value(&found.tasks()[a]), value(&own));
        for b in 0..a {
            for last in ["weight", "bias"] {
                let of = |k: usize| params.tensor(&format!("soft.task{k}.{last}")).unwrap().to_vec();
                expected += of(a).iter().zip(of(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            }
        }
    }
    let penalty = found.penalty().unwrap().item().unwrap();
    assert!((penalty - 0.25 * expected).abs() < 1e-12 * expected, "{penalty} and {}", 0.25 * expected);

    let mut alone = Params::new(3);
    let free = SoftSharing::new(&mut alone, "soft", 3, 0.0, |s| tanh(s, 5, 4)).unwrap();
    assert!(features(&free, &alone, &x).penalty().is_none());
    assert!(SoftSharing::new(&mut alone, "other", 3, -1.0, |s| tanh(s, 5, 4)).is_err());
    let mut width = 3;
    let differing = SoftSharing::new(&mut alone, "more", 2, 1.0, |s| {
        width += 1;
        tanh(s, 5, width)
    });
    assert!(differing.is_err(), "trunks of different width have no distance");
}

#[test]
fn a_strong_soft_penalty_is_hard_sharing() {
    let mut params = Params::new(3);
    let soft = SoftSharing::new(&mut params, "soft", 2, 50.0, |s| Dense::new(s, 2, 2)).unwrap();
    let mut adam = Adam::new(0.01);
    for _ in 0..800 {
        let tape = Tape::new();
        let bound = params.on(&tape);
        let found = soft.features(&bound, &tape.var(numbers(&[3, 2])));
        let losses: Vec<_> = found.tasks().iter().map(|f| f.square().mean_all()).collect();
        let cut = sharing::cut(&losses, &bound).unwrap();
        let mut gradient =
            sweep::balanced(&losses, &cut, &bound, &params, &mut Equal::sum()).unwrap().gradient;
        penalise(&mut gradient, found.penalty().unwrap(), &bound).unwrap();
        adam.step(&mut params, &gradient).unwrap();
    }
    let of = |k: usize| params.tensor(&format!("soft.task{k}.weight")).unwrap().to_vec();
    assert_near(&of(0), &of(1), 1e-3);
}

#[test]
fn sluices_start_near_their_own_last_layer_and_are_held_orthogonal() {
    let (tasks, inputs, width, depth) = (2, 3, 2, 3);
    let mut params = Params::<f64>::new(3);
    let sluice = Sluice::new(&mut params.root(), tasks, inputs, width, depth, 2.0).unwrap();
    let dense = |from: usize| 2 * (from * width + width);
    let layers = tasks * (dense(inputs) + 2 * dense(2 * width));
    assert_eq!(params.len(), layers + depth * 16 + tasks * depth);
    assert_eq!(params.tensor("beta0.last").unwrap().to_vec(), [0.9]);
    assert_eq!(params.tensor("beta1.before").unwrap().to_vec(), [0.05, 0.05]);
    assert_eq!(params.tensor("alpha0.own3").unwrap().to_vec(), [0.9]);
    assert_near(&params.tensor("alpha0.other3").unwrap().to_vec(), &[0.1 / 3.0; 3], 1e-15);
    let mut expected = 0.0;
    for task in 0..2 {
        for l in 0..3 {
            let of = |space: usize| {
                Eager::new(params.tensor(&format!("task{task}.layer{l}.space{space}.weight")).unwrap())
            };
            expected += value(&of(0).transpose(0, 1).matmul(of(1))).iter().map(|x| x * x).sum::<f64>();
        }
    }
    let penalty = features(&sluice, &params, &numbers(&[2, 3])).penalty().unwrap().item().unwrap();
    assert!((penalty - 2.0 * expected).abs() < 1e-13);

    // Nothing mixed: a task's own two subspaces, layer on layer.
    for entry in params.entries().map(|e| e.name().to_owned()).collect::<Vec<_>>() {
        let last = entry.rsplit('.').next().unwrap();
        let number = match last {
            _ if last.starts_with("own") || last == "last" => 1.0,
            _ if last.starts_with("other") || last == "before" => 0.0,
            _ => continue,
        };
        let shape = *params.entry(&entry).unwrap().shape();
        params.set(&entry, &Tensor::full(shape, number).unwrap()).unwrap();
    }
    let x = numbers(&[2, 3]);
    for (task, found) in features(&sluice, &params, &x).tasks().iter().enumerate() {
        let mut h = Eager::new(x.clone());
        for l in 0..3 {
            let space = |s: usize| layer(&params, &format!("task{task}.layer{l}.space{s}"), &h);
            h = space(0).concat(1, &[&space(1)]);
        }
        assert_near(&value(found), &value(&h), 1e-15);
    }
}
