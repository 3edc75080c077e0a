//! The rows.

mod guests;
mod programs;
mod resident;

use crate::Options;
use crate::figures::Figures;
use crate::fixture::Fixture;
use crate::report::{HEAD, Row, Target, Unit};
use crate::runner::{Runner, find};

/// What a row needs to run.
pub(crate) struct Setting<'a> {
    pub(crate) fixture: &'a Fixture,
    /// Small sizes: only the answers matter.
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    proot: Option<Runner>,
}

/// A row's name and how it is measured; `None` when the host lacks what it runs.
type Bench = (&'static str, fn(&Setting<'_>) -> Result<Option<Row>, String>);

const ROWS: &[Bench] = &[
    ("null system call", guests::null_call),
    ("touch fresh memory, per page", guests::touch),
    ("python3 -c pass", programs::python),
    ("sha256sum of a file", programs::sha256sum),
    ("cat of a file to /dev/null", programs::cat),
    ("our resident memory", resident::of_a_large_program),
    ("our resident memory, many mappings", resident::of_python),
];

/// Runs the rows that `options` ask for and prints the table.
///
/// # Errors
///
/// When nothing builds, a name fits no row, or an answer is wrong: then after all other rows have run.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let fits = |name: &str| {
        options.rows.is_empty() || options.rows.iter().any(|part| name.contains(part.as_str()))
    };
    let chosen: Vec<&Bench> = ROWS.iter().filter(|(name, _)| fits(name)).collect();
    if chosen.is_empty() {
        return Err(format!("no row is called {}", options.rows.join(" or ")));
    }
    let fixture = Fixture::new(options.usermem.as_deref())?;
    let proot = find("proot").map(Runner::Proot);
    if proot.is_none() {
        println!("proot is not installed: nothing is compared with it");
    }
    let rounds = if options.quick { 1 } else { options.rounds.max(1) };
    let setting = Setting { fixture: &fixture, quick: options.quick, rounds, proot };
    if !options.quick {
        println!("{HEAD}");
    }
    let mut wrong = Vec::new();
    for (name, bench) in chosen {
        match bench(&setting) {
            // One round of small sizes measures nothing; only that the answer was right counts.
            Ok(Some(row)) if options.quick => println!("ok      {}", row.name),
            Ok(Some(row)) => println!("{row}"),
            Ok(None) => println!("SKIPPED {name}: the program is not installed"),
            Err(message) => {
                println!("WRONG   {name}: {message}");
                wrong.push(*name);
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("wrong answers: {}", wrong.join("; "))) }
}

impl Setting<'_> {
    /// Returns `full`, or `quick` when only answers matter.
    fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Measures `once` for every runner in interleaved rounds, after a round that does not count.
    fn compare(
        &self,
        name: String,
        targets: &'static [Target],
        once: impl Fn(&Runner) -> Result<f64, String>,
    ) -> Result<Row, String> {
        let with_proot = targets.iter().any(|target| matches!(target, Target::OfProot(_)));
        let mut runners = vec![Runner::Native, Runner::Usermem(self.fixture.usermem().to_owned())];
        runners.extend(self.proot.clone().filter(|_| with_proot));
        let mut figures = vec![Figures::default(); runners.len()];
        for round in 0..=self.rounds {
            for (runner, figures) in runners.iter().zip(&mut figures) {
                let figure = once(runner)?;
                if round > 0 {
                    figures.push(figure);
                }
            }
        }
        let mut figures = figures.into_iter();
        let native = figures.next();
        let ours = figures.next().expect("our own invariant: we are the second runner");
        Ok(Row { name, unit: Unit::Time, native, ours, proot: figures.next(), targets })
    }
}
