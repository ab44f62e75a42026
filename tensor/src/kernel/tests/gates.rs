//! The gates of recurrent networks against the operations that they stand for, one by one: the same bits.

use super::*;
use crate::Tensor;
use crate::pointwise::{Gates, Map, Zip};

/// Samples and hidden numbers: around the edges of registers, and more than one task.
const SIZES: [[usize; 2]; 14] = [
    [1, 1],
    [2, 3],
    [3, 4],
    [2, 7],
    [5, 8],
    [1, 9],
    [2, 15],
    [3, 16],
    [2, 17],
    [4, 31],
    [2, 33],
    [3, 130],
    [70, 33],
    [2, 2100],
];

type All<T> = Vec<Tensor<T>>;

fn zip<T: Float>(zip: Zip, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    a.zip(zip, b).unwrap()
}

fn add<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    zip(Zip::Add, a, b)
}

fn sub<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    zip(Zip::Sub, a, b)
}

fn mul<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    zip(Zip::Mul, a, b)
}

/// `g f'`, from the value of `f`.
fn back<T: Float>(map: Map, y: &Tensor<T>, g: &Tensor<T>) -> Tensor<T> {
    Tensor::map_grad(map, y, g).unwrap()
}

/// The parts beside each other in the rows of `x`.
fn parts<T: Float>(x: &Tensor<T>, hidden: usize) -> All<T> {
    (0..x.shape()[1] / hidden).map(|i| x.slice(1, i * hidden, (i + 1) * hidden, 1).unwrap()).collect()
}

/// Blocks of rows one behind the other, each of parts beside each other.
fn flat<T: Float>(blocks: &[&[Tensor<T>]]) -> Vec<T> {
    let beside = |parts: &[Tensor<T>]| {
        let rows: Vec<_> = parts.iter().map(|x| x.transpose(0, 1).unwrap().to_vec()).collect();
        let samples = parts[0].shape()[0];
        let wide = rows.concat();
        let shape = [wide.len() / samples, samples];
        Tensor::new(shape, &wide).unwrap().transpose(0, 1).unwrap().to_vec()
    };
    blocks.iter().flat_map(|parts| beside(parts)).collect()
}

/// What [`Gates`] says, by operations that are there already; gradients as the rules of those operations have them.
fn expected<T: Float>(gates: Gates, x: &[Tensor<T>], hidden: usize) -> Vec<T> {
    let (a, b) = (parts(&x[0], hidden), parts(&x[1], hidden));
    let sums: All<T> = a.iter().zip(&b).map(|(a, b)| add(a, b)).collect();
    match gates {
        Gates::Lstm | Gates::LstmGrad => {
            let [i, f, o] = [0, 1, 3].map(|i| sums[i].map(Map::Sigmoid));
            let new = sums[2].map(Map::Tanh);
            let memory = add(&mul(&f, &x[2]), &mul(&i, &new));
            let out = memory.map(Map::Tanh);
            if gates == Gates::Lstm {
                return flat(&[&[mul(&o, &out)], &[memory]]);
            }
            let [g_hidden, g_memory] = [0, 1].map(|i| x[3].at(0, i).unwrap());
            let g = add(&g_memory, &back(Map::Tanh, &out, &mul(&g_hidden, &o)));
            let of_parts = [
                back(Map::Sigmoid, &i, &mul(&g, &new)),
                back(Map::Sigmoid, &f, &mul(&g, &x[2])),
                back(Map::Tanh, &new, &mul(&g, &i)),
                back(Map::Sigmoid, &o, &mul(&g_hidden, &out)),
            ];
            flat(&[&of_parts, &[mul(&g, &f)]])
        }
        Gates::Gru | Gates::GruGrad => {
            let [reset, keep] = [0, 1].map(|i| sums[i].map(Map::Sigmoid));
            let new = add(&a[2], &mul(&reset, &b[2])).map(Map::Tanh);
            let moved = sub(&x[2], &new);
            if gates == Gates::Gru {
                return flat(&[&[add(&mul(&keep, &moved), &new)]]);
            }
            let kept = mul(&x[3], &keep);
            let g_new = back(Map::Tanh, &new, &sub(&x[3], &kept));
            let g_keep = back(Map::Sigmoid, &keep, &mul(&x[3], &moved));
            let g_reset = back(Map::Sigmoid, &reset, &mul(&g_new, &b[2]));
            let of_b = [g_reset.clone(), g_keep.clone(), mul(&g_new, &reset)];
            flat(&[&[g_reset, g_keep, g_new], &of_b, &[kept]])
        }
    }
}

/// Operands between -3 and 3, or with what is not finite among them.
fn operands<T: Float>(gates: Gates, [samples, hidden]: [usize; 2], special: bool) -> All<T> {
    let (shapes, count) = gates.operands(samples, hidden).unwrap();
    let rare = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 100.0, -100.0];
    let all = shapes[..count].iter().enumerate();
    all.map(|(seed, shape)| {
        let mut all = numbers::<T>(shape.len(), 5 * seed + 1);
        let places = all.iter_mut().enumerate().skip(seed).step_by(3);
        places.filter(|_| special).for_each(|(i, x)| *x = T::from_f64(rare[(i / 3 + seed) % 7]));
        Tensor::new(shape, &all).unwrap()
    })
    .collect()
}

#[test]
fn gates_have_the_bits_of_the_operations_they_stand_for() {
    fn check<T: Float>() {
        for (gates, sizes) in [Gates::Lstm, Gates::LstmGrad, Gates::Gru, Gates::GruGrad]
            .iter()
            .flat_map(|&gates| SIZES.map(|sizes| (gates, sizes)))
        {
            for special in [false, true] {
                let x = operands::<T>(gates, sizes, special);
                everywhere(|| {
                    let found = Tensor::gates(gates, &x.iter().collect::<Vec<_>>()).unwrap();
                    let expected = expected(gates, &x, sizes[1]);
                    assert!(bits(&found.to_vec()) == bits(&expected), "{gates:?} of {sizes:?}, {special}");
                });
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn operands_may_lie_anyhow_and_are_held_to_their_shapes() {
    let [a, b, c] = [0, 1, 2].map(|i| operands::<f32>(Gates::Gru, [5, 3], false)[i].clone());
    let turned = |x: &Tensor<f32>| {
        let (wide, samples) = (x.transpose(0, 1).unwrap().to_vec(), x.shape()[0]);
        Tensor::new([wide.len() / samples, samples], &wide).unwrap().transpose(0, 1).unwrap()
    };
    let plain = Tensor::gates(Gates::Gru, &[&a, &b, &c]).unwrap();
    let found = Tensor::gates(Gates::Gru, &[&turned(&a), &turned(&b), &turned(&c)]).unwrap();
    assert_eq!(found, plain);
    for (gates, x) in [
        (Gates::Gru, &[&a, &b][..]),
        (Gates::Gru, &[&a, &b, &c, &c]),
        (Gates::Lstm, &[&a, &b, &c]),
        (Gates::GruGrad, &[&a, &b, &c]),
        (Gates::GruGrad, &[&a, &b, &c, &a]),
        (Gates::Gru, &[&c, &b, &c]),
        (Gates::Gru, &[&a, &b, &plain.at(0, 0).unwrap()]),
    ] {
        assert!(Tensor::gates(gates, x).is_err(), "{gates:?} of {} operands", x.len());
    }
    let none = operands::<f32>(Gates::LstmGrad, [0, 3], false);
    assert_eq!(Tensor::gates(Gates::LstmGrad, &none.iter().collect::<Vec<_>>()).unwrap().len(), 0);
}
