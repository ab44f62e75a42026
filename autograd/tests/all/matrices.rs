//! Matrices, systems of linear equations, and sums of products by formula: by their definitions, to second order.

use crate::expression::{all, checked, eager, near, numbers};
use tress_autograd::check::{self, Program};
use tress_autograd::op::{Solve, System};
use tress_autograd::{Arrange, Eager, Fused, Matrix, Value, einsum};
use tress_tensor::{Error, Tensor};

#[test]
fn matrices() {
    let x = || all(&[&[2, 3, 4]]);
    let at = |i: usize, j: usize, k: usize| x()[0][[i, j, k]];
    let low = checked!(x(), |x| x[0].tril(1));
    assert_eq!((low[[1, 0, 1]], low[[1, 0, 2]], low[[1, 2, 0]]), (at(1, 0, 1), 0.0, at(1, 2, 0)));
    let high = checked!(x(), |x| x[0].triu(-1));
    assert_eq!((high[[1, 1, 0]], high[[1, 2, 0]], high[[1, 0, 3]]), (at(1, 1, 0), 0.0, at(1, 0, 3)));
    for (offset, first, len) in
        [(0isize, at(1, 0, 0), 3), (1, at(1, 0, 1), 3), (3, at(1, 0, 3), 1), (-2, at(1, 2, 0), 1)]
    {
        let y = Eager::new(x().remove(0)).diagonal(offset);
        assert_eq!((y.tensor().unwrap()[[1, 0]], y.shape()[1]), (first, len), "diagonal {offset}");
    }
    assert_eq!(*Eager::new(x().remove(0)).diagonal(-3).shape(), [2, 0]);
    near(
        &checked!(x(), |x| x[0].diagonal(1)),
        &[at(0, 0, 1), at(0, 1, 2), at(0, 2, 3), at(1, 0, 1), at(1, 1, 2), at(1, 2, 3)],
    );
    let put = checked!(all(&[&[2, 3]]), |x| x[0].diag_embed(-1));
    assert_eq!(
        (*put.shape() == *numbers(&[2, 4, 4], 0).shape(), put[[1, 2, 1]], put[[1, 1, 1]]),
        (true, numbers(&[2, 3], 1)[[1, 1]], 0.0)
    );
    near(&checked!(all(&[&[3, 3]]), |x| x[0].trace()), &[(0..3).map(|i| numbers(&[3, 3], 1)[[i, i]]).sum()]);

    let square = || {
        let a = numbers(&[2, 3, 3], 1);
        Tensor::from_fn([2, 3, 3], |i| a.get(i).unwrap() + if (i[1] + 1) % 3 == i[2] { 3.0 } else { 0.0 })
            .unwrap()
    };
    let identity = checked!(vec![square()], |x| x[0].matmul(x[0].inverse()));
    near(&identity, &Tensor::from_fn([2, 3, 3], |i| f64::from(u8::from(i[1] == i[2]))).unwrap().to_vec());
    let b = numbers(&[2, 3, 2], 2);
    near(&checked!(vec![square(), b.clone()], |x| x[0].matmul(x[0].solve(&x[1]))), &b.to_vec());
    let det = checked!(vec![square()], |x| x[0].det());
    let cofactors = |k: usize| {
        let a = |i: usize, j: usize| square()[[k, i % 3, j % 3]];
        (0..3).map(|j| a(0, j) * (a(1, j + 1) * a(2, j + 2) - a(1, j + 2) * a(2, j + 1))).sum::<f64>()
    };
    near(&det, &[cofactors(0), cofactors(1)]);
    let factor = checked!(vec![square()], |x| (x[0].matmul(x[0].transpose(1, 2))).cholesky());
    let back = Eager::new(factor.clone());
    let product = back.matmul(back.transpose(1, 2));
    near(product.tensor().unwrap(), &square().matmul(&square().transpose(1, 2).unwrap()).unwrap().to_vec());
    let lower = Solve { system: System::Triangular { lower: true, unit: false }, transposed: true };
    let y = Eager::new(factor.clone()).solve_triangular(Eager::new(b.clone()), lower);
    near(back.transpose(1, 2).matmul(y).tensor().unwrap(), &b.to_vec());

    let singular = Eager::new(Tensor::new([2, 2], &[1.0f64, 2.0, 2.0, 4.0]).unwrap());
    assert!(singular.inverse().tensor().unwrap().to_vec().iter().all(|x| x.is_nan()));
    assert_eq!(
        (singular.det().item().unwrap(), singular.log_det().item().unwrap()),
        (0.0, f64::NEG_INFINITY)
    );
    assert!(singular.cholesky().tensor().unwrap().to_vec().iter().all(|x| x.is_nan()), "not definite");
    let nothing = Eager::new(Tensor::<f64>::zeros([2, 0, 0]).unwrap());
    assert_eq!(nothing.det().tensor().unwrap().to_vec(), [1.0, 1.0]);
    assert_eq!(*nothing.inverse().shape(), [2, 0, 0]);
    let wide = Eager::new(x().remove(0));
    for wrong in [wide.log_det(), wide.inverse(), wide.cholesky(), wide.solve(&wide)] {
        assert!(wrong.mistake().is_some());
    }
    assert!(matches!(eager(&[1.0]).trace().mistake().unwrap().error, Error::Unfit { op: "diagonal", .. }));
}

#[test]
fn products_of_vectors_are_those_of_numpy() {
    let (a, b) = (numbers(&[3], 1), numbers(&[2, 3, 4], 2));
    let dot = checked!(all(&[&[3], &[3]]), |x| x[0].matmul(&x[1]));
    assert_eq!(dot.rank(), 0);
    let left = checked!(vec![a.clone(), b.clone()], |x| x[0].matmul(&x[1]));
    assert_eq!(**left.shape(), [2, 4]);
    assert!((left[[1, 2]] - (0..3).map(|k| a[[k]] * b[[1, k, 2]]).sum::<f64>()).abs() < 1e-14);
    let right = checked!(all(&[&[2, 3, 4], &[4]]), |x| x[0].matmul(&x[1]));
    assert_eq!(**right.shape(), [2, 3]);
    let message = Eager::new(a).matmul(eager(&[1.0, 2.0])).mistake().unwrap().to_string();
    assert!(message.starts_with("matmul: "), "{message}");
    let message = eager(&[1.0, 2.0]).matmul(Eager::new(b)).mistake().unwrap().to_string();
    assert!(message.contains("x [2, 3, 4]: inner lengths 2 and 3 differ"), "{message}");
}

/// A formula by brute force: all indices of the result and of the rest.
fn sums(formula: &str, xs: &[Tensor<f64>]) -> Tensor<f64> {
    let (left, right) = formula.split_once("->").unwrap();
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.trim().chars().collect()).collect();
    let result: Vec<char> = right.trim().chars().collect();
    let mut letters = result.clone();
    terms.iter().flatten().for_each(|&letter| {
        if !letters.contains(&letter) {
            letters.push(letter)
        }
    });
    let length = |letter: &char| {
        let at = |(term, x): (&Vec<char>, &Tensor<f64>)| {
            term.iter().position(|own| own == letter).map(|axis| x.shape()[axis])
        };
        terms.iter().zip(xs).find_map(at).unwrap()
    };
    let lengths: Vec<usize> = letters.iter().map(length).collect();
    let inner: usize = lengths[result.len()..].iter().product();
    Tensor::from_fn(&lengths[..result.len()], |outer| {
        (0..inner)
            .map(|mut number| {
                let mut index = outer.to_vec();
                for &len in &lengths[result.len()..] {
                    index.push(number % len);
                    number /= len;
                }
                let place = |letter: &char| index[letters.iter().position(|own| own == letter).unwrap()];
                terms
                    .iter()
                    .zip(xs)
                    .map(|(term, x)| x.get(&term.iter().map(place).collect::<Vec<_>>()).unwrap())
                    .product::<f64>()
            })
            .sum()
    })
    .unwrap()
}

#[test]
fn formulas_are_their_sums() {
    let table: &[(&str, &[&[usize]])] = &[
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 4]]),
        ("bij,kj->kbi", &[&[2, 2, 3], &[4, 3]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij->", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("iji->j", &[&[3, 2, 3]]),
        ("iiijj->ji", &[&[2, 2, 2, 3, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,i->", &[&[3], &[3]]),
        ("i,i,i->i", &[&[3], &[3], &[3]]),
        ("ab,bc,cd,de->ae", &[&[2, 3], &[3, 2], &[2, 4], &[4, 2]]),
        ("abc,cd,ae->bde", &[&[2, 3, 2], &[2, 4], &[2, 3]]),
        ("ij,kl->", &[&[2, 3], &[2, 2]]),
        ("ijk,ilm->jl", &[&[2, 3, 2], &[2, 2, 3]]),
        (",ij->ij", &[&[], &[2, 3]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("bhqd,bhkd->bhqk", &[&[2, 2, 3, 2], &[2, 2, 4, 2]]),
    ];
    for &(formula, shapes) in table {
        struct Formula(&'static str);
        impl Program for Formula {
            fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
                einsum(self.0, &xs[0], &xs[1..].iter().collect::<Vec<_>>())
            }
        }
        let xs = all(shapes);
        check::second_order(&Formula(formula), &xs, 5)
            .unwrap_or_else(|failure| panic!("{formula}: {failure}"));
        let found = Formula(formula).run(&xs.iter().cloned().map(Eager::new).collect::<Vec<_>>());
        let expected = sums(formula, &xs);
        assert_eq!(found.shape(), *expected.shape(), "{formula}");
        near(found.tensor().unwrap(), &expected.to_vec());
    }
}

#[test]
fn formulas_broadcast_and_say_what_is_wrong() {
    let (a, b) = (Eager::new(numbers(&[5, 1, 2, 3], 1)), Eager::new(numbers(&[4, 3, 2], 2)));
    let whole = einsum("...ij, ...jk -> ...ik", &a, &[&b]);
    assert_eq!(whole.tensor().unwrap(), a.matmul(&b).tensor().unwrap());
    assert_eq!(einsum("...ij,...jk", &a, &[&b]).tensor().unwrap(), whole.tensor().unwrap(), "implicit");
    assert_eq!(*einsum("i...->...i", &a, &[]).shape(), [1, 2, 3, 5]);
    let square = Eager::new(numbers(&[3, 3], 3));
    assert_eq!(einsum("ii", &square, &[]).tensor().unwrap(), square.trace().tensor().unwrap());
    assert_eq!(
        *einsum("ba", &Eager::new(numbers(&[2, 3], 1)), &[]).shape(),
        [3, 2],
        "in the order of the alphabet"
    );
    let summed = einsum("...i,...i->", &a.at(3, 0).unsqueeze(2), &[&b.at(2, 0).unsqueeze(2)]);
    assert_eq!(*summed.shape(), []);

    for (formula, what) in [
        ("ij,jk->ik", "einsum: 'j': lengths 3 and 4 differ"),
        ("ij,ik->ix", "einsum: 'x': the result has it, and no operand does"),
        ("ij,ik->ii", "einsum: 'i': the result has it twice"),
        ("ij->i", "einsum: the formula has fewer terms than operands"),
        ("ij,ik,i->i", "einsum: the formula has more terms than operands"),
        ("ij,i->i", "einsum: [2, 4]: its term has another number of letters"),
        ("i-,ik->i", "einsum: '-': a formula has letters"),
        ("i.j,ik->i", "einsum: '.': a formula has letters"),
        ("......,ik->i", "einsum: '.': a formula has letters"),
        ("ii,ik->i", "einsum: 'i': lengths 2 and 3 differ"),
    ] {
        let (a, b) = (Eager::new(numbers(&[2, 3], 1)), Eager::new(numbers(&[2, 4], 2)));
        let b = if formula == "ij,jk->ik" { b.transpose(0, 1) } else { b };
        let message = einsum(formula, &a, &[&b]).mistake().unwrap().to_string();
        assert!(message.starts_with(what) && message.contains("matrices.rs"), "{formula}: {message}");
    }
    let (a, b) = (Eager::new(numbers(&[2, 3], 1)), Eager::new(numbers(&[4, 3], 2)));
    let message = einsum("...i,...i->...", &a, &[&b]).mistake().unwrap().to_string();
    assert!(message.starts_with("einsum: '…': lengths 2 and 4 differ"), "{message}");
}
