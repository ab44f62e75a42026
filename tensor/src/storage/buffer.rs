//! A run of numbers that several tensors may share, copied when one of them writes.

use super::count::Count;
use super::pool::{self, Block, HEADER};
use crate::Element;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// Shared numbers: owned by a counted block of the pool, or borrowed for ever from `static` memory such as flash.
///
/// Cloning counts up and copies nothing. Writing asks for [`make_mut`](Buffer::make_mut), which copies first if anyone
/// else can see the numbers.
pub struct Buffer<T: Element> {
    /// The first number; aligned to 64 bytes when owned. Valid for reading `len` numbers as long as `self` lives.
    data: NonNull<T>,
    len: usize,
    /// The counted block in front of the numbers; `None` for static memory.
    block: Option<NonNull<Block>>,
    marker: PhantomData<T>,
}

// SAFETY: the numbers are plain data, changed only by a sole owner through `&mut`; the count is atomic here.
#[cfg(target_has_atomic = "ptr")]
unsafe impl<T: Element> Send for Buffer<T> {}
// SAFETY: as above; `&Buffer` only reads.
#[cfg(target_has_atomic = "ptr")]
unsafe impl<T: Element> Sync for Buffer<T> {}

impl<T: Element> Buffer<T> {
    /// Room for `len` numbers with unspecified (but valid) values: for a kernel that writes every one of them.
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

    /// Numbers that live for ever, such as weights in flash: nothing is copied until somebody writes.
    pub fn from_static(values: &'static [T]) -> Self {
        let data = NonNull::from(values).cast();
        Self { data, len: values.len(), block: None, marker: PhantomData }
    }

    fn take(len: usize) -> (Self, bool) {
        // `Shape` has bounded `len * 8`, so the product cannot overflow for tensors; anybody else gets the saturation,
        // which no allocator can serve.
        let (block, zeroed) = pool::take(len.saturating_mul(size_of::<T>()));
        // SAFETY: the block has at least `len` numbers of room behind its header.
        let data = unsafe { block.cast::<u8>().add(HEADER) }.cast::<T>();
        let buffer = Self { data, len, block: Some(block), marker: PhantomData };
        // Recycled bytes may come from another type. Any bytes are a number, but not any byte is a `bool`.
        if !zeroed && !T::ANY_BYTES {
            // SAFETY: the block is ours alone and has room for `len` numbers; zero bytes are valid for every `Element`.
            unsafe { buffer.data.as_ptr().write_bytes(0, buffer.len) };
        }
        (buffer, zeroed)
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
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: `data` is valid for `len` numbers while `self` lives, and nobody writes while it is borrowed: a
        // writer needs `&mut` of the sole owner.
        unsafe { core::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }

    fn owners(&self) -> Option<&Count> {
        // SAFETY: the block is alive as long as one of its owners, and `self` is one.
        self.block.map(|block| unsafe { &(*block.as_ptr()).owners })
    }

    /// Whether a write would need no copy.
    pub fn is_unique(&self) -> bool {
        self.owners().is_some_and(Count::is_one)
    }

    /// The numbers for writing, if nobody else can see them.
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
    fn sole_mut(&mut self) -> &mut [T] {
        debug_assert!(self.is_unique());
        // SAFETY: `data` is valid for `len` numbers of owned memory, `self` is the only owner and is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        if let Some(owners) = self.owners() {
            owners.join();
        }
        Self { data: self.data, len: self.len, block: self.block, marker: PhantomData }
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let (Some(owners), Some(block)) = (self.owners(), self.block)
            && owners.leave()
        {
            // SAFETY: the block came from `pool::take`, and its last owner is going.
            unsafe { pool::give(block) };
        }
    }
}
