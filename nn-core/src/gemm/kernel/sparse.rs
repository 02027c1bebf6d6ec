//! Nonzero columns of each small group of rows of a matrix, so that a product can skip the others.

use std::ops::Range;

use rayon::prelude::*;

use super::{dispatch::Kernel, isa::Vectorize, view::MatRef};

/// Rows that share a list of nonzero columns. With fewer, the lists are shorter; with more, each row of B that is loaded
/// serves more rows.
pub(crate) const ROW_GROUP: usize = 3;

/// Minimum values of a matrix whose lists of the transpose are written in parallel. For fewer, distributing the work
/// takes longer than doing it.
const PARALLEL_LEN: usize = 1 << 14;

/// The index of a column.
pub(crate) type Column = u16;

/// The nonzero columns of a matrix, with the memory for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct NonzeroColumns {
    columns: Box<[Column]>,
    values: Box<[f32]>,
    /// Rows and columns of the matrix whose lists are in memory.
    shape: Option<(usize, usize)>,
}

/// The nonzero columns of a matrix, or of some of its rows.
///
/// For each [`ROW_GROUP`] rows there is a list: the columns in which any of these rows holds a value other than 0, in
/// ascending order, and the values of all three rows there, since a product reads them again for each panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NonzeroRef<'a> {
    // Invariant: each group of rows has `list_len(cols)` numbers, of which the first counts the columns that follow, at
    // most `cols`, and each of these is less than `cols`. Tiles rely on it.
    lists: &'a [Column],
    /// Of each group `ROW_GROUP·cols` values: `ROW_GROUP` for each column of its list, then unused ones.
    values: &'a [f32],
    rows: usize,
    cols: usize,
}

/// The length of a list: the number of columns, their indices, and room for those of one more byte of a mask.
const fn list_len(cols: usize) -> usize {
    1 + cols + BYTE
}

impl NonzeroColumns {
    /// Memory for matrices of up to `rows` × `cols` values.
    pub(crate) fn with_capacity(rows: usize, cols: usize) -> Self {
        Self {
            columns: vec![0; Self::columns_len(rows, cols)].into(),
            values: vec![0.0; Self::values_len(rows, cols)].into(),
            shape: None,
        }
    }

    /// How many numbers the lists of a matrix take; `usize::MAX` if that overflows.
    pub(crate) const fn columns_len(rows: usize, cols: usize) -> usize {
        rows.div_ceil(ROW_GROUP).saturating_mul(cols.saturating_add(1 + BYTE))
    }

    /// How many values the lists of a matrix take; `usize::MAX` if that overflows.
    pub(crate) const fn values_len(rows: usize, cols: usize) -> usize {
        rows.div_ceil(ROW_GROUP).saturating_mul(ROW_GROUP).saturating_mul(cols)
    }

    /// Finds the nonzero columns of the transpose of `a`, on the threads of the current rayon pool. Lists none if the
    /// matrix is too dense to gain by skipping, or too large for the memory.
    ///
    /// # Shapes
    /// - `a`: `[rows, cols]`, with contiguous rows
    /// - `flags`: `[rows, ⌈cols / ROW_GROUP⌉]`, made by [`row_group_flags`] of each row of `a`
    ///
    /// # Panics
    /// If `flags` has another shape, or its rows or those of `a` are not contiguous.
    pub(crate) fn find_transposed(&mut self, kernel: Kernel, flags: MatRef<'_>, a: MatRef<'_>) {
        self.shape = None;
        let shape = (a.cols(), a.rows());
        let memory = (&mut self.columns[..], &mut self.values[..]);
        let found = find_transposed(kernel, flags, a, memory);
        self.shape = found.map(|_| shape);
    }

    /// The nonzero columns; `None` if the last matrix was too dense or too large.
    pub(crate) fn get(&self) -> Option<NonzeroRef<'_>> {
        let (rows, cols) = self.shape?;
        Some(NonzeroRef {
            lists: &self.columns,
            values: &self.values,
            rows,
            cols,
        })
    }
}

/// Finds the nonzero columns of `a`, on this thread; `None` if the matrix is too dense to gain by skipping, or too large
/// for the memory: [`NonzeroColumns::columns_len`] numbers and [`NonzeroColumns::values_len`] values.
///
/// # Panics
/// If the rows of `a` are not contiguous.
pub(crate) fn nonzero_columns<'m>(
    kernel: Kernel,
    a: MatRef<'_>,
    (columns, values): (&'m mut [Column], &'m mut [f32]),
) -> Option<NonzeroRef<'m>> {
    let (rows, cols) = (a.rows(), a.cols());
    let values = values.get_mut(..NonzeroColumns::values_len(rows, cols))?;
    let lists = write_lists(kernel, Source::Rows(a), (rows, cols), columns, false)?;
    gather(lists, values, cols, false, |first, list, values| {
        let row = |index: usize| a.row((first + index).min(rows - 1));
        let group: [&[f32]; ROW_GROUP] = std::array::from_fn(row);
        for (values, &col) in values.iter_mut().zip(list) {
            *values = group.map(|row| row[usize::from(col)]);
        }
    });
    Some(NonzeroRef {
        lists,
        values,
        rows,
        cols,
    })
}

/// As [`NonzeroColumns::find_transposed`].
fn find_transposed<'m>(
    kernel: Kernel,
    flags: MatRef<'_>,
    a: MatRef<'_>,
    (columns, values): (&'m mut [Column], &'m mut [f32]),
) -> Option<NonzeroRef<'m>> {
    let (rows, cols) = (a.cols(), a.rows());
    let values = values.get_mut(..NonzeroColumns::values_len(rows, cols))?;
    let parallel = rows.saturating_mul(cols) >= PARALLEL_LEN;
    let lists = write_lists(kernel, Source::Flags(flags), (rows, cols), columns, parallel)?;
    gather(lists, values, cols, parallel, |first, list, values| {
        for (values, &row) in values.iter_mut().zip(list) {
            let row = &a.row(row.into())[first..];
            match row.first_chunk() {
                Some(whole) => *values = *whole,
                None => values[..row.len()].copy_from_slice(row),
            }
        }
    });
    Some(NonzeroRef {
        lists,
        values,
        rows,
        cols,
    })
}

/// Writes the lists of all groups, and returns them if skipping the other columns is worth it.
fn write_lists<'m>(
    kernel: Kernel,
    source: Source<'_>,
    (rows, cols): (usize, usize),
    columns: &'m mut [Column],
    parallel: bool,
) -> Option<&'m mut [Column]> {
    if rows == 0 || cols == 0 || cols > usize::from(Column::MAX) {
        return None;
    }
    let lists = columns.get_mut(..NonzeroColumns::columns_len(rows, cols))?;
    let (groups, len) = (rows.div_ceil(ROW_GROUP), list_len(cols));
    let write = |first_group, lists: &mut [Column]| {
        kernel.vectorize(WriteLists {
            source,
            cols,
            first_group,
            lists,
        });
    };
    // One list is enough to recognize most dense matrices.
    if groups > 1 {
        let middle = groups / 2;
        let list = &mut lists[middle * len..][..len];
        write(middle, list);
        if !is_worth_it(list[0].into(), cols) {
            return None;
        }
    }
    let blocks = lists.par_chunks_mut(BLOCK * len).with_min_len(least_blocks(parallel));
    blocks
        .enumerate()
        .for_each(|(block, lists)| write(block * BLOCK, lists));
    let nonzero: usize = lists.chunks_exact(len).map(|list| usize::from(list[0])).sum();
    is_worth_it(nonzero, groups * cols).then_some(lists)
}

/// Copies the values of each list with `copy`, which takes the group's first row, its list and room for the values.
fn gather(
    lists: &[Column],
    values: &mut [f32],
    cols: usize,
    parallel: bool,
    copy: impl Fn(usize, &[Column], &mut [[f32; ROW_GROUP]]) + Sync,
) {
    let len = list_len(cols);
    let (values, _) = values.as_chunks_mut::<ROW_GROUP>();
    let blocks = lists.par_chunks(BLOCK * len).zip(values.par_chunks_mut(BLOCK * cols));
    let blocks = blocks.with_min_len(least_blocks(parallel));
    blocks.enumerate().for_each(|(block, (lists, values))| {
        let firsts = (block * BLOCK * ROW_GROUP..).step_by(ROW_GROUP);
        let groups = lists.chunks_exact(len).zip(values.chunks_exact_mut(cols));
        for (first, (list, values)) in firsts.zip(groups) {
            copy(first, &list[1..=usize::from(list[0])], values);
        }
    });
}

/// Minimum blocks per thread: all of them unless `parallel`. A thread that uses its scratch memory must not wait for
/// others, since it could start other work meanwhile that needs the same memory.
fn least_blocks(parallel: bool) -> usize {
    if parallel { 1 } else { usize::MAX }
}

/// Whether so few of the columns are nonzero that skipping the others gains more than the lists cost.
fn is_worth_it(nonzero: usize, columns: usize) -> bool {
    4 * nonzero <= 3 * columns
}

impl<'a> NonzeroRef<'a> {
    /// Those of the rows `rows`, of which the first must be the first of a group.
    ///
    /// # Panics
    /// If it is not, or there are no such rows.
    pub(crate) fn of_rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start.is_multiple_of(ROW_GROUP), "the rows begin inside a group");
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "there are no such rows"
        );
        Self {
            lists: &self.lists[rows.start / ROW_GROUP * list_len(self.cols)..],
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

    /// The nonzero columns of the group of a row, each less than [`cols`](Self::cols), and the values of the group's rows
    /// there.
    pub(super) fn group_of(&self, row: usize) -> (&'a [Column], &'a [[f32; ROW_GROUP]]) {
        let group = row / ROW_GROUP;
        let list = &self.lists[group * list_len(self.cols)..];
        let list = &list[1..=usize::from(list[0])];
        let (values, _) = self.values[group * ROW_GROUP * self.cols..].as_chunks();
        (list, &values[..list.len()])
    }
}

/// Writes 1 for each [`ROW_GROUP`] values of a row of which any is not 0, and 0 for the others.
///
/// # Panics
/// If `flags` has fewer values than `row` has groups.
pub(crate) fn row_group_flags(kernel: Kernel, row: &[f32], flags: &mut [f32]) {
    kernel.vectorize(RowGroupFlags { row, flags });
}

struct RowGroupFlags<'a> {
    row: &'a [f32],
    flags: &'a mut [f32],
}

impl Vectorize for RowGroupFlags<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let flag = |values: &[f32]| {
            let bits = values.iter().fold(0, |all, x| all | x.to_bits());
            if bits == 0 { 0.0 } else { 1.0 }
        };
        let (groups, rest) = self.row.as_chunks::<ROW_GROUP>();
        for (to, group) in self.flags.iter_mut().zip(groups) {
            *to = flag(group);
        }
        if !rest.is_empty() {
            self.flags[groups.len()] = flag(rest);
        }
    }
}

/// Columns and groups that are searched together: as many as a mask has bits.
const BLOCK: usize = u64::BITS as usize;

/// What lists are made of.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The matrix.
    Rows(MatRef<'a>),
    /// The flags of its transpose: a row for each of its columns, a value for each group of its rows.
    Flags(MatRef<'a>),
}

/// Writes the lists of some groups, at most [`BLOCK`].
struct WriteLists<'a> {
    source: Source<'a>,
    cols: usize,
    first_group: usize,
    lists: &'a mut [Column],
}

impl Vectorize for WriteLists<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let list = list_len(self.cols);
        let groups = self.first_group..self.first_group + self.lists.len() / list;
        self.lists.iter_mut().step_by(list).for_each(|count| *count = 0);
        for first in (0..self.cols).step_by(BLOCK) {
            let cols = first..self.cols.min(first + BLOCK);
            let masks = match self.source {
                Source::Rows(a) => {
                    let rows = groups.start * ROW_GROUP..a.rows().min(groups.end * ROW_GROUP);
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

/// For each byte, the number and the positions of its set bits; the remaining elements are unused.
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

/// Appends those of `cols`, at most 64, whose bits of the mask are set. It also writes unused values after them, so
/// that no branch depends on the bits.
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

/// A mask for each group of rows, with a bit for each nonzero column. The rows are contiguous, at most 64 wide.
#[inline(always)]
fn masks_of_rows(a: MatRef<'_>) -> [u64; BLOCK] {
    let mut masks = [0; BLOCK];
    for (mask, first) in masks.iter_mut().zip((0..a.rows()).step_by(ROW_GROUP)) {
        let all = bits_of_any(std::array::from_fn(|row| a.row((first + row).min(a.rows() - 1))));
        let flags = all.map(|bits| u8::from(bits != 0));
        for (byte, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
            // The product moves each of the eight flags to its bit of the highest byte.
            let bits = u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *mask |= bits << (8 * byte);
        }
    }
    masks
}

/// The bits that are set in any value of a column, for at most 64 columns.
#[inline(always)]
fn bits_of_any(group: [&[f32]; ROW_GROUP]) -> [u32; BLOCK] {
    let mut all = [0; BLOCK];
    // The rows of a whole block have a length that is known, so that no value goes through memory.
    if let [Some(first), Some(second), Some(third)] = group.map(|row| row.first_chunk::<BLOCK>()) {
        return std::array::from_fn(|col| first[col].to_bits() | second[col].to_bits() | third[col].to_bits());
    }
    for row in group {
        for (all, x) in all.iter_mut().zip(row) {
            *all |= x.to_bits();
        }
    }
    all
}

/// The same from flags, which have a row for each column.
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

/// Sparse matrices for the tests of this file and of the products that use it.
#[cfg(test)]
pub(crate) mod cases {
    use super::*;

    /// Rows on both sides of the edges of groups, tiles, blocks of rows and of groups.
    const ROWS: [usize; 11] = [1, 2, 3, 4, 5, 7, 15, 64, 65, 255, 261];
    /// Columns on both sides of the edges of masks and of blocks of columns.
    const COLS: [usize; 9] = [1, 4, 5, 63, 65, 511, 512, 513, 784];
    const OUTPUTS: [usize; 5] = [64, 65, 97, 100, 128];

    /// Which elements are not 0, by row and column.
    pub(crate) const PATTERNS: [fn(usize, usize) -> bool; 8] = [
        |_, _| true,
        |_, _| false,
        |row, col| row == col,
        |row, col| col + 1 == row,
        |row, _| row % 5 == 4,
        |_, col| !(3..60).contains(&col),
        |row, col| (row / 4 + col / 8) % 3 == 0,
        |row, col| (row * 31 + col) * 2_654_435_761 % 97 < 9,
    ];

    pub(crate) fn value(index: usize) -> f32 {
        (index * 7_919 % 1_009) as f32 / 1_009.0 - 0.4
    }

    pub(crate) fn matrix(rows: usize, cols: usize, is_nonzero: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        let value = |i| if is_nonzero(i / cols, i % cols) { value(i) } else { 0.0 };
        (0..rows * cols).map(value).collect()
    }

    pub(crate) fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
        let pairs = ROWS.into_iter().flat_map(|rows| COLS.map(|cols| (rows, cols)));
        pairs
            .enumerate()
            .map(|(index, (rows, cols))| (rows, cols, OUTPUTS[index % OUTPUTS.len()]))
    }

    /// Memory with content that no list has.
    pub(super) fn memory(rows: usize, cols: usize) -> NonzeroColumns {
        let mut memory = NonzeroColumns::with_capacity(rows, cols);
        memory.columns.fill(Column::MAX);
        memory.values.fill(f32::NAN);
        memory
    }

    /// The nonzero columns of `aᵀ`.
    pub(crate) fn find_transposed(kernel: Kernel, a: MatRef<'_>) -> NonzeroColumns {
        let groups = a.cols().div_ceil(ROW_GROUP);
        let mut flags = vec![f32::NAN; a.rows() * groups];
        for (row, flags) in flags.chunks_exact_mut(groups).enumerate() {
            row_group_flags(kernel, a.row(row), flags);
        }
        let mut nonzero = memory(a.cols(), a.rows());
        let flags = MatRef::row_major(&flags, a.rows(), groups).unwrap();
        nonzero.find_transposed(kernel, flags, a);
        nonzero
    }
}

#[cfg(test)]
mod tests {
    use super::{
        cases::{PATTERNS, find_transposed, matrix, memory, shapes},
        *,
    };

    fn assert_lists(actual: Option<NonzeroRef<'_>>, expected: &[Vec<usize>], cols: usize, what: &str) {
        let Some(actual) = actual else {
            let nonzero: usize = expected.iter().map(Vec::len).sum();
            let middle = &expected[expected.len() / 2];
            let is_worth_it = is_worth_it(nonzero, expected.len() * cols.max(1)) && is_worth_it(middle.len(), cols);
            assert!(!is_worth_it, "{what}: no lists");
            return;
        };
        for (group, expected) in expected.iter().enumerate() {
            let list: Vec<_> = actual
                .group_of(group * ROW_GROUP)
                .0
                .iter()
                .map(|&col| usize::from(col))
                .collect();
            assert_eq!(&list, expected, "{what}, group {group}");
        }
    }

    #[test]
    fn lists_hold_every_nonzero_column() {
        for kernel in Kernel::available() {
            for (rows, cols, _) in shapes() {
                for (index, is_nonzero) in PATTERNS.into_iter().enumerate().skip(1) {
                    let what = format!("{kernel}, {rows}x{cols}, pattern {index}");
                    let x = matrix(rows, cols, is_nonzero);
                    let rows_of = |first: usize| first..rows.min(first + ROW_GROUP);
                    let any = |first: usize, col: usize| rows_of(first).any(|row| x[row * cols + col] != 0.0);
                    let expected: Vec<Vec<_>> = (0..rows)
                        .step_by(ROW_GROUP)
                        .map(|first| (0..cols).filter(|&col| any(first, col)).collect())
                        .collect();
                    let mut memory = memory(rows, cols);
                    let a = MatRef::row_major(&x, rows, cols).unwrap();
                    let actual = nonzero_columns(kernel, a, (&mut memory.columns, &mut memory.values));
                    assert_lists(actual, &expected, cols, &what);
                    let transposed = matrix(cols, rows, |row, col| x[col * cols + row] != 0.0);
                    let nonzero = find_transposed(kernel, MatRef::row_major(&transposed, cols, rows).unwrap());
                    assert_lists(nonzero.get(), &expected, cols, &what);
                }
            }
        }
    }

    #[test]
    fn nan_infinity_and_subnormals_are_nonzero() {
        let x = [0.0, f32::NAN, 0.0, f32::INFINITY, 0.0, 1e-45, 0.0, -1e-38, 0.0];
        let mut memory = memory(1, 9);
        let a = MatRef::row_major(&x, 1, 9).unwrap();
        let nonzero = nonzero_columns(Kernel::PORTABLE, a, (&mut memory.columns, &mut memory.values));
        assert_eq!(nonzero.unwrap().group_of(0).0, [1, 3, 5, 7]);
        let nonzero = find_transposed(Kernel::PORTABLE, MatRef::row_major(&x, 9, 1).unwrap());
        assert_eq!(nonzero.get().unwrap().group_of(0).0, [1, 3, 5, 7]);
    }

    #[test]
    fn dense_or_large_matrices_have_no_lists() {
        let mut room = memory(8, 20);
        for (rows, fill, is_listed) in [(8, 0.0, true), (8, 1.0, false), (12, 0.0, false), (1, 0.0, true)] {
            let x = vec![fill; rows * 20];
            let a = MatRef::row_major(&x, rows, 20).unwrap();
            let nonzero = nonzero_columns(Kernel::PORTABLE, a, (&mut room.columns, &mut room.values));
            assert_eq!(nonzero.is_some(), is_listed, "{rows} rows of {fill}");
        }
        let x = vec![0.0; 70_000];
        let mut room = memory(1, 70_000);
        let a = MatRef::row_major(&x, 1, 70_000).unwrap();
        let nonzero = nonzero_columns(Kernel::PORTABLE, a, (&mut room.columns, &mut room.values));
        assert!(nonzero.is_none(), "a column's number has 16 bits");
    }

    /// Sizes whose products overflow: there is no memory for them, and no old list is taken for one of theirs.
    #[test]
    fn huge_matrices_have_no_lists() {
        const HUGE: usize = usize::MAX;
        let mut room = memory(9, 9);
        for (rows, cols) in [
            (HUGE, 9),
            (HUGE / 18 * 3 + 3, 9),
            (1, HUGE),
            (HUGE, HUGE),
            (3 << (usize::BITS - 2), 4),
        ] {
            assert_eq!(room.columns.get(..NonzeroColumns::columns_len(rows, cols)), None);
            let a = MatRef::new(&[0.0], rows, cols, 0, 0).unwrap();
            let nonzero = nonzero_columns(Kernel::PORTABLE, a, (&mut room.columns, &mut room.values));
            assert!(nonzero.is_none(), "{rows}x{cols}");
        }
    }

    #[test]
    fn a_matrix_without_lists_hides_those_of_the_one_before() {
        let mut room = memory(6, 8);
        let (zeros, ones) = ([0.0; 48], [1.0; 48]);
        let a = |x| MatRef::row_major(x, 8, 6).unwrap();
        let flags = |x| MatRef::row_major(x, 8, 2).unwrap();
        room.find_transposed(Kernel::PORTABLE, flags(&zeros), a(&zeros));
        assert!(room.get().is_some());
        room.find_transposed(Kernel::PORTABLE, flags(&ones), a(&ones));
        assert!(room.get().is_none());
    }
}
