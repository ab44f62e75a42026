//! Functions of one and two numbers over tensors that lie in any way.

use super::*;
use tress::tensor::pointwise::{Keep, Map, Zip};

#[derive(Clone, Debug)]
struct Case {
    shape: Vec<usize>,
    lies: [Lie; 3],
    map: Map,
    zip: Zip,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = proptest::collection::vec(size(12, 3000), 1..5);
    let functions =
        (proptest::sample::select(Map::ALL.to_vec()), proptest::sample::select(Zip::ALL.to_vec()));
    (shape, [lie(), lie(), lie()], functions, any::<bool>(), 2..9usize, numbers()).prop_map(
        |(mut shape, lies, (map, zip), double, threads, numbers)| {
            while shape.iter().product::<usize>() > 60_000 {
                *shape.iter_mut().max().unwrap() /= 2;
            }
            Case { shape, lies, map, zip, double, threads, numbers }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { shape, lies, map, zip, threads, numbers, .. } = case;
    let (map, zip) = (*map, *zip);
    let [a, b, c] = [0, 1, 2].map(|i| numbers.laid::<T>(i, shape, &lies[i]));
    // The definition of how an operand lies: number by number.
    let copied = a.to_vec();
    let mut at = vec![0; shape.len()];
    for (place, copied) in copied.iter().enumerate() {
        let mut rest = place;
        for axis in (0..shape.len()).rev() {
            at[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        let one = a.get(&at).unwrap().to_f64();
        prop_assert!(one == copied.to_f64() || one.is_nan() && copied.to_f64().is_nan(), "a copy at {place}");
    }
    let y = a.map(map);
    let kept = if map.keep() == Keep::Output { &y } else { &a };
    let all = |a: &Tensor<T>, b: &Tensor<T>, c: &Tensor<T>, kept: &Tensor<T>| {
        let (mut mapped, mut zipped) = (a.clone(), a.clone());
        mapped.map_mut(map);
        zipped.zip_mut(zip, b).unwrap();
        vec![
            ("map", a.map(map)),
            ("map_grad", Tensor::map_grad(map, kept, b).unwrap()),
            ("zip", a.zip(zip, b).unwrap()),
            ("select", a.select(b, c).unwrap()),
            ("dropout", a.dropout(0.5, 7).unwrap()),
            ("map_mut", mapped),
            ("zip_mut", zipped),
        ]
    };
    let results = on_any_threads(*threads, || all(&a, &b, &c, kept))?;
    let dense = all(&a.contiguous(), &b.contiguous(), &c.contiguous(), &kept.contiguous());
    for ((name, y), (_, dense)) in results.iter().zip(&dense) {
        same_bits(&format!("{name} of any layout and of dense numbers"), y, dense)?;
    }
    same_bits("a map in place", &results[5].1, &results[0].1)?;
    same_bits("a zip in place", &results[6].1, &results[2].1)?;
    let (a, b, c, kept) = (doubles(&a), doubles(&b), doubles(&c), doubles(kept));
    // A few roundings: functions here have arguments of at most one.
    let near = |x: f64| (x, 16.0 * (1.0 + x.abs()));
    for (name, y) in &results[..4] {
        agrees(name, y, 1, |i| match *name {
            "map" => near(map.f(a[i])),
            "map_grad" => {
                let slope = map.df(kept[i]);
                let value = b[i] * slope;
                (value, 16.0 * (1.0 + value.abs() + slope.abs()))
            }
            "zip" => near(zip.f(a[i], b[i])),
            _ => (if a[i] != 0.0 { b[i] } else { c[i] }, 0.0),
        })?;
    }
    Ok(())
}

#[test]
fn functions_of_any_layout_are_what_their_definition_says() {
    check("layouts", 500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
