//! A written tape, read back by another reader of JSON and held against the engine.

use serde_json::Value as Json;
use tress::prelude::*;

/// A float as `docs/tape-json.md` says it.
fn float(json: &Json) -> f64 {
    match json.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some(other) => panic!("{other}"),
        None => json.as_f64().unwrap(),
    }
}

fn numbers(json: &Json) -> Vec<f64> {
    json["numbers"].as_array().unwrap().iter().map(float).collect()
}

fn indices(json: &Json) -> Vec<usize> {
    json.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn bits(list: &[f64]) -> Vec<u64> {
    list.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn the_numbers_of_a_network_are_those_of_the_engine() {
    let _level = crate::level::stays(); // bits of two sweeps are compared
    let mut params = Params::<f64>::new(7);
    let hidden = Dense::new(&mut params.scope("hidden"), 3, 4).unwrap().activation(Map::Tanh);
    let output = Dense::new(&mut params.scope("output"), 4, 2).unwrap();
    let tape = Tape::new();
    let bound = params.on(&tape);
    let x = tape.var(Tensor::from_fn([5, 3], |i| (i[0] as f64 - i[1] as f64) / 3.0).unwrap());
    let features = hidden.apply(&bound, &x);
    let loss =
        output.apply(&bound, &features).log_softmax().at(1, 0).mean_all() + features.square().mean_all();
    let leaves = bound.leaves();
    let shown = loss.explain(leaves.values()).unwrap();
    let json: Json = serde_json::from_str(&shown.json().to_string()).unwrap();

    assert_eq!(json["format"], "tress-tape");
    assert_eq!((json["version"].as_u64(), &json["elem"]), (Some(1), &Json::from("f64")));
    assert_eq!(json["result"].as_u64().unwrap() as usize, loss.index().unwrap());
    let forward = json["forward"].as_array().unwrap();
    let backward = json["backward"].as_array().unwrap();
    assert_eq!(forward.len(), tape.len());
    for (entry, written) in tape.entries().zip(forward) {
        assert_eq!(written["index"].as_u64().unwrap() as usize, entry.index);
        assert_eq!(written["op"], entry.name());
        let settings = entry.op.as_ref().map_or(String::new(), |op| op.settings().bare());
        assert_eq!(written["settings"], settings);
        assert_eq!(indices(&written["operands"]), entry.operands);
        assert_eq!(written["place"]["line"].as_u64(), Some(entry.place.line() as u64));
        assert_eq!(written["place"]["file"], entry.place.file());
        let tensor = entry.value.tensor().unwrap();
        assert_eq!(indices(&written["value"]["shape"]), tensor.shape().to_vec());
        assert_eq!(bits(&numbers(&written["value"])), bits(&tensor.to_vec()));
        let all = tensor.to_vec();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert_eq!(float(&written["value"]["mean"]), mean);
        assert_eq!(float(&written["value"]["min"]), all.iter().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(float(&written["value"]["max"]), all.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }

    // The cotangents are the gradients of an ordinary sweep, bit for bit; and contributions add up to them.
    let everything: Vec<_> = (0..tape.len()).map(|index| tape.var_at(index).unwrap()).collect();
    let ordinary = loss.gradients(leaves.values()).unwrap();
    for (var, gradient) in leaves.values().iter().zip(&ordinary) {
        let line = forward[var.index().unwrap()]["cotangent"].as_u64().unwrap() as usize;
        assert_eq!(bits(&numbers(&backward[line]["value"])), bits(&gradient.tensor().unwrap().to_vec()));
    }
    let sums = backward.iter().filter(|line| line["role"] == "sum").count();
    assert_eq!(sums, 1, "one value is used twice");
    for (entry, written) in everything.iter().zip(forward) {
        let contributions = written["contributions"].as_array().unwrap();
        let Some(line) = written["cotangent"].as_u64() else {
            assert!(contributions.is_empty());
            continue;
        };
        if contributions.is_empty() {
            assert_eq!(entry.index(), loss.index(), "nothing arrives at the result but the seed");
            continue;
        }
        let mut sum = vec![0.0; entry.shape().len()];
        for contribution in contributions {
            let part = numbers(&backward[contribution["line"].as_u64().unwrap() as usize]["value"]);
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            let from = &forward[contribution["from"].as_u64().unwrap() as usize];
            assert!(indices(&from["operands"]).contains(&entry.index().unwrap()));
        }
        assert_eq!(sum, numbers(&backward[line as usize]["value"]));
    }
    // The lines of the sweep are a program: operands come first, and the roles say what they are of.
    for (index, line) in backward.iter().enumerate() {
        assert!(indices(&line["operands"]).iter().all(|&operand| operand < index));
        match line["role"].as_str().unwrap() {
            "seed" => assert!(index == 0 && line["of"].is_null() && numbers(&line["value"]) == [1.0]),
            "value" => {
                assert!(line["value"].is_null() && line["of"].as_u64().unwrap() < forward.len() as u64)
            }
            "rule" => {
                let of = line["of"].as_u64().unwrap() as usize;
                assert!(!forward[of]["cotangent"].is_null(), "a rule is given a cotangent");
                for operand in indices(&line["operands"]) {
                    if backward[operand]["role"] == "value" {
                        let kept = backward[operand]["of"].as_u64().unwrap() as usize;
                        assert!(indices(&forward[kept]["kept_for"]).contains(&of));
                    }
                }
            }
            "sum" => assert_eq!(line["op"], "add"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn numbers_that_are_hard_to_write() {
    let tape = Tape::new();
    let hard =
        [0.1, -0.0, 1e-45, f32::MAX, f32::MIN_POSITIVE, 16777216.0, 1.0 / 3.0, f32::NAN, f32::INFINITY];
    let x = tape.var(Tensor::vector(&hard));
    let y = x.neg_infinite();
    let loss = (x + y).sum_all();
    let json: Json = serde_json::from_str(&loss.explain(&[x]).unwrap().json().to_string()).unwrap();
    let value = &json["forward"][0]["value"];
    let read: Vec<u32> = numbers(value).iter().map(|&x| (x as f32).to_bits()).collect();
    assert_eq!(read, hard.map(f32::to_bits));
    assert_eq!((value["nan"].as_u64(), value["infinite"].as_u64()), (Some(1), Some(1)));
    assert_eq!(float(&value["max"]), f64::INFINITY);
    assert_eq!(float(&value["min"]), 0.0);
    assert_eq!(numbers(&json["forward"][1]["value"])[0], f64::NEG_INFINITY);

    // Sixty-four numbers are written of any more; of none, there is no least one.
    let tape = Tape::new();
    let long = tape.var(Tensor::from_fn([10, 20], |i| (i[0] * 20 + i[1]) as f32).unwrap());
    let none = long.slice(0, 0..0).sum_all();
    let json: Json = serde_json::from_str(&none.explain(&[]).unwrap().json().to_string()).unwrap();
    let value = &json["forward"][0]["value"];
    assert_eq!(numbers(value), (0..64).map(f64::from).collect::<Vec<_>>());
    assert_eq!(
        (value["count"].as_u64(), float(&value["max"]), float(&value["mean"])),
        (Some(200), 199.0, 99.5)
    );
    let empty = &json["forward"][1]["value"];
    assert!(empty["min"].is_null() && empty["max"].is_null() && empty["mean"].is_null());
    assert!(numbers(empty).is_empty());
}

trait NegInfinite {
    fn neg_infinite(&self) -> Self;
}

impl NegInfinite for Var<'_, Eager<f32>> {
    /// The same shape, minus infinity everywhere.
    fn neg_infinite(&self) -> Self {
        self.constant(f64::NEG_INFINITY)
    }
}

/// Words that JSON would trip over, in the reason why no gradient flows.
#[test]
fn what_stops_a_gradient_is_written() {
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[1.0f32, -2.0]));
    let loss = (x.stop() * x).sum_all();
    let json: Json = serde_json::from_str(&loss.explain(&[x]).unwrap().json().to_string()).unwrap();
    let none = &json["forward"][1]["no_gradient"];
    assert_eq!((none[0]["operand"].as_u64(), &none[0]["reason"]), (Some(0), &Json::from("stopped")));
}
