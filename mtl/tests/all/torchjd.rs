//! Directions and weights against other programs: exact rational arithmetic, and torchjd where it is right.
//!
//! `tests/fixtures/make_mtl.py` made both files, and says on which cases and methods torchjd is not right.

use crate::fixture::Fixture;
use crate::rows::{Jacobian, apart, direction, norm};
use tress_mtl::balance::gradient::Level;
use tress_mtl::balance::{
    AlignedMtl, ConFig, DualProj, FairGrad, GradVac, ImtlG, MoDo, Observation, SdmGrad, UpGrad, Weighting,
};
use tress_mtl::solve::CrossGramian;

fn jacobian(all: &Fixture, name: &str) -> Jacobian {
    let block = all.tensor::<f64>(name);
    (0..block.shape()[0]).map(|k| block.at(0, k).unwrap().to_vec()).collect()
}

#[test]
fn projections_on_the_dual_cone_are_the_exact_ones() {
    let all = Fixture::read("mtl");
    for case in all.cases() {
        let rows = jacobian(&all, &format!("{case}.jacobian"));
        let losses = vec![1.0; rows.len()];
        let longest = rows.iter().map(|row| norm(row)).fold(0.0, f64::max);
        for (name, method) in [("upgrad", &mut UpGrad as &mut dyn Weighting), ("dualproj", &mut DualProj)] {
            let expected = all.tensor::<f64>(&format!("{case}.{name}")).to_vec();
            let found = direction(method, &losses, &rows).unwrap().0;
            let far = found.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(far <= 1e-12 * longest, "{case}: {name} is {far:e} off, of rows up to {longest:e}");
        }
    }
    assert_eq!(all.cases().len(), 13);
}

#[test]
fn directions_are_those_of_torchjd() {
    let all = Fixture::read("torchjd");
    let cases: Vec<&str> = all.cases().into_iter().filter(|&case| case != "steps").collect();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let rows = jacobian(&all, &format!("{case}.jacobian"));
        let check = |name: &str, method: &mut dyn Weighting, tolerance: f64| {
            let expected = all.tensor::<f64>(&format!("{case}.{name}")).to_vec();
            let found = direction(method, &vec![1.0; rows.len()], &rows).unwrap().0;
            let gap = apart(&found, &expected);
            assert!(gap < tolerance, "{case}: {name} differs by {gap:e}: {found:?} for {expected:?}");
        };
        check("aligned_min", &mut AlignedMtl::mean(), 1e-11);
        check("aligned_median", &mut AlignedMtl::mean().level(Level::Median), 1e-11);
        check("aligned_rmse", &mut AlignedMtl::mean().level(Level::MeanSquare), 1e-11);
        check("imtl_g", &mut ImtlG, 1e-11);
        check("config", &mut ConFig, 1e-11);
        check("fairgrad_1", &mut FairGrad::new(1.0).unwrap(), 1e-4);
        check("fairgrad_2", &mut FairGrad::new(2.0).unwrap(), 1e-4);
    }
}

#[test]
fn steps_are_those_of_torchjd() {
    let all = Fixture::read("torchjd");
    let (left, right) = (all.tensor::<f64>("steps.left"), all.tensor::<f64>("steps.right"));
    let [steps, tasks] = [left.shape()[0], left.shape()[1]];
    let mut vaccine = GradVac::new(2, 0.5, 1).unwrap();
    let mut modo = MoDo::new(tasks).unwrap().rate(0.1, 0.1).unwrap();
    let mut sdm = SdmGrad::new(tasks).unwrap().descent(20, 0.5, 0.5).unwrap();
    let step_of =
        |name: &str, t: usize| all.tensor::<f64>(&format!("steps.{name}")).at(0, t).unwrap().to_vec();
    for t in 0..steps {
        let (a, b) = (left.at(0, t).unwrap(), right.at(0, t).unwrap());
        let pair: Jacobian = (0..2).map(|k| a.at(0, k).unwrap().to_vec()).collect();
        let found = direction(&mut vaccine, &[1.0, 1.0], &pair).unwrap().0;
        assert!(apart(&found, &step_of("gradvac", t)) < 1e-9, "GradVac at step {t}");

        let products = CrossGramian::between(tasks, &a.to_vec(), &b.to_vec()).unwrap();
        modo.observe(Observation::Products(&products)).unwrap();
        sdm.observe(Observation::Products(&products)).unwrap();
        let losses = vec![1.0; tasks];
        assert!(
            apart(&modo.weights(&losses, None).unwrap(), &step_of("modo", t)) < 1e-10,
            "MoDo at step {t}"
        );
        // There the weights are divided by 1 + λ, and 1e-8 is added to the scale.
        let found: Vec<f64> = sdm.weights(&losses, None).unwrap().iter().map(|w| w / 1.3).collect();
        assert!(apart(&found, &step_of("sdmgrad", t)) < 1e-6, "SDMGrad at step {t}");
    }
}
