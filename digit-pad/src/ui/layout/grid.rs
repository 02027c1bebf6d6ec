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

/// Size and scale from which all rectangles are computed.
pub(super) struct Grid {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) scale: f32,
}

/// The main areas of the window below the top bar.
pub(super) struct Areas {
    pub(super) canvas: Rect,
    /// The draw tools under the canvas.
    pub(super) toolbar: Rect,
    pub(super) panel: Rect,
    /// The room for messages and questions under the panel.
    pub(super) notice: Rect,
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
        }
    }

    pub(super) fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    pub(super) fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// Places the panel beside the canvas, or below it where that leaves a larger canvas.
    pub(super) fn areas(&self, active_panel: Panel) -> Areas {
        let (margin, gap) = (self.px(16.0), self.px(24.0));
        let room_x = self.width - 2 * margin;
        let room_y = self.height - self.top_bar_height() - self.px(12.0) - self.px(14.0);
        let toolbar = self.toolbar_gap() + self.toolbar_height();
        let (min_width, max_width) = match active_panel {
            Panel::Prediction => (self.px(264.0), self.px(380.0)),
            Panel::Layers | Panel::Training => (self.px(310.0).max(room_x * 4 / 10), room_x * 6 / 10),
        };
        let beside = (room_y - toolbar).min(room_x - gap - min_width);
        let below = room_x.min(room_y - toolbar - gap - self.px(468.0));
        if beside >= below {
            self.panel_beside(beside, (room_x - gap - beside).min(max_width))
        } else {
            let panel = (room_y - toolbar - gap - below).min(self.px(638.0));
            self.panel_below(below, panel)
        }
    }

    fn toolbar_gap(&self) -> i32 {
        self.px(10.0)
    }

    fn toolbar_height(&self) -> i32 {
        self.px(38.0)
    }

    /// The y from which content of that height is in the middle of the room below the top bar.
    fn content_y(&self, height: i32) -> i32 {
        let top = self.top_bar_height() + self.px(12.0);
        top + (self.height - self.px(14.0) - top - height) / 2
    }

    /// What stands under the panel ends with the draw tools.
    fn panel_beside(&self, side: i32, panel_width: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(24.0), self.toolbar_gap(), self.toolbar_height());
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
        }
    }

    fn panel_below(&self, side: i32, panel_height: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(24.0), self.toolbar_gap(), self.toolbar_height());
        let x = (self.width - side) / 2;
        let y = self.content_y(side + toolbar_gap + toolbar_height + gap + panel_height);
        let toolbar_y = y + side + toolbar_gap;
        let panel_y = toolbar_y + toolbar_height + gap;
        let (panel, notice) = self.with_notice(Rect::new(x, panel_y, side, panel_height));
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel,
            notice,
        }
    }

    /// Splits an area into the panel and the room for messages under it.
    fn with_notice(&self, area: Rect) -> (Rect, Rect) {
        let (height, gap) = (self.toolbar_height() + self.toolbar_gap() + self.px(14.0), self.px(6.0));
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
