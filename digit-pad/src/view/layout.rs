//! Where everything lies, for every size of window.

use super::frame::Rect;
use super::state::Action;
use crate::ink::{CANVAS, Point};
use crate::normalize::SIDE;

/// The window's size when it opens, in pixels.
pub const DEFAULT_SIZE: (usize, usize) = (960, 640);

/// A smaller window shows the upper left part of this size, in pixels.
pub const LEAST_SIZE: (usize, usize) = (640, 480);

/// No window is wider or higher, in pixels: the window systems' own limit.
const MOST: usize = 32_767;

/// One digit's line among the probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRow {
    /// The digit's name.
    pub digit: Rect,
    /// The whole length of the bar.
    pub track: Rect,
    /// The probability in figures.
    pub percent: Rect,
}

/// A button and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// What happens when it is pressed.
    pub action: Action,
    /// The button.
    pub rect: Rect,
    /// Its name.
    pub label: Rect,
    /// The key that does the same.
    pub key: Rect,
}

/// Where everything lies in a window of one size. Rectangles do not overlap and lie inside the window, or inside
/// [`LEAST_SIZE`] if the window is smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The window's width and height, in pixels.
    pub window: (usize, usize),
    /// How much larger texts and gaps are than in a window of [`DEFAULT_SIZE`].
    pub scale: f32,
    /// The square to draw on.
    pub canvas: Rect,
    /// The buttons under the canvas.
    pub buttons: [Button; 3],
    /// The caption of the answer.
    pub answer_caption: Rect,
    /// The answer in large.
    pub answer: Rect,
    /// How probable the answer is.
    pub certainty: Rect,
    /// What to think of it.
    pub verdict: Rect,
    /// The caption of the picture that the network sees.
    pub seen_caption: Rect,
    /// The picture that the network sees: whole screen pixels for each of its own.
    pub seen: Rect,
    /// The ten probabilities.
    pub bars: [BarRow; 10],
    /// The line beside the buttons, or at the foot.
    pub status: Rect,
    /// The two lines of text on an empty canvas.
    pub hint: [Rect; 2],
}

impl Layout {
    /// The layout for a window of `width` · `height` pixels.
    pub fn new(width: usize, height: usize) -> Self {
        let grid = Grid::new(width.clamp(LEAST_SIZE.0, MOST), height.clamp(LEAST_SIZE.1, MOST));
        let areas = grid.areas();
        let answer = grid.answer(areas.panel);
        Layout {
            window: (width, height),
            scale: grid.scale,
            canvas: areas.canvas,
            buttons: grid.buttons(areas.toolbar),
            answer_caption: answer.caption,
            answer: answer.digit,
            certainty: answer.certainty,
            verdict: answer.verdict,
            seen_caption: answer.seen_caption,
            seen: answer.seen,
            bars: grid.bars(areas.panel, answer.bottom),
            status: areas.status,
            hint: grid.hint(areas.canvas),
        }
    }

    /// `length` pixels of the default window, here.
    pub fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    /// The place on the canvas under a pixel of the window; beyond the canvas if the pixel is.
    pub fn canvas_point(&self, x: f32, y: f32) -> Point {
        let unit = CANVAS / self.canvas.width as f32;
        Point::new((x - self.canvas.x as f32) * unit, (y - self.canvas.y as f32) * unit)
    }

    /// The action of the button under a pixel of the window.
    pub fn button_at(&self, x: f32, y: f32) -> Option<Action> {
        self.buttons
            .iter()
            .find(|button| button.rect.contains(x, y))
            .map(|button| button.action)
    }
}

/// The measures that all places are made of, in pixels of this window.
struct Grid {
    width: i32,
    height: i32,
    scale: f32,
}

/// The parts of the window: the canvas with the buttons under it, and the panel with what was read.
struct Areas {
    canvas: Rect,
    toolbar: Rect,
    panel: Rect,
    status: Rect,
}

/// The head of the panel: the answer and the picture that it was read from.
struct Answer {
    caption: Rect,
    digit: Rect,
    certainty: Rect,
    verdict: Rect,
    seen_caption: Rect,
    seen: Rect,
    bottom: i32,
}

impl Grid {
    fn new(width: usize, height: usize) -> Self {
        let fit = (width as f32 / DEFAULT_SIZE.0 as f32).min(height as f32 / DEFAULT_SIZE.1 as f32);
        // What is drawn and read gains more from a large window than captions and buttons do.
        let scale = if fit < 1.0 {
            fit.max(0.85)
        } else {
            1.0 + 0.6 * (fit - 1.0)
        };
        Grid {
            width: width as i32,
            height: height as i32,
            scale,
        }
    }

    fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// The panel beside the canvas, or below it where that leaves the canvas larger.
    fn areas(&self) -> Areas {
        let (margin, gap) = (self.px(24.0), self.px(28.0));
        let toolbar = self.px(12.0) + self.px(44.0);
        let (room_x, room_y) = (self.width - 2 * margin, self.height - 2 * margin);
        let beside = (room_y - toolbar).min(room_x - gap - self.px(264.0));
        let below = room_x.min(room_y - toolbar - gap - self.px(440.0));
        if beside >= below {
            let panel = (room_x - gap - beside).min(self.px(380.0));
            self.panel_beside(beside, panel)
        } else {
            let panel = (room_y - toolbar - gap - below).min(self.px(600.0));
            self.panel_below(below, panel)
        }
    }

    fn panel_beside(&self, side: i32, panel_width: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(28.0), self.px(12.0), self.px(44.0));
        let x = (self.width - side - gap - panel_width) / 2;
        let y = (self.height - side - toolbar_gap - toolbar_height) / 2;
        let (panel_x, toolbar_y) = (x + side + gap, y + side + toolbar_gap);
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel: Rect::new(panel_x, y, panel_width, side),
            status: Rect::new(panel_x, toolbar_y, panel_width, toolbar_height),
        }
    }

    fn panel_below(&self, side: i32, panel_height: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(28.0), self.px(12.0), self.px(44.0));
        let status_height = self.px(36.0);
        let x = (self.width - side) / 2;
        let y = (self.height - side - toolbar_gap - toolbar_height - gap - panel_height) / 2;
        let toolbar_y = y + side + toolbar_gap;
        let panel_y = toolbar_y + toolbar_height + gap;
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel: Rect::new(x, panel_y, side, panel_height - status_height - toolbar_gap),
            status: Rect::new(x, panel_y + panel_height - status_height, side, status_height),
        }
    }

    /// The last button keeps to the right: it is not to be pressed by mistake.
    fn buttons(&self, toolbar: Rect) -> [Button; 3] {
        let gap = self.px(12.0);
        let width = ((toolbar.width - 2 * gap) / 3).min(self.px(148.0));
        let xs = [toolbar.x, toolbar.x + width + gap, toolbar.right() - width];
        let mut xs = xs.into_iter();
        Action::ALL.map(|action| {
            let rect = Rect::new(xs.next().unwrap_or(toolbar.x), toolbar.y, width, toolbar.height);
            self.button(action, rect)
        })
    }

    fn button(&self, action: Action, rect: Rect) -> Button {
        let (padding, side) = (self.px(12.0), self.px(22.0));
        let key = Rect::new(
            rect.right() - padding - side,
            rect.y + (rect.height - side) / 2,
            side,
            side,
        );
        let label_x = rect.x + self.px(16.0);
        let label = Rect::new(label_x, rect.y, key.x - self.px(6.0) - label_x, rect.height);
        Button {
            action,
            rect,
            label,
            key,
        }
    }

    fn answer(&self, panel: Rect) -> Answer {
        let caption_height = self.px(18.0);
        // Its capitals begin where the canvas begins.
        let caption_y = panel.y - self.px(4.0);
        let top = panel.y + self.px(22.0);
        let side = SIDE as i32 * (self.px(112.0) / SIDE as i32);
        let seen = Rect::new(panel.right() - side, top, side, side);
        let seen_caption_width = side.max(self.px(116.0));
        let seen_caption = Rect::new(
            panel.right() - seen_caption_width,
            caption_y,
            seen_caption_width,
            caption_height,
        );
        let caption = Rect::new(panel.x, caption_y, seen_caption.x - panel.x, caption_height);
        let digit = Rect::new(panel.x, top, self.px(84.0).min(side), side);
        let gap = self.px(16.0);
        let text_x = digit.right() + gap;
        let text_width = seen.x - gap - text_x;
        let (certainty, verdict, bottom) = if text_width >= self.px(112.0) {
            let (line, small_line) = (self.px(40.0), self.px(22.0));
            let y = top + (side - line - small_line) / 2;
            let certainty = Rect::new(text_x, y, text_width, line);
            (
                certainty,
                Rect::new(text_x, y + line, text_width, small_line),
                top + side,
            )
        } else {
            let (y, line, half) = (top + side + self.px(10.0), self.px(24.0), panel.width * 45 / 100);
            let certainty = Rect::new(panel.x, y, half, line);
            (
                certainty,
                Rect::new(panel.x + half, y, panel.width - half, line),
                y + line,
            )
        };
        Answer {
            caption,
            digit,
            certainty,
            verdict,
            seen_caption,
            seen,
            bottom,
        }
    }

    /// The last bar ends where the canvas ends, unless the rows would stand too far apart.
    fn bars(&self, panel: Rect, answer_bottom: i32) -> [BarRow; 10] {
        let top = answer_bottom + self.px(32.0);
        let room = (panel.bottom() - top) as f32;
        let thickness = (0.036 * room).clamp(self.scaled(8.0), self.scaled(20.0)).round();
        let pitch = ((room - thickness) / 9.0).min(self.scaled(64.0));
        let text_height = (pitch as i32 - 1).min(self.px(20.0));
        let (digit_width, percent_width, gap) = (self.px(16.0), self.px(52.0), self.px(10.0));
        let (track_x, percent_x) = (panel.x + digit_width + gap, panel.right() - percent_width);
        std::array::from_fn(|i| {
            let y = top + (i as f32 * pitch).round() as i32;
            let track = Rect::new(track_x, y, percent_x - gap - track_x, thickness as i32);
            let text_y = y + (track.height - text_height) / 2;
            BarRow {
                digit: Rect::new(panel.x, text_y, digit_width, text_height),
                track,
                percent: Rect::new(percent_x, text_y, percent_width, text_height),
            }
        })
    }

    fn hint(&self, canvas: Rect) -> [Rect; 2] {
        let (line, small_line) = (self.px(36.0), self.px(24.0));
        let y = canvas.y + (canvas.height - line - small_line) / 2;
        [
            Rect::new(canvas.x, y, canvas.width, line),
            Rect::new(canvas.x, y + line, canvas.width, small_line),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that has a place of its own; texts inside buttons and on the canvas belong to those.
    fn places(layout: &Layout) -> Vec<Rect> {
        let mut places = vec![
            layout.canvas,
            layout.answer_caption,
            layout.answer,
            layout.certainty,
            layout.verdict,
            layout.seen_caption,
            layout.seen,
            layout.status,
        ];
        places.extend(layout.buttons.iter().map(|button| button.rect));
        places.extend(layout.bars.iter().flat_map(|row| [row.digit, row.track, row.percent]));
        places
    }

    fn inside(outer: Rect, inner: Rect) -> bool {
        !inner.is_empty() && outer.intersection(&inner) == inner
    }

    fn check(width: usize, height: usize) {
        let layout = Layout::new(width, height);
        let window = Rect::new(0, 0, width as i32, height as i32);
        let places = places(&layout);
        for (i, &a) in places.iter().enumerate() {
            assert!(inside(window, a), "{width}×{height}: {a:?} leaves the window");
            for &b in &places[i + 1..] {
                assert!(
                    a.intersection(&b).is_empty(),
                    "{width}×{height}: {a:?} and {b:?} overlap"
                );
            }
        }
        assert_eq!(layout.canvas.width, layout.canvas.height, "{width}×{height}");
        assert_eq!(layout.seen.width % SIDE as i32, 0);
        for button in layout.buttons {
            assert!(inside(button.rect, button.label) && inside(button.rect, button.key));
            assert!(button.label.intersection(&button.key).is_empty());
        }
        for hint in layout.hint {
            assert!(inside(layout.canvas, hint));
        }
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_window(width in 640..=3840usize, height in 480..=2160usize) {
            check(width, height);
        }

        #[test]
        fn canvas_points_are_those_under_the_pointer(x in -500.0..2500.0f32, y in -500.0..2500.0f32) {
            let layout = Layout::new(1280, 800);
            let point = layout.canvas_point(x, y);
            let unit = layout.canvas.width as f32 / CANVAS;
            prop_assert!((layout.canvas.x as f32 + point.x * unit - x).abs() < 0.01);
            prop_assert!((layout.canvas.y as f32 + point.y * unit - y).abs() < 0.01);
        }
    }

    #[test]
    fn the_sizes_that_people_have() {
        for (width, height) in [
            (640, 480),
            (800, 600),
            DEFAULT_SIZE,
            (1280, 800),
            (1920, 1080),
            (2560, 1440),
            (3840, 2160),
        ] {
            check(width, height);
            check(height.max(640), width.clamp(480, 2160));
        }
        for (width, height) in [(640, 2160), (3840, 480), (32_767, 32_767)] {
            check(width, height);
        }
    }

    #[test]
    fn the_canvas_is_large() {
        assert!(Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1).canvas.width >= 500);
        assert!(Layout::new(640, 480).canvas.width >= 320);
        assert!(Layout::new(1920, 1080).canvas.width >= 900);
        assert!(Layout::new(1080, 1920).canvas.width >= 1000);
    }

    #[test]
    fn a_window_that_is_too_small_is_laid_out_as_the_smallest() {
        for (width, height) in [(0, 0), (1, 1), (639, 100)] {
            let layout = Layout::new(width, height);
            assert_eq!(layout.canvas, Layout::new(640, 480).canvas);
            assert_eq!(layout.window, (width, height));
        }
    }
}
