//! Neural networks on the CPU, from scratch: describe a network in one line, train it, save it, and exchange its
//! weights with PyTorch. Layers, training and the matrix product are all in this crate.
//!
//! ```
//! use nn_core::{Network, Trainer, optim::Sgd};
//!
//! // Which of two numbers is larger?
//! let inputs = [0.0, 1.0, 1.0, 0.0, 0.2, 0.9, 0.8, 0.3]; // [batch, 2]
//! let targets = [1, 0, 1, 0];
//! let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 42)?;
//! let mut trainer = Trainer::new(network, Sgd::new(0.5), 4)?;
//! for _ in 0..200 {
//!     trainer.step(&inputs, &targets)?;
//! }
//! let probabilities = trainer.network().probabilities(&[0.1, 0.7])?;
//! assert!(probabilities[1] > 0.9);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! Complete programs to start from are in [`examples`]: `mnist`, `regression`, `xor`, `autoencoder`, `resnet`,
//! `multilabel`, `transfer` (a new head on a trained backbone), `custom_layer` (a layer and a loss of your own), `pytorch`.
//!
//! [`own_images`] of mnist-io trains, saves and uses a network for a folder with one folder of images for each class.
//!
//! [`own_images`]: https://github.com/nn-core/nn-core/tree/main/mnist-io/examples/own_images.rs
//! [`examples`]: https://github.com/nn-core/nn-core/tree/main/nn-core/examples
//!
//! # Networks
//!
//! A [`NetworkSpec`] describes a network: the shape of a sample, `N` features or `HxWxC` for an image, and the layers
//! in order. Parse it from text, or use its [builder](NetworkSpec::builder); both check that the layers fit together.
//!
//! | Layer | Text |
//! | --- | --- |
//! | Dense | `dense OUT [nobias]` |
//! | Convolution | `conv OUT KHxKW [stride S\|SHxSW] [pad P\|PHxPW\|same] [dilation D\|DHxDW] [groups G] [nobias]` |
//! | Pooling | `maxpool K\|KHxKW [stride S\|SHxSW] [pad P\|PHxPW]`, `avgpool` likewise, `globalavgpool` |
//! | Upsampling | `upsample N` (nearest neighbor) |
//! | Normalization | `batchnorm`, `layernorm` |
//! | Regularization | `dropout P` |
//! | Activation | `relu`, `leakyrelu A`, `elu`, `silu`, `softplus`, `tanh`, `sigmoid`, `gelu` |
//! | Shape | `flatten` (optional before `dense`), `reshape HxWxC` |
//! | Branches | `add(A; B; …)`, `concat(A; B; …)`; an empty branch is the input itself, and `add(A)` adds to it |
//!
//! ```
//! use nn_core::{ConvSpec, Network, NetworkSpec, Shape};
//!
//! let parsed: NetworkSpec = "28x28x1 | conv 8 3x3 | relu | maxpool 2 | flatten | dense 10".parse()?;
//! let built = NetworkSpec::builder(Shape::image(1, 28, 28))
//!     .conv(ConvSpec::new(8, 3, 3))
//!     .relu()
//!     .max_pool(2)
//!     .dense(10)
//!     .build()?;
//! assert_eq!(parsed, built);
//! // The seed determines the initial weights.
//! let network = Network::new(parsed, 42)?;
//! assert_eq!(network.parameter_count(), 8 * (9 + 1) + 10 * (8 * 13 * 13 + 1));
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! The output has any shape; for a classifier, it is one logit per class. Layers of your own implement [`CustomLayer`].
//! [`Network::summary`] prints a table of layers, [`Network::activations`] gives the outputs of inner layers, and
//! [`Network::cut_after`], [`Network::with_head`] and [`Network::join`] make networks of others.
//!
//! # Data
//!
//! Inputs are a flat `[f32]` slice: `[batch, features]`, or `[batch, channels, height, width]` for images. Scale them to
//! about mean 0 and standard deviation 1. [Targets] are slices too: classes are `usize`, one for each sample; values are
//! `f32`, one for each output of each sample. Samples may have [weights](Targets::with_weights).
//!
//! To train by epochs, a [`Source`] fills one batch after the other: [`Samples`] are slices in memory, in order or
//! shuffled; [`source::from_iter`] and [`source::from_fn`] take iterators and closures; or implement the trait, as
//! the crate `mnist-io` does for MNIST and other image data sets (its feature `nn-core`, see the example `mnist`).
//!
//! # Training
//!
//! A [`Trainer`] owns the network, the optimizer's state and the memory of a batch. [`Trainer::step`] trains on one
//! batch, [`Trainer::epoch`] on all batches of a `Source`, and [`Trainer::fit`] for several epochs, with validation and
//! early stopping. [`optim`] has SGD, Adam and AdamW, and learning-rate
//! schedules. Loss, gradient clipping and an average of the weights are settings:
//!
//! ```
//! use std::ops::ControlFlow;
//! use nn_core::{Network, Samples, Trainer, loss::CrossEntropy, optim::{Adam, Schedule}};
//!
//! // Points of the plane: is the first coordinate larger than the second?
//! let inputs: Vec<f32> = (0..400).map(|i| (i * 37 % 100) as f32 / 100.0).collect(); // [200, 2]
//! let targets: Vec<usize> = inputs.chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
//!
//! let network = Network::new("2 | dense 16 | relu | dense 2".parse()?, 42)?;
//! let mut trainer = Trainer::new(network, Adam::new(0.02), 32)?
//!     .with_loss(CrossEntropy::new().with_label_smoothing(0.05))?
//!     .with_schedule(Schedule::cosine(20.0 * 7.0, 0.0))?
//!     .with_clipping(1.0)?;
//! let mut samples = Samples::new(&inputs, &targets).shuffled(42);
//! for epoch in 0..20 {
//!     trainer.epoch(&mut samples, epoch, |_, _| ControlFlow::Continue(()))?;
//! }
//! let evaluation = trainer.evaluate(&mut samples)?;
//! assert_eq!(evaluation.count, 200);
//! assert!(evaluation.accuracy.unwrap() > 0.95);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! | The outputs are | Loss | Targets |
//! | --- | --- | --- |
//! | one of several classes | [`CrossEntropy`](loss::CrossEntropy), the default | classes, or probabilities as values |
//! | several labels, or a yes or no | [`BinaryCrossEntropy`](loss::BinaryCrossEntropy) | values 0 to 1 |
//! | numbers | [`MeanSquaredError`](loss::MeanSquaredError), [`MeanAbsoluteError`](loss::MeanAbsoluteError), [`Huber`](loss::Huber) | values |
//! | anything else | [your own](Loss) | classes or values |
//!
//! # Parameters
//!
//! Every parameter has a name, as in a PyTorch `nn.Sequential` of the same layers: `0.weight` is the weight of the first
//! layer, where `flatten` counts as a layer too. [`Network::parameters`] lists them and [`Network::parameter`] finds one;
//! both give views, without a copy. [`Network::set_parameter`] sets one. [`Network::summary`] is a table of the layers. [`Initialization`] names the distributions that
//! initial values can be drawn from.
//!
//! A trainer can set parameters between two steps, freeze them, and give groups of them a learning rate and a weight
//! decay of their own. The optimizer's state stays. In the patterns that name parameters, `*` stands for any
//! characters:
//!
//! ```
//! use nn_core::{Initialization, Network, Trainer, optim::{Adam, ParameterGroup}};
//!
//! let spec = "8x8x1 | conv 8 3x3 | batchnorm | relu | dense 16 | relu | dense 2".parse()?;
//! let network = Network::with_initialization(spec, Initialization::HeNormal, 42)?;
//! let adamw = Adam { weight_decay: 0.01, decoupled: true, ..Adam::new(0.001) };
//! let mut trainer = Trainer::new(network, adamw, 4)?.with_parameter_groups([
//!     ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
//!     ParameterGroup::new("6.*").with_learning_rate_factor(10.0),
//! ])?;
//! let filters = trainer.network().parameter("0.weight")?.to_vec();
//! trainer.freeze("0.*")?;
//! trainer.step(&[0.5; 4 * 64], &[0, 1, 0, 1])?;
//! assert_eq!(trainer.network().parameter("0.weight")?.to_vec(), filters);
//!
//! trainer.unfreeze("0.*")?;
//! trainer.set_parameter("6.bias", &[0.5, -0.5])?;
//! trainer.step(&[0.5; 4 * 64], &[0, 1, 0, 1])?;
//! assert_ne!(trainer.network().parameter("0.weight")?.to_vec(), filters);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! # Prediction
//!
//! [`Network::predict`] gives the outputs, [`Network::probabilities`] their softmax, and [`Network::classes`] the most
//! probable class of each sample. [`Network::forward`] gives the outputs in a [`Workspace`] that is reused from call to
//! call. All take `&self`, so threads can share a network. [`evaluate`] measures loss and accuracy on a `Source`, and
//! [`metrics`] has a confusion matrix, precision, recall and more.
//!
//! # Saving
//!
//! [`Model`] is a network with the scaling of its inputs and the names of its classes. It takes raw pixels, and is saved
//! as a safetensors file that names its network. [`Trainer::save_checkpoint`] saves a training run, and [`Trainer::resume`]
//! continues it exactly. Every file is written [atomically](atomic_file).
//!
//! ```
//! use nn_core::{Model, Network};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("model.safetensors");
//!
//! let mut model = Model::new(Network::new("4 | dense 2".parse()?, 42)?);
//! model.labels = vec!["cat".to_owned(), "dog".to_owned()];
//! model.save(&path)?;
//! let model = Model::load(&path)?;
//! assert_eq!(model.network.spec().to_string(), "4 | dense 2");
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! # PyTorch
//!
//! Tensors have the names and shapes of an `nn.Sequential` of the same layers, so PyTorch loads the file:
//! `model.load_state_dict(safetensors.torch.load_file("model.safetensors"))`. In the other direction,
//! [`Model::load_as`] loads what `safetensors.torch.save_file(model.state_dict(), path)`
//! saved, in single or half precision; it takes the network, which such a file does not name. Where names differ, or only
//! a part of the tensors fits, [`LoadOptions`](formats::LoadOptions) load them into a network.
//!
//! # ONNX
//!
//! [`Model::save_onnx`] writes the network for other runtimes, such as ONNX Runtime.
//!
//! # Threads and determinism
//!
//! Work runs on the current rayon pool: the global one, or the pool whose `install` the call is made in. Small steps
//! use a single thread. The same seed, data, build and kernel give the same bits, for any number of threads.
//!
//! The [`Kernel`] is the fastest that the CPU can run. The environment variable `NN_CORE_KERNEL` selects another, such as
//! `portable`, and so does [`Network::with_kernel`] for one network. Kernels round differently.
//!
//! # Errors and panics
//!
//! Whatever comes from the caller, such as text, shapes, slices, settings and files, is checked and answered with an
//! [`enum@Error`] that says what is wrong and what to do. Training stops with an error if the loss is no longer finite.
//! A failed step leaves the parameters as they were. Functions on plain slices, such as those in [`loss`], panic on
//! wrong lengths and say so under `# Panics`; every other panic is a bug in this crate.
//!
//! # Debug builds
//!
//! Without optimization, training is about 60 times slower. Optimize dependencies in debug builds too, in the
//! `Cargo.toml` of your program or workspace:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```

mod activations;
mod aligned;
pub mod atomic_file;
mod compose;
mod error;
mod exec;
pub mod formats;
pub mod gemm;
mod graph;
mod initialization;
mod layers;
pub mod loss;
mod math;
mod model;
mod network;
pub mod optim;
mod pattern;
mod rng;
mod shape;
mod simd;
mod spec;
mod spin;
mod summary;
mod train;

pub use error::{Error, Result, SamplePlace};
pub use exec::{BatchReport, ThreadPlan, Workspace};
pub use gemm::Kernel;
pub use initialization::Initialization;
pub use loss::{Loss, Target, Targets};
pub use model::{Classification, Model, Scaling};
pub use network::{Network, Tensor, TensorKind, TensorView};
pub use shape::Shape;
pub use spec::{
    ConvSpec, CustomBackward, CustomLayer, CustomSpec, LayerRegistry, LayerSpec, NetworkSpec, NetworkSpecBuilder,
    Padding, PoolSpec,
};
pub use summary::{LayerSummary, Summary};
pub use train::{
    BestBy, BestNetwork, Cursor, EpochReport, Evaluation, Fit, FitCallback, FitEnd, FitEpoch, FitProgress, FitReport,
    FitSteps, GradientCheck, Gradients, ParameterSettings, Trainer, check_gradients, evaluate, evaluate_with,
    gradients, input_gradient, metrics,
    source::{self, Samples, Source},
};

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
