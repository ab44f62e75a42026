//! What a program needs of a machine: a way in and out, a place to write, a clock, a heap.
//!
//! Each machine has one file with the same five things: `write`, `ticks`, `figures`, a global allocator, and the code that
//! calls the `program` of a binary and ends with its result.

#[cfg_attr(feature = "std", path = "host.rs")]
#[cfg_attr(all(not(feature = "std"), target_arch = "arm"), path = "cortex_m.rs")]
#[cfg_attr(all(not(feature = "std"), target_arch = "wasm32"), path = "wasm.rs")]
#[cfg_attr(
    all(not(feature = "std"), any(target_arch = "x86_64", target_arch = "aarch64")),
    path = "linux.rs"
)]
mod here;

pub use here::{figures, ticks, write};

/// Makes a function the program that the machine starts; it says whether all went well.
#[macro_export]
macro_rules! program {
    ($run:ident) => {
        /// What the machine calls once it is ready.
        // SAFETY: no other function of this name is linked: a binary has one program.
        #[unsafe(no_mangle)]
        fn tress_program() -> bool {
            $run()
        }

        #[cfg(feature = "std")]
        fn main() -> std::process::ExitCode {
            if tress_program() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
        }

        // The machine's own code is in the library, and nothing else would have it linked.
        #[cfg(not(feature = "std"))]
        #[used]
        static MACHINE: fn(&[u8]) = $crate::machine::write;
    };
}
pub use program;

/// The program of the binary.
#[cfg(not(feature = "std"))]
fn begin() -> bool {
    unsafe extern "Rust" {
        safe fn tress_program() -> bool;
    }
    tress_program()
}

/// The heap of a machine without one: the room is the linker's, its size is chosen when the program is built.
#[cfg(not(feature = "std"))]
mod heap {
    #[cfg(not(feature = "bump"))]
    use tress_tensor::storage::Arena as Allocator;
    #[cfg(feature = "bump")]
    use tress_tensor::storage::Bump as Allocator;

    const SIZE: usize = match option_env!("TRESS_HEAP") {
        Some(text) => size(text),
        None => 1 << 20,
    };

    const fn size(text: &str) -> usize {
        let (digits, mut n, mut i) = (text.as_bytes(), 0, 0);
        while i < digits.len() {
            n = 10 * n + (digits[i] - b'0') as usize;
            i += 1;
        }
        n
    }

    #[global_allocator]
    pub(super) static HEAP: Allocator = {
        static mut ROOM: [core::mem::MaybeUninit<u64>; SIZE / 8] =
            [core::mem::MaybeUninit::uninit(); SIZE / 8];
        let room = core::ptr::slice_from_raw_parts_mut((&raw mut ROOM).cast::<u8>(), SIZE / 8 * 8);
        // SAFETY: the room is named here alone, and a machine of this crate has one thread and no interrupts.
        unsafe { Allocator::new(room) }
    };

    /// Prints the figures of the heap.
    pub fn figures() {
        crate::print::entry("heap", HEAP.peak() as u64);
        #[cfg(not(feature = "bump"))]
        crate::print::entry("extent", HEAP.extent() as u64);
        HEAP.reset_peak();
    }
}
