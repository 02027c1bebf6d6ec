//! Output shapes and parameter counts of layers, and the checks that they fit.

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, Padding, PoolSpec},
};
use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// Maximum values of a sample, of a layer's output or of a layer's parameters: 2³⁰, or 4 GiB of f32.
///
/// A typing error should not ask the system for more memory than it has.
pub(crate) const MAX_VALUES: usize = 1 << 30;

/// Maximum side of a kernel with its dilation, and of a stride or padding.
const MAX_SIDE: usize = 1 << 16;

/// Maximum pixels of a max-pooling window: the position of its maximum is stored as an f32, which represents every
/// integer only up to here.
const MAX_WINDOW: usize = 1 << f32::MANTISSA_DIGITS;

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
        let mut shape = self.input;
        let mut next = |(index, layer): (usize, &LayerSpec)| {
            shape = layer.output(index, shape).unwrap_or(shape);
            shape
        };
        self.layers.iter().enumerate().map(&mut next).collect()
    }

    /// Number of parameters: weights and biases, without running statistics.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        let mut shape = self.input;
        let mut count = 0;
        for (index, layer) in self.layers.iter().enumerate() {
            let (inputs, outputs) = layer.fan(shape).unwrap_or_default();
            count += (inputs + usize::from(layer.has_bias())) * outputs;
            shape = layer.output(index, shape).unwrap_or(shape);
        }
        count
    }
}

impl LayerSpec {
    /// The shape of the output for an input of shape `input`. `index` is the layer's position, for messages.
    ///
    /// # Errors
    /// If a setting is out of range, or the layer cannot take such an input.
    pub(crate) fn output(&self, index: usize, input: Shape) -> Result<Shape> {
        let refuse = |reason: &str| mismatch(index, &self.to_string(), input, reason);
        let output = self.output_shape(input).map_err(refuse)?;
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

    fn output_shape(&self, input: Shape) -> std::result::Result<Shape, &'static str> {
        match self {
            Self::Dense { outputs, .. } => Ok(Shape::Features(*outputs)),
            Self::Dropout { probability } if !(0.0..1.0).contains(probability) => {
                Err("the probability has to be at least 0 and less than 1")
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

    /// Upper bound of the packed parameters for an input of shape `input`, or `None` if it overflows.
    fn padded_parameters(&self, input: Shape) -> Option<usize> {
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
    fn check(&self) -> std::result::Result<(), &'static str> {
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

    fn output_shape(&self, input: Shape) -> std::result::Result<Shape, &'static str> {
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
    fn output_shape(&self, input: Shape) -> std::result::Result<Shape, &'static str> {
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
fn image(shape: Shape) -> std::result::Result<(usize, usize, usize), &'static str> {
    shape
        .as_image()
        .ok_or("it needs an image; give the input as `HxWxC`, and `flatten` only after it")
}

/// Checks that a sample of this shape has at least one value, and not too many.
pub(super) fn check_values(shape: Shape) -> std::result::Result<(), &'static str> {
    match shape.checked_len() {
        Some(1..=MAX_VALUES) => Ok(()),
        Some(0) => Err("it has no values; every size has to be at least 1"),
        _ => Err("it has more than 2^30 values"),
    }
}

pub(super) fn mismatch(index: usize, layer: &str, input: Shape, reason: &str) -> Error {
    Error::LayerShape {
        index,
        layer: layer.to_owned(),
        input,
        reason: reason.to_owned(),
    }
}
