//! The graph under construction: nodes, initialisers, and names for what lies between.

use super::proto::{self, Attribute, Dimension, Message, Node};
use super::{Export, fault};
use crate::Error;
use crate::model::{Extent, SAMPLES, Sizes};
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

#[derive(Default)]
pub(super) struct Writer {
    nodes: Vec<Node>,
    /// By name.
    initialisers: Vec<(String, Message)>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// The names of the outputs.
    results: Vec<String>,
    taken: BTreeSet<String>,
    /// Constants that are there already, by type, shape and bytes.
    constants: BTreeMap<(i64, Vec<usize>, Vec<u8>), String>,
    /// The input whose first axis is the batch.
    batched: Option<String>,
    /// The name of the number of samples, as a list of one.
    batch: Option<String>,
    /// The input whose second axis is that of the steps, and the name of their number.
    stepped: Option<String>,
    steps: Option<String>,
    /// The name of the product of both.
    both: Option<String>,
    counts: BTreeMap<&'static str, usize>,
    /// What has been put one behind the other along a first axis, each of length 1 there.
    rows: BTreeMap<String, Vec<String>>,
    /// What a value in another shape was made from, and the shape of that.
    shaped: BTreeMap<String, (String, Sizes)>,
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
        self.initialisers.push((String::from(name), proto::tensor(name, kind, shape, bytes)));
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

    /// The length of an axis of an input, as a list of one.
    fn length_of(&mut self, input: Option<String>, axis: i64) -> String {
        let (shape, place) = (self.node("Shape", &[&input.unwrap_or_default()], &[]), self.list(&[axis]));
        self.node("Gather", &[&shape, &place], &[("axis", Attribute::Int(0))])
    }

    /// The number of samples, N.
    fn samples(&mut self) -> String {
        match self.batch.clone() {
            Some(name) => name,
            None => {
                let name = self.length_of(self.batched.clone(), 0);
                self.batch.insert(name).clone()
            }
        }
    }

    /// The number of steps, T.
    fn steps(&mut self) -> String {
        match self.steps.clone() {
            Some(name) => name,
            None => {
                let name = self.length_of(self.stepped.clone(), 1);
                self.steps.insert(name).clone()
            }
        }
    }

    fn samples_and_steps(&mut self) -> String {
        match self.both.clone() {
            Some(name) => name,
            None => {
                let (samples, steps) = (self.samples(), self.steps());
                let name = self.node("Mul", &[&samples, &steps], &[]);
                self.both.insert(name).clone()
            }
        }
    }

    /// Lengths as a list; what is open is read off an input where it is needed.
    pub(super) fn lengths(&mut self, lengths: &[Extent]) -> String {
        if !lengths.iter().any(|length| length.is_open()) {
            return self.list(&lengths.iter().map(|length| length.fixed as i64).collect::<Vec<_>>());
        }
        if lengths.iter().any(|length| length.each != 0) {
            self.samples();
        }
        let mut parts = Vec::with_capacity(lengths.len());
        for length in lengths {
            let mut part: Option<String> = None;
            for (count, which) in [(length.each, 0), (length.step, 1), (length.both, 2)] {
                if count == 0 {
                    continue;
                }
                let mut term = match which {
                    0 => self.samples(),
                    1 => self.steps(),
                    _ => self.samples_and_steps(),
                };
                if count != 1 {
                    let count = self.list(&[count as i64]);
                    term = self.node("Mul", &[&term, &count], &[]);
                }
                part = Some(match part {
                    Some(part) => self.node("Add", &[&part, &term], &[]),
                    None => term,
                });
            }
            parts.push(match part {
                None => self.list(&[length.fixed as i64]),
                Some(part) if length.fixed == 0 => part,
                Some(part) => {
                    let fixed = self.list(&[length.fixed as i64]);
                    self.node("Add", &[&part, &fixed], &[])
                }
            });
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
        self.lengths(&(0..sizes.rank()).map(|axis| sizes.extent(axis)).collect::<Vec<_>>())
    }

    /// A value under another shape of as many elements.
    pub(super) fn reshape(&mut self, x: &str, sizes: &Sizes) -> String {
        let open = (0..sizes.rank()).filter(|&axis| sizes.extent(axis).is_open()).count();
        let empty = (0..sizes.rank()).any(|axis| sizes.extent(axis) == Extent::of(0));
        let shape = if open == 1 && !empty {
            // The one axis that is not known follows from the others.
            let length =
                |axis| if sizes.extent(axis).is_open() { -1 } else { sizes.extent(axis).fixed as i64 };
            self.list(&(0..sizes.rank()).map(length).collect::<Vec<_>>())
        } else {
            self.shape(sizes)
        };
        self.node("Reshape", &[x, &shape], &[])
    }

    /// As [`reshape`](Writer::reshape), from a known shape: no node to undo another.
    pub(super) fn reshape_from(&mut self, x: &str, from: &Sizes, to: &Sizes) -> String {
        if let Some((before, sizes)) = self.shaped.get(x)
            && sizes == to
        {
            return before.clone();
        }
        let name = self.reshape(x, to);
        self.shaped.insert(name.clone(), (String::from(x), *from));
        name
    }

    /// Values one behind the other along a first axis, of which each has one row.
    pub(super) fn stack(&mut self, rows: &[&str]) -> String {
        let name = self.node("Concat", rows, &[("axis", Attribute::Int(0))]);
        self.rows.insert(name.clone(), rows.iter().map(ToString::to_string).collect());
        name
    }

    /// Row `row` of a stack, which is there already.
    pub(super) fn row(&self, stack: &str, row: usize) -> Option<String> {
        self.rows.get(stack)?.get(row).cloned()
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
        if self.batched.is_none() && sizes.rank() > 0 && sizes.extent(0) == SAMPLES {
            self.batched = Some(String::from(name));
        }
        if self.stepped.is_none() && sizes.rank() > 1 && sizes.extent(1) == Extent::STEPS {
            self.stepped = Some(String::from(name));
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
        self.results.push(String::from(name));
        self.outputs.push(proto::value(name, proto::FLOAT, &dimensions(sizes)));
    }

    /// The nodes that lead to an output, and the names that they use. (Of a stack that is taken apart again nobody looks at the
    /// whole.)
    fn used(&self) -> (Vec<&Node>, BTreeSet<&str>) {
        let mut used: BTreeSet<&str> = self.results.iter().map(String::as_str).collect();
        let mut nodes: Vec<&Node> = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.iter().rev() {
            if core::iter::once(&node.output).chain(&node.more).any(|name| used.contains(name.as_str())) {
                used.extend(node.inputs.iter().map(String::as_str));
                nodes.push(node);
            }
        }
        nodes.reverse();
        (nodes, used)
    }

    /// `ModelProto`.
    pub(super) fn finish(self, export: &Export) -> Result<Vec<u8>, Error> {
        let (nodes, used) = self.used();
        let mut graph = nodes.iter().fold(Message::new(), |graph, node| graph.message(1, &node.message()));
        graph = graph.text(2, &export.name);
        let numbers = self.initialisers.iter().filter(|(name, _)| used.contains(name.as_str()));
        graph = numbers.fold(graph, |graph, (_, tensor)| graph.message(5, tensor));
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
    let dimension = |axis| match sizes.len(axis) {
        Some(length) => Dimension::Known(length),
        None => Dimension::Open(sizes.extent(axis).to_string()),
    };
    (0..sizes.rank()).map(dimension).collect()
}
