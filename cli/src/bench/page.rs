//! The figures as one HTML page that needs nothing else.

use std::fmt::Write;
use std::time::SystemTime;

use tress_benches::limits::Limits;

use super::{Figure, GROUPS, bandwidth, roofline, text};
use crate::report::escape;
use crate::run_folder::utc;

/// The page.
pub(super) fn page(limits: &Limits, figures: &[Figure], when: SystemTime) -> String {
    let [year, month, day, hour, minute, _] = utc(when);
    let threads =
        if limits.threads == 1 { "one thread".to_owned() } else { format!("{} threads", limits.threads) };
    let mut html = String::with_capacity(64 << 10);
    // Writing to a string cannot fail; the results are of no use here and below.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tress: this machine</title>\n\
         <style>\n{}{}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>Tress on this machine</h1>\n\
         <p>Version {}, {} instructions, {threads}; measured on {year:04}-{month:02}-{day:02} at {hour:02}:{minute:02} \
         UTC.</p>\n</header>\n",
        include_str!("../report/page.css"),
        include_str!("page.css"),
        env!("CARGO_PKG_VERSION"),
        limits.level.name(),
    );
    tiles(&mut html, limits);
    if let Some(svg) = roofline::draw(limits, figures) {
        plot(
            &mut html,
            "Roofline",
            "Each mark is a product or a convolution, by its number in the tables below. Its roof is that of the memory that its \
             numbers come from, at its own footprint: a slope is drawn for the most that each place gives. Above the level roof of \
             arithmetic lies only what needs fewer operations than are counted: convolutions of 3 x 3 are counted as they are defined, \
             and computed by Winograd's algorithm.",
            &svg,
        );
    }
    if let Some(svg) = bandwidth::draw(limits, figures) {
        plot(
            &mut html,
            "Bandwidth",
            "Each mark is a pass over memory. The line is the most that a copy or a plain read of so many bytes moves; the broken \
             line, for optimisers, what is moved where numbers are changed in place: they are counted as read and as written, and \
             come but once. A pass far below its line does arithmetic meanwhile; its table names the limit that binds.",
            &svg,
        );
    }
    for (group, title) in GROUPS {
        let mut rows = figures.iter().enumerate().filter(|(_, figure)| figure.group() == group).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let _ = write!(
            html,
            "<h2>{title}</h2>\n<div class=\"sheet\">\n<table>\n<thead><tr><th>workload</th><th>time</th><th>rate</th>\
             <th>of the limit</th><th>limit</th></tr></thead>\n<tbody>\n"
        );
        for (k, figure) in rows {
            row(&mut html, k + 1, figure);
        }
        html.push_str("</tbody>\n</table>\n</div>\n");
    }
    html.push_str(
        "<footer><p>Times are the shortest of many samples. The limit of a workload is the longer of two times: its \
         operations at the machine's rate of multiply-adds (of f64 where its name says so), and its bytes at the most that a copy or a plain read \
         moves at that footprint (or a change in place, for optimisers).</p>",
    );
    if let Some(sentence) = text::disturbed(figures) {
        let _ = write!(html, "<p>{sentence}</p>");
    }
    html.push_str("</footer>\n</main>\n</body>\n</html>\n");
    html
}

fn plot(html: &mut String, title: &str, about: &str, svg: &str) {
    let _ = writeln!(html, "<h2>{title}</h2>\n<p>{about}</p>\n<figure class=\"chart\">\n{svg}</figure>");
}

fn tiles(html: &mut String, limits: &Limits) {
    html.push_str("<section class=\"tiles\" aria-label=\"Limits of the machine\">\n");
    let mut tile = |name: &str, value: String| {
        let _ = writeln!(html, "<div class=\"tile\"><span>{name}</span><strong>{value}</strong></div>");
    };
    tile("multiply-adds of f32", format!("{:.0} Gflop/s", limits.peak * 1e-9));
    tile("multiply-adds of f64", format!("{:.0} Gflop/s", limits.peak_f64 * 1e-9));
    for place in &limits.memory.places {
        tile(&format!("to and from {}", place.name), format!("{:.0} GB/s", place.speed * 1e-9));
    }
    tile("fresh pages", format!("{:.1} GB/s", limits.fresh * 1e-9));
    if let Some(wake) = limits.wake {
        tile("waking a thread", text::time(wake));
    }
    html.push_str("</section>\n");
}

fn row(html: &mut String, number: usize, figure: &Figure) {
    let part = figure.fraction().map_or_else(String::new, |part| {
        let width = (100.0 * part).clamp(0.0, 100.0);
        format!(
            "<span class=\"bar\"><span style=\"width:{width:.0}%\"></span></span> {:.0}&nbsp;%",
            100.0 * part
        )
    });
    let _ = writeln!(
        html,
        "<tr><th><span class=\"number {}\">{number}</span> {}</th><td>{}</td><td>{}</td><td>{part}</td><td>{}</td></tr>",
        figure.group(),
        escape(figure.short()),
        text::time_marked(figure),
        text::rate(figure),
        figure.bound.unwrap_or_default(),
    );
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::tests::{figures, machine};
    use super::page;

    #[test]
    fn the_page_is_whole_and_asks_for_nothing_from_elsewhere() {
        let html = page(&machine(), &figures(), UNIX_EPOCH);
        for part in
            ["a &lt; b", "1970-01-01", "waking a thread", "4.0 us", "Products", "Small operations", "</html>"]
        {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("src=") && !html.contains("href="), "nothing is loaded");
        assert!(!html.contains("Convolutions"), "a group without figures has no table");
        for tag in ["table", "section", "div", "figure", "svg", "main"] {
            let open = html.matches(&format!("<{tag}")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
