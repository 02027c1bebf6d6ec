//! Times burn with its Flex backend, used as in its own custom-training-loop and mnist examples.

use std::{hint::black_box, process::ExitCode};

use benches::{
    OptimizerKind,
    timing::{self, Call, Failure, Job, Library, Operands},
};
use burn::{
    nn::{
        Linear, LinearConfig, Relu,
        conv::{Conv2d, Conv2dConfig},
        loss::CrossEntropyLossConfig,
        pool::{MaxPool2d, MaxPool2dConfig},
    },
    optim::{AdamConfig, GradientsParams, SgdConfig},
    prelude::*,
};

const PIXELS: usize = 28 * 28;

#[derive(Module, Debug)]
struct Net {
    convs: Vec<Conv2d>,
    pool: MaxPool2d,
    /// Whether the pool follows each convolution, and not only the last.
    pool_each: bool,
    dense: Vec<Linear>,
    relu: Relu,
}

impl Net {
    /// Network with burn's own initial weights. Knows the layers of the workloads: 3x3 convolutions, 2x2 max-pooling
    /// after each of them or after the last, dense layers, and a ReLU after all but the last.
    fn new(net: &str, device: &Device) -> Result<Self, Failure> {
        let mut items = net.split('|').map(|item| item.split_whitespace().collect::<Vec<_>>());
        let input = items.next().unwrap_or_default().join("");
        let sizes: Vec<usize> = input.split('x').map(str::parse).collect::<Result<_, _>>()?;
        let (mut height, mut width, mut channels) = match sizes[..] {
            [height, width, channels] => (height, width, channels),
            [features] => (1, 1, features),
            _ => return Err(format!("{input}: neither features nor an image").into()),
        };
        let (mut convs, mut dense, mut pools) = (Vec::new(), Vec::new(), 0);
        for item in items {
            match item[..] {
                ["conv", out, "3x3"] => {
                    let out = out.parse()?;
                    convs.push(Conv2dConfig::new([channels, out], [3, 3]).init(device));
                    (height, width, channels) = (height - 2, width - 2, out);
                }
                ["maxpool", "2"] => {
                    pools += 1;
                    (height, width) = (height / 2, width / 2);
                }
                ["dense", out] => {
                    let out = out.parse()?;
                    dense.push(LinearConfig::new(height * width * channels, out).init(device));
                    (height, width, channels) = (1, 1, out);
                }
                ["relu" | "flatten"] => {}
                _ => return Err(format!("this peer does not know the layer {:?}", item.join(" ")).into()),
            }
        }
        Ok(Self {
            pool_each: pools == convs.len(),
            convs,
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            dense,
            relu: Relu::new(),
        })
    }

    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let mut flat = images;
        if !self.convs.is_empty() {
            let [batch, _] = flat.dims();
            let mut x: Tensor<4> = flat.reshape([batch, 1, 28, 28]);
            for (i, conv) in self.convs.iter().enumerate() {
                x = self.relu.forward(conv.forward(x));
                if self.pool_each || i + 1 == self.convs.len() {
                    x = self.pool.forward(x);
                }
            }
            flat = x.flatten(1, 3);
        }
        for (i, dense) in self.dense.iter().enumerate() {
            flat = dense.forward(flat);
            if i + 1 < self.dense.len() {
                flat = self.relu.forward(flat);
            }
        }
        flat
    }
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

struct Burn;

impl Library for Burn {
    fn name(&self) -> &'static str {
        "burn"
    }

    fn version(&self) -> &'static str {
        "0.22.1"
    }

    fn training<'a>(
        &self,
        job: Job<'a>,
        optimizer: OptimizerKind,
        learning_rate: f32,
    ) -> Result<Call<'a, f32>, Failure> {
        let device = Device::flex().autodiff();
        let count = job.data.labels().len();
        let images: Tensor<2> = tensor(job.data.images(), [count, PIXELS], &device);
        let labels: Vec<i32> = job.data.labels().iter().map(|&label| label as i32).collect();
        let labels: Tensor<1, Int> = Tensor::from_data(TensorData::new(labels, [count]), &device);
        let cross_entropy = CrossEntropyLossConfig::new().init(&device);
        // Moved out for a step and back in, so that the optimizer holds the only copy of the weights.
        let mut slot = Some(Net::new(job.net, &device)?);
        let mut optimizer = match optimizer {
            OptimizerKind::Sgd => SgdConfig::new().init(),
            OptimizerKind::Adam => AdamConfig::new().with_epsilon(1e-8).init(),
        };
        Ok(Box::new(move |index| {
            let first = index % (count / job.batch) * job.batch;
            let net = slot.take().ok_or("an earlier step failed")?;
            let logits = net.forward(images.clone().narrow(0, first, job.batch));
            let loss = cross_entropy.forward(logits, labels.clone().narrow(0, first, job.batch));
            let value = loss.clone().into_scalar::<f32>();
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            slot = Some(optimizer.step(f64::from(learning_rate), net, gradients));
            Ok(value)
        }))
    }

    fn prediction<'a>(&self, job: Job<'a>) -> Result<Call<'a, ()>, Failure> {
        let device = Device::flex();
        let net = Net::new(job.net, &device)?;
        let batches: Vec<Tensor<2>> = (0..(10_000 / job.batch).min(2_000))
            .map(|index| tensor(job.data.batch(index, job.batch).0, [job.batch, PIXELS], &device))
            .collect();
        Ok(Box::new(move |index| {
            let logits = net.forward(batches[index % batches.len()].clone());
            black_box(
                logits
                    .into_data()
                    .try_to_vec::<f32>()
                    .map_err(|error| format!("{error:?}"))?,
            );
            Ok(())
        }))
    }

    fn product<'a>(&self, operands: Operands<'a>) -> Result<Call<'a, ()>, Failure> {
        let device = Device::flex();
        let (m, n, k) = operands.shape;
        let a: Tensor<2> = tensor(operands.a, [m, k], &device);
        let b: Tensor<2> = tensor(operands.b, [k, n], &device);
        Ok(Box::new(move |_| {
            black_box(a.clone().matmul(b.clone()));
            device.sync().map_err(|error| format!("{error:?}"))?;
            Ok(())
        }))
    }
}

fn main() -> ExitCode {
    timing::main(&[&Burn])
}
