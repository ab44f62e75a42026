//! Every hand-written derivative against automatic ones.

use super::{Jet, Keep, Map};

/// Points on both sides of every kink, none on one.
const POINTS: [f64; 9] = [-2.7, -1.1, -0.6, -0.3, 0.2, 0.6, 0.9, 1.7, 3.1];

#[test]
fn every_derivative_is_that_of_its_function() {
    for &map in Map::ALL {
        for x in POINTS {
            let y = map.f(x);
            if !y.is_finite() {
                continue; // outside of the function's domain
            }
            let kept = if map.keep() == Keep::Output { y } else { x };
            let (hand, automatic) = (map.df(kept), map.f(Jet::variable(x)).slope);
            assert!(
                (hand - automatic).abs() <= 1e-12 * (1.0 + automatic.abs()),
                "{} at {x}: df gives {hand}, the jet {automatic}",
                map.name()
            );
        }
    }
}

#[test]
fn jets_agree_with_finite_differences() {
    for &map in Map::ALL {
        for x in POINTS {
            let h = 1e-6;
            let difference = (map.f(x + h) - map.f(x - h)) / (2.0 * h);
            let slope = map.f(Jet::variable(x)).slope;
            if difference.is_finite() {
                assert!((difference - slope).abs() < 1e-7 * (1.0 + slope.abs()), "{} at {x}", map.name());
            }
        }
    }
}

#[test]
fn whole_powers_have_derivatives_at_zero() {
    assert_eq!(Map::Power(0.0).df(0.0), 0.0);
    assert_eq!(Map::Power(1.0).df(Jet::variable(0.0)).slope, 0.0);
    assert_eq!(Map::Power(2.0).df(Jet::variable(0.0)).slope, 2.0);
}

#[test]
fn nan_stays_nan_through_kinked_functions() {
    for map in [Map::Relu, Map::Clamp(-1.0, 1.0), Map::LeakyRelu(0.1), Map::Sign, Map::Abs, Map::Elu(1.0)] {
        assert!(map.f(f64::NAN).is_nan(), "{}", map.name());
    }
}

/// Composed functions against formulas of `f64` that are not those of the table, from the smallest numbers to the largest: what
/// overflows on the way to a result that does not is seen here alone.
#[test]
fn composed_functions_are_right_to_the_ends_of_the_range() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let gelu_tanh = |x: f64| (0.5 * (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh() + 0.5, x);
    type Formula<'a> = &'a dyn Fn(f64) -> f64;
    let cases: [(Map, Formula<'_>, Formula<'_>); 8] = [
        (Map::Sinh, &f64::sinh, &f64::cosh),
        (Map::Cosh, &f64::cosh, &f64::sinh),
        (Map::Tanh, &f64::tanh, &|x| 1.0 / x.cosh().powi(2)),
        (Map::Sigmoid, &sigmoid, &|x| sigmoid(x) * sigmoid(-x)),
        (Map::Softplus, &|x| if x > 30.0 { x } else { x.exp().ln_1p() }, &sigmoid),
        (Map::Silu, &|x| x * sigmoid(x), &|x| sigmoid(x) + x * sigmoid(x) * sigmoid(-x)),
        (Map::GeluTanh, &|x| gelu_tanh(x).0 * x, &|x| {
            let (part, x) = gelu_tanh(x);
            let slope = 0.797_884_560_802_865_4 * (1.0 + 3.0 * 0.044_715 * x * x);
            part + if x.abs() > 20.0 { 0.0 } else { 2.0 * x * part * (1.0 - part) * slope }
        }),
        (Map::Elu(1.5), &|x| if x > 0.0 { x } else { 1.5 * x.exp_m1() }, &|x| {
            if x > 0.0 { 1.0 } else { 1.5 * x.exp() }
        }),
    ];
    let sizes = [
        1e-38, 1e-30, 1e-7, 1e-3, 0.5, 3.0, 9.0, 20.0, 80.0, 88.0, 88.8, 89.0, 89.4, 90.0, 1e4, 3e19, 1e38f32,
    ];
    for (map, f, df) in cases {
        for x in sizes.into_iter().flat_map(|x| [x, -x]) {
            let y = map.f(x);
            let kept = if map.keep() == Keep::Output { y } else { x };
            for (found, exact) in [(y, f(x.into())), (map.df(kept), df(x.into()))] {
                // What is near 0 beside its argument, or beside the 1 that it comes from, may be so much wrong.
                let bound = 2e-6 * (exact.abs() + f64::from(x.abs()).min(1.0)) + 1e-36;
                let rounded = f64::from(exact as f32);
                let same = f64::from(found) == rounded || (f64::from(found) - exact).abs() <= bound;
                assert!(same, "{} at {x}: {found}, not {exact}", map.name());
            }
        }
    }
}
