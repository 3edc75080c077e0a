//! Running scripts on both sides, many or one.

use std::collections::BTreeMap;
use std::io;

use crate::compare::{Difference, Verdict, compare};
use crate::host::Host;
use crate::ours;
use crate::script::Script;
use crate::shrink::shrink;
use crate::space::Space;

/// The two sides: the host, and a memory manager over one address space or several.
#[derive(Debug)]
pub struct Campaign {
    host: Host,
    spaces: Vec<Box<dyn Space>>,
    masks: BTreeMap<&'static str, u64>,
}

/// How the comparison ended over each address space, by its name.
pub type Verdicts = Vec<(&'static str, Verdict)>;

/// A script in which the two differ, made small.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The script.
    pub script: Script,
    /// The address space over which they differ.
    pub space: &'static str,
    /// Where and how they differ.
    pub difference: Difference,
}

impl Campaign {
    /// Prepares to compare a memory manager over address spaces such as those of `spaces` with the
    /// host. They are made only where there is something to compare with.
    ///
    /// # Errors
    /// When the host cannot be compared with.
    pub fn new(spaces: impl FnOnce() -> Vec<Box<dyn Space>>) -> io::Result<Self> {
        Ok(Self { host: Host::new()?, spaces: spaces(), masks: BTreeMap::new() })
    }

    /// Returns how often each mask has let a difference pass, and the comparison go on.
    #[must_use]
    pub fn masks(&self) -> &BTreeMap<&'static str, u64> {
        &self.masks
    }

    /// Runs a script on both sides and compares, for each address space.
    ///
    /// # Errors
    /// When one of them could not run it.
    pub fn run(&mut self, script: &Script) -> io::Result<Verdicts> {
        let mut script = script.clone();
        self.host.leave_out_what_it_lacks(&mut script);
        let theirs = self.host.run(&script)?;
        let mut verdicts = Verdicts::new();
        for space in &self.spaces {
            let ours = ours::run(&script, &**space, self.host.memlock())?;
            verdicts.push((space.name(), compare(&script, &ours, &theirs, &mut self.masks)));
        }
        Ok(verdicts)
    }

    /// Runs a script; when it comes to different things over an address space, makes it smaller.
    ///
    /// # Errors
    /// When one of them could not run it.
    pub fn check(&mut self, mut script: Script) -> io::Result<Result<Verdicts, Finding>> {
        self.host.leave_out_what_it_lacks(&mut script);
        let verdicts = self.run(&script)?;
        let different = verdicts.iter().find_map(|(space, verdict)| match verdict {
            Verdict::Different(difference) => Some((*space, difference.clone())),
            _ => None,
        });
        let Some((space, difference)) = different else { return Ok(Ok(verdicts)) };
        let mut finding = Finding { script: script.clone(), space, difference };
        let script = shrink(script, |candidate| {
            let verdicts = self.run(candidate).ok()?;
            let (_, verdict) = verdicts.into_iter().find(|(name, _)| *name == space)?;
            let Verdict::Different(difference) = verdict else { return None };
            let step = difference.step;
            finding = Finding { script: candidate.clone(), space, difference };
            Some(step)
        });
        Ok(Err(Finding { script, ..finding }))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { step, what } = &self.difference;
        writeln!(f, "{}step {} differs over {}:\n{what}", self.script, step + 1, self.space)?;
        f.write_str("To keep it: write the script to crates/mm/tests/regressions/NAME.script\n")
    }
}
