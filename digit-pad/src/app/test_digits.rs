//! Test digits of MNIST to place on the canvas: one of a place, or the next one that a network misclassifies.

use mnist_io::Dataset;

use crate::{
    app::message::TestDigit,
    imaging::gray_image::GrayImage,
    recognition::{
        normalization::{SIDE, normalize},
        prediction::Classifier,
    },
};

/// The digit of a place; places past the last one begin again.
pub(super) fn digit(set: &Dataset, index: usize) -> TestDigit {
    let index = index % set.len();
    TestDigit {
        index,
        label: set.label(index) as u8,
        image: GrayImage::new(SIDE, SIDE, set.image(index).to_vec()),
    }
}

/// The first digit after the last one that `classifier` gets wrong.
pub(super) fn misclassified(set: &Dataset, last: usize, classifier: &mut impl Classifier) -> Option<TestDigit> {
    let digits = (1..=set.len()).map(|step| digit(set, last % set.len() + step));
    let mut wrong = digits.filter(|digit| {
        let predicted = normalize(&digit.image).map(|pixels| classifier.classify(&pixels).digit());
        predicted != Some(digit.label)
    });
    wrong.next()
}

#[cfg(test)]
mod tests {
    use mnist_io::{ImageShape, Split};

    use super::*;
    use crate::{recognition::model::Model, recognition::recognizer::ReadyModel, training::embedded};

    #[test]
    fn the_search_begins_again_after_the_last_digit() {
        let set = embedded::split(Split::Test).unwrap();
        assert_eq!(digit(&set, set.len() + 5), digit(&set, 5));
        let mut ready = ReadyModel::new(Model::embedded().unwrap()).unwrap();
        let first = misclassified(&set, set.len() - 1, &mut ready.recognizer).unwrap();
        let second = misclassified(&set, first.index, &mut ready.recognizer).unwrap();
        assert!(first.index < second.index && second.index < set.len());
        let blank = Dataset::new(vec![0; 784], vec![3], ImageShape::gray(28, 28).unwrap()).unwrap();
        assert_eq!(misclassified(&blank, 7, &mut ready.recognizer).unwrap().label, 3);
    }
}
