//! The macros that turn a table of intrinsics into a vector type.

/// Defines a register type with its arithmetic, comparisons and mathematics.
///
/// Each entry is an expression in the registers that it names. Entries run inside `unsafe`: an intrinsic may be called
/// where its instruction set is, and a value of the type is the proof of that.
macro_rules! vector {
    (
        $(#[$doc:meta])*
        $name:ident($register:ty) of $count:literal $elem:ty, mask $bits:ty, $functions:ident;
        splat |$splat_x:ident| $splat:expr;
        add $add:path; sub $sub:path; mul $mul:path; div $div:path;
        fma |$fa:ident, $fb:ident, $fc:ident| $fma:expr;
        neg |$neg_x:ident| $neg:expr;
        abs |$abs_x:ident| $abs:expr;
        sqrt $sqrt:path;
        gt |$gt_a:ident, $gt_b:ident| $gt:expr;
        ge |$ge_a:ident, $ge_b:ident| $ge:expr;
        equal |$eq_a:ident, $eq_b:ident| $eq:expr;
        select |$mask:ident, $then:ident, $otherwise:ident| $select:expr;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub struct $name($register);

        impl $name {
            #[inline(always)]
            fn splat(self, x: $elem) -> Self {
                let $splat_x = x;
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $splat })
            }

            /// `f` of each lane, one by one.
            #[inline(always)]
            fn lane_by_lane(self, f: impl Fn($elem) -> $elem) -> Self {
                let mut lanes = [0.0; $count];
                // SAFETY: the array holds as many numbers as the register; registers and arrays are plain bytes.
                unsafe {
                    self.store(lanes.as_mut_ptr());
                    lanes.iter_mut().for_each(|x| *x = f(*x));
                    core::mem::transmute::<[$elem; $count], Self>(lanes)
                }
            }
        }

        vector!(@operator $name, Add, add, $add);
        vector!(@operator $name, Sub, sub, $sub);
        vector!(@operator $name, Mul, mul, $mul);
        vector!(@operator $name, Div, div, $div);

        impl core::ops::Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                let $neg_x = self.0;
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $neg })
            }
        }

        impl crate::pointwise::Real for $name {
            type Mask = $bits;

            #[inline(always)]
            fn of(&self, c: f64) -> Self {
                self.splat(c as $elem)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                let ($fa, $fb, $fc) = (self.0, a.0, b.0);
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $fma })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                let $abs_x = self.0;
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $abs })
            }
            #[inline(always)]
            fn gt(&self, other: &Self) -> $bits {
                let ($gt_a, $gt_b) = (self.0, other.0);
                // SAFETY: `self` is the proof of the instruction set.
                unsafe { $gt }
            }
            #[inline(always)]
            fn ge(&self, other: &Self) -> $bits {
                let ($ge_a, $ge_b) = (self.0, other.0);
                // SAFETY: `self` is the proof of the instruction set.
                unsafe { $ge }
            }
            #[inline(always)]
            fn equal(&self, other: &Self) -> $bits {
                let ($eq_a, $eq_b) = (self.0, other.0);
                // SAFETY: `self` is the proof of the instruction set.
                unsafe { $eq }
            }
            #[inline(always)]
            fn select(mask: $bits, then: Self, otherwise: Self) -> Self {
                let ($mask, $then, $otherwise) = (mask, then.0, otherwise.0);
                // SAFETY: `then` is the proof of the instruction set.
                Self(unsafe { $select })
            }
            $crate::simd::lanes::$functions!();
        }
    };
    (@operator $name:ident, $Trait:ident, $method:ident, $intrinsic:path) => {
        impl core::ops::$Trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

/// The mathematics of single precision, on all lanes at once.
macro_rules! single {
    () => {
        $crate::simd::lanes::single!(exp, exp2, ln, ln_1p, exp_m1, tanh, sigmoid, sin, cos, erf, normal_cdf, floor, round);
        #[inline(always)]
        fn powf(self, p: f64) -> Self {
            $crate::simd::math::powf(self, p as f32)
        }
    };
    ($($f:ident),*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            $crate::simd::math::$f(self)
        }
    )*};
}

/// The mathematics of double precision, lane by lane: double precision is for checking, not for speed.
macro_rules! double {
    () => {
        $crate::simd::lanes::double!(exp, exp2, ln, ln_1p, exp_m1, tanh, sin, cos, erf, floor, round);
        #[inline(always)]
        fn powf(self, p: f64) -> Self {
            self.lane_by_lane(|x| $crate::simd::math::double::powf(x, p))
        }
    };
    ($($f:ident),*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            self.lane_by_lane($crate::simd::math::double::$f)
        }
    )*};
}

/// The token of an instruction set as a [`Lanes`](super::Lanes) of `$elem`.
macro_rules! lanes {
    ($token:ident, $features:literal, $vector:ident of $elem:ty, tile $tile:expr $(, prefetch $prefetch:expr, fence $fence:path)?) => {
        // SAFETY: the token's constructor is unsafe and asks for the instruction set.
        unsafe impl $crate::simd::Lanes<$elem> for $token {
            type V = $vector;
            const TILE: (usize, usize) = $tile;

            #[inline(always)]
            fn enter<K: $crate::simd::Kernel<$elem>>(self, kernel: K) -> K::Output {
                #[target_feature(enable = $features)]
                fn compiled_for_it<K: $crate::simd::Kernel<$elem>>(isa: $token, kernel: K) -> K::Output {
                    kernel.run(isa)
                }
                // SAFETY: the token is the proof of the instruction set.
                unsafe { compiled_for_it(self, kernel) }
            }
            #[inline(always)]
            fn splat(self, x: $elem) -> $vector {
                $vector::new(self, x)
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $elem) -> $vector {
                // SAFETY: as the caller promises.
                unsafe { $vector::read(self, from) }
            }
            #[inline(always)]
            unsafe fn load_first(self, count: usize, from: *const $elem) -> $vector {
                // SAFETY: as the caller promises.
                unsafe { $vector::read_first(self, count, from) }
            }
            $(
                #[inline(always)]
                fn prefetch(self, at: *const $elem) {
                    // SAFETY: a hint reads nothing, whatever the address; the token is the proof of the instruction.
                    unsafe { $prefetch(at.cast()) }
                }
                #[inline(always)]
                fn fence(self) {
                    // SAFETY: the token is the proof of the instruction.
                    unsafe { $fence() }
                }
            )?
        }
    };
}

pub(super) use {double, lanes, single, vector};
