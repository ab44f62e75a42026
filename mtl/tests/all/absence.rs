//! Labels that are missing, and tasks that are absent: nothing invented, nothing lost, no NaN.

use tress_autograd::{Eager, Tape};
use tress_mtl::balance::{Heads, Method, Mgda, Needs, PcGrad, Uncertainty, Weighting, Weights};
use tress_mtl::data::Labelled;
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

/// Remembers what it was asked.
#[derive(Debug, PartialEq)]
struct Listening {
    tasks: usize,
    heard: Vec<(Vec<f64>, Vec<f64>)>,
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
        self.heard.push((losses.to_vec(), gramian.unwrap().as_slice().to_vec()));
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

    let mut methods =
        Partial::new(3, |tasks: &[usize]| Ok(Listening { tasks: tasks.len(), heard: vec![] })).unwrap();
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
    assert_eq!(methods.sets(), 3);
    let both = Presence::of(&[Some(()), None, Some(())]).unwrap().unwrap();
    assert_eq!(methods.method(&both).unwrap().heard.len(), 2, "steps of one set are one run");
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

#[test]
fn methods_for_sets_of_tasks_are_saved_and_restored() {
    let make = |tasks: &[usize]| Uncertainty::new(tasks.len(), 0.1);
    let mut whole = Partial::new(3, make).unwrap();
    let sets: Vec<Presence> =
        [[true, false, true], [true, true, true], [false, true, false], [true, false, true]]
            .iter()
            .map(|set| Presence::of(&set.map(|there| there.then_some(()))).unwrap().unwrap())
            .collect();
    let mut saved = Vec::new();
    let step = |methods: &mut Partial<Uncertainty, _>, set: &Presence| {
        let losses: Vec<f64> = set.present().iter().map(|&k| 0.5 + k as f64).collect();
        methods.method(set).unwrap().weights(&losses, None).unwrap().to_vec()
    };
    let mut history = Vec::new();
    for (i, set) in sets.iter().cycle().take(12).enumerate() {
        if i == 5 {
            saved = whole.save();
        }
        history.push(step(&mut whole, set));
    }
    let mut resumed = Partial::new(3, make).unwrap();
    resumed.restore(&saved).unwrap();
    for (i, set) in sets.iter().cycle().take(12).enumerate().skip(5) {
        assert_eq!(step(&mut resumed, set), history[i]);
    }
    assert_eq!(resumed.save(), whole.save());
    // State that ends within a set is refused; between sets it is that of an earlier time.
    let (mut ends, mut end) = (Vec::new(), 0);
    while end < saved.len() {
        ends.push(end);
        end += 2 + saved[end + 1] as usize;
    }
    assert_eq!((ends.len(), end), (3, saved.len()));
    for cut in 0..saved.len() {
        let mut other = Partial::new(3, make).unwrap();
        assert_eq!(other.restore(&saved[..cut]).is_ok(), ends.contains(&cut), "{cut}");
    }
    let turned = [&saved[ends[1]..ends[2]], &saved[..ends[1]]].concat();
    assert!(resumed.restore(&turned).is_err(), "sets out of order");
    assert!(resumed.restore(&[8.0, 0.0]).is_err() && resumed.restore(&[0.0, 0.0]).is_err());
    assert!(resumed.restore(&[1.0, 1e9]).is_err() && resumed.restore(&[1.0, f64::NAN]).is_err());
    assert!(resumed.restore(&[1.5, 0.0]).is_err() && resumed.restore(&[1.0, -1.0]).is_err());
    assert_eq!(resumed.save(), whole.save(), "a refused call changes nothing");
    // The methods of the crate by name serve any set.
    for method in Method::ALL {
        let mut partial = Partial::new(3, |tasks: &[usize]| method.build(tasks.len(), 1, 0.1)).unwrap();
        partial.method(&sets[0]).unwrap();
    }
    assert!(Partial::new(33, |_: &[usize]| Ok(PcGrad::new(1))).is_err());
}
