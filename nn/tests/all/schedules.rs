//! Schedules of rates, and plateaus, against PyTorch's numbers.

use crate::fixture::Fixture;
use tress_nn::Schedule;
use tress_nn::optim::Plateau;

#[test]
fn cosines_are_those_of_pytorch() {
    let all = Fixture::read("optimisers");
    for name in ["cosine", "cosine_floor"] {
        let options = all.tensor::<f64>(&format!("{name}.options")).to_vec();
        let schedule = Schedule::cosine(options[0], options[1], options[2] as u64).unwrap();
        for (epoch, rate) in all.tensor::<f64>(&format!("{name}.rates")).to_vec().into_iter().enumerate() {
            assert!((schedule.rate(epoch as u64) - rate).abs() < 1e-15, "{name}, epoch {epoch}");
        }
        assert_eq!(schedule.rate(1_000_000), options[1], "the lowest rate stays");
    }
}

#[test]
fn schedules_warm_up_and_step_down() {
    let schedule = Schedule::cosine(1.0, 0.1, 10).unwrap();
    let late = schedule.clone().after_warm_up(4);
    let rising: Vec<f64> = (0..4).map(|step| late.rate(step)).collect();
    assert_eq!(rising, [0.25, 0.5, 0.75, 1.0]);
    assert!((0..20).all(|step| late.rate(step + 4) == schedule.rate(step)));
    let steps = Schedule::steps(1.0, 0.5, 3).unwrap();
    let rates: Vec<f64> = (0..7).map(|step| steps.rate(step)).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    assert_eq!(Schedule::constant(0.3).rate(12), 0.3);
    assert!(Schedule::cosine(1.0, 0.0, 0).is_err() && Schedule::steps(1.0, 0.5, 0).is_err());
}

#[test]
fn schedules_are_those_of_pytorch() {
    let all = Fixture::read("more_optimisers");
    let linear = || Schedule::linear(0.025, 0.1, 5).unwrap();
    for (name, schedule) in [
        ("step", Schedule::steps(0.1, 0.5, 3).unwrap()),
        ("milestones", Schedule::milestones(0.1, 0.1, &[2, 3, 7]).unwrap()),
        ("exponential", Schedule::exponential(0.1, 0.9)),
        ("linear", linear()),
        ("one_cycle", Schedule::one_cycle(0.5, 20).unwrap()),
        ("one_cycle_other", Schedule::one_cycle_with(0.5, 17, 0.45, 10.0, 100.0).unwrap()),
        ("sequential", linear().then(5, Schedule::cosine(0.1, 0.0, 10).unwrap())),
        ("chained", linear().times(Schedule::exponential(1.0, 0.9))),
    ] {
        for (step, rate) in all.tensor::<f64>(&format!("{name}.rates")).to_vec().into_iter().enumerate() {
            let found = schedule.rate(step as u64);
            assert!((found - rate).abs() < 1e-14, "{name}, step {step}: {found} for {rate}");
        }
        assert!(schedule.rate(u64::MAX).is_finite(), "{name}");
    }
    assert!(
        Schedule::one_cycle(0.1, 3).is_err() && Schedule::one_cycle_with(0.1, 20, 1.0, 2.0, 2.0).is_err()
    );
    assert!(Schedule::one_cycle_with(0.1, 20, 1.5, 2.0, 2.0).is_err());
    assert!(Schedule::one_cycle_with(0.1, 20, 0.5, 0.0, 2.0).is_err());
    assert!(Schedule::milestones(0.1, 0.1, &[2, 2]).is_err() && Schedule::linear(0.0, 1.0, 0).is_err());
}

#[test]
fn plateaus_are_those_of_pytorch() {
    let all = Fixture::read("more_optimisers");
    let observed = all.tensor::<f64>("plateau.observed").to_vec();
    let half = || Plateau::new(0.1).factor(0.5).unwrap();
    for (name, mut plateau) in [
        ("relative", half().patience(2)),
        ("absolute", half().patience(1).absolute(0.06).cooldown(2)),
        ("rising", Plateau::new(0.1).rising().patience(3).relative(0.01).lowest(0.005)),
    ] {
        let rates = all.tensor::<f64>(&format!("plateau.{name}")).to_vec();
        for (i, (&value, rate)) in observed.iter().zip(rates).enumerate() {
            assert!((plateau.observe(value) - rate).abs() < 1e-15, "{name}, {i}: {}", plateau.rate());
            let mut restored = half();
            restored.restore::<f32>(&plateau.state()).unwrap();
            assert_eq!(restored.state::<f32>(), plateau.state());
        }
    }
    let mut plateau = half().patience(0);
    assert_eq!((plateau.observe(f64::NAN), plateau.best()), (0.05, None));
    assert!(Plateau::new(0.1).factor(1.0).is_err() && Plateau::new(0.1).factor(0.0).is_err());
}
