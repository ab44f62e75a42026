//! AVX2 and FMA: 8 numbers of single, 4 of double precision in a register.

use super::Vector;
use super::lanes::{lanes, vector};
use super::single::Single;
use core::arch::x86_64::*;

/// The proof that this machine has AVX2 and FMA, and that its operating system saves the registers.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The machine has AVX2 and FMA.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

lanes!(Avx2, "avx2,fma", F32x8 of f32, tile (6, 2), prefetch _mm_prefetch::<_MM_HINT_T0>, fence _mm_sfence);
lanes!(Avx2, "avx2,fma", F64x4 of f64, tile (6, 2), prefetch _mm_prefetch::<_MM_HINT_T0>, fence _mm_sfence);

vector! {
    /// 8 numbers of single precision.
    F32x8(__m256) of 8 f32, mask __m256, single;
    splat |x| _mm256_set1_ps(x);
    add _mm256_add_ps; sub _mm256_sub_ps; mul _mm256_mul_ps; div _mm256_div_ps;
    fma |a, b, c| _mm256_fmadd_ps(a, b, c);
    neg |x| _mm256_xor_ps(x, _mm256_set1_ps(-0.0));
    abs |x| _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
    sqrt _mm256_sqrt_ps;
    gt |a, b| _mm256_cmp_ps::<_CMP_GT_OQ>(a, b);
    ge |a, b| _mm256_cmp_ps::<_CMP_GE_OQ>(a, b);
    equal |a, b| _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
    select |mask, then, otherwise| _mm256_blendv_ps(otherwise, then, mask);
}

vector! {
    /// 4 numbers of double precision.
    F64x4(__m256d) of 4 f64, mask __m256d, double;
    splat |x| _mm256_set1_pd(x);
    add _mm256_add_pd; sub _mm256_sub_pd; mul _mm256_mul_pd; div _mm256_div_pd;
    fma |a, b, c| _mm256_fmadd_pd(a, b, c);
    neg |x| _mm256_xor_pd(x, _mm256_set1_pd(-0.0));
    abs |x| _mm256_andnot_pd(_mm256_set1_pd(-0.0), x);
    sqrt _mm256_sqrt_pd;
    gt |a, b| _mm256_cmp_pd::<_CMP_GT_OQ>(a, b);
    ge |a, b| _mm256_cmp_pd::<_CMP_GE_OQ>(a, b);
    equal |a, b| _mm256_cmp_pd::<_CMP_EQ_OQ>(a, b);
    select |mask, then, otherwise| _mm256_blendv_pd(otherwise, then, mask);
}

/// All ones up to the middle and zeros after: 8 numbers from `8 - count` on are the mask of the first `count` lanes.
static FIRST_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
/// The same for 4 lanes of 64 bits.
static FIRST_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

macro_rules! memory {
    ($name:ident, $elem:ty, $table:ident, $set1:ident, $loadu:ident, $maskload:ident) => {
        impl $name {
            #[inline(always)]
            fn new(_: Avx2, x: $elem) -> Self {
                // SAFETY: the token is the proof of the instruction set.
                Self(unsafe { $set1(x) })
            }
            /// # Safety
            /// As [`Lanes::load`](super::Lanes::load).
            #[inline(always)]
            unsafe fn read(_: Avx2, from: *const $elem) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $loadu(from) })
            }
            /// # Safety
            /// As [`Lanes::load_first`](super::Lanes::load_first).
            #[inline(always)]
            unsafe fn read_first(_: Avx2, count: usize, from: *const $elem) -> Self {
                // SAFETY: masked-out lanes are not touched, and the others are as the caller promises.
                Self(unsafe { $maskload(from, Self::first(count)) })
            }
            /// The mask of the first `count` lanes.
            #[inline(always)]
            unsafe fn first(count: usize) -> __m256i {
                debug_assert!(count <= Self::LANES);
                // SAFETY: the table is twice a register long, so a register read from its first half stays inside.
                unsafe {
                    _mm256_loadu_si256($table.as_ptr().add(Self::LANES - count.min(Self::LANES)).cast())
                }
            }
        }
    };
}

memory!(F32x8, f32, FIRST_32, _mm256_set1_ps, _mm256_loadu_ps, _mm256_maskload_ps);
memory!(F64x4, f64, FIRST_64, _mm256_set1_pd, _mm256_loadu_pd, _mm256_maskload_pd);

/// The sum of 8 lanes: halves, quarters, eighths.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
pub(super) unsafe fn sum_ps(x: __m256) -> f32 {
    // SAFETY: as the caller promises.
    unsafe {
        let half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
        _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)))
    }
}

/// The sum of 4 lanes: halves, quarters.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
pub(super) unsafe fn sum_pd(x: __m256d) -> f64 {
    // SAFETY: as the caller promises.
    unsafe {
        let half = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
        _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)))
    }
}

impl Vector for F32x8 {
    type Elem = f32;
    type Bits = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_stream_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, to: *mut f32) {
        debug_assert!(count <= Self::LANES);
        // Masked stores take tens of cycles on many processors; halves, quarters and single lanes take one each.
        // SAFETY: the parts add up to `count` numbers, which the caller promises.
        unsafe {
            if count >= 8 {
                return self.store(to);
            }
            let (mut part, mut to) = (_mm256_castps256_ps128(self.0), to);
            if count & 4 != 0 {
                _mm_storeu_ps(to, part);
                part = _mm256_extractf128_ps::<1>(self.0);
                to = to.add(4);
            }
            if count & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(part));
                part = _mm_movehl_ps(part, part);
                to = to.add(2);
            }
            if count & 1 != 0 {
                _mm_store_ss(to, part);
            }
        }
    }
    #[inline(always)]
    fn rotate(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm256_permutevar8x32_ps(self.0, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0)) })
    }
    #[inline(always)]
    fn uncouple(self, next: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set. Shuffles stay inside of halves: quarters change places after.
        unsafe {
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(self.0, next.0));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(self.0, next.0));
            let order = |x| Self(_mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(x)));
            (order(even), order(odd))
        }
    }
    #[inline(always)]
    fn couple(self, odd: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let low = _mm256_unpacklo_ps(self.0, odd.0);
            let high = _mm256_unpackhi_ps(self.0, odd.0);
            let first = _mm256_permute2f128_ps::<0x20>(low, high);
            (Self(first), Self(_mm256_permute2f128_ps::<0x31>(low, high)))
        }
    }
    #[inline(always)]
    fn turn(square: &mut [Self]) {
        let Ok(square) = <&mut [Self; 8]>::try_from(square) else { unreachable!("a square of registers") };
        // SAFETY: a register is the proof of the instruction set.
        unsafe {
            let x: [__m256; 8] = core::array::from_fn(|i| square[i].0);
            // Pairs of rows, then fours, inside of halves; then halves change places.
            let pairs: [__m256d; 8] = core::array::from_fn(|i| {
                let (a, b) = (x[i / 2 * 2], x[i / 2 * 2 + 1]);
                _mm256_castps_pd(if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) })
            });
            let fours: [__m256; 8] = core::array::from_fn(|i| {
                let (a, b) = (pairs[i / 4 * 4 + i % 4 / 2], pairs[i / 4 * 4 + i % 4 / 2 + 2]);
                _mm256_castpd_ps(if i % 2 == 0 { _mm256_unpacklo_pd(a, b) } else { _mm256_unpackhi_pd(a, b) })
            });
            *square = core::array::from_fn(|i| {
                let (a, b) = (fours[i % 4], fours[i % 4 + 4]);
                Self(if i < 4 {
                    _mm256_permute2f128_ps::<0x20>(a, b)
                } else {
                    _mm256_permute2f128_ps::<0x31>(a, b)
                })
            });
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe { sum_ps(self.0) }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0)) != 0 {
                return f32::NAN;
            }
            let half = _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let quarter = _mm_max_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)))
        }
    }
}

impl Vector for F64x4 {
    type Elem = f64;
    type Bits = __m256d;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_pd(to, self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f64) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_stream_pd(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, to: *mut f64) {
        debug_assert!(count <= Self::LANES);
        // As for singles: no masked store.
        // SAFETY: the parts add up to `count` numbers, which the caller promises.
        unsafe {
            if count >= 4 {
                return self.store(to);
            }
            let (mut part, mut to) = (_mm256_castpd256_pd128(self.0), to);
            if count & 2 != 0 {
                _mm_storeu_pd(to, part);
                part = _mm256_extractf128_pd::<1>(self.0);
                to = to.add(2);
            }
            if count & 1 != 0 {
                _mm_store_sd(to, part);
            }
        }
    }
    #[inline(always)]
    fn rotate(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm256_permute4x64_pd::<0b00_11_10_01>(self.0) })
    }
    #[inline(always)]
    fn uncouple(self, next: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set. Shuffles stay inside of halves: quarters change places after.
        unsafe {
            let even = _mm256_unpacklo_pd(self.0, next.0);
            let odd = _mm256_unpackhi_pd(self.0, next.0);
            let order = |x| Self(_mm256_permute4x64_pd::<0b11_01_10_00>(x));
            (order(even), order(odd))
        }
    }
    #[inline(always)]
    fn couple(self, odd: Self) -> (Self, Self) {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            let low = _mm256_unpacklo_pd(self.0, odd.0);
            let high = _mm256_unpackhi_pd(self.0, odd.0);
            let first = _mm256_permute2f128_pd::<0x20>(low, high);
            (Self(first), Self(_mm256_permute2f128_pd::<0x31>(low, high)))
        }
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe { sum_pd(self.0) }
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        // SAFETY: `self` is the proof of the instruction set.
        unsafe {
            if _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_UNORD_Q>(self.0, self.0)) != 0 {
                return f64::NAN;
            }
            let half = _mm_max_pd(_mm256_castpd256_pd128(self.0), _mm256_extractf128_pd::<1>(self.0));
            _mm_cvtsd_f64(_mm_max_sd(half, _mm_unpackhi_pd(half, half)))
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
unsafe fn int(x: __m256) -> __m256i {
    // SAFETY: the caller holds a register.
    unsafe { _mm256_castps_si256(x) }
}

#[inline(always)]
unsafe fn float(x: __m256i) -> __m256 {
    // SAFETY: the caller holds a register.
    unsafe { _mm256_castsi256_ps(x) }
}

impl Single for F32x8 {
    bits! {
        and |a, b| _mm256_and_ps(a, b);
        or |a, b| _mm256_or_ps(a, b);
        xor |a, b| _mm256_xor_ps(a, b);
        int_add |a, b| float(_mm256_add_epi32(int(a), int(b)));
        int_sub |a, b| float(_mm256_sub_epi32(int(a), int(b)));
        to_int |a| float(_mm256_cvtps_epi32(a));
        int_value |a| _mm256_cvtepi32_ps(int(a));
        nearest |a| _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
    }
    #[inline(always)]
    fn bits(&self, bits: u32) -> Self {
        self.splat(f32::from_bits(bits))
    }
    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(_mm256_slli_epi32::<N>(int(self.0))) })
    }
    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { float(_mm256_srai_epi32::<N>(int(self.0))) })
    }
    // The instructions return their second operand beside a NaN.
    #[inline(always)]
    fn at_most(self, high: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm256_min_ps(_mm256_set1_ps(high), self.0) })
    }
    #[inline(always)]
    fn at_least(self, low: f32) -> Self {
        // SAFETY: `self` is the proof of the instruction set.
        Self(unsafe { _mm256_max_ps(_mm256_set1_ps(low), self.0) })
    }
    #[inline(always)]
    fn all(mask: __m256) -> bool {
        // SAFETY: a mask comes from a register, which is the proof of the instruction set.
        unsafe { _mm256_movemask_ps(mask) == 0xff }
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        self.lane_by_lane(f)
    }
}
