//! candle: the data in memory as tensors, batches as views of them, candle's own optimizers.

use candle_core::{Device, Result, Tensor, Var, bail};
use candle_nn::{
    AdamW, Conv2d, Conv2dConfig, Linear, Module, Optimizer, ParamsAdamW, SGD, Sequential, loss::cross_entropy, seq,
};
use nn_core::{LayerSpec, Network, Padding};

use super::locked_version;
use crate::{
    OptimizerKind, Resident, Workload,
    timing::{Call, Failure, Job, Library},
};

/// candle, for the program that times libraries.
#[derive(Clone, Copy, Debug)]
pub struct Candle;

impl Library for Candle {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn version(&self) -> &'static str {
        locked_version("candle-core")
    }

    fn training<'a>(
        &self,
        job: Job<'a>,
        optimizer: OptimizerKind,
        learning_rate: f32,
    ) -> std::result::Result<Call<'a, f32>, Failure> {
        let data = Data::new(job.data)?;
        let mut training = Training::new(job.network, optimizer, learning_rate, job.batch, &data)?;
        Ok(Box::new(move |index| Ok(training.step(index)?)))
    }

    fn prediction<'a>(&self, job: Job<'a>) -> std::result::Result<Call<'a, ()>, Failure> {
        let prediction = Prediction::new(job.network, job.batch, &Data::new(job.data)?)?;
        Ok(Box::new(move |index| {
            std::hint::black_box(prediction.logits(index)?);
            Ok(())
        }))
    }
}

/// MNIST's training images and labels as tensors.
#[derive(Clone, Debug)]
pub struct Data {
    /// `[images, 784]`.
    images: Tensor,
    /// `[images]`.
    labels: Tensor,
}

impl Data {
    /// The same data as nn-core's.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(data: &Resident) -> Result<Self> {
        let labels: Vec<u32> = data.labels().iter().map(|&label| label as u32).collect();
        let shape = (labels.len(), data.images().len() / labels.len());
        Ok(Self {
            images: Tensor::from_slice(data.images(), shape, &Device::Cpu)?,
            labels: Tensor::new(labels, &Device::Cpu)?,
        })
    }

    /// The images in the shape that the network takes, without a copy.
    fn images_for(&self, network: &Network) -> Result<Tensor> {
        match network.spec().input().as_image() {
            None => Ok(self.images.clone()),
            Some((channels, height, width)) => self.images.reshape((self.images.dim(0)?, channels, height, width)),
        }
    }

    fn first_of(&self, index: usize, batch: usize) -> Result<usize> {
        Ok(index % (self.labels.dim(0)? / batch) * batch)
    }
}

/// Backward pass from a loss, and the optimizer's update.
type TakeStep = dyn FnMut(&Tensor) -> Result<()>;

/// Network in training.
pub struct Training {
    model: Sequential,
    take_step: Box<TakeStep>,
    data: Data,
    batch: usize,
}

impl Training {
    /// Starts training with the weights of `network`.
    ///
    /// # Errors
    /// Those of candle, or if the network has a layer that no workload has.
    pub fn new(
        network: &Network,
        optimizer: OptimizerKind,
        learning_rate: f32,
        batch: usize,
        data: &Data,
    ) -> Result<Self> {
        let mut variables = Vec::new();
        let model = model(network, |tensor| {
            let variable = Var::from_tensor(&tensor)?;
            variables.push(variable.clone());
            Ok(variable.as_tensor().clone())
        })?;
        Ok(Self {
            model,
            take_step: take_step(optimizer, learning_rate, variables)?,
            data: Data {
                images: data.images_for(network)?,
                labels: data.labels.clone(),
            },
            batch,
        })
    }

    /// Starts training a workload with the weights of seed 1.
    ///
    /// # Errors
    /// Those of candle.
    pub fn of(workload: &Workload, data: &Data) -> Result<Self> {
        Self::new(
            &workload.network(),
            workload.optimizer,
            workload.learning_rate,
            workload.batch,
            data,
        )
    }

    /// Trains on batch `index` and returns its mean loss before the update.
    ///
    /// # Errors
    /// Those of candle.
    pub fn step(&mut self, index: usize) -> Result<f32> {
        let first = self.data.first_of(index, self.batch)?;
        let logits = self.model.forward(&self.data.images.narrow(0, first, self.batch)?)?;
        let loss = cross_entropy(&logits, &self.data.labels.narrow(0, first, self.batch)?)?;
        (self.take_step)(&loss)?;
        loss.to_scalar()
    }
}

/// Network for prediction alone: its weights are no variables, so candle keeps no graph.
pub struct Prediction {
    model: Sequential,
    data: Data,
    batch: usize,
}

impl Prediction {
    /// The weights of `network`, for batches of `batch` images.
    ///
    /// # Errors
    /// Those of candle, or if the network has a layer that no workload has.
    pub fn new(network: &Network, batch: usize, data: &Data) -> Result<Self> {
        Ok(Self {
            model: model(network, Ok)?,
            data: Data {
                images: data.images_for(network)?,
                labels: data.labels.clone(),
            },
            batch,
        })
    }

    /// Logits of batch `index`, `[batch, outputs]`.
    ///
    /// # Errors
    /// Those of candle.
    pub fn logits(&self, index: usize) -> Result<Vec<f32>> {
        let first = self.data.first_of(index, self.batch)?;
        let logits = self.model.forward(&self.data.images.narrow(0, first, self.batch)?)?;
        logits.flatten_all()?.to_vec1()
    }
}

fn take_step(optimizer: OptimizerKind, learning_rate: f32, variables: Vec<Var>) -> Result<Box<TakeStep>> {
    let lr = f64::from(learning_rate);
    Ok(match optimizer {
        OptimizerKind::Sgd => {
            let mut sgd = SGD::new(variables, lr)?;
            Box::new(move |loss| sgd.backward_step(loss))
        }
        OptimizerKind::Adam => {
            let settings = ParamsAdamW {
                lr,
                weight_decay: 0.0,
                ..ParamsAdamW::default()
            };
            let mut adam = AdamW::new(variables, settings)?;
            Box::new(move |loss| adam.backward_step(loss))
        }
    })
}

/// Layers of `network`, each of its tensors passed through `parameter`.
fn model(network: &Network, mut parameter: impl FnMut(Tensor) -> Result<Tensor>) -> Result<Sequential> {
    let tensors = network.tensors();
    let mut tensor = |item: usize, name: &str| {
        let name = format!("{item}.{name}");
        let found = tensors.iter().find(|tensor| tensor.name == name);
        let Some(found) = found else {
            bail!("there is no tensor {name}")
        };
        parameter(Tensor::from_slice(&found.values, found.shape.as_slice(), &Device::Cpu)?)
    };
    let mut model = seq();
    for (item, layer) in network.spec().layers().iter().enumerate() {
        model = match *layer {
            LayerSpec::Dense { bias: true, .. } => {
                model.add(Linear::new(tensor(item, "weight")?, Some(tensor(item, "bias")?)))
            }
            LayerSpec::Conv(conv) => {
                let square = |(height, width): (usize, usize)| if height == width { Some(height) } else { None };
                let padding = match conv.padding {
                    Padding::Pixels(rows, cols) => square((rows, cols)),
                    _ => None,
                };
                let (Some(padding), Some(stride), Some(dilation)) =
                    (padding, square(conv.stride), square(conv.dilation))
                else {
                    bail!("no workload has {conv}")
                };
                let config = Conv2dConfig {
                    padding,
                    stride,
                    dilation,
                    groups: conv.groups,
                    ..Conv2dConfig::default()
                };
                model.add(Conv2d::new(
                    tensor(item, "weight")?,
                    Some(tensor(item, "bias")?),
                    config,
                ))
            }
            LayerSpec::MaxPool(pool) if pool.padding == (0, 0) => {
                model.add_fn(move |x| x.max_pool2d_with_stride(pool.size, pool.stride))
            }
            LayerSpec::AvgPool(pool) if pool.padding == (0, 0) => {
                model.add_fn(move |x| x.avg_pool2d_with_stride(pool.size, pool.stride))
            }
            LayerSpec::Relu => model.add_fn(Tensor::relu),
            LayerSpec::Tanh => model.add_fn(Tensor::tanh),
            LayerSpec::Flatten => model.add_fn(|x| x.flatten_from(1)),
            ref other => bail!("no workload has {other:?}"),
        };
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use nn_core::Workspace;

    use super::*;
    use crate::WORKLOADS;

    fn assert_near(what: &str, theirs: &[f32], ours: &[f32], tolerance: f32) {
        assert_eq!(theirs.len(), ours.len(), "{what}");
        for (theirs, ours) in theirs.iter().zip(ours) {
            let near = (theirs - ours).abs() <= tolerance * ours.abs().max(1.0);
            assert!(near, "{what}: candle has {theirs}, nn-core {ours}");
        }
    }

    /// A convolution without pooling: candle 0.11 scales the gradient of max pooling by the number of maxima over the
    /// window's area, which costs as much as ours but gives another update.
    const CONVOLUTION: Workload = Workload {
        name: "convolution",
        net: "28x28x1 | conv 8 3x3 stride 2 pad 1 | relu | conv 5 3x3 | relu | dense 10",
        batch: 32,
        optimizer: OptimizerKind::Adam,
        learning_rate: 0.001,
    };

    fn has_max_pooling(network: &Network) -> bool {
        let mut layers = network.spec().layers().iter();
        layers.any(|layer| matches!(layer, LayerSpec::MaxPool(_)))
    }

    /// The same weights have to give the same losses, step after step, or the comparison means nothing.
    #[test]
    fn candle_and_nn_core_train_and_predict_the_same() {
        let resident = Resident::load();
        let data = Data::new(&resident).unwrap();
        for workload in WORKLOADS.into_iter().chain([CONVOLUTION]) {
            let network = workload.network();
            let mut theirs = Training::of(&workload, &data).unwrap();
            let mut ours = workload.trainer();
            let steps = if has_max_pooling(&network) { 1 } else { 4 };
            for index in 0..steps {
                let (images, labels) = resident.batch(index, workload.batch);
                let loss = ours.step(images, labels).unwrap().loss;
                let what = format!("{}, loss of step {index}", workload.name);
                assert_near(&what, &[theirs.step(index).unwrap()], &[loss], 1e-4);
            }
            let theirs = Prediction::new(&network, 7, &data).unwrap().logits(3).unwrap();
            let mut workspace = Workspace::new(&network, 7).unwrap();
            let ours = network.forward(resident.batch(3, 7).0, &mut workspace).unwrap();
            assert_near(workload.name, &theirs, ours, 1e-4);
        }
    }
}
