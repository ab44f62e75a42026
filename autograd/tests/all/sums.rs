//! Sums that a sweep takes in one piece: slices of one value, and one matrix in several products.

use super::common::Random;
use tress_autograd::check::{self, Program};
use tress_autograd::op::Product;
use tress_autograd::{Arrange, Eager, Op, Pointwise, Reduce, Tape, Value};
use tress_tensor::Tensor;

fn times<V: Value>(transposed: [bool; 2], a: &V, b: &V) -> V {
    V::apply(Op::Product(Product { transposed, ..Product::default() }), &[a, b])
}

/// One matrix `[5, 5]` in several products, either way up; the first operand has few rows or many.
struct OneMatrix;

impl Program for OneMatrix {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let (w, mut h) = (&xs[1], xs[0].clone());
        for _ in 0..3 {
            h = times([false, false], &h, w).tanh();
            h = times([false, true], &h, w).tanh();
        }
        h
    }
}

/// Slices that overlap, leave gaps, lie along two axes, have steps or are empty.
struct Slices;

impl Program for Slices {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let x = &xs[0];
        let rows = |from: usize, to: usize| x.slice(0, from..to);
        let a = rows(0, 2) * rows(1, 3) + rows(4, 6).square();
        let b = x.slice(1, 0..2) * x.slice(1, 1..3);
        let whole = rows(0, 6).sin() * rows(0, 6);
        let stepped =
            V::apply(Op::Slice(tress_autograd::op::Slice { axis: 0, start: 1, end: 6, step: 3 }), &[x]);
        let empty = rows(3, 3).sum_all();
        let found = a.sum_all() * b.sum_all() + whole.sum_all() + stepped.square().sum_all() + empty;
        found * rows(2, 3).sum_all()
    }
}

#[test]
fn rules_agree_with_each_other_and_with_differences() {
    let mut random = Random::new(4);
    for rows in [1, 2, 7] {
        check::second_order(&OneMatrix, &[random.tensor(&[rows, 5]), random.tensor(&[5, 5])], 1).unwrap();
    }
    check::second_order(&Slices, &[random.tensor(&[6, 3])], 2).unwrap();
}

/// The sum that is taken summand by summand: the sweep that somebody looks on.
fn one_by_one(program: &impl Program, xs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let tape = Tape::<Eager<f64>>::new();
    let vars: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
    let adjoint = program.run(&vars).adjoint(&vars).unwrap();
    let of = |var: &tress_autograd::Var<'_, _>| adjoint.cotangent(var.index().unwrap()).unwrap();
    vars.iter()
        .map(|var| adjoint.program().entries().nth(of(var)).unwrap().value.tensor().unwrap().clone())
        .collect()
}

#[test]
fn sums_are_those_of_their_summands() {
    fn compare(program: &impl Program, xs: &[Tensor<f64>]) {
        let tape = Tape::<Eager<f64>>::new();
        let vars: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
        let y = program.run(&vars);
        let ones = y.value().unwrap().constant(1.0);
        for (found, expected) in y.pull(ones, &vars).unwrap().iter().zip(one_by_one(program, xs)) {
            let pairs = found.tensor().unwrap().to_vec().into_iter().zip(expected.to_vec());
            pairs.for_each(|(a, b)| assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} {b}"));
        }
    }
    let mut random = Random::new(5);
    for rows in [1, 2, 7] {
        compare(&OneMatrix, &[random.tensor(&[rows, 5]), random.tensor(&[5, 5])]);
    }
    compare(&Slices, &[random.tensor(&[6, 3])]);
}

#[test]
fn k_cotangents_together_have_the_bits_of_each_alone() {
    fn compare(program: &impl Program, xs: &[Tensor<f64>], random: &mut Random) {
        let tape = Tape::<Eager<f64>>::new();
        let vars: Vec<_> = xs.iter().map(|x| tape.var(x.clone())).collect();
        let y = program.run(&vars);
        let shape = y.value().unwrap().shape().insert(0, 3).unwrap();
        let g = random.tensor(&shape);
        let together = y.pull_stacked(Eager::new(g.clone()), &vars).unwrap();
        for k in 0..3 {
            let alone = y.pull(Eager::new(g.at(0, k).unwrap()), &vars).unwrap();
            for (all, one) in together.iter().zip(&alone) {
                assert_eq!(all.tensor().unwrap().at(0, k).unwrap(), *one.tensor().unwrap());
            }
        }
    }
    let mut random = Random::new(6);
    for rows in [2, 7] {
        let xs = [random.tensor(&[rows, 5]), random.tensor(&[5, 5])];
        compare(&OneMatrix, &xs, &mut random);
    }
    let xs = [random.tensor(&[6, 3])];
    compare(&Slices, &xs, &mut random);
}
