//! The window on the screen: passes events to the user interface and shows its pixels.
//!
//! minifb reports every key by a callback, but only the current position and buttons of the pointer: clicks shorter than
//! the polling interval are lost, and fast strokes have few points. On X11, `window/x11.rs` therefore receives pointer
//! events directly and wakes the event loop; elsewhere the loop polls several hundred times a second. Frames are painted
//! at most sixty times a second, and only if something changed.

mod keyboard;
mod pointer;
pub mod session;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

use std::io::Write;
use std::time::{Duration, Instant};

use minifb::{CursorStyle, ScaleMode, UseGPU};

use self::{keyboard::Keyboard, pointer::Pointer};
use crate::{
    app::{controller::Controller, settings::Settings},
    error::Error,
    recognition::prediction::Prediction,
    ui::{Effects, Event, HitTarget, Opening, Painter, RecognizedDigit, State, Theme},
};

/// Shortest time between two frames.
const FRAME_INTERVAL: Duration = Duration::from_micros(16_600);

/// Time after its last event during which the pointer counts as active.
const ACTIVE_TIME: Duration = Duration::from_secs(2);

/// Longest wait while the controller is busy.
const BUSY_INTERVAL: Duration = Duration::from_millis(15);

/// Interval at which the frame is shown again where nothing reports that it has to be redrawn.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// How the window opens.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// Text of the title bar.
    pub title: String,
    /// Size, theme and zoom.
    pub settings: Settings,
    /// Whether to log to standard error: `ready` with the first frame, messages as `message: …`, and each prediction as
    /// `reading: digit=1 probability=0.993 known=true`, or `reading: none` for a blank canvas.
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

/// Opens the window, runs it until it is closed, and returns its final settings.
///
/// # Errors
///
/// [`Error::NoDisplay`] if there is no display, [`Error::Window`] if the display refuses the window or a frame.
pub fn run(options: &WindowOptions, controller: &mut Controller, opening: Opening) -> Result<Settings, Error> {
    if display_is_missing() {
        return Err(Error::NoDisplay);
    }
    let Settings {
        width,
        height,
        zoom_index,
        dark,
    } = options.settings;
    let mut state = State::new(width, height, opening);
    state.set_appearance(dark, zoom_index);
    controller.open(&mut state);
    let mut window = open(options)?;
    let keyboard = Keyboard::default();
    window.set_input_callback(Box::new(keyboard.clone()));
    let pointer = Pointer::new(&window);
    let mut event_loop = EventLoop {
        window,
        keyboard,
        pointer,
        state,
        painter: Painter::new(),
        controller,
        log: options.log_predictions,
        last_frame: None,
        last_event: Instant::now(),
    };
    if let Some(message) = event_loop.state.message() {
        event_loop.log(&format!("message: {message}"));
    }
    event_loop.run()?;
    let state = &event_loop.state;
    let (width, height) = state.layout().window;
    Ok(Settings {
        width,
        height,
        zoom_index: state.zoom_index(),
        dark: state.is_dark(),
    })
}

/// Whether the system selects displays by environment variables and none is set.
fn display_is_missing() -> bool {
    let is_set = |variable| std::env::var_os(variable).is_some_and(|name| !name.is_empty());
    cfg!(all(unix, not(target_os = "macos")))
        && !["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(is_set)
}

fn open(options: &WindowOptions) -> Result<minifb::Window, Error> {
    let minifb_options = minifb::WindowOptions {
        resize: true,
        scale_mode: ScaleMode::UpperLeft,
        // Frames have the window's size, and starting a graphics driver takes time.
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
    // The event loop limits the frame rate.
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

/// The open window and everything that its loop needs.
struct EventLoop<'a> {
    window: minifb::Window,
    keyboard: Keyboard,
    pointer: Pointer,
    state: State,
    painter: Painter,
    controller: &'a mut Controller,
    log: bool,
    /// When the last frame was shown.
    last_frame: Option<Instant>,
    /// When the last pointer event came.
    last_event: Instant,
}

impl EventLoop<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let mut pending = Effects {
            repaint: true,
            recognize: !self.state.is_blank(),
            quit: false,
        };
        loop {
            if pending.repaint && self.time_to_next_frame().is_zero() {
                self.show_frame(pending.recognize)?;
                pending = Effects::default();
            }
            pending |= self.handle_events(pending.repaint);
            if pending.quit || !self.window.is_open() {
                return Ok(());
            }
        }
    }

    fn time_to_next_frame(&self) -> Duration {
        self.last_frame
            .map_or(Duration::ZERO, |shown| FRAME_INTERVAL.saturating_sub(shown.elapsed()))
    }

    /// Waits for events, but no longer than a pending repaint may wait, and handles them.
    fn handle_events(&mut self, repaint_pending: bool) -> Effects {
        let mut events = Vec::new();
        let mut timeout = self.pointer.max_wait(self.last_event.elapsed() < ACTIVE_TIME);
        if self.controller.is_busy() {
            timeout = timeout.min(BUSY_INTERVAL);
        }
        if repaint_pending {
            timeout = timeout.min(self.time_to_next_frame());
        }
        let exposed = self.pointer.wait(timeout, &mut events);
        let was_active = self.window.is_active();
        self.window.update();
        let stale = match &mut self.pointer {
            Pointer::Polled(pointer) => {
                pointer.poll(&self.window, &mut events);
                self.last_frame.is_some_and(|shown| shown.elapsed() >= REFRESH_INTERVAL)
            }
            #[cfg(all(unix, not(target_os = "macos")))]
            Pointer::X11(_) => false,
        };
        if !events.is_empty() {
            self.last_event = Instant::now();
        }
        if was_active && !self.window.is_active() {
            self.keyboard.release_modifiers();
        }
        events.extend(self.keyboard.take());
        let (width, height) = self.window.get_size();
        events.push(Event::Resized { width, height });
        let mut effects = events
            .into_iter()
            .fold(Effects::default(), |effects, event| effects | self.state.apply(event));
        let previous = self.state.message().map(str::to_owned);
        for command in self.state.take_commands() {
            effects |= self.controller.run(command, &mut self.state);
        }
        effects |= self.controller.poll(&mut self.state);
        if let Some(message) = self
            .state
            .message()
            .filter(|message| previous.as_deref() != Some(message))
        {
            self.log(&format!("message: {message}"));
        }
        self.set_cursor();
        effects
            | Effects {
                repaint: exposed || stale,
                ..Effects::default()
            }
    }

    fn set_cursor(&mut self) {
        let is_clickable = match self.state.hovered() {
            Some(HitTarget::Action(action)) => self.state.is_enabled(action),
            Some(HitTarget::Example(_)) => true,
            None => false,
        };
        self.window.set_cursor_style(if self.state.pointer_acts_on_canvas() {
            CursorStyle::Crosshair
        } else if is_clickable {
            CursorStyle::OpenHand
        } else {
            CursorStyle::Arrow
        });
    }

    fn show_frame(&mut self, recognize: bool) -> Result<(), Error> {
        let start = Instant::now();
        if recognize {
            self.controller.recognize(&mut self.state);
            self.log(&prediction_line(self.state.digits()));
        }
        self.painter.paint(&self.state);
        let (width, height) = self.painter.size();
        self.window
            .update_with_buffer(self.painter.pixels(), width, height)
            .map_err(window_error)?;
        if self.last_frame.is_none() {
            self.log("ready");
        }
        self.last_frame = Some(start);
        Ok(())
    }

    fn log(&self, line: &str) {
        if self.log {
            // A closed standard error does not matter.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// The log line for the recognized digits.
fn prediction_line(digits: &[RecognizedDigit]) -> String {
    let fields = |prediction: &Prediction| {
        let (digit, probability, known) = (prediction.digit(), prediction.probability(), prediction.known);
        format!("digit={digit} probability={probability:.3} known={known}")
    };
    match digits {
        [] => "reading: none".to_owned(),
        digits => {
            let digits: Vec<_> = digits.iter().map(|digit| fields(&digit.prediction)).collect();
            format!("reading: {}", digits.join(" and "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_logged_in_one_format() {
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
        let fields = "digit=4 probability=0.993 known=true";
        assert_eq!(prediction_line(&[]), "reading: none");
        assert_eq!(
            prediction_line(std::slice::from_ref(&digit)),
            format!("reading: {fields}")
        );
        assert_eq!(
            prediction_line(&[digit.clone(), digit]),
            format!("reading: {fields} and {fields}")
        );
    }
}
