//! Models with names: random wirings, tables counted by hand, drawings.

use crate::models::{ByHand, both, given, inputs, numbers};
use tress_autograd::{Eager, Fused, Pointwise, Tape};
use tress_nn::model::{Model, Node, Summary, Wiring};
use tress_nn::{Conv2d, Dense, Flatten, GlobalMeanPool, MaxPool2d, Params, Random, Sequential};
use tress_tensor::Shape;
use tress_tensor::pointwise::Map;

/// A random wiring of vectors and images, and what it was wired from.
fn random_model(random: &mut Random, params: &mut Params<f32>) -> Option<Model> {
    let wiring = Wiring::new(params);
    let mut all: Vec<Node<'_>> = Vec::new();
    let inputs = 1 + random.below(3) as usize;
    for i in 0..inputs {
        let name = format!("input{i}");
        all.push(match random.below(2) {
            0 => wiring.input(&name, [1 + random.below(6) as usize]),
            _ => wiring.input(&name, [1 + random.below(3) as usize, 6, 7]),
        });
    }
    let units: Vec<_> = (0..2).map(|i| wiring.unit(&format!("shared{i}"), |s| Dense::new(s, 4, 4))).collect();
    for step in 0..3 + random.below(12) {
        let (x, name) = (all[random.below(all.len() as u64) as usize], format!("layer{step}"));
        let sizes = x.sizes().unwrap();
        let image = sizes.rank() == 4;
        let outputs = 1 + random.below(5) as usize;
        let like: Vec<Node<'_>> =
            all.iter().copied().filter(|y| y.sizes().unwrap().to_string() == sizes.to_string()).collect();
        all.push(match random.below(10) {
            0 | 1 if image && sizes.len(2).unwrap() >= 3 && sizes.len(3).unwrap() >= 3 => {
                x.layer(&name, |s| Conv2d::new(s, x.channels(), outputs, [3, 3]))
            }
            2 if image => x.apply(GlobalMeanPool),
            3 => x.apply(Flatten),
            4 => x.apply(Map::Tanh),
            5 => wiring.add(&name, &like),
            6 => wiring.concat(&name, &like),
            7 => wiring.lambda(&name, &like, |xs| xs[0].square() + xs[xs.len() - 1].sin()),
            8 if x.width() == 4 => x.through(units[random.below(2) as usize]),
            _ => x.layer(&name, |s| Dense::new(s, x.width(), outputs)),
        });
    }
    // Some of the values that nothing comes after, as outputs; inputs that lead to none are left out.
    let outputs = [all[all.len() - 1], all[all.len() - 2]];
    let named = [("last", outputs[0]), ("other", outputs[1])];
    for mask in (1..1usize << inputs).rev() {
        let some: Vec<Node<'_>> = (0..inputs).filter(|i| mask >> i & 1 == 1).map(|i| all[i]).collect();
        if let Ok(model) = Model::new(&some, &named) {
            return Some(model);
        }
    }
    None
}

#[test]
fn random_wirings_have_the_shapes_and_the_numbers_that_they_say() {
    let mut random = Random::new(21);
    for case in 0..60 {
        let mut params = Params::new(case);
        let model = random_model(&mut random, &mut params).expect("some inputs fit the outputs");
        let batch = 1 + random.below(4) as usize;
        let xs: Vec<(String, Eager)> = model
            .inputs()
            .map(|(name, sizes)| {
                (name.to_string(), Eager::new(numbers(&mut random, &sizes.at(batch).unwrap())))
            })
            .collect();
        let given: Vec<(&str, &Eager)> = xs.iter().map(|(name, x)| (name.as_str(), x)).collect();
        let found = model.run(&params.eager(), &given).unwrap();
        for ((name, sizes), (_, found)) in model.outputs().zip(found.iter()) {
            assert_eq!(sizes.at(batch).as_ref(), Ok(found.tensor().unwrap().shape()), "case {case}: {name}");
        }
        // The table counts what leads to the outputs, each parameter once.
        let tape = Tape::new();
        let bound = params.on(&tape);
        let xs: Vec<_> =
            xs.iter().map(|(name, x)| (name.as_str(), tape.var(x.tensor().unwrap().clone()))).collect();
        let given: Vec<_> = xs.iter().map(|(name, x)| (*name, x)).collect();
        let found = model.run(&bound, &given).unwrap();
        let targets: Vec<_> = found.iter().map(|(_, y)| *y).collect();
        let depends =
            |leaf: &_| tape.depends(&targets, std::slice::from_ref(leaf), &[]).unwrap().iter().any(|x| *x);
        let used: usize = params
            .entries()
            .filter(|e| depends(bound.get(&e.handle()).unwrap()))
            .map(|e| e.shape().len())
            .sum();
        let summary = model.summary(&params).unwrap();
        assert_eq!(summary.parameters() as usize, used, "case {case}\n{summary}");
        assert!(model.drawing(&params).unwrap().svg().ends_with("</svg>\n"));
    }
}

#[test]
fn multiply_adds_and_memory_are_those_counted_by_hand() {
    let (params, model, _) = both::<f32>();
    let summary = model.summary(&params).unwrap();
    // Outputs times the weights that each one sees.
    for (name, count) in [
        ("stem", 4 * 8 * 8 * (3 * 3)),
        ("left", 6 * 3 * 3 * (4 * 3 * 3)),
        ("right", 6 * 3 * 3 * (4 * 3 * 3)),
        ("small", 16 * 5),
        ("tower", 5 * 3),
        ("tower (2)", 5 * 3),
        ("class", 9 * 4),
        ("size", 9),
        ("multiply", 0),
    ] {
        assert_eq!(summary.row(name).unwrap().multiply_adds, count, "{name}\n{summary}");
    }
    for (name, count) in
        [("stem", 40), ("left", 222), ("right", 216), ("tower", 18), ("tower (2)", 0), ("class", 40)]
    {
        assert_eq!(summary.row(name).unwrap().parameters, count, "{name}\n{summary}");
    }
    assert_eq!(summary.parameters() as usize, params.len());
    assert_eq!(summary.row("flatten").unwrap().activations, 0, "a view");
    assert_eq!(summary.row("image").unwrap().activations, 256);
    let ten = model.summary_of(&params, 10).unwrap();
    assert_eq!(ten.multiply_adds(), 10 * summary.multiply_adds());

    // What a tape really keeps: the numbers of all buffers that its entries look at, beside parameters and constants.
    let tape = Tape::new();
    let bound = params.on(&tape);
    let xs = inputs::<f32>(10).map(|x| tape.var(x));
    model.run(&bound, &given(xs.each_ref())).unwrap();
    let (mut buffers, mut kept) = (std::collections::BTreeSet::new(), 0);
    for entry in tape.entries() {
        let tensor = entry.value.tensor().unwrap();
        let is_input = xs.iter().any(|x| x.index() == Some(entry.index));
        let is_new = tensor.memory().is_none_or(|(address, _)| buffers.insert(address));
        if is_new && (is_input || !entry.is_leaf()) {
            kept += 4 * tensor.len() as u64;
        }
    }
    assert_eq!(ten.activations(), kept, "{ten}");
}

#[test]
fn the_table_is_aligned_and_closures_have_one_too() {
    let (params, model, _) = both::<f32>();
    let text = model.summary(&params).unwrap().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("layer") && lines[0].ends_with("activations"), "{text}");
    let column = lines[0].find("output").unwrap();
    for line in &lines[2..lines.len() - 4] {
        assert_eq!(&line[column..column + 2], "[N", "{text}");
    }
    assert!(text.contains("parameters: 631 trained, 2.5 KiB as f32\nmultiply-adds: "), "{text}");
    println!("{text}");

    let hand = {
        let mut others = Params::<f32>::new(5);
        ByHand::new(&mut others)
    };
    let xs = inputs::<f32>(1).map(|x| *x.shape());
    let named: Vec<(&str, Shape)> = ["image", "thumb", "vector"].into_iter().zip(xs).collect();
    let program =
        Summary::of_program(&params, &named, |bound, xs| hand.run(bound, [&xs[0], &xs[1], &xs[2]]).to_vec())
            .unwrap();
    let summary = model.summary(&params).unwrap();
    assert_eq!(program.multiply_adds(), summary.multiply_adds());
    assert_eq!(program.parameters(), summary.parameters());
    assert_eq!(program.activations(), summary.activations());
    println!("{program}");
    assert!(program.drawing().mermaid().contains("--> "));
    let failed = Summary::of_program(&params, &named, |_, xs| vec![xs[0].matmul(xs[2])]).unwrap_err();
    assert!(failed.to_string().starts_with("matmul: [1, 1, 8, 8] x [1, 1, 1, 5]"), "{failed}");
}

#[test]
fn drawings_show_names_shapes_and_arrows() {
    let (params, model, _) = both::<f32>();
    let drawing = model.drawing(&params).unwrap();
    let (mermaid, dot, svg) = (drawing.mermaid(), drawing.dot(), drawing.svg());
    assert!(mermaid.starts_with("flowchart TD\n  n0([\"image<br/>input<br/>[N, 1, 8, 8]\"])"), "{mermaid}");
    assert!(
        dot.contains("[label=\"stem\\nConv2d, 40 parameters\\n[N, 4, 8, 8]\", shape=box, style=bold];"),
        "{dot}"
    );
    // Each arrow once in each: both branches from the stem, both places of the tower, both heads.
    let arrows = mermaid.matches(" --> ").count();
    assert_eq!((dot.matches(" -> ").count(), svg.matches("marker-end").count()), (arrows, arrows));
    assert_eq!(
        svg.matches("<rect").count(),
        1 + mermaid.lines().count() - 1 - arrows,
        "a box each, and the ground"
    );
    assert!(svg.contains(">tower (2)</text>") && svg.contains(">[N, 6, 3, 3]</text>"), "{svg}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    // The last stroke of an arrow has a length, or its tip would point anywhere.
    for path in svg.lines().filter_map(|line| line.strip_prefix("<path d=\"")) {
        let path = path.split('"').next().unwrap();
        let points: Vec<&str> = path.split(['M', 'L', 'C']).collect();
        let [.., before, last] = points[..] else { continue };
        assert!(!before.ends_with(last), "{path}");
    }
    if let Ok(folder) = std::env::var("TRESS_DRAWINGS") {
        std::fs::write(format!("{folder}/model.svg"), &svg).unwrap();
    }
}

#[test]
fn layers_without_a_scope_count_by_what_they_use() {
    let mut params = Params::<f32>::new(1);
    let own = Sequential::new().then(Dense::new(&mut params.scope("own"), 4, 3).unwrap()).then(Map::Relu);
    let wiring = Wiring::new(&mut params);
    let x = wiring.input("x", [1, 6, 6]);
    let y = x.apply(MaxPool2d::new([3, 3])).apply(Flatten).apply(own);
    let model = Model::new(&[x], &[("y", y)]).unwrap();
    let summary = model.summary(&params).unwrap();
    assert_eq!(summary.row("sequential").unwrap().parameters, 15, "{summary}");
}
