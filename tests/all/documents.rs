//! Figures of the documents that scripts count.

use std::process::Command;

/// The README says how many lines the rules have; the script that it names counts them.
#[cfg(unix)]
#[test]
fn the_readme_has_the_lines_that_its_script_counts() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("sh").arg(folder.join("benches/scripts/rule_lines.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let count = |row: &str| -> usize {
        let line = text.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("{row}: {text}"));
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    let operations = ["functions in the table", "functions of two numbers", "other operations"]
        .map(|row| count(&format!("tress: {row}")))
        .iter()
        .sum::<usize>();
    let row = format!(
        "| {} + {} | {operations} operations |",
        count("tress: all of autograd/src/rule"),
        count("tress: table of functions")
    );
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(readme.contains(&row), "the README is to have the row {row}");
}
