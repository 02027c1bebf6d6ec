//! `train`: trains a network and saves its weights.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, atomic::AtomicBool},
};

use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser},
};
use digit_pad::{
    charts::{Curves, training_curves},
    recognition::model::Model,
    training::{
        checkpoint,
        data_files::{DataFiles, Loaded},
        data_split::{DataSplit, HeldOut, lost_classes},
        digit_check::are_handwritten_digits,
        embedded,
        presets::{DEFAULT, PRESETS, Preset},
        session::{Evaluation, Failed, Start, StopReason, Task, Trained, train},
    },
};
use mnist_io::{Augmentation, Dataset};
use nn_core::{
    NetworkSpec,
    optim::{Adam, Optimizer},
};
use serde::Serialize;

use super::{
    args::{DataArgs, PlotPath, note_scaling},
    files::Files,
    output::{Failure, Outcome, class_list, grouped, json, note, percent, report, row},
    progress::Progress,
    signals::Signals,
    start::{for_classes, network_of},
    threads,
};

/// Train a network and save its weights
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ctrl-C stops training and keeps the best weights so far; a second Ctrl-C quits at once. They are kept as well \
                        where training fails or the system ends it (SIGTERM, SIGHUP); the exit status is then 1."
)]
pub(super) struct Args {
    /// Network and training settings
    #[arg(long, value_name = "NAME", default_value = DEFAULT.name, value_parser = preset_names())]
    preset: String,

    /// Network in text form, such as "784 | dense 128 | relu | dense 10", with the settings of the default preset
    #[arg(long, value_name = "SPEC", conflicts_with = "preset")]
    net: Option<NetworkSpec>,

    /// Start with the weights of this model, with the settings of the default preset; for other classes than the model's,
    /// its last layer is replaced by a new one
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["preset", "net"])]
    from: Option<PathBuf>,

    /// Train only the last layer
    #[arg(long, requires = "from")]
    head_only: bool,

    #[command(flatten)]
    data: DataArgs,

    /// Test images, in any form of --data [default: the test part of --data, or a tenth of it]
    #[arg(long, value_name = "PATH")]
    test_data: Option<PathBuf>,

    /// Number of epochs [default: from the preset, or more for few images]
    #[arg(long, value_name = "N", value_parser = count::<100_000>, allow_negative_numbers = true)]
    epochs: Option<usize>,

    /// Batch size [default: from the preset]
    #[arg(long, value_name = "N", value_parser = count::<65_536>, allow_negative_numbers = true)]
    batch: Option<usize>,

    /// Peak learning rate [default: from the preset]
    #[arg(long, value_name = "X", value_parser = learning_rate, allow_negative_numbers = true)]
    lr: Option<f32>,

    /// Optimizer [default: from the preset]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,

    /// Random seed of the initial weights, shuffling and augmentation
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,

    /// Number of threads; it does not change the weights [default: one per core]
    #[arg(long, value_name = "N", value_parser = count::<1024>, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Train on the first N training images only [default: from the preset, or all]
    #[arg(long, value_name = "N", value_parser = count::<{ usize::MAX }>, allow_negative_numbers = true)]
    limit: Option<usize>,

    /// Hold out the last N training images for validation, to keep the weights of the best epoch; with 0, those of the
    /// last epoch [default: from the preset; without --epochs, 0 where that is fewer than 100]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    val: Option<usize>,

    /// Stop when none of N epochs reached the best validation accuracy so far
    #[arg(long, value_name = "N", value_parser = count::<100_000>, allow_negative_numbers = true)]
    patience: Option<usize>,

    /// Train on the images as they are, without random rotations and other changes
    #[arg(long)]
    no_augment: bool,

    /// Stop as soon as the test accuracy reaches A, as in 0.98: a race, and no estimate of the accuracy on new digits
    #[arg(long, value_name = "A", value_parser = share, allow_negative_numbers = true)]
    until_accuracy: Option<f64>,

    /// Save the weights to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Save the run to this file after each epoch, and resume from it if it exists
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Plot loss and accuracy of this run
    #[arg(long, value_name = "FILE.png|svg", value_parser = PlotPath::parser())]
    plot: Option<PlotPath>,

    /// Print one JSON object per epoch, and one for the result
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Fails if an output would replace another file of the run, or cannot be written.
    fn check_files(&self, data: &DataFiles) -> Outcome {
        let best = self.checkpoint.as_deref().map(checkpoint::best_path);
        Files::new()
            .reads("--from", &self.from)
            .reads("the data", data.paths())
            .writes("--out", self.out.as_ref())
            .writes("--checkpoint", self.checkpoint.as_ref())
            .writes("the best weights beside --checkpoint", best)
            .writes("--plot", self.plot.as_ref().map(|plot| &plot.path))
            .check()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OptimizerName {
    /// Stochastic gradient descent with momentum
    Sgd,
    /// Adam, as the preset has it, or else with a peak learning rate of 0.001
    Adam,
}

#[derive(Serialize)]
struct Report {
    test_accuracy: f64,
    train_seconds: f64,
    parameters: usize,
}

pub(super) fn run(args: &Args) -> Outcome {
    let files = args.data.files(args.test_data.as_deref());
    args.check_files(&files)?;
    let stop = Arc::new(AtomicBool::new(false));
    let pool = threads::pool(args.threads)?;
    let model = args.from.as_deref().map(|path| Model::open(Some(path))).transpose()?;
    let known = model.as_ref().map(|model| model.content.network.spec());
    let Loaded { images, notes } = pool.install(|| files.load(args.net.as_ref().or(known), args.seed))?;
    let mut task = task(args, model.as_ref(), &images.train, &stop)?;
    let is_default = args.epochs.is_none() && args.from.is_none();
    let held_out = match args.val {
        Some(count) => HeldOut::Count(count),
        // Patience waits for what validation says.
        None if is_default && args.patience.is_none() => {
            HeldOut::Count(task.recipe.validation_images(images.train.len()))
        }
        None => HeldOut::Share(task.recipe.validation),
    };
    let counts = images.train.class_counts();
    let mut data = DataSplit::new(images, held_out, args.limit.or(task.recipe.images))?;
    // With fewer images or none changed, the user asks for just those.
    if !args.data.is_given() && args.limit.is_none() && !args.no_augment {
        embedded::add_pen_drawings(&mut data, &task.recipe, task.seed)?;
    }
    if is_default {
        task.recipe.epochs = task.recipe.epochs_for(data.train.len());
    }
    if let Some(model) = &model {
        note_scaling(model);
        data.scaling = model.scaling()?;
    }
    task.check_fit(&data)?;
    notes.iter().chain(&lost_classes(&counts, &data.train)).for_each(note);
    announce(args, &task, &data);
    let signals = Signals::stopping(&stop)?;
    let mut progress = Progress::new(&task.recipe, args.json);
    let mut curves = Curves::default();
    let trained = pool.install(|| {
        train(&task, &data, &mut |event, _| {
            progress.show(&event);
            curves.add(&event);
        })
    });
    let (shown, learned) = (progress.finish(), progress.learned());
    let (trained, reason) = match trained {
        Ok(trained) => (trained, signals.reason().map(str::to_owned)),
        Err(Failed { error, best: None }) => return Err(error.into()),
        Err(Failed {
            error,
            best: Some(best),
        }) => (*best, Some(error.to_string())),
    };
    reason.iter().for_each(report);
    report_end(&task, &trained);
    let saved = save(args, &task, &data, &trained);
    let plotted = draw(args, &curves, &trained);
    let printed = print(args, &trained);
    match saved.and(plotted).and(shown).and(printed) {
        // That nobody reads the result does not make the run a success.
        Ok(()) | Err(Failure::Closed) => {}
        failed => return failed,
    }
    match reason {
        Some(_) => Err(Failure::Reported),
        None => learned.and_then(|()| check_goal(&task, &trained)),
    }
}

fn preset(args: &Args) -> &'static Preset {
    Preset::named(&args.preset).unwrap_or(DEFAULT)
}

fn task<'a>(args: &Args, model: Option<&Model>, images: &Dataset, stop: &'a AtomicBool) -> Result<Task<'a>, Failure> {
    let preset = preset(args);
    let mut recipe = preset.recipe.clone();
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    recipe.batch = args.batch.unwrap_or(recipe.batch);
    match args.optimizer {
        Some(OptimizerName::Adam) if !matches!(recipe.optimizer, Optimizer::Adam(_)) => {
            recipe.optimizer = Adam::new(1e-3).into();
        }
        Some(OptimizerName::Sgd) if !matches!(recipe.optimizer, Optimizer::Sgd(_)) => {
            recipe.optimizer = DEFAULT.recipe.optimizer;
        }
        _ => {}
    }
    if let Some(learning_rate) = args.lr {
        recipe.optimizer.set_learning_rate(learning_rate);
    }
    if args.no_augment {
        recipe.augmentation = Augmentation::none();
    } else if args.data.is_given() && !are_handwritten_digits(images)? {
        recipe = recipe.for_any_images();
    }
    let start = match (model, &args.net) {
        (Some(model), _) => Start::Pretrained(for_classes(model, images, args.seed)?),
        (None, Some(network)) => Start::Random(network.clone()),
        (None, None) => Start::Random(network_of(preset, images)?),
    };
    Ok(Task {
        start,
        head_only: args.head_only,
        recipe,
        seed: args.seed,
        patience: args.patience.map(|epochs| epochs as u64),
        until_accuracy: args.until_accuracy,
        checkpoint: args.checkpoint.clone(),
        stop,
    })
}

fn announce(args: &Args, task: &Task<'_>, data: &DataSplit) {
    let images = |dataset: &Dataset| grouped(dataset.len() as u64);
    note(format_args!("network     {}", task.start.spec()));
    note(format_args!(
        "parameters  {}",
        grouped(task.start.spec().parameter_count() as u64)
    ));
    note(format_args!(
        "images      {} training, {} validation, {} test",
        images(&data.train),
        images(&data.validation),
        images(&data.test)
    ));
    let usual = preset(args).recipe.epochs;
    if args.epochs.is_none() && task.recipe.epochs > usual {
        note(format_args!(
            "epochs      {} in place of {usual}, since the images are few",
            grouped(task.recipe.epochs as u64)
        ));
    }
    if args.data.is_given() {
        note(format_args!("classes     {}", class_list(data.train.class_names())));
        let augmentation = &task.recipe.augmentation;
        if *augmentation != augmentation.clone().for_any_class() {
            note(
                "The built-in network reads these images as handwritten digits: some get slashes, bars or scribbles; \
                 --no-augment leaves them as they are.",
            );
        }
    }
    match &args.out {
        None => note("weights     not saved; use --out FILE to save them"),
        Some(path) if path.exists() => note(format_args!(
            "weights     saved to {} at the end, replacing the file",
            path.display()
        )),
        Some(path) => note(format_args!("weights     saved to {} at the end", path.display())),
    }
    match &args.checkpoint {
        None => {}
        Some(path) if path.exists() => {
            note(format_args!(
                "checkpoint  resumes from the checkpoint {}",
                path.display()
            ));
            if checkpoint::is_without_fingerprint(path) {
                note(
                    "The checkpoint is of an earlier version, which did not store what it was trained on: make sure that \
                     images, classes and augmentation are those of its run.",
                );
            }
        }
        Some(path) => note(format_args!("checkpoint  saved to {} after each epoch", path.display())),
    }
    if let Some(wanted) = task.until_accuracy {
        note(format_args!(
            "This run is a race to a test accuracy of {wanted}. The test set decides when training stops, so the \
             accuracy reached is no estimate of the accuracy on new digits."
        ));
    }
}

fn report_end(task: &Task<'_>, trained: &Trained) {
    let epoch = trained.epoch;
    match (trained.stop_reason, task.until_accuracy) {
        (StopReason::Stopped | StopReason::Failed, _) => {
            note(format_args!("stopped; the best weights so far are from epoch {epoch}"));
        }
        (StopReason::NoProgress, _) => note(format_args!(
            "stopped early: no epoch after {epoch} reached its validation accuracy"
        )),
        (StopReason::Reached, Some(wanted)) => {
            note(format_args!(
                "reached a test accuracy of {wanted} in epoch {epoch}: a race, and no estimate"
            ));
        }
        _ => {}
    }
}

fn save(args: &Args, task: &Task<'_>, data: &DataSplit, trained: &Trained) -> Outcome {
    let Some(path) = &args.out else { return Ok(()) };
    let mut model = data.model(trained.network.clone());
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
        note("nothing to plot: no training step was taken in this run");
        return Ok(());
    }
    let network = trained.network.spec().to_string();
    training_curves::draw(path, *form, curves, &network, &summary(trained))?;
    note(format_args!("plotted {}", path.display()));
    Ok(())
}

/// The result in one line.
fn summary(trained: &Trained) -> String {
    let validation = trained.validation.as_ref().map_or_else(String::new, |validation| {
        format!("accuracy (validation) {}, ", percent(validation.accuracy))
    });
    format!(
        "test accuracy {}, {validation}best epoch {} of {}, {} parameters, training time {:.1} s",
        percent(trained.test.accuracy),
        trained.epoch,
        trained.epochs,
        grouped(trained.network.parameter_count() as u64),
        trained.seconds
    )
}

/// Metadata about the training. It does not vary between runs, so that the same training gives the same file.
fn notes(args: &Args, task: &Task<'_>, data: &DataSplit, trained: &Trained) -> BTreeMap<String, String> {
    let accuracy = |evaluation: &Evaluation| evaluation.accuracy.to_string();
    // Those that `eval --split` finds again.
    let of_set = |all: usize, drawn: usize| (all - drawn).to_string();
    let from_preset = args.net.is_none() && args.from.is_none();
    let notes = [
        ("preset", from_preset.then(|| args.preset.clone())),
        ("seed", Some(task.seed.to_string())),
        ("epochs", Some(trained.epochs.to_string())),
        ("best_epoch", Some(trained.epoch.to_string())),
        ("batch", Some(task.recipe.batch.to_string())),
        ("learning_rate", Some(task.recipe.optimizer.learning_rate().to_string())),
        ("train_images", Some(of_set(data.train.len(), data.drawn.train))),
        (
            "validation_images",
            Some(of_set(data.validation.len(), data.drawn.validation)),
        ),
        (
            "pen_images",
            (data.drawn.train > 0).then(|| data.drawn.train.to_string()),
        ),
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
        return json(&Report {
            test_accuracy: trained.test.accuracy,
            train_seconds: trained.seconds,
            parameters,
        });
    }
    row("test accuracy", percent(trained.test.accuracy))?;
    if let Some(validation) = &trained.validation {
        row("accuracy (validation)", percent(validation.accuracy))?;
    }
    row("best epoch", format_args!("{} of {}", trained.epoch, trained.epochs))?;
    row("training time", format_args!("{:.1} s", trained.seconds))?;
    row("parameters", grouped(parameters as u64))
}

fn check_goal(task: &Task<'_>, trained: &Trained) -> Outcome {
    match task.until_accuracy {
        Some(wanted) if matches!(trained.stop_reason, StopReason::Finished | StopReason::NoProgress) => {
            Err(Failure::Message(format!(
                "the test accuracy did not reach {wanted} in {} epochs; train longer with --epochs, or lower --until-accuracy",
                trained.epochs
            )))
        }
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
        || format!("expected a whole number from 1 to {MAX}"),
    )
}

fn learning_rate(text: &str) -> Result<f32, String> {
    number(
        text,
        |rate| *rate > 0.0 && *rate <= 1000.0,
        || "expected a number above 0 and at most 1000".to_owned(),
    )
}

fn share(text: &str) -> Result<f64, String> {
    number(
        text,
        |share| *share > 0.0 && *share <= 1.0,
        || "expected a number above 0 and at most 1, as in 0.98".to_owned(),
    )
}

fn number<T: FromStr>(text: &str, fits: impl Fn(&T) -> bool, expected: impl Fn() -> String) -> Result<T, String> {
    text.parse().ok().filter(fits).ok_or_else(expected)
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
