//! The K task gradients as a panel of rows, read and answered in blocks, whatever the type of their numbers.

use tress_tensor::Float;

use crate::error::{Result, check_length, check_tasks};
use crate::solve::{Gramian, MAX_TASKS};

/// How many parameters are worked on at once: K blocks of this length stay in the first cache.
pub(crate) const BLOCK: usize = 64;

/// A Jacobian `[K, P]` to read, and a direction of length P to write, both in blocks of `f64`.
///
/// It is what a method with [`Needs::Jacobian`](super::Needs::Jacobian) is given: such a method does not have to know in
/// which precision the network computes, and rows that are made layer by layer can be a panel as well.
pub trait Panel {
    /// The number of tasks K.
    fn tasks(&self) -> usize;

    /// The number of parameters P.
    fn width(&self) -> usize;

    /// Reads `values.len()` numbers of a task's gradient, from parameter `first` on.
    fn read(&self, task: usize, first: usize, values: &mut [f64]);

    /// Writes a part of the direction, from parameter `first` on.
    fn write(&mut self, first: usize, values: &[f64]);

    /// Reads back a part of the direction.
    fn written(&self, first: usize, values: &mut [f64]);

    /// The Gramian of the rows.
    ///
    /// # Errors
    /// When the number of tasks is not in `1..=32` or a product is not finite.
    fn gramian(&self) -> Result<Gramian> {
        self.gramian_in(0, self.width())
    }

    /// The Gramian of a part of the rows: `width` parameters from `first` on, summed in their order.
    ///
    /// # Errors
    /// As for [`gramian`](Panel::gramian).
    fn gramian_in(&self, first: usize, width: usize) -> Result<Gramian> {
        check_tasks(self.tasks())?;
        let tasks = self.tasks();
        let mut products = [0.0; MAX_TASKS * MAX_TASKS];
        let mut rows = [[0.0; BLOCK]; MAX_TASKS];
        for start in (0..width).step_by(BLOCK) {
            let count = BLOCK.min(width - start);
            for (task, row) in rows[..tasks].iter_mut().enumerate() {
                self.read(task, first + start, &mut row[..count]);
            }
            for i in 0..tasks {
                for j in 0..=i {
                    let product: f64 = rows[i][..count].iter().zip(&rows[j]).map(|(a, b)| a * b).sum();
                    products[i * tasks + j] += product;
                }
            }
        }
        for i in 0..tasks {
            for j in 0..i {
                products[j * tasks + i] = products[i * tasks + j];
            }
        }
        Gramian::new(tasks, &products[..tasks * tasks])
    }

    /// Writes `Jᵀ w`, each element summed in the order of the tasks.
    ///
    /// # Errors
    /// When there are not K weights.
    fn combine(&mut self, weights: &[f64]) -> Result<()> {
        self.combine_in(0, self.width(), weights)
    }

    /// Writes `width` elements of `Jᵀ w` from parameter `first` on.
    ///
    /// # Errors
    /// When there are not K weights.
    fn combine_in(&mut self, first: usize, width: usize, weights: &[f64]) -> Result<()> {
        check_length("weights", self.tasks(), weights.len())?;
        let mut row = [0.0; BLOCK];
        for start in (0..width).step_by(BLOCK) {
            let count = BLOCK.min(width - start);
            let mut sum = [0.0; BLOCK];
            for (task, weight) in weights.iter().enumerate() {
                self.read(task, first + start, &mut row[..count]);
                sum.iter_mut().zip(&row[..count]).for_each(|(s, g)| *s += weight * g);
            }
            self.write(first + start, &sum[..count]);
        }
        Ok(())
    }
}

/// A panel over slices: K rows of P numbers one after the other, and P numbers for the direction.
#[derive(Debug)]
pub struct Rows<'a, T> {
    tasks: usize,
    jacobian: &'a [T],
    direction: &'a mut [T],
}

impl<'a, T: Float> Rows<'a, T> {
    /// Takes the slices together.
    ///
    /// # Errors
    /// When `tasks` is not in `1..=32`, or the Jacobian has not `tasks` times as many numbers as the direction.
    pub fn new(tasks: usize, jacobian: &'a [T], direction: &'a mut [T]) -> Result<Self> {
        check_tasks(tasks)?;
        check_length("Jacobian", tasks * direction.len(), jacobian.len())?;
        Ok(Self { tasks, jacobian, direction })
    }
}

impl<T: Float> Panel for Rows<'_, T> {
    fn tasks(&self) -> usize {
        self.tasks
    }

    fn width(&self) -> usize {
        self.direction.len()
    }

    fn read(&self, task: usize, first: usize, values: &mut [f64]) {
        let row = &self.jacobian[task * self.direction.len() + first..][..values.len()];
        values.iter_mut().zip(row).for_each(|(value, g)| *value = g.to_f64());
    }

    fn write(&mut self, first: usize, values: &[f64]) {
        let place = &mut self.direction[first..][..values.len()];
        place.iter_mut().zip(values).for_each(|(place, &value)| *place = T::from_f64(value));
    }

    fn written(&self, first: usize, values: &mut [f64]) {
        let place = &self.direction[first..][..values.len()];
        values.iter_mut().zip(place).for_each(|(value, place)| *value = place.to_f64());
    }

    fn gramian(&self) -> Result<Gramian> {
        Gramian::from_rows(self.tasks, self.jacobian)
    }

    fn combine(&mut self, weights: &[f64]) -> Result<()> {
        combine(weights, self.jacobian, self.direction)
    }
}

/// The parameters from `first` on of another panel, `width` of them, and their Gramian: it is known already, and the
/// method that works on the part is not made to form it again.
pub(crate) struct Part<'a> {
    pub(crate) whole: &'a mut dyn Panel,
    pub(crate) first: usize,
    pub(crate) width: usize,
    pub(crate) gramian: &'a Gramian,
}

impl Panel for Part<'_> {
    fn tasks(&self) -> usize {
        self.whole.tasks()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, task: usize, first: usize, values: &mut [f64]) {
        self.whole.read(task, self.first + first, values);
    }

    fn write(&mut self, first: usize, values: &[f64]) {
        self.whole.write(self.first + first, values);
    }

    fn written(&self, first: usize, values: &mut [f64]) {
        self.whole.written(self.first + first, values);
    }

    fn gramian(&self) -> Result<Gramian> {
        Ok(self.gramian.clone())
    }

    fn gramian_in(&self, first: usize, width: usize) -> Result<Gramian> {
        self.whole.gramian_in(self.first + first, width)
    }

    fn combine_in(&mut self, first: usize, width: usize, weights: &[f64]) -> Result<()> {
        self.whole.combine_in(self.first + first, width, weights)
    }
}

/// Writes `Jᵀ w` over `direction`: the rows of the Jacobian `[K, P]` summed with K weights, each element in `f64` and
/// in the order of the tasks, then rounded once.
///
/// # Errors
/// When the lengths do not agree.
pub fn combine<T: Float>(weights: &[f64], jacobian: &[T], direction: &mut [T]) -> Result<()> {
    let width = direction.len();
    check_length("Jacobian", weights.len() * width, jacobian.len())?;
    for (p, element) in direction.iter_mut().enumerate() {
        let rows = jacobian.iter().skip(p).step_by(width);
        *element = T::from_f64(weights.iter().zip(rows).map(|(w, &g)| w * g.to_f64()).sum());
    }
    Ok(())
}
