//! L-BFGS.

use super::line_search::{Point, strong_wolfe};
use super::{Evaluate, Optimiser, Rules, State};
use crate::{Error, Params};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use tress_tensor::{Float, Tensor, block};

/// L-BFGS (Liu & Nocedal 1989, "On the limited memory BFGS method for large scale optimization"; Nocedal & Wright 2006,
/// algorithms 7.4 and 7.5): for losses over all data at once, without noise. Steps are as PyTorch's `LBFGS` with
/// `line_search_fn="strong_wolfe"` takes them where it may evaluate as often as it has to; here a line search takes at most
/// 26 evaluations.
///
/// It evaluates the loss as often as it has to: [`step`](Lbfgs::step) is given what computes loss and gradient.
///
/// ```
/// use tress_nn::optim::Lbfgs;
/// use tress_nn::{Gradient, Init, Params};
/// use tress_autograd::{Pointwise, Reduce, Tape};
///
/// let mut params = Params::<f64>::new(0);
/// let x = params.root().parameter("x", [2], Init::Constant(5.0))?;
/// let mut optimiser = Lbfgs::new();
/// let loss = optimiser.step(&mut params, |params| {
///     let tape = Tape::new();
///     let bound = params.on(&tape);
///     let loss = bound[x].offset(-1.0).square().sum_all();
///     Ok::<_, tress_nn::Error>(loss.value_and_gradient(&bound)?)
/// })?;
/// assert!(loss < 1e-12);
/// # Ok::<(), tress_nn::Error>(())
/// ```
///
/// A [`Trainer`](crate::train::Trainer) takes one such step for each batch, or for as many batches as it accumulates: let a
/// batch be all data, or a large part of it, for what the last steps have learned is that of other samples otherwise. As an
/// [`Optimiser`] it has groups that are frozen or trained, but with neither rates nor decays of their own.
///
/// ```
/// # use tress_autograd::{Reduce, Tape, Pointwise};
/// # use tress_nn::data::Batches;
/// # use tress_nn::optim::Lbfgs;
/// # use tress_nn::train::{OnTape, Problem, Step, TapeLoss, Trainer};
/// # use tress_nn::{Error, Handle, Init, Params};
/// # struct Bowl(Handle);
/// # impl Problem<f64> for Bowl {
/// #     type Batch = ();
/// #     fn order(&self, _: u64) -> Result<Batches, Error> { Batches::new(1, 1) }
/// #     fn batch(&self, _: u64, _: &[usize]) -> Result<(), Error> { Ok(()) }
/// #     fn loss<'t>(&self, _: &'t Tape<tress_autograd::Eager<f64>>, bound: &OnTape<'t, f64>, _: &(), _: &mut Step<'_>) -> TapeLoss<'t, f64> {
/// #         Ok(bound[self.0].offset(-1.0).square().sum_all())
/// #     }
/// # }
/// # let mut params = Params::<f64>::new(0);
/// # let x = params.root().parameter("x", [2], Init::Constant(5.0))?;
/// # let problem = Bowl(x);
/// let mut trainer = Trainer::new(params, Lbfgs::new(), 1, 1);
/// trainer.run(&problem, &mut [])?;
/// # assert!((trainer.params.tensor("x")?.to_vec()[0] - 1.0).abs() < 1e-6);
/// # Ok::<(), tress_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<T: Float = f32> {
    rate: f64,
    history: usize,
    iterations: u32,
    tolerance: f64,
    smallest_change: f64,
    rules: Rules,
    steps: u64,
    evaluations: u64,
    memory: Option<Memory<T>>,
}

/// What the last iteration leaves for the next.
#[derive(Clone, Debug)]
struct Memory<T: Float> {
    gradient: Tensor<T>,
    direction: Tensor<T>,
    /// How far along the direction the last step was.
    t: f64,
    /// The scale of the first guess of the inverse Hessian.
    scale: f64,
    /// The last steps and changes of the gradient, oldest first.
    pairs: Vec<[Tensor<T>; 2]>,
}

impl<T: Float> Lbfgs<T> {
    /// A rate of 1, 20 iterations a step, 100 pairs of history.
    pub fn new() -> Self {
        Self {
            rate: 1.0,
            history: 100,
            iterations: 20,
            tolerance: 1e-7,
            smallest_change: 1e-9,
            rules: Rules::new(),
            steps: 0,
            evaluations: 0,
            memory: None,
        }
    }

    /// How far along each direction the line search begins, the learning rate of others; 1 is right as a rule.
    pub fn length(self, length: f64) -> Self {
        Self { rate: length, ..self }
    }

    /// How many steps and changes of the gradient are remembered, at least 1: each takes the memory of two
    /// gradients.
    pub fn history(self, history: usize) -> Self {
        Self { history: history.max(1), ..self }
    }

    /// The most iterations, each with a direction and a line search, of one call of [`step`](Lbfgs::step).
    pub fn iterations(self, iterations: u32) -> Self {
        Self { iterations, ..self }
    }

    /// A step ends where no number of the gradient is above `gradient`, or where neither a parameter nor the loss changes
    /// by more than `change`.
    pub fn tolerances(self, gradient: f64, change: f64) -> Self {
        Self { tolerance: gradient, smallest_change: change, ..self }
    }

    /// Parameters that are not changed: those that fit a pattern of [`Rules`].
    pub fn freeze(self, pattern: &str) -> Self {
        Self { rules: self.rules.freeze(pattern), ..self }
    }

    /// Groups of parameters that are frozen, or trained after all. A rate or a decay of a group is an error in the first
    /// step: the line search compares losses along one direction of all parameters.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// How often the loss was evaluated so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Up to as many iterations as set, and the loss after the last of them. `evaluate` gives loss and gradient `[P]` of
    /// parameters.
    ///
    /// # Errors
    /// An error of `evaluate`; a loss that is infinite or NaN where the step begins; a gradient of another shape than
    /// `[P]`; a setting that makes no sense. The parameters are then those of the last whole iteration, and what was
    /// learned of the Hessian is forgotten.
    pub fn step<E: From<Error>>(
        &mut self,
        params: &mut Params<T>,
        evaluate: impl FnMut(&Params<T>) -> Result<(f64, Tensor<T>), E>,
    ) -> Result<f64, E> {
        self.step_from(params, None, evaluate)
    }

    /// As [`step`](Lbfgs::step), where loss and gradient of the parameters may be known already.
    fn step_from<E: From<Error>>(
        &mut self,
        params: &mut Params<T>,
        mut known: Option<(f64, Tensor<T>)>,
        mut evaluate: impl FnMut(&Params<T>) -> Result<(f64, Tensor<T>), E>,
    ) -> Result<f64, E> {
        super::check(
            "L-BFGS",
            "rate and tolerances must be finite and not negative",
            [self.rate, self.tolerance, self.smallest_change],
        )?;
        if let Some(memory) = &self.memory {
            params.expect_block("memory of L-BFGS", &memory.gradient)?;
        }
        if !self.rules.only_freeze() {
            let why = "its groups are frozen or trained; a rate or a decay of a group would bend the line of its search";
            return Err(Error::Setting { of: "L-BFGS", why }.into());
        }
        let runs: Vec<Range<usize>> = self.rules.runs(params)?.into_iter().map(|(range, _)| range).collect();
        let mut evaluations = 0u64;
        let mut look = |params: &Params<T>| -> Result<(f64, Tensor<T>), E> {
            evaluations += 1;
            let (loss, gradient) = match known.take() {
                Some(known) => known,
                None => evaluate(params)?,
            };
            params.expect_block("gradient", &gradient)?;
            Ok((loss, only(&runs, gradient)?))
        };
        let found = self.iterate(params, &mut look);
        self.evaluations = self.evaluations.saturating_add(evaluations);
        found
    }

    fn iterate<E: From<Error>>(
        &mut self,
        params: &mut Params<T>,
        look: &mut impl FnMut(&Params<T>) -> Result<(f64, Tensor<T>), E>,
    ) -> Result<f64, E> {
        let (mut loss, mut gradient) = look(params)?;
        if !(loss.is_finite() && block::norm(numbers(&gradient)).is_finite()) {
            return Err(Error::NotFinite { what: "the loss or its gradient" }.into());
        }
        for _ in 0..self.iterations {
            if largest(&gradient) <= self.tolerance {
                break;
            }
            let (direction, scale) = self.direction(&gradient)?;
            let start = Point {
                t: 0.0,
                loss,
                slope: block::dot(numbers(&gradient), numbers(&direction)),
                gradient: gradient.clone(),
            };
            // Nothing is known of the scale in the first iteration: a step of length 1 in the sum of absolute values.
            let first = match self.memory {
                None => {
                    let sum: f64 = numbers(&gradient).iter().map(|g| g.to_f64().abs()).sum();
                    (1.0 / sum).min(1.0) * self.rate
                }
                Some(_) => self.rate,
            };
            let pairs = self.memory.take().map(|memory| memory.pairs).unwrap_or_default();
            let mut memory = Memory { gradient, direction, t: first, scale, pairs };
            if start.slope > -self.smallest_change {
                self.memory = Some(memory);
                break;
            }
            let origin = params.block();
            let (reach, direction) = (largest(&memory.direction), &memory.direction);
            let searched = strong_wolfe(&start, first, reach, self.smallest_change, |t| {
                move_to(params, &origin, t, direction)?;
                let (loss, gradient) = look(params)?;
                let slope = block::dot(numbers(&gradient), numbers(direction));
                Ok::<_, E>(Point { t, loss, slope, gradient })
            });
            let found = match searched {
                Ok(found) => found,
                Err(error) => {
                    params.set_block(&origin)?;
                    return Err(error);
                }
            };
            move_to(params, &origin, found.t, &memory.direction)?;
            memory.t = found.t;
            self.steps = self.steps.saturating_add(1);
            let change = (start.loss - found.loss).abs();
            self.memory = Some(memory);
            (loss, gradient) = (found.loss, found.gradient);
            let moved = found.t.abs() * reach;
            if moved <= self.smallest_change || change < self.smallest_change {
                break;
            }
        }
        Ok(loss)
    }

    /// The direction at a point with this gradient, and the scale of the first guess of the inverse Hessian.
    fn direction(&mut self, gradient: &Tensor<T>) -> Result<(Tensor<T>, f64), Error> {
        let mut direction = scaled(gradient, -1.0)?;
        let Some(memory) = &mut self.memory else { return Ok((direction, 1.0)) };
        let mut change = scaled(gradient, 1.0)?;
        block::add_scaled(-1.0, numbers(&memory.gradient), change.make_mut());
        let step = scaled(&memory.direction, memory.t)?;
        let curvature = block::dot(numbers(&change), numbers(&step));
        if curvature > 1e-10 {
            memory.scale = curvature / block::dot(numbers(&change), numbers(&change));
            while memory.pairs.len() >= self.history {
                memory.pairs.remove(0);
            }
            memory.pairs.push([step, change]);
        }
        // The two loops of algorithm 7.4.
        let weights: Vec<f64> =
            memory.pairs.iter().map(|[s, y]| 1.0 / block::dot(numbers(s), numbers(y))).collect();
        let mut parts = Vec::with_capacity(memory.pairs.len());
        let d = direction.make_mut();
        for ([s, y], weight) in memory.pairs.iter().zip(&weights).rev() {
            let part = block::dot(numbers(s), d) * weight;
            block::add_scaled(-part, numbers(y), d);
            parts.push(part);
        }
        d.iter_mut().for_each(|d| *d = *d * T::from_f64(memory.scale));
        for (([s, y], weight), part) in memory.pairs.iter().zip(&weights).zip(parts.iter().rev()) {
            let other = block::dot(numbers(y), d) * weight;
            block::add_scaled(part - other, numbers(s), d);
        }
        Ok((direction, memory.scale))
    }
}

impl<T: Float> Optimiser<T> for Lbfgs<T> {
    fn step(&mut self, _: &mut Params<T>, _: &Tensor<T>) -> Result<(), Error> {
        let why = "it looks at the loss in several places, and one gradient is not enough: call `step_with`";
        Err(Error::Setting { of: "L-BFGS", why })
    }

    fn step_with(
        &mut self,
        params: &mut Params<T>,
        (loss, gradient): (f64, &Tensor<T>),
        evaluate: &mut Evaluate<'_, T>,
    ) -> Result<(), Error> {
        self.step_from(params, Some((loss, gradient.clone())), evaluate).map(|_| ())
    }

    fn evaluates(&self) -> bool {
        true
    }

    fn prepare(&mut self, params: &Params<T>) -> Result<(), Error> {
        self.memory
            .as_ref()
            .map_or(Ok(()), |memory| params.expect_block("memory of L-BFGS", &memory.gradient))
    }

    fn groups(&self) -> &Rules {
        &self.rules
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    fn state(&self) -> State<T> {
        let state = State::new("lbfgs").with_count("steps", self.steps);
        let mut state = state.with_count("evaluations", self.evaluations).with_number("rate", self.rate);
        if let Some(memory) = &self.memory {
            state = state.with_number("length", memory.t).with_number("scale", memory.scale);
            state = state.with_count("pairs", memory.pairs.len() as u64);
            state = state.with_block("gradient", memory.gradient.clone());
            state = state.with_block("direction", memory.direction.clone());
            for (i, [step, change]) in memory.pairs.iter().enumerate() {
                state = state.with_block(&format!("step {i}"), step.clone());
                state = state.with_block(&format!("change {i}"), change.clone());
            }
        }
        state
    }

    fn restore(&mut self, state: &State<T>, params: &Params<T>) -> Result<(), Error> {
        state.expect("lbfgs")?;
        let (steps, evaluations) = (state.count("steps")?, state.count("evaluations")?);
        let rate = state.number("rate")?;
        let wanted = |name: &str| {
            let lacks = || Error::State { why: format!("the state of `lbfgs` has no `{name}`") };
            let block = state.block(name).ok_or_else(lacks)?;
            params.expect_block("memory of L-BFGS", block)?;
            Ok::<_, Error>(block.clone())
        };
        let memory = match state.block("gradient") {
            None => None,
            Some(_) => {
                // Not reserved ahead: the number is somebody else's word.
                let mut pairs = Vec::new();
                for i in 0..state.count("pairs")? {
                    pairs.push([wanted(&format!("step {i}"))?, wanted(&format!("change {i}"))?]);
                }
                let (t, scale) = (state.number("length")?, state.number("scale")?);
                Some(Memory {
                    gradient: wanted("gradient")?,
                    direction: wanted("direction")?,
                    t,
                    scale,
                    pairs,
                })
            }
        };
        (self.steps, self.evaluations, self.rate, self.memory) = (steps, evaluations, rate, memory);
        Ok(())
    }
}

impl<T: Float> Default for Lbfgs<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// `params = origin + t direction`.
fn move_to<T: Float>(
    params: &mut Params<T>,
    origin: &Tensor<T>,
    t: f64,
    direction: &Tensor<T>,
) -> Result<(), Error> {
    let mut moved = scaled(origin, 1.0)?;
    block::add_scaled(t, numbers(direction), moved.make_mut());
    params.set_block(&moved)
}

/// A gradient with zeros outside of the ranges.
fn only<T: Float>(ranges: &[Range<usize>], gradient: Tensor<T>) -> Result<Tensor<T>, Error> {
    let mut kept = Tensor::zeros([gradient.len()])?;
    let (to, dense) = (kept.make_mut(), gradient.contiguous());
    for range in ranges {
        to[range.clone()].copy_from_slice(&numbers(&dense)[range.clone()]);
    }
    Ok(kept)
}

/// A copy, times a number.
fn scaled<T: Float>(x: &Tensor<T>, scale: f64) -> Result<Tensor<T>, Error> {
    let (mut y, scale, dense) = (Tensor::zeros([x.len()])?, T::from_f64(scale), x.contiguous());
    for (y, &x) in y.make_mut().iter_mut().zip(numbers(&dense)) {
        *y = scale * x;
    }
    Ok(y)
}

/// The numbers of a block, which lie densely.
fn numbers<T: Float>(x: &Tensor<T>) -> &[T] {
    x.as_slice().unwrap_or_default()
}

/// The largest absolute value; NaN if there is one.
fn largest<T: Float>(x: &Tensor<T>) -> f64 {
    let sizes = numbers(x).iter().map(|x| x.to_f64().abs());
    sizes.fold(0.0, |largest: f64, x| if largest.is_nan() || x <= largest { largest } else { x })
}
