//! Pixels for plotters to draw on, and fewer of them for a file.

use plotters::backend::BitMapBackend;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

/// Pixels, with text where it belongs: plotters' own fonts lie above the middle of their box by a fifth of their size.
pub(super) struct Bitmap<'a>(BitMapBackend<'a>);

impl<'a> Bitmap<'a> {
    /// Draws into rows of red, green and blue.
    pub(super) fn new(rgb: &'a mut [u8], size: (u32, u32)) -> Self {
        Bitmap(BitMapBackend::with_buffer(rgb, size))
    }
}

impl DrawingBackend for Bitmap<'_> {
    type ErrorType = <BitMapBackend<'static> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.present()
    }

    fn draw_pixel(
        &mut self,
        point: BackendCoord,
        color: BackendColor,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_pixel(point, color)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_rect(upper_left, bottom_right, style, fill)
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Result<(), DrawingErrorKind<Self::ErrorType>> {
        self.0.draw_text(text, style, (x, y + (0.2 * style.size()) as i32))
    }
}

/// The mean of each square of `n` · `n` pixels, of rows of `width`.
pub(super) fn averaged(rgb: &[u8], width: usize, n: usize) -> Vec<u8> {
    let mut small = Vec::with_capacity(rgb.len() / (n * n));
    for rows in rgb.chunks_exact(3 * width * n) {
        for value in 0..3 * width / n {
            let (column, channel) = (value / 3, value % 3);
            let pixels = (0..n * n).map(|i| rows[3 * ((i / n) * width + n * column + i % n) + channel]);
            small.push((pixels.map(usize::from).sum::<usize>() / (n * n)) as u8);
        }
    }
    small
}
