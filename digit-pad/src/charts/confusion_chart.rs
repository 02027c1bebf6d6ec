//! Confusion matrix as a PNG image, with the most confident errors beside it.

use std::path::Path;

use mnist_io::Dataset;

use crate::{
    error::Error,
    format::{grouped, percent, percent_or_dash},
    graphics::{
        canvas::{Frame, Rect},
        color::{Color, contrast},
        text::{Align, Face, Style, Text},
    },
    recognition::model::DIGITS,
    storage::atomic_file,
    training::evaluation::{Answer, Metrics},
};

/// Width of the image, in pixels.
pub const WIDTH: usize = 2088;
/// Height of the image, in pixels.
pub const HEIGHT: usize = 1180;
/// Number of errors that fit on the image.
pub const MAX_ERRORS: usize = GALLERY_COLUMNS * GALLERY_ROWS;

const GALLERY_COLUMNS: usize = 6;
const GALLERY_ROWS: usize = 5;

const LEFT: i32 = 64;
const TOP: i32 = 232;
/// Height of the row of column labels, and width of the column of row labels.
const LABEL_SIZE: i32 = 48;
const CELL: i32 = 76;
const GAP: i32 = 3;
const GALLERY_LEFT: i32 = 1064;
const TILE: i32 = 140;
const TILE_PITCH: (i32, i32) = (164, 181);

// Blue and orange of Okabe and Ito's palette, which can be told apart with any kind of color blindness.
const BACKGROUND: Color = Color(0x00FF_FFFF);
const TEXT: Color = Color(0x0016_1B22);
const MUTED: Color = Color(0x0059_6373);
const EMPTY: Color = Color(0x00F3_F5F8);
const ZERO: Color = Color(0x00A9_B1BD);
const CORRECT: Color = Color(0x0000_72B2);
const ERROR: Color = Color(0x00E6_9F00);
const TILE_BACKGROUND: Color = Color(0x0009_0B0F);
const TILE_INK: Color = Color(0x00F3_F5F9);

const TITLE: Style = style(Face::SemiBold, 40.0);
const HEADING: Style = style(Face::SemiBold, 25.0);
const CAPTION: Style = style(Face::Medium, 21.0);
const LABEL: Style = style(Face::SemiBold, 27.0);
const CLASSES: Style = style(Face::SemiBold, 22.0);
const PERCENT: Style = style(Face::Medium, 18.0);
const COUNT: Style = style(Face::Medium, 24.0);

const fn style(face: Face, size: f32) -> Style {
    Style { face, size }
}

/// Writes the confusion matrix of the model called `name` and up to [`MAX_ERRORS`] of its `errors` as a PNG file.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If the index of an error is outside `images`.
pub fn draw(path: &Path, name: &str, metrics: &Metrics, images: &Dataset, errors: &[Answer]) -> Result<(), Error> {
    let mut pixels = vec![BACKGROUND.0; WIDTH * HEIGHT];
    let clip = Rect::new(0, 0, WIDTH as i32, HEIGHT as i32);
    let mut chart = Chart {
        frame: Frame::new(&mut pixels, WIDTH, HEIGHT, clip),
        text: Text::new(),
    };
    chart.title(name, metrics);
    chart.matrix(metrics);
    chart.gallery(images, &errors[..errors.len().min(MAX_ERRORS)]);
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
        let title = format!("Accuracy {accuracy}: {correct} of {count} correct");
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
            "Rows: true digit. Columns: predicted digit. At the ends: recall and precision.",
        );
        let max_errors = max_error_count(metrics.confusion());
        let (precision, recall) = (metrics.precision(), metrics.recall());
        for (label, row) in metrics.confusion().iter().enumerate() {
            self.write(cell(label as i32, -1), &label.to_string(), LABEL, Align::Center, TEXT);
            self.write(cell(-1, label as i32), &label.to_string(), LABEL, Align::Center, TEXT);
            for (digit, &count) in row.iter().enumerate() {
                let share = if label == digit {
                    recall[label].unwrap_or(0.0)
                } else {
                    count as f64 / max_errors as f64
                };
                self.count(cell(label as i32, digit as i32), count, label == digit, share);
            }
            let (recall_cell, precision_cell) = (cell(label as i32, DIGITS as i32), cell(DIGITS as i32, label as i32));
            self.write(
                recall_cell,
                &percent_or_dash(recall[label]),
                PERCENT,
                Align::Right,
                MUTED,
            );
            self.write(
                precision_cell,
                &percent_or_dash(precision[label]),
                PERCENT,
                Align::Center,
                MUTED,
            );
        }
        let (recall_title, corner) = (cell(-1, DIGITS as i32), cell(DIGITS as i32, DIGITS as i32));
        self.write(recall_title, "recall", CAPTION, Align::Right, MUTED);
        let precision_title = Rect::new(corner.x + 12, corner.y, 2 * CELL, corner.height);
        self.write(precision_title, "precision", CAPTION, Align::Left, MUTED);
    }

    fn count(&mut self, rect: Rect, count: u64, is_correct: bool, share: f64) {
        let (hue, min_strength) = if is_correct { (CORRECT, 0.0) } else { (ERROR, 0.12) };
        let background = if count == 0 {
            EMPTY
        } else {
            // The square root makes small counts easier to tell apart.
            EMPTY.under(
                hue,
                (255.0 * (min_strength + (1.0 - min_strength) * share.sqrt())) as u8,
            )
        };
        self.frame.fill_round(rect, 8.0, background);
        let color = if count == 0 { ZERO } else { text_on(background) };
        self.write(rect, &count.to_string(), COUNT, Align::Center, color);
    }

    fn gallery(&mut self, images: &Dataset, errors: &[Answer]) {
        let (heading, caption) = if errors.is_empty() {
            ("No errors", "Every image was classified correctly.")
        } else {
            (
                "Most confident errors",
                "True digit → predicted digit, with its probability.",
            )
        };
        self.heading(GALLERY_LEFT, heading, caption);
        for (index, error) in errors.iter().enumerate() {
            let (column, row) = ((index % GALLERY_COLUMNS) as i32, (index / GALLERY_COLUMNS) as i32);
            self.tile(
                GALLERY_LEFT + column * TILE_PITCH.0,
                TOP + row * TILE_PITCH.1,
                images,
                error,
            );
        }
    }

    fn tile(&mut self, x: i32, y: i32, images: &Dataset, answer: &Answer) {
        let tile = Rect::new(x, y, TILE, TILE);
        self.frame.fill(tile, TILE_BACKGROUND);
        let (width, height) = (images.width(), images.height());
        let image = images.image(answer.index);
        let scale = TILE as f64 / width.max(height) as f64;
        let edge =
            |index: usize, length: usize| ((index as f64 - length as f64 / 2.0) * scale).round() as i32 + TILE / 2;
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
                    .fill(pixel, TILE_BACKGROUND.under(TILE_INK, image[row * width + column]));
            }
        }
        let probability = percent(answer.probability);
        let caption = Rect::new(x, y + TILE + 3, TILE, 32);
        let classes = format!("{} → {}", answer.label, answer.digit);
        self.write(caption, &classes, CLASSES, Align::Left, TEXT);
        self.write(caption, &probability, PERCENT, Align::Right, MUTED);
    }
}

/// The place of a count. Labels are in row and column -1, recall in column 10, precision in row 10.
fn cell(row: i32, column: i32) -> Rect {
    let offset = |index: i32| if index < 0 { 0 } else { LABEL_SIZE + index * CELL };
    let size = |index: i32| if index < 0 { LABEL_SIZE } else { CELL - GAP };
    Rect::new(LEFT + offset(column), TOP + offset(row), size(column), size(row))
}

/// The largest count off the diagonal, at least 1.
fn max_error_count(confusion: &[[u64; DIGITS]; DIGITS]) -> u64 {
    let row_maximum = |(label, row): (usize, &[u64; DIGITS])| {
        let others = row.iter().enumerate().filter(|&(digit, _)| digit != label);
        others.map(|(_, &count)| count).max().unwrap_or(0)
    };
    confusion.iter().enumerate().map(row_maximum).max().unwrap_or(0).max(1)
}

/// Black or white, whichever has more contrast with the background.
fn text_on(background: Color) -> Color {
    let black = Color(0);
    if contrast(background, black) > contrast(background, BACKGROUND) {
        black
    } else {
        BACKGROUND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_error_sets_the_shade() {
        let mut confusion = [[0; DIGITS]; DIGITS];
        assert_eq!(max_error_count(&confusion), 1);
        confusion[3][3] = 900;
        confusion[3][5] = 7;
        confusion[9][4] = 4;
        assert_eq!(max_error_count(&confusion), 7);
    }

    #[test]
    fn counts_have_enough_contrast() {
        for (hue, steps) in [(CORRECT, 0..=255), (ERROR, 0..=255)] {
            for alpha in steps {
                let background = EMPTY.under(hue, alpha);
                let contrast = contrast(background, text_on(background));
                assert!(contrast >= 4.5, "{background:06X?}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn images_of_any_shape_are_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("confusion.png");
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
        let image = image::open(&path).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (WIDTH as u32, HEIGHT as u32));
        let pixel = |x: i32, y: i32| image.get_pixel((GALLERY_LEFT + x) as u32, (TOP + y) as u32).0;
        let white = [0xFF; 3];
        // The image is wider than high: it fills a tile's width and leaves bars above and below.
        let bar = pixel(TILE / 2, 4);
        assert_eq!(bar, [0x09, 0x0B, 0x0F]);
        assert_eq!(pixel(TILE / 2, TILE - 4), bar);
        assert!(pixel(1, TILE / 2) != bar && pixel(TILE - 1, TILE / 2) != bar);
        assert_eq!(pixel(TILE, TILE / 2), white);
        assert_eq!(pixel(TILE_PITCH.0 + TILE / 2, 4), white, "only one error is shown");
    }
}
