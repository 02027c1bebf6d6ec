//! The environment that the window needs: where the user's would break it, the program starts again with another.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Command, Stdio},
};

/// Names the input method of X11.
const INPUT_METHOD: &str = "XMODIFIERS";
/// Xlib's own, which needs no server.
const NO_INPUT_METHOD: &str = "@im=none";
/// Names the Wayland compositor.
const WAYLAND: &str = "WAYLAND_DISPLAY";
/// Set where the program has started itself.
const STARTED_AGAIN: &str = "DIGIT_PAD_STARTED_AGAIN";

/// Starts the program again, in its place, with another environment where the one it has would break the window.
///
/// - An input method whose server does not run is fatal to minifb; the window needs none.
/// - On X11, also through `XWayland`, the window receives every event of the pointer, and has a frame everywhere.
/// - On Wayland, minifb writes to standard output, which is moved to standard error.
///
/// Variables of a running process cannot be changed safely. If the program cannot be started again, it goes on as it is.
pub(super) fn prepare() {
    if env::var_os(STARTED_AGAIN).is_some() {
        return;
    }
    let has_wayland = is_set(WAYLAND);
    // Without Wayland there is no choice, and no need to ask the server.
    let has_x11 = is_set("DISPLAY") && (!has_wayland || x11rb::connect(None).is_ok());
    let Some(mut again) = corrected(has_x11, has_wayland, env::var_os(INPUT_METHOD).as_deref()) else {
        return;
    };
    // What `exec` returns is an error.
    let _ = again.env(STARTED_AGAIN, "1").args(env::args_os().skip(1)).exec();
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The program with a corrected environment; `None` if that is right already.
fn corrected(has_x11: bool, has_wayland: bool, input_method: Option<&OsStr>) -> Option<Command> {
    let takes_input_method = has_x11 && input_method.is_some_and(|name| !name.is_empty() && name != NO_INPUT_METHOD);
    if !takes_input_method && !has_wayland {
        return None;
    }
    let mut again = Command::new(env::current_exe().ok()?);
    if takes_input_method {
        again.env(INPUT_METHOD, NO_INPUT_METHOD);
    }
    if has_x11 {
        again.env_remove(WAYLAND).env_remove("WAYLAND_SOCKET");
    } else {
        again.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned().ok()?));
    }
    Some(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables that the program is started again with.
    fn changes(has_x11: bool, has_wayland: bool, input_method: Option<&str>) -> Option<Vec<(String, Option<String>)>> {
        let again = corrected(has_x11, has_wayland, input_method.map(OsStr::new))?;
        let text = |value: &OsStr| value.to_string_lossy().into_owned();
        Some(
            again
                .get_envs()
                .map(|(name, value)| (text(name), value.map(text)))
                .collect(),
        )
    }

    #[test]
    fn a_plain_environment_is_left_alone() {
        for input_method in [None, Some(""), Some(NO_INPUT_METHOD)] {
            assert_eq!(changes(true, false, input_method), None);
        }
        assert_eq!(changes(false, false, Some("@im=ibus")), None);
    }

    #[test]
    fn x11_gets_no_input_method_and_comes_before_wayland() {
        let none = (INPUT_METHOD.to_owned(), Some(NO_INPUT_METHOD.to_owned()));
        let removed = [WAYLAND, "WAYLAND_SOCKET"].map(|name| (name.to_owned(), None));
        assert_eq!(changes(true, true, None), Some(removed.to_vec()));
        let both = [&removed[..], &[none]].concat();
        assert_eq!(changes(true, true, Some("@im=ibus")), Some(both));
        assert_eq!(changes(false, true, Some("@im=ibus")), Some(Vec::new()));
    }
}
