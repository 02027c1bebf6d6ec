//! Times training, prediction or matrix products of nn-core, and with the feature `peers` of candle, gemm and
//! matrixmultiply.

use std::{hint::black_box, process::ExitCode};

use benches::{
    OptimizerKind,
    timing::{self, Call, Failure, Job, Library, Operands},
};
use nn_core::{
    Trainer, Workspace,
    gemm::{MatMut, MatRef, gemm},
};

struct NnCore;

impl Library for NnCore {
    fn name(&self) -> &'static str {
        "nn-core"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn training<'a>(
        &self,
        job: Job<'a>,
        optimizer: OptimizerKind,
        learning_rate: f32,
    ) -> Result<Call<'a, f32>, Failure> {
        let mut trainer = Trainer::new(job.network.clone(), optimizer.with(learning_rate), job.batch)?;
        Ok(Box::new(move |index| {
            let (images, labels) = job.data.batch(index, job.batch);
            Ok(trainer.step(images, labels)?.loss)
        }))
    }

    fn prediction<'a>(&self, job: Job<'a>) -> Result<Call<'a, ()>, Failure> {
        let mut workspace = Workspace::new(job.network, job.batch)?;
        Ok(Box::new(move |index| {
            let images = job.data.batch(index, job.batch).0;
            black_box(job.network.forward(images, &mut workspace)?);
            Ok(())
        }))
    }

    fn product<'a>(&self, operands: Operands<'a>) -> Result<Call<'a, ()>, Failure> {
        let Operands { shape, a, b, c } = operands;
        let (m, n, k) = shape;
        Ok(Box::new(move |_| {
            let (a, b) = (MatRef::row_major(a, m, k)?, MatRef::row_major(b, k, n)?);
            Ok(gemm(1.0, a, b, 0.0, MatMut::row_major(c, m, n)?)?)
        }))
    }
}

fn main() -> ExitCode {
    timing::main(&[
        &NnCore,
        #[cfg(feature = "peers")]
        &benches::peers::candle::Candle,
        #[cfg(feature = "peers")]
        &benches::peers::products::Product::Gemm,
        #[cfg(feature = "peers")]
        &benches::peers::products::Product::MatrixMultiply,
    ])
}
