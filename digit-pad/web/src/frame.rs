//! The frame on the page: pixels in the order of a canvas, and which of them have changed.

/// The pixels that the canvas shows: red, green, blue and opacity, of a byte each.
#[derive(Debug, Default)]
pub struct Frame {
    size: (usize, usize),
    shown: Vec<u32>,
    bytes: Vec<u8>,
}

/// A part of a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Distance from the left edge.
    pub x: usize,
    /// Distance from the top edge.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Frame {
    /// Takes over pixels (`0RGB`) of an image of that size, and returns the part that has changed.
    pub fn update(&mut self, pixels: &[u32], size: (usize, usize)) -> Option<Part> {
        if size != self.size {
            self.size = size;
            self.shown = pixels.to_vec();
            self.bytes.clear();
            self.bytes.extend(pixels.iter().flat_map(|&pixel| rgba(pixel)));
            let (width, height) = size;
            return Some(Part {
                x: 0,
                y: 0,
                width,
                height,
            });
        }
        let mut changed: Option<[usize; 4]> = None;
        let width = size.0.max(1);
        for (y, (row, shown)) in pixels
            .chunks_exact(width)
            .zip(self.shown.chunks_exact_mut(width))
            .enumerate()
        {
            let differs = |(pixel, shown): (&u32, &u32)| pixel != shown;
            let Some(first) = row.iter().zip(shown.iter()).position(differs) else {
                continue;
            };
            let last = row.iter().zip(shown.iter()).rposition(differs).unwrap_or(first);
            let bytes = &mut self.bytes[4 * (y * width + first)..=4 * (y * width + last) + 3];
            for (bytes, &pixel) in bytes.chunks_exact_mut(4).zip(&row[first..=last]) {
                bytes.copy_from_slice(&rgba(pixel));
            }
            shown[first..=last].copy_from_slice(&row[first..=last]);
            let [left, top, right, _] = changed.unwrap_or([first, y, last, y]);
            changed = Some([left.min(first), top, right.max(last), y]);
        }
        changed.map(|[left, top, right, bottom]| Part {
            x: left,
            y: top,
            width: right + 1 - left,
            height: bottom + 1 - top,
        })
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// All pixels.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn rgba(pixel: u32) -> [u8; 4] {
    let [_, red, green, blue] = pixel.to_be_bytes();
    [red, green, blue, 255]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(x: usize, y: usize, width: usize, height: usize) -> Option<Part> {
        Some(Part { x, y, width, height })
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let (mut frame, mut pixels) = (Frame::default(), vec![0x0010_2030; 12]);
        assert_eq!(frame.update(&pixels, (4, 3)), part(0, 0, 4, 3));
        assert_eq!(frame.bytes()[..4], [0x10, 0x20, 0x30, 255]);
        assert_eq!(frame.update(&pixels, (4, 3)), None);
        pixels[6] = 1;
        assert_eq!(frame.update(&pixels, (4, 3)), part(2, 1, 1, 1));
        (pixels[1], pixels[11]) = (2, 3);
        assert_eq!(frame.update(&pixels, (4, 3)), part(1, 0, 3, 3));
        let expected: Vec<u8> = pixels.iter().flat_map(|&pixel| rgba(pixel)).collect();
        assert_eq!(frame.bytes(), expected);
        assert_eq!(frame.update(&pixels, (3, 4)), part(0, 0, 3, 4));
        assert_eq!(frame.update(&[], (0, 0)), part(0, 0, 0, 0));
        assert_eq!(frame.update(&[], (0, 0)), None);
    }
}
