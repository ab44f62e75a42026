//! Samples on which a network in whole numbers is calibrated.

use std::path::Path;

use tress::nn::device::{Program, Quantised};
use tress::nn::{Random, file};
use tress::tensor::Tensor;
use tress_readers::npz;

use super::fit::device;
use super::model::{Model, bytes};
use crate::data::Split;
use crate::error::Error;
use crate::train::Samples;

/// The network in whole numbers, calibrated on the samples of `from`; else on `count` training samples of its run, or, of a network
/// without weights, on noise.
///
/// # Errors
/// [`Error::Data`] for a file that has no samples of the inputs' shapes, or a network that nothing is known of; [`Error::Device`]
/// for one that has no form in bytes.
pub(super) fn quantised(model: &Model, from: Option<&Path>, count: usize) -> Result<Quantised, Error> {
    let program = &model.program;
    if let Some(path) = from {
        return calibrated(program, &arrays(program, path)?);
    }
    if model.untrained {
        // Weights are noise, and so may samples be: the source is for looking at sizes and times.
        let mut random = Random::new(1);
        let mut noise = |len: usize| (0..len).map(|_| random.uniform() as f32 * 2.0 - 1.0).collect();
        let arrays: Vec<Vec<f32>> =
            program.inputs().iter().map(|input| noise(count * input.shape.len())).collect();
        return calibrated(program, &arrays);
    }
    let Some((source, _, seed)) = model.source(Split::Train)? else {
        let trouble =
            "is not from a run of `tress train`; give samples to calibrate on with --calibrate FILE.npy";
        return Err(Error::data(model.file.display().to_string(), trouble));
    };
    let samples = Samples::new(source.draw(count, seed))?;
    let images = samples.images(&(0..samples.len()).collect::<Vec<_>>())?.to_vec();
    calibrated(program, &[images])
}

/// Calibrated on arrays of samples, one for each input, of as many samples each.
fn calibrated(program: &Program, arrays: &[Vec<f32>]) -> Result<Quantised, Error> {
    let lengths: Vec<usize> = program.inputs().iter().map(|input| input.shape.len().max(1)).collect();
    let count = arrays.iter().zip(&lengths).map(|(numbers, len)| numbers.len() / len).min().unwrap_or(0);
    let sample = |at: usize| -> Vec<&[f32]> {
        arrays.iter().zip(&lengths).map(|(numbers, &len)| &numbers[at * len..(at + 1) * len]).collect()
    };
    program.quantise((0..count).map(sample)).map_err(device)
}

/// The numbers of a file for each input.
fn arrays(program: &Program, path: &Path) -> Result<Vec<Vec<f32>>, Error> {
    let wrong = |trouble: String| Error::data(path.display().to_string(), trouble);
    let file = bytes(path)?;
    let inputs = program.inputs();
    let tensors: Vec<Tensor<f32>> = if file.starts_with(b"PK") {
        let members = npz::read(&file).map_err(|e| wrong(e.to_string()))?;
        let names: Vec<&str> = members.names().collect();
        let of = |name: &str| match names.contains(&name) {
            true => members.tensor::<f32>(name).map_err(|e| wrong(e.to_string())),
            false => Err(wrong(format!("has no array `{name}` for that input; it has {}", names.join(", ")))),
        };
        inputs.iter().map(|input| of(&input.name)).collect::<Result<_, _>>()?
    } else {
        let [_] = inputs else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            let names = names.join(", ");
            return Err(wrong(format!(
                "is one array; give an npz file with one for each of the inputs {names}"
            )));
        };
        vec![file::read_npy::<f32>(&file).map_err(|e| wrong(e.to_string()))?]
    };
    let count = tensors.first().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0);
    for (tensor, input) in tensors.iter().zip(inputs) {
        let shape = tensor.shape();
        if count == 0 || shape.first() != Some(&count) || shape[1..] != input.shape[1..] {
            return Err(wrong(format!(
                "has shape {shape} for input `{}`; samples of {} are needed along a first axis, as many for each input",
                input.name, input.shape
            )));
        }
    }
    Ok(tensors.iter().map(Tensor::to_vec).collect())
}
