//! Why a batch's loss or gradients are not finite: its inputs, a loss or a layer of the user's own, or training diverged.

use super::trainer::Trainer;
use crate::{
    error::{Error, OWN_LAYER, Result},
    exec::BatchReport,
    graph::Graph,
    loss::{Targets, all_finite},
};

/// Outputs up to this magnitude are no sign of divergence.
const USUAL: f32 = 1e6;

impl Trainer {
    /// Refuses a batch whose loss or gradients are not finite, after the passes and before anything changes. Gradients of
    /// built-in layers are finite, but for overflow, if the loss and its gradient are.
    pub(super) fn check_finite(&self, inputs: &[f32], targets: Targets<'_>, report: &BatchReport) -> Result<()> {
        let graph = self.network.graph();
        let batch = inputs.len() / graph.inputs();
        if !report.loss.is_finite() {
            return Err(self.why_not_finite(inputs, targets, report.loss));
        }
        if report.samples < batch {
            // The others have no loss that could show it.
            check_inputs(graph, inputs)?;
        }
        let Some((node, sample)) = self.workspace.broken_gradient(graph, batch) else {
            return Ok(());
        };
        let layer = graph.nodes[node].name();
        Err(match sample {
            Some(sample) => of_layer(sample, &layer, "the gradient of its input"),
            None => Error::NotFinite { layer },
        })
    }

    fn why_not_finite(&self, inputs: &[f32], targets: Targets<'_>, loss: f32) -> Error {
        let graph = self.network.graph();
        if let Err(error) = check_inputs(graph, inputs) {
            return error;
        }
        if let Some((node, sample)) = self.workspace.broken_output(graph, inputs) {
            return of_layer(sample, &graph.nodes[node].name(), "its output");
        }
        let batch = inputs.len() / graph.inputs();
        if let Some(error) = (0..batch).find_map(|sample| self.why_loss_of(sample, targets)) {
            return error;
        }
        Error::Diverged {
            loss,
            step: self.steps(),
            learning_rate: self.learning_rate(),
        }
    }

    /// What is wrong with the loss of a sample, if its outputs are finite and of the usual size.
    fn why_loss_of(&self, sample: usize, targets: Targets<'_>) -> Option<Error> {
        let graph = self.network.graph();
        let outputs = self
            .workspace
            .output_of(graph, graph.nodes.len().checked_sub(1)?, sample);
        let largest = outputs.iter().fold(0.0f32, |largest, output| largest.max(output.abs()));
        if !all_finite(outputs) || largest > USUAL || targets.weight(sample) == 0.0 {
            return None;
        }
        let mut gradient = vec![0.0; outputs.len()];
        let loss = &*self.settings.loss;
        let value = loss.of_sample(outputs, targets.get(sample, outputs.len()), &mut gradient);
        let what = match gradient.iter().position(|gradient| !gradient.is_finite()) {
            _ if !value.is_finite() => format!("is {value}"),
            Some(output) => format!("has the gradient {} for output {output}", gradient[output]),
            None => return None,
        };
        let reason = format!(
            "the loss {} {what}, though the outputs are finite, at most {largest} in size; scale the targets if they are very \
             large, and in a loss of your own look for divisions by 0, logarithms and overflow",
            loss.name()
        );
        Some(Error::sample(sample, reason))
    }
}

/// A layer of the user's own computes what is not finite for a sample.
fn of_layer(sample: usize, layer: &str, what: &str) -> Error {
    Error::sample(sample, format!("layer {layer}: {what} is not finite; {OWN_LAYER}"))
}

/// Refuses inputs that are not finite.
fn check_inputs(graph: &Graph, inputs: &[f32]) -> Result<()> {
    for (sample, input) in inputs.chunks(graph.inputs()).enumerate() {
        if let Some(index) = input.iter().position(|value| !value.is_finite()) {
            let reason = format!(
                "value {index} of its input is {}, and inputs are finite numbers; repair the data, or leave the sample out",
                input[index]
            );
            return Err(Error::sample(sample, reason));
        }
    }
    Ok(())
}
