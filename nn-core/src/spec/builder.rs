//! The builder of a network's description.

use std::sync::Arc;

use super::{
    NetworkSpec,
    custom::{CustomLayer, CustomSpec},
    layer::{ConvSpec, LayerSpec, PoolSpec},
    shapes::{MAX_VALUES, check_values, complete_chain, mismatch},
};
use crate::{
    error::{Error, Result, counted},
    shape::Shape,
};

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
    /// `None` for a branch.
    input: Option<Shape>,
    layers: Vec<LayerSpec>,
}

impl NetworkSpec {
    /// Starts a network whose samples have shape `input`.
    pub fn builder(input: Shape) -> NetworkSpecBuilder {
        NetworkSpecBuilder {
            input: Some(input),
            layers: Vec::new(),
        }
    }

    /// Starts a branch, for [`add`](NetworkSpecBuilder::add) or [`concat`](NetworkSpecBuilder::concat). Without
    /// layers, it gives its input unchanged.
    pub fn branch() -> NetworkSpecBuilder {
        NetworkSpecBuilder {
            input: None,
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

    /// Adds the sum of branches, which all take the output of the layer before them and give the same shape.
    ///
    /// ```
    /// use nn_core::{NetworkSpec, Shape};
    /// let branches = [NetworkSpec::branch(), NetworkSpec::branch().dense(16).relu().dense(16)];
    /// let spec = NetworkSpec::builder(Shape::features(16)).add(branches).relu().dense(4).build()?;
    /// assert_eq!(spec, "16 | add(; dense 16 | relu | dense 16) | relu | dense 4".parse()?);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    // The name of the layer, as in the text form; it has nothing to do with `+`.
    #[expect(clippy::should_implement_trait)]
    pub fn add(self, branches: impl IntoIterator<Item = Self>) -> Self {
        let branches = branches.into_iter().map(|branch| branch.layers).collect();
        self.layer(LayerSpec::Add { branches })
    }

    /// Adds the output of branches one after the other: the channels of images, or features.
    ///
    /// ```
    /// use nn_core::{ConvSpec, NetworkSpec, Padding, Shape};
    /// let conv = ConvSpec::new(4, 3, 3).with_padding(Padding::Same);
    /// let branches = [NetworkSpec::branch(), NetworkSpec::branch().conv(conv).relu()];
    /// let spec = NetworkSpec::builder(Shape::image(1, 8, 8)).concat(branches).build()?;
    /// assert_eq!(spec.output(), Shape::image(5, 8, 8));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn concat(self, branches: impl IntoIterator<Item = Self>) -> Self {
        let branches = branches.into_iter().map(|branch| branch.layers).collect();
        self.layer(LayerSpec::Concat { branches })
    }

    /// Adds a layer of the user's own.
    pub fn custom(self, layer: impl CustomLayer + 'static) -> Self {
        self.layer(LayerSpec::Custom(CustomSpec(Arc::new(layer))))
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
    /// or a size is 0 or beyond 2³⁰. [`Error::Setting`](crate::Error::Setting) for a [branch](NetworkSpec::branch),
    /// which has no input.
    pub fn build(self) -> Result<NetworkSpec> {
        let input = self.input.ok_or_else(|| Error::Setting {
            name: "branch",
            value: format!("of {}", counted(self.layers.len(), "layer")),
            reason: "it has no input shape; pass it to `add` or `concat` of a builder that has one",
        })?;
        check_values(input).map_err(|reason| mismatch("0 (the input)", input, reason))?;
        if self.layers.is_empty() {
            let reason = "a network has at least one layer, as in `784 | dense 10`";
            return Err(mismatch("0 (the end of the network)", input, reason));
        }
        let (layers, output) = complete_chain(input, self.layers, 0)?;
        let spec = NetworkSpec { input, layers, output };
        if spec.parameter_count() > MAX_VALUES {
            let all = format!("0 to {} (all together)", spec.layers.len() - 1);
            return Err(mismatch(&all, input, "they have more than 2^30 parameters"));
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
