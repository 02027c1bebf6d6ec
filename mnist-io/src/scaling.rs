//! Pixel scaling: the only conversion of pixels from `u8` to `f32`.

use crate::error::{Error, Result};

/// The scaling of a pixel from `u8` to `f32`: `(pixel / 255 − mean) / std`.
///
/// The arithmetic is `f32` in exactly this order, like `ToTensor` and `Normalize` of torchvision, so a pixel gives the
/// same bits.
///
/// ```
/// use mnist_io::Scaling;
///
/// let mut scaled = [0.0; 2];
/// Scaling::UNIT.scale_into(&[0, 255], &mut scaled);
/// assert_eq!(scaled, [0.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    mean: f32,
    std: f32,
}

impl Scaling {
    /// Scaling to the range from 0 to 1: mean 0, standard deviation 1.
    pub const UNIT: Self = Self { mean: 0.0, std: 1.0 };

    /// Standardization by the mean (0.1307) and standard deviation (0.3081) of MNIST's training images.
    pub const MNIST: Self = Self {
        mean: 0.1307,
        std: 0.3081,
    };

    /// Creates a scaling from mean and standard deviation of the pixels in the range from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Scaling`] if `std` is not above 0 or the scaled value of a pixel would not be finite.
    pub fn new(mean: f32, std: f32) -> Result<Self> {
        let scaling = Self { mean, std };
        if std > 0.0 && std.is_finite() && scaling.table().0.iter().all(|value| value.is_finite()) {
            Ok(scaling)
        } else {
            Err(Error::Scaling { mean, std })
        }
    }

    /// Returns the mean, which is subtracted first.
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// Returns the standard deviation, the divisor.
    pub const fn std(&self) -> f32 {
        self.std
    }

    /// Scales pixels into a slice of the same length.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn scale_into(&self, pixels: &[u8], scaled: &mut [f32]) {
        self.table().scale_into(pixels, scaled);
    }

    /// Returns the lookup table of this scaling.
    pub(crate) fn table(&self) -> ScalingTable {
        ScalingTable(std::array::from_fn(|pixel| {
            (pixel as f32 / 255.0 - self.mean) / self.std
        }))
    }
}

/// A [`Scaling`] as a lookup table of the scaled value of each pixel.
pub(crate) struct ScalingTable([f32; 256]);

impl ScalingTable {
    /// As [`Scaling::scale_into`].
    pub(crate) fn scale_into(&self, pixels: &[u8], scaled: &mut [f32]) {
        assert_eq!(
            pixels.len(),
            scaled.len(),
            "pixels and scaled values must have the same length"
        );
        for (&pixel, scaled) in pixels.iter().zip(scaled) {
            *scaled = self.0[usize::from(pixel)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_the_formula_in_f32() {
        for (mean, std) in [(0.0, 1.0), (0.1307, 0.3081), (-3.0, 0.01)] {
            let scaling = Scaling::new(mean, std).unwrap();
            let pixels: Vec<u8> = (0..=255).collect();
            let mut scaled = [f32::NAN; 256];
            scaling.scale_into(&pixels, &mut scaled);
            for (pixel, scaled) in pixels.into_iter().zip(scaled) {
                assert_eq!(scaled, (f32::from(pixel) / 255.0 - mean) / std);
            }
        }
        assert_eq!(Scaling::new(0.1307, 0.3081).unwrap(), Scaling::MNIST);
        Scaling::UNIT.scale_into(&[], &mut []);
    }

    #[test]
    fn scaling_to_non_finite_values_is_an_error() {
        for (mean, std) in [
            (f32::NAN, 1.0),
            (f32::INFINITY, 1.0),
            (0.0, 0.0),
            (0.0, -1.0),
            (0.0, f32::NAN),
            (0.0, f32::INFINITY),
            (0.0, 1e-45),
        ] {
            let error = Scaling::new(mean, std).unwrap_err();
            assert!(matches!(error, Error::Scaling { .. }), "{error:?}");
        }
    }

    #[test]
    #[should_panic(expected = "must have the same length")]
    fn scaling_into_another_length_panics() {
        Scaling::UNIT.scale_into(&[1, 2], &mut [0.0]);
    }
}
