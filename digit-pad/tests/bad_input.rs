//! Bad input: the program names what is wrong and fails. It never panics, hangs, exhausts memory or gives a result.

mod common;

use std::{
    fs,
    io::{self, Cursor, Write},
    path::Path,
};

use common::{Folder, Run, idx, program, run, succeed};
use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use nn_core::{Model, Network};

/// The program fails, and its message contains `words`.
fn assert_fails(args: &[&str], words: &[&str]) -> Run {
    assert_ends(args, 1, words)
}

/// The program reports wrong usage, and its message contains `words`.
fn assert_wrong_usage(args: &[&str], words: &[&str]) -> Run {
    assert_ends(args, 2, words)
}

fn assert_ends(args: &[&str], status: i32, words: &[&str]) -> Run {
    let run = run(args);
    assert_eq!(run.status, status, "{args:?}: {run:?}");
    assert!(
        run.stderr.contains("error: ") && !run.stderr.contains("panicked"),
        "{args:?}: {run:?}"
    );
    for word in words {
        assert!(
            run.stderr.contains(word),
            "{args:?} says nothing of {word:?}: {}",
            run.stderr
        );
    }
    run
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn arguments_out_of_range_are_wrong_usage() {
    for (args, words) in [
        (&["train", "--epochs", "0"][..], &["'0'", "--epochs", "1 to"][..]),
        (&["train", "--epochs", "-3"], &["'-3'", "--epochs"]),
        (&["train", "--epochs", "many"], &["'many'", "--epochs"]),
        (&["train", "--batch", "0"], &["--batch", "1 to 65536"]),
        (&["train", "--batch", "99999999999999999999"], &["--batch"]),
        (&["train", "--lr", "0"], &["--lr", "above 0"]),
        (&["train", "--lr", "-0.1"], &["--lr", "above 0"]),
        (&["train", "--lr", "NaN"], &["--lr"]),
        (&["train", "--lr", "inf"], &["--lr"]),
        (&["train", "--seed", "-1"], &["--seed"]),
        (&["train", "--threads", "0"], &["--threads", "1 to 1024"]),
        (&["train", "--limit", "0"], &["--limit"]),
        (&["train", "--val", "-1"], &["--val"]),
        (
            &["train", "--until-accuracy", "98"],
            &["'98'", "--until-accuracy", "as in 0.98"],
        ),
        (&["train", "--until-accuracy", "0"], &["--until-accuracy"]),
        (&["train", "--optimizer", "newton"], &["newton", "sgd"]),
        (
            &["train", "--preset", "huge"],
            &["huge", "mlp", "classic", "best", "fast"],
        ),
        (
            &["train", "--preset", "mlp", "--net", "784 | dense 10"],
            &["--preset", "--net"],
        ),
        (
            &["train", "--plot", "run.jpg"],
            &["'run.jpg'", "--plot", ".png or .svg"],
        ),
        (&["train", "--plot", "run"], &["--plot", ".png or .svg"]),
        (
            &["eval", "--confusion", "mistakes.svg"],
            &["'mistakes.svg'", "--confusion", ".png"],
        ),
        (&["train", "--nonsense"], &["--nonsense"]),
        (&["eval", "--net", "784 | dense 10"], &["--model"]),
        (&["predict"], &["IMAGE"]),
        (&["replay"], &["STROKES"]),
        (&["info", "weights.safetensors"], &["weights.safetensors"]),
        (
            &["--model", "a", "train"],
            &["put the command before its options", "train"],
        ),
        (&["one.png", "two.png"], &["two.png"]),
    ] {
        assert_wrong_usage(args, words);
    }
}

#[test]
fn a_network_that_cannot_be_read_is_wrong_usage() {
    for (net, words) in [
        ("", &["the input"][..]),
        ("784", &["at least one layer"]),
        ("784 | lstm 10", &["layer 0", "lstm 10", "no such layer"]),
        ("784 | dense", &["layer 0", "dense OUT"]),
        ("784 | dense -5 | dense 10", &["layer 0"]),
        ("784 | dense 1000000000 | dense 10", &["2^30"]),
        ("a x b | dense 10", &["the input", "28x28x1"]),
    ] {
        assert_wrong_usage(&["train", "--net", net], &[&["--net"], words].concat());
    }
}

#[test]
fn a_network_for_other_shapes_is_refused() {
    for net in ["100 | dense 10", "784 | dense 7", "14x14x4 | flatten | dense 10"] {
        let run = assert_fails(&["train", "--net", net], &[net, "28x28x1 or 784", "10"]);
        assert_eq!(run.stderr.matches(net).count(), 1, "{run:?}");
    }
}

#[test]
fn an_unwritable_output_is_refused_before_training() {
    let folder = Folder::new();
    let missing = folder.file("missing").join("a.safetensors");
    for (path, words) in [
        (folder.path(), "this is a folder"),
        (missing.as_path(), "there is no folder"),
    ] {
        let run = assert_fails(&["train", "--out", text(path)], &[text(path), words]);
        assert!(!run.stderr.contains("epoch"), "{}", run.stderr);
        assert_fails(&["eval", "--predictions", text(path)], &[text(path), words]);
    }
    fs::create_dir(folder.file("folder.png")).unwrap();
    for (name, words) in [
        ("missing/a.png", "there is no folder"),
        ("folder.png", "this is a folder"),
    ] {
        let path = folder.file(name);
        let run = assert_fails(&["train", "--plot", text(&path)], &[text(&path), words]);
        assert!(!run.stderr.contains("epoch"), "{}", run.stderr);
        assert_fails(&["eval", "--confusion", text(&path)], &[text(&path), words]);
    }
    if cfg!(unix) {
        assert_fails(&["train", "--out", "/dev/null"], &["/dev/null: this is a device"]);
    }
}

#[test]
fn an_invalid_checkpoint_or_one_of_another_run_is_refused_before_training() {
    let folder = Folder::new();
    let net = "28x28x1 | dense 10";
    let model = weights(&folder, "model.safetensors", net);
    assert_fails(
        &["train", "--checkpoint", &model],
        &[&model, "not the checkpoint of a training run"],
    );
    let noise = folder.write("noise", [7; 100]);
    assert_fails(&["train", "--checkpoint", text(&noise)], &[text(&noise), "safetensors"]);
    let place = text(folder.path());
    assert_fails(&["train", "--checkpoint", place], &[place, "folder"]);
    let run = folder.file("run");
    let args = [
        "train",
        "--checkpoint",
        text(&run),
        "--limit",
        "100",
        "--val",
        "0",
        "--net",
        net,
    ];
    succeed(args.into_iter().chain(["--epochs", "1"]));
    for (more, word) in [
        (["--epochs", "2"], "its learning-rate schedule differs (--epochs"),
        (["--seed", "2"], "its seed is 1, not 2 (--seed)"),
        (["--lr", "0.5"], "not 0.5 (--lr"),
    ] {
        let epochs = if more[0] == "--epochs" {
            &[][..]
        } else {
            &["--epochs", "1"]
        };
        assert_fails(
            &[&args[..], &more, epochs].concat(),
            &[text(&run), "another training run", word],
        );
    }
}

#[test]
fn missing_data_are_named() {
    let folder = Folder::new();
    let (missing, file) = (folder.file("missing"), folder.write("file", "no folder"));
    for command in ["train", "eval"] {
        assert_fails(
            &[command, "--data", text(&missing)],
            &[text(&missing), "no such file or folder"],
        );
        assert_fails(
            &[command, "--data", text(&file)],
            &[text(&file), "line 1: there is no comma"],
        );
        assert_fails(
            &[command, "--data", text(folder.path())],
            &[text(folder.path()), "t10k-images-idx3-ubyte"],
        );
    }
}

#[test]
fn damaged_data_are_named() {
    let (images, labels) = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
    let whole = idx(&[10, 28, 28], &[7; 7840]);
    let huge = idx(&[u32::MAX, u32::MAX, 28], &[7; 7840]);
    let garbage = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 300]].concat();
    for (name, content, words) in [
        (images, &b""[..], "the file is empty"),
        (images, b"some text, and no images at all", "not an IDX file"),
        (images, &whole[..9], "header ends after"),
        (images, &whole[..5000], "claims 7840 bytes"),
        (images, &[&whole[..], b"more"].concat(), "more bytes follow"),
        (images, &huge, "download"),
        (images, &garbage, "gzip"),
        (images, &[0x1f, 0x8b], "gzip"),
        (images, &idx(&[10], &[1; 10]), "give the file of the images"),
        (images, &idx(&[10, 0, 28], &[]), "at least 1"),
        (
            labels,
            // Signed bytes, the last of them -1.
            &[0, 0, 9, 1, 0, 0, 0, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 255],
            "label -1 at index 9",
        ),
        (labels, &idx(&[9], &[1; 9]), "10 images and 9 labels"),
        (labels, &idx(&[10, 28, 28], &[1; 7840]), "give the file of the labels"),
    ] {
        let folder = Folder::new();
        folder.write_mnist(30, 10);
        let path = folder.write(name, content);
        for command in ["train", "eval"] {
            assert_fails(&[command, "--data", text(folder.path())], &[text(&path), words]);
        }
    }
}

#[test]
fn a_folder_in_the_place_of_data_is_named() {
    let folder = Folder::new();
    folder.write_mnist(30, 10);
    let path = folder.file("train-images-idx3-ubyte");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_fails(
        &["train", "--data", text(folder.path())],
        &[text(folder.path()), "train-images-idx3-ubyte"],
    );
}

#[test]
fn too_few_images_are_an_error() {
    let folder = Folder::new();
    folder.write_mnist(30, 10);
    assert_fails(
        &["train", "--data", text(folder.path()), "--val", "30"],
        &["30 training images", "none to train on"],
    );
    folder.write_mnist(0, 10);
    assert_fails(&["train", "--data", text(folder.path())], &["0 training images"]);
    folder.write_mnist(30, 0);
    for command in ["train", "eval"] {
        assert_fails(&[command, "--data", text(folder.path())], &["no test images"]);
    }
}

#[test]
fn training_that_diverges_says_so() {
    let args = [
        "train",
        "--net",
        "784 | dense 32 | relu | dense 10",
        "--limit",
        "3000",
        "--epochs",
        "9",
        "--lr",
        "1000",
    ];
    assert_fails(&args, &["diverged", "lower learning rate"]);
}

fn weights(folder: &Folder, name: &str, net: &str) -> String {
    let path = folder.file(name);
    Model::new(Network::new(net.parse().unwrap(), 1).unwrap())
        .save(&path)
        .unwrap();
    text(&path).to_owned()
}

#[test]
fn invalid_weights_files_are_named_by_every_command() {
    let folder = Folder::new();
    let good = fs::read(weights(&folder, "good", "784 | dense 10")).unwrap();
    let image = folder.write(
        "digit.png",
        png(&GrayImage::from_fn(9, 9, |x, _| Luma([if x == 4 { 255 } else { 0 }]))),
    );
    let strokes = folder.write("strokes.jsonl", "{\"strokes\":[[[5,0],[5,10]]]}\n");
    let empty = folder.write("empty", "");
    let words = folder.write(
        "words",
        "these are words and no weights, a line of them, and then some more of them\n",
    );
    let short = folder.write("short", &good[..good.len() - 100]);
    let header = folder.write("header", [&[0xff; 8][..], &good[8..]].concat());
    let missing = folder.file("missing");
    for (path, reason) in [
        (missing.as_path(), "cannot read"),
        (folder.path(), "not a file"),
        (&empty, "not a safetensors file"),
        (&words, "not a safetensors file"),
        (&short, "not a safetensors file"),
        (&header, "not a safetensors file"),
        (&image, "this is an image, not a weights file"),
    ] {
        let model = ["--model", text(path)];
        for command in [
            &["eval"][..],
            &["info"],
            &["predict", text(&image)],
            &["replay", text(&strokes)],
            &[],
        ] {
            assert_fails(&[command, &model].concat(), &[text(path), reason]);
        }
        assert_fails(
            &["eval", "--net", "784 | dense 10", "--model", text(path)],
            &[text(path), reason],
        );
    }
}

#[test]
fn models_for_other_shapes_are_refused() {
    let folder = Folder::new();
    let image = folder.write(
        "digit.png",
        png(&GrayImage::from_fn(9, 9, |x, _| Luma([if x == 4 { 255 } else { 0 }]))),
    );
    for (name, net) in [
        ("small", "100 | dense 10"),
        ("few", "784 | dense 3"),
        ("deep", "14x14x4 | flatten | dense 10"),
    ] {
        let model = weights(&folder, name, net);
        for command in [&["eval"][..], &["predict", "--number", text(&image)], &[]] {
            assert_fails(&[command, &["--model", &model]].concat(), &[&model, "28x28x1 or 784"]);
        }
        // Images of any size are brought to what the model wants.
        succeed(["predict", text(&image), "--model", &model]);
        succeed(["info", "--model", &model]);
    }
    let model = weights(&folder, "right", "784 | dense 10");
    let other = "784 | dense 16 | relu | dense 10";
    assert_fails(
        &["eval", "--model", &model, "--net", other],
        &[&model, other, "784 | dense 10"],
    );
}

fn png(image: &GrayImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn images_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    let line = GrayImage::from_fn(40, 40, |x, y| Luma([if x == 20 && y > 5 && y < 35 { 0 } else { 255 }]));
    let whole = png(&line);
    let missing = folder.file("missing.png");
    let mut jpeg = Cursor::new(Vec::new());
    DynamicImage::from(line).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let blank = |width, height, gray| png(&GrayImage::from_pixel(width, height, Luma([gray])));
    for (name, content, words) in [
        ("empty.png", &b""[..], "the file is empty"),
        ("words.png", b"these are words", "not a PNG, JPEG"),
        ("short.png", &whole[..whole.len() / 2], "damaged"),
        ("short.jpg", &jpeg[..jpeg.len() / 4], "damaged"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "this is a HEIC"),
        ("1x1.png", &blank(1, 1, 0), "the image is blank"),
        ("white.png", &blank(300, 200, 255), "the image is blank"),
        ("black.png", &blank(300, 200, 0), "the image is blank"),
    ] {
        let path = folder.write(name, content);
        let run = assert_fails(&["predict", text(&path)], &[text(&path), words]);
        assert_eq!(run.stdout, "");
        assert_fails(&[text(&path)], &[text(&path), words]);
    }
    assert_fails(&["predict", text(&missing)], &["cannot read", text(&missing)]);
    assert_fails(
        &["predict", text(folder.path())],
        &[text(folder.path()), "this is a folder"],
    );
}

#[test]
fn a_truncated_jpeg_is_read_with_a_word() {
    let folder = Folder::new();
    let line = GrayImage::from_fn(40, 40, |x, y| Luma([if x == 20 && y > 5 && y < 35 { 0 } else { 255 }]));
    let mut jpeg = Cursor::new(Vec::new());
    DynamicImage::from(line).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let path = folder.write("short.jpg", &jpeg[..jpeg.len() - 50]);
    let run = run(["predict", text(&path)]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("\t1\t"), "{run:?}");
    assert!(run.stderr.contains("the end of the file is missing"), "{run:?}");
}

#[test]
fn a_bad_image_is_skipped() {
    let folder = Folder::new();
    let good = folder.write(
        "good.png",
        png(&GrayImage::from_fn(40, 40, |x, _| {
            Luma([if x == 20 { 0 } else { 255 }])
        })),
    );
    let bad = folder.write("bad.png", "no image");
    let run = assert_fails(&["predict", text(&bad), text(&good)], &[text(&bad)]);
    assert_eq!(run.stdout.lines().count(), 1);
    assert!(run.stdout.starts_with(text(&good)), "{}", run.stdout);
}

/// A valid PNG file of `side`×`side` white pixels, one bit each.
fn white_png(side: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        [
            &(data.len() as u32).to_be_bytes(),
            &kind[..],
            data,
            &sum.sum().to_be_bytes(),
        ]
        .concat()
    };
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let row: Vec<u8> = io::Read::bytes(io::Read::chain(&[0][..], io::repeat(0xff)))
        .take(1 + side.div_ceil(8) as usize)
        .map(Result::unwrap)
        .collect();
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..side {
        pixels.write_all(&row).unwrap();
    }
    let pixels = pixels.finish().unwrap();
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &pixels),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

#[test]
fn huge_images_are_refused_before_they_are_decoded() {
    let folder = Folder::new();
    let huge = folder.write("huge.png", white_png(20_000));
    let mut jpeg = Cursor::new(Vec::new());
    DynamicImage::from(GrayImage::new(8, 8))
        .write_to(&mut jpeg, ImageFormat::Jpeg)
        .unwrap();
    let mut jpeg = jpeg.into_inner();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[20_000u16.to_be_bytes(), 20_000u16.to_be_bytes()].concat());
    let huge_jpeg = folder.write("huge.jpg", jpeg);
    for path in [&huge, &huge_jpeg] {
        assert_fails(
            &["predict", text(path)],
            &[text(path), "20000×20000 pixels", "67 million"],
        );
    }
    // The same image below the limit is decoded.
    let large = folder.write("large.png", white_png(2_000));
    assert_fails(&["predict", text(&large)], &["the image is blank"]);

    #[cfg(unix)]
    {
        // Decoding takes 400 MB.
        let limited = format!("ulimit -v 300000; exec \"$0\" predict \"{}\"", text(&huge));
        let mut shell = std::process::Command::new("sh");
        let run: Run = shell
            .arg("-c")
            .arg(limited)
            .arg(program().get_program())
            .output()
            .unwrap()
            .into();
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stderr.contains("20000×20000"), "{run:?}");
    }
}

#[test]
fn an_unknown_command_is_named() {
    assert_wrong_usage(&["trian"], &["unrecognized subcommand 'trian'", "--help"]);
    assert_fails(&["folder/trian"], &["folder/trian"]);
    assert_fails(&["trian.png"], &["trian.png"]);
}

#[test]
fn invalid_strokes_are_named_with_their_line() {
    let folder = Folder::new();
    let lines = [
        r#"{"label":1,"strokes":[[[5,0],[5,10]]]}"#,
        "these are words",
        r#"{"label":12,"strokes":[[[5,0],[5,10]]]}"#,
        r#"{"label":1,"strokes":[]}"#,
        r#"{"label":1,"strokes":[[[5,0],[5,1e300]]]}"#,
        r#"{"label":1,"strokes":[[[5,0],[5,10]]],"pen":100}"#,
        r#"{"label":1,"strokes":[[[5,0],[5,10]]]}"#,
    ];
    let path = folder.write("strokes.jsonl", lines.join("\n"));
    let words = [
        "line 2",
        "line 3",
        "the label is 12",
        "line 4",
        "line 5",
        "coordinates",
        "line 6",
        "the pen is 100",
    ];
    let run = assert_fails(
        &["replay", "--json", text(&path)],
        &[&[text(&path)], &words[..]].concat(),
    );
    assert_eq!(run.objects().len(), 3, "two drawings and the total");
    assert_eq!(run.objects()[2]["count"], 2);

    let missing = folder.file("missing.jsonl");
    assert_fails(&["replay", text(&missing)], &[text(&missing)]);
    assert_fails(&["replay", text(folder.path())], &[text(folder.path())]);
}

#[test]
fn a_damaged_feature_cache_is_reported_by_every_command() {
    let folder = Folder::new();
    let strokes = folder.write("strokes.jsonl", r#"{"label":1,"strokes":[[[5,0],[5,10]]]}"#);
    let blank = GrayImage::from_pixel(9, 9, Luma([0]));
    let image = folder.file("image.png");
    blank.save(&image).unwrap();
    let path = folder.file("fine-tuned.safetensors");
    for (note, word) in [("2", "not a drawing"), ("{\"label\":3,\"pixels\":[1,2]}", "2 pixels")] {
        let mut model = Model::new(Network::new("784 | dense 10".parse().unwrap(), 1).unwrap());
        model.notes.insert("memory".to_owned(), note.to_owned());
        model.save(&path).unwrap();
        for command in [
            &["info"][..],
            &["eval"],
            &["predict", text(&image)],
            &["replay", text(&strokes)],
            &["replay", text(&strokes), "--teach", text(&strokes)],
        ] {
            let args = [command, &["--model", text(&path)]].concat();
            let run = assert_fails(&args, &[text(&path), "example 1", word]);
            assert_eq!(run.stdout, "");
        }
    }
    // Examples are images of 28×28 pixels.
    let mut model = Model::new(Network::new("8x8x1 | dense 10".parse().unwrap(), 1).unwrap());
    let pixels = vec!["9"; 784].join(",");
    let note = format!("{{\"label\":3,\"pixels\":[{pixels}]}}");
    model.notes.insert("memory".to_owned(), note);
    model.save(&path).unwrap();
    assert_fails(&["predict", text(&image), "--model", text(&path)], &["28x28x1"]);
}

#[test]
fn fine_tuning_errors_come_before_predictions() {
    let folder = Folder::new();
    let strokes = folder.write("strokes.jsonl", r#"{"label":1,"strokes":[[[5,0],[5,10]]]}"#);
    let replay = ["replay", text(&strokes), "--teach"];
    let damaged = folder.write("damaged.jsonl", "\n{\"label\":3,\"strokes\":[[[0,0]]]}\n{\"label\":1");
    let run = assert_fails(&[&replay[..], &[text(&damaged)]].concat(), &["damaged.jsonl, line 3"]);
    assert_eq!(run.stdout, "");
    let missing = folder.file("missing.jsonl");
    assert_fails(&[&replay[..], &[text(&missing)]].concat(), &[text(&missing)]);

    let network = "28x28x1 | conv 10 9x9 stride 4 | globalavgpool | flatten"
        .parse()
        .unwrap();
    let model = folder.file("convolution.safetensors");
    Model::new(Network::new(network, 1).unwrap()).save(&model).unwrap();
    assert_fails(
        &[&replay[..], &[text(&strokes), "--model", text(&model)]].concat(),
        &[text(&model), "cannot be fine-tuned", "dense"],
    );
}

/// Every command that takes a model, and a model that it refuses.
fn assert_refused_by_all(folder: &Folder, model: &str, words: &[&str]) {
    let image = folder.write(
        "digit.png",
        png(&GrayImage::from_fn(9, 9, |x, _| Luma([if x == 4 { 255 } else { 0 }]))),
    );
    let strokes = folder.write("strokes.jsonl", "{\"strokes\":[[[5,0],[5,10]]]}\n");
    let onnx = folder.file("model.onnx");
    for command in [
        &["eval"][..],
        &["info"],
        &["predict", text(&image)],
        &["predict", "--number", text(&image)],
        &["replay", text(&strokes)],
        &["export", "--onnx", text(&onnx)],
        &[],
    ] {
        assert_fails(&[command, &["--model", model]].concat(), &[&[model], words].concat());
    }
    assert_fails(&["train", "--from", model], &[&[model], words].concat());
    assert!(!onnx.exists());
}

#[test]
fn a_scaling_that_cannot_be_used_is_refused_by_every_command() {
    let folder = Folder::new();
    let scaled = |name: &str, mean: f32, std: f32| {
        let mut model = Model::new(Network::new("784 | dense 10".parse().unwrap(), 1).unwrap());
        model.scaling = Some(nn_core::Scaling { mean, std });
        let path = folder.file(name);
        model.save(&path).unwrap();
        text(&path).to_owned()
    };
    for key in ["mean", "std"] {
        let path = scaled(key, 0.5, 0.25);
        let mut bytes = fs::read(&path).unwrap();
        let quoted = format!("\"{key}\":");
        let at = bytes
            .windows(quoted.len())
            .position(|window| window == quoted.as_bytes());
        bytes[at.unwrap() + 1] = b'x';
        fs::write(&path, bytes).unwrap();
        assert_refused_by_all(&folder, &path, &["without the other of `mean` and `std`"]);
    }
    let tiny = scaled("tiny", 0.0, 1e-45);
    assert_refused_by_all(
        &folder,
        &tiny,
        &["standard deviation 1e-45", "too large for a number of 32 bits"],
    );
}

#[test]
fn outputs_that_are_no_numbers_are_an_error() {
    let folder = Folder::new();
    let mut network = Network::new("784 | dense 10".parse().unwrap(), 1).unwrap();
    let mut tensors = network.tensors();
    tensors[0].values.fill(3e38);
    network.set_tensors(&tensors).unwrap();
    let path = folder.file("huge.safetensors");
    Model::new(network).save(&path).unwrap();
    let image = folder.write(
        "digit.png",
        png(&GrayImage::from_fn(9, 9, |x, _| Luma([if x == 4 { 255 } else { 0 }]))),
    );
    let strokes = folder.write("strokes.jsonl", "{\"label\":1,\"strokes\":[[[5,0],[5,10]]]}\n");
    for command in [
        &["eval"][..],
        &["predict", text(&image)],
        &["predict", "--number", text(&image)],
        &["replay", text(&strokes)],
    ] {
        for more in [&["--model", text(&path)][..], &["--json", "--model", text(&path)]] {
            let failed = assert_fails(
                &[command, more].concat(),
                &["huge.safetensors", "are not finite numbers"],
            );
            assert!(
                !failed.stdout.contains("digit") && !failed.stdout.contains("NaN"),
                "{failed:?}"
            );
        }
    }
}

#[test]
fn a_file_without_drawings_ends_soon() {
    let folder = Folder::new();
    let drawing = "{\"label\":1,\"strokes\":[[[5,0],[5,10]]]}\n";
    let wrong = folder.write("wrong.txt", "these are words\n".repeat(10_000));
    let failed = assert_fails(
        &["replay", text(&wrong)],
        &["line 10:", "the first 10 lines are no drawings"],
    );
    assert_eq!(
        (&failed.stdout[..], failed.stderr.lines().count()),
        ("", 11),
        "{failed:?}"
    );
    let mixed = folder.write("mixed.jsonl", drawing.to_owned() + &"words\n".repeat(5000) + drawing);
    let failed = assert_fails(&["replay", text(&mixed)], &["line 11:", "5,000 lines are no drawings"]);
    assert_eq!(failed.stderr.lines().count(), 11, "{failed:?}");
    assert!(failed.stdout.contains("5002\t1\t1\t"), "{failed:?}");
    for content in ["", "\n\n"] {
        let empty = folder.write("empty.jsonl", content);
        let failed = assert_fails(&["replay", text(&empty)], &["empty.jsonl: the file is empty"]);
        assert_eq!(failed.stdout, "");
    }
}

/// Runs the program, which has to end by itself soon.
#[cfg(unix)]
fn run_soon(args: &[&str]) -> Run {
    use std::{process::Stdio, time::Instant};
    let mut child = program()
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed().as_secs() > 60 {
            child.kill().unwrap();
            panic!("{args:?} waits");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.wait_with_output().unwrap().into()
}

#[cfg(unix)]
#[test]
fn pipes_that_nobody_writes_are_refused() {
    let folder = Folder::new();
    folder.write_mnist(30, 10);
    let pipe = |name: &str| {
        let path = folder.file(name);
        let _ = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        path
    };
    let strokes = folder.write("strokes.jsonl", "{\"strokes\":[[[5,0],[5,10]]]}\n");
    let single = pipe("pipe");
    let labels = pipe("train-labels-idx1-ubyte");
    let (set, single) = (text(folder.path()), text(&single));
    for (args, path) in [
        (&["replay", single][..], single),
        (&["replay", text(&strokes), "--teach", single], single),
        (&["eval", "--data", single], single),
        (&["train", "--data", set], text(&labels)),
        (&["eval", "--model", single], single),
        (&["predict", single], single),
        (&["train", "--checkpoint", single], single),
    ] {
        let refused = run_soon(args);
        assert_eq!(refused.status, 1, "{args:?}: {refused:?}");
        assert!(refused.stderr.contains(path), "{args:?}: {refused:?}");
    }
}

#[cfg(unix)]
#[test]
fn drawings_come_from_standard_input() {
    for name in ["-", "/dev/stdin"] {
        let mut child = program()
            .args(["replay", name])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input
            .write_all(b"{\"label\":1,\"strokes\":[[[5,0],[5,10]]]}\n")
            .unwrap();
        drop(input);
        let replayed = Run::from(child.wait_with_output().unwrap());
        assert!(
            replayed.status == 0 && replayed.stdout.starts_with("1\t1\t1\t"),
            "{replayed:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_kernel_that_has_no_name_is_no_kernel() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let output = program()
        .arg("info")
        .env("NN_CORE_KERNEL", OsStr::from_bytes(b"avx\xff"))
        .output();
    let failed = Run::from(output.unwrap());
    assert_eq!((failed.status, &failed.stdout[..]), (1, ""), "{failed:?}");
    assert!(
        failed.stderr.contains("avx\u{fffd}") && failed.stderr.contains("portable"),
        "{failed:?}"
    );
}

#[test]
fn no_more_threads_are_started_than_there_are_processors() {
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
    ];
    let limited = succeed(train.into_iter().chain(["--threads", "1024"]));
    assert!(
        limited
            .stderr
            .contains("--threads 1024 is more than there are processors"),
        "{limited:?}"
    );
    assert!(
        !succeed(train.into_iter().chain(["--threads", "1"]))
            .stderr
            .contains("processors")
    );
    for args in [&train[..], &["info"]] {
        let output = program().args(args).env("RAYON_NUM_THREADS", "5000").output();
        let limited = Run::from(output.unwrap());
        assert_eq!(limited.status, 0, "{limited:?}");
        assert_eq!(
            limited.stderr.matches("RAYON_NUM_THREADS 5000 is more").count(),
            1,
            "{limited:?}"
        );
    }
}
