//! Times training, prediction or a matrix product, and prints one line of JSON for each figure.

use std::process::ExitCode;

use benches::{
    GEMM_SHAPES, PREDICTION_BATCHES, PREDICTIONS, Resident, Rule, WARM_UP, Workload, median, network, on_threads,
    run_for, train_for, values, workload,
};
use clap::Parser;
use nn_core::{
    Kernel, Network, Trainer, Workspace,
    gemm::{MatMut, MatRef, gemm},
    optim::Optimizer,
};
use serde_json::{Value, json};

/// Calls whose median is the latency.
const LATENCY_CALLS: usize = 2_000;
/// Losses at the end whose mean is the final loss.
const LAST_LOSSES: usize = 50;

/// Times training on MNIST batches, prediction, or a matrix product.
#[derive(Debug, Parser)]
struct Arguments {
    /// Short for a network, a batch and a learning rate: mlp-s, mlp-s-128, mlp-l, cnn-seed, cnn-basic; or infer-1,
    /// gemm
    #[arg(long)]
    workload: Option<String>,
    /// The network's text form
    #[arg(long)]
    net: Option<String>,
    /// Samples of a batch
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    batch: Option<u32>,
    /// The rule of the steps
    #[arg(long, value_enum)]
    optimizer: Option<Rule>,
    /// The learning rate
    #[arg(long)]
    lr: Option<f32>,
    /// How long to run; for products, each shape
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Threads of the pool, or several numbers to be tried in turn, as in 1,2
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

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run_all(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(arguments: &Arguments) -> Result<(), Failure> {
    for &threads in &arguments.threads {
        on_threads(threads as usize, || run(arguments))??;
    }
    Ok(())
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !(arguments.seconds > 0.0 && arguments.seconds <= 3600.0) {
        return Err(format!("--seconds {}: it has to be above 0 and at most 3600", arguments.seconds).into());
    }
    match arguments.workload.as_deref() {
        Some("gemm") => run_gemm(arguments),
        Some("infer-1") => {
            for name in PREDICTIONS {
                let network = known(name)?.network();
                for batch in PREDICTION_BATCHES {
                    infer(arguments, name, &network, batch)?;
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
                return infer(arguments, name, &network, batch);
            }
            let rule = arguments.optimizer.unwrap_or(workload.rule);
            let learning_rate = arguments.lr.unwrap_or(workload.learning_rate);
            train(arguments, name, network, batch, rule.with(learning_rate))
        }
    }
}

fn known(name: &str) -> Result<Workload, Failure> {
    workload(name).ok_or_else(|| {
        let names: Vec<_> = benches::WORKLOADS.iter().map(|workload| workload.name).collect();
        format!(
            "--workload {name}: there is no such workload; known are {}, infer-1, gemm",
            names.join(", ")
        )
        .into()
    })
}

fn train(
    arguments: &Arguments,
    name: &str,
    network: Network,
    batch: usize,
    optimizer: Optimizer,
) -> Result<(), Failure> {
    let data = data_for(&network)?;
    let net = network.spec().to_string();
    let work = training_flops(&network);
    let mut trainer = Trainer::new(network, optimizer, batch)?;
    let trained = train_for(arguments.seconds, &mut trainer, &data, batch)?;
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let losses = &trained.losses;
    let last = LAST_LOSSES.min(losses.len() / 2);
    let images_per_s = (trained.steps * batch) as f64 / trained.seconds;
    print(json!({
        "peer": "nn-core",
        "workload": name,
        "net": net,
        "batch": batch,
        "threads": rayon::current_num_threads(),
        "images_per_s": images_per_s.round(),
        "first_loss": mean(&losses[..5]),
        "final_loss": mean(&losses[losses.len() - last..]),
        "gflops": round(images_per_s * work * 1e-9),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
    }));
    Ok(())
}

fn infer(arguments: &Arguments, name: &str, network: &Network, batch: usize) -> Result<(), Failure> {
    let data = data_for(network)?;
    let mut workspace = Workspace::new(network, batch)?;
    let mut failure = None;
    let mut call = |index: usize| {
        let logits = network.logits(data.batch(index, batch).0, &mut workspace);
        failure = std::hint::black_box(logits).err();
    };
    (0..WARM_UP).for_each(&mut call);
    let mut line = json!({
        "peer": "nn-core",
        "workload": format!("infer-1/{name}"),
        "net": network.spec().to_string(),
        "batch": batch,
        "threads": rayon::current_num_threads(),
    });
    let images_per_s = if batch == 1 {
        let times = (0..LATENCY_CALLS)
            .map(|index| benches::time(index % 500, 1, &mut call))
            .collect();
        let latency = median(times);
        line["latency_us"] = round(latency * 1e6);
        1.0 / latency
    } else {
        let (calls, seconds) = run_for(arguments.seconds, &mut call);
        (calls * batch) as f64 / seconds
    };
    if let Some(error) = failure {
        return Err(error.into());
    }
    line["images_per_s"] = images_per_s.round().into();
    line["gflops"] = round(images_per_s * 2e-9 * network.multiply_adds() as f64);
    print(line);
    Ok(())
}

fn run_gemm(arguments: &Arguments) -> Result<(), Failure> {
    let peak = Kernel::active()?.measure_peak() * rayon::current_num_threads() as f64;
    let shapes = match (arguments.m, arguments.n, arguments.k) {
        (Some(m), Some(n), Some(k)) => vec![(m as usize, n as usize, k as usize)],
        _ => GEMM_SHAPES.to_vec(),
    };
    for (m, n, k) in shapes {
        let (a, b, mut c) = (values(m * k), values(k * n), vec![0.0; m * n]);
        let mut product = || {
            let (a, b) = (MatRef::row_major(&a, m, k)?, MatRef::row_major(&b, k, n)?);
            gemm(1.0, a, b, 0.0, MatMut::row_major(&mut c, m, n)?)
        };
        product()?;
        // As many calls a sample as take about a millisecond, so that the clock's grain does not show.
        let flops = (2 * m * n * k) as f64;
        let calls = (1e8 / flops).ceil() as usize;
        let mut samples = Vec::new();
        run_for(arguments.seconds, |_| {
            let seconds = benches::time(0, calls, |_| {
                let _ = product();
            });
            samples.push(flops * calls as f64 / seconds * 1e-9);
        });
        let gflops = median(samples);
        print(json!({
            "peer": "nn-core",
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

/// Floating-point operations of a training step, per sample: forward, the parameters' gradients, and the inputs'
/// gradients for all layers but the first, whose input is data.
fn training_flops(network: &Network) -> f64 {
    2.0 * (3 * network.multiply_adds() - network.first_multiply_adds()) as f64
}

fn round(value: f64) -> Value {
    ((value * 1000.0).round() / 1000.0).into()
}

fn print(line: Value) {
    println!("{line}");
}
