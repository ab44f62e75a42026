//! npz files whose members are deflated (`numpy.savez_compressed`).
//!
//! ```
//! # use tress_tensor::Tensor;
//! # let bytes = tress_nn::file::write_npz(&[("x", &Tensor::vector(&[1.0f32, 2.0]))])?;
//! let npz = tress_readers::npz::read(&bytes)?; // deflated or not
//! assert_eq!(npz.tensor::<f32>("x")?.to_vec(), [1.0, 2.0]);
//! # Ok::<(), tress_nn::Error>(())
//! ```
//!
//! A model is filled from one by [`Loader::members`](tress_nn::file::Loader::members).

use std::io::Read;

use flate2::bufread::DeflateDecoder;
use tress_nn::Error;
use tress_nn::file::Npz;

/// Reads the members of a npz file, deflated or stored as they are, and checks the checksum of each.
///
/// # Errors
/// As [`Npz::read`], but for deflated members, which are inflated. Not more memory is asked for than 1032 times the size
/// of the file.
pub fn read(bytes: &[u8]) -> Result<Npz<'_>, Error> {
    Npz::read_with(bytes, inflate)
}

/// The `size` bytes that `packed` inflates to.
fn inflate(packed: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
    let mut decoder = DeflateDecoder::new(packed);
    let mut bytes = Vec::with_capacity(size);
    // One byte more than there should be is enough to know.
    let read = decoder.by_ref().take((size as u64).saturating_add(1)).read_to_end(&mut bytes);
    match read {
        Err(_) => Err("a member cannot be inflated: it was damaged, or cut off"),
        Ok(found) if found != size => Err("a member inflates to another size than it says"),
        Ok(_) if decoder.total_in() != packed.len() as u64 => {
            Err("there are bytes behind the end of a deflated member")
        }
        Ok(_) => Ok(bytes),
    }
}
