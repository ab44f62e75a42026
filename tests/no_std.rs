//! The library without std trains as it does with std: the bare program of `tests/bare` is built, run, and compared.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

extern crate alloc;

#[path = "bare/src/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use tress::tensor::{parallel, simd};

/// Builds the bare program, for the plain processors of the architecture whatever flags this test was built with.
fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    let target = "x86_64-unknown-linux-gnu";
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--target", target, "--target-dir"])
        .arg(&folder)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bare"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join(target).join("debug/tress-bare")
}

fn contains(file: &Path, text: &str) -> bool {
    std::fs::read(file).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[test]
fn training_without_std_gives_the_bits_of_training_with_std() {
    let bare = build();

    // A panic of std names its source, and its symbols begin so; this very test, which has std, shows that it is found.
    let this = std::env::current_exe().unwrap();
    for mark in ["library/std/src", "_ZN3std"] {
        assert!(contains(&this, mark), "{mark} is no mark of std any more");
        assert!(!contains(&bare, mark), "std is linked: {mark} is in {}", bare.display());
    }
    assert!(
        contains(&bare, "libc.so") && !contains(&bare, "libgcc_s.so"),
        "more is linked than the C library"
    );

    let output = Command::new(&bare).env_clear().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));

    let mut expected = String::new();
    parallel::with_threads(2, || program::run(&mut expected).map_err(|error| error.to_string())).unwrap();
    // TRESS_ISA may hold the program with std to fewer levels; without std there is no environment to read.
    let same =
        if std::env::var_os("TRESS_ISA").is_some() { text.starts_with(&expected) } else { text == expected };
    assert!(same, "without std:\n{text}\nwith std, up to {}:\n{expected}", simd::best());
    println!("{expected}");
}
