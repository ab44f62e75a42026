//! Layers against PyTorch's numbers, on every kind of value, and their derivatives.

use crate::fixture::{Fixture, assert_near};
use tress_autograd::{Eager, Outline, Tape, Value, check};
use tress_nn::layer::{ConvBuilder, Step};
use tress_nn::{
    Bound, Conv2d, Dense, Dropout, Flatten, GlobalMeanPool, Gradient, Init, Layer, LayerNorm, MaxPool2d,
    MeanPool2d, Params, Scope, Sequential, SpatialDropout,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor};

/// The layer of a case, and parameters with the numbers of the fixture.
fn layer_of<T: Float>(all: &Fixture, case: &str) -> Option<(Step, Params<T>)> {
    let mut params = Params::new(1);
    let layer = declared(all, case, &mut params.root())?;
    let biased = all.has(&format!("{case}.b"));
    if params.entry("weight").is_some() {
        params.set("weight", &all.tensor(&format!("{case}.w"))).unwrap();
        assert!(biased, "every layer of the fixture with weights has a bias");
        params.set("bias", &all.tensor(&format!("{case}.b"))).unwrap();
    }
    Some((layer, params))
}

fn declared<T: Float>(all: &Fixture, case: &str, scope: &mut Scope<'_, T>) -> Option<Step> {
    let name = |part: &str| format!("{case}.{part}");
    let shape = |part: &str| *all.tensor::<f64>(&name(part)).shape();
    let pair = |part: &str| <[usize; 2]>::try_from(all.counts(&name(part))).unwrap();
    if case.starts_with("dense") {
        let w = shape("w");
        return Some(Dense::new(scope, w[0], w[1]).unwrap().into());
    }
    if case.starts_with("conv") {
        let (w, pad) = (shape("w"), all.counts(&name("padding")));
        let groups = all.counts(&name("groups"))[0];
        let builder = Conv2d::builder(w[1] * groups, w[0], [w[2], w[3]])
            .stride(pair("stride"))
            .padding([[pad[0], pad[1]], [pad[2], pad[3]]])
            .dilation(pair("dilation"))
            .groups(groups);
        return Some(builder.build(scope).unwrap().into());
    }
    if case.contains("_pool") {
        let pad = all.counts(&name("padding"));
        let pad = [[pad[0]; 2], [*pad.last().unwrap(); 2]];
        if case.starts_with("max") {
            let pool = MaxPool2d::new(pair("window")).stride(pair("stride")).padding(pad);
            return Some(pool.into());
        }
        let pool = MeanPool2d::new(pair("window")).stride(pair("stride")).padding(pad);
        let uncounted = case.contains("3x3") && !case.ends_with("counted");
        return Some(if uncounted { pool.without_padding_counted().into() } else { pool.into() });
    }
    if case.starts_with("layer_norm") {
        return Some(LayerNorm::new(scope, shape("w")).unwrap().into());
    }
    None
}

fn compare<T: Float>(tolerance: f64) -> usize {
    let all = Fixture::read("layers");
    let mut compared = 0;
    for case in all.cases() {
        let Some((layer, params)) = layer_of::<T>(&all, case) else { continue };
        let tensor = |part: &str| all.tensor::<T>(&format!("{case}.{part}"));
        let expected = |part: &str| all.tensor::<f64>(&format!("{case}.{part}"));

        let tape = Tape::new();
        let (bound, x) = (params.on(&tape), tape.var(tensor("x")));
        let y = layer.apply(&bound, &x);
        assert_near(&format!("{case}.y"), &y.tensor().unwrap(), &expected("y"), tolerance);

        let eager = layer.apply(&params.eager(), &Eager::new(tensor("x")));
        assert_eq!(eager.tensor().unwrap(), &y.tensor().unwrap(), "{case}: eager and recorded");
        let outline = layer.apply(&params.outline(), &Outline::new(x.shape()));
        assert_eq!(outline.inferred().unwrap(), y.shape(), "{case}: outline");

        let leaves = bound.leaves();
        let mut wanted = vec![x];
        wanted.extend_from_slice(leaves.values());
        let pulled = y.pull(Eager::new(tensor("g")), &wanted).unwrap();
        for (g, part) in pulled.iter().zip(["dx", "dw", "db"]) {
            assert_near(&format!("{case}.{part}"), g.tensor().unwrap(), &expected(part), tolerance);
        }
        compared += 1;
    }
    compared
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    assert_eq!(compare::<f64>(1e-10), CASES);
    assert_eq!(compare::<f32>(2e-5), CASES);
}

/// The layers in the fixture: 3 dense, 8 convolutions, 7 pools, 2 layer norms.
const CASES: usize = 20;

/// A layer as a program of its input and its parameters.
struct Checked<L>(L, Params<f64>);

impl<L: Layer> check::Program for Checked<L> {
    fn run<V: Value<Elem = f64>>(&self, xs: &[V]) -> V {
        let mut parameters = xs[1..].iter();
        let bound = self.1.bind(|_, numbers| match parameters.next() {
            Some(parameter) => parameter.clone(),
            None => xs[0].lift(numbers),
        });
        self.0.apply(&bound.training(3), &xs[0])
    }
}

fn random<const N: usize>(shape: [usize; N], seed: u64) -> Tensor<f64> {
    let mut random = tress_nn::Random::new(seed);
    Tensor::from_fn(shape, |_| random.normal()).unwrap()
}

fn check_layer<L: Layer, const N: usize>(
    shape: [usize; N],
    build: impl FnOnce(&mut Scope<'_, f64>) -> L,
) -> Result<(), check::Failure> {
    let mut params = Params::new(2);
    let layer = build(&mut params.root());
    let mut xs = vec![random(shape, 9)];
    xs.extend(params.entries().map(|entry| {
        let parameter = params.tensor(entry.name()).unwrap();
        let noise = Tensor::from_fn(*parameter.shape(), |i| 0.1 + 0.01 * i.iter().sum::<usize>() as f64);
        parameter.zip(tress_tensor::pointwise::Zip::Add, &noise.unwrap()).unwrap()
    }));
    check::second_order(&Checked(layer, params), &xs, 4)
}

#[test]
fn derivatives_agree_with_differences_to_the_second_order() {
    let conv = |builder: ConvBuilder<2>| move |scope: &mut Scope<'_, f64>| builder.build(scope).unwrap();
    check_layer([3, 4], |s| Dense::builder(4, 5).activation(Map::Tanh).build(s).unwrap()).unwrap();
    check_layer([3, 4], |s| Dense::builder(4, 5).activation(Map::Gelu).without_bias().build(s).unwrap())
        .unwrap();
    check_layer([2, 3, 4], |s| Dense::new(s, 4, 2).unwrap()).unwrap();
    check_layer([2, 3, 6, 5], conv(Conv2d::builder(3, 2, [3, 2]).activation(Map::Sigmoid))).unwrap();
    let strange = Conv2d::builder(4, 6, [2, 3]).stride([2, 1]).padding([[1, 0], [2, 1]]).groups(2);
    check_layer([2, 4, 5, 6], conv(strange.dilation([1, 2]))).unwrap();
    check_layer([2, 2, 6, 6], |_| MaxPool2d::new([2, 2])).unwrap();
    check_layer([1, 2, 5, 5], |_| MaxPool2d::new([3, 3]).stride([1, 2]).padding([[1, 1], [0, 1]])).unwrap();
    let mean = MeanPool2d::new([3, 3]).stride([2, 2]).padding([[1, 1], [1, 1]]);
    check_layer([2, 2, 5, 6], |_| mean).unwrap();
    check_layer([2, 2, 5, 6], |_| mean.without_padding_counted()).unwrap();
    check_layer([2, 3, 4, 5], |_| GlobalMeanPool).unwrap();
    check_layer([4, 5], |s| Dropout::new(s, 0.4).unwrap()).unwrap();
    check_layer([2, 5, 2, 3], |s| SpatialDropout::new(s, 0.4).unwrap()).unwrap();
    check_layer([4, 5], |s| LayerNorm::new(s, [5]).unwrap()).unwrap();
    check_layer([2, 3, 4], |s| LayerNorm::new(s, [3, 4]).unwrap()).unwrap();
    check_layer([2, 3, 4], |_| Flatten).unwrap();
    check_layer([2, 3, 4], |_| Map::Softplus).unwrap();
    check_layer([2, 1, 7, 7], |s| {
        Sequential::new()
            .then(Conv2d::new(&mut s.scope("conv"), 1, 3, [3, 3]).unwrap().activation(Map::Tanh))
            .then(MaxPool2d::new([2, 2]))
            .then(Flatten)
            .then(LayerNorm::new(&mut s.scope("norm"), [12]).unwrap())
            .then(Dense::new(&mut s.scope("dense"), 12, 2).unwrap())
    })
    .unwrap();
}

#[test]
fn the_same_padding_keeps_the_size() {
    let mut params = Params::<f32>::new(0);
    for (i, (kernel, dilation)) in
        [([3, 3], [1, 1]), ([5, 4], [1, 1]), ([3, 2], [2, 3]), ([3, 2], [3, 2])].into_iter().enumerate()
    {
        let scope = &mut params.scope(&format!("conv{i}"));
        let builder = Conv2d::builder(1, 2, kernel);
        let builder = match i % 2 {
            0 => builder.dilation(dilation).same(),
            _ => builder.padding([[7, 7]; 2]).same().dilation(dilation),
        };
        let conv = builder.build(scope).unwrap();
        let y = conv.apply(&params.eager(), &Tensor::zeros([2, 1, 9, 8]).unwrap().into());
        assert_eq!(**y.tensor().unwrap().shape(), [2, 2, 9, 8]);
    }
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let mut params = Params::<f32>::new(0);
    let mut root = params.root();
    for builder in [
        Conv2d::builder(3, 4, [3, 3]).groups(2),
        Conv2d::builder(4, 3, [3, 3]).groups(2),
        Conv2d::builder(4, 4, [3, 3]).groups(0),
        Conv2d::builder(4, 4, [0, 3]),
        Conv2d::builder(4, 4, [3, 3]).stride([1, 0]),
        Conv2d::builder(4, 4, [usize::MAX, 3]),
    ] {
        assert!(builder.build(&mut root).is_err());
    }
    for rate in [-0.1, 1.0, f64::NAN] {
        assert!(Dropout::new(&mut root, rate).is_err());
        assert!(SpatialDropout::new(&mut root, rate).is_err());
    }
    assert!(LayerNorm::new(&mut root, [0; 0]).is_err());
    assert!(Dense::builder(2, 2).init(Init::Normal(f64::INFINITY)).build(&mut root).is_err());
    assert_eq!(params.len(), 0);
}

/// A model of the user's: a mistake must name a line of it.
struct Model {
    first: Dense,
    second: Dense,
}

const BAD_LINE: u32 = line!() + 5;

impl Layer for Model {
    fn apply<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let hidden = self.first.apply(bound, x);
        self.second.apply(bound, &hidden)
    }
}

#[test]
fn a_wrong_shape_names_both_shapes_the_operation_and_the_line_of_the_model() {
    let mut params = Params::<f32>::new(0);
    let model = Model {
        first: Dense::new(&mut params.scope("first"), 4, 3).unwrap(),
        second: Dense::new(&mut params.scope("second"), 5, 2).unwrap(),
    };
    let expected = format!(
        "dense: [7, 3] x [5, 2]: give the layer as many inputs as the last axis of its input has numbers; \
         3 and 5 differ ({}:{BAD_LINE})",
        file!()
    );
    let x = Tensor::<f32>::zeros([7, 4]).unwrap();

    let tape = Tape::new();
    let bound = params.on(&tape);
    let y = model.apply(&bound, &tape.var(x.clone()));
    assert_eq!(y.tensor().unwrap_err().to_string(), expected);
    let loss = tress_autograd::Reduce::sum_all(&y);
    assert_eq!(loss.gradient(&bound).unwrap_err().to_string(), expected);

    let y = model.apply(&params.eager(), &x.clone().into());
    assert_eq!(y.tensor().unwrap_err().to_string(), expected);
    let y = model.apply(&params.outline(), &Outline::new(*x.shape()));
    assert_eq!(y.inferred().unwrap_err().to_string(), expected);
}

#[test]
fn every_layer_reports_a_wrong_shape_at_the_line_where_it_is_applied() {
    let mut params = Params::<f32>::new(0);
    let layers: Vec<Step> = {
        let mut root = params.root();
        vec![
            Dense::new(&mut root.scope("dense"), 2, 3).unwrap().into(),
            Conv2d::new(&mut root.scope("conv"), 2, 3, [1, 1]).unwrap().into(),
            MaxPool2d::new([2, 2]).into(),
            MeanPool2d::new([2, 2]).into(),
            GlobalMeanPool.into(),
            SpatialDropout::new(&mut root.scope("drop"), 0.5).unwrap().into(),
            LayerNorm::new(&mut root.scope("norm"), [4]).unwrap().into(),
            Sequential::new().then(Flatten).then(MaxPool2d::new([2, 2])).into(),
        ]
    };
    let bound = params.eager().training(1);
    for layer in layers {
        let (line, y) = (line!(), layer.apply(&bound, &Tensor::zeros([5, 7]).unwrap().into()));
        let mistake = y.tensor().unwrap_err();
        assert_eq!((mistake.place.file(), mistake.place.line()), (file!(), line), "{layer:?}: {mistake}");
        assert!(mistake.to_string().contains("[5, 7]"), "{mistake}");
    }
}

#[test]
fn dropout_follows_from_the_seed_of_the_step_and_the_layer() {
    let mut params = Params::<f32>::new(0);
    let one = Dropout::new(&mut params.scope("one"), 0.3).unwrap();
    let two = Dropout::new(&mut params.scope("two"), 0.3).unwrap();
    let again = Dropout::new(&mut params.scope("one"), 0.3).unwrap();
    let ones = Eager::new(Tensor::<f32>::full([300, 400], 1.0).unwrap());
    let bound = params.eager();
    let mask = |layer: &Dropout, seed: u64| {
        layer.apply(&bound.clone().training(seed), &ones).tensor().unwrap().to_vec()
    };
    assert_eq!(layer_numbers(&one, &bound, &ones), vec![1.0; 120_000], "evaluation changes nothing");
    let first = mask(&one, 5);
    assert_eq!(first, mask(&one, 5));
    for other in [mask(&one, 6), mask(&two, 5), mask(&again, 5)] {
        // Independent masks agree where both keep or both drop: 0.7^2 + 0.3^2 of all places.
        let agree = first.iter().zip(&other).filter(|(a, b)| a == b).count() as f64 / 120_000.0;
        assert!((agree - 0.58).abs() < 0.006, "{agree}");
    }
    assert!(first.iter().all(|&x| x == 0.0 || (x - 1.0 / 0.7).abs() < 1e-6));
    let kept = first.iter().filter(|&&x| x != 0.0).count() as f64 / 120_000.0;
    assert!((kept - 0.7).abs() < 0.0053, "four standard errors: {kept}");
}

fn layer_numbers(layer: &impl Layer, bound: &Bound<Eager<f32>>, x: &Eager<f32>) -> Vec<f32> {
    layer.apply(bound, x).tensor().unwrap().to_vec()
}

#[test]
fn spatial_dropout_drops_whole_channels() {
    let mut params = Params::<f32>::new(0);
    let layer = SpatialDropout::new(&mut params.root(), 0.25).unwrap();
    let ones = Eager::new(Tensor::<f32>::full([40, 50, 2, 3], 1.0).unwrap());
    let y = layer_numbers(&layer, &params.eager().training(1), &ones);
    let mut kept = 0;
    for channel in y.chunks(6) {
        assert!(channel.iter().all(|&x| x == channel[0]));
        kept += (channel[0] != 0.0) as u32;
    }
    assert!((kept as f64 / 2000.0 - 0.75).abs() < 0.039, "four standard errors: {kept}");
    assert_eq!(layer_numbers(&layer, &params.eager(), &ones), vec![1.0; 12_000]);
}
