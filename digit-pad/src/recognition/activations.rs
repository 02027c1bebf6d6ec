//! Activations of every layer of a network for one image.

use std::sync::Arc;

use nn_core::{LayerSpec, Network, NetworkSpec, Shape, Workspace};

use crate::{
    error::Error,
    recognition::{backbone::truncated, feature_cache, model::Model, normalization::Gray28, predictor::Predictor},
};

/// Values of a layer as pictures of one size: a feature map each, or a neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiles {
    /// Height of each, in values.
    pub height: usize,
    /// Width of each, in values.
    pub width: usize,
    /// Row by row from the top.
    pub tiles: Vec<Vec<f32>>,
}

impl Tiles {
    fn of(values: &[f32], height: usize, width: usize) -> Self {
        Tiles {
            height,
            width,
            tiles: values.chunks_exact(height * width).map(<[f32]>::to_vec).collect(),
        }
    }

    /// The largest magnitude of all; 1 if there is none.
    pub fn peak(&self) -> f32 {
        let values = self.tiles.iter().flatten().map(|value| value.abs());
        let peak = values.filter(|value| value.is_finite()).fold(0.0, f32::max);
        if peak > 0.0 { peak } else { 1.0 }
    }
}

/// What a layer gave, together with the layers that only change its values.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerActivation {
    /// The layers' names and the size of what they gave.
    pub name: String,
    /// Their output.
    pub output: Arc<Tiles>,
}

/// A network that is looked into.
#[derive(Debug)]
pub struct ActivationRecorder {
    scaling: mnist_io::Scaling,
    input: Vec<f32>,
    parts: Vec<Part>,
    /// Where the model remembers lessons, which have a say in the logits.
    taught: Option<Predictor>,
}

/// The network from its input to some layer.
#[derive(Debug)]
struct Part {
    name: String,
    shape: Shape,
    network: Network,
    workspace: Workspace,
}

impl ActivationRecorder {
    /// Prepares a look into a model's network.
    ///
    /// # Errors
    /// If the model's scaling makes no number of some pixel, or what it remembers of lessons is damaged.
    pub fn new(model: &Model) -> Result<Self, Error> {
        let network = &model.content.network;
        let remembers = model.content.notes.contains_key(feature_cache::METADATA_KEY);
        Ok(ActivationRecorder {
            scaling: model.scaling()?,
            input: vec![0.0; network.spec().input().len()],
            parts: groups(network.spec())
                .into_iter()
                .map(|end| Part::new(network, end))
                .collect::<Result<_, _>>()?,
            taught: remembers.then(|| Predictor::new(model.clone(), 1)).transpose()?,
        })
    }

    /// What every layer makes of a picture, from the first to the logits.
    ///
    /// # Panics
    /// If the network takes pictures of another size; a recogniser's does not.
    pub fn record(&mut self, pixels: &Gray28) -> Vec<LayerActivation> {
        self.scaling.scale_into(pixels, &mut self.input);
        let mut activations: Vec<_> = self.parts.iter_mut().map(|part| part.record(&self.input)).collect();
        if let (Some(taught), Some(last)) = (&mut self.taught, activations.last_mut()) {
            let logits = taught.logits(pixels).expect("one picture of the network's size");
            *last = LayerActivation {
                name: format!("{} · memory", last.name),
                output: Arc::new(Tiles::of(logits, 1, 1)),
            };
        }
        activations
    }
}

/// The ends of the groups that are shown: layers that only change values belong to the one before them.
fn groups(spec: &NetworkSpec) -> Vec<usize> {
    let layers = spec.layers();
    let ends = (1..=layers.len()).filter(|&end| layers.get(end).is_none_or(changes_form));
    let ends = ends.filter(|&end| layers[..end].iter().any(changes_form));
    // What only changes the order, or nothing, is no sight of its own.
    ends.map(|end| {
        layers[..end]
            .iter()
            .rposition(|layer| !is_hidden(layer))
            .map_or(end, |last| last + 1)
    })
    .collect()
}

fn is_hidden(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::Flatten | LayerSpec::Dropout { .. })
}

impl Part {
    fn new(network: &Network, end: usize) -> Result<Self, Error> {
        let spec = network.spec();
        let layers = &spec.layers()[..end];
        let shape = spec.shapes()[end - 1];
        let part = truncated(network, end)?;
        Ok(Part {
            name: name(layers, shape),
            shape,
            workspace: Workspace::new(&part, 1)?,
            network: part,
        })
    }

    fn record(&mut self, input: &[f32]) -> LayerActivation {
        let (_, height, width) = self.shape.as_image().unwrap_or((1, 1, 1));
        let values = self.network.logits(input, &mut self.workspace);
        let values = values.expect("one sample of the network's shape");
        LayerActivation {
            name: self.name.clone(),
            output: Arc::new(Tiles::of(values, height, width)),
        }
    }
}

/// The last layer that changes the form, those behind it, and the size of the output.
fn name(layers: &[LayerSpec], shape: Shape) -> String {
    let last = layers.iter().rposition(changes_form).unwrap_or(0);
    let names: Vec<_> = layers[last..]
        .iter()
        .filter(|layer| !is_hidden(layer))
        .map(ToString::to_string)
        .collect();
    match shape.as_image() {
        Some((_, height, width)) => format!("{} → {height}×{width}", names.join(" · ")),
        None => names.join(" · "),
    }
}

/// Whether a layer does more than change each value by itself.
fn changes_form(layer: &LayerSpec) -> bool {
    matches!(
        layer,
        LayerSpec::Dense { .. }
            | LayerSpec::Conv(_)
            | LayerSpec::MaxPool { .. }
            | LayerSpec::AvgPool { .. }
            | LayerSpec::GlobalAvgPool
    )
}

#[cfg(test)]
mod tests {
    use nn_core::formats;

    use super::*;
    use crate::recognition::example::Example;

    fn model(text: &str) -> Model {
        let network = Network::new(text.parse().unwrap(), 3).unwrap();
        Model {
            content: formats::Model::new(network),
            path: None,
        }
    }

    fn picture() -> Gray28 {
        std::array::from_fn(|i| (i * 7 % 256) as u8)
    }

    #[test]
    fn every_layer_of_the_model_inside_is_seen() {
        let model = Model::embedded().unwrap();
        let mut inside = ActivationRecorder::new(&model).unwrap();
        let activations = inside.record(&picture());
        let sizes: Vec<_> = activations
            .iter()
            .map(|i| (i.output.tiles.len(), i.output.height, i.output.width))
            .collect();
        let shapes = model.content.network.spec().shapes();
        let spec = model.content.network.spec();
        assert!(sizes[0].0 == 48 && spec.to_string().contains("conv 48 3x3"), "{spec}");
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
            let activations = ActivationRecorder::new(&model).unwrap().record(&picture());
            let mut input = vec![0.0; 784];
            model.scaling().unwrap().scale_into(&picture(), &mut input);
            let mut workspace = Workspace::new(&model.content.network, 1).unwrap();
            let logits = model.content.network.logits(&input, &mut workspace).unwrap();
            let last: Vec<f32> = activations.last().unwrap().output.tiles.concat();
            for (seen, logit) in last.iter().zip(logits) {
                assert!((seen - logit).abs() < 1e-4, "{text}");
            }
        }
    }

    #[test]
    fn what_is_remembered_has_a_say_in_the_logits_that_are_shown() {
        for text in [
            "784 | dense 20 | tanh | dense 10",
            "28x28x1 | conv 4 5x5 | relu | conv 4 3x3 | relu | maxpool 2 | dense 10",
        ] {
            let mut model = model(text);
            let plain = ActivationRecorder::new(&model).unwrap().record(&picture());
            feature_cache::store(&mut model.content, [Example::new(4, picture()).unwrap()].into_iter());
            let taught = ActivationRecorder::new(&model).unwrap().record(&picture());
            let (last, before) = taught.split_last().unwrap();
            assert_eq!(before, &plain[..plain.len() - 1]);
            assert_eq!(last.name, "dense 10 · memory");
            let logits: Vec<f32> = last.output.tiles.concat();
            let mut predictor = Predictor::new(model, 1).unwrap();
            assert_eq!(logits, predictor.logits(&picture()).unwrap(), "{text}");
            let plain: Vec<f32> = plain.last().unwrap().output.tiles.concat();
            let differs = |digit: usize| (logits[digit] - plain[digit]).abs() > 1e-3;
            assert!((0..10).all(|digit| differs(digit) == (digit == 4)), "{text}");
        }
    }

    #[test]
    fn layers_that_only_change_values_belong_to_the_one_before() {
        let model =
            model("28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 2 | dropout 0.1 | dense 12 | relu | dense 10");
        let activations = ActivationRecorder::new(&model).unwrap().record(&picture());
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
    fn a_peak_is_a_number_above_0() {
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
