//! Convolutions: forward, gradient of the images, gradient of the weights.

use super::{Run, Workload, numbers};
use tress::tensor::{Float, Window};

pub(super) fn make(workload: &Workload) -> Option<Run> {
    if workload.is_double() { of::<f64>(workload) } else { of::<f32>(workload) }
}

fn of<T: Float>(workload: &Workload) -> Option<Run> {
    let [n, c, h, w, k, r, s, p, g] = workload.sizes(["n", "c", "h", "w", "k", "r", "s", "p", "g"])?;
    let window = Window::new([h, w], [r, r]).stride([s, s]).pad([[p, p], [p, p]]);
    let (x, weights) = (numbers(&[n, c, h, w], 1).cast::<T>(), numbers(&[k, c / g, r, r], 2).cast::<T>());
    let dy = numbers(x.conv2d(&weights, None, window, g, None).ok()?.shape(), 3).cast::<T>();
    Some(match workload.op.as_str() {
        "conv_fwd" => Run::new(move || x.conv2d(&weights, None, window, g, None).expect("a convolution")),
        "conv_bwd_data" => Run::new(move || weights.conv2d_image(&dy, window, g).expect("a gradient")),
        "conv_bwd_weight" => Run::new(move || x.conv2d_weight(&dy, window, g).expect("a gradient")),
        _ => return None,
    })
}
