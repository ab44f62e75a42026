//! A network for a microcontroller: learns a sine, and is saved with its program for `tress fit` and `tress export`.
//!
//! ```text
//! cargo run --release --example sine -- sine.safetensors
//! tress fit sine.safetensors --target m0
//! tress export sine.safetensors --c sine.h
//! tress export sine.safetensors --rust sine-int8 --int8 --calibrate sine.npy
//! ```

use std::error::Error;
use std::path::Path;

use tress::nn::device::Program;
use tress::nn::file::{write_atomic, write_npy};
use tress::prelude::*;

/// Trains, records, quantises, and saves where it is told.
pub fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).filter(|path| path.ends_with(".safetensors"));

    // One number in, one out, two layers of sixteen between: 321 parameters.
    let mut params = Params::<f32>::new(1);
    let model = Sequential::new()
        .then(Dense::new(&mut params.scope("first"), 1, 16)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("second"), 16, 16)?.activation(Map::Relu))
        .then(Dense::new(&mut params.scope("third"), 16, 1)?);

    let x = Tensor::from_fn([64, 1], |i| i[0] as f32 / 10.0 - 3.15)?;
    let y = x.map(Map::Sin);
    let (mut tape, mut adam) = (Tape::new(), Adam::new(0.01));
    let mut last = f32::NAN;
    for _ in 0..600 {
        let bound = params.on(&tape);
        let loss = mse(&model.apply(&bound, &tape.var(x.clone())), &tape.var(y.clone()));
        let (value, gradient) = loss.value_and_gradient(&bound)?;
        tape.reset();
        adam.step(&mut params, &gradient)?;
        last = value;
    }

    // The program is recorded from shapes alone; what it needs is known before it runs anywhere.
    let program = Program::record(&params, &[("x", &[1, 1])], |bound, xs| {
        Ok(vec![("y".to_owned(), model.apply(bound, &xs[0]))])
    })?;
    let plan = program.plan()?;
    println!("loss {last:.5}, {} multiply-adds, arena {} bytes", plan.multiply_adds(), plan.arena::<f32>());

    // As bytes, it errs a little more.
    let samples = x.to_vec();
    let bytes = program.quantise(samples.iter().map(|x| [std::slice::from_ref(x)]))?;
    let mut furthest = 0.0f32;
    for x in &samples {
        let (float, byte) = (program.run(&[&[*x]])?, bytes.run_numbers(&[&[*x]])?);
        furthest = furthest.max((float[0][0] - byte[0][0]).abs());
    }
    println!("bytes are within {furthest:.3} of floats, in an arena of {} bytes", bytes.plan().arena::<i8>());

    if let Some(path) = path {
        write_atomic(Path::new(&path), &program.save_beside(&params))?;
        write_atomic(Path::new(&path).with_extension("npy"), &write_npy(&x))?;
    }
    assert!(last < 0.01 && furthest < 0.1);
    Ok(())
}
