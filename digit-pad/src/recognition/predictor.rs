//! Logits of a batch of images, from the network and the feature cache.

use mnist_io::Scaling;
use nn_core::{Network, Workspace};

use crate::{
    error::Error,
    recognition::{
        backbone::SplitNetwork,
        feature_cache::{self, FeatureCache},
        model::Model,
        normalization::SIDE,
    },
};

/// A model made ready to read.
///
/// ```
/// use digit_pad::recognition::{model::Model, predictor::Predictor};
///
/// let mut predictor = Predictor::new(Model::embedded()?, 2)?;
/// let logits = predictor.logits(&[0; 2 * 784])?;
/// assert_eq!(logits.len(), 20);
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    scaling: Scaling,
    scaled: Vec<f32>,
    /// The layers whose output a memory compares, where there is one and they are any.
    backbone: Option<Run>,
    /// The layers from there on.
    head: Run,
    cache: Option<FeatureCache>,
    logits: Vec<f32>,
}

/// A network with the room to run in.
#[derive(Debug)]
struct Run {
    network: Network,
    workspace: Workspace,
}

impl Predictor {
    /// A reader of up to `capacity` pictures at a time, of the size that the model takes.
    ///
    /// # Errors
    /// If the model's scaling makes no number of some pixel, what it remembers is damaged or not of its size, or so many
    /// pictures take too much room.
    pub fn new(model: Model, capacity: usize) -> Result<Self, Error> {
        let (scaling, examples) = (model.scaling()?, feature_cache::examples(&model)?);
        let (backbone, head, cache) = if examples.is_empty() {
            (None, model.content.network, None)
        } else {
            // Lessons are of that size.
            model.check_fit(SIDE, SIDE)?;
            let cut = feature_cache::cut(model.content.network.spec());
            let SplitNetwork { backbone, head } = SplitNetwork::new(&model, cut)?;
            let cache = FeatureCache::new(&backbone, &examples, capacity)?;
            (backbone.network, head, Some(cache))
        };
        Ok(Predictor {
            scaling,
            scaled: Vec::new(),
            backbone: backbone.map(|backbone| Run::new(backbone, capacity)).transpose()?,
            head: Run::new(head, capacity)?,
            cache,
            logits: Vec::new(),
        })
    }

    /// The logits of pictures, `[pictures, 10]`, from their pixels, row by row.
    ///
    /// # Errors
    /// If that is no whole number of pictures, at least one, or more than there is room for.
    pub fn logits(&mut self, pixels: &[u8]) -> Result<&[f32], Error> {
        self.scaled.resize(pixels.len(), 0.0);
        self.scaling.scale_into(pixels, &mut self.scaled);
        let features = match &mut self.backbone {
            Some(backbone) => backbone.outputs(&self.scaled)?,
            None => &self.scaled,
        };
        self.logits.clear();
        self.logits.extend_from_slice(self.head.outputs(features)?);
        if let Some(cache) = &mut self.cache {
            cache.add_logits(features, &mut self.logits)?;
        }
        Ok(&self.logits)
    }
}

impl Run {
    fn new(network: Network, capacity: usize) -> Result<Self, Error> {
        Ok(Run {
            workspace: Workspace::new(&network, capacity)?,
            network,
        })
    }

    fn outputs(&mut self, input: &[f32]) -> Result<&[f32], Error> {
        Ok(self.network.logits(input, &mut self.workspace)?)
    }
}
