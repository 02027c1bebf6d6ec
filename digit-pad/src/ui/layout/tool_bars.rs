//! The top bar with its groups of buttons, the draw tools under the canvas, and rows of buttons in the panel.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::Action,
        layout::{
            elements::Button,
            grid::{Areas, FINGER, Grid},
        },
    },
};

/// Smallest width of a window for fingers whose top bar has all buttons, in pixels at scale 1.
const ALL_FOR_FINGERS: f32 = 560.0;

/// Side of an icon beside a label, in pixels at scale 1.
pub const BAR_ICON: f32 = 18.0;

/// Gap between an icon and its label, in pixels at scale 1.
pub const BAR_LABEL_GAP: f32 = 5.0;

/// Gap between two groups of the top bar, in pixels at scale 1.
const BETWEEN_GROUPS: f32 = 12.0;

/// The bar over the whole width of the window.
pub(super) struct TopBar {
    pub(super) rect: Rect,
    pub(super) has_labels: bool,
    pub(super) has_icons: bool,
    pub(super) buttons: Vec<Button>,
    /// Lines between the groups.
    pub(super) separators: Vec<Rect>,
}

impl Grid {
    /// The top bar: the groups from the left, and what concerns the window itself at the right. Where there is less room, the
    /// icons go first, and the labels only where they do not fit alone.
    pub(super) fn top_bar(&self) -> TopBar {
        let is_short = self.for_fingers && self.width < self.px(ALL_FOR_FINGERS);
        let mut labeled = [(true, true), (true, false)].into_iter();
        let fitting = labeled.find(|&looks| !is_short && self.bar_width(looks) <= self.width);
        let looks = fitting.unwrap_or((false, true));
        let (has_labels, has_icons) = looks;
        let mut bar = TopBar {
            rect: Rect::new(0, 0, self.width, self.top_bar_height()),
            has_labels,
            has_icons,
            buttons: Vec::new(),
            separators: Vec::new(),
        };
        let (edge, gap, inset) = (self.px_or(10.0, 6.0), self.px(2.0), self.px_or(6.0, 4.0));
        let height = bar.rect.height - 2 * inset;
        if is_short {
            let row = Rect::new(edge, inset, self.width - 2 * edge, height);
            bar.buttons = self.row(&Action::SHORT_TOP_BAR, row, gap);
            return bar;
        }
        let mut x = edge;
        for (i, group) in Action::TOP_BAR.iter().enumerate() {
            if i > 0 {
                let line = Rect::new(
                    x + self.px(5.0),
                    2 * inset,
                    self.px(1.0).max(1),
                    bar.rect.height - 4 * inset,
                );
                bar.separators.push(line);
                x += self.px(BETWEEN_GROUPS);
            }
            for &action in *group {
                let rect = Rect::new(x, inset, self.bar_button_width(action, looks), height);
                bar.buttons.push(Button { action, rect });
                x = rect.right() + gap;
            }
        }
        let widths = Action::TOP_BAR_END.map(|action| self.bar_button_width(action, looks));
        let mut x = self.width - edge - widths.iter().map(|width| width + gap).sum::<i32>() + gap;
        for (action, width) in Action::TOP_BAR_END.into_iter().zip(widths) {
            let rect = Rect::new(x, inset, width, height);
            bar.buttons.push(Button { action, rect });
            x = rect.right() + gap;
        }
        bar
    }

    /// The height of the top bar.
    pub(super) fn top_bar_height(&self) -> i32 {
        self.px_or(48.0, 8.0 + FINGER)
    }

    /// The width that the top bar needs, with labels or without, and with icons beside them or without.
    fn bar_width(&self, looks: (bool, bool)) -> i32 {
        let groups = Action::TOP_BAR.into_iter().flatten();
        let buttons = groups.chain(&Action::TOP_BAR_END);
        let widths = buttons.map(|&action| self.bar_button_width(action, looks) + self.px(2.0));
        let between = (Action::TOP_BAR.len() - 1) as i32 * self.px(BETWEEN_GROUPS);
        widths.sum::<i32>() + between + 2 * self.px_or(10.0, 6.0)
    }

    fn bar_button_width(&self, action: Action, (has_labels, has_icons): (bool, bool)) -> i32 {
        let least = self.px_or(38.0, FINGER);
        let icon = if has_icons { BAR_ICON + BAR_LABEL_GAP } else { 0.0 };
        let label = action.short_label().filter(|_| has_labels);
        label.map_or(least, |label| self.px(14.0 + icon + text_width(label)).max(least))
    }

    /// The toolbar buttons and the pen slider. The last button, Clear, stands apart so that it is not hit by mistake.
    pub(super) fn tools(&self, toolbar: Rect) -> (Vec<Button>, Rect) {
        let (gap, side) = (self.px(8.0), toolbar.height);
        let at = |x: i32| Rect::new(x, toolbar.y, side, side);
        let xs = [
            toolbar.x,
            toolbar.x + side + gap,
            toolbar.x + 2 * (side + gap),
            toolbar.right() - side,
        ];
        let buttons = Action::TOOLBAR.into_iter().zip(xs);
        let slider_x = toolbar.x + 3 * (side + gap);
        let room = toolbar.right() - side - gap - slider_x;
        let slider = Rect::new(slider_x, toolbar.y, room.min(self.px(180.0)), side);
        (
            buttons.map(|(action, x)| Button { action, rect: at(x) }).collect(),
            slider,
        )
    }

    /// Buttons of equal width that fill a row.
    pub(super) fn row(&self, actions: &[Action], area: Rect, gap: i32) -> Vec<Button> {
        let count = actions.len() as i32;
        let left = |i: i32| area.x + i * (area.width + gap) / count;
        let button = |(i, &action): (i32, &Action)| Button {
            action,
            rect: Rect::new(left(i), area.y, left(i + 1) - gap - left(i), area.height),
        };
        (0..).zip(actions).map(button).collect()
    }

    /// The row of buttons of a panel: beside the notice, if that has room, or else at the bottom of the panel, which is
    /// shortened by it.
    pub(super) fn take_button_row(&self, areas: &Areas, panel: &mut Rect) -> Rect {
        if let Some([left, right]) = areas.columns {
            let (row, x) = (self.notice_row(areas.notice), left.right() + self.px(8.0));
            return Rect::new(x, row.y, right.right() - x, row.height);
        }
        let (height, gap) = (self.px_or(40.0, FINGER), self.px_or(12.0, 8.0));
        panel.height -= height + gap;
        Rect::new(panel.x, panel.bottom() + gap, panel.width, height)
    }
}

/// Enough room for a label of size 13, in pixels at scale 1.
fn text_width(label: &str) -> f32 {
    let width = |letter: char| match letter {
        'i' | 'l' | 'j' | ' ' => 3.6,
        't' | 'f' | 'r' => 5.1,
        'm' | 'w' | 'M' | 'W' => 12.0,
        'O' => 10.4,
        'A'..='Z' => 9.0,
        _ => 7.9,
    };
    label.chars().map(width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphics::text::{Face, Style, Text};

    #[test]
    fn labels_have_room() {
        let text = Text::new();
        let style = Style {
            face: Face::Medium,
            size: 13.0,
        };
        for &action in Action::TOP_BAR.into_iter().flatten().chain(&Action::TOP_BAR_END) {
            let Some(label) = action.short_label() else { continue };
            let (room, width) = (text_width(label), text.width(label, style));
            assert!((width..width + 8.0).contains(&room), "{label}: {width} in {room}");
        }
    }
}
