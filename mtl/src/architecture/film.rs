//! One trunk for all tasks that is told, by scale and shift of its channels, which task it works for.

use alloc::format;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_nn::{Bound, Handle, Init, Layer, Scope, Sequential};
use tress_tensor::pointwise::Map;
use tress_tensor::{Error, Float};

use super::{Architecture, Features};
use crate::error::{Result, check_tasks};

/// Behind each stage, the channels of task `k` become `gamma_kc F_c + beta_kc` (E. Perez, F. Strub, H. de Vries,
/// V. Dumoulin & A. Courville, "FiLM: visual reasoning with a general conditioning layer", AAAI 2018;
/// here the condition is the task). They begin as the identity: `gamma = 1 + dgamma` with `dgamma` and `beta` zero.
///
/// The K tasks go through the later stages together, as K N samples. What says which task it is, scales, shifts and
/// embeddings, lies before the heads and is a part of what is balanced; each row has a gradient from its own task only.
///
/// Parameters are declared as `film<s>.{scale, shift}`, and `embedding [K, E]` if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Film<L = Sequential> {
    stages: Vec<L>,
    /// `dgamma` and `beta` of each stage: `[K, C]`, or `[E, C]` to be multiplied by the embedding.
    films: Vec<[Handle; 2]>,
    embedding: Option<Handle>,
    activation: Option<Map>,
    tasks: usize,
}

impl<L: Layer> Film<L> {
    /// One scale and one shift for each task and channel; `stages` come with the number of channels (axis 1) that they
    /// give.
    ///
    /// # Errors
    /// No task or more than 32, or names that are taken in the scope.
    pub fn new<T: Float>(scope: &mut Scope<'_, T>, tasks: usize, stages: Vec<(L, usize)>) -> Result<Self> {
        Self::build(scope, tasks, stages, None)
    }

    /// Scales and shifts that are linear in an embedding of the task with `width` numbers, drawn from the normal
    /// distribution: what similar tasks learn goes over to each other.
    ///
    /// # Errors
    /// As [`new`](Film::new).
    pub fn embedded<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        stages: Vec<(L, usize)>,
        width: usize,
    ) -> Result<Self> {
        Self::build(scope, tasks, stages, Some(width))
    }

    fn build<T: Float>(
        scope: &mut Scope<'_, T>,
        tasks: usize,
        stages: Vec<(L, usize)>,
        width: Option<usize>,
    ) -> Result<Self> {
        check_tasks(tasks)?;
        let embedding = match width {
            Some(width) => Some(scope.parameter("embedding", [tasks, width], Init::Normal(1.0))?),
            None => None,
        };
        let rows = width.unwrap_or(tasks);
        let (mut layers, mut films) = (Vec::with_capacity(stages.len()), Vec::with_capacity(stages.len()));
        for (s, (layer, channels)) in stages.into_iter().enumerate() {
            let mut place = scope.scope(&format!("film{s}"));
            let scale = place.parameter("scale", [rows, channels], Init::Zeros)?;
            films.push([scale, place.parameter("shift", [rows, channels], Init::Zeros)?]);
            layers.push(layer);
        }
        Ok(Self { stages: layers, films, embedding, activation: None, tasks })
    }

    /// With a function behind each modulation, as the paper has ReLU there.
    pub fn activation(self, map: Map) -> Self {
        Self { activation: Some(map), ..self }
    }

    /// `[K, C]` of a stage.
    #[track_caller]
    fn rows<V: Value>(&self, bound: &Bound<V>, handle: &Handle, x: &V) -> V {
        let rows = bound.fetch(handle, x);
        match &self.embedding {
            Some(embedding) => bound.fetch(embedding, x).matmul(rows),
            None => rows,
        }
    }

    /// `y [K or 1, N, C, ..]` modulated.
    #[track_caller]
    fn modulate<V: Value>(&self, bound: &Bound<V>, stage: usize, y: &V) -> V {
        let [scale, shift] = &self.films[stage];
        let (shape, channels) = (y.shape(), scale.shape()[1]);
        if shape.get(2) != Some(&channels) {
            let why = "axis 1 must have as many channels as the modulation";
            return y.fail(Error::Unfit { op: "film", shape, why });
        }
        let mut lengths = alloc::vec![1; shape.rank()];
        lengths[0] = self.tasks;
        lengths[2] = channels;
        let scale = self.rows(bound, scale, y).offset(1.0).reshape(&lengths[..]);
        let shift = self.rows(bound, shift, y).reshape(&lengths[..]);
        let modulated = y.clone() * scale + shift;
        match self.activation {
            Some(map) => modulated.map(map),
            None => modulated,
        }
    }
}

impl<L: Layer> Architecture for Film<L> {
    fn tasks(&self) -> usize {
        self.tasks
    }

    #[track_caller]
    fn features<V: Value>(&self, bound: &Bound<V>, x: &V) -> Features<V> {
        // [K or 1, N, ..]: the first stage sees each sample once, as no task has marked it yet.
        let mut z = x.unsqueeze(0);
        for (s, stage) in self.stages.iter().enumerate() {
            z = self.modulate(bound, s, &as_samples(stage, bound, &z));
        }
        let mut tasks = Vec::with_capacity(self.tasks);
        let marked = z.shape().first() == Some(&self.tasks);
        for k in 0..self.tasks {
            tasks.push(z.at(0, if marked { k } else { 0 }));
        }
        Features::new(tasks)
    }
}

/// A layer on `[K, N, ..]` as on K N samples.
#[track_caller]
fn as_samples<L: Layer, V: Value>(layer: &L, bound: &Bound<V>, z: &V) -> V {
    let shape = z.shape();
    if shape.rank() < 2 {
        return z.fail(Error::Unfit { op: "film", shape, why: "samples are [N, ..]" });
    }
    let (k, n) = (shape[0], shape[1]);
    let together = match shape.remove(0).and_then(|one| one.with(0, k * n)) {
        Ok(together) => together,
        Err(error) => return z.fail(error),
    };
    let y = layer.apply(bound, &z.reshape(together));
    let shape = match y.shape().with(0, n).and_then(|one| one.insert(0, k)) {
        Ok(shape) => shape,
        Err(error) => return y.fail(error),
    };
    y.reshape(shape)
}
