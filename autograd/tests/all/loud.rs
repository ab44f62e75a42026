//! Gradients that go missing say so: by an error where an operation loses them, by coverage in every case.

use tress_autograd::{Coverage, Dual, Eager, Origin, Pointwise, Reduce, State, Tape};
use tress_tensor::Tensor;
use tress_tensor::pointwise::{Map, Zip};

fn vector(numbers: &[f64]) -> Tensor<f64> {
    Tensor::vector(numbers)
}

/// The only finding, and its text.
fn finding(found: &[Coverage]) -> (&State, String) {
    let [only] = found else { panic!("{found:?}") };
    (&only.state, only.to_string())
}

#[test]
fn a_comparison_between_a_parameter_and_the_loss_is_an_error_with_its_line() {
    let tape = Tape::new();
    let w = tape.var(vector(&[0.5, -1.0]));
    let x = tape.var(vector(&[1.0, 2.0]));
    let line = line!() + 1;
    let hit = (w * x).greater(x.scale(0.1));
    let loss = (hit * x).sum_all();
    let message = loss.gradients(&[w]).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "greater: no gradient gets through to %0: a comparison is piecewise constant; use select(condition, a, b) \
             with differentiable branches, or sigmoid(k (a - b)), or stop() if none is meant ({}:{line})",
            file!()
        )
    );
    // x has another way, and a sweep that does not want w has nothing to say.
    assert_eq!(loss.gradients(&[x]).unwrap()[0].tensor().unwrap().to_vec(), [1.0, 0.0]);
    // Another way to w, however small, and all is well; a stop says that none is meant.
    assert!((loss + w.sum_all().scale(1e-9)).gradients(&[w]).is_ok());
    let meant = (w.stop().greater(x.scale(0.1)) * x).sum_all();
    assert_eq!(meant.gradients(&[w]).unwrap()[0].tensor().unwrap().to_vec(), [0.0, 0.0]);
    let after = ((w * x).greater(x.scale(0.1)).stop() * x).sum_all();
    assert!(after.gradients(&[w]).is_ok());
}

#[test]
fn functions_that_are_piecewise_constant_are_as_loud_and_stacked_sweeps_too() {
    let tape = Tape::new();
    let w = tape.var(vector(&[0.5, -1.0]));
    for map in [Map::Sign, Map::Step] {
        let y = w.map(map).scale(2.0);
        assert!(y.sum_all().gradients(&[w]).unwrap_err().to_string().starts_with(map.name()));
        let g = Eager::new(Tensor::<f64>::full([3, 2], 1.0).unwrap());
        assert!(y.pull_stacked(g, &[w]).unwrap_err().to_string().starts_with(map.name()));
    }
}

#[test]
fn a_bounded_part_of_a_program_is_judged_by_itself() {
    let tape = Tape::new();
    let w = tape.var(vector(&[0.5, -1.0]));
    let h = w.square();
    let y = h.greater(h.scale(0.5)) * h; // h has a way besides the comparison
    let one = Eager::new(Tensor::full([2], 1.0).unwrap());
    assert!(tape.cotangents(&[(y, one.clone())], &[h], &[h]).is_ok());
    let lost = h.greater(h.scale(0.5));
    assert!(tape.cotangents(&[(lost, one.clone())], &[h], &[]).is_err());
    // Nothing passes the cut, so w is out of reach and no operation is to blame.
    assert!(tape.cotangents(&[(lost, one)], &[w], &[h]).unwrap()[0].is_none());
}

/// The Hessian of a program at (0.3, -0.7), times (1, 2), by two tapes.
macro_rules! hessian_times {
    (|$y:ident| $program:expr) => {{
        let (outer, inner) = (Tape::new(), Tape::new());
        let x = outer.var(vector(&[0.3, -0.7]));
        let $y = inner.leaf(x);
        let gradient = $program.gradients(&[$y]).unwrap()[0];
        let along = (gradient * outer.var(vector(&[1.0, 2.0]))).sum_all();
        along.gradients(&[x]).unwrap()[0].tensor().unwrap().to_vec()
    }};
}

#[test]
fn second_derivatives_that_are_zero_by_their_form_are_no_errors() {
    // The engine's own masks are comparisons, and constants.
    assert_eq!(hessian_times!(|y| y.relu().sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.abs().sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.leaky_relu(0.1).sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.clamp(-0.5, 0.5).sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.maximum(y.scale(2.0)).sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.minimum(y.scale(2.0)).sum_all()), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.max(&[0])), [0.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.scale(3.0).sum_all()), [0.0, 0.0]);
    // And beside them, what is not zero is there: 2 y where y > 0, and 2 max.
    assert_eq!(hessian_times!(|y| (y.relu() * y).sum_all()), [2.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.max(&[0]).square()), [2.0, 0.0]);
    assert_eq!(hessian_times!(|y| y.maximum(y.scale(2.0)).square().sum_all()), [8.0, 4.0]);
    // Elu: its second derivative is a choice between 0 and exp(y).
    let elu = hessian_times!(|y| y.elu(1.0).sum_all());
    assert!(elu[0] == 0.0 && (elu[1] - 2.0 * (-0.7f64).exp()).abs() < 1e-15, "{elu:?}");
}

#[test]
fn what_the_gradient_loses_the_outer_tape_says_too() {
    // The comparison stands in the gradient itself: grad = [x > 0] x', whose derivative is lost in the mask alone.
    let (outer, inner) = (Tape::new(), Tape::new());
    let x = outer.var(vector(&[0.3, -0.7]));
    let y = inner.leaf(x);
    let mask = inner.leaf(x.greater(x.constant(0.0)));
    let gradient = (mask * y).sum_all().gradients(&[y]).unwrap()[0];
    let message = gradient.sum_all().gradients(&[x]).unwrap_err().to_string();
    assert!(message.starts_with("greater: no gradient gets through to %0"), "{message}");
}

#[test]
fn third_order_by_tapes_and_duals_stays_quiet_and_right() {
    let (outer, inner) = (Tape::new(), Tape::new());
    let one = || Eager::new(Tensor::scalar(1.0f64));
    let x = outer.leaf(Dual::new(Eager::new(Tensor::scalar(0.4f64)), one()));
    let y = inner.leaf(x);
    let cube = y.relu() * y.maximum(y.scale(0.5)) * y; // x^3 for positive x
    let first = cube.gradients(&[y]).unwrap()[0];
    let second = &first.gradients(&[x]).unwrap()[0];
    assert!((second.primal.item().unwrap() - 2.4).abs() < 1e-14);
    assert!((second.tangent_or_zeros().item().unwrap() - 6.0).abs() < 1e-14);
}

#[test]
fn coverage_tells_the_kinds_apart() {
    let tape = Tape::new();
    let w = tape.var(vector(&[0.5, -1.0]));
    let place = |line: u32| format!("({}:{line})", file!());

    let found = w.tanh().sum_all().coverage(&[w]).unwrap();
    assert!(found[0].is_fine() && found[0].index == 0, "{found:?}");

    // Not used at all, and used beside the loss.
    let other = tape.var(vector(&[1.0]));
    let unused = tape.var(vector(&[1.0]));
    let line = line!() + 1;
    let _ = unused.square().sum_all();
    let loss = w.sum_all();
    let found = loss.coverage(&[other]).unwrap();
    assert_eq!(*finding(&found).0, State::Unreached(None));
    let found = loss.coverage(&[unused]).unwrap();
    let (state, text) = finding(&found);
    assert!(matches!(state, State::Unreached(Some(site)) if site.op == "sum" && site.place.line() == line));
    assert!(text.contains(&place(line)), "{text}");

    // Cut by a comparison, and by a stop.
    let line = line!() + 1;
    let found = w.zip(Zip::Equal, w.constant(0.5)).sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(
        matches!(state, State::Cut(site, _) if site.op == "equal" && site.place.line() == line),
        "{text}"
    );
    let found = w.stop().exp().sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(matches!(state, State::Cut(site, "stopped") if site.op == "stop"), "{text}");
    // By the condition of a choice: the comparison comes first, the choice would be as constant.
    let found = w.greater(w.constant(0.0)).select(w.constant(1.0), w.constant(2.0)).coverage(&[w]).unwrap();
    assert!(matches!(finding(&found).0, State::Cut(site, _) if site.op == "greater"), "{found:?}");

    // All zero: a dead relu, named although a scale stands between it and the parameter.
    let line = line!() + 1;
    let dead = w.scale(3.0).offset(-100.0).relu();
    let found = dead.sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(
        matches!(state, State::Zero(Some(site)) if site.op == "relu" && site.place.line() == line),
        "{text}"
    );
    // And where summands cancel, nobody is to blame.
    let found = (w - w).sum_all().coverage(&[w]).unwrap();
    assert_eq!(*finding(&found).0, State::Zero(None));
}

#[test]
fn coverage_finds_where_numbers_stop_being_finite() {
    let tape = Tape::new();
    let w = tape.var(vector(&[0.5, 0.0]));
    // In the rule: sqrt at 0 has an infinite slope, and the value is fine.
    let line = line!() + 1;
    let found = w.scale(2.0).sqrt().scale(3.0).sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(
        matches!(state, State::NotFinite(Origin::Cotangent(site)) if site.op == "sqrt" && site.place.line() == line),
        "{text}"
    );
    // In the forward program: exp overflows beside the way of w, and is multiplied into it.
    let factor = tape.var(vector(&[800.0, 1.0]));
    let found = (factor.exp().scale(2.0) * w).tanh().sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(matches!(state, State::NotFinite(Origin::Forward(site)) if site.op == "exp"), "{text}");
    // In a leaf.
    let wrong = tape.var(vector(&[f64::NAN, 1.0]));
    let found = (w * wrong).sum_all().coverage(&[w]).unwrap();
    let (state, text) = finding(&found);
    assert!(
        matches!(state, State::NotFinite(Origin::Leaf(site)) if site.index == wrong.index().unwrap()),
        "{text}"
    );
    // In a sum of finite cotangents.
    let found = (w.scale(1e308) + w.scale(1e308)).sum_all().coverage(&[w]).unwrap();
    assert_eq!(*finding(&found).0, State::NotFinite(Origin::Sum));
}

#[test]
fn of_a_parameter_without_numbers_no_gradient_is_missing() {
    let tape = Tape::new();
    let (w, none) = (tape.var(vector(&[1.0, 2.0])), tape.var(Tensor::<f64>::zeros([0]).unwrap()));
    let found = (w.square().sum_all() + none.exp().sum_all()).coverage(&[w, none]).unwrap();
    assert!(found.iter().all(Coverage::is_fine), "{} and {}", found[0], found[1]);
}
