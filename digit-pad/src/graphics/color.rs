//! Screen colors and their contrast.

/// A color as `0x00RRGGBB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u32);

impl Color {
    /// Blends `top` over this color, with opacity `alpha` out of 255.
    pub fn under(self, top: Color, alpha: u8) -> Color {
        let alpha = u32::from(alpha);
        let channel = |shift: u32| {
            let (below, above) = ((self.0 >> shift) & 0xFF, (top.0 >> shift) & 0xFF);
            ((below * (255 - alpha) + above * alpha + 127) / 255) << shift
        };
        Color(channel(16) | channel(8) | channel(0))
    }
}

/// Relative luminance as defined in the Web Content Accessibility Guidelines 2.2.
fn luminance(color: Color) -> f64 {
    let channel = |shift: u32| {
        let c = f64::from((color.0 >> shift) & 0xFF) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}

/// Contrast ratio from 1 to 21, as in the same guidelines, which ask for 4.5 for text.
pub fn contrast(a: Color, b: Color) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
