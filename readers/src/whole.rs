//! Files read whole: what they are and how long they are is asked before a byte of them is taken.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Opens a file, and says how long it is. A folder, a pipe or a device is none: nothing is opened that could keep a reader
/// waiting.
pub(crate) fn opened(path: &Path) -> Result<(File, u64)> {
    let name = path.display().to_string();
    let about = std::fs::metadata(path).map_err(|error| Error::io(&name, &error))?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "a pipe or a device" };
        return Err(Error::new(name, format!("is {what} and no file; give the path of a file")));
    }
    let file = File::open(path).map_err(|error| Error::io(&name, &error))?;
    Ok((file, about.len()))
}

/// The bytes of a file, which may be `most`.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let name = path.display().to_string();
    let too_long = |length: u64| {
        let length = if length > most { format!("{length} bytes") } else { "more".to_owned() };
        Err(Error::new(
            &name,
            format!("has {length}, where {most} bytes are read at most; cut it into several"),
        ))
    };
    let (file, length) = opened(path)?;
    if length > most {
        return too_long(length);
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // It may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| Error::io(&name, &error))?;
    if bytes.len() as u64 > most { too_long(0) } else { Ok(bytes) }
}
