//! Every architecture, small, with an input for it: what the tests of architectures go through.

use tress_mtl::architecture::{
    Architecture, Branching, Cgc, CrossStitch, DSelect, Film, Gate, HardSharing, Hierarchy, Mmoe, Mtan, Nddr,
    Node, Ple, Routing, Sluice, SoftSharing, Stage,
};
use tress_nn::{Conv2d, Dense, Params, Scope, Sequential};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor};

/// What is done with an architecture: types differ, so a closure cannot.
pub(crate) trait Visit<T: Float> {
    fn visit<A: Architecture>(&mut self, name: &str, params: &mut Params<T>, architecture: &A, x: Tensor<T>);
}

/// Numbers between -1 and 1 without pattern.
pub(crate) fn numbers<T: Float>(shape: &[usize]) -> Tensor<T> {
    let mut count = 0.3f64;
    let draw = |_: &[usize]| {
        count += 1.0;
        T::from_f64((count * 0.618_033_988_749_895).fract() * 2.0 - 1.0)
    };
    Tensor::from_fn(shape, draw).unwrap()
}

pub(crate) fn tanh<T: Float>(
    scope: &mut Scope<'_, T>,
    from: usize,
    to: usize,
) -> Result<Dense, tress_nn::Error> {
    Ok(Dense::new(scope, from, to)?.activation(Map::Tanh))
}

fn conv<T: Float>(scope: &mut Scope<'_, T>, from: usize, to: usize) -> Result<Conv2d, tress_nn::Error> {
    Conv2d::builder(from, to, [3, 3]).same().activation(Map::Tanh).build(scope)
}

/// Moves all parameters away from their first numbers, so that nothing is zero or symmetric by chance.
fn shake<T: Float>(params: &mut Params<T>) {
    let noise = numbers::<T>(&[params.len()]).to_vec();
    for (x, noise) in params.block_mut().iter_mut().zip(noise) {
        *x = *x + T::from_f64(0.3) * noise;
    }
    // Away from the kink of the rectifiers in attention, where a difference is no derivative.
    let kinked = |name: &str| name.ends_with(".g.bias") || name.ends_with(".f.bias");
    let places: Vec<_> = params.entries().filter(|e| kinked(e.name())).map(|e| e.range()).collect();
    for place in places {
        params.block_mut()[place].iter_mut().for_each(|x| *x = *x + T::from_f64(3.0));
    }
}

/// Visits every architecture for three tasks (two where it says so).
pub(crate) fn all<T: Float>(visitor: &mut impl Visit<T>) {
    let vectors = || numbers::<T>(&[4, 5]);
    let pictures = || numbers::<T>(&[3, 2, 4, 4]);
    let params = || Params::<T>::new(5);
    let mut show = |name: &str, mut params: Params<T>, architecture: &dyn Fn(&mut Params<T>) -> Any, x| {
        let built = architecture(&mut params);
        shake(&mut params);
        built.accept(name, &mut params, x, visitor);
    };
    show(
        "hard",
        params(),
        &|p| Any::Hard(HardSharing::new(tanh(&mut p.scope("trunk"), 5, 3).unwrap(), 3).unwrap()),
        vectors(),
    );
    show(
        "soft",
        params(),
        &|p| Any::Soft(SoftSharing::new(p, "soft", 3, 0.7, |s| tanh(s, 5, 3)).unwrap()),
        vectors(),
    );
    show("cross-stitch", params(), &|p| Any::Stitch(stitched(p)), vectors());
    show(
        "cross-stitch of pictures",
        params(),
        &|p| {
            let build = |s: &mut Scope<'_, T>, stage| conv(s, if stage == 0 { 2 } else { 3 }, 3);
            Any::StitchConv(CrossStitch::new(&mut p.root(), 2, &[3, 3], build).unwrap())
        },
        pictures(),
    );
    show(
        "sluice",
        params(),
        &|p| Any::Sluice(Sluice::new(&mut p.root(), 2, 5, 2, 2, 0.5).unwrap()),
        vectors(),
    );
    show(
        "nddr",
        params(),
        &|p| {
            Any::Nddr(
                Nddr::new(&mut p.root(), 3, &[4, 3], |s, stage| tanh(s, [5, 4][stage], [4, 3][stage]))
                    .unwrap(),
            )
        },
        vectors(),
    );
    show(
        "nddr of pictures",
        params(),
        &|p| Any::NddrConv(Nddr::new(&mut p.root(), 2, &[3], |s, _| conv(s, 2, 3)).unwrap()),
        pictures(),
    );
    show(
        "mtan",
        params(),
        &|p| {
            let mut stage = |j: usize, from| Stage {
                first: Sequential::new().then(conv(&mut p.scope(&format!("first{j}")), from, 3).unwrap()),
                second: Sequential::new().then(conv(&mut p.scope(&format!("second{j}")), 3, 2).unwrap()),
                down: Sequential::new().then(tress_nn::MeanPool2d::new([2, 2])),
                channels: [3, 2],
            };
            let stages = vec![stage(0, 2), stage(1, 2)];
            Any::Mtan(Mtan::new(&mut p.scope("attention"), 2, stages).unwrap())
        },
        pictures(),
    );
    show(
        "mmoe",
        params(),
        &|p| Any::Mmoe(Mmoe::new(&mut p.root(), 3, 4, 5, |s| tanh(s, 5, 3)).unwrap()),
        vectors(),
    );
    show(
        "cgc",
        params(),
        &|p| Any::Cgc(Cgc::new(&mut p.root(), 3, 1, 2, 5, |s| tanh(s, 5, 3)).unwrap()),
        vectors(),
    );
    show(
        "ple",
        params(),
        &|p| {
            Any::Ple(
                Ple::new(&mut p.root(), 2, 2, 1, &[5, 4, 3], |s, level| {
                    tanh(s, [5, 4, 3][level], [4, 3, 2][level])
                })
                .unwrap(),
            )
        },
        vectors(),
    );
    for (name, routing) in [("dselect", Routing::Static), ("dselect by sample", Routing::PerSample(5))] {
        show(
            name,
            params(),
            &|p| {
                let experts =
                    (0..5).map(|i| tanh(&mut p.scope(&format!("expert{i}")), 5, 3).unwrap()).collect();
                let gate = |k: usize, p: &mut Params<T>| {
                    // Wide enough for all codes to stay where the step has a slope.
                    let gate =
                        DSelect::with_gamma(&mut p.scope(&format!("gate{k}")), 5, 2, routing, 4.0).unwrap();
                    Gate::dselect(gate.entropy(0.1).unwrap())
                };
                let gates = (0..2).map(|k| gate(k, p)).collect();
                Any::Mmoe(Mmoe::of(experts, gates).unwrap())
            },
            vectors(),
        );
    }
    show(
        "branching",
        params(),
        &|p| {
            Any::Branching(
                Branching::new(&mut p.root(), 3, &[2, 2], |s, level| tanh(s, [5, 4][level], [4, 3][level]))
                    .unwrap(),
            )
        },
        vectors(),
    );
    show(
        "film",
        params(),
        &|p| {
            let stages = vec![
                (tanh(&mut p.scope("a"), 5, 4).unwrap(), 4),
                (tanh(&mut p.scope("b"), 4, 3).unwrap(), 3),
            ];
            Any::Film(Film::new(&mut p.root(), 3, stages).unwrap().activation(Map::Tanh))
        },
        vectors(),
    );
    show(
        "film of pictures, embedded",
        params(),
        &|p| {
            let stages = vec![
                (conv(&mut p.scope("a"), 2, 4).unwrap(), 4),
                (conv(&mut p.scope("b"), 4, 3).unwrap(), 3),
            ];
            Any::FilmConv(Film::embedded(&mut p.root(), 2, stages, 2).unwrap())
        },
        pictures(),
    );
    show("hierarchy", params(), &|p| Any::Hierarchy(hierarchy(p)), vectors());
}

fn stitched<T: Float>(p: &mut Params<T>) -> CrossStitch<Dense> {
    CrossStitch::new(&mut p.root(), 3, &[4, 1], |s, stage| tanh(s, [5, 4][stage], [4, 3][stage])).unwrap()
}

fn hierarchy<T: Float>(p: &mut Params<T>) -> Hierarchy<Dense, Dense> {
    let trunk = tanh(&mut p.scope("trunk"), 5, 4).unwrap();
    let mut node = |name: &str, from, below: &[usize]| Node {
        layers: tanh(&mut p.scope(name), from, 3).unwrap(),
        below: below.to_vec(),
    };
    let nodes = vec![node("a", 4, &[]), node("b", 7, &[0]), node("c", 10, &[0, 1])];
    Hierarchy::new(trunk, nodes).unwrap()
}

/// One of them.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Any {
    Hard(HardSharing<Dense>),
    Soft(SoftSharing<Dense>),
    Stitch(CrossStitch<Dense>),
    StitchConv(CrossStitch<Conv2d>),
    Sluice(Sluice),
    Nddr(Nddr<Dense>),
    NddrConv(Nddr<Conv2d>),
    Mtan(Mtan),
    Mmoe(Mmoe<Dense>),
    Cgc(Cgc<Dense>),
    Ple(Ple<Dense>),
    Branching(Branching<Dense>),
    Film(Film<Dense>),
    FilmConv(Film<Conv2d>),
    Hierarchy(Hierarchy<Dense, Dense>),
}

impl Any {
    fn accept<T: Float>(
        &self,
        name: &str,
        params: &mut Params<T>,
        x: Tensor<T>,
        visitor: &mut impl Visit<T>,
    ) {
        macro_rules! each {
            ($($kind:ident),*) => {
                match self {
                    $(Any::$kind(architecture) => visitor.visit(name, params, architecture, x),)*
                }
            };
        }
        each!(
            Hard, Soft, Stitch, StitchConv, Sluice, Nddr, NddrConv, Mtan, Mmoe, Cgc, Ple, Branching, Film,
            FilmConv, Hierarchy
        );
    }
}
