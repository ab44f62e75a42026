//! A Cortex-M board in QEMU: vector table, reset, and semihosting to write and to end.

use crate::print;
use core::arch::{asm, naked_asm};

unsafe extern "C" {
    // Addresses that the linker script names; what lies there is not theirs.
    static mut _data: u32;
    static mut _data_end: u32;
    static _data_in_flash: u32;
    static mut _bss: u32;
    static mut _bss_end: u32;
    static mut _stack: u32;
}

/// What fills the stack before the program starts: where it is gone, the stack has been.
const PAINT: u32 = 0xDEAD_BEEF;

/// How often the clock has come to its end.
static mut WRAPS: u32 = 0;

unsafe extern "C" fn wrapped() {
    // SAFETY: written here alone.
    unsafe { (&raw mut WRAPS).write_volatile((&raw const WRAPS).read_volatile() + 1) };
}

/// Where the processor starts, and what it does when something goes wrong: fifteen exceptions, of which a program here
/// asks for that of the clock alone. The first word, the stack's end, is the linker's.
// SAFETY: the section is what the linker script puts behind that word, and holds code addresses.
#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: [unsafe extern "C" fn(); 15] = {
    let mut vectors: [unsafe extern "C" fn(); 15] = [fault; 15];
    vectors[0] = reset;
    vectors[14] = wrapped;
    vectors
};

unsafe extern "C" fn fault() {
    write(b"fault\n");
    exit(false)
}

/// Turns the floating-point unit on before any instruction can ask for it, and goes on in Rust.
#[unsafe(naked)]
unsafe extern "C" fn reset() {
    #[cfg(target_abi = "eabihf")]
    naked_asm!(
        "ldr r0, =0xE000ED88",
        "ldr r1, [r0]",
        "orr r1, r1, #0xF00000",
        "str r1, [r0]",
        "dsb",
        "isb",
        "b {start}",
        start = sym start
    );
    #[cfg(not(target_abi = "eabihf"))]
    naked_asm!("ldr r0, ={start}", "bx r0", start = sym start);
}

unsafe extern "C" fn start() -> ! {
    let here: *mut u32;
    // SAFETY: the linker script gives these addresses as whole words of memory that belongs to nobody yet; what lies below
    // the stack pointer is free.
    unsafe {
        asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags));
        let mut from = &raw const _data_in_flash;
        let mut to = &raw mut _data;
        while to < &raw mut _data_end {
            to.write_volatile(from.read_volatile());
            (to, from) = (to.add(1), from.add(1));
        }
        let mut to = &raw mut _bss;
        while to < &raw mut _bss_end {
            to.write_volatile(0);
            to = to.add(1);
        }
        while to < here.sub(16) {
            to.write_volatile(PAINT);
            to = to.add(1);
        }
        // SysTick: the processor's own clock, counting down from 2^24 - 1.
        (0xE000_E014 as *mut u32).write_volatile(0xFF_FFFF);
        (0xE000_E018 as *mut u32).write_volatile(0);
        (0xE000_E010 as *mut u32).write_volatile(7);
    }
    exit(super::begin())
}

fn semihost(operation: u32, argument: *const u32) {
    // SAFETY: the breakpoint is served by QEMU, which reads what the argument points to.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack)) };
}

fn exit(fine: bool) -> ! {
    // SYS_EXIT_EXTENDED: the program itself has ended, with this status.
    let reason = [0x20026, u32::from(!fine)];
    semihost(0x20, reason.as_ptr());
    loop {}
}

/// Writes text: SYS_WRITEC for each byte, which needs no room and no copy.
pub fn write(text: &[u8]) {
    text.iter().for_each(|byte| semihost(0x03, core::ptr::from_ref(byte).cast()));
}

/// Ticks of the processor's clock, of which each turn has 2^24.
pub fn ticks() -> u64 {
    loop {
        // SAFETY: a register of every Cortex-M that QEMU has, and a counter that an interrupt may change in between.
        let (before, now, after) = unsafe {
            let wraps = || (&raw const WRAPS).read_volatile();
            (wraps(), (0xE000_E018 as *const u32).read_volatile(), wraps())
        };
        if before == after {
            return u64::from(before) << 24 | u64::from(now.wrapping_neg() & 0xFF_FFFF);
        }
    }
}

/// Prints the most that was taken of the heap and of the stack.
pub fn figures() {
    super::heap::figures();
    let mut at = &raw const _bss_end;
    // SAFETY: everything between the end of the zeros and the end of the stack is words of memory.
    let deepest = unsafe {
        while at < &raw const _stack && at.read_volatile() == PAINT {
            at = at.add(1);
        }
        if at == &raw const _bss_end {
            write(b" the stack has run into other memory\n");
            exit(false)
        }
        (&raw const _stack).byte_offset_from(at)
    };
    print::entry("stack", deepest as u64);
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    write(b"panic\n");
    exit(false)
}
