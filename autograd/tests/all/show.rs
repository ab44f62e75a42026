//! Explanations, flowcharts and graphs of tapes: structure and numbers, on random programs too.

use crate::common::{STEPS, random_tape};
use tress_autograd::op::{Solve, System};
use tress_autograd::{Arrange, Fused, Line, Matrix, Pointwise, Reduce, Scan, Tape, check};
use tress_tensor::pointwise::Map;
use tress_tensor::{Tensor, Window};

/// The lines of the sweep numbered as they appear: which values a rule asks for without looking at them is its own affair.
fn renumbered(text: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut parts = text.split('^');
    let mut all = parts.next().unwrap().to_string();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let place = known.iter().position(|known| *known == number).unwrap_or_else(|| {
            known.push(number);
            known.len() - 1
        });
        all += &format!("^{place}{rest}");
    }
    // The columns of remarks move with the numbers.
    let line = |line: &str| match line.starts_with("  ^") {
        true => format!("  {}", line.split_whitespace().collect::<Vec<_>>().join(" ")),
        false => line.to_string(),
    };
    all.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_explanation_word_for_word() {
    let tape = Tape::new();
    let x = tape.var(Tensor::new([1, 2], &[0.5f64, -1.0]).unwrap());
    let w = tape.var(Tensor::new([2, 1], &[2.0, 1.0]).unwrap());
    let y = x.matmul(w);
    let loss = (y * y + y.stop() + y).sum_all();
    let text = loss.explain(&[x, w]).unwrap().to_string();
    let stripped: Vec<String> = renumbered(&text)
        .lines()
        .map(|line| line.split("  (").next().unwrap().trim_end().to_string())
        .collect();
    let expected = "\
forward
%0 [1, 2] = leaf, wanted                     kept for the rule of %2
%1 [2, 1] = leaf, wanted                     kept for the rule of %2
%2 [1, 1] = matmul %0 %1                     kept for the rule of %3
%3 [1, 1] = mul %2 %2                        not kept
%4 [1, 1] = stop %2                          not kept; no gradient to %2: stopped
%5 [1, 1] = add %3 %4                        not kept
%6 [1, 1] = add %5 %2                        not kept
%7 [] = sum(axes 0, 1) %6                    not kept

backward, from %7 to %0, %1
  ^0 [] = ones the seed
rule of %7 sum, from ^0
  ^1 [1, 1] = reshape ^0
  ^2 [1, 1] = expand ^1 for %6
rule of %6 add, from ^2: ^2 for %5, ^2 for %2, as it came
rule of %5 add, from ^2: ^2 for %3, ^2 for %4, as it came
rule of %3 mul, from ^2
  ^3 [1, 1] = mul ^2 %2 for %2
  ^4 [1, 1] = add ^2 ^3 sum at %2: ^2 from %6, ^3 from %3
  ^5 [1, 1] = mul ^2 %2 for %2
  ^6 [1, 1] = add ^4 ^5 sum at %2: ^2 from %6, ^3 from %3, ^5 from %3
rule of %2 matmul, from ^6
  ^7 [1, 2] = matmul(right transposed) ^6 %1 for %0
  ^8 [2, 1] = matmul(left transposed) %0 ^6 for %1

cotangents
%0 [1, 2]: ^7
%1 [2, 1]: ^8

the sweep looks at 3 of 8 values, 5 numbers";
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(stripped, expected, "\n{text}");
    assert!(text.contains(&format!("({}:", file!())));
}

#[test]
fn the_recorded_sweep_is_the_sweep() {
    for seed in 0..60 {
        let tape = random_tape(seed, 8, seed as usize % STEPS);
        let result = tape.var_at(tape.len() - 1).unwrap();
        let leaves: Vec<_> = tape
            .entries()
            .filter(|entry| entry.is_leaf())
            .map(|entry| tape.var_at(entry.index).unwrap())
            .collect();
        let shown = result.explain(&[]).unwrap();
        let adjoint = shown.adjoint();
        // Its lines hold the cotangents of an ordinary sweep, bit for bit.
        let swept = tape.cotangents(&[(result, result.value().unwrap().constant(1.0))], &leaves, &[]);
        let Ok(swept) = swept else { continue }; // a gradient is lost, and that is said aloud
        for (leaf, swept) in leaves.iter().zip(swept) {
            let line = adjoint.cotangent(leaf.index().unwrap());
            let shown =
                line.map(|line| adjoint.program().entry(line).unwrap().value.tensor().unwrap().clone());
            assert_eq!(shown, swept.map(|swept| swept.tensor().unwrap().clone()), "seed {seed}");
        }
        // Each line is accounted for, and each operation of the sweep is right by itself.
        assert_eq!(adjoint.lines().len(), adjoint.program().len());
        assert_eq!(adjoint.lines()[0], Line::Seed);
        let report = check::locate(adjoint.program());
        assert!(report.is_right(), "seed {seed}: {report}");
        for entry in shown.entries() {
            let contributions = adjoint.contributions(entry.index);
            let sums = adjoint.lines().iter().filter(|line| **line == Line::Sum(entry.index)).count();
            assert_eq!(sums, contributions.len().saturating_sub(1), "seed {seed}, %{}", entry.index);
            for contribution in contributions {
                assert!(shown.entries()[contribution.from].operands.contains(&entry.index));
            }
        }
        let text = shown.to_string();
        assert_eq!(text.lines().filter(|line| line.contains("  sum at ")).count(), {
            adjoint.lines().iter().filter(|line| matches!(line, Line::Sum(_))).count()
        });
    }
}

/// Every arrow of a picture leads from a node to a node that it has, and every label is closed.
fn check_picture(text: &str, arrow: &[&str]) -> (usize, usize) {
    let mut nodes = std::collections::BTreeSet::new();
    let mut arrows = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(arrow) = arrow.iter().find(|arrow| line.contains(*arrow)) {
            let (from, to) = line.split_once(arrow).unwrap();
            let to: String = to.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            arrows.push((from.trim().to_string(), to));
        } else if line.contains('"') && !line.starts_with("label") && !line.starts_with("node") {
            assert_eq!(line.matches('"').count() % 2, 0, "{line}");
            nodes.insert(line.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>());
        }
    }
    for (from, to) in &arrows {
        assert!(nodes.contains(from) && nodes.contains(to), "{from} to {to}\n{text}");
    }
    (nodes.len(), arrows.len())
}

#[test]
fn pictures_have_all_their_nodes() {
    for seed in 0..40 {
        let tape = random_tape(seed, 8, seed as usize % STEPS);
        let shown = tape.var_at(tape.len() - 1).unwrap().explain(&[]).unwrap();
        let operands = |index: usize| {
            let mut all = shown.entries()[index].operands.clone();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        let edges: usize = (0..tape.len()).map(operands).sum();
        let forward = shown.mermaid().forward_only().to_string();
        assert_eq!(check_picture(&forward, &["-.->", "-->"]), (tape.len(), edges));
        assert_eq!(check_picture(&shown.dot().forward_only().to_string(), &["->"]), (tape.len(), edges));
        let (mermaid, dot) = (shown.mermaid().to_string(), shown.dot().to_string());
        assert_eq!(check_picture(&mermaid, &["-.->", "-->"]), check_picture(&dot, &["->"]));
        let own = shown.adjoint().lines().iter().filter(|line| !matches!(line, Line::Value(_))).count();
        assert_eq!(check_picture(&dot, &["->"]).0, tape.len() + own);
        assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    }
}

#[test]
fn long_programs_are_folded() {
    let tape = Tape::new();
    let x = tape.var(Tensor::vector(&[0.5f32, -0.25]));
    let y = (0..1000).fold(x, |x, _| x.tanh());
    let loss = y.sum_all();
    let shown = loss.explain(&[x]).unwrap();
    let folded = shown.mermaid().fold(10).to_string();
    assert!(folded.contains("... 992 entries ...") && folded.contains("... 992 lines ..."), "{folded}");
    let (nodes, _) = check_picture(&folded, &["-.->", "-->"]);
    assert!(nodes < 30, "{nodes}");
    assert!(shown.dot().fold(10).to_string().len() < 3000);
    assert!(shown.dot().to_string().len() > 100_000);
}

#[test]
fn a_program_without_values_is_explained_too() {
    let tape = Tape::<tress_autograd::Outline>::new();
    let x = tape.leaf(tress_autograd::Outline::new(*Tensor::<f32>::zeros([64, 100]).unwrap().shape()));
    let loss = x.matmul(x.transpose(0, 1)).softmax().square().mean_all();
    let text = loss.explain(&[x]).unwrap().to_string();
    assert!(text.contains("softmax_grad") && text.contains("sum at %0"), "{text}");
}

#[test]
fn mistakes_are_reported() {
    let tape = Tape::new();
    let x = tape.var(Tensor::<f32>::zeros([2, 3]).unwrap());
    let y = x.matmul(x);
    let line = line!() - 1;
    let mistake = y.explain(&[x]).err().unwrap();
    assert_eq!((mistake.place.file(), mistake.place.line()), (file!(), line));
}

#[test]
fn a_program_shows_the_settings_of_its_operations() {
    let tape = Tape::new();
    let x = tape.var(Tensor::<f64>::full([2, 3], 0.5).unwrap());
    let w = tape.var(Tensor::full([3, 4], 0.1).unwrap());
    let b = tape.var(Tensor::full([4], 0.1).unwrap());
    let y = x.affine(w, Some(&b), Some(Map::Tanh)).transpose(0, 1).scale(0.5).clamp(-1.0, 2.0);
    y.slice(0, 1..3).flip(1).cumsum(0).max(&[1]).powf(2.5).sum_all();
    let image = x.reshape([1, 1, 2, 3]);
    let window = Window::new([2, 3], [1, 2]).stride([1, 2]).pad([[0, 0], [1, 0]]);
    image
        .conv2d(tape.var(Tensor::full([1, 1, 1, 2], 1.0).unwrap()), None, window, 1, None)
        .max_pool(Window::new([2, 2], [2, 2]));
    x.layer_norm(None, None, 0.01).dropout(0.25, 7).top_k(1, 2);
    let square = x.matmul(x.transpose(0, 1));
    let lower = Solve { system: System::Triangular { lower: true, unit: false }, transposed: true };
    square.solve_triangular(x, lower);
    let text = tape.to_string();
    for line in [
        "= matmul(plus bias, tanh) %0 %1 %2",
        "= permute(1, 0) ",
        "= scale(0.5) ",
        "= clamp(-1.0, 2.0) ",
        "= slice(axis 0, 1..3) ",
        "= flip(axis 1) ",
        "= running_sum(axis 0) ",
        "= max_along(axis 1) ",
        "= power(2.5) ",
        "= conv2d(stride 1 x 2, padding 0 0 x 1 0) ",
        "= max_pool(2 x 2) ",
        "= layer_norm(epsilon 0.01) ",
        "= dropout(0.25, seed 7) ",
        "= sort(falling, the first 2) ",
        "= solve(lower triangle, transposed) ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // The functions that a sweep differentiates are named too.
    let shown = y.sum_all().explain(&[x]).unwrap().to_string();
    for part in ["map_grad(clamp -1.0, 2.0) ", "map_grad(tanh) ", "matmul(right transposed) "] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}
