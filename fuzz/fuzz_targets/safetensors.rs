//! Runs `tests::fuzzing::safetensors` on any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzzing::safetensors(data));
