//! What a transform is taken of: one value, or several in a structure that it keeps.

use crate::kinds::Eager;
use crate::value::Value;
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// One value or several: the arguments of a function that is transformed, and the structure of what comes out of it (JAX
/// calls it a pytree).
///
/// A value, a tensor, tuples of up to six trees, arrays, vectors and slices of trees; what is [`Held`] counts as an
/// argument and is not differentiated.
pub trait Tree {
    /// The kind of the values in it; that of a tensor is [`Eager`].
    type Leaf: Value;

    /// The same structure with something else in place of each value.
    type Of<W>;

    /// The same structure with what `f` makes of each value, in order; `f` is told whether the value is one to
    /// differentiate with respect to.
    fn map_leaves<W>(&self, f: &mut dyn FnMut(Self::Leaf, bool) -> W) -> Self::Of<W>;

    /// Shows what stands in place of each value, in the order of [`map_leaves`](Tree::map_leaves).
    fn visit_leaves<W>(of: &Self::Of<W>, f: &mut dyn FnMut(&W));
}

/// Arguments that are not differentiated, where JAX would leave them out of `argnums`: they have no tangent, and zeros
/// stand in their place in a gradient. The function is given what is inside.
#[derive(Clone, Copy, Debug)]
pub struct Held<X>(pub X);

impl<V: Value> Tree for V {
    type Leaf = V;
    type Of<W> = W;

    fn map_leaves<W>(&self, f: &mut dyn FnMut(V, bool) -> W) -> W {
        f(self.clone(), true)
    }

    fn visit_leaves<W>(of: &W, f: &mut dyn FnMut(&W)) {
        f(of);
    }
}

macro_rules! tensors {
    ($($tensor:ty),*) => {$(
        impl<T: Float> Tree for $tensor {
            type Leaf = Eager<T>;
            type Of<W> = W;

            fn map_leaves<W>(&self, f: &mut dyn FnMut(Eager<T>, bool) -> W) -> W {
                f(Eager::new(Tensor::clone(self)), true)
            }

            fn visit_leaves<W>(of: &W, f: &mut dyn FnMut(&W)) {
                f(of);
            }
        }
    )*};
}

tensors!(Tensor<T>, &Tensor<T>);

impl<X: Tree> Tree for Held<X> {
    type Leaf = X::Leaf;
    type Of<W> = X::Of<W>;

    fn map_leaves<W>(&self, f: &mut dyn FnMut(X::Leaf, bool) -> W) -> X::Of<W> {
        self.0.map_leaves(&mut |leaf, _| f(leaf, false))
    }

    fn visit_leaves<W>(of: &X::Of<W>, f: &mut dyn FnMut(&W)) {
        X::visit_leaves(of, f);
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty),*) => {$(
        impl<X: Tree, $($generics)*> Tree for $list {
            type Leaf = X::Leaf;
            type Of<W> = Vec<X::Of<W>>;

            fn map_leaves<W>(&self, f: &mut dyn FnMut(X::Leaf, bool) -> W) -> Vec<X::Of<W>> {
                self.iter().map(|x| x.map_leaves(f)).collect()
            }

            fn visit_leaves<W>(of: &Vec<X::Of<W>>, f: &mut dyn FnMut(&W)) {
                of.iter().for_each(|x| X::visit_leaves(x, f));
            }
        }
    )*};
}

lists!([] Vec<X>, [] &[X]);

impl<X: Tree, const N: usize> Tree for [X; N] {
    type Leaf = X::Leaf;
    type Of<W> = [X::Of<W>; N];

    fn map_leaves<W>(&self, f: &mut dyn FnMut(X::Leaf, bool) -> W) -> [X::Of<W>; N] {
        core::array::from_fn(|i| self[i].map_leaves(f))
    }

    fn visit_leaves<W>(of: &[X::Of<W>; N], f: &mut dyn FnMut(&W)) {
        of.iter().for_each(|x| X::visit_leaves(x, f));
    }
}

macro_rules! tuples {
    ($(($first:ident $(, $more:ident $place:tt)*);)*) => {$(
        impl<$first: Tree, $($more: Tree<Leaf = $first::Leaf>),*> Tree for ($first, $($more,)*) {
            type Leaf = $first::Leaf;
            type Of<W> = ($first::Of<W>, $($more::Of<W>,)*);

            fn map_leaves<W>(&self, f: &mut dyn FnMut(Self::Leaf, bool) -> W) -> Self::Of<W> {
                (self.0.map_leaves(f), $(self.$place.map_leaves(f),)*)
            }

            fn visit_leaves<W>(of: &Self::Of<W>, f: &mut dyn FnMut(&W)) {
                $first::visit_leaves(&of.0, f);
                $($more::visit_leaves(&of.$place, f);)*
            }
        }
    )*};
}

tuples! {
    (A);
    (A, B 1);
    (A, B 1, C 2);
    (A, B 1, C 2, D 3);
    (A, B 1, C 2, D 3, E 4);
    (A, B 1, C 2, D 3, E 4, F 5);
}

/// The values of a tree in order, and which of them move.
pub(super) fn leaves<X: Tree>(xs: &X) -> (Vec<X::Leaf>, Vec<bool>) {
    let (mut values, mut moves) = (Vec::new(), Vec::new());
    xs.map_leaves(&mut |leaf, moving| {
        values.push(leaf);
        moves.push(moving);
    });
    (values, moves)
}

/// The structure of `xs` with `values` in place of its values; as many as it has.
pub(super) fn refill<X: Tree, W>(xs: &X, values: Vec<W>) -> X::Of<W> {
    let mut values = values.into_iter();
    // Every caller makes the list from `leaves` of the same tree.
    xs.map_leaves(&mut |_, _| values.next().expect("one value for each leaf"))
}
