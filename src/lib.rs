//! Placeholder essay.
#![cfg_attr(not(feature = "std"), no_std)]
pub use tress_autograd as autograd;
pub use tress_mtl as mtl;
pub use tress_nn as nn;
pub use tress_tensor as tensor;
