//! The kernels: loops over slices with strides, written once for every instruction set.

pub mod conv;
pub mod product;
