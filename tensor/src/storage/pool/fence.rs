//! For tests: blocks of exactly the size that is asked for, which end where a page begins that nobody may touch. A kernel that
//! reads beyond what it took from the pool then ends the program, where a class of size would have hidden it. What was never
//! written reads as NaN.
//!
//! [`with`] does so for what one thread does; `TRESS_FENCED=1` for a whole run of the tests.

use super::*;
use core::cell::Cell;

std::thread_local! {
    static ON: Cell<bool> = Cell::new(everywhere());
}

/// Whether the whole run has such blocks: tests of what the pool keeps are then void.
pub(crate) fn everywhere() -> bool {
    pages::HERE && std::env::var_os("TRESS_FENCED").is_some()
}

/// Runs `work` with such blocks for all that this thread takes.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn with<R>(work: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }
    let _back = Back(ON.replace(true));
    work()
}

/// A block of `bytes`, if that is how this thread takes them. It names itself as the next free one, which no other block does.
pub(super) fn take(bytes: usize) -> Option<NonNull<Block>> {
    if !ON.get() {
        return None;
    }
    let whole = HEADER + bytes.next_multiple_of(HEADER);
    let block = NonNull::new(pages::open(whole).wrapping_sub(whole).cast::<Block>())?;
    // SAFETY: fresh memory for `whole` bytes, aligned for a header: it ends with a page, and `whole` is a multiple of the header.
    unsafe {
        block.cast::<u8>().write_bytes(u8::MAX, whole);
        block.write(Block { owners: Count::one(), room: bytes, next: Some(block) });
    }
    Some(block)
}

/// Takes such a block back; whether it was one.
///
/// # Safety
/// `block` is alive and nobody uses it any more.
pub(super) unsafe fn give(block: NonNull<Block>) -> bool {
    // SAFETY: as this function's own contract.
    let header = unsafe { block.as_ref() };
    if header.next != Some(block) {
        return false;
    }
    let whole = HEADER + header.room.next_multiple_of(HEADER);
    // SAFETY: `take` opened it with this very size, and nobody comes back to it.
    unsafe { pages::close(block.cast::<u8>().as_ptr().wrapping_add(whole), whole) };
    true
}

/// The bytes between the header of a block and its numbers, which end with it.
pub(in crate::storage) fn slack(room: usize) -> usize {
    room.next_multiple_of(HEADER) - room
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod pages {
    use core::ffi::{c_int, c_void};

    // The standard library links the system's; there is no need of a crate for three functions.
    unsafe extern "C" {
        fn mmap(
            at: *mut c_void,
            len: usize,
            rights: c_int,
            flags: c_int,
            file: c_int,
            offset: i64,
        ) -> *mut c_void;
        fn mprotect(at: *mut c_void, len: usize, rights: c_int) -> c_int;
        fn munmap(at: *mut c_void, len: usize) -> c_int;
    }

    pub(crate) const HERE: bool = true;
    /// A page of the largest size in use.
    const PAGE: usize = 1 << 16;
    const NOTHING: c_int = 0;
    const READ_AND_WRITE: c_int = 3;
    /// Private and anonymous, on Linux.
    const FRESH: c_int = 0x22;

    /// Whole pages for `bytes` between two that may not be touched.
    pub(crate) fn room(bytes: usize) -> usize {
        bytes.next_multiple_of(PAGE).max(PAGE)
    }

    /// The end of [`room`] for `bytes`, all zero.
    pub(crate) fn open(bytes: usize) -> *mut u8 {
        let room = room(bytes);
        // SAFETY: fresh memory, of which the middle is opened.
        unsafe {
            let base = mmap(core::ptr::null_mut(), room + 2 * PAGE, NOTHING, FRESH, -1, 0);
            assert!(base as isize != -1, "the system has no memory to give");
            let middle = base.cast::<u8>().add(PAGE);
            assert_eq!(mprotect(middle.cast(), room, READ_AND_WRITE), 0);
            middle.add(room)
        }
    }

    /// Gives it back.
    ///
    /// # Safety
    /// `end` came from [`open`] with as many bytes, and nobody uses the memory any more.
    pub(crate) unsafe fn close(end: *mut u8, bytes: usize) {
        let room = room(bytes);
        // SAFETY: mapped by `open` as a whole.
        unsafe { munmap(end.sub(room + PAGE).cast(), room + 2 * PAGE) };
    }
}

/// Elsewhere blocks are as ever.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod pages {
    pub(super) const HERE: bool = false;

    pub(super) fn open(_: usize) -> *mut u8 {
        core::ptr::null_mut()
    }

    pub(super) unsafe fn close(_: *mut u8, _: usize) {}
}
