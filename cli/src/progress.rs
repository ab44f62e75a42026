//! Telling how far the training is: a bar on a terminal, one plain line an epoch elsewhere, nothing when asked for quiet.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::history::EpochMetrics;

/// How progress is shown.
#[derive(Debug)]
pub struct Progress {
    show: Show,
    epochs: usize,
    network: String,
}

#[derive(Debug)]
enum Show {
    /// On standard error, so that the table on standard output can still be piped away.
    Bar(Option<ProgressBar>),
    Lines,
    Nothing,
}

impl Progress {
    /// A bar where standard error is a terminal, lines on standard output elsewhere, nothing where `quiet`.
    pub fn new(quiet: bool) -> Progress {
        let show = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Show::Nothing,
            (false, true) => Show::Bar(None),
            (false, false) => Show::Lines,
        };
        Progress { show, epochs: 0, network: String::new() }
    }

    /// A network begins to train for `epochs` epochs of `batches` batches.
    pub fn begin(&mut self, network: &str, epochs: usize, batches: usize) {
        self.epochs = epochs;
        self.network = network.to_owned();
        if let Show::Bar(bar) = &mut self.show {
            let fresh = ProgressBar::with_draw_target(
                Some((epochs * batches) as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            // The template is a constant; were it ever wrong, the default style shows the same bar less prettily.
            if let Ok(style) =
                ProgressStyle::with_template("{prefix:>6.bold} {wide_bar:.cyan/dim} {msg}  {eta:>4} left")
            {
                fresh.set_style(style.progress_chars("━━─"));
            }
            fresh.set_prefix(network.to_owned());
            fresh.set_message(format!("epoch 1/{epochs}"));
            *bar = Some(fresh);
        }
    }

    /// One more batch is done.
    pub fn batch(&self) {
        if let Show::Bar(Some(bar)) = &self.show {
            bar.inc(1);
        }
    }

    /// One more epoch is done.
    pub fn epoch(&self, metrics: &EpochMetrics) {
        match &self.show {
            Show::Bar(Some(bar)) => bar.set_message(in_short(metrics, self.epochs)),
            Show::Lines => say(&line(metrics, self.epochs)),
            _ => {}
        }
    }

    /// The network is trained; `seconds` is what it took.
    pub fn end(&mut self, seconds: f64) {
        if let Show::Bar(bar) = &mut self.show
            && let Some(bar) = bar.take()
        {
            if let Ok(style) = ProgressStyle::with_template("{prefix:>6.bold} {wide_bar:.green/dim} {msg}") {
                bar.set_style(style.progress_chars("━━─"));
            }
            bar.finish_with_message(format!("{}  {seconds:.1} s", bar.message()));
        }
    }

    /// The training is cut short: the bar is taken away, so that an error line stands alone.
    pub fn abandon(&mut self) {
        if let Show::Bar(bar) = &mut self.show
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line to standard output; a reader who went away (`tress | head`) is no reason to stop training.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The epoch that now runs, beside a bar, with the accuracies after the one before it; after the last one, that.
fn in_short(metrics: &EpochMetrics, epochs: usize) -> String {
    let mut text = format!("epoch {}/{epochs}", (metrics.epoch + 1).min(epochs));
    for task in &metrics.tasks {
        text.push_str(&format!("  {} {:.2} %", task.task, 100.0 * task.test_accuracy));
    }
    text
}

/// An epoch as a line of its own.
pub fn line(metrics: &EpochMetrics, epochs: usize) -> String {
    let digits = epochs.to_string().len();
    let mut text = format!("{:<6} epoch {:>digits$}/{epochs}", metrics.model, metrics.epoch);
    for task in &metrics.tasks {
        text.push_str(&format!("  {} {:.4} {:5.2} %", task.task, task.test_loss, 100.0 * task.test_accuracy));
    }
    text.push_str(&format!("  {:.1} s", metrics.seconds));
    text
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::history::{EpochMetrics, TaskMetrics};

    #[test]
    fn a_line_tells_network_epoch_tasks_and_time_within_80_columns() {
        let task = |task: &str, test_loss, test_accuracy| TaskMetrics {
            task: task.to_owned(),
            train_loss: 0.5,
            test_loss,
            test_accuracy,
            weight: None,
        };
        let tasks = vec![task("left", 0.2, 0.9405), task("right", 0.25, 0.0912)];
        let metrics = EpochMetrics { model: "joint".to_owned(), epoch: 3, seconds: 1.26, tasks };
        let text = line(&metrics, 15);
        assert_eq!(text, "joint  epoch  3/15  left 0.2000 94.05 %  right 0.2500  9.12 %  1.3 s");
        assert!(text.len() <= 80);
    }
}
