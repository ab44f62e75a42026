//! Learning to learn: gradients through inner steps against differences and by hand, episodes, and that it helps.

use tress_autograd::{Tape, Value};
use tress_mtl::meta::{
    Episode, Examples, FewShot, InnerLoop, Maml, MetaMethod, MetaSgd, Prototypes, Reptile, Sinusoids,
};
use tress_mtl::network::{Objective, Targets, Task};
use tress_nn::{Adam, Dense, Gradient, Labels, Layer, Optimiser, Params, Sequential, Sgd};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

/// A small smooth network, so that differences are exact to many digits.
fn network(params: &mut Params<f64>, inputs: usize, outputs: usize) -> Sequential {
    let body = Dense::new(&mut params.scope("body"), inputs, 6).unwrap().activation(Map::Tanh);
    let head = Dense::new(&mut params.scope("head"), 6, outputs).unwrap();
    Sequential::new().then(body).then(head)
}

fn waves(params: &mut Params<f64>) -> (Task<Sequential>, Vec<Episode<f64>>) {
    let task = Task::new("wave", Objective::Numbers(1), network(params, 1, 1));
    let episodes = (0..2).map(|i| Sinusoids::new(3).episode(i, 5, 7).unwrap()).collect();
    (task, episodes)
}

fn blobs(params: &mut Params<f64>, outputs: usize) -> (Task<Sequential>, Vec<Episode<f64>>) {
    let task = Task::new("blob", Objective::Classes(3), network(params, 2, outputs));
    let at = |i: usize, axis: usize| ((i * 7 + axis * 3) % 11) as f64 / 5.0 - 1.0 + (i % 4) as f64 * 0.3;
    let inputs = Tensor::from_fn([40, 2], |i| at(i[0], i[1])).unwrap();
    let labels: Vec<u32> = (0..40).map(|i| i % 4).collect();
    let shots = FewShot::new(&labels, &[0, 1, 2, 3], 3, 2, 3, 5).unwrap();
    (task, (0..2).map(|i| shots.episode(i, &inputs).unwrap()).collect())
}

/// Central differences of `loss` along every parameter.
fn assert_slopes(params: &Params<f64>, gradient: &Tensor<f64>, loss: impl Fn(&Params<f64>) -> f64) {
    let h = 1e-5;
    for (i, &slope) in gradient.to_vec().iter().enumerate() {
        let moved = |by: f64| {
            let mut moved = params.clone();
            moved.block_mut()[i] += by;
            loss(&moved)
        };
        let difference = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((slope - difference).abs() < 1e-8 * (1.0 + slope.abs()), "{i}: {slope} {difference}");
    }
}

/// The mean query loss after adapting, without any gradient of it.
fn adapted_loss<M: Layer>(
    inner: &InnerLoop,
    task: &Task<M>,
    params: &Params<f64>,
    of: &[Episode<f64>],
) -> f64 {
    let one = |episode: &Episode<f64>| {
        let adapted = inner.adapt(task, params, &params.eager(), &episode.support).unwrap();
        episode.query.score(task, &adapted).unwrap().loss()
    };
    of.iter().map(one).sum::<f64>() / of.len() as f64
}

#[test]
fn second_order_gradients_are_those_of_differences() {
    for steps in [1, 3] {
        let mut params = Params::new(1);
        let (task, episodes) = waves(&mut params);
        for maml in [Maml::new(0.1, steps).unwrap(), Maml::new(0.1, steps).unwrap().within("head")] {
            let found = maml.gradient(&task, &params, &episodes).unwrap();
            let loss = |params: &Params<f64>| adapted_loss(maml.inner(), &task, params, &episodes);
            assert!((found.loss - loss(&params)).abs() < 1e-12);
            assert_slopes(&params, &found.gradient, loss);
        }
        let mut params = Params::new(2);
        let (task, episodes) = blobs(&mut params, 3);
        let plain = params.len();
        let meta_sgd = MetaSgd::new(&mut params, 0.3, steps).unwrap();
        assert_eq!(params.len(), 2 * plain, "a rate for each number");
        let found = meta_sgd.gradient(&task, &params, &episodes).unwrap();
        let numbers = found.gradient.to_vec();
        let (theta, rates) = numbers.split_at(plain);
        assert!(theta.iter().any(|x| *x != 0.0) && rates.iter().any(|x| *x != 0.0));
        assert_slopes(&params, &found.gradient, |params| {
            adapted_loss(meta_sgd.inner(), &task, params, &episodes)
        });
    }
}

/// `y = w x` with squared errors is a parabola in `w`, so all is known by hand.
#[test]
fn one_weight_by_hand() {
    let mut params = Params::<f64>::new(1);
    let line = Dense::builder(1, 1).without_bias().build(&mut params.root()).unwrap();
    params.set("weight", &Tensor::new([1, 1], &[0.5]).unwrap()).unwrap();
    let task = Task::new("line", Objective::Numbers(1), line);
    let examples = |x: &[f64], y: &[f64]| {
        let column = |v: &[f64]| Tensor::new([v.len(), 1], v).unwrap();
        Examples::new(column(x), Targets::Numbers(column(y))).unwrap()
    };
    let episode = Episode { support: examples(&[1.0, 2.0], &[2.0, 1.0]), query: examples(&[3.0], &[1.0]) };
    // L_S = mean (w x - y)^2: slope 2 mean x (w x - y) = 2 (1 (0.5 - 2) + 2 (1 - 1)) / 2 = -1.5, curvature 2 mean x^2 = 5.
    let w = 0.5 + 0.1 * 1.5;
    let slope = 2.0 * 3.0 * (3.0 * w - 1.0);
    let episodes = [episode];
    let second = Maml::new(0.1, 1).unwrap().gradient(&task, &params, &episodes).unwrap();
    assert!((second.gradient[[0]] - (1.0 - 0.1 * 5.0) * slope).abs() < 1e-12);
    assert!((second.loss - (3.0 * w - 1.0) * (3.0 * w - 1.0)).abs() < 1e-12);
    let first = Maml::new(0.1, 1).unwrap().first_order().gradient(&task, &params, &episodes).unwrap();
    assert!((first.gradient[[0]] - slope).abs() < 1e-12);

    // Reptile: a step on the support, then one on the query.
    let after = w - 0.1 * slope;
    let reptile = Reptile::new(0.1, 2).unwrap();
    let found = reptile.gradient(&task, &params, &episodes).unwrap();
    assert!((found.gradient[[0]] - (0.5 - after)).abs() < 1e-12);
    Sgd::new(1.0).step(&mut params, &found.gradient).unwrap();
    assert!((params.block()[[0]] - after).abs() < 1e-12, "a step of one goes all the way");

    params.set("weight", &Tensor::new([1, 1], &[0.5]).unwrap()).unwrap();
    let inputs = Tensor::new([1, 1], &[10.0]).unwrap();
    let maml = Maml::new(0.1, 1).unwrap();
    let predicted = maml.predict(&task, &params, &episodes[0].support, &inputs).unwrap();
    assert!((predicted[[0, 0]] - 10.0 * w).abs() < 1e-12);
    let curve = maml.inner().curve(&task, &params, &episodes[0], 1).unwrap();
    assert!((curve[0].loss() - 0.25).abs() < 1e-12 && (curve[1].loss() - second.loss).abs() < 1e-12);
}

#[test]
fn first_order_is_the_slope_at_the_end_and_the_head_moves_alone() {
    let mut params = Params::new(1);
    let (task, episodes) = waves(&mut params);
    let maml = Maml::new(0.05, 2).unwrap().within("head").first_order();
    let mut adapted = params.clone();
    let after = maml.inner().adapt(&task, &params, &params.eager(), &episodes[0].support).unwrap();
    let names: Vec<String> = params.entries().map(|entry| entry.name().to_owned()).collect();
    for (name, value) in names.iter().zip(after.values()) {
        let moved = *value.tensor().unwrap() != params.tensor(name).unwrap();
        assert_eq!(moved, name.starts_with("head"), "{name}");
        adapted.set(name, value.tensor().unwrap()).unwrap();
    }
    let tape = Tape::new();
    let bound = adapted.on(&tape);
    let x = tape.var(episodes[0].query.inputs().clone());
    let loss = task.loss(&task.head().apply(&bound, &x), episodes[0].query.targets()).unwrap();
    let expected = loss.gradient(&bound).unwrap();
    let found = maml.gradient(&task, &params, &episodes[..1]).unwrap();
    assert_eq!(found.gradient, expected);
    let second = Maml::new(0.05, 2).unwrap().within("head").gradient(&task, &params, &episodes[..1]).unwrap();
    assert_ne!(second.gradient, expected);
    assert_eq!(second.loss, found.loss);
}

#[test]
fn prototypes_are_means_and_their_gradient_is_that_of_differences() {
    let mut params = Params::new(4);
    let (task, episodes) = blobs(&mut params, 5);
    let found = Prototypes.gradient(&task, &params, &episodes).unwrap();
    assert_slopes(&params, &found.gradient, |params| {
        let one = |episode: &Episode<f64>| {
            // From the definition, sample by sample.
            let bound = params.eager();
            let embed = |of: &Examples<f64>| {
                let x = tress_autograd::Eager::new(of.inputs().clone());
                task.head().apply(&bound, &x).tensor().unwrap().to_vec()
            };
            let (support, query) = (embed(&episode.support), embed(&episode.query));
            let mut loss = 0.0;
            for (i, sample) in query.chunks(5).enumerate() {
                let distance = |class: usize| -> f64 {
                    let of_class = &support[class * 10..][..10]; // two shots
                    (0..5).map(|d| (sample[d] - (of_class[d] + of_class[5 + d]) / 2.0).powi(2)).sum()
                };
                let all: f64 = (0..3).map(|class| (-distance(class)).exp()).sum();
                loss += (distance(i / 3) + all.ln()) / 9.0;
            }
            loss
        };
        episodes.iter().map(one).sum::<f64>() / episodes.len() as f64
    });
    let inputs = episodes[0].support.inputs().clone();
    let logits = Prototypes.predict(&task, &params, &episodes[0].support, &inputs).unwrap();
    assert_eq!(**logits.shape(), [6, 3]);
    assert!(logits.to_vec().iter().all(|&logit| logit <= 1e-12), "negative squared distances");

    let empty = Labels::new([0, 0, 2], 3).unwrap();
    let x = params.eager().values().next().unwrap().lift(Tensor::zeros([3, 5]).unwrap());
    assert!(Prototypes::centres(&x, &empty).unwrap_err().to_string().contains("each class"));
}

#[test]
fn episodes_take_classes_and_samples_once_and_all_equally_often() {
    let labels: Vec<u32> = (0..90).map(|i| i % 6).collect();
    let shots = FewShot::new(&labels, &[1, 2, 4, 5], 3, 2, 4, 9).unwrap();
    let mut classes_seen = [0u32; 6];
    let mut samples_seen = [0u32; 90];
    for i in 0..3_000 {
        let drawn = shots.draw(i);
        assert_eq!((drawn.classes.len(), drawn.support.len(), drawn.query.len()), (3, 6, 12));
        let mut all: Vec<usize> = drawn.support.iter().chain(&drawn.query).copied().collect();
        for (at, &sample) in drawn.support.iter().enumerate() {
            assert_eq!(labels[sample], drawn.classes[at / 2]);
        }
        for (at, &sample) in drawn.query.iter().enumerate() {
            assert_eq!(labels[sample], drawn.classes[at / 4]);
        }
        drawn.classes.iter().for_each(|&class| classes_seen[class as usize] += 1);
        all.iter().for_each(|&sample| samples_seen[sample] += 1);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 18, "no sample twice");
        if i == 0 {
            assert_eq!(drawn, shots.draw(0));
            assert_ne!(drawn, shots.draw(1));
        }
    }
    assert_eq!(classes_seen[0] + classes_seen[3], 0);
    // 2250 each in the mean, with a standard deviation of 24; 900 of a sample, with one of 25.
    assert!([1, 2, 4, 5].iter().all(|&class| classes_seen[class].abs_diff(2_250) < 100), "{classes_seen:?}");
    let taken = samples_seen.iter().filter(|&&times| times > 0);
    assert!(taken.clone().count() == 60 && taken.clone().all(|&times| times.abs_diff(900) < 130));

    let inputs = Tensor::from_fn([90, 1], |i| i[0] as f64).unwrap();
    let episode = shots.episode::<f64>(7, &inputs).unwrap();
    let drawn = shots.draw(7);
    let rows: Vec<usize> = episode.query.inputs().to_vec().iter().map(|&x| x as usize).collect();
    assert_eq!(rows, drawn.query);
    let Targets::Classes(truth) = episode.query.targets() else { panic!() };
    assert_eq!(truth.as_slice(), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert!(shots.episode::<f64>(7, &Tensor::zeros([80, 1]).unwrap()).is_err());
}

#[test]
fn waves_are_as_published() {
    let waves = Sinusoids::new(2);
    let (mut lowest, mut highest) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for i in 0..2_000 {
        let (wave, episode) = (waves.wave(i), waves.episode::<f64>(i, 3, 1).unwrap());
        let Targets::Numbers(truth) = episode.support.targets() else { panic!() };
        for (x, y) in episode.support.inputs().to_vec().into_iter().zip(truth.to_vec()) {
            assert!((y - wave.amplitude * (x - wave.phase).sin()).abs() < 1e-14);
            for (at, number) in [wave.amplitude, wave.phase, x].into_iter().enumerate() {
                lowest[at] = lowest[at].min(number);
                highest[at] = highest[at].max(number);
            }
        }
    }
    let bounds = [(0.1, 5.0), (0.0, std::f64::consts::PI), (-5.0, 5.0)];
    for (at, (low, high)) in bounds.into_iter().enumerate() {
        assert!(lowest[at] >= low && lowest[at] < low + 0.02, "{lowest:?}");
        assert!(highest[at] <= high && highest[at] > high - 0.02, "{highest:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut params = Params::new(1);
    assert!(MetaSgd::new(&mut params, 0.1, 1).is_err(), "no parameters");
    let (task, episodes) = waves(&mut params);
    let maml = Maml::new(0.1, 1).unwrap();
    assert!(maml.gradient(&task, &params, &[]).unwrap_err().to_string().contains("at least one episode"));
    let lost = maml.clone().within("heads").gradient(&task, &params, &episodes).unwrap_err();
    assert!(lost.to_string().contains("name of their scope"), "{lost}");
    assert!(Maml::new(0.0, 1).is_err() && Maml::new(f64::NAN, 1).is_err());
    assert!(Reptile::new(0.1, 1).is_err());
    assert!(Prototypes.gradient(&task, &params, &episodes).is_err(), "numbers have no prototypes");
    let labels = [0, 1, 0, 1];
    for (classes, ways, shots, queries, part) in [
        (&[0, 1][..], 3, 1, 1, "no more than there are"),
        (&[0, 0], 2, 1, 1, "class 0 is named twice"),
        (&[0, 1, 1], 2, 1, 1, "class 1 is named twice"),
        (&[0, 1], 1, 1, 1, "two classes or more"),
        (&[0, 1], 2, 0, 1, "with shots and queries"),
        (&[0, 1], 2, 2, 1, "class 0 has 2 samples, and an episode takes 3 of it (2 shots and 1 queries)"),
        (&[0, 7, 1], 2, 1, 1, "class 7 has 0 samples, and an episode takes 2"),
    ] {
        let said = FewShot::new(&labels, classes, ways, shots, queries, 1).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
    assert!(Sinusoids::new(1).episode::<f64>(0, 0, 3).is_err());
    let (other, _) = blobs(&mut Params::new(1), 3);
    assert!(maml.gradient(&other, &params, &episodes).is_err(), "another model");
}

/// What each method is for: after it, few samples of a new wave are enough.
#[test]
fn few_samples_of_a_new_wave_are_enough_after_each_method() {
    fn after<X: MetaMethod<f32>>(
        make: impl Fn(&mut Params<f32>) -> X,
        inner: impl Fn(&X) -> &InnerLoop,
        steps: usize,
    ) -> [f64; 2] {
        let mut params = Params::<f32>::new(1);
        let model = Sequential::new()
            .then(Dense::new(&mut params.scope("body.first"), 1, 40).unwrap().activation(Map::Relu))
            .then(Dense::new(&mut params.scope("body.second"), 40, 40).unwrap().activation(Map::Relu))
            .then(Dense::new(&mut params.scope("head"), 40, 1).unwrap());
        let task = Task::new("wave", Objective::Numbers(1), model);
        let method = make(&mut params);
        let (training, testing) = (Sinusoids::new(1), Sinusoids::new(2));
        let test = |params: &Params<f32>| {
            let loss = |i| {
                let episode = testing.episode(i, 10, 50).unwrap();
                inner(&method).curve(&task, params, &episode, steps).unwrap()[steps].loss()
            };
            (0..50).map(loss).sum::<f64>() / 50.0
        };
        let before = test(&params);
        let mut adam = Adam::new(0.003);
        for step in 0..250 {
            let episodes: Vec<_> = (0..8).map(|i| training.episode(step * 8 + i, 10, 10).unwrap()).collect();
            let found = method.gradient(&task, &params, &episodes).unwrap();
            adam.step(&mut params, &found.gradient).unwrap();
        }
        [before, test(&params)]
    }
    for (name, [before, after]) in [
        ("maml", after(|_| Maml::new(0.01, 1).unwrap(), Maml::inner, 5)),
        ("first order", after(|_| Maml::new(0.01, 1).unwrap().first_order(), Maml::inner, 5)),
        ("anil", after(|_| Maml::new(0.01, 1).unwrap().within("head"), Maml::inner, 5)),
        ("reptile", after(|_| Reptile::new(0.01, 6).unwrap(), Reptile::inner, 5)),
        ("meta-sgd", after(|params| MetaSgd::new(params, 0.01, 1).unwrap(), MetaSgd::inner, 1)),
    ] {
        println!("{name}: {before:.3} -> {after:.3}");
        assert!(after < 0.8 * before, "{name}: {before} {after}");
    }
}
