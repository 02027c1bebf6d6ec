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
//! let probabilities = trainer.network().predict(&[0.1, 0.7])?;
//! assert!(probabilities[1] > 0.9);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! The examples `mnist` and `pytorch` are complete programs to start from.
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
//! The output is a vector; for a classifier, one logit per class.
//!
//! # Data
//!
//! Inputs are a flat `[f32]` slice: `[batch, features]`, or `[batch, channels, height, width]` for images. Targets are
//! class indices, one per sample. Scale inputs to about mean 0 and standard deviation 1. To train by epochs, implement
//! [`Source`]; the crate `mnist-io` reads MNIST and other image data sets, and the example `mnist` connects the two.
//!
//! # Training
//!
//! A [`Trainer`] owns the network, the optimizer's state and the buffers of a batch. [`Trainer::step`] trains on one
//! batch, [`Trainer::epoch`] on all batches of a `Source`. [`optim`] has SGD, Adam and AdamW, and learning-rate
//! schedules. Loss, gradient clipping and an average of the weights are settings:
//!
//! ```
//! use std::ops::ControlFlow;
//! use nn_core::{Loss, Network, Source, Trainer, optim::{Adam, Schedule}};
//!
//! /// Points of the plane: is the first coordinate larger than the second?
//! struct Points(usize);
//!
//! impl Source for Points {
//!     fn start_epoch(&mut self, _epoch: u64) {
//!         self.0 = 0;
//!     }
//!
//!     fn next_batch(&mut self, inputs: &mut [f32], targets: &mut [usize]) -> usize {
//!         let count = targets.len().min(200 - self.0);
//!         for (input, target) in inputs.chunks_mut(2).zip(targets).take(count) {
//!             self.0 += 1;
//!             input.copy_from_slice(&[(self.0 * 37 % 100) as f32 / 100.0, (self.0 * 73 % 100) as f32 / 100.0]);
//!             *target = usize::from(input[0] > input[1]);
//!         }
//!         count
//!     }
//! }
//!
//! let network = Network::new("2 | dense 16 | relu | dense 2".parse()?, 42)?;
//! let mut trainer = Trainer::new(network, Adam::new(0.02), 32)?
//!     .with_loss(Loss::CrossEntropy { label_smoothing: 0.05 })?
//!     .with_schedule(Schedule::cosine(20.0 * 7.0, 0.0))?
//!     .with_clipping(1.0)?;
//! for epoch in 0..20 {
//!     trainer.epoch(&mut Points(0), epoch, |_, _| ControlFlow::Continue(()))?;
//! }
//!
//! // Evaluation
//! let network = trainer.into_network();
//! let mut workspace = nn_core::Workspace::new(&network, 100)?;
//! let evaluation = nn_core::evaluate(&network, &mut Points(0), &mut workspace)?;
//! assert_eq!(evaluation.count, 200);
//! assert!(evaluation.accuracy > 0.95);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! # Prediction
//!
//! [`Network::predict`] gives probabilities. [`Network::logits`] gives logits, in a [`Workspace`] that is reused from
//! call to call. Both take `&self`, so threads can share a network. [`evaluate`] measures loss and accuracy on a
//! `Source`.
//!
//! # Saving
//!
//! [`formats::Model`] is a network with the scaling of its inputs and the names of its classes. It is saved as a
//! safetensors file that names its network. [`Trainer::save_checkpoint`] saves a training run, and [`Trainer::resume`]
//! continues it exactly. Every file is written [atomically](atomic_file).
//!
//! ```
//! use nn_core::{Network, formats::Model};
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
//! [`Model::load_as`](formats::Model::load_as) loads what `safetensors.torch.save_file(model.state_dict(), path)`
//! saved; it takes the network, which such a file does not name.
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

mod aligned;
pub mod atomic_file;
mod error;
mod exec;
pub mod formats;
pub mod gemm;
mod graph;
mod layers;
pub mod loss;
mod network;
pub mod optim;
mod rng;
mod shape;
mod simd;
mod spec;
mod spin;
mod train;

pub use error::{Error, Result};
pub use exec::{BatchReport, ThreadPlan, Workspace};
pub use gemm::Kernel;
pub use loss::Loss;
pub use network::{Network, Tensor};
pub use shape::Shape;
pub use spec::{ConvSpec, LayerSpec, NetworkSpec, NetworkSpecBuilder, Padding, PoolSpec};
pub use train::{Cursor, EpochReport, Evaluation, Source, Trainer, evaluate, gradients};

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
