//! The sweep of preferences: errors of each pair of tasks against one another, and hypervolumes.

use std::fmt::Write;

use crate::compare::plan::TUNED;
use crate::compare::results::{Results, Sweep};
use crate::report::escape;
use crate::report::scatter::{Cloud, Dot, plot};

pub(super) fn section(html: &mut String, results: &Results) {
    let Some(sweep) = &results.sweep else { return };
    let _ = write!(
        html,
        "<h2>Preferences</h2>\n<p class=\"lead\">Test error (one minus the metric) of methods that take a preference, one network \
         for each of {} preferences, all with seed {}: without other seeds no difference between these methods is certain. \
         Filled: on the front of its method; hollow: another point of the same method is better in every task. Crosses: the \
         rows of the table, means over seeds. Towards the lower left is better.</p>\n",
        sweep.families.first().map_or(0, |family| family.points.len()),
        sweep.seed
    );
    html.push_str("<ul class=\"legend\">\n");
    for (i, family) in sweep.families.iter().enumerate() {
        let _ = writeln!(
            html,
            "<li class=\"family{i}\"><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><circle class=\"point\" cx=\"15\" cy=\"6\" \
             r=\"5\"/></svg>{}: hypervolume {:.3}</li>",
            family.name, family.hypervolume
        );
    }
    html.push_str("</ul>\n");
    let count = results.tasks.len();
    let several = if count > 2 { "small charts" } else { "charts wide" };
    let _ = writeln!(html, "<div class=\"{several}\">");
    for j in 1..count {
        for i in 0..j {
            one(html, results, sweep, [i, j]);
        }
    }
    html.push_str("</div>\n");
    let outside = |errors: &[f64]| errors.iter().zip(&sweep.reference).any(|(error, most)| error > most);
    let points = sweep.families.iter().flat_map(|family| &family.points);
    let beyond = points.filter(|point| outside(&point.errors)).count();
    let corner = results.tasks.iter().zip(&sweep.reference);
    let corner: Vec<String> = corner.map(|(task, error)| format!("{} {error:.4}", task.name)).collect();
    let _ = writeln!(
        html,
        "<p class=\"note\">Hypervolume: the share of the box between no error and twice the error of the single-task networks ({}) \
         that the points of a method dominate; larger is better. {}</p>",
        escape(&corner.join(", ")),
        match beyond {
            0 => String::new(),
            1 => "One point beyond that box counts nothing and is not shown.".to_owned(),
            n => format!("{n} points beyond that box count nothing and are not shown."),
        }
    );
}

/// The plot of two tasks.
fn one(html: &mut String, results: &Results, sweep: &Sweep, [a, b]: [usize; 2]) {
    let names = [a, b].map(|k| format!("{}: error", results.tasks[k].name));
    let clouds: Vec<Cloud> = sweep
        .families
        .iter()
        .enumerate()
        .map(|(i, family)| Cloud {
            class: format!("family{i}"),
            stairs: results.tasks.len() == 2,
            hollow: results.tasks.len() == 2,
            dots: family
                .points
                .iter()
                .map(|point| Dot {
                    x: point.errors[a],
                    y: point.errors[b],
                    says: format!(
                        "{}, preference {}: errors {:.4}, {:.4}",
                        family.name,
                        point.ray.iter().map(|r| format!("{r:.2}")).collect::<Vec<_>>().join(" : "),
                        point.errors[a],
                        point.errors[b]
                    ),
                    on_front: point.on_front,
                })
                .collect(),
        })
        .collect();
    // With many tasks the plots are small, and only the rows that all others are held against have room for a name.
    let small = results.tasks.len() > 2;
    let mut marks: Vec<(f64, f64, String)> = results
        .rows
        .iter()
        .filter(|row| row.failed.is_none() && (!small || row.name == "equal" || row.name == TUNED))
        .map(|row| (1.0 - row.metrics[a].mean, 1.0 - row.metrics[b].mean, row.name.clone()))
        .collect();
    let alone = [a, b].map(|k| 1.0 - results.tasks[k].alone.mean);
    marks.push((alone[0], alone[1], "single tasks".to_owned()));
    let description =
        format!("errors of {} and {} over preferences", results.tasks[a].name, results.tasks[b].name);
    let corner = [sweep.reference[a], sweep.reference[b]];
    let drawing = plot(&description, [&names[0], &names[1]], &clouds, &marks, corner);
    let _ = writeln!(html, "<figure class=\"chart\">\n{drawing}</figure>");
}
