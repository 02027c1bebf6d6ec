//! The crate's one error type; every message names the culprit and the remedy.

use std::path::PathBuf;

use crate::shape::Shape;

/// Everything that can go wrong in this crate because of what it was given.
///
/// Broken invariants of the crate itself panic instead, and the functions that can do so say it under `# Panics`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text form of a network could not be read.
    #[error("network text, item {item} ({text:?}): {reason}")]
    Spec {
        /// Which item of the text, counted from 0 (the input).
        item: usize,
        /// The item as it was written.
        text: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },

    /// A layer cannot take the shape that the layer before it gives.
    #[error("layer {index} ({layer}): cannot take an input of shape {input}: {reason}")]
    LayerShape {
        /// Which layer, counted from 0 after the input.
        index: usize,
        /// The layer's text form.
        layer: String,
        /// The shape that arrives at the layer.
        input: Shape,
        /// Why it does not fit and what would.
        reason: String,
    },

    /// A slice has another length than the shapes ask for.
    #[error("{what}: expected {expected} values ({because}), got {actual}")]
    Length {
        /// The argument.
        what: &'static str,
        /// How long it has to be.
        expected: usize,
        /// How long it is.
        actual: usize,
        /// Where the expected length comes from.
        because: String,
    },

    /// A matrix view reaches outside its slice, or its elements share memory.
    #[error("matrix view {rows}x{cols}, strides ({row_stride}, {col_stride}), over {len} values: {reason}")]
    View {
        /// Rows of the view.
        rows: usize,
        /// Columns of the view.
        cols: usize,
        /// Distance between neighbouring rows, in elements.
        row_stride: usize,
        /// Distance between neighbouring columns, in elements.
        col_stride: usize,
        /// Length of the slice.
        len: usize,
        /// What does not fit.
        reason: &'static str,
    },

    /// The matrices of a product do not fit each other.
    #[error("matrix product: {0}")]
    Product(String),

    /// A label is no class of the network.
    #[error("label {label} of sample {sample} is no class: the network has {classes} outputs, so labels are 0 to {}", classes.saturating_sub(1))]
    Label {
        /// The offending label.
        label: usize,
        /// Its position in the batch.
        sample: usize,
        /// How many classes there are.
        classes: usize,
    },

    /// A batch holds more samples than its workspace has room for.
    #[error("a batch of {batch} samples does not fit a workspace made for {capacity}; make a larger one")]
    Batch {
        /// Samples given.
        batch: usize,
        /// Samples the workspace was made for.
        capacity: usize,
    },

    /// A batch is too small for a layer that looks at all of it.
    #[error(
        "layer {index} ({layer}): a batch of {batch} sample has one value of each channel, and one value has no \
         variance; train on batches of at least {least}, the last one of an epoch included"
    )]
    SmallBatch {
        /// Which layer, counted from 0 after the input.
        index: usize,
        /// The layer's text form.
        layer: String,
        /// Samples given.
        batch: usize,
        /// The fewest that it takes.
        least: usize,
    },

    /// A setting is outside the range that makes sense.
    #[error("{name} = {value}: {reason}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// The value it was given.
        value: String,
        /// The range it has to be in.
        reason: &'static str,
    },

    /// The loss became infinite or not a number, so training cannot go on.
    #[error(
        "the loss is {loss} at step {step}: training has diverged; use a lower learning rate (now {learning_rate}), \
         or look for values that are not finite in the inputs"
    )]
    Diverged {
        /// The loss that was computed.
        loss: f32,
        /// The training step, counted from 0.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f32,
    },

    /// The gradients became infinite or not a number, so they cannot be clipped.
    #[error(
        "the norm of the gradients is {norm} at step {step}: training has diverged; use a lower learning rate (now \
         {learning_rate}), or look for very large values in the inputs"
    )]
    GradientNorm {
        /// The norm that was computed.
        norm: f64,
        /// The training step, counted from 0.
        step: u64,
        /// The learning rate of that step.
        learning_rate: f32,
    },

    /// A source of samples says that it brought more of them than it was asked for.
    #[error(
        "the source of samples reports {reported} of them in a batch that has room for {room}; its next_batch may fill \
         in at most as many as there are labels"
    )]
    Source {
        /// Samples that the source reports.
        reported: usize,
        /// The most that it was asked for.
        room: usize,
    },

    /// The kernel asked for is not one that this machine can run.
    #[error("kernel {name:?} cannot be used here: {reason}; available: {available}")]
    Kernel {
        /// The kernel's name.
        name: String,
        /// Why it cannot be used.
        reason: &'static str,
        /// The names that would work.
        available: String,
    },

    /// A weights file is not what it should be.
    #[error("{}: {reason}", origin(path))]
    Weights {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A file could not be read or written.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A result with this crate's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

fn origin(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(|| "weights".to_owned(), |path| path.display().to_string())
}

/// Checks a slice's length against what the shapes ask for.
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
