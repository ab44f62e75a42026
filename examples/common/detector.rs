//! How well scenes are told and their objects are found.

use super::{Outcome, answers, share};
use tress::mtl::detect::{Detection, Grid, count, suppress};
use tress::nn::metric::BoxPrecision;
use tress::prelude::*;
use tress_cli::data::{Scenes, scenes::CLASSES};

/// The share of main objects that were told right, mAP at 0.5 and from 0.5 to 0.95, and what was found in each scene. `outputs`
/// gives what the two heads say of pictures; what a network has no head for is NaN.
pub fn judge(
    scenes: &Scenes,
    grid: &Grid,
    outputs: impl Fn(&Eager) -> [Option<Eager>; 2],
) -> Outcome<([f64; 3], Vec<Vec<Detection>>)> {
    let mut precision = BoxPrecision::new(CLASSES)?;
    let (mut said, mut all_found) = (Vec::new(), Vec::new());
    for batch in Batches::new(scenes.len(), 100)?.iter() {
        let [main, boxes] = outputs(&Eager::new(scenes.images(batch)?));
        if let Some(main) = main {
            said.extend(answers(main.tensor()?));
        }
        if let Some(boxes) = boxes {
            for (&scene, found) in batch.iter().zip(grid.detect(boxes.tensor()?, 0.02)?) {
                let found = suppress(found, 0.5);
                count(&mut precision, &found, &scenes.objects[scene])?;
                all_found.push(found);
            }
        }
    }
    let right = |i: usize| said.get(i) == Some(&scenes.objects[i][0].class);
    let main = if said.is_empty() { f64::NAN } else { share(scenes.len(), right) };
    let boxes = precision.at_half().zip(precision.value()).filter(|_| !all_found.is_empty());
    let (half, all) = boxes.unwrap_or((f64::NAN, f64::NAN));
    Ok(([main, half, all], all_found))
}
