//! Checkpoints of a training run, and its best weights so far.

use std::path::{Path, PathBuf};

use nn_core::{Cursor, Network, Trainer, formats::Model};

use crate::error::Error;

/// The note that says which epoch the best weights are of.
const EPOCH: &str = "epoch";

/// A run at its beginning or on its way.
pub(crate) struct Run {
    pub(crate) trainer: Trainer,
    pub(crate) position: Cursor,
    /// None before the end of the first epoch.
    pub(crate) best: Option<Best>,
}

/// The best weights so far.
pub(crate) struct Best {
    pub(crate) network: Network,
    /// The epoch that they are of, counted from 1.
    pub(crate) epoch: usize,
}

/// Where the best weights of a run are: `run.best.safetensors` for `run.safetensors`.
#[must_use]
pub fn best_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".best.");
    name.push(path.extension().unwrap_or("safetensors".as_ref()));
    path.with_file_name(name)
}

/// The run in that file, if there is one; else one that begins with `fresh`, in batches of so many images, so many to
/// the epoch.
///
/// # Errors
/// If the files cannot be read, or hold another run than the one that `fresh` begins.
pub(crate) fn resume_or(path: Option<&Path>, fresh: Trainer, (batch, batches): (usize, usize)) -> Result<Run, Error> {
    let Some(path) = path.filter(|path| path.exists()) else {
        return Ok(Run {
            trainer: fresh,
            position: Cursor::default(),
            best: None,
        });
    };
    let (trainer, position) = Trainer::resume(path, batch)?;
    let difference = difference(&trainer, &fresh).or_else(|| other_pace(&trainer, position, batches));
    if let Some(difference) = difference {
        return Err(Error::OtherRun {
            path: path.to_owned(),
            difference,
        });
    }
    let best = (position.epoch > 0).then(|| load_best(&best_path(path))).transpose()?;
    Ok(Run {
        trainer,
        position,
        best,
    })
}

/// Keeps a run. The best weights are written first: if that is where the program is ended, the epoch before is gone on
/// with, and they are found again.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn save(
    path: &Path,
    trainer: &Trainer,
    position: Cursor,
    best: Option<(Model, usize)>,
) -> Result<(), Error> {
    if let Some((mut model, epoch)) = best {
        model.notes.insert(EPOCH.to_owned(), epoch.to_string());
        model.save(best_path(path))?;
    }
    Ok(trainer.save_checkpoint(path, position)?)
}

fn load_best(path: &Path) -> Result<Best, Error> {
    let model = Model::load(path)?;
    let epoch = model.notes.get(EPOCH).and_then(|epoch| epoch.parse().ok());
    let Some(epoch) = epoch else {
        return Err(Error::OtherRun {
            path: path.to_owned(),
            difference: "it does not say of which epoch its weights are".to_owned(),
        });
    };
    Ok(Best {
        network: model.network,
        epoch,
    })
}

/// Whether its epochs had another number of steps: then the size of its batches or its images were others.
fn other_pace(kept: &Trainer, position: Cursor, batches: usize) -> Option<String> {
    let expected = position.epoch * batches as u64 + position.batches;
    let differs = kept.steps() != expected || position.batches > batches as u64;
    differs.then(|| {
        format!(
            "it has taken {} steps to epoch {}, step {}, and this one would have taken {expected} of {batches} an epoch: \
             its batches are of another size, or its images others",
            kept.steps(),
            position.epoch + 1,
            position.batches
        )
    })
}

/// In what two runs differ.
fn difference(kept: &Trainer, asked: &Trainer) -> Option<String> {
    let said = |trainer: &Trainer| {
        [
            format!("the network {}", trainer.network().spec()),
            format!("the seed {}", trainer.seed()),
            format!("{:?}", trainer.optimizer()),
            format!("{:?}", trainer.schedule()),
            format!("{:?}", trainer.loss()),
            trainer.average().map_or("no average".to_owned(), |decay| {
                format!("an average with decay {decay}")
            }),
        ]
    };
    let mut pairs = said(kept).into_iter().zip(said(asked));
    let (kept, asked) = pairs.find(|(kept, asked)| kept != asked)?;
    Some(format!("it has {kept}, and this one {asked}"))
}
