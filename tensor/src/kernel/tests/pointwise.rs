//! Maps, zips, selection and copies against their definitions.

use super::super::*;
use super::*;
use crate::pointwise::{Keep, Map, Zip};

fn maps_are_their_definitions<T: Float>(tolerance: f64) {
    let (cases, others) = (cases::<T>(1), cases::<T>(2));
    everywhere(|| {
        for &map in Map::ALL {
            for (x, g) in cases.iter().zip(&others).filter(|(x, _)| x.len() < 1000 || map == Map::Exp) {
                let what = alloc::format!("{} of {}", map.name(), x.name);
                let elements = x.elements();
                let expected: Vec<T> = elements.iter().map(|&x| map.f(x)).collect();
                let mut out = unwritten(x.len());
                map::map(map, x.view(), &mut out);
                close(&out, &expected, tolerance, &what);

                let mut in_place = elements.clone();
                map::map_in_place(map, &mut in_place);
                assert_eq!(bits(&in_place), bits(&out), "{what} in place");

                let kept = if map.keep() == Keep::Output { &expected } else { &elements };
                let layout = Layout::contiguous(*x.layout.shape());
                let df: Vec<T> = g.elements().iter().zip(kept).map(|(&g, &kept)| g * map.df(kept)).collect();
                let mut out = unwritten(x.len());
                map::map_grad(map, View::new(kept, &layout), g.view(), &mut out);
                close(&out, &df, tolerance, &alloc::format!("gradient of {what}"));
                let [kept, g] = [kept.clone(), g.elements()];
                let mut dense = unwritten(x.len());
                map::map_grad(map, View::new(&kept, &layout), View::new(&g, &layout), &mut dense);
                assert_eq!(bits(&dense), bits(&out), "gradient of dense {what}");
            }
        }
    });
}

#[test]
fn maps_of_singles_are_their_definitions() {
    maps_are_their_definitions::<f32>(2e-6);
}

#[test]
fn maps_of_doubles_are_their_definitions() {
    maps_are_their_definitions::<f64>(1e-14);
}

/// A part of a register has the bits that its numbers have among many.
fn few_have_the_bits_of_many<T: Float>() {
    let numbers = |seed: f64| -> Vec<T> {
        (0..96).map(|i| T::from_f64(((i as f64 + seed) * 12.9898).sin() * 3.0)).collect()
    };
    let (x, y) = (numbers(0.0), numbers(50.0));
    let whole = Layout::contiguous(shape(&[x.len()]));
    everywhere(|| {
        for few in [1, 5, 32] {
            let layout = Layout::contiguous(shape(&[few]));
            for &zip in Zip::ALL {
                let (mut all, mut part) = (unwritten(x.len()), unwritten(few));
                zip::zip(zip, View::new(&x, &whole), View::new(&y, &whole), &mut all);
                zip::zip(zip, View::new(&x, &layout), View::new(&y, &layout), &mut part);
                assert_eq!(bits(&part), bits(&all[..few]), "{zip:?} of {few}");
            }
            for &map in Map::ALL {
                let (mut all, mut part) = (unwritten(x.len()), unwritten(few));
                map::map(map, View::new(&x, &whole), &mut all);
                map::map(map, View::new(&x, &layout), &mut part);
                assert_eq!(bits(&part), bits(&all[..few]), "{map:?} of {few}");
            }
        }
    });
}

#[test]
fn few_numbers_have_the_bits_of_many() {
    few_have_the_bits_of_many::<f32>();
    few_have_the_bits_of_many::<f64>();
}

#[test]
fn nan_and_infinities_pass_through_maps() {
    let x: Vec<f32> =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1.0].repeat(7).into_iter().skip(1).collect();
    let layout = Layout::contiguous(shape(&[x.len()]));
    everywhere(|| {
        for &map in Map::ALL {
            let mut out = unwritten(x.len());
            map::map(map, View::new(&x, &layout), &mut out);
            let expected: Vec<f64> = x.iter().map(|&x| map.f(f64::from(x))).collect();
            let rounded: Vec<f32> = expected.iter().map(|&y| y as f32).collect();
            close(&out, &rounded, 2e-6, map.name());
            let kept = if map.keep() == Keep::Output { rounded } else { x.clone() };
            let slopes: Vec<f32> = kept.iter().map(|&kept| map.df(f64::from(kept)) as f32).collect();
            let ones = [1.0].repeat(x.len());
            map::map_grad(map, View::new(&kept, &layout), View::new(&ones, &layout), &mut out);
            close(&out, &slopes, 2e-6, &alloc::format!("gradient of {}", map.name()));
        }
    });
}

/// Large results are written past the caches: with the bits of small ones, wherever they begin.
#[test]
fn large_results_have_the_bits_of_small_ones() {
    let len = STREAM / size_of::<f32>() + 37;
    let layout = Layout::contiguous(shape(&[len]));
    let (x, y) = (numbers::<f32>(len, 1), numbers::<f32>(len, 2));
    let small = 1000;
    let of = |from: usize| Layout::contiguous(shape(&[small.min(len - from)]));
    everywhere(|| {
        for shift in [0, 1] {
            let (mut sums, mut maps) = (unwritten::<f32>(len + shift), unwritten::<f32>(len + shift));
            zip::zip(Zip::Mul, View::new(&x, &layout), View::new(&y, &layout), &mut sums[shift..]);
            map::map(Map::Relu, View::new(&x, &layout), &mut maps[shift..]);
            for from in (0..len).step_by(small) {
                let layout = of(from);
                let (x, y) = (View::new(&x[from..], &layout), View::new(&y[from..], &layout));
                let mut out = unwritten(layout.len());
                zip::zip(Zip::Mul, x, y, &mut out);
                assert_eq!(bits(&out), bits(&sums[shift + from..][..out.len()]));
                map::map(Map::Relu, View::new(x.data(), &layout), &mut out);
                assert_eq!(bits(&out), bits(&maps[shift + from..][..out.len()]));
            }
        }
    });
}

/// Likewise where operands do not lie side by side.
#[test]
fn large_results_of_any_layout_are_their_definitions() {
    let (rows, columns) = (1001, STREAM / size_of::<f32>() / 1000);
    let dense = |lengths: &[usize]| Layout::contiguous(shape(lengths));
    let (whole, all) = (dense(&[rows, columns]), shape(&[rows, columns]));
    let x = numbers::<f32>(whole.len(), 1);
    let others = [
        dense(&[rows, 1]).expand(all).unwrap(),
        dense(&[columns]).expand(all).unwrap(),
        dense(&[]).expand(all).unwrap(),
        whole.flip(1).unwrap(),
        dense(&[columns, rows]).transpose(0, 1).unwrap(),
    ];
    for other in others {
        let y: Vec<f32> = Case { name: "other", data: x.clone(), layout: other }.elements();
        at_each_level(|_| {
            let mut out = unwritten(x.len());
            zip::zip(Zip::Sub, View::new(&x, &whole), View::new(&x, &other), &mut out);
            assert!(out.iter().zip(&x).zip(&y).all(|((out, x), y)| *out == x - y), "{other:?}");
            map::map(Map::Neg, View::new(&x, &other), &mut out);
            assert!(out.iter().zip(&y).all(|(out, y)| *out == -y), "{other:?}");
        });
    }
}

#[test]
fn zips_are_their_definitions() {
    fn check<T: Float>() {
        let (left, right, other) = (cases::<T>(3), cases::<T>(4), cases::<T>(5));
        everywhere(|| {
            for &zip in Zip::ALL {
                for ((a, b), c) in left.iter().zip(&right).zip(&other) {
                    let what = alloc::format!("{} of {}", zip.name(), a.name);
                    // The second operand is dense in one round and laid out as the first in the other.
                    let layout = Layout::contiguous(*a.layout.shape());
                    let dense: Vec<T> = c.elements();
                    for second in [b.view(), View::new(&dense, &layout)] {
                        let b: Vec<T> = indices(a.layout.shape())
                            .map(|i| second.data()[second.layout().place(&i).unwrap()])
                            .collect();
                        let expected: Vec<T> =
                            a.elements().iter().zip(&b).map(|(&a, &b)| zip.f(a, b)).collect();
                        let mut out = unwritten(a.len());
                        zip::zip(zip, a.view(), second, &mut out);
                        assert_eq!(bits(&out), bits(&expected), "{what}");
                        let mut onto = a.elements();
                        zip::zip_in_place(zip, &mut onto, second);
                        assert_eq!(bits(&onto), bits(&expected), "{what} in place");
                        let mut of_copy = unwritten(a.len());
                        zip::zip_of_copy(zip, a.view(), second, &mut of_copy);
                        assert_eq!(bits(&of_copy), bits(&expected), "{what} of a copy");
                    }
                }
            }
        });
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn selection_keeps_the_other_branch_out() {
    selected::<f32>();
    selected::<f64>();
}

fn selected<T: Float>() {
    let (a, b) = (cases::<T>(6), cases::<T>(7));
    everywhere(|| {
        for (a, b) in a.iter().zip(&b) {
            let layout = Layout::contiguous(*a.layout.shape());
            let kinds = [0.0, 1.0, -0.0, f64::NAN, -3.0].map(T::from_f64);
            let mask: Vec<T> = (0..a.len()).map(|i| kinds[i % 5]).collect();
            let poisoned: Vec<T> = b
                .elements()
                .iter()
                .zip(&mask)
                .map(|(&b, &mask)| if mask == T::ZERO { b } else { T::from_f64(f64::NAN) })
                .collect();
            let mut out = unwritten(a.len());
            let view = View::new(&mask, &layout);
            select::select(view, a.view(), View::new(&poisoned, &layout), &mut out);
            let expected: Vec<T> = (a.elements().iter().zip(&poisoned).zip(&mask))
                .map(|((&a, &b), &mask)| if mask != T::ZERO { a } else { b })
                .collect();
            assert_eq!(bits(&out), bits(&expected), "{}", a.name);
        }
    });
}

#[test]
fn copies_keep_every_element() {
    let cases = cases::<f32>(8);
    everywhere(|| {
        for x in &cases {
            let mut out = unwritten(x.len());
            copy::copy(x.view(), &mut out);
            assert_eq!(bits(&out), bits(&x.elements()), "{}", x.name);

            let mut wide = unwritten::<f64>(x.len());
            copy::cast(x.view(), &mut wide);
            let expected: Vec<f64> = x.elements().iter().map(|&x| x as f64).collect();
            assert_eq!(bits(&wide), bits(&expected), "{}", x.name);
        }
    });
    // Elements without registers, and those whose bits only mean something else.
    for lengths in [[1, 1], [4, 5], [16, 16], [37, 29], [300, 290]] {
        let straight = Layout::contiguous(shape(&lengths));
        let turned = straight.transpose(0, 1).unwrap();
        let flipped = straight.flip(0).unwrap().transpose(0, 1).unwrap().flip(0).unwrap();
        let bytes: Vec<u8> = (0..straight.len()).map(|i| (i * 7 % 251) as u8).collect();
        let truths: Vec<bool> = bytes.iter().map(|&x| x % 3 == 0).collect();
        let wholes: Vec<i32> = bytes.iter().map(|&x| -i32::from(x) << 20).collect();
        everywhere(|| {
            for layout in [turned, flipped] {
                of_elements(&bytes, layout);
                of_elements(&truths, layout);
                of_elements(&wholes, layout);
            }
        });
    }
    fn of_elements<E: Element + PartialEq>(data: &[E], layout: Layout) {
        let x = Case { name: "turned", data: data.to_vec(), layout };
        let mut out = [E::default()].repeat(data.len());
        copy::copy(x.view(), &mut out);
        assert!(out == x.elements(), "{layout:?}");
    }
    let mixed = [-1.5f32, 0.0, 3.7, 300.0, f32::NAN, -0.0];
    let layout = Layout::contiguous(shape(&[6]));
    let view = View::new(&mixed, &layout);
    let (mut bytes, mut truths, mut whole) = ([9u8; 6], [false; 6], [9i32; 6]);
    copy::cast(view, &mut bytes);
    copy::cast(view, &mut truths);
    copy::cast(view, &mut whole);
    assert_eq!(bytes, [0, 0, 3, 255, 0, 0]);
    assert_eq!(truths, [true, false, true, true, true, false]);
    assert_eq!(whole, [-1, 0, 3, 300, 0, 0]);
}

#[test]
fn placing_puts_each_element_where_it_belongs() {
    let target = Layout::contiguous(shape(&[4, 6, 5]));
    let to = target.slice(1, 1, 6, 2).unwrap().flip(2).unwrap();
    let x = Case {
        name: "transposed",
        data: numbers::<f32>(4 * 3 * 5, 9),
        layout: Layout::contiguous(shape(&[5, 3, 4])).transpose(0, 2).unwrap(),
    };
    let mut out = unwritten::<f32>(target.len());
    copy::place(x.view(), &mut out, &to);
    let mut expected = unwritten::<f32>(target.len());
    for index in indices(to.shape()) {
        expected[to.place(&index).unwrap()] = x.data[x.layout.place(&index).unwrap()];
    }
    assert_eq!(out, expected);
}

#[test]
#[should_panic(expected = "reaches a place twice")]
fn placing_where_places_meet_is_refused() {
    let to = Layout::contiguous(shape(&[5])).windows(0, 3, 1).unwrap();
    let x = Layout::contiguous(shape(&[3, 3]));
    copy::place(View::new(&[1.0f32; 9], &x), &mut [0.0; 5], &to);
}

/// Short rows repeated, which become blocks, rows backwards, which become slices, and rows of every second or third number.
#[test]
fn rows_repeated_and_rows_in_steps_are_their_definition() {
    let dense = |lengths: &[usize]| Layout::contiguous(shape(lengths));
    let long = numbers::<f32>(80_000, 3);
    let short = numbers::<f32>(200, 4);
    let mut pairs = Vec::new();
    for (rows, width) in [(5000, 3), (4001, 10), (700, 96), (700, 97), (70_001, 1), (2048, 2)] {
        let row = dense(&[2, width]).slice(0, 1, 2, 1).unwrap().expand(shape(&[rows, width])).unwrap();
        pairs.push((dense(&[rows, width]), row));
    }
    pairs.push((dense(&[50, 20, 2, 3]), dense(&[1, 1, 2, 3]).expand(shape(&[50, 20, 2, 3])).unwrap()));
    pairs.push((dense(&[50, 20, 6]), dense(&[50, 1, 1]).expand(shape(&[50, 20, 6])).unwrap()));
    pairs.push((
        dense(&[30, 40, 6]),
        dense(&[1, 6, 1]).expand(shape(&[30, 6, 40])).unwrap().transpose(1, 2).unwrap(),
    ));
    for step in [2, 3] {
        for count in [1, 2, 15, 33, 700] {
            let every = dense(&[9, step * count]).slice(1, 0, step * count, step).unwrap();
            pairs.push((dense(&[9, count]), every));
        }
    }
    pairs.push((dense(&[9, 700]), dense(&[9, 700]).flip(1).unwrap()));
    pairs.push((dense(&[60, 70]), dense(&[70, 60]).transpose(0, 1).unwrap()));
    pairs.push((dense(&[60, 70]), dense(&[60, 1]).expand(shape(&[60, 70])).unwrap()));
    let turned = dense(&[70, 60]).transpose(0, 1).unwrap();
    pairs.push((turned, turned));
    pairs.push((turned, dense(&[60, 1]).expand(shape(&[60, 70])).unwrap()));
    pairs.push((turned, dense(&[60, 70]).flip(1).unwrap()));
    pairs.push((dense(&[60, 70]).flip(1).unwrap(), dense(&[]).expand(shape(&[60, 70])).unwrap()));
    pairs.push((
        dense(&[9, 300]).flip(1).unwrap(),
        dense(&[300]).flip(0).unwrap().expand(shape(&[9, 300])).unwrap(),
    ));
    for (a, b) in pairs {
        let repeats = b.strides().contains(&0);
        let a = Case { name: "a", data: long.clone(), layout: a };
        let b = Case {
            name: "b",
            data: if repeats && b.span().1 <= 200 { short.clone() } else { long.clone() },
            layout: b,
        };
        let (x, y) = (a.elements(), b.elements());
        everywhere(|| {
            for zip in [Zip::Sub, Zip::Div] {
                let of =
                    |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| zip.f(*x, *y)).collect::<Vec<f32>>();
                let mut out = unwritten(x.len());
                zip::zip(zip, a.view(), b.view(), &mut out);
                assert_eq!(bits(&out), bits(&of(&x, &y)), "{:?}", b.layout);
                zip::zip(zip, b.view(), a.view(), &mut out);
                assert_eq!(bits(&out), bits(&of(&y, &x)), "{:?}", b.layout);
                let mut out = x.clone();
                zip::zip_in_place(zip, &mut out, b.view());
                assert_eq!(bits(&out), bits(&of(&x, &y)), "{:?}", b.layout);
            }
            let mut out = unwritten(y.len());
            copy::copy(b.view(), &mut out);
            assert_eq!(out, y);
        });
    }
}

#[test]
fn conversions_to_whole_numbers_saturate() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, -0.7, 0.7, 254.999, 255.5, 256.0, -1.0];
    let edges = [
        2_147_483_647.0,
        2_147_483_648.0,
        -2_147_483_648.5,
        -2_147_483_650.0,
        4_294_967_295.5,
        4_294_967_296.0,
    ];
    let x: Vec<f64> =
        odd.into_iter().chain(edges).chain((0..300).map(|i| (i as f64 - 90.0) * 1.37e7)).collect();
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let layout = Layout::contiguous(shape(&[x.len()]));
    fn check<S: Element, D: Element>(x: &[S], layout: &Layout) {
        let mut out = [D::from_f64(1.0)].repeat(x.len());
        copy::cast(View::new(x, layout), &mut out);
        let expected: Vec<D> = x.iter().map(|x| D::from_f64(x.to_f64())).collect();
        assert_eq!(out, expected);
    }
    everywhere(|| {
        check::<f64, u8>(&x, &layout);
        check::<f64, i32>(&x, &layout);
        check::<f64, u32>(&x, &layout);
        check::<f64, bool>(&x, &layout);
        check::<f32, u8>(&single, &layout);
        check::<f32, i32>(&single, &layout);
        check::<f32, u32>(&single, &layout);
    });
}
