//! A fused step is the program that it stands for, in values and gradients, under every kind of value.

use super::*;
use tress_autograd::check::second_order;
use tress_autograd::{Dual, Eager, Stacked, Tape};
use tress_tensor::{Float, parallel};

const ALL: [Gates; 4] = [Gates::Lstm, Gates::LstmGrad, Gates::Gru, Gates::GruGrad];

fn numbers<T: Float>(shape: Shape, seed: usize, special: bool) -> Tensor<T> {
    let rare = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let all = (0..shape.len()).map(|i| match special && i % 5 == seed % 5 {
        true => rare[(i / 5 + seed) % 4],
        false => ((i * 7919 + seed * 104_729 + 17) % 6_007) as f64 / 1001.0 - 3.0,
    });
    Tensor::new(shape, &all.map(T::from_f64).collect::<Vec<T>>()).unwrap()
}

fn operands<T: Float>(gates: Gates, [samples, hidden]: [usize; 2], special: bool) -> Vec<Tensor<T>> {
    let (shapes, count) = gates.operands(samples, hidden).unwrap();
    (0..count).map(|i| numbers(shapes[i], i + 1, special)).collect()
}

/// Bits; all NaNs are one.
fn bits<T: Float>(x: &Tensor<T>) -> Vec<u64> {
    let x = x.to_vec().into_iter().map(T::to_f64);
    x.map(|x| if x.is_nan() { f64::NAN } else { x }.to_bits()).collect()
}

fn on<V: Value>(gates: Gates, sizes: [usize; 2], xs: &[V]) -> V {
    StepOp::new(gates, sizes).on(&xs.iter().collect::<Vec<_>>())
}

fn unfused<V: Value>(gates: Gates, sizes: [usize; 2], xs: &[V]) -> V {
    let op = StepOp::new(gates, sizes);
    op.body().unwrap().run(&xs.iter().collect::<Vec<_>>()).remove(0).unwrap()
}

#[test]
fn values_and_gradients_have_the_bits_of_the_program() {
    fn check<T: Float>() {
        let sizes = [[1, 1], [3, 5], [2, 8], [4, 16], [3, 17], [2, 33], [40, 60]];
        for (gates, sizes) in ALL.iter().flat_map(|&gates| sizes.map(|sizes| (gates, sizes))) {
            for special in [false, true] {
                let xs = operands::<T>(gates, sizes, special);
                let what = alloc::format!("{gates:?} of {sizes:?}, special {special}");
                let eager: Vec<_> = xs.iter().cloned().map(Eager::new).collect();
                let [found, expected] = [on(gates, sizes, &eager), unfused(gates, sizes, &eager)];
                let (found, expected) = (found.tensor().unwrap(), expected.tensor().unwrap());
                assert_eq!(found.shape(), expected.shape(), "{what}");
                assert!(bits(found) == bits(expected), "{what}");

                let g = numbers::<T>(*found.shape(), 9, special);
                let of = |fused: bool| {
                    let tape = Tape::new();
                    let leaves: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
                    let y = if fused { on(gates, sizes, &leaves) } else { unfused(gates, sizes, &leaves) };
                    let pulled = y.pull(Eager::new(g.clone()), &leaves).unwrap();
                    pulled.iter().map(|x| bits(x.tensor().unwrap())).collect::<Vec<_>>()
                };
                let [found, expected] = [true, false].map(of);
                assert!(found == expected, "cotangents of {what}");
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn derivatives_of_both_orders_are_those_of_the_function() {
    for gates in ALL {
        let xs = operands::<f64>(gates, [2, 3], false);
        let op = Op::Custom(Custom::new(StepOp::new(gates, [2, 3])));
        second_order(&op, &xs, 7).unwrap_or_else(|failure| panic!("{gates:?}: {failure}"));
    }
}

#[test]
fn other_kinds_of_value_run_the_program() {
    for gates in ALL {
        let sizes = [2, 3];
        let xs = operands::<f64>(gates, sizes, false);
        let moved: Vec<_> = xs.iter().map(|x| numbers(*x.shape(), 31, false)).collect();
        let eager: Vec<_> = xs.iter().cloned().map(Eager::new).collect();
        let other: Vec<_> = moved.iter().cloned().map(Eager::new).collect();

        let duals: Vec<_> = eager.iter().zip(&other).map(|(x, t)| Dual::new(x.clone(), t.clone())).collect();
        let [found, expected] = [on(gates, sizes, &duals), unfused(gates, sizes, &duals)];
        assert_eq!(found.primal.tensor().unwrap(), expected.primal.tensor().unwrap(), "{gates:?}");
        let [found, expected] = [found, expected].map(|y| y.tangent.unwrap());
        assert_eq!(found.tensor().unwrap(), expected.tensor().unwrap(), "{gates:?}");

        // Of the operands the first is one for each, the others are shared.
        let mut stacked: Vec<_> = eager.iter().cloned().map(Stacked::Shared).collect();
        stacked[0] = Stacked::from_rows(&eager[0], &other[..1]);
        let both = on(gates, sizes, &stacked).each(2);
        let mut alone = eager.clone();
        for (k, first) in [&eager[0], &other[0]].into_iter().enumerate() {
            alone[0] = first.clone();
            let expected = on(gates, sizes, &alone);
            let found = both.tensor().unwrap().at(0, k).unwrap();
            assert_eq!(found, *expected.tensor().unwrap(), "{gates:?}, value {k}");
        }
    }
}

#[test]
fn operands_of_other_shapes_are_refused() {
    for gates in ALL {
        let xs: Vec<_> = operands::<f64>(gates, [2, 3], false).into_iter().map(Eager::new).collect();
        assert!(on(gates, [2, 3], &xs).tensor().is_ok());
        let wrong = on(gates, [3, 2], &xs).tensor().unwrap_err().to_string();
        assert!(wrong.starts_with(gates.name()), "{wrong}");
        assert!(on(gates, [2, 3], &xs[..2]).tensor().is_err());
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for kind in [crate::Recurrent::gru(9, 70), crate::Recurrent::lstm(9, 70)] {
        let run = |threads| {
            parallel::with_threads(threads, || {
                let mut params = crate::Params::<f32>::new(3);
                let layer = kind.build(&mut params.root()).unwrap();
                let tape = Tape::new();
                let bound = params.on(&tape);
                let x = tape.var(numbers(Shape::new(&[64, 3, 9]).unwrap(), 1, false));
                let y = crate::Layer::apply(&layer, &bound, &x);
                let g = Eager::new(numbers(y.shape(), 2, false));
                let mut wanted = alloc::vec![x];
                wanted.extend_from_slice(bound.leaves().values());
                let mut found = alloc::vec![bits(y.value().unwrap().tensor().unwrap())];
                found.extend(y.pull(g, &wanted).unwrap().iter().map(|x| bits(x.tensor().unwrap())));
                found
            })
        };
        let one = run(1);
        assert!(one.len() > 4 && one == run(2) && one == run(3));
    }
}
