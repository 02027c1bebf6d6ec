//! Softmax cross-entropy, with and without label smoothing.

use super::softmax::exponentials;

/// Softmax cross-entropy of one sample: returns the loss `-ln p(target)` and writes its gradient with respect to the
/// logits, `scale·(pᵢ - [i = target])`.
///
/// `logits` and `gradient` are `[classes]`. Fusing softmax and logarithm makes the gradient both simpler and more
/// accurate than a product of theirs (Goodfellow et al., "Deep Learning", 2016, section 6.2.2.3).
///
/// # Panics
/// If the lengths differ or `target` is not an index of `logits`.
///
/// ```
/// let mut gradient = [0.0; 2];
/// let loss = nn_core::loss::cross_entropy(&[0.0, 0.0], 1, 1.0, &mut gradient);
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
pub fn cross_entropy(logits: &[f32], target: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(logits);
    let max = exponentials(gradient);
    let sum: f32 = gradient.iter().sum();
    for value in gradient.iter_mut() {
        *value *= scale / sum;
    }
    gradient[target] -= scale;
    sum.ln() - (logits[target] - max)
}

/// Cross-entropy against a target of which the fraction `smoothing` is spread evenly over the classes.
///
/// With the mean `z̄` of the logits, the mean of `-ln pᵢ` over the classes is `-ln p(target) + z(target) - z̄`.
pub(super) fn smoothed_cross_entropy(
    logits: &[f32],
    target: usize,
    smoothing: f32,
    scale: f32,
    gradient: &mut [f32],
) -> f32 {
    let loss = cross_entropy(logits, target, scale, gradient);
    let classes = logits.len() as f32;
    for value in gradient.iter_mut() {
        *value -= scale * smoothing / classes;
    }
    gradient[target] += scale * smoothing;
    let mean = logits.iter().sum::<f32>() / classes;
    loss + smoothing * (logits[target] - mean)
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
    fn nan_is_propagated() {
        assert!(cross_entropy(&[0.0, f32::NAN, 1.0], 0, 1.0, &mut [0.0; 3]).is_nan());
    }
}
