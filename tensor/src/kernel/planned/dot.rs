//! Sums of products of bytes: what an integer network does most.
//!
//! | machine | instructions |
//! |---|---|
//! | Cortex-M with a floating-point unit (M4F, M7, M33, M55), unless `--cfg tress_no_dsp` | `sxtb16` and `smlad`: two products at a time |
//! | 64-bit Arm with `dotprod` | `sdot`: sixteen at a time; without it `smull` and `sadalp` |
//! | WebAssembly with `simd128` | `i32x4.dot_i16x8`: eight at a time |
//! | others | what the compiler makes of a loop |
//!
//! All give the same sums: whole numbers have no order of addition.

/// The sums of `x` with two rows of weights, for the price of loading `x` once. The rows are as long as `x`.
#[inline(always)]
pub(super) fn two(w: [&[i8]; 2], x: &[i8]) -> [i32; 2] {
    debug_assert!(w.iter().all(|w| w.len() == x.len()));
    here::two(w, x)
}

/// The sum of products of bytes, one by one.
#[inline(always)]
#[allow(dead_code)] // on machines whose own way takes rows of any length
fn plain(w: &[i8], x: &[i8]) -> i32 {
    w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
}

/// Cortex-M with the DSP instructions. A stable compiler does not say whether they are there: every M4, M7, M55 and M85 has them,
/// and an M33 nearly always has them where it has a floating-point unit, as the hard-float targets demand. For one that has not,
/// build with `RUSTFLAGS=--cfg=tress_no_dsp`. Processors of the A and R profiles, which have atomics of 64 bits, are none of these.
#[cfg(all(
    target_arch = "arm",
    target_os = "none",
    target_abi = "eabihf",
    not(target_has_atomic = "64"),
    not(tress_no_dsp)
))]
mod here {
    use core::arch::asm;

    #[inline(always)]
    pub(super) fn two([v, w]: [&[i8]; 2], x: &[i8]) -> [i32; 2] {
        let whole = x.len() / 4 * 4;
        let (mut s, mut t) = (0i32, 0i32);
        if whole > 0 {
            // Words of four bytes: bytes 0 and 2, then 1 and 3, each as two halves of 16 bits. The registers are named and
            // the instructions given by their codes (Armv7-M manual, A7.7: SXTB16 T1, SMLAD T1), because an assembler for
            // Armv8-M refuses them unless it is told which core it works for.
            // SAFETY: reads `whole` bytes of the three slices, which are as long as `x`; words may lie anywhere on these
            // cores, in normal memory and unless CCR.UNALIGN_TRP is set (docs/embedded.md). The registers that change are named.
            unsafe {
                asm!(
                    "2:",
                    "ldr r3, [r0], #4",
                    "ldr r4, [r1], #4",
                    "ldr r5, [r2], #4",
                    ".inst.w 0xfa2ff883", // sxtb16 r8, r3
                    ".inst.w 0xfa2ff393", // sxtb16 r3, r3, ror #8
                    ".inst.w 0xfa2ffa84", // sxtb16 r10, r4
                    ".inst.w 0xfa2ff494", // sxtb16 r4, r4, ror #8
                    ".inst.w 0xfb28cc0a", // smlad r12, r8, r10, r12
                    ".inst.w 0xfb23cc04", // smlad r12, r3, r4, r12
                    ".inst.w 0xfa2ffa85", // sxtb16 r10, r5
                    ".inst.w 0xfa2ff595", // sxtb16 r5, r5, ror #8
                    ".inst.w 0xfb28ee0a", // smlad r14, r8, r10, r14
                    ".inst.w 0xfb23ee05", // smlad r14, r3, r5, r14
                    "cmp r0, {end}",
                    "bne 2b",
                    end = in(reg) x.as_ptr().wrapping_add(whole),
                    inout("r0") x.as_ptr() => _,
                    inout("r1") v.as_ptr() => _,
                    inout("r2") w.as_ptr() => _,
                    out("r3") _, out("r4") _, out("r5") _, out("r8") _, out("r10") _,
                    inout("r12") s, inout("r14") t,
                    options(nostack, readonly),
                );
            }
        }
        let rest = |w: &[i8]| super::plain(&w[whole.min(w.len())..], &x[whole..]);
        s += rest(v);
        t += rest(w);
        [s, t]
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod here {
    use core::arch::wasm32::{
        i16x8_load_extend_i8x8, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_splat, v128,
    };

    fn all(sums: v128) -> i32 {
        i32x4_extract_lane::<0>(sums)
            + i32x4_extract_lane::<1>(sums)
            + i32x4_extract_lane::<2>(sums)
            + i32x4_extract_lane::<3>(sums)
    }

    #[inline(always)]
    pub(super) fn two(w: [&[i8]; 2], x: &[i8]) -> [i32; 2] {
        let mut sums = [i32x4_splat(0); 2];
        let whole = x.len() / 8 * 8;
        let mut k = 0;
        while k < whole {
            // SAFETY: eight bytes from k on are in x, and the rows are as long as x.
            let [x, v, w] =
                unsafe { [x, w[0], w[1]].map(|from| i16x8_load_extend_i8x8(from.as_ptr().add(k))) };
            sums[0] = i32x4_add(sums[0], i32x4_dot_i16x8(x, v));
            sums[1] = i32x4_add(sums[1], i32x4_dot_i16x8(x, w));
            k += 8;
        }
        [0, 1].map(|row: usize| {
            let w: &[i8] = w[row];
            all(sums[row]) + super::plain(&w[whole..], &x[whole..])
        })
    }
}

#[cfg(target_arch = "aarch64")]
mod here {
    use core::arch::aarch64::{
        int8x16_t, int32x4_t, vaddvq_s32, vdupq_n_s32, vget_high_s8, vget_low_s8, vld1q_s8, vmull_s8,
        vpadalq_s16,
    };

    #[inline(always)]
    fn has_dotprod() -> bool {
        #[cfg(feature = "std")]
        return std::arch::is_aarch64_feature_detected!("dotprod");
        #[cfg(not(feature = "std"))]
        return cfg!(target_feature = "dotprod");
    }

    #[inline(always)]
    fn by_sdot(sum: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        let mut sum = sum;
        // SAFETY: called where the processor has the instruction; it works on registers alone.
        unsafe {
            core::arch::asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {w:v}.16b, {x:v}.16b",
                sum = inout(vreg) sum, w = in(vreg) w, x = in(vreg) x,
                options(pure, nomem, nostack),
            );
        }
        sum
    }

    #[inline(always)]
    fn by_halves(sum: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: every 64-bit Arm has these instructions. A product of bytes fits 16 bits.
        unsafe {
            let sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
            vpadalq_s16(sum, vmull_s8(vget_high_s8(w), vget_high_s8(x)))
        }
    }

    #[inline(always)]
    pub(super) fn two(w: [&[i8]; 2], x: &[i8]) -> [i32; 2] {
        match has_dotprod() {
            true => with(w, x, by_sdot),
            false => with(w, x, by_halves),
        }
    }

    #[inline(always)]
    fn with(
        w: [&[i8]; 2],
        x: &[i8],
        step: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
    ) -> [i32; 2] {
        let whole = x.len() / 16 * 16;
        // SAFETY: sixteen bytes from k on are in x, and the rows are as long as x.
        let sums = unsafe {
            let mut sums = [vdupq_n_s32(0); 2];
            let mut k = 0;
            while k < whole {
                let here = vld1q_s8(x.as_ptr().add(k));
                sums[0] = step(sums[0], vld1q_s8(w[0].as_ptr().add(k)), here);
                sums[1] = step(sums[1], vld1q_s8(w[1].as_ptr().add(k)), here);
                k += 16;
            }
            sums.map(|sum| vaddvq_s32(sum))
        };
        [0, 1].map(|row: usize| sums[row] + super::plain(&w[row][whole..], &x[whole..]))
    }
}

#[cfg(not(any(
    all(
        target_arch = "arm",
        target_os = "none",
        target_abi = "eabihf",
        not(target_has_atomic = "64"),
        not(tress_no_dsp)
    ),
    all(target_arch = "wasm32", target_feature = "simd128"),
    target_arch = "aarch64",
)))]
mod here {
    #[inline(always)]
    pub(super) fn two(w: [&[i8]; 2], x: &[i8]) -> [i32; 2] {
        w.map(|w| super::plain(w, x))
    }
}
