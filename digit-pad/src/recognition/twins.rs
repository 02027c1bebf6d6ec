//! Twins: the training images of MNIST that look most like a digit.

use mnist_io::Dataset;

use crate::recognition::{
    model::DIGITS,
    normalization::{Gray28, PIXELS, SIDE},
};

/// How many twins a digit has.
pub const TWINS: usize = 3;

/// The twins of each digit, the nearest first.
pub type Twins = [Vec<Gray28>; DIGITS];

/// The blur that makes lines that run beside each other similar: a row of Pascal's triangle.
const BLUR: [f32; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];

/// Finds the twins of these digits among the images with their labels, of 28×28 pixels. Images are compared after a blur,
/// and by how their ink is spread, so that the thickness of the pen counts little.
pub fn find_twins(set: &Dataset, digits: &[(u8, Gray28)]) -> Twins {
    let mut found: [Vec<(f32, usize)>; DIGITS] = Default::default();
    let mut wanted: [Option<Box<[f32; PIXELS]>>; DIGITS] = Default::default();
    for (digit, pixels) in digits {
        wanted[usize::from(*digit)] = Some(blurred(pixels));
    }
    for i in 0..set.len() {
        let label = set.label(i);
        let Some(wanted) = wanted.get(label).and_then(Option::as_ref) else {
            continue;
        };
        if let Ok(image) = set.image(i).try_into() {
            let likeness = blurred(image).iter().zip(wanted.iter()).map(|(a, b)| a * b).sum();
            keep(&mut found[label], likeness, i);
        }
    }
    found.map(|nearest| {
        let images = nearest.into_iter().filter_map(|(_, i)| set.image(i).try_into().ok());
        images.collect()
    })
}

/// Keeps an image among the nearest ones; of equal ones, the first.
fn keep(nearest: &mut Vec<(f32, usize)>, likeness: f32, image: usize) {
    let place = nearest.partition_point(|&(other, _)| other >= likeness);
    if place < TWINS {
        nearest.insert(place, (likeness, image));
        nearest.truncate(TWINS);
    }
}

/// A blurred image of length 1, so that the product of two is at most 1.
pub(crate) fn blurred(pixels: &Gray28) -> Box<[f32; PIXELS]> {
    let mut values: Box<[f32; PIXELS]> = Box::new(pixels.map(f32::from));
    for step in [1, SIDE] {
        let from = values.clone();
        for (i, value) in values.iter_mut().enumerate() {
            let at = i / step % SIDE;
            *value = (0..BLUR.len())
                .filter(|&tap| (2..SIDE + 2).contains(&(at + tap)))
                .map(|tap| BLUR[tap] * from[i + tap * step - 2 * step])
                .sum();
        }
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values
        .iter_mut()
        .for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
    values
}

#[cfg(test)]
mod tests {
    use mnist_io::{ImageShape, Mnist, Split};

    use super::*;

    #[test]
    fn the_nearest_twin_of_an_image_of_the_set_is_that_image() {
        let set = Mnist::embedded_split(Split::Test).unwrap();
        let digits: Vec<(u8, Gray28)> = [3, 77, 500]
            .map(|i| (set.label(i) as u8, set.image(i).try_into().unwrap()))
            .into();
        let twins = find_twins(&set, &digits);
        for (digit, pixels) in &digits {
            let of_digit = &twins[usize::from(*digit)];
            assert!(of_digit.len() == TWINS && of_digit[0] == *pixels && of_digit[1] != *pixels);
        }
        assert_eq!(twins.iter().filter(|twins| !twins.is_empty()).count(), 3);
        assert!(find_twins(&set, &digits) == twins, "the same again");
    }

    #[test]
    fn a_small_set_has_fewer_twins_and_other_labels_are_not_among_them() {
        let line = |x: usize| -> Gray28 { std::array::from_fn(|i| if i % SIDE == x { 255 } else { 0 }) };
        let images = [line(14), line(15), line(20), line(14)].concat();
        let set = Dataset::new(images, vec![1, 1, 1, 7], ImageShape::gray(28, 28).unwrap()).unwrap();
        let twins = find_twins(&set, &[(1, line(15)), (4, line(3))]);
        assert_eq!(twins[1], [line(15), line(14), line(20)]);
        assert!(twins[4].is_empty() && twins[7].is_empty());
    }

    #[test]
    fn a_blur_stays_in_its_row_and_has_length_one() {
        let dot: Gray28 = std::array::from_fn(|i| if i == 10 * SIDE { 200 } else { 0 });
        let blurred = blurred(&dot);
        assert!((blurred.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5);
        let inked = |i: usize| (8..=12).contains(&(i / SIDE)) && i % SIDE <= 2;
        assert!((0..PIXELS).all(|i| (blurred[i] > 0.0) == inked(i)));
    }
}
