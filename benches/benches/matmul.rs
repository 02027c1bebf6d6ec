//! Matrix products: cubes, and the shapes that the networks multiply.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{GEMM_SHAPES, values};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nn_core::gemm::{MatMut, MatRef, gemm};

fn matmul(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for (m, n, k) in GEMM_SHAPES {
        let (a, b, mut c) = (values(m * k), values(k * n), vec![0.0; m * n]);
        group.throughput(Throughput::ElementsAndBytes {
            elements: (2 * m * n * k) as u64,
            bytes: 4 * (m * k + k * n + m * n) as u64,
        });
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bencher| {
            bencher.iter(|| {
                let a = MatRef::row_major(&a, m, k).expect("as long as its shape");
                let b = MatRef::row_major(&b, k, n).expect("as long as its shape");
                let c = MatMut::row_major(&mut c, m, n).expect("as long as its shape");
                gemm(1.0, a, b, 0.0, c).expect("the shapes fit");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, matmul);
criterion_main!(benches);
