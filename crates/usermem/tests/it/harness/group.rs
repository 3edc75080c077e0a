//! Names the programs that were compared and those that were skipped.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::Case;

/// A group of programs, one test each.
#[derive(Debug)]
pub(crate) struct Group {
    name: &'static str,
    tests: usize,
    done: Mutex<Done>,
}

#[derive(Debug)]
struct Done {
    compared: Vec<&'static str>,
    skipped: Vec<&'static str>,
}

impl Group {
    /// Returns a group of `tests` tests.
    pub(crate) const fn new(name: &'static str, tests: usize) -> Self {
        let done = Done { compared: Vec::new(), skipped: Vec::new() };
        Self { name, tests, done: Mutex::new(done) }
    }

    /// Compares one case, or skips it by name when its program is not installed.
    ///
    /// # Panics
    ///
    /// Panics when the outcomes differ.
    #[track_caller]
    pub(crate) fn check(&self, name: &'static str, case: &Case) {
        let installed = case.program().exists();
        if installed {
            case.check(name);
        } else {
            say(&format!("SKIPPED {name}: {} is not installed", case.program().display()));
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if installed {
            done.compared.push(name);
        } else {
            done.skipped.push(name);
        }
        if done.compared.len() + done.skipped.len() == self.tests {
            say(&self.summary(&done));
        }
    }

    fn summary(&self, done: &Done) -> String {
        let list = |names: &[&str]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        format!(
            "{}: {} compared with native: {}; {} skipped: {}",
            self.name,
            done.compared.len(),
            list(&done.compared),
            done.skipped.len(),
            list(&done.skipped)
        )
    }
}

/// Writes past the test runner's capture: a skip must be seen in a run that passes.
pub(crate) fn say(line: &str) {
    drop(std::io::stderr().write_all(format!("{line}\n").as_bytes()));
}

/// Makes one test per program, with the program's name in the test's, and the [`Group`] that they report to.
///
/// A macro, because a `#[test]` is an item and only a macro makes items from a table; without it every program
/// would be written down twice, in its test and in the count that tells when the group is complete.
macro_rules! programs {
    ($group:literal: $($name:ident => $case:expr,)+) => {
        static GROUP: $crate::harness::Group =
            $crate::harness::Group::new($group, [$(stringify!($name)),+].len());
        $(
            #[test]
            fn $name() {
                GROUP.check(stringify!($name), &$case);
            }
        )+
    };
}
pub(crate) use programs;
