//! Shared test tools: comparisons that can fail, naive reference implementations, gradient checks. The tests themselves
//! are in `tests/`.
//!
//! A test is only as good as its oracle, so these tools have tests of their own: each comparison and each check must find
//! a deliberate mistake.

pub mod close;
pub mod data;
#[cfg(not(target_family = "wasm"))]
pub mod fuzzing;
pub mod golden;
pub mod gradcheck;
pub mod naive;
pub mod parts;
pub mod random;
pub mod threads;

/// The library's example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
