//! Golden values from PyTorch, written by the scripts in `tests/tests/golden`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nn_core::Tensor;
use safetensors::{Dtype, SafeTensors};

use crate::close::{Tolerance, assert_close};

/// The folder of the files and scripts.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The values that PyTorch computed.
#[derive(Debug)]
pub struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    /// Opens a file of `tests/tests/golden`.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let bytes = fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { bytes }
    }

    /// Opens `golden.safetensors`.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn open() -> Self {
        Self::of("golden.safetensors")
    }

    /// The values of a tensor.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => values_of(bytes, |bytes| f32::from_le_bytes(bytes).into()),
            Dtype::F64 => values_of(bytes, f64::from_le_bytes),
            Dtype::I64 => values_of(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The values of a tensor of f32.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn inputs(&self, name: &str) -> Vec<f32> {
        self.values(name).iter().map(|&value| value as f32).collect()
    }

    /// The values of a tensor of classes.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn classes(&self, name: &str) -> Vec<usize> {
        self.values(name).iter().map(|&class| class as usize).collect()
    }

    /// The images and labels of a model.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn batch(&self, model: &str) -> (Vec<f32>, Vec<usize>) {
        let targets = self.classes(&format!("{model}.labels"));
        (self.inputs(&format!("{model}.images")), targets)
    }

    /// Compares tensors with those whose names have a prefix.
    ///
    /// # Panics
    /// If a value is wrong.
    #[track_caller]
    pub fn assert_tensors(&self, prefix: &str, tensors: &[Tensor], tolerance: Tolerance) {
        for Tensor { name, values, .. } in tensors {
            let name = format!("{prefix}.{name}");
            let expected = self.values(&name);
            if expected.iter().all(|value| value.abs() < 1e-15) {
                // A bias right before a normalization has no effect: its gradient is 0 except for rounding.
                assert!(values.iter().all(|value| value.abs() < 1e-7), "{name}: {values:?}");
            } else {
                assert_close(&name, values, &expected, tolerance);
            }
        }
    }

    /// Names of the test cases of the losses.
    ///
    /// # Panics
    /// If the file is damaged.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let names = file.names().into_iter();
        names
            .filter_map(|name| Some(name.strip_prefix("loss.")?.strip_suffix(".label")?.to_owned()))
            .collect()
    }
}

fn values_of<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (chunks, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    chunks.iter().map(|&bytes| value(bytes)).collect()
}
