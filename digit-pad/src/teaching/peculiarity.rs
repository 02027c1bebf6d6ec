//! What is most peculiar about a digit, in a sentence with a figure: how many of MNIST's are less so.

use std::fmt;

use crate::recognition::{
    measures::{Measure, Measures},
    mnist_measures::DigitMeasures,
    parts::Part,
};

/// What more than this share of MNIST's digits have is not peculiar.
const RARE: f32 = 0.2;

/// What one sees at once, a loop or a bar, counts as if so many times as many had it.
const STRIKING: f32 = 0.5;

/// A lean of fewer degrees is upright.
const UPRIGHT: f32 = 1.5;

const PLURALS: [&str; 10] = [
    "zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines",
];

/// A sentence in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is: "Leans 14° to the right".
    pub title: String,
    /// How many of MNIST's digits are so: "more than 93 of 100 sevens".
    pub detail: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

/// What is most peculiar about the examples of a digit, of which there is at least one: the mean of each measure is
/// compared with MNIST's training images of that digit, and what most examples have with how many of these have it.
pub fn remark(digit: u8, examples: &[Measures]) -> Remark {
    let mnist = DigitMeasures::embedded(digit);
    let parts = parts(digit, examples);
    let of_numbers = Measure::ALL
        .into_iter()
        .filter(|&measure| counts(measure, digit, &parts));
    let remarks = of_numbers.map(|measure| number(digit, measure, mean(examples, measure), mnist));
    let loops = loops(digit, examples, mnist).filter(|_| !parts.iter().any(|&part| tells_of_loops(part)));
    let parts = parts.iter().map(|&part| of_part(part, mnist));
    let seen = parts.chain(loops).map(|(share, remark)| (STRIKING * share, remark));
    let rarest = remarks.chain(seen).min_by(|a, b| a.0.total_cmp(&b.0));
    rarest
        .filter(|(share, _)| *share < RARE)
        .map_or_else(usual, |(_, remark)| remark)
}

/// The parts that most examples of a digit have.
fn parts(digit: u8, examples: &[Measures]) -> Vec<Part> {
    let have = |part| examples.iter().filter(|measures| measures.parts.has(part)).count();
    let of_digit = Part::ALL.into_iter().filter(|part| part.digit() == digit);
    of_digit.filter(|&part| 2 * have(part) > examples.len()).collect()
}

/// Whether a measure says something of a digit: the corners of a leaning line are all of it, and its flag and its foot make a
/// 1 wide, or heavy at the top or foot.
fn counts(measure: Measure, digit: u8, parts: &[Part]) -> bool {
    match (digit, measure) {
        (1, Measure::Corners) => false,
        (1, Measure::Width | Measure::Balance) => parts.is_empty(),
        _ => true,
    }
}

/// Whether a part says why a digit has as many loops as it has.
fn tells_of_loops(part: Part) -> bool {
    matches!(part, Part::Slash | Part::LowLoop | Part::OpenTop)
}

fn usual() -> Remark {
    Remark {
        title: "Much like MNIST's".to_owned(),
        detail: "nothing stands out".to_owned(),
    }
}

fn mean(examples: &[Measures], measure: Measure) -> f32 {
    examples.iter().map(|measures| measures.value(measure)).sum::<f32>() / examples.len().max(1) as f32
}

/// A remark on a measure, and the share of MNIST's digits that are as far out.
fn number(digit: u8, measure: Measure, value: f32, mnist: &DigitMeasures) -> (f32, Remark) {
    let below = mnist.share_below(measure, value);
    let is_high = below > 0.5;
    let title = match (measure, is_high) {
        (Measure::Slant, _) if value.abs() < UPRIGHT => "Stands upright".to_owned(),
        (Measure::Slant, _) => format!(
            "Leans {:.0}° to the {}",
            value.abs(),
            if value > 0.0 { "right" } else { "left" }
        ),
        (Measure::Width, true) => "Wide".to_owned(),
        (Measure::Width, false) => "Narrow".to_owned(),
        (Measure::Balance, true) => "Heavy at the top".to_owned(),
        (Measure::Balance, false) => "Heavy at the foot".to_owned(),
        (Measure::Corners, true) => "Angular".to_owned(),
        (Measure::Corners, false) => "Round".to_owned(),
    };
    let beaten = if is_high { below } else { 1.0 - below };
    let comparative = match (measure, is_high) {
        (Measure::Slant, _) if value.abs() < UPRIGHT => format!("further {}", if is_high { "right" } else { "left" }),
        // A lean to the left is more of a lean where it is less of one to the right.
        (Measure::Slant, _) => if (value > 0.0) == is_high { "more" } else { "less" }.to_owned(),
        (Measure::Width, true) => "wider".to_owned(),
        (Measure::Width, false) => "narrower".to_owned(),
        (Measure::Corners, false) => "rounder".to_owned(),
        _ => "more".to_owned(),
    };
    let detail = format!(
        "{comparative} than {} of 100 {}",
        hundredths(beaten),
        PLURALS[usize::from(digit)]
    );
    (1.0 - beaten, Remark { title, detail })
}

/// A share in hundredths that is neither none nor all.
fn hundredths(share: f32) -> u32 {
    ((100.0 * share).floor() as u32).clamp(1, 99)
}

/// A remark on the loops that most examples have. Nothing is said to be open that the pen may have filled; of a 4, only that
/// is said to be open which is seen to be so at the top.
fn loops(digit: u8, examples: &[Measures], mnist: &DigitMeasures) -> Option<(f32, Remark)> {
    let of = |measures: &Measures| measures.parts.loops.min(3);
    let count = (0..=3).max_by_key(|&count| {
        let as_many = examples.iter().filter(|measures| of(measures) == count);
        (as_many.count(), std::cmp::Reverse(count))
    })?;
    let may_be_filled = |measures: &Measures| measures.parts.loops == 0 && measures.parts.may_be_filled;
    if count == 0 && (digit == 4 || examples.iter().any(may_be_filled)) {
        return None;
    }
    let title = match (digit, count) {
        (0, 0) => "Left open",
        (4, 1) => "Closed at the top",
        (6 | 9, 0) => "Its loop is open",
        (_, 0) => "Without a loop",
        (_, 1) if digit == 8 => "With one loop",
        (_, 1) => "With a loop",
        (_, 2) => "With two loops",
        _ => "With three loops",
    };
    let share = mnist.share_with_loops(count);
    Some((share, few(title, share, digit)))
}

/// A remark on a part.
fn of_part(part: Part, mnist: &DigitMeasures) -> (f32, Remark) {
    let title = match part {
        Part::Bar => "With a bar",
        Part::Flag => "With a flag",
        Part::Foot => "With a foot",
        Part::Slash => "With a slash",
        Part::LowLoop => "With a loop at the foot",
        Part::OpenTop => "Open at the top",
    };
    let share = mnist.share_with(part);
    (share, few(title, share, part.digit()))
}

fn few(title: &str, share: f32, digit: u8) -> Remark {
    let plural = PLURALS[usize::from(digit)];
    let detail = match (100.0 * share).round() as u32 {
        0 => format!("as fewer than 1 of 100 {plural}"),
        count @ ..20 => format!("as only {count} of 100 {plural}"),
        count => format!("as {count} of 100 {plural}"),
    };
    Remark {
        title: title.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::parts::Parts;

    /// The measures of a usual digit of MNIST.
    fn usual_of(digit: u8) -> Measures {
        let mnist = DigitMeasures::embedded(digit);
        let middle = |measure| {
            let values = (-1_000..1_000).map(|i| i as f32 / 10.0);
            let wide = values.clone().find(|&value| mnist.share_below(measure, value) >= 0.5);
            let fine = (0..2_000).map(|i| i as f32 / 1_000.0);
            let fine = fine.clone().find(|&value| mnist.share_below(measure, value) >= 0.5);
            if measure == Measure::Slant { wide } else { fine }.unwrap()
        };
        let loops = (0..=3).max_by(|&a, &b| mnist.share_with_loops(a).total_cmp(&mnist.share_with_loops(b)));
        Measures {
            values: Measure::ALL.map(middle),
            parts: Parts {
                loops: loops.unwrap(),
                ..Parts::default()
            },
        }
    }

    fn with(digit: u8, measure: Measure, value: f32) -> Measures {
        let mut measures = usual_of(digit);
        measures.values[measure as usize] = value;
        measures
    }

    #[test]
    fn usual_digits_are_much_like_mnist() {
        for digit in 0..10 {
            let found = remark(digit, &[usual_of(digit)]).to_string();
            assert_eq!(found, "Much like MNIST's: nothing stands out");
        }
    }

    #[test]
    fn what_is_far_out_is_told_with_its_direction() {
        for (digit, measure, value, title, detail) in [
            (
                1,
                Measure::Slant,
                60.0,
                "Leans 60° to the right",
                "more than 99 of 100 ones",
            ),
            (
                1,
                Measure::Slant,
                -60.0,
                "Leans 60° to the left",
                "more than 99 of 100 ones",
            ),
            (0, Measure::Width, 5.0, "Wide", "wider than 99 of 100 zeros"),
            (8, Measure::Width, 0.0, "Narrow", "narrower than 99 of 100 eights"),
            (
                9,
                Measure::Balance,
                1.0,
                "Heavy at the top",
                "more than 99 of 100 nines",
            ),
            (
                6,
                Measure::Balance,
                0.0,
                "Heavy at the foot",
                "more than 99 of 100 sixes",
            ),
            (3, Measure::Corners, 1.0, "Angular", "more than 99 of 100 threes"),
            (5, Measure::Corners, 0.0, "Round", "rounder than 99 of 100 fives"),
        ] {
            let found = remark(digit, &[with(digit, measure, value)]);
            assert_eq!((found.title.as_str(), found.detail.as_str()), (title, detail));
        }
    }

    #[test]
    fn a_lean_that_is_less_than_usual_is_said_to_be_less() {
        let lean = |degrees| number(1, Measure::Slant, degrees, DigitMeasures::embedded(1)).1;
        // Most ones lean to the right.
        let [little, left, none] = [3.0, -3.0, 0.5].map(lean);
        assert_eq!(little.title, "Leans 3° to the right");
        assert!(little.detail.starts_with("less than 7"), "{little}");
        assert_eq!(left.title, "Leans 3° to the left");
        assert!(left.detail.starts_with("more than 8"), "{left}");
        assert_eq!(none.title, "Stands upright");
        assert!(none.detail.starts_with("further left than 7"), "{none}");
    }

    fn with_loops(digit: u8, loops: usize) -> Measures {
        let mut measures = usual_of(digit);
        measures.parts.loops = loops;
        measures
    }

    fn with_part(part: Part) -> Measures {
        let mut measures = usual_of(part.digit());
        measures.parts = measures.parts.with(part);
        measures
    }

    #[test]
    fn loops_count_as_most_examples_have_them() {
        for (digit, loops, title) in [
            (0, 0, "Left open"),
            (0, 2, "With two loops"),
            (4, 1, "Closed at the top"),
            (6, 0, "Its loop is open"),
            (1, 1, "With a loop"),
        ] {
            assert_eq!(remark(digit, &[with_loops(digit, loops)]).title, title);
        }
        let mostly = [with_loops(0, 1), with_loops(0, 0), with_loops(0, 1)];
        assert_eq!(remark(0, &mostly), remark(0, &[usual_of(0)]));
    }

    #[test]
    fn a_loop_that_may_be_filled_is_not_said_to_be_open() {
        for digit in [0, 6, 8, 9] {
            let mut filled = with_loops(digit, 0);
            filled.parts.may_be_filled = true;
            assert_eq!(remark(digit, &[filled]), usual());
        }
    }

    #[test]
    fn parts_are_told_where_most_examples_have_them() {
        for (part, title) in [
            (Part::Bar, "With a bar"),
            (Part::Flag, "With a flag"),
            (Part::Foot, "With a foot"),
            (Part::Slash, "With a slash"),
        ] {
            let digit = part.digit();
            assert_eq!(remark(digit, &[with_part(part)]).title, title);
            let mostly = [with_part(part), usual_of(digit), with_part(part)];
            assert_eq!(remark(digit, &mostly).title, title);
            assert_eq!(remark(digit, &[with_part(part), usual_of(digit)]), usual());
        }
        // So many fours are open at the top, and twos have a loop at the foot, that it is nothing to be told.
        for (part, title) in [
            (Part::OpenTop, "Open at the top"),
            (Part::LowLoop, "With a loop at the foot"),
        ] {
            let (share, told) = of_part(part, DigitMeasures::embedded(part.digit()));
            assert!(told.title == title && share > 0.3, "{share}");
        }
    }

    #[test]
    fn what_has_a_part_is_not_told_by_what_the_part_does_to_it() {
        let mut slashed = with_part(Part::Slash);
        slashed.parts.loops = 2;
        assert_eq!(remark(0, &[slashed]).title, "With a slash");
        let mut footed = with_part(Part::Foot);
        footed.values[Measure::Width as usize] = 5.0;
        footed.values[Measure::Balance as usize] = 0.0;
        assert_eq!(remark(1, &[footed]).title, "With a foot");
    }

    #[test]
    fn the_mean_of_several_examples_counts() {
        let examples = [with(1, Measure::Slant, 70.0), with(1, Measure::Slant, 50.0)];
        assert_eq!(remark(1, &examples).title, "Leans 60° to the right");
    }
}
