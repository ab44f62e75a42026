//! Parameters as bytes: against the format's own library, and against bytes that mean harm.

use std::path::{Path, PathBuf};
use tress_nn::file::{Archive, Dtype, FileError, load, load_matching, save, save_with};
use tress_nn::{Dense, Error, Init, Params, Random};
use tress_tensor::Float;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A model with the names and shapes of the fixture.
fn model<T: Float>() -> Params<T> {
    let mut params = Params::new(1);
    let mut root = params.root();
    root.parameter("empty", [0, 4], Init::Zeros).unwrap();
    root.scope("layer").parameter("weight", [2, 3], Init::Normal(1.0)).unwrap();
    root.scope("grüße").state("mean", [], Init::Normal(1.0)).unwrap();
    root.scope("layer").parameter("bias", [3], Init::Normal(1.0)).unwrap();
    params
}

#[test]
fn a_file_of_the_formats_own_library_is_read() {
    let bytes = std::fs::read(path("model.safetensors")).unwrap();
    let mut wide = model::<f64>();
    load(&mut wide, &bytes).unwrap();
    let weight = [-0.3125, -0.1875, -0.0625, 0.0625, 0.1875, 0.3125];
    assert_eq!(wide.tensor("layer.weight").unwrap().to_vec(), weight);
    assert_eq!(wide.tensor("layer.bias").unwrap().to_vec(), [1.0, -2.0, 1e-3]);
    assert_eq!(wide.tensor("grüße.mean").unwrap().item().unwrap(), 7.25);
    let mut narrow = model::<f32>();
    load(&mut narrow, &bytes).unwrap();
    assert_eq!(narrow.tensor("layer.bias").unwrap().to_vec(), [1.0, -2.0, 1e-3]);

    let archive = Archive::read(&bytes).unwrap();
    assert_eq!(archive.metadata().collect::<Vec<_>>(), [("made by", "a \"script\"\nwith numpy")]);
    let bias = archive.get("layer.bias").unwrap();
    assert_eq!((bias.dtype(), bias.shape(), bias.bytes().len()), (Dtype::F64, &[3][..], 24));

    // These bytes were checked by the library; see `make_safetensors.py`.
    let saved = save_with(&wide, &[("run", "seed \"7\"\n"), ("run", "is said twice")]);
    assert_eq!(saved, std::fs::read(path("saved.safetensors")).unwrap());
}

#[test]
fn what_was_saved_comes_back_bit_for_bit() {
    let before = model::<f32>();
    let bytes = save(&before);
    let mut after = model::<f32>();
    after.block_mut().fill(0.0);
    load(&mut after, &bytes).unwrap();
    assert_eq!(after.block(), before.block());
    let numbers = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!((numbers % 8, bytes.len() as u64), (0, numbers + 4 * before.len() as u64));
}

#[test]
fn what_differs_is_reported_and_nothing_is_changed() {
    let bytes = save(&model::<f32>());
    let mut other = Params::<f32>::new(3);
    Dense::new(&mut other.scope("layer"), 2, 4).unwrap();
    Dense::new(&mut other.scope("head"), 1, 1).unwrap();
    let before = other.block();
    let error = load(&mut other, &bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is of another model: `head.weight` is missing; `head.bias` is missing; \
         `empty` is not in the model; `grüße.mean` is not in the model; \
         `layer.weight` has shape [2, 3], but [2, 4] is expected; \
         `layer.bias` has shape [3], but [4] is expected"
    );
    assert_eq!(other.block(), before);

    let mut part = Params::<f32>::new(3);
    Dense::new(&mut part.scope("layer"), 2, 3).unwrap();
    Dense::new(&mut part.scope("head"), 1, 1).unwrap();
    let report = load_matching(&mut part, &bytes).unwrap();
    assert_eq!(report.missing, ["head.weight", "head.bias"]);
    assert_eq!(report.extra, ["empty", "grüße.mean"]);
    assert_eq!(part.tensor("layer.bias"), model::<f32>().tensor("layer.bias"));
}

/// A file with this header and this many bytes of numbers.
fn file(header: &str, numbers: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + numbers, 0);
    bytes
}

fn why(header: &str, numbers: usize) -> String {
    match Archive::read(&file(header, numbers)) {
        Err(Error::File(error)) => error.to_string(),
        other => panic!("{header}: {other:?}"),
    }
}

#[test]
fn wrong_headers_are_named_errors() {
    let good = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  "#;
    assert_eq!(Archive::read(&file(good, 8)).unwrap().items().len(), 1);
    assert!(Archive::read(&file("{}", 0)).unwrap().items().is_empty());

    for (header, numbers, text) in [
        ("", 0, "byte 0 of the header: an object is expected"),
        ("[]", 0, "byte 0 of the header: an object is expected"),
        ("{", 0, "byte 1 of the header: a comma or a closing bracket is expected"),
        ("{}x", 0, "byte 2 of the header: the header must end here"),
        (r#"{"a":1}"#, 0, "an object is expected"),
        (
            r#"{"a":{"dtype":"F32","shape":[2]}}"#,
            8,
            "tensor `a`: `dtype`, `shape` or `data_offsets` is missing",
        ),
        (r#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, 8, "type of number is not known"),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "not as far apart"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "not as far apart"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}"#, 8, "two offsets"),
        (r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "a whole number is expected"),
        (r#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8, "twice"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"b":1}}"#, 8, "`data_offsets` only"),
        (r#"{"__metadata__":{"a":1}}"#, 0, "a string is expected"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "the name comes twice"),
        (good, 7, "must have at least"),
        (good, 9, "byte 8 after the header belongs to no tensor"),
    ] {
        assert!(why(header, numbers).contains(text), "{header}: {}", why(header, numbers));
    }
    let two = |a: &str, b: &str| {
        format!(
            r#"{{"a":{{"dtype":"U8","shape":[2],"data_offsets":{a}}},"{b}":{{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}}}"#
        )
    };
    assert!(Archive::read(&file(&two("[0,2]", "b"), 4)).is_ok());
    assert!(why(&two("[0,2]", "a"), 4).contains("the name comes twice"));
    assert!(why(&two("[1,3]", "b"), 4).contains("belongs to no tensor"));
    assert!(why(&two("[2,4]", "b"), 4).contains("belongs to no tensor"));
    assert!(why(&two("[4,6]", "b"), 6).contains("belongs to no tensor"));
}

#[test]
fn sizes_that_overflow_are_errors() {
    let max = usize::MAX;
    for (shape, offsets) in [
        (format!("[{max},{max}]"), "[0,8]".to_string()),
        (format!("[{max}]"), format!("[0,{max}]")),
        ("[2]".to_string(), format!("[{},{max}]", max - 8)),
        (format!("[{}]", max / 4), format!("[0,{}]", max / 4 * 4)),
        ("[99999999999999999999999999]".to_string(), "[0,8]".to_string()),
    ] {
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        assert!(Archive::read(&file(&header, 8)).is_err(), "{header}");
    }
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(Archive::read(&huge).unwrap_err(), Error::File(FileError::Header { length: u64::MAX }));
    let long = [&99_999_999u64.to_le_bytes()[..], b"{}"].concat();
    let error = Archive::read(&long).unwrap_err();
    assert_eq!(error, Error::File(FileError::Truncated { found: 10, needed: 100_000_007 }));
    let integers = r#"{"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut params = Params::<f32>::new(0);
    params.root().parameter("a", [2], Init::Zeros).unwrap();
    let error = load(&mut params, &file(integers, 8)).unwrap_err();
    assert_eq!(error.to_string(), "tensor `a`: only floating-point numbers can be read into parameters");
}

#[test]
fn no_damage_makes_it_panic() {
    let whole = save_with(&model::<f32>(), &[("note", "é\n")]);
    for end in 0..whole.len() {
        assert!(Archive::read(&whole[..end]).is_err(), "the first {end} bytes");
    }
    // Any byte may be anything: an error or another file, but never a panic, and never a wrong size.
    let mut random = Random::new(11);
    for _ in 0..20_000 {
        let mut damaged = whole.clone();
        for _ in 0..=random.below(3) {
            let place = random.below(damaged.len() as u64) as usize;
            let bytes = b"\"\\{}[],:0189u \x00\xff";
            damaged[place] = bytes[random.below(bytes.len() as u64) as usize];
        }
        if let Ok(archive) = Archive::read(&damaged) {
            for item in archive.items() {
                assert_eq!(item.bytes().len(), item.shape().iter().product::<usize>() * item.dtype().size());
            }
        }
    }
}
