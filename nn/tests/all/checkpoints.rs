//! Checkpoints: what is stored comes back, damage is seen, and a run that is killed goes on to the same bits.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tress_autograd::Tape;
use tress_nn::file::{Archive, Checkpoint, FileError, write_atomic};
use tress_nn::optim::{Average, Lbfgs, Plateau};
use tress_nn::{
    Adam, Batches, Dense, Error, Gradient, Init, Layer, Optimiser, Params, Random, Schedule, mse,
};
use tress_tensor::{Tensor, pointwise::Map};

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

const EPOCHS: u64 = 30;

/// A training run with noise, dropout's seeds, a schedule and an average, which stores itself after every epoch and goes
/// on from what it finds. Returns the last weights, those of the average included.
fn train(path: &Path) -> Vec<u32> {
    let mut params = Params::<f32>::new(3);
    let hidden = Dense::new(&mut params.scope("hidden"), 2, 16).unwrap().activation(Map::Tanh);
    let output = Dense::new(&mut params.scope("output"), 16, 1).unwrap();
    let (mut adam, mut average) = (Adam::new(0.01), Average::exponential(0.95).unwrap());
    let schedule = Schedule::cosine(0.02, 0.001, EPOCHS).unwrap().after_warm_up(3);
    let (mut random, mut first) = (Random::new(8), 0);
    if path.exists() {
        let found = Checkpoint::load(path).unwrap(); // whole, whenever the run was killed
        found.restore(&mut params).unwrap();
        adam.restore(found.state_of("adam").unwrap(), &params).unwrap();
        average.restore(found.state_of("average").unwrap(), &params).unwrap();
        (random, first) = (found.random_of("noise").unwrap(), found.count_of("epoch").unwrap());
    }
    let x = Tensor::from_fn([64, 2], |i| ((i[0] * 2 + i[1]) as f32 * 0.37).sin()).unwrap();
    let mut tape = Tape::new();
    for epoch in first..EPOCHS {
        adam.set_rate(schedule.rate(epoch));
        for batch in Batches::new(64, 16).unwrap().shuffled(1, epoch).iter() {
            let rows = |column: usize| batch.iter().map(move |&row| (row, column));
            let noisy: Vec<f32> = batch
                .iter()
                .flat_map(|&row| [x[[row, 0]], x[[row, 1]]])
                .map(|x| x + 0.1 * random.normal() as f32)
                .collect();
            let target: Vec<f32> = rows(0).map(|(row, _)| x[[row, 0]] * x[[row, 1]]).collect();
            let bound = params.on(&tape);
            let input = tape.var(Tensor::new([16, 2], &noisy).unwrap());
            let target = tape.var(Tensor::new([16, 1], &target).unwrap());
            let loss = mse(&output.apply(&bound, &hidden.apply(&bound, &input)), &target);
            let gradient = loss.gradient(&bound).unwrap();
            tape.reset();
            adam.step(&mut params, &gradient).unwrap();
        }
        average.update(&params).unwrap();
        let checkpoint = Checkpoint::new(&params)
            .state("adam", adam.state())
            .state("average", average.state())
            .random("noise", &random)
            .count("epoch", epoch + 1);
        checkpoint.save(path).unwrap();
    }
    params.block().to_vec().iter().chain(&average.block().unwrap().to_vec()).map(|x| x.to_bits()).collect()
}

const CHILD: &str = "TRESS_TEST_CHECKPOINT";

/// No test by itself: the run that the next test starts and kills.
#[test]
fn child_that_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        train(Path::new(&path));
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_bits() {
    let folder = folder("killed");
    let start = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child_that_is_killed"]).env(CHILD, folder.join("killed"));
        child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let began = Instant::now();
    let whole = train(&folder.join("whole"));
    let run = began.elapsed();
    let mut random = Random::new(std::process::id() as u64);
    let mut killed = 0;
    // Moments spread over the run, start of the process included; a run that ended before is begun anew.
    while killed < 20 {
        let mut child = start();
        std::thread::sleep(Duration::from_secs_f64(random.uniform() * run.as_secs_f64() / 3.0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "what the kill before left behind cannot be read");
            let _ = std::fs::remove_file(folder.join("killed"));
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    assert!(start().wait().unwrap().success());
    assert_eq!(Checkpoint::<f32>::load(folder.join("killed")).unwrap().count_of("epoch"), Ok(EPOCHS));
    assert!(train(&folder.join("killed")) == whole, "the weights differ");
    std::fs::remove_dir_all(folder).unwrap();
}
