//! What the tests share: comparisons that can fail, naive twins, gradient checks. The tests themselves are in
//! `tests/`.
//!
//! A test is worth what its oracle is worth, so everything here is itself tested first: each comparison and each
//! check has to find what was deliberately made wrong.

pub mod close;
pub mod data;
pub mod gradcheck;
pub mod naive;
pub mod parts;
pub mod threads;

/// The library's example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
