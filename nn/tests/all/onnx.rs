//! Exported models against onnxruntime: what it made of these very bytes is in a fixture.
//!
//! Bytes that have changed since then fail here, and demand a fresh look: `python tests/fixtures/make_onnx.py` writes the
//! files by the ignored test below, has them checked by `onnx` and run by onnxruntime, and stores what came out.

use crate::fixture::Fixture;
use crate::layer_rules::all_layers;
use crate::onnx_cases::{Case, cases, kind_of};
use tress_autograd::op::{Index, Op, Slice};
use tress_autograd::{Arrange, Fused, Matrix, Pointwise, Reduce, Value};
use tress_nn::Params;
use tress_nn::file::write_npz;
use tress_nn::layer::{Dense, GlobalMaxPool, LastStep, Layer, MaxPool1d, Permute, Recurrent};
use tress_nn::model::{Model, Wire, Wiring};
use tress_nn::onnx::Export;
use tress_tensor::Tensor;

/// The checksum of ISO 3309, as Python's `zlib` computes it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(
            sum ^ u32::from(byte),
            |sum, _| if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 },
        )
    })
}

#[test]
fn exported_models_give_what_onnxruntime_made_of_these_bytes() {
    for (kind, cases) in cases() {
        compare(kind, &cases);
    }
}

#[test]
fn every_kind_of_layer_is_exported() {
    let cases = cases().into_iter().flat_map(|(_, cases)| cases);
    let kinds: Vec<String> = cases.filter_map(|case| case.kind).collect();
    let mut params = Params::<f64>::new(1);
    for (name, layer) in all_layers(&mut params.root()) {
        let kind = kind_of(&layer);
        // Activations are many, in a case of their own; functions of one number are among the operations.
        let elsewhere = kind == "Activation" || kind == "Map";
        assert!(elsewhere || kinds.contains(&kind), "{name}: no case exports {kind}");
    }
}

fn compare(kind: &str, cases: &[Case]) {
    let fixture = Fixture::read(&format!("onnx_{kind}"));
    let mut changed = Vec::new();
    for case in cases {
        let stamp = [case.bytes.len(), crc32(&case.bytes) as usize];
        if !fixture.has(&format!("{}.stamp", case.name))
            || fixture.counts(&format!("{}.stamp", case.name)) != stamp
        {
            changed.push(case.name);
            continue;
        }
        for (name, found) in case.run() {
            let expected = fixture.tensor::<f64>(&format!("{}.{name}", case.name));
            crate::fixture::assert_near(&format!("{}.{name}", case.name), &found, &expected, 1e-5);
        }
        for (name, found) in case.run_shorter().into_iter().flatten() {
            let name = format!("{}.short_{name}", case.name);
            crate::fixture::assert_near(&name, &found, &fixture.tensor::<f64>(&name), 1e-5);
        }
    }
    assert!(
        changed.is_empty(),
        "the files of {changed:?} are not those that were checked: run `python tests/fixtures/make_onnx.py`"
    );
    let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    assert_eq!(fixture.cases(), names, "the cases of the fixture are those of this test");
}

#[test]
#[ignore = "writes files for `tests/fixtures/make_onnx.py`"]
fn onnx_files_are_written() {
    let folder = std::env::var("TRESS_ONNX").expect("TRESS_ONNX names the folder to write to");
    for (kind, case) in
        cases().into_iter().flat_map(|(kind, cases)| cases.into_iter().map(move |case| (kind, case)))
    {
        let path = |ending: &str| format!("{folder}/{kind}/{}.{ending}", case.name);
        std::fs::write(path("onnx"), &case.bytes).unwrap();
        let places: Vec<(&String, Tensor<f32>)> = case
            .indices
            .iter()
            .map(|(name, index)| {
                let places = index.places();
                let numbers: Vec<f32> = places.to_vec().iter().map(|&place| place as f32).collect();
                (name, Tensor::new(places.shape(), &numbers).unwrap())
            })
            .collect();
        let values = case.inputs.iter().map(|(name, x)| (name.as_str(), x));
        let inputs: Vec<_> = values.chain(places.iter().map(|(name, x)| (name.as_str(), x))).collect();
        std::fs::write(path("npz"), write_npz(&inputs).unwrap()).unwrap();
    }
}

/// Why a program of one input is not exported.
#[track_caller]
fn refused(f: impl Fn(&Wire) -> Wire + Send + Sync + 'static) -> String {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [4, 4]);
    let model = Model::new(&[x], &[("y", wiring.lambda("f", &[x], move |xs| f(&xs[0])))]).unwrap();
    Export::new("refused").model(&model, &params).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_exported_is_named_with_its_line() {
    for (message, op, why) in [
        (refused(|x| x.cholesky()), "cholesky", "it has no counterpart"),
        (refused(|x| x.dropout(0.5, 1)), "dropout", "export in evaluation mode"),
        (
            refused(|x| x.cross_entropy(&Index::new(&Tensor::full([x.shape()[0], 4], 1).unwrap()))),
            "cross_entropy",
            "it is a loss",
        ),
        (
            refused(|x| {
                let numbers: Vec<u32> = (0..x.shape()[0] as u32).rev().collect();
                x.gather(0, &Index::new(&Tensor::vector(&numbers)))
            }),
            "gather",
            "its index depends on the number of samples or steps; export with `fixed_batch`",
        ),
        (
            refused(|x| {
                let n = x.shape()[0];
                x.clone() * x.lift(Tensor::from_fn([n, 1, 1], |i| i[0] as f64).unwrap())
            }),
            "constant",
            "its numbers depend on the number of samples or steps; make them an input (a mask: `attend_where`, `run_where`)",
        ),
        (
            refused(|x| if x.shape()[0] == 3 { x.exp() } else { x.tanh() }),
            "program",
            "it does something else for another number of samples",
        ),
    ] {
        assert!(message.starts_with(&format!("{op} cannot be exported to ONNX: ")), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(message.contains("onnx.rs:"), "the line: {message}");
    }
    let mut params = Params::<f32>::new(1);
    let dense = Dense::new(&mut params.scope("x"), 4, 3).unwrap();
    let export = |input: &str, outputs: &[&str]| {
        Export::new("names")
            .program(&params, &[(input, &[4])], outputs, |bound, xs| vec![dense.apply(bound, &xs[0])])
    };
    assert!(export("x", &["y"]).is_ok());
    let message = export("x.weight", &["y"]).unwrap_err().to_string();
    assert!(message.contains("need different names"), "{message}");
    let message = export("x", &["y", "z"]).unwrap_err().to_string();
    assert!(message.contains("as many results are wanted"), "{message}");
}

/// Why a model of sequences of any length, declared with `steps`, is not exported; and that with its own length it is.
#[track_caller]
fn refused_open(
    steps: usize,
    wire: impl for<'w> Fn(&'w Wiring<'_>, tress_nn::model::Node<'w>) -> tress_nn::model::Node<'w>,
) -> String {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [steps, 2]).any_length();
    let model = Model::new(&[x], &[("y", wire(&wiring, x))]).unwrap();
    let export = Export::new("open");
    let bytes = export.clone().fixed_length().model(&model, &params).unwrap();
    assert!(!bytes.windows(3).any(|bytes| bytes == [0x12, 0x01, b'T']), "no open steps");
    export.model(&model, &params).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
}

/// One in so many of these steps.
fn every<V: Value>(x: &V, steps: core::ops::Range<usize>, step: usize) -> V {
    V::apply(Op::Slice(Slice { axis: 1, start: steps.start, end: steps.end, step }), &[x])
}

#[test]
fn what_hangs_on_the_number_of_steps_is_named() {
    let gru = refused_open(6, |_, x| x.layer("gru", |s| Recurrent::gru(2, 3).build(s)));
    assert!(gru.contains("written step by step; export with `fixed_length`"), "{gru}");
    let halves = refused_open(6, |_, x| {
        let turned = x.apply(Permute::new([0, 2, 1]).unwrap());
        turned.apply(MaxPool1d::new([2])).apply(GlobalMaxPool)
    });
    assert!(halves.contains("does not grow evenly with the number of samples and of steps"), "{halves}");
    // One window of four in 8 to 11 steps more or less: from 10, 9 and 8 steps alone their number looks fixed.
    for (stride, why) in [(4, "does not grow evenly"), (100, "it takes one of several along an axis")] {
        let quarters = refused_open(10, |_, x| {
            let turned = x.apply(Permute::new([0, 2, 1]).unwrap());
            turned.apply(MaxPool1d::new([4]).stride([stride])).apply(GlobalMaxPool)
        });
        assert!(quarters.contains(why), "{quarters}");
    }
    let cut = refused_open(10, |wiring, x| {
        wiring.lambda("cut", &[x], |xs| xs[0].slice(1, 0..xs[0].shape()[1] / 4).sum(&[1]))
    });
    assert!(cut.contains("does not grow evenly"), "{cut}");
    let hundredth = refused_open(10, |wiring, x| {
        wiring.lambda("hundredth", &[x], |xs| every(&xs[0], 0..xs[0].shape()[1], 100).sum(&[1]))
    });
    assert!(hundredth.contains("it takes one of several along an axis"), "{hundredth}");
    // Every other of the last four, and every other of twice as many, are as many for any length.
    let last = refused_open(10, |wiring, x| {
        wiring.lambda("last", &[x], |xs| every(&xs[0], xs[0].shape()[1] - 4..xs[0].shape()[1], 2).sum(&[1]))
    });
    assert_eq!(last, "");
    let twice = refused_open(10, |wiring, x| {
        wiring.lambda("twice", &[x], |xs| {
            let both = xs[0].concat(1, &[&xs[0]]);
            every(&both, 0..both.shape()[1], 2).sum(&[1])
        })
    });
    assert_eq!(twice, "");
    let power = refused_open(6, |wiring, x| {
        wiring.lambda("power", &[x], |xs| xs[0].scale(xs[0].shape()[1] as f64).sum(&[1]))
    });
    assert!(power.contains("its settings depend on the number of steps"), "{power}");
    let ramp = refused_open(6, |wiring, x| {
        wiring.lambda("ramp", &[x], |xs| {
            let steps = xs[0].shape()[1];
            let ramp = Tensor::from_fn([steps, 1], |i| i[0] as f64 / steps as f64).unwrap();
            xs[0].clone() * xs[0].lift(ramp)
        })
    });
    assert!(ramp.contains("its numbers depend on the number of samples or steps"), "{ramp}");
    let short = refused_open(2, |_, x| x.apply(LastStep));
    assert!(short.contains("at least three steps"), "{short}");
    assert_eq!(refused_open(3, |_, x| x.apply(LastStep)), "");

    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let (x, y) = (wiring.input("x", [6, 2]).any_length(), wiring.input("y", [5, 2]).any_length());
    let both = wiring.add("both", &[x.apply(LastStep), y.apply(LastStep)]);
    let model = Model::new(&[x, y], &[("z", both)]).unwrap();
    let error = Export::new("two").model(&model, &params).unwrap_err().to_string();
    assert!(error.contains("are declared with several"), "{error}");
    // With samples fixed, the steps alone are open.
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("one", [6, 2]).any_length();
    let model = Model::new(&[x], &[("last", x.apply(LastStep))]).unwrap();
    let bytes = Export::new("fixed").fixed_batch(4).model(&model, &params).unwrap();
    let has = |name: u8| bytes.windows(3).any(|bytes| bytes == [0x12, 0x01, name]);
    assert!(has(b'T') && !has(b'N'));
}

#[test]
fn one_size_of_batch_can_be_exported_where_all_cannot() {
    let mut params = Params::<f32>::new(1);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [4]);
    let y = wiring.lambda("f", &[x], |xs| {
        let n = xs[0].shape()[0];
        xs[0].clone() * xs[0].lift(Tensor::from_fn([n, 1], |i| i[0] as f64).unwrap())
    });
    let model = Model::new(&[x], &[("y", y)]).unwrap();
    assert!(Export::new("open").model(&model, &params).is_err());
    let bytes = Export::new("fixed").fixed_batch(6).model(&model, &params).unwrap();
    assert!(!bytes.windows(3).any(|bytes| bytes == [0x12, 0x01, b'N']), "no open axis");
}

#[test]
fn numbers_of_either_type_are_written_as_the_same_file() {
    fn bytes<T: tress_tensor::Float>() -> Vec<u8> {
        let mut params = Params::<T>::new(1);
        let dense = Dense::new(&mut params.scope("dense"), 3, 2).unwrap();
        let set = Tensor::from_fn([3, 2], |i| T::from_f64(i[0] as f64 / 8.0 - i[1] as f64)).unwrap();
        params.set("dense.weight", &set).unwrap();
        params.set("dense.bias", &Tensor::full([2], T::from_f64(0.5)).unwrap()).unwrap();
        let run = Export::new("dense").program(&params, &[("x", &[3])], &["y"], |bound, xs| {
            vec![dense.apply(bound, &xs[0]).scale(0.1)]
        });
        run.unwrap()
    }
    assert_eq!(bytes::<f32>(), bytes::<f64>());
}
