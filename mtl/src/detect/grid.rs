//! The grid: which cell answers for an object, and what its numbers mean.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tress_autograd::{Arrange, Eager, Fused, Pointwise, Value};
use tress_nn::Labels;
use tress_tensor::{Float, Tensor};

use super::{Detection, Object};
use crate::error::{Error, Result};

/// A grid of cells over pictures of one size, for an output `[N, 5 + classes, rows, columns]`.
///
/// With the numbers `o, a, b, c, d` and the logits of the classes at row `r` and column `s`, and cells of `stride` pixels:
///
/// ```text
/// objectness  sigmoid(o)
/// centre      x = (s + sigmoid(a)) stride,  y = (r + sigmoid(b)) stride
/// size        width = softplus(c) stride,   height = softplus(d) stride
/// score       objectness * softmax(classes)
/// ```
///
/// The cell answers for an object whose centre lies in it, as in J. Redmon et al., "You only look once", CVPR 2016, section
/// 2; sizes come without anchors, as in Z. Tian et al., "FCOS: fully convolutional one-stage object detection", ICCV 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    rows: usize,
    columns: usize,
    stride: f64,
    classes: usize,
}

/// The objects of a batch, assigned to cells. Cells are numbered picture by picture, row by row.
#[derive(Clone, Debug)]
pub struct Assigned<T: Float = f32> {
    /// `[N * rows * columns]`: 1 where a cell answers for an object.
    pub(super) objectness: Tensor<T>,
    /// The cells that answer, rising: M of them.
    pub(super) cells: Vec<u32>,
    /// Column and row of these cells, `[M, 2]`.
    pub(super) places: Tensor<T>,
    /// The corners of their objects, `[M, 4]`.
    pub(super) corners: Tensor<T>,
    /// The classes of their objects.
    pub(super) classes: Labels,
    lost: usize,
}

impl<T: Float> Assigned<T> {
    /// How many objects have a cell.
    pub fn objects(&self) -> usize {
        self.cells.len()
    }

    /// How many have none, because a larger one has its centre in the same cell: a finer grid would hold them.
    pub fn lost(&self) -> usize {
        self.lost
    }
}

impl Grid {
    /// A grid of rows and columns whose cells are squares of `stride` pixels.
    ///
    /// # Errors
    /// No rows, columns or classes, or a stride that is not finite and above zero.
    pub fn new([rows, columns]: [usize; 2], stride: f64, classes: usize) -> Result<Self> {
        match rows > 0 && columns > 0 && classes > 0 && stride.is_finite() && stride > 0.0 {
            true => Ok(Self { rows, columns, stride, classes }),
            false => Err(Error::Setting { what: "a grid has rows, columns, classes and a stride above 0" }),
        }
    }

    /// How many numbers a cell has: the outputs of the head.
    pub fn outputs(&self) -> usize {
        5 + self.classes
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The pixels of a cell, along each axis.
    pub fn stride(&self) -> f64 {
        self.stride
    }

    pub(super) fn cells(&self) -> usize {
        self.rows * self.columns
    }

    /// Which cells answer for the objects of each picture.
    ///
    /// # Errors
    /// [`Error::Object`] for a class that is none, a box that is empty or not finite, or one whose centre lies outside of the grid.
    pub fn assign<T: Float>(&self, pictures: &[Vec<Object>]) -> Result<Assigned<T>> {
        let mut chosen: Vec<Option<&Object>> = alloc::vec![None; pictures.len() * self.cells()];
        let mut lost = 0;
        for (picture, objects) in pictures.iter().enumerate() {
            for (number, object) in objects.iter().enumerate() {
                let wrong = |why: String| Error::Object { picture, object: number, why };
                let [x1, y1, x2, y2] = object.corners;
                if !(object.corners.iter().all(|c| c.is_finite()) && x1 < x2 && y1 < y2) {
                    let corners = object.corners;
                    return Err(wrong(format!(
                        "has the corners {corners:?}; they are x1, y1, x2, y2 in pixels, with x1 < x2 and y1 < y2, and \
                         finite"
                    )));
                }
                if object.class as usize >= self.classes {
                    let (class, last) = (object.class, self.classes - 1);
                    return Err(wrong(format!("is of class {class}; those of this grid are 0 to {last}")));
                }
                let place = |low: f64, high: f64, cells: usize| {
                    let place = libm::floor((low + high) / 2.0 / self.stride);
                    (place >= 0.0 && place < cells as f64).then_some(place as usize)
                };
                let cell = place(y1, y2, self.rows).zip(place(x1, x2, self.columns));
                let Some((row, column)) = cell else {
                    let [x, y] = [(x1 + x2) / 2.0, (y1 + y2) / 2.0];
                    let [width, height] = [self.columns, self.rows].map(|cells| cells as f64 * self.stride);
                    return Err(wrong(format!(
                        "has its centre at x = {x}, y = {y}, outside of the grid of {width} x {height} pixels; cut the box \
                         off at the edge, or leave the object out"
                    )));
                };
                let area = |o: &Object| (o.corners[2] - o.corners[0]) * (o.corners[3] - o.corners[1]);
                let slot = &mut chosen[(picture * self.rows + row) * self.columns + column];
                lost += usize::from(slot.is_some());
                if slot.is_none_or(|other| area(other) < area(object)) {
                    *slot = Some(object);
                }
            }
        }
        let there: Vec<(usize, &Object)> =
            chosen.iter().enumerate().filter_map(|(cell, object)| Some((cell, (*object)?))).collect();
        let objectness: Vec<T> =
            chosen.iter().map(|object| if object.is_some() { T::ONE } else { T::ZERO }).collect();
        let count = there.len();
        let place = |cell: usize| [cell % self.columns, cell / self.columns % self.rows];
        let cells = there.iter().map(|&(cell, _)| u32::try_from(cell));
        let cells: core::result::Result<Vec<u32>, _> = cells.collect();
        Ok(Assigned {
            objectness: Tensor::new([chosen.len()], &objectness)?,
            cells: cells.map_err(|_| Error::Setting { what: "cells of a batch are below 2^32" })?,
            places: Tensor::from_fn([count, 2], |i| T::from_f64(place(there[i[0]].0)[i[1]] as f64))?,
            corners: Tensor::from_fn([count, 4], |i| T::from_f64(there[i[0]].1.corners[i[1]]))?,
            classes: Labels::new(there.iter().map(|(_, object)| object.class), self.classes)?,
            lost,
        })
    }

    /// What the boxes `[M, 4]` of cells are: from their numbers `a, b, c, d`, `[M, 4]`, and places (column and row) `[M, 2]`.
    #[track_caller]
    pub(super) fn boxes<V: Value>(&self, numbers: &V, places: &V) -> V {
        let centres = (numbers.slice(1, 0..2).sigmoid() + places.clone()).scale(self.stride);
        let halves = numbers.slice(1, 2..4).softplus().scale(self.stride / 2.0);
        (centres.clone() - halves.clone()).concat(1, &[centres + halves])
    }

    /// An output `[N, 5 + classes, rows, columns]` as one row a cell, `[N * rows * columns, 5 + classes]`.
    #[track_caller]
    pub(super) fn rows_of<V: Value>(&self, output: &V) -> V {
        let shape = output.shape();
        let fits =
            matches!(shape[..], [_, c, h, w] if [c, h, w] == [self.outputs(), self.rows, self.columns]);
        if !fits {
            let why = "a grid wants an output of [N, 5 + classes, rows, columns]";
            return output.fail(tress_tensor::Error::Unfit { op: "grid", shape, why });
        }
        output.permute(&[0, 2, 3, 1]).reshape([shape[0] * self.cells(), self.outputs()])
    }

    /// The detections of each picture whose score is `least` or more: one a cell at most, with its likeliest class; not yet
    /// [suppressed](super::suppress).
    ///
    /// # Errors
    /// An output of another shape, or one that is not finite.
    pub fn detect<T: Float>(&self, output: &Tensor<T>, least: f64) -> Result<Vec<Vec<Detection>>> {
        let rows = self.rows_of(&Eager::new(output.clone()));
        let count = rows.shape().first().copied().unwrap_or(0);
        let place = |cell: usize| [cell % self.columns, cell / self.columns % self.rows];
        let places = Tensor::from_fn([count, 2], |i| T::from_f64(place(i[0])[i[1]] as f64))?;
        let boxes = self.boxes(&rows.slice(1, 1..5), &rows.lift(places)).tensor()?.to_vec();
        let objectness = rows.slice(1, 0..1).sigmoid().tensor()?.to_vec();
        let classes = rows.slice(1, 5..self.outputs()).softmax().tensor()?.to_vec();
        let mut pictures: Vec<Vec<Detection>> = alloc::vec![Vec::new(); count / self.cells()];
        for cell in 0..count {
            let likely = classes[cell * self.classes..][..self.classes].iter().map(|p| p.to_f64());
            let (class, p) =
                (0u32..).zip(likely).fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
            let score = objectness[cell].to_f64() * p;
            let corners = [0, 1, 2, 3].map(|i| boxes[cell * 4 + i].to_f64());
            if !(score.is_finite() && corners.iter().all(|c| c.is_finite())) {
                return Err(Error::NotFinite { what: "the output of a detection head", index: cell });
            }
            if score >= least {
                pictures[cell / self.cells()].push(Detection { corners, class, score });
            }
        }
        Ok(pictures)
    }

    /// The output of a head that knows the truth: read back, it gives the objects. For tests, and to see what the grid can
    /// hold at best.
    ///
    /// # Errors
    /// As [`assign`](Grid::assign).
    pub fn ideal<T: Float>(&self, pictures: &[Vec<Object>]) -> Result<Tensor<T>> {
        /// A logit of near certainty.
        const SURE: f64 = 12.0;
        let assigned = self.assign::<T>(pictures)?;
        let shape = [pictures.len(), self.outputs(), self.rows, self.columns];
        let mut output = Tensor::zeros(shape)?;
        let numbers = output.make_mut();
        let (places, corners) = (assigned.places.to_vec(), assigned.corners.to_vec());
        let at = |cell: usize, channel: usize| {
            (cell / self.cells() * self.outputs() + channel) * self.cells() + cell % self.cells()
        };
        (0..pictures.len() * self.cells()).for_each(|cell| numbers[at(cell, 0)] = T::from_f64(-SURE));
        for (i, &cell) in assigned.cells.iter().enumerate() {
            let cell = cell as usize;
            numbers[at(cell, 0)] = T::from_f64(SURE);
            numbers[at(cell, 5 + assigned.classes.as_slice()[i] as usize)] = T::from_f64(SURE);
            for axis in 0..2 {
                let [low, high] = [0, 2].map(|end| corners[i * 4 + axis + end].to_f64() / self.stride);
                let within = ((low + high) / 2.0 - places[i * 2 + axis].to_f64()).clamp(1e-6, 1.0 - 1e-6);
                numbers[at(cell, 1 + axis)] = T::from_f64(libm::log(within / (1.0 - within)));
                // The inverse of softplus.
                numbers[at(cell, 3 + axis)] = T::from_f64(libm::log(libm::expm1(high - low)));
            }
        }
        Ok(output)
    }
}
