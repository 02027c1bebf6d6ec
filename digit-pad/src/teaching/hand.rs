//! The user's hand: for each digit, the most typical of the examples, and what is most peculiar about all of them.

use crate::{
    drawing::strokes::Ink,
    recognition::{measures::Measures, model::DIGITS, normalization::Gray28, twins::blurred},
    teaching::{
        examples::Examples,
        peculiarity::{Remark, remark},
    },
};

/// How the user writes a digit.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnDigit {
    /// The network input of the example that is nearest to the mean of all, or of the newest of these.
    pub pixels: Gray28,
    /// Its strokes, if it was drawn.
    pub ink: Option<Ink>,
    /// Number of examples.
    pub count: usize,
    /// What is most peculiar about them.
    pub remark: Remark,
}

/// An example as it is compared with others of its digit.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// The network input.
    pub pixels: Gray28,
    /// Its strokes, if it was drawn.
    pub ink: Option<Ink>,
}

/// How the user writes the ten digits; `None` for a digit without an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hand(pub [Option<OwnDigit>; DIGITS]);

impl Hand {
    /// The hand that has written these specimens, each with its digit, the newest last.
    pub fn of(specimens: impl IntoIterator<Item = (u8, Specimen)>) -> Self {
        let mut by_digit: [Vec<Specimen>; DIGITS] = Default::default();
        for (digit, specimen) in specimens {
            if let Some(of_digit) = by_digit.get_mut(usize::from(digit)) {
                of_digit.push(specimen);
            }
        }
        let own = |digit: usize| own_digit(digit as u8, &by_digit[digit]);
        Hand(std::array::from_fn(own))
    }

    /// The hand of the user's examples.
    pub fn of_examples(examples: &Examples) -> Self {
        Hand::of(examples.iter().filter_map(|example| {
            let specimen = Specimen {
                pixels: example.image(),
                ink: example.ink().cloned(),
            };
            Some((example.digit()?, specimen))
        }))
    }

    /// Whether there is no example of any digit.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The digits that there are, each with the network input of its example.
    pub fn pixels(&self) -> Vec<(u8, Gray28)> {
        let digits = (0..).zip(&self.0);
        digits
            .filter_map(|(digit, own)| Some((digit, own.as_ref()?.pixels)))
            .collect()
    }
}

fn own_digit(digit: u8, specimens: &[Specimen]) -> Option<OwnDigit> {
    let typical = &specimens[most_typical(specimens)?];
    let measures: Vec<Measures> = specimens
        .iter()
        .map(|specimen| Measures::of(&specimen.pixels))
        .collect();
    Some(OwnDigit {
        pixels: typical.pixels,
        ink: typical.ink.clone(),
        count: specimens.len(),
        remark: remark(digit, &measures),
    })
}

/// The place of the specimen that is nearest to the mean; of equals, the newest.
fn most_typical(specimens: &[Specimen]) -> Option<usize> {
    let images: Vec<_> = specimens.iter().map(|specimen| blurred(&specimen.pixels)).collect();
    let mut mean = vec![0.0; specimens.first()?.pixels.len()];
    for image in &images {
        mean.iter_mut().zip(image.iter()).for_each(|(sum, value)| *sum += value);
    }
    // Two of them are as near as each other but for rounding.
    let likeness = |image: &[f32]| -> f32 {
        let product: f32 = image.iter().zip(&mean).map(|(a, b)| a * b).sum();
        (product / images.len() as f32 * 1e4).round()
    };
    let likeness: Vec<f32> = images.iter().map(|image| likeness(&image[..])).collect();
    (0..images.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]).then(a.cmp(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drawing::file::Drawing, recognition::example::Example};

    fn example(label: u8, strokes: &str) -> Example {
        let ink = Drawing::from_json(&format!("{{\"strokes\":{strokes}}}")).unwrap().ink;
        Example::new(label, ink).unwrap()
    }

    fn one(top: f32) -> Example {
        example(1, &format!("[[[{top},0],[50,50],[50,120]]]"))
    }

    #[test]
    fn the_most_typical_example_stands_for_a_digit_and_of_two_the_newest() {
        let hand = |examples: &[Example]| Hand::of_examples(&examples.iter().cloned().collect());
        let [straight, usual, bent] = [50.0, 44.0, 0.0].map(one);
        let two = hand(&[straight.clone(), usual.clone()]);
        assert_eq!(two.0[1].as_ref().unwrap().ink.as_ref(), usual.ink());
        let three = hand(&[bent, usual.clone(), straight]);
        let own = three.0[1].as_ref().unwrap();
        assert_eq!((own.ink.as_ref(), own.count), (usual.ink(), 3));
        assert_eq!(own.pixels, usual.image());
        assert_eq!(three.pixels(), [(1, usual.image())]);
    }

    #[test]
    fn digits_without_examples_are_missing_and_signs_are_no_digits() {
        assert!(Hand::default().is_empty() && Hand::of_examples(&Examples::new()).is_empty());
        let sign = crate::drawing::sign::SignName::new("pi").unwrap();
        let sign = Example::new(sign, one(3.0).input().clone()).unwrap();
        let seven = example(7, "[[[0,0],[80,0],[40,120]]]");
        let examples: Examples = [sign, seven].into_iter().collect();
        let hand = Hand::of_examples(&examples);
        assert!(!hand.is_empty());
        let there: Vec<bool> = hand.0.iter().map(Option::is_some).collect();
        assert_eq!(there, (0..10).map(|digit| digit == 7).collect::<Vec<_>>());
    }

    #[test]
    fn an_example_of_pixels_has_no_ink() {
        let example = Example::new(1, one(50.0).image()).unwrap();
        let hand = Hand::of_examples(&[example].into_iter().collect());
        let own = hand.0[1].as_ref().unwrap();
        assert!(own.ink.is_none() && own.pixels == one(50.0).image());
    }
}
