//! The command line and the timing loops of every program that times a library: nn-core itself and its Rust peers.

use std::process::ExitCode;

use clap::Parser;
use nn_core::{Kernel, Network};
use serde_json::{Value, json};

use crate::{
    GEMM_SHAPES, OptimizerKind, PREDICTION_BATCHES, PREDICTIONS, Resident, WARM_UP, WORKLOADS, Workload, median,
    network, on_threads, run_for, time, train_for, values, workload,
};

/// Calls whose median is the latency.
const LATENCY_CALLS: usize = 2_000;
/// Number of losses at the end whose mean is the final loss.
const LAST_LOSSES: usize = 50;

/// Any error of a library that is timed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One call to time. The argument is the index of the batch.
pub type Call<'a, T> = Box<dyn FnMut(usize) -> Result<T, Failure> + 'a>;

/// Network to time, with its data.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Network with the weights of seed 1.
    pub network: &'a Network,
    /// Text form of the network.
    pub net: &'a str,
    /// Samples per batch.
    pub batch: usize,
    /// MNIST's training images.
    pub data: &'a Resident,
}

/// Operands of a product `C = A·B`, row-major.
#[derive(Debug)]
pub struct Operands<'a> {
    /// Rows of C, columns of C, inner dimension.
    pub shape: (usize, usize, usize),
    /// `[m, k]`.
    pub a: &'a [f32],
    /// `[k, n]`.
    pub b: &'a [f32],
    /// `[m, n]`, overwritten.
    pub c: &'a mut [f32],
}

/// Library to time. A library implements what it can do.
pub trait Library: Sync {
    /// Name of the library, as `--peer` takes it.
    fn name(&self) -> &'static str;

    /// Version of the library.
    fn version(&self) -> &'static str;

    /// Prepares training. Each call is a whole step on one batch and returns its mean loss.
    ///
    /// # Errors
    /// If the library cannot train this network.
    fn training<'a>(&self, _job: Job<'a>, _rule: OptimizerKind, _learning_rate: f32) -> Result<Call<'a, f32>, Failure> {
        Err(format!("{} does not train networks", self.name()).into())
    }

    /// Prepares prediction. Each call computes the logits of one batch and leaves them in memory.
    ///
    /// # Errors
    /// If the library cannot run this network.
    fn prediction<'a>(&self, _job: Job<'a>) -> Result<Call<'a, ()>, Failure> {
        Err(format!("{} does not run networks", self.name()).into())
    }

    /// Prepares a matrix product. Each call computes it once.
    ///
    /// # Errors
    /// If the library cannot multiply these operands.
    fn product<'a>(&self, _operands: Operands<'a>) -> Result<Call<'a, ()>, Failure> {
        Err(format!("{} multiplies no matrices of its own", self.name()).into())
    }
}

/// Times training on MNIST batches, prediction, or a matrix product, and prints one line of JSON for each figure.
#[derive(Debug, Parser)]
struct Arguments {
    /// Library to time, where the program knows several
    #[arg(long)]
    peer: Option<String>,
    /// Short for a network, a batch size and a learning rate: mlp-s, mlp-s-128, mlp-l, cnn-seed, cnn-basic, lenet5,
    /// lenet5-gelu, -sigmoid, -leakyrelu or -batchnorm; or infer-1 (prediction) or gemm (matrix products)
    #[arg(long)]
    workload: Option<String>,
    /// Network in text form
    #[arg(long)]
    net: Option<String>,
    /// Batch size
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    batch: Option<u32>,
    /// Optimizer
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerKind>,
    /// Learning rate
    #[arg(long)]
    lr: Option<f32>,
    /// Seconds to run; for products, for each shape
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Number of threads, or several to try in turn, as in 1,2
    #[arg(long, default_value = "2", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Vec<u32>,
    /// Time prediction instead of training
    #[arg(long)]
    infer: bool,
    /// Rows of the product
    #[arg(long, requires_all = ["n", "k"], value_parser = clap::value_parser!(u32).range(1..=16_384))]
    m: Option<u32>,
    /// Columns of the product
    #[arg(long, requires_all = ["m", "k"], value_parser = clap::value_parser!(u32).range(1..=16_384))]
    n: Option<u32>,
    /// Inner dimension of the product
    #[arg(long, requires_all = ["m", "n"], value_parser = clap::value_parser!(u32).range(1..=16_384))]
    k: Option<u32>,
}

/// The exit status of a program of the benches; a failure is told on standard error.
pub fn exit_code(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line and times one of the libraries: the one that `--peer` names, else the first.
pub fn main(libraries: &[&dyn Library]) -> ExitCode {
    exit_code(run_all(&Arguments::parse(), libraries))
}

fn run_all(arguments: &Arguments, libraries: &[&dyn Library]) -> Result<(), Failure> {
    if !(arguments.seconds > 0.0 && arguments.seconds <= 3600.0) {
        return Err(format!("--seconds {}: it has to be above 0 and at most 3600", arguments.seconds).into());
    }
    let wanted = arguments.peer.as_deref();
    let found = libraries
        .iter()
        .find(|library| wanted.is_none_or(|name| library.name() == name));
    let library = *found.ok_or_else(|| {
        let names: Vec<_> = libraries.iter().map(|library| library.name()).collect();
        format!(
            "--peer {}: this program times {} (build with `--features peers` for more)",
            wanted.unwrap_or_default(),
            names.join(", ")
        )
    })?;
    for &threads in &arguments.threads {
        on_threads(threads as usize, || run(arguments, library))??;
    }
    Ok(())
}

fn run(arguments: &Arguments, library: &dyn Library) -> Result<(), Failure> {
    match arguments.workload.as_deref() {
        Some("gemm") => run_gemm(arguments, library),
        Some("infer-1") => {
            for name in PREDICTIONS {
                let network = known(name)?.network();
                for batch in PREDICTION_BATCHES {
                    infer(arguments, library, name, &network, batch)?;
                }
            }
            Ok(())
        }
        name => {
            let workload = match (name, arguments.net.as_deref()) {
                (Some(name), _) => known(name)?,
                (None, Some(_)) => known("mlp-s")?,
                (None, None) => return Err("give --net SPEC or --workload NAME".into()),
            };
            let network = network(arguments.net.as_deref().unwrap_or(workload.net))?;
            let batch = arguments.batch.map_or(workload.batch, |batch| batch as usize);
            let name = name.unwrap_or("custom");
            if arguments.infer {
                return infer(arguments, library, name, &network, batch);
            }
            let optimizer = arguments.optimizer.unwrap_or(workload.optimizer);
            let learning_rate = arguments.lr.unwrap_or(workload.learning_rate);
            train(arguments, library, name, &network, batch, (optimizer, learning_rate))
        }
    }
}

fn known(name: &str) -> Result<Workload, Failure> {
    workload(name).ok_or_else(|| {
        let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        format!(
            "--workload {name}: there is no such workload; known are {}, infer-1, gemm",
            names.join(", ")
        )
        .into()
    })
}

fn train(
    arguments: &Arguments,
    library: &dyn Library,
    name: &str,
    network: &Network,
    batch: usize,
    (optimizer, learning_rate): (OptimizerKind, f32),
) -> Result<(), Failure> {
    let data = data_for(network)?;
    let net = network.spec().to_string();
    let job = Job {
        network,
        net: &net,
        batch,
        data: &data,
    };
    let trained = train_for(arguments.seconds, library.training(job, optimizer, learning_rate)?)?;
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let losses = &trained.losses;
    let last = LAST_LOSSES.min(losses.len() / 2);
    let images_per_s = (trained.steps * batch) as f64 / trained.seconds;
    print(&json!({
        "peer": library.name(),
        "version": library.version(),
        "workload": name,
        "net": net,
        "batch": batch,
        "threads": rayon::current_num_threads(),
        "images_per_s": images_per_s.round(),
        "first_loss": mean(&losses[..5]),
        "final_loss": mean(&losses[losses.len() - last..]),
        "gflops": round(images_per_s * training_flops(network) * 1e-9),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
    }));
    Ok(())
}

fn infer(
    arguments: &Arguments,
    library: &dyn Library,
    name: &str,
    network: &Network,
    batch: usize,
) -> Result<(), Failure> {
    let data = data_for(network)?;
    let net = network.spec().to_string();
    let mut predict = library.prediction(Job {
        network,
        net: &net,
        batch,
        data: &data,
    })?;
    let mut failure = None;
    let mut call = |index: usize| {
        if let Err(error) = predict(index) {
            failure = Some(error);
        }
    };
    (0..WARM_UP).for_each(&mut call);
    let mut line = json!({
        "peer": library.name(),
        "version": library.version(),
        "workload": format!("infer-1/{name}"),
        "net": net,
        "batch": batch,
        "threads": rayon::current_num_threads(),
    });
    let images_per_s = if batch == 1 {
        let times = (0..LATENCY_CALLS)
            .map(|index| time(index % 500, 1, &mut call))
            .collect();
        let latency = median(times);
        line["latency_us"] = round(latency * 1e6);
        1.0 / latency
    } else {
        let (calls, seconds) = run_for(arguments.seconds, &mut call);
        (calls * batch) as f64 / seconds
    };
    if let Some(error) = failure {
        return Err(error);
    }
    line["images_per_s"] = images_per_s.round().into();
    line["gflops"] = round(images_per_s * 2e-9 * network.multiply_adds() as f64);
    print(&line);
    Ok(())
}

fn run_gemm(arguments: &Arguments, library: &dyn Library) -> Result<(), Failure> {
    let peak = Kernel::active()?.measure_peak() * rayon::current_num_threads() as f64;
    let shapes = match (arguments.m, arguments.n, arguments.k) {
        (Some(m), Some(n), Some(k)) => vec![(m as usize, n as usize, k as usize)],
        _ => GEMM_SHAPES.to_vec(),
    };
    for (m, n, k) in shapes {
        let (a, b, mut c) = (values(m * k), values(k * n), vec![0.0; m * n]);
        let mut product = library.product(Operands {
            shape: (m, n, k),
            a: &a,
            b: &b,
            c: &mut c,
        })?;
        product(0)?;
        // As many calls per sample as take about a millisecond, so that the clock's resolution does not matter.
        let flops = (2 * m * n * k) as f64;
        let calls = (1e8 / flops).ceil() as usize;
        let mut samples = Vec::new();
        run_for(arguments.seconds, |_| {
            let seconds = time(0, calls, |index| {
                let _ = product(index);
            });
            samples.push(flops * calls as f64 / seconds * 1e-9);
        });
        let gflops = median(samples);
        print(&json!({
            "peer": library.name(),
            "version": library.version(),
            "workload": "gemm",
            "m": m,
            "n": n,
            "k": k,
            "threads": rayon::current_num_threads(),
            "gflops": round(gflops),
            "percent_of_peak": round(100.0 * gflops / peak),
        }));
    }
    Ok(())
}

/// MNIST, if the network takes it.
fn data_for(network: &Network) -> Result<Resident, Failure> {
    let spec = network.spec();
    if spec.input().len() != 784 || spec.outputs() != 10 {
        return Err(format!("{spec}: MNIST needs 784 inputs (784, or 28x28x1) and 10 outputs").into());
    }
    Ok(Resident::load())
}

/// Floating-point operations of a training step per sample: forward, the parameters' gradients, and the inputs'
/// gradients for all layers but the first, whose input is data.
fn training_flops(network: &Network) -> f64 {
    2.0 * (3 * network.multiply_adds() - network.first_multiply_adds()) as f64
}

fn round(value: f64) -> Value {
    ((value * 1000.0).round() / 1000.0).into()
}

fn print(line: &Value) {
    println!("{line}");
}
