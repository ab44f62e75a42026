//! The program without std: memory and output come from the C library, all else from `core` and `alloc`.
#![no_std]
#![no_main]

extern crate alloc;

mod program;

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::fmt::{self, Write};

#[link(name = "c")]
unsafe extern "C" {
    fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int;
    fn free(block: *mut c_void);
    fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
    fn _exit(code: c_int) -> !;
}

struct CLibrary;

// SAFETY: `posix_memalign` gives memory of the size and alignment asked for, or none; `free` takes it back.
unsafe impl GlobalAlloc for CLibrary {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut block = core::ptr::null_mut();
        // SAFETY: the alignment of a layout is a power of two, and at least a pointer's here.
        match unsafe { posix_memalign(&mut block, layout.align().max(size_of::<usize>()), layout.size()) } {
            0 => block.cast(),
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller hands back what `alloc` gave.
        unsafe { free(block.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: CLibrary = CLibrary;

/// Standard output or standard error.
struct File(c_int);

impl Write for File {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // SAFETY: the bytes are borrowed for the call.
            let count = unsafe { write(self.0, rest.as_ptr().cast(), rest.len()) };
            rest = usize::try_from(count)
                .ok()
                .filter(|&count| count > 0)
                .and_then(|n| rest.get(n..))
                .ok_or(fmt::Error)?;
        }
        Ok(())
    }
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(File(2), "{info}");
    // SAFETY: ends the process, whatever state it is in.
    unsafe { _exit(1) }
}

/// Named in the tables of the `alloc` that comes compiled with the toolchain, which unwinds. A panic here ends the process,
/// so neither of the two is ever called; if std were linked, each would be there twice.
// SAFETY: no other function of this name is linked.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// See above.
// SAFETY: no other function of this name is linked.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: ends the process, whatever state it is in.
    unsafe { _exit(1) }
}

/// What the C library's start-up code calls.
// SAFETY: no other function of this name is linked.
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const u8) -> c_int {
    match program::run(&mut File(1)) {
        Ok(()) => 0,
        Err(mistake) => {
            let _ = writeln!(File(2), "{mistake}");
            1
        }
    }
}
