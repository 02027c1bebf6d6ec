//! Data sources from iterators and closures.

use super::{Batch, Cursor, Source, SourceResult};
use crate::loss::Target;

/// A source from iterators: `epoch` makes one for each epoch, counted from 0, that gives inputs and targets.
///
/// Inputs are anything that borrows as `[f32]`; targets are classes (`usize`) or values (`f32`, `[f32; N]`, `Vec<f32>`), or
/// references to them: `source::from_iter(|_| inputs.chunks(2).zip(&classes))`.
/// A run can be [resumed](crate::Trainer::resume) if the samples depend on the number of the epoch alone.
///
/// ```
/// use nn_core::{Network, Trainer, optim::Sgd, source};
/// use std::ops::ControlFlow;
/// // Is x + y above 1?
/// let grid = |_epoch| (0..100).map(|i| [(i % 10) as f32 / 9.0, (i / 10) as f32 / 9.0]);
/// let mut points = source::from_iter(|epoch| grid(epoch).map(|p| (p, usize::from(p[0] + p[1] > 1.0))));
///
/// let network = Network::new("2 | dense 2".parse()?, 42)?;
/// let mut trainer = Trainer::new(network, Sgd::new(0.5), 10)?;
/// let report = trainer.epoch(&mut points, 0, |_, _| ControlFlow::Continue(()))?;
/// assert_eq!(report.samples, 100);
/// # Ok::<(), nn_core::Error>(())
/// ```
pub fn from_iter<F, I>(epoch: F) -> FromIter<F, I::IntoIter>
where
    F: FnMut(u64) -> I,
    I: IntoIterator,
{
    let samples = None;
    FromIter { epoch, samples }
}

/// The source that [`from_iter`] makes.
#[derive(Clone, Debug)]
pub struct FromIter<F, I> {
    epoch: F,
    samples: Option<I>,
}

impl<F, E, I, X, T> Source for FromIter<F, I>
where
    F: FnMut(u64) -> E + Send,
    E: IntoIterator<Item = (X, T), IntoIter = I>,
    I: Iterator<Item = (X, T)> + Send,
    X: AsRef<[f32]>,
    for<'t> &'t T: Into<Target<'t>>,
{
    fn start_epoch(&mut self, epoch: u64) -> SourceResult {
        self.samples = Some((self.epoch)(epoch).into_iter());
        Ok(())
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        while !batch.is_full()
            && let Some((input, target)) = self.samples.as_mut().and_then(Iterator::next)
        {
            batch.push(input.as_ref(), &target)?;
        }
        Ok(())
    }
}

/// A source from a closure that adds the samples of one batch, and none at the end of an epoch. It is told the epoch
/// and the batch's index in it, so that any batch can be made by itself; what it returns ends training if it is an
/// error.
///
/// ```
/// use nn_core::{Network, Trainer, optim::Sgd, source};
/// use std::ops::ControlFlow;
/// // Files that are read when they are needed.
/// let files = ["0.0 1.0 1", "1.0 0.0 0"];
/// let mut files = source::from_fn(|cursor, batch| {
///     let Some(text) = files.get(cursor.batches as usize) else { return Ok(()) };
///     let words: Vec<&str> = text.split(' ').collect();
///     batch.push(&[words[0].parse()?, words[1].parse()?], words[2].parse::<usize>()?)?;
///     Ok(())
/// });
///
/// let network = Network::new("2 | dense 2".parse()?, 42)?;
/// let mut trainer = Trainer::new(network, Sgd::new(0.5), 10)?;
/// let report = trainer.epoch(&mut files, 0, |_, _| ControlFlow::Continue(()))?;
/// assert_eq!((report.samples, trainer.steps()), (2, 2));
/// # Ok::<(), nn_core::Error>(())
/// ```
pub fn from_fn<F>(next_batch: F) -> FromFn<F>
where
    F: FnMut(Cursor, &mut Batch) -> SourceResult + Send,
{
    let next = Cursor::default();
    FromFn { next_batch, next }
}

/// The source that [`from_fn`] makes.
#[derive(Clone, Debug)]
pub struct FromFn<F> {
    next_batch: F,
    next: Cursor,
}

impl<F> Source for FromFn<F>
where
    F: FnMut(Cursor, &mut Batch) -> SourceResult + Send,
{
    fn start_epoch(&mut self, epoch: u64) -> SourceResult {
        self.next = Cursor { epoch, batches: 0 };
        Ok(())
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        (self.next_batch)(self.next, batch)?;
        self.next.batches += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Targets;

    /// The only batch of a source.
    fn batch(mut source: impl Source) -> Batch {
        let mut batch = Batch::new(8, 2, 3);
        source.start_epoch(0).unwrap();
        source.next_batch(&mut batch).unwrap();
        batch
    }

    #[test]
    fn iterators_give_targets_or_references_to_them() {
        let inputs = [0.0, 1.0, 2.0, 3.0];
        let (classes, values) = (vec![2usize, 0], [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        let by_value = batch(from_iter(|_| inputs.chunks(2).zip(classes.clone())));
        assert_eq!(by_value.targets(), Targets::classes(&classes));
        let by_reference = batch(from_iter(|_| inputs.chunks(2).zip(&classes)));
        assert_eq!(
            (by_reference.inputs(), by_reference.targets()),
            (&inputs[..], by_value.targets())
        );
        for batch in [
            batch(from_iter(|_| inputs.chunks(2).zip(&values))),
            batch(from_iter(|_| inputs.chunks(2).zip(values.as_flattened().chunks(3)))),
            batch(from_iter(|_| inputs.chunks(2).zip(values))),
        ] {
            assert_eq!(batch.targets(), Targets::values(values.as_flattened()));
        }
    }
}
