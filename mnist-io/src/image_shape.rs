//! The shape of an image, and the order of its values in files and in memory.

use std::fmt;

use crate::error::{Error, Result};

/// The maximum number of channels: red, green, blue and opacity.
const MAX_CHANNELS: usize = 4;

/// The shape of an image: `[channels, height, width]`.
///
/// ```
/// use mnist_io::ImageShape;
///
/// let shape = ImageShape::new(3, 32, 48)?;
/// assert_eq!(shape.len(), 3 * 32 * 48);
/// assert_eq!(shape.to_string(), "32×48×3");
/// assert_eq!(ImageShape::gray(28, 28)?.to_string(), "28×28");
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageShape {
    channels: usize,
    height: usize,
    width: usize,
}

impl ImageShape {
    /// Creates a shape: 1 channel is gray, 2 are gray and opacity, 3 are RGB, 4 are RGB and opacity.
    ///
    /// # Errors
    /// [`Error::Channels`] unless there are 1 to 4 channels; [`Error::ImageSize`] if height or width is 0 or the number
    /// of values overflows.
    pub fn new(channels: usize, height: usize, width: usize) -> Result<Self> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(Error::Channels { channels });
        }
        let len = height
            .checked_mul(width)
            .and_then(|pixels| pixels.checked_mul(channels));
        match len {
            Some(1..) => Ok(Self {
                channels,
                height,
                width,
            }),
            _ => Err(Error::ImageSize { height, width }),
        }
    }

    /// Creates the shape of a gray image.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn gray(height: usize, width: usize) -> Result<Self> {
        Self::new(1, height, width)
    }

    /// Returns the number of channels, 1 to 4.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the height in pixels.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Returns the width in pixels.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of values of an image, `channels × height × width`.
    #[expect(clippy::len_without_is_empty, reason = "an image has at least one value")]
    pub const fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Returns the shape with height and width exchanged.
    #[must_use]
    pub const fn transposed(&self) -> Self {
        Self {
            channels: self.channels,
            height: self.width,
            width: self.height,
        }
    }

    /// Returns the number of values of a channel, `height × width`.
    pub(crate) const fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Reorders images from `[count, height, width, channels]`, as in files, to `[count, channels, height, width]`.
    pub(crate) fn separate_channels(&self, images: &mut [u8]) {
        if self.channels == 1 {
            return;
        }
        let mut interleaved = vec![0; self.len()];
        for image in images.chunks_exact_mut(self.len()) {
            interleaved.copy_from_slice(image);
            for (channel, plane) in image.chunks_exact_mut(self.plane()).enumerate() {
                let values = interleaved[channel..].iter().step_by(self.channels);
                for (to, &from) in plane.iter_mut().zip(values) {
                    *to = from;
                }
            }
        }
    }

    /// Exchanges rows and columns of images of this shape.
    pub(crate) fn transpose(&self, images: &mut [u8]) -> Self {
        let mut original = vec![0; self.plane()];
        for plane in images.chunks_exact_mut(self.plane()) {
            original.copy_from_slice(plane);
            for (x, column) in plane.chunks_exact_mut(self.height).enumerate() {
                for (to, &from) in column.iter_mut().zip(original[x..].iter().step_by(self.width)) {
                    *to = from;
                }
            }
        }
        self.transposed()
    }
}

/// `height×width`, and `×channels` unless the image is gray.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.height, self.width)?;
        match self.channels {
            1 => Ok(()),
            channels => write!(f, "×{channels}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_shapes_are_errors() {
        for (height, width) in [(0, 0), (0, 28), (28, 0), (usize::MAX, 2), (1 << 62, 1)] {
            for channels in [1, 4] {
                match ImageShape::new(channels, height, width) {
                    Err(Error::ImageSize { .. }) => {}
                    found => assert_eq!((found.is_ok(), channels), (true, 1), "{height}×{width}"),
                }
            }
        }
        for channels in [0, 5, usize::MAX] {
            let error = ImageShape::new(channels, 2, 2).unwrap_err();
            assert!(matches!(error, Error::Channels { .. }), "{error:?}");
        }
    }

    #[test]
    fn channels_are_separated() {
        let shape = ImageShape::new(3, 1, 2).unwrap();
        // Two images of two RGB pixels each.
        let mut images = [1, 2, 3, 11, 12, 13, 101, 102, 103, 111, 112, 113];
        shape.separate_channels(&mut images);
        assert_eq!(images, [1, 11, 2, 12, 3, 13, 101, 111, 102, 112, 103, 113]);
        let mut gray = [1, 2, 3];
        ImageShape::gray(1, 3).unwrap().separate_channels(&mut gray);
        assert_eq!(gray, [1, 2, 3]);
    }

    #[test]
    fn transposing_exchanges_rows_and_columns_of_each_channel() {
        let shape = ImageShape::new(2, 2, 3).unwrap();
        let mut image = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
        let transposed = shape.transpose(&mut image);
        assert_eq!(transposed, ImageShape::new(2, 3, 2).unwrap());
        assert_eq!(image, [1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16]);
        assert_eq!(transposed.transpose(&mut image), shape);
        assert_eq!(image, [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]);
    }
}
