//! What a search shows, as one self-contained HTML page: what was chosen and what it is worth, every trial, and what each
//! name that was set does to the metric.

use std::fmt::Write;
use std::time::SystemTime;

use tress::nn::search::{Range, Space};

use super::results::{Results, Trial};
use super::table::outcome;
use super::{CELLS, RESULTS, STUDY};
use crate::report::band::{Band, chart, common_axis};
use crate::report::scatter::{Cloud, Dot, plot};
use crate::report::{escape, thousands};
use crate::run_folder::utc;

/// The page; `when` is the time of the search, shown in UTC.
pub(super) fn page(results: &Results, space: &Space, when: SystemTime) -> String {
    let common = &results.settings.common;
    let [year, month, day, hour, minute, _] = utc(when);
    let mut html = String::with_capacity(64 << 10);
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tress: {0}, settings searched</title>\n\
         <style>\n{1}{2}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{0}: {3} settings</h1>\n\
         <p>{4} epochs of {5} samples in all; finished with Tress {6} on {year:04}-{month:02}-{day:02} at \
         {hour:02}:{minute:02} UTC.</p>\n</header>\n",
        escape(common.set.title()),
        include_str!("../report/page.css"),
        include_str!("../compare/page/page.css"),
        results.trials.len(),
        results.epochs,
        thousands(results.samples[0]),
        common.version,
    );
    let _ = writeln!(html, "<p class=\"gist\">{}</p>", escape(&results.finding()));
    tested(&mut html, results);
    curves(&mut html, results);
    names(&mut html, results, space);
    trials(&mut html, results);
    choices(&mut html, results);
    let _ = writeln!(
        html,
        "<footer>\n<p>Beside this page: <code>{RESULTS}</code> (all figures), <code>{STUDY}</code>, <code>{CELLS}</code> (one file for \
         each network, with its curves).</p>\n</footer>\n</main>\n</body>\n</html>"
    );
    html
}

fn tested(html: &mut String, results: &Results) {
    html.push_str("<h2>Test part</h2>\n<div class=\"sheet\"><table>\n<thead>\n<tr><th></th>");
    for task in &results.tasks {
        let _ = write!(html, "<th>{}<br>{}</th>", escape(task.name), task.metric.name());
    }
    html.push_str("<th>parameters</th></tr>\n</thead>\n<tbody>\n");
    for row in &results.tested {
        let _ = write!(html, "<tr><th>{}</th>", row.name);
        for (figure, task) in row.metrics.iter().zip(&results.tasks) {
            let _ = write!(html, "<td>{}</td>", figure.text(task.metric));
        }
        let _ = writeln!(html, "<td>{}</td></tr>", thousands(row.parameters));
    }
    let seeds: Vec<String> = results.settings.seeds.iter().map(u64::to_string).collect();
    let _ = writeln!(
        html,
        "</tbody>\n</table></div>\n<p class=\"note\">Networks with the seeds {}, which the search did not see, each tested once: the \
         usual setting and the chosen one. Mean ± standard deviation.</p>",
        seeds.join(", ")
    );
}

fn curves(html: &mut String, results: &Results) {
    html.push_str(
        "<h2>Trials</h2>\n<p class=\"lead\">Mean metric over the tasks on the validation part after each epoch. A line ends where its \
         trial was left behind; the one on top was chosen.</p>\n<div class=\"charts\"><figure class=\"chart\">\n",
    );
    let chosen = &results.trials[results.chosen];
    let others = results.trials.iter().filter(|trial| trial.trial != chosen.trial);
    // The chosen one last, so that it lies on top.
    let drawn: Vec<&Trial> = others.chain([chosen]).filter(|trial| !trial.validation.is_empty()).collect();
    let names: Vec<String> =
        drawn.iter().map(|trial| format!("trial {}: {}", trial.trial, trial.setting)).collect();
    let bands: Vec<Band<'_>> = drawn
        .iter()
        .zip(&names)
        .map(|(trial, name)| Band {
            name,
            class: if trial.trial == chosen.trial { "own" } else { "equal" },
            points: trial.validation.iter().map(|&metric| (metric, 0.0)).collect(),
        })
        .collect();
    html.push_str(&chart("validation metric of every trial by epoch", 4, &common_axis(bands.iter()), &bands));
    html.push_str("</figure></div>\n");
}

/// For each number that was set, what trials came to by it.
fn names(html: &mut String, results: &Results, space: &Space) {
    let scored = || results.trials.iter().filter_map(|trial| Some((trial, trial.score()?)));
    let best = scored().map(|(_, score)| score).fold(f64::NEG_INFINITY, f64::max);
    html.push_str(
        "<h2>Names</h2>\n<p class=\"lead\">The last validation metric of each trial by what it was set to: filled where it ran to the \
         end, hollow where it was left behind and so was compared earlier. Numbers are in the tooltips.</p>\n\
         <div class=\"charts\">\n",
    );
    for dimension in space.dimensions() {
        let is_log = matches!(dimension.range(), Range::Log(..));
        let of = |trial: &Trial| trial.setting.number(dimension.name());
        let place = |value: f64| if is_log { value.log10() } else { value };
        let dots: Vec<Dot> = scored()
            .filter_map(|(trial, score)| {
                let x = place(of(trial)?);
                let says =
                    format!("trial {}: {} {score:.4}; {}", trial.trial, dimension.name(), trial.setting);
                let on_front = trial.validation.len() == results.settings.common.epochs;
                Some(Dot { x, y: 1.0 - score, says, on_front })
            })
            .collect();
        if dots.len() < 2 || !best.is_finite() {
            continue;
        }
        let name = match is_log {
            true => format!("{} (log10)", dimension.name()),
            false => dimension.name().to_owned(),
        };
        let cloud = Cloud { class: "family0".to_owned(), dots, stairs: false, hollow: true };
        let drawing = plot(
            &format!("validation metric by {}", dimension.name()),
            [&name, "1 - validation metric"],
            &[cloud],
            &[],
            [f64::INFINITY; 2],
        );
        let _ = writeln!(html, "<figure class=\"chart\">\n{drawing}</figure>");
    }
    html.push_str("</div>\n");
}

fn trials(html: &mut String, results: &Results) {
    html.push_str(
        "<h2>Every trial</h2>\n<div class=\"sheet\"><table>\n<thead><tr><th>trial</th><th>epochs</th><th>validation</th>\
         <th>parameters</th><th>seconds</th><th>setting</th></tr></thead>\n<tbody>\n",
    );
    for trial in results.ranked() {
        let setting = match &trial.failed {
            Some(why) => format!("{} (failed: {why})", trial.setting),
            None => trial.setting.to_string(),
        };
        let _ = writeln!(
            html,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td><td class=\"why\">{}</td></tr>",
            trial.trial,
            trial.validation.len(),
            outcome(trial),
            thousands(trial.parameters),
            trial.seconds,
            escape(&setting)
        );
    }
    html.push_str("</tbody>\n</table></div>\n");
}

fn choices(html: &mut String, results: &Results) {
    let common = &results.settings.common;
    let rungs: Vec<String> =
        results.rungs.iter().map(|[trials, epochs]| format!("{trials} to epoch {epochs}")).collect();
    let [train, validation, test] = results.samples.map(thousands);
    html.push_str("<h2>Settings</h2>\n<div class=\"sheet\"><table class=\"settings\">\n<tbody>\n");
    for (name, value) in [
        ("tasks", common.set.name().to_owned()),
        ("samples", format!("{train} in an epoch, {validation} for validation, {test} for testing")),
        ("space", common.space.join("; ")),
        ("trials", rungs.join(", ")),
        ("where not tuned", format!("batch {}, rate {}, equal weights", common.batch, common.lr)),
        ("optimiser", "Adam, its rate falling along a cosine over all epochs of a whole trial".to_owned()),
        ("seed", common.seed.to_string()),
    ] {
        let _ = writeln!(html, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    html.push_str("</tbody>\n</table></div>\n");
}
