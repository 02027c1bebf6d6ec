//! The built-in weights files, which the build script stores as byte planes.

/// The weights file of the digits, made by `digit-pad train --preset best --seed 1 --out digit-pad/models/best.safetensors`.
pub(super) fn digits() -> Vec<u8> {
    joined(include_bytes!(concat!(env!("OUT_DIR"), "/best.planes")))
}

/// The weights file of the signs of arithmetic, made by `cargo run --release -p digit-pad --example train_signs`.
pub(super) fn signs() -> Vec<u8> {
    joined(include_bytes!(concat!(env!("OUT_DIR"), "/signs.planes")))
}

/// The bytes of a file from its four planes, of which the first ones have the odd bytes at its end.
fn joined(planes: &[u8]) -> Vec<u8> {
    let mut rest = planes;
    let split = |i: usize| rest.split_off(..(planes.len() + 3 - i) / 4).unwrap_or_default();
    let [first, second, third, fourth] = [0, 1, 2, 3].map(split);
    let mut bytes = Vec::with_capacity(planes.len());
    for (((&a, &b), &c), &d) in first.iter().zip(second).zip(third).zip(fourth) {
        bytes.extend([a, b, c, d]);
    }
    bytes.extend(
        [first, second, third]
            .into_iter()
            .filter_map(|plane| plane.get(fourth.len())),
    );
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_files_are_those_of_the_repository() {
        let read = |name: &str| fs::read(format!("{}/models/{name}.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(digits() == read("best") && signs() == read("signs"));
    }

    #[test]
    fn planes_of_any_length_are_joined() {
        for length in 0..10 {
            let bytes: Vec<u8> = (0..length).collect();
            let planes: Vec<u8> = (0..4).flat_map(|i| bytes.iter().skip(i).step_by(4)).copied().collect();
            assert_eq!(joined(&planes), bytes);
        }
    }
}
