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
pub(crate) struct Update {
    /// The rule, with the learning rate of this step.
    pub(crate) rule: Optimizer,
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

    /// Adds the gradients of a batch, after [`Workspace::forward_backward`] for the same inputs, to those of the batches
    /// before it; the first one replaces them.
    pub(crate) fn accumulate(&mut self, network: &Network, workspace: &Workspace, inputs: MatRef<'_>, is_first: bool) {
        let graph = network.graph();
        let gradients = BlockGradients {
            workspace,
            graph,
            kernel: network.kernel(),
            inputs,
        };
        if self.gradients.len() != graph.parameters_len() {
            self.gradients = Buffer::zeroed(graph.parameters_len());
        }
        let beta = if is_first { 0.0 } else { 1.0 };
        let add = |block: &ParameterBlock, arenas: Arenas<'_>| {
            gradients.compute(block, (1.0, beta), arenas.gradients);
        };
        for_blocks(
            &graph.blocks,
            min_parameters(Some(gradients)),
            self.arenas(&mut []),
            &add,
        );
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

/// Where the gradients of a step come from.
pub(crate) enum StepGradients<'a> {
    /// From one batch, after [`Workspace::forward_backward`].
    Batch {
        workspace: &'a Workspace,
        /// `[batch, inputs]`.
        inputs: MatRef<'a>,
    },
    /// From several batches ([`OptimizerState::accumulate`]), times a factor.
    Accumulated { factor: f64 },
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
}

/// Minimum parameters per thread, for gradients that are to be computed or have been.
fn min_parameters(computed: Option<BlockGradients<'_>>) -> usize {
    computed.map_or(THREAD_UPDATES, |gradients| {
        min_block_parameters(gradients.inputs.rows())
    })
}

impl Update {
    /// Updates the parameters, each by its rule.
    ///
    /// # Errors
    /// If gradients are clipped and their norm is not finite; nothing has changed then.
    pub(crate) fn apply(
        &self,
        network: &mut Network,
        optimizer_state: &mut OptimizerState,
        rules: &ParameterRules,
        gradients: StepGradients<'_>,
    ) -> Result<()> {
        let kernel = network.kernel();
        let (graph, parameters, _) = network.for_update();
        let (computed, factor) = match gradients {
            StepGradients::Batch { workspace, inputs } => {
                let gradients = BlockGradients {
                    workspace,
                    graph,
                    kernel,
                    inputs,
                };
                (Some(gradients), 1.0)
            }
            StepGradients::Accumulated { factor } => (None, factor),
        };
        // Gradients that are not clipped are computed only when their block is updated.
        let (computed, scale) = match self.max_norm {
            None => (computed, factor as f32),
            Some(max_norm) => {
                let blocks = (graph.blocks.as_slice(), rules);
                (None, self.clip(blocks, computed, optimizer_state, (factor, max_norm))?)
            }
        };
        let update = |block: &ParameterBlock, mut arenas: Arenas<'_>| {
            let parameter_rule = rules.of(block);
            let rule = parameter_rule.optimizer(&self.rule);
            let step = self.step - parameter_rule.skipped;
            match (computed, rule.linear()) {
                _ if parameter_rule.frozen => {}
                (None, _) => {
                    arenas.gradients.iter_mut().for_each(|gradient| *gradient *= scale);
                    rule.update(kernel, step, arenas.reborrow());
                }
                (Some(gradients), Some(factors)) => gradients.compute(block, factors, arenas.parameters),
                (Some(gradients), None) => {
                    gradients.compute(block, (1.0, 0.0), arenas.gradients);
                    rule.update(kernel, step, arenas.reborrow());
                }
            }
            self.update_average(arenas);
        };
        let min_parameters = min_parameters(computed);
        let arenas = optimizer_state.arenas(parameters);
        for_blocks(&graph.blocks, min_parameters, arenas, &update);
        Ok(())
    }

    /// Computes the gradients of all parameters that are not frozen, unless they have been accumulated, and the factor that
    /// brings the norm of `factor` times them down to `max_norm`, as `torch.nn.utils.clip_grad_norm_` does. Squares are summed within blocks and then from
    /// block to block.
    fn clip(
        &self,
        (blocks, rules): (&[ParameterBlock], &ParameterRules),
        computed: Option<BlockGradients<'_>>,
        state: &mut OptimizerState,
        (factor, max_norm): (f64, f32),
    ) -> Result<f32> {
        let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
            if rules.of(block).frozen {
                arenas.squares[0] = 0.0;
                return;
            }
            if let Some(gradients) = computed {
                gradients.compute(block, (1.0, 0.0), arenas.gradients);
            }
            arenas.squares[0] = sum_of_squares(arenas.gradients);
        };
        for_blocks(blocks, min_parameters(computed), state.arenas(&mut []), &compute);
        let norm = state.squares.iter().sum::<f64>().sqrt() * factor;
        if !norm.is_finite() {
            return Err(Error::GradientNorm {
                norm,
                step: self.step,
                learning_rate: self.rule.learning_rate(),
            });
        }
        Ok(((f64::from(max_norm) / (norm + NORM_EPSILON)).min(1.0) * factor) as f32)
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
