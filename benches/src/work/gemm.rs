//! Products of two matrices, either of which may be stored transposed.

use super::{Run, Workload, numbers};
use tress::tensor::Float;

pub(super) fn make(workload: &Workload) -> Option<Run> {
    if workload.is_double() { of::<f64>(workload) } else { of::<f32>(workload) }
}

fn of<T: Float>(workload: &Workload) -> Option<Run> {
    let [m, k, n] = workload.sizes(["m", "k", "n"])?;
    let (left, right) = match workload.word("tr")? {
        "nn" => (false, false),
        "tn" => (true, false),
        "nt" => (false, true),
        _ => return None,
    };
    let stored = |rows, columns, transposed, seed| {
        let shape = if transposed { [columns, rows] } else { [rows, columns] };
        numbers(&shape, seed).cast::<T>()
    };
    let (a, b) = (stored(m, k, left, 1), stored(k, n, right, 2));
    Some(Run::new(move || a.product(&b, [left, right], None, None).expect("a product")))
}
