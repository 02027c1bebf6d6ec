//! The text forms of the built-in layers, for error messages and to tell their names from a user's.

/// The forms of the built-in layers, without what is optional; each begins with its name.
pub(super) const FORMS: [&str; 15] = [
    "dense OUT",
    "conv OUT KHxKW",
    "maxpool K",
    "avgpool K",
    "globalavgpool",
    "batchnorm",
    "dropout P",
    "relu",
    "leakyrelu A",
    "tanh",
    "sigmoid",
    "gelu",
    "flatten",
    "add(A; B)",
    "concat(A; B)",
];

/// Whether a built-in layer has this name.
pub(super) fn is_built_in(name: &str) -> bool {
    FORMS.iter().any(|form| form.split([' ', '(']).next() == Some(name))
}
