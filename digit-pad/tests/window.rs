//! The real window, on X11 and on Wayland, under Xvfb and driven by xdotool as a hand would.

#![cfg(unix)]

mod common;

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

/// Longer than anything takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Larger than the window, so that there is a place beside it.
const SCREEN: (usize, usize) = (1280, 1024);

/// A child that does not outlive the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines that a child writes, as they come.
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

/// Waits for a line that begins so; returns it and, before it, those that came first.
fn wait_for(lines: &Receiver<String>, beginning: &str) -> Vec<String> {
    wait_until(lines, beginning, |line| line.starts_with(beginning))
}

/// Waits for a line that is as it should be, as `what` says; returns it and, before it, those that came first.
fn wait_until(lines: &Receiver<String>, what: &str, is_found: impl Fn(&str) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("no line {what:?}: {error}"));
        let found = is_found(&line);
        seen.push(line);
        if found {
            return seen;
        }
    }
}

/// The pad in a display of its own.
struct Pad {
    window: String,
    display: String,
    /// Seconds between the points of a stroke, and that a key or a button is held; without it, no time at all.
    rest: Option<&'static str>,
    lines: Receiver<String>,
    /// What it said until its first picture was shown.
    greeting: Vec<String>,
    pad: Ending,
    /// Where it keeps what is the user's.
    home: TempDir,
    _display: Display,
}

/// Where the pad is shown. What was started last ends first.
struct Display {
    _weston: Option<(Ending, TempDir)>,
    _xvfb: Ending,
    /// Its name for xdotool.
    name: String,
    /// What tells the pad of it.
    variables: Vec<(&'static str, OsString)>,
}

/// Where everything lies at first.
fn layout() -> Layout {
    Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1, 1.0, Panel::Prediction)
}

fn skip(missing: &str) {
    println!("skipped: the window is not tested, since there is no {missing} here");
}

impl Display {
    /// A screen of X11; says why not where the machine lacks what it takes.
    fn x11() -> Option<Self> {
        if Command::new("xdotool").arg("-version").output().is_err() {
            skip("xdotool");
            return None;
        }
        let mut xvfb = Command::new("Xvfb");
        let screen = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        xvfb.args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp"]);
        let Ok(mut xvfb) = xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            skip("Xvfb");
            return None;
        };
        let number = lines(xvfb.stdout.take().expect("piped"));
        let xvfb = Ending(xvfb);
        let name = format!(":{}", wait_for(&number, "")[0].trim());
        Some(Display {
            _weston: None,
            _xvfb: xvfb,
            variables: vec![("DISPLAY", OsString::from(&name))],
            name,
        })
    }

    /// A Wayland compositor in a screen of X11, which shows one program on all of it.
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
        let mut weston = Ending(weston);
        let start = Instant::now();
        while !sockets.path().join(SOCKET).exists() {
            if weston.0.try_wait().expect("weston is ours").is_some() {
                skip("weston that runs in a window and shows one program");
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
        Display::x11().map(|display| Pad::start(display, args, ["--name", "digit-pad"]))
    }

    /// Under Wayland, the hand waits between points, and clicks in the compositor's window.
    fn open_on_wayland() -> Option<Self> {
        let mut pad = Pad::start(Display::wayland()?, &[], ["--class", "weston"]);
        pad.rest = Some("0.1");
        Some(pad)
    }

    fn start(display: Display, args: &[&str], window: [&str; 2]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut pad = common::program()
            .arg("--log-predictions")
            .arg("--home")
            .arg(home.path())
            .args(args)
            .envs(display.variables.iter().cloned())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = lines(pad.stderr.take().expect("piped"));
        let pad = Ending(pad);
        let greeting = wait_for(&lines, "ready");
        let mut opened = Self {
            greeting,
            window: String::new(),
            display: display.name.clone(),
            rest: None,
            lines,
            pad,
            home,
            _display: display,
        };
        let windows = opened.hand(&["search", "--sync", "--onlyvisible", window[0], window[1]]);
        opened.window = windows.lines().last().expect("a window").to_owned();
        opened
    }

    /// What xdotool does and says.
    fn hand(&self, args: &[&str]) -> String {
        let output = Command::new("xdotool")
            .args(args)
            .env("DISPLAY", &self.display)
            .output()
            .expect("xdotool runs");
        String::from_utf8(output.stdout).expect("xdotool writes UTF-8")
    }

    /// Draws a stroke through points of the canvas, from 0 to 1, without a rest.
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
            if let Some(rest) = self.rest {
                args.extend(["sleep", rest].map(str::to_owned));
            }
        }
        args.extend(["mouseup", "1"].map(str::to_owned));
        self.hand(&args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Takes the pointer out of the window. Only when it comes in does weston hear where it is, and from then on how far it
    /// moves; and it may have been in before there was a window.
    fn leave(&self) {
        let (x, y) = (SCREEN.0 - 1, SCREEN.1 - 1);
        self.hand(&["mousemove", &x.to_string(), &y.to_string(), "sleep", "0.1"]);
    }

    fn press(&self, key: &str) {
        match self.rest {
            None => self.hand(&["key", "--window", &self.window, key]),
            Some(rest) => self.hand(&["sleep", rest, "keydown", key, "sleep", rest, "keyup", key]),
        };
    }

    /// Presses the middle of a button.
    fn click(&self, action: Action) {
        let (x, y) = {
            let layout = layout();
            let button = layout.buttons.iter().find(|button| button.action == action);
            let rect = button.expect("a button").rect;
            (rect.x + rect.width / 2, rect.y + rect.height / 2)
        };
        let (x, y) = (x.to_string(), y.to_string());
        self.hand(&["mousemove", "--window", &self.window, &x, &y]);
        match self.rest {
            None => self.hand(&["click", "1"]),
            Some(rest) => self.hand(&["sleep", rest, "mousedown", "1", "sleep", rest, "mouseup", "1"]),
        };
    }

    fn wait_for(&self, beginning: &str) {
        wait_for(&self.lines, beginning);
    }

    fn assert_ends_well(&mut self) {
        let start = Instant::now();
        loop {
            match self.pad.0.try_wait().expect("the pad is ours") {
                Some(status) => return assert!(status.success(), "{status}"),
                None => assert!(start.elapsed() < PATIENCE, "the pad does not end"),
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
fn a_one_and_a_zero_are_drawn_and_read() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    pad.draw(one());
    pad.wait_for("reading: digit=1 ");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.draw(zero());
    pad.wait_for("reading: digit=0 ");
    pad.click(Action::Clear);
    pad.wait_for("reading: none");
    // A click without a movement is a dot, and a stroke taken back is gone.
    pad.draw([(0.5, 0.5)]);
    pad.wait_for("reading: digit=");
    pad.press("z");
    pad.wait_for("reading: none");
    pad.press("q");
    pad.assert_ends_well();
}

#[test]
fn a_one_is_drawn_and_read_on_wayland() {
    let Some(mut pad) = Pad::open_on_wayland() else { return };
    // A stroke that begins before the compositor shows the window goes nowhere.
    let is_read = (0..5).any(|_| {
        pad.leave();
        pad.draw(one());
        let line = pad.lines.recv_timeout(Duration::from_secs(3));
        line.is_ok_and(|line| line.starts_with("reading: "))
    });
    assert!(is_read, "no stroke is taken");
    pad.wait_for("reading: digit=1 ");
    pad.press("c");
    pad.wait_for("reading: none");
    pad.click(Action::RandomDigit);
    pad.wait_for("message: Test digit ");
    pad.press("q");
    pad.assert_ends_well();
}

/// The picture of a one, in a folder.
fn picture_of_a_one(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("one.png");
    let picture = image::GrayImage::from_fn(60, 60, |x, y| {
        let ink = (28..33).contains(&x) && (8..52).contains(&y);
        image::Luma([if ink { 0 } else { 255 }])
    });
    picture.save(&path).expect("the picture is written");
    path
}

#[test]
fn a_picture_opens_with_the_window_and_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = picture_of_a_one(&folder);
    let Some(pad) = Pad::open(&[path.to_str().expect("a path in UTF-8")]) else {
        return;
    };
    let read = |line: &String| line.starts_with("reading: digit=1 ");
    assert!(pad.greeting.iter().any(read), "{:?}", pad.greeting);
}

/// A dialog that chooses that picture when it is asked first, and none when it is asked again.
fn install_dialog(folder: &TempDir, picture: &Path) {
    let program = folder.path().join("zenity");
    let asked = folder.path().join("asked");
    let (picture, asked) = (picture.display(), asked.display());
    let script = format!("#!/bin/sh\ntest -e '{asked}' && exit 1\necho \"$@\" > '{asked}'\necho '{picture}'\n");
    std::fs::write(&program, script).expect("the program is written");
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, runs).expect("it is ours");
}

#[test]
fn an_image_is_chosen_in_the_dialog_and_read() {
    let folder = tempfile::tempdir().expect("a folder");
    install_dialog(&folder, &picture_of_a_one(&folder));
    let Some(mut display) = Display::x11() else { return };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&path));
    display.variables.extend([
        ("PATH", std::env::join_paths(paths).expect("paths without a colon")),
        // Where a desktop offers its own dialog, nobody would answer it.
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent".into()),
    ]);
    let mut pad = Pad::start(display, &[], ["--name", "digit-pad"]);
    pad.press("o");
    pad.wait_for("reading: digit=1 ");
    let asked = std::fs::read_to_string(folder.path().join("asked")).expect("the dialog was asked");
    assert!(asked.contains("--file-selection") && asked.contains("*.png"), "{asked}");
    pad.click(Action::Open);
    pad.wait_for("message: No image was chosen");
    pad.press("q");
    pad.assert_ends_well();
}

/// Every feature once, as a hand would try them.
#[test]
fn a_tour_through_the_window() {
    let Some(mut pad) = Pad::open(&[]) else { return };
    // What was drawn is taken back, drawn again, and rubbed out.
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
    // Help and the lessons lie over the window, and Escape closes them and not the window.
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
    // A test digit, one that is misread, and both files of a drawing.
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
    // A drawing is taught, and that is taken back.
    pad.press("6");
    pad.wait_for("message: It learns: this is a 6");
    pad.wait_for("message: Learnt 1 lesson");
    pad.press("u");
    pad.wait_for("message: Forgotten");
    // A second digit beside it makes a number.
    pad.draw([(0.9, 0.2), (0.9, 0.5), (0.9, 0.83)]);
    let is_number = |line: &str| line.starts_with("reading: digit=0 ") && line.contains(" and digit=1 ");
    wait_until(&pad.lines, "of a zero and a one", is_number);
    pad.press("z");
    // It learns from nothing while the zero lies there, and goes back.
    pad.press("t");
    pad.wait_for("message: Learnt in ");
    pad.press("b");
    pad.wait_for("reading: digit=0 ");
    pad.press("q");
    pad.assert_ends_well();
    let settings = std::fs::read_to_string(pad.home.path().join("settings.json")).expect("settings are kept");
    assert!(settings.contains("\"dark\": false"), "{settings}");
}
