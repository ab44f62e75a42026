//! Sequences of any length: that a model does not hang on the length that it was wired with.

use super::flaw::Cause;
use super::{Held, Joint, Model, Part};
use crate::{Error, Params};
use alloc::boxed::Box;
use alloc::vec::Vec;
use tress_autograd::Outline;
use tress_autograd::op::Index;
use tress_tensor::{Float, Shape, Tensor};

impl Model {
    /// Runs the shapes of two samples through, with other numbers of steps in each sequence of any length: one more, where most
    /// of what hangs on the length is seen, and about twice as many, where windows with a stride have come to more as well.
    pub(super) fn check_length<T: Float>(&self, params: &Params<T>) -> Result<(), Cause> {
        if !self.joints.iter().any(|joint| joint.any_length) {
            return Ok(());
        }
        let others: [fn(usize) -> usize; 3] = [
            |steps| steps.saturating_add(1),
            |steps| steps.saturating_mul(2),
            |steps| steps.saturating_mul(2).saturating_add(1),
        ];
        others.into_iter().try_for_each(|other| self.check_steps(params, other))
    }

    /// Whether sequences of so many steps fit, where those of any length are taken.
    pub(crate) fn takes_steps<T: Float>(&self, params: &Params<T>, steps: usize) -> bool {
        self.check_steps(params, |_| steps).is_ok()
    }

    /// Runs the shapes of two samples through, with as many steps as `other` says where so many were declared.
    fn check_steps<T: Float>(&self, params: &Params<T>, other: impl Fn(usize) -> usize) -> Result<(), Cause> {
        let bound = params.outline();
        let mut values: Vec<Held<Outline<T>>> = Vec::with_capacity(self.joints.len());
        for joint in &self.joints {
            let refused =
                |error: Error| Cause::Declaration { layer: joint.name.clone(), error: Box::new(error) };
            let y = match joint.part {
                Part::Input => Held::Value(Outline::new(shape_of(joint, &other).map_err(refused)?)),
                Part::Index(_) => {
                    let zeros = shape_of(joint, &other)
                        .and_then(|shape| Ok(Tensor::zeros(shape)?))
                        .map_err(refused)?;
                    Held::Index(Index::new(&zeros), None)
                }
                _ => {
                    let xs: Vec<_> = joint.from.iter().map(|&x| &values[x]).collect();
                    let y = self.join(joint, &bound, &xs).map_err(refused)?;
                    if let Err(mistake) = y.inferred() {
                        return Err(Cause::Length { layer: joint.name.clone(), error: mistake.error });
                    }
                    Held::Value(y)
                }
            };
            values.push(y);
        }
        Ok(())
    }
}

fn shape_of(joint: &Joint, other: impl Fn(usize) -> usize) -> Result<Shape, Error> {
    let shape = joint.sizes.at(2)?;
    match joint.any_length {
        true => Ok(shape.with(1, other(shape[1]))?),
        false => Ok(shape),
    }
}
