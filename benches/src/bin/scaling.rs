//! Prints how training steps are distributed over threads: counted for any number of threads, timed on those there are.

use std::{process::ExitCode, thread::available_parallelism};

use benches::{
    Resident, WORKLOADS, Workload, on_threads, seconds,
    timing::{Failure, exit_code},
    train_for,
};
use clap::Parser;

/// Prints how training steps are distributed over threads, and images per second where there are as many cores
#[derive(Debug, Parser)]
struct Arguments {
    /// Numbers of threads
    #[arg(long, default_value = "1,2,8,16,64", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Vec<u32>,
    /// Seconds to time each row; 0 only counts
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    seconds: f64,
    /// Batch size [default: the workload's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    batch: Option<u32>,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let cores = available_parallelism().map_or(1, usize::from);
    let data = Resident::load();
    println!(
        "| Workload | Batch | Threads | Threads used | Barriers | Largest share of samples | Largest share of parameters | \
         Maximum speedup | MB per thread | MB shared | Images/s |"
    );
    println!("|{}", " --- |".repeat(11));
    for workload in WORKLOADS {
        let batch = arguments.batch.map_or(workload.batch, |batch| batch as usize);
        let workload = Workload { batch, ..workload };
        for &threads in &arguments.threads {
            let threads = threads as usize;
            let speed = if arguments.seconds > 0.0 && threads <= cores {
                on_threads(threads, || images_per_s(&workload, &data, arguments.seconds))??.to_string()
            } else {
                "-".to_owned()
            };
            print_row(&workload, threads, &speed)?;
        }
    }
    Ok(())
}

fn images_per_s(workload: &Workload, data: &Resident, seconds: f64) -> nn_core::Result<u64> {
    let mut trainer = workload.trainer();
    let trained = train_for(seconds, |index| {
        let (images, labels) = data.batch(index, workload.batch);
        trainer.step(images, labels).map(|report| report.loss)
    })?;
    Ok(((trained.steps * workload.batch) as f64 / trained.seconds).round() as u64)
}

fn print_row(workload: &Workload, threads: usize, images_per_s: &str) -> nn_core::Result<()> {
    let plan = workload.network().thread_plan(workload.batch, threads)?;
    let (name, batch, joins) = (workload.name, workload.batch, plan.joins);
    let (samples, parameters) = (largest_share(&plan.samples), largest_share(&plan.parameters));
    let at_work = plan.samples.len();
    let (speedup, thread) = (plan.speedup, plan.thread_bytes as f64 * 1e-6);
    let shared = plan.shared_bytes as f64 * 1e-6;
    println!(
        "| {name} | {batch} | {threads} | {at_work} | {joins} | {samples:.1} % | {parameters:.1} % | {speedup:.1} | \
         {thread:.2} | {shared:.2} | {images_per_s} |"
    );
    Ok(())
}

/// Share of the busiest thread, in percent.
fn largest_share(shares: &[usize]) -> f64 {
    let largest = shares.iter().copied().max().unwrap_or_default();
    100.0 * largest as f64 / shares.iter().sum::<usize>().max(1) as f64
}
