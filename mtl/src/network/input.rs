//! An input of a network: a name, and layers of its own.

use alloc::string::String;

use tress_nn::Sequential;

/// A named input and the layers that make features of it before inputs are put side by side.
#[derive(Clone, Debug)]
pub struct Input {
    name: String,
    layers: Sequential,
}

impl Input {
    /// An input; `Sequential::new()` takes it as it is.
    pub fn new(name: &str, layers: Sequential) -> Self {
        Self { name: String::from(name), layers }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own layers.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }
}
