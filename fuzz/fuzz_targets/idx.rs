//! Runs `tests::fuzzing::idx` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzzing::idx(data));
