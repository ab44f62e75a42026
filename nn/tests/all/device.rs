//! Programs for devices: what was recorded computes what the model computes, in the arena that its plan says, as floats, as
//! bytes, and after a way through a file.

use tress_autograd::{Arrange, Eager, Fused, Pointwise, Reduce, Tape, Value};
use tress_nn::device::{Objective, Place, Program};
use tress_nn::{
    BatchNorm, Bound, Conv2d, Dense, Error, Flatten, GlobalMeanPool, Gradient, Layer, LayerNorm, MaxPool2d,
    MeanPool2d, Params, Random, RmsNorm, Sequential, mse,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Tensor, Window};

/// Two heads on a trunk that has every operation that devices have: groups, padding, branches, tables.
struct Model {
    first: Conv2d,
    second: Conv2d,
    left: Sequential,
    right: Dense,
}

impl Model {
    fn new(params: &mut Params) -> Result<Self, Error> {
        let mut scope = params.scope("trunk");
        Ok(Self {
            first: Conv2d::builder(2, 6, [3, 3]).same().build(&mut scope.scope("first"))?,
            second: Conv2d::builder(6, 6, [2, 2])
                .stride([2, 2])
                .groups(2)
                .activation(Map::Relu)
                .build(&mut scope.scope("second"))?,
            left: Sequential::new()
                .then(Flatten)
                .then(Dense::new(&mut params.scope("left.a"), 54, 9)?.activation(Map::Tanh))
                .then(Dense::new(&mut params.scope("left.b"), 9, 4)?),
            right: Dense::new(&mut params.scope("right"), 12, 3)?.activation(Map::Sigmoid),
        })
    }

    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> Vec<(String, V)> {
        let y = self.first.apply(bound, x);
        let y = Map::Relu.apply(bound, &MaxPool2d::new([2, 2]).apply(bound, &y)); // [1, 6, 6, 6]
        let z = self.second.apply(bound, &y); // [1, 6, 3, 3]
        let mean = MeanPool2d::new([2, 2]).apply(bound, &y); // [1, 6, 3, 3]
        let both = (z.clone() + mean.clone()) * (z - mean.map(Map::LeakyRelu(0.25)));
        let pooled = GlobalMeanPool.apply(bound, &both);
        let wide = pooled.concat(1, &[both.max_pool(Window::new([3, 3], [3, 3])).flatten(1)]);
        vec![
            ("left".into(), self.left.apply(bound, &both)),
            ("right".into(), self.right.apply(bound, &wide)),
            ("features".into(), both),
        ]
    }
}

const SHAPE: [usize; 4] = [1, 2, 12, 12];

fn model() -> (Params, Model, Program) {
    let mut params = Params::new(5);
    let model = Model::new(&mut params).unwrap();
    let program = Program::record(&params, &[("image", &SHAPE)], |bound, xs| Ok(model.apply(bound, &xs[0])));
    (params, model, program.unwrap())
}

fn samples(count: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(9);
    (0..count).map(|_| (0..288).map(|_| random.normal() as f32).collect()).collect()
}

fn expected(params: &Params, model: &Model, sample: &[f32]) -> Vec<Vec<f32>> {
    let x = Eager::new(Tensor::new(SHAPE, sample).unwrap());
    model.apply(&params.eager(), &x).iter().map(|(_, y)| y.tensor().unwrap().to_vec()).collect()
}

fn furthest(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), b.iter().map(Vec::len).collect::<Vec<_>>());
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.fold(0.0, |furthest, (a, b)| if (a - b).abs() <= furthest { furthest } else { (a - b).abs() })
}

#[test]
fn a_program_computes_what_the_model_computes() {
    let (params, model, program) = model();
    for sample in samples(4) {
        let found = program.run(&[&sample]).unwrap();
        assert!(furthest(&found, &expected(&params, &model, &sample)) < 1e-5);
    }
    assert!(program.run(&[]).unwrap_err().to_string().contains("0 inputs are given, 1 are wanted"));
    let short = program.run(&[&[0.0; 7]]).unwrap_err().to_string();
    assert!(short.contains("input `image` has 7 numbers, but its shape is [1, 2, 12, 12]"), "{short}");
}

#[test]
fn a_plan_gives_room_to_what_is_alive_and_to_nothing_else() {
    let (.., program) = model();
    let plan = program.plan().unwrap();
    let first = program.inputs().len();
    // Every value of the arena as long as anybody looks at it: no two overlap then.
    let calls = plan.calls();
    let mut lives: Vec<(std::ops::Range<usize>, usize, usize)> = Vec::new();
    for (at, placed) in calls.iter().enumerate() {
        let Place::Arena(range) = &placed.to.1 else { continue };
        assert!(range.end <= plan.values() && range.len() == program.shape(placed.to.0).unwrap().len());
        let mut last = at;
        for (later, call) in calls.iter().enumerate().skip(at + 1) {
            if call.from.iter().any(|(_, place)| *place == placed.to.1) {
                last = later;
            }
            if call.to.1 == placed.to.1 {
                break;
            }
        }
        lives.push((range.clone(), at, last));
    }
    for (i, (a, a_from, a_to)) in lives.iter().enumerate() {
        for (b, b_from, b_to) in &lives[..i] {
            let together = a_from <= b_to && b_from <= a_to;
            assert!(!together || a == b || a.end <= b.start || b.end <= a.start, "{a:?} and {b:?}");
        }
    }
    assert!(first + program.steps().len() > lives.len());
    // The layer of most numbers, its operand being the input: 6 x 12 x 12, with the 6 x 6 x 6 that are pooled from it.
    assert_eq!(plan.values(), 864 + 216);
    assert_eq!((plan.column(), plan.arena::<f32>(), plan.arena::<i8>()), (18, 4 * 1098, 1104));
    let macs = 6 * 144 * 18 + 6 * 9 * 12 + 54 * 9 + 9 * 4 + 12 * 3;
    assert_eq!(plan.multiply_adds(), macs);
    assert!(
        calls.iter().all(|placed| !matches!(placed.call, tress_nn::device::Call::Map(Map::Relu, _))),
        "fused"
    );
}

#[test]
fn bytes_are_near_the_numbers_that_they_stand_for() {
    let (params, model, program) = model();
    let samples = samples(40);
    let quantised = program.quantise(samples.iter().map(|sample| [&sample[..]])).unwrap();
    let (mut error, mut size) = (0.0f64, 0.0f64);
    for sample in &samples {
        let (found, truth) = (quantised.run_numbers(&[sample]).unwrap(), expected(&params, &model, sample));
        for (a, b) in found.iter().flatten().zip(truth.iter().flatten()) {
            error += f64::from((a - b) * (a - b));
            size += f64::from(b * b);
        }
    }
    let noise = (error / size).sqrt();
    assert!(noise < 0.05, "the error is {noise} of the signal");
    assert!(noise > 1e-5, "bytes cannot be exact: {noise}");
}

/// A dense layer of two inputs whose weights of one output are `tiny`, beside an ordinary one, with biases.
fn tiny(tiny: f32) -> Program {
    let mut params = Params::<f32>::new(1);
    let dense = Dense::new(&mut params.root(), 2, 2).unwrap();
    params.set_block(&Tensor::vector(&[0.5, tiny, -0.25, -tiny, 0.125, 0.5])).unwrap();
    Program::record(&params, &[("x", &[1, 2])], |bound, xs| {
        Ok(vec![("y".into(), dense.apply(bound, &xs[0]))])
    })
    .unwrap()
}

#[test]
fn channels_with_next_to_no_weight_keep_their_bias() {
    let samples: Vec<[f32; 2]> =
        (0..20).map(|i| [i as f32 / 10.0 - 1.0, 1.0 - (i * 7 % 20) as f32 / 10.0]).collect();
    for size in [0.0, 1e-45, 1e-38, 1e-30, 1e-9, 1e-6, 1e-3, 0.1] {
        let program = tiny(size);
        let quantised = program.quantise(samples.iter().map(|sample| [&sample[..]])).unwrap();
        for sample in &samples {
            let (found, truth) = (quantised.run_numbers(&[sample]).unwrap(), program.run(&[sample]).unwrap());
            let step = quantised.range(quantised.program().outputs()[0].1).scale;
            for (found, truth) in found[0].iter().zip(&truth[0]) {
                assert!((found - truth).abs() < 1.6 * step, "{size}: {found} for {truth}, {step} a step");
            }
        }
    }
}

#[test]
fn what_cannot_be_calibrated_is_said_with_its_place() {
    let program = tiny(8.0);
    let say = |samples: &[[f32; 2]]| {
        program.quantise(samples.iter().map(|sample| [&sample[..]])).unwrap_err().to_string()
    };
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let wild = say(&[[0.0, 1.0], [x, 0.5], [0.5, 0.5]]);
        assert!(wild.contains(&format!("{x} in input `x` for sample 1")), "{wild}");
    }
    let grown = say(&[[0.0; 2], [f32::MAX, -f32::MAX]]);
    assert!(grown.contains("inf in step 0 (`") && grown.contains("for sample 1"), "{grown}");
    assert!(say(&[]).contains("without samples"));
    let mut params = Params::<f32>::new(1);
    let dense = Dense::new(&mut params.root(), 40_000, 1).unwrap();
    let wide = Program::record(&params, &[("x", &[1, 40_000])], |bound, xs| {
        Ok(vec![("y".into(), dense.apply(bound, &xs[0]))])
    });
    let wide = wide.unwrap().quantise([[&vec![0.5; 40_000][..]]]).unwrap_err().to_string();
    assert!(wide.contains("40000 numbers under one output"), "{wide}");
}

#[test]
fn differences_that_nearly_cancel_stay_in_range() {
    // The result is a millionth of what is subtracted: a step of an operand is worth thousands of the result's.
    let program = Program::record(&Params::<f32>::new(1), &[("a", &[1, 4]), ("b", &[1, 4])], |_, xs| {
        Ok(vec![("y".into(), xs[0] - xs[1])])
    })
    .unwrap();
    let samples = [[[1e6f32, 2e6, -1e6, 5e5], [1e6 - 0.5, 2e6 + 0.25, -1e6 + 0.5, 5e5]]];
    let quantised = program.quantise(samples.iter().map(|[a, b]| [&a[..], &b[..]])).unwrap();
    let far = quantised.run_numbers(&[&[2e6; 4], &[-1e6, 2e6, 0.0, 1e6]]).unwrap();
    let [low, high] = [-128, 127].map(|q| quantised.range(2).number(q));
    assert!(far[0][0] == high && far[0][2] == high && far[0][3] == high, "{far:?} of {low}..{high}");
    let near = quantised.run_numbers(&[&[-1e6; 4], &[2e6, -1e6, 0.0, 1e6]]).unwrap();
    assert!(near[0][0] == low && near[0][2] == low && near[0][3] == low, "{near:?} of {low}..{high}");
}

#[test]
fn a_program_comes_back_from_a_file() {
    let (params, _, program) = model();
    let sample = &samples(1)[0];
    let expected = program.run(&[sample]).unwrap();
    for file in [program.save(), program.save_beside(&params)] {
        let back = Program::read(&file).unwrap();
        assert_eq!(back.run(&[sample]).unwrap(), expected);
        assert_eq!(back.json(), program.json());
        assert_eq!(back.plan().unwrap(), program.plan().unwrap());
    }
    let plain = tress_nn::file::save(&params);
    assert!(Program::read(&plain).unwrap_err().to_string().contains("does not say what they belong to"));
}

#[test]
fn damaged_programs_are_errors() {
    let (params, _, program) = model();
    let good = program.json();
    let read = |text: &str| {
        Program::read(&tress_nn::file::save_with(&params, &[("tress.program", text)]))
            .map(|program| program.plan())
    };
    assert!(read(&good).is_ok());
    for (from, to) in [
        ("tress-program", "another"),
        ("\"version\":1", "\"version\":2"),
        ("[1,2,12,12]", "[2,2,12,12]"),
        ("[1,2,12,12]", "[1,2,12]"),
        ("[1,2,12,12]", "[1,2,99999999999,99999999999]"),
        ("\"conv2d\"", "\"conv3d\""),
        ("\"of\":[1]", "\"of\":[77]"),
        ("\"of\":[1]", "\"of\":[]"),
        ("trunk.first.weight", "trunk.first.wait"),
        ("\"settings\":[12,12,3,3", "\"settings\":[12,12,0,3"),
        ("\"settings\":[12,12,3,3", "\"settings\":[12,12,3"),
        ("leaky_relu 0.25", "leaky_relu"),
        ("leaky_relu 0.25", "leaky_relu x"),
        ("\"map\":\"tanh\"", "\"map\":\"tanh 1.0\""),
        ("\"value\":", "\"value\":9"),
        ("\"name\":\"left\"", "\"name\":\"right\""),
        ("\"outputs\"", "\"inputs\""),
        ("]}", "]"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(bad != good, "{from} is not in {good}");
        assert!(read(&bad).is_err(), "{from} -> {to}");
    }
    // Cut anywhere, and with any byte changed to another character: an error or a program, never a panic.
    for at in 0..good.len() {
        assert!(read(&good[..at]).is_err());
        for to in ["9", "\"", "{", "-"] {
            let _ = read(&format!("{}{to}{}", &good[..at], &good[at + 1..]));
        }
    }
}

#[test]
fn what_devices_cannot_do_is_said_with_its_place() {
    let mut params = Params::<f32>::new(1);
    let dense = Dense::new(&mut params.root(), 4, 4).unwrap();
    let record = |shape: &[usize],
                  model: &dyn for<'t> Fn(
        tress_autograd::Symbol<'t>,
        &Bound<tress_autograd::Symbol<'t>>,
    ) -> tress_autograd::Symbol<'t>| {
        Program::record(&params, &[("x", shape)], |bound, xs| Ok(vec![("y".into(), model(xs[0], bound))]))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let largest = record(&[1, 4], &|x, _| x.max(&[1]));
    assert!(
        largest.contains("`max_along`")
            && largest.contains("device.rs:")
            && largest.contains("do this elsewhere"),
        "{largest}"
    );
    let two = record(&[2, 4], &|x, bound| dense.apply(bound, &x));
    assert!(two.contains("input `x` has shape [2, 4]: a device takes one sample"), "{two}");
    let wrong = record(&[1, 5], &|x, bound| dense.apply(bound, &x));
    assert!(wrong.contains("[1, 5] x [4, 4]"), "{wrong}");
    let itself = record(&[1, 4], &|x, _| x.matmul(x.reshape([4, 1])));
    assert!(itself.contains("multiplies a value by weights"), "{itself}");
    let constant = record(&[1, 4], &|x, _| x * x.constant(2.0));
    assert!(constant.contains("neither inputs nor parameters"), "{constant}");
    let middle = record(&[1, 4, 4], &|x, _| x.sum(&[1]));
    assert!(middle.contains("over the last axes"), "{middle}");
}

#[test]
fn a_step_of_learning_is_the_engine_s_own_gradient() {
    let mut params = Params::<f32>::new(11);
    let trunk = Dense::new(&mut params.scope("trunk"), 3, 8).unwrap().activation(Map::Tanh);
    let wide = Dense::new(&mut params.scope("wide"), 8, 6).unwrap().activation(Map::Relu);
    let heads = [("left", 2), ("right", 4)]
        .map(|(name, outputs)| Dense::new(&mut params.scope(name), 6, outputs).unwrap());
    let x = [0.3, -1.2, 0.8];
    let truths = [vec![1.0, 0.0], vec![0.0, 0.0, 1.0, 0.0]];
    let program = Program::record(&params, &[("x", &[1, 3])], |bound, xs| {
        let features = wide.apply(bound, &trunk.apply(bound, &xs[0]));
        let named = |(name, head): (&str, &Dense)| (name.to_owned(), head.apply(bound, &features));
        Ok(["left", "right"].into_iter().zip(&heads).map(named).collect())
    })
    .unwrap();
    for objective in [Objective::Squares, Objective::Classes] {
        let learning = program.learning(objective).unwrap();
        let names: Vec<&str> = learning.inputs().iter().map(|port| port.name.as_str()).collect();
        assert_eq!(names[..5], ["x", "left truth", "right truth", "rate", "trunk.weight"]);
        let weights: Vec<Vec<f32>> = program.weights().iter().map(|weight| weight.numbers.clone()).collect();
        let rate = [0.5f32];
        let mut inputs: Vec<&[f32]> = vec![&x, &truths[0], &truths[1], &rate];
        inputs.extend(weights.iter().map(Vec::as_slice));
        let found = learning.run(&inputs).unwrap();

        let tape = Tape::new();
        let bound = params.on(&tape);
        let features = wide.apply(&bound, &trunk.apply(&bound, &tape.var(Tensor::new([1, 3], &x).unwrap())));
        let mut losses = Vec::new();
        for (head, truth) in heads.iter().zip(&truths) {
            let (y, truth) =
                (head.apply(&bound, &features), tape.var(Tensor::new([1, truth.len()], truth).unwrap()));
            losses.push(match objective {
                Objective::Squares => mse(&y, &truth),
                Objective::Classes => -(y.log_softmax() * truth).sum_all(),
            });
        }
        for (loss, found) in losses.iter().zip(&found) {
            assert!((loss.item().unwrap() - found[0]).abs() < 1e-6);
        }
        let gradient = (losses[0] + losses[1]).gradient(&bound).unwrap();
        for (weight, update) in program.weights().iter().zip(&found[2..]) {
            let range = params.entry(&weight.name).unwrap().range();
            let expected = &gradient.as_slice().unwrap()[range];
            for (update, slope) in update.iter().zip(expected) {
                assert!(
                    (update + 0.5 * slope).abs() < 1e-6,
                    "{objective:?} {}: {update} for {slope}",
                    weight.name
                );
            }
            assert!(expected.iter().any(|slope| *slope != 0.0), "{}", weight.name);
        }
        // Descending leads down.
        let mut weights = weights;
        let mut last = f32::INFINITY;
        for _ in 0..20 {
            let mut inputs: Vec<&[f32]> = vec![&x, &truths[0], &truths[1], &[0.05]];
            inputs.extend(weights.iter().map(Vec::as_slice));
            let found = learning.run(&inputs).unwrap();
            assert!(found[0][0] + found[1][0] < last);
            last = found[0][0] + found[1][0];
            for (weight, update) in weights.iter_mut().zip(&found[2..]) {
                weight.iter_mut().zip(update).for_each(|(weight, update)| *weight += update);
            }
        }
    }
    let refused = model().2.learning(Objective::Squares).unwrap_err().to_string();
    assert!(refused.contains("they learn dense layers"), "{refused}");
}

/// Batch norm after a convolution, after a dense layer, and before any layer; with state as training leaves it.
struct Normed {
    before: BatchNorm,
    conv: Conv2d,
    after: BatchNorm,
    dense: Dense,
    flat: BatchNorm,
    head: Dense,
}

impl Normed {
    fn new(params: &mut Params) -> Result<Self, Error> {
        Ok(Self {
            before: BatchNorm::new(&mut params.scope("before"), 2)?,
            conv: Conv2d::builder(2, 4, [3, 3]).groups(2).build(&mut params.scope("conv"))?,
            after: BatchNorm::new(&mut params.scope("after"), 4)?,
            dense: Dense::new(&mut params.scope("dense"), 36, 5)?,
            flat: BatchNorm::new(&mut params.scope("flat"), 5)?,
            head: Dense::new(&mut params.scope("head"), 5, 3)?,
        })
    }

    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let x = self.conv.apply(bound, &self.before.apply(bound, x));
        let x = self.after.apply(bound, &x).relu();
        let x = self.dense.apply(bound, &Flatten.apply(bound, &x));
        self.head.apply(bound, &self.flat.apply(bound, &x).tanh())
    }
}

#[test]
fn batch_norm_becomes_part_of_the_layer_before() {
    let mut params = Params::new(4);
    let model = Normed::new(&mut params).unwrap();
    let mut random = Random::new(2);
    let numbers = (0..params.block().len()).map(|_| random.uniform() as f32 + 0.1).collect::<Vec<_>>();
    params.set_block(&Tensor::vector(&numbers)).unwrap();
    let program = Program::record(&params, &[("image", &[1, 2, 5, 5])], |bound, xs| {
        Ok(vec![("y".into(), model.apply(bound, &xs[0]))])
    })
    .unwrap();
    // The one before the convolution is a convolution of one tap; the others are no steps at all.
    let names: Vec<&str> =
        program.steps().iter().map(|step| step.op.name()).filter(|name| *name != "reshape").collect();
    assert_eq!(names, ["conv2d", "conv2d", "matmul", "matmul"]);
    let weights = 2 * 2 + (4 * 9 + 4) + (36 * 5 + 5) + (5 * 3 + 3);
    assert_eq!(program.weights().iter().map(|weight| weight.numbers.len()).sum::<usize>(), weights);
    let file = program.save_beside(&params);
    let back = Program::read(&file).unwrap();
    assert_eq!(back.json(), program.json());
    for _ in 0..5 {
        let x: Vec<f32> = (0..50).map(|_| random.normal() as f32).collect();
        let y = model.apply(&params.eager(), &Eager::new(Tensor::new([1, 2, 5, 5], &x).unwrap()));
        let found = program.run(&[&x]).unwrap();
        let expected = [y.tensor().unwrap().to_vec()];
        assert!(furthest(&found, &expected) < 1e-4 * (1.0 + expected[0][0].abs()), "{found:?} {expected:?}");
        assert_eq!(back.run(&[&x]).unwrap(), found);
        assert_eq!(Program::read(&program.save()).unwrap().run(&[&x]).unwrap(), found);
    }
    // The file is that of the model as well: what the program has made is not the model's.
    let mut other = Params::new(1);
    Normed::new(&mut other).unwrap();
    tress_nn::file::load(&mut other, &file).unwrap();
    assert_eq!(other.block().to_vec(), params.block().to_vec());
}

#[test]
fn numbers_of_channels_are_added_and_multiplied() {
    let mut params = Params::<f32>::new(6);
    let handles = [("channel", &[3, 1, 1][..]), ("one", &[]), ("last", &[4]), ("all", &[3, 2, 4])]
        .map(|(name, shape)| params.root().parameter(name, shape, tress_nn::Init::Normal(1.0)).unwrap());
    fn model<V: Value>(bound: &Bound<V>, x: &V, handles: &[tress_nn::Handle; 4]) -> V {
        let [channel, one, last, all] = handles.each_ref().map(|handle| bound.fetch(handle, x));
        let x = (x.clone() - channel.clone() * one.clone()) / (channel.square() + one.clone());
        let x = one.clone() - (x * last + all);
        (x.clone() * one.clone() - one.clone()) / one
    }
    let program = Program::record(&params, &[("x", &[1, 3, 2, 4])], |bound, xs| {
        Ok(vec![("y".into(), model(bound, &xs[0], &handles))])
    })
    .unwrap();
    let x: Vec<f32> = (0..24).map(|i| i as f32 / 7.0 - 1.5).collect();
    let y = model(&params.eager(), &Eager::new(Tensor::new([1, 3, 2, 4], &x).unwrap()), &handles);
    let found = program.run(&[&x]).unwrap();
    assert!(furthest(&found, &[y.tensor().unwrap().to_vec()]) < 1e-4, "{found:?} {y:?}");
}

#[test]
fn rows_are_normalised() {
    let mut params = Params::<f32>::new(8);
    let layer = LayerNorm::new(&mut params.scope("layer"), [6]).unwrap();
    let rms = RmsNorm::new(&mut params.scope("rms"), [6]).unwrap().epsilon(0.01);
    let numbers: Vec<f32> = (0..18).map(|i| 0.3 + i as f32 / 9.0).collect();
    params.set_block(&Tensor::vector(&numbers)).unwrap();
    fn model<V: Value>(bound: &Bound<V>, x: &V, (layer, rms): (&LayerNorm, &RmsNorm)) -> Vec<(String, V)> {
        let x = layer.apply(bound, x);
        vec![("scores".into(), x.log_softmax()), ("rms".into(), rms.apply(bound, &x))]
    }
    let program =
        Program::record(&params, &[("x", &[1, 2, 6])], |bound, xs| Ok(model(bound, &xs[0], (&layer, &rms))))
            .unwrap();
    let x: Vec<f32> = (0..12).map(|i| (i * i % 7) as f32 - 2.5).collect();
    let y = model(&params.eager(), &Eager::new(Tensor::new([1, 2, 6], &x).unwrap()), (&layer, &rms));
    let expected: Vec<Vec<f32>> = y.iter().map(|(_, y)| y.tensor().unwrap().to_vec()).collect();
    let found = program.run(&[&x]).unwrap();
    assert!(furthest(&found, &expected) < 1e-5, "{found:?} {expected:?}");
    let back = Program::read(&program.save()).unwrap();
    assert_eq!(back.run(&[&x]).unwrap(), found);
    let bad = program.json().replace("\"epsilon\":\"0.01\"", "\"epsilon\":\"-1\"");
    let file = tress_nn::file::save_with(&params, &[("tress.program", &bad)]);
    assert!(bad != program.json() && Program::read(&file).is_err());
    let bytes = program.quantise([[&x[..]]]).unwrap_err().to_string();
    assert!(bytes.contains("layer norm") && bytes.contains("batch norm"), "{bytes}");
}
