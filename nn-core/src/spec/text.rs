//! Parsing and printing the text form of a network.

use std::{
    fmt,
    str::{FromStr, SplitWhitespace},
};

use super::{
    NetworkSpec,
    custom::LayerRegistry,
    forms::FORMS,
    layer::{ConvSpec, LayerSpec, Padding},
    path::LayerPath,
    shapes::{MAX_DEPTH, TOO_DEEP},
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
            Self::Add { branches } => write_branches(f, "add", branches),
            Self::Concat { branches } => write_branches(f, "concat", branches),
            Self::Custom(custom) => write!(f, "{custom}"),
        }
    }
}

fn write_branches(f: &mut fmt::Formatter<'_>, name: &str, branches: &[Vec<LayerSpec>]) -> fmt::Result {
    write!(f, "{name}(")?;
    for (index, branch) in branches.iter().enumerate() {
        f.write_str(if index > 0 { ";" } else { "" })?;
        for (layer, text) in branch.iter().enumerate() {
            let separator = match (index, layer) {
                (0, 0) => "",
                (_, 0) => " ",
                _ => " | ",
            };
            write!(f, "{separator}{text}")?;
        }
    }
    f.write_str(")")
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
        Self::parse_with(text, &LayerRegistry::default())
    }
}

impl NetworkSpec {
    /// Parses the text form of a network with layers of the user's own.
    ///
    /// # Errors
    /// [`Error::Spec`] for text that is not a network, [`Error::LayerShape`] for layers that do not fit each other.
    pub fn parse_with(text: &str, registry: &LayerRegistry) -> Result<Self> {
        check_brackets(text)?;
        let mut items = split(text, '|');
        let input = Item {
            path: None,
            text: items.next().unwrap_or("").trim(),
            registry,
        };
        let mut builder = Self::builder(input.shape()?);
        for layer in parse_layers(items, &LayerPath::root(), registry)? {
            builder = builder.layer(layer);
        }
        builder.build()
    }
}

/// The layers of a chain, from their items.
fn parse_layers<'a>(
    items: impl Iterator<Item = &'a str>,
    chain: &LayerPath,
    registry: &LayerRegistry,
) -> Result<Vec<LayerSpec>> {
    let parse = |(index, text): (usize, &str)| {
        let item = Item {
            path: Some(chain.child(index)),
            text: text.trim(),
            registry,
        };
        item.layer()
    };
    items.enumerate().map(parse).collect()
}

/// Checks that brackets are balanced and nest no deeper than branches may.
fn check_brackets(text: &str) -> Result<()> {
    let refuse = |at: usize, reason: &str| {
        Err(Error::Spec {
            item: format!("character {}", text[..at].chars().count() + 1),
            text: text[at..].chars().take(80).collect(),
            reason: reason.to_owned(),
        })
    };
    let mut open = Vec::new();
    for (at, char) in text.char_indices() {
        match char {
            '(' if open.len() == MAX_DEPTH => return refuse(at, TOO_DEEP),
            '(' => open.push(at),
            ')' if open.pop().is_none() => return refuse(at, "this bracket was not opened; remove it, or add `(`"),
            _ => {}
        }
    }
    open.last()
        .map_or(Ok(()), |&at| refuse(at, "this bracket is not closed; add `)`"))
}

/// Splits text at separators outside of brackets.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |char| {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && char == separator
    })
}

/// What stands before the bracket that closes one before the text, and what stands after it.
fn split_at_closing(text: &str) -> (&str, &str) {
    let mut depth = 0usize;
    let closes = |char| match char {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth == 0 => true,
        ')' => {
            depth -= 1;
            false
        }
        _ => false,
    };
    text.split_once(closes).unwrap_or((text, ""))
}

/// One item of the text.
struct Item<'a> {
    /// `None` for the input.
    path: Option<LayerPath>,
    text: &'a str,
    registry: &'a LayerRegistry,
}

impl Item<'_> {
    fn error(&self, reason: impl Into<String>) -> Error {
        let path = self.path.as_ref();
        Error::Spec {
            item: path.map_or_else(|| "the input".to_owned(), |path| format!("layer {path}")),
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

    /// An `add` or a `concat`, from its name and what follows the opening bracket.
    fn branched(&self, name: &str, rest: &str) -> Result<LayerSpec> {
        let (body, after) = split_at_closing(rest);
        if !after.trim().is_empty() {
            return Err(self.error(format!("`{}` after the bracket; separate layers by `|`", after.trim())));
        }
        let path = self.path.as_ref().map_or_else(LayerPath::root, LayerPath::clone);
        let mut branches: Vec<&str> = split(body, ';').collect();
        if name == "add" && branches.len() == 1 {
            branches.insert(0, "");
        }
        let parse = |(index, text): (usize, &&str)| {
            if text.trim().is_empty() {
                return Ok(Vec::new());
            }
            parse_layers(split(text, '|'), &path.child(index), self.registry)
        };
        let branches = branches.iter().enumerate().map(parse).collect::<Result<_>>()?;
        match name {
            "add" => Ok(LayerSpec::Add { branches }),
            "concat" => Ok(LayerSpec::Concat { branches }),
            _ => Err(self.error("only `add(A; B)` and `concat(A; B)` take branches in brackets")),
        }
    }

    fn layer(&self) -> Result<LayerSpec> {
        if let Some((name, rest)) = self.text.split_once('(') {
            return self.branched(name.trim(), rest);
        }
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
            _ => return self.custom(name, &words.collect::<Vec<_>>()),
        };
        match words.next() {
            None => Ok(layer),
            Some(word) => Err(self.error(format!("`{word}` is one word too many; remove it"))),
        }
    }

    /// A layer of the user's own.
    fn custom(&self, name: &str, words: &[&str]) -> Result<LayerSpec> {
        let Some(parsed) = self.registry.parse(name, words) else {
            let names: Vec<_> = FORMS.into_iter().chain(self.registry.names()).collect();
            return Err(self.error(format!("no such layer; the layers are `{}`", names.join("`, `"))));
        };
        parsed.map(LayerSpec::Custom).map_err(|reason| self.error(reason))
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
            "3x5x2 | relu",
            "16 | add(dense 16 | relu) | dense 4",
            "16|add(;dense 16)|concat(;dense 3;add(relu;dense 16|tanh))",
            "6x6x2 | concat(conv 3 3x3 pad same; ; add (conv 2 1x1)) | relu",
            "6x6x2 | add(flatten | dense 4; dense 4)",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            assert_eq!(spec.to_string().parse::<NetworkSpec>().unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn a_single_branch_of_add_is_short_for_one_beside_the_input() {
        let spec: NetworkSpec = "16 | add(dense 16 | relu)".parse().unwrap();
        assert_eq!(spec.to_string(), "16 | add(; dense 16 | relu)");
        let spec: NetworkSpec = "4x4x1 | add( dense 3;conv 1 2x2|dense 3 )".parse().unwrap();
        let flattened = "4x4x1 | add(flatten | dense 3; conv 1 2x2 | flatten | dense 3)";
        assert_eq!(spec.to_string(), flattened);
        assert_eq!(spec.parameter_count(), 51 + 5 + 30);
    }

    #[test]
    fn errors_name_the_item_and_the_fault() {
        let deep = format!("8 | {}relu{}", "add(; ".repeat(33), ")".repeat(33));
        let refused = message(&deep);
        assert!(refused.contains("at most 32 deep"), "{refused}");
        for (text, wanted) in [
            (
                "8 | add(dense 8",
                "character 8 (\"(dense 8\"): this bracket is not closed",
            ),
            ("8 | dense 8)", "character 12 (\")\"): this bracket was not opened"),
            ("8 | add(dense 8) relu", "`relu` after the bracket"),
            ("8 | add(dense 8)(relu)", "`(relu)` after the bracket"),
            ("8 | foo(dense 8)", "only `add(A; B)`"),
            ("8 | add()", "at most one branch may be empty"),
            ("8 | concat(relu)", "at least two branches"),
            ("8 | concat(;;relu)", "at most one branch may be empty"),
            ("8 | add(; dense 8 || relu)", "layer 0.1.1 (\"\"): no layer between"),
            ("8 | add(; dense 8 | foo)", "layer 0.1.1 (\"foo\"): no such layer"),
            (
                "8 | relu | add(; relu | dense 4)",
                "branch 0 gives 8, and branch 1 gives 4",
            ),
            (
                "8 | relu | add(; relu | conv 4 3x3)",
                "layer 1.1.1 (conv 4 3x3): cannot take",
            ),
            ("4x4x1 | concat(; conv 2 3x3)", "of the same height and width"),
            ("4x4x1 | concat(; dense 3)", "of the same height and width"),
            ("", "the input"),
            ("784", "at least one layer"),
            ("0 | dense 10", "no values"),
            ("-1 | dense 10", "the input"),
            ("784 | dense", "dense OUT"),
            ("784 | dense 0", "above 0"),
            ("784 | dense 1e9", "layer 0 ("),
            ("784 | dense 10 10", "`10` is one word too many"),
            ("784 | | dense 10", "no layer between"),
            ("784 | lstm 10", "no such layer"),
            ("28x28 | dense 10", "28x28x1"),
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
