//! NEON: 4 numbers of single, 2 of double precision in a register.

use super::Vector;
use super::lanes::{lanes, vector};
use super::single::Single;
use core::arch::aarch64::*;

/// The proof that this machine has NEON, which belongs to the baseline of the targets that this file is compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// # Safety
    /// The machine has NEON.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

lanes!(Neon, "neon", F32x4 of f32, tile (8, 2));
lanes!(Neon, "neon", F64x2 of f64, tile (8, 2));

vector! {
    /// 4 numbers of single precision.
    F32x4(float32x4_t) of 4 f32, mask uint32x4_t, single;
    splat |x| vdupq_n_f32(x);
    add vaddq_f32; sub vsubq_f32; mul vmulq_f32; div vdivq_f32;
    fma |a, b, c| vfmaq_f32(c, a, b);
    neg |x| vnegq_f32(x);
    abs |x| vabsq_f32(x);
    sqrt vsqrtq_f32;
    gt |a, b| vcgtq_f32(a, b);
    ge |a, b| vcgeq_f32(a, b);
    equal |a, b| vceqq_f32(a, b);
    select |mask, then, otherwise| vbslq_f32(mask, then, otherwise);
}

vector! {
    /// 2 numbers of double precision.
    F64x2(float64x2_t) of 2 f64, mask uint64x2_t, double;
    splat |x| vdupq_n_f64(x);
    add vaddq_f64; sub vsubq_f64; mul vmulq_f64; div vdivq_f64;
    fma |a, b, c| vfmaq_f64(c, a, b);
    neg |x| vnegq_f64(x);
    abs |x| vabsq_f64(x);
    sqrt vsqrtq_f64;
    gt |a, b| vcgtq_f64(a, b);
    ge |a, b| vcgeq_f64(a, b);
    equal |a, b| vceqq_f64(a, b);
    select |mask, then, otherwise| vbslq_f64(mask, then, otherwise);
}

macro_rules! memory {
    ($name:ident, $elem:ty, $lanes:literal, $dup:ident, $load:ident, $store:ident, $max:ident,
     $uzp1:ident, $uzp2:ident, $zip1:ident, $zip2:ident, $ext:ident) => {
        impl $name {
            #[inline(always)]
            fn new(_: Neon, x: $elem) -> Self {
                // SAFETY: the token is the proof of the instruction set.
                Self(unsafe { $dup(x) })
            }
            /// # Safety
            /// As [`Lanes::load`](super::Lanes::load).
            #[inline(always)]
            unsafe fn read(_: Neon, from: *const $elem) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $load(from) })
            }
            /// NEON has no masked loads; the numbers go through the stack.
            ///
            /// # Safety
            /// As [`Lanes::load_first`](super::Lanes::load_first).
            #[inline(always)]
            unsafe fn read_first(isa: Neon, count: usize, from: *const $elem) -> Self {
                debug_assert!(count <= $lanes);
                let mut lanes = [0.0; $lanes];
                // SAFETY: `count` numbers are readable, as the caller promises, and fit the array.
                unsafe {
                    core::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min($lanes));
                    Self::read(isa, lanes.as_ptr())
                }
            }
        }

        impl Vector for $name {
            type Elem = $elem;
            type Bits = <Self as crate::pointwise::Real>::Mask;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn store(self, to: *mut $elem) {
                // SAFETY: as the caller promises.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, count: usize, to: *mut $elem) {
                debug_assert!(count <= $lanes);
                let mut lanes = [0.0; $lanes];
                // SAFETY: `count` numbers are writable, as the caller promises, and the array has them.
                unsafe {
                    self.store(lanes.as_mut_ptr());
                    core::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count.min($lanes));
                }
            }
            #[inline(always)]
            fn rotate(self) -> Self {
                // SAFETY: `self` is the proof of the instruction set.
                Self(unsafe { $ext::<1>(self.0, self.0) })
            }
            #[inline(always)]
            fn uncouple(self, next: Self) -> (Self, Self) {
                // SAFETY: `self` is the proof of the instruction set.
                unsafe { (Self($uzp1(self.0, next.0)), Self($uzp2(self.0, next.0))) }
            }
            #[inline(always)]
            fn couple(self, odd: Self) -> (Self, Self) {
                // SAFETY: `self` is the proof of the instruction set.
                unsafe { (Self($zip1(self.0, odd.0)), Self($zip2(self.0, odd.0))) }
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                let mut lanes = [0.0; $lanes];
                // SAFETY: the array holds a register.
                unsafe { self.store(lanes.as_mut_ptr()) };
                let half = $lanes / 2;
                match half {
                    1 => lanes[0] + lanes[1],
                    _ => (lanes[0] + lanes[half]) + (lanes[1] + lanes[half + 1]),
                }
            }
            #[inline(always)]
            fn largest(self) -> $elem {
                // SAFETY: `self` is the proof of the instruction set, whose maximum carries NaN on.
                unsafe { $max(self.0) }
            }
        }
    };
}

memory!(
    F32x4,
    f32,
    4,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vmaxvq_f32,
    vuzp1q_f32,
    vuzp2q_f32,
    vzip1q_f32,
    vzip2q_f32,
    vextq_f32
);
memory!(
    F64x2,
    f64,
    2,
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    vmaxvq_f64,
    vuzp1q_f64,
    vuzp2q_f64,
    vzip1q_f64,
    vzip2q_f64,
    vextq_f64
);

macro_rules! bits {
    ($($name:ident |$a:ident $(, $b:ident)?| $e:expr;)*) => {$(
        #[inline(always)]
        fn $name(self $(, $b: Self)?) -> Self {
            let $a = self.0;
            $(let $b = $b.0;)?
            // SAFETY: `self` is the proof of the instruction set.
            Self(unsafe { $e })
        }
    )*};
}

#[inline(always)]
unsafe fn int(x: float32x4_t) -> int32x4_t {
    // SAFETY: the caller holds a register.
    unsafe { vreinterpretq_s32_f32(x) }
}

#[inline(always)]
unsafe fn float(x: int32x4_t) -> float32x4_t {
    // SAFETY: the caller holds a register.
    unsafe { vreinterpretq_f32_s32(x) }
}

impl Single for F32x4 {
    bits! {
        and |a, b| float(vandq_s32(int(a), int(b)));
        or |a, b| float(vorrq_s32(int(a), int(b)));
        xor |a, b| float(veorq_s32(int(a), int(b)));
        int_add |a, b| float(vaddq_s32(int(a), int(b)));
        int_sub |a, b| float(vsubq_s32(int(a), int(b)));
        to_int |a| float(vcvtnq_s32_f32(a));
        int_value |a| vcvtq_f32_s32(int(a));
        nearest |a| vrndnq_f32(a);
    }
    #[inline(always)]
    fn bits(&self, bits: u32) -> Self {
        self.splat(f32::from_bits(bits))
    }
    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(vshlq_n_s32::<N>(int(self.0))) })
    }
    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(vshrq_n_s32::<N>(int(self.0))) })
    }
    // NEON's minimum and maximum carry NaN on.
    #[inline(always)]
    fn at_most(self, high: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { vminq_f32(self.0, vdupq_n_f32(high)) })
    }
    #[inline(always)]
    fn at_least(self, low: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { vmaxq_f32(self.0, vdupq_n_f32(low)) })
    }
    #[inline(always)]
    fn all(mask: uint32x4_t) -> bool {
        // SAFETY: a mask comes from a register, which is the proof of the instruction set.
        unsafe { vminvq_u32(mask) == u32::MAX }
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        self.lane_by_lane(f)
    }
}
