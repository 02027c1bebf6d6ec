//! The command line as a process: arguments, output and exit status.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Folder, program, run, succeed};
use digit_pad::{
    charts::{confusion_chart, training_curves},
    drawing::file::Drawing,
    format::percent,
    recognition::{normalization::normalize_ink, recognizer::CONFIDENCE_THRESHOLD},
};
use image::{DynamicImage, GrayImage, Luma};
use mnist_io::{Dataset, Mnist, Split};
use nn_core::{Model, Network};
use serde_json::{Value, json};

const TINY: &str = "28x28x1 | flatten | dense 16 | relu | dense 10";

fn test_digits() -> Dataset {
    Mnist::embedded_split(Split::Test).unwrap()
}

/// Arguments that train a tiny network on a small part of MNIST, followed by `more`.
fn tiny_training(more: &[&str]) -> Vec<String> {
    let args = [
        "train", "--net", TINY, "--limit", "2000", "--val", "500", "--epochs", "2",
    ];
    args.iter().chain(more).map(|&arg| arg.to_owned()).collect()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = succeed(["--help"]);
    for command in ["train", "eval", "predict", "replay", "info", "[IMAGE]", "--model"] {
        assert!(help.stdout.contains(command), "{}", help.stdout);
    }
    assert!(succeed(["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
    for command in ["train", "eval", "predict", "replay", "info"] {
        assert!(succeed([command, "--help"]).stdout.contains("Usage"), "{command}");
    }
}

#[test]
fn training_reports_saves_and_can_be_used() {
    let folder = Folder::new();
    let path = folder.file("tiny.safetensors");
    let trained = succeed(tiny_training(&["--json", "--out", text(&path)]));
    let [first, second, last] = &trained.objects()[..] else {
        panic!("{trained:?}")
    };
    for (number, epoch) in [(1, first), (2, second)] {
        assert_eq!(
            keys(epoch),
            ["epoch", "images_per_s", "seconds", "train_loss", "val_accuracy"]
        );
        assert_eq!(epoch["epoch"], number);
        assert!(epoch["seconds"].as_f64().unwrap() > 0.0 && epoch["images_per_s"].as_f64().unwrap() > 0.0);
    }
    assert!(second["train_loss"].as_f64() < first["train_loss"].as_f64());
    assert_eq!(keys(last), ["parameters", "test_accuracy", "train_seconds"]);
    assert_eq!(last["parameters"], 785 * 16 + 170);
    let accuracy = last["test_accuracy"].as_f64().unwrap();
    assert!((0.2..1.0).contains(&accuracy), "{accuracy}");

    let eval = succeed(["eval", "--json", "--model", text(&path)]).objects();
    assert_eq!(eval[0]["accuracy"], accuracy);
    assert_eq!(eval[0]["count"], 10_000);
    let info = succeed(["info", "--json", "--model", text(&path)]).objects();
    assert_eq!(
        (&info[0]["network"], &info[0]["parameters"]),
        (&json!(TINY), &last["parameters"])
    );
    assert_eq!(
        info[0]["labels"],
        json!(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
    );
    let notes = &info[0]["notes"];
    assert_eq!(
        (&notes["seed"], &notes["epochs"], &notes["train_images"]),
        (&json!("1"), &json!("2"), &json!("2000"))
    );
    assert_eq!(notes["test_accuracy"], accuracy.to_string());
    assert!(notes.get("preset").is_none());
}

#[test]
fn training_starts_with_a_model() {
    let folder = Folder::new();
    let (path, again) = (folder.file("tiny.safetensors"), folder.file("again.safetensors"));
    succeed(tiny_training(&["--out", text(&path)]));
    let more = [
        "train",
        "--from",
        text(&path),
        "--head-only",
        "--limit",
        "500",
        "--val",
        "500",
        "--epochs",
        "1",
        "--patience",
        "1",
        "--json",
        "--out",
        text(&again),
    ];
    let trained = succeed(more).objects();
    let [before, after] = [&path, &again].map(|path| Model::load(path).unwrap());
    let from_scratch = [
        "train", "--net", TINY, "--limit", "500", "--val", "500", "--epochs", "1", "--json",
    ];
    let from_scratch = succeed(from_scratch).objects();
    let accuracy = |report: &Value| report["test_accuracy"].as_f64().unwrap();
    assert!(accuracy(&trained[1]) > accuracy(&from_scratch[1]) + 0.1);
    let [before, after] = [before, after].map(|model| model.network.tensors());
    assert_eq!(before[0], after[0]);
    assert_ne!(before[2], after[2]);
    // Vowels and consonants, which need a layer of their own.
    let letters = folder.file("letters.csv");
    let line = |i: usize| {
        format!(
            "{},{}\n",
            ["a", "b"][i % 2],
            vec![(i % 2 * 255).to_string(); 784].join(",")
        )
    };
    fs::write(&letters, (0..40).map(line).collect::<String>()).unwrap();
    let from = [
        "train",
        "--from",
        text(&path),
        "--data",
        text(&letters),
        "--val",
        "4",
        "--epochs",
        "2",
    ];
    let trained = succeed(from.iter().chain(&["--out", text(&again)]));
    assert!(trained.stderr.contains("a new last layer"), "{}", trained.stderr);
    let model = Model::load(&again).unwrap();
    assert_eq!(
        (&model.labels[..], model.network.spec().outputs()),
        (&["a".to_owned(), "b".to_owned()][..], 2)
    );
    assert_eq!(run(["train", "--head-only"]).status, 2);
}

#[test]
fn the_same_training_gives_the_same_file() {
    let folder = Folder::new();
    let weights = |name: &str, more: &[&str]| {
        let path = folder.file(name);
        succeed(tiny_training(&[more, &["--out", text(&path)]].concat()));
        fs::read(&path).unwrap()
    };
    let one = weights("one", &["--threads", "1"]);
    assert!(
        one == weights("two", &["--threads", "3"]),
        "the number of threads changes the weights"
    );
    // Replaces the file of the run before.
    assert!(one == weights("two", &[]), "another run changes the weights");
    assert!(one != weights("three", &["--seed", "2"]), "the seed changes nothing");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn training_resumes_from_its_checkpoint() {
    let folder = Folder::new();
    let (run, out) = (folder.file("run.safetensors"), folder.file("weights"));
    let train = || {
        let trained = succeed(tiny_training(&["--checkpoint", text(&run), "--out", text(&out)]));
        let epochs = trained.stderr.lines().filter(|line| line.starts_with("epoch ")).count();
        (epochs, trained.stderr, fs::read(&out).unwrap())
    };
    let (epochs, stderr, weights) = train();
    assert_eq!(epochs, 2);
    assert!(stderr.contains("checkpoint  saved to"), "{stderr}");
    let (epochs, stderr, again) = train();
    assert_eq!(epochs, 0, "no epoch is left");
    assert!(stderr.contains("resumes from the checkpoint"), "{stderr}");
    assert!(weights == again);
    // The best weights so far are an ordinary weights file.
    let best = folder.file("run.best.safetensors");
    let accuracy = |model: &Path| succeed(["eval", "--json", "--model", text(model)]).objects()[0]["accuracy"].clone();
    assert_eq!(accuracy(&best), accuracy(&out));
}

#[test]
fn without_a_terminal_progress_is_plain_lines() {
    let trained = succeed(tiny_training(&[]));
    let epochs: Vec<_> = trained
        .stderr
        .lines()
        .filter(|line| line.starts_with("epoch "))
        .collect();
    assert_eq!(epochs.len(), 2, "{}", trained.stderr);
    for word in ["loss", "accuracy", "validation", "images/s", "left"] {
        assert!(epochs[0].contains(word), "{}", epochs[0]);
    }
    assert!(trained.stderr.contains("not saved"), "{}", trained.stderr);
    assert!(!trained.stderr.contains('\x1b'), "{}", trained.stderr);
    assert!(trained.stdout.starts_with("test accuracy"), "{}", trained.stdout);
    assert!(!trained.stdout.contains("epoch 1/2"), "{}", trained.stdout);
}

#[test]
fn training_takes_data_from_a_folder() {
    let folder = Folder::new();
    folder.write_mnist(240, 30);
    let args = [
        "train",
        "--net",
        "784 | dense 10",
        "--epochs",
        "3",
        "--batch",
        "20",
        "--json",
        "--data",
    ];
    let trained = succeed(args.into_iter().chain([text(folder.path())]));
    assert!(trained.stderr.contains("220 training, 20 validation, 30 test"));
    assert_eq!(trained.objects().len(), 4);
}

#[test]
fn a_race_to_a_test_accuracy_says_so() {
    let won = succeed(tiny_training(&["--until-accuracy", "0.2", "--json"]));
    assert!(
        won.stderr.contains("race") && won.stderr.contains("no estimate"),
        "{}",
        won.stderr
    );
    assert!(won.objects().last().unwrap()["test_accuracy"].as_f64().unwrap() >= 0.2);

    let lost = run(tiny_training(&["--until-accuracy", "1", "--json"]));
    assert_eq!(lost.status, 1);
    assert!(
        lost.stderr.contains("error: the test accuracy did not reach 1"),
        "{}",
        lost.stderr
    );
    assert_eq!(lost.objects().len(), 3);
}

#[cfg(unix)]
#[test]
fn control_c_stops_training_and_keeps_the_weights() {
    let folder = Folder::new();
    let path = folder.file("stopped.safetensors");
    let args = ["train", "--net", TINY, "--limit", "500", "--epochs", "100000", "--out"];
    let mut child = program()
        .args(args)
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch ") {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "the program ended before the first epoch did"
        );
    }
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{rest}");
    assert!(
        rest.contains("stopped; the best weights so far") && rest.contains("saved"),
        "{rest}"
    );
    assert!(String::from_utf8(output.stdout).unwrap().contains("test accuracy"));
    succeed(["info", "--model", text(&path)]);
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let folder = Folder::new();
    // More lines than a pipe buffers.
    let strokes = folder.write("many.jsonl", "{\"strokes\":[[[0,0]]]}\n".repeat(5000));
    let mut training = tiny_training(&["--json"]);
    training.extend(["--batch".to_owned(), "500".to_owned()]);
    let replay = vec!["replay".to_owned(), "--json".to_owned(), text(&strokes).to_owned()];
    for args in [replay, training] {
        let mut child = program()
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with('{'), "{line}");
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error_of_every_command_and_loses_no_weights() {
    let folder = Folder::new();
    let strokes = folder.write("one.jsonl", "{\"strokes\":[[[5,0],[5,10]]]}\n");
    let (image, weights) = (folder.file("one.png"), folder.file("weights.safetensors"));
    GrayImage::from_fn(28, 28, |x, _| Luma([if x == 14 { 255 } else { 0 }]))
        .save(&image)
        .unwrap();
    let training = tiny_training(&["--json", "--out", text(&weights)]);
    let short = [
        &["info"][..],
        &["predict", text(&image)],
        &["replay", text(&strokes), "--json"],
    ]
    .map(|args| args.iter().map(|&arg| arg.to_owned()).collect());
    for args in short.into_iter().chain([training]) {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().args(&args).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(
            stderr.contains("error: cannot write to standard output"),
            "{args:?}: {stderr}"
        );
    }
    succeed(["info", "--model", text(&weights)]);
}

#[cfg(unix)]
#[test]
fn without_a_standard_output_a_missed_goal_is_still_a_failure() {
    let folder = Folder::new();
    let weights = folder.file("weights.safetensors");
    for (more, status) in [(&[][..], 0), (&["--until-accuracy", "1"], 1)] {
        let more = [&["--json", "--out", text(&weights)], more].concat();
        let mut child = program()
            .args(tiny_training(&more))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let run = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(status), "{more:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        succeed(["info", "--model", text(&weights)]);
        fs::remove_file(&weights).unwrap();
    }
}

#[test]
fn predictions_agree_with_the_accuracy() {
    let folder = Folder::new();
    let path = folder.file("predictions.csv");
    let eval = succeed(["eval", "--json", "--predictions", text(&path)]).objects();
    let accuracy = eval[0]["accuracy"].as_f64().unwrap();
    assert!(
        accuracy >= 0.983,
        "the model inside the program has an accuracy of {accuracy}"
    );

    let csv = fs::read_to_string(&path).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("index,label,digit,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9"));
    let digits = test_digits();
    let mut correct = 0;
    for (index, line) in lines.by_ref().enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let (label, digit) = (cells[1].parse::<usize>().unwrap(), cells[2].parse::<usize>().unwrap());
        assert_eq!((cells[0], cells.len()), (index.to_string().as_str(), 13));
        assert_eq!(label, digits.label(index));
        let p: Vec<f64> = cells[3..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{line}");
        assert!(p.iter().all(|&other| other <= p[digit]), "{line}");
        correct += usize::from(label == digit);
    }
    assert_eq!(csv.lines().count(), 10_001);
    assert_eq!(eval[0]["correct"], correct);
    assert_eq!(accuracy, correct as f64 / 10_000.0);
}

#[test]
fn eval_prints_a_table() {
    let eval = succeed(["eval"]);
    for word in [
        "test accuracy",
        "of 10,000",
        "calibration error",
        "maximum",
        "precision",
        "recall",
    ] {
        assert!(eval.stdout.contains(word), "{}", eval.stdout);
    }
    let digits = eval.stdout.lines().rev().take(10).filter(|line| line.ends_with('%'));
    assert_eq!(digits.count(), 10, "{}", eval.stdout);
    assert_eq!(eval.stderr, "");
}

#[test]
fn eval_measures_each_digit_calibration_and_time() {
    let folder = Folder::new();
    let path = folder.file("predictions.csv");
    let eval = &succeed(["eval", "--json", "--predictions", text(&path)]).objects()[0];
    let csv = fs::read_to_string(&path).unwrap();
    // Label, digit and the probability of the digit.
    let answers: Vec<(usize, usize, f64)> = csv.lines().skip(1).map(answer).collect();
    for digit in 0..10 {
        let count = |of: &dyn Fn(&(usize, usize, f64)) -> bool| answers.iter().filter(|&answer| of(answer)).count();
        let right = count(&|a| a.0 == digit && a.1 == digit) as f64;
        for (name, all) in [
            ("precision", count(&|a| a.1 == digit)),
            ("recall", count(&|a| a.0 == digit)),
        ] {
            let found = eval[name][digit].as_f64().unwrap();
            assert!((found - right / all as f64).abs() < 1e-12, "{name} of {digit}: {found}");
        }
    }
    let error = eval["calibration_error"].as_f64().unwrap();
    assert!((error - calibration_error(&answers)).abs() < 1e-6, "{error}");
    let (mean, slowest) = (eval["mean_ms"].as_f64().unwrap(), eval["slowest_ms"].as_f64().unwrap());
    assert!(0.0 < mean && mean <= slowest, "{mean} {slowest}");
}

fn answer(line: &str) -> (usize, usize, f64) {
    let cells: Vec<&str> = line.split(',').collect();
    let digit = cells[2].parse::<usize>().unwrap();
    (cells[1].parse().unwrap(), digit, cells[3 + digit].parse().unwrap())
}

/// Expected calibration error: the mean of |accuracy − confidence| over ten bins, weighted by their sizes.
fn calibration_error(answers: &[(usize, usize, f64)]) -> f64 {
    let bins = (0..10).map(|bin| {
        let range = f64::from(bin) / 10.0..f64::from(bin + 1) / 10.0;
        let inside: Vec<_> = answers
            .iter()
            .filter(|a| range.start < a.2 && a.2 <= range.end)
            .collect();
        let count = inside.len().max(1) as f64;
        let accuracy = inside.iter().filter(|a| a.0 == a.1).count() as f64 / count;
        let confidence = inside.iter().map(|a| a.2).sum::<f64>() / count;
        inside.len() as f64 / answers.len() as f64 * (accuracy - confidence).abs()
    });
    bins.sum()
}

#[test]
fn digits_that_are_never_predicted_have_no_precision() {
    let folder = Folder::new();
    folder.write_mnist(20, 3);
    // The test set has the digits 0 to 2 alone.
    let eval = &succeed(["eval", "--json", "--data", text(folder.path())]).objects()[0];
    assert_eq!((&eval["count"], &eval["recall"][3]), (&json!(3), &Value::Null));
    let undefined = eval["precision"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|value| value.is_null());
    assert!(undefined.count() >= 7, "{eval}");
    assert!(succeed(["eval", "--data", text(folder.path())]).stdout.contains('–'));
}

#[test]
fn the_confusion_matrix_is_drawn() {
    let folder = Folder::new();
    let path = folder.file("confusion.png");
    let eval = succeed(["eval", "--confusion", text(&path)]);
    assert_eq!(eval.stderr, "");
    let image = image::open(&path).unwrap();
    assert_eq!(
        (image.width() as usize, image.height() as usize),
        (confusion_chart::WIDTH, confusion_chart::HEIGHT)
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn training_is_plotted() {
    let folder = Folder::new();
    let (png, svg) = (folder.file("run.PNG"), folder.file("run.svg"));
    let trained = succeed(tiny_training(&["--plot", text(&png)]));
    assert!(trained.stderr.contains("plotted "), "{}", trained.stderr);
    let image = image::ImageReader::open(&png).unwrap().with_guessed_format().unwrap();
    assert_eq!(image.format(), Some(image::ImageFormat::Png));
    let image = image.decode().unwrap();
    assert_eq!(
        (image.width(), image.height()),
        (training_curves::PNG_WIDTH, training_curves::PNG_HEIGHT)
    );
    let whole = [
        "train", "--net", TINY, "--limit", "500", "--val", "0", "--epochs", "1", "--json",
    ];
    succeed(whole.into_iter().chain(["--plot", text(&svg)]));
    let drawn = fs::read_to_string(&svg).unwrap();
    for word in [
        TINY,
        "test accuracy",
        "Loss",
        "Accuracy",
        "Training step",
        "training (smoothed)",
    ] {
        assert!(drawn.contains(word), "{word} is not in {drawn}");
    }
    assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
    assert!(!drawn.contains("validation"), "nothing was held out");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_run_without_a_step_is_not_plotted() {
    let folder = Folder::new();
    let (run, plot) = (folder.file("run.safetensors"), folder.file("run.svg"));
    let args = tiny_training(&["--checkpoint", text(&run), "--plot", text(&plot)]);
    succeed(&args);
    fs::remove_file(&plot).unwrap();
    let again = succeed(&args);
    assert!(again.stderr.contains("nothing to plot"), "{}", again.stderr);
    assert!(!plot.exists());
}

#[test]
fn weights_without_metadata_need_their_network() {
    let folder = Folder::new();
    // Dense layers recognize digits even if the input scaling differs from training.
    let (net, trained) = ("784 | dense 64 | relu | dense 10", folder.file("trained.safetensors"));
    succeed(["train", "--net", net, "--epochs", "2", "--out", text(&trained)]);
    let path = folder.write("bare.safetensors", bare(&fs::read(trained).unwrap()));
    let silent = run(["eval", "--model", text(&path)]);
    assert_eq!(silent.status, 1);
    assert!(
        silent.stderr.contains("bare.safetensors") && silent.stderr.contains("--net"),
        "{}",
        silent.stderr
    );
    let named = succeed(["eval", "--json", "--model", text(&path), "--net", net]);
    assert!(named.stderr.contains("names no input scaling") && named.stderr.contains("(pixel / 255)"));
    let named = named.objects();
    assert!(named[0]["accuracy"].as_f64().unwrap() > 0.9);
}

/// A weights file without metadata, as other programs write it.
fn bare(bytes: &[u8]) -> Vec<u8> {
    let (length, rest) = bytes.split_at(8);
    let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__").unwrap();
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Writes digits of the test set as image files: white on black, black on white, and as in a large photo.
fn write_digits(folder: &Folder, digits: &Dataset, indices: std::ops::Range<usize>) -> Vec<(String, usize)> {
    let mut written = Vec::new();
    for index in indices {
        let image = GrayImage::from_raw(28, 28, digits.image(index).to_vec()).unwrap();
        let mut inverted = image.clone();
        image::imageops::invert(&mut inverted);
        let mut sheet = GrayImage::from_pixel(400, 300, Luma([235]));
        let large = image::imageops::resize(&inverted, 140, 140, image::imageops::FilterType::Triangle);
        image::imageops::overlay(&mut sheet, &large, 60, 90);
        for pixel in sheet.pixels_mut() {
            pixel.0[0] = pixel.0[0].min(235);
        }
        for (name, image) in [("a.png", image), ("b.png", inverted), ("c.jpg", sheet)] {
            let path = folder.file(&format!("{index}{name}"));
            DynamicImage::from(image).save(&path).unwrap();
            written.push((text(&path).to_owned(), digits.label(index)));
        }
    }
    written
}

#[test]
fn images_are_recognized_in_either_polarity_and_at_any_size() {
    let folder = Folder::new();
    let written = write_digits(&folder, &test_digits(), 0..10);
    let paths: Vec<&str> = written.iter().map(|(path, _)| path.as_str()).collect();
    let plain = succeed(["predict"].into_iter().chain(paths.iter().copied()));
    assert_eq!(
        (plain.stdout.lines().count(), plain.stderr.as_str()),
        (written.len(), "")
    );
    let mut right = 0;
    for (line, (path, label)) in plain.stdout.lines().zip(&written) {
        let [name, digit, probability] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert_eq!(name, path);
        assert!((0.1..=1.0).contains(&probability.parse::<f64>().unwrap()), "{line}");
        right += usize::from(digit == label.to_string());
    }
    assert!(right >= written.len() - 4, "{}", plain.stdout);

    let objects = succeed(["predict", "--json"].into_iter().chain(paths.iter().copied())).objects();
    for (object, line) in objects.iter().zip(plain.stdout.lines()) {
        let known = object["known"] == json!(true);
        let mut expected = vec!["class", "digit", "known", "path", "probabilities", "probability"];
        expected.extend((!known).then_some("why"));
        assert_eq!(keys(object), expected);
        let probabilities: Vec<f64> = object["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_f64().unwrap())
            .collect();
        let digit = object["digit"].as_u64().unwrap() as usize;
        assert_eq!(probabilities.len(), 10);
        assert_eq!(object["probability"], probabilities[digit]);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        assert_eq!(object["known"], probabilities[digit] >= f64::from(CONFIDENCE_THRESHOLD));
        assert_eq!(object["class"], digit.to_string());
        let shown = if known { digit.to_string() } else { "?".to_owned() };
        assert!(
            line.starts_with(&format!("{}\t{shown}\t", object["path"].as_str().unwrap())),
            "{line}"
        );
    }
}

/// Digits of the test set side by side on a white background, each `size` pixels wide and high.
fn sheet(digits: &Dataset, indices: &[usize], size: u32) -> GrayImage {
    let mut sheet = GrayImage::from_pixel(size * indices.len() as u32 + 40, size + 60, Luma([255]));
    for (place, &index) in indices.iter().enumerate() {
        let mut digit = GrayImage::from_raw(28, 28, digits.image(index).to_vec()).unwrap();
        image::imageops::invert(&mut digit);
        let digit = image::imageops::resize(&digit, size, size, image::imageops::FilterType::Triangle);
        image::imageops::overlay(&mut sheet, &digit, 20 + i64::from(size) * place as i64, 30);
    }
    sheet
}

#[test]
fn numbers_are_recognized_digit_by_digit() {
    let folder = Folder::new();
    let digits = test_digits();
    let numbers: [&[usize]; 4] = [&[3], &[0, 1], &[2, 10, 4], &[5, 13, 7, 11]];
    let written: Vec<(String, String)> = numbers
        .iter()
        .map(|indices| {
            let number: String = indices.iter().map(|&i| digits.label(i).to_string()).collect();
            let path = folder.file(&format!("{number}.png"));
            DynamicImage::from(sheet(&digits, indices, 56)).save(&path).unwrap();
            (text(&path).to_owned(), number)
        })
        .collect();
    let paths: Vec<&str> = written.iter().map(|(path, _)| path.as_str()).collect();
    let plain = succeed(["predict", "--number"].into_iter().chain(paths.iter().copied()));
    assert_eq!(plain.stderr, "");
    let objects = succeed(
        ["predict", "--number", "--json"]
            .into_iter()
            .chain(paths.iter().copied()),
    )
    .objects();
    assert_eq!((plain.stdout.lines().count(), objects.len()), (4, 4));
    for ((object, line), (path, number)) in objects.iter().zip(plain.stdout.lines()).zip(&written) {
        assert_eq!(keys(object), ["digits", "known", "number", "path", "probability"]);
        assert_eq!((&object["path"], &object["number"]), (&json!(path), &json!(number)));
        let found = object["digits"].as_array().unwrap();
        let product: f64 = found
            .iter()
            .map(|digit| digit["probability"].as_f64().unwrap())
            .product();
        let probability = object["probability"].as_f64().unwrap();
        assert!((probability - product).abs() < 1e-5, "{object}");
        assert_eq!(line, format!("{path}\t{number}\t{probability:.4}"));
        assert_eq!(object["known"], found.iter().all(|digit| digit["known"] == json!(true)));
        for (place, digit) in found.iter().enumerate() {
            assert_eq!(keys(digit), ["box", "digit", "known", "probabilities", "probability"]);
            assert_eq!(digit["digit"].to_string(), number[place..=place]);
            assert_eq!(digit["probabilities"].as_array().unwrap().len(), 10);
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| digit["box"][key].as_u64().unwrap());
            let left = 20 + 56 * place as u64;
            assert!(left <= x && x + width <= left + 56, "{digit}");
            assert!(30 <= y && y + height <= 86 && width.max(height) >= 38, "{digit}");
        }
    }
}

/// An image that is shrunk before segmentation, and one without a margin.
#[test]
fn numbers_are_found_in_large_and_in_tightly_cropped_images() {
    let folder = Folder::new();
    let digits = test_digits();
    let number: String = [2, 10, 4].map(|i: usize| digits.label(i).to_string()).concat();
    let large = sheet(&digits, &[2, 10, 4], 560);
    let is_ink = |pixel: &Luma<u8>| pixel.0[0] < 128;
    let inked = large.enumerate_pixels().filter(|(.., pixel)| is_ink(pixel));
    let (columns, rows): (Vec<_>, Vec<_>) = inked.map(|(x, y, _)| (x, y)).unzip();
    let (left, top) = (*columns.iter().min().unwrap(), *rows.iter().min().unwrap());
    let (width, height) = (columns.iter().max().unwrap() - left, rows.iter().max().unwrap() - top);
    let cropped = image::imageops::crop_imm(&large, left, top, width, height).to_image();
    for (name, image, (left, top)) in [("large.png", large, (0, 0)), ("cropped.png", cropped, (left, top))] {
        let path = folder.file(name);
        DynamicImage::from(image).save(&path).unwrap();
        let object = succeed(["predict", "--number", "--json", text(&path)])
            .objects()
            .remove(0);
        assert_eq!(object["number"], json!(number), "{name}");
        for (place, digit) in object["digits"].as_array().unwrap().iter().enumerate() {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| digit["box"][key].as_u64().unwrap());
            let (x, y) = (x + u64::from(left), y + u64::from(top));
            let from = 20 + 560 * place as u64;
            assert!(from <= x && x + width <= from + 560, "{name}: {digit}");
            assert!(
                30 <= y && y + height <= 590 && width.max(height) >= 380,
                "{name}: {digit}"
            );
        }
    }
}

#[test]
fn a_number_needs_ink() {
    let folder = Folder::new();
    let (blank, seven) = (folder.file("blank.png"), folder.file("seven.png"));
    DynamicImage::from(GrayImage::from_pixel(90, 40, Luma([255])))
        .save(&blank)
        .unwrap();
    DynamicImage::from(sheet(&test_digits(), &[0], 60))
        .save(&seven)
        .unwrap();
    let missing = folder.file("missing.png");
    let read = run(["predict", "--number", text(&blank), text(&missing), text(&seven)]);
    assert_eq!(read.status, 1);
    assert!(read.stdout.starts_with(&format!("{}\t7\t", text(&seven))), "{read:?}");
    assert!(
        read.stderr.contains("the image is blank: all its 90×40 pixels"),
        "{}",
        read.stderr
    );
    assert!(read.stderr.contains("missing.png"), "{}", read.stderr);
}

/// A one, a zero and a seven at different scales and places.
fn strokes() -> String {
    let zero: Vec<_> = (0..=40)
        .map(|step| f64::from(step) / 40.0 * std::f64::consts::TAU)
        .map(|angle| json!([1000.0 + 300.0 * angle.sin(), 900.0 - 480.0 * angle.cos()]))
        .collect();
    let drawings = [
        json!({"label": 1, "writer": "someone", "strokes": [[[5, 0], [5, 10]]]}),
        json!({"label": 0, "strokes": [zero]}),
        json!({"strokes": [[[-20, 10], [60, 10], [20, 130]]]}),
    ];
    drawings.map(|drawing| drawing.to_string() + "\n").concat()
}

/// The number of drawings that are known.
fn known(rows: &[Value]) -> usize {
    rows.iter().filter(|row| row["known"] == true).count()
}

#[test]
fn strokes_are_drawn_and_recognized() {
    let folder = Folder::new();
    let file = folder.write("strokes.jsonl", strokes());
    let objects = succeed(["replay", "--json", text(&file)]).objects();
    let [one, zero, seven, total] = &objects[..] else {
        panic!("{objects:?}")
    };
    for (line, object, label, digit) in [
        (1, one, json!(1), 1),
        (2, zero, json!(0), 0),
        (3, seven, Value::Null, 7),
    ] {
        assert_eq!(keys(object), ["digit", "known", "label", "line", "probability"]);
        assert_eq!(
            (&object["line"], &object["label"], &object["digit"]),
            (&json!(line), &label, &json!(digit))
        );
    }
    let error = &total["calibration_error"];
    assert!((0.0..0.5).contains(&error.as_f64().unwrap()), "{error}");
    assert_eq!(
        total,
        &json!({"count": 2, "correct": 2, "accuracy": 1.0, "calibration_error": error, "drawings": 3, "known": known(&objects), "known_correct": known(&objects[..2])})
    );

    let table = succeed(["replay", text(&file)]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("1\t1\t1\t") && lines[2].starts_with("3\t-\t7\t"),
        "{table}"
    );
    assert_eq!(
        lines[3],
        format!("accuracy {}: 2 of 2 labeled drawings correct", percent(1.0))
    );
}

#[test]
fn a_row_of_arithmetic_has_a_value() {
    let folder = Folder::new();
    let seven = json!([[0, 0], [60, 0], [20, 100]]);
    let plus = [json!([[110, 30], [110, 70]]), json!([[90, 50], [130, 50]])];
    let one = json!([[170, 0], [170, 100]]);
    let equals = [json!([[210, 40], [250, 40]]), json!([[210, 60], [250, 60]])];
    let strokes: Vec<_> = [seven].into_iter().chain(plus).chain([one]).chain(equals).collect();
    let row = |count: usize, number: &str| json!({"number": number, "strokes": strokes[..count]});
    let file = folder.write("sums.jsonl", format!("{}\n{}", row(6, "7+1="), row(4, "7+1")));
    let objects = succeed(["replay", "--json", text(&file)]).objects();
    assert_eq!(
        (&objects[0]["number"], &objects[0]["value"]),
        (&json!("7+1="), &json!("8"))
    );
    assert_eq!(keys(&objects[1]), ["known", "line", "number", "probability", "truth"]);
    assert_eq!(objects[1]["number"], "7+1");
}

#[test]
fn drawn_numbers_are_read_as_the_window_reads_them() {
    let folder = Folder::new();
    let seventeen = json!({"number": "17", "strokes": [[[60, 40], [60, 160]], [[120, 40], [200, 40], [150, 160]]]});
    let wrong = json!({"number": "71", "strokes": [[[60, 40], [60, 160]], [[120, 40], [200, 40], [150, 160]]]});
    let file = folder.write("numbers.jsonl", format!("{seventeen}\n{wrong}\n{}", strokes()));
    let objects = succeed(["replay", "--json", text(&file)]).objects();
    assert_eq!(keys(&objects[0]), ["known", "line", "number", "probability", "truth"]);
    for (object, truth) in objects.iter().zip(["17", "71"]) {
        assert_eq!((&object["truth"], &object["number"]), (&json!(truth), &json!("17")));
        assert!((0.5..=1.0).contains(&object["probability"].as_f64().unwrap()));
    }
    assert_eq!(objects[2]["digit"], 1);
    // Two digits have a label too.
    assert_eq!((&objects[5]["count"], &objects[5]["correct"]), (&json!(4), &json!(3)));
    assert_eq!(objects[5]["accuracy"], 0.75);

    let table = succeed(["replay", text(&file)]).stdout;
    assert!(table.starts_with("1\t17\t17\t"), "{table}");
    assert!(table.contains("3 of 4 labeled drawings correct"), "{table}");
}

#[test]
fn rows_name_their_file_if_there_are_several() {
    let folder = Folder::new();
    let (one, two) = (
        folder.write("one.jsonl", strokes()),
        folder.write("two.jsonl", "\n".to_owned() + &strokes()),
    );
    let objects = succeed(["replay", "--json", text(&one), text(&two)]).objects();
    assert_eq!(
        (&objects[0]["path"], &objects[0]["line"]),
        (&json!(text(&one)), &json!(1))
    );
    assert_eq!(
        (&objects[3]["path"], &objects[3]["line"]),
        (&json!(text(&two)), &json!(2))
    );
    assert_eq!(objects[6]["count"], 4);
}

/// A triangle: a four in some handwriting.
fn triangle(label: Option<u8>, width: i32, lean: i32) -> String {
    let strokes = [[[lean, 0], [width, 200], [-width, 200], [lean, 0]]];
    format!("{}\n", json!({"label": label, "strokes": strokes}))
}

#[test]
fn fine_tuned_drawings_are_recognized() {
    let folder = Folder::new();
    let examples = [
        triangle(Some(4), 90, 0),
        triangle(None, 5, 0),
        triangle(Some(4), 105, -10),
    ]
    .concat();
    let (examples, probes) = (
        folder.write("examples.jsonl", examples),
        folder.write("strokes.jsonl", strokes() + &triangle(Some(4), 95, 5)),
    );
    let correct = |more: &[&str]| {
        let replayed = succeed([&["replay", "--json", text(&probes)], more].concat());
        (replayed.objects()[4]["correct"].clone(), replayed.stderr)
    };
    assert_eq!(correct(&[]), (json!(2), String::new()));
    let (fine_tuned, stderr) = correct(&["--teach", text(&examples)]);
    assert_eq!(fine_tuned, 3);
    assert!(stderr.starts_with("fine-tuned on 2 labeled drawings from "), "{stderr}");
    let unlabeled = folder.write("unlabeled.jsonl", triangle(None, 90, 0));
    assert_eq!(correct(&["--teach", text(&unlabeled)]).0, 2);
}

#[test]
fn strokes_without_labels_have_no_accuracy() {
    let folder = Folder::new();
    let file = folder.write("strokes.jsonl", "{\"strokes\":[[[5,0],[5,10]]]}\n");
    let objects = succeed(["replay", "--json", text(&file)]).objects();
    assert_eq!(
        objects[1],
        json!({
            "count": 0, "correct": 0, "accuracy": null, "calibration_error": null,
            "drawings": 1, "known": known(&objects), "known_correct": 0
        })
    );
    assert!(
        succeed(["replay", text(&file)])
            .stdout
            .ends_with("no drawing has a label\n")
    );
    let missing = run(["replay", text(&folder.file("missing.jsonl"))]);
    assert_eq!((missing.status, missing.stdout.as_str()), (1, ""));
}

#[test]
fn info_describes_the_built_in_model() {
    let table = succeed(["info"]).stdout;
    for word in [
        "the built-in model",
        "dense 10",
        "parameters",
        "preset",
        "test accuracy",
    ] {
        assert!(table.contains(word), "{table}");
    }
    let info = &succeed(["info", "--json"]).objects()[0];
    assert_eq!(
        (&info["path"], &info["notes"]["preset"]),
        (&Value::Null, &json!("best"))
    );
}

/// A bar as strokes.
const BAR: &str = "{\"label\":7,\"strokes\":[[[0,0],[0,50]]]}";

/// A network of zeros whose feature cache holds a bar labeled 7.
fn with_feature_cache(folder: &Folder) -> PathBuf {
    let mut model = Model::new(Network::zeroed("784 | dense 10".parse().unwrap()).unwrap());
    let bar = normalize_ink(&Drawing::from_json(BAR).unwrap().ink.fit()).unwrap();
    let example = json!({"label": 7, "pixels": bar.to_vec()}).to_string();
    model.notes.insert("memory".to_owned(), example);
    let path = folder.file("fine-tuned.safetensors");
    model.save(&path).unwrap();
    path
}

#[test]
fn the_feature_cache_of_a_model_decides_in_every_command() {
    let folder = Folder::new();
    let model = with_feature_cache(&folder);
    let with_model = ["--model", text(&model)];
    let strokes = folder.write("bar.jsonl", BAR);
    let replayed = succeed([&["replay", "--json", text(&strokes)][..], &with_model].concat()).objects();
    let expected = json!({"line": 1, "label": 7, "digit": 7, "known": true});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&replayed[0][key], value, "{replayed:?}");
    }
    let image = GrayImage::from_fn(60, 60, |x, y| Luma([if x / 4 == 7 && y / 20 == 1 { 20 } else { 230 }]));
    let path = folder.file("bar.png");
    image.save(&path).unwrap();
    for (key, expected, number) in [("class", "7", &[][..]), ("number", "7", &["--number"])] {
        let predicted = &succeed([&["predict", "--json", text(&path)], number, &with_model].concat()).objects()[0];
        // Without the cache, all digits are equally probable.
        assert!(
            predicted[key] == expected && predicted["probability"].as_f64().unwrap() > 0.101,
            "{predicted}"
        );
    }
    let unsure = succeed([&["predict", text(&path)][..], &with_model].concat()).stdout;
    assert!(unsure.contains("\t?\t0."), "{unsure}");
    folder.write_mnist(10, 10);
    let evaluated = succeed([&["eval", "--json", "--data", text(folder.path())][..], &with_model].concat());
    assert_eq!(evaluated.objects()[0]["count"], 10);
    assert!(evaluated.objects()[0]["recall"][7] == 1.0, "{}", evaluated.stdout);
}

#[test]
fn info_counts_the_examples_in_the_feature_cache() {
    let folder = Folder::new();
    let model = with_feature_cache(&folder);
    let table = succeed(["info", "--model", text(&model)]).stdout;
    let network = Network::zeroed("784 | dense 10".parse().unwrap()).unwrap();
    assert!(table.ends_with(&network.summary().to_string()), "{table}");
    assert!(
        table.lines().any(|line| line.split_whitespace().eq(["examples", "1"])) && !table.contains("pixels"),
        "{table}"
    );
    let info = &succeed(["info", "--json", "--model", text(&model)]).objects()[0];
    assert_eq!((&info["lessons"], &info["notes"]), (&json!(1), &json!({})));
}

/// Whether a file contains some text.
fn contains(path: &Path, text: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[test]
fn models_are_exported() {
    let folder = Folder::new();
    let onnx = folder.file("best.onnx");
    let exported = succeed(["export", "--onnx", text(&onnx)]);
    assert_eq!(exported.stdout, "");
    assert!(exported.stderr.contains("saved") && exported.stderr.contains("best.onnx"));
    for part in ["28x28x1 | conv", "labels", "0.weight", "BatchNormalization", "batch"] {
        assert!(contains(&onnx, part), "{part}");
    }
    // Neither the examples of the user nor their existence are part of the network.
    let model = with_feature_cache(&folder);
    let exported = succeed(["export", "--model", text(&model), "--onnx", text(&onnx)]);
    assert!(exported.stderr.contains("examples"), "{}", exported.stderr);
    assert!(contains(&onnx, "784 | dense 10") && !contains(&onnx, "pixels"));
    // Weights without metadata.
    let foreign = folder.write("foreign.safetensors", bare(&fs::read(&model).unwrap()));
    let net = ["--net", "784 | dense 10"];
    succeed([&["export", "--model", text(&foreign), "--onnx", text(&onnx)][..], &net].concat());
    assert!(contains(&onnx, "784 | dense 10"));
}

#[test]
fn an_export_needs_a_folder() {
    let folder = Folder::new();
    let model = with_feature_cache(&folder);
    let missing = folder.file("missing/model.onnx");
    let failed = run(["export", "--model", text(&model), "--onnx", text(&missing)]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("model.onnx") && failed.stderr.contains("no folder"),
        "{}",
        failed.stderr
    );
    assert_eq!(run(["export"]).status, 2);
}

#[test]
fn without_a_display_the_window_says_what_to_do() {
    let run = run([] as [&str; 0]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr.starts_with("error: ") && run.stderr.contains("xvfb-run"),
        "{}",
        run.stderr
    );
}
