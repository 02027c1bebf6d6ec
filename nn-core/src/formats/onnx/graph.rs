//! The graph of an ONNX file: nodes, constant tensors, input and output.
//!
//! Field numbers are those of `onnx.proto`, <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use super::message::Message;
use crate::shape::Shape;

/// The name of the batch dimension.
const BATCH: &str = "batch";
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// The type of all values, `TensorProto.DataType.FLOAT`.
const FLOAT: i64 = 1;
/// The type of shapes, `TensorProto.DataType.INT64`.
const INT64: i64 = 7;

/// A graph under construction.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    initializers: Vec<Message>,
}

/// An operator applied to named values.
#[derive(Debug)]
pub(super) struct Node {
    operator: &'static str,
    inputs: Vec<String>,
    /// The name of the output, and of the node.
    output: String,
    attributes: Vec<Message>,
    /// What the node computes, for a reader.
    doc: String,
}

impl Node {
    /// A node without attributes.
    pub(super) fn new(operator: &'static str, inputs: &[&str], output: impl Into<String>) -> Self {
        Self {
            operator,
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.into(),
            attributes: Vec::new(),
            doc: String::new(),
        }
    }

    /// Adds an integer attribute.
    pub(super) fn int(self, name: &str, value: i64) -> Self {
        let value = Message::new().text(1, name).int(3, value).int(20, 2);
        self.attribute(value)
    }

    /// Adds a real attribute.
    pub(super) fn float(self, name: &str, value: f32) -> Self {
        let value = Message::new().text(1, name).float(2, value).int(20, 1);
        self.attribute(value)
    }

    /// Adds a text attribute.
    pub(super) fn text(self, name: &str, value: &str) -> Self {
        let value = Message::new().text(1, name).text(4, value).int(20, 3);
        self.attribute(value)
    }

    /// Adds an attribute of several sizes.
    pub(super) fn sizes(self, name: &str, values: &[usize]) -> Self {
        let named = Message::new().text(1, name);
        let values = values.iter().fold(named, |message, &value| message.size(8, value));
        self.attribute(values.int(20, 7))
    }

    /// Adds an attribute of a vertical and a horizontal size.
    pub(super) fn pair(self, name: &str, (height, width): (usize, usize)) -> Self {
        self.sizes(name, &[height, width])
    }

    fn attribute(mut self, attribute: Message) -> Self {
        self.attributes.push(attribute);
        self
    }

    fn encode(&self) -> Message {
        let inputs = self
            .inputs
            .iter()
            .fold(Message::new(), |message, input| message.text(1, input));
        inputs
            .text(2, &self.output)
            .text(3, &self.output)
            .text(4, self.operator)
            .messages(5, &self.attributes)
            .text(6, &self.doc)
    }
}

impl Graph {
    /// The graph's input.
    pub(super) fn input(&self) -> String {
        INPUT.to_owned()
    }

    /// Adds a node, which computes what `doc` says, and returns the name of its output.
    pub(super) fn push(&mut self, node: Node, doc: impl ToString) -> String {
        let output = node.output.clone();
        self.nodes.push(Node {
            doc: doc.to_string(),
            ..node
        });
        output
    }

    /// Adds a constant tensor of real numbers and returns its name.
    pub(super) fn floats(&mut self, name: String, shape: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = shape
            .iter()
            .fold(Message::new(), |message, &size| message.size(1, size));
        self.initializers
            .push(shape.int(2, FLOAT).text(8, &name).bytes(9, &bytes));
        name
    }

    /// Adds a constant vector of integers and returns its name.
    pub(super) fn integers(&mut self, name: String, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let vector = Message::new().size(1, values.len());
        self.initializers
            .push(vector.int(2, INT64).text(8, &name).bytes(9, &bytes));
        name
    }

    /// The encoded graph, whose output is the value `last`.
    pub(super) fn encode(mut self, input: (Shape, &str), last: &str, output: (Shape, &str)) -> Message {
        // No node reads the last value, so it can get another name.
        match self.nodes.iter_mut().find(|node| node.output == last) {
            Some(node) => OUTPUT.clone_into(&mut node.output),
            None => {
                self.push(Node::new("Identity", &[last], OUTPUT), "");
            }
        }
        let nodes: Vec<_> = self.nodes.iter().map(Node::encode).collect();
        Message::new()
            .messages(1, &nodes)
            .text(2, "network")
            .messages(5, &self.initializers)
            .message(11, &value_info(INPUT, input))
            .message(12, &value_info(OUTPUT, output))
    }
}

/// The name, shape and meaning of an input or output.
fn value_info(name: &str, (shape, doc): (Shape, &str)) -> Message {
    let batch = Message::new().message(1, &Message::new().text(2, BATCH));
    let shape = shape
        .sizes()
        .into_iter()
        .fold(batch, |message, size| message.message(1, &Message::new().size(1, size)));
    let tensor = Message::new().int(1, FLOAT).message(2, &shape);
    Message::new()
        .text(1, name)
        .message(2, &Message::new().message(1, &tensor))
        .text(3, doc)
}
