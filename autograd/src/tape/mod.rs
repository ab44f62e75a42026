//! The tape: what was computed, in order, so that it can be swept backwards.

mod adjoint;
mod coverage;
mod entry;
mod lost;
mod memory;
mod sweep;
mod var;
mod waiting;

pub use adjoint::{Adjoint, Contribution, Line};
pub use coverage::{Coverage, Origin, Site, State};
pub use entry::Entry;
pub use memory::Memory;
pub use var::Var;

use crate::Mistake;
use crate::op::Op;
use crate::value::Value;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::panic::Location;
use sweep::Mark;
use tress_tensor::pointwise::{Map, Zip};
use tress_tensor::{Error, Float, Tensor};

use crate::kinds::Eager;

/// A list of what was computed; each entry names earlier entries as its operands, so falling index is an order in
/// which every result comes before what it was made from. Sweeping and dropping are loops.
///
/// Variables borrow the tape, so the borrow checker sees to it that none outlives a [`reset`](Tape::reset).
pub struct Tape<V: Value = Eager> {
    record: RefCell<Record<V>>,
    /// The first mistake. Not in the record, so that it can be noted while a sweep reads that.
    mistake: Cell<Option<Mistake>>,
    /// What a sweep notes about entries: here between two sweeps, so that the second finds the room of the first.
    marks: Cell<Vec<Mark>>,
}

struct Record<V> {
    nodes: Vec<Node<V>>,
    /// The operands of all nodes, one list behind the other.
    operands: Vec<u32>,
    /// The operations that an entry has no room for.
    listed: Vec<Op>,
}

/// An entry of the tape.
struct Node<V> {
    value: V,
    done: Done,
    /// One past the last of its operands in the list; the first is where the node before it ended.
    operands_end: u32,
    place: &'static Location<'static>,
}

/// What was done. The operations of long programs on few numbers are pointwise, and short; the settings of others may take
/// several times the room of an entry.
#[derive(Clone, Copy)]
enum Done {
    /// Nothing: a parameter, an input or a constant.
    Leaf,
    Map(Map),
    MapGrad(Map),
    Zip(Zip),
    /// The operation of this number among the listed ones.
    Listed(u32),
}

impl<V> Record<V> {
    fn operands(&self, node: usize) -> &[u32] {
        let start = if node == 0 { 0 } else { self.nodes[node - 1].operands_end as usize };
        &self.operands[start..self.nodes[node].operands_end as usize]
    }

    /// The operation of an entry; `None` for a leaf.
    fn op(&self, node: usize) -> Option<Cow<'_, Op>> {
        Some(match self.nodes[node].done {
            Done::Leaf => return None,
            Done::Map(map) => Cow::Owned(Op::Map(map)),
            Done::MapGrad(map) => Cow::Owned(Op::MapGrad(map)),
            Done::Zip(zip) => Cow::Owned(Op::Zip(zip)),
            Done::Listed(number) => Cow::Borrowed(&self.listed[number as usize]),
        })
    }

    /// An operation as an entry holds it.
    fn done(&mut self, op: &Op) -> Done {
        match *op {
            Op::Map(map) => Done::Map(map),
            Op::MapGrad(map) => Done::MapGrad(map),
            Op::Zip(zip) => Done::Zip(zip),
            _ => {
                self.listed.push(op.clone());
                Done::Listed(self.listed.len() as u32 - 1)
            }
        }
    }
}

impl<V: Value> Tape<V> {
    /// An empty tape.
    pub fn new() -> Self {
        let record = Record { nodes: Vec::new(), operands: Vec::new(), listed: Vec::new() };
        Self { record: RefCell::new(record), mistake: Cell::new(None), marks: Cell::default() }
    }

    /// A leaf: a value that a gradient can be asked for.
    #[track_caller]
    pub fn leaf(&self, value: V) -> Var<'_, V> {
        self.push(None, &[], value, Location::caller())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.record.borrow().nodes.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything, and keeps the capacity: the next recording of the same length allocates no entries.
    pub fn reset(&mut self) {
        let record = self.record.get_mut();
        record.nodes.clear();
        record.operands.clear();
        record.listed.clear();
        self.mistake.set(None);
    }

    /// The first mistake since the tape was new or reset, if there was one.
    pub fn mistake(&self) -> Option<Mistake> {
        self.mistake.get()
    }

    fn checked(&self) -> Result<(), Mistake> {
        self.mistake().map_or(Ok(()), Err)
    }

    /// A new entry at the end.
    fn push(
        &self,
        op: Option<&Op>,
        operands: &[&Var<'_, V>],
        value: V,
        place: &'static Location<'static>,
    ) -> Var<'_, V> {
        let Ok(mut record) = self.record.try_borrow_mut() else {
            let why = "a sweep records on the very tape that it sweeps; raise its values to another tape";
            return self.wrong(Mistake { error: Error::Setting { op: "tape", why }, place });
        };
        // An index is 32 bits, and the largest one marks a mistake: a tape of 2^32 entries would take a terabyte.
        let index = record.nodes.len();
        let operands_end = record.operands.len() + operands.len();
        if index >= Var::<V>::NOWHERE as usize || operands_end > u32::MAX as usize {
            drop(record);
            let error = Error::Setting { op: "tape", why: "more than 2^32 entries" };
            return self.wrong(Mistake { error, place });
        }
        record.operands.extend(operands.iter().map(|operand| operand.index));
        let done = op.map_or(Done::Leaf, |op| record.done(op));
        record.nodes.push(Node { value, done, operands_end: operands_end as u32, place });
        Var::at(self, index as u32)
    }

    /// Keeps the first mistake and returns a variable that stands for it.
    fn wrong(&self, mistake: Mistake) -> Var<'_, V> {
        self.mistake.set(self.mistake.get().or(Some(mistake)));
        Var::at(self, Var::<V>::NOWHERE)
    }
}

impl<T: Float> Tape<Eager<T>> {
    /// A leaf from a tensor.
    #[track_caller]
    pub fn var(&self, tensor: Tensor<T>) -> Var<'_, Eager<T>> {
        self.leaf(Eager::new(tensor))
    }
}

impl<V: Value> Default for Tape<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The forward program as text: one numbered line an entry, with shape, operation, operands and source line.
impl<V: Value> fmt::Display for Tape<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.entries() {
            writeln!(f, "{entry}  ({}:{})", entry.place.file(), entry.place.line())?;
        }
        Ok(())
    }
}
