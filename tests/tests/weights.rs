//! Weights files: saving and loading round-trip, and every kind of damage gives a helpful error.

use std::{fs, path::Path, process::Command, sync::mpsc, time::Duration};

use nn_core::{Error, Model, NetworkSpec, Scaling, Tensor, Trainer, optim::Sgd};
use proptest::prelude::*;
use safetensors::Dtype;
use serde_json::Value;
use tests::{
    close::assert_same_bits,
    data::{assert_error, batch, parameters, trained},
    parts::Parts,
};

const NETWORK: &str = "4 | dense 17 | relu | dense 3";

fn model() -> Model {
    let mut model = Model::new(trained(NETWORK, 1));
    model.scaling = Some(Scaling {
        mean: 0.1307,
        std: 0.308_1,
    });
    model.labels = ["Zero", "ein\n\"s\"", "二"].map(str::to_owned).to_vec();
    model.notes = [("preset", "mlp"), ("accuracy", "0.98")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    model
}

fn bytes() -> Vec<u8> {
    model().to_bytes().unwrap()
}

fn spec(text: &str) -> NetworkSpec {
    text.parse().unwrap()
}

/// A way to damage the value, and parts of the error message it gives.
type Case<T> = (fn(&mut T), &'static [&'static str]);

fn good() -> Parts {
    Parts::of(&bytes())
}

/// The file with its JSON header edited.
fn with_header(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    edit(&mut header);
    let header = header.to_string();
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        &bytes[8 + length..],
    ]
    .concat()
}

#[test]
fn a_model_round_trips_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        NETWORK,
        "1 | dense 1",
        "3x4x2 | dense 16 | relu | dense 33",
        "5x6x3 | conv 17 3x2 stride 2 pad 1 | relu | maxpool 2 stride 1 | conv 2 1x2 pad same nobias | dense 2",
        "3x4x2 | conv 17 2x2 nobias | batchnorm | relu | dense 5 | batchnorm",
        "5 | relu",
        "2x2x1 | flatten",
    ] {
        let path = folder.path().join("model.safetensors");
        let mut model = model();
        model.network = trained(text, 2);
        model.labels.resize(if text == NETWORK { 3 } else { 0 }, String::new());
        model.save(&path).unwrap();
        let again = Model::load(&path).unwrap();
        assert_eq!(again.network.spec(), model.network.spec());
        assert_same_bits(text, &parameters(&again.network), &parameters(&model.network));
        assert_eq!(again.network.tensors(), model.network.tensors());
        assert_eq!(
            (again.scaling, &again.labels, &again.notes),
            (model.scaling, &model.labels, &model.notes)
        );
        let inputs = batch(&model.network, 3, 2).0;
        let expected = model.network.predict(&inputs).unwrap();
        assert_same_bits(text, &again.network.predict(&inputs).unwrap(), &expected);
        let named = Model::load_as(&path, spec(text)).unwrap();
        assert_eq!(named.network.tensors(), model.network.tensors());
    }
}

#[test]
fn extreme_numbers_round_trip() {
    let mut model = model();
    let mut tensors = model.network.tensors();
    let hard = [f32::MIN_POSITIVE, 1e-45, -0.0, f32::MAX, f32::MIN, 1.0 + f32::EPSILON];
    tensors[0].values[..6].copy_from_slice(&hard);
    model.network.set_tensors(&tensors).unwrap();
    for scaling in [(f32::MAX, f32::MIN_POSITIVE), (-0.1, 1e-45), (1.0 / 3.0, f32::MAX)] {
        model.scaling = Some(Scaling {
            mean: scaling.0,
            std: scaling.1,
        });
        let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(again.scaling, model.scaling);
        assert_same_bits("weights", &parameters(&again.network), &parameters(&model.network));
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let expected = bytes();
    for _ in 0..20 {
        assert!(model().to_bytes().unwrap() == expected);
    }
    let again = Model::from_bytes(&expected).unwrap();
    assert!(again.to_bytes().unwrap() == expected, "after a round trip too");
    let data = u64::from_le_bytes(expected[..8].try_into().unwrap()) + 8;
    assert_eq!((data % 8, expected.len() as u64), (0, data + 4 * (17 * 5 + 3 * 18)));
}

#[test]
fn saving_is_atomic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, "something else").unwrap();
    let mut model = model();
    model.labels.pop();
    assert_error(model.save(&path), &["model.safetensors", "2 labels for 3 outputs"]);
    assert_eq!(fs::read(&path).unwrap(), b"something else");
    model.labels.clear();
    model.notes.insert("network".to_owned(), "mine".to_owned());
    assert_error(model.save(&path), &["model.safetensors", "\"network\""]);
    model.notes.clear();
    model.save(&path).unwrap();
    assert!(fs::read(&path).unwrap() == model.to_bytes().unwrap());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn an_unwritable_path_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/model.safetensors");
    assert_error(
        model().save(&missing),
        &["no/such/folder/model.safetensors", "cannot write"],
    );
    let taken = folder.path().join("folder");
    fs::create_dir(&taken).unwrap();
    assert_error(model().save(&taken), &["folder", "cannot write"]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn invalid_models_are_not_saved() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    // A step with a huge learning rate overflows.
    let mut trainer = Trainer::new(model().network, Sgd::new(f32::MAX), 8).unwrap();
    let (mut inputs, targets) = batch(trainer.network(), 3, 8);
    inputs.iter_mut().for_each(|value| *value *= 1e3);
    trainer.step(&inputs, &targets).unwrap();
    assert_error(Model::new(trainer.into_network()).to_bytes(), &["weight", "finite"]);
    for (mean, std) in bad
        .into_iter()
        .flat_map(|value| [(value, 1.0), (0.0, value)])
        .chain([(0.0, 0.0), (0.0, -1.0)])
    {
        let mut model = model();
        model.scaling = Some(Scaling { mean, std });
        assert_error(model.to_bytes(), &[if std == 1.0 { "mean" } else { "std" }]);
    }
}

#[test]
fn files_of_other_formats_are_refused_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    fs::write(path("short"), [3, 0, 0]).unwrap();
    fs::write(path("eight"), [0; 8]).unwrap();
    fs::write(
        path("text"),
        "784 | dense 10: text, and not a weights file.\n".repeat(9),
    )
    .unwrap();
    fs::write(
        path("gzip"),
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    )
    .unwrap();
    fs::write(path("zeros"), vec![0; 1000]).unwrap();
    fs::create_dir(path("folder")).unwrap();
    for (name, reason) in [
        ("missing", "cannot read the weights"),
        ("empty", "not a safetensors file"),
        ("short", "not a safetensors file"),
        ("eight", "not a safetensors file"),
        ("text", "not a safetensors file"),
        ("gzip", "not a safetensors file"),
        ("zeros", "not a safetensors file"),
        ("folder", "not a file"),
    ] {
        let full = path(name).display().to_string();
        assert_error(Model::load(path(name)), &[&full, reason]);
        assert_error(Model::load_as(path(name), spec(NETWORK)), &[&full, reason]);
    }
}

/// A sparse file of a header's length and zeros: it takes no space on disk.
#[test]
#[cfg(unix)]
fn a_file_larger_than_any_network_is_refused_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::write(&path, 100u64.to_le_bytes()).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(30_000_000_000)
        .unwrap();
    let message = ["large", "30000000000 bytes", "no network", "takes more than"];
    assert_error(Model::load(&path), &message);
}

/// Files of the proc file system report size 0 but have content.
#[test]
#[cfg(target_os = "linux")]
fn files_with_a_wrong_size_are_refused() {
    for path in ["/proc/self/auxv", "/proc/self/maps", "/dev/zero"] {
        if Path::new(path).exists() {
            assert_error(Model::load(path), &[path]);
        }
    }
}

/// Opening a pipe would wait for a writer.
#[test]
fn a_pipe_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    if !Command::new("mkfifo")
        .arg(&path)
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: mkfifo is not installed");
        return;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(Model::load(path).map(drop)).expect("the test waits"));
    let outcome = receiver.recv_timeout(Duration::from_secs(10)).expect("an answer");
    assert_error(outcome, &["pipe", "not a file"]);
}

#[test]
fn a_truncated_file_is_refused() {
    let bytes = bytes();
    let mut lengths: Vec<_> = (0..50).map(|part| bytes.len() * part / 50).collect();
    lengths.extend([1, 7, 8, 9, bytes.len() - 4, bytes.len() - 1]);
    for length in lengths {
        assert_error(Model::from_bytes(&bytes[..length]), &["safetensors"]);
    }
    let longer = [&bytes[..], &[0; 4]].concat();
    assert_error(Model::from_bytes(&longer), &["safetensors"]);
}

#[test]
fn a_wrong_header_length_is_refused() {
    let good = bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let length = u64::from_le_bytes(good[..8].try_into().unwrap());
    for wrong in [
        0,
        1,
        length - 8,
        length + 8,
        100_000_000,
        100_000_001,
        1 << 40,
        u64::MAX / 2,
        u64::MAX,
    ] {
        let bytes = [&wrong.to_le_bytes(), &good[8..]].concat();
        assert_error(Model::from_bytes(&bytes), &["safetensors"]);
        fs::write(&path, &bytes).unwrap();
        assert_error(Model::load(&path), &["model.safetensors"]);
    }
}

#[test]
fn a_corrupt_header_byte_is_refused_or_harmless() {
    let good = bytes();
    let (spec, tensors) = (model().network.spec().clone(), model().network.tensors());
    let end = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for position in 0..end {
        for flip in [0x01, 0x02, 0x10, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[position] ^= flip;
            match Model::from_bytes(&bytes) {
                // The byte is part of a label, a note or the scaling.
                Ok(model) => assert_eq!(
                    (model.network.spec(), model.network.tensors()),
                    (&spec, tensors.clone())
                ),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().len() > 20, "{error}");
                }
            }
        }
    }
    assert!(refused > end, "only {refused} of {} were refused", end * 5);
}

#[test]
fn tensors_that_do_not_match_the_network_are_named() {
    let cases: [Case<Parts>; 9] = [
        (
            |parts| parts.tensor("0.weight").1 = Dtype::I32,
            &["0.weight", "I32", "F32", ".float()"],
        ),
        (
            |parts| {
                parts.tensor("0.weight").1 = Dtype::F16;
                parts.tensor("0.weight").2 = vec![17, 8];
            },
            &["0.weight", "[17, 8]", "[17, 4]"],
        ),
        (
            |parts| parts.tensors.retain(|tensor| tensor.0 != "2.bias"),
            &["missing 2.bias"],
        ),
        (
            |parts| parts.tensor("2.bias").0 = "3.bias".to_owned(),
            &["3.bias", "no part of the network", "2.bias"],
        ),
        (
            |parts| {
                let extra = ("4.bias".to_owned(), Dtype::F32, vec![1], vec![0; 4]);
                parts.tensors.push(extra);
            },
            &["4.bias", "no part of the network"],
        ),
        (
            |parts| {
                parts.tensors.retain(|tensor| tensor.0 != "2.bias");
                parts.tensor("2.weight").2 = vec![3, 18];
                parts.tensor("2.weight").3.extend([0; 12]);
            },
            &["2.weight", "[3, 18]", "[3, 17]"],
        ),
        (
            |parts| parts.tensor("0.weight").2 = vec![4, 17],
            &["0.weight", "[4, 17]", "[17, 4]"],
        ),
        (
            |parts| parts.tensor("0.weight").2 = vec![68],
            &["0.weight", "[68]", "[17, 4]"],
        ),
        (|parts| parts.tensors.clear(), &["missing 0.weight", "2.bias"]),
    ];
    for (damage, message) in cases {
        let mut parts = good();
        damage(&mut parts);
        assert_error(Model::from_bytes(&parts.bytes()), message);
    }
    assert!(Model::from_bytes(&good().bytes()).is_ok());
}

#[test]
fn running_statistics_match_pytorch() {
    let text = "4 | dense 17 | batchnorm | dense 3";
    let network = trained(text, 3);
    let good = Parts::of(&Model::new(network.clone()).to_bytes().unwrap());
    let batches = (Dtype::I64, vec![], 3i64.to_le_bytes().to_vec());
    let entry = |name: &str| good.clone().tensor(name).clone();
    let (_, dtype, shape, bytes) = entry("1.num_batches_tracked");
    assert_eq!((dtype, shape, bytes), batches);
    assert_eq!(entry("1.running_var").2, [17]);

    // Old versions of PyTorch do not write `num_batches_tracked`.
    let mut old = good.clone();
    old.tensors.retain(|tensor| tensor.0 != "1.num_batches_tracked");
    let mut tensors = network.tensors();
    let count = tensors.iter_mut().find(|tensor| tensor.name == "1.num_batches_tracked");
    count.unwrap().values[0] = 0.0;
    assert_eq!(Model::from_bytes(&old.bytes()).unwrap().network.tensors(), tensors);

    let cases: [Case<Parts>; 5] = [
        (
            |parts| parts.tensors.retain(|tensor| tensor.0 != "1.running_mean"),
            &["1.running_mean", "missing"],
        ),
        (
            |parts| parts.tensor("1.running_var").3[4 * 5..4 * 6].copy_from_slice(&(-0.5f32).to_le_bytes()),
            &["1.running_var", "-0.5", "position 5", "at least 0"],
        ),
        (
            |parts| parts.tensor("1.num_batches_tracked").3 = (-1i64).to_le_bytes().to_vec(),
            &["1.num_batches_tracked", "-1", "at least 0"],
        ),
        (
            |parts| parts.tensor("1.num_batches_tracked").2 = vec![1],
            &["1.num_batches_tracked", "[1]", "[]"],
        ),
        (
            |parts| {
                let bias = parts.tensor("1.bias");
                (bias.1, bias.3) = (Dtype::I64, vec![0; 17 * 8]);
            },
            &["1.bias", "I64", "F32"],
        ),
    ];
    for (damage, message) in cases {
        let mut parts = good.clone();
        damage(&mut parts);
        assert_error(Model::from_bytes(&parts.bytes()), message);
    }
}

#[test]
fn a_description_of_other_layers_is_refused() {
    for other in [
        "4 | dense 17 | relu",
        "4 | dense 17 | dense 3",
        "4 | relu | dense 17 | relu | dense 3",
    ] {
        let mut parts = good();
        parts.set_metadata("network", other);
        assert_error(Model::from_bytes(&parts.bytes()), &["no part of the network", other]);
    }
}

#[test]
fn weights_that_are_not_finite_are_named() {
    for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut parts = good();
        parts.tensor("2.weight").3[5 * 4..6 * 4].copy_from_slice(&value.to_le_bytes());
        assert_error(Model::from_bytes(&parts.bytes()), &["2.weight", "position 5", "finite"]);
    }
}

#[test]
fn invalid_metadata_are_named() {
    for (key, value, message) in [
        ("labels", r#"["a","b"]"#, &["2 labels", "3 outputs"][..]),
        ("labels", r#"["a","b","c","d"]"#, &["4 labels", "3 outputs"]),
        ("labels", r#"["a","b",3]"#, &["labels", "list of strings"]),
        ("labels", "a, b, c", &["labels", "list of strings"]),
        ("std", "0", &["std", "above 0"]),
        ("std", "-1", &["std", "above 0"]),
        ("std", "1e-60", &["std", "above 0"]),
        ("std", "NaN", &["std", "NaN", "number"]),
        ("std", "inf", &["std", "inf", "number"]),
        ("mean", "1e60", &["mean", "1e60", "number"]),
        ("mean", "", &["mean", "number"]),
        ("mean", "a lot", &["mean", "a lot", "number"]),
        ("format_version", "2", &["format_version", "\"2\"", "newer"]),
        ("network", "", &["the input"]),
        ("network", "4 | lstm 3", &["layer 0", "lstm"]),
        ("network", "4 | dense 0", &["layer 0", "above 0"]),
        (
            "network",
            "5 | dense 17 | relu | dense 3",
            &["0.weight", "[17, 4]", "[17, 5]"],
        ),
        (
            "network",
            "4 | dense 16 | relu | dense 3",
            &["0.weight", "[17, 4]", "[16, 4]"],
        ),
        (
            "network",
            "32768 | dense 32000",
            &["32768", "parameters", "0.weight (F32, [17, 4])"],
        ),
        ("network", "99999999 | dense 99999999", &["2^30"]),
        ("network", "1073741824 | relu | dense 1", &["2^30"]),
    ] {
        let mut parts = good();
        parts.set_metadata(key, value);
        assert_error(Model::from_bytes(&parts.bytes()), message);
    }
}

#[test]
fn raw_pixels_are_scaled_to_the_bits_of_the_data_set() {
    let pixels: Vec<u8> = (0..=255).collect();
    let mut scaled = vec![0.0; pixels.len()];
    let mut model = Model::new(trained(NETWORK, 1));
    for scaling in [
        None,
        Some(Scaling {
            mean: 0.1307,
            std: 0.308_1,
        }),
    ] {
        model.scaling = scaling;
        let Scaling { mean, std } = scaling.unwrap_or_default();
        mnist_io::Scaling::new(mean, std)
            .unwrap()
            .scale_into(&pixels, &mut scaled);
        assert_same_bits("scaled pixels", &model.scale(&pixels), &scaled);
    }
    // A file says whether it names a scaling.
    for scaling in [None, Some(Scaling::default())] {
        model.scaling = scaling;
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap().scaling, scaling);
    }
}

#[test]
fn a_file_without_metadata_needs_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.safetensors");
    let mut parts = good();
    parts.metadata = [("format".to_owned(), "pt".to_owned())].into();
    fs::write(&path, parts.bytes()).unwrap();
    assert_error(Model::load(&path), &["foreign.safetensors", "Model::load_as", "--net"]);
    let model = Model::load_as(&path, spec(NETWORK)).unwrap();
    assert_eq!(model.network.tensors(), self::model().network.tensors());
    assert_eq!((model.scaling, model.labels.len()), (None, 0));
    assert_eq!(model.notes["format"], "pt");
    let wrong = "4 | dense 16 | relu | dense 3";
    assert_error(
        Model::load_as(&path, spec(wrong)),
        &["foreign.safetensors", wrong, "[17, 4]"],
    );
    // The network in the file takes precedence.
    fs::write(&path, bytes()).unwrap();
    assert_error(
        Model::load_as(&path, spec(wrong)),
        &["foreign.safetensors", NETWORK, wrong],
    );
}

#[test]
fn an_inconsistent_header_is_refused() {
    let good = bytes();
    let edits: [fn(&mut Value); 8] = [
        |header| header["0.weight"]["data_offsets"] = serde_json::json!([0, 4]),
        |header| header["0.weight"]["data_offsets"] = serde_json::json!([0, u64::MAX]),
        |header| header["0.weight"]["data_offsets"] = serde_json::json!([u64::MAX, 0]),
        |header| header["0.weight"]["shape"] = serde_json::json!([u64::MAX, u64::MAX]),
        |header| header["0.weight"]["shape"] = serde_json::json!([-17, -4]),
        |header| header["0.weight"]["dtype"] = serde_json::json!("F33"),
        |header| header["0.weight"] = header["0.bias"].clone(),
        |header| header["__metadata__"] = serde_json::json!([1, 2]),
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        assert!(Model::from_bytes(&with_header(&good, |_| {})).is_ok());
        let outcome = Model::from_bytes(&with_header(&good, edit));
        assert!(
            matches!(outcome, Err(Error::Weights { .. })),
            "edit {index}: {outcome:?}"
        );
        assert_error(outcome, &["safetensors"]);
    }
}

#[test]
fn a_failed_set_tensors_changes_nothing() {
    let mut network = trained(NETWORK, 4);
    let before = network.tensors();
    let cases: [Case<Vec<Tensor>>; 6] = [
        (|tensors| tensors.truncate(3), &["2.bias", "missing", "[3]"]),
        (|tensors| tensors.push(tensors[0].clone()), &["0.weight", "given twice"]),
        (
            |tensors| tensors[1].name = "1.bias".to_owned(),
            &["1.bias", "no part of the network", "0.bias"],
        ),
        (
            |tensors| tensors[2].shape = vec![17, 3],
            &["2.weight", "[17, 3]", "[3, 17]"],
        ),
        (|tensors| tensors[2].values.truncate(50), &["2.weight", "51", "50"]),
        (Vec::clear, &["0.weight", "missing"]),
    ];
    for (damage, message) in cases {
        let mut tensors = trained(NETWORK, 5).tensors();
        damage(&mut tensors);
        assert_error(network.set_tensors(&tensors), message);
        assert_eq!(network.tensors(), before);
    }
    let mut reversed = trained(NETWORK, 5).tensors();
    reversed.reverse();
    network.set_tensors(&reversed).unwrap();
    assert_eq!(network.tensors(), trained(NETWORK, 5).tensors(), "in any order");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damaged files give a model or an error, never a panic.
    #[test]
    fn random_damage_never_panics(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        inserted in proptest::collection::vec(any::<u8>(), 0..9),
        place in any::<proptest::sample::Index>(),
        length in prop_oneof![3 => Just(usize::MAX), 1 => 0..2000usize],
    ) {
        let mut bytes = bytes();
        for (position, value) in flips {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        let place = place.index(bytes.len());
        bytes.splice(place..place, inserted);
        bytes.truncate(length);
        let _ = Model::from_bytes(&bytes);
    }

    #[test]
    fn random_metadata_never_panic(key in "network|labels|mean|std|format_version", value in ".{0,30}") {
        let mut parts = good();
        parts.set_metadata(&key, &value);
        let _ = Model::from_bytes(&parts.bytes());
    }

    #[test]
    fn random_network_texts_never_panic(
        value in "([0-9x| ]{0,12}|[1-9]x[1-9]x[1-9])(dense|relu|flatten|conv|\\|| |[0-9]{1,20}|\
            \\| conv [0-9]{1,20} [1-3]x[1-3]( stride [1-9]{1,5})?( pad [1-9]{1,5})?){0,8}"
    ) {
        let mut parts = good();
        parts.set_metadata("network", &value);
        if let Ok(model) = Model::from_bytes(&parts.bytes()) {
            prop_assert_eq!(model.network.parameter_count(), 17 * 5 + 3 * 18);
        }
    }
}
