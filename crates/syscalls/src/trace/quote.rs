//! Strings as strace shows them.

/// How much of a buffer is shown.
pub(super) const SHOWN: usize = 32;

/// Returns bytes in quotes, with C escapes: `"a\n\0"`.
pub(super) fn quote(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            b' '..=b'~' => text.push(char::from(*byte)),
            // As few octal digits as are unambiguous.
            _ if bytes.get(index + 1).is_some_and(u8::is_ascii_digit) => {
                text.push_str(&format!("\\{byte:03o}"));
            }
            _ => text.push_str(&format!("\\{byte:o}")),
        }
    }
    text.push('"');
    text
}

/// Returns the first [`SHOWN`] bytes of a buffer of `len` bytes in quotes, with dots when there
/// are more. `bytes` is what could be read of them.
pub(super) fn quote_cut(bytes: &[u8], len: u64) -> String {
    let mut text = quote(bytes.get(..SHOWN).unwrap_or(bytes));
    if len > SHOWN as u64 {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_c() {
        assert_eq!(quote(b"root:x:0\n"), r#""root:x:0\n""#);
        assert_eq!(quote(b"\x7fELF\x02\x01\x01\0"), r#""\177ELF\2\1\1\0""#);
        assert_eq!(quote(b"\"\\\t\x0b\x0c\r\x1b\xff"), r#""\"\\\t\v\f\r\33\377""#);
        assert_eq!(quote(b""), r#""""#);
    }

    #[test]
    fn an_octal_escape_before_a_digit_is_padded() {
        assert_eq!(quote(b"\x001"), r#""\0001""#);
        assert_eq!(quote(b"\x1b9"), r#""\0339""#);
        assert_eq!(quote(b"\x01x"), r#""\1x""#);
    }

    #[test]
    fn long_buffers_are_cut() {
        assert_eq!(quote_cut(&[b'a'; 32], 32), format!("\"{}\"", "a".repeat(32)));
        assert_eq!(quote_cut(&[b'a'; 33], 33), format!("\"{}\"...", "a".repeat(32)));
        assert_eq!(quote_cut(b"ab", 1 << 40), r#""ab"..."#);
    }
}
