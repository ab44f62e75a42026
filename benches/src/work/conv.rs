//! Convolutions: forward, gradient of the images, gradient of the weights.

use super::{Run, Workload, numbers};
use std::hint::black_box;
use tress::tensor::Window;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    let [n, c, h, w, k, r, s, p, g] = workload.sizes(["n", "c", "h", "w", "k", "r", "s", "p", "g"])?;
    let window = Window::new([h, w], [r, r]).stride([s, s]).pad([[p, p], [p, p]]);
    let (x, weights) = (numbers(&[n, c, h, w], 1), numbers(&[k, c / g, r, r], 2));
    let y = x.conv2d(&weights, None, window, g, None).ok()?;
    Some(match workload.op.as_str() {
        "conv_fwd" => Box::new(move || {
            black_box(x.conv2d(&weights, None, window, g, None).expect("a convolution"));
        }),
        "conv_bwd_data" => Box::new(move || {
            black_box(weights.conv2d_image(&y, window, g).expect("a gradient"));
        }),
        "conv_bwd_weight" => Box::new(move || {
            black_box(x.conv2d_weight(&y, window, g).expect("a gradient"));
        }),
        _ => return None,
    })
}
