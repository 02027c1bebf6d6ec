//! The files in `data/`: they are MNIST, and they are read as such.

use std::{fmt::Write, fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use mnist_io::{Dataset, Mnist, Split};
use sha2::{Digest, Sha256};

const TRAIN_COUNTS: [usize; 10] = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
const TEST_COUNTS: [usize; 10] = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];

fn data_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}

#[test]
fn files_have_the_expected_checksums() {
    let sums = fs::read_to_string(data_dir().join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 4);
    for line in sums.lines() {
        let (expected, name) = line.split_once("  ").unwrap();
        let packed = fs::read(data_dir().join(format!("{name}.gz"))).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        let sum = Sha256::digest(&bytes).iter().fold(String::new(), |mut sum, byte| {
            write!(sum, "{byte:02x}").unwrap();
            sum
        });
        assert_eq!(sum, expected, "{name}");
    }
}

fn check(dataset: &Dataset, counts: [usize; 10], first_labels: [u8; 5]) {
    assert_eq!(dataset.len(), counts.iter().sum::<usize>());
    assert_eq!((dataset.height(), dataset.width()), (28, 28));
    assert_eq!(dataset.class_counts(), counts);
    assert_eq!(dataset.labels()[..5], first_labels);
}

#[test]
fn data_set_is_mnist() {
    let mnist = Mnist::from_dir(data_dir()).unwrap();
    check(&mnist.train, TRAIN_COUNTS, [5, 0, 4, 1, 9]);
    check(&mnist.test, TEST_COUNTS, [7, 2, 1, 0, 4]);
    let test = Mnist::open_split(data_dir(), Split::Test).unwrap();
    assert_eq!(test, mnist.test);
}

#[cfg(feature = "embedded")]
#[test]
fn embedded_data_set_equals_the_files() {
    assert_eq!(Mnist::embedded().unwrap(), Mnist::from_dir(data_dir()).unwrap());
    let test = Mnist::embedded_split(Split::Test).unwrap();
    check(&test, TEST_COUNTS, [7, 2, 1, 0, 4]);
}

#[test]
fn mnist_scaling_gives_mean_0_and_standard_deviation_1() {
    let train = Mnist::open_split(data_dir(), Split::Train).unwrap();
    let mut scaled = vec![0.0; train.pixels()];
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
