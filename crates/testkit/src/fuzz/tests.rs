use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const FIXED: &[&[u8]] = &[
    b"",
    b"\0",
    &[0; 100],
    &[1; 100],
    &[0xff; 300],
    b"\x08\x00\x00\x05\x03\x0f\x01\x0f\x02ranges, then operations",
    b"\x00\x40\x20\x01\x01\x0123 45 678\n-1",
];

/// Tries the fixed inputs and some thousands of random ones (fewer under emulation, which says so
/// in `PROPTEST_CASES`).
#[track_caller]
fn check(oracle: fn(&[u8])) {
    FIXED.iter().copied().for_each(oracle);
    let counting: Vec<u8> = (0..=255).cycle().skip(7).take(700).collect();
    oracle(&counting);
    let default = Config::default();
    let config = Config { cases: default.cases * 12, failure_persistence: None, ..default };
    TestRunner::new(config)
        .run(&vec(any::<u8>(), 0..500), |data| {
            oracle(&data);
            Ok(())
        })
        .unwrap();
}

#[test]
fn addr_range_seq_agrees_with_the_model() {
    check(addr_range_seq);
}

#[test]
fn block_seq_agrees_with_a_list_of_bytes() {
    check(block_seq);
}

#[test]
fn strings_agree_with_single_bytes() {
    check(strings);
}

#[test]
fn int_strings_agree_with_a_parser_of_words() {
    check(int_strings);
}

#[test]
fn scripts_agree_with_the_model() {
    check(io_script);
}
