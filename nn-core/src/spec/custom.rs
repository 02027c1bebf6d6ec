//! A user's own layer: the trait that it implements, and the registry that knows it by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::forms::form_of;
use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// A layer of the user's own.
///
/// All methods see one sample at a time, as plain slices in channel-height-width order. The network stores the
/// parameters, all tensors one after the other in one slice. Put it into a network with
/// [`NetworkSpecBuilder::custom`](crate::NetworkSpecBuilder::custom), or by name in the text form with a
/// [`LayerRegistry`]; check its gradients with [`check_gradients`](crate::check_gradients).
///
/// ```
/// use nn_core::{CustomBackward, CustomLayer, Network, NetworkSpec, Shape};
///
/// /// `y = weight·x`, with a weight for each value.
/// #[derive(Debug)]
/// struct Scale;
///
/// impl CustomLayer for Scale {
///     fn text(&self) -> String {
///         "scale".to_owned()
///     }
///
///     fn output(&self, input: Shape) -> Result<Shape, String> {
///         Ok(input)
///     }
///
///     fn parameters(&self, input: Shape) -> Vec<(&'static str, Vec<usize>)> {
///         vec![("weight", vec![input.len()])]
///     }
///
///     fn initialize(&self, _input: Shape, parameters: &mut [f32], _uniform: &mut dyn FnMut() -> f32) {
///         parameters.fill(1.0);
///     }
///
///     fn forward(&self, _input: Shape, parameters: &[f32], x: &[f32], y: &mut [f32]) {
///         for ((y, x), weight) in y.iter_mut().zip(x).zip(parameters) {
///             *y = weight * x;
///         }
///     }
///
///     fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
///         for (index, dy) in pass.dy.iter().enumerate() {
///             pass.dx[index] = pass.parameters[index] * dy;
///             pass.dparameters[index] += pass.x[index] * dy;
///         }
///     }
/// }
///
/// let spec = NetworkSpec::builder(Shape::features(3)).custom(Scale).dense(2).build()?;
/// assert_eq!(spec.to_string(), "3 | scale | dense 2");
/// let network = Network::new(spec, 1)?;
/// assert_eq!(network.parameter_count(), 3 + 8);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of your own",
    label = "no `CustomLayer`",
    note = "implement `CustomLayer` with `text`, `output`, `forward` and `backward`, and derive `Debug`; built-in layers have \
            methods of their own, such as `dense`, or go to `NetworkSpecBuilder::layer`"
)]
pub trait CustomLayer: fmt::Debug + Send + Sync {
    /// The layer's text form: its name, and its settings as words. Layers with the same text are the same.
    fn text(&self) -> String;

    /// The shape of the output for an input, or why it cannot take such an input.
    fn output(&self, input: Shape) -> std::result::Result<Shape, String>;

    /// Names and shapes of the parameters; none by default.
    fn parameters(&self, _input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        Vec::new()
    }

    /// Writes the parameters' initial values; they are 0 at first. `uniform` gives random numbers in `-1..1`, which
    /// depend on the network's seed.
    fn initialize(&self, _input: Shape, _parameters: &mut [f32], _uniform: &mut dyn FnMut() -> f32) {}

    /// Computes the output `y` of a sample `x`.
    fn forward(&self, input: Shape, parameters: &[f32], x: &[f32], y: &mut [f32]);

    /// Computes the gradients of a sample: overwrites `pass.dx`, and adds to `pass.dparameters`.
    fn backward(&self, input: Shape, pass: CustomBackward<'_>);
}

/// The arguments of the backward pass of a [`CustomLayer`] for one sample.
#[derive(Debug)]
#[non_exhaustive]
pub struct CustomBackward<'a> {
    /// The parameters.
    pub parameters: &'a [f32],
    /// The input of the forward pass.
    pub x: &'a [f32],
    /// The output of the forward pass.
    pub y: &'a [f32],
    /// The gradient of the loss with respect to the output.
    pub dy: &'a [f32],
    /// The gradient with respect to the input, to be overwritten.
    pub dx: &'a mut [f32],
    /// The gradient with respect to the parameters, to be added to.
    pub dparameters: &'a mut [f32],
}

/// A [`CustomLayer`] as part of a network's description.
#[derive(Clone, Debug)]
pub struct CustomSpec(pub(crate) Arc<dyn CustomLayer>);

impl CustomSpec {
    /// The shape of the output, if text and parameters are valid.
    pub(super) fn output(&self, input: Shape) -> std::result::Result<Shape, String> {
        let text = self.0.text();
        let name = text.split_whitespace().next().unwrap_or("");
        if form_of(name).is_some() || name.is_empty() || text.contains(['|', ';', '(', ')']) {
            return Err(format!(
                "the text of the user's own layer is {text:?}; it has to begin with a name that no built-in layer has, \
                 and to have none of `|`, `;`, `(`, `)`"
            ));
        }
        let output = self.0.output(input)?;
        let mut names = BTreeSet::new();
        for (name, shape) in self.0.parameters(input) {
            if name.is_empty() || name.contains('.') || !names.insert(name) || shape.contains(&0) {
                return Err(format!(
                    "its parameter {name:?} of shape {shape:?} has no values, a name with a dot, or that of another one"
                ));
            }
        }
        Ok(output)
    }

    /// The number of parameters, or `None` if it overflows.
    pub(super) fn parameter_count(&self, input: Shape) -> Option<usize> {
        let lens = self.0.parameters(input).into_iter();
        let mut lens = lens.map(|(_, shape)| shape.iter().try_fold(1usize, |len, size| len.checked_mul(*size)));
        lens.try_fold(0usize, |sum, len| sum.checked_add(len?))
    }
}

impl PartialEq for CustomSpec {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl fmt::Display for CustomSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

type Parse = dyn Fn(&[&str]) -> std::result::Result<Arc<dyn CustomLayer>, String> + Send + Sync;

/// The user's own layers by name, for the text form of networks.
///
/// ```
/// use nn_core::{CustomBackward, CustomLayer, LayerRegistry, NetworkSpec, Shape};
///
/// /// `y = x + shift`.
/// #[derive(Debug)]
/// struct Shift(f32);
///
/// impl CustomLayer for Shift {
///     fn text(&self) -> String {
///         format!("shift {}", self.0)
///     }
///
///     fn output(&self, input: Shape) -> Result<Shape, String> {
///         Ok(input)
///     }
///
///     fn forward(&self, _input: Shape, _parameters: &[f32], x: &[f32], y: &mut [f32]) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y = x + self.0;
///         }
///     }
///
///     fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
///         pass.dx.copy_from_slice(pass.dy);
///     }
/// }
///
/// let registry = LayerRegistry::new().with("shift", |words| match words {
///     [shift] => Ok(Shift(shift.parse().map_err(|_| format!("{shift} is not a number"))?)),
///     _ => Err("expected `shift NUMBER`".to_owned()),
/// })?;
/// let spec = NetworkSpec::parse_with("3 | shift 0.5 | dense 2", &registry)?;
/// assert_eq!(spec.to_string(), "3 | shift 0.5 | dense 2");
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct LayerRegistry {
    layers: BTreeMap<String, Arc<Parse>>,
}

impl fmt::Debug for LayerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.layers.keys()).finish()
    }
}

impl LayerRegistry {
    /// A registry without layers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer. `parse` makes it from the words that follow its name, or says what it expects.
    ///
    /// # Errors
    /// If the name is empty, is that of a built-in layer, or has blanks or one of `|`, `;`, `(`, `)`.
    pub fn with<L: CustomLayer + 'static>(
        mut self,
        name: &str,
        parse: impl Fn(&[&str]) -> std::result::Result<L, String> + Send + Sync + 'static,
    ) -> Result<Self> {
        let is_separator = |char: char| char.is_whitespace() || "|;()".contains(char);
        let reason = match name {
            "" => "it is empty",
            name if form_of(name).is_some() => "a built-in layer has this name",
            name if name.contains(is_separator) => "a name has no blanks and none of `|`, `;`, `(`, `)`",
            _ => {
                let parse = move |words: &[&str]| Ok(Arc::new(parse(words)?) as Arc<dyn CustomLayer>);
                self.layers.insert(name.to_owned(), Arc::new(parse));
                return Ok(self);
            }
        };
        Err(Error::Setting {
            name: "the layer's name",
            value: format!("{name:?}"),
            reason,
        })
    }

    /// Makes the layer `name` from its settings; `None` if there is no such layer.
    pub(super) fn parse(&self, name: &str, words: &[&str]) -> Option<std::result::Result<CustomSpec, String>> {
        Some(self.layers.get(name)?(words).map(CustomSpec))
    }

    /// The names of its layers.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.layers.keys().map(String::as_str)
    }
}
