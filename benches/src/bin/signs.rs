//! `signs`: how well signs of arithmetic are told from digits and letters, and rows of arithmetic are read.

use std::{collections::BTreeMap, fs::File, io::Write, path::PathBuf, process::ExitCode};

use benches::{
    pictures::{
        Random,
        expressions::{self, PenSign, sign},
        numbers::{self, PenDigit},
        reading::{read_file, read_ink},
    },
    timing::{Failure, exit_code},
};
use clap::Parser;
use digit_pad::recognition::recognizer::Recognizer;
use serde_json::json;

/// Measures how well signs and rows of arithmetic are read, as strokes and as pictures
#[derive(Debug, Parser)]
struct Arguments {
    /// Digits as strokes, one JSON object a line: {"label":3,"writer":"site/name","strokes":…}
    #[arg(long)]
    pen_digits: PathBuf,
    /// Letters and signs as strokes: {"symbol":"+","strokes":…}
    #[arg(long)]
    letters: PathBuf,
    /// Sites whose digits are used: writers that begin with one of them
    #[arg(long, default_values = ["aga", "uqb", "imp"])]
    site: Vec<String>,
    /// Rows of arithmetic
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// Seed of the rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the strokes of what is misread
    #[arg(long)]
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sites: Vec<&str> = arguments.site.iter().map(String::as_str).collect();
    let digits = numbers::pen_digits(&arguments.pen_digits, &sites)?;
    let signs = expressions::pen_signs(&arguments.letters)?;
    let mut keep = arguments.keep.as_deref().map(File::create).transpose()?;
    let mut recognizer = Recognizer::embedded()?;
    alone(&signs, &mut recognizer);
    digits_alone(&digits, &mut recognizer);
    let (mut strokes_right, mut pictures_right) = (0, 0);
    for index in 0..arguments.count {
        let mut random = Random::new(arguments.seed, index as u64);
        let row = expressions::expression(&digits, &signs, &mut random);
        let found = read_ink(&row.ink().fit(), &mut recognizer);
        strokes_right += usize::from(found == row.truth);
        if let Some(file) = keep.as_mut().filter(|_| found != row.truth) {
            writeln!(
                file,
                "{}",
                json!({"number": row.truth, "found": found, "strokes": row.strokes})
            )?;
        }
        let picture = row.picture(numbers::PEN, &mut random);
        pictures_right += usize::from(read_file(&picture, &mut recognizer) == row.truth);
    }
    print("rows, strokes", strokes_right, arguments.count);
    print("rows, pictures", pictures_right, arguments.count);
    Ok(())
}

/// Signs and letters alone on the canvas.
fn alone(signs: &[PenSign], recognizer: &mut Recognizer) {
    let mut found: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for drawn in signs {
        let read = read_ink(&drawn.drawing.ink.fit(), recognizer);
        let kind = sign(&drawn.symbol).map_or_else(|| "letter".to_owned(), |_| drawn.symbol.clone());
        let read = if read.chars().all(|symbol| symbol.is_ascii_digit()) {
            "digits".to_owned()
        } else {
            read
        };
        *found.entry(kind).or_default().entry(read).or_default() += 1;
    }
    for (kind, read) in found {
        let all = read.values().sum();
        let right = sign(&kind).map_or(0, |sign| read.get(&sign.to_string()).copied().unwrap_or(0));
        print(&format!("{kind} alone"), right, all);
        let mut most: Vec<_> = read.into_iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        most.truncate(8);
        println!("    {most:?}");
    }
}

/// Digits alone on the canvas, of which those count as right that are no sign.
fn digits_alone(digits: &[PenDigit], recognizer: &mut Recognizer) {
    let mut right = 0;
    for digit in digits {
        let written = numbers::single(digit);
        let read = read_ink(&written.ink().fit(), recognizer);
        let is_sign = read.chars().any(|symbol| "+-×÷=".contains(symbol));
        if is_sign {
            println!("    {} is read as {read}", written.truth);
        }
        right += usize::from(!is_sign);
    }
    print("digits that are no sign", right, digits.len());
}

fn print(kind: &str, right: usize, all: usize) {
    let percent = 100.0 * right as f64 / all.max(1) as f64;
    println!("{kind:<24} right {right:>5} of {all:>5} ({percent:>5.1} %)");
}
