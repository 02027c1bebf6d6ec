//! Logits of a batch of images, from the network and the feature cache.

use mnist_io::Scaling;
use nn_core::{Network, Workspace};

use crate::{
    drawing::sign::SignName,
    error::Error,
    recognition::{
        backbone::SplitNetwork,
        feature_cache::{self, FeatureCache},
        model::{DIGITS, Model, digit_shape},
    },
};

/// A model ready to compute logits.
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
    /// Name of the model in messages.
    name: String,
    scaling: Scaling,
    scaled: Vec<f32>,
    /// The layers before the feature cache; `None` without a cache or without layers before it.
    backbone: Option<Executor>,
    /// The other layers.
    head: Executor,
    cache: Option<FeatureCache>,
    logits: Vec<f32>,
}

/// A network with its workspace.
#[derive(Debug)]
struct Executor {
    network: Network,
    workspace: Workspace,
}

impl Predictor {
    /// Prepares a model for batches of up to `capacity` images of its size.
    ///
    /// # Errors
    ///
    /// If the model's scaling is invalid, its feature cache is damaged or for images of another size, or `capacity` is
    /// too large.
    pub fn new(model: Model, capacity: usize) -> Result<Self, Error> {
        let name = model.name();
        let (scaling, examples) = (model.scaling()?, feature_cache::examples(&model)?);
        let (backbone, head, cache) = if examples.is_empty() {
            (None, model.content.network, None)
        } else {
            // Cached examples have 28×28 pixels.
            model.check_fit(digit_shape(), DIGITS)?;
            let index = feature_cache::feature_layer(model.content.network.spec());
            let SplitNetwork { backbone, head } = SplitNetwork::new(&model, index)?;
            let cache = FeatureCache::new(&backbone, &examples, capacity)?;
            (backbone.network, head, Some(cache))
        };
        Ok(Predictor {
            name,
            scaling,
            scaled: Vec::new(),
            backbone: backbone.map(|backbone| Executor::new(backbone, capacity)).transpose()?,
            head: Executor::new(head, capacity)?,
            cache,
            logits: Vec::new(),
        })
    }

    /// Computes the logits `[images, classes]` of the pixels of images, row by row.
    ///
    /// # Errors
    ///
    /// If the pixels are not those of 1 to `capacity` images; [`Error::NotFinite`] if a logit is infinite or NaN.
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
        if self.logits.iter().all(|logit| logit.is_finite()) {
            return Ok(&self.logits);
        }
        Err(Error::NotFinite {
            model: self.name.clone(),
        })
    }
}

impl Predictor {
    /// The signs that the model was taught beside its classes.
    pub fn signs(&self) -> &[SignName] {
        self.cache.as_ref().map_or(&[], FeatureCache::signs)
    }

    /// The cosine similarity of an image of the last batch with the nearest example of each sign.
    pub(crate) fn sign_cosines(&self, image: usize) -> &[f32] {
        self.cache.as_ref().map_or(&[], |cache| cache.sign_cosines(image))
    }
}

impl Executor {
    fn new(network: Network, capacity: usize) -> Result<Self, Error> {
        Ok(Executor {
            workspace: Workspace::new(&network, capacity)?,
            network,
        })
    }

    fn outputs(&mut self, inputs: &[f32]) -> Result<&[f32], Error> {
        Ok(self.network.forward(inputs, &mut self.workspace)?)
    }
}
