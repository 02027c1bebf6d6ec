//! Where training data come from, batch by batch: slices, iterators, closures, or a type of your own.

mod batch;
mod generated;
mod samples;

pub use batch::Batch;
pub use generated::{FromFn, FromIter, from_fn, from_iter};
pub use samples::Samples;

use crate::{
    error::{Error, Result, SamplePlace},
    shape::Shape,
};

/// The result of a data source. Any error, and also a text, becomes its error with `?` or `into()`.
pub type SourceResult = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A source of training data. [`Samples`], [`from_iter`] and [`from_fn`] make one of slices, iterators and closures.
///
/// ```
/// use std::io::{BufRead, BufReader, Seek};
/// use nn_core::{Source, source::{Batch, SourceResult}};
///
/// /// Lines of two inputs and a class, such as `0.5,1.25,3`.
/// struct Lines<R>(BufReader<R>);
///
/// impl<R: Seek + std::io::Read + Send> Source for Lines<R> {
///     fn start_epoch(&mut self, _epoch: u64) -> SourceResult {
///         Ok(self.0.rewind()?)
///     }
///
///     fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
///         let mut line = String::new();
///         while !batch.is_full() && self.0.read_line(&mut line)? > 0 {
///             let words: Vec<&str> = line.trim().split(',').collect();
///             let &[first, second, class] = &words[..] else {
///                 return Err(format!("three numbers expected: {line:?}").into());
///             };
///             batch.push(&[first.parse()?, second.parse()?], class.parse::<usize>()?)?;
///             line.clear();
///         }
///         Ok(())
///     }
/// }
///
/// let mut lines = Lines(BufReader::new(std::io::Cursor::new("0.5,1.25,3\n1,2,0\n")));
/// let mut batch = Batch::new(32, 2, 4);
/// lines.start_epoch(0)?;
/// lines.next_batch(&mut batch)?;
/// assert_eq!((batch.len(), batch.inputs()), (2, &[0.5, 1.25, 1.0, 2.0][..]));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a data source",
    label = "no `Source`",
    note = "slices and vectors become one by `Samples::new(&inputs, &targets)`, iterators by `source::from_iter`, closures by \
            `source::from_fn`, images by `mnist_io::Batches` with the feature `nn-core` of that crate"
)]
pub trait Source: Send {
    /// Begins epoch `epoch`, counted from 0. Its batches may depend on this number alone, so that a run can be resumed
    /// ([`Trainer::resume`](crate::Trainer::resume)).
    ///
    /// # Errors
    /// The source's own; they end the training epoch.
    fn start_epoch(&mut self, epoch: u64) -> SourceResult;

    /// Adds the next samples to an empty batch, at most as many as it has room for. A batch that remains empty is the
    /// end of the epoch.
    ///
    /// # Errors
    /// The source's own; they end the training epoch.
    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult;

    /// The shape of its samples, if it knows it. Training and evaluation check it, so that images are not taken for others
    /// with as many values; a network of features takes any shape.
    fn sample_shape(&self) -> Option<Shape> {
        None
    }

    /// The position in the data of the `nth` sample of the epoch, both counted from 0, if the source knows it. Errors then
    /// name a sample that has been shuffled by its place in the data.
    fn index_of(&self, _nth: usize) -> Option<usize> {
        None
    }

    /// The number of samples in the last batch of an epoch, if it is known to be smaller than `batch` allows. Batch
    /// normalization needs two at least: with this number, training fails before its first step rather than at the end
    /// of an epoch.
    fn last_batch_len(&self, _batch: &Batch) -> Option<usize> {
        None
    }
}

/// A place in a training run: an epoch, and how many of its batches are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// Number of its batches that are done.
    pub batches: u64,
}

/// Begins an epoch of a source for a network with an input of that shape.
pub(super) fn start_epoch<S: Source + ?Sized>(source: &mut S, epoch: u64, expected: Shape) -> Result<()> {
    if let Some(found) = source.sample_shape()
        && found != expected
        && expected.as_image().is_some()
    {
        return Err(Error::SourceShape { found, expected });
    }
    source.start_epoch(epoch).map_err(source_error)
}

/// Replaces a batch by the next one of a source; returns whether there is one.
pub(super) fn next_batch<S: Source + ?Sized>(source: &mut S, batch: &mut Batch) -> Result<bool> {
    batch.clear();
    source.next_batch(batch).map_err(source_error)?;
    Ok(!batch.is_empty())
}

/// An error, with the place in the source if it is about a sample of a batch: the batch `batch` of a training epoch or, for
/// `None`, of an evaluation, with `before` samples before it.
pub(super) fn at_place<S: Source + ?Sized>(
    error: Error,
    source: &S,
    epoch: Option<u64>,
    (batch, before): (u64, usize),
) -> Error {
    let Error::Sample { sample, reason, .. } = error else {
        return error;
    };
    let place = SamplePlace {
        epoch,
        batch,
        sample: before + sample,
        index: source.index_of(before + sample),
    };
    Error::Sample {
        sample,
        reason,
        place: Some(place),
    }
}

/// An error of this crate, such as one of [`Batch::push`], as it is; any other as that of the source.
fn source_error(cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
    cause
        .downcast::<Error>()
        .map_or_else(|cause| Error::Source { cause }, |error| *error)
}
