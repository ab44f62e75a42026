//! Instruction sets as zero-sized proofs, and the vectors that one kernel source is written against.
//!
//! A kernel is a small struct that holds its operands and implements [`Kernel`]; [`Float::dispatch`] picks the best
//! instruction set that this machine has (and that `TRESS_ISA` allows), enters its `#[target_feature]` function **once**,
//! and runs the kernel there. Everything that the kernel calls must be `#[inline(always)]`, or the compiler emits it for
//! the baseline instruction set and the vectors travel through memory.
//!
//! Dispatch happens inside the worker: a thread pool runs its closures outside of any `#[target_feature]` function.
//!
//! [`Float::dispatch`]: crate::Float

mod dispatch;
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_feature = "neon"),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
pub(crate) mod lanes;
mod level;
pub(crate) mod math;
mod scalar;
mod single;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

#[cfg(target_arch = "x86_64")]
pub use avx2::{Avx2, F32x8, F64x4};
#[cfg(target_arch = "x86_64")]
pub use avx512::{Avx512, F32x16, F64x8};
#[cfg(feature = "std")]
pub use level::at_each_level;
pub use level::{Level, best, cap, level, levels, uncap};
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub use neon::{F32x4, F64x2, Neon};
pub use scalar::Scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::{F32x4, F64x2, Simd128};

#[cfg(all(test, feature = "std"))]
mod tests;

use crate::pointwise::Real;

/// The most lanes of any register.
pub(crate) const MOST_LANES: usize = 16;

/// A vector register of `LANES` numbers.
///
/// A vector can only be made by an [`Lanes`] token or from another vector, so holding one is itself the proof that its
/// instruction set is there; that is why the methods are safe.
pub trait Vector: Copy + Real<Mask = <Self as Vector>::Bits> {
    /// The number in each lane.
    type Elem: Copy;
    /// One truth value a lane.
    type Bits: Copy;
    /// How many numbers one register holds.
    const LANES: usize;

    /// Writes all lanes to `to`.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` numbers; no alignment is asked for.
    unsafe fn store(self, to: *mut Self::Elem);

    /// As [`store`](Vector::store), past the caches where the instruction set can; see [`Lanes::fence`].
    ///
    /// # Safety
    /// As of `store`, and `to` is aligned to the size of the register.
    #[inline(always)]
    unsafe fn stream(self, to: *mut Self::Elem) {
        // SAFETY: as the caller promises.
        unsafe { self.store(to) }
    }

    /// Writes the first `count` lanes to `to`; `count <= LANES`.
    ///
    /// # Safety
    /// `to` is valid for writing `count` numbers.
    unsafe fn store_first(self, count: usize, to: *mut Self::Elem);

    /// The even and the odd lanes of two registers that lie side by side: `(a0 a2 .. b0 b2 .., a1 a3 .. b1 b3 ..)`.
    fn uncouple(self, next: Self) -> (Self, Self);

    /// The inverse of [`uncouple`](Vector::uncouple): lanes of two registers alternate.
    fn couple(self, odd: Self) -> (Self, Self);

    /// Each lane from the one behind it, and the last from the first.
    fn rotate(self) -> Self;

    /// Turns a square of `LANES` registers: lane `j` of register `i` becomes lane `i` of register `j`.
    #[inline(always)]
    fn turn(square: &mut [Self]) {
        // Each round of couplings moves the highest bit of a register's number to the lowest of the lane's; after as
        // many rounds as there are bits, the two have changed places.
        assert_eq!(square.len(), Self::LANES);
        let half = Self::LANES / 2;
        let mut turned = [square[0]; MOST_LANES];
        for _ in 0..Self::LANES.trailing_zeros() {
            for i in 0..half {
                (turned[2 * i], turned[2 * i + 1]) = square[i].couple(square[i + half]);
            }
            square.copy_from_slice(&turned[..Self::LANES]);
        }
    }

    /// The sum of all lanes, by a fixed tree: halves first, then quarters, and so on.
    fn sum(self) -> Self::Elem;

    /// The largest lane (NaN if any lane is NaN).
    fn largest(self) -> Self::Elem;
}

/// What an instruction set offers for numbers of type `T`.
///
/// # Safety
/// A value of the type may exist only where the running processor has the instruction set.
pub unsafe trait Lanes<T: Copy>: Copy + Send + Sync + 'static {
    /// One register of `T`.
    type V: Vector<Elem = T>;

    /// The register tile of the product: rows, and registers a row.
    const TILE: (usize, usize);

    /// Runs `kernel` inside a function that is compiled for this instruction set.
    fn enter<K: Kernel<T>>(self, kernel: K) -> K::Output;

    /// `x` in every lane.
    fn splat(self, x: T) -> Self::V;

    /// `LANES` numbers from `from`.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` numbers; no alignment is asked for.
    unsafe fn load(self, from: *const T) -> Self::V;

    /// The first `count` numbers from `from`, zero in the other lanes; nothing beyond them is touched.
    ///
    /// # Safety
    /// `from` is valid for reading `count` numbers.
    unsafe fn load_first(self, count: usize, from: *const T) -> Self::V;

    /// Waits until what was [streamed](Vector::stream) is where others see it: before the work that streamed ends.
    #[inline(always)]
    fn fence(self) {}

    /// Asks for the cache line at `at`, which need not be there: a hint, where the instruction set has one.
    #[inline(always)]
    fn prefetch(self, at: *const T) {
        let _ = at;
    }
}

/// A piece of work that is written once for every instruction set.
pub trait Kernel<T: Copy> {
    /// What the work returns.
    type Output;
    /// Does the work with vectors of `isa`.
    fn run<I: Lanes<T>>(self, isa: I) -> Self::Output;
}
