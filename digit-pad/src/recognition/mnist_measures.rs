//! How MNIST's digits measure: how many of each digit's training images are below a value, and have a loop or another part.

use std::sync::LazyLock;

use mnist_io::Dataset;
use serde::{Deserialize, Serialize};

use crate::{
    imaging::gray_image::GrayImage,
    recognition::{
        measures::{Measure, Measures},
        model::DIGITS,
        normalization::{SIDE, normalize},
        parts::Part,
    },
};

/// The built-in table, made by `cargo run --release -p digit-pad --example measure_mnist`.
const EMBEDDED: &str = include_str!("../../models/measures.json");

/// Parts into which the quantiles divide the images.
const PARTS: usize = 50;

/// Images with more loops are counted with those of this many.
const MOST_LOOPS: usize = 3;

/// The measures of all images of one digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigitMeasures {
    /// Of each measure, the values below which 0, 2, 4, …, 100 of 100 images are.
    quantiles: Vec<Vec<f32>>,
    /// The share of the images with no loop, one, two, and three or more.
    loops: Vec<f32>,
    /// The share of the images with each part.
    parts: Vec<f32>,
}

impl DigitMeasures {
    /// The built-in measures of a digit, of MNIST's 60,000 training images.
    ///
    /// # Panics
    ///
    /// If `digit` is above 9.
    pub fn embedded(digit: u8) -> &'static DigitMeasures {
        static TABLE: LazyLock<Vec<DigitMeasures>> =
            LazyLock::new(|| serde_json::from_str(EMBEDDED).expect("the embedded table is valid"));
        &TABLE[usize::from(digit)]
    }

    /// Measures all images of a digit in a data set of 28×28 pixels. `None` if there are none.
    pub fn of(set: &Dataset, digit: u8) -> Option<Self> {
        let images = (0..set.len()).filter(|&i| set.label(i) == usize::from(digit));
        let measured = images.filter_map(|i| {
            let image = GrayImage::new(SIDE, SIDE, set.image(i).to_vec());
            Some(Measures::of(&normalize(&image)?))
        });
        let measured: Vec<Measures> = measured.collect();
        if measured.is_empty() {
            return None;
        }
        let share = |is_counted: &dyn Fn(&Measures) -> bool| {
            let counted = measured.iter().filter(|measures| is_counted(measures)).count();
            rounded(counted as f32 / measured.len() as f32)
        };
        Some(DigitMeasures {
            quantiles: Measure::ALL
                .iter()
                .map(|&measure| quantiles(&measured, measure))
                .collect(),
            loops: (0..=MOST_LOOPS)
                .map(|count| share(&|of| of.parts.loops.min(MOST_LOOPS) == count))
                .collect(),
            parts: Part::ALL.map(|part| share(&|of| of.parts.has(part))).to_vec(),
        })
    }

    /// The table of all ten digits, as it is built in. `None` if the data set lacks one.
    pub fn table(set: &Dataset) -> Option<String> {
        let digits: Option<Vec<_>> = (0..DIGITS as u8).map(|digit| DigitMeasures::of(set, digit)).collect();
        let lines: Vec<String> = digits?
            .iter()
            .filter_map(|digit| serde_json::to_string(digit).ok())
            .collect();
        Some(format!("[\n{}\n]\n", lines.join(",\n")))
    }

    /// The share of the images whose measure is less than a value, from 0 to 1.
    pub fn share_below(&self, measure: Measure, value: f32) -> f32 {
        let quantiles = &self.quantiles[measure as usize];
        let below = quantiles.partition_point(|&quantile| quantile < value);
        let up_to = quantiles.partition_point(|&quantile| quantile <= value);
        // Of equal images, half are taken to be below.
        let place = match (below, up_to) {
            (0, 0) => 0.0,
            (below, up_to) if below < up_to => 0.5 * (below + up_to - 1) as f32,
            (below, _) if below == quantiles.len() => PARTS as f32,
            (below, _) => {
                let (from, to) = (quantiles[below - 1], quantiles[below]);
                (below - 1) as f32 + (value - from) / (to - from)
            }
        };
        place / PARTS as f32
    }

    /// The share of the images with so many loops, from 0 to 1.
    pub fn share_with_loops(&self, count: usize) -> f32 {
        self.loops[count.min(MOST_LOOPS)]
    }

    /// The share of the images with a part, from 0 to 1.
    pub fn share_with(&self, part: Part) -> f32 {
        self.parts[part as usize]
    }
}

fn quantiles(measured: &[Measures], measure: Measure) -> Vec<f32> {
    let mut values: Vec<f32> = measured.iter().map(|measures| measures.value(measure)).collect();
    values.sort_by(f32::total_cmp);
    let last = values.len() - 1;
    (0..=PARTS).map(|part| rounded(values[part * last / PARTS])).collect()
}

/// A number with two decimals, or three below 1, so that the table is short and the same on every machine.
fn rounded(value: f32) -> f32 {
    let parts = if value.abs() < 1.0 { 1000.0 } else { 100.0 };
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use mnist_io::{Mnist, Split};

    use super::*;

    #[test]
    fn the_built_in_table_is_that_of_mnist() {
        let set = Mnist::embedded_split(Split::Train).unwrap();
        for digit in [0, 7] {
            let (found, expected) = (DigitMeasures::of(&set, digit).unwrap(), DigitMeasures::embedded(digit));
            let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 0.0015;
            let quantiles = found
                .quantiles
                .iter()
                .flatten()
                .zip(expected.quantiles.iter().flatten());
            assert_eq!(quantiles.filter(|&pair| differs(pair)).count(), 0, "{digit}");
            assert!(!found.loops.iter().zip(&expected.loops).any(differs), "{found:?}");
            assert!(!found.parts.iter().zip(&expected.parts).any(differs), "{found:?}");
        }
    }

    #[test]
    fn the_table_has_every_digit_and_measure() {
        for digit in 0..10 {
            let measures = DigitMeasures::embedded(digit);
            assert_eq!(measures.quantiles.len(), Measure::ALL.len());
            assert!(
                measures
                    .quantiles
                    .iter()
                    .all(|row| row.len() == PARTS + 1 && row.is_sorted())
            );
            let all: f32 = measures.loops.iter().sum();
            let parts = &measures.parts;
            assert!((all - 1.0).abs() < 0.01 && parts.len() == Part::ALL.len());
            assert!(parts.iter().all(|share| (0.0..=1.0).contains(share)));
        }
    }

    #[test]
    fn shares_grow_with_the_value_from_none_to_all() {
        let quantiles = vec![(0..=PARTS).map(|i| (i / 2) as f32).collect(); Measure::ALL.len()];
        let measures = DigitMeasures {
            quantiles,
            loops: vec![0.5, 0.5, 0.0, 0.0],
            parts: vec![0.0; Part::ALL.len()],
        };
        let below = |value| measures.share_below(Measure::Width, value);
        assert_eq!((below(-1.0), below(50.5), below(f32::MAX)), (0.0, 1.0, 1.0));
        let is_at = |value, place: f32| (below(value) - place / PARTS as f32).abs() < 1e-6;
        assert!(
            is_at(12.0, 24.5) && is_at(11.5, 23.5),
            "of equal quantiles, half are below"
        );
        let shares: Vec<f32> = (-3..110).map(|i| below(i as f32 / 2.0)).collect();
        assert!(shares.is_sorted());
        assert_eq!(measures.share_with_loops(9), 0.0);
    }

    #[test]
    fn most_digits_of_mnist_have_the_loops_that_they_should() {
        for (digit, loops) in [(0, 1), (1, 0), (3, 0), (5, 0), (6, 1), (7, 0), (8, 2), (9, 1)] {
            let share = DigitMeasures::embedded(digit).share_with_loops(loops);
            assert!(share > 0.6, "{share} of the {digit}s");
        }
    }

    #[test]
    fn mnists_digits_lean_to_the_right_and_its_sevens_most() {
        let left = |digit| DigitMeasures::embedded(digit).share_below(Measure::Slant, 0.0);
        // By second moments, two thirds of the fours and nines would lean to the left.
        for digit in [0, 1, 2, 4, 5, 6, 7, 8, 9] {
            assert!(left(digit) < 0.45, "{} of the {digit}s", left(digit));
        }
        assert!(left(7) < 0.15);
    }

    #[test]
    fn parts_are_as_frequent_as_one_sees_on_sheets_of_mnist() {
        for (part, from, to) in [
            (Part::Bar, 0.1, 0.16),
            (Part::Flag, 0.01, 0.03),
            (Part::Foot, 0.01, 0.02),
            (Part::Slash, 0.0005, 0.003),
            (Part::LowLoop, 0.3, 0.45),
            (Part::OpenTop, 0.7, 0.9),
        ] {
            let share = DigitMeasures::embedded(part.digit()).share_with(part);
            assert!((from..to).contains(&share), "{share} with {part:?}");
        }
    }
}
