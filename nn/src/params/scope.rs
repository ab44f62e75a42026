//! A place to declare parameters in.

use super::{Handle, Params};
use crate::{Error, Init};
use alloc::string::String;
use tress_tensor::{Float, IntoShape};

/// Declares parameters under a common first part of their names.
#[derive(Debug)]
pub struct Scope<'p, T: Float = f32> {
    params: &'p mut Params<T>,
    path: String,
}

impl<'p, T: Float> Scope<'p, T> {
    pub(super) fn new(params: &'p mut Params<T>, path: String) -> Self {
        Self { params, path }
    }

    /// A scope inside of this one.
    pub fn scope(&mut self, name: &str) -> Scope<'_, T> {
        let path = self.name(name);
        Scope::new(self.params, path)
    }

    /// The name of the scope; empty for the outermost.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Declares a parameter: its place is the next in the block, its first numbers are drawn from `init`.
    ///
    /// # Errors
    /// The name is taken or cannot be one, the shape is too large, or `init` is not finite. After
    /// [`Params::from_static`]: there are no numbers left.
    pub fn parameter(&mut self, name: &str, shape: impl IntoShape, init: Init) -> Result<Handle, Error> {
        self.declare(name, shape, init, true)
    }

    /// Declares state: stored like a parameter, but optimisers leave it alone, and gradients are zero there.
    ///
    /// # Errors
    /// As [`parameter`](Scope::parameter).
    pub fn state(&mut self, name: &str, shape: impl IntoShape, init: Init) -> Result<Handle, Error> {
        self.declare(name, shape, init, false)
    }

    /// A stream of random numbers for a layer that draws some in every step, such as dropout: the number depends on the
    /// name of the scope and on how often it was asked before.
    pub fn stream(&mut self) -> u64 {
        self.params.stream(&self.path)
    }

    fn declare(
        &mut self,
        name: &str,
        shape: impl IntoShape,
        init: Init,
        trained: bool,
    ) -> Result<Handle, Error> {
        let name = self.name(name);
        match shape.into_shape() {
            Ok(shape) => self.params.declare(name, shape, init, trained),
            Err(error) => Err(Error::Parameter { name, error }),
        }
    }

    fn name(&self, last: &str) -> String {
        let mut name = self.path.clone();
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(last);
        name
    }
}
