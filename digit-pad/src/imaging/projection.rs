//! Color to gray: brightness, or the direction of colors with the most contrast where ink is as bright as its paper.

use image::{DynamicImage, RgbImage};

use crate::imaging::plane::Plane;

/// Brightness of a color, as a unit vector of red, green and blue (the weights of Rec. 709, as in `image`).
const BRIGHTNESS: [f32; 3] = [0.2826, 0.9507, 0.0960];
/// Brightness is used where it has at least this share of the colors' contrast.
const LEAST_SHARE: f32 = 0.4;
/// Number of pixels from which colors are estimated.
const SAMPLES: usize = 20_000;
/// Contrast of less than this, of 255 per channel, is noise.
const NOISE: f32 = 12.0;
/// How much a color apart from the ink's counts as paper: ruled lines and margins have another color than ink.
const OTHER_COLOR: f32 = 0.8;

/// Converts an image without opacity to gray.
pub(super) fn gray(image: DynamicImage) -> Plane {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if !image.color().has_color() {
        let values = image.into_luma8().into_raw();
        return Plane { width, height, values };
    }
    let rgb = image.into_rgb8();
    let colors = Colors::of(&rgb);
    let values = if colors.is_told_by_brightness() {
        brightness(&rgb, &colors)
    } else {
        map_colors(&rgb, |color| 128.0 + colors.along(color))
    };
    Plane { width, height, values }
}

/// Brightness, where colors apart from the ink's are lightened if the ink is darker than the paper.
fn brightness(rgb: &RgbImage, colors: &Colors) -> Vec<u8> {
    // All terms are whole numbers, so the sum is exact, and so is the whole part of the quotient.
    let luma = |[red, green, blue]: [f32; 3]| (red * 2126.0 + green * 7152.0 + blue * 722.0) / 10_000.0;
    if dot(colors.axis, BRIGHTNESS) * colors.skew < 0.0 {
        let lightened = |color| OTHER_COLOR * (colors.apart(color) - NOISE).max(0.0);
        map_colors(rgb, |color| luma(color) as i32 as f32 + lightened(color))
    } else {
        map_colors(rgb, luma)
    }
}

/// The whole part of a value of each pixel's red, green and blue, from 0 to 255. Pixels are converted block by block, so
/// that the compiler vectorizes `value`.
fn map_colors(rgb: &RgbImage, value: impl Fn([f32; 3]) -> f32) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut values = Vec::with_capacity(rgb.len() / 3);
    for pixels in rgb.as_raw().chunks(3 * BLOCK) {
        let mut channels = [[0.0; BLOCK]; 3];
        for (at, pixel) in pixels.chunks_exact(3).enumerate() {
            for (channel, &value) in channels.iter_mut().zip(pixel) {
                channel[at] = f32::from(value);
            }
        }
        let [red, green, blue] = &channels;
        let mut mapped = [0.0; BLOCK];
        for (at, mapped) in mapped.iter_mut().enumerate() {
            *mapped = value([red[at], green[at], blue[at]]).clamp(0.0, 255.0);
        }
        let mapped = mapped.map(|value| value as i32 as u8);
        values.extend_from_slice(&mapped[..pixels.len() / 3]);
    }
    values
}

/// The paper's color, and the direction of colors from it with the most contrast.
struct Colors {
    paper: [f32; 3],
    /// Unit vector.
    axis: [f32; 3],
    /// The sum of the third powers along the axis: its sign says on which side of the paper the ink is.
    skew: f32,
    /// Share of the contrast that brightness has.
    share: f32,
}

impl Colors {
    fn of(image: &RgbImage) -> Self {
        let step = (image.len() / 3 / SAMPLES).max(1);
        let samples: Vec<[u8; 3]> = image.pixels().step_by(step).map(|pixel| pixel.0).collect();
        let paper = std::array::from_fn(|channel| {
            let mut values: Vec<u8> = samples.iter().map(|sample| sample[channel]).collect();
            let middle = values.len() / 2;
            if values.is_empty() {
                return 0.0;
            }
            f32::from(*values.select_nth_unstable(middle).1)
        });
        let apart: Vec<[f32; 3]> = samples
            .iter()
            .map(|sample| std::array::from_fn(|channel| f32::from(sample[channel]) - paper[channel]))
            .filter(|&difference| dot(difference, difference) > NOISE * NOISE)
            .collect();
        let axis = principal_axis(&apart);
        let energy = |axis: [f32; 3]| {
            apart
                .iter()
                .map(|&difference| dot(difference, axis).powi(2))
                .sum::<f32>()
        };
        Colors {
            paper,
            axis,
            skew: apart.iter().map(|&difference| dot(difference, axis).powi(3)).sum(),
            share: energy(BRIGHTNESS) / energy(axis).max(1.0),
        }
    }

    fn is_told_by_brightness(&self) -> bool {
        self.axis == BRIGHTNESS || self.share >= LEAST_SHARE * LEAST_SHARE
    }

    fn difference(&self, color: [f32; 3]) -> [f32; 3] {
        std::array::from_fn(|channel| color[channel] - self.paper[channel])
    }

    /// Distance from the paper along the axis.
    fn along(&self, color: [f32; 3]) -> f32 {
        dot(self.difference(color), self.axis)
    }

    /// Distance from the axis.
    fn apart(&self, color: [f32; 3]) -> f32 {
        let difference = self.difference(color);
        let along = dot(difference, self.axis);
        (dot(difference, difference) - along * along).max(0.0).sqrt()
    }
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The direction with the largest second moment, by power iteration; brightness without any.
fn principal_axis(differences: &[[f32; 3]]) -> [f32; 3] {
    let mut moments = [[0.0f32; 3]; 3];
    for difference in differences {
        for (row, &a) in moments.iter_mut().zip(difference) {
            for (moment, &b) in row.iter_mut().zip(difference) {
                *moment += a * b;
            }
        }
    }
    // A column of the matrix is not orthogonal to the axis, unless it is zero.
    let largest = (0..3)
        .max_by(|&a, &b| moments[a][a].total_cmp(&moments[b][b]))
        .unwrap_or(0);
    let mut axis = moments[largest];
    for _ in 0..30 {
        let length = dot(axis, axis).sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return BRIGHTNESS;
        }
        axis = axis.map(|value| value / length);
        axis = moments.map(|row| dot(row, axis));
    }
    let length = dot(axis, axis).sqrt();
    if length > 0.0 && length.is_finite() {
        axis.map(|value| value / length)
    } else {
        BRIGHTNESS
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    /// A bar of `ink` on `paper`, with a line of another color.
    fn picture(paper: [u8; 3], ink: [u8; 3], line: [u8; 3]) -> Plane {
        let image = RgbImage::from_fn(60, 60, |x, y| {
            let is_ink = (25..31).contains(&x) && (10..50).contains(&y);
            Rgb(if is_ink {
                ink
            } else if y == 30 {
                line
            } else {
                paper
            })
        });
        gray(image.into())
    }

    #[test]
    fn ink_as_bright_as_its_paper_has_contrast() {
        for (paper, ink) in [
            ([85, 130, 210], [235, 85, 85]),
            ([234, 235, 230], [247, 240, 90]),
            ([169; 3], [247, 145, 40]),
        ] {
            let gray = picture(paper, ink, paper);
            let contrast = gray.values[30 * 60 + 28].abs_diff(gray.values[0]);
            assert!(contrast > 80, "{contrast} for {ink:?} on {paper:?}");
        }
    }

    #[test]
    fn lines_of_another_color_are_lightened() {
        let plain = picture([215, 212, 205], [28, 28, 66], [190, 90, 105]);
        let (paper, ink, line) = (plain.values[0], plain.values[28 + 30 * 60], plain.values[5 + 30 * 60]);
        assert!(paper > 200 && ink < 60, "{paper} {ink}");
        assert!(paper.abs_diff(line) < 60, "{line}");
    }

    #[test]
    fn images_of_one_color_are_plain() {
        for color in [[0; 3], [255; 3], [200, 10, 30]] {
            let plain = picture(color, color, color);
            assert!(plain.values.iter().all(|&value| value == plain.values[0]));
        }
    }
}
