//! Scripts that name their interpreter: `#!`.

/// How many bytes of the first line Linux looks at.
const LINE_MAX: usize = 255;

/// The first line of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shebang {
    /// The path of the interpreter.
    pub(crate) interpreter: Vec<u8>,
    /// What follows it on the line, as one argument.
    pub(crate) argument: Option<Vec<u8>>,
}

/// Parses the first line of a file; `None` when the file is no script, or its line names no
/// interpreter or cuts its name off.
pub(crate) fn parse(head: &[u8]) -> Option<Shebang> {
    let rest = head.strip_prefix(b"#!")?;
    let rest = rest.get(..rest.len().min(LINE_MAX - 2))?;
    let newline = rest.iter().position(|byte| *byte == b'\n');
    let line = trim(rest.get(..newline.unwrap_or(rest.len()))?);
    let end = line.iter().position(|byte| is_blank(*byte) || *byte == 0);
    if end.is_none() && newline.is_none() && head.len() > LINE_MAX {
        return None;
    }
    let (interpreter, argument) = line.split_at(end.unwrap_or(line.len()));
    if interpreter.is_empty() {
        return None;
    }
    let argument = trim(argument);
    let argument = argument.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Shebang {
        interpreter: interpreter.to_vec(),
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let Some((first, rest)) = line.split_first().filter(|(first, _)| is_blank(**first)) {
        let _ = first;
        line = rest;
    }
    while let Some((last, rest)) = line.split_last().filter(|(last, _)| is_blank(**last)) {
        let _ = last;
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], expected: Option<(&str, Option<&str>)>) {
        let expected = expected.map(|(interpreter, argument)| Shebang {
            interpreter: interpreter.into(),
            argument: argument.map(Into::into),
        });
        assert_eq!(parse(head), expected);
    }

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        check(b"#!/bin/sh\n", Some(("/bin/sh", None)));
        check(b"#! \t/bin/sh  -e -u \t\nexit", Some(("/bin/sh", Some("-e -u"))));
        check(b"#!/bin/sh", Some(("/bin/sh", None)));
    }

    #[test]
    fn lines_without_an_interpreter_are_no_scripts() {
        check(b"", None);
        check(b"#", None);
        check(b"#!", None);
        check(b"#! \t \n/bin/sh", None);
        check(b"\x7fELF", None);
    }

    #[test]
    fn a_name_that_is_cut_off_is_refused() {
        let mut long = b"#!/".to_vec();
        long.resize(300, b'x');
        check(&long, None);
    }
}
