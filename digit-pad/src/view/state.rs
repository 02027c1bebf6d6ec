//! What the window knows, and how it changes: an event in; a state, its effects and its errands out.

use std::sync::Arc;

use super::action::{Action, Key, Modifiers};
use super::layout::{Layout, Side, Spot};
use crate::grey::GreyImage;
use crate::history::{History, Sheet};
use crate::ink::{Bounds, Ink, PENS, Point};
use crate::inside::Insight;
use crate::normalize::{Grey28, normalize, normalize_ink};
use crate::raster::draw_over;
use crate::reading::Reading;

/// By how much a key makes the pen thicker.
const PEN_STEP: f32 = 1.25;

/// How much larger than usual everything may be, in steps.
pub const ZOOMS: [f32; 6] = [0.85, 1.0, 1.25, 1.5, 1.75, 2.0];

/// Something that happened to the window. Places are in pixels of the window, and may lie outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The pointer is now at this place.
    PointerMoved {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went down at this place.
    PointerPressed {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went up at this place.
    PointerReleased {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// A key went down, or repeats.
    KeyPressed {
        /// Which.
        key: Key,
        /// What was held beside it.
        modifiers: Modifiers,
    },
    /// The window has this size now, in pixels.
    Resized {
        /// To the right.
        width: usize,
        /// Down.
        height: usize,
    },
}

/// What has to follow an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// The picture changed: paint it.
    pub repaint: bool,
    /// The drawing changed: read it.
    pub read: bool,
    /// The window closes.
    pub quit: bool,
}

impl Effects {
    /// Paint.
    pub const REPAINT: Effects = Effects {
        repaint: true,
        read: false,
        quit: false,
    };
    /// Read, and paint what was read.
    pub const READ: Effects = Effects {
        repaint: true,
        read: true,
        quit: false,
    };
    const QUIT: Effects = Effects {
        repaint: false,
        read: false,
        quit: true,
    };
}

impl std::ops::BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects {
            repaint: self.repaint || other.repaint,
            read: self.read || other.read,
            quit: self.quit || other.quit,
        }
    }
}

impl std::ops::BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = *self | other;
    }
}

/// Something to be done that takes more than the state: files, networks, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Ask for an image file, and lay it on the canvas.
    Open,
    /// Save the drawing.
    Save,
    /// Save the network.
    SaveNetwork,
    /// Lay a test digit on the canvas.
    Sample,
    /// Lay the next misread one there.
    Misread,
    /// Learn that the drawing is this digit.
    Teach(u8),
    /// Take the last lesson back.
    Unteach,
    /// Forget the lesson of this number.
    Forget(usize),
    /// Forget all lessons.
    ForgetAll,
    /// Train a network from nothing.
    Learn,
    /// Rest from that, or go on.
    Pause,
    /// End it, and keep what was learnt.
    Stop,
    /// Go back to the network that the window opened with.
    Shipped,
}

/// One digit of what the network saw and made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The picture it was given.
    pub pixels: Grey28,
    /// What it read there.
    pub reading: Reading,
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
    Picture(GreyImage),
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
    Lessons,
}

/// What a drawing was said to be.
#[derive(Debug, Clone, PartialEq)]
pub struct LessonView {
    /// The drawing as the network saw it.
    pub pixels: Grey28,
    /// The digit.
    pub label: u8,
}

/// How the network that is being trained is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Whether it rests.
    pub paused: bool,
    /// Whether it is over.
    pub finished: bool,
    /// Steps taken.
    pub steps: u64,
    /// Steps in all.
    pub total_steps: u64,
    /// Seconds of training.
    pub seconds: f32,
    /// Images learnt from in a second.
    pub images_per_second: f32,
    /// Mean loss of the last steps, after each few of them: steps and value.
    pub losses: Vec<[f32; 2]>,
    /// Share of images held out that is read rightly, likewise.
    pub accuracies: Vec<[f32; 2]>,
    /// Share of the test digits that is read rightly, once it is over.
    pub test_accuracy: Option<f32>,
    /// The first layer's filters: height and width of each, and its weights.
    pub filters: (usize, usize, Vec<Vec<f32>>),
}

/// What the pointer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    Button(Spot),
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
    layout: Layout,
    zoom: usize,
    dark: bool,
    sheet: Sheet,
    history: History,
    tool: Tool,
    sights: Vec<Sight>,
    insights: Option<Arc<Vec<Insight>>>,
    progress: Option<Arc<Progress>>,
    lessons: Arc<Vec<LessonView>>,
    overlay: Option<Overlay>,
    message: Option<String>,
    pointer: Option<(f32, f32)>,
    held: Option<Held>,
    errands: Vec<Errand>,
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
            layout: Layout::new(width, height, ZOOMS[1], Side::Reading),
            zoom: 1,
            dark: true,
            sheet: Sheet { ink, picture },
            history: History::default(),
            tool: Tool::Pen,
            sights: Vec::new(),
            insights: None,
            progress: None,
            lessons: Arc::default(),
            overlay: None,
            message: None,
            pointer: None,
            held: None,
            errands: Vec::new(),
        }
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The drawing.
    pub fn ink(&self) -> &Ink {
        &self.sheet.ink
    }

    /// The picture under the drawing.
    pub fn picture(&self) -> Option<&Arc<GreyImage>> {
        self.sheet.picture.as_ref()
    }

    /// What the network saw last, digit by digit; nothing if the canvas is blank.
    pub fn sights(&self) -> &[Sight] {
        &self.sights
    }

    /// What the panel tells of: the digit under the pointer, or else the last one.
    pub fn sight(&self) -> Option<&Sight> {
        self.sights.get(self.sight_index()?)
    }

    /// Which of the sights that is.
    pub fn sight_index(&self) -> Option<usize> {
        let point = self.pointer.map(|(x, y)| self.layout.canvas_point(x, y));
        let under = |sight: &Sight| point.is_some_and(|point| sight.bounds.contains(point));
        let pointed = self.sights.iter().position(under).filter(|_| !self.ink().is_drawing());
        pointed.or(self.sights.len().checked_sub(1))
    }

    /// Every layer of the network, if the panel shows them.
    pub fn insights(&self) -> Option<&Arc<Vec<Insight>>> {
        self.insights.as_ref()
    }

    /// The training that is under way or was the last one, if the panel shows it.
    pub fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }

    /// What was taught.
    pub fn lessons(&self) -> &Arc<Vec<LessonView>> {
        &self.lessons
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
    pub fn looks_inside(&self) -> bool {
        self.layout.side == Side::Layers
    }

    /// Whether nothing lies on the canvas.
    pub fn is_blank(&self) -> bool {
        self.sheet.is_blank()
    }

    /// The button that the pointer is over, unless it is drawing.
    pub fn hovered(&self) -> Option<Spot> {
        if self.ink().is_drawing() || matches!(self.held, Some(Held::Slider | Held::Eraser { .. })) {
            return None;
        }
        let (x, y) = self.pointer?;
        self.spot_at(x, y)
    }

    /// The button that is held down, with the pointer still over it.
    pub fn pressed(&self) -> Option<Spot> {
        match self.held {
            Some(Held::Button(spot)) if self.hovered() == Some(spot) => Some(spot),
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
    fn eraser_radius(&self) -> f32 {
        0.5 * self.ink().pen().max(20.0)
    }

    /// Whether a network is in training.
    pub fn is_learning(&self) -> bool {
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
            Action::Unteach | Action::ForgetAll => !self.lessons.is_empty(),
            Action::Pause | Action::Stop => self.is_learning(),
            Action::Shipped => self.progress.is_some(),
            Action::Learn => !self.is_learning(),
            Action::Larger => self.zoom + 1 < ZOOMS.len(),
            Action::Smaller => self.zoom > 0,
            _ => true,
        }
    }

    /// Takes an event in.
    pub fn apply(&mut self, event: Event) -> Effects {
        match event {
            Event::PointerMoved { x, y } => self.pointer_moved(x, y),
            Event::PointerPressed { x, y } => self.pointer_moved(x, y) | self.pointer_pressed(x, y),
            Event::PointerReleased { x, y } => self.pointer_moved(x, y) | self.pointer_released(x, y),
            Event::KeyPressed { key, modifiers } => self.key_pressed(key, modifiers),
            Event::Resized { width, height } => self.resized(width, height),
        }
    }

    /// Does what a button or a key asks for. The help makes way for what it told of.
    pub fn act(&mut self, action: Action) -> Effects {
        if !self.can(action) {
            return Effects::default();
        }
        self.message = None;
        let about_the_window = matches!(
            action,
            Action::Help | Action::Lessons | Action::Quit | Action::Theme | Action::Larger | Action::Smaller
        );
        if self.overlay == Some(Overlay::Help) && !about_the_window {
            self.overlay = None;
            return self.perform(action) | Effects::REPAINT;
        }
        self.perform(action)
    }

    fn perform(&mut self, action: Action) -> Effects {
        match action {
            Action::Undo => self.changed(|state| state.history.undo(&mut state.sheet)),
            Action::Redo => self.changed(|state| state.history.redo(&mut state.sheet)),
            Action::Clear => {
                self.history.record(&self.sheet);
                self.sheet.ink.clear();
                self.sheet.picture = None;
                self.held = None;
                Effects::READ
            }
            Action::Eraser => {
                self.tool = if self.tool == Tool::Pen {
                    Tool::Eraser
                } else {
                    Tool::Pen
                };
                Effects::REPAINT
            }
            Action::Thinner => self.set_pen(self.ink().pen() / PEN_STEP),
            Action::Thicker => self.set_pen(self.ink().pen() * PEN_STEP),
            Action::Theme => {
                self.dark = !self.dark;
                Effects::REPAINT
            }
            Action::Larger => self.set_zoom(self.zoom + 1),
            Action::Smaller => self.set_zoom(self.zoom - 1),
            Action::Help => self.toggle(Overlay::Help),
            Action::Lessons => self.toggle(Overlay::Lessons),
            Action::Layers => {
                let side = match self.layout.side {
                    Side::Layers if self.is_learning() => Side::Learning,
                    Side::Layers => Side::Reading,
                    _ => Side::Layers,
                };
                self.turn_to(side);
                Effects::READ
            }
            Action::Quit if self.overlay.is_some() => {
                self.overlay = None;
                Effects::REPAINT
            }
            Action::Quit => Effects::QUIT,
            Action::Open => self.send(Errand::Open),
            Action::Save => self.send(Errand::Save),
            Action::SaveNetwork => self.send(Errand::SaveNetwork),
            Action::Sample => self.send(Errand::Sample),
            Action::Misread => self.send(Errand::Misread),
            Action::Unteach => self.send(Errand::Unteach),
            Action::ForgetAll => self.send(Errand::ForgetAll),
            Action::Learn => self.send(Errand::Learn),
            Action::Pause => self.send(Errand::Pause),
            Action::Stop => self.send(Errand::Stop),
            Action::Shipped => {
                self.progress = None;
                self.turn_to(Side::Reading);
                self.send(Errand::Shipped)
            }
        }
    }

    /// What is to be done since this was last asked.
    pub fn take_errands(&mut self) -> Vec<Errand> {
        std::mem::take(&mut self.errands)
    }

    /// The picture for the network of a drawing that is one digit, or `None` if the canvas is blank.
    pub fn look(&self) -> Option<Grey28> {
        match &self.sheet.picture {
            None => normalize_ink(&self.sheet.ink),
            Some(picture) if self.sheet.ink.is_empty() => normalize(picture),
            Some(picture) => normalize(&draw_over(picture, &self.sheet.ink)),
        }
    }

    /// Keeps what the network saw, to be shown.
    pub fn show(&mut self, sights: Vec<Sight>) {
        self.sights = sights;
    }

    /// Keeps every layer, to be shown.
    pub fn show_insights(&mut self, insights: Option<Arc<Vec<Insight>>>) {
        self.insights = insights;
    }

    /// Keeps how training goes, to be shown.
    pub fn show_progress(&mut self, progress: Arc<Progress>) {
        if !self.is_learning() && !progress.finished {
            self.turn_to(Side::Learning);
        }
        self.progress = Some(progress);
    }

    /// Keeps what was taught, to be shown.
    pub fn show_lessons(&mut self, lessons: Arc<Vec<LessonView>>) {
        self.lessons = lessons;
    }

    /// Says something in the status line, until the next action.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    /// Lays a picture on the canvas, in place of what lies there.
    pub fn lay(&mut self, picture: GreyImage) -> Effects {
        self.history.record(&self.sheet);
        self.sheet.ink.clear();
        self.sheet.picture = Some(Arc::new(picture));
        Effects::READ
    }

    /// Takes settings over that were kept from another time.
    pub fn set_look(&mut self, dark: bool, zoom: usize) {
        self.dark = dark;
        self.set_zoom(zoom.min(ZOOMS.len() - 1));
    }

    fn send(&mut self, errand: Errand) -> Effects {
        self.errands.push(errand);
        Effects::REPAINT
    }

    fn changed(&mut self, change: impl Fn(&mut State) -> bool) -> Effects {
        self.held = None;
        if change(self) {
            Effects::READ
        } else {
            Effects::default()
        }
    }

    fn toggle(&mut self, overlay: Overlay) -> Effects {
        self.overlay = if self.overlay == Some(overlay) {
            None
        } else {
            Some(overlay)
        };
        self.sheet.ink.lift();
        self.held = None;
        Effects::REPAINT
    }

    fn turn_to(&mut self, side: Side) {
        self.insights = None;
        let (width, height) = self.layout.window;
        self.layout = Layout::new(width, height, ZOOMS[self.zoom], side);
    }

    fn set_pen(&mut self, width: f32) -> Effects {
        self.sheet.ink.set_pen(width);
        Effects::REPAINT
    }

    fn set_zoom(&mut self, zoom: usize) -> Effects {
        self.zoom = zoom;
        self.turn_to(self.layout.side);
        Effects::READ
    }

    /// The button at a place; behind what lies over the window, there is none.
    fn spot_at(&self, x: f32, y: f32) -> Option<Spot> {
        match self.overlay {
            None => self.layout.spot_at(x, y),
            Some(Overlay::Help) => None,
            Some(Overlay::Lessons) => {
                // The newest comes first.
                let count = self.lessons.len();
                let place = self.layout.lessons(count).iter().position(|rect| rect.contains(x, y))?;
                count.checked_sub(place + 1).map(Spot::Lesson)
            }
        }
    }

    fn key_pressed(&mut self, key: Key, modifiers: Modifiers) -> Effects {
        if let (Key::Digit(digit), false) = (key, modifiers.control) {
            if self.is_blank() || self.ink().is_drawing() || self.overlay.is_some() {
                return Effects::default();
            }
            self.message = None;
            return self.send(Errand::Teach(digit));
        }
        Action::for_key(key, modifiers).map_or(Effects::default(), |action| self.act(action))
    }

    /// What of the picture depends on where the pointer is.
    fn follows_pointer(&self) -> impl PartialEq + use<> {
        (self.hovered(), self.pressed(), self.eraser(), self.sight_index())
    }

    fn pointer_moved(&mut self, x: f32, y: f32) -> Effects {
        let before = self.follows_pointer();
        self.pointer = Some((x, y));
        let point = self.layout.canvas_point(x, y);
        if self.sheet.ink.pen_move(point) {
            return Effects::READ;
        }
        match self.held {
            Some(Held::Slider) => return self.set_pen(self.layout.pen_at(x)),
            Some(Held::Eraser { last, has_erased }) => return self.erase(last, point, has_erased),
            _ => {}
        }
        if self.follows_pointer() == before {
            Effects::default()
        } else {
            Effects::REPAINT
        }
    }

    fn pointer_pressed(&mut self, x: f32, y: f32) -> Effects {
        if let Some(spot) = self.spot_at(x, y) {
            self.held = Some(Held::Button(spot));
            return Effects::REPAINT;
        }
        if self.overlay.take().is_some() {
            return Effects::REPAINT;
        }
        if self.layout.slider.contains(x, y) {
            self.held = Some(Held::Slider);
            return self.set_pen(self.layout.pen_at(x));
        }
        if !self.layout.canvas.contains(x, y) {
            return Effects::default();
        }
        let point = self.layout.canvas_point(x, y);
        self.message = None;
        match self.tool {
            Tool::Pen => {
                self.history.record(&self.sheet);
                self.sheet.ink.pen_down(point);
                Effects::READ
            }
            Tool::Eraser => self.erase(point, point, false),
        }
    }

    /// Rubs out along a way. What lay there before is kept once anything is taken.
    fn erase(&mut self, from: Point, to: Point, has_erased: bool) -> Effects {
        let before = (!has_erased).then(|| self.sheet.clone());
        let erased = self.sheet.ink.erase(from, to, self.eraser_radius());
        if let Some(before) = before.filter(|_| erased) {
            self.history.record(&before);
        }
        self.held = Some(Held::Eraser {
            last: to,
            has_erased: has_erased || erased,
        });
        if erased { Effects::READ } else { Effects::REPAINT }
    }

    fn pointer_released(&mut self, x: f32, y: f32) -> Effects {
        if self.ink().is_drawing() {
            let added = self.sheet.ink.pen_up(self.layout.canvas_point(x, y));
            return if added { Effects::READ } else { Effects::REPAINT };
        }
        let asked_for = self.pressed();
        match self.held.take() {
            None => Effects::default(),
            Some(Held::Eraser { .. }) => Effects::REPAINT,
            Some(_) => Effects::REPAINT | asked_for.map_or(Effects::default(), |spot| self.use_spot(spot)),
        }
    }

    fn use_spot(&mut self, spot: Spot) -> Effects {
        match spot {
            Spot::Action(action) => self.act(action),
            Spot::Lesson(index) => self.send(Errand::Forget(index)),
        }
    }

    fn resized(&mut self, width: usize, height: usize) -> Effects {
        // A window that is minimised may say that it has no size.
        if self.layout.window == (width, height) || width == 0 || height == 0 {
            return Effects::default();
        }
        self.layout = Layout::new(width, height, ZOOMS[self.zoom], self.layout.side);
        Effects::REPAINT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ink::{CANVAS, Point};

    fn window(opening: Opening) -> State {
        State::new(960, 640, opening)
    }

    /// The pixel at a share of the canvas's width and height.
    fn on_canvas(state: &State, x: f32, y: f32) -> (f32, f32) {
        let canvas = state.layout().canvas;
        (
            canvas.x as f32 + x * canvas.width as f32,
            canvas.y as f32 + y * canvas.height as f32,
        )
    }

    fn on_button(state: &State, action: Action) -> (f32, f32) {
        let buttons = &state.layout().buttons;
        let rect = buttons.iter().find(|button| button.action == action).unwrap().rect;
        (rect.x as f32 + 5.0, rect.y as f32 + 5.0)
    }

    fn moved(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerMoved { x, y })
    }

    fn pressed(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerPressed { x, y })
    }

    fn released(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerReleased { x, y })
    }

    fn typed(state: &mut State, key: Key) -> Effects {
        state.apply(Event::KeyPressed {
            key,
            modifiers: Modifiers::default(),
        })
    }

    /// A stroke down the middle.
    fn draw_a_one(state: &mut State) {
        let (from, to) = (on_canvas(state, 0.5, 0.2), on_canvas(state, 0.5, 0.8));
        assert_eq!(pressed(state, from), Effects::READ);
        assert_eq!(released(state, to), Effects::READ);
    }

    fn click(state: &mut State, action: Action) -> Effects {
        let at = on_button(state, action);
        pressed(state, at) | released(state, at)
    }

    #[test]
    fn a_drawing_is_in_canvas_units_whatever_the_window() {
        for (width, height) in [(640, 480), (960, 640), (1920, 1080), (700, 1400)] {
            let mut state = State::new(width, height, Opening::Blank);
            draw_a_one(&mut state);
            let points = state.ink().strokes()[0].points();
            assert!(points[0].distance(Point::new(0.5 * CANVAS, 0.2 * CANVAS)) < 0.01);
            assert!(points[1].distance(Point::new(0.5 * CANVAS, 0.8 * CANVAS)) < 0.01);
        }
    }

    #[test]
    fn a_stroke_may_leave_the_canvas_and_come_back() {
        let mut state = window(Opening::Blank);
        let (start, outside, end) = (
            on_canvas(&state, 0.5, 0.9),
            on_canvas(&state, 0.7, 1.5),
            on_canvas(&state, 0.9, 0.9),
        );
        pressed(&mut state, start);
        assert_eq!(moved(&mut state, outside), Effects::READ);
        assert!(
            state.over_canvas() && state.hovered().is_none(),
            "the pen is still drawing"
        );
        let button = on_button(&state, Action::Clear);
        moved(&mut state, button);
        assert_eq!(state.hovered(), None);
        released(&mut state, end);
        assert_eq!(state.ink().strokes().len(), 1);
        assert_eq!(state.ink().strokes()[0].points().len(), 4);
        let here = on_canvas(&state, 0.2, 0.2);
        assert_eq!(moved(&mut state, here), Effects::default(), "the pen is up");
    }

    #[test]
    fn a_stroke_goes_on_while_the_window_is_resized() {
        let mut state = window(Opening::Blank);
        let start = on_canvas(&state, 0.25, 0.25);
        pressed(&mut state, start);
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::REPAINT
        );
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::default()
        );
        let end = on_canvas(&state, 0.75, 0.75);
        released(&mut state, end);
        let points = state.ink().strokes()[0].points();
        assert!(points[0].distance(Point::new(140.0, 140.0)) < 0.01);
        assert!(points[1].distance(Point::new(420.0, 420.0)) < 0.01);
    }

    #[test]
    fn presses_beside_everything_do_nothing() {
        let mut state = window(Opening::Blank);
        for at in [(1.0, 1.0), (-50.0, -50.0), (959.0, 639.0), (1e9, 1e9), (f32::NAN, 3.0)] {
            assert_eq!(
                pressed(&mut state, at) | moved(&mut state, (5.0, 5.0)) | released(&mut state, at),
                Effects::default()
            );
        }
        assert!(state.is_blank());
    }

    #[test]
    fn keys_and_buttons_do_the_same() {
        let keys = [
            (Action::Clear, vec![Key::Letter('C'), Key::Delete, Key::Backspace]),
            (Action::Undo, vec![Key::Letter('Z')]),
            (Action::Redo, vec![Key::Letter('Y')]),
        ];
        for (action, keys) in keys {
            let mut by_button = window(Opening::Blank);
            draw_a_one(&mut by_button);
            draw_a_one(&mut by_button);
            by_button.act(Action::Undo);
            let before = by_button.clone();
            let effects = click(&mut by_button, action);
            for key in keys {
                let mut by_key = before.clone();
                let key_effects = typed(&mut by_key, key);
                assert_eq!(by_key.ink(), by_button.ink());
                assert_eq!(
                    (key_effects.read, key_effects.quit),
                    (effects.read, effects.quit),
                    "{key:?}"
                );
            }
        }
    }

    #[test]
    fn a_button_acts_when_it_is_let_go_on_it() {
        let mut state = window(Opening::Blank);
        draw_a_one(&mut state);
        let (button, elsewhere) = (on_button(&state, Action::Clear), on_canvas(&state, 0.5, 0.5));
        assert_eq!(moved(&mut state, button), Effects::REPAINT);
        assert_eq!(state.hovered(), Some(Spot::Action(Action::Clear)));
        assert_eq!(pressed(&mut state, button), Effects::REPAINT);
        assert_eq!(state.pressed(), Some(Spot::Action(Action::Clear)));
        moved(&mut state, elsewhere);
        assert_eq!((state.pressed(), state.over_canvas()), (None, false));
        released(&mut state, elsewhere);
        assert!(!state.is_blank(), "it was let go elsewhere");
        assert_eq!(click(&mut state, Action::Clear), Effects::READ);
        assert!(state.is_blank());
    }

    #[test]
    fn actions_that_change_nothing_are_off() {
        let mut state = window(Opening::Blank);
        assert!(!state.can(Action::Clear) && !state.can(Action::Undo) && state.can(Action::Quit));
        for key in [
            Key::Letter('C'),
            Key::Letter('Z'),
            Key::Letter('Y'),
            Key::Delete,
            Key::Letter('X'),
            Key::Digit(3),
        ] {
            assert_eq!(typed(&mut state, key), Effects::default());
        }
        draw_a_one(&mut state);
        assert!(state.can(Action::Clear) && state.can(Action::Undo));
    }

    #[test]
    fn clearing_while_drawing_ends_the_stroke() {
        let mut state = window(Opening::Blank);
        let (start, end) = (on_canvas(&state, 0.2, 0.2), on_canvas(&state, 0.8, 0.8));
        pressed(&mut state, start);
        assert_eq!(typed(&mut state, Key::Letter('C')), Effects::READ);
        assert_eq!(
            (moved(&mut state, end), released(&mut state, end)),
            (Effects::default(), Effects::default())
        );
        assert!(state.is_blank() && state.look().is_none());
    }

    #[test]
    fn what_is_drawn_is_what_the_network_gets() {
        let mut state = window(Opening::Blank);
        assert_eq!(state.look(), None);
        draw_a_one(&mut state);
        assert_eq!(state.look(), normalize_ink(state.ink()));
        assert!(state.look().is_some());
    }

    #[test]
    fn a_picture_can_be_read_drawn_on_and_cleared() {
        let bar = GreyImage::new(
            100,
            100,
            (0..10_000).map(|i| if i % 100 / 10 == 5 { 255 } else { 0 }).collect(),
        );
        let mut state = window(Opening::Picture(bar.clone()));
        assert_eq!(state.look(), normalize(&bar));
        assert!(state.can(Action::Clear) && !state.can(Action::Undo));
        let alone = state.look();
        let (from, to) = (on_canvas(&state, 0.1, 0.5), on_canvas(&state, 0.9, 0.5));
        pressed(&mut state, from);
        released(&mut state, to);
        assert_ne!(state.look(), alone);
        typed(&mut state, Key::Letter('Z'));
        assert_eq!(state.look(), alone);
        typed(&mut state, Key::Letter('C'));
        assert!(state.is_blank() && state.look().is_none());
    }

    fn events() -> impl Strategy<Value = Event> {
        let place = || (-100.0..1100.0f32, -100.0..800.0f32);
        let key = prop_oneof![
            Just(Key::Letter('C')),
            Just(Key::Letter('Z')),
            Just(Key::Letter('Y')),
            Just(Key::Letter('E')),
            Just(Key::Letter('H')),
            Just(Key::Letter('N')),
            Just(Key::Letter('L')),
            Just(Key::Digit(7)),
            Just(Key::Plus),
            Just(Key::Escape),
            Just(Key::Delete),
        ];
        prop_oneof![
            8 => place().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => place().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => place().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            1 => (key, any::<bool>(), any::<bool>()).prop_map(|(key, control, shift)| {
                Event::KeyPressed { key, modifiers: Modifiers { control, shift } }
            }),
            1 => (0..1400usize, 0..1000usize).prop_map(|(width, height)| Event::Resized { width, height }),
        ]
    }

    #[test]
    fn an_eraser_that_takes_nothing_leaves_no_trace() {
        let mut state = window(Opening::Blank);
        draw_a_one(&mut state);
        draw_a_one(&mut state);
        state.act(Action::Undo);
        state.act(Action::Eraser);
        let (beside, over, end) = (
            on_canvas(&state, 0.1, 0.1),
            on_canvas(&state, 0.5, 0.1),
            on_canvas(&state, 0.5, 0.5),
        );
        assert_eq!(
            pressed(&mut state, beside) | released(&mut state, beside),
            Effects::REPAINT
        );
        assert!(state.can(Action::Redo));
        pressed(&mut state, over);
        let before = state.ink().clone();
        assert_eq!(moved(&mut state, end), Effects::READ);
        state.act(Action::Help);
        let erased = state.ink().clone();
        assert_ne!(erased.strokes(), before.strokes());
        let lower = on_canvas(&state, 0.5, 0.8);
        moved(&mut state, lower);
        assert_eq!(state.ink().strokes(), erased.strokes(), "the help lies over the canvas");
        assert!(!state.can(Action::Redo));
        state.act(Action::Undo);
        assert_eq!(state.ink().strokes(), before.strokes());
    }

    #[test]
    fn a_window_without_a_size_keeps_what_it_had() {
        let mut state = window(Opening::Blank);
        for (width, height) in [(0, 0), (0, 300), (300, 0)] {
            assert_eq!(state.apply(Event::Resized { width, height }), Effects::default());
            assert_eq!(state.layout().window, (960, 640));
        }
    }

    #[test]
    fn the_help_makes_way_for_what_it_tells_of() {
        let mut state = window(Opening::default());
        draw_a_one(&mut state);
        state.act(Action::Help);
        state.act(Action::Theme);
        assert_eq!(state.overlay(), Some(Overlay::Help));
        let effects = state.act(Action::Undo);
        assert_eq!((effects, state.overlay()), (Effects::READ | Effects::REPAINT, None));
        assert!(state.is_blank());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_events_leave_a_state_that_holds_together(events in proptest::collection::vec(events(), 0..80)) {
            let mut state = window(Opening::Blank);
            for event in events {
                let before = state.ink().clone();
                let effects = state.apply(event);
                prop_assert!(effects.read || state.ink().strokes() == before.strokes());
                prop_assert!(!effects.read || effects.repaint);
            }
            prop_assert_eq!(state.is_blank(), state.look().is_none());
        }
    }
}
