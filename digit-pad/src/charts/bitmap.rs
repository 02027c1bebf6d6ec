//! Bitmap backend for plotters that renders text with the pad's own fonts.

use std::convert::Infallible;

use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    rasterizer::draw_rect,
};

use crate::graphics::{
    canvas::{Coverage, Frame, Rect},
    color::Color,
    text::{Align, Face, Style, Text},
};

/// Plotters' font size per em of Inter.
const SIZE_PER_EM: f64 = 1.21;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// A bitmap to draw on.
///
/// Plotters' own bitmap backend places glyphs on whole pixels and ignores their left bearing, which misaligns numbers.
pub(super) struct Bitmap<'a> {
    frame: Frame<'a>,
    size: (u32, u32),
    text: Text,
}

impl<'a> Bitmap<'a> {
    /// Draws into `size.1` rows of `size.0` pixels, each `0x00RRGGBB`.
    pub(super) fn new(pixels: &'a mut [u32], size: (u32, u32)) -> Self {
        let clip = Rect::new(0, 0, size.0 as i32, size.1 as i32);
        Bitmap {
            frame: Frame::new(pixels, size.0 as usize, size.1 as usize, clip),
            size,
            text: Text::new(),
        }
    }
}

impl DrawingBackend for Bitmap<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let coverage = Coverage {
            width: 1,
            alpha: &[(255.0 * color.alpha).round() as u8],
        };
        self.frame.blend(x, y, coverage, opaque(color));
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        if !fill || style.color().alpha < 1.0 {
            return draw_rect(self, from, to, style, fill);
        }
        let rect = Rect::new(from.0, from.1, to.0 - from.0 + 1, to.1 - from.1 + 1);
        self.frame.fill(rect, opaque(style.color()));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let face = match style.style() {
            FontStyle::Bold => Face::SemiBold,
            _ => Face::Medium,
        };
        let (width, height) = self.estimate_text_size(text, style)?;
        let (width, height) = (width as i32, height as i32);
        let (left, align) = match style.anchor().h_pos {
            HPos::Left => (x, Align::Left),
            HPos::Center => (x - width / 2, Align::Center),
            HPos::Right => (x - width, Align::Right),
        };
        let top = match style.anchor().v_pos {
            VPos::Top => y,
            VPos::Center => y - height / 2,
            VPos::Bottom => y - height,
        };
        let size = (style.size() / SIZE_PER_EM) as f32;
        let rect = Rect::new(left, top, width, height);
        let color = opaque(style.color());
        self.text
            .draw(&mut self.frame, rect, text, Style { face, size }, align, color);
        Ok(())
    }
}

fn opaque(color: BackendColor) -> Color {
    let (red, green, blue) = color.rgb;
    Color(u32::from_be_bytes([0, red, green, blue]))
}

/// Downsamples rows of `width` pixels by averaging `n`×`n` blocks; returns RGB bytes.
pub(super) fn averaged(pixels: &[u32], width: usize, n: usize) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(3 * pixels.len() / (n * n));
    for rows in pixels.chunks_exact(width * n) {
        for column in (0..width).step_by(n) {
            let block = || (0..n * n).map(|i| rows[i / n * width + column + i % n]);
            for shift in [16, 8, 0] {
                let sum: u32 = block().map(|pixel| (pixel >> shift) & 0xFF).sum();
                rgb.push((sum as usize / (n * n)) as u8);
            }
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_averaged() {
        let pixels = [
            0x0000_0000,
            0x0004_0810,
            0x00FF_FFFF,
            0x00FF_FFFF,
            0x0004_0810,
            0x0000_0000,
            0x00FF_FFFF,
            0x00FF_FFFF,
        ];
        assert_eq!(averaged(&pixels, 4, 2), [2, 4, 8, 255, 255, 255]);
        assert_eq!(averaged(&[0x0001_0203], 1, 1), [1, 2, 3]);
    }
}
