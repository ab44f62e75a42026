//! Tasks merged into one and taken apart: counting, marginals by hand, and searches against all combinations.

use tress_autograd::{Arrange, Eager, Tape, Value};
use tress_mtl::merge::{Chain, Powerset, RandomSets, Rare};
use tress_nn::{Adam, Bound, Dense, Gradient, Labels, Optimiser, Params, Random, cross_entropy};
use tress_tensor::Tensor;

/// Answers of three tasks of 2, 3 and 2 classes, some combinations frequent and some rare.
fn answers() -> [Vec<u32>; 3] {
    let rows = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 2, 1], [1, 2, 1], [0, 1, 1], [0, 1, 1], [1, 0, 0]];
    [0, 1, 2].map(|task| rows.iter().map(|row| row[task]).collect())
}

const SIZES: [usize; 3] = [2, 3, 2];

fn columns(answers: &[Vec<u32>; 3]) -> [&[u32]; 3] {
    answers.each_ref().map(|column| &column[..])
}

#[test]
fn combinations_are_numbered_by_how_often_they_occur() {
    let answers = answers();
    let merged = Powerset::fit(&columns(&answers), &SIZES, 2, Rare::Drop).unwrap();
    assert_eq!((merged.classes(), merged.tasks()), (3, 3));
    let decoded: Vec<&[u32]> = (0..3).map(|class| merged.decode(class).unwrap()).collect();
    assert_eq!(decoded, [[0, 0, 0], [0, 1, 1], [1, 2, 1]], "equal counts in the order of the answers");
    for class in 0..3 {
        assert_eq!(merged.encode(merged.decode(class).unwrap()).unwrap(), Some(class as u32));
    }
    assert_eq!(merged.decode(3), None);
    assert_eq!(merged.encode(&[1, 0, 0]).unwrap(), None);
    assert_eq!(merged.covered(&columns(&answers)).unwrap(), 7.0 / 8.0);
    let labels = merged.labels::<f32>(&columns(&answers)).unwrap();
    assert_eq!((labels.samples(), labels.labelled()), (8, 7));

    let nearest = Powerset::fit(&columns(&answers), &SIZES, 2, Rare::Nearest).unwrap();
    assert_eq!(nearest.encode(&[1, 0, 0]).unwrap(), Some(0), "two answers of three agree");
    assert_eq!(nearest.encode(&[1, 1, 1]).unwrap(), Some(1), "of equally near ones the more frequent");
    assert_eq!(nearest.labels::<f32>(&columns(&answers)).unwrap().labelled(), 8);

    let all = Powerset::fit(&columns(&answers), &SIZES, 0, Rare::Drop).unwrap();
    assert_eq!((all.classes(), all.covered(&columns(&answers)).unwrap()), (4, 1.0));
}

#[test]
fn marginals_are_sums_over_combinations() {
    let answers = answers();
    let merged = Powerset::fit(&columns(&answers), &SIZES, 2, Rare::Drop).unwrap();
    let p = Tensor::new([2, 3], &[0.5f64, 0.3, 0.2, 0.0, 0.25, 0.75]).unwrap();
    let marginals = merged.marginals(&p).unwrap();
    let expected: [&[f64]; 3] =
        [&[0.8, 0.2, 0.25, 0.75], &[0.5, 0.3, 0.2, 0.0, 0.25, 0.75], &[0.5, 0.5, 0.0, 1.0]];
    for ((marginal, expected), size) in marginals.iter().zip(expected).zip(SIZES) {
        assert_eq!(**marginal.shape(), [2, size]);
        assert!(marginal.to_vec().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15));
    }
    assert!(merged.marginals(&Tensor::<f64>::zeros([2, 4]).unwrap()).is_err());
}

#[test]
fn random_sets_hold_every_task_and_their_means_are_marginals() {
    let mut random = Random::new(1);
    let answers: Vec<Vec<u32>> = (0..7).map(|_| (0..200).map(|_| random.below(2) as u32).collect()).collect();
    let columns: Vec<&[u32]> = answers.iter().map(|column| &column[..]).collect();
    for seed in 0..20 {
        let sets = RandomSets::disjoint(&columns, &[2; 7], 3, 1, Rare::Drop, seed).unwrap();
        let mut all: Vec<usize> = sets.sets().concat();
        all.sort_unstable();
        assert_eq!(all, (0..7).collect::<Vec<_>>());
        // 7 tasks need 3 sets of 3 at least.
        for count in [3, 4, 10, 35] {
            let sets = RandomSets::overlapping(&columns, &[2; 7], 3, count, 1, Rare::Drop, seed).unwrap();
            assert_eq!(sets.sets().len(), count);
            assert!((0..7).all(|task| sets.sets().iter().any(|set| set.contains(&task))));
            let mut different = sets.sets().to_vec();
            different.sort();
            different.dedup();
            assert!(different.len() == count && different.iter().all(|set| set.len() == 3));
        }
    }
    assert!(RandomSets::overlapping(&columns, &[2; 7], 3, 36, 1, Rare::Drop, 1).is_err(), "35 there are");
    assert!(RandomSets::overlapping(&columns, &[2; 7], 3, 2, 1, Rare::Drop, 1).is_err(), "too few");
    assert!(RandomSets::disjoint(&columns, &[2; 7], 0, 1, Rare::Drop, 1).is_err());

    // Sets that are certain of the truth are right about every task.
    let sets = RandomSets::overlapping(&columns, &[2; 7], 3, 6, 1, Rare::Drop, 3).unwrap();
    let sure: Vec<Tensor<f64>> = sets
        .sets()
        .iter()
        .zip(sets.merged())
        .map(|(set, merged)| {
            let row = |i: usize| set.iter().map(|&task| answers[task][i]).collect::<Vec<u32>>();
            let class = |i: usize| merged.encode(&row(i)).unwrap().unwrap() as usize;
            let classes = merged.classes();
            Tensor::from_fn([200, classes], |at| f64::from(u8::from(class(at[0]) == at[1]))).unwrap()
        })
        .collect();
    for (marginal, truth) in sets.marginals(&sure).unwrap().iter().zip(&answers) {
        for (row, &truth) in marginal.to_vec().chunks(2).zip(truth) {
            assert!((row[truth as usize] - 1.0).abs() < 1e-12);
        }
    }
    assert!(sets.marginals(&sure[1..]).is_err());
}

fn chain(params: &mut Params<f64>, order: &[usize]) -> Chain<Dense> {
    Chain::new(&SIZES, order, |task, told, classes| {
        Ok(Dense::new(&mut params.scope(["a", "b", "c"][task]), 2 + told, classes)?)
    })
    .unwrap()
}

#[test]
fn a_wide_search_finds_the_likeliest_of_all_combinations() {
    let mut params = Params::<f64>::new(3);
    let chain = chain(&mut params, &[2, 0, 1]);
    // Far from uniform, so that greedy and exact searches part.
    params.block_mut().iter_mut().for_each(|w| *w *= 3.0);
    let mut random = Random::new(8);
    let features: Vec<f64> = (0..80).map(|_| random.normal()).collect();
    let features = Tensor::new([40, 2], &features).unwrap();
    let bound: Bound<Eager<f64>> = params.eager();
    let likelihood = |sample: usize, row: [u32; 3]| -> f64 {
        let x = Eager::new(features.slice(0, sample, sample + 1, 1).unwrap());
        let truth: Vec<Labels> =
            row.iter().zip(SIZES).map(|(&y, size)| Labels::new([y], size).unwrap()).collect();
        let logits = chain.logits(&bound, &x, &truth).unwrap();
        -logits.iter().zip(&truth).map(|(l, t)| cross_entropy(l, t).item().unwrap()).sum::<f64>()
    };
    let greedy = chain.predict(&bound, &features, 1).unwrap();
    let exact = chain.predict(&bound, &features, 12).unwrap();
    let mut differing = 0;
    for sample in 0..40 {
        let all = (0..2).flat_map(|a| (0..3).flat_map(move |b| (0..2).map(move |c| [a, b, c])));
        let best = all.max_by(|x, y| likelihood(sample, *x).total_cmp(&likelihood(sample, *y))).unwrap();
        assert_eq!(exact[sample], best, "{sample}");
        let row = [0, 1, 2].map(|task| greedy[sample][task]);
        assert!(likelihood(sample, row) <= likelihood(sample, best) + 1e-12);
        differing += usize::from(row != best);
    }
    assert!(differing > 0, "the greedy search misses some");
    assert!(chain.predict(&bound, &features, 0).is_err());
}

/// Two answers that exclude each other, and features that do not tell which: heads side by side say both or neither.
#[test]
fn a_chain_learns_that_answers_exclude_each_other() {
    let mut params = Params::<f64>::new(1);
    let order = Chain::<Dense>::random_order(2, 4);
    let chain = Chain::new(&[2, 2], &order, |task, told, classes| {
        Ok(Dense::new(&mut params.scope(["a", "b"][task]), 1 + told, classes)?)
    })
    .unwrap();
    let truth = [0, 1].map(|task: u32| Labels::new((0..10).map(|i| (i + task) % 2), 2).unwrap());
    let features = Tensor::<f64>::full([10, 1], 1.0).unwrap();
    let (mut tape, mut adam) = (Tape::new(), Adam::new(0.1));
    for _ in 0..200 {
        let bound = params.on(&tape);
        let logits = chain.logits(&bound, &tape.var(features.clone()), &truth).unwrap();
        let loss = cross_entropy(&logits[0], &truth[0]) + cross_entropy(&logits[1], &truth[1]);
        let gradient = loss.gradient(&bound).unwrap();
        tape.reset();
        adam.step(&mut params, &gradient).unwrap();
    }
    for row in chain.predict(&params.eager(), &features, 4).unwrap() {
        assert_ne!(row[0], row[1], "never both, never neither");
    }
    // And so often, half and half: the first answer is a toss.
    let bound = params.eager();
    let x = Eager::new(features.slice(0, 0, 1, 1).unwrap());
    let first = order[0];
    let any = [Labels::new([0], 2).unwrap(), Labels::new([0], 2).unwrap()];
    let logits = chain.logits(&bound, &x, &any).unwrap()[first].tensor().unwrap().to_vec();
    assert!((logits[0] - logits[1]).abs() < 0.05, "{logits:?}");
    assert_eq!(x.concat(1, std::slice::from_ref(&x)).shape()[1], 2);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let answers = answers();
    let columns = columns(&answers);
    assert!(Powerset::fit(&columns, &SIZES, 9, Rare::Drop).is_err(), "nothing is that frequent");
    assert!(Powerset::fit(&columns, &[2, 2, 2], 1, Rare::Drop).is_err(), "an answer that is no class");
    assert!(Powerset::fit(&columns, &SIZES[..2], 1, Rare::Drop).is_err());
    assert!(Powerset::fit(&[columns[0], &columns[1][1..]], &SIZES[..2], 1, Rare::Drop).is_err());
    let merged = Powerset::fit(&columns, &SIZES, 1, Rare::Drop).unwrap();
    assert!(merged.encode(&[0, 3, 0]).is_err() && merged.encode(&[0, 0]).is_err());
    let head = |_, _, _| Ok(Dense::new(&mut Params::<f64>::new(1).root(), 1, 1)?);
    assert!(Chain::new(&SIZES, &[0, 1, 1], head).is_err() && Chain::new(&SIZES, &[0, 1], head).is_err());
    let mut params = Params::<f64>::new(1);
    let chain = chain(&mut params, &[0, 1, 2]);
    let x = Eager::new(Tensor::<f64>::zeros([1, 2]).unwrap());
    let two = [Labels::new([0], 2).unwrap(), Labels::new([0], 2).unwrap()];
    assert!(chain.logits(&params.eager(), &x, &two).is_err());
}
