//! The size and the scale of a window, and the main areas that follow from them.

use crate::{
    graphics::canvas::Rect,
    ui::layout::elements::{DEFAULT_SIZE, MIN_SIZE, Panel},
};

/// Largest width or height of a window, in pixels: the limit of window systems.
const MAX_SIDE: usize = 32_767;

/// Smallest scale of text and gaps, relative to a window of [`DEFAULT_SIZE`].
const MIN_SCALE: f32 = 0.85;

/// The scale of text and gaps in a window that is `ratio` times as large as one of [`DEFAULT_SIZE`]. They grow more slowly
/// than the window, which leaves more room for the canvas.
pub fn text_scale(ratio: f32) -> f32 {
    1.0 + 0.6 * (ratio - 1.0)
}

/// Smallest sides of a window for fingers, in pixels at scale 1: those of a small phone.
const LEAST_FOR_FINGERS: (f32, f32) = (360.0, 740.0);

/// The side of what a finger presses often, in pixels at scale 1, as platforms recommend it.
pub(super) const FINGER: f32 = 44.0;

/// Rooms lower than that have two columns in the panel for fingers, in pixels at scale 1.
const LOW: f32 = 370.0;

/// The least width of such a panel, in pixels at scale 1.
const COLUMNS: f32 = 476.0;

/// Size and scale from which all rectangles are computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) scale: f32,
    /// Whether fingers press what it places, so that it is larger, and nearer to the edges.
    pub(super) for_fingers: bool,
}

/// The main areas of the window below the top bar.
pub(super) struct Areas {
    pub(super) canvas: Rect,
    /// The draw tools under the canvas.
    pub(super) toolbar: Rect,
    pub(super) panel: Rect,
    /// The room for messages and questions under the panel.
    pub(super) notice: Rect,
    /// The columns of a low panel: the prediction over the notice, and the bar chart beside both.
    pub(super) columns: Option<[Rect; 2]>,
}

impl Grid {
    pub(super) fn new(width: usize, height: usize, zoom: f32) -> Self {
        let width = width.clamp(MIN_SIZE.0, MAX_SIDE);
        let height = height.clamp(MIN_SIZE.1, MAX_SIDE);
        let fit = |size: (usize, usize)| (width as f32 / size.0 as f32).min(height as f32 / size.1 as f32);
        let ratio = fit(DEFAULT_SIZE);
        let scale = if ratio < 1.0 {
            ratio.max(MIN_SCALE)
        } else {
            text_scale(ratio)
        };
        Grid {
            width: width as i32,
            height: height as i32,
            scale: (scale * zoom).max(MIN_SCALE).min(MIN_SCALE * fit(MIN_SIZE)),
            for_fingers: false,
        }
    }

    /// For fingers on a screen with that many pixels in one of a style sheet, which is the unit at zoom 1.
    pub(super) fn for_fingers(width: usize, height: usize, zoom: f32, density: f32) -> Self {
        let [width, height] = [width, height].map(|side| side.clamp(1, MAX_SIDE) as i32);
        let (short, long) = (width.min(height) as f32, width.max(height) as f32);
        let most = (short / LEAST_FOR_FINGERS.0).min(long / LEAST_FOR_FINGERS.1);
        Grid {
            width,
            height,
            scale: (density * zoom).min(most),
            for_fingers: true,
        }
    }

    /// The first length, or the second for fingers; both in pixels at scale 1.
    pub(super) fn px_or(&self, length: f32, for_fingers: f32) -> i32 {
        self.px(if self.for_fingers { for_fingers } else { length })
    }

    pub(super) fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    pub(super) fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// Places the panel beside the canvas, or below it where that leaves a larger canvas. The canvas has the same place beside
    /// each panel.
    pub(super) fn areas(&self, active_panel: Panel) -> Areas {
        let (margin, gap) = (self.px_or(16.0, 12.0), self.gap());
        let room_x = self.width - 2 * margin;
        let room_y = self.height - self.top_bar_height() - self.top_margin() - self.bottom_margin();
        let toolbar = self.toolbar_gap() + self.toolbar_height();
        let is_low = self.for_fingers && room_y < self.px(LOW);
        let (min_width, max_width) = if is_low {
            (self.px(COLUMNS), room_x)
        } else {
            (self.px(310.0), self.px(380.0))
        };
        let least_below = self.px_or(468.0, 400.0);
        let beside = (room_y - toolbar).min(room_x - gap - min_width);
        let below = room_x.min(room_y - toolbar - gap - least_below);
        let is_upright = self.for_fingers && self.height > self.width;
        if beside < below || is_upright {
            let panel = (room_y - toolbar - gap - below).min(self.px(638.0));
            return self.panel_below(below, panel, room_x);
        }
        let width = (room_x - gap - beside).min(max_width);
        if is_low {
            return self.panel_in_columns(beside, width);
        }
        let mut areas = self.panel_beside(beside, width);
        if active_panel != Panel::Prediction {
            let width = self.width - margin - areas.panel.x;
            (areas.panel.width, areas.notice.width) = (width, width);
        }
        areas
    }

    fn gap(&self) -> i32 {
        self.px_or(24.0, 12.0)
    }

    fn top_margin(&self) -> i32 {
        self.px_or(12.0, 8.0)
    }

    fn bottom_margin(&self) -> i32 {
        self.px_or(14.0, 8.0)
    }

    fn toolbar_gap(&self) -> i32 {
        self.px_or(10.0, 8.0)
    }

    fn toolbar_height(&self) -> i32 {
        self.px_or(38.0, FINGER)
    }

    /// The y from which content of that height is in the middle of the room below the top bar.
    fn content_y(&self, height: i32) -> i32 {
        let top = self.top_bar_height() + self.top_margin();
        top + (self.height - self.bottom_margin() - top - height) / 2
    }

    /// What stands under the panel ends with the draw tools.
    fn panel_beside(&self, side: i32, panel_width: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.gap(), self.toolbar_gap(), self.toolbar_height());
        let x = (self.width - side - gap - panel_width) / 2;
        let y = self.content_y(side + toolbar_gap + toolbar_height);
        let toolbar_y = y + side + toolbar_gap;
        let beside = Rect::new(x + side + gap, y, panel_width, toolbar_y + toolbar_height - y);
        let (panel, notice) = self.with_notice(beside);
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel,
            notice,
            columns: None,
        }
    }

    /// As beside, with the bar chart as a second column, up to the draw tools' end.
    fn panel_in_columns(&self, side: i32, panel_width: i32) -> Areas {
        let areas = self.panel_beside(side, panel_width);
        let (panel, notice) = (areas.panel, areas.notice);
        let gap = self.px(28.0);
        let left = Rect::new(panel.x, panel.y, (panel.width - gap) * 6 / 10, panel.height);
        let x = left.right() + gap;
        let right = Rect::new(x, panel.y, panel.right() - x, notice.bottom() - panel.y);
        Areas {
            notice: Rect {
                width: left.width,
                ..notice
            },
            columns: Some([left, right]),
            ..areas
        }
    }

    /// The panel and the draw tools are as wide as the canvas, but for fingers at least as wide as they need.
    fn panel_below(&self, side: i32, panel_height: i32, room_x: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.gap(), self.toolbar_gap(), self.toolbar_height());
        let x = (self.width - side) / 2;
        let y = self.content_y(side + toolbar_gap + toolbar_height + gap + panel_height);
        let toolbar_y = y + side + toolbar_gap;
        let panel_y = toolbar_y + toolbar_height + gap;
        let width = side.max(self.px_or(0.0, 480.0).min(room_x));
        let panel_x = (self.width - width) / 2;
        let (panel, notice) = self.with_notice(Rect::new(panel_x, panel_y, width, panel_height));
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(panel_x, toolbar_y, width, toolbar_height),
            panel,
            notice,
            columns: None,
        }
    }

    /// Splits an area into the panel and the room for messages under it.
    fn with_notice(&self, area: Rect) -> (Rect, Rect) {
        let above = self.toolbar_gap() + self.px_or(14.0, 20.0);
        let (height, gap) = (self.toolbar_height() + above, self.px(6.0));
        let notice = Rect::new(area.x, area.bottom() - height, area.width, height);
        let panel = Rect::new(area.x, area.y, area.width, notice.y - gap - area.y);
        (panel, notice)
    }

    /// The status line and the answers to a question are in line with the draw tools.
    pub(super) fn notice_row(&self, notice: Rect) -> Rect {
        let height = self.toolbar_height();
        Rect::new(notice.x, notice.bottom() - height, notice.width, height)
    }
}
