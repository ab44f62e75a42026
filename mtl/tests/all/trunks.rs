//! Architectures of one trunk or tree, at settings where they are something known: MTAN, FiLM, branching, hierarchy.

use crate::known::{assert_near, features, layer, numbers, tanh, value};
use tress_autograd::{Arrange, Eager, Pointwise, Reduce, Tape};
use tress_mtl::architecture::{Architecture, Branching, Film, Hierarchy, Mtan, Node, Stage};
use tress_mtl::sharing;
use tress_nn::{Conv2d, Dense, Layer, Params, Scope, Sequential};
use tress_tensor::Tensor;

#[test]
fn attention_is_a_mask_of_the_trunk() {
    let mut params = Params::<f64>::new(3);
    let identity = || Sequential::new();
    let stage = |channels| Stage { first: identity(), second: identity(), down: identity(), channels };
    let mtan = Mtan::new(&mut params.root(), 2, vec![stage([2, 2]), stage([2, 2])]).unwrap();
    let conv = |from: usize, to: usize, taps: usize| from * to * taps + to;
    let block = |seen| conv(seen, 2, 1) + conv(2, 2, 1) + conv(2, 2, 9);
    assert_eq!(params.len(), 2 * (block(2) + block(4)));
    let x = numbers(&[1, 2, 3, 3]);
    let masks = features(&mtan, &params, &x);
    assert_eq!(masks.gates().len(), 4);
    assert!(masks.gates().iter().all(|mask| value(mask).iter().all(|m| (0.0..=1.0).contains(m))));

    // Masks of one half (h is zero), and an f that hands on the middle: half of half of the rectified trunk... but f sees
    // the mask of its own block only, so each block gives relu(x / 2).
    for entry in params.entries().map(|e| e.name().to_owned()).collect::<Vec<_>>() {
        let zeros = Tensor::zeros(*params.entry(&entry).unwrap().shape()).unwrap();
        params.set(&entry, &zeros).unwrap();
        if entry.ends_with("f.weight") {
            let middle = |i: &[usize]| f64::from(u8::from(i[0] == i[1] && i[2] == 1 && i[3] == 1));
            params.set(&entry, &Tensor::from_fn([2, 2, 3, 3], middle).unwrap()).unwrap();
        }
    }
    let expected: Vec<f64> = x.to_vec().iter().map(|x| (0.5 * x).max(0.0)).collect();
    for found in features(&mtan, &params, &x).tasks() {
        assert_near(&value(found), &expected, 1e-15);
    }
}

#[test]
fn film_begins_as_the_identity_and_scales_and_shifts_channels() {
    let x = numbers(&[3, 2, 4, 4]);
    for embedded in [false, true] {
        let mut params = Params::<f64>::new(3);
        let conv = Conv2d::new(&mut params.scope("conv"), 2, 3, [3, 3]).unwrap();
        let stages = vec![(conv, 3)];
        let film = match embedded {
            true => Film::embedded(&mut params.root(), 2, stages, 4).unwrap(),
            false => Film::new(&mut params.root(), 2, stages).unwrap(),
        };
        assert_eq!(params.len(), 2 * 3 * 9 + 3 + if embedded { 2 * 4 + 2 * 4 * 3 } else { 2 * 2 * 3 });
        let plain = conv.apply(&params.eager(), &Eager::new(x.clone()));
        for found in features(&film, &params, &x).tasks() {
            assert_eq!(value(found), value(&plain));
        }
        if !embedded {
            params
                .set("film0.scale", &Tensor::new([2, 3], &[0.0, 1.0, -1.0, 2.0, 0.0, 0.0]).unwrap())
                .unwrap();
            params
                .set("film0.shift", &Tensor::new([2, 3], &[0.0, 0.0, 5.0, 0.0, -1.0, 0.0]).unwrap())
                .unwrap();
            let found = features(&film, &params, &x);
            for (task, gammas, betas) in
                [(0, [1.0, 2.0, 0.0], [0.0, 0.0, 5.0]), (1, [3.0, 1.0, 1.0], [0.0, -1.0, 0.0])]
            {
                let found = found.tasks()[task].tensor().unwrap();
                for (c, (gamma, beta)) in gammas.into_iter().zip(betas).enumerate() {
                    let expected = gamma * plain.tensor().unwrap()[[1, c, 0, 1]] + beta;
                    assert!((found[[1, c, 0, 1]] - expected).abs() < 1e-14);
                }
            }
        }
    }
}

#[test]
fn branching_draws_evaluates_and_fixes_one_tree() {
    let x = numbers(&[4, 5]);
    let mut params = Params::<f64>::new(3);
    let build = |s: &mut Scope<'_, f64>, level| tanh(s, [5, 4][level], [4, 3][level]);
    let branching = Branching::new(&mut params.root(), 3, &[2, 3], build).unwrap();
    assert_eq!(params.len(), 2 * (5 * 4 + 4) + 3 * (4 * 3 + 3) + 3 * 2 + 3 * 3);
    params.set("choice0", &Tensor::new([3, 2], &[0.0, 1.0, 2.0, 1.0, 0.5, 0.0]).unwrap()).unwrap();
    params
        .set("choice1", &Tensor::new([3, 3], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.1, 2.0, 0.0, 1.9]).unwrap())
        .unwrap();
    let tree = branching.tree(&params).unwrap();
    assert_eq!(tree, [vec![1, 0, 0], vec![0, 2, 0]]);

    // Evaluation takes the tree; so do the fixed network and the layers by hand.
    let evaluated = features(&branching, &params, &x);
    let fixed = branching.clone().fixed(tree).unwrap();
    let along = features(&fixed, &params, &x);
    for (task, [first, second]) in [[1, 0], [0, 2], [1, 0]].into_iter().enumerate() {
        let h = layer(&params, &format!("level0.block{first}"), &Eager::new(x.clone()));
        let expected = value(&layer(&params, &format!("level1.block{second}"), &h));
        assert_near(&value(&evaluated.tasks()[task]), &expected, 1e-15);
        assert_near(&value(&along.tasks()[task]), &expected, 1e-15);
    }
    // Block 1 of the second level has no child, so the fixed network does not run it.
    let tape = Tape::new();
    let bound = params.on(&tape);
    let sum =
        fixed.features(&bound, &tape.var(x.clone())).tasks().iter().map(|f| f.sum_all()).reduce(|a, b| a + b);
    let tasks = sharing::tasks_of(&[sum.unwrap()], &bound, &params).unwrap();
    let unused: Vec<&str> =
        tasks.iter().filter(|(_, tasks)| tasks.is_empty()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(unused, ["level1.block1.weight", "level1.block1.bias", "choice0", "choice1"]);

    // In training the draws follow from the seed, sum to one, and are as frequent as softmax(theta) says.
    let gates = |seed: u64, branching: &Branching<Dense>| -> Vec<Vec<f64>> {
        let found = branching.features(&params.eager().training(seed), &Eager::new(x.clone()));
        found.gates().iter().map(value).collect()
    };
    assert_eq!(gates(1, &branching), gates(1, &branching));
    assert_ne!(gates(1, &branching), gates(2, &branching));
    for row in gates(1, &branching)[1].chunks_exact(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-15 && row.iter().all(|&w| w > 0.0));
    }
    let straight = branching.clone().straight_through();
    let mut counts = [0.0; 3];
    for seed in 0..6000 {
        let drawn = &gates(seed, &straight)[1][6..9];
        assert!(drawn.iter().all(|w| w.abs() < 1e-12 || (w - 1.0).abs() < 1e-12), "{drawn:?}");
        counts.iter_mut().zip(drawn).for_each(|(count, w)| *count += w / 6000.0);
    }
    let total: f64 = [2.0, 0.0, 1.9].map(f64::exp).iter().sum();
    for (share, theta) in counts.iter().zip([2.0f64, 0.0, 1.9]) {
        assert!((share - theta.exp() / total).abs() < 0.02, "{counts:?}");
    }
    // A low temperature draws nearly one parent, a high one all alike.
    let mut cold = branching.clone();
    cold.set_temperature(1e-3).unwrap();
    assert!(gates(5, &cold)[0].iter().all(|w| *w < 1e-6 || *w > 1.0 - 1e-6));
    cold.set_temperature(1e6).unwrap();
    assert!(gates(5, &cold)[1].iter().all(|w| (w - 1.0 / 3.0).abs() < 1e-4));
    assert!(cold.set_temperature(0.0).is_err());
    assert!(branching.clone().fixed(vec![vec![0; 3]]).is_err());
    assert!(branching.clone().fixed(vec![vec![0, 0, 2], vec![0; 3]]).is_err());
    assert!(branching.fixed(vec![vec![0; 3], vec![0; 2]]).is_err());
}

#[test]
fn heads_feed_heads_and_may_be_stopped() {
    let mut params = Params::<f64>::new(3);
    let trunk = tanh(&mut params.scope("trunk"), 5, 4).unwrap();
    let low = tanh(&mut params.scope("low"), 4, 3).unwrap();
    let high = tanh(&mut params.scope("high"), 7, 2).unwrap();
    let nodes = vec![Node { layers: low, below: vec![] }, Node { layers: high, below: vec![0] }];
    let hierarchy = Hierarchy::new(trunk, nodes.clone()).unwrap();
    let x = numbers(&[4, 5]);
    let found = features(&hierarchy, &params, &x);
    let h = layer(&params, "trunk", &Eager::new(x.clone()));
    let low = layer(&params, "low", &h);
    let high = layer(&params, "high", &h.concat(1, &[&low]));
    assert_eq!(value(&found.tasks()[0]), value(&low));
    assert_near(&value(&found.tasks()[1]), &value(&high), 1e-15);
    let stopped = hierarchy.clone().stopped();
    assert_eq!(value(&features(&stopped, &params, &x).tasks()[1]), value(&found.tasks()[1]));
    let slope = |hierarchy: &Hierarchy<Dense, Dense>| {
        let tape = Tape::new();
        let bound = params.on(&tape);
        let loss = hierarchy.features(&bound, &tape.var(x.clone())).tasks()[1].square().mean_all();
        tress_nn::Gradient::gradient(&loss, &bound).unwrap().to_vec()[params.range_of("low").unwrap()]
            .to_vec()
    };
    assert!(slope(&hierarchy).iter().any(|g| *g != 0.0));
    assert!(slope(&stopped).iter().all(|g| *g == 0.0));
    for below in [vec![1], vec![5], vec![0, 0]] {
        let wrong = vec![nodes[0].clone(), Node { layers: nodes[1].layers, below }];
        assert!(Hierarchy::new(trunk, wrong).is_err());
    }
}
