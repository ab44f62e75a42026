//! How well scenes are told and their objects are found, and what that takes.

use super::{Outcome, answers, share};
use tress::mtl::detect::{Detection, Grid, count, suppress};
use tress::nn::metric::BoxPrecision;
use tress::prelude::*;
use tress_cli::data::{Scenes, scenes::CLASSES};
use tress_cli::systems::Run;

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

/// Leaves pictures of the first eight scenes, with what was found in them with a score above 0.3.
pub fn keep(run: &Run<'_>, scenes: &Scenes, found: Vec<Vec<Detection>>) -> Outcome<()> {
    for (scene, mut found) in found.into_iter().enumerate().take(8) {
        found.retain(|found| found.score > 0.3);
        run.keep(&format!("seed{}-scene{scene}.png", run.seed), &scenes.picture(scene, &found)?)?;
    }
    Ok(())
}

/// The number of parameters of the trunk and of the heads that are used, main object and boxes.
pub fn size(params: &Params, tasks: [bool; 2]) -> Outcome<f64> {
    let mut size = 0;
    for (scope, used) in [("trunk", true), ("main", tasks[0]), ("boxes", tasks[1])] {
        let parts = if used { params.ranges_of(scope)? } else { Vec::new() };
        size += parts.iter().map(|part| part.len()).sum::<usize>();
    }
    Ok(size as f64)
}

/// The lower quartile of times: others use the machine as well, and the mean would be theirs. NaN of none.
pub fn quartile(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 4).copied().unwrap_or(f64::NAN)
}
