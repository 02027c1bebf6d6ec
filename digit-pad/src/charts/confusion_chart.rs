//! Confusion matrix as a PNG image, with the most confident errors beside it.

use std::path::Path;

use mnist_io::{Dataset, ImageShape};

use crate::{
    error::Error,
    format::{grouped, percent, percent_or_dash},
    graphics::{
        canvas::{Frame, Rect},
        color::{Color, contrast},
        text::{Align, Face, Style, Text},
    },
    storage::atomic_file,
    training::evaluation::{Answer, Metrics},
};

/// Width of the image, in pixels.
pub const WIDTH: usize = 2088;
/// Height of the image, in pixels.
pub const HEIGHT: usize = 1180;
/// Number of classes that fit on the image.
pub const MAX_CLASSES: usize = 100;
/// Number of errors that fit on the image.
pub const MAX_ERRORS: usize = GALLERY_COLUMNS * GALLERY_ROWS;

const GALLERY_COLUMNS: usize = 6;
const GALLERY_ROWS: usize = 5;

const LEFT: i32 = 64;
const TOP: i32 = 232;
/// Height of the row of column labels, and width of the column of row labels.
const LABEL_SIZE: i32 = 48;
/// Width and height of a cell of ten classes or fewer; more classes have smaller ones.
const CELL: i32 = 76;
const GAP: i32 = 3;
/// Left edge of the names of rows that are longer than a cell.
const NAME_LEFT: i32 = 8;
/// Room for a percentage beside small cells.
const PERCENT_WIDTH: i32 = 90;
/// Smallest text, in pixels.
const MIN_TEXT: f32 = 8.0;
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
const NAME: Style = style(Face::Medium, 17.0);
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
/// If the index of an error is outside `images`, or there are more than [`MAX_CLASSES`].
pub fn draw(path: &Path, name: &str, metrics: &Metrics, images: &Dataset, errors: &[Answer]) -> Result<(), Error> {
    assert!(
        images.classes() <= MAX_CLASSES,
        "at most {MAX_CLASSES} classes fit on the chart"
    );
    let mut pixels = vec![BACKGROUND.0; WIDTH * HEIGHT];
    let clip = Rect::new(0, 0, WIDTH as i32, HEIGHT as i32);
    let mut chart = Chart {
        frame: Frame::new(&mut pixels, WIDTH, HEIGHT, clip),
        text: Text::new(),
    };
    chart.title(name, metrics);
    chart.matrix(metrics, images);
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
        let confusion = metrics.confusion();
        let (correct, count) = (grouped(confusion.correct()), grouped(confusion.count()));
        let accuracy = percent_or_dash(confusion.accuracy());
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

    fn matrix(&mut self, metrics: &Metrics, images: &Dataset) {
        let noun = noun(images);
        let caption = format!("Rows: true {noun}. Columns: predicted {noun}. At the ends: recall and precision.");
        self.heading(LEFT, "Confusion matrix", &caption);
        let confusion = metrics.confusion();
        let grid = Grid::new(confusion.classes());
        let max_errors = confusion.errors().first().map_or(1, |&(_, _, count)| count);
        let (precision, recall) = (confusion.precisions(), confusion.recalls());
        self.names(grid, images.class_names());
        for label in 0..confusion.classes() {
            for predicted in 0..confusion.classes() {
                let count = confusion.get(label, predicted);
                let share = if label == predicted {
                    recall[label].unwrap_or(0.0)
                } else {
                    count as f64 / max_errors as f64
                };
                self.count(grid, (label, predicted), count, share);
            }
            let style = grid.scaled(PERCENT);
            let (recall_cell, precision_cell) = (grid.recall(label as i32), grid.cell(grid.end(), label as i32));
            let align = if grid.cell == CELL { Align::Right } else { Align::Left };
            self.write_if_fits(recall_cell, &percent_or_dash(recall[label]), style, align, MUTED);
            self.write_if_fits(
                precision_cell,
                &percent_or_dash(precision[label]),
                style,
                Align::Center,
                MUTED,
            );
        }
        let (recall_title, corner) = (grid.cell(-1, grid.end()), grid.cell(grid.end(), grid.end()));
        let recall_title = Rect::new(recall_title.x, recall_title.y, CELL - GAP, recall_title.height);
        self.write(recall_title, "recall", CAPTION, Align::Right, MUTED);
        let precision_title = Rect::new(corner.x + 12, corner.y, 2 * CELL, corner.height);
        self.write(precision_title, "precision", CAPTION, Align::Left, MUTED);
    }

    /// Writes the names of the classes at the rows and columns, shortened where they are too long.
    fn names(&mut self, grid: Grid, names: &[String]) {
        let style = grid.scaled(LABEL);
        let room = LABEL_SIZE.min(grid.cell - GAP) as f32;
        let are_short = names.iter().all(|name| self.text.width(name, style) <= room);
        for (class, name) in names.iter().enumerate() {
            let (mut row, column) = (grid.cell(class as i32, -1), grid.cell(-1, class as i32));
            if are_short {
                self.write_if_fits(row, name, style, Align::Center, TEXT);
                self.write_if_fits(column, name, style, Align::Center, TEXT);
                continue;
            }
            row = Rect::new(NAME_LEFT, row.y, row.x + row.width - 2 * NAME_LEFT, row.height);
            let style = grid.scaled(NAME);
            let (row_name, column_name) = (
                self.shortened(name, row.width, style),
                self.shortened(name, column.width, style),
            );
            self.write_if_fits(row, &row_name, style, Align::Right, TEXT);
            self.write_if_fits(column, &column_name, style, Align::Center, TEXT);
        }
    }

    /// A text, cut so that it fits a width.
    fn shortened(&self, text: &str, width: i32, style: Style) -> String {
        let fits = |text: &str| self.text.width(text, style) <= width as f32;
        if fits(text) {
            return text.to_owned();
        }
        let ends = text.char_indices().rev().map(|(end, _)| format!("{}.", &text[..end]));
        ends.into_iter().find(|cut| fits(cut)).unwrap_or_default()
    }

    /// Writes a text that is neither too wide for its place nor too small to read.
    fn write_if_fits(&mut self, rect: Rect, text: &str, style: Style, align: Align, color: Color) {
        if style.size >= MIN_TEXT && self.text.width(text, style) <= rect.width as f32 {
            self.write(rect, text, style, align, color);
        }
    }

    fn count(&mut self, grid: Grid, (label, predicted): (usize, usize), count: u64, share: f64) {
        let rect = grid.cell(label as i32, predicted as i32);
        let (hue, min_strength) = if label == predicted {
            (CORRECT, 0.0)
        } else {
            (ERROR, 0.12)
        };
        let background = if count == 0 {
            EMPTY
        } else {
            // The square root makes small counts easier to tell apart.
            EMPTY.under(
                hue,
                (255.0 * (min_strength + (1.0 - min_strength) * share.sqrt())) as u8,
            )
        };
        self.frame.fill_round(rect, 8.0 * grid.scale(), background);
        let color = if count == 0 { ZERO } else { text_on(background) };
        self.write_if_fits(rect, &count.to_string(), grid.scaled(COUNT), Align::Center, color);
    }

    fn gallery(&mut self, images: &Dataset, errors: &[Answer]) {
        let (heading, caption) = if errors.is_empty() {
            ("No errors", "Every image was classified correctly.")
        } else {
            (
                "Most confident errors",
                if images.is_digits() {
                    "True digit → predicted digit, with its probability."
                } else {
                    "True class → predicted class, with its probability."
                },
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
        let (width, height) = (images.shape().width(), images.shape().height());
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
                    .fill(pixel, pixel_color(image, images.shape(), row * width + column));
            }
        }
        let probability = percent(answer.probability);
        let caption = Rect::new(x, y + TILE + 3, TILE, 32);
        let room = TILE - self.text.width(&probability, PERCENT).ceil() as i32 - 6;
        let [label, predicted] = [answer.label, answer.predicted].map(|class| &images.class_names()[class]);
        let style = if images.is_digits() { CLASSES } else { NAME };
        let half = (room - self.text.width(" → ", style).ceil() as i32) / 2;
        let [label, predicted] = [label, predicted].map(|name| self.shortened(name, half, style));
        self.write(caption, &format!("{label} → {predicted}"), style, Align::Left, TEXT);
        self.write(caption, &probability, PERCENT, Align::Right, MUTED);
    }
}

/// What the classes are called.
fn noun(images: &Dataset) -> &'static str {
    if images.is_digits() { "digit" } else { "class" }
}

/// Color of a pixel: gray values are ink.
fn pixel_color(image: &[u8], shape: ImageShape, pixel: usize) -> Color {
    let channel = |index: usize| image[index * shape.height() * shape.width() + pixel];
    if shape.channels() < 3 {
        return TILE_BACKGROUND.under(TILE_INK, channel(0));
    }
    let [red, green, blue] = [0, 1, 2].map(|index| u32::from(channel(index)));
    Color(red << 16 | green << 8 | blue)
}

/// The cells of a matrix.
#[derive(Clone, Copy)]
struct Grid {
    classes: i32,
    /// Width and height of a cell, with the gap after it.
    cell: i32,
}

impl Grid {
    fn new(classes: usize) -> Self {
        let classes = classes as i32;
        Grid {
            classes,
            cell: CELL.min(10 * CELL / classes.max(1)),
        }
    }

    /// The row of precisions, and the column of recalls.
    fn end(self) -> i32 {
        self.classes
    }

    /// Size of a cell relative to that of ten classes.
    fn scale(self) -> f32 {
        self.cell as f32 / CELL as f32
    }

    /// A style for text in a cell.
    fn scaled(self, style: Style) -> Style {
        Style {
            size: style.size * self.scale().max(0.5),
            ..style
        }
    }

    /// The place of a count. Labels are in row and column -1, recall in the column after the last, precision in the row
    /// after the last.
    fn cell(self, row: i32, column: i32) -> Rect {
        let gap = if self.cell > 2 * GAP { GAP } else { 1 };
        let offset = |index: i32| if index < 0 { 0 } else { LABEL_SIZE + index * self.cell };
        let size = |index: i32| if index < 0 { LABEL_SIZE } else { self.cell - gap };
        Rect::new(LEFT + offset(column), TOP + offset(row), size(column), size(row))
    }

    /// The place of a recall, which has more room beside small cells.
    fn recall(self, row: i32) -> Rect {
        let place = self.cell(row, self.end());
        match self.cell {
            CELL => place,
            _ => Rect::new(place.x + 8, place.y, PERCENT_WIDTH, place.height),
        }
    }
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
        let images = Dataset::new((0..=239).collect(), vec![4, 9], ImageShape::gray(10, 12).unwrap()).unwrap();
        let answers = [(0, 7, 0.9), (1, 9, 0.6)].map(|(index, predicted, probability)| Answer {
            index,
            label: images.label(index),
            predicted,
            probability,
        });
        let mut metrics = Metrics::new(10);
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

    #[test]
    fn any_number_of_classes_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("confusion.png");
        let shape = ImageShape::new(3, 2, 2).unwrap();
        for classes in [1, 3, 11, 26, 47, MAX_CLASSES] {
            let labels: Vec<usize> = (0..classes).collect();
            let images = Dataset::new(vec![200; 12 * classes], labels, shape).unwrap();
            let names = (0..classes).map(|class| format!("a class with a long name {class}"));
            let images = images.with_class_names(names).unwrap();
            let answer = |index| Answer {
                index,
                label: index,
                predicted: (index + 1) % classes,
                probability: 0.5,
            };
            let answers: Vec<Answer> = (0..classes).map(answer).collect();
            let mut metrics = Metrics::new(classes);
            metrics.extend(answers.iter().copied());
            draw(&path, "a model", &metrics, &images, &answers).unwrap();
            let image = image::open(&path).unwrap().to_rgb8();
            let tile = image.get_pixel((GALLERY_LEFT + TILE / 2) as u32, (TOP + TILE / 2) as u32);
            assert_eq!(tile.0, [200; 3]);
            let last = Grid::new(classes).cell(classes as i32, classes as i32);
            assert!(
                last.x + 100 < GALLERY_LEFT && last.y + last.height < HEIGHT as i32,
                "{classes}"
            );
        }
    }
}
