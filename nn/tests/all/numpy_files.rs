//! Files of numpy and PyTorch, both ways; names, transposes and parts; and bytes that mean harm.

use std::path::{Path, PathBuf};
use tress_autograd::Value;
use tress_nn::file::{
    FileError, Loader, Npz, pack_npz, read_npy, save, save_npz, save_npz_only, save_only, write_npy,
    write_npz,
};
use tress_nn::{Dense, Error, Init, Layer, Params, Random};
use tress_tensor::{Element, Tensor, pointwise::Map};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn table() -> Vec<f64> {
    (0..6).map(|i| (i as f64 - 2.5) / 8.0).collect()
}

#[test]
fn files_of_numpy_are_read() {
    {
        let name = "numbers.npz";
        let bytes = fixture(name);
        let npz = Npz::read(&bytes).unwrap();
        assert_eq!(npz.names().len(), 15, "{name}");
        for member in ["f8", "f4", "f2", "big", "layer.weight"] {
            let tensor = npz.tensor::<f64>(member).unwrap();
            assert_eq!((&**tensor.shape(), tensor.to_vec()), (&[2, 3][..], table()), "{member}");
        }
        let fortran = npz.tensor::<f32>("fortran").unwrap();
        assert_eq!(fortran, Tensor::from_fn([2, 3, 4], |i| (12 * i[0] + 4 * i[1] + i[2]) as f32).unwrap());
        assert_eq!(npz.tensor::<i32>("i1").unwrap().to_vec(), [-3, 100]);
        assert_eq!(npz.tensor::<u32>("u2").unwrap().to_vec(), [7, 65535]);
        assert_eq!(npz.tensor::<f64>("i8").unwrap().to_vec(), [-(2f64.powi(40)), 3.0]);
        assert_eq!(npz.tensor::<bool>("bool").unwrap().to_vec(), [true, false]);
        assert_eq!(npz.tensor::<f32>("scalar").unwrap().item().unwrap(), 1.25);
        assert_eq!(**npz.tensor::<f32>("empty").unwrap().shape(), [0, 4]);
        let repeated: Vec<f32> = (0..2000).map(|i| (i % 50) as f32).collect();
        assert_eq!(npz.tensor::<f32>("repeated").unwrap().to_vec(), repeated);
        let noisy = npz.tensor::<f64>("noisy").unwrap().to_vec();
        assert!(
            (noisy[0] - 1.6243453636632417).abs() < 1e-16 && noisy.len() == 300,
            "numpy's own first number"
        );
        assert!(matches!(npz.tensor::<f32>("other"), Err(Error::Unknown { .. })));
    }
    let error = Npz::read(&fixture("packed.npz")).unwrap_err().to_string();
    assert!(error.contains("deflated; read it with `npz::read` of the crate tress-readers"), "{error}");
    assert_eq!(
        read_npy::<f32>(&fixture("version2.npy")).unwrap().to_vec(),
        table().iter().map(|&x| x as f32).collect::<Vec<_>>()
    );
}

fn model() -> Params<f32> {
    let mut params = Params::new(1);
    Dense::new(&mut params.scope("layer"), 2, 3).unwrap();
    params.root().state("mean", [], Init::Constant(7.25)).unwrap();
    let small: Vec<f32> = table().iter().map(|&x| x as f32).collect();
    params.set("layer.weight", &Tensor::new([2, 3], &small).unwrap()).unwrap();
    params.set("layer.bias", &Tensor::vector(&[1.0, -2.0, 1e-3])).unwrap();
    params
}

#[test]
fn what_is_written_is_what_numpy_has_read() {
    // `make_numpy.py check` has read these bytes.
    let one = Tensor::from_fn([5], |i| i[0] as f64 / 3.0).unwrap();
    let mut words = vec![0u32, 7, u32::MAX];
    words.extend(0..3);
    let whole = pack_npz(&[
        ("u4", write_npy(&Tensor::new([2, 3], &words).unwrap())),
        ("i4", write_npy(&Tensor::vector(&[i32::MIN, -1, i32::MAX]))),
        ("u1", write_npy(&Tensor::new([1, 3], &[0u8, 128, 255]).unwrap())),
        ("bool", write_npy(&Tensor::new([2, 1], &[true, false]).unwrap())),
        ("scalar", write_npy(&Tensor::scalar(-5i32))),
    ]);
    let files = [
        ("saved.npz", save_npz(&model()).unwrap()),
        ("saved.npy", write_npy(&one)),
        ("saved_whole.npz", whole.unwrap()),
    ];
    for (name, bytes) in files {
        if std::env::var_os("WRITE_FIXTURES").is_some() {
            std::fs::write(path(name), &bytes).unwrap();
        }
        assert_eq!(bytes, fixture(name), "{name}; WRITE_FIXTURES=1 writes it anew");
    }
    for shape in [&[][..], &[1], &[0], &[2, 1, 3], &[12345]] {
        let tensor = Tensor::from_fn(shape, |i| i.iter().sum::<usize>() as f32 + 0.5).unwrap();
        let bytes = write_npy(&tensor);
        assert_eq!(read_npy::<f32>(&bytes).unwrap(), tensor);
        assert_eq!((bytes.len() - 4 * tensor.len()) % 64, 0, "the numbers are aligned");
    }
    let x = Tensor::vector(&[1.0f32]);
    assert!(matches!(write_npz(&[("a", &x), ("a", &x)]), Err(Error::Duplicate { .. })));
    assert_eq!(Npz::read(&write_npz::<f32>(&[]).unwrap()).unwrap().names().len(), 0);
}

#[test]
fn whole_numbers_are_written_and_read() {
    fn both_ways<T: Element>(descr: &str, numbers: &[T]) {
        for shape in [&[numbers.len()][..], &[1, numbers.len(), 1]] {
            let tensor = Tensor::new(shape, numbers).unwrap();
            let bytes = write_npy(&tensor);
            let header = String::from_utf8_lossy(&bytes[10..]).into_owned();
            assert!(header.starts_with(&format!("{{'descr': '{descr}'")), "{header}");
            assert_eq!(read_npy::<T>(&bytes).unwrap(), tensor);
            let npz = write_npz(&[("x", &tensor)]).unwrap();
            assert_eq!(Npz::read(&npz).unwrap().tensor::<T>("x").unwrap(), tensor);
        }
    }
    both_ways("<u4", &[0u32, 7, u32::MAX]);
    both_ways("<i4", &[i32::MIN, -1, i32::MAX]);
    both_ways("|u1", &[0u8, 128, 255]);
    both_ways("|b1", &[true, false]);
    both_ways("<f8", &[0.1f64, -2.5]);

    let labels = Tensor::new([2, 2], &[0u32, 1, 2, 3]).unwrap();
    let columns = write_npy(&labels.transpose(0, 1).unwrap());
    assert_eq!(
        read_npy::<u32>(&columns).unwrap().to_vec(),
        [0, 2, 1, 3],
        "as it is looked at, not as it lies"
    );
    let wrong = pack_npz(&[("x", b"PK".to_vec())]).unwrap_err();
    assert!(matches!(wrong, Error::File(FileError::Npy { .. })), "{wrong}");
    let twice = pack_npz(&[("x", write_npy(&labels)), ("x", write_npy(&labels))]);
    assert!(matches!(twice, Err(Error::Duplicate { .. })));
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let file = |descr: &str, fortran: &str, shape: &str, numbers: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}}}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        [&bytes[..], header.as_bytes(), numbers].concat()
    };
    let long: Vec<u8> = [-100i64, -1, 3, 300].into_iter().flat_map(i64::to_le_bytes).collect();
    let long = file("<i8", "False", "(4,)", &long);
    assert_eq!(read_npy::<i32>(&long).unwrap().to_vec(), [-100, -1, 3, 300]);
    assert_eq!(read_npy::<f32>(&long).unwrap().to_vec(), [-100.0, -1.0, 3.0, 300.0]);
    assert_eq!(read_npy::<bool>(&long).unwrap().to_vec(), [true; 4]);
    let error = read_npy::<u32>(&long).unwrap_err();
    let FileError::Number { index, value, into, .. } = (match &error {
        Error::File(error) => error,
        _ => panic!("{error}"),
    }) else {
        panic!("{error}")
    };
    assert_eq!((&index[..], *value, *into), (&[0][..], -100.0, "u32"));
    assert_eq!(
        error.to_string(),
        "tensor `npy`: the number at [0] is -100, which u32 cannot hold; read it as another type"
    );
    // By columns: as they lie 1, 2, 3, 256, 5, 6, so that 256 is in the second row and column.
    let turned: Vec<u8> = [1i16, 2, 3, 256, 5, 6].into_iter().flat_map(i16::to_le_bytes).collect();
    let turned = file("<i2", "True", "(2, 3)", &turned);
    let error = read_npy::<u8>(&turned).unwrap_err().to_string();
    assert!(error.contains("at [1, 1] is 256, which u8"), "{error}");
    for wrong in [f64::NAN, f64::INFINITY, 0.5, -1.0, 4294967296.0] {
        let error = read_npy::<u32>(&write_npy(&Tensor::vector(&[1.0, wrong]))).unwrap_err().to_string();
        assert!(error.contains(&format!("at [1] is {wrong}, which u32")), "{error}");
    }
    let npz = write_npz(&[("y", &Tensor::vector(&[2.0f32, -0.0, 1.5]))]).unwrap();
    let error = Npz::read(&npz).unwrap().tensor::<i32>("y").unwrap_err().to_string();
    assert!(error.contains("tensor `y`: the number at [2] is 1.5, which i32"), "{error}");
    let most = write_npy(&Tensor::vector(&[u32::MAX]));
    assert_eq!(read_npy::<u32>(&most).unwrap().to_vec(), [u32::MAX]);
    assert!(read_npy::<i32>(&most).is_err());
}

#[test]
fn models_are_filled_from_npz() {
    let mut params = model();
    params.block_mut().fill(0.0);
    assert!(Loader::new().npz(&mut params, &save_npz(&model()).unwrap()).unwrap().is_complete());
    assert_eq!(params.block(), model().block());
    let report = Loader::new().lenient().npz(&mut params, &fixture("numbers.npz")).unwrap();
    assert_eq!((report.missing, report.misshapen.len(), report.extra.len()), (vec!["mean".into()], 0, 13));
    let part = save_npz_only(&model(), "layer").unwrap();
    assert_eq!(Npz::read(&part).unwrap().names().collect::<Vec<_>>(), ["layer.weight", "layer.bias"]);
    assert!(Loader::new().only("layer").npz(&mut params, &part).unwrap().is_complete());
    assert!(matches!(save_npz_only(&model(), "tail"), Err(Error::Unknown { .. })));
    let error = Loader::new().npz(&mut params, &fixture("numbers.npz")).unwrap_err();
    assert!(
        error.to_string().contains("`mean` is missing")
            && error.to_string().contains("`f8` is not in the model")
    );
}

#[test]
fn a_state_dict_of_pytorch_gives_its_model() {
    let bytes = fixture("state_dict.safetensors");
    let mut params = Params::<f32>::new(9);
    let first = Dense::new(&mut params.scope("net.first"), 2, 3).unwrap().activation(Map::Tanh);
    let second = Dense::new(&mut params.scope("net.second"), 3, 1).unwrap();
    params.root().parameter("x", [2, 2], Init::Zeros).unwrap();
    params.root().parameter("y", [2, 1], Init::Zeros).unwrap();
    let loader = Loader::new().scope("net.first", "0").scope("net.second", "2").transpose("net.*.weight");
    assert!(loader.safetensors(&mut params, &bytes).unwrap().is_complete());
    let bound = params.eager();
    let x = params.tensor("x").unwrap().into();
    let y = second.apply(&bound, &first.apply(&bound, &x));
    let wanted = params.tensor("y").unwrap().to_vec();
    for (found, wanted) in y.tensor().unwrap().to_vec().iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-6, "{found} for {wanted}");
    }
    assert_eq!(y.shape()[..], [2, 1]);
    // Without the transposes the shapes differ, and the report has the model's names.
    let plain = Loader::new().scope("net.first", "0").scope("net.second", "2");
    let error = plain.safetensors(&mut params, &bytes).unwrap_err().to_string();
    assert!(error.contains("`net.first.weight` has shape [3, 2], but [2, 3] is expected"), "{error}");
}

#[test]
fn parts_and_other_names_are_loaded_alone() {
    let mut source = Params::<f64>::new(3);
    source.root().parameter("features.norm.weight", [3], Init::Normal(1.0)).unwrap();
    source.root().parameter("features.rest", [2], Init::Normal(1.0)).unwrap();
    source.root().parameter("head", [1], Init::Normal(1.0)).unwrap();
    let build = || {
        let mut params = Params::<f64>::new(4);
        params.root().parameter("trunk.norm.gain", [3], Init::Zeros).unwrap();
        params.root().parameter("trunk.rest", [2], Init::Zeros).unwrap();
        params.root().parameter("head", [1], Init::Zeros).unwrap();
        params
    };
    let loader = || Loader::new().scope("trunk", "features").last("gain", "weight");
    let mut params = build();
    assert!(loader().safetensors(&mut params, &save(&source)).unwrap().is_complete());
    assert_eq!(params.block(), source.block());

    let mut params = build();
    assert!(loader().only("trunk.norm").safetensors(&mut params, &save(&source)).unwrap().is_complete());
    assert_eq!(params.block().to_vec()[..3], source.block().to_vec()[..3]);
    assert_eq!(params.block().to_vec()[3..], [0.0; 3]);
    let part = save_only(&source, "features").unwrap();
    assert!(loader().safetensors(&mut params, &part).is_err(), "the head is missing");
    assert!(loader().only("trunk").safetensors(&mut params, &part).unwrap().is_complete());
    assert_eq!(params.block().to_vec()[..5], source.block().to_vec()[..5]);

    assert!(matches!(save_only(&source, "nothing"), Err(Error::Unknown { .. })));
    for wrong in
        [Loader::new().only("tronk"), Loader::new().transpose("**.wheight"), Loader::new().scope("a", "b")]
    {
        assert!(matches!(wrong.safetensors(&mut params, &part), Err(Error::Unknown { .. })));
    }
}

#[test]
fn headers_of_npy_that_are_wrong_are_named_errors() {
    let file = |header: &str, numbers: usize| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + numbers, 0);
        bytes
    };
    let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
    assert_eq!(read_npy::<f32>(&file(good, 8)).unwrap().to_vec(), [0.0, 0.0]);
    let double = r#"{"shape":(2),"descr":"<f4","fortran_order":True}"#;
    assert_eq!(read_npy::<f32>(&file(double, 8)).unwrap().to_vec(), [0.0, 0.0]);
    for (header, numbers, text) in [
        (good, 7, "must have at least"),
        (good, 9, "not as many bytes"),
        ("", 0, "no dictionary"),
        ("{", 0, "lacks a string"),
        ("{'descr'", 0, "lacks a colon"),
        ("{'descr': '<f4', 'descr': '<f4'}", 0, "twice"),
        ("{'descr': '<f4'}", 0, "lacks `descr`"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "type of number is none"),
        ("{'descr': '', 'fortran_order': False, 'shape': (1,)}", 8, "empty"),
        ("{'descr': '|f8', 'fortran_order': False, 'shape': (1,)}", 8, "byte order"),
        ("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,)}", 8, "neither True nor False"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': [1]}", 8, "no tuple"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", 8, "no length"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1 1)}", 8, "lacks a comma"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8, "too large"),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,4294967296)}",
            8,
            "not as many bytes",
        ),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", 8, "a key that is none"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", 8, "behind the dictionary"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 1, "npy"),
    ] {
        let error = read_npy::<f32>(&file(header, numbers)).unwrap_err().to_string();
        assert!(error.contains(text), "{header}: {error}");
    }
    assert!(read_npy::<f32>(b"PK").is_err());
}

#[test]
fn no_damage_makes_them_panic() {
    let mut random = Random::new(12);
    for name in ["numbers.npz", "packed.npz", "version2.npy", "state_dict.safetensors"] {
        let whole = fixture(name);
        for step in 0..3000 {
            let mut damaged = whole.clone();
            match step % 3 {
                0 => damaged.truncate(random.below(whole.len() as u64) as usize),
                1 => {
                    // Where lengths and places are.
                    let place = whole.len() - 1 - random.below(1500.min(whole.len() as u64)) as usize;
                    damaged[place] = random.bits() as u8;
                }
                _ => {
                    for _ in 0..=random.below(4) {
                        let place = random.below(whole.len() as u64) as usize;
                        damaged[place] = [0, 0xFF, 0x7F, random.bits() as u8][random.below(4) as usize];
                    }
                }
            }
            let mut params = model();
            let _ = read_npy::<f32>(&damaged);
            let _ = Loader::new().lenient().safetensors(&mut params, &damaged);
            if let Ok(npz) = Npz::read(&damaged) {
                npz.names().for_each(|member| drop(npz.tensor::<f64>(member)));
            }
        }
    }
    // Numbers that were damaged are seen by the sum.
    let mut damaged = fixture("numbers.npz");
    let place = damaged.windows(4).position(|bytes| bytes == (-2.5f32 / 8.0).to_le_bytes()).unwrap();
    damaged[place] ^= 1;
    assert_eq!(Npz::read(&damaged).unwrap_err(), Error::File(FileError::Checksum));
}
