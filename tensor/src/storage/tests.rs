//! Sharing, copying on write, and recycling.

use super::*;
use alloc::vec::Vec;

#[test]
fn writing_copies_only_what_is_shared() {
    let mut a = Buffer::from_slice(&[1.0f32, 2.0, 3.0]);
    let at = a.as_slice().as_ptr();
    a.make_mut()[0] = 5.0;
    assert_eq!(a.as_slice().as_ptr(), at, "a sole owner writes in place");
    let b = a.clone();
    assert!(!a.is_unique() && a.get_mut().is_none());
    a.make_mut()[1] = 7.0;
    assert_eq!((a.as_slice(), b.as_slice()), (&[5.0, 7.0, 3.0][..], &[5.0, 2.0, 3.0][..]));
    assert!(a.is_unique() && b.is_unique());
}

#[test]
fn static_numbers_are_borrowed_until_written() {
    static WEIGHTS: [f32; 2] = [0.5, 0.25];
    let mut a = Buffer::from_static(&WEIGHTS);
    assert_eq!(a.as_slice().as_ptr(), WEIGHTS.as_ptr());
    let b = a.clone();
    a.make_mut()[0] = 1.0;
    assert_eq!((a.as_slice(), b.as_slice(), WEIGHTS[0]), (&[1.0, 0.25][..], &[0.5, 0.25][..], 0.5));
}

#[test]
fn numbers_start_on_a_cache_line() {
    for len in [0, 1, 3, 1000, 5000] {
        assert_eq!(Buffer::<f64>::stale(len).as_slice().as_ptr() as usize % 64, 0);
    }
}

#[test]
fn recycled_memory_is_valid_and_zeros_are_zero() {
    for _ in 0..3 {
        let bytes: Vec<u8> = (0..=255).collect();
        drop(Buffer::from_slice(&bytes));
        assert!(Buffer::<bool>::stale(256).as_slice().iter().all(|&b| !b));
        drop(Buffer::from_slice(&bytes));
        assert!(Buffer::<f32>::zeros(64).as_slice().iter().all(|&x| x == 0.0));
    }
}

#[test]
fn owners_on_many_threads() {
    let a = Buffer::from_slice(&[1u32; 1000]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let mut mine = a.clone();
                    mine.make_mut()[3] = 2;
                }
            });
        }
    });
    assert!(a.is_unique());
    assert_eq!(a.as_slice()[3], 1);
}
