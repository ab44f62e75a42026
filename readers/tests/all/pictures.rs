//! Folders of pictures.

use std::path::{Path, PathBuf};
use tress_readers::{Channels, Folder, picture};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

struct Root(PathBuf);

impl Root {
    fn new(name: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let root = std::env::temp_dir().join(format!("tress-pictures-{name}-{}", std::process::id()));
        for (file, bytes) in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self(root)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn png_of_several_kinds_are_read() {
    let colour = picture("p", &fixture("colour.png"), Channels::Colour).unwrap();
    assert_eq!((colour.height, colour.width), (2, 3));
    assert_eq!(colour.bytes, [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    assert_eq!(picture("p", &fixture("grey16.png"), Channels::Grey).unwrap().bytes, [0, 7, 255]);
    assert_eq!(
        picture("p", &fixture("bits.png"), Channels::Grey).unwrap().bytes,
        [255, 0, 255, 0, 0, 255, 0, 255]
    );
    assert_eq!(picture("p", &fixture("bits.png"), Channels::Colour).unwrap().bytes.len(), 24);
}

#[test]
fn pnm_of_several_kinds_are_read() {
    for (file, bytes) in [
        (&b"P1 3 1 1 0 1"[..], &[0, 255, 0][..]),
        (b"P2 # a note\n3 1 255 1 2 200\n", &[1, 2, 200]),
        (b"P4 3 1 \xA0", &[0, 255, 0]),
        (b"P5 3 1 255 \x01\x02\xC8", &[1, 2, 200]),
    ] {
        assert_eq!(
            picture("p", file, Channels::Grey).unwrap().bytes,
            bytes,
            "{:?}",
            String::from_utf8_lossy(file)
        );
    }
    let colour = picture("p", b"P6 1 2 255 abcdef", Channels::Colour).unwrap();
    assert_eq!((colour.height, colour.width, &colour.bytes[..]), (2, 1, &b"abcdef"[..]));
}

#[test]
fn a_folder_gives_pictures_in_the_order_of_names() {
    let grey = |byte: u8| [&b"P5 2 1 255 "[..], &[byte, 0]].concat();
    let root = Root::new(
        "order",
        &[
            ("b/2.pgm", grey(51)),
            ("b/10.PGM", grey(102)),
            ("a/1.pgm", grey(255)),
            ("a/notes.txt", vec![1]),
            ("a/.hidden.pgm", vec![1]),
        ],
    );
    let found = Folder::grey().read(&root.0).unwrap();
    assert_eq!(
        (found.classes, found.labels.as_slice()),
        (vec!["a".to_owned(), "b".to_owned()], &[0, 1, 1][..])
    );
    assert_eq!(found.images.shape()[..], [3, 1, 1, 2]);
    assert_eq!(found.images.to_vec(), [1.0, 0.0, 0.2, 0.0, 0.4, 0.0]);
    assert_eq!((found.files.len(), found.skipped.len()), (3, 1));
    let turned = Folder::grey().classes(["b", "c", "a"]).read(&root.0).unwrap();
    assert_eq!((turned.labels.as_slice(), turned.labels.classes()), (&[2, 0, 0][..], 3));
    let unknown = Folder::grey().classes(["a"]).read(&root.0).unwrap_err().to_string();
    assert!(unknown.contains("none of the 1 classes"), "{unknown}");
}

#[test]
fn folders_that_are_numbers_are_classes_in_the_order_of_their_values() {
    let one = || b"P5 1 1 255 a".to_vec();
    let names: Vec<String> = (0..12).map(|class| format!("{class}/{}.pgm", 3 * class)).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), one())).collect();
    let root = Root::new("numbers", &files);
    let found = Folder::grey().read(&root.0).unwrap();
    assert_eq!(found.classes, (0..12).map(|class: u32| class.to_string()).collect::<Vec<_>>());
    assert_eq!(found.labels.as_slice(), (0..12).collect::<Vec<u32>>());
    assert!(found.files[10].ends_with("10/30.pgm"), "{:?}", found.files);
    // One name that is none, and all are texts.
    std::fs::create_dir(root.0.join("other")).unwrap();
    let found = Folder::grey().read(&root.0).unwrap();
    assert_eq!(found.classes[..4], ["0", "1", "10", "11"]);
}

#[test]
fn colours_come_as_planes_and_sizes_can_be_made_equal() {
    let root = Root::new(
        "colour",
        &[("a/1.png", fixture("colour.png")), ("a/2.ppm", b"P6 1 1 255 \x33\x66\x99".to_vec())],
    );
    let error = Folder::colour().read(&root.0).unwrap_err().to_string();
    assert!(
        error.contains("2.ppm") && error.contains("1x1 pixels, those before of 2x3; call `sized`"),
        "{error}"
    );
    let found = Folder::colour().sized(2, 2).read(&root.0).unwrap();
    assert_eq!(found.images.shape()[..], [2, 3, 2, 2]);
    let all = found.images.to_vec();
    assert_eq!(all[12..], [[0.2; 4], [0.4; 4], [0.6; 4]].concat(), "planes of one colour each");
    // Averages over what becomes one pixel: the mean of each channel is kept, but for rounding.
    let flat = Root::new("flat", &[("a/1.pgm", [&b"P5 4 4 255 "[..], &[0, 255].repeat(8)].concat())]);
    let mean = Folder::grey().sized(2, 2).read(&flat.0).unwrap().images.to_vec();
    assert!(mean.iter().all(|x| (x - 0.5).abs() < 0.13), "{mean:?}");
}

#[test]
fn what_a_folder_takes_is_known_before_it_is_read() {
    let all = [
        ("a/1.pgm", b"P5 300 200 255 not decoded".to_vec()),
        ("a/2.pgm", b"no picture at all".to_vec()),
        ("b/3.ppm", vec![]),
    ];
    let root = Root::new("large", &all);
    // Three pictures of three planes of 200x300 numbers of four bytes.
    let error = Folder::colour().most_bytes(2159999).read(&root.0).unwrap_err().to_string();
    assert!(
        error.contains(
            "holds 3 pictures, which are 2160000 bytes as numbers of 3x200x300, more than 2159999; call `sized` to make \
             them smaller, or `most_bytes` to allow it"
        ),
        "{error}"
    );
    let error = Folder::colour().most_bytes(2160000).read(&root.0).unwrap_err().to_string();
    assert!(error.contains("1.pgm: is no whole picture"), "{error}");
    // A gigabyte unless it is said: 3 x 32768 x 32768 x 4 bytes are not tried.
    let error = Folder::grey().sized(1 << 15, 1 << 15).read(&root.0).unwrap_err().to_string();
    assert!(
        error.contains("are 12884901888 bytes as numbers of 1x32768x32768, more than 1073741824"),
        "{error}"
    );
}

#[test]
fn what_is_no_picture_is_named() {
    let trouble = |bytes: &[u8]| picture("p", bytes, Channels::Grey).unwrap_err().to_string();
    assert_eq!(trouble(b"GIF89a"), "p: is neither a PNG nor a PPM, PGM or PBM picture");
    assert_eq!(trouble(b""), "p: is neither a PNG nor a PPM, PGM or PBM picture");
    for file in ["colour.png", "grey16.png", "bits.png"] {
        let whole = fixture(file);
        for end in 0..whole.len() - 12 {
            assert!(picture("p", &whole[..end], Channels::Colour).is_err(), "{file}, the first {end} bytes");
        }
    }
    // Sides beyond any sense, and a header that promises what the file cannot hold.
    assert!(trouble(b"P5 99999 1 255 x").contains("is no whole picture"));
    assert!(trouble(b"P6 30000 30000 255 x").contains("is no whole picture"));
    let empty = Root::new("empty", &[("a/notes.txt", vec![])]);
    assert!(Folder::grey().read(&empty.0).unwrap_err().to_string().contains("has no picture in its folders"));
    assert!(
        Folder::grey().read(empty.0.join("a")).unwrap_err().to_string().contains("no folder for any class")
    );
    assert!(Folder::grey().read("/no/such/folder").unwrap_err().to_string().contains("cannot be read"));
}
