//! Batches made ready beside training: while one is learnt from, a thread fills the next.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use nn_core::Source;

/// Batches that are ready or being filled, besides the one that is learnt from.
const AHEAD: usize = 3;

/// One epoch of a source: its batches in their order, made ready ahead where there is a thread for it.
pub(crate) enum Epoch<'a, S> {
    /// Filled when they are asked for.
    Here(&'a mut S),
    /// Filled by a thread.
    Ahead(Ahead),
}

/// The training thread's ends of the channels that buffers go round in.
pub(crate) struct Ahead {
    filled: Receiver<Batch>,
    empty: SyncSender<Batch>,
    sample: usize,
}

/// A buffer for a batch; it is made once and goes round.
struct Batch {
    images: Vec<f32>,
    labels: Vec<usize>,
    count: usize,
}

/// Calls `learn` with the epoch of that number: batches of up to `batch` samples of `sample` values. The batches are the
/// same with a thread and without; there is none in a pool of one thread, and where batches are not `costly`: it would
/// take more from the others than it gives. When `learn` returns, wherever in the epoch it is, the thread ends.
///
/// # Errors
/// If the thread cannot be started.
pub(crate) fn epoch<S: Source, R>(
    source: &mut S,
    (number, costly): (u64, bool),
    batch: usize,
    sample: usize,
    learn: impl FnOnce(&mut Epoch<'_, S>) -> R,
) -> io::Result<R> {
    if !costly || rayon::current_num_threads() == 1 {
        return Ok(learn(&mut Epoch::Here(source)));
    }
    thread::scope(|scope| {
        let (fill, filled) = sync_channel(AHEAD);
        let (empty, refill) = sync_channel(AHEAD);
        for _ in 0..AHEAD {
            let buffer = Batch {
                images: vec![0.0; batch * sample],
                labels: vec![0; batch],
                count: 0,
            };
            // There is room for all, and the other end is here.
            empty.send(buffer).map_err(io::Error::other)?;
        }
        thread::Builder::new()
            .name("batches".to_owned())
            .spawn_scoped(scope, move || {
                source.start_epoch(number);
                fill_ahead(source, &refill, &fill);
            })?;
        // Dropped at the end of this closure, which ends the thread before the scope waits for it.
        let mut epoch = Epoch::Ahead(Ahead { filled, empty, sample });
        Ok(learn(&mut epoch))
    })
}

/// Fills buffers until the epoch is over or nobody wants them any more.
fn fill_ahead<S: Source>(source: &mut S, empty: &Receiver<Batch>, filled: &SyncSender<Batch>) {
    while let Ok(mut batch) = empty.recv() {
        batch.count = source.next_batch(&mut batch.images, &mut batch.labels);
        let over = batch.count == 0;
        if filled.send(batch).is_err() || over {
            return;
        }
    }
}

impl<S: Source> Source for Epoch<'_, S> {
    /// The thread has started its epoch already.
    fn start_epoch(&mut self, epoch: u64) {
        if let Self::Here(source) = self {
            source.start_epoch(epoch);
        }
    }

    fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
        match self {
            Self::Here(source) => source.next_batch(images, labels),
            Self::Ahead(ahead) => ahead.next_batch(images, labels),
        }
    }
}

impl Ahead {
    fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
        // At the end of the epoch the thread is gone; had it panicked, the scope would say so.
        let Ok(batch) = self.filled.recv() else {
            return 0;
        };
        let count = batch.count;
        let values = count * self.sample;
        images[..values].copy_from_slice(&batch.images[..values]);
        labels[..count].copy_from_slice(&batch.labels[..count]);
        // After its last batch the thread takes no more.
        let _ = self.empty.send(batch);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of two values that tell epoch and place.
    struct Counting {
        epoch: u64,
        done: usize,
        length: usize,
    }

    impl Source for Counting {
        fn start_epoch(&mut self, epoch: u64) {
            (self.epoch, self.done) = (epoch, 0);
        }

        fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
            let count = labels.len().min(self.length - self.done);
            for (image, label) in images.chunks_exact_mut(2).zip(labels).take(count) {
                image.copy_from_slice(&[self.epoch as f32, self.done as f32]);
                *label = self.done;
                self.done += 1;
            }
            count
        }
    }

    /// Up to so many batches of epoch 5, in a pool of so many threads.
    fn batches(threads: usize, length: usize, most: usize) -> Vec<(Vec<f32>, Vec<usize>)> {
        let mut source = Counting {
            epoch: 0,
            done: 0,
            length,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let collect = |epoch: &mut Epoch<'_, Counting>| {
            epoch.start_epoch(5);
            let (mut images, mut labels) = ([0.0; 8], [0; 4]);
            let mut seen = Vec::new();
            while seen.len() < most {
                let count = epoch.next_batch(&mut images, &mut labels);
                if count == 0 {
                    assert_eq!(epoch.next_batch(&mut images, &mut labels), 0);
                    break;
                }
                seen.push((images[..2 * count].to_vec(), labels[..count].to_vec()));
            }
            seen
        };
        pool.install(|| epoch(&mut source, (5, true), 4, 2, collect)).unwrap()
    }

    #[test]
    fn batches_come_whole_and_in_order_with_a_thread_and_without() {
        for length in [0, 1, 4, 7, 8, 50] {
            let ahead = batches(2, length, usize::MAX);
            assert_eq!(ahead, batches(1, length, usize::MAX), "{length}");
            let labels: Vec<usize> = ahead.iter().flat_map(|(_, labels)| labels.clone()).collect();
            assert_eq!(labels, (0..length).collect::<Vec<_>>());
            assert!(
                ahead
                    .iter()
                    .all(|(images, _)| images.iter().step_by(2).all(|&epoch| epoch == 5.0))
            );
        }
    }

    #[test]
    fn leaving_early_ends_the_thread() {
        for most in 0..6 {
            assert_eq!(batches(2, 1000, most).len(), most);
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_the_thread_is_not_lost() {
        struct Broken;
        impl Source for Broken {
            fn start_epoch(&mut self, _: u64) {}

            fn next_batch(&mut self, _: &mut [f32], _: &mut [usize]) -> usize {
                panic!("broken")
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let next = |epoch: &mut Epoch<'_, Broken>| epoch.next_batch(&mut [0.0], &mut [0]);
        let _ = pool.install(|| epoch(&mut Broken, (0, true), 1, 1, next));
    }
}
