//! The real window on X11 and Wayland, run under Xvfb and driven by xdotool.

#![cfg(unix)]

mod common;
#[cfg(not(target_os = "macos"))]
mod other_program;

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use digit_pad::ui::{Action, DEFAULT_SIZE, Layout, Panel};
use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Larger than the window, so that the pointer can leave it.
const SCREEN: (usize, usize) = (1280, 1024);

/// A child process that is killed when dropped.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Receives the lines that a child process writes.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Waits for a line with a prefix; returns all lines up to and including it.
fn wait_for(lines: &Receiver<String>, prefix: &str) -> Vec<String> {
    wait_until(lines, prefix, |line| line.starts_with(prefix))
}

/// Waits for a matching line, described by `what`; returns all lines up to and including it.
fn wait_until(lines: &Receiver<String>, what: &str, matches: impl Fn(&str) -> bool) -> Vec<String> {
    let mut received = Vec::new();
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("no line {what:?}: {error}"));
        let is_match = matches(&line);
        received.push(line);
        if is_match {
            return received;
        }
    }
}

/// The program in a display of its own.
struct Pad {
    window: String,
    display: String,
    /// Seconds between the points of a stroke, and between pressing and releasing; no delay if `None`.
    delay: Option<&'static str>,
    lines: Receiver<String>,
    /// The lines up to the first frame.
    startup: Vec<String>,
    process: KillOnDrop,
    /// The folder for settings and saved files.
    home: TempDir,
    _display: Display,
}

/// A virtual display. Fields are dropped in order: the last process started ends first.
struct Display {
    _weston: Option<(KillOnDrop, TempDir)>,
    _xvfb: KillOnDrop,
    /// Its name for xdotool.
    name: String,
    /// Environment variables that select it.
    variables: Vec<(&'static str, OsString)>,
}

/// The initial layout of the window.
fn layout() -> Layout {
    Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1, 1.0, Panel::Prediction)
}

fn skip(missing: &str) {
    println!("skipped: the window is not tested, {missing} is missing");
}

impl Display {
    /// An X11 display; `None`, with a message, if a tool is missing.
    fn x11() -> Option<Self> {
        if Command::new("xdotool").arg("-version").output().is_err() {
            skip("xdotool");
            return None;
        }
        let mut xvfb = Command::new("Xvfb");
        let screen = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        xvfb.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &screen,
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let Ok(mut xvfb) = xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            skip("Xvfb");
            return None;
        };
        let number = lines(xvfb.stdout.take().expect("piped"));
        let xvfb = KillOnDrop(xvfb);
        let name = format!(":{}", wait_for(&number, "")[0].trim());
        Some(Display {
            _weston: None,
            _xvfb: xvfb,
            variables: vec![("DISPLAY", OsString::from(&name))],
            name,
        })
    }

    /// A Wayland compositor in an X11 display, with a single full-screen program.
    fn wayland() -> Option<Self> {
        const SOCKET: &str = "wayland-pad";
        let mut screen = Display::x11()?;
        let sockets = tempfile::tempdir().expect("a folder");
        let mut weston = Command::new("weston");
        weston
            .args(["--backend=x11-backend.so", "--shell=kiosk-shell.so", "--use-pixman"])
            .arg(format!("--socket={SOCKET}"))
            .args([
                format!("--width={}", DEFAULT_SIZE.0),
                format!("--height={}", DEFAULT_SIZE.1),
            ])
            .envs(screen.variables)
            .env("XDG_RUNTIME_DIR", sockets.path());
        let Ok(weston) = weston.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            skip("weston");
            return None;
        };
        let mut weston = KillOnDrop(weston);
        let start = Instant::now();
        while !sockets.path().join(SOCKET).exists() {
            if weston.0.try_wait().expect("weston is ours").is_some() {
                skip("weston with an X11 backend and a kiosk shell");
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "weston does not open its socket");
            thread::sleep(Duration::from_millis(20));
        }
        screen.variables = vec![
            ("WAYLAND_DISPLAY", SOCKET.into()),
            ("XDG_RUNTIME_DIR", sockets.path().into()),
        ];
        screen._weston = Some((weston, sockets));
        Some(screen)
    }
}

impl Pad {
    fn open(args: &[&str]) -> Option<Self> {
        Display::x11().map(|display| Pad::start(display, args, ["--name", "Digits"]))
    }

    /// Under Wayland, input needs delays and goes to the compositor's window.
    fn open_on_wayland() -> Option<Self> {
        let mut pad = Pad::start(Display::wayland()?, &[], ["--class", "weston"]);
        pad.delay = Some("0.1");
        Some(pad)
    }

    fn start(display: Display, args: &[&str], window: [&str; 2]) -> Self {
        Pad::start_in(tempfile::tempdir().expect("a folder"), display, args, window)
    }

    fn start_in(home: TempDir, display: Display, args: &[&str], window: [&str; 2]) -> Self {
        let mut process = common::program()
            .arg("--log-predictions")
            .arg("--home")
            .arg(home.path())
            .args(args)
            .envs(display.variables.iter().cloned())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = lines(process.stderr.take().expect("piped"));
        let process = KillOnDrop(process);
        let startup = wait_for(&lines, "ready");
        let mut opened = Self {
            startup,
            window: String::new(),
            display: display.name.clone(),
            delay: None,
            lines,
            process,
            home,
            _display: display,
        };
        let windows = opened.xdotool(&["search", "--sync", "--onlyvisible", window[0], window[1]]);
        opened.window = windows.lines().last().expect("a window").to_owned();
        opened
    }

    /// Runs xdotool and returns its output.
    fn xdotool(&self, args: &[&str]) -> String {
        let output = Command::new("xdotool")
            .args(args)
            .env("DISPLAY", &self.display)
            .output()
            .expect("xdotool runs");
        String::from_utf8(output.stdout).expect("xdotool writes UTF-8")
    }

    /// Draws a stroke through points given as fractions of the canvas.
    fn draw(&self, points: impl IntoIterator<Item = (f32, f32)>) {
        let canvas = layout().canvas;
        let mut args: Vec<String> = Vec::new();
        for (x, y) in points {
            let x = canvas.x as f32 + x * canvas.width as f32;
            let y = canvas.y as f32 + y * canvas.height as f32;
            args.extend(["mousemove", "--window", &self.window].map(str::to_owned));
            args.extend([x.round().to_string(), y.round().to_string()]);
            if !args.iter().any(|arg| arg == "mousedown") {
                args.extend(["mousedown", "1"].map(str::to_owned));
            }
            if let Some(delay) = self.delay {
                args.extend(["sleep", delay].map(str::to_owned));
            }
        }
        args.extend(["mouseup", "1"].map(str::to_owned));
        self.xdotool(&args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Moves the pointer out of the window: weston learns its position only when it enters.
    fn leave(&self) {
        let (x, y) = (SCREEN.0 - 1, SCREEN.1 - 1);
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "sleep", "0.1"]);
    }

    fn press(&self, key: &str) {
        match self.delay {
            None => self.xdotool(&["key", "--window", &self.window, key]),
            Some(delay) => self.xdotool(&["sleep", delay, "keydown", key, "sleep", delay, "keyup", key]),
        };
    }

    /// Clicks the center of a button.
    fn click(&self, action: Action) {
        let (x, y) = {
            let layout = layout();
            let button = layout.buttons.iter().find(|button| button.action == action);
            let rect = button.expect("a button").rect;
            (rect.x + rect.width / 2, rect.y + rect.height / 2)
        };
        let (x, y) = (x.to_string(), y.to_string());
        self.xdotool(&["mousemove", "--window", &self.window, &x, &y]);
        match self.delay {
            None => self.xdotool(&["click", "1"]),
            Some(delay) => self.xdotool(&["sleep", delay, "mousedown", "1", "sleep", delay, "mouseup", "1"]),
        };
    }

    fn wait_for(&self, prefix: &str) {
        wait_for(&self.lines, prefix);
    }

    fn assert_exits(&mut self) {
        let start = Instant::now();
        loop {
            match self.process.0.try_wait().expect("the process is ours") {
                Some(status) => return assert!(status.success(), "{status}"),
                None => assert!(start.elapsed() < PATIENCE, "the program does not exit"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn one() -> impl Iterator<Item = (f32, f32)> {
    (0..=20).map(|step| (0.5, 0.2 + 0.03 * step as f32))
}

fn zero() -> impl Iterator<Item = (f32, f32)> {
    (0..=40).map(|step| {
        let (sin, cos) = (step as f32 / 40.0 * std::f32::consts::TAU).sin_cos();
        (0.5 + 0.2 * sin, 0.5 - 0.33 * cos)
    })
}

#[test]
fn a_one_and_a_zero_are_recognized() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    pad.draw(one());
    pad.wait_for("reading: digit=1 ");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.draw(zero());
    pad.wait_for("reading: digit=0 ");
    pad.click(Action::Clear);
    pad.wait_for("reading: none");
    // A click without movement draws a dot; undo removes it.
    pad.draw([(0.5, 0.5)]);
    pad.wait_for("reading: digit=");
    pad.press("z");
    pad.wait_for("reading: none");
    pad.press("q");
    pad.assert_exits();
}

/// The strokes of `3 + 4 =`, as fractions of the canvas.
fn sum() -> [&'static [(f32, f32)]; 7] {
    [
        &[
            (0.07, 0.40),
            (0.11, 0.36),
            (0.17, 0.39),
            (0.15, 0.45),
            (0.11, 0.47),
            (0.17, 0.5),
            (0.18, 0.56),
            (0.12, 0.6),
            (0.06, 0.57),
        ],
        &[(0.28, 0.42), (0.28, 0.47), (0.28, 0.53)],
        &[(0.23, 0.47), (0.28, 0.475), (0.33, 0.47)],
        &[(0.46, 0.36), (0.42, 0.44), (0.38, 0.51), (0.45, 0.51), (0.52, 0.505)],
        &[(0.48, 0.44), (0.475, 0.52), (0.47, 0.6)],
        &[(0.57, 0.45), (0.61, 0.45), (0.66, 0.45)],
        &[(0.57, 0.51), (0.61, 0.51), (0.66, 0.51)],
    ]
}

#[test]
fn a_sum_is_answered_and_its_answer_becomes_ink_by_a_tap() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    sum().into_iter().for_each(|stroke| pad.draw(stroke.iter().copied()));
    pad.wait_for("answer: 3 + 4 = 7");
    // The answer stands behind the row, as high as its digits.
    pad.draw([(0.82, 0.46)]);
    pad.wait_for("answer: Right: 3 + 4 = 7");
    pad.press("z");
    pad.wait_for("answer: 3 + 4 = 7");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.press("q");
    pad.assert_exits();
}

/// A sign that is no digit: a triangle.
fn triangle() -> impl Iterator<Item = (f32, f32)> {
    let corners = [(0.5, 0.2), (0.8, 0.75), (0.2, 0.75), (0.5, 0.2)];
    corners
        .into_iter()
        .zip(corners.into_iter().skip(1))
        .flat_map(|(from, to)| {
            (0..=12).map(move |step| {
                let t = step as f32 / 12.0;
                (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))
            })
        })
}

#[test]
fn a_sign_is_named_and_read() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    pad.draw(triangle());
    pad.wait_for("reading: digit=");
    // The key opens the dialog and is not typed into it; Q is typed and does not close the window.
    for key in ["a", "T", "q", "x", "BackSpace", "Return"] {
        pad.press(key);
    }
    pad.wait_for("reading: digit=Tq ");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.draw(triangle());
    pad.wait_for("reading: digit=Tq ");
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn a_poster_of_taught_digits_is_saved() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    let digits: [(&str, Vec<(f32, f32)>); 2] = [("1", one().collect()), ("0", zero().collect())];
    for (key, points) in digits {
        pad.draw(points);
        pad.wait_for(&format!("reading: digit={key} "));
        pad.press(key);
        pad.wait_for(&format!("message: Kept as an example of {key}"));
        pad.press("c");
        pad.wait_for("reading: none");
    }
    pad.press("p");
    pad.press("s");
    pad.wait_for("message: Saving the poster");
    pad.wait_for("message: Saved ");
    let poster = image::open(pad.home.path().join("hand-1.png")).expect("a poster");
    assert_eq!((poster.width(), poster.height()), (1600, 2000));
    // The page is closed, and the canvas is there again.
    pad.press("Escape");
    pad.draw(one());
    pad.wait_for("reading: digit=1 ");
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn a_one_is_recognized_on_wayland() {
    let Some(mut pad) = Pad::open_on_wayland() else { return };
    let warns = |line: &String| line.starts_with("message: Without XWayland, this window may have no frame");
    assert!(pad.startup.iter().any(warns), "{:?}", pad.startup);
    // A stroke that begins before the compositor shows the window is lost.
    let is_recognized = (0..5).any(|_| {
        pad.leave();
        pad.draw(one());
        let line = pad.lines.recv_timeout(Duration::from_secs(3));
        line.is_ok_and(|line| line.starts_with("reading: "))
    });
    assert!(is_recognized, "no stroke was recognized");
    pad.wait_for("reading: digit=1 ");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.click(Action::RandomDigit);
    pad.wait_for("message: Test digit ");
    pad.press("ctrl+v");
    pad.wait_for("message: the clipboard is out of reach");
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn an_input_method_without_a_server_does_not_matter() {
    let Some(mut display) = Display::x11() else { return };
    display.variables.push(("XMODIFIERS", "@im=nowhere".into()));
    let mut pad = Pad::start(display, &[], ["--name", "Digits"]);
    pad.draw(one());
    pad.wait_for("reading: digit=1 ");
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn a_signal_closes_the_window_and_the_drawing_is_there_again() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    for signal in ["TERM", "HUP"] {
        pad.press("c");
        pad.draw(zero());
        pad.wait_for("reading: digit=0 ");
        // The last points of the stroke may still be on their way.
        thread::sleep(Duration::from_millis(300));
        let sent = Command::new("kill")
            .args(["-s", signal, &pad.process.0.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
        pad.assert_exits();
        let Pad {
            home,
            _display: display,
            ..
        } = pad;
        pad = Pad::start_in(home, display, &[], ["--name", "Digits"]);
        let is_zero = |line: &String| line.starts_with("reading: digit=0 ");
        assert!(pad.startup.iter().any(is_zero), "{signal}: {:?}", pad.startup);
    }
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn shortcuts_work_on_every_layout() {
    // Key codes of C, and of the 7 on the keypad.
    let [c, keypad_seven] = ["54", "79"];
    let Some(mut pad) = Pad::open(&[]) else { return };
    // Each with the keys of Z, by its letter or else by its place, and of the 7 in the upper row.
    for (layout, z, seven) in [
        ("fr", "25", "shift+16"),
        ("de", "29", "16"),
        ("ru", "52", "16"),
        ("gr", "52", "16"),
        ("ara", "52", "16"),
        ("us", "52", "16"),
    ] {
        let set = Command::new("setxkbmap")
            .arg(layout)
            .env("DISPLAY", &pad.display)
            .status();
        if !set.is_ok_and(|status| status.success()) {
            skip("setxkbmap");
            break;
        }
        pad.draw(one());
        pad.wait_for("reading: digit=1 ");
        pad.press(z);
        pad.wait_for("reading: none");
        pad.draw(one());
        pad.wait_for("reading: digit=1 ");
        pad.press(seven);
        pad.wait_for("message: Kept as an example of 7");
        pad.press(keypad_seven);
        pad.wait_for("message: Kept as an example of 7");
        pad.press("Escape");
        pad.press(c);
        pad.wait_for("reading: none");
    }
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn a_file_that_cannot_be_opened_is_told_in_the_window() {
    let Some(mut pad) = Pad::open(&["no-such-file.png"]) else {
        return;
    };
    let is_told = |line: &String| line.starts_with("message: ") && line.contains("no-such-file.png");
    assert!(pad.startup.iter().any(is_told), "{:?}", pad.startup);
    pad.press("q");
    pad.assert_exits();
}

/// Writes an image of a one into a folder.
fn image_of_a_one(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("one.png");
    let image = image::GrayImage::from_fn(60, 60, |x, y| {
        let ink = (28..33).contains(&x) && (8..52).contains(&y);
        image::Luma([if ink { 0 } else { 255 }])
    });
    image.save(&path).expect("the image is written");
    path
}

#[test]
fn an_image_argument_is_opened_and_recognized() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image_of_a_one(&folder);
    let Some(pad) = Pad::open(&[path.to_str().expect("a path in UTF-8")]) else {
        return;
    };
    let is_one = |line: &String| line.starts_with("reading: digit=1 ");
    assert!(pad.startup.iter().any(is_one), "{:?}", pad.startup);
}

/// Installs a file dialog that chooses the image the first time and cancels after that.
fn install_dialog(folder: &TempDir, image: &Path) {
    let program = folder.path().join("zenity");
    let asked = folder.path().join("asked");
    let (image, asked) = (image.display(), asked.display());
    let script = format!("#!/bin/sh\ntest -e '{asked}' && exit 1\necho \"$@\" > '{asked}'\necho '{image}'\n");
    std::fs::write(&program, script).expect("the program is written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("it is ours");
}

#[test]
fn an_image_is_chosen_in_the_dialog_and_recognized() {
    let folder = tempfile::tempdir().expect("a folder");
    install_dialog(&folder, &image_of_a_one(&folder));
    let Some(mut display) = Display::x11() else { return };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&path));
    display.variables.extend([
        ("PATH", std::env::join_paths(paths).expect("paths without a colon")),
        // Without the session bus, a desktop's own dialog is not used.
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent".into()),
    ]);
    let mut pad = Pad::start(display, &[], ["--name", "Digits"]);
    pad.press("o");
    pad.wait_for("reading: digit=1 ");
    let asked = std::fs::read_to_string(folder.path().join("asked")).expect("the dialog was asked");
    assert!(asked.contains("--file-selection") && asked.contains("*.png"), "{asked}");
    pad.click(Action::Open);
    pad.wait_for("message: No image selected");
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn where_there_is_no_file_dialog_the_window_says_what_to_do() {
    let Some(mut display) = Display::x11() else { return };
    display.variables.extend([
        ("PATH", OsString::from("/nonexistent")),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent".into()),
    ]);
    let mut pad = Pad::start(display, &[], ["--name", "Digits"]);
    pad.press("o");
    pad.wait_for("message: No window to choose files opens here. Start with the file: digit-pad IMAGE");
    pad.press("ctrl+m");
    pad.wait_for("message: Animations are off");
    pad.press("q");
    pad.assert_exits();
    let settings = std::fs::read_to_string(pad.home.path().join("settings.json")).expect("settings are saved");
    assert!(settings.contains("\"motion\": false"), "{settings}");
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_dropped_file_is_opened_and_recognized() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image_of_a_one(&folder);
    let spaced = folder.path().join("a one.png");
    std::fs::rename(path, &spaced).expect("the image is ours");
    let Some(mut pad) = Pad::open(&[]) else { return };
    let mut source = other_program::OtherProgram::connect(&pad.display);
    let target = pad.window.parse().expect("a number");
    let uri = format!("file://{}\r\n", spaced.display()).replace(' ', "%20");
    assert!(source.drop_on(target, uri.as_bytes()));
    pad.wait_for("reading: digit=1 ");
    assert!(!source.drop_on(target, b"https://example.org/one.png\r\n"));
    pad.wait_for("message: what was dropped is no file");
    assert!(source.drop_on(target, b"file:///no/such.png"));
    pad.wait_for("message: cannot read /no/such.png");
    pad.press("q");
    pad.assert_exits();
}

#[cfg(not(target_os = "macos"))]
#[test]
fn images_and_names_of_files_are_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image_of_a_one(&folder);
    let image = std::fs::read(&path).expect("the image is ours");
    let name = path.to_str().expect("a path in UTF-8");
    let uri = format!("file://{name}");
    let Some(mut pad) = Pad::open(&[]) else { return };
    let mut owner = other_program::OtherProgram::connect(&pad.display);
    let mut paste = |pad: &Pad, offers: &[(&str, &[u8])], expected: &str| {
        owner.offer("CLIPBOARD", offers);
        pad.press("ctrl+v");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            owner.serve_until(|_| false, Duration::from_millis(20));
            if pad.lines.try_iter().any(|line| line.starts_with(expected)) {
                return;
            }
        }
        panic!("no line {expected:?}");
    };
    let one = "reading: digit=1 ";
    paste(&pad, &[("image/png", &image)], one);
    paste(&pad, &[("text/uri-list", uri.as_bytes())], one);
    paste(&pad, &[("UTF8_STRING", name.as_bytes())], one);
    let told = "message: nothing to paste: the clipboard has text that names no file";
    paste(&pad, &[("UTF8_STRING", b"Dear reader,")], told);
    paste(
        &pad,
        &[("image/x-unknown", b"?")],
        "message: nothing to paste: the clipboard has no image",
    );
    pad.press("q");
    pad.assert_exits();
}

#[test]
fn the_wheel_and_the_secondary_button_reach_the_window() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    pad.draw([(0.5, 0.5)]);
    pad.wait_for("reading: digit=");
    let canvas = layout().canvas;
    let at = |x: f32| (canvas.x as f32 + x * canvas.width as f32).round().to_string();
    let (left, right, y) = (at(0.3), at(0.7), (canvas.y + canvas.height / 2).to_string());
    let move_to = |x: &str| pad.xdotool(&["mousemove", "--window", &pad.window, x, &y]);
    move_to(&left);
    pad.xdotool(&["click", "4", "click", "4", "click", "4"]);
    pad.xdotool(&["mousedown", "3"]);
    move_to(&right);
    pad.xdotool(&["mouseup", "3"]);
    pad.wait_for("reading: none");
    pad.press("q");
    pad.assert_exits();
    let settings = std::fs::read_to_string(pad.home.path().join("settings.json")).expect("settings are saved");
    assert!(settings.contains("\"pen\": 44.9"), "{settings}");
}

/// Uses every feature once.
#[test]
fn every_feature_works_in_turn() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    // A stroke is undone, redone and erased.
    pad.draw(one());
    pad.wait_for("reading: digit=1 ");
    pad.click(Action::Undo);
    pad.wait_for("reading: none");
    pad.click(Action::Redo);
    pad.wait_for("reading: digit=1 ");
    pad.click(Action::Eraser);
    pad.draw(one());
    pad.wait_for("reading: none");
    pad.press("e");
    // Escape closes the overlays and not the window.
    for key in [
        "h",
        "Escape",
        "n",
        "Escape",
        "d",
        "ctrl+plus",
        "ctrl+minus",
        "plus",
        "minus",
        "l",
    ] {
        pad.press(key);
    }
    // A random and a misclassified test digit; a drawing and a network are saved.
    pad.click(Action::RandomDigit);
    pad.wait_for("message: Test digit ");
    pad.press("m");
    pad.wait_for("message: Test digit ");
    pad.press("l");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.draw(zero());
    pad.wait_for("reading: digit=0 ");
    pad.press("s");
    pad.wait_for("message: Saved ");
    pad.press("w");
    pad.wait_for("message: Saved ");
    for name in ["digit-1.png", "digit-1.jsonl", "digit-1.safetensors"] {
        assert!(pad.home.path().join(name).exists(), "{name}");
    }
    // An example is added and undone.
    pad.press("6");
    pad.wait_for("message: Kept as an example of 6");
    pad.wait_for("message: Fine-tuned on 1 example");
    pad.press("u");
    pad.wait_for("message: Removed");
    // A second digit makes it a number.
    pad.draw([(0.9, 0.2), (0.9, 0.5), (0.9, 0.83)]);
    let is_number = |line: &str| line.starts_with("reading: digit=0 ") && line.contains(" and digit=1 ");
    wait_until(&pad.lines, "with a zero and a one", is_number);
    pad.press("z");
    // A network is trained from scratch, then the built-in one is restored.
    pad.press("t");
    pad.wait_for("message: Training complete in ");
    pad.press("b");
    pad.wait_for("reading: digit=0 ");
    pad.press("q");
    pad.assert_exits();
    let settings = std::fs::read_to_string(pad.home.path().join("settings.json")).expect("settings are saved");
    assert!(settings.contains("\"dark\": false"), "{settings}");
}
