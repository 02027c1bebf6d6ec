//! Digits of 28×28 pixels as smooth ink of any size and angle.

/// Side of a digit's image.
const SIDE: usize = 28;
/// Steepness of the ink's edges.
const GAIN: f32 = 2.5;

/// Digit placed on a canvas.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Pixels of the digit, 28×28, bright on black.
    pub pixels: &'a [u8],
    /// Middle of the digit's ink on the canvas.
    pub center: [f32; 2],
    /// Canvas pixels per digit pixel.
    pub scale: f32,
    /// Clockwise rotation, in radians.
    pub angle: f32,
    /// Digit pixels by which strokes are thickened; negative where they are thinned.
    pub thicker: f32,
}

impl Placed<'_> {
    /// Ink at a point of the canvas, from 0 to 1.
    #[must_use]
    pub fn ink(&self, x: f32, y: f32) -> f32 {
        let (sin, cos) = self.angle.sin_cos();
        let (dx, dy) = ((x - self.center[0]) / self.scale, (y - self.center[1]) / self.scale);
        let middle = ink_center(self.pixels);
        let value = bicubic(
            self.pixels,
            dx * cos + dy * sin + middle[0],
            dy * cos - dx * sin + middle[1],
        );
        // An edge rises over about three digit pixels, so its position moves by a third of the threshold.
        let threshold = 0.5 - self.thicker / 3.0;
        ((value - threshold) * GAIN + 0.5).clamp(0.0, 1.0)
    }

    /// Half the width and height of the rotated ink on the canvas.
    #[must_use]
    pub fn half_size(&self) -> [f32; 2] {
        let [left, top, right, bottom] = ink_box(self.pixels);
        let (sin, cos) = self.angle.sin_cos();
        let (width, height) = (right - left + 1.0, bottom - top + 1.0);
        [
            0.5 * self.scale * (width * cos.abs() + height * sin.abs()),
            0.5 * self.scale * (width * sin.abs() + height * cos.abs()),
        ]
    }
}

/// Left, top, right and bottom of the ink, in pixels.
fn ink_box(pixels: &[u8]) -> [f32; 4] {
    let mut found = [SIDE as f32, SIDE as f32, 0.0, 0.0];
    for (i, _) in pixels.iter().enumerate().filter(|&(_, &pixel)| pixel > 64) {
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        found = [found[0].min(x), found[1].min(y), found[2].max(x), found[3].max(y)];
    }
    found
}

/// Height of the ink, in pixels.
#[must_use]
pub fn ink_height(pixels: &[u8]) -> f32 {
    let [_, top, _, bottom] = ink_box(pixels);
    bottom - top + 1.0
}

fn ink_center(pixels: &[u8]) -> [f32; 2] {
    let [left, top, right, bottom] = ink_box(pixels);
    [0.5 * (left + right), 0.5 * (top + bottom)]
}

/// Catmull-Rom interpolation between pixels' middles; 0 outside.
fn bicubic(pixels: &[u8], x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (wx, wy) = (weights(x - left), weights(y - top));
    let mut sum = 0.0;
    for (j, wy) in wy.iter().enumerate() {
        for (i, wx) in wx.iter().enumerate() {
            let (column, row) = (left + i as f32 - 1.0, top + j as f32 - 1.0);
            let inside = |at: f32| (0.0..SIDE as f32).contains(&at);
            if inside(column) && inside(row) {
                sum += wx * wy * f32::from(pixels[row as usize * SIDE + column as usize]);
            }
        }
    }
    sum / 255.0
}

fn weights(t: f32) -> [f32; 4] {
    [
        -0.5 * t + t * t - 0.5 * t * t * t,
        1.0 - 2.5 * t * t + 1.5 * t * t * t,
        0.5 * t + 2.0 * t * t - 1.5 * t * t * t,
        -0.5 * t * t + 0.5 * t * t * t,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_where_the_digit_is_placed() {
        let mut pixels = [0; SIDE * SIDE];
        for y in 4..24 {
            pixels[y * SIDE + 10..y * SIDE + 14].fill(255);
        }
        let mut placed = Placed {
            pixels: &pixels,
            center: [100.0, 80.0],
            scale: 5.0,
            angle: 0.0,
            thicker: 0.0,
        };
        assert_eq!(placed.half_size(), [10.0, 50.0]);
        assert_eq!([placed.ink(100.0, 80.0), placed.ink(100.0, 125.0)], [1.0, 1.0]);
        assert_eq!([placed.ink(125.0, 80.0), placed.ink(100.0, 145.0)], [0.0, 0.0]);
        placed.angle = std::f32::consts::FRAC_PI_2;
        assert_eq!([placed.ink(145.0, 80.0), placed.ink(100.0, 125.0)], [1.0, 0.0]);
    }
}
