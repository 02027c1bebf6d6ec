//! The text forms of the built-in layers, for error messages, and what a mistyped name may be meant to be.

/// The forms of the built-in layers, each with an example.
pub(super) const FORMS: [(&str, &str); 21] = [
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
    ("add(A; B)", "add(; relu)"),
    ("concat(A; B)", "concat(relu; tanh)"),
];

/// Names of layers in PyTorch and Keras that are not spelled like ours.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("adaptiveavgpool", "globalavgpool"),
    ("convolution", "conv"),
    ("fc", "dense"),
    ("linear", "dense"),
    ("swish", "silu"),
    ("unflatten", "reshape"),
];

/// The longest name for which a near one is looked for.
const MAX_NAME: usize = 32;

/// The form of the built-in layer `name`, and an example.
pub(super) fn form_of(name: &str) -> Option<(&'static str, &'static str)> {
    FORMS.into_iter().find(|(form, _)| name_of(form) == name)
}

fn name_of(form: &'static str) -> &'static str {
    form.split([' ', '(']).next().unwrap_or(form)
}

/// The message that there is no layer `name`, with the one that may be meant; `own` are the names of the user's own.
pub(super) fn no_such_layer<'a>(name: &str, own: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = nearest(name, FORMS.iter().map(|(form, _)| name_of(form)).chain(own.clone()));
    let hint = match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None if name.eq_ignore_ascii_case("softmax") => {
            "; leave it out: CrossEntropy and `Network::probabilities` apply the softmax".to_owned()
        }
        None => String::new(),
    };
    let names: Vec<_> = FORMS.iter().map(|(form, _)| *form).chain(own).collect();
    format!(
        "no such layer{hint}; the layers are `{}`; one of your own has to be in the `LayerRegistry` that is given",
        names.join("`, `")
    )
}

/// The name that `name` may be a mistake for.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() > MAX_NAME {
        return None;
    }
    let plain = plain(name);
    if let Some((_, ours)) = OTHER_NAMES.into_iter().find(|(other, _)| *other == plain) {
        return Some(ours);
    }
    let mistakes = names.map(|known| (distance(&plain, &self::plain(known)), known));
    let (mistakes, known) = mistakes.min_by_key(|(mistakes, _)| *mistakes)?;
    (3 * mistakes <= plain.chars().count().min(known.chars().count()) + 1).then_some(known)
}

/// A name without what PyTorch and Keras have and the text form has not: capitals, `_`, and the `2d` of `Conv2d`.
fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace(['_', '-'], "");
    name.strip_suffix("2d").map_or(name.clone(), str::to_owned)
}

/// The number of characters to insert, remove, replace or swap with the next one that make `from` of `to`.
fn distance(from: &str, to: &str) -> usize {
    let [from, to] = [from, to].map(|text| text.chars().collect::<Vec<_>>());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted() {
        for (from, to, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("dens", "dense", 1),
            ("rleu", "relu", 1),
            ("sigmid", "sigmoid", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), count, "{from}, {to}");
        }
    }

    #[test]
    fn the_name_that_may_be_meant_is_suggested() {
        for (name, near) in [
            ("dens", Some("dense")),
            ("Dense", Some("dense")),
            ("Linear", Some("dense")),
            ("Conv2d", Some("conv")),
            ("rleu", Some("relu")),
            ("leaky_relu", Some("leakyrelu")),
            ("BatchNorm2d", Some("batchnorm")),
            ("AdaptiveAvgPool2d", Some("globalavgpool")),
            ("evry", Some("every")),
            ("lstm", None),
            ("foo", None),
            ("x", None),
            (&"a".repeat(1 << 20), None),
        ] {
            let names = FORMS.iter().map(|(form, _)| name_of(form)).chain(["every"]);
            assert_eq!(nearest(name, names), near, "{}", &name[..name.len().min(20)]);
        }
        let message = no_such_layer("dens", ["every"].into_iter());
        let parts = [
            "no such layer; did you mean `dense`?",
            "the layers are `dense OUT",
            "`every`",
        ];
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(no_such_layer("softmax", [].into_iter()).contains("leave it out"));
    }
}
