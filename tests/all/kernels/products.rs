//! Products of matrices that lie in any way, alone and in stacks, with what follows them.

use super::*;
use tress::tensor::pointwise::Map;

#[derive(Clone, Debug)]
struct Case {
    stack: Option<usize>,
    sizes: [usize; 3],
    lies: (Lie, Lie, Lie),
    transposed: [bool; 2],
    bias: bool,
    activation: Option<Map>,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let after = vec![None, Some(Map::Relu), Some(Map::Tanh), Some(Map::Sigmoid), Some(Map::Gelu)];
    let sizes = [size(20, 400), size(20, 400), size(20, 400)];
    let shape = (proptest::option::weighted(0.4, size(5, 40)), sizes);
    let flags = (any::<[bool; 4]>(), proptest::sample::select(after), 2..9usize);
    (shape, (lie(), lie(), lie()), flags, numbers()).prop_map(
        |((stack, sizes), lies, ([left, right, bias, double], activation, threads), numbers)| {
            let sizes = fitted(sizes, 20_000_000, |s| s.iter().product::<usize>() * stack.unwrap_or(1));
            Case { stack, sizes, lies, transposed: [left, right], bias, activation, double, threads, numbers }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { stack, sizes: [m, k, n], lies, transposed, bias, activation, threads, numbers, .. } = case;
    let ([m, k, n], activation) = ([*m, *k, *n], *activation);
    let shape = |turned: bool, rows, columns| {
        let [rows, columns] = if turned { [columns, rows] } else { [rows, columns] };
        stack.iter().copied().chain([rows, columns]).collect::<Vec<_>>()
    };
    let a = numbers.laid::<T>(0, &shape(transposed[0], m, k), &lies.0);
    let b = numbers.laid::<T>(1, &shape(transposed[1], k, n), &lies.1);
    let bias = bias.then(|| numbers.laid::<T>(2, &[n], &lies.2));
    let results = on_any_threads(*threads, || {
        vec![("product", a.product(&b, *transposed, bias.as_ref(), activation).unwrap())]
    })?;
    let y = &results[0].1;
    prop_assert_eq!(&y.shape()[..], &shape(false, m, n)[..]);
    if stack.is_some() {
        for i in 0..y.shape()[0].min(3) {
            let (a, b) = (a.at(0, i).unwrap(), b.at(0, i).unwrap());
            let alone = a.product(&b, *transposed, bias.as_ref(), activation).unwrap();
            same_bits("a matrix of a stack and alone", &y.at(0, i).unwrap(), &alone)?;
        }
    }
    let (a, b) = (doubles(&a), doubles(&b));
    let bias = bias.as_ref().map(doubles);
    agrees("product", y, k, |place| {
        let [s, i, j] = index(place, &[stack.unwrap_or(1), m, n]);
        let (mut sum, mut size) = bias.as_ref().map_or((0.0, 0.0), |bias| (bias[j], bias[j].abs()));
        for l in 0..k {
            let a = a[s * m * k + if transposed[0] { l * m + i } else { i * k + l }];
            let b = b[s * k * n + if transposed[1] { j * k + l } else { l * n + j }];
            sum += a * b;
            size += (a * b).abs();
        }
        // As many roundings as there are terms (Higham 2002, section 3.1); no function here is steeper than 1.2.
        let rounding = if numbers.exact { 0.0 } else { (k + 2) as f64 * size };
        match activation {
            None => (sum, rounding),
            Some(Map::Relu) => (Map::Relu.f(sum), rounding),
            Some(map) => (map.f(sum), 1.2 * rounding + 8.0 * (1.0 + sum.abs())),
        }
    })
}

#[test]
fn products_are_what_their_definition_says() {
    check("products", 1500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
