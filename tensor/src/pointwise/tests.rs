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
