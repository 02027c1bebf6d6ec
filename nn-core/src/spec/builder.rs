//! The builder of a network's description.

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, PoolSpec},
    shapes::{MAX_VALUES, check_values, mismatch},
};
use crate::{error::Result, shape::Shape};

/// Adds layers one by one; [`build`](NetworkSpecBuilder::build) checks that they fit together.
///
/// ```
/// use nn_core::{NetworkSpec, Shape};
/// let spec = NetworkSpec::builder(Shape::features(784)).dense(128).relu().dense(10).build()?;
/// assert_eq!(spec, "784 | dense 128 | relu | dense 10".parse()?);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NetworkSpecBuilder {
    input: Shape,
    layers: Vec<LayerSpec>,
}

impl NetworkSpec {
    /// Starts a network whose samples have shape `input`.
    pub fn builder(input: Shape) -> NetworkSpecBuilder {
        NetworkSpecBuilder {
            input,
            layers: Vec::new(),
        }
    }
}

impl NetworkSpecBuilder {
    /// Adds a dense layer, `y = W·x + b`. An image is flattened first.
    pub fn dense(self, outputs: usize) -> Self {
        self.layer(LayerSpec::dense(outputs))
    }

    /// Adds a dense layer without a bias, as before a batch normalization.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense_without_bias(8).batch_norm().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 nobias | batchnorm | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn dense_without_bias(self, outputs: usize) -> Self {
        self.layer(LayerSpec::dense_without_bias(outputs))
    }

    /// Adds a convolution.
    pub fn conv(self, conv: ConvSpec) -> Self {
        self.layer(LayerSpec::Conv(conv))
    }

    /// Adds max pooling; a number makes adjacent square windows of that side.
    pub fn max_pool(self, pool: impl Into<PoolSpec>) -> Self {
        self.layer(LayerSpec::MaxPool(pool.into()))
    }

    /// Adds average pooling; a number makes adjacent square windows of that side.
    pub fn avg_pool(self, pool: impl Into<PoolSpec>) -> Self {
        self.layer(LayerSpec::AvgPool(pool.into()))
    }

    /// Adds the mean of each channel.
    pub fn global_avg_pool(self) -> Self {
        self.layer(LayerSpec::GlobalAvgPool)
    }

    /// Adds nearest-neighbor upsampling: each pixel becomes `factor`×`factor` equal pixels.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let builder = NetworkSpec::builder(Shape::features(8)).dense(12).reshape(Shape::image(3, 2, 2));
    /// let spec = builder.upsample(2).flatten().build()?;
    /// assert_eq!(spec, "8 | dense 12 | reshape 2x2x3 | upsample 2 | flatten".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn upsample(self, factor: usize) -> Self {
        self.layer(LayerSpec::Upsample { factor })
    }

    /// Adds dropout; `probability` is that of zeroing a value.
    pub fn dropout(self, probability: f32) -> Self {
        self.layer(LayerSpec::Dropout { probability })
    }

    /// Adds batch normalization of each channel, or of each feature of a vector.
    pub fn batch_norm(self) -> Self {
        self.layer(LayerSpec::BatchNorm)
    }

    /// Adds layer normalization, over all values of a sample.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).layer_norm().silu().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | layernorm | silu | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn layer_norm(self) -> Self {
        self.layer(LayerSpec::LayerNorm)
    }

    /// Adds `y = max(x, 0)`.
    pub fn relu(self) -> Self {
        self.layer(LayerSpec::Relu)
    }

    /// Adds `y = x` for `x > 0`, else `y = slope·x`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).leaky_relu(0.01).dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | leakyrelu 0.01 | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn leaky_relu(self, slope: f32) -> Self {
        self.layer(LayerSpec::LeakyRelu { slope })
    }

    /// Adds `y = x` for `x > 0`, else `y = exp(x) - 1`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).elu().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | elu | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn elu(self) -> Self {
        self.layer(LayerSpec::Elu)
    }

    /// Adds `y = x·sigmoid(x)`, also known as Swish.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).silu().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | silu | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn silu(self) -> Self {
        self.layer(LayerSpec::Silu)
    }

    /// Adds `y = ln(1 + exp(x))`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).softplus().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | softplus | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn softplus(self) -> Self {
        self.layer(LayerSpec::Softplus)
    }

    /// Adds the hyperbolic tangent.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).tanh().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | tanh | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn tanh(self) -> Self {
        self.layer(LayerSpec::Tanh)
    }

    /// Adds `y = 1 / (1 + exp(-x))`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).sigmoid().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | sigmoid | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn sigmoid(self) -> Self {
        self.layer(LayerSpec::Sigmoid)
    }

    /// Adds `y = x·Φ(x)` with the cumulative normal distribution `Φ`.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let spec = NetworkSpec::builder(Shape::features(4)).dense(8).gelu().dense(2).build()?;
    /// assert_eq!(spec, "4 | dense 8 | gelu | dense 2".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn gelu(self) -> Self {
        self.layer(LayerSpec::Gelu)
    }

    /// Turns an image into a vector, in channel-height-width order.
    pub fn flatten(self) -> Self {
        self.layer(LayerSpec::Flatten)
    }

    /// Turns a vector or an image into an image of the same values, in channel-height-width order.
    pub fn reshape(self, image: Shape) -> Self {
        self.layer(LayerSpec::Reshape(image))
    }

    /// Adds any layer.
    pub fn layer(mut self, layer: LayerSpec) -> Self {
        self.layers.push(layer);
        self
    }

    /// Checks that each layer takes the shape that the layer before it gives.
    ///
    /// # Errors
    /// [`Error::LayerShape`](crate::Error::LayerShape), which names the layer, if one does not fit, there is no layer,
    /// a size is 0 or beyond 2³⁰, or the last layer's output is not a vector.
    pub fn build(self) -> Result<NetworkSpec> {
        check_values(self.input).map_err(|reason| mismatch(0, "the input", self.input, reason))?;
        let mut layers = Vec::with_capacity(self.layers.len() + 1);
        let mut shape = self.input;
        for layer in self.layers {
            let is_image = matches!(shape, Shape::Image { .. });
            if is_image && matches!(layer, LayerSpec::Dense { .. }) {
                layers.push(LayerSpec::Flatten);
                shape = Shape::Features(shape.len());
            }
            shape = layer.output(layers.len(), shape)?;
            layers.push(layer);
        }
        if layers.is_empty() || !matches!(shape, Shape::Features(_)) {
            let reason = "a network has at least one layer and ends in a vector; add `flatten` or `dense OUT`";
            return Err(mismatch(layers.len(), "the end of the network", shape, reason));
        }
        let spec = NetworkSpec {
            input: self.input,
            layers,
            output: shape,
        };
        if spec.parameter_count() > MAX_VALUES {
            let reason = "they have more than 2^30 parameters";
            return Err(mismatch(spec.layers.len(), "all layers together", spec.input, reason));
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_channels_are_refused() {
        let builder = NetworkSpec::builder(Shape::image(1, 28, 28)).conv(ConvSpec::new(0, 3, 3));
        let message = builder.flatten().build().unwrap_err().to_string();
        assert!(message.contains("no values"), "{message}");
    }
}
