//! A table of a network's layers.

use std::fmt;

use crate::{
    graph::Graph,
    network::Network,
    shape::Shape,
    spec::{LayerPath, LayerSpec, chain_shapes},
};

/// A table of a network's layers, as Keras prints it: see [`Network::summary`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The shape of a sample.
    pub input: Shape,
    /// The layers in order; those of branches behind the layer that has the branches.
    pub layers: Vec<LayerSummary>,
    /// Parameters of all layers: weights and biases, without running statistics.
    pub parameters: usize,
    /// Multiply-adds of a forward pass of one sample ([`Network::multiply_adds`]).
    pub multiply_adds: usize,
}

/// A line of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// The name that begins those of the layer's parameters: `2`, or in a branch `2.1.0`.
    pub name: String,
    /// The text form; of a layer with branches, without them.
    pub layer: String,
    /// The shape of the output.
    pub output: Shape,
    /// Number of its parameters, without those of its branches.
    pub parameters: usize,
    /// Multiply-adds for one sample, without those of its branches. Only dense layers and convolutions count, each
    /// without the outputs that no layer reads.
    pub multiply_adds: usize,
}

impl Network {
    /// A table of the layers, with the shapes of their outputs, their parameters and their multiply-adds.
    ///
    /// ```
    /// use nn_core::Network;
    /// let network = Network::new("8x8x1 | conv 4 3x3 | relu | add(conv 4 1x1 | relu) | dense 10".parse()?, 42)?;
    /// let table = "\
    /// Layer                Output  Parameters  Multiply-adds
    /// input                8x8x1
    /// 0        conv 4 3x3  6x6x4           40          1,296
    /// 1        relu        6x6x4            0              0
    /// 2        add         6x6x4            0              0
    ///   2.1.0  conv 4 1x1  6x6x4           20            576
    ///   2.1.1  relu        6x6x4            0              0
    /// 3        flatten     144              0              0
    /// 4        dense 10    10           1,450          1,440
    /// total                             1,510          3,312
    /// ";
    /// assert_eq!(network.summary().to_string(), table);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (graph, spec) = (self.graph(), self.spec());
        let mut layers = Vec::new();
        add_chain(graph, &LayerPath::root(), spec.input(), spec.layers(), &mut layers);
        Summary {
            input: spec.input(),
            layers,
            parameters: self.parameter_count(),
            multiply_adds: self.multiply_adds(),
        }
    }
}

/// Adds a line for each of the layers at `path`, which follow each other, and for the layers of their branches.
fn add_chain(graph: &Graph, path: &LayerPath, input: Shape, layers: &[LayerSpec], lines: &mut Vec<LayerSummary>) {
    let mut input = input;
    for (index, (layer, output)) in layers.iter().zip(chain_shapes(input, layers)).enumerate() {
        let path = path.child(index);
        let nodes = graph.nodes.iter().filter(|node| node.path == path);
        lines.push(LayerSummary {
            name: path.to_string(),
            layer: text_without_branches(layer),
            output,
            parameters: layer.own_parameters(input),
            multiply_adds: nodes.map(|node| node.multiply_adds).sum(),
        });
        for (branch, layers) in layer.branches().iter().enumerate() {
            add_chain(graph, &path.child(branch), input, layers, lines);
        }
        input = output;
    }
}

/// The text form up to the branches, if there are any.
fn text_without_branches(layer: &LayerSpec) -> String {
    let text = layer.to_string();
    if layer.branches().is_empty() {
        return text;
    }
    text.split('(').next().unwrap_or_default().to_owned()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["Layer", "", "Output", "Parameters", "Multiply-adds"].map(str::to_owned);
        let mut rows = vec![heads, ["input", "", &self.input.to_string(), "", ""].map(str::to_owned)];
        rows.extend(self.layers.iter().map(|layer| {
            let depth = layer.name.matches('.').count() / 2;
            [
                format!("{}{}", "  ".repeat(depth), layer.name),
                layer.layer.clone(),
                layer.output.to_string(),
                grouped(layer.parameters),
                grouped(layer.multiply_adds),
            ]
        }));
        let totals = ["total", "", "", &grouped(self.parameters), &grouped(self.multiply_adds)];
        rows.push(totals.map(str::to_owned));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        for [name, layer, output, parameters, multiply_adds] in &rows {
            let [w0, w1, w2, w3, w4] = widths;
            let row = format!("{name:w0$}  {layer:w1$}  {output:w2$}  {parameters:>w3$}  {multiply_adds:>w4$}");
            writeln!(f, "{}", row.trim_end())?;
        }
        Ok(())
    }
}

/// A number with its thousands separated.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn lines_add_up_to_the_totals() {
        for text in [
            "28x28x1 | conv 6 5x5 | relu | maxpool 2 | conv 16 5x5 nobias | batchnorm | maxpool 2 | dense 10",
            "9x9x3 | conv 4 3x3 | maxpool 2 | concat(conv 2 1x1; ; add(conv 4 1x1 | batchnorm)) | conv 3 2x2",
            "5 | add(dense 5 | relu | dense 5) | relu",
            "3x3x2 | flatten",
        ] {
            let network = Network::new(text.parse().unwrap(), 1).unwrap();
            let summary = network.summary();
            let sum = |of: fn(&LayerSummary) -> usize| summary.layers.iter().map(of).sum::<usize>();
            assert_eq!(sum(|layer| layer.parameters), network.parameter_count(), "{text}");
            assert_eq!(sum(|layer| layer.multiply_adds), network.multiply_adds(), "{text}");
            let last = summary.layers.iter().rfind(|layer| !layer.name.contains('.')).unwrap();
            assert_eq!(last.output.len(), network.spec().outputs(), "{text}");
        }
    }
}
