//! Checkpoints: the complete state of a training run, from which it resumes exactly.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;

use super::{
    file::{FileTensor, Input, TRAINING, in_file, reason, write},
    rules_json::RulesJson,
    training_json::TrainingJson,
};
use crate::{
    error::{Error, Result},
    loss::Loss,
    model::Model,
    network::{Network, Tensor},
    spec::LayerRegistry,
    train::{Cursor, ParameterRules, Progress, Settings, Trainer},
};

const CHECKPOINT_VERSION: u64 = 1;
/// Name in files of the arena `exp_avg_sq`.
const EXP_AVG_SQ: &str = "second";

impl Trainer {
    /// Writes a checkpoint, atomically: weights, optimizer state, average, settings, parameter groups, frozen parameters,
    /// step count, and `next`, where to resume ([`EpochReport::next`](crate::EpochReport::next)).
    ///
    /// The file is also a weights file that [`Model::load`] reads. Beside the weights it holds the tensors
    /// `training.first.<tensor>` (Adam's `exp_avg`, or SGD's momentum buffer), `training.second.<tensor>` (Adam's
    /// `exp_avg_sq`) and `training.average.<tensor>`.
    ///
    /// A trainer knows neither the scaling of its inputs nor the names of its outputs, so the file has no
    /// [`scaling`](Model::scaling) and no [`labels`](Model::labels); set them on a model loaded from it.
    ///
    /// # Errors
    /// If the file cannot be written, a value is not finite, or gradients have been [accumulated](Self::accumulate) and
    /// not applied.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>, next: Cursor) -> Result<()> {
        self.save_checkpoint_with(path, next, &BTreeMap::new())
    }

    /// As [`save_checkpoint`](Self::save_checkpoint), with metadata of the caller's, such as the data of the run; a model
    /// loaded from the file has them as its [`notes`](Model::notes).
    ///
    /// # Errors
    /// As [`save_checkpoint`](Self::save_checkpoint), and if a note has the name of one of the file's own metadata entries.
    pub fn save_checkpoint_with(
        &self,
        path: impl AsRef<Path>,
        next: Cursor,
        notes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let path = path.as_ref();
        let bytes = self
            .checkpoint_with(next, notes)
            .map_err(|error| in_file(error, path))?;
        write(path, &bytes)
    }

    /// The bytes of a checkpoint, as [`save_checkpoint`](Self::save_checkpoint) writes them.
    ///
    /// # Errors
    /// If a value is not finite, or gradients have been [accumulated](Self::accumulate) and not applied, which the file
    /// would not hold.
    pub fn checkpoint(&self, next: Cursor) -> Result<Vec<u8>> {
        self.checkpoint_with(next, &BTreeMap::new())
    }

    fn checkpoint_with(&self, next: Cursor, notes: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        let accumulated = self.accumulated_batches();
        if accumulated > 0 {
            return Err(Error::weights(format!(
                "gradients are accumulated (batches: {accumulated}), which a checkpoint does not hold; call \
                 `Trainer::apply` before it is saved"
            )));
        }
        let training = TrainingJson {
            checkpoint_version: CHECKPOINT_VERSION,
            settings: self.settings().into(),
            parameters: RulesJson::new(self.network(), self.parameter_rules()),
            progress: self.progress().into(),
            next: next.into(),
        };
        let training = serde_json::to_string(&training).map_err(|error| Error::weights(error.to_string()))?;
        let network = self.network();
        let tensors = self.optimizer_state().named().flat_map(|(name, arena)| {
            let mut tensors = network.export(arena);
            for tensor in &mut tensors {
                tensor.name.insert_str(0, &prefix(name));
            }
            tensors
        });
        let mut model = Model::new(network.clone());
        model.notes.clone_from(notes);
        model.to_bytes_with(tensors.collect(), Some(training))
    }

    /// Resumes from a checkpoint, with batches of up to `batch` samples; returns the trainer and the position to
    /// continue at.
    ///
    /// With the same kernel, the following steps are the same to the bit as without the interruption, for any number of
    /// threads.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use nn_core::{Network, Cursor, Samples, Trainer, optim::{Adam, Schedule}};
    /// # let (inputs, targets) = ([0.0, 1.0, 1.0, 1.0, 2.0, 1.0], [0, 1, 0]);
    /// let mut samples = Samples::new(&inputs, &targets).shuffled(1);
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.safetensors");
    /// let (mut trainer, mut position) = if path.exists() {
    ///     Trainer::resume(&path, 32)?
    /// } else {
    ///     let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 1)?;
    ///     let trainer = Trainer::new(network, Adam::new(0.01), 32)?;
    ///     (trainer.with_schedule(Schedule::cosine(1000.0, 0.0))?, Cursor::default())
    /// };
    /// while position.epoch < 4 {
    ///     let report = trainer.epoch_from(&mut samples, position, |_, _| ControlFlow::Continue(()))?;
    ///     position = report.next;
    ///     trainer.save_checkpoint(&path, position)?;
    /// }
    /// # assert_eq!(Trainer::resume(&path, 32)?.1, position);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or is not a valid checkpoint, or `batch` is out of range.
    pub fn resume(path: impl AsRef<Path>, batch: usize) -> Result<(Self, Cursor)> {
        Self::resume_with(path, batch, &LayerRegistry::new(), None)
    }

    /// As [`resume`](Self::resume), for a run with layers or a loss that are not built in: the checkpoint has only the
    /// layers' text and the loss's [name](Loss::name), so give them again.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use nn_core::{Cursor, LayerRegistry, Loss, Network, Target, Trainer, optim::Sgd};
    ///
    /// #[derive(Debug)]
    /// struct Squared;
    ///
    /// impl Loss for Squared {
    ///     fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
    ///         let difference = outputs[0] - target.value(0);
    ///         gradient[0] = 2.0 * difference;
    ///         difference * difference
    ///     }
    /// }
    ///
    /// let network = Network::new("2 | dense 1".parse()?, 42)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 4)?.with_loss(Squared)?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("run.safetensors");
    /// trainer.save_checkpoint(&path, Cursor::default())?;
    /// let (resumed, _) = Trainer::resume_with(&path, 4, &LayerRegistry::new(), Some(Arc::new(Squared)))?;
    /// assert_eq!(resumed.network().tensors(), trainer.network().tensors());
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and if the run has layers that the registry does not know, or another loss.
    pub fn resume_with(
        path: impl AsRef<Path>,
        batch: usize,
        registry: &LayerRegistry,
        loss: Option<Arc<dyn Loss>>,
    ) -> Result<(Self, Cursor)> {
        let path = path.as_ref();
        let resumed = Self::resume_input(&Input::open(path)?, batch, registry, loss);
        resumed.map_err(|error| in_file(error, path))
    }

    /// As [`resume`](Self::resume), from the bytes of the checkpoint.
    ///
    /// # Errors
    /// If the bytes are not a valid checkpoint, or `batch` is out of range.
    pub fn resume_from(bytes: &[u8], batch: usize) -> Result<(Self, Cursor)> {
        Self::resume_input(&Input::Bytes(bytes), batch, &LayerRegistry::new(), None)
    }

    fn resume_input(
        input: &Input<'_>,
        batch: usize,
        registry: &LayerRegistry,
        loss: Option<Arc<dyn Loss>>,
    ) -> Result<(Self, Cursor)> {
        let (model, training, mut tensors) = Model::parse_with(input, None, registry)?;
        let (settings, rules, progress, next) = parse(training.as_deref(), loss, &model.network)?;
        let mut trainer = Self::with_settings(model.network.clone(), settings, batch)?;
        trainer.restore(progress, rules);
        for (name, arena) in trainer.optimizer_state_mut().named_mut() {
            let (own, others) = tensors
                .into_iter()
                .partition(|tensor| tensor.name.starts_with(&prefix(name)));
            tensors = others;
            import(&model.network, name, own, arena)?;
        }
        if let Some(tensor) = tensors.first() {
            return Err(Error::weights(format!(
                "tensor {} does not belong to a checkpoint with these settings: {:?}",
                tensor.name,
                trainer.settings()
            )));
        }
        Ok((trainer, next))
    }
}

/// Prefix of the names of an arena's tensors.
fn prefix(arena: &str) -> String {
    format!("{TRAINING}.{arena}.")
}

/// Parses and checks the training state in a checkpoint's metadata; `loss` is the one that the caller gives.
fn parse(
    training: Option<&str>,
    loss: Option<Arc<dyn Loss>>,
    network: &Network,
) -> Result<(Settings, ParameterRules, Progress, Cursor)> {
    let Some(text) = training else {
        return Err(Error::weights(
            "a weights file, but not a checkpoint: it has no training state".to_owned(),
        ));
    };
    let unreadable = |error: serde_json::Error| Error::weights(format!("the training state cannot be parsed: {error}"));
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    // First, since the rest depends on the version.
    let version = &value["checkpoint_version"];
    if *version != CHECKPOINT_VERSION {
        return Err(Error::weights(format!(
            "checkpoint_version is {version}, and only {CHECKPOINT_VERSION} is supported; the file is from another \
             version of the program"
        )));
    }
    let training: TrainingJson = serde_json::from_value(value).map_err(unreadable)?;
    let settings = training.settings.into_settings(loss).map_err(Error::weights)?;
    let progress = Progress::from(training.progress);
    // Not the caller's setting, so not an `Error::Setting`.
    let checked = settings.check(network.spec().outputs());
    checked.map_err(|error| Error::weights(format!("a setting of the training state is out of range: {error}")))?;
    let rules = match training.parameters {
        Some(json) => json.rules(network, progress.steps),
        None => Ok(ParameterRules::new(network)),
    };
    let rules = rules.map_err(|error| Error::weights(format!("the training state's parameters: {}", reason(error))))?;
    if !progress.is_plausible() {
        return Err(Error::weights(format!("the step counts are impossible: {progress:?}")));
    }
    Ok((settings, rules, progress, training.next.into()))
}

/// Fills an arena from its tensors, whose names have its prefix.
fn import(network: &Network, arena: &str, tensors: Vec<FileTensor<'_>>, values: &mut [f32]) -> Result<()> {
    let prefix = prefix(arena);
    let slots = Network::slots(network.spec());
    let shapes: BTreeMap<_, _> = slots.iter().map(|slot| (slot.name.as_str(), &slot.shape)).collect();
    let tensors = tensors.iter().map(|tensor| {
        let name = &tensor.name[prefix.len()..];
        // Other values are not read, since they may be far larger than the network; `Network::import` refuses the tensor.
        let fits = shapes.get(name).is_some_and(|&shape| *shape == tensor.shape);
        Ok(Tensor {
            name: name.to_owned(),
            shape: tensor.shape.clone(),
            values: if fits { tensor.values()? } else { Vec::new() },
        })
    });
    let tensors: Vec<Tensor> = tensors.collect::<Result<_>>()?;
    let imported = network
        .import(&tensors)
        .map_err(|error| Error::weights(format!("tensors {prefix}*: {}", reason(error))))?;
    // Adam takes the square root of these.
    if arena == EXP_AVG_SQ && imported.iter().any(|&value| value < 0.0) {
        return Err(Error::weights(format!(
            "a tensor {prefix}* has a value below 0, but averages of squares are at least 0"
        )));
    }
    values.copy_from_slice(&imported);
    Ok(())
}
