//! What a user of Tress compiles to train a perceptron: 784-128-10, twenty steps of Adam.

use tress::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut params = Params::<f32>::new(1);
    let a = Dense::new(&mut params.scope("a"), 784, 128)?.activation(Map::Relu);
    let b = Dense::new(&mut params.scope("b"), 128, 10)?;
    let mut random = tress::nn::Random::new(1);
    let x = Tensor::from_fn([64, 784], |_| random.normal() as f32)?;
    let y = Labels::new((0..64).map(|i| i % 10), 10)?;
    let (mut tape, mut adam) = (Tape::new(), Adam::new(1e-3));
    for step in 0..20 {
        let (loss, gradient) = {
            let bound = params.on(&tape);
            let loss = cross_entropy(&b.apply(&bound, &a.apply(&bound, &tape.var(x.clone()))), &y);
            (loss.item()?, loss.gradient(&bound)?)
        };
        tape.reset();
        adam.step(&mut params, &gradient)?;
        println!("{step} {loss}");
    }
    Ok(())
}
