//! A run of numbers that several tensors may share, copied when one of them writes.

use super::count::Count;
use super::pool::{self, Block, HEADER};
use crate::Element;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// Bytes that a buffer holds itself: a tape of operations on single numbers then touches no other memory.
const INSIDE: usize = 16;

/// Shared numbers: a few of them inside, more in a counted block of the pool, or borrowed for ever from `static` memory
/// such as flash.
///
/// Cloning counts up and copies nothing (but what lies inside). Writing asks for [`make_mut`](Buffer::make_mut), which
/// copies first if anyone else can see the numbers.
pub struct Buffer<T: Element> {
    len: usize,
    /// Invariant: `inside` where `len` numbers fit into it, `outside` where not.
    place: Place<T>,
    marker: PhantomData<T>,
}

/// Where the numbers of a buffer lie. The length tells which of the two it is.
union Place<T> {
    inside: [u64; INSIDE / 8],
    outside: Outside<T>,
}

struct Outside<T> {
    /// The first number; aligned to 64 bytes when owned. Valid for reading `len` numbers as long as the buffer lives.
    data: NonNull<T>,
    /// The counted block in front of the numbers; `None` for static memory.
    block: Option<NonNull<Block>>,
}

impl<T> Clone for Outside<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Outside<T> {}

// SAFETY: the numbers are plain data, changed only by a sole owner through `&mut`; the count is atomic here.
#[cfg(target_has_atomic = "ptr")]
unsafe impl<T: Element> Send for Buffer<T> {}
// SAFETY: as above; `&Buffer` only reads.
#[cfg(target_has_atomic = "ptr")]
unsafe impl<T: Element> Sync for Buffer<T> {}

impl<T: Element> Buffer<T> {
    /// Room for `len` numbers with unspecified (but valid) values: for a kernel that writes every one of them.
    #[inline]
    pub fn stale(len: usize) -> Self {
        Self::take(len).0
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let (mut buffer, zeroed) = Self::take(len);
        if !zeroed {
            buffer.sole_mut().fill(T::default());
        }
        buffer
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Self::take(values.len()).0;
        buffer.sole_mut().copy_from_slice(values);
        buffer
    }

    /// Numbers that live for ever, such as weights in flash: nothing is copied until somebody writes (but the few that fit
    /// inside).
    pub fn from_static(values: &'static [T]) -> Self {
        if fits_inside::<T>(values.len()) {
            return Self::from_slice(values);
        }
        Self::lying(values.len(), Outside { data: NonNull::from(values).cast(), block: None })
    }

    fn lying(len: usize, outside: Outside<T>) -> Self {
        debug_assert!(!fits_inside::<T>(len));
        Self { len, place: Place { outside }, marker: PhantomData }
    }

    /// Room for `len` numbers, and whether they are known to be zero.
    #[inline]
    fn take(len: usize) -> (Self, bool) {
        if fits_inside::<T>(len) {
            let place = Place { inside: [0; INSIDE / 8] };
            return (Self { len, place, marker: PhantomData }, true);
        }
        // `Shape` has bounded `len * 8`, so the product cannot overflow for tensors; anybody else gets the saturation,
        // which no allocator can serve.
        let (block, zeroed) = pool::take(len.saturating_mul(size_of::<T>()));
        // SAFETY: the block has at least `len` numbers of room behind its header.
        let data = unsafe { block.cast::<u8>().add(HEADER + pool::slack(block)) }.cast::<T>();
        // Recycled bytes may come from another type. Any bytes are a number, but not any byte is a `bool`.
        if !zeroed && !T::ANY_BYTES {
            // SAFETY: the block is ours alone and has room for `len` numbers; zero bytes are valid for every `Element`.
            unsafe { data.as_ptr().write_bytes(0, len) };
        }
        (Self::lying(len, Outside { data, block: Some(block) }), zeroed)
    }

    /// Where the numbers lie, if not inside.
    #[inline]
    fn outside(&self) -> Option<Outside<T>> {
        if fits_inside::<T>(self.len) {
            return None;
        }
        // SAFETY: the invariant of `place`.
        Some(unsafe { self.place.outside })
    }

    /// The number of numbers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        let data = match self.outside() {
            Some(outside) => outside.data.as_ptr().cast_const(),
            None => (&raw const self.place).cast(),
        };
        // SAFETY: `data` is valid for `len` numbers while `self` lives, and nobody writes while it is borrowed: a
        // writer needs `&mut` of the sole owner. What lies inside has been zero at first, which every `Element` may be.
        unsafe { core::slice::from_raw_parts(data, self.len) }
    }

    /// The counted block that the numbers lie in: `None` if they lie inside of the buffer or in static memory.
    fn block(&self) -> Option<NonNull<Block>> {
        self.outside().and_then(|outside| outside.block)
    }

    /// An address that buffers have in common if they share their memory, and its bytes; `None` for numbers inside.
    pub fn memory(&self) -> Option<(usize, usize)> {
        // SAFETY: the block is alive as long as one of its owners, and `self` is one.
        let room = |block: NonNull<Block>| HEADER + unsafe { block.as_ref() }.room;
        self.outside().map(|outside| (outside.data.as_ptr() as usize, outside.block.map_or(0, room)))
    }

    fn owners(&self) -> Option<&Count> {
        // SAFETY: the block is alive as long as one of its owners, and `self` is one.
        self.block().map(|block| unsafe { &(*block.as_ptr()).owners })
    }

    /// Whether a write would need no copy.
    #[inline]
    pub fn is_unique(&self) -> bool {
        fits_inside::<T>(self.len) || self.owners().is_some_and(Count::is_one)
    }

    /// The numbers for writing, if nobody else can see them.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut [T]> {
        self.is_unique().then(|| self.sole_mut())
    }

    /// The numbers for writing; copied first if anyone else can see them.
    pub fn make_mut(&mut self) -> &mut [T] {
        if !self.is_unique() {
            *self = Self::from_slice(self.as_slice());
        }
        self.sole_mut()
    }

    /// Only to be called by a sole owner.
    #[inline]
    fn sole_mut(&mut self) -> &mut [T] {
        debug_assert!(self.is_unique());
        let data = match self.outside() {
            Some(outside) => outside.data.as_ptr(),
            None => (&raw mut self.place).cast(),
        };
        // SAFETY: `data` is valid for `len` numbers of owned memory, `self` is the only owner and is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(data, self.len) }
    }
}

/// Whether a buffer holds `len` numbers inside.
#[inline(always)]
fn fits_inside<T>(len: usize) -> bool {
    len <= INSIDE / size_of::<T>()
}

impl<T: Element> Clone for Buffer<T> {
    #[inline]
    fn clone(&self) -> Self {
        if let Some(owners) = self.owners() {
            owners.join();
        }
        // SAFETY: both sides of the union are `Copy`; a block has been counted up for the new owner.
        let place = unsafe { core::ptr::read(&raw const self.place) };
        Self { len: self.len, place, marker: PhantomData }
    }
}

impl<T: Element> Drop for Buffer<T> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(owners), Some(block)) = (self.owners(), self.block())
            && owners.leave()
        {
            // SAFETY: the block came from `pool::take`, and its last owner is going.
            unsafe { pool::give(block) };
        }
    }
}
