//! Networks for devices: what `tress fit` says, and what the source that `tress export` writes computes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tress::nn::Random;
use tress::nn::device::{Program, Quantised};
use tress::nn::file::{write_npy, write_npz};
use tress::prelude::*;

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

/// Builds and runs a C program around the header: as strict C99, as C++, and, where the compiler has them, with sanitizers, which end
/// the program at an access out of bounds and at arithmetic that C does not define. What it printed, which is the same each
/// time; `None`, loudly, where there is no compiler.
fn compiled(place: &Place, header: &str, main: &str) -> Option<Vec<String>> {
    let ways: [(&str, &str, &str, &[&str]); 3] = [
        ("CC", "cc", "main.c", &["-std=c99", "-O1", "-pedantic"]),
        (
            "CC",
            "cc",
            "main.c",
            &["-std=c99", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        ),
        ("CXX", "c++", "main.cc", &["-std=c++14", "-O1"]),
    ];
    let text =
        format!("#include <stdio.h>\n#include \"{header}\"\nint main(void)\n{{\n{main}\n    return 0;\n}}\n");
    let mut found: Option<Vec<String>> = None;
    for (variable, usual, file, arguments) in ways {
        let compiler = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
        let run = |source: &str, more: &[&str]| {
            fs::write(place.0.join(file), source).unwrap();
            let mut command = Command::new(&compiler);
            command
                .args(arguments)
                .args(more)
                .args([file, "-o", "main", "-lm"])
                .current_dir(&place.0)
                .output()
        };
        if !run("int main(void) { return 0; }\n", &[]).is_ok_and(|built| built.status.success()) {
            // Not by `eprintln`, which is kept from those who look at a test that passes.
            let what =
                format!("\n!!!! SKIPPED: `{compiler} {}` does not work here !!!!\n", arguments.join(" "));
            std::io::stderr().write_all(what.as_bytes()).unwrap();
            continue;
        }
        let built = run(&text, &["-Wall", "-Wextra", "-Werror"]).unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let ran = Command::new(place.0.join("main")).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        let said = String::from_utf8(ran.stdout).unwrap().split_whitespace().map(str::to_owned).collect();
        assert!(found.is_none() || found.as_ref() == Some(&said), "{arguments:?} prints something else");
        found = Some(said);
    }
    found
}

/// Text of C that evaluates `inputs` twice and prints all outputs with a format.
fn main_of(number: &str, inputs: &[Vec<String>], lengths: &[usize], format: &str) -> String {
    let (mut text, mut arguments, mut prints) = (String::new(), Vec::new(), String::new());
    for (at, input) in inputs.iter().enumerate() {
        text += &format!("    static const {number} x{at}[] = {{ {} }};\n", input.join(", "));
        arguments.push(format!("x{at}"));
    }
    for (at, length) in lengths.iter().enumerate() {
        text += &format!("    static {number} y{at}[{length}];\n");
        arguments.push(format!("y{at}"));
        prints +=
            &format!("    for (i = 0; i < {length}; i++)\n        printf(\"{format}\\n\", y{at}[i]);\n");
    }
    let call = format!("net_infer({});", arguments.join(", "));
    text + &format!("    int i, time;\n    for (time = 0; time < 2; time++)\n        {call}\n{prints}")
}

/// Numbers as C reads them.
fn floats(numbers: &[f32]) -> Vec<String> {
    numbers.iter().map(|x| format!("{x:?}f")).collect()
}

const LENGTHS: [usize; 4] = [3, 2, 36, 2];

#[test]
fn c_of_floats_gives_the_bits_of_the_program() {
    for smooth in [false, true] {
        let place = Place::new(&format!("floats-{smooth}"));
        let program = program(smooth);
        fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
        let said = place.fine("export net.safetensors --c net.h");
        assert!(said.contains(&format!("arena {} bytes", program.plan().unwrap().arena::<f32>())), "{said}");
        let x = sample(1);
        let expected: Vec<f32> = program.run(&x.each_ref().map(Vec::as_slice)).unwrap().concat();
        let main = main_of("float", &x.each_ref().map(|x| floats(x)), &LENGTHS, "%.9g");
        let Some(found) = compiled(&place, "net.h", &main) else { return };
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let found: f32 = found.parse().unwrap();
            let close = (found - expected).abs() <= 2e-6 * expected.abs().max(1.0);
            assert!(found.to_bits() == expected.to_bits() || smooth && close, "{found} for {expected}");
        }
    }
}

#[test]
fn c_of_normalised_rows_and_channels_gives_the_numbers_of_the_program() {
    let place = Place::new("norms");
    let mut params = Params::<f32>::new(3);
    let dense = Dense::new(&mut params.scope("dense"), 200, 6).unwrap();
    let layer = LayerNorm::new(&mut params.scope("layer"), [3]).unwrap();
    let rms = RmsNorm::new(&mut params.scope("rms"), [6]).unwrap();
    let batch = BatchNorm::new(&mut params.scope("batch"), 2).unwrap();
    let mut random = Random::new(2);
    let numbers: Vec<f32> = (0..params.block().len()).map(|_| 0.1 + random.uniform() as f32).collect();
    params.set_block(&Tensor::vector(&numbers)).unwrap();
    let program = Program::record(&params, &[("image", &SHAPE)], |bound, xs| {
        let y = dense.apply(bound, &Flatten.apply(bound, &xs[0]));
        let rows = layer.apply(bound, &y.reshape([2, 3]));
        let means = GlobalMeanPool.apply(bound, &batch.apply(bound, &xs[0]).abs());
        let named = [("a", rows.log_softmax()), ("b", rms.apply(bound, &y)), ("c", means)];
        Ok(named.map(|(name, y)| (name.to_owned(), y)).to_vec())
    })
    .unwrap();
    fs::write(place.0.join("net.safetensors"), program.save_beside(&params)).unwrap();
    place.fine("export net.safetensors --c net.h");
    let [x, _] = sample(4);
    let expected: Vec<f32> = program.run(&[&x]).unwrap().concat();
    let main = main_of("float", &[floats(&x)], &[6, 6, 2], "%.9g");
    let Some(found) = compiled(&place, "net.h", &main) else { return };
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let found: f32 = found.parse().unwrap();
        // The logarithms are those of another library.
        let close = at < 6 && (found - expected).abs() <= 4e-6 * expected.abs().max(1.0);
        assert!(close || found.to_bits() == expected.to_bits(), "{at}: {found} for {expected}");
    }
    let fit = place.fine("fit net.safetensors --target m4");
    assert!(
        fit.contains("layer norm has no kernel of bytes") || fit.contains("softmax has no kernel"),
        "{fit}"
    );
    let bytes = place.refused("export net.safetensors --c bytes.h --int8 --calibrate none.npy");
    assert!(bytes.contains("none.npy"), "{bytes}");
}

#[test]
fn c_of_bytes_gives_the_bytes_of_the_program() {
    let place = Place::new("bytes");
    let program = program(true);
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    write_samples(&place);
    place.fine("export net.safetensors --c net.h --int8 --calibrate samples.npz");
    let quantised = quantised(&program);
    let x = sample(7);
    let x = [0, 1].map(|i| x[i].iter().map(|&x| quantised.range(i).byte(x)).collect::<Vec<i8>>());
    let expected = quantised.run(&x.each_ref().map(Vec::as_slice)).unwrap().concat();
    let inputs = x.each_ref().map(|x| x.iter().map(i8::to_string).collect());
    let Some(found) = compiled(&place, "net.h", &main_of("int8_t", &inputs, &LENGTHS, "%d")) else { return };
    assert_eq!(found, expected.iter().map(i8::to_string).collect::<Vec<_>>());
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
fn c_has_an_example_and_what_comes_of_it() {
    let place = Place::new("example");
    fs::write(place.0.join("net.safetensors"), program(false).save()).unwrap();
    place.fine("export net.safetensors --c net.h");
    let main = "    static float y[3], c[2], n[36], d[2];\n    \
        net_infer(net_example_window, net_example_xt_i, y, c, n, d);\n    \
        printf(\"%d\\n\", memcmp(y, net_example_y, sizeof y) || memcmp(c, net_example_class_, sizeof c) \
        || memcmp(n, net_example_int_, sizeof n) || memcmp(d, net_example_xnet_dense, sizeof d));";
    let text = place.read("net.h");
    fs::write(place.0.join("with.h"), format!("#define NET_EXAMPLE\n#define NET_PLACE\n{text}")).unwrap();
    let Some(said) = compiled(&place, "with.h", main) else { return };
    assert_eq!(said, ["0"]);
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
fn fit_says_what_is_needed_and_refuses_what_is_too_much() {
    let place = Place::new("fit");
    let program = program(false);
    fs::write(place.0.join("net.safetensors"), program.save()).unwrap();
    let plan = program.plan().unwrap();
    let said = place.fine("fit net.safetensors --target m4");
    let row = |name: &str| -> Vec<String> {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    let weights: usize = program.weights().iter().map(|weight| weight.numbers.len()).sum();
    assert_eq!(row("floats")[1], (4 * weights).to_string(), "{said}");
    assert_eq!(row("floats")[4], plan.arena::<f32>().to_string(), "{said}");
    assert_eq!(row("bytes")[4], plan.arena::<i8>().to_string(), "{said}");
    assert!(said.contains(&format!("{} multiply-adds", plan.multiply_adds())), "{said}");
    assert_eq!(row("floats")[8], "fits", "{said}");
    let numbers = 200 + 25 + LENGTHS.iter().sum::<usize>();
    assert_eq!(row("floats")[5], (4 * numbers).to_string(), "{said}");
    // What is asked for is just enough, and one byte less is not.
    let [least, ram]: [usize; 2] = [6, 7].map(|column| row("floats")[column].parse().unwrap());
    assert_eq!(least, plan.arena::<f32>() + 64, "{said}");
    assert_eq!(ram, plan.arena::<f32>() + 4 * numbers + 1024, "{said}");
    let in_ram = |ram: usize| -> String {
        let said = place.tress(&format!("fit net.safetensors --ram {ram}")).stdout;
        let said = String::from_utf8_lossy(&said);
        said.lines().find(|line| line.starts_with("floats")).unwrap_or_default().to_owned()
    };
    assert!(in_ram(ram).ends_with("  fits"));
    assert!(in_ram(ram - 1).ends_with("  may not fit") && in_ram(least).ends_with("  may not fit"));
    assert!(in_ram(least - 1).ends_with("  too little RAM"));
    let flash: usize = row("floats")[3].parse().unwrap();
    assert!(!place.fine(&format!("fit net.safetensors --flash {flash}")).contains("too little"));
    let floats = |flash: usize| -> String {
        let said = place.tress(&format!("fit net.safetensors --flash {flash}")).stdout;
        String::from_utf8_lossy(&said)
            .lines()
            .find(|line| line.starts_with("floats"))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(floats(flash).ends_with("  fits"));
    assert!(floats(flash - 1).ends_with("  may not fit"));
    let least: usize = row("floats")[2].parse().unwrap();
    assert!(4 * weights < least && least < flash, "{said}");
    assert!(floats(least).ends_with("  may not fit"));
    assert!(floats(least - 1).ends_with("  too little flash"));
    // Between the bounds of the only form that fits there is an exit status of its own.
    let unsure = |line: &str, word: &str| {
        let output = place.tress(line);
        let (said, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(3), "{line}: {said}{error}");
        assert!(said.contains(word) && error.contains("it may not fit m4"), "{line}: {said}{error}");
    };
    unsure("fit dense:1,16,16:y=1/softmax --flash 2600", "may not fit");
    unsure("fit dense:1,16,16:y=1 --learn --flash 5K", "may not fit");
    unsure("fit dense:1,16,16:y=1 --ram 1K", "may not fit");
    unsure("fit dense:1,16,16:y=1 --learn --ram 3900", "may not fit");
    let help = place.fine("fit --help").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("0 it fits, 3 it may not fit, 1 it does not fit"), "{help}");
    // What such a network takes on a board: 2 312 bytes.
    assert!(place.fine("fit dense:1,16,16:y=1 --target m4 --flash 4K").contains("fits"));
    assert!(!said.contains("learning"), "{said}");
    let said = place.fine("fit dense:1,16,16:y=1 --target m0");
    assert!(
        said.contains("A step of learning: arena ") && said.contains("weights and updates 2568,"),
        "{said}"
    );
    let learning = |line: &str| -> String {
        let said = place.fine(line);
        said.lines().find(|line| line.starts_with("learning")).unwrap_or_default().to_owned()
    };
    // The arena of a step and that of an evaluation, weights and updates, one input, output, truth and loss, and the stack.
    assert!(learning("fit dense:1,16,16:y=1 --target m0").ends_with("  fits"));
    assert!(learning("fit dense:1,16,16:y=1 --target m0 --ram 2900").ends_with("too little RAM"));
    assert!(learning("fit dense:4000:y=1 --target m0").ends_with("too little RAM"));
    assert!(learning("fit dense:1,16,16:y=1 --target m0 --flash 4K").ends_with("too little flash"));
    place.fine("fit dense:1,16,16:y=1 --target m0 --learn");
    let refused = place.refused("fit dense:1,16,16:y=1 --target m0 --ram 2900 --learn");
    assert!(refused.contains("does not fit m0 where it is to learn"), "{refused}");
    let refused = place.refused("fit net.safetensors --learn");
    assert!(refused.contains("they learn dense layers") && !refused.contains("learn.rs"), "{refused}");
    let refused = place.refused("fit net.safetensors --target m0 --flash 4K");
    assert!(refused.contains("does not fit m0"), "{refused}");
    let nothing = place.refused("fit nothing.safetensors");
    assert!(nothing.contains("nothing.safetensors: cannot be read"), "{nothing}");
    fs::write(place.0.join("plain.safetensors"), tress::nn::file::save(&Params::<f32>::new(1))).unwrap();
    let plain = place.refused("fit plain.safetensors");
    assert!(plain.contains("does not say what they belong to"), "{plain}");
    fs::write(place.0.join("bad.safetensors"), &program.save()[..300]).unwrap();
    assert!(place.refused("export bad.safetensors --c x.h").contains("bad.safetensors"));
    let calibrate = place.refused("export net.safetensors --c x.h --int8");
    assert!(calibrate.contains("--calibrate FILE.npy"), "{calibrate}");
    let write = |file: &str, shape: [usize; 2]| {
        fs::write(place.0.join(file), write_npy(&Tensor::<f32>::zeros(shape).unwrap())).unwrap();
    };
    write("wide.npy", [4, 20]);
    write("one.npy", [4, 225]);
    let shape = place.refused("export dense:4,3:a=2 --c x.h --int8 --calibrate wide.npy");
    assert!(shape.contains("has shape [4, 20] for input `x`; samples of [1, 4]"), "{shape}");
    let two = place.refused("export net.safetensors --c x.h --int8 --calibrate one.npy");
    assert!(two.contains("one for each of the inputs window, t_i"), "{two}");
    let mut wild = vec![0.5; 12];
    wild[5] = f32::NAN;
    fs::write(place.0.join("wild.npy"), write_npy(&Tensor::new([3, 4], &wild).unwrap())).unwrap();
    let nan = place.refused("export dense:4,3:a=2 --c x.h --int8 --calibrate wild.npy");
    assert!(nan.contains("NaN in input `x` for sample 1"), "{nan}");
    assert!(!Path::new(&place.0).join("x.h").exists(), "nothing is left of what was refused");
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
