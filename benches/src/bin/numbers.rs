//! `numbers`: how well numbers of several digits are read, by kind, with the code of the window and of `predict --number`.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use benches::{
    pictures::{
        Random,
        numbers::{self, PenDigit, Written},
        reading::{read_file, read_ink},
    },
    timing::{Failure, exit_code},
};
use clap::Parser;
use digit_pad::{imaging::image_file, recognition::recognizer::Recognizer};
use mnist_io::{Mnist, Split};
use serde_json::json;

/// Measures how well numbers are read, and prints a line for each kind
#[derive(Debug, Parser)]
struct Arguments {
    /// Digits as strokes, one JSON object a line: {"label":3,"writer":"site/name","strokes":…}
    #[arg(long)]
    pen_digits: PathBuf,
    /// Numbers as strokes: {"number":"405","strokes":…}
    #[arg(long)]
    numbers: Option<PathBuf>,
    /// Sites whose digits are used: writers that begin with one of them
    #[arg(long, default_values = ["aga", "uqb", "imp"])]
    site: Vec<String>,
    /// Only kinds that begin so; may be given several times
    #[arg(long)]
    kind: Vec<String>,
    /// Numbers of each kind that is made by code
    #[arg(long, default_value_t = 150)]
    count: usize,
    /// Seed of the numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Weights file; the built-in network without it
    #[arg(long)]
    model: Option<PathBuf>,
    /// File for the strokes of the numbers that are misread
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Width of the pen in pictures of numbers as they were written, as a fraction of their height.
const THIN_PEN: f64 = 0.04;

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sites: Vec<&str> = arguments.site.iter().map(String::as_str).collect();
    let digits = numbers::pen_digits(&arguments.pen_digits, &sites)?;
    let mut reader = Reader {
        recognizer: Recognizer::open(arguments.model.as_deref())?,
        keep: arguments.keep.as_deref().map(File::create).transpose()?,
        arguments,
    };
    if let Some(path) = &arguments.numbers {
        let written = numbers::written_numbers(path)?;
        reader.strokes("written-strokes", written.len(), |index, _| written[index].clone())?;
        reader.images("written-images", written.len(), THIN_PEN, |index, _| {
            written[index].clone()
        })?;
    }
    for degrees in [-15, -10, -5, 0, 5, 10, 15] {
        let kind = format!("zip{degrees:+}");
        reader.made(&kind, &|random| numbers::zip(&digits, f64::from(degrees), random))?;
    }
    reader.made("boxes", &|random| numbers::boxed(&digits, random))?;
    reader.made("lines", &|random| numbers::two_lines(&digits, random))?;
    reader.made("marks", &|random| numbers::marked(&digits, random))?;
    for count in [2, 3, 4, 6] {
        reader.made(&format!("touching-{count}"), &|random| {
            numbers::touching(&digits, count, random)
        })?;
    }
    reader.made("apart-3", &|random| numbers::apart(&digits, 3, random))?;
    let mnist = Mnist::embedded_split(Split::Test)?;
    for count in [2, 3, 4, 6] {
        reader.files(&format!("mnist-touching-{count}"), |random| {
            numbers::mnist_row(&mnist, count, random)
        })?;
    }
    reader.single("single-cut", &numbers::pen_digits(&arguments.pen_digits, &[""])?);
    reader.pairs("pair-known-as-one", &digits)?;
    Ok(())
}

/// Reads numbers and counts.
struct Reader<'a> {
    recognizer: Recognizer,
    keep: Option<File>,
    arguments: &'a Arguments,
}

#[derive(Debug, Default)]
struct Count {
    all: usize,
    right: usize,
    seconds: f64,
    slowest: f64,
}

impl Count {
    fn add(&mut self, is_right: bool, seconds: f64) {
        self.all += 1;
        self.right += usize::from(is_right);
        self.seconds += seconds;
        self.slowest = self.slowest.max(seconds);
    }

    fn print(&self, kind: &str) {
        let percent = 100.0 * self.right as f64 / self.all.max(1) as f64;
        let mean = 1e3 * self.seconds / self.all.max(1) as f64;
        println!(
            "{kind:<24} n {:>5}  right {:>5} ({percent:>5.1} %)  {mean:.1} ms, at most {:.1}",
            self.all,
            self.right,
            1e3 * self.slowest
        );
    }
}

impl Reader<'_> {
    fn is_chosen(&self, kind: &str) -> bool {
        let kinds = &self.arguments.kind;
        kinds.is_empty() || kinds.iter().any(|chosen| kind.starts_with(chosen))
    }

    /// Numbers made by code, as strokes and as pictures.
    fn made(&mut self, kind: &str, make: &dyn Fn(&mut Random) -> Written) -> Result<(), Failure> {
        let count = self.arguments.count;
        self.strokes(&format!("{kind}-strokes"), count, |_, random| make(random))?;
        self.images(&format!("{kind}-images"), count, numbers::PEN, |_, random| make(random))
    }

    fn strokes(
        &mut self,
        kind: &str,
        numbers: usize,
        make: impl Fn(usize, &mut Random) -> Written,
    ) -> Result<(), Failure> {
        if !self.is_chosen(kind) {
            return Ok(());
        }
        let mut count = Count::default();
        for index in 0..numbers {
            let written = make(index, &mut Random::new(self.arguments.seed, index as u64));
            let ink = written.ink().fit();
            let start = Instant::now();
            let found = read_ink(&ink, &mut self.recognizer);
            count.add(found == written.truth, start.elapsed().as_secs_f64());
            self.keep(kind, &written, &found)?;
        }
        count.print(kind);
        Ok(())
    }

    fn images(
        &mut self,
        kind: &str,
        numbers: usize,
        pen: f64,
        make: impl Fn(usize, &mut Random) -> Written,
    ) -> Result<(), Failure> {
        if !self.is_chosen(kind) {
            return Ok(());
        }
        let mut count = Count::default();
        for index in 0..numbers {
            let mut random = Random::new(self.arguments.seed, index as u64);
            let written = make(index, &mut random);
            let picture = written.picture(pen, &mut random);
            let start = Instant::now();
            let found = read_file(&picture, &mut self.recognizer);
            count.add(found == written.truth, start.elapsed().as_secs_f64());
            self.keep(kind, &written, &found)?;
        }
        count.print(kind);
        Ok(())
    }

    fn files(&mut self, kind: &str, make: impl Fn(&mut Random) -> (String, Vec<u8>)) -> Result<(), Failure> {
        if !self.is_chosen(kind) {
            return Ok(());
        }
        let mut count = Count::default();
        for index in 0..self.arguments.count {
            let (truth, picture) = make(&mut Random::new(self.arguments.seed, index as u64));
            let start = Instant::now();
            let found = read_file(&picture, &mut self.recognizer);
            count.add(found == truth, start.elapsed().as_secs_f64());
        }
        count.print(kind);
        Ok(())
    }

    /// Single digits, of which those count as right that are not cut.
    fn single(&mut self, kind: &str, digits: &[PenDigit]) {
        if !self.is_chosen(kind) {
            return;
        }
        let mut count = Count::default();
        for digit in digits {
            let ink = numbers::single(digit).ink().fit();
            let start = Instant::now();
            let found = read_ink(&ink, &mut self.recognizer);
            count.add(found.chars().count() == 1, start.elapsed().as_secs_f64());
        }
        count.print(kind);
    }

    /// Pictures of two digits, of which those count as right that are not known as one digit.
    fn pairs(&mut self, kind: &str, digits: &[PenDigit]) -> Result<(), Failure> {
        if !self.is_chosen(kind) {
            return Ok(());
        }
        let mut count = Count::default();
        for index in 0..self.arguments.count {
            let mut random = Random::new(self.arguments.seed, index as u64);
            let picture = numbers::apart(digits, 2, &mut random).picture(numbers::PEN, &mut random);
            let loaded = image_file::from_bytes(&picture, Path::new("pair.pgm"))?;
            let start = Instant::now();
            let found = self.recognizer.read_image(&loaded.image);
            let is_known = found.is_some_and(|prediction| prediction.known);
            count.add(!is_known, start.elapsed().as_secs_f64());
        }
        count.print(kind);
        Ok(())
    }

    fn keep(&mut self, kind: &str, written: &Written, found: &str) -> Result<(), Failure> {
        if let Some(file) = self.keep.as_mut().filter(|_| found != written.truth) {
            let line = json!({"kind": kind, "number": written.truth, "found": found, "strokes": written.strokes});
            writeln!(file, "{line}")?;
        }
        Ok(())
    }
}
