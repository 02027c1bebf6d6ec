//! State of the window: the document, the predictions and what is shown.

use std::sync::Arc;

use crate::{
    drawing::{
        history::{Document, History},
        raster::draw_over,
        strokes::{Ink, PENS},
    },
    geometry::{Bounds, Point},
    imaging::gray_image::GrayImage,
    recognition::{
        activations::LayerActivation,
        normalization::{Gray28, normalize, normalize_ink},
        prediction::Prediction,
    },
    training::progress::Progress,
    ui::{
        action::Action,
        command::Command,
        event::Effects,
        layout::{HitTarget, Layout, Panel},
    },
};

/// How much larger than usual everything may be, in steps.
pub const ZOOMS: [f32; 6] = [0.85, 1.0, 1.25, 1.5, 1.75, 2.0];

/// One digit of what the network saw and made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecognizedDigit {
    /// The picture it was given.
    pub pixels: Gray28,
    /// What it read there.
    pub prediction: Prediction,
    /// The rectangle around the digit on the canvas.
    pub bounds: Bounds,
}

/// What lies on the canvas when the window opens.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Opening {
    /// Nothing.
    #[default]
    Blank,
    /// A drawing, already on the canvas: see [`Ink::fit`].
    Ink(Ink),
    /// A picture, ink bright on dark.
    Picture(GrayImage),
}

/// What the pointer does on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// It draws.
    #[default]
    Pen,
    /// It takes away.
    Eraser,
}

/// What lies over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// All keys.
    Help,
    /// All lessons.
    Examples,
}

/// What a drawing was said to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleView {
    /// The drawing as the network saw it.
    pub pixels: Gray28,
    /// The digit.
    pub label: u8,
}

/// What the pointer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    Button(HitTarget),
    Slider,
    /// Where it was last, and whether it has taken anything since it was put down.
    Eraser {
        last: Point,
        has_erased: bool,
    },
}

/// Everything that decides what the window shows.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) layout: Layout,
    pub(super) zoom: usize,
    pub(super) dark: bool,
    pub(super) document: Document,
    pub(super) history: History,
    pub(super) tool: Tool,
    pub(super) digits: Vec<RecognizedDigit>,
    pub(super) activations: Option<Arc<Vec<LayerActivation>>>,
    pub(super) progress: Option<Arc<Progress>>,
    pub(super) examples: Arc<Vec<ExampleView>>,
    pub(super) overlay: Option<Overlay>,
    pub(super) message: Option<String>,
    pub(super) pointer: Option<(f32, f32)>,
    pub(super) held: Option<Held>,
    pub(super) commands: Vec<Command>,
}

impl State {
    /// The state of a window of the given size, in pixels, that has just opened.
    pub fn new(width: usize, height: usize, opening: Opening) -> Self {
        let (ink, picture) = match opening {
            Opening::Blank => (Ink::new(), None),
            Opening::Ink(ink) => (ink, None),
            Opening::Picture(picture) => (Ink::new(), Some(Arc::new(picture))),
        };
        State {
            layout: Layout::new(width, height, ZOOMS[1], Panel::Prediction),
            zoom: 1,
            dark: true,
            document: Document { ink, image: picture },
            history: History::default(),
            tool: Tool::Pen,
            digits: Vec::new(),
            activations: None,
            progress: None,
            examples: Arc::default(),
            overlay: None,
            message: None,
            pointer: None,
            held: None,
            commands: Vec::new(),
        }
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The drawing.
    pub fn ink(&self) -> &Ink {
        &self.document.ink
    }

    /// The picture under the drawing.
    pub fn picture(&self) -> Option<&Arc<GrayImage>> {
        self.document.image.as_ref()
    }

    /// What the network saw last, digit by digit; nothing if the canvas is blank.
    pub fn digits(&self) -> &[RecognizedDigit] {
        &self.digits
    }

    /// What the panel tells of: the digit under the pointer, or else the last one.
    pub fn selected_digit(&self) -> Option<&RecognizedDigit> {
        self.digits.get(self.selected_index()?)
    }

    /// Which of the sights that is.
    pub fn selected_index(&self) -> Option<usize> {
        let point = self.pointer.map(|(x, y)| self.layout.canvas_point(x, y));
        let under = |digit: &RecognizedDigit| point.is_some_and(|point| digit.bounds.contains(point));
        let pointed = self.digits.iter().position(under).filter(|_| !self.ink().is_drawing());
        pointed.or(self.digits.len().checked_sub(1))
    }

    /// Every layer of the network, if the panel shows them.
    pub fn activations(&self) -> Option<&Arc<Vec<LayerActivation>>> {
        self.activations.as_ref()
    }

    /// The training that is under way or was the last one, if the panel shows it.
    pub fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }

    /// What was taught.
    pub fn examples(&self) -> &Arc<Vec<ExampleView>> {
        &self.examples
    }

    /// What lies over the window.
    pub fn overlay(&self) -> Option<Overlay> {
        self.overlay
    }

    /// What was last to be said.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What the pointer does on the canvas.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Whether the theme is the dark one.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// The step of [`ZOOMS`].
    pub fn zoom(&self) -> usize {
        self.zoom
    }

    /// Whether the panel shows every layer.
    pub fn shows_activations(&self) -> bool {
        self.layout.shown == Panel::Layers
    }

    /// Whether nothing lies on the canvas.
    pub fn is_blank(&self) -> bool {
        self.document.is_blank()
    }

    /// The button that the pointer is over, unless it is drawing.
    pub fn hovered(&self) -> Option<HitTarget> {
        if self.ink().is_drawing() || matches!(self.held, Some(Held::Slider | Held::Eraser { .. })) {
            return None;
        }
        let (x, y) = self.pointer?;
        self.target_at(x, y)
    }

    /// The button that is held down, with the pointer still over it.
    pub fn pressed(&self) -> Option<HitTarget> {
        match self.held {
            Some(Held::Button(target)) if self.hovered() == Some(target) => Some(target),
            _ => None,
        }
    }

    /// Whether the pen is on the canvas, or the pointer over it with nothing else in hand.
    pub fn over_canvas(&self) -> bool {
        let over = |(x, y)| self.layout.canvas.contains(x, y);
        let free = self.overlay.is_none() && matches!(self.held, None | Some(Held::Eraser { .. }));
        self.ink().is_drawing() || free && self.pointer.is_some_and(over)
    }

    /// The eraser's place in pixels of the window and its radius, where it is over the canvas.
    pub fn eraser(&self) -> Option<(f32, f32, f32)> {
        let (x, y) = self
            .pointer
            .filter(|_| self.tool == Tool::Eraser && self.over_canvas())?;
        Some((x, y, self.eraser_radius() / self.layout.canvas_unit()))
    }

    /// In canvas units.
    pub(super) fn eraser_radius(&self) -> f32 {
        0.5 * self.ink().pen().max(20.0)
    }

    /// Whether a network is in training.
    pub fn is_training(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| !progress.finished)
    }

    /// Whether the action would change anything.
    pub fn can(&self, action: Action) -> bool {
        match action {
            Action::Undo => self.history.can_undo(),
            Action::Redo => self.history.can_redo(),
            Action::Clear | Action::Save => !self.is_blank(),
            Action::Thinner => self.ink().pen() > PENS.0,
            Action::Thicker => self.ink().pen() < PENS.1,
            Action::UndoExample | Action::RemoveAllExamples => !self.examples.is_empty(),
            Action::Pause | Action::Stop => self.is_training(),
            Action::RestoreBuiltIn => self.progress.is_some(),
            Action::Train => !self.is_training(),
            Action::Larger => self.zoom + 1 < ZOOMS.len(),
            Action::Smaller => self.zoom > 0,
            _ => true,
        }
    }

    /// What is to be done since this was last asked.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// The picture for the network of a drawing that is one digit, or `None` if the canvas is blank.
    pub fn network_input(&self) -> Option<Gray28> {
        match &self.document.image {
            None => normalize_ink(&self.document.ink),
            Some(picture) if self.document.ink.is_empty() => normalize(picture),
            Some(picture) => normalize(&draw_over(picture, &self.document.ink)),
        }
    }

    /// Keeps what the network saw, to be shown.
    pub fn show(&mut self, digits: Vec<RecognizedDigit>) {
        self.digits = digits;
    }

    /// Keeps every layer, to be shown.
    pub fn show_activations(&mut self, activations: Option<Arc<Vec<LayerActivation>>>) {
        self.activations = activations;
    }

    /// Keeps how training goes, to be shown.
    pub fn show_progress(&mut self, progress: Arc<Progress>) {
        if !self.is_training() && !progress.finished {
            self.show_panel(Panel::Training);
        }
        self.progress = Some(progress);
    }

    /// Keeps what was taught, to be shown.
    pub fn show_examples(&mut self, examples: Arc<Vec<ExampleView>>) {
        self.examples = examples;
    }

    /// Says something in the status line, until the next action.
    pub fn show_message(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    /// Lays a picture on the canvas, in place of what lies there.
    pub fn place_image(&mut self, picture: GrayImage) -> Effects {
        self.history.record(&self.document);
        self.document.ink.clear();
        self.document.image = Some(Arc::new(picture));
        Effects::READ
    }

    /// Takes settings over that were kept from another time.
    pub fn set_appearance(&mut self, dark: bool, zoom: usize) {
        self.dark = dark;
        self.set_zoom(zoom.min(ZOOMS.len() - 1));
    }
}
