//! Data sets of tasks, their sampling and scales, and when a task is trained.

use tress_mtl::data::{Agenda, Cycle, EarlyStopping, Sampling, TaskLoaders, TaskSampler, Verdict};
use tress_mtl::measure::Better;

#[test]
fn sampling_follows_its_formula_and_its_seed() {
    let sizes = [8000, 1500, 500];
    let total = 10_000.0;
    let shares = |exponent: f64| {
        let powers = sizes.map(|n| (n as f64 / total).powf(exponent));
        powers.map(|p| p / powers.iter().sum::<f64>())
    };
    let annealed = Sampling::Annealed { epochs: 5, draws: 100 };
    let cases = [
        (Sampling::Proportional, 0, shares(1.0)),
        (Sampling::Temperature(5.0), 0, shares(0.2)),
        (Sampling::Temperature(1.0), 0, shares(1.0)),
        (Sampling::Temperature(f64::INFINITY), 0, [1.0 / 3.0; 3]),
        (annealed, 0, shares(1.0)),
        (annealed, 199, shares(0.8)),
        (annealed, 400, shares(0.2)),
        (annealed, 9999, shares(0.2)),
        (Sampling::RoundRobin, 4, [0.0, 1.0, 0.0]),
    ];
    for (sampling, step, expected) in cases {
        let sampler = TaskSampler::new(&sizes, sampling, 1).unwrap();
        for (a, b) in sampler.probabilities(step).iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{sampling:?} at {step}: {a} and {b}");
        }
    }
    for sampling in [Sampling::Proportional, Sampling::Temperature(3.0), Sampling::RoundRobin] {
        let mut sampler = TaskSampler::new(&sizes, sampling, 9).unwrap();
        let drawn: Vec<usize> = (0..6000).map(|_| sampler.draw()).collect();
        let mean = |task: usize| drawn.iter().filter(|&&t| t == task).count() as f64 / 6000.0;
        for task in 0..3 {
            let expected = match sampling {
                Sampling::RoundRobin => 1.0 / 3.0,
                _ => sampler.probabilities(0)[task],
            };
            assert!((mean(task) - expected).abs() < 0.025, "{sampling:?}: {}", mean(task));
        }
        let mut resumed = TaskSampler::new(&sizes, sampling, 9).unwrap();
        resumed.seek(4321);
        assert!((4321..6000).all(|i| resumed.draw() == drawn[i]));
        let mut other = TaskSampler::new(&sizes, sampling, 10).unwrap();
        let others: Vec<usize> = (0..6000).map(|_| other.draw()).collect();
        assert_eq!(others == drawn, sampling == Sampling::RoundRobin);
    }
    for wrong in [
        Sampling::Temperature(0.0),
        Sampling::Temperature(f64::NAN),
        Sampling::Annealed { epochs: 0, draws: 1 },
    ] {
        assert!(TaskSampler::new(&sizes, wrong, 0).is_err());
    }
    assert!(TaskSampler::new(&[3, 0], Sampling::Proportional, 0).is_err());
    assert!(TaskSampler::new(&[], Sampling::Proportional, 0).is_err());
}

#[test]
fn loaders_give_every_sample_once_an_epoch_and_resume() {
    let mut cycle = Cycle::new(10, 4, 3).unwrap();
    let batches: Vec<Vec<usize>> = (0..9).map(|_| cycle.draw().unwrap()).collect();
    for epoch in batches.chunks(3) {
        assert_eq!(epoch.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all: Vec<usize> = epoch.concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }
    assert_ne!(batches[..3], batches[3..6], "another order in each epoch");
    assert_eq!((cycle.epoch(), cycle.position(), cycle.epoch_len()), (3, 9, 3));
    let mut resumed = Cycle::new(10, 4, 3).unwrap();
    resumed.seek(5);
    assert!((5..9).all(|i| resumed.draw().unwrap() == batches[i]));

    let build = || TaskLoaders::new(&[20, 7, 3], 4, Sampling::Temperature(2.0), 5).unwrap();
    let mut loaders = build();
    let turns: Vec<_> = (0..40).map(|_| loaders.draw().unwrap()).collect();
    let state = {
        let mut first = build();
        (0..17).for_each(|_| drop(first.draw().unwrap()));
        first.save()
    };
    let mut second = build();
    second.restore(&state).unwrap();
    assert!((17..40).all(|i| second.draw().unwrap() == turns[i]));
    assert!(second.restore(&state[1..]).is_err());
    let all = loaders.draw_all().unwrap();
    assert_eq!(all.iter().map(|turn| turn.task).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(all.iter().zip([20, 7, 3]).all(|(turn, n)| turn.samples.iter().all(|&i| i < n)));
    // Data sets of one size are shuffled apart.
    let mut twins = TaskLoaders::new(&[50, 50], 50, Sampling::RoundRobin, 1).unwrap();
    let both = twins.draw_all().unwrap();
    assert_ne!(both[0].samples, both[1].samples);
    assert!(Cycle::new(0, 1, 0).is_err() && Cycle::new(1, 0, 0).is_err());
}

#[test]
fn tasks_begin_end_and_stop() {
    let mut agenda = Agenda::new(3).unwrap();
    agenda.begin(1, 10, 4).unwrap();
    agenda.end(2, 12).unwrap();
    assert_eq!(agenda.scales(0), [1.0, 0.0, 1.0]);
    assert_eq!([10, 11, 12, 13, 14].map(|s| agenda.scales(s)[1]), [0.25, 0.5, 0.75, 1.0, 1.0]);
    assert_eq!([11, 12, 99].map(|s| agenda.scales(s)[2]), [1.0, 0.0, 0.0]);
    let mut twin = Agenda::new(3).unwrap();
    twin.restore(&agenda.save()).unwrap();
    assert_eq!(twin, agenda);
    assert!(agenda.begin(3, 0, 0).is_err() && twin.restore(&[0; 8]).is_err() && Agenda::new(0).is_err());

    let mut stopping = EarlyStopping::new(Better::Higher, 3, 0.01).unwrap();
    let series = [0.5, 0.6, 0.605, f64::NAN, 0.65, 0.655, 0.64, 0.655, 0.9];
    let expected = [
        Verdict::Best,
        Verdict::Best,
        Verdict::Waiting(1),
        Verdict::Waiting(2),
        Verdict::Best,
        Verdict::Waiting(1),
        Verdict::Waiting(2),
        Verdict::Stopped,
        Verdict::Stopped,
    ];
    let mut resumed = stopping;
    for (i, (value, verdict)) in series.iter().zip(expected).enumerate() {
        if i == 4 {
            let state = stopping.save();
            resumed = EarlyStopping::new(Better::Higher, 3, 0.01).unwrap();
            resumed.restore(&state).unwrap();
        }
        assert_eq!(stopping.measure(*value), verdict, "{i}");
        if i >= 4 {
            assert_eq!(resumed.measure(*value), verdict);
        }
    }
    assert!(stopping.is_stopped() && stopping.best() == Some(0.65));
    let mut loss = EarlyStopping::new(Better::Lower, 1, 0.0).unwrap();
    assert_eq!([3.0, 2.0, 2.0].map(|x| loss.measure(x)), [Verdict::Best, Verdict::Best, Verdict::Stopped]);
    assert!(
        EarlyStopping::new(Better::Lower, 0, 0.0).is_err()
            && EarlyStopping::new(Better::Lower, 1, -1.0).is_err()
    );
    assert!(
        loss.restore(&[1.0, 2.0]).is_err()
            && loss.restore(&[1.0, 0.5]).is_err()
            && loss.restore(&[]).is_err()
    );
    let fresh = EarlyStopping::new(Better::Lower, 1, 0.0).unwrap();
    loss.restore(&fresh.save()).unwrap();
    assert_eq!(loss, fresh);
}
