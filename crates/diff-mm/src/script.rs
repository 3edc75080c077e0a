//! Scripts and their text.

use std::fmt;
use std::str::FromStr;

use crate::op::{Arg, MAX_ARGS, Op};
use crate::window::{PAGE, PAGES, WINDOW, place};
use crate::words;

/// One step: an operation and its arguments, as raw as a program passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// As many as the operation has; zero from there on.
    pub args: [u64; MAX_ARGS],
}

/// A sequence of steps; one a line as text, where empty lines and those that start with `#` are
/// passed over.
///
/// ```
/// use diff_mm::Script;
/// let text = "mmap p3 2p rw private|fixed|anonymous anon 0p\nstore p3+1 7\n";
/// let script: Script = text.parse().unwrap();
/// assert_eq!(script.to_string(), text);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(pub Vec<Step>);

/// A word that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    word: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {:?} is not understood", self.line, self.word)
    }
}

impl std::error::Error for ParseError {}

impl Step {
    /// Creates a step.
    #[must_use]
    pub fn new(op: Op, args: &[u64]) -> Self {
        let mut all = [0; MAX_ARGS];
        all[..args.len()].copy_from_slice(args);
        Self { op, args: all }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let steps = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let parse = |(number, line)| {
            parse_step(line).map_err(|word| ParseError { line: number, word: word.to_owned() })
        };
        steps.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        for (arg, value) in self.op.args().iter().zip(self.args) {
            f.write_str(" ")?;
            write_arg(f, *arg, value)?;
        }
        Ok(())
    }
}

fn write_arg(f: &mut fmt::Formatter<'_>, arg: Arg, value: u64) -> fmt::Result {
    match arg {
        Arg::Addr => match place(value) {
            Some((page, 0)) => write!(f, "p{page}"),
            Some((page, byte)) => write!(f, "p{page}+{byte}"),
            None => write!(f, "{value:#x}"),
        },
        Arg::Len if value < PAGES * PAGE => match (value / PAGE, value % PAGE) {
            (pages, 0) => write!(f, "{pages}p"),
            (0, bytes) => write!(f, "{bytes}"),
            (pages, bytes) => write!(f, "{pages}p+{bytes}"),
        },
        Arg::Len => write!(f, "{value:#x}"),
        Arg::Byte => write!(f, "{value}"),
        Arg::Prot => write_bits(f, words::PROT, value),
        Arg::Bits(words) => write_bits(f, words, value),
        Arg::File => write_number(f, words::FILES, value),
        Arg::Number(words) => write_number(f, words, value),
    }
}

fn write_bits(f: &mut fmt::Formatter<'_>, words: &[(&str, u64)], value: u64) -> fmt::Result {
    let mut rest = value;
    let mut separator = "";
    for (name, bits) in words {
        if rest & bits == *bits {
            write!(f, "{separator}{name}")?;
            rest &= !bits;
            separator = "|";
        }
    }
    if rest != 0 || value == 0 { write!(f, "{separator}{rest:#x}") } else { Ok(()) }
}

fn write_number(f: &mut fmt::Formatter<'_>, words: &[(&str, u64)], value: u64) -> fmt::Result {
    match words.iter().find(|(_, number)| *number == value) {
        Some((name, _)) => f.write_str(name),
        None => write!(f, "{value:#x}"),
    }
}

fn parse_step(line: &str) -> Result<Step, &str> {
    let mut line_words = line.split_whitespace();
    let name = line_words.next().unwrap_or_default();
    let op = *Op::ALL.iter().find(|op| op.name() == name).ok_or(name)?;
    let mut args = [0; MAX_ARGS];
    for (value, arg) in args.iter_mut().zip(op.args()) {
        let word = line_words.next().ok_or(line)?;
        *value = parse_arg(*arg, word).ok_or(word)?;
    }
    line_words.next().map_or(Ok(Step { op, args }), Err)
}

fn parse_arg(arg: Arg, word: &str) -> Option<u64> {
    match arg {
        Arg::Addr => match word.strip_prefix('p') {
            Some(place) => {
                let (page, byte) = place.split_once('+').unwrap_or((place, "0"));
                Some(WINDOW + number(page)? * PAGE + number(byte)?)
            }
            None => number(word),
        },
        Arg::Len => match word.split_once('p') {
            Some((pages, bytes)) => {
                let bytes = bytes.strip_prefix('+').unwrap_or("0");
                Some(number(pages)? * PAGE + number(bytes)?)
            }
            None => number(word),
        },
        Arg::Byte => number(word).filter(|byte| *byte < 256),
        Arg::Prot => parse_bits(words::PROT, word),
        Arg::Bits(words) => parse_bits(words, word),
        Arg::File => named(words::FILES, word),
        Arg::Number(words) => named(words, word),
    }
}

fn parse_bits(words: &[(&str, u64)], word: &str) -> Option<u64> {
    word.split('|').try_fold(0, |bits, word| Some(bits | named(words, word)?))
}

fn named(words: &[(&str, u64)], word: &str) -> Option<u64> {
    let known = words.iter().find(|(name, _)| *name == word);
    known.map_or_else(|| number(word), |(_, value)| Some(*value))
}

fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}
