//! The block of parameters: names, places, sharing, and gradients laid out in the same way.

use tress_autograd::{Arrange, Outline, Pointwise, Reduce, Tape};
use tress_nn::{Adam, Conv2d, Dense, Error, Gradient, Init, Layer, Optimiser, Params};
use tress_tensor::{Shape, Tensor};

fn numbers(params: &Params<f64>, name: &str) -> Vec<f64> {
    params.tensor(name).unwrap().to_vec()
}

#[test]
fn numbers_follow_from_seed_and_name_alone() {
    let build = |seed: u64, names: &[&str]| {
        let mut params = Params::<f64>::new(seed);
        for name in names {
            Dense::new(&mut params.scope(name), 3, 4).unwrap();
        }
        params
    };
    let (a, b) = (build(1, &["left", "right"]), build(1, &["other", "right", "left"]));
    assert_eq!(numbers(&a, "left.weight"), numbers(&b, "left.weight"));
    assert_eq!(numbers(&a, "right.bias"), numbers(&b, "right.bias"));
    assert_ne!(numbers(&a, "left.weight"), numbers(&a, "right.weight"));
    assert_ne!(numbers(&a, "left.weight"), numbers(&build(2, &["left"]), "left.weight"));
}

#[test]
fn names_are_checked() {
    let mut params = Params::<f32>::new(0);
    let mut scope = params.scope("trunk");
    scope.scope("conv1").parameter("weight", [2, 2], Init::Zeros).unwrap();
    let twice = scope.scope("conv1").parameter("weight", [2], Init::Zeros).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "parameter `trunk.conv1.weight` is declared twice; give each layer a scope of its own"
    );
    assert!(matches!(scope.parameter("", [2], Init::Zeros), Err(Error::Name { .. })));
    assert!(matches!(scope.parameter("a..b", [2], Init::Zeros), Err(Error::Name { .. })));
    assert!(matches!(params.root().parameter("__metadata__", [2], Init::Zeros), Err(Error::Name { .. })));
    let huge = params.root().parameter("huge", [usize::MAX, 2], Init::Zeros).unwrap_err();
    assert!(huge.to_string().starts_with("parameter `huge`: "), "{huge}");
    assert!(matches!(
        params.root().parameter("n", [2], Init::Constant(f64::NAN)),
        Err(Error::Setting { .. })
    ));
    assert_eq!(params.entries().len(), 1, "what fails leaves nothing behind");
    assert_eq!(params.len(), 4);
}

#[test]
fn ranges_of_scopes_are_merged() {
    let mut params = Params::<f32>::new(0);
    Dense::new(&mut params.scope("a").scope("one"), 2, 3).unwrap();
    Dense::new(&mut params.scope("a").scope("two"), 1, 1).unwrap();
    Dense::new(&mut params.scope("ab"), 1, 1).unwrap();
    Dense::new(&mut params.scope("a").scope("three"), 1, 1).unwrap();
    assert_eq!(params.ranges_of("a").unwrap(), [0..11, 13..15]);
    assert_eq!(params.range_of("a.one").unwrap(), 0..9);
    assert_eq!(params.range_of("ab").unwrap(), 11..13);
    assert_eq!(params.range_of("").unwrap(), 0..15);
    assert!(matches!(params.range_of("a"), Err(Error::Setting { .. })));
    assert!(matches!(params.ranges_of("b"), Err(Error::Unknown { .. })));
}

#[test]
fn views_are_shared_until_somebody_writes() {
    let mut params = Params::<f32>::new(3);
    let layer = Dense::new(&mut params.scope("layer"), 4, 4).unwrap();
    let tape = Tape::new();
    let before = params.block();
    {
        let bound = params.on(&tape);
        assert_eq!(tape.len(), 2, "one leaf for each parameter");
        assert!(bound[layer.weight()].tensor().unwrap().shares_memory(&before), "nothing is copied");
    }
    params.block_mut().fill(9.0);
    assert!(before.to_vec().iter().all(|&x| x.abs() < 1.0), "what was given out keeps what it shows");
    assert_eq!(params.tensor("layer.bias").unwrap().to_vec(), [9.0; 4]);

    drop((tape, before));
    let address = params.block_mut().as_ptr();
    assert_eq!(params.block_mut().as_ptr(), address, "a sole owner writes in place");
}

#[test]
fn a_step_after_a_reset_of_the_tape_changes_the_block_in_place() {
    let mut params = Params::<f32>::new(3);
    let layer = Dense::new(&mut params.root(), 4, 4).unwrap();
    let (mut tape, mut optimiser) = (Tape::new(), Adam::new(0.1));
    let x = Tensor::full([2, 4], 1.0).unwrap();
    let mut step = |params: &mut Params<f32>, reset: bool| {
        let bound = params.on(&tape);
        let gradient = layer.apply(&bound, &tape.var(x.clone())).square().sum_all().gradient(&bound).unwrap();
        let address = |params: &Params<f32>| params.block().as_slice().unwrap().as_ptr();
        let before = (address(params), params.block().to_vec());
        if reset {
            tape.reset();
        }
        optimiser.step(params, &gradient).unwrap();
        tape.reset();
        assert_ne!(params.block().to_vec(), before.1);
        address(params) == before.0
    };
    assert!(step(&mut params, true), "in place");
    assert!(!step(&mut params, false), "the tape still showed the numbers: copied");
    assert!(step(&mut params, true), "in place again");
}

#[test]
fn blocks_and_parameters_can_be_set() {
    let mut params = Params::<f64>::new(3);
    Dense::new(&mut params.root(), 1, 2).unwrap();
    params.set_block(&Tensor::vector(&[1.0, 2.0, 3.0, 4.0])).unwrap();
    params.set("bias", &Tensor::vector(&[5.0, 6.0])).unwrap();
    assert_eq!(params.block().to_vec(), [1.0, 2.0, 5.0, 6.0]);
    assert!(matches!(params.set_block(&Tensor::vector(&[1.0])), Err(Error::Block { .. })));
    let error = params.set("bias", &Tensor::vector(&[1.0])).unwrap_err();
    assert_eq!(error.to_string(), "parameter `bias`: set: [2] x [1]: the parameter has another shape");
    // Declaring more after that must not disturb what is there.
    Dense::new(&mut params.scope("next"), 2, 2).unwrap();
    assert_eq!(params.block().to_vec()[..4], [1.0, 2.0, 5.0, 6.0]);
}

static STORED: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // more than a tensor holds inside of itself

#[test]
fn numbers_in_static_memory_are_not_copied() {
    let mut params = Params::from_static(&STORED);
    let layer = Dense::new(&mut params.root(), 1, 3).unwrap();
    params.is_complete().unwrap();
    assert_eq!(params.block().as_slice().unwrap().as_ptr(), STORED.as_ptr());
    let bound = params.eager();
    let y = layer.apply(&bound, &Tensor::new([1, 1], &[10.0]).unwrap().into());
    assert_eq!(y.tensor().unwrap().to_vec(), [14.0, 25.0, 36.0]);
    drop((y, bound));
    params.block_mut()[0] = 9.0; // goes to memory of its own
    assert_eq!((params.block().to_vec()[0], STORED[0]), (9.0, 1.0));

    let mut short = Params::from_static(&STORED);
    Dense::new(&mut short.scope("one"), 1, 1).unwrap();
    let error = short.is_complete().unwrap_err();
    assert_eq!(error, Error::Stored { stored: 6, needed: 2 });
    assert!(Dense::new(&mut short.scope("two"), 2, 2).is_err(), "six more do not fit");
}

#[test]
fn gradients_lie_where_the_parameters_lie() {
    let mut params = Params::<f64>::new(0);
    let unused = Dense::new(&mut params.scope("unused"), 1, 1).unwrap();
    let state = params.root().state("mean", [2], Init::Constant(2.0)).unwrap();
    let used = Dense::new(&mut params.scope("used"), 2, 2).unwrap();
    assert_eq!((params.len(), params.trained_len()), (10, 8));

    let tape = Tape::new();
    let bound = params.on(&tape);
    let x = tape.var(Tensor::new([1, 2], &[3.0, 5.0]).unwrap());
    let y = used.apply(&bound, &(x - bound[state]));
    let (loss, gradient) = y.sum_all().value_and_gradient(&bound).unwrap();
    assert_eq!(gradient.to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 1.0, 1.0]);
    let (w, b) = (numbers(&params, "used.weight"), numbers(&params, "used.bias"));
    assert!((loss - (w[0] + w[1] + 3.0 * (w[2] + w[3]) + b[0] + b[1])).abs() < 1e-12);
    assert!(bound.get(&unused.weight()).is_some());

    let leaves = bound.leaves_in(&params.ranges_of("used").unwrap());
    let twice = y.pull_stacked(tape_free([2, 1, 2], &[1.0, 0.0, 0.0, 1.0]).into(), leaves.values());
    let twice: Vec<_> = twice.unwrap().iter().map(|g| Some(g.tensor().unwrap().clone())).collect();
    let rows = leaves.rows(2, &twice).unwrap();
    assert_eq!(*rows.shape(), Shape::new(&[2, 6]).unwrap());
    assert_eq!(rows.to_vec(), [1.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 3.0, 0.0, 1.0]);
    assert!(leaves.block(&twice).is_err(), "two cotangents are not one");
    assert!(leaves.rows(2, &twice[1..]).is_err());

    assert!(y.gradient(&bound).unwrap_err().to_string().contains("sum or average first"));
    let other = Tape::new();
    assert!(y.sum_all().gradient(&params.on(&other)).is_err(), "bound to another tape");
}

fn tape_free<const N: usize>(shape: [usize; N], values: &[f64]) -> Tensor<f64> {
    Tensor::new(shape, values).unwrap()
}

#[test]
fn an_outline_knows_the_shapes() {
    let mut params = Params::<f32>::new(0);
    let conv = Conv2d::new(&mut params.scope("conv"), 1, 3, [3, 3]).unwrap();
    let dense = Dense::new(&mut params.scope("dense"), 48, 7).unwrap();
    let bound = params.outline();
    let x = Outline::new(Shape::new(&[2, 1, 6, 6]).unwrap());
    let y = dense.apply(&bound, &conv.apply(&bound, &x).flatten(1));
    assert_eq!(*y.inferred().unwrap(), [2, 7]);
}

#[test]
fn a_handle_of_another_model_is_a_mistake() {
    let (mut one, mut other) = (Params::<f32>::new(0), Params::<f32>::new(0));
    let layer = Dense::new(&mut one.root(), 2, 2).unwrap();
    Dense::new(&mut other.root(), 3, 2).unwrap();
    let bound = other.eager();
    assert!(bound.get(&layer.weight()).is_none());
    let y = layer.apply(&bound, &Tensor::<f32>::zeros([1, 2]).unwrap().into());
    assert!(y.tensor().unwrap_err().to_string().contains("belong to another `Params`"));
}

#[test]
fn bound_parameters_can_be_changed_value_by_value() {
    let mut params = Params::<f64>::new(0);
    let layer = Dense::new(&mut params.root(), 1, 1).unwrap();
    let moved = params.eager().map(|value, trained| if trained { value.offset(1.0) } else { value.clone() });
    assert_eq!(moved[layer.bias().unwrap()].item().unwrap(), numbers(&params, "bias")[0] + 1.0);
}

#[test]
fn parameters_are_arguments_of_transforms() {
    use tress_autograd::transform::{Held, grad, hvp, value_and_grad, vmap_axes};
    use tress_autograd::{Eager, Value};

    let mut params = Params::<f64>::new(3);
    let layer = Dense::new(&mut params.root(), 3, 2).unwrap();
    params.root().state("count", [2], Init::Constant(0.5)).unwrap();
    let x = Tensor::from_fn([4, 3], |i| ((i[0] * 3 + i[1]) as f64).sin()).unwrap();

    // The gradient in the structure of the parameters is the block that training uses.
    let (value, gradient) =
        value_and_grad(|(bound, x)| layer.apply(&bound, &x).square().mean_all(), (params.eager(), Held(&x)));
    let tape = Tape::new();
    let bound = params.on(&tape);
    let recorded = layer.apply(&bound, &tape.var(x.clone())).square().mean_all();
    let block = recorded.gradient(&bound).unwrap().to_vec();
    let parts: Vec<f64> =
        gradient.0.values().flat_map(|g: &Eager<f64>| g.tensor().unwrap().to_vec()).collect();
    assert_eq!(value.item().unwrap(), recorded.item().unwrap());
    assert_eq!(parts, block, "and zeros for the state");

    // The Hessian times a direction for all parameters, against a difference of gradients.
    let direction = params.bind(|_, tensor| Eager::new(tensor.map(tress_tensor::pointwise::Map::Cos)));
    let along = hvp(
        |(bound, x)| layer.apply(&bound, &x).square().mean_all(),
        (params.eager(), Held(&x)),
        (direction.clone(), &x),
    );
    let moved = |step: f64| {
        let mut at = Vec::new();
        direction.values().for_each(|t: &Eager<f64>| at.push(t.tensor().unwrap().clone()));
        let mut at = at.into_iter();
        let bound = params.eager().map(|v, trained| match (trained, at.next()) {
            (true, Some(t)) => v.clone() + Eager::new(t).scale(step),
            _ => v.clone(),
        });
        let gradient = grad(|(bound, x)| layer.apply(&bound, &x).square().mean_all(), (bound, Held(&x))).0;
        gradient.values().flat_map(|g: &Eager<f64>| g.tensor().unwrap().to_vec()).collect::<Vec<f64>>()
    };
    let (up, down) = (moved(1e-4), moved(-1e-4));
    let along: Vec<f64> = along.0.values().flat_map(|g: &Eager<f64>| g.tensor().unwrap().to_vec()).collect();
    for ((h, up), down) in along.iter().zip(&up).zip(&down) {
        assert!((h - (up - down) / 2e-4).abs() < 1e-8, "{h}");
    }

    // Two samples in one go, the parameters shared.
    let samples = Tensor::from_fn([2, 4, 3], |i| ((i[0] + i[1] * 3 + i[2]) as f64).sin()).unwrap();
    let axes = (params.eager().map(|_, _| None), Some(0));
    let both = vmap_axes(|(bound, x)| layer.apply(&bound, &x), axes, 0, (params.eager(), &samples));
    for i in 0..2 {
        let alone = layer.apply(&params.eager(), &Eager::new(samples.at(0, i).unwrap()));
        assert_eq!(both.at(0, i).tensor().unwrap(), alone.tensor().unwrap());
    }
    let shape = both.shape();
    assert_eq!(shape, Shape::new(&[2, 4, 2]).unwrap());
}
