//! The update of the parameters: gradients, their norm, the optimizer's rule and the moving average, block by block.

use super::{config::Settings, rules::ParameterRules};
use crate::{
    aligned::Buffer,
    error::{Error, Result},
    exec::{Workspace, for_blocks, min_block_parameters},
    gemm::{Kernel, MatRef},
    graph::{Graph, ParameterBlock},
    network::Network,
    optim::{Arenas, Optimizer, State},
};

/// Minimum parameters per thread if their gradients have already been computed.
const THREAD_UPDATES: usize = 20_000;
/// What `torch.nn.utils.clip_grad_norm_` adds to the norm before it divides by it.
const NORM_EPSILON: f64 = 1e-6;

/// The names of the arenas in checkpoints.
const NAMES: [&str; 3] = ["first", "second", "average"];

/// The arenas of the optimizer and the moving average. Those that the settings do not need are empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptimizerState {
    gradients: Buffer,
    /// SGD's momentum buffer, or Adam's running average of the gradients.
    exp_avg: Buffer,
    /// Running average of the squared gradients.
    exp_avg_sq: Buffer,
    /// Moving average of the parameters.
    pub(crate) average: Buffer,
    /// Sum of squared gradients of each block.
    squares: Vec<f64>,
}

/// The parameter update of one training step.
pub(crate) struct Update<'a> {
    /// The rule, with the learning rate of this step.
    pub(crate) rule: Optimizer,
    /// Which parameters are frozen, or have settings of their own.
    pub(crate) parameter_rules: &'a ParameterRules,
    /// The step, counted from 0.
    pub(crate) step: u64,
    /// The norm that gradients are clipped to.
    pub(crate) max_norm: Option<f32>,
    /// The weight of the new parameters in the moving average.
    pub(crate) average_weight: Option<f32>,
}

impl OptimizerState {
    pub(crate) fn new(graph: &Graph, settings: &Settings) -> Self {
        let mut state = Self::default();
        state.fit(graph, settings);
        state
    }

    /// Allocates the arenas that new settings need; the others stay.
    pub(crate) fn fit(&mut self, graph: &Graph, settings: &Settings) {
        let len = graph.parameters_len();
        let fit = |arena: &mut Buffer, needed: bool| {
            if needed && arena.len() != len {
                *arena = Buffer::zeroed(len);
            }
        };
        let (rule, clips) = (&settings.optimizer, settings.max_norm.is_some());
        fit(&mut self.gradients, clips || rule.linear().is_none());
        fit(&mut self.exp_avg, rule.state() >= State::One);
        fit(&mut self.exp_avg_sq, rule.state() >= State::Two);
        fit(&mut self.average, settings.average.is_some());
        if clips {
            self.squares.resize(graph.blocks.len(), 0.0);
        }
    }

    /// The arenas that a checkpoint contains, by name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let arenas = [&self.exp_avg, &self.exp_avg_sq, &self.average].map(|arena| &**arena);
        NAMES.into_iter().zip(arenas).filter(|(_, arena)| !arena.is_empty())
    }

    pub(crate) fn named_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut [f32])> {
        let arenas = [&mut self.exp_avg, &mut self.exp_avg_sq, &mut self.average].map(|arena| &mut **arena);
        NAMES.into_iter().zip(arenas).filter(|(_, arena)| !arena.is_empty())
    }

    fn arenas<'a>(&'a mut self, parameters: &'a mut [f32]) -> Arenas<'a> {
        Arenas {
            parameters,
            gradients: &mut self.gradients,
            exp_avg: &mut self.exp_avg,
            exp_avg_sq: &mut self.exp_avg_sq,
            average: &mut self.average,
            squares: &mut self.squares,
        }
    }
}

/// The gradients of parameter blocks, after the backward pass of a batch.
#[derive(Clone, Copy)]
struct BlockGradients<'a> {
    workspace: &'a Workspace,
    graph: &'a Graph,
    kernel: Kernel,
    /// `[batch, inputs]`.
    inputs: MatRef<'a>,
}

impl BlockGradients<'_> {
    /// `out = beta·out + alpha·gradient`.
    fn compute(&self, block: &ParameterBlock, factors: (f32, f32), out: &mut [f32]) {
        self.workspace
            .parameter_gradient(self.graph, self.kernel, self.inputs, block, factors, out);
    }

    /// Minimum parameters per thread.
    fn min_parameters(&self) -> usize {
        min_block_parameters(self.inputs.rows())
    }
}

impl Update<'_> {
    /// Updates parameters and running statistics, after [`Workspace::forward_backward`] for the same inputs.
    ///
    /// # Errors
    /// If gradients are clipped and their norm is not finite; nothing has changed then.
    pub(crate) fn apply(
        &self,
        network: &mut Network,
        workspace: &Workspace,
        optimizer_state: &mut OptimizerState,
        inputs: MatRef<'_>,
    ) -> Result<()> {
        let kernel = network.kernel();
        let (graph, parameters, running) = network.for_update();
        let gradients = BlockGradients {
            workspace,
            graph,
            kernel,
            inputs,
        };
        let scale = match self.max_norm {
            Some(max_norm) => Some(self.clip(gradients, optimizer_state, max_norm)?),
            None => None,
        };
        let update = |block: &ParameterBlock, mut arenas: Arenas<'_>| {
            let parameter_rule = self.parameter_rules.of(block);
            let rule = parameter_rule.optimizer(&self.rule);
            let step = self.step - parameter_rule.skipped;
            match (scale, rule.linear()) {
                _ if parameter_rule.frozen => {}
                (Some(scale), _) => {
                    arenas.gradients.iter_mut().for_each(|gradient| *gradient *= scale);
                    rule.update(step, arenas.reborrow());
                }
                (None, Some(factors)) => gradients.compute(block, factors, arenas.parameters),
                (None, None) => {
                    gradients.compute(block, (1.0, 0.0), arenas.gradients);
                    rule.update(step, arenas.reborrow());
                }
            }
            self.update_average(arenas);
        };
        let min_parameters = match scale {
            Some(_) => THREAD_UPDATES,
            None => gradients.min_parameters(),
        };
        for_blocks(
            &graph.blocks,
            min_parameters,
            optimizer_state.arenas(parameters),
            &update,
        );
        workspace.update_running_statistics(graph, running);
        Ok(())
    }

    /// Computes the gradients of all parameters that are not frozen, and the factor that brings their norm down to `max_norm`, as
    /// `torch.nn.utils.clip_grad_norm_` does. Squares are summed within blocks and then from block to block.
    fn clip(&self, gradients: BlockGradients<'_>, state: &mut OptimizerState, max_norm: f32) -> Result<f32> {
        let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
            if self.parameter_rules.of(block).frozen {
                arenas.squares[0] = 0.0;
                return;
            }
            gradients.compute(block, (1.0, 0.0), arenas.gradients);
            arenas.squares[0] = sum_of_squares(arenas.gradients);
        };
        let blocks = &gradients.graph.blocks;
        for_blocks(blocks, gradients.min_parameters(), state.arenas(&mut []), &compute);
        let norm = state.squares.iter().sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::GradientNorm {
                norm,
                step: self.step,
                learning_rate: self.rule.learning_rate(),
            });
        }
        Ok((f64::from(max_norm) / (norm + NORM_EPSILON)).min(1.0) as f32)
    }

    /// Moves the average towards the new parameters.
    fn update_average(&self, arenas: Arenas<'_>) {
        match self.average_weight {
            None => {}
            // Copied, since the formula below would round.
            Some(1.0) => arenas.average.copy_from_slice(arenas.parameters),
            Some(weight) => {
                for (average, parameter) in arenas.average.iter_mut().zip(arenas.parameters) {
                    *average += weight * (*parameter - *average);
                }
            }
        }
    }
}

/// In f64, where squares of f32 do not overflow; in several sums side by side, as vector registers hold them.
fn sum_of_squares(values: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value) * f64::from(value);
    let (blocks, rest) = values.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for block in blocks {
        for (sum, &value) in sums.iter_mut().zip(block) {
            *sum += square(value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&value| square(value)).sum::<f64>()
}
