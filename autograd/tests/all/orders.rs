//! Derivatives of derivatives: nestings of forward and reverse agree, and levels do not get mixed up.

use tress_autograd::check::{self, Program};
use tress_autograd::{Arrange, Dual, Eager, Fused, Pointwise, Reduce, Tape, Value};
use tress_tensor::Tensor;

/// A small network with a convolution, pooling, a fused activation and a softmax.
struct Network;

impl Program for Network {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let [x, kernel, bias, w, b] = xs else { unreachable!("five operands") };
        let conv = tress_tensor::Window::new([6, 6], [3, 3]);
        let pool = tress_tensor::Window::new([4, 4], [2, 2]).stride([2, 2]);
        let features = x.conv2d(kernel, Some(bias), conv, 1, None).max_pool(pool).tanh().flatten(1);
        let logits = features.affine(w, Some(b), Some(tress_tensor::pointwise::Map::Sigmoid));
        let target = logits.scale(3.0).softmax().stop();
        -(logits.log_softmax() * target).sum_all().scale(5.0)
    }
}

fn numbers(shape: &[usize], seed: f64) -> Tensor<f64> {
    let mut count = seed;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 12.9898).sin() * 0.7
    })
    .unwrap()
}

fn operands() -> Vec<Tensor<f64>> {
    let shapes: [&[usize]; 5] = [&[2, 1, 6, 6], &[3, 1, 3, 3], &[3], &[12, 4], &[4]];
    shapes.iter().enumerate().map(|(i, s)| numbers(s, 10.0 * i as f64)).collect()
}

#[test]
fn hessian_vector_products_agree_to_1e_8() {
    let xs = operands();
    let t: Vec<_> = xs.iter().map(|x| numbers(x.shape(), 77.0)).collect();
    let one = Tensor::scalar(1.0);
    let forward = check::forward_over_reverse(&Network, &xs, &t, &one).unwrap();
    let reverse = check::reverse_over_reverse(&Network, &xs, &t, &one).unwrap();
    let mut largest = 0.0f64;
    for (f, r) in forward.iter().zip(&reverse) {
        for (f, r) in f.tensor().unwrap().to_vec().iter().zip(r.tensor().unwrap().to_vec()) {
            assert!((f - r).abs() < 1e-8, "{f} and {r}");
            largest = largest.max(f.abs());
        }
    }
    assert!(largest > 0.01, "{largest}: a test of zeros would test nothing");
}

#[test]
fn third_derivatives() {
    // d3/dx3 x^4 = 24 x, by three nested tapes.
    let (a, b, c) = (Tape::new(), Tape::new(), Tape::new());
    let x = a.var(Tensor::scalar(1.5f64));
    let y = b.leaf(x);
    let z = c.leaf(y);
    let first = z.powf(4.0).gradients(&[z]).unwrap()[0];
    let second = first.gradients(&[y]).unwrap()[0];
    let third = second.gradients(&[x]).unwrap();
    assert!((third[0].item().unwrap() - 36.0).abs() < 1e-12);
    assert!((second.item().unwrap() - 27.0).abs() < 1e-12);
}

#[test]
fn kinked_and_smooth_functions_to_third_order_by_duals() {
    // Forward over forward over reverse against the known third derivative of exp(2x) and of a relu's slope.
    let tape = Tape::new();
    let one = || Eager::new(Tensor::scalar(1.0f64));
    let x = Dual {
        primal: Dual::new(Eager::new(Tensor::scalar(0.3)), one()),
        tangent: Some(Dual::constant(one())),
    };
    let leaf = tape.leaf(x);
    let y = leaf.scale(2.0).exp() + leaf.relu() * leaf;
    let gradient = &y.gradients(&[leaf]).unwrap()[0];
    let third = gradient.tangent.as_ref().and_then(|t| t.tangent.as_ref()).unwrap().item().unwrap();
    assert!((third - 8.0 * 0.6f64.exp()).abs() < 1e-12);
}

#[test]
fn perturbations_of_two_levels_stay_apart() {
    // d/dx [x * d/dy (x + y)] = 1 everywhere; a confusion of the two levels gives 2 (Siskind & Pearlmutter 2005).
    let outer = Tape::new();
    let x = outer.var(Tensor::scalar(3.0f64));
    let inner = Tape::new();
    let y = inner.leaf(outer.var(Tensor::scalar(1.0)));
    let lifted = inner.leaf(x);
    let slope = (lifted + y).gradients(&[y]).unwrap()[0];
    let whole = x * slope;
    assert_eq!(whole.gradients(&[x]).unwrap()[0].item().unwrap(), 1.0);

    // The same in forward mode.
    let one = || Eager::new(Tensor::scalar(1.0f64));
    let x = Dual::new(Eager::new(Tensor::scalar(3.0)), one());
    let y = Dual::new(Dual::constant(Eager::new(Tensor::scalar(1.0))), Dual::constant(one()));
    let slope = (Dual::constant(x.clone()) + y).tangent_or_zeros();
    assert_eq!((x * slope).tangent_or_zeros().item().unwrap(), 1.0);
}

#[test]
fn one_program_in_every_kind() {
    let xs = operands();
    let eager = Network.run(&xs.iter().cloned().map(Eager::new).collect::<Vec<_>>());
    let tape = Tape::new();
    let recorded = Network.run(&xs.iter().map(|x| tape.var(x.clone())).collect::<Vec<_>>());
    assert_eq!(eager.tensor().unwrap(), &recorded.tensor().unwrap(), "recording changes no bit");
    let outlines: Vec<_> = xs.iter().map(|x| tress_autograd::Outline::<f64>::new(*x.shape())).collect();
    assert_eq!(Network.run(&outlines).inferred().unwrap(), *eager.tensor().unwrap().shape());
    let symbols = Tape::new();
    let symbol = Network.run(&outlines.iter().map(|&x| symbols.leaf(x)).collect::<Vec<_>>());
    assert_eq!(symbol.value().unwrap().inferred().unwrap(), *eager.tensor().unwrap().shape());
    assert_eq!(symbols.len(), tape.len(), "the symbolic program is the recorded one");
}
