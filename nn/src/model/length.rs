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
    /// Runs the shapes of two samples through, with one step more in each sequence of any length.
    pub(super) fn check_length<T: Float>(&self, params: &Params<T>) -> Result<(), Cause> {
        if !self.joints.iter().any(|joint| joint.any_length) {
            return Ok(());
        }
        let bound = params.outline();
        let mut values: Vec<Held<Outline<T>>> = Vec::with_capacity(self.joints.len());
        for joint in &self.joints {
            let refused =
                |error: Error| Cause::Declaration { layer: joint.name.clone(), error: Box::new(error) };
            let y = match joint.part {
                Part::Input => Held::Value(Outline::new(longer(joint).map_err(refused)?)),
                Part::Index(_) => {
                    let zeros = longer(joint).and_then(|shape| Ok(Tensor::zeros(shape)?)).map_err(refused)?;
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

fn longer(joint: &Joint) -> Result<Shape, Error> {
    let shape = joint.sizes.at(2)?;
    match joint.any_length {
        true => Ok(shape.with(1, shape[1].saturating_add(1))?),
        false => Ok(shape),
    }
}
