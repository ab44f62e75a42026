//! Memory: shared, aligned, copy-on-write buffers and the pool that they come from.

mod buffer;
mod count;
pub mod pool;

pub use buffer::Buffer;

#[cfg(test)]
mod tests;
