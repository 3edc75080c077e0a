//! What must not compile, with the compiler's own words beside each case.
//!
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes them anew.

#![forbid(unsafe_code)]

#[test]
fn compile_fail() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
