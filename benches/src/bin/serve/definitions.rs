//! The definitions of workloads, from the file that `PEERS_WORKLOADS` names.

use serde_json::Value;
use tress_benches::work::Workload;

/// All workloads of the file.
pub(crate) fn read() -> Result<Vec<Workload>, String> {
    let path =
        std::env::var("PEERS_WORKLOADS").map_err(|_| "set PEERS_WORKLOADS to the file of workloads")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let list: Vec<Value> = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let word = |entry: &Value, name: &str| {
        let found = entry.get(name).and_then(Value::as_str).map(String::from);
        found.ok_or_else(|| format!("{path}: an entry without {name}"))
    };
    let workload = |entry: &Value| {
        Ok(Workload {
            id: word(entry, "id")?,
            group: word(entry, "group")?,
            op: word(entry, "op")?,
            settings: entry.get("p").cloned().unwrap_or_default(),
            flops: entry.get("flops").and_then(Value::as_f64),
            bytes: entry.get("bytes").and_then(Value::as_f64),
            samples: entry.get("samples").and_then(Value::as_f64),
        })
    };
    list.iter().map(workload).collect()
}
