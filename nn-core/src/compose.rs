//! Networks made of others: cut after a layer, with a new head, joined.

use crate::{
    error::{Error, Result},
    network::{Network, Tensor},
    shape::Shape,
    spec::{LayerRegistry, LayerSpec, NetworkSpec, NetworkSpecBuilder},
};

impl Network {
    /// The layers up to and including `layer`, counted from 0, with their weights: a backbone.
    ///
    /// ```
    /// use nn_core::Network;
    /// let digits = Network::new("784 | dense 64 | relu | dense 10".parse()?, 1)?;
    /// // Ten classes become three; the new layer has initial weights.
    /// let letters = digits.cut_after(1)?.with_head("dense 3", 2)?;
    /// assert_eq!(letters.spec().to_string(), "784 | dense 64 | relu | dense 3");
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn cut_after(&self, layer: usize) -> Result<Self> {
        let layers = self.spec().layers();
        if layer >= layers.len() {
            let known: Vec<_> = (0..layers.len()).map(|layer| layer.to_string()).collect();
            return Err(Error::Layer {
                name: layer.to_string(),
                known: known.join(", "),
            });
        }
        let kept = self.tensors().into_iter().filter(|tensor| layer_of(tensor).0 <= layer);
        self.with_tensors(
            chain(self.spec().input(), &layers[..=layer])?,
            &kept.collect::<Vec<_>>(),
        )
    }

    /// The layers up to and including `layer`, counted from 0, and those behind it: a backbone and a head, with their
    /// weights.
    ///
    /// # Errors
    /// If there is no such layer, or none behind it.
    pub fn split_after(&self, layer: usize) -> Result<(Self, Self)> {
        if layer + 1 == self.spec().layers().len() {
            return Err(Error::Setting {
                name: "the layer to split after",
                value: layer.to_string(),
                reason: "it is the last one, so no layer would be left for the head; split after an earlier one",
            });
        }
        let backbone = self.cut_after(layer)?;
        let head = chain(backbone.spec().output(), &self.spec().layers()[layer + 1..])?;
        let tensors = self.tensors().into_iter();
        let moved = tensors.filter_map(|tensor| moved(&tensor, |index| index.checked_sub(layer + 1)));
        let head = self.with_tensors(head, &moved.collect::<Vec<_>>())?;
        Ok((backbone, head))
    }

    /// This network with more layers behind it, whose initial weights depend on the seed. `layers` is the text form
    /// without an input, as in `dense 64 | relu | dense 10`.
    ///
    /// # Errors
    /// If the text is not valid, or the first layer cannot take this network's output.
    pub fn with_head(&self, layers: &str, seed: u64) -> Result<Self> {
        self.with_custom_head(layers, seed, &LayerRegistry::default())
    }

    /// As [`with_head`](Self::with_head), with layers of your own by the names that a registry has for them.
    ///
    /// # Errors
    /// As [`with_head`](Self::with_head).
    pub fn with_custom_head(&self, layers: &str, seed: u64, registry: &LayerRegistry) -> Result<Self> {
        let head = format!("{} | {layers}", self.spec().output());
        self.join(&Self::new(NetworkSpec::parse_with(&head, registry)?, seed)?)
    }

    /// This network followed by another one, with the weights of both.
    ///
    /// ```
    /// use nn_core::Network;
    /// let encoder = Network::new("784 | dense 32 | relu".parse()?, 1)?;
    /// let decoder = Network::new("32 | dense 784 | sigmoid".parse()?, 2)?;
    /// let autoencoder = encoder.join(&decoder)?;
    /// assert_eq!(autoencoder.spec().to_string(), "784 | dense 32 | relu | dense 784 | sigmoid");
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the other network's input has another shape than this one's output.
    pub fn join(&self, next: &Self) -> Result<Self> {
        let (output, input) = (self.spec().output(), next.spec().input());
        if output != input {
            return Err(Error::LayerShape {
                layer: format!("0 of the network that follows ({})", next.spec()),
                input: output,
                reason: format!("its input has shape {input}"),
            });
        }
        let offset = self.spec().layers().len();
        let layers = [self.spec().layers(), next.spec().layers()].concat();
        let next = next.tensors().into_iter();
        let moved = next.filter_map(|tensor| moved(&tensor, |index| Some(index + offset)));
        let tensors: Vec<_> = self.tensors().into_iter().chain(moved).collect();
        self.with_tensors(chain(self.spec().input(), &layers)?, &tensors)
    }

    /// A network with these tensors, computed by the same kernel.
    fn with_tensors(&self, spec: NetworkSpec, tensors: &[Tensor]) -> Result<Self> {
        let mut network = Self::zeroed(spec)?.with_kernel(self.kernel());
        network.set_tensors(tensors)?;
        Ok(network)
    }
}

fn chain(input: Shape, layers: &[LayerSpec]) -> Result<NetworkSpec> {
    let layers = layers.iter().cloned();
    layers
        .fold(NetworkSpec::builder(input), NetworkSpecBuilder::layer)
        .build()
}

/// A tensor as that of the layer that `index` makes of its own, if any.
fn moved(tensor: &Tensor, index: impl FnOnce(usize) -> Option<usize>) -> Option<Tensor> {
    let (layer, rest) = layer_of(tensor);
    let name = format!("{}{rest}", index(layer)?);
    Some(Tensor { name, ..tensor.clone() })
}

/// The layer whose tensor it is, and the rest of its name.
fn layer_of(tensor: &Tensor) -> (usize, &str) {
    let (layer, _) = tensor.name.split_once('.').expect("a layer and a name");
    (layer.parse().expect("a layer's index"), &tensor.name[layer.len()..])
}
