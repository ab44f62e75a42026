//! Search spaces and successive halving.

use tress_nn::Error;
use tress_nn::search::{Choice, Dimension, Halving, Range, Rung, Space};

fn space() -> Space {
    let mut space = Space::new().with("rate=0.0001..0.1:log").unwrap().with("drop=0..0.5").unwrap();
    space.add("method=equal,cagrad".parse().unwrap()).unwrap();
    space.add("cagrad.c=0.1..0.9".parse::<Dimension>().unwrap().given("method", "cagrad")).unwrap();
    space.add("batch=16,32,64".parse().unwrap()).unwrap();
    space
}

#[test]
fn settings_follow_from_seed_and_trial_and_cover_their_ranges() {
    let space = space();
    let drawn: Vec<_> = (0..2_000).map(|trial| space.draw(3, trial)).collect();
    assert_eq!(drawn[17], space.draw(3, 17));
    assert_ne!(drawn[17], space.draw(4, 17));
    let share = |of: &dyn Fn(usize) -> bool| (0..2_000).filter(|&i| of(i)).count() as f64 / 2_000.0;
    // A decade of three: half a deviation of the count is a hundredth.
    let rate = |i: usize| drawn[i].number("rate").unwrap();
    for low in [1e-4, 1e-3, 1e-2] {
        let found = share(&|i| (low..low * 10.0).contains(&rate(i)));
        assert!((found - 1.0 / 3.0).abs() < 0.035, "{low}: {found}");
    }
    assert!((share(&|i| drawn[i].number("drop").unwrap() < 0.125) - 0.25).abs() < 0.035);
    assert!((share(&|i| drawn[i].get("batch") == Some(&Choice::Number(32.0))) - 1.0 / 3.0).abs() < 0.035);
    // What depends on another is there exactly where that has its value.
    for setting in &drawn {
        assert_eq!(
            setting.number("cagrad.c").is_some(),
            setting.word("method") == Some("cagrad"),
            "{setting}"
        );
    }
    assert!((share(&|i| drawn[i].number("cagrad.c").is_some()) - 0.5).abs() < 0.04);
}

#[test]
fn a_further_name_changes_nothing_of_the_others() {
    let (one, other) = (space(), space().with("width=1,2").unwrap());
    for trial in 0..20 {
        let (one, other) = (one.draw(1, trial), other.draw(1, trial));
        assert_eq!(one.values(), &other.values()[..one.values().len()]);
    }
}

#[test]
fn numbers_have_three_digits_and_their_text_is_all_of_them() {
    for (text, low, high) in [("x=1e-7..1e9:log", 1e-7, 1e9), ("x=-3..3", -3.0, 3.0), ("x=5..5", 5.0, 5.0)] {
        let space = Space::new().with(text).unwrap();
        for trial in 0..300 {
            let x = space.draw(9, trial).number("x").unwrap();
            assert!((low..=high).contains(&x));
            let written = format!("{x:e}");
            let digits = written.split('e').next().unwrap().trim_start_matches('-').replace('.', "");
            assert!(digits.len() <= 3, "{x:e}");
            assert_eq!(format!("{x:.2e}").parse::<f64>().unwrap(), x);
        }
    }
}

#[test]
fn what_cannot_be_searched_is_refused_with_the_name_and_the_way_out() {
    for (text, part) in [
        ("rate", "write NAME=LOW..HIGH"),
        ("rate=0..1:log", "above 0"),
        ("rate=2..1", "lower end comes first"),
        ("rate=a..1", "write NAME=LOW..HIGH"),
        ("rate=0..inf", "finite"),
        ("rate=1,,2", "comma too many"),
        ("rate=1,nan", "all choices must be finite"),
        ("=1..2", "a name consists of"),
    ] {
        let error = text.parse::<Dimension>().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(text.split('=').next().unwrap()), "{text}: {error}");
    }
    let twice = Space::new().with("a=1..2").unwrap().with("a=1,2").unwrap_err();
    assert!(twice.to_string().contains("`a` of the search space: declared twice"), "{twice}");
    let early = "b=1..2".parse::<Dimension>().unwrap().given("c", "1");
    assert!(matches!(Space::new().add(early), Err(Error::Dimension { .. })));
    assert!(Dimension::new("a", Range::OneOf(Vec::new())).is_err());
    for dimension in space().dimensions() {
        let again: Dimension = dimension.to_string().parse().unwrap();
        assert_eq!((again.name(), again.range()), (dimension.name(), dimension.range()));
    }
}

#[test]
fn rungs_are_those_of_the_paper() {
    let rungs = |n, epochs, least, factor| Halving::new(n, epochs, least, factor).unwrap().rungs().to_vec();
    let rung = |trials, epochs| Rung { trials, epochs };
    // Hyperband's table 1, s = 4: R = 81, eta = 3.
    assert_eq!(rungs(81, 81, 1, 3), [rung(81, 1), rung(27, 3), rung(9, 9), rung(3, 27), rung(1, 81)]);
    assert_eq!(rungs(10, 12, 3, 2), [rung(10, 3), rung(5, 6), rung(3, 12)]);
    assert_eq!(rungs(1, 1, 1, 2), [rung(1, 1)]);
    assert_eq!(Halving::none(5, 7).unwrap().rungs(), [rung(5, 7)]);
    let halving = Halving::new(10, 12, 3, 2).unwrap();
    assert_eq!(halving.total_epochs(), 10 * 3 + 5 * 3 + 3 * 6);
    for wrong in [(0, 1, 1, 2), (1, 0, 1, 2), (1, 4, 0, 2), (1, 4, 5, 2), (1, 4, 1, 1)] {
        assert!(Halving::new(wrong.0, wrong.1, wrong.2, wrong.3).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_better_ones_go_on_and_failures_never() {
    let halving = Halving::new(6, 4, 1, 2).unwrap(); // 6, 3, 2 trials
    let scores = [Some(0.1), None, Some(0.9), Some(0.5), Some(0.5), Some(f64::NAN)];
    assert_eq!(halving.promoted(0, &scores), [2, 3, 4]);
    assert_eq!(halving.promoted(1, &[Some(0.5), Some(0.5), Some(0.5)]), [0, 1]);
    assert_eq!(halving.promoted(2, &[Some(0.2), Some(0.4)]), [1]);
    assert_eq!(halving.promoted(0, &[None, None]), [0; 0]);
}
