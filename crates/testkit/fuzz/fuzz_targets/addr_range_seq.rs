#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::addr_range_seq(data));
