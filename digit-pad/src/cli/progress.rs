//! Progress of `train`: a bar on a terminal, lines elsewhere, or JSON.

use std::time::Instant;

use digit_pad::training::{
    presets::Recipe,
    session::{EpochReport, StepReport, TrainingEvent},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::output::{Failure, Outcome, grouped, json, note, percent};

/// Reports the progress of training.
pub(super) struct Progress {
    epochs: usize,
    as_json: bool,
    /// Hidden if standard error is not a terminal.
    bar: ProgressBar,
    start: Instant,
    outcome: Outcome,
    learning_rate: f32,
    /// The last epoch, if it taught nothing.
    guessing: Option<EpochReport>,
}

#[derive(Serialize)]
struct Epoch {
    epoch: usize,
    seconds: f64,
    train_loss: f64,
    val_accuracy: Option<f64>,
    images_per_s: f64,
}

impl Progress {
    pub(super) fn new(recipe: &Recipe, as_json: bool) -> Self {
        let style = ProgressStyle::with_template("{msg}  {wide_bar}  {eta} left").expect("the template is valid");
        let bar = ProgressBar::new(0).with_style(style.progress_chars("━━─"));
        Progress {
            epochs: recipe.epochs,
            as_json,
            bar,
            start: Instant::now(),
            outcome: Ok(()),
            learning_rate: recipe.optimizer.learning_rate(),
            guessing: None,
        }
    }

    pub(super) fn show(&mut self, event: &TrainingEvent) {
        match event {
            TrainingEvent::Step(step) => self.show_step(step),
            TrainingEvent::Epoch(epoch) => self.show_epoch(epoch),
        }
    }

    /// Removes the bar; fails if a line could not be written.
    pub(super) fn finish(&mut self) -> Outcome {
        self.bar.finish_and_clear();
        std::mem::replace(&mut self.outcome, Ok(()))
    }

    /// Fails if the last epoch taught nothing.
    pub(super) fn learned(&self) -> Outcome {
        self.guessing
            .map_or(Ok(()), |report| Err(Failure::Message(self.advice(&report))))
    }

    /// What to do about an epoch that taught nothing.
    fn advice(&self, report: &EpochReport) -> String {
        format!(
            "the network learned nothing in epoch {}: with a loss of {:.4e} and an accuracy of {}, it does no better than \
             guessing. Training has probably diverged; use a lower learning rate (now {}), such as --lr {}, or check that \
             the labels belong to the images",
            report.step.epoch,
            report.step.loss,
            percent(report.step.accuracy),
            self.learning_rate,
            self.learning_rate / 10.0
        )
    }

    fn show_step(&self, step: &StepReport) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(format!(
            "epoch {}/{}  loss {:.4}  accuracy {}  {} images/s",
            step.epoch,
            self.epochs,
            step.loss,
            percent(step.accuracy),
            grouped(step.images_per_second as u64),
        ));
        self.bar.set_length(step.total_steps);
        self.bar.set_position(step.steps);
    }

    fn show_epoch(&mut self, report: &EpochReport) {
        let line = self.line(report);
        if self.bar.is_hidden() {
            note(line);
        } else {
            self.bar.println(line);
        }
        let was_guessing = self.guessing.is_some();
        self.guessing = report.guesses.then_some(*report);
        if self.guessing.is_some() && !was_guessing {
            self.bar.suspend(|| note(self.advice(report)));
        }
        if self.as_json && self.outcome.is_ok() {
            let written = self.bar.suspend(|| json(&Epoch::from(report)));
            // If nobody reads the lines, training continues for the sake of the weights.
            if !matches!(written, Err(Failure::Closed)) {
                self.outcome = written;
            }
        }
    }

    fn line(&self, report: &EpochReport) -> String {
        let step = &report.step;
        let validation = report
            .validation_accuracy
            .map(|accuracy| format!("accuracy (validation) {}  ", percent(accuracy)));
        let share_left = (step.total_steps - step.steps) as f64 / (step.steps - step.resumed_steps) as f64;
        format!(
            "epoch {:>width$}/{}  loss {:.4}  accuracy {}  {}{} images/s  {:.0} s left",
            step.epoch,
            self.epochs,
            step.loss,
            percent(step.accuracy),
            validation.unwrap_or_default(),
            grouped(step.images_per_second as u64),
            self.start.elapsed().as_secs_f64() * share_left,
            width = self.epochs.to_string().len(),
        )
    }
}

impl From<&EpochReport> for Epoch {
    fn from(report: &EpochReport) -> Self {
        Epoch {
            epoch: report.step.epoch,
            seconds: report.step.seconds,
            train_loss: report.step.loss,
            val_accuracy: report.validation_accuracy,
            images_per_s: report.step.images_per_second,
        }
    }
}
