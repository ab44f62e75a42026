//! Looking at a tape: its entries, one at a time, each by itself.

use super::{Tape, Var};
use crate::op::Op;
use crate::value::Value;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;

/// What one entry of a tape holds, taken out of it: nothing stays borrowed, so the tape may go on recording.
///
/// Printers, checkers and writers read a tape through this and nothing else; how a tape lays its entries out in memory
/// is its own affair.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry<V> {
    /// Its number on the tape.
    pub index: usize,
    /// What was done; `None` for a leaf.
    pub op: Option<Op>,
    /// The entries that it was done to, all of them earlier ones; the same one may stand here twice.
    pub operands: Vec<usize>,
    /// What came out.
    pub value: V,
    /// The line of the source that asked for it.
    pub place: &'static Location<'static>,
}

impl<V> Entry<V> {
    /// The name of the operation, `leaf` for a leaf.
    pub fn name(&self) -> &'static str {
        self.op.as_ref().map_or("leaf", Op::name)
    }

    /// The name, with the settings of the operation: `sum(axis 0)`.
    pub fn described(&self) -> String {
        let settings = self.op.as_ref().map(Op::settings);
        settings.map_or_else(|| "leaf".into(), |settings| alloc::format!("{}{settings}", self.name()))
    }

    /// Whether it is a parameter, an input or a constant.
    pub fn is_leaf(&self) -> bool {
        self.op.is_none()
    }
}

impl<V: Value> Tape<V> {
    /// The entry of this number; `None` if there are fewer.
    pub fn entry(&self, index: usize) -> Option<Entry<V>> {
        let record = self.record.borrow();
        let node = record.nodes.get(index)?;
        let operands = record.operands(index).iter().map(|&x| x as usize).collect();
        let op = record.op(index).map(Cow::into_owned);
        Some(Entry { index, op, operands, value: node.value.clone(), place: node.place })
    }

    /// All entries that the tape has now, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<V>> + '_ {
        (0..self.len()).filter_map(|index| self.entry(index))
    }

    /// The variable of an entry, to ask for a cotangent there; `None` if there are fewer entries.
    pub fn var_at(&self, index: usize) -> Option<Var<'_, V>> {
        (index < self.len()).then(|| Var::at(self, index as u32))
    }
}

/// As programs print it: `%3 [2, 1] = sum(axis 0) %2`.
impl<V: Value> fmt::Display for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} {} = {}", self.index, self.value.shape(), self.described())?;
        self.operands.iter().try_for_each(|operand| write!(f, " %{operand}"))
    }
}
