//! The text form of a network: parse, print, build.

use std::{fmt, str::FromStr};

use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// The most values one sample, one layer's output or one layer's parameters may have: 2³⁰, 4 GiB of f32.
///
/// It keeps a slip of the keyboard from asking the system for more memory than there is.
pub(crate) const MAX_VALUES: usize = 1 << 30;

/// One layer as its text form describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LayerSpec {
    /// `dense OUT`: `y = W·x + b` with `OUT` outputs.
    Dense {
        /// Number of outputs.
        outputs: usize,
    },
    /// `relu`: `y = max(x, 0)`.
    Relu,
    /// `flatten`: an image becomes a vector, in channel-height-width order.
    Flatten,
}

/// A network without its weights: the shape of the input and the layers in order.
///
/// It is made from text or by a [builder](NetworkSpec::builder), and prints as that text. A `flatten` that the text
/// leaves out before a `dense` is put in, so the numbers of the layers are those of a PyTorch `nn.Sequential`.
///
/// ```
/// use nn_core::NetworkSpec;
/// let spec: NetworkSpec = "28x28x1|dense 128|relu|dense 10".parse()?;
/// assert_eq!(spec.to_string(), "28x28x1 | flatten | dense 128 | relu | dense 10");
/// assert_eq!(spec.outputs(), 10);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    input: Shape,
    layers: Vec<LayerSpec>,
    output: Shape,
}

/// Adds layers one by one; [`build`](NetworkSpecBuilder::build) checks that they fit.
///
/// ```
/// use nn_core::{NetworkSpec, Shape};
/// let spec = NetworkSpec::builder(Shape::features(784)).dense(128).relu().dense(10).build()?;
/// assert_eq!(spec, "784 | dense 128 | relu | dense 10".parse()?);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NetworkSpecBuilder {
    input: Shape,
    layers: Vec<LayerSpec>,
}

impl NetworkSpec {
    /// Starts a network that takes samples of shape `input`.
    pub fn builder(input: Shape) -> NetworkSpecBuilder {
        NetworkSpecBuilder {
            input,
            layers: Vec::new(),
        }
    }

    /// The shape of one sample.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The layers, the first one first.
    #[must_use]
    pub fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// The number of outputs, which for a classifier are the logits of its classes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output.len()
    }

    /// The number of parameters: weights and biases.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        let mut inputs = self.input.len();
        let of_layer = |layer: &LayerSpec| match *layer {
            LayerSpec::Dense { outputs } => (std::mem::replace(&mut inputs, outputs) + 1) * outputs,
            LayerSpec::Relu | LayerSpec::Flatten => 0,
        };
        self.layers.iter().map(of_layer).sum()
    }
}

impl NetworkSpecBuilder {
    /// Adds `y = W·x + b` with that many outputs; an image is flattened first.
    pub fn dense(self, outputs: usize) -> Self {
        self.layer(LayerSpec::Dense { outputs })
    }

    /// Adds `y = max(x, 0)`.
    pub fn relu(self) -> Self {
        self.layer(LayerSpec::Relu)
    }

    /// Adds the step from an image to a vector.
    pub fn flatten(self) -> Self {
        self.layer(LayerSpec::Flatten)
    }

    /// Adds any layer.
    pub fn layer(mut self, layer: LayerSpec) -> Self {
        self.layers.push(layer);
        self
    }

    /// Checks that each layer takes what the one before it gives.
    ///
    /// # Errors
    /// If there is no layer, a size is 0 or beyond 2³⁰, or the last layer's output is no vector; the message names
    /// the layer.
    pub fn build(self) -> Result<NetworkSpec> {
        check_size(0, "the input", self.input, self.input)?;
        let mut layers = Vec::with_capacity(self.layers.len() + 1);
        let mut shape = self.input;
        for layer in self.layers {
            let is_image = matches!(shape, Shape::Image { .. });
            if is_image && matches!(layer, LayerSpec::Dense { .. }) {
                layers.push(LayerSpec::Flatten);
                shape = Shape::Features(shape.len());
            }
            shape = layer.output(layers.len(), shape)?;
            layers.push(layer);
        }
        if layers.is_empty() || !matches!(shape, Shape::Features(_)) {
            return Err(Error::LayerShape {
                index: layers.len(),
                layer: "the end of the network".to_owned(),
                input: shape,
                reason: "a network has at least one layer and ends in a vector; add `flatten` or `dense OUT`"
                    .to_owned(),
            });
        }
        let spec = NetworkSpec {
            input: self.input,
            layers,
            output: shape,
        };
        if spec.parameter_count() > MAX_VALUES {
            return Err(too_large(
                spec.layers.len(),
                "all layers together",
                spec.input,
                "has more than 2^30 parameters",
            ));
        }
        Ok(spec)
    }
}

impl LayerSpec {
    /// The shape of the output for an input of shape `input`; `index` is the layer's place, for messages.
    pub(crate) fn output(&self, index: usize, input: Shape) -> Result<Shape> {
        let output = match self {
            Self::Dense { outputs } => Shape::Features(*outputs),
            Self::Relu => input,
            Self::Flatten => Shape::Features(input.len()),
        };
        let name = self.to_string();
        check_size(index, &name, input, output)?;
        if let Self::Dense { outputs } = self {
            // One more input stands for the bias; panels pad the outputs.
            let parameters = (input.len() + 1).checked_mul(outputs.next_multiple_of(16));
            if parameters.is_none_or(|count| count > MAX_VALUES) {
                return Err(too_large(index, &name, input, "has more than 2^30 parameters"));
            }
        }
        Ok(output)
    }
}

fn check_size(index: usize, layer: &str, input: Shape, output: Shape) -> Result<()> {
    match output.checked_len() {
        Some(1..=MAX_VALUES) => Ok(()),
        Some(0) => Err(too_large(
            index,
            layer,
            input,
            "has no values; every size has to be at least 1",
        )),
        _ => Err(too_large(index, layer, input, "has more than 2^30 values")),
    }
}

fn too_large(index: usize, layer: &str, input: Shape, problem: &str) -> Error {
    Error::LayerShape {
        index,
        layer: layer.to_owned(),
        input,
        reason: format!("it {problem}"),
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs } => write!(f, "dense {outputs}"),
            Self::Relu => f.write_str("relu"),
            Self::Flatten => f.write_str("flatten"),
        }
    }
}

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.input)?;
        for layer in &self.layers {
            write!(f, " | {layer}")?;
        }
        Ok(())
    }
}

impl FromStr for NetworkSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut items = text.split('|').enumerate();
        let (_, input) = items.next().unwrap_or((0, ""));
        let mut builder = Self::builder(Item::new(0, input).shape()?);
        for (index, text) in items {
            builder = builder.layer(Item::new(index, text).layer()?);
        }
        builder.build()
    }
}

/// One item of the text, cut into words.
struct Item<'a> {
    index: usize,
    text: &'a str,
}

impl<'a> Item<'a> {
    fn new(index: usize, text: &'a str) -> Self {
        Self {
            index,
            text: text.trim(),
        }
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Spec {
            item: self.index,
            text: self.text.chars().take(80).collect(),
            reason: reason.into(),
        }
    }

    fn shape(&self) -> Result<Shape> {
        let sizes = self
            .text
            .split('x')
            .map(|size| size.trim().parse())
            .collect::<std::result::Result<Vec<usize>, _>>();
        match sizes.as_deref() {
            Ok([features]) => Ok(Shape::Features(*features)),
            Ok([height, width, channels]) => Ok(Shape::image(*channels, *height, *width)),
            _ => Err(self.error("the input is `N` features or `HxWxC`, as in `784` or `28x28x1`")),
        }
    }

    fn layer(&self) -> Result<LayerSpec> {
        let mut words = self.text.split_whitespace();
        let name = words.next().unwrap_or("");
        let layer = match name {
            "dense" => LayerSpec::Dense {
                outputs: self.number(words.next(), "`dense OUT`, as in `dense 128`")?,
            },
            "relu" => LayerSpec::Relu,
            "flatten" => LayerSpec::Flatten,
            "" => return Err(self.error("there is no layer between two `|`")),
            _ => return Err(self.error("there is no such layer; known are `dense OUT`, `relu`, `flatten`")),
        };
        match words.next() {
            None => Ok(layer),
            Some(word) => Err(self.error(format!("`{word}` is one word too many"))),
        }
    }

    fn number(&self, word: Option<&str>, form: &str) -> Result<usize> {
        word.and_then(|word| word.parse().ok())
            .filter(|&number| number > 0)
            .ok_or_else(|| self.error(format!("the form is {form}, with a whole number above 0")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        text.parse::<NetworkSpec>().unwrap_err().to_string()
    }

    #[test]
    fn blanks_are_free_and_printing_parses_again() {
        for text in [
            "784|dense 10",
            " 28 x 28 x 1 |  flatten|dense   128 | relu | dense 10 ",
            "3x5x2 | relu | flatten",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            assert_eq!(spec.to_string().parse::<NetworkSpec>().unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, wanted) in [
            ("", "item 0"),
            ("784", "at least one layer"),
            ("0 | dense 10", "no values"),
            ("-1 | dense 10", "item 0"),
            ("784 | dense", "dense OUT"),
            ("784 | dense 0", "above 0"),
            ("784 | dense 1e9", "item 1"),
            ("784 | dense 10 10", "`10` is one word too many"),
            ("784 | | dense 10", "no layer between"),
            ("784 | lstm 10", "no such layer"),
            ("28x28 | dense 10", "28x28x1"),
            ("28x28x1 | relu", "ends in a vector"),
            ("99999999999x99999999999x9 | dense 10", "2^30"),
            ("1000000 | dense 1000000", "2^30 parameters"),
            ("1 | dense 99999999999999999", "2^30"),
            ("18446744073709551615 | dense 10", "2^30"),
        ] {
            let message = message(text);
            assert!(message.contains(wanted), "{text:?} gave: {message}");
        }
    }
}
