//! Parsing and printing the text form of a network.

use std::{
    fmt,
    str::{FromStr, SplitWhitespace},
};

use super::{
    NetworkSpec,
    custom::LayerRegistry,
    forms::{form_of, no_such_layer},
    layer::{ConvSpec, LayerSpec, Padding, PoolSpec},
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
            _ => return self.custom(words.name, &words.rest.collect::<Vec<_>>()),
        };
        words.end()?;
        Ok(layer)
    }
}

impl Item<'_> {
    /// A layer of the user's own.
    fn custom(&self, name: &str, words: &[&str]) -> Result<LayerSpec> {
        let Some(parsed) = self.registry.parse(name, words) else {
            return Err(self.error(no_such_layer(name, self.registry.names())));
        };
        parsed.map(LayerSpec::Custom).map_err(|reason| self.error(reason))
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
        form_of(self.name).unwrap_or_default()
    }
}

/// A whole number above 0.
fn whole_number(word: &str) -> Option<usize> {
    word.parse().ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::{super::forms::FORMS, *};

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
            "9x8x4 | conv 8 3x3 stride 2x1 pad 0x1 dilation 2 groups 4 nobias | maxpool 3x2 stride 2 pad 1x0 | flatten",
            "9x8x4 | conv 4 3x1 pad 2 dilation 1x3 groups 2 | avgpool 2x3 stride 2x1 pad 1 | layernorm | elu | flatten",
            "9x8x4 | maxpool 2x3 | upsample 3 | silu | dense 12 nobias | softplus | reshape 2x2x3 | flatten",
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
    fn defaults_are_not_printed() {
        let spelled_out =
            "9x9x2 | conv 4 3x3 stride 1x1 pad 0 dilation 1 groups 1 | maxpool 2x2 stride 2 pad 0x0 | flatten";
        let spec: NetworkSpec = spelled_out.parse().unwrap();
        assert_eq!(spec.to_string(), "9x9x2 | conv 4 3x3 | maxpool 2 | flatten");
    }

    #[test]
    fn every_form_is_that_of_a_layer() {
        for (form, example) in FORMS {
            let registry = LayerRegistry::new();
            let layer = |text: &str| {
                let item = Item {
                    path: None,
                    text,
                    registry: &registry,
                };
                item.layer()
            };
            assert_eq!(layer(example).unwrap().to_string(), example);
            let message = layer(&format!("{example} more")).unwrap_err().to_string();
            assert!(
                message.contains(form) || message.contains("after the bracket"),
                "{message}"
            );
        }
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
            ("16 | dropout 50", "for 50 % write 0.5"),
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
