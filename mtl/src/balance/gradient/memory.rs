//! K rows of P numbers that a method keeps from step to step.

use alloc::vec;
use alloc::vec::Vec;

use crate::balance::Panel;
use crate::error::{Error, Result, check_length, check_tasks};

/// A state as large as the Jacobian, in `f64`; empty before the first step, when the number of parameters is learned. That
/// number is the same in all steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    width: usize,
    rows: Vec<f64>,
}

impl Memory {
    /// Checks that a panel has the shape of the first one.
    pub(super) fn check(&self, tasks: usize, panel: &dyn Panel) -> Result<()> {
        check_tasks(tasks)?;
        check_length("losses", panel.tasks(), tasks)?;
        if self.rows.is_empty() {
            return Ok(());
        }
        check_length("tasks", self.rows.len() / self.width, tasks)?;
        if self.width == panel.width() {
            return Ok(());
        }
        Err(Error::GradientWidth { expected: self.width, found: panel.width() })
    }

    /// Takes the shape of the first panel, with zeros.
    pub(super) fn grow(&mut self, panel: &dyn Panel) {
        if self.rows.is_empty() {
            self.width = panel.width();
            self.rows = vec![0.0; panel.tasks() * panel.width()];
        }
    }

    /// The number `p` of a task's row; zero before the first step.
    pub(super) fn at(&self, task: usize, p: usize) -> f64 {
        if self.rows.is_empty() { 0.0 } else { self.rows[task * self.width + p] }
    }

    /// A part of a task's row.
    pub(super) fn part(&mut self, task: usize, first: usize, count: usize) -> &mut [f64] {
        &mut self.rows[task * self.width + first..][..count]
    }

    pub(super) fn save(&self, state: &mut Vec<f64>) {
        state.extend_from_slice(&self.rows);
    }

    /// The memory whose rows were saved, for K tasks.
    pub(super) fn restored(tasks: usize, rows: &[f64]) -> Result<Self> {
        if !rows.len().is_multiple_of(tasks) {
            return Err(Error::State { what: "its rows are not of one length" });
        }
        Ok(Self { width: rows.len() / tasks, rows: rows.to_vec() })
    }
}
