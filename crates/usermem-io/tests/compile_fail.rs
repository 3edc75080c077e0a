//! What must not compile, with the compiler's own words beside each case.
//!
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes them anew.

#![forbid(unsafe_code)]

#[test]
fn pitfall_19_compile_fail_of_types_that_not_all_bytes_are() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
