//! Samples in memory as a data source, in order or shuffled.

use rand::seq::SliceRandom;

use super::{Batch, Source, SourceResult};
use crate::{
    error::{check_length, counted},
    loss::Targets,
    rng,
};

/// Samples in memory as a data source: in order, or [shuffled](Self::shuffled).
///
/// ```
/// use std::ops::ControlFlow;
/// use nn_core::{Network, Samples, Trainer, loss::MeanSquaredError, optim::Adam};
/// // y = 2x + 1
/// let inputs: Vec<f32> = (0..100).map(|i| i as f32 / 50.0 - 1.0).collect();
/// let targets: Vec<f32> = inputs.iter().map(|x| 2.0 * x + 1.0).collect();
/// let mut samples = Samples::new(&inputs, &targets).shuffled(42);
///
/// let network = Network::new("1 | dense 1".parse()?, 42)?;
/// let mut trainer = Trainer::new(network, Adam::new(0.1), 20)?.with_loss(MeanSquaredError)?;
/// for epoch in 0..50 {
///     trainer.epoch(&mut samples, epoch, |_, _| ControlFlow::Continue(()))?;
/// }
/// assert!((trainer.network().predict(&[0.5])?[0] - 2.0).abs() < 0.01);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    inputs: &'a [f32],
    targets: Targets<'a>,
    /// The seed of the shuffle.
    seed: Option<u64>,
    drops_last: bool,
    epoch: u64,
    /// The samples in the order of the epoch, once its first batch is taken.
    order: Vec<usize>,
    done: usize,
}

impl<'a> Samples<'a> {
    /// Samples in order: `inputs` is `[samples, …]` with the input's shape, and targets are as those of a
    /// [step](crate::Trainer::step).
    #[must_use]
    pub fn new(inputs: &'a [f32], targets: impl Into<Targets<'a>>) -> Self {
        Self {
            inputs,
            targets: targets.into(),
            seed: None,
            drops_last: false,
            epoch: 0,
            order: Vec::new(),
            done: 0,
        }
    }

    /// Shuffles the samples before each epoch. The order depends on the seed and the epoch alone.
    #[must_use]
    pub fn shuffled(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Leaves out the last samples of an epoch if they do not fill a batch, as PyTorch's `drop_last=True`.
    #[must_use]
    pub fn drop_last(mut self) -> Self {
        self.drops_last = true;
        self
    }

    /// Puts the samples into the order of the epoch.
    fn arrange(&mut self, samples: usize) {
        self.order.clear();
        self.order.extend(0..samples);
        if let Some(seed) = self.seed {
            self.order.shuffle(&mut rng::stream(seed, self.epoch));
        }
    }
}

impl Source for Samples<'_> {
    fn start_epoch(&mut self, epoch: u64) -> SourceResult {
        (self.epoch, self.done) = (epoch, 0);
        Ok(())
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        let (input, outputs) = (batch.input_len(), batch.outputs());
        if self.done == 0 {
            let samples = self.inputs.len() / input;
            check_length("inputs", self.inputs.len(), samples * input, || {
                format!("{} of {}", counted(samples, "sample"), counted(input, "value"))
            })?;
            self.targets.check_lengths(samples, outputs)?;
            self.arrange(samples);
        }
        if self.drops_last && self.order.len() - self.done < batch.capacity() {
            return Ok(());
        }
        for &sample in self.order[self.done..].iter().take(batch.capacity()) {
            let target = self.targets.get(sample, outputs);
            batch.push_weighted(
                &self.inputs[sample * input..][..input],
                target,
                self.targets.weight(sample),
            )?;
        }
        self.done += batch.len();
        Ok(())
    }

    fn index_of(&self, nth: usize) -> Option<usize> {
        self.order.get(nth).copied()
    }

    fn last_batch_len(&self, batch: &Batch) -> Option<usize> {
        let (samples, capacity) = (self.inputs.len() / batch.input_len(), batch.capacity().max(1));
        let rest = samples % capacity;
        (rest > 0 && !self.drops_last).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs of an epoch, one value each, in batches of two.
    fn epoch(samples: &mut Samples<'_>, epoch: u64) -> Vec<f32> {
        let mut batch = Batch::new(2, 1, 1);
        let mut all = Vec::new();
        samples.start_epoch(epoch).unwrap();
        loop {
            batch.clear();
            samples.next_batch(&mut batch).unwrap();
            if batch.is_empty() {
                return all;
            }
            for (sample, &input) in batch.inputs().iter().enumerate() {
                let target = batch.targets().get(sample, 1).value(0);
                assert_eq!((target, batch.targets().weight(sample)), (10.0 * input, 0.5 * input));
            }
            all.extend_from_slice(batch.inputs());
        }
    }

    #[test]
    fn each_sample_comes_once_an_epoch_with_its_target_and_weight() {
        let inputs: Vec<f32> = (0..7).map(|i| i as f32).collect();
        let targets: Vec<f32> = inputs.iter().map(|x| 10.0 * x).collect();
        let weights: Vec<f32> = inputs.iter().map(|x| 0.5 * x).collect();
        let mut in_order = Samples::new(&inputs, Targets::values(&targets).with_weights(&weights));
        assert_eq!(epoch(&mut in_order, 3), inputs);
        let mut shuffled = in_order.clone().shuffled(1);
        let orders: Vec<_> = (0..3).map(|number| epoch(&mut shuffled, number)).collect();
        assert!(orders[0] != orders[1] && orders[1] != orders[2], "{orders:?}");
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, inputs);
        }
        assert_eq!(
            epoch(&mut in_order.shuffled(1), 2),
            orders[2],
            "the seed and the epoch decide"
        );
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let message = |inputs: &[f32], targets: Targets<'_>| {
            let outcome = Samples::new(inputs, targets).next_batch(&mut Batch::new(2, 2, 3));
            outcome.unwrap_err().to_string()
        };
        assert!(message(&[0.0; 5], Targets::classes(&[0; 2])).contains("expected 4"));
        assert!(message(&[0.0; 4], Targets::classes(&[0; 3])).contains("expected 2"));
        assert!(message(&[0.0; 4], Targets::values(&[0.0; 3])).contains("expected 6"));
        let weighted = Targets::classes(&[0; 2]).with_weights(&[1.0]);
        assert!(message(&[0.0; 4], weighted).contains("sample weights"));
    }

    #[test]
    fn no_samples_are_an_empty_epoch() {
        let mut batch = Batch::new(2, 1, 1);
        Samples::new(&[], Targets::classes(&[])).next_batch(&mut batch).unwrap();
        assert!(batch.is_empty());
    }
}
