//! Segmentation of a number into its digits.
//!
//! A drawing is over-segmented into parts: strokes or connected components, cut where one may be two digits that touch.
//! Runs of neighboring parts then form digits. The positions of parts give the odds of a cut between them, the
//! classifier says how well each run reads, and the most probable division wins (as in section VII of LeCun, Bottou,
//! Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998).
//!
//! ```
//! use digit_pad::{drawing::file::Drawing, recognition::{recognizer::Recognizer, segmentation::segment_ink}};
//!
//! let drawing = Drawing::from_json(r#"{"strokes":[[[60,40],[60,160]],[[120,40],[200,40],[150,160]]]}"#)?;
//! let digits = segment_ink(&drawing.ink, &mut Recognizer::embedded()?);
//! let number: Vec<u8> = digits.iter().map(|digit| digit.prediction.digit()).collect();
//! assert_eq!(number, [1, 7]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cuts;
mod grouping;
mod images;
mod lines;
mod marks;
mod plain_signs;
mod profile;
mod row;
mod rules;
mod search;
mod strokes;

use std::fmt::Display;

use crate::{drawing::sign::Label, recognition::prediction::Prediction};

pub use self::{
    images::{ImageDigit, segment_image},
    marks::Mark,
    strokes::{InkDigit, segment_ink},
};

impl ImageDigit {
    /// What it reads as: a digit, a mark, or the name of a sign.
    pub fn symbol(&self) -> String {
        symbol(&self.prediction, self.mark)
    }

    /// The character that it surely is; `?` if the classifier is not sure.
    pub fn sure_symbol(&self) -> char {
        sure_symbol(&self.prediction, self.mark)
    }
}

impl InkDigit {
    /// What it reads as: a digit, a mark, or the name of a sign.
    pub fn symbol(&self) -> String {
        symbol(&self.prediction, self.mark)
    }

    /// The character that it surely is; `?` if the classifier is not sure.
    pub fn sure_symbol(&self) -> char {
        sure_symbol(&self.prediction, self.mark)
    }
}

/// The characters of a digit, a mark, or a sign.
pub fn symbol(prediction: &Prediction, mark: Option<Mark>) -> String {
    match mark {
        Some(mark) => mark.symbol().to_string(),
        None => prediction.label().to_string(),
    }
}

/// The character that a digit or a mark surely is, or a sign that was taught by the name of one, such as `+`; `?` if the
/// classifier is not sure, or reads another sign.
pub fn sure_symbol(prediction: &Prediction, mark: Option<Mark>) -> char {
    let mark = mark.filter(|_| prediction.known);
    let of_label = || match prediction.label() {
        Label::Digit(digit) => Some(char::from(b'0' + digit)),
        Label::Sign(name) => Mark::named(name.as_str()).map(Mark::symbol),
    };
    let symbol = match mark {
        Some(mark) => Some(mark.symbol()),
        None => of_label().filter(|_| prediction.known),
    };
    symbol.unwrap_or_else(|| Mark::Unknown.symbol())
}

/// The same, but the name of a sign that was taught where it surely is one.
pub fn sure_name(prediction: &Prediction, mark: Option<Mark>) -> String {
    let symbol = sure_symbol(prediction, mark);
    let name = prediction.sign().filter(|_| mark.is_none() && prediction.known);
    match name {
        Some(sign) if symbol == Mark::Unknown.symbol() => sign.name.to_string(),
        _ => symbol.to_string(),
    }
}

/// The numbers that symbols make, each given with its line, line by line.
///
/// ```
/// use digit_pad::recognition::segmentation::numbers;
///
/// assert_eq!(numbers([(0, '4'), (0, '0'), (1, '-'), (1, '5')]), ["40", "-5"]);
/// ```
pub fn numbers<S: Display>(symbols: impl IntoIterator<Item = (usize, S)>) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    let mut last = None;
    for (line, symbol) in symbols {
        if last != Some(line) {
            numbers.push(String::new());
        }
        last = Some(line);
        numbers.last_mut().expect("a number").push_str(&symbol.to_string());
    }
    numbers
}

/// A classifier for tests whose answer depends on the first bright pixel.
#[cfg(test)]
fn fickle(pixels: &crate::recognition::normalization::Gray28) -> Prediction {
    let bright = pixels.iter().position(|&pixel| pixel > 100).unwrap_or(0);
    let mut probabilities = [0.02; 10];
    probabilities[bright % 10] += 0.1 * (bright % 9) as f32;
    Prediction {
        probabilities,
        signs: Vec::new(),
        known: true,
        microseconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use mnist_io::{Dataset, Mnist, Split};

    use super::*;
    use crate::{
        drawing::{
            raster::{Pen, View, draw},
            sign::SignName,
            strokes::{Ink, Stroke},
        },
        geometry::Point,
        imaging::gray_image::GrayImage,
        recognition::{
            prediction::{Prediction, SignProbability},
            recognizer::Recognizer,
        },
    };

    type Line = &'static [(f32, f32)];

    const ONE: &[Line] = &[&[(0.3, 0.0), (0.3, 1.0)]];
    const ONE_WITH_FOOT: &[Line] = &[&[(0.1, 0.2), (0.3, 0.0), (0.3, 1.0)], &[(0.0, 1.0), (0.6, 1.0)]];
    const FOUR: &[Line] = &[&[(0.35, 0.0), (0.0, 0.65), (0.65, 0.65)], &[(0.45, 0.25), (0.45, 1.0)]];
    const FIVE: &[Line] = &[
        &[
            (0.1, 0.0),
            (0.05, 0.45),
            (0.3, 0.38),
            (0.55, 0.5),
            (0.62, 0.7),
            (0.5, 0.93),
            (0.3, 1.0),
            (0.0, 0.92),
        ],
        &[(0.12, 0.0), (0.62, 0.0)],
    ];
    const SEVEN: &[Line] = &[&[(0.0, 0.0), (0.6, 0.0), (0.2, 1.0)], &[(0.15, 0.5), (0.55, 0.5)]];
    const ZERO: &[Line] = &[&[
        (0.33, 0.0),
        (0.1, 0.14),
        (0.0, 0.5),
        (0.1, 0.86),
        (0.33, 1.0),
        (0.56, 0.86),
        (0.66, 0.5),
        (0.56, 0.14),
        (0.33, 0.0),
    ]];
    const SLASH: Line = &[(0.6, 0.05), (0.06, 0.95)];

    /// Lines as strokes, `size` high, at (`left`, 100).
    fn strokes(digit: &[Line], left: f32, size: f32) -> Vec<Stroke> {
        let mut ink = Ink::new();
        for line in digit {
            let at = |i: usize| Point::new(left + size * line[i].0, 100.0 + size * line[i].1);
            ink.pen_down(at(0));
            (1..line.len()).for_each(|i| {
                ink.pen_move(at(i));
            });
        }
        ink.strokes().to_vec()
    }

    /// Digits, each with its left side: the first stroke of each, then the other strokes.
    fn drawn(digits: &[(&[Line], f32)]) -> Ink {
        let digits: Vec<_> = digits
            .iter()
            .map(|(digit, left)| strokes(digit, *left, 120.0))
            .collect();
        let firsts = digits.iter().map(|strokes| strokes[0].clone());
        let later = digits.iter().flat_map(|strokes| strokes[1..].iter().cloned());
        firsts.chain(later).collect()
    }

    fn number<'a>(predictions: impl Iterator<Item = &'a Prediction>) -> String {
        predictions.map(|prediction| prediction.digit().to_string()).collect()
    }

    /// The number in strokes, and in an image of them.
    fn read(ink: &Ink) -> [String; 2] {
        let mut classifier = Recognizer::embedded().unwrap();
        let image = draw(
            ink.strokes(),
            Pen::Width(12.0),
            &View::whole_canvas(560),
            GrayImage::blank(560, 560),
        );
        let (strokes, components) = (
            segment_ink(ink, &mut classifier),
            segment_image(&image, &mut classifier),
        );
        [
            number(strokes.iter().map(|digit| &digit.prediction)),
            number(components.iter().map(|digit| &digit.prediction)),
        ]
    }

    #[test]
    fn one_digit_is_one_digit() {
        let slashed = [ZERO[0], SLASH];
        for (digit, name) in [
            (ONE, "1"),
            (ONE_WITH_FOOT, "1"),
            (FOUR, "4"),
            (FIVE, "5"),
            (SEVEN, "7"),
            (ZERO, "0"),
            (&slashed, "0"),
        ] {
            assert_eq!(read(&drawn(&[(digit, 200.0)])), [name, name]);
        }
    }

    #[test]
    fn digits_side_by_side_are_several() {
        let slashed = [ZERO[0], SLASH];
        for (digits, name) in [
            (&[(ONE, 60.0), (SEVEN, 150.0)][..], "17"),
            (&[(ONE, 60.0), (ONE, 100.0)], "11"),
            (&[(FOUR, 40.0), (&slashed, 140.0), (FIVE, 250.0)], "405"),
            (
                &[(FIVE, 30.0), (SEVEN, 130.0), (ONE_WITH_FOOT, 240.0), (FOUR, 340.0)],
                "5714",
            ),
        ] {
            assert_eq!(read(&drawn(digits)), [name, name]);
        }
    }

    #[test]
    fn touching_digits_are_separated() {
        // Strokes touch where their lines do, components where the edges of the pen do.
        for (pen, lefts, digits, name) in [
            (0.0, [60.0, 98.0, 0.0], &[ONE, ZERO][..], "10"),
            (11.0, [60.0, 98.0, 0.0], &[ONE, ZERO], "10"),
            (0.0, [60.0, 139.0, 0.0], &[ZERO, ZERO], "00"),
            (0.0, [60.0, 132.0, 206.0], &[SEVEN, FIVE, ZERO], "750"),
            (11.0, [60.0, 132.0, 206.0], &[SEVEN, FIVE, ZERO], "750"),
        ] {
            let lefts = lefts.iter().zip([0.0, pen, 2.0 * pen]).map(|(left, pens)| left + pens);
            let ink = drawn(&digits.iter().copied().zip(lefts).collect::<Vec<_>>());
            let [strokes, components] = read(&ink);
            assert_eq!(if pen > 0.0 { components } else { strokes }, name);
        }
    }

    /// What strokes read as, with marks and lines.
    fn text(ink: &Ink) -> String {
        let digits = segment_ink(ink, &mut Recognizer::embedded().unwrap());
        numbers(digits.iter().map(|digit| (digit.line, digit.symbol()))).join(" ")
    }

    /// The same for an image of the strokes, with more lines as strokes of the same pen.
    fn image_text(ink: &Ink, rules: &[Line]) -> String {
        let rules = drawn(
            &rules
                .iter()
                .map(|line| (std::slice::from_ref(line), 0.0))
                .collect::<Vec<_>>(),
        );
        let strokes: Vec<Stroke> = ink.strokes().iter().chain(rules.strokes()).cloned().collect();
        let blank = GrayImage::blank(560, 560);
        let image = draw(&strokes, Pen::Width(8.0), &View::whole_canvas(560), blank);
        let digits = segment_image(&image, &mut Recognizer::embedded().unwrap());
        numbers(digits.iter().map(|digit| (digit.line, digit.symbol()))).join(" ")
    }

    fn moved(ink: &Ink, to: impl Fn(Point) -> Point) -> Ink {
        ink.map(to)
    }

    #[test]
    fn lines_are_read_from_top_to_bottom() {
        let first = moved(&drawn(&[(FOUR, 60.0), (SEVEN, 170.0)]), |p| Point::new(p.x, p.y - 60.0));
        let second = moved(&drawn(&[(FIVE, 60.0), (ONE, 170.0), (ZERO, 220.0)]), |p| {
            Point::new(p.x, p.y + 140.0)
        });
        let both: Ink = first.strokes().iter().chain(second.strokes()).cloned().collect();
        assert_eq!([text(&both), image_text(&both, &[])], ["47 510", "47 510"]);
    }

    #[test]
    fn sloping_lines_are_read() {
        let row = drawn(&[(FIVE, 60.0), (SEVEN, 160.0), (ZERO, 260.0), (FOUR, 360.0)]);
        for degrees in [-15f32, 15.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let turned = moved(&row, |p| {
                let (x, y) = (p.x - 280.0, p.y - 160.0);
                Point::new(280.0 + x * cos - y * sin, 280.0 + x * sin + y * cos)
            });
            assert_eq!(
                [text(&turned), image_text(&turned, &[])],
                ["5704", "5704"],
                "at {degrees}°"
            );
        }
    }

    #[test]
    fn marks_are_read() {
        let minus: Line = &[(0.0, 0.5), (0.35, 0.5)];
        let comma: Line = &[(0.06, 0.93), (0.0, 1.15)];
        let point: Line = &[(0.0, 1.0)];
        for (mark, number) in [(comma, "5,7"), (point, "5.7")] {
            let ink = drawn(&[(FIVE, 60.0), (&[mark], 160.0), (SEVEN, 195.0)]);
            assert_eq!([text(&ink), image_text(&ink, &[])], [number, number]);
        }
        let ink = drawn(&[(&[minus], 60.0), (SEVEN, 130.0), (ZERO, 240.0)]);
        assert_eq!([text(&ink), image_text(&ink, &[])], ["-70", "-70"]);
    }

    const PLUS: &[Line] = &[&[(0.2, 0.3), (0.2, 0.7)], &[(0.0, 0.5), (0.4, 0.5)]];
    const TIMES: &[Line] = &[&[(0.0, 0.3), (0.4, 0.7)], &[(0.4, 0.3), (0.0, 0.7)]];
    const DIVIDE: &[Line] = &[
        &[(0.0, 0.5), (0.45, 0.5)],
        &[(0.22, 0.3), (0.23, 0.31)],
        &[(0.22, 0.7), (0.23, 0.71)],
    ];
    const COLON: &[Line] = &[&[(0.1, 0.3), (0.11, 0.31)], &[(0.1, 0.7), (0.11, 0.71)]];
    const EQUALS: &[Line] = &[&[(0.0, 0.4), (0.4, 0.4)], &[(0.0, 0.6), (0.4, 0.6)]];

    #[test]
    fn rows_of_arithmetic_are_read() {
        let minus: &[Line] = &[&[(0.0, 0.5), (0.35, 0.5)]];
        for (sign, symbol) in [(PLUS, '+'), (minus, '-'), (TIMES, '×'), (DIVIDE, '÷'), (COLON, '÷')] {
            let row = drawn(&[(SEVEN, 30.0), (sign, 150.0), (FOUR, 240.0), (EQUALS, 360.0)]);
            let expected = format!("7{symbol}4=");
            assert_eq!(text(&row), expected);
            assert_eq!(image_text(&row, &[]), expected);
            let row = drawn(&[
                (SEVEN, 10.0),
                (sign, 110.0),
                (FOUR, 190.0),
                (EQUALS, 300.0),
                (FIVE, 380.0),
            ]);
            assert_eq!(text(&row), format!("7{symbol}4=5"));
        }
    }

    #[test]
    fn signs_alone_are_read() {
        let minus: &[Line] = &[&[(0.0, 0.5), (0.5, 0.5)]];
        for (sign, symbol) in [
            (PLUS, "+"),
            (minus, "-"),
            (TIMES, "×"),
            (DIVIDE, "÷"),
            (COLON, "÷"),
            (EQUALS, "="),
        ] {
            let ink = drawn(&[(sign, 200.0)]);
            assert_eq!([text(&ink), image_text(&ink, &[])], [symbol, symbol]);
        }
    }

    #[test]
    fn a_slash_divides_only_in_an_equation_where_no_one_leans_so_far() {
        let slash: &[Line] = &[&[(0.5, 0.0), (0.0, 1.0)]];
        let equation = |one: &'static [Line]| {
            drawn(&[
                (one, 30.0),
                (FOUR, 100.0),
                (slash, 200.0),
                (SEVEN, 290.0),
                (EQUALS, 390.0),
            ])
        };
        assert_eq!(text(&equation(ONE)), "14÷7=");
        assert_eq!(text(&drawn(&[(FOUR, 100.0), (slash, 200.0), (SEVEN, 290.0)])), "417");
        assert_eq!(text(&equation(slash)), "1417=");
    }

    #[test]
    fn a_four_is_no_plus() {
        let crossed: &[Line] = &[
            &[(0.3, 0.0), (0.0, 0.6)],
            &[(0.0, 0.6), (0.6, 0.6)],
            &[(0.4, 0.3), (0.4, 1.0)],
        ];
        for four in [FOUR, crossed] {
            assert_eq!(text(&drawn(&[(four, 200.0)])), "4");
            assert_eq!(text(&drawn(&[(four, 100.0), (PLUS, 230.0), (four, 330.0)])), "4+4");
        }
        assert_eq!([PLUS, TIMES].map(|sign| text(&drawn(&[(sign, 200.0)]))), ["+", "×"]);
    }

    #[test]
    fn the_boxes_of_a_form_are_no_digits() {
        let ink = drawn(&[(FIVE, 60.0), (SEVEN, 240.0)]);
        // In units of 120, from (0, 100) on; each side alone, since the corners of a stroke are smoothed.
        let [top, bottom]: [Line; 2] = [&[(0.3, -0.3), (3.3, -0.3)], &[(0.3, 1.3), (3.3, 1.3)]];
        let [left, middle, right]: [Line; 3] = [
            &[(0.3, -0.3), (0.3, 1.3)],
            &[(1.8, -0.3), (1.8, 1.3)],
            &[(3.3, -0.3), (3.3, 1.3)],
        ];
        assert_eq!(image_text(&ink, &[top, bottom, left, middle, right]), "57");
    }

    #[test]
    fn plain_strokes_and_taps_are_not_cut() {
        let dash: Line = &[(0.0, 0.5), (0.5, 0.51), (1.5, 0.5)];
        let tap: Line = &[(0.0, 0.0), (0.02, 0.001), (0.003, 0.0), (0.015, 0.002)];
        for line in [dash, tap] {
            let digits = segment_ink(&drawn(&[(&[line], 200.0)]), &mut Recognizer::embedded().unwrap());
            assert_eq!(digits.len(), 1);
        }
    }

    #[test]
    fn one_stroke_may_be_two_digits() {
        let joined: Line = &[
            (0.3, 0.0),
            (0.3, 1.0),
            (0.9, 0.5),
            (1.0, 0.86),
            (1.23, 1.0),
            (1.46, 0.86),
            (1.56, 0.5),
            (1.46, 0.14),
            (1.23, 0.0),
            (1.0, 0.14),
            (0.9, 0.5),
        ];
        let digits = segment_ink(&drawn(&[(&[joined], 100.0)]), &mut Recognizer::embedded().unwrap());
        assert_eq!(number(digits.iter().map(|digit| &digit.prediction)), "10");
    }

    #[test]
    fn specks_are_no_digits() {
        assert_eq!(read(&Ink::new()), ["", ""]);
        let speck: Line = &[(0.0, 0.0), (0.02, 0.03)];
        let specked = drawn(&[(&[speck], 20.0), (SEVEN, 150.0), (&[speck], 400.0), (ONE, 450.0)]);
        // What was drawn is never dropped; in an image, it is dust.
        assert_eq!([text(&specked), image_text(&specked, &[])], ["?7?1", "71"]);
        // A dot alone is a digit.
        let dot = drawn(&[(&[&[(0.0, 0.0)]], 300.0)]);
        assert_eq!(read(&dot).map(|number| number.len()), [1, 1]);
    }

    #[test]
    fn a_speck_that_is_a_taught_sign_is_read() {
        let speck: Line = &[(0.0, 0.0), (0.02, 0.03)];
        let specked = drawn(&[(SEVEN, 150.0), (&[speck], 400.0)]);
        for (probability, expected) in [(0.99, None), (0.6, Some(Mark::Unknown))] {
            let mut classifier = |_: &_| Prediction {
                probabilities: [0.0; 10],
                signs: vec![SignProbability {
                    name: SignName::new("dot").unwrap(),
                    probability,
                }],
                known: probability > 0.95,
                microseconds: 0.0,
            };
            let found = segment_ink(&specked, &mut classifier);
            let last = found.last().unwrap();
            assert_eq!((last.mark, last.prediction.known), (expected, expected.is_none()));
        }
    }

    #[test]
    fn a_scribble_of_many_strokes_stays_whole() {
        let tick: &[Line] = &[&[(0.0, 0.0), (0.02, 1.0)]];
        let fence: Vec<(&[Line], f32)> = (0..200).map(|i| (tick, 2.0 * i as f32)).collect();
        assert_eq!(
            segment_ink(&drawn(&fence), &mut Recognizer::embedded().unwrap()).len(),
            1
        );
    }

    /// MNIST digits in a row, with `gap` columns between their ink.
    fn row(digits: &Dataset, indices: &[usize], gap: usize) -> GrayImage {
        let mut row = GrayImage::blank(indices.len() * (28 + gap), 28);
        let mut left = 0;
        for &index in indices {
            let digit = GrayImage::new(28, 28, digits.image(index).to_vec());
            let has_ink = |x: &usize| (0..28).any(|y| digit.row(y)[*x] > 0);
            let first = (0..28).find(has_ink).unwrap();
            let last = (0..28).rfind(has_ink).unwrap();
            row.paste(&digit.cropped(first, 0, last + 1 - first, 28), left, 0);
            left += last + 1 - first + gap;
        }
        row
    }

    #[test]
    fn numbers_of_mnist_digits_are_recognized() {
        let digits = Mnist::embedded_split(Split::Test).unwrap();
        let mut classifier = Recognizer::embedded().unwrap();
        for (gap, floor) in [(0, 140), (4, 192)] {
            let mut correct = 0;
            for first in 0..200 {
                let indices: Vec<usize> = (0..3).map(|k| first + 200 * k).collect();
                let expected: String = indices.iter().map(|&i| digits.label(i).to_string()).collect();
                let found = segment_image(&row(&digits, &indices, gap), &mut classifier);
                correct += usize::from(number(found.iter().map(|digit| &digit.prediction)) == expected);
            }
            assert!(correct >= floor, "{correct} of 200 with a gap of {gap}");
        }
    }
}
