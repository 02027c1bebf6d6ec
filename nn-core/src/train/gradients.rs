//! The gradients of a batch as named tensors, for checks and experiments.

use crate::{
    aligned::Buffer,
    error::Result,
    exec::for_blocks,
    gemm::MatRef,
    graph::ParameterBlock,
    layers::StepContext,
    loss::Loss,
    network::{Network, Tensor},
    optim::Arenas,
};

/// The gradient of a batch's mean cross-entropy with respect to every parameter, as tensors like
/// [`Network::tensors`]; and the loss. For checks and experiments: training does not need it.
///
/// # Errors
/// If the lengths do not fit, a target is not a class, or the batch is too small for a batch normalization.
pub fn gradients(network: &Network, inputs: &[f32], targets: &[usize]) -> Result<(f32, Vec<Tensor>)> {
    let bound = network.bound();
    let batch = inputs.len() / bound.graph.inputs();
    let mut workspace = network.training_workspace(batch.max(1))?;
    let report = workspace.forward_backward(bound, inputs, targets, Loss::default(), StepContext::default())?;
    let inputs = MatRef::row_major(inputs, batch, bound.graph.inputs())?;
    let mut gradients = Buffer::zeroed(bound.parameters.len());
    let arenas = Arenas {
        gradients: &mut gradients,
        ..Arenas::default()
    };
    let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
        workspace.parameter_gradient(bound.graph, bound.kernel, inputs, block, (1.0, 0.0), arenas.gradients);
    };
    for_blocks(&bound.graph.blocks, usize::MAX, arenas, &compute);
    Ok((report.loss, network.export(&gradients)))
}
