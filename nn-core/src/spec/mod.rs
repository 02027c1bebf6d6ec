//! Descriptions of networks: the text form, the builder, and shapes of layers.

mod builder;
mod layer;
mod shapes;
mod text;

pub use builder::NetworkSpecBuilder;
pub use layer::{ConvSpec, LayerSpec, Padding, PoolSpec};
pub(crate) use shapes::MAX_VALUES;

use crate::shape::Shape;

/// A network without weights: the shape of its input, and its layers in order.
///
/// It is parsed from text or made by a [builder](NetworkSpec::builder), and prints as text. A `flatten` is inserted
/// where an image meets a `dense`, so that layers have the same numbers as in a PyTorch `nn.Sequential`.
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

    /// Number of outputs; for a classifier, one logit per class.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output.len()
    }
}
