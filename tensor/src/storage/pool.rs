//! Where buffers get their memory: free lists by size class, so that a training step in steady state asks the system
//! for nothing. Touching fresh pages is many times slower than arithmetic, so this decides the speed of eager training.
//!
//! With `std` the lists live behind one lock, and in front of them each thread has a tray of small blocks of its own,
//! filled and emptied by the dozen (the magazines of Bonwick & Adams 2001): a program of small tensors then takes the
//! lock once for dozens of them. Without `std` every buffer goes straight to the allocator.

use super::count::Count;
use alloc::alloc::{alloc_zeroed, dealloc, handle_alloc_error};
use core::alloc::Layout;
use core::ptr::NonNull;

/// What lies in front of the numbers of every owned buffer.
///
/// On a microcontroller, which has neither cache lines nor vectors, it is as small as it can be.
#[cfg_attr(
    not(all(not(feature = "std"), target_os = "none", target_pointer_width = "32")),
    repr(C, align(64))
)]
#[cfg_attr(all(not(feature = "std"), target_os = "none", target_pointer_width = "32"), repr(C, align(8)))]
pub(super) struct Block {
    pub(super) owners: Count,
    /// Bytes behind the header, as the size class rounds them.
    pub(super) room: usize,
    /// The next free block of the class, while this one is in the pool.
    #[cfg(feature = "std")]
    next: Option<NonNull<Block>>,
}

/// Bytes of the header: the numbers behind it start on a cache line (and a 512-bit register) where there are such.
pub(super) const HEADER: usize = size_of::<Block>();

/// Figures of the pool, in bytes and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in buffers that are alive.
    pub live: usize,
    /// The most bytes that were alive at one time.
    pub peak: usize,
    /// Bytes kept for reuse.
    pub kept: usize,
    /// How often the system was asked for memory.
    pub requests: usize,
}

/// Rounds a size up to its class: powers of two below 4 KiB, then four steps to each doubling (at most 25 % unused).
/// Where nothing is kept for reuse a size is its own class, but for the alignment of what follows it.
fn class(bytes: usize) -> usize {
    if bytes > isize::MAX as usize {
        // No allocator can serve it, and rounding it up would overflow.
        handle_alloc_error(Layout::new::<Block>());
    }
    if cfg!(not(feature = "std")) {
        return bytes.next_multiple_of(align_of::<Block>());
    }
    let bytes = bytes.max(64);
    if bytes <= 4096 {
        return bytes.next_power_of_two();
    }
    let step = bytes.next_power_of_two() / 8;
    bytes.div_ceil(step) * step
}

fn layout(room: usize) -> Layout {
    match Layout::from_size_align(HEADER + room, align_of::<Block>()) {
        Ok(layout) => layout,
        // `Shape` bounds every tensor's bytes by isize::MAX; rounding up to a class may pass it by a quarter.
        Err(_) => handle_alloc_error(Layout::new::<Block>()),
    }
}

fn from_system(room: usize) -> NonNull<Block> {
    let layout = layout(room);
    // SAFETY: the layout's size is not zero, as it contains the header.
    let raw = unsafe { alloc_zeroed(layout) };
    let Some(block) = NonNull::new(raw.cast::<Block>()) else { handle_alloc_error(layout) };
    // SAFETY: freshly allocated for a header and aligned for one.
    unsafe {
        block.write(Block {
            owners: Count::one(),
            room,
            #[cfg(feature = "std")]
            next: None,
        });
    }
    block
}

/// # Safety
/// `block` came from [`from_system`] and nobody uses it any more.
unsafe fn to_system(block: NonNull<Block>) {
    // SAFETY: the caller hands over a block of ours, whose header says how large it is.
    let layout = layout(unsafe { block.as_ref() }.room);
    // SAFETY: allocated by `from_system` with this very layout.
    unsafe { dealloc(block.as_ptr().cast(), layout) };
}

#[cfg(all(test, feature = "std"))]
pub(crate) mod fence;
#[cfg(feature = "std")]
mod lists;

/// Bytes between a block's header and its numbers: none, but for tests that want the numbers to end with the block.
#[inline(always)]
pub(super) fn slack(block: NonNull<Block>) -> usize {
    #[cfg(all(test, feature = "std"))]
    // SAFETY: callers have just taken the block.
    return fence::slack(unsafe { block.as_ref() }.room);
    #[cfg(not(all(test, feature = "std")))]
    {
        _ = block;
        0
    }
}

#[cfg(not(feature = "std"))]
mod lists {
    use super::*;

    pub(in crate::storage) fn take(bytes: usize) -> (NonNull<Block>, bool) {
        (from_system(class(bytes)), true)
    }

    /// # Safety
    /// `block` came from [`take`] and nobody uses it any more.
    pub(in crate::storage) unsafe fn give(block: NonNull<Block>) {
        // SAFETY: as this function's own contract.
        unsafe { to_system(block) };
    }
}

pub(super) use lists::{give, take};
#[cfg(feature = "std")]
pub use lists::{reset_peak, set_limit, stats, trim};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "std")]
    fn classes_hold_what_is_asked_and_waste_little() {
        for bytes in (1..10_000).chain((1..60).map(|i| (i * 7919) << 9)) {
            let room = class(bytes);
            assert!(room >= bytes);
            assert!(bytes < 4096 || room <= bytes + bytes / 4, "{bytes} -> {room}");
            assert_eq!(class(room), room, "a class is its own class");
            assert_eq!(room % 64, 0);
        }
    }
}
