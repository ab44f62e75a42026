//! What a model gives, by name.

use alloc::string::String;
use alloc::vec::Vec;

/// The outputs of a model, by name and in its order.
#[derive(Clone, Debug)]
pub struct Outputs<V>(Vec<(String, V)>);

impl<V> Outputs<V> {
    pub(super) fn new(values: Vec<(String, V)>) -> Self {
        Self(values)
    }

    /// The output of this name.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Names and values, in the order of the model.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The values, in the order of the model.
    pub fn into_values(self) -> Vec<V> {
        self.0.into_iter().map(|(_, value)| value).collect()
    }
}

impl<V> core::ops::Index<&str> for Outputs<V> {
    type Output = V;

    /// The output of this name.
    ///
    /// # Panics
    /// If the model has none, as an index out of range does.
    fn index(&self, name: &str) -> &V {
        match self.get(name) {
            Some(value) => value,
            None => panic!("the model has no output `{name}`"),
        }
    }
}
