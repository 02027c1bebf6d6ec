//! Seeded random numbers: each use has its own stream of the seed, so that none affects another.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// The generator of stream number `stream` of a seed.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// Fills `values` uniformly from `-limit..limit`.
pub(crate) fn fill_uniform<'a>(generator: &mut ChaCha8Rng, limit: f32, values: impl Iterator<Item = &'a mut f32>) {
    for value in values {
        *value = (generator.random::<f32>() * 2.0 - 1.0) * limit;
    }
}
