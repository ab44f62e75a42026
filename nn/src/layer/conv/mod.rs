//! Convolutions of sequences and images: plain, transposed, depthwise-separable.

mod plain;
mod separable;
mod transposed;

pub use plain::{Conv, Conv1d, Conv2d, ConvBuilder};
pub use separable::{SeparableConv, SeparableConv1d, SeparableConv2d, SeparableConvBuilder};
pub use transposed::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTransposeBuilder};

use super::pad::PaddingMode;
use crate::{Error as Wrong, Init};
use tress_autograd::Sliding;
use tress_tensor::{Error, Shape};

/// What to do where an input has other channels than a layer.
const CHANNELS: &str = "give the layer as many inputs as the input has channels;";

/// The name of a layer over `D` axes.
const fn named<const D: usize>([one, two]: [&'static str; 2]) -> &'static str {
    if D == 1 { one } else { two }
}

/// That `x` is `[N, C, ..]` with `D` axes after the channels, and has as many channels as the layer.
fn fits<const D: usize>(op: &'static str, x: &Shape, weight: &Shape, channels: usize) -> Result<(), Error> {
    if x.rank() != D + 2 {
        let why = named::<D>(["three axes are wanted: N, C, L", "four axes are wanted: N, C, H, W"]);
        return Err(Error::Unfit { op, shape: *x, why });
    }
    if x[1] != channels {
        let lengths = Some((x[1], channels));
        return Err(Error::Mismatch { op, left: *x, right: *weight, why: CHANNELS, lengths });
    }
    Ok(())
}

/// What all convolutions can be told.
#[derive(Clone, Copy, Debug)]
struct Settings<const D: usize> {
    inputs: usize,
    outputs: usize,
    kernel: [usize; D],
    sliding: Sliding<D>,
    mode: PaddingMode,
    /// Padding that follows from kernel and dilation, once these are known.
    fitted: Option<Fitted>,
    groups: usize,
    init: Init,
    bias: Option<Init>,
}

/// Padding that keeps the lengths of the axes at stride 1.
#[derive(Clone, Copy, Debug)]
enum Fitted {
    /// Around; of an odd number, one more after than before.
    Same,
    /// Before alone.
    Causal,
}

impl<const D: usize> Settings<D> {
    fn new(inputs: usize, outputs: usize, kernel: [usize; D]) -> Self {
        let (sliding, init, mode) = (Sliding::new(), Init::FanIn, PaddingMode::Zeros);
        Self { inputs, outputs, kernel, sliding, mode, fitted: None, groups: 1, init, bias: Some(init) }
    }

    /// Steps, padding and dilation, once all settings are known.
    fn sliding(&self) -> Sliding<D> {
        let mut sliding = self.sliding;
        if let Some(fitted) = self.fitted {
            for axis in 0..D {
                let total = self.kernel[axis].saturating_sub(1).saturating_mul(sliding.dilation[axis]);
                sliding.pad[axis] = match fitted {
                    Fitted::Same => [total / 2, total - total / 2],
                    Fitted::Causal => [total, 0],
                };
            }
        }
        sliding
    }

    fn check(&self, of: &'static str) -> Result<(), Wrong> {
        let wrong = |why| Err(Wrong::Setting { of, why });
        if self.groups == 0
            || !self.inputs.is_multiple_of(self.groups)
            || !self.outputs.is_multiple_of(self.groups)
        {
            return wrong("the channels before and after must be multiples of the groups");
        }
        let sizes = [self.kernel, self.sliding.stride, self.sliding.dilation];
        if sizes.iter().flatten().any(|&size| size == 0) {
            return wrong("kernel, stride and dilation must be at least 1");
        }
        Ok(())
    }

    /// `[first, second, kernel ..]`.
    fn weight(&self, first: usize, second: usize) -> Result<Shape, tress_tensor::Error> {
        let mut lengths = [1; Shape::MAX_RANK];
        (lengths[0], lengths[1]) = (first, second);
        lengths[2..2 + D].copy_from_slice(&self.kernel);
        Shape::new(&lengths[..2 + D])
    }

    /// A distribution with the fans of these weights: what flows into an output, and what an input flows into.
    fn fans(&self, init: Init) -> Init {
        let taps = self.kernel.iter().fold(1usize, |taps, &len| taps.saturating_mul(len));
        let each = |channels: usize| (channels / self.groups).saturating_mul(taps);
        init.for_fans(each(self.inputs), each(self.outputs))
    }
}

/// The settings that the builders of all convolutions have, for a builder with a field `settings`.
macro_rules! common_settings {
    () => {
        /// Steps between windows, along each axis.
        pub fn stride(mut self, stride: [usize; D]) -> Self {
            self.settings.sliding.stride = stride;
            self
        }

        /// Distance between the taps of a window, along each axis.
        pub fn dilation(mut self, dilation: [usize; D]) -> Self {
            self.settings.sliding.dilation = dilation;
            self
        }

        /// How the weights start.
        pub fn init(mut self, init: Init) -> Self {
            self.settings.init = init;
            self
        }

        /// How the bias starts; [`Init::FanIn`] goes by the fans of the weights.
        pub fn bias_init(mut self, init: Init) -> Self {
            self.settings.bias = Some(init);
            self
        }

        /// Without a bias.
        pub fn without_bias(mut self) -> Self {
            self.settings.bias = None;
            self
        }

        /// With a function after it, in the same pass where that is possible.
        pub fn activation(self, map: Map) -> Self {
            Self { activation: Some(map), ..self }
        }
    };
}
use common_settings;
