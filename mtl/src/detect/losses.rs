//! What a detection head is trained with: three losses.

use tress_autograd::op::Index;
use tress_autograd::{Arrange, Fused, Pointwise, Value};
use tress_nn::cross_entropy;
use tress_nn::loss::{BinaryCrossEntropy, Iou, Loss, Over};
use tress_tensor::Tensor;

use super::{Assigned, Grid};

/// The losses of a batch of pictures, each a single number.
#[derive(Clone, Debug)]
pub struct DetectionLosses<V> {
    /// Binary cross entropy of objectness, summed over all cells and divided by the number of objects: most cells have
    /// none, and a mean over cells would drown the others.
    pub objectness: V,
    /// The mean of one minus the generalised overlap of boxes, of the cells that answer for an object.
    pub boxes: V,
    /// The mean cross entropy of the class, of the same cells.
    pub classes: V,
}

impl<V: Value> DetectionLosses<V> {
    /// Their sum, with the boxes counting twice.
    #[track_caller]
    pub fn sum(&self) -> V {
        self.objectness.clone() + self.boxes.scale(2.0) + self.classes.clone()
    }
}

impl Grid {
    /// The losses of an output `[N, 5 + classes, rows, columns]`. Pictures without any object have an objectness loss
    /// alone; the others are then 0.
    ///
    /// An output of another shape makes a mistake in the values.
    #[track_caller]
    pub fn losses<V: Value>(&self, output: &V, assigned: &Assigned<V::Elem>) -> DetectionLosses<V> {
        let rows = self.rows_of(output);
        let cells = rows.shape().first().copied().unwrap_or(0);
        let logits = rows.slice(1, 0..1).reshape([cells]);
        let truth = output.lift(assigned.objectness.clone());
        let all = BinaryCrossEntropy::new().over(&logits, &truth, &Over::sum());
        let objectness = all.scale(1.0 / assigned.objects().max(1) as f64);
        if assigned.objects() == 0 {
            let nothing = objectness.constant(0.0);
            return DetectionLosses { objectness, boxes: nothing.clone(), classes: nothing };
        }
        let answering = rows.gather(0, &Index::new(&Tensor::vector(&assigned.cells)));
        let found = self.boxes(&answering.slice(1, 1..5), &output.lift(assigned.places.clone()));
        let boxes = Iou::generalised().loss(&found, &output.lift(assigned.corners.clone()));
        let classes = cross_entropy(&answering.slice(1, 5..self.outputs()), &assigned.classes);
        DetectionLosses { objectness, boxes, classes }
    }
}
