//! Samples as a network gets them: standardised, weighed by class, pictures changed.

use crate::data::numbers;
use tress_nn::Labels;
use tress_nn::data::{Augment, ClassWeights, Dataset, Split, Standard, Train, one_hot};
use tress_tensor::Tensor;

#[test]
fn channels_have_their_own_scale_and_nothing_is_fitted_on_the_test() {
    let x = numbers(&[20, 3, 4, 4]);
    let parts = Split::random(20, [0.5, 0.0, 0.5], 1).unwrap();
    let parts = parts.of(&Dataset::new().numbers("x", x).unwrap()).unwrap();
    let standard = Standard::fit(&parts.train, "x").unwrap();
    assert_eq!(standard.columns().len(), 3);
    let scaled = standard.dataset(&parts.train, "x").unwrap();
    for channel in 0..3 {
        let values = scaled.tensor("x").unwrap().slice(1, channel, channel + 1, 1).unwrap().to_vec();
        let mean = values.iter().sum::<f64>() / 160.0;
        assert!(
            mean.abs() < 1e-14 && (values.iter().map(|x| x * x).sum::<f64>() / 160.0 - 1.0).abs() < 1e-14
        );
    }
    let back = standard.invert(scaled.tensor("x").unwrap()).unwrap();
    assert!(
        back.to_vec()
            .iter()
            .zip(parts.train.tensor("x").unwrap().to_vec())
            .all(|(a, b)| (a - b).abs() < 1e-15)
    );
    let gap = Tensor::new([1, 3], &[f64::NAN, 1.0, 2.0]).unwrap();
    assert!(standard.apply(&gap).unwrap()[[0, 0]].is_nan());
    assert_eq!(standard.filling().apply(&gap).unwrap()[[0, 0]], 0.0);

    let labels = Labels::with_ignored([1, 7, 0], 2, 7).unwrap();
    assert_eq!(one_hot::<f32>(&labels).unwrap().to_vec(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
}

/// The weight of a class of so many samples, but for a factor.
type Formula = fn(f64) -> f64;

#[test]
fn class_weights_have_mean_one_and_their_formulas() {
    let labels = Labels::new((0..90).map(|i| u32::from(i >= 60) + u32::from(i >= 80)), 4).unwrap();
    let counts = [60.0, 20.0, 10.0, 0.0];
    let beta = 0.99f64;
    let cases: [(ClassWeights, Formula); 3] = [
        (ClassWeights::Inverse, |n| 1.0 / n),
        (ClassWeights::InverseRoot, |n| 1.0 / n.sqrt()),
        (ClassWeights::Effective(beta), |n| (1.0 - 0.99) / (1.0 - 0.99f64.powf(n))),
    ];
    for (scheme, formula) in cases {
        let weights = scheme.of(&labels).unwrap();
        let mean: f64 = weights.iter().zip(counts).map(|(w, n)| w * n).sum::<f64>() / 90.0;
        assert!((mean - 1.0).abs() < 1e-14);
        assert_eq!(weights[3], 0.0, "a class that was not seen");
        for c in 0..2 {
            let ratio = formula(counts[c]) / formula(counts[c + 1]);
            assert!((weights[c] / weights[c + 1] - ratio).abs() < 1e-12);
        }
    }
    assert_eq!(ClassWeights::Effective(0.0).of(&labels).unwrap()[..3], [1.0; 3]);
    assert!(ClassWeights::Effective(1.0).of(&labels).is_err());
    assert!(ClassWeights::Inverse.of(&Labels::new([], 3).unwrap()).is_err());
}

#[test]
fn numbers_are_standardised_as_the_training_samples_are() {
    let nan = f64::NAN;
    let train = Tensor::new([4, 3], &[1.0, 5.0, 1e8, 3.0, 5.0, 2e8, 5.0, 5.0, nan, nan, 5.0, 3e8]).unwrap();
    let standard = Standard::of(&Train::declared(train.clone())).unwrap();
    assert_eq!(standard.columns()[0], (3.0, (8.0f64 / 3.0).sqrt()));
    assert_eq!(standard.columns()[1], (5.0, 1.0), "a column that does not vary");
    let done = standard.apply(&train).unwrap();
    assert!(done[[3, 0]].is_nan() && done[[0, 1]] == 0.0);
    for c in [0, 2] {
        let known: Vec<f64> = (0..4).map(|r| done[[r, c]]).filter(|x| !x.is_nan()).collect();
        assert!(known.iter().sum::<f64>().abs() < 1e-14);
        assert!((known.iter().map(|x| x * x).sum::<f64>() / 3.0 - 1.0).abs() < 1e-14);
    }
    let test = numbers(&[2, 3]);
    let back = standard.invert(&standard.apply(&test).unwrap()).unwrap().to_vec();
    assert!(back.iter().zip(test.to_vec()).all(|(a, b)| (a - b).abs() < 1e-7));
    assert!(
        standard.apply(&numbers(&[2, 2])).is_err() && Standard::of(&Train::declared(numbers(&[3]))).is_err()
    );
    let wild = Standard::of(&Train::declared(Tensor::new([1, 1], &[f64::INFINITY]).unwrap()));
    let wild = wild.unwrap_err().to_string();
    assert!(
        wild.ends_with("infinite or not a number; look for it in the data, or in what made it"),
        "{wild}"
    );
}

#[test]
fn pictures_are_changed_by_their_row_and_epoch_alone() {
    let x = numbers(&[6, 2, 7, 5]);
    let rows = [4, 9, 2, 7, 0, 1];
    let augment = Augment::new(3).shift(2).crop(6, 4).flip(0.5).cutout(2).noise(0.01);
    let changed = augment.apply(&x, &rows, 5).unwrap();
    assert_eq!(changed.shape()[..], [6, 2, 6, 4]);
    // In other batches, in another order.
    for (i, &row) in rows.iter().enumerate().rev() {
        let alone = augment.apply(&x.slice(0, i, i + 1, 1).unwrap(), &[row], 5).unwrap();
        assert_eq!(alone, changed.slice(0, i, i + 1, 1).unwrap(), "row {row}");
    }
    assert_ne!(augment.apply(&x, &rows, 6).unwrap(), changed);
    assert_ne!(Augment::new(4).shift(2).apply(&x, &rows, 5), Augment::new(3).shift(2).apply(&x, &rows, 5));
}

#[test]
fn each_change_does_what_it_says() {
    let x = Tensor::from_fn([400, 1, 3, 3], |i| (i[2] * 3 + i[3] + 1) as f32).unwrap();
    let rows: Vec<usize> = (0..400).collect();
    let all = |augment: Augment| {
        let changed = augment.apply(&x, &rows, 0).unwrap();
        let size = changed.len() / 400;
        changed.to_vec().chunks_exact(size).map(<[f32]>::to_vec).collect::<Vec<_>>()
    };
    let count =
        |pictures: &[Vec<f32>], one: &[f32]| pictures.iter().filter(|picture| picture[..] == *one).count();
    let whole: Vec<f32> = (1..=9).map(|x| x as f32).collect();

    let flipped = all(Augment::new(1).flip(0.25));
    let turned = count(&flipped, &[3.0, 2.0, 1.0, 6.0, 5.0, 4.0, 9.0, 8.0, 7.0]);
    assert_eq!(turned + count(&flipped, &whole), 400);
    assert!((70..=130).contains(&turned), "a quarter: {turned}");

    let cropped = all(Augment::new(1).crop(2, 2));
    let places = [1.0, 2.0, 4.0, 5.0].map(|first| [first, first + 1.0, first + 3.0, first + 4.0]);
    let met = places.map(|place| count(&cropped, &place));
    assert_eq!(met.iter().sum::<usize>(), 400);
    assert!(met.iter().all(|n| (65..=135).contains(n)), "each of four places alike: {met:?}");
    assert_eq!(Augment::new(1).crop(1, 1).plain(&x).unwrap().to_vec(), [5.0; 400]);

    let shifted = all(Augment::new(1).shift(1));
    let moves = [
        &whole[..],
        &[0.0, 1.0, 2.0, 0.0, 4.0, 5.0, 0.0, 7.0, 8.0],
        &[5.0, 6.0, 0.0, 8.0, 9.0, 0.0, 0.0, 0.0, 0.0],
    ];
    assert!(moves.iter().all(|one| (20..=70).contains(&count(&shifted, one))), "one of nine each");

    let cut = all(Augment::new(1).cutout(1));
    assert!(cut.iter().all(|picture| picture.iter().filter(|&&x| x == 0.0).count() == 1));
    let cut = all(Augment::new(1).cutout(3));
    assert!(cut.iter().all(|picture| [4, 6, 9].contains(&picture.iter().filter(|&&x| x == 0.0).count())));
    assert!(all(Augment::new(1).cutout(99)).iter().all(|picture| picture.iter().all(|&x| x == 0.0)));

    let noisy: Vec<f64> = all(Augment::new(1).noise(0.5))
        .iter()
        .flat_map(|p| p.iter().zip(&whole).map(|(a, b)| f64::from(a - b)).collect::<Vec<_>>())
        .collect();
    let variance = noisy.iter().map(|x| x * x).sum::<f64>() / 3600.0;
    assert!((variance - 0.25).abs() < 0.03, "{variance}");

    assert!(Augment::new(1).crop(4, 1).apply(&x, &rows, 0).is_err());
    for pixels in [4, usize::MAX / 2, usize::MAX] {
        let error = Augment::new(1).shift(pixels).apply(&x, &rows, 0).unwrap_err().to_string();
        assert!(error.contains("cannot be shifted by more than its longer side"), "{error}");
    }
    assert!(Augment::new(1).shift(3).cutout(usize::MAX).apply(&x, &rows, 0).is_ok());
    assert!(Augment::new(1).crop(2, 2).crop(3, 3).plain(&x).is_err(), "the second is cut from the first");
    assert!(
        Augment::new(1).flip(1.5).apply(&x, &rows, 0).is_err()
            && Augment::new(1).noise(-1.0).plain(&x).is_err()
    );
    assert!(
        Augment::new(1).apply(&x, &rows[1..], 0).is_err()
            && Augment::new(1).plain(&numbers(&[2, 3])).is_err()
    );
}
