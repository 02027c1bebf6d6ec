//! A build without one of the features says what it lacks and how to get it.

mod common;

use common::{Run, run};

fn assert_fails(run: &Run, status: i32, words: &[&str]) {
    assert_eq!((run.status, run.stdout.as_str()), (status, ""), "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word} is not in {}", run.stderr);
    }
}

#[test]
fn without_a_command_a_build_opens_the_window_or_says_how_to_get_it() {
    let run = run([] as [&str; 0]);
    if cfg!(feature = "window") {
        assert_fails(&run, 1, &["error: ", "display"]);
    } else if cfg!(feature = "cli") {
        assert_fails(
            &run,
            2,
            &[
                "error: ",
                "feature `window`",
                "train, eval, predict, replay, info and export",
            ],
        );
    } else {
        assert_fails(&run, 2, &["error: ", "features `window` and `cli`"]);
    }
}

#[cfg(not(feature = "cli"))]
#[test]
fn without_the_command_line_commands_are_wrong_usage() {
    for args in [&["info", "--json"][..], &["--help"]] {
        assert_fails(&run(args), 2, &["command line", "`cli`"]);
    }
}

#[cfg(all(feature = "cli", not(feature = "embedded")))]
#[test]
fn without_mnist_data_sets_come_from_a_folder() {
    let folder = common::Folder::new();
    let strokes = folder.write("strokes.jsonl", r#"{"label":1,"strokes":[[[5,0],[5,10]]]}"#);
    let strokes = strokes.to_str().unwrap();
    for args in [&["train"][..], &["eval"], &["replay", "--teach", strokes, strokes]] {
        assert_fails(&run(args), 1, &["--data PATH", "feature `embedded`"]);
    }
    folder.write_mnist(20, 10);
    common::succeed(["eval", "--data", folder.path().to_str().unwrap()]);
    common::succeed(["info"]);
}
