//! Dropout (Srivastava et al., 2014, "Dropout"): in training `y = x·mask`, in prediction `y = x`.
//!
//! # Shapes
//! - `x`, `y`, `mask`: `[batch, len]`
//!
//! A value of `mask` is 0 with probability `p`, and `1 / (1 - p)` otherwise.

use rand::RngExt;

use super::{Backward, Forward, Layer};
use crate::{gemm::MatMut, rng};

/// Separates dropout's random numbers from those of initial weights with the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"dropouts");

/// Random numbers that are drawn at once.
const BLOCK: usize = 64;

/// A number of `0..1` from 24 random bits.
fn unit(random: u32) -> f32 {
    (random >> 8) as f32 / (1 << 24) as f32
}

/// A dropout layer. Seed, step, sample and layer alone decide what is dropped, so that neither the number of threads nor
/// resuming from a checkpoint changes it.
#[derive(Debug)]
pub(crate) struct Dropout {
    pub(crate) len: usize,
    pub(crate) probability: f32,
    /// The [number of the layer](crate::spec::LayerPath::id), which gives each layer random numbers of its own.
    pub(crate) layer_id: u64,
}

impl Layer for Dropout {
    /// The mask.
    fn saved_len(&self) -> usize {
        self.len
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let scale = 1.0 / (1.0 - self.probability);
        for row in 0..y.rows() {
            let (x, y) = (pass.x.row(row), y.row_mut(row));
            let Some(context) = pass.training else {
                y.copy_from_slice(x);
                continue;
            };
            let Some(seed) = context.seed else {
                y.copy_from_slice(x);
                pass.saved.row_mut(row).fill(1.0);
                continue;
            };
            let seed = (seed ^ SEED_SALT).wrapping_add(self.layer_id);
            // No batch has more than 2^32 samples.
            let sample = (context.first_sample + row) as u64;
            let mut generator = rng::stream(seed, (context.step << 32) | sample);
            let mask = pass.saved.row_mut(row);
            for mask in mask.chunks_mut(BLOCK) {
                let mut random = [0_u32; BLOCK];
                generator.fill(&mut random[..mask.len()]);
                for (mask, random) in mask.iter_mut().zip(random) {
                    let dropped = unit(random) < self.probability;
                    *mask = if dropped { 0.0 } else { scale };
                }
            }
            for ((y, x), mask) in y.iter_mut().zip(x).zip(mask) {
                *y = x * *mask;
            }
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let gradients = dx.row_mut(row).iter_mut().zip(dy.as_ref().row(row));
            for ((dx, dy), mask) in gradients.zip(pass.saved.row(row)) {
                *dx = dy * mask;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gemm::{Kernel, MatRef},
        layers::StepContext,
    };

    const LEN: usize = 4000;

    #[test]
    fn numbers_drawn_at_once_are_those_drawn_one_by_one() {
        let mut random = [0_u32; BLOCK];
        rng::stream(1, 2).fill(&mut random[..]);
        let mut generator = rng::stream(1, 2);
        assert!(
            random
                .into_iter()
                .all(|random| unit(random) == generator.random::<f32>())
        );
    }

    /// Outputs and masks of two samples whose values are all 1.
    fn forward(training: Option<StepContext>) -> (Vec<f32>, Vec<f32>) {
        let layer = Dropout {
            len: LEN,
            probability: 0.25,
            layer_id: 3,
        };
        let x = vec![1.0; 2 * LEN];
        let (mut y, mut saved) = (vec![f32::NAN; 2 * LEN], vec![f32::NAN; 2 * LEN]);
        let pass = Forward {
            kernel: Kernel::PORTABLE,
            parameters: &[],
            packed: &[],
            x: MatRef::row_major(&x, 2, LEN).unwrap(),
            input: 0,
            training,
            saved: MatMut::row_major(&mut saved, 2, LEN).unwrap(),
            scratch: &mut [],
        };
        layer.forward(pass, MatMut::row_major(&mut y, 2, LEN).unwrap());
        (y, saved)
    }

    fn context(seed: u64, step: u64, first_sample: usize) -> Option<StepContext> {
        Some(StepContext {
            seed: Some(seed),
            step,
            first_sample,
        })
    }

    #[test]
    fn prediction_drops_nothing() {
        assert!(forward(None).0.iter().all(|&y| y == 1.0));
    }

    #[test]
    fn training_without_a_seed_drops_nothing() {
        let (y, saved) = forward(Some(StepContext::default()));
        assert!(y.iter().chain(&saved).all(|&value| value == 1.0));
    }

    #[test]
    fn training_drops_with_the_given_probability_and_keeps_the_mean() {
        let (y, saved) = forward(context(0, 0, 0));
        assert_eq!(y, saved);
        assert!(y.iter().all(|&y| y == 0.0 || y == 1.0 / 0.75));
        let mean = y.iter().sum::<f32>() / y.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn mask_depends_on_seed_step_and_sample_alone() {
        let (y, _) = forward(context(1, 2, 5));
        assert_eq!(forward(context(1, 2, 5)).0, y);
        // The second sample is the first one of a pass that begins there.
        assert_eq!(forward(context(1, 2, 6)).0[..LEN], y[LEN..]);
        for other in [context(2, 2, 5), context(1, 3, 5), context(1, 2, 9)] {
            assert_ne!(forward(other).0[..LEN], y[..LEN]);
        }
        assert_ne!(y[..LEN], y[LEN..]);
    }
}
