//! The number of owners of a buffer: atomic where the target has atomics, a plain cell (and unsendable) where not.

#[cfg(target_has_atomic = "ptr")]
mod kind {
    use core::sync::atomic::{AtomicUsize, Ordering, fence};

    pub(in crate::storage) struct Count(AtomicUsize);

    impl Count {
        pub(in crate::storage) const fn one() -> Self {
            Self(AtomicUsize::new(1))
        }

        /// One owner more.
        pub(in crate::storage) fn join(&self) {
            // Relaxed: a new owner comes from one that is alive. The bound keeps a leak of 2^63 handles from wrapping.
            if self.0.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
                overflow();
            }
        }

        /// One owner less; true for the last one, which then sees all that the others wrote.
        pub(in crate::storage) fn leave(&self) -> bool {
            // A sole owner stays so: nobody else has a handle to come from. Reading takes a fraction of the time of counting.
            if self.is_one() {
                return true;
            }
            if self.0.fetch_sub(1, Ordering::Release) != 1 {
                return false;
            }
            fence(Ordering::Acquire);
            true
        }

        /// Whether there is one owner alone.
        pub(in crate::storage) fn is_one(&self) -> bool {
            self.0.load(Ordering::Acquire) == 1
        }
    }

    #[cold]
    fn overflow() -> ! {
        panic!("a tensor buffer has more owners than memory could hold")
    }
}

#[cfg(not(target_has_atomic = "ptr"))]
mod kind {
    use core::cell::Cell;

    pub(in crate::storage) struct Count(Cell<usize>);

    impl Count {
        pub(in crate::storage) const fn one() -> Self {
            Self(Cell::new(1))
        }

        pub(in crate::storage) fn join(&self) {
            self.0.set(self.0.get().checked_add(1).expect("a tensor buffer has too many owners"));
        }

        pub(in crate::storage) fn leave(&self) -> bool {
            self.0.set(self.0.get() - 1);
            self.0.get() == 0
        }

        pub(in crate::storage) fn is_one(&self) -> bool {
            self.0.get() == 1
        }
    }
}

pub(super) use kind::Count;
