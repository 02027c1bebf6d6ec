//! The window on the screen: reports events and shows pixels. The only file that names minifb.
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

use crate::{
    app::{controller::Controller, settings::Settings},
    error::Error,
    recognition::prediction::Prediction,
    ui::{Effects, Event, HitTarget, Key, Modifiers, Opening, Painter, RecognizedDigit, State, Theme},
};

/// The least time between two pictures.
const FRAME: Duration = Duration::from_micros(16_600);

/// How long the loop sleeps when it will be woken by whatever happens, except by the window being closed.
#[cfg(all(unix, not(target_os = "macos")))]
const WOKEN: Duration = Duration::from_millis(50);

/// How long the loop sleeps between two questions while the pointer is in use.
const ASKING: Duration = Duration::from_millis(2);

/// How long the loop sleeps between two questions otherwise.
const IDLE: Duration = Duration::from_millis(8);

/// How long after its last movement the pointer counts as in use.
const IN_USE: Duration = Duration::from_secs(2);

/// How long the loop sleeps while news may come from another thread.
const BUSY: Duration = Duration::from_millis(15);

/// How often the picture is shown again where nothing tells that it was lost.
const REFRESH: Duration = Duration::from_secs(1);

/// How the window opens.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// What stands in the title bar.
    pub title: String,
    /// The size, the theme and the like.
    pub settings: Settings,
    /// Whether to print a line on standard error when the first picture is shown (`ready`) and for each reading:
    /// `reading: digit=1 probability=0.993 known=true`, or `reading: none` once the canvas is blank again.
    pub log_predictions: bool,
}

impl Default for WindowOptions {
    fn default() -> Self {
        WindowOptions {
            title: "digit-pad".to_owned(),
            settings: Settings::default(),
            log_predictions: false,
        }
    }
}

/// Opens the window and comes back when it is closed, with the settings as they are then.
///
/// # Errors
///
/// [`Error::NoDisplay`] if there is nothing to open a window on, [`Error::Window`] if the display refuses it or stops
/// taking pictures.
pub fn run(options: &WindowOptions, controller: &mut Controller, opening: Opening) -> Result<Settings, Error> {
    if display_is_missing() {
        return Err(Error::NoDisplay);
    }
    let Settings {
        width,
        height,
        zoom,
        dark,
    } = options.settings;
    let mut state = State::new(width, height, opening);
    state.set_appearance(dark, zoom);
    controller.open(&mut state);
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
        controller,
        log: options.log_predictions,
        shown: None,
        in_use: now,
    };
    if let Some(message) = pad.state.message() {
        pad.log(&format!("message: {message}"));
    }
    pad.run()?;
    let (width, height) = pad.state.layout().window;
    Ok(Settings {
        width,
        height,
        zoom: pad.state.zoom(),
        dark: pad.state.is_dark(),
    })
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
    let mut window = minifb::Window::new(
        &options.title,
        options.settings.width,
        options.settings.height,
        minifb_options,
    )
    .map_err(window_error)?;
    // The loop keeps the time itself.
    window.set_target_fps(0);
    let theme = if options.settings.dark {
        Theme::DARK
    } else {
        Theme::LIGHT
    };
    let [_, red, green, blue] = theme.background.0.to_be_bytes();
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
    held: Rc<RefCell<Held>>,
}

/// The left and the right one of keys that change the meaning of others.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    control: [bool; 2],
    shift: [bool; 2],
}

impl Held {
    fn modifiers(self) -> Modifiers {
        Modifiers {
            control: self.control.contains(&true),
            shift: self.shift.contains(&true),
        }
    }
}

impl Keys {
    fn take(&self) -> Vec<Event> {
        self.pressed.take()
    }

    /// A key that is let go while another window has the keyboard is not heard of.
    fn forget_held(&self) {
        *self.held.borrow_mut() = Held::default();
    }
}

impl minifb::InputCallback for Keys {
    /// What is written is a question of the keyboard's layout: on some, digits stand above other signs.
    fn add_char(&mut self, char: u32) {
        let modifiers = self.held.borrow().modifiers();
        if let Some(key) = char::from_u32(char)
            .and_then(written_key)
            .filter(|_| !modifiers.control)
        {
            self.pressed.borrow_mut().push(Event::KeyPressed { key, modifiers });
        }
    }

    fn set_key_state(&mut self, key: minifb::Key, down: bool) {
        let mut held = self.held.borrow_mut();
        match key {
            minifb::Key::LeftCtrl => held.control[0] = down,
            minifb::Key::RightCtrl => held.control[1] = down,
            minifb::Key::LeftShift => held.shift[0] = down,
            minifb::Key::RightShift => held.shift[1] = down,
            key => {
                let modifiers = held.modifiers();
                let zoom = zoom_key(key).filter(|_| modifiers.control);
                if let Some(key) = zoom.or_else(|| pad_key(key)).filter(|_| down) {
                    self.pressed.borrow_mut().push(Event::KeyPressed { key, modifiers });
                }
            }
        }
    }
}

/// The keys that are told by what they write.
fn written_key(char: char) -> Option<Key> {
    match char {
        '0'..='9' => Some(Key::Digit(char as u8 - b'0')),
        // The sign under the plus on many keyboards.
        '+' | '=' => Some(Key::Plus),
        '-' => Some(Key::Minus),
        '?' => Some(Key::Help),
        _ => None,
    }
}

/// Keys of these two signs, which write nothing while control is held.
fn zoom_key(key: minifb::Key) -> Option<Key> {
    match key {
        minifb::Key::Equal | minifb::Key::NumPadPlus => Some(Key::Plus),
        minifb::Key::Minus | minifb::Key::NumPadMinus => Some(Key::Minus),
        _ => None,
    }
}

/// The keys that are told by where they are, or by their name.
fn pad_key(key: minifb::Key) -> Option<Key> {
    let after_a = (key as usize).checked_sub(minifb::Key::A as usize).filter(|&i| i < 26);
    match key {
        minifb::Key::Escape => Some(Key::Escape),
        minifb::Key::Delete => Some(Key::Delete),
        minifb::Key::Backspace => Some(Key::Backspace),
        minifb::Key::Space => Some(Key::Space),
        minifb::Key::F1 => Some(Key::Help),
        _ => after_a.map(|i| Key::Letter((b'A' + i as u8) as char)),
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
        let _ = events;
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
    controller: &'a mut Controller,
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
            recognize: !self.state.is_blank(),
            quit: false,
        };
        loop {
            if due.repaint && self.time_to_next_frame().is_zero() {
                self.show(due.recognize)?;
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
        let mut rest = self.pointer.rests_for(self.in_use.elapsed() < IN_USE);
        if self.controller.is_busy() {
            rest = rest.min(BUSY);
        }
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
            self.keys.forget_held();
        }
        events.extend(self.keys.take());
        let (width, height) = self.window.get_size();
        events.push(Event::Resized { width, height });
        let mut effects = events
            .into_iter()
            .fold(Effects::default(), |effects, event| effects | self.state.apply(event));
        let before = self.state.message().map(str::to_owned);
        for command in self.state.take_commands() {
            effects |= self.controller.run(command, &mut self.state);
        }
        effects |= self.controller.poll(&mut self.state);
        if let Some(message) = self
            .state
            .message()
            .filter(|message| before.as_deref() != Some(message))
        {
            self.log(&format!("message: {message}"));
        }
        self.choose_cursor();
        effects
            | Effects {
                repaint: lost || stale,
                ..Effects::default()
            }
    }

    fn choose_cursor(&mut self) {
        let usable = match self.state.hovered() {
            Some(HitTarget::Action(action)) => self.state.is_enabled(action),
            Some(HitTarget::Example(_)) => true,
            None => false,
        };
        self.window.set_cursor_style(if self.state.is_over_canvas() {
            CursorStyle::Crosshair
        } else if usable {
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
        self.controller.recognize(&mut self.state);
        self.log(&prediction_line(self.state.digits()));
    }

    fn log(&self, line: &str) {
        if self.log {
            // Nobody may be listening; the window goes on.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

fn prediction_line(digits: &[RecognizedDigit]) -> String {
    let one = |prediction: &Prediction| {
        let (digit, probability, known) = (prediction.digit(), prediction.probability(), prediction.known);
        format!("digit={digit} probability={probability:.3} known={known}")
    };
    match digits {
        [] => "reading: none".to_owned(),
        digits => {
            let digits: Vec<_> = digits.iter().map(|digit| one(&digit.prediction)).collect();
            format!("reading: {}", digits.join(" and "))
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
            (minifb::Key::F5, true),
            (minifb::Key::RightCtrl, true),
            (minifb::Key::Z, true),
            (minifb::Key::RightCtrl, false),
            (minifb::Key::Escape, true),
        ];
        strokes
            .into_iter()
            .for_each(|(key, down)| callback.set_key_state(key, down));
        let pressed = |key, control| Event::KeyPressed {
            key,
            modifiers: Modifiers { control, shift: false },
        };
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
        keys.forget_held();
        callback.set_key_state(minifb::Key::C, true);
        assert_eq!(
            keys.take(),
            [Event::KeyPressed {
                key: Key::Letter('C'),
                modifiers: Modifiers::default()
            }]
        );
    }

    #[test]
    fn keys_are_named() {
        for (key, expected) in [
            (minifb::Key::A, Some(Key::Letter('A'))),
            (minifb::Key::Z, Some(Key::Letter('Z'))),
            (minifb::Key::F1, Some(Key::Help)),
            (minifb::Key::F2, None),
            (minifb::Key::Up, None),
            (minifb::Key::Key0, None),
            (minifb::Key::NumPad9, None),
        ] {
            assert_eq!(pad_key(key), expected, "{key:?}");
        }
        for (char, expected) in [
            ('0', Some(Key::Digit(0))),
            ('9', Some(Key::Digit(9))),
            ('+', Some(Key::Plus)),
            ('=', Some(Key::Plus)),
            ('-', Some(Key::Minus)),
            ('?', Some(Key::Help)),
            ('a', None),
            ('/', None),
            ('\u{1b}', None),
        ] {
            assert_eq!(written_key(char), expected, "{char:?}");
        }
    }

    #[test]
    fn digits_are_what_is_written_and_zoom_is_not() {
        let keys = Keys::default();
        let mut callback = keys.clone();
        // Shift and the key of a minus write a six on some keyboards.
        callback.set_key_state(minifb::Key::LeftShift, true);
        callback.set_key_state(minifb::Key::Minus, true);
        callback.add_char('6'.into());
        callback.set_key_state(minifb::Key::LeftShift, false);
        callback.set_key_state(minifb::Key::LeftCtrl, true);
        callback.set_key_state(minifb::Key::Minus, true);
        callback.add_char('-'.into());
        callback.add_char(0x1b);
        let pressed = |key, control, shift| Event::KeyPressed {
            key,
            modifiers: Modifiers { control, shift },
        };
        assert_eq!(
            keys.take(),
            [pressed(Key::Digit(6), false, true), pressed(Key::Minus, true, false)]
        );
    }

    #[test]
    fn predictions_are_logged_in_one_form() {
        let mut probabilities = [0.0; 10];
        (probabilities[4], probabilities[9]) = (0.9926, 0.0074);
        let prediction = Prediction {
            probabilities,
            known: true,
            microseconds: 31.0,
        };
        let digit = RecognizedDigit {
            pixels: [0; 784],
            prediction,
            bounds: crate::drawing::strokes::CANVAS_BOUNDS,
        };
        let one = "digit=4 probability=0.993 known=true";
        assert_eq!(prediction_line(&[]), "reading: none");
        assert_eq!(prediction_line(std::slice::from_ref(&digit)), format!("reading: {one}"));
        assert_eq!(
            prediction_line(&[digit.clone(), digit]),
            format!("reading: {one} and {one}")
        );
    }
}
