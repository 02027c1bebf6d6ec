//! The network that `train` starts with: a preset's or a model's, for the images and classes of the data.

use digit_pad::{
    Error,
    recognition::model::Model,
    training::presets::{DEFAULT, Preset},
};
use mnist_io::Dataset;
use nn_core::{LayerSpec, Network, NetworkSpec};

use super::output::{Failure, class_list, grouped, note};

/// Most parameters of a preset's network, whose first dense layer grows with the images: 200 MB, and with an optimizer's
/// state a few times that.
const MOST_PARAMETERS: u64 = 50_000_000;

/// A model's network, with a new last layer if the classes of these images are not the model's.
pub(super) fn for_classes(model: &Model, images: &Dataset, seed: u64) -> Result<Network, Failure> {
    let network = &model.content.network;
    if model.class_names() == images.class_names() {
        return Ok(network.clone());
    }
    let layers = network.spec().layers();
    let [.., _, LayerSpec::Dense { .. }] = layers else {
        return Err(Failure::Message(format!(
            "{}: the classes of the data differ from the model's ({}), and its last layer, which would be replaced, is \
             not a dense layer behind others",
            model.name(),
            class_list(&model.class_names())
        )));
    };
    note(format_args!(
        "The model's classes are {}; a new last layer learns those of the data.",
        class_list(&model.class_names())
    ));
    let backbone = network.cut_after(layers.len() - 2).map_err(Error::from)?;
    let head = format!("dense {}", images.classes());
    Ok(backbone.with_head(&head, seed).map_err(Error::from)?)
}

/// The network of a preset for these images and their classes.
pub(super) fn network_of(preset: &Preset, images: &Dataset) -> Result<NetworkSpec, Failure> {
    // No image has a class; that is another error.
    let classes = images.classes().max(1);
    let (name, shape) = (preset.name, images.shape());
    let network = preset.network_for(shape, classes).map_err(|error| {
        Failure::Message(format!(
            "the network of the preset {name} does not take images of {shape} pixels: {error}; use --preset {}, which takes \
             images of any size, or describe another with --net",
            DEFAULT.name
        ))
    })?;
    let parameters = network.parameter_count() as u64;
    if parameters > MOST_PARAMETERS {
        return Err(Failure::Message(format!(
            "the network of the preset {name} would have {} parameters for images of {shape} pixels; make the images \
             smaller, or describe a network that shrinks them with --net, such as \"{}x{}x{} | conv 16 3x3 stride 2 | relu | \
             conv 32 3x3 stride 2 | relu | globalavgpool | dense {classes}\"",
            grouped(parameters),
            shape.height(),
            shape.width(),
            shape.channels()
        )));
    }
    Ok(network)
}
