//! The files that commands read and write: none is replaced by mistake, none is taken for another.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::{Folder, Run, program, run, succeed};
use nn_core::{Model, Network};

const NET: &str = "28x28x1 | dense 10";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes a small data set and returns its folder's name.
fn data(folder: &Folder) -> String {
    folder.write_mnist(60, 20);
    text(folder.path()).to_owned()
}

fn weights(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.file(name);
    Model::new(Network::new(NET.parse().unwrap(), 1).unwrap())
        .save(&path)
        .unwrap();
    path
}

/// A run is refused before any work, with this exit status and these words.
fn assert_refused(args: &[&str], status: i32, words: &[&str]) -> Run {
    let run = run(args);
    assert_eq!((run.status, &run.stdout[..]), (status, ""), "{args:?}: {run:?}");
    assert!(
        run.stderr.contains("error: ") && !run.stderr.contains("epoch ") && !run.stderr.contains("panicked"),
        "{args:?}: {run:?}"
    );
    for word in words {
        assert!(run.stderr.contains(word), "{args:?}: no {word:?} in {}", run.stderr);
    }
    run
}

#[test]
fn an_output_does_not_replace_another_output() {
    let folder = Folder::new();
    fs::create_dir(folder.file("sub")).unwrap();
    let [run, best, other] = ["run.svg", "run.best.svg", "sub/../run.svg"].map(|name| folder.file(name));
    for args in [
        ["--checkpoint", text(&run), "--out", text(&run)],
        ["--checkpoint", text(&run), "--out", text(&best)],
        ["--plot", text(&run), "--out", text(&run)],
        ["--plot", text(&run), "--out", text(&other)],
    ] {
        assert_refused(
            &[&["train", "--net", NET][..], &args].concat(),
            2,
            &["the same file", "run."],
        );
    }
    let [table, chart] = ["a.png", "sub/../a.png"].map(|name| folder.file(name));
    let args = ["eval", "--predictions", text(&table), "--confusion", text(&chart)];
    assert_refused(&args, 2, &["--predictions and --confusion are the same file", "a.png"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_output_does_not_replace_an_input() {
    let folder = Folder::new();
    fs::create_dir(folder.file("sub")).unwrap();
    let set = data(&folder);
    let model = weights(&folder, "model.safetensors");
    let csv = folder.write("rows.csv", "0,1,2,3,4\n1,1,2,3,4\n");
    let before = fs::read(&model).unwrap();
    let mut names = vec![folder.file("sub/../model.safetensors")];
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(&model, folder.file("link")).unwrap();
        symlink(folder.path(), folder.file("linked")).unwrap();
        fs::hard_link(&model, folder.file("hard")).unwrap();
        names.extend(["link", "linked/model.safetensors", "hard"].map(|name| folder.file(name)));
    }
    for output in &names {
        let output = text(output);
        for (args, words) in [
            (
                &["export", "--onnx", output, "--model", text(&model)][..],
                "--model and --onnx",
            ),
            (
                &["eval", "--predictions", output, "--model", text(&model)],
                "--model and --predictions",
            ),
            (&["train", "--out", output, "--from", text(&model)], "--from and --out"),
            (
                &["train", "--checkpoint", output, "--from", text(&model)],
                "--from and --checkpoint",
            ),
        ] {
            assert_refused(args, 2, &[words, "the same file"]);
        }
    }
    let labels = folder.file("train-labels-idx1-ubyte");
    assert_refused(
        &["train", "--data", &set, "--out", text(&labels)],
        2,
        &["the data and --out", "labels"],
    );
    assert_refused(
        &["eval", "--data", text(&csv), "--predictions", text(&csv)],
        2,
        &["--data and --predictions", "rows.csv"],
    );
    let images = folder.file("images");
    for class in ["a", "b"] {
        fs::create_dir_all(images.join(class)).unwrap();
        fs::write(images.join(class).join("1.png"), "an image").unwrap();
    }
    let image = images.join("b").join("1.png");
    let args = ["train", "--data", text(&images), "--plot", text(&image)];
    assert_refused(&args, 2, &["the data and --plot", "1.png"]);
    assert_eq!(fs::read(&model).unwrap(), before);
    // A file beside the data is none of them.
    let beside = folder.file("beside.csv");
    for _ in 0..2 {
        succeed([
            "eval",
            "--data",
            &set,
            "--model",
            text(&model),
            "--predictions",
            text(&beside),
        ]);
    }
}

#[cfg(unix)]
#[test]
fn links_to_the_same_missing_file_are_the_same() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("run.svg", folder.file("link.svg")).unwrap();
    let [link, run] = ["link.svg", "run.svg"].map(|name| folder.file(name));
    let args = ["train", "--net", NET, "--out", text(&link), "--plot", text(&run)];
    assert_refused(&args, 2, &["--out and --plot are the same file"]);
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = Folder::new();
    let model = weights(&folder, "model.safetensors");
    let strokes = folder.write("strokes.jsonl", "{\"label\":1,\"strokes\":[[[5,0],[5,10]]]}\n");
    let settings = folder.write(
        "settings.json",
        "{\"width\":900,\"height\":700,\"zoom\":1,\"dark\":true}\n",
    );
    let (run, best) = (folder.file("run.safetensors"), folder.file("run.best.safetensors"));
    let train = ["train", "--net", NET, "--limit", "200", "--val", "50", "--epochs", "1"];
    succeed(train.into_iter().chain(["--checkpoint", text(&run)]));
    let checkpoint = [
        "run.safetensors: this is the checkpoint of a training run",
        text(&best),
        "train --checkpoint",
    ];
    for command in [
        &["eval"][..],
        &["info"],
        &["predict", "a.png"],
        &["replay", text(&strokes)],
        &[],
    ] {
        let with = |model: &Path, words: &[&str]| {
            assert_refused(&[command, &["--model", text(model)]].concat(), 1, words);
        };
        with(&run, &checkpoint);
        with(
            &strokes,
            &[
                "strokes.jsonl: this is a file of drawings, not a weights file",
                "--teach",
            ],
        );
        with(
            &settings,
            &["settings.json: this is the window's file of settings, not a weights file"],
        );
    }
    assert_refused(&["eval", "--net", NET, "--model", text(&run)], 1, &checkpoint);
    assert_refused(&["train", "--from", text(&run)], 1, &checkpoint);
    for (args, words) in [
        (
            &["train", "--checkpoint", text(&model)][..],
            "not the checkpoint of a training run; `train --from`",
        ),
        (&["train", "--checkpoint", text(&strokes)], "this is a file of drawings"),
        (
            &["replay", text(&model)],
            "this is a weights file, not a file of drawings; --model",
        ),
        (&["replay", text(&settings)], "this is the window's file of settings"),
        (
            &["replay", text(&strokes), "--teach", text(&run)],
            "this is the checkpoint of a training run",
        ),
        (&["predict", text(&strokes)], "this is a file of drawings, not an image"),
        (&["predict", text(&model)], "this is a weights file, not an image"),
        (
            &["predict", "--number", text(&model)],
            "this is a weights file, not an image",
        ),
        (
            &["train", "--data", text(&model)],
            "this is a weights file; give a folder",
        ),
        (
            &["eval", "--data", text(&strokes)],
            "this is a file of drawings; give a folder",
        ),
    ] {
        assert_refused(args, 1, &[words]);
    }
    // The weights beside a checkpoint are a model like any other.
    succeed(["info", "--model", text(&best)]);
}

/// Starts a long training run, and waits for the end of its first epoch.
fn training(mut command: Command, folder: &Folder, more: &[&str]) -> (Child, BufReader<impl Read + use<>>) {
    let out = folder.file("out.safetensors");
    let args = [
        "train",
        "--net",
        NET,
        "--limit",
        "500",
        "--epochs",
        "100000",
        "--out",
        text(&out),
    ];
    command
        .args(args)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch ") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the program ended early");
    }
    (child, stderr)
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Waits for the end of a run, and returns its exit status and what it wrote to standard error.
fn end(mut child: Child, mut stderr: impl Read) -> (Option<i32>, String) {
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

#[cfg(unix)]
#[test]
fn signals_stop_training_and_keep_the_weights() {
    for (signal, name) in [("-TERM", "SIGTERM"), ("-HUP", "SIGHUP")] {
        if signal == "-HUP" && hangups_are_ignored() {
            println!("skipped: the tests run under nohup, whose programs outlive their terminal");
            continue;
        }
        let folder = Folder::new();
        let (child, stderr) = training(program(), &folder, &[]);
        send(signal, &child);
        let (status, rest) = end(child, stderr);
        assert_eq!(status, Some(1), "{rest}");
        for word in [
            "error: training was stopped by the signal",
            name,
            "best weights so far",
            "saved",
        ] {
            assert!(rest.contains(word), "no {word:?} in {rest}");
        }
        succeed(["info", "--model", text(&folder.file("out.safetensors"))]);
    }
}

/// Whether this process ignores SIGHUP, as programs that it starts then do too.
#[cfg(unix)]
fn hangups_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_outlives_its_terminal_is_not_stopped() {
    let folder = Folder::new();
    let mut command = Command::new("nohup");
    command.arg(program().get_program());
    let (child, mut stderr) = training(command, &folder, &[]);
    send("-HUP", &child);
    let mut line = String::new();
    for _ in 0..10 {
        line.clear();
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("epoch "), "{line}");
    }
    send("-TERM", &child);
    assert!(end(child, stderr).1.contains("SIGTERM"));
}

#[test]
fn a_checkpoint_that_cannot_be_written_loses_no_weights() {
    let folder = Folder::new();
    fs::create_dir(folder.file("runs")).unwrap();
    let run = folder.file("runs/run.safetensors");
    let (child, stderr) = training(program(), &folder, &["--checkpoint", text(&run)]);
    let gone = folder.file("gone");
    fs::rename(folder.file("runs"), gone).unwrap();
    let (status, rest) = end(child, stderr);
    assert_eq!(status, Some(1), "{rest}");
    // Which of the run's two files is written next depends on the moment at which their folder went.
    for word in ["error: ", "runs/run.", "cannot write", "best weights so far", "saved"] {
        assert!(rest.contains(word), "no {word:?} in {rest}");
    }
    succeed(["info", "--model", text(&folder.file("out.safetensors"))]);
}

#[test]
fn outputs_are_checked_by_their_final_names() {
    let folder = Folder::new();
    let run = folder.file("run.safetensors");
    fs::create_dir(folder.file("run.best.safetensors")).unwrap();
    let long = format!("{}.safetensors", "a".repeat(300));
    let new = format!("{}/", text(&folder.file("new")));
    for args in [
        ["train", "--checkpoint", text(&run)],
        ["train", "--out", text(&folder.file(&long))],
        ["train", "--out", &new],
    ] {
        assert_refused(&args, 1, &["cannot write"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_checkpoint_is_resumed_with_its_own_data() {
    let folder = Folder::new();
    let set = data(&folder);
    let run = folder.file("run.safetensors");
    let args = [
        "train",
        "--net",
        NET,
        "--data",
        &set,
        "--epochs",
        "1",
        "--checkpoint",
        text(&run),
    ];
    succeed(args);
    let refused = |words: &[&str], more: &[&str]| {
        assert_refused(
            &[&args[..], more].concat(),
            1,
            &[&["another training run"], words].concat(),
        );
    };
    refused(&["augmentation differs (--no-augment"], &["--no-augment"]);
    refused(&["training images", "(--data"], &["--val", "10"]);
    folder.write("classes.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    refused(&["class names", "(--data"], &[]);
    fs::remove_file(folder.file("classes.txt")).unwrap();
    let labels = fs::read(folder.file("train-labels-idx1-ubyte")).unwrap();
    let mut other = labels.clone();
    other[8] = 9;
    folder.write("train-labels-idx1-ubyte", &other);
    refused(&["training images", "(--data"], &[]);
    folder.write("train-labels-idx1-ubyte", &labels);
    let resumed = succeed(args);
    assert!(!resumed.stderr.contains("earlier version"), "{}", resumed.stderr);
    for path in [&run, &folder.file("run.best.safetensors")] {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.windows(6).position(|window| window == b"\"run\":").unwrap();
        bytes[at + 1] = b'x';
        fs::write(path, bytes).unwrap();
    }
    let resumed = succeed(args);
    assert!(resumed.stderr.contains("of an earlier version"), "{}", resumed.stderr);
}
