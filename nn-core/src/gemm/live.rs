//! Which columns of a block are not zero throughout: a product may pass over the others.

use super::{BLOCK_K, Kernel, MatRef, Run, Vectorize};

/// Columns that live or not together, so that runs are few.
const GROUP: usize = 4;
/// Every second group may begin a run.
const MAX_RUNS: usize = BLOCK_K.div_ceil(2 * GROUP);

/// Runs of the columns of a block that hold anything but 0.
pub(crate) struct Live {
    runs: [Run; MAX_RUNS],
    count: usize,
}

impl Live {
    /// Those of at most [`BLOCK_K`] columns, whose rows are contiguous.
    pub(crate) fn columns(kernel: Kernel, a: MatRef<'_>) -> Self {
        let mut bits = [0; BLOCK_K];
        let bits = &mut bits[..a.cols()];
        kernel.vectorize(Gather { a, bits });
        let mut live = Self {
            runs: [(0, 0); MAX_RUNS],
            count: 0,
        };
        let mut end = usize::MAX;
        for (group, bits) in bits.chunks(GROUP).enumerate() {
            if bits.iter().fold(0, |all, bits| all | bits) == 0 {
                continue;
            }
            let start = group * GROUP;
            if start == end {
                live.runs[live.count - 1].1 += bits.len();
            } else {
                live.runs[live.count] = (start, bits.len());
                live.count += 1;
            }
            end = start + bits.len();
        }
        live
    }

    /// Whether passing over the rest of `cols` columns gains more than the walk over runs takes.
    pub(crate) fn is_worth_it(&self, cols: usize) -> bool {
        let live: usize = self.runs().iter().map(|&(_, len)| len).sum();
        8 * live <= 7 * cols
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs[..self.count]
    }
}

/// Gathers the bits of a column's values.
struct Gather<'a> {
    a: MatRef<'a>,
    bits: &'a mut [u32],
}

impl Vectorize for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        for row in 0..self.a.rows() {
            for (bits, x) in self.bits.iter_mut().zip(self.a.row(row)) {
                *bits |= x.to_bits();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{MatMut, PANEL, Panels, multiply_live, multiply_packed};

    /// Rows on both sides of the edges of tiles and of blocks of rows.
    const ROWS: [usize; 10] = [1, 2, 3, 4, 6, 7, 14, 15, 64, 65];
    /// Columns on both sides of the edges of groups and of blocks of columns.
    const COLS: [usize; 9] = [0, 1, 4, 5, 31, 511, 512, 513, 784];
    const OUTPUTS: [usize; 4] = [64, 65, 100, 128];

    /// Which columns hold anything but zeros.
    const PATTERNS: [fn(usize, usize) -> bool; 8] = [
        |_, _| true,
        |_, _| false,
        |col, _| col == 0,
        |col, cols| col + 1 == cols,
        |col, cols| col == cols / 2,
        |col, cols| col < 3 || col + 5 > cols,
        |col, _| col / 4 % 2 == 0,
        |col, _| col * 2_654_435_761 % 97 < 9,
    ];

    fn value(index: usize) -> f32 {
        (index * 7_919 % 1_009) as f32 / 1_009.0 - 0.4
    }

    #[test]
    fn runs_are_all_that_is_not_zero() {
        let mut x = [0.0; 22];
        let runs = |x: &[f32]| {
            let a = MatRef::row_major(x, 2, 11).unwrap();
            Live::columns(Kernel::PORTABLE, a).runs().to_vec()
        };
        assert_eq!(runs(&x), []);
        x[10] = 1.0;
        assert_eq!(runs(&x), [(8, 3)]);
        x[11] = f32::NAN;
        assert_eq!(runs(&x), [(0, 4), (8, 3)]);
        x[4] = -1.0;
        assert_eq!(runs(&x), [(0, 11)]);
    }

    #[test]
    fn what_is_passed_over_changes_no_bit() {
        for kernel in Kernel::available() {
            for (rows, cols, outputs) in shapes() {
                for is_live in PATTERNS {
                    compare(kernel, (rows, cols, outputs), is_live);
                }
            }
        }
    }

    fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
        let pairs = ROWS.into_iter().flat_map(|rows| COLS.map(|cols| (rows, cols)));
        pairs
            .enumerate()
            .map(|(index, (rows, cols))| (rows, cols, OUTPUTS[index % OUTPUTS.len()]))
    }

    fn compare(kernel: Kernel, (rows, cols, outputs): (usize, usize, usize), is_live: fn(usize, usize) -> bool) {
        let x = |index: usize| if is_live(index % cols, cols) { value(index) } else { 0.0 };
        let x: Vec<f32> = (0..rows * cols).map(x).collect();
        let weights: Vec<f32> = (0..outputs.div_ceil(PANEL) * cols * PANEL).map(value).collect();
        let bias: Vec<f32> = (0..outputs).map(value).collect();
        let a = MatRef::row_major(&x, rows, cols).unwrap();
        let b = Panels::packed(&weights, cols, outputs);
        let mut all = vec![f32::NAN; rows * outputs];
        let mut live = all.clone();
        let c = MatMut::row_major(&mut all, rows, outputs).unwrap();
        multiply_packed(kernel, a, b, c, Some(&bias), true);
        let c = MatMut::row_major(&mut live, rows, outputs).unwrap();
        multiply_live(kernel, a, b, c, Some(&bias), true);
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&all), bits(&live), "{kernel}: {rows}x{cols}x{outputs}");
    }
}
