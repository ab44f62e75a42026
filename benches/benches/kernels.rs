//! Gflop/s of products and convolutions beside `matrixmultiply` and beside what the core can do at most, in one run.
//!
//! `cargo bench -p tress-benches --bench kernels -- NAME ..` runs the lines whose name contains one of the words; a word
//! like `300x784x256`, `300x784x256t` or `300tx784x256` (rows, steps, columns; `t` for an operand that is stored
//! transposed) is measured as a product of its own. Lines of `f64` have `f64:` before their name, such a word too, and the peak of
//! `f64` is what they are held to.
//!
//! What both multiplied is compared: where they differ there is no figure, and the program fails.
//!
//! A plain program rather than a statistical harness: each figure is the best of many short runs on one thread, taken in
//! turns with those that it is compared with. That is what tells kernels apart on a machine that does other things as
//! well.

use std::hint::black_box;
use std::process::ExitCode;
use tress_benches::words::{self, Names, Product, Words};
use tress_benches::work::number;
use tress_benches::{fastest, limits};
use tress_tensor::kernel::conv::{Conv, conv_forward, conv_input_grad, conv_weight_grad};
use tress_tensor::kernel::product::{Epilogue, Matrix, product};
use tress_tensor::{Float, Window, parallel};

/// A type of number, and what `matrixmultiply` has for it.
trait Both: Float {
    /// What names of lines begin with.
    const PREFIX: &str;
    /// Large enough for Winograd's algorithm to give way to the definition.
    const WILD: f64;

    /// `C = A B` of `[m, k, n]`, with the strides of A, B and C.
    ///
    /// # Safety
    /// The three matrices lie inside of what the pointers point to, and nothing else has C.
    unsafe fn gemm(sides: [usize; 3], a: *const Self, b: *const Self, c: *mut Self, strides: [[isize; 2]; 3]);
}

macro_rules! both {
    ($($t:ident $prefix:literal $wild:literal $gemm:ident;)*) => {$(
        impl Both for $t {
            const PREFIX: &str = $prefix;
            const WILD: f64 = $wild;

            unsafe fn gemm([m, k, n]: [usize; 3], a: *const $t, b: *const $t, c: *mut $t, strides: [[isize; 2]; 3]) {
                let [[ar, ac], [br, bc], [cr, cc]] = strides;
                // SAFETY: as the caller promises.
                unsafe { matrixmultiply::$gemm(m, k, n, 1.0, a, ar, ac, b, br, bc, 0.0, c, cr, cc) }
            }
        }
    )*};
}
both! {
    f32 "" 1e37 sgemm;
    f64 "f64:" 1e300 dgemm;
}

fn noise<T: Float>(count: usize, seed: u32) -> Vec<T> {
    (0..count as u32).map(|place| T::from_f64(f64::from(number(place, seed)))).collect()
}

/// Whether `c` and `d` are the same numbers but for rounding: the length of their difference is a hundred roundings of theirs at most.
fn same<T: Float>(c: &[T], d: &[T]) -> bool {
    let square = |x: f64| x * x;
    let off: f64 = c.iter().zip(d).map(|(&c, &d)| square(c.to_f64() - d.to_f64())).sum();
    off <= square(100.0 * T::EPSILON.to_f64()) * d.iter().map(|&d| square(d.to_f64())).sum::<f64>()
}

/// What is to be measured; all if nothing is named.
struct Wanted {
    names: Names,
    /// Products of their own.
    sizes: Vec<Product>,
}

impl Wanted {
    fn new(words: Words) -> Result<Self, String> {
        let sizes = words.names.0.iter().filter_map(|word| Product::read(word)).collect::<Result<_, _>>()?;
        let named = words.names.0.iter().filter(|word| Product::read(word).is_none()).cloned().collect();
        let mut all = vec!["product".to_owned(), "convolution".to_owned()];
        for (size, left, right) in PRODUCTS {
            all.extend([name_of::<f32>(size, left, right), name_of::<f64>(size, left, right)]);
        }
        for (name, ..) in windows() {
            all.extend([f32::PREFIX, f64::PREFIX].map(|prefix| format!("{prefix}{name}")));
        }
        Names::known(&Names(named), "line", all.iter().map(String::as_str))?;
        Ok(Self { names: words.names, sizes })
    }

    fn has(&self, name: &str) -> bool {
        self.names.has(name)
    }
}

/// `rows x steps x columns`, with `t` behind an operand that is stored transposed.
fn name_of<T: Both>([m, k, n]: [usize; 3], left: bool, right: bool) -> String {
    format!("{}{m}{}x{k}x{n}{}", T::PREFIX, ["", "t"][left as usize], ["", "t"][right as usize])
}

/// One line of the table; `false`, and no figures, if the two products differ.
fn one_product<T: Both>([m, k, n]: [usize; 3], left: bool, right: bool, peak: f64) -> bool {
    let (a, b) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2));
    let (mut c, mut d) = (vec![T::ZERO; m * n], vec![T::ZERO; m * n]);
    let strides = |turned, rows, cols| if turned { [1, rows as isize] } else { [cols as isize, 1] };
    let (of_a, of_b) = (strides(left, m, k), strides(right, k, n));
    let flops = (2 * m * k * n) as f64 * 1e-9;
    let mut ours = || {
        let a = Matrix::new(&a, 0, [m, k], of_a);
        let b = Matrix::new(&b, 0, [k, n], of_b);
        product(a, b, black_box(&mut c), n, &Epilogue::PLAIN);
    };
    let (left_at, right_at) = (a.as_ptr(), b.as_ptr());
    let mut theirs = || {
        let to = black_box(d.as_mut_ptr());
        // SAFETY: the three matrices lie inside their vectors.
        unsafe { T::gemm([m, k, n], left_at, right_at, to, [of_a, of_b, [n as isize, 1]]) };
    };
    let [ours, theirs] = fastest([&mut ours, &mut theirs]);
    let (ours, theirs) = (flops / ours, flops / theirs);
    let name = name_of::<T>([m, k, n], left, right);
    if !same(&c, &d) {
        println!("{name:>30}   the two products differ: no figures");
        return false;
    }
    println!("{name:>30} {ours:9.1} {:8.0}% {theirs:15.1}", 100.0 * ours / peak);
    true
}

/// The products: rows, steps and columns, and whether each operand lies transposed.
const PRODUCTS: [([usize; 3], bool, bool); 23] = [
    ([1024, 1024, 1024], false, false),
    ([256, 256, 256], false, false),
    ([128, 128, 128], false, false),
    ([64, 64, 64], false, false),
    ([32, 32, 32], false, false),
    ([10, 10, 10], false, false),
    ([256, 512, 10], false, false),
    ([512, 256, 10], true, false),
    ([64, 784, 512], false, false),
    ([64, 512, 784], false, true),
    ([784, 64, 512], true, false),
    ([256, 784, 512], false, false),
    ([256, 512, 784], false, true),
    ([784, 256, 512], true, false),
    ([256, 500, 2880], false, true),
    ([256, 320, 50], false, false),
    ([256, 50, 320], false, true),
    ([320, 256, 50], true, false),
    ([256, 10, 50], false, true),
    ([1, 512, 512], false, false),
    ([512, 512, 1], false, false),
    ([1, 2048, 2048], false, true),
    ([2048, 2048, 1], false, false),
];

fn products<T: Both>(wanted: &Wanted, peak: f64) -> bool {
    let mut equal = true;
    let title = format!("product, {}", T::NAME);
    println!("{title:>30} {:>9} {:>9} {:>15}", "Gflop/s", "of peak", "matrixmultiply");
    let own: Vec<_> = wanted.sizes.iter().filter(|size| size.double == (T::NAME == "f64")).collect();
    for size in &own {
        equal &= one_product::<T>(size.sides, size.turned[0], size.turned[1], peak);
    }
    for (size, left, right) in PRODUCTS {
        if own.iter().any(|own| own.sides == size && own.turned == [left, right]) {
            continue;
        }
        if wanted.has("product") || wanted.has(&name_of::<T>(size, left, right)) {
            equal &= one_product::<T>(size, left, right, peak);
        }
    }
    equal
}

/// A convolution: its name, its window, how many images, channels and results, and in how many groups.
type Line = (&'static str, Window, [usize; 3], usize);

fn windows() -> [Line; 22] {
    let pad = [[1, 1], [1, 1]];
    let image = |side| Window::new([side, side], [3, 3]).pad(pad);
    let five = Window::new([56, 56], [5, 5]).pad([[2, 2], [2, 2]]);
    [
        ("256x1x28x28, 10 of 5x5", Window::new([28, 28], [5, 5]), [256, 1, 10], 1),
        ("256x10x12x12, 20 of 5x5", Window::new([12, 12], [5, 5]), [256, 10, 20], 1),
        ("16x64x14x14, 64 of 3x3", image(14), [16, 64, 64], 1),
        ("8x64x28x28, 64 of 3x3", image(28), [8, 64, 64], 1),
        ("2x64x56x56, 64 of 3x3", image(56), [2, 64, 64], 1),
        ("4x128x28x28, 128 of 3x3", image(28), [4, 128, 128], 1),
        ("16x64x28x28, 64 of 3x3 / 2", image(28).stride([2, 2]), [16, 64, 64], 1),
        // What a transposed convolution computes with: its forward role is the gradient by the image here, and the other way round.
        ("16x32x28x28, 64 of 2x2 / 2", Window::new([28, 28], [2, 2]).stride([2, 2]), [16, 32, 64], 1),
        (
            "16x32x28x28, 64 of 4x4 / 2",
            Window::new([28, 28], [4, 4]).pad(pad).stride([2, 2]),
            [16, 32, 64],
            1,
        ),
        ("32x64x14x14, 128 of 1x1", Window::new([14, 14], [1, 1]), [32, 64, 128], 1),
        ("32x256x14x14, 64 of 1x1", Window::new([14, 14], [1, 1]), [32, 256, 64], 1),
        ("16x64x28x28, 64 in 4 of 3x3", image(28), [16, 64, 64], 4),
        ("16x64x28x28, 64 in 32 of 3x3", image(28), [16, 64, 64], 32),
        ("16x64x28x28, 3x3 dilated by 2", image(28).pad([[2, 2], [2, 2]]).dilation([2, 2]), [16, 64, 64], 1),
        ("256x10x12x12, 5x5 dilated by 2", Window::new([12, 12], [5, 5]).dilation([2, 2]), [256, 10, 20], 1),
        ("16x64x28x28, depthwise 3x3", image(28), [16, 64, 64], 64),
        ("16x64x28x28, depthwise 3x3 / 2", image(28).stride([2, 2]), [16, 64, 64], 64),
        ("1x64x56x56, depthwise 3x3", image(56), [1, 64, 64], 64),
        ("1x64x56x56, depthwise 3x3 / 2", image(56).stride([2, 2]), [1, 64, 64], 64),
        ("32x512x14x14, depthwise 3x3", image(14), [32, 512, 512], 512),
        ("32x512x14x14, depthwise 3x3 / 2", image(14).stride([2, 2]), [32, 512, 512], 512),
        ("1x64x56x56, depthwise 5x5 / 2", five.stride([2, 2]), [1, 64, 64], 64),
    ]
}

fn convolutions<T: Both>(wanted: &Wanted, peak: f64) {
    let title = format!("convolution, {}: Gflop/s", T::NAME);
    println!("{title:>30} {:>9} {:>9} {:>9}   of peak, %", "forward", "dx", "dw");
    for (name, window, sizes, groups) in windows() {
        let name = &format!("{}{name}", T::PREFIX);
        if !wanted.has("convolution") && !wanted.has(name) {
            continue;
        }
        let Ok(conv) = Conv::new(window, sizes, groups, "conv2d") else { continue };
        let taps = conv.w_len() / sizes[2];
        let flops = (2 * conv.y_len() * taps) as f64 * 1e-9;
        let (x, w, dy) =
            (noise::<T>(conv.x_len(), 1), noise::<T>(conv.w_len(), 2), noise::<T>(conv.y_len(), 3));
        // One such number in each sample, and Winograd's algorithm gives way to the definition: the same work without it.
        let wild = |numbers: &[T]| {
            let mut numbers = numbers.to_vec();
            let sample = numbers.len() / sizes[0];
            numbers.iter_mut().step_by(sample).for_each(|x| *x = T::from_f64(T::WILD));
            numbers
        };
        let [(mut y, mut y_wild), (mut dx, mut dx_wild), (mut dw, mut dw_wild)] =
            [conv.y_len(), conv.x_len(), conv.w_len()].map(|len| (vec![T::ZERO; len], vec![T::ZERO; len]));
        let (x_wild, dy_wild) = (wild(&x), wild(&dy));
        let mut forward = || conv_forward(&conv, &x, &w, black_box(&mut y), None, None);
        let mut input = || conv_input_grad(&conv, &w, &dy, black_box(&mut dx));
        let mut weight = || conv_weight_grad(&conv, 1, &x, &dy, black_box(&mut dw));
        let line = |name: &str, seconds: [f64; 3]| {
            let [forward, input, weight] = seconds.map(|seconds| flops / seconds);
            let share = |figure: f64| 100.0 * figure / peak;
            println!(
                "{name:>30} {forward:9.1} {input:9.1} {weight:9.1}   {:.0} {:.0} {:.0}",
                share(forward),
                share(input),
                share(weight)
            );
        };
        if name.ends_with("of 3x3") {
            // In turns, for the ratio of the two is what counts.
            let mut forward_wild = || conv_forward(&conv, &x_wild, &w, black_box(&mut y_wild), None, None);
            let mut input_wild = || conv_input_grad(&conv, &w, &dy_wild, black_box(&mut dx_wild));
            let mut weight_wild = || conv_weight_grad(&conv, 1, &x_wild, &dy_wild, black_box(&mut dw_wild));
            let [a, b, c, d, e, f] = fastest([
                &mut forward,
                &mut forward_wild,
                &mut input,
                &mut input_wild,
                &mut weight,
                &mut weight_wild,
            ]);
            line(name, [a, c, e]);
            line("the same by the definition", [b, d, f]);
        } else {
            line(name, fastest([&mut forward, &mut input, &mut weight]));
        }
    }
}

fn main() -> ExitCode {
    words::run(false, |words| {
        let wanted = Wanted::new(words)?;
        parallel::with_threads(1, || {
            let (peak, double) = (limits::peak::<f32>(1) * 1e-9, limits::peak::<f64>(1) * 1e-9);
            println!("peak of one core: {peak:.1} Gflop/s, of f64 {double:.1}");
            let equal = products::<f32>(&wanted, peak) & products::<f64>(&wanted, double);
            convolutions::<f32>(&wanted, peak);
            convolutions::<f64>(&wanted, double);
            if equal { Ok(()) } else { Err("two products differ".to_owned()) }
        })
    })
}
