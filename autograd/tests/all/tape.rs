//! The tape: long programs, mistakes with their places, parts of a program.

use tress_autograd::{Arrange, Eager, Fused, Outline, Pointwise, Reduce, Tape, Var};
use tress_tensor::Tensor;

#[test]
fn a_million_operations_sweep_and_drop_without_recursion() {
    // A thread with a stack of 64 KiB: anything recursive in the length of the program would overflow it.
    let work = || {
        let tape = Tape::new();
        let x = tape.var(Tensor::scalar(0.0f32));
        let mut y = x;
        for _ in 0..1_000_000 {
            y = y.offset(1e-3);
        }
        let gradient = y.gradients(&[x]).unwrap();
        assert_eq!(gradient[0].item().unwrap(), 1.0);
        assert_eq!(tape.len(), 1_000_001);
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_mistake_names_both_shapes_the_operation_and_the_line() {
    let tape = Tape::new();
    let x = tape.var(Tensor::<f32>::zeros([2, 3]).unwrap());
    let line = line!() + 1;
    let y = x.matmul(x);
    let z = (y + x).tanh().sum_all(); // does nothing, and does not hide the first mistake
    let expected = format!("matmul: [2, 3] x [2, 3]: inner lengths 3 and 2 differ ({}:{line})", file!());
    assert_eq!(z.item().unwrap_err().to_string(), expected);
    assert_eq!(z.gradients(&[x]).unwrap_err().to_string(), expected);
    assert_eq!(tape.mistake().unwrap().to_string(), expected);
}

#[test]
fn mistakes_of_operators_and_of_the_front_end_have_places_too() {
    let place = |line: u32| format!("({}:{line})", file!());
    let x = Eager::new(Tensor::<f32>::zeros([2, 3]).unwrap());
    let line = line!() + 1;
    let y = x.clone() + x.transpose(0, 1);
    let message = y.tensor().unwrap_err().to_string();
    assert_eq!(message, format!("add: [2, 3] x [3, 2]: lengths 2 and 3 differ {}", place(line)));
    let line = line!() + 1;
    let y = x.sum(&[2]);
    assert_eq!(
        y.tensor().unwrap_err().to_string(),
        format!("sum: [2, 3] has no axis 2; its axes are 0 to 1 {}", place(line))
    );
    let line = line!() + 1;
    let y = Outline::<f32>::new(*Tensor::<f32>::zeros([4, 4]).unwrap().shape()).reshape([5, 3]).relu();
    let message = y.inferred().unwrap_err().to_string();
    assert_eq!(
        message,
        format!("reshape: [4, 4] x [5, 3]: numbers of elements 16 and 15 differ {}", place(line))
    );
}

#[test]
fn variables_of_two_tapes_are_a_mistake_and_no_panic() {
    let (a, b) = (Tape::new(), Tape::new());
    let x = a.var(Tensor::scalar(1.0f32));
    let y = b.var(Tensor::scalar(1.0f32));
    let message = (x + y).item().unwrap_err().to_string();
    assert!(message.starts_with("add: the operands are on different tapes"), "{message}");
    assert!(b.mistake().is_none());
    assert!(y.gradients(&[x]).is_err());
}

#[test]
fn fan_out_adds_and_a_second_sweep_starts_anew() {
    let tape = Tape::new();
    let a = tape.var(Tensor::scalar(1.0f64));
    let b = a + a; // the order that plain recursion gets wrong
    let c = a + b;
    for _ in 0..2 {
        assert_eq!(c.gradients(&[a]).unwrap()[0].item().unwrap(), 3.0);
    }
    let all = c.gradients(&[a, b, c]).unwrap();
    assert_eq!(all.iter().map(|g| g.item().unwrap()).collect::<Vec<_>>(), [3.0, 1.0, 1.0]);
}

#[test]
fn a_sweep_stops_at_what_bounds_it_and_the_parts_make_the_whole() {
    let tape = Tape::new();
    let number = |i: usize| (i as f64 * 0.37).sin();
    let w = tape.var(Tensor::from_fn([3, 4], |i| number(i[0] * 4 + i[1])).unwrap());
    let v = tape.var(Tensor::from_fn([4, 1], |i| number(i[0] + 20)).unwrap());
    let x = tape.var(Tensor::from_fn([2, 3], |i| number(i[0] * 3 + i[1] + 30)).unwrap());
    let features = x.matmul(w).tanh();
    let loss = features.matmul(v).square().sum_all();
    let whole = loss.gradients(&[w, v]).unwrap();
    let head = loss.gradients(&[features, v]).unwrap();
    let trunk = features.pull(head[0].clone(), &[w]).unwrap();
    assert_eq!(whole[0].tensor().unwrap(), trunk[0].tensor().unwrap());
    assert_eq!(whole[1].tensor().unwrap(), head[1].tensor().unwrap());
    assert_eq!(tape.depends(&[features], &[w, v, x], &[]).unwrap(), [true, false, true]);
    assert_eq!(tape.depends(&[loss], &[w, v, x], &[features]).unwrap(), [false, true, false]);
}

#[test]
fn unreached_variables_get_zeros_and_vectors_have_no_gradient() {
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[1.0f32, 2.0]));
    let unused = tape.var(Tensor::vector(&[5.0f32]));
    let gradients = x.sum_all().gradients(&[unused, x]).unwrap();
    assert_eq!(gradients[0].tensor().unwrap().to_vec(), [0.0]);
    assert_eq!(gradients[1].tensor().unwrap().to_vec(), [1.0, 1.0]);
    let message = x.gradients(&[x]).unwrap_err().to_string();
    assert!(message.starts_with("gradient: [2]: a gradient is that of a single number"), "{message}");
}

#[test]
fn resetting_keeps_the_room_and_printing_shows_the_program() {
    let mut tape = Tape::new();
    let x: Var<'_, Eager<f32>> = tape.var(Tensor::zeros([2, 2]).unwrap());
    let _ = x.matmul(x).relu();
    let text = tape.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("%0 [2, 2] = leaf"));
    assert!(lines[1].starts_with("%1 [2, 2] = matmul %0 %0  ("));
    assert!(lines[2].starts_with("%2 [2, 2] = relu %1  (") && lines[2].contains("tape.rs:"));
    tape.reset();
    assert!(tape.is_empty());
}

#[test]
fn stacks_and_duals_keep_mistakes_too() {
    use tress_autograd::{Dual, Stacked, Value};
    let number = |shape: &[usize]| Eager::new(Tensor::<f32>::zeros(shape).unwrap());
    let (each, shared) = (Stacked::Each(number(&[3, 2, 3])), Stacked::Shared(number(&[4, 5])));
    let message = each.matmul(&shared).tanh().sum_all().mistake().unwrap().to_string();
    assert!(message.starts_with("matmul: [2, 3] x [4, 5]: inner lengths 3 and 4 differ ("), "{message}");
    assert!(message.contains("tape.rs"), "{message}");
    let vectors = Stacked::Each(number(&[3, 4]));
    assert_eq!(*vectors.matmul(&shared).shape(), [5]);
    let numbers = Stacked::Each(number(&[3]));
    assert!(numbers.matmul(&shared).mistake().unwrap().to_string().contains("two axes"));

    let dual = Dual::new(number(&[]), number(&[]));
    assert!(
        dual.log_softmax().mistake().unwrap().to_string().starts_with("log_softmax: []: at least one axis")
    );
    let wrong = Dual::new(number(&[2, 3]), number(&[2, 3]));
    assert!(wrong.matmul(&wrong).log_softmax().mistake().unwrap().to_string().starts_with("matmul"));
}

#[test]
fn cotangents_stop_where_they_are_cut() {
    let tape = Tape::new();
    let x = tape.var(Tensor::scalar(3.0f64));
    let h = x.square();
    let y = h * x;
    let one = Eager::new(Tensor::scalar(1.0));
    let found = tape.sweep(&[(y, one.clone())], &[x, h], &[h], Clone::clone).unwrap();
    let numbers: Vec<f64> = found.iter().map(|g| g.as_ref().unwrap().item().unwrap()).collect();
    assert_eq!(numbers, [9.0, 3.0], "around h only, and at h");
    assert!(tape.sweep::<Eager<f64>>(&[], &[x], &[], Clone::clone).unwrap()[0].is_none());
}

#[test]
fn entries_say_what_was_recorded() {
    let tape = Tape::new();
    let x = tape.var(Tensor::new([2], &[1.0f64, 2.0]).unwrap());
    let y = x * x + x;
    let names: Vec<_> = tape.entries().map(|entry| entry.name()).collect();
    assert_eq!(names, ["leaf", "mul", "add"]);
    let sum = tape.entry(2).unwrap();
    assert_eq!(sum.operands, [1, 0]);
    assert_eq!(sum.value.tensor().unwrap().to_vec(), [2.0, 6.0]);
    assert_eq!(sum.place.file(), file!());
    assert_eq!(sum.to_string(), "%2 [2] = add %1 %0");
    assert!(tape.entry(0).unwrap().is_leaf() && !sum.is_leaf() && tape.entry(3).is_none());
    assert_eq!(tape.var_at(2).unwrap().tensor().unwrap(), y.tensor().unwrap());
    assert!(tape.var_at(3).is_none());
}

#[test]
fn recording_on_the_tape_that_is_swept_is_a_mistake_and_no_panic() {
    let mut tape = Tape::new();
    {
        let x = tape.var(Tensor::vector(&[2.0f64, 3.0]));
        let y = (x * x).sum_all();
        let one = tape.var(Tensor::scalar(1.0));
        let message =
            tape.sweep(&[(y, one)], &[x], &[], |value| tape.leaf(value.clone())).unwrap_err().to_string();
        assert!(
            message.contains("raise its values to another tape") && message.contains("tape.rs"),
            "{message}"
        );
        assert!(tape.mistake().is_some(), "and the tape remembers it");
    }
    tape.reset();
    let x = tape.var(Tensor::scalar(2.0f64));
    assert_eq!((x * x).gradients(&[x]).unwrap()[0].item().unwrap(), 4.0, "after a reset all is well");
}

#[test]
fn a_stack_of_no_cotangents_is_a_mistake_of_the_caller() {
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[2.0f64, 3.0]));
    let none = Eager::new(Tensor::zeros([0, 2]).unwrap());
    let message = (x * x).pull_stacked(none, &[x]).unwrap_err().to_string();
    assert!(
        message.starts_with("pull_stacked: a stack of no cotangents") && message.contains("tape.rs"),
        "{message}"
    );
}

#[test]
fn an_axis_that_is_named_twice_is_a_mistake() {
    let x = Eager::new(Tensor::<f64>::zeros([2, 3]).unwrap());
    for y in [x.sum(&[0, 0]), x.mean(&[1, 0, 1])] {
        let message = y.tensor().unwrap_err().to_string();
        assert!(message.contains("an axis is named twice; name each once"), "{message}");
    }
}
