//! Every register against plain arithmetic, at every level.
#![allow(clippy::needless_range_loop)] // several arrays run along with one index

use super::{Kernel, Lanes, Vector, at_each_level, best};
use crate::element::Float;
use crate::pointwise::Real;

/// Loads, computes and stores the first `count` numbers of every length up to a few registers.
struct Arithmetic<'a, T> {
    a: &'a [T],
    b: &'a [T],
}

impl<T: Float> Kernel<T> for Arithmetic<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let lanes = I::V::LANES;
        let sentinel = T::from_f64(-77.0);
        for count in 0..=lanes {
            let mut out = [sentinel; 64];
            // SAFETY: the slices hold at least 64 numbers, a register at most 16.
            unsafe {
                let a = isa.load_first(count, self.a.as_ptr());
                let b = isa.load(self.b.as_ptr());
                a.mul_add(b, a / b - isa.splat(T::ONE)).store_first(count, out.as_mut_ptr());
                let mut whole = [sentinel; 64];
                a.store(whole.as_mut_ptr());
                for i in 0..lanes {
                    assert!(whole[i] == if i < count { self.a[i] } else { T::ZERO }, "lane {i} of {count}");
                }
                assert!(whole[lanes] == sentinel);
            }
            for i in 0..64 {
                let (a, b) = (self.a[i].to_f64(), self.b[i].to_f64());
                let expected = if i < count { a * b + (a / b - 1.0) } else { -77.0 };
                assert!((out[i].to_f64() - expected).abs() <= 1e-5 * expected.abs(), "lane {i} of {count}");
            }
        }

        // SAFETY: as above.
        let a = unsafe { isa.load(self.a.as_ptr()) };
        let (sum, largest) = self.a[..lanes]
            .iter()
            .fold((0.0, f64::NEG_INFINITY), |(s, m), x| (s + x.to_f64(), m.max(x.to_f64())));
        assert!((a.sum().to_f64() - sum).abs() < 1e-4 * (1.0 + sum.abs()));
        assert_eq!(a.largest().to_f64(), largest);
        let mut with_nan = [T::ONE; 64];
        for i in 0..lanes {
            with_nan[i] = T::from_f64(f64::NAN);
            // SAFETY: as above.
            let x = unsafe { isa.load(with_nan.as_ptr()) };
            assert!(x.largest().to_f64().is_nan(), "a NaN in lane {i} of {lanes}");
            with_nan[i] = T::ONE;
        }

        // Two registers side by side, taken apart and put together.
        // SAFETY: the slice holds at least two registers.
        let (even, odd) = unsafe { a.uncouple(isa.load(self.a.as_ptr().add(lanes))) };
        let (low, high) = even.couple(odd);
        for (register, place) in [(even, 0), (odd, 1)] {
            let mut out = [sentinel; 64];
            // SAFETY: as above.
            unsafe { register.store(out.as_mut_ptr()) };
            assert!((0..lanes).all(|i| out[i] == self.a[2 * i + place]), "{:?}", &out[..lanes]);
        }
        let mut out = [sentinel; 64];
        // SAFETY: as above.
        unsafe {
            low.store(out.as_mut_ptr());
            high.store(out.as_mut_ptr().add(lanes));
        }
        assert_eq!(out[..2 * lanes], self.a[..2 * lanes]);

        let mut out = [sentinel; 64];
        // SAFETY: as above.
        unsafe { a.rotate().store(out.as_mut_ptr()) };
        assert!((0..lanes).all(|i| out[i] == self.a[(i + 1) % lanes]), "{:?}", &out[..lanes]);

        // Comparisons and selections, with a NaN and equal numbers among them.
        let mut b = [T::ZERO; 64];
        for i in 0..64 {
            b[i] = match i % 4 {
                0 => self.a[i],
                1 => T::from_f64(f64::NAN),
                2 => T::INFINITY,
                _ => T::NEG_INFINITY,
            };
        }
        // SAFETY: as above.
        let vb = unsafe { isa.load(b.as_ptr()) };
        let (one, zero) = (isa.splat(T::ONE), isa.splat(T::ZERO));
        type Comparison<T> = fn(&T, &T) -> bool;
        let cases: [(_, Comparison<T>); 3] =
            [(a.gt(&vb), |a, b| a > b), (a.ge(&vb), |a, b| a >= b), (a.equal(&vb), |a, b| a == b)];
        for (mask, expected) in cases {
            let mut out = [sentinel; 64];
            // SAFETY: as above.
            unsafe { I::V::select(mask, one, zero).store(out.as_mut_ptr()) };
            for i in 0..lanes {
                assert_eq!(out[i] == T::ONE, expected(&self.a[i], &b[i]), "{:?} and {:?}", self.a[i], b[i]);
            }
        }
        for (got, sign) in [(-a, -1.0), (a.abs(), 0.0)] {
            let mut out = [sentinel; 64];
            // SAFETY: as above.
            unsafe { got.store(out.as_mut_ptr()) };
            for i in 0..lanes {
                let x = self.a[i].to_f64();
                assert_eq!(out[i].to_f64(), if sign < 0.0 { -x } else { x.abs() });
            }
        }
    }
}

fn registers_compute<T: Float>() {
    let a: Vec<T> = (0..64).map(|i| T::from_f64((i as f64 - 20.3) * 0.7)).collect();
    let b: Vec<T> = (0..64).map(|i| T::from_f64(1.5 + i as f64 * 0.25)).collect();
    at_each_level(|_| T::dispatch(Arithmetic { a: &a, b: &b }));
}

#[test]
fn registers_of_singles_compute() {
    registers_compute::<f32>();
}

#[test]
fn registers_of_doubles_compute() {
    registers_compute::<f64>();
}

/// Says which token it is run with.
struct Token;

impl<T: Float> Kernel<T> for Token {
    type Output = &'static str;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _: I) -> &'static str {
        core::any::type_name::<I>().rsplit("::").next().unwrap()
    }
}

#[test]
fn kernels_are_run_with_the_token_of_the_level() {
    at_each_level(|level| {
        for token in [f32::dispatch(Token), f64::dispatch(Token)] {
            assert!(token.eq_ignore_ascii_case(level.name()), "{token} at {level}");
        }
    });
}

/// Whoever tests with `TRESS_ISA` means that instruction set, and not the best below it.
#[test]
fn the_level_that_was_asked_for_is_there() {
    if let Ok(asked) = std::env::var("TRESS_ISA") {
        assert_eq!(best().name(), asked, "the tests would not run on what TRESS_ISA asks for");
    }
}
