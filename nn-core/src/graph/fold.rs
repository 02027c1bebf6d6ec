//! The graph of prediction: batch normalizations are folded into the dense layers and convolutions right before them.

use super::node::{FoldedNorm, Graph};
use crate::spec::{LayerSpec, NetworkSpec};

impl Graph {
    /// The graph of prediction, which reads the arenas of `training`; `None` if there is nothing to fold.
    pub(crate) fn for_prediction(training: &Self) -> Option<Self> {
        let spec = &training.spec;
        let layers = without_folded_norms(spec);
        if layers.len() == spec.layers().len() {
            return None;
        }
        let mut graph = Self::lower(spec, &layers, false);
        graph.share_arenas(training);
        Some(graph)
    }

    /// Points the nodes at their layers' parts of the training graph's arenas, and at the normalizations that are
    /// folded into them.
    fn share_arenas(&mut self, training: &Self) {
        let nodes = training.nodes.iter().enumerate();
        let mut sources = nodes.filter(|(_, node)| !node.parameters.is_empty());
        let mut end = 0;
        for node in &mut self.nodes {
            let len = node.parameters.len();
            (node.parameters, node.state) = (0..0, 0..0);
            if len == 0 {
                continue;
            }
            let source = sources.find(|(_, source)| source.item == node.item);
            let (index, source) = source.expect("the layer is in both graphs");
            (node.parameters, node.state) = (source.parameters.clone(), source.state.clone());
            if is_folded(&training.spec.layers()[node.item..]) {
                node.folded = Some(FoldedNorm {
                    norm: index + 1,
                    range: end..end + len,
                });
                end += len;
            }
        }
    }
}

/// Whether a normalization follows the first of these layers and is folded into it.
fn is_folded(layers: &[LayerSpec]) -> bool {
    matches!(
        layers,
        [LayerSpec::Dense { .. } | LayerSpec::Conv(_), LayerSpec::BatchNorm, ..]
    )
}

/// The layers of prediction, each with its index in the text form. A layer without a bias takes that of the normalization.
fn without_folded_norms(spec: &NetworkSpec) -> Vec<(usize, LayerSpec)> {
    let mut layers: Vec<(usize, LayerSpec)> = Vec::new();
    for (index, layer) in spec.layers().iter().enumerate() {
        let before = layers.last_mut().filter(|(before, _)| before + 1 == index);
        match (layer, before) {
            (LayerSpec::BatchNorm, Some((_, LayerSpec::Conv(conv)))) => conv.bias = true,
            (LayerSpec::BatchNorm, Some((_, LayerSpec::Dense { bias, .. }))) => *bias = true,
            _ => layers.push((index, layer.clone())),
        }
    }
    layers
}
