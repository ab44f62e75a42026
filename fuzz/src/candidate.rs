//! The file that is being read, kept apart: reading it may never end, or end the process, and it must be written all the same.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Write};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// After this, reading one file is taken to be endless. What is merely slow ends by itself and is measured.
const LONGEST: Duration = Duration::from_secs(20);

struct Candidate {
    format: &'static str,
    path: String,
    bytes: Vec<u8>,
    /// When reading it began; `None` while nothing is read.
    began: Option<Instant>,
}

static CANDIDATE: Mutex<Candidate> =
    Mutex::new(Candidate { format: "", path: String::new(), bytes: Vec::new(), began: None });

fn candidate() -> MutexGuard<'static, Candidate> {
    CANDIDATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Candidate {
    /// Asks for no memory: there may be none. (A short path becomes one of the system's on the stack.)
    fn write(&self) -> io::Result<()> {
        File::create(&self.path)?.write_all(&self.bytes)
    }
}

/// This file of this format is read next.
pub fn set(format: &'static str, bytes: &[u8]) {
    let mut candidate = candidate();
    if candidate.format != format {
        (candidate.format, candidate.path) = (format, format!("found-{format}"));
    }
    candidate.bytes.clear();
    candidate.bytes.extend_from_slice(bytes);
}

/// What `read` returns, which is watched from here on.
pub fn watched<R>(read: impl FnOnce() -> R) -> R {
    candidate().began = Some(Instant::now());
    let result = read();
    candidate().began = None;
    result
}

/// Writes the file that was read last, and says where.
pub fn keep() -> String {
    let candidate = candidate();
    candidate.write().expect("the finding can be written");
    candidate.path.clone()
}

/// Writes the file that is being read, and ends the process. Asks for no memory.
pub fn lost(why: Arguments<'_>) -> ! {
    let candidate = candidate();
    // Standard error is not buffered, so that printing asks for no memory either.
    match candidate.write() {
        Ok(()) => eprintln!("{}: {why}; {} has it", candidate.format, candidate.path),
        Err(_) => eprintln!("{}: {why}; {} cannot be written", candidate.format, candidate.path),
    }
    process::exit(1)
}

/// Starts the thread that looks each second whether reading one file has become endless.
pub fn watch() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            let began = candidate().began;
            if began.is_some_and(|began| began.elapsed() > LONGEST) {
                lost(format_args!("no end within {LONGEST:?}"));
            }
        }
    });
}
