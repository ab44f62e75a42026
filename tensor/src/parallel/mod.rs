//! The only home of rayon. The functions are the same with the feature and without it; without it they are loops.
//!
//! Results never depend on the number of threads: callers cut work at boundaries that depend on its size alone, each
//! piece writes its own part of the result, and partial results are added in the order of the pieces.

#[cfg(feature = "rayon")]
mod crew;

/// What several threads may use at once.
#[cfg(target_has_atomic = "ptr")]
pub trait Shared: Send + Sync {}
#[cfg(target_has_atomic = "ptr")]
impl<T: Send + Sync> Shared for T {}

/// Anything: a target without atomics has one thread, and counts the owners of a buffer in a plain cell.
#[cfg(not(target_has_atomic = "ptr"))]
pub trait Shared {}
#[cfg(not(target_has_atomic = "ptr"))]
impl<T> Shared for T {}

/// What one thread may leave to another.
#[cfg(target_has_atomic = "ptr")]
pub trait Moved: Send {}
#[cfg(target_has_atomic = "ptr")]
impl<T: Send> Moved for T {}

/// Anything, as for [`Shared`].
#[cfg(not(target_has_atomic = "ptr"))]
pub trait Moved {}
#[cfg(not(target_has_atomic = "ptr"))]
impl<T> Moved for T {}

/// How many threads work at the same time where this is called.
pub fn threads() -> usize {
    workers::threads()
}

/// Runs `work` with `threads` threads (at least one) for all that it calls.
///
/// Where the system has no such threads to give, or without the `rayon` feature, the work is done with those there are:
/// the results are the same.
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    workers::with_threads(threads.max(1), work)
}

/// Runs `task` for `0..tasks`, in any order, on all threads.
pub(crate) fn for_each(tasks: usize, task: impl Fn(usize) + Shared) {
    if tasks <= 1 || threads() == 1 {
        (0..tasks).for_each(task);
    } else {
        workers::for_each(tasks, &task);
    }
}

/// Cuts `out` into pieces of `piece` numbers (the last may be shorter) and runs `task(index, piece)` on all threads.
pub(crate) fn for_each_piece<T: Moved>(out: &mut [T], piece: usize, task: impl Fn(usize, &mut [T]) + Shared) {
    if out.len() <= piece || threads() == 1 {
        out.chunks_mut(piece.max(1)).enumerate().for_each(|(i, piece)| task(i, piece));
    } else {
        workers::for_each_piece(out, piece.max(1), &task);
    }
}

#[cfg(feature = "rayon")]
mod workers {
    use core::array::from_fn;
    use core::mem::take;
    use std::sync::Mutex;

    use super::crew::{self, MOST_SHARES, share};

    pub(super) fn threads() -> usize {
        rayon::current_num_threads()
    }

    pub(super) fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(work),
            // The system has no threads left to give: the pool there is does the work, only slower.
            Err(_) => work(),
        }
    }

    // Both take the task behind a pointer: the crew is then compiled once for a kind of list and not once a kernel.
    pub(super) fn for_each(tasks: usize, task: &(dyn Fn(usize) + Sync + Send)) {
        let members = threads().min(tasks);
        let shares = members.min(MOST_SHARES);
        let list: [_; MOST_SHARES] =
            from_fn(|i| Mutex::new(if i < shares { share(tasks, i, shares) } else { 0..0 }));
        crew::run(&list[..shares], members, task);
    }

    pub(super) fn for_each_piece<T: Send>(
        out: &mut [T],
        piece: usize,
        task: &(dyn Fn(usize, &mut [T]) + Sync + Send),
    ) {
        let pieces = out.len().div_ceil(piece);
        let members = threads().min(pieces);
        let shares = members.min(MOST_SHARES);
        let mut rest = out;
        let list: [_; MOST_SHARES] = from_fn(|i| {
            let indices = if i < shares { share(pieces, i, shares) } else { 0..0 };
            let len = (indices.len() * piece).min(rest.len());
            let (own, others) = take(&mut rest).split_at_mut(len);
            rest = others;
            Mutex::new(indices.zip(own.chunks_mut(piece)))
        });
        crew::run(&list[..shares], members, &|(index, piece)| task(index, piece));
    }
}

#[cfg(not(feature = "rayon"))]
mod workers {
    pub(super) fn threads() -> usize {
        1
    }

    pub(super) fn with_threads<R: Send>(_: usize, work: impl FnOnce() -> R + Send) -> R {
        work()
    }

    pub(super) fn for_each(tasks: usize, task: &dyn Fn(usize)) {
        (0..tasks).for_each(task);
    }

    pub(super) fn for_each_piece<T>(out: &mut [T], piece: usize, task: &dyn Fn(usize, &mut [T])) {
        out.chunks_mut(piece).enumerate().for_each(|(i, piece)| task(i, piece));
    }
}

/// A pool that a user of this crate has made for work of its own.
#[cfg(all(test, feature = "rayon"))]
pub(crate) struct Foreign(rayon::ThreadPool);

#[cfg(all(test, feature = "rayon"))]
impl Foreign {
    pub(crate) fn new(threads: usize) -> Self {
        Self(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads of the system"))
    }

    /// Runs `work` on one of its threads.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }

    /// Runs both as tasks, beside each other where a thread is free.
    pub(crate) fn join<R: Send>(&self, work: impl Fn() -> R + Sync) -> [R; 2] {
        let (a, b) = self.0.join(&work, &work);
        [a, b]
    }
}
