//! What `tress tune` may set: the names, what their ranges may hold, and the network that a setting makes.

use clap::ValueEnum;
use tress::nn::search::{Choice, Dimension, Range, Setting, Space};

use crate::error::Error;
use crate::settings::Balance;
use crate::study::{Budget, Cell, Kind, METHOD_SETTINGS, Recipe};

/// The names that every space may have, and what they are.
pub(super) const NAMES: [(&str, &str); 6] = [
    ("lr", "highest learning rate"),
    ("decay", "decoupled weight decay"),
    ("batch", "samples in a training step"),
    ("width", "how many times as wide as usual the layers are"),
    ("dropout", "the share of the features that is dropped"),
    ("method", "how the tasks are balanced"),
];

/// The space of a subject with this usual rate and batch, where the user declares none.
pub(super) fn usual(rate: f64, batch: usize) -> Vec<String> {
    vec![
        format!("lr={}..{}:log", short(rate / 10.0), short(rate * 10.0)),
        "decay=0.0001..1:log".to_owned(),
        format!("batch={},{batch},{}", (batch / 2).max(1), batch * 2),
        "width=0.5,1,2".to_owned(),
        "dropout=0..0.5".to_owned(),
        "method=equal,uncertainty,cagrad,upgrad".to_owned(),
        "cagrad.c=0.1..0.9".to_owned(),
    ]
}

/// A number as one would write it.
fn short(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

/// The space that some lines declare, for so many tasks. The setting of a method is drawn only where that method is.
///
/// # Errors
/// [`Error::Usage`] for a line that is no range, a name that cannot be set, or a range with a value that cannot be.
pub(super) fn declared(lines: &[String], tasks: usize) -> Result<Space, Error> {
    let mut space = Space::new();
    for line in lines {
        let wrong = |why: String| Error::Usage(format!("--space {line}: {why}"));
        let mut dimension: Dimension = line.parse().map_err(|e: tress::nn::Error| wrong(e.to_string()))?;
        let name = dimension.name().to_owned();
        if let Some((method, setting)) = name.split_once('.') {
            let is_known = METHOD_SETTINGS.iter().any(|(m, s, _)| (*m, *s) == (method, setting));
            let weight =
                setting.parse::<usize>().ok().filter(|k| method == "weight" && (1..=tasks).contains(k));
            let owner = match (is_known, weight) {
                (true, _) => method,
                (_, Some(_)) => Balance::EQUAL.name(),
                _ => {
                    let known: Vec<String> =
                        METHOD_SETTINGS.iter().map(|(m, s, _)| format!("{m}.{s}")).collect();
                    return Err(wrong(format!(
                        "there is no `{name}`; of methods there are {}, and weight.1 to weight.{tasks}, the weights of the \
                         losses under `equal`",
                        known.join(", ")
                    )));
                }
            };
            let has_method = space.dimensions().iter().any(|other| other.name() == "method");
            if has_method {
                dimension = dimension.given("method", owner);
            } else if weight.is_none() {
                return Err(wrong(format!("needs the method itself; put --space method={method} before it")));
            }
        } else if !NAMES.iter().any(|(own, _)| *own == name) {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            return Err(wrong(format!("there is no `{name}`; choose among {}", known.join(", "))));
        }
        for value in ends(dimension.range()) {
            check(&name, &value).map_err(&wrong)?;
            if let (Some((method, setting)), Choice::Number(value)) = (name.split_once('.'), &value)
                && let Some((own, setting, _)) =
                    METHOD_SETTINGS.into_iter().find(|(m, s, _)| (*m, *s) == (method, setting))
            {
                let balance = Balance(own.parse().map_err(|e: tress::mtl::Error| wrong(e.to_string()))?);
                let cell = Cell::new(Kind::Set(balance, vec![(setting, *value)]), 1e-3, 1);
                cell.balance(tasks).map_err(|e| wrong(format!("{value} cannot be: {e}")))?;
            }
        }
        space.add(dimension).map_err(|e| wrong(e.to_string()))?;
    }
    if space.dimensions().is_empty() {
        return Err(Error::Usage("there is nothing to tune; declare a range with --space".to_owned()));
    }
    Ok(space)
}

/// All values that have to be possible for all of the range to be.
fn ends(range: &Range) -> Vec<Choice> {
    match range {
        Range::Uniform(low, high) | Range::Log(low, high) => {
            vec![Choice::Number(*low), Choice::Number(*high)]
        }
        Range::OneOf(choices) => choices.clone(),
    }
}

/// Whether a value can be.
fn check(name: &str, value: &Choice) -> Result<(), String> {
    let number = match value {
        Choice::Name(word) if name == "method" => {
            let known = Balance::value_variants().iter().any(|balance| balance.name() == *word);
            return match known {
                true => Ok(()),
                false => Err(format!("there is no method `{word}`; `tress train --help` lists them")),
            };
        }
        Choice::Name(word) => return Err(format!("`{word}` is no number")),
        Choice::Number(_) if name == "method" => return Err("a method has a name".to_owned()),
        Choice::Number(number) => *number,
    };
    let (fits, wanted) = match name {
        "lr" => (number as f32 > 0.0, "a learning rate above 0"),
        "decay" => (number >= 0.0, "a decay of 0 or more"),
        "batch" => ((1.0..=20_000.0).contains(&number), "a batch of 1 to 20000 samples"),
        "width" => (number > 0.0 && number <= 16.0, "a width above 0 and 16 at most"),
        "dropout" => ((0.0..1.0).contains(&number), "a dropout of 0 or more and below 1"),
        _ if name.starts_with("weight.") => (number > 0.0, "a weight above 0"),
        _ => (true, ""),
    };
    if fits { Ok(()) } else { Err(format!("{number} cannot be; {wanted} is wanted")) }
}

/// The network of a setting; what the setting does not say is as usual.
///
/// # Errors
/// [`Error::Training`] for a method that is none, which [`declared`] rules out.
pub(super) fn cell(
    setting: &Setting,
    rate: f64,
    budget: Budget,
    tasks: usize,
    seed: u64,
) -> Result<Cell, Error> {
    let number = |name: &str| setting.number(name);
    let method = setting.word("method").unwrap_or(Balance::EQUAL.name());
    let balance = Balance(method.parse().map_err(crate::train::training)?);
    let weights: Vec<Option<f64>> = (1..=tasks).map(|task| number(&format!("weight.{task}"))).collect();
    let of_method: Vec<(&'static str, f64)> = METHOD_SETTINGS
        .into_iter()
        .filter(|(own, _, _)| *own == method)
        .filter_map(|(own, name, _)| Some((name, number(&format!("{own}.{name}"))?)))
        .collect();
    let kind = if weights.iter().any(Option::is_some) && balance == Balance::EQUAL {
        // Their sum is K, so that the scale of the losses is not tuned twice.
        let given: Vec<f64> = weights.iter().map(|weight| weight.unwrap_or(1.0)).collect();
        let sum: f64 = given.iter().sum();
        Kind::Fixed(given.iter().map(|weight| weight * tasks as f64 / sum).collect())
    } else if of_method.is_empty() {
        Kind::Method(balance)
    } else {
        Kind::Set(balance, of_method)
    };
    let batch = number("batch").map(|batch| (batch.round() as usize).max(1));
    let recipe = Recipe {
        batch: batch.filter(|&batch| batch != budget.batch),
        decay: number("decay").unwrap_or(0.0),
        width: number("width").unwrap_or(1.0),
        dropout: number("dropout").unwrap_or(0.0),
    };
    Ok(Cell { recipe, ..Cell::new(kind, number("lr").unwrap_or(rate), seed) })
}

#[cfg(test)]
mod tests {
    use super::{cell, declared, usual};
    use crate::study::{Budget, Kind};

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_usual_space_makes_networks_of_every_kind() {
        let space = declared(&usual(0.003, 32), 5).unwrap();
        let budget = Budget { epochs: 4, batch: 32 };
        let cells: Vec<_> = (0..60).map(|i| cell(&space.draw(1, i), 0.003, budget, 5, 1).unwrap()).collect();
        let any = |of: &dyn Fn(&Kind) -> bool| cells.iter().any(|cell| of(&cell.kind));
        assert!(any(&|kind| matches!(kind, Kind::Method(_))));
        assert!(any(
            &|kind| matches!(kind, Kind::Set(balance, set) if balance.name() == "cagrad" && set.len() == 1)
        ));
        assert!(cells.iter().any(|cell| cell.recipe.batch.is_none()));
        assert!(cells.iter().any(|cell| cell.recipe.batch == Some(64)));
        let names: Vec<String> = cells.iter().map(|cell| cell.name()).collect();
        assert!((1..60).all(|i| !names[..i].contains(&names[i])), "{names:?}");
        assert!(cells.iter().all(|cell| cell.balance(5).is_ok()));
    }

    #[test]
    fn weights_are_those_of_equal_alone_and_sum_to_the_tasks() {
        let space = declared(&lines("method=equal,mgda weight.1=0.2..5:log weight.2=1..1"), 3).unwrap();
        for i in 0..20 {
            let setting = space.draw(1, i);
            let cell = cell(&setting, 0.003, Budget { epochs: 4, batch: 32 }, 3, 1).unwrap();
            match (setting.word("method"), &cell.kind) {
                (Some("equal"), Kind::Fixed(weights)) => {
                    assert!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-12);
                    assert!((weights[0] / weights[2] - setting.number("weight.1").unwrap()).abs() < 1e-9);
                }
                (Some("mgda"), Kind::Method(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(declared(&lines("weight.2=0.5..2"), 2).is_ok(), "equal weights are what is usual");
    }

    #[test]
    fn what_cannot_be_tuned_is_refused_with_the_line_and_the_way_out() {
        for (text, part) in [
            ("lr=0..1", "0 cannot be; a learning rate above 0"),
            ("lr=0.1", ""),
            ("rate=0.1..1", "there is no `rate`; choose among lr, decay"),
            ("batch=0,32", "a batch of 1 to 20000"),
            ("batch=many", "`many` is no number"),
            ("dropout=0..1", "below 1 is wanted"),
            ("width=0..2", "above 0 and 16"),
            ("decay=-1..0", "0 or more"),
            ("method=equal,mdga", "no method `mdga`"),
            ("method=1,2", "a method has a name"),
            ("cagrad.c=0..0.5", "put --space method=cagrad before it"),
            ("method=cagrad cagrad.d=0..1", "there is no `cagrad.d`"),
            ("method=cagrad cagrad.c=-1..0.5", "-1 cannot be"),
            ("weight.3=1..2", "weight.1 to weight.2"),
            ("weight.1=0..2", "a weight above 0"),
            ("lr=1e-3..1e-2 lr=1e-3..1e-2", "declared twice"),
        ] {
            match declared(&lines(text), 2) {
                Err(error) if !part.is_empty() => {
                    let error = error.to_string();
                    assert!(error.contains(part) && error.starts_with("--space "), "{text}: {error}");
                }
                Ok(_) if part.is_empty() => {}
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(declared(&[], 2).is_err());
    }
}
