//! Networks that have a name and no weights yet: what a device takes of them can be asked before anything is trained.

use tress::autograd::Symbol;
use tress::mtl::network::{Objective, lenet};
use tress::nn::device::Program;
use tress::prelude::*;

use super::fit::device;
use crate::error::Error;

/// More numbers than a device could hold.
const LARGEST: usize = 1 << 26;

/// The network of a name, with weights as they are drawn for seed 1; `None` if the text is no such name. There are `lenet`,
/// `dense:INPUTS,WIDTH,..:NAME=OUTPUTS,..`, where `WIDTH/FUNCTION` has another function than `relu`, and
/// `conv:CxHxW,LAYER,..:NAME=OUTPUTS,..`, where a layer is `OxKHxKW`, a convolution with as many zeros around as keep the size,
/// `OxKHxKW/S` with steps of S, `dwKHxKW` or `dwKHxKW/S`, which convolves each channel for itself, `poolN` or `meanN`, the largest or
/// the mean of N x N, or `norm` or `rms`, the layer or RMS norm of each row of pixels. A head `NAME=OUTPUTS/softmax` gives shares.
pub(super) fn named(text: &str) -> Option<Result<Program, Error>> {
    if text == "lenet" {
        return Some(lenet_program());
    }
    if let Some((layers, heads)) = text.strip_prefix("conv:").and_then(|text| text.split_once(':')) {
        return Some(convolutions(layers, heads));
    }
    let (widths, heads) = text.strip_prefix("dense:")?.split_once(':')?;
    Some(dense(widths, heads))
}

fn wrong(form: &str) -> Error {
    Error::Usage(format!("{form}, with numbers above 0"))
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&n: &usize| n > 0 && n < LARGEST)
}

/// A head: its name, the number of its outputs, and whether they are shares.
type Head<'t> = (&'t str, usize, bool);

/// The heads in the text.
fn heads_of<'t>(text: &'t str, form: &str) -> Result<Vec<Head<'t>>, Error> {
    let head = |head: &'t str| {
        let (name, outputs) = head.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let scores = outputs.strip_suffix("/softmax");
        Some((name, number(scores.unwrap_or(outputs))?, scores.is_some()))
    };
    text.split(',').map(head).collect::<Option<Vec<_>>>().ok_or_else(|| wrong(form))
}

/// Numbers with an `x` between them.
fn lengths<const N: usize>(text: &str) -> Option<[usize; N]> {
    text.split('x').map(number).collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn convolutions(layers: &str, heads: &str) -> Result<Program, Error> {
    const FORM: &str = "conv:CxHxW,LAYER,..:NAME=OUTPUTS,.. is the form, where a layer is OUTPUTSxHxW, OUTPUTSxHxW/STEP, dwHxW, \
                        dwHxW/STEP, poolN, meanN, norm or rms, such as conv:1x28x28,8x5x5,pool2:digit=10";
    let mut layers = layers.split(',');
    let image = layers.next().and_then(lengths::<3>).ok_or_else(|| wrong(FORM))?;
    let heads = heads_of(heads, FORM)?;
    let mut params = Params::<f32>::new(1);
    let mut trunk = Sequential::new();
    let [mut channels, mut size @ ..] = image;
    for (i, text) in layers.enumerate() {
        let scope = format!("trunk{i}");
        let (window, outputs) = if text == "norm" {
            trunk = trunk.then(LayerNorm::new(&mut params.scope(&scope), [size[1]]).map_err(device)?);
            continue;
        } else if text == "rms" {
            trunk = trunk.then(RmsNorm::new(&mut params.scope(&scope), [size[1]]).map_err(device)?);
            continue;
        } else if let Some(side) = text.strip_prefix("mean").and_then(number) {
            trunk = trunk.then(MeanPool2d::new([side; 2]));
            (Window::new(size, [side; 2]).stride([side; 2]), channels)
        } else if let Some(side) = text.strip_prefix("pool").and_then(number) {
            trunk = trunk.then(MaxPool2d::new([side; 2]));
            (Window::new(size, [side; 2]).stride([side; 2]), channels)
        } else {
            let (kernel, step) = text.split_once('/').unwrap_or((text, "1"));
            let own = kernel.strip_prefix("dw").map(|kernel| {
                let [high, wide] = lengths::<2>(kernel)?;
                Some([channels, high, wide])
            });
            let groups = if own.is_some() { channels } else { 1 };
            let lengths = own.unwrap_or_else(|| lengths::<3>(kernel));
            let [outputs, kernel @ ..] = lengths.ok_or_else(|| wrong(FORM))?;
            let step = number(step).ok_or_else(|| wrong(FORM))?;
            let weights = kernel
                .iter()
                .fold(outputs.saturating_mul(channels / groups), |n, &taps| n.saturating_mul(taps));
            if weights > LARGEST {
                return Err(Error::Device("so many weights fit no device".to_owned()));
            }
            let pad = kernel.map(|taps| [(taps - 1) / 2, taps / 2]);
            let layer = Conv2d::builder(channels, outputs, kernel)
                .padding(pad)
                .stride([step; 2])
                .groups(groups)
                .activation(Map::Relu);
            trunk = trunk.then(layer.build(&mut params.scope(&scope)).map_err(device)?);
            (Window::new(size, kernel).stride([step; 2]).pad(pad), outputs)
        };
        size = window.output("conv").map_err(|error| Error::Device(format!("layer {}: {error}", i + 1)))?;
        channels = outputs;
    }
    let features = channels.saturating_mul(size[0]).saturating_mul(size[1]);
    record(params, &[1, image[0], image[1], image[2]], trunk.then(Flatten), features, &heads)
}

/// A trunk with a dense head for each name.
fn record(
    mut params: Params<f32>,
    input: &[usize],
    trunk: Sequential,
    features: usize,
    heads: &[Head<'_>],
) -> Result<Program, Error> {
    if heads.iter().map(|head| features.saturating_mul(head.1)).fold(0, usize::saturating_add) > LARGEST {
        return Err(Error::Device("so many weights fit no device".to_owned()));
    }
    let mut ends = Vec::new();
    for &(name, outputs, _) in heads {
        ends.push(Dense::new(&mut params.scope(name), features, outputs).map_err(device)?);
    }
    let program = Program::record(&params, &[("x", input)], |bound: &Bound<Symbol<'_>>, xs| {
        let features = trunk.apply(bound, &xs[0]);
        let named = |(&(name, _, shares), end): (&Head<'_>, &Dense)| {
            let scores = end.apply(bound, &features);
            (name.to_owned(), if shares { scores.softmax() } else { scores })
        };
        Ok(heads.iter().zip(&ends).map(named).collect())
    });
    program.map_err(device)
}

fn lenet_program() -> Result<Program, Error> {
    let mut params = Params::<f32>::new(1);
    let heads = [("left", Objective::Classes(10)), ("right", Objective::Classes(10))];
    let network = lenet(&mut params, &heads).map_err(|e| Error::Device(e.to_string()))?;
    let program = Program::record(&params, &[("input", &[1, 1, 28, 28])], |bound, xs| {
        let refused = |e: tress::mtl::Error| tress::nn::Error::Device { why: e.to_string() };
        let features = network.features(bound, &[("input", &xs[0])]).map_err(refused)?;
        let outputs = network.outputs(bound, &features);
        Ok(heads.iter().map(|head| head.0.to_owned()).zip(outputs).collect())
    });
    program.map_err(device)
}

/// Dense layers with `relu` or another function that all heads share, and a dense head for each name.
fn dense(widths: &str, heads: &str) -> Result<Program, Error> {
    const FORM: &str = "dense:INPUTS,WIDTH,..:NAME=OUTPUTS,.. is the form, where WIDTH/FUNCTION has another function than relu, such as \
                        dense:1,16,16/tanh:y=1";
    let layer = |text: &str| {
        let (width, function) = text.split_once('/').unwrap_or((text, "relu"));
        let has_numbers = |map: &Map| {
            use Map::{Clamp, Elu, LeakyRelu, Offset, Power, Scale};
            matches!(map, Scale(_) | Offset(_) | Power(_) | LeakyRelu(_) | Elu(_) | Clamp(..))
        };
        let function = Map::ALL.iter().find(|map| map.name() == function && !has_numbers(map))?;
        Some((number(width)?, *function))
    };
    let layers = widths.split(',').map(layer).collect::<Option<Vec<_>>>().ok_or_else(|| wrong(FORM))?;
    let widths: Vec<usize> = layers.iter().map(|layer| layer.0).collect();
    let heads = heads_of(heads, FORM)?;
    let (Some(&inputs), Some(&last)) = (widths.first(), widths.last()) else { return Err(wrong(FORM)) };
    let all = widths.windows(2).map(|pair| pair[0].saturating_mul(pair[1]));
    if all.fold(0, usize::saturating_add) > LARGEST {
        return Err(Error::Device("so many weights fit no device".to_owned()));
    }
    let mut params = Params::<f32>::new(1);
    let mut trunk = Sequential::new();
    for (i, pair) in widths.windows(2).enumerate() {
        let layer = Dense::new(&mut params.scope(&format!("trunk{i}")), pair[0], pair[1]).map_err(device)?;
        trunk = trunk.then(layer.activation(layers[i + 1].1));
    }
    record(params, &[1, inputs], trunk, last, &heads)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_give_networks_and_others_do_not() {
        let macs = |name: &str| named(name).unwrap().unwrap().plan().unwrap().multiply_adds();
        assert_eq!(macs("dense:1,16,16:y=1"), 16 + 256 + 16);
        assert_eq!(macs("dense:3:a=2,b=4"), 18);
        assert_eq!(macs("dense:3,2/tanh,2/softplus:a=2"), 14);
        assert_eq!(macs("conv:4x6x6,dw3x3,4x1x1:a=1"), 36 * (4 * 9 + 16) + 36 * 4);
        assert_eq!(macs("lenet"), 486_000);
        assert_eq!(macs("conv:1x49x40,8x10x8/2:word=4"), 25 * 20 * 8 * 80 + 4000 * 4);
        assert_eq!(macs("conv:2x8x6,pool2,3x1x1:a=2,b=1"), 4 * 3 * 3 * 2 + 36 * 3);
        assert_eq!(macs("conv:2x8x8,pool2,mean2,norm,rms:a=2/softmax,b=1"), 8 * 3);
        assert!(named("runs/a").is_none() && named("dense").is_none());
        for wrong in [
            "dense:1,0:y=1",
            "dense::y=1",
            "dense:1:y",
            "dense:1:y=x",
            "dense:1:=1",
            "dense:1,2/tan:y=1",
            "dense:1,2/elu:y=1",
            "conv:1x8x8,dw3:y=1",
            "dense:1:a=1,a=1",
            "dense:60000000,60000000:y=1",
            "conv:1x28:y=1",
            "conv:1x8x8,3x3:y=1",
            "conv:1x8x8,3x3x3/0:y=1",
            "conv:1x8x8,pool9:y=1",
            "conv:1x8x8,pool0:y=1",
            "conv:1x8x8,mean9:y=1",
            "conv:1x8x8,norms:y=1",
            "conv:1x8x8:y=1/softmin",
            "conv:1x8x8,9000x9000x9000:y=1",
            "conv:9000x9000x9000:y=1",
        ] {
            assert!(named(wrong).unwrap().is_err(), "{wrong}");
        }
    }
}
