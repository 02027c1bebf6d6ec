//! Crates that only multiply matrices, behind one safe function on row-major operands.
#![allow(unsafe_code)] // neither crate has a safe interface

use super::locked_version;
use crate::timing::{Call, Failure, Library, Operands};

/// Crate that multiplies matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// `gemm`, on the threads of the current rayon pool.
    Gemm,
    /// `matrixmultiply`, on threads of its own.
    MatrixMultiply,
}

impl Product {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Gemm, Self::MatrixMultiply];

    /// `c = a·b`, where `a` is `[m, k]`, `b` is `[k, n]` and `c` is `[m, n]`.
    ///
    /// # Panics
    /// If a slice is not as long as its shape.
    pub fn multiply(self, (m, n, k): (usize, usize, usize), a: &[f32], b: &[f32], c: &mut [f32]) {
        assert_eq!((a.len(), b.len(), c.len()), (m * k, k * n, m * n));
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        let (a_row, b_row) = (k as isize, n as isize);
        match self {
            // SAFETY: the slices are as long as their row-major shapes, and `c` is borrowed alone.
            Self::Gemm => unsafe {
                let pool = gemm::Parallelism::Rayon(0);
                // The three flags: nothing is conjugated.
                gemm::gemm(
                    m, n, k, c, 1, b_row, false, a, 1, a_row, b, 1, b_row, 0.0, 1.0, false, false, false, pool,
                );
            },
            // SAFETY: as above.
            Self::MatrixMultiply => unsafe {
                matrixmultiply::sgemm(m, k, n, 1.0, a, a_row, 1, b, b_row, 1, 0.0, c, b_row, 1);
            },
        }
    }
}

impl Library for Product {
    fn name(&self) -> &'static str {
        match self {
            Self::Gemm => "gemm",
            Self::MatrixMultiply => "matrixmultiply",
        }
    }

    fn version(&self) -> &'static str {
        locked_version(self.name())
    }

    fn product<'a>(&self, operands: Operands<'a>) -> Result<Call<'a, ()>, Failure> {
        let (product, Operands { shape, a, b, c }) = (*self, operands);
        Ok(Box::new(move |_| {
            product.multiply(shape, a, b, c);
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use nn_core::gemm::{MatMut, MatRef, gemm};

    use super::*;
    use crate::values;

    #[test]
    fn all_products_are_the_same() {
        for (m, n, k) in [(1, 1, 1), (5, 7, 3), (33, 65, 129)] {
            let (a, b, mut ours) = (values(m * k), values(k * n), vec![0.0; m * n]);
            let (left, right) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
            let target = MatMut::row_major(&mut ours, m, n).unwrap();
            gemm(1.0, left.unwrap(), right.unwrap(), 0.0, target).unwrap();
            for product in Product::ALL {
                let mut theirs = vec![f32::NAN; m * n];
                product.multiply((m, n, k), &a, &b, &mut theirs);
                let near = theirs
                    .iter()
                    .zip(&ours)
                    .all(|(theirs, ours)| (theirs - ours).abs() <= 1e-5);
                assert!(near, "{}, {m}x{n}x{k}", product.name());
            }
        }
    }
}
