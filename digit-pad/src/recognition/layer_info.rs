//! A network's layers as people read them: in groups, and in plain words.

use std::ops::Range;

use nn_core::{LayerSpec, NetworkSpec};

use crate::{geometry::PixelRect, recognition::receptive_field::receptive_field};

/// A layer with the element-wise layers after it.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerInfo {
    /// What it is, in few words, such as `Convolution: 48 filters of 3×3`.
    pub name: String,
    /// What it does: the rest of that sentence, such as ` look for strokes`.
    pub purpose: String,
    /// Its text form and that of the layers after it.
    pub form: String,
    /// Number of maps or neurons.
    pub count: usize,
    /// Height and width of each of them, in values; 1×1 for a neuron.
    pub size: (usize, usize),
    /// Whether it gives the network's outputs, one for each digit.
    pub is_output: bool,
    /// Number of the network's layers up to its end.
    pub end: usize,
    network: NetworkSpec,
}

impl LayerInfo {
    /// The layers of a network, in order. Layers that change nothing in prediction are left out.
    ///
    /// ```
    /// use digit_pad::recognition::layer_info::LayerInfo;
    ///
    /// let layers = LayerInfo::of(&"28x28x1 | conv 48 3x3 | relu | maxpool 2 | dense 10".parse()?);
    /// let names: Vec<_> = layers.iter().map(|layer| layer.name.as_str()).collect();
    /// assert_eq!(names, ["Convolution: 48 filters of 3×3", "Max pooling: keeps the strongest", "Output: one score a digit"]);
    /// assert_eq!(layers[0].form, "conv 48 3x3 · relu");
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn of(spec: &NetworkSpec) -> Vec<Self> {
        let (groups, shapes) = (groups(spec), spec.shapes());
        let last = groups.len().wrapping_sub(1);
        let is_first_conv = |start: usize| !spec.layers()[..start].iter().any(is_conv);
        groups
            .into_iter()
            .enumerate()
            .map(|(i, group)| {
                let (shape, layers) = (shapes[group.end - 1], &spec.layers()[group.clone()]);
                let is_output = i == last;
                let (name, purpose) = words(&layers[0], is_output, is_first_conv(group.start));
                let (count, height, width) = shape.as_image().unwrap_or((shape.len(), 1, 1));
                LayerInfo {
                    name,
                    purpose,
                    form: form(layers),
                    count,
                    size: (height, width),
                    is_output,
                    end: group.end,
                    network: spec.clone(),
                }
            })
            .collect()
    }

    /// What it is and does, in a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}{}", self.name, self.purpose)
    }

    /// Whether its values are images rather than single neurons.
    #[must_use]
    pub fn has_maps(&self) -> bool {
        self.size != (1, 1)
    }

    /// The part of the network's input that its value at (row, column) looks at.
    #[must_use]
    pub fn receptive_field(&self, position: (usize, usize)) -> Option<PixelRect> {
        receptive_field(&self.network, self.end, position)
    }
}

/// Ranges of layers that are shown together: element-wise layers belong to the one before them.
fn groups(spec: &NetworkSpec) -> Vec<Range<usize>> {
    let layers = spec.layers();
    let starts: Vec<usize> = (0..layers.len()).filter(|&i| starts_group(&layers[i])).collect();
    if starts.is_empty() {
        // A network of element-wise layers is one group.
        return (!layers.is_empty()).then_some(0..layers.len()).into_iter().collect();
    }
    let ends = starts.iter().skip(1).copied().chain([layers.len()]);
    let without_hidden = |(start, end): (usize, usize)| {
        let last = layers[start..end].iter().rposition(|layer| !is_hidden(layer));
        start..last.map_or(end, |last| start + last + 1)
    };
    starts.iter().copied().zip(ends).map(without_hidden).collect()
}

/// The text forms of layers, without those that change nothing in prediction.
fn form(layers: &[LayerSpec]) -> String {
    let shown = layers.iter().filter(|layer| !is_hidden(layer)).map(ToString::to_string);
    shown.collect::<Vec<_>>().join(" · ")
}

/// What a layer is, and what it does.
fn words(layer: &LayerSpec, is_output: bool, is_first_conv: bool) -> (String, String) {
    let square = |(height, width): (usize, usize)| format!("{height}×{width}");
    let (name, purpose) = match layer {
        _ if is_output => ("Output: one score a digit".to_owned(), ""),
        LayerSpec::Dense { outputs, .. } => (format!("Dense: {outputs} neurons"), " combine everything"),
        LayerSpec::Conv(conv) => {
            let name = format!("Convolution: {} filters of {}", conv.channels, square(conv.kernel));
            let purpose = if is_first_conv {
                " look for strokes"
            } else {
                " combine them"
            };
            (name, purpose)
        }
        LayerSpec::MaxPool(pool) => {
            let purpose = format!(" of {}", square(pool.size));
            return ("Max pooling: keeps the strongest".to_owned(), purpose);
        }
        LayerSpec::AvgPool(pool) => (format!("Average pooling: the mean of {}", square(pool.size)), ""),
        LayerSpec::GlobalAvgPool => ("Global average: one value a map".to_owned(), ""),
        LayerSpec::Upsample { factor } => (format!("Upsampling: {factor}×{factor} pixels for each"), ""),
        LayerSpec::Add { branches, .. } => (format!("Sum of {} branches", branches.len()), " of layers"),
        LayerSpec::Concat { branches, .. } => (format!("{} branches side by side", branches.len()), ""),
        LayerSpec::Custom(_) => ("A layer of your own".to_owned(), ""),
        _ => ("Values, one by one".to_owned(), ""),
    };
    (name, purpose.to_owned())
}

fn is_conv(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::Conv(_))
}

/// Whether a layer changes nothing in prediction but the shape.
fn is_hidden(layer: &LayerSpec) -> bool {
    matches!(
        layer,
        LayerSpec::Flatten | LayerSpec::Reshape(_) | LayerSpec::Dropout { .. }
    )
}

/// Whether a layer is more than element-wise, and so starts a group.
fn starts_group(layer: &LayerSpec) -> bool {
    matches!(
        layer,
        LayerSpec::Dense { .. }
            | LayerSpec::Conv(_)
            | LayerSpec::MaxPool(_)
            | LayerSpec::AvgPool(_)
            | LayerSpec::GlobalAvgPool
            | LayerSpec::Upsample { .. }
            | LayerSpec::Add { .. }
            | LayerSpec::Concat { .. }
            | LayerSpec::Custom(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(text: &str) -> Vec<LayerInfo> {
        LayerInfo::of(&text.parse().unwrap())
    }

    #[test]
    fn element_wise_layers_belong_to_the_one_before() {
        let layers =
            layers("28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 2 | dropout 0.1 | dense 12 | relu | dense 10");
        let forms: Vec<_> = layers.iter().map(|layer| layer.form.as_str()).collect();
        assert_eq!(
            forms,
            [
                "conv 4 5x5 · batchnorm · relu",
                "maxpool 2",
                "dense 12 · relu",
                "dense 10"
            ]
        );
        let sizes: Vec<_> = layers.iter().map(|layer| (layer.count, layer.size)).collect();
        assert_eq!(sizes, [(4, (24, 24)), (4, (12, 12)), (12, (1, 1)), (10, (1, 1))]);
        assert!(layers[3].is_output && !layers[2].is_output && layers[0].has_maps() && !layers[2].has_maps());
    }

    #[test]
    fn layers_say_what_they_do() {
        let words = |text: &str| layers(text).iter().map(LayerInfo::words).collect::<Vec<_>>();
        assert_eq!(
            words("28x28x1 | conv 48 3x3 | relu | conv 8 5x3 | maxpool 2 | avgpool 2 | dense 128 | relu | dense 10"),
            [
                "Convolution: 48 filters of 3×3 look for strokes",
                "Convolution: 8 filters of 5×3 combine them",
                "Max pooling: keeps the strongest of 2×2",
                "Average pooling: the mean of 2×2",
                "Dense: 128 neurons combine everything",
                "Output: one score a digit",
            ]
        );
        assert_eq!(words("784 | dense 10"), ["Output: one score a digit"]);
        assert_eq!(
            words("28x28x1 | add(conv 1 3x3 pad same) | concat(; relu) | upsample 2 | globalavgpool | dense 10"),
            [
                "Sum of 2 branches of layers",
                "2 branches side by side",
                "Upsampling: 2×2 pixels for each",
                "Global average: one value a map",
                "Output: one score a digit",
            ]
        );
    }

    #[test]
    fn every_network_has_layers_to_show() {
        assert_eq!(layers("28x28x1 | relu | globalavgpool | dense 10 | sigmoid").len(), 2);
        assert_eq!(layers("10 | relu").len(), 1);
        let field = layers("28x28x1 | conv 2 3x3 | dense 10")[0]
            .receptive_field((1, 2))
            .unwrap();
        assert_eq!((field.left, field.top, field.width, field.height), (2, 1, 3, 3));
    }
}
