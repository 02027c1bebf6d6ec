//! Runs `tests::fuzzing::teaching` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzzing::teaching(data));
