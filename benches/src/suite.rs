//! The workloads that `tress bench` runs: the operations of networks in their usual sizes, small and odd ones among them.

use crate::work::Workload;
use serde_json::{Value, json};

/// A workload of `group` by its name, with its settings and how much work it is.
fn workload(group: &str, name: &str, op: &str, settings: Value, work: [Option<f64>; 3]) -> Workload {
    let [flops, bytes, samples] = work;
    let (id, group, op) = (format!("{group}/{name}"), group.to_owned(), op.to_owned());
    Workload { id, group, op, settings, flops, bytes, samples }
}

/// All of them, group by group.
pub fn suite() -> Vec<Workload> {
    let mut all = Vec::new();
    products(&mut all);
    convolutions(&mut all);
    passes(&mut all);
    steps(&mut all);
    overhead(&mut all);
    all
}

fn products(all: &mut Vec<Workload>) {
    let mut product = |kind: &str, [m, k, n]: [usize; 3], double: bool| {
        let (flops, numbers) = (2 * m * k * n, m * k + k * n + m * n);
        let mut settings = json!({ "tr": kind, "m": m, "k": k, "n": n });
        let (of, size) = precision(&mut settings, double);
        let work = [Some(flops as f64), Some((size * numbers) as f64), None];
        all.push(workload("gemm", &format!("{of}{kind} {m}x{k}x{n}"), "gemm", settings, work));
    };
    for (kind, sides) in [
        ("nn", [32, 32, 32]),
        ("nn", [64, 64, 64]),
        ("nn", [256, 256, 256]),
        ("nn", [1024, 1024, 1024]),
        ("nn", [64, 784, 512]),
        ("nt", [64, 512, 784]),
        ("tn", [784, 64, 512]),
        ("nn", [256, 512, 10]),
        ("tn", [512, 256, 10]),
        ("nt", [256, 500, 2880]),
    ] {
        product(kind, sides, false);
    }
    for (kind, sides) in [
        ("nn", [32, 32, 32]),
        ("nn", [256, 256, 256]),
        ("nn", [1024, 1024, 1024]),
        ("nn", [64, 784, 512]),
        ("nt", [64, 512, 784]),
        ("tn", [784, 64, 512]),
        ("nn", [256, 512, 10]),
    ] {
        product(kind, sides, true);
    }
}

/// Notes in the settings that numbers are `f64`; what a name begins with then, and the bytes of a number.
fn precision(settings: &mut Value, double: bool) -> (&'static str, usize) {
    if double {
        settings["t"] = json!("f64");
    }
    if double { ("f64 ", 8) } else { ("", 4) }
}

/// Images `[N, C, H, H]`, `K` windows of `R x R` at a step, padded by `P` on each side, in `G` groups; whether in `f64` as well.
struct Convolution(&'static str, [usize; 8], bool);

fn convolutions(all: &mut Vec<Workload>) {
    for Convolution(name, sizes, both) in [
        Convolution("LeNet 1: 1 to 10, 5x5", [256, 1, 28, 10, 5, 1, 0, 1], false),
        Convolution("LeNet 2: 10 to 20, 5x5", [256, 10, 12, 20, 5, 1, 0, 1], true),
        Convolution("64 to 64, 3x3", [16, 64, 32, 64, 3, 1, 1, 1], true),
        Convolution("128 to 256, 3x3, step 2", [16, 128, 16, 256, 3, 2, 1, 1], false),
        Convolution("256 to 64, 1x1", [16, 256, 14, 64, 1, 1, 0, 1], true),
        Convolution("64 depthwise, 3x3", [16, 64, 32, 64, 3, 1, 1, 64], true),
        Convolution("64 depthwise, 3x3, step 2", [16, 64, 32, 64, 3, 2, 1, 64], false),
    ] {
        convolution(all, name, sizes, false);
        if both {
            convolution(all, name, sizes, true);
        }
    }
}

/// The three roles of one.
fn convolution(all: &mut Vec<Workload>, name: &str, [n, c, h, k, r, s, p, g]: [usize; 8], double: bool) {
    let out = (h + 2 * p - r) / s + 1;
    let (x, w, y) = (n * c * h * h, k * (c / g) * r * r, n * k * out * out);
    let flops = 2 * y * (c / g) * r * r;
    for (role, op) in [("forward", "conv_fwd"), ("images", "conv_bwd_data"), ("weights", "conv_bwd_weight")] {
        let mut settings = json!({ "n": n, "c": c, "h": h, "w": h, "k": k, "r": r, "s": s, "p": p, "g": g });
        let (of, size) = precision(&mut settings, double);
        let work = [Some(flops as f64), Some((size * (x + w + y)) as f64), None];
        all.push(workload("conv", &format!("{of}{name}: {role}"), op, settings, work));
    }
}

fn passes(all: &mut Vec<Workload>) {
    let mut pass = |name: &str, op: &str, settings: Value, numbers: usize| {
        all.push(workload("elem", name, op, settings, [None, Some(4.0 * numbers as f64), None]));
    };
    for n in [1_000usize, 100_000, 10_000_000] {
        pass(&format!("add of {n}"), "add", json!({ "n": n }), 3 * n);
        for op in ["relu", "exp", "tanh", "gelu"] {
            pass(&format!("{op} of {n}"), op, json!({ "n": n }), 2 * n);
        }
    }
    pass("transposing copy of 2048x2048", "transpose_copy", json!({ "n": 2048 }), 2 * 2048 * 2048);
    for axis in [0, 1] {
        let settings = json!({ "n": 4096, "axis": axis });
        pass(&format!("sum of 4096x4096 over axis {axis}"), "sum_axis", settings, 4096 * 4096);
    }
    for op in ["softmax", "layernorm"] {
        pass(&format!("{op} of 4096x1024"), op, json!({ "r": 4096, "c": 1024 }), 2 * 4096 * 1024);
    }
    let settings = json!({ "n": 256, "c": 10, "h": 24, "w": 24 });
    let image = 256 * 10 * 24 * 24;
    pass("2x2 maxima of 256x10x24x24", "maxpool", settings.clone(), image * 5 / 4);
    pass("gradient of 2x2 maxima", "maxpool_grad", settings.clone(), image * 9 / 4);
    pass("2x2 means of 256x10x24x24", "meanpool", settings.clone(), image * 5 / 4);
    pass("gradient of 2x2 means", "meanpool_grad", settings, image * 5 / 4);
    for [rows, columns] in [[256, 10], [4096, 1024]] {
        let (name, settings) = (format!("{rows}x{columns}"), json!({ "r": rows, "c": columns }));
        pass(&format!("cross entropy of {name}"), "cross_entropy", settings.clone(), rows * columns);
        pass(
            &format!("gradient of cross entropy of {name}"),
            "cross_entropy_grad",
            settings,
            2 * rows * columns,
        );
    }
    // What is read and written a number of parameters: itself and each moment twice, the gradient once.
    for n in [10_000usize, 1_000_000, 10_000_000] {
        for (op, moments) in
            [("sgd", 0), ("sgd_momentum", 1), ("lion", 1), ("adagrad", 1), ("rmsprop", 1), ("adam", 2)]
        {
            pass(
                &format!("{} of {n}", op.replace('_', " with ")),
                op,
                json!({ "n": n }),
                (3 + 2 * moments) * n,
            );
        }
    }
}

fn steps(all: &mut Vec<Workload>) {
    // Three products of a layer in a step: forward, and both gradients (no gradient of the first layer's input).
    let mut step = |name: String, op: &str, settings: Value, batch: usize, each: f64| {
        let work = [Some(each * batch as f64), None, Some(batch as f64)];
        all.push(workload("train", &name, op, settings, work));
    };
    for batch in [64, 256] {
        step(
            format!("perceptron 784-512-256-10, batch {batch}"),
            "train_mlp",
            json!({ "b": batch }),
            batch,
            2.407e6,
        );
        step(format!("LeNet, batch {batch}"), "train_lenet", json!({ "b": batch }), batch, 2.595e6);
    }
    let transformer = json!({ "b": 32, "d": 128, "heads": 4, "seq": 64, "ff": 512 });
    step("transformer block, batch 32".into(), "train_transformer", transformer, 32, 8.179e7);
    for tasks in [2, 8, 20] {
        for (name, method) in [("summed", "sum"), ("MGDA", "mgda")] {
            let settings = json!({ "b": 256, "tasks": tasks, "method": method });
            // Counted for the summed step; what a balanced step does beyond it is what balancing costs.
            let each = 5.56e6 + 1.8e4 * tasks as f64;
            let work = [Some(each * 256.0), None, Some(256.0)];
            all.push(workload(
                "mtl",
                &format!("LeNet of {tasks} tasks, batch 256, {name}"),
                "mtl",
                settings,
                work,
            ));
        }
    }
}

fn overhead(all: &mut Vec<Workload>) {
    let mut tiny = |name: &str, op: &str, settings: Value, operations: f64| {
        all.push(workload("overhead", name, op, settings, [None, None, Some(operations)]));
    };
    tiny("recorded additions of 4 numbers", "tiny_add", json!({ "n": 4, "reps": 1000 }), 1e3);
    tiny("additions of 4 numbers, no tape", "tiny_add_nograd", json!({ "n": 4, "reps": 1000 }), 1e3);
    for n in [1, 16] {
        let settings = json!({ "n": n, "ops": 10_000 });
        tiny(&format!("chain of 10000 on {n}, and its gradient"), "scalar_chain", settings, 1e4);
    }
}

#[cfg(test)]
mod tests {
    use super::suite;
    use std::collections::HashSet;

    #[test]
    fn every_workload_has_a_name_of_its_own_and_can_be_made_and_run() {
        let all = suite();
        let names: HashSet<&str> = all.iter().map(|workload| workload.id.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for workload in &all {
            let large = workload.flops.unwrap_or(0.0) > 3e8 || workload.bytes.unwrap_or(0.0) > 5e7;
            if !large {
                let mut run = workload.make().unwrap_or_else(|why| panic!("{}: {why}", workload.id));
                run.once();
            }
        }
    }

    #[test]
    fn work_is_counted_as_the_definitions_say() {
        let all = suite();
        let find = |id: &str| all.iter().find(|workload| workload.id == id).unwrap();
        let product = find("gemm/nn 64x784x512");
        assert_eq!((product.flops, product.bytes), (Some(51_380_224.0), Some(1_937_408.0)));
        let double = find("gemm/f64 nn 64x784x512");
        assert_eq!((double.flops, double.bytes), (Some(51_380_224.0), Some(2.0 * 1_937_408.0)));
        let first = find("conv/LeNet 1: 1 to 10, 5x5: forward");
        assert_eq!((first.flops, first.bytes), (Some(73_728_000.0), Some(6_702_056.0)));
        let step = find("conv/128 to 256, 3x3, step 2: images");
        assert_eq!((step.flops, step.bytes), (Some(603_979_776.0), Some(4_325_376.0)));
        // Parameters, gradient and two moments are read; all but the gradient are written.
        assert_eq!(find("elem/adam of 10000").bytes, Some(4.0 * 7.0 * 1e4));
        // The image and the cotangent are read, the gradient of the image is written.
        let pooled = 4 * (2 * 256 * 10 * 24 * 24 + 256 * 10 * 12 * 12);
        assert_eq!(find("elem/gradient of 2x2 maxima").bytes, Some(pooled as f64));
    }
}
