//! A run of the benchmarks: which rows, how far, what came of it.

use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::ops::Deref;
use std::path::Path;
use std::rc::Rc;

use crate::host::Host;
use crate::levels;
use crate::peers::gvisor::Gvisor;
use crate::plan::{Effort, Plan};
use crate::quiet::Quiet;
use crate::record;
use crate::row::Row;

/// What all rows are measured with.
#[derive(Debug)]
pub(crate) struct Means<'a> {
    pub(crate) effort: Effort,
    pub(crate) host: &'a Host,
    /// The command to run instead of the one built here.
    pub(crate) usermem: Option<&'a Path>,
    /// The peer in another language; `None` when this machine lacks it.
    pub(crate) gvisor: Option<Rc<RefCell<Gvisor>>>,
    quiet: Quiet,
    /// Peers that this machine lacks, and why.
    pub(crate) absent: Vec<String>,
}

impl<'a> Means<'a> {
    /// Starts the peers that are programs.
    pub(crate) fn new(effort: Effort, host: &'a Host, usermem: Option<&'a Path>) -> Self {
        let mut absent: Vec<String> = ["proot", "strace"]
            .into_iter()
            .filter(|program| levels::find(program).is_none())
            .map(|program| format!("no {program}: it is not installed"))
            .collect();
        let gvisor = match Gvisor::start(&crate::root()) {
            Ok(gvisor) => Some(Rc::new(RefCell::new(gvisor))),
            Err(reason) => {
                absent.push(reason);
                None
            }
        };
        Self { effort, host, usermem, gvisor, quiet: Quiet::new(), absent }
    }
}

/// What a row is measured with.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    means: &'a Means<'a>,
    level: &'static str,
}

impl<'a> Deref for Setting<'a> {
    type Target = Means<'a>;

    fn deref(&self) -> &Means<'a> {
        self.means
    }
}

/// A run of the benchmarks.
pub(crate) struct Bench<'a> {
    pub(crate) means: Means<'a>,
    names: &'a [String],
    /// Rows that fit; counted before they run, so that progress has an end.
    total: usize,
    is_counting: bool,
    started: usize,
    pub(crate) rows: Vec<Row>,
    /// What the processor was like while each row was measured, at worst.
    looks: Vec<f64>,
    /// The rows that are measured once more, by their place in `rows`.
    again: Option<Vec<usize>>,
    /// Rows that this machine cannot run, and why.
    pub(crate) skipped: Vec<(String, String)>,
    /// Rows whose answer was wrong, and how.
    pub(crate) wrong: Vec<(String, String)>,
}

impl<'a> Bench<'a> {
    /// Runs `levels` with the rows whose name, with its level before it, contains one of `names`.
    pub(crate) fn run(means: Means<'a>, names: &'a [String], levels: fn(&mut Bench<'_>)) -> Self {
        let mut bench = Self {
            means,
            names,
            total: 0,
            is_counting: true,
            started: 0,
            rows: Vec::new(),
            looks: Vec::new(),
            again: None,
            skipped: Vec::new(),
            wrong: Vec::new(),
        };
        levels(&mut bench);
        bench.is_counting = false;
        levels(&mut bench);
        bench.measure_slow_rows_again(levels);
        bench.progress("");
        // It ends here, so that what it used is known to have been our own.
        bench.means.gvisor = None;
        bench
    }

    /// Measures rows once more during which the processor was slower than it turned out to be at its best. Which ones does not
    /// depend on what came of them.
    fn measure_slow_rows_again(&mut self, levels: fn(&mut Bench<'_>)) {
        let is_slow = |at: &usize| self.means.quiet.is_slow(self.looks[*at]);
        let again: Vec<usize> = (0..self.looks.len()).filter(is_slow).collect();
        if !again.is_empty() {
            (self.started, self.total) = (0, again.len());
            self.again = Some(again);
            levels(self);
        }
    }

    /// Measures a row, if it is asked for: `prepare` makes what it needs and gives the plan to [`Setting::measure`].
    ///
    /// Its error is a wrong answer; `Ok(Err(_))` says why this machine cannot run it.
    pub(crate) fn row(
        &mut self,
        level: &'static str,
        name: &str,
        prepare: impl FnOnce(&Setting<'_>, String) -> Result<Result<Row, String>, String>,
    ) {
        let full = format!("{level}: {name}");
        // Before anything runs, and not when the figures of all are to be written.
        assert!(record::is_word(&full), "our own invariant: no row has a comma: {full}");
        if !self.names.is_empty() && !self.names.iter().any(|part| full.contains(part.as_str())) {
            return;
        }
        if self.is_counting {
            self.total += 1;
            return;
        }
        let known = self.rows.iter().position(|row| row.level == level && row.name == name);
        if let Some(again) = &self.again
            && !known.is_some_and(|known| again.contains(&known))
        {
            return;
        }
        self.started += 1;
        self.progress(&full);
        let quiet = &self.means.quiet;
        let measures = !self.means.effort.only_checks();
        let before = if measures { quiet.wait() } else { 0.0 };
        let outcome = prepare(&Setting { means: &self.means, level }, name.to_owned());
        let after = if measures { quiet.look() } else { 0.0 };
        match (outcome, known) {
            (Ok(Ok(row)), Some(known)) => self.rows[known] = row,
            (Ok(Ok(row)), None) => {
                self.rows.push(row);
                self.looks.push(before.max(after));
            }
            (Ok(Err(reason)), _) => self.skipped.push((full, reason)),
            (Err(message), _) => self.wrong.push((full, message)),
        }
    }

    /// Returns the line that says how long the rows waited for a quiet processor; empty when they did not.
    pub(crate) fn waits(&self) -> String {
        let again = self.again.as_ref().map_or(0, Vec::len);
        match (self.means.quiet.waited().as_secs(), again) {
            (0, 0) => String::new(),
            (seconds, again) => format!(
                "neighbours  on the same core: waited {seconds} s for them, measured {again} rows twice\n"
            ),
        }
    }

    /// Returns whether a name fitted no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Shows what is being measured: on one line of a terminal, on lines of their own elsewhere.
    fn progress(&self, row: &str) {
        let mut stderr = stderr().lock();
        // A terminal that is gone is no reason to stop measuring.
        let _ = match (stderr.is_terminal(), row) {
            (true, "") => write!(stderr, "\r\x1b[K"),
            (true, _) => write!(stderr, "\r\x1b[K[{}/{}] {row}", self.started, self.total),
            (false, "") => Ok(()),
            (false, _) => writeln!(stderr, "[{}/{}] {row}", self.started, self.total),
        };
        let _ = stderr.flush();
    }
}

impl Setting<'_> {
    /// Measures a row whose peers may be missing, but which itself can always run.
    ///
    /// # Errors
    ///
    /// When an answer is wrong.
    pub(crate) fn measure(&self, plan: Plan<'_>) -> Result<Result<Row, String>, String> {
        plan.measure(self.level, self.effort).map(Ok)
    }
}
