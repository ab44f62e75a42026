//! What `tress fit` says of networks and devices, and what it refuses.

use std::fs;
use std::path::Path;

use tress::nn::file::write_npy;
use tress::prelude::*;

use super::{LENGTHS, Place, program};

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
