//! Every example of a system learns on a slice of its data: it beats its floor.

#[path = "../../examples/census.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod census;
#[path = "../../examples/counts_and_contents.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod counts_and_contents;
#[path = "../../examples/detection.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod detection;
#[path = "../../examples/ensembles.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod ensembles;
#[path = "../../examples/few_shot.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod few_shot;
#[path = "../../examples/merged_tasks.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod merged_tasks;
#[path = "../../examples/meta_learning.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod meta_learning;
#[path = "../../examples/mixed_kinds.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod mixed_kinds;
#[path = "../../examples/text.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main
mod text;

/// Few steps from a learnt start do what few steps from a random one cannot.
#[test]
fn sine_waves_are_learned_from_ten_points() {
    let rows = meta_learning::sine_waves((600, 6), 30).unwrap();
    let random = rows[0].1[10];
    for (name, curve) in &rows[1..] {
        let reached = curve.last().unwrap();
        assert!(*reached < 0.9 * random, "{name}: {reached} beside {random}");
    }
}

#[test]
fn new_classes_are_told_apart_from_five_samples_each() {
    let [random, learnt, prototypes] = few_shot::new_classes((40, 4), 20).unwrap();
    assert!(learnt[3] > random[3] + 0.05 && prototypes[0] > 0.5, "{random:?} {learnt:?} {prototypes:?}");
}

/// Answers that go together are found together: all at once by a powerset or a chain at least as often as by heads that know
/// nothing of each other; and every way beats the commonest answers.
#[test]
fn answers_that_go_together_are_found_together() {
    let found = merged_tasks::of_leaves(8).unwrap();
    let all = |name: &str| found.iter().find(|(other, _)| *other == name).unwrap().1[3];
    assert!(all("label powerset").max(all("chain")) > all("a head a task") - 0.01, "{found:?}");
    assert!(
        found.iter().all(|(_, shares)| shares[3] > 0.5),
        "the commonest combination is a fifth: {found:?}"
    );
}

/// On few scenes: both heads of the joint network are far above chance, 5 % of main objects and next to no box.
#[test]
fn objects_are_named_and_found() {
    use tress_cli::data::{Library, Scenes, Split};
    let scenes = Scenes::draw(&Library::BuiltIn, Split::Train, 800, 1).unwrap();
    let test = Scenes::draw(&Library::BuiltIn, Split::Test, 150, 2).unwrap();
    let (accuracy, precision, parameters, found) =
        detection::run([&scenes, &test], [true; 2], 10, 1).unwrap();
    assert!(accuracy.unwrap() > 0.12, "{accuracy:?}");
    assert!(precision.unwrap()[0] > 0.05 && precision.unwrap()[0] > precision.unwrap()[1], "{precision:?}");
    assert!(parameters > 50_000 && found.len() == 150);
}

/// Five networks together are better than one of them, whichever way they are combined.
#[test]
fn ensembles_are_better_than_their_members() {
    let table = ensembles::compare(1_500, 4).unwrap();
    for combined in &table[1..5] {
        assert!(combined.1[0] + combined.1[2] > table[0].1[0] + table[0].1[2], "{table:?}");
    }
    assert!(table[0].1[0] > 0.4 && table[5].1[0] > 0.0, "{table:?}");
}

/// Groups that nobody has labelled, on features of the other two tasks, agree with the classes; those two beat their floors.
#[test]
fn tasks_of_three_kinds_are_learned_together() {
    let report = mixed_kinds::run(1_500, [8, 3]).unwrap();
    assert!(report.accuracy > 0.9 && report.explained > 0.4, "{report:?}");
    // Groups at random would agree with the classes by 0.03 and 0.
    assert!(report.agreement.iter().all(|[nmi, ari]| *nmi > 0.3 && *ari > 0.1), "{report:?}");
}

/// Every method is far above a toss on a tenth of the rows, and the joint ones are networks for both tasks.
#[test]
fn people_are_asked_two_questions() {
    use tress::tensor::Tensor;
    use tress_cli::data::{Census, census::Group};
    let mut census = Census::built_in(Group::Income).unwrap();
    let first = |x: &Tensor, rows: usize| x.slice(0, 0, rows, 1).unwrap();
    (census.train, census.test) = (first(&census.train, 2_000), first(&census.test, 2_000));
    census.train_truth = census.train_truth.each_ref().map(|truth| first(truth, 2_000));
    census.test_truth = census.test_truth.each_ref().map(|truth| first(truth, 2_000));
    for (name, areas) in census::compare(&census, 6, 1).unwrap() {
        assert!(areas[0] > 0.8 && areas[1] > 0.9, "{name}: {areas:?}");
    }
}

/// Networks beat the mean of the training rows: of contents by far, of counts by a little.
#[test]
fn contents_and_counts_beat_their_means() {
    let meats = counts_and_contents::meats(100, 1).unwrap();
    let flares = counts_and_contents::flares(10, 1).unwrap();
    let errors = |rows: &[counts_and_contents::Row], name: &str| {
        rows.iter().find(|(other, _)| *other == name).unwrap().1.clone()
    };
    for (mean, joint) in errors(&meats, "mean").iter().zip(errors(&meats, "joint")) {
        assert!(joint < 0.6 * mean, "{meats:?}");
    }
    assert!(errors(&flares, "joint")[0] < errors(&flares, "mean")[0], "{flares:?}");
    let ridge = errors(&meats, "ridge");
    assert!(ridge.iter().zip(errors(&meats, "mean")).all(|(ridge, mean)| *ridge < 0.6 * mean), "{meats:?}");
}

/// One encoder for both tasks beats the commonest tag of each word where that is hardest: whole entities.
#[test]
fn sentences_are_tagged_better_than_by_the_commonest_tag() {
    let found = text::compare(20, 1).unwrap();
    let (floor, joint) = (found[0].1, found[2].1);
    assert!(floor[0] > 0.9 && joint[0] > 0.9, "{found:?}");
    assert!(joint[1] > floor[1] && joint[2] > floor[2], "{found:?}");
}
