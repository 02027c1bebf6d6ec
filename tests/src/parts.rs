//! The parts of a weights file, to build damaged ones.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

/// Name, type, shape and bytes of a tensor.
pub type RawTensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The parts of a weights file.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The metadata.
    pub metadata: HashMap<String, String>,
    /// The tensors.
    pub tensors: Vec<RawTensor>,
}

impl Parts {
    /// Splits a file into its parts.
    ///
    /// # Panics
    /// If the file is not a safetensors file with metadata.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (_, header) = SafeTensors::read_metadata(bytes).expect("safetensors");
        let file = SafeTensors::deserialize(bytes).expect("safetensors");
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            (
                name.to_owned(),
                view.dtype(),
                view.shape().to_vec(),
                view.data().to_vec(),
            )
        };
        Self {
            metadata: header.metadata().clone().expect("metadata"),
            tensors: file.iter().map(tensor).collect(),
        }
    }

    /// The tensor with that name.
    ///
    /// # Panics
    /// If there is none.
    pub fn tensor(&mut self, name: &str) -> &mut RawTensor {
        let mut tensors = self.tensors.iter_mut();
        tensors.find(|tensor| tensor.0 == name).expect("a tensor of that name")
    }

    /// Sets the metadata entry `key` to `value`.
    pub fn set_metadata(&mut self, key: &str, value: &str) {
        self.metadata.insert(key.to_owned(), value.to_owned());
    }

    /// The bytes of a file with these parts.
    ///
    /// # Panics
    /// If safetensors refuses the parts.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let tensors = self.tensors.iter();
        let views = tensors
            .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).expect("a view")));
        serialize(views, Some(self.metadata.clone())).expect("a file")
    }
}
