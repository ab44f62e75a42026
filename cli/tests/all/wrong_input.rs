//! Wrong input, given to the program itself: one clear line, the right exit code, and nothing half-written.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A folder of its own for one test, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tress-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Every file and folder within, by name.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `tress` in `folder` and gives exit code and standard error, which must be one line that begins with the program's name.
fn refused(folder: &Folder, arguments: &[&str]) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tress")).args(arguments).current_dir(&folder.0).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{arguments:?}:\n{text}");
    let line = text.trim_end().strip_prefix("tress: ").unwrap_or_else(|| panic!("{text}"));
    assert!(output.stdout.is_empty(), "{arguments:?} printed {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), line.to_owned())
}

/// An IDX file of unsigned bytes.
fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    for length in shape {
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend(data);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Writes a whole small MNIST, four pictures for training and two for testing, that the tests then damage.
fn small_mnist(at: &Path) {
    fs::create_dir_all(at).unwrap();
    for (split, count) in [("train", 4_u32), ("t10k", 2)] {
        let pixels = vec![200; 784 * count as usize];
        fs::write(at.join(format!("mnist-{split}-images-idx3-ubyte")), idx(&[count, 28, 28], &pixels))
            .unwrap();
        let labels: Vec<u8> = (0..count as u8).collect();
        fs::write(at.join(format!("mnist-{split}-labels-idx1-ubyte.gz")), gzip(&idx(&[count], &labels)))
            .unwrap();
    }
}

/// Damages a small MNIST by `damage` and returns what the program says; the run folder must not come to be.
fn damaged(test: &str, damage: impl FnOnce(&Path)) -> String {
    let folder = Folder::new(test);
    small_mnist(&folder.at("data"));
    damage(&folder.at("data"));
    let (code, line) = refused(&folder, &["--data-dir", "data", "--out", "run"]);
    assert_eq!(code, 1, "{line}");
    assert_eq!(folder.names(), ["data"], "nothing but the data is left");
    line
}

#[test]
fn an_unknown_option_is_named() {
    let folder = Folder::new("option");
    let (code, line) = refused(&folder, &["train", "--epoch", "3"]);
    assert_eq!(code, 2);
    assert_eq!(
        line,
        "unexpected argument '--epoch' found; did you mean '--epochs'? (`tress train --help` lists every choice)"
    );
    assert!(folder.names().is_empty());
}

#[test]
fn a_word_that_no_workload_has_in_its_name_is_named_before_anything_is_measured() {
    let folder = Folder::new("no-workload");
    for words in [&["bench", "foobar"][..], &["bench", "gemm", "foobar"]] {
        let (code, line) = refused(&folder, words);
        assert!(code == 2 && line.contains("\"foobar\"") && line.contains("--list"), "{line}");
    }
    assert!(folder.names().is_empty());
}

#[test]
fn a_bad_value_is_named_with_its_range() {
    let folder = Folder::new("value");
    for (arguments, expected) in [
        (
            ["--epochs", "0"],
            "invalid value '0' for '--epochs <N>': a whole number from 1 to 100000 is needed",
        ),
        (["--lr", "-0.1"], "invalid value '-0.1' for '--lr <RATE>': a finite number above 0 is needed"),
        (
            ["--set", "cifar"],
            "invalid value 'cifar' for '--set <SET>' [possible values: multimnist, fashion, mnist+fashion]",
        ),
    ] {
        let (code, line) = refused(&folder, &arguments);
        assert_eq!(code, 2);
        assert_eq!(line, format!("{expected} (`tress train --help` lists every choice)"));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn batches_of_two_sizes_are_refused_where_the_method_cannot_take_them() {
    let folder = Folder::new("sizes");
    for method in ["db-mtl", "moco", "excess-mtl"] {
        let line = format!("--place features --balance {method} --out run");
        let (code, line) = refused(&folder, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(code, 2, "{line}");
        let expected = "with --place features needs batches of one size, and the last of 20000 samples by 64 has 32; choose \
                        --samples 19968 or --batch 50";
        assert_eq!(line, format!("--balance {method} {expected}"));
    }
    assert!(folder.names().is_empty(), "before there is a folder");
    // What it advises, or one batch an epoch, works; and so do two sizes over parameters, or for a method without such state.
    for choice in [
        "--place features --balance db-mtl --samples 96 --batch 48",
        "--place features --balance moco --samples 20 --batch 32",
        "--place layers --balance excess-mtl --samples 40 --batch 32",
        "--place features --balance mgda --samples 40 --batch 32",
    ] {
        let line = format!("--epochs 2 --threads 1 --quiet --overwrite --out run {choice}");
        let output = Command::new(env!("CARGO_BIN_EXE_tress"))
            .args(line.split(' '))
            .current_dir(&folder.0)
            .output()
            .unwrap();
        assert!(output.status.success(), "{choice}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_training() {
    let folder = Folder::new("unwritable");
    fs::write(folder.at("file"), "here already").unwrap();
    let (code, line) = refused(&folder, &["--out", "file"]);
    assert_eq!((code, line.as_str()), (1, "file: is a file; give --out a folder"));
    let (code, line) = refused(&folder, &["--out", "file/run"]);
    assert_eq!(code, 1);
    assert!(
        line.starts_with("file/run: cannot make this folder: ")
            && line.ends_with("choose another with --out"),
        "{line}"
    );
    assert_eq!(folder.names(), ["file"]);
    assert_eq!(fs::read_to_string(folder.at("file")).unwrap(), "here already");
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = Folder::new("taken");
    fs::create_dir(folder.at("run")).unwrap();
    fs::write(folder.at("run/report.html"), "earlier").unwrap();
    let (code, line) = refused(&folder, &["--out", "run"]);
    assert_eq!(code, 1);
    assert_eq!(line, "run: is not empty; choose another --out, or replace the run in it with --overwrite");
    assert_eq!(fs::read_to_string(folder.at("run/report.html")).unwrap(), "earlier");
    assert_eq!(fs::read_dir(folder.at("run")).unwrap().count(), 1);
}

#[test]
fn a_truncated_file_is_named() {
    let line = damaged("truncated", |data| {
        let images = data.join("mnist-train-images-idx3-ubyte");
        let whole = fs::read(&images).unwrap();
        fs::write(&images, &whole[..whole.len() - 100]).unwrap();
    });
    assert_eq!(
        line,
        "data/mnist-train-images-idx3-ubyte: is truncated: its header promises 3136 bytes of data and 3036 are there; \
         download it again"
    );
    let line = damaged("truncated-gz", |data| {
        let labels = data.join("mnist-t10k-labels-idx1-ubyte.gz");
        let whole = fs::read(&labels).unwrap();
        fs::write(&labels, &whole[..whole.len() - 3]).unwrap();
    });
    assert_eq!(line, "data/mnist-t10k-labels-idx1-ubyte.gz: is truncated in its data; download it again");
}

#[test]
fn a_corrupt_file_is_named() {
    let line = damaged("corrupt", |data| {
        fs::write(data.join("mnist-train-images-idx3-ubyte"), "<!doctype html>").unwrap();
    });
    assert_eq!(
        line,
        "data/mnist-train-images-idx3-ubyte: is not an IDX file: it begins with 3c 21 64 6f, not 00 00 08 03"
    );
    let line = damaged("corrupt-gz", |data| {
        let labels = data.join("mnist-train-labels-idx1-ubyte.gz");
        let mut bytes = fs::read(&labels).unwrap();
        let sum = bytes.len() - 8;
        bytes[sum] ^= 1;
        fs::write(&labels, bytes).unwrap();
    });
    assert!(line.starts_with("data/mnist-train-labels-idx1-ubyte.gz: is corrupt gzip data"), "{line}");
}

#[test]
fn a_label_out_of_range_is_named_with_its_place() {
    let line = damaged("label", |data| {
        fs::write(data.join("mnist-train-labels-idx1-ubyte.gz"), gzip(&idx(&[4], &[1, 2, 10, 3]))).unwrap();
    });
    assert_eq!(line, "data/mnist-train-labels-idx1-ubyte.gz: label 2 is 10; labels run from 0 to 9");
}

#[test]
fn a_missing_file_lists_the_names_tried() {
    let line = damaged("missing", |data| fs::remove_file(data.join("mnist-t10k-images-idx3-ubyte")).unwrap());
    assert_eq!(
        line,
        "data: holds none of mnist-t10k-images-idx3-ubyte[.gz], mnist-test1k-images-idx3-ubyte[.gz], \
         MNIST/raw/t10k-images-idx3-ubyte[.gz]"
    );
    let folder = Folder::new("nowhere");
    let (code, line) = refused(&folder, &["--data-dir", "nowhere"]);
    assert_eq!(code, 1);
    assert!(line.starts_with("nowhere: does not exist; "), "{line}");
}
