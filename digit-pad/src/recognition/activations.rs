//! Activations of every layer of a network for one image.

use std::sync::Arc;

use nn_core::{LayerSpec, Network, NetworkSpec, Shape, Workspace};

use crate::{
    error::Error,
    recognition::{feature_cache, model::Model, normalization::Gray28, predictor::Predictor},
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
    /// Names of the layers, and the size of the output.
    pub name: String,
    /// Output of the last of them.
    pub output: Arc<Tiles>,
}

/// Computes the activations of every layer of a model.
#[derive(Debug)]
pub struct ActivationRecorder {
    scaling: mnist_io::Scaling,
    input: Vec<f32>,
    prefixes: Vec<Prefix>,
    /// Computes the logits of a model with a feature cache, which adds to them.
    cached: Option<Predictor>,
}

/// The network from its input to some layer.
#[derive(Debug)]
struct Prefix {
    name: String,
    shape: Shape,
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
        let has_cache = model.content.notes.contains_key(feature_cache::METADATA_KEY);
        Ok(ActivationRecorder {
            scaling: model.scaling()?,
            input: vec![0.0; network.spec().input().len()],
            prefixes: group_ends(network.spec())
                .into_iter()
                .map(|end| Prefix::new(network, end))
                .collect::<Result<_, _>>()?,
            cached: has_cache.then(|| Predictor::new(model.clone(), 1)).transpose()?,
        })
    }

    /// Computes the activations of every layer for an image, from the first to the logits.
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
                name: format!("{} · examples", last.name),
                output: Arc::new(Tiles::new(logits, 1, 1)),
            };
        }
        activations
    }
}

/// The end of each group of layers that is shown together: element-wise layers belong to the one before them.
fn group_ends(spec: &NetworkSpec) -> Vec<usize> {
    let layers = spec.layers();
    let ends = (1..=layers.len()).filter(|&end| layers.get(end).is_none_or(starts_group));
    let ends = ends.filter(|&end| layers[..end].iter().any(starts_group));
    // Layers that change nothing in prediction are not shown at the end of a group.
    ends.map(|end| {
        layers[..end]
            .iter()
            .rposition(|layer| !is_hidden(layer))
            .map_or(end, |last| last + 1)
    })
    .collect()
}

fn is_hidden(layer: &LayerSpec) -> bool {
    matches!(
        layer,
        LayerSpec::Flatten | LayerSpec::Reshape(_) | LayerSpec::Dropout { .. }
    )
}

impl Prefix {
    fn new(network: &Network, end: usize) -> Result<Self, Error> {
        let spec = network.spec();
        let layers = &spec.layers()[..end];
        let shape = spec.shapes()[end - 1];
        let prefix = network.cut_after(end - 1)?;
        Ok(Prefix {
            name: name(layers, shape),
            shape,
            workspace: Workspace::new(&prefix, 1)?,
            network: prefix,
        })
    }

    fn record(&mut self, input: &[f32]) -> LayerActivation {
        let (_, height, width) = self.shape.as_image().unwrap_or((1, 1, 1));
        let values = self.network.forward(input, &mut self.workspace);
        let values = values.expect("one sample of the network's shape");
        LayerActivation {
            name: self.name.clone(),
            output: Arc::new(Tiles::new(values, height, width)),
        }
    }
}

/// Names of the last group of layers, and the size of its output.
fn name(layers: &[LayerSpec], shape: Shape) -> String {
    let start = layers.iter().rposition(starts_group).unwrap_or(0);
    let names: Vec<_> = layers[start..]
        .iter()
        .filter(|layer| !is_hidden(layer))
        .map(ToString::to_string)
        .collect();
    match shape.as_image() {
        Some((_, height, width)) => format!("{} → {height}×{width}", names.join(" · ")),
        None => names.join(" · "),
    }
}

/// Whether a layer is more than element-wise, and so starts a group.
fn starts_group(layer: &LayerSpec) -> bool {
    matches!(
        layer,
        LayerSpec::Dense { .. }
            | LayerSpec::Conv(_)
            | LayerSpec::MaxPool(_)
            | LayerSpec::AvgPool(_)
            | LayerSpec::GlobalAvgPool
            | LayerSpec::Upsample { .. }
            | LayerSpec::Add { .. }
            | LayerSpec::Concat { .. }
            | LayerSpec::Custom(_)
    )
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
        assert!(sizes[0].0 == 40 && spec.to_string().contains("conv 40 3x3"), "{spec}");
        assert_eq!(*sizes.last().unwrap(), (10, 1, 1));
        for (activation, size) in activations.iter().zip(&sizes) {
            assert!(
                activation.output.tiles.iter().all(|tile| tile.len() == size.1 * size.2),
                "{}",
                activation.name
            );
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
            assert_eq!(last.name, "dense 10 · examples");
            let logits: Vec<f32> = last.output.tiles.concat();
            let mut predictor = Predictor::new(model, 1).unwrap();
            assert_eq!(logits, predictor.logits(&image()).unwrap(), "{text}");
            let plain: Vec<f32> = plain.last().unwrap().output.tiles.concat();
            let differs = |digit: usize| (logits[digit] - plain[digit]).abs() > 1e-3;
            assert!((0..10).all(|digit| differs(digit) == (digit == 4)), "{text}");
        }
    }

    #[test]
    fn element_wise_layers_belong_to_the_one_before() {
        let model =
            model("28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 2 | dropout 0.1 | dense 12 | relu | dense 10");
        let activations = ActivationRecorder::new(&model).unwrap().record(&image());
        let names: Vec<_> = activations.iter().map(|activation| activation.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "conv 4 5x5 · batchnorm · relu → 24×24",
                "maxpool 2 → 12×12",
                "dense 12 · relu",
                "dense 10"
            ]
        );
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
