//! Convolutions and pools as nodes of ONNX.

use super::ops::{Operands, Writing};
use super::proto::Attribute::{self, Int, Ints};
use crate::model::Sizes;
use alloc::string::String;
use alloc::vec::Vec;
use tress_autograd::op::{Conv, ConvRole};
use tress_tensor::{Float, Tensor, Window};

impl<T: Float> Writing<'_, T> {
    pub(super) fn conv(&mut self, conv: &Conv, xs: &Operands<'_>) -> String {
        let all = xs.full(self.writer);
        let (w, points) = (&mut *self.writer, &self.points);
        let window = &conv.window;
        let mut settings = pool(window);
        settings.push(("group", Int(conv.groups as i64)));
        if conv.role == ConvRole::Image {
            // How much larger than the smallest possible image this one is.
            let beyond = [0, 1].map(|axis| {
                let [before, after] = window.pad[axis];
                let known = points.first().and_then(|&point| xs.sizes[1].at_point(point).ok());
                let places = known.map_or(1, |shape| shape[2 + axis]).max(1);
                let whole = (places - 1) * window.stride[axis]
                    + (window.kernel[axis] - 1) * window.dilation[axis]
                    + 1;
                (window.input[axis] + before + after) as i64 - whole as i64
            });
            settings.push(("output_padding", Ints(beyond.to_vec())));
            return w.node("ConvTranspose", &[&all[1], &all[0]], &settings);
        }
        let operands: Vec<&str> = all.iter().map(String::as_str).collect();
        let y = w.node("Conv", &operands, &settings);
        match conv.epilogue.activation {
            Some(map) => w.map(map, &y).unwrap_or(y),
            None => y,
        }
    }

    /// Means of dense windows have an operator; taps apart are a convolution of each channel with equal weights.
    pub(super) fn mean_pool(&mut self, window: &Window, x: &str, from: &Sizes) -> String {
        let w = &mut *self.writer;
        let mut settings = pool(window);
        let Some(channels) = from.len(1).filter(|_| window.dilation != [1, 1]) else {
            settings.retain(|(name, _)| *name != "dilations");
            settings.push(("count_include_pad", Int(1)));
            return w.node("AveragePool", &[x], &settings);
        };
        let [kh, kw] = window.kernel;
        let share = T::from_f64(1.0 / (kh * kw) as f64);
        let weights = match Tensor::full([channels, 1, kh, kw], share) {
            Ok(weights) => w.tensor(&weights),
            Err(_) => return String::from(x), // smaller than the value, which exists
        };
        settings.push(("group", Int(channels as i64)));
        w.node("Conv", &[x, &weights], &settings)
    }
}

/// The settings that pools and convolutions have in common.
pub(super) fn pool(window: &Window) -> Vec<(&'static str, Attribute)> {
    let two = |numbers: [usize; 2]| Ints(numbers.map(|number| number as i64).to_vec());
    let [[top, bottom], [left, right]] = window.pad;
    let pads = Ints([top, left, bottom, right].map(|number| number as i64).to_vec());
    alloc::vec![
        ("kernel_shape", two(window.kernel)),
        ("strides", two(window.stride)),
        ("pads", pads),
        ("dilations", two(window.dilation)),
    ]
}
