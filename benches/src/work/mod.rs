//! What is measured: a [`Workload`] names it and says how much work it is, and one file a group makes it ready to run.

mod conv;
mod elem;
mod gemm;
mod layer;
mod multi;
mod overhead;
mod train;

use serde_json::Value;
use tress::nn::Labels;
use tress::tensor::Tensor;

/// What is timed: one run of a workload.
pub type Run = Box<dyn FnMut()>;

/// One workload: what to do, on what sizes, and how much work that is.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What it is called; `group/..`.
    pub id: String,
    /// The group: the file here that makes it.
    pub group: String,
    /// What is done, by the name of the group's file.
    pub op: String,
    /// Sizes and choices, by name.
    pub settings: Value,
    /// Floating-point operations of one run.
    pub flops: Option<f64>,
    /// Bytes that have to be read and written at least.
    pub bytes: Option<f64>,
    /// Samples, or operations of a program.
    pub samples: Option<f64>,
}

impl Workload {
    /// The work, its inputs made.
    ///
    /// # Errors
    /// Nothing here does what the workload asks for.
    pub fn make(&self) -> Result<Run, String> {
        let made = match self.group.as_str() {
            "conv" => conv::make(self),
            "elem" => elem::make(self),
            "gemm" => gemm::make(self),
            "layer" => layer::make(self),
            "mtl" => multi::make(self),
            "overhead" => overhead::make(self),
            "train" => train::make(self),
            _ => None,
        };
        made.ok_or_else(|| format!("{} is not implemented", self.op))
    }

    /// A size by name; `None` if the file does not give it.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.settings.get(name)?.as_u64().map(|size| size as usize)
    }

    /// Several sizes by name.
    pub fn sizes<const N: usize>(&self, names: [&str; N]) -> Option<[usize; N]> {
        let mut sizes = [0; N];
        for (size, name) in sizes.iter_mut().zip(names) {
            *size = self.size(name)?;
        }
        Some(sizes)
    }

    /// A choice by name.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_str()
    }
}

/// Numbers between -1 and 1 that follow from the seed.
pub(crate) fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let draw = |_: &[usize]| {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    Tensor::from_fn(shape, draw).expect("workloads have shapes that fit")
}

/// Labels of ten classes, in turn.
pub(crate) fn labels(count: usize) -> Labels {
    Labels::new((0..count as u32).map(|i| i % 10), 10).expect("labels below ten")
}
