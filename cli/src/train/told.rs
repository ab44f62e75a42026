//! What some methods are told before a step: products of the gradients of two further batches, or how a loss on another
//! batch follows the weights. Either is of training samples: those that settings are chosen on are never learnt from.

use tress::autograd::{Dual, Eager, Pointwise, Tape};
use tress::mtl::Error as MtlError;
use tress::mtl::balance::{Observation, Observes};
use tress::mtl::network::Targets;
use tress::mtl::solve::CrossGramian;
use tress::mtl::{sharing, sweep};
use tress::nn::{Entry, Gradient, Optimiser, Params, Random, mix};
use tress::tensor::Tensor;

use super::model::Model;
use super::{diverged, training};
use crate::error::Error;

/// Input and truth of a batch.
pub(crate) type Batch = (Tensor, Vec<Targets>);

/// The rows of a further batch: any of the samples, each as likely as any other, also twice.
pub(crate) fn drawn(samples: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.below(samples as u64) as usize).collect()
}

impl Model {
    /// Tells the method what it asks for before a step on a batch with this seed of dropout. `further` makes another batch
    /// of training samples, a different one for each number, and is called only if the method wants it.
    pub(crate) fn tell(
        &mut self,
        (input, targets): (&Tensor, &[Targets]),
        seed: u64,
        mut further: impl FnMut(u64) -> Result<Batch, Error>,
    ) -> Result<(), Error> {
        match self.balance.observes() {
            Observes::Products => {
                let mut jacobians = Vec::with_capacity(2);
                for number in 0..2 {
                    jacobians.push(self.jacobian(further(number)?, mix(seed, number))?);
                }
                let rows: Vec<&[f32]> =
                    jacobians.iter().map(|rows| rows.as_slice().unwrap_or_default()).collect();
                let products = CrossGramian::between(targets.len(), rows[0], rows[1]).map_err(diverged)?;
                self.balance.observe(Observation::Products(&products)).map_err(diverged)
            }
            Observes::Slopes => {
                let slopes = self.slopes((input, targets), seed, further(0)?)?;
                self.balance.observe(Observation::Slopes(&slopes)).map_err(diverged)
            }
            Observes::Nothing | Observes::Epochs | Observes::LossesAfter => Ok(()),
            Observes::Ray => {
                Err(training("the network is not given the ray that this method needs as an input"))
            }
        }
    }

    /// The gradients of all losses by what the tasks share, `[K, P]`.
    fn jacobian(&mut self, (input, targets): Batch, seed: u64) -> Result<Tensor, Error> {
        let jacobian = {
            let bound = self.params.on(&self.tape).training(seed);
            let input = self.tape.var(input);
            let features = self.network.features(&bound, &[("input", &input)]).map_err(training)?;
            let outputs = self.network.outputs(&bound, &features);
            let losses = self.network.losses(&outputs, &targets).map_err(training)?;
            let shared = sharing::cut(&outputs, &bound).map_err(training)?;
            sweep::shared_jacobian(&losses, &shared, &bound, &self.params).map_err(diverged)?
        };
        self.tape.reset();
        Ok(jacobian.contiguous())
    }

    /// How the sum of the losses on `other` follows the weights of a step, as Auto-lambda wants it (S. Liu et al.
    /// 2022): a trial step by the weights as they are, the gradient `v` of the other loss behind it, and the slope of
    /// each loss on the batch itself along `v`. The paper takes differences of losses ahead and behind; here one pass of
    /// values that carry tangents gives the slopes themselves.
    fn slopes(
        &mut self,
        (input, targets): (&Tensor, &[Targets]),
        seed: u64,
        (other, wanted): Batch,
    ) -> Result<Vec<f64>, Error> {
        let Some(weights) = self.balance.held() else {
            return Err(training("a method that looks at slopes holds weights for the trial step"));
        };
        let step = self.gradient(&self.params, input, targets, seed, &weights)?;
        let trial = moved(&self.params, &step, -self.adam.rate());
        let ones = vec![1.0; weights.len()];
        let along = self.gradient(&trial, &other, &wanted, mix(seed, 1), &ones)?;
        let losses = self.losses(&along, input, targets, seed)?;
        Ok(losses.into_iter().map(|(_, slope)| slope).collect())
    }

    /// The loss of each task, and its slope where the parameters move along the block `along`.
    fn losses(
        &self,
        along: &Tensor,
        input: &Tensor,
        targets: &[Targets],
        seed: u64,
    ) -> Result<Vec<(f64, f64)>, Error> {
        let moving = |entry: &Entry, numbers: Tensor| {
            let part = along.slice(0, entry.range().start, entry.range().end, 1);
            // A block has a number for each parameter; without it nothing moves.
            match part.and_then(|part| part.reshape(*entry.shape())) {
                Ok(part) => Dual::new(Eager::new(numbers), Eager::new(part)),
                Err(_) => Dual::constant(Eager::new(numbers)),
            }
        };
        let bound = self.params.bind(moving).training(seed);
        let input = Dual::constant(Eager::new(input.clone()));
        let features = self.network.features(&bound, &[("input", &input)]).map_err(training)?;
        let outputs = self.network.outputs(&bound, &features);
        let losses = self.network.losses(&outputs, targets).map_err(training)?;
        let number = |value: &Eager| Ok::<_, MtlError>(f64::from(value.item()?));
        let pair = |loss: &Dual<Eager>| Ok((number(&loss.primal)?, number(&loss.tangent_or_zeros())?));
        losses.iter().map(pair).collect::<Result<_, MtlError>>().map_err(diverged)
    }

    /// The gradient of the losses times `weights`, by all parameters.
    fn gradient(
        &self,
        params: &Params,
        input: &Tensor,
        targets: &[Targets],
        seed: u64,
        weights: &[f64],
    ) -> Result<Tensor, Error> {
        let tape = Tape::new();
        let bound = params.on(&tape).training(seed);
        let input = tape.var(input.clone());
        let features = self.network.features(&bound, &[("input", &input)]).map_err(training)?;
        let outputs = self.network.outputs(&bound, &features);
        let losses = self.network.losses(&outputs, targets).map_err(training)?;
        let weighted = losses.iter().zip(weights).map(|(loss, &weight)| loss.scale(weight));
        let Some(sum) = weighted.reduce(|sum, loss| sum + loss) else {
            return Err(Error::Training("a network has at least one task".to_owned()));
        };
        sum.gradient(&bound).map_err(|mistake| diverged(MtlError::from(mistake)))
    }
}

/// Parameters moved so far along a block.
fn moved(params: &Params, along: &Tensor, by: f64) -> Params {
    let mut moved = params.clone();
    let along = along.contiguous();
    for (number, step) in moved.block_mut().iter_mut().zip(along.as_slice().unwrap_or_default()) {
        *number += by as f32 * step;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::{Batch, drawn};
    use crate::train::Model;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tress::mtl::balance::{Heads, Needs, Observation, Observes, Weighting, Weights};
    use tress::mtl::network::{Objective, Targets, lenet};
    use tress::mtl::solve::{CrossGramian, Gramian};
    use tress::nn::{Adam, Labels, Params, Random};
    use tress::tensor::Tensor;

    #[derive(Default)]
    struct Heard {
        products: Option<CrossGramian>,
        slopes: Vec<f64>,
        asked: u64,
    }

    /// Weighs the tasks 0.3 and 0.7, and keeps what it is told.
    struct Listener(Observes, Rc<RefCell<Heard>>);

    impl Weighting for Listener {
        fn name(&self) -> &'static str {
            "listener"
        }

        fn needs(&self) -> Needs {
            Needs::Losses
        }

        fn heads(&self) -> Heads {
            Heads::Weighted
        }

        fn weights(&mut self, _: &[f64], _: Option<&Gramian>) -> tress::mtl::Result<Weights> {
            Weights::new(&[0.3, 0.7])
        }

        fn held(&self) -> Option<Weights> {
            Weights::new(&[0.3, 0.7]).ok()
        }

        fn observes(&self) -> Observes {
            self.0
        }

        fn observe(&mut self, seen: Observation<'_>) -> tress::mtl::Result<()> {
            match seen {
                Observation::Products(products) => self.1.borrow_mut().products = Some(products.clone()),
                Observation::Slopes(slopes) => self.1.borrow_mut().slopes = slopes.to_vec(),
                _ => {}
            }
            Ok(())
        }
    }

    fn batch(seed: u64) -> Batch {
        let mut random = Random::new(seed);
        let input = Tensor::from_fn([6, 1, 28, 28], |_| random.normal() as f32).unwrap();
        let mut labels = || Targets::Classes(Labels::new((0..6).map(|_| random.below(3) as u32), 3).unwrap());
        let targets = vec![labels(), labels()];
        (input, targets)
    }

    fn told(observes: Observes) -> (Model, Rc<RefCell<Heard>>) {
        let mut params = Params::new(3);
        let heads = [("a", Objective::Classes(3)), ("b", Objective::Classes(3))];
        let network = lenet(&mut params, &heads).unwrap();
        let heard = Rc::new(RefCell::new(Heard::default()));
        let listener = Box::new(Listener(observes, Rc::clone(&heard)));
        let mut model = Model::new(params, network, Adam::new(0.02), listener).unwrap();
        let (input, targets) = batch(1);
        let before = model.params.block();
        let further = |number: u64| {
            heard.borrow_mut().asked += 1;
            Ok(batch(10 + number))
        };
        model.tell((&input, &targets), 5, further).unwrap();
        assert_eq!(model.params.block(), before, "looking changes nothing");
        (model, heard)
    }

    fn dot(a: &Tensor, b: &Tensor) -> f64 {
        a.to_vec().iter().zip(b.to_vec()).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
    }

    #[test]
    fn products_are_those_of_the_task_gradients_of_two_further_batches() {
        let (model, heard) = told(Observes::Products);
        let of = |number: u64, task: usize| {
            let (input, targets) = batch(10 + number);
            let weights: Vec<f64> = (0..2).map(|k| f64::from(u8::from(k == task))).collect();
            let mut gradient = model.gradient(&model.params, &input, &targets, 0, &weights).unwrap();
            // Heads are no part of what is shared.
            for entry in model.params.entries().filter(|entry| !entry.is_in("trunk")) {
                gradient.make_mut()[entry.range()].fill(0.0);
            }
            gradient
        };
        let heard = heard.borrow();
        let products = heard.products.as_ref().unwrap();
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let expected = dot(&of(0, i), &of(1, j));
            let found = products.at(i, j);
            assert!(
                (found - expected).abs() < 1e-4 * expected.abs().max(0.01),
                "{i}, {j}: {found}, {expected}"
            );
        }
        assert_eq!(heard.asked, 2);
    }

    #[test]
    fn slopes_are_inner_products_with_the_gradient_behind_a_trial_step() {
        let (model, heard) = told(Observes::Slopes);
        let ((input, targets), (other, wanted)) = (batch(1), batch(10));
        let step = model.gradient(&model.params, &input, &targets, 5, &[0.3, 0.7]).unwrap();
        let trial = super::moved(&model.params, &step, -0.02);
        let along = model.gradient(&trial, &other, &wanted, 0, &[1.0, 1.0]).unwrap();
        for (task, found) in heard.borrow().slopes.iter().enumerate() {
            let weights: Vec<f64> = (0..2).map(|k| f64::from(u8::from(k == task))).collect();
            let own = model.gradient(&model.params, &input, &targets, 5, &weights).unwrap();
            let expected = dot(&own, &along);
            assert!((found - expected).abs() < 1e-4 * expected.abs(), "{task}: {found}, {expected}");
        }
        assert_eq!((heard.borrow().asked, heard.borrow().slopes.len()), (1, 2));
    }

    #[test]
    fn other_methods_cost_no_batch() {
        for observes in [Observes::Nothing, Observes::Epochs, Observes::LossesAfter] {
            assert_eq!(told(observes).1.borrow().asked, 0);
        }
    }

    #[test]
    fn rows_are_drawn_from_all_samples_by_the_seed() {
        let rows = drawn(7, 700, 3);
        assert!(rows == drawn(7, 700, 3) && rows != drawn(7, 700, 4));
        assert!((0..7).all(|row| (60..140).contains(&rows.iter().filter(|&&r| r == row).count())));
    }
}
