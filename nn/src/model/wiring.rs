//! Wiring a model: inputs by name, layers, and what brings several values together.

use super::board::{Board, Place, State};
use super::flaw::Cause;
use super::unit::{Join, Wire, Work};
use super::{Part, Sizes};
use crate::layer::{Embedding, Layer, Step};
use crate::{Error, Params, Scope};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::ops::{Add, Mul, Sub};
use core::panic::Location;
use tress_tensor::pointwise::Zip;
use tress_tensor::{Float, IntoShape, parallel};

/// A place to wire a model in. It declares the parameters of layers in the scopes of their names, checks every value when
/// it is wired, and keeps the first mistake, which [`Model::new`](super::Model::new) reports.
pub struct Wiring<'p, T: Float = f32> {
    params: RefCell<&'p mut Params<T>>,
    state: RefCell<State>,
}

/// A value in a model: what an input or a layer gives. It names earlier values only, so no wiring runs in a circle.
#[derive(Clone, Copy)]
pub struct Node<'w, T: Float = f32> {
    pub(super) board: &'w dyn Board<T>,
    pub(super) index: usize,
}

/// A layer that is wired nowhere yet: to be sent [`through`](Node::through) by one value or by several, which then share
/// its parameters.
#[derive(Clone, Copy)]
pub struct Shared<'w, T: Float = f32> {
    board: &'w dyn Board<T>,
    index: usize,
}

impl<T: Float> Board<T> for Wiring<'_, T> {
    fn state(&self) -> &RefCell<State> {
        &self.state
    }

    fn with(&self, f: &mut dyn FnMut(&mut Params<T>)) {
        if let Ok(mut params) = self.params.try_borrow_mut() {
            f(&mut params);
        }
    }
}

impl<'p, T: Float> Wiring<'p, T> {
    /// A place to wire a model in, whose parameters go to `params`.
    pub fn new(params: &'p mut Params<T>) -> Self {
        Self { params: RefCell::new(params), state: RefCell::default() }
    }

    /// An input: a name, and the shape of one sample, without the axis of the batch.
    #[track_caller]
    pub fn input(&self, name: &str, sample: impl IntoShape) -> Node<'_, T> {
        self.node(self.board().input(name, sample.into_shape(), Location::caller()))
    }

    /// An input of whole numbers below `rows`, such as the words of a sentence: a name, and the shape of one sample. It is
    /// [looked up](Node::look_up) in a table before anything else is done with it.
    #[track_caller]
    pub fn index(&self, name: &str, sample: impl IntoShape, rows: usize) -> Node<'_, T> {
        self.node(self.board().index(name, sample.into_shape(), rows, Location::caller()))
    }

    /// A table to look several indices up in, by [`through`](Node::through).
    #[track_caller]
    pub fn table(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<Embedding, Error>,
    ) -> Shared<'_, T> {
        self.shared(name, |scope| declare(scope).map(Work::Table), Location::caller())
    }

    /// A layer of this crate, declared in the scope `name`, to be wired to one place or to several.
    ///
    /// ```
    /// use tress_nn::model::{Model, Wiring};
    /// use tress_nn::{Dense, Params};
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// let (left, right) = (wiring.input("left", [8]), wiring.input("right", [8]));
    /// let tower = wiring.unit("tower", |scope| Dense::new(scope, 8, 4));
    /// let both = wiring.concat("both", &[left.through(tower), right.through(tower)]);
    /// Model::new(&[left, right], &[("both", both)])?;
    /// assert_eq!(params.len(), 8 * 4 + 4, "one tower");
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    #[track_caller]
    pub fn unit<L: Into<Step>>(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<L, Error>,
    ) -> Shared<'_, T> {
        let work = |scope: &mut Scope<'_, T>| declare(scope).map(|layer| Work::Step(layer.into()));
        self.shared(name, work, Location::caller())
    }

    /// As [`unit`](Wiring::unit), for a layer of your own.
    #[track_caller]
    pub fn custom_unit<L: Layer + parallel::Shared + 'static>(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<L, Error>,
    ) -> Shared<'_, T> {
        self.shared(name, |scope| declare(scope).map(Work::layer), Location::caller())
    }

    /// A layer that takes several values: one of this crate ([`Join`] lists them), or one of your own.
    ///
    /// ```
    /// use tress_nn::model::{Model, Wiring};
    /// use tress_nn::{MultiHeadAttention, Params, Recurrent};
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// // Sentences of up to six words of eight numbers, how long each is, and a question of two words.
    /// let (words, length) = (wiring.input("words", [6, 8]), wiring.input("length", []));
    /// let question = wiring.input("question", [2, 8]);
    /// let read = wiring.join("read", &[words, length], |s| Recurrent::gru(8, 8).build(s));
    /// let found = wiring.join("found", &[question, read, length], |s| MultiHeadAttention::builder(8, 2).build(s));
    /// let model = Model::new(&[words, length, question], &[("found", found)])?;
    /// assert_eq!(model.outputs().next().unwrap().1.to_string(), "[N, 2, 8]");
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    #[track_caller]
    pub fn join<'w, J: Join + parallel::Shared + 'static>(
        &'w self,
        name: &str,
        from: &[Node<'w, T>],
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<J, Error>,
    ) -> Node<'w, T> {
        let place = Location::caller();
        let unit = self.board().declare(name, |scope| declare(scope).map(Work::join), place);
        self.node(self.board().pass(unit, self.indices(from), place))
    }

    /// A function of one value or of several, without parameters.
    ///
    /// ```
    /// use tress_autograd::Pointwise;
    /// use tress_nn::Params;
    /// use tress_nn::model::{Model, Wiring};
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// let (a, b) = (wiring.input("a", [3]), wiring.input("b", [3]));
    /// let distance = wiring.lambda("distance", &[a, b], |xs| (&xs[0] - &xs[1]).abs());
    /// let model = Model::new(&[a, b], &[("distance", distance)])?;
    /// assert_eq!(model.outputs().next().unwrap().1.to_string(), "[N, 3]");
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    #[track_caller]
    pub fn lambda<'w>(
        &'w self,
        name: &str,
        from: &[Node<'w, T>],
        f: impl Fn(&[Wire]) -> Wire + parallel::Shared + 'static,
    ) -> Node<'w, T> {
        let place = Location::caller();
        let unit = self.board().declare(name, |_| Ok(Work::function(f)), place);
        self.node(self.board().pass(unit, self.indices(from), place))
    }

    /// Values side by side along axis 1: features of vectors, channels of images.
    #[track_caller]
    pub fn concat<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Concat(1), Location::caller())
    }

    /// Values end to end along an axis other than that of the batch.
    #[track_caller]
    pub fn concat_along<'w>(&'w self, name: &str, axis: usize, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Concat(axis), Location::caller())
    }

    /// The sum of values, element by element; an axis of length 1 is repeated.
    #[track_caller]
    pub fn add<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Fold(Zip::Add), Location::caller())
    }

    /// The product of values, element by element; an axis of length 1 is repeated.
    #[track_caller]
    pub fn multiply<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Fold(Zip::Mul), Location::caller())
    }

    /// The mean of values, element by element; an axis of length 1 is repeated.
    #[track_caller]
    pub fn average<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Average, Location::caller())
    }

    /// The largest of values, element by element; an axis of length 1 is repeated.
    #[track_caller]
    pub fn maximum<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Fold(Zip::Max), Location::caller())
    }

    /// The smallest of values, element by element; an axis of length 1 is repeated.
    #[track_caller]
    pub fn minimum<'w>(&'w self, name: &str, from: &[Node<'w, T>]) -> Node<'w, T> {
        self.merge(name, from, Part::Fold(Zip::Min), Location::caller())
    }

    fn board(&self) -> &dyn Board<T> {
        self
    }

    fn node(&self, index: usize) -> Node<'_, T> {
        Node { board: self, index }
    }

    fn indices(&self, from: &[Node<'_, T>]) -> Result<Vec<usize>, Cause> {
        indices(self, from)
    }

    fn shared(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<Work, Error>,
        place: Place,
    ) -> Shared<'_, T> {
        Shared { board: self, index: self.board().declare(name, declare, place) }
    }

    fn merge<'w>(&'w self, name: &str, from: &[Node<'w, T>], part: Part, place: Place) -> Node<'w, T> {
        self.node(self.board().merge(Some(name), part, self.indices(from), place))
    }
}

/// The numbers of values on a board, at least one.
pub(super) fn indices<T: Float>(board: &dyn Board<T>, from: &[Node<'_, T>]) -> Result<Vec<usize>, Cause> {
    if from.is_empty() {
        return Err(Cause::Empty { of: "values that a layer takes" });
    }
    match from.iter().all(|node| node.is_on(board)) {
        true => Ok(from.iter().map(|node| node.index).collect()),
        false => Err(Cause::Foreign),
    }
}

impl<'w, T: Float> Node<'w, T> {
    /// A layer of this crate, declared in the scope `name` and applied to this value.
    ///
    /// ```
    /// use tress_nn::model::Wiring;
    /// use tress_nn::{Dense, Flatten, Params};
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// let x = wiring.input("image", [1, 8, 8]).apply(Flatten);
    /// let y = x.layer("hidden", |scope| Dense::new(scope, x.width(), 32));
    /// assert_eq!(y.sizes().unwrap().to_string(), "[N, 32]");
    /// ```
    #[track_caller]
    pub fn layer<L: Into<Step>>(
        self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<L, Error>,
    ) -> Self {
        let place = Location::caller();
        let work = |scope: &mut Scope<'_, T>| declare(scope).map(|layer| Work::Step(layer.into()));
        let unit = self.board.declare(name, work, place);
        self.at(self.board.pass(unit, Ok([self.index].into()), place))
    }

    /// As [`layer`](Node::layer), for a layer of your own. It is traced whenever it is applied, which costs about as much
    /// as a recording; layers of this crate are called as they are.
    #[track_caller]
    pub fn custom<L: Layer + parallel::Shared + 'static>(
        self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<L, Error>,
    ) -> Self {
        let place = Location::caller();
        let unit = self.board.declare(name, |scope| declare(scope).map(Work::layer), place);
        self.at(self.board.pass(unit, Ok([self.index].into()), place))
    }

    /// The rows of a table for an [index](Wiring::index): `[N, ..]` to `[N, .., width]`.
    ///
    /// ```
    /// use tress_autograd::op::Index;
    /// use tress_nn::model::{Model, Wiring};
    /// use tress_nn::{Dense, Embedding, LastStep, Params, Recurrent};
    /// use tress_tensor::Tensor;
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// let words = wiring.index("words", [5], 1000);
    /// let rows = words.look_up("table", |scope| Embedding::new(scope, 1000, 8));
    /// let read = rows.layer("read", |scope| Recurrent::gru(8, 6).build(scope)).apply(LastStep);
    /// let model = Model::new(&[words], &[("score", read.layer("score", |scope| Dense::new(scope, 6, 1)))])?;
    /// let words = Index::new(&Tensor::from_fn([3, 5], |i| (i[0] * 5 + i[1]) as u32)?);
    /// let found = model.run_with(&params.eager(), &[], &[("words", &words)])?;
    /// assert_eq!(**found["score"].tensor()?.shape(), [3, 1]);
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    #[track_caller]
    pub fn look_up(
        self,
        name: &str,
        declare: impl FnOnce(&mut Scope<'_, T>) -> Result<Embedding, Error>,
    ) -> Self {
        let place = Location::caller();
        let unit = self.board.declare(name, |scope| declare(scope).map(Work::Table), place);
        self.at(self.board.pass(unit, Ok([self.index].into()), place))
    }

    /// For an input of sequences, [`Wiring::input`] or [`Wiring::index`]: axis 1, that of the steps, may have any length when
    /// the model runs. Layers are looked at with the length that it is declared with, and [`Model::new`](super::Model::new)
    /// checks that sequences of one step more, of twice as many and of one more than that go through as well. Two inputs may have different lengths. It is also the
    /// most steps that an [exported](crate::onnx) model takes.
    ///
    /// ```
    /// use tress_autograd::Eager;
    /// use tress_nn::model::{Model, Wiring};
    /// use tress_nn::{Dense, Params, Recurrent};
    /// use tress_tensor::Tensor;
    /// let mut params = Params::<f32>::new(1);
    /// let wiring = Wiring::new(&mut params);
    /// let (words, length) = (wiring.input("words", [20, 8]).any_length(), wiring.input("length", []));
    /// let read = wiring.join("read", &[words, length], |s| Ok(Recurrent::gru(8, 6).build(s)?.ending()));
    /// let score = read.layer("score", |s| Dense::new(s, 6, 1));
    /// let model = Model::new(&[words, length], &[("score", score)])?;
    /// for steps in [3, 50] {
    ///     let (x, length) = (Eager::new(Tensor::zeros([2, steps, 8])?), Eager::new(Tensor::full([2], 3.0)?));
    ///     let found = model.run(&params.eager(), &[("words", &x), ("length", &length)])?;
    ///     assert_eq!(**found["score"].tensor()?.shape(), [2, 1]);
    /// }
    /// # Ok::<(), tress_nn::Error>(())
    /// ```
    #[track_caller]
    pub fn any_length(self) -> Self {
        self.at(self.board.any_length(self.index, Location::caller()))
    }

    /// A layer without parameters, such as an activation or a pool, or one whose parameters are declared already. It is
    /// named after what it is.
    #[track_caller]
    pub fn apply(self, layer: impl Into<Step>) -> Self {
        let unit = self.board.nameless(Work::Step(layer.into()));
        self.at(self.board.pass(unit, Ok([self.index].into()), Location::caller()))
    }

    /// A layer that other values may go through as well.
    #[track_caller]
    pub fn through(self, layer: Shared<'w, T>) -> Self {
        let from = if same(layer.board, self.board) { Ok([self.index].into()) } else { Err(Cause::Foreign) };
        self.at(self.board.pass(layer.index, from, Location::caller()))
    }

    /// The shape, the axis of the batch open; `None` after a mistake.
    pub fn sizes(&self) -> Option<Sizes> {
        self.board.state().borrow().joints.get(self.index).map(|joint| joint.sizes)
    }

    /// The length of the last axis, to declare a dense layer behind this value; 0 after a mistake.
    pub fn width(&self) -> usize {
        self.sizes().and_then(|sizes| sizes.len(sizes.rank().checked_sub(1)?)).unwrap_or(0)
    }

    /// The length of axis 1, to declare a convolution behind this value; 0 after a mistake.
    pub fn channels(&self) -> usize {
        self.sizes().and_then(|sizes| sizes.len(1)).unwrap_or(0)
    }

    pub(super) fn is_on(&self, board: &dyn Board<T>) -> bool {
        same(self.board, board)
    }

    fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

    fn fold(self, other: Self, zip: Zip, place: Place) -> Self {
        let from = indices(self.board, &[self, other]);
        self.at(self.board.merge(None, Part::Fold(zip), from, place))
    }
}

/// Boards are told apart by address.
fn same<T: Float>(a: &dyn Board<T>, b: &dyn Board<T>) -> bool {
    core::ptr::addr_eq(a, b)
}

impl<T: Float> fmt::Debug for Node<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.board.state().borrow().joints.get(self.index) {
            Some(joint) => write!(f, "{} {}", joint.name, joint.sizes),
            None => f.write_str("a mistake"),
        }
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $zip:ident;)*) => {$(
        impl<T: Float> $trait for Node<'_, T> {
            type Output = Self;

            #[track_caller]
            fn $method(self, other: Self) -> Self {
                self.fold(other, Zip::$zip, Location::caller())
            }
        }
    )*};
}

operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
}
