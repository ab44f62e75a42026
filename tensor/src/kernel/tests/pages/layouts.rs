//! Operands that lie backwards, apart, turned or repeated, and conversions, between pages that may not be touched.

use super::*;
use crate::kernel::in_order::BLOCK;

/// What a view of each kind reads: its layout spans all `len` numbers, and those that it reads first or last lie at the pages.
fn layouts() -> Vec<(&'static str, usize, Layout)> {
    let dense = |lengths: &[usize]| Layout::contiguous(shape(lengths));
    let mut layouts = Vec::new();
    // Beyond the blocks, in which what does not lie densely is gathered.
    for len in LENGTHS.into_iter().chain([BLOCK - 1, BLOCK, BLOCK + 5]) {
        layouts.push(("flipped", len, dense(&[len]).flip(0).unwrap()));
        layouts.push(("flipped rows", 3 * len, dense(&[3, len]).flip(1).unwrap()));
        layouts.push(("rows upside down", 3 * len, dense(&[3, len]).flip(0).unwrap()));
        for step in [2, 3] {
            let (all, name) = ((len - 1) * step + 1, if step == 2 { "every second" } else { "every third" });
            let apart = dense(&[all]).slice(0, 0, all, step).unwrap();
            layouts.push((name, all, apart));
            layouts.push((name, all, apart.flip(0).unwrap()));
        }
        let columns = dense(&[len, 5]).transpose(0, 1).unwrap();
        layouts.push(("columns", 5 * len, columns));
        layouts.push(("flipped columns", 5 * len, columns.flip(0).unwrap()));
        layouts.push(("columns upside down", 5 * len, columns.flip(1).unwrap()));
        layouts.push(("a column expanded", 3, dense(&[3, 1]).expand(shape(&[3, len])).unwrap()));
        layouts.push(("a row expanded", len, dense(&[len]).expand(shape(&[3, len])).unwrap()));
    }
    layouts
}

/// Maps, zips, choices and copies of such operands.
pub(super) fn lying<T: Float>() {
    for (name, span, layout) in &layouts() {
        let len = layout.len();
        let (x, y) = (numbers::<T>(*span, 1), numbers::<T>(len, 2));
        let plain = &Layout::contiguous(*layout.shape());
        fenced(&[&x], len, name, |x, out| map::map(Map::Exp, view(x[0], layout), out));
        fenced(&[&x], len, name, |x, out| copy::copy(view(x[0], layout), out));
        fenced(&[&x, &y], len, name, |x, out| {
            map::map_grad(Map::Tanh, view(x[0], layout), view(x[1], plain), out);
        });
        fenced(&[&x, &y], len, name, |x, out| {
            zip::zip(Zip::Sub, view(x[0], layout), view(x[1], plain), out);
        });
        fenced(&[&x, &y], len, name, |x, out| {
            zip::zip(Zip::Sub, view(x[1], plain), view(x[0], layout), out);
        });
        fenced(&[&x], len, name, |x, out| zip::zip_in_place(Zip::Sub, out, view(x[0], layout)));
        fenced(&[&x, &y], len, name, |x, out| {
            select::select(view(x[0], layout), view(x[1], plain), view(x[0], layout), out);
        });
        if layout.span().1 == len && !name.ends_with("expanded") {
            fenced(&[&y], len, name, |y, out| copy::place(view(y[0], plain), out, layout));
        }
    }
}

/// Short rows that a zip repeats by blocks of whole periods, with whole blocks and a rest.
pub(super) fn repeated<T: Float>() {
    for period in LENGTHS.into_iter().chain([96]) {
        for rows in [8192usize.div_ceil(period), 4096usize.div_ceil(period) + 3] {
            let (rows, row) = (shape(&[rows, period]), numbers::<T>(period, 1));
            let short = &Layout::contiguous(shape(&[period])).expand(rows).unwrap();
            let plain = &Layout::contiguous(rows);
            let y = numbers::<T>(plain.len(), 2);
            fenced(&[&row, &y], y.len(), "a short row first", |x, out| {
                zip::zip(Zip::Sub, view(x[0], short), view(x[1], plain), out);
            });
            fenced(&[&row, &y], y.len(), "a short row second", |x, out| {
                zip::zip(Zip::Sub, view(x[1], plain), view(x[0], short), out);
            });
            fenced(&[&row], y.len(), "a short row in place", |x, out| {
                zip::zip_in_place(Zip::Sub, out, view(x[0], short));
            });
        }
    }
}

/// Every type of number to every other.
pub(super) fn conversions() {
    fn from<S: Element>() {
        to::<S, f32>();
        to::<S, f64>();
        to::<S, u8>();
        to::<S, i32>();
        to::<S, u32>();
        to::<S, bool>();
    }
    fn to<S: Element, D: Element>() {
        let name = &format!("{} to {}", S::NAME, D::NAME);
        for len in LENGTHS.into_iter().chain([BLOCK + 5]) {
            let x: Vec<S> = numbers::<f64>(len, 1).into_iter().map(|x| S::from_f64(100.0 * x)).collect();
            let dense = Layout::contiguous(shape(&[len]));
            let expected: Vec<D> = x.iter().map(|x| D::from_f64(x.to_f64())).collect();
            for flipped in [false, true] {
                let layout = if flipped { dense.flip(0).unwrap() } else { dense };
                for at_end in [true, false] {
                    let x = Fenced::new(&x, at_end);
                    let mut got = Fenced::new(&vec![D::default(); len], at_end);
                    copy::cast(view(x.all(), &layout), got.all_mut());
                    let mut got = got.all().to_vec();
                    if flipped {
                        got.reverse();
                    }
                    assert_eq!(got, expected, "{name}, at the end: {at_end}");
                }
            }
        }
    }
    from::<f32>();
    from::<f64>();
    from::<u8>();
    from::<i32>();
    from::<u32>();
    from::<bool>();
}
