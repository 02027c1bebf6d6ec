//! The text form of a network: parse, print, build.

use std::{
    fmt,
    str::{FromStr, SplitWhitespace},
};

use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// The most values one sample, one layer's output or one layer's parameters may have: 2³⁰, 4 GiB of f32.
///
/// It keeps a slip of the keyboard from asking the system for more memory than there is.
pub(crate) const MAX_VALUES: usize = 1 << 30;

/// The largest side of a window, stride or padding.
const MAX_SIDE: usize = 1 << 16;

/// The most pixels of a window whose largest value is looked for: its place in the window is saved as an f32, and larger
/// ones do not hold every whole number.
const MAX_PLACES: usize = 1 << f32::MANTISSA_DIGITS;

/// One layer as its text form describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LayerSpec {
    /// `dense OUT`: `y = W·x + b` with `OUT` outputs.
    Dense {
        /// Number of outputs.
        outputs: usize,
    },
    /// `conv OUT KHxKW [stride S] [pad P|pad same] [nobias]`: a convolution (a correlation, as everywhere in this
    /// field) of an image, with `OUT` channels.
    Conv(ConvSpec),
    /// `maxpool K [stride S]`: the largest value of each `K`×`K` window; the stride is `K` unless it is given.
    /// Windows that do not fit whole are left out.
    MaxPool {
        /// Side of the window, in pixels.
        size: usize,
        /// Distance of the windows, in pixels.
        stride: usize,
    },
    /// `avgpool K [stride S]`: the mean of each `K`×`K` window; windows as with `maxpool`.
    AvgPool {
        /// Side of the window, in pixels.
        size: usize,
        /// Distance of the windows, in pixels.
        stride: usize,
    },
    /// `globalavgpool`: the mean of each channel.
    GlobalAvgPool,
    /// `dropout P`: in training, each value becomes 0 with probability `P`, and the others grow by `1 / (1 - P)`
    /// (Srivastava et al., 2014, "Dropout"); in prediction nothing happens.
    Dropout {
        /// Probability of a value to be dropped, in `0..1`.
        probability: f32,
    },
    /// `batchnorm`: each channel of an image, or each value of a vector, is brought to mean 0 and variance 1 and then
    /// scaled and shifted as learnt (Ioffe and Szegedy, 2015, "Batch Normalization"): in training by the mean and the
    /// variance over the batch, in prediction by their running means. As PyTorch's `nn.BatchNorm1d` and
    /// `nn.BatchNorm2d` with their defaults.
    BatchNorm,
    /// `relu`: `y = max(x, 0)`.
    Relu,
    /// `leakyrelu A`: `y = x` where `x` is above 0, else `A·x`.
    LeakyRelu {
        /// The slope below 0.
        slope: f32,
    },
    /// `tanh`: the hyperbolic tangent.
    Tanh,
    /// `sigmoid`: `y = 1 / (1 + exp(-x))`.
    Sigmoid,
    /// `gelu`: `y = x·Φ(x)` with the normal distribution's `Φ` (Hendrycks and Gimpel, 2016, "Gaussian Error Linear
    /// Units"), not its approximation.
    Gelu,
    /// `flatten`: an image becomes a vector, in channel-height-width order.
    Flatten,
}

/// A convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Channels of the output.
    pub channels: usize,
    /// Height and width of the window, in pixels.
    pub kernel: (usize, usize),
    /// Distance of the windows, in pixels, along both axes.
    pub stride: usize,
    /// What is put around the image first.
    pub padding: Padding,
    /// Whether each channel has a bias.
    pub bias: bool,
}

/// Zeros around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// So many pixels on each side.
    Pixels(usize),
    /// As many as keep the size, for stride 1; where the number is odd, the extra one is below and on the right.
    Same,
}

impl ConvSpec {
    /// A convolution with stride 1, no padding, and a bias.
    #[must_use]
    pub const fn new(channels: usize, kernel_height: usize, kernel_width: usize) -> Self {
        Self {
            channels,
            kernel: (kernel_height, kernel_width),
            stride: 1,
            padding: Padding::Pixels(0),
            bias: true,
        }
    }

    /// Zeros before and after, along an axis with a window of `size` pixels.
    pub(crate) fn pads(&self, size: usize) -> (usize, usize) {
        match self.padding {
            Padding::Pixels(pixels) => (pixels, pixels),
            Padding::Same => ((size - 1) / 2, size / 2),
        }
    }

    fn check(&self) -> std::result::Result<(), &'static str> {
        let sizes = [self.kernel.0, self.kernel.1, self.stride];
        if sizes.iter().any(|&size| !(1..=MAX_SIDE).contains(&size)) {
            return Err("kernel and stride have to be from 1 to 65536");
        }
        match self.padding {
            Padding::Pixels(pixels) if pixels > MAX_SIDE => Err("padding is at most 65536"),
            Padding::Same if self.stride > 1 => Err("`pad same` needs stride 1; give the padding in pixels"),
            _ => Ok(()),
        }
    }
}

/// How often a window of `size` fits into `len` at distances of `stride`.
pub(crate) fn windows(len: usize, size: usize, stride: usize) -> usize {
    if len < size { 0 } else { (len - size) / stride + 1 }
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

    /// The shape of each layer's output, in order.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec: NetworkSpec = "28x28x1 | conv 8 5x5 | maxpool 2 | dense 10".parse()?;
    /// assert_eq!(spec.shapes()[1], Shape::image(8, 12, 12));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shape = self.input;
        let mut next = |(index, layer): (usize, &LayerSpec)| {
            shape = layer.output(index, shape).unwrap_or(shape);
            shape
        };
        self.layers.iter().enumerate().map(&mut next).collect()
    }

    /// The number of outputs, which for a classifier are the logits of its classes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output.len()
    }

    /// The number of parameters: weights and biases. Running statistics are none.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        let mut shape = self.input;
        let mut count = 0;
        for (index, layer) in self.layers.iter().enumerate() {
            let (inputs, outputs) = layer.fan(shape).unwrap_or_default();
            let bias = !matches!(layer, LayerSpec::Conv(ConvSpec { bias: false, .. }));
            count += (inputs + usize::from(bias)) * outputs;
            shape = layer.output(index, shape).unwrap_or(shape);
        }
        count
    }
}

impl NetworkSpecBuilder {
    /// Adds `y = W·x + b` with that many outputs; an image is flattened first.
    pub fn dense(self, outputs: usize) -> Self {
        self.layer(LayerSpec::Dense { outputs })
    }

    /// Adds a convolution.
    pub fn conv(self, conv: ConvSpec) -> Self {
        self.layer(LayerSpec::Conv(conv))
    }

    /// Adds the largest value of each `size`×`size` window; windows lie side by side.
    pub fn max_pool(self, size: usize) -> Self {
        self.layer(LayerSpec::MaxPool { size, stride: size })
    }

    /// Adds the mean of each `size`×`size` window; windows lie side by side.
    pub fn avg_pool(self, size: usize) -> Self {
        self.layer(LayerSpec::AvgPool { size, stride: size })
    }

    /// Adds the mean of each channel.
    pub fn global_avg_pool(self) -> Self {
        self.layer(LayerSpec::GlobalAvgPool)
    }

    /// Adds dropout with that probability of a value to be dropped.
    pub fn dropout(self, probability: f32) -> Self {
        self.layer(LayerSpec::Dropout { probability })
    }

    /// Adds batch normalisation of each channel, or of each value of a vector.
    pub fn batch_norm(self) -> Self {
        self.layer(LayerSpec::BatchNorm)
    }

    /// Adds `y = max(x, 0)`.
    pub fn relu(self) -> Self {
        self.layer(LayerSpec::Relu)
    }

    /// Adds `y = x` where `x` is above 0, else `slope·x`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).leaky_relu(0.01).dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | leakyrelu 0.01 | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn leaky_relu(self, slope: f32) -> Self {
        self.layer(LayerSpec::LeakyRelu { slope })
    }

    /// Adds the hyperbolic tangent.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).tanh().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | tanh | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn tanh(self) -> Self {
        self.layer(LayerSpec::Tanh)
    }

    /// Adds `y = 1 / (1 + exp(-x))`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).sigmoid().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | sigmoid | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn sigmoid(self) -> Self {
        self.layer(LayerSpec::Sigmoid)
    }

    /// Adds `y = x·Φ(x)` with the normal distribution's `Φ`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).gelu().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | gelu | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn gelu(self) -> Self {
        self.layer(LayerSpec::Gelu)
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
            let reason = "they have more than 2^30 parameters";
            return Err(mismatch(spec.layers.len(), "all layers together", spec.input, reason));
        }
        Ok(spec)
    }
}

impl LayerSpec {
    /// The shape of the output for an input of shape `input`; `index` is the layer's place, for messages.
    pub(crate) fn output(&self, index: usize, input: Shape) -> Result<Shape> {
        let name = self.to_string();
        let output = match self {
            Self::Dense { outputs } => Shape::Features(*outputs),
            Self::Dropout { probability } if !(0.0..1.0).contains(probability) => {
                let reason = "the probability has to be at least 0 and less than 1";
                return Err(mismatch(index, &name, input, reason));
            }
            Self::LeakyRelu { slope } if !slope.is_finite() => {
                return Err(mismatch(index, &name, input, "the slope has to be a number"));
            }
            Self::Dropout { .. }
            | Self::BatchNorm
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Tanh
            | Self::Sigmoid
            | Self::Gelu => input,
            Self::GlobalAvgPool => Shape::image(image(index, &name, input)?.0, 1, 1),
            Self::Flatten => Shape::Features(input.len()),
            Self::Conv(conv) => {
                conv.check().map_err(|reason| mismatch(index, &name, input, reason))?;
                let (top, bottom) = conv.pads(conv.kernel.0);
                let (left, right) = conv.pads(conv.kernel.1);
                let (channels, height, width) = image(index, &name, input)?;
                let (height, width) = (height + top + bottom, width + left + right);
                // What is left of it may be small where windows lie far apart, but the padded picture is made.
                if Shape::image(channels, height, width)
                    .checked_len()
                    .is_none_or(|values| values > MAX_VALUES)
                {
                    let reason = "with its padding it has more than 2^30 values; give it less";
                    return Err(mismatch(index, &name, input, reason));
                }
                Shape::image(
                    conv.channels,
                    windows(height, conv.kernel.0, conv.stride),
                    windows(width, conv.kernel.1, conv.stride),
                )
            }
            Self::MaxPool { size, stride } | Self::AvgPool { size, stride } => {
                if *size == 0 || *stride == 0 {
                    return Err(mismatch(index, &name, input, "window and stride have to be at least 1"));
                }
                let is_large = size.checked_mul(*size).is_none_or(|pixels| pixels > MAX_PLACES);
                if is_large && matches!(self, Self::MaxPool { .. }) {
                    return Err(mismatch(
                        index,
                        &name,
                        input,
                        "a window has at most 2^24 pixels, 4096x4096",
                    ));
                }
                let (channels, height, width) = image(index, &name, input)?;
                Shape::image(
                    channels,
                    windows(height, *size, *stride),
                    windows(width, *size, *stride),
                )
            }
        };
        // Channels may be any number still, so that the values cannot be counted yet.
        if let Shape::Image { height, width, .. } = output
            && (height == 0 || width == 0)
        {
            return Err(mismatch(index, &name, input, "no window fits into the image"));
        }
        check_size(index, &name, input, output)?;
        // Panels pad the outputs.
        if self.padded_parameters(input).is_none_or(|count| count > MAX_VALUES) {
            return Err(mismatch(index, &name, input, "it has more than 2^30 parameters"));
        }
        Ok(output)
    }

    /// Whether it looks at windows of an image.
    pub(crate) fn has_windows(&self) -> bool {
        matches!(
            self,
            Self::Conv(_) | Self::MaxPool { .. } | Self::AvgPool { .. } | Self::GlobalAvgPool
        )
    }

    /// Whether each value of the output is made of the one value of the input in its place, given what the layer has
    /// learnt.
    pub(crate) fn is_elementwise(&self) -> bool {
        matches!(
            self,
            Self::BatchNorm
                | Self::Dropout { .. }
                | Self::Relu
                | Self::LeakyRelu { .. }
                | Self::Tanh
                | Self::Sigmoid
                | Self::Gelu
        )
    }

    /// An upper bound of the parameters for an input of shape `input`, or `None` where it does not fit.
    fn padded_parameters(&self, input: Shape) -> Option<usize> {
        let (inputs, outputs) = self.fan(input)?;
        inputs
            .checked_add(1)?
            .checked_mul(outputs.checked_next_multiple_of(16)?)
    }

    /// Inputs and number of the sums that the layer's weights make, if it has weights.
    fn fan(&self, input: Shape) -> Option<(usize, usize)> {
        match (self, input) {
            (Self::Dense { outputs }, _) => Some((input.checked_len()?, *outputs)),
            (Self::Conv(conv), Shape::Image { channels, .. }) => {
                let window = conv.kernel.0.checked_mul(conv.kernel.1)?;
                Some((window.checked_mul(channels)?, conv.channels))
            }
            (Self::BatchNorm, _) => Some((1, input.channels())),
            _ => Some((0, 0)),
        }
    }
}

fn image(index: usize, layer: &str, input: Shape) -> Result<(usize, usize, usize)> {
    match input {
        Shape::Image {
            channels,
            height,
            width,
        } => Ok((channels, height, width)),
        Shape::Features(_) => {
            let reason = "it needs an image; give the input as `HxWxC`, and `flatten` only after it";
            Err(mismatch(index, layer, input, reason))
        }
    }
}

fn check_size(index: usize, layer: &str, input: Shape, output: Shape) -> Result<()> {
    match output.checked_len() {
        Some(1..=MAX_VALUES) => Ok(()),
        Some(0) => Err(mismatch(
            index,
            layer,
            input,
            "it has no values; every size has to be at least 1",
        )),
        _ => Err(mismatch(index, layer, input, "it has more than 2^30 values")),
    }
}

fn mismatch(index: usize, layer: &str, input: Shape, reason: &str) -> Error {
    Error::LayerShape {
        index,
        layer: layer.to_owned(),
        input,
        reason: reason.to_owned(),
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs } => write!(f, "dense {outputs}"),
            Self::Conv(conv) => {
                write!(f, "conv {} {}x{}", conv.channels, conv.kernel.0, conv.kernel.1)?;
                if conv.stride != 1 {
                    write!(f, " stride {}", conv.stride)?;
                }
                match conv.padding {
                    Padding::Pixels(0) => {}
                    Padding::Pixels(pixels) => write!(f, " pad {pixels}")?,
                    Padding::Same => f.write_str(" pad same")?,
                }
                f.write_str(if conv.bias { "" } else { " nobias" })
            }
            Self::MaxPool { size, stride } if size == stride => write!(f, "maxpool {size}"),
            Self::MaxPool { size, stride } => write!(f, "maxpool {size} stride {stride}"),
            Self::AvgPool { size, stride } if size == stride => write!(f, "avgpool {size}"),
            Self::AvgPool { size, stride } => write!(f, "avgpool {size} stride {stride}"),
            Self::GlobalAvgPool => f.write_str("globalavgpool"),
            Self::Dropout { probability } => write!(f, "dropout {probability}"),
            Self::BatchNorm => f.write_str("batchnorm"),
            Self::Relu => f.write_str("relu"),
            Self::LeakyRelu { slope } => write!(f, "leakyrelu {slope}"),
            Self::Tanh => f.write_str("tanh"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Gelu => f.write_str("gelu"),
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
            "conv" => LayerSpec::Conv(self.conv(&mut words)?),
            "maxpool" => {
                let (size, stride) = self.pool(&mut words, "`maxpool K [stride S]`, as in `maxpool 2`")?;
                LayerSpec::MaxPool { size, stride }
            }
            "avgpool" => {
                let (size, stride) = self.pool(&mut words, "`avgpool K [stride S]`, as in `avgpool 2`")?;
                LayerSpec::AvgPool { size, stride }
            }
            "globalavgpool" => LayerSpec::GlobalAvgPool,
            "dropout" => LayerSpec::Dropout {
                probability: self.real(words.next(), "`dropout P`, as in `dropout 0.5`")?,
            },
            "leakyrelu" => LayerSpec::LeakyRelu {
                slope: self.real(words.next(), "`leakyrelu A`, as in `leakyrelu 0.01`")?,
            },
            "batchnorm" => LayerSpec::BatchNorm,
            "tanh" => LayerSpec::Tanh,
            "sigmoid" => LayerSpec::Sigmoid,
            "gelu" => LayerSpec::Gelu,
            "relu" => LayerSpec::Relu,
            "flatten" => LayerSpec::Flatten,
            "" => return Err(self.error("there is no layer between two `|`")),
            _ => {
                return Err(self.error(
                    "there is no such layer; known are `dense OUT`, `conv OUT KHxKW`, `maxpool K`, `avgpool K`, \
                     `globalavgpool`, `batchnorm`, `dropout P`, `relu`, `leakyrelu A`, `tanh`, `sigmoid`, `gelu`, \
                     `flatten`",
                ));
            }
        };
        match words.next() {
            None => Ok(layer),
            Some(word) => Err(self.error(format!("`{word}` is one word too many"))),
        }
    }

    fn conv(&self, words: &mut SplitWhitespace<'_>) -> Result<ConvSpec> {
        const FORM: &str = "`conv OUT KHxKW [stride S] [pad P|pad same] [nobias]`, as in `conv 64 3x3`";
        let channels = self.number(words.next(), FORM)?;
        let (height, width) = words.next().and_then(|word| word.split_once('x')).unwrap_or_default();
        let mut conv = ConvSpec::new(
            channels,
            self.number(Some(height), FORM)?,
            self.number(Some(width), FORM)?,
        );
        // In this order, so that a second one of a kind is one word too many.
        if words.clone().next() == Some("stride") {
            conv.stride = self.number(words.nth(1), FORM)?;
        }
        if words.clone().next() == Some("pad") {
            conv.padding = match words.nth(1) {
                Some("same") => Padding::Same,
                Some("0") => Padding::Pixels(0),
                word => Padding::Pixels(self.number(word, FORM)?),
            };
        }
        if words.clone().next() == Some("nobias") {
            words.next();
            conv.bias = false;
        }
        Ok(conv)
    }

    /// Side and distance of windows; the distance is the side unless it is given.
    fn pool(&self, words: &mut SplitWhitespace<'_>, form: &str) -> Result<(usize, usize)> {
        let size = self.number(words.next(), form)?;
        let stride = match words.clone().next() {
            Some("stride") => self.number(words.nth(1), form)?,
            _ => size,
        };
        Ok((size, stride))
    }

    fn real(&self, word: Option<&str>, form: &str) -> Result<f32> {
        word.and_then(|word| word.parse().ok())
            .filter(|number: &f32| number.is_finite())
            .ok_or_else(|| self.error(format!("the form is {form}, with a number")))
    }

    fn number(&self, word: Option<&str>, form: &str) -> Result<usize> {
        word.and_then(|word| word.parse().ok())
            .filter(|&number| number > 0)
            .ok_or_else(|| self.error(format!("the form is {form}, with whole numbers above 0")))
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
            "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 8 5x3 stride 2 pad 1 nobias | flatten | dense 10",
            "9x9x3 | conv 4 2x2 pad same | maxpool 3 stride 1 | flatten",
            "9x9x3 | avgpool 2 stride 1 | leakyrelu 0.01 | tanh | globalavgpool | flatten | sigmoid | gelu | dropout 0.25",
            "784|dense 10",
            "9x9x3 | conv 4 2x2 | batchnorm | relu | dense 8 | batchnorm",
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
            ("784 | conv 8 3x3", "needs an image"),
            ("28x28x1 | conv 8 3", "conv OUT KHxKW"),
            ("28x28x1 | conv 8 3x0", "above 0"),
            ("28x28x1 | conv 8 3x3 stride 0", "above 0"),
            ("28x28x1 | conv 8 3x3 stride 2 pad same", "needs stride 1"),
            ("28x28x1 | conv 8 29x3", "no window fits"),
            ("28x28x1 | conv 8 3x3 nobias pad 1", "`pad` is one word too many"),
            ("28x28x1 | conv 8 3x3 pad 99999999", "65536"),
            (
                "1x1x1 | conv 1 1x1 stride 65536 pad 65536 | flatten",
                "with its padding it has more than 2^30 values",
            ),
            (
                "1x1x9999999 | conv 1 1x1 stride 65536 pad 65536 | flatten",
                "with its padding it has more than 2^30 values",
            ),
            ("4x4x1 | maxpool 5", "no window fits"),
            ("4x4x1 | avgpool 5", "no window fits"),
            ("4096x4096x1 | maxpool 4097 | flatten", "at most 2^24 pixels"),
            ("4x4x1 | maxpool 18446744073709551615", "at most 2^24 pixels"),
            ("4097x4097x1 | maxpool 4096 | avgpool 5", "no window fits"),
            ("16 | globalavgpool", "needs an image"),
            ("16 | dropout 1", "less than 1"),
            ("16 | dropout -0.1", "at least 0"),
            ("16 | dropout nan", "dropout P"),
            ("16 | leakyrelu", "leakyrelu A"),
            ("16 | batchnorm 3", "one word too many"),
            ("16 | maxpool 2", "needs an image"),
            ("99999999999x99999999999x9 | dense 10", "2^30"),
            ("1000000 | dense 1000000", "2^30 parameters"),
            ("1 | dense 99999999999999999", "2^30"),
            ("18446744073709551615 | dense 10", "2^30"),
            ("28x28x1 | conv 18446744073709551615 3x3 | dense 10", "2^30 values"),
        ] {
            let message = message(text);
            assert!(message.contains(wanted), "{text:?} gave: {message}");
        }
    }

    #[test]
    fn no_channels_are_no_values() {
        let builder = NetworkSpec::builder(Shape::image(1, 28, 28)).conv(ConvSpec::new(0, 3, 3));
        let message = builder.flatten().build().unwrap_err().to_string();
        assert!(message.contains("no values"), "{message}");
    }
}
