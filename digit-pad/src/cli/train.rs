//! `train`: trains a network and saves its weights.

use std::{
    collections::BTreeMap,
    path::{PathBuf, absolute},
    process,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use digit_pad::{
    charts::{Curves, training_curves},
    storage::atomic_file,
    training::{
        checkpoint,
        data_split::{DataSplit, HeldOut},
        presets::{DEFAULT, PRESETS, Preset},
        session::{StopReason, Task, Trained, digit_model, train},
    },
};
use mnist_io::Dataset;
use nn_core::{
    Evaluation, NetworkSpec,
    optim::{Adam, Optimizer},
};
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::{
    args::{DataArgs, PlotPath},
    output::{Failure, Outcome, grouped, json, note, percent, row},
    progress::Progress,
};

/// Trains a network on digits
#[derive(Debug, clap::Args)]
#[command(after_help = "Ctrl-C ends training and keeps the best weights so far; a second one ends the program.")]
pub(super) struct Args {
    /// A network and how it is trained
    #[arg(long, value_name = "NAME", default_value = DEFAULT.name, value_parser = preset_names())]
    preset: String,

    /// Another network, in its text form, trained as the default preset is: "784 | dense 128 | relu | dense 10"
    #[arg(long, value_name = "SPEC", conflicts_with = "preset")]
    net: Option<NetworkSpec>,

    #[command(flatten)]
    data: DataArgs,

    /// How often all training images are seen [default: the preset's]
    #[arg(long, value_name = "N", value_parser = count::<100_000>, allow_negative_numbers = true)]
    epochs: Option<usize>,

    /// Images to a step [default: the preset's]
    #[arg(long, value_name = "N", value_parser = count::<65_536>, allow_negative_numbers = true)]
    batch: Option<usize>,

    /// The learning rate at its highest [default: the preset's]
    #[arg(long, value_name = "X", value_parser = learning_rate, allow_negative_numbers = true)]
    lr: Option<f32>,

    /// The rule of the steps [default: the preset's]
    #[arg(long, value_enum)]
    optimizer: Option<Rule>,

    /// Decides the first weights, the order of the images and their changes
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,

    /// Threads to train on; the weights do not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = count::<1024>, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Learn from the first N training images alone [default: the preset's, if it has one, or all]
    #[arg(long, value_name = "N", value_parser = count::<{ usize::MAX }>, allow_negative_numbers = true)]
    limit: Option<usize>,

    /// Hold out the last N training images, to tell which weights are the best; 0 keeps the last weights [default:
    /// the preset's share]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    val: Option<usize>,

    /// Stop at the first check that reads this share of the test set rightly, as in 0.98: a race, and no estimate
    #[arg(long, value_name = "A", value_parser = share, allow_negative_numbers = true)]
    until_accuracy: Option<f64>,

    /// Where the weights go; without it they are not kept
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Keep the whole run in this file after each epoch, and go on from there if the file exists
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Draw loss and accuracy over the steps of this run
    #[arg(long, value_name = "FILE.png|svg")]
    plot: Option<PlotPath>,

    /// Print a JSON object an epoch, and a last one with the result
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Whether each file that is written is one of its own.
    fn check_files_differ(&self) -> Outcome {
        let best = self.checkpoint.as_deref().map(checkpoint::best_path);
        let named = [
            ("--out", self.out.as_deref()),
            ("--checkpoint", self.checkpoint.as_deref()),
            ("the best weights of --checkpoint", best.as_deref()),
            ("--plot", self.plot.as_ref().map(|plot| plot.path.as_path())),
        ];
        let files = named
            .iter()
            .filter_map(|&(name, path)| Some((name, absolute(path?).ok()?)));
        let files: Vec<_> = files.collect();
        for (i, (name, path)) in files.iter().enumerate() {
            if let Some((other, _)) = files[..i].iter().find(|(_, earlier)| earlier == path) {
                return Err(Failure::Message(format!(
                    "{other} and {name} are the same file, {}; one would be lost: name another",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    /// Stochastic gradient descent, with momentum
    Sgd,
    /// Adam; its learning rate is 0.001 unless it is given
    Adam,
}

#[derive(Serialize)]
struct Measured {
    test_accuracy: f64,
    train_seconds: f64,
    parameters: usize,
}

pub(super) fn run(args: &Args) -> Outcome {
    let plot = args.plot.as_ref().map(|plot| &plot.path);
    for path in [args.out.as_ref(), args.checkpoint.as_ref(), plot]
        .into_iter()
        .flatten()
    {
        atomic_file::check_writable(path)?;
    }
    args.check_files_differ()?;
    let stop = Arc::new(AtomicBool::new(false));
    let task = task(args, &stop);
    let pool = ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|error| Failure::Message(format!("cannot start the threads: {error}")))?;
    let held_out = args.val.map_or(HeldOut::Share(task.recipe.validation), HeldOut::Count);
    let data = DataSplit::new(args.data.load()?, held_out, args.limit.or(task.recipe.images))?;
    announce(args, &task, &data);
    stop_on_ctrl_c(&stop)?;
    let mut progress = Progress::new(task.recipe.epochs, args.json);
    let mut curves = Curves::default();
    let trained = pool.install(|| {
        train(&task, &data, &mut |event, _| {
            progress.show(&event);
            curves.add(&event);
        })
    });
    let shown = progress.finish();
    let trained = trained?;
    tell_the_end(&task, &trained);
    let saved = save(args, &task, &data, &trained);
    let plotted = draw(args, &curves, &trained);
    let printed = print(args, &trained);
    saved
        .and(plotted)
        .and(shown)
        .and(printed)
        .and_then(|()| check_goal(&task, &trained))
}

fn task<'a>(args: &Args, stop: &'a AtomicBool) -> Task<'a> {
    let preset = Preset::named(&args.preset).unwrap_or(DEFAULT);
    let mut recipe = preset.recipe.clone();
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    recipe.batch = args.batch.unwrap_or(recipe.batch);
    match args.optimizer {
        Some(Rule::Adam) => recipe.optimizer = Adam::new(1e-3).into(),
        Some(Rule::Sgd) if !matches!(recipe.optimizer, Optimizer::Sgd(_)) => {
            recipe.optimizer = DEFAULT.recipe.optimizer;
        }
        _ => {}
    }
    if let Some(learning_rate) = args.lr {
        recipe.optimizer.set_learning_rate(learning_rate);
    }
    let network = args.net.clone().unwrap_or_else(|| preset.network());
    Task {
        network,
        recipe,
        seed: args.seed,
        until_accuracy: args.until_accuracy,
        checkpoint: args.checkpoint.clone(),
        stop,
    }
}

fn announce(args: &Args, task: &Task<'_>, data: &DataSplit) {
    let images = |dataset: &Dataset| grouped(dataset.len() as u64);
    note(format_args!("network     {}", task.network));
    note(format_args!(
        "parameters  {}",
        grouped(task.network.parameter_count() as u64)
    ));
    note(format_args!(
        "images      {} to learn from, {} held out for validation, {} to test on",
        images(&data.train),
        images(&data.validation),
        images(&data.test)
    ));
    match &args.out {
        None => note("weights     will not be kept; --out FILE keeps them"),
        Some(path) if path.exists() => note(format_args!("weights     will replace {}", path.display())),
        Some(path) => note(format_args!("weights     will go to {}", path.display())),
    }
    match &args.checkpoint {
        None => {}
        Some(path) if path.exists() => note(format_args!("checkpoint  goes on from {}", path.display())),
        Some(path) => note(format_args!("checkpoint  will go to {}", path.display())),
    }
    if let Some(wanted) = task.until_accuracy {
        note(format_args!(
            "This is a race to an accuracy of {wanted} on the test set. The test set decides when it ends, so the \
             accuracy reached is no estimate of the accuracy on other digits."
        ));
    }
}

/// Sets the flag at the first Ctrl-C, and ends the program at the second.
fn stop_on_ctrl_c(stop: &Arc<AtomicBool>) -> Outcome {
    /// What a shell makes of a program that a Ctrl-C ended.
    const INTERRUPTED: i32 = 130;
    let stop = Arc::clone(stop);
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Message(format!("cannot wait for Ctrl-C: {error}")))
}

fn tell_the_end(task: &Task<'_>, trained: &Trained) {
    let epoch = trained.epoch;
    match (trained.stop_reason, task.until_accuracy) {
        (StopReason::Stopped, _) => note(format_args!(
            "stopped; the best weights so far are those of epoch {epoch}"
        )),
        (StopReason::Reached, Some(wanted)) => {
            note(format_args!(
                "reached {wanted} on the test set in epoch {epoch}: a race, and no estimate"
            ));
        }
        _ => {}
    }
}

fn save(args: &Args, task: &Task<'_>, data: &DataSplit, trained: &Trained) -> Outcome {
    let Some(path) = &args.out else { return Ok(()) };
    let mut model = digit_model(trained.network.clone());
    model.notes = notes(args, task, data, trained);
    model.save(path)?;
    note(format_args!("saved {}", path.display()));
    Ok(())
}

fn draw(args: &Args, curves: &Curves, trained: &Trained) -> Outcome {
    let Some(PlotPath { path, form }) = &args.plot else {
        return Ok(());
    };
    if curves.is_empty() {
        note("no step was taken in this run, so there is nothing to plot");
        return Ok(());
    }
    let network = trained.network.spec().to_string();
    training_curves::draw(path, *form, curves, &network, &final_figures(trained))?;
    note(format_args!("plotted {}", path.display()));
    Ok(())
}

/// What came of the training, in a line.
fn final_figures(trained: &Trained) -> String {
    let validation = trained.validation.as_ref().map_or_else(String::new, |validation| {
        format!("validation {}, ", percent(validation.accuracy))
    });
    format!(
        "test accuracy {}, {validation}best epoch {} of {}, {} parameters, {:.1} s of training",
        percent(trained.test.accuracy),
        trained.epoch,
        trained.epochs,
        grouped(trained.network.parameter_count() as u64),
        trained.seconds
    )
}

/// How the weights came about. Nothing here may differ from run to run, so that the same training gives the same file.
fn notes(args: &Args, task: &Task<'_>, data: &DataSplit, trained: &Trained) -> BTreeMap<String, String> {
    let accuracy = |evaluation: &Evaluation| evaluation.accuracy.to_string();
    let notes = [
        ("preset", args.net.is_none().then(|| args.preset.clone())),
        ("seed", Some(task.seed.to_string())),
        ("epochs", Some(trained.epochs.to_string())),
        ("best_epoch", Some(trained.epoch.to_string())),
        ("batch", Some(task.recipe.batch.to_string())),
        ("learning_rate", Some(task.recipe.optimizer.learning_rate().to_string())),
        ("train_images", Some(data.train.len().to_string())),
        ("validation_images", Some(data.validation.len().to_string())),
        ("validation_accuracy", trained.validation.as_ref().map(accuracy)),
        (
            "temperature",
            trained.temperature.map(|temperature| temperature.to_string()),
        ),
        ("test_accuracy", Some(accuracy(&trained.test))),
    ];
    notes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn print(args: &Args, trained: &Trained) -> Outcome {
    let parameters = trained.network.parameter_count();
    if args.json {
        return json(&Measured {
            test_accuracy: trained.test.accuracy,
            train_seconds: trained.seconds,
            parameters,
        });
    }
    row("test accuracy", percent(trained.test.accuracy))?;
    if let Some(validation) = &trained.validation {
        row("validation accuracy", percent(validation.accuracy))?;
    }
    row("best epoch", format_args!("{} of {}", trained.epoch, trained.epochs))?;
    row("training time", format_args!("{:.1} s", trained.seconds))?;
    row("parameters", grouped(parameters as u64))
}

fn check_goal(task: &Task<'_>, trained: &Trained) -> Outcome {
    match task.until_accuracy {
        Some(wanted) if trained.stop_reason == StopReason::Finished => Err(Failure::Message(format!(
            "no check of the test set reached {wanted} in {} epochs; give it more of them, or ask for less",
            trained.epochs
        ))),
        _ => Ok(()),
    }
}

fn preset_names() -> PossibleValuesParser {
    PRESETS
        .iter()
        .map(|preset| PossibleValue::new(preset.name).help(preset.summary))
        .collect::<Vec<_>>()
        .into()
}

/// A whole number from 1 to `MAX`.
fn count<const MAX: usize>(text: &str) -> Result<usize, String> {
    number(
        text,
        |count| (1..=MAX).contains(count),
        || format!("it has to be a whole number from 1 to {MAX}"),
    )
}

fn learning_rate(text: &str) -> Result<f32, String> {
    number(
        text,
        |rate| *rate > 0.0 && *rate <= 1000.0,
        || "it has to be a number above 0, at most 1000".to_owned(),
    )
}

fn share(text: &str) -> Result<f64, String> {
    number(
        text,
        |share| *share > 0.0 && *share <= 1.0,
        || "it has to be above 0 and at most 1, as in 0.98".to_owned(),
    )
}

fn number<T: FromStr>(text: &str, fits: impl Fn(&T) -> bool, rule: impl Fn() -> String) -> Result<T, String> {
    text.parse().ok().filter(fits).ok_or_else(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_ranges() {
        for (text, expected) in [
            ("1", Some(1)),
            ("9", Some(9)),
            ("0", None),
            ("10", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(count::<9>(text).ok(), expected, "{text}");
        }
        for text in ["0", "-0.1", "NaN", "inf", "1e9", "fast"] {
            assert!(learning_rate(text).is_err(), "{text}");
        }
        assert_eq!(learning_rate("0.1"), Ok(0.1));
        for text in ["0", "98", "1.01", "NaN", "98%"] {
            assert!(share(text).unwrap_err().contains("as in 0.98"), "{text}");
        }
        assert_eq!((share("1"), share("0.98")), (Ok(1.0), Ok(0.98)));
    }
}
