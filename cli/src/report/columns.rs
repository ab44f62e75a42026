//! Lines of fields as plain text, the fields below one another.

use std::fmt::Write;

/// Lines with their columns below one another: the first and the last to the left, numbers to the right.
pub(crate) fn columns(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mut drawn = String::new();
        for (column, (field, &width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(drawn, "{field:width$}"),
                _ if column + 1 == columns => write!(drawn, "  {field}"),
                _ => write!(drawn, "  {field:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", drawn.trim_end());
        if number == 0 || number + 1 == lines.len() {
            let _ = writeln!(text, "{rule}");
        }
    }
    text
}
