//! The page of the user's hand: ten cells with a digit, what is peculiar about it, and its twins in MNIST.

use crate::{
    format::counted,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    teaching::hand::{Hand, OwnDigit},
    ui::{
        layout::{CardPlaces, HitTarget, REMARK_LINE},
        scene::{
            builder::SceneBuilder,
            card::RemarkStyle,
            item::Item,
            status::{elided, wrapped},
        },
        state::State,
    },
};

const STYLE: RemarkStyle = RemarkStyle {
    sizes: (12.0, 11.0),
    lines: (REMARK_LINE, REMARK_LINE),
    align: Align::Center,
};

/// What the page shows, in more or fewer words.
const FOOTS: [&str; 2] = [
    "The small pictures are MNIST's most similar. Of several examples, the most typical is shown.",
    "The small pictures are MNIST's most similar.",
];

/// Length of the dashes around what is not there yet.
const DASH: f32 = 5.0;

impl SceneBuilder<'_> {
    /// The page, over everything else.
    pub(super) fn hand(&mut self, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        let (width, height) = layout.window;
        self.items.push(Item::Fill {
            rect: Rect::new(0, 0, width as i32, height as i32),
            radius: 0.0,
            color: theme.background,
        });
        let page = layout.hand;
        self.text(page.title, "My hand", Face::SemiBold, 20.0, Align::Left, theme.text);
        let subtitle = self.longest_that_fits(
            &[
                "How you write the ten digits, beside MNIST's 60,000 training images",
                "Your ten digits beside MNIST's",
                "Beside MNIST's digits",
            ],
            13.0,
            page.subtitle.width,
        );
        self.text(page.subtitle, &subtitle, Face::Medium, 13.0, Align::Left, theme.muted);
        self.page_button(page.save, "Save poster", HitTarget::SavePoster, state);
        self.page_button(page.close, "Close", HitTarget::Close, state);
        let hand = &state.hand_page.hand;
        if hand.is_empty() {
            self.empty_hand(state);
        } else {
            self.cells(hand, state);
        }
        self.foot(state);
    }

    fn page_button(&mut self, rect: Rect, label: &str, target: HitTarget, state: &State) {
        let is_enabled = target != HitTarget::SavePoster || state.can_save_poster();
        let color = if is_enabled {
            self.button_color(state, Some(target))
        } else {
            self.theme.button
        };
        self.bordered_box(rect, self.layout.scaled(8.0), color);
        let color = if is_enabled { self.theme.text } else { self.theme.muted };
        self.text(rect, label, Face::SemiBold, 13.0, Align::Center, color);
    }

    /// Ten empty places and how to begin.
    fn empty_hand(&mut self, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        for (digit, place) in state.empty_tiles() {
            let color = self.tile_color(digit, state);
            self.dashed(place, layout.scaled(8.0), layout.scaled(DASH), color);
            let name = digit.to_string();
            self.text(place, &name, Face::SemiBold, 20.0, Align::Center, theme.muted);
        }
        let area = layout.hand.foot;
        let line = layout.scaled(22.0) as i32;
        let ems = area.width as f32 / layout.scaled(15.0);
        let top = layout.hand.starts[9].bottom() + line;
        for (text, i) in wrapped(state.how_to_begin(), ems).iter().zip(0..) {
            let rect = Rect::new(area.x, top + i * line, area.width, line);
            self.text(rect, text, Face::Medium, 15.0, Align::Center, theme.text);
        }
    }

    /// The color of the dashes around an empty tile.
    fn tile_color(&self, digit: u8, state: &State) -> Color {
        if state.hovered() == Some(HitTarget::EmptyTile(digit)) {
            self.theme.text
        } else {
            self.theme.bar
        }
    }

    fn cells(&mut self, hand: &Hand, state: &State) {
        let layout = self.layout;
        let width = layout.card(layout.hand.cells[0], 2).words.width;
        let count = |own: &OwnDigit| -> usize {
            let lines = self.remark_lines(&own.remark, width, &STYLE);
            lines.iter().map(Vec::len).sum()
        };
        let lines = hand.0.iter().flatten().map(count).max().unwrap_or(2);
        for (digit, own) in hand.0.iter().enumerate() {
            let cell = layout.hand.cells[digit];
            let places = layout.card(cell, lines);
            match own {
                Some(own) => self.cell(digit, own, cell, &places, state),
                None => self.missing(digit as u8, cell, state),
            }
        }
    }

    fn cell(&mut self, digit: usize, own: &OwnDigit, cell: Rect, places: &CardPlaces, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        self.bordered_box(cell, layout.scaled(10.0), theme.canvas);
        self.text(
            places.name,
            &digit.to_string(),
            Face::SemiBold,
            13.0,
            Align::Left,
            theme.muted,
        );
        if own.count > 1 {
            let count = counted(own.count, "example");
            let count = elided(&count, places.count.width as f32 / layout.scaled(11.0));
            self.text(places.count, &count, Face::Medium, 11.0, Align::Right, theme.muted);
        }
        self.own_digit(own, places.ink);
        self.remark(&own.remark, places.words, &STYLE);
        let twins = state.twins().map_or(&[][..], |twins| &twins[digit]);
        for (i, &place) in places.twins.iter().enumerate() {
            if let Some(&twin) = twins.get(i) {
                self.image(place, twin);
            }
            self.outline(place, 0.0);
        }
    }

    /// A place for a digit without an example.
    fn missing(&mut self, digit: u8, cell: Rect, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        let color = self.tile_color(digit, state);
        self.dashed(cell, layout.scaled(10.0), layout.scaled(DASH), color);
        let (large, line) = (layout.scaled(40.0) as i32, layout.scaled(17.0) as i32);
        let how = state.how_to_add(digit);
        let (draw, press) = how.split_once(", ").unwrap_or((&how, ""));
        let top = cell.y + (cell.height - large - 2 * line) / 2;
        let name = Rect::new(cell.x, top, cell.width, large);
        self.text(name, &digit.to_string(), Face::SemiBold, 26.0, Align::Center, theme.bar);
        for (text, i) in [draw, press].into_iter().zip(0..) {
            let rect = Rect::new(cell.x, name.bottom() + i * line, cell.width, line);
            self.text(rect, text, Face::Medium, 12.0, Align::Center, theme.muted);
        }
    }

    /// A message, or what the small pictures are.
    fn foot(&mut self, state: &State) {
        let (foot, theme) = (self.layout.hand.foot, self.theme);
        let button = state.offered_undo().map_or(0, |_| state.undo_button().width);
        let width = foot.width - button;
        let page = &state.hand_page;
        let (texts, color): (&[&str], _) = match (state.message(), &page.note) {
            (Some(message), _) => (&[message], theme.text),
            (None, _) if page.hand.is_empty() => return,
            (None, Some(note)) => (&[note], theme.muted),
            (None, None) if page.twins.is_none() => (&["Looking for the most similar images of MNIST…"], theme.muted),
            (None, None) => (&FOOTS, theme.muted),
        };
        let text = self.longest_that_fits(texts, 13.0, width);
        self.text(Rect { width, ..foot }, &text, Face::Medium, 13.0, Align::Left, color);
    }
}
