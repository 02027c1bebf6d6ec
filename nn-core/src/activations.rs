//! The outputs of a network's inner layers.

use crate::{
    error::{Error, Result},
    exec::{BoundGraph, PackedParameters, Workspace},
    graph::{Graph, LayerOutput},
    layers::Layout,
    network::{Network, Tensor},
    shape::{HwcShape, Shape},
};

/// Samples that are computed at a time.
const PART: usize = 64;

impl Network {
    /// The outputs of some layers for a batch, in one pass: for each name a tensor `[batch, …]` with the layer's output
    /// shape, images in channel-height-width order.
    ///
    /// A name is the layer's position, which begins the names of its tensors: `2`, or `2.1.0` in a branch. Each layer is
    /// computed on its own, in prediction: nothing is fused, dropout does nothing, and batch normalizations use running
    /// statistics. Rounding may differ from that of [`predict`](Self::predict).
    ///
    /// ```
    /// use nn_core::Network;
    /// let network = Network::new("8x8x1 | conv 4 3x3 | relu | maxpool 2 | dense 10".parse()?, 1)?;
    /// let activations = network.activations(&[0.5; 2 * 64], &["0", "2"])?;
    /// assert_eq!(activations[0].shape, [2, 4, 6, 6]);
    /// assert_eq!(activations[1].shape, [2, 4, 3, 3]);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `inputs` is empty or not a whole number of samples, or there is no layer of a name.
    pub fn activations(&self, inputs: &[f32], layers: &[&str]) -> Result<Vec<Tensor>> {
        let training = self.graph();
        let graph = Graph::for_activations(training);
        let outputs = layers.iter().map(|name| find_output(&graph, name));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        let bound = BoundGraph {
            graph: &graph,
            ..self.bound()
        };
        let packed = PackedParameters::new(self.kernel(), (training, &graph), bound.parameters, self.state());
        let batch = graph.spec.samples(inputs)?;
        let mut workspace = Workspace::with_graphs(&graph, &graph, batch.min(PART), false)?;
        let mut tensors: Vec<_> = layers
            .iter()
            .zip(&outputs)
            .map(|(name, output)| new_tensor(name, output, batch))
            .collect();
        for inputs in inputs.chunks(PART * graph.inputs()) {
            workspace.forward(bound, &packed, inputs)?;
            for (row, input) in inputs.chunks(graph.inputs()).enumerate() {
                for (tensor, output) in tensors.iter_mut().zip(&outputs) {
                    let values = output
                        .source
                        .map_or(input, |source| workspace.output_of(&graph, source, row));
                    push_values(tensor, output, values);
                }
            }
        }
        Ok(tensors)
    }
}

/// The output of the layer `name`.
fn find_output<'a>(graph: &'a Graph, name: &str) -> Result<&'a LayerOutput> {
    let outputs = &graph.layer_outputs;
    outputs
        .iter()
        .find(|output| output.path.to_string() == name)
        .ok_or_else(|| {
            let known: Vec<_> = outputs.iter().map(|output| output.path.to_string()).collect();
            Error::Layer {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
}

fn new_tensor(name: &str, output: &LayerOutput, batch: usize) -> Tensor {
    Tensor {
        name: name.to_owned(),
        shape: std::iter::once(batch).chain(output.shape.sizes()).collect(),
        values: Vec::with_capacity(batch * output.shape.len()),
    }
}

/// Appends a sample, in channel-height-width order.
fn push_values(tensor: &mut Tensor, output: &LayerOutput, values: &[f32]) {
    match output.shape {
        Shape::Image {
            channels,
            height,
            width,
        } if output.is_hwc => {
            let image = HwcShape::new(height, width, channels);
            let chw = (0..values.len()).map(|index| values[Layout::Hwc.position(image, index)]);
            tensor.values.extend(chw);
        }
        _ => tensor.values.extend_from_slice(values),
    }
}
