//! Parts that the benches share: the workloads, their data, and ways to time them.

#[cfg(feature = "peers")]
pub mod peers;
pub mod pictures;
pub mod timing;

use std::time::{Duration, Instant};

use clap::ValueEnum;
use criterion::Criterion;
use mnist_io::Mnist;
use nn_core::{
    Network, Result, Trainer,
    optim::{Adam, Optimizer, Sgd},
};

/// Network, and the settings of its training.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Short name.
    pub name: &'static str,
    /// Network in text form.
    pub net: &'static str,
    /// Batch size.
    pub batch: usize,
    /// Optimizer.
    pub optimizer: OptimizerKind,
    /// Learning rate.
    pub learning_rate: f32,
}

/// Optimizer with its usual settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptimizerKind {
    /// Plain stochastic gradient descent.
    Sgd,
    /// Adam.
    Adam,
}

impl OptimizerKind {
    /// Optimizer with that learning rate.
    #[must_use]
    pub fn with(self, learning_rate: f32) -> Optimizer {
        match self {
            Self::Sgd => Sgd::new(learning_rate).into(),
            Self::Adam => Adam::new(learning_rate).into(),
        }
    }
}

const MLP_S: &str = "784 | dense 128 | relu | dense 64 | relu | dense 10";

/// LeNet-5 with `$activation` in place of tanh.
macro_rules! lenet5 {
    ($name:literal, $activation:literal) => {
        Workload {
            name: $name,
            net: concat!(
                "28x28x1 | conv 6 5x5 pad 2 | ",
                $activation,
                " | avgpool 2 | conv 16 5x5 | ",
                $activation,
                " | avgpool 2 | dense 120 | ",
                $activation,
                " | dense 84 | ",
                $activation,
                " | dense 10"
            ),
            batch: 64,
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.05,
        }
    };
}

/// Training workloads.
pub const WORKLOADS: [Workload; 10] = [
    Workload {
        name: "mlp-s",
        net: MLP_S,
        batch: 32,
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.1,
    },
    Workload {
        name: "mlp-s-128",
        net: MLP_S,
        batch: 128,
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.1,
    },
    Workload {
        name: "mlp-l",
        net: "784 | dense 1024 | relu | dense 1024 | relu | dense 10",
        batch: 256,
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.05,
    },
    Workload {
        name: "cnn-seed",
        net: "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 \
              | dense 64 | relu | dense 32 | relu | dense 10",
        batch: 32,
        optimizer: OptimizerKind::Adam,
        learning_rate: 0.001,
    },
    Workload {
        name: "cnn-basic",
        net: "28x28x1 | conv 32 3x3 | relu | conv 64 3x3 | relu | maxpool 2 | dense 128 | relu | dense 10",
        batch: 64,
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.05,
    },
    lenet5!("lenet5", "tanh"),
    lenet5!("lenet5-gelu", "gelu"),
    Workload {
        // SGD needs epochs before the loss falls.
        optimizer: OptimizerKind::Adam,
        learning_rate: 0.002,
        ..lenet5!("lenet5-sigmoid", "sigmoid")
    },
    lenet5!("lenet5-leakyrelu", "leakyrelu 0.01"),
    lenet5!("lenet5-batchnorm", "batchnorm | tanh"),
];

/// Workloads whose networks are timed in prediction.
pub const PREDICTIONS: [&str; 2] = ["mlp-s", "cnn-seed"];

/// Batch sizes of prediction: one image, what a server collects, and many.
pub const PREDICTION_BATCHES: [usize; 6] = [1, 2, 4, 8, 16, 1_000];

/// Matrix products to time, as (m, n, k): cubes, then the forward products of dense layers (batch, outputs, inputs).
pub const GEMM_SHAPES: [(usize, usize, usize); 10] = [
    (64, 64, 64),
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (32, 128, 784),
    (128, 128, 784),
    (256, 1024, 784),
    (256, 1024, 1024),
];

/// Workload of that name.
#[must_use]
pub fn workload(name: &str) -> Option<Workload> {
    WORKLOADS.into_iter().find(|workload| workload.name == name)
}

/// MNIST's training images as f32 in 0..=1, all in memory, used in contiguous batches.
#[derive(Clone, Debug)]
pub struct Resident {
    images: Vec<f32>,
    labels: Vec<usize>,
    pixels: usize,
}

impl Resident {
    /// Unpacks the data set that is embedded in `mnist-io`.
    ///
    /// # Panics
    /// If it is damaged, which the tests of mnist-io rule out.
    #[must_use]
    pub fn load() -> Self {
        let train = Mnist::embedded().expect("the embedded data set is whole").train;
        let pixels = train.shape().len();
        Self {
            images: train.images().iter().map(|&pixel| f32::from(pixel) / 255.0).collect(),
            labels: train.labels().to_vec(),
            pixels,
        }
    }

    /// All images, `[images, pixels]`.
    #[must_use]
    pub fn images(&self) -> &[f32] {
        &self.images
    }

    /// Labels, `[images]`.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Images and labels of batch `index`; after the last whole batch comes the first again.
    #[must_use]
    pub fn batch(&self, index: usize, batch: usize) -> (&[f32], &[usize]) {
        let first = index % (self.labels.len() / batch) * batch;
        let images = &self.images[first * self.pixels..(first + batch) * self.pixels];
        (images, &self.labels[first..first + batch])
    }
}

/// Network of that text form with the weights of seed 1.
///
/// # Errors
/// If the text describes no network.
pub fn network(net: &str) -> Result<Network> {
    Network::new(net.parse()?, 1)
}

impl Workload {
    /// Network with the weights of seed 1.
    ///
    /// # Panics
    /// If the text form is wrong.
    #[must_use]
    pub fn network(&self) -> Network {
        network(self.net).expect("a network")
    }

    /// Trainer of the network.
    ///
    /// # Panics
    /// If a setting is wrong.
    #[must_use]
    pub fn trainer(&self) -> Trainer {
        Trainer::new(self.network(), self.optimizer.with(self.learning_rate), self.batch).expect("valid settings")
    }
}

/// Settings of criterion; all benches together take about three minutes.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

/// Runs criterion's groups on a thread of rayon's pool, as a program that trains should: a call from outside waits for
/// the pool to wake.
pub fn run(groups: fn()) {
    let all = || {
        groups();
        Criterion::default().configure_from_args().final_summary();
    };
    rayon::join(all, || ());
}

/// Pseudo-random values in -0.5..0.5, for operands.
#[must_use]
pub fn values(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

/// Parses a number of seconds.
///
/// # Errors
/// If it is not from 0 to 3600.
pub fn seconds(text: &str) -> std::result::Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "it has to be a number of seconds from 0 to 3600".to_owned())
}

/// Seconds that `calls` calls take; the argument counts up from `first`.
pub fn time(first: usize, calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (first..first + calls).for_each(&mut call);
    start.elapsed().as_secs_f64()
}

/// Calls until `seconds` have passed. Returns the number of calls and the seconds they took.
pub fn run_for(seconds: f64, mut call: impl FnMut(usize)) -> (usize, f64) {
    let start = Instant::now();
    for index in 0.. {
        call(index);
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= seconds {
            return (index + 1, elapsed);
        }
    }
    unreachable!("the loop ends by returning")
}

/// Warm-up steps, which are not timed.
pub const WARM_UP: usize = 20;

/// Result of timed training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Loss of each step, the warm-up included.
    pub losses: Vec<f32>,
    /// Timed steps.
    pub steps: usize,
    /// Seconds that they took.
    pub seconds: f64,
}

/// Takes training steps for that time, after [`WARM_UP`] steps. `step` gets the index of the batch and returns the loss.
///
/// # Errors
/// Those of `step`.
pub fn train_for<E>(
    seconds: f64,
    mut step: impl FnMut(usize) -> std::result::Result<f32, E>,
) -> std::result::Result<Trained, E> {
    let mut losses = Vec::new();
    let mut failure = None;
    let mut record = |index: usize| match step(index) {
        Ok(loss) => losses.push(loss),
        Err(error) => failure = Some(error),
    };
    (0..WARM_UP).for_each(&mut record);
    let (steps, seconds) = run_for(seconds, |index| record(WARM_UP + index));
    match failure {
        Some(error) => Err(error),
        None => Ok(Trained { losses, steps, seconds }),
    }
}

/// Runs `f` on that many threads.
///
/// # Errors
/// If the system has no threads left.
pub fn on_threads<R: Send>(
    threads: usize,
    f: impl FnOnce() -> R + Send,
) -> std::result::Result<R, rayon::ThreadPoolBuildError> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(f))
}

/// Median; of an even number of values the upper one of the middle two.
///
/// # Panics
/// If there is no value.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
