//! A layer of a model: one of this crate, or one of the user's that is traced where it is applied.

use crate::layer::{Embedding, Layer, Step};
use crate::{Bound, Error, Handle};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;
use core::ops::Range;
use tress_autograd::op::Index;
use tress_autograd::transform::Traced;
use tress_autograd::{Arrange, Fused, Mistake, Pointwise, Procedure, Sketch, Value};
use tress_tensor::{Float, Shape, parallel};

#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Counted;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc as Counted;

/// What a function that is wired into a model is given: a value that records what is done to it.
pub type Wire<T = f64> = Traced<Sketch<T>>;

/// A layer with several operands, to be wired by [`Wiring::join`](super::Wiring::join): [`Bilinear`](crate::Bilinear),
/// [`MultiHeadAttention`](crate::MultiHeadAttention) to another value, [`Recurrent`](crate::Recurrent) layers, their
/// [`Ending`](crate::Ending) and [`EncoderBlock`](crate::EncoderBlock) with the lengths of their sequences, or one of your own.
pub trait Join {
    /// The result for `xs`, which are as many as the layer was wired to.
    fn join<V: Value>(&self, bound: &Bound<V>, xs: &[V]) -> V;
}

/// A layer by its name, and the entries of the parameters that were declared with it.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) work: Work,
    pub(super) entries: Range<usize>,
}

#[allow(clippy::large_enum_variant)] // a model has some tens of them
#[derive(Clone)]
pub(super) enum Work {
    Step(Step),
    /// What an index is looked up in.
    Table(Embedding),
    /// Code that is generic over the kind of value cannot be called behind a pointer. So it is traced to a procedure,
    /// which runs on any kind: the same operations in the same order, and so the same bits.
    Traced(&'static str, Counted<dyn Trace>),
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Step(step) => step.fmt(f),
            Work::Table(table) => table.fmt(f),
            Work::Traced(kind, _) => f.write_str(kind),
        }
    }
}

/// What can be traced with either type of number.
pub(super) trait Trace: parallel::Shared {
    fn single(&self, bound: &Bound<Wire<f32>>, xs: &[Wire<f32>]) -> Wire<f32>;
    fn double(&self, bound: &Bound<Wire<f64>>, xs: &[Wire<f64>]) -> Wire<f64>;
    /// Whether it is traced with `f64` only.
    fn is_double(&self) -> bool {
        false
    }
}

struct OfLayer<L>(L);

impl<L: Layer + parallel::Shared> Trace for OfLayer<L> {
    fn single(&self, bound: &Bound<Wire<f32>>, xs: &[Wire<f32>]) -> Wire<f32> {
        self.0.apply(bound, &xs[0])
    }

    fn double(&self, bound: &Bound<Wire<f64>>, xs: &[Wire<f64>]) -> Wire<f64> {
        self.0.apply(bound, &xs[0])
    }
}

struct OfJoin<J>(J);

impl<J: Join + parallel::Shared> Trace for OfJoin<J> {
    fn single(&self, bound: &Bound<Wire<f32>>, xs: &[Wire<f32>]) -> Wire<f32> {
        self.0.join(bound, xs)
    }

    fn double(&self, bound: &Bound<Wire<f64>>, xs: &[Wire<f64>]) -> Wire<f64> {
        self.0.join(bound, xs)
    }
}

struct OfFunction<F>(F);

impl<F: Fn(&[Wire]) -> Wire + parallel::Shared> Trace for OfFunction<F> {
    fn single(&self, _: &Bound<Wire<f32>>, xs: &[Wire<f32>]) -> Wire<f32> {
        xs[0].clone() // never asked for
    }

    fn double(&self, _: &Bound<Wire<f64>>, xs: &[Wire<f64>]) -> Wire<f64> {
        (self.0)(xs)
    }

    fn is_double(&self) -> bool {
        true
    }
}

impl Work {
    pub(super) fn layer(layer: impl Layer + parallel::Shared + 'static) -> Self {
        Work::Traced("custom", Counted::new(OfLayer(layer)))
    }

    pub(super) fn join(join: impl Join + parallel::Shared + 'static) -> Self {
        Work::Traced("join", Counted::new(OfJoin(join)))
    }

    pub(super) fn function(f: impl Fn(&[Wire]) -> Wire + parallel::Shared + 'static) -> Self {
        Work::Traced("lambda", Counted::new(OfFunction(f)))
    }

    /// What it is, as summaries name it.
    pub(super) fn kind(&self) -> String {
        match self {
            Work::Step(Step::Map(map)) => String::from(map.name()),
            Work::Step(step) => {
                let text = format!("{step:?}");
                let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
                String::from(&text[..end])
            }
            Work::Table(_) => String::from("Embedding"),
            Work::Traced(kind, _) => String::from(*kind),
        }
    }

    /// The result for at least one operand.
    #[track_caller]
    pub(super) fn apply<V: Value>(&self, bound: &Bound<V>, xs: &[&V]) -> V {
        match self {
            Work::Step(step) => step.apply(bound, xs[0]),
            Work::Table(_) => xs[0].clone(), // an index, which is no value: see `Work::look_up`
            Work::Traced(_, code) => traced(&**code, bound, xs),
        }
    }
}

/// The rows of a table. Where the index is also there as numbers, which of them are padding is computed and not looked at,
/// so that it can be recorded.
#[track_caller]
pub(super) fn look_up<V: Value>(
    table: &Embedding,
    bound: &Bound<V>,
    index: &Index,
    numbers: Option<&V>,
) -> Result<V, Error> {
    let (Some(numbers), Some(padding)) = (numbers, table.padding_index()) else {
        return table.look_up(bound, index);
    };
    let rows = bound.fetch(&table.weight(), numbers).embedding(index);
    let kept = numbers
        .unsqueeze(numbers.shape().rank())
        .not_equal(numbers.constant(f64::from(padding)).unsqueeze(numbers.shape().rank()));
    Ok(table.filled(rows, &kept))
}

#[track_caller]
fn traced<V: Value>(code: &dyn Trace, bound: &Bound<V>, xs: &[&V]) -> V {
    if let Some(failed) = xs.iter().find(|x| x.mistake().is_some()) {
        return (*failed).clone();
    }
    // Parameters, state that layers before have renewed, and the operands.
    let aside = bound.set_aside();
    let all: Vec<&V> =
        bound.values().chain(aside.iter().map(|(_, value)| value)).chain(xs.iter().copied()).collect();
    let shapes: Vec<Shape> = all.iter().map(|value| value.shape()).collect();
    let aside: Vec<Handle> = aside.iter().map(|(handle, _)| *handle).collect();
    let places = bound.map(|_, _| ());
    let single = TypeId::of::<V::Elem>() == TypeId::of::<f32>() && !code.is_double();
    let found = match single {
        true => procedure::<f32>(&places, &aside, &shapes, |bound, xs| code.single(bound, xs)),
        false => procedure::<f64>(&places, &aside, &shapes, |bound, xs| code.double(bound, xs)),
    };
    let (procedure, renewed) = match found {
        Ok(found) => found,
        Err(mistake) => return xs[0].wrong(mistake),
    };
    let mut results = procedure.run(&all).into_iter().flatten(); // none is zeros: those are of gradients
    let y = results.next().unwrap_or_else(|| xs[0].clone());
    renewed.iter().zip(results).for_each(|(handle, value)| bound.renew(handle, value));
    y
}

/// What `code` does with parameters and operands of these shapes: its result, and then the state that it renews.
#[track_caller]
fn procedure<T: Float>(
    places: &Bound<()>,
    aside: &[Handle],
    shapes: &[Shape],
    code: impl Fn(&Bound<Wire<T>>, &[Wire<T>]) -> Wire<T>,
) -> Result<(Procedure, Vec<Handle>), Mistake> {
    let count = places.values().len();
    let mut renewed = Vec::new();
    let procedure = Procedure::new::<T>(shapes, |all| {
        let mut next = 0;
        let bound = places.map(|(), _| {
            next += 1;
            all[next - 1].clone()
        });
        aside.iter().zip(&all[count..]).for_each(|(handle, value)| bound.renew(handle, value.clone()));
        let mut results = alloc::vec![code(&bound, &all[count + aside.len()..])];
        for (handle, value) in bound.set_aside().into_iter().skip(aside.len()) {
            renewed.push(handle);
            results.push(value);
        }
        results
    })?;
    Ok((procedure, renewed))
}
