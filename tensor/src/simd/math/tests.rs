//! Every function of single precision against double precision, over steps through all inputs, at every level.

use crate::element::Float;
use crate::pointwise::{Map, Real};
use crate::simd::{Kernel, Lanes, Level, Vector, at_each_level};

/// A function of one number, for any kind of number.
trait Law: Copy {
    fn lanes<R: Real>(self, x: R) -> R;
    fn exact(self, x: f64) -> f64;
}

macro_rules! laws {
    ($($name:ident: |$x:ident| $lanes:expr, |$e:ident| $exact:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;
        impl Law for $name {
            #[inline(always)]
            fn lanes<R: Real>(self, $x: R) -> R { $lanes }
            fn exact(self, $e: f64) -> f64 { $exact }
        }
    )*};
}

laws! {
    Exp: |x| x.exp(), |x| x.exp();
    Exp2: |x| x.exp2(), |x| x.exp2();
    Floor: |x| x.floor(), |x| x.floor();
    Round: |x| x.round(), |x| x.round_ties_even();
    ExpM1: |x| x.exp_m1(), |x| x.exp_m1();
    Ln: |x| x.ln(), |x| x.ln();
    Ln1p: |x| x.ln_1p(), |x| x.ln_1p();
    Tanh: |x| x.tanh(), |x| x.tanh();
    Sigmoid: |x| Map::Sigmoid.f(x), |x| 1.0 / (1.0 + (-x).exp());
    Sin: |x| x.sin(), |x| x.sin();
    Cos: |x| x.cos(), |x| x.cos();
    Erf: |x| x.erf(), |x| libm::erf(x);
    NormalCdf: |x| x.normal_cdf(), |x| 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2);
}

#[derive(Clone, Copy)]
struct Power(f32);
impl Law for Power {
    #[inline(always)]
    fn lanes<R: Real>(self, x: R) -> R {
        x.powf(self.0 as f64)
    }
    fn exact(self, x: f64) -> f64 {
        x.powf(self.0 as f64)
    }
}

struct Apply<'a, L>(L, &'a mut [f32]);
impl<L: Law> Kernel<f32> for Apply<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, isa: I) {
        for block in self.1.chunks_mut(I::V::LANES) {
            // SAFETY: as many numbers as the block has.
            unsafe {
                let x = isa.load_first(block.len(), block.as_ptr());
                self.0.lanes(x).store_first(block.len(), block.as_mut_ptr());
            }
        }
    }
}

/// How far `got` is from `exact`, in distances between neighbouring singles there.
fn ulps(got: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if exact.is_nan() || got.is_nan() {
        return if exact.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if nearest.is_infinite() || got.is_infinite() {
        // The largest number beside infinity is one step away.
        let same = got == nearest
            || (got.abs().max(nearest.abs()).is_infinite() && got.abs().min(nearest.abs()) == f32::MAX);
        return if same && got.signum() == nearest.signum() { 0.0 } else { f64::INFINITY };
    }
    let below = f32::from_bits((nearest.abs().to_bits()).max(1) - 1);
    let above = f32::from_bits(nearest.abs().to_bits().max(1));
    let unit = (above as f64 - below as f64).max(f32::from_bits(1) as f64);
    (got as f64 - exact).abs() / unit
}

/// Steps through all singles of `domain` at every level and holds the error below `bound` ULP.
fn within<L: Law>(name: &str, law: L, bound: f64, domain: impl Fn(f32) -> bool) {
    measured(name, law, step(), domain, ulps, bound, "ULP");
}

/// Steps through singles of `domain` at every level and holds the error below `bound`.
fn measured<L: Law>(
    name: &str,
    law: L,
    step: u64,
    domain: impl Fn(f32) -> bool,
    error: impl Fn(f32, f64) -> f64,
    bound: f64,
    unit: &str,
) {
    let mut worst: Vec<(Level, f64, f32)> = Vec::new();
    let mut next = 0;
    while next <= u64::from(u32::MAX) {
        // A piece at a time: all inputs would take 16 gigabytes.
        let mut inputs = Vec::with_capacity(1 << 16);
        while inputs.len() < 1 << 16 && next <= u64::from(u32::MAX) {
            inputs.extend(Some(f32::from_bits(next as u32)).filter(|&x| domain(x)));
            next += step;
        }
        let exact: Vec<f64> = inputs.iter().map(|&x| law.exact(f64::from(x))).collect();
        let mut outputs = inputs.clone();
        at_each_level(|level| {
            outputs.copy_from_slice(&inputs);
            f32::dispatch(Apply(law, &mut outputs));
            if worst.iter().all(|(other, ..)| *other != level) {
                worst.push((level, 0.0, 0.0));
            }
            let slot = worst.iter_mut().find(|(other, ..)| *other == level).unwrap();
            for ((&x, &y), &exact) in inputs.iter().zip(&outputs).zip(&exact) {
                let error = error(y, exact);
                if error > slot.1 {
                    *slot = (level, error, x);
                }
            }
        });
    }
    for (level, worst, at) in &worst {
        println!("{name} at {level}: {worst:.3} {unit} at {at:e}");
    }
    for (level, worst, at) in worst {
        assert!(worst <= bound, "{name} at {level}: {worst} {unit} at {at:e}");
    }
}

/// From one input to the next: a prime, so that all ends of the bit patterns come by; or what `TRESS_STEP` says, 1 for all.
fn step() -> u64 {
    std::env::var("TRESS_STEP").map_or(2_503, |step| step.parse::<u64>().expect("a whole number").max(1))
}

#[test]
fn exp_is_within_its_bound() {
    within("exp", Exp, 1.2, |_| true);
}
#[test]
fn exp2_is_within_its_bound() {
    within("exp2", Exp2, 1.2, |_| true);
    within("exp2 of a whole number", Exp2, 0.0, |x| x.fract() == 0.0 && (-149.0..1000.0).contains(&x));
}
#[test]
fn rounding_is_exact() {
    within("floor", Floor, 0.0, |_| true);
    within("round", Round, 0.0, |_| true);
}
#[test]
fn exp_m1_is_within_its_bound() {
    within("exp_m1", ExpM1, 1.8, |_| true);
}
#[test]
fn ln_is_within_its_bound() {
    within("ln", Ln, 1.0, |_| true);
}
#[test]
fn ln_1p_is_within_its_bound() {
    within("ln_1p", Ln1p, 1.5, |_| true);
}
#[test]
fn tanh_is_within_its_bound() {
    within("tanh", Tanh, 2.5, |_| true);
}
#[test]
fn sigmoid_is_within_its_bound() {
    within("sigmoid", Sigmoid, 2.5, |_| true);
}
#[test]
fn sin_is_within_its_bound() {
    within("sin", Sin, 1.6, |x| x.abs() <= 65_536.0 || x.is_nan());
    within("sin far out", Sin, 1.0, |x| x.abs() > 65_536.0);
}
#[test]
fn cos_is_within_its_bound() {
    within("cos", Cos, 1.9, |x| x.abs() <= 65_536.0 || x.is_nan());
    within("cos far out", Cos, 1.0, |x| x.abs() > 65_536.0);
}
#[test]
fn erf_is_within_its_bound() {
    within("erf", Erf, 1.5, |_| true);
}
#[test]
fn normal_cdf_is_within_its_bounds() {
    within("normal_cdf from 0 on", NormalCdf, 1.6, |x| x >= 0.0 || x.is_nan());
    within("normal_cdf from -1 to 0", NormalCdf, 3.5, |x| (-1.0..0.0).contains(&x));
    let off = |got: f32, exact: f64| (f64::from(got) - exact).abs();
    let (below, down_to) = (|x: f32| x < -1.0, |x: f32| (-6.5..-1.0).contains(&x));
    measured("normal_cdf below -1", NormalCdf, step(), below, off, 1e-7, "");
    let part = |got: f32, exact: f64| (f64::from(got) / exact - 1.0).abs();
    measured("normal_cdf down to -6.5, as a part", NormalCdf, step(), down_to, part, 2e-4, "");
}
#[test]
fn powf_is_within_its_bound() {
    let exponents = [
        0.5,
        -0.5,
        1.5,
        2.5,
        3.0,
        -3.0,
        0.1,
        17.3,
        -40.7,
        1e-6,
        7.0,
        1e6,
        -1e9,
        2.0,
        1.0,
        0.0,
        -1.0,
        f32::INFINITY,
    ];
    for p in exponents {
        // Eighteen functions: each takes a part of the inputs, also where the others take all.
        measured(&format!("powf {p}"), Power(p), 19 * step(), |_| true, ulps, 1.5, "ULP");
    }
}

#[test]
fn special_values_are_those_of_the_standard_library() {
    let specials = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        1e-45,
        -1e-45,
        2.0,
        1e-40,
    ];
    fn check<L: Law>(name: &str, law: L, specials: &[f32]) {
        at_each_level(|level| {
            let mut outputs = specials.to_vec();
            f32::dispatch(Apply(law, &mut outputs));
            for (&x, &y) in specials.iter().zip(&outputs) {
                let expected = law.exact(x as f64);
                assert!(ulps(y, expected) <= 2.0, "{name}({x:e}) at {level}: {y:e} for {expected:e}");
                if expected == 0.0 {
                    assert_eq!(
                        y.is_sign_negative(),
                        expected.is_sign_negative(),
                        "{name}({x:e}) at {level}: {y:e}"
                    );
                }
            }
        });
    }
    check("exp", Exp, &specials);
    check("exp2", Exp2, &specials);
    for (name, halves) in [("halves", 0.5), ("the last ones with a fraction", 4_194_303.5)] {
        let halves = [halves, -halves, 3.0 * halves, halves + 1.0, -halves - 2.0];
        check(&format!("floor of {name}"), Floor, &halves);
        check(&format!("round of {name}"), Round, &halves);
    }
    check("floor", Floor, &specials);
    check("round", Round, &specials);
    check("exp_m1", ExpM1, &specials);
    check("ln", Ln, &specials);
    check("ln_1p", Ln1p, &specials);
    check("tanh", Tanh, &specials);
    check("sigmoid", Sigmoid, &specials);
    check("sin", Sin, &specials);
    check("cos", Cos, &specials);
    check("erf", Erf, &specials);
    check(
        "normal_cdf",
        NormalCdf,
        &[0.0, -0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-45, 2.0],
    );
    for p in [
        0.5,
        -0.5,
        2.0,
        3.0,
        -3.0,
        -1.0,
        0.0,
        1.0,
        2.5,
        -2.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        3e9,
    ] {
        check(&format!("powf {p}"), Power(p), &specials);
    }
}
