//! From the second training step on, nothing the size of a tensor is asked of the system; and nothing at all by the solvers.

#[path = "common/training.rs"]
mod training;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use training::{Learner, Samples};
use tress::autograd::{Pointwise, Reduce, Tape};
use tress::mtl::balance::Method;
use tress::mtl::solve::{
    Eigen, Gramian, MAX_TASKS, dual_cone, fair_share, min_norm, onto_simplex, worst_case,
};
use tress::tensor::{Tensor, parallel, pool};

/// The system's allocator, with figures of what is asked of it.
struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static REQUESTS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    if COUNTING.load(Relaxed) {
        REQUESTS.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes, Relaxed);
        LARGEST.fetch_max(bytes, Relaxed);
    }
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller's.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Requests, bytes and the largest request of the system while `work` runs.
fn counted(work: impl FnOnce()) -> [usize; 3] {
    for figure in [&REQUESTS, &BYTES, &LARGEST] {
        figure.store(0, Relaxed);
    }
    COUNTING.store(true, Relaxed);
    work();
    COUNTING.store(false, Relaxed);
    [REQUESTS.load(Relaxed), BYTES.load(Relaxed), LARGEST.load(Relaxed)]
}

/// Lists with an entry for each operation of the program are below this; most tensors of the network are above.
const SMALL: usize = 8192;
/// What the labels of one sample of one task take: three lists, and what they outgrew while they were filled.
const LABELS: usize = 64;

/// What a step asks of the system in steady state; fails if that is tensor memory.
fn steady_step(method: Method, count: usize) -> [usize; 3] {
    let batch: Vec<usize> = (0..count).collect();
    let samples = Samples::new(count, 3);
    let mut learner = Learner::new(method, 5);
    let before = pool::stats().requests;
    let first = counted(|| drop(learner.step(&samples, &batch)));
    assert!(first[2] > 100_000 && pool::stats().requests > before, "the first step does: {first:?}");

    let steady = pool::stats();
    let mut each = Vec::with_capacity(4);
    for _ in 0..4 {
        each.push(counted(|| drop(learner.step(&samples, &batch))));
    }
    let now = pool::stats();
    assert_eq!(now.requests, steady.requests, "{method}: the pool asked the system for memory");
    assert_eq!((now.live, now.peak), (steady.live, steady.peak), "{method}: tensors pile up");
    assert!(each.iter().all(|step| step[2] <= SMALL), "{method}: {each:?}");
    // The thread pool's queues (crossbeam-epoch) take a bag of two kilobytes for their garbage whenever one is full, which
    // has nothing to do with the step: one of the four may differ by that.
    let least = *each.iter().min().unwrap();
    let odd: Vec<_> = each.iter().filter(|step| **step != least).collect();
    assert!(
        odd.len() <= 1 && odd.iter().all(|step| step[0] == least[0] + 1),
        "{method}: steps differ: {each:?}"
    );
    let [requests, bytes, largest] = least;
    println!(
        "{method}, {count} samples: {requests} requests a step for {bytes} bytes, at most {largest} at once; tensors take \
         up to {} bytes, asked for {} times before the second step and never since",
        now.peak,
        now.requests - before
    );
    drop(learner);
    // So that the next run starts from nothing.
    pool::trim();
    pool::reset_peak();
    least
}

/// How often the system is asked for memory while a chain is recorded and swept, in steady state.
fn steady_chain(len: usize, operations: usize) -> usize {
    let start: Tensor = Tensor::from_fn([len], |i| 0.9 + i[0] as f32 / 100.0).unwrap();
    let mut tape = Tape::new();
    let mut step = |print: bool| {
        let (first, m) = (tape.var(start.clone()), tape.var(start.clone()));
        let last = (0..operations / 4).fold(first, |x, _| ((x * m).tanh() + m).scale(0.5));
        drop(last.sum_all().gradients(&[first]).unwrap());
        if print {
            println!("chain on {len} numbers: {}", tape.memory());
        }
        tape.reset();
    };
    step(false);
    step(true);
    let pooled = pool::stats().requests;
    let [requests, ..] = counted(|| step(false));
    assert_eq!(pool::stats().requests, pooled, "the pool asked the system for memory");
    requests
}

/// A recorded operation asks for nothing: neither its entry, nor its numbers, nor its cotangent.
fn chains_ask_for_no_memory() {
    for len in [1, 16] {
        let [short, long] = [1000, 10_000].map(|operations| steady_chain(len, operations));
        assert_eq!(short, long, "requests grow with the chain of {len} numbers");
        assert!(short <= 8, "{short} requests of a sweep");
    }
    pool::trim();
    pool::reset_peak();
}

/// The solvers over K tasks work in arrays on the stack.
fn solvers_ask_for_no_memory() {
    for tasks in [2, 5, MAX_TASKS] {
        // Rows that conflict, by a golden ratio; and the same with a copy and one that takes another back.
        let mut rows: Vec<f64> =
            (0..tasks * 40).map(|i| (0.7 + i as f64 * 0.618_033_988_749_895).fract() - 0.5).collect();
        for degenerate in [false, true] {
            if degenerate {
                rows.copy_within(..40, 40 * (tasks - 1));
                rows[..40].iter_mut().for_each(|x| *x = -*x);
            }
            let mean = [1.0 / tasks as f64; MAX_TASKS];
            let gramian = Gramian::from_rows(tasks, &rows).unwrap();
            let found = counted(|| {
                black_box(min_norm(&gramian).unwrap());
                black_box(dual_cone(&gramian, &mean[..tasks]).unwrap());
                black_box(fair_share(&gramian, 1.0).unwrap());
                black_box(worst_case(&gramian, 0.5).unwrap());
                black_box(worst_case(&gramian, 3.0).unwrap());
                let mut solution = [0.0; MAX_TASKS];
                let eigen = Eigen::of_cosines(&gramian);
                solution
                    .copy_from_slice(&eigen.apply(&mean[..tasks], |x| if x > 0.1 { 1.0 / x } else { 0.0 }));
                onto_simplex(&mut solution[..tasks]);
                black_box(solution);
            });
            assert_eq!(found[0], 0, "{tasks} tasks, degenerate {degenerate}: {found:?}");
        }
    }
    assert!(counted(|| drop(black_box(vec![1.0; 8])))[0] == 1, "what is asked for is counted");
}

// One test alone in this program: another would be counted with it.
#[test]
fn training_in_steady_state_allocates_no_tensor_memory() {
    // One pool of threads for all: one that ends frees what its workers have set aside, and may do so while we count.
    parallel::with_threads(1, || {
        chains_ask_for_no_memory();
        solvers_ask_for_no_memory();
        for method in Method::ALL {
            let (few, many) = (32, 96);
            let [small, large] = [few, many].map(|count| steady_step(method, count));
            let growth = large[1] - small[1];
            assert!(growth <= 2 * LABELS * (many - few), "{method}: {growth} bytes more for more samples");
        }
    });
}
