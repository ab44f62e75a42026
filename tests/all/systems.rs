//! Every system learns on a slice of its data: it beats its floor, in each of the columns that stand for it.

use std::fs;
use std::path::PathBuf;

use tress_cli::systems::{ALL, Better, Rows, Run, Size, named, without_feature_layers};
use tress_readers::{Channels, picture};

/// What a system finds on its slice, once it is seen that it beats its floor, that the rows it is compared with are there, and that
/// rows fit the columns. Whether it beats single tasks and linear models is for whole data to say: the documents do.
fn slice(name: &str) -> Rows {
    let _level = crate::level::stays(); // what is trained from a seed is the same each time
    let system = named(name).unwrap();
    let folder = folder(name);
    let _ = fs::remove_dir_all(&folder); // of an earlier run, if there was one
    fs::create_dir_all(&folder).unwrap();
    let rows = (system.run)(&Run { size: Size::Slice, seed: 1, folder: Some(&folder) }).unwrap();
    assert!(rows.iter().all(|(_, row)| row.len() == system.columns.len()), "{rows:?}");
    let floor = row(&rows, system.floor);
    let (own, alone) = (row(&rows, system.tress), row(&rows, system.alone));
    let linear = (!system.linear.is_empty()).then(|| row(&rows, system.linear));
    let mut headlines = 0;
    for (place, column) in system.columns.iter().enumerate().filter(|(_, column)| column.is_headline) {
        let beats = match column.better {
            Better::Higher => own[place] > floor[place],
            Better::Lower => own[place] < floor[place],
            Better::Neither => false,
        };
        assert!(beats, "{}: {} beside a floor of {}", column.name, own[place], floor[place]);
        assert!(alone[place].is_finite() && linear.as_ref().is_none_or(|row| row[place].is_finite()));
        headlines += 1;
    }
    assert!(headlines > 0, "a system has a headline");
    rows
}

fn row(rows: &Rows, name: &str) -> Vec<f64> {
    rows.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("{name}: {rows:?}")).1.clone()
}

/// Where the slice of a system leaves pictures.
fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("systems").join(name)
}

/// Eight scenes are left as pictures, with the boxes that are there in green, and in some of them boxes that were found in orange.
fn scenes_are_left() {
    let mut with_found = 0;
    for scene in 0..8 {
        let name = format!("seed1-scene{scene}.png");
        let bytes = fs::read(folder("detection").join(&name)).unwrap();
        let picture = picture(&name, &bytes, Channels::Colour).unwrap();
        assert_eq!([picture.height, picture.width], [256; 2], "{name}");
        let has = |colour: [u8; 3]| picture.bytes.chunks_exact(3).any(|pixel| pixel == colour);
        assert!(has([60, 220, 90]), "{name}");
        with_found += usize::from(has([255, 150, 30]));
    }
    assert!(with_found > 0, "no box was found in any of the pictures");
}

/// A picture of adaptation curves is left, with a curve for each row, which begins and ends where the row says.
fn curves_are_left(name: &str, rows: &Rows) {
    let picture = fs::read_to_string(folder(name).join("seed1-curves.svg")).unwrap();
    assert_eq!(picture.matches("<path class=\"curve ").count(), rows.len());
    let column = named(name).unwrap().columns[0];
    for (method, row) in rows {
        // A level, such as a floor, is drawn from its first to its last step.
        let is_drawn = |&(step, value): &(u32, f64)| value.is_finite() && (step != 1 || value != row[0]);
        for (step, value) in [(0, row[0]), (1, row[1]), (10, row[3])].into_iter().filter(is_drawn) {
            let said = format!(">{method}, step {step}: {:.*}<", column.digits, value * column.scale);
            assert!(picture.contains(&said), "{said}: {picture}");
        }
        assert!(picture.contains(&format!(">{method}</text>")), "{method}: {picture}");
    }
}

/// Both heads of the joint network are far above chance, 5 % of main objects and next to no box.
#[test]
fn detection() {
    let rows = slice("detection");
    let joint = row(&rows, "joint, nash");
    assert!(joint[0] > 0.12 && joint[1] > 0.05 && joint[1] > joint[2], "{rows:?}");
    scenes_are_left();
    let single = row(&rows, "single tasks, nash");
    assert!(joint[5] < 0.75 * single[5] && single[5] > 100_000.0 && joint[6] > 0.0, "{rows:?}");
}

#[test]
fn three_inputs() {
    let rows = slice("three_inputs");
    let all = row(&rows, "image + thumbnail + directions");
    assert!(all[0] > 0.5 && all[0] > row(&rows, "thumbnail")[0], "{rows:?}");
    let refused = without_feature_layers();
    for word in ["joined", "image", "directions", "layers of its own"] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
}

/// Five networks together are better than one of them, whichever way they are combined.
#[test]
fn ensembles() {
    let rows = slice("ensembles");
    let member = row(&rows, "5 networks: a member");
    for combined in ["hard vote", "soft vote", "fitted weights", "stacked"] {
        let combined = row(&rows, &format!("5 networks: {combined}"));
        assert!(combined[0] + combined[2] > member[0] + member[2], "{rows:?}");
    }
    let apart = |title: &str| row(&rows, &format!("{title}: disagreement"))[0];
    assert!(member[0] > 0.4 && apart("5 networks") > apart("5 heads"), "{rows:?}");
}

/// Answers that go together are found together: all at once more often by a powerset, and more often by a chain, than by heads
/// that know nothing of each other.
#[test]
fn merged_tasks() {
    let rows = slice("merged_tasks");
    let all = |name: &str| row(&rows, name)[3];
    assert!(all("label powerset") > all("a head a task"), "{rows:?}");
    assert!(all("chain") > all("a head a task"), "{rows:?}");
    assert!(
        rows[1..].iter().all(|(_, shares)| shares[3] > 0.5 || shares[4] < 20.0),
        "the commonest is a fifth: {rows:?}"
    );
    // Pruning takes classes away, and with them samples (or their labels) from both sets.
    let whole = row(&rows, "label powerset");
    for pruned in
        ["pruned, rare ones dropped", "pruned, rare ones to the nearest"].map(|name| row(&rows, name))
    {
        assert!(
            (pruned[4], pruned[8]) < (whole[4], whole[8]) && pruned[8] < whole[8] && pruned[3] < whole[3],
            "{rows:?}"
        );
    }
}

/// Few steps from a learnt start do what few steps from a random one cannot.
#[test]
fn meta_learning() {
    let rows = slice("meta_learning");
    curves_are_left("meta_learning", &rows);
    let random = row(&rows, "random start")[3];
    for (name, curve) in &rows[3..] {
        let reached = if name == "Meta-SGD" { curve[1] } else { curve[3] };
        assert!(reached < 0.9 * random, "{name}: {reached} beside {random}");
    }
}

/// Every start learns new classes in the end; few steps from a learnt one do what few steps from a random one cannot.
#[test]
fn few_shot() {
    let rows = slice("few_shot");
    curves_are_left("few_shot", &rows);
    for name in ["MAML", "first order", "ANIL", "Reptile", "Meta-SGD"] {
        let learnt = row(&rows, name);
        assert!(learnt[4] > 0.5 && learnt[5] <= 20.0, "{name}: {rows:?}");
    }
    assert!(row(&rows, "MAML")[2] > row(&rows, "random start")[2] + 0.05, "{rows:?}");
    assert!(row(&rows, "prototypical network")[0] > 0.5, "{rows:?}");
}

/// Groups that nobody has labelled, on features of the other two tasks, agree with the classes.
#[test]
fn mixed_kinds() {
    let rows = slice("mixed_kinds");
    let joint = row(&rows, "joint");
    assert!(joint[0] > 0.9 && joint[1] > 0.4 && joint[2] > 0.3 && joint[3] > 0.1, "{rows:?}");
    let (random, linear) = (row(&rows, "at random"), row(&rows, "linear"));
    assert!(random[2] < 0.1 && random[3].abs() < 0.02, "{rows:?}");
    // The mean picture tells a quarter of the variance; ten principal components tell more than that, and less than a network.
    assert!(random[1] > 0.15 && random[1] < linear[1] && linear[1] < 0.8 && linear[0] > 0.9, "{rows:?}");
}

/// One encoder for both tasks beats the commonest tag of each word where that is hardest: whole entities.
#[test]
fn text() {
    let rows = slice("text");
    let (floor, joint) = (row(&rows, "commonest tag"), row(&rows, "joint"));
    assert!(floor[0] > 0.9 && joint[1] > floor[1] && joint[2] > floor[2], "{rows:?}");
}

/// Every method is far above a toss on a tenth of the rows.
#[test]
fn census() {
    let rows = slice("census");
    assert_eq!(rows[0].1, [0.5, 0.5], "the same answer to all is right as often as wrong");
    for (name, areas) in &rows[1..] {
        assert!(areas[0] > 0.85 && areas[1] > 0.95, "{name}: {areas:?}");
    }
}

#[test]
fn leaves() {
    let rows = slice("leaves");
    assert!(rows[1..].iter().all(|(_, shares)| shares.iter().all(|share| *share > 0.6)), "{rows:?}");
}

/// Networks and linear models beat the mean of the training rows: of contents by far, of counts where there are enough.
#[test]
fn counts_and_contents() {
    let rows = slice("counts_and_contents");
    let (mean, joint, linear) = (row(&rows, "mean"), row(&rows, "joint"), row(&rows, "linear"));
    assert!((0..3).all(|k| joint[k] < 0.6 * mean[k] && linear[k] < 0.6 * mean[k]), "{rows:?}");
    assert!((3..5).all(|k| joint[k] < mean[k] && linear[k] < 0.8 * mean[k]), "{rows:?}");
}

/// The setting that a search has chosen is better on the validation part than nothing, and holds on the test part.
#[test]
fn whole_path() {
    let rows = slice("whole_path");
    let chosen = row(&rows, "joint, searched setting");
    assert!(chosen[5] > 0.6 && (chosen[5] - chosen[4]).abs() < 0.1, "{rows:?}");
}

/// Whatever the tasks share, all of them are learned; and every architecture of the library is there.
#[test]
fn architectures() {
    let rows = slice("architectures");
    let floor = row(&rows, "commonest class");
    assert_eq!(rows.len(), 17);
    for (name, found) in &rows[1..] {
        assert!(found[4] > 0.6 && (0..4).all(|task| found[task] > floor[task]), "{name}: {rows:?}");
    }
    // Columns of their own cost what single tasks cost, and one trunk a good part less.
    let parameters = |name: &str| row(&rows, name)[5];
    assert!(parameters("shared trunk") < 0.5 * parameters("single tasks"), "{rows:?}");
    assert!(parameters("soft sharing") == parameters("single tasks"), "{rows:?}");
}

/// Wherever gradients are compared, all tasks are learned, and the places are not the same.
#[test]
fn places() {
    let rows = slice("places");
    assert!(rows[1..].iter().all(|(_, found)| found[4] > 0.6), "{rows:?}");
    for method in ["pcgrad", "mgda"] {
        let at = |place: &str| row(&rows, &format!("{method} at {place}"));
        let all = ["all parameters", "each block", "each layer", "the features"].map(at);
        assert!((1..4).all(|i| all[..i].iter().all(|other| *other != all[i])), "{rows:?}");
    }
}

/// Labels with holes in them are learned from, in whatever order tasks come; ten epochs together are worth about as much as ten alone.
#[test]
fn missing_labels() {
    let rows = slice("missing_labels");
    let floor = row(&rows, "commonest class");
    assert!(rows[1..].iter().all(|(_, found)| found[4] > floor[4]), "{rows:?}");
    assert!(row(&rows, "together")[4] > row(&rows, "single tasks")[4] - 0.05, "{rows:?}");
}

/// One network answers to the preferences that it is told: its front has several points.
#[test]
fn preferences() {
    let rows = slice("preferences");
    let cosmos = row(&rows, "COSMOS");
    assert!(cosmos[0] > 0.3 && cosmos[3] > 1.0, "{rows:?}");
    assert!(cosmos[4] < 0.2 * row(&rows, "fixed weights")[4], "{rows:?}");
}

#[test]
fn every_system_has_its_test_its_example_and_its_place_in_the_documents() {
    let tests = include_str!("systems.rs");
    let page = include_str!("../../docs/systems.md");
    for system in ALL {
        assert!(tests.contains(&format!("slice(\"{}\")", system.name)), "{}", system.name);
        assert!(page.contains(&format!("`{}`", system.name)), "{}", system.name);
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples").to_owned();
        let text = std::fs::read_to_string(format!("{example}/{}.rs", system.name)).unwrap();
        assert!(text.lines().count() < 120, "{}: {} lines", system.name, text.lines().count());
    }
    assert!((1..ALL.len()).all(|i| ALL[..i].iter().all(|other| other.name != ALL[i].name)));
}
