//! Numbers from bytes, of any type that files have.

use super::{Dtype, Item};
use alloc::vec::Vec;
use tress_tensor::Element;

/// Whether `T` holds a number exactly.
pub(super) fn fits<T: Element>(x: f64) -> bool {
    T::from_f64(x).to_f64() == x
}

/// Whether `T` holds each number of an item exactly.
pub(super) fn all_fit<T: Element>(item: &Item<'_>) -> bool {
    let mut all = true;
    each(item, |x| all &= fits::<T>(x));
    all
}

/// The numbers of an item in row-major order, as `T`.
pub(super) fn numbers<T: Element>(item: &Item<'_>) -> Vec<T> {
    let mut stored = Vec::with_capacity(item.bytes.len() / item.dtype.size());
    each(item, |x| stored.push(T::from_f64(x)));
    match item.fortran && item.shape.len() > 1 {
        true => row_major(&stored, &item.shape),
        false => stored,
    }
}

/// Tells of the numbers of an item as they lie. A number of 64 bits may lose its last digits here.
fn each(item: &Item<'_>, mut tell: impl FnMut(f64)) {
    macro_rules! decoded {
        ($bytes:literal, $number:ty, $x:ident => $value:expr) => {{
            let chunks = item.bytes.as_chunks::<$bytes>().0;
            let one = |bytes: &[u8; $bytes]| {
                let $x = if item.big {
                    <$number>::from_be_bytes(*bytes)
                } else {
                    <$number>::from_le_bytes(*bytes)
                };
                $value
            };
            chunks.iter().for_each(|bytes| tell(one(bytes)));
        }};
    }
    match item.dtype {
        Dtype::BOOL => item.bytes.iter().for_each(|&byte| tell((byte != 0) as u8 as f64)),
        Dtype::U8 => item.bytes.iter().for_each(|&byte| tell(byte as f64)),
        Dtype::I8 => item.bytes.iter().for_each(|&byte| tell(byte as i8 as f64)),
        Dtype::U16 => decoded!(2, u16, x => x as f64),
        Dtype::I16 => decoded!(2, i16, x => x as f64),
        Dtype::F16 => decoded!(2, u16, x => half(x)),
        Dtype::BF16 => decoded!(2, u16, x => f32::from_bits((x as u32) << 16) as f64),
        Dtype::U32 => decoded!(4, u32, x => x as f64),
        Dtype::I32 => decoded!(4, i32, x => x as f64),
        Dtype::F32 => decoded!(4, f32, x => x as f64),
        Dtype::U64 => decoded!(8, u64, x => x as f64),
        Dtype::I64 => decoded!(8, i64, x => x as f64),
        Dtype::F64 => decoded!(8, f64, x => x),
    }
}

/// Numbers that lie with the first axis innermost (Fortran), with the last axis innermost.
fn row_major<T: Copy>(stored: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = alloc::vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let place = |mut i: usize| {
        let mut place = 0;
        for (length, stride) in shape.iter().zip(&strides).rev() {
            place += i % length * stride;
            i /= length;
        }
        stored[place]
    };
    (0..stored.len()).map(place).collect()
}

/// A number of half precision (IEEE 754, binary16); every one is a number of single precision.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = ((bits >> 10 & 31) as i32, (bits & 1023) as f64);
    match (exponent, fraction == 0.0) {
        (0, _) => sign * libm::ldexp(fraction, -24),
        (31, true) => sign * f64::INFINITY,
        (31, false) => f64::NAN,
        _ => sign * libm::ldexp(1024.0 + fraction, exponent - 25),
    }
}

/// The bytes of numbers, little-endian.
pub(super) fn encode<T: Element>(numbers: &[T], bytes: &mut Vec<u8>) {
    for number in numbers.iter().map(|number| number.to_f64()) {
        // Widening to f64 is exact, and so is the way back.
        match T::NAME {
            "f32" => bytes.extend_from_slice(&(number as f32).to_le_bytes()),
            "u32" => bytes.extend_from_slice(&(number as u32).to_le_bytes()),
            "i32" => bytes.extend_from_slice(&(number as i32).to_le_bytes()),
            "u8" | "bool" => bytes.push(number as u8),
            _ => bytes.extend_from_slice(&number.to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_the_standard() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x03FF, 6.097_555_160_522_461e-5),
            (0x0400, 6.103_515_625e-5),
            (0x3C00, 1.0),
            (0x3555, 0.333_251_953_125),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x7C00, f64::INFINITY),
            (0xFC00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7E00).is_nan() && half(0x8000).is_sign_negative());
    }
}
