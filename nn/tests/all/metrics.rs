//! Metrics against scikit-learn, whole and in batches that are merged; boxes against exact fractions.

use crate::fixture::{Fixture, assert_near};
use tress_nn::Labels;
use tress_nn::metric::{
    BoxPrecision, Clusters, Confusion, Detected, LogLoss, OneVsRest, Ranking, Regression, Scores, TopK,
};
use tress_tensor::Tensor;

/// Cuts of `0..n` into batches: one, several, and one with nothing in it.
fn cuts(n: usize) -> Vec<Vec<std::ops::Range<usize>>> {
    vec![vec![0..n], vec![0..n / 3, n / 3..n / 3, n / 3..n]]
}

/// Rows of a tensor.
fn rows(x: &Tensor<f64>, range: &std::ops::Range<usize>) -> Tensor<f64> {
    x.slice(0, range.start, range.end, 1).unwrap()
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} for {expected}");
}

#[test]
fn classes_are_those_of_scikit_learn() {
    let all = Fixture::read("metrics");
    let logits = all.tensor::<f64>("classes.logits");
    let labels = all.labels("classes.labels");
    for cut in cuts(40) {
        let mut confusion = Confusion::new(5).unwrap();
        let mut tops = [1, 2, 3].map(|k| TopK::new(k).unwrap());
        let mut rankings = OneVsRest::new();
        for range in &cut {
            let truth = Labels::new(labels[range.clone()].iter().copied(), 5).unwrap();
            let mut part = Confusion::new(5).unwrap();
            part.add(&rows(&logits, range), &truth).unwrap();
            confusion.merge(&part).unwrap();
            let mut part = OneVsRest::new();
            part.add(&rows(&logits, range), &truth).unwrap();
            rankings.merge(&part).unwrap();
            for (k, top) in tops.iter_mut().enumerate() {
                let mut part = TopK::new(k + 1).unwrap();
                part.add(&rows(&logits, range), &truth).unwrap();
                top.merge(&part).unwrap();
            }
        }
        let counts: Vec<f64> = (0..25).map(|i| confusion.count(i / 5, i % 5) as f64).collect();
        assert_eq!(counts, all.tensor::<f64>("classes.confusion").to_vec());
        near(confusion.accuracy(), all.number("classes.accuracy"));
        // Class 4 never is a label, so it has neither.
        let areas: Vec<f64> = rankings.classes().iter().filter_map(Ranking::area).collect();
        let averages: Vec<f64> = rankings.classes().iter().filter_map(Ranking::average_precision).collect();
        assert_near("areas", &Tensor::vector(&areas), &all.tensor("classes.areas"), 1e-14);
        assert_near("averages", &Tensor::vector(&averages), &all.tensor("classes.averages"), 1e-14);
        near(rankings.area(), all.tensor::<f64>("classes.areas").to_vec().iter().sum::<f64>() / 4.0);
        near(rankings.average_precision(), averages.iter().sum::<f64>() / 4.0);
        let each: Vec<Scores> = (0..5).map(|class| confusion.scores(class)).collect();
        let column = |name: &str, of: fn(&Scores) -> f64| {
            let found = Tensor::vector(&each.iter().map(of).collect::<Vec<_>>());
            assert_near(name, &found, &all.tensor(&format!("classes.{name}")), 1e-14);
        };
        column("precision", |scores| scores.precision);
        column("recall", |scores| scores.recall);
        column("f1", |scores| scores.f1);
        let overlaps: Vec<f64> = (0..5).filter_map(|class| confusion.overlap(class)).collect();
        assert_eq!(overlaps.len(), 5, "the last class is no label, but a prediction");
        let found = [&overlaps[..], &[confusion.mean_overlap().unwrap()]].concat();
        assert_near("jaccard", &Tensor::vector(&found), &all.tensor("classes.jaccard"), 1e-14);
        for (name, scores) in [
            ("macro", confusion.macro_scores()),
            ("micro", confusion.micro_scores()),
            ("weighted", confusion.weighted_scores()),
        ] {
            let scores = scores.unwrap();
            let found = Tensor::vector(&[scores.precision, scores.recall, scores.f1]);
            assert_near(name, &found, &all.tensor(&format!("classes.{name}")), 1e-14);
        }
        for (top, expected) in tops.iter().zip(all.tensor::<f64>("classes.top").to_vec()) {
            near(top.value(), expected);
        }
        let (probabilities, labels) =
            (all.tensor::<f64>("classes.probabilities"), all.labels("classes.log_loss_labels"));
        let mut loss = LogLoss::new();
        for range in &cut {
            let mut part = LogLoss::new();
            let truth = Labels::new(labels[range.clone()].iter().copied(), 5).unwrap();
            part.add(&rows(&probabilities, range), &truth).unwrap();
            loss.merge(&part);
        }
        near(loss.value(), all.number("classes.log_loss"));
    }
}

#[test]
fn rankings_numbers_and_clusters_are_those_of_scikit_learn() {
    let all = Fixture::read("metrics");
    let tensor = |name: &str| all.tensor::<f64>(name);
    let truth: Vec<bool> = tensor("yes.truth").to_vec().iter().map(|&x| x != 0.0).collect();
    for cut in cuts(60) {
        let mut ranking = Ranking::new();
        for range in cut {
            let mut part = Ranking::new();
            part.add(&rows(&tensor("yes.scores"), &range), &truth[range]).unwrap();
            ranking.merge(&part);
        }
        near(ranking.area(), all.number("yes.area"));
        near(ranking.average_precision(), all.number("yes.precision"));
    }
    for cut in cuts(30) {
        let mut regression = Regression::new();
        for range in cut {
            let mut part = Regression::new();
            part.add(&rows(&tensor("numbers.guess"), &range), &rows(&tensor("numbers.target"), &range))
                .unwrap();
            regression.merge(&part).unwrap();
        }
        near(regression.mae(), all.number("numbers.mae"));
        near(regression.rmse(), all.number("numbers.rmse"));
        near(regression.r2(), all.number("numbers.r2"));
    }
    // Two targets that lie far apart: a mean of both would explain nearly all.
    for cut in cuts(20) {
        let mut regression = Regression::new();
        for range in cut {
            let mut part = Regression::new();
            part.add(&rows(&tensor("several.guess"), &range), &rows(&tensor("several.target"), &range))
                .unwrap();
            regression.merge(&part).unwrap();
        }
        near(regression.mae(), all.number("several.mae"));
        near(regression.rmse(), all.number("several.rmse"));
        near(regression.r2(), all.number("several.r2"));
        for (found, expected) in
            regression.r2_each().unwrap().into_iter().zip(tensor("several.each").to_vec())
        {
            near(Some(found), expected);
        }
        assert!(regression.add(&Tensor::vector(&[1.0]), &Tensor::vector(&[1.0])).is_err(), "one target");
    }
    let (classes, names) = (all.labels("clusters.classes"), all.labels("clusters.clusters"));
    for cut in cuts(50) {
        let mut clusters = Clusters::new();
        for range in cut {
            let mut part = Clusters::new();
            part.add(&classes[range.clone()], &names[range]).unwrap();
            clusters.merge(&part);
        }
        near(clusters.nmi(), all.number("clusters.nmi"));
        near(clusters.ari(), all.number("clusters.ari"));
    }
}

#[test]
fn precisions_of_boxes_are_those_of_exact_fractions() {
    let all = Fixture::read("metrics");
    let (truth, found) = (all.tensor::<f64>("boxes.truth"), all.tensor::<f64>("boxes.found"));
    let lines = |x: &Tensor<f64>, picture: usize| -> Vec<Vec<f64>> {
        let width = x.shape()[1];
        let all: Vec<Vec<f64>> = x.to_vec().chunks(width).map(<[f64]>::to_vec).collect();
        all.into_iter().filter(|line| line[0] as usize == picture).collect()
    };
    let boxes = |lines: &[Vec<f64>]| {
        let corners: Vec<f64> = lines.iter().flat_map(|line| line[2..6].to_vec()).collect();
        Tensor::new([lines.len(), 4], &corners).unwrap()
    };
    let classes = |lines: &[Vec<f64>]| -> Vec<u32> { lines.iter().map(|line| line[1] as u32).collect() };
    let (mut metric, mut late) = (BoxPrecision::new(4).unwrap(), BoxPrecision::new(4).unwrap());
    for picture in 0..12 {
        let (right, mine) = (lines(&truth, picture), lines(&found, picture));
        let scores: Vec<f64> = mine.iter().map(|line| line[6]).collect();
        let detected = Detected { boxes: &boxes(&mine), scores: &scores, classes: &classes(&mine) };
        let metric = if picture < 7 { &mut metric } else { &mut late };
        metric.add(detected, &boxes(&right), &classes(&right)).unwrap();
    }
    metric.merge(&late).unwrap();
    let averages = all.tensor::<f64>("boxes.average");
    for class in 0..3 {
        for at in 0..10 {
            near(metric.average(class, at), averages[[class, at]]);
        }
    }
    assert_eq!((metric.average(3, 0), metric.average(0, 10)), (None, None), "no boxes of class 3");
    near(metric.value(), all.number("boxes.value"));
    near(metric.at_half(), (0..3).map(|class| averages[[class, 0]]).sum::<f64>() / 3.0);
    near(metric.at_three_quarters(), (0..3).map(|class| averages[[class, 5]]).sum::<f64>() / 3.0);
}

#[test]
fn of_nothing_there_is_no_result_and_ignored_samples_are_nothing() {
    let mut confusion = Confusion::new(2).unwrap();
    let ignored = Labels::with_ignored([0, 1], 2, 0).unwrap();
    let nothing = Labels::with_ignored([9], 2, 9).unwrap();
    let logits = Tensor::new([2, 2], &[1.0f32, 0.0, 0.0, 1.0]).unwrap();
    confusion.add(&logits.slice(0, 0, 1, 1).unwrap(), &nothing).unwrap();
    assert_eq!(
        (confusion.accuracy(), confusion.macro_scores(), confusion.micro_scores()),
        (None, None, None)
    );
    confusion.add(&logits, &ignored).unwrap();
    assert_eq!((confusion.total(), confusion.accuracy()), (1, Some(1.0)));
    assert_eq!(tress_nn::metric::correct(&logits, &ignored).unwrap(), 1, "class 0 is ignored");
    let mut top = TopK::new(1).unwrap();
    top.add(&logits, &ignored).unwrap();
    assert_eq!(top.value(), Some(1.0));
    assert_eq!((Regression::new().mae(), Regression::new().r2()), (None, None));
    assert_eq!(
        (Ranking::new().area(), Clusters::new().nmi(), BoxPrecision::new(2).unwrap().value()),
        (None, None, None)
    );
    assert_eq!(LogLoss::new().value(), None);

    let nan = Tensor::new([1, 2], &[f32::NAN, 0.0]).unwrap();
    let one = Labels::new([1], 2).unwrap();
    let mut lost = Confusion::new(2).unwrap();
    lost.add(&nan, &one).unwrap();
    assert_eq!((lost.total(), lost.accuracy(), lost.scores(1).recall), (1, Some(0.0), 0.0));
}

#[test]
fn special_cases_are_those_of_the_definitions() {
    let mut regression = Regression::new();
    let same = Tensor::vector(&[3.0, 3.0]);
    regression.add(&same, &same).unwrap();
    assert_eq!(regression.r2(), Some(1.0));
    regression.add(&Tensor::vector(&[2.0]), &Tensor::vector(&[3.0])).unwrap();
    assert_eq!(regression.r2(), Some(0.0));
    for (found, truth) in
        [([1.0, f64::NAN], [1.0, 2.0]), ([1.0, 2.0], [f64::NAN, 2.0]), ([1.0, 2.0], [1.0, f64::INFINITY])]
    {
        let mut lost = Regression::new();
        lost.add(&Tensor::vector(&found), &Tensor::vector(&truth)).unwrap();
        assert!(lost.r2().unwrap().is_nan() && !lost.mse().unwrap().is_finite(), "{truth:?}");
    }

    let mut log = LogLoss::new();
    let ignored = Labels::with_ignored([9, 1], 2, 9).unwrap();
    log.add(&Tensor::new([2, 2], &[f64::NAN, 7.0, 0.5, 0.5]).unwrap(), &ignored).unwrap();
    near(log.value(), 2.0f64.ln());

    let mut rankings = OneVsRest::new();
    assert_eq!((rankings.area(), rankings.average_precision()), (None, None));
    let two = Labels::with_ignored([0, 9, 1], 2, 9).unwrap();
    let scores = Tensor::new([3, 2], &[0.2f32, 0.8, f32::NAN, 1.0, 0.4, 0.6]).unwrap();
    rankings.add(&scores, &two).unwrap();
    assert_eq!(rankings.area(), Some(0.0), "what is ignored does not count, whatever stands there");
    let before = rankings.clone();
    assert!(rankings.add(&scores, &Labels::new([0, 0, 1], 2).unwrap()).is_err(), "a NaN that counts");
    let three = Labels::new([0], 3).unwrap();
    assert!(rankings.add(&Tensor::<f32>::zeros([1, 3]).unwrap(), &three).is_err());
    let mut other = OneVsRest::new();
    other.add(&Tensor::<f32>::zeros([1, 3]).unwrap(), &three).unwrap();
    assert!(rankings.merge(&other).is_err() && rankings == before);

    let mut ranking = Ranking::new();
    ranking.add(&Tensor::vector(&[0.0f32, -0.0, 0.0]), &[true, false, false]).unwrap();
    assert_eq!(ranking.area(), Some(0.5), "all alike, signs of zero included");

    let mut clusters = Clusters::new();
    clusters.add(&[5, 5, 5], &[1, 1, 1]).unwrap();
    assert_eq!((clusters.nmi(), clusters.ari()), (Some(1.0), Some(1.0)));
    clusters.add(&[5, 5], &[2, 2]).unwrap();
    assert_eq!((clusters.nmi(), clusters.ari()), (Some(0.0), Some(0.0)), "one class in two clusters");

    // More detections than count: only the best hundred are looked at.
    let boxes = Tensor::from_fn([150, 4], |i| [0.0, 0.0, 1.0, 1.0][i[1]] + 10.0 * i[0] as f64).unwrap();
    let scores: Vec<f64> = (0..150).map(|i| 1.0 - i as f64 / 150.0).collect();
    let mut metric = BoxPrecision::new(1).unwrap();
    metric.add(Detected { boxes: &boxes, scores: &scores, classes: &[0; 150] }, &boxes, &[0; 150]).unwrap();
    // Recalls 0 to 66 of 100 are had, with a precision of 1.
    near(metric.value(), 67.0 / 101.0);
}

#[test]
fn wrong_input_is_an_error_and_changes_nothing() {
    let labels = Labels::new([0, 1], 2).unwrap();
    let wide = Tensor::<f64>::zeros([2, 3]).unwrap();
    let mut confusion = Confusion::new(3).unwrap();
    assert!(confusion.add(&wide, &labels).is_err() && confusion.merge(&Confusion::new(2).unwrap()).is_err());
    let three = Labels::new([0, 1], 3).unwrap();
    assert!(confusion.add_predicted(&[Some(0), Some(3)], &three).is_err());
    assert_eq!(confusion.total(), 0);
    assert!(Confusion::new(usize::MAX).is_err() && Confusion::new(1 << 40).is_err() && TopK::new(0).is_err());
    assert!(LogLoss::new().add(&Tensor::full([2, 2], 1.5).unwrap(), &labels).is_err());
    assert!(LogLoss::new().add(&Tensor::full([2, 2], f64::NAN).unwrap(), &labels).is_err());
    assert!(BoxPrecision::new(usize::MAX).is_err() && BoxPrecision::new(1 << 58).is_err());
    assert!(Ranking::new().add(&wide, &[true]).is_err());
    assert!(Ranking::new().add(&Tensor::vector(&[f64::NAN]), &[true]).is_err());
    assert!(Regression::new().add(&wide, &Tensor::vector(&[0.0])).is_err());
    assert!(Clusters::new().add(&[1], &[]).is_err());
    let four = Tensor::<f64>::zeros([2, 4]).unwrap();
    let mut metric = BoxPrecision::new(2).unwrap();
    let detected = |boxes, scores, classes| Detected { boxes, scores, classes };
    assert!(metric.add(detected(&wide, &[0.0, 0.0], &[0, 0]), &four, &[0, 0]).is_err());
    assert!(metric.add(detected(&four, &[0.0], &[0, 0]), &four, &[0, 0]).is_err());
    assert!(metric.add(detected(&four, &[0.0, f64::NAN], &[0, 0]), &four, &[0, 0]).is_err());
    assert!(metric.add(detected(&four, &[0.0, 0.5], &[0, 2]), &four, &[0, 0]).is_err());
    assert_eq!(metric, BoxPrecision::new(2).unwrap());
}
