//! A tape: a program records itself while it runs, is printed, and is swept backwards.
//!
//! `cargo run --example tape`

use tress::prelude::*;

/// Records a small program and compares its swept gradient with the chain rule done by hand.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tape = Tape::new();
    let x = tape.var(Tensor::new([1, 2], &[1.0f64, 2.0])?);
    let w = tape.var(Tensor::new([2, 1], &[0.5, -0.2])?);
    let y = x.matmul(w).tanh();
    // `y` is used twice. Two cotangents arrive at it, and only their sum may go on to the `tanh` behind it.
    let loss = (y.square() + y).sum_all();

    println!("The program, one numbered line an entry; an operand is always above its result:\n\n{tape}");
    let swept = loss.gradients(&[y, w, x])?;

    // By hand, from the last line to the first: l = y^2 + y with y = tanh(s) and s = x w.
    let s = 1.0 * 0.5 + 2.0 * -0.2;
    let y_value = f64::tanh(s);
    let at_y = 2.0 * y_value + 1.0;
    let at_s = at_y * (1.0 - y_value * y_value);
    let at_w = [at_s * 1.0, at_s * 2.0];
    let at_x = [at_s * 0.5, at_s * -0.2];

    println!("The sweep, from the last entry to the first, beside the chain rule by hand:\n");
    for (name, swept, hand) in
        [("y", &swept[0], &[at_y][..]), ("w", &swept[1], &at_w), ("x", &swept[2], &at_x)]
    {
        let swept = swept.tensor()?.to_vec();
        println!("dl/d{name}  swept {swept:.6?}  by hand {hand:.6?}");
        for (swept, hand) in swept.iter().zip(hand) {
            assert!((swept - hand).abs() < 1e-14, "{name}: {swept} and {hand}");
        }
    }

    // Operands that do not fit are no panic: the tape remembers the first mistake and its line.
    let wrong = x.matmul(x).tanh();
    let message = wrong.tensor().unwrap_err().to_string();
    println!("\nA mistake: {message}");
    assert!(message.starts_with("matmul: [1, 2] x [1, 2]: inner lengths 2 and 1 differ"), "{message}");
    Ok(())
}
