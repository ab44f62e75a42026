//! Architectures of experts and gates, at settings where they are something known: MMoE, CGC, PLE, DSelect-k.

use crate::known::{assert_near, features, layer, numbers, tanh, value};
use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Tape, Value};
use tress_mtl::architecture::{Architecture, Cgc, DSelect, Gate, Mmoe, Ple, Routing, penalise};
use tress_nn::{Adam, Dense, Optimiser, Params, Scope};
use tress_tensor::Tensor;

#[test]
fn one_expert_is_a_shared_trunk_and_gates_sum_to_one() {
    let x = numbers(&[4, 5]);
    let mut params = Params::new(2);
    let mmoe = Mmoe::new(&mut params.root(), 2, 1, 5, |s| tanh(s, 5, 3)).unwrap();
    let trunk = layer(&params, "expert0", &Eager::new(x.clone()));
    for features in features(&mmoe, &params, &x).tasks() {
        assert_near(&value(features), &value(&trunk), 1e-15);
    }

    let mut params = Params::new(2);
    let mmoe = Mmoe::new(&mut params.root(), 3, 4, 5, |s| tanh(s, 5, 3)).unwrap();
    assert_eq!(params.len(), 4 * (5 * 3 + 3) + 3 * 5 * 4, "E experts of d F + F and K gates of d E");
    let found = features(&mmoe, &params, &x);
    assert_eq!(found.gates().len(), 3);
    for (task, gate) in found.gates().iter().enumerate() {
        assert_near(&value(&gate.sum(&[1])), &[1.0; 4], 1e-15);
        // The formula, sample by sample.
        let weight = Eager::new(params.tensor(&format!("gate{task}.weight")).unwrap());
        assert_near(&value(gate), &value(&Eager::new(x.clone()).matmul(weight).softmax()), 1e-15);
        let gate = gate.tensor().unwrap();
        for n in 0..4 {
            let mut expected = [0.0; 3];
            for expert in 0..4 {
                let output = layer(&params, &format!("expert{expert}"), &Eager::new(x.clone()));
                for (f, sum) in expected.iter_mut().enumerate() {
                    *sum += gate[[n, expert]] * output.tensor().unwrap()[[n, f]];
                }
            }
            let row = found.tasks()[task].at(0, n);
            assert_near(&value(&row), &expected, 1e-15);
        }
    }
    assert!(Mmoe::new(&mut Params::new(1).root(), 2, 0, 5, |s| tanh(s, 5, 3)).is_err());
    let gate = Gate::linear(&mut Params::<f64>::new(1).root(), 5, 2).unwrap();
    assert!(Mmoe::of(vec![tanh(&mut Params::new(1).root(), 5, 3).unwrap()], vec![gate]).is_err());
}

#[test]
fn cgc_is_separate_networks_or_mmoe_or_one_level_of_ple() {
    let x = numbers(&[4, 5]);
    let mut params = Params::new(2);
    let cgc = Cgc::new(&mut params.root(), 2, 1, 0, 5, |s| tanh(s, 5, 3)).unwrap();
    for (task, features) in features(&cgc, &params, &x).tasks().iter().enumerate() {
        let own = layer(&params, &format!("task{task}.expert0"), &Eager::new(x.clone()));
        assert_near(&value(features), &value(&own), 1e-15);
    }

    // Without own experts: the numbers of an MMoE of the same parameters.
    let (mut mine, mut theirs) = (Params::new(2), Params::new(2));
    let cgc = Cgc::new(&mut mine.root(), 2, 0, 3, 5, |s| tanh(s, 5, 3)).unwrap();
    let mmoe = Mmoe::new(&mut theirs.root(), 2, 3, 5, |s| tanh(s, 5, 3)).unwrap();
    theirs.set_block(&mine.block()).unwrap();
    for (a, b) in features(&cgc, &mine, &x).tasks().iter().zip(features(&mmoe, &theirs, &x).tasks()) {
        assert_eq!(value(a), value(b));
    }

    // PLE with one level is CGC: no shared gate.
    let (mut mine, mut theirs) = (Params::new(2), Params::new(2));
    let cgc = Cgc::new(&mut mine.root(), 2, 2, 1, 5, |s| tanh(s, 5, 3)).unwrap();
    let ple = Ple::new(&mut theirs.root(), 2, 2, 1, &[5], |s, _| tanh(s, 5, 3)).unwrap();
    assert_eq!(mine.len(), theirs.len());
    theirs.set_block(&mine.block()).unwrap();
    for (a, b) in features(&cgc, &mine, &x).tasks().iter().zip(features(&ple, &theirs, &x).tasks()) {
        assert_eq!(value(a), value(b));
    }
    assert!(Cgc::new(&mut Params::new(1).root(), 2, 0, 0, 5, |s| tanh(s, 5, 3)).is_err());
}

#[test]
fn ple_has_shared_gates_on_all_levels_but_the_last() {
    let (tasks, own, shared) = (2, 2, 1);
    let widths = [5, 4, 3];
    let mut params = Params::new(2);
    let ple =
        Ple::new(&mut params.root(), tasks, own, shared, &widths, |s, l| tanh(s, widths[l], [4, 3, 2][l]))
            .unwrap();
    let mut expected = 0;
    for (level, out) in [4, 3, 2].into_iter().enumerate() {
        let width = widths[level];
        expected += (tasks * own + shared) * (width * out + out) + tasks * width * (own + shared);
        expected += if level < 2 { width * (tasks * own + shared) } else { 0 };
    }
    assert_eq!(params.len(), expected);
    let found = features(&ple, &params, &numbers(&[4, 5]));
    let gates: Vec<usize> = found.gates().iter().map(|gate| gate.shape()[1]).collect();
    assert_eq!(gates, [3, 3, 5, 3, 3, 5, 3, 3], "two gates a level, and the shared one of all experts");
    for gate in found.gates() {
        assert_near(&value(&gate.sum(&[1])), &[1.0; 4], 1e-15);
    }

    // By hand, one sample: level by level.
    let x = Eager::new(numbers(&[1, 5]));
    let mut inputs = [x.clone(), x.clone(), x.clone()]; // two tasks, and what the shared experts are given
    for level in 0..3 {
        let expert = |owner: &str, i: usize, x: &Eager<f64>| {
            layer(&params, &format!("level{level}.{owner}.expert{i}"), x)
        };
        let own: Vec<Vec<Eager<f64>>> =
            (0..2).map(|k| (0..2).map(|i| expert(&format!("task{k}"), i, &inputs[k])).collect()).collect();
        let common = expert("shared", 0, &inputs[2]);
        let mix = |owner: &str, x: &Eager<f64>, seen: &[&Eager<f64>]| {
            let weight = Eager::new(params.tensor(&format!("level{level}.{owner}.gate.weight")).unwrap());
            let gate = value(&x.matmul(weight).softmax());
            let terms = seen.iter().zip(gate).map(|(f, g)| f.scale(g));
            terms.reduce(|a, b| a + b).unwrap()
        };
        let mut next: Vec<Eager<f64>> = (0..2)
            .map(|k| mix(&format!("task{k}"), &inputs[k], &[&own[k][0], &own[k][1], &common]))
            .collect();
        if level < 2 {
            let all = [&own[0][0], &own[0][1], &own[1][0], &own[1][1], &common];
            next.push(mix("shared", &inputs[2], &all));
        } else {
            next.push(x.clone());
        }
        inputs = next.try_into().unwrap();
    }
    let found = features(&ple, &params, x.tensor().unwrap());
    for (found, expected) in found.tasks().iter().zip(&inputs) {
        assert_near(&value(found), &value(expected), 1e-14);
    }
}

#[test]
fn dselect_sums_to_one_and_comes_to_choose_exactly_k() {
    let x = numbers(&[4, 5]);
    for routing in [Routing::Static, Routing::PerSample(5)] {
        for (experts, k) in [(4, 1), (8, 2), (2, 2), (6, 2)] {
            let mut params = Params::new(6);
            let gate = |scope: &mut Scope<'_, f64>| DSelect::new(scope, experts, k, routing).unwrap();
            let layers =
                (0..experts).map(|i| tanh(&mut params.scope(&format!("e{i}")), 5, 3).unwrap()).collect();
            let gates = vec![Gate::dselect(gate(&mut params.scope("gate")).entropy(1.0).unwrap())];
            let bits = (experts as f64).log2().ceil() as usize;
            let codes = match routing {
                Routing::Static => k * bits + k,
                Routing::PerSample(inputs) => (inputs + 1) * (k * bits + k),
            };
            assert_eq!(params.len(), experts * 18 + codes);
            let mmoe = Mmoe::of(layers, gates).unwrap();

            let weights =
                |params: &Params<f64>| features(&mmoe, params, &x).gates()[0].tensor().unwrap().clone();
            let start = weights(&params);
            if experts.is_power_of_two() {
                let even = 1.0 / experts as f64;
                let near = start.to_vec().iter().all(|w| (w - even).abs() < 0.1);
                assert!(near, "a gate begins with about equal weights: {start:?}");
                for row in start.to_vec().chunks_exact(experts) {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14);
                }
            }
            // Training on the penalty alone: the entropy falls to zero, where every selector has one expert.
            let mut adam = Adam::new(0.02);
            for _ in 0..600 {
                let tape = Tape::new();
                let bound = params.on(&tape);
                let penalty = *mmoe.features(&bound, &tape.var(x.clone())).penalty().unwrap();
                let mut gradient = Tensor::zeros([params.len()]).unwrap();
                penalise(&mut gradient, &penalty, &bound).unwrap();
                adam.step(&mut params, &gradient).unwrap();
            }
            for row in weights(&params).to_vec().chunks_exact(experts) {
                let used = row.iter().filter(|w| **w != 0.0).count();
                assert!((1..=k).contains(&used), "{experts} experts, k = {k}: {row:?}");
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14, "{row:?}");
            }
        }
    }
    let mut params = Params::<f64>::new(1);
    for (experts, k, gamma) in [(1, 1, 1.0), (4, 0, 1.0), (4, 5, 1.0), (4, 2, 0.0), (4, 2, f64::NAN)] {
        assert!(DSelect::with_gamma(&mut params.scope("d"), experts, k, Routing::Static, gamma).is_err());
    }
}

#[test]
fn dselect_writes_the_number_of_an_expert_in_bits() {
    // Codes far out: bit j of selector i is set or not, and alpha says how the two selectors share.
    let mut params = Params::<f64>::new(1);
    let experts: Vec<Dense> =
        (0..8).map(|i| tanh(&mut params.scope(&format!("e{i}")), 5, 3).unwrap()).collect();
    let gate = DSelect::new(&mut params.scope("gate"), 8, 2, Routing::Static).unwrap();
    let mmoe = Mmoe::of(experts, vec![Gate::dselect(gate)]).unwrap();
    let x = numbers(&[2, 5]);
    for (first, second) in [(0usize, 7usize), (5, 2), (6, 6), (3, 4)] {
        let bit = |code: usize, j: usize| if code >> j & 1 == 1 { 0.5 } else { -2.0 };
        let z: Vec<f64> =
            [first, second].iter().flat_map(|&code| (0..3).map(move |j| bit(code, j))).collect();
        params.set("gate.z", &Tensor::new([2, 3], &z).unwrap()).unwrap();
        params.set("gate.alpha", &Tensor::vector(&[0.0, 3f64.ln()])).unwrap();
        let mut expected = [0.0; 8];
        expected[first] += 0.25;
        expected[second] += 0.75;
        assert_near(&value(&features(&mmoe, &params, &x).gates()[0]), &expected, 1e-15);
    }
    // Half way up the step, S(gamma / 4) = 1/2 + 3/8 - 1/32.
    params.set("gate.z", &Tensor::new([2, 3], &[0.25, -9.0, -9.0, 0.25, -9.0, -9.0]).unwrap()).unwrap();
    let found = value(&features(&mmoe, &params, &x).gates()[0]);
    let step = 0.5 + 0.375 - 0.03125;
    assert_near(&found, &[1.0 - step, step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-15);
}
