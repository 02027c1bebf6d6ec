//! The shape of one sample: plain features, or channels × height × width.

use std::fmt;

/// The shape of one sample, without the batch.
///
/// ```
/// use nn_core::Shape;
/// let image = Shape::image(1, 28, 28);
/// assert_eq!(image.len(), 784);
/// assert_eq!(image.to_string(), "28x28x1");
/// assert_eq!(Shape::features(10).to_string(), "10");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A flat vector: `[features]`.
    Features(usize),
    /// A picture: `[channels, height, width]`.
    Image {
        /// Planes of the picture.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Shape {
    /// A flat vector of `count` values.
    #[must_use]
    pub const fn features(count: usize) -> Self {
        Self::Features(count)
    }

    /// A picture, `[channels, height, width]`.
    #[must_use]
    pub const fn image(channels: usize, height: usize, width: usize) -> Self {
        Self::Image {
            channels,
            height,
            width,
        }
    }

    /// How many values a sample has.
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

    /// Planes of a picture, or values of a vector: what batch normalisation and files count.
    pub(crate) const fn channels(&self) -> usize {
        match *self {
            Self::Features(count) => count,
            Self::Image { channels, .. } => channels,
        }
    }

    /// Whether a sample has no values at all; no network has such a shape.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of values, or `None` where it does not fit into a `usize`.
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

/// `N`, or `HxWxC` as in the text form of a network.
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
