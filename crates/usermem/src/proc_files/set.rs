//! Sets of processors and nodes, as `/proc` writes them.

use std::fmt::Write;

/// Returns a set of numbers below `count` as a mask: words of 32 bits in hexadecimal, the highest
/// first and no wider than it must be.
pub(super) fn mask(count: usize, contains: impl Fn(usize) -> bool) -> String {
    let mut text = String::new();
    for word in (0..count.div_ceil(32)).rev() {
        let bits = (count - word * 32).min(32);
        let value =
            (0..bits).fold(0u32, |value, bit| value | u32::from(contains(word * 32 + bit)) << bit);
        let separator = if text.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{value:0width$x}", width = bits.div_ceil(4));
    }
    text
}

/// Returns a set of numbers below `count` as a list of ranges.
pub(super) fn list(count: usize, contains: impl Fn(usize) -> bool) -> String {
    let mut text = String::new();
    let mut next = 0;
    while let Some(first) = (next..count).find(|number| contains(*number)) {
        next = (first..count).find(|number| !contains(*number)).unwrap_or(count);
        let separator = if text.is_empty() { "" } else { "," };
        let _ = match next - 1 {
            last if last == first => write!(text, "{separator}{first}"),
            last => write!(text, "{separator}{first}-{last}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, numbers: &[usize], expected: (&str, &str)) {
        let contains = |number: usize| numbers.contains(&number);
        assert_eq!((mask(count, contains).as_str(), list(count, contains).as_str()), expected);
    }

    #[test]
    fn masks_and_lists() {
        check(1, &[0], ("1", "0"));
        check(2, &[0, 1], ("3", "0-1"));
        check(5, &[1, 2, 4], ("16", "1-2,4"));
        check(32, &[31], ("80000000", "31"));
        check(33, &[0, 32], ("1,00000001", "0,32"));
        check(64, &[], ("00000000,00000000", ""));
        check(70, &[0, 1, 2, 69], ("20,00000000,00000007", "0-2,69"));
    }
}
