//! The graphs of prediction and of activations, which read the arenas of the training graph.

use super::{
    lower::Purpose,
    node::{FoldedNorm, Graph},
};

impl Graph {
    /// The graph of prediction, with batch normalizations folded into the dense layers and convolutions right before
    /// them; `None` if there is nothing to fold.
    pub(crate) fn for_prediction(training: &Self) -> Option<Self> {
        let mut graph = Self::lower(&training.spec, Purpose::Prediction);
        if !graph.nodes.iter().any(|node| node.folds_batch_norm) {
            return None;
        }
        graph.share_arenas(training);
        Some(graph)
    }

    /// The graph in which each layer gives its whole output.
    pub(crate) fn for_activations(training: &Self) -> Self {
        let mut graph = Self::lower(&training.spec, Purpose::Activations);
        graph.share_arenas(training);
        graph
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
            let source = sources.find(|(_, source)| source.path == node.path);
            let (index, source) = source.expect("the layer is in both graphs");
            (node.parameters, node.state) = (source.parameters.clone(), source.state.clone());
            if node.folds_batch_norm {
                node.folded = Some(FoldedNorm {
                    norm: index + 1,
                    range: end..end + len,
                });
                end += len;
            }
        }
    }
}
