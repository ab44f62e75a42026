//! Seeing a tape: the forward program and the program of its sweep, as text, as pictures, and as JSON.
//!
//! ```
//! use tress_autograd::{Pointwise, Reduce, Tape};
//! use tress_tensor::Tensor;
//!
//! let tape = Tape::new();
//! let x = tape.var(Tensor::vector(&[0.5f32, -1.0]));
//! let y = x.tanh();
//! let loss = (y * y + y).sum_all();
//!
//! let shown = loss.explain(&[x])?;
//! println!("{shown}"); // both programs, line by line
//! let text = shown.to_string();
//! // Three cotangents arrive at y = %1, and what goes on is their sum.
//! assert!(text.contains("sum at %1: ^4 from %3, ^7 from %2, ^9 from %2"), "{text}");
//! assert!(shown.mermaid().to_string().starts_with("flowchart TD"));
//! assert!(shown.dot().to_string().starts_with("digraph"));
//! assert!(shown.json().to_string().starts_with("{\"format\":\"tress-tape\",\"version\":1,"));
//! // What the sweep did is a tape itself.
//! assert!(tress_autograd::check::locate(shown.adjoint().program()).is_right());
//! # Ok::<(), tress_autograd::Mistake>(())
//! ```

mod graph;
mod json;
mod text;

pub use graph::{Graph, dot_text, mermaid_text};
pub use json::Json;

use crate::Mistake;
use crate::tape::{Adjoint, Entry, Var};
use crate::value::Value;
use alloc::vec::Vec;

/// A recorded program and the program of its sweep, ready to be printed (`Display`), drawn, or written out.
pub struct Explanation<V: Value> {
    entries: Vec<Entry<V>>,
    result: usize,
    wanted: Vec<usize>,
    adjoint: Adjoint<V>,
}

impl<V: Value> Explanation<V> {
    /// The forward program.
    pub fn entries(&self) -> &[Entry<V>] {
        &self.entries
    }

    /// The entry that the sweep starts at.
    pub fn result(&self) -> usize {
        self.result
    }

    /// The entries whose cotangents are asked for.
    pub fn wanted(&self) -> &[usize] {
        &self.wanted
    }

    /// The program of the sweep.
    pub fn adjoint(&self) -> &Adjoint<V> {
        &self.adjoint
    }

    /// The programs as a flowchart for [Mermaid](https://mermaid.js.org), which many pages render from text.
    pub fn mermaid(&self) -> Graph<'_, V> {
        Graph::mermaid(self)
    }

    /// The programs as a graph for [Graphviz](https://graphviz.org): `dot -Tsvg`.
    pub fn dot(&self) -> Graph<'_, V> {
        Graph::dot(self)
    }
}

impl<'t, V: Value> Var<'t, V> {
    /// The whole tape, and the sweep from this result to the entries `wanted`; to all leaves, if that list is empty.
    ///
    /// The sweep is done once more for this, and recorded. It starts with ones: of a result with several numbers it is the
    /// gradient of their sum.
    ///
    /// # Errors
    /// The first mistake on the tape; a variable of another tape.
    #[track_caller]
    pub fn explain(&self, wanted: &[Var<'t, V>]) -> Result<Explanation<V>, Mistake> {
        let entries: Vec<Entry<V>> = self.tape().entries().collect();
        let leaves = entries.iter().filter(|entry| entry.is_leaf());
        let wanted = match wanted {
            [] => leaves.filter_map(|entry| self.tape().var_at(entry.index)).collect(),
            some => some.to_vec(),
        };
        let adjoint = self.adjoint(&wanted)?;
        let index = |var: &Var<'t, V>| var.index();
        Ok(Explanation {
            entries,
            result: self.index().unwrap_or(0),
            wanted: wanted.iter().filter_map(index).collect(),
            adjoint,
        })
    }
}
