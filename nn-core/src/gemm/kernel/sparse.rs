//! Which columns of a few rows are not zero throughout, and what they hold: a product may pass over the others.

use std::ops::Range;

use rayon::prelude::*;

use super::{Kernel, MatRef, Vectorize};

/// Rows that share a list: fewer have shorter lists, more do more with what they load.
pub(crate) const GROUP: usize = 3;

/// Values of a matrix from which on its transpose is listed by all threads: fewer take no longer than to hand some over to
/// a thread that is awake.
const PARALLEL_LEN: usize = 1 << 14;

/// The number of a column.
pub(super) type Column = u16;

/// Lists of a matrix, one for each [`GROUP`] of rows: the columns that hold anything but 0 there, in their order, and
/// what they hold, since a product reads them again for each panel and finds them side by side here.
///
/// `C` and `V` are the memory: [`len`](Self::len) numbers, of each list how many columns it has, and these; and
/// [`values_len`](Self::values_len) values, of each list [`GROUP`] for each of its columns.
#[derive(Clone, Debug)]
pub(crate) struct Live<C, V> {
    memory: C,
    values: V,
    rows: usize,
    cols: usize,
}

/// A list's numbers: how many columns are live, these, and room for the bits of a byte.
const fn list_len(cols: usize) -> usize {
    1 + cols + BYTE
}

/// Some of the lists. That their columns are the matrix's is what tiles rely on: nobody else makes lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    memory: &'a [Column],
    values: &'a [f32],
    rows: usize,
    cols: usize,
}

impl<C, V> Live<C, V> {
    /// No lists yet.
    pub(crate) const fn new(memory: C, values: V) -> Self {
        Self {
            memory,
            values,
            rows: 0,
            cols: 0,
        }
    }
}

impl Live<(), ()> {
    /// How many numbers the lists of such a matrix may take.
    pub(crate) const fn len(rows: usize, cols: usize) -> usize {
        rows.div_ceil(GROUP) * list_len(cols)
    }

    /// How many values they may take.
    pub(crate) const fn values_len(rows: usize, cols: usize) -> usize {
        rows.div_ceil(GROUP) * GROUP * cols
    }
}

impl<C: AsRef<[Column]> + AsMut<[Column]>, V: AsRef<[f32]> + AsMut<[f32]>> Live<C, V> {
    /// Lists the columns of `a`, whose rows are contiguous; unless so many are live that a walk over lists gains
    /// nothing, or there is no memory for them.
    pub(crate) fn list(&mut self, kernel: Kernel, a: MatRef<'_>) {
        if self.list_all(kernel, Source::Rows(a), (a.rows(), a.cols()), false) {
            self.copy(false, |first, list, values| {
                let row = |index: usize| a.row((first + index).min(a.rows() - 1));
                let rows: [&[f32]; GROUP] = std::array::from_fn(row);
                for (values, &col) in values.iter_mut().zip(list) {
                    *values = rows.map(|row| row[usize::from(col)]);
                }
            });
        }
    }

    /// The same for the transpose of `a`, of whose rows, which are contiguous, [`flag`] has made those of `flags`; on
    /// the threads of the current rayon pool.
    pub(crate) fn list_transposed(&mut self, kernel: Kernel, flags: MatRef<'_>, a: MatRef<'_>) {
        let (rows, cols) = (a.cols(), a.rows());
        let parallel = rows * cols >= PARALLEL_LEN;
        if self.list_all(kernel, Source::Flags(flags), (rows, cols), parallel) {
            self.copy(parallel, |first, list, values| {
                for (values, &row) in values.iter_mut().zip(list) {
                    let row = &a.row(row.into())[first..];
                    match row.first_chunk() {
                        Some(whole) => *values = *whole,
                        None => values[..row.len()].copy_from_slice(row),
                    }
                }
            });
        }
    }

    /// Has the values of each list copied, which is told the group's first row and its list.
    fn copy(&mut self, parallel: bool, copy: impl Fn(usize, &[Column], &mut [[f32; GROUP]]) + Sync) {
        let (groups, cols) = (self.rows.div_ceil(GROUP), self.cols);
        let lists = &self.memory.as_ref()[..groups * list_len(cols)];
        let (values, _) = self.values.as_mut()[..groups * GROUP * cols].as_chunks_mut::<GROUP>();
        let values = values.par_chunks_mut(BLOCK * cols);
        let blocks = lists.par_chunks(BLOCK * list_len(cols)).zip(values);
        let blocks = blocks.with_min_len(least_blocks(parallel));
        blocks.enumerate().for_each(|(block, (lists, values))| {
            let firsts = (block * BLOCK * GROUP..).step_by(GROUP);
            let lists = lists.chunks_exact(list_len(cols)).zip(values.chunks_exact_mut(cols));
            for (first, (list, values)) in firsts.zip(lists) {
                copy(first, &list[1..=usize::from(list[0])], values);
            }
        });
    }

    /// Writes all lists, and says whether that was worth it.
    fn list_all(&mut self, kernel: Kernel, source: Source<'_>, (rows, cols): (usize, usize), parallel: bool) -> bool {
        (self.rows, self.cols) = (0, 0);
        let groups = rows.div_ceil(GROUP);
        let lists = self.memory.as_mut().get_mut(..Live::len(rows, cols));
        let has_room = cols <= usize::from(Column::MAX) && Live::values_len(rows, cols) <= self.values.as_ref().len();
        let Some(lists) = lists.filter(|_| has_room && cols > 0) else {
            return false;
        };
        let list = list_len(cols);
        let gather = |first, lists: &mut [Column]| {
            kernel.vectorize(Gather {
                source,
                cols,
                first,
                lists,
            });
        };
        // A look at one list tells most matrices that are full.
        if groups > 1 {
            let middle = groups / 2;
            let some = &mut lists[middle * list..][..list];
            gather(middle, some);
            if !is_worth_it(some[0].into(), cols) {
                return false;
            }
        }
        let blocks = lists.par_chunks_mut(BLOCK * list).with_min_len(least_blocks(parallel));
        blocks
            .enumerate()
            .for_each(|(block, lists)| gather(block * BLOCK, lists));
        let live: usize = lists.chunks_exact(list).map(|list| usize::from(list[0])).sum();
        if is_worth_it(live, groups * cols) {
            (self.rows, self.cols) = (rows, cols);
        }
        self.rows > 0
    }

    /// The lists, if it was worth making any.
    pub(crate) fn lists(&self) -> Option<Lists<'_>> {
        (self.rows > 0).then(|| Lists {
            memory: self.memory.as_ref(),
            values: self.values.as_ref(),
            rows: self.rows,
            cols: self.cols,
        })
    }
}

/// Blocks that one thread takes at least: all of them where it is not `parallel`, so that a thread that has lent its own
/// lists never waits, and starts nothing else meanwhile.
fn least_blocks(parallel: bool) -> usize {
    if parallel { 1 } else { usize::MAX }
}

fn is_worth_it(live: usize, columns: usize) -> bool {
    8 * live <= 7 * columns
}

impl<'a> Lists<'a> {
    /// Those of some rows, of which the first is the first of a group.
    ///
    /// # Panics
    /// If it is not, or there are no such rows.
    pub(crate) fn of_rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start.is_multiple_of(GROUP) && rows.start <= rows.end && rows.end <= self.rows);
        Self {
            memory: &self.memory[rows.start / GROUP * list_len(self.cols)..],
            values: &self.values[rows.start * self.cols..],
            rows: rows.len(),
            ..self
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    /// The columns that are live in the group of a row, and what its rows hold there.
    pub(super) fn of_row(&self, row: usize) -> (&'a [Column], &'a [[f32; GROUP]]) {
        let group = row / GROUP;
        let list = &self.memory[group * list_len(self.cols)..];
        let list = &list[1..=usize::from(list[0])];
        let (values, _) = self.values[group * GROUP * self.cols..].as_chunks();
        (list, &values[..list.len()])
    }
}

/// For each [`GROUP`] of values of a row whether any of them is not 0: 1 or 0.
pub(crate) fn flag(kernel: Kernel, row: &[f32], flags: &mut [f32]) {
    kernel.vectorize(Flag { row, flags });
}

struct Flag<'a> {
    row: &'a [f32],
    flags: &'a mut [f32],
}

impl Vectorize for Flag<'_> {
    #[inline(always)]
    fn run(self) {
        let flag = |values: &[f32]| {
            let bits = values.iter().fold(0, |all, x| all | x.to_bits());
            if bits == 0 { 0.0 } else { 1.0 }
        };
        let (groups, rest) = self.row.as_chunks::<GROUP>();
        for (to, group) in self.flags.iter_mut().zip(groups) {
            *to = flag(group);
        }
        if !rest.is_empty() {
            self.flags[groups.len()] = flag(rest);
        }
    }
}

/// Columns, and groups, that are looked at together: as many as a mask has bits.
const BLOCK: usize = u64::BITS as usize;

/// What lists are made from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The matrix.
    Rows(MatRef<'a>),
    /// For each of its columns a row, with a value for each group.
    Flags(MatRef<'a>),
}

/// Writes the lists of some groups, a block at most.
struct Gather<'a> {
    source: Source<'a>,
    cols: usize,
    /// The first of the groups.
    first: usize,
    lists: &'a mut [Column],
}

impl Vectorize for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let list = list_len(self.cols);
        let groups = self.first..self.first + self.lists.len() / list;
        self.lists.iter_mut().step_by(list).for_each(|count| *count = 0);
        for first in (0..self.cols).step_by(BLOCK) {
            let cols = first..self.cols.min(first + BLOCK);
            let masks = match self.source {
                Source::Rows(a) => {
                    let rows = groups.start * GROUP..a.rows().min(groups.end * GROUP);
                    masks_of_rows(a.block(rows, cols.clone()))
                }
                Source::Flags(flags) => masks_of_flags(flags.block(cols.clone(), groups.clone())),
            };
            for (list, mask) in self.lists.chunks_exact_mut(list).zip(masks) {
                append(list, &cols, mask);
            }
        }
    }
}

/// Bits that are looked up together.
const BYTE: usize = 8;

/// For each byte how many of its bits are set, and which; the rest is room.
static SET_BITS: [(Column, [Column; BYTE]); 256] = set_bits();

const fn set_bits() -> [(Column, [Column; BYTE]); 256] {
    let mut table = [(0, [0; BYTE]); 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut bit = 0;
        while bit < BYTE {
            if byte >> bit & 1 == 1 {
                let (count, bits) = &mut table[byte];
                bits[*count as usize] = bit as Column;
                *count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// Appends those of at most 64 columns whose bits are set, and behind them numbers without meaning: so no branch depends
/// on the bits.
#[inline(always)]
fn append(list: &mut [Column], cols: &Range<usize>, mask: u64) {
    let mut count = usize::from(list[0]);
    for (first, byte) in cols.clone().step_by(BYTE).zip(mask.to_le_bytes()) {
        let (more, bits) = &SET_BITS[usize::from(byte)];
        let first = first as Column;
        list[count + 1..][..BYTE].copy_from_slice(&bits.map(|bit| first.wrapping_add(bit)));
        count += usize::from(*more);
    }
    list[0] = count as Column;
}

/// For each group of rows, which are contiguous, a bit for each column that is live.
#[inline(always)]
fn masks_of_rows(a: MatRef<'_>) -> [u64; BLOCK] {
    let mut masks = [0; BLOCK];
    for (mask, first) in masks.iter_mut().zip((0..a.rows()).step_by(GROUP)) {
        let mut all = [0; BLOCK];
        for row in first..a.rows().min(first + GROUP) {
            for (all, x) in all.iter_mut().zip(a.row(row)) {
                *all |= x.to_bits();
            }
        }
        let flags = all.map(|bits| u8::from(bits != 0));
        for (byte, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
            // Each product moves one of the flags to its bit of the highest byte.
            let bits = u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *mask |= bits << (8 * byte);
        }
    }
    masks
}

/// The same from flags, a row for each column.
#[inline(always)]
fn masks_of_flags(flags: MatRef<'_>) -> [u64; BLOCK] {
    let mut masks = [0; BLOCK];
    for column in 0..flags.rows() {
        for (mask, flag) in masks.iter_mut().zip(flags.row(column)) {
            *mask |= u64::from(*flag != 0.0) << column;
        }
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{MatMut, NR, Panels, multiply_live, multiply_packed, multiply_transposed};

    /// Rows on both sides of the edges of groups, tiles, blocks of rows and of groups.
    const ROWS: [usize; 11] = [1, 2, 3, 4, 5, 7, 15, 64, 65, 255, 261];
    /// Columns on both sides of the edges of masks and of blocks of columns.
    const COLS: [usize; 9] = [1, 4, 5, 63, 65, 511, 512, 513, 784];
    const OUTPUTS: [usize; 5] = [64, 65, 97, 100, 128];

    /// What is not 0, of row and column.
    const PATTERNS: [fn(usize, usize) -> bool; 8] = [
        |_, _| true,
        |_, _| false,
        |row, col| row == col,
        |row, col| col + 1 == row,
        |row, _| row % 5 == 4,
        |_, col| !(3..60).contains(&col),
        |row, col| (row / 4 + col / 8) % 3 == 0,
        |row, col| (row * 31 + col) * 2_654_435_761 % 97 < 9,
    ];

    fn value(index: usize) -> f32 {
        (index * 7_919 % 1_009) as f32 / 1_009.0 - 0.4
    }

    fn matrix(rows: usize, cols: usize, is_live: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        let value = |i| if is_live(i / cols, i % cols) { value(i) } else { 0.0 };
        (0..rows * cols).map(value).collect()
    }

    fn memory(rows: usize, cols: usize) -> Live<Vec<u16>, Vec<f32>> {
        Live::new(
            vec![Column::MAX; Live::len(rows, cols)],
            vec![f32::NAN; Live::values_len(rows, cols)],
        )
    }

    /// The lists of `aᵀ`.
    fn list_transposed(kernel: Kernel, a: MatRef<'_>) -> Live<Vec<u16>, Vec<f32>> {
        let groups = a.cols().div_ceil(GROUP);
        let mut flags = vec![f32::NAN; a.rows() * groups];
        for (row, flags) in flags.chunks_exact_mut(groups).enumerate() {
            flag(kernel, a.row(row), flags);
        }
        let mut live = memory(a.cols(), a.rows());
        let flags = MatRef::row_major(&flags, a.rows(), groups).unwrap();
        live.list_transposed(kernel, flags, a);
        live
    }

    fn assert_lists(live: &Live<Vec<u16>, Vec<f32>>, expected: &[Vec<usize>], what: &str) {
        let cols = live.cols;
        let Some(lists) = live.lists() else {
            let live: usize = expected.iter().map(Vec::len).sum();
            let middle = &expected[expected.len() / 2];
            let is_worth_it = is_worth_it(live, expected.len() * cols.max(1)) && is_worth_it(middle.len(), cols);
            assert!(!is_worth_it, "{what}: no lists");
            return;
        };
        for (group, expected) in expected.iter().enumerate() {
            let list: Vec<_> = lists
                .of_row(group * GROUP)
                .0
                .iter()
                .map(|&col| usize::from(col))
                .collect();
            assert_eq!(&list, expected, "{what}, group {group}");
        }
    }

    #[test]
    fn lists_are_all_that_is_not_zero() {
        for kernel in Kernel::available() {
            for (rows, cols, _) in shapes() {
                for (index, is_live) in PATTERNS.into_iter().enumerate().skip(1) {
                    let what = format!("{kernel}, {rows}x{cols}, pattern {index}");
                    let x = matrix(rows, cols, is_live);
                    let rows_of = |first: usize| first..rows.min(first + GROUP);
                    let any = |first: usize, col: usize| rows_of(first).any(|row| x[row * cols + col] != 0.0);
                    let expected: Vec<Vec<_>> = (0..rows)
                        .step_by(GROUP)
                        .map(|first| (0..cols).filter(|&col| any(first, col)).collect())
                        .collect();
                    let mut live = memory(rows, cols);
                    live.list_all(
                        kernel,
                        Source::Rows(MatRef::row_major(&x, rows, cols).unwrap()),
                        (rows, cols),
                        false,
                    );
                    assert_lists(&live, &expected, &what);
                    let turned = matrix(cols, rows, |row, col| x[col * cols + row] != 0.0);
                    let live = list_transposed(kernel, MatRef::row_major(&turned, cols, rows).unwrap());
                    assert_lists(&live, &expected, &what);
                }
            }
        }
    }

    #[test]
    fn whatever_is_not_zero_is_live() {
        let x = [0.0, f32::NAN, 0.0, f32::INFINITY, 0.0, 1e-45, 0.0, -1e-38, 0.0];
        let mut live = memory(1, 9);
        live.list(Kernel::PORTABLE, MatRef::row_major(&x, 1, 9).unwrap());
        assert_eq!(live.lists().unwrap().of_row(0).0, [1, 3, 5, 7]);
        let live = list_transposed(Kernel::PORTABLE, MatRef::row_major(&x, 9, 1).unwrap());
        assert_eq!(live.lists().unwrap().of_row(0).0, [1, 3, 5, 7]);
    }

    #[test]
    fn there_are_no_lists_without_gain_or_memory() {
        let mut live = memory(8, 20);
        for (rows, fill, is_listed) in [(8, 0.0, true), (8, 1.0, false), (12, 0.0, false), (1, 0.0, true)] {
            let x = vec![fill; rows * 20];
            live.list(Kernel::PORTABLE, MatRef::row_major(&x, rows, 20).unwrap());
            assert_eq!(live.lists().is_some(), is_listed, "{rows} rows of {fill}");
        }
        let x = vec![0.0; 70_000];
        let mut live = memory(1, 70_000);
        live.list(Kernel::PORTABLE, MatRef::row_major(&x, 1, 70_000).unwrap());
        assert!(live.lists().is_none(), "a column's number has 16 bits");
    }

    #[test]
    fn what_is_passed_over_changes_no_bit() {
        for kernel in Kernel::available() {
            for shape in shapes() {
                for is_live in PATTERNS {
                    compare(kernel, shape, is_live);
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
        let what = format!("{kernel}: {rows}x{cols}x{outputs}");
        let x = matrix(rows, cols, is_live);
        let weights: Vec<f32> = (0..outputs.div_ceil(NR) * cols * NR).map(value).collect();
        let bias: Vec<f32> = (0..outputs).map(value).collect();
        let a = MatRef::row_major(&x, rows, cols).unwrap();
        let b = Panels::packed(&weights, cols, outputs);
        let mut all = vec![f32::NAN; rows * outputs];
        let mut live = all.clone();
        let c = MatMut::row_major(&mut all, rows, outputs).unwrap();
        multiply_packed(kernel, a, b, c, Some(&bias), true);
        let c = MatMut::row_major(&mut live, rows, outputs).unwrap();
        multiply_live(kernel, a, b, c, Some(&bias), true);
        assert_same_bits(&what, &all, &live);

        let turned: Vec<f32> = (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect();
        let a = MatRef::row_major(&turned, cols, rows).unwrap();
        let lists = list_transposed(kernel, a);
        for factors in [(1.0, 0.0), (-0.1, 1.0), (0.5, 0.25)] {
            let mut all: Vec<f32> = (0..outputs.div_ceil(NR) * rows * NR).map(value).collect();
            let mut live = all.clone();
            multiply_transposed(kernel, (a, None), b, &mut all, factors);
            multiply_transposed(kernel, (a, lists.lists()), b, &mut live, factors);
            assert_same_bits(&what, &all, &live);
        }
    }

    fn assert_same_bits(what: &str, all: &[f32], live: &[f32]) {
        let differs = all
            .iter()
            .zip(live)
            .position(|(all, live)| all.to_bits() != live.to_bits());
        assert_eq!(differs, None, "{what}");
    }
}
