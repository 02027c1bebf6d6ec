//! The layers a network can be made of, and their settings.

use super::custom::CustomSpec;

/// A layer of a network, as one item of the text form describes it.
///
/// With the builder, [`NetworkSpecBuilder`](crate::NetworkSpecBuilder) has a method for each of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LayerSpec {
    /// `dense OUT`: `y = W·x + b`, with `OUT` outputs.
    #[non_exhaustive]
    Dense {
        /// Number of outputs.
        outputs: usize,
    },
    /// `conv OUT KHxKW [stride S] [pad P|pad same] [nobias]`: a convolution (without flipping the kernel, as in every
    /// deep-learning framework) with `OUT` output channels.
    Conv(ConvSpec),
    /// `maxpool K [stride S]`: the maximum over each `K`×`K` window. The stride defaults to `K`; windows that reach
    /// beyond the image are dropped.
    #[non_exhaustive]
    MaxPool {
        /// Side of the window, in pixels.
        size: usize,
        /// Step between windows, in pixels.
        stride: usize,
    },
    /// `avgpool K [stride S]`: the mean over each `K`×`K` window, with the same windows as `maxpool`.
    #[non_exhaustive]
    AvgPool {
        /// Side of the window, in pixels.
        size: usize,
        /// Step between windows, in pixels.
        stride: usize,
    },
    /// `globalavgpool`: the mean of each channel, as a 1×1 image (PyTorch's `AdaptiveAvgPool2d(1)`).
    GlobalAvgPool,
    /// `dropout P`: in training, zeroes each value with probability `P` and scales the others by `1 / (1 - P)`
    /// (Srivastava et al., 2014, "Dropout"); in prediction, the identity.
    Dropout {
        /// Probability of zeroing a value, in `0..1`.
        probability: f32,
    },
    /// `batchnorm`: batch normalization of each channel of an image, or of each feature of a vector (Ioffe and Szegedy,
    /// 2015, "Batch Normalization"). It uses batch statistics in training and running statistics in prediction, with
    /// the defaults of PyTorch's `nn.BatchNorm1d` and `nn.BatchNorm2d`.
    BatchNorm,
    /// `relu`: `y = max(x, 0)`.
    Relu,
    /// `leakyrelu A`: `y = x` for `x > 0`, else `y = A·x`.
    LeakyRelu {
        /// Slope for negative inputs.
        slope: f32,
    },
    /// `tanh`: the hyperbolic tangent.
    Tanh,
    /// `sigmoid`: `y = 1 / (1 + exp(-x))`.
    Sigmoid,
    /// `gelu`: `y = x·Φ(x)` with the cumulative normal distribution `Φ` (Hendrycks and Gimpel, 2016, "Gaussian Error
    /// Linear Units"); the exact form, not the tanh approximation.
    Gelu,
    /// `flatten`: turns an image into a vector, in channel-height-width order.
    Flatten,
    /// `add(A; B; …)`: the sum of what its branches give, which have the same shape.
    #[non_exhaustive]
    Add {
        /// The branches, which all take the layer's input; an empty one gives it unchanged.
        branches: Vec<Vec<LayerSpec>>,
    },
    /// `concat(A; B; …)`: what its branches give, one after the other: the channels of images of the same height and
    /// width, or features.
    #[non_exhaustive]
    Concat {
        /// The branches, which all take the layer's input; an empty one gives it unchanged.
        branches: Vec<Vec<LayerSpec>>,
    },
    /// A layer of the user's own.
    Custom(CustomSpec),
}

/// Settings of a convolution.
///
/// ```
/// use nn_core::{ConvSpec, NetworkSpec, Padding, Shape};
/// let conv = ConvSpec::new(8, 3, 3).with_padding(Padding::Same).without_bias();
/// let spec = NetworkSpec::builder(Shape::image(1, 28, 28)).conv(conv).flatten().build()?;
/// assert_eq!(spec, "28x28x1 | conv 8 3x3 pad same nobias | flatten".parse()?);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConvSpec {
    /// Number of output channels.
    pub channels: usize,
    /// Height and width of the kernel, in pixels.
    pub kernel: (usize, usize),
    /// Step between windows along both axes, in pixels.
    pub stride: usize,
    /// Zeros added around the image.
    pub padding: Padding,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

/// Zero padding around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// This many pixels on every side.
    Pixels(usize),
    /// As many as keep the image's size at stride 1. If the number is odd, the extra row or column goes to the bottom
    /// or right.
    Same,
}

impl LayerSpec {
    /// A dense layer.
    #[must_use]
    pub const fn dense(outputs: usize) -> Self {
        Self::Dense { outputs }
    }

    /// Max pooling over `size`×`size` windows, `stride` pixels apart.
    #[must_use]
    pub const fn max_pool(size: usize, stride: usize) -> Self {
        Self::MaxPool { size, stride }
    }

    /// Average pooling over `size`×`size` windows, `stride` pixels apart.
    #[must_use]
    pub const fn avg_pool(size: usize, stride: usize) -> Self {
        Self::AvgPool { size, stride }
    }

    /// The branches of an `add` or a `concat`; none of any other layer.
    ///
    /// ```
    /// use nn_core::NetworkSpec;
    /// let spec: NetworkSpec = "16 | add(dense 16 | relu) | dense 4".parse()?;
    /// assert_eq!(spec.layers()[0].branches().len(), 2);
    /// assert_eq!(spec.layers()[0].branches()[0], []);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn branches(&self) -> &[Vec<Self>] {
        match self {
            Self::Add { branches } | Self::Concat { branches } => branches,
            _ => &[],
        }
    }

    /// Whether the layer reads windows of an image.
    pub(crate) fn has_windows(&self) -> bool {
        matches!(
            self,
            Self::Conv(_) | Self::MaxPool { .. } | Self::AvgPool { .. } | Self::GlobalAvgPool
        )
    }

    /// Whether each output value depends on the input value at the same position only, once parameters and statistics
    /// are fixed.
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

    /// Sets the step between windows, in pixels.
    #[must_use]
    pub const fn with_stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// Sets the zero padding.
    #[must_use]
    pub const fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Drops the bias, as before a batch normalization.
    #[must_use]
    pub const fn without_bias(mut self) -> Self {
        self.bias = false;
        self
    }

    /// Zeros before and after, along an axis on which the kernel has `size` pixels.
    pub(crate) fn pads(&self, size: usize) -> (usize, usize) {
        match self.padding {
            Padding::Pixels(pixels) => (pixels, pixels),
            Padding::Same => ((size - 1) / 2, size / 2),
        }
    }
}
