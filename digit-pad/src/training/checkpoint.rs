//! Checkpoints of a training run, and its best weights so far; both carry its fingerprint.

use std::{collections::BTreeMap, mem::discriminant, path::Path};

use nn_core::{Cursor, Model, Network, Trainer, loss::CrossEntropy};

use crate::{error::Error, storage::file_kind::FileKind, training::fingerprint::Fingerprint};
pub use crate::{storage::exports::best_path, training::fingerprint::KEY as RUN};

/// Metadata key of the epoch of the best weights.
const EPOCH: &str = "epoch";

/// The state of a training run, new or resumed.
pub(crate) struct Run {
    pub(crate) trainer: Trainer,
    pub(crate) position: Cursor,
    /// `None` during the first epoch.
    pub(crate) best: Option<Best>,
}

impl Run {
    /// A run at its start.
    pub(crate) fn new(trainer: Trainer) -> Self {
        Run {
            trainer,
            position: Cursor::default(),
            best: None,
        }
    }
}

/// The best weights so far.
pub(crate) struct Best {
    pub(crate) network: Network,
    /// The epoch of the weights, from 1.
    pub(crate) epoch: usize,
}

/// Whether a checkpoint is of a version that did not store which data it is of, so that resuming cannot check them.
#[must_use]
pub fn is_without_fingerprint(path: &Path) -> bool {
    Model::load(path).is_ok_and(|model| Fingerprint::of(&model.notes).is_none())
}

/// The file of a run's checkpoint.
pub(crate) struct Checkpoint<'a> {
    path: &'a Path,
    /// The run that is to be resumed or saved.
    run: Fingerprint,
}

impl<'a> Checkpoint<'a> {
    pub(crate) fn new(path: &'a Path, run: Fingerprint) -> Self {
        Checkpoint { path, run }
    }

    /// Resumes the run in the file if it exists; otherwise starts with `fresh`. `batch` is the batch size, `batches` the
    /// number of batches per epoch.
    ///
    /// # Errors
    ///
    /// If the files cannot be read, or hold another run than `fresh` would start.
    pub(crate) fn resume_or(&self, fresh: Trainer, (batch, batches): (usize, usize)) -> Result<Run, Error> {
        let path = self.path;
        if !path.exists() {
            return Ok(Run::new(fresh));
        }
        FileKind::Checkpoint.expect(path)?;
        let (trainer, position) = Trainer::resume(path, batch)?;
        let saved = Fingerprint::of(&Model::load(path)?.notes);
        let difference = difference(&trainer, &fresh)
            .or_else(|| self.run.difference(saved.as_ref()?))
            .or_else(|| step_difference(&trainer, position, batches));
        if let Some(difference) = difference {
            return Err(mismatch(path, difference));
        }
        let best = (position.epoch > 0).then(|| self.load_best(saved.is_some()));
        Ok(Run {
            trainer,
            position,
            best: best.transpose()?,
        })
    }

    /// Loads the best weights, which have to be of this run. Early versions stored no fingerprint in either file.
    fn load_best(&self, has_fingerprint: bool) -> Result<Best, Error> {
        let path = &best_path(self.path);
        FileKind::Model.expect(path)?;
        let model = Model::load(path)?;
        let difference = match Fingerprint::of(&model.notes) {
            Some(saved) => self.run.difference(&saved),
            None => has_fingerprint.then(|| "its metadata name no run".to_owned()),
        };
        if let Some(difference) = difference {
            return Err(mismatch(path, difference));
        }
        let epoch = model.notes.get(EPOCH).and_then(|epoch| epoch.parse().ok());
        Ok(Best {
            network: model.network,
            epoch: epoch.ok_or_else(|| mismatch(path, "its metadata have no epoch".to_owned()))?,
        })
    }

    /// Saves a run. The best weights are written first: if the program ends in between, the run resumes one epoch earlier
    /// and finds them again.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub(crate) fn save(&self, trainer: &Trainer, position: Cursor, best: Option<(Model, usize)>) -> Result<(), Error> {
        if let Some((mut model, epoch)) = best {
            model
                .notes
                .extend([self.run.note(), (EPOCH.to_owned(), epoch.to_string())]);
            model.save(best_path(self.path))?;
        }
        let notes = BTreeMap::from([self.run.note()]);
        Ok(trainer.save_checkpoint_with(self.path, position, &notes)?)
    }
}

fn mismatch(path: &Path, difference: String) -> Error {
    Error::CheckpointMismatch {
        path: path.to_owned(),
        difference,
    }
}

/// Describes a difference in the number of steps, which comes from another batch size or other images.
fn step_difference(saved: &Trainer, position: Cursor, batches: usize) -> Option<String> {
    // The epoch of a damaged file may be any number.
    let expected = position
        .epoch
        .saturating_mul(batches as u64)
        .saturating_add(position.batches);
    let differs = saved.steps() != expected || position.batches > batches as u64;
    differs.then(|| {
        format!(
            "it took {} steps to epoch {}, step {}, and this run would take {expected} at {batches} steps per epoch; \
             the batch size or the images differ",
            saved.steps(),
            position.epoch.saturating_add(1),
            position.batches
        )
    })
}

/// Describes the first difference between the settings of two runs, and names the options that set it.
fn difference(saved: &Trainer, requested: &Trainer) -> Option<String> {
    let networks = (saved.network().spec(), requested.network().spec());
    let seeds = (saved.seed(), requested.seed());
    let optimizers = (saved.optimizer(), requested.optimizer());
    let rates = (optimizers.0.learning_rate(), optimizers.1.learning_rate());
    let differs = |what: &str, options: &str| Some(format!("its {what} differs ({options})"));
    if networks.0 != networks.1 {
        Some(format!(
            "its network is {}, not {} (--net, --preset)",
            networks.0, networks.1
        ))
    } else if seeds.0 != seeds.1 {
        Some(format!("its seed is {}, not {} (--seed)", seeds.0, seeds.1))
    } else if discriminant(optimizers.0) != discriminant(optimizers.1) {
        differs("optimizer", "--optimizer, --preset")
    } else if rates.0 != rates.1 {
        Some(format!(
            "its peak learning rate is {}, not {} (--lr, --preset)",
            rates.0, rates.1
        ))
    } else if optimizers.0 != optimizers.1 {
        differs("optimizer's settings", "--preset")
    } else if saved.schedule() != requested.schedule() {
        differs("learning-rate schedule", "--epochs, --batch, --limit, --val, --preset")
    } else if cross_entropy(saved) != cross_entropy(requested) {
        differs("label smoothing", "--preset")
    } else if saved.average() != requested.average() {
        differs("weight averaging", "--preset")
    } else if frozen(saved) != frozen(requested) {
        differs("choice of frozen layers", "--head-only")
    } else {
        None
    }
}

/// Which parameters are frozen, layer by layer.
fn frozen(trainer: &Trainer) -> Vec<bool> {
    let settings = trainer.parameter_settings();
    settings.iter().map(|parameter| parameter.frozen).collect()
}

fn cross_entropy(trainer: &Trainer) -> Option<&CrossEntropy> {
    trainer.loss().downcast_ref()
}

#[cfg(test)]
mod tests {
    use nn_core::optim::Sgd;

    use super::*;

    #[test]
    fn an_impossible_epoch_is_a_difference() {
        let network = Network::new("2 | dense 2".parse().unwrap(), 1).unwrap();
        let trainer = Trainer::new(network, Sgd::new(0.1), 4).unwrap();
        let start = Cursor::default();
        assert_eq!(step_difference(&trainer, start, 2), None);
        // Epoch 2⁶³ of two batches each would be step 0 if the product wrapped.
        for (epoch, batches) in [(1 << 63, 0), (u64::MAX, 0), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            let position = Cursor { epoch, batches };
            let difference = step_difference(&trainer, position, 2);
            assert!(
                difference.is_some_and(|text| text.contains("it took 0 steps")),
                "{position:?}"
            );
        }
    }
}
