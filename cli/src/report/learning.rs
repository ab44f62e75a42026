//! Learning curves and task weights as figures of the page.

use std::fmt::Write;

use super::chart::{self, Chart, Series};
use super::escape;
use crate::history::{History, RunResult, TaskMetrics};

/// Loss and accuracy of each task, the joint network beside the single-task one, and the task weights where there are any.
pub(super) fn charts(html: &mut String, result: &RunResult) {
    html.push_str(
        "<h2>Learning curves</h2>\n<ul class=\"legend\">\n\
         <li><svg class=\"joint\" viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve joint\" d=\"M1 6H29\"/>\
         <circle class=\"dot\" cx=\"15\" cy=\"6\" r=\"3\"/></svg>joint network, test</li>\n\
         <li><svg class=\"single\" viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve single\" d=\"M1 6H29\"/>\
         <circle class=\"dot\" cx=\"15\" cy=\"6\" r=\"3\"/></svg>single-task network, test</li>\n\
         <li><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve training\" d=\"M1 6H29\"/></svg>\
         the same colour, dotted: training</li>\n</ul>\n<div class=\"charts\">\n",
    );
    for (k, task) in result.tasks.iter().enumerate() {
        let single = result.single.get(k);
        let loss = [
            series(single, task, "single-task training", "single training", false, |m| Some(m.train_loss)),
            series(Some(&result.joint), task, "joint training", "joint training", false, |m| {
                Some(m.train_loss)
            }),
            series(single, task, "single-task", "single", true, |m| Some(m.test_loss)),
            series(Some(&result.joint), task, "joint", "joint", true, |m| Some(m.test_loss)),
        ];
        figure(html, task, "loss (cross entropy, nats)", 3, loss.into());
        let accuracy = [
            series(single, task, "single-task", "single", true, |m| Some(100.0 * m.test_accuracy)),
            series(Some(&result.joint), task, "joint", "joint", true, |m| Some(100.0 * m.test_accuracy)),
        ];
        figure(html, task, "test accuracy (%)", 2, accuracy.into());
    }
    html.push_str("</div>\n");
    if result.joint.epochs.len() >= chart::EPOCHS_TO_FIT {
        html.push_str("<p class=\"note\">The axes fit the last four fifths of the training; the steep start may lie outside.</p>\n");
    }
    weights(html, result);
}

/// One curve of `task` in `history`.
fn series(
    history: Option<&History>,
    task: &str,
    name: &'static str,
    class: &'static str,
    labelled: bool,
    number: impl Fn(&TaskMetrics) -> Option<f64>,
) -> Series<'static> {
    let points = history.map_or_else(Vec::new, |history| history.curve(task, number));
    Series { name, class, labelled, points }
}

fn figure(html: &mut String, subject: &str, measure: &str, digits: usize, series: Vec<Series<'_>>) {
    let description = format!("{subject}: {measure} by epoch, joint and single-task network");
    let drawing = Chart { description: &description, measure, digits, series }.draw();
    let _ = write!(
        html,
        "<figure class=\"chart\"><figcaption>{}: {}</figcaption>\n{drawing}</figure>\n",
        escape(subject),
        escape(measure)
    );
}

/// How the balancing weighed the tasks, where it did.
fn weights(html: &mut String, result: &RunResult) {
    const STYLES: [(&str, &str); 2] = [("first task", "joint"), ("second task", "single")];
    let curves: Vec<Series<'_>> = result
        .tasks
        .iter()
        .zip(STYLES)
        .map(|(task, (name, class))| series(Some(&result.joint), task, name, class, true, |m| m.weight))
        .filter(|series| !series.points.is_empty())
        .collect();
    // Weights that never move, those of `equal`, are told by the method's name already.
    let mut all = curves.iter().flat_map(|series| series.points.iter().map(|&(_, weight)| weight));
    let first = all.next();
    if all.all(|weight| Some(weight) == first) {
        return;
    }
    let _ = write!(html, "<h2>Task weights</h2>\n<ul class=\"legend\">\n");
    for (task, (_, class)) in result.tasks.iter().zip(STYLES) {
        let _ = writeln!(
            html,
            "<li><svg class=\"{class}\" viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve {class}\" d=\"M1 6H29\"/></svg>{}</li>",
            escape(task)
        );
    }
    html.push_str("</ul>\n<div class=\"charts\">\n");
    figure(html, "joint network", "mean weight in the epoch", 3, curves);
    html.push_str("</div>\n");
}
