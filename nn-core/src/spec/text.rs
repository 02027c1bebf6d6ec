//! Parsing and printing the text form of a network.

use std::{
    fmt,
    str::{FromStr, SplitWhitespace},
};

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, Padding, PoolSpec},
};
use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// The forms of the layers, each with an example.
const FORMS: [(&str, &str); 19] = [
    ("dense OUT [nobias]", "dense 128"),
    (
        "conv OUT KHxKW [stride S|SHxSW] [pad P|PHxPW|same] [dilation D|DHxDW] [groups G] [nobias]",
        "conv 64 3x3 pad same",
    ),
    ("maxpool K|KHxKW [stride S|SHxSW] [pad P|PHxPW]", "maxpool 2"),
    ("avgpool K|KHxKW [stride S|SHxSW] [pad P|PHxPW]", "avgpool 2"),
    ("globalavgpool", "globalavgpool"),
    ("upsample N", "upsample 2"),
    ("batchnorm", "batchnorm"),
    ("layernorm", "layernorm"),
    ("dropout P", "dropout 0.5"),
    ("relu", "relu"),
    ("leakyrelu A", "leakyrelu 0.01"),
    ("elu", "elu"),
    ("silu", "silu"),
    ("softplus", "softplus"),
    ("tanh", "tanh"),
    ("sigmoid", "sigmoid"),
    ("gelu", "gelu"),
    ("flatten", "flatten"),
    ("reshape HxWxC", "reshape 7x7x32"),
];

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs, bias } => write!(f, "dense {outputs}{}", if *bias { "" } else { " nobias" }),
            Self::Conv(conv) => conv.fmt(f),
            Self::MaxPool(pool) => write!(f, "maxpool {pool}"),
            Self::AvgPool(pool) => write!(f, "avgpool {pool}"),
            Self::GlobalAvgPool => f.write_str("globalavgpool"),
            Self::Upsample { factor } => write!(f, "upsample {factor}"),
            Self::Dropout { probability } => write!(f, "dropout {probability}"),
            Self::BatchNorm => f.write_str("batchnorm"),
            Self::LayerNorm => f.write_str("layernorm"),
            Self::Relu => f.write_str("relu"),
            Self::LeakyRelu { slope } => write!(f, "leakyrelu {slope}"),
            Self::Elu => f.write_str("elu"),
            Self::Silu => f.write_str("silu"),
            Self::Softplus => f.write_str("softplus"),
            Self::Tanh => f.write_str("tanh"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Gelu => f.write_str("gelu"),
            Self::Flatten => f.write_str("flatten"),
            Self::Reshape(shape) => write!(f, "reshape {shape}"),
        }
    }
}

/// As an item of the text form: `conv OUT KHxKW …`.
impl fmt::Display for ConvSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv {} {}x{}", self.channels, self.kernel.0, self.kernel.1)?;
        write_option(f, "stride", self.stride, (1, 1))?;
        match self.padding {
            Padding::Pixels(rows, cols) => write_option(f, "pad", (rows, cols), (0, 0))?,
            Padding::Same => f.write_str(" pad same")?,
        }
        write_option(f, "dilation", self.dilation, (1, 1))?;
        if self.groups != 1 {
            write!(f, " groups {}", self.groups)?;
        }
        f.write_str(if self.bias { "" } else { " nobias" })
    }
}

/// As the words behind the layer's name: `K|KHxKW …`.
impl fmt::Display for PoolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_pair(f, self.size)?;
        write_option(f, "stride", self.stride, self.size)?;
        write_option(f, "pad", self.padding, (0, 0))
    }
}

/// ` name N` or ` name HxW`; nothing for the default.
fn write_option(f: &mut fmt::Formatter<'_>, name: &str, pair: (usize, usize), default: (usize, usize)) -> fmt::Result {
    if pair == default {
        return Ok(());
    }
    write!(f, " {name} ")?;
    write_pair(f, pair)
}

/// `HxW`, or `N` where both are equal.
fn write_pair(f: &mut fmt::Formatter<'_>, (height, width): (usize, usize)) -> fmt::Result {
    if height == width {
        write!(f, "{height}")
    } else {
        write!(f, "{height}x{width}")
    }
}

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.input)?;
        for layer in &self.layers {
            write!(f, " | {layer}")?;
        }
        Ok(())
    }
}

impl FromStr for NetworkSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut items = text.split('|').enumerate();
        let (_, input) = items.next().unwrap_or((0, ""));
        let mut builder = Self::builder(Item::new(0, input).shape()?);
        for (index, text) in items {
            builder = builder.layer(Item::new(index, text).layer()?);
        }
        builder.build()
    }
}

/// One item of the text.
struct Item<'a> {
    index: usize,
    text: &'a str,
}

impl<'a> Item<'a> {
    fn new(index: usize, text: &'a str) -> Self {
        Self {
            index,
            text: text.trim(),
        }
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Spec {
            item: self.index,
            text: self.text.chars().take(80).collect(),
            reason: reason.into(),
        }
    }

    fn shape(&self) -> Result<Shape> {
        let sizes = self
            .text
            .split('x')
            .map(|size| size.trim().parse())
            .collect::<std::result::Result<Vec<usize>, _>>();
        match sizes.as_deref() {
            Ok([features]) => Ok(Shape::Features(*features)),
            Ok([height, width, channels]) => Ok(Shape::image(*channels, *height, *width)),
            _ => Err(self.error("expected the input's shape, `N` features or `HxWxC`, as in `784` or `28x28x1`")),
        }
    }

    fn layer(&self) -> Result<LayerSpec> {
        let mut words = Words::of(self);
        let layer = match words.name {
            "dense" => LayerSpec::Dense {
                outputs: words.number()?,
                bias: !words.take("nobias"),
            },
            "conv" => LayerSpec::Conv(words.conv()?),
            "maxpool" => LayerSpec::MaxPool(words.pool()?),
            "avgpool" => LayerSpec::AvgPool(words.pool()?),
            "globalavgpool" => LayerSpec::GlobalAvgPool,
            "upsample" => LayerSpec::Upsample {
                factor: words.number()?,
            },
            "dropout" => LayerSpec::Dropout {
                probability: words.real()?,
            },
            "batchnorm" => LayerSpec::BatchNorm,
            "layernorm" => LayerSpec::LayerNorm,
            "relu" => LayerSpec::Relu,
            "leakyrelu" => LayerSpec::LeakyRelu { slope: words.real()? },
            "elu" => LayerSpec::Elu,
            "silu" => LayerSpec::Silu,
            "softplus" => LayerSpec::Softplus,
            "tanh" => LayerSpec::Tanh,
            "sigmoid" => LayerSpec::Sigmoid,
            "gelu" => LayerSpec::Gelu,
            "flatten" => LayerSpec::Flatten,
            "reshape" => LayerSpec::Reshape(words.image()?),
            "" => return Err(self.error("no layer between two `|`; remove one of them, or add a layer")),
            _ => {
                let forms: Vec<_> = FORMS.iter().map(|(form, _)| format!("`{form}`")).collect();
                return Err(self.error(format!("no such layer; the layers are {}", forms.join(", "))));
            }
        };
        words.end()?;
        Ok(layer)
    }
}

/// The words of a layer, read one by one.
struct Words<'a> {
    item: &'a Item<'a>,
    name: &'a str,
    /// The words behind the name that have not been read.
    rest: SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn of(item: &'a Item<'a>) -> Self {
        let mut rest = item.text.split_whitespace();
        Self {
            item,
            name: rest.next().unwrap_or(""),
            rest,
        }
    }

    /// Takes the next word if it is `option`; returns whether it was.
    fn take(&mut self, option: &str) -> bool {
        let mut rest = self.rest.clone();
        let is_option = rest.next() == Some(option);
        if is_option {
            self.rest = rest;
        }
        is_option
    }

    fn number(&mut self) -> Result<usize> {
        let word = self.rest.next();
        word.and_then(whole_number)
            .ok_or_else(|| self.expected("whole numbers above 0"))
    }

    fn real(&mut self) -> Result<f32> {
        let number = self.rest.next().and_then(|word| word.parse().ok());
        number
            .filter(|number: &f32| number.is_finite())
            .ok_or_else(|| self.expected("a finite number"))
    }

    /// `HxW`.
    fn sizes(&mut self) -> Result<(usize, usize)> {
        let sizes = self.rest.next().and_then(|word| word.split_once('x'));
        let sizes = sizes.and_then(|(height, width)| Some((whole_number(height)?, whole_number(width)?)));
        sizes.ok_or_else(|| self.expected("whole numbers above 0"))
    }

    /// `HxW`, or `N` for `NxN`.
    fn pair(&mut self) -> Result<(usize, usize)> {
        let word = self.rest.clone().next().unwrap_or_default();
        if word.contains('x') {
            return self.sizes();
        }
        let number = self.number()?;
        Ok((number, number))
    }

    /// `P` or `PHxPW`, which may be 0.
    fn padding(&mut self) -> Result<(usize, usize)> {
        let word = self.rest.next().unwrap_or_default();
        let (rows, cols) = word.split_once('x').unwrap_or((word, word));
        let padding = rows.parse().ok().zip(cols.parse().ok());
        padding.ok_or_else(|| self.expected("whole numbers"))
    }

    /// `HxWxC`.
    fn image(&mut self) -> Result<Shape> {
        let sizes = self.rest.next().unwrap_or_default().split('x').map(whole_number);
        match sizes.collect::<Option<Vec<_>>>().as_deref() {
            Some(&[height, width, channels]) => Ok(Shape::image(channels, height, width)),
            _ => Err(self.expected("whole numbers above 0")),
        }
    }

    /// The options come in a fixed order, so that a repeated one is a word too many.
    fn conv(&mut self) -> Result<ConvSpec> {
        let channels = self.number()?;
        let (height, width) = self.sizes()?;
        let mut conv = ConvSpec::new(channels, height, width);
        if self.take("stride") {
            conv.stride = self.pair()?;
        }
        if self.take("pad") {
            conv.padding = if self.take("same") {
                Padding::Same
            } else {
                let (rows, cols) = self.padding()?;
                Padding::Pixels(rows, cols)
            };
        }
        if self.take("dilation") {
            conv.dilation = self.pair()?;
        }
        if self.take("groups") {
            conv.groups = self.number()?;
        }
        conv.bias = !self.take("nobias");
        Ok(conv)
    }

    fn pool(&mut self) -> Result<PoolSpec> {
        let (height, width) = self.pair()?;
        let mut pool = PoolSpec::new(height, width);
        if self.take("stride") {
            pool.stride = self.pair()?;
        }
        if self.take("pad") {
            pool.padding = self.padding()?;
        }
        Ok(pool)
    }

    fn end(mut self) -> Result<()> {
        let Some(word) = self.rest.next() else {
            return Ok(());
        };
        let (form, _) = self.form();
        let reason = format!("`{word}` is one word too many here; the form is `{form}`, with its words in this order");
        Err(self.item.error(reason))
    }

    fn expected(&self, numbers: &str) -> Error {
        let (form, example) = self.form();
        self.item
            .error(format!("expected `{form}`, as in `{example}`, with {numbers}"))
    }

    fn form(&self) -> (&'static str, &'static str) {
        let mut forms = FORMS.into_iter();
        forms
            .find(|(form, _)| form.split(' ').next() == Some(self.name))
            .unwrap_or_default()
    }
}

/// A whole number above 0.
fn whole_number(word: &str) -> Option<usize> {
    word.parse().ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        text.parse::<NetworkSpec>().unwrap_err().to_string()
    }

    #[test]
    fn printing_round_trips_and_blanks_are_free() {
        for text in [
            "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 8 5x3 stride 2 pad 1 nobias | flatten | dense 10",
            "9x9x3 | conv 4 2x2 pad same | maxpool 3 stride 1 | flatten",
            "9x9x3 | avgpool 2 stride 1 | leakyrelu 0.01 | tanh | globalavgpool | flatten | sigmoid | gelu | dropout 0.25",
            "784|dense 10",
            "9x9x3 | conv 4 2x2 | batchnorm | relu | dense 8 | batchnorm",
            " 28 x 28 x 1 |  flatten|dense   128 | relu | dense 10 ",
            "3x5x2 | relu | flatten",
            "9x8x4 | conv 8 3x3 stride 2x1 pad 0x1 dilation 2 groups 4 nobias | maxpool 3x2 stride 2 pad 1x0 | flatten",
            "9x8x4 | conv 4 3x1 pad 2 dilation 1x3 groups 2 | avgpool 2x3 stride 2x1 pad 1 | layernorm | elu | flatten",
            "9x8x4 | maxpool 2x3 | upsample 3 | silu | dense 12 nobias | softplus | reshape 2x2x3 | flatten",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            assert_eq!(spec.to_string().parse::<NetworkSpec>().unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn defaults_are_not_printed() {
        let spelled_out =
            "9x9x2 | conv 4 3x3 stride 1x1 pad 0 dilation 1 groups 1 | maxpool 2x2 stride 2 pad 0x0 | flatten";
        let spec: NetworkSpec = spelled_out.parse().unwrap();
        assert_eq!(spec.to_string(), "9x9x2 | conv 4 3x3 | maxpool 2 | flatten");
    }

    #[test]
    fn every_form_is_that_of_a_layer() {
        for (form, example) in FORMS {
            let layer = Item::new(1, example).layer().unwrap();
            assert_eq!(layer.to_string(), example);
            let message = Item::new(1, &format!("{example} more"))
                .layer()
                .unwrap_err()
                .to_string();
            assert!(message.contains(form), "{message}");
        }
    }

    #[test]
    fn errors_name_the_item_and_the_fault() {
        for (text, wanted) in [
            ("", "item 0"),
            ("784", "at least one layer"),
            ("0 | dense 10", "no values"),
            ("-1 | dense 10", "item 0"),
            ("784 | dense", "dense OUT"),
            ("784 | dense 0", "above 0"),
            ("784 | dense 1e9", "item 1"),
            ("784 | dense 10 10", "`10` is one word too many"),
            ("784 | | dense 10", "no layer between"),
            ("784 | lstm 10", "no such layer"),
            ("28x28 | dense 10", "28x28x1"),
            ("28x28x1 | relu", "ends in a vector"),
            ("784 | conv 8 3x3", "needs an image"),
            ("28x28x1 | conv 8 3", "conv OUT KHxKW"),
            ("28x28x1 | conv 8 3x0", "above 0"),
            ("28x28x1 | conv 8 3x3 stride 0", "above 0"),
            ("28x28x1 | conv 8 3x3 stride 2 pad same", "needs stride 1"),
            ("28x28x1 | conv 8 29x3", "no window fits"),
            ("28x28x1 | conv 8 3x3 nobias pad 1", "`pad` is one word too many"),
            (
                "28x28x1 | conv 8 3x3 nobias pad 1",
                "[pad P|PHxPW|same] [dilation D|DHxDW] [groups G] [nobias]",
            ),
            ("28x28x1 | conv 8 3x3 pad", "with whole numbers"),
            ("28x28x1 | conv 8 3x3 pad 1x", "with whole numbers"),
            ("28x28x1 | conv 8 3x3 dilation 0x1", "above 0"),
            ("28x28x1 | conv 8 3x3 dilation 14", "no window fits"),
            ("28x28x1 | conv 8 3x3 dilation 65536", "at most 65536 pixels a side"),
            ("28x28x6 | conv 8 3x3 groups 3", "has to divide"),
            ("28x28x6 | conv 9 3x3 groups 4", "has to divide"),
            ("28x28x6 | conv 8 3x3 groups 0", "above 0"),
            ("28x28x1 | conv 8 3x3 stride 2x1 pad same", "needs stride 1"),
            ("28x28x1 | maxpool 2x", "maxpool K|KHxKW"),
            ("28x28x1 | maxpool 3 pad 2", "at most half of the window"),
            ("28x28x1 | avgpool 2x9 pad 1x5", "at most half of the window"),
            ("28x28x1 | avgpool 2 pad 1 stride 1", "in this order"),
            ("4x4x1 | avgpool 99999999999 pad 9999999999", "at most 65536"),
            ("28x28x1 | upsample 0", "above 0"),
            ("28x28x1 | upsample 99999999999", "2^30 values"),
            ("28 | upsample 2", "needs an image"),
            ("784 | reshape 28x28", "reshape HxWxC"),
            ("784 | reshape 28x28x0", "above 0"),
            ("784 | reshape 28x28x2", "as many values"),
            ("784 | reshape 99999999999x99999999999x9", "as many values"),
            ("784 | dense 10 bias", "dense OUT [nobias]"),
            ("784 | layernorm 3", "one word too many"),
            ("28x28x1 | conv 8 3x3 pad 99999999", "65536"),
            (
                "1x1x1 | conv 1 1x1 stride 65536 pad 65536 | flatten",
                "with its padding the image has more than 2^30 values",
            ),
            (
                "1x1x9999999 | conv 1 1x1 stride 65536 pad 65536 | flatten",
                "with its padding the image has more than 2^30 values",
            ),
            ("4x4x1 | maxpool 5", "no window fits"),
            ("4x4x1 | avgpool 5", "no window fits"),
            ("4096x4096x1 | maxpool 4097 | flatten", "at most 2^24 pixels"),
            ("4x4x1 | maxpool 18446744073709551615", "at most 2^24 pixels"),
            ("4097x4097x1 | maxpool 4096 | avgpool 5", "no window fits"),
            ("16 | globalavgpool", "needs an image"),
            ("16 | dropout 1", "less than 1"),
            ("16 | dropout -0.1", "at least 0"),
            ("16 | dropout nan", "dropout P"),
            ("16 | leakyrelu", "leakyrelu A"),
            ("16 | batchnorm 3", "one word too many"),
            ("16 | maxpool 2", "needs an image"),
            ("99999999999x99999999999x9 | dense 10", "2^30"),
            ("1000000 | dense 1000000", "2^30 parameters"),
            ("1 | dense 99999999999999999", "2^30"),
            ("18446744073709551615 | dense 10", "2^30"),
            ("28x28x1 | conv 18446744073709551615 3x3 | dense 10", "2^30 values"),
        ] {
            let message = message(text);
            assert!(message.contains(wanted), "{text:?} gave: {message}");
        }
    }
}
