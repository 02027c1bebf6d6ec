//! Numbers formatted for people.

/// A share in percent, as in `98.71 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A probability to a tenth of a percent; what rounds to certainty needs no decimals.
#[must_use]
pub fn short_percent(probability: f32) -> String {
    let percent = format!("{:.1}%", 100.0 * probability);
    if percent == "100.0%" {
        "100%".to_owned()
    } else {
        percent
    }
}

/// The same; a dash where it is undefined.
#[must_use]
pub fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), percent)
}

/// A whole number with its thousands set apart, as in `60,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (60_000, "60,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(
            (percent(0.98711).as_str(), percent(1.0).as_str()),
            ("98.71 %", "100.00 %")
        );
    }
}
