//! A fence beside memory that a program is given: who writes past that memory leaves a trace in it.

use core::hint::black_box;

/// What stands in a fence, and is no number that a program computes.
const PLANK: u32 = 0xFE4C_E5A5;

/// Sixteen words that nobody may change, as far apart as parts of an arena are.
#[repr(C)]
pub struct Fence([u32; 16]);

impl Fence {
    /// Puts it up.
    #[inline(never)]
    pub fn raise(&mut self) {
        black_box(&mut self.0).iter_mut().for_each(|plank| *plank = PLANK);
    }

    /// Whether it is as it was put up. The compiler may not know.
    #[inline(never)]
    pub fn stands(&self) -> bool {
        black_box(&self.0).iter().all(|plank| *plank == PLANK)
    }
}
