//! Ctrl-C: the first asks the training to stop at the next batch, the second ends the program at once, except while
//! files are being written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Whether a stop was asked for; clones share one answer.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    requested: AtomicBool,
    /// While files are written, which takes milliseconds, no Ctrl-C cuts that short.
    writing: AtomicBool,
}

impl Interrupt {
    /// Listens to Ctrl-C from now on. To be called once in a process.
    ///
    /// # Errors
    ///
    /// [`Error::Training`] where the system allows no handler, or one is there already.
    pub fn watch() -> Result<Interrupt, Error> {
        let interrupt = Interrupt::default();
        let flag = interrupt.clone();
        ctrlc::set_handler(move || {
            let again = flag.0.requested.swap(true, Ordering::SeqCst);
            if again && !flag.0.writing.load(Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .map_err(|e| Error::Training(format!("cannot listen to Ctrl-C: {e}")))?;
        Ok(interrupt)
    }

    /// Asks for a stop, as Ctrl-C does.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::SeqCst);
    }

    /// Does `write`, which no Ctrl-C cuts short.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub fn writing<T>(&self, write: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.0.writing.store(true, Ordering::SeqCst);
        let written = write();
        self.0.writing.store(false, Ordering::SeqCst);
        written
    }

    /// Whether a stop was asked for.
    pub fn requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Passes while no stop was asked for; meant to be called between two batches.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] after Ctrl-C; `during` says what is cut short and what is kept.
    pub fn check(&self, during: impl FnOnce() -> String) -> Result<(), Error> {
        if self.requested() { Err(Error::Interrupted { during: during() }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Interrupt;

    #[test]
    fn a_request_reaches_every_clone_and_carries_the_exit_code_of_ctrl_c() {
        let interrupt = Interrupt::default();
        let other = interrupt.clone();
        assert!(other.check(|| unreachable!("nothing was asked for")).is_ok());
        interrupt.request();
        let error = other.check(|| "in epoch 2".to_owned()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("interrupted in epoch 2", 130));
    }
}
