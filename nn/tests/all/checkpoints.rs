//! Checkpoints: what is stored comes back, and damage is seen.

use std::path::PathBuf;
use tress_nn::file::{Archive, Checkpoint, FileError, write_atomic};
use tress_nn::optim::{Average, Lbfgs, Plateau};
use tress_nn::train::Trainer;
use tress_nn::{Adam, Dense, Error, Init, Optimiser, Params, Random, Sgd};
use tress_tensor::Tensor;

fn model() -> Params<f32> {
    let mut params = Params::new(1);
    Dense::new(&mut params.scope("a/b"), 2, 3).unwrap();
    params.root().state("mean", [], Init::Constant(7.25)).unwrap();
    params
}

#[test]
fn everything_comes_back_bit_for_bit() {
    let mut params = model();
    let gradient = Tensor::from_fn([params.len()], |i| i[0] as f32 / 3.0).unwrap();
    let (mut adam, mut lbfgs) = (Adam::new(0.1), Lbfgs::new());
    let mut average = Average::exponential(0.9).unwrap();
    let mut plateau = Plateau::new(0.1);
    for _ in 0..3 {
        adam.step(&mut params, &gradient).unwrap();
        average.update(&params).unwrap();
        plateau.observe(1.5);
    }
    let bowl = |params: &Params<f32>| {
        let numbers = params.block().to_vec();
        let gradient: Vec<f32> = numbers.iter().map(|x| 2.0 * x * x * x).collect();
        Ok::<_, Error>((numbers.iter().map(|&x| (x as f64).powi(4) / 2.0).sum(), Tensor::vector(&gradient)))
    };
    lbfgs.step(&mut params, bowl).unwrap();
    let mut random = Random::new(5);
    random.normal();
    let checkpoint = Checkpoint::new(&params)
        .state("adam", adam.state())
        .state("a/b\"", lbfgs.state())
        .state("average", average.state())
        .state("plateau", plateau.state())
        .random("noise", &random)
        .count("epoch", 3)
        .count("epoch", 4);
    let bytes = checkpoint.to_bytes();
    let found = Checkpoint::<f32>::from_bytes(&bytes).unwrap();
    assert_eq!(found.to_bytes(), bytes);
    assert_eq!(found.state_of("adam").unwrap(), &adam.state());
    assert_eq!(found.state_of("a/b\"").unwrap(), &lbfgs.state());
    assert_eq!(found.state_of("average").unwrap(), &average.state());
    assert_eq!(found.state_of("plateau").unwrap(), &plateau.state());
    assert_eq!((found.random_of("noise").unwrap(), found.count_of("epoch").unwrap()), (random, 4));
    let mut fresh = model();
    fresh.block_mut().fill(0.0);
    found.restore(&mut fresh).unwrap();
    assert_eq!(fresh.block(), params.block());
    assert!(Archive::read(&bytes).unwrap().get("params/a/b.weight").is_some(), "a safetensors file");

    assert!(matches!(found.state_of("sgd"), Err(Error::State { .. })));
    assert!(found.random_of("epoch").is_err() && found.count_of("noise").is_err());
    let mut other = Params::new(1);
    Dense::new(&mut other.scope("a/b"), 2, 4).unwrap();
    let before = other.block();
    assert!(matches!(found.restore(&mut other), Err(Error::File(FileError::Differs(_)))));
    assert_eq!(other.block(), before);
    assert!(matches!(Checkpoint::<f64>::from_bytes(&bytes), Err(Error::File(FileError::Checkpoint { .. }))));
}

#[test]
fn any_damage_is_seen_and_none_makes_it_panic() {
    let mut params = model();
    let mut adam = Adam::new(0.1);
    let ones = Tensor::full([params.len()], 1.0).unwrap();
    adam.step(&mut params, &ones).unwrap();
    let whole = Checkpoint::new(&params).state("adam", adam.state()).count("epoch", 3).to_bytes();
    for end in 0..whole.len() {
        assert!(Checkpoint::<f32>::from_bytes(&whole[..end]).is_err(), "the first {end} bytes");
    }
    for place in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << bit;
            assert!(Checkpoint::<f32>::from_bytes(&damaged).is_err(), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_a_cure() {
    let path = folder("damaged").join("run.checkpoint");
    let trainer = || Trainer::new(model(), Sgd::new(0.1), 1, 7).checkpoints(&path, 1);
    let mut damaged = trainer().checkpoint(&[]).to_bytes();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    for (bytes, why) in
        [(&damaged[..], "the checksum is wrong"), (&[0; 64], "it does not begin as a checkpoint")]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = Checkpoint::<f32>::load(&path).unwrap_err();
        assert_eq!(trainer().resume(&mut []).unwrap_err(), error);
        let error = error.to_string();
        assert!(error.starts_with(&format!("{}: ", path.display())) && error.contains(why), "{error}");
        assert!(error.ends_with("delete it, or restore a copy"), "{error}");
    }
    // Whole, but of another model.
    let mut params = Params::new(1);
    Dense::new(&mut params.scope("other"), 2, 3).unwrap();
    Trainer::new(params, Sgd::<f32>::new(0.1), 1, 7).checkpoint(&[]).save(&path).unwrap();
    let error = trainer().resume(&mut []).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: the file is of another model: ", path.display())), "{error}");
}

#[test]
fn files_are_there_whole_or_not_at_all() {
    let folder = folder("atomic");
    let path = folder.join("file");
    write_atomic(&path, b"first").unwrap();
    write_atomic(&path, b"second").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"second");
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["file"], "nothing else is left");
    let error = write_atomic(folder.join("no/such/folder"), b"x").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("no/such/folder")), "{error}");
    assert!(matches!(Checkpoint::<f32>::load(folder.join("nothing")), Err(Error::Io { .. })));
    // A folder in the way: the old file stays, and no partial one is left.
    std::fs::create_dir(folder.join("taken")).unwrap();
    assert!(write_atomic(folder.join("taken"), b"x").is_err());
    assert!(!folder.join("taken.partial").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tress-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
