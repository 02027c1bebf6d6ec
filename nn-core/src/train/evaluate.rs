//! Evaluation: loss and accuracy of a network on data that it is not trained on.

use super::{
    source::{Batch, Source, at_place, next_batch, start_epoch},
    trainer::Trainer,
};
use crate::{
    error::{Error, Result},
    exec::{Workspace, in_pool},
    loss::{Loss, Target, argmax},
    network::Network,
};

/// Loss and accuracy of a network on data that it is not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean loss of the samples, weighted where they have weights.
    pub loss: f64,
    /// Share of samples that are classified correctly; `None` where targets are values.
    pub accuracy: Option<f64>,
    /// Number of samples that are classified correctly; `None` where targets are values.
    pub correct: Option<usize>,
    /// Number of samples, without those of weight 0, such as those of an ignored class.
    pub count: usize,
}

/// Evaluates a network on one epoch of `source`, in batches of the workspace's capacity. Give it the loss that the
/// network is trained with ([`Trainer::evaluate`](crate::Trainer::evaluate) does).
///
/// # Errors
/// If the source fails or has no samples, the loss does not take a target, or all samples have weight 0; or if the
/// workspace has no room at all or was made for another network.
pub fn evaluate<S: Source + ?Sized>(
    network: &Network,
    source: &mut S,
    loss: &dyn Loss,
    workspace: &mut Workspace,
) -> Result<Evaluation> {
    evaluate_with(network, source, loss, workspace, |_, _| {})
}

/// As [`evaluate()`], and shows `each` the outputs and the target of every sample that counts, for
/// [metrics](crate::metrics).
///
/// ```
/// use nn_core::{Network, Samples, Workspace, evaluate_with, loss::MeanSquaredError, metrics::AbsoluteError};
/// let network = Network::new("2 | dense 1".parse()?, 42)?;
/// let mut samples = Samples::new(&[0.0, 1.0, 1.0, 0.0], &[0.5, 1.5]);
/// let mut workspace = Workspace::new(&network, 32)?;
/// let mut error = AbsoluteError::default();
/// let evaluation = evaluate_with(&network, &mut samples, &MeanSquaredError, &mut workspace, |outputs, target| {
///     error.add(outputs, target);
/// })?;
/// assert!(error.mean().unwrap().powi(2) <= evaluation.loss);
/// # Ok::<(), nn_core::Error>(())
/// ```
///
/// # Errors
/// As [`evaluate()`].
pub fn evaluate_with<S: Source + ?Sized>(
    network: &Network,
    source: &mut S,
    loss: &dyn Loss,
    workspace: &mut Workspace,
    each: impl FnMut(&[f32], Target<'_>) + Send,
) -> Result<Evaluation> {
    let (input, outputs) = (network.spec().input().len(), network.spec().outputs());
    let mut batch = Batch::new(workspace.capacity(), input, outputs);
    evaluate_in(network, source, loss, (workspace, &mut batch), each)
}

impl Trainer {
    /// Evaluates the network in its current state on one epoch of `source`, with the trainer's loss.
    ///
    /// # Errors
    /// If the source fails or has no samples, the loss does not take a target, or all samples have weight 0.
    pub fn evaluate<S: Source + ?Sized>(&mut self, source: &mut S) -> Result<Evaluation> {
        self.evaluate_network(None, source, None)
    }

    /// Evaluates a network of the same layers, or else the trainer's own, with another loss, or else the trainer's, in
    /// the trainer's memory.
    pub(super) fn evaluate_network<S: Source + ?Sized>(
        &mut self,
        network: Option<&Network>,
        source: &mut S,
        loss: Option<&dyn Loss>,
    ) -> Result<Evaluation> {
        let mut batch = self.take_batch();
        let network = network.unwrap_or(&self.network);
        let loss = loss.unwrap_or(&*self.settings.loss);
        let memory = (&mut self.workspace, &mut batch);
        let outcome = evaluate_in(network, source, loss, memory, |_, _| {});
        self.return_batch(batch);
        outcome
    }
}

/// [`evaluate_with`] in given memory.
fn evaluate_in<S: Source + ?Sized>(
    network: &Network,
    source: &mut S,
    loss: &dyn Loss,
    (workspace, batch): (&mut Workspace, &mut Batch),
    mut each: impl FnMut(&[f32], Target<'_>) + Send,
) -> Result<Evaluation> {
    if workspace.capacity() == 0 {
        return Err(Error::Setting {
            name: "the workspace's capacity",
            value: "0".to_owned(),
            reason: "evaluation needs room for at least one sample; make a larger one",
        });
    }
    let outputs = network.spec().outputs();
    loss.check(outputs)?;
    in_pool(|| {
        let mut totals = Totals::new(outputs);
        start_epoch(source, 0, network.spec().input())?;
        loop {
            let place = (totals.batches, totals.samples);
            if !next_batch(source, batch).map_err(|error| at_place(error, source, None, place))? {
                break;
            }
            let predicted = network.forward(batch.inputs(), workspace)?;
            let targets = batch.targets();
            let weight = targets.check(loss, batch.len(), outputs);
            totals.weight += weight.map_err(|error| at_place(error, source, None, place))?;
            totals.batches += 1;
            for (sample, outputs) in predicted.chunks(outputs).enumerate() {
                let target = targets.get(sample, outputs.len());
                if totals.add(loss, outputs, target, targets.weight(sample)) {
                    each(outputs, target);
                }
            }
        }
        totals.evaluation()
    })
}

/// Sums over samples.
struct Totals {
    loss: f64,
    weight: f64,
    batches: u64,
    /// All samples, also those of weight 0.
    samples: usize,
    count: usize,
    correct: usize,
    /// Samples that count and whose targets are classes.
    classes: usize,
    gradient: Vec<f32>,
}

impl Totals {
    fn new(outputs: usize) -> Self {
        Self {
            loss: 0.0,
            weight: 0.0,
            batches: 0,
            samples: 0,
            count: 0,
            correct: 0,
            classes: 0,
            gradient: vec![0.0; outputs],
        }
    }

    /// Adds a sample; returns whether it counts.
    fn add(&mut self, loss: &dyn Loss, outputs: &[f32], target: Target<'_>, weight: f32) -> bool {
        self.samples += 1;
        if weight != 0.0 {
            self.loss += f64::from(weight) * f64::from(loss.of_sample(outputs, target, &mut self.gradient));
        }
        let counts = weight * loss.weight(target) != 0.0;
        if counts {
            self.count += 1;
            self.classes += usize::from(target.class().is_some());
            // NaN is no prediction.
            let is_number = !outputs.iter().any(|output| output.is_nan());
            self.correct += usize::from(is_number && target.class() == Some(argmax(outputs)));
        }
        counts
    }

    fn evaluation(self) -> Result<Evaluation> {
        if self.samples == 0 {
            return Err(Error::NoSamples { epoch: 0 });
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err(Error::NoWeight {
                batch: self.samples,
                total: self.weight,
            });
        }
        let correct = (self.classes == self.count).then_some(self.correct);
        Ok(Evaluation {
            loss: self.loss / self.weight,
            accuracy: correct.map(|correct| correct as f64 / self.count as f64),
            correct,
            count: self.count,
        })
    }
}
