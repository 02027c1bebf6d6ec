//! Weights from elsewhere: half precision, other names, and a part of the tensors.

use nn_core::{
    Network,
    formats::{LoadOptions, Model},
};
use safetensors::Dtype;
use tests::{
    data::{assert_error, network, trained},
    parts::Parts,
};

const NETWORK: &str = "4 | dense 17 | relu | dense 3";
const NORM: &str = "5x4x2 | conv 3 2x2 nobias | batchnorm | relu | conv 3 2x2 | dense 3";

/// The file of a trained network, without metadata, and with its tensors renamed.
fn file(network: &Network, rename: impl Fn(&str) -> String) -> Parts {
    let mut parts = Parts::of(&Model::new(network.clone()).to_bytes().unwrap());
    parts.metadata.clear();
    for tensor in &mut parts.tensors {
        tensor.0 = rename(&tensor.0);
    }
    parts
}

/// The name with its layer replaced.
fn with_layers<'a>(layers: &'a [(&str, &str)]) -> impl Fn(&str) -> String + 'a {
    move |name| {
        let (layer, tensor) = name.split_once('.').unwrap();
        let (_, layer) = layers.iter().find(|(from, _)| *from == layer).unwrap();
        format!("{layer}.{tensor}")
    }
}

/// The upper half of each f32: bfloat16, rounded towards zero.
fn to_bf16(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks_exact(4).flat_map(|value| [value[2], value[3]]).collect()
}

#[test]
fn half_precision_weights_are_widened() {
    let spec: nn_core::NetworkSpec = NETWORK.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let original = trained(NETWORK, 1);
    let mut parts = file(&original, str::to_owned);
    for tensor in &mut parts.tensors {
        (tensor.1, tensor.3) = (Dtype::BF16, to_bf16(&tensor.3));
    }
    std::fs::write(&path, parts.bytes()).unwrap();
    let loaded = Model::load_as(&path, spec.clone()).unwrap().network;
    for (tensor, original) in loaded.tensors().iter().zip(original.tensors()) {
        let truncated = original
            .values
            .iter()
            .map(|value| f32::from_bits(value.to_bits() & 0xffff_0000));
        assert_eq!(tensor.values, truncated.collect::<Vec<_>>());
    }
    // The same values as F64, and those of one tensor as F16.
    let mut parts = file(&loaded, str::to_owned);
    for tensor in &mut parts.tensors {
        let values = tensor
            .3
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
        (tensor.1, tensor.3) = (
            Dtype::F64,
            values.flat_map(|value| f64::from(value).to_le_bytes()).collect(),
        );
    }
    let bias = parts.tensor("2.bias");
    (bias.1, bias.3) = (Dtype::F16, [0x3c00u16, 0xb800, 0x0001].map(u16::to_le_bytes).concat());
    std::fs::write(&path, parts.bytes()).unwrap();
    let mut expected = loaded.tensors();
    expected[3].values = vec![1.0, -0.5, f32::powi(2.0, -24)];
    assert_eq!(Model::load_as(&path, spec).unwrap().network.tensors(), expected);
}

#[test]
fn prefixes_are_stripped_and_layers_renamed() {
    let original = trained(NETWORK, 2);
    let names = [("0", "module.net.fc1"), ("2", "module.fc")];
    let bytes = file(&original, with_layers(&names)).bytes();
    let options = LoadOptions::new()
        .strip_prefix("module.")
        .rename("net.fc1", "0")
        .strip_prefix("absent.")
        // Not a part of `fc1`, which is renamed already, but of `fc`.
        .rename("fc", "2");
    let mut loaded = network(NETWORK, 3);
    let report = options.load_bytes_into(&mut loaded, &bytes).unwrap();
    assert_eq!(loaded.tensors(), original.tensors());
    let first = ("0.weight".to_owned(), "module.net.fc1.weight".to_owned());
    assert_eq!((report.loaded.len(), &report.loaded[0]), (4, &first));
    assert_eq!(report.to_string(), "4 of 4 tensors loaded");

    // A name is replaced only up to a dot.
    let mut unchanged = network(NETWORK, 3);
    let options = LoadOptions::new().rename("module.n", "0").rename("module.fc", "2");
    let outcome = options.load_bytes_into(&mut unchanged, &bytes);
    assert_error(outcome, &["missing 0.weight, 0.bias", "module.net.fc1.weight"]);
    // Two tensors of one name.
    let options = LoadOptions::new()
        .rename("module.net.fc1", "0")
        .rename("module.fc", "0");
    let outcome = options.load_bytes_into(&mut unchanged, &bytes);
    assert_error(
        outcome,
        &["module.net.fc1.bias", "module.fc.bias", "would both be 0.bias"],
    );
    assert_eq!(unchanged.tensors(), network(NETWORK, 3).tensors());
}

#[test]
fn errors_list_names_and_say_what_to_do() {
    let bytes = |prefix: &str| file(&trained(NETWORK, 4), |name| format!("{prefix}{name}")).bytes();
    let load = |bytes: &[u8]| LoadOptions::new().load_bytes_into(&mut network(NETWORK, 5), bytes);
    assert_error(
        load(&bytes("module.")),
        &[
            NETWORK,
            "missing 0.weight, 0.bias, 2.weight, 2.bias",
            "no part of the network module.0.bias",
            "strip the prefix \"module.\"",
            "LoadOptions::strip_prefix",
        ],
    );
    assert_error(
        load(&bytes("7.")),
        &["missing 0.weight", "7.0.weight", "rename tensors"],
    );
    // Half precision does not hide that names are wrong.
    let mut parts = file(&trained(NETWORK, 4), |name| format!("model.{name}"));
    for tensor in &mut parts.tensors {
        (tensor.1, tensor.3) = (Dtype::BF16, to_bf16(&tensor.3));
    }
    assert_error(
        load(&parts.bytes()),
        &["missing 0.weight", "strip the prefix \"model.\""],
    );
    // Many names are cut short.
    let many = "4 | dense 4 | dense 4 | dense 4 | dense 4 | dense 3";
    let outcome = LoadOptions::new().load_bytes_into(&mut network(many, 5), &bytes("module."));
    assert_error(
        outcome,
        &["missing 0.weight, 0.bias, 1.weight, 1.bias, 2.weight, 2.bias and 4 more"],
    );
    // A file names itself.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.safetensors");
    std::fs::write(&path, bytes("module.")).unwrap();
    let outcome = LoadOptions::new().load_into(&mut network(NETWORK, 5), &path);
    assert_error(outcome, &["foreign.safetensors", "missing 0.weight"]);
}

#[test]
fn layers_are_matched_by_their_shapes() {
    let original = trained(NORM, 6);
    // The file's names sort in another order than the network's.
    let names = [("0", "stem.conv"), ("1", "bn"), ("3", "body.conv"), ("5", "a.head")];
    let bytes = file(&original, with_layers(&names)).bytes();
    let mut loaded = network(NORM, 7);
    let report = LoadOptions::new()
        .by_shape()
        .load_bytes_into(&mut loaded, &bytes)
        .unwrap();
    assert_eq!(loaded.tensors(), original.tensors());
    assert!(
        report
            .loaded
            .contains(&("1.running_var".to_owned(), "bn.running_var".to_owned()))
    );

    let deep = "4 | dense 4 | dense 4 | dense 4";
    let original = trained(deep, 8);
    let load = |names: &[(&str, &str)], options: LoadOptions| {
        let mut loaded = network(deep, 9);
        let bytes = file(&original, with_layers(names)).bytes();
        options.load_bytes_into(&mut loaded, &bytes).map(|_| loaded.tensors())
    };
    let by_shape = || LoadOptions::new().by_shape();
    // 10 follows 9.
    let numbered = [("0", "h.2.fc"), ("1", "h.9.fc"), ("2", "h.10.fc")];
    assert_eq!(load(&numbered, by_shape()).unwrap(), original.tensors());
    // The order of words is unknown.
    let worded = [("0", "key"), ("1", "query"), ("2", "value")];
    assert_error(
        load(&worded, by_shape()),
        &[
            "3 layers (key, query, value)",
            "do not tell their order",
            "LoadOptions::rename",
        ],
    );
    let named = by_shape()
        .rename("key", "w0")
        .rename("query", "w1")
        .rename("value", "w2");
    assert_eq!(load(&worded, named).unwrap(), original.tensors());

    // Another number of layers of a shape, and a layer too many.
    let shallow = file(&trained("4 | dense 4 | dense 4", 8), str::to_owned).bytes();
    assert_error(
        by_shape().load_bytes_into(&mut network(deep, 9), &shallow),
        &[
            "3 layers (0, 1, 2)",
            "bias [4], weight [4, 4]",
            "the file has 2 layers (0, 1)",
        ],
    );
    let wide = file(&trained("4 | dense 4 | dense 5", 8), str::to_owned).bytes();
    let outcome = by_shape().load_bytes_into(&mut network("4 | dense 4", 9), &wide);
    assert_error(outcome, &["no part of the network 1.bias, 1.weight"]);
}

#[test]
fn a_part_is_loaded_and_the_rest_is_reported() {
    let original = trained(NETWORK, 10);
    let names = [("0", "0"), ("2", "2")];
    let mut parts = file(&original, with_layers(&names));
    parts.tensors.push(("ids".to_owned(), Dtype::I64, vec![2], vec![0; 16]));
    parts.tensors.retain(|tensor| tensor.0 != "0.bias");
    let bytes = parts.bytes();
    let text = "4 | dense 17 | relu | dense 5";
    let mut loaded = network(text, 11);
    let report = LoadOptions::new()
        .partial()
        .load_bytes_into(&mut loaded, &bytes)
        .unwrap();
    let mut expected = network(text, 11).tensors();
    expected[0].values = original.tensors()[0].values.clone();
    assert_eq!(loaded.tensors(), expected);
    assert_eq!(
        report.to_string(),
        "1 of 4 tensors loaded; missing 0.bias; of another shape 2.weight ([3, 17] in the file, [5, 17] in the \
         network), 2.bias ([3] in the file, [5] in the network); no part of the network ids"
    );
    assert_eq!(
        (report.missing, report.unexpected),
        (vec!["0.bias".to_owned()], vec!["ids".to_owned()])
    );
    // By shape, the layers of other shapes are left.
    let partial = LoadOptions::new().by_shape().partial();
    let shuffled = file(&original, with_layers(&[("0", "2"), ("2", "0")])).bytes();
    let mut loaded = network(text, 11);
    let report = partial.load_bytes_into(&mut loaded, &shuffled).unwrap();
    assert_eq!(loaded.tensors()[..2], original.tensors()[..2]);
    assert_eq!(
        (report.loaded.len(), report.missing.len(), report.unexpected.len()),
        (2, 2, 2)
    );

    // Nothing at all, and a tensor of an unreadable type, are errors.
    let outcome = LoadOptions::new()
        .partial()
        .load_bytes_into(&mut network("7 | dense 2", 1), &bytes);
    assert_error(
        outcome,
        &["nothing matches the network 7 | dense 2", "0 of 2 tensors loaded"],
    );
    parts.tensor("2.weight").1 = Dtype::I32;
    let outcome = LoadOptions::new()
        .partial()
        .load_bytes_into(&mut loaded, &parts.bytes());
    assert_error(outcome, &["2.weight", "I32"]);
}

#[test]
fn a_failed_load_changes_nothing() {
    let mut parts = file(&trained(NETWORK, 12), str::to_owned);
    parts.tensor("2.bias").3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let mut loaded = network(NETWORK, 13);
    for options in [LoadOptions::new(), LoadOptions::new().partial()] {
        assert_error(
            options.load_bytes_into(&mut loaded, &parts.bytes()),
            &["2.bias", "finite"],
        );
        assert_eq!(loaded.tensors(), network(NETWORK, 13).tensors());
    }
}

#[test]
fn a_checkpoint_loads_as_weights() {
    let network = trained(NETWORK, 14);
    let trainer = nn_core::Trainer::new(network.clone(), nn_core::optim::Adam::new(0.1), 1).unwrap();
    let bytes = trainer.checkpoint(nn_core::Cursor::default()).unwrap();
    let mut loaded = tests::data::network(NETWORK, 15);
    let report = LoadOptions::new().load_bytes_into(&mut loaded, &bytes).unwrap();
    assert_eq!((loaded.tensors(), report.loaded.len()), (network.tensors(), 4));
}
