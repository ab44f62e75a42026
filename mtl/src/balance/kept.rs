//! Whose the numbers of a method's state are, so that a part of the tasks can be served with what belongs to them.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// One part of a state, as [`Weighting::save`](super::Weighting::save) gives it for K tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// So many numbers of no task: a number of steps, say.
    Common(usize),
    /// One number for each task.
    Task,
    /// One number for each task, from 0 up, which sum to one. Some of the tasks keep their sum among all.
    Shares,
    /// The logarithms of such shares, but for a common factor.
    LogShares,
    /// One number for each pair of tasks, K x K.
    Pairs,
    /// One row for each task, all of one length, which is that of what is left: the last part.
    Rows,
}

/// The length of each part of a state of so many numbers for K tasks; `None` where it is not made of these parts.
fn lengths(kept: &[Kept], tasks: usize, state: usize) -> Option<Vec<usize>> {
    let mut left = state;
    let mut lengths = Vec::with_capacity(kept.len());
    for part in kept {
        let length = match part {
            Kept::Common(count) => *count,
            Kept::Task | Kept::Shares | Kept::LogShares => tasks,
            Kept::Pairs => tasks * tasks,
            Kept::Rows => left,
        };
        left = left.checked_sub(length)?;
        lengths.push(length);
    }
    let rows = matches!(kept.last(), Some(Kept::Rows)).then(|| lengths.last().copied()).flatten();
    (left == 0 && rows.unwrap_or(0).is_multiple_of(tasks)).then_some(lengths)
}

/// Whether a state of so many numbers is made of these parts.
pub(crate) fn fits(kept: &[Kept], tasks: usize, state: usize) -> bool {
    lengths(kept, tasks, state).is_some()
}

fn parts<'s>(kept: &[Kept], tasks: usize, mut state: &'s [f64]) -> Result<Vec<&'s [f64]>> {
    let wrong = Error::State { what: "it is not made of the parts that the method names" };
    let lengths = lengths(kept, tasks, state.len()).ok_or(wrong)?;
    Ok(lengths
        .into_iter()
        .map(|length| {
            let (part, rest) = state.split_at(length);
            state = rest;
            part
        })
        .collect())
}

/// The logarithm of `Σ exp`.
fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(logs.map(|log| libm::exp(log - largest)).sum())
}

/// Of a state for K tasks, that for some of them.
pub(crate) fn of_some(kept: &[Kept], tasks: usize, whole: &[f64], some: &[usize]) -> Result<Vec<f64>> {
    let mut state = Vec::new();
    for (kept, part) in kept.iter().zip(parts(kept, tasks, whole)?) {
        match kept {
            Kept::Common(_) => state.extend_from_slice(part),
            Kept::Task | Kept::LogShares => state.extend(some.iter().map(|&k| part[k])),
            Kept::Shares => {
                let sum: f64 = some.iter().map(|&k| part[k]).sum();
                // Tasks that have no share at all begin equal.
                let share = |k: usize| if sum > 0.0 { part[k] / sum } else { 1.0 / some.len() as f64 };
                state.extend(some.iter().map(|&k| share(k)));
            }
            Kept::Pairs => {
                state.extend(some.iter().flat_map(|&i| some.iter().map(move |&j| part[i * tasks + j])));
            }
            Kept::Rows => {
                let width = part.len() / tasks;
                some.iter().for_each(|&k| state.extend_from_slice(&part[k * width..][..width]));
            }
        }
    }
    Ok(state)
}

/// A state for K tasks, with that of some of them put in; the others keep theirs.
pub(crate) fn with_some(
    kept: &[Kept],
    tasks: usize,
    whole: &[f64],
    some: &[usize],
    state: &[f64],
) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for ((kept, before), now) in
        kept.iter().zip(parts(kept, tasks, whole)?).zip(parts(kept, some.len(), state)?)
    {
        let mut part = before.to_vec();
        match kept {
            Kept::Common(_) => part = now.to_vec(),
            Kept::Task => some.iter().zip(now).for_each(|(&k, &number)| part[k] = number),
            Kept::Shares => {
                let sum: f64 = some.iter().map(|&k| before[k]).sum();
                some.iter().zip(now).for_each(|(&k, &share)| part[k] = share * sum);
            }
            Kept::LogShares => {
                let shift = log_sum(some.iter().map(|&k| before[k])) - log_sum(now.iter().copied());
                some.iter().zip(now).for_each(|(&k, &log)| part[k] = log + shift);
            }
            Kept::Pairs => {
                for (&i, row) in some.iter().zip(now.chunks_exact(some.len())) {
                    some.iter().zip(row).for_each(|(&j, &number)| part[i * tasks + j] = number);
                }
            }
            Kept::Rows => {
                let width = now.len() / some.len();
                if part.is_empty() {
                    // The first step has shown how long a row is; nobody else has one yet.
                    part = vec![0.0; tasks * width];
                }
                if part.len() != tasks * width {
                    return Err(Error::GradientWidth { expected: part.len() / tasks, found: width });
                }
                for (&k, row) in some.iter().zip(now.chunks_exact(width.max(1))) {
                    part[k * width..][..width].copy_from_slice(row);
                }
            }
        }
        all.extend(part);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Kept; 6] =
        [Kept::Common(2), Kept::Task, Kept::Shares, Kept::LogShares, Kept::Pairs, Kept::Rows];

    #[test]
    fn some_tasks_take_theirs_and_bring_it_back() {
        let whole: Vec<f64> = [
            &[7.0, 8.0][..],
            &[1.0, 2.0, 3.0],
            &[0.5, 0.3, 0.2],
            &[0.0, -1.0, -2.0],
            &[0.0, 0.1, 0.2, 1.0, 1.1, 1.2, 2.0, 2.1, 2.2],
            &[10.0, 11.0, 20.0, 21.0, 30.0, 31.0],
        ]
        .concat();
        let some = of_some(&EVERY, 3, &whole, &[0, 2]).unwrap();
        let expected =
            [7.0, 8.0, 1.0, 3.0, 0.5 / 0.7, 0.2 / 0.7, 0.0, -2.0, 0.0, 0.2, 2.0, 2.2, 10.0, 11.0, 30.0, 31.0];
        assert_eq!(some, expected);
        let back = with_some(&EVERY, 3, &whole, &[0, 2], &some).unwrap();
        assert!(back.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-15), "{back:?}");

        // What moves among some leaves the others where they were, and their sum of shares too.
        let moved: Vec<f64> =
            [9.0, 8.0, 4.0, 5.0, 0.1, 0.9, -3.0, 0.0, 0.0, 0.3, 0.4, 0.0, 1.0, 2.0, 3.0, 4.0].to_vec();
        let back = with_some(&EVERY, 3, &whole, &[0, 2], &moved).unwrap();
        assert_eq!(back[..5], [9.0, 8.0, 4.0, 2.0, 5.0]);
        assert!((back[5] - 0.07).abs() < 1e-15 && back[6] == 0.3 && (back[7] - 0.63).abs() < 1e-15);
        let (before, after) = (log_sum([0.0, -2.0].into_iter()), log_sum([back[8], back[10]].into_iter()));
        assert!(
            (before - after).abs() < 1e-12 && back[9] == -1.0 && (back[10] - back[8] - 3.0).abs() < 1e-12
        );
        assert_eq!(back[11..20], [0.0, 0.1, 0.3, 1.0, 1.1, 1.2, 0.4, 2.1, 0.0]);
        assert_eq!(back[20..], [1.0, 2.0, 20.0, 21.0, 3.0, 4.0]);
    }

    #[test]
    fn what_is_not_made_of_the_parts_is_refused() {
        assert!(fits(&[], 3, 0) && !fits(&[], 3, 1));
        assert!(fits(&[Kept::Task], 3, 3) && !fits(&[Kept::Task], 3, 2) && !fits(&[Kept::Task], 3, 4));
        assert!(fits(&[Kept::Common(1), Kept::Rows], 3, 7) && !fits(&[Kept::Common(1), Kept::Rows], 3, 6));
        // Rows that come up in a step of some.
        let grown = with_some(&[Kept::Rows], 3, &[], &[1], &[5.0, 6.0]).unwrap();
        assert_eq!(grown, [0.0, 0.0, 5.0, 6.0, 0.0, 0.0]);
        assert!(with_some(&[Kept::Rows], 3, &grown, &[1], &[5.0]).is_err());
        assert!(of_some(&[Kept::Shares], 2, &[0.0, 1.0], &[0]).unwrap() == [1.0]);
    }
}
