//! Matrix products: cubes, and the shapes of dense layers.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;

use benches::{GEMM_SHAPES, values};
use criterion::{Criterion, Throughput, criterion_group};
use nn_core::gemm::{MatMut, MatRef, gemm};

/// One group per shape, rows × inner dimension × columns, in operations per second: two for each multiply-add.
fn matmul(criterion: &mut Criterion) {
    for (m, n, k) in GEMM_SHAPES {
        let (a, b, mut c) = (values(m * k), values(k * n), vec![0.0; m * n]);
        let mut group = criterion.benchmark_group(format!("gemm/{m}x{k}x{n}"));
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        group.bench_function("nn-core", |bencher| {
            bencher.iter(|| {
                let a = MatRef::row_major(black_box(&a), m, k).expect("as long as its shape");
                let b = MatRef::row_major(&b, k, n).expect("as long as its shape");
                let c = MatMut::row_major(&mut c, m, n).expect("as long as its shape");
                gemm(1.0, a, b, 0.0, c).expect("the shapes fit");
            });
        });
        #[cfg(feature = "peers")]
        for product in benches::peers::products::Product::ALL {
            group.bench_function(benches::timing::Library::name(&product), |bencher| {
                bencher.iter(|| product.multiply((m, n, k), black_box(&a), &b, &mut c));
            });
        }
        group.finish();
    }
}

criterion_group!(name = groups; config = benches::criterion(); targets = matmul);

fn main() {
    benches::run(groups);
}
