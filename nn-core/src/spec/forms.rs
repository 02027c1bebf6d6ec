//! The text forms of the built-in layers, for error messages and to tell their names from a user's.

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

/// The form of the built-in layer `name`, and an example.
pub(super) fn form_of(name: &str) -> Option<(&'static str, &'static str)> {
    FORMS
        .into_iter()
        .find(|(form, _)| form.split([' ', '(']).next() == Some(name))
}
