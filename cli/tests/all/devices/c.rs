//! Headers of C that `tress export` writes: compiled in several ways, they compute what the program does.

use std::fs;
use std::io::Write;
use std::process::Command;

use tress::nn::Random;
use tress::nn::device::Program;
use tress::prelude::*;

use super::{LENGTHS, Place, SHAPE, program, quantised, sample, write_samples};

/// Builds and runs a C program around the header: as strict C99, as C++, and, where the compiler has them, with sanitizers, which end
/// the program at an access out of bounds and at arithmetic that C does not define. What it printed, which is the same each
/// time; `None`, loudly, where there is no compiler.
pub(super) fn compiled(place: &Place, header: &str, main: &str) -> Option<Vec<String>> {
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
