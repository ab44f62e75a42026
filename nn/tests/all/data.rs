//! Samples: aligned, split, in batches.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use tress_nn::data::{Batches, ClassWeights, Dataset, Split, prefetched, shuffle};
use tress_nn::{Error, Labels};
use tress_tensor::Tensor;

pub(crate) fn numbers(shape: &[usize]) -> Tensor<f64> {
    let mut count = 0.7f64;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 0.618_033_988_749_895).fract() * 2.0 - 1.0
    })
    .unwrap()
}

/// Samples whose numbers tell their row and their label.
fn told(samples: usize, classes: u32) -> Dataset {
    let x = Tensor::from_fn([samples, 2], |i| (i[0] * 2 + i[1]) as f32).unwrap();
    let labels = Labels::new((0..samples as u32).map(|i| i * i % 7 % classes), classes as usize).unwrap();
    Dataset::new().numbers("x", x).unwrap().labels("y", labels).unwrap()
}

/// That each row still has its own numbers and label; gives the rows.
fn rows_of(part: &Dataset, whole: &Dataset) -> Vec<usize> {
    let (x, y) = (part.tensor("x").unwrap(), part.labels_of("y").unwrap());
    let row = |i: usize| {
        let row = x[[i, 0]] as usize / 2;
        assert_eq!(x[[i, 1]] as usize, 2 * row + 1);
        assert_eq!(y.as_slice()[i], whole.labels_of("y").unwrap().as_slice()[row]);
        row
    };
    (0..part.len()).map(row).collect()
}

#[test]
fn columns_stay_aligned_through_splits_shuffles_and_batches() {
    let whole = told(101, 4);
    let parts = Split::random(101, [0.6, 0.2, 0.2], 3).unwrap().of(&whole).unwrap();
    let mut all = Vec::new();
    for part in [&*parts.train, &parts.valid, &parts.test] {
        let expected = rows_of(part, &whole);
        let mut met = Vec::new();
        for batch in Batches::new(part.len(), 8).unwrap().shuffled(5, 2).iter() {
            met.extend(rows_of(&part.rows(batch).unwrap(), &whole));
        }
        met.sort_unstable();
        assert_eq!(met, expected);
        all.extend(met);
    }
    all.sort_unstable();
    assert_eq!(all, (0..101).collect::<Vec<_>>());
    assert_eq!(rows_of(&whole.rows(&[7, 7, 0]).unwrap(), &whole), [7, 7, 0]);

    // Labels that are ignored stay ignored, and images keep their axes.
    let labels = Labels::with_ignored([0, 9, 1], 2, 9).unwrap();
    let data = Dataset::new().labels("y", labels).unwrap().numbers("x", numbers(&[3, 1, 2, 2])).unwrap();
    let picked = data.rows(&[2, 1]).unwrap();
    assert_eq!(picked.labels_of("y").unwrap().iter().collect::<Vec<_>>(), [Some(1), None]);
    assert_eq!(picked.tensor("x").unwrap().shape()[..], [2, 1, 2, 2]);
    assert!(data.rows(&[0, 2]).unwrap().labels_of("y").unwrap().counts(1));
    assert_eq!(data.rows(&[]).unwrap().len(), 0);
}

#[test]
fn tokens_and_tags_stay_aligned_through_splits_folds_and_batches() {
    // Each token tells its row and step, and each tag follows from its token; some tags do not count.
    let (rows, steps) = (60u32, 4u32);
    let token = |i: &[usize]| i[0] as u32 * steps + i[1] as u32;
    let tag = |token: u32| if token.is_multiple_of(5) { 9 } else { token * token % 7 % 3 };
    let data: Dataset = Dataset::new()
        .integers("tokens", Tensor::from_fn([60, 4], token).unwrap())
        .unwrap()
        .labels_each("tags", 4, Labels::with_ignored((0..rows * steps).map(tag), 3, 9).unwrap())
        .unwrap()
        .integers("masks", Tensor::from_fn([60, 2, 3], |i| i[0] as u32).unwrap())
        .unwrap()
        .labels("kind", Labels::new(0..rows, 60).unwrap())
        .unwrap();
    assert_eq!(data.len(), 60);
    let rows_of = |part: &Dataset| -> Vec<usize> {
        let (tokens, tags) = (part.integers_of("tokens").unwrap(), part.labels_of("tags").unwrap());
        assert_eq!((&tokens.shape()[..], tags.len()), (&[part.len(), 4][..], part.len() * 4));
        assert_eq!(part.integers_of("masks").unwrap().shape()[..], [part.len(), 2, 3]);
        for (&token, found) in tokens.to_vec().iter().zip(tags.iter()) {
            assert_eq!(found, Some(tag(token) as usize).filter(|&tag| tag != 9));
        }
        let row = |i: usize| {
            let row = part.labels_of("kind").unwrap().as_slice()[i];
            assert_eq!((tokens[[i, 0]], tokens[[i, 3]]), (row * 4, row * 4 + 3));
            assert_eq!(part.integers_of("masks").unwrap()[[i, 1, 2]], row);
            row as usize
        };
        (0..part.len()).map(row).collect()
    };
    let parts = Split::random(60, [0.6, 0.2, 0.2], 3).unwrap().of(&data).unwrap();
    let mut all = Vec::new();
    for part in [&*parts.train, &parts.valid, &parts.test] {
        for batch in Batches::new(part.len(), 7).unwrap().shuffled(5, 2).iter() {
            all.extend(rows_of(&part.rows(batch).unwrap()));
        }
    }
    for split in Split::folds(60, 4, 1).unwrap() {
        let parts = split.of(&data).unwrap();
        assert_eq!(rows_of(&parts.valid), split.valid());
        assert_eq!(rows_of(&parts.train), split.train());
        all.extend_from_slice(split.valid());
    }
    all.sort_unstable();
    assert_eq!(all, (0..60).flat_map(|row| [row, row]).collect::<Vec<_>>());
    assert_eq!(rows_of(&data.rows(&[7, 7, 0]).unwrap()), [7, 7, 0]);
    assert_eq!(rows_of(&data.rows(&[]).unwrap()), []);

    // A sentence that is stored twice is found, too.
    let twice = Tensor::new([3, 2], &[1, 2, 1, 3, 1, 2]).unwrap();
    let twice: Dataset = Dataset::new().integers("tokens", twice).unwrap();
    assert_eq!(twice.repeated("tokens").unwrap(), [(0, 2)]);
    let split = Split::new(3, &[0], &[1], &[2]).unwrap();
    assert_eq!(split.repeated(&twice, "tokens").unwrap(), [(0, 2)]);
}

#[test]
fn columns_of_several_entries_that_do_not_fit_are_named() {
    let data = told(6, 2);
    let labels = |count: u32| Labels::new((0..count).map(|i| i % 2), 2).unwrap();
    let text = |data: Result<Dataset, Error>| data.unwrap_err().to_string();
    let before = "samples, but the columns before have 6";
    let integers = Tensor::<u32>::zeros([5, 3]).unwrap();
    assert_eq!(text(data.clone().integers("z", integers)), format!("column `z`: 5 {before}"));
    assert!(text(data.clone().integers("z", Tensor::scalar(1))).contains("one row a sample"));
    assert!(text(data.clone().integers("x", Tensor::zeros([6]).unwrap())).contains("taken"));
    assert_eq!(text(data.clone().labels_each("z", 3, labels(15))), format!("column `z`: 5 {before}"));
    assert_eq!(
        text(data.clone().labels("z", labels(18))),
        format!("column `z`: 18 {before}; for several labels a sample there is `labels_each`")
    );
    assert!(text(data.clone().labels_each("z", 4, labels(18))).contains("no whole rows of 4"));
    assert!(text(data.clone().labels_each("z", 0, labels(0))).contains("no whole rows of 0"));
    let data = data.integers("z", Tensor::zeros([6, 1]).unwrap()).unwrap();
    assert!(data.tensor("z").unwrap_err().to_string().contains("ask for them with `integers_of`"));
    assert!(data.integers_of("x").unwrap_err().to_string().contains("ask for them with `tensor`"));
    assert!(data.integers_of("y").unwrap_err().to_string().contains("ask for them with `labels_of`"));
    assert!(data.repeated("y").is_err());
    assert!(data.replaced("z", Tensor::zeros([6, 1]).unwrap()).is_err());
}

#[test]
fn columns_are_made_dense_once() {
    let turned = |numbers: Tensor<f32>| numbers.transpose(0, 1).unwrap();
    let x = turned(Tensor::from_fn([3, 5], |i| (i[1] * 3 + i[0]) as f32).unwrap());
    let tokens = Tensor::from_fn([3, 5], |i| (i[1] * 3 + i[0]) as u32).unwrap().transpose(0, 1).unwrap();
    assert!(x.as_slice().is_none() && tokens.as_slice().is_none());
    let data = Dataset::new().numbers("x", x.clone()).unwrap().integers("t", tokens).unwrap();
    let row = [6.0, 7.0, 8.0];
    for data in [data.clone(), data.replaced("x", x).unwrap()] {
        assert!(data.tensor("x").unwrap().as_slice().is_some());
        assert!(data.integers_of("t").unwrap().as_slice().is_some());
        let batch = data.rows(&[2]).unwrap();
        assert_eq!(batch.tensor("x").unwrap().to_vec(), row);
        assert_eq!(batch.integers_of("t").unwrap().to_vec(), row.map(|x| x as u32));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let data = told(5, 2);
    let text = |error: Error| error.to_string();
    let other = |data: &Dataset, n: usize| data.clone().numbers("z", Tensor::zeros([n, 1]).unwrap());
    assert_eq!(text(other(&data, 4).unwrap_err()), "column `z`: 4 samples, but the columns before have 5");
    assert!(text(data.clone().numbers("x", Tensor::zeros([5]).unwrap()).unwrap_err()).contains("taken"));
    assert!(
        text(Dataset::new().numbers("x", Tensor::scalar(1.0f32)).unwrap_err()).contains("one row a sample")
    );
    assert_eq!(text(data.rows(&[0, 5]).unwrap_err()), "row 5 is none of the 5 samples");
    assert!(text(data.tensor("y").unwrap_err()).contains("ask for them with `labels_of`"));
    assert!(text(data.labels_of("q").unwrap_err()).contains("there are [\"x\", \"y\"]"));
    assert!(data.clone().replaced("x", Tensor::zeros([4, 2]).unwrap()).is_err());
    assert!(data.clone().replaced("y", Tensor::zeros([5, 2]).unwrap()).is_err());
    assert!(Split::random(6, [0.5, 0.25, 0.25], 0).unwrap().of(&data).is_err());
}

#[test]
fn leaks_are_refused_by_row_and_found_by_content() {
    for (parts, text) in [
        ([&[0, 1][..], &[1], &[2]], "row 1 is in the training and in the validation part"),
        ([&[0], &[1, 2], &[2]], "row 2 is in the validation and in the test part"),
        ([&[0, 0], &[], &[]], "row 0 is in the training part twice"),
        ([&[0], &[], &[3]], "row 3 is none of the 3 samples"),
    ] {
        let error = Split::new(3, parts[0], parts[1], parts[2]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    // Rows 1, 3 and 4 are the same sample; 0 and 5 are, and lie in one part.
    let x = Tensor::new([6, 1], &[7.0, 1.0, 2.0, 1.0, 1.0, 7.0f32]).unwrap();
    let data = Dataset::new().numbers("x", x).unwrap();
    assert_eq!(data.repeated("x").unwrap(), [(0, 5), (1, 3), (1, 4)]);
    let split = Split::new(6, &[0, 1, 5], &[3], &[2, 4]).unwrap();
    assert_eq!(split.repeated(&data, "x").unwrap(), [(1, 3), (1, 4)]);
    // The first of them is in no part: the others are still compared.
    assert_eq!(Split::new(6, &[0], &[3], &[4]).unwrap().repeated(&data, "x").unwrap(), [(3, 4)]);
    assert!(Split::new(6, &[0, 1, 3, 4, 5], &[2], &[]).unwrap().repeated(&data, "x").unwrap().is_empty());
    let signs = Dataset::new().numbers("x", Tensor::new([2, 1], &[0.0f32, -0.0]).unwrap()).unwrap();
    assert!(signs.repeated("x").unwrap().is_empty(), "bit for bit");
}

/// That the parts are disjoint and hold all rows.
fn cover(split: &Split, samples: usize) {
    let parts = [split.train(), split.valid(), split.test()];
    let all: BTreeSet<usize> = parts.into_iter().flatten().copied().collect();
    assert_eq!((all.len(), parts.iter().map(|part| part.len()).sum::<usize>()), (samples, samples));
}

#[test]
fn stratified_parts_have_the_shares_of_the_classes() {
    // 300, 90, 30, 7 and 3 samples, in no order.
    let mut classes: Vec<u32> = [300, 90, 30, 7, 3].iter().zip(0..).flat_map(|(&n, c)| vec![c; n]).collect();
    shuffle(&mut classes, 1);
    let labels = Labels::new(classes.iter().copied(), 5).unwrap();
    let shares = [0.6, 0.15, 0.25];
    for seed in 0..20 {
        let split = Split::stratified(&labels, shares, seed).unwrap();
        cover(&split, 430);
        for (rows, share) in [split.train(), split.valid(), split.test()].into_iter().zip(shares) {
            assert!((rows.len() as f64 - 430.0 * share).abs() < 2.0);
            for (class, n) in [300, 90, 30, 7, 3].into_iter().enumerate() {
                let found = rows.iter().filter(|&&row| classes[row] == class as u32).count() as f64;
                assert!(
                    (found - n as f64 * share).abs() <= 2.0,
                    "seed {seed}, class {class}: {found} of {n}"
                );
            }
        }
        assert_ne!(split, Split::stratified(&labels, shares, seed + 1).unwrap());
    }
    let whole = Split::random(10, [0.7, 0.3, 0.0], 1).unwrap();
    assert_eq!((whole.train().len(), whole.valid().len(), whole.test().len()), (7, 3, 0));
    for wrong in [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [f64::NAN, 0.5, 0.5]] {
        assert!(Split::random(10, wrong, 1).is_err(), "{wrong:?}");
    }
}

#[test]
fn groups_are_whole_in_one_part() {
    let groups: Vec<String> = (0..500).map(|i| format!("patient {}", i * i % 61)).collect();
    let split = Split::grouped(&groups, [0.6, 0.2, 0.2], 4).unwrap();
    cover(&split, 500);
    let of = |rows: &[usize]| rows.iter().map(|&row| groups[row].clone()).collect::<BTreeSet<_>>();
    let sets = [split.train(), split.valid(), split.test()].map(of);
    assert!(sets[0].is_disjoint(&sets[1]) && sets[0].is_disjoint(&sets[2]) && sets[1].is_disjoint(&sets[2]));
    assert!((280..=320).contains(&split.train().len()), "{}", split.train().len());
    for fold in Split::grouped_folds(&groups, 5, 4).unwrap() {
        cover(&fold, 500);
        assert!(of(fold.train()).is_disjoint(&of(fold.valid())));
        assert!((85..=115).contains(&fold.valid().len()));
    }
    assert!(Split::grouped_folds(&["a", "a", "b"], 3, 0).is_err());
}

#[test]
fn folds_hold_out_each_row_once() {
    let labels = Labels::new((0..50).map(|i| u32::from(i < 10)), 2).unwrap();
    for folds in [Split::folds(50, 5, 1).unwrap(), Split::stratified_folds(&labels, 5, 1).unwrap()] {
        let mut held: Vec<usize> = folds.iter().flat_map(|fold| fold.valid().to_vec()).collect();
        held.sort_unstable();
        assert_eq!(held, (0..50).collect::<Vec<_>>());
        folds.iter().for_each(|fold| cover(fold, 50));
    }
    for fold in Split::stratified_folds(&labels, 5, 1).unwrap() {
        assert_eq!(fold.valid().iter().filter(|&&row| row < 10).count(), 2);
    }
    let outer = Split::random(50, [0.8, 0.0, 0.2], 2).unwrap();
    for fold in outer.folds_within(4, 3).unwrap() {
        assert_eq!(fold.test(), outer.test());
        cover(&fold, 50);
    }
    assert!(Split::folds(3, 4, 0).is_err() && Split::folds(3, 1, 0).is_err());
}

#[test]
fn more_rows_than_memory_can_list_are_refused() {
    for error in [
        Batches::new(usize::MAX, 8).unwrap_err(),
        Batches::new(3, 8).unwrap().weighted(&[1.0; 3], usize::MAX, 1, 0).unwrap_err(),
        Split::random(usize::MAX, [0.5, 0.5, 0.0], 1).unwrap_err(),
        Split::folds(usize::MAX, 2, 1).unwrap_err(),
        Split::new(usize::MAX, &[0], &[], &[]).unwrap_err(),
    ] {
        assert!(error.to_string().contains("memory has no room for a list of so many rows"), "{error}");
    }
}

#[test]
fn prefetched_items_come_in_order_whatever_is_ahead() {
    for ahead in [0, 1, 4, usize::MAX] {
        let (made, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let here = thread::current().id();
        let make = |i: usize| {
            made.fetch_add(1, SeqCst);
            (i * i, thread::current().id() == here)
        };
        let total = prefetched(0..50, ahead, make, |items| {
            let mut total = 0;
            for (taken, (square, mine)) in items.enumerate() {
                assert_eq!((square, mine), (taken * taken, ahead == 0));
                most.fetch_max(made.load(SeqCst) - taken, SeqCst);
                total += 1;
            }
            total
        });
        assert_eq!(total, 50);
        assert!(
            most.load(SeqCst) <= ahead.saturating_add(2),
            "no more than asked for: {}",
            most.load(SeqCst)
        );
        // Who stops early leaves nothing running.
        let first = prefetched(0..1_000_000_000usize, ahead, |i| i, |items| items.nth(2));
        assert_eq!(first, Some(2));
    }
}

#[test]
fn samples_with_several_labels_are_in_no_class() {
    let labels = Labels::new([0, 1, 1, 0, 2, 2, 0, 1], 3).unwrap();
    let data = Dataset::<f32>::new().labels_each("pixels", 2, labels.clone()).unwrap();
    let (pixels, part) = (data.labels_of("pixels").unwrap(), data.rows(&[3, 0]).unwrap());
    assert_eq!((labels.entries(), pixels.entries(), part.labels_of("pixels").unwrap().entries()), (1, 2, 2));
    let shares = [0.5, 0.25, 0.25];
    for refused in [
        Batches::new(4, 2).unwrap().stratified(pixels, 1, 0).map(|_| ()),
        Split::stratified(pixels, shares, 1).map(|_| ()),
        Split::stratified_folds(pixels, 2, 1).map(|_| ()),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("several labels") && error.contains("one label for each sample"), "{error}");
    }
    assert!(Batches::new(8, 2).unwrap().stratified(&labels, 1, 0).is_ok());
    // Pixels are counted one by one.
    assert_eq!(ClassWeights::Inverse.of(pixels).unwrap(), ClassWeights::Inverse.of(&labels).unwrap());
}
