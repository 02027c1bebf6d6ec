//! Files that claim more than they hold, or hold more than they may: refused before memory is taken for them. On a file
//! system with sparse files they take no space.
#![cfg(target_os = "linux")]

use std::{fmt::Write as _, fs, fs::File, io::Write as _, path::Path};

use mnist_io::{Dataset, Idx};
use nn_core::{Cursor, Model, Network, Trainer, formats::LoadOptions, optim::Adam};
use serde_json::{Value, json};

const NETWORK: &str = "4 | dense 17 | relu | dense 3";
/// The length of a sparse file.
const LARGE: u64 = 3 << 30;
/// Memory that a refusal may take, in kB.
const LIMIT: u64 = 100_000;

/// The peak memory of this process in kB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse().unwrap()
}

/// A file with these bytes, and then zeros up to `length`.
fn sparse(path: &Path, start: &[u8], length: u64) {
    let mut file = File::create(path).unwrap();
    file.write_all(start).unwrap();
    file.set_len(length).unwrap();
}

fn refused<T>(what: &str, outcome: Result<T, impl std::fmt::Display>) {
    let message = outcome.err().expect(what).to_string();
    let peak = peak();
    assert!(peak < LIMIT, "{what}: {peak} kB at the most ({message})");
    assert!((20..2000).contains(&message.len()), "{what}: {message}");
}

/// A weights file with its JSON header edited: its length and the header, and the values.
fn edited(bytes: &[u8], edit: impl FnOnce(&mut Value, u64)) -> (Vec<u8>, &[u8]) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, values) = bytes[8..].split_at(length);
    let mut header = serde_json::from_slice(header).unwrap();
    edit(&mut header, values.len() as u64);
    (with_length(&header.to_string()), values)
}

fn with_length(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

/// One test, since all share the peak of the process.
#[test]
fn hostile_files_are_refused_before_memory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let network = Network::new(NETWORK.parse().unwrap(), 1).unwrap();
    let trainer = Trainer::new(network.clone(), Adam::new(0.01), 4).unwrap();
    let weights = Model::new(network.clone()).to_bytes().unwrap();
    let checkpoint = trainer.checkpoint(Cursor::default()).unwrap();
    let all = |what: &str| {
        refused(what, Model::load(&path));
        refused(what, Model::load_as(&path, NETWORK.parse().unwrap()));
        refused(what, LoadOptions::new().load_into(&mut network.clone(), &path));
        refused(
            what,
            LoadOptions::new().by_shape().load_into(&mut network.clone(), &path),
        );
        refused(what, Trainer::resume(&path, 4));
    };

    sparse(&path, &weights, LARGE);
    all("a header that describes less than the file");

    let large = json!({"dtype": "U8", "shape": [LARGE], "data_offsets": [0, LARGE]});
    let (start, _) = edited(&weights, |header, _| {
        let header = header.as_object_mut().unwrap();
        header.retain(|name, _| name == "__metadata__");
        header.insert("0.weight".to_owned(), large);
    });
    sparse(&path, &start, start.len() as u64 + LARGE);
    all("a large tensor that does not fit the network");

    let (start, values) = edited(&checkpoint, |header, end| {
        header["training.first.9.weight"] =
            json!({"dtype": "U8", "shape": [LARGE], "data_offsets": [end, end + LARGE]});
    });
    let start = [&start, values].concat();
    sparse(&path, &start, start.len() as u64 + LARGE);
    refused("a large tensor in a checkpoint", Trainer::resume(&path, 4));

    let mut header = format!(r#"{{"__metadata__":{{"network":"{NETWORK}""#);
    for index in 0..1_000_000 {
        write!(header, r#","{index}":"""#).unwrap();
    }
    header.push_str("}}");
    fs::write(&path, with_length(&header)).unwrap();
    drop(header);
    all("a million entries of metadata");

    let idx = folder.path().join("images-idx3-ubyte");
    sparse(&idx, &[0, 0, 8, 3, 0, 0, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 28], LARGE);
    refused("an IDX file that is longer than its header says", Idx::open(&idx));
    sparse(
        &idx,
        &[0, 0, 8, 3, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 28],
        4096,
    );
    refused("an IDX file that is shorter than its header says", Idx::open(&idx));

    let csv = folder.path().join("images.csv");
    sparse(&csv, b"1,2,3\n2,", LARGE);
    refused("a CSV file with an endless line", Dataset::open_csv(&csv, None));
}
