//! Counts the memory that is asked for, and ends the process before there is none left.

use crate::candidate;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// More than this is not handed out.
static CAP: AtomicUsize = AtomicUsize::new(usize::MAX);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        if now > CAP.load(Relaxed) {
            // From here on nothing else is stopped.
            CAP.store(usize::MAX, Relaxed);
            candidate::lost(format_args!(
                "{now} bytes of memory, the last {} of them at once",
                layout.size()
            ));
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

/// What `work` returns, and how many bytes it held at most beyond those that were held before. Where it asks for more than
/// `cap`, the file that is being read is written, and the process ends: it might be killed for want of memory otherwise,
/// and the file be lost.
pub fn peak_of<R>(cap: usize, work: impl FnOnce() -> R) -> (R, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    CAP.store(before.saturating_add(cap), Relaxed);
    let result = work();
    CAP.store(usize::MAX, Relaxed);
    (result, PEAK.load(Relaxed).saturating_sub(before))
}
