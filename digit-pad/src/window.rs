//! The window itself: events in, pictures out. The only file that names minifb.
//!
//! minifb tells of every key through a callback, but of the pointer it only knows where it is and which buttons are
//! down at the moment of asking: a click shorter than the time between two questions never happened, and a fast
//! stroke has few points. On X11, `window/x11.rs` therefore receives what the pointer does at first hand and wakes this
//! file's loop; elsewhere the loop asks several hundred times a second. Pictures are made at most sixty times a second,
//! and only if something changed.

#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::{CursorStyle, MouseButton, MouseMode, ScaleMode, UseGPU};

use crate::error::Error;
use crate::reading::{Reader, Reading};
use crate::view::{Action, DEFAULT_SIZE, Effects, Event, Key, Opening, Painter, Sight, State, Theme};

/// The least time between two pictures.
const FRAME: Duration = Duration::from_micros(16_600);

/// How long the loop sleeps when it will be woken by whatever happens, except by the window being closed.
const WOKEN: Duration = Duration::from_millis(50);

/// How long the loop sleeps between two questions while the pointer is in use.
const ASKING: Duration = Duration::from_millis(2);

/// How long the loop sleeps between two questions otherwise.
const IDLE: Duration = Duration::from_millis(8);

/// How long after its last movement the pointer counts as in use.
const IN_USE: Duration = Duration::from_secs(2);

/// How often the picture is shown again where nothing tells that it was lost.
const REFRESH: Duration = Duration::from_secs(1);

/// How the window opens.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// What stands in the title bar.
    pub title: String,
    /// To the right, in pixels.
    pub width: usize,
    /// Down, in pixels.
    pub height: usize,
    /// Whether to print a line on standard error when the first picture is shown (`ready`) and for each reading:
    /// `reading: digit=1 probability=0.993 known=true`, or `reading: none` once the canvas is blank again.
    pub log_predictions: bool,
}

impl Default for WindowOptions {
    fn default() -> Self {
        let (width, height) = DEFAULT_SIZE;
        WindowOptions {
            title: "digit-pad".to_owned(),
            width,
            height,
            log_predictions: false,
        }
    }
}

/// Opens the window and comes back when it is closed.
///
/// # Errors
///
/// [`Error::NoDisplay`] if there is nothing to open a window on, [`Error::Window`] if the display refuses it or stops
/// taking pictures.
pub fn run(options: &WindowOptions, reader: &mut dyn Reader, opening: Opening) -> Result<(), Error> {
    if display_is_missing() {
        return Err(Error::NoDisplay);
    }
    let state = State::new(options.width, options.height, opening);
    let mut window = open(options)?;
    let keys = Keys::default();
    window.set_input_callback(Box::new(keys.clone()));
    let pointer = Pointer::new(&window);
    let now = Instant::now();
    let mut pad = Pad {
        window,
        keys,
        pointer,
        state,
        painter: Painter::new(),
        reader,
        log: options.log_predictions,
        shown: None,
        in_use: now,
    };
    pad.run()
}

/// On systems whose displays are named by the environment, whether none is named.
fn display_is_missing() -> bool {
    let named = |variable| std::env::var_os(variable).is_some_and(|name| !name.is_empty());
    cfg!(all(unix, not(target_os = "macos")))
        && !["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(named)
}

fn open(options: &WindowOptions) -> Result<minifb::Window, Error> {
    let minifb_options = minifb::WindowOptions {
        resize: true,
        scale_mode: ScaleMode::UpperLeft,
        // Pictures have the window's size: nothing to scale, and bringing up a graphics driver costs start-up time.
        use_gpu: UseGPU::Disabled,
        ..minifb::WindowOptions::default()
    };
    let mut window =
        minifb::Window::new(&options.title, options.width, options.height, minifb_options).map_err(window_error)?;
    // The loop keeps the time itself.
    window.set_target_fps(0);
    let [_, red, green, blue] = Theme::DARK.background.0.to_be_bytes();
    window.set_background_color(red, green, blue);
    Ok(window)
}

fn window_error(error: minifb::Error) -> Error {
    let reason = match error {
        minifb::Error::WindowCreate(reason) | minifb::Error::UpdateFailed(reason) => reason,
        other => other.to_string(),
    };
    Error::Window { reason }
}

/// The keys that went down since they were last taken, in order: minifb calls back for each, however short.
#[derive(Debug, Clone, Default)]
struct Keys {
    pressed: Rc<RefCell<Vec<Event>>>,
    control: Rc<RefCell<[bool; 2]>>,
}

impl Keys {
    fn take(&self) -> Vec<Event> {
        self.pressed.take()
    }

    /// A control key that is let go while another window has the keyboard is not heard of.
    fn forget_control(&self) {
        *self.control.borrow_mut() = [false; 2];
    }
}

impl minifb::InputCallback for Keys {
    fn add_char(&mut self, _: u32) {}

    fn set_key_state(&mut self, key: minifb::Key, down: bool) {
        match key {
            minifb::Key::LeftCtrl => self.control.borrow_mut()[0] = down,
            minifb::Key::RightCtrl => self.control.borrow_mut()[1] = down,
            key => {
                if let Some(key) = pad_key(key).filter(|_| down) {
                    let control = self.control.borrow().contains(&true);
                    self.pressed.borrow_mut().push(Event::KeyPressed { key, control });
                }
            }
        }
    }
}

fn pad_key(key: minifb::Key) -> Option<Key> {
    match key {
        minifb::Key::Escape => Some(Key::Escape),
        minifb::Key::Delete => Some(Key::Delete),
        minifb::Key::Backspace => Some(Key::Backspace),
        minifb::Key::C => Some(Key::Letter('C')),
        minifb::Key::Q => Some(Key::Letter('Q')),
        minifb::Key::Z => Some(Key::Letter('Z')),
        _ => None,
    }
}

/// Where news of the pointer comes from.
#[derive(Debug)]
enum Pointer {
    /// From the display, one event after the other.
    #[cfg(all(unix, not(target_os = "macos")))]
    Told(x11::Events),
    /// From asking minifb.
    Asked(Asked),
}

/// What the answers were when minifb was last asked.
#[derive(Debug, Default)]
struct Asked {
    place: Option<(f32, f32)>,
    down: bool,
}

impl Pointer {
    fn new(window: &minifb::Window) -> Self {
        #[cfg(all(unix, not(target_os = "macos")))]
        if let Some(events) = x11::Events::of(window) {
            return Pointer::Told(events);
        }
        let _ = window;
        Pointer::Asked(Asked::default())
    }

    fn rests_for(&self, in_use: bool) -> Duration {
        match self {
            #[cfg(all(unix, not(target_os = "macos")))]
            Pointer::Told(_) => WOKEN,
            Pointer::Asked(_) if in_use => ASKING,
            Pointer::Asked(_) => IDLE,
        }
    }

    /// Waits until something happens, but no longer than `rest`; says whether the picture on the screen was lost.
    fn wait(&mut self, rest: Duration, events: &mut Vec<Event>) -> bool {
        match self {
            #[cfg(all(unix, not(target_os = "macos")))]
            Pointer::Told(source) => match source.wait(rest, events) {
                Ok(lost) => return lost,
                Err(x11::Gone) => *self = Pointer::Asked(Asked::default()),
            },
            Pointer::Asked(_) => std::thread::sleep(rest),
        }
        false
    }
}

impl Asked {
    fn ask(&mut self, window: &minifb::Window, events: &mut Vec<Event>) {
        let place = window.get_unscaled_mouse_pos(MouseMode::Pass);
        let down = window.get_mouse_down(MouseButton::Left);
        let Some((x, y)) = place else { return };
        if down != self.down {
            events.push(if down {
                Event::PointerPressed { x, y }
            } else {
                Event::PointerReleased { x, y }
            });
        } else if place != self.place {
            events.push(Event::PointerMoved { x, y });
        }
        (self.place, self.down) = (place, down);
    }
}

/// The open window and all that it takes to keep it going.
struct Pad<'a> {
    window: minifb::Window,
    keys: Keys,
    pointer: Pointer,
    state: State,
    painter: Painter,
    reader: &'a mut dyn Reader,
    log: bool,
    /// When the last picture was shown.
    shown: Option<Instant>,
    /// When the pointer was last seen to do something.
    in_use: Instant,
}

impl Pad<'_> {
    fn run(&mut self) -> Result<(), Error> {
        // What lies on the canvas already is to be read and shown.
        let mut due = Effects {
            repaint: true,
            read: !self.state.is_blank(),
            quit: false,
        };
        loop {
            if due.repaint && self.time_to_next_frame().is_zero() {
                self.show(due.read)?;
                due = Effects::default();
            }
            due |= self.take_events(due.repaint);
            if due.quit || !self.window.is_open() {
                return Ok(());
            }
        }
    }

    fn time_to_next_frame(&self) -> Duration {
        self.shown
            .map_or(Duration::ZERO, |shown| FRAME.saturating_sub(shown.elapsed()))
    }

    /// Waits for news, no longer than a picture that is due can wait, and takes it in.
    fn take_events(&mut self, repaint_due: bool) -> Effects {
        let mut events = Vec::new();
        let rest = self.pointer.rests_for(self.in_use.elapsed() < IN_USE);
        let rest = if repaint_due {
            rest.min(self.time_to_next_frame())
        } else {
            rest
        };
        let lost = self.pointer.wait(rest, &mut events);
        let was_active = self.window.is_active();
        self.window.update();
        let stale = match &mut self.pointer {
            Pointer::Asked(asked) => {
                asked.ask(&self.window, &mut events);
                self.shown.is_some_and(|shown| shown.elapsed() >= REFRESH)
            }
            #[cfg(all(unix, not(target_os = "macos")))]
            Pointer::Told(_) => false,
        };
        if !events.is_empty() {
            self.in_use = Instant::now();
        }
        if was_active && !self.window.is_active() {
            self.keys.forget_control();
        }
        events.extend(self.keys.take());
        let (width, height) = self.window.get_size();
        events.push(Event::Resized { width, height });
        let effects = events
            .into_iter()
            .fold(Effects::default(), |effects, event| effects | self.state.apply(event));
        self.choose_cursor();
        effects
            | Effects {
                repaint: lost || stale,
                ..Effects::default()
            }
    }

    fn choose_cursor(&mut self) {
        self.window.set_cursor_style(if self.state.over_canvas() {
            CursorStyle::Crosshair
        } else if self
            .state
            .hovered()
            .is_some_and(|action: Action| self.state.can(action))
        {
            CursorStyle::OpenHand
        } else {
            CursorStyle::Arrow
        });
    }

    fn show(&mut self, read: bool) -> Result<(), Error> {
        let started = Instant::now();
        if read {
            self.read();
        }
        self.painter.paint(&self.state);
        let (width, height) = self.painter.size();
        self.window
            .update_with_buffer(self.painter.pixels(), width, height)
            .map_err(window_error)?;
        if self.shown.is_none() {
            self.log("ready");
        }
        self.shown = Some(started);
        Ok(())
    }

    fn read(&mut self) {
        let sight = self.state.look().map(|pixels| Sight {
            reading: self.reader.read(&pixels),
            pixels,
        });
        self.log(&reading_line(sight.as_ref().map(|sight| &sight.reading)));
        self.state.show(sight);
    }

    fn log(&self, line: &str) {
        if self.log {
            // Nobody may be listening; the window goes on.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

fn reading_line(reading: Option<&Reading>) -> String {
    match reading {
        None => "reading: none".to_owned(),
        Some(reading) => {
            let (digit, probability, known) = (reading.digit(), reading.probability(), reading.known);
            format!("reading: digit={digit} probability={probability:.3} known={known}")
        }
    }
}

#[cfg(test)]
mod tests {
    use minifb::InputCallback;

    use super::*;

    #[test]
    fn keys_are_kept_in_order_until_they_are_taken() {
        let keys = Keys::default();
        let mut callback = keys.clone();
        let strokes = [
            (minifb::Key::C, true),
            (minifb::Key::C, false),
            (minifb::Key::X, true),
            (minifb::Key::RightCtrl, true),
            (minifb::Key::Z, true),
            (minifb::Key::RightCtrl, false),
            (minifb::Key::Escape, true),
        ];
        strokes
            .into_iter()
            .for_each(|(key, down)| callback.set_key_state(key, down));
        let pressed = |key, control| Event::KeyPressed { key, control };
        let expected = [
            pressed(Key::Letter('C'), false),
            pressed(Key::Letter('Z'), true),
            pressed(Key::Escape, false),
        ];
        assert_eq!(keys.take(), expected);
        assert!(keys.take().is_empty());
    }

    #[test]
    fn a_control_key_is_forgotten_with_the_keyboard() {
        let keys = Keys::default();
        let mut callback = keys.clone();
        callback.set_key_state(minifb::Key::LeftCtrl, true);
        keys.forget_control();
        callback.set_key_state(minifb::Key::C, true);
        assert_eq!(
            keys.take(),
            [Event::KeyPressed {
                key: Key::Letter('C'),
                control: false
            }]
        );
    }

    #[test]
    fn every_button_has_its_letter() {
        let letters = [minifb::Key::C, minifb::Key::Z, minifb::Key::Q].map(pad_key);
        assert_eq!(letters, Action::ALL.map(|action| Some(Key::Letter(action.letter()))));
    }

    #[test]
    fn readings_are_logged_in_one_form() {
        let mut probabilities = [0.0; 10];
        (probabilities[4], probabilities[9]) = (0.9926, 0.0074);
        let reading = Reading {
            probabilities,
            known: true,
            microseconds: 31.0,
        };
        assert_eq!(
            reading_line(Some(&reading)),
            "reading: digit=4 probability=0.993 known=true"
        );
        assert_eq!(reading_line(None), "reading: none");
    }
}
