//! Detection of objects on a grid: where they are, and what.
//!
//! The head gives `5 + classes` numbers for each cell of a grid: whether the centre of an object lies in the cell, where
//! in it, how large the object is, and its class. There are no anchors: a cell has one object or none. What the parts are:
//!
//! * [`Grid`] says what the numbers of a cell mean: it [assigns](Grid::assign) objects to cells, gives the
//!   [losses](Grid::losses), three of them, and [reads](Grid::detect) detections off an output;
//! * [`suppress`] keeps the best of several detections of one object (non-maximum suppression);
//! * [`count`] hands them to [`BoxPrecision`](tress_nn::metric::BoxPrecision), mean average precision.
//!
//! The three losses are tasks, and so is any other head on the same trunk: they can be added up or
//! [balanced](crate::balance).
//!
//! ```
//! use tress_mtl::detect::{Grid, Object, suppress};
//! use tress_nn::Conv2d;
//! use tress_nn::Params;
//!
//! let grid = Grid::new([8, 8], 8.0, 20)?; // pictures of 64x64 pixels
//! let mut params = Params::<f32>::new(1);
//! let head = Conv2d::new(&mut params.scope("detection"), 32, grid.outputs(), [1, 1])?;
//!
//! // What an ideal head says of one object is read back as that object.
//! let object = Object { corners: [10.0, 20.0, 24.0, 41.0], class: 7 };
//! let ideal = grid.ideal::<f32>(&[vec![object]])?;
//! let found = suppress(grid.detect(&ideal, 0.5)?.remove(0), 0.5);
//! assert_eq!((found.len(), found[0].class), (1, 7));
//! assert!(found[0].corners.iter().zip(object.corners).all(|(a, b)| (a - b).abs() < 0.01));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boxes;
mod grid;
mod losses;

pub use boxes::{Detection, Object, count, overlap, suppress};
pub use grid::{Assigned, Grid};
pub use losses::DetectionLosses;
