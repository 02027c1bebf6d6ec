//! Evaluation: loss and accuracy of a network on data that it is not trained on.

use super::source::{Source, next_batch};
use crate::{
    error::{Error, Result},
    exec::{Workspace, in_pool},
    loss,
    network::Network,
};

/// Loss and accuracy of a network on data that it is not trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean cross-entropy, whatever loss is used in training.
    pub loss: f64,
    /// Share of samples that are classified correctly.
    pub accuracy: f64,
    /// Number of samples that are classified correctly.
    pub correct: usize,
    /// Number of samples.
    pub count: usize,
}

/// Evaluates a network on one epoch of `source`, in batches of the workspace's capacity.
///
/// # Errors
/// If the source gives targets that are not classes or more samples than there is room for, or if the workspace has no
/// room at all or was made for another network.
pub fn evaluate<S: Source>(network: &Network, source: &mut S, workspace: &mut Workspace) -> Result<Evaluation> {
    if workspace.capacity() == 0 {
        return Err(Error::Setting {
            name: "the workspace's capacity",
            value: "0".to_owned(),
            reason: "evaluation needs room for at least one sample; make a larger one",
        });
    }
    in_pool(|| {
        let (sample, outputs) = (network.spec().input().len(), network.spec().outputs());
        let mut inputs = vec![0.0; workspace.capacity() * sample];
        let mut targets = vec![0; workspace.capacity()];
        let mut unused = vec![0.0; outputs];
        let mut evaluation = Evaluation::default();
        source.start_epoch(0);
        loop {
            let count = next_batch(source, &mut inputs, &mut targets)?;
            if count == 0 {
                break;
            }
            let logits = network.logits(&inputs[..count * sample], workspace)?;
            for (sample, (logits, &target)) in logits.chunks(outputs).zip(&targets[..count]).enumerate() {
                if target >= outputs {
                    return Err(Error::Target {
                        target,
                        sample,
                        classes: outputs,
                    });
                }
                evaluation.loss += f64::from(loss::cross_entropy(logits, target, 1.0, &mut unused));
                evaluation.correct += usize::from(loss::argmax(logits) == target);
            }
            evaluation.count += count;
        }
        let count = evaluation.count.max(1) as f64;
        evaluation.loss /= count;
        evaluation.accuracy = evaluation.correct as f64 / count;
        Ok(evaluation)
    })
}
