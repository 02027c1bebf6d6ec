//! ONNX files: their structure, as a reader of Protocol Buffers sees it, and the mistakes that are refused.
//!
//! `UPDATE_SNAPSHOTS=1` rewrites `golden/onnx.txt`; `tests/random_networks.py` runs such files in onnxruntime.

use std::{fmt::Write, fs, path::Path};

use nn_core::{
    CustomBackward, CustomLayer, Network, NetworkSpec, Shape,
    formats::{Model, OnnxOptions, Scaling},
};
use tests::{
    close::{Tolerance, assert_close},
    data::{assert_error, trained},
};

/// Networks whose graphs are in `golden/onnx.txt`.
const NETWORKS: [&str; 8] = [
    "4 | dense 3",
    "5x4x2 | conv 3 2x3 stride 2 pad 1 | leakyrelu 0.25 | conv 4 2x4 pad same nobias | gelu | flatten",
    "6x5x1 | batchnorm | conv 2 3x3 nobias | batchnorm | relu | maxpool 2 stride 1 | dense 4 | batchnorm | tanh | dropout \
     0.5 | dense 2 | sigmoid",
    "6x6x2 | avgpool 2 | maxpool 2 | globalavgpool | flatten",
    "3 | dropout 0.5",
    "4x4x2 | conv 3 3x3 pad 1 | add(conv 3 1x1 | batchnorm; concat(; relu) | conv 3 1x1) | concat(dropout 0.5; tanh; sigmoid)",
    "9x8x4 | conv 8 3x3 stride 2x1 pad 0x1 dilation 2 groups 4 | layernorm | silu | maxpool 2 pad 1x0 | upsample 2 | elu",
    "12 | dense 16 nobias | layernorm | softplus | reshape 2x2x4 | avgpool 2 stride 1 pad 1 | reshape 4x3x3",
];

// ------------------------------------------------------------------------------------------- reading the wire format

enum Value<'a> {
    Int(i64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// A message: its fields with their numbers.
struct Message<'a>(Vec<(u64, Value<'a>)>);

impl<'a> Message<'a> {
    fn parse(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Int(varint(&mut bytes) as i64),
                2 => {
                    let len = varint(&mut bytes) as usize;
                    Value::Bytes(take(&mut bytes, len))
                }
                5 => Value::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
                wire_type => panic!("wire type {wire_type}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    fn all(&self, field: u64) -> impl Iterator<Item = &Value<'a>> {
        self.0
            .iter()
            .filter(move |(number, _)| *number == field)
            .map(|(_, value)| value)
    }

    fn messages(&self, field: u64) -> impl Iterator<Item = Message<'a>> {
        self.all(field).map(|value| Self::parse(value.bytes()))
    }

    fn message(&self, field: u64) -> Message<'a> {
        self.messages(field).next().expect("the message")
    }

    fn texts(&self, field: u64) -> Vec<&'a str> {
        let texts = self.all(field).map(|value| std::str::from_utf8(value.bytes()).unwrap());
        texts.collect()
    }

    fn text(&self, field: u64) -> &'a str {
        self.texts(field).first().copied().unwrap_or_default()
    }

    fn ints(&self, field: u64) -> Vec<i64> {
        let ints = self.all(field).map(|value| match value {
            Value::Int(value) => *value,
            _ => panic!("field {field} is no integer"),
        });
        ints.collect()
    }
}

impl<'a> Value<'a> {
    fn bytes(&self) -> &'a [u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            _ => panic!("not bytes"),
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

// ------------------------------------------------------------------------------------------------ reading the model

/// The constant tensors: name, shape, bytes.
fn initializers<'a>(graph: &Message<'a>) -> Vec<(&'a str, Vec<i64>, &'a [u8])> {
    let tensor = |tensor: Message<'a>| {
        let data = tensor.all(9).next().unwrap().bytes();
        (tensor.text(8), tensor.ints(1), data)
    };
    graph.messages(5).map(tensor).collect()
}

fn values(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

/// The file as text, without the values of its tensors.
fn describe(bytes: &[u8]) -> String {
    let model = Message::parse(bytes);
    let graph = model.message(7);
    let opset = model.message(8).ints(2)[0];
    let mut text = format!("IR {}, opset {opset}: {}\n", model.ints(1)[0], model.text(6));
    for entry in model.messages(14) {
        writeln!(text, "  {} = {}", entry.text(1), entry.text(2)).unwrap();
    }
    for (kind, field) in [("input", 11), ("output", 12)] {
        for value in graph.messages(field) {
            writeln!(text, "  {kind} {} {} {}", value.text(1), shape(&value), value.text(3)).unwrap();
        }
    }
    for (name, shape, data) in initializers(&graph) {
        writeln!(text, "  tensor {name} {shape:?} of {} bytes", data.len()).unwrap();
    }
    for node in graph.messages(1) {
        let (inputs, outputs) = (node.texts(1).join(", "), node.texts(2).join(", "));
        let attributes: String = node
            .messages(5)
            .map(|attribute| format!(" {}", self::attribute(&attribute)))
            .collect();
        writeln!(
            text,
            "  {outputs} = {}({inputs}){attributes} # {}",
            node.text(4),
            node.text(6)
        )
        .unwrap();
    }
    text
}

fn attribute(attribute: &Message<'_>) -> String {
    let name = attribute.text(1);
    match attribute.ints(20)[0] {
        1 => match attribute.all(2).next() {
            Some(Value::Float(value)) => format!("{name}={value}"),
            _ => panic!("{name} is no float"),
        },
        2 => format!("{name}={}", attribute.ints(3)[0]),
        3 => format!("{name}={:?}", attribute.text(4)),
        7 => format!("{name}={:?}", attribute.ints(8)),
        other => panic!("attribute type {other}"),
    }
}

fn shape(value: &Message<'_>) -> String {
    let dimensions = value.message(2).message(1).message(2);
    let sizes = dimensions.messages(1).map(|size| match size.text(2) {
        "" => size.ints(1)[0].to_string(),
        name => name.to_owned(),
    });
    format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
}

// ------------------------------------------------------------------------------------------------------------- tests

fn model(text: &str) -> Model {
    Model::new(trained(text, 1))
}

#[test]
fn graphs_are_as_recorded() {
    let mut text = String::new();
    for network in NETWORKS {
        for (what, options) in [
            ("as it is", OnnxOptions::new()),
            ("folded", OnnxOptions::new().fold_batch_norms().scale_inputs()),
        ] {
            let mut model = model(network);
            if model.network.spec().outputs() == 2 {
                model.labels = ["cat", "dog"].map(str::to_owned).to_vec();
            }
            model.scaling = Some(Scaling { mean: 0.25, std: 0.5 });
            model.notes.insert("seed".to_owned(), "7".to_owned());
            let bytes = model.to_onnx(options).unwrap();
            assert!(bytes == model.to_onnx(options).unwrap(), "the same bytes");
            writeln!(text, "{what}: {}", describe(&bytes)).unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        text,
        fs::read_to_string(&path).unwrap(),
        "review, and set UPDATE_SNAPSHOTS=1"
    );
}

#[test]
fn tensors_are_those_of_the_network() {
    for text in NETWORKS {
        let model = model(text);
        let bytes = model.to_onnx(OnnxOptions::new()).unwrap();
        let graph = Message::parse(&bytes).message(7);
        let mut expected = model.network.tensors();
        expected.retain(|tensor| !tensor.name.ends_with("num_batches_tracked"));
        let mut written = initializers(&graph);
        // Settings that ONNX takes as constant inputs.
        written.retain(|(name, ..)| !name.ends_with(".scales") && !name.ends_with(".shape"));
        assert_eq!(written.len(), expected.len(), "{text}");
        for (tensor, (name, shape, data)) in expected.iter().zip(written) {
            assert_eq!((name, values(data)), (tensor.name.as_str(), tensor.values.clone()));
            assert!(shape.iter().map(|&size| size as usize).eq(tensor.shape.iter().copied()));
        }
    }
}

/// A convolution of one pixel, so that its output is the folded bias plus the folded weight times the input.
#[test]
fn batch_normalization_is_folded() {
    let model = model("1x1x1 | conv 17 1x1 | batchnorm | flatten");
    let bytes = model.to_onnx(OnnxOptions::new().fold_batch_norms()).unwrap();
    let graph = Message::parse(&bytes).message(7);
    let [(_, _, weight), (_, _, bias)] = initializers(&graph)[..] else {
        panic!("weight and bias")
    };
    let outputs = |input: f32| model.network.predict(&[input]).unwrap();
    let (weight, bias) = (values(weight), values(bias));
    let sums: Vec<f32> = weight.iter().zip(&bias).map(|(weight, bias)| weight + bias).collect();
    assert_close("bias", &bias, &outputs(0.0), Tolerance::new(1e-7, 1e-6));
    assert_close("weight + bias", &sums, &outputs(1.0), Tolerance::new(1e-7, 1e-6));
}

#[derive(Debug)]
struct Double;

impl CustomLayer for Double {
    fn text(&self) -> String {
        "double".to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn forward(&self, _input: Shape, _parameters: &[f32], x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = 2.0 * x;
        }
    }

    fn backward(&self, _input: Shape, _pass: CustomBackward<'_>) {}
}

#[test]
fn layers_of_the_users_own_are_refused() {
    let branches = [NetworkSpec::branch(), NetworkSpec::branch().dense(2).custom(Double)];
    let spec = NetworkSpec::builder(Shape::features(2))
        .dense(2)
        .add(branches)
        .build()
        .unwrap();
    let model = Model::new(Network::new(spec, 1).unwrap());
    assert_error(
        model.to_onnx(OnnxOptions::new()),
        &["layer 1.1.1 (double)", "ONNX has no operator"],
    );
}

#[test]
fn invalid_models_are_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, "old").unwrap();
    let save = |model: &Model| model.save_onnx(&path, OnnxOptions::new());
    let good = model("4 | dense 3");
    let mut bad = good.clone();
    bad.labels = vec!["one".to_owned()];
    assert_error(save(&bad), &["model.onnx", "1 label for 3 outputs"]);
    let mut bad = good.clone();
    bad.notes.insert("labels".to_owned(), "mine".to_owned());
    assert_error(save(&bad), &["model.onnx", "\"labels\""]);
    let mut bad = good.clone();
    bad.scaling = Some(Scaling { mean: 0.0, std: 0.0 });
    assert_error(save(&bad), &["model.onnx", "std"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let missing = folder.path().join("missing/model.onnx");
    assert_error(
        good.save_onnx(&missing, OnnxOptions::new()),
        &["missing/model.onnx", "cannot write the ONNX file"],
    );
    save(&good).unwrap();
    assert!(fs::read(&path).unwrap() == good.to_onnx(OnnxOptions::new()).unwrap());
}
