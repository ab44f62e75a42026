//! The page that is in the repository: whole, small enough, and what its sources say that it is.

use std::io::Read;
use std::path::Path;

fn unpacked(name: &str) -> Vec<u8> {
    let packed = std::fs::read(page().join(name)).unwrap_or_else(|error| panic!("docs/page/{name}: {error}"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/page")
}

#[test]
fn the_page_is_whole_and_less_than_a_hundred_kilobytes() {
    let html = std::fs::read_to_string(page().join("index.html")).unwrap();
    let wanted: Vec<_> =
        html.split("unpacked('").skip(1).map(|rest| &rest[..rest.find('\'').unwrap()]).collect();
    assert_eq!(wanted, ["tress.wasm.gz", "digits.gz"]);
    let files = std::fs::read_dir(page()).unwrap().map(|file| file.unwrap());
    let sizes: Vec<_> = files.map(|file| (file.file_name(), file.metadata().unwrap().len())).collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert!(sizes.iter().map(|(_, size)| size).sum::<u64>() <= 102_400, "{sizes:?}");
    assert!(
        !html.contains("http:") && !html.contains("https:") && !html.contains("src="),
        "the page asks others for something"
    );
}

#[test]
fn the_module_exports_what_the_page_calls_and_asks_for_no_more_than_it_gives() {
    let module = unpacked("tress.wasm.gz");
    assert_eq!(&module[..8], b"\0asm\x01\0\0\0");
    // Sections: a number, a length in groups of seven bits, and as many bytes. 2 holds imports, 7 exports.
    let mut rest = &module[8..];
    let mut exports = None;
    while let Some((&id, after)) = rest.split_first() {
        let digits = after.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let length = after[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let body = &after[digits..][..length];
        // The one that reports a panic.
        assert!(id != 2 || body.starts_with(b"\x01\x04page\x05write\x00"), "the module imports {body:?}");
        if id == 7 {
            exports = Some(String::from_utf8_lossy(body).into_owned());
        }
        rest = &after[digits + length..];
    }
    let exports = exports.expect("exports");
    let html = std::fs::read_to_string(page().join("index.html")).unwrap();
    let called: std::collections::BTreeSet<_> = html
        .split("engine.")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect();
    assert!(called.len() > 5, "{called:?}");
    for name in called {
        assert!(exports.contains(name), "the page calls {name}, and the module has only {exports:?}");
    }
}

/// `embedded/page/pack.mjs` took the first digits of both sets: their labels are those of the files in `data`.
#[test]
fn the_digits_of_the_page_are_those_of_the_data() {
    let digits = unpacked("digits.gz");
    let [train, test] =
        [[0, 1], [2, 3]].map(|at: [usize; 2]| usize::from(digits[at[0]]) | usize::from(digits[at[1]]) << 8);
    assert_eq!(digits.len(), 4 + (train + test) * (1 + 14 * 14 / 2));
    let labels = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../data/{name}-labels-idx1-ubyte.gz"));
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes.split_off(8)
    };
    assert_eq!(digits[4..][..train], labels("mnist-train5k")[..train]);
    assert_eq!(digits[4 + train..][..test], labels("mnist-test1k")[..test]);
}
