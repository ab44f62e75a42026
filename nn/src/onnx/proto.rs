//! The messages of ONNX, written as protocol buffers.
//!
//! A message is a list of fields, each a key (number and wire type) and a value: a number as a varint, four bytes, or a
//! length and so many bytes. <https://protobuf.dev/programming-guides/encoding> and the numbers of the fields in
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use alloc::string::String;
use alloc::vec::Vec;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

const VARINT: u64 = 0;
const BYTES: u64 = 2;
const FOUR: u64 = 5;

/// Types of elements: `TensorProto.DataType`.
pub(super) const FLOAT: i64 = 1;
pub(super) const INT64: i64 = 7;
pub(super) const BOOL: i64 = 9;

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A whole number; a negative one takes ten bytes.
    pub(super) fn int(mut self, field: u64, number: i64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(number as u64);
        self
    }

    pub(super) fn float(mut self, field: u64, number: f32) -> Self {
        self.varint(field << 3 | FOUR);
        self.0.extend(number.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A setting of a node.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
}

impl Attribute {
    /// `AttributeProto`.
    fn message(&self, name: &str) -> Message {
        let message = Message::new().text(1, name);
        match self {
            Attribute::Float(number) => message.float(2, *number).int(20, 1),
            Attribute::Int(number) => message.int(3, *number).int(20, 2),
            Attribute::Ints(numbers) => {
                numbers.iter().fold(message, |message, &number| message.int(8, number)).int(20, 7)
            }
        }
    }
}

/// `NodeProto`.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) operator: &'static str,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    /// Outputs behind the first.
    pub(super) more: Vec<String>,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
}

impl Node {
    pub(super) fn message(&self) -> Message {
        let message = self.inputs.iter().fold(Message::new(), |message, input| message.text(1, input));
        let message = message.text(2, &self.output);
        let message = self.more.iter().fold(message, |message, output| message.text(2, output));
        let message = message.text(3, &self.output).text(4, self.operator);
        let attributes = self.attributes.iter();
        attributes.fold(message, |message, (name, attribute)| message.message(5, &attribute.message(name)))
    }
}

/// `TensorProto`: numbers as they lie in memory, little-endian.
pub(super) fn tensor(name: &str, kind: i64, shape: &[usize], bytes: &[u8]) -> Message {
    let message = shape.iter().fold(Message::new(), |message, &length| message.int(1, length as i64));
    message.int(2, kind).text(8, name).bytes(9, bytes)
}

/// The length of an axis: known, or one that the name stands for.
pub(super) enum Dimension {
    Known(usize),
    Open(String),
}

/// `ValueInfoProto`: a name, a type of element and a shape.
pub(super) fn value(name: &str, kind: i64, shape: &[Dimension]) -> Message {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Known(length) => Message::new().int(1, *length as i64),
        Dimension::Open(name) => Message::new().text(2, name),
    };
    let shape = shape.iter().fold(Message::new(), |shape, axis| shape.message(1, &dimension(axis)));
    let tensor = Message::new().int(1, kind).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_the_guide_says() {
        // The examples of the encoding guide: field 1 is 150, field 2 the text "testing", field 3 a message.
        assert_eq!(Message::new().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(Message::new().text(2, "testing").into_bytes(), text);
        let inner = Message::new().int(1, 150);
        assert_eq!(Message::new().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::new().int(1, -2).into_bytes(), minus_two);
        assert_eq!(Message::new().float(2, 1.0).into_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
