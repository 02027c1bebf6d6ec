//! Random networks: every layer of the text form, odd and even kernels, oblong images, branches.

use nn_core::{NetworkSpec, Shape};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng, seq::IndexedRandom};

/// Most values of a layer's output.
const MAX_VALUES: usize = 2000;
/// Most weights of a layer.
const MAX_WEIGHTS: usize = 6000;
/// Layers that may lie in one another.
const MAX_DEPTH: usize = 2;
/// What random networks consist of.
pub const WORDS: &[&str] = &[
    "dense ",
    " nobias",
    "conv ",
    "stride ",
    "pad ",
    "pad same",
    "maxpool ",
    "avgpool ",
    "globalavgpool",
    "batchnorm",
    "dropout ",
    " relu",
    "leakyrelu ",
    "tanh",
    "sigmoid",
    "gelu",
    "flatten",
    "add(",
    "concat(",
    "layernorm",
    "upsample ",
    "reshape ",
    " elu",
    "silu",
    "softplus",
    "dilation ",
    "groups ",
];
const ACTIVATIONS: [&str; 8] = [
    "relu",
    "leakyrelu 0.1",
    "elu",
    "silu",
    "softplus",
    "tanh",
    "sigmoid",
    "gelu",
];

/// The text form of a random network; the same seed gives the same network.
#[must_use]
pub fn network(seed: u64) -> NetworkSpec {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let wide = rng.random_ratio(1, 6);
    let mut generator = Generator { rng, wide };
    loop {
        let input = generator.input();
        let count = generator.below(3, 8);
        let (items, _) = generator.chain(input, count, 0);
        // Some settings fit each layer but not the whole network.
        if let Ok(spec) = text(input, &items).parse::<NetworkSpec>()
            && spec.parameter_count() > 0
        {
            return spec;
        }
    }
}

struct Generator {
    rng: ChaCha8Rng,
    /// Whether convolutions have many channels and square filters, which Winograd's algorithm is for.
    wide: bool,
}

impl Generator {
    /// A number from `least` to `most`.
    fn below(&mut self, least: usize, most: usize) -> usize {
        self.rng.random_range(least..=most)
    }

    /// Whether one of `cases` equally likely cases occurs.
    fn one_in(&mut self, cases: u32) -> bool {
        self.rng.random_ratio(1, cases)
    }

    fn choose<T: Copy>(&mut self, values: &[T]) -> T {
        *values.choose(&mut self.rng).expect("a value")
    }

    fn input(&mut self) -> Shape {
        if self.one_in(6) {
            return Shape::features(self.below(3, 20));
        }
        Shape::image(self.below(1, 4), self.below(4, 13), self.below(4, 13))
    }

    /// Up to `count` items in a row, and the shape of their output.
    fn chain(&mut self, mut shape: Shape, count: usize, depth: usize) -> (Vec<String>, Shape) {
        let mut items = Vec::new();
        // Some candidates do not fit.
        for _ in 0..4 * count {
            if items.len() == count {
                break;
            }
            let item = self.item(shape, depth);
            if let Some(output) = output(shape, &item) {
                items.push(item);
                shape = output;
            }
        }
        (items, shape)
    }

    /// An item that may or may not fit the shape.
    fn item(&mut self, shape: Shape, depth: usize) -> String {
        if depth < MAX_DEPTH && self.one_in(5) {
            return self.branches(shape, depth);
        }
        if self.one_in(4) {
            return self.same_shape();
        }
        match shape {
            Shape::Image {
                channels,
                height,
                width,
            } => self.image_item(channels, (height, width)),
            _ => self.features_item(shape.len()),
        }
    }

    /// An item that keeps any shape.
    fn same_shape(&mut self) -> String {
        match self.below(0, 8) {
            0 | 1 => "batchnorm".to_owned(),
            2 | 3 => "layernorm".to_owned(),
            4 => "dropout 0.25".to_owned(),
            _ => self.choose(&ACTIVATIONS).to_owned(),
        }
    }

    fn features_item(&mut self, features: usize) -> String {
        if self.one_in(4) {
            let divides = |&size: &usize| features.is_multiple_of(size);
            let heights: Vec<_> = (1..=features).filter(divides).collect();
            let height = self.choose(&heights);
            let widths: Vec<_> = heights
                .iter()
                .copied()
                .filter(|width| (features / height).is_multiple_of(*width))
                .collect();
            let width = self.choose(&widths);
            return format!("reshape {height}x{width}x{}", features / height / width);
        }
        self.dense()
    }

    fn dense(&mut self) -> String {
        let nobias = if self.one_in(3) { " nobias" } else { "" };
        format!("dense {}{nobias}", self.below(1, 20))
    }

    fn image_item(&mut self, channels: usize, sides: (usize, usize)) -> String {
        match self.below(0, 9) {
            0 => self.pool("maxpool"),
            1 => self.pool("avgpool"),
            2 if self.one_in(4) => "globalavgpool".to_owned(),
            2 if sides.0 * sides.1 < 40 => format!("upsample {}", self.below(2, 3)),
            3 if self.one_in(3) => "flatten".to_owned(),
            3 if self.one_in(2) => self.dense(),
            _ => {
                let outputs = if self.wide {
                    self.below(16, 17)
                } else {
                    self.below(1, 9)
                };
                self.conv(channels, outputs)
            }
        }
    }

    fn conv(&mut self, channels: usize, outputs: usize) -> String {
        let groups: Vec<_> = (1..=channels)
            .filter(|&groups| channels.is_multiple_of(groups))
            .collect();
        let groups = if self.one_in(3) { self.choose(&groups) } else { 1 };
        let outputs = outputs.next_multiple_of(groups);
        let kernel = if self.wide || self.one_in(2) {
            [3, 3]
        } else {
            [self.below(1, 5), self.below(1, 4)]
        };
        let mut text = format!("conv {outputs} {}x{}", kernel[0], kernel[1]);
        let strided = self.one_in(4);
        if strided {
            text += &format!(" stride {}", self.sides(1, 3));
        }
        match self.below(0, 3) {
            0 => text += &format!(" pad {}", self.sides(1, 2)),
            1 if !strided => text += " pad same",
            _ => {}
        }
        if self.one_in(5) {
            text += " dilation 2";
        }
        if groups > 1 {
            text += &format!(" groups {groups}");
        }
        if self.one_in(3) {
            text += " nobias";
        }
        text
    }

    fn pool(&mut self, kind: &str) -> String {
        let mut text = format!("{kind} {}", self.sides(2, 3));
        if self.one_in(2) {
            text += &format!(" stride {}", self.sides(1, 3));
        }
        if self.one_in(3) {
            text += " pad 1";
        }
        text
    }

    /// One number for both sides, or one for each.
    fn sides(&mut self, least: usize, most: usize) -> String {
        let (height, width) = (self.below(least, most), self.below(least, most));
        if self.one_in(2) {
            height.to_string()
        } else {
            format!("{height}x{width}")
        }
    }

    /// `add` or `concat`, with branches that keep height and width, or halve them.
    fn branches(&mut self, shape: Shape, depth: usize) -> String {
        let joined = self.one_in(2);
        let target = self.below(1, 6);
        let halved = self.one_in(4);
        let mut branches: Vec<_> = (0..self.below(2, 3))
            .map(|_| {
                let outputs = if joined { self.below(1, 6) } else { target };
                self.branch(shape, outputs, halved, depth + 1)
            })
            .collect();
        let keeps = joined || shape.channels() == target;
        if !halved && keeps && self.one_in(2) {
            branches[0].clear();
        }
        format!("{}({})", if joined { "concat" } else { "add" }, branches.join("; "))
    }

    /// A branch that ends in `outputs` channels or features.
    fn branch(&mut self, shape: Shape, outputs: usize, halved: bool, depth: usize) -> String {
        let mut items = Vec::new();
        let mut shape = shape;
        for _ in 0..self.below(0, 2) {
            let item = if depth < MAX_DEPTH && self.one_in(4) {
                self.branches(shape, depth)
            } else {
                self.same_shape()
            };
            let kept = |next: &Shape| match (next.as_image(), shape.as_image()) {
                (Some((_, height, width)), Some((_, rows, cols))) => (height, width) == (rows, cols),
                (next, old) => next.is_none() && old.is_none(),
            };
            if let Some(next) = output(shape, &item).filter(kept) {
                items.push(item);
                shape = next;
            }
        }
        items.push(match shape {
            Shape::Image { .. } if halved => {
                let form = self.choose(&["1x1 stride 2", "3x3 stride 2 pad 1", "2x2 stride 2 pad 0"]);
                format!("conv {outputs} {form}")
            }
            Shape::Image { .. } => format!("conv {outputs} {}x{} pad same", self.below(1, 4), self.below(1, 3)),
            _ => format!("dense {outputs}"),
        });
        if self.one_in(3) {
            items.push(self.same_shape());
        }
        items.join(" | ")
    }
}

/// The text form of items behind an input.
fn text(input: Shape, items: &[String]) -> String {
    format!("{input} | {}", items.join(" | "))
}

/// The shape that an item gives, if it takes `shape` and is not too large.
fn output(shape: Shape, item: &str) -> Option<Shape> {
    let spec: NetworkSpec = text(shape, &[item.to_owned()]).parse().ok()?;
    let is_small = spec.output().len() <= MAX_VALUES && spec.parameter_count() <= MAX_WEIGHTS;
    is_small.then_some(spec.output())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_seeded_and_varied() {
        assert_eq!(network(1), network(1));
        let texts: Vec<_> = (0..200).map(|seed| network(seed).to_string()).collect();
        for word in WORDS {
            assert!(texts.iter().any(|text| text.contains(word)), "{word}");
        }
    }
}
