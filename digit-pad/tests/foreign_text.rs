//! Text from files and their names: no control character reaches the terminal, and no line or object is broken by it.

mod common;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use common::{Folder, Run, run, succeed};
use image::{GrayImage, Luma};
use nn_core::{Model, Network};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Neither output has control characters but line breaks, and tabs in standard output.
fn assert_printable(run: &Run) {
    let is_control = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!run.stderr.contains(is_control), "{:?}", run.stderr);
    assert!(!run.stdout.replace('\t', " ").contains(is_control), "{:?}", run.stdout);
}

fn model(folder: &Folder, name: &str, labels: &[&str], notes: &[(&str, &str)]) -> PathBuf {
    let network = Network::new(format!("4x4x1 | dense {}", labels.len()).parse().unwrap(), 1).unwrap();
    let mut model = Model::new(network);
    model.labels = labels.iter().map(|&label| label.to_owned()).collect();
    model.notes = notes
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let path = folder.file(name);
    model.save(&path).unwrap();
    path
}

#[test]
fn names_of_classes_are_checked() {
    let folder = Folder::new();
    for (name, labels, shown) in [
        (
            "escape",
            ["a", "\u{1b}]0;title\u{7}"],
            "class 1 is named \"\\u{1b}]0;title",
        ),
        ("line", ["a\nb", "c"], "class 0 is named \"a\\nb\""),
        ("empty", ["a", ""], "class 1 is named \"\""),
        ("equal", ["a", "a"], "class 1 is named \"a\""),
    ] {
        let path = model(&folder, name, &labels, &[]);
        for args in [&["info", "--model", text(&path)][..], &["train", "--from", text(&path)]] {
            let refused = run(args);
            assert_eq!((refused.status, &refused.stdout[..]), (1, ""), "{refused:?}");
            assert!(
                refused.stderr.contains(text(&path)) && refused.stderr.contains(shown),
                "{refused:?}"
            );
            assert_printable(&refused);
        }
    }
    let csv = folder.write("rows.csv", "a\u{1b}[2J,1\nb,2\n");
    let refused = run(["train", "--data", text(&csv)]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("\\u{1b}[2J"), "{}", refused.stderr);
    assert_printable(&refused);
    for class in ["a", "b\u{1b}[2J"] {
        fs::create_dir_all(folder.file("images").join(class)).unwrap();
    }
    let refused = run(["train", "--data", text(&folder.file("images"))]);
    assert_eq!(refused.status, 1);
    assert_printable(&refused);
}

#[test]
fn metadata_are_escaped() {
    let folder = Folder::new();
    let note = ("how\u{1b}[1m", "a\u{1b}[31m\nb\u{9b}2J\u{202e}");
    let path = model(&folder, "model", &["a", "b"], &[note]);
    let info = succeed(["info", "--model", text(&path)]);
    assert!(
        info.stdout.contains("a\\u{1b}[31m\\nb\\u{9b}2J\\u{202e}"),
        "{}",
        info.stdout
    );
    assert_printable(&info);
    let info = succeed(["info", "--json", "--model", text(&path)]);
    assert_printable(&info);
    assert_eq!(info.objects()[0]["notes"][note.0], note.1);
}

#[test]
fn messages_have_an_end() {
    let folder = Folder::new();
    let long = "x".repeat(100_000);
    let csv = folder.write("rows.csv", format!("{long},1\n{long}y,300\n{long}z,no\n"));
    let path = model(&folder, "model", &[&long, &format!("{long}y")], &[]);
    for args in [
        &["train", "--data", text(&csv)][..],
        &["predict", "--number", "a.png", "--model", text(&path)],
    ] {
        let refused = run(args);
        assert_eq!(refused.status, 1);
        assert!(refused.stderr.len() < 5000, "{} bytes", refused.stderr.len());
    }
    let info = succeed(["info", "--model", text(&path)]);
    assert!(info.stdout.len() < 5000, "{} bytes", info.stdout.len());
}

/// Names of files that are hard to print; the last is not UTF-8.
#[cfg(unix)]
fn names() -> Vec<OsString> {
    use std::os::unix::ffi::OsStringExt;
    let mut names = ["a\tb.png", "a\nb.png", "a\u{1b}[2J.png", "a\u{202e}b.png"]
        .map(OsString::from)
        .to_vec();
    names.push(OsString::from_vec(b"a\xff\n.png".to_vec()));
    names
}

#[cfg(unix)]
#[test]
fn names_of_files_break_no_line() {
    let folder = Folder::new();
    let bar = GrayImage::from_fn(20, 20, |x, y| {
        Luma([if (8..11).contains(&x) && (3..17).contains(&y) {
            0
        } else {
            255
        }])
    });
    for name in names() {
        let path = folder.path().join(&name);
        bar.save_with_format(&path, image::ImageFormat::Png).unwrap();
        let image = path.as_os_str();
        let predicted = succeed(["predict".as_ref(), image]);
        assert_eq!(predicted.stdout.lines().count(), 1, "{predicted:?}");
        assert_eq!(predicted.stdout.matches('\t').count(), 2, "{predicted:?}");
        assert_printable(&predicted);
        let predicted = succeed(["predict".as_ref(), "--json".as_ref(), image]);
        assert_printable(&predicted);
        let object = &predicted.objects()[0];
        assert_eq!(object["path"], path.to_string_lossy().as_ref());
        for args in [
            ["info", "--model"],
            ["eval", "--data"],
            ["train", "--data"],
            ["replay", "--teach"],
        ] {
            let refused = run(args.iter().map(|&arg| arg.as_ref()).chain([image]));
            assert_ne!(refused.status, 0);
            assert_printable(&refused);
        }
        fs::remove_file(&path).unwrap();
        let missing = run(["predict".as_ref(), image]);
        assert_eq!((missing.status, missing.stderr.lines().count()), (1, 1), "{missing:?}");
        assert_printable(&missing);
        assert_printable(&run(["--no\u{1b}[2J".as_ref(), image]));
        let chart = folder.path().join("charts").join(&name);
        fs::create_dir_all(chart.parent().unwrap()).unwrap();
        let train = [
            "train",
            "--net",
            "784 | dense 10",
            "--limit",
            "50",
            "--val",
            "0",
            "--epochs",
            "1",
            "--plot",
        ];
        let drawn = succeed(train.iter().map(|&arg| arg.as_ref()).chain([chart.as_os_str()]));
        assert!(chart.is_file());
        assert_printable(&drawn);
    }
}
