//! Sizes on the command line.

/// Parses a number of bytes with an optional suffix K, M, G or T, powers of 1024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let suffix = text.get(digits.len()..).unwrap_or_default();
    let shift = match suffix.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(format!("unknown suffix {suffix:?}; use K, M, G or T")),
    };
    let number: u64 =
        digits.parse().map_err(|_| "a number of bytes such as 64M is wanted".to_owned())?;
    number
        .checked_shl(shift)
        .filter(|bytes| bytes >> shift == number)
        .ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn suffixes_are_powers_of_1024() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64M"), Ok(64 << 20));
        assert_eq!(parse("1g"), Ok(1 << 30));
        assert_eq!(parse("2KiB"), Ok(2 << 10));
    }

    #[test]
    fn nonsense_says_what_is_wanted() {
        assert_eq!(parse("M"), Err("a number of bytes such as 64M is wanted".to_owned()));
        assert_eq!(parse("12X"), Err("unknown suffix \"X\"; use K, M, G or T".to_owned()));
        assert_eq!(parse("99999999T"), Err("too large".to_owned()));
    }
}
