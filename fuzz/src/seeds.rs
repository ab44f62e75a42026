//! Whole files to begin with.

use std::io::Write;

use tress_autograd::{Arrange, Fused, Pointwise, Reduce};
use tress_nn::device::Program;
use tress_nn::file::{Checkpoint, save, save_npz, save_with, write_npy};
use tress_nn::optim::{Average, Lbfgs, Plateau};
use tress_nn::{
    Adam, BatchNorm, Conv2d, Dense, Error, Init, Layer, LayerNorm, MeanPool2d, Optimiser, Params, Random,
    RmsProp,
};
use tress_tensor::pointwise::Map;
use tress_tensor::{Float, Tensor, Window};

/// The files that the tests keep, as Python's libraries wrote them.
macro_rules! kept {
    ($name:literal) => {
        include_bytes!(concat!("../../nn/tests/fixtures/", $name)).to_vec()
    };
}

/// A small model.
pub fn model<T: Float>() -> Params<T> {
    let mut params = Params::new(1);
    Dense::new(&mut params.scope("layer"), 2, 3).expect("a layer");
    params.root().state("mean", [], Init::Constant(7.25)).expect("state");
    params
}

pub fn safetensors() -> Vec<Vec<u8>> {
    let metadata = [("run", "seed \"7\"\n"), ("é", "\u{1f980}")];
    vec![save(&model::<f32>()), save_with(&model::<f64>(), &metadata), kept!("model.safetensors")]
}

/// Networks for devices: every operation that a program may have.
pub fn program() -> Vec<Vec<u8>> {
    let mut params = Params::<f32>::new(2);
    let conv = Conv2d::builder(2, 4, [3, 3]).groups(2).build(&mut params.scope("conv")).expect("a layer");
    let norm = BatchNorm::new(&mut params.scope("norm"), 4).expect("a layer");
    let rows = LayerNorm::new(&mut params.scope("rows"), [4]).expect("a layer");
    let dense = Dense::new(&mut params.scope("dense"), 4, 3).expect("a layer");
    let images = Program::record(&params, &[("image", &[1, 2, 5, 5])], |bound, xs| {
        let y = norm.apply(bound, &conv.apply(bound, &xs[0])).relu();
        let y = y
            .max_pool(Window::new([3, 3], [2, 2]).stride([2, 2]))
            .concat(1, &[MeanPool2d::new([2, 2]).apply(bound, &y)]);
        let y = (y * y - y.tanh()).sum(&[2, 3]);
        let y = y.reshape([2, 4]).map(Map::Clamp(-1.0, 2.5));
        let y = dense.apply(bound, &rows.apply(bound, &y));
        Ok(vec![("softmax".to_owned(), y.softmax()), ("log".to_owned(), y.log_softmax())])
    });
    let mut small = Params::<f32>::new(1);
    let layer = Dense::new(&mut small.scope("layer"), 2, 3).expect("a layer");
    let dense = Program::record(&small, &[("x", &[1, 2])], |bound, xs| {
        Ok(vec![("y".to_owned(), layer.apply(bound, &xs[0]))])
    });
    vec![images.expect("a program").save_beside(&params), dense.expect("a program").save()]
}

/// The same safetensors file with the length that its header should have, as far as there is a `}` that could be its end: damage
/// to the text nearly always moves that.
pub fn with_right_length(bytes: &[u8]) -> Vec<u8> {
    let (mut bytes, end) = (bytes.to_vec(), bytes.windows(3).rposition(|three| three == b"]}}"));
    if let Some(end) = end.filter(|&end| end >= 8) {
        bytes[..8].copy_from_slice(&(end as u64 + 3 - 8).to_le_bytes());
    }
    bytes
}

pub fn npy() -> Vec<Vec<u8>> {
    let tensor = Tensor::from_fn([2, 3], |i| i[0] as f32 - i[1] as f32).expect("a tensor");
    let mut fortran = write_npy(&tensor);
    let at = fortran.windows(6).position(|bytes| bytes == b"False,").expect("the order of axes");
    fortran[at..at + 6].copy_from_slice(b"True, ");
    let integers = write_npy(&Tensor::vector(&[3i32, 200, 0, -1]));
    vec![write_npy(&tensor), fortran, integers, kept!("version2.npy"), kept!("saved.npy")]
}

pub fn npz() -> Vec<Vec<u8>> {
    vec![save_npz(&model::<f32>()).expect("a small file"), kept!("numbers.npz"), kept!("packed.npz")]
}

pub fn checkpoint() -> Vec<Vec<u8>> {
    let mut params = model();
    let ones = Tensor::full([params.len()], 1.0).expect("a gradient");
    let (mut adam, mut rmsprop, mut lbfgs) = (Adam::new(0.1), RmsProp::new(0.1), Lbfgs::new().iterations(3));
    let (mut average, mut plateau) = (Average::equal(), Plateau::new(0.1));
    adam.step(&mut params, &ones).expect("a step");
    rmsprop.step(&mut params, &ones).expect("a step");
    average.update(&params).expect("an update");
    plateau.observe(1.0);
    let bowl = |params: &Params<f32>| {
        let numbers = params.block().to_vec();
        let gradient: Vec<f32> = numbers.iter().map(|x| 4.0 * x * x * x).collect();
        Ok::<_, Error>((numbers.iter().map(|&x| (x as f64).powi(4)).sum(), Tensor::vector(&gradient)))
    };
    lbfgs.step(&mut params, bowl).expect("a step");
    let small = Checkpoint::new(&params).count("epoch", 3);
    let whole = small.clone().state("adam", adam.state()).state("rmsprop", rmsprop.state());
    let whole = whole.state("lbfgs", lbfgs.state()).state("average", average.state());
    let whole = whole.state("plateau", plateau.state()).random("noise", &Random::new(5));
    vec![small.to_bytes(), whole.to_bytes()]
}

pub fn idx() -> Vec<Vec<u8>> {
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 5][..], &[1, 2, 3, 4, 9]].concat();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2][..], &[7; 12]].concat();
    vec![gzip(&labels), gzip(&images), labels, images]
}

pub fn csv() -> Vec<Vec<u8>> {
    let plain =
        b"id,age,work,pay\n1,30,state,low\n2,41.5,\"none, or\n\"\"so\"\"\",high\n3,?,,NA\r\n".to_vec();
    let other = b"id;age;work;pay;more\n1;-3e5;a;low;x\n;1;b;;\n".to_vec();
    // So many rows and words that features are many numbers; the fuzz target allows sixteen words.
    let row = |i: usize| format!("{i},{},w{},p{}\n", i % 90, i % 14, i % 3);
    let long = ["id,age,work,pay\n".to_owned()].into_iter().chain((0..300).map(row)).collect::<String>();
    let long = long.into_bytes();
    vec![gzip(&plain), plain, other, b"a\tb\n1\t2\n\n3\t4".to_vec(), gzip(&long), long]
}

pub fn picture() -> Vec<Vec<u8>> {
    macro_rules! kept {
        ($name:literal) => {
            include_bytes!(concat!("../../readers/tests/fixtures/", $name)).to_vec()
        };
    }
    let pnm: [&[u8]; 5] = [
        b"P1 3 2 1 0 1 0 1 0",
        b"P2 # a note\n3 1 255 1 2 200\n",
        b"P4 3 2 \xA0\x40",
        b"P5 3 1 255 \x01\x02\xC8",
        b"P6 1 2 65535 abcdefghijkl",
    ];
    let png = [kept!("colour.png"), kept!("grey16.png"), kept!("bits.png")];
    png.into_iter().chain(pnm.map(<[u8]>::to_vec)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).expect("memory can be written");
    writer.finish().expect("memory can be written")
}

/// The same PNG with the checksums that its chunks should have, as far as there are any.
pub fn with_right_chunks(bytes: &[u8]) -> Vec<u8> {
    let (mut bytes, mut at) = (bytes.to_vec(), 8);
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let end = at + 8 + length;
        if end + 4 > bytes.len() {
            break;
        }
        let sum = crc32(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
    bytes
}

/// Tries to restore everything from a checkpoint.
pub fn restore_all(checkpoint: &Checkpoint<f32>, params: &Params<f32>) {
    for name in ["adam", "rmsprop", "lbfgs", "average", "plateau"] {
        let Ok(state) = checkpoint.state_of(name) else { continue };
        let _ = Adam::new(0.1).restore(state, params);
        let _ = RmsProp::new(0.1).restore(state, params);
        let _ = Lbfgs::new().restore(state, params);
        let _ = Average::equal().restore(state, params);
        let _ = Plateau::new(0.1).restore(state);
    }
    let _ = (checkpoint.random_of("noise"), checkpoint.count_of("epoch"));
}

/// The same bytes with the checksum that they should have, if there is room for one.
pub fn with_right_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(12).position(|window| window == b"\"checksum\":\"").map(|at| at + 12);
    if let Some(at) = at.filter(|at| at + 8 <= bytes.len()) {
        bytes[at..at + 8].copy_from_slice(b"00000000");
        let sum = format!("{:08x}", crc32(&bytes));
        bytes[at..at + 8].copy_from_slice(sum.as_bytes());
    }
    bytes
}

/// CRC-32, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |sum: u32| if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ byte as u32, |sum, _| bit(sum)))
}
