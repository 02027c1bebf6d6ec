//! The layers a network can be made of, and their settings.

use super::custom::CustomSpec;
use crate::shape::Shape;

/// A layer of a network, as one item of the text form describes it.
///
/// With the builder, [`NetworkSpecBuilder`](crate::NetworkSpecBuilder) has a method for each of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LayerSpec {
    /// `dense OUT [nobias]`: `y = W·x + b`, with `OUT` outputs.
    #[non_exhaustive]
    Dense {
        /// Number of outputs.
        outputs: usize,
        /// Whether each output has a bias.
        bias: bool,
    },
    /// `conv OUT KHxKW [stride S|SHxSW] [pad P|PHxPW|same] [dilation D|DHxDW] [groups G] [nobias]`: a convolution
    /// (without flipping the kernel, as in every deep-learning framework) with `OUT` output channels.
    Conv(ConvSpec),
    /// `maxpool K|KHxKW [stride S|SHxSW] [pad P|PHxPW]`: the maximum over each window. Padding is never the maximum.
    MaxPool(PoolSpec),
    /// `avgpool K|KHxKW [stride S|SHxSW] [pad P|PHxPW]`: the mean over each window, in which padding counts as zeros.
    AvgPool(PoolSpec),
    /// `globalavgpool`: the mean of each channel, as a 1×1 image (PyTorch's `AdaptiveAvgPool2d(1)`).
    GlobalAvgPool,
    /// `upsample N`: each pixel becomes a square of `N`×`N` equal pixels (PyTorch's `Upsample(scale_factor=N)`).
    Upsample {
        /// Side of the square, in pixels.
        factor: usize,
    },
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
    /// `layernorm`: each sample normalized over all of its values, then scaled and shifted by a weight and a bias for each
    /// of them (Ba, Kiros and Hinton, 2016, "Layer Normalization"); PyTorch's `nn.LayerNorm` of the sample's shape.
    LayerNorm,
    /// `relu`: `y = max(x, 0)`.
    Relu,
    /// `leakyrelu A`: `y = x` for `x > 0`, else `y = A·x`.
    LeakyRelu {
        /// Slope for negative inputs.
        slope: f32,
    },
    /// `elu`: `y = x` for `x > 0`, else `y = exp(x) - 1` (Clevert, Unterthiner and Hochreiter, 2015, "Exponential Linear
    /// Units").
    Elu,
    /// `silu`: `y = x·sigmoid(x)`, also known as Swish (Ramachandran, Zoph and Le, 2017, "Searching for Activation
    /// Functions").
    Silu,
    /// `softplus`: `y = ln(1 + exp(x))`.
    Softplus,
    /// `tanh`: the hyperbolic tangent.
    Tanh,
    /// `sigmoid`: `y = 1 / (1 + exp(-x))`.
    Sigmoid,
    /// `gelu`: `y = x·Φ(x)` with the cumulative normal distribution `Φ` (Hendrycks and Gimpel, 2016, "Gaussian Error
    /// Linear Units"); the exact form, not the tanh approximation.
    Gelu,
    /// `flatten`: turns an image into a vector, in channel-height-width order.
    Flatten,
    /// `reshape HxWxC`: turns a vector or an image into an image of the same values in channel-height-width order.
    Reshape(Shape),
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
    /// Vertical and horizontal step between windows, in pixels.
    pub stride: (usize, usize),
    /// Zeros added around the image.
    pub padding: Padding,
    /// Vertical and horizontal step between the pixels of a window; 1 where they are adjacent.
    pub dilation: (usize, usize),
    /// Groups of channels: each group of output channels reads only its group of input channels. As many groups as input
    /// channels make a depthwise convolution.
    pub groups: usize,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

/// Zero padding around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// This many rows above and below, and this many columns on the left and on the right.
    Pixels(usize, usize),
    /// As many as keep the image's size at stride 1. If the number is odd, the extra row or column goes to the bottom
    /// or right.
    Same,
}

/// The windows of a pooling layer. Those that reach beyond the padded image are dropped, as with PyTorch's default
/// `ceil_mode=False`.
///
/// ```
/// use nn_core::{NetworkSpec, PoolSpec, Shape};
/// let pool = PoolSpec::new(3, 3).with_stride(2, 2).with_padding(1, 1);
/// let spec = NetworkSpec::builder(Shape::image(1, 28, 28)).max_pool(pool).avg_pool(2).flatten().build()?;
/// assert_eq!(spec, "28x28x1 | maxpool 3 stride 2 pad 1 | avgpool 2 | flatten".parse()?);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSpec {
    /// Height and width of a window, in pixels.
    pub size: (usize, usize),
    /// Vertical and horizontal step between windows, in pixels.
    pub stride: (usize, usize),
    /// Rows of padding above and below the image, and columns on its left and right; at most half of the window.
    pub padding: (usize, usize),
}

impl LayerSpec {
    /// A dense layer.
    #[must_use]
    pub const fn dense(outputs: usize) -> Self {
        Self::Dense { outputs, bias: true }
    }

    /// A dense layer without a bias, as before a batch normalization.
    #[must_use]
    pub const fn dense_without_bias(outputs: usize) -> Self {
        Self::Dense { outputs, bias: false }
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
            Self::Conv(_) | Self::MaxPool(_) | Self::AvgPool(_) | Self::GlobalAvgPool | Self::Upsample { .. }
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
                | Self::Elu
                | Self::Silu
                | Self::Softplus
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
            stride: (1, 1),
            padding: Padding::Pixels(0, 0),
            dilation: (1, 1),
            groups: 1,
            bias: true,
        }
    }

    /// Sets the step between windows, in pixels.
    #[must_use]
    pub const fn with_stride(mut self, vertical: usize, horizontal: usize) -> Self {
        self.stride = (vertical, horizontal);
        self
    }

    /// Sets the zero padding.
    #[must_use]
    pub const fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Sets the step between the pixels of a window.
    #[must_use]
    pub const fn with_dilation(mut self, vertical: usize, horizontal: usize) -> Self {
        self.dilation = (vertical, horizontal);
        self
    }

    /// Sets the number of groups, which has to divide the input's channels and the output channels.
    #[must_use]
    pub const fn with_groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Drops the bias, as before a batch normalization.
    #[must_use]
    pub const fn without_bias(mut self) -> Self {
        self.bias = false;
        self
    }

    /// Height and width of a window: of the kernel with its dilation.
    pub(crate) fn window(&self) -> (usize, usize) {
        let axis = |kernel: usize, dilation: usize| (kernel - 1) * dilation + 1;
        (
            axis(self.kernel.0, self.dilation.0),
            axis(self.kernel.1, self.dilation.1),
        )
    }

    /// Rows of zeros above and below the image, and columns of zeros on its left and right.
    pub(crate) fn pads(&self) -> ((usize, usize), (usize, usize)) {
        match self.padding {
            Padding::Pixels(rows, cols) => ((rows, rows), (cols, cols)),
            Padding::Same => {
                let axis = |window: usize| ((window - 1) / 2, window / 2);
                let (height, width) = self.window();
                (axis(height), axis(width))
            }
        }
    }
}

impl PoolSpec {
    /// Adjacent windows of `height`×`width` pixels, without padding.
    #[must_use]
    pub const fn new(height: usize, width: usize) -> Self {
        Self {
            size: (height, width),
            stride: (height, width),
            padding: (0, 0),
        }
    }

    /// Sets the step between windows, in pixels.
    #[must_use]
    pub const fn with_stride(mut self, vertical: usize, horizontal: usize) -> Self {
        self.stride = (vertical, horizontal);
        self
    }

    /// Sets the rows of padding above and below the image, and the columns on its left and right.
    #[must_use]
    pub const fn with_padding(mut self, rows: usize, cols: usize) -> Self {
        self.padding = (rows, cols);
        self
    }
}

/// Adjacent square windows.
impl From<usize> for PoolSpec {
    fn from(size: usize) -> Self {
        Self::new(size, size)
    }
}
