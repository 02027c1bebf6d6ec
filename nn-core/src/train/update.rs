//! What a step does to the parameters: gradients, their norm, the rule and the running average, block by block.

use crate::{
    aligned::Buffer,
    error::{Error, Result},
    exec::workspace::Workspace,
    gemm::MatRef,
    network::{Network, ParameterBlock},
    optim::{Arenas, Optimizer, State},
    train::trainer::Settings,
};

/// Parameters whose gradients one thread takes at least, times the samples of the batch.
const THREAD_WORK: usize = 150_000;
/// Parameters that one thread updates at least, where their gradients are there already.
const THREAD_UPDATES: usize = 20_000;
/// PyTorch's: keeps a norm of 0 from being divided by.
const LEAST_NORM: f64 = 1e-6;

/// Names of the arenas that last from step to step.
const NAMES: [&str; 3] = ["first", "second", "average"];

/// What a trainer keeps for each parameter. What the settings have no use for is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    gradients: Buffer,
    /// What the rule gathers: its velocity or its two moments.
    first: Buffer,
    second: Buffer,
    /// The running average of the parameters.
    pub(crate) average: Buffer,
    /// The sum of the squares of each block's gradients.
    squares: Vec<f64>,
}

/// The parameters' part of a training step.
pub(crate) struct Step {
    /// The rule, with the learning rate of this step.
    pub(crate) rule: Optimizer,
    /// The step's number, counted from 0.
    pub(crate) number: u64,
    /// What the gradients' norm is clipped to.
    pub(crate) max_norm: Option<f32>,
    /// The weight of the new parameters in the average.
    pub(crate) newest: Option<f32>,
}

impl Memory {
    pub(crate) fn new(network: &Network, settings: &Settings) -> Self {
        let mut memory = Self::default();
        memory.fit(network, settings);
        memory
    }

    /// Makes room for what new settings need; the rest stays.
    pub(crate) fn fit(&mut self, network: &Network, settings: &Settings) {
        let len = network.parameters().len();
        let fit = |arena: &mut Buffer, wanted: bool| {
            if wanted && arena.len() != len {
                *arena = Buffer::zeroed(len);
            }
        };
        let (rule, clips) = (&settings.optimizer, settings.max_norm.is_some());
        fit(&mut self.gradients, clips || rule.linear().is_none());
        fit(&mut self.first, rule.state() >= State::One);
        fit(&mut self.second, rule.state() >= State::Two);
        fit(&mut self.average, settings.average.is_some());
        if clips {
            self.squares.resize(network.plan().blocks.len(), 0.0);
        }
    }

    /// What lasts from step to step, by name.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let arenas = [&self.first, &self.second, &self.average].map(|arena| &**arena);
        NAMES.into_iter().zip(arenas).filter(|(_, arena)| !arena.is_empty())
    }

    pub(crate) fn lasting_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut [f32])> {
        let arenas = [&mut self.first, &mut self.second, &mut self.average].map(|arena| &mut **arena);
        NAMES.into_iter().zip(arenas).filter(|(_, arena)| !arena.is_empty())
    }

    fn arenas<'a>(&'a mut self, parameters: &'a mut [f32]) -> Arenas<'a> {
        Arenas {
            parameters,
            gradients: &mut self.gradients,
            exp_avg: &mut self.first,
            exp_avg_sq: &mut self.second,
            average: &mut self.average,
            squares: &mut self.squares,
        }
    }
}

impl Step {
    /// Takes the step, after [`Workspace::backward`] for the same images.
    ///
    /// # Errors
    /// If the gradients' norm is asked for and not finite; nothing has changed then.
    pub(crate) fn take(
        &self,
        network: &mut Network,
        workspace: &Workspace,
        memory: &mut Memory,
        images: MatRef<'_>,
    ) -> Result<()> {
        let scale = match self.max_norm {
            Some(max_norm) => Some(self.clip(network, workspace, memory, images, max_norm)?),
            None => None,
        };
        // The parameters are lent out block by block while the rest of the network is read.
        let mut parameters = std::mem::take(network.parameters_mut());
        let lender = &*network;
        let update = |block: &ParameterBlock, mut arenas: Arenas<'_>| {
            match (scale, self.rule.linear()) {
                (Some(scale), _) => {
                    arenas.gradients.iter_mut().for_each(|gradient| *gradient *= scale);
                    self.rule.update(self.number, arenas.reborrow());
                }
                (None, Some(factors)) => {
                    workspace.parameter_gradient(lender, images, block, factors, arenas.parameters);
                }
                (None, None) => {
                    workspace.parameter_gradient(lender, images, block, (1.0, 0.0), arenas.gradients);
                    self.rule.update(self.number, arenas.reborrow());
                }
            }
            self.follow(arenas);
        };
        let least = match scale {
            Some(_) => THREAD_UPDATES,
            None => least_parameters(images.rows()),
        };
        for_pieces(&lender.plan().blocks, least, memory.arenas(&mut parameters), &update);
        *network.parameters_mut() = parameters;
        Ok(())
    }

    /// Computes all gradients, and what they have to be multiplied by for their norm to be at most `max_norm`, as
    /// `torch.nn.utils.clip_grad_norm_` does. Squares are summed within blocks and then from block to block.
    fn clip(
        &self,
        network: &Network,
        workspace: &Workspace,
        memory: &mut Memory,
        images: MatRef<'_>,
        max_norm: f32,
    ) -> Result<f32> {
        let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
            workspace.parameter_gradient(network, images, block, (1.0, 0.0), arenas.gradients);
            arenas.squares[0] = sum_of_squares(arenas.gradients);
        };
        let arenas = memory.arenas(&mut []);
        for_pieces(
            &network.plan().blocks,
            least_parameters(images.rows()),
            arenas,
            &compute,
        );
        let norm = memory.squares.iter().sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::GradientNorm {
                norm,
                step: self.number,
                learning_rate: self.rule.learning_rate(),
            });
        }
        Ok((f64::from(max_norm) / (norm + LEAST_NORM)).min(1.0) as f32)
    }

    /// Draws the average a little towards the new parameters.
    fn follow(&self, arenas: Arenas<'_>) {
        match self.newest {
            None => {}
            // As it is: the sum below would round.
            Some(1.0) => arenas.average.copy_from_slice(arenas.parameters),
            Some(weight) => {
                for (average, parameter) in arenas.average.iter_mut().zip(arenas.parameters) {
                    *average += weight * (*parameter - *average);
                }
            }
        }
    }
}

/// Hands out the blocks and their part of the arenas, in parallel where there are `least` parameters for each of two
/// threads.
pub(crate) fn for_pieces(
    blocks: &[ParameterBlock],
    least: usize,
    arenas: Arenas<'_>,
    work: &(impl Fn(&ParameterBlock, Arenas<'_>) + Sync),
) {
    let Some((middle, parallel)) = cut_pieces(blocks, least) else {
        if let [block] = blocks {
            work(block, arenas);
        }
        return;
    };
    let (left, right) = blocks.split_at(middle);
    let (left_arenas, right_arenas) = arenas.split_at(parameter_len(left), left.len());
    let left_work = || for_pieces(left, least, left_arenas, work);
    let right_work = || for_pieces(right, least, right_arenas, work);
    if parallel {
        rayon::join(left_work, right_work);
    } else {
        left_work();
        right_work();
    }
}

/// Where blocks are cut in two, as evenly as they allow, and whether they have `least` parameters for each of two
/// threads.
pub(crate) fn cut_pieces(blocks: &[ParameterBlock], least: usize) -> Option<(usize, bool)> {
    let total = parameter_len(blocks);
    let ends = blocks.iter().scan(0, |end, block| {
        *end += block.len;
        Some(*end)
    });
    let in_first_half = ends.take_while(|end| *end <= total.div_ceil(2)).count();
    let middle = in_first_half.clamp(1, blocks.len().max(2) - 1);
    (blocks.len() > 1).then_some((middle, total / 2 >= least))
}

/// Parameters whose gradients one thread computes at least, where the batch has that many samples.
pub(crate) fn least_parameters(batch: usize) -> usize {
    THREAD_WORK / batch
}

pub(crate) fn parameter_len(blocks: &[ParameterBlock]) -> usize {
    blocks.iter().map(|block| block.len).sum()
}

/// In f64, in which squares of f32 do not overflow; in several sums side by side, as vector registers have them.
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
