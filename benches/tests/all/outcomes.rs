//! What the workloads make is what `benches/peers/expected.json` says, which was worked out in double precision by another
//! library: the figures of this engine are held to what those of its peers are held to (`benches/peers/outcome.py`).

use serde_json::Value;
use std::path::Path;
use tress_benches::work::{Outcome, Workload};

fn peers(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

fn workloads() -> Vec<Workload> {
    Workload::read(&peers("workloads.json")).unwrap()
}

/// The largest part by which the two differ: of sums, of the sum of sizes.
fn off(found: &Outcome, right: &Value) -> f64 {
    let number = |name: &str| right[name].as_f64().unwrap();
    match found {
        Outcome::Sums { count, sum, size, weighted } => {
            assert_eq!(*count as u64, right["count"].as_u64().unwrap());
            let off = [(sum, "sum"), (size, "size"), (weighted, "weighted")]
                .map(|(found, name)| (found - number(name)).abs() / number("size"));
            off.into_iter().fold(0.0, |most: f64, off| if most.is_nan() || off <= most { most } else { off })
        }
        Outcome::Losses(losses) => {
            assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?} fall");
            let right = right["losses"].as_array().unwrap();
            assert!(losses.len() >= right.len());
            let off =
                losses.iter().zip(right).map(|(found, right)| (found / right.as_f64().unwrap() - 1.0).abs());
            off.fold(0.0, |most: f64, off| if most.is_nan() || off <= most { most } else { off })
        }
    }
}

#[test]
fn every_workload_makes_what_the_definitions_say() {
    let expected = peers("expected.json");
    let all = workloads();
    assert_eq!(expected.as_object().unwrap().len(), all.len());
    // Large ones are left to `run.py`, and what other engines do in several ways is one step here.
    let is_taken = |workload: &&Workload| {
        let is_large = workload.bytes.unwrap_or(0.0) > 7e7 || workload.flops.unwrap_or(0.0) > 3e9;
        let is_again = ["mtl/loop", "mtl/autogram"].iter().any(|name| workload.id.starts_with(name));
        !is_large && !is_again
    };
    let taken: Vec<&Workload> = all.iter().filter(is_taken).collect();
    assert!(taken.len() > 70);
    for workload in taken {
        let right = &expected[&workload.id];
        let mut run = workload.make().unwrap_or_else(|why| panic!("{}: {why}", workload.id));
        let off = off(&Outcome::of(workload, &mut run), right);
        // 2e-5 and 2e-4 are what a peer may be off by. What is here is a tenth of that, but for a chain of 5000 products.
        let bound = if right.get("losses").is_some() { 2e-5 } else { 2e-6 };
        assert!(off <= bound, "{}: off by {off:.1e}", workload.id);
    }
}

/// A product of the wrong operand, and a step that learns nothing, are told from the right ones.
#[test]
fn mistakes_are_seen() {
    let (expected, all) = (peers("expected.json"), workloads());
    let find = |id: &str| all.iter().find(|workload| workload.id == id).unwrap();
    let mut wrong = find("gemm/tn/512x256x10").clone();
    wrong.settings["tr"] = "nn".into();
    let found = Outcome::of(&wrong, &mut wrong.make().unwrap());
    assert!(off(&found, &expected["gemm/tn/512x256x10"]) > 1e-3);
    let losses: Vec<f64> = serde_json::from_value(expected["train/mlp/b64"]["losses"].clone()).unwrap();
    let slower = losses.iter().map(|loss| 0.5 * (loss + losses[0])).collect();
    assert!(off(&Outcome::Losses(slower), &expected["train/mlp/b64"]) > 1e-2);
}
