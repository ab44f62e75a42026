//! The documents have the tables of the stored results, and the tables say what was measured.

use std::path::Path;
use tress_benches::report::Results;
use tress_benches::work::Workload;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn workloads() -> Vec<Workload> {
    let list = serde_json::from_str(&read("benches/peers/workloads.json")).unwrap();
    Workload::read(&list).unwrap()
}

fn stored() -> Results {
    results("docs/studies/performance.json")
}

fn results(path: &str) -> Results {
    serde_json::from_str(&read(path)).unwrap()
}

/// Documents and what their tables are made of: a machine each.
const MACHINES: [[&str; 2]; 2] = [
    ["docs/performance.md", "docs/studies/performance.json"],
    ["docs/performance-intel.md", "docs/studies/performance-intel.json"],
];

#[test]
fn the_documents_have_the_tables_of_the_stored_results() {
    for [to, from] in MACHINES {
        let document = read(to);
        let filled = results(from).fill(&document, &workloads()).unwrap();
        for (here, there) in document.lines().zip(filled.lines()) {
            assert_eq!(here, there, "`report --write {to} {from}` fills the tables");
        }
        assert_eq!(document, filled);
        assert!(document.contains("| tress |") && document.contains("| nn/1024x1024x1024 |"));
    }
}

#[test]
fn stored_results_are_read_as_they_are_written() {
    let all = workloads();
    for [_, from] in MACHINES {
        let results = results(from);
        assert_eq!(results.json().unwrap(), read(from));
        for id in results.figures.keys() {
            assert!(all.iter().any(|work| work.id == *id), "{id} is a workload");
        }
    }
}

#[test]
fn a_cell_is_the_shortest_run_and_refused_figures_are_none() {
    let line = |peer: &str, threads: usize, seconds: f64| {
        format!(
            r#"{{"workload":"gemm/nn/32x32x32","peer":"{peer}","version":"1","threads":{threads},"min_s":{seconds:e}}}"#
        )
    };
    let refused = r#"{"workload":"gemm/nn/32x32x32","peer":"gemm","threads":1,"refused":"makes nothing"}"#;
    let lines = [line("tress", 1, 4e-7), line("tress", 1, 3.2768e-7), line("torch", 1, 1e-4), refused.into()];
    let mut results = Results { peak: 4e11, ..Results::default() };
    results.take(&lines.join("\n")).unwrap();
    let text = results.all(&workloads());
    assert!(text.contains("| workload | tress | of the peak | torch |\n"), "{text}");
    assert!(text.contains("| nn/32x32x32 | 200 | 50 % | 0.7 |\n"), "{text}");
    // A later run takes the place of an earlier one, whether it is shorter or not.
    results.take(&line("tress", 1, 6.5536e-7)).unwrap();
    assert!(results.all(&workloads()).contains("| nn/32x32x32 | 100 | 25 % | 0.7 |\n"));
    for (wrong, part) in [
        ("{", "line 1"),
        (r#"{"peer":"a"}"#, "no workload"),
        (&line("tress", 3, 1.0), "3 threads"),
        (&line("tress", 1, -1.0), "no min_s"),
    ] {
        let said = results.take(wrong).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
    let said = results.fill("<!-- figures: produce -->\n<!-- end -->\n", &workloads()).unwrap_err();
    assert!(said.contains("produce"), "{said}");
    let said = results.fill("no table", &workloads()).unwrap_err();
    assert!(said.contains("<!-- figures: products -->"), "{said}");
}

#[test]
fn the_readme_says_the_ratios_of_the_stored_results() {
    let results = stored();
    // How many times as fast as the best peer, and which that is.
    let ratio = |id: &str| {
        let engines = &results.figures[id];
        let seconds = |name: &str| engines[name][0].unwrap_or(f64::INFINITY);
        let peers = engines.keys().filter(|name| *name != "tress");
        let best = peers.min_by(|a, b| seconds(a).total_cmp(&seconds(b))).unwrap();
        (seconds(best) / seconds("tress"), best.as_str())
    };
    let range = |ids: [&str; 2], best: &str| {
        let [a, b] = ids.map(|id| {
            let (ratio, peer) = ratio(id);
            assert!(peer.starts_with(best), "{id}: {peer}");
            ratio
        });
        format!("{:.1} to {:.1}", a.min(b), a.max(b))
    };
    let one = |id: &str| {
        let (ratio, peer) = ratio(id);
        assert!(peer.starts_with("torch"), "{id}: {peer}");
        format!("{ratio:.1}")
    };
    let sentence = format!(
        "a training step of a perceptron was {} times as fast as in the best of them (JAX), of a transformer block {}, of a LeNet \
         {}, of a LeNet for two tasks {} times as fast as in the best (PyTorch).",
        range(["train/mlp/b64", "train/mlp/b256"], "jax"),
        one("train/transformer/b32"),
        range(["train/lenet/b64", "train/lenet/b256"], "torch"),
        one("train/multimnist2/b256"),
    );
    let readme: Vec<String> = read("README.md").split_whitespace().map(String::from).collect();
    assert!(readme.join(" ").contains(&sentence), "README.md says: {sentence}");
}

#[test]
fn peaks_of_memory_and_costs_of_building_are_taken_and_written() {
    let mut results = stored();
    results
        .take(concat!(
            r#"{"workload": "train/mlp/b64", "peer": "tress", "peak_mb": 21.5}"#,
            "\n",
            r#"{"workload": "train/mlp/b64", "peer": "torch", "peak_mb": 321.7}"#,
            "\n",
            r#"{"workload": "buildcost", "peer": "tress", "crates": 7, "wall_s": 1, "cpu_s": 61.4, "stripped_bytes": 2149000}"#
        ))
        .unwrap();
    let filled = results.fill(&read("docs/performance.md"), &workloads()).unwrap();
    for row in ["| train/mlp/b64 | 21.5 | 321.7 |", "| tress | 7 | 61 | 2.1 |"] {
        assert!(filled.contains(row), "{row}");
    }
    let lacking = r#"{"workload": "buildcost", "peer": "tress", "crates": 7}"#;
    assert!(results.take(lacking).unwrap_err().contains("cpu_s"));
}
