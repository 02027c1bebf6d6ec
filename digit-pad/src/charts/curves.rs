//! Points of the training curves, collected step by step in bounded memory.

use std::ops::Range;

use crate::training::session::{EpochReport, StepReport, TrainingEvent};

/// Loss and accuracy, in that order.
type Pair = [f64; 2];

/// What is seen of training, in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct Curves {
    /// Training, step by step.
    steps: Thinned,
    /// The images held out, after each epoch.
    validation: Vec<(u64, Pair)>,
    epoch: RunningMean,
}

impl Curves {
    /// Takes in what happens.
    pub fn add(&mut self, event: &TrainingEvent) {
        match event {
            TrainingEvent::Step(report) => self.add_step(report),
            TrainingEvent::Epoch(report) => self.add_epoch(report),
        }
    }

    /// Whether no step was taken yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.groups.is_empty()
    }

    /// The training values of that kind, means of a few steps each.
    pub(super) fn training(&self, kind: usize) -> Vec<(f64, f64)> {
        self.steps.points(kind)
    }

    /// The validation values of that kind, one an epoch.
    pub(super) fn validation(&self, kind: usize) -> Vec<(f64, f64)> {
        let point = |&(step, values): &(u64, Pair)| (step as f64, values[kind]);
        self.validation.iter().map(point).collect()
    }

    fn add_step(&mut self, report: &StepReport) {
        let values = self.epoch.next(report.epoch, [report.loss, report.accuracy]);
        self.steps.push(report.steps, values);
    }

    fn add_epoch(&mut self, report: &EpochReport) {
        if let (Some(loss), Some(accuracy)) = (report.validation_loss, report.validation_accuracy) {
            self.validation.push((report.step.steps, [loss, accuracy]));
        }
    }

    pub(super) fn step_range(&self) -> Range<f64> {
        let first = self.steps.groups.first().map_or(1, |group| group.first);
        let last = self.steps.groups.last().map_or(1, |group| group.last);
        (first - 1) as f64..last as f64
    }
}

/// Gets the values of single steps back from their mean over the epoch so far.
#[derive(Debug, Clone, Copy, Default)]
struct RunningMean {
    epoch: usize,
    count: f64,
    mean: Pair,
}

impl RunningMean {
    fn next(&mut self, epoch: usize, mean: Pair) -> Pair {
        if self.epoch != epoch {
            *self = RunningMean {
                epoch,
                ..RunningMean::default()
            };
        }
        let before = *self;
        self.count += 1.0;
        self.mean = mean;
        std::array::from_fn(|i| self.count * mean[i] - before.count * before.mean[i])
    }
}

/// Means over groups of steps. When there are too many groups, neighbours are put together.
#[derive(Debug, Clone)]
struct Thinned {
    groups: Vec<Group>,
    /// Steps to a group.
    size: u64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: u64,
    last: u64,
    count: u64,
    sums: Pair,
}

impl Default for Thinned {
    fn default() -> Self {
        Thinned {
            groups: Vec::new(),
            size: 1,
        }
    }
}

impl Thinned {
    /// As many as a panel has points across.
    const MOST: usize = 512;

    fn push(&mut self, step: u64, values: Pair) {
        let single = Group {
            first: step,
            last: step,
            count: 1,
            sums: values,
        };
        match self.groups.last_mut() {
            Some(group) if group.count < self.size => *group = group.and(&single),
            _ => self.groups.push(single),
        }
        if self.groups.len() > Self::MOST {
            self.size *= 2;
            self.groups = self.groups.chunks(2).map(Group::all).collect();
        }
    }

    /// The middle of each group, and the mean of its values of that kind.
    fn points(&self, kind: usize) -> Vec<(f64, f64)> {
        let point = |group: &Group| {
            let middle = (group.first + group.last) as f64 / 2.0;
            (middle, group.sums[kind] / group.count as f64)
        };
        self.groups.iter().map(point).collect()
    }
}

impl Group {
    fn and(&self, next: &Group) -> Group {
        Group {
            first: self.first,
            last: next.last,
            count: self.count + next.count,
            sums: std::array::from_fn(|i| self.sums[i] + next.sums[i]),
        }
    }

    fn all(groups: &[Group]) -> Group {
        groups[1..].iter().fold(groups[0], |sum, next| sum.and(next))
    }
}

/// Means over up to a twentieth of the curve around each point. At the start, which is steep, as much is taken from
/// after a point as from before it; at the end, which is flat, a shorter mean would only be less smooth.
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

    /// Two epochs of two steps, of which the losses are 4 and 2, 3 and 1.
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
    fn steps_are_got_back_from_means_over_epochs() {
        let curves = curves();
        assert_close(&curves.training(0), &[(1.0, 4.0), (2.0, 2.0), (3.0, 3.0), (4.0, 1.0)]);
        assert_close(&curves.training(1), &[(1.0, 0.1), (2.0, 0.3), (3.0, 0.5), (4.0, 0.7)]);
        assert_close(&curves.validation(0), &[(4.0, 0.5)]);
        assert_close(&curves.validation(1), &[(4.0, 0.75)]);
        assert_eq!(curves.step_range(), 0.0..4.0);
    }

    #[test]
    fn long_runs_stay_small_and_keep_their_means() {
        let mut thinned = Thinned::default();
        let steps = 100_000;
        for step in 1..=steps {
            thinned.push(step, [step as f64, 1.0]);
        }
        let points = thinned.points(0);
        assert!(
            (Thinned::MOST / 2..=Thinned::MOST).contains(&points.len()),
            "{}",
            points.len()
        );
        assert!(
            points.iter().all(|&(step, value)| (step - value).abs() < 1e-6),
            "{points:?}"
        );
        assert!(thinned.points(1).iter().all(|point| point.1 == 1.0));
        assert_eq!(thinned.groups.iter().map(|group| group.count).sum::<u64>(), steps);
        assert_eq!(thinned.groups.last().unwrap().last, steps);
    }

    #[test]
    fn smoothing_keeps_lines_straight_and_calms_noise() {
        let line: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(2 * i))).collect();
        assert_close(&smoothed(&line)[..195], &line[..195]);
        let noise: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert!(smoothed(&noise)[5..].iter().all(|point| (0.4..=0.6).contains(&point.1)));
        assert_close(&smoothed(&line[..1]), &line[..1]);
        assert_close(&smoothed(&[]), &[]);
    }
}
