//! Embeddings: a row of a table for each of a set of things.

use crate::{Bound, Error, Handle, Init, Scope};
use alloc::vec::Vec;
use tress_autograd::op::Index;
use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_tensor::{Element, Error as Wrong, Float, Shape, Tensor};

/// A table `weight [rows, width]`, of which rows are looked up: an index of any shape `[..]` to `[.., width]`.
///
/// The table is normal with mean 0 and variance 1. As an index is no number that anything flows into, this is no
/// [`Layer`](crate::Layer): what is looked up is the input of the layers that follow.
///
/// ```
/// use tress_autograd::op::Index;
/// use tress_nn::{Embedding, Params};
/// use tress_tensor::Tensor;
///
/// let mut params = Params::<f32>::new(0);
/// let letters = Embedding::new(&mut params.root(), 26, 8)?;
/// let words = Index::new(&Tensor::new([2, 3], &[2, 0, 19, 3, 14, 6])?);
/// assert_eq!(**letters.look_up(&params.eager(), &words)?.tensor()?.shape(), [2, 3, 8]);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Embedding {
    weight: Handle,
    padding: Option<Padding>,
}

/// The index that fills sequences up.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Padding {
    row: u32,
    /// Whether its row is read as it is stored, and not as zeros.
    stored: bool,
}

impl Embedding {
    /// A table of `rows` rows.
    ///
    /// # Errors
    /// `weight` exists in this scope, or the shape is too large.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, rows: usize, width: usize) -> Result<Self, Error> {
        Self::with_init(scope, rows, width, Init::Normal(1.0))
    }

    /// A table that starts in another way.
    ///
    /// # Errors
    /// `weight` exists in this scope, the shape is too large, or `init` is not finite.
    pub fn with_init<T: Float>(
        scope: &mut Scope<'_, T>,
        rows: usize,
        width: usize,
        init: Init,
    ) -> Result<Self, Error> {
        Ok(Self { weight: scope.parameter("weight", [rows, width], init)?, padding: None })
    }

    /// The index that fills sequences up: what is looked up for it is zeros, whatever the table has in its row, and the row
    /// gets no gradient.
    ///
    /// # Errors
    /// The table has no such row.
    pub fn padding(self, padding: u32) -> Result<Self, Error> {
        self.padded(Padding { row: padding, stored: false })
    }

    /// As [`padding`](Embedding::padding), but the row is read as it is stored, and only gets no gradient: what PyTorch's
    /// `padding_idx` means. The two differ where the stored row is not zero, as it is in tables that were loaded from
    /// elsewhere (`from_pretrained`) or that weight decay has never reached.
    ///
    /// # Errors
    /// The table has no such row.
    pub fn stored_padding(self, padding: u32) -> Result<Self, Error> {
        self.padded(Padding { row: padding, stored: true })
    }

    fn padded(self, padding: Padding) -> Result<Self, Error> {
        match (padding.row as usize) < self.weight.shape()[0] {
            true => Ok(Self { padding: Some(padding), ..self }),
            false => Err(Error::Setting { of: "embedding", why: "the padding must be one of the rows" }),
        }
    }

    /// The table, `[rows, width]`.
    pub fn weight(&self) -> Handle {
        self.weight
    }

    /// The index that fills sequences up.
    pub fn padding_index(&self) -> Option<u32> {
        self.padding.map(|padding| padding.row)
    }

    /// The row of each index, `[.., width]`. An index that is no row is a mistake in the value.
    ///
    /// # Errors
    /// The table is one of other parameters than these.
    #[track_caller]
    pub fn look_up<V: Value>(&self, bound: &Bound<V>, index: &Index) -> Result<V, Error> {
        let why = "the layer belongs to another `Params`";
        let table = bound.get(&self.weight).ok_or(Error::Setting { of: "embedding", why })?;
        let places = index.places();
        if let Some(largest) = index.largest().filter(|&largest| largest as usize >= self.weight.shape()[0]) {
            let (op, start) = ("embedding", largest as usize);
            let (end, len) = (start.saturating_add(1), self.weight.shape()[0]);
            return Ok(table.fail(Wrong::Range { op, axis: 0, start, end, len }));
        }
        let rows = table.embedding(index);
        let Some(padding) = self.padding else { return Ok(rows) };
        let kept: Vec<V::Elem> =
            places.to_vec().iter().map(|&place| Element::from_f64(f64::from(place != padding.row))).collect();
        let shape: Result<Shape, _> = places.shape().insert(places.shape().rank(), 1);
        let kept = table.lift(Tensor::new(shape?, &kept)?);
        Ok(self.filled(rows, &kept))
    }

    /// Rows where `kept` is not 0, and elsewhere what stands for padding.
    #[track_caller]
    pub(crate) fn filled<V: Value>(&self, rows: V, kept: &V) -> V {
        let stored = self.padding.is_some_and(|padding| padding.stored);
        let filling = if stored { rows.stop() } else { rows.constant(0.0) };
        kept.select(&rows, filling)
    }

    /// The scores of all rows for `x [.., width]`: `x weight^T`, `[.., rows]`. So an output shares the table of the input
    /// (Press & Wolf 2017, "Using the output embedding to improve language models").
    #[track_caller]
    pub fn scores<V: Value>(&self, bound: &Bound<V>, x: &V) -> V {
        let (shape, own) = (x.shape(), *self.weight.shape());
        if let Err(error) = super::dense::ends("embedding", &shape, &own, own[1]) {
            return x.fail(error);
        }
        let table = bound.fetch(&self.weight, x).transpose(0, 1);
        let rows: usize = shape[..shape.rank() - 1].iter().product();
        let y = x.reshape([rows, own[1]]).matmul(table);
        match shape.with(shape.rank() - 1, own[0]) {
            Ok(shape) => y.reshape(shape),
            Err(error) => y.fail(error),
        }
    }
}
