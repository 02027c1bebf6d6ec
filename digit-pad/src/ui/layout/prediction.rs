//! The prediction panel: its head and its bar chart, and the hint on a blank canvas.

use crate::{
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::layout::{
        elements::BarRow,
        grid::{FINGER, Grid},
    },
};

/// Most width of the labels of the bar chart, in pixels at scale 1.
const MAX_LABEL: f32 = 76.0;

/// Least height of a row of the bar chart that a finger presses, in pixels at scale 1.
const LEAST_ROW: f32 = 24.0;

/// The upper part of the prediction panel.
pub(super) struct PredictionHead {
    pub(super) prediction_caption: Rect,
    pub(super) wrong_button: Rect,
    pub(super) prediction: Rect,
    pub(super) confidence: Rect,
    pub(super) remark: Rect,
    pub(super) number: Rect,
    pub(super) number_remarks: [Rect; 2],
    pub(super) network_input_caption: Rect,
    pub(super) network_input: Rect,
    /// The room for the bar chart and its caption, under it.
    pub(super) below: Rect,
}

impl Grid {
    pub(super) fn head(&self, panel: Rect) -> PredictionHead {
        let (caption_height, button_height) = (self.px(18.0), self.px_or(22.0, 36.0));
        // Aligns the tops of its capitals with the top of the canvas.
        let caption_y = panel.y - self.px_or(4.0, -5.0);
        let button_y = caption_y + (caption_height - button_height) / 2;
        let top = button_y + button_height + self.px_or(6.0, 2.0);
        let side = SIDE as i32 * (self.px_or(112.0, 84.0) / SIDE as i32).max(1);
        let network_input = Rect::new(panel.right() - side, top, side, side);
        let input_caption_width = side.max(self.px(96.0));
        let network_input_caption = Rect::new(
            panel.right() - input_caption_width,
            caption_y,
            input_caption_width,
            caption_height,
        );
        let (button_width, gap) = (self.px_or(66.0, 76.0), self.px(6.0));
        let button_x = (panel.x + self.px(104.0)).min(network_input_caption.x - gap - button_width);
        let wrong_button = Rect::new(button_x, button_y, button_width, button_height);
        let prediction_caption = Rect::new(panel.x, caption_y, button_x - gap - panel.x, caption_height);
        let prediction = Rect::new(panel.x, top, self.px(84.0).min(side), side);
        let gap = self.px(16.0);
        let text_x = prediction.right() + gap;
        let text_width = network_input.x - gap - text_x;
        let room = network_input.x - self.px(12.0) - panel.x;
        let beside = text_width >= self.px(112.0);
        let (confidence, remark, bottom) = if beside {
            let (line, small_line) = (self.px(40.0), self.px(22.0));
            let y = top + (side - line - small_line) / 2;
            let confidence = Rect::new(text_x, y, text_width, line);
            (
                confidence,
                Rect::new(text_x, y + line, text_width, small_line),
                top + side,
            )
        } else {
            let (y, line, half) = (top + side + self.px(10.0), self.px(24.0), panel.width * 45 / 100);
            let confidence = Rect::new(panel.x, y, half, line);
            (
                confidence,
                Rect::new(panel.x + half, y, panel.width - half, line),
                y + line,
            )
        };
        let (number, number_remarks) = if beside {
            let line = self.px(24.0);
            let remark = |i: i32| Rect::new(panel.x + i * (room / 2), top + side - line, room / 2, line);
            (
                Rect::new(panel.x, top, room, side - line - self.px(6.0)),
                [remark(0), remark(1)],
            )
        } else {
            (Rect::new(panel.x, top, room, side), [confidence, remark])
        };
        PredictionHead {
            number,
            number_remarks,
            prediction_caption,
            wrong_button,
            prediction,
            confidence,
            remark,
            network_input_caption,
            network_input,
            below: {
                let y = bottom + self.px_or(10.0, 6.0);
                Rect::new(panel.x, y, panel.width, panel.bottom() - y)
            },
        }
    }

    /// The room for the bar chart in a column of its own, with its caption in line with that of the head.
    pub(super) fn beside_head(&self, column: Rect) -> Rect {
        let below = self.px(5.0);
        Rect::new(column.x, column.y + below, column.width, column.height - below)
    }

    /// The caption at the top of the room for the bar chart.
    pub(super) fn bars_caption(&self, room: Rect) -> Rect {
        Rect::new(room.x, room.y, room.width, self.px(18.0))
    }

    /// The bar chart of `count` rows, whose labels have up to `letters` letters, in the room for it and its caption: one under the
    /// other, or in two columns where a finger could not tell them apart.
    pub(super) fn bars(&self, room: Rect, count: usize, letters: usize) -> Vec<BarRow> {
        let caption = self.bars_caption(room);
        let top = caption.bottom() + self.px_or(11.0, 8.0);
        let is_dense = (room.bottom() - top) < count as i32 * self.px(LEAST_ROW);
        if !(self.for_fingers && is_dense) {
            return self.column_of_bars(room, (caption.bottom(), top), count, letters);
        }
        let gap = self.px(20.0);
        let half = Rect {
            width: (room.width - gap) / 2,
            ..room
        };
        let other = Rect {
            x: room.right() - half.width,
            ..half
        };
        let rows = count.div_ceil(2);
        let column = |room| self.column_of_bars(room, (caption.bottom(), top), rows, letters);
        column(half).into_iter().chain(column(other)).take(count).collect()
    }

    /// Bars under a caption with that bottom, from that top. The last row ends with the room, unless the rows would be too far
    /// apart.
    fn column_of_bars(&self, panel: Rect, (caption, top): (i32, i32), count: usize, letters: usize) -> Vec<BarRow> {
        let room = (panel.bottom() - top) as f32;
        let thickness = (0.36 * room / count as f32)
            .clamp(self.scaled(7.0), self.scaled(20.0))
            .round();
        // The text of the last row is higher than its bar.
        let pitch = ((room - thickness - self.scaled(5.0)) / (count - 1) as f32).min(self.scaled(64.0));
        let text_height = (pitch as i32 - 1).min(self.px(20.0));
        let label = (16.0f32).max(9.0 * letters as f32 + 2.0).min(MAX_LABEL);
        let (digit_width, percent_width, gap) = (self.px(label), self.px(56.0), self.px(10.0));
        let (track_x, percent_x) = (panel.x + digit_width + gap, panel.right() - percent_width);
        let track_y = |i: usize| top + (i as f32 * pitch).round() as i32;
        let above = ((pitch - thickness) / 2.0) as i32;
        let row = |i| {
            let y = track_y(i);
            let row_y = (y - above).max(caption);
            let bottom = (track_y(i + 1) - above).min(panel.bottom() + self.px(6.0));
            let track = Rect::new(track_x, y, percent_x - gap - track_x, thickness as i32);
            let text_y = y + (track.height - text_height) / 2;
            BarRow {
                row: Rect::new(panel.x, row_y, panel.width, bottom - row_y),
                digit: Rect::new(panel.x, text_y, digit_width, text_height),
                track,
                percent: Rect::new(percent_x, text_y, percent_width, text_height),
            }
        };
        (0..count).map(row).collect()
    }

    /// One line in the middle of the room for messages.
    pub(super) fn status(&self, notice: Rect) -> Rect {
        let (row, line) = (self.notice_row(notice), self.px(20.0));
        Rect::new(row.x, row.y + (row.height - line) / 2, row.width, line)
    }

    /// The question above its answers, and the button that names a sign beside it.
    pub(super) fn questions(&self, notice: Rect) -> [Rect; 2] {
        let (height, width) = (self.notice_row(notice).y - notice.y - self.px(4.0), self.px(112.0));
        [
            Rect::new(notice.x, notice.y, notice.width - width, height),
            Rect::new(notice.right() - width, notice.y, width, height),
        ]
    }

    /// The ten answers, in line with the draw tools.
    pub(super) fn answers(&self, notice: Rect) -> [Rect; 10] {
        self.ten(self.notice_row(notice))
    }

    /// Ten buttons in a row.
    pub(super) fn ten(&self, row: Rect) -> [Rect; 10] {
        let gap = self.px(3.0);
        let left = |i: i32| row.x + i * (row.width + gap) / 10;
        std::array::from_fn(|i| {
            let i = i as i32;
            Rect::new(left(i), row.y, left(i + 1) - gap - left(i), row.height)
        })
    }

    /// Three cells in a row at the bottom of the canvas, with room for a line under them; on a narrow canvas the first above the
    /// others.
    pub(super) fn welcome(&self, canvas: Rect) -> [Rect; 3] {
        let (gap, height) = (self.px(8.0), self.px_or(34.0, FINGER));
        let lowest = canvas.bottom() - height - self.px(30.0);
        let y = (canvas.bottom() - canvas.height * 14 / 100 - height / 2).min(lowest);
        let widths = [84.0, 116.0, 116.0].map(|width| self.px(width));
        let all: i32 = widths.iter().sum::<i32>() + 2 * gap;
        if all > canvas.width {
            let (line, width) = (self.px(24.0), widths[1].min((canvas.width - gap) / 2));
            let middle = canvas.x + canvas.width / 2;
            return [
                Rect::new(canvas.x, y - line, canvas.width, line),
                Rect::new(middle - gap / 2 - width, y, width, height),
                Rect::new(middle + gap / 2, y, width, height),
            ];
        }
        let mut x = canvas.x + (canvas.width - all) / 2;
        widths.map(|width| {
            let rect = Rect::new(x, y, width, height);
            x = rect.right() + gap;
            rect
        })
    }

    pub(super) fn hint(&self, canvas: Rect) -> [Rect; 2] {
        let (line, small_line) = (self.px(36.0), self.px(24.0));
        let y = canvas.y + (canvas.height - line - small_line) / 2;
        [
            Rect::new(canvas.x, y, canvas.width, line),
            Rect::new(canvas.x, y + line, canvas.width, small_line),
        ]
    }
}
