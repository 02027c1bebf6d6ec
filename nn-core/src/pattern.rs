//! Patterns of tensor names.

/// Whether a tensor name matches a pattern, in which `*` stands for any characters, or none.
///
/// `0.*` matches all tensors of layer 0, those of its branches included, and `*.bias` the bias of every layer.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place of each part leaves most of the name to the parts behind it.
    for part in middle.split('*') {
        let Some(place) = name.find(part) else { return false };
        name = &name[place + part.len()..];
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name) in [
            ("0.weight", "0.weight"),
            ("*", "0.weight"),
            ("*", ""),
            ("0.*", "0.weight"),
            ("0.*", "0."),
            ("*.bias", "12.bias"),
            ("2.1.*", "2.1.0.weight"),
            ("2.*", "2.1.0.weight"),
            ("2.*.bias", "2.1.0.bias"),
            ("*.1.*", "2.1.0.bias"),
            ("**", "a"),
            ("*a*b*", "xaxbx"),
            ("*ab*b", "aabbb"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "0.weight"),
            ("0", "0.weight"),
            ("0.*", "10.weight"),
            ("0.*", "0"),
            ("*.bias", "0.weight"),
            ("*.bias", "0.bias.x"),
            ("a*a", "a"),
            ("*a*b*", "ba"),
            ("*ab*b", "ab"),
            ("0.weight*x", "0.weight"),
            ("2.*.bias", "2.bias"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
