//! A network split into backbone and head: the layers that compute features, and the layers after them.

use mnist_io::Scaling;
use nn_core::{Network, Workspace};

use crate::{
    error::Error,
    recognition::{model::Model, normalization::PIXELS},
};

/// Batch size for computing features.
const FEATURE_BATCH: usize = 100;

/// The first layers of a model, with its input scaling.
#[derive(Debug)]
pub(crate) struct Backbone {
    /// `None` without layers: then the features are the scaled pixels.
    pub(crate) network: Option<Network>,
    scaling: Scaling,
}

/// A model's network in two parts.
#[derive(Debug)]
pub(crate) struct SplitNetwork {
    pub(crate) backbone: Backbone,
    pub(crate) head: Network,
}

impl SplitNetwork {
    /// Splits a model's network before the layer of that index, which exists.
    ///
    /// # Errors
    ///
    /// If the model's scaling is invalid.
    pub(crate) fn new(model: &Model, index: usize) -> Result<Self, Error> {
        let network = &model.content.network;
        let (backbone, head) = match index.checked_sub(1) {
            None => (None, network.clone()),
            Some(last) => {
                let (backbone, head) = network.split_after(last)?;
                (Some(backbone), head)
            }
        };
        let backbone = Backbone {
            network: backbone,
            scaling: model.scaling()?,
        };
        Ok(SplitNetwork { backbone, head })
    }
}

impl Backbone {
    /// Computes the features `[images, features]` of images of 28×28 pixels.
    pub(crate) fn features(&self, pixels: &[u8]) -> Result<Vec<f32>, Error> {
        let Some(network) = &self.network else {
            let mut features = vec![0.0; pixels.len()];
            self.scaling.scale_into(pixels, &mut features);
            return Ok(features);
        };
        let images = pixels.len() / PIXELS;
        let batch = images.clamp(1, FEATURE_BATCH);
        let mut workspace = Workspace::new(network, batch)?;
        let mut features = Vec::with_capacity(images * network.spec().outputs());
        let mut scaled = vec![0.0; batch * PIXELS];
        for batch in pixels.chunks(batch * PIXELS) {
            let scaled = &mut scaled[..batch.len()];
            self.scaling.scale_into(batch, scaled);
            features.extend_from_slice(network.forward(scaled, &mut workspace)?);
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backbone_and_head_compute_the_network() {
        let text = "28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 4 | dense 20 | relu | dense 10";
        let network = Network::new(text.parse().unwrap(), 3).unwrap();
        let model = Model::from(nn_core::Model::new(network));
        let pixels: Vec<u8> = (0..3 * PIXELS).map(|i| (i * 7 % 256) as u8).collect();
        let scaled: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let whole = model.content.network.probabilities(&scaled).unwrap();
        for index in 0..model.content.network.spec().layers().len() {
            let SplitNetwork { backbone, head } = SplitNetwork::new(&model, index).unwrap();
            let parts = head.probabilities(&backbone.features(&pixels).unwrap()).unwrap();
            // Batch normalization folds into other layers, which rounds differently.
            let mut pairs = parts.iter().zip(&whole);
            assert!(
                parts.len() == 30 && pairs.all(|(part, whole)| (part - whole).abs() < 1e-6),
                "cut before layer {index}"
            );
        }
    }
}
