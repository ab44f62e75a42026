//! Every layer against PyTorch, on every kind of value: values, gradients in all inputs and parameters, products with the
//! Hessian.

use crate::fixture::{Fixture, assert_near};
use crate::layer_cases::{Case, FILES};
use tress_autograd::check::{forward_over_reverse, reverse_over_reverse};
use tress_autograd::{Dual, Eager, Outline, Stacked, Tape, Value};
use tress_tensor::pointwise::Zip;
use tress_tensor::{Float, Tensor};

fn each_case<T: Float>(mut test: impl FnMut(Case<'_, T>)) {
    for (file, count) in FILES {
        let all = Fixture::read(file);
        let names = all.cases();
        assert_eq!(names.len(), count, "{file}: {names:?}");
        names.into_iter().for_each(|name| test(Case::new(&all, name)));
    }
}

fn compare<T: Float>(tolerance: f64) {
    each_case::<T>(|case| {
        let name = case.name;
        let tape = Tape::new();
        let xs: Vec<_> = case.blocks::<T>("").into_iter().map(|x| tape.var(x)).collect();
        let bound = case.bound(&xs);
        let y = case.output(&bound, &xs);
        assert_near(&format!("{name}.y"), &y.tensor().unwrap(), &case.block("y"), tolerance);

        let plain: Vec<_> = case.blocks::<T>("").into_iter().map(Eager::new).collect();
        let eager = case.output(&case.bound(&plain), &plain);
        assert_eq!(eager.tensor().unwrap(), &y.tensor().unwrap(), "{name}: eager and recorded");
        let outlines: Vec<_> = xs.iter().map(|x| Outline::<T>::new(x.shape())).collect();
        let outline = case.output(&case.bound(&outlines), &outlines);
        assert_eq!(outline.inferred().unwrap(), y.shape(), "{name}: outline");
        let symbols = Tape::<Outline<T>>::new();
        let leaves: Vec<_> = xs.iter().map(|x| symbols.leaf(Outline::new(x.shape()))).collect();
        let symbol = case.output(&case.bound(&leaves), &leaves);
        assert_eq!(symbol.value().unwrap().inferred().unwrap(), y.shape(), "{name}: symbol");
        let recorded = |len: usize| len - xs.len();
        assert_eq!(
            recorded(symbols.len()),
            recorded(tape.len()),
            "{name}: as many operations on shapes alone"
        );

        let pulled = y.pull(Eager::new(case.block("g")), &xs).unwrap();
        for (i, (g, expected)) in pulled.iter().zip(case.blocks::<f64>(".d")).enumerate() {
            assert_near(&format!("{name}.d, operand {i}"), g.tensor().unwrap(), &expected, tolerance);
        }

        let mut params = case.params.clone();
        params.renew(&bound.renewed().unwrap()).unwrap();
        for state in ["running_mean", "running_var"] {
            match case.has(&format!("n.{state}")) {
                true => {
                    let expected = case.block(&format!("n.{state}"));
                    assert_near(&format!("{name}.n"), &params.tensor(state).unwrap(), &expected, tolerance);
                }
                false => assert!(bound.renewed().unwrap().is_empty(), "{name}: nothing to renew"),
            }
        }
    });
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    compare::<f64>(1e-10);
    compare::<f32>(4e-5);
}

#[test]
fn products_with_the_hessian_are_those_of_pytorch() {
    let mut compared = 0;
    each_case::<f64>(|case| {
        if !case.has("v.x0") {
            return;
        }
        let (xs, vs, expected) = (case.blocks(""), case.blocks(".v"), case.blocks::<f64>(".hv"));
        for product in [forward_over_reverse, reverse_over_reverse] {
            let hv = product(&case, &xs, &vs, &case.block("g")).unwrap();
            for (i, expected) in expected.iter().enumerate() {
                let what = format!("{}.hv, operand {i}", case.name);
                assert_near(&what, hv[i].tensor().unwrap(), expected, 1e-9);
            }
        }
        compared += 1;
    });
    assert_eq!(compared, 69);
}

#[test]
fn values_at_once_are_what_they_are_apart() {
    each_case::<f64>(|case| {
        let xs: Vec<Tensor<f64>> = case.blocks("");
        let moved: Vec<Tensor<f64>> = xs
            .iter()
            .map(|x| {
                let other = Tensor::from_fn(*x.shape(), |i| (i.iter().sum::<usize>() % 3) as f64 / 7.0);
                x.zip(Zip::Add, &other.unwrap()).unwrap()
            })
            .collect();
        let values = |xs: &[Tensor<f64>]| xs.iter().cloned().map(Eager::new).collect::<Vec<_>>();
        let alone = |xs: &[Tensor<f64>]| {
            let xs = values(xs);
            case.output(&case.bound(&xs), &xs).tensor().unwrap().clone()
        };
        // Each operand two times, or the inputs alone.
        let inputs = xs.len() - case.params.entries().filter(|entry| entry.is_trained()).count();
        for several in [xs.len(), inputs] {
            let other: Vec<Tensor<f64>> = moved[..several].iter().chain(&xs[several..]).cloned().collect();
            let stacks: Vec<Stacked<Eager<f64>>> = values(&xs)
                .iter()
                .zip(values(&other))
                .enumerate()
                .map(|(i, (a, b))| match i < several {
                    true => Stacked::from_rows(a, std::slice::from_ref(&b)),
                    false => Stacked::Shared(a.clone()),
                })
                .collect();
            let both = case.output(&case.bound(&stacks), &stacks).each(2);
            let both = both.tensor().unwrap();
            assert_eq!(both.at(0, 0).unwrap(), alone(&xs), "{}: the first", case.name);
            assert_eq!(both.at(0, 1).unwrap(), alone(&other), "{}: the second", case.name);
        }

        let moving: Vec<_> =
            values(&xs).into_iter().zip(values(&moved)).map(|(x, v)| Dual::new(x, v)).collect();
        let dual = case.output(&case.bound(&moving), &moving);
        assert_eq!(dual.primal.tensor().unwrap(), &alone(&xs), "{}: with a tangent", case.name);
    });
}
