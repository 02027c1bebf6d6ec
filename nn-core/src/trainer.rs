//! A training step, epochs of them, and the measure of what was learnt.

use std::ops::ControlFlow;

use crate::{
    buffer::Buffer,
    error::{Error, Result},
    gemm::MatRef,
    layers::Moment,
    loss,
    network::{Network, Piece, Tensor},
    optim::{Arenas, Optimizer, State},
    workspace::{BatchReport, Workspace},
};

/// Parameters whose gradients one thread takes at least, times the samples of the batch.
const THREAD_WORK: usize = 150_000;

/// Where training data come from.
pub trait Source: Send {
    /// Begins epoch `epoch`, counted from 0. What it brings may depend on the number alone, so that a run can be
    /// resumed.
    fn start_epoch(&mut self, epoch: u64);

    /// Fills in up to as many samples as there are labels, and says how many; 0 at the end of the epoch.
    fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize;
}

/// Trains a network: owns it, the workspace and the optimiser's memory.
///
/// ```
/// use nn_core::{Network, Trainer, optim::Sgd};
/// // Is the first value the larger one?
/// let images = [0.0, 1.0, 1.0, 0.0, 0.2, 0.9, 0.8, 0.3];
/// let labels = [0, 1, 0, 1];
/// let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 1)?;
/// let mut trainer = Trainer::new(network, Sgd::new(0.5), 4)?;
/// let first = trainer.step(&images, &labels)?.loss;
/// for _ in 0..200 {
///     trainer.step(&images, &labels)?;
/// }
/// let last = trainer.step(&images, &labels)?;
/// assert!(last.loss < first && last.correct == 4);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer {
    network: Network,
    workspace: Workspace,
    optimizer: Optimizer,
    gradients: Buffer,
    first: Buffer,
    second: Buffer,
    steps: u64,
    seed: u64,
    // A batch on its way from a `Source`.
    images: Vec<f32>,
    labels: Vec<usize>,
}

/// What an epoch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochReport {
    /// Mean loss over the samples, each taken before its batch's step.
    pub loss: f64,
    /// Share of samples that were classified rightly, likewise.
    pub accuracy: f64,
    /// How many samples there were.
    pub samples: usize,
    /// Whether the callback ended the epoch early.
    pub stopped: bool,
}

/// How a network does on data it is not being trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of samples that were classified rightly.
    pub accuracy: f64,
    /// How many were.
    pub correct: usize,
    /// How many samples there were.
    pub count: usize,
}

impl Trainer {
    /// A trainer for batches of up to `batch` samples.
    ///
    /// # Errors
    /// If a setting of the optimiser is out of range, or `batch` is 0 or so large that it takes more than 16 GiB.
    pub fn new(network: Network, optimizer: impl Into<Optimizer>, batch: usize) -> Result<Self> {
        let optimizer = optimizer.into();
        optimizer.check()?;
        if batch == 0 {
            return Err(Error::Setting {
                name: "batch",
                value: batch.to_string(),
                reason: "a batch holds at least one sample",
            });
        }
        let len = network.parameters().len();
        let arena = |wanted: bool| Buffer::zeroed(if wanted { len } else { 0 });
        Ok(Self {
            workspace: Workspace::for_training(&network, batch)?,
            gradients: arena(optimizer.linear().is_none()),
            first: arena(optimizer.state() >= State::One),
            second: arena(optimizer.state() >= State::Two),
            images: vec![0.0; batch * network.spec().input().len()],
            labels: vec![0; batch],
            steps: 0,
            seed: 0,
            optimizer,
            network,
        })
    }

    /// Sets the seed of what is random in training, such as dropout; it is 0 unless it is set.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn moment(&self) -> Moment {
        Moment {
            seed: self.seed,
            step: self.steps,
            first_sample: 0,
        }
    }

    /// The network as it is now.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Ends training and keeps the network.
    #[must_use]
    pub fn into_network(self) -> Network {
        self.network
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The rule in force.
    #[must_use]
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Sets the learning rate from the next step on.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        let mut optimizer = self.optimizer;
        optimizer.set_learning_rate(learning_rate);
        optimizer.check()?;
        self.optimizer = optimizer;
        Ok(())
    }

    /// One step on one batch: `images` is `[batch, …]` with the input's shape, `labels` are the classes. The loss and
    /// the count of hits are those before the step.
    ///
    /// # Errors
    /// If the lengths do not fit, a label is no class, or the loss is not finite; the parameters then stay as they
    /// were.
    pub fn step(&mut self, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
        in_pool(|| self.step_here(images, labels))
    }

    /// An epoch: one step for each batch of the source. `on_step` sees each one's report and may end the epoch.
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub fn epoch<S: Source>(
        &mut self,
        source: &mut S,
        epoch: u64,
        mut on_step: impl FnMut(&BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        in_pool(|| {
            let (mut loss, mut correct) = (0.0, 0);
            let mut report = EpochReport::default();
            let mut images = std::mem::take(&mut self.images);
            let mut labels = std::mem::take(&mut self.labels);
            let sample = self.network.spec().input().len();
            source.start_epoch(epoch);
            let outcome = loop {
                let count = source.next_batch(&mut images, &mut labels);
                if count == 0 {
                    break Ok(());
                }
                let step = match self.step_here(&images[..count * sample], &labels[..count]) {
                    Ok(step) => step,
                    Err(error) => break Err(error),
                };
                loss += f64::from(step.loss) * count as f64;
                correct += step.correct;
                report.samples += count;
                if on_step(&step).is_break() {
                    report.stopped = true;
                    break Ok(());
                }
            };
            (self.images, self.labels) = (images, labels);
            outcome?;
            let samples = report.samples.max(1) as f64;
            report.loss = loss / samples;
            report.accuracy = correct as f64 / samples;
            Ok(report)
        })
    }

    fn step_here(&mut self, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
        let report = self.workspace.backward(&self.network, images, labels, self.moment())?;
        if !report.loss.is_finite() {
            return Err(Error::Diverged {
                loss: report.loss,
                step: self.steps,
                learning_rate: self.optimizer.learning_rate(),
            });
        }
        let images = MatRef::row_major(images, labels.len(), self.network.spec().input().len())?;
        let Self {
            network,
            workspace,
            optimizer,
            ..
        } = self;
        // The parameters are lent out piece by piece while the rest of the network is read.
        let mut parameters = std::mem::take(network.parameters_mut());
        let arenas = Arenas {
            parameters: &mut parameters,
            gradients: &mut self.gradients,
            first: &mut self.first,
            second: &mut self.second,
        };
        let (network, steps) = (&*network, self.steps);
        let update = |piece: &Piece, arenas: Arenas<'_>| match optimizer.linear() {
            Some(factors) => workspace.parameter_gradient(network, images, piece, factors, arenas.parameters),
            None => {
                workspace.parameter_gradient(network, images, piece, (1.0, 0.0), arenas.gradients);
                optimizer.update(steps, arenas);
            }
        };
        for_pieces(&network.plan().pieces, THREAD_WORK / labels.len(), arenas, &update);
        *self.network.parameters_mut() = parameters;
        self.steps += 1;
        Ok(report)
    }
}

/// The gradient of a batch's mean loss with respect to every parameter, as tensors like [`Network::tensors`]; and the
/// loss. For checks and experiments: training does not need it.
///
/// # Errors
/// If the lengths do not fit or a label is no class.
pub fn gradients(network: &Network, images: &[f32], labels: &[usize]) -> Result<(f32, Vec<Tensor>)> {
    let batch = images.len() / network.spec().input().len();
    let mut workspace = Workspace::for_training(network, batch.max(1))?;
    let report = workspace.backward(network, images, labels, Moment::default())?;
    let images = MatRef::row_major(images, labels.len(), network.spec().input().len())?;
    let mut gradients = Buffer::zeroed(network.parameters().len());
    let arenas = Arenas {
        gradients: &mut gradients,
        ..Arenas::default()
    };
    let compute = |piece: &Piece, arenas: Arenas<'_>| {
        workspace.parameter_gradient(network, images, piece, (1.0, 0.0), arenas.gradients);
    };
    for_pieces(&network.plan().pieces, usize::MAX, arenas, &compute);
    Ok((report.loss, network.export(&gradients)))
}

/// How a network does on all that `source` brings in one epoch.
///
/// # Errors
/// If the source brings labels that are no classes, or images of another size.
pub fn evaluate<S: Source>(network: &Network, source: &mut S, workspace: &mut Workspace) -> Result<Evaluation> {
    in_pool(|| {
        let (sample, outputs) = (network.spec().input().len(), network.spec().outputs());
        let mut images = vec![0.0; workspace.capacity() * sample];
        let mut labels = vec![0; workspace.capacity()];
        let mut unused = vec![0.0; outputs];
        let mut evaluation = Evaluation::default();
        source.start_epoch(0);
        loop {
            let count = source.next_batch(&mut images, &mut labels);
            if count == 0 {
                break;
            }
            let logits = network.logits(&images[..count * sample], workspace)?;
            for (sample, (logits, &label)) in logits.chunks(outputs).zip(&labels[..count]).enumerate() {
                if label >= outputs {
                    return Err(Error::Label {
                        label,
                        sample,
                        classes: outputs,
                    });
                }
                evaluation.loss += f64::from(loss::cross_entropy(logits, label, 1.0, &mut unused));
                evaluation.correct += usize::from(loss::argmax(logits) == label);
            }
            evaluation.count += count;
        }
        let count = evaluation.count.max(1) as f64;
        evaluation.loss /= count;
        evaluation.accuracy = evaluation.correct as f64 / count;
        Ok(evaluation)
    })
}

/// Hands out the pieces and their part of the arenas, in parallel where each half has at least `least` parameters.
fn for_pieces(pieces: &[Piece], least: usize, arenas: Arenas<'_>, work: &(impl Fn(&Piece, Arenas<'_>) + Sync)) {
    let len = |pieces: &[Piece]| pieces.iter().map(|piece| piece.len).sum::<usize>();
    match pieces {
        [] => {}
        [piece] => work(piece, arenas),
        _ => {
            let total = len(pieces);
            let mut middle = 1;
            while middle + 1 < pieces.len() && len(&pieces[..middle + 1]) <= total.div_ceil(2) {
                middle += 1;
            }
            let (left, right) = pieces.split_at(middle);
            let (left_arenas, right_arenas) = arenas.split_at(len(left));
            let left_work = || for_pieces(left, least, left_arenas, work);
            let right_work = || for_pieces(right, least, right_arenas, work);
            if total / 2 >= least {
                rayon::join(left_work, right_work);
            } else {
                left_work();
                right_work();
            }
        }
    }
}

/// Runs `f` on a thread of the current pool, so that what it shares out need not cross into the pool each time.
fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() == 1 {
        return f();
    }
    rayon::join(f, || ()).0
}
