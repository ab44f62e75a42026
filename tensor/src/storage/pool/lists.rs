//! The lists of free blocks: one set behind a lock for all threads, and a tray of small blocks for each thread.

use super::*;
use core::cell::RefCell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Classes of size, as [`slot`] numbers them.
const CLASSES: usize = 224;
/// Blocks of at most this many bytes go by the trays of the threads; they are the classes 6 to 12.
const SMALL: usize = 4096;
const SMALL_CLASSES: usize = SMALL.ilog2() as usize + 1;

/// Free blocks of one class, each naming the next.
#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<Block>>,
}

impl List {
    const EMPTY: List = List { first: None };

    /// # Safety
    /// `block` is alive and nobody else uses it.
    unsafe fn push(&mut self, mut block: NonNull<Block>) {
        // SAFETY: as this function's own contract.
        unsafe { block.as_mut() }.next = self.first;
        self.first = Some(block);
    }

    fn pop(&mut self) -> Option<NonNull<Block>> {
        let mut block = self.first?;
        // SAFETY: blocks in a list are alive, and it is their only user.
        self.first = unsafe { block.as_mut() }.next.take();
        Some(block)
    }
}

/// The free blocks that all threads share.
struct Lists {
    free: [List; CLASSES],
}

// SAFETY: free blocks are plain memory that nobody else points to.
unsafe impl Send for Lists {}

static LISTS: Mutex<Lists> = Mutex::new(Lists { free: [List::EMPTY; CLASSES] });

// The figures are counted beside the lock, since small blocks come and go without it. What is kept, in the lists and on
// all trays together, is what the system has given and nobody uses: `OWNED` less `LIVE`.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static OWNED: AtomicUsize = AtomicUsize::new(0);
static REQUESTS: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

fn lists() -> MutexGuard<'static, Lists> {
    // Nothing inside of the lock panics half-way through a change.
    LISTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small number for each class: the octave and the quarter.
fn slot(room: usize) -> usize {
    let octave = room.ilog2() as usize;
    if room <= SMALL { octave } else { octave * 4 - 36 + (room >> (octave - 2) & 3) }
}

/// Small free blocks of one thread.
struct Tray {
    free: [List; SMALL_CLASSES],
    counts: [usize; SMALL_CLASSES],
}

impl Tray {
    /// Blocks of a class that are moved under one lock: 64, or 16 KiB of the larger ones.
    fn dozen(room: usize) -> usize {
        (16384 / room).clamp(4, 64)
    }

    fn take(&mut self, room: usize) -> Option<NonNull<Block>> {
        let slot = slot(room);
        if self.counts[slot] == 0 {
            let mut lists = lists();
            while self.counts[slot] < Self::dozen(room)
                && let Some(block) = lists.free[slot].pop()
            {
                // SAFETY: out of the one list, into the other.
                unsafe { self.free[slot].push(block) };
                self.counts[slot] += 1;
            }
        }
        let block = self.free[slot].pop()?;
        self.counts[slot] -= 1;
        Some(block)
    }

    /// # Safety
    /// `block` has `room` bytes, is alive, and nobody else uses it.
    unsafe fn give(&mut self, block: NonNull<Block>, room: usize) {
        let slot = slot(room);
        // SAFETY: as this function's own contract.
        unsafe { self.free[slot].push(block) };
        self.counts[slot] += 1;
        if self.counts[slot] >= 2 * Self::dozen(room) {
            self.empty(slot, Self::dozen(room));
        }
    }

    /// Moves blocks to the shared lists until `left` are left.
    fn empty(&mut self, slot: usize, left: usize) {
        let mut lists = lists();
        while self.counts[slot] > left
            && let Some(block) = self.free[slot].pop()
        {
            // SAFETY: out of the one list, into the other.
            unsafe { lists.free[slot].push(block) };
            self.counts[slot] -= 1;
        }
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        (0..SMALL_CLASSES).for_each(|slot| self.empty(slot, 0));
    }
}

std::thread_local! {
    static TRAY: RefCell<Tray> =
        const { RefCell::new(Tray { free: [List::EMPTY; SMALL_CLASSES], counts: [0; SMALL_CLASSES] }) };
}

/// What `work` makes of the thread's tray; `None` while the thread ends and has none any more.
fn with_tray<R>(work: impl FnOnce(&mut Tray) -> R) -> Option<R> {
    TRAY.try_with(|tray| work(&mut tray.borrow_mut())).ok()
}

/// Memory for `bytes`, and whether it is known to be zero.
pub(in crate::storage) fn take(bytes: usize) -> (NonNull<Block>, bool) {
    #[cfg(test)]
    if let Some(block) = fence::take(bytes) {
        return (block, false);
    }
    let room = class(bytes);
    let live = LIVE.fetch_add(room, Relaxed) + room;
    if live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
    let by_tray = if room <= SMALL { with_tray(|tray| tray.take(room)) } else { None };
    match by_tray.unwrap_or_else(|| lists().free[slot(room)].pop()) {
        Some(mut block) => {
            // SAFETY: a block in a list is a block of ours, and taking it out makes us its only user.
            unsafe { block.as_mut() }.owners = Count::one();
            (block, false)
        }
        None => {
            REQUESTS.fetch_add(1, Relaxed);
            OWNED.fetch_add(room, Relaxed);
            (from_system(room), true)
        }
    }
}

/// Takes memory back.
///
/// # Safety
/// `block` came from [`take`] and nobody uses it any more.
pub(in crate::storage) unsafe fn give(block: NonNull<Block>) {
    #[cfg(test)]
    // SAFETY: as this function's own contract.
    if unsafe { fence::give(block) } {
        return;
    }
    // SAFETY: the caller was the only user and hands the block over.
    let room = unsafe { block.as_ref() }.room;
    let live = LIVE.fetch_sub(room, Relaxed) - room;
    let limit = LIMIT.load(Relaxed);
    if limit != usize::MAX && OWNED.load(Relaxed).saturating_sub(live) > limit {
        OWNED.fetch_sub(room, Relaxed);
        // SAFETY: as this function's own contract.
        return unsafe { to_system(block) };
    }
    // SAFETY: the caller hands the block over, and its header says how large it is.
    let by_tray = if room <= SMALL { with_tray(|tray| unsafe { tray.give(block, room) }) } else { None };
    if by_tray.is_none() {
        // SAFETY: as above.
        unsafe { lists().free[slot(room)].push(block) };
    }
}

/// The figures at this moment.
pub fn stats() -> Stats {
    let (live, owned) = (LIVE.load(Relaxed), OWNED.load(Relaxed));
    let (peak, requests) = (PEAK.load(Relaxed), REQUESTS.load(Relaxed));
    Stats { live, peak, kept: owned.saturating_sub(live), requests }
}

/// Starts the peak anew from what is alive now.
pub fn reset_peak() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// Keeps at most `bytes` for reuse from now on; what is beyond goes back to the system as it is given back.
pub fn set_limit(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
}

/// Gives what is kept for reuse back to the system, but for the small blocks on the trays of other threads (at most
/// 32 KiB of each size): those go to the shared lists as their threads end.
pub fn trim() {
    with_tray(|tray| (0..SMALL_CLASSES).for_each(|slot| tray.empty(slot, 0)));
    let mut free = core::mem::replace(&mut lists().free, [List::EMPTY; CLASSES]);
    for list in &mut free {
        while let Some(block) = list.pop() {
            // SAFETY: taken out of the lists under the lock, so this is its only user.
            OWNED.fetch_sub(unsafe { block.as_ref() }.room, Relaxed);
            // SAFETY: a block of ours that nobody uses.
            unsafe { to_system(block) };
        }
    }
}
