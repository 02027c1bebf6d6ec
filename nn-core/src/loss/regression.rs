//! Losses of regression: mean squared error.

/// Mean squared error of one sample against a one-hot target `t`: returns `Σᵢ (zᵢ - tᵢ)² / n` and writes its gradient
/// with respect to the outputs, `scale·2·(zᵢ - tᵢ) / n`.
///
/// `outputs` and `gradient` are `[n]`; `target` is the index of the 1.
///
/// # Panics
/// If the lengths differ or `target` is not an index of `outputs`.
pub fn mean_squared_error(outputs: &[f32], target: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(outputs);
    gradient[target] -= 1.0;
    let count = outputs.len() as f32;
    let loss = gradient.iter().map(|error| error * error).sum::<f32>() / count;
    for value in gradient {
        *value *= 2.0 * scale / count;
    }
    loss
}
