//! Window state: the document, the predictions and what is shown.

use std::sync::Arc;

use crate::{
    drawing::{
        history::{Document, History},
        raster::draw_over,
        strokes::{Ink, PENS},
    },
    geometry::{Bounds, Point},
    graphics::canvas::Rect,
    imaging::gray_image::GrayImage,
    recognition::{
        activations::LayerActivation,
        normalization::{Gray28, normalize, normalize_ink},
        prediction::Prediction,
        segmentation::{Mark, symbol},
    },
    training::progress::Progress,
    ui::{
        action::Action,
        command::Command,
        event::Effects,
        focus::Focus,
        layout::{HitTarget, Layout, Panel},
    },
};

/// Zoom factors of the interface, from smallest to largest.
pub const ZOOMS: [f32; 6] = [0.85, 1.0, 1.25, 1.5, 1.75, 2.0];

/// A digit found on the canvas, with its prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct RecognizedDigit {
    /// The network input.
    pub pixels: Gray28,
    /// The network's prediction.
    pub prediction: Prediction,
    /// The digit's bounding box on the canvas.
    pub bounds: Bounds,
    /// The line that it stands in, from 0 at the top.
    pub line: usize,
    /// The mark that it is, if it is no digit.
    pub mark: Option<Mark>,
}

impl RecognizedDigit {
    /// A digit that stands alone.
    pub fn new(pixels: Gray28, prediction: Prediction, bounds: Bounds) -> Self {
        RecognizedDigit {
            pixels,
            prediction,
            bounds,
            line: 0,
            mark: None,
        }
    }

    /// A digit or a mark at its place in a number.
    #[must_use]
    pub fn placed(self, line: usize, mark: Option<Mark>) -> Self {
        RecognizedDigit { line, mark, ..self }
    }

    /// The character shown for it: a digit, a mark, or `?` where the network is not sure.
    pub(super) fn symbol(&self) -> char {
        match self.mark {
            Some(mark) => mark.symbol(),
            None if self.prediction.known => symbol(&self.prediction, None),
            None => '?',
        }
    }
}

/// Initial content of the canvas.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Opening {
    /// Nothing.
    #[default]
    Blank,
    /// A drawing in canvas coordinates; see [`Ink::fit`].
    Ink(Ink),
    /// Strokes over an image, such as the canvas of the last session.
    Document(Document),
    /// An image with bright ink on a dark background.
    Image(GrayImage),
}

/// The tool that the pointer applies to the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// Draws.
    #[default]
    Pen,
    /// Erases.
    Eraser,
}

/// A dialog over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// All actions.
    Menu,
    /// The user's examples.
    Examples,
}

/// A user's example, as the examples overlay shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleView {
    /// The network input.
    pub pixels: Gray28,
    /// The digit that the user assigned.
    pub label: u8,
}

/// What the pressed pointer is dragging or holding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    Button(HitTarget),
    Slider,
    /// The last position, and whether anything was erased since the button was pressed.
    Eraser {
        last: Point,
        has_erased: bool,
    },
}

/// Everything that determines what the window shows.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) layout: Layout,
    /// Index in [`ZOOMS`].
    pub(super) zoom_index: usize,
    pub(super) dark: bool,
    pub(super) document: Document,
    pub(super) history: History,
    pub(super) tool: Tool,
    pub(super) digits: Vec<RecognizedDigit>,
    pub(super) activations: Option<Arc<Vec<LayerActivation>>>,
    pub(super) shows_why: bool,
    pub(super) progress: Option<Arc<Progress>>,
    pub(super) examples: Arc<Vec<ExampleView>>,
    pub(super) overlay: Option<Overlay>,
    pub(super) message: Option<String>,
    /// Whether the message offers to put back removed examples.
    pub(super) offers_restore: bool,
    /// Where a click has removed an example, until the pointer moves on: the next one has come to its place.
    pub(super) removed_at: Option<(f32, f32)>,
    pub(super) pointer: Option<(f32, f32)>,
    pub(super) held: Option<Held>,
    /// Where the wheel has changed the pen's width, until the pointer moves on.
    pub(super) pen_changed_at: Option<(f32, f32)>,
    /// What Tab has moved the focus to; see [`focused`](State::focused).
    pub(super) focus: Option<Focus>,
    /// Rows of examples that are scrolled past.
    pub(super) scrolled_rows: usize,
    pub(super) commands: Vec<Command>,
}

impl State {
    /// The state of a new window of the given size, in pixels.
    pub fn new(width: usize, height: usize, opening: Opening) -> Self {
        let document = match opening {
            Opening::Blank => Document::default(),
            Opening::Ink(ink) => Document { ink, image: None },
            Opening::Document(document) => document,
            Opening::Image(image) => Document {
                image: Some(Arc::new(image)),
                ..Document::default()
            },
        };
        State {
            layout: Layout::new(width, height, ZOOMS[1], Panel::Prediction),
            zoom_index: 1,
            dark: true,
            document,
            history: History::default(),
            tool: Tool::Pen,
            digits: Vec::new(),
            activations: None,
            shows_why: false,
            progress: None,
            examples: Arc::default(),
            overlay: None,
            message: None,
            offers_restore: false,
            removed_at: None,
            pointer: None,
            held: None,
            pen_changed_at: None,
            focus: None,
            scrolled_rows: 0,
            commands: Vec::new(),
        }
    }

    /// The layout of the window.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The content of the canvas.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The drawing.
    pub fn ink(&self) -> &Ink {
        &self.document.ink
    }

    /// The image under the drawing.
    pub fn image(&self) -> Option<&Arc<GrayImage>> {
        self.document.image.as_ref()
    }

    /// The digits that were recognized last, left to right; empty if the canvas is blank.
    pub fn digits(&self) -> &[RecognizedDigit] {
        &self.digits
    }

    /// The digit that the panel describes: the one under the pointer, or else the last.
    pub fn selected_digit(&self) -> Option<&RecognizedDigit> {
        self.digits.get(self.selected_index()?)
    }

    /// Index of the selected digit among [`digits`](State::digits).
    pub fn selected_index(&self) -> Option<usize> {
        let point = self.pointer.map(|(x, y)| self.layout.canvas_point(x, y));
        let is_hovered = |digit: &RecognizedDigit| point.is_some_and(|point| digit.bounds.contains(point));
        let hovered = self
            .digits
            .iter()
            .position(is_hovered)
            .filter(|_| !self.ink().is_drawing());
        hovered.or(self.digits.len().checked_sub(1))
    }

    /// The activations of every layer, if the panel shows them.
    pub fn activations(&self) -> Option<&Arc<Vec<LayerActivation>>> {
        self.activations.as_ref().filter(|_| self.shows_activations())
    }

    /// Progress of the current or the last training run.
    pub fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }

    /// The user's examples.
    pub fn examples(&self) -> &Arc<Vec<ExampleView>> {
        &self.examples
    }

    /// The open overlay.
    pub fn overlay(&self) -> Option<Overlay> {
        self.overlay
    }

    /// The message in the status line.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The current tool.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Whether the dark theme is on.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// Index of the zoom factor in [`ZOOMS`].
    pub fn zoom_index(&self) -> usize {
        self.zoom_index
    }

    /// Whether the panel shows the layers' activations.
    pub fn shows_activations(&self) -> bool {
        self.layout.active_panel == Panel::Layers
    }

    /// Whether the canvas shows why the network reads this digit.
    pub fn shows_why(&self) -> bool {
        self.shows_why
    }

    /// Whether the canvas is blank.
    pub fn is_blank(&self) -> bool {
        self.document.is_blank()
    }

    /// The target under the pointer, unless the pointer is drawing, erasing or dragging the slider.
    pub fn hovered(&self) -> Option<HitTarget> {
        if self.ink().is_drawing() || matches!(self.held, Some(Held::Slider | Held::Eraser { .. })) {
            return None;
        }
        let (x, y) = self.pointer?;
        self.target_at(x, y)
    }

    /// The target that is pressed, while the pointer is over it.
    pub fn pressed(&self) -> Option<HitTarget> {
        match self.held {
            Some(Held::Button(target)) if self.hovered() == Some(target) => Some(target),
            _ => None,
        }
    }

    /// Whether the pointer acts on the canvas: the pen is drawing, or the pointer is over the canvas and free to draw or
    /// erase.
    pub fn pointer_acts_on_canvas(&self) -> bool {
        let is_inside = self.pointer.is_some_and(|(x, y)| self.layout.canvas.contains(x, y));
        let is_free = self.overlay.is_none() && matches!(self.held, None | Some(Held::Eraser { .. }));
        self.ink().is_drawing() || (is_inside && is_free)
    }

    /// Position and radius of the eraser in window pixels, while it is over the canvas.
    pub fn eraser_circle(&self) -> Option<(f32, f32, f32)> {
        let (x, y) = self
            .pointer
            .filter(|_| self.is_erasing() && self.pointer_acts_on_canvas())?;
        Some((x, y, self.eraser_radius() / self.layout.canvas_unit()))
    }

    /// Whether the pointer erases: with that tool, or by the secondary button.
    fn is_erasing(&self) -> bool {
        self.tool == Tool::Eraser || matches!(self.held, Some(Held::Eraser { .. }))
    }

    /// Position and radius of the pen in window pixels, while its width is being changed.
    pub fn pen_circle(&self) -> Option<(f32, f32, f32)> {
        let is_dragged = self.held == Some(Held::Slider);
        let (x, y) = if is_dragged { self.pointer } else { self.pen_changed_at }?;
        (!self.is_erasing() || is_dragged).then_some((x, y, 0.5 * self.ink().pen() / self.layout.canvas_unit()))
    }

    /// Radius of the eraser, in canvas units.
    pub(super) fn eraser_radius(&self) -> f32 {
        0.5 * self.ink().pen().max(20.0)
    }

    /// Whether a network is in training.
    pub fn is_training(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| !progress.finished)
    }

    /// Whether the action is available now.
    pub fn is_enabled(&self, action: Action) -> bool {
        match action {
            Action::Undo => self.history.can_undo(),
            Action::Redo => self.history.can_redo(),
            Action::Clear | Action::Save => !self.is_blank(),
            Action::Thinner => self.ink().pen() > PENS.0,
            Action::Thicker => self.ink().pen() < PENS.1,
            Action::UndoExample | Action::RemoveAllExamples => !self.examples.is_empty(),
            Action::RestoreExamples => self.offers_restore(),
            Action::Pause | Action::Stop => self.is_training(),
            Action::RestoreBuiltIn => self.progress.is_some(),
            Action::Train => !self.is_training(),
            Action::ZoomIn => self.zoom_index + 1 < ZOOMS.len(),
            Action::ZoomOut => self.zoom_index > 0,
            _ => true,
        }
    }

    /// Takes the commands issued since the last call.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// The network input for the whole canvas as one digit; `None` if it is blank.
    pub fn network_input(&self) -> Option<Gray28> {
        match &self.document.image {
            None => normalize_ink(&self.document.ink),
            Some(image) if self.document.ink.is_empty() => normalize(image),
            Some(image) => normalize(&draw_over(image, &self.document.ink)),
        }
    }

    /// Shows recognized digits.
    pub fn show_digits(&mut self, digits: Vec<RecognizedDigit>) {
        self.digits = digits;
    }

    /// Shows the activations of every layer.
    pub fn show_activations(&mut self, activations: Option<Arc<Vec<LayerActivation>>>) {
        self.activations = activations;
    }

    /// Shows the progress of training; a new run opens its panel.
    pub fn show_progress(&mut self, progress: Arc<Progress>) {
        if !self.is_training() && !progress.finished {
            self.show_panel(Panel::Training);
        }
        self.progress = Some(progress);
    }

    /// Shows the user's examples.
    pub fn show_examples(&mut self, examples: Arc<Vec<ExampleView>>) {
        self.examples = examples;
    }

    /// Shows a message in the status line until the next action.
    pub fn show_message(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
        self.offers_restore = false;
    }

    /// Adds to the message a button that puts back the examples that were removed last.
    pub fn offer_restore(&mut self) {
        self.offers_restore = true;
    }

    /// Whether the message has that button.
    pub fn offers_restore(&self) -> bool {
        self.offers_restore && self.message.is_some()
    }

    /// Replaces the content of the canvas by an image.
    pub fn place_image(&mut self, image: GrayImage) -> Effects {
        self.history.record(&self.document);
        self.document.ink.clear();
        self.document.image = Some(Arc::new(image));
        Effects::RECOGNIZE
    }

    /// Applies saved theme and zoom settings.
    pub fn set_appearance(&mut self, dark: bool, zoom_index: usize) {
        self.dark = dark;
        self.set_zoom(zoom_index.min(ZOOMS.len() - 1));
    }

    /// Lays out the window anew, with the given size and content of the panel, at the current zoom.
    pub(super) fn lay_out(&mut self, (width, height): (usize, usize), panel: Panel) {
        self.layout = Layout::new(width, height, ZOOMS[self.zoom_index], panel);
    }

    pub(super) fn show_panel(&mut self, panel: Panel) {
        self.lay_out(self.layout.window, panel);
    }

    pub(super) fn set_zoom(&mut self, zoom_index: usize) {
        self.zoom_index = zoom_index;
        self.lay_out(self.layout.window, self.layout.active_panel);
    }

    /// The place of the button that puts back removed examples: in the status line, or in the head of the examples.
    pub(super) fn restore_button(&self) -> Rect {
        let is_over_examples = self.overlay == Some(Overlay::Examples);
        self.layout.restore_button(is_over_examples)
    }

    /// The target at a window position; an open overlay hides the buttons behind it.
    pub(super) fn target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let is_shown = self.offers_restore() && self.overlay != Some(Overlay::Menu);
        if is_shown && self.restore_button().contains(x, y) {
            return Some(HitTarget::Action(Action::RestoreExamples));
        }
        match self.overlay {
            None => self.layout.target_at(x, y),
            Some(Overlay::Menu) => self.layout.menu_target_at(x, y),
            Some(Overlay::Examples) => {
                let mut cells = self.example_cells().into_iter();
                let hit = cells.find(|(_, rect)| rect.contains(x, y));
                hit.map(|(index, _)| HitTarget::Example(index))
            }
        }
    }

    /// The examples that the dialog shows, by index, each with its place: the newest comes first.
    pub(super) fn example_cells(&self) -> Vec<(usize, Rect)> {
        let count = self.examples.len();
        let cells = self.layout.example_grid(count);
        let past = self.scrolled_rows.min(self.max_scrolled_rows()) * columns(cells);
        let newest_first = (0..count).rev().skip(past);
        newest_first.zip(cells.iter().copied()).collect()
    }

    /// The rows of examples that do not fit into the dialog.
    pub(super) fn max_scrolled_rows(&self) -> usize {
        let (count, cells) = (self.examples.len(), self.layout.example_grid(self.examples.len()));
        count.saturating_sub(cells.len()).div_ceil(columns(cells))
    }

    /// Scrolls the examples as far as it takes to show that one.
    pub(super) fn reveal_example(&mut self, index: usize) {
        let cells = self.layout.example_grid(self.examples.len());
        let columns = columns(cells);
        let row = self.examples.len().saturating_sub(index + 1) / columns;
        let shown = (cells.len() / columns).max(1);
        self.scrolled_rows = self.scrolled_rows.clamp((row + 1).saturating_sub(shown), row);
    }
}

/// The cells in a row of a grid.
fn columns(cells: &[Rect]) -> usize {
    let top = cells.first().map(|cell| cell.y);
    cells.iter().take_while(|cell| Some(cell.y) == top).count().max(1)
}
