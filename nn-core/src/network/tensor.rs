//! Tensors by name: owned ones, and views of those in a network.

use crate::{
    error::{Error, Result, check_length},
    graph::{Graph, Node},
    layers::{CrossSample, Parameters, StateSpec, TensorSpec},
};

/// A tensor of parameters or running statistics, or the gradient of one, named and shaped as in PyTorch's
/// `nn.Sequential` of the same layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `<index of the layer>.<name>`, as in `1.weight`.
    pub name: String,
    /// Dense weights are `[outputs, inputs]`, biases `[outputs]`.
    pub shape: Vec<usize>,
    /// The values in row-major order.
    pub values: Vec<f32>,
}

/// What changes a tensor in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TensorKind {
    /// The optimizer changes it: a weight or a bias. PyTorch's `parameters()`.
    Parameter,
    /// The forward pass of training updates it, as the running mean of a batch normalization. PyTorch's `buffers()`.
    RunningStatistic,
}

/// A tensor in a network, borrowed: see [`Network::parameter`](crate::Network::parameter).
///
/// The network stores weights in the order that its matrix products need, so a view is not a slice. It reads each value
/// from its place, and copies nothing.
///
/// ```
/// use nn_core::{Network, TensorKind};
/// let network = Network::new("3 | dense 2".parse()?, 42)?;
/// let weight = network.parameter("0.weight")?;
/// assert_eq!((weight.name(), weight.kind()), ("0.weight", TensorKind::Parameter));
/// assert_eq!(weight.shape(), [2, 3]); // [outputs, inputs]
/// assert_eq!(weight.get(&[1, 2]), weight.iter().last());
/// let largest = weight.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
/// assert!(largest > 0.0);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorView<'a> {
    place: Place<'a>,
    arena: &'a [f32],
}

/// A tensor that a network has: what a file must hold.
#[derive(Clone, Debug)]
pub(crate) struct TensorSlot {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Whether files may leave it out.
    pub(crate) optional: bool,
}

/// Where a network has a tensor, and which values it takes.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) name: String,
    pub(super) kind: TensorKind,
    pub(super) spec: TensorSpec,
    /// Its values where files leave it out, if they may.
    pub(super) default: Option<f32>,
    /// The smallest valid value.
    min: f32,
    /// Where the node's part of the arena begins; without a layer, the tensor itself.
    start: usize,
    /// The layer that packs the values, and the tensor's index in it; `None` for row-major order.
    packed: Option<(&'a dyn Parameters, usize)>,
}

impl From<Place<'_>> for TensorSlot {
    fn from(place: Place<'_>) -> Self {
        Self {
            name: place.name,
            shape: place.spec.shape,
            optional: place.default.is_some(),
        }
    }
}

impl<'a> TensorView<'a> {
    pub(super) fn new(place: Place<'a>, arena: &'a [f32]) -> Self {
        Self { place, arena }
    }

    /// `<index of the layer>.<name>`, as in `1.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// What changes it in training.
    #[must_use]
    pub fn kind(&self) -> TensorKind {
        self.place.kind
    }

    /// The shape, as PyTorch has it; `[]` for a single number.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.place.spec.shape
    }

    /// The values in row-major order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        (0..self.place.spec.len()).map(|index| self.arena[self.place.position(index)])
    }

    /// The value at an index with one number per dimension; `None` if there is no such value.
    #[must_use]
    pub fn get(&self, index: &[usize]) -> Option<f32> {
        let shape = self.shape();
        let is_inside = index.len() == shape.len() && index.iter().zip(shape).all(|(index, size)| index < size);
        let row_major = |position, (index, size): (&usize, &usize)| position * size + index;
        is_inside.then(|| {
            let position = index.iter().zip(shape).fold(0, row_major);
            self.arena[self.place.position(position)]
        })
    }

    /// A copy of the values in row-major order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.iter().collect()
    }

    /// A copy with its name and shape.
    #[must_use]
    pub fn to_tensor(&self) -> Tensor {
        Tensor {
            name: self.name().to_owned(),
            shape: self.shape().to_vec(),
            values: self.to_vec(),
        }
    }
}

impl<'a> Place<'a> {
    /// All tensors of a graph: of each node the parameters, then the running statistics.
    pub(super) fn all(graph: &'a Graph) -> impl Iterator<Item = Self> {
        let nodes = graph.nodes.iter();
        nodes.flat_map(|node| Self::parameters_of(node).chain(Self::statistics_of(node)))
    }

    /// The parameters of a graph, in the order in which [`ParameterBlock::tensor`](crate::graph::ParameterBlock) counts
    /// them.
    pub(super) fn parameters(graph: &'a Graph) -> impl Iterator<Item = Self> {
        graph.nodes.iter().flat_map(Self::parameters_of)
    }

    fn parameters_of(node: &'a Node) -> impl Iterator<Item = Self> {
        node.layer.parameters().into_iter().flat_map(move |layer| {
            let tensors = layer.tensors().into_iter().enumerate();
            tensors.map(move |(index, spec)| Place {
                name: name(node, &spec),
                kind: TensorKind::Parameter,
                spec,
                default: None,
                min: f32::NEG_INFINITY,
                start: node.parameters.start,
                packed: Some((layer, index)),
            })
        })
    }

    fn statistics_of(node: &'a Node) -> impl Iterator<Item = Self> {
        let mut start = node.state.start;
        let state = node.layer.cross_sample().map(CrossSample::state);
        state.into_iter().flatten().map(move |state: StateSpec| {
            let place = Place {
                name: name(node, &state.tensor),
                kind: TensorKind::RunningStatistic,
                spec: state.tensor,
                default: state.optional.then_some(state.initial),
                min: state.min,
                start,
                packed: None,
            };
            start += place.spec.len();
            place
        })
    }

    /// The place in the arena of a value, by its index in row-major order.
    fn position(&self, index: usize) -> usize {
        let inside = self
            .packed
            .map_or(index, |(layer, tensor)| layer.position(tensor, index));
        self.start + inside
    }

    pub(super) fn is_of_normalization(&self) -> bool {
        self.packed.is_some_and(|(layer, _)| layer.are_of_normalization())
    }

    /// Writes the values, in row-major order, into the arena.
    pub(super) fn write(&self, values: &[f32], arena: &mut [f32]) {
        for (index, &value) in values.iter().enumerate() {
            arena[self.position(index)] = value;
        }
    }

    /// Refuses values that are too few or too many, not finite, or too small.
    pub(super) fn check(&self, values: &[f32]) -> Result<()> {
        let Self { name, spec, min, .. } = self;
        check_length("tensor values", values.len(), spec.len(), || {
            format!("tensor {name} has shape {:?}", spec.shape)
        })?;
        check_finite(name, values)?;
        let Some(index) = values.iter().position(|value| value < min) else {
            return Ok(());
        };
        Err(Error::weights(format!(
            "tensor {name} holds {} at position {index}; its values are at least {min}",
            values[index]
        )))
    }
}

/// The full name of a layer's tensor.
fn name(node: &Node, tensor: &TensorSpec) -> String {
    format!("{}.{}", node.path, tensor.name)
}

/// Refuses NaN and infinity in a tensor's values.
pub(crate) fn check_finite(name: &str, values: &[f32]) -> Result<()> {
    let Some(index) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    Err(Error::weights(format!(
        "tensor {name} holds {} at position {index}; weights have to be finite",
        values[index]
    )))
}
