//! Confusion matrix as an image, with the most confident misclassifications.

use std::path::Path;

use mnist_io::Dataset;

use crate::{
    error::Error,
    format::{grouped, percent_or_dash},
    graphics::{
        canvas::{Frame, Rect},
        color::{Color, contrast},
        text::{Align, Face, Style, Text},
    },
    recognition::model::DIGITS,
    storage::atomic_file,
    training::evaluation::{Answer, Metrics},
};

/// Pixels in a row of the picture.
pub const WIDTH: usize = 2088;
/// Rows of the picture.
pub const HEIGHT: usize = 1180;
/// The mistakes that have a place on it.
pub const SHOWN: usize = GALLERY_COLUMNS * GALLERY_ROWS;

const GALLERY_COLUMNS: usize = 6;
const GALLERY_ROWS: usize = 5;

const LEFT: i32 = 64;
const TOP: i32 = 232;
/// Where the row of column labels is, and the column of row labels.
const LABELS: i32 = 48;
const CELL: i32 = 76;
const GAP: i32 = 3;
const GALLERY_LEFT: i32 = 1064;
const TILE: i32 = 140;
const TILE_PITCH: (i32, i32) = (164, 181);

// Blue and orange of Okabe and Ito's palette: they stay apart in every kind of colour blindness.
const PAPER: Color = Color(0x00FF_FFFF);
const TEXT: Color = Color(0x0016_1B22);
const MUTED: Color = Color(0x0059_6373);
const EMPTY: Color = Color(0x00F3_F5F8);
const NOUGHT: Color = Color(0x00A9_B1BD);
const RIGHT: Color = Color(0x0000_72B2);
const WRONG: Color = Color(0x00E6_9F00);
const TILE_GROUND: Color = Color(0x0009_0B0F);
const TILE_INK: Color = Color(0x00F3_F5F9);

const TITLE: Style = style(Face::SemiBold, 40.0);
const HEADING: Style = style(Face::SemiBold, 25.0);
const CAPTION: Style = style(Face::Medium, 21.0);
const LABEL: Style = style(Face::SemiBold, 27.0);
const ANSWER: Style = style(Face::SemiBold, 22.0);
const PROBABILITY: Style = style(Face::Medium, 19.0);
const COUNT: Style = style(Face::Medium, 24.0);

const fn style(face: Face, size: f32) -> Style {
    Style { face, size }
}

/// Writes the picture as a PNG file: what `name` made of `images`, of which the `mistakes` are shown, at most
/// [`SHOWN`] of them.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If a mistake is none of the images.
pub fn draw(path: &Path, name: &str, metrics: &Metrics, images: &Dataset, mistakes: &[Answer]) -> Result<(), Error> {
    let mut pixels = vec![PAPER.0; WIDTH * HEIGHT];
    let all = Rect::new(0, 0, WIDTH as i32, HEIGHT as i32);
    let mut document = Chart {
        frame: Frame::new(&mut pixels, WIDTH, HEIGHT, all),
        text: Text::new(),
    };
    document.title(name, metrics);
    document.matrix(metrics);
    document.gallery(images, &mistakes[..mistakes.len().min(SHOWN)]);
    let rgb: Vec<u8> = pixels
        .iter()
        .flat_map(|pixel| pixel.to_be_bytes().into_iter().skip(1))
        .collect();
    atomic_file::replace_png(path, &rgb, WIDTH, HEIGHT)
}

struct Chart<'a> {
    frame: Frame<'a>,
    text: Text,
}

impl Chart<'_> {
    fn write(&mut self, rect: Rect, text: &str, style: Style, align: Align, color: Color) {
        self.text.draw(&mut self.frame, rect, text, style, align, color);
    }

    fn title(&mut self, name: &str, metrics: &Metrics) {
        let (correct, count) = (grouped(metrics.correct()), grouped(metrics.count()));
        let accuracy = percent_or_dash(metrics.accuracy());
        let title = format!("{accuracy} read rightly: {correct} of {count}");
        self.write(Rect::new(LEFT, 44, 1800, 56), &title, TITLE, Align::Left, TEXT);
        let error = percent_or_dash(metrics.calibration_error());
        let caption = format!("{name}; expected calibration error {error}");
        self.write(Rect::new(LEFT, 98, 1800, 36), &caption, CAPTION, Align::Left, MUTED);
    }

    fn heading(&mut self, x: i32, heading: &str, caption: &str) {
        let line = |y, height| Rect::new(x, y, 880, height);
        self.write(line(TOP - 78, 36), heading, HEADING, Align::Left, TEXT);
        self.write(line(TOP - 42, 30), caption, CAPTION, Align::Left, MUTED);
    }

    fn matrix(&mut self, metrics: &Metrics) {
        self.heading(
            LEFT,
            "Confusion matrix",
            "Rows: the true digit. Columns: the digit that was read. At the ends: recall and precision in %.",
        );
        let most_wrong = most_wrong(metrics.confusion());
        let (precision, recall) = (metrics.precision(), metrics.recall());
        for (label, row) in metrics.confusion().iter().enumerate() {
            self.write(cell(label as i32, -1), &label.to_string(), LABEL, Align::Center, TEXT);
            self.write(cell(-1, label as i32), &label.to_string(), LABEL, Align::Center, TEXT);
            for (digit, &count) in row.iter().enumerate() {
                let share = if label == digit {
                    recall[label].unwrap_or(0.0)
                } else {
                    count as f64 / most_wrong as f64
                };
                self.count(cell(label as i32, digit as i32), count, label == digit, share);
            }
            let (right, below) = (cell(label as i32, DIGITS as i32), cell(DIGITS as i32, label as i32));
            self.write(right, &tenths(recall[label]), CAPTION, Align::Right, MUTED);
            self.write(below, &tenths(precision[label]), CAPTION, Align::Center, MUTED);
        }
        let (top, end) = (cell(-1, DIGITS as i32), cell(DIGITS as i32, DIGITS as i32));
        self.write(top, "recall", CAPTION, Align::Right, MUTED);
        let end = Rect::new(end.x + 12, end.y, 2 * CELL, end.height);
        self.write(end, "precision", CAPTION, Align::Left, MUTED);
    }

    fn count(&mut self, rect: Rect, count: u64, right: bool, share: f64) {
        let (hue, least) = if right { (RIGHT, 0.0) } else { (WRONG, 0.12) };
        let ground = if count == 0 {
            EMPTY
        } else {
            // Few and many differ more visibly by the root.
            EMPTY.under(hue, (255.0 * (least + (1.0 - least) * share.sqrt())) as u8)
        };
        self.frame.fill_round(rect, 8.0, ground);
        let color = if count == 0 { NOUGHT } else { text_on(ground) };
        self.write(rect, &count.to_string(), COUNT, Align::Center, color);
    }

    fn gallery(&mut self, images: &Dataset, mistakes: &[Answer]) {
        let (heading, caption) = if mistakes.is_empty() {
            ("No mistakes", "Every image was read rightly.")
        } else {
            (
                "The most confident mistakes",
                "The true digit → the digit that was read, and how probable it seemed.",
            )
        };
        self.heading(GALLERY_LEFT, heading, caption);
        for (place, mistake) in mistakes.iter().enumerate() {
            let (column, row) = ((place % GALLERY_COLUMNS) as i32, (place / GALLERY_COLUMNS) as i32);
            self.tile(
                GALLERY_LEFT + column * TILE_PITCH.0,
                TOP + row * TILE_PITCH.1,
                images,
                mistake,
            );
        }
    }

    fn tile(&mut self, x: i32, y: i32, images: &Dataset, answer: &Answer) {
        let tile = Rect::new(x, y, TILE, TILE);
        self.frame.fill(tile, TILE_GROUND);
        let (width, height) = (images.width(), images.height());
        let image = images.image(answer.index);
        let scale = TILE as f64 / width.max(height) as f64;
        let edge =
            |place: usize, length: usize| ((place as f64 - length as f64 / 2.0) * scale).round() as i32 + TILE / 2;
        for row in 0..height {
            for column in 0..width {
                let (left, top) = (edge(column, width), edge(row, height));
                let pixel = Rect::new(
                    x + left,
                    y + top,
                    edge(column + 1, width) - left,
                    edge(row + 1, height) - top,
                );
                self.frame
                    .fill(pixel, TILE_GROUND.under(TILE_INK, image[row * width + column]));
            }
        }
        // Rounded down: what is not quite sure is not shown as sure.
        let probability = format!("{:.1} %", (1000.0 * answer.probability).floor() / 10.0);
        let caption = Rect::new(x, y + TILE + 3, TILE, 32);
        let answer = format!("{} → {}", answer.label, answer.digit);
        self.write(caption, &answer, ANSWER, Align::Left, TEXT);
        self.write(caption, &probability, PROBABILITY, Align::Right, MUTED);
    }
}

/// The place of a count; the labels are in row and column -1, recall and precision in 10.
fn cell(row: i32, column: i32) -> Rect {
    let along = |index: i32| if index < 0 { 0 } else { LABELS + index * CELL };
    let size = |index: i32| if index < 0 { LABELS } else { CELL - GAP };
    Rect::new(LEFT + along(column), TOP + along(row), size(column), size(row))
}

/// The largest count of a mistake.
fn most_wrong(confusion: &[[u64; DIGITS]; DIGITS]) -> u64 {
    let wrong = |(label, row): (usize, &[u64; DIGITS])| {
        let others = row.iter().enumerate().filter(|&(digit, _)| digit != label);
        others.map(|(_, &count)| count).max().unwrap_or(0)
    };
    confusion.iter().enumerate().map(wrong).max().unwrap_or(0).max(1)
}

/// A share in percent as a cell has room for; a dash where it is undefined.
fn tenths(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share))
}

/// Black or white, whichever can be read better on it.
fn text_on(ground: Color) -> Color {
    let black = Color(0);
    if contrast(ground, black) > contrast(ground, PAPER) {
        black
    } else {
        PAPER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_mistake_sets_the_shade() {
        let mut confusion = [[0; DIGITS]; DIGITS];
        assert_eq!(most_wrong(&confusion), 1);
        confusion[3][3] = 900;
        confusion[3][5] = 7;
        confusion[9][4] = 4;
        assert_eq!(most_wrong(&confusion), 7);
    }

    #[test]
    fn counts_stand_out_from_every_shade() {
        for (hue, steps) in [(RIGHT, 0..=255), (WRONG, 0..=255)] {
            for alpha in steps {
                let ground = EMPTY.under(hue, alpha);
                let contrast = contrast(ground, text_on(ground));
                assert!(contrast >= 4.5, "{ground:06X?}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn images_of_any_shape_are_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mistakes.png");
        let images = Dataset::new((0..=239).collect(), vec![4, 7], 10, 12).unwrap();
        let answers = [(0, 9, 0.9), (1, 7, 0.6)].map(|(index, digit, probability)| Answer {
            index,
            label: images.label(index),
            digit,
            probability,
        });
        let mut metrics = Metrics::default();
        metrics.extend(answers);
        draw(&path, "a model", &metrics, &images, &answers[..1]).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (WIDTH as u32, HEIGHT as u32));
        let at = |x: i32, y: i32| picture.get_pixel((GALLERY_LEFT + x) as u32, (TOP + y) as u32).0;
        let paper = [0xFF; 3];
        // Twelve pixels fill the width of a tile, ten leave a ground above and below them.
        let ground = at(TILE / 2, 4);
        assert_eq!(ground, [0x09, 0x0B, 0x0F]);
        assert_eq!(at(TILE / 2, TILE - 4), ground);
        assert!(at(1, TILE / 2) != ground && at(TILE - 1, TILE / 2) != ground);
        assert_eq!(at(TILE, TILE / 2), paper);
        assert_eq!(at(TILE_PITCH.0 + TILE / 2, 4), paper, "a second mistake");
    }
}
