//! The order of names that may be numbers.

use std::borrow::Cow;

/// Sorts items by the value of their names, where all of them are whole numbers (2 comes before 10); else nothing is changed.
/// Names of one value, such as 1 and 01, stay in the order in which they are.
pub(crate) fn by_value<A>(items: &mut [A], name: impl Fn(&A) -> Cow<'_, str>) {
    if items.iter().all(|item| whole_number(&name(item)).is_some()) {
        items.sort_by_cached_key(|item| whole_number(&name(item)));
    }
}

/// The value of a word that is a whole number, also where a zero behind a point says so: `7`, `-3`, `+1`, `10.0`.
fn whole_number(word: &str) -> Option<i128> {
    word.strip_suffix(".0").unwrap_or(word).parse().ok()
}
