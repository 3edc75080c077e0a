//! Running chosen tests, of which there must be some.

use std::process::Command;
use std::time::Duration;

use crate::process::{Stream, watch};

/// Runs `cargo test` and returns how many tests passed.
///
/// # Errors
///
/// When one fails, or when there was none: a filter that matches nothing is no success.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<usize, String> {
    let mut passed = 0;
    watch(command, Stream::Stdout, limit, |line| {
        println!("{line}");
        passed += passed_in(line).unwrap_or(0);
    })?;
    if passed == 0 { Err("no test has a name that was asked for".into()) } else { Ok(passed) }
}

/// Returns the N of `test result: ok. N passed; …`.
fn passed_in(line: &str) -> Option<usize> {
    line.strip_prefix("test result: ok. ")?.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, expected: Result<usize, &str>) {
        let result = run(Command::new("/bin/echo").arg(output), Duration::from_secs(9));
        assert_eq!(result.as_ref().map(|count| *count).map_err(|error| error.as_str()), expected);
    }

    #[test]
    fn the_tests_of_all_binaries_count() {
        check("test result: ok. 3 passed; 0 failed;\nx\ntest result: ok. 4 passed; 0", Ok(7));
    }

    #[test]
    fn no_test_is_no_success() {
        check("test result: ok. 0 passed; 0 failed;", Err("no test has a name that was asked for"));
    }
}
