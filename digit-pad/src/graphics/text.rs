//! Text rendering in Inter at any size, with kerning, subpixel positions and a glyph cache.

use std::collections::HashMap;

use fontdue::{Font, FontSettings};

use crate::graphics::{
    canvas::{Coverage, Frame, Rect},
    color::Color,
};

/// Factor by which glyphs are rasterized larger and then averaged, for subpixel positions.
const OVERSAMPLING: usize = 4;

/// Size at which the glyph cache is cleared; a window shows fewer glyphs.
const MAX_CACHED_GLYPHS: usize = 2_000;

/// A face of the typeface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// For running text.
    Medium,
    /// For headings, buttons and numbers.
    SemiBold,
    /// For large digits; has only digits, `?` and `–`.
    Display,
}

/// A face at a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// The face.
    pub face: Face,
    /// Font size: pixels per em.
    pub size: f32,
}

/// Horizontal alignment of text in its rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    Left,
    /// Centered.
    Center,
    /// At the right edge.
    Right,
}

/// The embedded fonts and a cache of rasterized glyphs.
pub struct Text {
    medium: Font,
    semi_bold: Font,
    display: Font,
    glyphs: HashMap<GlyphKey, Glyph>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct GlyphKey {
    face: Face,
    size_bits: u32,
    character: char,
    quarter: u8,
}

/// A glyph's coverage mask, and the offset of its upper left corner from the pen position.
struct Glyph {
    left: i32,
    top: i32,
    width: usize,
    alpha: Vec<u8>,
}

impl Default for Text {
    fn default() -> Self {
        Text::new()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("glyphs", &self.glyphs.len())
            .finish_non_exhaustive()
    }
}

impl Text {
    /// The embedded fonts with an empty cache.
    pub fn new() -> Self {
        let font =
            |bytes: &[u8]| Font::from_bytes(bytes, FontSettings::default()).expect("the embedded fonts are valid");
        Text {
            medium: font(include_bytes!("../../assets/Inter-Medium.otf")),
            semi_bold: font(include_bytes!("../../assets/Inter-SemiBold.otf")),
            display: font(include_bytes!("../../assets/InterDisplay-SemiBold.otf")),
            glyphs: HashMap::new(),
        }
    }

    /// Width of a text, in pixels.
    pub fn width(&self, text: &str, style: Style) -> f32 {
        self.positions(text, style)
            .last()
            .map_or(0.0, |&(character, x)| x + self.advance(character, style))
    }

    /// Height of a digit, in pixels.
    pub fn cap_height(&self, style: Style) -> f32 {
        let bounds = self.font(style.face).metrics('0', style.size).bounds;
        bounds.height + bounds.ymin.min(0.0)
    }

    /// Draws a line of text, aligned in `rect` and vertically centered by the height of its digits.
    ///
    /// With [`Face::Display`], left alignment ignores the left bearing of the first glyph.
    pub fn draw(&mut self, frame: &mut Frame<'_>, rect: Rect, text: &str, style: Style, align: Align, color: Color) {
        let slack = rect.width as f32 - self.width(text, style);
        let start = rect.x as f32
            + match align {
                Align::Left if style.face == Face::Display => -self.left_bearing(text, style),
                Align::Left => 0.0,
                Align::Center => 0.5 * slack,
                Align::Right => slack,
            };
        let middle = rect.y as f32 + 0.5 * rect.height as f32;
        let baseline = (middle + 0.5 * self.cap_height(style)).round() as i32;
        for (character, x) in self.positions(text, style) {
            let x = start + x;
            let quarter = ((x - x.floor()) * OVERSAMPLING as f32) as usize;
            let glyph = self.glyph(character, style, quarter.min(OVERSAMPLING - 1));
            let coverage = Coverage {
                width: glyph.width,
                alpha: &glyph.alpha,
            };
            frame.blend(x.floor() as i32 + glyph.left, baseline + glyph.top, coverage, color);
        }
    }

    fn font(&self, face: Face) -> &Font {
        match face {
            Face::Medium => &self.medium,
            Face::SemiBold => &self.semi_bold,
            Face::Display => &self.display,
        }
    }

    fn left_bearing(&self, text: &str, style: Style) -> f32 {
        let first = text.chars().next();
        first.map_or(0.0, |first| {
            self.font(style.face).metrics(first, style.size).bounds.xmin
        })
    }

    fn advance(&self, character: char, style: Style) -> f32 {
        self.font(style.face).metrics(character, style.size).advance_width
    }

    /// Each character with its pen position from the start of the line.
    fn positions(&self, text: &str, style: Style) -> Vec<(char, f32)> {
        let font = self.font(style.face);
        let mut x = 0.0;
        let mut previous = None;
        let mut positions = Vec::with_capacity(text.len());
        for character in text.chars() {
            x += previous
                .and_then(|p| font.horizontal_kern(p, character, style.size))
                .unwrap_or(0.0);
            positions.push((character, x));
            x += self.advance(character, style);
            previous = Some(character);
        }
        positions
    }

    fn glyph(&mut self, character: char, style: Style, quarter: usize) -> &Glyph {
        let key = GlyphKey {
            face: style.face,
            size_bits: style.size.to_bits(),
            character,
            quarter: quarter as u8,
        };
        if self.glyphs.len() >= MAX_CACHED_GLYPHS && !self.glyphs.contains_key(&key) {
            self.glyphs.clear();
        }
        if !self.glyphs.contains_key(&key) {
            let glyph = rasterize(self.font(style.face), character, style.size, quarter);
            self.glyphs.insert(key, glyph);
        }
        &self.glyphs[&key]
    }
}

/// Rasterizes a glyph, shifted right by `quarter` quarters of a pixel.
fn rasterize(font: &Font, character: char, size: f32, quarter: usize) -> Glyph {
    let (metrics, fine) = font.rasterize(character, size * OVERSAMPLING as f32);
    if metrics.width == 0 || metrics.height == 0 {
        return Glyph {
            left: 0,
            top: 0,
            width: 0,
            alpha: Vec::new(),
        };
    }
    let step = OVERSAMPLING as i32;
    let fine_left = metrics.xmin + quarter as i32;
    let fine_top = -(metrics.ymin + metrics.height as i32);
    let (left, top) = (fine_left.div_euclid(step), fine_top.div_euclid(step));
    let (inset_x, inset_y) = ((fine_left - left * step) as usize, (fine_top - top * step) as usize);
    let width = (inset_x + metrics.width).div_ceil(OVERSAMPLING);
    let height = (inset_y + metrics.height).div_ceil(OVERSAMPLING);
    let mut sums = vec![0u32; width * height];
    for (y, row) in fine.chunks_exact(metrics.width).enumerate() {
        let line = &mut sums[(inset_y + y) / OVERSAMPLING * width..];
        for (x, &alpha) in row.iter().enumerate() {
            line[(inset_x + x) / OVERSAMPLING] += u32::from(alpha);
        }
    }
    let area = (OVERSAMPLING * OVERSAMPLING) as u32;
    let alpha = sums.iter().map(|sum| ((sum + area / 2) / area) as u8).collect();
    Glyph {
        left,
        top,
        width,
        alpha,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        face: Face::SemiBold,
        size: 16.0,
    };

    fn ink(text: &mut Text, words: &str, style: Style, align: Align, x: i32) -> Vec<u8> {
        let (width, height) = (200, 40);
        let mut pixels = vec![0; width * height];
        let mut frame = Frame::new(&mut pixels, width, height, Rect::new(0, 0, width as i32, height as i32));
        text.draw(
            &mut frame,
            Rect::new(x, 0, 100, 40),
            words,
            style,
            align,
            Color(0x00FF_FFFF),
        );
        pixels.iter().map(|p| *p as u8).collect()
    }

    fn columns(ink: &[u8]) -> (usize, usize) {
        let inked = |x: &usize| ink.iter().skip(*x).step_by(200).any(|&a| a > 0);
        ((0..200).find(inked).unwrap(), (0..200).rfind(inked).unwrap())
    }

    #[test]
    fn fonts_have_every_character_of_the_window() {
        let text = Text::new();
        for face in [Face::Medium, Face::SemiBold] {
            for character in (' '..='~').chain("–—’…µ·−→".chars()) {
                assert!(
                    text.font(face).lookup_glyph_index(character) != 0,
                    "{face:?} lacks {character}"
                );
            }
        }
        for character in "0123456789?–".chars() {
            assert!(
                text.display.lookup_glyph_index(character) != 0,
                "Display lacks {character}"
            );
        }
    }

    #[test]
    fn digits_are_equally_wide() {
        let text = Text::new();
        let width = text.width("0", STYLE);
        for digit in '1'..='9' {
            assert_eq!(text.width(&digit.to_string(), STYLE), width);
        }
        assert_eq!(text.width("11.1%", STYLE), text.width("99.9%", STYLE));
    }

    #[test]
    fn pairs_are_kerned() {
        let text = Text::new();
        let apart = text.width("T", STYLE) + text.width("o", STYLE);
        assert!(text.width("To", STYLE) < apart - 0.5);
    }

    #[test]
    fn ink_follows_the_alignment() {
        let mut text = Text::new();
        let (left, _) = columns(&ink(&mut text, "HIM", STYLE, Align::Left, 50));
        let (_, right) = columns(&ink(&mut text, "HIM", STYLE, Align::Right, 50));
        let (from, to) = columns(&ink(&mut text, "HIM", STYLE, Align::Center, 50));
        assert!((50..53).contains(&left), "{left}");
        assert!((146..150).contains(&right), "{right}");
        assert!((from + to).abs_diff(199) <= 1, "{from} to {to}");
    }

    #[test]
    fn glyph_coverage_does_not_depend_on_subpixel_position() {
        let font = &Text::new().medium;
        let coverage = |quarter| -> u32 {
            rasterize(font, 'g', 15.0, quarter)
                .alpha
                .iter()
                .map(|&a| u32::from(a))
                .sum()
        };
        for quarter in 1..OVERSAMPLING {
            assert!(coverage(quarter).abs_diff(coverage(0)) < coverage(0) / 50);
        }
    }

    #[test]
    fn unusual_text_does_not_panic() {
        let mut text = Text::new();
        for words in ["", " ", "\u{0}\n", "日本語", "🖊"] {
            ink(&mut text, words, STYLE, Align::Center, 0);
        }
        ink(&mut text, "far outside", STYLE, Align::Left, -5_000);
    }
}
