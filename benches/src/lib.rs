//! Benches of Tress, as programs under `benches/`:
//!
//! * `kernels`: products and convolutions in Gflop/s, beside what the core can do at most;
//! * `passes`: pointwise, reducing, normalising and pooling passes;
//! * `steps`: recording overhead, stacked cotangents, whole training steps, beside a large product as the practical limit.
//!
//! A figure means little without the machine's limit beside it, so each program measures both in one run.
