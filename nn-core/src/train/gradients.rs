//! The gradients of a batch as named tensors, for checks and experiments.

use super::trainer::Trainer;
use crate::{
    aligned::Buffer,
    error::Result,
    exec::{Workspace, for_blocks},
    gemm::MatRef,
    graph::ParameterBlock,
    layers::StepContext,
    loss::{Loss, Objective, Reduction, Targets},
    network::{Network, Tensor},
    optim::Arenas,
};

/// The loss of a batch and its gradient.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gradients {
    /// Mean loss of the samples, weighted where they have weights.
    pub loss: f32,
    /// The gradient with respect to every parameter, as tensors like [`Network::tensors`].
    pub tensors: Vec<Tensor>,
}

/// The gradients of a batch's loss with respect to every parameter, for checks and experiments. Dropout is left out, and
/// batch normalization uses the batch's statistics, as in training.
///
/// [`Trainer::gradients`] gives those of a training step, with its dropout.
///
/// ```
/// use nn_core::{Network, gradients, loss::MeanSquaredError};
/// let network = Network::zeroed("1 | dense 1".parse()?)?;
/// let batch = gradients(&network, &[2.0], &[3.0], &MeanSquaredError)?;
/// assert_eq!((batch.loss, batch.tensors[0].values[0]), (9.0, -12.0)); // 2·(0 - 3)·2
/// # Ok::<(), nn_core::Error>(())
/// ```
///
/// # Errors
/// If the lengths do not fit, the loss does not take a target, or the batch is too small for a batch normalization.
pub fn gradients<'t>(
    network: &Network,
    inputs: &[f32],
    targets: impl Into<Targets<'t>>,
    loss: &dyn Loss,
) -> Result<Gradients> {
    loss.check(network.spec().outputs())?;
    let batch = network.spec().samples(inputs)?;
    let mut workspace = network.training_workspace(batch)?;
    let objective = Objective {
        targets: targets.into(),
        loss,
        reduction: Reduction::Mean,
    };
    gradients_in(&mut workspace, network, inputs, objective, StepContext::default())
}

impl Trainer {
    /// The gradients of a batch as the next [step](Self::step) would compute them: with the trainer's loss, and with the
    /// units dropped that the step would drop. They are not clipped. Nothing changes.
    ///
    /// # Errors
    /// As those of a step, except for those of the optimizer.
    pub fn gradients<'t>(&mut self, inputs: &[f32], targets: impl Into<Targets<'t>>) -> Result<Gradients> {
        let (context, settings) = (self.step_context(), &self.settings);
        let objective = Objective {
            targets: targets.into(),
            loss: &*settings.loss,
            reduction: Reduction::Mean,
        };
        gradients_in(&mut self.workspace, &self.network, inputs, objective, context)
    }
}

fn gradients_in(
    workspace: &mut Workspace,
    network: &Network,
    inputs: &[f32],
    objective: Objective<'_>,
    context: StepContext,
) -> Result<Gradients> {
    let bound = network.bound();
    let report = workspace.forward_backward(bound, inputs, objective, context)?;
    let width = bound.graph.inputs();
    let inputs = MatRef::row_major(inputs, inputs.len() / width, width)?;
    let mut gradients = Buffer::zeroed(bound.parameters.len());
    let arenas = Arenas {
        gradients: &mut gradients,
        ..Arenas::default()
    };
    let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
        workspace.parameter_gradient(bound.graph, bound.kernel, inputs, block, (1.0, 0.0), arenas.gradients);
    };
    for_blocks(&bound.graph.blocks, usize::MAX, arenas, &compute);
    Ok(Gradients {
        loss: report.loss,
        tensors: network.export(&gradients),
    })
}
