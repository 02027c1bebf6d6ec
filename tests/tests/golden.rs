//! Golden values from PyTorch, written by `golden/make.py`, and weights files exchanged with it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use nn_core::{
    Gradients, Kernel, Loss, Network, NetworkSpec, Target, Tensor, Trainer, Workspace,
    formats::Model,
    gradients,
    loss::{self, CrossEntropy, MeanSquaredError},
    optim::{Adam, Annealing, OneCycle, Optimizer, ParameterGroup, Schedule, Sgd},
};
use tests::{
    close::{Tolerance, assert_close, compare_ieee},
    data::{batch, on_kernels, trained},
    golden::{Golden, folder},
};

/// The networks of `golden/make.py`: file name, text form, names of the tensors.
const MLP: (&str, &str, &[&str]) = (
    "mlp",
    "3x4x2 | dense 17 | relu | dense 5",
    &["1.weight", "1.bias", "3.weight", "3.bias"],
);
const CONV: (&str, &str, &[&str]) = (
    "conv",
    "9x8x2 | conv 5 3x2 pad 1 | relu | maxpool 2 | conv 3 2x4 pad same nobias | relu | maxpool 2 stride 1 | dense 5",
    &["0.weight", "0.bias", "3.weight", "7.weight", "7.bias"],
);
const NORM: (&str, &str, &[&str]) = (
    "norm",
    "9x8x2 | conv 5 3x2 pad 1 | batchnorm | relu | maxpool 2 | batchnorm | conv 3 2x4 pad same nobias | batchnorm | relu \
     | dense 7 | batchnorm | relu | dense 5",
    &[
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "4.weight",
        "4.bias",
        "4.running_mean",
        "4.running_var",
        "4.num_batches_tracked",
        "5.weight",
        "6.weight",
        "6.bias",
        "6.running_mean",
        "6.running_var",
        "6.num_batches_tracked",
        "9.weight",
        "9.bias",
        "10.weight",
        "10.bias",
        "10.running_mean",
        "10.running_var",
        "10.num_batches_tracked",
        "12.weight",
        "12.bias",
    ],
);
const LAYERS: (&str, &str, &[&str]) = (
    "layers",
    "9x8x4 | conv 8 3x3 stride 1x2 pad 2x1 dilation 2x1 groups 4 nobias | batchnorm | silu | maxpool 3x2 stride 2x1 pad 1 \
     | conv 6 2x3 pad same dilation 2x1 groups 2 | layernorm | elu | upsample 2 | avgpool 3x2 stride 2 pad 1x0 \
     | dense 12 nobias | softplus | reshape 2x2x3 | conv 5 2x1 | dense 5",
    &[
        "0.weight",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "4.weight",
        "4.bias",
        "5.weight",
        "5.bias",
        "10.weight",
        "13.weight",
        "13.bias",
        "15.weight",
        "15.bias",
    ],
);
const MODELS: [(&str, &str, &[&str]); 4] = [MLP, CONV, NORM, LAYERS];
/// Of which training is recorded with every rule.
const TRAINED: [(&str, &str, &[&str]); 3] = [MLP, CONV, NORM];
const BATCH: usize = 6;

/// Loads the weights that PyTorch saved.
fn network((file, text, names): (&str, &str, &[&str])) -> Network {
    let spec: NetworkSpec = text.parse().unwrap();
    let model = Model::load_as(folder().join(file).with_extension("safetensors"), spec).unwrap();
    assert_eq!((model.labels.len(), model.notes.len()), (0, 0));
    let tensors = model.network.tensors();
    let actual: Vec<_> = tensors.iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(actual, names);
    model.network
}

fn logits(network: &Network, inputs: &[f32]) -> Vec<f32> {
    let samples = inputs.len() / network.spec().input().len();
    let mut workspace = Workspace::new(network, samples).unwrap();
    network.forward(inputs, &mut workspace).unwrap().to_vec()
}

#[test]
fn logits_loss_and_gradients() {
    let golden = Golden::open();
    for model in MODELS {
        let name = model.0;
        let (inputs, targets) = golden.batch(name);
        for (kernel, network) in on_kernels(&network(model)) {
            let what = format!("{name}, {kernel}");
            let expected = golden.values(&format!("{name}.logits"));
            assert_close(&what, &logits(&network, &inputs), &expected, Tolerance::new(5e-7, 1e-6));
            let Gradients { loss, tensors, .. } = gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
            let expected = golden.values(&format!("{name}.loss"));
            assert_close(&what, &[loss], &expected, Tolerance::new(0.0, 5e-7));
            golden.assert_tensors(&format!("{name}.gradient"), &tensors, Tolerance::new(2e-7, 2e-6));
        }
    }
}

/// The optimizer named `rule`, with the settings PyTorch used.
fn optimizer(golden: &Golden, rule: &str) -> Optimizer {
    let settings = golden.inputs(&format!("{rule}.settings"));
    match (rule, &settings[..]) {
        ("adam" | "adamw", &[learning_rate, beta1, beta2, epsilon, weight_decay]) => Adam {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decoupled: rule == "adamw",
        }
        .into(),
        (_, &[learning_rate, momentum, weight_decay, ref nesterov @ ..]) => Sgd {
            learning_rate,
            momentum,
            weight_decay,
            nesterov: !nesterov.is_empty(),
        }
        .into(),
        _ => panic!("settings of {rule}: {settings:?}"),
    }
}

/// Trains for PyTorch's 12 steps of `rule` and compares with them; returns the trainer.
fn twelve_steps(golden: &Golden, model: &str, rule: &str, mut trainer: Trainer) -> Trainer {
    let (inputs, targets) = golden.batch(model);
    let sample = trainer.network().spec().input().len();
    let mut losses = Vec::new();
    let what = format!("{model}.{rule}");
    // Normalizing by the standard deviation of a small batch amplifies rounding errors.
    let tolerance = |absolute, relative| match model {
        "norm" | "layers" => Tolerance::new(5.0 * absolute, 5.0 * relative),
        _ => Tolerance::new(absolute, relative),
    };
    let expected = golden.values(&format!("{what}.losses"));
    for step in 0..expected.len() {
        let start = step * BATCH % targets.len();
        let samples = start..start + BATCH;
        let pixels = samples.start * sample..samples.end * sample;
        losses.push(trainer.step(&inputs[pixels], &targets[samples]).unwrap().loss);
        if step == 0 {
            let tensors = trainer.network().tensors();
            golden.assert_tensors(&format!("{what}.first"), &tensors, tolerance(3e-7, 1e-6));
        }
    }
    assert_close(format!("{what}: losses"), &losses, &expected, tolerance(0.0, 3e-6));
    let tensors = trainer.network().tensors();
    golden.assert_tensors(&format!("{what}.last"), &tensors, tolerance(2e-6, 3e-6));
    let logits = logits(trainer.network(), &inputs);
    let expected = golden.values(&format!("{what}.logits"));
    assert_close(format!("{what}: logits"), &logits, &expected, tolerance(3e-6, 3e-6));
    trainer
}

#[test]
fn twelve_steps_with_each_optimizer() {
    let golden = Golden::open();
    let rules = ["plain", "momentum", "decay", "both", "nesterov", "adam", "adamw"];
    let each_rule = TRAINED.map(|model| (model, &rules[..]));
    for (model, rules) in each_rule.into_iter().chain([(LAYERS, &["both"][..])]) {
        for (_, network) in on_kernels(&network(model)) {
            for &rule in rules {
                let optimizer = optimizer(&golden, rule);
                let trainer = Trainer::new(network.clone(), optimizer, BATCH).unwrap();
                twelve_steps(&golden, model.0, rule, trainer);
            }
        }
    }
}

fn smoothed() -> CrossEntropy {
    CrossEntropy::new().with_label_smoothing(0.125)
}

#[test]
fn twelve_steps_with_other_losses_clipping_and_averaging() {
    let golden = Golden::open();
    for model in [MLP, CONV] {
        for (_, network) in on_kernels(&network(model)) {
            for (variant, rule, max_norm) in [
                ("smoothed", "plain", None),
                ("squared", "momentum", None),
                ("clipped", "decay", Some(0.5)),
                ("hardly-clipped", "both", Some(1.5)),
                ("clipped-adamw", "adamw", Some(0.25)),
            ] {
                let optimizer = optimizer(&golden, rule);
                let mut trainer = Trainer::new(network.clone(), optimizer, BATCH).unwrap();
                trainer = trainer.with_average(0.875).unwrap();
                trainer = match variant {
                    "smoothed" | "clipped-adamw" => trainer.with_loss(smoothed()).unwrap(),
                    "squared" => trainer.with_loss(MeanSquaredError).unwrap(),
                    _ => trainer,
                };
                if let Some(max_norm) = max_norm {
                    trainer = trainer.with_clipping(max_norm).unwrap();
                }
                let trainer = twelve_steps(&golden, model.0, variant, trainer);
                let averaged = trainer.averaged_network().unwrap().tensors();
                let prefix = format!("{}.{variant}.average", model.0);
                golden.assert_tensors(&prefix, &averaged, Tolerance::new(2e-6, 3e-6));
            }
        }
    }
}

/// The trainer of a case of `golden/groups.py`.
fn grouped_trainer(golden: &Golden, kernel: Kernel, rule: &str, max_norm: Option<f32>) -> Trainer {
    let spec = "6x5x2 | conv 5 3x3 | batchnorm | relu | maxpool 2 | dense 7 | relu | dense 3";
    let mut network = Network::zeroed(spec.parse().unwrap()).unwrap().with_kernel(kernel);
    for Tensor { name, .. } in network.tensors() {
        network
            .set_parameter(&name, &golden.inputs(&format!("initial.{name}")))
            .unwrap();
    }
    let groups = [
        ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
        ParameterGroup::new("0.*").with_learning_rate_factor(0.25),
    ];
    let trainer = Trainer::new(network, optimizer(golden, rule), BATCH).unwrap();
    let trainer = trainer.with_parameter_groups(groups).unwrap();
    match max_norm {
        Some(max_norm) => trainer.with_clipping(max_norm).unwrap(),
        None => trainer,
    }
}

#[test]
fn twelve_steps_with_parameter_groups_and_layers_frozen_for_a_while() {
    let golden = Golden::of("groups.safetensors");
    let targets = golden.classes("labels");
    let inputs = golden.inputs("images");
    let sample = inputs.len() / targets.len();
    for (case, rule, max_norm) in [
        ("plain", "decay", None),
        ("momentum", "nesterov", None),
        ("adam", "adam", None),
        ("adamw", "adamw", None),
        ("clipped", "both", Some(0.25)),
    ] {
        for kernel in Kernel::available() {
            let mut trainer = grouped_trainer(&golden, kernel, rule, max_norm);
            let mut losses = Vec::new();
            for step in 0..12 {
                for pattern in ["0.*", "1.*"] {
                    match step {
                        3 => trainer.freeze(pattern).unwrap(),
                        7 => trainer.unfreeze(pattern).unwrap(),
                        _ => {}
                    }
                }
                let start = step * BATCH % targets.len();
                let batch = &inputs[start * sample..(start + BATCH) * sample];
                losses.push(trainer.step(batch, &targets[start..start + BATCH]).unwrap().loss);
            }
            let expected = golden.values(&format!("{case}.losses"));
            assert_close(
                format!("{case}, {kernel}"),
                &losses,
                &expected,
                Tolerance::new(0.0, 1e-5),
            );
            let tensors = trainer.network().tensors();
            golden.assert_tensors(&format!("{case}.last"), &tensors, Tolerance::new(1e-5, 1e-5));
        }
    }
}

#[test]
fn learning_rates_of_each_schedule() {
    let golden = Golden::open();
    let cycle = OneCycle {
        rise: 0.25,
        first_divisor: 16.0,
        last_divisor: 1024.0,
        ..OneCycle::new(40)
    };
    let line = OneCycle {
        annealing: Annealing::Linear,
        ..cycle
    };
    let network = Network::new("1 | dense 1".parse().unwrap(), 0).unwrap();
    for (case, schedule) in [
        ("step", Schedule::step(7, 0.75)),
        ("exponential", Schedule::exponential(0.875)),
        ("cosine", Schedule::cosine(15.0, 0.0625)),
        ("linear", Schedule::constant().with_warm_up(9.0, 0.125)),
        ("one-cycle", cycle.into()),
        ("one-cycle-linear", line.into()),
        ("warm-cosine", Schedule::cosine(32.0, 0.0).with_warm_up(8.0, 0.25)),
        ("warm-step", Schedule::step(10, 0.25).with_warm_up(6.0, 0.5)),
    ] {
        let trainer = Trainer::new(network.clone(), Sgd::new(0.5), 1).unwrap();
        let trainer = trainer.with_loss(MeanSquaredError).unwrap();
        let mut trainer = trainer.with_schedule(schedule).unwrap();
        let mut rates = Vec::new();
        for step in 0..40 {
            rates.push(schedule.learning_rate(0.5, step));
            assert_eq!((trainer.steps(), trainer.learning_rate()), (step, rates[step as usize]));
            trainer.step(&[1.0], &[0.5]).unwrap();
        }
        let expected = golden.values(&format!("schedule.{case}"));
        assert_close(case, &rates, &expected, Tolerance::new(1e-9, 1e-6));
    }
}

#[test]
fn smoothed_cross_entropy_and_mean_squared_error() {
    let golden = Golden::open();
    for case in golden.losses() {
        let logits = golden.inputs(&format!("loss.{case}.logits"));
        let target = golden.values(&format!("loss.{case}.label"))[0] as usize;
        let losses: [(&str, &dyn Loss); 2] = [("smoothed", &smoothed()), ("squared", &MeanSquaredError)];
        for (name, loss) in losses {
            let what = format!("loss.{case}.{name}");
            let mut gradient = vec![0.0; logits.len()];
            let loss = loss.of_sample(&logits, Target::Class(target), &mut gradient);
            let (expected, expected_gradient) = (golden.values(&what), golden.values(&format!("{what}.gradient")));
            if logits.iter().all(|logit| logit.is_finite()) && expected[0].is_finite() {
                assert_close(&what, &[loss], &expected, Tolerance::new(1e-7, 1e-6));
                assert_close(&what, &gradient, &expected_gradient, Tolerance::new(1e-7, 1e-6));
            } else {
                assert!(!loss.is_finite(), "{what}: {loss}");
            }
        }
    }
}

#[test]
fn softmax_and_cross_entropy_with_extreme_logits() {
    let golden = Golden::open();
    let cases = golden.losses();
    assert!(cases.len() >= 10, "{cases:?}");
    for case in cases {
        let values = |name: &str| golden.values(&format!("loss.{case}.{name}"));
        let logits = golden.inputs(&format!("loss.{case}.logits"));
        let target = values("label")[0] as usize;
        let mut probabilities = logits.clone();
        loss::softmax(&mut probabilities);
        let mut gradient = vec![0.0; logits.len()];
        let loss = loss::cross_entropy(&logits, target, 1.0, &mut gradient);
        // NaN and infinity exactly where PyTorch has them.
        for (what, actual) in [
            ("softmax", &probabilities),
            ("loss", &vec![loss]),
            ("gradient", &gradient),
        ] {
            let expected = values(what);
            let allowed: Vec<_> = expected.iter().map(|value| 1e-7 + 5e-7 * value.abs()).collect();
            if let Err(mismatch) = compare_ieee(actual, &expected, &allowed) {
                panic!("{case}: {what}: {mismatch}");
            }
        }
    }
}

#[test]
fn weights_from_pytorch_round_trip() {
    for model in MODELS {
        let network = network(model);
        let again = Model::from_bytes(&Model::new(network.clone()).to_bytes().unwrap()).unwrap();
        assert_eq!(again.network.tensors(), network.tensors());
    }
}

/// A Python with PyTorch and safetensors: `PYTHON_WITH_TORCH` if set, else `python3`.
fn python_with_torch() -> Option<String> {
    let named = std::env::var("PYTHON_WITH_TORCH").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let find = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, ('torch', 'safetensors'))))";
    let probe = Command::new(&python).args(["-c", find]).output();
    let works = probe.is_ok_and(|output| output.status.success());
    assert!(
        works || named.is_none(),
        "PYTHON_WITH_TORCH={python} has no torch and safetensors"
    );
    works.then_some(python)
}

/// The logits that PyTorch computes from a weights file, loaded with `strict=True`.
fn read_back(python: &str, weights: &Path, inputs: &[f32]) -> Vec<f32> {
    let mut child = Command::new(python)
        .arg(folder().join("read_back.py"))
        .arg(weights)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let inputs = serde_json::to_string(inputs).unwrap();
    child.stdin.take().unwrap().write_all(inputs.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "read_back.py: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pytorch_loads_saved_weights_strictly_and_computes_the_same_logits() {
    let Some(python) = python_with_torch() else {
        println!("skipped: python3 has no torch and safetensors; set PYTHON_WITH_TORCH to a Python that has them");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (seed, text) in [
        MLP.1,
        NORM.1,
        "9 | batchnorm | relu | dense 33 | relu | batchnorm | dense 3",
        "9 | relu | dense 33 | relu | dense 16 | dense 3",
        LAYERS.1,
        "9x8x2 | reshape 6x8x3 | conv 16 3x2 stride 1x2 pad 3x0 | relu | conv 32 2x2 dilation 2x1 groups 2 | softplus | \
         layernorm | flatten | reshape 1x1x768 | conv 3 1x1 | dense 3",
        "7x6x3 | conv 17 3x2 stride 2 pad 1 nobias | relu | maxpool 2 stride 1 | conv 4 2x2 pad same | relu | dense 3",
    ]
    .into_iter()
    .enumerate()
    {
        let network = trained(text, seed as u64);
        let (inputs, _) = batch(&network, 3, 5);
        let path = folder.path().join(format!("{seed}.safetensors"));
        let mut model = Model::new(network);
        model.labels = (0..model.network.spec().outputs())
            .map(|label| format!("digit \"{label}\""))
            .collect();
        model.notes.insert("preset".to_owned(), "none".to_owned());
        model.save(&path).unwrap();
        assert_close(
            text,
            &logits(&model.network, &inputs),
            &read_back(&python, &path, &inputs),
            Tolerance::new(1e-6, 2e-6),
        );
    }
}
