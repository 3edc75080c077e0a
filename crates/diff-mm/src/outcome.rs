//! What is seen of a step.

use std::fmt;

use crate::window::{PAGE, PAGES, WINDOW, place};

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A result; an error number when negative.
    Value(i64),
    /// The program got a signal.
    Signal {
        /// Its number.
        signal: i32,
        /// Its `si_code`.
        code: i32,
        /// Its `si_addr`.
        addr: u64,
    },
    /// The step means nothing here.
    Skipped,
}

/// Stands for an address outside of the window in an [`Outcome`].
pub(crate) const ELSEWHERE: i64 = i64::MAX;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Value(ELSEWHERE) => f.write_str("somewhere outside of the window"),
            Self::Value(value @ -4095..0) => {
                write!(f, "{}", usermem_types::Errno::from_raw(-(value as i32)))
            }
            Self::Value(value) => match place(value.cast_unsigned()) {
                Some((page, byte)) => write!(f, "p{page}+{byte}"),
                None => write!(f, "{value}"),
            },
            Self::Signal { signal, code, addr } => {
                write!(f, "signal {signal}, code {code}, at ")?;
                match place(addr) {
                    Some((page, byte)) => write!(f, "p{page}+{byte}"),
                    None => write!(f, "{addr:#x}"),
                }
            }
            Self::Skipped => f.write_str("skipped"),
        }
    }
}

/// A mapping, as `/proc/PID/smaps` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The first address.
    pub start: u64,
    /// The address after the last one.
    pub end: u64,
    /// The protections, and `p` or `s`.
    pub perms: String,
    /// The offset into what is mapped.
    pub offset: u64,
    /// The inode number.
    pub inode: u64,
    /// The name.
    pub name: String,
    /// The words of `VmFlags`.
    pub flags: Vec<String>,
}

/// What is seen after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What the step came to.
    pub outcome: Outcome,
    /// Which pages are present, from the first that the step asks about.
    pub present: Vec<bool>,
    /// The mappings of the window.
    pub maps: Vec<Line>,
    /// The processes that end after this step.
    pub endings: Vec<Ending>,
}

/// What a process has when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The mappings of the window.
    pub maps: Vec<Line>,
    /// Which of the mapped pages are present.
    pub present: Vec<bool>,
    /// The first byte of every mapped page, by number of the page.
    pub pages: Vec<(u64, Outcome)>,
}

impl Line {
    /// Returns whether this is zeroed memory of the program alone, at an address.
    pub(crate) fn is_anonymous_at(&self, addr: u64) -> bool {
        (self.start..self.end).contains(&addr) && self.perms.ends_with('p') && self.inode == 0
    }
}

impl Observation {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self { outcome, present: Vec::new(), maps: Vec::new(), endings: Vec::new() }
    }
}

/// Adds what a line of `smaps` says.
pub(crate) fn add_line(maps: &mut Vec<Line>, line: &str) {
    if let Some(flags) = line.strip_prefix("VmFlags:") {
        if let Some(last) = maps.last_mut() {
            last.flags = flags.split_whitespace().map(str::to_owned).collect();
        }
    } else if let Some(line) = parse_header(line) {
        maps.push(line);
    }
}

/// Leaves the mappings that start in the window, up to its end.
pub(crate) fn clip(maps: &mut Vec<Line>) {
    maps.retain(|line| place(line.start).is_some());
    for line in maps {
        line.end = line.end.min(WINDOW + PAGES * PAGE);
    }
}

fn parse_header(line: &str) -> Option<Line> {
    let hex = |word: &str| u64::from_str_radix(word, 16).ok();
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (perms, offset, _device) = (words.next()?, words.next()?, words.next()?);
    Some(Line {
        start: hex(start)?,
        end: hex(end)?,
        perms: perms.to_owned(),
        offset: hex(offset)?,
        inode: words.next()?.parse().ok()?,
        name: words.collect::<Vec<_>>().join(" "),
        flags: Vec::new(),
    })
}
