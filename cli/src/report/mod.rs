//! What a finished run shows: one self-contained HTML page, and the plain-text table.

pub(crate) mod band;
mod chart;
mod columns;
mod curves;
mod frame;
mod learning;
mod picture;
pub(crate) mod scatter;
mod table;
pub(crate) mod ticks;
mod words;

use std::fmt::Write;
use std::time::SystemTime;

use crate::data::embedded::Origin;
use crate::history::{Mean, RunResult, Sample};
use crate::run_folder::{METRICS, SETTINGS, WEIGHTS, utc};
use crate::settings::{Place, Settings};
pub(crate) use columns::columns;
pub use curves::{Curve, curves};
pub use table::table;
use table::{PER_PARAMETERS, points};
use words::{DELTA_M, better, gist, signed, standard_error, verdict};
pub(crate) use words::{thousands, wrapped};

/// The report as an HTML page that needs no other file, no script and no network.
///
/// `when` is the time of the run, shown in UTC.
pub fn page(result: &RunResult, settings: &Settings, when: SystemTime) -> String {
    let title = format!("{} · {}", settings.set.title(), settings.balanced_by());
    let [year, month, day, hour, minute, _] = utc(when);
    let mut html = String::with_capacity(64 << 10);
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tress: {title}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>One network, {} tasks: {}</h1>\n\
         <p>Balanced by <b>{}</b>, {} epochs, seed {}; trained with Tress {} on {year:04}-{month:02}-{day:02} at \
         {hour:02}:{minute:02} UTC.</p>\n</header>\n",
        include_str!("page.css"),
        count_word(result.tasks.len()),
        settings.set.title(),
        settings.balanced_by(),
        settings.epochs,
        settings.seed,
        escape(settings.version),
    );
    tiles(&mut html, result);
    learning::charts(&mut html, result);
    samples(&mut html, result, settings);
    numbers(&mut html, result);
    choices(&mut html, result, settings);
    footer(&mut html, settings);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// The text with the characters that HTML gives a meaning to written out.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn count_word(count: usize) -> String {
    match count {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        n => n.to_string(),
    }
}

/// The headline numbers.
fn tiles(html: &mut String, result: &RunResult) {
    html.push_str("<section class=\"tiles\" aria-label=\"Results\">\n");
    for (k, task) in result.tasks.iter().enumerate() {
        let Some(joint) = result.joint.last(task) else { continue };
        let alone = result.single.get(k).and_then(|history| history.last(task));
        let beside = alone.map_or_else(String::new, |m| format!("{} alone", percent(m.test_accuracy)));
        tile(html, &format!("{task}: test accuracy"), &percent(joint.test_accuracy), "", &beside);
    }
    let sign = match better(result.delta_m) {
        Some(true) => "good",
        Some(false) => "bad",
        None => "",
    };
    tile(html, "delta-m", &format!("{} %", signed(result.delta_m)), sign, verdict(result.delta_m));
    let (joint, single) = (result.joint.parameters, result.single_parameters());
    let share = if single == 0 {
        String::new()
    } else {
        format!("{:.0} % of the {} single-task ones", 100.0 * joint as f64 / single as f64, thousands(single))
    };
    tile(html, "parameters", &thousands(joint), "", &share);
    let alone = format!("{:.1} s for the single-task networks", result.single_seconds());
    tile(html, "training time", &format!("{:.1} s", result.joint.seconds), "", &alone);
    html.push_str("</section>\n");
    if let Some(gist) = gist(result) {
        let _ = writeln!(html, "<p class=\"gist\">{}</p>", escape(&gist));
    }
}

fn tile(html: &mut String, name: &str, value: &str, class: &str, beside: &str) {
    let _ = writeln!(
        html,
        "<div class=\"tile\"><span>{}</span><strong class=\"{class}\">{}</strong><span>{}</span></div>",
        escape(name),
        escape(value),
        escape(beside)
    );
}

/// Test pictures and what the joint network says about them.
fn samples(html: &mut String, result: &RunResult, settings: &Settings) {
    if result.samples.is_empty() {
        return;
    }
    html.push_str(
        "<h2>What the joint network sees</h2>\n<p class=\"lead\">Test pictures with its answers, left and right; where it is wrong, the truth \
         stands in brackets.</p>\n<div class=\"samples\">\n",
    );
    for sample in &result.samples {
        let _ = writeln!(
            html,
            "<figure class=\"sample\"><img alt=\"\" width=\"28\" height=\"28\" src=\"{}\"><figcaption>{}</figcaption></figure>",
            picture::address(&sample.image),
            answers(sample, settings)
        );
    }
    html.push_str("</div>\n");
}

fn answers(sample: &Sample, settings: &Settings) -> String {
    let one = |(task, (&answer, &truth)): (usize, (&u8, &u8))| {
        let name = settings.set.class_name(task, answer);
        if answer == truth {
            format!("<span class=\"good\">{name}</span>")
        } else {
            format!("<span class=\"bad\">{name} ({})</span>", settings.set.class_name(task, truth))
        }
    };
    let all: Vec<String> = sample.answer.iter().zip(&sample.truth).enumerate().map(one).collect();
    all.join(" · ")
}

/// The final table.
fn numbers(html: &mut String, result: &RunResult) {
    let _ = write!(
        html,
        "<h2>Final numbers</h2>\n<div class=\"sheet\"><table>\n<thead>\n\
         <tr><th></th><th class=\"group\" colspan=\"2\">one joint network</th>\
         <th class=\"group\" colspan=\"2\">{} single-task networks</th></tr>\n\
         <tr><th>task</th><th>test loss</th><th>accuracy</th><th>test loss</th><th>accuracy</th></tr>\n</thead>\n<tbody>\n",
        result.single.len()
    );
    for (k, task) in result.tasks.iter().enumerate() {
        let single = result.single.get(k).and_then(|history| history.last(task));
        let _ = writeln!(
            html,
            "<tr><th>{}</th>{}{}</tr>",
            escape(task),
            cells(result.joint.last(task).map(|m| (m.test_loss, m.test_accuracy))),
            cells(single.map(|m| (m.test_loss, m.test_accuracy)))
        );
    }
    let (joint, single) = (result.joint_mean(), result.single_mean());
    let mean = |mean: Mean| (mean.test_loss, mean.test_accuracy);
    let _ = writeln!(html, "<tr><th>mean</th>{}{}</tr>", cells(joint.map(mean)), cells(single.map(mean)));
    let wide = |name: &str, joint: String, single: String| {
        format!("<tr><th>{name}</th><td colspan=\"2\">{joint}</td><td colspan=\"2\">{single}</td></tr>\n")
    };
    html.push_str(&wide(
        "parameters",
        thousands(result.joint.parameters),
        thousands(result.single_parameters()),
    ));
    html.push_str(&wide(
        PER_PARAMETERS,
        points(joint, result.joint.parameters),
        points(single, result.single_parameters()),
    ));
    html.push_str(&wide(
        "seconds",
        format!("{:.1}", result.joint.seconds),
        format!("{:.1}", result.single_seconds()),
    ));
    let delta = format!("{} %", signed(result.delta_m));
    html.push_str(&wide("delta-m", delta, verdict(result.delta_m).to_owned()));
    html.push_str("</tbody>\n</table></div>\n");
    let _ = writeln!(html, "<p class=\"note\">{DELTA_M}</p>");
    if let Some(error) = joint.and_then(|mean| standard_error(mean.test_accuracy, result.test_pictures)) {
        let _ = writeln!(
            html,
            "<p class=\"note\">An accuracy over {} test pictures has a standard error of about {error:.1} points: a smaller \
             difference may be chance.</p>",
            thousands(result.test_pictures)
        );
    }
}

/// A loss and an accuracy.
fn cells(numbers: Option<(f64, f64)>) -> String {
    match numbers {
        Some((loss, accuracy)) => format!("<td>{loss:.4}</td><td>{}</td>", percent(accuracy)),
        None => "<td>-</td><td>-</td>".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// What was chosen for the run.
fn choices(html: &mut String, result: &RunResult, settings: &Settings) {
    html.push_str("<h2>Settings</h2>\n<div class=\"sheet\"><table class=\"settings\">\n<tbody>\n");
    let data = match &settings.data_dir {
        Some(folder) => format!("<code>{}</code>", escape(&folder.display().to_string())),
        None => "the pictures inside the program".to_owned(),
    };
    let fresh = settings.pairs.name();
    let balance = match (settings.weights, settings.place) {
        (Some([left, right]), _) => format!("fixed weights {left} and {right}"),
        (None, Place::Parameters) => settings.balance.name().to_owned(),
        (None, place) => format!("{}, at {}", settings.balance.name(), place.name()),
    };
    for (name, value) in [
        ("set", settings.set.name().to_owned()),
        ("pairs", fresh.to_owned()),
        ("data", data),
        ("balance", balance),
        ("epochs", settings.epochs.to_string()),
        ("training pictures in an epoch", thousands(result.train_pictures)),
        ("batch", settings.batch.to_string()),
        ("learning rate", settings.lr.to_string()),
        ("seed", settings.seed.to_string()),
        ("threads", settings.threads.to_string()),
    ] {
        let _ = writeln!(html, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

/// What lies beside the page, and whose pictures it shows.
fn footer(html: &mut String, settings: &Settings) {
    let _ = write!(
        html,
        "<footer>\n<p>Beside this page: <code>{SETTINGS}</code>, <code>{METRICS}</code> (a line for each network and epoch), \
         <code>{WEIGHTS}</code>.</p>\n"
    );
    let origins = settings.set.origins();
    if origins.contains(&Origin::Mnist) {
        html.push_str(
            "<p>Digits: MNIST database, Yann LeCun and Corinna Cortes, CC BY-SA 3.0; pictures composed from them are under the \
             same licence.</p>\n",
        );
    }
    if origins.contains(&Origin::Fashion) {
        html.push_str("<p>Clothes: Fashion-MNIST, copyright 2017 Zalando SE, MIT licence.</p>\n");
    }
    html.push_str("</footer>\n");
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, UNIX_EPOCH};

    use super::page;
    use crate::data::{Library, Source, Split};
    use crate::history::{EpochMetrics, History, RunResult, Sample, TaskMetrics};
    use crate::settings::{Request, Settings, parse};

    /// A plausible run that never was: curves that fall and rise smoothly with a little noise to fixed ends.
    pub(crate) fn made_up(epochs: usize) -> RunResult {
        let tasks = ["left", "right"];
        let ends = |joint| {
            if joint { [(0.2013, 0.9405), (0.2550, 0.9231)] } else { [(0.2150, 0.9360), (0.2718, 0.9202)] }
        };
        let history = |model: &str, kept: &[usize], joint: bool| {
            let metrics = |epoch: usize| {
                let far = (-(epoch as f64) / 2.5).exp() - (-(epochs as f64) / 2.5).exp();
                let wobble = 0.004
                    * ((epoch * (kept.len() + kept[0] * 3)) as f64 * 1.7).sin()
                    * f64::from(epoch != epochs);
                let task = |&k: &usize| {
                    let (loss, accuracy) = ends(joint)[k];
                    TaskMetrics {
                        task: tasks[k].to_owned(),
                        train_loss: 0.7 * loss
                            + (1.3 + 0.4 * f64::from(joint)) * far
                            + 0.1 * loss * kept.len() as f64,
                        test_loss: loss + 1.1 * far + wobble,
                        test_accuracy: accuracy - 0.45 * far - wobble,
                        weight: joint.then_some(0.5 + (k as f64 - 0.5) * 0.2 * (1.0 - far)),
                    }
                };
                let tasks = kept.iter().map(task).collect();
                EpochMetrics { model: model.to_owned(), epoch, seconds: 1.3, tasks }
            };
            let (parameters, seconds) = if joint { (27_450, 20.4) } else { (24_390, 19.05) };
            History {
                model: model.to_owned(),
                parameters,
                seconds,
                epochs: (1..=epochs).map(metrics).collect(),
            }
        };
        let test =
            Source::read(&Library::BuiltIn, crate::data::multimnist::Set::MultiMnist, Split::Test).unwrap();
        let drawn = test.draw(20, 2);
        let sample = |i: usize| Sample {
            image: drawn.image(i).try_into().unwrap(),
            truth: vec![drawn.left[i], drawn.right[i]],
            answer: vec![drawn.left[i], if i == 7 { (drawn.right[i] + 1) % 10 } else { drawn.right[i] }],
        };
        RunResult {
            tasks: tasks.map(str::to_owned).into(),
            joint: history("joint", &[0, 1], true),
            single: vec![history("left", &[0], false), history("right", &[1], false)],
            delta_m: -0.3977,
            train_pictures: 20_000,
            test_pictures: 2000,
            samples: (0..20).map(sample).collect(),
        }
    }

    fn settings() -> Settings {
        match parse(["tress", "--seed", "7", "--balance", "mgda"]) {
            Ok(Request::Train(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn rendered(epochs: usize, settings: &Settings) -> String {
        page(&made_up(epochs), settings, UNIX_EPOCH + Duration::from_secs(1_735_689_600))
    }

    #[test]
    fn the_page_stands_alone_and_is_well_nested() {
        let html = rendered(15, &settings());
        for outside in ["http", "//", "<script", "<link", "@import", "url("] {
            let inside = html.replace("data:image/png;base64,", "");
            let found =
                inside.lines().filter(|line| !line.contains("<img")).find(|line| line.contains(outside));
            assert_eq!(found, None, "{outside}");
        }
        let mut open = Vec::new();
        for tag in html.split('<').skip(2).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.split_whitespace().next().unwrap();
            if let Some(closed) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed), "</{closed}> closes something else");
            } else if !tag.ends_with('/') && !["meta", "img"].contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    #[test]
    fn the_page_holds_the_numbers_the_settings_and_the_credits() {
        let html = rendered(15, &settings());
        for part in [
            "94.05 %",
            "92.31 %",
            "0.2013",
            "<strong class=\"good\">-0.40 %</strong><span>negative: joint is better</span>",
            "negative: the joint network is better.",
            "0.37 points above the separate ones, with 56 % of their parameters",
            "<tr><th>mean</th><td>0.2282</td><td>93.18 %</td>",
            "33.9 points",
            "standard error of about 0.6 points",
            "27,450",
            "48,780",
            "<td>mgda</td>",
            "2025-01-01",
            "CC BY-SA 3.0",
            "Task weights",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert_eq!(html.matches("<svg viewBox=\"0 0 520 300\"").count(), 5);
        assert_eq!(html.matches("<img").count(), 20);
        assert!(!html.contains("Zalando"));
    }

    #[test]
    fn weights_that_never_move_have_no_chart() {
        let mut result = made_up(15);
        for task in result.joint.epochs.iter_mut().flat_map(|epoch| &mut epoch.tasks) {
            task.weight = Some(1.0);
        }
        let html = page(&result, &settings(), UNIX_EPOCH);
        assert!(!html.contains("Task weights"));
        assert_eq!(html.matches("<svg viewBox=\"0 0 520 300\"").count(), 4);
    }

    #[test]
    fn a_hostile_folder_name_stays_text() {
        let hostile = Settings { data_dir: Some(PathBuf::from("<b onload=\"x\">&")), ..settings() };
        let html = rendered(2, &hostile);
        assert!(html.contains("&lt;b onload=&quot;x&quot;&gt;&amp;") && !html.contains("<b onload"));
    }

    #[test]
    fn runs_of_no_epoch_one_epoch_and_many_epochs_have_a_page() {
        for epochs in [0, 1, 300] {
            let html = rendered(epochs, &settings());
            assert!(html.ends_with("</html>\n") && !html.contains("NaN"), "{epochs} epochs");
        }
    }
}
