//! Networks that have a name and no weights yet: what a device takes of them can be asked before anything is trained.

use tress::autograd::Symbol;
use tress::mtl::network::{Objective, lenet};
use tress::nn::device::Program;
use tress::prelude::*;

use super::fit::device;
use crate::error::Error;

/// More numbers than a device could hold.
const LARGEST: usize = 1 << 26;

/// The network of a name: `lenet`, or `dense:INPUTS,WIDTH,..:NAME=OUTPUTS,..`, with weights as they are drawn for seed 1; `None`
/// if the text is no such name.
pub(super) fn named(text: &str) -> Option<Result<Program, Error>> {
    if text == "lenet" {
        return Some(lenet_program());
    }
    let (widths, heads) = text.strip_prefix("dense:")?.split_once(':')?;
    Some(dense(widths, heads))
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

/// Dense layers with `relu` that all heads share, and a dense head for each name.
fn dense(widths: &str, heads: &str) -> Result<Program, Error> {
    let wrong = || {
        let form = "dense:INPUTS,WIDTH,..:NAME=OUTPUTS,.. is the form, such as dense:1,16,16:y=1";
        Error::Usage(format!("{form}, with numbers above 0"))
    };
    let number = |text: &str| text.parse().ok().filter(|&n: &usize| n > 0 && n < LARGEST).ok_or_else(wrong);
    let widths = widths.split(',').map(number).collect::<Result<Vec<usize>, _>>()?;
    let heads = heads
        .split(',')
        .map(|head| match head.split_once('=') {
            Some((name, outputs)) if !name.is_empty() => Ok((name, number(outputs)?)),
            _ => Err(wrong()),
        })
        .collect::<Result<Vec<(&str, usize)>, _>>()?;
    let (Some(&inputs), Some(&last)) = (widths.first(), widths.last()) else { return Err(wrong()) };
    let all = widths
        .windows(2)
        .map(|pair| pair[0].saturating_mul(pair[1]))
        .chain(heads.iter().map(|head| last.saturating_mul(head.1)));
    if all.fold(0, usize::saturating_add) > LARGEST {
        return Err(Error::Device("so many weights fit no device".to_owned()));
    }
    let mut params = Params::<f32>::new(1);
    let mut trunk = Vec::new();
    for (i, pair) in widths.windows(2).enumerate() {
        let layer = Dense::new(&mut params.scope(&format!("trunk{i}")), pair[0], pair[1]).map_err(device)?;
        trunk.push(layer.activation(Map::Relu));
    }
    let mut ends = Vec::new();
    for &(name, outputs) in &heads {
        ends.push(Dense::new(&mut params.scope(name), last, outputs).map_err(device)?);
    }
    let program = Program::record(&params, &[("x", &[1, inputs])], |bound: &Bound<Symbol<'_>>, xs| {
        let features = trunk.iter().fold(xs[0], |x, layer| layer.apply(bound, &x));
        let named =
            |((name, _), end): (&(&str, usize), &Dense)| ((*name).to_owned(), end.apply(bound, &features));
        Ok(heads.iter().zip(&ends).map(named).collect())
    });
    program.map_err(device)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_give_networks_and_others_do_not() {
        let macs = |name: &str| named(name).unwrap().unwrap().plan().unwrap().multiply_adds();
        assert_eq!(macs("dense:1,16,16:y=1"), 16 + 256 + 16);
        assert_eq!(macs("dense:3:a=2,b=4"), 18);
        assert_eq!(macs("lenet"), 486_000);
        assert!(named("runs/a").is_none() && named("dense").is_none());
        for wrong in [
            "dense:1,0:y=1",
            "dense::y=1",
            "dense:1:y",
            "dense:1:y=x",
            "dense:1:=1",
            "dense:1:a=1,a=1",
            "dense:60000000,60000000:y=1",
        ] {
            assert!(named(wrong).unwrap().is_err(), "{wrong}");
        }
    }
}
