//! A network's parameters and running statistics by name: looking at them, and setting them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Network,
    tensor::{Place, Tensor, TensorKind, TensorSlot, TensorView},
};
use crate::{
    aligned::Buffer,
    error::{Error, Result},
    graph::Graph,
    initialization::Initialization,
    pattern,
    spec::NetworkSpec,
};

impl Network {
    /// The tensors of a network of these layers, in the order of [`tensors`](Self::tensors); without the memory of the
    /// network itself.
    pub(crate) fn slots(spec: &NetworkSpec) -> Vec<TensorSlot> {
        let graph = Graph::for_training(spec);
        Place::all(&graph).map(TensorSlot::from).collect()
    }

    /// A parameter or running statistic, borrowed, by its name, as in `0.weight`.
    ///
    /// # Errors
    /// [`Error::Parameter`], which lists the names, if the network has no such tensor.
    pub fn parameter(&self, name: &str) -> Result<TensorView<'_>> {
        let mut tensors = self.parameters();
        let found = tensors.find(|tensor| tensor.name() == name);
        found.ok_or_else(|| no_parameter(name, &Place::all(&self.graph).collect::<Vec<_>>()))
    }

    /// All parameters and running statistics, borrowed, layer by layer.
    ///
    /// ```
    /// use nn_core::{Network, TensorKind};
    /// let network = Network::new("2 | dense 3 | batchnorm | relu | dense 2".parse()?, 42)?;
    /// let trained = network.parameters().filter(|tensor| tensor.kind() == TensorKind::Parameter);
    /// let names: Vec<_> = trained.map(|tensor| tensor.name().to_owned()).collect();
    /// assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]);
    /// let norm: f32 = network.parameters().flat_map(|tensor| tensor.to_vec()).map(|value| value * value).sum();
    /// assert!(norm > 0.0);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    pub fn parameters(&self) -> impl Iterator<Item = TensorView<'_>> {
        Place::all(&self.graph).map(|place| {
            let arena = match place.kind {
                TensorKind::Parameter => &self.parameters,
                TensorKind::RunningStatistic => &self.state,
            };
            TensorView::new(place, arena)
        })
    }

    /// A copy of all parameters and running statistics: PyTorch's `state_dict`.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        self.parameters().map(|tensor| tensor.to_tensor()).collect()
    }

    /// Sets one parameter or running statistic. `values` are in row-major order, `[outputs, inputs]` for the weight of a
    /// dense layer and `[output channels, input channels, height, width]` for that of a convolution.
    ///
    /// ```
    /// use nn_core::Network;
    /// let mut network = Network::new("2 | dense 1".parse()?, 42)?;
    /// network.set_parameter("0.weight", &[3.0, -1.0])?;
    /// network.set_parameter("0.bias", &[0.5])?;
    /// assert_eq!(network.parameter("0.weight")?.get(&[0, 1]), Some(-1.0));
    /// assert!(network.set_parameter("0.bias", &[f32::NAN]).is_err());
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the network has no such tensor, `values` are not as many as it has, one of them is NaN or infinite, or a
    /// variance is below 0. Nothing changes then.
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let graph = Arc::clone(&self.graph);
        let places: Vec<_> = Place::all(&graph).collect();
        let place = places.iter().find(|place| place.name == name);
        let place = place.ok_or_else(|| no_parameter(name, &places))?;
        place.check(values)?;
        self.write(place, values);
        Ok(())
    }

    /// Sets some of the parameters and running statistics, by tensors with the names and shapes of
    /// [`tensors`](Self::tensors), in any order; the others stay.
    ///
    /// ```
    /// use nn_core::{Network, Tensor};
    /// let mut network = Network::new("2 | dense 2 | relu | dense 1".parse()?, 42)?;
    /// let other = Network::new("2 | dense 2 | relu | dense 1".parse()?, 7)?;
    /// // The first layer of another network.
    /// let first: Vec<Tensor> = other.tensors().into_iter().filter(|tensor| tensor.name.starts_with("0.")).collect();
    /// network.set_parameters(&first)?;
    /// assert_eq!(network.tensors()[..2], other.tensors()[..2]);
    /// assert_ne!(network.tensors()[2..], other.tensors()[2..]);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a tensor is unknown, given twice, of another shape, holds NaN or infinity, or a variance is below 0. Nothing
    /// changes then.
    pub fn set_parameters(&mut self, tensors: &[Tensor]) -> Result<()> {
        let graph = Arc::clone(&self.graph);
        let places: Vec<_> = Place::all(&graph).collect();
        let found = self.assign(&places, tensors)?;
        for (place, tensor) in places.iter().zip(found) {
            if let Some(tensor) = tensor {
                self.write(place, &tensor.values);
            }
        }
        Ok(())
    }

    /// Sets all parameters and running statistics, by tensors with the names and shapes of [`tensors`](Self::tensors),
    /// in any order.
    ///
    /// # Errors
    /// As [`set_parameters`](Self::set_parameters), and if a tensor is missing. A `num_batches_tracked` may be missing,
    /// and counts from 0 then.
    pub fn set_tensors(&mut self, tensors: &[Tensor]) -> Result<()> {
        let graph = Arc::clone(&self.graph);
        let places: Vec<_> = Place::all(&graph).collect();
        let found = self.assign_all(&places, tensors)?;
        for (place, tensor) in places.iter().zip(found) {
            match (tensor, place.default) {
                (Some(tensor), _) => self.write(place, &tensor.values),
                (None, Some(default)) => self.write(place, &vec![default; place.spec.len()]),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Draws the initial values of the parameters whose names match `pattern` anew, as
    /// [`with_initialization`](Self::with_initialization) does for the same seed; the others stay.
    ///
    /// ```
    /// use nn_core::{Initialization, Network};
    /// let mut network = Network::new("4 | dense 8 | relu | dense 2".parse()?, 42)?;
    /// network.initialize("2.*", Initialization::XavierNormal, 7)?;
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`], which lists the names, if no parameter matches; or if `NN_CORE_KERNEL` names a kernel that
    /// this machine cannot run.
    pub fn initialize(&mut self, pattern: &str, initialization: Initialization, seed: u64) -> Result<()> {
        let chosen = self.matching(pattern)?;
        let initial = Self::with_initialization(self.spec().clone(), initialization, seed)?;
        let tensors = initial.export(&initial.parameters).into_iter().enumerate();
        let tensors = tensors.filter_map(|(index, tensor)| chosen.contains(&index).then_some(tensor));
        self.set_parameters(&tensors.collect::<Vec<_>>())
    }

    /// Names of the parameters, without running statistics, in the order of [`ParameterBlock::tensor`].
    ///
    /// [`ParameterBlock::tensor`]: crate::graph::ParameterBlock
    pub(crate) fn parameter_names(&self) -> Vec<String> {
        Place::parameters(&self.graph).map(|place| place.name).collect()
    }

    /// Which of the [parameters](Self::parameter_names) match a pattern.
    ///
    /// # Errors
    /// If none does.
    pub(crate) fn matching(&self, pattern: &str) -> Result<Vec<usize>> {
        let places: Vec<_> = Place::parameters(&self.graph).collect();
        let is_match = |index: &usize| pattern::matches(pattern, &places[*index].name);
        let matching: Vec<_> = (0..places.len()).filter(is_match).collect();
        if matching.is_empty() {
            return Err(no_parameter(pattern, &places));
        }
        Ok(matching)
    }

    /// Which of the [parameters](Self::parameter_names) have one dimension, or belong to a normalization.
    pub(crate) fn biases_and_normalizations(&self) -> Vec<usize> {
        let places = Place::parameters(&self.graph).enumerate();
        let chosen = places.filter(|(_, place)| place.spec.shape.len() < 2 || place.is_of_normalization());
        chosen.map(|(index, _)| index).collect()
    }

    /// An arena of this network's layout as named tensors.
    pub(crate) fn export(&self, arena: &[f32]) -> Vec<Tensor> {
        let places = Place::parameters(&self.graph);
        places.map(|place| TensorView::new(place, arena).to_tensor()).collect()
    }

    /// An arena of this network's layout from its tensors in any order: the inverse of [`export`](Self::export).
    ///
    /// # Errors
    /// As [`set_tensors`](Self::set_tensors).
    pub(crate) fn import(&self, tensors: &[Tensor]) -> Result<Buffer> {
        let places: Vec<_> = Place::parameters(&self.graph).collect();
        let mut arena = Buffer::zeroed(self.parameters.len());
        for (place, tensor) in places.iter().zip(self.assign_all(&places, tensors)?) {
            if let Some(tensor) = tensor {
                place.write(&tensor.values, &mut arena);
            }
        }
        Ok(arena)
    }

    fn write(&mut self, place: &Place<'_>, values: &[f32]) {
        self.packed.take();
        match place.kind {
            TensorKind::Parameter => place.write(values, &mut self.parameters),
            TensorKind::RunningStatistic => place.write(values, &mut self.state),
        }
    }

    /// The tensor for each place that has one.
    ///
    /// # Errors
    /// If a tensor has no place, is given twice, or does not fit its place.
    fn assign<'t>(&self, places: &[Place<'_>], tensors: &'t [Tensor]) -> Result<Vec<Option<&'t Tensor>>> {
        let by_name: BTreeMap<_, _> = places.iter().map(|place| &place.name).zip(0..).collect();
        let refuse = |tensor: &str, problem: &str| {
            let (network, names) = (self.spec(), list(places));
            Error::weights(format!(
                "tensor {tensor} is {problem}; the network {network} has {names}"
            ))
        };
        let mut found = vec![None; places.len()];
        for tensor in tensors {
            let index: Option<&usize> = by_name.get(&tensor.name);
            let index = *index.ok_or_else(|| refuse(&tensor.name, "no part of the network"))?;
            if found[index].replace(tensor).is_some() {
                return Err(refuse(&tensor.name, "given twice"));
            }
        }
        for (place, tensor) in places.iter().zip(&found) {
            if let Some(tensor) = tensor {
                self.check_shape(place, tensor)?;
                place.check(&tensor.values)?;
            }
        }
        Ok(found)
    }

    fn check_shape(&self, place: &Place<'_>, tensor: &Tensor) -> Result<()> {
        if tensor.shape == place.spec.shape {
            return Ok(());
        }
        Err(Error::weights(format!(
            "tensor {} has shape {:?}; the network {} needs {:?}",
            tensor.name,
            tensor.shape,
            self.spec(),
            place.spec.shape
        )))
    }

    /// As [`assign`](Self::assign); only optional tensors may be missing.
    fn assign_all<'t>(&self, places: &[Place<'_>], tensors: &'t [Tensor]) -> Result<Vec<Option<&'t Tensor>>> {
        let found = self.assign(places, tensors)?;
        let mut pairs = places.iter().zip(&found);
        match pairs.find(|(place, tensor)| tensor.is_none() && place.default.is_none()) {
            None => Ok(found),
            Some((place, _)) => Err(Error::weights(format!(
                "tensor {} is missing; the network {} needs it, with shape {:?}",
                place.name,
                self.spec(),
                place.spec.shape
            ))),
        }
    }
}

/// The names of all places.
fn list(places: &[Place<'_>]) -> String {
    let names: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

fn no_parameter(pattern: &str, places: &[Place<'_>]) -> Error {
    Error::Parameter {
        pattern: pattern.to_owned(),
        names: list(places),
    }
}
