//! Losses of objectives, and inputs fused.

use tress_autograd::Eager;
use tress_mtl::Error;
use tress_mtl::measure::Better;
use tress_mtl::network::{Attention, Criterion, Fusion, Gated, Input, Network, Objective, Targets, Task};
use tress_nn::loss::{BinaryCrossEntropy, Focal, Huber};
use tress_nn::{CrossEntropy, Dense, Labels, Params, Sequential};
use tress_tensor::Tensor;

#[test]
fn losses_are_those_of_their_objective() {
    let output = Eager::new(Tensor::new([2, 2], &[2.0f64, -1.0, 0.5, -3.0]).unwrap());
    let bits = Targets::Numbers(Tensor::new([2, 2], &[1.0, 0.0, 0.0, 0.0]).unwrap());
    let task = |objective| Task::new("t", objective, Sequential::new());
    let plain = task(Objective::Bits(2));
    let softplus = |x: f64| (1.0 + x.exp()).ln();
    let expected = (softplus(-2.0) + softplus(-1.0) + softplus(0.5) + softplus(-3.0)) / 4.0;
    assert!((plain.loss(&output, &bits).unwrap().item().unwrap() - expected).abs() < 1e-15);
    let score = plain.score(output.tensor().unwrap(), &bits).unwrap();
    assert_eq!((score.metric(), score.samples()), (0.75, 2));
    assert_eq!(plain.better(), Better::Higher);
    let weighted = task(Objective::Bits(2))
        .with_loss(Criterion::Binary(BinaryCrossEntropy::new().positive(&[3.0]).unwrap()));
    let expected = expected + 2.0 * softplus(-2.0) / 4.0;
    assert!((weighted.unwrap().loss(&output, &bits).unwrap().item().unwrap() - expected).abs() < 1e-14);

    let numbers = task(Objective::Numbers(2));
    let rmse = numbers.score(output.tensor().unwrap(), &bits).unwrap();
    let squares = (1.0 + 1.0 + 0.25 + 9.0) / 4.0;
    assert!((rmse.metric() - f64::sqrt(squares)).abs() < 1e-15 && (rmse.loss() - squares).abs() < 1e-15);
    let absolute = task(Objective::Numbers(2)).with_loss(Criterion::Absolute).unwrap();
    let score = absolute.score(output.tensor().unwrap(), &bits).unwrap();
    assert!((score.loss() - 5.5 / 4.0).abs() < 1e-15 && (score.metric() - rmse.metric()).abs() < 1e-15);
    let huber = task(Objective::Numbers(2)).with_loss(Criterion::Huber(Huber::new(1.0).unwrap())).unwrap();
    assert!(
        (huber.loss(&output, &bits).unwrap().item().unwrap() - (0.5 + 0.5 + 0.125 + 2.5) / 4.0).abs() < 1e-15
    );

    let entropy = || Criterion::CrossEntropy(CrossEntropy::new().weights(&[1.0, 3.0]).unwrap());
    let classes = task(Objective::Classes(2)).with_loss(entropy()).unwrap();
    let labels = Targets::Classes(Labels::new([0, 1], 2).unwrap());
    let expected = (softplus(-3.0) + 3.0 * softplus(3.5)) / 4.0;
    assert!((classes.loss(&output, &labels).unwrap().item().unwrap() - expected).abs() < 1e-14);
    for (objective, loss) in [
        (Objective::Numbers(2), entropy()),
        (Objective::Bits(2), Criterion::Absolute),
        (Objective::Classes(2), Criterion::Binary(BinaryCrossEntropy::new())),
        (Objective::Numbers(1), Criterion::Focal(Focal::new(2.0).unwrap())),
    ] {
        assert!(task(objective).with_loss(loss).is_err());
    }
    assert!(matches!(plain.loss(&output, &labels), Err(Error::Target { .. })));
}

#[test]
fn several_inputs_are_fused_in_four_ways() {
    let widths = [3, 3, 3];
    let build = |params: &mut Params<f64>, fusion: Fusion, width: usize| {
        let names = ["a", "b", "c"];
        let inputs = names.iter().map(|name| Input::new(name, Sequential::new())).collect();
        let head = Sequential::new().then(Dense::new(&mut params.scope("head"), width, 1).unwrap());
        let tasks = vec![Task::new("t", Objective::Numbers(1), head)];
        Network::new(inputs, Sequential::new(), tasks).unwrap().fused_by(fusion)
    };
    let values: Vec<Eager<f64>> = (0..3)
        .map(|i| {
            Eager::new(
                Tensor::from_fn([2, 3], |at| (at[0] * 3 + at[1]) as f64 * 0.2 - 0.3 * i as f64).unwrap(),
            )
        })
        .collect();
    let given: Vec<(&str, &Eager<f64>)> =
        ["c", "a", "b"].into_iter().zip([&values[2], &values[0], &values[1]]).collect();
    let fused = |network: &Network, params: &Params<f64>| {
        network.features(&params.eager(), &given).unwrap().tasks()[0].tensor().unwrap().clone()
    };
    let at = |i: usize, n: usize, f: usize| values[i].tensor().unwrap()[[n, f]];

    let mut params = Params::<f64>::new(2);
    let concat = fused(&build(&mut params, Fusion::Concat, 9).unwrap(), &params);
    assert_eq!((**concat.shape() == [2, 9], concat[[1, 4]]), (true, at(1, 1, 1)));
    let mut params = Params::<f64>::new(2);
    let sum = fused(&build(&mut params, Fusion::Sum, 3).unwrap(), &params);
    assert!((sum[[1, 2]] - (at(0, 1, 2) + at(1, 1, 2) + at(2, 1, 2))).abs() < 1e-15);

    // Gated: the formula for one sample, three inputs.
    let mut params = Params::<f64>::new(2);
    let gated = Gated::new(&mut params.scope("gated"), &widths, 4).unwrap();
    assert_eq!(params.len(), 3 * 3 * 4 + 3 * 9 * 4);
    let network = build(&mut params, Fusion::Gated(gated), 4).unwrap();
    let found = fused(&network, &params);
    let all: Vec<f64> = (0..3).flat_map(|i| (0..3).map(move |f| (i, f))).map(|(i, f)| at(i, 1, f)).collect();
    for out in 0..4 {
        let mut expected = 0.0;
        for i in 0..3 {
            let weight = |name: &str| params.tensor(&format!("gated.{name}{i}.weight")).unwrap();
            let (v, g) = (weight("value"), weight("gate"));
            let value: f64 = (0..3).map(|f| at(i, 1, f) * v[[f, out]]).sum();
            let gate: f64 = all.iter().enumerate().map(|(f, x)| x * g[[f, out]]).sum();
            expected += value.tanh() / (1.0 + (-gate).exp());
        }
        assert!((found[[1, out]] - expected).abs() < 1e-14);
    }
    assert!(
        build(
            &mut Params::new(1),
            Fusion::Gated(Gated::new(&mut Params::<f64>::new(1).root(), &[3, 3], 4).unwrap()),
            4
        )
        .is_err()
    );
    assert!(Gated::new(&mut Params::<f64>::new(1).root(), &[3], 4).is_err());
    // Two inputs share one gate: z for the first, 1 - z for the second.
    let mut two = Params::<f64>::new(1);
    let gated = Gated::new(&mut two.scope("gated"), &[3, 3], 2).unwrap();
    assert_eq!(two.len(), 2 * 3 * 2 + 6 * 2);
    let inputs = ["a", "b"].map(|name| Input::new(name, Sequential::new())).into();
    let tasks = vec![Task::new("t", Objective::Numbers(2), Sequential::new())];
    let network =
        Network::new(inputs, Sequential::new(), tasks).unwrap().fused_by(Fusion::Gated(gated)).unwrap();
    let features = network.features(&two.eager(), &[("a", &values[0]), ("b", &values[1])]).unwrap();
    let weight = |name: &str| two.tensor(&format!("gated.{name}.weight")).unwrap();
    let (first, second, gate) = (weight("value0"), weight("value1"), weight("gate0"));
    for out in 0..2 {
        let dot = |i: usize, w: &Tensor<f64>, start: usize| {
            (0..3).map(|f| at(i, 1, f) * w[[start + f, out]]).sum::<f64>()
        };
        let z = 1.0 / (1.0 + (-dot(0, &gate, 0) - dot(1, &gate, 3)).exp());
        let expected = z * dot(0, &first, 0).tanh() + (1.0 - z) * dot(1, &second, 0).tanh();
        assert!((features.tasks()[0].tensor().unwrap()[[1, out]] - expected).abs() < 1e-15);
    }

    // Attention begins with the mean, and comes to look at one input.
    let mut params = Params::<f64>::new(2);
    let attention = Attention::new(&mut params.scope("attention"), 3, 5).unwrap();
    assert_eq!(params.len(), 3 * 5 + 5 + 5);
    let network = build(&mut params, Fusion::Attention(attention), 3).unwrap();
    let found = fused(&network, &params);
    assert!((found[[0, 1]] - (at(0, 0, 1) + at(1, 0, 1) + at(2, 0, 1)) / 3.0).abs() < 1e-15);
    let key = Tensor::from_fn([3, 5], |_| 1.0).unwrap();
    params.set("attention.key.weight", &key).unwrap();
    params.set("attention.key.bias", &Tensor::zeros([5]).unwrap()).unwrap();
    params.set("attention.context", &Tensor::full([5, 1], 1e3).unwrap()).unwrap();
    let found = fused(&network, &params);
    assert!((found[[0, 1]] - at(0, 0, 1)).abs() < 1e-12, "the largest input wins");

    // Shapes that do not fit are named.
    let odd = Eager::new(Tensor::zeros([2, 2]).unwrap());
    let wrong = [("a", &values[0]), ("b", &odd), ("c", &values[2])];
    let error = network.features(&params.eager(), &wrong).unwrap_err();
    assert!(matches!(error, Error::Fusion { .. }), "{error}");
}
