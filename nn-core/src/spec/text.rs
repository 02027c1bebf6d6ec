//! Parsing and printing the text form of a network.

use std::{
    fmt,
    str::{FromStr, SplitWhitespace},
};

use super::{
    NetworkSpec,
    layer::{ConvSpec, LayerSpec, Padding},
};
use crate::{
    error::{Error, Result},
    shape::Shape,
};

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs } => write!(f, "dense {outputs}"),
            Self::Conv(conv) => {
                write!(f, "conv {} {}x{}", conv.channels, conv.kernel.0, conv.kernel.1)?;
                if conv.stride != 1 {
                    write!(f, " stride {}", conv.stride)?;
                }
                match conv.padding {
                    Padding::Pixels(0) => {}
                    Padding::Pixels(pixels) => write!(f, " pad {pixels}")?,
                    Padding::Same => f.write_str(" pad same")?,
                }
                f.write_str(if conv.bias { "" } else { " nobias" })
            }
            Self::MaxPool { size, stride } if size == stride => write!(f, "maxpool {size}"),
            Self::MaxPool { size, stride } => write!(f, "maxpool {size} stride {stride}"),
            Self::AvgPool { size, stride } if size == stride => write!(f, "avgpool {size}"),
            Self::AvgPool { size, stride } => write!(f, "avgpool {size} stride {stride}"),
            Self::GlobalAvgPool => f.write_str("globalavgpool"),
            Self::Dropout { probability } => write!(f, "dropout {probability}"),
            Self::BatchNorm => f.write_str("batchnorm"),
            Self::Relu => f.write_str("relu"),
            Self::LeakyRelu { slope } => write!(f, "leakyrelu {slope}"),
            Self::Tanh => f.write_str("tanh"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Gelu => f.write_str("gelu"),
            Self::Flatten => f.write_str("flatten"),
        }
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
        let mut words = self.text.split_whitespace();
        let name = words.next().unwrap_or("");
        let layer = match name {
            "dense" => LayerSpec::dense(self.number(words.next(), "`dense OUT`, as in `dense 128`")?),
            "conv" => LayerSpec::Conv(self.conv(&mut words)?),
            "maxpool" => {
                let (size, stride) = self.pool(&mut words, "`maxpool K [stride S]`, as in `maxpool 2`")?;
                LayerSpec::max_pool(size, stride)
            }
            "avgpool" => {
                let (size, stride) = self.pool(&mut words, "`avgpool K [stride S]`, as in `avgpool 2`")?;
                LayerSpec::avg_pool(size, stride)
            }
            "globalavgpool" => LayerSpec::GlobalAvgPool,
            "dropout" => LayerSpec::Dropout {
                probability: self.real(words.next(), "`dropout P`, as in `dropout 0.5`")?,
            },
            "leakyrelu" => LayerSpec::LeakyRelu {
                slope: self.real(words.next(), "`leakyrelu A`, as in `leakyrelu 0.01`")?,
            },
            "batchnorm" => LayerSpec::BatchNorm,
            "tanh" => LayerSpec::Tanh,
            "sigmoid" => LayerSpec::Sigmoid,
            "gelu" => LayerSpec::Gelu,
            "relu" => LayerSpec::Relu,
            "flatten" => LayerSpec::Flatten,
            "" => return Err(self.error("no layer between two `|`; remove one of them, or add a layer")),
            _ => {
                return Err(self.error(
                    "no such layer; the layers are `dense OUT`, `conv OUT KHxKW`, `maxpool K`, `avgpool K`, \
                     `globalavgpool`, `batchnorm`, `dropout P`, `relu`, `leakyrelu A`, `tanh`, `sigmoid`, `gelu`, \
                     `flatten`",
                ));
            }
        };
        match words.next() {
            None => Ok(layer),
            Some(word) => Err(self.error(format!("`{word}` is one word too many; remove it"))),
        }
    }

    fn conv(&self, words: &mut SplitWhitespace<'_>) -> Result<ConvSpec> {
        const FORM: &str = "`conv OUT KHxKW [stride S] [pad P|pad same] [nobias]`, as in `conv 64 3x3`";
        let channels = self.number(words.next(), FORM)?;
        let (height, width) = words.next().and_then(|word| word.split_once('x')).unwrap_or_default();
        let mut conv = ConvSpec::new(
            channels,
            self.number(Some(height), FORM)?,
            self.number(Some(width), FORM)?,
        );
        // In a fixed order, so that a repeated setting is a word too many.
        if words.clone().next() == Some("stride") {
            conv.stride = self.number(words.nth(1), FORM)?;
        }
        if words.clone().next() == Some("pad") {
            conv.padding = match words.nth(1) {
                Some("same") => Padding::Same,
                Some("0") => Padding::Pixels(0),
                word => Padding::Pixels(self.number(word, FORM)?),
            };
        }
        if words.clone().next() == Some("nobias") {
            words.next();
            conv.bias = false;
        }
        Ok(conv)
    }

    /// Side and stride of the windows; the stride defaults to the side.
    fn pool(&self, words: &mut SplitWhitespace<'_>, form: &str) -> Result<(usize, usize)> {
        let size = self.number(words.next(), form)?;
        let stride = match words.clone().next() {
            Some("stride") => self.number(words.nth(1), form)?,
            _ => size,
        };
        Ok((size, stride))
    }

    fn real(&self, word: Option<&str>, form: &str) -> Result<f32> {
        word.and_then(|word| word.parse().ok())
            .filter(|number: &f32| number.is_finite())
            .ok_or_else(|| self.error(format!("expected {form}, with a finite number")))
    }

    fn number(&self, word: Option<&str>, form: &str) -> Result<usize> {
        word.and_then(|word| word.parse().ok())
            .filter(|&number| number > 0)
            .ok_or_else(|| self.error(format!("expected {form}, with whole numbers above 0")))
    }
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
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            assert_eq!(spec.to_string().parse::<NetworkSpec>().unwrap(), spec, "{text}");
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
