//! Descriptions of networks: the text form, the builder, and shapes of layers.

mod builder;
mod custom;
mod forms;
mod layer;
mod path;
mod shapes;
mod text;

pub use builder::NetworkSpecBuilder;
pub use custom::{CustomBackward, CustomLayer, CustomSpec, LayerRegistry};
pub use layer::{ConvSpec, LayerSpec, Padding, PoolSpec};
pub(crate) use path::LayerPath;
pub(crate) use shapes::{MAX_VALUES, chain_shapes};

use crate::{
    error::{Result, check_length, counted},
    shape::Shape,
};

/// A network without weights: the shape of its input, and its layers in order.
///
/// It is parsed from text or made by a [builder](NetworkSpec::builder), and prints as text. A `flatten` is inserted
/// where an image meets a `dense`, so that layers have the same numbers as in a PyTorch `nn.Sequential`. Layers follow
/// each other; `add` and `concat` have branches, which are chains of layers themselves.
///
/// ```
/// use nn_core::NetworkSpec;
/// let spec: NetworkSpec = "28x28x1|dense 128|relu|dense 10".parse()?;
/// assert_eq!(spec.to_string(), "28x28x1 | flatten | dense 128 | relu | dense 10");
/// assert_eq!(spec.outputs(), 10);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    input: Shape,
    layers: Vec<LayerSpec>,
    output: Shape,
}

impl NetworkSpec {
    /// The shape of one sample.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The layers in order.
    #[must_use]
    pub fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// The shape of a sample's output.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Number of outputs; for a classifier, one logit per class.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output.len()
    }

    /// The number of samples in `inputs`, `[batch, …]` with the input's shape.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) if there is none, or the last one is incomplete.
    pub(crate) fn samples(&self, inputs: &[f32]) -> Result<usize> {
        let samples = inputs.len() / self.input.len();
        check_length("inputs", inputs.len(), samples.max(1) * self.input.len(), || {
            format!("{} of shape {}", counted(samples.max(1), "sample"), self.input)
        })?;
        Ok(samples)
    }
}
