//! Networks for devices: what `tress fit` says, and what the source that `tress export` writes computes.

mod c;
mod fit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tress::nn::Random;
use tress::nn::device::{Program, Quantised};
use tress::nn::file::write_npz;
use tress::prelude::*;

use c::compiled;

/// A folder of its own for one test; gone when dropped.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn new(test: &str) -> Place {
        let path = std::env::temp_dir().join(format!("tress-devices-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn tress(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tress")).args(line.split(' ')).current_dir(&self.0).output().unwrap()
    }

    pub(super) fn fine(&self, line: &str) -> String {
        let output = self.tress(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, line: &str) -> String {
        let output = self.tress(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SHAPE: [usize; 4] = [1, 2, 10, 10];
/// The lengths of the outputs of [`program`].
const LENGTHS: [usize; 4] = [3, 2, 36, 2];

/// A network with every call that source is written for, and functions of the C library only if `smooth`. Its inputs and outputs
/// have names that the source may want for itself.
pub(super) fn program(smooth: bool) -> Program {
    let mut params = Params::<f32>::new(3);
    let mut scope = params.scope("trunk");
    let first = Conv2d::builder(2, 4, [3, 3]).same().build(&mut scope.scope("first")).unwrap();
    let second = Conv2d::builder(4, 4, [2, 2]).stride([2, 2]).groups(2).activation(Map::Relu);
    let second = second.build(&mut scope.scope("second")).unwrap();
    let left = Dense::new(&mut params.scope("left"), 36, 3).unwrap();
    let left = left.activation(if smooth { Map::Tanh } else { Map::Relu });
    let right = Dense::new(&mut params.scope("right"), 8, 2).unwrap();
    let long = Dense::new(&mut params.scope("long"), 225, 2).unwrap(); // summed in one chain, but not in two of 128
    Program::record(&params, &[("window", &SHAPE), ("t_i", &[1, 25])], |bound, xs| {
        let y = first.apply(bound, &xs[0]).max_pool(Window::new([10, 10], [2, 2]).stride([2, 2])).relu();
        let y = y.max_pool(Window::new([5, 5], [2, 2]).stride([1, 1]).pad([[1, 1], [1, 1]])); // [1, 4, 6, 6]
        let z = second.apply(bound, &y);
        let mean = MeanPool2d::new([2, 2]).apply(bound, &y);
        let both = (z + mean) * (z - mean.map(Map::LeakyRelu(0.25)));
        let sums = both.sum(&[2, 3]);
        let wide = sums.concat(1, &[GlobalMeanPool.apply(bound, &y)]);
        let scores = right.apply(bound, &wide);
        let scores = if smooth { scores.map(Map::Sigmoid) } else { scores };
        Ok(vec![
            ("y".to_owned(), left.apply(bound, &Flatten.apply(bound, &both))),
            ("class".to_owned(), scores),
            ("int".to_owned(), both),
            ("net_dense".to_owned(), long.apply(bound, &Flatten.apply(bound, &xs[0]).concat(1, &[xs[1]]))),
        ])
    })
    .unwrap()
}

/// Numbers for the inputs of [`program`].
pub(super) fn sample(seed: u64) -> [Vec<f32>; 2] {
    let mut random = Random::new(seed);
    [200, 25].map(|len| (0..len).map(|_| random.normal() as f32).collect())
}

/// The program in bytes, calibrated on some samples.
pub(super) fn quantised(program: &Program) -> Quantised {
    let samples: Vec<[Vec<f32>; 2]> = (0..20).map(sample).collect();
    program.quantise(samples.iter().map(|sample| sample.each_ref().map(Vec::as_slice))).unwrap()
}

/// The samples of [`quantised`] as a file that the program reads.
pub(super) fn write_samples(place: &Place) {
    let samples: Vec<[Vec<f32>; 2]> = (0..20).map(sample).collect();
    let of = |i: usize| samples.iter().flat_map(|sample| sample[i].clone()).collect::<Vec<f32>>();
    let (window, t_i) =
        (Tensor::new([20, 2, 10, 10], &of(0)).unwrap(), Tensor::new([20, 25], &of(1)).unwrap());
    fs::write(place.0.join("samples.npz"), write_npz(&[("t_i", &t_i), ("window", &window)]).unwrap())
        .unwrap();
}

#[test]
fn rust_is_written_as_a_crate() {
    let place = Place::new("rust");
    fs::write(place.0.join("net.safetensors"), program(true).save()).unwrap();
    write_samples(&place);
    let nowhere = place.refused("export net.safetensors --rust my-net --library ../tensor");
    assert!(nowhere.contains("../tensor: is not the folder `tensor`"), "{nowhere}");
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tensor");
    place.fine(&format!("export net.safetensors --rust my-net --library {}", library.display()));
    let manifest = place.read("my-net/Cargo.toml");
    assert!(
        manifest.contains("name = \"my-net\"") && manifest.contains(&format!("path = {library:?}")),
        "{manifest}"
    );
    let source = place.read("my-net/src/lib.rs");
    // `int` is a word of C alone, but one name serves both.
    for part in [
        "#![no_std]",
        "#![forbid(unsafe_code)]",
        "pub fn infer(",
        "window: &[f32; 200]",
        "int_: &mut [f32; 36]",
    ] {
        assert!(source.contains(part), "{part} is missing in:\n{source}");
    }
    let again = place.refused("export net.safetensors --rust my-net");
    assert!(again.contains("is there already"), "{again}");
    place.fine("export net.safetensors --rust my-net --overwrite --int8 --calibrate samples.npz");
    assert!(place.read("my-net/src/lib.rs").contains("quantised::conv2d("));
    let conv = place.refused("export net.safetensors --rust learning --learn squares");
    assert!(conv.contains("they learn dense layers"), "{conv}");
    assert!(!place.0.join("learning").exists(), "nothing is left of what was refused");
    place.fine("export dense:3,4:a=2,b=5 --rust learning --learn classes");
    let source = place.read("learning/src/lib.rs");
    for part in
        ["pub fn learn(", "a_truth: &[f32; 2]", "weights: &mut [f32; 51]", "pub static WEIGHTS: [f32; 51]"]
    {
        assert!(source.contains(part), "{part} is missing in:\n{source}");
    }
    place.fine("export dense:3,4:a=2,b=5 --rust head --learn classes --only b");
    let source = place.read("head/src/lib.rs");
    for part in [
        "pub static WEIGHTS: [f32; 25]",
        "static FIXED: [f32; 26]",
        "weights: &mut [f32; 25]",
        "&FIXED[0..12]",
    ] {
        assert!(source.contains(part), "{part} is missing in:\n{source}");
    }
    let nobody = place.refused("export dense:3,4:a=2 --rust nobody --learn classes --only c");
    assert!(nobody.contains("no weight is to learn; there are trunk0.weight"), "{nobody}");
    let core = place.refused("export dense:3,4:a=2 --rust core");
    assert!(core.contains("a crate cannot be called `core`"), "{core}");
    // That it compiles, and computes the same: see `exported`, and `embedded/run` on boards.
}

/// Names that would end a comment, go on in a next line, or show text in another order.
const HOSTILE: [&str; 4] = [
    "y *\\\n/ static int evil(void) { return 42; } /* ",
    "*/\r\n#error\n/*",
    "\u{202E}\u{7}\u{1b}[2J",
    "y\n#![doc = \"\"]\nfn evil() {}",
];

#[test]
fn names_from_a_file_are_no_code() {
    let place = Place::new("names");
    let mut params = Params::<f32>::new(3);
    let heads: Vec<Dense> = (0..HOSTILE.len())
        .map(|head| Dense::new(&mut params.scope(&format!("{head}")), 2, 1).unwrap())
        .collect();
    let program = Program::record(&params, &[(HOSTILE[0], &[1, 2])], |bound, xs| {
        Ok(HOSTILE
            .iter()
            .zip(&heads)
            .map(|(name, head)| (name.to_string(), head.apply(bound, &xs[0])))
            .collect())
    })
    .unwrap();
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    let plain = |text: &str, what: &str| {
        let wrong: Vec<char> = text.chars().filter(|&c| c != '\n' && !(' '..='~').contains(&c)).collect();
        assert!(wrong.is_empty() && !text.contains("evil"), "{what}: {wrong:?} in\n{text}");
    };
    plain(&place.fine("export net.safetensors --c net.h"), "what is said");
    plain(&place.fine("export net.safetensors --rust net --learn squares"), "what is said");
    // In a comment or out of it: no name is there but as an identifier, whose blanks and signs are underscores.
    for file in ["net.h", "net/src/lib.rs"] {
        plain(&place.read(file).replace("_evil_", ""), file);
    }
    let said = place.fine("fit net.safetensors");
    assert!(said.contains("output y *\\\\n/ static") && said.contains("\\u{202e}\\u{7}\\u{1b}[2J"), "{said}");
    let main = "    static float x[2], y[1], a[1], b[1], c[1];\n    net_infer(x, y, a, b, c);\n    printf(\"%d\\n\", 1);";
    let _ = compiled(&place, "net.h", main);
    // An error says what it met, in one line.
    let refused = place.refused("export net.safetensors --c x.h --int8");
    assert_eq!(refused.lines().count(), 1, "{refused}");
}

#[test]
fn what_no_device_could_hold_is_refused_with_a_message() {
    let place = Place::new("hostile");
    let mut params = Params::<f32>::new(3);
    let dense = Dense::new(&mut params.scope("dense"), 4, 3).unwrap();
    let program = Program::record(&params, &[("x", &[1, 4])], |bound, xs| {
        Ok(vec![("y".to_owned(), dense.apply(bound, &xs[0]))])
    })
    .unwrap();
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    // A file of one pool, whose numbers are the file's own.
    let pool = |file: &str, shape: &str, window: &str| {
        let program = format!(
            r#"{{\"format\":\"tress-program\",\"version\":1,\"inputs\":[{{\"name\":\"x\",\"shape\":{shape}}}],\"steps\":[{{\"op\":\"max_pool\",\"of\":[0],\"settings\":{window}}}],\"outputs\":[{{\"name\":\"y\",\"value\":1}}]}}"#
        );
        let header = format!(r#"{{"__metadata__":{{"tress.program":"{program}"}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        fs::write(place.0.join(file), bytes).unwrap();
    };
    pool("fine", "[1,1,2,2]", "[2,2,2,2,2,2,0,0,0,0,1,1]");
    place.fine("export fine --c fine.h"); // without weights, it is C as well
    let _ = compiled(
        &place,
        "fine.h",
        "    float x[4] = { 1, 4, 2, 3 }, y[1];\n    fine_infer(x, y);\n    printf(\"%g\", y[0]);",
    );
    let huge = 1u64 << 40;
    pool("huge", &format!("[1,1,{huge},1]"), &format!("[{huge},1,1,1,{huge},1,0,0,0,0,1,1]"));
    let wide = 1 << 28;
    pool("wide", &format!("[1,1,{wide},1]"), &format!("[{wide},1,1,1,{wide},1,0,0,0,0,1,1]"));
    pool("stride", "[1,1,2,2]", "[2,2,2,2,9223372036854775808,1,0,0,0,0,1,1]");
    pool("empty", "[1,0,2,2]", "[2,2,1,1,1,1,0,0,0,0,1,1]");
    pool("slow", "[1,1,2000,2000]", "[2000,2000,1500,1500,1,1,750,749,750,749,1,1]");
    for (file, why) in [
        ("huge", "32 bits"),
        ("wide", "source is written of"),
        ("stride", "too large for a device of 32 bits"),
        ("empty", "no numbers"),
        ("slow", "source is written where"),
    ] {
        for way in ["--c x.h", "--rust x"] {
            let refused = place.refused(&format!("export {file} {way}"));
            assert!(refused.contains(why), "{file}: {refused}");
        }
    }
    for file in ["/dev/zero", "."] {
        let refused = place.refused(&format!("fit {file}"));
        assert!(refused.contains("is not a file") || refused.contains("cannot be read"), "{refused}");
    }
    assert!(
        !place.0.join("x.h").exists() && !place.0.join("x").exists(),
        "nothing is left of what was refused"
    );
}

#[test]
fn only_what_export_wrote_is_replaced() {
    let place = Place::new("replaced");
    let own = place.0.join("own");
    fs::create_dir_all(own.join("src")).unwrap();
    fs::write(own.join("Cargo.toml"), "[package]\nname = \"own\"\n").unwrap();
    fs::write(place.0.join("own.h"), "int own;\n").unwrap();
    for (target, why) in [
        ("--rust own", "was not written by `tress export`"),
        ("--c own.h", "was not written by `tress export`"),
        ("--c own", "was not written by `tress export`"),
        ("--rust .", "does not end with the name of a folder"),
        ("--rust own/..", "does not end with the name of a folder"),
        ("--rust /", "does not end with the name of a folder"),
        ("--c .", "does not end with the name of a file"),
    ] {
        let refused = place.refused(&format!("export dense:2:y=1 {target} --overwrite"));
        assert!(refused.contains(why), "{target}: {refused}");
    }
    assert_eq!(place.read("own/Cargo.toml"), "[package]\nname = \"own\"\n");
    assert_eq!(place.read("own.h"), "int own;\n");
    for line in ["export dense:2:y=1 --rust fresh --overwrite", "export dense:2:y=1 --c fresh.h --overwrite"]
    {
        place.fine(line);
        place.fine(line);
    }
    fs::write(place.0.join("fresh/Cargo.toml"), "[package]\n# with lines of the user's\n").unwrap();
    place.fine("export dense:2:y=1 --rust fresh --overwrite");
}

#[test]
fn a_run_can_be_exported_and_says_what_bytes_cost() {
    let place = Place::new("run");
    place.fine("train --samples 256 --epochs 1 --quiet --threads 1 --out run");
    let said = place.fine("fit run --target m4");
    assert!(said.contains("output left [1, 10]") && said.contains("output right [1, 10]"), "{said}");
    // conv1 (10 of 24 x 24), conv2 (20 of 8 x 8), the dense layers of trunk and heads.
    let macs = 10 * 576 * 25 + 20 * 64 * 250 + 320 * 50 + 2 * (50 * 50 + 50 * 10);
    assert!(said.contains(&format!("{macs} multiply-adds")), "{said}");
    let exported = place.fine("export run --c net.h --int8 --samples 20");
    assert!(exported.contains("2000 test pictures") && exported.contains("the same answer"), "{exported}");
    assert!(place.read("net.h").contains("#define NET_LEFT_LENGTH 10"));
}
