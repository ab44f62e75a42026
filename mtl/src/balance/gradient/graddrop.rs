//! GradDrop: each element of the gradient takes one sign, drawn by how much the tasks agree on it.

use alloc::vec::Vec;

use crate::balance::panel::BLOCK;
use crate::balance::state::{Draws, Saved};
use crate::balance::{Heads, Kept, Needs, Panel, Weighting, Weights, check_losses, check_setting};
use crate::error::{Error, Result, check_length};
use crate::solve::{Gramian, MAX_TASKS};

/// Gradient sign dropout: Z. Chen et al., "Just pick a sign: optimizing deep multitask models with gradient sign
/// dropout", NeurIPS 2020, Algorithm 1.
///
/// For each element, `P = ½ (1 + Σ g_k / Σ |g_k|)` is the positive sign purity. With U uniform in `[0, 1)`, the element
/// keeps its positive parts where `P > U` and its negative ones where not. A leak `λ_k` lets that share of a task's
/// gradient through in any case; it is zero unless said. The paper draws at the shared features; over parameters, as
/// here, it is the same algorithm.
///
/// **Scale.** Sum convention. The direction is no combination of the rows, so the weights are all 1; and it depends on
/// the axes of the parameters, unlike that of any other method here but [`ExcessMtl`](super::ExcessMtl).
#[derive(Clone, Debug, PartialEq)]
pub struct GradDrop {
    leaks: [f64; MAX_TASKS],
    leaking: usize,
    draws: Draws,
}

impl GradDrop {
    /// The method with the seed of its draws, without leaks.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { leaks: [0.0; MAX_TASKS], leaking: 0, draws: Draws::new(seed) }
    }

    /// The same with a leak for each task.
    ///
    /// # Errors
    /// When K is not in `1..=32` or a leak is not in `0..=1`.
    pub fn leaks(mut self, leaks: &[f64]) -> Result<Self> {
        crate::error::check_tasks(leaks.len())?;
        check_setting(leaks.iter().all(|leak| (0.0..=1.0).contains(leak)), "a leak is from 0 to 1")?;
        self.leaks[..leaks.len()].copy_from_slice(leaks);
        self.leaking = leaks.len();
        Ok(self)
    }
}

impl Weighting for GradDrop {
    fn name(&self) -> &'static str {
        "graddrop"
    }

    fn needs(&self) -> Needs {
        Needs::Jacobian
    }

    fn heads(&self) -> Heads {
        Heads::Plain
    }

    fn weights(&mut self, _losses: &[f64], _gramian: Option<&Gramian>) -> Result<Weights> {
        Err(Error::MissingJacobian { method: self.name() })
    }

    fn direction(&mut self, losses: &[f64], panel: &mut dyn Panel) -> Result<Weights> {
        check_losses(losses)?;
        check_length("losses", panel.tasks(), losses.len())?;
        if self.leaking > 0 {
            check_length("losses", self.leaking, losses.len())?;
        }
        let mut random = self.draws.stream();
        let mut rows = [[0.0; BLOCK]; MAX_TASKS];
        for first in (0..panel.width()).step_by(BLOCK) {
            let count = BLOCK.min(panel.width() - first);
            for (task, row) in rows[..losses.len()].iter_mut().enumerate() {
                panel.read(task, first, &mut row[..count]);
                // Nothing is written to any state before the end, so a refusal half-way changes nothing.
                if let Some(place) = row[..count].iter().position(|g| !g.is_finite()) {
                    return Err(Error::NotFinite { what: "gradients", index: first + place });
                }
            }
            let mut direction = [0.0; BLOCK];
            for (p, element) in direction[..count].iter_mut().enumerate() {
                let column = || rows[..losses.len()].iter().map(|row| row[p]);
                let (sum, size) = (column().sum::<f64>(), column().map(f64::abs).sum::<f64>());
                let purity = if size > 0.0 { 0.5 * (1.0 + sum / size) } else { 0.5 };
                let positive = purity > random.uniform();
                *element = column()
                    .zip(self.leaks)
                    .map(|(g, leak)| if (g > 0.0) == positive { g } else { leak * g })
                    .sum();
            }
            panel.write(first, &direction[..count]);
        }
        self.draws.advance();
        Weights::new(&[1.0; MAX_TASKS][..losses.len()])
    }

    fn save(&self) -> Vec<f64> {
        Vec::from([self.draws.save()])
    }

    fn kept(&self) -> &'static [Kept] {
        &[Kept::Common(1)]
    }

    fn restore(&mut self, state: &[f64]) -> Result<()> {
        self.draws.restore(Saved::new(state, 1)?.count()?);
        Ok(())
    }
}
