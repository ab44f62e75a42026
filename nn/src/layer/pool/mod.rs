//! Pooling: of windows, of everything, and to a given size.

mod adaptive;
mod global;
mod windows;

pub use adaptive::{
    AdaptiveMaxPool, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMeanPool, AdaptiveMeanPool1d,
    AdaptiveMeanPool2d,
};
pub use global::{GlobalMaxPool, GlobalMeanPool};
pub use windows::{MaxPool, MaxPool1d, MaxPool2d, MeanPool, MeanPool1d, MeanPool2d};

use tress_tensor::{Error, Shape, Window};

/// That `x` is `[N, C, ..]` with `D` axes after the channels.
fn axes<const D: usize>(op: &'static str, x: &Shape) -> Result<(), Error> {
    let why = if D == 1 { "three axes are wanted: N, C, L" } else { "four axes are wanted: N, C, H, W" };
    if x.rank() == D + 2 { Ok(()) } else { Err(Error::Unfit { op, shape: *x, why }) }
}

/// The window over an image of one row that is the same as one over a sequence.
fn flat(length: usize, [kernel]: [usize; 1], [stride]: [usize; 1]) -> Window {
    Window::new([1, length], [1, kernel]).stride([1, stride])
}
