//! What a step of a gated recurrent network does beside its products, in one pass over the numbers, and its gradient.

use super::disjoint::Disjoint;
use crate::pointwise::{Gates, Real, gates as formulas};
use crate::simd::{Kernel, Lanes, Vector};
use crate::{Float, parallel};
use core::ops::Range;

/// Hidden numbers of a task, each of which is five exponentials or so.
const TASK: usize = 1 << 11;

/// `out = gates(x)`, all dense, for so many samples and hidden numbers; the shapes are those that [`Gates`] says.
pub(crate) fn gates<T: Float>(gates: Gates, x: &[&[T]], [samples, hidden]: [usize; 2], out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let sizes = [samples, hidden];
    let product = |x, part| Column::beside(x, gates.parts(), part, hidden);
    let one = |x| Column::beside(x, 1, 0, hidden);
    // Results that lie one behind the other, of so many parts each.
    let (n, part) = (samples * hidden, gates.parts());
    let place = |start: usize, parts: usize, i: usize| (start * n + i * hidden, parts * hidden);
    match (gates, x) {
        (Gates::Lstm, &[a, b, c]) => {
            let mut from = [one(c); 9];
            (0..4).for_each(|i| (from[i], from[4 + i]) = (product(a, i), product(b, i)));
            run(Lstm, from, [place(0, 1, 0), place(1, 1, 0)], sizes, out);
        }
        (Gates::LstmGrad, &[a, b, c, g]) => {
            let mut from = [one(c); 11];
            (0..4).for_each(|i| (from[i], from[4 + i]) = (product(a, i), product(b, i)));
            (from[9], from[10]) = (one(&g[..n]), one(&g[n..]));
            let mut to = [place(part, 1, 0); 5];
            (0..4).for_each(|i| to[i] = place(0, part, i));
            run(LstmGrad, from, to, sizes, out);
        }
        (Gates::Gru, &[a, b, h]) => {
            let mut from = [one(h); 7];
            (0..3).for_each(|i| (from[i], from[3 + i]) = (product(a, i), product(b, i)));
            run(Gru, from, [place(0, 1, 0)], sizes, out);
        }
        (Gates::GruGrad, &[a, b, h, g]) => {
            let mut from = [one(h); 8];
            (0..3).for_each(|i| (from[i], from[3 + i]) = (product(a, i), product(b, i)));
            from[7] = one(g);
            let mut to = [place(2 * part, 1, 0); 7];
            (0..3).for_each(|i| (to[i], to[3 + i]) = (place(0, part, i), place(part, part, i)));
            run(GruGrad, from, to, sizes, out);
        }
        _ => unreachable!("as many operands as `Gates` says"),
    }
}

/// One part of an operand: a row for each sample.
#[derive(Clone, Copy)]
struct Column<'a, T> {
    numbers: &'a [T],
    stride: usize,
}

impl<'a, T> Column<'a, T> {
    /// Part `part` of `parts` that lie beside each other in each row.
    fn beside(x: &'a [T], parts: usize, part: usize, hidden: usize) -> Self {
        Self { numbers: &x[part * hidden..], stride: parts * hidden }
    }
}

/// A formula as a type: each has a loop of its own.
trait Rule<const IN: usize, const OUT: usize>: Copy + parallel::Shared {
    fn of<R: Real>(self, x: [R; IN]) -> [R; OUT];
}

macro_rules! rules {
    ($($name:ident, $formula:ident: $operands:literal to $results:literal;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name;

        impl Rule<$operands, $results> for $name {
            #[inline(always)]
            fn of<R: Real>(self, x: [R; $operands]) -> [R; $results] {
                formulas::$formula(x)
            }
        }
    )*};
}

rules! {
    Lstm, lstm: 9 to 2;
    LstmGrad, lstm_grad: 11 to 5;
    Gru, gru: 7 to 1;
    GruGrad, gru_grad: 8 to 7;
}

/// Applies a rule to all samples. Each of its results is written from its place on, at its stride from sample to sample.
fn run<T: Float, const IN: usize, const OUT: usize>(
    rule: impl Rule<IN, OUT>,
    from: [Column<'_, T>; IN],
    to: [(usize, usize); OUT],
    [samples, hidden]: [usize; 2],
    out: &mut [T],
) {
    let out = Disjoint::new(out);
    let batch = (TASK / hidden).max(1);
    parallel::for_each(samples.div_ceil(batch), |i| {
        let samples = i * batch..((i + 1) * batch).min(samples);
        T::dispatch(Samples { rule, from: &from, to, samples, hidden, out: &out });
    });
}

struct Samples<'a, T, F, const IN: usize, const OUT: usize> {
    rule: F,
    from: &'a [Column<'a, T>; IN],
    to: [(usize, usize); OUT],
    samples: Range<usize>,
    hidden: usize,
    out: &'a Disjoint<'a, T>,
}

impl<T: Float, F: Rule<IN, OUT>, const IN: usize, const OUT: usize> Kernel<T> for Samples<'_, T, F, IN, OUT> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Self { rule, from, to, samples, hidden, out } = self;
        let lanes = I::V::LANES;
        let zero = isa.splat(T::ZERO);
        for sample in samples {
            let (mut rows, mut slots) = ([core::ptr::null(); IN], [core::ptr::null_mut(); OUT]);
            for n in 0..IN {
                rows[n] = from[n].numbers[sample * from[n].stride..][..hidden].as_ptr();
            }
            for n in 0..OUT {
                let (start, stride) = to[n];
                // SAFETY: each sample has its own rows of each result.
                slots[n] = unsafe { out.part(start + sample * stride, hidden) }.as_mut_ptr();
            }
            let mut i = 0;
            while i < hidden {
                let count = hidden - i;
                let mut x = [zero; IN];
                // One copy of the formula, and so the same bits wherever a number lies.
                for n in 0..IN {
                    // SAFETY: the row has `hidden` numbers, and `i + min(count, LANES) <= hidden`.
                    x[n] = unsafe {
                        match count >= lanes {
                            true => isa.load(rows[n].add(i)),
                            false => isa.load_first(count, rows[n].add(i)),
                        }
                    };
                }
                let y = rule.of(x);
                for n in 0..OUT {
                    // SAFETY: as above, for rows of the result.
                    unsafe {
                        match count >= lanes {
                            true => y[n].store(slots[n].add(i)),
                            false => y[n].store_first(count, slots[n].add(i)),
                        }
                    }
                }
                i += lanes;
            }
        }
    }
}
