//! Affine transforms: the inverse map from output pixels to input coordinates.

/// The number of fraction bits of fixed-point coordinates.
pub(super) const FRACTION_BITS: u32 = 32;
/// One pixel as a fixed-point coordinate.
pub(super) const ONE: i64 = 1 << FRACTION_BITS;

/// The inverse of an affine transform: the input coordinates of each output pixel, in fixed-point pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct InverseAffine {
    /// Input coordinates (x, y) of the first output pixel.
    pub(super) origin: [i64; 2],
    /// Change of the input coordinates per output pixel to the right.
    pub(super) right: [i64; 2],
    /// Change of the input coordinates per output pixel downward.
    pub(super) down: [i64; 2],
}

impl InverseAffine {
    /// Inverts this transform about the center of the image: `scale` along x and y, `shear` of x by y, rotation by
    /// `angle` (radians, clockwise because y points down), then `translation` along x and y.
    pub(super) fn new(
        height: usize,
        width: usize,
        angle: f64,
        scale: [f64; 2],
        shear: f64,
        translation: [f64; 2],
    ) -> Self {
        let (sin, cos) = angle.sin_cos();
        // Inverse rotation, shear and scale of a step to the right (1, 0) and of a step down (0, 1).
        let right = [(cos + shear * sin) / scale[0], -sin / scale[1]];
        let down = [(sin - shear * cos) / scale[0], cos / scale[1]];
        let center = [
            width.saturating_sub(1) as f64 / 2.0,
            height.saturating_sub(1) as f64 / 2.0,
        ];
        let first = [-center[0] - translation[0], -center[1] - translation[1]];
        let origin = [0, 1].map(|axis| center[axis] + first[0] * right[axis] + first[1] * down[axis]);
        Self {
            origin: origin.map(fixed),
            right: right.map(fixed),
            down: down.map(fixed),
        }
    }
}

fn fixed(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}
