//! Two tasks trained in a page: an exported network, and its sweep, as WebAssembly behind a few functions of plain C.
//!
//! Pictures of two digits that overlap; one network says which digit is on the left, and which on the right. The page calls
//! `room` and puts the digits there, then `start`, then `train` and `test` in turn, and draws what `figure` and `wrong` give.
#![no_std]

extern crate alloc;

mod data;
mod learner;

use alloc::vec::Vec;
use core::cell::RefCell;
use learner::Learner;
use tress_conformance::machine;

/// What the page has made so far.
struct State {
    bytes: Vec<u8>,
    learner: Option<Learner>,
}

struct Alone<T>(RefCell<T>);

// SAFETY: WebAssembly without threads has one.
unsafe impl<T> Sync for Alone<T> {}

static STATE: Alone<State> = Alone(RefCell::new(State { bytes: Vec::new(), learner: None }));

machine::program!(begin);

/// The page starts by itself, function by function.
fn begin() -> bool {
    true
}

fn with<R>(default: R, of: impl FnOnce(&mut Learner) -> Option<R>) -> R {
    STATE.0.borrow_mut().learner.as_mut().and_then(of).unwrap_or(default)
}

/// Room for the file of digits.
// SAFETY: no other function of this name is linked; the same holds below.
#[unsafe(no_mangle)]
extern "C" fn room(len: usize) -> *mut u8 {
    let mut state = STATE.0.borrow_mut();
    state.bytes = alloc::vec![0; len];
    state.bytes.as_mut_ptr()
}

/// A network of its own for this seed: 1 if all is well.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn start(seed: u32) -> u32 {
    let mut state = STATE.0.borrow_mut();
    state.learner = None;
    state.learner = Learner::new(&state.bytes, u64::from(seed));
    u32::from(state.learner.is_some())
}

/// So many steps: 1 if all is well.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn train(steps: u32) -> u32 {
    with(0, |learner| {
        (0..steps).for_each(|_| learner.step());
        Some(1)
    })
}

/// Looks at test pictures: how many are taken for something else.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn test() -> u32 {
    with(u32::MAX, |learner| Some(learner.test()))
}

/// The losses of the last step (0, 1), the share of test pictures that each head is right about (2, 3), the steps so far (4),
/// the number of parameters (5).
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn figure(which: u32) -> f32 {
    with(f32::NAN, |learner| learner.figures().get(which as usize).copied())
}

/// A test picture that is taken for something else: 18 x 18 bytes, both truths, both answers.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn wrong(which: u32) -> *const u8 {
    with(core::ptr::null(), |learner| learner.wrong(which as usize).map(<[u8]>::as_ptr))
}
