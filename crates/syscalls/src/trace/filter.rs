//! Which system calls are shown.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{ArgKind, Entry, Table};

/// Which system calls `--trace` shows.
///
/// Written as names and classes, separated by commas: `openat,read,%memory`. The classes are
/// `%file` (a path is among the arguments), `%desc` (a descriptor is), `%memory`, `%signal`,
/// `%clock`, `%ipc`, `%process` and `all`; a `!` before all of it shows the others.
///
/// ```
/// use syscalls::TraceFilter;
/// let filter: TraceFilter = "!%memory,read".parse().unwrap();
/// assert!(filter.shows("openat"));
/// assert!(!filter.shows("mmap"));
/// assert_eq!("openatt".parse::<TraceFilter>().unwrap_err().word(), "openatt");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    names: BTreeSet<&'static str>,
    /// The names are those that are not shown.
    negated: bool,
}

/// No system call and no class has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord(String);

impl UnknownWord {
    /// Returns the word.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = &self.0;
        write!(f, "`{word}` is neither a system call that is implemented nor a class (")?;
        for (index, (class, _)) in CLASSES.iter().enumerate() {
            write!(f, "{}%{class}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for UnknownWord {}

/// Says whether a call is in a class.
type Class = fn(&Entry) -> bool;

const CLASSES: &[(&str, Class)] = &[
    ("file", |entry| has(entry, &[ArgKind::Path])),
    ("desc", |entry| {
        has(entry, &[ArgKind::Fd, ArgKind::DirFd, ArgKind::FdPairOut, ArgKind::PollFds])
            || matches!(entry.name, "select" | "pselect6")
    }),
    ("memory", |entry| {
        has(entry, &[ArgKind::Prot, ArgKind::MapFlags, ArgKind::RemapFlags, ArgKind::Advice])
            || matches!(entry.name, "brk" | "munmap" | "msync" | "mincore" | "shmat" | "shmdt")
            || entry.name.starts_with("mlock")
            || entry.name.starts_with("munlock")
    }),
    ("signal", |entry| {
        has(entry, &[ArgKind::Signal, ArgKind::SigHow])
            || entry.name.starts_with("rt_sig")
            || matches!(entry.name, "sigaltstack" | "pause")
    }),
    ("clock", |entry| {
        has(entry, &[ArgKind::Clock]) || matches!(entry.name, "gettimeofday" | "time")
    }),
    ("ipc", |entry| entry.name.starts_with("shm")),
    ("process", |entry| {
        let name = entry.name;
        ["exit", "clone", "exec", "wait"].iter().any(|start| name.starts_with(start))
            || matches!(name, "fork" | "vfork" | "kill" | "tkill" | "tgkill")
    }),
    ("all", |_| true),
];

fn has(entry: &Entry, kinds: &[ArgKind]) -> bool {
    entry.args.iter().any(|kind| kinds.contains(kind))
}

impl TraceFilter {
    /// Shows every call.
    #[must_use]
    pub fn all() -> Self {
        Self { names: BTreeSet::new(), negated: true }
    }

    /// Returns whether a call is shown.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        self.names.contains(name) != self.negated
    }

    /// Returns whether calls that are not implemented are shown.
    pub(super) fn shows_unknown(&self) -> bool {
        self.negated
    }
}

impl FromStr for TraceFilter {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let (negated, words) = match text.strip_prefix('!') {
            Some(words) => (true, words),
            None => (false, text),
        };
        if matches!((negated, words), (false, "all" | "%all")) {
            return Ok(Self::all());
        }
        let table = Table::new();
        let mut names = BTreeSet::new();
        for word in words.split(',').filter(|word| !word.is_empty()) {
            let class = word.strip_prefix('%').or((word == "all").then_some(word));
            let class = class.map(|class| CLASSES.iter().find(|(name, _)| *name == class));
            let before = names.len();
            match class {
                Some(None) => return Err(UnknownWord(word.to_owned())),
                Some(Some((_, class))) => {
                    names.extend(table.iter().filter(|entry| class(entry)).map(|entry| entry.name));
                }
                None => {
                    let found = table.iter().find(|entry| entry.name == word);
                    names.extend(found.map(|entry| entry.name));
                    if names.len() == before && !names.contains(word) {
                        return Err(UnknownWord(word.to_owned()));
                    }
                }
            }
        }
        Ok(Self { names, negated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &[&str], hidden: &[&str]) {
        let filter: TraceFilter = text.parse().unwrap();
        for name in shown {
            assert!(filter.shows(name), "{text} shows {name}");
        }
        for name in hidden {
            assert!(!filter.shows(name), "{text} hides {name}");
        }
    }

    #[test]
    fn names_and_classes() {
        check("openat", &["openat"], &["read", "close"]);
        check("read,read,%file", &["read", "openat", "newfstatat"], &["mmap", "write"]);
        check("%memory", &["mmap", "munmap", "brk", "mlock2", "madvise", "shmat"], &["read"]);
        check("%ipc", &["shmget", "shmat", "shmctl"], &["mmap", "kill"]);
        check("%desc", &["read", "openat", "pselect6", "ppoll"], &["brk"]);
        check("%signal", &["kill", "rt_sigreturn", "sigaltstack"], &["read"]);
        check("!%memory,read", &["openat", "write"], &["mmap", "read"]);
        check("all", &["mmap", "openat"], &[]);
        check("!all", &[], &["mmap", "openat"]);
        check("", &[], &["mmap"]);
    }

    #[test]
    fn unknown_calls_are_shown_unless_others_are_named() {
        assert!("all".parse::<TraceFilter>().unwrap().shows_unknown());
        assert!("!read".parse::<TraceFilter>().unwrap().shows_unknown());
        assert!(!"read".parse::<TraceFilter>().unwrap().shows_unknown());
    }

    #[test]
    fn the_unknown_word_is_named() {
        for (text, word) in [("read,nosuch", "nosuch"), ("%nosuch", "%nosuch"), ("!x", "x")] {
            assert_eq!(text.parse::<TraceFilter>().unwrap_err().word(), word);
        }
        let error = "%net".parse::<TraceFilter>().unwrap_err().to_string();
        assert!(error.starts_with("`%net` is neither"), "{error}");
    }
}
