//! Softmax and norms of rows that lie in any way, and their gradients.

use super::*;
use tress::tensor::RowNorm;

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    width: usize,
    lies: [Lie; 2],
    /// A row norm with these, besides softmax.
    centred: bool,
    weight: bool,
    bias: bool,
    double: bool,
    threads: usize,
    numbers: Numbers,
}

fn cases() -> impl Strategy<Value = Case> {
    let width = prop_oneof![6 => size(40, 2000), 1 => 65_000..140_000usize];
    (size(10, 300), width, [lie(), lie()], any::<[bool; 4]>(), 2..9usize, numbers()).prop_map(
        |(rows, width, lies, [centred, weight, bias, double], threads, numbers)| {
            let rows = (100_000 / width.max(1)).max(1).min(rows);
            Case { rows, width, lies, centred, weight, bias, double, threads, numbers }
        },
    )
}

fn holds<T: Float>(case: &Case) -> Outcome {
    let Case { rows, width, lies, centred, threads, numbers, .. } = case;
    let (shape, width, epsilon) = ([*rows, *width], *width, 0.01);
    let norm = RowNorm { epsilon, centred: *centred };
    let x = numbers.laid::<T>(0, &shape, &lies[0]);
    let g = numbers.laid::<T>(1, &shape, &lies[1]);
    let weight = case.weight.then(|| numbers.tensor::<T>(3, &[width]));
    let bias = case.bias.then(|| numbers.tensor::<T>(4, &[width]));
    let labels: Vec<usize> = (0..*rows).map(|row| numbers.whole(5, row, width)).collect();
    let labelled =
        (width > 0).then(|| Tensor::vector(&labels.iter().map(|&at| at as u32).collect::<Vec<_>>()));
    let results = on_any_threads(*threads, || {
        let (softmax, log_softmax) = (x.softmax().unwrap(), x.log_softmax().unwrap());
        let mut results = vec![
            ("softmax_grad", softmax.softmax_grad(&g).unwrap()),
            ("log_softmax_grad", log_softmax.log_softmax_grad(&g).unwrap()),
            ("softmax", softmax),
            ("log_softmax", log_softmax),
            ("log_sum_exp", x.log_sum_exp(None).unwrap()),
            ("row_norm", x.row_norm(norm, weight.as_ref(), bias.as_ref()).unwrap()),
            ("row_norm_grad", x.row_norm_grad(norm, &g, weight.as_ref()).unwrap()),
            ("row_norm_weight", x.row_norm_weight(norm, &g).unwrap()),
        ];
        if labelled.is_some() {
            results.push(("cross_entropy", x.log_sum_exp(labelled.as_ref()).unwrap()));
        }
        results
    })?;
    let (weight, bias) = (weight.as_ref().map(doubles), bias.as_ref().map(doubles));
    let (x, g) = (doubles(&x), doubles(&g));
    let all: Vec<Row> = match width {
        0 => Vec::new(),
        _ => x
            .chunks(width)
            .zip(g.chunks(width))
            .map(|(x, g)| Row::new(x, g, weight.as_deref(), norm))
            .collect(),
    };
    // Sums of as many numbers, each at most one, and exponentials of differences of at most two.
    let count = width as f64 + 64.0;
    for (name, y) in &results {
        agrees(name, y, if *name == "row_norm_weight" { *rows } else { 1 }, |place| {
            if *name == "row_norm_weight" {
                let sum = (0..*rows).map(|r| g[r * width + place] * all[r].y[place]).sum();
                // What rounding changes of a row's mean, its scale enlarges.
                let size = |r: usize| {
                    g[r * width + place].abs() * (1.0 + all[r].y[place].abs()) * (1.0 + all[r].scale)
                };
                return (sum, (*rows as f64 + count) * 8.0 * (0..*rows).map(size).sum::<f64>());
            }
            let whole = matches!(*name, "log_sum_exp" | "cross_entropy");
            let (r, i) = if whole { (place, 0) } else { (place / width.max(1), place % width.max(1)) };
            if width == 0 {
                return (f64::NEG_INFINITY, 0.0);
            }
            let (row, x, g) = (&all[r], x[r * width + i], g[r * width + i]);
            let (softmax, log) = ((x - row.log_sum).exp(), x - row.log_sum);
            match *name {
                // A row with plus infinity, or of minus infinity alone: docs/conventions.md.
                "softmax" | "softmax_grad" | "log_softmax_grad" if !row.log_sum.is_finite() => {
                    (f64::NAN, 0.0)
                }
                "softmax" => (softmax, count * softmax),
                "log_softmax" => (log, count * (1.0 + log.abs())),
                "log_sum_exp" => (row.log_sum, count * (1.0 + row.log_sum.abs())),
                "cross_entropy" => {
                    let value = row.log_sum - all[r].x[labels[r]];
                    (value, count * (1.0 + row.log_sum.abs() + value.abs()))
                }
                "softmax_grad" => {
                    (softmax * (g - row.inner), 4.0 * count * softmax * (g.abs() + row.inner_size))
                }
                "log_softmax_grad" => {
                    (g - softmax * row.g_sum, 4.0 * count * (g.abs() + softmax * row.g_size))
                }
                "row_norm" => {
                    let weight = weight.as_ref().map_or(1.0, |weight| weight[i]);
                    let bias = bias.as_ref().map_or(0.0, |bias| bias[i]);
                    (
                        row.y[i] * weight + bias,
                        4.0 * count * (1.0 + row.y[i].abs() + bias.abs()) * (1.0 + row.scale),
                    )
                }
                _ => (row.dx[i], 8.0 * count * (1.0 + row.y[i].abs()) * row.scale * (1.0 + row.scale)),
            }
        })?;
    }
    Ok(())
}

/// What the definitions say of one row.
struct Row<'a> {
    x: &'a [f64],
    log_sum: f64,
    /// The sum of `g softmax`, of `g`, and of their sizes.
    inner: f64,
    inner_size: f64,
    g_sum: f64,
    g_size: f64,
    /// The normalised row, one over its deviation, and the gradient by the operand.
    y: Vec<f64>,
    scale: f64,
    dx: Vec<f64>,
}

impl<'a> Row<'a> {
    fn new(x: &'a [f64], g: &[f64], weight: Option<&[f64]>, norm: RowNorm) -> Self {
        let count = x.len() as f64;
        let nan = x.iter().any(|x| x.is_nan());
        let most = if nan { f64::NAN } else { x.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
        let log_sum = match most.is_infinite() {
            true => most,
            false => most + x.iter().map(|x| (x - most).exp()).sum::<f64>().ln(),
        };
        let soft = |x: f64| (x - log_sum).exp();
        let pairs = || x.iter().zip(g);
        let mean = if norm.centred { x.iter().sum::<f64>() / count } else { 0.0 };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let scale = 1.0 / (square + norm.epsilon).sqrt();
        let y: Vec<f64> = x.iter().map(|x| (x - mean) * scale).collect();
        let g_of = |i: usize| g[i] * weight.map_or(1.0, |weight| weight[i]);
        let of_mean = match norm.centred {
            true => (0..x.len()).map(g_of).sum::<f64>() / count,
            false => 0.0,
        };
        let of_y = (0..x.len()).map(|i| g_of(i) * y[i]).sum::<f64>() / count;
        let dx = (0..x.len()).map(|i| (g_of(i) - of_mean - y[i] * of_y) * scale).collect();
        Self {
            x,
            log_sum,
            inner: pairs().map(|(&x, g)| g * soft(x)).sum(),
            inner_size: pairs().map(|(&x, g)| (g * soft(x)).abs()).sum(),
            g_sum: g.iter().sum(),
            g_size: g.iter().map(|g| g.abs()).sum(),
            y,
            scale,
            dx,
        }
    }
}

#[test]
fn rows_are_what_their_definition_says() {
    check("rows", 500, cases(), |case| match case.double {
        false => holds::<f32>(case),
        true => holds::<f64>(case),
    });
}
