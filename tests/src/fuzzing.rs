//! What fuzzing checks: for any bytes, a reader gives a value that survives its own writer, or an error.
//!
//! The targets in `fuzz/` call these functions, and the test `corpus` calls them with every file in `fuzz/corpus/`.

use std::{cell::RefCell, fs, path::Path};

use digit_pad::{
    app::settings::Settings,
    drawing::file::Drawing,
    imaging::image_file,
    recognition::{
        recognizer::Recognizer,
        segmentation::{segment_image, segment_ink},
    },
    teaching::examples::Examples,
    ui::ZOOMS,
};
use mnist_io::{Dataset, Idx};
use nn_core::{
    Kernel, Model, Network, NetworkSpec, Trainer,
    formats::LoadOptions,
    gemm::{MatMut, MatRef, gemm_with},
    loss::MeanSquaredError,
    optim::Adam,
};
use tempfile::TempDir;

use crate::{
    close::compare_ieee,
    naive::{self, Layout},
};

/// What checks any bytes.
pub type Target = fn(&[u8]);

/// Names of the targets, and what they call.
pub const TARGETS: [(&str, Target); 10] = [
    ("checkpoint", checkpoint),
    ("csv", csv),
    ("idx", idx),
    ("photo", photo),
    ("product", product),
    ("safetensors", safetensors),
    ("settings", settings),
    ("strokes", strokes),
    ("teaching", teaching),
    ("text", text),
];

/// Most parameters, and most values of a layer, of a network that is run.
const SMALL: usize = 10_000;
/// Most multiply-adds for a sample of a network that is run.
const QUICK: usize = 1_000_000;

thread_local! {
    static RECOGNIZER: RefCell<Recognizer> = RefCell::new(Recognizer::embedded().expect("the built-in model"));
    /// In memory where there is such a folder.
    static FOLDER: TempDir =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for files");
}

/// An IDX file, gzipped or not.
pub fn idx(data: &[u8]) {
    let Ok(read) = Idx::from_bytes(data) else { return };
    let written = idx_bytes(&read);
    let again = Idx::from_bytes(&written).expect("what was written");
    assert_eq!(idx_bytes(&again), written);
}

fn idx_bytes(idx: &Idx) -> Vec<u8> {
    let mut bytes = Vec::new();
    idx.write_to(&mut bytes).expect("memory");
    bytes
}

/// A CSV file of images.
pub fn csv(data: &[u8]) {
    let Ok(read) = Dataset::read_csv(data, None) else {
        return;
    };
    let classes = read.classes();
    assert!(read.labels().iter().all(|&label| label < classes));
    assert_eq!(read.image(read.len() - 1).len(), read.shape().len());
}

/// A weights file.
pub fn safetensors(data: &[u8]) {
    let mut network = Network::zeroed("3 | dense 2".parse().expect("a network")).expect("a network");
    let _ = LoadOptions::new().partial().load_bytes_into(&mut network, data);
    let _ = LoadOptions::new().by_shape().load_bytes_into(&mut network, data);
    let Ok(model) = Model::from_bytes(data) else { return };
    let written = model.to_bytes().expect("a model that was read");
    let again = Model::from_bytes(&written).expect("what was written");
    assert_eq!(again.to_bytes().expect("a model that was read"), written);
    run(&model.network);
}

/// A checkpoint, from which a small network takes a step.
pub fn checkpoint(data: &[u8]) {
    let Ok((mut trainer, cursor)) = Trainer::resume_from(data, 2) else {
        return;
    };
    let written = trainer.checkpoint(cursor).expect("a trainer that was resumed");
    let (again, same) = Trainer::resume_from(&written, 2).expect("what was written");
    assert_eq!(same, cursor);
    assert_eq!(again.checkpoint(cursor).expect("a trainer that was resumed"), written);
    if is_small(trainer.network()) {
        let inputs = vec![0.5; 2 * trainer.network().spec().input().len()];
        let _ = trainer.step(&inputs, &[0, 1]);
    }
}

/// The text form of a network; a small one takes a step.
pub fn text(data: &[u8]) {
    let Some(spec) = str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<NetworkSpec>().ok())
    else {
        return;
    };
    let printed = spec.to_string();
    assert_eq!(printed.parse::<NetworkSpec>().expect(&printed), spec);
    if spec.parameter_count() <= SMALL
        && let Ok(network) = Network::new(spec, 1)
    {
        run(&network);
    }
}

/// Predicts and takes a step, if the network is small.
fn run(network: &Network) {
    if !is_small(network) {
        return;
    }
    let (input, outputs) = (network.spec().input().len(), network.spec().outputs());
    let inputs: Vec<f32> = (0..2 * input).map(|index| (index % 7) as f32 * 0.25 - 0.5).collect();
    if let Ok(outcome) = network.predict(&inputs) {
        assert_eq!(outcome.len(), 2 * outputs);
    }
    let trainer =
        Trainer::new(network.clone(), Adam::new(0.01), 2).and_then(|trainer| trainer.with_loss(MeanSquaredError));
    if let Ok(mut trainer) = trainer {
        let _ = trainer.step(&inputs, &vec![0.25; 2 * outputs][..]);
    }
}

fn is_small(network: &Network) -> bool {
    let summary = network.summary();
    let mut values = summary.layers.iter().map(|layer| layer.output.len());
    summary.parameters <= SMALL
        && summary.multiply_adds <= QUICK
        && summary.input.len() <= SMALL
        && values.all(|values| values <= SMALL)
}

/// Lines of drawings, which are read as digits and as numbers.
pub fn strokes(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for drawing in text.lines().filter_map(|line| Drawing::from_json(line).ok()) {
        let written = drawing.to_json();
        assert_eq!(Drawing::from_json(&written).expect(&written), drawing);
        RECOGNIZER.with_borrow_mut(|recognizer| {
            let ink = drawing.ink.fit();
            let prediction = recognizer.read_ink(&ink).expect("a drawing has ink");
            assert!(prediction.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            segment_ink(&ink, recognizer);
        });
    }
}

/// A file of examples.
pub fn teaching(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("examples.jsonl");
        fs::write(&path, data).expect("a file");
        let _ = Examples::load_labeled(&path);
        let Ok(read) = Examples::load(&path) else { return };
        read.save(&path).expect("a file");
        assert_eq!(Examples::load(&path).expect("what was written"), read);
    });
}

/// A file of settings.
pub fn settings(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let read = Settings::from_json(text);
    assert!(read.zoom_index < ZOOMS.len() && read.width.max(read.height) <= 8192);
}

/// An image file, which is read as a digit and as a number.
pub fn photo(data: &[u8]) {
    let Ok(loaded) = image_file::from_bytes(data, Path::new("photo")) else {
        return;
    };
    RECOGNIZER.with_borrow_mut(|recognizer| {
        if let Some(prediction) = recognizer.read_image(&loaded.image) {
            assert!(prediction.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        segment_image(&loaded.image, recognizer);
    });
}

/// A matrix product of any sizes, strides and values, on every kernel against f64.
pub fn product(data: &[u8]) {
    let Some((&[m, n, k, storage, factors], values)) = data.split_first_chunk() else {
        return;
    };
    let size = |byte: u8| usize::from(byte % 72);
    let (m, n, k) = (size(m), size(n), size(k));
    let layout = |rows, cols, storage| {
        let (row_stride, col_stride) =
            [(cols, 1), (1, rows), (cols + 3, 1), (2 * cols + 1, 2)][usize::from(storage % 4)];
        Layout {
            rows,
            cols,
            row_stride,
            col_stride,
        }
    };
    let (a, b, c) = (
        layout(m, k, storage),
        layout(k, n, storage >> 2),
        layout(m, n, storage >> 4),
    );
    let factor = |bits: u8| [0.0, 1.0, -1.0, 0.5, 2.5, -0.75, 1e-3, 3.0][usize::from(bits % 8)];
    let (alpha, beta) = (factor(factors), factor(factors >> 3));
    let mut bytes = values.iter().copied().cycle();
    let mut matrix = |len| {
        (0..len)
            .map(|_| number(bytes.next().unwrap_or(1)))
            .collect::<Vec<f32>>()
    };
    let (a_values, b_values, c_values) = (matrix(a.span()), matrix(b.span()), matrix(c.span()));
    let expected = naive::gemm(alpha, (&a_values, a), (&b_values, b), beta, (&c_values, c));
    for kernel in Kernel::available() {
        let mut actual = c_values.clone();
        let view = |values, l: Layout| MatRef::new(values, l.rows, l.cols, l.row_stride, l.col_stride).expect("a view");
        let target = MatMut::new(&mut actual, c.rows, c.cols, c.row_stride, c.col_stride).expect("a view");
        gemm_with(kernel, alpha, view(&a_values, a), view(&b_values, b), beta, target).expect("sizes that fit");
        if let Err(mismatch) = compare_ieee(&actual, &expected.values, &expected.rounding) {
            panic!("{kernel}: {alpha}·{a:?}·{b:?} + {beta}·{c:?}: {mismatch}");
        }
    }
}

/// Many numbers, among them zeros, NaN and infinity.
fn number(byte: u8) -> f32 {
    match byte {
        0x80 => f32::NAN,
        0x7f => f32::INFINITY,
        _ => f32::from(byte as i8) / 12.0,
    }
}
