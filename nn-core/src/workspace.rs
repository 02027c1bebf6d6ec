//! Everything that the size of a batch decides, allocated once; and the walk of a batch through the layers.

use std::ops::Range;

use crate::{
    buffer::Buffer,
    error::{Error, Result, check_length},
    gemm::{MatMut, MatRef, PANEL, Panels},
    layers::{Backward, Gradient},
    loss,
    network::{Network, Stage, sample_reason},
};

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
/// let mut workspace = Workspace::new(&network, 8);
/// let logits = network.logits(&[0.0, 1.0, 2.0, 3.0], &mut workspace)?;
/// assert_eq!(logits.len(), 2 * 3);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    capacity: usize,
    layout: Layout,
    /// The layers' outputs, `[capacity, stride]`; the last layer's are in `logits`.
    records: Buffer,
    /// Their gradients, in the same places; the padding stays zero. Empty where the workspace is for prediction.
    gradients: Buffer,
    /// Parameters in the order in which the first half of backward reads them.
    transposed: Buffer,
    /// `[capacity, outputs]`.
    logits: Buffer,
    losses: Vec<f32>,
}

/// Where a record holds what; every slot is padded to whole panels.
#[derive(Clone, Debug, PartialEq)]
struct Layout {
    /// One a stage, in order.
    slots: Vec<Range<usize>>,
    /// Distance of two records.
    stride: usize,
    /// Where a stage's transposed parameters stand; one a stage.
    transposed: Vec<Range<usize>>,
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchReport {
    /// Mean loss of the samples.
    pub loss: f32,
    /// How many samples the largest logit was right for.
    pub correct: usize,
}

impl Layout {
    fn new(network: &Network) -> Self {
        let (mut slots, mut transposed) = (Vec::new(), Vec::new());
        let (mut end, mut transposed_end) = (0, 0);
        for (index, stage) in network.plan().stages.iter().enumerate() {
            slots.push(end..end + stage.outputs);
            end += stage.outputs.next_multiple_of(PANEL);
            // The first layer's input is data: nobody needs its gradient.
            let len = if index == 0 { 0 } else { stage.layer.transposed_len() };
            transposed.push(transposed_end..transposed_end + len);
            transposed_end += len;
        }
        // An odd number of cache lines: strides of powers of two would put all records into the same few cache sets.
        let lines = (end / PANEL) | 1;
        Self {
            slots,
            stride: lines * PANEL,
            transposed,
        }
    }

    fn transposed_len(&self) -> usize {
        self.transposed.last().map_or(0, |range| range.end)
    }
}

impl Workspace {
    /// Memory to predict batches of up to `capacity` samples.
    #[must_use]
    pub fn new(network: &Network, capacity: usize) -> Self {
        let layout = Layout::new(network);
        Self {
            capacity,
            records: Buffer::zeroed(capacity * layout.stride),
            gradients: Buffer::zeroed(0),
            transposed: Buffer::zeroed(0),
            logits: Buffer::zeroed(capacity * network.spec().outputs()),
            losses: Vec::new(),
            layout,
        }
    }

    /// Memory to train on batches of up to `capacity` samples.
    #[must_use]
    pub fn for_training(network: &Network, capacity: usize) -> Self {
        let workspace = Self::new(network, capacity);
        Self {
            gradients: Buffer::zeroed(capacity * workspace.layout.stride),
            transposed: Buffer::zeroed(workspace.layout.transposed_len()),
            losses: vec![0.0; capacity],
            ..workspace
        }
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
        let chunk = self.chunk(network, batch, images, &[])?;
        let threads = threads_for(batch * network.plan().work);
        chunk.share(threads, &|mut chunk: Chunk<'_>| chunk.forward(network));
        Ok(&self.logits[..batch * outputs])
    }

    /// Forward, loss, and the gradients of all layers' outputs; those of the parameters come from
    /// [`parameter_gradient`](Self::parameter_gradient).
    pub(crate) fn backward(&mut self, network: &Network, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
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
        let mut transposed = std::mem::take(&mut self.transposed);
        for (stage, range) in network.plan().stages.iter().zip(&self.layout.transposed) {
            if !range.is_empty() {
                let parameters = &network.parameters()[stage.parameters.clone()];
                stage.layer.transpose(parameters, &mut transposed[range.clone()]);
            }
        }
        let threads = threads_for(3 * batch * network.plan().work);
        let shared = self.chunk(network, batch, images, labels).map(|chunk| {
            chunk.share(threads, &|mut chunk: Chunk<'_>| {
                chunk.forward(network);
                chunk.loss(batch);
                chunk.backward(network, &transposed);
            });
        });
        self.transposed = transposed;
        shared?;
        Ok(self.report(labels, outputs))
    }

    /// `out = beta·out + alpha·gradient` for a piece of the parameters, after [`backward`](Self::backward) for the
    /// same images.
    pub(crate) fn parameter_gradient(
        &self,
        network: &Network,
        images: MatRef<'_>,
        piece: (usize, usize),
        (alpha, beta): (f32, f32),
        out: &mut [f32],
    ) {
        let (stage, piece) = piece;
        let batch = images.rows();
        let slot = &self.layout.slots[stage];
        let x = if stage == 0 {
            images
        } else {
            let records = MatRef::row_major(&self.records, batch, self.layout.stride);
            records
                .expect("the batch fits")
                .block(0..batch, self.layout.slots[stage - 1].clone())
        };
        let dy = Panels {
            data: &self.gradients[slot.start..],
            k: batch,
            n: slot.len(),
            panel_stride: PANEL,
            row_stride: self.layout.stride,
        };
        let layer = &network.plan().stages[stage].layer;
        layer.gradient(network.kernel(), piece, Gradient { x, dy }, alpha, beta, out);
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
        if self.layout != Layout::new(network) {
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
        batch: usize,
        images: &'a [f32],
        labels: &'a [usize],
    ) -> Result<Chunk<'a>> {
        let stride = self.layout.stride;
        let gradient_stride = if self.gradients.is_empty() { 0 } else { stride };
        Ok(Chunk {
            layout: &self.layout,
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
        }
    }
}

/// Threads worth waking for that many multiply-adds.
fn threads_for(work: usize) -> usize {
    rayon::current_num_threads().min(work / THREAD_WORK).max(1)
}

/// Some samples of a batch and their part of every arena.
struct Chunk<'a> {
    layout: &'a Layout,
    images: MatRef<'a>,
    labels: &'a [usize],
    records: MatMut<'a>,
    gradients: MatMut<'a>,
    logits: MatMut<'a>,
    losses: &'a mut [f32],
}

impl Chunk<'_> {
    /// Cuts the chunk into `parts` and does them in parallel. What a sample gets does not depend on the cut.
    fn share(self, parts: usize, work: &(impl Fn(Chunk<'_>) + Sync)) {
        let rows = self.images.rows();
        if parts <= 1 || rows <= 1 {
            return work(self);
        }
        let left = parts / 2;
        let (first, second) = self.split_at(rows * left / parts);
        rayon::join(|| first.share(left, work), || second.share(parts - left, work));
    }

    fn split_at(self, row: usize) -> (Self, Self) {
        let (rows, cols) = (self.images.rows(), self.images.cols());
        // Labels and losses are empty in prediction.
        let (labels, losses) = (row.min(self.labels.len()), row.min(self.losses.len()));
        let labels = self.labels.split_at(labels);
        let losses = self.losses.split_at_mut(losses);
        let records = self.records.split_at_row(row);
        let gradients = self.gradients.split_at_row(row);
        let logits = self.logits.split_at_row(row);
        let first = Chunk {
            layout: self.layout,
            images: self.images.block(0..row, 0..cols),
            labels: labels.0,
            records: records.0,
            gradients: gradients.0,
            logits: logits.0,
            losses: losses.0,
        };
        let second = Chunk {
            layout: self.layout,
            images: self.images.block(row..rows, 0..cols),
            labels: labels.1,
            records: records.1,
            gradients: gradients.1,
            logits: logits.1,
            losses: losses.1,
        };
        (first, second)
    }

    fn forward(&mut self, network: &Network) {
        let stages = &network.plan().stages;
        for (index, stage) in stages.iter().enumerate() {
            let slot = &self.layout.slots[index];
            let (before, rest) = self.records.reborrow().split_at_col(slot.start);
            let x = match index {
                0 => self.images,
                _ => before
                    .as_ref()
                    .block(0..before.rows(), self.layout.slots[index - 1].clone()),
            };
            let y = if index + 1 == stages.len() {
                self.logits.reborrow()
            } else {
                rest.split_at_col(slot.len()).0
            };
            stage.layer.forward(network.kernel(), parameters(network, stage), x, y);
        }
    }

    /// The loss of each sample, and the gradient of the mean over a batch of `batch` samples.
    fn loss(&mut self, batch: usize) {
        let Some(slot) = self.layout.slots.last() else { return };
        let mut gradients = columns(self.gradients.reborrow(), slot);
        for (row, &label) in self.labels.iter().enumerate() {
            let logits = self.logits.as_ref().row(row);
            self.losses[row] = loss::cross_entropy(logits, label, 1.0 / batch as f32, gradients.row_mut(row));
        }
    }

    fn backward(&mut self, network: &Network, transposed: &[f32]) {
        let stages = &network.plan().stages;
        let rows = self.images.rows();
        for (index, stage) in stages.iter().enumerate().rev() {
            let slot = &self.layout.slots[index];
            let (before, rest) = self.gradients.reborrow().split_at_col(slot.start);
            let dx = index
                .checked_sub(1)
                .map(|previous| columns(before, &self.layout.slots[previous]));
            let y = if index + 1 == stages.len() {
                self.logits.as_ref()
            } else {
                self.records.as_ref().block(0..rows, slot.clone())
            };
            let pass = Backward {
                transposed: &transposed[self.layout.transposed[index].clone()],
                y,
            };
            let dy = rest.split_at_col(slot.len()).0;
            stage.layer.backward(network.kernel(), pass, dy, dx);
        }
    }
}

fn parameters<'a>(network: &'a Network, stage: &Stage) -> &'a [f32] {
    &network.parameters()[stage.parameters.clone()]
}

fn columns<'a>(view: MatMut<'a>, range: &Range<usize>) -> MatMut<'a> {
    view.split_at_col(range.start).1.split_at_col(range.len()).0
}
