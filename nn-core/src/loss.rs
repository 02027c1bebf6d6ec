//! Softmax, cross-entropy and their joint gradient.

/// Turns logits into probabilities, in place: `pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)`.
///
/// The largest logit is subtracted first, so that no exponential overflows. A NaN among the logits gives NaN
/// throughout.
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

/// Softmax cross-entropy of one sample: the loss `-ln p(label)`, and its gradient with respect to the logits,
/// `pᵢ - [i = label]`, times `scale`.
///
/// `gradient` has as many values as `logits`. The two are fused since the gradient of the pair is simpler, and far
/// more exact, than a product of theirs would be (Goodfellow et al., "Deep Learning", 2016, section 6.2.2.3).
///
/// # Panics
/// If the lengths differ or `label` is no index of `logits`.
///
/// ```
/// let mut gradient = [0.0; 2];
/// let loss = nn_core::loss::cross_entropy(&[0.0, 0.0], 1, 1.0, &mut gradient);
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
pub fn cross_entropy(logits: &[f32], label: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(logits);
    let largest = exponentials(gradient);
    let sum: f32 = gradient.iter().sum();
    for value in gradient.iter_mut() {
        *value *= scale / sum;
    }
    gradient[label] -= scale;
    sum.ln() - (logits[label] - largest)
}

/// The index of the largest value, the first one where several are equal; 0 for an empty slice.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).reduce(better).unwrap_or(0)
}

/// Replaces each `z` by `exp(z - largest)`; returns the largest.
fn exponentials(values: &mut [f32]) -> f32 {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in values {
        *value = (*value - largest).exp();
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut gradient = [0.0; 3];
        let loss = cross_entropy(&[1e30, -1e30, 0.0], 0, 1.0, &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0, 0.0, 0.0]));
    }

    #[test]
    fn nan_is_not_hidden() {
        let mut values = [0.0, f32::NAN, 1.0];
        assert!(cross_entropy(&values, 0, 1.0, &mut [0.0; 3]).is_nan());
        softmax(&mut values);
        assert!(values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!((argmax(&[1.0, 3.0, 3.0]), argmax(&[]), argmax(&[-1.0])), (1, 0, 0));
    }
}
