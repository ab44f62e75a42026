//! AVX-512 (F, VL, BW, DQ): 16 numbers of single, 8 of double precision in a register.

use super::Vector;
use super::lanes::{lanes, vector};
use super::single::Single;
use core::arch::x86_64::*;

/// The proof that this machine has AVX-512 F, VL, BW and DQ, and that its operating system saves the registers.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The machine has AVX-512 F, VL, BW and DQ.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

lanes!(Avx512, "avx512f,avx512vl,avx512bw,avx512dq", F32x16 of f32, tile (12, 2), prefetch _mm_prefetch::<_MM_HINT_T0>, fence _mm_sfence);
lanes!(Avx512, "avx512f,avx512vl,avx512bw,avx512dq", F64x8 of f64, tile (12, 2), prefetch _mm_prefetch::<_MM_HINT_T0>, fence _mm_sfence);

vector! {
    /// 16 numbers of single precision.
    F32x16(__m512) of 16 f32, mask __mmask16, single;
    splat |x| _mm512_set1_ps(x);
    add _mm512_add_ps; sub _mm512_sub_ps; mul _mm512_mul_ps; div _mm512_div_ps;
    fma |a, b, c| _mm512_fmadd_ps(a, b, c);
    neg |x| _mm512_xor_ps(x, _mm512_set1_ps(-0.0));
    abs |x| _mm512_andnot_ps(_mm512_set1_ps(-0.0), x);
    sqrt _mm512_sqrt_ps;
    gt |a, b| _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b);
    ge |a, b| _mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b);
    equal |a, b| _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
    select |mask, then, otherwise| _mm512_mask_blend_ps(mask, otherwise, then);
}

vector! {
    /// 8 numbers of double precision.
    F64x8(__m512d) of 8 f64, mask __mmask8, double;
    splat |x| _mm512_set1_pd(x);
    add _mm512_add_pd; sub _mm512_sub_pd; mul _mm512_mul_pd; div _mm512_div_pd;
    fma |a, b, c| _mm512_fmadd_pd(a, b, c);
    neg |x| _mm512_xor_pd(x, _mm512_set1_pd(-0.0));
    abs |x| _mm512_andnot_pd(_mm512_set1_pd(-0.0), x);
    sqrt _mm512_sqrt_pd;
    gt |a, b| _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b);
    ge |a, b| _mm512_cmp_pd_mask::<_CMP_GE_OQ>(a, b);
    equal |a, b| _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b);
    select |mask, then, otherwise| _mm512_mask_blend_pd(mask, otherwise, then);
}

macro_rules! memory {
    ($name:ident, $elem:ty, $mask:ty, $set1:ident, $loadu:ident, $maskz_loadu:ident, $storeu:ident, $mask_storeu:ident) => {
        impl $name {
            #[inline(always)]
            fn new(_: Avx512, x: $elem) -> Self {
                // SAFETY: the token is the proof of the instruction set.
                Self(unsafe { $set1(x) })
            }
            /// # Safety
            /// As [`Lanes::load`](super::Lanes::load).
            #[inline(always)]
            unsafe fn read(_: Avx512, from: *const $elem) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $loadu(from) })
            }
            /// # Safety
            /// As [`Lanes::load_first`](super::Lanes::load_first).
            #[inline(always)]
            unsafe fn read_first(_: Avx512, count: usize, from: *const $elem) -> Self {
                // SAFETY: masked-out lanes are not touched, and the others are as the caller promises.
                Self(unsafe { $maskz_loadu(Self::first(count), from) })
            }
            /// The mask of the first `count` lanes.
            #[inline(always)]
            fn first(count: usize) -> $mask {
                debug_assert!(count <= Self::LANES);
                ((1u32 << count) - 1) as $mask
            }
            #[inline(always)]
            unsafe fn write(self, to: *mut $elem) {
                // SAFETY: as the caller promises.
                unsafe { $storeu(to, self.0) }
            }
            #[inline(always)]
            unsafe fn write_first(self, count: usize, to: *mut $elem) {
                // SAFETY: masked-out lanes are not touched, and the others are as the caller promises.
                unsafe { $mask_storeu(to, Self::first(count), self.0) }
            }
        }
    };
}

memory!(
    F32x16,
    f32,
    __mmask16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps
);
memory!(
    F64x8,
    f64,
    __mmask8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd
);

impl Vector for F32x16 {
    type Elem = f32;
    type Bits = __mmask16;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { self.write(to) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_stream_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { self.write_first(count, to) }
    }
    #[inline(always)]
    fn rotate(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe {
            _mm512_castsi512_ps(_mm512_alignr_epi32::<1>(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(self.0),
            ))
        })
    }
    #[inline(always)]
    fn uncouple(self, next: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
            (
                Self(_mm512_permutex2var_ps(self.0, even, next.0)),
                Self(_mm512_permutex2var_ps(self.0, odd, next.0)),
            )
        }
    }
    #[inline(always)]
    fn couple(self, odd: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
            let high = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
            (
                Self(_mm512_permutex2var_ps(self.0, low, odd.0)),
                Self(_mm512_permutex2var_ps(self.0, high, odd.0)),
            )
        }
    }
    #[inline(always)]
    fn turn(square: &mut [Self]) {
        let Ok(square) = <&mut [Self; 16]>::try_from(square) else { unreachable!("a square of registers") };
        // SAFETY: a register is the proof of the instruction set.
        unsafe {
            // In loops rather than closures, which would be compiled without the instruction set where they are not inlined.
            // Pairs of rows, then fours, inside of quarters; then quarters change places in two rounds.
            let mut pairs = [_mm512_setzero_pd(); 16];
            for i in (0..16).step_by(2) {
                let (a, b) = (square[i].0, square[i + 1].0);
                pairs[i] = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
                pairs[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            }
            let mut fours = [_mm512_setzero_ps(); 16];
            for i in (0..16).step_by(2) {
                let from = i / 4 * 4 + i % 4 / 2;
                let (a, b) = (pairs[from], pairs[from + 2]);
                fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
            // Register 4 q + c holds, in quarter n, column 4 n + c of the rows 4 q .. 4 q + 4.
            let mut halves = [_mm512_setzero_ps(); 16];
            for i in [0, 1, 2, 3, 8, 9, 10, 11] {
                let (a, b) = (fours[i], fours[i + 4]);
                halves[i] = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
                halves[i + 4] = _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
            }
            // Now quarters 0, 2 of q, q + 1 (or 1, 3 from register 4 on); the rows 8 .. 16 are eight registers on.
            for i in 0..8 {
                let (a, b) = (halves[i], halves[i + 8]);
                square[i] = Self(_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b));
                square[i + 8] = Self(_mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
            }
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let half = _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            super::avx2::sum_ps(half)
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            match _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0) {
                0 => _mm512_reduce_max_ps(self.0),
                _ => f32::NAN,
            }
        }
    }
}

impl Vector for F64x8 {
    type Elem = f64;
    type Bits = __mmask8;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: as the caller promises.
        unsafe { self.write(to) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f64) {
        // SAFETY: as the caller promises.
        unsafe { _mm512_stream_pd(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, to: *mut f64) {
        // SAFETY: as the caller promises.
        unsafe { self.write_first(count, to) }
    }
    #[inline(always)]
    fn rotate(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe {
            _mm512_castsi512_pd(_mm512_alignr_epi64::<1>(
                _mm512_castpd_si512(self.0),
                _mm512_castpd_si512(self.0),
            ))
        })
    }
    #[inline(always)]
    fn uncouple(self, next: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
            (
                Self(_mm512_permutex2var_pd(self.0, even, next.0)),
                Self(_mm512_permutex2var_pd(self.0, odd, next.0)),
            )
        }
    }
    #[inline(always)]
    fn couple(self, odd: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
            let high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
            (
                Self(_mm512_permutex2var_pd(self.0, low, odd.0)),
                Self(_mm512_permutex2var_pd(self.0, high, odd.0)),
            )
        }
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let half = _mm256_add_pd(_mm512_castpd512_pd256(self.0), _mm512_extractf64x4_pd::<1>(self.0));
            super::avx2::sum_pd(half)
        }
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            match _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(self.0, self.0) {
                0 => _mm512_reduce_max_pd(self.0),
                _ => f64::NAN,
            }
        }
    }
}

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
unsafe fn int(x: __m512) -> __m512i {
    // SAFETY: the caller holds a register.
    unsafe { _mm512_castps_si512(x) }
}

#[inline(always)]
unsafe fn float(x: __m512i) -> __m512 {
    // SAFETY: the caller holds a register.
    unsafe { _mm512_castsi512_ps(x) }
}

impl Single for F32x16 {
    bits! {
        and |a, b| _mm512_and_ps(a, b);
        or |a, b| _mm512_or_ps(a, b);
        xor |a, b| _mm512_xor_ps(a, b);
        int_add |a, b| float(_mm512_add_epi32(int(a), int(b)));
        int_sub |a, b| float(_mm512_sub_epi32(int(a), int(b)));
        to_int |a| float(_mm512_cvtps_epi32(a));
        int_value |a| _mm512_cvtepi32_ps(int(a));
        nearest |a| _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        scale |a, n| _mm512_scalef_ps(a, n);
    }
    #[inline(always)]
    fn bits(&self, bits: u32) -> Self {
        self.splat(f32::from_bits(bits))
    }
    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(_mm512_sll_epi32(int(self.0), _mm_cvtsi32_si128(N))) })
    }
    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(_mm512_sra_epi32(int(self.0), _mm_cvtsi32_si128(N))) })
    }
    // The instructions return their second operand beside a NaN.
    #[inline(always)]
    fn at_most(self, high: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm512_min_ps(_mm512_set1_ps(high), self.0) })
    }
    #[inline(always)]
    fn at_least(self, low: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm512_max_ps(_mm512_set1_ps(low), self.0) })
    }
    #[inline(always)]
    fn all(mask: __mmask16) -> bool {
        mask == u16::MAX
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        self.lane_by_lane(f)
    }
    /// A division of 16 numbers takes 10 to 16 cycles, this takes four or so: an estimate of `1 / b` to 14 bits, and one
    /// correction by what is left.
    #[inline(always)]
    fn quotient(self, b: Self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let recip = _mm512_rcp14_ps(b.0);
            let quotient = _mm512_mul_ps(self.0, recip);
            let rest = _mm512_fnmadd_ps(b.0, quotient, self.0);
            Self(_mm512_fmadd_ps(rest, recip, quotient))
        }
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        self.c(1.0).scale(self)
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let m = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_ZERO>(self.0);
            let e = _mm512_getexp_ps(self.0);
            let high = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(m, _mm512_set1_ps(core::f32::consts::SQRT_2));
            let m = _mm512_mask_mul_ps(m, high, m, _mm512_set1_ps(0.5));
            (Self(_mm512_mask_add_ps(e, high, e, _mm512_set1_ps(1.0))), Self(m))
        }
    }
}
