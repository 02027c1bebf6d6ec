//! Comparisons that cannot pass by accident: NaN, infinities, wrong lengths and wrong signs are failures.

use std::fmt;

/// The allowed difference from an expected value: `absolute + relative·|expected|`, or `absolute` alone if the signs
/// differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Allowed for any value.
    pub absolute: f64,
    /// Allowed in proportion to the value.
    pub relative: f64,
}

/// Why values are not close.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The number of values is wrong.
    Length {
        /// The number of values.
        actual: usize,
        /// The expected number of values.
        expected: usize,
    },
    /// Values differ by more than is allowed.
    Values {
        /// Index of the worst value.
        index: usize,
        /// The worst value.
        actual: f64,
        /// The expected value at this index.
        expected: f64,
        /// The allowed difference at this index.
        allowed: f64,
        /// The number of wrong values.
        wrong: usize,
        /// The number of values.
        count: usize,
    },
    /// Zeros would pass too, so the comparison proves nothing.
    Vacuous {
        /// The tolerance that is too large for the values.
        tolerance: Tolerance,
        /// The largest value expected.
        largest: f64,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { actual, expected } => write!(f, "{actual} values where {expected} are expected"),
            Self::Values {
                index,
                actual,
                expected,
                allowed,
                wrong,
                count,
            } => write!(
                f,
                "{wrong} of {count} values are wrong, worst at {index}: {actual:e} where {expected:e} ± {allowed:e} is \
                 expected"
            ),
            Self::Vacuous { tolerance, largest } => write!(
                f,
                "no value expected is above {largest:e}: with {tolerance:?}, zeros would pass too"
            ),
        }
    }
}

/// Checks that all values are finite and close to the expected ones.
///
/// # Errors
/// If a value is not, or the lengths differ, or zeros would pass where nonzero values are expected.
pub fn compare<A, E>(actual: &[A], expected: &[E], tolerance: Tolerance) -> Result<(), Mismatch>
where
    A: Copy + Into<f64>,
    E: Copy + Into<f64>,
{
    let expected: Vec<f64> = expected.iter().copied().map(Into::into).collect();
    each(actual, &expected, |index, actual| {
        (tolerance.excess(actual, expected[index]), tolerance.at(expected[index]))
    })?;
    let largest = expected.iter().fold(0.0, |largest, value| value.abs().max(largest));
    if largest > 0.0 && largest <= tolerance.at(largest) {
        return Err(Mismatch::Vacuous { tolerance, largest });
    }
    Ok(())
}

/// Checks that each value is within its own distance of the expected one; an expected NaN or infinity must be matched.
///
/// # Errors
/// If a value is not, or the lengths differ.
pub fn compare_ieee(actual: &[f32], expected: &[f64], allowed: &[f64]) -> Result<(), Mismatch> {
    assert_eq!(expected.len(), allowed.len(), "one distance a value");
    each(actual, expected, |index, actual| {
        let (expected, absolute) = (expected[index], allowed[index]);
        let same = (actual.is_nan() && expected.is_nan()) || actual == expected;
        let tolerance = Tolerance {
            absolute,
            relative: 0.0,
        };
        let excess = if same { 0.0 } else { tolerance.excess(actual, expected) };
        (excess, absolute)
    })
}

/// [`compare`], as an assertion about `what`.
///
/// # Panics
/// If the values are not close.
#[track_caller]
pub fn assert_close<A, E>(what: impl fmt::Display, actual: &[A], expected: &[E], tolerance: Tolerance)
where
    A: Copy + Into<f64>,
    E: Copy + Into<f64>,
{
    if let Err(mismatch) = compare(actual, expected, tolerance) {
        panic!("{what}: {mismatch}");
    }
}

/// Asserts that two slices hold the same bits: NaNs must have the same payload, and 0 differs from -0.
///
/// # Panics
/// If the bits differ.
#[track_caller]
pub fn assert_same_bits(what: impl fmt::Display, actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len(), "{what}: lengths");
    let differs = |(index, (a, b)): (usize, (&f32, &f32))| (a.to_bits() != b.to_bits()).then_some((index, *a, *b));
    if let Some((index, actual, expected)) = actual.iter().zip(expected).enumerate().find_map(differs) {
        panic!("{what}: the bits differ, first at {index}: {actual:?} where {expected:?} is expected");
    }
}

impl Tolerance {
    /// A tolerance.
    ///
    /// # Panics
    /// If a part is negative or not finite, or `relative` is not below 1.
    #[must_use]
    pub fn new(absolute: f64, relative: f64) -> Self {
        let is_valid = absolute.is_finite() && absolute >= 0.0 && (0.0..1.0).contains(&relative);
        assert!(is_valid, "absolute {absolute}, relative {relative}");
        Self { absolute, relative }
    }

    fn at(self, expected: f64) -> f64 {
        self.absolute + self.relative * expected.abs()
    }

    /// The difference as a multiple of the allowed one; infinite if a value is not finite.
    fn excess(self, actual: f64, expected: f64) -> f64 {
        let difference = (actual - expected).abs();
        if !actual.is_finite() || !expected.is_finite() {
            return f64::INFINITY;
        }
        if difference == 0.0 {
            return 0.0;
        }
        let opposite = actual * expected < 0.0;
        difference / if opposite { self.absolute } else { self.at(expected) }
    }
}

/// Finds the worst value; `judge` returns the excess and the allowed difference of the value at an index.
fn each<A: Copy + Into<f64>>(
    actual: &[A],
    expected: &[f64],
    judge: impl Fn(usize, f64) -> (f64, f64),
) -> Result<(), Mismatch> {
    if actual.len() != expected.len() {
        return Err(Mismatch::Length {
            actual: actual.len(),
            expected: expected.len(),
        });
    }
    let judged = actual.iter().enumerate().map(|(index, &actual)| {
        let (excess, allowed) = judge(index, actual.into());
        // A NaN must not pass as a small number.
        (index, if excess.is_nan() { f64::INFINITY } else { excess }, allowed)
    });
    let wrong: Vec<_> = judged.filter(|&(_, excess, _)| excess > 1.0).collect();
    let Some(&(index, _, allowed)) = wrong.iter().min_by(|a, b| b.1.total_cmp(&a.1)) else {
        return Ok(());
    };
    Err(Mismatch::Values {
        index,
        actual: actual[index].into(),
        expected: expected[index],
        allowed,
        wrong: wrong.len(),
        count: actual.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: Tolerance = Tolerance {
        absolute: 1e-3,
        relative: 1e-2,
    };

    /// The index of the worst value, or `None` if the slices are close.
    fn worst(actual: &[f32], expected: &[f32]) -> Option<usize> {
        match compare(actual, expected, LOOSE) {
            Ok(()) => None,
            Err(Mismatch::Values { index, .. }) => Some(index),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn close_values_pass() {
        for (actual, expected) in [(1.0, 1.0), (1.005, 1.0), (-1.005, -1.0), (1.0, 1.005), (5e-4, 0.0)] {
            assert_eq!(worst(&[1.0, actual], &[1.0, expected]), None, "{actual} for {expected}");
        }
        assert_eq!(compare::<f32, f32>(&[], &[], LOOSE), Ok(()));
        assert_eq!(compare(&[0.0f32], &[0.0f64], LOOSE), Ok(()));
    }

    #[test]
    fn nan_and_infinity_fail_on_either_side_and_on_both() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for other in [1.0, 0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert_eq!(worst(&[1.0, bad], &[1.0, other]), Some(1), "{bad} for {other}");
                assert_eq!(worst(&[1.0, other], &[1.0, bad]), Some(1), "{other} for {bad}");
            }
        }
    }

    #[test]
    fn a_different_length_fails() {
        for (actual, expected) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
            let outcome = compare(&vec![1.0f32; actual], &vec![1.0f32; expected], LOOSE);
            assert_eq!(outcome, Err(Mismatch::Length { actual, expected }));
        }
    }

    #[test]
    fn the_wrong_sign_fails() {
        assert_eq!(worst(&[1.0, -1.0], &[1.0, 1.0]), Some(1));
        assert_eq!(worst(&[1.0, 1.0], &[1.0, -1.0]), Some(1));
        // The relative tolerance never allows another sign.
        let wide = Tolerance::new(0.1, 0.9);
        assert_eq!(compare(&[0.01, 2.0], &[0.2, 2.0], wide), Ok(()));
        assert!(compare(&[-0.01, 2.0], &[0.2, 2.0], wide).is_err());
        let flipped: Vec<f32> = (1..9).map(|i| i as f32 * -0.01).collect();
        let expected: Vec<f32> = flipped.iter().map(|value| -value).collect();
        assert!(compare(&flipped, &expected, LOOSE).is_err());
    }

    #[test]
    fn a_difference_just_beyond_the_tolerance_fails() {
        let tolerance = Tolerance::new(0.5, 0.25);
        assert_eq!(compare(&[2.5], &[4.0], tolerance), Ok(()));
        assert!(compare(&[2.499], &[4.0], tolerance).is_err());
        assert_eq!(compare(&[5.5], &[4.0], tolerance), Ok(()));
        assert!(compare(&[5.501], &[4.0], tolerance).is_err());
        let exact = Tolerance::new(0.0, 0.0);
        assert_eq!(compare(&[4.0], &[4.0], exact), Ok(()));
        assert!(compare(&[0.0, 4.0], &[f64::MIN_POSITIVE, 4.0], exact).is_err());
    }

    #[test]
    fn a_tolerance_that_zeros_would_pass_fails() {
        let outcome = compare(&[0.0, 0.0], &[1e-4, -1e-4], LOOSE);
        assert!(matches!(outcome, Err(Mismatch::Vacuous { .. })), "{outcome:?}");
        let outcome = compare(&[1e-4, -1e-4], &[1e-4, -1e-4], LOOSE);
        assert!(matches!(outcome, Err(Mismatch::Vacuous { .. })), "{outcome:?}");
    }

    #[test]
    fn the_worst_is_found_and_all_are_counted() {
        let outcome = compare(&[1.0, 1.1, 5.0, 3.0, 1.0], &[1.0; 5], LOOSE);
        let Err(mismatch) = outcome else { panic!("{outcome:?}") };
        assert!(matches!(
            mismatch,
            Mismatch::Values {
                index: 2,
                wrong: 3,
                count: 5,
                ..
            }
        ));
        let text = mismatch.to_string();
        assert!(text.contains("3 of 5") && text.contains("worst at 2: 5e0"), "{text}");
        assert_eq!(
            worst(&[9.0, f32::NAN, 9.0], &[1.0; 3]),
            Some(1),
            "NaN is worse than any number"
        );
    }

    #[test]
    fn expected_nan_and_infinity_must_be_matched() {
        let values = [1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        for (at, actual) in values.into_iter().enumerate() {
            for (wanted, expected) in values.into_iter().enumerate() {
                let outcome = compare_ieee(&[actual], &[f64::from(expected)], &[0.5]);
                assert_eq!(outcome.is_ok(), at == wanted, "{actual} for {expected}");
            }
        }
        assert!(compare_ieee(&[1.0, 1.0], &[1.0], &[0.5]).is_err());
        assert!(compare_ieee(&[1.6], &[1.0], &[0.5]).is_err());
        assert!(compare_ieee(&[1.0], &[1.25], &[f64::NAN]).is_err());
    }

    #[test]
    fn bits_distinguish_zeros_and_nans() {
        let fails = |a: &[f32], b: &[f32]| std::panic::catch_unwind(|| assert_same_bits("bits", a, b)).is_err();
        assert!(!fails(&[1.0, f32::NAN, -0.0], &[1.0, f32::NAN, -0.0]));
        assert!(fails(&[0.0], &[-0.0]));
        assert!(fails(&[f32::NAN], &[-f32::NAN]));
        assert!(fails(&[1.0], &[1.0, 2.0]));
        assert!(fails(&[1.0], &[1.0 + f32::EPSILON]));
    }

    #[test]
    fn the_assertion_says_what_and_where() {
        let panic = std::panic::catch_unwind(|| assert_close("the product", &[1.0f32], &[2.0f32], LOOSE)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.starts_with("the product: 1 of 1 values"), "{text}");
    }

    #[test]
    fn invalid_tolerances_are_refused() {
        for (absolute, relative) in [
            (f64::NAN, 0.0),
            (-1.0, 0.0),
            (f64::INFINITY, 0.0),
            (0.0, 1.0),
            (0.0, f64::NAN),
        ] {
            assert!(std::panic::catch_unwind(|| Tolerance::new(absolute, relative)).is_err());
        }
    }
}
