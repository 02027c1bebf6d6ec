//! Checkpoints: all of a training run in a file, from which it goes on as if nothing had happened.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Model,
    safetensors::{TRAINING, damaged, in_file, read, write},
};
use crate::{
    error::Result,
    network::{Network, Tensor},
    train::{Cursor, Progress, Settings, Trainer},
};

const CHECKPOINT_VERSION: u64 = 1;

/// How training stands, beside its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    checkpoint_version: u64,
    settings: Settings,
    progress: Progress,
    next: Cursor,
}

impl Trainer {
    /// Writes a checkpoint: the weights, what the optimiser has gathered, the average, all settings, the number of
    /// steps, and `next`, where training goes on ([`EpochReport::next`](crate::EpochReport::next)). It is written
    /// beside and renamed, so that a file of that name is replaced whole or stays as it was.
    ///
    /// The file is a weights file too, which [`Model::load`] reads: tensors beside the weights are called
    /// `training.first.<tensor>`, `training.second.<tensor>` and `training.average.<tensor>`.
    ///
    /// A trainer knows neither how its inputs were scaled nor the names of the outputs, so a checkpoint holds no
    /// [`scaling`](Model::scaling) and no [`labels`](Model::labels). A model loaded from it takes inputs as they come,
    /// with mean 0 and standard deviation 1: where training scaled them, set both before it predicts or is saved.
    ///
    /// # Errors
    /// If the file cannot be written, or a value to go into it is not finite.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>, next: Cursor) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.checkpoint(next).map_err(|error| in_file(error, path))?;
        write(path, &bytes)
    }

    /// The bytes of a checkpoint.
    ///
    /// # Errors
    /// If a value to go into it is not finite.
    pub fn checkpoint(&self, next: Cursor) -> Result<Vec<u8>> {
        let training = Training {
            checkpoint_version: CHECKPOINT_VERSION,
            settings: *self.settings(),
            progress: *self.progress(),
            next,
        };
        let training = serde_json::to_string(&training).map_err(|error| damaged(error.to_string()))?;
        let network = self.network();
        let tensors = self.optimizer_state().named().flat_map(|(name, arena)| {
            let mut tensors = network.export(arena);
            for tensor in &mut tensors {
                tensor.name.insert_str(0, &prefix(name));
            }
            tensors
        });
        Model::new(network.clone()).to_bytes_with(tensors.collect(), Some(training))
    }

    /// Goes on from a checkpoint, with batches of up to `batch` samples; also says where. The steps that follow have
    /// the same bits as if training had not been interrupted, on any number of threads; another kernel rounds
    /// otherwise.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use nn_core::{Network, Cursor, Source, Trainer, optim::{Adam, Schedule}};
    /// # struct Samples(usize);
    /// # impl Source for Samples {
    /// #     fn start_epoch(&mut self, _: u64) { self.0 = 3; }
    /// #     fn next_batch(&mut self, inputs: &mut [f32], targets: &mut [usize]) -> usize {
    /// #         if self.0 == 0 { return 0; }
    /// #         self.0 -= 1;
    /// #         (inputs[0], inputs[1], targets[0]) = (self.0 as f32, 1.0, self.0 % 2);
    /// #         1
    /// #     }
    /// # }
    /// # let mut samples = Samples(0);
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.safetensors");
    /// let (mut trainer, mut cursor) = if path.exists() {
    ///     Trainer::resume(&path, 32)?
    /// } else {
    ///     let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 1)?;
    ///     let trainer = Trainer::new(network, Adam::new(0.01), 32)?;
    ///     (trainer.with_schedule(Schedule::cosine(1000.0, 0.0))?, Cursor::default())
    /// };
    /// while cursor.epoch < 4 {
    ///     let report = trainer.epoch_from(&mut samples, cursor, |_, _| ControlFlow::Continue(()))?;
    ///     cursor = report.next;
    ///     trainer.save_checkpoint(&path, cursor)?;
    /// }
    /// # assert_eq!(Trainer::resume(&path, 32)?.1, cursor);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read, is no checkpoint or a damaged one, or `batch` is out of range.
    pub fn resume(path: impl AsRef<Path>, batch: usize) -> Result<(Self, Cursor)> {
        let path = path.as_ref();
        Self::resume_from(&read(path)?, batch).map_err(|error| in_file(error, path))
    }

    /// As [`resume`](Self::resume), from the checkpoint's bytes.
    ///
    /// # Errors
    /// If the bytes are no checkpoint or a damaged one, or `batch` is out of range.
    pub fn resume_from(bytes: &[u8], batch: usize) -> Result<(Self, Cursor)> {
        let (model, training, mut tensors) = Model::parse_with(bytes, None)?;
        let training = parse(training.as_deref())?;
        let mut trainer = Self::with_settings(model.network.clone(), training.settings, batch)?;
        *trainer.progress_mut() = training.progress;
        for (name, arena) in trainer.optimizer_state_mut().named_mut() {
            let (own, others) = tensors
                .into_iter()
                .partition(|tensor| tensor.name.starts_with(&prefix(name)));
            tensors = others;
            import(&model.network, name, own, arena)?;
        }
        if let Some(tensor) = tensors.first() {
            return Err(damaged(format!(
                "tensor {} is no part of a checkpoint with these settings: {:?}",
                tensor.name, training.settings
            )));
        }
        Ok((trainer, training.next))
    }
}

/// How the names of an arena's tensors begin.
fn prefix(arena: &str) -> String {
    format!("{TRAINING}.{arena}.")
}

fn parse(training: Option<&str>) -> Result<Training> {
    let Some(text) = training else {
        return Err(damaged(
            "this is a weights file and no checkpoint: it does not say how training stands".to_owned(),
        ));
    };
    let unreadable = |error: serde_json::Error| damaged(format!("how training stands cannot be read: {error}"));
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    // Before the rest, which another version may have otherwise.
    let version = &value["checkpoint_version"];
    if *version != CHECKPOINT_VERSION {
        return Err(damaged(format!(
            "checkpoint_version is {version}, and only {CHECKPOINT_VERSION} is known here; another version of the \
             program wrote this file"
        )));
    }
    let training: Training = serde_json::from_value(value).map_err(unreadable)?;
    // A setting in a file is the file's fault, and the caller is not asked to mend it.
    let checked = training.settings.check();
    checked.map_err(|error| damaged(format!("how training is set: {error}")))?;
    if !training.progress.is_plausible() {
        return Err(damaged(format!(
            "no run comes as far as this one says: {:?}",
            training.progress
        )));
    }
    Ok(training)
}

/// Fills an arena from its tensors, whose names have its prefix.
fn import(network: &Network, arena: &str, mut tensors: Vec<Tensor>, values: &mut [f32]) -> Result<()> {
    let prefix = prefix(arena);
    for tensor in &mut tensors {
        tensor.name.drain(..prefix.len());
    }
    let imported = network
        .import(tensors)
        .map_err(|error| damaged(format!("of the tensors {prefix}*: {error}")))?;
    // The second moment is a mean of squares, of which a root is taken.
    if arena == "second" && imported.iter().any(|&value| value < 0.0) {
        return Err(damaged(format!(
            "a tensor {prefix}* has a value below 0, and holds squares"
        )));
    }
    values.copy_from_slice(&imported);
    Ok(())
}
