//! The shape of one sample: a feature vector, or an image.

use std::fmt;

/// The shape of one sample, without the batch dimension.
///
/// ```
/// use nn_core::Shape;
/// let image = Shape::image(1, 28, 28);
/// assert_eq!(image.len(), 784);
/// assert_eq!(image.to_string(), "28x28x1");
/// assert_eq!(Shape::features(10).to_string(), "10");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// A vector: `[features]`.
    Features(usize),
    /// An image: `[channels, height, width]`.
    Image {
        /// Number of channels.
        channels: usize,
        /// Number of rows.
        height: usize,
        /// Number of columns.
        width: usize,
    },
}

impl Shape {
    /// A vector of `count` values.
    #[must_use]
    pub const fn features(count: usize) -> Self {
        Self::Features(count)
    }

    /// An image, `[channels, height, width]`.
    #[must_use]
    pub const fn image(channels: usize, height: usize, width: usize) -> Self {
        Self::Image {
            channels,
            height,
            width,
        }
    }

    /// Channels, height and width of an image; `None` for a vector.
    ///
    /// ```
    /// use nn_core::Shape;
    /// assert_eq!(Shape::image(1, 28, 20).as_image(), Some((1, 28, 20)));
    /// assert_eq!(Shape::features(10).as_image(), None);
    /// ```
    #[must_use]
    pub const fn as_image(&self) -> Option<(usize, usize, usize)> {
        match *self {
            Self::Features(_) => None,
            Self::Image {
                channels,
                height,
                width,
            } => Some((channels, height, width)),
        }
    }

    /// The dimensions of a sample: `[features]`, or `[channels, height, width]`.
    ///
    /// ```
    /// use nn_core::Shape;
    /// assert_eq!(Shape::image(3, 28, 20).sizes(), [3, 28, 20]);
    /// ```
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        match *self {
            Self::Features(count) => vec![count],
            Self::Image {
                channels,
                height,
                width,
            } => vec![channels, height, width],
        }
    }

    /// Number of values of a sample.
    #[must_use]
    pub const fn len(&self) -> usize {
        match *self {
            Self::Features(count) => count,
            Self::Image {
                channels,
                height,
                width,
            } => channels * height * width,
        }
    }

    /// Channels of an image, or values of a vector: what batch normalization normalizes one by one.
    #[must_use]
    pub const fn channels(&self) -> usize {
        match *self {
            Self::Features(count) => count,
            Self::Image { channels, .. } => channels,
        }
    }

    /// Whether a sample has no values. No network takes such a shape.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values, or `None` if it overflows.
    pub(crate) fn checked_len(&self) -> Option<usize> {
        match *self {
            Self::Features(count) => Some(count),
            Self::Image {
                channels,
                height,
                width,
            } => channels.checked_mul(height)?.checked_mul(width),
        }
    }
}

/// `N`, or `HxWxC`, as in the text form of a network.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features(count) => write!(f, "{count}"),
            Self::Image {
                channels,
                height,
                width,
            } => write!(f, "{height}x{width}x{channels}"),
        }
    }
}

/// The shape of an image in memory: `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HwcShape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl HwcShape {
    pub(crate) const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
        }
    }

    /// Number of values.
    pub(crate) const fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of a row of pixels.
    pub(crate) const fn row(&self) -> usize {
        self.width * self.channels
    }
}
