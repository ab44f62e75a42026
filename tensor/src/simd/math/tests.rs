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
    Gelu: |x| Map::Gelu.f(x), |x| x * 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2);
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
    let mut worst = Worst::default();
    let mut next = 0;
    while next <= u64::from(u32::MAX) {
        // A piece at a time: all inputs would take 16 gigabytes.
        let mut inputs = Vec::with_capacity(1 << 16);
        while inputs.len() < 1 << 16 && next <= u64::from(u32::MAX) {
            inputs.extend(Some(f32::from_bits(next as u32)).filter(|&x| domain(x)));
            next += step;
        }
        worst.look(law, &inputs, &error, |x| format!("{x:e}"));
    }
    worst.hold(name, bound, unit);
}

/// The largest error that was met at each level, and where.
#[derive(Default)]
struct Worst(Vec<(Level, f64, String)>);

impl Worst {
    fn look<L: Law>(
        &mut self,
        law: L,
        inputs: &[f32],
        error: impl Fn(f32, f64) -> f64,
        place: impl Fn(f32) -> String,
    ) {
        let exact: Vec<f64> = inputs.iter().map(|&x| law.exact(f64::from(x))).collect();
        let mut outputs = inputs.to_vec();
        at_each_level(|level| {
            outputs.copy_from_slice(inputs);
            f32::dispatch(Apply(law, &mut outputs));
            if self.0.iter().all(|(other, ..)| *other != level) {
                self.0.push((level, 0.0, String::new()));
            }
            let slot = self.0.iter_mut().find(|(other, ..)| *other == level).unwrap();
            for ((&x, &y), &exact) in inputs.iter().zip(&outputs).zip(&exact) {
                let error = error(y, exact);
                if error > slot.1 {
                    *slot = (level, error, place(x));
                }
            }
        });
    }

    fn hold(self, name: &str, bound: f64, unit: &str) {
        for (level, worst, at) in &self.0 {
            println!("{name} at {level}: {worst:.3} {unit} at {at}");
        }
        for (level, worst, at) in self.0 {
            assert!(worst <= bound, "{name} at {level}: {worst} {unit} at {at}");
        }
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

/// `x` times the normal distribution function has the bounds of that below -1; above they are of all inputs, rounding and all.
#[test]
fn gelu_is_within_its_bounds() {
    within("gelu from 0 on", Gelu, 2.6, |x| x >= 0.0 || x.is_nan());
    within("gelu from -1 to 0", Gelu, 3.5, |x| (-1.0..0.0).contains(&x));
    let off = |got: f32, exact: f64| (f64::from(got) - exact).abs();
    let (below, down_to) = (|x: f32| x < -1.0 && x.is_finite(), |x: f32| (-6.5..-1.0).contains(&x));
    measured("gelu below -1", Gelu, step(), below, off, 1e-7, "");
    let part = |got: f32, exact: f64| (f64::from(got) / exact - 1.0).abs();
    measured("gelu down to -6.5, as a part", Gelu, step(), down_to, part, 2e-4, "");
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
        -1.527_156_8e8,
        2.0,
        1.0,
        0.0,
        -1.0,
        f32::INFINITY,
    ];
    for p in exponents {
        // Nineteen functions: each takes a part of the inputs, also where the others take all.
        measured(&format!("powf {p}"), Power(p), 19 * step(), |_| true, ulps, 1.5, "ULP");
    }
}

/// Of the 2^64 pairs as many as a step through all singles takes, by exponents of every kind and for each of them bases where the
/// power is a number, where it stops being one, and any others.
#[test]
fn powf_is_within_its_bound_over_a_sample_of_pairs() {
    const BASES: u64 = 4096;
    let mut worst = Worst::default();
    for n in 0..((1 << 32) / BASES).div_ceil(step()) {
        let p = exponent(n);
        let bases: Vec<f32> = (0..BASES).map(|i| base(p, n * BASES + i)).collect();
        worst.look(Power(p), &bases, ulps, |x| format!("{x:e} to the power {p:e}"));
    }
    worst.hold("powf of pairs", 1.5, "ULP");
}

/// 64 bits that follow from `n` as if by chance (Steele, Lea & Flood 2014).
fn mixed(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from `low` to `high` that follows from `n`.
fn between(low: f64, high: f64, n: u64) -> f64 {
    low + (high - low) * (mixed(n) >> 11) as f64 / (1u64 << 53) as f64
}

/// The `n`th exponent.
fn exponent(n: u64) -> f32 {
    let size = |low: f64, high: f64| between(low, high, n).exp2();
    let p = match n % 8 {
        0 => return f32::from_bits(mixed(n) as u32),
        1 => size(0.0, 25.0).round() as f32,
        // The last odd numbers, and beyond them.
        2 => f32::from_bits(16_777_216f32.to_bits() - 8 + (mixed(n) % 16) as u32),
        3 => (mixed(n) % 4096) as f32 / 64.0,
        4 | 5 => size(-10.0, 10.0) as f32,
        6 => size(-40.0, -10.0) as f32,
        _ => size(10.0, 32.0) as f32,
    };
    if n & 8 == 0 { p } else { -p }
}

/// The `n`th base for the exponent `p`.
fn base(p: f32, n: u64) -> f32 {
    // The base whose power is 2^e, and its neighbours.
    let root = |e: f64| (e / f64::from(p)).exp2() as f32;
    let near = |x: f32| f32::from_bits(x.to_bits().wrapping_add_signed(mixed(!n) as i32 % 64));
    let x = match n % 8 {
        0 | 1 => f32::from_bits(mixed(n) as u32),
        // The power is infinite from 2^128 on, less exact below 2^-126, and 0 from 2^-150 on.
        2 => near(root([128.0, -126.0, -149.0, -150.0][n as usize / 8 % 4])),
        3 => f32::from_bits(
            1f32.to_bits()
                .wrapping_add_signed(between(-1.0, 24.0, n).exp2() as i32 * (1 - ((n as i32 / 4) & 2))),
        ),
        _ => root(between(-151.0, 129.0, n)),
    };
    if mixed(!n) >> 61 == 0 { -x } else { x }
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
    // As long as the tail is not 0: far out the result is -0, and of minus infinity it is no number, as 0 times that is.
    check("gelu", Gelu, &[0.0, -0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 2.0]);
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
        -1.527_156_8e8, // a little more than 2^27: still a number near 1
        -3e38,
        f32::MAX,
    ] {
        check(&format!("powf {p}"), Power(p), &specials);
        check(&format!("powf {p}"), Power(p), &[0.999_999_94, 1.000_000_1, 0.999_999_46, -0.999_999_46]);
    }
}
