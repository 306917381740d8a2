#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| loom_studio_core::fuzzing::envelope(input));
