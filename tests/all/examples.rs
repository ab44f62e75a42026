//! The examples that are no systems run, and what they assert holds; of `bytes`, which takes minutes, what it prints is measured
//! with less training. Those that are systems run on slices of their data in `systems.rs`.

#[path = "../../examples/bytes.rs"]
#[allow(unreachable_pub, dead_code)] // a program's own main, which is not called: some minutes
mod bytes;
#[path = "../../examples/characters.rs"]
#[allow(unreachable_pub)] // a program's own main
mod characters;
#[path = "../../examples/hessian.rs"]
#[allow(unreachable_pub)] // a program's own main
mod hessian;
#[path = "../../examples/mnist.rs"]
#[allow(unreachable_pub)] // a program's own main
mod mnist;
#[path = "../../examples/onnx.rs"]
#[allow(unreachable_pub)] // a program's own main
mod onnx;
#[path = "../../examples/regression.rs"]
#[allow(unreachable_pub)] // a program's own main
mod regression;
#[path = "../../examples/see_tape.rs"]
#[allow(unreachable_pub)] // a program's own main
mod see_tape;
#[path = "../../examples/sine.rs"]
#[allow(unreachable_pub)] // a program's own main
mod sine;
#[path = "../../examples/tape.rs"]
#[allow(unreachable_pub)] // a program's own main
mod tape;
#[path = "../../examples/two_tasks.rs"]
#[allow(unreachable_pub)] // a program's own main
mod two_tasks;

/// Runs an example on one instruction set: some train twice and compare.
fn holds<E: std::fmt::Debug>(example: impl FnOnce() -> Result<(), E>) {
    let _level = crate::level::stays();
    example().unwrap();
}

#[test]
fn every_example_is_here_or_is_a_system() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let (mut names, here) = (0, include_str!("examples.rs"));
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_here = here.contains(&format!("\nmod {name};"));
            assert!(
                is_here || tress_cli::systems::named(name).is_some(),
                "no test runs the example `{name}`"
            );
            names += 1;
        }
    }
    assert!(names > tress_cli::systems::ALL.len(), "{names} examples");
}

#[test]
fn tape_agrees_with_the_chain_rule_by_hand() {
    holds(tape::main);
}

#[test]
fn hessian_agrees_with_its_formula() {
    holds(hessian::main);
}

#[test]
fn a_tape_is_seen() {
    holds(see_tape::main);
}

#[test]
fn a_sine_is_learned_and_fits_bytes() {
    holds(sine::main);
}

#[test]
fn two_tasks_are_learned() {
    holds(two_tasks::main);
}

#[test]
fn digits_are_named() {
    holds(mnist::main);
}

#[test]
fn a_network_is_better_than_a_ridge() {
    holds(regression::main);
}

#[test]
fn characters_are_guessed() {
    holds(characters::main);
}

#[test]
fn a_model_is_written_as_onnx() {
    holds(onnx::main);
}

/// Bytes answer as floats do, and both have learned: 100 species of leaves, and the contents of meat beside their spread.
#[test]
fn bytes_answer_as_floats_do() {
    let _level = crate::level::stays();
    for row in bytes::leaves(20).unwrap() {
        assert!(row.floats > 70.0 && row.bytes > row.floats - 2.0 && row.same.unwrap() > 95.0, "{row}");
    }
    for row in bytes::contents(100).unwrap() {
        assert!(row.floats < 4.0 && row.bytes < 1.3 * row.floats + 0.1, "{row}");
    }
}
