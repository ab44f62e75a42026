//! Labels that are missing, and tasks that are absent: nothing invented, nothing lost, no NaN.

use crate::rows::{Draw, direction, tell_after, tell_before};
use std::cell::RefCell;
use std::rc::Rc;
use tress_autograd::{Eager, Tape};
use tress_mtl::balance::{
    Balance, Dwa, GradNorm, Heads, Method, Mgda, Needs, Observation, PcGrad, Uncertainty, Weighting, Weights,
};
use tress_mtl::data::{Labelled, Sampling, TaskLoaders};
use tress_mtl::network::{Network, Objective, Targets, Task};
use tress_mtl::presence::{Partial, Presence, balanced_present};
use tress_mtl::solve::Gramian;
use tress_mtl::{Error, sharing, sweep};
use tress_nn::{Dense, Gradient, Labels, Params, Sequential};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

fn numbers(shape: &[usize]) -> Tensor<f64> {
    let mut count = 0.7f64;
    Tensor::from_fn(shape, |_| {
        count += 1.0;
        (count * 0.618_033_988_749_895).fract() * 2.0 - 1.0
    })
    .unwrap()
}

/// A trunk and three tasks: classes, numbers, bits.
fn network(params: &mut Params<f64>) -> Network {
    let trunk = Dense::new(&mut params.scope("trunk"), 4, 5).unwrap().activation(Map::Tanh);
    let mut head = |name: &str, outputs| {
        Sequential::new().then(Dense::new(&mut params.scope(name), 5, outputs).unwrap())
    };
    let tasks = vec![
        Task::new("kind", Objective::Classes(3), head("kind", 3)),
        Task::new("size", Objective::Numbers(2), head("size", 2)),
        Task::new("bits", Objective::Bits(2), head("bits", 2)),
    ];
    Network::single_input(Sequential::new().then(trunk), tasks).unwrap()
}

/// The truth of six samples; what is marked missing is nonsense.
fn truth(nonsense: f64) -> [Targets<f64>; 3] {
    let rows = |missing: &'static [usize]| {
        move |i: &[usize]| {
            if missing.contains(&i[0]) { nonsense } else { ((i[0] + i[1] + 1) % 2) as f64 }
        }
    };
    [
        Targets::Classes(Labels::new([0, 1, 2, 0, 1, 2], 3).unwrap()),
        Targets::Numbers(Tensor::from_fn([6, 2], rows(&[0, 3])).unwrap()),
        Targets::Numbers(Tensor::from_fn([6, 2], rows(&[1, 2, 5])).unwrap()),
    ]
}

const PRESENT: [[bool; 6]; 3] = [
    [true, false, true, true, false, false],
    [false, true, true, false, true, true],
    [true, false, false, true, true, false],
];

#[test]
fn what_stands_in_the_place_of_a_missing_label_has_no_influence() {
    let mut params = Params::<f64>::new(3);
    let network = network(&mut params);
    let run = |nonsense: f64| {
        let tape = Tape::new();
        let bound = params.on(&tape);
        let x = tape.var(numbers(&[6, 4]));
        let features = network.features(&bound, &[("input", &x)]).unwrap();
        let outputs = network.outputs(&bound, &features);
        let labelled: Vec<_> =
            truth(nonsense).iter().zip(PRESENT).map(|(t, p)| Labelled::masked(t, &p).unwrap()).collect();
        let losses = network.losses_of_labelled(&outputs, &labelled).unwrap();
        let gradients: Vec<_> =
            losses.iter().map(|l| l.unwrap().gradient(&bound).unwrap().to_vec()).collect();
        let losses: Vec<f64> = losses.iter().map(|l| l.unwrap().item().unwrap()).collect();
        (losses, gradients)
    };
    let (losses, gradients) = run(0.0);
    for nonsense in [7.0, f64::NAN, f64::INFINITY] {
        assert_eq!(run(nonsense), (losses.clone(), gradients.clone()), "{nonsense}");
    }

    // The mean over the labelled samples alone.
    let eager = params.eager();
    let x = Eager::new(numbers(&[6, 4]));
    let outputs = network.outputs(&eager, &network.features(&eager, &[("input", &x)]).unwrap());
    for (task, (target, present)) in truth(0.0).iter().zip(PRESENT).enumerate() {
        let rows: Vec<usize> = (0..6).filter(|&i| present[i]).collect();
        let x =
            Eager::new(Tensor::from_fn([rows.len(), 4], |i| numbers(&[6, 4])[[rows[i[0]], i[1]]]).unwrap());
        let few = network.outputs(&eager, &network.features(&eager, &[("input", &x)]).unwrap());
        let few = network.tasks()[task].loss(&few[task], &target.of(&rows).unwrap()).unwrap();
        assert!((few.item().unwrap() - losses[task]).abs() < 1e-15);
        let labelled = Labelled::masked(target, &present).unwrap();
        let score = labelled.score(&network.tasks()[task], outputs[task].tensor().unwrap()).unwrap();
        assert_eq!(score.samples(), rows.len());
        assert!((score.loss() - losses[task]).abs() < 1e-15);
    }
    // With every label there, the plain losses.
    let all = truth(1.0).map(|t| Labelled::all(t).unwrap());
    let whole = network.losses_of_labelled(&outputs, &all).unwrap();
    for (a, b) in whole.iter().zip(network.losses(&outputs, &truth(1.0)).unwrap()) {
        assert_eq!(a.as_ref().unwrap().item().unwrap(), b.item().unwrap());
    }
}

#[test]
fn labels_go_missing_in_three_ways() {
    let some = Labelled::<f64>::classes(&[None, Some(2), None, Some(0)], 3).unwrap();
    assert_eq!((some.samples(), some.labelled(), some.is_absent()), (4, 2, false));
    let picked = some.of(&[3, 3, 0, 1]).unwrap();
    assert_eq!((picked.samples(), picked.labelled()), (4, 3));
    let Targets::Classes(labels) = picked.targets() else { panic!("classes") };
    assert_eq!(labels.as_slice(), [0, 0, 2]);
    // The loss looks at the rows of the batch that are labelled: 0, 1 and 3 of samples 3, 3, 0, 1.
    let task = Task::new("t", Objective::Classes(3), Sequential::new());
    let output = Eager::new(numbers(&[4, 3]));
    let rows = Tensor::from_fn([3, 3], |i| numbers(&[4, 3])[[[0, 1, 3][i[0]], i[1]]]).unwrap();
    let expected = task.loss(&Eager::new(rows), picked.targets()).unwrap().item().unwrap();
    assert_eq!(picked.loss(&task, &output).unwrap().unwrap().item().unwrap(), expected);
    assert!(some.of(&[0, 2]).unwrap().is_absent());
    assert!(some.of(&[4]).is_err() && Labelled::<f64>::classes(&[Some(3)], 3).is_err());

    let nan = f64::NAN;
    let numbers = Labelled::numbers(&Tensor::new([3, 2], &[1.0, 2.0, nan, nan, 3.0, 4.0]).unwrap()).unwrap();
    assert_eq!(numbers.labelled(), 2);
    let half = Labelled::numbers(&Tensor::new([1, 2], &[1.0, nan]).unwrap()).unwrap_err();
    assert!(half.to_string().contains("tasks of their own"), "{half}");
    assert!(Labelled::numbers(&Tensor::new([1, 1], &[f64::INFINITY]).unwrap()).is_err());
    assert!(Labelled::numbers(&Tensor::vector(&[1.0])).is_err());

    let ignored = Labels::with_ignored([1, 99, 0], 2, 99).unwrap();
    let ignored = Labelled::<f64>::all(Targets::Classes(ignored)).unwrap();
    assert_eq!((ignored.samples(), ignored.labelled()), (3, 2));
    assert!(Labelled::masked(&truth(0.0)[0], &[true; 5]).is_err());

    // No label at all: no loss, an empty score, and no NaN.
    let task = Task::new("t", Objective::Classes(3), Sequential::new());
    let none = Labelled::<f64>::classes(&[None, None], 3).unwrap();
    let output = Eager::new(Tensor::full([2, 3], f64::NAN).unwrap());
    assert!(none.loss(&task, &output).unwrap().is_none());
    assert_eq!(none.score(&task, output.tensor().unwrap()).unwrap().samples(), 0);
    assert!(none.loss(&task, &Eager::new(Tensor::zeros([3, 3]).unwrap())).is_err(), "of other samples");
}

/// Remembers for how many tasks it was asked.
#[derive(Debug)]
struct Listening {
    tasks: usize,
    heard: Rc<RefCell<Vec<usize>>>,
}

impl Weighting for Listening {
    fn name(&self) -> &'static str {
        "listening"
    }
    fn needs(&self) -> Needs {
        Needs::Gramian
    }
    fn heads(&self) -> Heads {
        Heads::Plain
    }
    fn weights(&mut self, losses: &[f64], gramian: Option<&Gramian>) -> Result<Weights, Error> {
        assert_eq!(losses.len(), self.tasks);
        assert_eq!(gramian.unwrap().tasks(), self.tasks);
        self.heard.borrow_mut().push(self.tasks);
        Weights::new(&vec![1.0; losses.len()])
    }
}

#[test]
fn an_absent_task_takes_no_part_in_losses_gramian_or_gradient() {
    let mut params = Params::<f64>::new(3);
    let network = network(&mut params);
    let tape = Tape::new();
    let bound = params.on(&tape);
    let features = network.features(&bound, &[("input", &tape.var(numbers(&[6, 4])))]).unwrap();
    let outputs = network.outputs(&bound, &features);
    let cut = sharing::cut(&outputs, &bound).unwrap();
    let whole = network.losses(&outputs, &truth(0.0)).unwrap();
    let all = sweep::task_gradients(&whole, &cut, &bound, &params).unwrap().gramian().unwrap();

    let heard = Rc::new(RefCell::new(Vec::new()));
    let make = |tasks: &[usize]| Ok(Listening { tasks: tasks.len(), heard: Rc::clone(&heard) });
    let mut methods = Partial::new(3, make).unwrap();
    for present in [vec![0, 2], vec![1], vec![0, 1, 2], vec![0, 2]] {
        let labelled: Vec<_> = truth(0.0)
            .iter()
            .enumerate()
            .map(|(task, target)| Labelled::masked(target, &[present.contains(&task); 6]).unwrap())
            .collect();
        let losses = network.losses_of_labelled(&outputs, &labelled).unwrap();
        let found = balanced_present(&losses, &cut, &bound, &params, &mut methods).unwrap();
        let (presence, step) = found.unwrap();
        assert_eq!(presence.present(), present);
        assert_eq!(presence.is_whole(), present.len() == 3);
        let part = presence.gramian(&all).unwrap();
        for (a, b) in step.gramian.unwrap().as_slice().iter().zip(part.as_slice()) {
            assert!((a - b).abs() < 1e-14, "rows and columns of the present tasks");
        }
        let losses: Vec<_> = present.iter().map(|&k| whole[k]).collect();
        let plain = losses.iter().map(|l| l.gradient(&bound).unwrap().to_vec());
        let plain = plain.reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect()).unwrap();
        for (a, b) in step.gradient.to_vec().iter().zip(plain) {
            assert!((a - b).abs() < 1e-14);
        }
        let spread = presence.spread(&step.losses).unwrap();
        assert!((0..3).all(|k| spread[k].is_some() == present.contains(&k)));
    }
    assert_eq!(*heard.borrow(), [2, 1, 3, 2]);
    let both = Presence::of(&[Some(()), None, Some(())]).unwrap().unwrap();
    let nobody = [None, None, None];
    assert!(balanced_present(&nobody, &cut, &bound, &params, &mut methods).unwrap().is_none());
    assert!(
        methods.method(&Presence::of(&[Some(())]).unwrap().unwrap()).is_err(),
        "of another number of tasks"
    );
    assert!(Presence::of::<()>(&[]).is_err());
    assert!(both.select(&[1, 2]).is_err() && both.spread(&[1.0]).is_err());
    assert_eq!(both.select(&["a", "b", "c"]).unwrap(), ["a", "c"]);
    // A row of zeros would have been the whole answer to MGDA; an absent row is none of it.
    let zero = Gramian::new(2, &[0.0, 0.0, 0.0, 4.0]).unwrap();
    assert_eq!(Mgda::new().weights(&[1.0, 1.0], Some(&zero)).unwrap()[..], [1.0, 0.0]);
}

/// Who is there in the steps of the tests below; every task is absent from some.
const THERE: [[bool; 3]; 5] =
    [[true, false, true], [true, true, true], [false, true, false], [true, true, false], [false, true, true]];

fn presence(there: [bool; 3]) -> Presence {
    Presence::of(&there.map(|there| there.then_some(()))).unwrap().unwrap()
}

/// A step of whatever method with those who are there; the losses and rows of a task follow from the step and the task.
fn step<F: Fn(&[usize]) -> Result<Balance, Error>>(methods: &mut Partial<Balance, F>, t: usize) -> Vec<f64> {
    let presence = presence(THERE[t % THERE.len()]);
    let present = presence.present();
    let draw = |task: usize| Draw::new(1000 * t as u64 + task as u64);
    let rows: Vec<Vec<f64>> = present.iter().map(|&task| draw(task).numbers(40)).collect();
    let losses: Vec<f64> = present.iter().map(|&task| 0.5 + task as f64 + draw(task).losses(1)[0]).collect();
    let method = methods.method(&presence).unwrap();
    tell_before(method, present.len(), &mut Draw::new(t as u64)).unwrap();
    let (mut found, weights) = direction(method, &losses, &rows).unwrap();
    tell_after(method, &losses).unwrap();
    if t % 7 == 6 {
        methods.end_epoch().unwrap();
    }
    found.extend_from_slice(&weights);
    found
}

#[test]
fn a_task_that_is_absent_keeps_what_was_learned_for_it() {
    // A method whose tasks do not look at each other is, for each of them, a run of its own over the steps that it is in.
    let make = |tasks: &[usize]| Uncertainty::new(tasks.len(), 0.1);
    let mut together = Partial::new(3, make).unwrap();
    let mut alone: Vec<Uncertainty> = (0..3).map(|_| Uncertainty::new(1, 0.1).unwrap()).collect();
    for t in 0..60 {
        let presence = presence(THERE[t % THERE.len()]);
        let loss = |task: usize| 0.1 + task as f64 + 0.01 * t as f64;
        let losses: Vec<f64> = presence.present().iter().map(|&task| loss(task)).collect();
        let weights = together.method(&presence).unwrap().weights(&losses, None).unwrap();
        for (&task, &weight) in presence.present().iter().zip(weights.iter()) {
            let own = alone[task].weights(&[loss(task)], None).unwrap()[0];
            assert_eq!(weight, own, "task {task} in step {t}");
        }
    }
    assert!(alone.iter().all(|one| one.log_variances()[0].abs() > 0.1), "they have learned something");

    // DWA: the means of a task are those of the steps that it was in; one that begins late counts as one that stays.
    let mut dwa = Partial::new(2, |tasks: &[usize]| Dwa::new(tasks.len())).unwrap();
    let [first, both] = [[Some(()), None], [Some(()), Some(())]].map(|s| Presence::of(&s).unwrap().unwrap());
    for loss in [4.0, 2.0] {
        for _ in 0..3 {
            assert_eq!(dwa.method(&first).unwrap().weights(&[loss], None).unwrap()[..], [1.0]);
        }
        dwa.end_epoch().unwrap();
    }
    let softmax = |r: [f64; 2]| r.map(|x| 2.0 * (x / 2.0).exp() / ((r[0] / 2.0).exp() + (r[1] / 2.0).exp()));
    let found = dwa.method(&both).unwrap().weights(&[1.0, 8.0], None).unwrap();
    assert!(found.iter().zip(softmax([0.5, 1.0])).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");
    // One step in this epoch and two in the next, beside more of the other.
    dwa.method(&first).unwrap().weights(&[1.0], None).unwrap();
    dwa.end_epoch().unwrap();
    for _ in 0..2 {
        dwa.method(&both).unwrap().weights(&[3.0, 4.0], None).unwrap();
        dwa.method(&first).unwrap().weights(&[3.0], None).unwrap();
    }
    dwa.end_epoch().unwrap();
    let found = dwa.method(&both).unwrap().weights(&[1.0, 1.0], None).unwrap();
    assert!(found.iter().zip(softmax([3.0, 0.5])).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");

    // GradNorm: the weight of one that is away stays, and the others share what they had.
    let mut norm = Partial::new(3, |tasks: &[usize]| GradNorm::new(tasks.len(), 0.1)).unwrap();
    let three = Gramian::new(3, &[9.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 4.0]).unwrap();
    let mut last = [0.0; 3];
    for t in 0..40 {
        let there = if t < 20 { [true; 3] } else { [true, false, true] };
        let presence = presence(there);
        let losses = presence.select(&[1.0, 1.0, 1.0]).unwrap();
        let gramian = presence.gramian(&three).unwrap();
        let weights = norm.method(&presence).unwrap().weights(&losses, Some(&gramian)).unwrap();
        presence.present().iter().zip(weights.iter()).for_each(|(&task, &weight)| last[task] = weight);
        let sum: f64 = last.iter().sum();
        assert!((sum - 3.0).abs() < 0.11, "{t}: {sum}");
    }
    let whole = Presence::of(&[Some(()); 3]).unwrap().unwrap();
    let back = norm.method(&whole).unwrap().weights(&[1.0; 3], Some(&three)).unwrap();
    assert!((back.iter().sum::<f64>() - 3.0).abs() < 1e-12 && back[1] > 1.1, "{back:?}");
}

/// Two turns of each task of a method with state, one task a step as `TaskLoaders` draw them, and what it has then.
fn in_turns(method: Method, steps: usize, begin: &[f64]) -> Vec<f64> {
    let mut methods = Partial::new(3, |tasks: &[usize]| method.build(tasks.len(), 1, 0.1)).unwrap();
    methods.restore(begin).unwrap();
    let mut loaders = TaskLoaders::new(&[40, 20, 10], 5, Sampling::Temperature(2.0), 3).unwrap();
    for t in 0..steps {
        let turn = loaders.draw().unwrap();
        let alone: Vec<Option<()>> = (0..3).map(|task| (task == turn.task).then_some(())).collect();
        let method = methods.method(&Presence::of(&alone).unwrap().unwrap()).unwrap();
        let loss = 1.0 + turn.task as f64 + 1.0 / (1 + t) as f64;
        tell_before(method, 1, &mut Draw::new(t as u64)).unwrap();
        direction(method, &[loss], &Draw::new(t as u64).rows(1, 40)).unwrap();
        tell_after(method, &[0.9 * loss]).unwrap();
    }
    methods.save().unwrap()
}

#[test]
fn one_task_a_step_shifts_no_weight_between_tasks() {
    // FAMO as it stands after steps of all tasks: the logits 1, 0 and -0.5, and means of Adam that would go on for a while.
    let shares: [&[f64]; 6] =
        [&[1.0, 0.0, -0.5], &[0.0], &[0.0; 3], &[40.0; 3], &[0.01, -0.02, 0.01], &[1e-4; 3]];
    let begin = shares.concat();
    assert_eq!(in_turns(Method::Famo, 120, &begin), begin, "neither the logits nor what Adam has seen");

    // Those that weigh tasks against each other: after the steps of one task each, all have what they had.
    for (method, count) in [(Method::MoDo, 3), (Method::SdmGrad, 3), (Method::GradNorm, 3)] {
        let mut all = Partial::new(3, |tasks: &[usize]| method.build(tasks.len(), 1, 0.1)).unwrap();
        [1, 6, 11].into_iter().for_each(|t| drop(step(&mut all, t)));
        let begin = all.save().unwrap();
        let after = in_turns(method, 60, &begin);
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
        assert!(begin[..count].iter().zip(&after).all(near), "{method}: {begin:?} {after:?}");
        assert!(begin[0] != begin[1], "{method} had learned something");
    }
    // What is learned of a task by itself goes on.
    let begin = [0.0; 12];
    let after = in_turns(Method::Uncertainty, 60, &begin);
    assert!(after[1] > 0.5 && after[2] > 0.5, "{after:?}");
}

#[test]
fn every_method_serves_changing_tasks_and_goes_on_from_what_was_saved() {
    for method in Method::ALL {
        let make = |tasks: &[usize]| method.build(tasks.len(), 1, 0.1);
        let mut whole = Partial::new(3, make).unwrap();
        let (mut saved, mut history) = (Vec::new(), Vec::new());
        for t in 0..20 {
            if t == 9 {
                saved = whole.save().unwrap();
            }
            history.push(step(&mut whole, t));
        }
        assert!(history.iter().flatten().all(|x| x.is_finite()), "{method}");
        let mut resumed = Partial::new(3, make).unwrap();
        (0..3).for_each(|t| drop(step(&mut resumed, t)));
        resumed.restore(&saved).unwrap();
        for (t, before) in history.iter().enumerate().skip(9) {
            assert_eq!(step(&mut resumed, t), *before, "{method} in step {t}");
        }
        let state = whole.save().unwrap();
        assert_eq!(resumed.save().unwrap(), state, "{method}");
        // A refused state changes nothing; ParetoMTL's may end between two sets.
        if !state.is_empty() && method != Method::ParetoMtl {
            assert!(resumed.restore(&state[1..]).is_err(), "{method}");
        }
        assert_eq!(resumed.save().unwrap(), state, "{method}");

        // All there all the time is the method itself, also after it was brought back.
        let mut plain = make(&[0, 1, 2]).unwrap();
        let mut partial = Partial::new(3, make).unwrap();
        for t in [1, 6, 11, 16] {
            let found = step(&mut partial, t);
            let (draw, tasks) = (|task: usize| Draw::new(1000 * t as u64 + task as u64), 0..3);
            let rows: Vec<Vec<f64>> = tasks.clone().map(|task| draw(task).numbers(40)).collect();
            let losses: Vec<f64> = tasks.map(|task| 0.5 + task as f64 + draw(task).losses(1)[0]).collect();
            tell_before(&mut plain, 3, &mut Draw::new(t as u64)).unwrap();
            let (mut expected, weights) = direction(&mut plain, &losses, &rows).unwrap();
            tell_after(&mut plain, &losses).unwrap();
            if t % 7 == 6 {
                plain.observe(Observation::EpochEnd).unwrap();
            }
            expected.extend_from_slice(&weights);
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            assert!(found.iter().zip(&expected).all(near), "{method} in step {t}");
        }
    }
    assert!(Partial::new(33, |_: &[usize]| Ok(PcGrad::new(1))).is_err());
}

#[test]
fn states_of_sets_of_tasks_are_saved_and_restored() {
    // A method that does not say whose its state is.
    let make = |tasks: &[usize]| Method::ParetoMtl.build(tasks.len(), 1, 0.1);
    let mut whole = Partial::new(3, make).unwrap();
    (0..12).for_each(|t| drop(step(&mut whole, t)));
    let saved = whole.save().unwrap();
    let mut resumed = Partial::new(3, make).unwrap();
    resumed.restore(&saved).unwrap();
    let (mut ends, mut end) = (Vec::new(), 0);
    while end < saved.len() {
        ends.push(end);
        end += 2 + saved[end + 1] as usize;
    }
    assert_eq!((ends.len(), end), (5, saved.len()));
    for cut in 0..saved.len() {
        let mut other = Partial::new(3, make).unwrap();
        assert_eq!(other.restore(&saved[..cut]).is_ok(), ends.contains(&cut), "{cut}");
    }
    let turned = [&saved[ends[1]..ends[2]], &saved[..ends[1]]].concat();
    assert!(resumed.restore(&turned).is_err(), "sets out of order");
    assert!(resumed.restore(&[8.0, 0.0]).is_err() && resumed.restore(&[0.0, 0.0]).is_err());
    assert!(resumed.restore(&[1.0, 1e9]).is_err() && resumed.restore(&[1.0, f64::NAN]).is_err());
    assert!(resumed.restore(&[1.5, 0.0]).is_err() && resumed.restore(&[1.0, -1.0]).is_err());
    assert_eq!(resumed.save().unwrap(), saved, "a refused call changes nothing");
}
