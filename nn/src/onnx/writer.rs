//! The graph under construction: nodes, initialisers, and names for what lies between.

use super::proto::{self, Attribute, Dimension, Message, Node};
use super::{Export, fault};
use crate::Error;
use crate::model::Sizes;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tress_tensor::{Float, Tensor};

/// A value of the graph.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: String,
    /// The shape that it has there: of what is repeated along an axis, 1, as long as nobody minds.
    pub(super) sizes: Sizes,
}

/// A length that may depend on the number of samples: a part that does not, and how often N goes into it.
pub(super) type Length = (i64, i64);

#[derive(Default)]
pub(super) struct Writer {
    nodes: Vec<Node>,
    initialisers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    taken: BTreeSet<String>,
    /// Constants that are there already, by type, shape and bytes.
    constants: BTreeMap<(i64, Vec<usize>, Vec<u8>), String>,
    /// The input whose first axis is the batch.
    batched: Option<String>,
    /// The name of the number of samples, as a list of one.
    batch: Option<String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Writer {
    /// Whether a name is free; it is taken then.
    pub(super) fn take(&mut self, name: &str) -> bool {
        self.taken.insert(String::from(name))
    }

    fn fresh(&mut self, operator: &'static str) -> String {
        loop {
            let count = self.counts.entry(operator).or_insert(0);
            *count += 1;
            let name = format!("{operator}_{count}");
            if self.take(&name) {
                return name;
            }
        }
    }

    /// A node with one output, and its name.
    pub(super) fn node(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        attributes: &[(&'static str, Attribute)],
    ) -> String {
        let output = self.fresh(operator);
        self.nodes.push(Node {
            operator,
            inputs: inputs.iter().map(ToString::to_string).collect(),
            output: output.clone(),
            more: Vec::new(),
            attributes: attributes.to_vec(),
        });
        output
    }

    /// The first numbers of the sorted last axis, and the places that they come from.
    pub(super) fn top_k(&mut self, x: &str, keep: usize, descending: bool) -> [String; 2] {
        let keep = self.list(&[keep as i64]);
        let values = self.node("TopK", &[x, &keep], &[("largest", Attribute::Int(i64::from(descending)))]);
        let places = self.fresh("places");
        if let Some(node) = self.nodes.last_mut() {
            node.more.push(places.clone());
        }
        [values, places]
    }

    /// Numbers that stand in the file.
    pub(super) fn initialiser(&mut self, name: &str, kind: i64, shape: &[usize], bytes: &[u8]) {
        self.initialisers.push(proto::tensor(name, kind, shape, bytes));
    }

    fn constant(&mut self, kind: i64, shape: &[usize], bytes: Vec<u8>) -> String {
        let key = (kind, shape.to_vec(), bytes);
        if let Some(name) = self.constants.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        self.initialiser(&name, kind, shape, &key.2);
        self.constants.insert(key, name.clone());
        name
    }

    /// One number.
    pub(super) fn number(&mut self, number: f64) -> String {
        self.constant(proto::FLOAT, &[], (number as f32).to_le_bytes().to_vec())
    }

    pub(super) fn tensor<T: Float>(&mut self, tensor: &Tensor<T>) -> String {
        self.constant(proto::FLOAT, tensor.shape(), single(tensor))
    }

    /// Whole numbers, of some shape.
    pub(super) fn whole(&mut self, shape: &[usize], numbers: impl Iterator<Item = i64>) -> String {
        self.constant(proto::INT64, shape, numbers.flat_map(i64::to_le_bytes).collect())
    }

    pub(super) fn list(&mut self, numbers: &[i64]) -> String {
        self.whole(&[numbers.len()], numbers.iter().copied())
    }

    /// Lengths as a list; the number of samples is read off an input where it is needed.
    pub(super) fn lengths(&mut self, lengths: &[Length]) -> String {
        if lengths.iter().all(|length| length.1 == 0) {
            return self.list(&lengths.iter().map(|length| length.0).collect::<Vec<_>>());
        }
        let batch = match (&self.batch, &self.batched) {
            (Some(batch), _) => batch.clone(),
            (None, input) => {
                let input = input.clone().unwrap_or_default();
                let (shape, first) = (self.node("Shape", &[&input], &[]), self.list(&[0]));
                let batch = self.node("Gather", &[&shape, &first], &[("axis", Attribute::Int(0))]);
                self.batch.insert(batch).clone()
            }
        };
        let mut parts = Vec::with_capacity(lengths.len());
        for &(fixed, each) in lengths {
            if each == 0 {
                parts.push(self.list(&[fixed]));
                continue;
            }
            let mut part = batch.clone();
            if each != 1 {
                let each = self.list(&[each]);
                part = self.node("Mul", &[&part, &each], &[]);
            }
            if fixed != 0 {
                let fixed = self.list(&[fixed]);
                part = self.node("Add", &[&part, &fixed], &[]);
            }
            parts.push(part);
        }
        match &parts[..] {
            [one] => one.clone(),
            _ => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.node("Concat", &parts, &[("axis", Attribute::Int(0))])
            }
        }
    }

    /// A shape as a list, to be expanded to.
    pub(super) fn shape(&mut self, sizes: &Sizes) -> String {
        let length = |(fixed, each): (usize, usize)| (fixed as i64, each as i64);
        self.lengths(&(0..sizes.rank()).map(|axis| length(sizes.axis(axis))).collect::<Vec<_>>())
    }

    /// A value under another shape of as many elements.
    pub(super) fn reshape(&mut self, x: &str, sizes: &Sizes) -> String {
        let open = (0..sizes.rank()).filter(|&axis| sizes.axis(axis).1 != 0).count();
        let empty = (0..sizes.rank()).any(|axis| sizes.axis(axis) == (0, 0));
        let shape = if open == 1 && !empty {
            // The one axis that is not known follows from the others.
            let length = |axis| if sizes.axis(axis).1 == 0 { sizes.axis(axis).0 as i64 } else { -1 };
            self.list(&(0..sizes.rank()).map(length).collect::<Vec<_>>())
        } else {
            self.shape(sizes)
        };
        self.node("Reshape", &[x, &shape], &[])
    }

    /// A value in the shape that it stands for.
    pub(super) fn full(&mut self, x: &Item, sizes: &Sizes) -> String {
        if x.sizes == *sizes {
            return x.name.clone();
        }
        let shape = self.shape(sizes);
        self.node("Expand", &[&x.name, &shape], &[])
    }

    pub(super) fn input(&mut self, name: &str, kind: i64, sizes: &Sizes) {
        if self.batched.is_none() && sizes.rank() > 0 && sizes.axis(0) == (0, 1) {
            self.batched = Some(String::from(name));
        }
        self.inputs.push(proto::value(name, kind, &dimensions(sizes)));
    }

    /// An output of the graph.
    pub(super) fn output(&mut self, name: &str, value: &str, sizes: &Sizes) {
        self.nodes.push(Node {
            operator: "Identity",
            inputs: [String::from(value)].into(),
            output: String::from(name),
            more: Vec::new(),
            attributes: Vec::new(),
        });
        self.outputs.push(proto::value(name, proto::FLOAT, &dimensions(sizes)));
    }

    /// `ModelProto`.
    pub(super) fn finish(self, export: &Export) -> Result<Vec<u8>, Error> {
        let mut graph =
            self.nodes.iter().fold(Message::new(), |graph, node| graph.message(1, &node.message()));
        graph = graph.text(2, &export.name);
        graph = self.initialisers.iter().fold(graph, |graph, tensor| graph.message(5, tensor));
        graph = self.inputs.iter().fold(graph, |graph, input| graph.message(11, input));
        graph = self.outputs.iter().fold(graph, |graph, output| graph.message(12, output));
        if graph.len() > i32::MAX as usize {
            let why = "it takes more than 2 GiB, which is the most that a protocol buffer can hold";
            return Err(fault("model", why, core::panic::Location::caller()));
        }
        let opset = Message::new().text(1, "").int(2, Export::OPSET);
        let model = Message::new().int(1, Export::IR).text(2, "tress").message(7, &graph).message(8, &opset);
        Ok(model.into_bytes())
    }
}

/// Numbers as `f32`, little-endian.
pub(super) fn single<T: Float>(tensor: &Tensor<T>) -> Vec<u8> {
    tensor.to_vec().iter().flat_map(|x| (x.to_f64() as f32).to_le_bytes()).collect()
}

fn dimensions(sizes: &Sizes) -> Vec<Dimension> {
    let dimension = |axis| match sizes.axis(axis) {
        (fixed, 0) => Dimension::Known(fixed),
        (0, 1) => Dimension::Open(String::from("N")),
        (0, each) => Dimension::Open(format!("{each}N")),
        (fixed, each) => Dimension::Open(format!("{each}N + {fixed}")),
    };
    (0..sizes.rank()).map(dimension).collect()
}
