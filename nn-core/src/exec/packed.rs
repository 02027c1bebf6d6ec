//! Packed parameters: the form that the forward pass reads.

use crate::{
    aligned::Buffer,
    gemm::Kernel,
    graph::{FoldedNorm, Graph, Node},
    layers::fold,
};

/// The folded and packed parameters of prediction.
#[derive(Clone, Debug)]
pub(crate) struct PackedParameters {
    /// Parameters into which normalizations are folded.
    folded: Buffer,
    /// The output of [`Parameters::pack`](crate::layers::Parameters::pack), or for a batch normalization of
    /// [`CrossSample::pack_running_statistics`](crate::layers::CrossSample::pack_running_statistics).
    packed: Buffer,
}

impl PackedParameters {
    /// Packs the arenas of `training` for `prediction`.
    pub(crate) fn new(
        kernel: Kernel,
        (training, prediction): (&Graph, &Graph),
        parameters: &[f32],
        state: &[f32],
    ) -> Self {
        let last_folded = prediction.nodes.iter().rev().find_map(|node| node.folded.as_ref());
        let mut this = Self {
            folded: Buffer::zeroed(last_folded.map_or(0, |folded| folded.range.end)),
            packed: Buffer::zeroed(prediction.packed_len()),
        };
        for node in &prediction.nodes {
            if let Some(FoldedNorm { norm, range }) = &node.folded {
                let norm = &training.nodes[*norm];
                let mut affine = vec![0.0; norm.packed.len()];
                pack_node(kernel, norm, &parameters[norm.parameters.clone()], state, &mut affine);
                let own = &parameters[node.parameters.clone()];
                // Scale and shift come first, each as long as the weight and the bias.
                let padded = norm.parameters.len() / 2;
                let affine = affine[..2 * padded].split_at(padded);
                fold(affine, own, &mut this.folded[range.clone()]);
            }
            let Self { folded, packed } = &mut this;
            let parameters = parameters_of(node, folded, parameters);
            pack_node(kernel, node, parameters, state, &mut packed[node.packed.clone()]);
        }
        this
    }

    /// The parameters of a node and their packed form.
    pub(super) fn of_node<'a>(&'a self, node: &Node, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        let packed = &self.packed[node.packed.clone()];
        (parameters_of(node, &self.folded, parameters), packed)
    }
}

/// Packs the parameters of all nodes for training, except those of cross-sample nodes, which first reduce their
/// statistics.
pub(super) fn pack_for_training(kernel: Kernel, graph: &Graph, parameters: &[f32], packed: &mut [f32]) {
    for node in graph.nodes.iter().filter(|node| node.layer.cross_sample().is_none()) {
        let parameters = &parameters[node.parameters.clone()];
        pack_node(kernel, node, parameters, &[], &mut packed[node.packed.clone()]);
    }
}

fn pack_node(kernel: Kernel, node: &Node, parameters: &[f32], state: &[f32], packed: &mut [f32]) {
    if let Some(layer) = node.layer.cross_sample() {
        layer.pack_running_statistics(parameters, &state[node.state.clone()], packed);
    } else if let Some(layer) = node.layer.parameters() {
        layer.pack(kernel, parameters, packed);
    }
}

fn parameters_of<'a>(node: &Node, folded: &'a [f32], parameters: &'a [f32]) -> &'a [f32] {
    match &node.folded {
        Some(FoldedNorm { range, .. }) => &folded[range.clone()],
        None => &parameters[node.parameters.clone()],
    }
}
