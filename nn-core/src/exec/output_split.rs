//! The forward pass of the first layer divided among threads by its outputs, so that each thread reads the weights that it
//! updated.

use super::shard::{cut_blocks, parameters_of};
use crate::{
    gemm::{Kernel, MatMut, MatRef},
    graph::{Graph, ParameterBlock},
    layers::SplitOutputs,
};

/// Minimum parameters of the layer. Fewer reach another thread's cache in less time than another parallel section takes.
const MIN_PARAMETERS: usize = 1 << 14;
/// Minimum share of the layer in all parameters, as a fraction: with less, the update divides the parameters elsewhere than
/// in the middle of the layer.
const MIN_SHARE: (usize, usize) = (3, 4);
/// Maximum samples of a batch: each thread searches all of them for zeros. On an Intel Xeon with AVX-512, two threads gained up
/// to 36 % with few samples, 2 % with 128, nothing with 256, and lost 6 % with 1,000.
const MAX_BATCH: usize = 128;

/// The first layer of a network, with what its forward pass reads.
#[derive(Clone, Copy)]
pub(super) struct FirstLayer<'a> {
    layer: &'a dyn SplitOutputs,
    kernel: Kernel,
    parameters: &'a [f32],
    /// The network's inputs, `[batch, inputs]`.
    inputs: MatRef<'a>,
}

/// The first layer, if dividing it by its outputs is worth it for a batch of `batch` samples: it has most of the network's
/// parameters, and enough, and the batch is small.
pub(super) fn first_layer(graph: &Graph, batch: usize) -> Option<&dyn SplitOutputs> {
    let (first, others) = graph.nodes.split_first()?;
    let (len, (share, whole)) = (first.parameters.len(), MIN_SHARE);
    let is_most = len * whole >= parameters_of(&graph.blocks) * share;
    let layer = first.layer.split_outputs()?;
    (is_most && len >= MIN_PARAMETERS && batch <= MAX_BATCH && !others.is_empty()).then_some(layer)
}

impl<'a> FirstLayer<'a> {
    /// The first layer, if [`first_layer`] says so.
    pub(super) fn new(graph: &'a Graph, kernel: Kernel, parameters: &'a [f32], inputs: MatRef<'a>) -> Option<Self> {
        Some(Self {
            layer: first_layer(graph, inputs.rows())?,
            kernel,
            parameters: &parameters[graph.nodes[0].parameters.clone()],
            inputs,
        })
    }

    /// Computes `y`, the outputs from `start` on whose weights are in `blocks`, on `threads` threads. They divide the blocks as
    /// the update of the parameters does.
    pub(super) fn forward(self, blocks: &[ParameterBlock], start: usize, y: MatMut<'_>, threads: usize) {
        if y.cols() == 0 {
            return;
        }
        let left = threads / 2;
        let Some((middle, _)) = cut_blocks(blocks).filter(|_| left > 0) else {
            return self
                .layer
                .forward_outputs(self.kernel, self.parameters, self.inputs, start, y);
        };
        let (first, second) = blocks.split_at(middle);
        let end = match second[0].node {
            0 => self.layer.first_output(second[0].index),
            _ => start + y.cols(),
        };
        let (y, rest) = y.split_at_col(end - start);
        rayon::join(
            || self.forward(first, start, y, left),
            || self.forward(second, end, rest, threads - left),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::Buffer;

    fn graph(text: &str) -> Graph {
        Graph::for_training(&text.parse().unwrap())
    }

    #[test]
    fn parts_are_those_of_the_whole() {
        for text in [
            "784 | dense 128 | relu | dense 10",
            "300 | dense 77 nobias | dense 3",
            "2000 | dense 1 | tanh",
        ] {
            let (graph, batch) = (graph(text), 5);
            let value = |i: usize| ((i * 7919) % 31) as f32 * 0.1 - 1.5;
            let mut parameters = Buffer::zeroed(graph.parameters_len());
            parameters.iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
            let inputs: Vec<f32> = (0..batch * graph.inputs()).map(|i| value(i).max(0.0)).collect();
            let inputs = MatRef::row_major(&inputs, batch, graph.inputs()).unwrap();
            let outputs = graph.spec.shapes()[0].len();
            for kernel in Kernel::available() {
                let first = FirstLayer::new(&graph, kernel, &parameters, inputs).expect(text);
                let compute = |threads| {
                    let mut y = vec![f32::NAN; batch * outputs];
                    first.forward(
                        &graph.blocks,
                        0,
                        MatMut::row_major(&mut y, batch, outputs).unwrap(),
                        threads,
                    );
                    y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                for threads in [2, 3, 8] {
                    assert!(compute(threads) == compute(1), "{text}: {kernel}, {threads} threads");
                }
            }
        }
    }

    #[test]
    fn small_layers_small_shares_and_large_batches_stay_whole() {
        for text in [
            "784 | dense 10",
            "100 | dense 100 | dense 10",
            "784 | dense 128 | dense 1024",
            "784 | relu | dense 128",
        ] {
            assert!(first_layer(&graph(text), 32).is_none(), "{text}");
        }
        let large = graph("28x28x1 | flatten | dense 128 | relu | dense 10");
        assert!(first_layer(&large, MAX_BATCH).is_some());
        assert!(first_layer(&large, MAX_BATCH + 1).is_none());
    }
}
