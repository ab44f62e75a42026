//! Bound parameters as arguments of a transform: `grad(|bound| loss(&bound), params.eager())`.

use super::Bound;
use tress_autograd::Value;
use tress_autograd::transform::Tree;

/// All parameters at once; state, which is not trained, counts as held.
impl<V: Value> Tree for Bound<V> {
    type Leaf = V;
    type Of<W> = Bound<W>;

    fn map_leaves<W>(&self, f: &mut dyn FnMut(V, bool) -> W) -> Bound<W> {
        Bound::map(self, |value, trained| f(value.clone(), trained))
    }

    fn visit_leaves<W>(of: &Bound<W>, f: &mut dyn FnMut(&W)) {
        of.values().for_each(f);
    }
}
