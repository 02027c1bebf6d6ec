//! Output shapes and parameter counts of layers, and the checks that they fit.

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, Padding},
};
use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// Maximum values of a sample, of a layer's output or of a layer's parameters: 2³⁰, or 4 GiB of f32.
///
/// A typing error should not ask the system for more memory than it has.
pub(crate) const MAX_VALUES: usize = 1 << 30;

/// Maximum side of a kernel, stride or padding.
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
            let bias = !matches!(layer, LayerSpec::Conv(ConvSpec { bias: false, .. }));
            count += (inputs + usize::from(bias)) * outputs;
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
            Self::Dense { outputs } => Ok(Shape::Features(*outputs)),
            Self::Dropout { probability } if !(0.0..1.0).contains(probability) => {
                Err("the probability has to be at least 0 and less than 1")
            }
            Self::LeakyRelu { slope } if !slope.is_finite() => Err("the slope has to be a finite number"),
            Self::Dropout { .. }
            | Self::BatchNorm
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::Tanh
            | Self::Sigmoid
            | Self::Gelu => Ok(input),
            Self::GlobalAvgPool => Ok(Shape::image(image(input)?.0, 1, 1)),
            Self::Flatten => Ok(Shape::Features(input.len())),
            Self::Conv(conv) => conv.output_shape(input),
            Self::MaxPool { size, stride } | Self::AvgPool { size, stride } => {
                if *size == 0 || *stride == 0 {
                    return Err("window and stride have to be at least 1");
                }
                let is_large = size.checked_mul(*size).is_none_or(|pixels| pixels > MAX_WINDOW);
                if is_large && matches!(self, Self::MaxPool { .. }) {
                    return Err("a window has at most 2^24 pixels, 4096x4096");
                }
                let (channels, height, width) = image(input)?;
                let (height, width) = (windows(height, *size, *stride), windows(width, *size, *stride));
                Ok(Shape::image(channels, height, width))
            }
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

impl ConvSpec {
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

    fn output_shape(&self, input: Shape) -> std::result::Result<Shape, &'static str> {
        self.check()?;
        let (top, bottom) = self.pads(self.kernel.0);
        let (left, right) = self.pads(self.kernel.1);
        let (channels, height, width) = image(input)?;
        let (height, width) = (height + top + bottom, width + left + right);
        // The padded image takes memory even if a large stride makes the output small.
        let padded = Shape::image(channels, height, width).checked_len();
        if padded.is_none_or(|values| values > MAX_VALUES) {
            return Err("with its padding the image has more than 2^30 values; use less padding");
        }
        Ok(Shape::image(
            self.channels,
            windows(height, self.kernel.0, self.stride),
            windows(width, self.kernel.1, self.stride),
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
