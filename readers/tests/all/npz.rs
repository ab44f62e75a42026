//! npz that numpy has deflated, and bytes that mean harm.

use std::path::Path;
use tress_nn::file::{Loader, Npz};
use tress_nn::{Dense, Init, Params, Random};
use tress_readers::npz;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn deflated_members_are_those_that_were_stored() {
    let (stored, packed) = (fixture("numbers.npz"), fixture("packed.npz"));
    assert!(packed.len() < stored.len());
    let (plain, deflated) = (Npz::read(&stored).unwrap(), npz::read(&packed).unwrap());
    let names: Vec<&str> = plain.names().collect();
    assert_eq!((names.len(), deflated.names().collect::<Vec<_>>()), (15, names.clone()));
    for name in names {
        assert_eq!(plain.tensor::<f64>(name), deflated.tensor::<f64>(name), "{name}");
    }
    assert_eq!(npz::read(&stored).unwrap().tensor::<f64>("f8"), plain.tensor("f8"));

    let mut params = Params::<f32>::new(1);
    Dense::new(&mut params.scope("layer"), 2, 3).unwrap();
    params.root().state("mean", [], Init::Constant(7.25)).unwrap();
    let report = Loader::new().lenient().members(&mut params, &deflated).unwrap();
    assert_eq!((report.missing, report.extra.len()), (vec!["mean".to_owned()], 13));
    assert_eq!(params.tensor("layer.bias").unwrap().to_vec(), [1.0, -2.0, 1e-3]);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let whole = fixture("packed.npz");
    let sound = npz::read(&whole).unwrap();
    let mut random = Random::new(4);
    for step in 0..4000 {
        let mut damaged = whole.clone();
        match step % 2 {
            0 => damaged.truncate(random.below(whole.len() as u64) as usize),
            _ => {
                let place = random.below(whole.len() as u64) as usize;
                damaged[place] ^= 1 << random.below(8);
            }
        }
        // Where something is read, it is what was written: the checksum of each member sees to that.
        if let Ok(found) = npz::read(&damaged) {
            for name in found.names().filter(|name| sound.names().any(|other| other == *name)) {
                assert_eq!(found.tensor::<f64>(name), sound.tensor::<f64>(name));
            }
        }
    }
}

/// A zip archive of one deflated member, said to inflate to `size` bytes.
fn archive(packed: &[u8], size: u32) -> Vec<u8> {
    let common = [
        &[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..],
        &[0; 4],
        &(packed.len() as u32).to_le_bytes(),
        &size.to_le_bytes(),
    ];
    let common = [&common.concat()[..], &1u16.to_le_bytes(), &[0, 0]].concat();
    let mut file = [b"PK\x03\x04", &common[..], b"x", packed].concat();
    let at = file.len() as u32;
    file.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 14], b"x"].concat());
    let length = file.len() as u32 - at;
    file.extend(
        [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length.to_le_bytes()[..], &at.to_le_bytes(), &[0, 0]].concat(),
    );
    file
}

#[test]
fn members_that_lie_about_their_size_are_refused() {
    // An empty stored block, the last one: nothing at all.
    let nothing = [1, 0, 0, 0xFF, 0xFF];
    let why = |file: &[u8]| npz::read(file).unwrap_err().to_string();
    assert_eq!(npz::read(&archive(&nothing, 0)).unwrap().names().collect::<Vec<_>>(), ["x"]);
    assert!(why(&archive(&nothing, 1)).contains("inflates to another size"));
    assert!(why(&archive(&nothing, 1 << 20)).contains("larger than it can be"));
    assert!(why(&archive(&nothing[..4], 0)).contains("cannot be inflated"));
    assert!(why(&archive(&[&nothing[..], &[0]].concat(), 0)).contains("behind the end of a deflated member"));
    assert!(
        why(&archive(&[7, 0, 0], 0)).contains("cannot be inflated"),
        "a block of a kind that there is not"
    );
}
