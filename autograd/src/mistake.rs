//! A mistake in model code: what is wrong, and where it was written.

use core::fmt;
use core::panic::Location;
use tress_tensor::Error;

/// The first operation of a computation that could not be carried out.
///
/// Mistakes are values: the operation that makes one neither panics nor needs a `?`. Later operations do nothing, and
/// the call that asks for a result reports it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// What is wrong.
    pub error: Error,
    /// Where the operation was asked for.
    pub place: &'static Location<'static>,
}

impl Mistake {
    /// A mistake at the place of the caller.
    #[track_caller]
    pub fn here(error: Error) -> Self {
        Self { error, place: Location::caller() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.error, self.place.file(), self.place.line())
    }
}

impl core::error::Error for Mistake {}
