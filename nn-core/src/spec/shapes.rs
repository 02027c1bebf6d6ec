//! Output shapes and parameter counts of layers, and the checks that they fit.

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, Padding, PoolSpec},
    path::LayerPath,
};
use crate::{error::Error, shape::Shape};

/// Maximum values of a sample, of a layer's output or of a layer's parameters: 2³⁰, or 4 GiB of f32.
///
/// A typing error should not ask the system for more memory than it has.
pub(crate) const MAX_VALUES: usize = 1 << 30;

/// Maximum side of a kernel with its dilation, and of a stride or padding.
const MAX_SIDE: usize = 1 << 16;

/// Maximum pixels of a max-pooling window: the position of its maximum is stored as an f32, which represents every
/// integer only up to here.
const MAX_WINDOW: usize = 1 << f32::MANTISSA_DIGITS;

/// Maximum depth of branches in branches, so that recursion over them does not exhaust the stack.
pub(super) const MAX_DEPTH: usize = 32;
pub(super) const TOO_DEEP: &str = "branches nest at most 32 deep";

/// Alignment to which the packed form of a weight matrix pads its outputs.
const PACKED_OUTPUTS: usize = 16;

impl NetworkSpec {
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
        chain_shapes(self.input, &self.layers)
    }

    /// Number of parameters: weights and biases, without running statistics.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        chain_parameters(self.input, &self.layers)
    }
}

/// The output shapes of layers that follow each other.
///
/// # Panics
/// If the layers do not fit each other; a [`NetworkSpec`] has been checked.
pub(crate) fn chain_shapes(input: Shape, layers: &[LayerSpec]) -> Vec<Shape> {
    let mut shape = input;
    let mut next = |layer: &LayerSpec| {
        shape = layer.output(shape).expect("the spec was checked");
        shape
    };
    layers.iter().map(&mut next).collect()
}

/// The parameters of layers that follow each other, and of their branches.
fn chain_parameters(input: Shape, layers: &[LayerSpec]) -> usize {
    let inputs = std::iter::once(input).chain(chain_shapes(input, layers));
    let parameters = |(layer, input): (&LayerSpec, Shape)| {
        let branches = layer.branches().iter();
        layer.own_parameters(input) + branches.map(|branch| chain_parameters(input, branch)).sum::<usize>()
    };
    layers.iter().zip(inputs).map(parameters).sum()
}

/// Inserts a `flatten` where an image meets a dense layer, and checks that each layer takes the shape that the layer
/// before it gives. Returns the layers and the shape of the last one's output.
pub(super) fn complete_chain(
    input: Shape,
    layers: Vec<LayerSpec>,
    depth: usize,
) -> Result<(Vec<LayerSpec>, Shape), ShapeFault> {
    let mut completed = Vec::with_capacity(layers.len() + 1);
    let mut shape = input;
    for layer in layers {
        let is_image = matches!(shape, Shape::Image { .. });
        if is_image && matches!(layer, LayerSpec::Dense { .. }) {
            completed.push(LayerSpec::Flatten);
            shape = Shape::Features(shape.len());
        }
        let index = completed.len();
        let layer = complete_branches(layer, shape, depth).map_err(|fault| fault.inside(index))?;
        shape = layer.output(shape).map_err(|fault| fault.inside(index))?;
        completed.push(layer);
    }
    Ok((completed, shape))
}

/// [`complete_chain`] for each branch of a layer.
fn complete_branches(layer: LayerSpec, input: Shape, depth: usize) -> Result<LayerSpec, ShapeFault> {
    if !layer.branches().is_empty() && depth == MAX_DEPTH {
        return Err(ShapeFault::new(&layer, input, TOO_DEEP));
    }
    let complete = |branches: Vec<Vec<LayerSpec>>| {
        let branches = branches.into_iter().enumerate().map(|(branch, layers)| {
            let completed = complete_chain(input, layers, depth + 1);
            Ok(completed.map_err(|fault| fault.inside(branch))?.0)
        });
        branches.collect::<Result<Vec<_>, _>>()
    };
    Ok(match layer {
        LayerSpec::Add { branches } => LayerSpec::Add {
            branches: complete(branches)?,
        },
        LayerSpec::Concat { branches } => LayerSpec::Concat {
            branches: complete(branches)?,
        },
        other => other,
    })
}

/// Why a layer cannot be computed, and where it is.
#[derive(Debug)]
pub(crate) struct ShapeFault {
    path: LayerPath,
    layer: String,
    input: Shape,
    reason: String,
}

impl ShapeFault {
    fn new(layer: &LayerSpec, input: Shape, reason: impl Into<String>) -> Self {
        Self {
            path: LayerPath::root(),
            layer: layer.to_string(),
            input,
            reason: reason.into(),
        }
    }

    /// The fault as one in layer or branch `index` of an outer chain.
    fn inside(self, index: usize) -> Self {
        Self {
            path: self.path.inside(index),
            ..self
        }
    }
}

impl From<ShapeFault> for Error {
    fn from(fault: ShapeFault) -> Self {
        Self::LayerShape {
            layer: format!("{} ({})", fault.path, fault.layer),
            input: fault.input,
            reason: fault.reason,
        }
    }
}

impl LayerSpec {
    /// The shape of the output for an input of shape `input`.
    ///
    /// # Errors
    /// If a setting is out of range, or the layer or one in its branches cannot take such an input.
    pub(crate) fn output(&self, input: Shape) -> Result<Shape, ShapeFault> {
        let refuse = |reason: &str| ShapeFault::new(self, input, reason);
        let output = match self {
            Self::Add { branches } | Self::Concat { branches } => {
                let outputs = branch_outputs(input, branches)?;
                self.joined(&outputs).map_err(|reason| refuse(&reason))?
            }
            Self::Custom(custom) => custom.output(input).map_err(|reason| refuse(&reason))?,
            _ => self.output_shape(input).map_err(refuse)?,
        };
        // Only now: an absurd number of channels may overflow the number of values, and is reported below.
        if let Shape::Image { height, width, .. } = output
            && (height == 0 || width == 0)
        {
            return Err(refuse("no window fits into the image"));
        }
        check_values(output).map_err(refuse)?;
        if self.padded_parameters(input).is_none_or(|count| count > MAX_VALUES) {
            return Err(refuse("it has more than 2^30 parameters"));
        }
        Ok(output)
    }

    /// The shape that an `add` or a `concat` gives for the outputs of its branches.
    fn joined(&self, outputs: &[Shape]) -> Result<Shape, String> {
        let (Some(&first), true) = (outputs.first(), outputs.len() > 1) else {
            return Err("it needs at least two branches, separated by `;`".to_owned());
        };
        if self.branches().iter().filter(|branch| branch.is_empty()).count() > 1 {
            return Err("at most one branch may be empty, which is the input itself".to_owned());
        }
        let is_sum = matches!(self, Self::Add { .. });
        let fits = |shape: &Shape| match (first, *shape) {
            _ if is_sum => first == *shape,
            (
                Shape::Image { height, width, .. },
                Shape::Image {
                    height: h, width: w, ..
                },
            ) => (height, width) == (h, w),
            (Shape::Features(_), Shape::Features(_)) => true,
            _ => false,
        };
        if let Some(branch) = outputs.iter().position(|shape| !fits(shape)) {
            let demand = if is_sum {
                "all have to give the same shape"
            } else {
                "all have to give images of the same height and width, or features"
            };
            return Err(format!(
                "branch 0 gives {first}, and branch {branch} gives {}; {demand}",
                outputs[branch]
            ));
        }
        let channels = outputs
            .iter()
            .try_fold(0usize, |sum, shape| sum.checked_add(shape.channels()));
        Ok(match first {
            _ if is_sum => first,
            Shape::Features(_) => Shape::Features(channels.unwrap_or(usize::MAX)),
            Shape::Image { height, width, .. } => Shape::image(channels.unwrap_or(usize::MAX), height, width),
        })
    }

    fn output_shape(&self, input: Shape) -> Result<Shape, &'static str> {
        match self {
            Self::Add { .. } | Self::Concat { .. } | Self::Custom(_) => Ok(input),
            Self::Dense { outputs, .. } => Ok(Shape::Features(*outputs)),
            Self::Dropout { probability } if !(0.0..1.0).contains(probability) => {
                Err("the probability has to be at least 0 and less than 1; for 50 % write 0.5")
            }
            Self::LeakyRelu { slope } if !slope.is_finite() => Err("the slope has to be a finite number"),
            Self::Dropout { .. }
            | Self::BatchNorm
            | Self::LayerNorm
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Elu
            | Self::Silu
            | Self::Softplus
            | Self::Tanh
            | Self::Sigmoid
            | Self::Gelu => Ok(input),
            Self::GlobalAvgPool => Ok(Shape::image(image(input)?.0, 1, 1)),
            Self::Flatten => Ok(Shape::Features(input.len())),
            Self::Conv(conv) => conv.output_shape(input),
            Self::MaxPool(pool) => {
                let pixels = pool.size.0.checked_mul(pool.size.1);
                if pixels.is_none_or(|pixels| pixels > MAX_WINDOW) {
                    return Err("a window has at most 2^24 pixels, 4096x4096");
                }
                pool.output_shape(input)
            }
            Self::AvgPool(pool) => pool.output_shape(input),
            Self::Upsample { factor: 0 } => Err("the factor has to be at least 1"),
            Self::Upsample { factor } => {
                let (channels, height, width) = image(input)?;
                Ok(Shape::image(
                    channels,
                    height.saturating_mul(*factor),
                    width.saturating_mul(*factor),
                ))
            }
            Self::Reshape(Shape::Features(_)) => Err("the new shape has to be an image; `flatten` makes a vector"),
            Self::Reshape(shape) if shape.checked_len() != input.checked_len() => {
                Err("the new shape has to have as many values as the input")
            }
            Self::Reshape(shape) => Ok(*shape),
        }
    }

    /// Number of parameters, without those of branches.
    pub(crate) fn own_parameters(&self, input: Shape) -> usize {
        if let Self::Custom(custom) = self {
            return custom.parameter_count(input).unwrap_or_default();
        }
        let (inputs, outputs) = self.fan(input).unwrap_or_default();
        (inputs + usize::from(self.has_bias())) * outputs
    }

    /// Upper bound of the packed parameters for an input of shape `input`, or `None` if it overflows.
    fn padded_parameters(&self, input: Shape) -> Option<usize> {
        if let Self::Custom(custom) = self {
            return custom.parameter_count(input);
        }
        let (inputs, outputs) = self.fan(input)?;
        inputs
            .checked_add(1)?
            .checked_mul(outputs.checked_next_multiple_of(PACKED_OUTPUTS)?)
    }

    /// Rows and columns of the weight matrix without its bias, `(inputs, outputs)`; `(0, 0)` without weights, and
    /// `None` if they overflow.
    fn fan(&self, input: Shape) -> Option<(usize, usize)> {
        match (self, input) {
            (Self::Dense { outputs, .. }, _) => Some((input.checked_len()?, *outputs)),
            (Self::Conv(conv), Shape::Image { channels, .. }) => {
                let window = conv.kernel.0.checked_mul(conv.kernel.1)?;
                Some((window.checked_mul(channels / conv.groups)?, conv.channels))
            }
            (Self::BatchNorm, _) => Some((1, input.channels())),
            (Self::LayerNorm, _) => Some((1, input.checked_len()?)),
            _ => Some((0, 0)),
        }
    }

    fn has_bias(&self) -> bool {
        match self {
            Self::Dense { bias, .. } | Self::Conv(ConvSpec { bias, .. }) => *bias,
            _ => true,
        }
    }
}

impl ConvSpec {
    fn check(&self) -> Result<(), &'static str> {
        let axes = [
            (self.kernel.0, self.stride.0, self.dilation.0),
            (self.kernel.1, self.stride.1, self.dilation.1),
        ];
        let is_valid = |size: usize| (1..=MAX_SIDE).contains(&size);
        for (kernel, stride, dilation) in axes {
            if !(is_valid(kernel) && is_valid(stride) && is_valid(dilation)) {
                return Err("kernel, stride and dilation have to be from 1 to 65536");
            }
            let last = (kernel - 1).checked_mul(dilation);
            if last.is_none_or(|last| last >= MAX_SIDE) {
                return Err("with its dilation the kernel has at most 65536 pixels a side");
            }
        }
        match self.padding {
            Padding::Pixels(rows, cols) if rows.max(cols) > MAX_SIDE => Err("padding is at most 65536"),
            Padding::Same if self.stride != (1, 1) => Err("`pad same` needs stride 1; give the padding in pixels"),
            _ => Ok(()),
        }
    }

    fn output_shape(&self, input: Shape) -> Result<Shape, &'static str> {
        self.check()?;
        let ((top, bottom), (left, right)) = self.pads();
        let (channels, height, width) = image(input)?;
        let (height, width) = (height + top + bottom, width + left + right);
        // The padded image takes memory even if a large stride makes the output small.
        let padded = Shape::image(channels, height, width).checked_len();
        if padded.is_none_or(|values| values > MAX_VALUES) {
            return Err("with its padding the image has more than 2^30 values; use less padding");
        }
        let is_divisible = |channels: usize| self.groups > 0 && channels.is_multiple_of(self.groups);
        if !(is_divisible(channels) && is_divisible(self.channels)) {
            return Err("the number of groups has to divide the input's channels and the output channels");
        }
        let window = self.window();
        Ok(Shape::image(
            self.channels,
            windows(height, window.0, self.stride.0),
            windows(width, window.1, self.stride.1),
        ))
    }
}

impl PoolSpec {
    fn output_shape(&self, input: Shape) -> Result<Shape, &'static str> {
        let (size, stride, padding) = (self.size, self.stride, self.padding);
        if [size.0, size.1, stride.0, stride.1].contains(&0) {
            return Err("window and stride have to be at least 1");
        }
        // So each window has a pixel of the image.
        if padding.0 > MAX_SIDE.min(size.0 / 2) || padding.1 > MAX_SIDE.min(size.1 / 2) {
            return Err("padding is at most half of the window, and at most 65536");
        }
        let (channels, height, width) = image(input)?;
        Ok(Shape::image(
            channels,
            windows(height + 2 * padding.0, size.0, stride.0),
            windows(width + 2 * padding.1, size.1, stride.1),
        ))
    }
}

/// Number of windows of `size` pixels, `stride` pixels apart, that fit into `len` pixels.
fn windows(len: usize, size: usize, stride: usize) -> usize {
    if len < size { 0 } else { (len - size) / stride + 1 }
}

/// Channels, height and width of an image.
fn image(shape: Shape) -> Result<(usize, usize, usize), &'static str> {
    shape
        .as_image()
        .ok_or("it needs an image; give the input as `HxWxC`, and `flatten` only after it")
}

/// Checks that a sample of this shape has at least one value, and not too many.
pub(super) fn check_values(shape: Shape) -> Result<(), &'static str> {
    match shape.checked_len() {
        Some(1..=MAX_VALUES) => Ok(()),
        Some(0) => Err("it has no values; every size has to be at least 1"),
        _ => Err("it has more than 2^30 values"),
    }
}

/// The shapes that branches give for an input.
fn branch_outputs(input: Shape, branches: &[Vec<LayerSpec>]) -> Result<Vec<Shape>, ShapeFault> {
    let output = |(branch, layers): (usize, &Vec<LayerSpec>)| {
        layers.iter().enumerate().try_fold(input, |shape, (index, layer)| {
            let output = layer.output(shape);
            output.map_err(|fault| fault.inside(index).inside(branch))
        })
    };
    branches.iter().enumerate().map(output).collect()
}

pub(super) fn mismatch(what: &str, input: Shape, reason: &str) -> Error {
    Error::LayerShape {
        layer: what.to_owned(),
        input,
        reason: reason.to_owned(),
    }
}
