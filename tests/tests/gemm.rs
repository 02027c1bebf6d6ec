//! Matrix multiplication against a naive implementation: every kernel, shape, stride, special value and number of
//! threads.

use nn_core::{
    Kernel,
    gemm::{MatMut, MatRef, gemm, gemm_with},
};
use proptest::prelude::*;
use tests::{
    close::{assert_same_bits, compare_ieee},
    data::{assert_error, values},
    naive::{self, Layout},
    threads::{assert_same_on_any_threads, on_threads},
};

/// The value around and between the elements of C, which must not change.
const CANARY: f32 = -12_345.678;
/// Canaries before and after C.
const MARGIN: usize = 7;
/// Sizes around the edges of tiles (6, 14, 16), pairs of panels (32) and halved blocks (128, 256).
const SMALL: [usize; 12] = [0, 1, 2, 5, 6, 7, 13, 14, 15, 16, 17, 29];
const LARGE: [usize; 8] = [31, 33, 127, 128, 129, 255, 256, 257];
/// `alpha` and `beta`.
const FACTORS: [(f32, f32); 8] = [
    (1.0, 0.0),
    (1.0, 1.0),
    (-0.5, 0.0),
    (2.5, -1.5),
    (0.0, 0.0),
    (0.0, 1.0),
    (0.0, 0.5),
    (-1.0, 2.0),
];

/// How a matrix is stored.
#[derive(Clone, Copy, Debug)]
enum Storage {
    RowMajor,
    ColumnMajor,
    /// Row-major, with other data between the rows.
    RowMajorPadded,
    /// Column-major, with other data between the columns.
    ColumnMajorPadded,
    /// No two elements are neighbors.
    Strided,
    /// One row, repeated.
    SameRow,
    /// One column, repeated.
    SameColumn,
    /// One value, repeated.
    SameValue,
}

use Storage::{ColumnMajor, ColumnMajorPadded, RowMajor, RowMajorPadded, SameColumn, SameRow, SameValue, Strided};

const READABLE: [Storage; 8] = [
    RowMajor,
    ColumnMajor,
    RowMajorPadded,
    ColumnMajorPadded,
    Strided,
    SameRow,
    SameColumn,
    SameValue,
];
const WRITABLE: [Storage; 5] = [RowMajor, ColumnMajor, RowMajorPadded, ColumnMajorPadded, Strided];

impl Storage {
    fn layout(self, rows: usize, cols: usize) -> Layout {
        let (row_stride, col_stride) = match self {
            RowMajor => (cols, 1),
            ColumnMajor => (1, rows),
            RowMajorPadded => (cols + 3, 1),
            ColumnMajorPadded => (1, rows + 5),
            Strided => (2 * cols + 1, 2),
            SameRow => (0, 1),
            SameColumn => (1, 0),
            SameValue => (0, 0),
        };
        Layout {
            rows,
            cols,
            row_stride,
            col_stride,
        }
    }
}

/// A product to check.
#[derive(Clone, Debug)]
struct Case {
    a: (Vec<f32>, Layout),
    b: (Vec<f32>, Layout),
    /// Surrounded by canaries, which the layout leaves out.
    c: (Vec<f32>, Layout),
    alpha: f32,
    beta: f32,
}

impl Case {
    fn new([m, n, k]: [usize; 3], [a, b, c]: [Storage; 3], (alpha, beta): (f32, f32)) -> Self {
        Self::of_layouts(a.layout(m, k), b.layout(k, n), c.layout(m, n), (alpha, beta))
    }

    fn of_layouts(a: Layout, b: Layout, c: Layout, (alpha, beta): (f32, f32)) -> Self {
        let mut padded_c = vec![CANARY; c.span() + 2 * MARGIN];
        for (position, value) in c.positions().zip(values(3, c.rows * c.cols)) {
            // C must not be read if `beta` is 0: NaN would be propagated.
            padded_c[MARGIN + position] = if beta == 0.0 { f32::NAN } else { value };
        }
        Self {
            a: (values(1, a.span()), a),
            b: (values(2, b.span()), b),
            c: (padded_c, c),
            alpha,
            beta,
        }
    }

    /// The slice of C after the product, canaries included.
    fn compute(&self, kernel: Kernel) -> Vec<f32> {
        let mut c = self.c.0.clone();
        let end = c.len() - MARGIN;
        let target = view_mut(&mut c[MARGIN..end], self.c.1);
        let outcome = gemm_with(kernel, self.alpha, view(&self.a), view(&self.b), self.beta, target);
        outcome.unwrap_or_else(|error| panic!("{}: {error}", self.describe(kernel)));
        c
    }

    fn check(&self, kernel: Kernel) {
        self.check_values(kernel, &self.compute(kernel));
    }

    fn check_values(&self, kernel: Kernel, actual: &[f32]) {
        let (c, layout) = &self.c;
        let inner = MARGIN..c.len() - MARGIN;
        let (a, b) = ((&self.a.0[..], self.a.1), (&self.b.0[..], self.b.1));
        let product = naive::gemm(self.alpha, a, b, self.beta, (&c[inner.clone()], *layout));
        if let Err(mismatch) = compare_ieee(&actual[inner.clone()], &product.values, &product.rounding) {
            panic!("{}: {mismatch}", self.describe(kernel));
        }
        assert_same_bits("before C", &actual[..inner.start], &c[..inner.start]);
        assert_same_bits("after C", &actual[inner.end..], &c[inner.end..]);
    }

    fn describe(&self, kernel: Kernel) -> String {
        let Self { a, b, c, alpha, beta } = self;
        format!("{kernel}: {alpha}·{:?}·{:?} + {beta}·{:?}", a.1, b.1, c.1)
    }
}

fn view((values, layout): &(Vec<f32>, Layout)) -> MatRef<'_> {
    let Layout {
        rows,
        cols,
        row_stride,
        col_stride,
    } = *layout;
    MatRef::new(values, rows, cols, row_stride, col_stride).expect("inside the slice")
}

fn view_mut(values: &mut [f32], layout: Layout) -> MatMut<'_> {
    let Layout {
        rows,
        cols,
        row_stride,
        col_stride,
    } = layout;
    MatMut::new(values, rows, cols, row_stride, col_stride).expect("inside the slice, no overlap")
}

/// Checks a case on every kernel.
fn check(case: &Case) {
    Kernel::available().for_each(|kernel| case.check(kernel));
}

#[test]
fn small_shapes() {
    for (index, m) in SMALL.into_iter().enumerate() {
        for n in SMALL {
            for (other, k) in SMALL.into_iter().enumerate() {
                check(&Case::new([m, n, k], [RowMajor; 3], FACTORS[(index + other) % 4]));
            }
        }
    }
}

/// Each shape of a tile has its own code: up to as many rows as any kernel has, and any number of panels.
#[test]
fn every_tile() {
    for m in 1..=16 {
        for n in [1, 16, 17, 32, 33, 48, 50, 64, 66, 80, 96, 97, 112, 128] {
            for (index, k) in [1, 3, 16].into_iter().enumerate() {
                check(&Case::new([m, n, k], [RowMajor; 3], FACTORS[(m + index) % 4]));
            }
        }
    }
}

#[test]
fn large_sizes_in_every_dimension() {
    for (index, large) in LARGE.into_iter().enumerate() {
        let small = |offset: usize| SMALL[1 + (index + offset) % (SMALL.len() - 1)];
        let other = LARGE[(index * 3 + 1) % LARGE.len()];
        for shape in [
            [large, small(0), small(1)],
            [small(2), large, small(3)],
            [small(4), small(5), large],
            [large, other, small(6)],
            [small(7), large, other],
            [other, small(1), large],
        ] {
            check(&Case::new(shape, [RowMajor; 3], FACTORS[index % 4]));
        }
    }
    // Larger than a block; B packed and in place; rows of A more than a page apart.
    for shape in [
        [129, 257, 255],
        [257, 129, 513],
        [31, 2049, 40],
        [20, 64, 1030],
        [70, 300, 1100],
    ] {
        check(&Case::new(shape, [RowMajor; 3], (1.0, 1.0)));
    }
}

/// Rows of A that are far apart are packed. Without columns there is nothing to pack, but C is still scaled.
#[test]
fn no_columns_of_a_with_rows_far_apart() {
    for (row_stride, col_stride) in [(2000, 1), (1, 2000), (2000, 2)] {
        let a = Layout {
            rows: 2,
            cols: 0,
            row_stride,
            col_stride,
        };
        for factors in FACTORS {
            for c in WRITABLE {
                check(&Case::of_layouts(a, RowMajor.layout(0, 32), c.layout(2, 32), factors));
            }
        }
    }
}

#[test]
fn every_storage_of_a_b_and_c() {
    let shapes = [
        [1, 1, 1],
        [7, 17, 5],
        [6, 16, 33],
        [17, 1, 16],
        [1, 33, 31],
        [13, 130, 300],
    ];
    for (which, shape) in shapes.into_iter().enumerate() {
        for (index, a) in READABLE.into_iter().enumerate() {
            for (other, b) in READABLE.into_iter().enumerate() {
                for c in WRITABLE {
                    check(&Case::new(
                        shape,
                        [a, b, c],
                        FACTORS[(which + index + other) % FACTORS.len()],
                    ));
                }
            }
        }
    }
}

#[test]
fn every_pair_of_factors() {
    for factors in FACTORS {
        for c in WRITABLE {
            for shape in [[5, 7, 2], [19, 35, 270], [3, 4, 0]] {
                check(&Case::new(shape, [RowMajor, RowMajor, c], factors));
            }
        }
    }
}

#[test]
fn nan_and_infinity_are_propagated() {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
    for storage in [RowMajor, ColumnMajor, Strided] {
        for factors in [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (-2.0, 0.5)] {
            for (index, value) in special.into_iter().enumerate() {
                let mut case = Case::new([9, 35, 18], [storage; 3], factors);
                // Alone, two in the same sum, and one in C if it is read.
                let a = case.a.1;
                case.a.0[a.at(2, 3)] = value;
                case.a.0[a.at(8, 17)] = special[(index + 1) % special.len()];
                let b = case.b.1;
                case.b.0[b.at(3, 4)] = value;
                case.b.0[b.at(3, 5)] = 0.0;
                case.b.0[b.at(17, 34)] = special[(index + 2) % special.len()];
                if factors.1 != 0.0 {
                    let c = case.c.1;
                    case.c.0[MARGIN + c.at(4, 6)] = value;
                }
                check(&case);
            }
        }
    }
}

#[test]
fn a_nan_stays_in_its_row_and_column() {
    let mut case = Case::new([7, 19, 300], [RowMajor; 3], (1.0, 0.0));
    let (a, b, c) = (case.a.1, case.b.1, case.c.1);
    case.a.0[a.at(3, 299)] = f32::NAN;
    case.b.0[b.at(0, 18)] = f32::NAN;
    for kernel in Kernel::available() {
        let values = case.compute(kernel);
        for row in 0..7 {
            for col in 0..19 {
                let value = values[MARGIN + c.at(row, col)];
                assert_eq!(
                    value.is_nan(),
                    row == 3 || col == 18,
                    "{kernel}: ({row}, {col}) is {value}"
                );
            }
        }
    }
}

#[test]
fn bits_are_the_same_for_any_number_of_threads() {
    for (shape, storages) in [
        ([200, 300, 400], [RowMajor, RowMajor, RowMajor]),
        ([200, 300, 400], [ColumnMajor, ColumnMajor, ColumnMajor]),
        ([130, 257, 300], [Strided, ColumnMajorPadded, Strided]),
        ([60, 512, 700], [RowMajor, RowMajor, RowMajor]),
        ([200, 300, 1100], [RowMajor, RowMajor, RowMajor]),
        ([1, 5000, 300], [RowMajor, RowMajor, RowMajor]),
        ([1, 5000, 300], [RowMajor, ColumnMajor, ColumnMajorPadded]),
        ([5000, 3, 64], [RowMajor, RowMajor, RowMajor]),
        ([5000, 3, 64], [ColumnMajor, RowMajor, ColumnMajor]),
        ([5, 4500, 257], [RowMajorPadded, RowMajor, RowMajorPadded]),
    ] {
        let case = Case::new(shape, storages, (1.5, 0.5));
        for kernel in Kernel::available() {
            let values = assert_same_on_any_threads(format!("{kernel}, {shape:?}"), || case.compute(kernel));
            case.check_values(kernel, &values);
        }
    }
}

#[test]
fn products_may_be_nested() {
    // A thread that waits for a part of one product may start another, with the same scratch memory.
    let case = Case::new([150, 140, 300], [ColumnMajor, RowMajor, RowMajor], (1.0, 0.0));
    for kernel in Kernel::available() {
        let expected = case.compute(kernel);
        let all = on_threads(3, || {
            use rayon::prelude::*;
            (0..24)
                .into_par_iter()
                .map(|_| case.compute(kernel))
                .collect::<Vec<_>>()
        });
        for values in all {
            assert_same_bits(format!("{kernel}"), &values, &expected);
        }
    }
}

#[test]
fn the_active_kernel_is_available() {
    let active = Kernel::active().unwrap();
    assert!(Kernel::available().any(|kernel| kernel == active));
    let case = Case::new([20, 30, 40], [RowMajor; 3], (1.0, 0.0));
    let mut c = vec![0.0; 600];
    let target = view_mut(&mut c, case.c.1);
    gemm(1.0, view(&case.a), view(&case.b), 0.0, target).unwrap();
    assert_same_bits("gemm", &c, &case.compute(active)[MARGIN..][..600]);
}

#[test]
fn mismatched_shapes_are_reported() {
    let values = [0.0; 36];
    let matrix = |(rows, cols)| MatRef::row_major(&values, rows, cols).unwrap();
    for (a, b, c, message) in [
        ((2, 3), (4, 5), (2, 5), "2x3 times 4x5 into 2x5"),
        ((2, 3), (3, 5), (3, 5), "2x3 times 3x5 into 3x5"),
        ((2, 3), (3, 5), (2, 4), "2x3 times 3x5 into 2x4"),
        ((2, 3), (3, 5), (5, 2), "2x3 times 3x5 into 5x2"),
        ((2, 0), (1, 5), (2, 5), "2x0 times 1x5 into 2x5"),
        ((0, 3), (3, 5), (1, 5), "0x3 times 3x5 into 1x5"),
    ] {
        for kernel in Kernel::available() {
            let mut target = [CANARY; 25];
            let view = MatMut::row_major(&mut target, c.0, c.1).unwrap();
            let outcome = gemm_with(kernel, 1.0, matrix(a), matrix(b), 0.0, view);
            assert_error(outcome, &["matrix product", message, "does not fit"]);
            assert_eq!(target, [CANARY; 25]);
        }
    }
}

#[test]
fn invalid_views_are_reported() {
    let mut values = [0.0; 12];
    assert_error(
        MatRef::new(&values, 3, 4, 5, 1),
        &["3x4", "(5, 1)", "12 values", "outside"],
    );
    assert_error(
        MatRef::row_major(&values, 4, 4),
        &["4x4", "(4, 1)", "12 values", "outside"],
    );
    assert_error(MatMut::row_major(&mut values, 1, 13), &["1x13", "outside"]);
    assert_error(MatMut::new(&mut values, 3, 4, 3, 1), &["3x4", "(3, 1)", "share memory"]);
    assert_error(MatMut::new(&mut values, 2, 4, 0, 1), &["2x4", "(0, 1)", "share memory"]);
    for huge in [usize::MAX, usize::MAX / 2 + 1, 1 << (usize::BITS - 24)] {
        assert!(MatRef::new(&values, huge, huge, 1, 1).is_err());
        assert!(MatRef::new(&values, 2, 2, huge, huge).is_err());
        assert!(MatMut::new(&mut values, huge, 2, 1, huge).is_err());
        assert!(MatMut::new(&mut values, 2, huge, huge, 1).is_err());
        assert!(MatRef::new(&[], huge, 0, huge, huge).is_ok());
        assert!(MatMut::new(&mut [], 0, huge, huge, huge).is_ok());
    }
}

/// A size, often at the edge of a block.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![0..=40usize, proptest::sample::select(vec![63, 64, 65, 127, 128, 129])]
}

/// Layout of a matrix to write: row-major or column-major, with gaps of any size.
fn writable(rows: usize, cols: usize) -> impl Strategy<Value = Layout> {
    (any::<bool>(), 1..4usize, 0..9usize).prop_map(move |(by_columns, inner, gap)| {
        let (outer_count, inner_count) = if by_columns { (cols, rows) } else { (rows, cols) };
        let outer = if outer_count == 0 {
            0
        } else {
            inner * inner_count.max(1) + gap
        };
        let (row_stride, col_stride) = if by_columns { (inner, outer) } else { (outer, inner) };
        Layout {
            rows,
            cols,
            row_stride,
            col_stride,
        }
    })
}

/// Layout of a matrix to read, with any strides: it may overlap itself.
fn readable(rows: usize, cols: usize) -> impl Strategy<Value = Layout> {
    let any = (0..50usize, 0..50usize).prop_map(move |(row_stride, col_stride)| Layout {
        rows,
        cols,
        row_stride,
        col_stride,
    });
    prop_oneof![writable(rows, cols), any]
}

fn case() -> impl Strategy<Value = Case> {
    let factor = || proptest::sample::select(vec![0.0f32, 1.0, -1.0, 0.5, -3.25]);
    (size(), size(), size()).prop_flat_map(move |(m, n, k)| {
        (readable(m, k), readable(k, n), writable(m, n), factor(), factor())
            .prop_map(|(a, b, c, alpha, beta)| Case::of_layouts(a, b, c, (alpha, beta)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_shapes_and_strides(case in case()) {
        check(&case);
    }

    /// The unsafe code relies on it: every element of a view lies inside its slice, and no two of a mutable view share
    /// memory.
    #[test]
    fn only_sound_views_are_accepted(
        len in 0..40usize, rows in 0..7usize, cols in 0..7usize, row_stride in 0..12usize, col_stride in 0..12usize,
    ) {
        let layout = Layout { rows, cols, row_stride, col_stride };
        let mut positions: Vec<_> = layout.positions().collect();
        let inside = layout.span() <= len;
        let mut values = vec![0.0; len];
        prop_assert_eq!(MatRef::new(&values, rows, cols, row_stride, col_stride).is_ok(), inside);
        positions.sort_unstable();
        positions.dedup();
        let apart = positions.len() == rows * cols;
        if MatMut::new(&mut values, rows, cols, row_stride, col_stride).is_ok() {
            prop_assert!(inside && apart);
        }
    }
}
