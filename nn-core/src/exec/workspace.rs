//! Everything that the size of a batch decides, allocated once; and the walk of a batch through the layers.

use std::ops::Range;

use crate::{
    aligned::Buffer,
    error::{Error, Result, check_length},
    gemm::{MatMut, MatRef, NR, NonzeroColumns, Panels, even_blocks},
    layers::{Backward, CrossSample, Forward, Gradient, PartialSums, ShardSums, Sharding, StepContext},
    loss::{self, Loss},
    network::{Graph, Network, Node, ParameterBlock, Prepared, sample_reason},
    spec::NetworkSpec,
};

/// The most values of a batch's records and of the scratch memory. A `usize` of 32 bits does not hold the number.
const MAX_MEMORY: u64 = 1 << 32;
/// ShardSums of a batch that is large enough: as many threads can take samples.
const MIN_LANES: usize = 8;
/// Samples of a lane where there are more lanes: each lane is closed and added up once, which costs a part of what a
/// sample does.
const LANE_SAMPLES: usize = 8;
/// The most values of all lanes' sums, if that leaves [`MIN_LANES`]: 32 MiB.
const MAX_SUMS: usize = 1 << 23;
/// Values of the records of a block of samples in prediction, 1 MiB: they stay in a second-level cache, or nearly so.
const BLOCK_VALUES: usize = 1 << 18;
/// Samples of a block: fewer do not make up for reading all weights.
const MIN_BLOCK: usize = 16;
/// Multiply-adds that one thread takes at least: sharing less costs more than it brings.
const THREAD_WORK: usize = 150_000;

/// The memory in which a network predicts or trains, for batches of up to a fixed size.
///
/// All that a sample gives rise to lies in one record, its outputs layer after layer, and records lie one behind the
/// other; so threads take samples by cutting the arena in two. Nothing is allocated after the first use.
///
/// ```
/// use nn_core::{Network, Workspace};
/// let network = Network::new("2 | dense 3".parse()?, 0)?;
/// let mut workspace = Workspace::new(&network, 8)?;
/// let logits = network.logits(&[0.0, 1.0, 2.0, 3.0], &mut workspace)?;
/// assert_eq!(logits.len(), 2 * 3);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The network that it was made for.
    spec: NetworkSpec,
    capacity: usize,
    prediction: Layout,
    /// None where the workspace is for prediction alone.
    training: Option<Layout>,
    /// The layers' outputs, `[capacity, stride]`; the last layer's are in `logits`.
    records: Buffer,
    /// Their gradients, in the same places; the padding stays zero. Empty where the workspace is for prediction.
    gradients: Buffer,
    derived: Derived,
    /// `[capacity, outputs]`.
    logits: Buffer,
    losses: Vec<f32>,
    /// Sums of gradients over the samples of a lane, `[lanes, stride]`.
    sums: Buffer,
    /// Scratch memory, `[threads, stride]`.
    scratch: Buffer,
    /// Of each few pixels, the images in which they are not all 0; where the first layer's gradient has a use for it.
    live: NonzeroColumns,
}

/// What a training step derives from the parameters, and joint layers from the whole batch.
#[derive(Clone, Debug, Default)]
struct Derived {
    /// Parameters in the form in which forward reads them; in prediction the network has them.
    packed: Buffer,
    /// Parameters in the form in which the first half of backward reads them.
    transposed: Buffer,
}

/// Where a record holds what; every slot is padded to whole panels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// One a node, in order.
    slots: Vec<Range<usize>>,
    /// Distance of two records.
    pub(crate) stride: usize,
    /// What a node keeps in a record for the way back; one a node, empty in prediction.
    saved: Vec<Range<usize>>,
    /// Where a node's transposed parameters stand; one a node.
    transposed: Vec<Range<usize>>,
    /// A node's part of a lane's sums; one a node.
    sums: Vec<Range<usize>>,
    /// A node's part of a thread's scratch memory; one a node.
    scratch: Vec<Range<usize>>,
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchReport {
    /// Mean loss of the samples.
    pub loss: f32,
    /// How many samples the largest logit was right for.
    pub correct: usize,
    /// How many samples there were.
    pub samples: usize,
}

impl Layout {
    pub(crate) fn new(plan: &Graph, training: bool) -> Self {
        let nodes = &plan.nodes;
        let in_training = |len: usize| if training { len } else { 0 };
        // The first layer's input is data: nobody needs its gradient.
        let first = |index: usize, len: usize| if index == 0 { 0 } else { in_training(len) };
        let outputs = nodes
            .iter()
            .flat_map(|node| [node.outputs, in_training(node.layer.saved_len())]);
        let (slots, saved): (Vec<_>, Vec<_>) = ranges(outputs)
            .chunks(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .unzip();
        let end = saved.last().map_or(0, |range| range.end).next_multiple_of(NR);
        // An odd number of cache lines: strides of powers of two would put all records into the same few cache sets.
        let lines = (end / NR) | 1;
        let transposed = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| first(index, node.layer.transposed_len()));
        Self {
            slots,
            saved,
            stride: lines * NR,
            transposed: ranges(transposed),
            sums: ranges(nodes.iter().map(|node| in_training(node.layer.shard_sums_len()))),
            scratch: ranges(nodes.iter().map(|node| node.layer.scratch_len(training))),
        }
    }

    /// Whether the gradients of a node's parameters are summed in lanes.
    pub(crate) fn sums_in_lanes(&self, node: usize) -> bool {
        !self.sums[node].is_empty()
    }

    pub(crate) fn transposed_len(&self) -> usize {
        end_of(&self.transposed)
    }

    pub(crate) fn sums_len(&self) -> usize {
        end_of(&self.sums)
    }

    fn scratch_len(&self) -> usize {
        end_of(&self.scratch)
    }

    /// How a batch is cut: into few lanes where gradients are summed in them, else as finely as can be.
    fn cut(&self, batch: usize) -> Sharding {
        let lanes = match MAX_SUMS.checked_div(self.sums_len()) {
            None => batch,
            Some(most) => (batch / LANE_SAMPLES).min(most).max(MIN_LANES).min(batch),
        };
        Sharding { batch, lanes }
    }

    /// How the first section of a training step is shared out over at most that many threads.
    pub(crate) fn training_cut(&self, network: &Network, batch: usize, threads: usize) -> (Sharding, usize) {
        let cut = self.cut(batch);
        let worth = threads_for(3 * batch * network.plan().work, threads);
        (cut, worth.min(cut.lanes))
    }
}

/// Whether the first layer keeps where the images are live.
fn keeps_live(network: &Network) -> bool {
    let first = network.plan().nodes.first();
    first.is_some_and(|node| node.layer.keeps_live())
}

/// Stretches of these lengths, one behind the other, each beginning at a whole panel.
fn ranges(lens: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut start: usize = 0;
    lens.map(|len| {
        let range = start..start + len;
        start = range.end.next_multiple_of(NR);
        range
    })
    .collect()
}

/// The length of an arena that has all these stretches.
fn end_of(ranges: &[Range<usize>]) -> usize {
    ranges.last().map_or(0, |range| range.end.next_multiple_of(NR))
}

impl Workspace {
    /// Memory to predict batches of up to `capacity` samples.
    ///
    /// # Errors
    /// If that is more memory than any machine here has, 2³² values or 16 GiB, scratch memory of the threads included.
    pub fn new(network: &Network, capacity: usize) -> Result<Self> {
        Self::with_training(network, capacity, None)
    }

    fn with_training(network: &Network, capacity: usize, training: Option<Layout>) -> Result<Self> {
        let prediction = Layout::new(network.prediction(), false);
        let mut stride = prediction.stride;
        for layout in [&prediction].into_iter().chain(&training) {
            check_batch(network, capacity, rayon::current_num_threads(), layout)?;
            stride = stride.max(layout.stride);
        }
        Ok(Self {
            spec: network.spec().clone(),
            capacity,
            prediction,
            training,
            records: Buffer::zeroed(capacity * stride),
            gradients: Buffer::zeroed(0),
            derived: Derived::default(),
            logits: Buffer::zeroed(capacity * network.spec().outputs()),
            losses: Vec::new(),
            sums: Buffer::zeroed(0),
            scratch: Buffer::zeroed(0),
            live: NonzeroColumns::default(),
        })
    }

    /// Memory to train on batches of up to `capacity` samples, and to predict them.
    ///
    /// A [`Trainer`](crate::Trainer) makes its own, so no program needs to. Public it is for checks from outside: that
    /// prediction in such memory gives the same bits as in that of [`new`](Self::new), and that too large a batch is
    /// refused.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_training(network: &Network, capacity: usize) -> Result<Self> {
        let layout = Layout::new(network.plan(), true);
        let workspace = Self::with_training(network, capacity, Some(layout.clone()))?;
        let pixels = if keeps_live(network) {
            network.spec().input().len()
        } else {
            0
        };
        Ok(Self {
            gradients: Buffer::zeroed(capacity * layout.stride),
            sums: Buffer::zeroed(layout.cut(capacity).lanes * layout.sums_len()),
            derived: Derived {
                packed: Buffer::zeroed(network.plan().packed_len()),
                transposed: Buffer::zeroed(layout.transposed_len()),
            },
            losses: vec![0.0; capacity],
            live: NonzeroColumns::with_capacity(pixels, capacity),
            ..workspace
        })
    }

    fn training(&self) -> &Layout {
        self.training.as_ref().expect("a workspace for training")
    }

    /// The largest batch.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Computes the logits of a batch, `[batch, outputs]`.
    pub(crate) fn forward(&mut self, network: &Network, images: &[f32]) -> Result<&[f32]> {
        let batch = self.check(network, images)?;
        let outputs = network.spec().outputs();
        let threads = threads_for(batch * network.plan().work, rayon::current_num_threads()).min(batch);
        let packed = network.packed();
        let chunk = self.chunk(network, false, threads, images, &[])?;
        chunk.share(threads, &|mut chunk: Chunk<'_>| chunk.predict(network, packed));
        Ok(&self.logits[..batch * outputs])
    }

    /// Forward, loss, and the gradients of all layers' outputs; those of the parameters come from
    /// [`parameter_gradient`](Self::parameter_gradient).
    pub(crate) fn backward(
        &mut self,
        network: &Network,
        images: &[f32],
        labels: &[usize],
        loss: Loss,
        moment: StepContext,
    ) -> Result<BatchReport> {
        let batch = self.check(network, images)?;
        let outputs = network.spec().outputs();
        check_length("labels", labels.len(), batch, || format!("{batch} samples"))?;
        if let Some(sample) = labels.iter().position(|&label| label >= outputs) {
            return Err(Error::Label {
                label: labels[sample],
                sample,
                classes: outputs,
            });
        }
        check_joints(network, batch)?;
        let mut derived = std::mem::take(&mut self.derived);
        network.prepare(&mut derived.packed);
        for (node, range) in network.plan().nodes.iter().zip(&self.training().transposed) {
            if !range.is_empty() {
                let transposed = &mut derived.transposed[range.clone()];
                node.layer
                    .transpose(network.kernel(), parameters(network, node), transposed);
            }
        }
        let walked = self.walk(network, images, labels, (loss, moment), &mut derived);
        self.derived = derived;
        walked?;
        if keeps_live(network) {
            let records = MatRef::row_major(&self.records, batch, self.training().stride)?;
            let flags = records.block(0..batch, self.training().saved[0].clone());
            let images = MatRef::row_major(images, batch, network.spec().input().len())?;
            self.live.find_transposed(network.kernel(), flags, images);
        }
        Ok(self.report(labels, outputs))
    }

    /// How many threads a training step on that many samples is shared out over.
    pub(crate) fn training_threads(&self, network: &Network, batch: usize) -> usize {
        let threads = rayon::current_num_threads();
        self.training().training_cut(network, batch, threads).1
    }

    /// The walk of a batch through all nodes and back. Threads take samples, in one fork and join; where nodes are
    /// joint, the walk halts there on both ways, and what the lanes have gathered is merged.
    fn walk(
        &mut self,
        network: &Network,
        images: &[f32],
        labels: &[usize],
        (loss, moment): (Loss, StepContext),
        derived: &mut Derived,
    ) -> Result<()> {
        let (batch, plan) = (labels.len(), network.plan());
        let threads = self.training_threads(network, batch);
        let mut start = 0;
        for &joint in &plan.joints {
            let chunk = self.chunk(network, true, threads, images, labels)?;
            chunk.share(threads, &|mut chunk: Chunk<'_>| {
                chunk.forward(network, start..joint, moment, derived);
                chunk.gather(network, joint, derived);
            });
            self.merge(network, joint, batch, derived);
            start = joint;
        }
        let chunk = self.chunk(network, true, threads, images, labels)?;
        let back = plan.joints.last();
        chunk.share(threads, &|mut chunk: Chunk<'_>| {
            chunk.forward(network, start..plan.nodes.len(), moment, derived);
            chunk.loss(loss);
            chunk.backward(network, back, plan.nodes.len(), derived);
        });
        for (index, &joint) in plan.joints.iter().enumerate().rev() {
            self.reduce_gradient(network, joint, batch, derived);
            let back = plan.joints[..index].last();
            let chunk = self.chunk(network, true, threads, images, labels)?;
            chunk.share(threads, &|mut chunk: Chunk<'_>| {
                chunk.backward(network, back, joint + 1, derived);
            });
        }
        Ok(())
    }

    fn merge(&self, network: &Network, index: usize, batch: usize, derived: &mut Derived) {
        let node = &network.plan().nodes[index];
        let packed = &mut derived.packed[node.packed.clone()];
        joint(node).merge(parameters(network, node), self.gathered(index, batch), packed);
    }

    fn reduce_gradient(&self, network: &Network, index: usize, batch: usize, derived: &mut Derived) {
        let node = &network.plan().nodes[index];
        let packed = &mut derived.packed[node.packed.clone()];
        joint(node).reduce_gradient(self.gathered(index, batch), packed);
    }

    fn gathered(&self, index: usize, batch: usize) -> PartialSums<'_> {
        let layout = self.training();
        PartialSums {
            sums: &self.sums,
            stride: layout.sums_len(),
            start: layout.sums[index].start,
            cut: layout.cut(batch),
        }
    }

    /// Updates the network's running statistics, after [`backward`](Self::backward) for a batch.
    pub(crate) fn track(&self, network: &mut Network) {
        let plan = network.shared_plan();
        for &index in &plan.joints {
            let node = &plan.nodes[index];
            let packed = &self.derived.packed[node.packed.clone()];
            joint(node).track(packed, &mut network.state_mut()[node.state.clone()]);
        }
    }

    /// `out = beta·out + alpha·gradient` for a block of the parameters, after [`backward`](Self::backward) for the
    /// same images.
    pub(crate) fn parameter_gradient(
        &self,
        network: &Network,
        images: MatRef<'_>,
        block: &ParameterBlock,
        (alpha, beta): (f32, f32),
        out: &mut [f32],
    ) {
        let (node, batch, layout) = (block.node, images.rows(), self.training());
        if layout.sums_in_lanes(node) {
            return self.add_lanes(block, batch, (alpha, beta), out);
        }
        let slot = &layout.slots[node];
        let x = if node == 0 {
            images
        } else {
            let records = MatRef::row_major(&self.records, batch, layout.stride);
            records
                .expect("the batch fits")
                .block(0..batch, layout.slots[node - 1].clone())
        };
        let live = self.live.get().filter(|_| node == 0);
        let dy = Panels {
            data: &self.gradients[slot.start..],
            k: batch,
            n: slot.len(),
            panel_stride: NR,
            row_stride: layout.stride,
            segment_stride: 0,
        };
        let layer = &network.plan().nodes[node].layer;
        layer.gradient(
            network.kernel(),
            block.block,
            Gradient { x, live, dy },
            alpha,
            beta,
            out,
        );
    }

    /// The same for a node that has summed in lanes: adds them up, always in the same order.
    fn add_lanes(&self, block: &ParameterBlock, batch: usize, (alpha, beta): (f32, f32), out: &mut [f32]) {
        for (lane, (_, sums)) in self.gathered(block.node, batch).lanes().enumerate() {
            let beta = if lane == 0 { beta } else { 1.0 };
            for (out, sum) in out.iter_mut().zip(&sums[block.start..]) {
                let old = if beta == 0.0 { 0.0 } else { beta * *out };
                *out = old + alpha * sum;
            }
        }
    }

    /// The size of the batch, if images, network and workspace fit each other.
    fn check(&self, network: &Network, images: &[f32]) -> Result<usize> {
        let sample = network.spec().input().len();
        let batch = images.len() / sample;
        check_length("images", images.len(), batch.max(1) * sample, || {
            sample_reason(batch.max(1), network.spec().input())
        })?;
        if batch > self.capacity {
            return Err(Error::Batch {
                batch,
                capacity: self.capacity,
            });
        }
        if self.spec != *network.spec() {
            return Err(Error::Setting {
                name: "workspace",
                value: "of another network".to_owned(),
                reason: "it has to be made for the network that it is used with",
            });
        }
        Ok(batch)
    }

    fn chunk<'a>(
        &'a mut self,
        network: &Network,
        training: bool,
        threads: usize,
        images: &'a [f32],
        labels: &'a [usize],
    ) -> Result<Chunk<'a>> {
        let layout = self.training.as_ref().filter(|_| training).unwrap_or(&self.prediction);
        let stride = layout.stride;
        let batch = images.len() / network.spec().input().len();
        let cut = layout.cut(batch);
        let gradient_stride = if training { stride } else { 0 };
        Ok(Chunk {
            layout,
            cut,
            lanes: 0..cut.lanes,
            sums: &mut self.sums,
            scratch: self.scratch.at_least(threads * layout.scratch_len()),
            images: MatRef::row_major(images, batch, network.spec().input().len())?,
            labels,
            records: MatMut::row_major(&mut self.records, batch, stride)?,
            gradients: MatMut::row_major(&mut self.gradients, batch, gradient_stride)?,
            logits: MatMut::row_major(&mut self.logits, batch, network.spec().outputs())?,
            losses: &mut self.losses,
        })
    }

    /// Sums up in the order of the samples, so that the result does not depend on who computed them.
    fn report(&self, labels: &[usize], outputs: usize) -> BatchReport {
        let sum: f64 = self.losses[..labels.len()].iter().map(|&loss| f64::from(loss)).sum();
        let rows = self.logits.chunks(outputs).zip(labels);
        BatchReport {
            loss: (sum / labels.len() as f64) as f32,
            correct: rows.filter(|(logits, label)| loss::argmax(logits) == **label).count(),
            samples: labels.len(),
        }
    }
}

/// Refuses a batch whose memory no machine here has, on at most that many threads.
pub(crate) fn check_batch(network: &Network, batch: usize, threads: usize, layout: &Layout) -> Result<()> {
    // Two records a sample, outputs and gradients, and the logits.
    let sample = 2 * layout.stride as u64 + network.spec().outputs() as u64;
    let scratch = (batch.min(threads) as u64).checked_mul(layout.scratch_len() as u64);
    let records = (batch as u64).checked_mul(sample);
    let values = records
        .zip(scratch)
        .and_then(|(records, scratch)| records.checked_add(scratch));
    if values.is_some_and(|values| values <= MAX_MEMORY) {
        return Ok(());
    }
    Err(Error::Setting {
        name: "batch",
        value: batch.to_string(),
        reason: "a batch of that many samples takes more than 16 GiB of memory; take a smaller one, fewer threads or a \
                 smaller network",
    })
}

/// Refuses a batch that is too small for a layer that looks at all of it.
fn check_joints(network: &Network, batch: usize) -> Result<()> {
    for &index in &network.plan().joints {
        let node = &network.plan().nodes[index];
        let least = joint(node).least_batch();
        if batch < least {
            let layer = &network.spec().layers()[node.item];
            return Err(Error::SmallBatch {
                index: node.item,
                layer: layer.to_string(),
                batch,
                least,
            });
        }
    }
    Ok(())
}

/// Threads worth waking for that many multiply-adds, of those that there are.
fn threads_for(work: usize, threads: usize) -> usize {
    threads.min(work / THREAD_WORK).max(1)
}

/// Where lanes are cut in two for `parts` threads: parts of the left half, and the first lane of the right one. One
/// thread takes them whole.
pub(crate) fn cut_lanes(lanes: &Range<usize>, parts: usize) -> Option<(usize, usize)> {
    let left = parts / 2;
    (left > 0).then(|| (left, lanes.start + lanes.len() * left / parts))
}

/// Some samples of a batch, whole lanes of them, and their part of every arena.
struct Chunk<'a> {
    layout: &'a Layout,
    cut: Sharding,
    lanes: Range<usize>,
    sums: &'a mut [f32],
    scratch: &'a mut [f32],
    images: MatRef<'a>,
    labels: &'a [usize],
    records: MatMut<'a>,
    gradients: MatMut<'a>,
    logits: MatMut<'a>,
    losses: &'a mut [f32],
}

impl Chunk<'_> {
    /// Cuts the chunk into `parts` and does them in parallel. What a sample or a lane gets does not depend on the
    /// cut.
    fn share(self, parts: usize, work: &(impl Fn(Chunk<'_>) + Sync)) {
        let Some((left, lane)) = cut_lanes(&self.lanes, parts) else {
            return work(self);
        };
        let (first, second) = self.split(left, lane);
        rayon::join(|| first.share(left, work), || second.share(parts - left, work));
    }

    /// The samples before those of lane `lane`, for `left` threads, and the others.
    fn split(self, left: usize, lane: usize) -> (Self, Self) {
        let row = self.cut.start(lane) - self.cut.start(self.lanes.start);
        let (rows, cols) = (self.images.rows(), self.images.cols());
        // Labels, losses and sums are empty in prediction.
        let (labels, losses) = (row.min(self.labels.len()), row.min(self.losses.len()));
        let sums = ((lane - self.lanes.start) * self.layout.sums_len()).min(self.sums.len());
        let labels = self.labels.split_at(labels);
        let losses = self.losses.split_at_mut(losses);
        let sums = self.sums.split_at_mut(sums);
        let scratch = self.scratch.split_at_mut(left * self.layout.scratch_len());
        let records = self.records.split_at_row(row);
        let gradients = self.gradients.split_at_row(row);
        let logits = self.logits.split_at_row(row);
        let first = Chunk {
            layout: self.layout,
            cut: self.cut,
            lanes: self.lanes.start..lane,
            sums: sums.0,
            scratch: scratch.0,
            images: self.images.block(0..row, 0..cols),
            labels: labels.0,
            records: records.0,
            gradients: gradients.0,
            logits: logits.0,
            losses: losses.0,
        };
        let second = Chunk {
            layout: self.layout,
            cut: self.cut,
            lanes: lane..self.lanes.end,
            sums: sums.1,
            scratch: scratch.1,
            images: self.images.block(row..rows, 0..cols),
            labels: labels.1,
            records: records.1,
            gradients: gradients.1,
            logits: logits.1,
            losses: losses.1,
        };
        (first, second)
    }

    /// Brings samples from the input to the logits, in prediction: some at a time through all nodes, so that each
    /// node finds what the one before it wrote in a near cache.
    fn predict(&mut self, network: &Network, packed: &Prepared) {
        let nodes = &network.prediction().nodes;
        let block = (BLOCK_VALUES / self.layout.stride).max(MIN_BLOCK);
        for rows in even_blocks(self.images.rows(), block) {
            let mut block = self.rows(rows);
            for (index, node) in nodes.iter().enumerate() {
                let values = network.predicting(node, packed);
                block.forward_stage(network, nodes, index, values, None);
            }
        }
    }

    /// Some samples, in prediction, where each is a lane of its own.
    fn rows(&mut self, rows: Range<usize>) -> Chunk<'_> {
        Chunk {
            layout: self.layout,
            cut: self.cut,
            lanes: self.lanes.start + rows.start..self.lanes.start + rows.end,
            sums: &mut [],
            scratch: &mut *self.scratch,
            images: self.images.block(rows.clone(), 0..self.images.cols()),
            labels: &[],
            records: some_rows(self.records.reborrow(), &rows),
            gradients: self.gradients.reborrow(),
            logits: some_rows(self.logits.reborrow(), &rows),
            losses: &mut [],
        }
    }

    /// Brings samples through the nodes of `range`, in training.
    fn forward(&mut self, network: &Network, range: Range<usize>, moment: StepContext, derived: &Derived) {
        let first_sample = self.cut.start(self.lanes.start);
        let nodes = &network.plan().nodes;
        for index in range {
            let node = &nodes[index];
            let values = (parameters(network, node), &derived.packed[node.packed.clone()]);
            let moment = StepContext { first_sample, ..moment };
            self.forward_stage(network, nodes, index, values, Some(moment));
        }
    }

    fn forward_stage(
        &mut self,
        network: &Network,
        nodes: &[Node],
        index: usize,
        (parameters, packed): (&[f32], &[f32]),
        training: Option<StepContext>,
    ) {
        let slot = &self.layout.slots[index];
        let (before, rest) = self.records.reborrow().split_at_col(slot.start);
        let (here, after) = rest.split_at_col(slot.len());
        let saved = &self.layout.saved[index];
        let saved = columns(after, &(saved.start - slot.end..saved.end - slot.end));
        let x = match index {
            0 => self.images,
            _ => before
                .as_ref()
                .block(0..before.rows(), self.layout.slots[index - 1].clone()),
        };
        let last = index + 1 == nodes.len();
        let y = if last { self.logits.reborrow() } else { here };
        let pass = Forward {
            kernel: network.kernel(),
            parameters,
            packed,
            x,
            training,
            saved,
            scratch: &mut self.scratch[self.layout.scratch[index].clone()],
        };
        nodes[index].layer.forward(pass, y);
    }

    /// Looks at what comes to a joint node.
    fn gather(&mut self, network: &Network, index: usize, derived: &Derived) {
        let (pass, ..) = self.back(network, index, derived);
        joint(&network.plan().nodes[index]).gather(pass);
    }

    /// The loss of each sample, and the gradient of the mean over the batch.
    fn loss(&mut self, loss: Loss) {
        let Some(slot) = self.layout.slots.last() else { return };
        let scale = 1.0 / self.cut.batch as f32;
        let mut gradients = columns(self.gradients.reborrow(), slot);
        for (row, &label) in self.labels.iter().enumerate() {
            let logits = self.logits.as_ref().row(row);
            self.losses[row] = loss.of_sample(logits, label, scale, gradients.row_mut(row));
        }
    }

    /// Brings gradients back through the nodes before `end`, as far as to the output of joint node `to`, and looks
    /// at them there; without one, to the input.
    fn backward(&mut self, network: &Network, to: Option<&usize>, end: usize, derived: &Derived) {
        let nodes = &network.plan().nodes;
        for index in (to.map_or(0, |to| to + 1)..end).rev() {
            let (pass, dy, dx) = self.back(network, index, derived);
            nodes[index].layer.backward(pass, dy, dx);
        }
        if let Some(&to) = to {
            let (pass, dy, _) = self.back(network, to, derived);
            joint(&nodes[to]).accumulate_gradient(pass, dy.as_ref());
        }
    }

    /// What a node has on the way back: what it reads, the gradient of its output, and where the one of its input
    /// goes.
    fn back<'b>(
        &'b mut self,
        network: &Network,
        index: usize,
        derived: &'b Derived,
    ) -> (Backward<'b>, MatMut<'b>, Option<MatMut<'b>>) {
        let rows = self.images.rows();
        let records = self.records.as_ref();
        let slot = &self.layout.slots[index];
        let (before, rest) = self.gradients.reborrow().split_at_col(slot.start);
        let dy = rest.split_at_col(slot.len()).0;
        let previous = index.checked_sub(1).map(|previous| &self.layout.slots[previous]);
        let dx = previous.map(|previous| columns(before, previous));
        let last = index + 1 == self.layout.slots.len();
        let pass = Backward {
            kernel: network.kernel(),
            transposed: &derived.transposed[self.layout.transposed[index].clone()],
            packed: &derived.packed[network.plan().nodes[index].packed.clone()],
            x: previous.map_or(self.images, |previous| records.block(0..rows, previous.clone())),
            y: if last {
                self.logits.as_ref()
            } else {
                records.block(0..rows, slot.clone())
            },
            saved: records.block(0..rows, self.layout.saved[index].clone()),
            scratch: &mut self.scratch[self.layout.scratch[index].clone()],
            lanes: ShardSums {
                sums: self.sums,
                stride: self.layout.sums_len(),
                range: self.layout.sums[index].clone(),
                cut: self.cut,
                first: self.lanes.start,
            },
        };
        (pass, dy, dx)
    }
}

fn joint(node: &Node) -> &dyn CrossSample {
    node.layer.joint().expect("a joint layer")
}

fn parameters<'a>(network: &'a Network, node: &Node) -> &'a [f32] {
    &network.parameters()[node.parameters.clone()]
}

fn columns<'a>(view: MatMut<'a>, range: &Range<usize>) -> MatMut<'a> {
    view.split_at_col(range.start).1.split_at_col(range.len()).0
}

fn some_rows<'a>(view: MatMut<'a>, range: &Range<usize>) -> MatMut<'a> {
    view.split_at_row(range.start).1.split_at_row(range.len()).0
}
