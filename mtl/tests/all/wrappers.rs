//! Methods around another: one for each group of parameters, and directions of a length that is asked for.

use crate::gradient_methods::{LOSSES, of};
use crate::rows::{Draw, apart, assert_close, direction, norm, times, weights};
use tress_mtl::balance::{
    AutoLambda, Balance, Equal, FairGrad, GradDrop, GradVac, Heads, Method, Mgda, MoCo, NashMtl, Needs,
    Observation, Panel, PcGrad, PerGroup, Rescaled, Rows, Scale, Weighting, Weights,
};
use tress_mtl::solve::Gramian;

#[test]
fn groups_are_balanced_each_by_itself() {
    let mut draw = Draw::new(310);
    let rows = draw.rows(3, 10);
    let mut method = PerGroup::new(&[4, 10], |_| Mgda).unwrap();
    let (d, w) = direction(&mut method, &LOSSES[..3], &rows).unwrap();
    let part = |from: usize, to: usize| rows.iter().map(|row| row[from..to].to_vec()).collect::<Vec<_>>();
    let (left, right) = (of(&mut Mgda, &part(0, 4)), of(&mut Mgda, &part(4, 10)));
    assert_close(&d, &[left, right].concat(), 1e-14, "direction");
    assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    // Each group has its own targets.
    let mut vaccines = PerGroup::new(&[4, 10], |group| GradVac::new(3, 0.5, group as u64).unwrap()).unwrap();
    of(&mut vaccines, &rows);
    assert_ne!(vaccines.methods()[0].target(0, 1), vaccines.methods()[1].target(0, 1));
    assert!(PerGroup::new(&[4, 4], |_| Mgda).is_err() && PerGroup::new(&[], |_| Mgda).is_err());
    assert!(PerGroup::new(&[4], |_| Equal::sum()).is_err());
    assert!(direction(&mut method, &LOSSES[..3], &draw.rows(3, 11)).is_err());
    let mut averages = PerGroup::new(&[4, 10], |_| MoCo::new(3).unwrap()).unwrap();
    let (before, mut bad) = (averages.clone(), rows.clone());
    bad[0][9] = f64::NAN;
    assert!(direction(&mut averages, &LOSSES[..3], &bad).is_err());
    assert_eq!(averages, before, "the second group refused, so the first has not moved");
}

#[test]
fn groups_without_a_gradient_have_no_say_in_the_weights_of_the_heads() {
    // Two groups with gradients, the first and the last, and one without: of 3, 2 and 4 parameters.
    let rows = Draw::new(313).rows(2, 7);
    let part = |from: usize, to: usize| rows.iter().map(|row| row[from..to].to_vec()).collect::<Vec<_>>();
    let wide: Vec<Vec<f64>> = rows.iter().map(|row| [&row[..3], &[0.0, 0.0], &row[3..]].concat()).collect();
    let mut method = PerGroup::new(&[3, 5, 9], |_| FairGrad::new(2.0).unwrap()).unwrap();
    let (_, w) = direction(&mut method, &LOSSES[..2], &wide).unwrap();
    let mut fair = FairGrad::new(2.0).unwrap();
    let (a, b) =
        (weights(&mut fair, &LOSSES[..2], &part(0, 3)), weights(&mut fair, &LOSSES[..2], &part(3, 7)));
    assert_close(&w, &[(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0], 1e-13, "the mean of two groups");
    // Nowhere a gradient: there is nothing to leave out.
    let none = vec![vec![0.0; 9]; 2];
    let (_, w) = direction(&mut method, &LOSSES[..2], &none).unwrap();
    assert_close(&w, &weights(&mut fair, &LOSSES[..2], &none), 1e-15, "no gradients");
}

#[test]
fn a_sum_of_weights_can_be_asked_for_per_group() {
    let rows = Draw::new(314).rows(3, 10);
    let plain = || PerGroup::new(&[4, 10], |_| PcGrad::new(1)).unwrap();
    let (d, w) = direction(&mut plain(), &LOSSES[..3], &rows).unwrap();
    let mut summed = Rescaled::new(plain(), Scale::Sum(1.5)).unwrap();
    let (found, scaled) = direction(&mut summed, &LOSSES[..3], &rows).unwrap();
    let factor = 1.5 / w.iter().sum::<f64>();
    assert_close(&scaled, &w.iter().map(|w| w * factor).collect::<Vec<_>>(), 1e-14, "weights");
    assert_close(&found, &d.iter().map(|d| d * factor).collect::<Vec<_>>(), 1e-13, "direction");
    assert!((scaled.iter().sum::<f64>() - 1.5).abs() < 1e-14);
}

/// Rows of which only the Gramian and combinations may be asked for.
struct Closed<'a>(Rows<'a, f64>);

impl Panel for Closed<'_> {
    fn tasks(&self) -> usize {
        self.0.tasks()
    }
    fn width(&self) -> usize {
        self.0.width()
    }
    fn read(&self, _: usize, _: usize, _: &mut [f64]) {
        panic!("a row is read, which forms the Jacobian");
    }
    fn write(&mut self, first: usize, values: &[f64]) {
        self.0.write(first, values);
    }
    fn written(&self, first: usize, values: &mut [f64]) {
        self.0.written(first, values);
    }
    fn gramian_in(&self, first: usize, width: usize) -> tress_mtl::Result<Gramian> {
        self.0.gramian_in(first, width)
    }
    fn combine_in(&mut self, first: usize, width: usize, weights: &[f64]) -> tress_mtl::Result<()> {
        self.0.combine_in(first, width, weights)
    }
}

#[test]
fn rescaling_forms_no_jacobian_for_a_method_that_looks_at_gramians() {
    let rows = Draw::new(315).rows(3, 100).concat();
    let methods: [&mut dyn Weighting; 4] = [
        &mut Rescaled::new(NashMtl, Scale::Mean).unwrap(),
        &mut Rescaled::new(NashMtl, Scale::Sum(1.0)).unwrap(),
        &mut Rescaled::new(PerGroup::new(&[40, 100], |_| NashMtl).unwrap(), Scale::Mean).unwrap(),
        &mut Rescaled::new(Equal::sum(), Scale::Mean).unwrap(),
    ];
    for method in methods {
        let mut d = [0.0; 100];
        method.direction(&LOSSES[..3], &mut Closed(Rows::new(3, &rows, &mut d).unwrap())).unwrap();
        assert!(d.iter().all(|d| *d != 0.0));
    }
}

#[test]
fn rescaled_directions_are_as_long_as_the_mean_gradient() {
    let mut draw = Draw::new(311);
    let rows = times(&draw.rows(4, 70), &[1.0, 3.0, 0.2, 5.0]);
    let mean = norm(&of(&mut Equal::mean(), &rows));
    let methods: Vec<Box<dyn Fn() -> Box<dyn Weighting>>> = vec![
        Box::new(|| Box::new(Equal::sum())),
        Box::new(|| Box::new(NashMtl)),
        Box::new(|| Box::new(GradDrop::new(3))),
        Box::new(|| Box::new(MoCo::new(4).unwrap())),
    ];
    for make in &methods {
        let plain = of(&mut *make(), &rows);
        let mut scaled = Rescaled::new(Boxed(make()), Scale::Mean).unwrap();
        let (d, w) = direction(&mut scaled, &LOSSES[..4], &rows).unwrap();
        assert!((norm(&d) / mean - 1.0).abs() < 1e-12, "{}", scaled.name());
        let factor = mean / norm(&plain);
        let expected: Vec<f64> = plain.iter().map(|x| x * factor).collect();
        assert!(apart(&d, &expected) < 1e-12 && w.len() == 4, "{}", scaled.name());
    }
    let mut summed = Rescaled::new(Equal::sum(), Scale::Sum(1.0)).unwrap();
    assert_close(&summed.weights(&LOSSES[..4], None).unwrap(), &[0.25; 4], 1e-15, "sum");
    // A direction of zero stays zero.
    let opposed = [vec![1.0, 0.0], vec![-1.0, 0.0]];
    assert_eq!(of(&mut Rescaled::new(Mgda, Scale::Mean).unwrap(), &opposed), [0.0, 0.0]);
    assert!(
        Rescaled::new(Mgda, Scale::Sum(0.0)).is_err()
            && Rescaled::new(GradDrop::new(1), Scale::Sum(1.0)).is_err()
    );
}

#[test]
fn weights_that_are_held_are_told_through_every_wrapper() {
    let make = || AutoLambda::new(3, 0.1).unwrap().starting_at(&[0.2, 0.3, 0.5]).unwrap();
    let mut summed = Rescaled::new(make(), Scale::Sum(2.0)).unwrap();
    assert_close(&summed.held().unwrap(), &[0.4, 0.6, 1.0], 1e-15, "as they will be applied");
    summed.observe(Observation::Slopes(&[1.0, -1.0, 0.0])).unwrap();
    let held = summed.held().unwrap();
    assert!((held[0] - 0.6).abs() < 1e-6 && (held[1] - 0.4).abs() < 1e-6, "{held:?}");
    assert_eq!(summed.weights(&LOSSES[..3], None).unwrap(), held);
    let mean = Rescaled::new(make(), Scale::Mean).unwrap();
    assert_eq!(mean.held().unwrap()[..], [0.2, 0.3, 0.5], "the scale comes with the Gramian");
    let whole: Balance = Method::AutoLambda.build(2, 1, 0.1).unwrap();
    assert_eq!(whole.held().unwrap()[..], [0.1; 2]);
    // What follows from the step is not known before it.
    assert_eq!(Rescaled::new(Mgda, Scale::Sum(1.0)).unwrap().held(), None);
    assert_eq!(PerGroup::new(&[4, 10], |_| Mgda).unwrap().held(), None);
    let groups = PerGroup::new(&[4, 10], |group| Holding([0.25 + 0.5 * group as f64, 0.5])).unwrap();
    assert_eq!(groups.held().unwrap()[..], [0.5, 0.5], "the mean over the groups");
}

/// A method that looks at gradients, with weights that it has before the step.
#[derive(Clone)]
struct Holding([f64; 2]);

impl Weighting for Holding {
    fn name(&self) -> &'static str {
        "holding"
    }
    fn needs(&self) -> Needs {
        Needs::Gramian
    }
    fn heads(&self) -> Heads {
        Heads::Plain
    }
    fn weights(&mut self, _: &[f64], _: Option<&Gramian>) -> tress_mtl::Result<Weights> {
        Weights::new(&self.0)
    }
    fn held(&self) -> Option<Weights> {
        Weights::new(&self.0).ok()
    }
}

/// A boxed method as a method.
struct Boxed(Box<dyn Weighting>);

impl Weighting for Boxed {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn needs(&self) -> tress_mtl::balance::Needs {
        self.0.needs()
    }
    fn heads(&self) -> tress_mtl::balance::Heads {
        self.0.heads()
    }
    fn weights(
        &mut self,
        losses: &[f64],
        gramian: Option<&tress_mtl::solve::Gramian>,
    ) -> tress_mtl::Result<tress_mtl::balance::Weights> {
        self.0.weights(losses, gramian)
    }
    fn direction(
        &mut self,
        losses: &[f64],
        panel: &mut dyn tress_mtl::balance::Panel,
    ) -> tress_mtl::Result<tress_mtl::balance::Weights> {
        self.0.direction(losses, panel)
    }
}
