//! Points of the training curves, collected step by step in bounded memory.

use std::ops::Range;

use crate::training::session::{EpochReport, StepReport, TrainingEvent};

/// Loss and accuracy, in that order.
type Metrics = [f64; 2];

/// Loss and accuracy of a training run, in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    /// On the training batches.
    steps: Series,
    /// On the validation images, after each epoch, by step.
    validation: Vec<(u64, Metrics)>,
    epoch_mean: EpochMean,
}

impl Curves {
    /// Adds the values of a training event.
    pub fn add(&mut self, event: &TrainingEvent) {
        match event {
            TrainingEvent::Step(report) => self.add_step(report),
            TrainingEvent::Epoch(report) => self.add_epoch(report),
        }
    }

    /// Whether there are no steps yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.groups.is_empty()
    }

    /// Training values of a metric, each the mean over a group of steps.
    pub(super) fn training(&self, metric: usize) -> Vec<(f64, f64)> {
        self.steps.points(metric)
    }

    /// Validation values of a metric, one per epoch.
    pub(super) fn validation(&self, metric: usize) -> Vec<(f64, f64)> {
        let point = |&(step, values): &(u64, Metrics)| (step as f64, values[metric]);
        self.validation.iter().map(point).collect()
    }

    fn add_step(&mut self, report: &StepReport) {
        let values = self
            .epoch_mean
            .step_values(report.epoch, [report.loss, report.accuracy]);
        self.steps.push(report.steps, values);
    }

    fn add_epoch(&mut self, report: &EpochReport) {
        if let (Some(loss), Some(accuracy)) = (report.validation_loss, report.validation_accuracy) {
            self.validation.push((report.step.steps, [loss, accuracy]));
        }
    }

    /// The steps covered, from the one before the first.
    pub(super) fn step_range(&self) -> Range<f64> {
        let first = self.steps.groups.first().map_or(1, |group| group.first);
        let last = self.steps.groups.last().map_or(1, |group| group.last);
        (first - 1) as f64..last as f64
    }
}

/// Recovers the values of single steps from their mean over the epoch so far.
#[derive(Debug, Clone, Copy, Default)]
struct EpochMean {
    epoch: usize,
    count: f64,
    mean: Metrics,
}

impl EpochMean {
    fn step_values(&mut self, epoch: usize, mean: Metrics) -> Metrics {
        if self.epoch != epoch {
            *self = EpochMean {
                epoch,
                ..EpochMean::default()
            };
        }
        let before = *self;
        self.count += 1.0;
        self.mean = mean;
        std::array::from_fn(|i| self.count * mean[i] - before.count * before.mean[i])
    }
}

/// Means over groups of steps; neighboring groups are merged when there are too many.
#[derive(Debug, Clone)]
struct Series {
    groups: Vec<Group>,
    /// Steps per group.
    size: u64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: u64,
    last: u64,
    count: u64,
    sums: Metrics,
}

impl Default for Series {
    fn default() -> Self {
        Series {
            groups: Vec::new(),
            size: 1,
        }
    }
}

impl Series {
    /// Largest number of groups: about one for each point of a panel's width.
    const MAX_GROUPS: usize = 512;

    fn push(&mut self, step: u64, values: Metrics) {
        let single = Group {
            first: step,
            last: step,
            count: 1,
            sums: values,
        };
        match self.groups.last_mut() {
            Some(group) if group.count < self.size => *group = group.merged(&single),
            _ => self.groups.push(single),
        }
        if self.groups.len() > Self::MAX_GROUPS {
            self.size *= 2;
            self.groups = self.groups.chunks(2).map(Group::merge_all).collect();
        }
    }

    /// The middle step of each group, with the mean of a metric.
    fn points(&self, metric: usize) -> Vec<(f64, f64)> {
        let point = |group: &Group| {
            let middle = (group.first + group.last) as f64 / 2.0;
            (middle, group.sums[metric] / group.count as f64)
        };
        self.groups.iter().map(point).collect()
    }
}

impl Group {
    fn merged(&self, next: &Group) -> Group {
        Group {
            first: self.first,
            last: next.last,
            count: self.count + next.count,
            sums: std::array::from_fn(|i| self.sums[i] + next.sums[i]),
        }
    }

    fn merge_all(groups: &[Group]) -> Group {
        groups[1..].iter().fold(groups[0], |sum, next| sum.merged(next))
    }
}

/// Smooths a curve by a moving mean over up to a twentieth of its length.
///
/// The window is shortened symmetrically at the start, where the curve is steep, and only on the right at the end,
/// where it is flat.
pub(super) fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mean = |i: usize| {
        let reach = (points.len() / 40).min(i);
        let window = &points[i - reach..(i + reach + 1).min(points.len())];
        let sum: f64 = window.iter().map(|point| point.1).sum();
        (points[i].0, sum / window.len() as f64)
    };
    (0..points.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two epochs of two steps with losses 4 and 2, then 3 and 1.
    fn curves() -> Curves {
        let step = |epoch, steps, loss, accuracy| StepReport {
            epoch,
            steps,
            resumed_steps: 0,
            total_steps: 4,
            loss,
            accuracy,
            images_per_second: 1.0,
            seconds: 1.0,
        };
        let mut curves = Curves::default();
        assert!(curves.is_empty());
        for report in [
            step(1, 1, 4.0, 0.1),
            step(1, 2, 3.0, 0.2),
            step(2, 3, 3.0, 0.5),
            step(2, 4, 2.0, 0.6),
        ] {
            curves.add(&TrainingEvent::Step(report));
            if report.steps == 4 {
                curves.add(&TrainingEvent::Epoch(EpochReport {
                    step: report,
                    validation_accuracy: Some(0.75),
                    validation_loss: Some(0.5),
                    guesses: false,
                }));
            }
        }
        curves
    }

    fn assert_close(found: &[(f64, f64)], expected: &[(f64, f64)]) {
        let close = |(a, b): (&(f64, f64), &(f64, f64))| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9;
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(close),
            "{found:?} is not {expected:?}"
        );
    }

    #[test]
    fn step_values_are_recovered_from_epoch_means() {
        let curves = curves();
        assert_close(&curves.training(0), &[(1.0, 4.0), (2.0, 2.0), (3.0, 3.0), (4.0, 1.0)]);
        assert_close(&curves.training(1), &[(1.0, 0.1), (2.0, 0.3), (3.0, 0.5), (4.0, 0.7)]);
        assert_close(&curves.validation(0), &[(4.0, 0.5)]);
        assert_close(&curves.validation(1), &[(4.0, 0.75)]);
        assert_eq!(curves.step_range(), 0.0..4.0);
    }

    #[test]
    fn long_series_stay_small_and_keep_their_means() {
        let mut series = Series::default();
        let steps = 100_000;
        for step in 1..=steps {
            series.push(step, [step as f64, 1.0]);
        }
        let points = series.points(0);
        assert!(
            (Series::MAX_GROUPS / 2..=Series::MAX_GROUPS).contains(&points.len()),
            "{}",
            points.len()
        );
        assert!(
            points.iter().all(|&(step, value)| (step - value).abs() < 1e-6),
            "{points:?}"
        );
        assert!(series.points(1).iter().all(|point| point.1 == 1.0));
        assert_eq!(series.groups.iter().map(|group| group.count).sum::<u64>(), steps);
        assert_eq!(series.groups.last().unwrap().last, steps);
    }

    #[test]
    fn smoothing_keeps_lines_and_reduces_noise() {
        let line: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(2 * i))).collect();
        assert_close(&smoothed(&line)[..195], &line[..195]);
        let noise: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert!(smoothed(&noise)[5..].iter().all(|point| (0.4..=0.6).contains(&point.1)));
        assert_close(&smoothed(&line[..1]), &line[..1]);
        assert_close(&smoothed(&[]), &[]);
    }
}
