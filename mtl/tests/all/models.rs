//! What tasks share is read off a model that was wired by names, as off any other program.

use tress_autograd::{Pointwise, Reduce, Tape};
use tress_mtl::balance::PcGrad;
use tress_mtl::{sharing, sweep};
use tress_nn::model::{Model, Wiring};
use tress_nn::{Conv2d, Dense, Flatten, GlobalMeanPool, Gradient, Params};
use tress_tensor::Tensor;
use tress_tensor::pointwise::Map;

#[test]
fn the_cut_of_a_model_is_where_its_heads_begin() {
    let mut params = Params::<f64>::new(3);
    let net = Wiring::new(&mut params);
    let (image, facts) = (net.input("image", [1, 6, 6]), net.input("facts", [4]));
    let seen = image.layer("seen", |s| Conv2d::new(s, 1, 3, [3, 3])).apply(Map::Tanh);
    let told = facts.layer("told", |s| Dense::new(s, 4, 3));
    let both = net.concat("both", &[seen.apply(GlobalMeanPool), told]);
    let trunk = both.layer("trunk", |s| Dense::new(s, 6, 5)).apply(Map::Tanh);
    let class = trunk.layer("class", |s| Dense::new(s, 5, 4));
    // A head that looks at the image again, past the trunk.
    let again = net.concat("again", &[trunk, seen.apply(Flatten)]);
    let size = again.layer("size", |s| Dense::new(s, again.width(), 1));
    let model = Model::new(&[image, facts], &[("class", class), ("size", size)]).unwrap();

    let tape = Tape::new();
    let bound = params.on(&tape);
    let image =
        tape.var(Tensor::from_fn([5, 1, 6, 6], |i| (i[0] + 2 * i[2] * i[3]) as f64 / 30.0 - 0.4).unwrap());
    let facts = tape.var(Tensor::from_fn([5, 4], |i| (i[0] * 3 + i[1]) as f64 / 9.0 - 1.0).unwrap());
    let found = model.run(&bound, &[("image", &image), ("facts", &facts)]).unwrap();
    let losses = [found["class"].square().mean_all(), found["size"].tanh().mean_all()];

    let tasks = sharing::tasks_of(&losses, &bound, &params).unwrap();
    for (name, tasks) in &tasks {
        let expected: &[usize] = match name.split('.').next().unwrap() {
            "class" => &[0],
            "size" => &[1],
            _ => &[0, 1],
        };
        assert_eq!(tasks, expected, "{name}");
    }
    let cut = sharing::cut(&losses, &bound).unwrap();
    let shapes: Vec<Vec<usize>> = cut.iter().map(|var| tress_autograd::Value::shape(var).to_vec()).collect();
    assert_eq!(shapes, [vec![5, 3, 4, 4], vec![5, 5]], "the image that the second head sees, and the trunk");

    // One sweep from the cut gives the gradients that two sweeps of everything give.
    let jacobian = sweep::shared_jacobian(&losses, &cut, &bound, &params).unwrap();
    let trunk = params.range_of("trunk").unwrap();
    for (k, loss) in losses.iter().enumerate() {
        let alone = loss.gradient(&bound).unwrap();
        let part = |x: &Tensor<f64>| x.slice(0, trunk.start, trunk.end, 1).unwrap();
        assert_eq!(part(&jacobian.at(0, k).unwrap()), part(&alone));
    }
    let step = sweep::balanced(&losses, &cut, &bound, &params, &mut PcGrad::new(1)).unwrap();
    assert_eq!(step.gradient.len(), params.len());
}
