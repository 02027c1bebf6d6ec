//! The commands on data sets other than MNIST: folders of images, CSV files, IDX files of colors and of letters.

mod common;

use std::{fs, path::Path};

use common::{Folder, Run, idx, run, succeed};
use image::{GrayImage, Luma, Rgb, RgbImage};
use mnist_io::{Mnist, Split};
use serde_json::json;

const COLORS: [(&str, [u8; 3]); 3] = [
    ("blue", [20, 30, 220]),
    ("green", [30, 200, 40]),
    ("red", [230, 40, 20]),
];
const COLOR_NET: &str = "4x4x3 | flatten | dense 3";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A color with some noise, `seed` decides which.
fn shade(color: [u8; 3], seed: u32) -> Rgb<u8> {
    Rgb(std::array::from_fn(|channel| {
        color[channel].saturating_add((seed * 31 + channel as u32 * 17) as u8 % 20)
    }))
}

/// Writes `count` images of each color and of various sizes, in one folder a color.
fn write_colors(folder: &Folder, name: &str, count: u32) -> String {
    for (color, value) in COLORS {
        let class = folder.file(name).join(color);
        fs::create_dir_all(&class).unwrap();
        for seed in 0..count {
            let image = RgbImage::from_pixel(9 + seed % 7, 12 + seed % 5, shade(value, seed));
            image.save(class.join(format!("{seed}.png"))).unwrap();
        }
    }
    text(&folder.file(name)).to_owned()
}

fn train(args: &[&str]) -> Run {
    succeed(
        ["train", "--epochs", "30", "--batch", "10", "--lr", "0.05"]
            .iter()
            .chain(args),
    )
}

fn accuracy(trained: &Run) -> f64 {
    trained.objects().last().unwrap()["test_accuracy"].as_f64().unwrap()
}

#[test]
fn a_folder_of_images_is_learned_and_its_classes_are_named() {
    let folder = Folder::new();
    let (data, model) = (write_colors(&folder, "colors", 20), folder.file("colors.safetensors"));
    let trained = train(&["--net", COLOR_NET, "--data", &data, "--out", text(&model), "--json"]);
    assert_eq!(accuracy(&trained), 1.0, "{trained:?}");
    for words in [
        "images are resized to 4×4 pixels, RGB",
        "has no test part: a tenth of each class is held out to test, 6 of 60 images",
        "classes     3: blue, green, red",
        "6 test",
    ] {
        assert!(trained.stderr.contains(words), "{}", trained.stderr);
    }
    // The same seed holds out the same images.
    let again = folder.file("again.safetensors");
    train(&["--net", COLOR_NET, "--data", &data, "--out", text(&again)]);
    assert!(fs::read(&model).unwrap() == fs::read(&again).unwrap());

    let model = ["--model", text(&model)];
    let image = folder.file("a.jpg");
    RgbImage::from_pixel(300, 200, Rgb([225, 45, 30])).save(&image).unwrap();
    let predicted = succeed([&["predict", text(&image)][..], &model].concat());
    assert!(
        predicted.stdout.starts_with(&format!("{}\tred\t", text(&image))),
        "{predicted:?}"
    );
    let object = &succeed([&["predict", "--json", text(&image)][..], &model].concat()).objects()[0];
    assert_eq!(
        (&object["digit"], &object["class"], &object["known"]),
        (&json!(2), &json!("red"), &json!(true))
    );
    assert_eq!(object["probabilities"].as_array().unwrap().len(), 3);
    let info = succeed([&["info"][..], &model].concat()).stdout;
    assert!(info.contains("3: blue, green, red"), "{info}");

    let table = succeed([&["eval", "--data", &data][..], &model].concat());
    assert!(
        table.stderr.contains("no test part: all 60 images are used"),
        "{table:?}"
    );
    for name in ["blue", "green", "red"] {
        let row = table.stdout.lines().find(|line| line.starts_with(name));
        assert!(row.is_some_and(|row| row.matches("100%").count() == 2), "{table:?}");
    }
    // Classes are found by name: these two are the first and the last.
    fs::remove_dir_all(Path::new(&data).join("green")).unwrap();
    let (chart, csv) = (folder.file("chart.png"), folder.file("predictions.csv"));
    let options = ["--confusion", text(&chart), "--predictions", text(&csv), "--json"];
    let eval = &succeed([&["eval", "--data", &data][..], &options, &model].concat()).objects()[0];
    assert_eq!((&eval["accuracy"], &eval["count"]), (&json!(1.0), &json!(40)));
    assert_eq!(eval["classes"], json!(["blue", "green", "red"]));
    assert_eq!(eval["recall"], json!([1.0, null, 1.0]));
    assert!(image::open(chart).is_ok());
    let csv = fs::read_to_string(csv).unwrap();
    assert!(
        csv.starts_with("index,label,digit,p0,p1,p2\n") && csv.contains("\n39,2,2,"),
        "{csv}"
    );
    fs::rename(Path::new(&data).join("red"), Path::new(&data).join("rot")).unwrap();
    let unknown = run([&["eval", "--data", &data][..], &model].concat());
    assert!(
        unknown.status == 1 && unknown.stderr.contains("no class \"rot\" among blue, green, red"),
        "{unknown:?}"
    );
}

/// Writes an image of each of these classes.
fn write_classes(folder: &Folder, name: &str, classes: &[&str]) -> String {
    for (index, class) in classes.iter().enumerate() {
        let class = folder.file(name).join(class);
        fs::create_dir_all(&class).unwrap();
        let image = GrayImage::from_fn(28, 28, |x, _| Luma([if x as usize / 3 == index { 0 } else { 255 }]));
        image.save(class.join("1.png")).unwrap();
    }
    text(&folder.file(name)).to_owned()
}

/// Writes a model with these class names.
fn write_model(folder: &Folder, name: &str, labels: &[&str]) -> String {
    let network = format!("28x28x1 | dense {}", labels.len()).parse().unwrap();
    let mut model = nn_core::Model::new(nn_core::Network::new(network, 1).unwrap());
    model.labels = labels.iter().map(|&label| label.to_owned()).collect();
    let path = folder.file(name);
    model.save(&path).unwrap();
    text(&path).to_owned()
}

#[test]
fn classes_named_by_numbers_are_matched_by_name() {
    let folder = Folder::new();
    let seven = write_classes(&folder, "seven", &["7"]);
    let eval = succeed(["eval", "--json", "--data", &seven]);
    assert_eq!(eval.objects()[0]["count"], 1);
    assert!(eval.objects()[0]["recall"][7].is_number(), "{eval:?}");
    let others = ["0", "1", "2", "3", "4", "5", "6", "7", "10", "11"];
    let others = write_classes(&folder, "others", &others);
    let unknown = run(["eval", "--data", &others]);
    assert!(unknown.status == 1 && unknown.stdout.is_empty(), "{unknown:?}");
    for words in [&others[..], "no class \"10\" among 0, 1"] {
        assert!(unknown.stderr.contains(words), "{unknown:?}");
    }
}

#[test]
fn numbered_classes_are_matched_with_names_aloud() {
    let folder = Folder::new();
    let model = write_model(&folder, "letters", &["a", "b"]);
    let data = folder.write("two.csv", format!("0{0}\n1{0}\n", ",7".repeat(784)));
    let eval = succeed(["eval", "--data", text(&data), "--model", &model]);
    assert!(eval.stderr.contains("number 0 is taken for a"), "{eval:?}");
    let offset = ["--label-offset", "1"];
    let named = write_classes(&folder, "named", &["a", "b"]);
    let refused = run([&["eval", "--data", &named, "--model", &model][..], &offset].concat());
    assert!(
        refused.status == 1 && refused.stderr.contains("such as \"a\""),
        "{refused:?}"
    );
    // A model of another program may name no classes.
    let network = "28x28x1 | dense 2".parse().unwrap();
    let unnamed = folder.file("unnamed");
    nn_core::Model::new(nn_core::Network::new(network, 1).unwrap())
        .save(&unnamed)
        .unwrap();
    let data = write_classes(&folder, "animals", &["cat", "dog"]);
    let eval = succeed(["eval", "--json", "--data", &data, "--model", text(&unnamed)]);
    assert_eq!(eval.objects()[0]["classes"], json!(["cat", "dog"]));
    assert!(eval.stderr.contains("names no classes"), "{eval:?}");
    let numbers = write_classes(&folder, "numbers", &["3", "4"]);
    let unknown = run(["eval", "--data", &numbers, "--model", text(&unnamed)]);
    assert!(
        unknown.status == 1 && unknown.stderr.contains("no class \"3\""),
        "{unknown:?}"
    );
}

#[test]
fn models_of_other_classes_are_not_used_for_digits() {
    let folder = Folder::new();
    let labels: Vec<String> = (0..10).map(|class| format!("c{class}")).collect();
    let labels: Vec<&str> = labels.iter().map(|label| &label[..]).collect();
    let model = write_model(&folder, "ten", &labels);
    let image = folder.file("1.png");
    GrayImage::from_fn(28, 28, |x, _| Luma([if x == 9 { 0 } else { 255 }]))
        .save(&image)
        .unwrap();
    let strokes = folder.write("strokes", "{\"strokes\":[[[0,0],[0,9]]]}\n");
    for (args, remedy) in [
        (&["eval"][..], "--data"),
        (&["predict", "--number", text(&image)], "without --number"),
        (&["replay", text(&strokes)], "a model of digits"),
    ] {
        let refused = run([args, &["--model", &model]].concat());
        assert!(refused.status == 1 && refused.stdout.is_empty(), "{refused:?}");
        for words in ["classes are c0, c1, ", remedy] {
            assert!(refused.stderr.contains(words), "{refused:?}");
        }
    }
    succeed(["predict", text(&image), "--model", &model]);
}

/// Lines of images of 2×2 pixels, in the order of these classes.
fn columns(classes: impl IntoIterator<Item = usize>) -> String {
    let line = |class: usize| {
        let pixels: Vec<_> = (0..4).map(|pixel| if pixel == class { "250" } else { "3" }).collect();
        format!("{class},{}\n", pixels.join(","))
    };
    classes.into_iter().map(line).collect()
}

#[test]
fn data_in_any_order_of_classes_are_shuffled() {
    let folder = Folder::new();
    for (name, classes) in [("falling", [3, 2, 1, 0]), ("other", [1, 3, 0, 2])] {
        let data = folder.write(name, columns(classes.into_iter().flat_map(|class| [class; 50])));
        let trained = train(&["--net", "4 | dense 4", "--data", text(&data), "--limit", "60", "--json"]);
        assert_eq!(accuracy(&trained), 1.0, "{trained:?}");
    }
}

#[test]
fn data_that_teach_nothing_are_named() {
    let folder = Folder::new();
    let single = folder.write("single.csv", columns(0..4));
    let single = run(["train", "--net", "4 | dense 4", "--data", text(&single)]);
    assert!(single.status == 1, "{single:?}");
    for words in ["single.csv has no test part", "enough images", "--test-data"] {
        assert!(single.stderr.contains(words), "{single:?}");
    }
    let same = folder.write("same.csv", columns([0; 40]));
    let same = run(["train", "--net", "4 | dense 1", "--data", text(&same)]);
    for words in ["all training images are of class 0", "an output for each class"] {
        assert!(same.status == 1 && same.stderr.contains(words), "{same:?}");
    }
}

#[test]
fn presets_fit_the_classes_and_the_test_folder_is_used() {
    let folder = Folder::new();
    write_colors(&folder, "parts/train", 20);
    write_colors(&folder, "parts/test", 5);
    let (data, model) = (folder.file("parts"), folder.file("model.safetensors"));
    let trained = train(&["--data", text(&data), "--no-augment", "--out", text(&model), "--json"]);
    assert!(
        trained.stderr.contains("15 test") && !trained.stderr.contains("no test part"),
        "{}",
        trained.stderr
    );
    assert!(
        trained
            .stderr
            .contains("28×28 pixels, gray (for another size or color, give --net)"),
        "{trained:?}"
    );
    assert!(trained.stderr.contains("| dense 3\n"), "{}", trained.stderr);
    assert!(accuracy(&trained) > 0.6, "{trained:?}");
    let eval = succeed(["eval", "--data", text(&data), "--model", text(&model), "--json"]);
    assert_eq!(
        (eval.objects()[0]["count"].clone(), &eval.stderr[..]),
        (json!(15), "images are resized to 28×28 pixels, gray\n")
    );
}

#[test]
fn a_network_needs_an_output_for_each_class() {
    let folder = Folder::new();
    let data = write_colors(&folder, "colors", 10);
    let four = run(["train", "--net", "4x4x3 | dense 4", "--data", &data]);
    assert_eq!(four.status, 1);
    for words in [
        "has 4 outputs",
        "in 3 classes need an input of 4x4x3 or 48 and 3 outputs, one per class",
    ] {
        assert!(four.stderr.contains(words), "{}", four.stderr);
    }
    let no_image = run(["train", "--net", "50 | dense 3", "--data", &data]);
    assert!(
        no_image.status == 1 && no_image.stderr.contains("HEIGHTxWIDTHxCHANNELS"),
        "{no_image:?}"
    );
}

#[test]
fn digits_in_folders_are_normalized_as_predict_does() {
    let folder = Folder::new();
    // Dark bars of various lengths on white, far from the middle.
    for digit in 0..10u32 {
        let class = folder.file("digits").join(digit.to_string());
        fs::create_dir_all(&class).unwrap();
        for seed in 0..4 {
            let is_ink = |x: u32, y: u32| (4..6 + digit).contains(&x) && (5 + seed..25 + seed).contains(&y);
            let image = GrayImage::from_fn(60, 50, |x, y| Luma([if is_ink(x, y) { 10 } else { 245 }]));
            image.save(class.join(format!("{seed}.png"))).unwrap();
        }
    }
    let (data, model, csv) = (
        folder.file("digits"),
        folder.file("model"),
        folder.file("predictions.csv"),
    );
    let net = ["--net", "784 | dense 10", "--no-augment", "--val", "0"];
    let trained = train(&[&net[..], &["--data", text(&data), "--out", text(&model)]].concat());
    assert!(
        trained.stderr.contains("normalized like MNIST's digits"),
        "{}",
        trained.stderr
    );
    let model = ["--model", text(&model)];
    succeed(
        [
            &["eval", "--data", text(&data), "--predictions", text(&csv)][..],
            &model,
        ]
        .concat(),
    );
    let rows = fs::read_to_string(csv).unwrap();
    // Files are in order of their classes and names.
    for (row, index) in rows.lines().skip(1).zip(0..40) {
        let image = data.join(format!("{}/{}.png", index / 4, index % 4));
        let object = &succeed([&["predict", text(&image), "--json"][..], &model].concat()).objects()[0];
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(object["digit"].to_string(), cells[2], "{row}");
        let probabilities: Vec<String> = cells[3..].iter().map(|&cell| cell.to_owned()).collect();
        let found = object["probabilities"].as_array().unwrap();
        assert!(
            found
                .iter()
                .zip(&probabilities)
                .all(|(found, cell)| { (found.as_f64().unwrap() - cell.parse::<f64>().unwrap()).abs() < 1e-6 })
        );
    }
}

/// Lines of images of 2×3 pixels, bright at the left if they are "even" and at the right if they are "odd".
fn lines(count: usize) -> String {
    let line = |index: usize| {
        let (name, columns) = if index.is_multiple_of(2) {
            ("even", [200, 90, 10])
        } else {
            ("odd", [5, 80, 210])
        };
        let pixels: Vec<String> = columns
            .iter()
            .chain(&columns)
            .map(|pixel| (pixel + index % 9).to_string())
            .collect();
        format!("{name},{}\n", pixels.join(","))
    };
    (0..count).map(line).collect()
}

#[test]
fn csv_files_are_learned() {
    let folder = Folder::new();
    let header = "label,a,b,c,d,e,f\n";
    let data = folder.write("images.csv", header.to_owned() + &lines(60));
    let test = folder.write("test.csv", lines(20));
    for net in ["2x3x1 | dense 2", "6 | dense 2"] {
        let model = folder.file("model.safetensors");
        let trained = train(&[
            "--net",
            net,
            "--data",
            text(&data),
            "--test-data",
            text(&test),
            "--out",
            text(&model),
            "--json",
        ]);
        assert!(
            trained.stderr.contains("20 test") && trained.stderr.contains("2: even, odd"),
            "{trained:?}"
        );
        assert_eq!(accuracy(&trained), 1.0);
        let eval = succeed(["eval", "--json", "--data", text(&test), "--model", text(&model)]);
        assert_eq!(eval.objects()[0]["accuracy"], 1.0);
    }
    let shapeless = run(["train", "--data", text(&data)]);
    assert!(
        shapeless.status == 1 && shapeless.stderr.contains("6 pixels a line") && shapeless.stderr.contains("--net")
    );
    let broken = folder.write("broken.csv", lines(3) + "odd,1,2,3,4,5,x\n");
    let broken = run(["train", "--net", "6 | dense 2", "--data", text(&broken)]);
    for words in ["broken.csv", "line 4, column 7", "\"x\""] {
        assert!(broken.status == 1 && broken.stderr.contains(words), "{broken:?}");
    }
}

/// Writes images of two pixels of each color, with channels last, as a data set in four IDX files.
fn write_color_idx(folder: &Folder) {
    for (part, count) in [("train", 60u32), ("t10k", 9)] {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for index in 0..count {
            let class = index as usize % 3;
            images.extend(shade(COLORS[class].1, index).0.repeat(2));
            labels.push(class as u8);
        }
        folder.write(&format!("{part}-images-idx4-ubyte"), idx(&[count, 1, 2, 3], &images));
        folder.write(&format!("{part}-labels-idx1-ubyte"), idx(&[count], &labels));
    }
}

#[test]
fn idx_files_of_colors_are_learned_and_named_by_a_file() {
    let folder = Folder::new();
    write_color_idx(&folder);
    folder.write("classes.txt", "blue\ngreen\nred\n");
    let model = folder.file("model.safetensors");
    let net = "1x2x3 | flatten | dense 3";
    let trained = train(&[
        "--net",
        net,
        "--data",
        text(folder.path()),
        "--out",
        text(&model),
        "--json",
    ]);
    assert_eq!(accuracy(&trained), 1.0);
    assert!(
        trained.stderr.contains("classes     3: blue, green, red"),
        "{}",
        trained.stderr
    );
    let eval = succeed(["eval", "--json", "--data", text(folder.path()), "--model", text(&model)]);
    assert_eq!((&eval.objects()[0]["accuracy"], &eval.stderr[..]), (&json!(1.0), ""));
    // Channels are where an image file has them.
    let image = folder.file("green.png");
    RgbImage::from_pixel(5, 5, Rgb(COLORS[1].1)).save(&image).unwrap();
    let predicted = succeed(["predict", text(&image), "--model", text(&model)]).stdout;
    assert!(predicted.contains("\tgreen\t"), "{predicted}");
}

/// Writes letters as EMNIST does: columns first, labels from 1. An `a` is bright at the top, a `b` at the left.
fn write_letters(folder: &Folder, upright: bool) {
    for (part, count) in [("train", 40u32), ("test", 10)] {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for index in 0..count {
            let is_a = index.is_multiple_of(2);
            let is_bright = |row: u32, column: u32| if is_a { row < 2 } else { column < 2 };
            for row in 0..6 {
                for column in 0..6 {
                    let bright = if upright {
                        is_bright(row, column)
                    } else {
                        is_bright(column, row)
                    };
                    images.push(if bright { 200 + (index % 7) as u8 } else { 3 });
                }
            }
            labels.push(if is_a { 1 } else { 2 });
        }
        let name = |kind: &str| format!("emnist-letters-{part}-{kind}-ubyte");
        folder.write(&name("images-idx3"), idx(&[count, 6, 6], &images));
        folder.write(&name("labels-idx1"), idx(&[count], &labels));
    }
}

#[test]
fn letters_are_read_upright_and_counted_from_zero() {
    let (emnist, upright) = (Folder::new(), Folder::new());
    write_letters(&emnist, false);
    write_letters(&upright, true);
    let model = upright.file("model.safetensors");
    let net = ["--net", "36 | dense 2", "--no-augment"];
    let options = [
        "--data",
        text(emnist.path()),
        "--label-offset",
        "1",
        "--transpose",
        "--json",
        "--out",
        text(&model),
    ];
    let trained = train(&[&net[..], &options].concat());
    assert_eq!(accuracy(&trained), 1.0);
    let accuracy = |data: &Folder, transposed: &[&str]| {
        let args = [
            "eval",
            "--json",
            "--label-offset",
            "1",
            "--model",
            text(&model),
            "--data",
            text(data.path()),
        ];
        let eval = succeed([&args[..], transposed].concat());
        eval.objects()[0]["accuracy"].as_f64().unwrap()
    };
    assert_eq!(accuracy(&upright, &[]), 1.0);
    assert_eq!(accuracy(&emnist, &["--transpose"]), 1.0);
    assert_eq!(accuracy(&emnist, &[]), 0.0);
    // Without the offset, class 0 is empty.
    let uncounted = run([&["train"], &net[..], &["--data", text(emnist.path())]].concat());
    assert!(
        uncounted.status == 1 && uncounted.stderr.contains("3 classes"),
        "{uncounted:?}"
    );
    let hinted = train(&["--net", "36 | dense 3", "--data", text(emnist.path())]);
    assert!(
        hinted
            .stderr
            .contains("no training image is of class 0; if labels do not begin at 0"),
        "{hinted:?}"
    );
    let below = run([
        "eval",
        "--label-offset",
        "2",
        "--model",
        text(&model),
        "--data",
        text(emnist.path()),
    ]);
    assert!(
        below.status == 1 && below.stderr.contains("below the label offset 2"),
        "{below:?}"
    );
    let alone = run(["eval", "--label-offset", "1"]);
    assert!(alone.status == 2 && alone.stderr.contains("--data"), "{alone:?}");
}

#[test]
fn folders_that_are_no_data_set_are_named() {
    let folder = Folder::new();
    let data = write_colors(&folder, "colors", 2);
    let empty = Path::new(&data).join("yellow");
    fs::create_dir(&empty).unwrap();
    for command in ["train", "eval"] {
        let run = run([command, "--data", &data]);
        assert!(
            run.status == 1 && run.stderr.contains("yellow: there are no images"),
            "{run:?}"
        );
    }
    fs::write(empty.join("broken.jpg"), b"\xFF\xD8\xFF\xE0").unwrap();
    let broken = run(["train", "--data", &data]);
    assert!(broken.status == 1 && broken.stderr.contains("broken.jpg"), "{broken:?}");
    assert_eq!(broken.stderr.matches("broken.jpg").count(), 1, "{broken:?}");
}

#[test]
fn classes_that_lose_their_images_are_named() {
    let folder = Folder::new();
    let classes = (0..40).map(|index| if index < 38 { index % 3 } else { 3 });
    let data = folder.write("rows.csv", columns(classes));
    let test = folder.write("test.csv", columns(0..4));
    let args = [
        "--net",
        "4 | dense 4",
        "--data",
        text(&data),
        "--test-data",
        text(&test),
        "--val",
        "0",
    ];
    let whole = train(&args);
    assert!(!whole.stderr.contains("is left to train on"), "{}", whole.stderr);
    let part = train(&[&args[..], &["--limit", "2"]].concat());
    assert!(
        part.stderr.contains("no image is left to train on of class"),
        "{}",
        part.stderr
    );
    assert!(part.stderr.contains("beyond the limit (--limit)"), "{}", part.stderr);
    let refused = run(["train", "--net", "4 | dense 4", "--data", text(&data), "--val", "2000"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused
            .stderr
            .contains("training images, and --val holds out 2000 for validation"),
        "{}",
        refused.stderr
    );
}

/// Trains the preset `best` on IDX files of the folder, and returns whether some images become marked digits.
fn gets_marks(folder: &Folder) -> bool {
    let trained = succeed([
        "train",
        "--preset",
        "best",
        "--data",
        text(folder.path()),
        "--epochs",
        "1",
    ]);
    trained.stderr.contains("as handwritten digits: some get slashes")
}

#[test]
fn only_handwritten_digits_get_marks() {
    for channels in [1, 3] {
        let folder = Folder::new();
        for (part, count) in [("train", 40), ("t10k", 10)] {
            let images: Vec<u8> = (0..count * 784 * channels)
                .map(|index| (index * 7 % 251) as u8)
                .collect();
            let labels: Vec<u8> = (0..count).map(|index| (index % 10) as u8).collect();
            let shape = [count as u32, 28, 28, channels as u32];
            folder.write(&format!("{part}-images-idx4-ubyte"), idx(&shape, &images));
            folder.write(&format!("{part}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
        }
        assert!(!gets_marks(&folder));
    }
    let folder = Folder::new();
    let digits = Mnist::embedded_split(Split::Test).unwrap();
    for (part, count) in [("train", 40), ("t10k", 10)] {
        let labels: Vec<u8> = digits.labels()[..count].iter().map(|&label| label as u8).collect();
        let images = &digits.images()[..count * 784];
        folder.write(
            &format!("{part}-images-idx3-ubyte"),
            idx(&[count as u32, 28, 28], images),
        );
        folder.write(&format!("{part}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
    }
    assert!(gets_marks(&folder));
}

#[test]
fn a_preset_says_what_to_use_for_images_it_does_not_take() {
    let folder = Folder::new();
    let write = |side: usize| {
        for (part, count) in [("train", 20), ("t10k", 10)] {
            let labels: Vec<u8> = (0..count).map(|index| (index % 10) as u8).collect();
            let images = vec![9; count * side * side];
            let shape = [count as u32, side as u32, side as u32];
            folder.write(&format!("{part}-images-idx3-ubyte"), idx(&shape, &images));
            folder.write(&format!("{part}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
        }
    };
    for (side, advice) in [
        (8, "use --preset mlp, which takes images of any size"),
        (300, "| globalavgpool | dense 10"),
    ] {
        write(side);
        let failed = run([
            "train",
            "--preset",
            "best",
            "--data",
            text(folder.path()),
            "--epochs",
            "1",
        ]);
        assert_eq!(failed.status, 1);
        assert!(failed.stderr.contains(advice), "{}", failed.stderr);
    }
    write(8);
    succeed([
        "train",
        "--preset",
        "mlp",
        "--data",
        text(folder.path()),
        "--epochs",
        "1",
    ]);
}

#[test]
fn training_that_learns_nothing_fails_with_advice() {
    let folder = Folder::new();
    folder.write_mnist(2000, 10);
    let data = text(folder.path());
    let net = "784 | dense 16 | relu | dense 16 | relu | dense 10";
    let args = [
        "train",
        "--net",
        net,
        "--data",
        data,
        "--epochs",
        "2",
        "--batch",
        "10",
        "--no-augment",
    ];
    let failed = run([&args[..], &["--lr", "5"]].concat());
    assert_eq!(failed.status, 1, "{failed:?}");
    assert!(
        failed.stderr.contains("lower learning rate (now 5)"),
        "{}",
        failed.stderr
    );
    let learned = succeed([&args[..], &["--lr", "0.05"]].concat());
    assert!(!learned.stderr.contains("learned nothing"), "{}", learned.stderr);
}

#[test]
fn the_presets_adam_keeps_its_settings() {
    let folder = Folder::new();
    folder.write_mnist(60, 20);
    let rate = |preset: &str, more: &[&str]| {
        let model = folder.file("model.safetensors");
        let args = [
            "train",
            "--preset",
            preset,
            "--data",
            text(folder.path()),
            "--epochs",
            "1",
            "--out",
            text(&model),
        ];
        succeed(args.into_iter().chain(more.iter().copied()));
        succeed(["info", "--json", "--model", text(&model)]).objects()[0]["notes"]["learning_rate"].clone()
    };
    let adam = ["--optimizer", "adam"];
    assert_eq!((rate("fast", &[]), rate("fast", &adam)), (json!("0.03"), json!("0.03")));
    assert_eq!((rate("mlp", &[]), rate("mlp", &adam)), (json!("0.1"), json!("0.001")));
    assert_eq!(rate("mlp", &["--optimizer", "adam", "--lr", "0.5"]), json!("0.5"));
}

#[test]
fn images_are_known_by_their_first_bytes() {
    let folder = Folder::new();
    for (color, value) in COLORS {
        let class = folder.file("colors").join(color);
        fs::create_dir_all(&class).unwrap();
        for seed in 0..20 {
            let path = class.join(format!("{seed}.dat"));
            let image = RgbImage::from_pixel(9, 9, shade(value, seed));
            image.save_with_format(path, image::ImageFormat::Png).unwrap();
        }
        fs::write(class.join("README"), "BM and P5 begin images, too").unwrap();
    }
    let data = folder.file("colors");
    let trained = train(&["--net", COLOR_NET, "--data", text(&data), "--json"]);
    assert_eq!(accuracy(&trained), 1.0);
    assert!(trained.stderr.contains("6 test"), "{}", trained.stderr);
    let floats = [&[0, 0, 0x0d, 1, 0, 0, 0, 2][..], &[0; 8]].concat();
    folder.write_mnist(30, 10);
    folder.write("t10k-images-idx3-ubyte", floats);
    let refused = run(["eval", "--data", text(folder.path())]);
    assert!(refused.stderr.contains("not f32 with 1 dimension (2);"), "{refused:?}");
}

#[test]
fn resized_images_are_named() {
    let folder = Folder::new();
    let data = write_colors(&folder, "colors", 20);
    let model = folder.file("colors.safetensors");
    train(&["--net", COLOR_NET, "--data", &data, "--out", text(&model)]);
    for (side, is_resized) in [(4, false), (5, true)] {
        let image = folder.file("image.png");
        RgbImage::from_pixel(side, side, Rgb(COLORS[1].1)).save(&image).unwrap();
        let predicted = succeed(["predict", text(&image), "--model", text(&model)]);
        let words = "image.png: the image has 5×5 pixels; it is resized to 4×4 pixels, RGB";
        assert_eq!(predicted.stderr.contains(words), is_resized, "{predicted:?}");
        assert_eq!(predicted.stdout.lines().count(), 1);
    }
}

#[test]
fn parts_of_a_training_run_are_evaluated() {
    let folder = Folder::new();
    let data = folder.write("images.csv", lines(200));
    let model = folder.file("model.safetensors");
    let args = [
        "train",
        "--net",
        "6 | dense 2",
        "--data",
        text(&data),
        "--epochs",
        "1",
        "--lr",
        "0.001",
        "--seed",
        "7",
    ];
    let trained = succeed(
        args.into_iter()
            .chain(["--val", "30", "--limit", "40", "--out", text(&model), "--json"]),
    );
    let info = succeed(["info", "--json", "--model", text(&model)]).objects();
    let eval = |more: &[&str]| {
        let args = ["eval", "--json", "--data", text(&data), "--model", text(&model)];
        succeed(args.into_iter().chain(more.iter().copied())).objects()[0].clone()
    };
    let test = eval(&["--split", "test"]);
    assert_eq!(
        (&test["count"], test["accuracy"].as_f64()),
        (&json!(20), Some(accuracy(&trained)))
    );
    let validation = eval(&["--split", "validation"]);
    assert_eq!(validation["count"], 30);
    assert_eq!(
        validation["accuracy"].to_string().parse::<f64>().unwrap(),
        info[0]["notes"]["validation_accuracy"]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    );
    assert_eq!(eval(&["--split", "train"])["count"], 40);
    assert_eq!(
        eval(&["--split", "validation", "--val", "10", "--seed", "8"])["count"],
        10
    );
    assert_ne!(eval(&["--split", "test", "--seed", "8"])["loss"], test["loss"]);
    assert_eq!(eval(&[])["count"], 200);
    assert_eq!(run(["eval", "--val", "10"]).status, 2);
    let bare = folder.file("bare.safetensors");
    let network = nn_core::Network::new("6 | dense 2".parse().unwrap(), 1).unwrap();
    nn_core::Model::new(network).save(&bare).unwrap();
    let args = [
        "eval",
        "--split",
        "validation",
        "--data",
        text(&data),
        "--model",
        text(&bare),
    ];
    let refused = run(args);
    assert!(refused.status == 2 && refused.stderr.contains("--val"), "{refused:?}");
    succeed(["eval", "--split", "test", "--data", text(&data), "--model", text(&bare)]);
}

#[test]
fn few_images_are_learned_with_the_defaults() {
    let folder = Folder::new();
    for (part, split, count) in [("train", Split::Train, 200), ("t10k", Split::Test, 1000)] {
        let digits = Mnist::embedded_split(split).unwrap();
        let labels: Vec<u8> = digits.labels()[..count].iter().map(|&label| label as u8).collect();
        let images = &digits.images()[..count * 784];
        folder.write(
            &format!("{part}-images-idx3-ubyte"),
            idx(&[count as u32, 28, 28], images),
        );
        folder.write(&format!("{part}-labels-idx1-ubyte"), idx(&[count as u32], &labels));
    }
    let data = text(folder.path());
    let trained = succeed(["train", "--data", data, "--json"]);
    assert!(accuracy(&trained) > 0.86, "{}", accuracy(&trained));
    for words in ["epochs      1,250 in place of 20", "200 training, 0 validation"] {
        assert!(trained.stderr.contains(words), "{}", trained.stderr);
    }
    let usual = succeed(["train", "--data", data, "--json", "--epochs", "20", "--val", "17"]);
    assert!(accuracy(&usual) < 0.84 && !usual.stderr.contains("in place of"));
    let patient = succeed(["train", "--data", data, "--epochs", "3", "--patience", "2"]);
    assert!(patient.stderr.contains("17 validation"), "{}", patient.stderr);
}
