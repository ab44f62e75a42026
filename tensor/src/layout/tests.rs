//! Views against a plain list of places.

use super::*;
use alloc::vec::Vec;

fn shape(lengths: &[usize]) -> Shape {
    Shape::new(lengths).unwrap()
}

/// The places of all elements, in row-major order of the view.
fn places(layout: &Layout) -> Vec<usize> {
    let mut found = Vec::new();
    let total = layout.len();
    for flat in 0..total {
        let (mut rest, mut index) = (flat, [0; Shape::MAX_RANK]);
        for axis in (0..layout.rank()).rev() {
            index[axis] = rest % layout.shape()[axis];
            rest /= layout.shape()[axis];
        }
        found.push(layout.place(&index[..layout.rank()]).unwrap());
    }
    found
}

#[test]
fn views_reach_the_right_places() {
    let base = Layout::contiguous(shape(&[2, 3]));
    assert_eq!(places(&base), [0, 1, 2, 3, 4, 5]);
    assert_eq!(places(&base.transpose(0, 1).unwrap()), [0, 3, 1, 4, 2, 5]);
    assert_eq!(places(&base.flip(1).unwrap()), [2, 1, 0, 5, 4, 3]);
    assert_eq!(places(&base.slice(1, 0, 3, 2).unwrap()), [0, 2, 3, 5]);
    assert_eq!(places(&base.slice(0, 1, 2, 1).unwrap().expand(shape(&[2, 3])).unwrap()), [3, 4, 5, 3, 4, 5]);
    let line = Layout::contiguous(shape(&[5]));
    assert_eq!(places(&line.windows(0, 3, 2).unwrap()), [0, 1, 2, 2, 3, 4]);
}

#[test]
fn reshape_is_a_view_exactly_where_the_order_allows_it() {
    let base = Layout::contiguous(shape(&[4, 6]));
    let steps = base.slice(1, 0, 6, 2).unwrap(); // [4, 3], strides 6 and 2: one run of 12 with stride 2
    let run = steps.reshape(shape(&[2, 6])).unwrap().expect("strides 6 = 3 x 2 join");
    assert_eq!(places(&run), places(&steps));
    assert!(base.transpose(0, 1).unwrap().reshape(shape(&[24])).unwrap().is_none());
    let split = base.transpose(0, 1).unwrap().reshape(shape(&[2, 3, 4])).unwrap().expect("splitting an axis");
    assert_eq!(places(&split), places(&base.transpose(0, 1).unwrap()));
    let flipped = base.flip(0).unwrap().flip(1).unwrap();
    assert_eq!(places(&flipped.reshape(shape(&[24])).unwrap().expect("wholly reversed")), places(&flipped));
    assert!(base.flip(1).unwrap().reshape(shape(&[24])).unwrap().is_none());
}

#[test]
fn reshape_handles_axes_of_length_one_and_zero() {
    let base = Layout::contiguous(shape(&[4, 6])).transpose(0, 1).unwrap().unsqueeze(1).unwrap();
    let view = base.reshape(shape(&[1, 6, 4, 1])).unwrap().expect("ones come and go freely");
    assert_eq!(places(&view), places(&base));
    let empty = Layout::contiguous(shape(&[0, 3])).transpose(0, 1).unwrap();
    assert!(empty.reshape(shape(&[7, 0])).unwrap().is_some());
}

#[test]
fn spans_cover_what_is_reached() {
    let base = Layout::contiguous(shape(&[4, 6]));
    for layout in [base, base.flip(0).unwrap(), base.slice(1, 1, 5, 3).unwrap().flip(1).unwrap()] {
        let all = places(&layout);
        assert_eq!(layout.span(), (*all.iter().min().unwrap(), *all.iter().max().unwrap() + 1));
    }
    assert_eq!(base.slice(0, 4, 4, 1).unwrap().span(), (0, 0));
}

#[test]
fn steps_beyond_an_axis_overflow_nothing() {
    let far = Layout::contiguous(shape(&[8])).slice(0, 0, 8, 2).unwrap().flip(0).unwrap();
    for step in [4, 1 << (usize::BITS - 3), isize::MAX as usize, usize::MAX] {
        let one = far.slice(0, 0, 4, step).unwrap();
        assert_eq!(places(&one), [6]);
        assert_eq!(places(&one.flip(0).unwrap()), [6]);
        assert_eq!(places(&far.windows(0, 3, step).unwrap().flip(0).unwrap()), [6, 4, 2]);
        // What loops over an axis may count with its stride, however short the axis is.
        let rows = Layout::contiguous(shape(&[4, 8])).slice(0, 0, 4, step).unwrap();
        assert!(rows.strides()[0].unsigned_abs() <= 8, "{:?}", rows.strides());
    }
}

#[test]
fn wrong_requests_are_errors() {
    let base = Layout::contiguous(shape(&[2, 3]));
    assert!(base.permute(&[0, 0]).is_err());
    assert!(base.permute(&[0]).is_err());
    assert!(base.slice(0, 1, 3, 1).is_err());
    assert!(base.slice(0, 0, 2, 0).is_err());
    assert!(base.expand(shape(&[3, 3])).is_err());
    assert!(base.squeeze(0).is_err());
    assert!(base.reshape(shape(&[7])).is_err());
    assert!(base.windows(0, 3, 1).is_err());
    assert!(base.flip(2).is_err());
}
