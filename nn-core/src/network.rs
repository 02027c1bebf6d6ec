//! A network: building and prediction.

mod parameters;
mod tensor;

use std::sync::{Arc, OnceLock};

pub use self::tensor::{Tensor, TensorKind, TensorView};
pub(crate) use self::tensor::{TensorSlot, check_finite};
use crate::{
    aligned::Buffer,
    error::{Error, Result},
    exec::{BoundGraph, PackedParameters, ThreadPlan, Workspace},
    gemm::Kernel,
    graph::{Graph, Node},
    initialization::{Initialization, Initializer},
    layers::{CrossSample, StateSpec},
    loss, rng,
    spec::NetworkSpec,
};

/// Samples that prediction without a workspace computes at a time.
const PREDICTION_BATCH: usize = 256;

/// A network with its weights.
///
/// Prediction takes `&self`, so one network serves many threads. The memory that a batch needs is separate, in a
/// [`Workspace`].
///
/// ```
/// use nn_core::Network;
/// let network = Network::new("4 | dense 8 | relu | dense 3".parse()?, 42)?;
/// let inputs = [0.5, -1.0, 2.0, 0.0]; // [batch, 4]
/// let probabilities = network.probabilities(&inputs)?;
/// assert_eq!(probabilities.len(), 3);
/// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// let class = network.classes(&inputs)?[0];
/// assert_eq!(class, nn_core::loss::argmax(&network.predict(&inputs)?));
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    graph: Arc<Graph>,
    /// The graph of prediction: the same, unless normalizations are folded into the layers before them.
    prediction: Arc<Graph>,
    parameters: Buffer,
    /// Running statistics, which optimizers do not change.
    state: Buffer,
    /// The packed parameters of prediction, made when they are first needed.
    packed: OnceLock<PackedParameters>,
    kernel: Kernel,
}

impl Network {
    /// A network with initial weights, which depend on the seed alone. They are drawn by [`Initialization::Auto`].
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names a kernel that this machine cannot run.
    pub fn new(spec: NetworkSpec, seed: u64) -> Result<Self> {
        Self::with_initialization(spec, Initialization::default(), seed)
    }

    /// A network with initial weights and biases of a chosen distribution.
    ///
    /// ```
    /// use nn_core::{Initialization, Network};
    /// let network = Network::with_initialization("16 | dense 8 | tanh | dense 2".parse()?, Initialization::PyTorch, 42)?;
    /// let bias = network.parameter("0.bias")?;
    /// assert!(bias.iter().all(|value| value.abs() <= 0.25)); // √(1/16)
    /// assert!(bias.iter().any(|value| value != 0.0));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_initialization(spec: NetworkSpec, initialization: Initialization, seed: u64) -> Result<Self> {
        let mut network = Self::zeroed(spec)?;
        for node in &network.graph.nodes {
            let Some(parameters) = node.layer.parameters() else {
                continue;
            };
            let mut initializer = Initializer {
                initialization,
                before_relu: node.before_relu,
                generator: rng::stream(seed, node.path.id()),
            };
            let values = &mut network.parameters[node.parameters.clone()];
            parameters.initialize(values, &mut initializer);
        }
        Ok(network)
    }

    /// A network whose parameters are all zero and whose running statistics are those of a new one, to be filled with
    /// [`set_tensors`](Self::set_tensors).
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names a kernel that this machine cannot run.
    pub fn zeroed(spec: NetworkSpec) -> Result<Self> {
        let graph = Arc::new(Graph::for_training(&spec));
        Ok(Self {
            parameters: Buffer::zeroed(graph.parameters_len()),
            state: initial_state(&graph),
            packed: OnceLock::new(),
            prediction: Graph::for_prediction(&graph).map_or_else(|| Arc::clone(&graph), Arc::new),
            graph,
            kernel: Kernel::active()?,
        })
    }

    /// The same network, computed by another kernel.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self {
            kernel,
            packed: OnceLock::new(),
            ..self
        }
    }

    /// The layers and shapes.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.graph.spec
    }

    /// The number of parameters: weights and biases, without padding and without running statistics.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.spec().parameter_count()
    }

    /// Multiply-adds of a forward pass of one sample, by direct arithmetic. Outputs that no layer reads, such as rows
    /// and columns at the lower and right edge that no window covers, are not computed and do not count.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        self.graph.multiply_adds
    }

    /// Multiply-adds of the first layer that has any; training does not compute the gradient of its input.
    #[must_use]
    pub fn first_multiply_adds(&self) -> usize {
        self.graph.first_multiply_adds
    }

    /// How a training step on a batch would be distributed over at most `threads` threads; they need not exist.
    ///
    /// # Errors
    /// If there is no sample or no thread, or the batch takes more than 16 GiB.
    pub fn thread_plan(&self, batch: usize, threads: usize) -> Result<ThreadPlan> {
        ThreadPlan::new(&self.graph, batch, threads)
    }

    /// The outputs of a batch, `[batch, outputs]`, from `inputs`, `[batch, …]` with the input's shape: what the last layer
    /// gives, which for a classifier is logits.
    ///
    /// The batch is distributed over the threads of the current rayon pool where that is faster. A sample gets the same
    /// bits in any batch and on any number of threads.
    ///
    /// # Errors
    /// If `inputs` is empty, is not a whole number of samples, or has more samples than the workspace has room for; or
    /// if the workspace was made for another network.
    pub fn forward<'a>(&self, inputs: &[f32], workspace: &'a mut Workspace) -> Result<&'a [f32]> {
        let packed = self.packed.get_or_init(|| {
            let graphs = (&*self.graph, &*self.prediction);
            PackedParameters::new(self.kernel, graphs, &self.parameters, &self.state)
        });
        let bound = BoundGraph {
            graph: &self.prediction,
            parameters: &self.parameters,
            kernel: self.kernel,
        };
        workspace.forward(bound, packed, inputs)
    }

    /// The outputs of any number of samples, as [`forward`](Self::forward) gives them.
    ///
    /// Each call makes a workspace, for 256 samples at a time; for many calls, keep one and use `forward`.
    ///
    /// # Errors
    /// If `inputs` is empty or is not a whole number of samples, or if 256 samples take more than 16 GiB with all
    /// layers' outputs.
    pub fn predict(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        let samples = self.spec().samples(inputs)?;
        let batch = samples.min(PREDICTION_BATCH);
        let mut workspace = Workspace::new(self, batch)?;
        let mut outputs = Vec::with_capacity(samples * self.spec().outputs());
        for inputs in inputs.chunks(batch * self.spec().input().len()) {
            outputs.extend_from_slice(self.forward(inputs, &mut workspace)?);
        }
        Ok(outputs)
    }

    /// The probabilities of the classes for any number of samples, `[samples, classes]`: the softmax of the outputs, for
    /// a classifier trained with [`CrossEntropy`](loss::CrossEntropy).
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and if the network has one output. For that, and for outputs that are logits of
    /// independent labels, the probability is the sigmoid of the output, `1 / (1 + exp(-output))`.
    pub fn probabilities(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        self.check_classes()?;
        let mut probabilities = self.predict(inputs)?;
        for row in probabilities.chunks_mut(self.spec().outputs()) {
            loss::softmax(row);
        }
        Ok(probabilities)
    }

    /// The predicted classes of any number of samples: the index of the largest output of each.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities), and if an output is NaN.
    pub fn classes(&self, inputs: &[f32]) -> Result<Vec<usize>> {
        self.check_classes()?;
        let outputs = self.predict(inputs)?;
        if outputs.iter().any(|output| output.is_nan()) {
            return Err(Error::Setting {
                name: "an output",
                value: "NaN".to_owned(),
                reason: "it has no class; look for NaN among the inputs and weights",
            });
        }
        Ok(outputs.chunks(self.spec().outputs()).map(loss::argmax).collect())
    }

    fn check_classes(&self) -> Result<()> {
        if self.spec().outputs() > 1 {
            return Ok(());
        }
        Err(Error::Setting {
            name: "the number of classes",
            value: "1".to_owned(),
            reason: "one output has no classes to choose from; use `predict`, and for a logit its sigmoid",
        })
    }

    /// Memory to train on batches of up to `capacity` samples.
    pub(crate) fn training_workspace(&self, capacity: usize) -> Result<Workspace> {
        Workspace::with_graphs(&self.graph, &self.prediction, capacity, true)
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The running statistics.
    pub(crate) fn state(&self) -> &[f32] {
        &self.state
    }

    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The graph, with the parameters and the kernel that it trains with.
    pub(crate) fn bound(&self) -> BoundGraph<'_> {
        BoundGraph {
            graph: &self.graph,
            parameters: &self.parameters,
            kernel: self.kernel,
        }
    }

    /// The graph, and the parameters and running statistics to be updated; packed parameters are discarded.
    pub(crate) fn for_update(&mut self) -> (&Graph, &mut Buffer, &mut [f32]) {
        self.packed.take();
        (&self.graph, &mut self.parameters, &mut self.state)
    }
}

impl Workspace {
    /// Memory to predict batches of up to `capacity` samples.
    ///
    /// # Errors
    /// If that takes more than 16 GiB, scratch memory of the threads included.
    pub fn new(network: &Network, capacity: usize) -> Result<Self> {
        Self::with_graphs(&network.graph, &network.prediction, capacity, false)
    }

    /// Memory to train on batches of up to `capacity` samples, and to predict them. A [`Trainer`](crate::Trainer) has
    /// its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[cfg(feature = "internals")]
    pub fn for_training(network: &Network, capacity: usize) -> Result<Self> {
        network.training_workspace(capacity)
    }
}

/// The running statistics of a node.
fn state_specs(node: &Node) -> Vec<StateSpec> {
    node.layer.cross_sample().map_or_else(Vec::new, CrossSample::state)
}

/// The running statistics of a new network.
fn initial_state(graph: &Graph) -> Buffer {
    let mut state = Buffer::zeroed(graph.state_len());
    let specs = graph.nodes.iter().flat_map(state_specs);
    let values = specs.flat_map(|spec| std::iter::repeat_n(spec.initial, spec.len()));
    for (state, value) in state.iter_mut().zip(values) {
        *state = value;
    }
    state
}
