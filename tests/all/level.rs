//! The instruction set is the whole process's: tests that go through all of them, and tests that need it to stay, take turns.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tress::tensor::simd::{self, Level};

static LEVEL: RwLock<()> = RwLock::new(());

/// Keeps the level as it is while the guard lives: for tests that compare bits or train from a seed, any number at a time. A test
/// takes one guard at most: a second would wait for a test that waits for the first.
pub(crate) fn stays() -> RwLockReadGuard<'static, ()> {
    // A test that failed elsewhere has put the level back.
    LEVEL.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `check` at each level of the machine, while no test needs it to stay.
pub(crate) fn each(check: impl FnMut(Level)) {
    let _alone = LEVEL.write().unwrap_or_else(PoisonError::into_inner);
    simd::at_each_level(check);
}

/// While a guard lives, nobody goes through the levels.
#[test]
fn a_level_stays_where_it_is_needed() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (ran, before) = (AtomicBool::new(false), stays());
    std::thread::scope(|scope| {
        let other = scope.spawn(|| each(|_| ran.store(true, Ordering::SeqCst)));
        // Long enough for a thread to start, and to go ahead where nothing holds it back.
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!ran.load(Ordering::SeqCst), "the level changed beside a test that needs it");
        drop(before);
        other.join().unwrap();
    });
    assert!(ran.into_inner());
}

/// Every other test of this program changes the level here or not at all.
#[test]
fn the_level_changes_here_alone() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("level.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for change in ["at_each_level", "simd::cap", "simd::uncap"] {
                assert!(!text.contains(change), "{} has {change}: level::each is to be used", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 5, "{files} files");
}
