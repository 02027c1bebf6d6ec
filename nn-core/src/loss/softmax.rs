//! Softmax and argmax.

/// Turns logits into probabilities, in place: `pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)`.
///
/// The largest logit is subtracted first, so no exponential overflows. A NaN among the logits makes every probability
/// NaN.
///
/// ```
/// let mut values = [1000.0, 1000.0];
/// nn_core::loss::softmax(&mut values);
/// assert_eq!(values, [0.5, 0.5]);
/// ```
pub fn softmax(logits: &mut [f32]) {
    exponentials(logits);
    let sum: f32 = logits.iter().sum();
    for value in logits {
        *value /= sum;
    }
}

/// The index of the largest value; of equal values, the first. 0 for an empty slice.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).reduce(better).unwrap_or(0)
}

/// Replaces each `z` by `exp(z - max)` and returns `max`, the largest value.
pub(super) fn exponentials(values: &mut [f32]) -> f32 {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in values {
        *value = (*value - max).exp();
    }
    max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_propagates_nan() {
        let mut values = [0.0, f32::NAN, 1.0];
        softmax(&mut values);
        assert!(values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!((argmax(&[1.0, 3.0, 3.0]), argmax(&[]), argmax(&[-1.0])), (1, 0, 0));
    }
}
