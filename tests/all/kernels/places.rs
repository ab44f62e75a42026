//! Rows that are gathered, and added up where they came from.

use super::*;

#[derive(Clone, Debug)]
struct Case {
    /// What lies before and after the axis, and how long that and the index are.
    outer: usize,
    inner: usize,
    len: usize,
    places: usize,
    lie: Lie,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (size(4, 30), size(20, 200), size(10, 3000), size(20, 3000));
    (sizes, lie(), any::<bool>(), 2..9usize, numbers()).prop_map(
        |((outer, inner, len, places), lie, double, threads, numbers)| {
            let work = |s: &[usize; 4]| s[0] * s[1] * (s[2] + s[3]);
            let [outer, inner, len, places] = fitted([outer, inner, len, places], 1_000_000, work);
            let places = if len == 0 { 0 } else { places };
            Case { outer, inner, len, places, lie, double, threads, numbers }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { outer, inner, len, places, lie, threads, numbers, .. } = case;
    let [outer, inner, len, places] = [*outer, *inner, *len, *places];
    let index_of: Vec<usize> = (0..places).map(|i| numbers.whole(3, i, len)).collect();
    let at = Tensor::vector(&index_of.iter().map(|&place| place as u32).collect::<Vec<_>>());
    let x = numbers.laid::<T>(0, &[outer, len, inner], lie);
    let g = numbers.laid::<T>(1, &[outer, places, inner], lie);
    let results = on_any_threads(*threads, || {
        vec![("gather", x.gather(1, &at).unwrap()), ("scatter", g.scatter(1, &at, len).unwrap())]
    })?;
    let (x, g) = (doubles(&x), doubles(&g));
    agrees("gather", &results[0].1, 1, |place| {
        let [o, p, i] = index(place, &[outer, places, inner]);
        (x[(o * len + index_of[p]) * inner + i], 0.0)
    })?;
    let mut sums = vec![(0.0, 0.0, 0.0); outer * len * inner];
    for (place, g) in g.iter().enumerate() {
        let [o, p, i] = index(place, &[outer, places, inner]);
        let (sum, size, count) = &mut sums[(o * len + index_of[p]) * inner + i];
        (*sum, *size, *count) = (*sum + g, *size + g.abs(), *count + 1.0);
    }
    agrees("scatter", &results[1].1, 1, |place| {
        let (sum, size, count) = sums[place];
        (sum, if numbers.exact { 0.0 } else { count * size })
    })
}

#[test]
fn gathering_and_scattering_are_what_their_definition_says() {
    check("places", 500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
