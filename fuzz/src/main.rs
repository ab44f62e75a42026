//! Damages files of every format that the library reads, and reads them: no damage may make it panic, hang, or ask for much
//! more memory than the file has bytes.
//!
//! ```text
//! cargo run --release --manifest-path fuzz/Cargo.toml -- FORMAT SECONDS [SEED]
//! ```
//!
//! with `safetensors`, `program`, `npy`, `npz`, `checkpoint`, `idx`, `csv`, `picture` or `all` for FORMAT. It needs no nightly
//! compiler. What fails is written to `found-FORMAT`, also if reading it never ends or asks for all memory, and
//! `cargo run .. -- FORMAT PATH` reads one such file.

mod allocation;
mod candidate;
mod mutate;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tress_nn::device::{Objective, Program};
use tress_nn::file::{Archive, Checkpoint, Loader, Npz, read_npy};
use tress_nn::{Params, Random};
use tress_readers::{Channels, Column, Folder, Missing, Schema, Table, idx, npz, picture};

/// A format: its name, files to begin with, what reads one, and how many bytes reading may ask for at one time: so many
/// times the file, and so many more.
struct Format {
    name: &'static str,
    seeds: fn() -> Vec<Vec<u8>>,
    read: fn(&[u8]),
    factor: usize,
}

/// What is always allowed: messages, short lists, the model that is filled, the windows and tables of a decoder.
const ALLOWED: usize = 512 << 10;

/// The longest that reading one damaged file may take.
const SLOWEST: Duration = Duration::from_secs(1);

/// How far beyond what is allowed memory may go: up to here it is measured, from here on the process ends.
const BEYOND: usize = 256 << 20;

/// What one byte can inflate to (RFC 1951).
const INFLATION: usize = 1032;

/// A safetensors file of n bytes has at most n / 30 descriptions of about 100 bytes each; npy holds its numbers as `f64`,
/// eight times its bytes, and then again in order. A table holds its text twice, and for each field, of which each byte
/// may be one, where it ends and what it means; its features are a few more numbers for each row. A picture may have a pixel in each bit, of which a few copies are made.
/// What is gzip may be all that as often as it inflates to.
const FORMATS: [Format; 8] = [
    Format { name: "safetensors", seeds: seeds::safetensors, read: read_safetensors, factor: 32 },
    Format { name: "program", seeds: seeds::program, read: read_program, factor: 256 },
    Format { name: "npy", seeds: seeds::npy, read: read_any_npy, factor: 24 },
    Format { name: "npz", seeds: seeds::npz, read: read_npz, factor: INFLATION * 24 },
    Format { name: "checkpoint", seeds: seeds::checkpoint, read: read_checkpoint, factor: 48 },
    Format { name: "idx", seeds: seeds::idx, read: read_idx, factor: 32 },
    Format { name: "csv", seeds: seeds::csv, read: read_csv, factor: 128 },
    Format { name: "picture", seeds: seeds::picture, read: read_picture, factor: INFLATION * 128 },
];

fn read_safetensors(bytes: &[u8]) {
    let _ = Archive::read(bytes);
    let mut params: Params<f32> = seeds::model();
    let _ = Loader::new().lenient().safetensors(&mut params, bytes);
}

/// The program in a file, with its plan and its source as text, but not what it computes.
fn read_program(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), seeds::with_right_length(bytes)] {
        if let Ok(program) = Program::read(&bytes) {
            let _ = (program.plan(), program.split().plan(), program.learning(Objective::Squares));
            let again = Program::read(&program.save()).expect("what is read can be saved and read");
            assert_eq!(again.json(), program.json());
        }
    }
}

fn read_any_npy(bytes: &[u8]) {
    let _ = read_npy::<f64>(bytes);
    let _ = read_npy::<u8>(bytes);
}

fn read_npz(bytes: &[u8]) {
    let _ = Npz::read(bytes);
    let mut params: Params<f32> = seeds::model();
    if let Ok(npz) = npz::read(bytes) {
        npz.names().for_each(|name| drop(npz.tensor::<f64>(name)));
        let _ = Loader::new().lenient().members(&mut params, &npz);
    }
}

/// Damage is nearly always caught by the checksum; so it is also made right, to get behind it.
fn read_checkpoint(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), seeds::with_right_checksum(bytes)] {
        if let Ok(checkpoint) = Checkpoint::<f32>::from_bytes(&bytes) {
            let mut params = seeds::model();
            let _ = checkpoint.restore(&mut params);
            seeds::restore_all(&checkpoint, &params);
        }
    }
}

fn read_idx(bytes: &[u8]) {
    for axes in [1, 3] {
        if let Ok(found) = idx::parse("idx", bytes, axes) {
            let _ = (found.shares::<f32>(), found.labels(10));
        }
    }
}

fn read_csv(bytes: &[u8]) {
    let column = |name: &str, missing| Column::number(name).missing(missing);
    let schema = Schema::new([
        column("id", Missing::Drop),
        column("age", Missing::Keep),
        Column::category("work").missing(Missing::Keep).most_words(16),
        Column::label("pay").missing(Missing::Keep),
    ]);
    for schema in [schema.clone(), schema.ignore_rest().separator(';'), Schema::new([]).ignore_rest()] {
        if let Ok(records) = schema.parse("csv", bytes) {
            let _ = (
                records.features::<f32>(),
                records.feature_names(),
                records.labels("pay"),
                records.tensor::<f32>(&["age"]),
                records.schema().parse("csv", bytes),
            );
        }
    }
    let _ = Table::parse("csv", bytes, '\t').map(|table| table.columns().len());
}

/// Damage is nearly always caught by the checksums of chunks; so they are also made right. A folder with the one picture
/// in it is read as well.
fn read_picture(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), seeds::with_right_chunks(bytes)] {
        let _ = picture("picture", &bytes, Channels::Grey);
        if picture("picture", &bytes, Channels::Colour).is_ok() {
            let root = std::env::temp_dir().join(format!("tress-fuzz-{}", std::process::id()));
            std::fs::create_dir_all(root.join("class")).expect("a folder can be made");
            std::fs::write(root.join("class/1.png"), &bytes).expect("a file can be written");
            let _ = Folder::colour().sized(4, 4).read(&root);
            std::fs::remove_dir_all(root).expect("the folder can be removed");
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (Some(which), Some(how)) = (words.first(), words.get(1)) else {
        eprintln!(
            "FORMAT SECONDS [SEED], or FORMAT PATH; formats: safetensors, program, npy, npz, checkpoint, idx, csv, picture, all"
        );
        return ExitCode::FAILURE;
    };
    let formats: Vec<&Format> =
        FORMATS.iter().filter(|format| which == "all" || which == format.name).collect();
    candidate::watch();
    let Ok(seconds) = how.parse::<u64>() else {
        let bytes = std::fs::read(how).expect("a number of seconds, or the path of a file");
        let good =
            formats.iter().all(|format| check(format, &bytes).inspect_err(|why| println!("{why}")).is_ok());
        return if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    let seed = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(1);
    let mut findings = 0;
    for format in &formats {
        findings += u32::from(!fuzz(format, Duration::from_secs(seconds / formats.len() as u64), seed));
    }
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether nothing was found in that time.
fn fuzz(format: &Format, time: Duration, seed: u64) -> bool {
    let mut corpus = (format.seeds)();
    let whole = corpus.len();
    let (mut random, began, mut count, mut most) = (Random::new(seed), Instant::now(), 0u64, 0.0f64);
    while began.elapsed() < time {
        let base = &corpus[random.below(corpus.len() as u64) as usize];
        let bytes = mutate::damaged(base, &corpus, &mut random);
        match check(format, &bytes) {
            Ok(peak) => most = most.max(peak as f64 / bytes.len().max(1) as f64),
            Err(why) => {
                let path = candidate::keep();
                println!("{}: {why}; after {count} files; {path} has it", format.name);
                return false;
            }
        }
        // Damage upon damage, but never far from what is whole.
        if random.below(50) == 0 {
            match corpus.len() < whole + 64 {
                true => corpus.push(bytes),
                false => corpus[whole + random.below(64) as usize] = bytes,
            }
        }
        count += 1;
    }
    println!(
        "{}: {count} files, nothing found; at most {most:.0} times the size of a file in memory",
        format.name
    );
    true
}

/// The most memory that reading took, or what is wrong.
fn check(format: &Format, bytes: &[u8]) -> Result<usize, String> {
    // What begins as gzip may be read as what it inflates to.
    let inflation = if bytes.starts_with(&[0x1f, 0x8b]) { INFLATION } else { 1 };
    let allowed = ALLOWED + inflation * format.factor * bytes.len();
    candidate::set(format.name, bytes);
    let read = || candidate::watched(|| catch_unwind(AssertUnwindSafe(|| (format.read)(bytes))));
    let began = Instant::now();
    let (result, peak) = allocation::peak_of(allowed + BEYOND, read);
    if result.is_err() {
        return Err(String::from("a panic"));
    }
    if peak > allowed {
        return Err(format!("{peak} bytes of memory for a file of {}", bytes.len()));
    }
    // The clock on the wall also counts what the machine does elsewhere: slow is what is slow each time.
    let again = |late: Duration| {
        let began = Instant::now();
        candidate::watched(|| (format.read)(bytes));
        late.min(began.elapsed())
    };
    let mut late = began.elapsed();
    for _ in 0..20 {
        if late <= SLOWEST {
            return Ok(peak);
        }
        late = again(late);
    }
    Err(format!("{late:?} for one file"))
}
