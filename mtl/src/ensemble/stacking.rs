//! Stacking: a linear model on top of the members.

use alloc::vec::Vec;

use tress_autograd::{Eager, Fused, Pointwise, Reduce, Tape, Value};
use tress_nn::optim::Lbfgs;
use tress_nn::{Bound, Dense, Gradient, Init, Layer, Params, cross_entropy, mse};
use tress_tensor::{Float, Tensor};

use super::check_members;
use crate::error::{Error, Result, check_length};
use crate::network::Targets;

/// A probability counts as at least this much before its logarithm is taken.
const LEAST: f64 = 1e-6;

/// A linear model of all members' answers: D. H. Wolpert, "Stacked generalization", 1992.
///
/// For classes it is a softmax of a linear function of the members' log probabilities, for numbers a linear function of
/// their predictions. It begins as the mean of what goes in, which for classes is the geometric mean of probabilities, and
/// the ridge pulls it back there. The fit is convex, and found by L-BFGS.
#[derive(Clone, Debug)]
pub struct Stacking<T: Float = f32> {
    params: Params<T>,
    model: Dense,
    members: usize,
    width: usize,
    is_of_classes: bool,
}

impl<T: Float> Stacking<T> {
    /// Fits members' predictions `[N, width]` on samples that they were not trained on: the mean loss (cross entropy, or
    /// squared error) plus `ridge` times the squared distance of the weights from those of the mean.
    ///
    /// # Errors
    /// No member or more than 32, predictions of different shapes, targets that do not fit them, or a ridge that is
    /// negative or not finite.
    pub fn fit(members: &[Tensor<T>], targets: &Targets<T>, ridge: f64) -> Result<Self> {
        let [samples, width] = check_members(members)?;
        check_length("targets of samples", samples, targets.samples())?;
        if !(ridge.is_finite() && ridge >= 0.0) {
            return Err(Error::Setting { what: "the ridge of stacking is a number from 0 up" });
        }
        let is_of_classes = match targets {
            Targets::Classes(labels) => {
                check_length("classes of the members", labels.classes(), width).map(|()| true)?
            }
            Targets::Numbers(truth) if **truth.shape() == [samples, width] => false,
            Targets::Numbers(_) => {
                return Err(Error::Setting { what: "predictions and targets of an ensemble have one shape" });
            }
        };
        let count = members.len();
        let mut params = Params::new(0);
        let zeros = Dense::builder(count * width, width).init(Init::Zeros).bias_init(Init::Zeros);
        let model = zeros.build(&mut params.root())?;
        let share = T::from_f64(1.0 / count as f64);
        let mean =
            Tensor::from_fn([count * width, width], |i| if i[0] % width == i[1] { share } else { T::ZERO })?;
        params.set("weight", &mean)?;
        let mut stacking = Self { params, model, members: count, width, is_of_classes };
        let inputs = stacking.inputs(members)?;

        let mut search = Lbfgs::new().iterations(200).tolerances(1e-6, 1e-9);
        let model = stacking.model;
        search.step(&mut stacking.params, |params| {
            let tape = Tape::new();
            let bound = params.on(&tape);
            let output = model.apply(&bound, &tape.var(inputs.clone()));
            let loss = match targets {
                Targets::Classes(labels) => cross_entropy(&output, labels),
                Targets::Numbers(truth) => mse(&output, &output.lift(truth.clone())),
            };
            let weight = bound[model.weight()];
            let pull = (weight - weight.lift(mean.clone())).square().sum_all().scale(ridge);
            let (loss, gradient) = (loss + pull).value_and_gradient(&bound)?;
            Ok::<_, Error>((loss.to_f64(), gradient))
        })?;
        Ok(stacking)
    }

    /// What the members' predictions `[N, width]` for other samples say together: probabilities, or numbers.
    ///
    /// # Errors
    /// Another number of members, or another width.
    pub fn combine(&self, members: &[Tensor<T>]) -> Result<Tensor<T>> {
        check_length("members", self.members, members.len())?;
        let [_, width] = check_members(members)?;
        check_length("predictions of a member", self.width, width)?;
        let bound: Bound<Eager<T>> = self.params.eager();
        let output = self.model.apply(&bound, &Eager::new(self.inputs(members)?));
        let output = if self.is_of_classes { output.softmax() } else { output };
        Ok(output.tensor()?.clone())
    }

    /// The weights, `[members * width, width]`: how much the answer at the column counts what a member says at the row.
    ///
    /// # Errors
    /// None, as the parameter exists.
    pub fn weights(&self) -> Result<Tensor<T>> {
        Ok(self.params.tensor("weight")?)
    }

    /// The members side by side, `[N, members * width]`.
    fn inputs(&self, members: &[Tensor<T>]) -> Result<Tensor<T>> {
        let [samples, width] = check_members(members)?;
        let all: Vec<Vec<T>> = members.iter().map(Tensor::to_vec).collect();
        let mut inputs = Vec::with_capacity(samples * width * members.len());
        for sample in 0..samples {
            for member in &all {
                inputs.extend(member[sample * width..][..width].iter().map(|&x| match self.is_of_classes {
                    true => T::from_f64(libm::log(x.to_f64().max(LEAST))),
                    false => x,
                }));
            }
        }
        Ok(Tensor::new([samples, width * members.len()], &inputs)?)
    }
}
