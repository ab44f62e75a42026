//! Detection on a grid: what is assigned is read back, losses are those of the definition, and squares are found.

use tress_autograd::{Eager, Tape};
use tress_mtl::detect::{Detection, Grid, Object, count, overlap, suppress};
use tress_nn::metric::BoxPrecision;
use tress_nn::{Adam, Conv2d, Gradient, Layer, MaxPool2d, Optimiser, Params, Random, Sequential};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

fn object(corners: [f64; 4], class: u32) -> Object {
    Object { corners, class }
}

#[test]
fn an_ideal_output_is_read_back_as_the_objects() {
    let grid = Grid::new([4, 6], 5.0, 3).unwrap();
    let mut random = Random::new(1);
    for round in 0..50 {
        let mut pictures = Vec::new();
        for _ in 0..3 {
            let mut objects: Vec<Object> = Vec::new();
            for _ in 0..random.below(4) {
                let (w, h) = (1.0 + 14.0 * random.uniform(), 1.0 + 14.0 * random.uniform());
                let (x, y) = (30.0 * random.uniform(), 20.0 * random.uniform());
                let cell = |x: f64, y: f64| ((x / 5.0).floor(), (y / 5.0).floor());
                let taken = |o: &Object| {
                    let [x1, y1, x2, y2] = o.corners;
                    cell((x1 + x2) / 2.0, (y1 + y2) / 2.0) == cell(x, y)
                };
                if !objects.iter().any(taken) {
                    let corners = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
                    objects.push(object(corners, random.below(3) as u32));
                }
            }
            pictures.push(objects);
        }
        let assigned = grid.assign::<f64>(&pictures).unwrap();
        assert_eq!(assigned.objects(), pictures.iter().map(Vec::len).sum::<usize>());
        assert_eq!(assigned.lost(), 0);
        let ideal = grid.ideal::<f64>(&pictures).unwrap();
        assert_eq!(**ideal.shape(), [3, 8, 4, 6]);
        let mut precision = BoxPrecision::new(3).unwrap();
        for (found, there) in grid.detect(&ideal, 0.5).unwrap().iter().zip(&pictures) {
            assert_eq!(found.len(), there.len(), "{round}");
            for object in there {
                let hit = |found: &&Detection| overlap(&found.corners, &object.corners) > 1.0 - 1e-4;
                assert_eq!(found.iter().find(hit).unwrap().class, object.class);
            }
            count(&mut precision, found, there).unwrap();
        }
        assert!(precision.value().is_none_or(|value| value == 1.0));
        let losses = grid.losses(&Eager::new(ideal), &assigned);
        for loss in [&losses.objectness, &losses.boxes, &losses.classes] {
            assert!(loss.item().unwrap() < 1e-2, "nothing is left to learn");
        }
        assert!(losses.sum().item().unwrap() < 1e-2);
    }
}

#[test]
fn losses_are_those_of_the_definition() {
    let grid = Grid::new([2, 2], 4.0, 2).unwrap();
    // One object in the lower left cell of the second picture: 2 wide, 4 high, around (1, 6).
    let pictures = [vec![], vec![object([0.0, 4.0, 2.0, 8.0], 1)]];
    let assigned = grid.assign::<f64>(&pictures).unwrap();
    let output =
        Tensor::from_fn([2, 7, 2, 2], |i| (i[0] * 3 + i[1] * 5 + i[2] * 2 + i[3]) as f64 % 4.0 / 2.0 - 1.0);
    let output = output.unwrap();
    let at = |channel: usize| output[[1, channel, 1, 0]];
    let softplus = |x: f64| x.exp().ln_1p();
    let mut objectness = 0.0;
    for (n, r, s) in (0..8).map(|i| (i / 4, i / 2 % 2, i % 2)) {
        let logit = output[[n, 0, r, s]];
        objectness += if (n, r, s) == (1, 1, 0) { softplus(-logit) } else { softplus(logit) };
    }
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (x, y) = (4.0 * sigmoid(at(1)), 4.0 * (1.0 + sigmoid(at(2))));
    let (w, h) = (4.0 * softplus(at(3)), 4.0 * softplus(at(4)));
    let found = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
    let truth = [0.0, 4.0, 2.0, 8.0];
    let around = (found[2].max(2.0) - found[0].min(0.0)) * (found[3].max(8.0) - found[1].min(4.0));
    let shared = overlap(&found, &truth);
    let union = (w * h + 8.0) / (1.0 + shared); // the shared part counts once
    let boxes = 1.0 - shared + (around - union) / around;
    let classes = softplus(at(5) - at(6));
    let losses = grid.losses(&Eager::new(output.clone()), &assigned);
    assert!((losses.objectness.item().unwrap() - objectness).abs() < 1e-12);
    assert!((losses.boxes.item().unwrap() - boxes).abs() < 1e-6);
    assert!((losses.classes.item().unwrap() - classes).abs() < 1e-12);

    let scored = grid.detect(&output, 0.0).unwrap();
    assert_eq!((scored.len(), scored[0].len(), scored[1].len()), (2, 4, 4), "one a cell");
    let found_there = scored[1][2];
    let likely = sigmoid(at(5).max(at(6)) - at(5).min(at(6)));
    assert!((found_there.score - sigmoid(at(0)) * likely).abs() < 1e-12);
    assert!(found_there.corners.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-12));

    let empty = grid.assign::<f64>(&[vec![], vec![]]).unwrap();
    let tape = Tape::new();
    let losses = grid.losses(&tape.var(output), &empty);
    assert_eq!((losses.boxes.item().unwrap(), losses.classes.item().unwrap()), (0.0, 0.0));
    assert!(losses.sum().item().unwrap() > 0.0, "no object is something to learn too");
}

#[test]
fn the_larger_of_two_objects_has_the_cell() {
    let grid = Grid::new([2, 2], 4.0, 2).unwrap();
    for swapped in [false, true] {
        let mut objects = vec![object([0.0, 0.0, 2.0, 2.0], 0), object([0.0, 0.0, 4.0, 4.0], 1)];
        if swapped {
            objects.reverse();
        }
        let assigned = grid.assign::<f32>(&[objects.clone()]).unwrap();
        assert_eq!((assigned.objects(), assigned.lost()), (1, 1));
        let found = grid.detect(&grid.ideal::<f32>(&[objects]).unwrap(), 0.5).unwrap();
        assert_eq!(found[0][0].class, 1);
    }
}

#[test]
fn suppression_keeps_the_best_of_each_place_and_class() {
    let found =
        |x: f64, class: u32, score: f64| Detection { corners: [x, 0.0, x + 10.0, 10.0], class, score };
    // Overlaps with the first: 0.667, 0.25, 0.667; the last is of another class.
    let all = vec![found(6.0, 0, 0.3), found(0.0, 0, 0.9), found(2.0, 0, 0.8), found(2.0, 1, 0.7)];
    let kept = suppress(all.clone(), 0.5);
    assert_eq!(kept.iter().map(|d| d.score).collect::<Vec<_>>(), [0.9, 0.7, 0.3]);
    assert_eq!(suppress(all.clone(), 0.7).len(), 4);
    assert_eq!(suppress(all, 0.2).iter().map(|d| d.score).collect::<Vec<_>>(), [0.9, 0.7]);
    // Properties, on random boxes.
    let mut random = Random::new(2);
    for _ in 0..100 {
        let all: Vec<Detection> = (0..20)
            .map(|_| {
                let mut at = || 10.0 * random.uniform();
                let (x, y, w, h) = (at(), at(), 1.0 + at(), 1.0 + at());
                let score = random.uniform();
                Detection { corners: [x, y, x + w, y + h], class: random.below(2) as u32, score }
            })
            .collect();
        let kept = suppress(all.clone(), 0.4);
        let hides =
            |a: &Detection, b: &Detection| a.class == b.class && overlap(&a.corners, &b.corners) > 0.4;
        for (i, a) in kept.iter().enumerate() {
            assert!(kept[..i].iter().all(|b| b.score >= a.score && !hides(a, b)));
        }
        for lost in all.iter().filter(|d| !kept.contains(d)) {
            assert!(kept.iter().any(|k| k.score >= lost.score && hides(k, lost)));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(Grid::new([0, 2], 4.0, 2).is_err() && Grid::new([2, 2], 0.0, 2).is_err());
    let grid = Grid::new([2, 2], 4.0, 2).unwrap();
    let right = object([0.0, 0.0, 2.0, 2.0], 0);
    for (wrong, value) in [
        (object([0.0, 1.0, 0.0, 4.0], 0), "corners [0.0, 1.0, 0.0, 4.0]"),
        (object([0.0, 0.0, f64::NAN, 4.0], 0), "corners [0.0, 0.0, NaN, 4.0]"),
        (object([8.0, 0.0, 10.0, 2.0], 0), "centre at x = 9, y = 1, outside of the grid of 8 x 8 pixels"),
        (object([-3.0, 0.0, 1.0, 2.0], 0), "centre at x = -1, y = 1"),
        (object([0.0, 0.0, 2.0, 2.0], 2), "class 2; those of this grid are 0 to 1"),
    ] {
        let pictures = [vec![], vec![right], vec![right, right, wrong]];
        let said = grid.assign::<f32>(&pictures).unwrap_err().to_string();
        assert!(said.starts_with("object 2 of picture 2 ") && said.contains(value), "{said}");
    }
    // A class that is none is named where a larger object has its cell as well.
    let hidden = [vec![object([0.0, 0.0, 4.0, 4.0], 0), object([1.0, 1.0, 3.0, 3.0], 9)]];
    assert!(
        grid.assign::<f32>(&hidden).unwrap_err().to_string().contains("object 1 of picture 0 is of class 9")
    );
    assert!(grid.detect(&Tensor::<f32>::zeros([1, 6, 2, 2]).unwrap(), 0.5).is_err());
    let lost = Tensor::<f32>::full([1, 7, 2, 2], f32::NAN).unwrap();
    assert!(grid.detect(&lost, 0.5).unwrap_err().to_string().contains("detection head"));
    let assigned = grid.assign::<f32>(&[vec![]]).unwrap();
    let losses = grid.losses(&Eager::new(Tensor::zeros([1, 7, 3, 2]).unwrap()), &assigned);
    assert!(losses.sum().item().unwrap_err().to_string().contains("grid"));
}

/// Bright squares and dark ones on grey: both are found where they are, by pictures that were not trained on.
#[test]
fn squares_are_found() {
    let grid = Grid::new([4, 4], 6.0, 2).unwrap();
    let draw = |random: &mut Random| {
        let mut pixels = vec![0.5f32; 24 * 24];
        let (w, h) = (5 + random.below(6) as usize, 5 + random.below(6) as usize);
        let (x, y) = (random.below(24 - w as u64) as usize, random.below(24 - h as u64) as usize);
        let class = random.below(2) as u32;
        for row in y..y + h {
            pixels[row * 24 + x..][..w].fill(class as f32);
        }
        (pixels, vec![object([x as f64, y as f64, (x + w) as f64, (y + h) as f64], class)])
    };
    let mut params = Params::<f32>::new(2);
    let conv = |scope: &mut tress_nn::Scope<'_, f32>, i, o, k| {
        Conv2d::builder(i, o, [k, k]).same().activation(Map::Relu).build(scope).unwrap()
    };
    let network = Sequential::new()
        .then(conv(&mut params.scope("a"), 1, 8, 3))
        .then(MaxPool2d::new([2, 2]))
        .then(conv(&mut params.scope("b"), 8, 16, 3))
        .then(MaxPool2d::new([3, 3]))
        .then(conv(&mut params.scope("c"), 16, 32, 3))
        .then(Conv2d::new(&mut params.scope("head"), 32, grid.outputs(), [1, 1]).unwrap());
    let batch = |random: &mut Random, n: usize| {
        let (pixels, objects): (Vec<_>, Vec<_>) = (0..n).map(|_| draw(random)).unzip();
        (Tensor::new([n, 1, 24, 24], &pixels.concat()).unwrap(), objects)
    };
    let precision = |params: &Params<f32>| {
        let (x, objects) = batch(&mut Random::new(99), 100);
        let output = network.apply(&params.eager(), &Eager::new(x));
        let mut precision = BoxPrecision::new(2).unwrap();
        for (found, there) in grid.detect(output.tensor().unwrap(), 0.05).unwrap().into_iter().zip(&objects) {
            count(&mut precision, &suppress(found, 0.5), there).unwrap();
        }
        precision.at_half().unwrap()
    };
    let before = precision(&params);
    let (mut random, mut adam, mut tape) = (Random::new(1), Adam::new(0.004), Tape::new());
    for _ in 0..250 {
        let (x, objects) = batch(&mut random, 16);
        let bound = params.on(&tape);
        let output = network.apply(&bound, &tape.var(x));
        let loss = grid.losses(&output, &grid.assign(&objects).unwrap()).sum();
        let gradient = loss.gradient(&bound).unwrap();
        tape.reset();
        adam.step(&mut params, &gradient).unwrap();
    }
    let after = precision(&params);
    assert!(before < 0.05 && after > 0.6, "{before} {after}");
}
