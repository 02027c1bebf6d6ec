//! `reading`: how well image files are read, by kind, with the code that `digit-pad predict` runs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use benches::{
    pictures::{Picture, canvas::Canvas, photos},
    timing::{Failure, exit_code},
};
use clap::{Parser, Subcommand};
use digit_pad::recognition::{image_classifier::ImageClassifier, model::Model};
use image::{DynamicImage, GrayImage, imageops::FilterType};
use mnist_io::{Dataset, Mnist, Split};
use serde_json::{Value, json};

/// Measures how well image files are read, and prints a line for each kind
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    source: Source,
    /// Weights file; the built-in network without it
    #[arg(long, global = true)]
    model: Option<PathBuf>,
    /// Folder for the pictures that are misread, named KIND-INDEX-TRUTH-FOUND
    #[arg(long, global = true)]
    keep: Option<PathBuf>,
    /// Keep the pictures that are read correctly, too
    #[arg(long, global = true, requires = "keep")]
    keep_all: bool,
    /// Print one JSON object per line
    #[arg(long, global = true)]
    json: bool,
}

/// Where pictures come from.
#[derive(Debug, Subcommand)]
enum Source {
    /// Photos of MNIST's test digits, made by code
    Photos {
        /// Only this kind; may be given several times
        #[arg(long)]
        kind: Vec<String>,
        /// Photos of each kind
        #[arg(long, default_value_t = 120)]
        count: u64,
        /// Seed of the photos
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Scanned digits of an IDX data set, as dark ink on white
    Scans {
        /// IDX file of images beside one of labels, or a folder with both
        folder: PathBuf,
        /// How much they are enlarged
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
        scale: u32,
        /// Margin added on each side, as a share of the side
        #[arg(long, default_value_t = 0.0)]
        margin: f32,
        /// Light ink on black instead
        #[arg(long)]
        negative: bool,
    },
    /// Digits, letters or numbers as people drew them, one JSON object per line, drawn as images with a pen
    Strokes {
        /// File with `strokes` and a `label`, `symbol` or `number` in each line
        file: PathBuf,
        /// Width of the pen, as a share of the longer side
        #[arg(long, default_value_t = 0.04)]
        pen: f32,
        /// Read every so many lines
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        every: u32,
    },
    /// Image files of a folder whose truth.csv has the columns file, command, truth and kind
    Cases {
        /// The folder
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut reader = Reader::new(arguments)?;
    match &arguments.source {
        Source::Photos { kind, count, seed } => {
            let digits = Mnist::embedded_split(Split::Test)?;
            for photo in photo_kinds(kind)? {
                reader.measure(
                    photo.name,
                    (0..*count).map(|index| photo.picture(&digits, *seed, index)),
                )?;
            }
        }
        Source::Scans {
            folder,
            scale,
            margin,
            negative,
        } => {
            let scans = open_scans(folder)?;
            let picture = |index| scan(&scans, index, *scale, *margin, *negative);
            reader.measure("scans", (0..scans.len()).map(picture))?;
        }
        Source::Strokes { file, pen, every } => {
            let text = fs::read_to_string(file)?;
            let lines = text.lines().step_by(*every as usize);
            let pictures: Vec<Picture> = lines.map(|line| drawn(line, *pen)).collect::<Result<_, _>>()?;
            reader.measure("strokes", pictures.into_iter())?;
        }
        Source::Cases { folder } => {
            for (kind, pictures) in cases(folder)? {
                reader.measure(&kind, pictures.into_iter())?;
            }
        }
    }
    Ok(())
}

/// The kinds of these names; all without any.
fn photo_kinds(names: &[String]) -> Result<Vec<photos::Kind>, Failure> {
    if names.is_empty() {
        return Ok(photos::KINDS.to_vec());
    }
    let named = |name: &String| {
        let kinds = || photos::KINDS.map(|kind| kind.name).join(", ");
        let found = photos::KINDS.iter().find(|kind| kind.name == name);
        found
            .copied()
            .ok_or_else(|| format!("there is no kind {name}; the kinds are {}", kinds()).into())
    };
    names.iter().map(named).collect()
}

/// Opens the images of a file or folder with the labels beside them.
fn open_scans(path: &Path) -> Result<Dataset, Failure> {
    const IMAGES: &str = "images-idx3";
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let images = if path.is_dir() {
        let mut files = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()?;
        files.sort();
        let found = files
            .into_iter()
            .find(|file| name(file).is_some_and(|name| name.contains(IMAGES)));
        found.ok_or_else(|| format!("{} has no file named …{IMAGES}…", path.display()))?
    } else {
        path.to_owned()
    };
    let labels = name(&images).unwrap_or_default().replace(IMAGES, "labels-idx1");
    Ok(Dataset::open(&images, images.with_file_name(labels))?)
}

/// A digit of a data set, inverted, padded and enlarged.
fn scan(scans: &Dataset, index: usize, scale: u32, margin: f32, negative: bool) -> Picture {
    let (width, height) = (scans.shape().width() as u32, scans.shape().height() as u32);
    let pad = (width.max(height) as f32 * margin).round() as u32;
    let digit = scans.image(index);
    let paper = if negative { 0 } else { 255 };
    let pixel = |x: u32, y: u32| {
        let inside = (pad..pad + width).contains(&x) && (pad..pad + height).contains(&y);
        let ink = if inside {
            digit[((y - pad) * width + x - pad) as usize]
        } else {
            0
        };
        image::Luma([ink.abs_diff(paper)])
    };
    let image = GrayImage::from_fn(width + 2 * pad, height + 2 * pad, pixel);
    let (width, height) = image.dimensions();
    let image = DynamicImage::from(image).resize_exact(width * scale, height * scale, FilterType::CatmullRom);
    Picture::png(&image, scans.label(index).to_string())
}

/// Draws strokes in black on white, 200 pixels large with a margin of 40.
fn drawn(line: &str, pen: f32) -> Result<Picture, Failure> {
    const SIZE: f32 = 200.0;
    const MARGIN: f32 = 40.0;
    let mut drawn: Value = serde_json::from_str(line)?;
    let strokes: Vec<Vec<[f32; 2]>> = serde_json::from_value(drawn["strokes"].take())?;
    let points = || strokes.iter().flatten();
    let bound = |axis: usize| {
        points().fold((f32::MAX, f32::MIN), |(low, high), point| {
            (low.min(point[axis]), high.max(point[axis]))
        })
    };
    let (across, down) = (bound(0), bound(1));
    let scale = SIZE / (across.1 - across.0).max(down.1 - down.0).max(1.0);
    let side = |(low, high): (f32, f32)| ((high - low).max(0.0) * scale + 2.0 * MARGIN) as usize;
    let mut canvas = Canvas::new(side(across), side(down), [255.0; 3]);
    let at = |point: [f32; 2]| {
        [
            (point[0] - across.0) * scale + MARGIN,
            (point[1] - down.0) * scale + MARGIN,
        ]
    };
    for stroke in &strokes {
        let ends = stroke.iter().skip(1).chain(stroke.last());
        for (from, to) in stroke.iter().zip(ends) {
            canvas.line([0.0; 3], pen * SIZE, at(*from), at(*to));
        }
    }
    let symbol = ["symbol", "label", "number"].into_iter().find_map(|key| drawn.get(key));
    let symbol = symbol.unwrap_or(&Value::Null);
    let truth = symbol.as_str().map_or_else(|| symbol.to_string(), str::to_owned);
    Ok(Picture::png(&canvas.image(0.0), truth))
}

/// The image files of a folder that show single digits, by kind.
fn cases(folder: &Path) -> Result<BTreeMap<String, Vec<Picture>>, Failure> {
    let mut kinds: BTreeMap<String, Vec<Picture>> = BTreeMap::new();
    for line in fs::read_to_string(folder.join("truth.csv"))?.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [file, "predict", truth, kind] = columns[..] else {
            continue;
        };
        kinds.entry(kind.to_owned()).or_default().push(Picture {
            bytes: fs::read(folder.join(file))?,
            extension: if file.ends_with(".jpg") { "jpg" } else { "png" },
            truth: truth.to_owned(),
        });
    }
    Ok(kinds)
}

/// Reads pictures from a file, as `predict` does, and counts.
struct Reader<'a> {
    classifier: ImageClassifier,
    scratch: tempfile::TempDir,
    arguments: &'a Arguments,
}

impl<'a> Reader<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self, Failure> {
        Ok(Self {
            classifier: ImageClassifier::new(Model::open(arguments.model.as_deref())?)?,
            scratch: tempfile::tempdir()?,
            arguments,
        })
    }

    /// Reads pictures of a kind, and prints how many are right.
    fn measure(&mut self, kind: &str, pictures: impl Iterator<Item = Picture>) -> Result<(), Failure> {
        let mut count = Count::default();
        for (index, picture) in pictures.enumerate() {
            let path = self.scratch.path().join("picture").with_extension(picture.extension);
            fs::write(&path, &picture.bytes)?;
            let start = Instant::now();
            let found = self.classifier.classify(&path);
            count.seconds += start.elapsed().as_secs_f64();
            let found = found.ok().map(|found| (found.name, found.doubt.is_none()));
            count.add(&picture.truth, found.as_ref());
            self.keep(kind, index, &picture, found.as_ref().map(|(name, _)| name))?;
        }
        count.print(kind, self.arguments.json);
        Ok(())
    }

    fn keep(&self, kind: &str, index: usize, picture: &Picture, found: Option<&String>) -> Result<(), Failure> {
        let Some(folder) = &self.arguments.keep else {
            return Ok(());
        };
        let is_right = found == Some(&picture.truth);
        if is_right && !self.arguments.keep_all {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        let found = found.map_or("refused", |found| found);
        let truth = picture.truth.replace('/', "slash");
        let name = format!("{kind}-{index:04}-{truth}-{found}.{}", picture.extension);
        fs::write(folder.join(name), &picture.bytes)?;
        Ok(())
    }
}

/// How many pictures of a kind were read how.
#[derive(Debug, Default)]
struct Count {
    all: usize,
    right: usize,
    refused: usize,
    known: usize,
    known_right: usize,
    seconds: f64,
}

impl Count {
    /// Counts a picture, given the class found in it and whether that is known; `None` if the file was refused.
    fn add(&mut self, truth: &str, found: Option<&(String, bool)>) {
        let is_right = found.is_some_and(|(name, _)| name == truth);
        let is_known = found.is_some_and(|&(_, known)| known);
        self.all += 1;
        self.right += usize::from(is_right);
        self.refused += usize::from(found.is_none());
        self.known += usize::from(is_known);
        self.known_right += usize::from(is_known && is_right);
    }

    fn print(&self, kind: &str, as_json: bool) {
        let percent = |part: usize| (1000.0 * part as f64 / self.all.max(1) as f64).round() / 10.0;
        let per_second = (self.all as f64 / self.seconds).round();
        if as_json {
            let line = json!({
                "kind": kind, "n": self.all, "right": self.right, "percent": percent(self.right),
                "refused": self.refused, "known": self.known, "known_right": self.known_right,
                "per_second": per_second,
            });
            println!("{line}");
            return;
        }
        println!(
            "{kind:<24} n {:>5}  right {:>5} ({:>5.1} %)  refused {:>3}  known {:>5}, of them wrong {:>3}  {per_second:>4}/s",
            self.all,
            self.right,
            percent(self.right),
            self.refused,
            self.known,
            self.known - self.known_right,
        );
    }
}
