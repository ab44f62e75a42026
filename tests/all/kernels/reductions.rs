//! Sums, extremes, their places and running sums along axes of tensors that lie in any way.

use super::*;
use tress::tensor::Axes;

#[derive(Clone, Debug)]
struct Case {
    shape: Vec<usize>,
    lie: Lie,
    /// One bit for each axis that is reduced.
    reduced: usize,
    reversed: bool,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = proptest::collection::vec(size(12, 3000), 1..5);
    (shape, lie(), 0..16usize, any::<[bool; 2]>(), 2..9usize, numbers()).prop_map(
        |(mut shape, lie, reduced, [reversed, double], threads, numbers)| {
            // What is left of a tensor without numbers may have many.
            while shape.iter().map(|&length| length.max(1)).product::<usize>() > 100_000 {
                *shape.iter_mut().max().unwrap() /= 2;
            }
            Case { shape, lie, reduced, reversed, double, threads, numbers }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { shape, lie, reversed, threads, numbers, .. } = case;
    let x = numbers.laid::<T>(0, shape, lie);
    let listed: Vec<usize> = (0..shape.len()).filter(|axis| case.reduced >> axis & 1 == 1).collect();
    let (axes, one) = (Axes::of("test", &listed, x.shape()).unwrap(), case.reduced % shape.len());
    let empty = listed.iter().any(|&axis| shape[axis] == 0);
    prop_assert_eq!(x.max(axes).is_err(), empty, "nothing has no extreme");
    let results = on_any_threads(*threads, || {
        let mut results =
            vec![("sum", x.sum(axes).unwrap()), ("running_sum", x.running_sum(one, *reversed).unwrap())];
        if !empty {
            results.push(("max", x.max(axes).unwrap()));
            results.push(("min", x.min(axes).unwrap()));
        }
        if shape[one] > 0 {
            results.push(("argmax", x.argmax(one).unwrap().cast()));
            results.push(("argmin", x.argmin(one).unwrap().cast()));
        }
        results
    })?;
    let len = shape[one];
    let inner: usize = shape[one + 1..].iter().product();
    let numbers_of = doubles(&x);

    // What each number of a result is made of.
    let kept: usize =
        (0..shape.len()).filter(|axis| !listed.contains(axis)).map(|axis| shape[axis]).product();
    let mut parts: Vec<Vec<f64>> = vec![Vec::new(); kept];
    for (place, &x) in numbers_of.iter().enumerate() {
        let (mut rest, mut to, mut step) = (place, 0, 1);
        for axis in (0..shape.len()).rev() {
            if !listed.contains(&axis) {
                to += rest % shape[axis] * step;
                step *= shape[axis];
            }
            rest /= shape[axis];
        }
        parts[to].push(x);
    }
    let bound = |part: &[f64]| match numbers.exact {
        true => 0.0,
        false => part.len() as f64 * part.iter().map(|x| x.abs()).sum::<f64>(),
    };
    let along = |place: usize| {
        let (before, after) = (place / inner, place % inner);
        (0..len).map(|l| numbers_of[(before * len + l) * inner + after]).collect::<Vec<_>>()
    };
    // NaN is the largest of all, and the first of equals is meant.
    let extreme = |place: usize, largest: bool| {
        let row = along(place);
        let above = |a: f64, b: f64| {
            if largest { a > b || a.is_nan() && !b.is_nan() } else { a < b || !a.is_nan() && b.is_nan() }
        };
        let best = (0..row.len()).reduce(|best, next| if above(row[next], row[best]) { next } else { best });
        (best.unwrap() as f64, 0.0)
    };
    let or_nan = |part: &[f64], fold: fn(f64, f64) -> f64| match part.iter().any(|x| x.is_nan()) {
        true => (f64::NAN, 0.0),
        false => (part.iter().copied().reduce(fold).unwrap(), 0.0),
    };
    for (name, y) in &results {
        agrees(name, y, if *name == "running_sum" { len } else { 1 }, |place| match *name {
            "sum" => (parts[place].iter().sum(), bound(&parts[place])),
            "max" => or_nan(&parts[place], f64::max),
            "min" => or_nan(&parts[place], f64::min),
            "argmax" => extreme(place, true),
            "argmin" => extreme(place, false),
            _ => {
                let [before, l, after] = index(place, &[usize::MAX, len, inner]);
                let row = along(before * inner + after);
                let part = if *reversed { &row[l..] } else { &row[..l + 1] };
                (part.iter().sum(), bound(part))
            }
        })?;
    }
    Ok(())
}

#[test]
fn reductions_are_what_their_definition_says() {
    check("reductions", 500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
