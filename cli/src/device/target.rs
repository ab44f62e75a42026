//! The devices that a network can be asked to fit.

use clap::ValueEnum;

/// A kind of processor, with the memory of a part that has it; `--flash` and `--ram` say that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Cortex-M0, as in nRF51822 (micro:bit): 256 KB flash, 16 KB RAM, no floating-point unit
    M0,
    /// Cortex-M3, as in STM32F103: 128 KB flash, 20 KB RAM, no floating-point unit
    M3,
    /// Cortex-M4F, as in STM32F405: 1 MB flash, 192 KB RAM
    M4,
    /// Cortex-M7, as in STM32F746: 1 MB flash, 320 KB RAM
    M7,
    /// Cortex-M33, as in nRF9160: 1 MB flash, 256 KB RAM
    M33,
    /// Cortex-M55, as in the board MPS3 AN547: 512 KB flash, 4 MB RAM
    M55,
}

impl Target {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::M0 => "m0",
            Target::M3 => "m3",
            Target::M4 => "m4",
            Target::M7 => "m7",
            Target::M33 => "m33",
            Target::M55 => "m55",
        }
    }

    /// What Rust calls it.
    pub fn triple(self) -> &'static str {
        match self {
            Target::M0 => "thumbv6m-none-eabi",
            Target::M3 => "thumbv7m-none-eabi",
            Target::M4 | Target::M7 => "thumbv7em-none-eabihf",
            Target::M33 | Target::M55 => "thumbv8m.main-none-eabihf",
        }
    }

    /// Bytes of flash and of RAM of the part.
    pub fn memory(self) -> [usize; 2] {
        let [flash, ram] = match self {
            Target::M0 => [256, 16],
            Target::M3 => [128, 20],
            Target::M4 => [1024, 192],
            Target::M7 => [1024, 320],
            Target::M33 => [1024, 256],
            Target::M55 => [512, 4096],
        };
        [flash * 1024, ram * 1024]
    }

    /// Whether floats are computed by software.
    pub fn is_soft(self) -> bool {
        matches!(self, Target::M0 | Target::M3)
    }

    /// Its column in tables of what code takes: with floating-point instructions, an M3, an M0.
    pub(super) fn class(self) -> usize {
        match self {
            Target::M3 => 1,
            Target::M0 => 2,
            _ => 0,
        }
    }

    /// Bytes of stack at least and at most: less and more than any exported program was seen to take, a C header 76 and a crate 856
    /// (`embedded/run`).
    pub const STACK: [usize; 2] = [64, 1024];
}
