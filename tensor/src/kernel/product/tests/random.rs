//! Products at random against their definition: sizes, strides and everything that is done on the way.

use super::*;

/// Whole numbers that look random, the same on every machine.
struct Draw(u64);

impl Draw {
    fn from(&mut self, low: usize, high: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (self.0 >> 33) as usize % (high - low + 1)
    }

    fn one_of<V: Copy>(&mut self, values: &[V]) -> V {
        values[self.from(0, values.len() - 1)]
    }
}

/// How a stack of matrices lies: where its first number is, and the steps of each of its axes, of which any may run backwards or
/// stand still.
#[derive(Debug)]
struct Lies {
    size: [usize; 2],
    origin: usize,
    strides: [isize; 2],
    /// From one matrix to the next.
    apart: isize,
    /// Numbers in the slice.
    len: usize,
}

impl Lies {
    fn at_random(draw: &mut Draw, count: usize, size: [usize; 2]) -> Self {
        let inner = draw.from(0, 1); // of both axes the one whose numbers lie nearer to each other
        let step = draw.one_of(&[1, 1, 1, 1, 2, 3]);
        let pitch = size[inner] * step + draw.one_of(&[0, 0, 0, 1, 5]);
        let mut steps = [0; 2];
        (steps[inner], steps[1 - inner]) = (step, pitch);
        let repeated = draw.from(0, 9);
        if repeated < 2 {
            steps[repeated] = 0;
        }
        let apart = draw.one_of(&[0, 1, 1]) * (size[1 - inner] * pitch + draw.one_of(&[0, 3]));
        // An axis of nothing reaches nowhere.
        let (mut origin, mut len) = (draw.one_of(&[0, 0, 2]), 1 + draw.one_of(&[0, 0, 4]));
        let mut lie = |length: usize, step: usize| {
            let reach = length.saturating_sub(1) * step;
            len += reach;
            let backwards = draw.from(0, 4) == 0;
            origin += if backwards { reach } else { 0 };
            if backwards { -(step as isize) } else { step as isize }
        };
        let [rows, columns] = size;
        let strides = [lie(rows, steps[0]), lie(columns, steps[1])];
        let apart = lie(count, apart);
        Self { size, origin, strides, apart, len: origin + len }
    }

    fn stack<'a, T: Float>(&self, data: &'a [T], count: usize) -> Stack<'a, T> {
        Stack::new(Matrix::new(data, self.origin, self.size, self.strides), count, self.apart)
    }

    /// An element, by the definition of strides alone.
    fn element<T: Float>(&self, data: &[T], [matrix, i, j]: [usize; 3]) -> f64 {
        let steps = [(matrix, self.apart), (i, self.strides[0]), (j, self.strides[1])];
        let at = steps.iter().fold(self.origin as isize, |at, &(index, step)| at + index as isize * step);
        data[at as usize].to_f64()
    }
}

/// A length around the edges of tiles, registers and caches, or any.
fn side(draw: &mut Draw) -> usize {
    match draw.from(0, 3) {
        0 => draw.one_of(&[1, 4, 6, 8, 12, 14, 15, 16, 17, 24, 28, 31, 32, 33, 48, 64, 65]),
        1 => draw.from(0, 9),
        _ => draw.from(0, 70),
    }
}

/// A length of k: around the edges of its blocks, or as any.
fn depth(draw: &mut Draw) -> usize {
    match draw.from(0, 3) {
        0 => draw.one_of(&[127, 128, 129, 255, 256, 257, 385, 512, 513, 600]),
        _ => side(draw),
    }
}

pub(super) fn products_at_random<T: Float>() {
    let draw = &mut Draw(19);
    for _ in 0..250 {
        let [m, k, n] = [side(draw), depth(draw), side(draw)];
        let count = draw.one_of(&[1, 1, 1, 2, 3, 4]);
        let (left, right) = (Lies::at_random(draw, count, [m, k]), Lies::at_random(draw, count, [k, n]));
        let (a, b) = (noise::<T>(left.len, 1), noise::<T>(right.len, 2));
        let (row, column) = (noise::<T>(n, 3), noise::<T>(m, 4));
        let epilogue = &Epilogue {
            accumulate: draw.from(0, 2) == 0,
            scale: T::from_f64(draw.one_of(&[1.0, 1.0, -1.5, 0.25, 0.0])),
            bias: draw.one_of(&[Bias::None, Bias::Row(&row), Bias::Column(&column)]),
            activation: draw.one_of(&[
                None,
                None,
                Some(Activation::Relu),
                Some(Activation::Tanh),
                Some(Activation::Sigmoid),
            ]),
        };
        let row_stride = (n + draw.one_of(&[0, 0, 1, 3])).max(1);
        let stride = m * row_stride + draw.one_of(&[0, 0, 2]);
        let old = noise::<T>(count * stride, 5);
        let mut c = old.clone();
        if !epilogue.accumulate {
            // What C holds must not matter, not even NaN.
            let places = (0..count).flat_map(|matrix| (0..m).map(move |i| matrix * stride + i * row_stride));
            places.for_each(|at| c[at..at + n].fill(T::from_f64(f64::NAN)));
        }
        let before = c.clone();
        let (a_stack, b_stack) = (left.stack(&a, count), right.stack(&b, count));
        product_batched(a_stack, b_stack, &mut c, [stride, row_stride], epilogue);
        let what = std::format!("{count} of {m} x {k} x {n}, {left:?} {right:?}, {epilogue:?}");
        for (at, &got) in c.iter().enumerate() {
            let (matrix, i, j) = (at / stride, at % stride / row_stride, at % stride % row_stride);
            if i >= m || j >= n {
                assert!(got == old[at], "what lies between the rows of C was written: {what}");
                continue;
            }
            let (mut sum, mut size) = (0.0, 1.0);
            for p in 0..k {
                let term = left.element(&a, [matrix, i, p]) * right.element(&b, [matrix, p, j]);
                sum += term;
                size += term.abs();
            }
            sum *= epilogue.scale.to_f64();
            sum += if epilogue.accumulate { old[at].to_f64() } else { 0.0 };
            sum += match epilogue.bias {
                Bias::None => 0.0,
                Bias::Row(row) => row[j].to_f64(),
                Bias::Column(column) => column[i].to_f64(),
            };
            let (got, want) = (got.to_f64(), activate(sum, epilogue.activation));
            // Half an epsilon a step, as a repeated row may round.
            let bound = (4.0 + k as f64 / 2.0) * T::EPSILON.to_f64() * size;
            assert!(
                (got - want).abs() <= bound,
                "[{matrix}, {i}, {j}]: {got}, not {want} (+- {bound:e}): {what}"
            );
        }
        // Each alone gives the same bits.
        let mut alone = before;
        for matrix in 0..count {
            let (a, b) = (a_stack.at(matrix), b_stack.at(matrix));
            product(a, b, &mut alone[matrix * stride..], row_stride, epilogue);
        }
        assert!(alone == c, "one by one there are other bits: {what}");
    }
}
