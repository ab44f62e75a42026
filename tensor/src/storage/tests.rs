//! Sharing, copying on write, and recycling.

use super::*;
use alloc::vec::Vec;

#[test]
fn writing_copies_only_what_is_shared() {
    let mut a = Buffer::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0]);
    let at = a.as_slice().as_ptr();
    a.make_mut()[0] = 5.0;
    assert_eq!(a.as_slice().as_ptr(), at, "a sole owner writes in place");
    let b = a.clone();
    assert!(!a.is_unique() && a.get_mut().is_none());
    a.make_mut()[1] = 7.0;
    assert_eq!(
        (a.as_slice(), b.as_slice()),
        (&[5.0, 7.0, 3.0, 4.0, 5.0][..], &[5.0, 2.0, 3.0, 4.0, 5.0][..])
    );
    assert!(a.is_unique() && b.is_unique());
}

#[test]
fn static_numbers_are_borrowed_until_written() {
    static WEIGHTS: [f32; 5] = [0.5, 0.25, 2.0, 3.0, 4.0];
    let mut a = Buffer::from_static(&WEIGHTS);
    assert_eq!(a.as_slice().as_ptr(), WEIGHTS.as_ptr());
    let b = a.clone();
    a.make_mut()[0] = 1.0;
    assert_eq!((a.as_slice()[0], b.as_slice(), WEIGHTS[0]), (1.0, &WEIGHTS[..], 0.5));
    assert_eq!(&a.as_slice()[1..], &WEIGHTS[1..]);
}

#[test]
fn few_numbers_lie_inside_and_are_copies_of_their_own() {
    static FEW: [f64; 2] = [0.5, 0.25];
    let mut a = Buffer::from_static(&FEW);
    let mut b = a.clone();
    assert!(a.is_unique() && b.is_unique() && a.memory().is_none());
    a.make_mut()[0] = 1.0;
    b.get_mut().unwrap()[1] = 2.0;
    assert_eq!((a.as_slice(), b.as_slice(), FEW), (&[1.0, 0.25][..], &[0.5, 2.0][..], [0.5, 0.25]));
    let moved = Vec::from([a, b]); // the numbers move with their buffers
    assert_eq!((moved[0].as_slice()[0], moved[1].as_slice()[1]), (1.0, 2.0));
    let many = Buffer::from_slice(&[true; 17]);
    assert!(many.memory().is_some() && Buffer::<bool>::stale(16).memory().is_none());
    assert!(Buffer::<bool>::stale(16).as_slice().iter().all(|&b| !b));
    assert!(Buffer::<f32>::stale(0).as_slice().is_empty());
}

#[cfg(all(feature = "std", not(target_os = "wasi")))] // where a program has one thread
#[test]
fn blocks_wander_between_threads_and_are_counted_where_they_are() {
    if pool::fence::everywhere() {
        return;
    }
    // Taken here, given back there, more at a time than a tray holds, and again: the second round asks for nothing.
    let round = || {
        let blocks: Vec<_> = (0..500).map(|i| Buffer::from_slice(&[i as f32; 20])).collect();
        assert!(blocks.iter().enumerate().all(|(i, block)| block.as_slice() == [i as f32; 20]));
        std::thread::spawn(move || drop(blocks)).join().unwrap();
    };
    round();
    let before = pool::stats();
    assert!(before.kept >= 500 * 128, "{before:?}");
    round();
    let after = pool::stats();
    assert!(after.requests - before.requests < 100, "other tests may ask for some: {before:?} {after:?}");
}

#[test]
fn numbers_outside_start_on_a_cache_line() {
    #[cfg(feature = "std")]
    if pool::fence::everywhere() {
        return;
    }
    for len in [3, 7, 1000, 5000] {
        assert_eq!(Buffer::<f64>::stale(len).as_slice().as_ptr() as usize % 64, 0);
    }
}

/// What `TRESS_FENCED` and the test of pages stand on: that numbers end where their page does, and come as NaN.
#[cfg(all(feature = "std", target_os = "linux", target_pointer_width = "64"))]
#[test]
fn fenced_blocks_end_with_a_page_and_go_by_themselves() {
    let before = Buffer::from_slice(&[1.0f32; 33]);
    let (inside, kept) = pool::fence::with(|| {
        for len in [5, 16, 33, 1023, 1024, 40_000] {
            let block = Buffer::<f32>::stale(len);
            assert!(block.as_slice().as_ptr_range().end.addr().is_multiple_of(4096), "{len} numbers");
            assert!(block.as_slice().iter().all(|x| x.is_nan()));
            assert!(Buffer::<f32>::zeros(len).as_slice().iter().all(|&x| x == 0.0));
        }
        (Buffer::from_slice(&[true; 40]), before.clone())
    });
    drop(before);
    assert!(inside.as_slice().iter().all(|&b| b) && kept.as_slice() == [1.0; 33]);
}

/// The mistake that fences are for, made in a program of its own: this test, started again.
#[cfg(all(feature = "std", target_os = "linux", target_arch = "x86_64"))]
#[test]
fn reading_beyond_a_fenced_block_ends_the_program() {
    const SAID: &str = "TRESS_READS_BEYOND";
    const NAME: &str = "storage::tests::reading_beyond_a_fenced_block_ends_the_program";
    let read = |beyond: usize| {
        let block = pool::fence::with(|| Buffer::<f32>::zeros(33));
        // SAFETY: there is none, for 1 beyond the last: the system has to end the program.
        std::hint::black_box(unsafe { block.as_slice().as_ptr().add(32 + beyond).read_volatile() });
    };
    if let Ok(beyond) = std::env::var(SAID) {
        return read(beyond.parse().unwrap());
    }
    let ends_well = |beyond: &str| {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args([NAME, "--exact"]).env(SAID, beyond).output().unwrap().status.success()
    };
    assert!(ends_well("0"), "the last number may be read");
    assert!(!ends_well("1"), "the number behind it may not");
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

#[cfg(not(target_os = "wasi"))]
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

/// Takes, grows, shrinks and gives back blocks of many sizes in an order that looks random, and sees that no two overlap,
/// that all are aligned, and that what was written stays.
fn exercise(heap: &impl core::alloc::GlobalAlloc, start: usize, size: usize) {
    use core::alloc::Layout;
    let mut random = 12345u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
    for round in 0..4000 {
        let mark = round as u8;
        match next(4) {
            0 | 1 => {
                let layout = Layout::from_size_align(1 + next(200), 1 << next(7)).unwrap();
                // SAFETY: the size is not 0, and what is written lies in the block.
                unsafe {
                    let block = heap.alloc(layout);
                    if !block.is_null() {
                        block.write_bytes(mark, layout.size());
                        blocks.push((block, layout, mark));
                    }
                }
            }
            2 if !blocks.is_empty() => {
                let (block, layout, _) = blocks.swap_remove(next(blocks.len()));
                // SAFETY: it came from this allocator with this layout, and is forgotten here.
                unsafe { heap.dealloc(block, layout) };
            }
            3 if !blocks.is_empty() => {
                let i = next(blocks.len());
                let (block, layout, old) = blocks[i];
                let size = 1 + next(300);
                // SAFETY: as above; what is read lies in the part that both blocks have.
                unsafe {
                    let moved = heap.realloc(block, layout, size);
                    if !moved.is_null() {
                        let kept = core::slice::from_raw_parts(moved, size.min(layout.size()));
                        assert!(kept.iter().all(|&byte| byte == old), "what was written is moved along");
                        moved.write_bytes(mark, size);
                        blocks[i] = (moved, Layout::from_size_align(size, layout.align()).unwrap(), mark);
                    }
                }
            }
            _ => {}
        }
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for &(block, layout, mark) in &blocks {
            let at = block as usize;
            assert_eq!(at % layout.align(), 0);
            assert!(start <= at && at + layout.size() <= start + size);
            // SAFETY: the block is alive and was written as a whole.
            let bytes = unsafe { core::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|&byte| byte == mark), "nobody else writes into a block");
            ends.push((at, at + layout.size()));
        }
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "blocks overlap");
    }
    for (block, layout, _) in blocks {
        // SAFETY: as above.
        unsafe { heap.dealloc(block, layout) };
    }
}

#[test]
fn an_arena_serves_and_takes_back_in_any_order() {
    use core::alloc::{GlobalAlloc, Layout};
    let mut room = alloc::vec![0u128; 512];
    let (start, size) = (room.as_mut_ptr().cast::<u8>(), 512 * 16);
    // SAFETY: the room is used by this allocator alone, in one thread, and outlives it.
    let heap = unsafe { Arena::new(core::ptr::slice_from_raw_parts_mut(start, size)) };
    exercise(&heap, start as usize, size);
    assert!(heap.used() == 0 && heap.peak() > size / 2 && heap.extent() >= heap.peak());
    heap.reset_peak();
    let all = Layout::from_size_align(size, 16).unwrap();
    // SAFETY: the size is not 0; the block is given back as it came.
    unsafe {
        let block = heap.alloc(all);
        assert_eq!(block, start, "all holes have become one again");
        assert!(heap.alloc(Layout::new::<u8>()).is_null(), "and nothing is left");
        heap.dealloc(block, all);
    }
    assert_eq!((heap.used(), heap.peak()), (0, size));
}

#[test]
fn a_bump_serves_and_is_empty_when_all_has_gone() {
    use core::alloc::{GlobalAlloc, Layout};
    let mut room = alloc::vec![0u128; 512];
    let (start, size) = (room.as_mut_ptr().cast::<u8>(), 512 * 16);
    // SAFETY: the room is used by this allocator alone, in one thread, and outlives it.
    let heap = unsafe { Bump::new(core::ptr::slice_from_raw_parts_mut(start, size)) };
    exercise(&heap, start as usize, size);
    assert_eq!(heap.used(), 0);
    heap.reset_peak();
    let (small, large) = (Layout::from_size_align(10, 1).unwrap(), Layout::from_size_align(100, 64).unwrap());
    // SAFETY: sizes are not 0; blocks are given back as they came.
    unsafe {
        let (a, b) = (heap.alloc(small), heap.alloc(small));
        assert_eq!((a, b, heap.used()), (start, start.add(10), 20));
        assert_eq!(heap.realloc(b, small, 30), b, "the last block grows where it lies");
        heap.dealloc(b, Layout::from_size_align(30, 1).unwrap());
        assert_eq!((heap.used(), heap.peak()), (10, 40));
        assert_eq!((heap.alloc(large) as usize - start as usize) % 64, (start as usize).wrapping_neg() % 64);
        assert!(heap.alloc(Layout::from_size_align(size, 1).unwrap()).is_null());
    }
}
