//! What a study shows, as one self-contained HTML page: the table, learning curves, conflicts, and a sweep of preferences.

mod heat;
mod pareto;

use std::fmt::Write;
use std::time::SystemTime;

use super::RESULTS;
use super::plan::TUNED;
use super::results::{Results, Row, TaskInfo, Verdict};
use super::settings::CompareSettings;
use super::words::{DELTA_M, WHEN, chosen, delta_m, finding, p, verdict};
use crate::data::Origin;
use crate::report::band::{Band, chart, common_axis, over_seeds};
use crate::report::{escape, thousands};
use crate::run_folder::utc;
use crate::study::{CELLS, Epoch, Layer, Metric, STUDY};
use heat::{HeatMap, Scale};

/// The page; `when` is the time of the study, shown in UTC.
pub(super) fn page(results: &Results, settings: &CompareSettings, when: SystemTime) -> String {
    let set = settings.common.set;
    let [year, month, day, hour, minute, _] = utc(when);
    let seeds = settings.seeds.len();
    let mut html = String::with_capacity(256 << 10);
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tress: {0}, methods compared</title>\n\
         <style>\n{1}{2}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{0}: {3} rows, {seeds} seed{4}</h1>\n\
         <p>Every network learned from {5} samples an epoch for {6} epochs; finished with Tress {7} on \
         {year:04}-{month:02}-{day:02} at {hour:02}:{minute:02} UTC.</p>\n</header>\n",
        escape(set.title()),
        include_str!("../../report/page.css"),
        include_str!("page.css"),
        results.rows.len(),
        if seeds == 1 { "" } else { "s" },
        thousands(results.samples[0]),
        settings.common.epochs,
        settings.common.version,
    );
    let _ = writeln!(html, "<p class=\"gist\">{}</p>", escape(&finding(results)));
    if let Some(chosen) = chosen(results) {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(&chosen));
    }
    table(&mut html, results);
    curves(&mut html, results);
    conflicts(&mut html, results);
    pareto::section(&mut html, results);
    search(&mut html, results);
    choices(&mut html, results, settings);
    footer(&mut html, settings);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn table(html: &mut String, results: &Results) {
    html.push_str("<h2>Test part</h2>\n<div class=\"sheet\"><table>\n<thead>\n<tr><th></th>");
    for task in &results.tasks {
        let _ = write!(html, "<th>{}<br>{}</th>", escape(task.name), unit(task));
    }
    html.push_str(
        "<th>delta-m<br>%</th><th>mean<br>rank</th><th>p against<br>equal</th><th>against<br>equal</th>\
         <th>against<br>tuned</th><th>seconds</th></tr>\n</thead>\n<tbody>\n<tr><th>single tasks</th>",
    );
    for task in &results.tasks {
        let _ = write!(html, "<td>{}</td>", task.alone.text(task.metric));
    }
    html.push_str("<td></td><td></td><td></td><td></td><td></td><td></td></tr>\n");
    for row in &results.rows {
        let _ = write!(html, "<tr><th>{}</th>", escape(&row.name));
        if let Some(why) = &row.failed {
            let _ = writeln!(
                html,
                "<td class=\"bad why\" colspan=\"{}\">failed: {}</td></tr>",
                results.tasks.len() + 6,
                escape(why)
            );
            continue;
        }
        for (figure, task) in row.metrics.iter().zip(&results.tasks) {
            let _ = write!(html, "<td>{}</td>", figure.text(task.metric));
        }
        let against_tuned = match row.against_tuned.map(|against| against.verdict) {
            Some(Verdict::Win) => "better",
            Some(Verdict::Loss) => "worse",
            Some(Verdict::Level) => "no difference",
            _ => "",
        };
        let _ = writeln!(
            html,
            "<td>{}</td><td>{}</td><td>{}</td>{}{}<td>{:.1}</td></tr>",
            row.delta_m.as_ref().map_or_else(String::new, delta_m),
            row.mean_rank.map_or_else(String::new, |rank| format!("{rank:.1}")),
            row.against_equal.map_or_else(String::new, |against| p(against.p)),
            worded(verdict(row)),
            worded(against_tuned),
            row.seconds,
        );
    }
    html.push_str("</tbody>\n</table></div>\n");
    let _ = writeln!(html, "<p class=\"note\">Mean ± standard deviation over seeds. {DELTA_M} {WHEN}</p>");
    let [joint, single] = results.parameters;
    let _ = writeln!(
        html,
        "<p class=\"note\">The joint network has {} parameters, the single-task networks have {} together.</p>",
        thousands(joint),
        thousands(single)
    );
}

fn unit(task: &TaskInfo) -> String {
    match task.metric {
        Metric::Accuracy => "accuracy, %".to_owned(),
        Metric::Area => "AUC".to_owned(),
    }
}

/// A verdict, coloured where it is one.
fn worded(word: &str) -> String {
    match word {
        "better" => format!("<td class=\"good\">{word}</td>"),
        "worse" | "failed" => format!("<td class=\"bad\">{word}</td>"),
        _ => format!("<td class=\"soft\">{word}</td>"),
    }
}

/// The metric of a task on the validation part for each epoch, seed by seed.
fn curve(epochs: &[Vec<Epoch>], task: usize) -> Vec<(f64, f64)> {
    let of = |epochs: &Vec<Epoch>| epochs.iter().map(|epoch| epoch.validation[task].metric).collect();
    over_seeds(&epochs.iter().map(of).collect::<Vec<Vec<f64>>>())
}

fn curves(html: &mut String, results: &Results) {
    html.push_str(
        "<h2>Learning curves</h2>\n<ul class=\"legend\">\n\
         <li class=\"own\"><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><rect class=\"band\" width=\"30\" height=\"12\"/>\
         <path class=\"curve\" d=\"M1 6H29\"/></svg>this row</li>\n\
         <li class=\"equal\"><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><rect class=\"band\" width=\"30\" height=\"12\"/>\
         <path class=\"curve equal\" d=\"M1 6H29\"/></svg>equal weights</li>\n\
         <li class=\"alone\"><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve alone\" d=\"M1 6H29\"/></svg>\
         single task</li>\n</ul>\n\
         <p class=\"lead\">Metric on the validation part after each epoch; the line is the mean over seeds, the band one standard \
         deviation to both sides. The axes of a task are the same in all charts and fit the last four fifths of the training.</p>\n",
    );
    let equal = results.row("equal");
    for (k, task) in results.tasks.iter().enumerate() {
        let mut charts: Vec<(&str, Vec<Band<'_>>)> = Vec::new();
        for row in results.rows.iter().filter(|row| row.name != "equal" || results.rows.len() == 1) {
            let mut bands = Vec::new();
            if let Some(epochs) = results.alone.get(k) {
                // A single-task network has one task, whatever its place in the subject.
                bands.push(Band { name: "single task", class: "alone", points: curve(epochs, 0) });
            }
            if let Some(equal) = equal.filter(|equal| equal.name != row.name) {
                bands.push(Band { name: "equal weights", class: "equal", points: curve(&equal.epochs, k) });
            }
            bands.push(Band { name: &row.name, class: "own", points: curve(&row.epochs, k) });
            charts.push((&row.name, bands));
        }
        let up = common_axis(charts.iter().flat_map(|(_, bands)| bands));
        let _ = writeln!(
            html,
            "<h3>{}, {}</h3>\n<div class=\"small charts\">",
            escape(task.name),
            task.metric.name()
        );
        for (name, bands) in &charts {
            let description = format!("{}, {name}: validation metric by epoch", task.name);
            let _ = writeln!(
                html,
                "<figure class=\"chart\"><figcaption>{}</figcaption>\n{}</figure>",
                escape(name),
                chart(&description, 4, &up, bands)
            );
        }
        html.push_str("</div>\n");
    }
}

/// Names of rows, and for each row a value for each epoch.
type ByEpoch = (Vec<String>, Vec<Vec<Option<f64>>>);

/// A number of each layer and epoch, the mean over seeds.
fn by_layer(row: &Row, number: impl Fn(&Layer) -> Option<f64>) -> ByEpoch {
    let Some(first) = row.epochs.first().and_then(|epochs| epochs.first()) else {
        return (Vec::new(), Vec::new());
    };
    let names: Vec<String> = first.layers.iter().map(|layer| layer.name.clone()).collect();
    let epochs = row.epochs.iter().map(Vec::len).min().unwrap_or(0);
    let at = |layer: usize, epoch: usize| {
        let of = |seed: &Vec<Epoch>| seed[epoch].layers.get(layer).and_then(&number);
        let known: Vec<f64> = row.epochs.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let values = (0..names.len()).map(|l| (0..epochs).map(|e| at(l, e)).collect()).collect();
    (names, values)
}

/// The norms of each layer and task as decimal logarithms, by epoch.
fn norms(row: &Row, tasks: &[TaskInfo]) -> ByEpoch {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (k, task) in tasks.iter().enumerate() {
        let log = |layer: &Layer| Some(layer.norms.get(k)?.log10()).filter(|log| log.is_finite());
        let (layers, own) = by_layer(row, log);
        names.extend(layers.iter().map(|layer| format!("{layer}, {}", task.name)));
        values.extend(own);
    }
    (names, values)
}

fn conflicts(html: &mut String, results: &Results) {
    let rows = || results.rows.iter().filter(|row| row.failed.is_none());
    if results.tasks.len() < 2 || rows().next().is_none() {
        return;
    }
    html.push_str(
        "<h2>Conflicts</h2>\n<p class=\"lead\">Task gradients of the shared layers, looked at in eight steps of each epoch, the \
         mean over seeds. Cosines: <span class=\"key along\"></span> the tasks agree, <span class=\"key against\"></span> they \
         conflict, no colour: at right angles. Conflict rate: the share of pairs and steps with a negative cosine. Norms: \
         decimal logarithms, darker is longer, one scale for all rows. Numbers are in the tooltips.</p>\n",
    );
    if results.tasks.len() > 2 {
        pairs(html, results);
    }
    let all: Vec<ByEpoch> = rows().map(|row| norms(row, &results.tasks)).collect();
    let known = || all.iter().flat_map(|(_, values)| values.iter().flatten().flatten().copied());
    let scale =
        Scale::Between(known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    for (row, (names, values)) in rows().zip(&all) {
        let _ = writeln!(html, "<h3>{}</h3>\n<div class=\"maps charts\">", escape(&row.name));
        let (layers, cosines) = by_layer(row, Layer::cosine);
        map(html, &row.name, "mean cosine", &layers, &cosines, Scale::Cosine);
        let (layers, rates) = by_layer(row, |layer| layer.conflicts);
        map(html, &row.name, "conflict rate", &layers, &rates, Scale::Share);
        map(html, &row.name, "norms (log10)", names, values, scale);
        html.push_str("</div>\n");
    }
}

fn map(
    html: &mut String,
    row: &str,
    what: &str,
    names: &[String],
    values: &[Vec<Option<f64>>],
    scale: Scale,
) {
    let epochs = values.first().map_or(0, Vec::len);
    let drawing = HeatMap {
        description: &format!("{row}: {what} by layer and epoch"),
        rows: names.to_vec(),
        columns: (1..=epochs).map(|epoch| epoch.to_string()).collect(),
        across: "epoch",
        values: values.to_vec(),
        scale,
        digits: 3,
        written: false,
    }
    .draw();
    let _ = writeln!(
        html,
        "<figure class=\"chart\"><figcaption>{}</figcaption>\n{drawing}</figure>",
        escape(what)
    );
}

/// Which tasks agree: their mean cosine over layers, epochs and seeds under equal weights.
fn pairs(html: &mut String, results: &Results) {
    let Some(row) = results.rows.iter().find(|row| row.failed.is_none()) else { return };
    let count = results.tasks.len();
    let mean = |i: usize, j: usize| {
        let (i, j) = (i.max(j), i.min(j));
        if i == j {
            return None;
        }
        let layers = row.epochs.iter().flatten().flat_map(|epoch| &epoch.layers);
        let known: Vec<f64> =
            layers.filter_map(|layer| layer.cosines.get(i * (i - 1) / 2 + j).copied().flatten()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let names: Vec<String> = results.tasks.iter().map(|task| task.name.to_owned()).collect();
    let drawing = HeatMap {
        description: "mean cosine of each pair of tasks",
        rows: names.clone(),
        columns: names,
        across: "",
        values: (0..count).map(|i| (0..count).map(|j| mean(i, j)).collect()).collect(),
        scale: Scale::Cosine,
        digits: 2,
        written: true,
    }
    .draw();
    let _ = writeln!(
        html,
        "<div class=\"small charts\"><figure class=\"chart\"><figcaption>{}: mean cosine of each pair</figcaption>\n{drawing}\
         </figure></div>",
        escape(&row.name)
    );
}

fn search(html: &mut String, results: &Results) {
    if results.search.is_empty() {
        return;
    }
    let _ = write!(
        html,
        "<h2>Search</h2>\n<p class=\"lead\">What was tried on the validation part ({} samples), with seed {}. Rates come first; the \
         weights of tuned equal weights are then tried at the best of their rates. A rate other than {} and weights other than equal \
         ones are chosen only where they are better by more than one standard error. Nothing was chosen on the test part.</p>\n\
         <div class=\"sheet\"><table>\n<thead><tr><th>row</th><th>rate</th><th>weights</th><th>validation: mean metric</th></tr>\
         </thead>\n<tbody>\n",
        thousands(results.samples[1]),
        results.settings.first_seed(),
        results.settings.lr,
    );
    for tried in &results.search {
        let weights = tried.weights.as_ref().map_or_else(
            || "its own".to_owned(),
            |weights| weights.iter().map(|w| format!("{w:.2}")).collect::<Vec<_>>().join(" : "),
        );
        let validation = tried.validation.map_or_else(
            || "failed".to_owned(),
            |metric| match tried.error {
                Some(error) => format!("{metric:.4} (error {error:.4})"),
                None => format!("{metric:.4}"),
            },
        );
        let _ = writeln!(
            html,
            "<tr><th>{}</th><td>{}</td><td>{weights}</td><td>{validation}</td></tr>",
            escape(&tried.row),
            tried.rate
        );
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn choices(html: &mut String, results: &Results, settings: &CompareSettings) {
    let data = match &settings.common.data_dir {
        Some(folder) => format!("<code>{}</code>", escape(&folder.display().to_string())),
        None => "inside the program".to_owned(),
    };
    let seeds: Vec<String> = settings.seeds.iter().map(u64::to_string).collect();
    let tuned = results.row(TUNED).map_or_else(|| "no row".to_owned(), |row| format!("rate {}", row.rate));
    html.push_str("<h2>Settings</h2>\n<div class=\"sheet\"><table class=\"settings\">\n<tbody>\n");
    let [train, validation, test] = results.samples.map(thousands);
    for (name, value) in [
        ("tasks", settings.common.set.name().to_owned()),
        ("data", data),
        ("samples", format!("{train} in an epoch, {validation} for validation, {test} for testing")),
        ("epochs", settings.common.epochs.to_string()),
        ("batch", settings.common.batch.to_string()),
        (
            "optimiser",
            format!("Adam, rate {} falling along a cosine; tuned equal weights: {tuned}", settings.lr),
        ),
        ("seeds", seeds.join(", ")),
        ("instruction set", results.instruction_set.to_owned()),
    ] {
        let _ = writeln!(html, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn footer(html: &mut String, settings: &CompareSettings) {
    let _ = writeln!(
        html,
        "<footer>\n<p>Beside this page: <code>{RESULTS}</code> (all figures), <code>{STUDY}</code>, <code>{CELLS}</code> (one file for \
         each network, with its curves).</p>"
    );
    if let Some(set) = settings.common.set.pictures() {
        if set.origins().contains(&Origin::Mnist) {
            html.push_str("<p>Digits: MNIST database, Yann LeCun and Corinna Cortes, CC BY-SA 3.0.</p>\n");
        }
        if set.origins().contains(&Origin::Fashion) {
            html.push_str("<p>Clothes: Fashion-MNIST, copyright 2017 Zalando SE, MIT licence.</p>\n");
        }
    }
    html.push_str("</footer>\n");
}
