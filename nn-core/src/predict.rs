//! Prediction: logits, probabilities and classes; the network is only read.

use crate::{error::Result, exec::Workspace, loss, network::Network};

impl Network {
    /// The logits of a batch, `[batch, outputs]`, from `images`, `[batch, …]` with the input's shape.
    ///
    /// The batch is shared out over the threads of the current rayon pool where that is faster. The same sample gets
    /// the same bits in any batch and on any number of threads.
    ///
    /// # Errors
    /// If `images` holds no whole number of samples, at least one, or more than the workspace has room for, or if
    /// the workspace was made for another network.
    pub fn logits<'a>(&self, images: &[f32], workspace: &'a mut Workspace) -> Result<&'a [f32]> {
        workspace.forward(self, images)
    }

    /// The probabilities of a batch, `[batch, outputs]`: the softmax of the logits.
    ///
    /// This makes a workspace for the one call; where there are many, keep one and use [`logits`](Self::logits). It has
    /// room for the whole batch: for each sample about 4 bytes for each value of the input and of every layer's output
    /// ([`NetworkSpec::shapes`](crate::NetworkSpec::shapes)), so a large set is better taken in parts.
    ///
    /// # Errors
    /// If `images` holds no whole number of samples, or none, or so many that they take more than 16 GiB.
    pub fn predict(&self, images: &[f32]) -> Result<Vec<f32>> {
        let batch = images.len() / self.spec().input().len();
        let mut workspace = Workspace::new(self, batch.max(1))?;
        let mut probabilities = self.logits(images, &mut workspace)?.to_vec();
        for row in probabilities.chunks_mut(self.spec().outputs()) {
            loss::softmax(row);
        }
        Ok(probabilities)
    }
}
