//! Small neural networks on the CPU, from scratch: dense and convolutional layers, softmax cross-entropy, SGD and Adam
//! on our own parallel matrix multiplication.
//!
//! A network is described by a line of text, or by a [builder](NetworkSpec::builder):
//!
//! ```
//! use nn_core::{Network, Trainer, optim::Sgd};
//!
//! let network = Network::new("784 | dense 128 | relu | dense 10".parse()?, 42)?;
//! let mut trainer = Trainer::new(network, Sgd::new(0.1), 32)?;
//! let (inputs, targets) = (vec![0.5; 32 * 784], vec![3; 32]);
//! for _ in 0..10 {
//!     trainer.step(&inputs, &targets)?;
//! }
//! let probabilities = trainer.network().predict(&inputs[..784])?;
//! assert!(probabilities[3] > 0.9);
//! # Ok::<(), nn_core::Error>(())
//! ```
//!
//! # The walk of a batch
//!
//! [`Network`] holds the layers and, in one arena, their parameters. A [`Workspace`] holds what the size of the batch
//! decides. A [`Trainer`] takes a step: forward, loss and the layers' gradients, for which threads take samples; then
//! the parameters' gradients and the step itself, for which threads take parameters. These are two parallel sections a
//! step ([`Network::thread_plan`] tells what each thread takes), and two more for each batch normalisation, where
//! samples wait for each other; nothing is allocated, and the bits of the result do not depend on the number of threads.
//!
//! Threads are those of the rayon pool that the call is made in; `rayon::ThreadPool::install` chooses another.
//!
//! # Panics and errors
//!
//! What comes from outside, such as shapes, lengths, settings and files, is answered with an [`enum@Error`] that says
//! what was wrong and what would be right. Panics are for broken invariants of this crate.

mod aligned;
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
pub use spec::{ConvSpec, LayerSpec, NetworkSpec, NetworkSpecBuilder, Padding};
pub use train::{Cursor, EpochReport, Evaluation, Source, Trainer, evaluate, gradients};

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
