//! Sums and concatenations of several inputs: `y = Σ xᵢ`, `y = [x₀, x₁, …]`.
//!
//! # Shapes
//! - `xᵢ`: `[batch, pixels, widthᵢ]`
//! - `y`: `[batch, pixels, width]`; for a sum `width = widthᵢ`, for a concatenation `width = Σ widthᵢ`
//!
//! The executor calls forward and backward once for each input, in order.

use super::{Backward, Forward, Layer};
use crate::gemm::{MatMut, MatRef};

/// A layer of several inputs.
#[derive(Debug)]
pub(crate) enum Combine {
    Add,
    Concat {
        /// The values of each input that follow each other in the output: the channels of a pixel in HWC, else all
        /// values.
        widths: Vec<usize>,
    },
}

impl Layer for Combine {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let (x, y) = (pass.x.row(row), y.row_mut(row));
            match self {
                Self::Add if pass.input == 0 => y.copy_from_slice(x),
                Self::Add => add(y, x),
                Self::Concat { widths } => {
                    let (start, width, total) = part(widths, pass.input);
                    for (y, x) in y.chunks_exact_mut(total).zip(x.chunks_exact(width)) {
                        y[start..start + width].copy_from_slice(x);
                    }
                }
            }
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        let dy: MatRef<'_> = dy.as_ref();
        for row in 0..dx.rows() {
            let (dy, dx) = (dy.row(row), dx.row_mut(row));
            match self {
                Self::Add => write(dx, dy, pass.accumulate),
                Self::Concat { widths } => {
                    let (start, width, total) = part(widths, pass.input);
                    for (dx, dy) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(total)) {
                        write(dx, &dy[start..start + width], pass.accumulate);
                    }
                }
            }
        }
    }

    fn accumulates(&self) -> bool {
        true
    }
}

/// Where an input's values begin, how many they are, and how many those of all inputs.
fn part(widths: &[usize], input: usize) -> (usize, usize, usize) {
    (widths[..input].iter().sum(), widths[input], widths.iter().sum())
}

fn write(target: &mut [f32], values: &[f32], accumulate: bool) {
    if accumulate {
        add(target, values);
    } else {
        target.copy_from_slice(values);
    }
}

/// `target += values`. A function, so that the compiler knows that the slices do not overlap.
#[inline(always)]
pub(crate) fn add(target: &mut [f32], values: &[f32]) {
    for (target, value) in target.iter_mut().zip(values) {
        *target += value;
    }
}
