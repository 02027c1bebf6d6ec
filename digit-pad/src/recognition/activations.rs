//! Activations of every layer of a network for one image.

use std::sync::Arc;

use nn_core::{Network, Workspace};

use crate::{
    error::Error,
    recognition::{feature_cache, layer_info::LayerInfo, model::Model, normalization::Gray28, predictor::Predictor},
};

/// Values of a layer as tiles of one size: one per channel, or one of 1×1 per neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiles {
    /// Height of each tile, in values.
    pub height: usize,
    /// Width of each tile, in values.
    pub width: usize,
    /// The tiles' values, row by row from the top.
    pub tiles: Vec<Vec<f32>>,
}

impl Tiles {
    fn new(values: &[f32], height: usize, width: usize) -> Self {
        Tiles {
            height,
            width,
            tiles: values.chunks_exact(height * width).map(<[f32]>::to_vec).collect(),
        }
    }

    /// Largest finite magnitude of all values; 1 if they are all zero.
    pub fn peak(&self) -> f32 {
        let values = self.tiles.iter().flatten().map(|value| value.abs());
        let peak = values.filter(|value| value.is_finite()).fold(0.0, f32::max);
        if peak > 0.0 { peak } else { 1.0 }
    }
}

/// Output of a layer, together with the element-wise layers after it.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerActivation {
    /// Output of the last of them.
    pub output: Arc<Tiles>,
    /// Indexes of the tiles, those with the largest values first.
    pub strongest: Vec<usize>,
    /// Whether the user's examples add to it.
    pub has_examples: bool,
}

impl LayerActivation {
    /// The activation of a layer with that output.
    #[must_use]
    pub fn new(output: Tiles) -> Self {
        let largest: Vec<f32> = output.tiles.iter().map(|tile| largest(tile)).collect();
        let mut strongest: Vec<usize> = (0..largest.len()).collect();
        strongest.sort_by(|&a, &b| largest[b].total_cmp(&largest[a]));
        LayerActivation {
            output: Arc::new(output),
            strongest,
            has_examples: false,
        }
    }

    /// Row and column of the largest value of a tile.
    #[must_use]
    pub fn position_of_peak(&self, tile: usize) -> Option<(usize, usize)> {
        let values = self.output.tiles.get(tile)?;
        let numbers = values.iter().enumerate().filter(|(_, value)| !value.is_nan());
        // The first of equals.
        let (index, _) = numbers.rev().max_by(|a, b| a.1.total_cmp(b.1))?;
        Some((index / self.output.width, index % self.output.width))
    }
}

/// The largest value that is a number; minus infinity if none is.
fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Computes the activations of every layer of a model.
#[derive(Debug)]
pub struct ActivationRecorder {
    scaling: mnist_io::Scaling,
    input: Vec<f32>,
    layers: Arc<Vec<LayerInfo>>,
    prefixes: Vec<Prefix>,
    /// Computes the logits of a model with a feature cache, which adds to them.
    cached: Option<Predictor>,
}

/// The network from its input to some layer.
#[derive(Debug)]
struct Prefix {
    /// Height and width of a tile of its output.
    size: (usize, usize),
    network: Network,
    workspace: Workspace,
}

impl ActivationRecorder {
    /// Builds a recorder for a model.
    ///
    /// # Errors
    ///
    /// If the model's scaling is invalid or its feature cache is damaged.
    pub fn new(model: &Model) -> Result<Self, Error> {
        let network = &model.content.network;
        let layers = LayerInfo::of(network.spec());
        let has_cache = model.content.notes.contains_key(feature_cache::METADATA_KEY);
        Ok(ActivationRecorder {
            scaling: model.scaling()?,
            input: vec![0.0; network.spec().input().len()],
            prefixes: layers
                .iter()
                .map(|layer| Prefix::new(network, layer))
                .collect::<Result<_, _>>()?,
            layers: Arc::new(layers),
            cached: has_cache.then(|| Predictor::new(model.clone(), 1)).transpose()?,
        })
    }

    /// The layers that it records, in order.
    pub fn layers(&self) -> &Arc<Vec<LayerInfo>> {
        &self.layers
    }

    /// Computes the activations of these layers for an image, from the first to the logits.
    ///
    /// # Panics
    ///
    /// If the network does not take 28×28 pixels; a recognizer's does.
    pub fn record(&mut self, pixels: &Gray28) -> Vec<LayerActivation> {
        self.scaling.scale_into(pixels, &mut self.input);
        let mut activations: Vec<_> = self
            .prefixes
            .iter_mut()
            .map(|prefix| prefix.record(&self.input))
            .collect();
        if let (Some(predictor), Some(last)) = (&mut self.cached, activations.last_mut()) {
            let logits = predictor.logits(pixels).expect("one image of the network's size");
            *last = LayerActivation {
                has_examples: true,
                ..LayerActivation::new(Tiles::new(logits, 1, 1))
            };
        }
        activations
    }
}

impl Prefix {
    fn new(network: &Network, layer: &LayerInfo) -> Result<Self, Error> {
        let prefix = network.cut_after(layer.end - 1)?;
        Ok(Prefix {
            size: layer.size,
            workspace: Workspace::new(&prefix, 1)?,
            network: prefix,
        })
    }

    fn record(&mut self, input: &[f32]) -> LayerActivation {
        let values = self.network.forward(input, &mut self.workspace);
        let values = values.expect("one sample of the network's shape");
        LayerActivation::new(Tiles::new(values, self.size.0, self.size.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::example::Example;

    fn model(text: &str) -> Model {
        let network = Network::new(text.parse().unwrap(), 3).unwrap();
        nn_core::Model::new(network).into()
    }

    fn image() -> Gray28 {
        std::array::from_fn(|i| (i * 7 % 256) as u8)
    }

    #[test]
    fn every_layer_of_the_built_in_model_is_recorded() {
        let model = Model::embedded().unwrap();
        let mut recorder = ActivationRecorder::new(&model).unwrap();
        let activations = recorder.record(&image());
        let sizes: Vec<_> = activations
            .iter()
            .map(|a| (a.output.tiles.len(), a.output.height, a.output.width))
            .collect();
        let shapes = model.content.network.spec().shapes();
        let spec = model.content.network.spec();
        assert!(sizes[0].0 > 10 && sizes[0].1 == 26, "{spec}");
        assert_eq!(*sizes.last().unwrap(), (10, 1, 1));
        for ((activation, size), layer) in activations.iter().zip(&sizes).zip(recorder.layers().iter()) {
            assert!(
                activation.output.tiles.iter().all(|tile| tile.len() == size.1 * size.2),
                "{}",
                layer.name
            );
            assert_eq!((layer.count, layer.size), (size.0, (size.1, size.2)));
            assert!(shapes.iter().any(|shape| shape.len() == size.0 * size.1 * size.2));
        }
    }

    #[test]
    fn the_last_activation_is_the_logits() {
        for text in [
            "784 | dense 20 | tanh | dense 10",
            "28x28x1 | conv 4 5x5 stride 2 | relu | avgpool 2 | batchnorm | flatten | dropout 0.5 | dense 10",
            "28x28x1 | relu | globalavgpool | dense 10 | sigmoid",
        ] {
            let model = model(text);
            let activations = ActivationRecorder::new(&model).unwrap().record(&image());
            let mut input = vec![0.0; 784];
            model.scaling().unwrap().scale_into(&image(), &mut input);
            let mut workspace = Workspace::new(&model.content.network, 1).unwrap();
            let logits = model.content.network.forward(&input, &mut workspace).unwrap();
            let last: Vec<f32> = activations.last().unwrap().output.tiles.concat();
            for (value, logit) in last.iter().zip(logits) {
                assert!((value - logit).abs() < 1e-4, "{text}");
            }
        }
    }

    #[test]
    fn the_feature_cache_adds_to_the_recorded_logits() {
        for text in [
            "784 | dense 20 | tanh | dense 10",
            "28x28x1 | conv 4 5x5 | relu | conv 4 3x3 | relu | maxpool 2 | dense 10",
        ] {
            let mut model = model(text);
            let plain = ActivationRecorder::new(&model).unwrap().record(&image());
            feature_cache::store(&mut model.content, [Example::new(4, image()).unwrap()].into_iter());
            let cached = ActivationRecorder::new(&model).unwrap().record(&image());
            let (last, before) = cached.split_last().unwrap();
            assert_eq!(before, &plain[..plain.len() - 1]);
            assert!(last.has_examples && !before.iter().any(|layer| layer.has_examples));
            let logits: Vec<f32> = last.output.tiles.concat();
            let mut predictor = Predictor::new(model, 1).unwrap();
            assert_eq!(logits, predictor.logits(&image()).unwrap(), "{text}");
            let plain: Vec<f32> = plain.last().unwrap().output.tiles.concat();
            let differs = |digit: usize| (logits[digit] - plain[digit]).abs() > 1e-3;
            assert!((0..10).all(|digit| differs(digit) == (digit == 4)), "{text}");
        }
    }

    #[test]
    fn the_strongest_tiles_come_first() {
        let tile = |values: [f32; 4]| values.to_vec();
        let activation = LayerActivation::new(Tiles {
            height: 2,
            width: 2,
            tiles: vec![
                tile([0.0, -9.0, 1.0, 0.5]),
                tile([f32::NAN; 4]),
                tile([3.0, f32::NAN, 4.0, 4.0]),
                tile([-1.0, -2.0, -3.0, -4.0]),
            ],
        });
        assert_eq!(activation.strongest, [2, 0, 3, 1]);
        let positions = [0, 1, 2, 3, 4].map(|tile| activation.position_of_peak(tile));
        assert_eq!(positions, [Some((1, 0)), None, Some((1, 0)), Some((0, 0)), None]);
    }

    #[test]
    fn a_peak_is_positive() {
        let tiles = |values: &[f32]| Tiles {
            height: 1,
            width: 1,
            tiles: values.iter().map(|&value| vec![value]).collect(),
        };
        assert_eq!(tiles(&[0.5, -2.0, f32::NAN]).peak(), 2.0);
        assert_eq!(tiles(&[0.0]).peak(), 1.0);
        assert_eq!(tiles(&[]).peak(), 1.0);
    }
}
