//! The files in `data/`: they are MNIST, and they are read as such.

use std::{fmt::Write, fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use mnist_io::{Dataset, ImageShape, Mnist, Split};
use sha2::{Digest, Sha256};

const TRAIN_COUNTS: [usize; 10] = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
const TEST_COUNTS: [usize; 10] = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];

fn data_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}

/// Reads a split from the folder of its crate.
fn open_split(split: Split) -> Dataset {
    let folder = match split {
        Split::Train => "train",
        Split::Test => "test",
    };
    Mnist::open_split(data_dir().join(folder), split).unwrap()
}

#[test]
fn files_have_the_expected_checksums() {
    let sums = fs::read_to_string(data_dir().join("SHA256SUMS")).unwrap();
    let files = [
        ("t10k-images-idx3-ubyte", mnist_io_test::IMAGES),
        ("t10k-labels-idx1-ubyte", mnist_io_test::LABELS),
        ("train-images-idx3-ubyte", mnist_io_train::IMAGES),
        ("train-labels-idx1-ubyte", mnist_io_train::LABELS),
    ];
    assert_eq!(sums.lines().count(), files.len());
    for (line, (name, packed)) in sums.lines().zip(files) {
        let mut bytes = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        let sum = Sha256::digest(&bytes).iter().fold(String::new(), |mut sum, byte| {
            write!(sum, "{byte:02x}").unwrap();
            sum
        });
        assert_eq!(line, format!("{sum}  {name}"));
    }
}

fn check(dataset: &Dataset, counts: [usize; 10], first_labels: [usize; 5]) {
    assert_eq!(dataset.len(), counts.iter().sum::<usize>());
    assert_eq!(dataset.shape(), ImageShape::gray(28, 28).unwrap());
    assert!(dataset.is_digits());
    assert_eq!(dataset.class_counts(), counts);
    assert_eq!(dataset.labels()[..5], first_labels);
}

#[test]
fn data_set_is_mnist() {
    check(&open_split(Split::Train), TRAIN_COUNTS, [5, 0, 4, 1, 9]);
    check(&open_split(Split::Test), TEST_COUNTS, [7, 2, 1, 0, 4]);
}

#[cfg(feature = "embedded")]
#[test]
fn embedded_data_set_equals_the_files() {
    let Mnist { train, test } = Mnist::embedded().unwrap();
    assert_eq!(train, open_split(Split::Train));
    assert_eq!(test, open_split(Split::Test));
    assert_eq!(Mnist::embedded_split(Split::Test).unwrap(), test);
}

#[test]
fn mnist_scaling_gives_mean_0_and_standard_deviation_1() {
    let train = open_split(Split::Train);
    let mut scaled = vec![0.0; train.shape().len()];
    let (mut sum, mut squares) = (0.0, 0.0);
    for index in 0..train.len() {
        mnist_io::Scaling::MNIST.scale_into(train.image(index), &mut scaled);
        for &value in &scaled {
            sum += f64::from(value);
            squares += f64::from(value).powi(2);
        }
    }
    let mean = sum / train.images().len() as f64;
    let deviation = (squares / train.images().len() as f64 - mean.powi(2)).sqrt();
    assert!(mean.abs() < 1e-3, "{mean}");
    assert!((deviation - 1.0).abs() < 1e-3, "{deviation}");
}
