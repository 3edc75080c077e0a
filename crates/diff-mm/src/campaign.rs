//! Running scripts on both sides, many or one.

use std::io;

use crate::compare::{Difference, Verdict, compare};
use crate::host::Host;
use crate::ours;
use crate::script::Script;
use crate::shrink::shrink;
use crate::space::Space;

/// The two sides.
#[derive(Debug)]
pub struct Campaign {
    host: Host,
    space: Box<dyn Space>,
}

/// A script in which the two differ, made small.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The script.
    pub script: Script,
    /// Where and how they differ.
    pub difference: Difference,
}

impl Campaign {
    /// Prepares to compare a memory manager over address spaces such as `space` with the host.
    ///
    /// # Errors
    /// When the host cannot be compared with.
    pub fn new(space: Box<dyn Space>) -> io::Result<Self> {
        Ok(Self { host: Host::new()?, space })
    }

    /// Runs a script on both sides and compares.
    ///
    /// # Errors
    /// When one of them could not run it.
    pub fn run(&mut self, script: &Script) -> io::Result<Verdict> {
        let mut script = script.clone();
        self.host.leave_out_what_it_lacks(&mut script);
        let theirs = self.host.run(&script)?;
        let ours = ours::run(&script, &*self.space, self.host.memlock())?;
        Ok(compare(&script, &ours, &theirs))
    }

    /// Runs a script, and makes it smaller when the two differ.
    ///
    /// # Errors
    /// When one of them could not run it.
    pub fn check(&mut self, mut script: Script) -> io::Result<Result<Verdict, Finding>> {
        self.host.leave_out_what_it_lacks(&mut script);
        let verdict = self.run(&script)?;
        let Verdict::Different(difference) = verdict else { return Ok(Ok(verdict)) };
        let mut finding = Finding { script: script.clone(), difference };
        let script = shrink(script, |candidate| match self.run(candidate) {
            Ok(Verdict::Different(difference)) => {
                let step = difference.step;
                finding = Finding { script: candidate.clone(), difference };
                Some(step)
            }
            _ => None,
        });
        Ok(Err(Finding { script, ..finding }))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { step, what } = &self.difference;
        write!(f, "{}step {} differs:\n{what}\n", self.script, step + 1)?;
        f.write_str("To keep it: write the script to crates/mm/tests/regressions/NAME.script\n")
    }
}
