//! Says where two outputs part.

/// Returns where `ours` first differs from `native`, a few lines from there on, or `None` when they are equal.
pub(crate) fn first_difference(native: &[u8], ours: &[u8]) -> Option<String> {
    if native == ours {
        return None;
    }
    let expected: Vec<&[u8]> = native.split(|&b| b == b'\n').collect();
    let got: Vec<&[u8]> = ours.split(|&b| b == b'\n').collect();
    let mut text = format!("native wrote {} bytes, ours {}\n", native.len(), ours.len());
    let mut shown = 0;
    for number in 0..expected.len().max(got.len()) {
        let (native, ours) = (expected.get(number), got.get(number));
        if native != ours {
            text += &format!(
                "line {}\n  native: {}\n  ours:   {}\n",
                number + 1,
                show(native),
                show(ours)
            );
            shown += 1;
        }
        if shown == MOST_LINES {
            text += "…\n";
            break;
        }
    }
    Some(text)
}

/// How many differing lines are shown.
const MOST_LINES: usize = 12;

fn show(line: Option<&&[u8]>) -> String {
    match line {
        None => "(nothing)".to_owned(),
        Some(line) => String::from_utf8_lossy(line.get(..300).unwrap_or(line)).into_owned(),
    }
}
