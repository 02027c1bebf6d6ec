//! A color image to draw on, in light from 0 to 255 per channel.

use image::{DynamicImage, Rgb, RgbImage, imageops};

use crate::pictures::{Random, digit::Placed};

/// Red, green and blue light, from 0 to 255.
pub type Color = [f32; 3];

/// Color image.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// Width, in pixels.
    pub width: usize,
    /// Height, in pixels.
    pub height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    /// Makes a canvas of one color.
    #[must_use]
    pub fn new(width: usize, height: usize, color: Color) -> Self {
        Self {
            width,
            height,
            pixels: vec![color; width * height],
        }
    }

    /// Changes every pixel, given the middle of the pixel.
    pub fn map(&mut self, mut change: impl FnMut(f32, f32, Color) -> Color) {
        for (i, pixel) in self.pixels.iter_mut().enumerate() {
            *pixel = change((i % self.width) as f32, (i / self.width) as f32, *pixel);
        }
    }

    /// Covers pixels with a color, as opaque as `cover` says from 0 to 1.
    pub fn cover(&mut self, color: Color, cover: impl Fn(f32, f32) -> f32) {
        self.map(|x, y, pixel| mix(pixel, color, cover(x, y)));
    }

    /// Draws a digit, as opaque as `strength` says at each point.
    pub fn digit(&mut self, digit: &Placed, color: Color, strength: impl Fn(f32, f32) -> f32) {
        let [half_width, half_height] = digit.half_size().map(|half| half + 2.0 * digit.scale);
        let [x0, y0] = digit.center;
        self.cover(color, |x, y| {
            if (x - x0).abs() > half_width || (y - y0).abs() > half_height {
                0.0
            } else {
                digit.ink(x, y) * strength(x, y)
            }
        });
    }

    /// Draws a straight line between points.
    pub fn line(&mut self, color: Color, width: f32, from: [f32; 2], to: [f32; 2]) {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let square = (dx * dx + dy * dy).max(1e-6);
        self.cover(color, |x, y| {
            let along = (((x - from[0]) * dx + (y - from[1]) * dy) / square).clamp(0.0, 1.0);
            let distance = (x - from[0] - along * dx).hypot(y - from[1] - along * dy);
            edge(0.5 * width - distance)
        });
    }

    /// Draws the outline of an ellipse.
    pub fn ellipse(&mut self, color: Color, width: f32, center: [f32; 2], radii: [f32; 2]) {
        let mean = 0.5 * (radii[0] + radii[1]);
        self.cover(color, |x, y| {
            let radius = ((x - center[0]) / radii[0]).hypot((y - center[1]) / radii[1]);
            edge(0.5 * width - (radius - 1.0).abs() * mean)
        });
    }

    /// Multiplies the light.
    pub fn shade(&mut self, light: impl Fn(f32, f32) -> f32) {
        self.map(|x, y, pixel| {
            let light = light(x, y);
            pixel.map(|value| value * light)
        });
    }

    /// Adds noise of this deviation, partly alike in the three channels.
    pub fn noise(&mut self, deviation: f32, random: &mut Random) {
        self.map(|_, _, pixel| {
            let gray = 0.8 * random.normal();
            pixel.map(|value| value + deviation * (gray + 0.6 * random.normal()))
        });
    }

    /// Blurs by a Gaussian of this deviation, in pixels, and rounds to bytes.
    #[must_use]
    pub fn image(&self, blur: f32) -> DynamicImage {
        let image = RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let pixel = self.pixels[y as usize * self.width + x as usize];
            Rgb(pixel.map(|value| value.round().clamp(0.0, 255.0) as u8))
        });
        if blur > 0.0 {
            imageops::blur(&image, blur).into()
        } else {
            image.into()
        }
    }
}

/// Mixes two colors: all of the first at 0, all of the second at 1.
#[must_use]
pub fn mix(first: Color, second: Color, part: f32) -> Color {
    std::array::from_fn(|channel| first[channel] + part * (second[channel] - first[channel]))
}

/// Cover of a pixel whose middle is `depth` pixels inside a shape.
#[must_use]
pub fn edge(depth: f32) -> f32 {
    (depth + 0.5).clamp(0.0, 1.0)
}
