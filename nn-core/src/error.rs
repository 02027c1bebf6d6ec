//! The error type of the crate: each message says what is wrong, where, and what to do.

use std::path::PathBuf;

use crate::shape::Shape;

/// An error caused by what the caller passed in: text, shapes, slices, settings, or files.
///
/// The message includes that of the cause, so [`source`](std::error::Error::source) is always `None`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text form of a network cannot be parsed.
    #[error("network text, {item} ({text:?}): {reason}")]
    Spec {
        /// The item: `the input`, or `layer N`, counted from 0 after the input; in a branch `layer N.BRANCH.M`.
        item: String,
        /// The item as written.
        text: String,
        /// What is wrong, and what would be right.
        reason: String,
    },

    /// A layer cannot take the shape that the layer before it gives.
    #[error("layer {layer}: cannot take an input of shape {input}: {reason}")]
    LayerShape {
        /// The layer's position, counted from 0 after the input, and its text form.
        layer: String,
        /// The shape of the layer's input.
        input: Shape,
        /// Why it does not fit, and what would.
        reason: String,
    },

    /// A network has no layer of that name.
    #[error("there is no layer {name}; the layers are {known}")]
    Layer {
        /// The name.
        name: String,
        /// The names of the network's layers.
        known: String,
    },

    /// A data source gives images of another shape than the network takes.
    #[error(
        "the data source gives images of shape {found}, and the network takes {expected}: describe the network as \
         \"{found} | …\", which is HEIGHTxWIDTHxCHANNELS"
    )]
    SourceShape {
        /// The shape of the source's samples.
        found: Shape,
        /// The shape of the network's input.
        expected: Shape,
    },

    /// A slice has the wrong length.
    #[error("{what}: expected {} ({because}), got {actual}", counted(*expected, "value"))]
    Length {
        /// The argument.
        what: &'static str,
        /// The expected length.
        expected: usize,
        /// The actual length.
        actual: usize,
        /// The reason for the expected length.
        because: String,
    },

    /// A matrix view reaches beyond its slice, or its elements overlap.
    #[error("matrix view {rows}x{cols}, strides ({row_stride}, {col_stride}), over {}: {reason}", counted(*len, "value"))]
    View {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        cols: usize,
        /// Distance between adjacent rows, in elements.
        row_stride: usize,
        /// Distance between adjacent columns, in elements.
        col_stride: usize,
        /// Length of the slice.
        len: usize,
        /// What does not fit.
        reason: &'static str,
    },

    /// The shapes of the matrices of a product do not match.
    #[error("matrix product: {0}")]
    Product(String),

    /// A sample cannot be trained on: the loss does not take its target, or its input, target or weight is not finite, or
    /// its loss, or a gradient that a loss or a layer of the user's own computes from finite values.
    #[error("{}: {reason}", sample_at(*sample, place))]
    Sample {
        /// Position of the sample in the batch, counted from 0.
        sample: usize,
        /// What is wrong, and what would be right.
        reason: String,
        /// Where the sample is in a data source, if it is from one.
        place: Option<SamplePlace>,
    },

    /// No sample of a batch counts, so that there is no mean loss.
    #[error(
        "the weights of a batch of {} add up to {total}; at least one sample needs a weight above 0 and a class that is not \
         ignored",
        counted(*batch, "sample")
    )]
    NoWeight {
        /// Number of samples in the batch.
        batch: usize,
        /// Sum of the weights.
        total: f64,
    },

    /// A batch has more samples than its trainer or workspace has room for.
    #[error(
        "a batch of {} does not fit, since the trainer or workspace was made for {capacity}; make it for larger batches, or \
         take smaller ones",
        counted(*batch, "sample")
    )]
    Batch {
        /// Number of samples in the batch.
        batch: usize,
        /// Number of samples that there is room for.
        capacity: usize,
    },

    /// A batch is too small for a layer that computes batch statistics.
    #[error(
        "layer {layer}: a batch of {batch} sample has one value per channel, and one value has no variance; \
         train on batches of at least {least}, including the last batch of an epoch: choose another size, or drop the last"
    )]
    SmallBatch {
        /// The layer's position, counted from 0 after the input, and its text form.
        layer: String,
        /// Number of samples in the batch.
        batch: usize,
        /// Smallest batch the layer takes.
        least: usize,
    },

    /// No parameter has this name, or matches this pattern.
    #[error("the network has no parameter {pattern:?}; it has {names}")]
    Parameter {
        /// The name or pattern.
        pattern: String,
        /// The names that the network has.
        names: String,
    },

    /// A setting is out of range.
    #[error("{name} = {value}: {reason}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// The valid range.
        reason: &'static str,
    },

    /// The loss became infinite or NaN.
    #[error(
        "the loss is {loss} at step {step}: training has diverged; use a lower learning rate (now {learning_rate}), \
         or check the inputs for values that are not finite"
    )]
    Diverged {
        /// The loss.
        loss: f32,
        /// The training step, counted from 0.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f32,
    },

    /// The gradient of the parameters of a layer of the user's own is not finite.
    #[error("layer {layer}: the gradient of its parameters is not finite; {OWN_LAYER}")]
    NotFinite {
        /// The layer's position, counted from 0 after the input, and its text form.
        layer: String,
    },

    /// The norm of the gradients became infinite or NaN, so they cannot be clipped.
    #[error(
        "the norm of the gradients is {norm} at step {step}: training has diverged; use a lower learning rate (now \
         {learning_rate}), or check the inputs for very large values"
    )]
    GradientNorm {
        /// The norm.
        norm: f64,
        /// The training step, counted from 0.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f32,
    },

    /// A data source reports more samples than the batch has room for.
    #[error(
        "the data source reports {} for a batch with room for {room}; it may fill at most the slices it is given",
        counted(*reported, "sample")
    )]
    BatchOverflow {
        /// Number of samples the source reports.
        reported: usize,
        /// Number of samples the batch has room for.
        room: usize,
    },

    /// A data source failed.
    #[error("the data source failed: {cause}")]
    Source {
        /// Its error.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A data source has no samples.
    #[error("the data source has no samples in epoch {epoch}, so there is no loss; check the data set's size")]
    NoSamples {
        /// The epoch, counted from 0.
        epoch: u64,
    },

    /// The requested kernel does not exist, or the CPU cannot run it.
    #[error("kernel {name:?} cannot be used here: {reason}; available: {available}")]
    Kernel {
        /// Name of the kernel.
        name: String,
        /// Why it cannot be used.
        reason: &'static str,
        /// Names of the kernels that can.
        available: String,
    },

    /// A weights file or checkpoint is invalid, or does not fit the network.
    #[error("{}: {reason}", origin(path))]
    Weights {
        /// The file, if there is one.
        path: Option<PathBuf>,
        /// What is wrong, and what to do.
        reason: String,
    },

    /// A file cannot be read or written.
    #[error("{}: {action}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// The error of the operating system.
        cause: std::io::Error,
    },
}

/// What to do where a layer of the user's own computes values that are not finite.
pub(crate) const OWN_LAYER: &str = "look for divisions by 0, logarithms and overflow in the layer, and check it with \
                                    `check_gradients`; if only its parameters are very large, use a lower learning rate";

/// Where a sample is in a data source. All numbers are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplePlace {
    /// The training epoch; `None` in an evaluation.
    pub epoch: Option<u64>,
    /// The batch of the epoch or the evaluation.
    pub batch: u64,
    /// The sample, in the order of the epoch or the evaluation.
    pub sample: usize,
    /// The sample, in the order of the data, if the source knows it
    /// ([`Source::index_of`](crate::Source::index_of)).
    pub index: Option<usize>,
}

/// A result with this crate's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error about weights that are in no file, or in a file that the caller names.
    pub(crate) fn weights(reason: String) -> Self {
        Self::Weights { path: None, reason }
    }

    /// An error about a sample of a batch.
    pub(crate) fn sample(sample: usize, reason: String) -> Self {
        let place = None;
        Self::Sample { sample, reason, place }
    }
}

fn sample_at(sample: usize, place: &Option<SamplePlace>) -> String {
    let Some(place) = place else {
        return format!("sample {sample}");
    };
    let data = if place.epoch.is_some() {
        "data"
    } else {
        "evaluated data"
    };
    let in_data = match place.index {
        Some(index) => format!("sample {index} of the {data}"),
        None => format!("sample {} of the {data}, as the source orders them", place.sample),
    };
    let epoch = place.epoch.map_or_else(String::new, |epoch| format!("epoch {epoch}, "));
    format!("{in_data} ({epoch}batch {}, sample {sample} of the batch)", place.batch)
}

fn origin(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(|| "weights".to_owned(), |path| path.display().to_string())
}

/// A number with a noun, in the plural unless it is 1: `1 class`, `2 classes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let ending = match noun {
        _ if count == 1 => "",
        noun if noun.ends_with(['s', 'h']) => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// Checks the length of a slice.
///
/// # Errors
/// [`Error::Length`] if `actual` is not `expected`.
pub(crate) fn check_length(
    what: &'static str,
    actual: usize,
    expected: usize,
    because: impl FnOnce() -> String,
) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    Err(Error::Length {
        what,
        expected,
        actual,
        because: because(),
    })
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use super::*;

    #[test]
    fn one_is_singular() {
        let nouns = ["sample", "class", "batch"];
        assert_eq!(nouns.map(|noun| counted(1, noun)), ["1 sample", "1 class", "1 batch"]);
        assert_eq!(
            nouns.map(|noun| counted(0, noun)),
            ["0 samples", "0 classes", "0 batches"]
        );
    }

    #[test]
    fn the_message_includes_the_cause_once() {
        let error = Error::Io {
            path: "run.safetensors".into(),
            action: "cannot write the weights",
            cause: io::Error::other("the disk is full"),
        };
        assert!(error.source().is_none());
        let message = "run.safetensors: cannot write the weights: the disk is full";
        assert_eq!(error.to_string(), message);
    }
}
