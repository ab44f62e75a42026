//! Composed pictures as batches of tensors.

use tress::mtl::network::Targets;
use tress::nn::Labels;
use tress::tensor::Tensor;

use super::training;
use crate::data::digits::PIXELS;
use crate::data::multimnist::Composites;
use crate::error::Error;

/// Mean and deviation of the grey bytes that pictures are shifted and scaled by: those of MNIST, on the scale 0 to 1.
const GREY: (f32, f32) = (0.1307, 0.3081);

/// Pictures and the labels of all tasks.
#[derive(Debug)]
pub(crate) struct Samples {
    pictures: Composites,
    targets: [Targets; 2],
    /// What each grey byte becomes.
    shades: [f32; 256],
}

impl Samples {
    pub(crate) fn new(pictures: Composites) -> Result<Self, Error> {
        let labels =
            |labels: &[u8]| Labels::new(labels.iter().map(|&label| u32::from(label)), 10).map_err(training);
        let targets = [Targets::Classes(labels(&pictures.left)?), Targets::Classes(labels(&pictures.right)?)];
        let mut shades = [0.0; 256];
        for (grey, shade) in shades.iter_mut().enumerate() {
            *shade = (grey as f32 / 255.0 - GREY.0) / GREY.1;
        }
        Ok(Self { pictures, targets, shades })
    }

    pub(crate) fn len(&self) -> usize {
        self.pictures.len()
    }

    pub(crate) fn pictures(&self) -> &Composites {
        &self.pictures
    }

    /// The pictures of some samples, `[N, 1, 28, 28]`.
    pub(crate) fn images(&self, samples: &[usize]) -> Result<Tensor, Error> {
        let mut images = Tensor::zeros([samples.len(), 1, 28, 28]).map_err(training)?;
        for (image, &sample) in images.make_mut().chunks_exact_mut(PIXELS).zip(samples) {
            for (pixel, &grey) in image.iter_mut().zip(self.pictures.image(sample)) {
                *pixel = self.shades[usize::from(grey)];
            }
        }
        Ok(images)
    }

    /// The truth of some samples for some tasks.
    pub(crate) fn targets(&self, tasks: &[usize], samples: &[usize]) -> Result<Vec<Targets>, Error> {
        tasks.iter().map(|&task| self.targets[task].of(samples).map_err(training)).collect()
    }
}
