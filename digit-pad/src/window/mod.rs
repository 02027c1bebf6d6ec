//! The window on the screen: passes events to the user interface and shows its pixels.
//!
//! minifb reports only the current position and buttons of the pointer: clicks shorter than the polling interval are lost,
//! and fast strokes have few points. Of keys it tells the symbol alone, so that layouts without Latin letters have no
//! shortcuts. On X11, `window/x11.rs` therefore receives events directly, files that are dropped too, and wakes the event loop; elsewhere the loop polls
//! several hundred times a second. Frames are painted at most sixty times a second, and only if something changed.

mod clipboard;
#[cfg(all(unix, not(target_os = "macos")))]
mod desktop;
pub mod desktop_host;
mod dialog;
mod drawing_file;
#[cfg(all(unix, not(target_os = "macos")))]
mod drop;
#[cfg(all(unix, not(target_os = "macos")))]
mod environment;
mod input;
#[cfg(all(unix, not(target_os = "macos")))]
mod key_map;
mod keyboard;
mod received;
#[cfg(all(unix, not(target_os = "macos")))]
mod reduced_motion;
pub mod session;
mod settings_file;
mod threads;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use minifb::{CursorStyle, ScaleMode, UseGPU};
#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use self::{input::Input, keyboard::Keyboard};
use crate::{
    app::{controller::Controller, message::ImageSource, settings::Settings},
    drawing::history::Document,
    error::Error,
    recognition::prediction::Prediction,
    ui::{Cursor, Effects, Event, Opening, Painter, RecognizedDigit, State, Theme},
};

/// Shortest time between two frames.
const FRAME_INTERVAL: Duration = Duration::from_micros(16_600);

/// Time after its last event during which the pointer counts as active.
const ACTIVE_TIME: Duration = Duration::from_secs(2);

/// Longest wait while the controller is busy.
const BUSY_INTERVAL: Duration = Duration::from_millis(15);

/// Interval at which the frame is shown again where nothing reports that it has to be redrawn.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// What the user of a window on Wayland has to know: some desktops leave frames to the programs, and minifb draws none.
const WITHOUT_X11: &str = "Without XWayland, this window may have no frame: Q closes it";

/// How the window opens.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// Text of the title bar.
    pub title: String,
    /// Size, theme, zoom and pen.
    pub settings: Settings,
    /// Whether to log to standard error: `ready` with the first frame, messages as `message: …`, and each prediction as
    /// `reading: digit=1 probability=0.993 known=true`, or `reading: none` for a blank canvas.
    pub log_predictions: bool,
}

impl Default for WindowOptions {
    fn default() -> Self {
        WindowOptions {
            title: "Digits".to_owned(),
            settings: Settings::default(),
            log_predictions: false,
        }
    }
}

/// What a closed window leaves for the next session.
#[derive(Debug)]
pub struct Closed {
    /// Its final settings.
    pub settings: Settings,
    /// What was on the canvas.
    pub document: Document,
    /// Why the display refused a frame, if that closed it.
    pub failure: Option<Error>,
}

/// Opens the window and runs it until it is closed. What cannot be opened is told in a message.
///
/// # Errors
///
/// [`Error::NoDisplay`] if there is no display, [`Error::Window`] if the display refuses the window.
pub fn run(
    options: &WindowOptions,
    controller: &mut Controller,
    opening: Result<Opening, Error>,
) -> Result<Closed, Error> {
    if display_is_missing() {
        return opening.and(Err(Error::NoDisplay));
    }
    let (opening, failure) = opening.map_or_else(|error| (Opening::Blank, Some(error)), |opening| (opening, None));
    let Settings {
        width,
        height,
        zoom_index,
        dark,
        motion,
        pen,
    } = options.settings;
    let mut state = State::new(width, height, opening);
    state.set_appearance(dark, zoom_index);
    state.set_motion(motion);
    #[cfg(all(unix, not(target_os = "macos")))]
    state.set_reduced_motion(reduced_motion::is_wanted());
    state.set_pen(pen);
    controller.open(&mut state);
    if let Some(failure) = failure {
        state.show_message(failure.to_string());
    }
    let mut window = open(options)?;
    let keyboard = Keyboard::default();
    let input = Input::new(&window);
    if matches!(input, Input::Polled(_)) {
        window.set_input_callback(Box::new(keyboard.clone()));
        if cfg!(all(unix, not(target_os = "macos"))) && state.message().is_none() {
            state.show_message(WITHOUT_X11);
        }
    }
    let mut event_loop = EventLoop {
        window,
        keyboard,
        input,
        state,
        painter: Painter::new(),
        controller,
        log: options.log_predictions,
        ended: end_signals()?,
        last_frame: None,
        last_event: Instant::now(),
        opened: Instant::now(),
    };
    if let Some(message) = event_loop.state.message() {
        event_loop.log(&format!("message: {message}"));
    }
    let failure = event_loop.run().err();
    let state = &event_loop.state;
    let (width, height) = state.layout().window;
    Ok(Closed {
        settings: Settings {
            width,
            height,
            zoom_index: state.zoom_index(),
            dark: state.is_dark(),
            motion: state.has_motion(),
            pen: state.ink().pen(),
        },
        document: state.document().clone(),
        failure,
    })
}

/// Is set when the system asks the program to end, at which the window closes as by its button.
fn end_signals() -> Result<Arc<AtomicBool>, Error> {
    let ended = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        let watched = flag::register(signal, Arc::clone(&ended));
        watched.map_err(|error| Error::Window {
            reason: format!("signals cannot be handled: {error}"),
        })?;
    }
    Ok(ended)
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
    input: Input,
    state: State,
    painter: Painter,
    controller: &'a mut Controller,
    log: bool,
    /// Whether a signal asks the program to end.
    ended: Arc<AtomicBool>,
    /// When the last frame was shown.
    last_frame: Option<Instant>,
    /// When the last pointer event came.
    last_event: Instant,
    /// When the window opened.
    opened: Instant,
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
            if pending.quit || !self.window.is_open() || self.ended.load(Ordering::Relaxed) {
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
        let mut timeout = self.input.max_wait(self.last_event.elapsed() < ACTIVE_TIME);
        if self.controller.is_busy() {
            timeout = timeout.min(BUSY_INTERVAL);
        }
        if self.state.is_animated() {
            timeout = timeout.min(FRAME_INTERVAL);
        }
        if repaint_pending {
            timeout = timeout.min(self.time_to_next_frame());
        }
        let received = self.input.wait(timeout);
        let mut events = received.events;
        let was_active = self.window.is_active();
        self.window.update();
        let stale = match &mut self.input {
            Input::Polled(pointer) => {
                pointer.poll(&self.window, &mut events);
                self.last_frame.is_some_and(|shown| shown.elapsed() >= REFRESH_INTERVAL)
            }
            #[cfg(all(unix, not(target_os = "macos")))]
            Input::X11(_) => false,
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
        let before = self.state.message().map(str::to_owned);
        let mut effects = events
            .into_iter()
            .fold(Effects::default(), |effects, event| effects | self.state.apply(event));
        effects |= self.state.show_time(self.opened.elapsed().as_secs_f32());
        let previous = self.state.message().map(str::to_owned);
        if let Some(message) = previous.as_ref().filter(|_| previous != before) {
            self.log(&format!("message: {message}"));
        }
        for command in self.state.take_commands() {
            effects |= self.controller.run(command, &mut self.state);
        }
        match received.dropped {
            Some(Ok(file)) => effects |= self.controller.open_image(ImageSource::File(file), &mut self.state),
            Some(Err(error)) => {
                self.state.show_message(error.to_string());
                effects |= Effects::REPAINT;
            }
            None => {}
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
                repaint: received.exposed || stale,
                ..Effects::default()
            }
    }

    fn set_cursor(&mut self) {
        self.window.set_cursor_style(match self.state.cursor() {
            Cursor::Crosshair => CursorStyle::Crosshair,
            Cursor::Hand => CursorStyle::OpenHand,
            Cursor::Arrow => CursorStyle::Arrow,
        });
    }

    fn show_frame(&mut self, recognize: bool) -> Result<(), Error> {
        let start = Instant::now();
        if recognize {
            self.controller.recognize(&mut self.state);
            self.log(&prediction_line(self.state.digits()));
            if let Some(equation) = self.state.equation_in_words() {
                self.log(&format!("answer: {equation}"));
            }
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
        let (digit, probability, known) = (prediction.label(), prediction.probability(), prediction.known);
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
            signs: Vec::new(),
            known: true,
            microseconds: 31.0,
        };
        let digit = RecognizedDigit::new([0; 784], prediction, crate::drawing::strokes::CANVAS_BOUNDS);
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
