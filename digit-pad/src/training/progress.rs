//! Progress of a training run, for display: figures so far, and snapshots to go back to.

use std::sync::Arc;

use crate::recognition::{activations::Tiles, model::DIGITS, normalization::Gray28};

/// Most snapshots that are kept of a run.
pub const MOST_SNAPSHOTS: usize = 200;

/// Progress of a training run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Whether training is paused.
    pub paused: bool,
    /// Whether training waits after each step, so that it can be watched.
    pub is_slow: bool,
    /// Whether training has ended.
    pub finished: bool,
    /// Number of steps taken.
    pub steps: u64,
    /// Number of steps of the whole run.
    pub total_steps: u64,
    /// Number of images in a step.
    pub batch: usize,
    /// Training time in seconds.
    pub seconds: f32,
    /// Training images per second.
    pub images_per_second: f32,
    /// Mean loss since the previous point, as `[step, loss]`.
    pub losses: Vec<[f32; 2]>,
    /// Accuracy on some validation images, as `[step, accuracy]`.
    pub accuracies: Vec<[f32; 2]>,
    /// Accuracy on the test set, once training has ended.
    pub test_accuracy: Option<f32>,
    /// The network at some of the steps, from the first to the last.
    pub snapshots: Vec<Arc<Snapshot>>,
}

/// What is shown of a network in training at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Number of steps taken.
    pub step: u64,
    /// Training time in seconds.
    pub seconds: f32,
    /// Mean training loss since the snapshot before.
    pub loss: f32,
    /// Accuracy on some validation images.
    pub accuracy: f32,
    /// Filters of the first layer; none if it is no convolution of one channel.
    pub filters: Arc<Tiles>,
    /// How it reads the drawing.
    pub reading: Option<Reading>,
}

/// How a network in training reads a drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The network input.
    pub pixels: Arc<Gray28>,
    /// Whether it is a test digit, for want of a drawing.
    pub is_test_digit: bool,
    /// Probability of each digit.
    pub probabilities: [f32; DIGITS],
}

impl Progress {
    /// Adds a snapshot. Past [`MOST_SNAPSHOTS`], one that is close to its neighbors goes: they stay denser at the start,
    /// where a network changes most.
    pub fn keep(&mut self, snapshot: Snapshot) {
        self.snapshots.push(Arc::new(snapshot));
        if self.snapshots.len() <= MOST_SNAPSHOTS {
            return;
        }
        let early = self.total_steps as f32 / 20.0;
        let spacing = |i: &usize| {
            let step = |i: usize| self.snapshots[i].step as f32;
            (step(i + 1) - step(i - 1)) / (step(*i) + early + 1.0)
        };
        // The first and the last stay.
        let inner = 1..self.snapshots.len() - 1;
        if let Some(closest) = inner.min_by(|a, b| spacing(a).total_cmp(&spacing(b))) {
            self.snapshots.remove(closest);
        }
    }

    /// The last snapshot up to a step; the first one before it.
    #[must_use]
    pub fn snapshot_at(&self, step: u64) -> Option<&Arc<Snapshot>> {
        let after = self.snapshots.partition_point(|snapshot| snapshot.step <= step);
        self.snapshots.get(after.saturating_sub(1))
    }

    /// Number of training images seen after that many steps.
    #[must_use]
    pub fn images(&self, steps: u64) -> u64 {
        steps * self.batch as u64
    }
}

impl Reading {
    /// The most probable digit.
    #[must_use]
    pub fn digit(&self) -> usize {
        let p = &self.probabilities;
        (0..DIGITS).fold(0, |best, i| if p[i] > p[best] { i } else { best })
    }

    /// Its probability.
    #[must_use]
    pub fn probability(&self) -> f32 {
        self.probabilities[self.digit()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(step: u64) -> Snapshot {
        Snapshot {
            step,
            seconds: 0.0,
            loss: 0.0,
            accuracy: 0.0,
            filters: Arc::new(Tiles {
                height: 0,
                width: 0,
                tiles: Vec::new(),
            }),
            reading: None,
        }
    }

    #[test]
    fn snapshots_are_thinned_and_stay_denser_at_the_start() {
        let mut progress = Progress {
            total_steps: 5_000,
            ..Progress::default()
        };
        for step in 1..=5_000 {
            progress.keep(snapshot(step));
            assert!(progress.snapshots.len() <= MOST_SNAPSHOTS);
        }
        let steps: Vec<u64> = progress.snapshots.iter().map(|snapshot| snapshot.step).collect();
        assert_eq!((steps.len(), steps[0], steps[199]), (MOST_SNAPSHOTS, 1, 5_000));
        assert!(steps.is_sorted());
        let gaps: Vec<u64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps[..20].iter().all(|&gap| gap <= 12), "{gaps:?}");
        assert!(gaps.iter().all(|&gap| gap <= 300), "{gaps:?}");
    }

    #[test]
    fn the_snapshot_of_a_step_is_the_last_before_it() {
        let mut progress = Progress::default();
        assert_eq!(progress.snapshot_at(3), None);
        for step in [2, 12, 24] {
            progress.keep(snapshot(step));
        }
        let at = |step| progress.snapshot_at(step).unwrap().step;
        assert_eq!([0, 2, 11, 12, 23, 24, 99].map(at), [2, 2, 2, 12, 12, 24, 24]);
    }

    #[test]
    fn a_reading_names_its_best_digit() {
        let mut probabilities = [0.05; DIGITS];
        probabilities[4] = 0.55;
        let reading = Reading {
            pixels: Arc::new([0; 784]),
            is_test_digit: false,
            probabilities,
        };
        assert_eq!((reading.digit(), reading.probability()), (4, 0.55));
    }
}
